"""Which table a name in a query means, for one job: default dataset, temporary tables, INFORMATION_SCHEMA.

"INFORMATION_SCHEMA", https://cloud.google.com/bigquery/docs/information-schema-tables and
https://cloud.google.com/bigquery/docs/information-schema-columns; of their columns those that clients ask for.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from sahara_assets_tests.fake_bigquery.errors import ApiError, invalid_query, not_found, unknown_to_fake
from sahara_assets_tests.fake_bigquery.schema import Field, standard_name

if TYPE_CHECKING:
    import duckdb

    from sahara_assets_tests.fake_bigquery.catalogue import Catalogue, Key


class Tables:
    """The names of one job.

    Args:
        catalogue: all tables.
        project: the job's project, for names without one.
        default_dataset: (project, dataset) for names without a dataset.
        location: where the job runs; a dataset elsewhere is not found there.
    """

    def __init__(
        self, catalogue: Catalogue, project: str, default_dataset: tuple[str, str] | None, location: str = ""
    ) -> None:
        self.catalogue = catalogue
        self.project = project
        self.default_dataset = default_dataset
        self.location = location
        self.temporary: dict[str, list[Field]] = {}

    def key(self, table: exp.Table) -> Key:
        """The permanent table that a name means, there or not."""
        if table.catalog:
            return table.catalog, table.db, table.name
        if table.db:
            return self.project, table.db, table.name
        if self.default_dataset is None:
            # as the service words it
            raise invalid_query(f'Table "{table.name}" must be qualified with a dataset (e.g. dataset.table).')
        return (*self.default_dataset, table.name)

    def is_temporary(self, table: exp.Table) -> bool:
        return not table.db and table.name.lower() in self.temporary

    def fields_of(self, table: exp.Table) -> list[Field]:
        """The columns of a table that must be there."""
        return self.temporary[table.name.lower()] if self.is_temporary(table) else self.existing(self.key(table))

    def existing(self, key: Key) -> list[Field]:
        """The columns of a permanent table, which must be there and in the job's location.

        Raises:
            ApiError: `Not found: Table p:d.t was not found in location EU`, as the service words it.
        """
        try:
            dataset = self.catalogue.dataset(key[0], key[1])
        except ApiError as error:
            raise not_found("Dataset", f"{key[0]}:{key[1]}", self.location or "US") from error
        where = dataset["location"]
        if self.location and self.location.lower() != where.lower():
            # "Specify locations": https://cloud.google.com/bigquery/docs/locations#specify_locations
            raise not_found("Dataset", f"{key[0]}:{key[1]}", self.location)
        found = self.catalogue.raw_table(key)
        if found is None:
            raise not_found("Table", f"{key[0]}:{key[1]}.{key[2]}", where)
        return list(found["schema"]["fields"])

    def resolved(self, table: exp.Table) -> tuple[Key | None, exp.Expression]:
        """The table as DuckDB knows it, and its key where it is a permanent one."""
        if table.args.get("when") or table.args.get("version"):
            raise unknown_to_fake("FOR SYSTEM_TIME AS OF")
        alias = table.alias
        if table.name.upper().startswith("INFORMATION_SCHEMA.") or table.db.upper() == "INFORMATION_SCHEMA":
            return None, self._information(table)
        if self.is_temporary(table):
            made = exp.Table(
                this=exp.to_identifier(table.name.lower(), quoted=True),
                db=exp.to_identifier("main", quoted=True),
                catalog=exp.to_identifier("temp", quoted=True),
            )
            key = None
        else:
            key = self.key(table)
            self.existing(key)
            made = exp.Table(
                this=exp.to_identifier(key[2], quoted=True), db=exp.to_identifier(f"{key[0]}.{key[1]}", quoted=True)
            )
        # an alias always: a column may be qualified by the table's name in any case
        made.set("alias", exp.TableAlias(this=exp.to_identifier(alias or table.name, quoted=True)))
        if isinstance(table.parent, (exp.Insert, exp.Schema)) and not alias:
            made.set("alias", None)
        for join in table.args.get("joins") or []:
            made.append("joins", join.copy())
        return key, made

    def _information(self, table: exp.Table) -> exp.Expression:
        view = table.name.upper().removeprefix("INFORMATION_SCHEMA.")
        parts = [part for part in (table.catalog, table.db) if part and part.upper() != "INFORMATION_SCHEMA"]
        dataset = parts[-1] if parts else (self.default_dataset or ("", ""))[1]
        project = parts[0] if len(parts) > 1 else self.project
        if not dataset:
            raise invalid_query(f'Table "INFORMATION_SCHEMA.{view}" must be qualified with a dataset or region')
        self.catalogue.dataset(project, dataset)
        listed = self.catalogue.tables(project, dataset)
        if view == "TABLES":
            rows = [_table_row(one) for one in listed]
        elif view == "COLUMNS":
            rows = [row for one in listed for row in _column_rows(one)]
        else:
            raise unknown_to_fake(f"INFORMATION_SCHEMA.{view}")
        return _values(rows, view, table.alias or view)


_TABLE_COLUMNS = {
    "table_catalog": "VARCHAR",
    "table_schema": "VARCHAR",
    "table_name": "VARCHAR",
    "table_type": "VARCHAR",
    "is_insertable_into": "VARCHAR",
    "creation_time": "TIMESTAMPTZ",
}
_COLUMN_COLUMNS = {
    "table_catalog": "VARCHAR", "table_schema": "VARCHAR", "table_name": "VARCHAR", "column_name": "VARCHAR", "ordinal_position": "BIGINT",
    "is_nullable": "VARCHAR", "data_type": "VARCHAR", "is_partitioning_column": "VARCHAR", "clustering_ordinal_position": "BIGINT",
}  # fmt: skip


_VIEWS = {"TABLES": _TABLE_COLUMNS, "COLUMNS": _COLUMN_COLUMNS}
_KINDS = {"TABLE": ("BASE TABLE", "YES"), "VIEW": ("VIEW", "NO")}
"""`table_type` and `is_insertable_into`."""


def _table_row(resource: dict[str, Any]) -> list[Any]:
    reference = resource["tableReference"]
    made = datetime.fromtimestamp(int(resource["creationTime"]) / 1000, tz=UTC).isoformat()
    return [reference["projectId"], reference["datasetId"], reference["tableId"], *_KINDS[resource["type"]], made]


def _column_rows(resource: dict[str, Any]) -> list[list[Any]]:
    reference = resource["tableReference"]
    partition = resource.get("timePartitioning", {}).get("field", "")
    clustered = resource.get("clustering", {}).get("fields", [])
    return [
        [
            reference["projectId"], reference["datasetId"], reference["tableId"], field["name"], place,
            "NO" if field["mode"] == "REQUIRED" else "YES", sql_type(field), "YES" if field["name"] == partition else "NO",
            clustered.index(field["name"]) + 1 if field["name"] in clustered else None,
        ]
        for place, field in enumerate(resource["schema"]["fields"], start=1)
    ]  # fmt: skip


def sql_type(field: Field) -> str:
    """A field's GoogleSQL type, as `data_type` shows it.

    >>> sql_type({"name": "a", "type": "NUMERIC", "mode": "REPEATED", "precision": "18", "scale": "4"})
    'ARRAY<NUMERIC(18, 4)>'
    """
    kind = standard_name(field["type"])
    if field["type"] == "RECORD":
        kind = "STRUCT<" + ", ".join(f"{part['name']} {sql_type(part)}" for part in field["fields"]) + ">"
    elif field.get("precision"):
        kind += f"({field['precision']}, {field['scale']})" if field.get("scale") else f"({field['precision']})"
    return f"ARRAY<{kind}>" if field["mode"] == "REPEATED" else kind


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table macros known that give the rows of INFORMATION_SCHEMA's views: a SELECT for each row would take seconds to translate."""
    for view, columns in _VIEWS.items():
        structure = json.dumps([columns]).replace("'", "''")
        rows = f"SELECT unnest(from_json(listed, '{structure}')) AS one"
        picked = ", ".join(f"one.{name} AS {name}" for name in columns)
        connection.execute(
            f"CREATE OR REPLACE MACRO bq_information__{view.lower()}(listed) AS TABLE SELECT {picked} FROM ({rows})"
        )


def _values(rows: list[list[Any]], view: str, alias: str) -> exp.Expression:
    """Rows as a derived table, by a macro whose name the translation leaves alone."""
    text = json.dumps([dict(zip(_VIEWS[view], row, strict=True)) for row in rows])
    macro = exp.Anonymous(this=f"bq_information__{view.lower()}", expressions=[exp.Literal.string(text)])
    return exp.Table(this=macro, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
