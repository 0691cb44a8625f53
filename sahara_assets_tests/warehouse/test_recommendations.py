"""Recommendations are the same on every warehouse: pairs and ids exactly, scores to 1e-9."""

import pytest

from sahara_assets.builds import Run, record
from sahara_assets.exports.promotions import publish_promotions
from sahara_assets.quality import contracts, recommendations
from sahara_assets.recommendations import building
from sahara_assets_tests.recommendations.made_sales import CUT_OFF, as_lines, two_tastes
from sahara_assets_tests.recommendations.test_building import FIXED, TABLES
from sahara_assets_tests.small_shop import NOW, SmallShop, line

SECTION = {**FIXED, "audiences": {"garden": {"category": "^garden", "customers": 5}, "cup": {"products": ["tea-00"]}}}
STRANGE = [
    line("s1", "é", 'a "quoted", id'),
    line("s1", "é", "Zebra"),
    line("s2", "'; --", "zebra"),
    line("s3", "", "tea-00"),
]


def deliver(shop):
    lines = [{**row, "category": row["product_id"].partition("-")[0]} for row in as_lines(two_tastes(customers=30))]
    returned = line("C1", "c000", lines[0]["product_id"], quantity="-1", at="2025-06-20 10:00:00")
    shop.deliver("purchases/a.csv", [*lines, returned, *STRANGE])


def recommend(shop):
    """As the stages do it, without features, which have a contract of their own."""
    shop.build(features=False)
    run, given = Run("test", NOW), ("purchases", CUT_OFF)
    with shop.warehouse.transaction():
        record(shop.warehouse, run, "customer_features", "none", 0, {"cut_off": CUT_OFF.isoformat()})
    building.bought_together(shop.warehouse, shop.settings, run, *given)
    building.popular_products(shop.warehouse, shop.settings, run, *given)
    building.recommendation_model(shop.warehouse, shop.settings, run, CUT_OFF, retrain=False)
    building.product_recommendations(shop.warehouse, shop.settings, run, *given)
    publish_promotions(shop.warehouse, shop.settings, run, "promotions")


def test_recommendations_are_equal_and_their_checks_pass(warehouse, tmp_path):
    shops = [
        SmallShop(tmp_path / "embedded", recommendations=SECTION),
        SmallShop(tmp_path / "here", warehouse, recommendations=SECTION),
    ]
    for shop in shops:
        deliver(shop)
        recommend(shop)
    embedded, here = shops
    for table in TABLES:
        mine, theirs = here.rows(table), embedded.rows(table)
        assert len(mine) == len(theirs) > 0 or table.name == "product_factors", table.name
        for row, other in zip(mine, theirs, strict=True):
            for name, value in other.items():
                assert row[name] == (pytest.approx(value, abs=1e-9) if isinstance(value, float) else value), (
                    table.name,
                    name,
                )
    asked = [
        *recommendations.QUESTIONS,
        *(q for q in contracts.QUESTIONS if q.asset in {table.name for table in TABLES}),
    ]
    verdicts = [question.answer(here.warehouse, here.settings) for question in asked]
    assert len(verdicts) == 8
    assert [v for v in verdicts if not v.passed] == []
    for name in ("promotion_garden.csv", "promotion_cup.csv"):
        files = [shop.root / "exports" / name for shop in shops]
        assert files[0].read_bytes() == files[1].read_bytes()
