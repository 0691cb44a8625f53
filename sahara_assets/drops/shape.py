r"""Where in a text its table stands: the preamble before it, the records that name its columns, remarks and totals lines.

The delimiter is settled before (`candidates.py`). Records are judged by what their fields look like: a row of data has numbers and
dates where the rows below have them, a header has words there. What is found here is proposed, never applied to a load (`dialect.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sahara_assets.drops.candidates import kind_of
from sahara_assets.drops.fields import BLANKS, RecordParser, fields_of_its_own, lenient_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.drops.dialect import Dialect

_MOST_RECORDS = 5_000
_LONGEST_RUN_LINES = 200
_MOST_HEADER_RECORDS = 5
_MOST_PREAMBLE_RECORDS = 100
_YEAR = re.compile(r"(19|20)\d\d")
_TOTAL = re.compile(
    r"\W*((grand|sub)[- ]?totals?|totals?|sum|summe|gesamt\w*|zwischensumme|somme|totale|suma|totaal|summa|\u0438\u0442\u043e\u0433\u043e)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SampleRecord:
    """A record of the sample: its first physical line, the number of its lines, and its fields."""

    line: int
    lines: int
    fields: list[str]


@dataclass(frozen=True)
class Shape:
    """Where the table stands.

    Attributes:
        width: fields in a row of the table; 0 where there is no table.
        skip_lines: physical lines before the header.
        header_lines: records that name the columns.
        comment: what begins a remark.
        totals: what totals lines begin with.
        kinds: what each column mostly holds: `number`, `moment`, or empty for anything else.
        sure: how sure each of these is, by name.
        evidence: why, by name.
    """

    width: int = 0
    skip_lines: int = 0
    header_lines: int = 0
    comment: str = ""
    totals: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    sure: dict[str, float] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)


def find_shape(
    text: str,
    dialect: Dialect,
    *,
    skip_lines: int | None = None,
    header_lines: int | None = None,
    comment: str | None = None,
    is_whole: bool = True,
) -> Shape:
    r"""Find the table in a text.

    Args:
        text: the sample, lines ended by ``\n``.
        dialect: its delimiter, quote and escape.
        skip_lines: lines before the header, where that is known.
        header_lines: records that name the columns, where that is known.
        comment: what begins a remark, where that is known.
        is_whole: whether the text is the whole file.
    """
    remark = _comment(text, dialect) if comment is None else comment
    records = _records(text, dialect, remark)
    records = [record for record in records if record.line > (skip_lines or 0)]
    sure = {"skip_lines": 0.9, "header_lines": 0.5, "comment": 0.9, "totals": 0.8}
    evidence = {
        "comment": f"lines before the table begin with {remark!r}" if remark else "no remarks before the table",
        "totals": "no totals line at the end",
    }
    if not records:
        evidence |= {"skip_lines": "no line with text", "header_lines": "no line with text"}
        return Shape(0, skip_lines or 0, header_lines or 0, remark, (), (), sure, evidence)
    width = _width(records)
    start = 0 if skip_lines is not None else _first_of_table(records, width)
    body = [record.fields for record in records[start:] if len(record.fields) == width]
    kinds = _kinds(body, width)
    found, how_sure, why = _header_records(records[start:], width, kinds)
    if header_lines is None and skip_lines is None and found == 0 and start > 0:
        # What names the columns may not line up with them: then it is the last thing before them.
        before = records[start - 1]
        if _may_name(before.fields, width):
            start, found, how_sure = start - 1, 1, 0.6
            why = f"{len(before.fields)} names stand before rows of {width} fields"
    number = found if header_lines is None else header_lines
    skipped = (records[start].line - 1 if start or records[0].line > 1 else 0) if skip_lines is None else skip_lines
    sure["header_lines"], evidence["header_lines"] = how_sure, why
    if start:
        what = (
            f"the {start} record{'s' if start > 1 else ''} before line {records[start].line} are no part of the table"
        )
        sure["skip_lines"] = 0.8
    else:
        what = "the table begins with the first line that holds text"
    evidence["skip_lines"] = what
    totals = _totals(records[start + number :], width) if is_whole else ()
    if totals:
        evidence["totals"] = f"the file ends with a line that begins with {totals[0]!r}"
    return Shape(width, skipped, number, remark, totals, kinds, sure, evidence)


def _comment(text: str, dialect: Dialect) -> str:
    """A number sign, where the file's first lines begin with it, do not line up, and no later line does."""
    lines = [line for line in text.split("\n", 400)[:400] if line.strip()]
    remarks = [line for line in lines if line.startswith("#")]
    if not remarks or not lines[0].startswith("#") or len(remarks) > len(lines) / 2:
        return ""
    others = [line for line in lines if not line.startswith("#")]
    widths = Counter(len(fields_of_its_own(line, dialect.delimiter, dialect.quote, dialect.escape)) for line in others)
    width = widths.most_common(1)[0][0]
    alike = [
        len(fields_of_its_own(line, dialect.delimiter, dialect.quote, dialect.escape)) == width for line in remarks
    ]
    return "" if width > 1 and any(alike) else "#"


def _records(text: str, dialect: Dialect, comment: str) -> list[SampleRecord]:
    """The sample's records that hold anything; a quote that does not close ends at its line."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    found: list[SampleRecord] = []
    index = 0
    while index < len(lines) and len(found) < _MOST_RECORDS:
        line = lines[index].rstrip("\r")
        if not line.strip() or (comment and line.startswith(comment)):
            index += 1
            continue
        parser = RecordParser(dialect.delimiter, dialect.quote, dialect.escape)
        outcome, after = parser.feed(line), index + 1
        while outcome == "open" and after < min(len(lines), index + _LONGEST_RUN_LINES):
            outcome = parser.feed(lines[after].rstrip("\r"))
            after += 1
        if outcome == "whole":
            fields = parser.fields
        else:
            fields, after = lenient_fields(line, dialect.delimiter, dialect.quote, dialect.escape), index + 1
        found.append(SampleRecord(index + 1, after - index, fields))
        index = after
    return found


def _width(records: Sequence[SampleRecord]) -> int:
    """How many fields the table has: the commonest number, weighed by itself, where the first table of several goes first."""
    counts = Counter(len(record.fields) for record in records)
    if len(records) < 3:
        return len(records[0].fields)
    common = max(counts.items(), key=lambda pair: (pair[1] * (1 if pair[0] > 1 else 0.5), pair[0]))
    first = records[0].fields
    if common[1] < len(records) / 2 and counts[len(first)] > 1 and all(kind_of(name) == "text" for name in first):
        return len(first)  # where the rows disagree, the names decide
    early = [len(record.fields) for record in records[:_MOST_PREAMBLE_RECORDS]]
    for place, width in enumerate(early):
        # A first table that is nearly as long as the longest one is the file's table.
        if width > 1 and counts[width] >= max(3, common[1] / 4) and early[place : place + 3].count(width) >= 2:
            return width
    return common[0]


def _filled(fields: Sequence[str]) -> int:
    return sum(bool(value.strip(BLANKS)) for value in fields)


def _first_of_table(records: Sequence[SampleRecord], width: int) -> int:
    """The place of the table's first record: the first that lines up and is not as good as empty while fuller ones follow."""
    aligned = sorted(filled for record in records if len(record.fields) == width and (filled := _filled(record.fields)))
    # Spreadsheets pad every row with delimiters: what counts is how many fields a good row fills.
    usual = aligned[len(aligned) * 9 // 10] if aligned else 0
    for place, record in enumerate(records[:_MOST_PREAMBLE_RECORDS]):
        if len(record.fields) != width:
            continue
        following = [other for other in records[place + 1 : place + 20] if len(other.fields) == width]
        fuller = sum(_filled(other.fields) > max(usual / 2, 1) for other in following)
        if usual > 1 and _filled(record.fields) <= 1 and fuller >= min(2, max(len(following), 1)):
            continue
        return place
    return 0


def _kinds(body: Sequence[Sequence[str]], width: int) -> tuple[str, ...]:
    """What each column mostly holds, judged without its first rows where there are enough: they may be names."""
    rows = body[_MOST_HEADER_RECORDS:] if len(body) > 3 * _MOST_HEADER_RECORDS else body[1:]
    kinds = []
    for place in range(width):
        seen = Counter(kind_of(row[place]) for row in rows[:1000])
        filled = sum(seen.values()) - seen["empty"]
        typed = max(("number", "moment"), key=lambda kind: seen[kind])
        kinds.append(typed if filled and seen[typed] >= 0.8 * filled else "")
    return tuple(kinds)


def _header_records(records: Sequence[SampleRecord], width: int, kinds: Sequence[str]) -> tuple[int, float, str]:
    """How many of the first records name the columns, how sure that is, and why."""
    aligned = [record.fields for record in records if len(record.fields) == width]
    if not aligned:
        return 1, 0.3, "no record lines up with another"
    first = aligned[0]
    if len(records[0].fields) != width:
        return 0, 0.6, "the first record does not line up"
    body = aligned[1:]
    if not any(kinds):
        return _header_of_words(first, body)
    number = 0
    for fields in aligned[:_MOST_HEADER_RECORDS]:
        words, values = _votes(fields, kinds)
        if words <= values:
            break
        # A further line of names holds no value at all.
        if number and (words < 0.5 * sum(map(bool, kinds)) or any(map(_is_typed, fields))):
            break
        number += 1
    if number == len(aligned) > 1:  # nothing but names: one line of them is
        number = 1
    if number == 0:
        words, values = _votes(first, kinds)
        return 0, 0.9 if values > words else 0.6, f"the first line holds values such as {_first_value(first, kinds)!r}"
    typed = sum(map(bool, kinds))
    return number, 0.95, f"words stand over {typed} column{'s' if typed > 1 else ''} of numbers or dates"


def _is_typed(value: str) -> bool:
    return kind_of(value) in {"number", "moment"}


def _votes(fields: Sequence[str], kinds: Sequence[str]) -> tuple[int, int]:
    """How many typed columns have a word in this record, and how many a value of their kind."""
    words = values = 0
    for value, kind in zip(fields, kinds, strict=True):
        if not kind:
            continue
        found = kind_of(value)
        if found == "text" or (found == "number" and _YEAR.fullmatch(value.strip())):
            words += 1
        elif found == kind:
            values += 1
    return words, values


def _first_value(fields: Sequence[str], kinds: Sequence[str]) -> str:
    typed = (value for value, kind in zip(fields, kinds, strict=True) if kind and kind_of(value) == kind)
    return next(typed, next((value for value in fields if value), ""))[:40]


def _header_of_words(first: Sequence[str], body: Sequence[Sequence[str]]) -> tuple[int, float, str]:
    """Whether a first record of words names columns of words."""
    if not body:
        typed = sum(map(_is_typed, first))
        if typed > len(first) / 3:
            return 0, 0.6, "the only line holds values"
        return 1, 0.5, "there is one line only"
    typed = sum(map(_is_typed, first))
    again = sum(bool(value) and any(row[place] == value for row in body) for place, value in enumerate(first))
    if again and again < len(first) and again >= _filled(first) / 2:
        return 0, 0.6, "the first line's values come again below"
    if typed > len(first) / 2:
        return 0, 0.6, f"the first line holds values such as {first[0][:40]!r}"
    return 1, 0.6, "the first line differs from those below"


def _may_name(fields: Sequence[str], width: int) -> bool:
    """Whether a record that does not line up may be meant for the header: words only, and more than a title's one."""
    if any(map(_is_typed, fields)):
        return False
    words = sum(len(value.split()) for value in fields)
    return _filled(fields) >= max(2, width / 2) or words >= max(3, width * 0.75)


def _totals(records: Sequence[SampleRecord], width: int) -> tuple[str, ...]:
    """The word that a last line of totals begins with: such a line leaves fields empty that the rows fill."""
    if len(records) < 3:
        return ()
    usual = sorted(_filled(record.fields) for record in records)[len(records) // 2]
    for record in records[-3:]:
        filled = [value.strip() for value in record.fields if value.strip()]
        said = _TOTAL.match(filled[0]) if len(record.fields) == width and 1 < len(filled) < usual else None
        if said is None:
            continue
        word = filled[0][: said.end()]
        if not any(other.fields[0].strip().startswith(word) for other in records[:-3]):
            return (word,)
    return ()
