"""Which segment a customer belongs to: as NumPy in a process, and as one query inside the warehouse, with equal answers.

Both follow the same formula step by step: the features prepared as the model document says, the sum of squared differences to every
centroid (never the expanded |x|² − 2xc + |c|², which loses digits near a centroid), the smallest of them. Logarithms of two engines
may differ in the last digit, so two comparisons carry a margin far above that and far below anything that matters: of centroids
that are equally near within `TIE_MARGIN` the first wins, and an outlier is further than the outlier distance by more than
`OUTLIER_MARGIN`. Without the margins a customer half-way between two segments, or exactly at the outlier distance (which is one
customer's own distance), would be scored by chance.

Fitting lives in `preprocess` and `kmeans`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from sahara_assets.segmentation.kernel import kernel_for
from sahara_assets.segmentation.preprocess import (
    OTHER,
    FittedCategory,
    FittedNumber,
    PreprocessingError,
    apply,
    is_complete,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from sahara_assets.segmentation.model import SegmentationModel
    from sahara_assets.segmentation.preprocess import FloatArray, IntArray, Preprocessing
    from sahara_assets.segmentation.projection import Projection

TIE_MARGIN = 1e-12
"""Squared distances that differ by less than this times (1 + the smaller) are equal."""
OUTLIER_MARGIN = 1e-9
"""How much, times (1 + the outlier distance), a distance must lie above it to be an outlier's."""
NO_SEGMENT = 0
"""Stands for a key where a customer has no segment; keys count from 1."""


class Scores(NamedTuple):
    """One entry per customer, in the order of the table's rows.

    Attributes:
        segment: keys of the model's segments; `NO_SEGMENT` for a customer who lacks a value that nothing stands for.
        distance: Euclidean distance to the segment's centroid, in standardised space (or that of the components); NaN without a segment.
        is_outlier: further away than the model's outlier distance.
    """

    segment: IntArray
    distance: FloatArray
    is_outlier: npt.NDArray[np.bool_]


def score(model: SegmentationModel, table: pa.Table) -> Scores:
    """The segment of every customer of `table` (a feature table, see `preprocess`); nothing is fitted.

    Raises:
        PreprocessingError: the table lacks a feature of the model.
    """
    centroids = np.array([segment.centroid for segment in model.segments])
    complete = is_complete(model.preprocessing, table)
    keys = np.array([segment.key for segment in model.segments], dtype=np.int64)
    segment, distance = np.full(table.num_rows, NO_SEGMENT, dtype=np.int64), np.full(table.num_rows, np.nan)
    position, distance[complete] = nearest(apply(model.preprocessing, table.filter(complete)), centroids)
    segment[complete] = keys[position]
    return Scores(segment, distance, distance > outlier_limit(model.outlier_distance))


def nearest(matrix: FloatArray, centroids: FloatArray) -> tuple[IntArray, FloatArray]:
    """Per row the position of the nearest centroid (the first of equally near ones) and the distance to it.

    >>> nearest(np.array([[0.0], [5.0], [9.0]]), np.array([[0.0], [10.0]]))[0].tolist()
    [0, 0, 1]
    """
    points, centres = (np.ascontiguousarray(part, dtype=np.float64) for part in (matrix, centroids))
    position, squared = kernel_for(points.size).within_margin(points, centres, TIE_MARGIN)
    return position, np.sqrt(squared)


def outlier_limit(outlier_distance: float) -> float:
    """What a distance must exceed to be an outlier's."""
    return outlier_distance + OUTLIER_MARGIN * (1.0 + outlier_distance)


def scoring_query(model: SegmentationModel, source: ir.Table) -> ir.Table:
    """The same as an Ibis expression over a feature table: `tables.CUSTOMER_SEGMENTS`, one row per row of `source` that has a segment.

    Each step is a projection of its own, so that a standardised value, a distance and the smallest distance stand once in the
    compiled SQL however many segments there are; Ibis does not merge steps where that would repeat an expression.

    Raises:
        PreprocessingError: the source lacks a feature of the model.
    """
    import ibis

    for name in ("customer_id", *model.feature_names):
        if name not in source.columns:
            raise PreprocessingError(
                f"customer_features has no column {name!r}; rebuild it, or retrain with features that it has"
            )
    scaled = columns_query(model.preprocessing, scorable(model, source))
    if model.preprocessing.projection is not None:
        scaled = _projected(model.preprocessing.projection, scaled)
    measured = scaled.select(
        "customer_id", **{f"d{segment.key}": _squared(segment.centroid, scaled) for segment in model.segments}
    )
    distances = [measured[f"d{segment.key}"] for segment in model.segments]
    compared = measured.mutate(smallest=ibis.least(*distances) if len(distances) > 1 else distances[0])
    limited = compared.mutate(tie_limit=compared.smallest + TIE_MARGIN * (1.0 + compared.smallest))
    chosen = limited.select(
        "customer_id",
        segment=_first_within(model, limited),
        distance=limited.smallest.sqrt(),
    )
    return chosen.select(
        "customer_id",
        "segment",
        segment_name=_looked_up(chosen.segment, {segment.key: segment.name for segment in model.segments}),
        tier=_looked_up(chosen.segment, {segment.key: segment.tier for segment in model.segments}),
        distance=chosen.distance,
        is_outlier=chosen.distance > outlier_limit(model.outlier_distance),
    )


def columns_query(preprocessing: Preprocessing, source: ir.Table) -> ir.Table:
    """The customers of a feature table as a model sees them, before any projection: `customer_id`, then x0, x1 … as `preprocess.apply` has them."""
    columns: list[ir.Value] = []
    for feature in preprocessing.features:
        if isinstance(feature, FittedNumber):
            columns.append(_prepared(feature, source[feature.name]))
        else:
            columns.extend(_indicators(feature, source[feature.name]))
    prepared = source.select("customer_id", **{f"x{index}": column for index, column in enumerate(columns)})
    return prepared.select(
        "customer_id", **{f"x{index}": column for index, column in enumerate(_scaled(preprocessing, prepared))}
    )


def scorable(model: SegmentationModel, source: ir.Table) -> ir.Table:
    """The rows of a feature table that have every value that nothing stands for: all but for models that drop customers."""
    for feature in model.preprocessing.features:
        if feature.missing is None:
            source = source.filter(_is_there(source[feature.name]))
    return source


def _is_there(column: ir.Value) -> ir.Value:
    """Whether there is a value, in NumPy's sense of one."""
    if column.type().is_floating():
        return column.notnull() & ~(column.isnan() | column.isinf())
    return column.notnull()


def _projected(projection: Projection, scaled: ir.Table) -> ir.Table:
    """The components of the standardised columns, under the same names from x0 on."""
    components = {}
    for place, component in enumerate(projection.components):
        total: ir.Value | None = None
        for index, (mean, weight) in enumerate(zip(projection.means, component, strict=True)):
            term = (scaled[f"x{index}"] - mean) * weight
            total = term if total is None else total + term
        components[f"x{place}"] = total
    return scaled.select("customer_id", **components)


def _prepared(feature: FittedNumber, column: ir.Value) -> ir.Value:
    """Filled, capped and transformed; standardised one step later, where the value is a plain column."""
    import ibis

    value = column.cast("float64")
    if column.type().is_floating():
        # A NaN counts as missing as in NumPy: DuckDB and Postgres order it above every number, BigQuery below.
        value = ibis.ifelse(value.isnan() | value.isinf(), ibis.literal(None, "float64"), value)
    if feature.missing is not None:
        value = value.fill_null(ibis.literal(feature.missing, "float64"))
    if feature.cap is not None:
        value = ibis.least(value, ibis.literal(feature.cap, "float64"))
    if feature.transform == "log1p":
        value = (1.0 + ibis.greatest(value, ibis.literal(0.0, "float64"))).ln()
    return value


def _scaled(preprocessing: Preprocessing, prepared: ir.Table) -> list[ir.Value]:
    columns: list[ir.Value] = []
    for feature in preprocessing.features:
        for _ in feature.columns:
            column = prepared[f"x{len(columns)}"]
            if isinstance(feature, FittedCategory):
                columns.append(column)
            elif feature.standard_deviation == 0.0:
                columns.append(column - column)  # zero, as a double: DuckDB reads the literal 0.0 as a DECIMAL
            else:
                columns.append((column - feature.mean) / feature.standard_deviation)
    return columns


def _indicators(feature: FittedCategory, column: ir.Value) -> list[ir.Value]:
    import ibis

    filled = column if feature.missing is None else column.fill_null(feature.missing)
    tests = [
        filled.isin(list(feature.lumped)) if feature.lumped and category == OTHER else filled == category
        for category in feature.categories
    ]
    # Cast from integers: DuckDB reads 1.0 as a DECIMAL, and squares of decimal differences overflow its 38 digits.
    return [ibis.ifelse(test, 1, 0).cast("float64") for test in tests]


def _squared(centroid: tuple[float, ...], scaled: ir.Table) -> ir.Value:
    total: ir.Value | None = None
    for index, centre in enumerate(centroid):
        difference = scaled[f"x{index}"] - centre
        term = difference * difference
        total = term if total is None else total + term
    assert total is not None  # noqa: S101 - a model has at least one feature
    return total


def _first_within(model: SegmentationModel, limited: ir.Table) -> ir.Value:
    import ibis

    *before, last = [segment.key for segment in model.segments]
    if not before:
        return ibis.literal(last, "int64")
    cases = [(limited[f"d{key}"] <= limited.tie_limit, ibis.literal(key, "int64")) for key in before]
    return ibis.cases(*cases, else_=ibis.literal(last, "int64"))


def _looked_up(segment: ir.Value, words: dict[int, str]) -> ir.Value:
    import ibis

    *before, last = words.items()
    if not before:
        return ibis.literal(last[1])
    return ibis.cases(*((segment == key, word) for key, word in before), else_=last[1])
