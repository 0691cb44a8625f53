"""The models for k = low..high, each with the numbers that a choice between them needs.

The sweep measures and decides nothing: the rule is in `choose`. k-means itself is in `kmeans`, the measures in `metrics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.segmentation.kmeans import (
    KMeansFit,
    UnclusterableError,
    assign,
    checked_matrix,
    distinct_row_count,
    fit_range,
)
from sahara_assets.segmentation.metrics import (
    SILHOUETTE_ROWS,
    adjusted_rand_index,
    calinski_harabasz,
    davies_bouldin_index,
    silhouettes,
    weakest_overlap,
    wholeness,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sahara_assets.segmentation.kernel import FloatArray, IntArray

_FEW_ROWS = 2_000
_RESAMPLE_ROWS = 10_000  # a half sample is never larger: what 10,000 rows leave undecided is unstable
_COMPARED_ROWS = 20_000  # and its grouping is compared on at most so many rows, as clusters are cut for wholeness
_SMALLEST_PART_SHARE = 0.01  # a cluster with a smaller part beside it holds stragglers, not two groups
_SMALLEST_PART_ROWS = 3


@dataclass(frozen=True, slots=True)
class SweptModel:
    """One k of the sweep.

    Attributes:
        k: number of clusters.
        centroids: k x columns, canonical order.
        labels: per row the 0-based index of its centroid.
        mean_squared_distance: mean over rows of the squared distance to the nearest centroid.
        davies_bouldin_index: low is good (Davies & Bouldin 1979).
        silhouette: high is good (Rousseeuw 1987), mean over `silhouette_sample_size` rows.
        silhouette_sample_size: rows behind the silhouette; fewer than all where the data are large.
        calinski_harabasz: high is good (Calinski & Harabasz 1974).
        row_count: rows clustered.
        smallest_size: rows of the smallest cluster.
        smallest_share: the same as a share of all rows.
        largest_share: share of rows of the largest cluster.
        stability: mean adjusted Rand index between this grouping of all rows and those by k-means on half samples with
            other seeds (Ben-Hur, Elisseeff & Guyon 2002; Hubert & Arabie 1985). 1 is the same each time, 0 is chance.
        steadiness: mean over the same half samples of what is found again of the cluster that is found again least
            (Jaccard; Hennig 2007). Stability speaks for all rows, steadiness for the weakest segment. 1 is always whole.
        wholeness: 1 where no cluster is really two; lower as one of them falls apart in two along its main axis. See
            `metrics.wholeness`.
        elbow: how much more the step to k helped than the next one will: the second difference at k of
            ln(inertia) + (2 / columns) ln(k). The second term is what k alone gains on data without clusters
            (Krzanowski & Lai 1988), so that 0 is no elbow.
        capped_from: the largest k that was asked for, where the data have too few different rows for it; else None.
    """

    k: int
    centroids: FloatArray
    labels: IntArray
    mean_squared_distance: float
    davies_bouldin_index: float
    silhouette: float
    silhouette_sample_size: int
    calinski_harabasz: float
    row_count: int
    smallest_size: int
    smallest_share: float
    largest_share: float
    stability: float
    steadiness: float
    wholeness: float
    elbow: float
    capped_from: int | None


def sweep(
    matrix: npt.ArrayLike,
    *,
    k_min: int,
    k_max: int,
    seed: int,
    resamples: int | None = None,
    restarts: int | None = None,
    silhouette_rows: int = SILHOUETTE_ROWS,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[SweptModel]:
    """k-means and its measures for every k from k_min to k_max.

    k_max is lowered to the number of different rows less one (a cluster for every row is no clustering); then every
    model says in `capped_from` what was asked for. Same matrix, same settings, same seed: same bytes.

    Args:
        matrix: rows x columns, preprocessed: finite and on comparable scales.
        k_min: smallest number of clusters, at least 2.
        k_max: largest number of clusters.
        seed: of every draw.
        resamples: half samples behind each stability; None means as many as the size of the data calls for.
        restarts: k-means++ sequences a fit; None means as many as the size of the data affords.
        silhouette_rows: up to this many rows the silhouette is exact.
        on_progress: called with (fits done, fits in all) after each; every k is fitted once and once a resample.

    Raises:
        UnclusterableError: k_min is below 2 or above k_max, or the rows are too few, too alike or not finite.

    >>> rows = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [9.0], [9.1], [9.2]]
    >>> [(model.k, model.smallest_size) for model in sweep(rows, k_min=2, k_max=3, seed=0)]
    [(2, 3), (3, 3)]
    """
    points = checked_matrix(matrix)
    if not 2 <= k_min <= k_max:
        raise UnclusterableError(f"k must range from 2 or more upwards, not from {k_min} to {k_max}")
    distinct = distinct_row_count(points, up_to=k_max + 2)
    highest = min(k_max, distinct - 1)
    if highest < k_min:
        raise UnclusterableError(
            f"{k_min} clusters need at least {k_min + 1} different rows, and {len(points)} rows hold only {distinct}: "
            "lower the k range, or give the model more features",
        )
    ks = range(k_min, highest + 1)
    # One k to either side: an elbow at the end of the range needs its neighbours.
    around = range(k_min - 1, min(highest + 1, distinct) + 1)
    halves = resamples if resamples is not None else resamples_for(len(points))
    progress = _Progress(on_progress, ks, halves)
    seeds = np.random.SeedSequence(seed).generate_state(3 + halves)
    fits = fit_range(points, around, seed=int(seeds[0]), restarts=restarts, on_fit=progress.fitted)
    separation = silhouettes(points, [fits[k].labels for k in ks], seed=int(seeds[1]), exact_up_to=silhouette_rows)
    generator = np.random.default_rng(int(seeds[2]))
    compared = np.arange(len(points))
    if len(points) > _COMPARED_ROWS:
        compared = np.sort(generator.choice(len(points), size=_COMPARED_ROWS, replace=False))
    agreement = _agreements(points, fits, ks, compared, generator, [int(number) for number in seeds[3:]], progress)
    smallest_part = max(_SMALLEST_PART_ROWS, math.ceil(_SMALLEST_PART_SHARE * len(compared)))
    models = []
    for position, k in enumerate(ks):
        fitted = fits[k]
        sizes = np.bincount(fitted.labels, minlength=k)
        models.append(
            SweptModel(
                k=k,
                centroids=fitted.centroids,
                labels=fitted.labels,
                mean_squared_distance=fitted.inertia / len(points),
                davies_bouldin_index=davies_bouldin_index(points, fitted.labels),
                silhouette=separation[position].value,
                silhouette_sample_size=separation[position].sample_size,
                calinski_harabasz=calinski_harabasz(points, fitted.labels),
                row_count=len(points),
                smallest_size=int(sizes.min()),
                smallest_share=float(sizes.min() / len(points)),
                largest_share=float(sizes.max() / len(points)),
                stability=agreement[position][0],
                steadiness=agreement[position][1],
                wholeness=wholeness(points[compared], fitted.labels[compared], smallest_part=smallest_part),
                elbow=_elbow({at: fits[at].inertia for at in (k - 1, k, k + 1) if at in fits}, k, points.shape[1]),
                capped_from=k_max if highest < k_max else None,
            ),
        )
    return models


def resamples_for(row_count: int) -> int:
    """Half samples by the number of rows: with few rows one half differs much from the next.

    >>> [resamples_for(rows) for rows in (150, 2_000, 500_000)]
    [10, 10, 5]
    """
    return 10 if row_count <= _FEW_ROWS else 5


class _Progress:
    """Counts the fits of the sweep's own ks: nearly all of its time goes into them, and evenly."""

    def __init__(self, report: Callable[[int, int], None] | None, ks: Sequence[int], resamples: int) -> None:
        self._report, self._ks = report, ks
        self._done, self._total = 0, len(ks) * (1 + resamples)

    def fitted(self, k: int) -> None:
        if k in self._ks:
            self._done += 1
            if self._report is not None:
                self._report(self._done, self._total)


def _elbow(inertia: dict[int, float], k: int, column_count: int) -> float:
    """The curvature at k of ln(inertia) less that of data without clusters; 0 where a neighbour is missing or exact."""
    if len(inertia) < 3 or min(inertia.values()) <= 0.0:
        return 0.0

    def height(at: int) -> float:
        return math.log(inertia[at]) + 2.0 / column_count * math.log(at)

    return height(k - 1) - 2.0 * height(k) + height(k + 1)


def _agreements(
    points: FloatArray,
    fits: dict[int, KMeansFit],
    ks: Sequence[int],
    compared: IntArray,
    generator: np.random.Generator,
    resample_seeds: Sequence[int],
    progress: _Progress,
) -> list[tuple[float, float]]:
    """Per k the mean agreement of the grouping with those found on half samples, over all rows and of the weakest cluster.

    Both are 0.0 where no half sample had rows enough.
    """
    row_count = len(points)
    size = min(_RESAMPLE_ROWS, max(row_count // 2, min(row_count, 2 * ks[-1])))
    found: list[list[tuple[float, float]]] = [[] for _ in ks]
    for resample_seed in resample_seeds:
        drawn = points[np.sort(generator.choice(row_count, size=size, replace=False))]
        available = distinct_row_count(drawn, up_to=ks[-1])
        possible = [k for k in ks if k <= available]
        refits = {}
        if possible:
            refits = fit_range(
                drawn, possible, seed=resample_seed, restarts=3, swaps=0, tolerance=1e-4, on_fit=progress.fitted
            )
        for k in ks[len(possible) :]:
            progress.fitted(k)  # passed over: the half sample has too few different rows
        for k in possible:
            labels, _ = assign(points[compared], refits[k].centroids)
            kept = fits[k].labels[compared]
            found[k - ks[0]].append((adjusted_rand_index(labels, kept), weakest_overlap(kept, labels)))
    # A k that no half sample has rows enough for did not prove stable.
    return [
        (float(np.mean([pair[0] for pair in pairs])), float(np.mean([pair[1] for pair in pairs])))
        if pairs
        else (0.0, 0.0)
        for pairs in found
    ]
