"""What k-means asks of its inner loops, defined to the last bit, and which of the two implementations answers.

The loops are written twice: in NumPy (`kernel_numpy`) and for numba to compile (`kernel_compiled`). Both must give the same bits, so that
a model does not depend on which of them ran, on how many threads, or on the machine. That is why the order of every sum is laid down:

- a squared distance adds the squared differences column by column, from the left, as the scoring SQL does;
- a row belongs to the first of its nearest centroids;
- what is summed over rows is summed in the order of the rows, each centroid for itself, from 0.0; a weight multiplies first.

No matrix product can promise that, nor an order of its own to each thread; hence a thread works on a start or on a k of its own.
Here: the definition and the choice. What is done with these loops is in `kmeans`, `reduction` and `search`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Argument = TypeVar("Argument")
Result = TypeVar("Result")

COMPILED_FROM_CELLS = 600_000
"""From this many cells (rows x columns) on, loading compiled code costs less than it saves."""


class Run(NamedTuple):
    """Centroids after some of Lloyd's iterations.

    Attributes:
        centroids: k x columns.
        labels: per row the first of the centroids nearest to it.
        counts: per centroid the weight of its rows.
        cost: the weighted squared distances of the rows to their centroids, from sums over rows (see `Rows.lloyd`).
        iterations: assignments of rows to centroids.
        settled: no row changes any more, or the last move saved too little.
    """

    centroids: FloatArray
    labels: npt.NDArray[np.int32]
    counts: FloatArray
    cost: float
    iterations: int
    settled: bool


class TwoNearest(NamedTuple):
    """Per row its nearest centroid, and the weighted squared distances to that and to the second nearest."""

    labels: IntArray
    first: FloatArray
    second: FloatArray


class Draw(NamedTuple):
    """The best of several rows to start a centroid from.

    Attributes:
        row: its index.
        costs: per row the weighted squared distance to the nearest start so far, this one included.
        cumulated: running totals of `costs`.
    """

    row: int
    costs: FloatArray
    cumulated: FloatArray


class Rows(Protocol):
    """Weighted rows, in whatever layout the loops over them need; `norm` is `weighted_norm` of them."""

    points: FloatArray
    weights: FloatArray
    norm: float

    def lloyd(self, centroids: FloatArray, max_iterations: int, tolerance: float) -> Run:
        """Lloyd's iterations: assign the rows, move each centroid to their mean, and again.

        They end when no row changes its centroid, when a move of all centroids saves at most `tolerance` of the cost, after
        `max_iterations` assignments, and before a centroid without rows would have to move. Sums and counts follow the rows that
        change: what each centroid gains and what it loses is summed up on its own, and the difference is added. The cost is
        norm - 2 (sum of sums times centroids) + (sum of counts times squared centroids), never below 0, each sum in the
        order of the centroids and columns.
        """

    def two_nearest(self, centroids: FloatArray) -> TwoNearest:
        """The nearest centroid of every row, and how much worse off it would be without it; infinitely where there is but one."""

    def best_draw(self, drawn: IntArray, costs: FloatArray) -> Draw:
        """Of the rows `drawn` the first that lowers the sum of `costs` most when it becomes a start."""


class Kernel(Protocol):
    """The loops over rows. All matrices are C-contiguous float64 and finite."""

    threads: int

    def rows(self, points: FloatArray, weights: FloatArray) -> Rows:
        """Rows to be clustered."""

    def nearest(self, points: FloatArray, centroids: FloatArray) -> tuple[IntArray, FloatArray]:
        """Per row the first of its nearest centroids, and the squared distance to it."""

    def within_margin(self, points: FloatArray, centroids: FloatArray, margin: float) -> tuple[IntArray, FloatArray]:
        """Per row the first centroid whose squared distance is at most s + margin * (1 + s), s the smallest; and s."""

    def totals(self, points: FloatArray, labels: IntArray, k: int) -> FloatArray:
        """K x columns: the sum of each label's rows."""

    def spread(self, points: FloatArray, labels: IntArray, centres: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Per label the sum of its rows' distances to their centre, and of the squares of them."""


def weighted_norm(points: FloatArray, weights: FloatArray) -> float:
    """The sum over rows of weight times squared length, which every cost of centroids contains."""
    return float(weights @ np.square(points).sum(axis=1))


def kernel_for(cells: int) -> Kernel:
    """The kernel that is quicker for a matrix of so many cells; which one it is changes no bit of any result."""
    wanted = cells >= COMPILED_FROM_CELLS or compiled_kernel.cache_info().currsize > 0
    return (compiled_kernel() if wanted else None) or numpy_kernel()


@cache
def numpy_kernel() -> Kernel:
    """The loops in NumPy."""
    from sahara_assets.segmentation.kernel_numpy import NumpyKernel

    return NumpyKernel()


@cache
def compiled_kernel() -> Kernel | None:
    """The loops as machine code; None where numba cannot be had, or was told not to compile."""
    try:
        from sahara_assets.segmentation.kernel_compiled import load
    except ImportError:
        return None
    return load(available_processors())


def available_processors() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def in_threads(threads: int, work: Callable[[Argument], Result], arguments: Iterable[Argument]) -> Iterator[Result]:
    """The results of `work` in the order of its arguments, on at most so many threads.

    >>> list(in_threads(2, lambda number: number * number, [3, 4, 5]))
    [9, 16, 25]
    """
    if threads == 1:
        yield from map(work, arguments)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="k-means") as pool:
        yield from pool.map(work, arguments)
