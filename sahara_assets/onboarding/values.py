"""What single values look like, and what a column of them adds up to (`ColumnProfile`).

Numbers, shapes and shares only. Dates have a home of their own (`dates.py`); what a profile says for or against one of our columns is
in `scoring.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from sahara_assets.onboarding.countries import is_country, is_currency
from sahara_assets.onboarding.dates import looks_like_date

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN_POINT = re.compile(r"[+-]?(\d{1,14}(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?")
_PLAIN_COMMA = re.compile(r"[+-]?(\d{1,14}(,\d*)?|,\d+)([eE][+-]?\d{1,2})?")
_GROUPED_POINT = re.compile(r"[+-]?(\d{1,3}([,' \u00a0\u202f]\d{3})+|\d{1,2}(,\d{2})+,\d{3})(\.\d+)?")
_GROUPED_COMMA = re.compile(r"[+-]?\d{1,3}([.' \u00a0\u202f]\d{3})+(,\d+)?")
_DECORATION = re.compile(
    r"^\(?\s*([+-]?)\s*(?:[A-Z]{3}|R\$|Rs\.?|kr\.?|[£€$¥₹₺₽])?\s*([+-]?[\d.,'’ \u00a0\u2007\u2009\u202f]*\d[\d.,]*)\s*(?:[A-Z]{3}|zł|Kč|kr\.?|Ft|[£€$¥₹₺₽])?\s*([+-]?)\)?$"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_GA_CLIENT = re.compile(r"(GA\d\.\d\.)?\d{4,12}\.\d{9,12}")
_FLOAT_ID = re.compile(r"\d+\.0")
EMPTY_WORDS = frozenset({"", "null", "none", "nan", "n/a", "#n/a", "\\n", "-", "--", "nil"})


def is_empty(value: str) -> bool:
    """Whether a cell holds nothing, or a word that programs write for nothing."""
    return len(value) < 6 and value.strip().lower() in EMPTY_WORDS


def to_number(value: str, mark: str) -> float | None:
    """The number a cell holds when read with that decimal mark, without decoration; else nothing.

    >>> to_number("-2.50", "."), to_number("1.234,5", ","), to_number("12,5", ".")
    (-2.5, 1234.5, None)
    """
    text = value.strip()
    if len(text) > 30 or not text.isascii():
        return None
    if mark == ".":
        if _PLAIN_POINT.fullmatch(text):
            return float(text)
        return float(re.sub(r"[,' ]", "", text)) if _GROUPED_POINT.fullmatch(text) else None
    if _PLAIN_COMMA.fullmatch(text):
        return float(text.replace(",", "."))
    return float(re.sub(r"[.' ]", "", text).replace(",", ".")) if _GROUPED_COMMA.fullmatch(text) else None


def undecorated(value: str) -> str:
    """The bare number of a decorated one: `$4.50` → `4.50`, `(3.00)` → `-3.00`, `12,50 €` → `12,50`; others unchanged.

    >>> undecorated("$4.50"), undecorated("-12,50 €"), undecorated("ABC 12")
    ('4.50', '-12,50', 'ABC 12')
    """
    text = re.sub(r"^([^\d(]{1,4})\((.*)\)$", r"(\1\2)", value.strip().replace("−", "-"))
    found = _DECORATION.match(text) if len(text) <= 40 else None
    if (
        not found
        or text.startswith("(") != text.endswith(")")
        or (re.match(r"[A-Z]{3}", text.lstrip("(+- ")) and not is_currency(text.lstrip("(+- ")[:3]))
    ):
        return value
    minus = "-" in (found[1], found[3]) or text.startswith("(")
    number = re.sub(r"[ \u00a0\u2007\u2009\u202f'’]", "", found[2])
    return f"-{number}" if minus and not number.startswith("-") else number


def is_plain(value: str, mark: str) -> bool:
    """Whether the guarded casts take the cell as it stands: no grouping, no currency sign."""
    return bool((_PLAIN_POINT if mark == "." else _PLAIN_COMMA).fullmatch(value.strip()))


def mark_votes(values: Counter[str]) -> tuple[int, int]:
    """How many rows can only be read with a decimal point, and how many only with a comma.

    >>> mark_votes(Counter(["2,50", "1.234,50", "7", "1.234"]))
    (0, 2)
    """
    point = comma = 0
    for value, count in values.items():
        bare = undecorated(value)
        with_point, with_comma = to_number(bare, "."), to_number(bare, ",")
        grouped = bool(re.fullmatch(r"[+-]?\d{1,3}[.,]\d{3}", bare.strip()))
        if grouped or (with_point is None) == (with_comma is None):
            continue
        if with_comma is None:
            point += count
        else:
            comma += count
    return point, comma


def shape_of(code: str) -> str:
    """A code's shape: runs of digits are `9`, of letters `A` or `a`, the rest stands as it is.

    >>> shape_of("85123A"), shape_of("POST"), shape_of("gift_0001_20"), shape_of("BANK CHARGES")
    ('9A', 'A', 'a_9_9', 'A A')
    """
    shape = re.sub(r"\d+", "9", code)
    shape = re.sub(r"[^\W\d_a-z]+", "A", shape)
    return re.sub(r"[^\W\d_A-Z]+", "a", shape)


@dataclass
class ColumnProfile:
    """What a column's sampled values add up to; shares are of the non-empty rows unless the name says otherwise."""

    header: str
    index: int
    values: Sequence[str]
    mark: str = "."
    counts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = Counter()
        for value, count in Counter(self.values).items():
            if not is_empty(value):
                self.counts[value.strip()] += count

    def _share(self, matches: dict[str, bool]) -> float:
        return (
            sum(count for value, count in self.counts.items() if matches[value]) / self.filled if self.filled else 0.0
        )

    @property
    def rows(self) -> int:
        """Rows sampled."""
        return len(self.values)

    @cached_property
    def filled(self) -> int:
        """Rows that hold something."""
        return sum(self.counts.values())

    @property
    def fill_share(self) -> float:
        """Share of the rows that hold something."""
        return self.filled / self.rows if self.rows else 0.0

    @property
    def distinct(self) -> int:
        """Distinct values."""
        return len(self.counts)

    @property
    def distinct_share(self) -> float:
        """Distinct values ÷ filled rows: 1 where no value repeats."""
        return self.distinct / self.filled if self.filled else 0.0

    @cached_property
    def numbers(self) -> dict[str, float]:
        """Each distinct value that is a number, decorated or not, with its number."""
        found = ((value, to_number(undecorated(value), self.mark)) for value in self.counts)
        return {value: number for value, number in found if number is not None}

    @cached_property
    def number_share(self) -> float:
        """Share that are numbers."""
        return self._share({value: value in self.numbers for value in self.counts})

    @cached_property
    def decorated_share(self) -> float:
        """Share that are numbers only once a currency sign or thousands separators are taken off."""
        return self._share({value: value in self.numbers and not is_plain(value, self.mark) for value in self.counts})

    @cached_property
    def integer_share(self) -> float:
        """Share of whole numbers."""
        return self._share({value: value in self.numbers and self.numbers[value].is_integer() for value in self.counts})

    @cached_property
    def negative_share(self) -> float:
        """Share of numbers below zero."""
        return self._share({value: self.numbers.get(value, 0) < 0 for value in self.counts})

    @cached_property
    def median(self) -> float:
        """The middle number."""
        ordered = sorted((number, self.counts[value]) for value, number in self.numbers.items())
        half, seen = sum(count for _, count in ordered) / 2, 0
        for number, count in ordered:
            seen += count
            if seen >= half:
                return number
        return 0.0

    @cached_property
    def float_id_share(self) -> float:
        """Share of whole numbers written as `17850.0`."""
        return self._share({value: bool(_FLOAT_ID.fullmatch(value)) for value in self.counts})

    @cached_property
    def date_share(self) -> float:
        """Share that look like a date."""
        return self._share({value: looks_like_date(value) for value in self.counts})

    @cached_property
    def email_share(self) -> float:
        """Share of e-mail addresses."""
        return self._share({value: bool(_EMAIL.fullmatch(value)) for value in self.counts})

    @cached_property
    def country_share(self) -> float:
        """Share of countries."""
        return self._share({value: is_country(value) for value in self.counts})

    @cached_property
    def currency_share(self) -> float:
        """Share of currency codes."""
        return self._share({value: is_currency(value) for value in self.counts})

    @cached_property
    def ga_client_share(self) -> float:
        """Share of Google Analytics client ids."""
        return self._share({value: bool(_GA_CLIENT.fullmatch(value)) for value in self.counts})

    @cached_property
    def prose_share(self) -> float:
        """Share with letters and an inner space: names and descriptions."""
        return self._share({value: " " in value and any(letter.isalpha() for letter in value) for value in self.counts})

    @cached_property
    def letter_share(self) -> float:
        """Share without any digit."""
        return self._share({value: not any(letter.isdigit() for letter in value) for value in self.counts})

    @cached_property
    def flag_like(self) -> bool:
        """Whether all it holds is yes or no."""
        words = {value.lower() for value in self.counts}
        return (
            bool(words)
            and words <= {"0", "1", "true", "false", "yes", "no", "y", "n", "t", "f", "ja", "nein", "oui", "non"}
            and words != {"1"}
        )

    @cached_property
    def runs(self) -> int:
        """Runs of equal neighbours among the filled rows."""
        runs, last = 0, None
        for value in self.values:
            if value != last and not is_empty(value):
                runs += 1
            last = value
        return runs

    @property
    def contiguity(self) -> float:
        """Distinct values ÷ runs: 1 where equal values always stand together, as an order's lines do."""
        return self.distinct / self.runs if self.runs else 0.0
