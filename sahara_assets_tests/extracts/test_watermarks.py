"""Watermarks: written down and read back, looked back from, and believed only up to now."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from bson import ObjectId
from hypothesis import example, given
from hypothesis import strategies as st

from sahara_assets.extracts.watermarks import ExtractError, Lookback, Watermark

BERLIN = ZoneInfo("Europe/Berlin")
OFFSETS = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1))
ISO = st.builds(
    lambda at, sep, unit, zone: at.isoformat(sep, unit) + zone,
    MOMENTS, st.sampled_from(" T"), st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]), st.sampled_from(["", "Z", "+00:00"]),
)  # fmt: skip
VALUES = st.one_of(
    st.integers(-(10**20), 10**20),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
    st.floats(allow_nan=False, allow_infinity=False),
    MOMENTS,
    st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=OFFSETS),
    st.dates(),
    ISO,
    MOMENTS.map(ObjectId.from_datetime),
)
NOTHING = Lookback(None, 0)


@given(VALUES)
def test_a_watermark_is_read_as_it_was_written(value):
    found = Watermark.of(value)
    again = Watermark.read(found.kind, found.text)
    assert again == found
    assert type(again.value) is type(found.value)


@given(VALUES)
@example(Decimal("-65185120076305237111852582901081178.112"))
def test_the_next_extract_begins_at_the_watermark_itself_or_below(value):
    found = Watermark.of(value)
    assert found.lower(NOTHING).value <= found.value


@given(
    st.lists(MOMENTS, min_size=2, max_size=2),
    st.sampled_from(" T"),
    st.sampled_from(["minutes", "seconds", "microseconds"]),
    st.integers(0, 10**6),
)
def test_of_texts_none_within_the_lookback_is_passed_over(moments, separator, unit, seconds):
    """Whatever precision the other text has, and whether it ends in Z."""
    early, late = sorted(moments)
    start = Watermark.of(late.isoformat(separator, unit)).lower(Lookback(timedelta(seconds=seconds), 0)).value
    if late - early <= timedelta(seconds=seconds):
        assert all(
            start <= early.isoformat(separator, other) + zone
            for other in ("minutes", "seconds", "microseconds")
            for zone in ("", "Z")
        )


@given(VALUES, MOMENTS)
def test_none_is_believed_beyond_now(value, now):
    found = Watermark.of(value)
    believed = found.believed(now, BERLIN)
    assert believed.kind == found.kind
    assert believed.value <= found.value
    assert believed.believed(now, BERLIN) == believed


def test_now_is_that_of_the_place_where_the_moments_are_local():
    now = datetime(2026, 7, 1, 12)
    ahead = datetime(2099, 1, 1)
    assert Watermark.of(ahead).believed(now, BERLIN).value == datetime(2026, 7, 1, 14)
    assert Watermark.of(ahead.replace(tzinfo=UTC)).believed(now, BERLIN).value == now.replace(tzinfo=UTC)
    assert Watermark.of("2099-01-01 00:00:00").believed(now, BERLIN).value == "2026-07-01 14:00"
    assert Watermark.of(date(2099, 1, 1)).believed(datetime(2026, 7, 1, 23), BERLIN).value == date(2026, 7, 2)


@pytest.mark.parametrize("value", [True, None, float("nan"), Decimal("Infinity"), "soon", "20260101", b"x", ["a"]])
def test_what_is_in_no_order_is_no_watermark(value):
    with pytest.raises(ExtractError, match="no moment, date or number"):
        Watermark.of(value)
