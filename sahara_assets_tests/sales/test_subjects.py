from datetime import date, datetime
from decimal import Decimal

import pytest

from sahara_assets.tables.books import STEP_COUNTS
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PRODUCTS
from sahara_assets_tests.small_shop import SmallShop, line


@pytest.fixture
def shop(tmp_path):
    return SmallShop(tmp_path)


def _by(shop, table, key):
    return {row[key]: row for row in shop.rows(table)}


def test_an_order_adds_up_its_lines_by_kind(shop):
    shop.deliver(
        "purchases/a.csv",
        [
            line(quantity="2", price="5", at="2025-03-01 10:05:00"),
            line(quantity="1", price="3", product="cup"),
            line(quantity="-1", price="5"),
            line(quantity="1", price="0", product="gift"),
            line("C2", quantity="-1", price="5"),
        ],
    )
    shop.build(features=False)
    order = _by(shop, ORDERS, "order_id")["1"]
    assert (order["gross_spend"], order["returned_value"], order["net_spend"]) == (Decimal(13), Decimal(5), Decimal(8))
    assert (order["line_count"], order["unit_count"]) == (4, Decimal(3))
    assert (order["has_sale"], order["has_return"], order["has_cancellation"]) == (True, True, False)
    assert order["ordered_at"] == datetime(2025, 3, 1, 10, 0)
    cancelled = _by(shop, ORDERS, "order_id")["C2"]
    assert (cancelled["has_sale"], cancelled["has_cancellation"], cancelled["returned_value"]) == (
        False,
        True,
        Decimal(5),
    )


def test_an_order_belongs_to_the_customer_on_most_of_its_lines(shop):
    shop.deliver(
        "purchases/a.csv",
        [
            line(customer="bob"),
            line(customer="ann", product="b"),
            line(customer="ann", product="c"),
            line(customer="", product="d"),
        ],
    )
    shop.build(features=False)
    assert shop.rows(ORDERS)[0]["customer_id"] == "ann"


def test_fees_can_be_left_out_of_spend(tmp_path):
    for count, spend in ((True, Decimal(7)), (False, Decimal(5))):
        shop = SmallShop(tmp_path / str(count), rules={"fee_codes": ["POST"], "fees_count_as_spend": count})
        shop.deliver(
            "purchases/a.csv",
            [line(price="5"), line(price="2", product="POST"), line("2", "bob", price="2", product="POST")],
        )
        shop.build(features=False)
        assert _by(shop, ORDERS, "order_id")["1"]["gross_spend"] == spend
        assert _by(shop, CUSTOMERS, "customer_id")["bob"]["has_sale"] is count


def test_a_product_is_described_by_its_most_frequent_words_ties_to_the_latest(shop):
    shop.deliver(
        "purchases/a.csv",
        [
            line(description="MUG"),
            line("2", description="MUG"),
            line("3", description="damaged", at="2025-05-01 10:00:00"),
            line("4", product="cup", description="old cup"),
            line("5", product="cup", description="new cup", at="2025-05-01 10:00:00"),
        ],
    )
    shop.deliver("products/a.csv", [{"product_id": "jar", "description": "A jar", "list_price": "9.99"}])
    shop.build(features=False)
    products = _by(shop, PRODUCTS, "product_id")
    assert (products["mug"]["description"], products["cup"]["description"]) == ("MUG", "new cup")
    assert (products["jar"]["sale_line_count"], products["jar"]["list_price"]) == (0, Decimal("9.9900"))
    account = {r["reason"]: r["row_count"] for r in shop.rows(STEP_COUNTS) if r["table_name"] == "products"}
    assert account == {"in: products on lines": 2, "products of the catalogue without lines (added)": 1, "out": 3}


def test_customers_are_everyone_known_buyers_or_not(shop):
    shop.deliver(
        "purchases/a.csv",
        [
            line(country="France", client_id="1.1"),
            line("2", country="Spain", client_id="2.2", at="2025-04-01 10:00:00"),
            line("C3", "bob", quantity="-1"),
            line("4", ""),
        ],
    )
    shop.deliver("customers/a.csv", [{"customer_id": "cyd", "country": "Italy", "signed_up_on": "2025-01-31"}])
    shop.build(features=False)
    customers = _by(shop, CUSTOMERS, "customer_id")
    assert sorted(customers) == ["ann", "bob", "cyd"]
    assert (customers["ann"]["country"], customers["ann"]["client_id"]) == ("Spain", "2.2")  # a tie goes to the latest
    assert (customers["ann"]["first_ordered_at"], customers["ann"]["last_ordered_at"]) == (
        datetime(2025, 3, 1, 10), datetime(2025, 4, 1, 10),
    )  # fmt: skip
    assert (customers["bob"]["has_sale"], customers["bob"]["last_ordered_at"]) == (False, None)
    assert (customers["cyd"]["signed_up_on"], customers["cyd"]["line_count"]) == (date(2025, 1, 31), 0)
    account = {r["reason"]: r["row_count"] for r in shop.rows(STEP_COUNTS) if r["table_name"] == "customers"}
    assert account == {
        "in: purchases": 4,
        "anonymous lines": 1,
        "further lines of a customer": 1,
        "customers of the customer file without lines (added)": 1,
        "out": 3,
    }


def test_the_newest_row_of_the_customer_file_counts(shop):
    shop.deliver("purchases/a.csv", [line()])
    shop.deliver("customers/2025-02-01.csv", [{"customer_id": "ann", "country": "new"}])
    shop.deliver("customers/2025-01-01.csv", [{"customer_id": "ann", "country": "old"}])
    shop.build(features=False)
    assert shop.rows(CUSTOMERS)[0]["country"] == "new"


def test_a_version_column_decides_before_the_date_in_the_name(tmp_path):
    shop = SmallShop(tmp_path, datasets={"purchases": {}, "customers": {"version_column": "signed_up_on"}})
    shop.deliver("purchases/a.csv", [line()])
    shop.deliver("customers/2025-01-01.csv", [{"customer_id": "ann", "country": "right", "signed_up_on": "2025-02-02"}])
    shop.deliver("customers/2025-02-01.csv", [{"customer_id": "ann", "country": "wrong", "signed_up_on": "2025-02-01"}])
    shop.deliver("customers/2025-03-01.csv", [{"customer_id": "ann", "country": "unversioned", "signed_up_on": ""}])
    shop.build(features=False)
    assert shop.rows(CUSTOMERS)[0]["country"] == "right"
