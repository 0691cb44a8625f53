"""The views that reporting tools sit on: `report_*`, whose names and columns stay while the tables behind them may change.

No column of a view is renamed, retyped or taken away without the changelog saying so. Which tables they show is in `insights/views.py`; a LookML
file of them is made in `lookml.py`.
"""

from __future__ import annotations

from dataclasses import replace

from sahara_assets.tables.columns import Column, Table, date_column, decimal_column, integer_column, text_column
from sahara_assets.tables.insights import INSIGHTS, TOLD
from sahara_assets.tables.segmentation import SEGMENT_PROFILES

PREFIX = "report_"

_BUYERS_NAME = text_column(
    "buyers_name", "The same in words: the segment's name, or whose orders these are.", nullable=False
)
_PERIOD_KIND = text_column("period_kind", "all, year or month; take one of them, for they overlap.", nullable=False)


def _view_of(table: Table) -> Table:
    """An insight with its buyers, and the kind of its period, in words."""
    columns: list[Column] = list(table.columns)
    if "period" in table.column_names:
        columns.append(_PERIOD_KIND)
    if "buyers" in table.column_names:
        columns.append(_BUYERS_NAME)
    return replace(table, name=f"{PREFIX}{table.name}", columns=tuple(columns))


REPORT_SALES_LINES = Table(
    name=f"{PREFIX}sales_lines",
    stage="insights",
    description="Every counted sale line up to the cut-off, once: what can be added up freely by day, product, place and segment.",
    columns=(
        text_column("order_id", "The order that the line stands on.", nullable=False),
        text_column("customer_id", "The order's customer; null for an anonymous order."),
        text_column("buyers", "The customer's segment; `anonymous` without a customer, `unsegmented` without a segment.", nullable=False),
        date_column("ordered_on", "The local day of the order.", nullable=False),
        text_column("month", "Its month, such as 2011-11.", nullable=False),
        text_column("part_of_day", "The part of the day the line was ordered in.", nullable=False),
        text_column("product_id", "The product.", nullable=False),
        text_column("description", "The product's name."),
        text_column("category", "The first part of the product's category."),
        text_column("product_group", "The product's group."),
        text_column("brand", "The product's brand."),
        text_column("place_id", "Where it was bought."),
        text_column("channel", "How it was bought."),
        text_column("country", "The country that the line states."),
        decimal_column("quantity", "Units.", nullable=False),
        decimal_column("line_total", "quantity × unit price; 0 in a shop without prices.", nullable=False),
        text_column("drop_id", "The drop that the line came from.", nullable=False),
        integer_column("line_number", "Its physical line there; with drop_id it tells lines apart."),
        _BUYERS_NAME,
    ),
    key=("drop_id", "line_number"),
)  # fmt: skip

_OF_SEGMENTS = (
    "segment",
    "segment_name",
    "tier",
    "customer_count",
    "customer_share",
    "gross_spend",
    "spend_share",
    "description",
    "action",
)
REPORT_SEGMENTS = replace(
    SEGMENT_PROFILES,
    name=f"{PREFIX}segments",
    stage="insights",
    columns=tuple(SEGMENT_PROFILES.column(name) for name in _OF_SEGMENTS),
)

REPORT_VIEWS: tuple[Table, ...] = (
    REPORT_SALES_LINES,
    REPORT_SEGMENTS,
    *(_view_of(table) for table in TOLD),
    _view_of(INSIGHTS),
)
