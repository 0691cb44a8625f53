"""`sahara insights`: what the sales say, and the numbers behind each sentence as text, JSON or CSV."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Click's annotations are read by people
from typing import TYPE_CHECKING

import click

from sahara_assets import console
from sahara_assets.commands.options import common_options, json_option, settings_of
from sahara_assets.errors import SaharaError

if TYPE_CHECKING:
    from sahara_assets.warehouse.base import Row, Warehouse

_NOT_YET = "there are no insights: `sahara run` counts them, once something was sold before the cut-off"


@click.command(short_help="What the sales say; one of it with all its numbers.")
@click.argument("name", required=False)
@click.option(
    "--period",
    default="",
    metavar="PERIOD",
    help="`all` (the default), a year such as 2011, or a month such as 2011-11.",
)
@click.option(
    "--buyers",
    default="",
    metavar="WHO",
    help="`everyone`, `known`, `anonymous` or the number of a segment; each insight has its own default.",
)
@click.option("--rows", type=click.IntRange(min=1), default=20, show_default=True, help="How many rows the text shows.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: every row, or those of --period and --buyers.")
@json_option
@common_options
def insights(
    name: str | None, period: str, buyers: str, rows: int, as_csv: bool, as_json: bool, config: Path | None
) -> None:
    """List what the sales say, a sentence each; with NAME show that insight's numbers."""
    from sahara_assets.running import reading

    if as_csv and as_json:
        raise click.UsageError("--csv and --json are two answers; ask for one")
    with reading(settings_of(config)) as warehouse:
        if name is None:
            _list(warehouse, as_csv=as_csv, as_json=as_json)
        else:
            _show(warehouse, name, period, buyers, rows, as_csv=as_csv, as_json=as_json)


def _list(warehouse: Warehouse, *, as_csv: bool, as_json: bool) -> None:
    from sahara_assets.report.insight_files import as_csv as csv_of
    from sahara_assets.tables.insights import INSIGHTS

    told = sorted(warehouse.rows(INSIGHTS), key=lambda row: row["position"])
    if not told:
        raise SaharaError(_NOT_YET)
    if as_json:
        console.as_json(told)
    elif as_csv:
        click.echo(csv_of(INSIGHTS, told).decode(), nl=False)
    else:
        for row in told:
            console.heading(f"{row['title']}  ({row['name']})")
            console.paragraph(row["sentence"], indent="  ")
        console.say("\n`sahara insights NAME` shows the numbers behind one of them")


def _show(warehouse: Warehouse, name: str, period: str, buyers: str, most: int, *, as_csv: bool, as_json: bool) -> None:
    from sahara_assets.insights.building import BY_NAME
    from sahara_assets.insights.reading import SHOWN, listed, rows_of
    from sahara_assets.report.insight_files import as_csv as csv_of
    from sahara_assets.settings.unknown import unknown_key
    from sahara_assets.tables.insights import INSIGHTS

    if name not in BY_NAME:
        raise SaharaError(unknown_key(name, list(BY_NAME), noun="insight"))
    insight = BY_NAME[name]
    told = {row["name"]: row for row in warehouse.rows(INSIGHTS)}
    if not told:
        raise SaharaError(_NOT_YET)
    by_period = "period" in insight.table.column_names
    if period and not by_period:
        raise SaharaError(f"{name} is not told by period; leave --period out")
    for_people = not as_csv and not as_json
    found: list[Row]
    if for_people:
        found = listed(warehouse, insight.table, period=period, buyers=buyers)
    elif period or buyers:
        found = rows_of(warehouse, insight.table, period=period or "all", buyers=buyers)
    else:
        found = warehouse.rows(insight.table)
    if not found and (period or buyers):
        _say_what_there_is(warehouse.rows(insight.table), period, buyers, name)
    if as_json:
        console.as_json({"name": name, "sentence": told[name]["sentence"], "rows": found})
    elif as_csv:
        click.echo(csv_of(insight.table, found).decode(), nl=False)
    else:
        console.heading(insight.title)
        console.paragraph(f"{'Of the whole time: ' if period or buyers else ''}{told[name]['sentence']}")
        console.say()
        shown = SHOWN[name]
        console.table(
            [_worded(row) for row in found[:most]],
            shown.columns,
            optional=[key for key in shown.columns if key in _DISPENSABLE],
        )
        if len(found) > most:
            console.say(f"{len(found) - most:,} more rows; --rows shows more, --csv all of them")


_SHARES = frozenset(
    {
        "cumulative_share",
        "confidence_a_to_b",
        "confidence_b_to_a",
        "line_share",
        "margin",
        "product_share",
        "repeat_customer_share",
        "retention",
        "share",
        "spend_share",
        "support",
        "year_on_year",
    }
)
"""Columns that people read in per cent."""


def _worded(row: Row) -> Row:
    return {
        name: console.share(float(value)) if name in _SHARES and value is not None else value
        for name, value in row.items()
    }


_DISPENSABLE = (
    "remark",
    "least_amount",
    "measure",
    "product_group",
    "brand",
    "unit_count",
    "line_share",
    "spend_share",
)


def _say_what_there_is(rows: list[Row], period: str, buyers: str, name: str) -> None:
    """Refuse a period or buyers that have no row, with those that have."""
    for option, asked, column in (("--period", period, "period"), ("--buyers", buyers, "buyers")):
        known = sorted({row[column] for row in rows if column in row})
        if asked and asked not in known:
            shown = ", ".join(known[-20:]) or "nothing: it is empty"
            raise SaharaError(f"{name} has no rows for {option} {asked}; it has {shown}")
