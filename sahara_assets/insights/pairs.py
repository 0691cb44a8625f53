"""Products that are bought together, by product id: orders with both, support, confidence and lift.

`pair_counts` is for any baskets; what is kept of the pairs for people is `basket_pairs`. The number of pairs grows with the square of
a basket's size, so that pairs that cannot be among the best are never formed: a pair stands on no more orders than its rarer product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.insights.slices import all_buyers
from sahara_assets.tables.sales import PRODUCTS
from sahara_assets.warehouse.expressions import Expression, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.insights.slices import Scope

_TRIED = 200
"""The most popular products, among whose pairs the bar is found that others must reach."""


def pair_counts(baskets: ibis.Table, by: Sequence[str] = ()) -> ibis.Table:
    """How many baskets hold each two products.

    Args:
        baskets: distinct rows of `by`, `order_id` and `product_id`.
        by: baskets are counted apart for each value of these columns.

    Returns:
        `by`, `product_a`, `product_b` (bytewise a < b), `order_count`, for pairs that stand together at all.
    """
    one = baskets.select(*by, "order_id", product_a="product_id")
    other = baskets.select(*by, "order_id", product_b="product_id")
    both = one.join(other, [*by, "order_id"])
    both = both.filter(both.product_a < both.product_b)
    return both.group_by([*by, "product_a", "product_b"]).aggregate(order_count=both.count())


def measured(pairs: ibis.Table, products: ibis.Table, sizes: ibis.Table, by: Sequence[str] = ()) -> ibis.Table:
    """Pairs with support, confidence and lift.

    Args:
        pairs: as `pair_counts` gives them.
        products: `by`, `product_id`, `order_count`: the baskets with each product.
        sizes: `by`, `basket_count`; one row where `by` is empty.
        by: what counts apart.
    """
    first = products.select(*by, product_a="product_id", order_count_a="order_count")
    second = products.select(*by, product_b="product_id", order_count_b="order_count")
    joined = pairs.join(first, [*by, "product_a"]).join(second, [*by, "product_b"])
    joined = joined.join(sizes, list(by)) if by else joined.cross_join(sizes)
    both, a, b = (joined[name].cast("float64") for name in ("order_count", "order_count_a", "order_count_b"))
    return joined.mutate(
        support=ratio(joined.order_count, joined.basket_count),
        confidence_a_to_b=both / a,
        confidence_b_to_a=both / b,
        lift=both * joined.basket_count.cast("float64") / (a * b),
    )


def basket_pairs(scope: Scope) -> ibis.Table:
    """The pairs that stand on most orders."""
    baskets = _baskets(scope)
    products = baskets.group_by(["buyers", "product_id"]).aggregate(order_count=baskets.count())
    sizes = baskets.group_by("buyers").aggregate(basket_count=baskets.order_id.nunique())
    bars = _bars(scope, baskets, products)
    fewest = scope.settings.insights.pair_orders
    bar: Expression = ibis.literal(fewest)
    if bars:
        bar = ibis.cases(*((products.buyers == buyers, least) for buyers, least in sorted(bars.items())), else_=fewest)
    candidates = products.filter(products.order_count >= bar)
    pairs = pair_counts(baskets.semi_join(candidates, ["buyers", "product_id"]), ["buyers"])
    ranked = pairs.mutate(rank_by_orders=_place(pairs))
    kept = ranked.filter(ranked.rank_by_orders <= scope.kept_rows)
    names = scope.warehouse.table(PRODUCTS)
    rows = measured(kept, products, sizes, ["buyers"])
    rows = rows.left_join(names.select(product_a="product_id", description_a="description"), "product_a").drop(
        "product_a_right"
    )
    return rows.left_join(names.select(product_b="product_id", description_b="description"), "product_b").drop(
        "product_b_right"
    )


def _baskets(scope: Scope) -> ibis.Table:
    """Orders with their different products, for every kind of buyers."""
    own = scope.goods.select("buyers", "order_id", "product_id").distinct()
    return own.rename(own_buyers="buyers").join(all_buyers(scope), "own_buyers").drop("own_buyers")


def _place(pairs: ibis.Table) -> Expression:
    order = [pairs.order_count.desc(), pairs.product_a.asc(), pairs.product_b.asc()]
    return ibis.row_number().over(group_by="buyers", order_by=order) + 1


def _bars(scope: Scope, baskets: ibis.Table, products: ibis.Table) -> dict[str, int]:
    """By buyers, a number of orders that each pair to be kept reaches: what the last one to be kept has among popular products alone."""
    order = [products.order_count.desc(), products.product_id.asc()]
    placed = products.mutate(place=ibis.row_number().over(group_by="buyers", order_by=order) + 1)
    popular = placed.filter(placed.place <= _TRIED)
    pairs = pair_counts(baskets.semi_join(popular, ["buyers", "product_id"]), ["buyers"])
    ranked = pairs.mutate(place=_place(pairs))
    last = scope.warehouse.rows(ranked.filter(ranked.place == scope.kept_rows).select("buyers", "order_count"))
    fewest = scope.settings.insights.pair_orders
    return {row["buyers"]: max(row["order_count"], fewest) for row in last}
