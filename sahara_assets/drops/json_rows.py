"""JSON lines, or one JSON array of objects, as a source: every object is a record, its names are mapped like a header's.

A mapped name may lead into nested objects by a dotted path (`customer.id`); a name that a record lacks is null, one that nobody maps
goes into `_extra` as canonical JSON. A record's line is its physical line, in an array its number from 1. Values become text columns,
which are cast as those of a CSV are.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from sahara_assets.drops import json_text
from sahara_assets.drops.binding import bind, missing, refuse_doubtful
from sahara_assets.drops.content import NotTextError, clean_chunks
from sahara_assets.drops.encodings import why_not_text
from sahara_assets.drops.header import HEADER_BYTES, Layout
from sahara_assets.drops.json_text import Json, NotJsonError, Number, array_elements, as_text, canonical, leaves, parse
from sahara_assets.drops.plain import Care
from sahara_assets.drops.records import BrokenRecord, ParsedRecord, Records, shown
from sahara_assets.drops.source import Order, Refused, Source, SourceRefusedError
from sahara_assets.errors import DropError
from sahara_assets.tables.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECORDS_BYTES = 4 * 1024 * 1024
_MOST_NAMES = 1000
"""How many undeclared names the ledger keeps: objects keyed by data have as many as rows."""

_BLANKS = b" \t\r\x0b\x0c"
_SAMPLED_RECORDS = 50
EXTRA = "_extra"


@dataclass
class _Node:
    """What is wanted of an object: whole remaining paths, and objects to look into."""

    places: dict[str, int] = field(default_factory=dict)
    inner: dict[str, _Node] = field(default_factory=dict)

    def want(self, path: str, place: int) -> None:
        self.places[path] = place
        name, dot, rest = path.partition(".")
        if dot:
            self.inner.setdefault(name, _Node()).want(rest, place)


class _JsonSource(Source):
    """What JSON lines and a JSON array share."""

    _what = "JSON objects"

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._entries: Iterator[tuple[int, bytes]] = iter(())
        self._first: list[tuple[int, bytes]] = []
        self._seen: dict[str, None] = {}
        self._undeclared: dict[str, None] = {}
        self._found: set[int] = set()
        self._wanted = _Node()
        self._with_comma: frozenset[int] = frozenset()

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
                    names.update(dict.fromkeys(_paths(value)))
                if size >= HEADER_BYTES:
                    break
        except NotTextError as error:
            raise SourceRefusedError(str(error)) from error
        name = order.path.name
        if not self._first:
            raise SourceRefusedError(f"{name}: the file holds no {self._what}; a drop without rows needs none")
        known = list(names)
        positions = bind(known, order.dataset, order.settings)
        try:
            refuse_doubtful(known, positions, order.settings, name, self._what)
        except DropError as error:
            raise SourceRefusedError(str(error)) from error
        needed = [column for column in order.dataset.required if column not in positions]
        if needed and objects:
            bound = set(positions.values())
            free = [path for place, path in enumerate(known) if place not in bound]
            raise SourceRefusedError(missing(needed, free, known, order.settings, name, f"start of the {self._what}"))
        # A name that the first records lack may come later, as it was written in the settings.
        paths = {
            c: known[positions[c]] if c in positions else order.settings.columns.get(c, c)
            for c in order.dataset.column_names
        }
        columns = [column for column in order.dataset.column_names if paths[column]]
        for place, column in enumerate(columns):
            self._wanted.want(paths[column], place)
        if order.settings.decimal_mark == ",":
            # The settings describe numbers in texts; a JSON number has a point.
            kinds = [order.dataset.column(column).kind for column in columns]
            self._with_comma = frozenset(place for place, kind in enumerate(kinds) if kind is Kind.DECIMAL)
        self.layout = Layout(
            delimiter=",",
            names=(*(paths[column] for column in columns), EXTRA),
            positions=tuple((column, place) for place, column in enumerate(columns)),
            undeclared=(),
            absent=tuple(column for column in order.dataset.column_names if not paths[column]),
            first_line=1,
            extra=len(columns),
        )
        return self.layout

    def records(self) -> Iterator[Records]:
        """The objects, some megabytes at a time."""
        records, size = Records(care=Care.FULL), 0
        for line, raw in chain(self._first, self._entries):
            record = self._record(line, raw)
            if isinstance(record, ParsedRecord):
                records.parsed.append(record)
            else:
                records.broken.append(record)
            size += len(raw)
            if size >= _RECORDS_BYTES:
                yield records
                records, size = Records(care=Care.FULL), 0
        yield records
        positions = dict(self.layout.positions)
        never = {column for column, place in positions.items() if place not in self._found}
        self.layout = replace(
            self.layout,
            undeclared=tuple((name, -1) for name in self._undeclared),
            absent=tuple(c for c in self._order.dataset.column_names if c not in positions or c in never),
            text=canonical(list(self._seen)),
        )

    def refused(self) -> Refused:
        """The first record, and how many there are."""
        count = len(self._first)
        with suppress(NotTextError):
            for _ in self._entries:
                count += 1
        objects = [value for _, raw in self._first[:_SAMPLED_RECORDS] if isinstance(value := self._value(raw), dict)]
        flat = [dict(leaves(value)) for value in objects]
        names = list(dict.fromkeys(name for found in flat for name in found))
        rows = [[as_text(found.get(name)) for name in names] for found in flat]
        header = shown(self._first[0][1]) if self._first else ""
        return Refused(header, count, Refused.sampled(names, rows))

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

    def _record(self, line: int, raw: bytes) -> ParsedRecord | BrokenRecord:
        value = self._value(raw)
        if isinstance(value, NotJsonError):
            return BrokenRecord(line, shown(raw), str(value))
        text = raw.decode("utf-8")
        if not isinstance(value, dict):
            what = "a list" if isinstance(value, list) else "a single value"
            return BrokenRecord(line, text, f"a record is a JSON object of names and values; this is {what}")
        fields: list[str | None] = [None] * len(self.layout.names)
        try:
            extra = self._take(value, self._wanted, fields, "")
        except _FieldError as error:
            return BrokenRecord(line, text, f"{self.layout.names[error.place]} {error}", error.place)
        if extra:
            fields[-1] = canonical(extra)
        return ParsedRecord(line, fields, text)

    def _take(self, value: dict[str, Json], wanted: _Node, fields: list[str | None], prefix: str) -> dict[str, Json]:
        """Put what is wanted of an object into the fields; gives what is left over."""
        left: dict[str, Json] = {}
        for name, inner in value.items():
            place = wanted.places.get(name)
            if place is not None:
                if place not in self._found:
                    self._found.add(place)
                    self._note(self._seen, prefix + name)
                if fields[place] is not None:
                    raise _FieldError(place, "stands twice, once nested and once with a dot in its name")
                # Most values are texts; what else they may be is looked at where they are not.
                fields[place] = inner if type(inner) is str else self._text(inner, place)
            elif isinstance(inner, dict) and name in wanted.inner:
                rest = self._take(inner, wanted.inner[name], fields, f"{prefix}{name}.")
                if rest or not inner:
                    left[name] = rest
            else:
                left[name] = inner
                if isinstance(inner, dict):
                    for path in _paths(inner, f"{prefix}{name}."):
                        self._note(self._seen, path)
                        self._note(self._undeclared, path)
                elif (path := prefix + name) not in self._undeclared:
                    self._note(self._seen, path)
                    self._note(self._undeclared, path)
        return left

    @staticmethod
    def _note(names: dict[str, None], name: str) -> None:
        if name not in names and len(names) < _MOST_NAMES:
            names[name] = None

    def _text(self, value: Json, place: int) -> str | None:
        """A mapped value as the text that a CSV would hold."""
        if isinstance(value, Number):
            return value.replace(".", ",") if place in self._with_comma else str(value)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        what = "an object" if isinstance(value, dict) else "a list"
        raise _FieldError(place, f"holds {what}; map a single value, such as name.id for one inside an object")


class _FieldError(Exception):
    """A mapped value that cannot stand in a column."""

    def __init__(self, place: int, sentence: str) -> None:
        super().__init__(sentence)
        self.place = place


def _paths(value: dict[str, Json], prefix: str = "") -> Iterator[str]:
    return (path for path, _ in leaves(value, prefix))


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
