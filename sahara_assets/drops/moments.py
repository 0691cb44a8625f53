"""Dates and times as files write them: their UTC and local moment as SQL, their outline in Python, and why one that failed is none."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from sahara_assets.drops.sql_text import literal
from sahara_assets.settings.dataset import EPOCHS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sahara_assets.settings.dataset import DatasetSettings
    from sahara_assets.settings.sections import ProjectSettings

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)"
_MOMENT = rf"{_DATE}([ T]{_CLOCK})?"
_MOMENT_WITH_OFFSET = rf"{_DATE}[ T]{_CLOCK} ?{_OFFSET}"

EARLIEST, LATEST = "1901-01-01", "2200-01-01"
"""Moments outside this range are typing errors or a format's slip: `%Y` reads `11` as the year 11, and 1900 is what DuckDB's strptime
makes of a format without a year, and of the words `epoch` and `infinity` under any format."""

_LITERAL_UTC = re.compile(r"(?<!%)(Z| ?UTC| ?GMT)$")
LONGEST_OUTLINED = 200
"""No number or moment is longer, and some outlines take a time that grows with the square of a text's length."""


def moment(text: str, settings: DatasetSettings, project: ProjectSettings, *, is_day: bool) -> tuple[str, str]:
    """Local and UTC expressions of a moment.

    A moment without an offset is local to the dataset's zone, else the project's; a day without an offset is that day, whatever the
    zones. A moment that the clocks skipped in spring keeps the offset before the change; one that they showed twice in autumn is the second.
    """
    clock = _Clock(project.time_zone, settings.time_zone or project.time_zone, is_day=is_day)
    read = [clock.read(text, form) for form in settings.date_formats or ["iso"]]
    if len(read) == 1 and not settings.date_formats:
        return read[0]
    return f"coalesce({', '.join(local for local, _ in read)})", f"coalesce({', '.join(utc for _, utc in read)})"


@dataclass(frozen=True)
class _Clock:
    """Whose clocks a moment is read by: local times are the project's, and one without an offset is of its source's zone."""

    zone: str
    source: str
    is_day: bool

    def _of_instant(self, instant: str) -> tuple[str, str]:
        return f"timezone({literal(self.zone)}, {instant})", f"timezone('UTC', {instant})"

    def _of_naive(self, naive: str) -> tuple[str, str]:
        if self.is_day or {self.zone, self.source} <= {"UTC", "Etc/UTC"}:
            return naive, naive
        local, utc = self._of_instant(f"timezone({literal(self.source)}, {naive})")
        return naive if self.source == self.zone else local, utc

    def _of_utc(self, naive: str) -> tuple[str, str]:
        return self._of_instant(f"timezone('UTC', {naive})")[0], naive

    def read(self, text: str, form: str) -> tuple[str, str]:
        """Local and UTC expressions of a text in a format."""
        if form == "iso":
            return self._read_iso(text)
        if form in EPOCHS:
            return self._of_utc(_since_1970(text, EPOCHS[form]))
        parsed = f"try_strptime({text}, {literal(form)})"
        if longest := _longest(form):
            # Where it fails, DuckDB takes its time over words that nobody reads.
            parsed = f"(CASE WHEN length({text}) <= {longest} THEN {parsed} END)"
        # With an offset or a zone name DuckDB gives an instant.
        has_zone = "%z" in form.replace("%%", "") or "%Z" in form.replace("%%", "")
        if has_zone:
            return self._of_instant(parsed)
        # `%Y-%m-%dT%H:%M:%SZ`: the letter is no directive, but it says what the clock shows.
        return self._of_utc(parsed) if _LITERAL_UTC.search(form) else self._of_naive(parsed)

    def _read_iso(self, text: str) -> tuple[str, str]:
        naive = self._of_naive(f"TRY_CAST({text} AS TIMESTAMP)")
        # DuckDB wants seconds, and the offset as Z or +05:30 right behind them.
        tight = rf"regexp_replace({text}, ' (Z|[+-][0-9:]+)$', '\1')"
        with_seconds = rf"regexp_replace({tight}, '([ T][0-9]{{2}}:[0-9]{{2}})(Z|[+-])', '\1:00\2')"
        tidy = rf"regexp_replace({with_seconds}, '([+-][0-9]{{2}}):?([0-9]{{2}})?$', '\1:\2')"
        instant = self._of_instant(f"TRY_CAST(rtrim({tidy}, ':') AS TIMESTAMPTZ)")
        choose = "(CASE WHEN regexp_full_match({0}, '{1}') THEN {2} WHEN regexp_full_match({0}, '{3}') THEN {4} END)"
        local, utc = (
            choose.format(text, _MOMENT, of_naive, _MOMENT_WITH_OFFSET, of_instant)
            for of_naive, of_instant in zip(naive, instant, strict=True)
        )
        return local, utc


def _longest(form: str) -> int:
    """The most characters that a strptime format reads; 0 where that cannot be said.

    >>> _longest("%Y%m%d"), _longest("%d/%m/%Y"), _longest("%d %b %Y")
    (8, 10, 0)
    """
    digits = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "%": 1}
    pieces = re.split(r"%-?(.)", form)
    literals, directives = pieces[::2], pieces[1::2]
    if any(directive not in digits for directive in directives) or any(re.search(r"\s", text) for text in literals):
        return 0
    return sum(map(len, literals)) + sum(digits[directive] for directive in directives)


def _since_1970(text: str, units_to_a_second: int) -> str:
    """A count of seconds, milliseconds or microseconds since 1970 as a naive moment in UTC; null where it is none, or has lost digits."""
    most_digits = 10 + len(str(units_to_a_second))
    microseconds = 1_000_000 // units_to_a_second
    places = len(str(microseconds)) - 1
    # By whole numbers: DuckDB reads a text as DECIMAL(24, 6) two hundred times slower than as BIGINT.
    count = f"CAST(split_part({text}, '.', 1) AS BIGINT) * {microseconds}"
    if places:
        rest = f"CAST(rpad(substr(split_part({text}, '.', 2), 1, {places}), {places}, '0') AS BIGINT)"
        count += f" + CASE WHEN contains({text}, '.') THEN {rest} * CASE WHEN starts_with({text}, '-') THEN -1 ELSE 1 END ELSE 0 END"
    return f"(CASE WHEN regexp_full_match({text}, '-?[0-9]{{1,{most_digits}}}(\\.[0-9]{{1,9}})?') THEN make_timestamp({count}) END)"


def moment_outline(settings: DatasetSettings) -> Callable[[str], bool]:
    """The outline of a date: its length in digits and separators where there are formats, since Python's and DuckDB's differ."""
    outlines = [_outline_of_format(form) for form in settings.date_formats or ["iso"]]
    return lambda text: len(text) <= LONGEST_OUTLINED and any(outline.fullmatch(text) for outline in outlines)


def _outline_of_format(form: str) -> re.Pattern[str]:
    """What a strptime format reads, roughly: digits, or letters for names; Python's own strptime knows other directives than DuckDB's.

    >>> [bool(_outline_of_format("%d/%m/%Y %H:%M").fullmatch(text)) for text in ("1/12/2011 08:26", "12 rolls")]
    [True, False]
    """
    if form == "iso":
        return re.compile(rf"{_MOMENT}|{_MOMENT_WITH_OFFSET}")
    if form in EPOCHS:
        return re.compile(r"-?[0-9]+(\.[0-9]+)?")
    lettered = {"a", "A", "b", "B", "p", "Z", "z", "c", "x", "X"}
    pieces = re.split(r"%(-?[A-Za-z]|%)", form)
    outline = [
        re.escape(piece) if not i % 2 else "%" if piece == "%" else r"\S+( \S+)*" if piece in lettered else "[0-9]+"
        for i, piece in enumerate(pieces)
    ]
    return re.compile("".join(outline))


# --- moments that do not exist --------------------------------------------------------------------------------------------------

_DIGITS = {"Y": "[0-9]{4}", "y": "[0-9]{2}", "f": "[0-9]{1,9}"} | dict.fromkeys("mdHIMS", "[0-9]{1,2}")
_WORDS = {"b": "[A-Za-z]{3}", "B": "[A-Za-z]{3,9}", "a": "[A-Za-z]{3}", "A": "[A-Za-z]{6,9}", "p": "[AaPp][Mm]"}
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_CLOCK_ENDS = {"H": (0, 23), "I": (1, 12), "M": (0, 59), "S": (0, 59)}


def what_does_not_exist(text: str, form: str) -> str:
    """The day or time of a text that is written as a format says, where the calendar or the clock has none; nothing where it is another matter.

    >>> what_does_not_exist("31.02.2026 10:00", "%d.%m.%Y %H:%M"), what_does_not_exist("2026-01-31 25:00", "iso")
    ('day', 'time')
    >>> what_does_not_exist("28.02.2026", "%d.%m.%Y"), what_does_not_exist("tomorrow", "%d.%m.%Y")
    ('', '')
    """
    found = next((match for shape in _shapes_of(form) if (match := shape.fullmatch(text))), None)
    if found is None:
        return ""
    parts = found.groupdict()
    month = _MONTHS.get(parts["b"][:3].lower(), 0) if parts.get("b") else int(parts.get("m") or 1)
    # Every fourth year has a 29 February, whichever century two digits stand for.
    year = int(parts.get("Y") or 0) or 2000 + int(parts.get("y") or 0)
    if not 1 <= month <= 12 or not 1 <= int(parts.get("d") or 1) <= calendar.monthrange(year, month)[1]:
        return "day"
    out = [name for name, (low, high) in _CLOCK_ENDS.items() if parts.get(name) and not low <= int(parts[name]) <= high]
    return "time" if out else ""


@cache
def _shapes_of(form: str) -> tuple[re.Pattern[str], ...]:
    """What a format's texts look like to the digit, their parts named by directive; none where it has others than these."""
    if form in EPOCHS:
        return ()
    if form == "iso":
        day, clock = r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})", r"(?P<H>[0-9]{2}):(?P<M>[0-9]{2})"
        return (re.compile(rf"{day}([ T]{clock}(:(?P<S>[0-9]{{2}})(\.[0-9]{{1,9}})?)?( ?{_OFFSET})?)?"),)
    pieces = re.split(r"%-?([A-Za-z%])", form)
    shape = ""
    for index, piece in enumerate(pieces):
        if not index % 2:
            shape += re.escape(piece)
        elif piece == "%":
            shape += "%"
        elif piece in "zZ":
            shape += r"\S+"
        elif (each := _DIGITS.get(piece) or _WORDS.get(piece)) and f"(?P<{piece.replace('B', 'b')}>" not in shape:
            shape += f"(?P<{piece.replace('B', 'b')}>{each})"
        else:
            return ()
    return (re.compile(shape),)
