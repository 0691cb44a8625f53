"""How much each customer is taken to like each product: own purchases, older ones less, what came back not at all.

What methods make of it is in `together.py` and `factorisation.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

    from sahara_assets.recommendations.order_products import FloatArray, OrderProducts
    from sahara_assets.settings.recommendations import RecommendationSettings

Csr = Any
"""A `scipy.sparse.csr_array`; scipy is imported where it is used, because it takes a third of a second."""


@dataclass(frozen=True)
class Interactions:
    """Customers × products, numbered as in `OrderProducts`.

    Attributes:
        weights: above 0 where a customer bought a product and did not bring all of it back.
        seen: 1 where a customer ever bought a product, returned or not.
        popularity: per product the share of customers who bought it, each counting less with time.
        last_sold: per product the local moment of its latest sale; NaT where there is none.
    """

    weights: Csr
    seen: Csr
    popularity: FloatArray
    last_sold: Any

    @property
    def customer_count(self) -> int:
        """Customers who bought and kept something."""
        return int((np.diff(self.weights.indptr) > 0).sum())

    @property
    def product_count(self) -> int:
        """Products that somebody bought and kept."""
        return int(np.unique(self.weights.indices).size)

    def on_offer(self, moment: datetime, sold_within_days: float) -> Any:  # noqa: ANN401 - a mask of products
        """Which products are still sold at a moment."""
        sold = ~np.isnat(self.last_sold)
        if not sold_within_days:
            return sold
        age = np.datetime64(moment) - self.last_sold
        return sold & (age <= np.timedelta64(round(sold_within_days * 86_400), "s"))


def interactions_at(sales: OrderProducts, moment: datetime, settings: RecommendationSettings) -> Interactions:
    """What was known at a local moment.

    Under `own_purchases` an order with the product weighs 1 on the day and half of that after each half-life; orders add up, units do
    not, because a trader's thousand mugs are one liking of mugs. Of what came back the share is taken off, on whichever document it
    stands. `units_sold` is the rating of the Ecom system, by product id: what everybody has bought of the product.
    """
    from scipy import sparse

    known = sales.before(moment)
    known = known.where(known.customer >= 0)
    shape = (len(sales.customers), len(sales.products))
    key = known.customer * shape[1] + known.product
    pairs, pair = np.unique(key, return_inverse=True)
    bought = np.bincount(pair, known.bought, len(pairs))
    returned = np.bincount(pair, known.returned, len(pairs))
    sold = known.bought > 0
    decay = np.where(sold, _decay(known, moment, settings.half_life_days), 0.0)
    kept = np.where(bought > 0, np.clip(1.0 - returned / np.where(bought > 0, bought, 1.0), 0.0, 1.0), 0.0)
    liked = np.bincount(pair, decay, len(pairs)) * kept
    customer, product = pairs // shape[1], pairs % shape[1]
    if settings.rating == "units_sold":
        units = np.bincount(product, np.clip(bought - returned, 0.0, None), shape[1])
        weights = np.where(liked > 0, units[product], 0.0)
    else:
        weights = liked
    counts, ever = liked > 0, bought > 0
    customers = np.unique(customer[counts]).size
    popularity = np.bincount(product[counts], np.minimum(liked[counts], 1.0), shape[1]) / max(customers, 1)
    last_sold = np.full(shape[1], np.datetime64("NaT"), dtype="datetime64[us]")
    np.fmax.at(last_sold, known.product[sold], known.at[sold])
    return Interactions(
        weights=sparse.csr_array((weights[counts], (customer[counts], product[counts])), shape),
        seen=sparse.csr_array((np.ones(int(ever.sum())), (customer[ever], product[ever])), shape),
        popularity=popularity,
        last_sold=last_sold,
    )


def _decay(known: OrderProducts, moment: datetime, half_life_days: float) -> FloatArray:
    if not half_life_days:
        return np.ones(len(known.at))
    days = (np.datetime64(moment) - known.at) / np.timedelta64(1, "D")
    return np.asarray(0.5 ** (days / half_life_days))
