"""The N best of every row of a matrix of scores, quickly, in bounded memory, and with ties decided by number.

A full sort, or even a partial one, of every row costs several times the product that made the scores. Instead the largest value of
each of many blocks of columns is taken, which is one cheap pass; the N-th largest of those is no larger than the N-th largest score,
so only the few scores from there up are sorted, ties included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

DECIMALS = 6
"""Scores are told apart to so many places: what differs by less is a tie, whichever machine multiplied."""

BLOCK_CELLS = 1 << 22
"""Scores that are held at a time: 16 MiB of them, whatever the number of customers and products."""

_STEP = 2.0 * 10.0**-DECIMALS
_GROUPS_A_PLACE = 16  # more make the bound sharper and its own sorting longer
_FEW = 4

Scores = npt.NDArray[np.float32]


def blocks(rows: int, columns: int, cells: int = BLOCK_CELLS) -> Iterator[tuple[int, int]]:
    """First and last-but-one row of consecutive parts that hold so many cells.

    >>> list(blocks(5, 10, 20))
    [(0, 2), (2, 4), (4, 5)]
    """
    step = max(1, cells // max(columns, 1))
    return ((first, min(first + step, rows)) for first in range(0, rows, step))


def top(scores: Scores, most: int) -> tuple[Any, Any, Any]:
    """The best columns of each row.

    Args:
        scores: rows × columns; -inf where a column is out of the question.
        most: how many are wanted of a row; fewer come where fewer are in the question.

    Returns:
        Row, column and rounded score of each, by row and then from the best on; equal scores from the smallest column on.

    >>> rows, columns, values = top(np.array([[1, 3, 3, -np.inf]], np.float32), 2)
    >>> columns.tolist(), values.tolist()
    ([1, 2], [3.0, 3.0])
    """
    height, width = scores.shape
    # Columns are grouped by their remainder, so that the maxima are taken of whole stretches of memory at a time.
    groups = max(most, min(width, _GROUPS_A_PLACE * most))
    deep = width // groups
    bound = np.full(height, -np.inf, np.float32)
    if deep > 1:
        largest = scores[:, : deep * groups].reshape(height, deep, groups).max(axis=1)
        bound = np.partition(largest, -most, axis=1)[:, -most] - np.float32(_STEP)
    places = np.flatnonzero(scores >= bound[:, None])
    counts = np.diff(np.searchsorted(places, np.arange(height + 1) * width))
    rows = np.repeat(np.arange(height), counts)
    columns, found = places - rows * width, scores.ravel()[places]
    if np.isneginf(bound).any():
        possible = found > -np.inf
        rows, columns, found = rows[possible], columns[possible], found[possible]
        counts = np.bincount(rows, minlength=height)
    values = np.round(found.astype(np.float64), DECIMALS)
    best = _best(rows, columns, values, counts, most)
    return rows[best], columns[best], values[best]


def _best(rows: Any, columns: Any, values: Any, counts: Any, most: int) -> Any:  # noqa: ANN401 - arrays
    """The places of the best few of each row, by row and from the best on, of values that stand by row and column."""
    first = np.cumsum(counts) - counts
    widest = int(counts.max(initial=0))
    if widest > _FEW * most:  # a row of ties would make a wide table of all
        order = np.lexsort((columns, -values, rows))
        return order[np.arange(len(rows)) - first[rows] < most]
    table = np.full((len(counts), widest), np.inf)
    table[rows, np.arange(len(rows)) - first[rows]] = -values
    order = np.argsort(table, axis=1, kind="stable")[:, :most]
    return (order + first[:, None])[order < counts[:, None]]
