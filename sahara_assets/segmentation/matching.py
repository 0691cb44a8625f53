"""Segment keys that outlast a retraining: which new segment is which old one, and what changed.

Keys are numbers from 1. The first training gives them by mean gross spend, the highest first (`first_keys`). Later ones keep them by
optimal assignment (`match`): of all ways to pair new segments with old ones, the one that keeps most pairs near enough, and among
those the one with the smallest sum of distances. What pairs with nothing gets a number that no segment ever had, so
that an audience built on a number never turns into another one.

The distance is taken in the new model's standardised space; old centroids are brought there by undoing the old scaling (and
transform, where it differs). Near enough means nearer than half-way from the old centroid to the next old one (`reach`): then every
old centroid but this one is further from the new one, so the new segment's centre is certainly a customer of the old segment.
Where the two models cluster on different features, distances mean nothing; segments are then matched by the customers they share,
and near enough is a Jaccard index of at least `LEAST_SHARED`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.segmentation.preprocess import OTHER, FittedNumber, original
from sahara_assets.segmentation.projection import projected, unprojected
from sahara_assets.segmentation.scoring import NO_SEGMENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from sahara_assets.segmentation.model import SegmentationModel
    from sahara_assets.segmentation.preprocess import FittedCategory, FloatArray, IntArray, Preprocessing

LEAST_SHARED = 1 / 3
"""Customers in both ÷ customers in either, from which on two segments are one: of two equally large ones half are shared."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Keys for new clusters.

    Attributes:
        keys: per new cluster, by position, the key it keeps or gets.
        kept: the keys among them that an old segment had.
        shifts: by kept key how far its centroid moved, in the new model's standardised space; empty where customers decided.
        next_key: the lowest key that no segment has had.
    """

    keys: tuple[int, ...]
    kept: frozenset[int]
    shifts: Mapping[int, float]
    next_key: int


def first_keys(worths: Sequence[Fraction], centroids: Sequence[Sequence[float]]) -> Matching:
    """Keys from 1 by what segments are ranked by (mean gross spend, unless the settings say otherwise), highest first; of equal ones the smaller centroid first.

    >>> first_keys([10, 30, 20], [[0.0], [1.0], [2.0]]).keys
    (3, 1, 2)
    """
    ranked = sorted(range(len(worths)), key=lambda index: (-worths[index], tuple(centroids[index]), index))
    keys = [0] * len(ranked)
    for key, index in enumerate(ranked, start=1):
        keys[index] = key
    return Matching(tuple(keys), frozenset(), {}, len(ranked) + 1)


def match(
    old: SegmentationModel,
    preprocessing: Preprocessing,
    centroids: FloatArray,
    worths: Sequence[Fraction],
    *,
    old_segments: IntArray | None = None,
    new_positions: IntArray | None = None,
) -> Matching:
    """Keys for the clusters of a new model: those of the old model's segments wherever one is near enough.

    Args:
        old: the model in use so far.
        preprocessing: of the new model.
        centroids: of the new model, by position.
        worths: of the new clusters; unmatched ones get new keys in this order, highest first.
        old_segments: per customer the old segment's key; needed only where the models cluster on different features. Without it,
            all segments are then new.
        new_positions: of the same customers, the new cluster's position; needed with `old_segments`.
    """
    old_keys = [segment.key for segment in old.segments]
    if old.feature_names == preprocessing.feature_names or set(old.feature_names) == set(preprocessing.feature_names):
        placed = in_space_of(old, preprocessing)
        costs = np.sqrt(np.square(centroids[:, None, :] - placed[None, :, :]).sum(axis=2))
        pairs = _assigned(costs, np.broadcast_to(reach(old, placed), costs.shape))
        shifts = {old_keys[column]: float(costs[row, column]) for row, column in pairs.items()}
    elif old_segments is not None and new_positions is not None:
        costs = 1.0 - _shared(old_keys, len(centroids), old_segments, new_positions)
        pairs = _assigned(costs, np.full(costs.shape, 1.0 - LEAST_SHARED))
        shifts = {}
    else:
        pairs, shifts = {}, {}
    keys = {row: old_keys[column] for row, column in pairs.items()}
    next_key = old.next_key
    for row in sorted(range(len(centroids)), key=lambda row: (-worths[row], tuple(centroids[row].tolist()), row)):
        if row not in keys:
            keys[row] = next_key
            next_key += 1
    kept = frozenset(old_keys[column] for column in pairs.values())
    return Matching(tuple(keys[row] for row in range(len(centroids))), kept, shifts, next_key)


def in_space_of(old: SegmentationModel, preprocessing: Preprocessing) -> FloatArray:
    """The old model's centroids in the standardised space of a new preprocessing of the same features.

    Where a feature is prepared alike in both, its coordinates are taken over untouched, so that equal models are at distance 0. Centroids
    among components go back to the features first, and then on to the new components.
    """
    if old.preprocessing == preprocessing:
        return np.array([segment.centroid for segment in old.segments])
    before = {feature.name: feature for feature in old.preprocessing.features}
    starts: dict[str, int] = {}
    for feature in old.preprocessing.features:
        starts[feature.name] = sum(len(earlier) for earlier in (before[name].columns for name in starts))
    centroids = np.array([segment.centroid for segment in old.segments])
    if old.preprocessing.projection is not None:
        centroids = unprojected(old.preprocessing.projection, centroids)
    parts = []
    for feature in preprocessing.features:
        was = before[feature.name]
        part = centroids[:, starts[feature.name] : starts[feature.name] + len(was.columns)]
        if was == feature:
            parts.append(part)
        elif isinstance(feature, FittedNumber) and isinstance(was, FittedNumber):
            moved = [_rescaled(was, feature, float(value)) for value in part[:, 0]]
            parts.append(np.array(moved).reshape(-1, 1))
        elif isinstance(feature, FittedNumber) or isinstance(was, FittedNumber):
            parts.append(
                np.full((len(centroids), len(feature.columns)), np.inf)
            )  # a number became a category: nothing is near
        else:
            parts.append(_reworded(was, feature, part))
    placed = np.hstack(parts)
    return placed if preprocessing.projection is None else projected(preprocessing.projection, placed)


def _rescaled(was: FittedNumber, now: FittedNumber, value: float) -> float:
    if now.standard_deviation == 0.0:
        return 0.0
    if was.transform == now.transform:
        shaped = value * was.standard_deviation + was.mean
    else:
        in_units = original(was, value)
        shaped = math.log1p(max(in_units, 0.0)) if now.transform == "log1p" else in_units
    return (shaped - now.mean) / now.standard_deviation


def _reworded(was: FittedCategory, now: FittedCategory, part: FloatArray) -> FloatArray:
    """Shares by the new categories: words that are lumped now add up in `(other)`, words that left it leave nothing behind."""
    column = {word: index for index, word in enumerate(now.categories)}
    column |= dict.fromkeys(now.lumped, len(now.categories) - 1)
    shares = np.zeros((len(part), len(now.categories)))
    for index, word in enumerate(was.categories):
        if word in column or (word == OTHER and now.lumped):
            shares[:, column.get(word, len(now.categories) - 1)] += part[:, index]
    return shares


def reach(old: SegmentationModel, placed: FloatArray) -> FloatArray:
    """How far from each old centroid a new one is still the same segment: half-way to the next old one.

    With one old segment there is no next; then it is the old model's outlier distance, beyond which not even a customer counts as
    typical of it.
    """
    if len(placed) == 1:
        return np.array([old.outlier_distance])
    between = np.sqrt(np.square(placed[:, None, :] - placed[None, :, :]).sum(axis=2))
    np.fill_diagonal(between, np.inf)
    nearest: FloatArray = between.min(axis=1) / 2
    return nearest


def _shared(old_keys: list[int], count: int, old_segments: IntArray, new_positions: IntArray) -> FloatArray:
    """New clusters x old segments: the Jaccard index of their customers."""
    index = {key: at for at, key in enumerate(old_keys)}
    scored = old_segments != NO_SEGMENT
    old_segments, new_positions = old_segments[scored], new_positions[scored]
    old_positions = np.array([index[key] for key in old_segments.tolist()], dtype=np.int64)
    both = np.bincount(new_positions * len(old_keys) + old_positions, minlength=count * len(old_keys)).reshape(
        count, -1
    )
    either = both.sum(axis=1)[:, None] + both.sum(axis=0)[None, :] - both
    return np.asarray(both / np.maximum(either, 1))


def _assigned(costs: FloatArray, limits: FloatArray) -> dict[int, int]:
    """Pairs row → column within the limits: as many as possible, and of those the cheapest."""
    from scipy.optimize import linear_sum_assignment

    allowed = costs <= limits
    # A forbidden pair costs more than all allowed ones together, so that it is taken only where nothing else is left.
    forbidden = 1.0 + float(costs[allowed].sum())
    rows, columns = linear_sum_assignment(np.where(allowed, costs, forbidden))
    return {int(row): int(column) for row, column in zip(rows, columns, strict=True) if allowed[row, column]}


def change_rows(
    old: SegmentationModel | None,
    new: SegmentationModel,
    matching: Matching,
    old_segments: IntArray | None = None,
    new_segments: IntArray | None = None,
) -> list[dict[str, Any]]:
    """Rows for `tables.SEGMENT_CHANGES`: the new model's segments by key, then the ones that are gone.

    `old_segments` and `new_segments` are the keys that both models give the same customers; without them the counts are null.
    """
    before = {segment.key: segment.name for segment in old.segments} if old else {}
    after = {segment.key: segment.name for segment in new.segments}
    nobody = np.zeros(0 if new_segments is None else len(new_segments), dtype=bool)
    rows: list[dict[str, Any]] = []
    for key in (*after, *sorted(set(before) - matching.kept)):
        kept = key in matching.kept
        was = nobody if old_segments is None else old_segments == key
        now = nobody if new_segments is None else new_segments == key
        rows.append(
            {
                "version": new.version,
                "k": new.k,
                "position": len(rows) + 1,
                "change": "kept" if kept else "new" if key in after else "gone",
                "segment": key,
                "old_name": before.get(key),
                "new_name": after.get(key),
                "centroid_shift": matching.shifts.get(key),
                "customers_stayed": None if new_segments is None else int((was & now).sum()),
                "customers_joined": None if new_segments is None else int((now & ~was).sum()),
                "customers_left": None if new_segments is None else int((was & ~now).sum()),
            }
        )
    return rows
