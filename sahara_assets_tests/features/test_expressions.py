import random
import statistics
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from sahara_assets.errors import SaharaError
from sahara_assets.stages import features as features_stage
from sahara_assets.tables.features import CUSTOMER_FEATURES, TOP_CATEGORIES
from sahara_assets_tests.small_shop import SmallShop, line


def _features(shop):
    return {row["customer_id"]: row for row in shop.rows(CUSTOMER_FEATURES)}


@pytest.fixture
def shop(tmp_path):
    return SmallShop(tmp_path)


def test_every_feature_of_a_customer_worked_out_by_hand(shop):
    shop.deliver(
        "purchases/a.csv",
        [
            line("1", quantity="2", price="5", at="2025-03-01 10:00:00", category="Home > Mugs", country="France"),
            line("1", quantity="1", price="10", product="cup", at="2025-03-01 10:00:00", category="Garden"),
            line("2", quantity="1", price="20", at="2025-03-11 22:00:00", category="Home > Mugs"),
            line("3", quantity="4", price="15", product="pan", at="2025-03-21 10:00:00", category=""),
            line("3", quantity="-1", price="15", product="pan", at="2025-03-21 10:05:00", category=""),
            line("C2", quantity="-1", price="5", at="2025-03-22 10:00:00", category="Home > Mugs"),
            line("9", "bob", at="2025-03-31 09:00:00", price="1", category="Garden"),
        ],
    )
    shop.build()
    assert features_stage.cut_off(shop.warehouse) == datetime(2025, 4, 1)
    found = _features(shop)["ann"]
    assert {name: found[name] for name in ("recency_days", "tenure_days", "order_count", "line_count", "distinct_products")} == {
        "recency_days": 10, "tenure_days": 30, "order_count": 3, "line_count": 4, "distinct_products": 3,
    }  # fmt: skip
    assert (found["unit_count"], found["gross_spend"], found["net_spend"]) == (Decimal(8), Decimal(100), Decimal(80))
    assert (found["average_order_value"], found["median_order_value"]) == (pytest.approx(100 / 3), 20.0)
    assert found["mean_days_between_orders"] == 10.0
    assert found["return_rate"] == 0.2
    assert [(row["category"], row["gross_spend"]) for row in shop.rows(TOP_CATEGORIES)] == [
        ("Home", Decimal(40 - 10)),
        ("Garden", Decimal(11)),
    ]
    assert (found["category_share_1"], found["category_share_2"], found["category_share_3"]) == (0.3, 0.1, 0.0)
    assert found["country"] == "France"
    assert _features(shop)["bob"]["mean_days_between_orders"] is None


def test_customers_without_a_sale_have_no_features(shop):
    shop.deliver(
        "purchases/a.csv", [line(), line("C2", "bob", quantity="-1"), line("3", "cyd", price="0"), line("4", "")]
    )
    shop.build()
    assert sorted(_features(shop)) == ["ann"]


def test_the_cut_off_is_a_setting_and_later_lines_do_not_count(tmp_path):
    shop = SmallShop(tmp_path, features={"cut_off": "2025-03-02"})
    shop.deliver(
        "purchases/a.csv",
        [line(price="1"), line("2", at="2025-03-02 00:00:00"), line("3", "late", at="2025-03-05 00:00:00")],
    )
    shop.build()
    assert {name: row["gross_spend"] for name, row in _features(shop).items()} == {"ann": Decimal(1)}


def test_a_line_from_the_future_does_not_move_the_cut_off(shop):
    shop.deliver("purchases/a.csv", [line(at="2025-03-01 10:00:00"), line("2", at="2199-01-01 10:00:00")])
    shop.build()
    assert features_stage.cut_off(shop.warehouse) == datetime(2025, 3, 2)
    assert _features(shop)["ann"]["order_count"] == 1


def test_the_cut_off_is_the_local_midnight(tmp_path):
    shop = SmallShop(tmp_path, project={"time_zone": "America/New_York"})
    shop.deliver("purchases/a.csv", [line(at="2025-03-01T03:00:00Z")])  # ten in the evening of the day before
    shop.build()
    assert features_stage.cut_off(shop.warehouse) == datetime(2025, 3, 1)


def test_nothing_sold_is_said_clearly(shop):
    shop.deliver("purchases/a.csv", [line("C1", quantity="-1")])
    with pytest.raises(SaharaError, match="nothing was sold yet"):
        shop.build()


def test_only_anonymous_sales_are_said_clearly(shop):
    shop.deliver("purchases/a.csv", [line(customer="")])
    with pytest.raises(SaharaError, match="are customer ids mapped"):
        shop.build()


@pytest.mark.parametrize("seed", [1, 2])
def test_features_of_random_customers_equal_a_plain_reckoning(tmp_path, seed):
    draw = random.Random(seed)
    shop = SmallShop(tmp_path, rules={"cancellation_prefixes": [], "adjustment_prefixes": []})
    start = datetime(2025, 1, 1)
    lines = []
    for who in (f"customer {n}" for n in range(120)):
        for _ in range(draw.randint(1, 12)):
            at = start + timedelta(seconds=draw.randrange(60 * 86400))
            price = Decimal(draw.choice([0, draw.randint(1, 30000)])) / 100
            order = f"{who}/{draw.randint(1, 4)}"
            lines.append((order, who, draw.choice(["mug", "cup", "pan"]), draw.randint(-3, 5), price, at))
    shop.deliver("purchases/a.csv", [line(o, w, p, str(q), str(price), str(at)) for o, w, p, q, price, at in lines])
    shop.build()
    cut_off = features_stage.cut_off(shop.warehouse)
    counted = [entry for entry in lines if entry[5] < cut_off and entry[4] > 0]
    sales = [entry for entry in counted if entry[3] >= 0]
    found = _features(shop)
    assert set(found) == {entry[1] for entry in sales}
    for who, row in found.items():
        mine = [entry for entry in sales if entry[1] == who]
        back = sum((-entry[3] * entry[4] for entry in counted if entry[1] == who and entry[3] < 0), Decimal(0))
        orders = defaultdict(Decimal)
        for order, _, _, quantity, price, _ in mine:
            orders[order] += quantity * price
        spend = sum(orders.values())
        assert (row["gross_spend"], row["net_spend"]) == (spend, spend - back)
        assert (row["order_count"], row["line_count"]) == (len(orders), len(mine))
        assert row["unit_count"] == sum(entry[3] for entry in mine)
        assert row["distinct_products"] == len({entry[2] for entry in mine})
        assert row["recency_days"] == (cut_off - max(entry[5] for entry in mine)).days
        assert row["tenure_days"] == (cut_off - min(entry[5] for entry in mine)).days
        assert row["average_order_value"] == pytest.approx(float(spend) / len(orders), abs=1e-9)
        assert row["median_order_value"] == pytest.approx(float(statistics.median(orders.values())), abs=1e-9)
        assert row["return_rate"] == pytest.approx(float(back / spend) if spend else 0.0, abs=1e-9)
