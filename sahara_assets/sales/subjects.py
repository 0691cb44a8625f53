"""`purchases` → `orders` and `products`: one row for each subject of the sales. Customers are in `customers.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.sales.lines import current_lines
from sahara_assets.tables.datasets import DATASETS
from sahara_assets.tables.sales import ORDERS, PRODUCTS, PURCHASES
from sahara_assets.warehouse.expressions import (
    Expression,
    any_row,
    count_where,
    ids_of_both,
    is_one_of,
    money,
    money_where,
    most_frequent,
)

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

Account = list[tuple[str, int]]
"""A step's account: rows in, rows that leave by reason, rows out."""


def is_counted_sale(lines: ibis.Table, settings: Settings) -> Expression:
    """Whether a line counts as spend: a sale, and no fee where fees are left out."""
    sale = lines.line_kind == "sale"
    return sale if settings.rules.fees_count_as_spend else sale & ~lines.is_fee


def is_counted_return(lines: ibis.Table, settings: Settings) -> Expression:
    """Whether a line takes spend back: a return or a cancellation, and no fee where fees are left out."""
    back = lines.line_kind.isin(["return", "cancellation"])
    return back if settings.rules.fees_count_as_spend else back & ~lines.is_fee


def build_orders(warehouse: Warehouse, settings: Settings) -> tuple[int, Account]:
    """Write `orders`: one row per order id, with what its lines were."""
    lines = warehouse.table(PURCHASES)
    sale, back = is_counted_sale(lines, settings), is_counted_return(lines, settings)
    orders = lines.group_by("order_id").aggregate(
        ordered_at=lines.ordered_at.min(),
        ordered_at_local=lines.ordered_at_local.min(),
        line_count=lines.count(),
        unit_count=money_where(sale, lines.quantity),
        gross_spend=money_where(sale, lines.line_total),
        returned_value=money_where(back, -lines.line_total),
        has_sale=any_row(sale),
        has_return=any_row(lines.line_kind == "return"),
        has_cancellation=any_row(lines.line_kind == "cancellation"),
        has_adjustment=any_row(lines.line_kind == "adjustment"),
    )
    buyers = most_frequent(lines, "order_id", "customer_id", "ordered_at")
    orders = orders.left_join(buyers, "order_id")
    taken = warehouse.count(PURCHASES)
    rows = warehouse.replace(
        ORDERS,
        orders.mutate(
            ordered_on=orders.ordered_at_local.date(), net_spend=money(orders.gross_spend - orders.returned_value)
        ).select(*ORDERS.column_names),
    )
    return rows, [("in: purchases", taken), ("further lines of an order", taken - rows), ("out", rows)]


def build_products(warehouse: Warehouse, settings: Settings) -> tuple[int, Account]:
    """Write `products`: everything that was sold or stands in the catalogue."""
    lines = warehouse.table(PURCHASES)
    sale = is_counted_sale(lines, settings)
    sold = lines.group_by("product_id").aggregate(
        sale_line_count=count_where(sale),
        unit_count=money_where(sale, lines.quantity),
        gross_spend=money_where(sale, lines.line_total),
    )
    catalogue = _catalogue(warehouse, settings)
    ids = ids_of_both(sold, catalogue, "product_id")
    described = most_frequent(lines, "product_id", "description", "ordered_at", name="line_description")
    categorised = most_frequent(lines, "product_id", "category", "ordered_at", name="line_category")
    grouped = most_frequent(lines, "product_id", "product_group", "ordered_at", name="line_group")
    joined = (
        ids.left_join(sold, "product_id")
        .drop("product_id_right")
        .left_join(catalogue, "product_id")
        .drop("product_id_right")
        .left_join(described, "product_id")
        .drop("product_id_right")
        .left_join(categorised, "product_id")
        .drop("product_id_right")
        .left_join(grouped, "product_id")
    )
    nothing = ibis.literal(0)
    rows = warehouse.replace(
        PRODUCTS,
        joined.select(
            product_id=joined.product_id,
            description=joined.description.coalesce(joined.line_description),
            category=joined.category.coalesce(joined.line_category),
            product_group=joined.product_group.coalesce(joined.line_group),
            brand=joined.brand,
            list_price=joined.list_price,
            cost=joined.cost,
            margin=joined.margin,
            is_fee=is_one_of(joined.product_id, settings.rules.fee_codes),
            sale_line_count=joined.sale_line_count.coalesce(nothing),
            unit_count=joined.unit_count.coalesce(money(nothing)),
            gross_spend=joined.gross_spend.coalesce(money(nothing)),
        ),
    )
    on_lines = warehouse.how_many(sold)
    return rows, [
        ("in: products on lines", on_lines),
        ("products of the catalogue without lines (added)", rows - on_lines),
        ("out", rows),
    ]


def _catalogue(warehouse: Warehouse, settings: Settings) -> ibis.Table:
    return current_lines(warehouse, settings, "products").select(*DATASETS["products"].column_names)
