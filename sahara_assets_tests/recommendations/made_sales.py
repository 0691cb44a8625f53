"""Purchases made up for the tests of recommendations: a few by hand, or a shop whose customers have two tastes."""

import random
from datetime import datetime, timedelta

import pyarrow as pa

from sahara_assets.recommendations.order_products import order_products
from sahara_assets_tests.small_shop import line

START = datetime(2025, 1, 1)
CUT_OFF = datetime(2025, 7, 1)


def sales_of(*rows):
    """Each row is (customer, order, product, day, bought, returned); the last two may be left out."""
    filled = [(*row, *(1.0, 0.0)[len(row) - 4 :]) for row in rows]
    customers, orders, products, days, bought, returned = zip(*filled, strict=True) if filled else ((),) * 6
    return order_products(
        pa.table(
            {
                "customer_id": pa.array(customers, pa.string()),
                "order_id": pa.array(orders, pa.string()),
                "product_id": pa.array(products, pa.string()),
                "ordered_at_local": pa.array([START + timedelta(days=day) for day in days], pa.timestamp("us")),
                "bought": pa.array(bought, pa.float64()),
                "returned": pa.array(returned, pa.float64()),
            }
        )
    )


def two_tastes(customers=60, products=12, orders=6, seed=3):
    """(customer, order, product, day): half of the customers buy tea things, the other half garden things, two or three an order."""
    draw = random.Random(seed)
    rows = []
    for number in range(customers):
        taste = ("tea", "garden")[number % 2]
        for order in range(orders):
            day = draw.randrange(30 * order, 30 * order + 30)
            chosen = {min(draw.randrange(products), draw.randrange(products)) for _ in range(3)}
            rows += [(f"c{number:03}", f"o{number:03}-{order}", f"{taste}-{each:02}", day) for each in sorted(chosen)]
    return rows


def as_lines(rows):
    """The same as the lines of a purchases file."""
    return [
        line(order, customer, product, at=f"{START + timedelta(days=day, hours=10)}")
        for customer, order, product, day in rows
    ]
