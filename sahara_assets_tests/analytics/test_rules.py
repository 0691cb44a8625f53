"""What sessions and events mean: flat clickstreams, documents that are stated anew, whose a session is, and what counts as a purchase."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sahara_assets.builds import Run
from sahara_assets.errors import SettingsError
from sahara_assets.onboarding.known_exports import FLAT_EVENTS
from sahara_assets.quality.checklist import run_checks
from sahara_assets.settings.document import parse_settings
from sahara_assets.stages import analytics as analytics_stage
from sahara_assets.stages import sales as sales_stage
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS
from sahara_assets.tables.books import BUILDS, STEP_COUNTS
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PURCHASES
from sahara_assets_tests.analytics import clickstream, made_exports
from sahara_assets_tests.analytics.clickstream import as_csv, clicks
from sahara_assets_tests.analytics.made_exports import event, hit, item, lines, product, session
from sahara_assets_tests.small_shop import NOW, SmallShop, line

CLICKSTREAM = FLAT_EVENTS.reading(clickstream.COLUMNS)
BY_TRANSACTION = {"purchases": "transactions"}
BY_USER = {"customer": "user_id"}


def verdict(shop, name):
    (found,) = [one for one in run_checks(shop.warehouse, shop.settings) if one.name == name]
    return found


def account(shop, table):
    return {row["reason"]: row["row_count"] for row in shop.rows(STEP_COUNTS) if row["table_name"] == table.name}


def without_origin(rows):
    """Rows without where they came from, in an order of their own."""
    return sorted((tuple(value for name, value in row.items() if not name.startswith("_")) for row in rows), key=repr)


# --- flat clickstreams and order documents -----------------------------------------------------------------------------------------


@pytest.fixture
def clicking(tmp_path):
    """A shop whose clicks are a flat file, and whose orders are documents of MongoDB."""
    shop = SmallShop(tmp_path, datasets={"events": CLICKSTREAM, "purchases": clickstream.ORDERS}, analytics=BY_USER)
    shop.deliver(
        "events/clickstream.csv",
        as_csv(
            clicks("u1", "page_view", 0, engaged="100"),
            clicks("u1", "view_item_list", 5, ("P1", "5.0", ""), ("P2", "2.5", ""), ("P10", "9.0", ""), engaged="700"),
            clicks("u1", "purchase", 20, ("P1", "5.0", "1"), ("P2", "2.5", "3"), engaged="20"),
            clicks("u1", "page_view", 90, session="2", engaged="3"),
            clicks("u2", "page_view", 7, engaged=""),
        ),
    )
    shop.deliver(
        "purchases/orders.jsonl",
        "\n".join([clickstream.order(1, "u1", 20, ("P1", "5.0", 1), ("P2", "2.5", 3)), clickstream.order(2, "u9", 40, ("P1", "5.0", 2))]),
    )  # fmt: skip
    shop.build(features=False)
    return shop


def test_what_an_event_took_is_counted_once_though_every_item_says_it(clicking):
    rows = {row["session_id"]: row for row in clicking.rows(SESSIONS)}
    assert {name: row["engagement_msec"] for name, row in rows.items()} == {"u1/1": 820, "u1/2": 3, "u2/1": None}
    # What a sum over the rows as delivered would say.
    assert 100 + 3 * 700 + 2 * 20 == 2_240
    assert {name: row["hit_count"] for name, row in rows.items()} == {"u1/1": 3, "u1/2": 1, "u2/1": 1}
    assert {row["customer_id"] for row in rows.values()} == {"u1", "u2"}


def test_products_of_a_clickstream_are_told_apart_by_their_ids(clicking):
    found = [(row["action"], row["product_id"], row["quantity"]) for row in clicking.rows(PRODUCT_EVENTS)]
    assert found == [
        ("impression", "P1", None), ("impression", "P2", None), ("impression", "P10", None),
        ("purchase", "P1", Decimal(1)), ("purchase", "P2", Decimal(3)),
    ]  # fmt: skip


def test_orders_come_from_their_documents_and_not_from_the_clicks_again(clicking):
    orders = {row["order_id"]: (row["customer_id"], row["gross_spend"]) for row in clicking.rows(ORDERS)}
    assert orders == {"ORD1": ("u1", Decimal("12.5000")), "ORD2": ("u9", Decimal("10.0000"))}
    assert account(clicking, PURCHASES) == {
        "in: raw_purchases": 3,
        "the same line in a newer drop that overlaps, or its document stated anew there": 0,
        "out": 3,
    }


# --- documents that are stated anew --------------------------------------------------------------------------------------------------


def test_an_order_that_is_stated_anew_gives_up_the_items_that_it_lost(tmp_path):
    shop = SmallShop(tmp_path, datasets={"purchases": clickstream.ORDERS})
    shop.deliver("purchases/2016-08-01.jsonl", clickstream.order(1, "u1", 20, ("P1", "5.0", 1), ("P2", "2.5", 3)))
    shop.deliver("purchases/2016-08-02.jsonl", clickstream.order(1, "u1", 20, ("P1", "5.0", 1)))
    shop.build(features=False)
    assert [row["product_id"] for row in shop.rows(PURCHASES)] == ["P1"]
    assert account(shop, PURCHASES)["the same line in a newer drop that overlaps, or its document stated anew there"] == 2  # fmt: skip


def test_a_session_of_the_intraday_table_gives_way_to_that_of_the_day(tmp_path):
    shop = SmallShop(tmp_path, datasets={"sessions": made_exports.SESSIONS}, analytics=BY_TRANSACTION)
    bought = hit(2, product(quantity=1, revenue=12.99), action="6", order="ORD1")
    shop.deliver("sessions/ga_20160801.jsonl", lines(session("7", 1, hit(1, product("P9"))), session("8", 1, hit(1))))
    shop.deliver("sessions/ga_20160802.jsonl", lines(session("7", 1, hit(1), bought)))
    shop.build(features=False)
    seven, eight = shop.rows(SESSIONS)
    assert (seven["hit_count"], eight["hit_count"]) == (2, 1)
    assert [row["product_id"] for row in shop.rows(PRODUCT_EVENTS)] == ["P1"]
    assert account(shop, PRODUCT_EVENTS) == {
        "in: raw_sessions": 4,
        "no product on the hit or event": 2,
        "the same row in a newer drop, or its document stated anew there": 1,
        "out": 1,
    }


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["5.6", "7.8", None]),
        st.sampled_from(["page_view", "view_item", "purchase"]),
        st.lists(st.sampled_from(["P1", "P2", "P3"]), max_size=3),
        st.sampled_from([1, 2]),
        st.sampled_from([None, "T1", "T2"]),
        st.integers(0, 500),
        st.tuples(st.booleans(), st.booleans(), st.booleans()),
    ),
    min_size=1,
    max_size=12,
)


def events_of(drawn):
    return [
        event(
            who, name, second, *(item(sku) for sku in skus), visit=visit, order=order, revenue=5.0,
            params={"engagement_time_msec": msec},
        )
        for second, (who, name, skus, visit, order, msec, _) in enumerate(drawn)
    ]  # fmt: skip


def built_from(*drops):
    """The tables of analytics from some drops, delivered one run after the other."""
    with tempfile.TemporaryDirectory() as folder:
        shop = SmallShop(Path(folder), datasets={"events": made_exports.EVENTS}, analytics=BY_TRANSACTION)
        for number, text in enumerate(drops):
            shop.deliver(f"events/events_{number}.jsonl", text)
            shop.load()
        shop.build(features=False)
        tables = [without_origin(shop.rows(table)) for table in (SESSIONS, PRODUCT_EVENTS, PURCHASES)]
        balanced = [one.passed for one in run_checks(shop.warehouse, shop.settings) if one.name.endswith("balances")]
        shop.warehouse.close()
    assert balanced == [True] * 3
    return tables


@hypothesis_settings(max_examples=3)
@given(_EVENTS, st.permutations(range(3)))
@example([("5.6", "purchase", ["P1", "P1"], 1, "T1", 7, (True, True, False))], [0, 1, 2])
def test_events_give_the_same_tables_however_they_are_split_repeated_and_ordered(drawn, order):
    documents = events_of(drawn)
    drops = [
        [document for document, (*_, there) in zip(documents, drawn, strict=True) if there[number] or not any(there)]
        for number in order
    ]
    apart = [lines(*reversed(documents)) if number % 2 else lines(*documents) for number, documents in enumerate(drops) if documents]  # fmt: skip
    assert built_from(*apart) == built_from(lines(*documents))


# --- whose a session is --------------------------------------------------------------------------------------------------------------


def visits(tmp_path, customers, **settings):
    shop = SmallShop(
        tmp_path,
        datasets={"purchases": {}, "customers": {}, "sessions": made_exports.SESSIONS},
        analytics=settings,
    )
    shop.deliver(
        "sessions/ga.jsonl", lines(session("0017", 1, hit(1), userId="u1"), session("0018", 1, hit(1), userId=None))
    )
    shop.deliver("customers/crm.csv", customers)
    shop.build(features=False)
    return {row["visitor_id"]: (row["customer_id"], row["is_customer"]) for row in shop.rows(SESSIONS)}, shop


def test_an_id_leads_to_its_customer_through_its_column_or_as_the_customers_own(tmp_path):
    found, _ = visits(
        tmp_path, [{"customer_id": "0017", "visitor_id": ""}, {"customer_id": "c-2", "visitor_id": "0018"}]
    )
    assert found == {"0017": ("0017", True), "0018": ("c-2", True)}


def test_an_id_that_two_customers_have_leads_to_one_of_them_and_is_reported(tmp_path):
    customers = [{"customer_id": name, "visitor_id": "0017"} for name in ("c-2", "c-1", "c-3")]
    found, shop = visits(tmp_path, customers)
    assert found == {"0017": ("c-1", True), "0018": ("0018", False)}
    assert "1 id leads to several customers, of whom the first by id counts" in verdict(shop, "join_coverage").text


def test_a_session_without_the_id_that_is_asked_for_has_no_customer(tmp_path):
    found, _ = visits(tmp_path, [{"customer_id": "u1"}], customer="user_id")
    assert found == {"0017": ("u1", True), "0018": (None, False)}


# --- what is a purchase --------------------------------------------------------------------------------------------------------------


def selling(tmp_path, *sessions, **settings):
    shop = SmallShop(tmp_path, datasets={"sessions": made_exports.SESSIONS}, analytics=settings)
    shop.deliver("sessions/ga.jsonl", lines(*sessions))
    shop.build(features=False)
    return shop


def test_the_tutorials_purchases_are_clicks_and_each_is_one_unit(tmp_path):
    clicked = hit(1, product("P1", 5.0), product("P1", 5.0), kind="EVENT", action="1")
    bought = hit(2, product("P2", 2.5, quantity=4, revenue=10), action="6", order="ORD1")
    shop = selling(tmp_path, session("7", 1, clicked, bought), purchases="tutorial")
    assert [(row["product_id"], row["quantity"], row["line_total"]) for row in shop.rows(PURCHASES)] == [
        ("P1", Decimal(1), Decimal(5)),
        ("P1", Decimal(1), Decimal(5)),
    ]
    assert account(shop, PURCHASES)["no hit of type EVENT"] == 1
    shop.set(datasets={"sessions": made_exports.SESSIONS}, analytics={"purchases": "transactions"})
    shop.build(features=False)
    assert [(row["order_id"], row["product_id"], row["line_total"]) for row in shop.rows(PURCHASES)] == [
        ("ORD1", "P2", Decimal(10))
    ]


def test_a_price_that_is_not_stated_is_what_the_units_came_to_divided_among_them(tmp_path):
    bought = {**product(quantity=3, revenue=10.0), "productPrice": None}
    shop = selling(tmp_path, session("7", 1, hit(1, bought, action="6", order="O")), purchases="transactions")
    (row,) = shop.rows(PURCHASES)
    assert (row["unit_price"], row["line_total"]) == (Decimal("3.3333"), Decimal("9.9999"))


def test_a_page_that_is_loaded_again_the_next_day_does_not_sell_again(tmp_path):
    confirmed = [product(quantity=1, revenue=12.99), product("P2", 1.0, quantity=1, revenue=1.0)]
    first = session("7", 1, hit(1, *confirmed, action="6", order="ORD1"))
    again = session("7", 2, hit(1, *confirmed, action="6", order="ORD1"), started=made_exports.STARTED + 86_400)
    shop = selling(tmp_path, again, first, purchases="transactions")
    assert [(row["product_id"], row["ordered_at"].day) for row in shop.rows(PURCHASES)] == [("P1", 1), ("P2", 1)]
    assert account(shop, PURCHASES)["the order again in a later hit or event"] == 2


def test_the_numbers_of_documents_mean_nothing_in_a_transaction_id(tmp_path):
    """A till's C7 is a cancellation; a web shop's transaction C7 is a sale like any other."""
    shop = SmallShop(tmp_path, datasets={"purchases": {}, "sessions": made_exports.SESSIONS}, analytics=BY_TRANSACTION)
    shop.deliver("purchases/till.csv", [line("C7", quantity="-1"), line("8")])
    shop.deliver(
        "sessions/ga.jsonl",
        lines(session("7", 1, hit(1, product(quantity=1, revenue=12.99), action="6", order="C9"))),
    )
    shop.build(features=False)
    kinds = {row["order_id"]: row["line_kind"] for row in shop.rows(PURCHASES)}
    assert kinds == {"8": "sale", "C7": "cancellation", "C9": "sale"}
    assert [row["customer_id"] for row in shop.rows(CUSTOMERS)] == ["7", "ann"]


def test_a_project_without_analytics_has_nothing_of_it(tmp_path):
    shop = SmallShop(tmp_path)
    shop.deliver("purchases/till.csv", [line()])
    shop.build(features=False)
    assert shop.rows(SESSIONS) == shop.rows(PRODUCT_EVENTS) == []
    assert not {"sessions", "product_events"} & {row["name"] for row in shop.rows(BUILDS)}
    before = {row["name"]: row["fingerprint"] for row in shop.rows(BUILDS)}
    # Sessions that do not sell leave the purchases as they are built.
    shop.deliver(
        "sessions/visits.csv", [{"visit_id": "1", "visitor_id": "7", "started_at": "2025-03-01", "product_id": "mug"}]
    )
    shop.build(features=False)
    after = {row["name"]: row["fingerprint"] for row in shop.rows(BUILDS)}
    assert len(shop.rows(SESSIONS)) == 1
    assert {name: after[name] for name in before} == before


def test_tables_of_analytics_are_emptied_with_the_last_of_their_drops(tmp_path):
    shop = selling(tmp_path, session("7", 1, hit(1, product(quantity=1, revenue=1.0), action="6", order="O")), **BY_TRANSACTION)  # fmt: skip
    assert len(shop.rows(PURCHASES)) == 1
    shop.set(datasets={"purchases": {}})
    run = Run("later", NOW)
    for stage in (analytics_stage.sessions, analytics_stage.product_events, sales_stage.purchases):
        stage(shop.warehouse, shop.settings, run)
    assert shop.rows(SESSIONS) == shop.rows(PRODUCT_EVENTS) == shop.rows(PURCHASES) == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"datasets": {"sessions": {}}}, '[analytics] purchases = "transactions"'),
        ({"datasets": {"events": {}}, "analytics": {"purchases": "tutorial"}}, "add [datasets.sessions]"),
        ({"analytics": {"customer": "email"}}, "customer"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_with_a_remedy(tmp_path, document, words):
    with pytest.raises(SettingsError) as refused:
        parse_settings(document, root=tmp_path)
    assert words in str(refused.value)
