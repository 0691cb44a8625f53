"""A drop's header: which delimiter it uses and which of its columns are ours.

Columns are bound by name, never by position: a reordered header reads right, a renamed required column rejects the drop whole with
the name that may be meant.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.drops.casts import outline_of
from sahara_assets.drops.fields import Outcome, RecordParser, fields_of_its_own
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sahara_assets.settings.sections import DatasetSettings
    from sahara_assets.tables.datasets import Dataset

USUAL_DELIMITERS = (",", ";", "\t", "|")

HEADER_BYTES = 1024 * 1024
"""How much of a drop's start must be at hand to read its header, blank lines before it included."""

_LONGEST_HEADER_LINES = 20
_LONGEST_NAME = 100
_MOST_NAMES = 500


@dataclass(frozen=True)
class Layout:
    """Where a drop's columns stand.

    Attributes:
        delimiter: what separates its fields.
        names: the header's names, in order; a nameless one is `column_N`.
        positions: our column → its place in the header, from 0.
        undeclared: names that no declared column maps, with their places.
        absent: mapped or declared columns that the header lacks.
        first_line: physical line number of the first line after the header.
        text: the header as it stood.
    """

    delimiter: str
    names: tuple[str, ...]
    positions: tuple[tuple[str, int], ...]
    undeclared: tuple[tuple[str, int], ...]
    absent: tuple[str, ...]
    first_line: int
    text: str = ""

    def source_name(self, column: str) -> str:
        """What the header calls one of our columns."""
        return self.names[dict(self.positions)[column]]


def read_header(text: bytes, dataset: Dataset, settings: DatasetSettings, file_name: str) -> tuple[Layout, int]:
    """Bind a drop's columns.

    Args:
        text: the drop's clean text from its start: whole lines, `HEADER_BYTES` of them or all there are.
        dataset: what the drop should hold.
        settings: how it is read.
        file_name: for errors.

    Returns:
        The layout, and how many bytes of `text` the header takes.

    Raises:
        DropError: the file is empty, its header is no text, a column that must be there is not, or a mapped name stands twice.
    """
    usual = tuple(delimiter for delimiter in USUAL_DELIMITERS if delimiter != settings.quote)
    candidates = usual if settings.delimiter == "auto" else (settings.delimiter,)
    start = _first_line_with_text(text)
    if start is None:
        raise DropError(f"{file_name}: the file has no header line; the first line must name the columns")
    # The delimiter is the one under which the header holds most of our columns: known names decide, not statistics.
    bound = [
        _bind(header, dataset, settings)
        for delimiter in candidates
        for header in _headers(text, start, delimiter, settings.quote)
        if header.line_count == 1 or not _swallows_a_row(header, dataset, settings)
    ]
    layout, header = max(bound, key=lambda pair: len(pair[0].positions))
    if "\0" in header.text or "\r" in header.text:
        what = "NUL bytes" if "\0" in header.text else "carriage returns"
        raise DropError(
            f"{file_name}: the header line holds {what}; save the file as UTF-8 text with one kind of line end"
        )
    _refuse_doubtful_names(layout, settings, file_name)
    needed = [c for c in (*dataset.required, *dataset.expected) if c in layout.absent]
    if needed:
        raise DropError(_missing(needed, layout, settings, file_name))
    return layout, header.end


@dataclass(frozen=True)
class _Header:
    """A header under one delimiter: its names and text, its last line's number, and where it ends."""

    delimiter: str
    names: list[str]
    text: str
    line_count: int
    last_line: int
    end: int


def _first_line_with_text(text: bytes) -> int | None:
    found = re.search(rb"[^\s]", text)
    return None if found is None else text.rfind(b"\n", 0, found.start()) + 1


def _headers(text: bytes, start: int, delimiter: str, quote: str) -> list[_Header]:
    """How the header can be read under a delimiter: with names that run over lines inside quotes, and as its first line alone."""
    lines_before = text.count(b"\n", 0, start)
    parser = RecordParser(delimiter, quote)
    position = start
    lines: list[str] = []
    outcome: Outcome = "open"
    found: list[_Header] = []
    while outcome == "open" and position < len(text) and len(lines) < _LONGEST_HEADER_LINES:
        end = text.find(b"\n", position)
        end = len(text) if end < 0 else end
        lines.append(text[position:end].decode("utf-8", errors="replace"))
        position = min(end + 1, len(text))
        outcome = parser.feed(lines[-1])
    if outcome == "whole":
        whole = "\n".join(lines).rstrip("\r")
        found = [_Header(delimiter, parser.fields, whole, len(lines), lines_before + len(lines), position)]
    if found and len(lines) == 1:
        return found
    # A quote that does not close ends at its line, here as in every other row.
    first_end = text.find(b"\n", start) + 1 or len(text)
    alone = lines[0].rstrip("\r")
    return [*found, _Header(delimiter, alone.split(delimiter), alone, 1, lines_before + 1, first_end)]


def _swallows_a_row(header: _Header, dataset: Dataset, settings: DatasetSettings) -> bool:
    """Whether a header that runs over lines took a row of data for the inside of a name."""
    first, *following = header.text.split("\n")
    alone = _Header(header.delimiter, first.split(header.delimiter), first, 1, header.last_line, header.end)
    layout, _ = _bind(alone, dataset, settings)
    outline = outline_of(dataset, layout, settings)
    pieces = [fields_of_its_own(line, header.delimiter, settings.quote) for line in following]
    return any(len(fields) == len(layout.names) and outline.evidence(fields) for fields in pieces)


def _tidy(name: str) -> str:
    """A header name without the blanks, line breaks and byte order marks that exports leave in it."""
    return re.sub(r"\s+", " ", name.replace("\ufeff", "")).strip()


def _loose(name: str) -> str:
    """A name as people read it: `Customer ID`, `customer_id` and `CUSTOMER-ID` are one.

    >>> _loose("Customer ID")
    'customer_id'
    """
    return re.sub(r"[\s_\-]+", "_", name.strip()).casefold()


def _bind(header: _Header, dataset: Dataset, settings: DatasetSettings) -> tuple[Layout, _Header]:
    names = [_tidy(name) or f"column_{index + 1}" for index, name in enumerate(header.names)]
    positions: dict[str, int] = {}
    # A mapped name is the column it is mapped to and no other, even where another column of ours bears that name.
    for column in sorted(dataset.column_names, key=lambda column: column not in settings.columns):
        taken = set(positions.values())
        matches = [place for place in _matches(names, settings.columns.get(column, column)) if place not in taken]
        if matches:
            positions[column] = matches[0]
    used = set(positions.values())
    layout = Layout(
        delimiter=header.delimiter,
        names=tuple(names),
        positions=tuple((column, positions[column]) for column in dataset.column_names if column in positions),
        undeclared=tuple(_without_twins([(name, i) for i, name in enumerate(names) if i not in used])),
        absent=tuple(column for column in dataset.column_names if column not in positions),
        first_line=header.last_line + 1,
        text=header.text,
    )
    return layout, header


def _matches(names: Sequence[str], wanted: str) -> list[int]:
    """Where a name stands in the header: as it is written, else as people read it."""
    exact = [i for i, name in enumerate(names) if name == _tidy(wanted)]
    return exact or [i for i, name in enumerate(names) if wanted and _loose(name) == _loose(wanted)]


def _refuse_doubtful_names(layout: Layout, settings: DatasetSettings, file_name: str) -> None:
    for column, _ in layout.positions:
        wanted = settings.columns.get(column, column)
        others = {i for name, i in layout.positions if name != column}
        matches = [i for i in _matches(layout.names, wanted) if i not in others]
        if len(matches) > 1:
            places = " and ".join(str(i + 1) for i in matches)
            raise DropError(
                f"{file_name}: the header names {wanted!r} twice (columns {places}); which one is {column}?"
            )


def _without_twins(named: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Undeclared names made unique, so that each keeps its value in `_extra`: the second `note` is `note (2)`."""
    taken = {name for name, _ in named}
    seen: set[str] = set()
    unique = []
    for name, position in named:
        called, number = name, 1
        while called in seen or (number > 1 and called in taken):
            number += 1
            called = f"{name} ({number})"
        seen.add(called)
        unique.append((called, position))
    return unique


def _missing(needed: list[str], layout: Layout, settings: DatasetSettings, file_name: str) -> str:
    """Why a header will not do, with the names that may be meant."""
    # Matching by likeness takes long on what is no name.
    free = [name for name, _ in layout.undeclared if len(name) <= _LONGEST_NAME][:_MOST_NAMES]
    parts = []
    for column in needed:
        wanted = settings.columns.get(column, column)
        near = difflib.get_close_matches(_loose(wanted), [_loose(name) for name in free], n=1, cutoff=0.55)
        hint = next((f", perhaps {name!r}" for name in free if near and _loose(name) == near[0]), "")
        called = f"{wanted!r} (our {column})" if wanted != column else repr(column)
        parts.append(f"{called}{hint}")
    shown = ", ".join(_printable(layout.names[:12])) + (", …" if len(layout.names) > 12 else "")
    return (
        f"{file_name}: the header lacks {'; '.join(parts)}. It holds: {shown}. "
        f"If a column was renamed, set it under [datasets.….columns] in sahara.toml"
    )


def _printable(names: Iterable[str]) -> list[str]:
    """Header names as a message can show them, even where the file is no text at all."""
    return [
        "".join(c if c.isprintable() else "\ufffd" for c in name[:60]) + ("…" if len(name) > 60 else "")
        for name in names
    ]
