"""Parquet as a source: typed columns mapped by name, handed on as the texts that a CSV of the same rows would hold.

DuckDB reads the file, a row group at a time, on a connection of its own. A moment with a zone is written in UTC, one without is local
to the project; NaN is null; a value inside nested columns can be mapped by a path (`paths.py`), and what nobody maps goes into `_extra`
as canonical JSON. A record's line is its row number, from 1; where lists are taken apart, the number of the row that was made. The SQL is in
`parquet_fields.py`.
"""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from sahara_assets.drops.binding import bind_paths, missing, refuse_doubtful
from sahara_assets.drops.content import PARQUET_MAGIC
from sahara_assets.drops.flattening import merged
from sahara_assets.drops.header import Layout
from sahara_assets.drops.json_rows import EXTRA
from sahara_assets.drops.json_text import Json, canonical, parse
from sahara_assets.drops.packing import Limits, open_unpacked
from sahara_assets.drops.parquet_bounds import ROWS_AT_ONCE, connect, refuse_bombs
from sahara_assets.drops.parquet_fields import (
    NESTED,
    Columns,
    Field,
    columns_of,
    count_sql,
    rows_sql,
    text_sql,
)
from sahara_assets.drops.parquet_footer import UnreadableFooterError, schema_shape
from sahara_assets.drops.paths import alternatives
from sahara_assets.drops.plain import Care
from sahara_assets.drops.records import BrokenRecord, ParsedRecord, Records
from sahara_assets.drops.source import Order, Refused, Source, SourceRefusedError
from sahara_assets.drops.sql_text import literal
from sahara_assets.errors import DropError
from sahara_assets.tables.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from duckdb import DuckDBPyConnection
    from duckdb.sqltypes import DuckDBPyType

_SAMPLED_ROWS = 60
_COPIED_BYTES = 4 * 1024 * 1024
_NUMBERS = frozenset(
    f"{sign}{size}" for sign in ("", "u") for size in ("tinyint", "smallint", "integer", "bigint", "hugeint")
) | {"float", "double", "decimal"}
_MOMENTS = frozenset(["date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"])


class ParquetSource(Source):
    """A Parquet drop.

    It is copied (and unpacked) to a scratch file first: Parquet is read from its end, so that only what lies still can be held against
    the hash that it was inspected with.
    """

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._scratch = tempfile.TemporaryDirectory(prefix="sahara-")
        self._file = Path(self._scratch.name) / "drop.parquet"
        self._connection: DuckDBPyConnection | None = None
        self._count = 0
        self._header = ""
        self._query = ""
        self._exploded = order.settings.explode
        self._merges = False
        self._is_harmless = False
        self._row = 0
        self._text = ""

    def close(self) -> None:
        """Let go of the connection and the copy."""
        if self._connection is not None:
            self._connection.close()
        self._scratch.cleanup()

    def bind(self) -> Layout:
        """Bind by the names in the schema."""
        order = self._order
        name = order.path.name
        self._copy()
        with self._file.open("rb") as stream:
            if stream.read(4) != PARQUET_MAGIC:
                raise SourceRefusedError(f'{name}: this is no Parquet file; set format = "auto", or export Parquet')
        try:
            with self._file.open("rb") as stream:
                schema_shape(stream)
            self._connection = connect(Path(self._scratch.name), order.limits)
            tops, self._count = _columns(self._connection, self._file)
            names_bytes = sum(len(field.own.encode()) for top in tops for field in top.with_inner())
            refuse_bombs(self._connection, self._file, [top.type for top in tops], names_bytes, order)
        except (duckdb.Error, UnreadableFooterError) as error:
            raise SourceRefusedError(
                f"{name}: the Parquet file cannot be read ({_why(error)}); export it again"
            ) from error
        self._is_harmless = True
        self._header = canonical([top.name for top in tops])
        columns = columns_of(tops, self._exploded)
        if isinstance(columns, str):
            raise SourceRefusedError(f"{name}: {columns}; mend explode under [datasets.{order.dataset.name}]")
        self.layout = self._laid_out(columns)
        if self._exploded:
            counted = self._connection.execute(count_sql(self._file, columns)).fetchone()
            self._count = int(counted[0]) if counted else 0
        return self.layout

    def _laid_out(self, columns: Columns) -> Layout:
        """The layout under which the rows come, and the query that gives them."""
        order = self._order
        name, settings = order.path.name, order.settings
        fields = _with_keyed(columns, settings.columns.values())
        names = [field.name for field in fields]
        positions = bind_paths(names, order.dataset, settings)
        try:
            refuse_doubtful(names, positions, settings, name, "schema")
        except DropError as error:
            raise SourceRefusedError(str(error)) from error
        bound = sorted({place for found in positions.values() for _, place in found})
        wanted = (*order.dataset.required, *order.dataset.expected)
        needed = [c for c in wanted if c not in positions and c not in settings.constants]
        if needed:
            free = [field.name for place, field in enumerate(fields) if place not in bound]
            raise SourceRefusedError(missing(needed, free, names, order.dataset.name, settings, name, "schema"))
        mapped = [fields[place] for place in bound]
        self._query = rows_sql(self._file, columns, mapped)
        self._merges = bool(self._exploded) or any(top not in mapped and top.type.id in NESTED for top in columns.tops)
        left = [
            field for place, field in enumerate(fields) if place not in bound and not field.inner and not field.doubt
        ]
        kinds = {column: order.dataset.column(column).kind for column in positions}
        return Layout(
            delimiter=",",
            names=(*(field.name for field in mapped), EXTRA),
            positions=tuple(
                (column, bound.index(place))
                for column in order.dataset.column_names
                for _, place in positions.get(column, ())
            ),
            undeclared=tuple((field.name, -1) for field in left),
            absent=tuple(column for column in order.dataset.column_names if column not in positions),
            first_line=1,
            text=self._header,
            extra=len(mapped),
            typed=frozenset(
                column
                for column, found in positions.items()
                if all(_is_typed(kinds[column], fields[place].type) for _, place in found)
            ),
        )

    def records(self) -> Iterator[Records]:
        """The rows, two thousand at a time."""
        assert self._connection is not None  # noqa: S101 - bind came first
        name, seen = self._order.path.name, 0
        width = len(self.layout.names) - 1
        try:
            for batch in self._connection.execute(self._query).to_arrow_reader(ROWS_AT_ONCE):
                lines, faults, texts, *columns = (column.to_pylist() for column in batch.columns)
                extras = columns[width]
                if self._merges:
                    extras = list(map(self._extra, zip(*columns[width:], strict=True)))
                records = Records(care=Care.FULL)
                rows = zip(lines, faults, texts, zip(*columns[:width], extras, strict=True), strict=True)
                for line, fault, text, fields in rows:
                    self._add(records, line, fault, text, fields)
                seen += len(lines)
                yield records
        except duckdb.Error as error:
            raise DropError(
                f"{name}: the Parquet file cannot be read to its end ({_why(error)}); export it again"
            ) from error
        if seen != self._count:
            raise DropError(
                f"{name}: the Parquet file says that it has {self._count} rows, but holds {seen}; export it again"
            )

    def _add(
        self, records: Records, line: int, fault: str | None, text: str | None, fields: Sequence[str | None]
    ) -> None:
        # What was made from one row of the file has that row's text, which comes with the first.
        self._text = self._text if text is None else text
        self._row += 1
        number, document = (self._row, line) if self._exploded else (line, None)
        if fault is None:
            records.parsed.append(ParsedRecord(number, list(fields), self._text, document))
            return
        place, _, why = fault.partition(" ")
        at = None if place == "-1" else int(place)
        reason = why if at is None else f"{self.layout.names[at]} {why}"
        records.broken.append(BrokenRecord(number, self._text, reason, at, document=document))

    def _extra(self, levels: Sequence[str | None]) -> str | None:
        """What nobody maps, of all levels together, as canonical JSON: lists of objects come with their names in the schema's order."""
        told: dict[str, Json] = {}
        for level, text in enumerate(levels):
            value = None if text is None else parse(text, constants=True)
            if not isinstance(value, dict):
                continue
            if level:
                for name in reversed(self._exploded[level - 1].split(".")):
                    value = {name: value}
            told = merged(told, value)
        return canonical(told) if told else None

    def refused(self) -> Refused:
        """The schema's names, and the rows that the file says it has."""
        samples = {}
        if self._count and self._is_harmless:
            with suppress(DropError):
                names, rows, _ = peek(self._file, _SAMPLED_ROWS)
                samples = Refused.sampled(names, rows)
        return Refused(self._header, self._count, samples)

    def _copy(self) -> None:
        """Copy the file, unpacked, and make sure that it is the one that was inspected."""
        digest = hashlib.sha256()
        path, left = self._order.path, self._order.content.size_bytes
        # What was inspected is known to keep within the limits; a file that has grown since is not copied to its end.
        with open_unpacked(path, Limits(1 << 62, 1 << 62)) as stream, self._file.open("wb") as target:
            while left >= 0 and (chunk := stream.read(_COPIED_BYTES)):
                left -= len(chunk)
                digest.update(chunk)
                try:
                    target.write(chunk)
                except OSError as error:
                    raise DropError(
                        f"{path.name}: there is no room for a copy of it ({error.strerror or error}); free some, or point TMPDIR elsewhere"
                    ) from error
        if digest.hexdigest() != self._order.content.drop_id:
            raise DropError(f"{path.name}: changed while it was read; the next run takes it in")


def _columns(connection: DuckDBPyConnection, file: Path) -> tuple[list[Field], int]:
    """The file's columns and how many rows it says it has; names as they stand, where DuckDB would make them unique."""
    quoted = literal(str(file))
    counted = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({quoted})").fetchone()
    types = connection.sql(f"SELECT * FROM read_parquet({quoted})").types
    names = _top_names(connection.execute(f"SELECT name, num_children FROM parquet_schema({quoted})").fetchall())
    columns = [
        Field((str(place),), name, name, f"c{place}", type_)
        for place, (name, type_) in enumerate(zip(names, types, strict=True))
    ]
    return columns, int(counted[0]) if counted else 0


def peek(path: Path, most_rows: int) -> tuple[list[str], list[list[str | None]], int]:
    """A look at a Parquet drop: its names (of nested fields too), some rows as texts (its first, middle and last), and how many it has.

    Raises:
        DropError: it cannot be read.
    """
    with ExitStack() as opened:
        file = path
        with path.open("rb") as stream:
            is_packed = stream.read(4) != PARQUET_MAGIC
        try:
            if is_packed:
                scratch = opened.enter_context(tempfile.TemporaryDirectory(prefix="sahara-"))
                file = Path(scratch) / "drop.parquet"
                with open_unpacked(path) as packed, file.open("wb") as target:
                    while chunk := packed.read(_COPIED_BYTES):
                        target.write(chunk)
            with file.open("rb") as unpacked:
                schema_shape(unpacked)
            scratch = opened.enter_context(tempfile.TemporaryDirectory(prefix="sahara-"))
            connection = opened.enter_context(connect(Path(scratch), Limits()))
            tops, count = _columns(connection, file)
            fields = [field for top in tops for field in top.with_inner() if not field.inner]
            third = max(most_rows // 3, 1)
            middle = max(count // 2, third)
            wanted = f"rn < {third} OR rn BETWEEN {middle} AND {middle + third - 1} OR rn >= {max(count - third, 0)}"
            texts = ", ".join(
                text_sql(f) if f.type.id not in NESTED else f"CAST(to_json({f.sql}) AS VARCHAR)" for f in fields
            )
            names = ", ".join(f"c{place}" for place in range(len(tops)))
            rows = connection.execute(
                f"SELECT {texts} FROM read_parquet({literal(str(file))}, file_row_number = true) AS rows({names}, rn) "
                f"WHERE {'true' if count <= most_rows else wanted} ORDER BY rn"
            ).fetchall()
        except (duckdb.Error, UnreadableFooterError) as error:
            raise DropError(f"{path.name}: the Parquet file cannot be read ({_why(error)}); export it again") from error
    return [field.name for field in fields], [list(row) for row in rows], count


def _with_keyed(columns: Columns, mapped: Iterable[str]) -> list[Field]:
    """Every field that can be mapped by its name, and those inside key-value lists that are."""
    fields = columns.known
    known = {field.name for field in fields}
    for name in mapped:
        for path in alternatives(name):
            if "[" in path and path not in known and (field := columns.field_at(path)) is not None:
                fields.append(field)
                known.add(path)
    return fields


def _top_names(schema: list[tuple[str, int | None]]) -> list[str]:
    """The columns' names of a schema that lists every element before those inside it, its root first."""
    names = []
    open_inside: list[int] = []
    for name, children in schema[1:]:
        if not open_inside:
            names.append(name)
        else:
            open_inside[-1] -= 1
        if children:
            open_inside.append(children)
        while open_inside and open_inside[-1] == 0:
            open_inside.pop()
    return names


def _why(error: Exception) -> str:
    said = str(error).split("\n", 1)[0]
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"{said}; deliver it in smaller row groups, or raise warehouse.memory_limit"
    return said


def _is_typed(kind: Kind, type_: DuckDBPyType) -> bool:
    """Whether a column's values are what our column holds, so that the settings' marks and formats do not speak of them."""
    if kind is Kind.DECIMAL:
        return type_.id in _NUMBERS
    return kind is not Kind.TEXT and type_.id in _MOMENTS
