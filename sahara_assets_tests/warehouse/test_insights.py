"""What the sales say is the same on every warehouse, and so are the views that reporting tools sit on."""

import random

import pytest

from sahara_assets.builds import Run
from sahara_assets.insights.views import IN_WORDS, content_of
from sahara_assets.quality.insights import QUESTIONS
from sahara_assets.stages import insights as insights_stage
from sahara_assets.tables.columns import Kind
from sahara_assets.tables.insights import INSIGHT_LINES, INSIGHT_TABLES
from sahara_assets.tables.reporting import REPORT_SALES_LINES, REPORT_SEGMENTS, REPORT_VIEWS
from sahara_assets.tables.segmentation import SEGMENT_PROFILES
from sahara_assets_tests.insights.insight_shop import InsightShop
from sahara_assets_tests.insights.test_counted import make_lines, segments_of
from sahara_assets_tests.small_shop import NOW

SETTINGS = {
    "insights": {"rows": 10, "months": 3, "pair_orders": 3},
    "rules": {"fee_codes": ["POST"]},
    "parts_of_day": {"rule": "byte-foods", "time_zone": "America/Los_Angeles"},
}


def _profile(segment):
    return {
        "segment": segment,
        "segment_name": f"Segment {'AB'[segment % 2]}",
        "tier": "Gold",
        "customer_count": 1,
        "customer_share": 0.5,
        "outlier_count": 0,
        "centroid": "{}",
        "differences": "[]",
        "description": "d",
        "action": "a",
    }


def _told(folder, warehouse=None):
    shop = InsightShop(folder, warehouse, **SETTINGS)
    draw = random.Random(5)
    lines = make_lines(draw)
    shop.deliver("purchases/a.csv", lines)
    shop.deliver(
        "products/a.csv",
        [
            {"product_id": f"p{n:02d}", "brand": "Own" if n % 2 else "", "margin": f"0.{n:02d}", "cost": "2"}
            for n in range(16)
        ],
    )
    segments = segments_of(lines, draw)
    shop.warehouse.replace(SEGMENT_PROFILES, [_profile(segment) for segment in (1, 2)])
    shop.tell(segments)
    return shop


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    return _told(tmp_path_factory.mktemp("embedded"))


def _assert_equal(table, found, expected):
    assert len(found) == len(expected), table.name
    for mine, theirs in zip(found, expected, strict=True):
        for column in table.columns:
            value = theirs[column.name]
            if column.kind is Kind.FLOAT and value is not None:
                value = pytest.approx(value, rel=1e-9, abs=1e-12)
            assert mine[column.name] == value, (table.name, column.name, mine)


# `test_equal_tables` compares the insights of a whole run on every warehouse; this adds rarer lines, views, and a mapping of the clock.
def test_every_insight_and_every_view_is_the_same_on_every_warehouse_and_views_stay(warehouse, embedded, tmp_path):
    # One shop for both, because counting it on a fake BigQuery takes longest.
    here, run = _told(tmp_path / "here", warehouse), Run("test", NOW)
    for table in INSIGHT_TABLES:
        _assert_equal(table, here.rows(table), embedded.rows(table))
        assert here.rows(table), table.name
    for shop in (here, embedded):
        insights_stage.report_views(shop.warehouse, shop.settings, run)
    present = here.warehouse.present_columns()
    for view in REPORT_VIEWS:
        found = here.rows(view)
        _assert_equal(view, found, embedded.rows(view))
        assert found, view.name
        assert present[view.name] == set(view.column_names)
        if "buyers_name" in view.column_names:
            words = {row["buyers"]: row["buyers_name"] for row in found}
            # Segment 12 has no profile here, as between a change of model and the next run, and keeps its number.
            assert words == {key: {**IN_WORDS, "1": "Segment B", "2": "Segment A", "12": "12"}[key] for key in words}
    assert {row["period_kind"] for row in here.rows(REPORT_VIEWS[2])} == {"all", "year", "month"}
    _views_outlive_what_they_show(here, run)


def _views_outlive_what_they_show(shop, run):
    warehouse = shop.warehouse
    assert not insights_stage.report_views(warehouse, shop.settings, run).rebuilt
    # Their tables are written anew, as every run with something new does, under the same views.
    sales = [row for row in shop.rows(INSIGHT_LINES) if row["is_sale"]]
    warehouse.replace(INSIGHT_LINES, sales[:3])
    warehouse.replace(SEGMENT_PROFILES, [_profile(7)])
    warehouse.prepare()
    assert [row["order_id"] for row in shop.rows(REPORT_SALES_LINES)] == [row["order_id"] for row in sales[:3]]
    assert [row["segment"] for row in shop.rows(REPORT_SEGMENTS)] == [7]
    # One that another version has made otherwise gets its columns back.
    narrow = REPORT_SEGMENTS.only("tier", "segment")
    warehouse.create_view(narrow, content_of(warehouse, REPORT_SEGMENTS).select("tier", "segment"))
    assert warehouse.present_columns()[REPORT_SEGMENTS.name] == {"tier", "segment"}
    assert insights_stage.report_views(warehouse, shop.settings, run).rebuilt
    assert [row["segment_name"] for row in shop.rows(REPORT_SEGMENTS)] == ["Segment B"]


def test_a_view_that_loses_or_doubles_rows_is_found(tmp_path):
    shop = _told(tmp_path)
    insights_stage.report_views(shop.warehouse, shop.settings, Run("test", NOW))
    ask = next(question.ask for question in QUESTIONS if question.name == "views_show_all")
    assert ask(shop.warehouse, shop.settings)[0]
    with shop.warehouse.transaction():
        shop.warehouse.insert(SEGMENT_PROFILES, [_profile(1)])
    passed, said, _ = ask(shop.warehouse, shop.settings)
    assert not passed
    assert "report_basket_pairs shows" in said
    shop.warehouse.reader.execute(f"DROP VIEW {REPORT_SEGMENTS.name}")
    assert ask(shop.warehouse, shop.settings)[1].startswith("report_segments is not there as declared")
