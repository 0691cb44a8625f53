"""Principal components: the fewest directions that explain a share of the variance, and the way into their space and back.

Fitted on standardised features (`preprocess`), written down in the model document (`model`), and applied alike in NumPy and in SQL: both
subtract the mean of every input and add the weighted differences up from left to right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

_ENOUGH = 1e-12
"""What rounding may take from the variance that is explained."""


@dataclass(frozen=True, slots=True)
class Projection:
    """From inputs to components.

    Attributes:
        means: of each input over the training customers, subtracted first.
        components: per component the weight of each input: orthogonal, of length 1, the one that explains most first; of each the weight
            that is largest in size is positive.
        explained: share of the inputs' variance that each component explains.
    """

    means: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]
    explained: tuple[float, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the components."""
        return tuple(f"component_{number}" for number in range(1, len(self.components) + 1))


def fit_projection(matrix: FloatArray, explained_variance: float) -> Projection:
    """The fewest principal components that explain at least a share of the variance; one where there is no variance at all.

    Sums are exact (`math.fsum`), so that the order of rows changes nothing.

    >>> fitted = fit_projection(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), 0.9)
    >>> [round(weight, 6) for weight in fitted.components[0]], fitted.means
    ([0.707107, 0.707107], (1.0, 1.0))
    """
    rows, width = matrix.shape
    means = [math.fsum(column.tolist()) / rows for column in matrix.T]
    centred = (matrix - np.array(means)).T
    covariance = np.empty((width, width))
    for one in range(width):
        for other in range(one + 1):
            covariance[one, other] = covariance[other, one] = math.fsum((centred[one] * centred[other]).tolist()) / rows
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(-values, kind="stable")
    variances, vectors = np.maximum(values[order], 0.0), vectors[:, order]
    total = math.fsum(variances.tolist())
    shares = variances / total if total > 0 else np.eye(1, width)[0]
    enough = np.flatnonzero(np.cumsum(shares) >= explained_variance - _ENOUGH)
    count = int(enough[0]) + 1 if len(enough) else width
    components = []
    for vector in vectors[:, :count].T:
        largest = int(np.argmax(np.abs(vector)))
        components.append(tuple((vector if vector[largest] > 0 else -vector).tolist()))
    return Projection(tuple(means), tuple(components), tuple(shares[:count].tolist()))


def projected(projection: Projection, matrix: FloatArray) -> FloatArray:
    """Rows x components of rows x inputs."""
    result = np.zeros((len(matrix), len(projection.components)))
    for place, component in enumerate(projection.components):
        for column, mean, weight in zip(matrix.T, projection.means, component, strict=True):
            result[:, place] += (column - mean) * weight  # left to right, as the query adds them
    return result


def unprojected(projection: Projection, places: FloatArray) -> FloatArray:
    """Rows x inputs of rows x components: the nearest that the components know of, which is not the whole of what was projected."""
    return np.asarray(places @ np.array(projection.components) + np.array(projection.means))
