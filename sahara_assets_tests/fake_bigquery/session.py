"""What one query job works with: its connection, its names, its transaction, its variables."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from sahara_assets_tests.fake_bigquery.errors import ApiError, from_duckdb, invalid_query, unknown_to_fake

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

    from sahara_assets_tests.fake_bigquery.catalogue import Catalogue, Key
    from sahara_assets_tests.fake_bigquery.schema import Field
    from sahara_assets_tests.fake_bigquery.tables import Tables
    from sahara_assets_tests.fake_bigquery.transactions import Mutations, Transaction


@dataclass
class Outcome:
    """What one statement gave.

    Attributes:
        kind: its statement type, as `JobStatistics2.statementType` names it.
        fields: the result's columns; None for a statement without a result.
        rows: the result.
        affected: rows changed by DML.
        dml: inserted, updated and deleted rows.
        bytes_processed: bytes of the columns read.
        table: the table a DDL or DML statement was about.
        ddl: what a DDL statement did: CREATE, REPLACE, SKIP, DROP.
        references: the tables it read.
    """

    kind: str
    fields: list[Field] | None = None
    rows: pa.Table | None = None
    affected: int | None = None
    dml: dict[str, int] | None = None
    bytes_processed: int = 0
    table: Key | None = None
    ddl: str = ""
    references: list[Key] = field(default_factory=list)


@dataclass
class Session:
    """The state of one query job."""

    catalogue: Catalogue
    mutations: Mutations
    tables: Tables
    parameters: list[dict[str, Any]]
    dry_run: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)
    variables: dict[str, exp.Expression] = field(default_factory=dict)
    variable_types: dict[str, exp.DataType] = field(default_factory=dict)
    transaction: Transaction | None = None
    error: ApiError | None = None
    doomed: bool = False

    def __post_init__(self) -> None:
        self.cursor = self.catalogue.cursor()

    def run(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run DuckDB's SQL.

        Raises:
            ApiError: what went wrong, in BigQuery's words where known.
        """
        if self.cancelled.is_set():
            raise ApiError(400, "stopped", "Job execution was cancelled: User requested cancellation")
        try:
            return self.cursor.execute(sql)
        except duckdb.Error as error:
            raise self.failed(error) from error

    def failed(self, error: duckdb.Error) -> ApiError:
        """DuckDB's error in BigQuery's words; within a transaction it has cost DuckDB the transaction, which BigQuery would go on with.

        What a handler can do then is read and roll back, as in the documentation's example; committing what came before the error
        (which BigQuery allows) the fake cannot, and says so.
        """
        if self.transaction is not None and not self.doomed:
            self.cursor.execute("ROLLBACK")
            self.doomed = True
        return from_duckdb(error)

    def begin(self) -> None:
        if self.transaction is not None:
            raise invalid_query("Transaction has already been started; transactions cannot be nested")
        self.run("BEGIN TRANSACTION")
        self.transaction = self.mutations.begin()

    def commit(self) -> None:
        transaction = self._open()
        if self.doomed:
            raise unknown_to_fake("committing a transaction after an error in it")
        try:
            self.run("COMMIT")
        except ApiError:
            self._ended(transaction, committed=False)
            raise
        self._ended(transaction, committed=True)

    def rollback(self) -> None:
        transaction = self._open()
        if not self.doomed:
            self.run("ROLLBACK")
        self._ended(transaction, committed=False)

    def _open(self) -> Transaction:
        if self.transaction is None:
            raise invalid_query("There is no active transaction to commit or roll back")
        return self.transaction

    def _ended(self, transaction: Transaction, *, committed: bool) -> None:
        self.transaction, self.doomed = None, False
        self.mutations.end(transaction, committed=committed)
        if committed:
            for key in transaction.mutated | transaction.appended:
                self.catalogue.touched(key)

    def close(self) -> None:
        """Roll back what was left open ("the query ends before reaching one of these statements"), and let go."""
        if self.transaction is not None:
            transaction, self.transaction = self.transaction, None
            try:
                if not self.doomed:
                    self.cursor.execute("ROLLBACK")
            finally:
                self.mutations.end(transaction, committed=False)
        self.cursor.close()
