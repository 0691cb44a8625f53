"""JSON lines, or one JSON array of objects, as a source: every object is a record, its names are mapped like a header's.

A mapped name may be a path into nested values (`paths.py`); a name that a record lacks is null, one that nobody maps goes into `_extra`
as canonical JSON. A record's line is its physical line, in an array its number from 1; where lists are taken apart (`flattening.py`),
it is the row's number from 1, and the document's line stands in what is said of it. Values become text columns, which are cast as those of a CSV are.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from sahara_assets.drops import json_text
from sahara_assets.drops.binding import bind_paths, missing, refuse_doubtful
from sahara_assets.drops.content import NotTextError, clean_chunks
from sahara_assets.drops.encodings import why_not_text
from sahara_assets.drops.flattening import Flattener, flat_rows
from sahara_assets.drops.header import HEADER_BYTES, Layout
from sahara_assets.drops.json_text import Json, NotJsonError, Number, array_elements, as_text, canonical, parse
from sahara_assets.drops.paths import alternatives, listed
from sahara_assets.drops.plain import Care
from sahara_assets.drops.records import BrokenRecord, ParsedRecord, Records, shown
from sahara_assets.drops.source import Order, Refused, Source, SourceRefusedError
from sahara_assets.errors import DropError
from sahara_assets.tables.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECORDS_BYTES = 4 * 1024 * 1024
_BLANKS = b" \t\r\x0b\x0c"
_SAMPLED_RECORDS = 50
EXTRA = "_extra"


class _JsonSource(Source):
    """What JSON lines and a JSON array share."""

    _what = "JSON objects"

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._entries: Iterator[tuple[int, bytes]] = iter(())
        self._first: list[tuple[int, bytes]] = []
        self._exploded = order.settings.explode
        self._flattener = Flattener(self._exploded, {}, 0, self._text)
        self._with_comma: frozenset[int] = frozenset()
        self._row = 0

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        """The records' texts with their lines."""
        raise NotImplementedError

    def _chunks(self, *, whole_lines: bool) -> Iterator[bytes]:
        content = self._order.content
        return clean_chunks(
            self._order.path,
            content.encoding,
            line_end=content.line_end,
            expected=content,
            chunk_bytes=self._order.chunk_bytes,
            whole_lines=whole_lines,
        )

    def bind(self) -> Layout:
        """Bind by the names in the first records; what they lack and every row must have refuses the drop."""
        order = self._order
        self._entries = self._numbered()
        lists = listed(order.settings.columns.values())
        size = 0
        names: dict[str, None] = {}
        objects = 0
        try:
            for entry in self._entries:
                self._first.append(entry)
                size += len(entry[1])
                value = self._value(entry[1])
                if isinstance(value, dict):
                    objects += 1
                    for row in flat_rows(value, self._exploded, lists):
                        names.update(dict.fromkeys(row))
                if size >= HEADER_BYTES:
                    break
        except NotTextError as error:
            raise SourceRefusedError(str(error)) from error
        name = order.path.name
        if not self._first:
            raise SourceRefusedError(f"{name}: the file holds no {self._what}; a drop without rows needs none")
        known = list(names)
        positions = bind_paths(known, order.dataset, order.settings)
        try:
            refuse_doubtful(known, positions, order.settings, name, self._what)
        except DropError as error:
            raise SourceRefusedError(str(error)) from error
        needed = [
            column
            for column in order.dataset.required
            if column not in positions and column not in order.settings.constants
        ]
        if needed and objects:
            bound = {place for found in positions.values() for _, place in found}
            free = [path for place, path in enumerate(known) if place not in bound]
            what = f"start of the {self._what}"
            raise SourceRefusedError(missing(needed, free, known, order.dataset.name, order.settings, name, what))
        self.layout = self._laid_out(known, positions)
        return self.layout

    def _laid_out(self, known: list[str], positions: dict[str, list[tuple[str, int]]]) -> Layout:
        """The layout under which the records are flattened, a place for every path that is mapped."""
        dataset, settings = self._order.dataset, self._order.settings
        # A name that the first records lack may come later, as it was written in the settings.
        paths: dict[str, list[str]] = {}
        for column in dataset.column_names:
            if column not in settings.constants:
                found = {wanted: known[place] for wanted, place in positions.get(column, ())}
                wanted_names = alternatives(settings.columns.get(column, column))
                paths[column] = list(dict.fromkeys(found.get(wanted, wanted) for wanted in wanted_names))
        places = {path: place for place, path in enumerate(dict.fromkeys(chain(*paths.values())))}
        self._flattener = Flattener(self._exploded, places, len(places) + 1, self._text)
        if settings.decimal_mark == ",":
            # The settings describe numbers in texts; a JSON number has a point.
            numbers = [c for c in paths if dataset.column(c).kind in {Kind.DECIMAL, Kind.INTEGER}]
            self._with_comma = frozenset(places[path] for column in numbers for path in paths[column])
        return Layout(
            delimiter=",",
            names=(*places, EXTRA),
            positions=tuple((column, places[path]) for column, found in paths.items() for path in found),
            undeclared=(),
            absent=tuple(column for column in dataset.column_names if not paths.get(column)),
            first_line=1,
            extra=len(places),
        )

    def records(self) -> Iterator[Records]:
        """The objects, some megabytes at a time."""
        records, size = Records(care=Care.FULL, counted=0), 0
        for line, raw in chain(self._first, self._entries):
            self._add(records, line, raw)
            size += len(raw)
            if size >= _RECORDS_BYTES:
                yield records
                records, size = Records(care=Care.FULL, counted=0), 0
        yield records
        positions: dict[str, set[int]] = {}
        for column, place in self.layout.positions:
            positions.setdefault(column, set()).add(place)
        found = self._flattener.found
        self.layout = replace(
            self.layout,
            undeclared=tuple((name, -1) for name in self._flattener.undeclared),
            absent=tuple(c for c in self._order.dataset.column_names if not positions.get(c, set()) & found),
            text=canonical(list(self._flattener.seen)),
        )

    def refused(self) -> Refused:
        """The first record, and how many there are."""
        count = 0
        with suppress(NotTextError):
            for _, raw in chain(self._first, self._entries):
                value = self._value(raw) if self._exploded else None
                count += self._flattener.rows_in(value) if isinstance(value, dict) else 1
        objects = [value for _, raw in self._first[:_SAMPLED_RECORDS] if isinstance(value := self._value(raw), dict)]
        lists = listed(self._order.settings.columns.values())
        rows = [row for value in objects for row in islice(flat_rows(value, self._exploded, lists), _SAMPLED_RECORDS)]
        names = list(dict.fromkeys(name for row in rows for name in row))
        header = shown(self._first[0][1]) if self._first else ""
        return Refused(header, count, Refused.sampled(names, [[as_text(row.get(n)) for n in names] for row in rows]))

    def _value(self, raw: bytes) -> Json | NotJsonError:
        """The JSON value of a record's text, or what is wrong with it."""
        if len(raw) > json_text.LONGEST_ELEMENT_BYTES:
            return NotJsonError(
                f"the record has more than {json_text.LONGEST_ELEMENT_BYTES >> 20} MB; no record is so long"
            )
        if b"\0" in raw:
            return NotJsonError("the row holds a NUL byte; remove it")
        try:
            return parse(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            return NotJsonError(why_not_text(raw[error.start], self._order.content.encoding))
        except NotJsonError as error:
            return error

    def _add(self, records: Records, line: int, raw: bytes) -> None:
        """Put a document's rows to the others, and count them apart from that."""
        assert records.counted is not None  # noqa: S101 - made above
        value = self._value(raw)
        if isinstance(value, dict):
            records.counted += self._flattener.rows_in(value)
            self._add_rows(records, line, raw.decode("utf-8"), value)
            return
        records.counted += 1
        if isinstance(value, NotJsonError):
            text, why = shown(raw), str(value)
        else:
            what = "a list" if isinstance(value, list) else "a single value"
            text, why = raw.decode("utf-8"), f"a record is a JSON object of names and values; this is {what}"
        number, document = self._place_of_row(line)
        records.broken.append(BrokenRecord(number, text, why, document=document))

    def _add_rows(self, records: Records, line: int, text: str, value: dict[str, Json]) -> None:
        for row in self._flattener.rows(value):
            number, document = self._place_of_row(line)
            if row.fault is not None:
                place, sentence = row.fault
                why = sentence if place is None else f"{self.layout.names[place]} {sentence}"
                records.broken.append(BrokenRecord(number, text, why, place, document=document))
                continue
            if row.extra:
                row.fields[-1] = canonical(row.extra)
            records.parsed.append(ParsedRecord(number, row.fields, text, document))

    def _place_of_row(self, line: int) -> tuple[int, int | None]:
        """The number of the next row, and its document's line where that is another thing."""
        if not self._exploded:
            return line, None
        self._row += 1
        return self._row, line

    def _text(self, value: str | bool, place: int) -> str:
        """A mapped value as the text that a CSV would hold."""
        if isinstance(value, bool):
            return "true" if value else "false"
        return value.replace(".", ",") if isinstance(value, Number) and place in self._with_comma else str(value)


class JsonLinesSource(_JsonSource):
    """One JSON object a line."""

    _what = "JSON lines"

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        line = 0
        for chunk in self._chunks(whole_lines=True):
            lines = chunk.split(b"\n")
            if not lines[-1]:
                lines.pop()
            for text in lines:
                line += 1
                if text.strip(_BLANKS):
                    yield line, text


class JsonArraySource(_JsonSource):
    """One JSON array of objects."""

    _what = "JSON array"

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        try:
            yield from enumerate(array_elements(self._chunks(whole_lines=False)), start=1)
        except NotJsonError as error:
            raise NotTextError(f"{self._order.path.name}: {error}") from error

    def _value(self, raw: bytes) -> Json | NotJsonError:
        if not raw:
            return NotJsonError("an element is missing here, or the array does not end: deliver the file again")
        return super()._value(raw)
