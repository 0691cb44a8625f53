"""Charts of the drops: what was loaded and rejected when, and why rows were rejected.

Takes rows of the ledger (`drops`) and of a summary of `rejected_rows`. `counted_drops` is also what the report's totals are taken
from, so that chart and text agree. Reading and judging drops lives in the package `drops/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sahara_assets.report.charts import WIDE, Bar, horizontal_bars
from sahara_assets.report.svg import Drawing, Scale, text_width, tick_label, ticks
from sahara_assets.report.wording import counted, day, figure, number_or_none, printable

Row = Mapping[str, Any]

IN_USE = frozenset({"loaded"})
"""The states of a drop whose rows are in the raw table."""
KEPT_OUT = frozenset({"rejected", "held", "allowed"})
"""The states of a drop of which nothing is loaded; an allowed one is read by the next run."""

_QUOTED_VALUE = re.compile(r"""holds (?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_LINE_NUMBER = re.compile(r"on line [\d,]+")

MOST_REASONS = 10
"""Reasons beyond this many share one bar: the rest is in the table."""


def counted_drops(drops: Sequence[Row]) -> list[Row]:
    """The drops whose rows count today: replaced and forgotten ones not, and of one content delivered under several names one.

    In the order of dataset and path, so that the copy which counts does not hang on the order of the rows; a copy in use goes first.

    >>> a = {"dataset": "purchases", "path": "a.csv", "drop_id": "1", "status": "loaded"}
    >>> [row["path"] for row in counted_drops([{**a, "path": "b.csv"}, a, {**a, "drop_id": "2", "status": "replaced"}])]
    ['a.csv']
    """
    seen: set[tuple[object, object]] = set()
    found = []
    for row in sorted(
        drops, key=lambda row: (str(row["dataset"]), row["status"] not in IN_USE, str(row["path"]), str(row["drop_id"]))
    ):
        key = (row["dataset"], row["drop_id"])
        if row["status"] in IN_USE | KEPT_OUT and key not in seen:
            seen.add(key)
            found.append(row)
    return found


@dataclass(frozen=True)
class _Bin:
    first: date
    loaded: float = 0.0
    not_loaded: float = 0.0
    drops: int = 0


@dataclass(frozen=True)
class _Step:
    """A width of time bins: `starts` gives the first day of the bin a day falls in."""

    noun: str
    days: int = 0
    months: int = 0

    def start(self, when: date) -> date:
        if self.days:
            # Weeks start on Monday, as 1 January of year 1 was one.
            return date.fromordinal((when.toordinal() - 1) // self.days * self.days + 1)
        month = ((when.year - 1) * 12 + when.month - 1) // self.months * self.months
        return date(month // 12 + 1, month % 12 + 1, 1)

    def following(self, start: date) -> date | None:
        """The next bin's first day; None at the end of the calendar."""
        try:
            if self.days:
                return start + timedelta(days=self.days)
            month = (start.year - 1) * 12 + start.month - 1 + self.months
            return date(month // 12 + 1, month % 12 + 1, 1)
        except (OverflowError, ValueError):
            return None


_STEPS = (
    _Step("day", days=1),
    _Step("week", days=7),
    _Step("month", months=1),
    _Step("quarter", months=3),
    _Step("year", months=12),
    _Step("ten years", months=120),
    _Step("hundred years", months=1200),
    _Step("thousand years", months=12000),
)


def drop_history(drops: Sequence[Row], *, width: float = WIDE) -> str:
    """Rows loaded and, on a scale of their own, rows rejected or in a drop that is kept out, by date of the drop.

    That is the date in the file's name or else its modification date.
    Days become weeks, months, quarters or years where there are too many to tell apart, so that three drops and three thousand both
    read well. One such row beside a million loaded ones would be no pixel high: hence the second panel.
    """
    title = "Rows loaded and not loaded, by date of the drop"
    rows = [(when, row) for row in counted_drops(drops) if (when := _date_of(row)) is not None]
    if not rows:
        board = Drawing(width, 56, title, "No drops yet.")
        board.text(0, 32, "No drops yet.", "muted")
        return board.svg()
    left = 62.0
    step, bins = _binned(rows, most=int((width - left) / 7))
    has_rejects = any(bucket.not_loaded for bucket in bins)
    main_height, reject_height, between = 170.0, 64.0, 56.0
    top = 34.0
    height = top + main_height + (reject_height + between if has_rejects else 0) + 28
    total_loaded, total_not_loaded = sum(b.loaded for b in bins), sum(b.not_loaded for b in bins)
    description = (
        f"{counted(len(rows), 'drop')} from {day(bins[0].first)} to {day(max(when for when, _ in rows))}, by {step.noun}: "
        f"{counted(total_loaded, 'row')} loaded, {counted(total_not_loaded, 'row')} not loaded."
    )
    board = Drawing(width, height, title, description)
    slot = (width - left) / len(bins)
    bar = min(max(slot - (2 if slot > 5 else 0.6), 1), 48)

    def panel(base: float, tall: float, column: str, css: str, tick_count: int) -> None:
        values = [getattr(bucket, column) for bucket in bins]
        marks = ticks(0.0, max(*values, 1.0) if len(values) > 1 else max(values[0], 1.0), tick_count)
        y = Scale(0, marks[-1], base, base - tall)
        said = column.replace("_", " ")
        heading = f"Rows {said} per {step.noun}{' (own scale)' if column == 'not_loaded' else ''}"
        board.text(0, base - tall - 16, heading, "ink strong")
        for mark in marks:
            board.line(left, y(mark), width, y(mark))
            board.text(left - 8, y(mark) + 4, tick_label(mark, marks), "muted small end")
        for index, bucket in enumerate(bins):
            value = values[index]
            if value > 0:
                tip = min(y(value), base - 1)
                hint = f"{_bin_name(bucket, step)}: {counted(value, 'row')} {said}, {counted(bucket.drops, 'drop')}"
                board.rect(left + (index + 0.5) * slot - bar / 2, tip, bar, base - tip, css, hint=hint)

    panel(top + main_height, main_height, "loaded", "first", 4)
    bottom = top + main_height
    if has_rejects:
        bottom += reject_height + between
        panel(bottom, reject_height, "not_loaded", "second", 2)
    _date_axis(board, bins, left, slot, bottom + 18)
    return board.svg()


def reason_kind(reason: object) -> str:
    """A reject's reason without what differs from row to row, so that a thousand bad quantities are one reason.

    >>> reason_kind("Quantity holds 'x'; write a number"), reason_kind("product_id stands again on line 12 with other values")
    ("Quantity holds '…'; write a number", 'product_id stands again on line … with other values')
    """
    return _LINE_NUMBER.sub("on line …", _QUOTED_VALUE.sub("holds '…'", printable(reason)))


def reject_reasons(reject_summary: Sequence[Row], *, width: float = WIDE) -> str:
    """Bars of rejected rows by reason, the most frequent first.

    Args:
        reject_summary: rows with `dataset`, `column_name`, `reason` and `row_count`.
        width: in pixels.
    """
    counts: dict[str, float] = {}
    for row in reject_summary:
        label = reason_kind(row["reason"])
        counts[label] = counts.get(label, 0.0) + (number_or_none(row["row_count"]) or 0.0)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    bars = [Bar(label, count, figure(count)) for label, count in ranked[:MOST_REASONS]]
    rest = ranked[MOST_REASONS:]
    if rest:
        total = sum(count for _label, count in rest)
        bars.append(Bar(f"{len(rest)} other reasons", total, figure(total)))
    return horizontal_bars("Rejected rows by reason", bars, empty="No row was rejected.", css="second", width=width)


def _date_of(row: Row) -> date | None:
    """The date in the file's name, else the day it was modified."""
    for column in ("file_date", "modified_at"):
        value = row[column]
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
    return None


def _binned(rows: list[tuple[date, Row]], most: int) -> tuple[_Step, list[_Bin]]:
    """Every bin from the first to the last drop, empty ones too, at the narrowest step that gives at most `most`."""
    first, last = min(when for when, _ in rows), max(when for when, _ in rows)
    for step in _STEPS:
        starts: list[date] = []
        start: date | None = step.start(first)
        while start is not None and start <= last and len(starts) <= most:
            starts.append(start)
            start = step.following(start)
        if len(starts) <= most:
            break
    sums = {start: [0.0, 0.0, 0] for start in starts}
    for when, row in rows:
        bucket = sums[step.start(when)]
        bucket[0] += (number_or_none(row["rows_loaded"]) or 0.0) if row["status"] in IN_USE else 0.0
        bucket[1] += number_or_none(row["rows_rejected"]) or 0.0
        bucket[2] += 1
    return step, [_Bin(start, loaded, rejected, int(drops)) for start, (loaded, rejected, drops) in sums.items()]


def _bin_name(bucket: _Bin, step: _Step) -> str:
    return day(bucket.first) if step.noun == "day" else f"{step.noun} from {day(bucket.first)}"


def _date_axis(board: Drawing, bins: list[_Bin], left: float, slot: float, baseline: float) -> None:
    """As many dates as fit without touching, the first bin's always among them."""
    label_width = max(text_width(day(bucket.first), 12) for bucket in bins) + 14
    half, free_from = label_width / 2, 0.0
    for index, bucket in enumerate(bins):
        middle = min(left + (index + 0.5) * slot, board.width - half + 7)
        if middle - half >= free_from:
            board.text(middle, baseline, day(bucket.first), "muted small middle")
            free_from = middle + half
