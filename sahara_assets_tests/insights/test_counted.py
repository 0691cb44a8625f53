"""Every insight of made-up shops equals what plain Python counts line by line."""

import random
from datetime import datetime, timedelta

import pytest

from sahara_assets.tables import insights as tables
from sahara_assets.tables.sales import ORDERS, PRODUCTS, PURCHASES
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS
from sahara_assets_tests.insights.counted_by_hand import ByHand
from sahara_assets_tests.insights.insight_shop import InsightShop, line

ROWS = 10
PAIR_ORDERS = 3


def make_lines(draw):
    """Three hundred lines: repeats, anonymous orders, returns, free lines, fees, gaps, some orders over midnight and with two customers."""
    customers = [f"c{n:02d}" for n in range(25)] + [""] * 6
    products = [f"p{n:02d}" for n in range(14)] + ["POST"]
    lines = []
    start = datetime(2023, 11, 20, 9)
    for order in range(110):
        at = start + timedelta(hours=draw.randrange(24 * 120)) * draw.choice([1, 1, 4])
        customer, place = draw.choice(customers), draw.choice(["k1", "k2", "k10", ""])
        prefix = draw.choices(["", "C"], [9, 1])[0]
        for _ in range(draw.choice([1, 1, 2, 3, 6])):
            quantity = -draw.randrange(1, 3) if prefix or draw.random() < 0.05 else draw.randrange(1, 9)
            lines.append(
                line(
                    f"{prefix}{order:03d}",
                    customer,
                    draw.choices(products, [20 - n for n in range(15)])[0],
                    str(quantity),
                    draw.choice(["2.50", "0.10", "10", "0"]),
                    f"{at:%Y-%m-%d %H:%M:%S}",
                    place_id=place,
                    channel=draw.choice(["web", "till"]),
                    country="",
                    category=draw.choice(["A > B", "A > C", "D", ""]),
                )
            )
            if draw.random() < 0.2:
                lines.append(lines[-1])
            at += timedelta(hours=draw.choice([0, 0, 0, 9]))
    return lines


def segments_of(shop_lines, draw):
    """Segments 1 to 12 (two digits sort otherwise than numbers), and a customer without one."""
    customers = sorted({row["customer_id"] for row in shop_lines if row["customer_id"]})
    return {
        customer: draw.choice([1, 2, 12, None] if place == 0 else [1, 2, 12])
        for place, customer in enumerate(customers)
    }


@pytest.fixture(scope="module", params=[(1, True), (3, False)], ids=["with prices", "without prices"])
def told(request, tmp_path_factory):
    seed, has_money = request.param
    draw = random.Random(seed)
    settings = {
        "insights": {"rows": ROWS, "months": 3, "pair_orders": PAIR_ORDERS},
        "rules": {"fee_codes": ["POST"]},
        "parts_of_day": {"rule": "byte-foods"},
    }
    if not has_money:
        settings["datasets"] = {"purchases": {"columns": {"unit_price": ""}}, "products": {}}
    shop = InsightShop(tmp_path_factory.mktemp("told"), **settings)
    lines = make_lines(draw)
    if not has_money:
        lines = [{name: value for name, value in row.items() if name != "unit_price"} for row in lines]
    shop.deliver("purchases/a.csv", lines)
    catalogue = [
        {
            "product_id": f"p{n:02d}",
            "brand": "Own" if n % 2 else "",
            "margin": f"0.{n:02d}" if n != 3 else "",
            "cost": "2" if n % 5 else "",
        }
        for n in range(16)
    ]
    shop.deliver("products/a.csv", catalogue)
    shop.tell(segments_of(lines, draw))
    known = {row["customer_id"]: row["segment"] for row in shop.rows(CUSTOMER_SEGMENTS)}
    by_hand = ByHand(shop.rows(PURCHASES), shop.rows(ORDERS), shop.rows(PRODUCTS), known, months=3, has_money=has_money)
    return shop, by_hand


def found(shop, table):
    """The table as a dictionary from key to the other columns."""
    return {
        tuple(row[name] for name in table.key): {name: value for name, value in row.items() if name not in table.key}
        for row in shop.rows(table)
    }


def agree(found_rows, expected):
    assert set(found_rows) == set(expected)
    for key, values in expected.items():
        for name, value in values.items():
            got = found_rows[key][name]
            wanted = pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value
            assert got == wanted, (key, name)


def test_sales_by_period(told):
    shop, by_hand = told
    agree(found(shop, tables.SALES_BY_PERIOD), by_hand.sales_by_period())


def test_top_products(told):
    shop, by_hand = told
    agree(found(shop, tables.TOP_PRODUCTS), by_hand.top_products(ROWS))


def test_top_customers(told):
    shop, by_hand = told
    agree(found(shop, tables.TOP_CUSTOMERS), by_hand.top_customers(ROWS))


def test_repeat_purchases(told):
    shop, by_hand = told
    expected = by_hand.repeat_purchases(ROWS)
    assert expected
    agree(found(shop, tables.REPEAT_PURCHASES), expected)


def test_repeat_products(told):
    shop, by_hand = told
    expected = by_hand.repeat_products(ROWS)
    assert expected
    agree(found(shop, tables.REPEAT_PRODUCTS), expected)


def test_parts_of_the_day(told):
    shop, by_hand = told
    cells = by_hand.by_dimension(by_hand.sales, lambda row: ("part", row["part_of_day"]), {}, ROWS)
    order = {"Morning": 1, "Afternoon": 2, "Evening": 3}
    agree(
        found(shop, tables.SALES_BY_PART_OF_DAY),
        {(*key[:2], key[3]): {**values, "position": order[key[3]]} for key, values in cells.items()},
    )
    agree(found(shop, tables.PRODUCT_PARTS_OF_DAY), by_hand.product_parts_of_day(ROWS))


RANKS = {"rank_by_lines": "line_count", "rank_by_spend": "gross_spend"}


def test_places(told):
    shop, by_hand = told
    expected = {}
    for kind, column in (("place", "place_id"), ("channel", "channel")):  # no line states a country
        expected |= by_hand.by_dimension(
            by_hand.sales, lambda row, c=column, k=kind: (k, row[c] or "(not stated)"), RANKS, ROWS
        )
    agree(found(shop, tables.SALES_BY_PLACE), expected)
    products = {}
    for kind, column in (("place", "place_id"), ("channel", "channel")):
        products |= by_hand.place_products(lambda row, c=column, k=kind: (k, row[c] or "(not stated)"), ROWS)
    agree(found(shop, tables.PLACE_PRODUCTS), products)


def test_categories(told):
    shop, by_hand = told
    brands = {key: row["brand"] for key, row in by_hand.products.items()}
    kinds = {
        "category": lambda row: (row["category"] or "(none)").split(" >")[0],
        "brand": lambda row: brands[row["product_id"]] or "(none)",
    }
    expected = {}
    for kind, value in kinds.items():
        expected |= by_hand.by_dimension(by_hand.goods, lambda row, v=value, k=kind: (k, v(row)), RANKS, ROWS)
    agree(found(shop, tables.SALES_BY_CATEGORY), expected)


def test_pairs(told):
    shop, by_hand = told
    agree(found(shop, tables.BASKET_PAIRS), by_hand.basket_pairs(PAIR_ORDERS, ROWS))


def test_concentration(told):
    shop, by_hand = told
    agree(found(shop, tables.SPEND_CONCENTRATION), by_hand.spend_concentration())


def test_cohorts(told):
    shop, by_hand = told
    agree(found(shop, tables.COHORT_RETENTION), by_hand.cohort_retention())


def test_margins(told):
    shop, by_hand = told
    rows = found(shop, tables.PRODUCT_MARGINS)
    sold = by_hand._products(by_hand.goods)
    known = {key for key in sold if by_hand.products[key[2]]["margin"] is not None}
    assert set(rows) <= known
    assert {key for key in known if key[:2] == ("all", "everyone")} <= set(rows) | {
        key for key in known if len([k for k in known if k[:2] == key[:2]]) > ROWS
    }
    for key, row in rows.items():
        product, cell = by_hand.products[key[2]], sold[key]
        if by_hand.has_money:
            profit = (cell.spend * product["margin"]).quantize(cell.spend)
        elif product["cost"] is None or product["margin"] == 1:
            profit = None
        else:
            profit = float(cell.units * product["cost"] * product["margin"] / (1 - product["margin"]))
        got = row["gross_profit"]
        assert (got is None) == (profit is None), key
        assert profit is None or float(got) == pytest.approx(float(profit), abs=5.1e-5), key
        assert (row["rank_by_profit"] is None) == (profit is None)
        assert row["line_count"] == cell.lines
    for group in {key[:2] for key in rows}:
        mine = [row for key, row in rows.items() if key[:2] == group and row["rank_by_profit"]]
        by_rank = [row["gross_profit"] for row in sorted(mine, key=lambda row: row["rank_by_profit"])]
        assert by_rank == sorted(by_rank, reverse=True)
