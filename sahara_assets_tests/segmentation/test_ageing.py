"""A model between trainings: what its age and its tiers are said to be once customers have come and changed."""

from datetime import datetime

import pytest

from sahara_assets.builds import Run
from sahara_assets.quality.checklist import run_checks
from sahara_assets.report.page import render_report
from sahara_assets.report.publishing import gather
from sahara_assets.segmentation.ageing import measured_as_of, overtaken, tiers_as_of
from sahara_assets.segmentation.registry import champion
from sahara_assets.segmentation.training import promote
from sahara_assets.stages import segmentation as segmentation_stage
from sahara_assets.summary import summarise
from sahara_assets.tables.segmentation import SEGMENT_PROFILES
from sahara_assets_tests.small_shop import SmallShop, line

RUN = Run("test", datetime(2026, 1, 1))


def shop_of_two_groups(folder, **segmentation):
    """Forty who buy four times at 40, and forty who bought once at 100 long before: 160 a customer against 100."""
    shop = SmallShop(folder, segmentation={"k_min": 2, "k_max": 3, **segmentation})
    often = [
        line(f"often-{number}-{order}", f"o{number:02}", price="40.00", at=f"2025-{order:02}-1{number % 9} 10:00:00")
        for number in range(40)
        for order in range(3, 7)
    ]
    once = [
        line(f"once-{number}", f"z{number:02}", price=f"{100 + number % 3}.00", at=f"2025-01-1{number % 9} 10:00:00")
        for number in range(40)
    ]
    shop.deliver("purchases_1.csv", [*often, *once])
    score(shop)
    return shop


def score(shop, *, retrain=False):
    shop.build()
    segmentation_stage.segmentation_model(shop.warehouse, shop.settings, RUN, retrain=retrain)
    segmentation_stage.customer_segments(shop.warehouse, shop.settings, RUN)
    segmentation_stage.segment_profiles(shop.warehouse, shop.settings, RUN)


def a_second_drop(shop):
    """Those who bought once are joined by three of their kind, at 3,000 each; nobody else buys again."""
    rows = [line(f"late-{number}", f"n{number:02}", price="3000.00", at="2025-01-20 10:00:00") for number in range(3)]
    shop.deliver("purchases_2.csv", [*rows, line("last", "o00", price="40.00", at="2025-09-30 10:00:00")])


def verdict(shop):
    return next(one for one in run_checks(shop.warehouse, shop.settings) if one.name == "tiers_keep_order")


@pytest.fixture
def shop(tmp_path):
    return shop_of_two_groups(tmp_path, k=2)


def test_a_drop_without_a_training_moves_the_numbers_and_not_the_model(shop):
    a_second_drop(shop)
    score(shop)
    summary = summarise(shop.warehouse, shop.settings)
    assert (summary.as_of, sum(row["customer_count"] for row in summary.segments)) == ("2025-10-01T00:00:00", 83)
    assert (summary.model["cut_off"], summary.model["customers"]) == ("2025-06-19T00:00:00", 80)
    page = render_report(gather(shop.warehouse, shop.settings, [verdict(shop)])).replace("\xa0", " ")
    assert "As of 1 Oct 2025, 00:00 (UTC); model version 1, trained as of 19 Jun 2025 on 80 customers" in page
    assert "ranks segments by spend per customer as of 19 Jun 2025, when the model was trained." in page


def test_a_fresh_model_says_its_date_once(shop):
    page = render_report(gather(shop.warehouse, shop.settings, [verdict(shop)])).replace("\xa0", " ")
    assert "As of 19 Jun 2025, 00:00 (UTC), model version 1</p>" in page
    assert "ranks segments by spend per customer. What is usual" in page


def test_an_order_of_tiers_that_no_longer_holds_is_said_until_a_training_mends_it(shop):
    assert verdict(shop).passed
    a_second_drop(shop)
    score(shop)
    first, second = (f"{row['mean_gross_spend']:,.2f}" for row in shop.rows(SEGMENT_PROFILES))
    said = verdict(shop)
    assert not said.passed
    assert not said.blocking
    assert said.text.startswith(
        "the tiers were ranked as of 2025-06-19, and by spend per customer their order is another by now: "
    )
    assert first in said.text
    assert second in said.text
    page = render_report(gather(shop.warehouse, shop.settings, [said]))
    assert page.count("their order is another by now") >= 2  # in the notice, and where the tiers stand
    score(shop, retrain=True)
    assert verdict(shop).passed


def test_tiers_of_another_k_are_ranked_when_it_is_put_in_use(tmp_path):
    shop = shop_of_two_groups(tmp_path)
    before = champion(shop.warehouse)
    a_second_drop(shop)
    score(shop)
    assert tiers_as_of(shop.warehouse, before) == before.cut_off < measured_as_of(shop.warehouse)
    other = promote(shop.warehouse, shop.settings, RUN, 5 - before.model.k)
    assert tiers_as_of(shop.warehouse, other) == measured_as_of(shop.warehouse)


@pytest.mark.parametrize("rank_by", ["recency_days", "order_count"])
def test_tiers_by_another_feature_are_held_to_that_one(tmp_path, rank_by):
    shop = shop_of_two_groups(tmp_path, k=2, rank_by=rank_by)
    a_second_drop(shop)
    score(shop)
    assert verdict(shop).passed  # spend has changed sides, and neither of these has


def test_segments_of_one_tier_and_emptied_ones_contradict_nobody():
    assert overtaken({1: "Gold", 2: "Bronze", 3: "Bronze"}, {1: 50.0, 2: 1.0, 3: 2.0}) == []
    assert overtaken({1: "Gold", 2: "Silver", 3: "Bronze"}, {2: 3.0, 3: 2.0}) == []
