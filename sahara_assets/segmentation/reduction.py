"""Many rows as a few thousand weighted ones, on which the search for good starts is cheap.

k-means cares only for where rows lie and how many: rows that lie together can be replaced by their mean, with their number as its
weight, and every grouping that keeps them together costs the same but for a constant (BIRCH, Zhang, Ramakrishnan & Livny 1996). A plain
sample of the same size ranks groupings by a few thousand rows' luck: on 500,000 customers two that differ by 0.3 % were told apart
reliably by 4,096 such means, and not by a sample of 50,000. The iterations over all rows follow in `kmeans`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.segmentation.kernel import in_threads

if TYPE_CHECKING:
    from sahara_assets.segmentation.kernel import FloatArray, Kernel

SUMMED_ROWS = 524_288
"""Of more rows than this a seeded sample is summed up: the search then costs the same however many there are."""
_FITTED_ROWS = 51_200  # rows that the cells are fitted on; all others only fall into them
_ITERATIONS = 3


def summed_up(
    points: FloatArray, cell_count: int, generator: np.random.Generator, kernel: Kernel
) -> tuple[FloatArray, FloatArray]:
    """Means of about `cell_count` groups of rows that lie together, and how many rows each stands for.

    The groups come from two levels of k-means with few iterations, as many parts of parts as there are parts, so that a row is
    measured against twice the square root of `cell_count` centres.

    >>> from sahara_assets.segmentation.kernel import numpy_kernel
    >>> rows = np.arange(1000.0).reshape(-1, 1)
    >>> means, weights = summed_up(rows, 100, np.random.default_rng(0), numpy_kernel())
    >>> len(means) <= 100, float(weights.sum()), float(means[:, 0] @ weights) == float(rows.sum())
    (True, 1000.0, True)
    """
    if len(points) > SUMMED_ROWS:
        points = points[np.sort(generator.choice(len(points), size=SUMMED_ROWS, replace=False))]
    fitted = points
    if len(points) > _FITTED_ROWS:
        fitted = points[np.sort(generator.choice(len(points), size=_FITTED_ROWS, replace=False))]
    side = math.isqrt(cell_count)
    parts = _partitioned(fitted, side, generator, kernel)
    fitted_by_part = _split(fitted, kernel.nearest(fitted, parts)[0], len(parts))
    blocks = np.array_split(points, 8 * kernel.threads)
    labels = np.concatenate(list(in_threads(kernel.threads, lambda rows: kernel.nearest(rows, parts)[0], blocks)))
    points_by_part = _split(points, labels, len(parts))
    seeds = generator.integers(2**63, size=len(parts))

    def sum_up(part: int) -> tuple[FloatArray, FloatArray]:
        inside = points_by_part[part]
        known = fitted_by_part[part] if len(fitted_by_part[part]) else inside[:1]
        cells = _partitioned(known, side, np.random.default_rng(int(seeds[part])), kernel)
        found = kernel.nearest(inside, cells)[0]
        return _means(inside, found, len(cells), kernel)

    pieces = list(in_threads(kernel.threads, sum_up, [part for part, rows in enumerate(points_by_part) if len(rows)]))
    return np.concatenate([means for means, _ in pieces]), np.concatenate([weights for _, weights in pieces])


def _partitioned(points: FloatArray, count: int, generator: np.random.Generator, kernel: Kernel) -> FloatArray:
    """At most `count` centres among the points: drawn rows after a few iterations, those that no row is nearest to left out."""
    centres = points[np.sort(generator.choice(len(points), size=min(count, len(points)), replace=False))]
    for _ in range(_ITERATIONS):
        labels, _ = kernel.nearest(points, centres)
        centres, _ = _means(points, labels, len(centres), kernel)
    return centres


def _means(points: FloatArray, labels: np.ndarray, count: int, kernel: Kernel) -> tuple[FloatArray, FloatArray]:
    sizes = np.bincount(labels, minlength=count).astype(np.float64)
    there = sizes > 0
    return kernel.totals(points, labels, count)[there] / sizes[there, None], sizes[there]


def _split(points: FloatArray, labels: np.ndarray, count: int) -> list[FloatArray]:
    """The points of each label, in their order."""
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=count))
    return np.split(points[order], ends[:-1])
