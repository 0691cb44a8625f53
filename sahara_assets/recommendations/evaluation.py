"""How good recommendations would have been: trained on what came before a moment, measured on what customers bought after it.

Only what was new to a customer counts: a pair that was known in training is no recommendation, and whoever repeats purchases would make
any method look good. Of what was new only products count that had been sold before; the others nobody could have recommended, and how
many they are is said.

Precision, recall, average precision (divided by the smaller of k and the number of new products) and NDCG (every new product gains 1)
are means over customers, at 5 and at 10. Of BigQuery ML's columns for implicit feedback (RankingMetrics in its API: mean average
precision over all items ranked, squared error against a preference of 1 or 0, NDCG, and average rank, the mean percentile rank) each is
computed over the whole ranking of what the customer did not have; newer pages name `recall` in the place of the first, without a
length, and here it is that of the first ten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.recommendations.top import DECIMALS, blocks, top

if TYPE_CHECKING:
    from datetime import datetime

    from sahara_assets.recommendations.interactions import Csr, Interactions
    from sahara_assets.recommendations.methods import Recommender
    from sahara_assets.recommendations.order_products import FloatArray, IntArray, OrderProducts

LENGTHS = (5, 10)
MOST_CUSTOMERS = 20_000
"""Customers that are measured; of more a seeded draw is taken, which tells methods apart as well."""

_OUT_OF_REACH = np.float32(-1e30)
"""The score of products that are not on offer: behind all others, before those that the customer has."""


@dataclass(frozen=True)
class Later:
    """What happened after a moment, of the customers who had bought before it and something new after it.

    Attributes:
        customers: their numbers.
        new: customers (in that order) × products, 1 for what they bought that they had not had.
        unknown_pairs: pairs left out because the product had not been sold before.
    """

    customers: IntArray
    new: Csr
    unknown_pairs: int


def later_purchases(
    sales: OrderProducts, known: Interactions, start: datetime, end: datetime, *, seed: int, most: int = MOST_CUSTOMERS
) -> Later:
    """What customers bought and kept from `start` up to `end` (local) that they had never had, of the products known by `start`."""
    from scipy import sparse

    period = sales.since(start).before(end)
    period = period.where(period.customer >= 0)
    width = len(sales.products)
    pairs, pair = np.unique(period.customer * width + period.product, return_inverse=True)
    bought, returned = np.bincount(pair, period.bought, len(pairs)), np.bincount(pair, period.returned, len(pairs))
    pairs = pairs[bought > returned]
    seen = known.seen.tocoo()
    pairs = pairs[~np.isin(pairs, seen.row.astype(np.int64) * width + seen.col)]
    # Who had nothing before is recommended what is popular, whatever the method: nothing to compare.
    had = np.diff(known.weights.indptr) > 0
    pairs = pairs[had[pairs // width]]
    was_sold = ~np.isnat(known.last_sold)
    unknown = int((~was_sold[pairs % width]).sum())
    pairs = pairs[was_sold[pairs % width]]
    customers = np.unique(pairs // width)
    if len(customers) > most:
        customers = np.sort(np.random.default_rng(seed).choice(customers, most, replace=False))
        pairs = pairs[np.isin(pairs // width, customers)]
    rows = np.searchsorted(customers, pairs // width)
    new = sparse.csr_array((np.ones(len(pairs)), (rows, pairs % width)), (len(customers), width))
    return Later(customers, new, unknown)


def evaluate(method: Recommender, later: Later, known: Interactions, offered: Any) -> dict[str, float | None]:  # noqa: ANN401 - a mask
    """What a method is worth on what happened later.

    Args:
        method: scores the customers of `later`, in their order.
        later: what they bought.
        known: what was known when the method was made.
        offered: which products could be recommended.

    Returns:
        The columns of `recommendation_evaluation` that measure something.
    """
    seen = known.seen[later.customers]
    width = seen.shape[1]
    ranks: list[IntArray] = []
    rows: list[IntArray] = []
    reachable: list[Any] = []
    recommended: list[IntArray] = []
    squared = 0.0
    for first, last in blocks(len(later.customers), width):
        scores = method.scores(first, last)
        had, new = seen[first:last].tocoo(), later.new[first:last].tocoo()
        scores[had.row, had.col] = 0.0
        squared += float(np.square(scores, dtype=np.float64).sum())
        squared += float((1.0 - 2.0 * scores[new.row, new.col].astype(np.float64)).sum())
        scores[:, ~offered] = _OUT_OF_REACH
        scores[had.row, had.col] = -np.inf
        ranks.append(_ranks(scores, new.row, new.col))
        rows.append(new.row.astype(np.int64) + first)
        reachable.append(offered[new.col])
        scores[:, ~offered] = -np.inf
        recommended.append(top(scores, max(LENGTHS))[1])
    had_by = np.asarray(known.seen.sum(axis=0)).ravel() / max(known.customer_count, 1)
    chosen = np.concatenate(recommended)
    unseen = width - np.diff(seen.indptr)
    found = _measures(np.concatenate(ranks), np.concatenate(rows), np.concatenate(reachable), unseen)
    shares = np.maximum(had_by[chosen], 1.0 / max(known.customer_count, 1))
    found["coverage_at_10"] = float(np.unique(chosen).size / max(int(offered.sum()), 1))
    found["novelty_at_10"] = float(-np.log2(shares).mean()) if len(chosen) else None
    found["mean_squared_error"] = squared / max(int(unseen.sum()), 1)
    found["recall"] = found["recall_at_10"]
    return found


def _ranks(scores: Any, rows: Any, columns: Any) -> IntArray:  # noqa: ANN401 - arrays
    """The place of some cells in their rows, from 1; of equal scores the smallest column comes first."""
    rounded = np.round(scores, DECIMALS)
    ascending = np.sort(rounded, axis=1)
    found = np.empty(len(rows), dtype=np.int64)
    for place, (row, column) in enumerate(zip(rows, columns, strict=True)):
        value = rounded[row, column]
        below, up_to = np.searchsorted(ascending[row], value, "left"), np.searchsorted(ascending[row], value, "right")
        before = int((rounded[row, :column] == value).sum()) if up_to - below > 1 else 0
        found[place] = 1 + len(ascending[row]) - up_to + before
    return found


def _measures(ranks: IntArray, rows: IntArray, reachable: Any, unseen: IntArray) -> dict[str, float | None]:  # noqa: ANN401 - a mask
    """Means over customers, from the rank of every new product; `rows` say whose it is."""
    order = np.lexsort((ranks, rows))
    ranks, rows, reachable = ranks[order], rows[order], reachable[order]
    count = len(unseen)
    totals = np.bincount(rows, minlength=count)
    place = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    gains = 1.0 / np.log2(ranks + 1.0)
    longest = int(totals.max(initial=0))
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2.0, longest + 2.0)))])

    def mean(per_pair: FloatArray, per_customer: Any) -> float:  # noqa: ANN401 - an array
        return float((np.bincount(rows, per_pair, count) / per_customer).mean())

    found: dict[str, float | None] = {}
    for length in LENGTHS:
        hit = ((ranks <= length) & reachable).astype(np.float64)
        found[f"precision_at_{length}"] = mean(hit, length)
        found[f"recall_at_{length}"] = mean(hit, totals)
        found[f"map_at_{length}"] = mean(hit * place / ranks, np.minimum(totals, length))
        found[f"ndcg_at_{length}"] = mean(hit * gains, ideal[np.minimum(totals, length)])
    found["mean_average_precision"] = mean(place / ranks, totals)
    found["normalized_discounted_cumulative_gain"] = mean(gains, ideal[totals])
    percentile = (ranks - 1.0) / np.maximum(unseen[rows] - 1.0, 1.0)
    found["average_rank"] = float(percentile.mean())
    return found
