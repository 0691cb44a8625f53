"""Who buys in the generated shop, and when: the plan, held as a few bytes an order.

Here: the planted segments, the calendar, customers and orders. What the shop sells is in `generate/catalogue.py`, which
orders are returned, repeated or late in `generate/quirks.py`; a day's lines are drawn in `generate/lines.py`, so that only one
drop's lines are in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

MOST_LINES_PER_ORDER = 40


@dataclass(frozen=True)
class Segment:
    """How one kind of customer behaves. Medians are of log-normal draws; times are shares of the days the shop is watched."""

    name: str
    share: float
    order_median: float
    order_sigma: float
    recency_share: float
    """Median time from the last order to the end."""
    recency_sigma: float
    tenure_share: float
    """Median time from the first order to the end."""
    tenure_sigma: float
    lines_median: float
    units_median: float


# In log1p of recency, orders and spend the kinds lie well apart and each is tight, so that the planted k is the k a
# sound criterion finds. Loyal, regular and lapsed customers differ from each other in two of the three at least.
SEGMENTS = (
    Segment("loyal_big", 0.14, 22.0, 0.14, 0.018, 0.22, 0.93, 0.04, 9.0, 10.0),
    Segment("regular", 0.24, 12.0, 0.14, 0.048, 0.20, 0.85, 0.06, 3.0, 2.6),
    Segment("new_promising", 0.20, 3.0, 0.16, 0.060, 0.20, 0.13, 0.12, 5.0, 7.0),
    Segment("one_off_small", 0.24, 1.0, 0.20, 0.250, 0.20, 0.30, 0.10, 4.0, 1.2),
    Segment("lapsed", 0.18, 6.0, 0.16, 0.640, 0.09, 0.94, 0.04, 6.0, 9.0),
)
LINES_SIGMA = 0.28
TASTE_SIGMA = 0.12
"""Spread, between customers of one kind, of how many units they take of everything."""
ANONYMOUS_LINES_MEDIAN = 3.0

COUNTRIES = (
    ("United Kingdom", 0.84),
    ("Germany", 0.04),
    ("France", 0.04),
    ("Ireland", 0.03),
    ("Netherlands", 0.02),
    ("Spain", 0.015),
    ("Türkiye", 0.01),
    ("Côte d'Ivoire", 0.005),
)
_MONTHS = (0.80, 0.78, 0.90, 0.88, 0.95, 0.92, 0.90, 0.90, 1.10, 1.25, 1.85, 1.60)
_WEEKDAYS = (0.95, 1.05, 1.05, 1.20, 1.10, 0.60, 0.0)  # closed on Sundays


@dataclass(frozen=True)
class Calendar:
    """The days watched, by index from `start`: how busy each is (zero where closed) and which drop it belongs to."""

    start: date
    weight: Floats
    drop_of_day: Ints
    days_per_drop: int

    @property
    def days(self) -> int:
        """Number of calendar days."""
        return int(self.weight.size)

    def day(self, index: int) -> date:
        """The date of a day index."""
        return self.start + timedelta(days=int(index))

    def open_days(self) -> Ints:
        """Indexes of the days the shop trades."""
        return np.flatnonzero(self.weight > 0).astype(np.int64)

    def at_or_before(self, day: Ints) -> Ints:
        """The last open day at or before each day (the first open day where there is none)."""
        trading = self.open_days()
        position = np.searchsorted(trading, day, side="right") - 1
        found: Ints = trading[np.maximum(position, 0)]
        return found


@dataclass(frozen=True)
class Customers:
    """One entry a customer, in order of sign-up. `segment` is -1 for those who never bought anything they kept."""

    segment: Ints
    signed_up: Ints
    """Day index; negative before the first day watched."""
    country: Ints
    units: Floats
    """Median units of a line."""
    has_client_id: npt.NDArray[np.bool_]
    client_id_of: Ints
    """The customer whose client id this one uses: its own index, but for those who share a browser."""
    moves: npt.NDArray[np.bool_]
    cancels_only: Ints
    """Indexes of customers whose only documents are cancellations of orders from before the first day."""


@dataclass(frozen=True)
class Orders:
    """One entry an order, in order of time. `customer` is -1 for anonymous ones."""

    customer: npt.NDArray[np.int32]
    day: npt.NDArray[np.int16]
    minute: npt.NDArray[np.int16]
    lines: npt.NDArray[np.int16]
    """Plain lines, all of different products."""


def make_calendar(start: date, days: int, days_per_drop: int, rng: np.random.Generator) -> Calendar:
    """Weekly and yearly seasons; closed on Sundays, at Christmas, on New Year's Day and on one day of stocktaking in a hundred."""
    weight = np.zeros(days)
    for index in range(days):
        day = start + timedelta(days=index)
        weight[index] = _MONTHS[day.month - 1] * _WEEKDAYS[day.weekday()]
        if (day.month, day.day) in {(1, 1), (12, 25), (12, 26)}:
            weight[index] = 0.0
        elif day.month == 12 and day.day > 20:
            weight[index] *= 0.6
    stocktaking = np.argsort(rng.random(days - 30), kind="stable")[: max(1, days // 100)] + 10
    weight[stocktaking] = 0.0
    return Calendar(start, weight, np.arange(days, dtype=np.int64) // days_per_drop, days_per_drop)


def segment_sizes(customers: int) -> list[int]:
    """Customers of each segment: the shares, rounded so that they add up (largest remainders first).

    >>> segment_sizes(100)
    [14, 24, 20, 24, 18]
    """
    exact = [segment.share * customers for segment in SEGMENTS]
    sizes = [int(share) for share in exact]
    behind = sorted(range(len(exact)), key=lambda nth: sizes[nth] - exact[nth])
    for nth in behind[: customers - sum(sizes)]:
        sizes[nth] += 1
    return sizes


def _mean_lines_per_customer() -> float:
    between = np.exp(LINES_SIGMA**2 / 2)
    return float(
        sum(s.share * s.order_median * np.exp(s.order_sigma**2 / 2) * s.lines_median * between for s in SEGMENTS)
    )


def make_customers(plain_lines: int, calendar: Calendar, rng: np.random.Generator) -> tuple[Customers, Orders]:
    """Draw customers for about five sixths of `plain_lines`, their orders, and anonymous orders for exactly the rest."""
    # Few customers vary much; draw again with fewer until some lines are left for the anonymous.
    buyers = max(len(SEGMENTS) * 3, round(0.85 * plain_lines / _mean_lines_per_customer()))
    while True:
        drawn = _draw_buyers(buyers, calendar, rng)
        if int(drawn[1].lines.sum()) <= 0.94 * plain_lines:
            break
        buyers = buyers * 19 // 20
    customers, orders = drawn
    anonymous = _draw_anonymous(plain_lines - int(orders.lines.sum()), calendar, rng)
    everyone = Orders(
        customer=np.concatenate([orders.customer, anonymous.customer]),
        day=np.concatenate([orders.day, anonymous.day]),
        minute=np.concatenate([orders.minute, anonymous.minute]),
        lines=np.concatenate([orders.lines, anonymous.lines]),
    )
    by_time = np.lexsort((everyone.minute, everyone.day))
    return customers, Orders(
        everyone.customer[by_time], everyone.day[by_time], everyone.minute[by_time], everyone.lines[by_time]
    )


def _log_normal(median: Floats | float, sigma: Floats | float, size: int, rng: np.random.Generator) -> Floats:
    # Two and a half sigmas at most: the tails of neighbouring segments must not meet.
    return np.asarray(median * np.exp(sigma * np.clip(rng.standard_normal(size), -2.5, 2.5)), dtype=np.float64)


def _trait(name: str, segment: Ints) -> Floats:
    return np.array([getattr(kind, name) for kind in SEGMENTS], dtype=np.float64)[segment]


def _draw_lines(median: Floats | float, size: int, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    return np.clip(np.rint(_log_normal(median, LINES_SIGMA, size, rng)), 1, MOST_LINES_PER_ORDER).astype(np.int16)


def _draw_minutes(size: int, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    # 08:00 to 17:59, busiest at midday; returns and the like are booked after six, so a drop stays in order of time.
    return (480 + 600 * (rng.random(size) + rng.random(size)) / 2).astype(np.int16)


def _draw_buyers(buyers: int, calendar: Calendar, rng: np.random.Generator) -> tuple[Customers, Orders]:
    days, last_day = calendar.days, int(calendar.open_days()[-1])
    bought = np.repeat(np.arange(len(SEGMENTS)), segment_sizes(buyers))
    watchers, cancels_only = max(2, buyers // 30), max(1, buyers // 150)
    segment = np.concatenate([bought, np.full(watchers + cancels_only, -1)]).astype(np.int64)

    count = np.maximum(
        1, np.rint(_log_normal(_trait("order_median", bought), _trait("order_sigma", bought), buyers, rng))
    )
    count = count.astype(np.int64)
    ago = _log_normal(_trait("recency_share", bought) * days, _trait("recency_sigma", bought), buyers, rng)
    last = calendar.at_or_before(np.clip(np.rint(days - ago), 0, last_day).astype(np.int64))
    tenure = _log_normal(_trait("tenure_share", bought) * days, _trait("tenure_sigma", bought), buyers, rng)
    first = calendar.at_or_before(np.clip(np.rint(days - tenure), 0, None).astype(np.int64))
    first = np.where(count == 1, last, np.minimum(first, np.maximum(last - 5, 0)))
    first = calendar.at_or_before(first)

    before = np.rint(60 * rng.random(buyers + watchers + cancels_only) ** 2).astype(np.int64)
    others = np.concatenate([(days * rng.random(watchers)).astype(np.int64), np.full(cancels_only, -20)])
    signed_up = np.concatenate([first, others]) - before
    rank = np.argsort(signed_up, kind="stable")
    place = np.empty_like(rank)
    place[rank] = np.arange(rank.size)

    total = rank.size
    shares = np.cumsum([share for _, share in COUNTRIES])
    sharing = np.arange(total)
    owners = np.argsort(rng.random(total), kind="stable")[: 2 * max(1, total // 250)]
    sharing[owners[::2]] = owners[1::2]
    has_client_id = rng.random(total) > 0.06
    has_client_id[owners] = True
    moves = np.zeros(total, dtype=np.bool_)
    # Of those who signed up first, whom both deliveries of the customers file hold.
    moves[np.argsort(rng.random(total // 2), kind="stable")[: max(2, total // 150)]] = True
    taste = _log_normal(1.0, TASTE_SIGMA, total, rng)
    customers = Customers(
        segment=segment[rank],
        signed_up=signed_up[rank],
        country=np.minimum(np.searchsorted(shares, rng.random(total)), len(COUNTRIES) - 1).astype(np.int64),
        units=np.where(segment[rank] >= 0, _trait("units_median", segment[rank]), 1.0) * taste,
        has_client_id=has_client_id,
        client_id_of=sharing.astype(np.int64),
        moves=moves,
        cancels_only=np.sort(place[buyers + watchers :]),
    )
    return customers, _orders_between(place[:buyers], bought, count, first, last, calendar, rng)


def _orders_between(
    customer: Ints, segment: Ints, count: Ints, first: Ints, last: Ints, calendar: Calendar, rng: np.random.Generator
) -> Orders:
    """Every customer's first and last order on its day, and the others on days drawn by how busy they are."""
    who = np.repeat(np.arange(count.size), count)
    nth = np.arange(who.size) - np.repeat(np.cumsum(count) - count, count)
    cumulative = np.concatenate([[0.0], np.cumsum(calendar.weight)])
    low, high = cumulative[first[who]], cumulative[last[who] + 1]
    drawn = np.searchsorted(cumulative, low + (high - low) * rng.random(who.size), side="right") - 1
    day = np.where(
        nth == count[who] - 1, last[who], np.where(nth == 0, first[who], np.clip(drawn, first[who], last[who]))
    )
    return Orders(
        customer=customer[who].astype(np.int32),
        day=day.astype(np.int16),
        minute=_draw_minutes(who.size, rng),
        lines=_draw_lines(_trait("lines_median", segment[who]), who.size, rng),
    )


def _draw_anonymous(lines: int, calendar: Calendar, rng: np.random.Generator) -> Orders:
    counts = _draw_lines(ANONYMOUS_LINES_MEDIAN, lines, rng)
    ends = np.cumsum(counts, dtype=np.int64)
    orders = int(np.searchsorted(ends, lines)) + 1
    counts = counts[:orders].copy()
    counts[-1] -= ends[orders - 1] - lines
    cumulative = np.cumsum(calendar.weight) / np.sum(calendar.weight)
    day = np.searchsorted(cumulative, rng.random(orders), side="right").astype(np.int16)
    # Someone buys on the last day, so that recency is counted from the same day in a small shop as in a large one. Not a
    # known customer: a recency of zero is, on a log scale, an outlier that small shops would make a cluster of.
    day[0] = calendar.open_days()[-1]
    return Orders(
        customer=np.full(orders, -1, dtype=np.int32),
        day=day,
        minute=_draw_minutes(orders, rng),
        lines=counts,
    )
