"""The real exports, read and built: hits, products, events and sessions, against Python's own reading of the files and known totals."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sahara_assets.quality.checklist import run_checks
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS
from sahara_assets.tables.books import DROPS, STEP_COUNTS
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PURCHASES
from sahara_assets_tests.analytics.real_exports import (
    GA4_FILE,
    GA360_FILE,
    READINGS,
    SAHARA_FILE,
    STORE_FILE,
    content_of,
    documents_of,
)
from sahara_assets_tests.drops.drop_desk import Desk, assert_conserved
from sahara_assets_tests.small_shop import SmallShop

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def desk():
    made = Desk()
    yield made
    made.close()


def shop_of(folder, files, datasets, **settings):
    """A shop that holds some real files, built down to customers; the name that each is delivered under is its dataset."""
    for path in files.values():
        content_of(path)
    shop = SmallShop(folder, datasets=datasets, **settings)
    for dataset, path in files.items():
        shutil.copy(path, shop.folder / f"{dataset}_{path.name}")
    shop.build(features=False)
    return shop


@pytest.fixture(scope="module")
def ga360(tmp_path_factory):
    return shop_of(
        tmp_path_factory.mktemp("ga360"),
        {"sessions": GA360_FILE},
        {"sessions": READINGS["ga360"]},
        project={"time_zone": "America/Los_Angeles", "currency": "USD"},
        analytics={"purchases": "transactions"},
    )


@pytest.fixture(scope="module")
def ga360_rows(ga360):
    return ga360.rows(RAW_TABLES["sessions"])


@pytest.fixture(scope="module")
def ga4(tmp_path_factory):
    datasets = {"events": READINGS["ga4"]}
    analytics = {"purchases": "transactions"}
    return shop_of(tmp_path_factory.mktemp("ga4"), {"events": GA4_FILE}, datasets, analytics=analytics)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    customers = {"columns": {"customer_id": "fullVisitorId"}}
    return shop_of(
        tmp_path_factory.mktemp("store"),
        {"sessions": STORE_FILE, "customers": STORE_FILE.with_name("gms_crm.csv")},
        {"sessions": READINGS["store"], "customers": customers},
        analytics={"purchases": "transactions", "order": "session"},
    )


@pytest.fixture(scope="module")
def sahara(tmp_path_factory):
    return shop_of(
        tmp_path_factory.mktemp("sahara"),
        {"sessions": SAHARA_FILE, "customers": SAHARA_FILE.with_name("crm_user.csv")},
        {"purchases": {}, "sessions": READINGS["sahara"], "customers": {"columns": {"customer_id": "User_ID"}}},
        analytics={"customer": "user_id"},
    )


def only(shop, **where):
    """The number of a shop's rejects, and its one drop of a dataset."""
    (row,) = [row for row in shop.rows(DROPS) if all(row[name] == value for name, value in where.items())]
    return row


def verdicts_of(shop):
    return {verdict.name: verdict for verdict in run_checks(shop.warehouse, shop.settings)}


# --- what the reader takes in ------------------------------------------------------------------------------------------------------


def test_every_product_row_of_every_hit_of_every_session_is_read(ga360, ga360_rows):
    drop = only(ga360, dataset="sessions")
    sessions, hits, products = set(), set(), 0
    for row in ga360_rows:
        session = (row["visitor_id"], row["visit_id"])
        sessions.add(session)
        hits.add((session, row["hit_number"]))
        products += row["product_id"] is not None
    assert (len(sessions), len(hits), products) == (1_830, 12_001, 58_664)
    # 3,264 hits show no product: they are rows too.
    assert (drop["rows_read"], drop["rows_loaded"], drop["rows_rejected"]) == (58_664 + 3_264, 58_664 + 3_264, 0)


def test_what_is_said_of_a_product_row_is_what_the_document_says(ga360_rows):
    documents = documents_of(GA360_FILE)
    rows = iter(ga360_rows)
    for session in documents:
        for hit in session["hits"]:
            for product in hit["product"] or [None]:
                row = next(rows)
                began = datetime.fromtimestamp(session["visitStartTime"], UTC).replace(tzinfo=None)
                assert (row["visitor_id"], row["started_at"]) == (session["fullVisitorId"], began)
                assert (row["hit_count"], row["page_views"]) == (
                    session["totals"]["hits"],
                    session["totals"]["pageviews"],
                )
                assert (row["hit_number"], row["hit_type"]) == (hit["hitNumber"], hit["type"])
                price = product["productPrice"] if product else None
                assert row["unit_price"] == (None if price is None else Decimal(price) / 1_000_000)
                assert row["product_id"] == (product["productSKU"] if product else None)
    assert next(rows, None) is None


def test_money_comes_from_millionths(ga360_rows):
    bought = [row for row in ga360_rows if row["action"] == "6" and row["quantity"] is not None]
    assert len(bought) == 70
    assert sum(row["unit_price"] * row["quantity"] for row in bought) == Decimal("3721.36")
    revenues = [
        Decimal(product["productRevenue"]) / 1_000_000
        for session in documents_of(GA360_FILE)
        for hit in session["hits"]
        for product in hit["product"]
        if product["productRevenue"] is not None
    ]
    assert sum(revenues) == Decimal("3933.359991")
    assert [row["product_revenue"] for row in bought] == [round(revenue, 4) for revenue in revenues]


def test_days_are_the_propertys_and_moments_are_utc(ga360_rows):
    days = {(row["visitor_id"], row["visit_id"]): (row["visit_date"], row["started_at"]) for row in ga360_rows}
    assert sum(day != started.date() for day, started in days.values()) == 450
    assert min(day for day, _ in days.values()) == date(2016, 8, 1)
    assert Counter(day for day, _ in days.values()).most_common(1)[0][1] == 5


def test_leading_zeros_of_visitors_stay(ga360_rows):
    visitors = {session["fullVisitorId"] for session in documents_of(GA360_FILE)}
    assert {row["visitor_id"] for row in ga360_rows} == visitors
    assert sum(visitor.startswith("0") for visitor in visitors) == 174


def test_every_path_of_the_known_exports_is_one_of_their_schemas(ga360, ga4):
    # The sample of 4 has no items; a client id and a channel are no names of its schema.
    assert json.loads(only(ga360, dataset="sessions")["absent_columns"]) == []
    items = {"product_id", "description", "category", "quantity", "unit_price", "product_revenue"}
    assert set(json.loads(only(ga4, dataset="events")["absent_columns"])) == {"client_id", "channel", *items}


def test_every_event_is_read_with_its_session_and_engagement(ga4):
    drop = only(ga4, dataset="events")
    assert (drop["rows_read"], drop["rows_loaded"]) == (460, 460)
    rows = ga4.rows(RAW_TABLES["events"])
    assert len({row["visitor_id"] for row in rows}) == 114
    first = documents_of(GA4_FILE)[0]
    assert rows[0]["happened_at"] == datetime.fromtimestamp(first["event_timestamp"] / 1e6, UTC).replace(tzinfo=None)


@pytest.mark.parametrize("name", ["ga360", "ga4"])
def test_parquet_of_the_same_documents_gives_the_same_rows(desk, name):
    path, dataset = (GA360_FILE, "sessions") if name == "ga360" else (GA4_FILE, "events")
    documents = documents_of(path)[:250]
    out = BytesIO()
    pq.write_table(pa.Table.from_pylist(documents), out)
    text = "\n".join(map(json.dumps, documents))
    as_json, as_parquet = desk.load_all(text, out.getvalue(), dataset=dataset, **READINGS[name])
    for loaded in (as_json, as_parquet):
        assert loaded.reading.refusal is None
        assert_conserved(loaded)
    assert len(as_json.rows) > 250 if name == "ga360" else len(as_json.rows) == 250
    assert [row["_line_hash"] for row in as_parquet.values] == [row["_line_hash"] for row in as_json.values]


# --- Google Analytics 360 ------------------------------------------------------------------------------------------------------------


def test_sessions_of_360_are_told_once(ga360):
    rows = ga360.rows(SESSIONS)
    documents = documents_of(GA360_FILE)
    assert len(rows) == 1_830
    assert len({row["visitor_id"] for row in rows}) == 1_804
    assert sum(row["hit_count"] for row in rows) == sum(d["totals"]["hits"] for d in documents)
    assert sum(row["page_views"] or 0 for row in rows) == sum(d["totals"]["pageviews"] or 0 for d in documents)
    assert sum(row["session_revenue"] or 0 for row in rows) == Decimal("3936.8200")
    assert sum(row["transactions"] or 0 for row in rows) == 40
    assert sum(row["product_rows"] for row in rows) == 58_664
    assert all(row["customer_id"] == row["visitor_id"] and not row["is_customer"] for row in rows)


def test_every_product_row_says_what_was_done(ga360):
    rows = ga360.rows(PRODUCT_EVENTS)
    assert Counter(row["action"] for row in rows) == {
        "impression": 54_675, "click": 1_652, "detail": 1_306, "checkout": 488, "add": 358, "purchase": 140, "remove": 45,
    }  # fmt: skip


def test_an_order_whose_confirmation_is_two_hits_counts_once(ga360):
    lines, orders = ga360.rows(PURCHASES), ga360.rows(ORDERS)
    assert (len(lines), len(orders)) == (70, 40)
    assert sum(row["line_total"] for row in lines) == Decimal("3721.3600")
    assert len(ga360.rows(CUSTOMERS)) == len({row["customer_id"] for row in lines})
    account = {row["reason"]: row["row_count"] for row in ga360.rows(STEP_COUNTS) if row["table_name"] == "purchases"}
    assert account["no quantity, as on the second hit of a confirmation"] == 70
    assert account["in: product_events"] == 58_664


def test_days_agree_in_the_propertys_zone_and_in_no_other(ga360):
    verdict = verdicts_of(ga360)["days_agree"]
    assert verdict.passed
    ga360.warehouse.reader.execute("BEGIN")
    ga360.warehouse.reader.execute("UPDATE sessions SET started_on = CAST(started_at AS DATE)")
    verdict = verdicts_of(ga360)["days_agree"]
    ga360.warehouse.reader.execute("ROLLBACK")
    assert not verdict.passed
    assert verdict.text.startswith("450 of 1,830 sessions began on another day")


def test_the_tutorials_rule_counts_its_clicks(ga360):
    before = ga360.settings
    ga360.settings = before.model_copy(
        update={"analytics": before.analytics.model_copy(update={"purchases": "tutorial"})}
    )
    ga360.build(features=False)
    found = [row for row in ga360.rows(PURCHASES) if row["country"] == "United States"]
    ga360.settings = before
    ga360.build(features=False)
    assert (len(found), len({row["customer_id"] for row in found})) == (1_369, 338)
    spent = defaultdict(Decimal)
    for row in found:
        spent[row["customer_id"]] += row["line_total"]
    with GA360_FILE.with_name("tutorial_features_expected.csv").open(encoding="utf-8") as stream:
        expected = {
            row["v"]: Decimal(row["productPrice_USD"]).quantize(Decimal("0.01")) for row in csv.DictReader(stream)
        }
    assert spent == expected


# --- Google Analytics 4 --------------------------------------------------------------------------------------------------------------


def test_sessions_of_4_are_told_by_user_and_session(ga4):
    rows = ga4.rows(SESSIONS)
    assert (len(rows), len({row["visitor_id"] for row in rows})) == (130, 114)
    assert sum(row["hit_count"] for row in rows) == 460
    assert sum(row["page_views"] for row in rows) == 151
    assert sum(row["engagement_msec"] or 0 for row in rows) == 1_889_345
    assert {row["client_id"] == row["visitor_id"] for row in rows} == {True}
    assert ga4.rows(PRODUCT_EVENTS) == ga4.rows(PURCHASES) == []


# --- the Merchandise Store's flat file -----------------------------------------------------------------------------------------------


def test_session_totals_that_repeat_on_every_product_row_are_counted_once(store):
    raw = store.rows(RAW_TABLES["sessions"])
    assert len(raw) == 16_000
    rows = store.rows(SESSIONS)
    assert (len(rows), len({row["visitor_id"] for row in rows})) == (5_134, 4_557)
    assert sum(row["session_revenue"] for row in rows) == Decimal("845122.5500")
    transactions, naive = Counter(), Counter()
    for row in rows:
        transactions[row["visitor_id"]] += row["transactions"]
    for row in raw:
        naive[row["visitor_id"]] += row["transactions"]
    assert sum(count > 1 for count in transactions.values()) == 461
    assert sum(count > 1 for count in naive.values()) == 2_944
    assert verdicts_of(store)["totals_agree"].passed


def test_purchases_of_the_store_come_to_the_product_revenue(store):
    products = store.rows(PRODUCT_EVENTS)
    assert len(products) == 16_000
    assert round(sum(row["product_revenue"] for row in products), 2) == Decimal("846047.64")
    lines = store.rows(PURCHASES)
    assert len(lines) == 16_000
    # Prices have four decimals here and up to eight in the file.
    assert abs(sum(row["line_total"] for row in lines) - Decimal("846047.64")) < 1
    assert len(store.rows(ORDERS)) == 5_134
    assert len({row["customer_id"] for row in lines}) == 4_557
    # The template that nobody filled in is no category.
    assert sum(row["category"] is None for row in lines) == 183


def test_a_customer_file_that_lost_leading_zeros_is_found_out(store):
    verdict = verdicts_of(store)["join_coverage"]
    assert not verdict.passed
    assert "4,101 of 4,557 visitor_ids of the sessions are customers (90.0%)" in verdict.text
    assert "without leading zeros it would be 4,557" in verdict.text


def test_stripped_of_leading_zeros_on_both_sides_every_visitor_is_a_customer(tmp_path):
    stripped = {"normalise": {"visitor_id": ["strip_leading_zeros"]}}
    customers = {"columns": {"customer_id": "fullVisitorId"}, "normalise": {"customer_id": ["strip_leading_zeros"]}}
    shop = shop_of(
        tmp_path,
        {"sessions": STORE_FILE, "customers": STORE_FILE.with_name("gms_crm.csv")},
        {"purchases": {}, "sessions": READINGS["store"] | stripped, "customers": customers},
    )
    verdict = verdicts_of(shop)["join_coverage"]
    assert verdict.passed
    assert verdict.metadata["ids"] == verdict.metadata["known_ids"] == 4_557


def test_what_else_buyers_of_youtube_products_bought_in_that_month(store):
    july = [row for row in store.rows(PURCHASES) if (row["ordered_on"].year, row["ordered_on"].month) == (2017, 7)]
    buyers = {row["customer_id"] for row in july if "YouTube" in row["description"]}
    units = Counter()
    for row in july:
        if row["customer_id"] in buyers and "YouTube" not in row["description"]:
            units[row["description"]] += int(row["quantity"])
    assert units.most_common(3) == [
        ("Sport Bag", 508),
        ("Google Spiral Journal with Pen", 502),
        ("Google 22 oz Water Bottle", 369),
    ]


# --- the Sahara example's flat file --------------------------------------------------------------------------------------------------


def test_the_sahara_sessions_lead_to_hardly_any_customer_and_that_is_said(sahara):
    rows = sahara.rows(SESSIONS)
    assert (len(rows), len({row["user_id"] for row in rows})) == (1_000, 950)
    assert sum(row["is_customer"] for row in rows) == 22
    verdict = verdicts_of(sahara)["join_coverage"]
    assert not verdict.passed
    assert (
        "21 of 950 user_ids of the sessions are customers (2.2%), and 21 of 1,000 customers have a session (2.1%)"
        in verdict.text
    )
    assert "do sessions and customers mean the same id?" in verdict.text
