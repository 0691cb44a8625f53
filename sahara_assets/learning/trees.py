"""Gradient boosting: decision trees that are added up, grown by scikit-learn and kept as plain data.

`grow` trains `HistGradientBoostingClassifier` and takes its trees apart; from then on scikit-learn is not needed. Scoring here follows its
prediction step by step (a row goes left where its value is at most the threshold; leaves are added to the base in the order of the
trees), so that log-odds are equal to the last bit. Trees ask about prepared columns in the features' own units, so that a person can read
them. The same as SQL is in `scoring.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sahara_assets.segmentation.preprocess import FloatArray

TREES, LEAVES, RATE, SMALLEST_LEAF = 60, 8, 0.1, 20
"""How much is grown: small trees, whose every question a person and a warehouse's query can follow."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a row's way through a tree ends: what it adds to the log-odds."""

    value: float


@dataclass(frozen=True, slots=True)
class Question:
    """A fork: rows whose column is at most the threshold go one way, all others the other.

    Attributes:
        column: its place among the columns of the preprocessing.
        at_most: the threshold.
        yes, no: what follows.
    """

    column: int
    at_most: float
    yes: Node
    no: Node


Node = Leaf | Question


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees that are added up.

    Attributes:
        base: the log-odds before the first tree.
        trees: added in this order.
    """

    base: float
    trees: tuple[Node, ...]

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """The log-odds of every row."""
        total = np.full(len(matrix), self.base)
        for tree in self.trees:
            total = total + leaves_of(tree, matrix)
        return total


def leaves_of(tree: Node, matrix: FloatArray) -> FloatArray:
    """What one tree adds for every row.

    >>> leaves_of(Question(0, 2.0, Leaf(-1.0), Leaf(1.0)), np.array([[2.0], [2.5]])).tolist()
    [-1.0, 1.0]
    """
    if isinstance(tree, Leaf):
        return np.full(len(matrix), tree.value)
    goes = matrix[:, tree.column] <= tree.at_most
    result = np.empty(len(matrix))
    result[goes] = leaves_of(tree.yes, matrix[goes])
    result[~goes] = leaves_of(tree.no, matrix[~goes])
    return result


def grow(matrix: FloatArray, labels: npt.NDArray[np.bool_], *, seed: int) -> Trees:
    """Trees that tell labelled rows apart.

    Args:
        matrix: rows x columns, finite.
        labels: both classes must be there.
        seed: of the draw of rows that thresholds are taken from, where there are very many.
    """
    return taken_apart(grown(matrix, labels, seed=seed))


def grown(matrix: FloatArray, labels: npt.NDArray[np.bool_], *, seed: int) -> Any:  # noqa: ANN401 - scikit-learn has no types
    """scikit-learn's own model, before it is taken apart."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=RATE,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=SMALLEST_LEAF,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(limits=1):  # sums are split the same way everywhere
        model.fit(matrix, labels.astype(np.int64))
    return model


def taken_apart(model: Any) -> Trees:  # noqa: ANN401 - scikit-learn has no types
    """A fitted `HistGradientBoostingClassifier` of two classes as plain data."""
    base = float(np.asarray(model._baseline_prediction).ravel()[0])  # noqa: SLF001 - nothing public tells it
    trees = tuple(_node(stage[0].nodes, 0) for stage in model._predictors)  # noqa: SLF001 - the same
    return Trees(base, trees)


def _node(nodes: Any, place: int) -> Node:  # noqa: ANN401 - a structured array of scikit-learn's
    node = nodes[place]
    if node["is_leaf"]:
        return Leaf(float(node["value"]))
    return Question(
        int(node["feature_idx"]),
        float(node["num_threshold"]),
        _node(nodes, int(node["left"])),
        _node(nodes, int(node["right"])),
    )
