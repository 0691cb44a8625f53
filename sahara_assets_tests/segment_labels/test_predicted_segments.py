"""Segments for those who have not bought yet: predicted where attributes tell them, and nothing written where they do not."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from sahara_assets.builds import Run
from sahara_assets.features.declarations import BY_NAME
from sahara_assets.quality.checklist import run_checks
from sahara_assets.segment_labels.learning import SegmentClassifier, Validated, validate
from sahara_assets.stages import prediction as prediction_stage
from sahara_assets.stages import segmentation as segmentation_stage
from sahara_assets.summary import told_predictions
from sahara_assets.tables.prediction import PREDICTED_SEGMENTS, SEGMENT_CLASSIFIER
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS
from sahara_assets_tests.small_shop import SmallShop, line

RUN = Run("test", datetime(2026, 1, 1))
ATTRIBUTES = {"household_income": "Income", "education": "School"}
LABELS = {"enabled": True, "minimum_customers": 40}


def shop_of_attributes(folder, warehouse=None, /, *, telling=True, attributes=ATTRIBUTES, labels=LABELS, customers=120):
    """Rich customers buy much and often, poor ones once; some of either have not bought yet."""
    shop = SmallShop(
        folder,
        warehouse,
        datasets={"purchases": {}, "customers": {"attributes": attributes}},
        segmentation={"k": 2, "k_min": 2, "k_max": 2},
        segment_labels=labels,
    )
    draws, lines, people = np.random.default_rng(3), [], []
    for number in range(customers):
        rich, buys = number % 2 == 0, number % 6 < 4
        income = draws.normal(90_000 if rich else 30_000, 9_000) if telling else draws.normal(50_000, 9_000)
        person = {
            "customer_id": f"c{number:03}",
            "Income": f"{income:.0f}",
            "School": "PhD" if rich == telling else "Basic",
        }
        if not telling:
            person["School"] = draws.choice(["PhD", "Basic"])
        if number % 30 == 29:
            person |= {"Income": "", "School": ""}
        people.append(person)
        for order in range((5 if rich else 1) * buys):
            price = draws.normal(200 if rich else 10, 2)
            lines.append(
                line(
                    f"{number}-{order}",
                    person["customer_id"],
                    price=f"{price:.2f}",
                    at=f"2025-{1 + order:02}-0{1 + number % 9} 10:00:00",
                )
            )
    shop.deliver("purchases.csv", lines)
    shop.deliver("customers.csv", people)
    shop.build()
    segmentation_stage.segmentation_model(shop.warehouse, shop.settings, RUN, retrain=False)
    segmentation_stage.customer_segments(shop.warehouse, shop.settings, RUN)
    segmentation_stage.segment_profiles(shop.warehouse, shop.settings, RUN)
    prediction_stage.predicted_segments(shop.warehouse, shop.settings, RUN)
    return shop


def verdicts_of(shop):
    return {one.name: one for one in run_checks(shop.warehouse, shop.settings)}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return shop_of_attributes(tmp_path_factory.mktemp("told"))


def test_whoever_has_attributes_and_no_segment_gets_the_likeliest(told):
    predicted = {row["customer_id"]: row for row in told.rows(PREDICTED_SEGMENTS)}
    have = {row["customer_id"]: row["segment"] for row in told.rows(CUSTOMER_SEGMENTS)}
    waiting = {f"c{n:03}" for n in range(120) if n % 6 >= 4 and n % 30 != 29}
    assert set(predicted) == waiting
    assert not set(predicted) & set(have)
    rich, poor = have["c000"], have["c001"]
    assert {name: row["segment"] for name, row in predicted.items()} == {
        name: rich if int(name[1:]) % 2 == 0 else poor for name in waiting
    }
    assert all(0.5 < row["probability"] <= 1 and row["segment_name"] for row in predicted.values())


def test_how_good_it_is_is_said_against_the_commonest_segment(told):
    (row,) = told.rows(SEGMENT_CLASSIFIER)
    assert row["accuracy"] > 0.95 > row["majority_share"]
    assert 0.45 < row["majority_share"] < 0.6
    (said,) = told_predictions(told.warehouse, told.settings)
    assert "cross-validated" in said
    assert "always naming the commonest would be right for" in said
    checks = verdicts_of(told)
    assert checks["segments_from_attributes"].passed
    assert checks["predicted_only_where_none"].passed
    again = SegmentClassifier.from_json(row["model"])
    assert again.to_json() == row["model"]
    assert not prediction_stage.predicted_segments(told.warehouse, told.settings, RUN).rebuilt


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"telling": False}, "attributes do not tell them"),
        ({"attributes": {}}, "no attributes are declared"),
        ({"attributes": {"household_income": "Salary"}}, "0 customers have a segment and one of household_income"),
        ({"labels": {**LABELS, "minimum_customers": 500}}, "500 in two are needed"),
    ],
    ids=["noise", "none declared", "none known", "too few"],
)
def test_nothing_is_written_where_attributes_say_nothing(changed, words, tmp_path):
    shop = shop_of_attributes(tmp_path, **changed)
    assert shop.rows(PREDICTED_SEGMENTS) == shop.rows(SEGMENT_CLASSIFIER) == []
    verdict = verdicts_of(shop)["segments_from_attributes"]
    assert (verdict.passed, verdict.blocking) == (False, False)
    assert words in verdict.text
    assert words in told_predictions(shop.warehouse, shop.settings)[0]


def test_a_project_that_does_not_ask_gets_nothing(tmp_path):
    shop = shop_of_attributes(tmp_path, labels={})
    assert shop.rows(PREDICTED_SEGMENTS) == []
    assert "segments_from_attributes" not in verdicts_of(shop)


def test_accuracy_is_of_customers_that_were_not_learned_from():
    """A word of its own for everyone tells all to who has seen it, and nothing to who has not."""
    labels = np.random.default_rng(0).integers(1, 3, 300)
    table = pa.table(
        {"customer_id": [f"c{n}" for n in range(300)], "country": [f"street {n % 20}" for n in range(300)]}
    )
    found = validate(table, labels, ["country"], BY_NAME, penalty=0.01, seed=0, folds=5)
    assert found.accuracy < 0.58
    assert not found.beats_the_majority
    assert Validated(100, 0.9, 0.5).beats_the_majority
    assert not Validated(100, 0.55, 0.5).beats_the_majority
