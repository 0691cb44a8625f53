"""All insights, built together: the lines, the tables counted from them, and a sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahara_assets.insights import customers, pairs, places, products, sentences, trend
from sahara_assets.insights.slices import Scope, insight_lines, scope_of, slice_rows
from sahara_assets.tables import insights as tables
from sahara_assets.tables.insights import INSIGHT_LINES, INSIGHT_SLICES, INSIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import ibis

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Row, Warehouse


@dataclass(frozen=True)
class Insight:
    """One insight: its table, what it is called, how its rows come about, and what it says.

    Attributes:
        count: gives the rows, as an expression or, of few, as they are.
        say: gives the sentence, once the table is built.
    """

    table: Table
    title: str
    count: Callable[[Scope], ibis.Table | list[Row]]
    say: Callable[[sentences.Reader], str]

    @property
    def name(self) -> str:
        """The name of its table, by which it is asked for."""
        return self.table.name


CATALOGUE: tuple[Insight, ...] = (
    Insight(tables.SALES_BY_PERIOD, "Sales and repeat customers", customers.sales_by_period, sentences.sales_by_period),
    Insight(tables.SALES_TREND, "Sales trend", trend.sales_trend, sentences.sales_trend),
    Insight(tables.TOP_PRODUCTS, "Top products", products.top_products, sentences.top_products),
    Insight(tables.SALES_BY_CATEGORY, "Sales by category", places.sales_by_category, sentences.sales_by_category),
    Insight(tables.PRODUCT_MARGINS, "Margin and sales", products.product_margins, sentences.product_margins),
    Insight(tables.SALES_BY_PLACE, "Where people buy", places.sales_by_place, sentences.sales_by_place),
    Insight(tables.PLACE_PRODUCTS, "What sells where", places.place_products, sentences.place_products),
    Insight(tables.SALES_BY_PART_OF_DAY, "When people buy", places.sales_by_part_of_day, sentences.sales_by_part_of_day),
    Insight(tables.PRODUCT_PARTS_OF_DAY, "What sells when", products.product_parts_of_day, sentences.product_parts_of_day),
    Insight(tables.BASKET_PAIRS, "Bought together", pairs.basket_pairs, sentences.basket_pairs),
    Insight(tables.TOP_CUSTOMERS, "Top customers", customers.top_customers, sentences.top_customers),
    Insight(tables.SPEND_CONCENTRATION, "Share of the top customers", customers.spend_concentration, sentences.spend_concentration),
    Insight(tables.REPEAT_PRODUCTS, "Products bought again", products.repeat_products, sentences.repeat_products),
    Insight(tables.REPEAT_PURCHASES, "Who buys what again", products.repeat_purchases, sentences.repeat_purchases),
    Insight(tables.COHORT_RETENTION, "Who stays", customers.cohort_retention, sentences.cohort_retention),
)  # fmt: skip
"""All of them, in the order in which they are told."""

BY_NAME: dict[str, Insight] = {insight.name: insight for insight in CATALOGUE}


def build_lines(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> int:
    """Write the lines that everything is counted from; lines from the cut-off (local) on do not count."""
    return warehouse.replace(INSIGHT_LINES, insight_lines(warehouse, settings, cut_off))


def build_insights(
    warehouse: Warehouse, settings: Settings, progress: Callable[[str, int, int], None] | None = None
) -> tuple[int, dict[str, Any]]:
    """Write every table that is counted from `insight_lines`.

    Args:
        warehouse: holds them, and products.
        settings: the project's.
        progress: called with a label, the tables done and the tables to do.

    Returns:
        How many insights there are (none where nothing was sold before the cut-off), and the rows of each table by its name.
    """
    scope = scope_of(warehouse, settings)
    rows: dict[str, int] = {}
    if scope is None:
        for table in (INSIGHT_SLICES, *(insight.table for insight in CATALOGUE), INSIGHTS):
            rows[table.name] = warehouse.replace(table, [])
        return 0, {"rows": rows, "has_money": False}
    warehouse.replace(INSIGHT_SLICES, slice_rows(scope))
    told = []
    for position, insight in enumerate(CATALOGUE, start=1):
        rows[insight.name] = warehouse.replace(insight.table, insight.count(scope))
        if progress is not None:
            progress("insights", position, len(CATALOGUE))
    read = sentences.Reader(scope)
    for position, insight in enumerate(CATALOGUE, start=1):
        told.append(
            {
                "name": insight.name,
                "position": position,
                "title": insight.title,
                "sentence": insight.say(read),
                "row_count": rows[insight.name],
            }
        )
    warehouse.replace(INSIGHTS, told)
    return len(told), {"rows": rows, "has_money": scope.has_money}
