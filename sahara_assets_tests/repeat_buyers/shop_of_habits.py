"""A shop whose customers have habits: some come again and again, some once; who will buy again can be told, but not for certain."""

import os
from datetime import UTC, datetime, timedelta

import numpy as np

from sahara_assets_tests.small_shop import SmallShop, line

FIRST, END = datetime(2024, 1, 1), datetime(2025, 1, 1)
WANTED = {
    "enabled": True,
    "horizon_days": 60,
    "training_cut_offs": 3,
    "minimum_customers": 40,
    "features": ["recency_days", "order_count", "gross_spend", "mean_days_between_orders"],
}


def orders(count, seed=0, *, first=FIRST, end=END):
    """Order lines of customers with a rhythm of their own."""
    draws, found = np.random.default_rng(seed), []
    days = (end - first).days
    for number in range(count):
        at, pause = draws.uniform(0, days * 0.6), float(draws.lognormal(4.0, 1.0))
        while at < days:
            moment = first + timedelta(days=float(at))
            found.append(
                line(
                    f"{number}-{len(found)}",
                    f"c{number:04}",
                    price=f"{draws.lognormal(3, 0.5):.2f}",
                    at=f"{moment:%Y-%m-%d %H:%M:%S}",
                )
            )
            if draws.random() < 0.15:
                break
            at += draws.exponential(pause)
    return found


def shop_of_habits(
    folder, warehouse=None, /, *, count=260, seed=0, lines=None, wanted=WANTED, features=True, **settings
):
    """The shop, built down to its features, with `[repeat_buyers]` set."""
    shop = SmallShop(folder, warehouse, repeat_buyers=wanted, **settings)
    target = shop.deliver("purchases/all.csv", orders(count, seed) if lines is None else lines)
    stamp = END.replace(tzinfo=UTC).timestamp()
    os.utime(target, (stamp, stamp))
    shop.build(features=features)
    return shop
