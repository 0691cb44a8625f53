"""A MongoDB's collections as datasets, through the real pymongo over TCP; behind the wire answers mongomock (see `mongo_server`)."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from bson import Decimal128, Int64, ObjectId

from sahara_assets.extracts import mongo
from sahara_assets.extracts.extracting import extract_all
from sahara_assets.tables.sales import CUSTOMERS, PURCHASES
from sahara_assets_tests.extracts.mongo_server import MongoServer
from sahara_assets_tests.small_shop import SmallShop

NOW = datetime(2026, 1, 1)
START = datetime(2025, 3, 1, 10, tzinfo=UTC)

ORDERS = {
    "explode": "items",
    "columns": {
        "order_id": "orderId", "customer_id": "userId", "product_id": "items.sku", "quantity": "items.quantity",
        "unit_price": "items.price", "ordered_at": "placedAt",
    },
}  # fmt: skip


@pytest.fixture
def server():
    running = MongoServer()
    yield running
    running.close()


@pytest.fixture
def shop_of(tmp_path, server):
    opened = []

    def shop(**extract):
        declared = {
            "dataset": "purchases",
            "url": server.url,
            "collection": "orders",
            "watermark": "updatedAt",
            "lookback": "10 minutes",
        }
        made = SmallShop(
            tmp_path,
            datasets={"purchases": ORDERS, "customers": {"columns": {"customer_id": "_id"}}},
            extracts={"orders": {**declared, **extract}},
        )
        opened.append(made)
        return made

    yield shop
    for made in opened:
        made.warehouse.close()


def order(number, minutes, *items, customer="ann"):
    return {
        "_id": f"o{number}", "orderId": number, "userId": customer, "placedAt": START,
        "updatedAt": START + timedelta(minutes=minutes),
        "items": [{"sku": sku, "quantity": quantity, "price": Decimal128("2.50")} for sku, quantity in items],
    }  # fmt: skip


def extracted(shop, **options):
    (outcome,) = extract_all(shop.settings, now=NOW, **options)
    return outcome


def bought(shop):
    shop.build(features=False)
    return Counter(
        (row["order_id"], row["product_id"], row["quantity"], row["unit_price"]) for row in shop.rows(PURCHASES)
    )


def line(number, sku, quantity):
    return (str(number), sku, Decimal(quantity), Decimal("2.50"))


def test_orders_come_with_their_items_and_a_changed_one_replaces_what_it_said(server, shop_of):
    orders = server.database["orders"]
    orders.insert_many([order(1, 0, ("mug", 1), ("cup", 2)), order(2, 60, ("mug", Int64(3)))])
    shop = shop_of()
    outcome = extracted(shop)
    assert (outcome.error, outcome.rows, outcome.files) == ("", 2, 1)
    assert bought(shop) == Counter([line(1, "mug", 1), line(1, "cup", 2), line(2, "mug", 3)])
    orders.replace_one({"_id": "o1"}, order(1, 120, ("mug", 5)))  # one item changed, the other taken off
    assert extracted(shop).files == 1
    assert bought(shop) == Counter([line(1, "mug", 5), line(2, "mug", 3)])
    assert extracted(shop).files == 0


def test_a_document_that_becomes_visible_late_is_found_within_the_lookback(server, shop_of):
    orders = server.database["orders"]
    orders.insert_one(order(1, 60, ("mug", 1)))
    shop = shop_of()
    extracted(shop)
    orders.insert_one(order(2, 51, ("cup", 1)))
    orders.insert_one(order(3, 49, ("cup", 9)))  # older than is looked back: this is what the lookback is for
    extracted(shop)
    assert bought(shop) == Counter([line(1, "mug", 1), line(2, "cup", 1)])
    assert extracted(shop, anew=True).rows == 3
    assert bought(shop) == Counter([line(1, "mug", 1), line(2, "cup", 1), line(3, "cup", 9)])


def test_a_document_that_changes_under_a_running_cursor_counts_once(server, shop_of, monkeypatch):
    monkeypatch.setattr(mongo, "_FETCHED", 2)
    orders = server.database["orders"]
    orders.insert_many([order(number, number, ("mug", 1)) for number in range(1, 8)])
    shop = shop_of()
    changed = iter([1, 6])

    def change():
        if (number := next(changed, None)) is not None:
            orders.replace_one({"_id": f"o{number}"}, order(number, 500, ("mug", 9)))

    server.on_batch = change
    extracted(shop)
    server.on_batch = lambda: None
    extracted(shop)
    assert bought(shop) == Counter([line(n, "mug", 9 if n in {1, 6} else 1) for n in range(1, 8)])


def test_ids_of_mongodb_are_a_watermark_too(server, shop_of):
    people = server.database["people"]
    first, second = (ObjectId.from_datetime(START + timedelta(hours=hours)) for hours in (0, 1))
    people.insert_many([{"_id": first, "country": "UK"}, {"_id": second, "country": "FR"}])
    shop = shop_of(dataset="customers", collection="people", watermark="_id")
    assert extracted(shop).rows == 2
    # Made by another machine within the same second, and below the newest.
    same_second = ObjectId(second.binary[:4] + b"\0" * 7 + b"\1")
    people.insert_one({"_id": same_second, "country": "TR"})
    assert extracted(shop).rows == 2
    assert extracted(shop).files == 0
    shop.build(features=False)
    found = {row["customer_id"]: row["country"] for row in shop.rows(CUSTOMERS)}
    assert found == {str(first): "UK", str(second): "FR", str(same_second): "TR"}


def test_documents_without_the_field_are_said(server, shop_of):
    without = order(2, 0, ("mug", 1))
    del without["updatedAt"]
    server.database["orders"].insert_many([order(1, 0, ("mug", 1)), without])
    assert extracted(shop_of()).notices == ("1 row has no updatedAt, by which alone rows are found",)


def test_a_field_of_two_kinds_is_refused(server, shop_of):
    odd = {**order(2, 0, ("mug", 1)), "updatedAt": "2025-03-01T10:00:00Z"}
    server.database["orders"].insert_many([order(1, 0, ("mug", 1)), odd])
    outcome = extracted(shop_of())
    assert "updatedAt holds values of different kinds (a text of a moment and a moment)" in outcome.error


def test_a_server_that_goes_away_in_the_middle_is_said_and_the_next_try_goes_on(server, shop_of, monkeypatch):
    monkeypatch.setattr(mongo, "_FETCHED", 3)
    monkeypatch.setattr(mongo, "_PATIENCE_MSEC", 500)
    server.database["orders"].insert_many([order(number, number, ("mug", 1)) for number in range(1, 10)])
    shop = shop_of()
    server.dies_after = 1
    failed = extracted(shop)
    assert failed.error.startswith("MongoDB says: ")
    assert (failed.rows, list((shop.root / "extracts" / "orders").glob("*.jsonl.gz*"))) == (0, [])
    server.dies_after = None
    assert extracted(shop).rows == 9
    assert sum(bought(shop).values()) == 9


def test_no_server_and_no_database_are_said_in_words(shop_of, server, monkeypatch):
    monkeypatch.setattr(mongo, "_PATIENCE_MSEC", 200)
    server.close()
    assert "Connection refused" in extracted(shop_of()).error
    assert (
        extracted(shop_of(url="mongodb://127.0.0.1:9")).error
        == "the URL names no database; write mongodb://HOST/DATABASE"
    )
    # For the fixture's own end.
    server.__init__()
