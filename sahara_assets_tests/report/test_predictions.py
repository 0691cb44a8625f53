"""The report's part on predictions: charts that are whole at every width, sentences beside them, and nothing where nobody asked."""

from xml.etree import ElementTree as ET

import pytest

from sahara_assets.report.charts import MEDIUM, NARROW, WIDE
from sahara_assets.report.page import ReportData, render_report
from sahara_assets.report.prediction_charts import calibration_plot, gains_plot, importance_bars, lift_bars
from sahara_assets.report.predictions import RepeatBuyers

TENTHS = [
    {
        "decile": decile,
        "customer_count": 10,
        "repeat_buyer_count": 11 - decile,
        "mean_probability": 0.95 - decile / 12,
        "repeat_share": (11 - decile) / 10,
        "lift": (11 - decile) / 5.5,
        "reached_share": sum(11 - one for one in range(1, decile + 1)) / 55,
        "reached_lift": 1.0,
    }
    for decile in range(1, 11)
]
IMPORTANCES = [
    {"feature": "recency_days", "rank": 1, "importance": 0.2, "weight": -0.4},
    {"feature": "<b>&", "rank": 2, "importance": -0.01, "weight": None},
]
SENTENCES = {
    "gains": "Held <b>.",
    "ranking": "Ranked.",
    "calibration": "Said.",
    "accuracy": "Little.",
    "importance": "By it.",
}
DRAWINGS = {
    "gains": lambda width: gains_plot(TENTHS, 0.55, width=width),
    "lift": lambda width: lift_bars(TENTHS, width=width),
    "calibration": lambda width: calibration_plot(TENTHS, width=width),
    "importances": lambda width: importance_bars(IMPORTANCES, width=width),
}


def parsed(svg):
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def _dots(svg):
    return [node for node in parsed(svg).iter() if node.tag.endswith("circle")]


@pytest.mark.parametrize("width", [WIDE, MEDIUM, NARROW])
@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_every_chart_is_whole_and_lies_within_its_frame(name, width):
    root = parsed(DRAWINGS[name](width))
    frame = (float(root.get("width")), float(root.get("height")))
    assert frame[0] <= width
    for node in root.iter():
        x, y = node.get("x") or node.get("cx"), node.get("y") or node.get("cy")
        if x is not None and y is not None:
            assert 0 <= float(x) <= frame[0]
            assert 0 <= float(y) <= frame[1]
    assert next(node.text for node in root.iter() if node.tag.endswith("title"))


def test_a_tenth_that_came_as_was_said_lies_on_the_line_and_more_reached_lies_higher():
    exact = [{**row, "repeat_share": row["mean_probability"]} for row in TENTHS]
    (line, *_) = [
        node
        for node in parsed(calibration_plot(exact)).iter()
        if node.tag.endswith("line") and "s-faded" in node.get("class")
    ]
    x1, y1, x2, y2 = (float(line.get(name)) for name in ("x1", "y1", "x2", "y2"))
    for dot in _dots(calibration_plot(exact)):
        at = (float(dot.get("cx")) - x1) / (x2 - x1)
        assert float(dot.get("cy")) == pytest.approx(y1 + at * (y2 - y1), abs=0.2)
    heights = [float(dot.get("cy")) for dot in _dots(gains_plot(TENTHS, 0.55))]
    assert len(heights) == 10
    assert heights == sorted(heights, reverse=True)


def test_the_page_tells_of_predictions_only_where_somebody_asked():
    silent = render_report(ReportData("Shop"))
    assert 'id="predictions"' not in silent
    told = render_report(
        ReportData(
            "Shop",
            repeat_buyers=RepeatBuyers("Model <1>.", SENTENCES, 0.55, TENTHS, IMPORTANCES),
            predicted_segments="24 of them.",
        )
    )
    assert 'href="#predictions"' in told
    for words in ("Model &lt;1&gt;.", "Held &lt;b&gt;.", "Said.", "Little.", "By it.", "24 of them."):
        assert words in told
    assert "<b>&amp;" not in told
    reason = render_report(ReportData("Shop", repeat_buyers=RepeatBuyers("Nobody is scored: too short.", {})))
    assert "Nobody is scored: too short." in reason
    assert "What the model goes by" not in reason
