"""Who is in `customers` and what is known of them; how many ids of one file are found in another."""

import json
from datetime import date

import pytest

from sahara_assets.quality.checklist import run_checks
from sahara_assets.tables.books import STEP_COUNTS
from sahara_assets.tables.sales import CUSTOMERS
from sahara_assets_tests.small_shop import SmallShop, line

PEOPLE = {
    "purchases": {},
    "customers": {
        "columns": {"account_id": "Account"},
        "attributes": {"birth_year": "Year", "gender": "Sex", "complaint": "Complain", "household_income": "Income"},
    },
    "accounts": {
        "attributes": {
            "annual_revenue": "Revenue",
            "household_income": "Income",
            "seats": {"column": "Seats", "kind": "number"},
        }
    },
    "sign_ups": {"attributes": {"newsletter": {"column": "News", "kind": "flag"}, "gender": "Sex"}},
}


def deliver_people(shop):
    """A shop whose customers are known from four sides."""
    shop.deliver("purchases/a.csv", [line(country="Spain"), line("2", "bob"), line("C3", "eve", quantity="-1")])
    shop.deliver(
        "customers/a.csv",
        [
            {"customer_id": "ann", "Account": "a1", "Year": "1957", "Sex": 'f "x"', "Complain": "no", "Income": ""},
            {"customer_id": "cyd", "Account": "a2", "Year": "", "Sex": "", "Complain": "yes", "Income": "100.5"},
            {"customer_id": "dan", "Account": "?", "Year": "", "Sex": "", "Complain": "", "Income": ""},
        ],
    )
    shop.deliver(
        "accounts/a.csv",
        [
            {"account_id": "a1", "country": "Italy", "Revenue": "5000000.25", "Income": "7", "Seats": "3"},
            {"account_id": "a2", "country": "France", "Revenue": "", "Income": "8", "Seats": ""},
            {"account_id": "a9", "country": "Malta", "Revenue": "1", "Income": "", "Seats": ""},
        ],
    )
    shop.deliver(
        "sign_ups/a.csv",
        [
            {"customer_id": "ann", "signed_up_on": "2024-01-01", "News": "1", "Sex": "m"},
            {"customer_id": "bob", "signed_up_on": "2024-02-01", "News": "0", "Sex": "m"},
            {"customer_id": "fay", "signed_up_on": "2024-03-01", "News": "", "Sex": ""},
        ],
    )


@pytest.fixture
def shop(tmp_path):
    shop = SmallShop(tmp_path, datasets=PEOPLE)
    deliver_people(shop)
    shop.build(features=False)
    return shop


def _customers(shop):
    return {row["customer_id"]: row for row in shop.rows(CUSTOMERS)}


def test_customers_are_everyone_whom_any_file_knows(shop):
    assert list(_customers(shop)) == ["ann", "bob", "cyd", "dan", "eve", "fay"]
    account = [(r["reason"], r["row_count"]) for r in shop.rows(STEP_COUNTS) if r["table_name"] == "customers"]
    assert account == [
        ("in: purchases", 3),
        ("anonymous lines", 0),
        ("further lines of a customer", 0),
        ("customers of the customer file without lines (added)", 2),
        ("customers of the sign-ups alone (added)", 1),
        ("out", 6),
    ]


def test_the_nearest_source_that_has_a_value_wins(shop):
    known = {name: json.loads(row["attributes"] or "null") for name, row in _customers(shop).items()}
    assert known["ann"] == {
        "annual_revenue": "5000000.2500",
        "birth_year": "1957.0000",
        "complaint": False,
        "gender": 'f "x"',
        "household_income": "7.0000",
        "newsletter": True,
        "seats": "3.0000",
    }
    assert known["bob"] == {"gender": "m", "newsletter": False}
    assert known["cyd"] == {"complaint": True, "household_income": "100.5000"}
    assert known["dan"] is known["eve"] is known["fay"] is None


def test_columns_come_from_the_customer_then_the_lines_then_the_account(shop):
    customers = _customers(shop)
    assert [customers[name]["country"] for name in ("ann", "cyd", "dan")] == ["Spain", "France", None]
    assert [customers[name]["account_id"] for name in ("ann", "cyd", "dan", "bob")] == ["a1", "a2", "?", None]
    assert [customers[name]["signed_up_on"] for name in ("ann", "fay", "cyd")] == [
        date(2024, 1, 1),
        date(2024, 3, 1),
        None,
    ]


def test_an_attribute_that_is_no_longer_declared_leaves(shop):
    without = {**PEOPLE, "customers": {**PEOPLE["customers"], "attributes": {"birth_year": "Year"}}}
    shop.set(datasets=without)
    shop.build(features=False)
    assert json.loads(_customers(shop)["ann"]["attributes"])["gender"] == "m"


# --- how many are found ----------------------------------------------------------------------------------------------------------


def _verdict(shop):
    return next(v for v in run_checks(shop.warehouse, shop.settings) if v.name == "ids_join")


def test_what_joins_is_counted(shop):
    verdict = _verdict(shop)
    assert not verdict.passed
    assert not verdict.blocking
    assert verdict.metadata == {
        "customers on order lines in the customer file": {"ids": 3, "found": 1},
        "accounts of customers in the accounts": {"ids": 3, "found": 2},
        "customers of the customer file in the sign-ups": {"ids": 3, "found": 1},
    }
    assert "only 1 of 3 customers on order lines are in the customer file; look at customer_id in both" in verdict.text


def test_how_many_must_join_is_a_setting(shop):
    shop.set(datasets=PEOPLE, rules={"least_joined": 0.3, "fee_codes": []})
    assert _verdict(shop).passed
    assert "2 of 3 accounts of customers are in the accounts" in _verdict(shop).text


@pytest.mark.parametrize(
    ("on_lines", "remedy"),
    [
        (
            "0017",
            '1 would be with normalise = { customer_id = ["strip_leading_zeros"] } under both [datasets.purchases]',
        ),
        ("Ann", '1 would be with normalise = { customer_id = ["lower"] } under both [datasets.purchases]'),
    ],
)
def test_what_keeps_two_files_apart_is_said(tmp_path, on_lines, remedy):
    shop = SmallShop(tmp_path)
    shop.deliver("purchases/a.csv", [line(customer=on_lines)])
    shop.deliver("customers/a.csv", [{"customer_id": "17"}, {"customer_id": "ANN"}])
    shop.build(features=False)
    verdict = _verdict(shop)
    assert not verdict.passed
    assert remedy in verdict.text


def test_a_file_alone_joins_with_nothing(tmp_path):
    shop = SmallShop(tmp_path)
    shop.deliver("purchases/a.csv", [line()])
    shop.build(features=False)
    assert _verdict(shop).text == "there are no two files to look ids up between"


# --- attributes that no drop has -------------------------------------------------------------------------------------------------


def _found(shop):
    return next(v for v in run_checks(shop.warehouse, shop.settings) if v.name == "attributes_found")


def test_an_attribute_that_no_drop_has_blocks_with_the_name_that_may_be_meant(tmp_path):
    shop = SmallShop(
        tmp_path,
        datasets={"purchases": {}, "customers": {"attributes": {"household_income": "Incom", "gender": "Sex"}}},
    )
    shop.deliver("customers/1.csv", [{"customer_id": "1", "Income": "5"}])
    shop.deliver("customers/2.csv", [{"customer_id": "2", "Income": "5", "Sex": "f"}])
    shop.load()
    verdict = _found(shop)
    assert verdict.blocking
    assert not verdict.passed
    assert verdict.metadata == {
        "missing": ["datasets.customers.attributes.household_income: unknown column 'Incom'; did you mean 'Income'?"]
    }


def test_attributes_without_a_drop_are_no_fault_yet(tmp_path):
    shop = SmallShop(tmp_path, datasets={"purchases": {}, "customers": {"attributes": {"gender": "Sex"}}})
    shop.deliver("purchases/1.csv", [line()])
    shop.load()
    assert _found(shop).passed
