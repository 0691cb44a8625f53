"""What goes wrong in the generated shop, and how often: returns, repeats, late lines, bad rows and the like.

Here: the counts, the choice of orders that carry each quirk, and how a good row is spoilt. The orders themselves come from
`generate/plan.py`; the lines that the quirks turn into are written in `generate/lines.py`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.generate.catalogue import csv_cell

if TYPE_CHECKING:
    import numpy.typing as npt

    from sahara_assets.generate.plan import Calendar, Customers, Ints, Orders

LONGEST_LAG_DAYS = 20
"""A return or cancellation is booked 1 to this many days after its order, or on the next trading day."""
LATEST_DROPS = 3
"""A late line arrives 1 to this many drops after the one its order is in; where a drop covers several days, in the next."""


@dataclass(frozen=True)
class QuirkCounts:
    """How many of each quirk a run plants; shares of the row count, near those of a real gift shop."""

    cancellation_lines: int
    return_lines: int
    fee_lines: int
    free_lines: int
    write_off_lines: int
    adjustment_lines: int
    repeat_lines: int
    late_lines: int
    overlap_lines: int
    bad_rows: int

    @classmethod
    def of(cls, rows: int) -> QuirkCounts:
        """The counts for a run of `rows` rows; every quirk is there even in the smallest run."""
        return cls(
            cancellation_lines=max(4, rows * 15 // 1000),
            return_lines=max(4, rows * 8 // 1000),
            fee_lines=max(4, rows * 5 // 1000),
            free_lines=max(2, rows * 4 // 1000),
            write_off_lines=max(2, rows * 3 // 1000),
            adjustment_lines=max(2, rows // 20_000),
            repeat_lines=max(3, rows * 10 // 1000),
            late_lines=max(3, rows * 5 // 1000),
            overlap_lines=max(3, rows * 4 // 1000),
            bad_rows=max(len(BAD_ROW_REASONS), rows // 1_000),
        )

    @property
    def extra_rows(self) -> int:
        """Rows that are there on top of the plain lines of orders. A late line is one of the plain lines."""
        return (
            self.cancellation_lines + self.return_lines + self.fee_lines + self.free_lines + self.write_off_lines
            + self.adjustment_lines + self.repeat_lines + self.overlap_lines + self.bad_rows
        )  # fmt: skip


class Mark(IntFlag):
    """What an order carries beside its plain lines."""

    REPEAT = 1
    """Its first line twice: two units, booked one by one."""
    FREE = 2
    """Its first product once more, at no price."""
    FEE = 4
    LATE = 8
    """Its last plain line arrives in a later drop."""
    CANCELLED = 16
    """Its first line is cancelled later, by `C` and the order's id."""
    RETURNED_ALONE = 32
    """One unit of its first line comes back later, as an order of its own."""
    RETURNED_WITHIN = 64
    """One unit of its first line comes back later, as a line of the same order."""


BAD_ROW_REASONS = (
    "quantity_not_a_number",
    "unit_price_not_a_number",
    "ordered_at_not_a_date",
    "too_few_fields",
    "too_many_fields",
    "unterminated_quote",
)
_SPOILT_QUANTITIES = ("three", "1O", "12 pcs", "--2")
_SPOILT_PRICES = ("n/a", "free", "4.9.5", "£")
_SPOILT_TIMES = ("2025-02-30 10:05:00", "2025-13-01 09:00:00", "yesterday", "0000-00-00 00:00:00")


def spoil(line: str, reason: str, nth: int) -> str:
    """A good purchase line, line feed included, made bad for one reason; `nth` varies how.

    >>> good = "500001,10001,20345,Mug,3,4.45,2025-03-03 10:15:00,France,GBP,"
    >>> print(spoil(good, "quantity_not_a_number", 0), end="")
    500001,10001,20345,Mug,three,4.45,2025-03-03 10:15:00,France,GBP,
    >>> print(spoil(good, "unterminated_quote", 0), end="")
    500001,10001,20345,"Mug,3,4.45,2025-03-03 10:15:00,France,GBP,
    """
    cells = next(csv.reader([line]))
    match reason:
        case "quantity_not_a_number":
            cells[4] = _SPOILT_QUANTITIES[nth % len(_SPOILT_QUANTITIES)]
        case "unit_price_not_a_number":
            cells[5] = _SPOILT_PRICES[nth % len(_SPOILT_PRICES)]
        case "ordered_at_not_a_date":
            cells[6] = _SPOILT_TIMES[nth % len(_SPOILT_TIMES)]
        case "too_few_fields":
            cells = cells[: 5 + nth % 3]
        case "too_many_fields":
            cells = [*cells, *["surplus"] * (1 + nth % 2)]
        case "unterminated_quote":
            plain = cells[3].replace('"', "").replace(",", "")
            return ",".join([*cells[:3], '"' + plain, *cells[4:]]) + "\n"
        case _:
            raise ValueError(f"no such reason for a bad row: {reason!r}; one of {', '.join(BAD_ROW_REASONS)}")
    return ",".join(csv_cell(cell) for cell in cells) + "\n"


@dataclass(frozen=True)
class QuirkPlan:
    """Where the quirks go: marks by order, days of the documents that stand alone, counts by drop."""

    marks: npt.NDArray[np.uint8]
    write_off_days: Ints
    adjustment_days: Ints
    cancels_only_days: Ints
    """One day for each of `Customers.cancels_only`."""
    overlap_lines: Ints
    """By drop: how many of its last lines the next drop delivers again."""
    bad_rows: Ints
    """By drop: how many bad rows it holds."""


def plan_quirks(
    counts: QuirkCounts, calendar: Calendar, customers: Customers, orders: Orders, rng: np.random.Generator
) -> QuirkPlan:
    """Choose at random which orders, days and drops carry the quirks. Exactly `counts`, provided the shop has that many orders.

    Raises:
        ValueError: the run is too small to hold a quirk as often as `counts` asks.
    """
    order_drop = calendar.drop_of_day[orders.day]
    drops = np.unique(order_drop)
    known, everything = orders.customer >= 0, np.ones(orders.day.size, dtype=np.bool_)
    early = orders.day < orders.day[-1] - LONGEST_LAG_DAYS
    may_be_late = (orders.lines >= 2) & (order_drop < drops[-1 - LATEST_DROPS])
    marks = np.zeros(orders.day.size, dtype=np.uint8)

    def mark(sign: Mark, wanted: int, eligible: npt.NDArray[np.bool_]) -> None:
        # An order is returned or cancelled, not both: a unit comes back once.
        back = Mark.CANCELLED | Mark.RETURNED_ALONE | Mark.RETURNED_WITHIN
        candidates = np.flatnonzero(eligible & ((marks & int(back)) == 0) if sign & back else eligible)
        if candidates.size < wanted:
            raise ValueError(
                f"{wanted} {sign.name} marks do not fit on {candidates.size} orders; ask for more rows or days"
            )
        chosen = np.argsort(rng.random(candidates.size), kind="stable")[:wanted]
        marks[candidates[chosen]] |= int(sign)

    mark(Mark.CANCELLED, counts.cancellation_lines - customers.cancels_only.size, known & early)
    mark(Mark.RETURNED_ALONE, counts.return_lines // 2, known & early)
    mark(Mark.RETURNED_WITHIN, counts.return_lines - counts.return_lines // 2, known & early)
    mark(Mark.REPEAT, counts.repeat_lines, everything)
    mark(Mark.FREE, counts.free_lines, known)
    mark(Mark.FEE, counts.fee_lines, everything)
    mark(Mark.LATE, counts.late_lines, may_be_late)

    trading = np.unique(orders.day).astype(np.int64)

    def days(wanted: int) -> Ints:
        return np.sort(trading[(trading.size * rng.random(wanted)).astype(np.int64)])

    drop_count = int(calendar.drop_of_day[-1]) + 1
    bad = drops[(drops.size * rng.random(counts.bad_rows)).astype(np.int64)]
    return QuirkPlan(
        marks=marks,
        write_off_days=days(counts.write_off_lines),
        adjustment_days=days(counts.adjustment_lines),
        cancels_only_days=trading[: trading.size // 2][
            (trading.size // 2 * rng.random(customers.cancels_only.size)).astype(np.int64)
        ],
        overlap_lines=_overlaps(counts.overlap_lines, np.bincount(order_drop, minlength=drop_count), drops, rng),
        bad_rows=np.bincount(bad, minlength=drop_count).astype(np.int64),
    )


def _overlaps(wanted: int, orders_of_drop: Ints, drops: Ints, rng: np.random.Generator) -> Ints:
    """Spread the overlap over about a sixth of the drops; at most a line an order, which every order has even without late ones."""
    given = np.zeros(orders_of_drop.size, dtype=np.int64)
    each = max(1, -(-wanted * 6 // drops.size))
    for drop in drops[:-1][np.argsort(rng.random(drops.size - 1), kind="stable")]:
        given[drop] = min(each, int(orders_of_drop[drop]), wanted)
        wanted -= int(given[drop])
    if wanted:
        raise ValueError(f"{wanted} overlap lines find no room; ask for more rows or days")
    return given
