"""Products that are bought together, by product id: orders with both, support, confidence and lift.

The number of pairs grows with the square of a basket's size, so that pairs that cannot be among the best are never formed: a pair
stands on no more orders than its rarer product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.insights.slices import all_buyers, with_all_buyers
from sahara_assets.tables.sales import PRODUCTS
from sahara_assets.warehouse.expressions import Expression, is_one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sahara_assets.insights.slices import Scope
    from sahara_assets.warehouse.base import Row

_TRIED = 200
"""The most popular products, among whose pairs the bar is found that others must reach."""


def basket_pairs(scope: Scope) -> list[Row]:
    """The pairs that stand on most orders, with support, confidence and lift.

    An order has one kind of buyers of its own, so that pairs are formed once for these and then added up to known customers and everyone.
    """
    baskets = scope.goods.select("buyers", "order_id", "product_id").distinct()
    counted = baskets.group_by(["buyers", "product_id"]).aggregate(order_count=baskets.count())
    products = with_all_buyers(scope, counted, ["product_id"])
    sized = baskets.group_by("buyers").aggregate(basket_count=baskets.order_id.nunique())
    bar = _bars(scope, baskets, products)
    pairs = _pairs_among(scope, baskets, products.filter(products.order_count >= bar(products)))
    # A pair whose orders were not all counted for some buyers is under their bar, since one of its products is.
    pairs = pairs.filter(pairs.order_count >= bar(pairs))
    ranked = pairs.mutate(rank_by_orders=_place(pairs))
    # What is kept is little, and is looked up by id: planners who think it much join everything to everything.
    kept = scope.warehouse.rows(ranked.filter(ranked.rank_by_orders <= scope.kept_rows))
    ids = {row[name] for row in kept for name in ("product_a", "product_b")}
    found = scope.warehouse.rows(products.filter(is_one_of(products.product_id, ids)))
    order_counts = {(row["buyers"], row["product_id"]): row["order_count"] for row in found}
    sizes = {row["buyers"]: row["basket_count"] for row in scope.warehouse.rows(with_all_buyers(scope, sized, []))}
    listed = scope.warehouse.table(PRODUCTS).select("product_id", "description")
    names = {
        row["product_id"]: row["description"]
        for row in scope.warehouse.rows(listed.filter(is_one_of(listed.product_id, ids)))
    }
    return [_measured(row, order_counts, sizes[row["buyers"]], names) for row in kept]


def _measured(
    row: Row, order_counts: Mapping[tuple[str, str], int], basket_count: int, names: Mapping[str, str | None]
) -> Row:
    both = row["order_count"]
    a, b = (order_counts[row["buyers"], row[name]] for name in ("product_a", "product_b"))
    return {
        **row,
        "description_a": names.get(row["product_a"]),
        "description_b": names.get(row["product_b"]),
        "order_count_a": a,
        "order_count_b": b,
        "basket_count": basket_count,
        "support": both / basket_count,
        "confidence_a_to_b": both / a,
        "confidence_b_to_a": both / b,
        "lift": both * basket_count / (a * b),
    }


def _pairs_among(scope: Scope, baskets: ibis.Table, products: ibis.Table) -> ibis.Table:
    """Pairs by buyers. All that are among the products of some buyers are whole for these; for others they may count too few orders.

    Args:
        scope: the build's.
        baskets: `buyers` of the order's own kind, `order_id`, `product_id`.
        products: `buyers` of any kind, `product_id`.
    """
    own = products.join(all_buyers(scope), "buyers").select(buyers="own_buyers", product_id="product_id").distinct()
    among = baskets.semi_join(own, ["buyers", "product_id"])
    one, other = (among.rename({name: "product_id"}) for name in ("product_a", "product_b"))
    both = one.join(other, ["buyers", "order_id"])
    both = both.filter(both.product_a < both.product_b)  # bytewise
    pairs = both.group_by(["buyers", "product_a", "product_b"]).aggregate(order_count=both.count())
    return with_all_buyers(scope, pairs, ["product_a", "product_b"])


def _place(pairs: ibis.Table) -> Expression:
    order = [pairs.order_count.desc(), pairs.product_a.asc(), pairs.product_b.asc()]
    return ibis.row_number().over(group_by="buyers", order_by=order) + 1


def _bars(scope: Scope, baskets: ibis.Table, products: ibis.Table) -> Callable[[ibis.Table], Expression]:
    """By the buyers of a row, a number of orders that each pair to be kept reaches: what the last one to be kept has among popular products alone."""
    order = [products.order_count.desc(), products.product_id.asc()]
    placed = products.mutate(place=ibis.row_number().over(group_by="buyers", order_by=order) + 1)
    pairs = _pairs_among(scope, baskets, placed.filter(placed.place <= _TRIED))
    ranked = pairs.mutate(place=_place(pairs))
    last = scope.warehouse.rows(ranked.filter(ranked.place == scope.kept_rows).select("buyers", "order_count"))
    fewest = scope.settings.insights.pair_orders
    bars = sorted((row["buyers"], max(row["order_count"], fewest)) for row in last)

    def bar(rows: ibis.Table) -> Expression:
        if not bars:
            return ibis.literal(fewest)
        return ibis.cases(*((rows.buyers == buyers, least) for buyers, least in bars), else_=fewest)

    return bar
