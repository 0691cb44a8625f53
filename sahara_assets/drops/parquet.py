"""Parquet as a source: typed columns mapped by name, handed on as the texts that a CSV of the same rows would hold.

DuckDB reads the file, a row group at a time, on a connection of its own. A moment with a zone is written in UTC, one without is local
to the project; NaN is null; a nested column can be mapped by a dotted path (`customer.id`), and what nobody maps goes into `_extra` as
canonical JSON. A record's line is its row number, from 1.
"""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import duckdb

from sahara_assets.drops.binding import bind, missing, refuse_doubtful
from sahara_assets.drops.casts import literal
from sahara_assets.drops.content import PARQUET_MAGIC
from sahara_assets.drops.header import Layout
from sahara_assets.drops.json_rows import EXTRA
from sahara_assets.drops.json_text import canonical, parse
from sahara_assets.drops.packing import Limits, open_unpacked
from sahara_assets.drops.parquet_bounds import ROWS_AT_ONCE, connect, refuse_bombs
from sahara_assets.drops.parquet_footer import UnreadableFooterError, schema_shape
from sahara_assets.drops.plain import Care
from sahara_assets.drops.records import BrokenRecord, ParsedRecord, Records
from sahara_assets.drops.source import Order, Refused, Source, SourceRefusedError
from sahara_assets.errors import DropError
from sahara_assets.tables.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection
    from duckdb.sqltypes import DuckDBPyType

_SAMPLED_ROWS = 60
_COPIED_BYTES = 4 * 1024 * 1024
_NUMBERS = frozenset(
    f"{sign}{size}" for sign in ("", "u") for size in ("tinyint", "smallint", "integer", "bigint", "hugeint")
) | {"float", "double", "decimal"}
_MOMENTS = frozenset(["date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"])
_NESTED = frozenset(["list", "array", "map", "struct", "union", "variant"])


@dataclass(frozen=True)
class _Field:
    """A column of the file, or a field inside one.

    Attributes:
        path: the column's place, then the names that lead to the field: tells it from every other.
        name: the dotted name, by which it can be mapped.
        own: its own name, for the object that it stands in.
        sql: the expression that reads it.
        type: its type.
    """

    path: tuple[str, ...]
    name: str
    own: str
    sql: str
    type: DuckDBPyType

    @property
    def inner(self) -> list[_Field]:
        """The fields of a struct; a list's belong to it alone."""
        if self.type.id != "struct":
            return []
        return [
            _Field(
                (*self.path, name),
                f"{self.name}.{name}",
                name,
                f"struct_extract({self.sql}, {literal(name)})",
                cast("DuckDBPyType", type_),
            )
            for name, type_ in self.type.children
        ]

    def with_inner(self) -> Iterator[_Field]:
        """The field and, where it is a struct, those inside it, however deep."""
        yield self
        for field in self.inner:
            yield from field.with_inner()

    def holds(self, paths: frozenset[tuple[str, ...]]) -> bool:
        """Whether one of some fields is inside this one."""
        return any(path[: len(self.path)] == self.path and path != self.path for path in paths)


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
        self._sorts = False
        self._is_harmless = False

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
        fields = [field for top in tops for field in top.with_inner()]
        names = [field.name for field in fields]
        positions = bind(names, order.dataset, order.settings)
        try:
            refuse_doubtful(names, positions, order.settings, name, "schema")
        except DropError as error:
            raise SourceRefusedError(str(error)) from error
        bound = set(positions.values())
        needed = [c for c in (*order.dataset.required, *order.dataset.expected) if c not in positions]
        if needed:
            free = [field.name for place, field in enumerate(fields) if place not in bound]
            raise SourceRefusedError(missing(needed, free, names, order.settings, name, "schema"))
        mapped = [fields[place] for _, place in sorted(positions.items(), key=lambda pair: pair[1])]
        columns = sorted(positions, key=lambda column: positions[column])
        taken = frozenset(field.path for field in mapped)
        self._query = _query(self._file, mapped, tops)
        self._sorts = any(top.path not in taken and top.type.id in _NESTED for top in tops)
        left = [field for place, field in enumerate(fields) if place not in bound and not field.inner]
        self.layout = Layout(
            delimiter=",",
            names=(*(field.name for field in mapped), EXTRA),
            positions=tuple((c, columns.index(c)) for c in order.dataset.column_names if c in positions),
            undeclared=tuple((field.name, -1) for field in left),
            absent=tuple(column for column in order.dataset.column_names if column not in positions),
            first_line=1,
            text=self._header,
            extra=len(mapped),
            typed=frozenset(c for c in columns if _is_typed(order.dataset.column(c).kind, fields[positions[c]].type)),
        )
        return self.layout

    def records(self) -> Iterator[Records]:
        """The rows, two thousand at a time."""
        assert self._connection is not None  # noqa: S101 - bind came first
        name, seen = self._order.path.name, 0
        try:
            for batch in self._connection.execute(self._query).to_arrow_reader(ROWS_AT_ONCE):
                lines, faults, texts, *columns = (column.to_pylist() for column in batch.columns)
                if self._sorts:  # lists of objects come with their names in the schema's order
                    columns[-1] = [
                        None if extra is None or fault is not None else canonical(parse(extra, constants=True))
                        for extra, fault in zip(columns[-1], faults, strict=True)
                    ]
                records = Records(care=Care.FULL)
                for line, fault, text, fields in zip(lines, faults, texts, zip(*columns, strict=True), strict=True):
                    if fault is None:
                        records.parsed.append(ParsedRecord(line, list(fields), text))
                    else:
                        place, _, why = fault.partition(" ")
                        at = int(place)
                        column = self.layout.names[at] if at >= 0 else "the row"
                        records.broken.append(BrokenRecord(line, text, f"{column} {why}", at if at >= 0 else None))
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


def _columns(connection: DuckDBPyConnection, file: Path) -> tuple[list[_Field], int]:
    """The file's columns and how many rows it says it has; names as they stand, where DuckDB would make them unique."""
    quoted = literal(str(file))
    counted = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({quoted})").fetchone()
    types = connection.sql(f"SELECT * FROM read_parquet({quoted})").types
    names = _top_names(connection.execute(f"SELECT name, num_children FROM parquet_schema({quoted})").fetchall())
    columns = [
        _Field((str(place),), name, name, f"c{place}", type_)
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
                _text(f) if f.type.id not in _NESTED else f"CAST(to_json({f.sql}) AS VARCHAR)" for f in fields
            )
            names = ", ".join(f"c{place}" for place in range(len(tops)))
            rows = connection.execute(
                f"SELECT {texts} FROM read_parquet({literal(str(file))}, file_row_number = true) AS rows({names}, rn) "
                f"WHERE {'true' if count <= most_rows else wanted} ORDER BY rn"
            ).fetchall()
        except (duckdb.Error, UnreadableFooterError) as error:
            raise DropError(f"{path.name}: the Parquet file cannot be read ({_why(error)}); export it again") from error
    return [field.name for field in fields], [list(row) for row in rows], count


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


def _text(field: _Field) -> str:
    """A field as the text that a CSV would hold."""
    kind, value = field.type.id, field.sql
    if kind == "timestamp with time zone":
        return f"(CAST(timezone('UTC', {value}) AS VARCHAR) || 'Z')"
    if kind in {"float", "double"}:
        return f"(CASE WHEN NOT isnan({value}) THEN CAST({value} AS VARCHAR) END)"
    if kind == "blob":
        return f"TRY(decode({value}))"
    if kind in _NESTED:
        return "CAST(NULL AS VARCHAR)"
    return f"CAST({value} AS VARCHAR)"


def _fault(place: int, field: _Field) -> str | None:
    """SQL that is true where a mapped value cannot stand in a column, with the reason."""
    kind, value = field.type.id, field.sql
    if kind in _NESTED:
        return f"WHEN {value} IS NOT NULL THEN '{place} holds a nested value; map a single one, such as name.id'"
    if kind == "blob":
        return f"WHEN {value} IS NOT NULL AND {_text(field)} IS NULL THEN '{place} holds bytes that are no UTF-8 text'"
    return None


def _json(field: _Field, taken: frozenset[tuple[str, ...]]) -> str | None:
    """A field as JSON text without what columns of ours took; None where nothing is left of it."""
    if field.path in taken:
        return None
    kind, value = field.type.id, field.sql
    if field.holds(taken):
        members = _object(field.inner, taken)
        return None if members is None else f"(CASE WHEN {value} IS NULL THEN 'null' ELSE {members} END)"
    if kind in {"float", "double"}:  # JSON has no NaN
        return (
            f"coalesce(CAST(CASE WHEN isfinite({value}) THEN to_json({value}) "
            f"ELSE to_json(CAST({value} AS VARCHAR)) END AS VARCHAR), 'null')"
        )
    return f"coalesce(CAST(to_json({value}) AS VARCHAR), 'null')"


def _object(fields: Sequence[_Field], taken: frozenset[tuple[str, ...]] = frozenset()) -> str | None:
    """Some fields as the text of one JSON object, names by code point."""
    parts = [
        f"{literal(canonical(field.own) + ':')} || {text}"
        for field in sorted(fields, key=lambda field: field.own)
        if (text := _json(field, taken)) is not None
    ]
    members = " || ',' || ".join(parts)
    return f"('{{' || {members} || '}}')" if parts else None


def _query(file: Path, mapped: Sequence[_Field], tops: Sequence[_Field]) -> str:
    """One query: row number, fault, the row as JSON, the mapped columns as text, and the rest as JSON."""
    texts = "".join(f"{_text(field)} AS t{place}, " for place, field in enumerate(mapped))
    extra = _object(tops, frozenset(field.path for field in mapped)) or "CAST(NULL AS VARCHAR)"
    faults = [fault for place, field in enumerate(mapped) if (fault := _fault(place, field)) is not None]
    faults += [
        f"WHEN contains(t{place}, chr(0)) THEN '{place} holds NUL; remove it'"
        for place, field in enumerate(mapped)
        if field.type.id in {"varchar", "enum", "blob"}
    ]
    faults.append(
        r"WHEN regexp_matches(extra, '(^|[^\\])(\\\\)*\\u0000') THEN '-1 holds NUL in a column that nobody maps; remove it'"
    )
    columns = ", ".join(f"c{place}" for place in range(len(tops)))
    return f"""
        SELECT line, CASE {" ".join(faults)} END AS fault, row_text, {"".join(f"t{n}, " for n in range(len(mapped)))}extra
        FROM (
            SELECT rn + 1 AS line, {_object(tops) or "'{}'"} AS row_text, {texts}{extra} AS extra, *
            FROM read_parquet({literal(str(file))}, file_row_number = true) AS rows({columns}, rn)
        )
    """
