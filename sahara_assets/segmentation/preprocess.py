"""From the feature declarations to the numbers that a model sees: what is fitted, and how it is applied.

A treatment says what to do (`features/declarations.py`); here its numbers are taken from the training customers and turn a feature
table into a matrix. The same steps as SQL are in `scoring`; how they are written down as JSON is in `model`. Principal components, where
the settings ask for them, are the last step: `projection`.

The feature table is a `pyarrow.Table`, as DuckDB and Ibis hand it over: one row per customer, one column per feature, money as
DECIMAL. Every fitted number is independent of the order of rows: quantiles are order statistics, sums are `math.fsum`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from sahara_assets.errors import SaharaError
from sahara_assets.features.declarations import BY_NAME, DROP
from sahara_assets.segmentation.projection import Projection, fit_projection, projected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from sahara_assets.features.declarations import Feature

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_CATEGORIES = 20
"""Categories of one feature that get a column of their own; the rarer ones share `OTHER`."""
OTHER = "(other)"
"""The category that the rarer words of a feature are lumped into."""


class PreprocessingError(SaharaError):
    """A feature table does not fit the features that were asked for."""


@dataclass(frozen=True, slots=True)
class FittedNumber:
    """A number's treatment with its fitted values, applied in the order of the attributes.

    Attributes:
        missing: what a null (or a NaN or infinity, which no warehouse should hold) counts as; None where nothing stands for it, and a
            customer without a value is neither trained on nor scored.
        cap: larger values count as this one; null where nothing is capped.
        transform: `log1p` is ln(1 + max(x, 0)).
        mean: subtracted after the transform.
        standard_deviation: what is divided by, of the population; 0 for a constant feature, which becomes 0.
    """

    name: str
    unit: str
    missing: float | None
    cap: float | None
    transform: Literal["log1p", "none"]
    mean: float
    standard_deviation: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The matrix columns that this feature makes: one, of its own name."""
        return (self.name,)


@dataclass(frozen=True, slots=True)
class FittedCategory:
    """A category's treatment: one column of 0 and 1 per category, not scaled, as BigQuery ML does it.

    Attributes:
        missing: the word that a null counts as: a category of its own if a training customer had one; None as for a number.
        categories: words with a column of their own, the most frequent first, ties bytewise; `(other)`, where it is needed, is last.
        lumped: the rarer words of the training customers, which `(other)` stands for. A word that is neither here nor among the
            categories was never seen in training and weighs 0 in every column.
    """

    name: str
    unit: str
    missing: str | None
    categories: tuple[str, ...]
    lumped: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The matrix columns that this feature makes: one for every category."""
        return tuple(f"{self.name}={category}" for category in self.categories)


FittedFeature = FittedNumber | FittedCategory


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The fitted treatments of a model's features, in the model's order, and the components that they are projected on, if any."""

    features: tuple[FittedFeature, ...]
    projection: Projection | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the features make, in order: a number's name, or `name=category`."""
        return tuple(column for feature in self.features for column in feature.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """The matrix columns, in order: the inputs, or the components that they are projected on."""
        return self.inputs if self.projection is None else self.projection.columns


def fit_preprocessing(
    table: pa.Table,
    feature_names: Sequence[str],
    declarations: Mapping[str, Feature] = BY_NAME,
    *,
    explained_variance: float | None = None,
) -> Preprocessing:
    """Takes every number that the declared treatments need from the customers of `table`.

    Means are of the values that are there; medians and cap quantiles are `quantile` of them (the cap after filling). Where a treatment
    drops customers without a value, everything is taken from those who have all of these values.

    Args:
        table: the training customers.
        feature_names: the model's features.
        declarations: by name.
        explained_variance: project on the fewest principal components that explain this share of the variance.

    Raises:
        PreprocessingError: no customers (or none that have every value), a feature that is not declared, or a declared one that the
            table lacks.
    """
    from sahara_assets.settings.unknown import unknown_key

    if table.num_rows == 0:
        raise PreprocessingError(
            "customer_features is empty: a model needs customers with at least one sale line up to the cut-off"
        )
    for name in feature_names:
        if name not in declarations:
            raise PreprocessingError(f"features.model: {unknown_key(name, list(declarations), noun='feature')}")
    needed = [declarations[name] for name in feature_names if declarations[name].treatment.missing == DROP]
    if needed:
        there = np.logical_and.reduce([_is_there(table, one.name, is_category=one.is_category) for one in needed])
        if not there.any():
            names = ", ".join(one.name for one in needed)
            raise PreprocessingError(
                f"no customer has a value for every one of {names}, and preprocessing.missing drops the others"
            )
        table = table.filter(there)
    preprocessing = Preprocessing(tuple(_fit_feature(table, declarations[name]) for name in feature_names))
    if explained_variance is None:
        return preprocessing
    return replace(preprocessing, projection=fit_projection(apply(preprocessing, table), explained_variance))


def is_complete(preprocessing: Preprocessing, table: pa.Table) -> npt.NDArray[np.bool_]:
    """Per customer whether every value is there that nothing stands for: only then it can be scored.

    Raises:
        PreprocessingError: the table lacks a feature.
    """
    complete = np.ones(table.num_rows, dtype=bool)
    for feature in preprocessing.features:
        if feature.missing is None:
            complete &= _is_there(table, feature.name, is_category=isinstance(feature, FittedCategory))
    return complete


def _is_there(table: pa.Table, name: str, *, is_category: bool) -> npt.NDArray[np.bool_]:
    if is_category:
        return np.array([word is not None for word in words(table, name)], dtype=bool)
    return np.isfinite(numbers(table, name))


def apply(preprocessing: Preprocessing, table: pa.Table) -> FloatArray:
    """The customers of `table` as the model sees them: rows x `preprocessing.columns`, all finite.

    Raises:
        PreprocessingError: the table lacks a feature, or a customer a value that nothing stands for (see `is_complete`).
    """
    if not is_complete(preprocessing, table).all():
        raise PreprocessingError("customers lack a value that this model needs; only those who have it can be scored")
    matrix = np.empty((table.num_rows, len(preprocessing.inputs)))
    at = 0
    for feature in preprocessing.features:
        if isinstance(feature, FittedNumber):
            matrix[:, at] = standardised(feature, transformed(feature, numbers(table, feature.name)))
        else:
            matrix[:, at : at + len(feature.categories)] = one_hot(feature, words(table, feature.name))
        at += len(feature.columns)
    return matrix if preprocessing.projection is None else projected(preprocessing.projection, matrix)


def transformed(feature: FittedNumber, values: FloatArray) -> FloatArray:
    """Values filled, capped and transformed, not yet scaled; `values` holds NaN where there is none."""
    if feature.missing is not None:
        values = np.where(np.isfinite(values), values, feature.missing)
    if feature.cap is not None:
        values = np.minimum(values, feature.cap)
    return np.log1p(np.maximum(values, 0.0)) if feature.transform == "log1p" else values


def standardised(feature: FittedNumber, values: FloatArray) -> FloatArray:
    """Transformed values as differences from the mean in standard deviations; 0 where the feature is constant."""
    if feature.standard_deviation == 0.0:
        return np.zeros(len(values))
    return (values - feature.mean) / feature.standard_deviation


def original(feature: FittedNumber, standard: float) -> float:
    """A standardised value in the feature's own unit: scaling and transform undone.

    For a feature of the log kind the mean of standardised values comes back as a geometric mean of 1 + x, less 1: the centre of its
    customers, not their average; capped values stay capped.

    >>> original(FittedNumber("order_count", "orders", 0.0, None, "log1p", math.log(4), 0.5), 0.0)
    3.0
    """
    value = standard * feature.standard_deviation + feature.mean
    return math.expm1(value) if feature.transform == "log1p" else value


def one_hot(feature: FittedCategory, values: Sequence[str | None]) -> FloatArray:
    """Rows x categories of 0 and 1; all 0 for a word that no training customer had.

    >>> one_hot(FittedCategory("country", "", "(unknown)", ("France", "(other)"), ("Malta",)), ["France", "Malta", None]).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """
    codes = category_codes(feature, values)
    matrix = np.zeros((len(codes), len(feature.categories)))
    seen = np.flatnonzero(codes >= 0)
    matrix[seen, codes[seen]] = 1.0
    return matrix


def category_codes(feature: FittedCategory, values: Sequence[str | None]) -> IntArray:
    """Per row the position of its category, −1 for a word that no training customer had."""
    position: dict[str | None, int] = {category: index for index, category in enumerate(feature.categories)}
    if feature.lumped:  # `(other)` is then no word of a customer's but a name for these
        del position[OTHER]
        position |= dict.fromkeys(feature.lumped, len(feature.categories) - 1)
    position[None] = -1 if feature.missing is None else position.get(feature.missing, -1)
    return np.fromiter((position.get(value, -1) for value in values), dtype=np.int64, count=len(values))


def quantile(ordered: FloatArray, share: float) -> float:
    """The quantile of sorted values by linear interpolation (Hyndman & Fan 1996, type 7; NumPy's and pandas' default).

    >>> quantile(np.array([1.0, 2.0, 10.0]), 0.75)
    6.0
    """
    position = (len(ordered) - 1) * share
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    low, high = float(ordered[below]), float(ordered[above])
    return low + (position - below) * (high - low)


# --- the feature table's columns ------------------------------------------------------------------------------------------------


def numbers(table: pa.Table, name: str) -> FloatArray:
    """A column as float64, each value the nearest double, NaN where it is null or not finite.

    Raises:
        PreprocessingError: there is no such column, or it holds no numbers.
    """
    import pyarrow as pa

    column = _column(table, name)
    if pa.types.is_decimal(column.type):
        unscaled, absent = decimal_units(table, name)
        # Below 2^53 both numbers are exact and the division is rounded once; above, Python divides the integers exactly.
        divisor = 10**column.type.scale
        small = np.abs(unscaled) < 2**53 if unscaled.dtype != object else np.zeros(len(unscaled), dtype=bool)
        values: FloatArray = unscaled.astype(np.float64) / divisor
        for row in np.flatnonzero(~small & ~absent):
            values[row] = int(unscaled[row]) / divisor
        values[absent] = np.nan
        return values
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_null(column.type)):
        raise PreprocessingError(f"customer_features.{name} is {column.type}, and the feature is a number")
    values = np.array(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def decimal_units(
    table: pa.Table, name: str
) -> tuple[npt.NDArray[np.int64] | npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
    """A DECIMAL column as whole numbers of its smallest unit (0 where null), and where it is null: sums of these are exact.

    The integers are of 64 bits, or Python's own where a value needs more.

    Raises:
        PreprocessingError: there is no such column, or it is not DECIMAL.
    """
    import pyarrow as pa

    column = _column(table, name)
    if not pa.types.is_decimal128(column.type):
        raise PreprocessingError(f"customer_features.{name} is {column.type}, and money and quantity must be DECIMAL")
    array = column.combine_chunks()
    absent = np.asarray(array.is_null())
    data = array.buffers()[1]
    if data is None or len(array) == 0:
        return np.zeros(len(array), dtype=np.int64), absent
    halves = np.frombuffer(data, dtype="<i8")[2 * array.offset : 2 * (array.offset + len(array))].reshape(-1, 2)
    low = np.where(absent, 0, halves[:, 0])
    high = np.where(absent, 0, halves[:, 1])
    if np.array_equal(high, np.where(low < 0, -1, 0)):
        return low, absent
    wide = high.astype(object) * 2**64 + halves[:, 0].view("<u8").astype(object)
    wide[absent] = 0
    return wide, absent


def words(table: pa.Table, name: str) -> list[str | None]:
    """A category column as Python strings.

    Raises:
        PreprocessingError: there is no such column, or it holds no text.
    """
    import pyarrow as pa

    column = _column(table, name)
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    if not any(holds(column.type) for holds in text):
        raise PreprocessingError(f"customer_features.{name} is {column.type}, and the feature is a category")
    values: list[str | None] = column.to_pylist()
    return values


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise PreprocessingError(
            f"customer_features has no column {name!r}; it has {', '.join(table.column_names)}. "
            "Rebuild it, or retrain with features that it has"
        )
    return table.column(name)


# --- fitting --------------------------------------------------------------------------------------------------------------------


def _fit_feature(table: pa.Table, feature: Feature) -> FittedFeature:
    if feature.is_category:
        return _fit_category(feature, words(table, feature.name))
    return _fit_number(feature, numbers(table, feature.name))


def _fit_number(feature: Feature, values: FloatArray) -> FittedNumber:
    treatment = feature.treatment
    if isinstance(treatment.missing, str) and treatment.missing not in {*_STAND_INS, DROP}:
        raise PreprocessingError(f"feature {feature.name}: {treatment.missing!r} cannot stand for a missing number")
    ordered = np.sort(values[np.isfinite(values)])
    missing: float | None
    if treatment.missing == DROP:
        missing = None
    elif not isinstance(treatment.missing, str):
        missing = float(treatment.missing)
    elif len(ordered) == 0:
        missing = 0.0  # nobody has the feature: any constant will do, and 0 needs no explanation
    else:
        missing = _STAND_INS[treatment.missing](ordered)
    filled = ordered if missing is None else np.sort(np.where(np.isfinite(values), values, missing))
    cap = None if treatment.cap_quantile is None else quantile(filled, treatment.cap_quantile)
    unscaled = FittedNumber(feature.name, feature.unit, missing, cap, treatment.transform, 0.0, 1.0)
    if treatment.scale == "none":
        return unscaled
    mean, standard_deviation = moments(transformed(unscaled, filled))
    return FittedNumber(feature.name, feature.unit, missing, cap, treatment.transform, mean, standard_deviation)


_STAND_INS: dict[str, Callable[[FloatArray], float]] = {
    "mean": lambda ordered: math.fsum(ordered.tolist()) / len(ordered),
    "median": lambda ordered: quantile(ordered, 0.5),
    "maximum": lambda ordered: float(ordered[-1]),
}
"""What of the training customers stands for a missing number, from their values in ascending order."""


def moments(values: FloatArray) -> tuple[float, float]:
    """Mean and population standard deviation; a constant has exactly none, whatever rounding makes of its values.

    >>> moments(np.array([0.3, 0.1 + 0.2, 0.3]))
    (0.3, 0.0)
    """
    # Ratios that should be equal differ in the last digit; divided by that difference they would outweigh every real feature.
    if values.max() - values.min() <= 1e-12 * np.abs(values).max():
        return float(values.min()), 0.0
    mean = math.fsum(values.tolist()) / len(values)
    return mean, math.sqrt(math.fsum(np.square(values - mean).tolist()) / len(values))


def _fit_category(feature: Feature, values: Sequence[str | None]) -> FittedCategory:
    missing = None if feature.treatment.missing == DROP else str(feature.treatment.missing)
    counts = Counter(filled for value in values if (filled := missing if value is None else value) is not None)
    ranked = sorted(counts, key=lambda word: (-counts[word], word.encode()))
    # A shop's own word "(other)" is one of the others, or it would be two categories at once.
    kept = [word for word in ranked if word != OTHER][:MAX_CATEGORIES]
    lumped = tuple(word for word in ranked if word not in kept)
    categories = (*kept, OTHER) if lumped else tuple(kept)
    return FittedCategory(feature.name, feature.unit, missing, categories, lumped)
