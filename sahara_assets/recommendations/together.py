"""What is bought together: how often two products stand in one order, and what follows from that for a customer.

By product id and never by name: matching names by substring, as the Ecom system does, takes "Pen" for a part of "Pencil case". The
counts are whole numbers, equal on every warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.recommendations.order_products import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sahara_assets.recommendations.order_products import IntArray, OrderProducts
    from sahara_assets.settings.recommendations import RecommendationSettings

_CELLS = 1 << 23
"""How many counts are held at a time: pairs grow with the square of the products."""


@dataclass(frozen=True)
class Pairs:
    """The most frequent companions of each product; one entry per pair, by product and rank.

    Attributes:
        product, other: numbers of products.
        rank: of `other` among the product's companions, from 1.
        orders: orders that hold both.
        order_counts: per product the orders that hold it.
        order_count: orders in all.
        product_count: products in all.
    """

    product: IntArray
    other: IntArray
    rank: IntArray
    orders: IntArray
    order_counts: IntArray
    order_count: int
    product_count: int

    @property
    def confidence(self) -> Any:  # noqa: ANN401 - an array
        """Share of the product's orders that hold the other."""
        return self.orders / self.order_counts[self.product]

    @property
    def support(self) -> Any:  # noqa: ANN401 - an array
        """Share of all orders that hold both."""
        return self.orders / max(self.order_count, 1)

    @property
    def lift(self) -> Any:  # noqa: ANN401 - an array
        """Confidence ÷ the other's share of all orders."""
        return self.confidence / (self.order_counts[self.other] / max(self.order_count, 1))

    def as_matrix(self) -> Any:  # noqa: ANN401 - a sparse array
        """Confidences, products × others."""
        from scipy import sparse

        shape = (self.product_count, self.product_count)
        return sparse.csr_array((self.confidence, (self.product, self.other)), shape)


def bought_together(sales: OrderProducts, moment: datetime, settings: RecommendationSettings) -> Pairs:
    """The pairs as of a local moment.

    A product is in an order once, however many lines it has there, and not at all where the order itself says that it came back. The
    matrix of counts is made in parts, so that memory is bounded whatever the number of products.
    """
    from scipy import sparse

    known = sales.before(moment)
    if not settings.anonymous_orders:
        known = known.where(known.customer != NOBODY)
    known = known.where(known.bought > known.returned)
    orders, row = np.unique(known.order, return_inverse=True)
    count = len(sales.products)
    # An order with lines of two customers has the product twice; it is one order.
    cells = np.unique(row * count + known.product)
    holds = sparse.csr_array((np.ones(len(cells), np.int32), (cells // count, cells % count)), (len(orders), count))
    by_product = holds.T.tocsr()
    order_counts = np.diff(by_product.indptr).astype(np.int64)
    found = []
    step = max(1, _CELLS // max(count, 1))
    for first in range(0, count, step):
        part = (by_product[first : first + step] @ holds).tocoo()
        keep = (part.data >= settings.minimum_pair_orders) & (part.row + first != part.col)
        found.append(_companions(part.row[keep] + first, part.col[keep], part.data[keep], settings.pairs_per_product))
    product, other, rank, together = (
        np.concatenate([part[place] for part in found]).astype(np.int64) if found else np.zeros(0, np.int64)
        for place in range(4)
    )
    return Pairs(product, other, rank, together, order_counts, len(orders), count)


def _companions(product: Any, other: Any, orders: Any, most: int) -> tuple[Any, Any, Any, Any]:  # noqa: ANN401 - arrays
    """The first few per product: most orders first, ties by id."""
    ordered = np.lexsort((other, -orders.astype(np.int64), product))
    product, other, orders = product[ordered], other[ordered], orders[ordered]
    starts = np.searchsorted(product, product)
    rank = np.arange(len(product)) - starts + 1
    kept = rank <= most
    return product[kept], other[kept], rank[kept], orders[kept]


def also_bought(
    sales: OrderProducts, product_ids: Iterable[str], start: datetime, end: datetime
) -> list[tuple[str, float, int]]:
    """What buyers of some products bought besides in a period, on whichever order: id, units, buyers; most units first.

    Args:
        sales: the products of every order.
        product_ids: whose buyers are meant; unknown ids have none.
        start: local moment from which purchases count, of these products and of others.
        end: local moment from which they count no more.
    """
    period = sales.since(start).before(end)
    period = period.where((period.customer != NOBODY) & (period.bought > 0))
    wanted = set(product_ids)
    named = np.array([place for place, product in enumerate(sales.products) if product in wanted], dtype=np.int64)
    of_these = np.isin(period.product, named)
    buyers = np.unique(period.customer[of_these])
    others = period.where(np.isin(period.customer, buyers) & ~of_these)
    units = np.bincount(others.product, others.bought, len(sales.products))
    pairs = np.unique(others.customer * len(sales.products) + others.product)
    counts = np.bincount(pairs % max(len(sales.products), 1), minlength=len(sales.products))
    order = np.lexsort((np.arange(len(units)), -units))
    return [(sales.products[place], float(units[place]), int(counts[place])) for place in order if units[place] > 0]
