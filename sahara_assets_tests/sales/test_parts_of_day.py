"""The part of the day: boundaries by rule, the clock of any zone, and offsets that are those of the zone."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.sales.parts_of_day import offsets_between
from sahara_assets.tables.sales import PURCHASES
from sahara_assets_tests.small_shop import SmallShop, line

USUAL = ["Night"] * 6 + ["Morning"] * 6 + ["Afternoon"] * 6 + ["Evening"] * 6
BYTE_FOODS = ["Morning"] * 13 + ["Afternoon"] * 5 + ["Evening"] * 6


def parts(tmp_path, hours, day="2018-07-02", **settings):
    """The part of each local hour of a day, as the shop's purchases have it."""
    shop = SmallShop(tmp_path, **settings)
    shop.deliver("purchases/a.csv", [line(f"{hour:02d}", at=f"{day} {hour:02d}:59:59") for hour in hours])
    shop.build(features=False)
    return [row["part_of_day"] for row in sorted(shop.rows(PURCHASES), key=lambda row: row["order_id"])]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, USUAL),
        ({"rule": "byte-foods"}, BYTE_FOODS),
        ({"starts": {"Lunch": 11, "Rest": 14}}, ["Rest"] * 11 + ["Lunch"] * 3 + ["Rest"] * 10),
        ({"starts": {"Day": 5}}, ["Day"] * 24),
        ({"starts": {"Late": 17, "Early": 0}, "rule": "byte-foods"}, ["Early"] * 17 + ["Late"] * 7),
    ],
)
def test_every_hour_has_its_part_by_the_rule(tmp_path, rule, expected):
    assert parts(tmp_path, range(24), parts_of_day=rule) == expected


@pytest.mark.parametrize(
    ("clock", "shift"), [("", 0), ("America/Los_Angeles", 0), ("UTC", 7), ("Asia/Kolkata", 12.5), ("Europe/London", 8)]
)
def test_the_clock_is_the_one_of_the_settings(tmp_path, clock, shift):
    found = parts(
        tmp_path,
        range(24),
        project={"time_zone": "America/Los_Angeles"},
        parts_of_day={"rule": "byte-foods", "time_zone": clock},
    )
    # 59:59 of the hour, seen by a clock that many hours ahead.
    assert found == [BYTE_FOODS[int(hour + 59.9 / 60 + shift) % 24] for hour in range(24)]


def test_a_change_of_the_clocks_moves_the_hours(tmp_path):
    shop = SmallShop(
        tmp_path, parts_of_day={"time_zone": "America/Los_Angeles", "starts": {"Even": 0, "Odd": 1, "Later": 2}}
    )
    # The clocks go back from 2:00 to 1:00 at 9:00 UTC.
    moments = {
        "a": "2017-11-05 07:30:00",
        "b": "2017-11-05 08:30:00",
        "c": "2017-11-05 09:30:00",
        "d": "2017-11-05 10:30:00",
    }
    shop.deliver("purchases/a.csv", [line(name, at=at) for name, at in moments.items()])
    shop.build(features=False)
    assert {row["order_id"]: row["part_of_day"] for row in shop.rows(PURCHASES)} == {
        "a": "Even", "b": "Odd", "c": "Odd", "d": "Later",
    }  # fmt: skip


@given(
    st.sampled_from(sorted(available_timezones())),
    st.datetimes(datetime(1950, 1, 1), datetime(2037, 1, 1)),
    st.integers(0, 1_000),
    st.floats(0, 1),
)
def test_offsets_are_the_zones_at_every_moment_between(zone, first, days, share):
    last = first + timedelta(days=days)
    moment = first + (last - first) * share
    offsets = offsets_between(zone, first, last)
    held = [offset for since, offset in offsets if since <= moment][-1]
    assert held == moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset().total_seconds()
    assert [since for since, _ in offsets] == sorted({since for since, _ in offsets})


def test_every_line_has_a_part_also_where_the_day_is_counted_elsewhere(tmp_path):
    found = parts(tmp_path, range(24), parts_of_day={"time_zone": "Pacific/Kiritimati"})
    assert Counter(found) == Counter(USUAL)
