"""What models learn from: nothing that came later, nobody who came later, and every part on customers or days of its own."""

import csv
from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.errors import BlockedError
from sahara_assets.learning.measures import area_under_curve
from sahara_assets.repeat_buyers.guard import guard_rows, leaks, refuse_leaks
from sahara_assets.repeat_buyers.periods import TooLittleError, plan_periods
from sahara_assets.repeat_buyers.training_set import build_training_set, customers_as_of
from sahara_assets.settings.repeat_buyers import RepeatBuyerSettings
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets_tests.commands import ROOT
from sahara_assets_tests.repeat_buyers.shop_of_habits import END, FIRST, WANTED, shop_of_habits
from sahara_assets_tests.small_shop import SmallShop, line

T = datetime(2025, 3, 1)
UNTIL = T + timedelta(days=30)
STORE_FILE = ROOT.parent / "shared" / "data" / "google_merchandise_store" / "gms_google_analytics.csv"


@pytest.fixture
def four(tmp_path):
    """Four customers around a cut-off, of whom each is a trap."""
    wanted = {**WANTED, "features": [*WANTED["features"], "return_rate"]}
    shop = SmallShop(tmp_path, repeat_buyers=wanted, rules={"fee_codes": [], "cancellation_prefixes": ["C"]})
    shop.deliver(
        "purchases/all.csv",
        [
            line("1", "again", at="2025-02-01 10:00:00"),
            line("2", "again", at="2025-03-01 00:00:00"),  # the very moment of the cut-off: it comes after it
            line("3", "later", at="2025-02-01 10:00:00"),
            line("4", "later", at="2025-03-31 00:00:00"),  # the very end of the horizon: too late
            line("5", "new", at="2025-03-05 10:00:00"),
            line("6", "new", at="2025-03-20 10:00:00"),  # twice, but never before the cut-off
            line("7", "sent back", at="2025-02-27 10:00:00"),
            line("C7", "sent back", quantity="-1", at="2025-03-03 10:00:00"),  # no purchase
        ],
    )
    shop.build()
    return shop


def by_customer(table):
    return {row["customer_id"]: row for row in table.to_pylist()}


def test_the_label_is_a_sale_from_the_cut_off_on_until_the_horizon(four):
    found = by_customer(customers_as_of(four.warehouse, four.settings, T, UNTIL))
    assert {name: row["bought_again"] for name, row in found.items()} == {
        "again": True,
        "later": False,
        "sent back": False,
    }


def test_whoever_comes_after_the_cut_off_is_no_customer_of_it(four):
    assert "new" not in by_customer(customers_as_of(four.warehouse, four.settings, T, UNTIL))
    # The table of today holds her: to take it would be the mistake.
    assert "new" in {row["customer_id"] for row in four.rows(CUSTOMER_FEATURES)}


def test_features_know_nothing_of_what_came_after_the_cut_off(four):
    found = by_customer(customers_as_of(four.warehouse, four.settings, T, UNTIL))
    assert {name: (row["order_count"], row["recency_days"]) for name, row in found.items()} == {
        "again": (1, 27),
        "later": (1, 27),
        "sent back": (1, 1),
    }
    assert found["sent back"]["return_rate"] == 0
    today = {row["customer_id"]: row["order_count"] for row in four.rows(CUSTOMER_FEATURES)}
    assert today["again"] == 2


def test_what_comes_later_changes_no_feature_of_a_past_moment(tmp_path):
    """The same customers at the same moment, whether the days after it have happened or not."""
    whole = shop_of_habits(tmp_path / "whole", count=60)
    moment = datetime(2024, 7, 1)
    early = [one for one in _lines_of(whole) if one["ordered_at"] < f"{moment:%Y-%m-%d}"]
    known = shop_of_habits(tmp_path / "known", lines=early)
    then, now = (
        customers_as_of(shop.warehouse, shop.settings, moment, END).drop_columns(["bought_again"])
        for shop in (known, whole)
    )
    assert then.to_pylist() == now.to_pylist()


def _lines_of(shop):
    import csv

    with (shop.folder / "purchases" / "all.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_features_of_today_would_tell_the_answer_and_features_of_then_do_not(tmp_path):
    """Label leakage in one number: with the tables of today a count of orders all but knows who bought again."""
    shop = shop_of_habits(tmp_path, count=300)
    moment = datetime(2024, 7, 1)
    then = by_customer(customers_as_of(shop.warehouse, shop.settings, moment, END))
    today = {row["customer_id"]: row for row in shop.rows(CUSTOMER_FEATURES)}
    ids = sorted(then)
    labels = np.array([then[one]["bought_again"] for one in ids])
    honest = area_under_curve(labels, -np.array([then[one]["recency_days"] for one in ids], dtype=float))
    naive = area_under_curve(labels, -np.array([today[one]["recency_days"] for one in ids], dtype=float))
    assert naive == 1.0
    assert 0.55 < honest < 0.9


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    shop = shop_of_habits(tmp_path_factory.mktemp("habits"))
    return build_training_set(shop.warehouse, shop.settings)


def test_every_label_is_known_before_the_next_part_begins(parts):
    train = [part for part in parts.parts if part.role == "train"]
    choose, calibrate, report = (parts.part(role) for role in ("choose", "calibrate", "report"))
    assert len(train) == 3
    assert max(part.label_until for part in train) <= choose.cut_off
    assert choose.cut_off == calibrate.cut_off
    assert max(choose.label_until, calibrate.label_until) <= report.cut_off
    assert report.label_until <= END
    assert {part.label_until - part.cut_off for part in parts.parts} == {timedelta(days=60)}


def test_no_customer_both_chooses_and_calibrates(parts):
    choose, calibrate = set(parts.part("choose").ids), set(parts.part("calibrate").ids)
    assert not choose & calibrate
    assert min(len(choose), len(calibrate)) > 0.35 * len(choose | calibrate)
    learned = {(part.cut_off, one) for part in parts.parts if part.role in {"train", "choose"} for one in part.ids}
    assert not learned & {
        (part.cut_off, one) for part in parts.parts if part.role in {"calibrate", "report"} for one in part.ids
    }


@given(
    days=st.integers(1, 900),
    horizon=st.integers(1, 200),
    step=st.integers(1, 60),
    history=st.integers(1, 90),
    count=st.integers(1, 6),
)
def test_cut_offs_are_either_honest_or_refused_in_words(days, horizon, step, history, count):
    wanted = RepeatBuyerSettings(
        horizon_days=horizon, step_days=step, minimum_history_days=history, training_cut_offs=count
    )
    end = FIRST + timedelta(days=days)
    try:
        found = plan_periods(FIRST, end, wanted)
    except TooLittleError:
        assert days < 3 * horizon + history
        return
    assert days >= 3 * horizon + history
    assert 1 <= len(found.train) <= count
    assert list(found.train) == sorted(set(found.train))
    assert found.train[0] - FIRST >= timedelta(days=history)
    assert found.train[-1] + found.horizon <= found.choose
    assert found.choose + found.horizon <= found.report
    assert found.report + found.horizon <= end


def test_a_horizon_to_the_end_of_the_data_is_the_same_everywhere():
    wanted = RepeatBuyerSettings(horizon_days=0, report_cut_off="2024-10-01")
    found = plan_periods(FIRST, END, wanted)
    assert (found.horizon.days, found.report) == (92, datetime(2024, 10, 1))
    assert found.choose == datetime(2024, 7, 1)
    with pytest.raises(TooLittleError, match="reaches beyond"):
        plan_periods(FIRST, END, RepeatBuyerSettings(report_cut_off="2024-12-01"))


# --- the guard ------------------------------------------------------------------------------------------------------------------


def _guarded(columns, labels, declarations):
    table = pa.table({"customer_id": [f"c{one}" for one in range(len(labels))], **columns})
    return {row["feature"]: row for row in guard_rows(table, labels, list(columns), declarations)}


def test_a_feature_that_equals_the_label_is_found_however_it_is_dressed(parts):
    by_name = parts.declarations
    draws = np.random.default_rng(0)
    labels = draws.random(400) < 0.3
    columns = {
        "recency_days": pa.array(np.where(labels, 1, 9), pa.int64()),  # turned around
        "order_count": pa.array(draws.integers(1, 5, 400), pa.int64()),
        "mean_days_between_orders": pa.array(
            [5.0 if one else None for one in labels], pa.float64()
        ),  # being there tells
        "country": pa.array(["yes" if one else "no" for one in labels]),
    }
    found = _guarded(columns, labels, by_name)
    assert {name for name, row in found.items() if row["auc_alone"] > 0.99} == {
        "recency_days",
        "mean_days_between_orders",
        "country",
    }
    assert found["order_count"]["auc_alone"] < 0.6
    assert found["mean_days_between_orders"]["known_share"] == pytest.approx(labels.mean())


def test_a_word_of_its_own_for_everyone_is_no_leak(parts):
    labels = np.random.default_rng(1).random(400) < 0.5
    found = _guarded({"country": pa.array([f"street {one}" for one in range(400)])}, labels, parts.declarations)
    assert found["country"]["auc_alone"] < 0.65


@pytest.mark.real_data
def test_by_the_sources_definition_visits_are_the_answer_and_the_guard_says_so(parts):
    """The Merchandise Store adds up session totals that repeat on every product row, and calls who has more than one transaction a repeat
    buyer: rows are counted on both sides. With every session counted once visits still tell too much, since nothing separates the time
    in which they are counted from that of the label."""
    if not STORE_FILE.is_file():
        pytest.skip("../shared/data/google_merchandise_store is not there")
    with STORE_FILE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sessions = {(row["fullVisitorId"], row["visitId"]): row for row in rows}
    areas = []
    for counted in (rows, sessions.values()):
        visits, transactions = Counter(), Counter()
        for row in counted:
            visits[row["fullVisitorId"]] += int(row["visits"])
            transactions[row["fullVisitorId"]] += int(row["total_transactions"])
        names = sorted(visits)
        labels = np.array([transactions[name] > 1 for name in names])
        found = _guarded({"order_count": pa.array([visits[name] for name in names])}, labels, parts.declarations)
        areas.append(found["order_count"]["auc_alone"])
        with pytest.raises(BlockedError, match="order_count"):
            refuse_leaks(list(found.values()), RepeatBuyerSettings(features=["order_count"]))
    assert areas == [1.0, pytest.approx(0.921, abs=0.001)]


def test_a_leak_blocks_until_it_is_allowed_by_name():
    rows = [{"feature": "recency_days", "known_share": 1.0, "auc_alone": 0.97}]
    wanted = RepeatBuyerSettings()
    assert leaks(rows, wanted) == rows
    with pytest.raises(BlockedError, match=r"recency_days \(AUC 0\.970 alone\).*allowed_features"):
        refuse_leaks(rows, wanted)
    refuse_leaks(rows, RepeatBuyerSettings(allowed_features=["recency_days"]))
    refuse_leaks(rows, RepeatBuyerSettings(leak_auc=0.98))
    refuse_leaks(rows, RepeatBuyerSettings(features=["order_count"]))
