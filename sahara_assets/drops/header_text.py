"""What stands at the top of a text: lines before the header, and the records that name the columns.

Which of the names are ours is decided in `header.py`; here nothing is known of any dataset.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.drops.ends import inside
from sahara_assets.drops.fields import Outcome, RecordParser, lenient_fields
from sahara_assets.drops.records import BEFORE, REMARK, BrokenRecord, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.drops.dialect import Dialect

NEW_LINE = b"\n"

_LONGEST_HEADER_LINES = 20
_TEXT = re.compile(rb"[^\s]")


@dataclass(frozen=True)
class Header:
    """A header under one delimiter: its names and text, its last line's number, and where it ends."""

    delimiter: str
    names: list[str]
    text: str
    line_count: int
    last_line: int
    end: int
    records: tuple[tuple[str, ...], ...] = ()


def lines_before(text: bytes, start: int, comment: str) -> tuple[BrokenRecord, ...]:
    """What stands before the header, line by line; blank lines hold nothing."""
    found = []
    for number, raw in enumerate(text[:start].split(NEW_LINE)[:-1], start=1):
        if not raw.strip():
            continue
        if comment and raw.startswith(comment.encode()):
            reason = f"{REMARK}{comment!r}"
            found.append(BrokenRecord(number, shown(inside(raw)), reason, kind="remark"))
        else:
            found.append(BrokenRecord(number, shown(inside(raw)), BEFORE, kind="before"))
    return tuple(found)


def after_lines(text: bytes, lines: int | str) -> int:
    """Where so many lines end; `auto` is none."""
    position = 0
    for _ in range(lines if isinstance(lines, int) else 0):
        position = text.find(NEW_LINE, position) + 1 or len(text)
    return position


def first_line_with_text(text: bytes, position: int, comment: str) -> int | None:
    """Where the first line from a position on begins that holds text and is no remark."""
    while found := _TEXT.search(text, position):
        start = max(text.rfind(NEW_LINE, 0, found.start()) + 1, position)
        if not comment or not text.startswith(comment.encode(), start):
            return start
        end = text.find(NEW_LINE, start)
        if end < 0:
            return None
        position = end + 1
    return None


def headers_at(text: bytes, start: int, dialect: Dialect) -> list[Header]:
    """How the header can be read under a delimiter: with names that run over lines inside quotes, and as its first line alone."""
    if dialect.header_lines > 1:
        return [_joined_header(text, start, dialect)]
    first = _one_header(text, start, dialect)
    if first is not None and first.line_count == 1:
        return [first]
    # A quote that does not close ends at its line, here as in every other row.
    return [*([first] if first else []), _line_alone(text, start, dialect)]


def _one_header(text: bytes, start: int, dialect: Dialect) -> Header | None:
    """The record at a position as a header, with names that run over lines inside quotes; None where a quote does not close."""
    before = text.count(NEW_LINE, 0, start)
    parser = RecordParser(dialect.delimiter, dialect.quote, dialect.escape)
    position = start
    lines: list[str] = []
    outcome: Outcome = "open"
    while outcome == "open" and position < len(text) and len(lines) < _LONGEST_HEADER_LINES:
        end = text.find(NEW_LINE, position)
        end = len(text) if end < 0 else end
        lines.append(inside(text[position:end]).decode("utf-8", errors="replace"))
        position = min(end + 1, len(text))
        outcome = parser.feed(lines[-1])
    if outcome != "whole":
        return None
    whole = "\n".join(lines).rstrip("\r")
    return Header(dialect.delimiter, parser.fields, whole, len(lines), before + len(lines), position)


def _line_alone(text: bytes, start: int, dialect: Dialect) -> Header:
    end = text.find(NEW_LINE, start)
    alone = inside(text[start : len(text) if end < 0 else end]).decode("utf-8", errors="replace").rstrip("\r")
    after = len(text) if end < 0 else end + 1
    names = lenient_fields(alone, dialect.delimiter, dialect.quote, dialect.escape)
    return Header(dialect.delimiter, names, alone, 1, text.count(NEW_LINE, 0, start) + 1, after)


def _joined_header(text: bytes, start: int, dialect: Dialect) -> Header:
    """Several records that name the columns together: their names, column by column, joined by a space."""
    found: list[Header] = []
    position: int | None = start
    while position is not None and len(found) < dialect.header_lines:
        found.append(_one_header(text, position, dialect) or _line_alone(text, position, dialect))
        position = first_line_with_text(text, found[-1].end, dialect.comment)
    last = found[-1]
    names = join_names([header.names for header in found])
    lines = sum(header.line_count for header in found)
    whole = "\n".join(header.text for header in found)
    records = tuple(tuple(header.names) for header in found)
    return Header(dialect.delimiter, names, whole, lines, last.last_line, last.end, records)


def join_names(records: Sequence[Sequence[str]]) -> list[str]:
    """The names of columns that several records name together, joined by a space.

    >>> join_names([["price", "price", ""], ["net", "gross", "note"]])
    ['price net', 'price gross', 'note']
    """
    width = max(len(names) for names in records)
    return [
        " ".join(names[place].strip() for names in records if place < len(names) and names[place].strip())
        for place in range(width)
    ]
