"""A drop's header: which delimiter it uses and which of its columns are ours.

Columns are bound by name, never by position: a reordered header reads right, a renamed required column rejects the drop whole with
the name that may be meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.drops.binding import bind, missing, refuse_doubtful, tidy, without_twins
from sahara_assets.drops.casts import outline_of
from sahara_assets.drops.fields import Outcome, RecordParser, fields_of_its_own
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from sahara_assets.settings.sections import DatasetSettings
    from sahara_assets.tables.datasets import Dataset

USUAL_DELIMITERS = (",", ";", "\t", "|")

HEADER_BYTES = 1024 * 1024
"""How much of a drop's start must be at hand to read its header, blank lines before it included."""

_LONGEST_HEADER_LINES = 20


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
        extra: the place of a column that holds the undeclared ones as JSON already, in formats that have types.
        typed: our columns whose values come as numbers or moments rather than as text that the settings describe.
    """

    delimiter: str
    names: tuple[str, ...]
    positions: tuple[tuple[str, int], ...]
    undeclared: tuple[tuple[str, int], ...]
    absent: tuple[str, ...]
    first_line: int
    text: str = ""
    extra: int | None = None
    typed: frozenset[str] = frozenset()

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
    refuse_doubtful(layout.names, dict(layout.positions), settings, file_name)
    needed = [c for c in (*dataset.required, *dataset.expected) if c in layout.absent]
    if needed:
        raise DropError(missing(needed, [name for name, _ in layout.undeclared], layout.names, settings, file_name))
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


def _bind(header: _Header, dataset: Dataset, settings: DatasetSettings) -> tuple[Layout, _Header]:
    names = [tidy(name) or f"column_{index + 1}" for index, name in enumerate(header.names)]
    positions = bind(names, dataset, settings)
    used = set(positions.values())
    layout = Layout(
        delimiter=header.delimiter,
        names=tuple(names),
        positions=tuple((column, positions[column]) for column in dataset.column_names if column in positions),
        undeclared=tuple(without_twins([(name, i) for i, name in enumerate(names) if i not in used])),
        absent=tuple(column for column in dataset.column_names if column not in positions),
        first_line=header.last_line + 1,
        text=header.text,
    )
    return layout, header
