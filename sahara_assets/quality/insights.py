"""What the insights must keep: they add up to the lines that they are counted from, and their tables are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.builds import built
from sahara_assets.insights.views import source_of
from sahara_assets.quality.questions import Answer, Question
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets.tables.insights import (
    EVERYONE,
    INSIGHT_LINES,
    INSIGHTS,
    SALES_BY_PART_OF_DAY,
    SALES_BY_PERIOD,
    SALES_TREND,
    TOLD,
    WHOLE_TIME,
)
from sahara_assets.tables.reporting import REPORT_VIEWS
from sahara_assets.tables.sales import PURCHASES
from sahara_assets.wording import counted, some

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

_COUNTED = (*TOLD, INSIGHTS)


def _add_up(warehouse: Warehouse, settings: Settings) -> Answer:
    """Every line before the cut-off is among the insights' lines once, and periods, parts of the day and days come to the same."""
    import ibis

    if not settings.insights.enabled:
        return True, "insights are off", {}

    measured = built(warehouse, CUSTOMER_FEATURES.name)
    if measured is None:
        return False, "customer_features has not been built yet; materialise it", {}
    purchases = warehouse.table(PURCHASES)
    cut_off = ibis.timestamp(measured.details["cut_off"].replace("T", " "))
    before = purchases.filter(purchases.ordered_at_local < cut_off)
    lines = warehouse.table(INSIGHT_LINES)
    sales = lines.filter(lines.is_sale)
    periods, parts, days = (warehouse.table(table) for table in (SALES_BY_PERIOD, SALES_BY_PART_OF_DAY, SALES_TREND))
    periods = periods.filter((periods.period == WHOLE_TIME) & (periods.buyers == EVERYONE))
    parts = parts.filter((parts.period == WHOLE_TIME) & (parts.buyers == EVERYONE))
    days = days.filter((days.grain == "day") & (days.buyers == EVERYONE))
    whole = {
        name: warehouse.rows(table.aggregate(n=table.line_count.sum().coalesce(0), units=table.unit_count.sum()))[0]
        for name, table in (("sales_by_period", periods), ("sales_by_part_of_day", parts), ("sales_trend", days))
    }
    taken, there = (warehouse.rows(table.aggregate(n=table.count()))[0]["n"] for table in (before, lines))
    total = warehouse.rows(sales.aggregate(n=sales.count(), units=sales.quantity.sum()))[0]
    apart = [f"{name} comes to {found['n']:,} lines" for name, found in whole.items() if found != total]
    if taken != there:
        apart.append(f"purchases holds {taken:,} lines before the cut-off, insight_lines {there:,}")
    if apart:
        return (
            False,
            f"insight_lines holds {total['n']:,} sale lines; {some(apart)}. `sahara run --rebuild` counts anew",
            {},
        )
    return True, f"{counted(total['n'], 'sale line')} of {there:,} lines are told, each once", {"lines": there}


def _are_whole(warehouse: Warehouse, _: Settings) -> Answer:
    """In every table of the insights the declared key is unique and what may not be null is not."""
    import ibis

    parts = []
    for position, table in enumerate(_COUNTED):
        rows = warehouse.table(table)
        required = [column.name for column in table.columns if not column.nullable]
        missing = sum(rows[name].isnull().ifelse(1, 0) for name in required)
        keyed = rows.group_by(list(table.key)).aggregate(rows=rows.count(), missing=missing.sum())
        parts.append(
            keyed.aggregate(
                total=keyed["rows"].sum().coalesce(0),
                different=keyed.count(),
                missing=keyed.missing.sum().coalesce(0),
            ).mutate(position=ibis.literal(position))
        )
    faults, total = [], 0
    for row in warehouse.rows(ibis.union(*parts)):
        table = _COUNTED[row["position"]]
        total += row["total"]
        if row["missing"]:
            faults.append(f"{table.name} lacks {counted(row['missing'], 'required value')}")
        if row["total"] != row["different"]:
            faults.append(f"{', '.join(table.key)} repeats in {table.name}")
    if faults:
        return False, f"{some(sorted(faults))}; `sahara run --rebuild` counts anew", {"row_count": total}
    return (
        True,
        f"{counted(total, 'row')} in {len(_COUNTED)} tables, keys unique, nothing missing",
        {"row_count": total},
    )


def _views_show_all(warehouse: Warehouse, settings: Settings) -> Answer:
    """Every reporting view is there and has a row for each that it is to show: none lost or doubled by a join."""
    import ibis

    if not settings.insights.enabled:
        return True, "insights are off", {}

    present = warehouse.present_columns()
    absent = [view.name for view in REPORT_VIEWS if present.get(view.name) != set(view.column_names)]
    if absent:
        return False, f"{some(absent)} is not there as declared; `sahara run` makes the views", {}
    counts = []
    for position, view in enumerate(REPORT_VIEWS):
        rows, source = warehouse.table(view), source_of(warehouse, view)
        counted_rows = rows.aggregate(shown=rows.count()).cross_join(source.aggregate(there=source.count()))
        counts.append(counted_rows.mutate(position=ibis.literal(position)))
    found = warehouse.rows(ibis.union(*counts))
    apart = [
        f"{REPORT_VIEWS[row['position']].name} shows {row['shown']:,} of {row['there']:,} rows"
        for row in found
        if row["shown"] != row["there"]
    ]
    total = sum(row["shown"] for row in found)
    if apart:
        return False, f"{some(sorted(apart))}: a key repeats in segment_profiles or products", {"row_count": total}
    return True, f"{counted(total, 'row')} in {len(REPORT_VIEWS)} views", {"row_count": total}


QUESTIONS: tuple[Question, ...] = (
    Question("insights_add_up", INSIGHTS.name, "The insights tell every line up to the cut-off once.", True, _add_up),
    Question("insights_contract", INSIGHTS.name, "Keys are unique and nothing required is null.", True, _are_whole),
    Question("views_show_all", "report_views", "The reporting views show every row once.", True, _views_show_all),
)
"""The checks on this part of the pipeline, in the order they are told."""
