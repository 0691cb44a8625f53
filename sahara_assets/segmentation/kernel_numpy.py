"""The inner loops of k-means in NumPy: what runs on small data and where numba cannot be had. Defined in `kernel`.

A matrix product finds the nearest centroids quickly, but rounds as it likes. So it only says which centroids may be the nearest:
where its rounding leaves a doubt, the distances are made anew in the order that `kernel` lays down. Sums over rows come from
`bincount`, which adds in the order of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.segmentation.kernel import Draw, Run, TwoNearest, weighted_norm

if TYPE_CHECKING:
    import numpy.typing as npt

    from sahara_assets.segmentation.kernel import FloatArray, IntArray

_BLOCK_ROWS = 8_192  # a block of scores stays in the second-level cache
_UNIT_ROUNDOFF = 2.0**-53


class NumpyKernel:
    """`kernel.Kernel` in NumPy, on one thread."""

    threads = 1

    def rows(self, points: FloatArray, weights: FloatArray) -> NumpyRows:
        return NumpyRows(points, weights)

    def nearest(self, points: FloatArray, centroids: FloatArray) -> tuple[IntArray, FloatArray]:
        labels = np.empty(len(points), dtype=np.int64)
        squared = np.empty(len(points))
        for block in _blocks(len(points)):
            columns = np.ascontiguousarray(points[block].T)
            labels[block] = _Finder(columns).labels(centroids)
            squared[block] = _squared_to_own(columns, centroids, labels[block])
        return labels, squared

    def within_margin(self, points: FloatArray, centroids: FloatArray, margin: float) -> tuple[IntArray, FloatArray]:
        labels = np.empty(len(points), dtype=np.int64)
        smallest = np.empty(len(points))
        for block in _blocks(len(points)):
            columns = np.ascontiguousarray(points[block].T)
            squared = np.stack([_squared(columns, centroid) for centroid in centroids])
            lowest = squared.min(axis=0)
            labels[block] = (squared <= lowest + margin * (1.0 + lowest)).argmax(axis=0)
            smallest[block] = lowest
        return labels, smallest

    def totals(self, points: FloatArray, labels: IntArray, k: int) -> FloatArray:
        return _sums(points.T, labels, k)

    def spread(self, points: FloatArray, labels: IntArray, centres: FloatArray) -> tuple[FloatArray, FloatArray]:
        squared = np.empty(len(points))
        for block in _blocks(len(points)):
            squared[block] = _squared_to_own(np.ascontiguousarray(points[block].T), centres, labels[block])
        k = len(centres)
        return _added(labels, np.sqrt(squared), k), _added(labels, squared, k)


class NumpyRows:
    """`kernel.Rows`: the rows with their columns side by side."""

    def __init__(self, points: FloatArray, weights: FloatArray) -> None:
        self.points, self.weights, self.norm = points, weights, weighted_norm(points, weights)
        self._columns = np.ascontiguousarray(points.T)
        self._weighted = self._columns * weights
        self._finders = [_Finder(np.ascontiguousarray(self._columns[:, block])) for block in _blocks(len(points))]

    def lloyd(self, centroids: FloatArray, max_iterations: int, tolerance: float) -> Run:
        labels = self._labels(centroids)
        sums, counts = self._summed(slice(None), labels, len(centroids))
        cost, iterations, settled = self._cost(centroids, sums, counts), 1, False
        while iterations < max_iterations and not settled and counts.all():
            moved = sums / counts[:, None]
            saved = _in_order(counts * _squared(moved.T, centroids.T))
            before, labels, centroids = labels, self._labels(moved), moved
            changed = np.flatnonzero(labels != before)
            gained_sums, gained_counts = self._summed(changed, labels[changed], len(centroids))
            lost_sums, lost_counts = self._summed(changed, before[changed], len(centroids))
            sums += gained_sums - lost_sums
            counts += gained_counts - lost_counts
            settled = len(changed) == 0 or saved <= tolerance * cost
            cost = self._cost(centroids, sums, counts)
            iterations += 1
        return Run(centroids, labels.astype(np.int32), counts, cost, iterations, settled)

    def _labels(self, centroids: FloatArray) -> IntArray:
        return np.concatenate([finder.labels(centroids) for finder in self._finders])

    def _summed(self, rows: slice | IntArray, labels: IntArray, k: int) -> tuple[FloatArray, FloatArray]:
        sums = _sums(self._weighted[:, rows], labels, k)
        return sums, _added(labels, self.weights[rows], k)

    def _cost(self, centroids: FloatArray, sums: FloatArray, counts: FloatArray) -> float:
        own = _in_order((sums * centroids).ravel())
        return max(self.norm - 2.0 * own + _in_order(counts * _squared(centroids.T, np.zeros(centroids.shape).T)), 0.0)

    def two_nearest(self, centroids: FloatArray) -> TwoNearest:
        labels = np.zeros(len(self.points), dtype=np.int64)
        first = np.full(len(self.points), np.inf)
        second = np.full(len(self.points), np.inf)
        for index, centroid in enumerate(centroids):
            squared = _squared(self._columns, centroid)
            closer = squared < first
            labels[closer] = index
            np.minimum(second, np.maximum(first, squared), out=second)
            np.minimum(first, squared, out=first)
        return TwoNearest(labels, first * self.weights, second * self.weights)

    def best_draw(self, drawn: IntArray, costs: FloatArray) -> Draw:
        best: Draw | None = None
        for row in drawn.tolist():
            lowered = np.minimum(costs, _squared(self._columns, self.points[row]) * self.weights)
            cumulated = np.cumsum(lowered)
            if best is None or cumulated[-1] < best.cumulated[-1]:
                best = Draw(row, lowered, cumulated)
        assert best is not None  # noqa: S101 - at least one row is drawn
        return best


class _Finder:
    """Finds the first of the nearest centroids of every column of a block."""

    def __init__(self, columns: FloatArray) -> None:
        self.columns = columns
        self._shift = columns.mean(axis=1)  # products of centred rows keep more digits, and leave fewer doubts
        centred = columns - self._shift[:, None]
        self._counted = np.vstack([centred, np.ones(columns.shape[1])])
        self._reach = np.sqrt(np.einsum("ij,ij->j", centred, centred))

    def labels(self, centroids: FloatArray) -> IntArray:
        if len(centroids) == 1:
            return np.zeros(self.columns.shape[1], dtype=np.int64)
        centred = centroids - self._shift
        norms = np.einsum("ij,ij->i", centred, centred)
        # |x|^2 - 2xc + |c|^2 without the first term, which is the same for every centroid.
        scores = np.hstack([-2.0 * centred, norms[:, None]]) @ self._counted
        # What rounding can do to two scores and to the two distances they stand for, four times over.
        doubt = 16.0 * (len(self.columns) + 4) * _UNIT_ROUNDOFF * np.square(self._reach + np.sqrt(norms.max()))
        near = scores <= scores.min(axis=0) + doubt
        labels: IntArray = (np.arange(len(centroids), dtype=np.float32) @ near.astype(np.float32)).astype(np.int64)
        if np.count_nonzero(near) != len(labels):
            unclear = np.flatnonzero(np.count_nonzero(near, axis=0) != 1)
            rows = self.columns[:, unclear]
            labels[unclear] = np.stack([_squared(rows, centroid) for centroid in centroids]).argmin(axis=0)
        return labels


def _blocks(row_count: int) -> list[slice]:
    return [slice(first, first + _BLOCK_ROWS) for first in range(0, row_count, _BLOCK_ROWS)]


def _squared(columns: FloatArray, centroid: FloatArray) -> FloatArray:
    """The squared distance of every row to one centroid, or to one each; column by column from the left."""
    total = np.zeros(columns.shape[1])
    for column, coordinate in zip(columns, centroid, strict=True):
        difference = column - coordinate
        difference *= difference
        total += difference
    return total


def _squared_to_own(columns: FloatArray, centroids: FloatArray, labels: npt.NDArray[np.integer]) -> FloatArray:
    """The same, of every row to the centroid of its label."""
    total = np.zeros(columns.shape[1])
    for column, coordinates in zip(columns, centroids.T, strict=True):
        difference = column - coordinates[labels]
        difference *= difference
        total += difference
    return total


def _in_order(values: FloatArray) -> float:
    """The sum, added up from the first to the last."""
    return float(np.cumsum(values)[-1])


def _sums(columns: FloatArray, labels: npt.NDArray[np.integer], k: int) -> FloatArray:
    return np.stack([_added(labels, column, k) for column in columns], axis=1)


def _added(labels: npt.NDArray[np.integer], values: FloatArray, k: int) -> FloatArray:
    """The sum of each label's values, added in the order of the rows."""
    return np.asarray(np.bincount(labels, weights=values, minlength=k), dtype=np.float64)
