"""Dates, patterns, marks and the assignment, each by itself."""

from __future__ import annotations

import datetime as dt
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.onboarding.dates import confirmed, decide, shape_of_date
from sahara_assets.onboarding.dialect import guess_dialect
from sahara_assets.onboarding.mapping import best_assignment
from sahara_assets.onboarding.patterns import matches, propose_patterns
from sahara_assets.onboarding.values import mark_votes, to_number, undecorated

FORMATS = [
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%y",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%m/%d/%Y %I:%M %p",
    "%Y%m%d%H%M%S",
]
_MOMENTS = st.datetimes(dt.datetime.fromisoformat("1999-01-01"), dt.datetime.fromisoformat("2029-12-31")).map(
    lambda moment: moment.replace(microsecond=0)
)


@settings(max_examples=60, deadline=None)
@given(form=st.sampled_from(FORMATS), moments=st.lists(_MOMENTS, min_size=3, max_size=12))
def test_the_format_that_wrote_a_column_is_found_unless_it_says_it_cannot_decide(form, moments):
    values = [moment.strftime(form) for moment in moments]

    found = decide(values)

    assert len(found.formats) == 1 or (
        form == "%d %B %Y" and set(found.formats) <= {"%d %B %Y", "%d %b %Y"}
    )  # "May" is both
    assert found.undecided or form in found.formats or found.formats == ("%d %b %Y",)
    assert confirmed(values, found.formats) == len(values)


@settings(max_examples=60, deadline=None)
@given(st.lists(_MOMENTS, min_size=1, max_size=12))
def test_a_column_whose_days_are_all_twelve_or_less_is_never_decided_silently(moments):
    values = [moment.replace(day=min(moment.day, 12)).strftime("%d/%m/%Y") for moment in moments]

    found = decide(values)

    assert found.undecided
    assert found.sure <= 0.7
    assert "could not decide" in found.evidence


def test_the_date_in_the_file_name_decides_between_day_and_month():
    found = decide(["03/04/2024", "05/04/2024"], [("03/04/2024", (4, 3)), ("05/04/2024", (4, 5))])

    assert (found.formats, found.undecided) == (("%d/%m/%Y",), False)


def test_rows_in_order_of_time_speak_for_one_reading():
    assert decide(["03/01/2024", "04/01/2024", "05/01/2024", "01/02/2024", "02/02/2024"]).formats == ("%d/%m/%Y",)
    assert decide(["01/03/2024", "01/04/2024", "01/05/2024", "02/01/2024", "02/02/2024"]).formats == ("%m/%d/%Y",)


def test_a_column_that_mixes_iso_and_another_format_names_both():
    values = ["2024-01-02 10:00:00", "2024-01-03 10:00:00", "31/01/2024"]

    found = decide(values)

    assert found.formats == ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y")
    assert confirmed(values, found.formats) == 3


def test_a_column_that_mixes_both_orders_says_so():
    found = decide(["13/01/2024", "01/13/2024", "14/01/2024"])

    assert found.undecided
    assert "the column mixes both" in found.evidence


@pytest.mark.parametrize(
    "value",
    [
        "2010-12-01",
        "2010-12-01 08:26",
        "2010-12-01T08:26:00Z",
        "2010-12-01 08:26:00 -0500",
        "2010-12-01T08:26:00.123+01:00",
    ],
)
def test_iso_8601_needs_no_format(value):
    assert shape_of_date(value).formats == ("ISO",)
    assert decide([value]).formats == ()


_PROOFS = [f"{day:02}.{month:02}.2026 10:00" for month in range(1, 11) for day in range(1, 29)]


@pytest.mark.parametrize("slip", ["31.02.2026 10:00", "28.02.2026 25:00", "soon", "02.13.2026 10:00"])
def test_one_bad_value_among_many_proofs_costs_little(slip):
    found = decide([slip, *_PROOFS])

    assert (found.formats, found.undecided, found.unread) == (("%d.%m.%Y %H:%M",), False, 1)
    assert found.sure > 0.94


def test_bad_values_prove_no_order_of_day_and_month():
    found = decide(["31/02/2026", "30/02/2026", "03/04/2026", "05/06/2026"])

    assert found.undecided
    assert found.unread == 2


def test_several_values_the_other_way_round_are_another_order_and_not_slips():
    found = decide([*_PROOFS, *(f"03.{day}.2026 10:00" for day in range(13, 29))])

    assert found.undecided
    assert found.sure < 0.5


@pytest.mark.parametrize(
    "value", ["2026-02-31", "20260231", "31.02.2026", "Feb 30, 2026", "31 June 2026", "29/02/2025"]
)
@pytest.mark.parametrize("time", ["", " 10:00"])
def test_a_day_that_no_calendar_has_is_no_date(value, time):
    assert shape_of_date(value + time) is None


@pytest.mark.parametrize("time", ["24:30", "10:60", "10:00:60", "0:30 PM", "13:00 PM"])
def test_a_time_that_no_clock_shows_is_none(time):
    assert shape_of_date(f"28.02.2026 {time}") is None


@pytest.mark.parametrize("value", ["85123", "12.5", "2010-13-01", "10:30", "hello", "", "99/99/2010", "1.2.3.4"])
def test_what_is_no_date_is_not_taken_for_one(value):
    assert shape_of_date(value) is None


_NAMES = st.lists(
    st.from_regex(r"[a-z0-9_\-\[\]*?]{1,8}(_20[12][0-9]-?[01][0-9])?\.csv(\.gz)?", fullmatch=True),
    min_size=1,
    max_size=12,
    unique=True,
)


@given(
    names=_NAMES,
    folders=st.lists(st.sampled_from(["", "2024/", "a/", "b/2023/"]), min_size=12, max_size=12),
    cut=st.integers(1, 12),
)
def test_patterns_match_all_of_a_datasets_files_and_no_other(names, folders, cut):
    paths = sorted({folder + name for folder, name in zip(folders, names, strict=False)})
    mine, others = paths[:cut], paths[cut:]

    patterns = propose_patterns(mine, others)

    assert all(any(matches(path, pattern) for pattern in patterns) for path in mine)
    assert not any(matches(path, pattern) for path in others for pattern in patterns)


@given(st.lists(st.lists(st.integers(0, 20).map(float), min_size=4, max_size=4), min_size=1, max_size=4))
def test_no_assignment_gains_more_than_the_one_chosen(gains):
    chosen = best_assignment(gains)

    used = [place for place in chosen if place is not None]
    assert len(set(used)) == len(used)
    best = max(sum(line[place] for line, place in zip(gains, order, strict=False)) for order in permutations(range(4)))
    assert sum(line[place] for line, place in zip(gains, chosen, strict=True) if place is not None) == best


@given(st.decimals(-99999, 99999, places=2, allow_nan=False), st.sampled_from([".", ","]))
def test_a_written_number_reads_back_with_its_mark(number, mark):
    text = str(number).replace(".", mark)

    assert to_number(text, mark) == pytest.approx(float(number))


@pytest.mark.parametrize(
    ("text", "bare"),
    [("€ 1.234,50", "1.234,50"), ("(3.00)", "-3.00"), ("12,50 €", "12,50"), ("GBP 7", "7"), ("ABC 7", "ABC 7")],
)
def test_currency_signs_come_off_and_words_stay(text, bare):
    assert undecorated(text) == bare


def test_three_digits_after_a_mark_do_not_vote():
    from collections import Counter

    assert mark_votes(Counter({"1.234": 5, "1,234": 5, "7": 3})) == (0, 0)
    assert mark_votes(Counter({"1,5": 2, "1.234,50": 1, "2.75": 4})) == (4, 3)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", ":"])
def test_the_delimiter_is_found_though_others_stand_in_the_values(delimiter):
    rows = [
        ["id", "when", "what"],
        ["1", "2010-12-01 08 26", "a, b; c"],
        ["2", "2010-12-02 09 30", "d; e"],
        ["3", "2010-12-03 10 00", "f"],
    ]
    text = "\n".join(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in rows)

    assert guess_dialect(text).dialect.delimiter == delimiter


def test_one_of_a_kind_is_told_in_the_singular():
    assert decide(["13/01/2024"]).evidence.startswith("1 distinct value has a first number above 12")
    assert decide(["2024-01-13"]).evidence == "1 distinct value is ISO 8601"
    assert decide(["2024-01-13", "2024-01-14", "soon"]).evidence == "1 of 3 distinct values is no date"
