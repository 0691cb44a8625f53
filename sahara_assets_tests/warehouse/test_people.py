"""What is known of customers is the same on every warehouse."""

import pytest

from sahara_assets.features.feature_set import feature_set
from sahara_assets.quality.joins import coverage_of
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.tables.sales import CUSTOMERS
from sahara_assets_tests.features.test_parts import DATASETS, deliver_a_day_and_a_night
from sahara_assets_tests.sales.test_customers import PEOPLE, deliver_people
from sahara_assets_tests.small_shop import SmallShop


def _built(folder, warehouse=None):
    shop = SmallShop(folder, warehouse, datasets=PEOPLE)
    deliver_people(shop)
    shop.build(features=False)
    return shop


def test_customers_accounts_and_sign_ups_make_equal_customers(warehouse, tmp_path):
    embedded, here = _built(tmp_path / "embedded"), _built(tmp_path / "here", warehouse)
    for table in (RAW_TABLES["customers"], RAW_TABLES["accounts"], RAW_TABLES["sign_ups"], CUSTOMERS):
        assert here.rows(table) == embedded.rows(table)
        assert here.rows(table)
    counted = [
        [
            (one.ids, one.found, one.found_without_zeros, one.found_in_lower_case)
            for one in coverage_of(s.warehouse, s.settings)
        ]
        for s in (here, embedded)
    ]
    assert counted[0] == counted[1] == [(3, 1, 1, 1), (3, 2, 2, 2), (3, 1, 1, 1)]


EVERYTHING = {
    "population": "customers",
    "also": ["night_share", "morning_share", "afternoon_share", "evening_share", "weekend_share", "membership_days"],
    "category_lines": {"mugs": "(?i)^home > mugs", "new": r"\(old\)"},
}


def test_features_that_settings_bring_are_equal_and_come_and_go(warehouse, tmp_path):
    shops = [
        SmallShop(tmp_path / "embedded", datasets=DATASETS, features=EVERYTHING),
        SmallShop(tmp_path / "here", warehouse, datasets=DATASETS, features=EVERYTHING),
    ]
    for also in (EVERYTHING, {"population": "buyers"}, {**EVERYTHING, "also": ["weekend_share"]}):
        found = []
        for shop in shops:
            shop.set(
                datasets=DATASETS,
                features=also,
                parts_of_day={"starts": {"night": 20, "morning": 6, "afternoon": 12, "evening": 17}},
            )
            deliver_a_day_and_a_night(shop)
            shop.build()
            found.append(shop.rows(feature_set(shop.settings).table))
        embedded, here = found
        assert [list(row) for row in here] == [list(row) for row in embedded]
        for mine, theirs in zip(here, embedded, strict=True):
            for name, value in theirs.items():
                assert mine[name] == (pytest.approx(value, abs=1e-9) if isinstance(value, float) else value), name
