"""The charts: well-formed, escaped, inside their frame, the same bytes for the same rows, and true to the numbers."""

from __future__ import annotations

import base64
import random
import re
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sahara_assets.report import charts
from sahara_assets.report.drop_charts import counted_drops, drop_history, reason_kind, reject_reasons
from sahara_assets.report.svg import DARK, LIGHT, data_uri, log_ticks, text_width, ticks, wrapped
from sahara_assets.report.sweep_chart import PANELS, sweep_plot
from sahara_assets_tests.report.sample import drop, profile, report_data, sweep, trading_days

SVG = "{http://www.w3.org/2000/svg}"
WIDTHS = (charts.NARROW, charts.MEDIUM, charts.WIDE)
HOSTILE = (
    "<script>alert(1)</script>",
    "]]>",
    "&amp;",
    "\"'",
    "\x00\x0b\x1b",
    "\ud800",
    "\u202etfel",
    "日本語の顧客" * 20,
    "a" * 400,
    "",
)

labels = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec=None), max_size=60))
numbers = st.one_of(st.none(), st.floats(), st.decimals(), st.integers())
tame = st.floats(-1e9, 1e9)


def every_chart(data, width):
    return {
        "sizes": charts.segment_sizes(data.segment_profiles, width=width),
        "map": charts.segment_map(data.segment_profiles, data.currency, width=width),
        "heat": charts.profile_heat_map(data.segment_profiles, data.currency, width=width),
        "categories": charts.category_shares(data.top_categories, data.currency, width=width),
        "sweep": sweep_plot(data.k_sweep, width=width),
        "drops": drop_history(data.drops, width=width),
        "rejects": reject_reasons(data.reject_summary, width=width),
    }


def parsed(svg):
    svg.encode()  # no lone surrogate survives
    root = ET.fromstring(svg)  # noqa: S314 - our own
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text
    assert root[1].tag == f"{SVG}desc"
    assert float(root.get("width")) > 0
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    return root


def with_class(root, tag, css):
    return [element for element in root.iter(f"{SVG}{tag}") if css in (element.get("class") or "").split()]


def hints(root, tag, css):
    return [
        element.find(f"{SVG}title").text
        for element in with_class(root, tag, css)
        if element.find(f"{SVG}title") is not None
    ]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "data",
    [report_data(), report_data(segment_profiles=(), k_sweep=(), drops=(), reject_summary=(), top_categories=())],
)
def test_every_chart_is_a_titled_picture_even_without_rows(data, width):
    for svg in every_chart(data, width).values():
        parsed(svg)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_same_rows_give_the_same_bytes(width):
    assert every_chart(report_data(), width) == every_chart(report_data(), width)


@settings(max_examples=30, deadline=None)
@given(label=labels, other=labels, values=st.tuples(*[numbers] * 6), currency=labels)
@example(label="x", other="y", values=(float("nan"), float("inf"), None, Decimal("NaN"), 10**400, -5), currency="€")
@example(label="x", other="y", values=(1.7e308, -1.7e308, 5e-324, 1e308, 0, -0.0), currency="")
def test_no_label_and_no_number_breaks_a_chart(label, other, values, currency):
    customers, spend_share, spend, days, mean, z = values
    rows = [
        profile(1, segment_name=label, customer_count=customers, customer_share=spend_share, median_recency_days=days,
                mean_gross_spend=mean, gross_spend=spend, differences=[{"feature": label, "label": other, "z": z, "segment_median": mean}]),
        profile(2, segment_name=other, spend_share=spend_share, centroid={other: z}),
        profile(3, differences=other, centroid=label),
    ]  # fmt: skip
    swept = [{**row, "silhouette": values[row["k"] % 6], "score": values[(row["k"] + 1) % 6]} for row in sweep()]
    history = (
        [drop(date(2011, 1, 1), path=label, rows_read=customers), drop(date(2011, 3, 1), rows_read=5)]
        if isinstance(customers, int)
        else ()
    )
    data = report_data(
        segment_profiles=rows,
        k_sweep=swept,
        drops=history,
        currency=currency,
        reject_summary=[{"dataset": label, "column_name": other, "reason": label, "row_count": values[0]}],
        top_categories=[{"rank": 1, "category": label, "gross_spend": spend, "spend_share": spend_share}],
    )
    for width in (charts.NARROW, charts.WIDE):
        for svg in every_chart(data, width).values():
            parsed(svg)
            assert "nan" not in re.sub(r">[^<]*<", "><", svg).lower().replace("banana", "")
            assert not re.search(r'="-?inf', svg)


def boxes(root):
    """Left, top, right, bottom of everything drawn; a text's ends by the drawing board's own estimate."""
    for element in root.iter():
        number = {key: float(value) for key, value in element.attrib.items() if re.fullmatch(r"-?[\d.]+", value)}
        tag, css = element.tag.removeprefix(SVG), (element.get("class") or "").split()
        if tag == "rect":
            x, y = number.get("x", 0), number.get("y", 0)
            yield x, y, x + number["width"], y + number["height"]
        elif tag == "circle":
            yield (
                number["cx"] - number["r"],
                number["cy"] - number["r"],
                number["cx"] + number["r"],
                number["cy"] + number["r"],
            )
        elif tag == "text":
            length = text_width((element[-1].tail if len(element) else element.text) or "", 12)
            left = number["x"] - (length if "end" in css else length / 2 if "middle" in css else 0)
            yield left, number["y"] - 12, left + length, number["y"]


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(
        st.one_of(st.text("abcdefgh ÄWM", max_size=70), st.sampled_from(("日本語の顧客" * 9, "W" * 90))),
        min_size=1,
        max_size=15,
    ),
    spends=st.lists(tame, min_size=15, max_size=15),
    shares=st.lists(st.floats(-0.3, 1), min_size=15, max_size=15),
    days=st.lists(st.floats(0, 5000), min_size=15, max_size=15),
    width=st.sampled_from(WIDTHS),
)
def test_nothing_of_a_segment_chart_is_drawn_outside_its_frame(names, spends, shares, days, width):
    rows = [
        profile(
            n + 1, segment_name=name, mean_gross_spend=spends[n], spend_share=shares[n], median_recency_days=days[n]
        )
        for n, name in enumerate(names)
    ]
    for svg in (
        charts.segment_sizes(rows, width=width),
        charts.segment_map(rows, "GBP", width=width),
        charts.profile_heat_map(rows, "GBP", width=width),
    ):
        root = parsed(svg)
        right, bottom = float(root.get("width")), float(root.get("height"))
        for box in boxes(root):
            assert box[0] >= -0.6, box
            assert box[1] >= -0.6, box
            assert box[2] <= right + 0.6, box
            assert box[3] <= bottom + 0.6, box


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_of_the_other_charts_is_drawn_outside_its_frame(width):
    for svg in (sweep_plot(sweep(2, 40, 15), width=width), sweep_plot(sweep(), width=width), drop_history(report_data().drops, width=width),
                reject_reasons(report_data().reject_summary, width=width)):  # fmt: skip
        root = parsed(svg)
        for left, top, right, bottom in boxes(root):
            assert left >= -0.6
            assert top >= -0.6
            assert right <= float(root.get("width")) + 0.6
            assert bottom <= float(root.get("height")) + 0.6


def test_a_bars_length_is_in_proportion_to_its_share():
    rows = [profile(1, customer_share=0.5, spend_share=0.25), profile(2, customer_share=0.125, spend_share=0.4)]
    root = parsed(charts.segment_sizes(rows))
    customers = [
        float(bar.get("width")) for bar in with_class(root, "rect", "first")[1:]
    ]  # the legend's swatch comes first
    spend = [float(bar.get("width")) for bar in with_class(root, "rect", "second")[1:]]
    assert customers[0] / customers[1] == pytest.approx(4, abs=0.02)
    assert customers[0] / spend[0] == pytest.approx(2, abs=0.02)
    assert customers[0] / spend[1] == pytest.approx(1.25, abs=0.02)


def test_a_negative_share_reaches_to_the_left_of_the_others():
    root = parsed(charts.segment_sizes([profile(1, customer_share=0.5, spend_share=-0.1)]))
    positive, negative = with_class(root, "rect", "first")[1], with_class(root, "rect", "second")[1]
    assert float(negative.get("x")) + float(negative.get("width")) == pytest.approx(float(positive.get("x")), abs=0.2)


def test_the_map_puts_recent_left_and_big_spenders_up():
    rows = [
        profile(1, median_recency_days=5, mean_gross_spend=100),
        profile(2, median_recency_days=200, mean_gross_spend=9000),
        profile(3, median_recency_days=100, mean_gross_spend=900),
    ]
    discs = with_class(parsed(charts.segment_map(rows)), "circle", "rim")
    places = {
        disc.find(f"{SVG}title").text.split(":")[0]: (float(disc.get("cx")), float(disc.get("cy"))) for disc in discs
    }
    (days_5, spend_100), (days_200, spend_9000), (days_100, spend_900) = (places[row["segment_name"]] for row in rows)
    assert (days_100 - days_5) / (days_200 - days_100) == pytest.approx(0.95, abs=0.01)
    # 900 is 9 x 100 and 9,000 is 10 x 900: logarithmic, because the spends are far apart.
    assert (spend_100 - spend_900) / (spend_900 - spend_9000) == pytest.approx(0.954, abs=0.01)
    assert spend_9000 < spend_900


def test_a_discs_area_beyond_the_smallest_grows_with_its_customers():
    rows = [profile(1, customer_count=400), profile(2, customer_count=100), profile(3, customer_count=0)]
    discs = with_class(parsed(charts.segment_map(rows)), "circle", "rim")
    radii = sorted(float(disc.get("r")) for disc in discs)
    assert radii == [11, pytest.approx((11 + radii[2]) / 2, abs=0.11), max(radii)]


@pytest.mark.parametrize("width", [charts.NARROW, charts.WIDE])
def test_a_disc_under_another_has_its_number_beside_its_name(width):
    """Nearly one place: the number of the larger one, which lies below, would be printed over the other's."""
    rows = [
        profile(1, customer_count=400, mean_gross_spend=500.0, median_recency_days=16.0, segment_name="Regulars"),
        profile(2, customer_count=380, mean_gross_spend=520.0, median_recency_days=19.0, segment_name="New ones"),
        profile(3, customer_count=300, mean_gross_spend=40.0, median_recency_days=200.0, segment_name="Lapsed"),
    ]
    root = parsed(charts.segment_map(rows, width=width))
    in_discs = {text.text for text in with_class(root, "text", "on-mark")}
    names = {text.text for text in with_class(root, "text", "ink")}
    assert in_discs == {"2", "3"}
    assert names == {"1 Regulars", "New ones", "Lapsed"}


@pytest.mark.parametrize("width", [charts.NARROW, charts.MEDIUM, charts.WIDE])
def test_the_heat_map_fits_every_window_and_heads_every_cell(width):
    rows = [profile(number) for number in range(1, 6)]
    root = parsed(charts.profile_heat_map(rows, "GBP", width=width))
    assert float(root.get("width")) == width
    cells = [rect for rect in with_class(root, "rect", "soft") if rect.get("rx")]
    heads = [text for text in with_class(root, "text", "muted") if "middle" in text.get("class", "").split()]
    assert len({(cell.get("x"), cell.get("y")) for cell in cells}) == len(cells)
    columns = len(cells) // len(rows)
    headed = [
        cell
        for cell in cells
        if any(
            abs(float(head.get("x")) - float(cell.get("x")) - float(cell.get("width")) / 2) < 1
            and 0 < float(cell.get("y")) - float(head.get("y")) < 12
            for head in heads
        )
    ]
    assert len(headed) == columns * (1 if width == charts.WIDE else len(rows))
    assert all(float(cell.get("x")) + float(cell.get("width")) <= width for cell in cells)


def test_the_heat_map_prints_original_units_and_the_direction_in_words_of_its_own():
    rows = [
        profile(1, differences=[{"feature": "gross_spend", "z": 2.44, "segment_median": 1234.5}], centroid={}),
        profile(2, differences=[{"feature": "gross_spend", "z": -0.62, "segment_median": 80.25}], centroid={}),
        profile(3, differences=[{"feature": "gross_spend", "z": 0.01, "segment_median": 674}], centroid={}),
        profile(4, differences=[], centroid={"gross_spend": 55}),  # a centre is no median, and no cell shows one
    ]
    root = parsed(charts.profile_heat_map(rows, "EUR"))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    for said in ("1,235\xa0EUR", "▲ 2.4 sd", "80.25\xa0EUR", "▼ 0.6 sd", "average", "–"):
        assert said in texts
    assert "55.00\xa0EUR" not in texts
    cells = [cell for css in ("high", "low") for cell in with_class(root, "rect", css) if cell.get("rx")]
    assert [cell.get("fill-opacity") for cell in cells] == [None, "0.01", "0.41"]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_sweep_marks_the_chosen_k_once_in_every_panel_and_greys_the_disqualified(width):
    swept = sweep()
    root = parsed(sweep_plot(swept, width=width))
    disqualified = [row["k"] for row in swept if row["score"] is None]
    assert disqualified == [4, 12, 13, 14, 15]
    chosen = hints(root, "circle", "second")
    assert chosen == [
        f"k = 5: {panel.label} {value}"
        for panel, value in zip(PANELS, ("0.810", "0.331", "1.080", "1.017", "0.780", "0.905"), strict=True)
    ]
    # What did not qualify has no score to draw.
    assert len(hints(root, "circle", "hollow")) == len(disqualified) * (len(PANELS) - 1)
    assert len(hints(root, "circle", "first")) == (len(swept) - len(disqualified) - 1) * len(PANELS)
    assert "Disqualified: k = 4, 12, 13, 14, 15." in root[1].text


def test_a_k_that_is_in_use_without_having_qualified_is_marked_as_in_use():
    swept = [{**row, "score": None} for row in sweep(3, 5, 4)]
    root = parsed(sweep_plot(swept))
    assert [hint.split(":")[0] for hint in hints(root, "circle", "second")] == ["k = 4"] * (len(PANELS) - 1)
    assert "k = 4 is in use" in root[1].text
    assert root[1].text.endswith("Disqualified: k = 3, 5.")


def test_the_order_of_the_rows_does_not_matter_to_sweep_and_history():
    data = report_data()
    shuffled = [*data.drops]
    random.Random(7).shuffle(shuffled)
    assert drop_history(shuffled) == drop_history(data.drops)
    assert sweep_plot(data.k_sweep[::-1]) == sweep_plot(data.k_sweep)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [1, 3, 305, 3000])
def test_the_history_shows_every_row_once_in_bars_that_can_be_told_apart(count, width):
    drops = trading_days(count)
    root = parsed(drop_history(drops, width=width))
    bars = with_class(root, "rect", "first")
    shown = sum(
        int(re.search(r": ([\d,]+)\xa0rows? loaded", hint).group(1).replace(",", ""))
        for hint in hints(root, "rect", "first")
    )
    assert shown == sum(row["rows_loaded"] for row in drops)
    assert all(float(bar.get("width")) >= 3 for bar in bars)
    assert len(bars) <= width / 7


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dates(), min_size=1, max_size=30), st.sampled_from(WIDTHS))
@example([date.min, date.max], charts.NARROW)
@example([date.max], charts.WIDE)
def test_the_history_holds_any_dates(days, width):
    root = parsed(
        drop_history([drop(day, 10, path=f"{n}.csv", drop_id=str(n)) for n, day in enumerate(days)], width=width)
    )
    shown = sum(int(re.search(r": (\d+)\xa0rows loaded", hint).group(1)) for hint in hints(root, "rect", "first"))
    assert shown == 10 * len(days)


def test_a_few_rejects_beside_a_million_rows_can_be_seen():
    drops = [drop(date(2011, 1, 1) + timedelta(n), 1_000_000, rows_rejected=2 * (n == 3)) for n in range(7)]
    (bar,) = with_class(parsed(drop_history(drops)), "rect", "second")
    assert float(bar.get("height")) > 30


def test_a_repeat_under_another_name_and_a_replaced_version_do_not_count():
    day = date(2011, 5, 2)
    kept = drop(day, 100)
    rows = [
        drop(day, 100, path="again.csv"),
        kept,
        drop(day, 90, status="replaced", drop_id="old"),
        drop(day, 70, status="forgotten", drop_id="f"),
    ]
    assert [row["path"] for row in counted_drops(rows)] == ["again.csv"]
    assert "100\xa0rows loaded" in drop_history(rows)


def test_a_content_that_one_path_delivers_and_another_holds_back_is_loaded():
    day = date(2011, 5, 2)
    rows = [drop(day, 100, 100, path="a.csv", status="held"), drop(day, 100, path="b.csv")]
    assert [row["status"] for row in counted_drops(rows)] == ["loaded"]


def test_a_thousand_bad_values_are_one_reason():
    summary = [
        {
            "dataset": "purchases",
            "column_name": "Quantity",
            "reason": f"Quantity holds {value!r}; write a number",
            "row_count": 1,
        }
        for value in [*map(str, range(997)), "it's", 'say "no"', 'it\'s "both"']
    ]
    root = parsed(reject_reasons(summary))
    assert hints(root, "rect", "second") == ["Quantity holds '…'; write a number: 1,000"]


def test_reasons_beyond_the_tenth_share_a_bar():
    summary = [
        {"dataset": "p", "column_name": None, "reason": f"reason {chr(97 + n)}", "row_count": 20 - n} for n in range(14)
    ]
    said = hints(parsed(reject_reasons(summary)), "rect", "second")
    assert len(said) == 11
    assert said[0] == "reason a: 20"
    assert said[-1] == "4 other reasons: 34"


def test_a_reason_without_values_is_its_own_kind():
    assert (
        reason_kind('byte 0xE9 is not UTF-8; set encoding = "windows-1252"')
        == 'byte 0xE9 is not UTF-8; set encoding = "windows-1252"'
    )


def test_an_image_tag_gets_the_same_picture():
    svg = charts.segment_sizes([profile(1)])
    head, payload = data_uri(svg).split(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(payload).decode() == svg


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def blended(top, ground, opacity):
    mixed = (
        round(int(top[at : at + 2], 16) * opacity + int(ground[at : at + 2], 16) * (1 - opacity)) for at in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground(palette):
    for text in ("ink", "muted", "second"):
        assert contrast(palette[text], palette["ground"]) >= 4.5, text
    assert contrast(palette["ink"], palette["soft"]) >= 4.5
    assert contrast(palette["on-mark"], palette["first"]) >= 4.5
    for pole in ("low", "high"):
        for step in range(21):
            assert contrast(palette["ink"], blended(palette[pole], palette["ground"], step / 20)) >= 4.5, (pole, step)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_mark_stands_out_from_its_ground(palette):
    for mark in ("first", "second", "faded"):
        assert contrast(palette[mark], palette["ground"]) >= 3, mark


def test_no_text_is_smaller_than_twelve_pixels():
    sizes = {
        float(size)
        for svg in every_chart(report_data(), charts.WIDE).values()
        for size in re.findall(r"(?:font:|font-size:)([\d.]+)px", svg)
    }
    assert min(sizes) == 12
    assert "font-size=" not in charts.segment_sizes([profile(1)])


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.integers(2, 8))
def test_ticks_enclose_their_range_in_ascending_order(one, other, count):
    low, high = sorted((one, other))
    marks = ticks(low, high, count)
    slack = (high - low) * 1e-8  # less than any picture can show
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    assert all(a < b for a, b in pairwise(marks))
    assert 2 <= len(marks) <= 2 * count + 3


@given(st.floats(1e-9, 1e14), st.floats(1, 1e9))
def test_logarithmic_ticks_enclose_their_range(low, factor):
    marks = log_ticks(low, low * factor)
    assert marks[0] <= low * 1.000001
    assert all(a < b for a, b in pairwise(marks))
    assert 2 <= len(marks) <= 9


@given(st.text(max_size=80), st.floats(20, 400), st.integers(1, 3))
def test_wrapped_lines_are_no_wider_than_asked_and_lose_no_word_without_a_mark(text, width, count):
    lines = wrapped(text, width, count)
    assert 1 <= len(lines) <= count
    assert all(text_width(line) <= width + 0.001 or line == "…" for line in lines)
    if "…" not in "".join(lines):
        assert " ".join(lines).split() == text.split()
