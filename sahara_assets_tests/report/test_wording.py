"""Numbers, money and dates as they are printed."""

from __future__ import annotations

import locale
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.report.wording import (
    amount,
    counted,
    day,
    figure,
    file_size,
    in_unit,
    moment,
    money,
    printable,
    share,
    shortened,
)


@pytest.mark.parametrize(
    ("value", "decimals", "said"),
    [
        (0, 0, "0"), (-0.0, 1, "0.0"), (-0.04, 1, "0.0"), (999.5, 0, "1,000"), (2.5, 0, "3"), (0.125, 2, "0.13"), (-1234, 0, "−1,234"),
        (Decimal("0.05"), 1, "0.1"), (999_999_999, 0, "999,999,999"), (1_500_000_000, 0, "1.50 billion"), (-2.5e12, 0, "−2.50 trillion"),
        (1.234e21, 0, "1.23 × 10^21"), (float("nan"), 0, "–"), (float("inf"), 0, "–"), ("x", 0, "–"), (None, 0, "–"), (True, 0, "–"),
    ],
)  # fmt: skip
def test_a_figure_is_rounded_as_people_do_and_grouped(value, decimals, said):
    assert figure(value, decimals) == said


@given(st.integers(-999_999_999, 999_999_999))
def test_a_whole_number_can_be_read_back(number):
    assert int(figure(number).replace(",", "").replace("−", "-")) == number


@given(st.decimals(-999_999, 999_999, places=4))
def test_money_is_printed_within_half_of_its_last_place(value):
    said = Decimal(money(value, "EUR").removesuffix("\xa0EUR").replace(",", "").replace("−", "-"))
    assert abs(said - value) <= (Decimal("0.5") if abs(value) >= 1000 else Decimal("0.005"))


@given(st.floats(0, 1))
def test_a_share_that_is_there_is_never_printed_as_nothing(value):
    assert (share(value) == "0.0\xa0%") == (value == 0)


def test_units_follow_their_number():
    assert in_unit(1, "orders") == "1 order"
    assert in_unit(1.0, "days") == "1 day"
    assert in_unit(0, "orders") == "0 orders"
    assert in_unit(None, "days") == "–"
    assert counted(1, "row") == "1\xa0row"
    assert counted(0, "row") == "0\xa0rows"


def test_dates_do_not_hang_on_the_locale():
    before = locale.setlocale(locale.LC_TIME)
    try:
        for name in ("C", "C.UTF-8"):
            locale.setlocale(locale.LC_TIME, name)
            assert day(date(2011, 5, 2)) == "2\xa0May\xa02011"
    finally:
        locale.setlocale(locale.LC_TIME, before)
    assert moment(datetime(2011, 12, 10, 9, 5)) == "10\xa0Dec\xa02011, 09:05"
    assert moment("2011-12-10") == "2011-12-10"
    assert moment(None) == "–"


def test_sizes_and_amounts_take_the_unit_that_reads_best():
    assert file_size(999) == "999\xa0B"
    assert file_size(1_000) == "1.0\xa0kB"
    assert amount(0.004) == "0.00"
    assert amount(1000.4) == "1,000"


@given(st.text(st.characters(codec=None)))
def test_printable_text_can_always_be_encoded_and_keeps_its_length(text):
    said = printable(text)
    said.encode()
    assert len(said) == len(text)


@given(st.text(max_size=50), st.integers(1, 20))
def test_shortened_text_is_no_longer_than_asked(text, length):
    assert len(shortened(text, length)) <= length
