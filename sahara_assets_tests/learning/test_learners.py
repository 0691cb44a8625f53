"""The learners and measures against scikit-learn, which they must equal, and the documents that they are kept as."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from sahara_assets.features.declarations import BY_NAME
from sahara_assets.learning import measures
from sahara_assets.learning.classifier import KINDS, Calibration, calibrated, fit_classifier, scored
from sahara_assets.learning.document import DocumentError, classifier_of, document_of
from sahara_assets.learning.logistic import fit_logistic, probability
from sahara_assets.learning.trees import grow, grown, taken_apart
from sahara_assets.segmentation.preprocess import apply
from sahara_assets.tables.columns import Column, Kind, Table
from sahara_assets.warehouse.duckdb import DuckDBWarehouse

NAMES = ["recency_days", "order_count", "gross_spend", "mean_days_between_orders", "country"]


def customers(count, seed=0, *, signal=2.0):
    """A feature table with nulls and words, and labels that it tells something of."""
    draws = np.random.default_rng(seed)
    recency, orders = draws.integers(0, 300, count), draws.geometric(0.3, count)
    spend = np.round(draws.lognormal(5, 1, count), 2)
    odds = signal * (np.log1p(orders) - 1) - signal * 0.005 * (recency - 150) + draws.normal(0, 1, count)
    table = pa.table(
        {
            "customer_id": [f"c{number:05}" for number in range(count)],
            "recency_days": pa.array(recency, pa.int64()),
            "order_count": pa.array(orders, pa.int64()),
            "gross_spend": pa.array([f"{one:.2f}" for one in spend]).cast(pa.decimal128(18, 4)),
            "mean_days_between_orders": pa.array([None if one == 1 else 90.0 / one for one in orders], pa.float64()),
            "country": pa.array(
                draws.choice(["France", "Malta", None], count, p=[0.6, 0.3, 0.1]).tolist(), pa.string()
            ),
        }
    )
    return table, odds > 0


@pytest.fixture(scope="module")
def fitted():
    table, labels = customers(600)
    return {kind: fit_classifier(kind, table, labels, NAMES, BY_NAME, penalty=1.0, seed=1) for kind in KINDS}


@pytest.mark.parametrize("penalty", [0.01, 1.0, 50.0])
def test_the_logistic_regression_is_scikit_learns(penalty):
    table, labels = customers(400)
    matrix = apply(fit_classifier("logistic", table, labels, NAMES, BY_NAME, penalty=1, seed=0).preprocessing, table)
    ours = fit_logistic(matrix, labels, penalty)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000).fit(matrix, labels)
    assert ours.weights == pytest.approx(theirs.coef_[0], abs=1e-5)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=1e-5)


def test_classes_that_are_wholly_apart_keep_finite_weights():
    matrix = np.concatenate([np.full((30, 1), -5.0), np.full((30, 1), 5.0)])
    ours = fit_logistic(matrix, np.repeat([False, True], 30), 1e-3)
    assert 0 < ours.weights[0] < 100
    with pytest.raises(ValueError, match="one class only"):
        fit_logistic(matrix, np.ones(60, dtype=bool), 1.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_trees_score_exactly_as_scikit_learn_does(seed):
    table, labels = customers(700, seed)
    preprocessing = fit_classifier("boosted_trees", table, labels, NAMES, BY_NAME, penalty=1, seed=0).preprocessing
    matrix = apply(preprocessing, table)
    theirs = grown(matrix, labels, seed=seed)
    ours = taken_apart(theirs)
    others = apply(preprocessing, customers(3000, seed + 10)[0])
    # Every threshold itself, and its neighbours, where left and right meet.
    edges = np.repeat(others[:1], 3 * len(ours.trees), axis=0)
    for place, tree in enumerate(ours.trees):
        if hasattr(tree, "column"):
            around = [np.nextafter(tree.at_most, -np.inf), tree.at_most, np.nextafter(tree.at_most, np.inf)]
            edges[3 * place : 3 * place + 3, tree.column] = around
    for rows in (matrix, others, edges):
        assert np.array_equal(ours.log_odds(rows), theirs.decision_function(rows))
        assert np.abs(probability(ours.log_odds(rows)) - theirs.predict_proba(rows)[:, 1]).max() < 1e-14


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_customers_give_the_same_bytes_in_any_order(kind):
    table, labels = customers(500)
    texts = set()
    for seed in (None, 5, 6):
        order = np.arange(500) if seed is None else np.random.default_rng(seed).permutation(500)
        again = fit_classifier(kind, table.take(order), labels[order], NAMES, BY_NAME, penalty=1.0, seed=1)
        texts.add(json.dumps(document_of(again)))
        if kind == "boosted_trees":
            break  # a sum of gradients in another order may differ in its last bit; rows come by customer id
    assert len(texts) == 1
    assert json.dumps(document_of(fit_classifier(kind, table, labels, NAMES, BY_NAME, penalty=1.0, seed=1))) in texts


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_reads_back_as_the_same_classifier(fitted, kind):
    text = json.dumps(document_of(fitted[kind]))
    again = classifier_of(json.loads(text))
    assert again == fitted[kind]
    assert json.dumps(document_of(again)) == text
    assert not any(word in text for word in ("pickle", "base64", "NaN", "Infinity"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.pop("calibration"), "is not whole"),
        (lambda d: d.update(kind="oracle"), "kind must be one of"),
        (
            lambda d: d["trees"].append({"feature": "shoe_size", "at_most": 1, "yes": {"add": 0}, "no": {"add": 0}}),
            "shoe_size",
        ),
        (lambda d: d["trees"].append({"add": float("nan")}), "finite"),
        (lambda d: d.update(trees=[{"add": "1"}]), "finite"),
    ],
)
def test_a_document_that_is_not_whole_is_refused_in_words(fitted, change, said):
    document = json.loads(json.dumps(document_of(fitted["boosted_trees"])))
    change(document)
    with pytest.raises(DocumentError, match=said):
        classifier_of(document)


@pytest.mark.parametrize("kind", KINDS)
def test_sql_and_numpy_score_alike(fitted, kind):
    table, labels = customers(2000, 3)
    classifier = calibrated(fitted[kind], table, labels)
    declared = Table(
        "scored_here",
        "test",
        "",
        (Column("customer_id", Kind.TEXT, ""), *(BY_NAME[n].column for n in NAMES)),
        ("customer_id",),
    )
    warehouse = DuckDBWarehouse(None)
    warehouse.reader.register("scored_here", table)
    found = warehouse.arrow(scored(classifier, warehouse.table(declared)).order_by("customer_id"))
    odds, chances = classifier.log_odds(table), classifier.chances(table)
    if kind == "boosted_trees":
        assert np.array_equal(found.column("log_odds").to_numpy(), odds)
    assert np.abs(found.column("log_odds").to_numpy() - odds).max() < 1e-9
    assert np.abs(found.column("probability").to_numpy() - chances).max() < 1e-12
    warehouse.close()


def test_calibration_never_turns_the_order_around(fitted):
    table, labels = customers(500, 4)
    turned = calibrated(fitted["logistic"], table, ~labels)
    assert turned.calibration.slope == 0
    assert np.unique(turned.chances(table)).tolist() == pytest.approx([float((~labels).mean())], abs=1e-9)


def test_calibration_mends_what_was_too_sure_of_itself():
    # Pure noise: trees see patterns where they learned, and calibration on other customers takes that back; on the same ones it cannot.
    draws = np.random.default_rng(0)
    table, _ = customers(600, 5)
    labels = draws.random(600) < 0.5
    learned = fit_classifier("boosted_trees", table, labels, NAMES, BY_NAME, penalty=1.0, seed=0)
    others, lots = customers(600, 6)[0], draws.random(600) < 0.5
    honest, naive = calibrated(learned, others, lots), calibrated(learned, table, labels)
    unseen, outcome = customers(2000, 7)[0], draws.random(2000) < 0.5
    assert measures.brier_score(outcome, honest.chances(unseen)) < 0.255
    assert measures.brier_score(outcome, naive.chances(unseen)) > 0.29
    assert learned.calibration == Calibration(1.0, 0.0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
def test_measures_are_scikit_learns_ties_and_all(pairs):
    labels = np.array([label for label, _ in pairs], dtype=bool)
    chances = np.array([0.05 + score / 7 for _, score in pairs])
    if not labels.any() or labels.all():
        assert measures.area_under_curve(labels, chances) == 0.5
        return
    assert measures.area_under_curve(labels, chances) == pytest.approx(metrics.roc_auc_score(labels, chances))
    assert measures.average_precision(labels, chances) == pytest.approx(
        metrics.average_precision_score(labels, chances)
    )
    assert measures.brier_score(labels, chances) == pytest.approx(metrics.brier_score_loss(labels, chances))
    assert measures.log_loss(labels, chances) == pytest.approx(metrics.log_loss(labels, chances))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=45))
def test_tenths_hold_everyone_once_and_end_at_all(pairs):
    labels, chances = np.array([one for one, _ in pairs], dtype=bool), np.array([one / 7 for _, one in pairs])
    ids = [f"{number % 7}-{number}" for number in range(len(pairs))]
    found = measures.by_tenths(labels, chances, ids)
    assert sum(one.customers for one in found) == len(pairs)
    assert sum(one.repeat_buyers for one in found) == labels.sum()
    sizes = [one.customers for one in found]
    assert max(sizes) - min(sizes) <= 1
    assert found[-1].reached_share == (1.0 if labels.any() else 0.0)
    means = [one.mean_probability for one in found]
    assert means == sorted(means, reverse=True)
    order = np.random.default_rng(1).permutation(len(pairs))
    assert measures.by_tenths(labels[order], chances[order], [ids[one] for one in order]) == found


def test_shuffling_what_decides_costs_most_and_what_does_not_costs_nothing():
    table, labels = customers(1500, 8)
    classifier = fit_classifier("boosted_trees", table, labels, NAMES[:3], BY_NAME, penalty=1.0, seed=0)
    matrix = apply(classifier.preprocessing, customers(1500, 9)[0])
    outcome = customers(1500, 9)[1]
    falls = measures.permutation_importance(classifier.learner.log_odds, matrix, outcome, [[0], [1], [2]], seed=0)
    assert min(falls[:2]) > 0.05 > abs(falls[2])


def test_growing_is_taking_apart_what_was_grown():
    table, labels = customers(300)
    matrix = apply(
        fit_classifier("boosted_trees", table, labels, NAMES, BY_NAME, penalty=1, seed=0).preprocessing, table
    )
    assert grow(matrix, labels, seed=3) == taken_apart(grown(matrix, labels, seed=3))
