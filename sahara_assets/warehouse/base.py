"""The small interface behind which warehouses differ.

A warehouse keeps declared tables (`tables/`), answers Ibis expressions and commits several writes at once. Everything above it is
the same on every warehouse; native SQL for what Ibis cannot say lives in the implementations and nowhere else.

Whatever comes from outside passes through DuckDB: the *reader* is a DuckDB connection that parses files and holds declared tables of
its own, where rows are *staged*; *landing* moves them into the warehouse. In the embedded warehouse both are the same table.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from sahara_assets.errors import TryAgainError
from sahara_assets.tables.columns import Column, Kind, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import duckdb
    import ibis
    import pyarrow as pa

Row = dict[str, Any]
T = TypeVar("T")

_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""How long to wait before each new try where the connection was lost."""

BATCH_ROWS = 100_000
"""Rows that one part of a table holds when it travels in parts."""

READER_KINDS = {
    Kind.TEXT: "VARCHAR",
    Kind.DECIMAL: "DECIMAL(18, 4)",
    Kind.INTEGER: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.DATE: "DATE",
    Kind.BOOLEAN: "BOOLEAN",
}
"""What the reader calls each kind."""

_IBIS_KINDS = {
    Kind.TEXT: "string",
    Kind.DECIMAL: "decimal(18, 4)",
    Kind.INTEGER: "int64",
    Kind.FLOAT: "float64",
    Kind.TIMESTAMP: "timestamp(6)",
    Kind.DATE: "date",
    Kind.BOOLEAN: "boolean",
}


def ibis_kinds(columns: Iterable[Column]) -> dict[str, str]:
    """What Ibis calls each column's kind."""
    return {column.name: _IBIS_KINDS[column.kind] for column in columns}


@dataclass(frozen=True)
class Finding:
    """What `sahara warehouse check` found: `ok`, `note` (good to know) or `missing` (a run could not work), and what to do."""

    level: Literal["ok", "note", "missing"]
    text: str


def ok(text: str) -> Finding:
    """All is well."""
    return Finding("ok", text)


def note(text: str) -> Finding:
    """Good to know."""
    return Finding("note", text)


def missing(text: str) -> Finding:
    """Without it a run could not work."""
    return Finding("missing", text)


class Warehouse(ABC):
    """Where the tables live.

    A warehouse is opened for one run and closed at its end; it is not shared between threads.
    """

    @property
    @abstractmethod
    def reader(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection that parses files and holds staged rows, under the names of the declared tables."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What a person calls this warehouse, without secrets."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """A block whose writes commit together, or not at all. Transactions do not nest: an inner block joins the outer one.

        Raises:
            TryAgainError: the warehouse went away; nothing of the block was kept, and the block may be tried again.
        """

    @abstractmethod
    def prepare(self) -> None:
        """Create the declared tables that are not there and add declared columns that a table lacks."""

    @abstractmethod
    def has_shape(self, table: Table) -> bool:
        """Whether a table that is there can take rows with the columns that are declared now, and has no others."""

    @abstractmethod
    def reshape(self, table: Table) -> None:
        """Give a derived table exactly the columns that are declared now; where it had others, its rows are gone.

        For tables whose columns depend on the settings. Outside a transaction, because not every warehouse changes columns in one.
        """

    @abstractmethod
    def create_view(self, view: Table, content: ibis.Table) -> None:
        """Make a view with the declared columns, described, or make it anew.

        Outside a transaction, because not every warehouse defines views in one.

        Args:
            view: its name, columns and what they mean.
            content: its rows, over declared tables.
        """

    @abstractmethod
    def land(self, table: Table) -> None:
        """Move the rows that are staged for a table into it; only inside a transaction."""

    @abstractmethod
    def delete(self, table: Table, where: Mapping[str, Sequence[Any]]) -> None:
        """Delete the rows whose columns have one of the given values, in every column named."""

    @abstractmethod
    def clear(self, table: Table) -> None:
        """Delete every row of a table."""

    @abstractmethod
    def fill(self, table: Table, content: ibis.Table) -> None:
        """Append what an expression gives, cast to the declared kinds, in the order of the table's key."""

    @abstractmethod
    def rows(self, expression: ibis.Table | Table) -> list[Row]:
        """The rows as dictionaries; a declared table comes in the order of its key.

        Raises:
            OutdatedTablesError: a declared table or column is not there.
        """

    @abstractmethod
    def batches(self, table: Table) -> Iterator[pa.Table]:
        """A declared table in parts that fit into memory, in the order of its key.

        Until the last part was taken, nothing else may be asked of the warehouse.

        Raises:
            OutdatedTablesError: the table or one of its columns is not there.
        """

    @abstractmethod
    def present_columns(self) -> dict[str, set[str]]:
        """The tables that are there, with their columns."""

    @abstractmethod
    def examine(self) -> list[Finding]:
        """What this warehouse is and what it may do, for `sahara warehouse check`; changes nothing."""

    @abstractmethod
    def arrow(self, expression: ibis.Table | Table) -> pa.Table:
        """The rows as Arrow; a declared table comes in the order of its key.

        Raises:
            OutdatedTablesError: a declared table or column is not there.
        """

    @abstractmethod
    def count(self, table: Table) -> int:
        """How many rows the table has."""

    def how_many(self, rows: ibis.Table) -> int:
        """How many rows an expression has."""
        return int(self.rows(rows.aggregate(n=rows.count()))[0]["n"])

    @abstractmethod
    def close(self) -> None:
        """Let go of the warehouse; closing twice is harmless."""

    @property
    @abstractmethod
    def is_in_transaction(self) -> bool:
        """Whether a transaction is open."""

    @abstractmethod
    def reconnect(self) -> None:
        """Connect again after a `TryAgainError`.

        Raises:
            TryAgainError: it is still away.
        """

    # --- the same everywhere ---------------------------------------------------------------------------------------------------------

    def table(self, table: Table) -> ibis.Table:
        """The table as an Ibis expression."""
        return relation(table)

    def in_transaction(self, work: Callable[[], T], *, before_another_try: Callable[[], None] | None = None) -> T:
        """Do something in a transaction; where the warehouse goes away in its middle, connect again and do it again.

        Inside another transaction it is done once: what that one had written before is lost with the connection.

        Args:
            work: what to do; it must not mind to be done again.
            before_another_try: takes back what `work` changed outside the warehouse.

        Raises:
            TryAgainError: the warehouse did not come back within a minute.
        """
        if self.is_in_transaction:
            return work()
        lost = False
        for pause in (*_PAUSES_SECONDS, None):
            try:
                if lost:
                    self.reconnect()
                    if before_another_try is not None:
                        before_another_try()
                with self.transaction():
                    return work()
            except TryAgainError:
                if pause is None:
                    raise
                lost = True
                time.sleep(pause)
        raise AssertionError  # the last try returned or raised

    def append(self, table: Table, query: str) -> int:
        """Stage what a query on the reader gives, columns by name; returns the rows staged. They count once they have landed."""
        done = self.reader.execute(f"INSERT INTO {quoted(table.name)} BY NAME {query}").fetchone()
        return int(done[0]) if done else 0

    def insert(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append a few rows; a column that a row lacks is null.

        Raises:
            KeyError: a row has a column that the table does not declare.
        """
        self.insert_arrow(table, _arrow_of(table, rows))

    def insert_arrow(self, table: Table, content: pa.Table) -> None:
        """Append rows that come as Arrow, columns by name."""
        if not content.num_rows:
            return
        self.reader.register("_incoming", content)
        try:
            with self.transaction():
                self.append(table, "SELECT * FROM _incoming")
                self.land(table)
        finally:
            self.reader.unregister("_incoming")

    def replace(self, table: Table, content: ibis.Table | Iterable[Mapping[str, Any]]) -> int:
        """Make the table's content exactly this, stored in the order of its key; returns its rows."""
        import ibis

        with self.transaction():
            self.clear(table)
            if isinstance(content, ibis.Table):
                self.fill(table, content)
            else:
                arrived = _arrow_of(table, content)
                self.insert_arrow(table, arrived.sort_by([(name, "ascending") for name in table.key]))
            return self.count(table)


@cache
def relation(table: Table) -> ibis.Table:
    """A declared table as an Ibis expression, on every warehouse the same: one object, so that what Ibis finds out about it is found out once."""
    import ibis

    return ibis.table(ibis_kinds(table.columns), name=table.name)


def by_table(columns: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Pairs of table and column, as information_schema has them, by table."""
    found: dict[str, set[str]] = {}
    for table, column in columns:
        found.setdefault(table, set()).add(column)
    return found


def quoted(name: str) -> str:
    """A name as standard SQL quotes it.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def select_all(table: Table) -> str:
    """A declared table in the order of its key, as standard SQL."""
    order = f" ORDER BY {', '.join(quoted(name) for name in table.key)}" if table.key else ""
    return f"SELECT {', '.join(quoted(name) for name in table.column_names)} FROM {quoted(table.name)}{order}"


def cast_to(table: Table, kinds: Mapping[Kind, str], content: str) -> str:
    """A query's columns in the order and of the kinds that a table declares, sorted by its key, as standard SQL."""
    columns = ", ".join(f"CAST({quoted(c.name)} AS {kinds[c.kind]}) AS {quoted(c.name)}" for c in table.columns)
    order = f" ORDER BY {', '.join(quoted(name) for name in table.key)}" if table.key else ""
    return f"SELECT {columns} FROM ({content}) AS content{order}"


def arrow_schema(table: Table) -> pa.Schema:
    """A declared table's columns as Arrow types."""
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
    return pa.schema([(column.name, kinds[column.kind]) for column in table.columns])


def _arrow_of(table: Table, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of Python values as Arrow with the declared types."""
    import pyarrow as pa

    listed = list(rows)
    unknown = {name for row in listed for name in row} - set(table.column_names)
    if unknown:
        raise KeyError(f"table {table.name} declares no column {sorted(unknown)}")
    return pa.Table.from_pylist([dict(row) for row in listed], schema=arrow_schema(table))
