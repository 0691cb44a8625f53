"""The purchase lines of the generated shop, one drop at a time, as CSV text.

Here: drawing the products and quantities of a drop's orders and turning them and their quirks into lines, with a tally of what was
planted. Which orders and which quirks there are was decided in `generate/plan.py` and `generate/quirks.py`; files are written by
`generate/shop.py`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.generate.catalogue import popularity, pounds, price_pence, product_cells
from sahara_assets.generate.plan import COUNTRIES
from sahara_assets.generate.quirks import BAD_ROW_REASONS, LATEST_DROPS, LONGEST_LAG_DAYS, Mark, spoil

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.generate.catalogue import Catalogue, Product
    from sahara_assets.generate.plan import Calendar, Customers, Ints, Orders
    from sahara_assets.generate.quirks import QuirkPlan

HEADER = "order_id,customer_id,product_id,description,quantity,unit_price,ordered_at,country,currency,client_id\n"
FIRST_ORDER_NUMBER = 500_001
FIRST_CUSTOMER_NUMBER = 10_001
UNITS_SIGMA = 0.45
ANONYMOUS_UNITS_MEDIAN = 1.6
BULK_UNITS = 12
MOST_UNITS = 999
_TIERS = 3
_CLOCK = tuple(f"{minute // 60:02d}:{minute % 60:02d}:00" for minute in range(24 * 60))
_WRITE_OFF_REASONS = ("damaged", "wet carton", "? missing", "thrown away", "sold as set by mistake")


def customer_number(customer: int) -> int:
    """The `customer_id` of a customer's index."""
    return FIRST_CUSTOMER_NUMBER + customer


def client_id(customer: int, customers: Customers) -> str:
    """The analytics cookie a customer was last seen with, in Google Analytics' two-number form; empty where there is none."""
    if not customers.has_client_id[customer]:
        return ""
    owner = int(customers.client_id_of[customer])
    # One-to-one modulo a prime, so that only those meant to share an id do.
    return f"{(owner * 1_103_515_245 + 1_234_567_891) % 2_147_483_647}.{1_700_000_000 + owner % 30_000_000}"


_LINE_KINDS = ("sale", "return", "cancellation", "adjustment", "free")
_QUIRKS = (
    "anonymous_lines", "fee_lines", "repeat_lines", "late_lines", "overlap_lines", "write_off_lines", "bad_debt_lines",
    "return_lines_of_their_own_order", "return_lines_within_the_order",
)  # fmt: skip


@dataclass
class Tally:
    """What has been written so far. Money in pence; line counts leave out overlaps, which deliver a line twice, and bad rows."""

    rows: int = 0
    lines: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_LINE_KINDS, 0))
    quirks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_QUIRKS, 0))
    bad_rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BAD_ROW_REASONS, 0))
    bad_places: list[tuple[str, int, str]] = field(default_factory=list)
    """File name, physical line number (the header is line 1), reason."""
    orders: int = 0
    """Distinct order ids, of every kind of document."""
    net_pence: int = 0
    known_sale_lines: int = 0
    known_sale_orders: int = 0
    known_sale_pence: int = 0
    known_sale_lines_without_fees: int = 0
    known_sale_pence_without_fees: int = 0


def _without(lines: list[str], places: list[int]) -> list[str]:
    """The lines but for those at `places`, which ascend.

    >>> _without(["a", "b", "c", "d"], [1, 3])
    ['a', 'c']
    """
    kept: list[str] = []
    done = 0
    for place in places:
        kept += lines[done:place]
        done = place + 1
    return kept + lines[done:]


class _Range:
    """One delivery of the catalogue, as text and pence by slot."""

    def __init__(self, products: Sequence[Product]) -> None:
        self.cells = product_cells(products)
        self.pence = price_pence(products)
        self.price_cells = [f",{pounds(int(pence))}" for pence in self.pence]


class Lines:
    """Draws the lines of each drop in turn; holds what an earlier drop leaves for a later one, and the tally."""

    def __init__(
        self, seed: int, calendar: Calendar, catalogue: Catalogue, customers: Customers, orders: Orders, quirks: QuirkPlan,
        second_delivery_day: int,
    ) -> None:  # fmt: skip
        self._seed, self._calendar, self._customers, self._orders, self._quirks = (
            seed,
            calendar,
            customers,
            orders,
            quirks,
        )
        self._ranges = (_Range(catalogue.first), _Range(catalogue.second))
        self._second_delivery_day = second_delivery_day
        self._popularity = popularity()
        self._slots = len(catalogue.first)
        self._unit_cells = [str(units) for units in range(MOST_UNITS + 1)]
        self._trading = np.unique(orders.day).astype(np.int64)
        self.drops = [int(drop) for drop in np.unique(calendar.drop_of_day[self._trading])]
        """Numbers of the drops that hold anything, in order."""
        self._booked: defaultdict[int, list[str]] = defaultdict(list)  # by day
        self._late: defaultdict[int, list[str]] = defaultdict(list)  # by drop
        self._again: list[str] = []
        self._next_number = FIRST_ORDER_NUMBER + orders.day.size
        self._bad_so_far = 0
        self.tally = Tally()

    def last_day(self, drop: int) -> int:
        """Index of the last trading day of a drop, which names its file."""
        return int(self._trading[np.searchsorted(self._calendar.drop_of_day[self._trading], drop, side="right") - 1])

    def drop(self, drop: int, file_name: str) -> list[str]:
        """All lines of a drop, header left out, in order of time but for what arrives late or again, which comes first.

        Drops must be asked for in order, each once.
        """
        arrived = self._again + self._late.pop(drop, [])
        self.tally.quirks["overlap_lines"] += len(self._again)
        own: list[str] = []
        for day in self._trading[self._calendar.drop_of_day[self._trading] == drop]:
            own += self._day(int(day), drop)
        again = int(self._quirks.overlap_lines[drop])
        self._again = own[len(own) - again :]
        lines = self._with_bad_rows(arrived + own, len(arrived), drop, file_name)
        self.tally.rows += len(lines)
        return lines

    def _with_bad_rows(self, lines: list[str], after: int, drop: int, file_name: str) -> list[str]:
        count = int(self._quirks.bad_rows[drop])
        if count == 0:
            return lines
        rng = np.random.default_rng([self._seed, 3, drop])
        places = sorted(after + int(place) for place in (len(lines) - after) * rng.random(count))
        mixed: list[str] = []
        done = 0
        for place in places:
            mixed += lines[done:place]
            done = place
            # Every reason in turn, so that each occurs; the variant moves on once all reasons have had it.
            variant, nth = divmod(self._bad_so_far, len(BAD_ROW_REASONS))
            reason = BAD_ROW_REASONS[nth]
            self._bad_so_far += 1
            mixed.append(spoil(lines[place], reason, variant))
            self.tally.bad_rows[reason] += 1
            self.tally.bad_places.append((file_name, len(mixed) + 1, reason))
        return mixed + lines[done:]

    def _day(self, day: int, drop: int) -> list[str]:
        begin, end = (int(edge) for edge in np.searchsorted(self._orders.day, np.array([day, day + 1], dtype=np.int16)))
        rng = np.random.default_rng([self._seed, 2, day])
        range_ = self._ranges[day >= self._second_delivery_day]
        marks = self._quirks.marks[begin:end].astype(np.int64)
        customer = self._orders.customer[begin:end].astype(np.int64)
        plain = self._orders.lines[begin:end].astype(np.int64)
        order, nth, slot, units, tier = self._draw(customer, plain, marks, rng)
        pence = range_.pence[slot * _TIERS + tier]
        self._count(customer[order], slot, units, pence)
        self.tally.quirks["repeat_lines"] += int(np.count_nonzero(marks & Mark.REPEAT))
        self.tally.orders += end - begin
        self.tally.known_sale_orders += int(np.count_nonzero(customer >= 0))

        heads, tails = self._frames(begin, customer, day)
        cells, unit_cells, price_cells = range_.cells, self._unit_cells, range_.price_cells
        lines = [
            heads[o] + cells[s] + unit_cells[u] + price_cells[p] + tails[o]
            for o, s, u, p in zip(
                order.tolist(), slot.tolist(), units.tolist(), (slot * _TIERS + tier).tolist(), strict=True
            )
        ]
        firsts = np.flatnonzero(nth == 0)
        for place in np.flatnonzero(marks & (Mark.CANCELLED | Mark.RETURNED_ALONE | Mark.RETURNED_WITHIN)):
            line = int(firsts[place])
            goods = cells[int(slot[line])]
            self._book_back(
                Mark(int(marks[place])), begin + int(place), goods, int(units[line]), int(pence[line]), day, rng
            )
        held_back = firsts[(marks & Mark.LATE) > 0] + plain[(marks & Mark.LATE) > 0] - 1
        if held_back.size:
            position = self.drops.index(drop)
            latest = max(1, LATEST_DROPS // self._calendar.days_per_drop)
            for line in held_back.tolist():
                self._late[self.drops[position + 1 + int(latest * rng.random())]].append(lines[line])
            self.tally.quirks["late_lines"] += int(held_back.size)
            lines = _without(lines, held_back.tolist())
        return lines + self._booked.pop(day, []) + self._documents(day, range_, rng)

    def _draw(
        self, customer: Ints, plain: Ints, marks: Ints, rng: np.random.Generator
    ) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Order, place in the order, slot, units and price tier of each line. The plain lines of one order differ in product."""
        repeat, free, fee = ((marks & mark) > 0 for mark in (Mark.REPEAT, Mark.FREE, Mark.FEE))
        total = plain + repeat + free + fee
        order = np.repeat(np.arange(plain.size), total)
        start = np.cumsum(total) - total
        nth = np.arange(order.size) - start[order]
        # One draw from each n-th part of the ranking, then pushed apart where two fell on the same product: distinct products
        # without a loop. Rare spare products behind the last popular one take what is pushed over the edge.
        slot = np.searchsorted(self._popularity, (nth + rng.random(order.size)) / plain[order], side="right")
        slot = np.minimum(slot, self._popularity.size - 1)
        apart = order * (2 * self._slots)
        slot = np.maximum.accumulate(slot - nth + apart) + nth - apart
        median = np.where(customer < 0, ANONYMOUS_UNITS_MEDIAN, self._customers.units[customer])
        spread = np.exp(UNITS_SIGMA * rng.standard_normal(order.size))
        units = np.clip(np.rint(median[order] * spread), 1, MOST_UNITS).astype(np.int64)
        tier = (units >= BULK_UNITS).astype(np.int64)

        extra = nth - plain[order]
        first = start[order]
        is_repeat = repeat[order] & (extra == 0)
        is_free = free[order] & (extra == repeat[order])
        is_fee = fee[order] & (extra == repeat[order].astype(np.int64) + free[order])
        units = np.where(is_repeat, units[first], np.where(is_free | is_fee, 1, units))
        tier = np.where(is_repeat, tier[first], np.where(is_free, _TIERS - 1, np.where(is_fee, 0, tier)))
        country = np.where(customer < 0, 0, self._customers.country[customer])
        at_home = np.where(rng.random(plain.size) < 0.5, 1, 2)
        code = np.where(customer < 0, 3, np.where(country > 0, 0, at_home))
        slot = np.where(is_repeat | is_free, slot[first], np.where(is_fee, self._slots + code[order], slot))
        return order, nth, slot, units, tier

    def _count(self, customer: Ints, slot: Ints, units: Ints, pence: Ints) -> None:
        tally, value = self.tally, units * pence
        known, paid, fee = customer >= 0, pence > 0, slot >= self._slots
        sold = known & paid
        tally.lines["sale"] += int(np.count_nonzero(paid))
        tally.lines["free"] += int(np.count_nonzero(~paid))
        tally.quirks["anonymous_lines"] += int(np.count_nonzero(~known))
        tally.quirks["fee_lines"] += int(np.count_nonzero(fee))
        tally.net_pence += int(value.sum())
        tally.known_sale_lines += int(np.count_nonzero(sold))
        tally.known_sale_pence += int(value[sold].sum())
        tally.known_sale_lines_without_fees += int(np.count_nonzero(sold & ~fee))
        tally.known_sale_pence_without_fees += int(value[sold & ~fee].sum())

    def _frames(self, begin: int, customer: Ints, day: int) -> tuple[list[str], list[str]]:
        """What stands before and after the product in each order's lines."""
        minutes = self._orders.minute[begin : begin + customer.size].tolist()
        on = self._calendar.day(day).isoformat()
        heads, tails = [], []
        for place, (who, minute) in enumerate(zip(customer.tolist(), minutes, strict=True)):
            number = FIRST_ORDER_NUMBER + begin + place
            heads.append(f"{number},{customer_number(who)}," if who >= 0 else f"{number},,")
            tails.append(self._tail(who, f"{on} {_CLOCK[minute]}"))
        return heads, tails

    def _tail(self, customer: int, at: str) -> str:
        if customer < 0:
            return f",{at},{COUNTRIES[0][0]},GBP,\n"
        country = COUNTRIES[int(self._customers.country[customer])][0]
        return f",{at},{country},GBP,{client_id(customer, self._customers)}\n"

    def _after_hours(self, day: int, rng: np.random.Generator) -> str:
        return f"{self._calendar.day(day).isoformat()} {_CLOCK[18 * 60 + int(120 * rng.random())]}"

    def _book_back(
        self, marks: Mark, order: int, goods: str, units: int, pence: int, day: int, rng: np.random.Generator
    ) -> None:
        """Put the line that takes an order's first line back on a later trading day."""
        later = day + 1 + int(LONGEST_LAG_DAYS * rng.random())
        later = int(self._trading[np.searchsorted(self._trading, later)])
        customer = int(self._orders.customer[order])
        number = str(FIRST_ORDER_NUMBER + order)
        back = 1
        if marks & Mark.CANCELLED:
            number, back, kind = f"C{number}", units, "cancellation"
            self.tally.orders += 1
        elif marks & Mark.RETURNED_ALONE:
            number, kind = self._new_number(), "return"
            self.tally.quirks["return_lines_of_their_own_order"] += 1
        else:
            kind = "return"
            self.tally.quirks["return_lines_within_the_order"] += 1
        self.tally.lines[kind] += 1
        self.tally.net_pence -= back * pence
        tail = self._tail(customer, self._after_hours(later, rng))
        self._booked[later].append(f"{number},{customer_number(customer)},{goods}-{back},{pounds(pence)}{tail}")

    def _new_number(self) -> str:
        self._next_number += 1
        self.tally.orders += 1
        return str(self._next_number - 1)

    def _documents(self, day: int, range_: _Range, rng: np.random.Generator) -> list[str]:
        """The documents of a day that no order of this run led to: write-offs, bad debt, cancellations of older orders."""
        lines = []
        for _ in range(*np.searchsorted(self._quirks.write_off_days, [day, day + 1])):
            code = range_.cells[int(self._slots * rng.random())].split(",", 1)[0]
            why = _WRITE_OFF_REASONS[int(len(_WRITE_OFF_REASONS) * rng.random())]
            lost, at = 1 + int(30 * rng.random() ** 2), self._after_hours(day, rng)
            lines.append(f"{self._new_number()},,{code},{why},-{lost},0.00{self._tail(-1, at)}")
            self.tally.quirks["write_off_lines"] += 1
        for _ in range(*np.searchsorted(self._quirks.adjustment_days, [day, day + 1])):
            pence = (-1 if rng.random() < 0.5 else 1) * (5_000 + int(60_000 * rng.random()))
            tail = self._tail(-1, self._after_hours(day, rng))
            lines.append(f"A{self._new_number()},,B,Adjust bad debt,1,{pounds(pence)}{tail}")
            self.tally.quirks["bad_debt_lines"] += 1
            self.tally.net_pence += pence
        self.tally.lines["adjustment"] += len(lines)
        self.tally.quirks["anonymous_lines"] += len(lines)
        for nth in np.flatnonzero(self._quirks.cancels_only_days == day).tolist():
            customer, slot = int(self._customers.cancels_only[nth]), int(self._slots * rng.random())
            pence = int(range_.pence[slot * _TIERS])
            tail = self._tail(customer, self._after_hours(day, rng))
            number = f"C{FIRST_ORDER_NUMBER - 1 - nth}"
            lines.append(f"{number},{customer_number(customer)},{range_.cells[slot]}-2,{pounds(pence)}{tail}")
            self.tally.lines["cancellation"] += 1
            self.tally.orders += 1
            self.tally.net_pence -= 2 * pence
        return lines
