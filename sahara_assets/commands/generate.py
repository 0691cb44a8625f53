"""`sahara generate`: made-up drops whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sahara_assets import console
from sahara_assets.commands.options import common_options, json_option, settings_of
from sahara_assets.errors import SaharaError
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from datetime import datetime


@click.command(short_help="Write a made-up shop as drops.")
@click.option("--rows", type=int, default=60_000, show_default=True, help="Purchase rows.")
@click.option("--seed", type=int, default=20, show_default=True, help="The same seed gives the same bytes.")
@click.option("--days", type=int, default=365, show_default=True, help="Days from the first to the last.")
@click.option("--days-per-drop", type=int, default=1, show_default=True, help="Days that one file of purchases covers.")
@click.option(
    "--start", type=click.DateTime(["%Y-%m-%d"]), default="2025-01-01", show_default=True, help="The first day."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to write into (default: data, or the drop folder of --config).",
)
@json_option
@common_options
def generate(
    rows: int,
    seed: int,
    days: int,
    days_per_drop: int,
    start: datetime,
    out: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Write a made-up shop as drops, with planted segments whose truth is known."""
    from sahara_assets.generate.shop import generate as write_shop

    with console.progress(quiet=as_json) as progress:
        try:
            made = write_shop(
                out or (settings_of(config).drop_folder if config else Path("data")),
                rows=rows,
                seed=seed,
                start=start.date(),
                days=days,
                days_per_drop=days_per_drop,
                progress=lambda done, total: progress("rows", done, total),
            )
        except (ValueError, OSError) as error:
            raise SaharaError(str(error)) from error
    if as_json:
        console.as_json(made)
        return
    console.say(
        f"{counted(made.drops, 'drop')}, {counted(made.rows, 'row')} ({made.bad_rows:,} bad on purpose), "
        f"{counted(made.orders, 'order')} of {counted(made.customers, 'customer')} in {made.folder}; the truth is in {made.truth}"
    )
