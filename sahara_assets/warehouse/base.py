"""The small interface behind which warehouses differ.

A warehouse keeps declared tables (`tables/`), answers Ibis expressions and commits several writes at once. Everything above it is
the same on every warehouse; native SQL for what Ibis cannot say lives in the implementations and nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import duckdb
    import ibis
    import pyarrow as pa

    from sahara_assets.tables.columns import Table

Row = dict[str, Any]


class Warehouse(ABC):
    """Where the tables live.

    A warehouse is opened for one run and closed at its end; it is not shared between threads.
    """

    @property
    @abstractmethod
    def reader(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection that parses files; what `append` takes is a query on it."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What a person calls this warehouse, without secrets."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """A block whose writes commit together, or not at all. Transactions do not nest: an inner block joins the outer one."""

    @abstractmethod
    def prepare(self) -> None:
        """Create the declared tables that are not there and add declared columns that a table lacks."""

    @abstractmethod
    def table(self, table: Table) -> ibis.Table:
        """The table as an Ibis expression."""

    @abstractmethod
    def append(self, table: Table, query: str) -> int:
        """Append what a query on the reader gives, columns by name; returns the rows appended."""

    @abstractmethod
    def insert(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append a few rows; a column that a row lacks is null."""

    @abstractmethod
    def delete(self, table: Table, where: Mapping[str, Sequence[Any]]) -> None:
        """Delete the rows whose columns have one of the given values, in every column named."""

    @abstractmethod
    def replace(self, table: Table, content: ibis.Table | Iterable[Mapping[str, Any]]) -> int:
        """Make the table's content exactly this, stored in the order of its key; returns its rows."""

    @abstractmethod
    def rows(self, expression: ibis.Table | Table) -> list[Row]:
        """The rows as dictionaries; a declared table comes in the order of its key."""

    @abstractmethod
    def arrow(self, expression: ibis.Table | Table) -> pa.Table:
        """The rows as Arrow; a declared table comes in the order of its key."""

    @abstractmethod
    def count(self, table: Table) -> int:
        """How many rows the table has."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the warehouse; closing twice is harmless."""
