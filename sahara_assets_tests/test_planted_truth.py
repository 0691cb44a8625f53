"""The generated shop on its default settings: what was planted is found, exactly where it can be counted."""

import csv
import json
from collections import Counter
from decimal import Decimal

import numpy as np
import pytest

from sahara_assets.builds import Run
from sahara_assets.drops.ledger import ledger_rows, rejected_rows
from sahara_assets.drops.loading import load_drops
from sahara_assets.generate.shop import TIME_ZONE, generate
from sahara_assets.segmentation.metrics import adjusted_rand_index
from sahara_assets.settings.document import parse_settings
from sahara_assets.stages import segmentation as segmentation_stage
from sahara_assets.tables.books import STEP_COUNTS
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PRODUCTS, PURCHASES
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS
from sahara_assets.warehouse.opening import open_warehouse
from sahara_assets_tests.small_shop import NOW, build

FEES = ["POST", "DOT", "GIFTWRAP", "BANK CHARGES"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The warehouse with everything built down to the segments, its settings and the truth."""
    root = tmp_path_factory.mktemp("planted")
    made = generate(root / "drops")
    document = {
        "project": {"time_zone": TIME_ZONE, "currency": "GBP"},
        "drops": {"folder": "drops"},
        "rules": {"fee_codes": FEES},
        "datasets": {"purchases": {}, "products": {}, "customers": {}},
    }
    settings = parse_settings(document, root=root)
    run = Run("planted", NOW)
    with open_warehouse(settings) as warehouse:
        load_drops(warehouse, settings, run_id=run.run_id, now=run.now)
        build(warehouse, settings, run)
        segmentation_stage.segmentation_model(warehouse, settings, run, retrain=False)
        segmentation_stage.customer_segments(warehouse, settings, run)
        yield warehouse, settings, made, json.loads(made.quirks.read_text())


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_planted_segments_are_found(shop):
    warehouse, _, made, _ = shop
    planted = {row["customer_id"]: row["planted_segment"] for row in read_csv(made.truth)}
    found = {row["customer_id"]: row["segment"] for row in warehouse.rows(CUSTOMER_SEGMENTS)}
    assert found.keys() == planted.keys()
    customers = sorted(planted)
    codes = {name: code for code, name in enumerate(sorted(set(planted.values())))}
    assert len(set(found.values())) == len(codes) == 5
    agreement = adjusted_rand_index(
        np.array([codes[planted[c]] for c in customers]), np.array([found[c] for c in customers])
    )
    assert agreement >= 0.9


def test_every_bad_row_is_rejected_by_drop_and_line_and_no_other(shop):
    warehouse, _, made, truth = shop
    bad = [
        (f"purchases/{row['drop']}", int(row["line"]))
        for row in read_csv(made.folder / "truth" / "planted_bad_rows.csv")
    ]
    rejects = rejected_rows(warehouse)
    assert sorted((row["path"], row["line"]) for row in rejects) == sorted(bad)
    assert len(bad) == truth["purchases"]["bad_rows"]
    at_fault = {"quantity": "quantity", "unit_price": "unit_price", "ordered_at": "ordered_at"}
    by_place = {(row["path"], row["line"]): row for row in rejects}
    for row in read_csv(made.folder / "truth" / "planted_bad_rows.csv"):
        reject = by_place[f"purchases/{row['drop']}", int(row["line"])]
        assert reject["column_name"] == next((c for r, c in at_fault.items() if row["reason"].startswith(r)), None)
        assert ("quote" in reject["reason"]) == (row["reason"] == "unterminated_quote")
        assert ("fields where" in reject["reason"]) == ("fields" in row["reason"])


def test_rows_are_conserved_drop_by_drop_and_in_all(shop):
    warehouse, _, _, truth = shop
    ledger = ledger_rows(warehouse)
    assert {row["status"] for row in ledger} == {"loaded"}
    assert all(row["rows_read"] == row["rows_loaded"] + row["rows_rejected"] for row in ledger)
    lines = [row for row in ledger if row["dataset"] == "purchases"]
    wanted = truth["purchases"]
    assert len(lines) == wanted["drops"]
    assert sum(row["rows_read"] for row in lines) == wanted["rows"]
    assert sum(row["rows_loaded"] for row in lines) == wanted["good_rows"] == warehouse.count(RAW_TABLES["purchases"])


def test_overlaps_are_counted_and_repeats_stay(shop):
    warehouse, _, _, truth = shop
    wanted = truth["purchases"]
    account = [(r["reason"], r["row_count"]) for r in warehouse.rows(STEP_COUNTS) if r["table_name"] == PURCHASES.name]
    assert [count for _, count in account] == [wanted["good_rows"], wanted["overlap_lines"], wanted["lines"]]
    lines = warehouse.rows(PURCHASES)
    assert Counter(row["line_kind"] for row in lines) == wanted["lines_by_kind"]
    values = tuple(name for name in PURCHASES.column_names if not name.startswith("_"))
    copies = Counter(tuple(row[name] for name in values) for row in lines)
    assert sum(count - 1 for count in copies.values()) == wanted["repeat_lines"]
    assert sum(row["customer_id"] is None for row in lines) == wanted["anonymous_lines"]
    assert sum(row["is_fee"] for row in lines) == wanted["fee_lines"]
    assert sum(row["line_total"] for row in lines) == Decimal(wanted["net_value"])
    assert warehouse.count(ORDERS) == wanted["orders"]


def known_sales(warehouse):
    rows = warehouse.rows(CUSTOMER_FEATURES)
    return {name: sum(row[name] for row in rows) for name in ("order_count", "line_count", "gross_spend")}


def test_known_sales_come_to_the_planted_totals_with_and_without_fees(shop):
    warehouse, settings, _, truth = shop
    wanted = truth["purchases"]["known_sales"]
    found = known_sales(warehouse)
    assert found == {
        "order_count": wanted["orders"],
        "line_count": wanted["lines"],
        "gross_spend": Decimal(wanted["value"]),
    }
    assert warehouse.count(CUSTOMER_FEATURES) == truth["customers"]["with_a_sale"]
    without = settings.model_copy(update={"rules": settings.rules.model_copy(update={"fees_count_as_spend": False})})
    try:
        build(warehouse, without, Run("without fees", NOW))
        found = known_sales(warehouse)
    finally:
        build(warehouse, settings, Run("planted", NOW))
    assert found["line_count"] == wanted["lines_without_fees"]
    assert found["gross_spend"] == Decimal(wanted["value_without_fees"])


def test_of_two_deliveries_of_products_and_customers_the_newer_counts(shop):
    warehouse, _, made, truth = shop
    (_, newer) = sorted((made.folder / "customers").glob("*.csv"))
    country = {row["customer_id"]: row["country"] for row in read_csv(newer)}
    found = {row["customer_id"]: row for row in warehouse.rows(CUSTOMERS)}
    assert {c: found[c]["country"] for c in country} == country
    counts = truth["customers"]
    assert len(found) == counts["with_a_sale"] + counts["with_cancellations_only"] + counts["without_any_purchase"]
    (older, newer) = sorted((made.folder / "products").glob("*.csv"))
    prices = {row["product_id"]: Decimal(row["list_price"]) for file in (older, newer) for row in read_csv(file)}
    in_table = {
        row["product_id"]: row["list_price"] for row in warehouse.rows(PRODUCTS) if row["list_price"] is not None
    }
    assert in_table == prices
