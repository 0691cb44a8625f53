"""How a dataset's numbers are written, decided on all values of its number columns at once, or said to be undecidable.

The grammar is `drops/numbers.py`: what is found here is exactly what the casts will read. A value such as `1,234` reads two ways; only
other values of the same columns decide which, and where none does the answer says so instead of taking one.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sahara_assets.drops.numbers import MARKS, SIGNS, NumberFormat, marks_of
from sahara_assets.onboarding.values import is_empty
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

_SPACES = "".join(MARKS[" "])
_PLAIN = re.compile(r"[+-]?[0-9]{1,14}")
_CORE = re.compile(rf"[+-]?[0-9.,'’{_SPACES}]*[0-9.,]")
_NEGATIVES = frozenset({"parentheses", "trailing", "minus_sign"})
_MOST_VALUES = 20_000
"""Distinct values with marks in them that are looked at; beyond so many another tells nothing new."""

_SHAPES = (
    NumberFormat(".", ""),
    NumberFormat(",", ""),
    NumberFormat(".", ","),
    NumberFormat(".", ",", indian=True),
    NumberFormat(",", "."),
    NumberFormat(",", ".", indian=True),
    NumberFormat(".", " "),
    NumberFormat(",", " "),
    NumberFormat(".", "'"),
    NumberFormat(",", "'"),
)
"""From the simplest on: the first that reads most values is taken."""


@dataclass(frozen=True)
class Amounts:
    """How the numbers are written.

    Attributes:
        form: the format; its currencies are those whose signs were seen, be it a sign that several share.
        sure: 0..1.
        evidence: why, in words.
        readings: where several formats read the values differently: what one of them is under each; empty where it is decided.
        percentages: how many rows hold a percentage, which no setting is proposed for, with one of them.
        unread: rows that the format does not read, with one of them.
    """

    form: NumberFormat
    sure: float
    evidence: str
    readings: tuple[tuple[NumberFormat, str], ...] = ()
    signs: tuple[str, ...] = ()
    percentages: tuple[int, str] = (0, "")
    unread: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def undecided(self) -> bool:
        """Whether a person must say which of several readings is right."""
        return bool(self.readings)


def decide_amounts(columns: Mapping[str, Mapping[str, int]]) -> Amounts:
    """How the numbers of some columns are written, all in one way.

    Args:
        columns: per column its values with their rows.

    >>> found = decide_amounts({"unit_price": {"1.234,50 €": 3, "7": 1}})
    >>> found.form.decimal_mark, found.form.thousands_mark, found.signs
    (',', '.', ('€',))
    >>> decide_amounts({"unit_price": {"1,234": 3, "950": 1}}).undecided
    True
    """
    values = {
        column: Counter({text.strip(): count for text, count in found.items() if not is_empty(text)})
        for column, found in columns.items()
    }
    marked = {
        (column, text): count
        for column, found in values.items()
        for text, count in found.items()
        if not _PLAIN.fullmatch(text)
    }
    marked = dict(list(marked.items())[:_MOST_VALUES])
    signs = _signs(marked)
    codes = tuple(sorted({code for sign in signs for code in _codes_of(sign)}))
    negatives = frozenset(_negatives(marked))
    best, readings = _shape(marked, codes, negatives)
    form = replace(best, currencies=codes, negatives=negatives)
    percent = {text: count for (_, text), count in marked.items() if _is_percentage(text, form)}
    unread: dict[str, tuple[int, str]] = {}
    for (column, text), count in marked.items():
        if text not in percent and _number(form, column, text) is None:
            rows, example = unread.get(column, (0, text))
            unread[column] = (rows + count, example)
    told = (sum(percent.values()), next(iter(percent), ""))
    sure, evidence = _evidence(form, marked, readings)
    return Amounts(form, sure, evidence, readings, signs, told, unread)


def _number(form: NumberFormat, column: str, text: str) -> Decimal | None:
    if column == "quantity":
        form = replace(form, currencies=())
    return form.to_decimal(text)


def _is_percentage(text: str, form: NumberFormat) -> bool:
    return text.endswith("%") and replace(form, percent="points").to_decimal(text) is not None


def _signs(marked: Mapping[tuple[str, str], int]) -> tuple[str, ...]:
    """The currency signs and codes beside numbers of money."""
    found: Counter[str] = Counter()
    known = {mark for code in SIGNS for mark in marks_of(code)}
    for (column, text), count in marked.items():
        beside = re.sub(rf"[0-9.,'’()+−{_SPACES}-]*[0-9][0-9.,'’()+−{_SPACES}-]*", "\0", text, count=1)
        for piece in beside.split("\0"):
            if column != "quantity" and piece.strip() in known:
                found[piece.strip()] += count
    return tuple(sorted(found))


def _codes_of(sign: str) -> list[str]:
    return [code for code in SIGNS if sign in marks_of(code)]


def _negatives(marked: Mapping[tuple[str, str], int]) -> set[str]:
    found = set()
    for _, text in marked:
        if text.endswith(")") and "(" in text:
            found.add("parentheses")
        elif re.search(rf"[0-9.,][{_SPACES}]*-", text) and not re.search(r"[eE]-", text):
            found.add("trailing")
        if "−" in text:
            found.add("minus_sign")
    return found & _NEGATIVES


def _shape(
    marked: Mapping[tuple[str, str], int], codes: tuple[str, ...], negatives: frozenset[str]
) -> tuple[NumberFormat, tuple[tuple[NumberFormat, str], ...]]:
    """Decimal and thousands marks: the simplest that read the most rows, and what else reads as many otherwise."""
    readers = {shape: replace(shape, currencies=codes, negatives=negatives, percent="points") for shape in _SHAPES}
    numbers = {
        shape: {key: number for key in marked if (number := _number(reader, *key)) is not None}
        for shape, reader in readers.items()
    }
    rows = {shape: sum(marked[key] for key in read) for shape, read in numbers.items()}
    most = max(rows.values())
    ranked = [shape for shape in _SHAPES if rows[shape] == most]
    first = ranked[0]
    readings: dict[NumberFormat, str] = {}
    for other in ranked[1:]:
        keys = [key for key in numbers[first] if numbers[other].get(key) != numbers[first][key]]
        if keys:
            _, text = keys[0]
            readings[other] = f"{text!r} is {numbers[other][keys[0]]:f}"
            readings.setdefault(first, f"{text!r} is {numbers[first][keys[0]]:f}")
    distinct: dict[str, NumberFormat] = {}
    for shape, reading in sorted(readings.items(), key=lambda item: _SHAPES.index(item[0])):
        distinct.setdefault(reading, shape)
    if _is_settled(marked, first, ranked):
        return first, ()
    return first, tuple((shape, reading) for reading, shape in distinct.items())


def _is_settled(marked: Mapping[tuple[str, str], int], first: NumberFormat, ranked: list[NumberFormat]) -> bool:
    """Whether some value says by itself what the first shape says: no number has leading zeros before a thousands mark."""
    if first.thousands_mark or first.decimal_mark not in ".,":
        return False
    rivals = [shape for shape in ranked if shape.thousands_mark == first.decimal_mark]
    zero = re.compile(rf"[^0-9]*0{re.escape(first.decimal_mark)}[0-9]{{3}}\b")
    return bool(rivals) and any(zero.match(text) for _, text in marked)


def _evidence(
    form: NumberFormat, marked: Mapping[tuple[str, str], int], readings: tuple[tuple[NumberFormat, str], ...]
) -> tuple[float, str]:
    if readings:
        return 0.3, "could not decide: " + " or ".join(reading for _, reading in readings)
    with_mark = sum(count for (_, text), count in marked.items() if form.decimal_mark in text)
    grouped = sum(
        count
        for (_, text), count in marked.items()
        if form.thousands_mark and any(mark in text for mark in MARKS[form.thousands_mark])
    )
    if not with_mark and not grouped:
        return 0.5, "no number has decimals"
    name = {".": "a point", ",": "a comma"}[form.decimal_mark]
    parts = [f"{counted(with_mark, 'row has', 'rows have')} {name} before the decimals"] if with_mark else []
    if grouped:
        name = {".": "points", ",": "commas", " ": "spaces", "'": "apostrophes"}[form.thousands_mark]
        parts.append(f"{grouped:,} {'has' if grouped == 1 else 'have'} {name} between thousands")
    return min(0.99, 0.8 + 0.05 * min(with_mark + grouped, 4)), " and ".join(parts)
