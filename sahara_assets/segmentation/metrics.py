"""What a clustering is worth, in numbers: compactness, separation, and the agreement of two groupings.

Those that scikit-learn has too take the matrix and 0-based labels and equal its function to 1e-9, which a test holds.
The clustering itself is made in `kmeans`; which k the numbers speak for is decided in `choose`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.segmentation.kernel import FloatArray, IntArray, available_processors, in_threads, kernel_for
from sahara_assets.segmentation.kmeans import UnclusterableError, checked_matrix, one_blas_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

SILHOUETTE_ROWS = 5_000
"""Up to this many rows the silhouette is exact; above, it is that of a seeded sample of this size."""
_BLOCK_ROWS = 256
_LEFT_OF_AN_EVEN_SPREAD = 0.25
_BLUR = 0.04  # of the distance to the nearest other centre


@dataclass(frozen=True, slots=True)
class Silhouette:
    """A mean silhouette and the number of rows it was taken over."""

    value: float
    sample_size: int


def mean_squared_distance(distances: npt.ArrayLike) -> float:
    """Mean of the squared distances to the nearest centroid (BigQuery ML's measure of the same name).

    >>> mean_squared_distance([0.0, 1.0, 2.0, 1.0])
    1.5
    """
    return float(np.square(np.asarray(distances, dtype=np.float64)).mean())


def davies_bouldin_index(matrix: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean over clusters of the worst (spread + spread) / distance of centres (Davies & Bouldin 1979); low is good.

    >>> davies_bouldin_index([[0.0], [2.0], [10.0], [12.0]], [0, 0, 1, 1])
    0.2
    """
    points, codes, counts = _grouped(matrix, labels)
    kernel = kernel_for(points.size)
    centres = kernel.totals(points, codes, len(counts)) / counts[:, None]
    spread = kernel.spread(points, codes, centres)[0] / counts
    separation = np.linalg.norm(centres[:, None, :] - centres[None, :, :], axis=2)
    if np.allclose(spread, 0.0) or np.allclose(separation, 0.0):
        return 0.0
    separation[separation == 0.0] = np.inf
    return float(((spread[:, None] + spread[None, :]) / separation).max(axis=1).mean())


def calinski_harabasz(matrix: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Between-cluster over within-cluster variance, each by its degrees of freedom (Calinski & Harabasz 1974); high is good.

    >>> calinski_harabasz([[0.0], [2.0], [10.0], [12.0]], [0, 0, 1, 1])
    50.0
    """
    points, codes, counts = _grouped(matrix, labels)
    k, kernel = len(counts), kernel_for(points.size)
    centres = kernel.totals(points, codes, k) / counts[:, None]
    within = float(kernel.spread(points, codes, centres)[1].sum())
    between = float((counts * np.square(centres - points.mean(axis=0)).sum(axis=1)).sum())
    return 1.0 if within == 0.0 else between * (len(points) - k) / (within * (k - 1))


def adjusted_rand_index(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Agreement of two groupings of the same rows: 1 equal, 0 what chance would give (Hubert & Arabie 1985).

    >>> adjusted_rand_index([0, 0, 1, 1], [7, 7, 3, 3])
    1.0
    >>> adjusted_rand_index([0, 0, 1, 1], [0, 1, 0, 1])
    -0.5
    """
    table = _cross_table(first, second)
    # Pairs in Python integers: with millions of rows their products leave 64 bits.
    row_count = int(table.sum())
    together = int(np.square(table).sum())
    in_one = int(np.square(table.sum(axis=1)).sum())
    in_two = int(np.square(table.sum(axis=0)).sum())
    both, only_one, only_two = together - row_count, in_one - together, in_two - together
    neither = row_count * row_count - together - only_one - only_two
    if only_one == 0 and only_two == 0:
        return 1.0
    return (
        2.0
        * (both * neither - only_one * only_two)
        / ((both + only_one) * (only_one + neither) + (both + only_two) * (only_two + neither))
    )


def weakest_overlap(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """How much of the worst kept cluster of the first grouping the second one finds again.

    Each cluster of the first is matched with the cluster of the second that shares most: rows in both / rows in either
    (Jaccard). The least of these is the answer, since one cluster that dissolves is not seen in a mean over all rows
    (Hennig 2007, Cluster-wise assessment of cluster stability).

    >>> weakest_overlap([0, 0, 1, 1], [7, 7, 3, 3])
    1.0
    >>> weakest_overlap([0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 1])
    0.5
    """
    table = _cross_table(first, second)
    either = table.sum(axis=1)[:, None] + table.sum(axis=0)[None, :] - table
    return float((table / either).max(axis=1).min(initial=1.0))


def wholeness(matrix: npt.ArrayLike, labels: npt.ArrayLike, *, smallest_part: int) -> float:
    """Whether no cluster is really two: 1 where none is, near 0 where one falls into two far apart.

    Each cluster is laid along its main axis (first principal component) and cut there where the two parts vary least
    within themselves; both parts have `smallest_part` rows at least. What the cut leaves of the variance is 1/4 in an even
    spread and 1 - 2/pi = 0.36 in a normal one, so that 1/4 and more counts as whole, and less in proportion; the worst
    cluster speaks for all. That is the elbow's question (would one more cluster pay?) put to each cluster alone; testing
    clusters one by one on a line through them is the idea of G-means (Hamerly & Elkan 2003). A cluster of fewer than two
    smallest parts is whole.

    To cluster and parts alike is added the variance of a blur, a twenty-fifth of the way to the nearest other centre: customers
    with one order and with two are two piles at any zoom, and still one group beside others that are far away.

    >>> wholeness([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]], [0, 0, 0, 1, 1, 1], smallest_part=1)
    1.0
    >>> round(wholeness([[0.0], [1.0], [10.0], [11.0], [30.5]], [0, 0, 0, 0, 1], smallest_part=1), 2)
    0.19
    """
    points = checked_matrix(matrix)
    codes, cluster_count = _codes(labels)
    by_cluster = points[np.argsort(codes, kind="stable")]
    ends = np.cumsum(np.bincount(codes, minlength=cluster_count))
    clusters = np.split(by_cluster, ends[:-1])
    centres = np.array([cluster.mean(axis=0) for cluster in clusters])
    apart = np.linalg.norm(centres[:, None, :] - centres[None, :, :], axis=2)
    np.fill_diagonal(apart, np.inf)
    blurs = np.zeros(1) if cluster_count == 1 else np.square(_BLUR * apart.min(axis=1))
    with one_blas_thread():
        left = [
            _left_by_best_cut(cluster, max(1, smallest_part), float(blur))
            for cluster, blur in zip(clusters, blurs, strict=True)
        ]
    return min(1.0, min(left) / _LEFT_OF_AN_EVEN_SPREAD)


def _left_by_best_cut(cluster: FloatArray, smallest_part: int, blur: float) -> float:
    """Share of the variance along the main axis that the best cut in two leaves; 1 where there is nothing to cut.

    `blur` is the variance that is added to the cluster's and to its parts'.
    """
    row_count = len(cluster)
    if row_count < 2 * smallest_part:
        return 1.0
    centred = cluster - cluster.mean(axis=0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    along = np.sort(centred @ axis)
    total = float(np.square(along).sum())
    if total <= 0.0:
        return 1.0
    below = np.arange(smallest_part, row_count - smallest_part + 1)
    # The rows are centred: the part below sums to s, the part above to -s.
    sums = np.cumsum(along)[below - 1]
    between = np.square(sums) * (1.0 / below + 1.0 / (row_count - below))
    return 1.0 - min(float(between.max()), total) / (total + row_count * blur)


def silhouette(
    matrix: npt.ArrayLike, labels: npt.ArrayLike, *, seed: int, exact_up_to: int = SILHOUETTE_ROWS
) -> Silhouette:
    """Mean of (b - a) / max(a, b) over rows: a the mean distance to its own cluster, b to the nearest other (Rousseeuw 1987).

    A row alone in its cluster counts 0. Above `exact_up_to` rows a seeded sample of that size stands for all.

    >>> found = silhouette([[0.0], [1.0], [10.0], [11.0]], [0, 0, 1, 1], seed=0)
    >>> round(found.value, 9), found.sample_size
    (0.899749373, 4)
    """
    return silhouettes(matrix, [labels], seed=seed, exact_up_to=exact_up_to)[0]


def silhouettes(
    matrix: npt.ArrayLike,
    labelings: Sequence[npt.ArrayLike],
    *,
    seed: int,
    exact_up_to: int = SILHOUETTE_ROWS,
) -> list[Silhouette]:
    """The silhouette of several groupings of the same rows, at little more than the price of one.

    The distances are made once, block by block, and one product with the groupings' indicator columns side by side
    sums them per cluster for every k at the same time.

    Raises:
        UnclusterableError: a grouping of the sample has a single cluster, or as many clusters as rows.
    """
    points = checked_matrix(matrix)
    grouped = [np.asarray(labels) for labels in labelings]
    if len(points) > exact_up_to:
        rows = np.sort(np.random.default_rng(seed).choice(len(points), size=exact_up_to, replace=False))
        points, grouped = points[rows], [labels[rows] for labels in grouped]
    row_count = len(points)
    codes: list[IntArray] = []
    counts: list[FloatArray] = []
    for labels in grouped:
        _, code, count = _grouped(points, labels)
        codes.append(code)
        counts.append(count)
    centred = points - points.mean(axis=0)  # products of centred rows keep more digits
    edges = np.concatenate([[0], np.cumsum([len(count) for count in counts])])
    indicators = np.zeros((row_count, int(edges[-1])))
    for code, edge in zip(codes, edges, strict=False):
        indicators[np.arange(row_count), edge + code] = 1.0
    norms = np.einsum("ij,ij->i", centred, centred)

    def of_block(first: int) -> list[float]:
        block = slice(first, first + _BLOCK_ROWS)
        sums = _distances(centred, norms, block) @ indicators
        return [
            _silhouette_sum(sums[:, edges[index] : edges[index + 1]], code[block], count)
            for index, (code, count) in enumerate(zip(codes, counts, strict=True))
        ]

    totals = np.zeros(len(codes))
    with one_blas_thread():
        # Blocks are added up in their order, whichever thread was first with its own.
        for sums in in_threads(available_processors(), of_block, range(0, row_count, _BLOCK_ROWS)):
            totals += sums
    return [Silhouette(float(total / row_count), row_count) for total in totals]


def _silhouette_sum(sums: FloatArray, own: IntArray, counts: FloatArray) -> float:
    at = np.arange(len(own))
    others = counts[own] - 1.0
    inside = sums[at, own] / np.maximum(others, 1.0)
    means = sums / counts
    means[at, own] = np.inf
    outside = means.min(axis=1)
    largest = np.maximum(inside, outside)
    # Two clusters of copies of one row have neither spread nor distance: 0, as for a row that is alone.
    ratio = np.divide(outside - inside, largest, out=np.zeros_like(largest), where=largest > 0.0)
    return float(ratio[others > 0.0].sum())


def _distances(centred: FloatArray, norms: FloatArray, block: slice) -> FloatArray:
    """Euclidean distances of the block's rows to all; copies of one row are exactly 0 apart. `norms` are the rows' squared lengths."""
    squared: FloatArray = (-2.0 * centred[block]) @ centred.T
    squared += norms
    own = norms[block]
    squared += own[:, None]
    # The product leaves rounding noise of about 1e-16 of the norms where the truth is 0, and its root would be 1e-8. Few are near it.
    row, column = np.divmod(np.flatnonzero(squared < 2e-13 * norms.max()), squared.shape[1])
    noise = squared[row, column] < 1e-13 * (norms[column] + own[row])
    squared[row[noise], column[noise]] = 0.0
    return np.sqrt(squared, out=squared)


def _cross_table(first: npt.ArrayLike, second: npt.ArrayLike) -> IntArray:
    """Rows by their cluster in the first grouping and in the second."""
    one, one_count = _codes(first)
    two, two_count = _codes(second)
    if len(one) != len(two):
        raise UnclusterableError(
            f"two groupings of the same rows are compared, and these have {len(one)} and {len(two)}"
        )
    table: IntArray = np.bincount(one * two_count + two, minlength=one_count * two_count)
    return table.reshape(one_count, two_count)


def _codes(labels: npt.ArrayLike) -> tuple[IntArray, int]:
    """Labels renumbered from 0 without gaps, and how many there are."""
    values = np.asarray(labels)
    if values.dtype.kind == "i" and len(values) and values.min() >= 0 and values.max() < len(values):
        there = np.bincount(values) > 0
        if there.all():
            return np.ascontiguousarray(values, dtype=np.int64), len(there)
    different, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64), len(different)


def _grouped(matrix: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[FloatArray, IntArray, FloatArray]:
    """The points, labels renumbered from 0 without gaps, and the size of each cluster."""
    points = checked_matrix(matrix)
    values = np.asarray(labels)
    if values.shape != (len(points),):
        raise UnclusterableError(f"one label a row is needed: {len(points)} rows, labels of shape {values.shape}")
    codes, k = _codes(values)
    if not 2 <= k < len(points):
        raise UnclusterableError(
            f"a measure of separation needs 2 clusters at least and fewer than rows: {k} clusters, {len(points)} rows",
        )
    return points, codes, np.bincount(codes, minlength=k).astype(np.float64)
