"""Law 2 down to the features: overlapping and contradicting drops, in any order, any number of runs, delivered twice, are one shop."""

import os
import shutil
import tempfile
from datetime import UTC, date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.tables.features import CUSTOMER_FEATURES, TOP_CATEGORIES
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PRODUCTS, PURCHASES
from sahara_assets_tests.small_shop import NOW, SmallShop, line

TABLES = (*RAW_TABLES.values(), PURCHASES, ORDERS, PRODUCTS, CUSTOMERS, TOP_CATEGORIES, CUSTOMER_FEATURES)
CUSTOMERS_OF_SHOP = ["ann", "bob", "cem", ""]
PRODUCTS_OF_SHOP = ["mug", "cup", "POST"]


@st.composite
def shops(draw):
    """Files by path: windows over one list of lines, so that they overlap; deliveries of keyed rows, so that they contradict."""
    lines = draw(
        st.lists(
            st.builds(
                line,
                order=st.sampled_from("123"),
                customer=st.sampled_from(CUSTOMERS_OF_SHOP),
                product=st.sampled_from(PRODUCTS_OF_SHOP),
                quantity=st.sampled_from(["1", "2", "-1", "many"]),
                price=st.sampled_from(["2.50", "0"]),
                at=st.sampled_from(["2025-03-01 10:00:00", "2025-03-02 10:00:00", "2026-02-01 00:00:00"]),
                country=st.sampled_from(["UK", "FR", ""]),
            ),
            min_size=3,
            max_size=12,
        )
    )
    # Each file begins with the same known sale, so that there are features at all.
    files = {}
    for nth in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(lines) - 1))
        name = draw(st.sampled_from(["", "2025-03-01_", "2025-03-02_"]))
        files[f"purchases/{name}{nth}.csv"] = [line(country="UK"), *lines[start : start + draw(st.integers(1, 8))]]
    for nth in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(["", "2025-03-01_", "2025-03-02_"]))
        files[f"customers/{name}{nth}.csv"] = [
            {"customer_id": who, "country": draw(st.sampled_from(["UK", "FR", ""])), "signed_up_on": on}
            for who in draw(st.lists(st.sampled_from(["ann", "bob", "eva"]), min_size=1, max_size=4))
            for on in [draw(st.sampled_from(["", "2024-01-01", "2024-02-01"]))]
        ]
        files[f"products/{name}{nth}.csv"] = [
            {"product_id": what, "category": draw(st.sampled_from(["a", "b > c", ""]))}
            for what in draw(st.lists(st.sampled_from(PRODUCTS_OF_SHOP), min_size=1, max_size=4))
        ]
    return files


def put(shop, path, rows, nth):
    """Later in the list is modified later, whenever it is delivered."""
    target = shop.deliver(path, rows)
    seconds = (NOW - timedelta(days=9) + timedelta(hours=nth)).replace(tzinfo=UTC).timestamp()
    os.utime(target, (seconds, seconds))
    return target


def tables(shop):
    return {table.name: shop.rows(table) for table in TABLES}


FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
drawn = given(files=shops(), version=st.sampled_from(["", "signed_up_on"]), draws=st.randoms(use_true_random=False))


@FEW
@drawn
def test_any_order_any_runs_and_any_repeats_give_equal_tables(files, version, draws):
    compare(files, version, draws)


@pytest.mark.long
@pytest.mark.timeout(3 * 3600)
def test_any_of_three_hundred_orders_too(long_count):
    settings(FEW, max_examples=300)(drawn(compare))()
    long_count("The same drops in any order, any runs, any repeats: equal tables", "300 shops")


def compare(files, version, draws):
    document = {"datasets": {"purchases": {}, "products": {}, "customers": {"version_column": version}}}
    with tempfile.TemporaryDirectory() as folder:
        one = SmallShop(Path(folder) / "one", **document)
        for nth, (path, rows) in enumerate(files.items()):
            put(one, path, rows, nth)
        one.build()
        other = SmallShop(Path(folder) / "other", **document)
        numbered = list(enumerate(files.items()))
        for nth, (path, rows) in draws.sample(numbered, len(numbered)):
            target = put(other, path, rows, nth)
            if draws.random() < 0.4:
                again = target.with_name(f"{target.stem}_again.csv")
                shutil.copy2(target, again)
            if draws.random() < 0.4:
                other.load()
            if draws.random() < 0.1 and path.startswith("purchases"):
                other.build()
        other.build()
        assert tables(other) == tables(one)
        one.warehouse.close()
        other.warehouse.close()


def test_the_shops_that_are_drawn_do_overlap_and_contradict():
    """Or the test above would say nothing."""
    files = {
        "purchases/1.csv": [line(), line(), line(order="2")],
        "purchases/2.csv": [line(), line(order="2"), line(order="2")],
        "customers/2025-01-02.csv": [{"customer_id": "ann", "country": "FR"}],
        "customers/2025-01-01.csv": [{"customer_id": "ann", "country": "UK"}],
    }
    with tempfile.TemporaryDirectory() as folder:
        shop = SmallShop(Path(folder))
        for nth, (path, rows) in enumerate(files.items()):
            put(shop, path, rows, nth)
        shop.build()
        found = tables(shop)
        assert sorted(row["order_id"] for row in found["purchases"]) == ["1", "1", "2", "2"]
        assert [row["country"] for row in found["customers"]] == ["FR"]
        assert [row["order_count"] for row in found["customer_features"]] == [2]
        assert found["purchases"][0]["ordered_on"] == date(2025, 3, 1)
        shop.warehouse.close()
