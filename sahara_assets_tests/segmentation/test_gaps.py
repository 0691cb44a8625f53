"""Customers without a value that nothing stands for: left out of training and scoring, counted, and alike in NumPy and in SQL."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import ibis
import numpy as np
import pyarrow as pa
import pytest

from sahara_assets.features.declarations import BY_NAME
from sahara_assets.segmentation import kmeans
from sahara_assets.segmentation.assemble import adopt, build_model
from sahara_assets.segmentation.document import from_json, to_json
from sahara_assets.segmentation.portrait import BY_SIZE, measure, portraits
from sahara_assets.segmentation.preprocess import (
    FittedNumber,
    Preprocessing,
    PreprocessingError,
    apply,
    fit_preprocessing,
    is_complete,
)
from sahara_assets.segmentation.profile import profile
from sahara_assets.segmentation.scoring import NO_SEGMENT, score, scoring_query
from sahara_assets_tests.segmentation.made_features import drawn_table, money

FEATURES = ("recency_days", "gross_spend", "return_rate", "country")


def dropping(*names):
    """The declarations with some features that customers are dropped for."""
    return {
        name: replace(one, treatment=replace(one.treatment, missing="drop")) if name in names else one
        for name, one in BY_NAME.items()
    }


def clustered(table, k, declarations):
    preprocessing = fit_preprocessing(table, FEATURES, declarations)
    table = table.filter(is_complete(preprocessing, table))
    centroids = kmeans.fit(apply(preprocessing, table), k, seed=7).centroids
    return build_model(table, preprocessing, centroids, version=1, seed=7, declarations=declarations)


@pytest.fixture(scope="module")
def duckdb():
    connection = ibis.duckdb.connect()
    yield connection
    connection.disconnect()


def test_everything_is_fitted_on_those_who_have_every_value():
    table = drawn_table(1, 400, untidy=True)
    dropped = dropping("recency_days", "gross_spend", "country")
    fitted = fit_preprocessing(table, FEATURES, dropped)
    complete = table.filter(is_complete(fitted, table))
    assert 0 < complete.num_rows < table.num_rows
    assert fitted == fit_preprocessing(complete, FEATURES, dropped)
    assert [feature.missing for feature in fitted.features] == [None, None, 0.0, None]
    assert np.isfinite(apply(fitted, complete)).all()
    with pytest.raises(PreprocessingError, match="only those who have it can be scored"):
        apply(fitted, table)


def test_the_maximum_stands_for_what_nobody_can_have():
    never = replace(BY_NAME["recency_days"], treatment=replace(BY_NAME["recency_days"].treatment, missing="maximum"))
    table = pa.table({"recency_days": pa.array([3, None, 90, 20])})
    (fitted,) = fit_preprocessing(table, ["recency_days"], {"recency_days": never}).features
    assert fitted.missing == 90.0


def test_that_nobody_is_left_is_said_with_the_names():
    table = pa.table({"recency_days": pa.array([None, 3]), "gross_spend": money([5, None])})
    with pytest.raises(PreprocessingError, match="no customer has a value for every one of recency_days, gross_spend"):
        fit_preprocessing(table, ["recency_days", "gross_spend"], dropping("recency_days", "gross_spend"))


def test_incomplete_customers_have_no_segment_either_way(duckdb):
    model = clustered(
        drawn_table(2, 600, untidy=True), 4, dropping("recency_days", "gross_spend", "return_rate", "country")
    )
    model = from_json(to_json(model))
    table = drawn_table(102, 2000, untidy=True)
    scores = score(model, table)
    complete = is_complete(model.preprocessing, table)
    assert 100 < (~complete).sum() < 1500
    assert (scores.segment[~complete] == NO_SEGMENT).all()
    assert np.isnan(scores.distance[~complete]).all()
    assert not scores.is_outlier[~complete].any()
    duckdb.create_table("customer_features", table, overwrite=True)
    by_sql = scoring_query(model, duckdb.table("customer_features")).order_by("customer_id").to_pyarrow()
    assert by_sql["customer_id"].to_pylist() == table["customer_id"].filter(pa.array(complete)).to_pylist()
    assert by_sql["segment"].to_pylist() == scores.segment[complete].tolist()
    assert by_sql["is_outlier"].to_pylist() == scores.is_outlier[complete].tolist()
    assert np.abs(by_sql["distance"].to_numpy() - scores.distance[complete]).max() <= 1e-9


def test_a_model_that_drops_nobody_is_written_as_ever():
    table = drawn_table(3, 200)
    preprocessing = fit_preprocessing(table, FEATURES)
    model = build_model(table, preprocessing, np.zeros((1, len(preprocessing.columns))), version=1, seed=7)
    assert '"format_version": 1' in to_json(model)
    assert "projection" not in to_json(model)
    gapped = dataclasses.replace(
        model, preprocessing=Preprocessing((FittedNumber("a", "", None, None, "none", 0.0, 1.0),))
    )
    assert '"format_version": 2' in to_json(dataclasses.replace(gapped, segments=()))


def test_a_champion_that_had_no_segment_for_some_is_matched_by_those_it_had(duckdb):
    table = drawn_table(5, 500, untidy=True)
    old = clustered(table, 3, dropping("recency_days"))
    new = build_model(
        table,
        fit_preprocessing(table, ("order_count", "gross_spend")),
        np.array([[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0]]),
        version=2,
        seed=7,
    )
    adopted, changes = adopt(dataclasses.replace(new, version=2), table, old)
    assert adopted.k == 3
    assert sum(row["customers_stayed"] + row["customers_joined"] for row in changes if row["change"] != "gone") == 500


def test_profiles_are_of_those_with_a_segment():
    declarations = dropping("recency_days", "gross_spend")
    table = drawn_table(6, 300, untidy=True)
    model = clustered(table, 2, declarations)
    complete = table.filter(is_complete(model.preprocessing, table))
    scores = score(model, complete)
    rows = profile(model, complete, scores.segment, scores.is_outlier, declarations=declarations)
    assert sum(row["customer_count"] for row in rows) == complete.num_rows


# --- what segments are ranked by -------------------------------------------------------------------------------------------------


def test_segments_are_ranked_by_the_mean_of_who_has_a_value_or_by_size():
    table = pa.table(
        {
            "customer_id": list("abcdef"),
            "lifetime_value": money([1, None, 5, 100, 1, 1]),
            "age_years": pa.array([None, None, 20, 50, 50, 50]),
            "share": pa.array([0.1, 0.2, 0.3, float("nan"), 1.0, 1.0]),
        }
    )
    position = np.array([0, 0, 0, 1, 1, 1])
    by_value = portraits(measure(table, {}, rank_by="lifetime_value"), position, 2)
    assert [float(one.worth) for one in by_value] == [3.0, 34.0]
    assert [float(one.worth) for one in portraits(measure(table, {}, rank_by="age_years"), position, 2)] == [20.0, 50.0]
    assert [float(one.worth) for one in portraits(measure(table, {}, rank_by="share"), position, 2)] == pytest.approx(
        [0.2, 1.0]
    )
    assert [
        int(one.worth) for one in portraits(measure(table, {}, rank_by=BY_SIZE), np.array([0, 1, 1, 1, 1, 1]), 2)
    ] == [1, 5]
    assert by_value[0].spend_units is None
    assert by_value[0].mean_order_count is None
