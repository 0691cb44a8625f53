"""The report in a real headless Chromium: no complaint on the console, no request, readable on a laptop and on a phone."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sahara_assets.report.page import ReportData, render_report
from sahara_assets_tests.browser import Browser, BrowserError
from sahara_assets_tests.report.hostile import hostile_report
from sahara_assets_tests.report.sample import report_data

REPORTS = {"full": report_data, "hostile": hostile_report, "nothing": lambda: ReportData(project_name="Empty shop")}
WIDTHS = (1280, 800, 390)


@pytest.fixture(scope="module")
def browser():
    with Browser() as started:
        yield started


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    for name, build in REPORTS.items():
        folder.joinpath(f"{name}.html").write_text(render_report(build()), encoding="utf-8")
    return {name: folder.joinpath(f"{name}.html").as_uri() for name in REPORTS}


@pytest.fixture(
    scope="module",
    params=[(name, width) for name in REPORTS for width in WIDTHS],
    ids=lambda case: f"{case[0]}-{case[1]}",
)
def page(request, browser, addresses):
    name, width = request.param
    opened = browser.open(addresses[name], width=width)
    opened.width = width
    opened.address = addresses[name]
    yield opened
    opened.close()


def test_the_page_opens_without_complaint_or_request_and_without_sideways_scrolling(page):
    assert page.complaints == []
    assert page.requests == [page.address]
    assert page.evaluate("innerWidth") == page.width
    assert page.evaluate("document.documentElement.scrollWidth") <= page.width
    # What is wider than the page scrolls in a box of its own; everything else ends within the page.
    beyond = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1)"
        ".map(e => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 40)}`)"
    )
    assert beyond == []


def test_no_visible_text_is_smaller_than_twelve_pixels(page):
    small = page.evaluate(
        """(() => {
          const found = [];
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const element = walker.currentNode.parentElement;
            const box = element.getBoundingClientRect();
            if (!walker.currentNode.data.trim() || !box.width || element.closest('title,desc,style')) continue;
            const svg = element.closest('svg');
            const zoom = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
            const size = parseFloat(getComputedStyle(element).fontSize) * zoom;
            if (size < 11.99) found.push([size, walker.currentNode.data]);
          }
          return found;
        })()"""
    )
    assert small == []


def test_every_visible_picture_has_a_title_and_shows_one_size_only(page):
    untitled = page.evaluate(
        "[...document.querySelectorAll('svg, img')].filter(e => !(e.querySelector(':scope > title') || e.alt)).length"
    )
    assert untitled == 0
    shown = page.evaluate(
        "[...document.querySelectorAll('figure')].map(f => [...f.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().width).length)"
    )
    assert set(shown) <= {1}


def test_headings_go_down_one_level_at_a_time(page):
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_screenshot_is_not_blank_and_follows_the_colour_scheme(browser, addresses, width, dark, tmp_path):
    page = browser.open(addresses["full"], width=width, dark=dark)
    png = page.screenshot(tmp_path / "report.png", full_page=not dark and width == 390)
    assert page.colour_count(png) > 100
    ground, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    brightness = [sum(int(part) for part in colour[4:-1].split(",")) for colour in (ground, ink)]
    assert (brightness[0] < brightness[1]) is dark
    chart = page.evaluate(
        "getComputedStyle([...document.querySelectorAll('svg .ground')].find(e => e.getBoundingClientRect().width)).fill"
    )
    assert (sum(int(part) for part in chart[4:-1].split(",")) < 200) is dark
    page.close()


def test_a_chart_shows_in_an_image_tag_of_another_page(browser, addresses):
    from sahara_assets.report.charts import segment_sizes
    from sahara_assets.report.svg import data_uri

    page = browser.open("about:blank", width=1000)
    size = page.evaluate(
        f"(async () => {{ const i = new Image(); i.src = '{data_uri(segment_sizes(report_data().segment_profiles))}'; await i.decode();"
        " document.body.append(i); return [i.naturalWidth, i.naturalHeight]; })()"
    )
    assert size == [960, 288]
    assert page.colour_count(page.screenshot(full_page=False)) > 10
    assert page.complaints == []
    page.close()


def test_what_a_script_in_data_would_do_did_not_happen(browser, addresses):
    page = browser.open(addresses["hostile"], width=1280)
    page.wait_for("h3", text="<script>alert(1)</script>")
    assert page.evaluate("document.scripts.length + document.images.length") == 0
    page.close()


def test_on_paper_wide_charts_make_way_for_ones_that_fit(browser, addresses):
    page = browser.open(addresses["full"], width=720)
    page.call("Emulation.setEmulatedMedia", {"media": "print"})
    widths = page.evaluate(
        "[...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect().width).filter(w => w)"
    )
    assert len(widths) == 7
    assert max(widths) <= 720
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    page.close()


def test_the_driver_reports_console_requests_and_late_elements(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(
        "<!doctype html><title>x</title><body><script>console.warn('look', 1); fetch('missing.json').catch(() => 0);"
        "setTimeout(() => { document.body.innerHTML = '<b>later</b>'; nope(); }, 200)</script>"
    )
    page = browser.open(path.as_uri(), width=320)
    page.wait_for("b", text="later")
    page.settle(0.2)
    assert page.evaluate("innerWidth") == 320
    assert [(message.level, message.text) for message in page.complaints if "look" in message.text] == [
        ("warning", "look 1")
    ]
    assert [message.level for message in page.complaints if "nope is not defined" in message.text] == ["exception"]
    assert any(request.endswith("missing.json") for request in page.requests)
    with pytest.raises(BrowserError, match="nothing here"):
        page.wait_for("b", text="nothing here", timeout_seconds=0.3)
    with pytest.raises(BrowserError, match="boom"):
        page.evaluate("(() => { throw new Error('boom') })()")
    with pytest.raises(BrowserError, match="ERR_FILE_NOT_FOUND"):
        browser.open((tmp_path / "absent.html").as_uri())
    page.close()


def test_a_browser_that_cannot_start_says_so(tmp_path):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho cannot start >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(BrowserError, match="cannot start"), Browser(str(broken)):
        pass
