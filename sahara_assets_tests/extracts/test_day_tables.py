"""BigQuery's day tables as drops, through Google's own client against the fake in this repository."""

import gzip
import json
from datetime import datetime

import pytest

from sahara_assets.extracts.extracting import extract_all
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS
from sahara_assets_tests.small_shop import SmallShop

NOW = datetime(2026, 1, 1)
EVENTS = {
    "explode": "items",
    "date_formats": ["epoch_microseconds"],
    "columns": {
        "happened_at": "event_timestamp", "visitor_id": "user_pseudo_id", "visit_id": "event_params[ga_session_id].value.int_value",
        "order_id": "ecommerce.transaction_id", "product_id": "items.item_id", "quantity": "items.quantity", "unit_price": "items.price",
    },
}  # fmt: skip
TABLE = """CREATE TABLE `test-project.shop.events_{day}` (
  event_name STRING, event_timestamp INT64, user_pseudo_id STRING, ecommerce STRUCT<transaction_id STRING>,
  event_params ARRAY<STRUCT<key STRING, value STRUCT<string_value STRING, int_value INT64>>>,
  items ARRAY<STRUCT<item_id STRING, quantity INT64, price FLOAT64>>)"""
ROW = """INSERT INTO `test-project.shop.events_{day}` SELECT 'purchase', {at}, 'v1', STRUCT('{order}' AS transaction_id),
  [STRUCT('ga_session_id' AS key, STRUCT(CAST(NULL AS STRING) AS string_value, 7 AS int_value) AS value)],
  [STRUCT('mug' AS item_id, {quantity} AS quantity, 2.5 AS price), STRUCT('cup' AS item_id, 1 AS quantity, 1.5 AS price)]"""


@pytest.fixture
def client(fake_bigquery, monkeypatch):
    from google.cloud import bigquery

    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", fake_bigquery.address)
    with fake_bigquery.client("test-project") as client:
        dataset = bigquery.Dataset("test-project.shop")
        dataset.location = "EU"
        client.create_dataset(dataset)
        yield client


@pytest.fixture
def shop(tmp_path, client):
    extract = {
        "dataset": "events",
        "url": "bigquery://test-project/shop?location=EU",
        "table": "events_*",
        "lookback": "3 days",
    }
    made = SmallShop(tmp_path, datasets={"purchases": {}, "events": EVENTS}, extracts={"ga4": extract})
    yield made
    made.warehouse.close()


def day(client, name, *rows):
    client.query_and_wait(TABLE.format(day=name))
    for row in rows:
        insert(client, name, *row)


def insert(client, name, at, order, quantity):
    client.query_and_wait(ROW.format(day=name, at=at * 1_000_000, order=order, quantity=quantity))


def extracted(shop):
    (outcome,) = extract_all(shop.settings, now=NOW)
    return outcome


def bought(shop):
    shop.build(features=False)
    return sorted((row["order_id"], row["product_id"], row["quantity"]) for row in shop.rows(PRODUCT_EVENTS))


def test_nested_days_become_sessions_and_product_events_and_a_rewritten_day_replaces_what_it_said(client, shop):
    day(client, "20260101", (1767261600, "A", 1))
    day(client, "20260102", (1767348000, "B", 2))
    day(client, "intraday_20260103", (1767434400, "C", 3))
    outcome = extracted(shop)
    assert (outcome.error, outcome.files, outcome.rows) == ("", 2, 2)
    assert bought(shop) == [("A", "cup", 1), ("A", "mug", 1), ("B", "cup", 1), ("B", "mug", 2)]
    assert len(shop.rows(SESSIONS)) == 1
    assert extracted(shop).files == 0
    insert(client, "20260102", 1767348060, "D", 4)
    assert (extracted(shop).files, len(bought(shop))) == (1, 6)
    with gzip.open(shop.root / "extracts" / "ga4" / "events_20260101.jsonl.gz") as part:
        (row,) = map(json.loads, part)
    assert row["items"][0] == {"item_id": "mug", "quantity": 1, "price": 2.5}
    assert row["event_params"][0]["value"] == {"string_value": None, "int_value": 7}


def test_days_beyond_the_lookback_are_not_asked_again(client, shop, fake_bigquery):
    for number in range(1, 9):
        day(client, f"2026010{number}", (1767261600 + 86_400 * number, f"o{number}", 1))
    extracted(shop)
    fake_bigquery.faults.reset_counts()
    extracted(shop)
    assert fake_bigquery.faults.counts["tables.get"] == 4  # the newest and three days back
    assert fake_bigquery.faults.counts.get("tabledata.list", 0) == 0


def test_a_dataset_that_is_not_there_is_said(shop, client):
    client.delete_dataset("shop")
    assert "Not found" in extracted(shop).error
