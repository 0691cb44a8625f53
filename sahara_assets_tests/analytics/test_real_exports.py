"""The real exports as the reader takes them in: every hit, product and event, counted against Python's own reading of the files."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sahara_assets.onboarding.known_exports import GA4, GA360
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

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def desk():
    made = Desk()
    yield made
    made.close()


@pytest.fixture(scope="module")
def ga360(desk):
    return desk.load(content_of(GA360_FILE), dataset="sessions", **READINGS["ga360"])


@pytest.fixture(scope="module")
def ga4(desk):
    return desk.load(content_of(GA4_FILE), dataset="events", **READINGS["ga4"])


def test_every_product_row_of_every_hit_of_every_session_is_read(ga360):
    assert_conserved(ga360)
    assert ga360.rejects == {}
    sessions, hits, products = set(), set(), 0
    for row in ga360.values:
        session = (row["visitor_id"], row["visit_id"])
        sessions.add(session)
        hits.add((session, row["hit_number"]))
        products += row["product_id"] is not None
    assert (len(sessions), len(hits), products) == (1_830, 12_001, 58_664)
    # 3,264 hits show no product: they are rows too.
    assert ga360.reading.rows_read == 58_664 + 3_264


def test_what_is_said_of_a_product_row_is_what_the_document_says(ga360):
    documents = documents_of(GA360_FILE)
    rows = iter(ga360.values)
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


def test_money_comes_from_millionths(ga360):
    bought = [row for row in ga360.values if row["action"] == "6" and row["quantity"] is not None]
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


def test_days_are_the_propertys_and_moments_are_utc(ga360):
    days = {(row["visitor_id"], row["visit_id"]): (row["visit_date"], row["started_at"]) for row in ga360.values}
    assert sum(day != started.date() for day, started in days.values()) == 450
    assert min(day for day, _ in days.values()) == date(2016, 8, 1)
    assert Counter(day for day, _ in days.values()).most_common(1)[0][1] == 5


def test_the_tutorials_filter_finds_its_rows_and_visitors(ga360):
    found = [
        row
        for row in ga360.values
        if row["country"] == "United States" and row["hit_type"] == "EVENT" and row["product_id"] is not None
    ]
    assert (len(found), len({row["visitor_id"] for row in found})) == (1_369, 338)


def test_leading_zeros_of_visitors_stay(ga360):
    visitors = {session["fullVisitorId"] for session in documents_of(GA360_FILE)}
    assert {row["visitor_id"] for row in ga360.values} == visitors
    assert sum(visitor.startswith("0") for visitor in visitors) == 174


def test_every_path_of_the_known_exports_is_one_of_their_schemas(ga360, ga4):
    # The sample of 4 has no items; a client id and a channel are no names of its schema.
    assert ga360.reading.layout.absent == ()
    items = {"product_id", "description", "category", "quantity", "unit_price", "product_revenue"}
    assert set(ga4.reading.layout.absent) == {"client_id", "channel", *items}


def test_every_event_is_read_with_its_session_and_engagement(ga4):
    assert_conserved(ga4)
    assert ga4.rejects == {}
    rows = ga4.values
    assert len(rows) == 460
    assert len({row["visitor_id"] for row in rows}) == 114
    assert len({(row["visitor_id"], row["visit_id"]) for row in rows}) == 130
    assert sum(row["engagement_msec"] or 0 for row in rows) == 1_889_345
    assert Counter(row["event_name"] for row in rows)["page_view"] == 151
    first = documents_of(GA4_FILE)[0]
    assert rows[0]["happened_at"] == datetime.fromtimestamp(first["event_timestamp"] / 1e6, UTC).replace(tzinfo=None)


@pytest.mark.parametrize(("path", "dataset", "export"), [(GA360_FILE, "sessions", GA360), (GA4_FILE, "events", GA4)])
def test_parquet_of_the_same_documents_gives_the_same_rows(desk, path, dataset, export, request):
    as_json = request.getfixturevalue("ga360" if export is GA360 else "ga4")
    # Nulls all through have no type in Arrow; the columns that are mapped have values, or are null on both sides.
    table = pa.Table.from_pylist(documents_of(path))
    out = BytesIO()
    pq.write_table(table, out)
    name = "ga360" if export is GA360 else "ga4"
    as_parquet = desk.load(out.getvalue(), dataset=dataset, **READINGS[name])
    assert as_parquet.reading.refusal is None
    assert as_parquet.reading.rows_read == as_json.reading.rows_read
    assert [row["_line_hash"] for row in as_parquet.values] == [row["_line_hash"] for row in as_json.values]


def test_session_totals_repeat_on_every_product_row_of_the_store(desk):
    loaded = desk.load(content_of(STORE_FILE), dataset="sessions", **READINGS["store"])
    assert_conserved(loaded)
    assert len(loaded.rows) == 16_000
    totals = {(row["visitor_id"], row["visit_id"]): row["session_revenue"] for row in loaded.values}
    assert len({visitor for visitor, _ in totals}) == 4_557
    assert (len(totals), sum(totals.values())) == (5_134, Decimal("845122.55"))
    assert sum(row["session_revenue"] for row in loaded.values) > 2 * sum(totals.values())
    assert sum(row["category"] is None for row in loaded.values) == 183


def test_the_flat_sessions_of_the_sahara_example(desk):
    loaded = desk.load(content_of(SAHARA_FILE), dataset="sessions", **READINGS["sahara"])
    assert_conserved(loaded)
    assert loaded.rejects == {}
    assert (len(loaded.rows), len({row["user_id"] for row in loaded.values})) == (1_000, 950)
