"""Recommendations on shops that nobody here made: the published counts, and the source's own definition beside ours."""

import csv
from datetime import datetime

import duckdb
import pyarrow as pa
import pytest

from sahara_assets.recommendations.choosing import choose
from sahara_assets.recommendations.order_products import order_products, read_order_products
from sahara_assets.recommendations.together import also_bought, bought_together
from sahara_assets.settings.recommendations import RecommendationSettings
from sahara_assets_tests.analytics.real_exports import READINGS, REAL, STORE_FILE, content_of
from sahara_assets_tests.small_shop import SmallShop

pytestmark = pytest.mark.real_data

RETAIL = REAL / "online_retail"
JULY, AUGUST = datetime(2017, 7, 1), datetime(2017, 8, 1)
EVERY_PAIR = RecommendationSettings(minimum_pair_orders=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The Google Merchandise Store through Sahara: products by id, and what each is called."""
    content_of(STORE_FILE)
    shop = SmallShop(
        tmp_path_factory.mktemp("store"),
        project={"time_zone": "America/Los_Angeles", "currency": "USD"},
        datasets={"sessions": READINGS["store"]},
        analytics={"purchases": "transactions", "order": "session"},
        recommendations={},
    )
    (shop.folder / "sessions").mkdir(parents=True, exist_ok=True)
    (shop.folder / "sessions" / "store.csv").symlink_to(STORE_FILE)
    shop.build(features=False)
    sales = read_order_products(shop.warehouse, datetime(2018, 1, 1))
    with STORE_FILE.open(newline="", encoding="utf-8") as file:
        names = {row["product_sku"]: row["product_name"] for row in csv.DictReader(file)}
    return sales, names


def test_buyers_of_youtube_products_in_july_also_bought_what_is_published(store):
    sales, names = store
    youtube = [product for product, name in names.items() if "YouTube" in name]
    found = also_bought(sales, youtube, JULY, AUGUST)
    units = {product: count for product, count, _ in found}
    by_name = {}
    for product, count in units.items():
        by_name[names[product]] = by_name.get(names[product], 0) + count
    first = sorted(by_name.items(), key=lambda item: (-item[1], item[0]))[:3]
    assert first == [("Sport Bag", 508), ("Google Spiral Journal with Pen", 502), ("Google 22 oz Water Bottle", 369)]
    # By product id, which is what a shop can act on, the bottle is two products.
    bottles = [product for product in units if names[product] == "Google 22 oz Water Bottle"]
    assert sorted(bottles) == ["GGOEGDHC018299", "GGOEGDHR018499"]
    assert found[0] == ("GGOEGBMJ013399", 508.0, found[0][2])


# Who bought a product by the Ecom system's definition: its name stands somewhere in the names of all that they bought.
BY_SUBSTRING = """
WITH store AS (SELECT fullVisitorId AS visitor, product_name AS name FROM read_csv($file, all_varchar = true)),
everything AS (SELECT visitor, string_agg(name, ', ') AS names FROM store GROUP BY 1),
catalogue AS (SELECT DISTINCT name FROM store)
SELECT count(*), count(*) FILTER (NOT EXISTS (FROM store WHERE store.visitor = e.visitor AND store.name = c.name))
FROM everything e, catalogue c WHERE e.names LIKE '%' || c.name || '%'
"""


def test_by_substring_the_source_has_visitors_buy_what_they_never_bought(store):
    sales, _ = store
    with duckdb.connect() as connection:
        found, wrong = connection.execute(BY_SUBSTRING, {"file": str(STORE_FILE)}).fetchone()
    assert (found, wrong) == (14_040, 243)
    with STORE_FILE.open(newline="", encoding="utf-8") as file:
        told = {(row["fullVisitorId"], row["product_sku"]) for row in csv.DictReader(file)}
    ours = {(sales.customers[c], sales.products[p]) for c, p in zip(sales.customer, sales.product, strict=True)}
    assert ours == told


@pytest.fixture(scope="module")
def retail():
    """Online Retail's clean invoices as the numbers are stated for: customer present, units and price above 0, no cancellation."""
    if not RETAIL.is_dir():
        pytest.skip("../shared/data/online_retail is not there")
    with duckdb.connect() as connection:
        table = connection.execute(
            """
            SELECT replace(CustomerID, '.0', '') AS customer_id, InvoiceNo AS order_id, StockCode AS product_id,
              min(InvoiceDate::TIMESTAMP) AS ordered_at_local, sum(Quantity::INT)::DOUBLE AS bought, 0.0::DOUBLE AS returned
            FROM read_csv($folder || '/*.csv', all_varchar = true)
            WHERE CustomerID <> '' AND InvoiceNo NOT LIKE 'C%' AND Quantity::INT > 0 AND UnitPrice::DOUBLE > 0
            GROUP BY ALL
            """,
            {"folder": str(RETAIL)},
        ).arrow()
    return order_products(table if isinstance(table, pa.Table) else table.read_all())


def test_the_pairs_of_online_retail_are_the_published_ones(retail):
    found = bought_together(retail, datetime(2012, 1, 1), EVERY_PAIR)
    assert found.order_count == 18_532
    once = [
        (orders, retail.products[one], retail.products[other])
        for one, other, orders in zip(found.product, found.other, found.orders.tolist(), strict=True)
        if one < other
    ]
    assert sorted(once, reverse=True)[:3] == [
        (546, "22386", "85099B"),
        (541, "22697", "22699"),
        (530, "22726", "22727"),
    ]


def test_matrix_factorisation_beats_the_baselines_on_online_retail(retail):
    settings = RecommendationSettings(factors=64, regularisation=30.0)
    chosen = choose(retail, datetime(2011, 12, 10), settings, seed=20)
    by_method = {row["method"]: row["ndcg_at_10"] for row in chosen.rows}
    assert chosen.method == "matrix_factorisation"
    assert by_method["matrix_factorisation"] > 1.3 * by_method["bought_together"] > 1.3 * by_method["popularity"]
