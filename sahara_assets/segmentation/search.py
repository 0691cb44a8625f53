"""The search for good centroids of every k at once, on rows few enough to try many.

Lloyd's iterations end in the valley where they started, so a start decides. Here starts come from four sides: greedy k-means++ sequences,
whose prefixes serve every k; the solution of the next smaller k and one row more; that of the next larger k and one centroid less;
and a solution of the same k with one centroid moved elsewhere. Every k is searched on its own with what its neighbours had found
before, so that the order in which threads finish changes nothing.

Iterations over all rows of a large matrix, and what is asked of the matrix, are in `kmeans`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.segmentation.kernel import in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sahara_assets.segmentation.kernel import FloatArray, IntArray, Rows, Run

MAX_ITERATIONS = 300
_SCOUT_ITERATIONS = 5  # after five iterations the order of the restarts rarely changes any more
_FINALISTS = 3
_ADDITION_DRAWS = 16
_ROUGHLY = 1e-9  # while candidates are compared, runs may end this early; the best of each k is then run to its end
_REMOVALS = 2
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to search.

    Attributes:
        restarts: k-means++ sequences.
        swaps: attempts at moving one centroid elsewhere that may fail before a solution counts as good; with 0 nothing is asked
            of the next larger k either.
        tolerance: a run ends when an iteration lowers the cost by less than this share.
        catches_up: a run that after a few iterations costs more than so many times the best is given up.
    """

    restarts: int
    swaps: int
    tolerance: float
    catches_up: float = 1.002


def search(rows: Rows, ks: Sequence[int], effort: Effort, *, seed: int, threads: int) -> dict[int, Run]:
    """The best run found for each of the ascending `ks`; over consecutive ks the cost never rises.

    There must be as many different rows as the largest k.
    """
    draws = _Draws(seed)
    final, effort = effort.tolerance, replace(effort, tolerance=max(effort.tolerance, _ROUGHLY))
    sequences = list(
        in_threads(threads, lambda number: _greedy_sequence(rows, ks[-1], draws.of(0, number)), range(effort.restarts))
    )
    # The large ks first: they take longest, and no thread should be left with one at the end.
    downwards = sorted(ks, reverse=True)

    def for_every_k(work: Callable[[int], Run]) -> dict[int, Run]:
        return dict(zip(downwards, in_threads(threads, work, downwards), strict=True))

    best = for_every_k(lambda k: _race(rows, [sequence[:k] for sequence in sequences], effort.tolerance))
    if effort.swaps:
        before = best
        best = for_every_k(lambda k: _swapped(rows, before[k], draws.of(1, k), effort))
    for number in range(_ROUNDS if effort.swaps else 1):
        known, stage = best, 2 + number

        def improved(k: int, known: dict[int, Run] = known, stage: int = stage) -> Run:
            return _with_neighbours(rows, known, k, draws.of(stage, k), effort)

        best = for_every_k(improved)
        if all(best[k] is known[k] for k in ks):
            break
    if effort.tolerance > final:
        rough = best
        best = for_every_k(lambda k: lloyd(rows, rough[k].centroids, MAX_ITERATIONS, final))
    return _descending(rows, best, ks, draws, final)


class _Draws:
    """A generator of its own for every stage of the search and every k."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def of(self, stage: int, number: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(stage, number)))


def _with_neighbours(rows: Rows, known: dict[int, Run], k: int, generator: np.random.Generator, effort: Effort) -> Run:
    """The best of a known run and those that its neighbours lead to, with swaps where one of them won."""
    best = known[k]
    starts = []
    if k - 1 in known:
        starts.append(_with_addition(rows, known[k - 1].centroids, generator))
    if k + 1 in known and effort.swaps:
        larger = known[k + 1].centroids
        starts.extend(np.delete(larger, dropped, axis=0) for dropped in _least_missed(rows, larger)[:_REMOVALS])
    for start in starts:
        best = _challenged(rows, best, start, effort)
    return best if best is known[k] or not effort.swaps else _swapped(rows, best, generator, effort)


def _descending(rows: Rows, best: dict[int, Run], ks: Sequence[int], draws: _Draws, tolerance: float) -> dict[int, Run]:
    """The runs, with every one replaced that costs more than that of the next smaller k."""
    found: dict[int, Run] = {}
    for k in ks:
        run = best[k]
        if k - 1 in found and run.cost > found[k - 1].cost:
            start = _with_addition(rows, found[k - 1].centroids, draws.of(9, k))
            run = lloyd(rows, start, MAX_ITERATIONS, tolerance)
        found[k] = run
    return found


def _greedy_sequence(rows: Rows, length: int, generator: np.random.Generator) -> FloatArray:
    """Greedy k-means++ (Arthur & Vassilvitskii 2007, section 5.1): each row the best of several drawn by squared distance so far."""
    total = np.cumsum(rows.weights)
    first = int(np.searchsorted(total, generator.random() * total[-1], side="right"))
    draw = rows.best_draw(np.array([min(first, len(total) - 1)]), np.full(len(total), np.inf))
    chosen = [draw.row]
    candidates = 2 + int(math.log(length))
    for _ in range(1, length):
        draw = rows.best_draw(_drawn(draw.cumulated, candidates, generator), draw.costs)
        chosen.append(draw.row)
    sequence: FloatArray = rows.points[chosen]
    return sequence


def _drawn(cumulated: FloatArray, count: int, generator: np.random.Generator) -> IntArray:
    # A draw that rounding pushes to the very end must still fall on a row with a cost.
    last = int(np.searchsorted(cumulated, cumulated[-1]))
    drawn = np.searchsorted(cumulated, generator.random(count) * cumulated[-1], side="right")
    rows: IntArray = np.minimum(drawn, last)
    return rows


def _with_addition(
    rows: Rows, centroids: FloatArray, generator: np.random.Generator, costs: FloatArray | None = None
) -> FloatArray:
    """The centroids and, of several rows drawn by what they cost, the one that lowers the cost most (after Likas et al. 2003)."""
    costs = rows.two_nearest(centroids).first if costs is None else costs
    draw = rows.best_draw(_drawn(np.cumsum(costs), _ADDITION_DRAWS, generator), costs)
    return np.vstack([centroids, rows.points[draw.row]])


def _least_missed(rows: Rows, centroids: FloatArray) -> list[int]:
    """The centroids by what their rows would cost more without them, the least first."""
    found = rows.two_nearest(centroids)
    loss = np.bincount(found.labels, weights=found.second - found.first, minlength=len(centroids))
    order: list[int] = np.argsort(loss, kind="stable").tolist()
    return order


def _race(rows: Rows, starts: Sequence[FloatArray], tolerance: float) -> Run:
    """A few iterations for every start, all that are needed for the best; of equally good ones the first wins."""
    scouts = sorted((lloyd(rows, start, _SCOUT_ITERATIONS, tolerance) for start in starts), key=lambda run: run.cost)
    best: Run | None = None
    for scout in scouts[: max(_FINALISTS, len(scouts) // 6)]:
        run = scout if scout.settled else lloyd(rows, scout.centroids, MAX_ITERATIONS, tolerance)
        if best is None or run.cost < best.cost * (1 - 1e-12):
            best = run
    assert best is not None  # noqa: S101 - there is always a start
    return best


def _challenged(rows: Rows, best: Run, start: FloatArray, effort: Effort) -> Run:
    """The run, or the one from `start` if that is better by more than rounding."""
    run = lloyd(rows, start, _SCOUT_ITERATIONS, effort.tolerance)
    if not run.settled and run.cost < best.cost * effort.catches_up:
        run = lloyd(rows, run.centroids, MAX_ITERATIONS, effort.tolerance)
    return run if run.cost < best.cost * (1 - 1e-6) else best


def _swapped(rows: Rows, best: Run, generator: np.random.Generator, effort: Effort) -> Run:
    """Moves the centroid that is missed least to where one is missed most, for as long as that helps.

    One k-means run can leave two centroids in one group and one centroid on two groups, and no number of further
    iterations parts them; one such swap does (random swap, Franti 2018, with the removal chosen by its cost).
    """
    k = len(best.centroids)
    if k < 2:
        return best
    failures = 0
    while failures < effort.swaps:
        nearest = rows.two_nearest(best.centroids)
        loss = np.bincount(nearest.labels, weights=nearest.second - nearest.first, minlength=k)
        for dropped in np.argsort(loss, kind="stable")[: effort.swaps - failures]:
            kept = np.delete(best.centroids, dropped, axis=0)
            costs = np.where(nearest.labels == dropped, nearest.second, nearest.first)
            run = _challenged(rows, best, _with_addition(rows, kept, generator, costs), effort)
            if run is not best:
                best = run
                break
            failures += 1
    return best


def lloyd(rows: Rows, centroids: FloatArray, max_iterations: int, tolerance: float) -> Run:
    """Lloyd's iterations (see `kernel.Rows`), with centroids that lose all rows moved to where rows cost most."""
    spent = 0
    while True:
        run = rows.lloyd(centroids, max_iterations - spent, tolerance)
        spent += run.iterations
        if run.counts.all() or spent >= max_iterations:
            return run._replace(iterations=spent)
        centroids = _repaired(rows, run.centroids, run.counts)


def _repaired(rows: Rows, centroids: FloatArray, counts: FloatArray) -> FloatArray:
    """Each centroid that no row is nearest to moves to the row that costs most with all others."""
    repaired = centroids.copy()
    empty = np.flatnonzero(counts == 0)
    costs = rows.two_nearest(np.delete(centroids, empty, axis=0)).first
    for index in empty.tolist():
        farthest = int(costs.argmax())
        repaired[index] = rows.points[farthest]
        costs = rows.best_draw(np.array([farthest]), costs).costs
    return repaired
