"""What is known of customers is the same on every warehouse."""

from sahara_assets.quality.joins import coverage_of
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.tables.sales import CUSTOMERS
from sahara_assets_tests.sales.test_customers import PEOPLE, deliver_people
from sahara_assets_tests.small_shop import SmallShop


def _built(folder, **more):
    shop = SmallShop(folder, datasets=PEOPLE, **more)
    deliver_people(shop)
    shop.build(features=False)
    return shop


def test_customers_accounts_and_sign_ups_make_equal_customers(warehouse, tmp_path):
    embedded, here = _built(tmp_path / "embedded"), _built(tmp_path / "here", warehouse=warehouse)
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
