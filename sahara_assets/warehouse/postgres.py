"""The warehouse on a Postgres server, in one schema of one database.

Files are parsed and staged by DuckDB in memory (spilling to disk), and land through COPY in the transaction that writes the ledger. The
server is asked plain SQL that Ibis compiles; text columns sort bytewise (`COLLATE "C"`) so that every warehouse gives the same order.

How a URL is read and how the server's errors are told lives in `postgres_server.py`.
"""

from __future__ import annotations

import time
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import WarehouseError
from sahara_assets.tables.columns import Column, Kind, Table
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.base import Finding, arrow_schema, by_table, cast_to, quoted, select_all
from sahara_assets.warehouse.postgres_server import Address, connect, examine_server, told
from sahara_assets.warehouse.server import ServerWarehouse
from sahara_assets.warehouse.staging import declare, staged_count, streamed_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import ibis
    import pyarrow as pa
    from sqlglot import expressions as sql

_KINDS = {
    Kind.TEXT: 'text COLLATE "C"',
    Kind.DECIMAL: "numeric(18, 4)",
    Kind.INTEGER: "bigint",
    Kind.FLOAT: "double precision",
    Kind.TIMESTAMP: "timestamp",
    Kind.DATE: "date",
    Kind.BOOLEAN: "boolean",
}
_TYPES = {
    Kind.TEXT: "text",
    Kind.DECIMAL: "numeric",
    Kind.INTEGER: "bigint",
    Kind.FLOAT: "double precision",
    Kind.TIMESTAMP: "timestamp without time zone",
    Kind.DATE: "date",
    Kind.BOOLEAN: "boolean",
}
"""What information_schema calls each kind."""

_CASTS = {**_KINDS, Kind.TEXT: "text"}

_NULL = r"\N"
_COPY_OPTIONS = rf"(FORMAT csv, NULL '{_NULL}')"
_COPY_BYTES = 256 * 1024
_PART_BYTES = 16 * 1024 * 1024
_WORTH_ANALYSING = 50


class PostgresWarehouse(ServerWarehouse):
    """A schema in a Postgres database.

    Opened for writing it is held by an advisory lock of the schema until it is closed, or its connection ends: of two runs the second
    waits. That needs a session of its own, so a pooler in front of the server must pool sessions, not transactions.

    Args:
        url: `postgresql://USER@HOST:PORT/DATABASE?schema=NAME` and whatever else libpq takes in a URL; passwords, certificates and
            services come the ways of libpq (`PGPASSWORD`, `~/.pgpass`, `sslmode`, `PGSERVICE`, …). The schema is `sahara` by default.
        read_only: open for looking only.
        memory_limit: of the DuckDB that parses files, such as `2GB`; empty leaves it to DuckDB.
        threads: its threads; 0 uses every core.
        wait_seconds: how long to wait for another run to let go of the schema.

    Raises:
        WarehouseError: the server cannot be reached or refuses, or another run holds the schema for longer.
    """

    def __init__(
        self,
        url: str,
        *,
        read_only: bool = False,
        memory_limit: str = "",
        threads: int = 0,
        wait_seconds: float = 10.0,
    ) -> None:
        super().__init__(memory_limit=memory_limit, threads=threads)
        self._address = Address.of(url)
        self._read_only = read_only
        self._wait_seconds = wait_seconds
        self._connection: Any = None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    @property
    def description(self) -> str:
        """`Postgres DATABASE at HOST, schema NAME`."""
        return self._address.description

    def reconnect(self) -> None:
        """Connect again where the connection is gone, and hold the schema again."""
        if self._connection is None or self._connection.closed:
            self._open()

    def prepare(self) -> None:
        """Create the schema, the declared tables that are not there, and declared columns that a table lacks."""
        with self.transaction():
            if not self._fetch("SELECT 1 FROM pg_namespace WHERE nspname = %s", [self._address.schema]):
                self._execute(f"CREATE SCHEMA {quoted(self._address.schema)}")
            present = self.present_columns()
            statements: list[str] = []
            for table in ALL_TABLES:
                if table.name not in present:
                    statements += _creation(table)
                    continue
                # A column that old rows cannot fill stays nullable until the table is rebuilt.
                statements += [
                    f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(column.name)} {_KINDS[column.kind]}"
                    for column in table.columns
                    if column.name not in present[table.name]
                ]
            if statements:
                # All at once: the tables and what is said of their columns would be a thousand trips to the server.
                self._execute("; ".join(statements))

    def has_shape(self, table: Table) -> bool:
        """Whether no column must come, go or change."""
        return not self._changes(table)[0]

    def reshape(self, table: Table) -> None:
        """Drop and add columns; one of another kind is dropped and added, one that may be null now loses its constraint."""
        declare(self._reader, table)
        changes, new = self._changes(table)
        if changes:
            with self.transaction():
                self._execute(f"DELETE FROM {quoted(table.name)}")
                self._execute(f"ALTER TABLE {quoted(table.name)} {', '.join(changes)}")
                if new:
                    self._execute("; ".join(_comments(table, new)))

    def _changes(self, table: Table) -> tuple[list[str], list[Column]]:
        """What must be done to a table's columns, and the columns that are added by it."""
        found = self._fetch(
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
            [self._address.schema, table.name],
        )
        declared = {column.name: column for column in table.columns}
        gone = [name for name, kind, _ in found if name not in declared or _TYPES[declared[name].kind] != kind]
        kept = {name: nullable == "YES" for name, _, nullable in found if name not in gone}
        new = [column for column in table.columns if column.name not in kept]
        loose = [name for name, may_be_null in kept.items() if declared[name].nullable and not may_be_null]
        return [
            *(f"DROP COLUMN {quoted(name)}" for name in gone),
            *(f"ADD COLUMN {quoted(column.name)} {_KINDS[column.kind]}" for column in new),
            *(f"ALTER COLUMN {quoted(name)} DROP NOT NULL" for name in loose),
        ], new

    def create_view(self, view: Table, content: ibis.Table) -> None:
        """Make a view; one with other columns is dropped before, because only the same ones can be replaced under those who were let in."""
        name, columns = quoted(view.name), ", ".join(map(quoted, view.column_names))
        with self.transaction():
            found = self._fetch(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
                [self._address.schema, view.name],
            )
            if found and found != [(column.name, _TYPES[column.kind]) for column in view.columns]:
                self._execute(f"DROP VIEW {name}")
            self._execute(f"CREATE OR REPLACE VIEW {name} ({columns}) AS {self._compiled(content)}")
            self._execute(
                "; ".join([f"COMMENT ON VIEW {name} IS {_literal(view.description)}", *_comments(view, view.columns)])
            )

    def land(self, table: Table) -> None:
        """Stream the staged rows into the table through COPY, as fast as the server takes them."""
        staged = staged_count(self._reader, table)
        if not staged:
            return
        columns = ", ".join(map(quoted, table.column_names))
        copy = f"COPY {quoted(table.name)} ({columns}) FROM STDIN WITH {_COPY_OPTIONS}"
        with streamed_csv(self._reader, f"SELECT {columns} FROM {quoted(table.name)}", null=_NULL) as stream:
            landed = self._copy(copy, stream)
        if landed != staged:
            raise WarehouseError(
                f"{self.description}: took {landed} of {staged} rows of {table.name}; nothing was kept"
            )
        self._reader.execute(f"TRUNCATE {quoted(table.name)}")
        self._analyse(table, landed)

    def delete(self, table: Table, where: Mapping[str, Sequence[Any]]) -> None:
        """Delete the rows whose columns have one of the given values, in every column named."""
        if not where or any(not values for values in where.values()):
            return
        conditions = " AND ".join(f"{quoted(table.column(name).name)} = ANY(%s)" for name in where)
        self._execute(
            f"DELETE FROM {quoted(table.name)} WHERE {conditions}", [list(values) for values in where.values()]
        )

    def clear(self, table: Table) -> None:
        """Delete every row: unlike TRUNCATE, that neither waits for people who read the table nor makes them wait."""
        self._execute(f"DELETE FROM {quoted(table.name)}")

    def fill(self, table: Table, content: ibis.Table) -> None:
        """Append what an expression gives."""
        columns = ", ".join(map(quoted, table.column_names))
        query = cast_to(table, _CASTS, self._compiled(content))
        filled = self._execute(f"INSERT INTO {quoted(table.name)} ({columns}) {query}")
        self._analyse(table, filled)

    def _analyse(self, table: Table, arrived: int) -> None:
        """Tell the planner of many new rows at once rather than when autovacuum comes by: without that `purchases` takes ten times as long."""
        if arrived >= _WORTH_ANALYSING:
            ((known,),) = self._fetch(
                "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = %s::regclass", [quoted(table.name)]
            )
            if arrived >= known / 10:
                self._execute(f"ANALYZE {quoted(table.name)}")

    def arrow(self, expression: ibis.Table | Table) -> pa.Table:
        """The rows as Arrow."""
        import pyarrow as pa

        schema = arrow_schema(expression) if isinstance(expression, Table) else expression.schema().to_pyarrow()
        return pa.concat_tables([schema.empty_table(), *self._travelling(self._select(expression), schema)])

    def batches(self, table: Table) -> Iterator[pa.Table]:
        """The table in parts."""
        return self._travelling(select_all(table), arrow_schema(table))

    def _travelling(self, query: str, schema: pa.Schema) -> Iterator[pa.Table]:
        """A query's rows through COPY and a file, read back in parts."""
        import pyarrow as pa
        from pyarrow import csv

        with TemporaryFile() as spool:
            self._copy(f"COPY ({query}) TO STDOUT WITH {_COPY_OPTIONS}", spool)
            if not spool.tell():
                return
            spool.seek(0)
            parts = csv.open_csv(
                spool,
                read_options=csv.ReadOptions(column_names=schema.names, block_size=_PART_BYTES),
                parse_options=csv.ParseOptions(newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types=schema,
                    null_values=[_NULL],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    true_values=["t"],
                    false_values=["f"],
                ),
            )
            for part in parts:
                yield pa.Table.from_batches([part])

    def present_columns(self) -> dict[str, set[str]]:
        """The tables that are there, with their columns."""
        pairs = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s"
        return by_table(self._fetch(pairs, [self._address.schema]))

    def examine(self) -> list[Finding]:
        """The server, the session, and what its role may do."""
        return examine_server(self._fetch, self._address)

    def count(self, table: Table) -> int:
        """How many rows the table has."""
        return int(self._fetch(f"SELECT count(*) FROM {quoted(table.name)}")[0][0])

    def close(self) -> None:
        """End the session, and with it the hold on the schema."""
        if self._connection is not None:
            self._connection.close()
        super().close()

    # --- the connection --------------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._connection = connect(self._address, read_only=self._read_only)
        if not self._read_only:
            self._hold()

    def _hold(self) -> None:
        """Take the schema's advisory lock, waiting a while for the run that has it."""
        deadline = time.monotonic() + self._wait_seconds
        pause = 0.05
        key = f"sahara {self._address.schema}"
        while not self._fetch("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key])[0][0]:
            if time.monotonic() >= deadline:
                raise WarehouseError(
                    f"{self.description}: another run holds it ({self._holder(key)}) for more than {self._wait_seconds:.0f} seconds; "
                    "wait for it to end and run again"
                )
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def _holder(self, key: str) -> str:
        found = self._fetch(
            """
            SELECT a.application_name, coalesce(host(a.client_addr), 'the server itself'), to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS')
            FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(%s, 0)
            """,
            [key],
        )
        return (
            " and ".join(f"{name} from {host} since {since} UTC" for name, host, since in found) or "it has just ended"
        )

    def _execute(self, statement: str, values: Sequence[Any] | None = None) -> int:
        """Run a statement; how many rows it touched."""
        with told(self._address, self._connection), self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return int(cursor.rowcount)

    def _fetch(self, statement: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        with told(self._address, self._connection), self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def _copy(self, statement: str, stream: Any) -> int:  # noqa: ANN401 - a binary file, to read or to write
        with told(self._address, self._connection), self._connection.cursor() as cursor:
            cursor.copy_expert(statement, stream, size=_COPY_BYTES)
            return int(cursor.rowcount)

    def _begin(self) -> None:
        self._execute("BEGIN")

    def _commit(self) -> None:
        self._execute("COMMIT")

    def _roll_back(self) -> None:
        self._execute("ROLLBACK")

    def _select_all(self, table: Table) -> str:
        return select_all(table)

    @staticmethod
    def _new_compiler() -> Any:  # noqa: ANN401 - one of Ibis' compilers
        from ibis.backends.sql.compilers.postgres import PostgresCompiler

        return PostgresCompiler()

    @staticmethod
    def _attribute(document: sql.Expression, name: str) -> sql.Expression:
        from sqlglot import expressions as sql

        return sql.Anonymous(
            this="json_extract_path_text", expressions=[sql.cast(document, "json"), sql.Literal.string(name)]
        )


def _creation(table: Table) -> list[str]:
    """What makes a table, and says what it is."""
    parts = [
        f"{quoted(column.name)} {_KINDS[column.kind]}{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    ]
    is_raw = table in RAW_TABLES.values()
    required = {column.name for column in table.columns if not column.nullable}
    if not is_raw and table.key and required.issuperset(table.key):
        parts.append(f"PRIMARY KEY ({', '.join(map(quoted, table.key))})")
    statements = [f"CREATE TABLE {quoted(table.name)} ({', '.join(parts)})"]
    if is_raw:
        # Rows of one content lie together; this finds them by a fraction of what a B-tree costs each line that is loaded.
        statements.append(f'CREATE INDEX ON {quoted(table.name)} USING brin ("_drop_id" text_bloom_ops)')
    statements.append(f"COMMENT ON TABLE {quoted(table.name)} IS {_literal(table.description)}")
    return [*statements, *_comments(table, table.columns)]


def _comments(table: Table, columns: Sequence[Column]) -> list[str]:
    return [
        f"COMMENT ON COLUMN {quoted(table.name)}.{quoted(column.name)} IS {_literal(column.description)}"
        for column in columns
    ]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
