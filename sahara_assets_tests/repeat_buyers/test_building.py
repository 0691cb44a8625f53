"""Training, scoring and what makes either happen again, on a shop of habits; and what becomes of shops that have too little to learn from."""

import itertools
import json
from datetime import datetime, timedelta

import numpy as np
import pytest

from sahara_assets.builds import Run
from sahara_assets.errors import BlockedError
from sahara_assets.exports.lint import lint
from sahara_assets.exports.repeat_buyers import audience_is_current, properties_of
from sahara_assets.quality.checklist import run_checks
from sahara_assets.repeat_buyers.registry import champion, model_of
from sahara_assets.stages import features as features_stage
from sahara_assets.stages import prediction as prediction_stage
from sahara_assets.summary import told_predictions
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets.tables.prediction import (
    PREDICTION_TABLES,
    REPEAT_BUYER_DECILES,
    REPEAT_BUYER_GUARD,
    REPEAT_BUYER_IMPORTANCES,
    REPEAT_BUYER_MODELS,
    REPEAT_BUYER_SCORES,
    REPEAT_BUYER_TRAINING,
)
from sahara_assets_tests.repeat_buyers.shop_of_habits import FIRST, WANTED, orders, shop_of_habits
from sahara_assets_tests.small_shop import line

RUN = Run("test", datetime(2026, 1, 1))


def predict(shop, *, retrain=False):
    """Everything about repeat buyers; the reason for a training, if there was one."""
    prediction_stage.repeat_buyer_training(shop.warehouse, shop.settings, RUN, retrain=retrain)
    _, reason = prediction_stage.repeat_buyer_model(shop.warehouse, shop.settings, RUN)
    prediction_stage.repeat_buyer_scores(shop.warehouse, shop.settings, RUN)
    return reason


def verdicts_of(shop):
    return {one.name: one for one in run_checks(shop.warehouse, shop.settings)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    shop = shop_of_habits(tmp_path_factory.mktemp("habits"))
    assert predict(shop) == "there is no model yet"
    return shop


def test_a_model_is_trained_measured_and_registered(trained):
    rows = trained.rows(REPEAT_BUYER_MODELS)
    assert [(row["version"], row["kind"]) for row in rows] == [(1, "boosted_trees"), (1, "logistic")]
    assert sorted(row["stage"] for row in rows) == ["candidate", "champion"]
    best = champion(trained.warehouse)
    choosing = {row["kind"]: json.loads(row["metrics"])["choosing_average_precision"] for row in rows}
    assert choosing[best.classifier.kind] == max(choosing.values())
    assert best.metrics["auc"] > 0.6
    assert best.metrics["average_precision"] > best.metrics["base_rate"]
    assert best.metrics["brier"] < best.metrics["brier_of_base_rate"]
    for row in rows:
        document = json.loads(row["model"])
        assert document["format"] == "sahara repeat buyer model"
        assert len(document["cut_offs"]) == 4
    assert [row["role"] for row in trained.rows(REPEAT_BUYER_TRAINING)] == ["train"] * 3 + [
        "choose",
        "calibrate",
        "report",
    ]
    assert {row["feature"] for row in trained.rows(REPEAT_BUYER_GUARD)} == set(WANTED["features"])
    assert sum(row["customer_count"] for row in trained.rows(REPEAT_BUYER_DECILES)) == best.metrics["customers"]
    assert [row["rank"] for row in sorted(trained.rows(REPEAT_BUYER_IMPORTANCES), key=lambda r: r["rank"])] == [
        1,
        2,
        3,
        4,
    ]


def test_every_buyer_is_scored_once_and_the_likeliest_tenth_is_to_be_contacted(trained):
    scores = trained.rows(REPEAT_BUYER_SCORES)
    assert [row["customer_id"] for row in scores] == [row["customer_id"] for row in trained.rows(CUSTOMER_FEATURES)]
    ranked = sorted(scores, key=lambda row: row["rank"])
    assert [row["rank"] for row in ranked] == list(range(1, len(scores) + 1))
    assert all(one["probability"] >= other["probability"] - 1e-9 for one, other in itertools.pairwise(ranked))
    assert sum(row["is_contact"] for row in scores) == round(0.1 * len(scores))
    assert {row["decile"] for row in ranked if row["is_contact"]} == {1}
    checks = verdicts_of(trained)
    assert checks["every_buyer_scored"].text == f"SQL and NumPy agree on {len(scores)} buyers"
    assert [name for name, one in checks.items() if one.blocking and not one.passed] == []
    (said,) = told_predictions(trained.warehouse, trained.settings)
    assert said.startswith("Repeat buyers: model version 1, ")
    assert "times chance" in said


def audience_of(shop):
    """The lines of the audience file, header first; None where there is none."""
    file = shop.settings.export_folder / "repeat_buyers" / "audience_ga4.csv"
    return file.read_text().splitlines() if file.is_file() else None


def test_those_within_the_budget_are_written_as_an_audience_and_taken_away_when_it_is_off(tmp_path):
    shop = shop_of_habits(tmp_path)
    predict(shop)
    first = prediction_stage.repeat_buyer_audience(shop.warehouse, shop.settings, RUN)
    within = sorted(row["customer_id"] for row in shop.rows(REPEAT_BUYER_SCORES) if row["is_contact"])
    header, *rows = audience_of(shop)
    assert header == "user_id,sahara_repeat_decile,sahara_repeat_contact"
    assert rows == [f"{name},Decile 1,contact" for name in within]
    assert lint(shop.settings.export_folder / "repeat_buyers", properties_of(shop.settings)) == []
    assert (first.rebuilt, first.row_count) == (True, len(within))
    assert not prediction_stage.repeat_buyer_audience(shop.warehouse, shop.settings, RUN).rebuilt
    assert audience_is_current(shop.settings, shop.warehouse)
    (shop.settings.export_folder / "repeat_buyers" / "audience_ga4.csv").write_text("changed by hand")
    assert not audience_is_current(shop.settings, shop.warehouse)
    prediction_stage.repeat_buyer_audience(shop.warehouse, shop.settings, RUN)
    assert audience_of(shop) == [header, *rows]
    shop.set(repeat_buyers={**WANTED, "audience": False})
    prediction_stage.repeat_buyer_audience(shop.warehouse, shop.settings, RUN)
    assert audience_of(shop) is None
    assert audience_is_current(shop.settings, shop.warehouse)


def test_a_second_run_trains_nothing_and_builds_nothing(trained):
    before = {table.name: trained.rows(table) for table in PREDICTION_TABLES}
    built = prediction_stage.repeat_buyer_training(trained.warehouse, trained.settings, RUN, retrain=False)
    assert not built.rebuilt
    assert predict(trained) is None
    assert {table.name: trained.rows(table) for table in PREDICTION_TABLES} == before


def test_the_same_drops_make_the_same_model_to_the_byte(trained, tmp_path):
    again = shop_of_habits(tmp_path)
    predict(again)
    assert again.rows(REPEAT_BUYER_MODELS) == trained.rows(REPEAT_BUYER_MODELS)
    assert again.rows(REPEAT_BUYER_SCORES) == trained.rows(REPEAT_BUYER_SCORES)


def test_a_drop_is_scored_with_the_champion_and_a_retrain_must_be_asked_for(tmp_path):
    shop = shop_of_habits(tmp_path)
    predict(shop)
    first = champion(shop.warehouse)
    shop.deliver(
        "purchases/more.csv",
        [line("new", "c0001", at="2024-12-31 12:00:00"), line("9", "zoe", at="2024-12-31 12:00:00")],
    )
    shop.build()
    assert predict(shop) is None
    assert champion(shop.warehouse).row == first.row
    assert "zoe" in {row["customer_id"] for row in shop.rows(REPEAT_BUYER_SCORES)}
    assert predict(shop, retrain=True) == "a retrain was asked for"
    assert champion(shop.warehouse).version == 2
    stages_of = {(row["version"], row["stage"]) for row in shop.rows(REPEAT_BUYER_MODELS)}
    assert stages_of == {(1, "retired"), (2, "champion"), (2, "candidate")}
    # A budget trains nothing; a horizon does.
    shop.set(repeat_buyers={**WANTED, "contact_customers": 7})
    assert predict(shop) is None
    assert sum(row["is_contact"] for row in shop.rows(REPEAT_BUYER_SCORES)) == 7
    shop.set(repeat_buyers={**WANTED, "contact_cost": 1.0, "contact_value": 2.0})
    predict(shop)
    assert all(row["is_contact"] == (row["probability"] >= 0.5) for row in shop.rows(REPEAT_BUYER_SCORES))
    shop.set(repeat_buyers={**WANTED, "horizon_days": 45})
    assert predict(shop) == "the settings of the training changed"
    assert champion(shop.warehouse).version == 3
    shop.set(repeat_buyers={"enabled": False})
    predict(shop)
    assert shop.rows(REPEAT_BUYER_SCORES) == shop.rows(REPEAT_BUYER_TRAINING) == shop.rows(REPEAT_BUYER_DECILES) == []
    assert len(shop.rows(REPEAT_BUYER_MODELS)) == 6


def test_a_project_that_does_not_ask_gets_nothing(tmp_path):
    shop = shop_of_habits(tmp_path, count=40, wanted={})
    predict(shop)
    assert [table.name for table in PREDICTION_TABLES if shop.rows(table)] == []
    assert told_predictions(shop.warehouse, shop.settings) == []
    assert not {"repeat_buyer_training", "repeat_buyer_scores"} & {
        one.asset for one in run_checks(shop.warehouse, shop.settings)
    }


# --- a leak ---------------------------------------------------------------------------------------------------------------------


def _leaking(folder):
    """A shop whose customer file, written early, already says who will buy again: the answer in other words."""
    import os
    from datetime import UTC

    lines = orders(260)
    bought = {}
    for one in lines:
        bought.setdefault(one["customer_id"], []).append(one["ordered_at"])
    wanted = {**WANTED, "features": [*WANTED["features"], "visits_to_come"]}
    datasets = {
        "purchases": {},
        "customers": {
            "attributes": {
                "visits_to_come": {"column": "Status", "kind": "number", "unit": "orders", "label": "visits"}
            }
        },
    }
    shop = shop_of_habits(folder, lines=lines, wanted=wanted, datasets=datasets, features=False)
    # As of each cut-off the file of the day before says how often the customer will come from then on: what a status column "knows".
    for cut_off in shop_cut_offs(shop):
        target = shop.deliver(
            f"customers/{cut_off:%Y-%m-%d}.csv",
            [
                {
                    "customer_id": name,
                    "Status": sum(f"{cut_off}" <= at < f"{cut_off + timedelta(days=60)}" for at in times),
                }
                for name, times in sorted(bought.items())
            ],
        )
        stamp = (cut_off - timedelta(hours=1)).replace(tzinfo=UTC).timestamp()
        os.utime(target, (stamp, stamp))
    shop.build()
    return shop


def shop_cut_offs(shop):
    from sahara_assets.repeat_buyers.periods import plan_periods
    from sahara_assets.repeat_buyers.training_set import window_of

    found = plan_periods(*window_of(shop.warehouse, shop.settings), shop.settings.repeat_buyers)
    return (*found.train, found.choose, found.report)


def test_a_leaking_feature_blocks_until_it_is_allowed(tmp_path):
    shop = _leaking(tmp_path)
    prediction_stage.repeat_buyer_training(shop.warehouse, shop.settings, RUN, retrain=False)
    verdict = verdicts_of(shop)["no_feature_separates_alone"]
    assert (verdict.passed, verdict.blocking) == (False, True)
    assert "visits_to_come (AUC 1.000 alone)" in verdict.text
    with pytest.raises(BlockedError, match="visits_to_come"):
        prediction_stage.repeat_buyer_model(shop.warehouse, shop.settings, RUN)
    assert shop.rows(REPEAT_BUYER_MODELS) == []
    wanted = shop.settings.repeat_buyers.model_dump(exclude_defaults=True)
    datasets = {name: one.model_dump(exclude_defaults=True) for name, one in shop.settings.datasets.items()}
    shop.set(datasets=datasets, repeat_buyers={**wanted, "allowed_features": ["visits_to_come"]})
    assert verdicts_of(shop)["no_feature_separates_alone"].passed
    assert predict(shop) == "there is no model yet"
    # What it would have been believed to be, had nobody looked.
    assert champion(shop.warehouse).metrics["auc"] > 0.99
    # Without the feature the champion of before is none for these settings.
    shop.set(datasets=datasets, repeat_buyers=WANTED)
    assert predict(shop) == "the settings of the training changed"
    assert champion(shop.warehouse).metrics["auc"] < 0.9


# --- too little to learn from ---------------------------------------------------------------------------------------------------


def _week(number):
    return FIRST + timedelta(weeks=number)


BAD = {
    "too few customers": (orders(12), {}, "too few customers to learn from"),
    "too short": (orders(200, first=FIRST, end=FIRST + timedelta(days=120)), {}, "too short to learn from"),
    "one day": ([line(str(n), f"c{n}", at="2024-01-05 10:00:00") for n in range(60)], {}, "too short to learn from"),
    "nobody comes back": (
        [line(str(n), f"c{n:03}", at=f"{_week(n % 52):%Y-%m-%d} 10:00:00") for n in range(520)],
        {},
        "nobody bought again",
    ),
    "everybody comes back": (
        [line(f"{n}-{w}", f"c{n:03}", at=f"{_week(w):%Y-%m-%d} 10:00:00") for n in range(90) for w in range(52)],
        {},
        "everybody bought again",
    ),
    "no values": (orders(260), {"features": ["shoe_size"]}, "no customer has a value of any feature"),
    "nobody is known": (
        [line(str(n), "", at="2024-01-05 10:00:00") for n in range(5)],
        {},
        "no known customer has bought",
    ),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_too_little_to_learn_from_is_said_and_breaks_nothing(name, tmp_path):
    lines, changed, words = BAD[name]
    attributes = {"shoe_size": {"column": "Shoe", "kind": "number", "unit": "", "label": "shoe size"}}
    shop = shop_of_habits(
        tmp_path,
        lines=lines,
        wanted={**WANTED, **changed},
        datasets={"purchases": {}, "customers": {"attributes": attributes}},
        features=False,
    )
    if name == "too short":  # with all that follows; the others end before it
        features_stage.customer_features(shop.warehouse, shop.settings, RUN)
        assert predict(shop) is None
    else:
        prediction_stage.repeat_buyer_training(shop.warehouse, shop.settings, RUN, retrain=False)
        assert prediction_stage.repeat_buyer_model(shop.warehouse, shop.settings, RUN) == (None, None)
    assert [table.name for table in PREDICTION_TABLES if shop.rows(table)] == []
    verdict = verdicts_of(shop)["enough_to_learn"]
    assert (verdict.passed, verdict.blocking) == (False, False)
    assert words in verdict.text
    if name == "too short":
        assert words in told_predictions(shop.warehouse, shop.settings)[0]


def test_a_champion_of_before_goes_on_scoring_where_a_new_one_cannot_be_learned(tmp_path):
    shop = shop_of_habits(tmp_path)
    predict(shop)
    shop.set(repeat_buyers={**WANTED, "horizon_days": 300})
    assert predict(shop) is None
    assert champion(shop.warehouse).version == 1
    assert shop.rows(REPEAT_BUYER_SCORES)
    assert "too short" in verdicts_of(shop)["enough_to_learn"].text


def test_a_feature_that_nobody_has_is_left_out_beside_others(tmp_path):
    attributes = {"shoe_size": {"column": "Shoe", "kind": "number", "unit": "", "label": "shoe size"}}
    shop = shop_of_habits(
        tmp_path,
        wanted={**WANTED, "features": [*WANTED["features"], "shoe_size"]},
        datasets={"purchases": {}, "customers": {"attributes": attributes}},
    )
    predict(shop)
    assert champion(shop.warehouse).classifier.feature_names == tuple(WANTED["features"])
    assert {row["feature"]: row["known_share"] for row in shop.rows(REPEAT_BUYER_GUARD)}["shoe_size"] == 0


# --- calibration ----------------------------------------------------------------------------------------------------------------


def test_probabilities_are_calibrated_on_others_than_those_they_were_learned_from(trained):
    """Calibrated on its own training rows, the trees would be surer of themselves than what comes allows."""
    from sahara_assets.learning.classifier import calibrated
    from sahara_assets.learning.measures import log_loss
    from sahara_assets.repeat_buyers.training_set import build_training_set

    found = build_training_set(trained.warehouse, trained.settings)
    (row,) = [row for row in trained.rows(REPEAT_BUYER_MODELS) if row["kind"] == "boosted_trees"]
    honest = model_of(row["model"])
    naive = calibrated(honest, *found.of("train", "choose"))
    assert honest.calibration.slope < naive.calibration.slope
    report = found.part("report")
    assert log_loss(report.labels, honest.chances(report.table)) < log_loss(report.labels, naive.chances(report.table))
    assert np.isfinite(honest.chances(report.table)).all()
