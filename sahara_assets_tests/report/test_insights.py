"""The report's insights: every number of the page comes from the tables, whatever period and buyers are chosen, and text stays text."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import random
import re
from datetime import date, timedelta
from html import unescape

import pytest

from sahara_assets.builds import Run
from sahara_assets.insights.sentences import month_of
from sahara_assets.report.insight_blocks import gather_insights
from sahara_assets.report.insight_charts import daily_sales
from sahara_assets.report.page import ReportData, render_report
from sahara_assets.report.svg import text_width
from sahara_assets.stages import insights as insights_stage
from sahara_assets.tables import insights as tables
from sahara_assets.tables.segmentation import SEGMENT_PROFILES
from sahara_assets_tests.browser import Browser
from sahara_assets_tests.insights.insight_shop import InsightShop, line
from sahara_assets_tests.insights.test_counted import make_lines, segments_of
from sahara_assets_tests.report.test_charts import parsed
from sahara_assets_tests.small_shop import NOW

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028{{ 7 * 7 }}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    made = InsightShop(
        tmp_path_factory.mktemp("report"), insights={"rows": 10, "months": 3}, project={"currency": "EUR"}
    )
    draw = random.Random(9)
    lines = make_lines(draw)
    for row in lines:
        if row["product_id"] == "p00":
            row["description"] = HOSTILE
        if row["place_id"] == "k10":
            row["place_id"] = "=cmd|'/C calc'!A0"
    made.deliver("purchases/a.csv", lines)
    names = {1: "Regulars", 2: HOSTILE, 12: "Newcomers"}
    filled = {"tier": "Gold", "centroid": "{}", "differences": "[]", "description": "d", "action": "a"}
    counted = {"customer_count": 1, "customer_share": 0.1, "outlier_count": 0}
    made.warehouse.replace(
        SEGMENT_PROFILES,
        [{"segment": key, "segment_name": name, **filled, **counted} for key, name in names.items()],
    )
    made.tell(segments_of(lines, draw))
    return made


@pytest.fixture(scope="module")
def page(shop):
    return render_report(ReportData("Shop", "EUR", insights=gather_insights(shop.warehouse, shop.settings)))


def _script(page):
    """The page's own script, and the JSON that it reads."""
    (data,) = re.findall(r'<script type="application/json" id="insight-data">(.*?)</script>', page, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return script, json.loads(data)


def test_the_page_lets_its_own_script_run_and_no_other(page):
    script, _ = _script(page)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in unescape(page)
    assert page.count("<script") == 2
    assert "<img" not in page
    assert "fetch(" not in script
    assert "XMLHttpRequest" not in script
    assert "innerHTML" not in script


def test_every_insight_is_told_with_its_sentence(shop, page):
    text = unescape(page)
    told = shop.rows(tables.INSIGHTS)
    assert len(told) == 15
    for row in told:
        # Of the figures above all others only the numbers are shown.
        assert row["name"] == "sales_by_period" or row["sentence"] in text or HOSTILE in row["sentence"]


def test_a_shop_that_sold_nothing_has_a_report_without_insights(tmp_path):
    empty = InsightShop(tmp_path)
    empty.deliver("purchases/a.csv", [line("C1", quantity="-1")])
    empty.tell()
    assert empty.rows(tables.INSIGHTS) == empty.rows(tables.TOP_PRODUCTS) == []
    page = render_report(ReportData("Shop", insights=gather_insights(empty.warehouse, empty.settings)))
    assert "<script" not in page
    assert 'id="insights"' not in page


def test_files_hold_every_row_and_run_nothing(shop, tmp_path):
    insights_stage.insight_files(shop.warehouse, shop.settings, Run("test", NOW))
    folder = shop.settings.export_folder / "insights"
    assert {path.name for path in folder.iterdir()} == {f"{t.name}.csv" for t in (*tables.TOLD, tables.INSIGHTS)}
    for table in tables.TOLD:
        with (folder / f"{table.name}.csv").open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        assert len(rows) == shop.warehouse.count(table)
        assert reader.fieldnames == list(table.column_names)
        assert not [value for row in rows for value in row.values() if value.startswith(("=", "@"))]
    assert "'=cmd" in (folder / "sales_by_place.csv").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def opened(page, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page, encoding="utf-8")
    with Browser() as browser:
        yield browser.open(path.as_uri(), width=1280)


def _choose(opened, period, buyers):
    """Choose by the first words, as a person does; what stands in the figures and in each table's first rows after it."""
    return opened.evaluate(
        f"""(() => {{
          for (const [id, word] of [["choose-period", {json.dumps(period)}], ["choose-buyers", {json.dumps(buyers)}]]) {{
            const box = document.getElementById(id);
            box.selectedIndex = [...box.options].findIndex(option => option.textContent.startsWith(word));
            box.dispatchEvent(new Event("change"));
          }}
          const words = (found) => [...found].map(cell => cell.textContent);
          return {{
            scope: document.getElementById("figures-scope").textContent,
            figures: words(document.querySelectorAll("#figures dd")),
            tables: Object.fromEntries([...document.querySelectorAll("#insights .insight")].map(block => [
              block.querySelector("h3").textContent, [...block.querySelectorAll("tbody tr")].map(row => words(row.cells))])),
            scripts: document.scripts.length, images: document.querySelectorAll("#insights img").length,
          }};
        }})()"""
    )


@pytest.mark.parametrize(
    ("period", "who", "buyers"),
    [
        ("all", "Everyone", "everyone"),
        ("2024", "1 Regulars", "1"),
        ("the latest month", "Anonymous orders", "anonymous"),
        ("2023", "2 </script>", "2"),
    ],
)
def test_another_period_and_other_buyers_show_the_numbers_of_their_tables(shop, opened, period, who, buyers):
    if period == "the latest month":
        period = max(
            row["period"]
            for row in shop.rows(tables.SALES_BY_PERIOD)
            if row["buyers"] == buyers and len(row["period"]) == 7
        )
    words = {"all": "The whole time"}.get(period) or (
        month_of(date.fromisoformat(f"{period}-01")) if len(period) == 7 else period
    )
    shown = _choose(opened, words, who)
    (sold,) = shop.table(tables.SALES_BY_PERIOD, period=period, buyers=buyers)
    assert shown["scope"].startswith(f"{words}, {who}")
    figures = [f"{sold[name]:,}" for name in ("order_count", "line_count")]
    assert shown["figures"][1:3] == figures
    assert shown["figures"][0].replace(",", "") in {f"{sold['gross_spend']:.0f}", f"{sold['gross_spend']:.2f}"}
    top = sorted(shop.table(tables.TOP_PRODUCTS, period=period, buyers=buyers), key=lambda row: row["rank_by_spend"])
    listed = shown["tables"]["Top products"]
    assert [row[-1] for row in listed] == [f"{row['order_count']:,}" for row in top[: len(listed)]]
    assert [row["product_id"] in cells[0] for row, cells in zip(top, listed, strict=False)] == [True] * len(listed)
    parts = shop.table(tables.SALES_BY_PART_OF_DAY, period=period, buyers=buyers)
    assert {row[0]: row[-1] for row in shown["tables"]["When people buy"]} == {
        row["part_of_day"]: f"{row['line_count']:,}" for row in parts
    }
    assert (shown["scripts"], shown["images"]) == (2, 0)
    assert opened.complaints == []
    assert len(opened.requests) == 1


def test_each_spend_says_whose_it_is(page):
    assert "Spend of these customers" in page
    assert '<p class="scope" id="figures-scope">The whole time, Everyone, known or anonymous</p>' in page
    assert "Everyone includes the orders without a customer, which no segment above has." in page


def test_the_cohorts_of_a_year_fit_a_laptop(opened):
    sizes = opened.evaluate(
        "[...document.querySelectorAll('table.broad')].map(t => [t.rows[0].cells.length, t.parentElement.scrollWidth, t.parentElement.clientWidth])"
    )
    ((columns, needed, room),) = sizes
    assert columns >= 14  # the cohort, its customers, and twelve months or more
    assert needed <= room


def test_an_odd_days_name_stands_above_the_curve_and_the_usual_line_is_explained():
    """A day far below the usual lies deep in the curve: its name would be printed across its neighbours."""
    days = [
        {"starts_on": date(2025, 1, 1) + timedelta(days=n), "gross_spend": 900.0 if n % 7 else 400.0, "usual_amount": 800.0,
         "is_odd": n == 60, "odd_score": -5.0, "remark": "far below"}
        for n in range(120)
    ]  # fmt: skip
    days[60]["gross_spend"] = 50.0
    root = parsed(daily_sales(days, width=960))
    words = {text.text: text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert "the grey line is what is usual for the weekday; ringed days are odd" in next(
        word for word in words if "grey" in word
    )
    name = words["2\xa0Mar\xa02025"]
    curve = [line for line in root.iter("{http://www.w3.org/2000/svg}polyline") if "s-first" in line.get("class")]
    points = [tuple(map(float, point.split(","))) for point in curve[0].get("points").split()]
    start = float(name.get("x"))
    under = [y for x, y in points if start <= x <= start + text_width("2 Mar 2025", 12)]
    assert under
    assert float(name.get("y")) < min(under)
