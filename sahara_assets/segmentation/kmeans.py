"""k-means in NumPy: starting points, Lloyd's iterations, the assignment of rows to centroids.

Only the algorithm lives here. What a clustering is worth is in `metrics`, the models for k = low..high are made in `sweep`,
the decision between them is in `choose`; what the columns mean and how they were scaled is settled before, in `preprocess`.

Why not scikit-learn: importing it costs more than the whole sweep of a small shop, and its result depends on the number of
threads. Here every product runs on one BLAS thread, so that one machine gives the same bytes whatever its settings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SAMPLE_ROWS = 25_000
"""Above this many rows the search for a good start runs on a seeded sample of this size."""
FULL_DATA_ITERATIONS = 12
"""Lloyd iterations over all rows after a search on a sample."""
SWAPS = 6
"""Attempts at moving one centroid elsewhere that may fail before a solution counts as good."""
_BLOCK_ROWS = 8_192  # scores of a block (15 x 8,192 doubles) stay in the second-level cache
_SCOUT_ITERATIONS = 5  # after five iterations the order of the restarts rarely changes any more
_FINALISTS = 3
_MAX_ITERATIONS = 300


class UnclusterableError(ValueError):
    """The matrix cannot be clustered as asked: its message says what about it, and what to do."""


@dataclass(frozen=True, slots=True)
class KMeansFit:
    """One k-means solution.

    Attributes:
        centroids: k x columns, in canonical order (ascending by first column, then second, ...).
        labels: per row the 0-based index of its centroid.
        inertia: sum over rows of the squared distance to the nearest centroid.
        iterations: Lloyd iterations of the start that won.
    """

    centroids: FloatArray
    labels: IntArray
    inertia: float
    iterations: int


@lru_cache(maxsize=1)
def _controller() -> object:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[object]:
    """A context in which matrix products run on one thread: sums are split the same way everywhere.

    The setting is the process's: another thread's products are slowed, never changed, while it holds.
    """
    from threadpoolctl import ThreadpoolController

    controller = _controller()
    assert isinstance(controller, ThreadpoolController)  # noqa: S101 -- narrows the cached object
    limit: AbstractContextManager[object] = controller.limit(limits=1, user_api="blas")
    return limit


def checked_matrix(matrix: npt.ArrayLike) -> FloatArray:
    """The matrix as contiguous float64, or why it cannot be clustered.

    Raises:
        UnclusterableError: not two-dimensional, no rows, no columns, or a value that is not finite.

    >>> checked_matrix([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    points = np.ascontiguousarray(matrix, dtype=np.float64)
    if points.ndim != 2:
        raise UnclusterableError(f"a matrix of rows and columns is needed, not an array of {points.ndim} dimensions")
    row_count, column_count = points.shape
    if row_count == 0 or column_count == 0:
        raise UnclusterableError(f"nothing to cluster: {row_count} rows, {column_count} columns")
    bad = ~np.isfinite(points)
    if bad.any():
        row, column = (int(index) for index in np.argwhere(bad)[0])
        raise UnclusterableError(
            f"{int(bad.sum())} values are missing or infinite, the first in row {row}, column {column}: "
            "give the feature a value for missing in its declaration",
        )
    return points


def distinct_row_count(matrix: FloatArray, *, up_to: int) -> int:
    """Number of different rows, counted no further than `up_to`.

    >>> distinct_row_count(np.array([[0.0], [1.0], [1.0], [2.0]]), up_to=10)
    3
    >>> distinct_row_count(np.array([[0.0], [1.0], [1.0], [2.0]]), up_to=2)
    2
    """
    seen = np.zeros((0, matrix.shape[1]))
    for first in range(0, len(matrix), _BLOCK_ROWS):
        seen = np.unique(np.vstack([seen, matrix[first : first + _BLOCK_ROWS] + 0.0]), axis=0)
        if len(seen) >= up_to:
            return up_to
    return len(seen)


def assign(matrix: npt.ArrayLike, centroids: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """The nearest centroid of each row, and the Euclidean distance to it; of equally near ones the first.

    Squared differences are added column by column from the left, as the scoring SQL adds them, rather than by
    |x|^2 - 2xc + |c|^2: that form loses digits near a centroid, and a customer half-way between two must fall to the
    same one in both.

    >>> labels, distances = assign([[0.0], [5.0], [9.0]], [[0.0], [10.0]])
    >>> labels.tolist(), distances.tolist()
    ([0, 0, 1], [0.0, 5.0, 1.0])
    """
    points = checked_matrix(matrix)
    centres = checked_matrix(centroids)
    if points.shape[1] != centres.shape[1]:
        raise UnclusterableError(f"rows have {points.shape[1]} columns, centroids {centres.shape[1]}")
    labels = np.zeros(len(points), dtype=np.int64)
    distances = np.empty(len(points))
    for first in range(0, len(points), _BLOCK_ROWS):
        block = np.ascontiguousarray(points[first : first + _BLOCK_ROWS].T)
        nearest = np.full(block.shape[1], np.inf)
        label = labels[first : first + _BLOCK_ROWS]
        for index, centre in enumerate(centres):
            squared = np.zeros(block.shape[1])
            for column, coordinate in zip(block, centre, strict=True):
                difference = column - coordinate
                squared += difference * difference
            closer = squared < nearest
            label[closer] = index
            np.minimum(nearest, squared, out=nearest)
        distances[first : first + _BLOCK_ROWS] = np.sqrt(nearest)
    return labels, distances


def fit(matrix: npt.ArrayLike, k: int, *, seed: int, restarts: int | None = None) -> KMeansFit:
    """The best of several k-means runs for one k. See `fit_range`.

    >>> fit([[0.0], [1.0], [10.0], [11.0]], 2, seed=0).centroids.tolist()
    [[0.5], [10.5]]
    """
    return fit_range(matrix, [k], seed=seed, restarts=restarts)[k]


def fit_range(
    matrix: npt.ArrayLike,
    ks: Sequence[int],
    *,
    seed: int,
    restarts: int | None = None,
    swaps: int = SWAPS,
    tolerance: float = 1e-7,
    sample_rows: int = SAMPLE_ROWS,
    on_fit: Callable[[int], None] | None = None,
) -> dict[int, KMeansFit]:
    """k-means for each k of `ks`, smallest first.

    Each restart is one greedy k-means++ sequence (Arthur & Vassilvitskii 2007; greedy as in their section 5.1) as long
    as the largest k; its prefixes are the starts for the smaller ones. All starts run for a few iterations, the best
    ones to the end. Besides, every k starts from the solution of the k before it and the row that lowers the inertia
    most (global k-means, Likas, Vlassis & Verbeek 2003), so that over consecutive ks the inertia never rises. Above
    `sample_rows` rows all that happens on a seeded sample, and a few iterations over all rows finish it.

    Args:
        matrix: rows x columns, standardised, finite.
        ks: numbers of clusters, each at least 1 and at most the number of distinct rows.
        seed: of every draw.
        restarts: k-means++ sequences; None means as many as the size of the data affords.
        swaps: attempts at moving one centroid elsewhere that may fail before a solution counts as good.
        tolerance: a run ends when an iteration lowers the inertia by less than this share.
        sample_rows: size of the sample for the starts.
        on_fit: called with each k when it is done.

    Raises:
        UnclusterableError: the matrix is empty or not finite, or has fewer distinct rows than clusters are asked for.
    """
    points = checked_matrix(matrix)
    wanted = sorted(set(ks))
    if not wanted or wanted[0] < 1:
        raise UnclusterableError(f"the number of clusters must be at least 1, not {wanted[:1]}")
    distinct = distinct_row_count(points, up_to=wanted[-1])
    if distinct < wanted[-1]:
        raise UnclusterableError(f"{wanted[-1]} clusters need as many different rows, and there are {distinct}")
    generator = np.random.default_rng(seed)
    offset = points.mean(axis=0)  # products of centred rows keep more digits
    everything = _Rows(points - offset)
    part = everything
    if len(points) > sample_rows:
        rows = np.sort(generator.choice(len(points), size=sample_rows, replace=False))
        if distinct_row_count(points[rows], up_to=wanted[-1]) == wanted[-1]:
            part = _Rows(everything.points[rows])
    count = restarts if restarts is not None else affordable_restarts(len(part.points))
    fits: dict[int, KMeansFit] = {}
    with one_blas_thread():
        sequences = [_greedy_sequence(part, wanted[-1], generator) for _ in range(max(1, count))]
        before: FloatArray | None = None
        for k in wanted:
            starts = [sequence[:k] for sequence in sequences]
            if before is not None and len(before) == k - 1:
                starts.append(np.vstack([before, _best_addition(part, before, generator)]))
            best = _swapped(part, _race(part, starts, tolerance), generator, swaps, tolerance)
            before = best.centroids
            if part is not everything:
                best = _lloyd(everything, best.centroids, FULL_DATA_ITERATIONS, tolerance)
            fits[k] = _finished(points, best, offset)
            if on_fit is not None:
                on_fit(k)
    return fits


def affordable_restarts(row_count: int) -> int:
    """k-means++ sequences by the number of rows: many where a run is cheap and the luck of one counts.

    >>> [affordable_restarts(rows) for rows in (500, 5_000, 25_000)]
    [32, 16, 6]
    """
    if row_count <= 2_000:
        return 32
    return 16 if row_count <= 20_000 else 6


class _Rows:
    """The rows in the two layouts that the products need, with a column of ones that makes a product count."""

    def __init__(self, points: FloatArray) -> None:
        self.points = points
        self.counted = np.hstack([points, np.ones((len(points), 1))])
        self.columns = np.ascontiguousarray(self.counted.T)
        self.norms = np.einsum("ij,ij->i", points, points)


@dataclass(frozen=True, slots=True)
class _Run:
    centroids: FloatArray
    inertia: float
    iterations: int
    settled: bool


def _greedy_sequence(rows: _Rows, length: int, generator: np.random.Generator) -> FloatArray:
    """`length` rows, each the best of several drawn with probability proportional to the squared distance so far."""
    chosen = [int(generator.integers(len(rows.points)))]
    nearest = _squared_distances(rows, rows.points[chosen])[0]
    candidates = 2 + int(math.log(length))
    for _ in range(1, length):
        addition, nearest = _drawn_addition(rows, nearest, candidates, generator)
        chosen.append(addition)
    sequence: FloatArray = rows.points[chosen]
    return sequence


def _drawn_addition(
    rows: _Rows,
    nearest: FloatArray,
    candidates: int,
    generator: np.random.Generator,
) -> tuple[int, FloatArray]:
    cumulated = np.cumsum(nearest)
    # A draw that rounding pushes to the very end must still fall on a row with a distance.
    last = int(np.searchsorted(cumulated, cumulated[-1]))
    drawn = np.minimum(np.searchsorted(cumulated, generator.random(candidates) * cumulated[-1], side="right"), last)
    after = np.minimum(_squared_distances(rows, rows.points[drawn]), nearest)
    best = int(after.sum(axis=1).argmin())
    return int(drawn[best]), after[best]


def _best_addition(rows: _Rows, centroids: FloatArray, generator: np.random.Generator) -> FloatArray:
    nearest = _squared_distances(rows, centroids).min(axis=0)
    addition, _ = _drawn_addition(rows, nearest, 32, generator)
    row: FloatArray = rows.points[addition]
    return row


def _squared_distances(rows: _Rows, centres: FloatArray) -> FloatArray:
    """Centres x rows. Distances that are rounding noise become 0, so that no copy of a centre is ever drawn."""
    squared: FloatArray = (-2.0 * centres) @ rows.columns[:-1]
    norms = np.einsum("ij,ij->i", centres, centres)[:, None] + rows.norms
    squared += norms
    squared[squared < 1e-14 * norms] = 0.0
    return squared


def _race(rows: _Rows, starts: Sequence[FloatArray], tolerance: float) -> _Run:
    """A few iterations for every start, all that are needed for the best; of equally good ones the first wins."""
    scouts = sorted(
        (_lloyd(rows, start, _SCOUT_ITERATIONS, tolerance) for start in starts), key=lambda run: run.inertia
    )
    best: _Run | None = None
    for scout in scouts[: max(_FINALISTS, len(scouts) // 6)]:
        run = scout if scout.settled else _lloyd(rows, scout.centroids, _MAX_ITERATIONS, tolerance)
        if best is None or run.inertia < best.inertia * (1 - 1e-12):
            best = run
    assert best is not None  # noqa: S101 -- there is always a start
    return best


def _swapped(rows: _Rows, best: _Run, generator: np.random.Generator, allowance: int, tolerance: float) -> _Run:
    """Moves the centroid that is missed least to where one is missed most, for as long as that helps.

    One k-means run can leave two centroids in one group and one centroid on two groups, and no number of further
    iterations parts them; one such swap does (random swap, Franti 2018, with the removal chosen by its cost).
    """
    k = len(best.centroids)
    if k < 2:
        return best
    failures = 0
    while failures < allowance:
        squared = _squared_distances(rows, best.centroids)
        two_nearest = np.partition(squared, 1, axis=0)[:2]
        loss = np.bincount(squared.argmin(axis=0), weights=two_nearest[1] - two_nearest[0], minlength=k)
        for dropped in np.argsort(loss, kind="stable")[: allowance - failures]:
            kept = np.delete(best.centroids, dropped, axis=0)
            run = _lloyd(rows, np.vstack([kept, _best_addition(rows, kept, generator)]), _SCOUT_ITERATIONS, tolerance)
            if run.inertia < best.inertia * 1.002:  # otherwise it will not catch up
                run = _lloyd(rows, run.centroids, _MAX_ITERATIONS, tolerance)
            if run.inertia < best.inertia * (1 - 1e-9):
                best = run
                break
            failures += 1
        else:
            return best
    return best


def _lloyd(rows: _Rows, centroids: FloatArray, max_iterations: int, tolerance: float) -> _Run:
    """Lloyd's iterations until no centroid moves, the inertia stalls, or the allowance is spent."""
    inertia = math.inf
    for iteration in range(1, max_iterations + 1):
        sums, counts, reached = _step(rows, centroids)
        if (counts == 0).any():
            centroids = _repaired(rows, centroids, counts)
            inertia = math.inf
            continue
        moved = sums / counts[:, None]
        if np.array_equal(moved, centroids) or inertia - reached < tolerance * reached:
            return _Run(moved, reached, iteration, settled=True)
        centroids, inertia = moved, reached
    return _Run(centroids, inertia, max_iterations, settled=False)


def _step(rows: _Rows, centroids: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Sums and counts per centroid of the rows nearest to it, and the inertia before the centroids move."""
    k = len(centroids)
    # |x|^2 - 2xc + |c|^2: the first term is the same for every centroid and joins only the inertia.
    weights = np.hstack([-2.0 * centroids, np.einsum("ij,ij->i", centroids, centroids)[:, None]])
    totals = np.zeros((k, centroids.shape[1] + 1))
    inertia = float(rows.norms.sum())
    for first in range(0, len(rows.points), _BLOCK_ROWS):
        block = slice(first, first + _BLOCK_ROWS)
        scores = weights @ rows.columns[:, block]
        lowest = scores.min(axis=0)
        inertia += float(lowest.sum())
        nearest = scores == lowest
        if np.count_nonzero(nearest) != len(lowest):  # a row half-way between two belongs to the first
            nearest &= np.cumsum(nearest, axis=0) == 1
        totals += nearest.astype(np.float64) @ rows.counted[block]
    return totals[:, :-1], totals[:, -1], max(inertia, 0.0)


def _repaired(rows: _Rows, centroids: FloatArray, counts: FloatArray) -> FloatArray:
    """Each centroid that no row is nearest to moves to the row that is farthest from all others."""
    repaired = centroids.copy()
    empty = np.flatnonzero(counts == 0)
    nearest = _squared_distances(rows, np.delete(centroids, empty, axis=0)).min(axis=0)
    for index in empty:
        farthest = int(nearest.argmax())
        repaired[index] = rows.points[farthest]
        nearest = np.minimum(nearest, _squared_distances(rows, repaired[index : index + 1])[0])
    return repaired


def _finished(points: FloatArray, run: _Run, offset: FloatArray) -> KMeansFit:
    centroids = run.centroids + offset
    # Rounded for the order only: two equal coordinates that differ in the last digit must not swap by chance.
    keys = np.round(centroids, 9)
    centroids = np.ascontiguousarray(centroids[np.lexsort(keys.T[::-1])])
    labels, distances = assign(points, centroids)
    return KMeansFit(centroids, labels, float(np.square(distances).sum()), run.iterations)
