"""The ways to recommend: popularity and what is bought together as baselines, matrix factorisation as the model that must beat them.

Each scores every product for some customers, in about the same unit: 0 is "would not buy", 1 is "would".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from sahara_assets.recommendations.interactions import Csr
    from sahara_assets.recommendations.order_products import FloatArray
    from sahara_assets.recommendations.top import Scores

MATRIX_FACTORISATION, BOUGHT_TOGETHER, POPULARITY = "matrix_factorisation", "bought_together", "popularity"

IN_WORDS = {
    MATRIX_FACTORISATION: "matrix factorisation",
    BOUGHT_TOGETHER: "what is bought together",
    POPULARITY: "popularity",
}

_WHERE_NOTHING_IS_BOUGHT_TOGETHER = 1e-3
"""How much popularity counts beside it: enough to order the products that nothing is known of, too little to change anything else."""


class Recommender(Protocol):
    """Something that scores every product for the customers it was made for."""

    def scores(self, first: int, last: int) -> Scores:
        """One row for each of the customers from `first` up to `last`, one column per product; the caller may overwrite them."""


@dataclass(frozen=True)
class Popularity:
    """The same for everybody: the share of customers who bought a product, each counting less with time."""

    popularity: FloatArray

    def scores(self, first: int, last: int) -> Scores:
        """See `Recommender`."""
        return np.tile(self.popularity.astype(np.float32), (last - first, 1))


@dataclass(frozen=True)
class Together:
    """How often a product stands on the orders of what the customer has: the mean of the confidences, by the customer's weights."""

    weights: Csr
    confidences: Csr
    popularity: FloatArray | None

    def scores(self, first: int, last: int) -> Scores:
        """See `Recommender`; where `popularity` is not given, products without any companion among the customer's have 0."""
        own = self.weights[first:last]
        found: Any = (own @ self.confidences).toarray()
        total = np.asarray(own.sum(axis=1)).ravel()
        found /= np.where(total > 0, total, 1.0)[:, None]
        if self.popularity is not None:
            found += _WHERE_NOTHING_IS_BOUGHT_TOGETHER * self.popularity
        return np.asarray(found, dtype=np.float32)


class Factorised:
    """Products of customers' and products' factors."""

    def __init__(self, customers: FloatArray, items: FloatArray) -> None:
        """Take factors as `factorisation.fold_in` and `item_factors` give them."""
        self._customers = customers.astype(np.float32)
        self._items = np.ascontiguousarray(items.T.astype(np.float32))

    def scores(self, first: int, last: int) -> Scores:
        """See `Recommender`."""
        return np.asarray(self._customers[first:last] @ self._items)
