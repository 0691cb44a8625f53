import os
from datetime import datetime
from decimal import Decimal

import pytest

from sahara_assets.tables.books import STEP_COUNTS
from sahara_assets.tables.sales import PRODUCTS, PURCHASES
from sahara_assets_tests.small_shop import SmallShop, line


@pytest.fixture
def shop(tmp_path):
    return SmallShop(tmp_path)


def _purchases(shop):
    return {row["order_id"]: row for row in shop.rows(PURCHASES)}


def _account(shop, table="purchases"):
    return {row["reason"]: row["row_count"] for row in shop.rows(STEP_COUNTS) if row["table_name"] == table}


@pytest.mark.parametrize(
    ("order", "quantity", "price", "kind"),
    [
        ("1", "1", "2.50", "sale"),
        ("1", "-1", "2.50", "return"),
        ("1", "1", "0", "free"),
        ("1", "-1", "0", "adjustment"),  # a stock write-off
        ("C1", "-1", "2.50", "cancellation"),
        ("C1", "-1", "0", "cancellation"),  # first match
        ("A1", "1", "11062.06", "adjustment"),
        ("A1", "1", "-11062.06", "adjustment"),
        ("CARD", "1", "2.50", "sale"),  # a prefix needs a digit behind it
        ("c1", "-1", "2.50", "return"),  # ids are never case-folded
        ("1", "0", "2.50", "sale"),
    ],
)
def test_a_line_is_classified_by_the_first_rule_that_matches(shop, order, quantity, price, kind):
    shop.deliver("purchases/a.csv", [line(order, quantity=quantity, price=price), line("other")])
    shop.build(features=False)
    assert _purchases(shop)[order]["line_kind"] == kind


def test_prefixes_and_fees_come_from_the_settings(tmp_path):
    shop = SmallShop(
        tmp_path, rules={"cancellation_prefixes": ["ST-"], "adjustment_prefixes": [], "fee_codes": ["post"]}
    )
    shop.deliver(
        "purchases/a.csv",
        [line("ST-7", quantity="-1"), line("C1", quantity="-1"), line("2", product="post"), line("3", product="POST")],
    )
    shop.build(features=False)
    found = _purchases(shop)
    assert (found["ST-7"]["line_kind"], found["C1"]["line_kind"]) == ("cancellation", "return")
    assert (found["2"]["is_fee"], found["3"]["is_fee"]) == (True, False)


def test_two_equal_lines_of_one_drop_are_two_units(shop):
    shop.deliver("purchases/a.csv", [line(), line()])
    shop.build(features=False)
    assert len(shop.rows(PURCHASES)) == 2
    assert _account(shop) == {"in: raw_purchases": 2, "the same line in a newer drop that overlaps": 0, "out": 2}


def test_the_same_line_in_two_drops_is_one_and_is_counted(shop):
    shop.deliver("purchases/2025-03-01.csv", [line(), line(), line("2")])
    shop.deliver("purchases/2025-03-02.csv", [line(), line(), line(), line("3")])
    shop.build(features=False)
    assert sorted(row["order_id"] for row in shop.rows(PURCHASES)) == ["1", "1", "1", "2", "3"]
    assert _account(shop)["the same line in a newer drop that overlaps"] == 2


def test_of_an_overlap_the_newer_drop_keeps_the_line_whatever_came_first(shop):
    newer = shop.deliver("purchases/2025-03-02.csv", [line(), line("3")])
    shop.load()
    shop.deliver("purchases/2025-03-01.csv", [line(), line("2")])
    os.utime(newer, (0, 0))  # the date in the name counts before the modification time
    shop.build(features=False)
    found = _purchases(shop)
    assert found["1"]["_drop_id"] == found["3"]["_drop_id"] != found["2"]["_drop_id"]


def test_the_total_is_exact(shop):
    shop.deliver("purchases/a.csv", [line(quantity="3", price="0.1"), line("2", quantity="1.5", price="2.3333")])
    shop.build(features=False)
    found = _purchases(shop)
    assert (found["1"]["line_total"], found["2"]["line_total"]) == (Decimal("0.3000"), Decimal("3.5000"))


def test_time_is_kept_in_utc_with_the_local_time_beside_it(tmp_path):
    shop = SmallShop(tmp_path, project={"time_zone": "Europe/London"})
    shop.deliver(
        "purchases/a.csv", [line("summer", at="2025-07-01 00:30:00"), line("winter", at="2025-01-01 00:30:00")]
    )
    shop.build(features=False)
    summer, winter = _purchases(shop)["summer"], _purchases(shop)["winter"]
    assert summer["ordered_at"] == datetime(2025, 6, 30, 23, 30)
    assert summer["ordered_at_local"] == datetime(2025, 7, 1, 0, 30)
    assert str(summer["ordered_on"]) == "2025-07-01"
    assert winter["ordered_at"] == winter["ordered_at_local"]


def test_a_line_dated_well_after_its_file_is_flagged(shop):
    path = shop.deliver(
        "purchases/a.csv",
        [line("past"), line("soon", at="2025-03-02 23:00:00"), line("future", at="2025-03-05 10:00:00")],
    )
    moment = datetime(2025, 3, 2, 12).timestamp()
    os.utime(path, (moment, moment))
    shop.build(features=False)
    assert {name: row["is_future"] for name, row in _purchases(shop).items()} == {
        "past": False,
        "soon": False,
        "future": True,
    }


def test_the_catalogue_gives_a_category_where_the_line_has_none(shop):
    shop.deliver(
        "purchases/a.csv", [line(category=""), line("2", category="Own"), line("3", product="cup", category="")]
    )
    shop.deliver("products/2025-01-01.csv", [{"product_id": "mug", "category": "Old"}])
    shop.deliver("products/2025-02-01.csv", [{"product_id": "mug", "category": "Kitchen > Mugs"}])
    shop.build(features=False)
    assert {name: row["category"] for name, row in _purchases(shop).items()} == {
        "1": "Kitchen > Mugs",
        "2": "Own",
        "3": None,
    }


def test_prices_in_another_currency_are_converted_by_the_rate(tmp_path):
    shop = SmallShop(tmp_path, project={"currency": "GBP", "currency_rates": {"EUR": 0.86}})
    shop.deliver(
        "purchases/a.csv",
        [
            line(price="10", currency="EUR"),
            line("2", price="10", currency="GBP"),
            line("3", price="10", currency="USD"),
        ],
    )
    report = shop.build(features=False)
    assert {name: row["unit_price"] for name, row in _purchases(shop).items()} == {
        "1": Decimal("8.6000"),
        "2": Decimal("10.0000"),
    }
    assert report.rows_rejected == 1


BARE = {"datasets": {"purchases": {"columns": {"order_id": "", "quantity": "", "unit_price": ""}}, "products": {}}}
"""What a vending machine writes: neither orders nor quantities nor prices."""


def _bare(customer, product, at="2025-03-01 10:00:00", **more):
    return {"customer_id": customer, "product_id": product, "ordered_at": at, **more}


def test_without_orders_quantities_and_prices_every_line_is_one_unit_sold(tmp_path):
    shop = SmallShop(tmp_path, **BARE)
    rows = [
        _bare("ann", "mug", place_id="k1"),
        _bare("ann", "cup", place_id="k1"),
        _bare("ann", "cup", place_id="k2"),
        _bare("ann", "cup", "2025-03-01 10:00:01", place_id="k1"),
        _bare("bob", "cup", place_id="k1"),
        _bare("", "cup", place_id="k1"),
    ]
    shop.deliver("purchases/a.csv", rows)
    assert shop.build(features=False).rows_rejected == 0
    lines = sorted(shop.rows(PURCHASES), key=lambda row: row["_line"])
    assert {(r["line_kind"], r["quantity"], r["unit_price"], r["line_total"]) for r in lines} == {
        ("sale", Decimal(1), Decimal(0), Decimal(0))
    }
    # An order is what one customer bought at one place at one moment.
    orders = [row["order_id"] for row in lines]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 5


def test_two_equal_lines_without_an_order_are_two_units_of_one(tmp_path):
    shop = SmallShop(tmp_path, **BARE)
    shop.deliver("purchases/a.csv", [_bare("ann", "mug"), _bare("ann", "mug")])
    shop.deliver("purchases/b.csv", [_bare("ann", "mug"), _bare("ann", "cup")])
    shop.build(features=False)
    lines = shop.rows(PURCHASES)
    assert sorted(row["product_id"] for row in lines) == ["cup", "mug", "mug"]
    assert len({row["order_id"] for row in lines}) == 1


def test_an_order_made_up_in_json_is_the_one_made_up_in_csv(tmp_path):
    shop = SmallShop(tmp_path, **BARE)
    shop.deliver("purchases/a.csv", [_bare("ann", "mug", "2025-03-01T10:00:00Z", place_id="k1")])
    shop.deliver(
        "purchases/b.jsonl",
        '{"customer_id": "ann", "product_id": "cup", "ordered_at": "2025-03-01 10:00:00", "place_id": "k1"}\n',
    )
    shop.build(features=False)
    assert len({row["order_id"] for row in shop.rows(PURCHASES)}) == 1
    assert len(shop.rows(PURCHASES)) == 2


def test_without_prices_the_price_list_counts_and_nothing_is_free(tmp_path):
    shop = SmallShop(tmp_path, **BARE)
    shop.deliver("purchases/a.csv", [_bare("ann", "mug"), _bare("ann", "cup")])
    shop.deliver("products/a.csv", [{"product_id": "mug", "list_price": "2.50"}])
    shop.build(features=False)
    found = {row["product_id"]: (row["unit_price"], row["line_kind"]) for row in shop.rows(PURCHASES)}
    assert found == {"mug": (Decimal("2.5000"), "sale"), "cup": (Decimal(0), "sale")}


def test_a_line_without_a_price_is_rejected_where_the_file_has_prices(shop):
    shop.deliver("purchases/a.csv", [line(price=""), line("2")])
    assert shop.build(features=False).rows_rejected == 1


def test_place_channel_and_group_reach_the_line_and_the_catalogue_fills_the_group(shop):
    more = {"place_id": "0042", "channel": "web", "product_group": ""}
    shop.deliver("purchases/a.csv", [line(**more), line("2", product="cup", **{**more, "product_group": "35"})])
    shop.deliver(
        "products/a.csv",
        [{"product_id": "mug", "product_group": "7", "brand": "Own", "cost": "1.20", "margin": "0.52"}],
    )
    shop.build(features=False)
    found = {row["order_id"]: (row["place_id"], row["channel"], row["product_group"]) for row in shop.rows(PURCHASES)}
    assert found == {"1": ("0042", "web", "7"), "2": ("0042", "web", "35")}
    mug = next(row for row in shop.rows(PRODUCTS) if row["product_id"] == "mug")
    assert (mug["brand"], mug["cost"], mug["margin"]) == ("Own", Decimal("1.2000"), Decimal("0.5200"))


def test_a_margin_may_be_a_percentage_and_bears_no_currency_sign(tmp_path):
    reading = {"percent": "share", "currency_text": True}
    shop = SmallShop(tmp_path, project={"currency": "GBP"}, datasets={"purchases": {}, "products": reading})
    shop.deliver("purchases/a.csv", [line()])
    rows = [{"product_id": "mug", "cost": "£1.20", "margin": "62%"}, {"product_id": "cup", "cost": "1", "margin": "£1"}]
    shop.deliver("products/a.csv", rows)
    assert shop.build(features=False).rows_rejected == 1
    mug = next(row for row in shop.rows(PRODUCTS) if row["product_id"] == "mug")
    assert (mug["cost"], mug["margin"]) == (Decimal("1.2000"), Decimal("0.6200"))
