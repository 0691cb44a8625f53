"""The report's HTML: escaped, self-contained, deterministic, complete, and sensible when there is little to say."""

from __future__ import annotations

import decimal
import random
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.report.page import Check, ReportData, render_report
from sahara_assets.report.svg import DARK, LIGHT
from sahara_assets_tests.report.hostile import MARKUP, hostile_report
from sahara_assets_tests.report.sample import drop, profile, reject, report_data, sweep
from sahara_assets_tests.report.test_charts import contrast

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Outline(HTMLParser):
    """Elements, attributes, headings and visible text of a page; complains of tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if "style" in self.stack:
            return
        if any(re.fullmatch(r"h[1-6]", tag) for tag in self.stack[-3:]):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)
        if "svg" not in self.stack:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words)).strip()

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


CASES = {
    "full": report_data(),
    "nothing": ReportData(project_name="Empty shop"),
    "hostile": hostile_report(),
    "drops without a model": ReportData(
        project_name="x", drops=report_data().drops, reject_summary=report_data().reject_summary
    ),
    "one segment": report_data(
        segment_profiles=[profile(1)], k_sweep=sweep(1, 1, 1), segment_changes=(), checks=(), top_categories=()
    ),
}


@pytest.fixture(scope="module")
def pages():
    return {name: render_report(data) for name, data in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_the_page_nests_and_can_be_encoded(pages, name):
    pages[name].encode()
    outline = Outline(pages[name])
    assert outline.tags >= {"html", "head", "title", "main", "footer"}
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", pages[name])


@pytest.mark.parametrize("name", CASES)
def test_the_page_holds_no_script_and_asks_the_network_for_nothing(pages, name):
    outline = Outline(pages[name])
    assert not outline.tags & {
        "script",
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "image",
        "use",
        "foreignobject",
    }
    for tag, attributes in outline.elements:
        assert not [
            key for key in attributes if key.startswith("on") or key in {"src", "srcset", "xlink:href", "action"}
        ]
        href = attributes.get("href")
        assert href is None or href.startswith(("#", "./")) or (tag, href) == ("link", "data:,")
    styles = re.findall(r"<style>(.*?)</style>", pages[name], flags=re.DOTALL)
    assert not [style for style in styles if "url(" in style or "@import" in style or "expression(" in style]
    policy = next(
        a["content"]
        for tag, a in outline.elements
        if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy


def test_what_data_says_is_printed_as_it_stands(pages):
    outline = Outline(pages["hostile"])
    assert outline.text.count(MARKUP) >= 20
    assert "49" not in re.sub(
        r"[\d,.]*49[\d,.]+|[\d,.]+49", "", outline.text.replace(MARKUP, "")
    )  # no template in data is rendered


def test_a_file_whose_name_looks_like_an_address_is_linked_as_a_file(pages):
    links = [a["href"] for tag, a in Outline(pages["hostile"]).elements if tag == "a"]
    assert "./javascript%3Aalert%281%29" in links


@pytest.mark.parametrize("name", CASES)
def test_the_same_rows_give_the_same_bytes(pages, name):
    assert render_report(CASES[name]) == pages[name]


def test_what_differs_between_two_warehouses_with_the_same_drops_is_not_printed(pages):
    data = report_data()
    other = [
        {**row, "loaded_at": datetime(2031, 3, 4, tzinfo=UTC), "run_id": "another", "signature": "x"}
        for row in data.drops
    ]
    random.Random(3).shuffle(other)
    assert render_report(replace(data, drops=other)) == pages["full"]


def test_somebody_elses_decimal_context_changes_nothing(pages):
    data = report_data()
    with decimal.localcontext() as context:
        context.prec = 3
        context.rounding = decimal.ROUND_FLOOR
        assert render_report(data) == pages["full"]


def test_headings_go_down_one_level_at_a_time_and_segments_come_first(pages):
    for page in pages.values():
        levels = [level for level, _ in Outline(page).headings]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
    sections = [text for level, text in Outline(pages["full"]).headings if level == 2]
    assert sections == [
        "Segments", "Overview", "Why 5\xa0segments", "What changed at the last retraining", "Data quality", "Audience files", "Checks",
    ]  # fmt: skip


def test_every_link_within_the_page_leads_somewhere(pages):
    for page in pages.values():
        elements = Outline(page).elements
        ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert {a["href"][1:] for tag, a in elements if tag == "a" and (a["href"] or "").startswith("#")} <= set(ids)


def test_every_picture_has_a_title_and_every_scrolling_box_a_name(pages):
    for page in pages.values():
        svgs = re.findall(r"<svg[^>]*>(.{8})", page)
        assert all(start.startswith("<title>") for start in svgs)
        boxes = [a for tag, a in Outline(page).elements if "scroll" in (a.get("class") or "").split()]
        assert all(a.get("aria-label") and a.get("tabindex") == "0" for a in boxes)


def test_a_card_says_size_shares_worth_difference_and_action_in_words():
    text = Outline(render_report(report_data())).text
    start = text.index("Loyal big spenders", text.index("Ordered by number"))
    card = text[start : text.index("Regular buyers", start)]
    for said in (
        "Platinum", "14.2\xa0% of customers", "64.1\xa0% of spend", "Customers618", "Spend per customer, mean9,246\xa0GBP",
        "Orders per customer, mean14.2", "Days since last order, median9", "Spend: 4,211\xa0GBP, far above the usual 674.48\xa0GBP",
        "Orders: 10 orders, far above the usual 2 orders", "Different products bought: 119 products, clearly above the usual 35 products",
        "Suggested actionLook after them in person", "7\xa0customers in it are unlike the rest",
    ):  # fmt: skip
        assert re.sub(r"\s", "", said) in re.sub(r"\s", "", card), said


def test_a_category_that_is_common_in_a_segment_is_told_with_both_shares():
    row = profile(
        1,
        differences=[
            {
                "feature": "country",
                "label": "country: France",
                "unit": "share",
                "z": 1.1,
                "segment_share": 0.31,
                "everyone_share": 0.02,
            }
        ],
    )
    assert "Country: France: 31.0\xa0%, clearly above the usual 2.0\xa0%" in render_report(
        report_data(segment_profiles=[row])
    ).replace("</b>", "").replace("<b>", "").replace("<span>", "")


def test_a_profile_without_differences_shows_its_description():
    row = profile(1, differences="[]", description="They are like everybody.")
    assert "They are like everybody." in render_report(report_data(segment_profiles=[row]))


def test_the_opening_sentence_names_who_brings_most():
    assert "“Loyal big spenders” are 14.2\xa0% of customers and bring 64.1\xa0% of spend." in Outline(
        render_report(report_data())
    ).text.replace(" %", "\xa0%")


def test_rows_add_up_in_words_and_a_gap_is_said():
    whole = ReportData(
        project_name="x",
        drops=[drop(date(2011, 1, 1), 100, 7), drop(date(2011, 1, 2), 50, 50, status="rejected", reason="no header")],
    )
    text = Outline(render_report(whole)).text.replace("\xa0", " ")
    assert (
        "2 drops with 150 rows: 93 loaded, 7 rejected, 50 in drops kept out whole. The sum is complete: no row was lost."
        in text
    )
    assert "no header" in text
    broken = ReportData(project_name="x", drops=[drop(date(2011, 1, 1), 100, 7, rows_loaded=90)])
    assert "The sum is off by 3: see the checks." in Outline(render_report(broken)).text


def test_a_repeat_is_counted_as_such_and_its_rows_once():
    drops = [drop(date(2011, 1, 1), 100), drop(date(2011, 1, 1), 100, path="purchases/again.csv")]
    text = Outline(render_report(ReportData(project_name="x", drops=drops))).text.replace("\xa0", " ")
    assert "1 drop with 100 rows: 100 loaded, 0 rejected." in text


def test_steps_stand_in_the_order_of_the_pipeline_with_signs_that_add_up():
    text = Outline(render_report(report_data())).text
    account = text[
        text.index("What left at each step") : text.index("Audience files", text.index("What left at each step"))
    ]
    assert account.index("raw_purchases") < account.index("anonymous lines")
    for said in (
        "taken in from purchases541,909", "anonymous lines−135,080", "further lines of a customer−402,457",
        "customers of the customer file without lines (added)12", "handed on4,384",
    ):  # fmt: skip
        assert re.sub(r"\s", "", said) in re.sub(r"\s", "", account)


def test_a_verdict_does_not_repeat_what_stands_beside_it():
    verdict = (
        "k = 5: out, because its stability of 0.729 is under the minimum of 0.800 (silhouette 0.313, stability 0.729)."
    )
    text = Outline(render_report(report_data(k_sweep=[{**sweep(5, 5)[0], "verdict": verdict}]))).text
    assert "Out, because its stability of 0.729 is under the minimum of 0.800." in text
    assert "(silhouette 0.313" not in text.split("Every number tried")[1]


def test_the_newest_drops_stand_first_by_the_date_of_the_file():
    days = [date(2011, 3, 1), date(2011, 3, 9), date(2011, 3, 5)]
    page = render_report(
        ReportData(
            project_name="x", drops=[drop(day, loaded_at=datetime(2012, 1, day.day, tzinfo=UTC)) for day in days]
        )
    )
    text = Outline(page).text
    places = [text.index(f"purchases/{day.isoformat()}.csv") for day in sorted(days, reverse=True)]
    assert places == sorted(places)


def test_examples_of_rejects_name_file_and_line_and_are_cut():
    example = reject("Quantity holds 'n/a'; write a number", 118, "x" * 1000)
    summary = [{"dataset": "purchases", "column_name": "Quantity", "reason": example["reason"], "row_count": 2}]
    data = report_data(
        reject_summary=summary, reject_examples=[example, {**example, "drop_id": "unknown-to-the-ledger", "line": 3}]
    )
    text = Outline(render_report(data)).text
    assert "purchases/2010-12-09.csv, line 118" in text
    assert "unknown-to-t, line 3" in text
    assert "x" * 239 + "…" in text
    assert "x" * 240 not in text


def test_no_more_than_three_examples_stand_under_a_reason():
    examples = [reject("Quantity holds 'n/a'; write a number", line, f"row number {line}") for line in range(1, 9)]
    summary = [
        {
            "dataset": "purchases",
            "column_name": "Quantity",
            "reason": "Quantity holds 'n/a'; write a number",
            "row_count": 8,
        }
    ]
    text = Outline(render_report(report_data(reject_summary=summary, reject_examples=examples))).text
    assert [line for line in range(1, 9) if f"row number {line}" in text] == [1, 2, 3]


def test_the_last_change_of_the_champion_is_shown():
    def change(version, k, name):
        return {"version": version, "k": k, "position": 1, "change": "kept", "segment": 1, "old_name": name, "new_name": name,
                "centroid_shift": 0.1, "customers_stayed": 30, "customers_joined": 10, "customers_left": 5}  # fmt: skip

    changes = [change(2, 5, "Old"), change(3, 4, "Other k"), change(3, 5, "Current")]
    text = Outline(render_report(report_data(segment_changes=changes))).text.replace("\xa0", " ")
    assert (
        "Training 3 made 5 segments: 1 kept, 0 new, 0 gone. 10 customers (25.0 %) are in another segment than before."
        in text
    )
    assert "Current" in text
    assert "Other k" not in text


def test_the_first_model_is_not_told_as_a_change():
    first = [{**row, "change": "new", "old_name": None, "customers_stayed": 0} for row in report_data().segment_changes]
    text = Outline(render_report(report_data(segment_changes=first))).text
    assert "Nothing yet: this is the first model." in text
    assert "in another segment than before" not in text


def test_failed_checks_are_told_at_the_top_errors_first():
    checks = [
        Check("a_warning", False, "warn", "look at this"),
        Check("an_error", False, "error", "mend this"),
        Check("fine", True, "error", "ok"),
    ]
    text = Outline(render_report(report_data(checks=checks))).text.replace("\xa0", " ")
    assert "2 checks ask for a look. mend this look at this" in text
    assert "1 of 3 checks passed." in text


def test_without_a_model_the_page_says_so_and_shows_what_was_delivered():
    text = Outline(render_report(CASES["drops without a model"])).text
    assert "There is no segmentation yet. Below is what has been delivered so far." in text
    assert "Overview" not in text
    assert "Rejected rows" in text


def test_an_empty_shop_is_told_what_to_do():
    text = Outline(render_report(CASES["nothing"])).text
    for said in (
        "No segments yet.",
        "No drops yet. Put a file into the drop folder",
        "No row was rejected.",
        "No audience file has been written yet.",
    ):
        assert said in text
    assert "None" not in text
    assert "nan" not in text


@settings(max_examples=25, deadline=None)
@given(name=st.text(st.characters(codec=None), max_size=40), row_text=st.text(st.characters(codec=None), max_size=80))
def test_any_text_leaves_the_page_whole(name, row_text):
    data = ReportData(
        project_name=name,
        segment_profiles=[profile(1, segment_name=name, description=row_text, differences=row_text)],
        reject_summary=[{"dataset": name, "column_name": name, "reason": row_text, "row_count": 1}],
        reject_examples=[reject(row_text, 1, row_text, name)],
        drops=[drop(date(2011, 1, 1), path=name, reason=row_text, status="held")],
        audience_files=[{"file_name": name, "format": row_text, "row_count": 1, "sha256": name, "left_out": 0}],
        checks=[Check(name, False, "warn", row_text)],
    )
    page = render_report(data)
    page.encode()
    assert "script" not in Outline(page).tags


def css_colours(block):
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def test_the_pages_own_colours_can_be_read_in_both_schemes():
    style = files("sahara_assets.report").joinpath("report.css").read_text(encoding="utf-8")
    light, dark = re.findall(r"/\* (?:light|dark) \*/(.*?)\}", style, flags=re.DOTALL)
    own = css_colours(light)
    for palette in (LIGHT | own, DARK | own | css_colours(dark)):
        for text in ("ink", "muted", "accent"):
            assert contrast(palette[text], palette["page"]) >= 4.5, text
            assert contrast(palette[text], palette["ground"]) >= 4.5, text
        assert contrast(palette["ink"], palette["accent-soft"]) >= 4.5
        assert contrast(palette["accent"], palette["accent-soft"]) >= 4.5
        assert contrast(palette["ink"], palette["bad-soft"]) >= 4.5
        for status in ("good", "bad"):
            assert contrast(palette[status], palette["ground"]) >= 4.5, status
        for tier in ("platinum", "gold", "silver", "bronze"):
            assert contrast(palette["tier-ink"], palette[tier]) >= 4.5, tier


def test_commands_in_what_a_check_says_are_code_and_nothing_else_is_markup():
    checks = [Check("no_rejected_rows", False, "warn", "<i>2</i> rows; `sahara rejects` says why")]
    page = render_report(report_data(checks=checks))
    assert "&lt;i&gt;2&lt;/i&gt; rows; <code>sahara rejects</code> says why" in page
    assert "`" not in Outline(page).text


def test_who_is_unlike_the_rest_and_why_customers_are_left_out_is_named():
    data = report_data(
        outliers={1: ["c17", "<b>"]}, left_out={"ga360": {"no_client_id": 230, "starts_like_formula": 6}}
    )
    text = Outline(render_report(data)).text.replace("\xa0", " ")
    assert (
        "7 customers in it are unlike the rest (c17, <b> and 5 more; is_outlier in the table customer_segments)" in text
    )
    assert "236230 no client id6 starts like formula" in text


def test_everything_that_the_score_is_made_of_stands_beside_it():
    text = Outline(render_report(report_data())).text
    row = next(row for row in sweep() if row["is_chosen"])
    assert "Elbow" in text
    for part in ("elbow", "wholeness", "steadiness"):
        assert f"{row[part]:.3f}" in text
