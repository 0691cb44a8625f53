"""Fitting and applying the treatments: exact on small tables, independent of row order, sane on untidy ones."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sahara_assets.features.declarations import BY_NAME, FEATURES, Feature, Treatment
from sahara_assets.segmentation.preprocess import (
    OTHER,
    FittedCategory,
    FittedNumber,
    Preprocessing,
    PreprocessingError,
    apply,
    decimal_units,
    fit_preprocessing,
    numbers,
    original,
    quantile,
    standardised,
    transformed,
)
from sahara_assets.tables.columns import Kind
from sahara_assets_tests.segmentation.made_features import MONEY, drawn_table, money

ALL_FEATURES = tuple(feature.name for feature in FEATURES)


def number(name: str, kind: Kind = Kind.FLOAT, **treatment) -> dict[str, Feature]:
    return {name: Feature(name, kind, "", name, "", Treatment(**treatment))}


def fitted(values, declarations=None, **treatment):
    declarations = declarations or number("x", **treatment)
    (name,) = declarations
    (feature,) = fit_preprocessing(pa.table({name: values}), [name], declarations).features
    return feature


def test_every_number_of_a_treatment_is_the_one_computed_by_hand():
    # Filled: 0, 2, 3, 10 (the median of 2, 3, 10 is 3, so: 2, 3, 3, 10); cap at the 0.5 quantile: 3; logs of 3, 4, 4, 4.
    feature = fitted(pa.array([None, 2.0, 3.0, 10.0]), missing="median", cap_quantile=0.5)
    logs = [math.log(4), math.log(3), math.log(4), math.log(4)]
    mean = sum(logs) / 4
    assert feature.missing == 3.0
    assert feature.cap == 3.0
    assert feature.mean == pytest.approx(mean, abs=1e-15)
    assert feature.standard_deviation == pytest.approx(math.sqrt(sum((log - mean) ** 2 for log in logs) / 4), abs=1e-15)


def test_the_mean_stands_for_a_missing_value_where_the_treatment_says_so():
    assert fitted(pa.array([1.0, None, 2.0, 6.0]), missing="mean").missing == 3.0


def test_a_number_stands_for_a_missing_value_where_the_treatment_names_one():
    feature = fitted(pa.array([5.0, None]), missing=0.0, cap_quantile=None, transform="none")
    assert (feature.missing, feature.mean) == (0.0, 2.5)


def test_a_feature_that_nobody_has_becomes_constant():
    feature = fitted(pa.array([None, None], pa.float64()), missing="median")
    assert (feature.missing, feature.standard_deviation) == (0.0, 0.0)
    table = pa.table({"x": pa.array([1.0, 7.0])})
    assert apply(Preprocessing((feature,)), table).tolist() == [[0.0], [0.0]]


def test_negative_amounts_floor_at_zero_before_the_logarithm():
    feature = fitted(pa.array([-50.0, 0.0, math.e - 1]), missing=0.0, cap_quantile=None)
    assert transformed(feature, np.array([-50.0, 0.0, math.e - 1])).tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_values_above_the_cap_count_as_the_cap():
    values = np.arange(101.0)
    feature = fitted(pa.array(values), missing=0.0, cap_quantile=0.9, transform="none")
    assert feature.cap == 90.0
    assert transformed(feature, np.array([90.0, 91.0, 1e9])).tolist() == [90.0, 90.0, 90.0]


def test_an_unscaled_number_keeps_its_values():
    feature = fitted(pa.array([1.0, 5.0]), missing=0.0, cap_quantile=None, transform="none", scale="none")
    assert apply(Preprocessing((feature,)), pa.table({"x": [1.0, 5.0]})).tolist() == [[1.0], [5.0]]


def test_a_constant_with_rounding_noise_does_not_become_a_feature():
    feature = fitted(pa.array([0.3, 0.1 + 0.2, 0.3]), missing=0.0, cap_quantile=None, transform="none")
    assert feature.standard_deviation == 0.0


def test_nan_and_infinity_count_as_missing():
    values = pa.array([1.0, math.nan, math.inf, -math.inf, 3.0])
    feature = fitted(values, missing="mean", cap_quantile=None, transform="none")
    assert feature.missing == 2.0
    assert apply(Preprocessing((feature,)), pa.table({"x": values}))[1:4].tolist() == [[0.0]] * 3


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(0, 1))
def test_the_quantile_is_numpys_default(values, share):
    ordered = np.sort(np.array(values))
    assert quantile(ordered, share) == pytest.approx(np.quantile(ordered, share), rel=1e-12, abs=1e-9)


# --- categories ---------------------------------------------------------------------------------------------------------------------


def countries(*words) -> FittedCategory:
    return fitted(pa.array(list(words), pa.string()), {"country": BY_NAME["country"]})


def test_a_null_is_a_category_of_its_own_and_an_unseen_word_weighs_nothing():
    feature = countries("France", None, "France")
    assert feature.categories == ("France", "(unknown)")
    table = pa.table({"country": pa.array(["France", None, "Peru"])})
    assert apply(Preprocessing((feature,)), table).tolist() == [[1, 0], [0, 1], [0, 0]]


def test_a_null_weighs_nothing_where_no_training_customer_had_one():
    assert apply(
        Preprocessing((countries("France"),)), pa.table({"country": pa.array([None], pa.string())})
    ).tolist() == [[0]]


def test_the_twenty_most_frequent_words_get_columns_and_ties_go_bytewise():
    # "é" sorts after "z" bytewise, and an upper-case letter before every lower-case one.
    words = ["twice", "twice", *sorted(["é", "a", "Z", *(f"m{index:02d}" for index in range(20))])]
    feature = countries(*words)
    assert feature.categories == ("twice", "Z", "a", *(f"m{index:02d}" for index in range(17)), OTHER)
    assert feature.lumped == ("m17", "m18", "m19", "é")


def test_a_lumped_word_counts_as_other_and_a_word_never_seen_does_not():
    feature = countries(*(f"w{index:02d}" for index in range(25)))
    matrix = apply(Preprocessing((feature,)), pa.table({"country": ["w24", "w00", "never", OTHER]}))
    assert matrix[0].tolist() == [0.0] * 20 + [1.0]
    assert matrix[1].tolist() == [1.0] + [0.0] * 20
    assert matrix[2].tolist() == matrix[3].tolist() == [0.0] * 21


def test_a_shops_own_word_other_is_one_of_the_others():
    feature = countries(OTHER, OTHER, "France")
    assert (feature.categories, feature.lumped) == (("France", OTHER), (OTHER,))
    assert apply(Preprocessing((feature,)), pa.table({"country": [OTHER]})).tolist() == [[0.0, 1.0]]


# --- the table's columns ------------------------------------------------------------------------------------------------------------

money_units = st.integers(-(10**18) + 1, 10**18 - 1)


@given(st.lists(st.one_of(st.none(), money_units), max_size=8), st.integers(0, 3))
@example([640231645740854962, 814952151362585702], 0)  # rounded twice, these come out one digit off
def test_a_decimal_becomes_the_nearest_double_and_its_units_are_exact(units, dropped):
    array = pa.array([None if unit is None else Decimal(unit).scaleb(-4) for unit in units], MONEY)
    table = pa.table({"x": array}).slice(dropped)  # a slice shares its buffers with the whole
    units = units[dropped:]
    whole, absent = decimal_units(table, "x")
    assert [None if gone else int(unit) for unit, gone in zip(whole, absent, strict=True)] == units
    expected = [math.nan if unit is None else float(Fraction(unit, 10**4)) for unit in units]
    assert np.array_equal(numbers(table, "x"), np.array(expected), equal_nan=True)


def test_a_decimal_wider_than_64_bits_is_still_exact():
    wide = [
        Decimal("123456789012345678901234567890.1234"),
        Decimal("-123456789012345678901234567890.1234"),
        None,
        Decimal(-1),
    ]
    table = pa.table({"x": pa.array(wide, pa.decimal128(38, 4))})
    assert decimal_units(table, "x")[0].tolist() == [
        1234567890123456789012345678901234,
        -1234567890123456789012345678901234,
        0,
        -10000,
    ]
    assert numbers(table, "x").tolist()[:2] == [float(wide[0]), float(wide[1])]


def test_a_missing_column_is_named_with_those_there_are():
    with pytest.raises(PreprocessingError, match="no column 'order_count'; it has recency_days"):
        fit_preprocessing(pa.table({"recency_days": [1]}), ["order_count"])


def test_an_undeclared_feature_is_refused_with_the_nearest_declared_one():
    with pytest.raises(PreprocessingError, match="unknown feature 'recency_dayz'; did you mean 'recency_days'"):
        fit_preprocessing(pa.table({"recency_days": [1]}), ["recency_dayz"])


def test_an_empty_table_cannot_be_fitted():
    with pytest.raises(PreprocessingError, match="customer_features is empty"):
        fit_preprocessing(drawn_table(0).slice(0, 0), ["order_count"])


def test_a_column_of_the_wrong_kind_is_refused_by_name():
    with pytest.raises(PreprocessingError, match=r"customer_features\.order_count is string"):
        fit_preprocessing(pa.table({"order_count": ["1"]}), ["order_count"])
    with pytest.raises(PreprocessingError, match=r"customer_features\.country is int64"):
        fit_preprocessing(pa.table({"country": [1]}), ["country"])
    with pytest.raises(PreprocessingError, match="must be DECIMAL"):
        decimal_units(pa.table({"gross_spend": [1.5]}), "gross_spend")


def test_a_word_cannot_stand_for_a_missing_number():
    with pytest.raises(PreprocessingError, match="'none' cannot stand for a missing number"):
        fitted(pa.array([1.0]), missing="none")


# --- laws ---------------------------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_the_order_of_rows_does_not_change_a_fitted_number(seed, rows):
    table = drawn_table(seed, rows, untidy=True)
    shuffled = table.take(np.random.default_rng(seed + 1).permutation(rows))
    assert fit_preprocessing(shuffled, ALL_FEATURES) == fit_preprocessing(table, ALL_FEATURES)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_what_the_model_sees_is_finite_centred_and_of_unit_spread(seed, rows):
    table = drawn_table(seed, rows, untidy=True)
    preprocessing = fit_preprocessing(table, ALL_FEATURES)
    matrix = apply(preprocessing, table)
    assert matrix.shape == (rows, len(preprocessing.columns))
    assert np.isfinite(matrix).all()
    at = {column: index for index, column in enumerate(preprocessing.columns)}
    for feature in preprocessing.features:
        if isinstance(feature, FittedNumber):
            column = matrix[:, at[feature.name]]
            assert column.mean() == pytest.approx(0, abs=1e-9)
            assert column.std() == pytest.approx(0 if feature.standard_deviation == 0 else 1, abs=1e-9)
        else:
            block = matrix[:, [at[column] for column in feature.columns]]
            assert np.array_equal(block.sum(axis=1), np.ones(rows))  # every training customer has exactly one category


@given(st.floats(0, 1e9), st.floats(-5, 15), st.floats(1e-3, 100), st.sampled_from(["log1p", "none"]))
def test_a_standardised_value_comes_back_in_its_own_unit(value, mean, deviation, transform):
    feature = FittedNumber("x", "days", 0.0, None, transform, mean, deviation)
    standard = standardised(feature, transformed(feature, np.array([value])))
    assert original(feature, float(standard[0])) == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_the_matrix_follows_the_order_of_the_features_asked_for():
    table = drawn_table(3)
    both = apply(fit_preprocessing(table, ["gross_spend", "order_count"]), table)
    swapped = apply(fit_preprocessing(table, ["order_count", "gross_spend"]), table)
    assert np.array_equal(both, swapped[:, ::-1])


def test_money_in_several_chunks_reads_like_money_in_one():
    parts = [money([1.25, None]), money([3.5])]
    assert np.array_equal(numbers(pa.table({"x": pa.chunked_array(parts)}), "x"), [1.25, math.nan, 3.5], equal_nan=True)
