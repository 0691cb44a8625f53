"""`sahara init`: a first `sahara.toml`, from a stranger's files or from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sahara_assets import console
from sahara_assets.commands.options import USAGE_EXIT, FileOrAddress, common_options, json_option
from sahara_assets.errors import SaharaError
from sahara_assets.recipes.recipe import recipe, recipe_names
from sahara_assets.wording import counted

CONFIG_NAME = "sahara.toml"


@click.command(short_help="Propose a sahara.toml from your files, or take a recipe.")
@click.argument("files", nargs=-1, required=True, type=FileOrAddress())
@click.option(
    "--recipe",
    "recipe_name",
    metavar="NAME",
    help=f"Take ready-made settings for the folder instead of looking at it: {', '.join(recipe_names())}.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(CONFIG_NAME), show_default=True, help="Where to write."
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@json_option
@common_options
def init(
    files: tuple[Path | str, ...],
    recipe_name: str | None,
    out: Path,
    force: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Look at CSV, JSON or Parquet files (or a folder of them, here or at s3://BUCKET/PREFIX or gs://BUCKET/PREFIX) and write a sahara.toml."""
    from sahara_assets.report.writing import write_whole

    out = config or out
    if out.exists() and not force:
        raise SaharaError(f"{out}: exists already; --force overwrites it, --out writes elsewhere")
    if recipe_name is None:
        text, told = _proposed(files, out)
    else:
        text, told = _from_recipe(recipe_name, files, out)
    try:
        write_whole(out.resolve(), text.encode())
    except OSError as error:
        raise SaharaError(
            f"{out}: cannot be written ({error.strerror or error}); make room there or its folder writable, or name another file with --out"
        ) from error
    if as_json:
        console.as_json({"path": str(out), **told})
    else:
        for line in told["findings"]:
            console.say(line)
        console.say(
            f"wrote {out}: read it, mend what is wrong, then: sahara run{'' if str(out) == CONFIG_NAME else f' --config {out}'}"
        )
    if not told["complete"]:
        # So that `sahara init FILE && sahara run` stops here.
        raise click.exceptions.Exit(USAGE_EXIT)


def _proposed(files: tuple[Path | str, ...], out: Path) -> tuple[str, dict[str, Any]]:
    from sahara_assets.onboarding.fetching import propose_any
    from sahara_assets.onboarding.render import render_config

    proposal = propose_any(files, out.resolve().parent)
    return render_config(proposal), {"complete": proposal.complete, "findings": proposal.summary_lines}


def _from_recipe(name: str, files: tuple[Path | str, ...], out: Path) -> tuple[str, dict[str, Any]]:
    """A recipe's document for a folder, and which of the files there it reads."""
    import tomllib

    from sahara_assets.drops.discovery import find_drops
    from sahara_assets.settings.document import parse_settings

    chosen = recipe(name)
    if len(files) != 1 or (isinstance(files[0], Path) and not files[0].is_dir()):
        raise SaharaError(f"--recipe {name} takes the one folder that holds the data. {chosen.needs}")
    root = out.resolve().parent
    text = chosen.document(_as_it_should_stand(files[0], root))
    settings = parse_settings(tomllib.loads(text), root=root)
    found = find_drops(settings)
    counts = {dataset: sum(file.dataset == dataset for file in found) for dataset in settings.datasets}
    missing = [dataset for dataset, count in counts.items() if not count]
    lines = [f"{chosen.title}.", f"drop folder: {settings.drops.folder}"]
    lines += [f"{dataset}: {counted(count, 'file')}" for dataset, count in counts.items()]
    if missing:
        lines += [f"could not: find {', '.join(missing)}: no file there matches the patterns. {chosen.needs}"]
    return text, {"complete": not missing, "findings": lines}


def _as_it_should_stand(folder: Path | str, root: Path) -> str:
    """A folder below the settings by its path from there, any other by its whole path or address."""
    if isinstance(folder, str):
        return folder
    whole = folder.resolve()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else whole.as_posix()
