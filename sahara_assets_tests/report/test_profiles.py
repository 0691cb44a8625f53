"""The report reads what `segmentation/profile.py` writes, and says it without contradicting itself."""

from __future__ import annotations

import json

import pytest

from sahara_assets.report.profiles import Difference, differences_of, in_words, shown_features, told_differences
from sahara_assets.segmentation.portrait import NumberStanding, Portrait, WordStanding
from sahara_assets.segmentation.profile import differences


def standing(z, median, everyone):
    return NumberStanding(z, z, 1.0, median, median, median, everyone, everyone)


def test_every_number_and_category_that_a_profile_lists_is_read():
    numbers = {
        "gross_spend": standing(1.6, 900.0, 300.0),
        "recency_days": standing(-0.9, 5.0, 60.0),
        "return_rate": standing(0.0, None, None),
    }
    words = {"country": (WordStanding("France", 0.7, 0.4, 0.1, 0.05), WordStanding("Norway", 0.1, 0.02, 0.01, 0.01))}
    listed = differences(
        Portrait(10, 100, 9000, 30000, 0, 4.0, numbers, words),
        {"gross_spend": ("spend", "money"), "recency_days": ("days since last order", "days")},
    )
    found = differences_of({"differences": json.dumps(listed), "centroid": "{}"})
    assert [(d.feature, d.unit, d.z, d.typical, d.everyone) for d in found] == [
        ("gross_spend", "money", 1.6, 900.0, 300.0),
        ("recency_days", "days", -0.9, 5.0, 60.0),
        ("country", "share", 0.7, 0.4, 0.1),
    ]
    assert found[2].label == "country: France"


@pytest.mark.parametrize(
    "broken",
    [
        None,
        "",
        "{",
        "7",
        "[1, null, {}]",
        '{"a": 1}',
        "[" * 100_000,
        b"\xff",
        [{"feature": 3}],
        [{"feature": "x", "segment_median": "y"}],
    ],
)
def test_a_column_that_cannot_be_read_leaves_a_gap(broken):
    assert differences_of({"differences": broken, "centroid": "no JSON"}) == []


def test_a_median_that_contradicts_its_direction_is_not_told():
    contradicting = Difference("order_count", "orders", "orders", 0.9, 1.0, 1.0)
    close = Difference("tenure_days", "days since first order", "days", 0.1, 50.0, 50.0)
    assert told_differences([contradicting, close]) == [close]
    assert in_words(close, "")["comparison"] == "close to the usual 50 days"


@pytest.mark.parametrize(
    ("z", "said"),
    [
        (1.5, "far above"),
        (1.49, "clearly above"),
        (0.75, "clearly above"),
        (0.74, "somewhat above"),
        (0.25, "somewhat above"),
        (0.24, "close to"),
        (-2, "far below"),
    ],
)
def test_the_words_follow_the_size_of_the_difference(z, said):
    assert (
        in_words(Difference("gross_spend", "spend", "money", z, 10.0, 5.0), "EUR")["comparison"]
        == f"{said} the usual 5.00\xa0EUR"
    )


def test_a_heat_map_prefers_what_most_segments_have_and_leaves_categories_out():
    def some(name, z=1.0):
        return Difference(name, name, "", z, 1.0)

    tables = [
        [some("gross_spend"), some("recency_days", 0.2), some("country")],
        [some("recency_days"), some("order_count", 3.0), some("made_up")],
    ]
    assert [d.feature for d in shown_features(tables, 9)] == ["recency_days", "order_count", "gross_spend", "made_up"]
    assert [d.feature for d in shown_features(tables, 2)] == ["recency_days", "order_count"]


def test_a_heat_map_shows_one_feature_of_each_family():
    def some(name, z):
        return Difference(name, name, "", z, 1.0)

    table = [
        some("gross_spend", 2.0),
        some("net_spend", 1.9),
        some("unit_count", 1.0),
        some("line_count", 1.1),
        some("recency_days", 0.1),
    ]
    assert [d.feature for d in shown_features([table], 9)] == ["recency_days", "line_count", "gross_spend"]
