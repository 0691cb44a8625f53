"""Features that settings bring, worked out by hand: when orders are placed, what they are of, what is known of who placed them."""

from datetime import datetime
from decimal import Decimal

import pytest

from sahara_assets.errors import SaharaError
from sahara_assets.features.feature_set import feature_set
from sahara_assets.stages import features as features_stage
from sahara_assets.tables.books import STEP_COUNTS
from sahara_assets_tests.small_shop import SmallShop, line

ATTRIBUTES = {
    "birth_date": "Born",
    "gender": "Sex",
    "complaint": "Complain",
    "household_income": "Income",
    "first_sale_on": "First",
}
DATASETS = {"purchases": {}, "customers": {"attributes": ATTRIBUTES}}


def measured(shop):
    return {row["customer_id"]: row for row in shop.rows(feature_set(shop.settings).table)}


def deliver_a_day_and_a_night(shop):
    """Ann orders at all hours, Bob once, Cyd never; what is known of them differs."""
    shop.deliver(
        "purchases/a.csv",
        [
            line("1", at="2025-03-01 06:00:00", category="Home > Mugs"),  # a Saturday
            line("1", at="2025-03-01 23:00:00", product="cup", category="Home > Cups"),
            line("2", at="2025-03-03 05:59:59", category="Garden"),  # a Monday
            line("3", at="2025-03-09 18:00:00", category=""),  # a Sunday
            line("4", at="2025-03-10 17:59:59", category="home > mugs (old)"),
            line("C5", at="2025-03-08 12:00:00", quantity="-1", category="Home > Mugs"),
            line("9", "bob", at="2025-03-10 12:00:00", category="Garden > Pots"),
        ],
    )
    shop.deliver(
        "customers/a.csv",
        [
            {"customer_id": "ann", "signed_up_on": "2025-02-28", "Born": "2000-03-12", "Sex": "f", "Complain": "yes", "Income": "5000.5", "First": "2025-03-12"},
            {"customer_id": "bob", "signed_up_on": "2025-04-01", "Born": "2000-03-11", "Sex": "", "Complain": "no", "Income": "", "First": "2025-03-01"},
            {"customer_id": "cyd", "signed_up_on": "", "Born": "", "Sex": "m", "Complain": "", "Income": "-1", "First": ""},
        ],
    )  # fmt: skip


def built(tmp_path, **settings):
    shop = SmallShop(tmp_path, datasets=DATASETS, **settings)
    deliver_a_day_and_a_night(shop)
    shop.build()
    return shop


def test_shares_are_of_orders_by_their_first_line(tmp_path):
    parts = ["night_share", "morning_share", "afternoon_share", "evening_share", "weekend_share"]
    found = measured(built(tmp_path, features={"also": parts}))
    assert [found["ann"][name] for name in parts] == [0.25, 0.25, 0.25, 0.25, 0.5]
    assert [found["bob"][name] for name in parts] == [0.0, 0.0, 1.0, 0.0, 0.0]


def test_the_clock_and_the_weekend_are_settings(tmp_path):
    features = {"also": ["morning_share", "evening_share", "weekend_share"], "weekend": ["monday"]}
    day = {"rule": "byte-foods", "time_zone": "UTC"}
    zone = {"time_zone": "America/Los_Angeles"}
    found = measured(built(tmp_path, features=features, parts_of_day=day, project=zone))
    # Eight hours later (seven after the ninth): 14:00, 13:59, 01:00 and 00:59; two of the four on Mondays in California.
    assert [found["ann"][name] for name in features["also"]] == [0.5, 0.0, 0.5]


def test_a_part_may_last_over_midnight(tmp_path):
    found = measured(
        built(tmp_path, features={"also": ["day_share", "dark_share"]}, parts_of_day={"starts": {"Day": 6, "Dark": 18}})
    )
    assert (found["ann"]["day_share"], found["ann"]["dark_share"]) == (0.5, 0.5)


def test_lines_are_counted_by_what_their_category_matches(tmp_path):
    counts = {"mugs": "(?i)^home > mugs", "plain_home": "^Home > (Mugs|Cups)$", "pots": "Pots"}
    found = measured(built(tmp_path, features={"category_lines": counts}))
    assert [found["ann"][f"{name}_lines"] for name in counts] == [2, 2, 0]
    assert [found["bob"][f"{name}_lines"] for name in counts] == [0, 0, 1]


def test_attributes_are_reckoned_at_the_cut_off(tmp_path):
    shop = built(tmp_path, features={"also": ["membership_days"]})
    assert features_stage.cut_off(shop.warehouse) == datetime(2025, 3, 11)
    names = ["age_years", "gender", "complaint", "household_income", "first_sale_days", "membership_days"]
    found = measured(shop)
    # Ann's birthday is tomorrow; what lies after the cut-off has not happened yet.
    assert [found["ann"][name] for name in names] == [24, "f", 1, Decimal("5000.5000"), None, 11]
    assert [found["bob"][name] for name in names] == [25, None, 0, None, 10, None]


def test_a_year_of_birth_gives_an_age_and_nobody_is_younger_than_nothing(tmp_path):
    shop = SmallShop(tmp_path, datasets={"purchases": {}, "customers": {"attributes": {"birth_year": "Year"}}})
    shop.deliver("purchases/a.csv", [line(customer=who) for who in ("ann", "bob", "cyd")])
    years = {"ann": "1893", "bob": "2031", "cyd": "2025"}
    shop.deliver("customers/a.csv", [{"customer_id": who, "Year": year} for who, year in years.items()])
    shop.build()
    assert {who: row["age_years"] for who, row in measured(shop).items()} == {"ann": 132, "bob": None, "cyd": 0}


# --- who is measured -------------------------------------------------------------------------------------------------------------


def test_who_never_bought_has_none_of_what_is_bought_rather_than_the_mean(tmp_path):
    features = {
        "population": "customers",
        "also": ["morning_share", "weekend_share"],
        "category_lines": {"mugs": "Mugs"},
    }
    shop = built(tmp_path, features=features)
    found = measured(shop)
    assert sorted(found) == ["ann", "bob", "cyd"]
    nothing = {name: value for name, value in found["cyd"].items() if value in {0, None} and name != "customer_id"}
    assert nothing == {
        "recency_days": None, "tenure_days": None, "mean_days_between_orders": None, "country": None, "age_years": None,
        "complaint": None, "first_sale_days": None,
        **dict.fromkeys(["order_count", "line_count", "unit_count", "distinct_products", "gross_spend", "net_spend"], 0),
        **dict.fromkeys(["average_order_value", "median_order_value", "return_rate"], 0),
        **dict.fromkeys([f"category_share_{rank}" for rank in range(1, 6)], 0),
        **dict.fromkeys(["morning_share", "weekend_share", "mugs_lines"], 0),
    }  # fmt: skip
    buyers = measured(built(tmp_path / "buyers", features={**features, "population": "buyers"}))
    assert {who: found[who] for who in buyers} == buyers
    account = [(r["reason"], r["row_count"]) for r in shop.rows(STEP_COUNTS) if r["table_name"] == "customer_features"]
    assert account == [("in: customers", 3), ("out", 3)]


def test_who_only_sent_things_back_is_measured_among_all_customers(tmp_path):
    shop = SmallShop(tmp_path, features={"population": "customers"})
    shop.deliver("purchases/a.csv", [line(), line("C2", "eve", quantity="-2", price="5")])
    shop.build()
    eve = measured(shop)["eve"]
    assert (eve["order_count"], eve["gross_spend"], eve["net_spend"], eve["return_rate"]) == (0, 0, Decimal(-10), 0.0)


def test_a_shop_that_has_sold_nothing_yet_measures_its_customers_as_of_its_newest_file(tmp_path):
    shop = SmallShop(tmp_path, datasets=DATASETS, features={"population": "customers", "model": ["household_income"]})
    shop.deliver("customers/customers_2025-03-10.csv", [{"customer_id": "ann", "Born": "2000-03-11", "Income": "7"}])
    shop.build()
    assert features_stage.cut_off(shop.warehouse) == datetime(2025, 3, 11)
    assert measured(shop)["ann"]["age_years"] == 25


def test_a_project_without_order_lines_measures_what_it_knows(tmp_path):
    shop = SmallShop(
        tmp_path,
        datasets={"customers": {"attributes": ATTRIBUTES}},
        features={"population": "customers", "model": ["household_income"], "cut_off": "2025-03-11"},
    )
    deliver_a_day_and_a_night(shop)
    shop.build()
    found = measured(shop)
    assert list(found["ann"]) == [
        "customer_id",
        "country",
        "age_years",
        "gender",
        "complaint",
        "household_income",
        "first_sale_days",
    ]
    assert [row["age_years"] for row in found.values()] == [24, 25, None]


def test_nobody_at_all_is_said_clearly(tmp_path):
    shop = SmallShop(
        tmp_path,
        datasets={"customers": {"attributes": {"age": "Age"}}},
        features={"population": "customers", "model": ["age"]},
    )
    with pytest.raises(SaharaError, match="nothing was delivered yet"):
        shop.build()
    shop.set(
        datasets={"customers": {"attributes": {"age": "Age"}}},
        features={"population": "customers", "model": ["age"], "cut_off": "2025-01-01"},
    )
    with pytest.raises(SaharaError, match="no customers at all"):
        shop.build()


def test_features_come_and_go_with_the_settings(tmp_path):
    shop = built(tmp_path, features={"also": ["morning_share"]})
    assert "morning_share" in measured(shop)["ann"]
    shop.set(datasets=DATASETS, features={"category_lines": {"mugs": "Mugs"}})
    shop.build()
    assert "mugs_lines" in measured(shop)["ann"]
    assert "morning_share" not in shop.warehouse.present_columns()["customer_features"]
    fewer = {"purchases": {}, "customers": {"attributes": {"gender": "Sex"}}}
    shop.set(datasets=fewer)
    shop.build()
    assert list(measured(shop)["ann"])[-2:] == ["country", "gender"]
