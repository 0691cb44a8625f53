"""Principal components: what they explain, the way there and back, and scores that are equal in NumPy and in the warehouse."""

from __future__ import annotations

import dataclasses

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.features.declarations import FEATURES
from sahara_assets.model_documents import ModelError
from sahara_assets.segmentation import kmeans
from sahara_assets.segmentation.assemble import adopt, build_model
from sahara_assets.segmentation.document import from_json, to_json
from sahara_assets.segmentation.matching import in_space_of
from sahara_assets.segmentation.model import centroid_in_units
from sahara_assets.segmentation.preprocess import apply, fit_preprocessing
from sahara_assets.segmentation.projection import fit_projection, projected, unprojected
from sahara_assets_tests.segmentation.made_features import drawn_table
from sahara_assets_tests.segmentation.test_scoring import assert_equal_answers

ALL_FEATURES = tuple(feature.name for feature in FEATURES)
NUMBERS = ALL_FEATURES[:12]


@pytest.fixture(scope="module")
def duckdb():
    connection = ibis.duckdb.connect()
    yield connection
    connection.disconnect()


def clustered_in_components(table, k, features=NUMBERS, explained_variance=0.9):
    preprocessing = fit_preprocessing(table, features, explained_variance=explained_variance)
    centroids = kmeans.fit(apply(preprocessing, table), k, seed=7).centroids
    return build_model(table, preprocessing, centroids, version=1, seed=7)


def test_components_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    table = drawn_table(4, 600)
    matrix = apply(fit_preprocessing(table, NUMBERS), table)
    peer = PCA(n_components=0.9, svd_solver="full").fit(matrix)
    ours = fit_projection(matrix, 0.9)
    assert len(ours.components) == peer.n_components_
    assert ours.explained == pytest.approx(peer.explained_variance_ratio_, abs=1e-12)
    for mine, theirs in zip(ours.components, peer.components_, strict=True):
        assert np.abs(np.abs(mine) - np.abs(theirs)).max() < 1e-9
    assert np.abs(np.abs(projected(ours, matrix)) - np.abs(peer.transform(matrix))).max() < 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 1.0))
def test_the_fewest_components_explain_what_was_asked_for_and_rows_may_stand_in_any_order(seed, share):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5))
    fitted = fit_projection(matrix, share)
    assert sum(fitted.explained) >= share - 1e-9
    assert sum(fitted.explained[:-1]) < share
    weights = np.array(fitted.components)
    assert np.abs(weights @ weights.T - np.eye(len(weights))).max() < 1e-12
    assert all(component[int(np.argmax(np.abs(component)))] > 0 for component in weights)
    assert fit_projection(rng.permutation(matrix), share) == fitted


def test_all_components_lead_back_to_where_they_came_from():
    table = drawn_table(2, 200)
    matrix = apply(fit_preprocessing(table, ALL_FEATURES), table)
    whole = fit_projection(matrix, 1.0)
    assert np.abs(unprojected(whole, projected(whole, matrix)) - matrix).max() < 1e-9


def test_constant_features_have_one_component_that_says_nothing():
    fitted = fit_projection(np.zeros((5, 3)), 0.9)
    assert len(fitted.components) == 1
    assert projected(fitted, np.zeros((5, 3))).tolist() == [[0.0]] * 5


@pytest.mark.parametrize("features", [NUMBERS, ALL_FEATURES])
def test_untidy_customers_score_alike_in_numpy_and_in_the_warehouse(duckdb, features):
    model = clustered_in_components(drawn_table(3, 800, untidy=True), 5, features)
    assert len(model.preprocessing.columns) < len(model.preprocessing.inputs)
    assert_equal_answers(duckdb, from_json(to_json(model)), drawn_table(103, 2000, untidy=True))


def test_the_document_is_readable_and_reads_back_the_same():
    model = clustered_in_components(drawn_table(1, 300), 3)
    text = to_json(model)
    assert from_json(text) == model
    assert to_json(from_json(text)) == text
    assert '"format_version": 2' in text
    assert '"component_1"' in text
    broken = text.replace('"explained"', '"explaned"', 1)
    with pytest.raises(ModelError, match=r"model.projection.components\[0\].explained: is missing"):
        from_json(broken)


def test_a_centroid_in_units_is_near_what_its_customers_are():
    table = drawn_table(6, 500)
    model = clustered_in_components(table, 3, ("recency_days", "tenure_days", "order_count"), 0.99)
    plain = fit_preprocessing(table, model.feature_names)
    for segment in model.segments:
        told = centroid_in_units(model.preprocessing, segment.centroid)
        expected = centroid_in_units(
            plain, unprojected(model.preprocessing.projection, np.array([segment.centroid]))[0]
        )
        assert told == pytest.approx(expected)


def test_a_retrained_model_keeps_its_segments_from_components_to_components_and_to_features():
    table, later = drawn_table(8, 500), drawn_table(8, 520)
    old = clustered_in_components(table, 4)
    same, _ = adopt(dataclasses.replace(old, version=2), table, old)
    assert [segment.key for segment in same.segments] == [segment.key for segment in old.segments]
    anew = clustered_in_components(later, 4)
    adopted, changes = adopt(dataclasses.replace(anew, version=2), later, old)
    assert sum(row["change"] == "kept" for row in changes) >= 3
    plain = fit_preprocessing(table, old.feature_names)
    assert in_space_of(old, plain).shape == (4, len(plain.columns))
    assert {segment.key for segment in adopted.segments} <= set(range(1, adopted.next_key))


def test_the_order_of_customers_changes_nothing():
    table = drawn_table(9, 200)
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(200)))
    one, other = (fit_preprocessing(each, NUMBERS, explained_variance=0.8) for each in (table, shuffled))
    assert one == other
