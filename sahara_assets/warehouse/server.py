"""What the warehouses on servers share: a DuckDB that parses and stages, transactions over both, and rows as Python has them."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import WarehouseError
from sahara_assets.tables.columns import Table
from sahara_assets.warehouse.base import Row, Warehouse
from sahara_assets.warehouse.compiling import sql_of
from sahara_assets.warehouse.scratch import Scratch
from sahara_assets.warehouse.staging import open_reader, python_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    import ibis
    from sqlglot import expressions as sql


class ServerWarehouse(Warehouse):
    """A warehouse on a server.

    Args:
        memory_limit: of the DuckDB that parses files, such as `2GB`; empty leaves it to DuckDB.
        threads: its threads; 0 uses every core.
    """

    def __init__(self, *, memory_limit: str, threads: int) -> None:
        self._scratch = Scratch()
        self._reader = open_reader(memory_limit, threads, self._scratch)
        self._depth = 0

    @property
    def reader(self) -> duckdb.DuckDBPyConnection:
        """DuckDB in memory, with the declared tables empty but for what is staged."""
        return self._reader

    def close(self) -> None:
        """Let go of the DuckDB and of what it spilled."""
        self._reader.close()
        self._scratch.close()

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._depth > 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the block's writes together, with what the reader staged gone either way; an inner block joins the outer one."""
        if self._depth:
            yield
            return
        self._begin()
        self._reader.execute("BEGIN TRANSACTION")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            self._reader.execute("ROLLBACK")
            # A connection that is gone, or a transaction that failed on the server, has rolled back by itself.
            with suppress(WarehouseError):
                self._roll_back()
            raise
        self._depth -= 1
        try:
            self._commit()
        finally:
            # What was staged has landed or is lost: a try of its own stages it again.
            self._reader.execute("COMMIT")

    def rows(self, expression: ibis.Table | Table) -> list[Row]:
        """The rows as dictionaries."""
        if isinstance(expression, Table):
            kinds: list[Any] = [column.kind for column in expression.columns]
            names: Sequence[str] = expression.column_names
        else:
            names, kinds = expression.columns, list(expression.schema().values())
        return [
            {name: python_value(kind, value) for name, kind, value in zip(names, kinds, values, strict=True)}
            for values in self._fetch(self._select(expression))
        ]

    def _select(self, expression: ibis.Table | Table) -> str:
        """The query that gives a table's rows in the order of its key, or an expression's."""
        return self._select_all(expression) if isinstance(expression, Table) else self._compiled(expression)

    def _compiled(self, expression: ibis.Table) -> str:
        """An expression in the server's SQL; without parameters a % in it stands for itself."""
        return sql_of(expression, self._new_compiler, self._attribute)

    @abstractmethod
    def _begin(self) -> None:
        """Begin the server's transaction."""

    @abstractmethod
    def _commit(self) -> None:
        """Commit it."""

    @abstractmethod
    def _roll_back(self) -> None:
        """Take it back."""

    @abstractmethod
    def _fetch(self, statement: str) -> list[tuple[Any, ...]]:
        """What a query finds."""

    @abstractmethod
    def _select_all(self, table: Table) -> str:
        """The query that gives a declared table's rows in the order of its key."""

    @staticmethod
    @abstractmethod
    def _new_compiler() -> Any:  # noqa: ANN401 - one of Ibis' compilers
        """Ibis' compiler for the server's SQL."""

    @staticmethod
    @abstractmethod
    def _attribute(document: sql.Expression, name: str) -> sql.Expression:
        """The call that gives a value out of JSON text as text, null where there is none."""
