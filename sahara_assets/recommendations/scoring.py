"""From the champion to `product_recommendations` and `product_audiences`: a part of the customers at a time, everyone folded in.

The scores of all products for some thousand customers are made at once, used for both tables, and forgotten, so that memory does not
grow with the number of customers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.recommendations.baselines import described
from sahara_assets.recommendations.factorisation import fold_in
from sahara_assets.recommendations.interactions import interactions_at
from sahara_assets.recommendations.methods import (
    BOUGHT_TOGETHER,
    MATRIX_FACTORISATION,
    POPULARITY,
    Factorised,
    Popularity,
    Together,
)
from sahara_assets.recommendations.model import champion, read_factors
from sahara_assets.recommendations.order_products import read_order_products
from sahara_assets.recommendations.promotions import Promotion, promotions
from sahara_assets.recommendations.together import bought_together
from sahara_assets.recommendations.top import blocks, top
from sahara_assets.tables.recommendations import PRODUCT_AUDIENCES, PRODUCT_RECOMMENDATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import pyarrow as pa

    from sahara_assets.recommendations.interactions import Interactions
    from sahara_assets.recommendations.methods import Recommender
    from sahara_assets.recommendations.order_products import FloatArray, IntArray
    from sahara_assets.recommendations.together import Pairs
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

ROWS_AT_ONCE = 500_000
"""Rows that are handed to the warehouse at a time."""

_UNNAMED = -1
POPULAR_REASON = "popular with other customers"
ALIKE_REASON = "chosen by customers with similar purchases"


@dataclass
class _Counts:
    """What became of the customers."""

    customers: int = 0
    by_popularity: int = 0
    without: int = 0
    methods: dict[str, int] = field(default_factory=dict)


def build_recommendations(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> tuple[int, dict[str, Any]]:
    """Write both tables as of a cut-off; inside the caller's transaction.

    Returns:
        Rows of `product_recommendations`, and what to remember: how many customers were recommended something, by which method, and what
        was not said of whom.
    """
    current = champion(warehouse)
    assert current is not None  # noqa: S101 - the stage before trained one
    model, wanted = current.model, settings.recommendations
    sales = read_order_products(warehouse, cut_off)
    known = interactions_at(sales, cut_off, wanted)
    pairs = bought_together(sales, cut_off, wanted)
    buyers = np.flatnonzero(np.diff(known.seen.indptr))
    details: dict[str, Any] = {"model_version": model.version, "method": model.method}
    own = known.weights[buyers]
    recommender: Recommender
    popular = Popularity(known.popularity)
    reverse: Recommender = Together(own, pairs.as_matrix(), None)
    if model.method == MATRIX_FACTORISATION and model.factors and model.regularisation:
        items = read_factors(warehouse, sales.products, model.factors)
        customers = fold_in(own, items, regularisation=model.regularisation, confidence=model.confidence)
        recommender = reverse = Factorised(customers, items)
        kept = np.unique(known.weights.indices)
        details["products_new_to_the_model"] = int((~items[kept].any(axis=1)).sum())
    elif model.method == BOUGHT_TOGETHER:
        recommender = Together(own, pairs.as_matrix(), known.popularity)
    else:
        recommender = popular
    declared = promotions(warehouse, settings, sales.products)
    writer = _Writer(warehouse, settings, sales.customers, sales.products, pairs)
    warehouse.clear(PRODUCT_RECOMMENDATIONS)
    warehouse.clear(PRODUCT_AUDIENCES)
    offered = known.on_offer(cut_off, wanted.sold_within_days)
    scored = _Scored(known, buyers, recommender, reverse, popular, model.method, offered)
    for part in writer.tables(scored, declared):
        warehouse.insert_arrow(PRODUCT_RECOMMENDATIONS, part)
    warehouse.insert_arrow(PRODUCT_AUDIENCES, writer.audiences(declared))
    counts = writer.counts
    details |= {
        "customers": counts.customers,
        "customers_by_popularity": counts.by_popularity,
        "customers_without": counts.without,
        "recommendations_by_method": dict(sorted(counts.methods.items())),
        "audiences": {each.name: len(each.customers) for each in declared},
        "notices": [notice for each in declared for notice in each.notices],
    }
    return warehouse.count(PRODUCT_RECOMMENDATIONS), details


@dataclass(frozen=True)
class _Scored:
    """Who is scored and by what; `buyers` are customers' numbers, and the recommenders count in their order."""

    known: Interactions
    buyers: IntArray
    recommender: Recommender
    reverse: Recommender
    popular: Popularity
    method: str
    offered: Any


class _Writer:
    """Turns scores into rows."""

    def __init__(
        self, warehouse: Warehouse, settings: Settings, customers: list[str], products: list[str], pairs: Pairs
    ) -> None:
        import pyarrow as pa

        self.settings = settings.recommendations
        self.counts = _Counts()
        self._customers = pa.array(customers, pa.string())
        self._products = pa.array(products, pa.string())
        names = described(warehouse, products)
        self._names = pa.array(names, pa.string())
        reasons = [f"bought with {name or product}" for name, product in zip(names, products, strict=True)]
        # The two other reasons stand behind the products' own.
        self._reasons = pa.array([*reasons, POPULAR_REASON, ALIKE_REASON], pa.string())
        self._width = len(products)
        self._companions = np.full((self._width, int(pairs.rank.max(initial=0))), _UNNAMED, dtype=np.int64)
        self._companions[pairs.product, pairs.rank - 1] = pairs.other

    def tables(self, scored: _Scored, declared: list[Promotion]) -> Iterator[pa.Table]:
        """`product_recommendations` in parts, by customer; on the way the best customers of every promotion are remembered."""
        import pyarrow as pa

        parts: list[pa.Table] = []
        rows = 0
        for first, last in blocks(len(scored.buyers), self._width):
            parts.append(self._block(scored, first, last, declared))
            rows += parts[-1].num_rows
            if rows >= ROWS_AT_ONCE:
                yield pa.concat_tables(parts)
                parts, rows = [], 0
        if parts:
            yield pa.concat_tables(parts)

    def _block(self, scored: _Scored, first: int, last: int, declared: list[Promotion]) -> pa.Table:
        seen = scored.known.seen[scored.buyers[first:last]]
        had = seen.tocoo()
        scores = scored.recommender.scores(first, last)
        unknown = np.diff(scored.known.weights[scored.buyers[first:last]].indptr) == 0
        if declared:
            towards = scores.copy() if scored.reverse is scored.recommender else scored.reverse.scores(first, last)
            if not self.settings.include_owned:
                towards[had.row, had.col] = -np.inf
            towards[unknown] = -np.inf  # who has kept nothing says nothing
            for promotion in declared:
                promotion.offer(towards, scored.buyers[first:last])
        if unknown.any():
            scores[unknown] = scored.popular.scores(0, 1)
        if not self.settings.include_owned:
            scores[had.row, had.col] = -np.inf
        scores[:, ~scored.offered] = -np.inf
        rows, columns, values = top(scores, self.settings.per_customer)
        return self._rows(scored, first, rows, columns, values, had, unknown)

    def _rows(
        self,
        scored: _Scored,
        first: int,
        rows: IntArray,
        columns: IntArray,
        values: FloatArray,
        had: Any,  # noqa: ANN401 - a sparse array
        unknown: Any,  # noqa: ANN401 - arrays
    ) -> pa.Table:
        import pyarrow as pa

        companion = self._companion(rows, columns, had.row.astype(np.int64), had.col.astype(np.int64))
        named = (companion != _UNNAMED) & ~unknown[rows]
        by_popularity = unknown[rows] | (scored.method == POPULARITY)
        if scored.method == BOUGHT_TOGETHER:
            by_popularity |= ~named
        elsewise = np.where(by_popularity, self._width, self._width + 1)
        methods = np.where(by_popularity, POPULARITY, scored.method)
        self._count(len(unknown), rows, methods, unknown)
        return pa.table(
            {
                "customer_id": self._customers.take(scored.buyers[first + rows]),
                "rank": np.arange(len(rows)) - np.searchsorted(rows, rows) + 1,
                "product_id": self._products.take(columns),
                "description": self._names.take(columns),
                "score": values,
                "method": pa.array(methods.tolist(), pa.string()),
                "reason": self._reasons.take(np.where(named, companion, elsewise)),
                "reason_product_id": self._products.take(pa.array(companion, mask=~named)),
            }
        )

    def _companion(self, rows: IntArray, columns: IntArray, had_rows: IntArray, had_columns: IntArray) -> IntArray:
        """For each recommended product the one most often on its orders that the customer has."""
        found = np.full(len(rows), _UNNAMED, dtype=np.int64)
        if not self._companions.shape[1] or not len(rows):
            return found
        owned = np.sort(had_rows * self._width + had_columns)
        # The least frequent first, so that the most frequent has the last word.
        for rank in reversed(range(self._companions.shape[1])):
            other = self._companions[columns, rank]
            keys = rows * self._width + other
            place = np.minimum(np.searchsorted(owned, keys), len(owned) - 1)
            has = (other != _UNNAMED) & (owned[place] == keys) & (other != columns)
            found[has] = other[has]
        return found

    def _count(self, customers: int, rows: IntArray, methods: Any, unknown: Any) -> None:  # noqa: ANN401 - arrays
        reached = np.unique(rows).size
        self.counts.customers += reached
        self.counts.without += customers - reached
        self.counts.by_popularity += int(unknown.sum())
        for method, count in zip(*np.unique(methods, return_counts=True), strict=True):
            self.counts.methods[str(method)] = self.counts.methods.get(str(method), 0) + int(count)

    def audiences(self, declared: list[Promotion]) -> pa.Table:
        """`product_audiences`, after every part of the customers has been seen."""
        import pyarrow as pa

        customers = np.concatenate([each.customers for each in declared] or [np.zeros(0, np.int64)])
        products = np.concatenate([each.best for each in declared] or [np.zeros(0, np.int64)])
        return pa.table(
            {
                "audience": pa.array([each.name for each in declared for _ in each.customers], pa.string()),
                "rank": pa.array([rank for each in declared for rank in range(1, len(each.customers) + 1)], pa.int64()),
                "customer_id": self._customers.take(customers),
                "product_id": self._products.take(products),
                "description": self._names.take(products),
                "score": np.concatenate([each.scores for each in declared] or [np.zeros(0)]),
            }
        )
