"""Made-up customers for the cases about segments: overlapping groups of unequal size, skewed and standardised, as features are."""

from __future__ import annotations

from typing import Any

KS = range(3, 16)
"""The ks of a whole sweep."""


def customers(count: int, columns: int, seed: int = 1) -> Any:
    """`count` × `columns`, standardised; twenty groups of which some overlap, and a tail of customers that belong to none."""
    import numpy as np

    draw = np.random.default_rng([seed, count, columns])
    centres = draw.normal(0, 2, (20, columns))
    shares = draw.dirichlet(np.full(20, 0.7))
    group = draw.choice(20, count, p=shares)
    points = centres[group] + draw.normal(0, 1, (count, columns)) * draw.uniform(0.5, 1.5, (20, 1))[group]
    tail = draw.random(count) < 0.02
    points[tail] = draw.standard_t(3, (int(tail.sum()), columns)) * 3
    points = np.sign(points) * np.log1p(np.abs(points))
    return (points - points.mean(axis=0)) / points.std(axis=0)
