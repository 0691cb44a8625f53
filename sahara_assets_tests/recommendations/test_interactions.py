from datetime import datetime

import numpy as np
import pytest

from sahara_assets.recommendations.interactions import interactions_at
from sahara_assets.recommendations.order_products import read_order_products
from sahara_assets.settings.recommendations import RecommendationSettings
from sahara_assets_tests.recommendations.made_sales import CUT_OFF, START, sales_of
from sahara_assets_tests.small_shop import SmallShop, line

PLAIN = RecommendationSettings(half_life_days=0.0)


def weights(sales, settings=PLAIN, moment=CUT_OFF):
    found = interactions_at(sales, moment, settings).weights.tocoo()
    return {
        (sales.customers[row], sales.products[column]): float(value)
        for row, column, value in zip(found.row, found.col, found.data, strict=True)
    }


def test_orders_count_and_units_do_not():
    sales = sales_of(("ann", "1", "mug", 0, 1000.0), ("ann", "2", "mug", 5, 1.0), ("bob", "3", "mug", 5, 1.0))
    assert weights(sales) == {("ann", "mug"): 2.0, ("bob", "mug"): 1.0}


def test_an_order_weighs_half_after_its_half_life():
    sales = sales_of(("ann", "1", "mug", 0), ("bob", "2", "mug", 180))
    found = weights(sales, RecommendationSettings(half_life_days=181.0))
    assert found == {("ann", "mug"): pytest.approx(0.5), ("bob", "mug"): pytest.approx(0.5 ** (1 / 181))}


def test_what_came_back_whole_is_no_purchase_and_what_came_back_half_is_half_a_one():
    sales = sales_of(
        ("ann", "1", "mug", 0, 4.0),
        ("ann", "C1", "mug", 3, 0.0, 4.0),
        ("bob", "2", "mug", 0, 4.0),
        ("bob", "C2", "mug", 3, 0.0, 2.0),
        ("cat", "C3", "mug", 3, 0.0, 1.0),
    )
    assert weights(sales) == {("bob", "mug"): 0.5}
    seen = interactions_at(sales, CUT_OFF, PLAIN).seen.tocoo()
    assert sorted(sales.customers[row] for row in seen.row) == ["ann", "bob"]
    # On the day before it came back it was a purchase.
    assert weights(sales, moment=datetime(2025, 1, 2)) == {("ann", "mug"): 1.0, ("bob", "mug"): 1.0}


def test_nothing_from_the_moment_on_is_known():
    sales = sales_of(("ann", "1", "mug", 0), ("ann", "2", "pan", 1))
    assert weights(sales, moment=datetime(2025, 1, 2)) == {("ann", "mug"): 1.0}
    assert weights(sales, moment=START) == {}


def test_the_rating_of_the_ecom_system_is_what_everybody_bought_of_a_product():
    sales = sales_of(("ann", "1", "mug", 0, 2.0), ("bob", "2", "mug", 0, 40.0), ("bob", "3", "pan", 0, 7.0))
    found = weights(sales, RecommendationSettings(rating="units_sold", half_life_days=0.0))
    assert found == {("ann", "mug"): 42.0, ("bob", "mug"): 42.0, ("bob", "pan"): 7.0}


def test_products_that_nobody_buys_any_more_are_not_on_offer():
    sales = sales_of(("ann", "1", "old", 0), ("ann", "2", "new", 170), ("C", "3", "back", 0, 0.0, 1.0))
    known = interactions_at(sales, CUT_OFF, PLAIN)
    assert dict(zip(sales.products, known.on_offer(CUT_OFF, 180), strict=True)) == {
        "back": False,
        "new": True,
        "old": False,
    }
    assert dict(zip(sales.products, known.on_offer(CUT_OFF, 0), strict=True)) == {
        "back": False,
        "new": True,
        "old": True,
    }


def test_lines_of_an_order_are_read_once_and_fees_gifts_and_write_offs_not_at_all(tmp_path):
    shop = SmallShop(tmp_path, rules={"fee_codes": ["POST"], "cancellation_prefixes": ["C"]})
    shop.deliver(
        "purchases/a.csv",
        [
            line("1", "ann", "mug", at="2025-01-03 10:00:00"),
            line("1", "ann", "mug", at="2025-01-03 09:00:00"),
            line("1", "ann", "POST"),
            line("1", "ann", "gift", price="0"),
            line("2", "", "mug"),
            line("3", "ann", "loss", quantity="-5", price="0"),
            line("C1", "ann", "mug", quantity="-1", at="2025-01-05 09:00:00"),
            line("4", "bob", "pan", at="2025-06-30 09:00:00"),
        ],
    )
    shop.build(features=False)
    sales = read_order_products(shop.warehouse, datetime(2025, 6, 1))
    assert sales.products == ["mug"]
    assert sales.customers == ["ann"]
    found = list(
        zip(sales.customer.tolist(), sales.at.tolist(), sales.bought.tolist(), sales.returned.tolist(), strict=True)
    )
    assert found[1:] == [(0, datetime(2025, 1, 3, 9), 2.0, 0.0), (0, datetime(2025, 1, 5, 9), 0.0, 1.0)]
    assert found[0][0] == -1
    assert weights(sales, moment=datetime(2025, 6, 1)) == {("ann", "mug"): 0.5}


def test_numbers_follow_the_bytes_of_the_ids():
    sales = sales_of(*((name, name, name, 0) for name in ("b", "Z", "é", "a", '"', "=1+1")))
    assert sales.products == sorted(sales.products, key=str.encode)
    assert np.array_equal(sales.product, sales.customer)
