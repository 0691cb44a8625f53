"""How every declared feature is computed, as Ibis expressions over `purchases` at a cut-off that is an argument, never the clock."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

import ibis

from sahara_assets.errors import SaharaError
from sahara_assets.features.declarations import FEATURES, TOP_CATEGORY_COUNT
from sahara_assets.sales.subjects import is_counted_return, is_counted_sale
from sahara_assets.tables.features import CUSTOMER_FEATURES, TOP_CATEGORIES
from sahara_assets.tables.sales import CUSTOMERS, PURCHASES
from sahara_assets.warehouse.expressions import (
    SECONDS_PER_DAY,
    Expression,
    money,
    money_where,
    ratio,
    seconds_of,
    whole_days_between,
)

if TYPE_CHECKING:
    from sahara_assets.sales.subjects import Account
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def cut_off_of(warehouse: Warehouse, settings: Settings) -> datetime | None:
    """The local moment up to which lines count: the configured one, else the midnight after the latest sale that is not in the future.

    Returns:
        None where nothing was sold yet.
    """
    if settings.features.cut_off:
        return datetime.fromisoformat(settings.features.cut_off)
    lines = warehouse.table(PURCHASES)
    sales = lines.filter(is_counted_sale(lines, settings) & ~lines.is_future)
    last = warehouse.rows(sales.aggregate(last=sales.ordered_at_local.max()))[0]["last"]
    return None if last is None else datetime.combine(last.date() + timedelta(days=1), time())


def build_features(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> tuple[int, Account]:
    """Write `top_categories` and `customer_features` as of a cut-off.

    Args:
        warehouse: holds `purchases` and `customers`.
        settings: whether fees count, and how a category path is split.
        cut_off: local; lines from this moment on do not count.

    Raises:
        SaharaError: no known customer bought anything before the cut-off.
    """
    warehouse.replace(TOP_CATEGORIES, _top_categories(warehouse, settings, cut_off))
    rows = warehouse.replace(CUSTOMER_FEATURES, customer_features(warehouse, settings, cut_off))
    if rows == 0:
        raise SaharaError(
            f"no customer with a sale before {cut_off:%Y-%m-%d %H:%M}: are customer ids mapped, and is features.cut_off right?"
        )
    everyone = warehouse.count(CUSTOMERS)
    return rows, [("in: customers", everyone), ("no sale line before the cut-off", everyone - rows), ("out", rows)]


def _counted(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> ibis.Table:
    """Lines before the cut-off, with their category's first part."""
    lines = warehouse.table(PURCHASES)
    lines = lines.filter(lines.ordered_at_local < ibis.timestamp(cut_off.isoformat(sep=" ")))
    return lines.mutate(top_category=first_part(lines.category, settings.features.category_separator))


def first_part(path: Expression, separator: str) -> Expression:
    """The widest category of a path; the path itself where nothing separates its parts."""
    if not separator:
        return path
    place = path.find(separator)
    return (place > 0).ifelse(path.substr(0, place).strip(), path)


def _top_categories(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> ibis.Table:
    """The categories with the biggest gross spend of known customers."""
    lines = _counted(warehouse, settings, cut_off)
    sales = lines.filter(is_counted_sale(lines, settings) & lines.customer_id.notnull())
    named = sales.filter(sales.top_category.notnull())
    totals = named.group_by(category=named.top_category).aggregate(gross_spend=money(named.line_total.sum()))
    everything = sales.aggregate(everything=money(sales.line_total.sum()))
    ranked = totals.mutate(
        rank=ibis.row_number().over(order_by=[totals.gross_spend.desc(), totals.category.asc()]) + 1
    ).cross_join(everything)
    return ranked.filter(ranked["rank"] <= TOP_CATEGORY_COUNT).select(
        "rank", "category", "gross_spend", spend_share=ratio(ranked.gross_spend, ranked.everything)
    )


def customer_features(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> ibis.Table:
    """One row per customer with at least one sale line before the cut-off.

    `top_categories` must be of the same cut-off.
    """
    lines = _counted(warehouse, settings, cut_off)
    known = lines.filter(lines.customer_id.notnull())
    sales = known.filter(is_counted_sale(known, settings))
    returned = known.filter(is_counted_return(known, settings))
    orders = sales.group_by(["customer_id", "order_id"]).aggregate(
        value=money(sales.line_total.sum()),
        lines=sales.count(),
        units=money(sales.quantity.sum()),
        first=sales.ordered_at_local.min(),
        last=sales.ordered_at_local.max(),
    )
    totals = orders.group_by("customer_id").aggregate(
        first=orders["first"].min(),
        last=orders["last"].max(),
        last_order=orders["first"].max(),
        order_count=orders.count(),
        line_count=orders["lines"].sum(),
        unit_count=money(orders["units"].sum()),
        gross_spend=money(orders["value"].sum()),
    )
    products = sales.group_by("customer_id").aggregate(distinct_products=sales.product_id.nunique())
    back = returned.group_by("customer_id").aggregate(returned_value=money((-returned.line_total).sum()))
    joined = totals
    for part in (products, back, _median_order_values(orders), _category_spend(warehouse, sales)):
        joined = joined.left_join(part, "customer_id").drop("customer_id_right")
    customers = warehouse.table(CUSTOMERS).select("customer_id", "country")
    joined = joined.left_join(customers, "customer_id").drop("customer_id_right")
    zero = money(ibis.literal(0))
    joined = joined.mutate(returned_value=joined.returned_value.coalesce(zero))
    between = (seconds_of(joined.last_order) - seconds_of(joined["first"])).cast("float64") / SECONDS_PER_DAY
    shares = {
        f"category_share_{rank}": ratio(joined[f"category_spend_{rank}"].coalesce(zero), joined.gross_spend)
        for rank in range(1, TOP_CATEGORY_COUNT + 1)
    }
    computed = joined.select(
        customer_id=joined.customer_id,
        recency_days=whole_days_between(joined["last"], cut_off),
        tenure_days=whole_days_between(joined["first"], cut_off),
        order_count=joined.order_count,
        line_count=joined.line_count,
        unit_count=joined.unit_count,
        distinct_products=joined.distinct_products,
        gross_spend=joined.gross_spend,
        net_spend=money(joined.gross_spend - joined.returned_value),
        average_order_value=ratio(joined.gross_spend, joined.order_count),
        median_order_value=joined.median_order_value,
        mean_days_between_orders=between / (joined.order_count - 1).nullif(0),
        return_rate=ratio(joined.returned_value, joined.gross_spend),
        **shares,
        country=joined.country,
    )
    return computed.select("customer_id", *[feature.name for feature in FEATURES])


def _median_order_values(orders: ibis.Table) -> ibis.Table:
    """The exact median of each customer's order values, by row number: no engine's approximate quantile."""
    place = ibis.row_number().over(group_by="customer_id", order_by=[orders["value"], orders.order_id])
    count = orders.count().over(group_by="customer_id")
    placed = orders.mutate(place=place + 1, orders_of_customer=count)
    middle = placed.filter(
        (placed.place == (placed.orders_of_customer + 1) // 2) | (placed.place == (placed.orders_of_customer + 2) // 2)
    )
    return middle.group_by("customer_id").aggregate(
        median_order_value=middle["value"].sum().cast("float64") / middle.count()
    )


def _category_spend(warehouse: Warehouse, sales: ibis.Table) -> ibis.Table:
    """Each customer's gross spend in each of the top categories."""
    top = warehouse.table(TOP_CATEGORIES).select("rank", top_category="category")
    spent = sales.inner_join(top, "top_category")
    return spent.group_by("customer_id").aggregate(
        **{
            f"category_spend_{rank}": money_where(spent["rank"] == rank, spent.line_total)
            for rank in range(1, TOP_CATEGORY_COUNT + 1)
        }
    )
