"""Kiosks without orders, quantities or prices from the generated file to insights: small, and at full size with the published tables."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import duckdb
import pytest

from sahara_assets_tests.commands import sahara

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "byte_foods"

CONFIG = """\
[project]
time_zone = "America/Los_Angeles"

[parts_of_day]
rule = "byte-foods"
time_zone = "UTC"

[datasets.purchases]
patterns = ["purchases/*.csv"]

[datasets.purchases.columns]
order_id = ""
customer_id = "card_hash"
quantity = ""
unit_price = ""
ordered_at = "date_time"
place_id = "kiosk_id"
product_group = "fc_number"

[datasets.products]
patterns = ["products/*.csv"]
percent = "share"

[datasets.products.columns]
description = "product_name"
product_group = "fc_number"
margin = "margins"

[rules]
fee_codes = []
cancellation_prefixes = []
adjustment_prefixes = []

[features]
model = ["recency_days", "order_count", "distinct_products"]

[segmentation]
k_min = 3
k_max = 4

[insights]
rows = 300
"""


def run(root, *words):
    outcome = sahara(*words, cwd=root)
    assert outcome.code == 0, outcome.err
    return outcome


@pytest.fixture(scope="module")
def kiosks(tmp_path_factory):
    """A small shop of kiosks after its first run."""
    root = tmp_path_factory.mktemp("kiosks")
    (root / "sahara.toml").write_text(CONFIG)
    run(root, "generate", "--like", "byte-foods", "--rows", "5000", "--seed", "3")
    run(root, "run")
    return root


@pytest.fixture
def query(kiosks):
    with duckdb.connect(str(kiosks / "sahara.duckdb"), read_only=True) as connection:
        yield lambda statement: connection.execute(statement).fetchall()


def test_every_line_is_told_without_money(query):
    assert query(
        "SELECT line_count, unit_count, gross_spend FROM sales_by_period WHERE period = 'all' AND buyers = 'everyone'"
    ) == [(5_000, 5_000, None)]
    spends = "SELECT count(gross_spend), count(spend_share), count(rank_by_spend) FROM top_products"
    assert query(spends) == [(0, 0, 0)]
    assert query("SELECT DISTINCT measure FROM spend_concentration") == [("line_count",)]
    sentences = dict(query("SELECT name, sentence FROM insights"))
    assert len(sentences) == 15
    assert not [
        sentence for sentence in sentences.values() if "spend" in sentence or "None" in sentence or "nan" in sentence
    ]


def test_counts_are_those_of_the_file(kiosks, query):
    with (kiosks / "data" / "purchases" / "items_purchased.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    counts = {}
    for row in rows:
        for column in ("kiosk_id", "product_id", "card_hash", "fc_number"):
            counts.setdefault(column, {}).setdefault(row[column], 0)
            counts[column][row[column]] += 1
    places = dict(
        query(
            "SELECT place, line_count FROM sales_by_place WHERE period = 'all' AND buyers = 'everyone' AND rank_by_lines <= 50"
        )
    )
    assert places == {kiosk: counts["kiosk_id"][kiosk] for kiosk in places}
    assert len(places) == 50
    products = dict(
        query("SELECT product_id, line_count FROM top_products WHERE period = 'all' AND buyers = 'everyone'")
    )
    assert products == {product: counts["product_id"][product] for product in products}
    cards = dict(query("SELECT customer_id, line_count FROM top_customers WHERE period = 'all' AND buyers = 'known'"))
    assert cards == {card: counts["card_hash"][card] for card in cards}
    groups = dict(
        query(
            "SELECT category, line_count FROM sales_by_category WHERE period = 'all' AND buyers = 'everyone' AND category_kind = 'product_group'"
        )
    )
    assert groups == {group or "(none)": count for group, count in counts["fc_number"].items()}


def test_margins_come_from_the_product_file_and_profit_from_cost_and_margin(kiosks, query):
    with (kiosks / "data" / "products" / "product_info.csv").open(newline="") as file:
        info = {row["product_id"]: row for row in csv.DictReader(file)}
    rows = query(
        "SELECT product_id, margin, cost, line_count, gross_profit FROM product_margins WHERE period = 'all' AND buyers = 'everyone'"
    )
    assert len(rows) > 50
    for product, margin, cost, lines, profit in rows:
        share = int(info[product]["margins"].rstrip("%")) / 100
        assert (float(margin), float(cost)) == (share, float(info[product]["cost"]))
        assert float(profit) == pytest.approx(lines * float(cost) * share / (1 - share), abs=1e-3)


def test_segments_without_spend_are_ranked_by_orders(query):
    ranked = query("SELECT mean_order_count FROM segment_profiles ORDER BY segment")
    assert ranked == sorted(ranked, reverse=True)
    assert query("SELECT sum(gross_spend) FROM segment_profiles") == [(0,)]
    assert query("SELECT tier FROM segment_profiles WHERE segment = 1")[0][0] in {"Gold", "Platinum"}


def test_parts_of_the_day_go_by_the_hours_of_utc(kiosks, query):
    path = kiosks / "data" / "purchases" / "items_purchased.csv"
    by_file = query(
        f"""
        WITH hours AS (SELECT hour((date_time::TIMESTAMPTZ) AT TIME ZONE 'UTC') AS hour FROM read_csv('{path}', all_varchar = true))
        SELECT CASE WHEN hour <= 12 THEN 'Morning' WHEN hour <= 17 THEN 'Afternoon' ELSE 'Evening' END, count(*) FROM hours GROUP BY 1 ORDER BY 1
        """
    )
    told = "SELECT part_of_day, line_count FROM sales_by_part_of_day WHERE period = 'all' AND buyers = 'everyone' ORDER BY 1"
    assert query(told) == by_file


def published(name):
    with (REAL / f"published_{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.long
@pytest.mark.real_data
@pytest.mark.timeout(3_600)
def test_the_published_tables_come_out_at_full_size(tmp_path, long_count):
    if not REAL.is_dir():
        pytest.skip("../shared/data/byte_foods is not there")
    (tmp_path / "sahara.toml").write_text(CONFIG)
    info = REAL / "product_info.csv"
    started = time.monotonic()
    run(tmp_path, "generate", "--like", "byte-foods", "--product-info", str(info))
    generated = time.monotonic() - started
    (tmp_path / "data" / "products").mkdir()
    (tmp_path / "data" / "products" / "product_info.csv").write_bytes(info.read_bytes())
    run(tmp_path, "run")
    with duckdb.connect(str(tmp_path / "sahara.duckdb"), read_only=True) as connection:

        def query(statement):
            return connection.execute(statement).fetchall()

        everyone = "buyers = 'everyone'"
        assert query(
            "SELECT count(*), count(DISTINCT place_id), count(DISTINCT product_id), count(DISTINCT customer_id), count(*) - count(customer_id) FROM purchases"
        ) == [(1_115_572, 546, 330, 119_780, 1_106)]
        assert query("SELECT count(*) - count(product_group) FROM raw_purchases") == [(592,)]
        span = "SELECT min(ordered_at_local), max(ordered_at_local) FROM purchases"
        assert [str(moment) for moment in query(span)[0]] == ["2017-09-27 00:07:36", "2018-09-25 14:34:46"]
        # The product table shows ranks 1 to 30 and 271 to 300.
        top = query(
            f"SELECT product_id, line_count FROM top_products WHERE period = 'all' AND {everyone} ORDER BY rank_by_lines"
        )
        shown = [(row["product_id"], int(row["count"])) for row in published("top_products")]
        assert [count for _, count in top[:30] + top[270:300]] == [count for _, count in shown]
        assert set(top[:30]) == set(shown[:30])
        assert ("2603", 17_392) in top
        parts = "SELECT part_of_day, line_count FROM sales_by_part_of_day WHERE period = 'all' AND "
        assert dict(query(parts + everyone)) == {
            row["time_of_day"]: int(row["count"]) for row in published("time_of_day")
        }
        cells = {
            (p, d): n
            for p, d, n in query(
                f"SELECT product_id, part_of_day, line_count FROM product_parts_of_day WHERE {everyone}"
            )
        }
        for row in published("product_time_of_day"):
            assert cells[row["product_id"], row["time_of_day"]] == int(row["count"])
        ranked = sorted(cells.values(), reverse=True)
        assert ranked[:30] + ranked[70:100] == [int(row["count"]) for row in published("product_time_of_day")]
        places = f"SELECT place, line_count FROM sales_by_place WHERE period = 'all' AND {everyone} AND place_kind = 'place' ORDER BY rank_by_lines LIMIT 50"
        assert query(places) == [(row["kiosk_id"], int(row["count"])) for row in published("top_kiosks")]
        cards = "SELECT line_count FROM top_customers WHERE period = 'all' AND buyers = 'known' ORDER BY rank_by_lines LIMIT 50"
        assert [count for (count,) in query(cards)] == [int(row["count"]) for row in published("top_cards")]
        at_kiosks = query(
            f"SELECT place, product_id, line_count FROM place_products WHERE {everyone} AND place_kind = 'place' ORDER BY rank_by_lines LIMIT 100"
        )
        listed = {(row["kiosk_id"], row["product_id"], int(row["count"])) for row in published("top_kiosk_product")}
        assert listed <= set(at_kiosks)
        assert {row[2] for row in at_kiosks[:30]} <= {count for *_, count in listed}
        of_cards = query(
            "SELECT product_id, line_count FROM repeat_purchases WHERE buyers = 'known' ORDER BY rank_by_lines LIMIT 100"
        )
        counts = [int(row["count"]) for row in published("top_card_product")]
        assert [count for _, count in of_cards[:30] + of_cards[70:]] == counts
        assert of_cards[0] == ("4061", 1_677)
        groups = f"SELECT category, line_count FROM sales_by_category WHERE period = 'all' AND {everyone} AND category_kind = 'product_group' AND category <> '(none)'"
        # Lines without a group are of products that the product file has none for either.
        assert dict(query(groups)) == {
            row["fc_number"].removesuffix(".0"): int(row["count"]) for row in published("fc_number_counts")
        }
    seconds = time.monotonic() - started
    long_count(
        "Byte Foods at full size: generated, loaded and told, with every published table",
        f"1,115,572 rows, generated in {generated:.0f} of {seconds:.0f} s",
    )
