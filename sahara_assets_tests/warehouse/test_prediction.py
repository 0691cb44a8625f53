"""Who will buy again is the same on every warehouse: training sets, scores by either kind of model, predicted segments."""

from datetime import datetime

import pytest

from sahara_assets import stages
from sahara_assets.builds import Run
from sahara_assets.learning.classifier import KINDS
from sahara_assets.quality.checklist import run_checks
from sahara_assets.repeat_buyers.registry import CANDIDATE, CHAMPION
from sahara_assets.repeat_buyers.training_set import build_training_set
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


def _near(value):
    return pytest.approx(value, abs=1e-9) if isinstance(value, float) else value


def _equal(here, there):
    assert [list(row) for row in here] == [list(row) for row in there]
    assert all(
        row[name] == _near(value) for row, other in zip(here, there, strict=True) for name, value in other.items()
    )


def test_training_sets_and_scores_are_equal(warehouse, tmp_path):
    wanted = {**WANTED, "features": [*WANTED["features"], "country", "return_rate"]}
    embedded = shop_of_habits(tmp_path / "embedded", wanted=wanted)
    predict(embedded)
    here = shop_of_habits(tmp_path / "here", warehouse, wanted=wanted)
    mine, theirs = (build_training_set(shop.warehouse, shop.settings) for shop in (here, embedded))
    assert mine.periods == theirs.periods
    for part, other in zip(mine.parts, theirs.parts, strict=True):
        _equal(part.table.to_pylist(), other.table.to_pylist())
    stages.repeat_buyer_training(warehouse, here.settings, RUN, retrain=False)
    for kind in KINDS:
        # The same two documents on both: here it is the scoring that is compared, as SQL.
        rows = [
            {**row, "stage": CHAMPION if row["kind"] == kind else CANDIDATE}
            for row in embedded.rows(REPEAT_BUYER_MODELS)
        ]
        for shop in (here, embedded):
            shop.warehouse.replace(REPEAT_BUYER_MODELS, rows)
            stages.repeat_buyer_scores(shop.warehouse, shop.settings, RUN)
        assert here.rows(REPEAT_BUYER_SCORES)
        _equal(here.rows(REPEAT_BUYER_SCORES), embedded.rows(REPEAT_BUYER_SCORES))
        (asked,) = [one for one in run_checks(warehouse, here.settings) if one.name == "every_buyer_scored"]
        assert asked.passed, asked.text


def test_predicted_segments_are_equal(warehouse, tmp_path):
    embedded, here = shop_of_attributes(tmp_path / "embedded"), shop_of_attributes(tmp_path / "here", warehouse)
    assert here.rows(PREDICTED_SEGMENTS)
    _equal(here.rows(PREDICTED_SEGMENTS), embedded.rows(PREDICTED_SEGMENTS))
    measured = [[{**row, "model": ""} for row in shop.rows(SEGMENT_CLASSIFIER)] for shop in (here, embedded)]
    _equal(*measured)
