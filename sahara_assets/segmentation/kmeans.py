"""k-means for a range of k: what is asked of a matrix, the iterations over all of its rows, and the assignment of rows to centroids.

Good starts for every k are found in `search`, on rows that `reduction` has summed up where they are many; the loops over rows are in
`kernel`, with two implementations that give the same bits. What a clustering is worth is in `metrics`, the models for k = low..high are
made in `sweep`, the decision between them is in `choose`; what the columns mean and how they were scaled is settled in `preprocess`.

Why not scikit-learn: importing it costs more than the whole sweep of a small shop, its result depends on the number of threads, and
good starts for every k cost it several runs each over all rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.segmentation.kernel import FloatArray, IntArray, in_threads, kernel_for
from sahara_assets.segmentation.reduction import summed_up
from sahara_assets.segmentation.search import Effort, lloyd, search

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    import numpy.typing as npt

    from sahara_assets.segmentation.kernel import Kernel

SEARCH_ROWS = 16_384
"""Up to this many rows the search for good starts runs on the rows themselves; above, on a quarter as many that sum them up."""
FULL_DATA_ITERATIONS = 12
"""Lloyd iterations over all rows at most, after a search on fewer."""
SWAPS = 6
"""Attempts at moving one centroid elsewhere that may fail before a solution counts as good."""
_BLOCK_ROWS = 8_192
_FEW_DIFFERENT_ROWS = 1_024
_PATIENT, _HURRIED = 1.01, 1.002  # patience halves the excess on few rows, for a quarter more time
_SUMMED_UP_TOLERANCE = 1e-6  # of the search where all rows have the last word


class UnclusterableError(ValueError):
    """The matrix cannot be clustered as asked: its message says what about it, and what to do."""


@dataclass(frozen=True, slots=True)
class KMeansFit:
    """One k-means solution.

    Attributes:
        centroids: k x columns, in canonical order (ascending by first column, then second, ...).
        labels: per row the 0-based index of its centroid.
        inertia: sum over rows of the squared distance to the nearest centroid.
        iterations: Lloyd iterations of the start that won, on the rows that it was searched on.
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
    """A context in which matrix products run on one thread: sums are split the same way everywhere, and no thread spins.

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


def assign(
    matrix: npt.ArrayLike, centroids: npt.ArrayLike, *, kernel: Kernel | None = None
) -> tuple[IntArray, FloatArray]:
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
    labels, squared = (kernel or kernel_for(points.size)).nearest(points, centres)
    return labels, np.sqrt(squared)


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
    search_rows: int = SEARCH_ROWS,
    kernel: Kernel | None = None,
    on_fit: Callable[[int], None] | None = None,
) -> dict[int, KMeansFit]:
    """k-means for each k of `ks`, smallest first.

    The starts come from `search`. Up to `search_rows` rows they are final; above, the search runs on a quarter as many rows that
    sum all of them up, and a few iterations over all rows finish it. Over consecutive ks the inertia never rises where the search
    had all rows, and hardly could elsewhere. The same bytes come of the same matrix and seed, whatever the number of threads
    and whichever kernel.

    Args:
        matrix: rows x columns, standardised, finite.
        ks: numbers of clusters, each at least 1 and at most the number of distinct rows.
        seed: of every draw.
        restarts: k-means++ sequences; None means as many as the size of the data affords.
        swaps: attempts at moving one centroid elsewhere that may fail before a solution counts as good.
        tolerance: a run ends when an iteration lowers the inertia by less than this share.
        search_rows: rows that the search is spared from summing up.
        kernel: the loops over rows; None means those that are quicker for the size of the matrix.
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
    kernel = kernel or kernel_for(points.size)
    with one_blas_thread():
        searched, weights = _searched(points, wanted[-1], search_rows, seed, kernel)
        offset = searched.mean(axis=0)  # products of centred rows keep more digits
        effort = Effort(
            restarts=max(1, affordable_restarts(len(searched)) if restarts is None else restarts),
            swaps=swaps,
            tolerance=tolerance if searched is points else max(tolerance, _SUMMED_UP_TOLERANCE),
            catches_up=_PATIENT if searched is points else _HURRIED,
        )
        found = search(kernel.rows(searched - offset, weights), wanted, effort, seed=seed, threads=kernel.threads)

        everything = kernel.rows(points, np.ones(len(points)))

        def finish(k: int) -> KMeansFit:
            run = found[k]
            centroids, labels = run.centroids + offset, None
            if searched is not points:
                last = lloyd(everything, _in_canonical_order(centroids), FULL_DATA_ITERATIONS, tolerance)
                centroids, labels = last.centroids, last.labels
            return _finished(points, centroids, labels, run.iterations, kernel)

        fits: dict[int, KMeansFit] = {}
        # The large ks first: they take longest, and no thread should be left with one at the end.
        for k, fitted in zip(reversed(wanted), in_threads(kernel.threads, finish, reversed(wanted)), strict=True):
            fits[k] = fitted
            if on_fit is not None:
                on_fit(k)
    return {k: fits[k] for k in wanted}


def affordable_restarts(row_count: int) -> int:
    """k-means++ sequences by the number of rows: many where a run is cheap and the luck of one counts.

    >>> [affordable_restarts(rows) for rows in (500, 8_000, 16_000)]
    [24, 8, 4]
    """
    if row_count <= 4_000:
        return 24
    return 8 if row_count <= 8_192 else 4


def _searched(
    points: FloatArray, most_clusters: int, search_rows: int, seed: int, kernel: Kernel
) -> tuple[FloatArray, FloatArray]:
    """The rows that starts are searched on, and their weights."""
    if len(points) > search_rows:
        if distinct_row_count(points, up_to=_FEW_DIFFERENT_ROWS) < _FEW_DIFFERENT_ROWS:
            different, counts = np.unique(points, axis=0, return_counts=True)
            return different, counts.astype(np.float64)
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(100,)))
        means, weights = summed_up(points, search_rows // 4, generator, kernel)
        if distinct_row_count(means, up_to=most_clusters) == most_clusters:
            return means, weights
    return points, np.ones(len(points))


def _in_canonical_order(centroids: FloatArray) -> FloatArray:
    # Rounded for the order only: two equal coordinates that differ in the last digit must not swap by chance.
    keys = np.round(centroids, 9)
    return np.ascontiguousarray(centroids[np.lexsort(keys.T[::-1])])


def _finished(
    points: FloatArray,
    centroids: FloatArray,
    known_labels: npt.NDArray[np.int32] | None,
    iterations: int,
    kernel: Kernel,
) -> KMeansFit:
    ordered = _in_canonical_order(centroids)
    if known_labels is None or not np.array_equal(ordered, centroids):
        labels, _ = kernel.nearest(points, ordered)
    else:
        labels = known_labels.astype(np.int64)
    _, squares = kernel.spread(points, labels, ordered)
    return KMeansFit(ordered, labels, float(squares.sum()), iterations)
