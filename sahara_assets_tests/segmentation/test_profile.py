"""Profiles: exact money, true differences, sentences a person can read."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from statistics import median

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.errors import SaharaError
from sahara_assets.features.declarations import FEATURES
from sahara_assets.segmentation.model import TIERS
from sahara_assets.segmentation.portrait import measure, portraits
from sahara_assets.segmentation.profile import profile
from sahara_assets.segmentation.scoring import score
from sahara_assets.tables.columns import Kind
from sahara_assets.tables.segmentation import SEGMENT_PROFILES
from sahara_assets_tests.segmentation.made_features import clustered, drawn_table, money, rfm_table

ALL_FEATURES = tuple(feature.name for feature in FEATURES)


def profiled(model, table, **settings_):
    scores = score(model, table)
    return profile(model, table, scores.segment, scores.is_outlier, **settings_)


def test_rows_are_those_of_the_declared_table():
    rows = profiled(clustered(drawn_table(1), 4), drawn_table(1))
    kinds = {Kind.TEXT: str, Kind.INTEGER: int, Kind.FLOAT: float, Kind.DECIMAL: Decimal}
    for row in rows:
        assert tuple(row) == SEGMENT_PROFILES.column_names
        for column in SEGMENT_PROFILES.columns:
            assert type(row[column.name]) is kinds[column.kind], column.name
    assert [row["segment"] for row in rows] == [1, 2, 3, 4]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_segments_add_up_to_everyone_and_to_every_penny(seed, k):
    table = drawn_table(seed, 120, untidy=True)
    rows = profiled(clustered(table, k), table)
    spends = [value or Decimal(0) for value in table["gross_spend"].to_pylist()]
    assert sum(row["customer_count"] for row in rows) == 120
    assert sum(row["gross_spend"] for row in rows) == sum(spends)
    assert sum(row["customer_share"] for row in rows) == pytest.approx(1)
    assert sum(row["spend_share"] for row in rows) == pytest.approx(1)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_does_not_change_a_profile(seed):
    table = drawn_table(seed, 90, untidy=True)
    model = clustered(table, 3, ALL_FEATURES)
    shuffled = table.take(np.random.default_rng(seed).permutation(90))
    assert profiled(model, shuffled) == profiled(model, table)


def test_money_that_doubles_would_blur_is_exact():
    table = drawn_table(1, 30)
    large = pa.array([Decimal("90071992547409.9301")] * 30, pa.decimal128(18, 4))
    table = table.set_column(table.column_names.index("gross_spend"), "gross_spend", large)
    rows = profiled(clustered(table, 2, ("recency_days",)), table)
    assert sum(row["gross_spend"] for row in rows) == Decimal("90071992547409.9301") * 30


def test_every_number_is_the_one_counted_by_hand():
    table = drawn_table(2, 200)
    model = clustered(table, 3)
    scores = score(model, table)
    rows = {row["segment"]: row for row in profiled(model, table)}
    people = table.to_pylist()
    for key, row in rows.items():
        mine = [person for person, segment in zip(people, scores.segment.tolist(), strict=True) if segment == key]
        assert row["customer_count"] == len(mine)
        assert row["gross_spend"] == sum(person["gross_spend"] for person in mine)
        assert row["mean_gross_spend"] == float(Fraction(sum(person["gross_spend"] for person in mine)) / len(mine))
        assert row["mean_order_count"] == pytest.approx(sum(person["order_count"] for person in mine) / len(mine))
        assert row["median_recency_days"] == median(person["recency_days"] for person in mine)
        assert row["outlier_count"] == int((scores.is_outlier & (scores.segment == key)).sum())
        assert row["tier"] in TIERS


def test_a_standing_is_the_one_computed_by_hand():
    table = pa.table(
        {
            "customer_id": ["a", "b", "c", "d"],
            "order_count": [1, 3, 3, 7],
            "gross_spend": money([10, 20, 30, 40]),
            "return_rate": [0.0, 0.5, None, 1.0],
            "country": ["France", "France", "France", None],
        }
    )
    first, second = portraits(measure(table), np.array([0, 0, 1, 1]), 2)
    # return_rate: a null counts as 0, so everyone has 0, 0.5, 0, 1: mean 0.375, deviation sqrt(0.171875).
    rate = second.numbers["return_rate"]
    assert rate.z == pytest.approx((0.5 - 0.375) / 0.171875**0.5)
    assert rate.z_rest == pytest.approx((0.5 - 0.25) / 0.171875**0.5)
    assert (rate.known_share, rate.median, rate.everyone_median, rate.rest_median) == (0.5, 1.0, 0.5, 0.25)
    assert first.numbers["order_count"].lower_quartile == 1.5
    assert (first.mean_spend, second.mean_spend) == (Fraction(15), Fraction(35))
    france, unknown = second.words["country"]
    assert (france.word, france.share, france.everyone_share, france.rest_share) == ("France", 0.5, 0.75, 1.0)
    assert unknown.z == pytest.approx(0.25 / (0.25 * 0.75) ** 0.5)


def test_differences_are_the_largest_first_and_of_every_declared_feature():
    table = drawn_table(3, 300)
    labels = {feature.name: feature.label for feature in FEATURES}
    for row in profiled(clustered(table, 4, ("return_rate",)), table):
        found = json.loads(row["differences"])
        assert {one["feature"] for one in found} == set(labels) & set(table.column_names)
        sizes = [abs(one["z"]) for one in found]
        assert sizes == sorted(sizes, reverse=True)
        for one in found:
            assert one["label"].startswith(labels[one["feature"]])
    assert any(one["feature"] != "return_rate" for one in found)


def test_a_difference_says_what_the_segment_has_and_what_everyone_has():
    table = rfm_table([(100, 10, 12, 3000, 300), (100, 200, 1, 50, 210)])
    big = next(row for row in profiled(clustered(table, 2), table) if row["mean_order_count"] > 10)
    recency = next(one for one in json.loads(big["differences"]) if one["feature"] == "recency_days")
    assert recency["unit"] == "days"
    assert (recency["segment_median"], recency["everyone_median"]) == (10.0, pytest.approx(95.5, abs=90))
    assert recency["z"] == pytest.approx(-1, abs=0.02)


def test_the_centroid_is_in_original_units():
    table = rfm_table([(100, 10, 12, 3000, 300), (100, 200, 1, 50, 210)])
    rows = profiled(clustered(table, 2), table)
    centroid = json.loads(next(row["centroid"] for row in rows if row["mean_order_count"] > 10))
    assert centroid == {
        "recency_days": pytest.approx(10, rel=0.1),
        "order_count": pytest.approx(12, rel=0.1),
        "gross_spend": pytest.approx(3000, rel=0.1),
    }


def test_a_description_is_one_sentence_with_the_numbers_that_differ():
    table = rfm_table([(60, 10, 12, 3000, 300), (140, 200, 1, 50, 210)])
    first, second = profiled(clustered(table, 2), table)
    assert first["description"].startswith("30 % of customers and 96 % of spend; medians: ")
    assert second["description"].startswith("70 % of customers and 3.7 % of spend; medians: ")
    for row in (first, second):
        assert row["description"].count(".") >= 1
        assert row["description"].endswith(").")
        assert "(all customers: " in row["description"]


def test_a_segment_like_everyone_says_so():
    row = profiled(clustered(drawn_table(1), 1), drawn_table(1))[0]
    assert (
        row["description"]
        == "100 % of customers and 100 % of spend: close to the average customer in everything that is measured."
    )


def test_a_segment_without_customers_still_has_a_row():
    table = drawn_table(5, 300)
    model = clustered(table, 4)
    nobody = np.full(300, model.segments[0].key)
    rows = profile(model, table, nobody, np.zeros(300, dtype=bool))
    assert [row["customer_count"] for row in rows] == [300, 0, 0, 0]
    assert rows[1]["description"] == "No customer is in this segment at present."
    assert (rows[1]["gross_spend"], rows[1]["spend_share"], rows[1]["differences"]) == (Decimal(0), 0.0, "[]")
    recency = json.loads(rows[1]["centroid"])["recency_days"]
    assert rows[1]["median_recency_days"] == pytest.approx(recency, abs=1e-4)


def test_categories_go_by_their_names_where_they_are_known():
    table = drawn_table(3, 300)
    rows = profiled(clustered(table, 3, ("category_share_1",)), table, category_names={"category_share_1": "Toys"})
    labels = [one["label"] for row in rows for one in json.loads(row["differences"])]
    assert "share of spend on Toys" in labels


def test_customers_of_a_segment_that_the_model_lacks_are_a_programming_error():
    table = drawn_table(1, 20)
    with pytest.raises(ValueError, match=r"customers are in segments \[9\], and the model has \[1, 2\]"):
        profile(clustered(table, 2), table, np.full(20, 9), np.zeros(20, dtype=bool))


def test_a_table_without_spend_cannot_be_ranked():
    with pytest.raises(SaharaError, match="no column 'gross_spend': segments cannot be ranked"):
        measure(drawn_table(1).drop_columns(["gross_spend"]))
