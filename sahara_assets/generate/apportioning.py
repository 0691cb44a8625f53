"""Whole numbers that add up: a total shared out by weights within bounds, and a table that keeps both of its margins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

_HALVINGS = 200


def apportion(total: int, weights: Floats, low: Ints | int = 0, high: Ints | int | None = None) -> Ints:
    """A total in whole parts, as near to the weights as the bounds allow; what rounding leaves goes to the largest fractions.

    Args:
        total: what the parts add up to.
        weights: not negative, one a part.
        low: the least of each part.
        high: the most of each part; without, the total.

    Raises:
        ValueError: no parts within the bounds add up to the total.

    >>> apportion(10, np.array([1.0, 1.0, 4.0]), high=5).tolist()
    [3, 2, 5]
    """
    size = len(weights)
    least = np.broadcast_to(np.asarray(low, dtype=np.int64), size)
    most = np.broadcast_to(np.asarray(total if high is None else high, dtype=np.int64), size)
    if (least > most).any() or not int(least.sum()) <= total <= int(most.sum()):
        raise ValueError(f"{total:,} cannot be shared out between {int(least.sum()):,} and {int(most.sum()):,}")
    share = np.maximum(weights.astype(np.float64), 1e-12)
    # The factor by which the weights, cut at the bounds, add up to the total lies between these two.
    below, above = 0.0, float((most / share).max()) + 1.0
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        if np.clip(middle * share, least, most).sum() < total:
            below = middle
        else:
            above = middle
    exact = np.clip(above * share, least, most)
    found = np.clip(np.floor(exact + 1e-9).astype(np.int64), least, most)
    while (left := total - int(found.sum())) != 0:
        step = 1 if left > 0 else -1
        free = np.flatnonzero(found < most if left > 0 else found > least)
        order = free[np.argsort(-step * (exact - found)[free], kind="stable")]
        found[order[: abs(left)]] += step
    return found


def table_of(rows: Ints, columns: Ints, weights: Floats, low: Ints, high: Ints) -> Ints:
    """A table of whole numbers with given sums of rows and columns, near to the weights and within the bounds.

    Rows are shared out first; then columns that have too much give to those that have too little, row by row, as far as each may.

    Raises:
        ValueError: the bounds leave no such table, or none that is found so.
    """
    table = np.stack([apportion(int(total), weights[i], low[i], high[i]) for i, total in enumerate(rows)])
    while (apart := columns - table.sum(axis=0)).any():
        moved = False
        for giver in np.argsort(apart, kind="stable"):
            for taker in np.argsort(-apart, kind="stable"):
                need = min(-int(apart[giver]), int(apart[taker]))
                room = np.minimum(table[:, giver] - low[:, giver], high[:, taker] - table[:, taker])
                if need > 0 and (can := min(need, int(room.sum()))) > 0:
                    step = apportion(can, room.astype(np.float64), 0, room)
                    table[:, giver] -= step
                    table[:, taker] += step
                    moved = True
                    break
            if moved:
                break
        if not moved:
            raise ValueError("the bounds leave no table with these sums")
    return table
