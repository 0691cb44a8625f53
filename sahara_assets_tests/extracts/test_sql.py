"""Any SQL database as a dataset: on a real Postgres, with its types, its transactions and its passwords, and on SQLite."""

import gzip
import json
import os
import tracemalloc
from collections import Counter
from contextlib import closing
from datetime import datetime
from decimal import Decimal

import psycopg2
import pytest

from sahara_assets.extracts import parts
from sahara_assets.extracts.extracting import extract_all
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.books import REJECTED_ROWS
from sahara_assets.tables.sales import PRODUCTS, PURCHASES
from sahara_assets_tests.extracts.counter_shop import CounterShop
from sahara_assets_tests.postgres_server import PASSWORD, binaries
from sahara_assets_tests.small_shop import SmallShop, line

NOW = datetime(2026, 1, 1)
ORIGIN = min(binaries())
LINES = """CREATE TABLE {schema}.order_lines (
  "Line Id" integer PRIMARY KEY, order_id text, customer_id text, product_id text, quantity numeric(12, 3), unit_price numeric(12, 4),
  ordered_at timestamptz, updated_at timestamptz, note jsonb, tags text[], seen date, photo bytea, big numeric)"""


@pytest.fixture
def counter(tmp_path):
    shop = CounterShop(tmp_path)
    yield shop
    shop.close()


class PostgresShop:
    """Order lines in a schema of a real server, and a project that reads them."""

    def __init__(self, root, server, schema, **extract):
        self.server, self.schema = server, schema
        server.execute(f"CREATE SCHEMA {schema}", LINES.format(schema=schema))
        declared = {
            "dataset": "purchases", "url": "env:SHOP_DB_URL", "table": f"{schema}.order_lines", "watermark": "updated_at", "lookback": "15 minutes",
        }  # fmt: skip
        self.shop = SmallShop(root)
        self.document = {
            "drops": {"folder": "drops"},
            "datasets": {"purchases": {}},
            "extracts": {"lines": {**declared, **extract}},
        }
        self.point_to(server.url(schema).partition("?")[0])

    def point_to(self, url):
        self.shop.settings = parse_settings(self.document, root=self.shop.root, environment={"SHOP_DB_URL": url})

    def connect(self):
        return closing(
            psycopg2.connect(
                host="127.0.0.1", port=self.server.port, user="sahara", password=PASSWORD, dbname="postgres"
            )
        )

    def insert(self, cursor, line_id, order, quantity, updated):
        cursor.execute(
            f'INSERT INTO {self.schema}.order_lines ("Line Id", order_id, customer_id, product_id, quantity, unit_price, ordered_at, updated_at) '
            "VALUES (%s, %s, 'ann', 'mug', %s, 2.5, '2025-03-01 10:00+01', %s)",
            (line_id, order, quantity, updated),
        )

    def extract(self, **options):
        (outcome,) = extract_all(self.shop.settings, now=NOW, **options)
        return outcome

    def bought(self):
        self.shop.build(features=False)
        return Counter((row["order_id"], row["quantity"]) for row in self.shop.rows(PURCHASES))


@pytest.fixture
def postgres(tmp_path, postgres_servers, schema):
    shop = PostgresShop(tmp_path, postgres_servers(ORIGIN), schema)
    yield shop
    shop.shop.warehouse.close()


def test_values_of_postgres_arrive_exactly(postgres):
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {postgres.schema}.order_lines VALUES (1, 'A', 'ann', 'mug', 1.125, 2.5000, '2025-03-01 10:00:00.123456+01', "
            "'2025-03-01 09:00+00', '{\"a\": [1, null]}', ARRAY['x', 'ü'], '2025-03-01', '\\xdead', 12345678901234567890.123456789)"
        )
        connection.commit()
    assert postgres.extract().error == ""
    (part,) = (postgres.shop.root / "extracts" / "lines").glob("*.jsonl.gz")
    text = gzip.decompress(part.read_bytes()).decode()
    assert '"quantity":1.125,"unit_price":2.5000,' in text
    assert '"big":12345678901234567890.123456789' in text
    found = json.loads(text)
    assert (found["Line Id"], found["note"], found["tags"], found["seen"], found["photo"]) == (
        1,
        {"a": [1, None]},
        ["x", "ü"],
        "2025-03-01",
        "dead",
    )
    assert datetime.fromisoformat(found["ordered_at"]) == datetime.fromisoformat("2025-03-01T09:00:00.123456+00:00")
    postgres.shop.build(features=False)
    (row,) = postgres.shop.rows(PURCHASES)
    assert (row["quantity"], row["unit_price"]) == (Decimal("1.125"), Decimal("2.5"))
    assert row["ordered_at"] == datetime(2025, 3, 1, 9, 0, 0, 123456)


def test_a_transaction_that_commits_late_is_read_within_the_lookback(postgres):
    """Its rows bear the time at which it began, below what another transaction has committed and the extract has read meanwhile."""
    with postgres.connect() as slow, slow.cursor() as late, postgres.connect() as quick, quick.cursor() as early:
        postgres.insert(late, 1, "A", 1, "2025-03-01 10:00+00")
        postgres.insert(early, 2, "A", 2, "2025-03-01 10:10+00")
        postgres.insert(early, 3, "B", 3, "2025-03-01 10:10+00")
        quick.commit()
        postgres.extract()
        assert postgres.bought() == Counter({("A", 2): 1, ("B", 3): 1})
        slow.commit()
    postgres.extract()
    assert postgres.bought() == Counter({("A", 1): 1, ("A", 2): 1, ("B", 3): 1})
    assert postgres.extract().files == 0


def test_the_password_is_never_shown_and_the_database_s_words_are(postgres):
    url = postgres.server.url(postgres.schema, password="wrong-secret").partition("?")[0]
    postgres.point_to(url)
    outcome = postgres.extract()
    assert "password authentication failed" in outcome.error
    assert "wrong-secret" not in repr(outcome) + repr(postgres.shop.settings)
    postgres.point_to(url.replace("postgresql://", "postgresql+nosuchdriver://"))
    assert "nosuchdriver" in postgres.extract().error
    postgres.point_to("")
    assert postgres.extract().error.startswith("extracts.lines.url: SHOP_DB_URL is not set")


def test_a_query_may_hold_what_looks_like_parameters(tmp_path, postgres_servers, schema):
    query = f"SELECT order_id, customer_id, product_id, quantity, unit_price, ordered_at, updated_at, '10% :start' AS remark FROM {schema}.order_lines WHERE quantity::integer > 1"
    postgres = PostgresShop(tmp_path, postgres_servers(ORIGIN), schema, table="", query=query)
    with postgres.connect() as connection, connection.cursor() as cursor:
        for number in (1, 2):
            postgres.insert(cursor, number, "A", number, "2025-03-01 10:00+00")
        connection.commit()
    assert [postgres.extract().error for _ in range(2)] == ["", ""]
    assert postgres.bought() == Counter({("A", 2): 1})
    postgres.shop.warehouse.close()


def test_equal_lines_of_an_order_are_two_units_also_where_they_came_at_different_times(counter):
    counter.put_line(1, 10)
    counter.extract_well()
    assert counter.taken_in() == counter.truth()
    counter.put_line(2, 90)  # the same in every column but the watermark, far beyond the lookback
    counter.extract_well()
    assert counter.taken_in() == counter.truth()


def test_an_extract_gives_way_to_nothing_flat_and_counts_beside_files(counter):
    """Order A is in a file and later in the database, whose statement of it is whole; order B is in the file only."""
    old = counter.shop.deliver("purchases.csv", [line("A", quantity="1"), line("A", product="cup"), line("B")])
    os.utime(old, (0, 0))
    counter.taken_in()
    counter.put_line(1, 10, "A", "mug", 4)
    counter.extract_well()
    lines, _ = counter.taken_in()
    assert lines == Counter({("A", "mug", 4): 1, ("B", "mug", 1): 1})


def test_lines_without_an_order_are_rejected_rather_than_lost(counter):
    counter.put_line(1, 10)
    counter.put_line(2, 11, order=None)
    counter.extract_well()
    counter.taken_in()
    assert [row["column_name"] for row in counter.shop.rows(REJECTED_ROWS)] == ["order_id"]
    assert counter.extract_well("lines")[0].files == 0


def test_rows_without_a_watermark_are_said(counter):
    counter.put_customer("ann", 1)
    counter.put_customer("bob", None)
    (outcome,) = counter.extract_well("people")
    assert outcome.notices == ("1 row has no changed, by which alone rows are found",)


def test_another_declaration_begins_at_the_start(counter):
    counter.put_customer("ann", 1)
    counter.put_customer("bob", 100)
    counter.extract_well("people")
    document = {
        "drops": {"folder": "drops"}, "datasets": {"purchases": {}, "customers": {}},
        "extracts": {"people": {"dataset": "customers", "url": "sqlite:///shop.db", "query": "SELECT customer_id, upper(country) AS country, changed FROM customers", "watermark": "changed", "lookback": 5}},
    }  # fmt: skip
    counter.shop.settings = parse_settings(document, root=counter.root)
    (outcome,) = counter.extract_well("people")
    assert (outcome.rows, outcome.notices) == (
        2,
        ("read from the start, because what is extracted was declared otherwise before",),
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"watermark": "changd"}, "there is no column 'changd'; there are customer_id, country, changed"),
        ({"watermark": "country"}, "the watermark holds 'UK', which is no moment, date or number"),
        ({"lookback": "5 minutes"}, "lookback is a span of time, but the watermark counts"),
        ({"table": "nobody"}, "the database says: no such table: nobody"),
        ({"url": "sqlite:///other.db"}, "there is no such SQLite file"),
        ({"dataset": "purchases"}, "no column is our order_id, which tells one document of purchases from another"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_other_extracts_go_on(counter, change, said):
    counter.put_customer("ann", 1)
    counter.put_line(1, 1)
    extract = {
        "dataset": "customers",
        "url": "sqlite:///shop.db",
        "table": "customers",
        "watermark": "changed",
        "lookback": 5,
    }
    good = {**extract, "dataset": "purchases", "table": "order_lines"}
    counter.shop.set(datasets={"purchases": {}, "customers": {}}, extracts={"bad": {**extract, **change}, "good": good})
    counter.extract()  # a lookback shows when there is a watermark to look back from
    bad, fine = counter.extract()
    assert said in bad.error
    assert fine.error == ""
    assert not (counter.root / "other.db").exists()


def test_a_row_dated_years_ahead_hides_nothing(postgres):
    with postgres.connect() as connection, connection.cursor() as cursor:
        postgres.insert(cursor, 1, "A", 1, "2099-01-01 00:00+00")
        connection.commit()
        postgres.extract()
        postgres.insert(cursor, 2, "B", 2, "2025-12-31 23:59+00")
        connection.commit()
    outcome = postgres.extract()
    assert outcome.watermark.startswith("2026-01-01T00:00:00")
    assert postgres.bought() == Counter({("A", 1): 1, ("B", 2): 1})


def test_a_product_that_changes_back_is_what_it_is_now(counter):
    counter.execute("CREATE TABLE goods (sku TEXT, title TEXT, changed INTEGER)")
    counter.execute("INSERT INTO goods VALUES ('mug', 'a mug', 1)")
    extract = {
        "dataset": "products",
        "url": "sqlite:///shop.db",
        "table": "goods",
        "watermark": "changed",
        "lookback": 5,
    }
    columns = {"product_id": "sku", "description": "title"}
    counter.shop.set(datasets={"purchases": {}, "products": {"columns": columns}}, extracts={"goods": extract})
    for title, changed in (("a mug", 1), ("a cup", 1), ("a mug", 1)):
        # Without a new watermark, within the lookback: the content of the third file is that of the first.
        counter.execute("UPDATE goods SET title = ?, changed = ?", title, changed)
        counter.extract_well()
        counter.shop.build(features=False)
        assert [row["description"] for row in counter.shop.rows(PRODUCTS)] == [title]


def test_memory_does_not_grow_with_the_table(counter, monkeypatch):
    monkeypatch.setattr(parts, "PART_BYTES", 1 << 18)
    most = {}
    for count in (5_000, 20_000):
        counter.database.executemany(
            "INSERT OR REPLACE INTO order_lines VALUES (?, ?, 'ann', 'mug', 1, 2.5, '2025-03-01 10:00:00', ?)",
            ((number, f"o{number // 3}", number) for number in range(count)),
        )
        counter.database.commit()
        counter.extract_well("people")  # what is imported for the first time is no part of it
        tracemalloc.start()
        (outcome,) = counter.extract_well("lines", anew=True)
        _, most[count] = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert outcome.rows == count
        assert outcome.files > count // 2_500
    assert most[20_000] < 1.3 * most[5_000]
