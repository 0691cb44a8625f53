"""The lines that insights speak of, and their sums by period and buyers.

Every order lies in one month and has one kind of buyers (a segment, or nobody known), so that whatever is counted by month and segment
can be added up to years, to the whole time, to all known customers and to everyone. `cube` counts once, `rolled_up` adds up, by a
table of which cell counts where: a union of every sum would be compiled and planned nine times. What an
insight says lives with it; what periods and buyers are called is declared with the columns (`tables/insights.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis

from sahara_assets.features.expressions import first_part
from sahara_assets.sales.subjects import is_counted_sale
from sahara_assets.tables.insights import (
    ANONYMOUS,
    EVERYONE,
    INSIGHT_LINES,
    INSIGHT_SLICES,
    KNOWN,
    UNSEGMENTED,
    WHOLE_TIME,
)
from sahara_assets.tables.sales import ORDERS, PRODUCTS, PURCHASES
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS
from sahara_assets.warehouse.expressions import Expression, count_where, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

SLICE = ("period", "buyers")

_OPTIONAL = ("place_id", "country", "channel", "category", "product_group")


@dataclass(frozen=True)
class Scope:
    """What all insights of a build share.

    Attributes:
        warehouse: where the tables are; `insight_lines` is built.
        settings: the project's.
        has_money: whether any counted line has a price.
        first_day, last_day: of the counted sale lines, local.
        known: which of the optional columns any counted sale line or product fills.
    """

    warehouse: Warehouse
    settings: Settings
    has_money: bool
    first_day: date
    last_day: date
    known: frozenset[str]

    @property
    def lines(self) -> ibis.Table:
        """Lines of any kind."""
        return self.warehouse.table(INSIGHT_LINES)

    @property
    def sales(self) -> ibis.Table:
        """The counted sale lines."""
        return self.lines.filter(self.lines.is_sale)

    @property
    def goods(self) -> ibis.Table:
        """The counted sale lines that are no fees: what rankings of products speak of."""
        return self.lines.filter(self.lines.is_goods)

    @property
    def kept_rows(self) -> int:
        """How many rows of each ranking are kept."""
        return self.settings.insights.rows

    @property
    def first_month(self) -> str:
        """The first month that is told by itself, such as 2011-01; those before it count in their years only."""
        months = self.last_day.year * 12 + self.last_day.month - self.settings.insights.months
        return f"{months // 12:04d}-{months % 12 + 1:02d}"

    def spend(self, value: Expression) -> Expression:
        """An amount of money, or nothing in a shop without prices."""
        return value if self.has_money else ibis.null("decimal(18, 4)")

    def spend_rank(self, rank: Expression) -> Expression:
        """A place by spend, or nothing in a shop without prices."""
        return rank if self.has_money else ibis.null("int64")

    def spend_share(self, part: Expression, whole: Expression) -> Expression:
        """A share of spend, or nothing in a shop without prices."""
        return ratio(part, whole) if self.has_money else ibis.null("float64")


def scope_of(warehouse: Warehouse, settings: Settings) -> Scope | None:
    """The scope of a build, once `insight_lines` is there; None where nothing was sold."""
    lines = warehouse.table(INSIGHT_LINES)
    sales = lines.filter(lines.is_sale)
    filled: dict[str, Any] = {name: sales[name].count() for name in _OPTIONAL}
    found = warehouse.rows(
        sales.aggregate(
            **filled,
            priced=count_where(sales.line_total != 0),
            first=sales.ordered_on.min(),
            last=sales.ordered_on.max(),
        )
    )[0]
    if found["first"] is None:
        return None
    products = warehouse.table(PRODUCTS)
    listed = warehouse.rows(products.aggregate(brand=products.brand.count(), margin=products.margin.count()))[0]
    known = {name for name in _OPTIONAL if found[name]} | {name for name, count in listed.items() if count}
    return Scope(warehouse, settings, found["priced"] > 0, found["first"], found["last"], frozenset(known))


def insight_lines(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> ibis.Table:
    """Lines of any kind before the cut-off (local), with the day, customer and segment of their order."""
    lines = warehouse.table(PURCHASES)
    lines = lines.filter(lines.ordered_at_local < ibis.timestamp(cut_off.isoformat(sep=" ")))
    sale = is_counted_sale(lines, settings)
    same = ("_drop_id", "_line", "order_id", "part_of_day", "product_id", "quantity", "line_total")
    lines = lines.select(
        *same,
        "product_group",
        "place_id",
        "channel",
        "country",
        category=first_part(lines.category, settings.features.category_separator),
        is_sale=sale,
        is_goods=sale & ~lines.is_fee,
    )
    orders = warehouse.table(ORDERS).select("order_id", "customer_id", "ordered_on")
    segments = warehouse.table(CUSTOMER_SEGMENTS).select("customer_id", "segment")
    placed = orders.left_join(segments, "customer_id").drop("customer_id_right")
    buyers = ibis.cases(
        (placed.customer_id.isnull(), ANONYMOUS),
        (placed.segment.isnull(), UNSEGMENTED),
        else_=placed.segment.cast("string"),
    )
    month = placed.ordered_on.year().cast("string") + "-" + placed.ordered_on.month().cast("string").lpad(2, "0")
    return lines.join(placed.mutate(buyers=buyers, month=month).drop("segment"), "order_id")


def cube(lines: ibis.Table, by: Sequence[str] = (), *, months: bool = True) -> ibis.Table:
    """Sale lines counted by month (or not), buyers and further columns: every cell once, to be rolled up."""
    return lines.group_by([*(["month"] if months else []), "buyers", *by]).aggregate(
        line_count=lines.count(),
        unit_count=lines.quantity.sum(),
        gross_spend=lines.line_total.sum(),
        order_count=lines.order_id.nunique(),
    )


def product_cube(lines: ibis.Table) -> ibis.Table:
    """Like `cube` by product, over lines of any kind: how many those are, and what was sold of the product."""
    sold = lines.is_goods
    nothing = ibis.literal(0).cast("decimal(18, 4)")
    return lines.group_by(["month", "buyers", "product_id"]).aggregate(
        line_count=count_where(sold),
        unit_count=sold.ifelse(lines.quantity, nothing).sum(),
        gross_spend=sold.ifelse(lines.line_total, nothing).sum(),
        order_count=sold.ifelse(lines.order_id, ibis.null("string")).nunique(),
        all_line_count=lines.count(),
    )


def slice_rows(scope: Scope) -> list[Row]:
    """The rows of `insight_slices`: which periods and kinds of buyers each month and kind of buyers counts in."""
    lines = scope.lines
    rows = []
    for cell in scope.warehouse.rows(lines.select("month", "buyers").distinct()):
        month, own = cell["month"], cell["buyers"]
        periods = [WHOLE_TIME, month[:4], *([month] if month >= scope.first_month else [])]
        whose = [own, EVERYONE, *([] if own == ANONYMOUS else [KNOWN])]
        rows += [
            {"month": month, "own_buyers": own, "period": period, "buyers": buyers}
            for period in periods
            for buyers in whose
        ]
    return rows


def rolled_up(scope: Scope, cells: ibis.Table, by: Sequence[str] = ()) -> ibis.Table:
    """Cells by month and buyers, added up to every period and to all buyers.

    Args:
        scope: says where they are.
        cells: `month`, `buyers`, the columns of `by`, and counts or amounts that can be added.
        by: what the sums are by, besides.
    """
    slices = scope.warehouse.table(INSIGHT_SLICES)
    joined = cells.rename(own_buyers="buyers").join(slices, ["month", "own_buyers"])
    return _added(
        joined, ["period", "buyers", *by], [name for name in cells.columns if name not in {"month", "buyers", *by}]
    )


def all_buyers(scope: Scope) -> ibis.Table:
    """Each kind of buyers as `own_buyers`, beside every kind in whose sums it counts as `buyers`."""
    slices = scope.warehouse.table(INSIGHT_SLICES)
    return slices.filter(slices.period == WHOLE_TIME).select("own_buyers", "buyers").distinct()


def with_all_buyers(scope: Scope, cells: ibis.Table, by: Sequence[str]) -> ibis.Table:
    """Cells of each kind of buyers, and the same added up to known customers and to everyone."""
    joined = cells.rename(own_buyers="buyers").join(all_buyers(scope), "own_buyers")
    return _added(joined, ["buyers", *by], [name for name in cells.columns if name not in {"buyers", *by}])


def _added(cells: ibis.Table, by: Sequence[str], sums: Sequence[str]) -> ibis.Table:
    return cells.group_by(list(by)).aggregate(**{name: cells[name].sum() for name in sums})


def rank_over(table: ibis.Table, by: str, groups: Sequence[str], ties: Sequence[str]) -> Expression:
    """The place of each row by a measure, highest first, from 1; ties go by the columns given."""
    order = [table[by].desc(), *(table[name].asc() for name in ties)]
    return ibis.row_number().over(group_by=list(groups), order_by=order) + 1


def total_over(table: ibis.Table, name: str, groups: Sequence[str]) -> Expression:
    """The sum of a column over the rows of each group, beside every row."""
    return table[name].sum().over(group_by=list(groups))
