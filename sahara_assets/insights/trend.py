"""Sales by day, week and month, beside the year before, with odd days flagged by a robust rule.

The rule: a day is held against the same weekday in the weeks before and after it, the day itself left out. Its score is its distance
from their median in robust standard deviations, 1.4826 × the median absolute deviation (Hampel 1974; the modified z-score of Iglewicz
and Hoaglin, "How to Detect and Handle Outliers", 1993, whose usual limit is 3.5). Where more than half of those days are equal, so
that the median deviation is 0, 1.2533 × the mean absolute deviation stands in for it, as they do. Days of few neighbours are not judged.

Days are few, so that this is plain Python over exact sums: the same on every warehouse.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sahara_assets.tables.insights import ANONYMOUS, EVERYONE, KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sahara_assets.insights.slices import Scope
    from sahara_assets.warehouse.base import Row

FEWEST_NEIGHBOURS = 5
"""A median of fewer days says little."""

_YEAR_OF_WEEKS = timedelta(days=364)
"""The same weekday about a year before."""
_NOTHING = Decimal(0)
_CENT_OF_A_CENT = Decimal("0.0001")


@dataclass
class Sums:
    """What was sold in some days."""

    line_count: int = 0
    unit_count: Decimal = _NOTHING
    gross_spend: Decimal = _NOTHING
    order_count: int = 0

    def add(self, other: Sums) -> None:
        """Add what was sold in other days."""
        self.line_count += other.line_count
        self.unit_count += other.unit_count
        self.gross_spend += other.gross_spend
        self.order_count += other.order_count


Days = dict[date, Sums]


@dataclass(frozen=True)
class Judged:
    """What is usual for a day, and how far it is from that in robust standard deviations; infinite where all others are alike."""

    usual: Decimal
    score: float


def sales_trend(scope: Scope) -> list[Row]:
    """Every day, week and month from the first sale to the last, for every kind of buyers."""
    rows: list[Row] = []
    for buyers, days in sorted(_daily(scope).items()):
        amounts = {day: sums.gross_spend if scope.has_money else sums.unit_count for day, sums in days.items()}
        for grain in ("day", "week", "month"):
            for first, last in spans(grain, scope.first_day, scope.last_day):
                rows.append(_row(scope, grain, first, last, buyers, days, amounts))
    return rows


def _daily(scope: Scope) -> dict[str, Days]:
    """What was sold on each day, by buyers; known customers and everyone besides."""
    sales = scope.sales
    cells = sales.group_by(["buyers", "ordered_on"]).aggregate(
        line_count=sales.count(),
        unit_count=sales.quantity.sum(),
        gross_spend=sales.line_total.sum(),
        order_count=sales.order_id.nunique(),
    )
    found: dict[str, Days] = defaultdict(lambda: defaultdict(Sums))
    for cell in scope.warehouse.rows(cells):
        sums = Sums(cell["line_count"], cell["unit_count"], cell["gross_spend"], cell["order_count"])
        for buyers in {cell["buyers"], EVERYONE} | (set() if cell["buyers"] == ANONYMOUS else {KNOWN}):
            found[buyers][cell["ordered_on"]].add(sums)
    return {buyers: dict(days) for buyers, days in found.items()}


def spans(grain: str, first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days, weeks (from Monday) or months that hold the days from the first to the last: each with its own first and last day.

    >>> list(spans("week", date(2011, 12, 1), date(2011, 12, 9)))
    [(datetime.date(2011, 11, 28), datetime.date(2011, 12, 4)), (datetime.date(2011, 12, 5), datetime.date(2011, 12, 11))]
    """
    at = first
    if grain == "week":
        at -= timedelta(days=at.weekday())
    elif grain == "month":
        at = at.replace(day=1)
    while at <= last:
        following = at + timedelta(days=7 if grain == "week" else 1)
        if grain == "month":
            following = (at.replace(day=28) + timedelta(days=4)).replace(day=1)
        yield at, following - timedelta(days=1)
        at = following


def _row(
    scope: Scope, grain: str, first: date, last: date, buyers: str, days: Days, amounts: Mapping[date, Decimal]
) -> Row:
    sums = Sums()
    for day in _each(first, last):
        if day in days:
            sums.add(days[day])
    amount = sums.gross_spend if scope.has_money else sums.unit_count
    before = previous_year(grain, first, min(last, scope.last_day), scope.first_day, amounts)
    row: dict[str, Any] = {
        "grain": grain,
        "starts_on": first,
        "buyers": buyers,
        "ends_on": last,
        "is_whole": first >= scope.first_day and last <= scope.last_day,
        "line_count": sums.line_count,
        "unit_count": sums.unit_count,
        "gross_spend": sums.gross_spend if scope.has_money else None,
        "order_count": sums.order_count,
        "previous_year_amount": before,
        "year_on_year": float(amount) / float(before) - 1 if before else None,
        "is_odd": False,
    }
    if grain == "day":
        judged = judge(first, amounts, scope.first_day, scope.last_day, scope.settings.insights.odd_weeks)
        if judged is not None:
            is_odd = abs(judged.score) > scope.settings.insights.odd_score
            row |= {
                "usual_amount": judged.usual,
                "odd_score": min(max(judged.score, -1e6), 1e6),
                "is_odd": is_odd,
                "remark": _remark(first, amount, judged, scope.settings.insights.odd_weeks) if is_odd else None,
            }
    return row


def _each(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=place) for place in range((last - first).days + 1))


def previous_year(grain: str, first: date, last: date, since: date, amounts: Mapping[date, Decimal]) -> Decimal | None:
    """The amount of the same days a year before; None where the sales began only after the first of them.

    Args:
        grain: months are held against the same dates, days and weeks against the same weekdays.
        first: the first day that is compared.
        last: the last one.
        since: the first day of all sales.
        amounts: by day; days without sales may be missing.
    """
    if grain == "month":
        # 29 February is held against 28 February and all that was before it.
        start, end = _a_year_before(first), _a_year_before(last)
    else:
        start, end = first - _YEAR_OF_WEEKS, last - _YEAR_OF_WEEKS
    if start < since:
        return None
    return sum((amounts.get(day, _NOTHING) for day in _each(start, end)), _NOTHING)


def _a_year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def judge(day: date, amounts: Mapping[date, Decimal], first: date, last: date, weeks: int) -> Judged | None:
    """How odd a day is among the same weekdays around it; None where these are too few.

    Args:
        day: which.
        amounts: by day; a day from the first to the last that is missing had no sales.
        first: the first day that counts.
        last: the last one.
        weeks: how many weeks before and after it are looked at.
    """
    around = [day + timedelta(weeks=shift) for shift in range(-weeks, weeks + 1) if shift]
    others = sorted(amounts.get(other, _NOTHING) for other in around if first <= other <= last)
    if len(others) < FEWEST_NEIGHBOURS:
        return None
    # The mean of two middle amounts may have a fifth decimal, and the table holds four.
    usual = median(others).quantize(_CENT_OF_A_CENT)
    deviations = sorted(abs(amount - usual) for amount in others)
    spread = 1.4826 * float(median(deviations)) or 1.2533 * float(sum(deviations, _NOTHING)) / len(deviations)
    distance = float(amounts.get(day, _NOTHING) - usual)
    if distance == 0:
        return Judged(usual, 0.0)
    return Judged(usual, distance / spread if spread else float("inf") if distance > 0 else float("-inf"))


def median(values: Sequence[Decimal]) -> Decimal:
    """The middle of sorted values, or the mean of the two in the middle.

    >>> median([Decimal(1), Decimal(2), Decimal(10)]), median([Decimal(1), Decimal(2)])
    (Decimal('2'), Decimal('1.5'))
    """
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def _remark(day: date, amount: Decimal, judged: Judged, weeks: int) -> str:
    """What is odd about a day.

    >>> _remark(date(2011, 12, 9), Decimal(5), Judged(Decimal(2), 9.0), 6)
    '5 where Fridays within 6 weeks have 2'
    """
    sold = f"{amount:,.0f}" if amount else "nothing"
    return f"{sold} where {_WEEKDAYS[day.weekday()]} within {weeks} weeks have {judged.usual:,.0f}"
