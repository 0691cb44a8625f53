"""The embedded warehouse: one DuckDB file, read and written by one process at a time."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from sahara_assets.errors import OutdatedTablesError, WarehouseError
from sahara_assets.tables.columns import Column, Table
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.base import (
    BATCH_ROWS,
    READER_KINDS,
    Finding,
    Row,
    Warehouse,
    by_table,
    cast_to,
    missing,
    note,
    ok,
    quoted,
    select_all,
)
from sahara_assets.warehouse.compiling import sql_of
from sahara_assets.warehouse.scratch import Scratch, scratch_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import ibis
    import pyarrow as pa
    from sqlglot import expressions as sql


def definition(column: Column) -> str:
    """A column as DuckDB declares it."""
    return f"{quoted(column.name)} {READER_KINDS[column.kind]}{'' if column.nullable else ' NOT NULL'}"


class DuckDBWarehouse(Warehouse):
    """A DuckDB file.

    Args:
        path: the file; None for one in memory.
        read_only: open for reading beside other readers.
        memory_limit: such as `2GB`; empty leaves it to DuckDB.
        threads: 0 uses every core.
        wait_seconds: how long to wait for another process to let go of the file.

    Raises:
        WarehouseError: the file is held by another process for longer, is no DuckDB file, or cannot be opened.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        read_only: bool = False,
        memory_limit: str = "",
        threads: int = 0,
        wait_seconds: float = 10.0,
    ) -> None:
        self._path = path
        config: dict[str, Any] = {}
        if memory_limit:
            config["memory_limit"] = memory_limit
        if threads:
            config["threads"] = threads
        # What is in memory spills where it likes. Several processes may read a file at once; the one that writes it is alone, and spills
        # beside it, where there is room for the tables too.
        self._scratch = Scratch() if path is None else None
        scratch = scratch_for_reading(path, os.getpid()) if path is not None and read_only else self._scratch
        if scratch is not None:
            config["temp_directory"] = str(scratch.path)
        self._connection = _connect(path, read_only=read_only, config=config, wait_seconds=wait_seconds)
        # Sessions in UTC: what a timestamp means must not depend on the machine's zone.
        self._connection.execute("SET TimeZone = 'UTC'")
        self._depth = 0

    @property
    def reader(self) -> duckdb.DuckDBPyConnection:
        """The warehouse's own connection: what is parsed is already where it belongs."""
        return self._connection

    @property
    def description(self) -> str:
        """`DuckDB file NAME`."""
        return f"DuckDB file {self._path.name}" if self._path else "DuckDB in memory"

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the block's writes together; an inner block joins the outer one."""
        if self._depth:
            yield
            return
        with _told_as_stopped(self.description):
            self._connection.execute("BEGIN TRANSACTION")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            self._connection.execute("COMMIT")

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._depth > 0

    def reconnect(self) -> None:
        """What is embedded is never lost."""

    def prepare(self) -> None:
        """Create the declared tables that are not there and add declared columns that a table lacks."""
        present = self.present_columns()
        with self.transaction():
            for table in ALL_TABLES:
                if table.name not in present:
                    columns = ", ".join(definition(column) for column in table.columns)
                    self._connection.execute(f"CREATE TABLE {quoted(table.name)} ({columns})")
                    continue
                for column in table.columns:
                    if column.name not in present[table.name]:
                        # A column that old rows cannot fill stays nullable until the table is rebuilt.
                        kind = READER_KINDS[column.kind]
                        self._connection.execute(
                            f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(column.name)} {kind}"
                        )

    def has_shape(self, table: Table) -> bool:  # noqa: ARG002 - every warehouse is asked alike
        """Always: what is written anew gets the columns that are declared then, in its own transaction."""
        return True

    def reshape(self, table: Table) -> None:
        """Nothing to do: what is written anew gets the columns that are declared then."""

    def create_view(self, view: Table, content: ibis.Table) -> None:
        """Make a view, or make it anew."""
        columns = ", ".join(map(quoted, view.column_names))
        name = quoted(view.name)
        with self.transaction():
            self._connection.execute(f"CREATE OR REPLACE VIEW {name} ({columns}) AS {self._compiled(content)}")
            self._connection.execute(f"COMMENT ON VIEW {name} IS {_literal(view.description)}")
            for column in view.columns:
                self._connection.execute(
                    f"COMMENT ON COLUMN {name}.{quoted(column.name)} IS {_literal(column.description)}"
                )

    def land(self, table: Table) -> None:
        """Nothing to do: what is staged is already in the table."""

    def delete(self, table: Table, where: Mapping[str, Sequence[Any]]) -> None:
        """Delete the rows whose columns have one of the given values, in every column named."""
        if not where or any(not values for values in where.values()):
            return
        conditions = " AND ".join(f"list_contains(?, {quoted(table.column(name).name)})" for name in where)
        self._connection.execute(
            f"DELETE FROM {quoted(table.name)} WHERE {conditions}", [list(values) for values in where.values()]
        )

    def clear(self, table: Table) -> None:
        """Make the table anew, as declared: smaller and faster than deleting its rows."""
        columns = ", ".join(definition(column) for column in table.columns)
        self._connection.execute(f"CREATE OR REPLACE TABLE {quoted(table.name)} ({columns})")

    def fill(self, table: Table, content: ibis.Table) -> None:
        """Append what an expression gives."""
        self.append(table, cast_to(table, READER_KINDS, self._compiled(content)))

    def rows(self, expression: ibis.Table | Table) -> list[Row]:
        """The rows as dictionaries."""
        with _told_as_outdated(self.description):
            relation = self._connection.sql(self._select(expression))
            names = relation.columns
            return [dict(zip(names, values, strict=True)) for values in relation.fetchall()]

    def batches(self, table: Table) -> Iterator[pa.Table]:
        """The table in parts."""
        import pyarrow as pa

        with _told_as_outdated(self.description):
            for batch in self._connection.execute(select_all(table)).to_arrow_reader(BATCH_ROWS):
                yield pa.Table.from_batches([batch])

    def present_columns(self) -> dict[str, set[str]]:
        """The tables that are there, with their columns."""
        return by_table(
            self._connection.execute(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'main'"
            ).fetchall()
        )

    def examine(self) -> list[Finding]:
        """The file, its size, and the room beside it."""
        findings = [ok(f"DuckDB {duckdb.__version__}")]
        if self._path is not None:
            size, free = self._path.stat().st_size, shutil.disk_usage(self._path.parent).free
            findings.append(ok(f"{self._path}: {size / 1e6:,.1f} MB, {free / 1e9:,.1f} GB free beside it"))
            if not os.access(self._path, os.W_OK) or not os.access(self._path.parent, os.W_OK):
                findings.append(missing(f"{self._path}: the file or its folder cannot be written; make both writable"))
            if free < max(size, 1e9):
                findings.append(note("little room: a rebuild may need as much again as the file has"))
        return findings

    def arrow(self, expression: ibis.Table | Table) -> pa.Table:
        """The rows as Arrow."""
        with _told_as_outdated(self.description):
            return self._connection.execute(self._select(expression)).to_arrow_table()

    def count(self, table: Table) -> int:
        """How many rows the table has."""
        with _told_as_outdated(self.description):
            found = self._connection.execute(f"SELECT count(*) FROM {quoted(table.name)}").fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        if self._scratch is not None:
            self._scratch.close()

    def _select(self, expression: ibis.Table | Table) -> str:
        return select_all(expression) if isinstance(expression, Table) else self._compiled(expression)

    def _compiled(self, expression: ibis.Table) -> str:
        return sql_of(expression, _new_compiler, _attribute, _read_where_needed)


def _new_compiler() -> Any:  # noqa: ANN401 - one of Ibis' compilers
    from ibis.backends.sql.compilers.duckdb import DuckDBCompiler

    return DuckDBCompiler()


_MAKES_MORE_OF_ROWS = ("joins", "laterals", "group", "distinct", "having", "qualify", "limit", "order", "sample")


def _read_where_needed(tree: sql.Expression) -> None:
    """Have what only filters and shapes one table read wherever it is named: DuckDB would keep a copy of all its rows instead."""
    from sqlglot import expressions as sql

    for named in tree.find_all(sql.CTE):
        query = named.this
        if not isinstance(query, sql.Select) or any(query.args.get(part) for part in _MAKES_MORE_OF_ROWS):
            continue
        source = query.find(sql.From)
        within = (node for node in query.find_all(sql.AggFunc, sql.Window, sql.Query) if node is not query)
        if source is not None and isinstance(source.this, sql.Table) and next(within, None) is None:
            named.set("materialized", False)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _attribute(document: sql.Expression, name: str) -> sql.Expression:
    """A value out of JSON text, as text."""
    from sqlglot import expressions as sql

    return sql.Anonymous(this="json_extract_string", expressions=[document, sql.Literal.string(f"$.{name}")])


@contextmanager
def _told_as_stopped(description: str) -> Iterator[None]:
    """DuckDB refuses all further work once it could not keep its file in order, as where a disk is too full for a checkpoint."""
    try:
        yield
    except duckdb.FatalException as error:
        said = str(error).split("Original error: ")[-1].split("\n", 1)[0].strip('"')
        raise WarehouseError(
            f"{description}: DuckDB had to stop ({said}); make room where that is what it lacks. What was committed stays, and the next run "
            "goes on from there"
        ) from error


@contextmanager
def _told_as_outdated(description: str) -> Iterator[None]:
    try:
        with _told_as_stopped(description):
            yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise OutdatedTablesError(description) from error


def _connect(
    path: Path | None, *, read_only: bool, config: dict[str, Any], wait_seconds: float
) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting a while for a process that holds it."""
    if path is None:
        return duckdb.connect(":memory:", config=config)
    if read_only and not path.exists():
        raise WarehouseError(f"{path.name}: there is no warehouse yet; `sahara run` builds it")
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    pause = 0.05
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only, config=config)
        except duckdb.IOException as error:
            message = str(error)
            if "lock" not in message.lower():
                raise WarehouseError(
                    f"{path.name}: cannot be opened as a DuckDB file ({_first_line(message)})"
                ) from error
            if time.monotonic() >= deadline:
                found = re.search(r"PID (\d+)", message)
                holder = f"process {found.group(1)}" if found else "another process"
                raise WarehouseError(
                    f"{path.name}: held by {holder} for more than {wait_seconds:.0f} seconds; wait for it to end and run again"
                ) from error
            time.sleep(pause)
            pause = min(pause * 2, 0.5)
        except duckdb.Error as error:
            raise WarehouseError(f"{path.name}: cannot be opened ({_first_line(str(error))})") from error


def _first_line(message: str) -> str:
    return message.strip().split("\n", 1)[0]
