"""The two ways to score agree on every customer, whatever the customer looks like."""

from __future__ import annotations

import dataclasses

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.features.declarations import FEATURES
from sahara_assets.segmentation import kmeans
from sahara_assets.segmentation.document import from_json, to_json
from sahara_assets.segmentation.model import Segment, SegmentationModel
from sahara_assets.segmentation.preprocess import FittedCategory, FittedNumber, Preprocessing, PreprocessingError, apply
from sahara_assets.segmentation.scoring import nearest, score, scoring_query
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS
from sahara_assets_tests.segmentation.made_features import clustered, drawn_table, money

ALL_FEATURES = tuple(feature.name for feature in FEATURES)


@pytest.fixture(scope="module")
def duckdb():
    connection = ibis.duckdb.connect()
    yield connection
    connection.disconnect()


def scored_by_sql(connection, model, table) -> pa.Table:
    connection.create_table("customer_features", table, overwrite=True)
    return scoring_query(model, connection.table("customer_features")).order_by("customer_id").to_pyarrow()


def assert_equal_answers(connection, model, table):
    by_sql, by_numpy = scored_by_sql(connection, model, table), score(model, table)
    assert by_sql["customer_id"].to_pylist() == sorted(table["customer_id"].to_pylist())
    order = np.argsort(np.array(table["customer_id"].to_pylist()), kind="stable")
    assert by_sql["segment"].to_pylist() == by_numpy.segment[order].tolist()
    assert by_sql["is_outlier"].to_pylist() == by_numpy.is_outlier[order].tolist()
    assert np.abs(by_sql["distance"].to_numpy() - by_numpy.distance[order]).max(initial=0) <= 1e-9
    return by_sql, by_numpy


@pytest.mark.parametrize("features", [("recency_days", "order_count", "gross_spend"), ALL_FEATURES])
@pytest.mark.parametrize("k", [1, 2, 15])
def test_thousands_of_untidy_customers_score_alike_in_numpy_and_in_the_warehouse(duckdb, features, k):
    model = clustered(drawn_table(k, 800, untidy=True), k, features, outlier_quantile=0.95)
    unlike_training = drawn_table(k + 100, 3000, untidy=True)
    _, by_numpy = assert_equal_answers(duckdb, model, unlike_training)
    assert len(set(by_numpy.segment.tolist())) == k
    assert 0 < by_numpy.is_outlier.sum() < 3000


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.sets(st.sampled_from(ALL_FEATURES), min_size=1))
def test_any_model_scores_its_customers_alike_both_ways(duckdb, seed, k, features):
    table = drawn_table(seed, 80, untidy=True)
    model = clustered(table, min(k, 2), sorted(features))
    assert_equal_answers(duckdb, model, table)


def midway_model(*places: float, outlier_distance: float = 1e9) -> SegmentationModel:
    """Centroids on ln(1 + order_count), at the logarithms of the given values: ties fall on logarithms, not on whole numbers."""
    feature = FittedNumber("order_count", "orders", 0.0, None, "log1p", 0.3, 0.7)
    at = [(float(np.log(place)) - 0.3) / 0.7 for place in places]
    segments = tuple(Segment(key, f"Segment {key}", "Gold", "", (), (place,)) for key, place in enumerate(at, start=1))
    return SegmentationModel(1, 0, "", "", "", 1, len(at) + 1, outlier_distance, Preprocessing((feature,)), segments)


def test_a_customer_half_way_between_two_centroids_belongs_to_the_first_both_ways(duckdb):
    # 1 + order_count = sqrt(low * high): exactly half-way in the logarithm, for many pairs, in either order of the two centroids.
    table = pa.table({"customer_id": [f"c{root:02d}" for root in range(2, 60)], "order_count": list(range(1, 59))})
    for root in range(2, 60):
        for low, high in ((1, root * root), (root * root, 1)):
            model = midway_model(low, high)
            row = table.slice(root - 2, 1)
            _, by_numpy = score(model, row).segment, score(model, row)
            assert by_numpy.segment.tolist() == [1], (low, high)
            if root % 10 == 2:
                assert_equal_answers(duckdb, model, row)


def test_equal_centroids_leave_every_customer_with_the_first(duckdb):
    by_sql, _ = assert_equal_answers(duckdb, midway_model(4, 4, 4), drawn_table(5, 50))
    assert set(by_sql["segment"].to_pylist()) == {1}


def test_a_customer_exactly_at_the_outlier_distance_is_no_outlier_both_ways(duckdb):
    table = drawn_table(11, 300, untidy=True)
    model = clustered(table, 3)
    for distance in np.sort(score(model, table).distance)[::60]:
        at_limit = dataclasses.replace(model, outlier_distance=float(distance))
        assert_equal_answers(duckdb, at_limit, table)
        scores = score(at_limit, table)
        assert not scores.is_outlier[scores.distance == distance].any()
        assert scores.is_outlier.sum() == (scores.distance > distance + 1e-6).sum()


def test_the_whole_training_set_holds_no_more_outliers_than_the_quantile_leaves():
    table = drawn_table(3, 1000)
    assert score(clustered(table, 4, outlier_quantile=0.99), table).is_outlier.sum() == 10
    assert score(clustered(table, 4, outlier_quantile=1.0), table).is_outlier.sum() == 0


def test_a_new_customer_is_scored_without_a_new_fit(duckdb):
    table = drawn_table(2, 500)
    model = from_json(to_json(clustered(table, 5, ALL_FEATURES)))
    together = score(model, table).segment
    alone = [int(score(model, table.slice(row, 1)).segment[0]) for row in range(0, 500, 25)]
    assert alone == together[::25].tolist()
    stranger = table.slice(0, 1).set_column(0, "customer_id", pa.array(["new"]))
    stranger = stranger.set_column(stranger.column_names.index("country"), "country", pa.array(["Never seen"]))
    assert_equal_answers(duckdb, model, stranger)


def test_scores_are_those_of_the_clustering_itself():
    table = drawn_table(4, 800)
    model = clustered(table, 6)
    labels, distances = kmeans.assign(
        apply(model.preprocessing, table), [segment.centroid for segment in model.segments]
    )
    scores = score(model, table)
    assert scores.segment.tolist() == (labels + 1).tolist()
    assert np.allclose(scores.distance, distances, rtol=0, atol=1e-9)


def test_blocks_do_not_show():
    rng = np.random.default_rng(0)
    matrix, centroids = rng.normal(size=(70_000, 2)), rng.normal(size=(3, 2))
    position, distance = nearest(matrix, centroids)
    every = np.sqrt(((matrix[:, None, :] - centroids[None, :, :]) ** 2).sum(axis=2))
    assert np.array_equal(position, every.argmin(axis=1))
    assert np.allclose(distance, every.min(axis=1), rtol=1e-12)


def test_the_query_yields_the_declared_table(duckdb):
    model = clustered(drawn_table(1), 4)
    by_sql = scored_by_sql(duckdb, model, drawn_table(1))
    assert tuple(by_sql.column_names) == CUSTOMER_SEGMENTS.column_names
    assert [str(kind) for kind in by_sql.schema.types] == ["string", "int64", "string", "string", "double", "bool"]
    said = set(zip(*(by_sql[name].to_pylist() for name in ("segment", "segment_name", "tier")), strict=True))
    assert said == {(segment.key, segment.name, segment.tier) for segment in model.segments}


def test_a_model_of_one_segment_has_a_query_too(duckdb):
    by_sql = scored_by_sql(duckdb, clustered(drawn_table(1), 1), drawn_table(1))
    assert set(by_sql["segment_name"].to_pylist()) == {"All customers"}


def test_an_empty_table_scores_to_an_empty_table(duckdb):
    model = clustered(drawn_table(1), 3)
    by_sql, by_numpy = assert_equal_answers(duckdb, model, drawn_table(1).slice(0, 0))
    assert len(by_sql) == len(by_numpy.segment) == 0


def test_squares_of_one_hot_differences_do_not_overflow_the_warehouses_decimals(duckdb):
    # DuckDB reads these shares as DECIMAL(19,19) and DECIMAL(17,17); the sum of two such squares does not fit into its 38 digits.
    preprocessing = Preprocessing((FittedCategory("country", "", "(unknown)", ("Land 0", "Land 1"), ()),))
    shares = (0.0012345678901234567, 0.12345678901234567)
    segments = (Segment(1, "A", "Gold", "", (), shares), Segment(2, "B", "Bronze", "", (), shares[::-1]))
    model = SegmentationModel(1, 0, "", "", "", 1, 3, 1.0, preprocessing, segments)
    assert_equal_answers(duckdb, model, drawn_table(6, 300))


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "bigquery"])
def test_every_intermediate_value_stands_once_in_the_compiled_query(dialect):
    model = clustered(drawn_table(9, 1000), 15, ("recency_days", "gross_spend", "return_rate", "country"))
    kinds = {
        "customer_id": "string",
        "recency_days": "int64",
        "gross_spend": "decimal(18, 4)",
        "return_rate": "float64",
    }
    sql = ibis.to_sql(scoring_query(model, ibis.table(kinds | {"country": "string"}, name="f")), dialect=dialect)
    assert sql.count("LN(") == 2
    assert sql.count("SQRT(") <= 2  # the distance, and its comparison with the outlier distance
    # One product for every coordinate of every segment, and one for the margin of a tie.
    assert sql.count(" * ") + sql.count("* (") <= 2 * (15 * len(model.preprocessing.columns) + 1)
    assert len(sql) < 200 * 15 * len(model.preprocessing.columns)


def test_a_source_without_a_feature_of_the_model_is_refused_by_name():
    model = clustered(drawn_table(1), 2)
    with pytest.raises(PreprocessingError, match="no column 'gross_spend'"):
        scoring_query(
            model, ibis.table({"customer_id": "string", "recency_days": "int64", "order_count": "int64"}, name="f")
        )
    with pytest.raises(PreprocessingError, match="no column 'gross_spend'"):
        score(model, drawn_table(1).drop_columns(["gross_spend"]))


def test_large_money_scores_alike(duckdb):
    table = drawn_table(8, 200)
    big = money([10.0**exponent for exponent in np.linspace(-4, 12, 200)])
    table = table.set_column(table.column_names.index("gross_spend"), "gross_spend", big)
    assert_equal_answers(duckdb, clustered(table, 4), table)
