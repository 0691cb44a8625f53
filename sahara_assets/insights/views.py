"""What each reporting view shows: an insight's table with its buyers in words, the lines with their products, the segments.

What the views are called and promise is declared in `tables/reporting.py`; every warehouse makes them its own way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.tables.insights import ANONYMOUS, EVERYONE, INSIGHT_LINES, INSIGHTS, KNOWN, TOLD, UNSEGMENTED
from sahara_assets.tables.reporting import PREFIX, REPORT_SALES_LINES, REPORT_SEGMENTS, REPORT_VIEWS
from sahara_assets.tables.sales import PRODUCTS
from sahara_assets.tables.segmentation import SEGMENT_PROFILES

if TYPE_CHECKING:
    import ibis

    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse
    from sahara_assets.warehouse.expressions import Expression

IN_WORDS = {
    EVERYONE: "Everyone",
    KNOWN: "All known customers",
    ANONYMOUS: "Anonymous orders",
    UNSEGMENTED: "Without a segment",
}
"""What `buyers` are called who are no segment."""

_SHOWN = {f"{PREFIX}{table.name}": table for table in (*TOLD, INSIGHTS)}


def make_views(warehouse: Warehouse) -> int:
    """Make every reporting view, or make it anew; returns how many there are. Outside a transaction."""
    for view in REPORT_VIEWS:
        warehouse.create_view(view, content_of(warehouse, view))
    return len(REPORT_VIEWS)


def are_there(warehouse: Warehouse) -> bool:
    """Whether every reporting view is there, with the columns that are declared."""
    present = warehouse.present_columns()
    return all(present.get(view.name) == set(view.column_names) for view in REPORT_VIEWS)


def content_of(warehouse: Warehouse, view: Table) -> ibis.Table:
    """The rows of a view."""
    import ibis

    if view is REPORT_SEGMENTS:
        return warehouse.table(SEGMENT_PROFILES).select(*view.column_names)
    rows = _sales_lines(warehouse) if view is REPORT_SALES_LINES else warehouse.table(_SHOWN[view.name])
    if "period_kind" in view.column_names:
        kinds = ((rows.period.length() == 4, "year"), (rows.period.length() == 7, "month"))
        rows = rows.mutate(period_kind=ibis.cases(*kinds, else_="all"))
    if "buyers_name" in view.column_names:
        rows = _with_names(warehouse, rows)
    return rows.select(*view.column_names)


def source_of(warehouse: Warehouse, view: Table) -> ibis.Table:
    """The rows that a view must have one of its own for, each."""
    if view is REPORT_SEGMENTS:
        return warehouse.table(SEGMENT_PROFILES)
    if view is REPORT_SALES_LINES:
        lines = warehouse.table(INSIGHT_LINES)
        return lines.filter(lines.is_sale)
    return warehouse.table(_SHOWN[view.name])


def _sales_lines(warehouse: Warehouse) -> ibis.Table:
    sales = source_of(warehouse, REPORT_SALES_LINES).rename(drop_id="_drop_id", line_number="_line")
    products = warehouse.table(PRODUCTS).select("product_id", "description", "brand")
    return sales.left_join(products, "product_id").drop("product_id_right")


def _with_names(warehouse: Warehouse, rows: ibis.Table) -> ibis.Table:
    """Rows with their buyers in words; a segment that is not there any more keeps its number."""
    import ibis

    profiles = warehouse.table(SEGMENT_PROFILES)
    names = profiles.select(named_buyers=profiles.segment.cast("string"), segment_name=profiles.segment_name)
    joined = rows.left_join(names, rows.buyers == names.named_buyers)
    words: list[tuple[Expression, str]] = [(joined.buyers == buyers, words) for buyers, words in IN_WORDS.items()]
    return joined.mutate(buyers_name=ibis.cases(*words, else_=joined.segment_name.coalesce(joined.buyers)))
