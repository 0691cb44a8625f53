"""Which strptime formats a column of dates is written in, and whether the day or the month stands first.

Formats are those DuckDB's `strptime` takes, because DuckDB reads the drops; ISO 8601 needs none. Day and month are decided on all
distinct values of the column at once: where no value decides, other evidence is weighed and the answer says how weak it is.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ISO = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?)?"
)
_TIME = r"(?P<sep>T| {1,2}|, | - | at )(?P<time>\d{1,2}:\d{2}(?P<seconds>:\d{2}(?P<fraction>\.\d{1,9})?)?)(?P<ampm> ?[AaPp][Mm])?(?P<zone> ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_DAY_NAME = r"(?P<weekday>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?P<long_day>[a-z]{3,6})?(?:, ?| ))?"
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH = r"(?P<month>[A-Za-z]{3,9})"
_SHAPES = tuple(
    re.compile(f"{_DAY_NAME}{date}(?:{_TIME})?")
    for date in (
        r"(?P<year>\d{4})(?P<s>[-/. ])(?P<second>\d{1,2})(?P=s)(?P<day>\d{1,2})",
        r"(?P<first>\d{1,2})(?P<s>[-/. ])(?P<second>\d{1,2})(?P=s)(?P<year>\d{4}|\d{2})",
        rf"(?P<day>\d{{1,2}})(?P<s>[-/. ]?){_MONTH}(?P<s2>[-/., ]{{0,2}})(?P<year>\d{{4}}|\d{{2}})",
        rf"{_MONTH}(?P<s>[-/. ])(?P<day>\d{{1,2}})(?P<s2>, |[-/., ])(?P<year>\d{{4}}|\d{{2}})",
    )
)
_COMPACT = re.compile(
    r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?P<time>([01]\d|2[0-3])[0-5]\d(?P<seconds>[0-5]\d)?)?"
)


_STRAY_SHARE = 0.01
"""How many values may contradict those that prove the order of day and month, and be slips of the pen rather than another order."""


@dataclass(frozen=True)
class DateShape:
    """How one value could be read: a format, or two where day and month could change places; with the two numbers in question."""

    formats: tuple[str, ...]
    first: int = 0
    second: int = 0
    year: int = 0
    month: int = 0
    day: int = 0


@dataclass(frozen=True)
class DateFormats:
    """A column's answer. `formats` is empty for ISO 8601; `sure` and `evidence` tell how it was decided."""

    formats: tuple[str, ...]
    sure: float
    evidence: str
    undecided: bool = False
    unread: int = 0
    has_time: bool = False


def shape_of_date(value: str) -> DateShape | None:
    """How a value could be read as a date; nothing where it is none.

    >>> shape_of_date("2010-12-01 08:26:00").formats
    ('ISO',)
    >>> shape_of_date("1/12/2010 8:26").formats
    ('%d/%m/%Y %H:%M', '%m/%d/%Y %H:%M')
    >>> shape_of_date("Dec 1, 2010, 8:26 PM").formats
    ('%b %d, %Y, %I:%M %p',)
    """
    text = value.strip()
    if not 6 <= len(text) <= 45 or not text.isascii() or not any(letter.isdigit() for letter in text):
        return None
    if _ISO.fullmatch(text):
        year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
        return DateShape(("ISO",), year=year, month=month, day=day) if _exists(year, month, day) else None
    if compact := _COMPACT.fullmatch(text):
        clock = ("%H%M%S" if compact["seconds"] else "%H%M") if compact["time"] else ""
        year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
        return DateShape((f"%Y%m%d{clock}",), year=year, month=month, day=day) if _exists(year, month, day) else None
    for position, pattern in enumerate(_SHAPES):
        if found := pattern.fullmatch(text):
            return _read(found, position) if _is_on_the_clock(found.groupdict()) else None
    return None


def _exists(year: int, month: int, day: int) -> bool:
    """Whether the calendar has that day; of a year of two digits every fourth has a 29 February, as in both of its centuries."""
    whole = year if year > 99 else 2000 + year
    return 1 <= month <= 12 and 1 <= day <= calendar.monthrange(whole, month)[1]


def _is_on_the_clock(parts: dict[str, str | None]) -> bool:
    """Whether a time, where there is one, is one that a clock shows."""
    hour, *rest = (int(part) for part in re.split("[:.]", (parts["time"] or "0"))[:3])
    return (1 <= hour <= 12 if parts["ampm"] else hour <= 23) and all(part <= 59 for part in rest)


def _read(found: re.Match[str], position: int) -> DateShape | None:
    parts = found.groupdict()
    year = "%Y" if len(parts["year"]) == 4 else "%y"
    separator, clock = parts["s"], _clock(parts)
    before = ""
    if parts["weekday"]:
        before = ("%A" if parts["long_day"] else "%a") + re.sub(r"^[A-Za-z]+", "", parts["weekday"])
    number = int(parts["year"])
    if not (0 <= number <= 99 if len(parts["year"]) == 2 else 1900 <= number <= 2100):
        return None
    if position == 1:
        first, second = int(parts["first"]), int(parts["second"])
        formats = tuple(
            f"{before}{one}{separator}{two}{separator}{year}{clock}"
            for one, two, day, month in (("%d", "%m", first, second), ("%m", "%d", second, first))
            if _exists(number, month, day)
        )
        return DateShape(formats, first, second, number) if formats else None
    day = int(parts["day"])
    if position == 0:
        month = int(parts["second"])
        return (
            DateShape((f"{before}%Y{separator}%m{separator}%d{clock}",), year=number, month=month, day=day)
            if _exists(number, month, day)
            else None
        )
    word = parts["month"].lower()
    name = (
        "%B"
        if word in _MONTHS and len(word) > 3
        else "%b"
        if any(month.startswith(word) for month in _MONTHS) and len(word) == 3
        else ""
    )
    if not name:
        return None
    month = [name[:3] for name in _MONTHS].index(word[:3]) + 1
    if not _exists(number, month, day):
        return None
    text = f"%d{separator}{name}{parts['s2']}{year}" if position == 2 else f"{name}{separator}%d{parts['s2']}{year}"
    return DateShape((f"{before}{text}{clock}",), year=number, month=month, day=day)


def _clock(parts: dict[str, str | None]) -> str:
    if not parts["time"]:
        return ""
    hour = "%I" if parts["ampm"] else "%H"
    clock = f"{parts['sep']}{hour}:%M{':%S' if parts['seconds'] else ''}{'.%f' if parts['fraction'] else ''}"
    if parts["ampm"]:
        clock += " %p" if parts["ampm"].startswith(" ") else "%p"
    if zone := parts["zone"]:
        bare = zone.strip()
        clock += (" " if zone.startswith(" ") else "") + (bare if bare in {"Z", "UTC", "GMT"} else "%z")
    return clock


def looks_like_date(value: str) -> bool:
    """Whether a value can be read as a date with some format."""
    return shape_of_date(value) is not None


def decide(
    values: Iterable[str], file_dates: Sequence[tuple[str, tuple[int, int]]] = (), *, month_first_hint: float = 0.0
) -> DateFormats:
    """The formats that a whole column is written in.

    Args:
        values: the column's values, in the file's order; only distinct ones count.
        file_dates: pairs of a value and (month, day) of the date in the name of the file it stands in: they can decide.
        month_first_hint: weak evidence from elsewhere, above 0 for month first (US dollars), below for day first (decimal comma).

    >>> decide(["01/12/2010", "13/12/2010"]).formats, decide(["01/12/2010", "02/12/2010"]).undecided
    (('%d/%m/%Y',), True)
    """
    distinct = list(dict.fromkeys(value.strip() for value in values if value.strip()))
    shapes = [(value, shape_of_date(value)) for value in distinct]
    known = [(value, shape) for value, shape in shapes if shape]
    unread = len(distinct) - len(known)
    if not known:
        return DateFormats((), 0.0, "no value looks like a date", unread=unread)
    ambiguous = [shape for _, shape in known if shape.first]
    order = _day_or_month(ambiguous, file_dates, month_first_hint) if ambiguous else None
    if order and not order.undecided:
        # A stray that can only be read the other way round is no date in this column: a format for it would hide that.
        known = [(value, shape) for value, shape in known if not _contradicts(shape, order)]
        unread = len(distinct) - len(known)
    tally: Counter[str] = Counter()
    for _, shape in known:
        pick = shape.formats[0]
        if order and order.month_first and len(shape.formats) == 2:
            pick = shape.formats[1]
        tally[pick] += 1
    formats = [name for name, _ in sorted(tally.items(), key=lambda item: (-item[1], item[0]))]
    has_time = any("H" in name or "I:" in name for name in formats) or any(
        len(value) > 10 for value, shape in known if shape.formats == ("ISO",)
    )
    share = len(known) / len(distinct)
    if formats == ["ISO"]:
        return DateFormats(
            (),
            0.99 * share,
            f"{counted(len(known), 'distinct value is', 'distinct values are')} ISO 8601"
            if not unread
            else f"{unread:,} of {counted(len(distinct), 'distinct value')} {'is no date' if unread == 1 else 'are no dates'}",
            unread=unread,
            has_time=has_time,
        )
    named = [_iso_format(value) if name == "ISO" else name for name, value in _examples(formats, known)]
    evidence = (
        order.evidence
        if order
        else f"{len(known):,} of {counted(len(distinct), 'distinct value')} {'fits' if len(known) == 1 else 'fit'}"
    )
    return DateFormats(
        tuple(dict.fromkeys(named)),
        (order.sure if order else 0.97) * share,
        evidence,
        bool(order and order.undecided),
        unread,
        has_time,
    )


def _examples(formats: list[str], known: list[tuple[str, DateShape]]) -> list[tuple[str, str]]:
    return [(name, next(value for value, shape in known if name in shape.formats)) for name in formats]


def _iso_format(value: str) -> str:
    """The explicit format of an ISO value, for a column that mixes ISO with others."""
    text = "%Y-%m-%d"
    if len(value) > 10:
        text += f"{value[10]}%H:%M"
        text += ":%S" if value[16:17] == ":" else ""
        text += ".%f" if "." in value else ""
        if zone := re.search(r"( ?)(Z|[+-]\d{2}(:?\d{2})?)$", value[10:]):
            text += f"{zone[1]}{'Z' if zone[2] == 'Z' else '%z'}"
    return text


@dataclass(frozen=True)
class _Order:
    month_first: bool
    sure: float
    evidence: str
    undecided: bool = False


def _contradicts(shape: DateShape, order: _Order) -> bool:
    """Whether a value has no reading in the order that the column was found to have."""
    return (shape.first if order.month_first else shape.second) > 12


def _day_or_month(shapes: list[DateShape], file_dates: Sequence[tuple[str, tuple[int, int]]], hint: float) -> _Order:
    day_only = sum(shape.first > 12 for shape in shapes)
    month_only = sum(shape.second > 12 for shape in shapes)
    dotted = all("." in shape.formats[0][:3] for shape in shapes)
    if day_only or month_only:
        month_first = month_only > day_only
        for_it, against = max(day_only, month_only), min(day_only, month_only)
        evidence = f"{counted(for_it, 'distinct value has', 'distinct values have')} a {'second' if month_first else 'first'} number above 12, so the {'month' if month_first else 'day'} stands first"
        if 0 < against <= _STRAY_SHARE * for_it:
            return _Order(month_first, 0.95, f"{evidence}; {against:,} can only be read the other way round")
        if against:
            return _Order(
                month_first,
                0.4,
                f"{evidence}; but {counted(against, 'value says', 'values say')} the opposite: the column mixes both",
                undecided=True,
            )
        return _Order(month_first, min(0.99, 0.85 + 0.02 * for_it), evidence)
    agree = Counter[bool]()
    for value, (month, day) in file_dates:
        shape = shape_of_date(value)
        if shape and shape.first and month != day and {shape.first, shape.second} == {month, day}:
            agree[shape.first == month] += 1
    if agree and min(agree[True], agree[False]) == 0:
        return _Order(
            agree[True] > 0,
            0.85,
            f"the date in the file's name agrees on {counted(max(agree.values()), 'value')}; no value is above 12",
        )
    if dotted:
        return _Order(False, 0.85, "no value is above 12, but dates with dots put the day first nearly everywhere")
    return _by_rows(shapes, hint)


def _by_rows(shapes: list[DateShape], hint: float) -> _Order:
    """The last resort: in which reading do the rows stand in order of time, and which habits go with it."""
    weight, reasons = hint, []
    if hint:
        reasons.append(f"the currency or decimal mark points to {'month' if hint > 0 else 'day'} first")
    if len(shapes) > 1:
        by_day = _in_order([(shape.year, shape.second, shape.first) for shape in shapes])
        by_month = _in_order([(shape.year, shape.first, shape.second) for shape in shapes])
        if abs(by_day - by_month) > 0.1:
            weight += 2 * (by_month - by_day)
            reasons.append(
                f"the rows stand in order of time if the {'month' if by_month > by_day else 'day'} stands first"
            )
        firsts, seconds = len({shape.first for shape in shapes}), len({shape.second for shape in shapes})
        if min(firsts, seconds) == 1 < max(firsts, seconds):
            weight += 0.4 if firsts == 1 else -0.4
            reasons.append(
                f"the {'first' if firsts == 1 else 'second'} number never changes, as a month's does in one month's file"
            )
    month_first = weight > 0
    why = "; ".join(reasons) or "nothing points either way, so the more widespread day-first order was taken"
    return _Order(
        month_first,
        0.5 + min(abs(weight), 2.0) * 0.1,
        f"could not decide: every number is 12 or less; {why}",
        undecided=True,
    )


def _in_order(keys: list[tuple[int, int, int]]) -> float:
    """Share of neighbours that do not go back in time, or forward, whichever is larger."""
    steps = list(pairwise(keys))
    rising = sum(one <= two for one, two in steps) / len(steps)
    falling = sum(one >= two for one, two in steps) / len(steps)
    return max(rising, falling)


def days_of(values: Sequence[str]) -> list[int | None]:
    """A number per value that grows with the day it names; nothing where it names none.

    >>> days_of(["13/01/2020", "14/01/2020", "soon"])
    [20200113, 20200114, None]
    """
    shapes = {value: shape_of_date(value) for value in dict.fromkeys(values)}
    ambiguous = [shape for shape in shapes.values() if shape and shape.first]
    month_first = bool(ambiguous) and _day_or_month(ambiguous, (), 0.0).month_first
    days: dict[str, int | None] = {}
    for value, shape in shapes.items():
        if shape is None:
            days[value] = None
            continue
        month, day = (
            (shape.month, shape.day)
            if not shape.first
            else (shape.first, shape.second)
            if month_first
            else (shape.second, shape.first)
        )
        days[value] = (shape.year + (2000 if shape.year < 100 else 0)) * 10_000 + month * 100 + day
    return [days[value] for value in values]


def confirmed(values: Sequence[str], formats: Sequence[str]) -> int:
    """How many of the values DuckDB's strptime reads with one of the formats."""
    import duckdb

    with duckdb.connect(config={"temp_directory": ""}) as connection:
        matches = " OR ".join(["try_strptime(v, ?) IS NOT NULL"] * len(formats))
        row = connection.execute(
            f"SELECT count(*) FILTER (WHERE {matches}) FROM (SELECT unnest(?::VARCHAR[]) AS v)",
            [*formats, list(values)],
        ).fetchone()
    return int(row[0]) if row else 0
