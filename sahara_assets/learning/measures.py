"""How good probabilities are: ranking, calibration, and what a budget reaches. Pure functions of labels and scores.

`labels` are booleans, `scores` anything that ranks and `chances` probabilities, one entry per customer. Definitions are scikit-learn's, which
a test holds them to; ours because ties and empty groups must be the same with every version of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sahara_assets.segmentation.preprocess import FloatArray, IntArray

Labels = npt.NDArray[np.bool_]

GROUPS = 10
"""Deciles."""


def area_under_curve(labels: Labels, scores: FloatArray) -> float:
    """The chance that a random positive outranks a random negative, ties counting half; 0.5 where a class is absent.

    >>> area_under_curve(np.array([False, True, True]), np.array([0.1, 0.1, 0.9]))
    0.75
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return 0.5
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2.0)[place]  # the mean rank of equal scores
    return float((ranks[labels].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def average_precision(labels: Labels, scores: FloatArray) -> float:
    """Precision averaged over the recall that each step adds; equal scores are one step. The share of positives is what chance gives.

    >>> average_precision(np.array([True, False, True]), np.array([0.9, 0.8, 0.7]))
    0.8333333333333333
    """
    positives = int(labels.sum())
    if not positives:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    ranked, found = scores[order], np.cumsum(labels[order])
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    precision = found[ends] / (ends + 1)
    gained = np.diff(np.concatenate([[0], found[ends]])) / positives
    return float(np.sum(precision * gained))


def brier_score(labels: Labels, chances: FloatArray) -> float:
    """The mean squared difference of what was said and what came; 0 is best."""
    return float(np.mean(np.square(chances - labels)))


def log_loss(labels: Labels, chances: FloatArray) -> float:
    """The mean surprise; 0 is best. A certainty that is wrong counts as a chance of 1e-15."""
    clipped = np.clip(chances, 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(labels, np.log(clipped), np.log1p(-clipped))))


def calibration_error(labels: Labels, chances: FloatArray, ids: Sequence[str]) -> float:
    """How far what was said lies from what came, on average over tenths of customers."""
    groups = by_tenths(labels, chances, ids)
    return sum(one.customers * abs(one.mean_probability - one.repeat_share) for one in groups) / len(labels)


@dataclass(frozen=True)
class Tenth:
    """A tenth of the customers, the likeliest first, with what had been said of them and what they did.

    Attributes:
        decile: 1 for the likeliest.
        customers: how many they are.
        repeat_buyers: how many of them did.
        mean_probability: what had been said.
        repeat_share: what came.
        lift: repeat_share ÷ that of everyone.
        reached_share: share of all who did that this tenth and the likelier ones hold.
        reached_lift: reached_share ÷ the share of customers in them.
    """

    decile: int
    customers: int
    repeat_buyers: int
    mean_probability: float
    repeat_share: float
    lift: float
    reached_share: float
    reached_lift: float


def ranked(chances: FloatArray, ids: Sequence[str]) -> IntArray:
    """Positions of the customers, the likeliest first; equal to nine digits, they go by id in bytewise order."""
    names = np.array([one.encode() for one in ids], dtype=object)
    return np.lexsort((np.argsort(np.argsort(names)), -np.round(chances, 9))).astype(np.int64)


def deciles(chances: FloatArray, ids: Sequence[str]) -> IntArray:
    """Each customer's tenth, 1 for the likeliest.

    >>> deciles(np.array([0.1, 0.9]), ["a", "b"]).tolist()
    [6, 1]
    """
    result = np.empty(len(chances), dtype=np.int64)
    result[ranked(chances, ids)] = np.arange(len(chances)) * GROUPS // max(len(chances), 1) + 1
    return result


def by_tenths(labels: Labels, chances: FloatArray, ids: Sequence[str]) -> list[Tenth]:
    """Gains, lift and calibration by decile; a decile that nobody is in is left out."""
    group, found = deciles(chances, ids), []
    everyone, positives = len(labels), int(labels.sum())
    reached = counted = 0
    for decile in range(1, GROUPS + 1):
        inside = group == decile
        customers, buyers = int(inside.sum()), int(labels[inside].sum())
        if not customers:
            continue
        reached, counted = reached + buyers, counted + customers
        share = buyers / customers
        held = reached / positives if positives else 0.0
        found.append(
            Tenth(
                decile,
                customers,
                buyers,
                float(chances[inside].mean()),
                share,
                share / (positives / everyone) if positives else 0.0,
                held,
                held / (counted / everyone),
            )
        )
    return found


def permutation_importance(
    score: Callable[[FloatArray], FloatArray],
    matrix: FloatArray,
    labels: Labels,
    columns: Sequence[Sequence[int]],
    *,
    seed: int,
    repeats: int = 5,
) -> list[float]:
    """How much average precision falls where the customers' values of a feature are shuffled, the mean of several shuffles.

    Args:
        score: from prepared columns to what ranks.
        matrix: prepared columns.
        labels: what came.
        columns: the places of each feature's columns, which are shuffled together.
        seed: of the shuffles.
        repeats: how many shuffles a feature.
    """
    whole = average_precision(labels, score(matrix))
    draws = np.random.default_rng(seed)
    shuffles = [draws.permutation(len(matrix)) for _ in range(repeats)]
    result = []
    for places in columns:
        falls = []
        for shuffle in shuffles:
            changed = matrix.copy()
            changed[:, list(places)] = matrix[shuffle][:, list(places)]
            falls.append(whole - average_precision(labels, score(changed)))
        result.append(float(np.mean(falls)))
    return result
