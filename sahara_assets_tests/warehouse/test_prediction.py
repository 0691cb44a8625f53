"""Who will buy again is the same on every warehouse: training sets, scores by either kind of model, predicted segments."""

from dataclasses import replace
from datetime import datetime

import pytest

from sahara_assets.builds import Run
from sahara_assets.learning.classifier import KINDS
from sahara_assets.learning.trees import Trees
from sahara_assets.quality import prediction
from sahara_assets.repeat_buyers.registry import CANDIDATE, CHAMPION, model_of, model_text
from sahara_assets.repeat_buyers.training_set import customers_as_of
from sahara_assets.stages import prediction as prediction_stage
from sahara_assets.tables.prediction import (
    PREDICTED_SEGMENTS,
    REPEAT_BUYER_MODELS,
    REPEAT_BUYER_SCORES,
    SEGMENT_CLASSIFIER,
)
from sahara_assets_tests.repeat_buyers.shop_of_habits import WANTED, shop_of_habits
from sahara_assets_tests.repeat_buyers.test_building import predict
from sahara_assets_tests.segment_labels.test_predicted_segments import shop_of_attributes

RUN = Run("test", datetime(2026, 1, 1))


FEW = {**WANTED, "minimum_customers": 20, "features": [*WANTED["features"], "country", "return_rate"]}


def _near(value):
    return pytest.approx(value, abs=1e-9) if isinstance(value, float) else value


def _equal(here, there):
    assert [list(row) for row in here] == [list(row) for row in there]
    assert all(
        row[name] == _near(value) for row, other in zip(here, there, strict=True) for name, value in other.items()
    )


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """A shop on the embedded warehouse, with a model of either kind; few trees, because a fake takes long to read each."""
    shop = shop_of_habits(tmp_path_factory.mktemp("embedded"), count=130, wanted=FEW)
    predict(shop)
    rows = []
    for row in shop.rows(REPEAT_BUYER_MODELS):
        model = model_of(row["model"])
        if isinstance(model.learner, Trees):
            model = replace(model, learner=replace(model.learner, trees=model.learner.trees[:8]))
        rows.append({**row, "model": model_text(model)})
    return shop, rows


def test_training_sets_and_scores_are_equal(warehouse, embedded, tmp_path):
    other, models = embedded
    here = shop_of_habits(tmp_path, warehouse, count=130, wanted=FEW)
    moment, until = datetime(2024, 9, 1), datetime(2024, 12, 1)
    mine, theirs = (customers_as_of(shop.warehouse, shop.settings, moment, until) for shop in (here, other))
    _equal(mine.to_pylist(), theirs.to_pylist())
    asked = next(question for question in prediction.QUESTIONS if question.name == "every_buyer_scored")
    for kind in KINDS:
        # The same two documents on both: here it is the scoring that is compared, as SQL.
        rows = [{**row, "stage": CHAMPION if row["kind"] == kind else CANDIDATE} for row in models]
        for shop in (here, other):
            shop.warehouse.replace(REPEAT_BUYER_MODELS, rows)
            prediction_stage.repeat_buyer_scores(shop.warehouse, shop.settings, RUN)
        assert here.rows(REPEAT_BUYER_SCORES)
        _equal(here.rows(REPEAT_BUYER_SCORES), other.rows(REPEAT_BUYER_SCORES))
        verdict = asked.answer(warehouse, here.settings)
        assert verdict.passed, verdict.text


def test_predicted_segments_are_equal(warehouse, tmp_path):
    other, here = shop_of_attributes(tmp_path / "embedded"), shop_of_attributes(tmp_path / "here", warehouse)
    assert here.rows(PREDICTED_SEGMENTS)
    _equal(here.rows(PREDICTED_SEGMENTS), other.rows(PREDICTED_SEGMENTS))
    measured = [[{**row, "model": ""} for row in shop.rows(SEGMENT_CLASSIFIER)] for shop in (here, other)]
    _equal(*measured)
