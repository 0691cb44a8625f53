"""`sahara generate`: a made-up shop with planted truth, one that has the published counts of a real one, or customers for real visitors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sahara_assets import console
from sahara_assets.commands.options import common_options, json_option, settings_of
from sahara_assets.errors import SaharaError, refused_by_the_system
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_ONLY_FOR = {
    "days": "gift-shop",
    "days_per_drop": "gift-shop",
    "start": "gift-shop",
    "product_info": "byte-foods",
    "visitors": "tutorial-crm",
    "key": "tutorial-crm",
}
"""The options that only one kind of made-up data has."""


@click.command(short_help="Write a made-up shop as drops.")
@click.option(
    "--like",
    type=click.Choice(["gift-shop", "byte-foods", "tutorial-crm"]),
    default="gift-shop",
    show_default=True,
    help="Which: a gift shop with planted segments, kiosks that have the published counts of Byte Foods, or the customers that Google's k-means tutorial makes up of visitors.",
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
    "--visitors",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="tutorial-crm: the export whose visitors become customers, such as ga_sessions.json.gz.",
)
@click.option(
    "--key", default="fullVisitorId", show_default=True, help="tutorial-crm: what the export calls a visitor's id."
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
    visitors: Path | None,
    key: str,
    out: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Write a made-up shop as drops, or a file of made-up customers."""
    for name, kind in _ONLY_FOR.items():
        if like != kind and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name.replace('_', '-')} is for --like {kind}")
    if like == "tutorial-crm" and visitors is None:
        raise click.UsageError("--like tutorial-crm needs the export whose visitors become customers: --visitors FILE")
    folder = out or (settings_of(config).drop_folder if config else Path("data"))
    with console.progress(quiet=as_json) as progress:

        def report(done: int, total: int) -> None:
            progress("rows", done, total)

        try:
            if visitors is not None:
                _tutorial_crm(folder, visitors, key, as_json=as_json)
            elif like == "byte-foods":
                _byte_foods(folder, rows, seed, product_info, report, as_json=as_json)
            else:
                _gift_shop(folder, rows or 60_000, seed, days, days_per_drop, start, report, as_json=as_json)
        except OSError as error:
            raise refused_by_the_system(error) or SaharaError(str(error)) from error
        except ValueError as error:
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


def _tutorial_crm(folder: Path, visitors: Path, key: str, *, as_json: bool) -> None:
    from sahara_assets.generate.tutorial_crm import crm_csv, visitors_of
    from sahara_assets.report.writing import write_whole

    ids = set(visitors_of(visitors, key))
    path = folder / "tutorial_crm.csv"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path.resolve(), crm_csv(ids, key))
    if as_json:
        console.as_json({"path": str(path), "customers": len(ids)})
    else:
        console.say(f"{counted(len(ids), 'made-up customer')}, one for each visitor of {visitors.name}, in {path}")
