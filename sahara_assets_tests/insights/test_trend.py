"""The trend: spans, the year before, and the rule for odd days, by hand and against statistics of the standard library."""

import statistics
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.insights.trend import judge, previous_year, spans
from sahara_assets.tables.insights import SALES_TREND
from sahara_assets_tests.insights.insight_shop import InsightShop, line

FIRST, LAST = date(2023, 1, 2), date(2024, 6, 28)


def every_day(amount):
    return {
        FIRST + timedelta(days=n): Decimal(amount(FIRST + timedelta(days=n))) for n in range((LAST - FIRST).days + 1)
    }


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(0, 900), st.sampled_from(["day", "week", "month"]))
def test_spans_follow_each_other_without_a_gap_and_hold_every_day(first, days, grain):
    last = first + timedelta(days=days)
    found = list(spans(grain, first, last))
    assert found[0][0] <= first <= found[0][1]
    assert found[-1][0] <= last <= found[-1][1]
    for (_, end), (start, _) in pairwise(found):
        assert start == end + timedelta(days=1)
    assert all(start.weekday() == 0 and end.weekday() == 6 for start, end in found) or grain != "week"
    assert all(start.day == 1 and (end + timedelta(days=1)).day == 1 for start, end in found) or grain != "month"


def test_a_usual_day_is_not_odd_though_weekdays_and_seasons_differ():
    amounts = every_day(lambda day: 100 + 60 * day.weekday() + day.toordinal() % 7 + day.month * 10)
    for day in amounts:
        judged = judge(day, amounts, FIRST, LAST, 6)
        assert judged is None or abs(judged.score) <= 3.5, day


def test_a_day_out_of_line_with_its_weekday_is_odd_though_other_weekdays_are_like_it():
    amounts = every_day(
        lambda day: 500 + day.toordinal() * 7 % 11 if day.weekday() == 5 else 100 + day.toordinal() * 7 % 11
    )
    wednesday = date(2023, 9, 6)
    amounts[wednesday] = Decimal(500)
    judged = judge(wednesday, amounts, FIRST, LAST, 6)
    assert judged.score > 3.5
    assert judged.usual < 120
    saturday = date(2023, 9, 9)
    amounts[saturday] = Decimal(100)
    assert judge(saturday, amounts, FIRST, LAST, 6).score < -3.5


def test_a_day_without_sales_is_odd_where_its_weekday_usually_has_some_and_only_there():
    amounts = every_day(lambda day: 0 if day.weekday() == 6 else 200 + day.toordinal() * 13 % 17)
    closed = date(2023, 12, 25)
    del amounts[closed]
    assert judge(closed, amounts, FIRST, LAST, 6).score < -3.5
    assert judge(date(2023, 12, 24), amounts, FIRST, LAST, 6).score == 0.0  # a Sunday


def test_where_all_others_are_alike_any_other_amount_is_odd():
    amounts = every_day(lambda _: 100)
    day = date(2023, 9, 6)
    assert judge(day, amounts, FIRST, LAST, 6).score == 0.0
    amounts[day] = Decimal("100.01")
    assert judge(day, amounts, FIRST, LAST, 6).score == float("inf")


def test_a_day_with_few_neighbours_is_not_judged():
    amounts = every_day(lambda _: 100)
    assert judge(FIRST, amounts, FIRST, FIRST + timedelta(weeks=4), 6) is None
    assert judge(FIRST, amounts, FIRST, FIRST + timedelta(weeks=5), 6) is not None


@given(st.lists(st.decimals(0, 1_000, places=2), min_size=13, max_size=13))
def test_the_score_is_the_one_of_the_books(amounts):
    start = date(2024, 1, 1)
    by_day = {start + timedelta(weeks=n): amount for n, amount in enumerate(amounts)}
    day = start + timedelta(weeks=6)
    judged = judge(day, by_day, start, start + timedelta(weeks=12), 6)
    others = [float(amount) for n, amount in enumerate(amounts) if n != 6]
    middle = statistics.median(others)
    spread = 1.4826 * statistics.median(abs(x - middle) for x in others)
    spread = spread or 1.2533 * statistics.fmean(abs(x - middle) for x in others)
    assert float(judged.usual) == pytest.approx(middle)
    if spread > 1e-9:
        assert judged.score == pytest.approx((float(amounts[6]) - middle) / spread, rel=1e-6, abs=1e-9)


def test_the_year_before_is_of_the_same_dates_for_months_and_weekdays_else():
    amounts = {date(2023, 2, n): Decimal(n) for n in range(1, 29)}
    since = date(2023, 1, 1)
    assert previous_year("month", date(2024, 2, 1), date(2024, 2, 29), since, amounts) == sum(range(1, 29))
    assert previous_year("month", date(2024, 2, 1), date(2024, 2, 10), since, amounts) == sum(range(1, 11))
    # 364 days before Monday 12 February 2024 was Monday 13 February 2023.
    assert previous_year("day", date(2024, 2, 12), date(2024, 2, 12), since, amounts) == 13
    assert previous_year("week", date(2024, 2, 12), date(2024, 2, 14), since, amounts) == 13 + 14 + 15
    assert previous_year("month", date(2024, 2, 1), date(2024, 2, 29), date(2023, 2, 2), amounts) is None
    assert previous_year("month", date(2024, 3, 1), date(2024, 3, 31), since, amounts) == 0


def test_an_unfinished_month_is_held_against_as_many_days(tmp_path):
    shop = InsightShop(tmp_path)
    rows = [line(f"a{n}", price="10", at=f"2024-03-{n:02d} 10:00:00") for n in range(1, 32)]
    rows += [line(f"b{n}", price="30", at=f"2025-03-{n:02d} 10:00:00") for n in range(1, 11)]
    shop.deliver("purchases/a.csv", [line("0", price="1", at="2024-02-28 10:00:00"), *rows])
    shop.tell()
    months = {row["starts_on"]: row for row in shop.table(SALES_TREND, grain="month")}
    march = months[date(2025, 3, 1)]
    assert (march["is_whole"], march["previous_year_amount"], march["year_on_year"]) == (False, Decimal(100), 2.0)
    assert (months[date(2024, 3, 1)]["is_whole"], months[date(2024, 3, 1)]["year_on_year"]) == (True, None)
    assert not months[date(2024, 2, 1)]["is_whole"]
    # Months without a sale are there, with nothing.
    assert months[date(2024, 7, 1)]["line_count"] == 0
    assert len(months) == 14


def test_days_weeks_and_months_come_to_the_same(tmp_path):
    shop = InsightShop(tmp_path)
    shop.deliver(
        "purchases/a.csv",
        [
            line(str(n), "ann" if n % 3 else "", price=str(n), at=f"2024-0{1 + n % 5}-{1 + n % 28:02d} 10:00:00")
            for n in range(200)
        ],
    )
    shop.tell()
    for buyers in ("everyone", "known", "anonymous", "1"):
        totals = {
            grain: (
                sum(row["gross_spend"] for row in rows),
                sum(row["order_count"] for row in rows),
            )
            for grain in ("day", "week", "month")
            if (rows := shop.table(SALES_TREND, grain=grain, buyers=buyers))
        }
        assert len(totals) == 3
        assert len(set(totals.values())) == 1, totals
