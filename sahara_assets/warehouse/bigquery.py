"""The warehouse in a BigQuery dataset.

Files are parsed and staged by DuckDB in memory. Many rows land through a free load job from Parquet into a staging table, few as a query
parameter; from there they move in the multi-statement transaction that writes the ledger. What a transaction changes is collected and
sent as one script at its end. Only where it reads what it has changed does it begin before, over the jobs of a session
(https://cloud.google.com/bigquery/docs/sessions).

How a URL is read and how BigQuery's errors are told lives in `bigquery_service.py`.
"""

from __future__ import annotations

import tempfile
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import WarehouseError
from sahara_assets.tables.columns import Kind, Table
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse import bigquery_turns as turns
from sahara_assets.warehouse.base import Finding, arrow_schema, by_table
from sahara_assets.warehouse.bigquery_jobs import LABELS, Jobs
from sahara_assets.warehouse.bigquery_service import Place, connect, examine_service, told
from sahara_assets.warehouse.compiling import tree_of
from sahara_assets.warehouse.server import ServerWarehouse
from sahara_assets.warehouse.staging import declare, staged_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import ibis
    import pyarrow as pa
    from sqlglot import expressions as sql

_KINDS = {
    Kind.TEXT: "STRING",
    Kind.DECIMAL: "NUMERIC",
    Kind.INTEGER: "INT64",
    Kind.FLOAT: "FLOAT64",
    Kind.TIMESTAMP: "DATETIME",
    Kind.DATE: "DATE",
    Kind.BOOLEAN: "BOOL",
}
_CASTS = {**_KINDS, Kind.DECIMAL: "NUMERIC(18, 4)"}

_STANDARD_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
"""What the API calls some types, and GoogleSQL."""

_FEW_ROWS = 200
"""Rows up to which a query parameter is quicker than a load job, which takes a second or two whatever it holds."""
_PARAMETER_ROWS = 2_000
"""Rows to a statement: a request holds 10 MB at most (https://cloud.google.com/bigquery/quotas#query_jobs)."""
_PARTITIONED_BY = ("ordered_on", "ordered_at", "started_on", "started_at", "happened_on", "happened_at")


class BigQueryWarehouse(ServerWarehouse):
    """A dataset of a BigQuery project.

    Args:
        url: `bigquery://PROJECT/DATASET?location=EU`; credentials are the application default ones.
        read_only: open for looking only.
        memory_limit: of the DuckDB that parses files, such as `2GB`; empty leaves it to DuckDB.
        threads: its threads; 0 uses every core.
        wait_seconds: not used: of two runs that write, the second is refused when it commits (see `bigquery_turns`).

    Raises:
        WarehouseError: there are no credentials, or BigQuery cannot be reached or refuses.
    """

    def __init__(
        self,
        url: str,
        *,
        read_only: bool = False,
        memory_limit: str = "",
        threads: int = 0,
        wait_seconds: float = 10.0,  # noqa: ARG002 - every warehouse is opened alike
    ) -> None:
        super().__init__(memory_limit=memory_limit, threads=threads)
        self._place = Place.of(url)
        self._read_only = read_only
        self._client = connect(self._place)
        self._jobs = Jobs(self._client, self._place)
        self._staging: list[str] = []
        if not read_only:
            self._jobs.take_turns(made=False)

    @property
    def description(self) -> str:
        """`BigQuery PROJECT.DATASET`."""
        return self._place.description

    def reconnect(self) -> None:
        """Every request is a connection of its own."""

    def prepare(self) -> None:
        """Create the dataset, the declared tables that are not there, and declared columns that a table lacks."""
        from google.cloud import bigquery

        with told(self._place):
            dataset = bigquery.Dataset(self._place.dataset_id)
            dataset.location = self._place.location
            self._client.create_dataset(dataset, exists_ok=True)
        present = self.present_columns()
        for table in ALL_TABLES:
            if table.name not in present:
                with told(self._place):
                    self._client.create_table(self._declared(table), exists_ok=True)
            elif not set(table.column_names) <= present[table.name]:
                self._add_columns(table, present[table.name])
        if not self._read_only:
            self._jobs.take_turns(made=turns.TABLE not in present)

    def _declared(self, table: Table) -> Any:  # noqa: ANN401 - google's table
        from google.cloud import bigquery

        declared = bigquery.Table(f"{self._place.dataset_id}.{table.name}", schema=_schema(table))
        declared.description = table.description
        declared.labels = LABELS
        partition = next((name for name in _PARTITIONED_BY if name in table.column_names), None)
        if partition is not None:
            declared.time_partitioning = bigquery.TimePartitioning(bigquery.TimePartitioningType.DAY, field=partition)
        clustering = ["customer_id"] if "customer_id" in table.column_names else list(table.key)
        declared.clustering_fields = [name for name in clustering if name != partition][:4] or None
        return declared

    def _add_columns(self, table: Table, present: set[str]) -> None:
        """A column that old rows cannot fill stays nullable."""
        with told(self._place):
            there = self._client.get_table(f"{self._place.dataset_id}.{table.name}")
            from google.cloud import bigquery

            added = [
                bigquery.SchemaField(column.name, _KINDS[column.kind], description=column.description)
                for column in table.columns
                if column.name not in present
            ]
            there.schema = [*there.schema, *added]
            self._client.update_table(there, ["schema"])

    def has_shape(self, table: Table) -> bool:
        """Whether its columns have the declared names and types, and none must hold a value that may be null now."""
        with told(self._place):
            there = {f.name: f for f in self._client.get_table(f"{self._place.dataset_id}.{table.name}").schema}
        return set(there) == set(table.column_names) and all(
            _STANDARD_NAMES.get(there[column.name].field_type, there[column.name].field_type) == _KINDS[column.kind]
            and (there[column.name].mode != "REQUIRED" or not column.nullable)
            for column in table.columns
        )

    def reshape(self, table: Table) -> None:
        """Make the table anew where it has other columns: one that was dropped cannot be relied on to come back with another type."""
        declare(self._reader, table)
        if not self.has_shape(table):
            with told(self._place):
                self._client.delete_table(f"{self._place.dataset_id}.{table.name}")
                self._client.create_table(self._declared(table))

    def create_view(self, view: Table, content: ibis.Table) -> None:
        """Make a view by DDL, which alone describes a view's columns; its body names tables in full, for no default dataset counts there."""
        from sqlglot import expressions as sql

        def text(said: str) -> str:
            return str(sql.Literal.string(said).sql("bigquery"))

        tree = tree_of(content, self._new_compiler, self._attribute)
        inner = {cte.alias for cte in tree.find_all(sql.CTE)}
        for table in tree.find_all(sql.Table):
            if table.name not in inner:
                table.set("db", sql.to_identifier(self._place.dataset, quoted=True))
                table.set("catalog", sql.to_identifier(self._place.project, quoted=True))
        columns = ", ".join(f"{quoted(c.name)} OPTIONS (description = {text(c.description)})" for c in view.columns)
        labels = ", ".join(f"({text(key)}, {text(value)})" for key, value in LABELS.items())
        options = f"OPTIONS (description = {text(view.description)}, labels = [{labels}])"
        self._jobs.define(f"CREATE OR REPLACE VIEW {quoted(view.name)} ({columns}) {options} AS {tree.sql('bigquery')}")

    def land(self, table: Table) -> None:
        """Move the staged rows into the table: as a parameter, or through a load job."""
        staged = staged_count(self._reader, table)
        if not staged:
            return
        if staged <= _FEW_ROWS or self._jobs.has_begun:
            # Once the transaction has begun it sees no table that is younger.
            self._land_few(table)
        else:
            self._land_many(table, staged)
        self._reader.execute(f'TRUNCATE "{table.name}"')

    def _land_few(self, table: Table) -> None:
        """As query parameters, some thousand rows to a statement."""
        from google.cloud import bigquery

        names = ", ".join(map(quoted, table.column_names))
        columns = ", ".join(f'"{name}"' for name in table.column_names)
        found = self._reader.execute(f'SELECT {columns} FROM "{table.name}"').fetchall()
        for start in range(0, len(found), _PARAMETER_ROWS):
            rows = [
                bigquery.StructQueryParameter(
                    None,
                    *(
                        bigquery.ScalarQueryParameter(column.name, _KINDS[column.kind], value)
                        for column, value in zip(table.columns, values, strict=True)
                    ),
                )
                for values in found[start : start + _PARAMETER_ROWS]
            ]
            self._jobs.change(
                f"INSERT INTO {quoted(table.name)} ({names}) SELECT {names} FROM UNNEST(@{{0}})",
                [bigquery.ArrayQueryParameter("0", "STRUCT", rows)],
            )

    def _land_many(self, table: Table, staged: int) -> None:
        """Through Parquet and a load job, which costs nothing, into a table that is gone after a day whatever happens."""
        from datetime import UTC, datetime, timedelta

        from google.cloud import bigquery

        name = f"_staged_{table.name}_{uuid.uuid4().hex[:12]}"
        staging = bigquery.Table(f"{self._place.dataset_id}.{name}", schema=_schema(table, as_staged=True))
        staging.expires = datetime.now(tz=UTC) + timedelta(days=1)
        staging.labels = LABELS
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            schema=_schema(table, as_staged=True),
            write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
            labels=LABELS,
        )
        self._staging.append(name)
        with tempfile.TemporaryDirectory(prefix="sahara-") as folder, told(self._place):
            path = Path(folder) / "staged.parquet"
            self._reader.table(table.name).write_parquet(str(path), compression="snappy")
            self._client.create_table(staging)
            with path.open("rb") as stream:
                job = self._client.load_table_from_file(
                    stream, staging.reference, job_config=config, location=self._place.location, rewind=True
                )
                job.result()
        if job.output_rows != staged:
            raise WarehouseError(
                f"{self.description}: took {job.output_rows} of {staged} rows of {table.name}; nothing was kept"
            )
        names = ", ".join(map(quoted, table.column_names))
        self._jobs.change(f"INSERT INTO {quoted(table.name)} ({names}) SELECT {names} FROM {quoted(name)}")

    def delete(self, table: Table, where: Mapping[str, Sequence[Any]]) -> None:
        """Delete the rows whose columns have one of the given values, in every column named."""
        from google.cloud import bigquery

        if not where or any(not values for values in where.values()):
            return
        conditions = " AND ".join(
            f"{quoted(table.column(name).name)} IN UNNEST(@{{{place}}})" for place, name in enumerate(where)
        )
        parameters = [
            bigquery.ArrayQueryParameter(str(place), _KINDS[table.column(name).kind], list(values))
            for place, (name, values) in enumerate(where.items())
        ]
        self._jobs.change(f"DELETE FROM {quoted(table.name)} WHERE {conditions}", parameters)

    def clear(self, table: Table) -> None:
        """Delete every row; TRUNCATE is no part of a transaction."""
        self._jobs.change(f"DELETE FROM {quoted(table.name)} WHERE true")

    def fill(self, table: Table, content: ibis.Table) -> None:
        """Append what an expression gives; how rows lie is up to partitions and clustering, so nothing is sorted."""
        names = ", ".join(map(quoted, table.column_names))
        casts = ", ".join(f"CAST({quoted(c.name)} AS {_CASTS[c.kind]}) AS {quoted(c.name)}" for c in table.columns)
        query = self._compiled(content)
        self._jobs.announce(query)
        statement = f"INSERT INTO {quoted(table.name)} ({names}) SELECT {casts} FROM ({query})"
        self._jobs.change(statement.replace("{", "{{").replace("}", "}}"))

    def arrow(self, expression: ibis.Table | Table) -> pa.Table:
        """The rows as Arrow."""
        schema = arrow_schema(expression) if isinstance(expression, Table) else expression.schema().to_pyarrow()
        with told(self._place):
            found = self._jobs.found(self._select(expression))
            return found.to_arrow(create_bqstorage_client=False).cast(schema)

    def batches(self, table: Table) -> Iterator[pa.Table]:
        """The table in parts."""
        import pyarrow as pa

        schema = arrow_schema(table)
        with told(self._place):
            found = self._jobs.found(_select_all(table))
            for batch in found.to_arrow_iterable():
                if batch.num_rows:
                    yield pa.Table.from_batches([batch]).cast(schema)

    def count(self, table: Table) -> int:
        """How many rows the table has."""
        return int(self._fetch(f"SELECT count(*) FROM {quoted(table.name)}")[0][0])

    def present_columns(self) -> dict[str, set[str]]:
        """The tables that are there, with their columns."""
        return by_table(self._fetch("SELECT table_name, column_name FROM INFORMATION_SCHEMA.COLUMNS"))

    def examine(self) -> list[Finding]:
        """The dataset, where it lies, and what these credentials may do."""
        return examine_service(self._client, self._place)

    def close(self) -> None:
        """Take away what was staged, and end the session."""
        for name in self._staging:
            with suppress(Exception):
                self._client.delete_table(f"{self._place.dataset_id}.{name}", not_found_ok=True)
        self._staging.clear()
        with suppress(WarehouseError):
            self._jobs.roll_back()
        self._client.close()
        super().close()

    # --- the server ------------------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._read_only:
            raise WarehouseError(f"{self.description}: opened read-only")
        self._jobs.begin()

    def _commit(self) -> None:
        self._jobs.commit()

    def _roll_back(self) -> None:
        self._jobs.roll_back()

    def _fetch(self, statement: str) -> list[tuple[Any, ...]]:
        return self._jobs.fetch(statement)

    def _select_all(self, table: Table) -> str:
        return _select_all(table)

    @staticmethod
    def _new_compiler() -> Any:  # noqa: ANN401 - one of Ibis' compilers
        from ibis.backends.sql.compilers.bigquery import BigQueryCompiler

        return BigQueryCompiler()

    @staticmethod
    def _attribute(document: sql.Expression, name: str) -> sql.Expression:
        from sqlglot import expressions as sql

        return sql.Anonymous(this="JSON_VALUE", expressions=[document, sql.Literal.string(f"$.{name}")])


def quoted(name: str) -> str:
    """A name as BigQuery quotes it; declared names hold no backtick."""
    return f"`{name}`"


def _select_all(table: Table) -> str:
    order = f" ORDER BY {', '.join(map(quoted, table.key))}" if table.key else ""
    return f"SELECT {', '.join(map(quoted, table.column_names))} FROM {quoted(table.name)}{order}"


def _schema(table: Table, *, as_staged: bool = False) -> list[Any]:
    """A table's columns as BigQuery's; as staged, none is required: a Parquet file does not say that a column has no nulls."""
    from google.cloud import bigquery

    # As the API has it: the client's own arguments know no number that may be absent.
    return [
        bigquery.SchemaField.from_api_repr(
            {
                "name": column.name,
                "type": _KINDS[column.kind],
                "mode": "NULLABLE" if column.nullable or as_staged else "REQUIRED",
                "description": column.description,
                **({"precision": "18", "scale": "4"} if column.kind is Kind.DECIMAL else {}),
            }
        )
        for column in table.columns
    ]
