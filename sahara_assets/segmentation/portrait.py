"""How each segment stands against everyone else, in numbers: what profiles show and names are made from.

A portrait holds, for every declared feature of the table and not only the model's, where the segment's customers lie and how far that
is from the others. Which words follow from it is `naming`; which columns and sentences is `profile`.

Distances between groups are taken in the transformed space of the feature's treatment (capped, logged), in standard deviations of all
customers, so that a few enormous customers do not decide; quartiles and medians are in original units, of the customers that have
the feature. No number depends on the order of rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.errors import SaharaError
from sahara_assets.features.declarations import BY_NAME, DROP
from sahara_assets.segmentation.preprocess import (
    FittedNumber,
    category_codes,
    decimal_units,
    fit_preprocessing,
    moments,
    numbers,
    quantile,
    transformed,
)
from sahara_assets.segmentation.preprocess import words as words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pyarrow as pa

    from sahara_assets.features.declarations import Feature
    from sahara_assets.segmentation.preprocess import FloatArray, IntArray


BY_SIZE = ""
"""What `rank_by` is where segments are ranked by how many customers they have."""


@dataclass(frozen=True, slots=True)
class NumberStanding:
    """Where a segment's customers lie in one number.

    Attributes:
        z: (segment mean − mean of all) ÷ standard deviation of all, in the transformed space.
        z_rest: (segment mean − mean of all others) ÷ standard deviation of all; 0 where there are no others.
        known_share: share of the segment's customers that have the feature.
        lower_quartile, median, upper_quartile: of those, in original units; null where nobody has it.
        everyone_median, rest_median: of all customers and of all others that have it; null where nobody has it.
    """

    z: float
    z_rest: float
    known_share: float
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None
    everyone_median: float | None
    rest_median: float | None


@dataclass(frozen=True, slots=True)
class WordStanding:
    """How common one category is in a segment: z is (share − share of all) ÷ its standard deviation among all."""

    word: str
    z: float
    share: float
    everyone_share: float
    rest_share: float


@dataclass(frozen=True, slots=True)
class Portrait:
    """One segment against all customers of a table.

    Attributes:
        size, everyone: customers in the segment, and of all.
        spend_units, everyone_spend_units: gross spend in the smallest unit of its DECIMAL column, exact; null where the table has none.
        spend_scale: decimal places of that unit.
        mean_order_count: orders per customer, 0 for an empty segment; null where the table has none.
        numbers, words: by feature; empty for an empty segment.
        rank: the mean that segments are ranked by, of the customers that have it; null where that is gross spend.
    """

    size: int
    everyone: int
    spend_units: int | None
    everyone_spend_units: int | None
    spend_scale: int
    mean_order_count: float | None
    numbers: Mapping[str, NumberStanding]
    words: Mapping[str, tuple[WordStanding, ...]]
    rank: Fraction | None = None

    @property
    def mean_spend(self) -> Fraction:
        """Gross spend per customer, exact; 0 for an empty segment and where the table has no spend."""
        return Fraction(self.spend_units or 0, max(self.size, 1) * 10**self.spend_scale)

    @property
    def worth(self) -> Fraction:
        """What segments are numbered and given their tiers by, exact: orders where that is gross spend and nobody's spend is known."""
        if self.rank is not None:
            return self.rank
        return self.mean_spend if self.everyone_spend_units else Fraction(self.mean_order_count or 0)


@dataclass(frozen=True, slots=True)
class _MeasuredNumber:
    """A number's values in ascending order, the missing last: which row each came from, and the value transformed."""

    rows: IntArray
    known: FloatArray
    shaped: FloatArray
    mean: float
    standard_deviation: float
    median: float | None


@dataclass(frozen=True, slots=True)
class _MeasuredWords:
    categories: tuple[str, ...]
    codes: IntArray


@dataclass(frozen=True, slots=True)
class Measured:
    """A feature table sorted and transformed once, for the portraits of many groupings: the models of a sweep share it."""

    row_count: int
    numbers: Mapping[str, _MeasuredNumber]
    words: Mapping[str, _MeasuredWords]
    spend_units: npt.NDArray[np.int64] | npt.NDArray[np.object_] | None
    spend_scale: int
    orders: FloatArray | None
    rank: _MeasuredRank | None


@dataclass(frozen=True, slots=True)
class _MeasuredRank:
    """What segments are ranked by where that is not gross spend: values in units of 10^-scale or as doubles, and which are there.

    Without either the size of a segment is its rank.
    """

    known: npt.NDArray[np.bool_]
    units: npt.NDArray[np.int64] | npt.NDArray[np.object_] | None = None
    scale: int = 0
    doubles: FloatArray | None = None


def measure(
    table: pa.Table, declarations: Mapping[str, Feature] = BY_NAME, *, rank_by: str = "gross_spend"
) -> Measured:
    """Every declared feature that the table has, made ready for `portraits`.

    Args:
        table: the feature table.
        declarations: by name.
        rank_by: the feature by whose mean segments are ranked, or `BY_SIZE`.

    Raises:
        SaharaError: the table lacks what segments are ranked by.
    """
    if rank_by != BY_SIZE and rank_by not in table.column_names:
        raise SaharaError(f"customer_features has no column {rank_by!r}: segments cannot be ranked without it")
    present = {name: _filled(one) for name, one in declarations.items() if name in table.column_names}
    measured_numbers: dict[str, _MeasuredNumber] = {}
    measured_words: dict[str, _MeasuredWords] = {}
    for feature in fit_preprocessing(table, list(present), present).features if table.num_rows else ():
        if isinstance(feature, FittedNumber):
            scaled = declarations[feature.name].treatment.scale == "standard"
            measured_numbers[feature.name] = _measured_number(feature, numbers(table, feature.name), scaled=scaled)
        else:
            codes = category_codes(feature, words_of(table, feature.name))
            measured_words[feature.name] = _MeasuredWords(feature.categories, codes)
    spends, orders = "gross_spend" in table.column_names, "order_count" in table.column_names
    return Measured(
        row_count=table.num_rows,
        numbers=measured_numbers,
        words=measured_words,
        spend_units=decimal_units(table, "gross_spend")[0] if spends else None,
        spend_scale=table.column("gross_spend").type.scale if spends else 0,
        orders=np.nan_to_num(numbers(table, "order_count")) if orders else None,
        rank=None if rank_by == "gross_spend" else _measured_rank(table, rank_by),
    )


def _filled(feature: Feature) -> Feature:
    """A feature without whose value a model has no segment for a customer; a portrait shows whoever it is given."""
    if feature.treatment.missing != DROP:
        return feature
    return replace(
        feature, treatment=replace(feature.treatment, missing="(unknown)" if feature.is_category else "median")
    )


def _measured_rank(table: pa.Table, rank_by: str) -> _MeasuredRank:
    import pyarrow as pa

    if rank_by == BY_SIZE:
        return _MeasuredRank(np.ones(table.num_rows, dtype=bool))
    if pa.types.is_decimal(table.column(rank_by).type):
        units, absent = decimal_units(table, rank_by)
        return _MeasuredRank(~absent, units, table.column(rank_by).type.scale)
    values = numbers(table, rank_by)
    known = np.isfinite(values)
    return _MeasuredRank(known, doubles=np.where(known, values, 0.0))


def _measured_number(feature: FittedNumber, values: FloatArray, *, scaled: bool) -> _MeasuredNumber:
    rows = np.argsort(values, kind="stable")
    ordered = values[rows]
    known = ordered[: int(np.isfinite(ordered).sum())]
    shaped = transformed(feature, ordered)
    mean, deviation = (feature.mean, feature.standard_deviation) if scaled else moments(shaped)
    return _MeasuredNumber(rows, known, shaped, mean, deviation, _quartiles(known)[1])


def portraits(measured: Measured, position: IntArray, count: int) -> tuple[Portrait, ...]:
    """A portrait for each of `count` groups of the measured customers; `position` says per row which group, from 0."""
    sizes = np.bincount(position, minlength=count)
    standings = {name: _number_standings(one, position, sizes) for name, one in measured.numbers.items()}
    words = {name: _word_standings(one, position, sizes) for name, one in measured.words.items()}
    spend = None if measured.spend_units is None else _exact_sums(measured.spend_units, position, count)
    orders = None if measured.orders is None else np.bincount(position, weights=measured.orders, minlength=count)
    ranks = None if measured.rank is None else _ranks(measured.rank, position, sizes)
    return tuple(
        Portrait(
            size=int(sizes[index]),
            everyone=len(position),
            spend_units=None if spend is None else spend[index],
            everyone_spend_units=None if spend is None else sum(spend),
            spend_scale=measured.spend_scale,
            mean_order_count=None if orders is None else float(orders[index]) / max(int(sizes[index]), 1),
            numbers={name: by_group[index] for name, by_group in standings.items() if index in by_group},
            words={name: by_group[index] for name, by_group in words.items() if index in by_group},
            rank=None if ranks is None else ranks[index],
        )
        for index in range(count)
    )


def _ranks(rank: _MeasuredRank, position: IntArray, sizes: IntArray) -> list[Fraction]:
    """The mean of what segments are ranked by, of those who have it, or their sizes; exact, and the same in any order of rows."""
    known = np.bincount(position[rank.known], minlength=len(sizes)).tolist()
    if rank.units is not None:
        sums = [Fraction(total, 10**rank.scale) for total in _exact_sums(rank.units, position, len(sizes))]
    elif rank.doubles is not None:
        sums = [Fraction(math.fsum(rank.doubles[position == index].tolist())) for index in range(len(sizes))]
    else:
        return [Fraction(size) for size in sizes.tolist()]
    return [total / max(count, 1) for total, count in zip(sums, known, strict=True)]


def _exact_sums(units: npt.NDArray[np.int64] | npt.NDArray[np.object_], position: IntArray, count: int) -> list[int]:
    # Sums in 64 bits where they fit, in Python's integers where they might not: never in doubles.
    fits = units.dtype != object and int(np.abs(units).max(initial=0)) * max(len(units), 1) < 2**63
    exact = units if fits else units.astype(object)
    return [int(exact[position == index].sum()) for index in range(count)]


def _number_standings(measured: _MeasuredNumber, position: IntArray, sizes: IntArray) -> dict[int, NumberStanding]:
    """By group; an empty one has none."""
    position = position[measured.rows]
    # Added in the order of size, so that the rows' order does not reach the last digit.
    sums = np.bincount(position, weights=measured.shaped, minlength=len(sizes)).tolist()
    known, position = measured.known, position[: len(measured.known)]
    known_sizes = np.bincount(position, minlength=len(sizes))
    ends = np.cumsum(known_sizes).tolist()
    grouped = known[np.argsort(position.astype(np.int16), kind="stable")]  # 16 bits: sorted by counting
    deviation = measured.standard_deviation
    standings = {}
    for index, (size, known_size) in enumerate(zip(sizes.tolist(), known_sizes.tolist(), strict=True)):
        if size == 0:
            continue
        lower, median, upper = _quartiles(grouped[ends[index] - known_size : ends[index]])
        others = len(measured.rows) - size
        mean = sums[index] / size
        rest_mean = sum(total for other, total in enumerate(sums) if other != index) / others if others else mean
        standings[index] = NumberStanding(
            z=(mean - measured.mean) / deviation if deviation else 0.0,
            z_rest=(mean - rest_mean) / deviation if deviation else 0.0,
            known_share=known_size / size,
            lower_quartile=lower,
            median=median,
            upper_quartile=upper,
            everyone_median=measured.median,
            rest_median=_quartiles(known[position != index])[1],
        )
    return standings


def _quartiles(ordered: FloatArray) -> tuple[float, float, float] | tuple[None, None, None]:
    if len(ordered) == 0:
        return None, None, None
    return quantile(ordered, 0.25), quantile(ordered, 0.5), quantile(ordered, 0.75)


def _word_standings(
    measured: _MeasuredWords, position: IntArray, sizes: IntArray
) -> dict[int, tuple[WordStanding, ...]]:
    """By group; an empty one has none."""
    width = len(measured.categories)
    # Every word was seen, because the categories are those of the same customers.
    counts = np.bincount(position * width + measured.codes, minlength=len(sizes) * width).reshape(-1, width)
    totals = counts.sum(axis=0)
    everyone = len(position)
    standings = {}
    for index, size in enumerate(sizes.tolist()):
        if size == 0:
            continue
        common = []
        for word, count, total in zip(measured.categories, counts[index].tolist(), totals.tolist(), strict=True):
            share, overall = count / size, total / everyone
            spread = math.sqrt(overall * (1 - overall))
            rest = (total - count) / (everyone - size) if everyone > size else overall
            common.append(WordStanding(word, (share - overall) / spread if spread else 0.0, share, overall, rest))
        standings[index] = tuple(common)
    return standings
