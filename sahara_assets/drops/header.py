"""A drop's header: where it stands, which delimiter it uses and which of its columns are ours.

Columns are bound by name, never by position: a reordered header reads right, a renamed required column rejects the drop whole with
the name that may be meant. Only a file without a header is bound by position, to the names that the settings give its columns. What
`auto` leaves open is decided by the declared names and by nothing else: the delimiter and the line under which the columns that must be
there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sahara_assets.drops.binding import bind, missing, refuse_doubtful, tidy, without_twins
from sahara_assets.drops.dialect import Dialect
from sahara_assets.drops.ends import inside
from sahara_assets.drops.fields import fields_of_its_own, split_record
from sahara_assets.drops.header_text import (
    NEW_LINE,
    Header,
    after_lines,
    first_line_with_text,
    headers_at,
    lines_before,
)
from sahara_assets.drops.outlines import outline_of
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from sahara_assets.drops.records import BrokenRecord
    from sahara_assets.settings.dataset import DatasetSettings
    from sahara_assets.tables.datasets import Dataset

USUAL_DELIMITERS = (",", ";", "\t", "|")

HEADER_BYTES = 1024 * 1024
"""How much of a drop's start must be at hand to read its header, blank lines before it included."""

MOST_COLUMNS = 16_384
"""As many as a spreadsheet has; a file with more has lost its line ends, or is made to keep the reader busy."""

_MOST_PREAMBLE_LINES = 100


@dataclass(frozen=True)
class Layout:
    """Where a drop's columns stand.

    Attributes:
        delimiter: what separates its fields.
        names: the header's names, in order; a nameless one is `column_N`.
        positions: our column → its place in the header, from 0. Of nested formats a column may have several places, of which the first
            that holds a value counts, and two columns may share one.
        undeclared: names that no declared column maps, with their places.
        absent: mapped or declared columns that the header lacks.
        first_line: physical line number of the first line after the header.
        text: the header as it stood.
        extra: the place of a column that holds the undeclared ones as JSON already, in formats that have types.
        typed: our columns whose values come as numbers or moments rather than as text that the settings describe.
        records: the names record by record, where several lines hold them; a row that says one of them again is none.
        before: lines that stand before the header, kept out and counted.
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
    records: tuple[tuple[str, ...], ...] = ()
    before: tuple[BrokenRecord, ...] = ()

    @property
    def places(self) -> dict[str, tuple[int, ...]]:
        """Our columns with all of their places."""
        found: dict[str, tuple[int, ...]] = {}
        for column, place in self.positions:
            found[column] = (*found.get(column, ()), place)
        return found

    def source_name(self, column: str) -> str:
        """What the header calls one of our columns."""
        return " | ".join(self.names[place] for place in self.places[column])


def read_header(text: bytes, dataset: Dataset, settings: DatasetSettings, file_name: str) -> tuple[Layout, int]:
    """Bind a drop's columns.

    Args:
        text: the drop's clean text from its start: whole lines, `HEADER_BYTES` of them or all there are.
        dataset: what the drop should hold.
        settings: how it is read.
        file_name: for errors.

    Returns:
        The layout, and how many bytes of `text` the header and what stands before it take.

    Raises:
        DropError: the file is empty, its header is no text, a column that must be there is not, or a mapped name stands twice.
    """
    start = first_line_with_text(text, after_lines(text, settings.skip_lines), settings.comment)
    if start is None:
        raise DropError(f"{file_name}: the file has no header line; the first line must name the columns")
    first_end = text.find(NEW_LINE, start)
    if (len(text) if first_end < 0 else first_end) - start > HEADER_BYTES:
        raise DropError(
            f"{file_name}: its first line has more than {HEADER_BYTES >> 20} MB; no header has. Are its line ends lost?"
        )
    if settings.header_lines == 0:
        layout, end = _by_position(text, start, dataset, settings, file_name)
    else:
        layout, header = _best_bound(text, start, dataset, settings)
        if settings.skip_lines == "auto" and _needed(layout, dataset, settings):
            layout, header, start = _further_down(text, start, dataset, settings) or (layout, header, start)
        if "\0" in header.text or "\r" in header.text:
            what = "NUL bytes" if "\0" in header.text else "carriage returns"
            raise DropError(
                f"{file_name}: the header line holds {what}; save the file as UTF-8 text with one kind of line end"
            )
        end = header.end
    if len(layout.names) > MOST_COLUMNS:
        raise DropError(
            f"{file_name}: the header names {len(layout.names):,} columns; more than {MOST_COLUMNS:,} are not read. Are its line ends lost?"
        )
    refuse_doubtful(layout.names, dict(layout.positions), settings, file_name)
    needed = _needed(layout, dataset, settings)
    if needed:
        raise DropError(
            missing(needed, [name for name, _ in layout.undeclared], layout.names, dataset.name, settings, file_name)
        )
    return replace(layout, before=lines_before(text, start, settings.comment)), end


def dialect_of(layout: Layout, settings: DatasetSettings) -> Dialect:
    """The dialect of a drop: as declared, with the delimiter that its header proved."""
    return _declared(layout.delimiter, settings)


def _declared(delimiter: str, settings: DatasetSettings) -> Dialect:
    return Dialect(
        delimiter=delimiter,
        quote=settings.quote,
        escape=settings.escape,
        record_delimiter=settings.record_delimiter or "\n",
        skip_lines=settings.skip_lines if isinstance(settings.skip_lines, int) else 0,
        header_lines=settings.header_lines,
        comment=settings.comment,
        totals=tuple(settings.totals),
    )


def _needed(layout: Layout, dataset: Dataset, settings: DatasetSettings) -> list[str]:
    return [c for c in (*dataset.required, *dataset.expected) if c in layout.absent and c not in settings.constants]


def _best_bound(text: bytes, start: int, dataset: Dataset, settings: DatasetSettings) -> tuple[Layout, Header]:
    """The header at a line, under the delimiter under which it holds most of our columns: known names decide, not statistics."""
    bound = [
        _bind(header, dataset, settings)
        for delimiter in _delimiters(settings)
        for header in headers_at(text, start, _declared(delimiter, settings))
        if header.line_count == 1 or settings.header_lines > 1 or not _swallows_a_row(header, dataset, settings)
    ]
    return max(bound, key=lambda pair: len(pair[0].positions))


def _delimiters(settings: DatasetSettings) -> tuple[str, ...]:
    usual = tuple(delimiter for delimiter in USUAL_DELIMITERS if delimiter != settings.quote)
    return usual if settings.delimiter == "auto" else (settings.delimiter,)


def _further_down(
    text: bytes, start: int, dataset: Dataset, settings: DatasetSettings
) -> tuple[Layout, Header, int] | None:
    """The first line below a preamble that names every column that must be there; None where no line does."""
    position: int | None = start
    for _ in range(_MOST_PREAMBLE_LINES):
        end = text.find(NEW_LINE, position)
        position = None if end < 0 else first_line_with_text(text, end + 1, settings.comment)
        if position is None:
            return None
        following = text.find(NEW_LINE, position)
        if (len(text) if following < 0 else following) - position > HEADER_BYTES:
            continue
        layout, header = _best_bound(text, position, dataset, settings)
        if not _needed(layout, dataset, settings):
            return layout, header, position
    return None


def _by_position(
    text: bytes, start: int, dataset: Dataset, settings: DatasetSettings, file_name: str
) -> tuple[Layout, int]:
    """The layout of a file without a header: the settings name its columns, and its first good line has as many fields."""
    delimiters = _delimiters(settings)
    width = len(settings.column_names)
    lines = text[start:].split(NEW_LINE, _MOST_PREAMBLE_LINES)[:_MOST_PREAMBLE_LINES]
    cut = (
        (delimiter, split_record(inside(line).decode("utf-8", "replace"), delimiter, settings.quote, settings.escape))
        for line in lines
        for delimiter in delimiters
    )
    delimiter = next(
        (delimiter for delimiter, fields in cut if isinstance(fields, list) and len(fields) == width), None
    )
    if delimiter is None and settings.delimiter == "auto":
        raise DropError(
            f"{file_name}: under none of the usual delimiters has a line the {width} fields that column_names in sahara.toml "
            "names; set delimiter, or mend column_names"
        )
    header = Header(
        delimiter or delimiters[0], list(settings.column_names), "", 1, text.count(NEW_LINE, 0, start), start
    )
    # A file that has a header after all must not load it as a row: a record that says the names is kept out like one that says them again.
    layout, _ = _bind(header, dataset, settings)
    return layout, start


def _swallows_a_row(header: Header, dataset: Dataset, settings: DatasetSettings) -> bool:
    """Whether a header that runs over lines took a row of data for the inside of a name."""
    first, *following = header.text.split("\n")
    alone = Header(header.delimiter, first.split(header.delimiter), first, 1, header.last_line, header.end)
    layout, _ = _bind(alone, dataset, settings)
    outline = outline_of(dataset, layout, settings)
    pieces = [fields_of_its_own(line, header.delimiter, settings.quote, settings.escape) for line in following]
    return any(len(fields) == len(layout.names) and outline.evidence(fields) for fields in pieces)


def _bind(header: Header, dataset: Dataset, settings: DatasetSettings) -> tuple[Layout, Header]:
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
        records=header.records or (tuple(header.names),),
    )
    return layout, header
