"""Rows of an insight as people read them: the biggest first, for a period and buyers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.tables import insights as tables
from sahara_assets.tables.insights import EVERYONE, KNOWN, WHOLE_TIME

if TYPE_CHECKING:
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Row, Warehouse


@dataclass(frozen=True)
class Shown:
    """How an insight's rows are listed.

    Attributes:
        order: columns that put them into order; one that may be null everywhere stands before its substitute.
        buyers: whose rows are shown unless others are asked for.
        columns: what a list shows of each row, with headings.
        only: a column and the value that it must have in a list, where the table holds more than one list.
    """

    order: tuple[str, ...]
    columns: dict[str, str]
    buyers: str = EVERYONE
    only: tuple[str, str] | None = None


_SALES = {"line_count": "lines", "unit_count": "units", "gross_spend": "spend", "order_count": "orders"}
_PRODUCT = {"product_id": "product", "description": "description"}

SHOWN: dict[str, Shown] = {
    tables.SALES_BY_PERIOD.name: Shown(
        ("period",),
        {"period": "period", **_SALES, "customer_count": "customers", "repeat_customer_count": "came back", "repeat_customer_share": "share"},
    ),
    tables.TOP_PRODUCTS.name: Shown(
        ("rank_by_spend", "rank_by_lines"), {**_PRODUCT, **_SALES, "line_share": "of lines", "spend_share": "of spend"}
    ),
    tables.TOP_CUSTOMERS.name: Shown(
        ("rank_by_spend", "rank_by_lines"),
        {"customer_id": "customer", **_SALES, "line_share": "of lines", "spend_share": "of spend"},
        buyers=KNOWN,
    ),
    tables.REPEAT_PURCHASES.name: Shown(
        ("rank_by_orders",), {"customer_id": "customer", **_PRODUCT, **_SALES}, buyers=KNOWN
    ),
    tables.REPEAT_PRODUCTS.name: Shown(
        ("rank_by_repeat_customers",),
        {**_PRODUCT, "customer_count": "customers", "repeat_customer_count": "came back for it", "repeat_customer_share": "share", "repeat_order_count": "repeat orders"},
        buyers=KNOWN,
    ),
    tables.SALES_BY_PART_OF_DAY.name: Shown(
        ("position",), {"part_of_day": "part of the day", **_SALES, "line_share": "of lines", "spend_share": "of spend"}
    ),
    tables.PRODUCT_PARTS_OF_DAY.name: Shown(
        ("rank_by_lines",), {**_PRODUCT, "part_of_day": "part of the day", **_SALES, "product_share": "of its lines"}
    ),
    tables.SALES_BY_PLACE.name: Shown(
        ("place_kind", "rank_by_spend", "rank_by_lines"),
        {"place_kind": "kind", "place": "place", **_SALES, "line_share": "of lines", "spend_share": "of spend"},
    ),
    tables.PLACE_PRODUCTS.name: Shown(
        ("place_kind", "rank_by_lines"), {"place_kind": "kind", "place": "place", **_PRODUCT, **_SALES}
    ),
    tables.SALES_TREND.name: Shown(
        ("grain", "starts_on"),
        {"grain": "grain", "starts_on": "from", "ends_on": "to", **_SALES, "previous_year_amount": "year before", "year_on_year": "change", "remark": "odd"},
        only=("grain", "month"),
    ),
    tables.SALES_BY_CATEGORY.name: Shown(
        ("category_kind", "rank_by_spend", "rank_by_lines"),
        {"category_kind": "kind", "category": "category", **_SALES, "line_share": "of lines", "spend_share": "of spend"},
    ),
    tables.COHORT_RETENTION.name: Shown(
        ("cohort_month", "months_since"),
        {"cohort_month": "first bought in", "months_since": "months since", "customer_count": "customers", "active_customer_count": "active", "retention": "retention", "gross_spend": "spend", "is_whole": "whole month"},
        buyers=KNOWN,
    ),
    tables.BASKET_PAIRS.name: Shown(
        ("rank_by_orders",),
        {"product_a": "product", "description_a": "description", "product_b": "and", "description_b": "description ", "order_count": "orders", "support": "support", "confidence_a_to_b": "then b", "confidence_b_to_a": "then a", "lift": "lift"},
        buyers=KNOWN,
    ),
    tables.SPEND_CONCENTRATION.name: Shown(
        ("tenth",),
        {"tenth": "tenth", "customer_count": "customers", "measure": "measure", "amount": "amount", "share": "share", "cumulative_share": "with those above", "least_amount": "from"},
        buyers=KNOWN,
    ),
    tables.PRODUCT_MARGINS.name: Shown(
        ("rank_by_profit", "rank_by_lines"),
        {**_PRODUCT, "product_group": "group", "brand": "brand", "margin": "margin", "cost": "cost", **_SALES, "gross_profit": "profit"},
    ),
}  # fmt: skip
"""By the insight's table."""


def listed(
    warehouse: Warehouse, table: Table, *, period: str = "", buyers: str = "", limit: int | None = None
) -> list[Row]:
    """An insight's rows as a list for people shows them."""
    only = SHOWN[table.name].only
    return rows_of(
        warehouse, table, period=period or WHOLE_TIME, buyers=buyers, limit=limit, **(dict([only]) if only else {})
    )


def rows_of(
    warehouse: Warehouse,
    table: Table,
    *,
    period: str = WHOLE_TIME,
    buyers: str = "",
    limit: int | None = None,
    **equal: str | bool | int,
) -> list[Row]:
    """An insight's rows, the biggest first.

    Args:
        warehouse: where it is built.
        table: one of `TOLD`.
        period: which, where the insight goes by period; empty for all of them.
        buyers: whose; empty for those that `SHOWN` names.
        limit: how many at most.
        equal: columns and the values that they must have.
    """
    shown = SHOWN[table.name]
    rows = warehouse.table(table)
    rows = rows.filter(rows.buyers == (buyers or shown.buyers))
    if "period" in table.column_names and period:
        rows = rows.filter(rows.period == period)
    for name, value in equal.items():
        rows = rows.filter(rows[name] == value)
    # Nulls go last, so that a ranking by spend falls back to the one by lines in a shop without prices.
    names = dict.fromkeys((*shown.order, *table.key))
    ordered = rows.order_by([rows[name].asc(nulls_first=False) for name in names])
    return warehouse.rows(ordered if limit is None else ordered.limit(limit))
