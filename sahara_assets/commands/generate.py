"""`sahara generate`: a made-up shop with planted truth, or one that has the published counts of a real one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sahara_assets import console
from sahara_assets.commands.options import common_options, json_option, settings_of
from sahara_assets.errors import SaharaError
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_SHOP_ONLY = ("days", "days_per_drop", "start")


@click.command(short_help="Write a made-up shop as drops.")
@click.option(
    "--like",
    type=click.Choice(["gift-shop", "byte-foods"]),
    default="gift-shop",
    show_default=True,
    help="Which: a gift shop with planted segments, or kiosks that have the published counts of Byte Foods.",
)
@click.option("--rows", type=int, help="Purchase rows (default: 60,000; byte-foods: all 1,115,572).")
@click.option("--seed", type=int, default=20, show_default=True, help="The same seed gives the same bytes.")
@click.option("--days", type=int, default=365, show_default=True, help="Gift shop: days from the first to the last.")
@click.option(
    "--days-per-drop", type=int, default=1, show_default=True, help="Gift shop: days that one file of purchases covers."
)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2025-01-01",
    show_default=True,
    help="Gift shop: the first day.",
)
@click.option(
    "--product-info",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="byte-foods: a product file (product_id, fc_number) that the purchases shall fit to; without it one is made up.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to write into (default: data, or the drop folder of --config).",
)
@json_option
@common_options
@click.pass_context
def generate(
    context: click.Context,
    like: str,
    rows: int | None,
    seed: int,
    days: int,
    days_per_drop: int,
    start: datetime,
    product_info: Path | None,
    out: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Write a made-up shop as drops."""
    given = {name for name in _SHOP_ONLY if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    if like == "byte-foods" and given:
        raise click.UsageError(f"--{min(given).replace('_', '-')} is for the gift shop; byte-foods has its own year")
    if like != "byte-foods" and product_info is not None:
        raise click.UsageError("--product-info is for --like byte-foods")
    folder = out or (settings_of(config).drop_folder if config else Path("data"))
    with console.progress(quiet=as_json) as progress:

        def report(done: int, total: int) -> None:
            progress("rows", done, total)

        try:
            if like == "byte-foods":
                _byte_foods(folder, rows, seed, product_info, report, as_json=as_json)
            else:
                _gift_shop(folder, rows or 60_000, seed, days, days_per_drop, start, report, as_json=as_json)
        except (ValueError, OSError) as error:
            raise SaharaError(str(error)) from error


def _gift_shop(
    folder: Path,
    rows: int,
    seed: int,
    days: int,
    days_per_drop: int,
    start: datetime,
    report: Callable[[int, int], None],
    *,
    as_json: bool,
) -> None:
    from sahara_assets.generate.shop import generate as write_shop

    made = write_shop(
        folder, rows=rows, seed=seed, start=start.date(), days=days, days_per_drop=days_per_drop, progress=report
    )
    if as_json:
        console.as_json(made)
        return
    console.say(
        f"{counted(made.drops, 'drop')}, {counted(made.rows, 'row')} ({made.bad_rows:,} bad on purpose), "
        f"{counted(made.orders, 'order')} of {counted(made.customers, 'customer')} in {made.folder}; the truth is in {made.truth}"
    )


def _byte_foods(
    folder: Path,
    rows: int | None,
    seed: int,
    product_info: Path | None,
    report: Callable[[int, int], None],
    *,
    as_json: bool,
) -> None:
    from sahara_assets.generate.byte_foods_lines import generate_byte_foods

    size = {} if rows is None else {"rows": rows}
    made = generate_byte_foods(folder, **size, seed=seed, product_info=product_info, progress=report)
    if as_json:
        console.as_json(made)
        return
    console.say(
        f"{counted(made.rows, 'row')} of {counted(made.cards, 'card')}, {counted(made.visits, 'visit')}, in {made.purchases}"
    )
    if made.products is not None:
        console.say(f"products that go with them: {made.products}")
