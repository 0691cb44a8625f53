"""Drift between drops of a dataset: seen in the ledger and told by a check with the remedy; what is harmless is not called a fault."""

from __future__ import annotations

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import load_drops
from sahara_assets.quality.drops import QUESTIONS
from sahara_assets.settings.document import parse_settings
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets_tests.small_shop import NOW

NAMES = ["order_id", "customer_id", "product_id", "description", "quantity", "unit_price", "ordered_at", "country"]


class Shop:
    """A folder of drops and what the checks say once they are loaded."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "data" / "purchases").mkdir(parents=True)
        self.warehouse = DuckDBWarehouse(None, threads=2)
        self.warehouse.prepare()
        self.settings = parse_settings({}, root=folder)
        self.number = 0

    def rows(self, **others):
        """Thirty rows; a function of the row's number changes a column."""
        self.number += 1
        made = []
        for n in range(30):
            row = {
                "order_id": f"A{self.number}{n}",
                "customer_id": str(17000 + n % 7),
                "product_id": f"{10000 + n % 9}",
                "description": f"thing {n % 9}",
                "quantity": str(n % 5 + 1),
                "unit_price": f"{n % 9 + 0.5:.2f}",
                "ordered_at": f"2011-12-{self.number:02} 08:{n:02}",
                "country": ("France", "Norway", "Japan")[n % 3],
            }
            made.append(row | {name: change(n) for name, change in others.items()})
        return made

    def deliver(self, name, rows, names=NAMES, renamed=None):
        called = [(renamed or {}).get(column, column) for column in names]
        lines = [",".join(called), *(",".join(row[column] for column in names) for row in rows)]
        path = self.folder / "data" / "purchases" / name
        path.write_text("\n".join(lines) + "\n")
        os.utime(path, (1_700_000_000 + self.number,) * 2)

    def check(self, name):
        load_drops(self.warehouse, self.settings, run_id="r", now=NOW)
        (question,) = [question for question in QUESTIONS if question.name == name]
        return question.answer(self.warehouse, self.settings)

    def ledger(self, name):
        (row,) = [row for row in ledger_rows(self.warehouse) if row["path"] == f"purchases/{name}"]
        return row


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path)
    for name in ("1.csv", "2.csv", "3.csv"):
        made.deliver(name, made.rows())
    yield made
    made.warehouse.close()


def test_drops_that_are_alike_do_not_drift(shop):
    verdict = shop.check("no_drift")
    assert (verdict.passed, verdict.text) == (True, "all drops of a dataset have the same columns")
    assert json.loads(shop.ledger("1.csv")["column_names"]) == NAMES
    assert shop.ledger("1.csv")["rejected_columns"] == "{}"


def test_a_new_column_and_a_vanished_one_are_told(shop):
    shop.deliver("4.csv", shop.rows(colour=lambda n: "red"), [*NAMES, "colour"])
    shop.deliver("5.csv", shop.rows(), NAMES[:-1])
    verdict = shop.check("no_drift")
    assert not verdict.passed
    assert "purchases/4.csv has colour besides; purchases/5.csv lacks country" in verdict.text
    assert verdict.metadata["renamed"] == []
    assert shop.ledger("4.csv")["undeclared_columns"] == '["colour"]'
    assert "country" not in json.loads(shop.ledger("5.csv")["column_names"])


def test_a_reordered_header_reads_the_same_and_is_told_without_alarm(shop):
    shop.deliver("4.csv", shop.rows(), NAMES[::-1])
    verdict = shop.check("no_drift")
    assert verdict.passed
    assert "1 drop in another order, which reads the same" in verdict.text
    assert verdict.metadata == {"reordered": ["purchases/4.csv"]}
    assert json.loads(shop.ledger("4.csv")["column_names"]) == NAMES[::-1]
    assert shop.ledger("4.csv")["rows_rejected"] == 0


@pytest.mark.parametrize("name", ["shop_land", "country_name"])
def test_a_renamed_optional_column_is_recognised_by_its_values_or_its_name(shop, name):
    shop.deliver("4.csv", shop.rows(), renamed={"country": name})
    verdict = shop.check("no_drift")
    assert not verdict.passed
    assert f"{name!r} may be country now" in verdict.text
    assert "100% of a sample are values that country had before" in verdict.text
    assert f'set country = "{name}" under [datasets.' in verdict.text


def test_a_new_column_with_other_values_is_not_taken_for_the_vanished_one(shop):
    shop.deliver("4.csv", shop.rows(weight=str), [*NAMES[:-1], "weight"])
    assert shop.check("no_drift").metadata["renamed"] == []


@pytest.mark.parametrize(
    ("column", "name", "evidence"),
    [
        ("customer_id", "Kunde", "100% of a sample are values that customer_id had before"),
        ("unit_price", "price_per_unit", "100% of a sample are numbers"),
        ("ordered_at", "bestellt", "100% of a sample are dates"),
    ],
)
def test_a_renamed_column_that_must_be_there_refuses_its_drop_and_is_recognised(shop, column, name, evidence):
    shop.check("no_drift")  # the others are known before
    shop.deliver("4.csv", shop.rows(), renamed={column: name})
    verdict = shop.check("no_rejected_drops")
    assert not verdict.passed
    assert f"{name!r} may be {column} now" in verdict.text
    assert evidence in verdict.text
    row = shop.ledger("4.csv")
    assert row["status"] == "rejected"
    assert name in json.loads(row["column_names"])
    assert len(json.loads(row["column_samples"])[name]) > 1


def test_two_columns_that_were_renamed_at_once_are_told_apart(shop):
    shop.check("no_drift")
    shop.deliver("4.csv", shop.rows(), renamed={"customer_id": "a", "product_id": "b", "ordered_at": "c"})
    text = shop.check("no_rejected_drops").text
    assert "'a' may be customer_id now" in text
    assert "'b' may be product_id now" in text
    assert "'c' may be ordered_at now" in text


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_renamed_column_is_recognised_in_every_format(shop, form):
    shop.check("no_drift")
    rows = [
        {
            ("Kunde" if name == "customer_id" else "Preis" if name == "unit_price" else name): value
            for name, value in row.items()
        }
        for row in shop.rows()
    ]
    path = shop.folder / "data" / "purchases" / f"4.{form}"
    if form == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    assert "'Kunde' may be customer_id" in shop.check("no_rejected_drops").text
    assert shop.ledger(f"4.{form}")["format"] == form
    assert "Preis" in json.loads(shop.ledger(f"4.{form}")["column_samples"])


def test_a_date_column_that_turned_into_numbers_is_told_with_what_would_be_right(shop):
    shop.deliver("4.csv", shop.rows(ordered_at=lambda n: f"{40878 + n}.35"))
    verdict = shop.check("no_drift")
    assert not verdict.passed
    assert (
        "purchases/4.csv has other values in ordered_at (100% rejected: ordered_at holds '40878.35'; write it as"
        in verdict.text
    )
    assert json.loads(shop.ledger("4.csv")["rejected_columns"]) == {"ordered_at": 30}


def test_a_price_column_that_turned_to_decimal_commas_is_told(shop):
    shop.deliver("4.csv", shop.rows(unit_price=lambda n: f'"{n},50"'))
    assert "purchases/4.csv has other values in unit_price (100% rejected" in shop.check("no_drift").text


def test_a_few_bad_rows_are_rejects_and_no_drift(shop):
    shop.deliver("4.csv", shop.rows(unit_price=lambda n: "x" if n < 5 else "1.00"))
    assert shop.check("no_drift").passed


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("customer_id", lambda n: f"user{n}@shop.example"),
        ("customer_id", lambda n: f"{n:064x}"),
        ("product_id", lambda n: f"SKU{n}"),
    ],
)
def test_ids_of_another_kind_join_with_nothing_and_are_told(shop, column, change):
    shop.deliver("4.csv", shop.rows(**{column: change}))
    verdict = shop.check("no_drift")
    assert not verdict.passed
    assert f"purchases/4.csv has another kind of {column}" in verdict.text
    assert len(verdict.metadata["other_values"]) == 1


def test_what_is_told_does_not_depend_on_the_order_of_arrival(tmp_path):
    told = []
    for order in (("1", "2", "3", "4"), ("4", "3", "2", "1")):
        made = Shop(tmp_path / "".join(order))
        drops = {name: made.rows() for name in ("1", "2", "3", "4")}
        for name in order:
            made.deliver(f"{name}.csv", drops[name], renamed={"country": "land"} if name == "4" else None)
            verdict = made.check("no_drift")
        told.append(verdict.text)
        made.warehouse.close()
    assert told[0] == told[1]
    assert "'land' may be country now" in told[0]
