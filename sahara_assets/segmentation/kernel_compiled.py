"""The inner loops of k-means for numba to compile: what runs on large data. Defined in `kernel`, and bit for bit what `kernel_numpy` gives.

Importing this module imports numba; only `kernel` does that, and only when there is work for it. Compiled code is kept where numba keeps
it: beside this file, or in the user's cache folder where the package is installed read-only, or nowhere where neither can be written.

Squared distances are made for a block of rows at a time, transposed so that one instruction serves several rows. No loop adds up
across rows in another order than theirs, and no fast-math lets the compiler do so.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from sahara_assets.segmentation.kernel import Draw, Run, TwoNearest, weighted_norm

if TYPE_CHECKING:
    from sahara_assets.segmentation.kernel import FloatArray, IntArray

_BLOCK_ROWS = 128  # a block of twelve columns and its distances stay in the first-level cache
_SAFETY = 1e-6  # share of a gap that rounding is allowed to eat; it can eat about 1e-15


def load(threads: int) -> CompiledKernel | None:
    """The kernel, its code read from numba's cache or compiled; None where numba was told not to compile."""
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    for function, signature in _signatures():
        if not function.signatures:
            with suppress(RuntimeError):  # no folder that can be written: compiled in every process
                function.enable_caching()
            function.compile(signature)
            function.disable_compile()  # another kind of array would be compiled anew, for seconds and without a word
    return CompiledKernel(threads)


def _signatures() -> list[tuple[Any, tuple[Any, ...]]]:
    """Every compiled function with the types of its arguments; what is only read may be a view that cannot be written."""

    def array(kind: Any, dimensions: int, *, written: bool) -> Any:  # noqa: ANN401 - numba's types have no types
        return numba.types.Array(kind, dimensions, "C", readonly=not written)

    real, whole = numba.float64, numba.int64
    matrix, numbers, indexes = (
        array(real, 2, written=False),
        array(real, 1, written=False),
        array(whole, 1, written=False),
    )
    matrix_out, out, labels_out = (
        array(real, 2, written=True),
        array(real, 1, written=True),
        array(whole, 1, written=True),
    )
    labels_kept = array(numba.int32, 1, written=True)
    return [
        (_lloyd, (matrix, numbers, real, matrix_out, labels_kept, out, whole, real)),
        (_two_nearest, (matrix, numbers, matrix, labels_out, out, out)),
        (_best_draw, (matrix, numbers, indexes, numbers, matrix_out, matrix_out)),
        (_nearest, (matrix, matrix, labels_out, out)),
        (_within_margin, (matrix, matrix, real, labels_out, out)),
        (_totals, (matrix, indexes, matrix_out)),
        (_spread, (matrix, indexes, matrix, out, out)),
    ]


class CompiledKernel:
    """`kernel.Kernel`, compiled. Its loops let other threads run, so that as many starts are tried at a time as there are processors."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def rows(self, points: FloatArray, weights: FloatArray) -> CompiledRows:
        return CompiledRows(points, weights)

    def nearest(self, points: FloatArray, centroids: FloatArray) -> tuple[IntArray, FloatArray]:
        labels, squared = np.empty(len(points), dtype=np.int64), np.empty(len(points))
        _nearest(points, centroids, labels, squared)
        return labels, squared

    def within_margin(self, points: FloatArray, centroids: FloatArray, margin: float) -> tuple[IntArray, FloatArray]:
        labels, smallest = np.empty(len(points), dtype=np.int64), np.empty(len(points))
        _within_margin(points, centroids, margin, labels, smallest)
        return labels, smallest

    def totals(self, points: FloatArray, labels: IntArray, k: int) -> FloatArray:
        sums = np.zeros((k, points.shape[1]))
        _totals(points, labels, sums)
        return sums

    def spread(self, points: FloatArray, labels: IntArray, centres: FloatArray) -> tuple[FloatArray, FloatArray]:
        distances, squares = np.zeros(len(centres)), np.zeros(len(centres))
        _spread(points, labels, centres, distances, squares)
        return distances, squares


class CompiledRows:
    """`kernel.Rows`."""

    def __init__(self, points: FloatArray, weights: FloatArray) -> None:
        self.points, self.weights, self.norm = points, weights, weighted_norm(points, weights)

    def lloyd(self, centroids: FloatArray, max_iterations: int, tolerance: float) -> Run:
        moved, labels = centroids.copy(), np.empty(len(self.points), dtype=np.int32)
        counts = np.zeros(len(centroids))
        cost, iterations, settled = _lloyd(
            self.points, self.weights, self.norm, moved, labels, counts, max_iterations, tolerance
        )
        return Run(moved, labels, counts, cost, iterations, settled)

    def two_nearest(self, centroids: FloatArray) -> TwoNearest:
        count = len(self.points)
        found = TwoNearest(np.empty(count, dtype=np.int64), np.empty(count), np.empty(count))
        _two_nearest(self.points, self.weights, centroids, *found)
        return found

    def best_draw(self, drawn: IntArray, costs: FloatArray) -> Draw:
        lowered, cumulated = np.empty((2, len(costs))), np.empty((2, len(costs)))
        row, at = _best_draw(self.points, self.weights, drawn, costs, lowered, cumulated)
        return Draw(row, lowered[at], cumulated[at])


# --- compiled -------------------------------------------------------------------------------------------------------------------


@numba.njit(nogil=True)
def _workspace(columns):
    """For a block of rows: itself, its distances to one centroid, the nearest centroid, and the squares to it and to the next nearest."""
    block, squared = np.zeros((columns, _BLOCK_ROWS)), np.empty(_BLOCK_ROWS)
    label, first, second = np.empty(_BLOCK_ROWS), np.empty(_BLOCK_ROWS), np.empty(_BLOCK_ROWS)
    return block, squared, label, first, second


@numba.njit(nogil=True)
def _load(points, first, count, block):
    for i in range(count):
        for j in range(points.shape[1]):
            block[j, i] = points[first + i, j]


@numba.njit(nogil=True)
def _squared_distances(block, centroids, c, squared):
    """From every row of a block to one centroid; the rows behind a last short block give numbers that nobody reads."""
    columns = block.shape[0]
    c0 = centroids[c, 0]
    for i in range(_BLOCK_ROWS):
        d0 = block[0, i] - c0
        squared[i] = d0 * d0
    j = 1
    while j + 4 <= columns:
        c0, c1, c2, c3 = centroids[c, j], centroids[c, j + 1], centroids[c, j + 2], centroids[c, j + 3]
        for i in range(_BLOCK_ROWS):
            d0, d1, d2, d3 = block[j, i] - c0, block[j + 1, i] - c1, block[j + 2, i] - c2, block[j + 3, i] - c3
            squared[i] = (((squared[i] + d0 * d0) + d1 * d1) + d2 * d2) + d3 * d3
        j += 4
    while j < columns:
        c0 = centroids[c, j]
        for i in range(_BLOCK_ROWS):
            d0 = block[j, i] - c0
            squared[i] = squared[i] + d0 * d0
        j += 1


@numba.njit(nogil=True)
def _nearest_in_block(block, centroids, squared, label, first):
    """Labels are kept as floats here: as wide as what they are chosen with."""
    for i in range(_BLOCK_ROWS):
        first[i] = np.inf
        label[i] = 0.0
    for c in range(centroids.shape[0]):
        _squared_distances(block, centroids, c, squared)
        index = float(c)
        for i in range(_BLOCK_ROWS):
            closer = squared[i] < first[i]
            label[i] = index if closer else label[i]
            first[i] = squared[i] if closer else first[i]


@numba.njit(nogil=True)
def _two_nearest_in_block(block, centroids, squared, label, first, second):
    for i in range(_BLOCK_ROWS):
        first[i] = np.inf
        second[i] = np.inf
        label[i] = 0.0
    for c in range(centroids.shape[0]):
        _squared_distances(block, centroids, c, squared)
        index = float(c)
        for i in range(_BLOCK_ROWS):
            closer = squared[i] < first[i]
            farther = first[i] if closer else squared[i]
            second[i] = min(second[i], farther)
            label[i] = index if closer else label[i]
            first[i] = squared[i] if closer else first[i]


@numba.njit(nogil=True)
def _lloyd(points, weights, norm, centroids, labels, counts, max_iterations, tolerance):
    """Moves `centroids`, fills `labels` and `counts`.

    A row's gap is how much nearer its centroid is than any other, less what centroids moved since. While that is above zero the
    row cannot have changed, and only a comparison is made (Hamerly 2010, with one gap in place of his two bounds). Every
    row whose gap rounding could have closed is measured anew, so that the labels are exact.
    """
    k, columns = centroids.shape
    sums, moved = np.zeros((k, columns)), np.empty((k, columns))
    gained, lost, gained_counts, lost_counts = np.empty((k, columns)), np.empty((k, columns)), np.empty(k), np.empty(k)
    gaps, closed, closed_most = np.empty(points.shape[0], dtype=np.float32), np.zeros(k), 0.0
    limits = np.zeros(k)
    _begin(points, weights, centroids, labels, gaps, sums, counts)
    cost = _cost(norm, centroids, sums, counts)
    iterations, settled = 1, False
    while iterations < max_iterations and not settled and counts.min() > 0.0:
        saved, farthest = 0.0, 0.0
        for c in range(k):
            squared = 0.0
            for j in range(columns):
                moved[c, j] = sums[c, j] / counts[c]
                difference = moved[c, j] - centroids[c, j]
                squared += difference * difference
            saved += counts[c] * squared
            distance = np.sqrt(squared)
            closed[c] += distance
            farthest = max(farthest, distance)
        closed_most += farthest
        for c in range(k):
            limits[c] = (closed[c] + closed_most) * (1.0 + _SAFETY)
        centroids[:] = moved
        gained[:] = 0.0
        lost[:] = 0.0
        gained_counts[:] = 0.0
        lost_counts[:] = 0.0
        changed = _follow(points, weights, centroids, limits, labels, gaps, gained, gained_counts, lost, lost_counts)
        for c in range(k):
            for j in range(columns):
                sums[c, j] += gained[c, j] - lost[c, j]
            counts[c] += gained_counts[c] - lost_counts[c]
        settled = changed == 0 or saved <= tolerance * cost
        cost = _cost(norm, centroids, sums, counts)
        iterations += 1
    return cost, iterations, settled


@numba.njit(nogil=True)
def _cost(norm, centroids, sums, counts):
    own, centres = 0.0, 0.0
    for c in range(centroids.shape[0]):
        squared = 0.0
        for j in range(centroids.shape[1]):
            own += sums[c, j] * centroids[c, j]
            squared += centroids[c, j] * centroids[c, j]
        centres += counts[c] * squared
    return max(norm - 2.0 * own + centres, 0.0)


@numba.njit(nogil=True)
def _begin(points, weights, centroids, labels, gaps, sums, counts):
    rows, columns = points.shape
    block, squared, label, first, second = _workspace(columns)
    for start in range(0, rows, _BLOCK_ROWS):
        count = min(_BLOCK_ROWS, rows - start)
        _load(points, start, count, block)
        _two_nearest_in_block(block, centroids, squared, label, first, second)
        for i in range(count):
            own, weight = int(label[i]), weights[start + i]
            near, next_near = np.sqrt(first[i]), np.sqrt(second[i])
            labels[start + i] = own
            gaps[start + i] = np.float32((next_near - near) - _SAFETY * (next_near + near))
            counts[own] += weight
            for j in range(columns):
                sums[own, j] += points[start + i, j] * weight


@numba.njit(nogil=True)
def _follow(points, weights, centroids, limits, labels, gaps, gained, gained_counts, lost, lost_counts):
    """Measures the rows whose gap may have closed; how many of them changed."""
    rows, columns = points.shape
    block, squared, label, first, second = _workspace(columns)
    waiting = np.empty(_BLOCK_ROWS, dtype=np.int64)
    changed, start = 0, 0
    while start < rows:
        count = 0
        while start < rows and count < _BLOCK_ROWS:
            waiting[count] = start
            if gaps[start] <= limits[labels[start]]:
                count += 1
            start += 1
        for i in range(count):
            for j in range(columns):
                block[j, i] = points[waiting[i], j]
        if count > 0:
            _two_nearest_in_block(block, centroids, squared, label, first, second)
        for i in range(count):
            row, own = waiting[i], int(label[i])
            near, next_near = np.sqrt(first[i]), np.sqrt(second[i])
            gaps[row] = np.float32((next_near - near) - _SAFETY * (next_near + near) + limits[own])
            before = labels[row]
            if own != before:
                labels[row] = own
                changed += 1
                weight = weights[row]
                gained_counts[own] += weight
                lost_counts[before] += weight
                for j in range(columns):
                    gained[own, j] += points[row, j] * weight
                    lost[before, j] += points[row, j] * weight
    return changed


@numba.njit(nogil=True)
def _two_nearest(points, weights, centroids, labels, nearest, next_nearest):
    rows, columns = points.shape
    block, squared, label, first, second = _workspace(columns)
    for start in range(0, rows, _BLOCK_ROWS):
        count = min(_BLOCK_ROWS, rows - start)
        _load(points, start, count, block)
        _two_nearest_in_block(block, centroids, squared, label, first, second)
        for i in range(count):
            labels[start + i] = int(label[i])
            nearest[start + i] = first[i] * weights[start + i]
            next_nearest[start + i] = second[i] * weights[start + i]


@numba.njit(nogil=True)
def _best_draw(points, weights, drawn, costs, lowered, cumulated):
    rows, columns = points.shape
    best, at = -1, 0
    for candidate in drawn:
        into = 1 - at if best >= 0 else at
        total = 0.0
        for i in range(rows):
            squared = 0.0
            for j in range(columns):
                difference = points[i, j] - points[candidate, j]
                squared += difference * difference
            squared *= weights[i]
            cost = min(costs[i], squared)
            total += cost
            lowered[into, i] = cost
            cumulated[into, i] = total
        if best < 0 or cumulated[into, rows - 1] < cumulated[at, rows - 1]:
            best, at = candidate, into
    return best, at


@numba.njit(nogil=True)
def _nearest(points, centroids, labels, smallest):
    rows, columns = points.shape
    block, squared = np.zeros((columns, _BLOCK_ROWS)), np.empty(_BLOCK_ROWS)
    label, first = np.empty(_BLOCK_ROWS), np.empty(_BLOCK_ROWS)
    for start in range(0, rows, _BLOCK_ROWS):
        count = min(_BLOCK_ROWS, rows - start)
        _load(points, start, count, block)
        _nearest_in_block(block, centroids, squared, label, first)
        for i in range(count):
            labels[start + i] = int(label[i])
            smallest[start + i] = first[i]


@numba.njit(nogil=True)
def _within_margin(points, centroids, margin, labels, smallest):
    rows, columns = points.shape
    k = centroids.shape[0]
    block, squared = np.zeros((columns, _BLOCK_ROWS)), np.empty((k, _BLOCK_ROWS))
    label, first, limit = np.empty(_BLOCK_ROWS), np.empty(_BLOCK_ROWS), np.empty(_BLOCK_ROWS)
    for start in range(0, rows, _BLOCK_ROWS):
        count = min(_BLOCK_ROWS, rows - start)
        _load(points, start, count, block)
        for i in range(_BLOCK_ROWS):
            first[i] = np.inf
        for c in range(k):
            _squared_distances(block, centroids, c, squared[c])
            for i in range(_BLOCK_ROWS):
                first[i] = min(first[i], squared[c, i])
        for i in range(_BLOCK_ROWS):
            limit[i] = first[i] + margin * (1.0 + first[i])
            label[i] = 0.0
        for c in range(k - 1, -1, -1):  # downwards: the first within the margin is written last
            index = float(c)
            for i in range(_BLOCK_ROWS):
                label[i] = index if squared[c, i] <= limit[i] else label[i]
        for i in range(count):
            labels[start + i] = int(label[i])
            smallest[start + i] = first[i]


@numba.njit(nogil=True)
def _totals(points, labels, sums):
    rows, columns = points.shape
    for i in range(rows):
        own = labels[i]
        for j in range(columns):
            sums[own, j] += points[i, j]


@numba.njit(nogil=True)
def _spread(points, labels, centres, distances, squares):
    rows, columns = points.shape
    for i in range(rows):
        own = labels[i]
        squared = 0.0
        for j in range(columns):
            difference = points[i, j] - centres[own, j]
            squared += difference * difference
        distances[own] += np.sqrt(squared)
        squares[own] += squared
