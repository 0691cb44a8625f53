from datetime import datetime

import pytest

from sahara_assets.recommendations import choosing
from sahara_assets.recommendations.choosing import choose, comparable, cuts
from sahara_assets.settings.recommendations import RecommendationSettings
from sahara_assets_tests.recommendations.made_sales import CUT_OFF, START, sales_of, two_tastes

FIXED = RecommendationSettings(factors=4, regularisation=1.0, iterations=5)


def test_tuning_comes_before_comparing_and_both_at_midnight():
    tuned, compared = cuts(sales_of(*two_tastes()), CUT_OFF, 0.2)
    assert START < tuned < compared < CUT_OFF
    assert (tuned.hour, compared.hour) == (0, 0)
    orders = {(customer, order, day) for customer, order, _, day in two_tastes()}
    late = sum(day >= (compared - START).days for _, _, day in orders)
    assert 0.2 <= late / len(orders) < 0.25


def test_a_model_that_beats_every_baseline_is_champion_and_one_that_does_not_is_not(monkeypatch):
    sales = sales_of(*two_tastes())
    chosen = choose(sales, CUT_OFF, FIXED, seed=1)
    by_method = {row["method"]: row for row in chosen.rows}
    assert list(by_method) == ["popularity", "bought_together", "matrix_factorisation"]
    # Whatever the numbers are, the rule is held to them.
    best_baseline = max(by_method["popularity"]["ndcg_at_10"], by_method["bought_together"]["ndcg_at_10"])
    wins = by_method["matrix_factorisation"]["ndcg_at_10"] > best_baseline
    assert (chosen.method == "matrix_factorisation") == wins
    assert by_method["matrix_factorisation"]["ndcg_at_10"] > by_method["popularity"]["ndcg_at_10"]

    real = choosing._Slice.row

    def handicapped(self, method, recommender, **more):
        row = real(self, method, recommender, **more)
        return {**row, "ndcg_at_10": 0.0} if method == "matrix_factorisation" else row

    monkeypatch.setattr(choosing._Slice, "row", handicapped)
    beaten = choose(sales, CUT_OFF, FIXED, seed=1)
    assert beaten.method == "bought_together"
    assert "matrix factorisation does not beat" in beaten.trace[-1]
    assert [row["method"] for row in beaten.rows if row["is_chosen"]] == ["bought_together"]


def test_a_tie_goes_to_the_simpler_method(monkeypatch):
    real = choosing._Slice.row
    monkeypatch.setattr(
        choosing._Slice, "row", lambda self, method, by, **more: {**real(self, method, by, **more), "ndcg_at_10": 0.5}
    )
    assert choose(sales_of(*two_tastes()), CUT_OFF, FIXED, seed=1).method == "popularity"


def test_factors_are_tuned_on_a_period_that_ends_where_comparing_begins():
    settings = FIXED.model_copy(update={"factors": None, "regularisation": None})
    chosen = choose(sales_of(*two_tastes()), CUT_OFF, settings, seed=1)
    tuning = [row for row in chosen.rows if row["slice"] == "tuning"]
    later = [row for row in chosen.rows if row["slice"] == "later"]
    # No more factors are tried than half of the products can bear.
    assert {(row["factors"], row["regularisation"]) for row in tuning} == {(12, 3.0), (12, 10.0), (12, 30.0)}
    assert {row["measured_until"] for row in tuning} == {row["split_at"] for row in later} == {chosen.compared_from}
    best = max(tuning, key=lambda row: row["ndcg_at_10"])
    assert [row for row in tuning if row["is_chosen"]] == [best]
    assert (chosen.factors, chosen.regularisation) == (best["factors"], best["regularisation"])
    assert [row["place"] for row in chosen.rows] == list(range(1, len(chosen.rows) + 1))


@pytest.mark.parametrize("methods", [["bought_together"], ["matrix_factorisation"], ["popularity"]])
def test_only_what_is_allowed_recommends(methods):
    chosen = choose(sales_of(*two_tastes()), CUT_OFF, FIXED.model_copy(update={"methods": methods}), seed=1)
    if methods != ["matrix_factorisation"]:
        assert chosen.method == methods[0]
    assert chosen.trace[-1]


def test_without_matrix_factorisation_the_library_is_not_asked_for(monkeypatch):
    monkeypatch.setattr(choosing, "item_factors", None)
    assert choose(sales_of(*two_tastes()), CUT_OFF, RecommendationSettings(methods=["bought_together"]), seed=1).method


SMALL = {
    "nothing": [],
    "one customer": [("ann", str(day), f"p{day}", day) for day in range(0, 170, 10)],
    "one product": [(f"c{n}", f"{n}-{day}", "cup", day) for n in range(30) for day in (0, 160)],
    "one day": [(f"c{n}", f"o{n}", f"p{n % 5}", 3) for n in range(30)],
    "nobody twice": [(f"c{n}", f"o{n}", f"p{n % 5}", n * 3) for n in range(50)],
}


@pytest.mark.parametrize("name", sorted(SMALL))
def test_too_little_to_compare_is_said_and_popularity_is_used(name):
    sales = sales_of(*SMALL[name])
    chosen = choose(sales, CUT_OFF, RecommendationSettings(), seed=1)
    assert (chosen.method, chosen.rows, chosen.compared_from) == ("popularity", [], None)
    assert "popularity is used" in chosen.trace[-1]
    assert not comparable(sales, CUT_OFF, RecommendationSettings(), seed=1)


def test_enough_is_enough():
    assert comparable(sales_of(*two_tastes()), CUT_OFF, FIXED, seed=1)
    assert not comparable(sales_of(*two_tastes()), datetime(2025, 1, 2), FIXED, seed=1)
