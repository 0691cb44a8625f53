"""What is said of products: which sell most, when on a day, at what margin, and which are bought again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.insights.slices import SLICE, cube, product_cube, rank_over, rolled_up, total_over, with_all_buyers
from sahara_assets.tables.insights import ANONYMOUS, EVERYONE
from sahara_assets.tables.sales import PRODUCTS
from sahara_assets.warehouse.expressions import money, ratio

if TYPE_CHECKING:
    from sahara_assets.insights.slices import Scope


def described(scope: Scope, rows: ibis.Table, *more: str) -> ibis.Table:
    """Rows by `product_id` with the product's `description` and further columns of it."""
    products = scope.warehouse.table(PRODUCTS).select("product_id", "description", *more)
    return rows.left_join(products, "product_id").drop("product_id_right")


def top_products(scope: Scope) -> ibis.Table:
    """The products that sell most, by lines, units or spend."""
    # Rows of fees and of products that were only returned are no rows of a ranking.
    cells = rolled_up(scope, product_cube(scope.lines), ["product_id"])
    cells = cells.filter(cells.line_count > 0)
    ranked = cells.mutate(
        all_lines=total_over(cells, "line_count", SLICE),
        all_spend=total_over(cells, "gross_spend", SLICE),
        rank_by_lines=rank_over(cells, "line_count", SLICE, ["product_id"]),
        rank_by_units=rank_over(cells, "unit_count", SLICE, ["product_id"]),
        rank_by_spend=rank_over(cells, "gross_spend", SLICE, ["product_id"]),
    )
    most = scope.kept_rows
    kept = ranked.filter(
        (ranked.rank_by_lines <= most) | (ranked.rank_by_units <= most) | (ranked.rank_by_spend <= most)
        if scope.has_money
        else (ranked.rank_by_lines <= most) | (ranked.rank_by_units <= most)
    )
    rows = described(scope, kept)
    return rows.select(
        *SLICE,
        "product_id",
        "description",
        "line_count",
        "unit_count",
        "order_count",
        "all_line_count",
        "rank_by_lines",
        "rank_by_units",
        gross_spend=scope.spend(rows.gross_spend),
        line_share=ratio(rows.line_count, rows.all_lines),
        spend_share=scope.spend_share(rows.gross_spend, rows.all_spend),
        rank_by_spend=scope.spend_rank(rows.rank_by_spend),
    )


def product_parts_of_day(scope: Scope) -> ibis.Table:
    """When on a day the best sellers sell: their cells, and whatever other cells are among the biggest."""
    by = ["product_id", "part_of_day"]
    cells = with_all_buyers(scope, cube(scope.goods, by, months=False), by)
    cells = cells.mutate(product_lines=total_over(cells, "line_count", ["buyers", "product_id"]))
    ranked = cells.mutate(
        rank_by_lines=rank_over(cells, "line_count", ["buyers"], by),
        product_rank=ibis.dense_rank().over(
            group_by="buyers", order_by=[cells.product_lines.desc(), cells.product_id.asc()]
        )
        + 1,
    )
    kept = ranked.filter((ranked.rank_by_lines <= scope.kept_rows) | (ranked.product_rank <= scope.kept_rows))
    rows = described(scope, kept)
    return rows.select(
        "buyers",
        "product_id",
        "description",
        "part_of_day",
        "line_count",
        "unit_count",
        "order_count",
        "rank_by_lines",
        "product_rank",
        gross_spend=scope.spend(rows.gross_spend),
        product_share=ratio(rows.line_count, rows.product_lines),
    )


def product_margins(scope: Scope) -> ibis.Table:
    """Margin beside sales, where the margin is known."""
    products = scope.warehouse.table(PRODUCTS)
    known = products.filter(products.margin.notnull()).select("product_id", "margin")
    goods = scope.goods.semi_join(known, "product_id")
    cells = rolled_up(scope, cube(goods, ["product_id"]), ["product_id"])
    rows = described(scope, cells, "product_group", "brand", "margin", "cost")
    if scope.has_money:
        profit = money(rows.gross_spend * rows.margin)
    else:
        # Price = cost ÷ (1 − margin), of which the margin is the profit; without a cost, or at a margin of 1, nothing is known.
        left = ibis.literal(1).cast("decimal(18, 4)") - rows.margin
        profit = money(
            (rows.unit_count.cast("float64") * rows.cost.cast("float64") * rows.margin.cast("float64"))
            / left.cast("float64").nullif(0)
        )
    rows = rows.mutate(gross_profit=profit)
    ranked = rows.mutate(
        rank_by_lines=rank_over(rows, "line_count", SLICE, ["product_id"]),
        place=ibis.row_number().over(
            group_by=list(SLICE),
            order_by=[rows.gross_profit.isnull().ifelse(1, 0), rows.gross_profit.desc(), rows.product_id.asc()],
        )
        + 1,
    )
    kept = ranked.filter((ranked.rank_by_lines <= scope.kept_rows) | (ranked.place <= scope.kept_rows))
    return kept.select(
        *SLICE,
        "product_id",
        "description",
        "product_group",
        "brand",
        "margin",
        "cost",
        "line_count",
        "unit_count",
        "order_count",
        "gross_profit",
        "rank_by_lines",
        gross_spend=scope.spend(kept.gross_spend),
        rank_by_profit=kept.gross_profit.isnull().ifelse(ibis.null("int64"), kept.place),
    )


def _customer_products(scope: Scope) -> ibis.Table:
    """Customer and product, with the measures of the two, by buyers (never everyone: anonymous orders have no customer)."""
    goods = scope.goods.filter(scope.goods.buyers != ANONYMOUS)
    by = ["customer_id", "product_id"]
    cells = with_all_buyers(scope, cube(goods, by, months=False), by)
    return cells.filter(cells.buyers != EVERYONE)


def repeat_purchases(scope: Scope) -> ibis.Table:
    """What customers buy again."""
    pairs = _customer_products(scope)
    pairs = pairs.filter(pairs.order_count > 1)
    ties = ["customer_id", "product_id"]
    ranked = pairs.mutate(
        rank_by_lines=rank_over(pairs, "line_count", ["buyers"], ties),
        rank_by_orders=rank_over(pairs, "order_count", ["buyers"], ties),
    )
    kept = ranked.filter((ranked.rank_by_lines <= scope.kept_rows) | (ranked.rank_by_orders <= scope.kept_rows))
    rows = described(scope, kept)
    return rows.select(
        "buyers",
        "customer_id",
        "product_id",
        "description",
        "line_count",
        "unit_count",
        "order_count",
        "rank_by_lines",
        "rank_by_orders",
        gross_spend=scope.spend(rows.gross_spend),
    )


def repeat_products(scope: Scope) -> ibis.Table:
    """Products that the same customer orders again."""
    pairs = _customer_products(scope)
    counted = pairs.group_by(["buyers", "product_id"]).aggregate(
        customer_count=pairs.count(),
        repeat_customer_count=(pairs.order_count > 1).ifelse(1, 0).sum(),
        order_count=pairs.order_count.sum(),
    )
    again = counted.filter(counted.repeat_customer_count > 0)
    ranked = again.mutate(
        rank_by_repeat_customers=rank_over(again, "repeat_customer_count", ["buyers"], ["product_id"])
    )
    rows = described(scope, ranked.filter(ranked.rank_by_repeat_customers <= scope.kept_rows))
    return rows.select(
        "buyers",
        "product_id",
        "description",
        "customer_count",
        "repeat_customer_count",
        "order_count",
        "rank_by_repeat_customers",
        repeat_customer_share=ratio(rows.repeat_customer_count, rows.customer_count),
        repeat_order_count=rows.order_count - rows.customer_count,
    )
