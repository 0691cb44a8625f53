"""The embedded warehouse: one DuckDB file, read and written by one process at a time."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from sahara_assets.errors import WarehouseError
from sahara_assets.tables.columns import Column, Kind, Table
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.base import Row, Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import ibis
    import pyarrow as pa

_SQL_KINDS = {
    Kind.TEXT: "VARCHAR",
    Kind.DECIMAL: "DECIMAL(18, 4)",
    Kind.INTEGER: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.DATE: "DATE",
    Kind.BOOLEAN: "BOOLEAN",
}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _definition(column: Column) -> str:
    return f"{_quoted(column.name)} {_SQL_KINDS[column.kind]}{'' if column.nullable else ' NOT NULL'}"


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
        self._read_only = read_only
        config: dict[str, Any] = {}
        if memory_limit:
            config["memory_limit"] = memory_limit
        if threads:
            config["threads"] = threads
        self._connection = _connect(path, read_only=read_only, config=config, wait_seconds=wait_seconds)
        # Sessions in UTC: what a timestamp means must not depend on the machine's zone.
        self._connection.execute("SET TimeZone = 'UTC'")
        self._backend: Any = None
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

    def prepare(self) -> None:
        """Create the declared tables that are not there and add declared columns that a table lacks."""
        present: dict[str, set[str]] = {}
        for name, column in self._connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'main'"
        ).fetchall():
            present.setdefault(name, set()).add(column)
        with self.transaction():
            for table in ALL_TABLES:
                if table.name not in present:
                    columns = ", ".join(_definition(column) for column in table.columns)
                    self._connection.execute(f"CREATE TABLE {_quoted(table.name)} ({columns})")
                    continue
                for column in table.columns:
                    if column.name not in present[table.name]:
                        # A column that old rows cannot fill stays nullable until the table is rebuilt.
                        kind = _SQL_KINDS[column.kind]
                        self._connection.execute(
                            f"ALTER TABLE {_quoted(table.name)} ADD COLUMN {_quoted(column.name)} {kind}"
                        )

    def table(self, table: Table) -> ibis.Table:
        """The table as an Ibis expression."""
        return self._ibis().table(table.name)

    def append(self, table: Table, query: str) -> int:
        """Append what a query on the reader gives, columns by name."""
        done = self._connection.execute(f"INSERT INTO {_quoted(table.name)} BY NAME {query}").fetchone()
        return int(done[0]) if done else 0

    def insert(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append a few rows; a column that a row lacks is null."""
        content = self._arrow_of(table, rows)
        if content.num_rows:
            self._connection.register("_incoming", content)
            try:
                self._connection.execute(f"INSERT INTO {_quoted(table.name)} BY NAME SELECT * FROM _incoming")
            finally:
                self._connection.unregister("_incoming")

    def delete(self, table: Table, where: Mapping[str, Sequence[Any]]) -> None:
        """Delete the rows whose columns have one of the given values, in every column named."""
        if not where or any(not values for values in where.values()):
            return
        conditions = " AND ".join(f"list_contains(?, {_quoted(table.column(name).name)})" for name in where)
        self._connection.execute(
            f"DELETE FROM {_quoted(table.name)} WHERE {conditions}", [list(values) for values in where.values()]
        )

    def replace(self, table: Table, content: ibis.Table | Iterable[Mapping[str, Any]]) -> int:
        """Make the table's content exactly this, stored in the order of its key."""
        import ibis

        columns = ", ".join(
            f"CAST({_quoted(c.name)} AS {_SQL_KINDS[c.kind]}) AS {_quoted(c.name)}" for c in table.columns
        )
        order = f" ORDER BY {', '.join(_quoted(name) for name in table.key)}" if table.key else ""
        with self.transaction():
            # Declared and then filled rather than created from the query, so that NOT NULL and the columns' order stay as declared.
            definition = ", ".join(_definition(column) for column in table.columns)
            self._connection.execute(f"CREATE OR REPLACE TABLE {_quoted(table.name)} ({definition})")
            into = f"INSERT INTO {_quoted(table.name)} BY NAME SELECT {columns} FROM"
            if isinstance(content, ibis.Table):
                self._connection.execute(f"{into} ({self._ibis().compile(content)}) AS content{order}")
            else:
                self._connection.register("_incoming", self._arrow_of(table, content))
                try:
                    self._connection.execute(f"{into} _incoming{order}")
                finally:
                    self._connection.unregister("_incoming")
            return self.count(table)

    def rows(self, expression: ibis.Table | Table) -> list[Row]:
        """The rows as dictionaries."""
        relation = self._connection.sql(self._select(expression))
        names = relation.columns
        return [dict(zip(names, values, strict=True)) for values in relation.fetchall()]

    def arrow(self, expression: ibis.Table | Table) -> pa.Table:
        """The rows as Arrow."""
        return self._connection.execute(self._select(expression)).to_arrow_table()

    def count(self, table: Table) -> int:
        """How many rows the table has."""
        found = self._connection.execute(f"SELECT count(*) FROM {_quoted(table.name)}").fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _select(self, expression: ibis.Table | Table) -> str:
        if isinstance(expression, Table):
            order = f" ORDER BY {', '.join(_quoted(name) for name in expression.key)}" if expression.key else ""
            columns = ", ".join(_quoted(name) for name in expression.column_names)
            return f"SELECT {columns} FROM {_quoted(expression.name)}{order}"
        return str(self._ibis().compile(expression))

    def _ibis(self) -> Any:  # noqa: ANN401 - Ibis has no types
        if self._backend is None:
            import ibis

            self._backend = ibis.duckdb.from_connection(self._connection)
        return self._backend

    @staticmethod
    def _arrow_of(table: Table, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
        """Rows of Python values as Arrow with the declared types."""
        import pyarrow as pa

        kinds = {
            Kind.TEXT: pa.string(),
            Kind.DECIMAL: pa.decimal128(18, 4),
            Kind.INTEGER: pa.int64(),
            Kind.FLOAT: pa.float64(),
            Kind.TIMESTAMP: pa.timestamp("us"),
            Kind.DATE: pa.date32(),
            Kind.BOOLEAN: pa.bool_(),
        }
        listed = list(rows)
        unknown = {name for row in listed for name in row} - set(table.column_names)
        if unknown:
            raise KeyError(f"table {table.name} declares no column {sorted(unknown)}")
        schema = pa.schema([(column.name, kinds[column.kind]) for column in table.columns])
        return pa.Table.from_pylist([dict(row) for row in listed], schema=schema)


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
