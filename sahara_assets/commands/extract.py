"""`sahara extract`: ask the databases for what is new."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Click's annotations are read by people

import click

from sahara_assets import console, printing
from sahara_assets.commands.options import common_options, json_option, settings_of
from sahara_assets.errors import SaharaError
from sahara_assets.wording import counted


@click.command(short_help="Ask the databases for what is new.")
@click.argument("names", nargs=-1)
@click.option("--full", is_flag=True, help="Begin at the start instead of the last watermark.")
@json_option
@common_options
def extract(names: tuple[str, ...], full: bool, as_json: bool, config: Path | None) -> None:
    """Ask the databases of [extracts] (or those named) for what is new, and leave it as files for `sahara run`. Exits 2 where one failed."""
    from sahara_assets.running import extract_now

    settings = settings_of(config)
    with console.progress(quiet=as_json) as progress:
        found = extract_now(settings, names=names, anew=full, progress=progress)
    if as_json:
        console.as_json(found)
    else:
        for each in found:
            console.say(printing.told_extract(each))
    failed = [each for each in found if each.error]
    if failed:
        raise SaharaError(f"{counted(len(failed), 'extract')} failed; the next run tries again")
    if not found and not as_json:
        console.say("no database is declared; add [extracts.NAME] to sahara.toml")
