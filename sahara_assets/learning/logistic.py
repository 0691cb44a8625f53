"""Regularised logistic regression: fitted, and applied.

The model is explainable as a list of weights: one for every standardised column, and what a customer of average values comes to. It is
fitted by Newton's method on the penalised log loss, the same optimum as scikit-learn's `LogisticRegression(C=1 / penalty)`, which a test holds
it to; ours because the document must be equal on every machine: the fit runs on one thread and its weights are rounded to ten significant
digits, far below what matters and far above what machines differ by. How columns are prepared lives in `segmentation/preprocess.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.segmentation.kmeans import one_blas_thread

if TYPE_CHECKING:
    import numpy.typing as npt

    from sahara_assets.segmentation.preprocess import FloatArray

MOST_ROUNDS = 100
FURTHEST = 500.0
"""Log-odds beyond this are as good as certain; every warehouse's exponential still holds them."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """The weights of a fitted model; its log-odds are the intercept plus the weighted sum of the columns, from left to right.

    Attributes:
        intercept: the log-odds where every column is 0.
        weights: one per column of the preprocessing.
    """

    intercept: float
    weights: tuple[float, ...]

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """The log-odds of every row."""
        total = np.full(len(matrix), self.intercept)
        for column, weight in enumerate(self.weights):  # in the order in which the query adds them
            total = total + matrix[:, column] * weight
        return total


def probability(log_odds: FloatArray) -> FloatArray:
    """Log-odds as probabilities.

    >>> probability(np.array([0.0, 5000.0])).tolist()
    [0.5, 1.0]
    """
    chance: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -FURTHEST, FURTHEST)))
    return chance


def fit_logistic(matrix: FloatArray, labels: npt.NDArray[np.bool_], penalty: float) -> Logistic:
    """The weights that minimise the log loss plus half the penalty times their sum of squares; the intercept goes free.

    Args:
        matrix: rows x columns, finite.
        labels: what is to be told apart; both must be there.
        penalty: above 0; larger keeps the weights smaller.

    Raises:
        ValueError: only one class is there.

    >>> model = fit_logistic(np.array([[-1.0], [-1.0], [1.0], [1.0]]), np.array([False, True, True, True]), 1.0)
    >>> model.weights[0] > 0
    True
    """
    if labels.all() or not labels.any():
        raise ValueError("one class only: there is nothing to tell apart")
    design = np.column_stack([np.ones(len(matrix)), matrix])
    wanted = labels.astype(np.float64)
    ridge = np.full(design.shape[1], penalty)
    ridge[0] = 0.0
    weights = np.zeros(design.shape[1])
    weights[0] = np.log(wanted.mean() / (1.0 - wanted.mean()))

    def loss(tried: FloatArray) -> float:
        odds = design @ tried
        return float(np.sum(np.logaddexp(0.0, odds) - wanted * odds) + 0.5 * np.sum(ridge * tried * tried))

    with one_blas_thread():
        now = loss(weights)
        for _ in range(MOST_ROUNDS):
            chance = probability(design @ weights)
            gradient = design.T @ (chance - wanted) + ridge * weights
            spread = chance * (1.0 - chance)
            curvature = design.T @ (design * spread[:, None]) + np.diag(ridge + 1e-12)
            step = np.linalg.solve(curvature, gradient)
            # Halved until it helps: far from the optimum a whole step may overshoot. Near it, rounding makes losses incomparable.
            size, slack = 1.0, 1e-12 * abs(now)
            while size > 1e-10 and loss(weights - size * step) > now + slack:
                size /= 2.0
            weights = weights - size * step
            now = loss(weights)
            if np.abs(step).max() <= 1e-12 * (1.0 + np.abs(weights).max()):
                break
    rounded = [float(f"{weight:.10g}") for weight in weights]
    return Logistic(rounded[0], tuple(rounded[1:]))
