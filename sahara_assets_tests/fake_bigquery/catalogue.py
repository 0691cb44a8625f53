"""Datasets and tables: their resources as the API shows them, and the DuckDB tables that hold the rows.

Everything is in one DuckDB database, the resources in the schema `_fake`, so that a dataset's tables and what is said about them are
one file. Rows live in schema `project.dataset`, table by its name. BigQuery tells table names by case and DuckDB does not: two that
differ by case only are refused (501) rather than mixed up.

"Datasets" https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets, "Tables"
https://cloud.google.com/bigquery/docs/reference/rest/v2/tables.
"""

from __future__ import annotations

import json
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import duckdb

from sahara_assets_tests.fake_bigquery import estimates
from sahara_assets_tests.fake_bigquery.errors import duplicate, from_duckdb, invalid, not_found, unknown_to_fake
from sahara_assets_tests.fake_bigquery.layout import check_clustering, partitioning
from sahara_assets_tests.fake_bigquery.scalars import install
from sahara_assets_tests.fake_bigquery.schema import Field, duckdb_type, normalised, quoted
from sahara_assets_tests.fake_bigquery.tables import install as install_information

if TYPE_CHECKING:
    from pathlib import Path

Key = tuple[str, str, str]
"""Project, dataset, table."""

_PATCHED = ("description", "friendlyName", "labels", "expirationTime", "clustering", "requirePartitionFilter")


def milliseconds() -> int:
    return int(time.time() * 1000)


def physical(key: Key) -> str:
    """The DuckDB name of a table."""
    return f"{quoted(f'{key[0]}.{key[1]}')}.{quoted(key[2])}"


def shown(key: Key) -> str:
    """`project:dataset.table`, as the API's messages name it."""
    return f"{key[0]}:{key[1]}.{key[2]}"


class Catalogue:
    """What datasets and tables there are.

    Args:
        path: the DuckDB file; None keeps all in memory.

    Attributes:
        clock: milliseconds since 1970, by which tables expire; a test may set it.
    """

    def __init__(self, path: Path | None) -> None:
        # the fake shares a machine with the tests: two threads, so that it does not crowd them out
        # typed macro parameters need a file of DuckDB 1.4 or later
        config = {"threads": 2, "storage_compatibility_version": "v1.4.0"}
        self._connection = duckdb.connect(str(path) if path else ":memory:", config=config)
        self.write_lock = threading.RLock()
        self._modified: dict[Key, int] = {}
        self.clock = milliseconds
        install(self._connection)
        install_information(self._connection)
        self._connection.execute("CREATE SCHEMA IF NOT EXISTS _fake")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS _fake.datasets (project VARCHAR, dataset VARCHAR, resource VARCHAR)"
        )
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS _fake.tables (project VARCHAR, dataset VARCHAR, name VARCHAR, resource VARCHAR)"
        )

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same data, in UTC.

        The order of NULLs stays DuckDB's own, which is what the translated ORDER BY is written for.
        """
        cursor = self._connection.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        cursor.execute("SET ieee_floating_point_ops = true")
        return cursor

    def close(self) -> None:
        self._connection.close()

    def clear(self) -> None:
        """Delete every dataset, and go by the real clock again."""
        self.clock = milliseconds
        for project, dataset in self.cursor().execute("SELECT project, dataset FROM _fake.datasets").fetchall():
            self.delete_dataset(project, dataset, delete_contents=True)

    # Datasets

    def create_dataset(self, project: str, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked.get("datasetReference", {}).get("datasetId", "")
        # "Dataset names: up to 1,024 letters, numbers and underscores": datasets, https://cloud.google.com/bigquery/docs/datasets
        if not re.fullmatch(r"[A-Za-z0-9_]{1,1024}", name):
            raise invalid(
                f'Invalid dataset ID "{name}". Dataset IDs must be alphanumeric (plus underscores) and must be at most 1024 characters long.'
            )
        with self.write_lock:
            if self._dataset(project, name):
                raise duplicate("Dataset", f"{project}:{name}")
            now = str(milliseconds())
            resource = {
                "kind": "bigquery#dataset", "id": f"{project}:{name}", "etag": now,
                "datasetReference": {"projectId": project, "datasetId": name}, "location": asked.get("location") or "US",
                "creationTime": now, "lastModifiedTime": now,
            }  # fmt: skip
            for key in (
                "description",
                "friendlyName",
                "labels",
                "defaultTableExpirationMs",
                "access",
                "isCaseInsensitive",
            ):
                if asked.get(key):
                    resource[key] = asked[key]
            cursor = self.cursor()
            cursor.execute(f"CREATE SCHEMA {quoted(f'{project}.{name}')}")
            cursor.execute("INSERT INTO _fake.datasets VALUES (?, ?, ?)", [project, name, json.dumps(resource)])
            return resource

    def _dataset(self, project: str, name: str) -> dict[str, Any] | None:
        found = (
            self.cursor()
            .execute("SELECT resource FROM _fake.datasets WHERE project = ? AND dataset = ?", [project, name])
            .fetchone()
        )
        return json.loads(found[0]) if found else None

    def dataset(self, project: str, name: str) -> dict[str, Any]:
        found = self._dataset(project, name)
        if found is None:
            raise not_found("Dataset", f"{project}:{name}")
        return found

    def datasets(self, project: str) -> list[dict[str, Any]]:
        rows = (
            self.cursor()
            .execute("SELECT resource FROM _fake.datasets WHERE project = ? ORDER BY dataset", [project])
            .fetchall()
        )
        return [json.loads(row[0]) for row in rows]

    def patch_dataset(self, project: str, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        with self.write_lock:
            resource = self.dataset(project, name)
            if asked.get("location") not in (None, resource["location"]):
                raise invalid("Cannot change the location of a dataset")
            for key in ("description", "friendlyName", "labels", "defaultTableExpirationMs", "access"):
                if key in asked:
                    resource[key] = asked[key]
            resource["lastModifiedTime"] = resource["etag"] = str(milliseconds())
            self.cursor().execute(
                "UPDATE _fake.datasets SET resource = ? WHERE project = ? AND dataset = ?",
                [json.dumps(resource), project, name],
            )
            return resource

    def delete_dataset(self, project: str, name: str, *, delete_contents: bool) -> None:
        with self.write_lock:
            self.dataset(project, name)
            if self.tables(project, name) and not delete_contents:
                # "resourceInUse": error messages
                raise invalid(f"Dataset {project}:{name} is still in use")
            cursor = self.cursor()
            cursor.execute(f"DROP SCHEMA {quoted(f'{project}.{name}')} CASCADE")
            cursor.execute("DELETE FROM _fake.datasets WHERE project = ? AND dataset = ?", [project, name])
            cursor.execute("DELETE FROM _fake.tables WHERE project = ? AND dataset = ?", [project, name])

    # Tables

    def create_table(self, project: str, dataset: str, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked.get("tableReference", {}).get("tableId", "")
        if not re.fullmatch(r"[\w\- ]{1,1024}", name):
            raise invalid(f'Invalid table ID "{name}".')
        for unknown in ("view", "materializedView", "externalDataConfiguration", "rangePartitioning"):
            if asked.get(unknown):
                raise unknown_to_fake(f"tables with {unknown}")
        with self.write_lock:
            owner = self.dataset(project, dataset)
            alike = [there for there in self._names(project, dataset) if there.lower() == name.lower()]
            if alike and self.raw_table((project, dataset, alike[0])):
                if alike[0] != name:
                    raise unknown_to_fake(f"two tables that differ by case only: {alike[0]} and {name}")
                raise duplicate("Table", f"{project}:{dataset}.{name}")
            resource = self._new_resource((project, dataset, name), asked, owner)
            fields = resource["schema"]["fields"]
            columns = ", ".join(self._definition(field) for field in fields) or "_fake_no_column BOOLEAN"
            cursor = self.cursor()
            cursor.execute(f"CREATE TABLE {physical((project, dataset, name))} ({columns})")
            cursor.execute(
                "INSERT INTO _fake.tables VALUES (?, ?, ?, ?)", [project, dataset, name, json.dumps(resource)]
            )
            return self.table((project, dataset, name))

    @staticmethod
    def _definition(field: Field) -> str:
        return f"{quoted(field['name'])} {duckdb_type(field)}{' NOT NULL' if field['mode'] == 'REQUIRED' else ''}"

    def _new_resource(self, key: Key, asked: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
        now = milliseconds()
        fields = normalised(asked.get("schema", {}).get("fields", []))
        resource: dict[str, Any] = {
            "kind": "bigquery#table", "id": shown(key), "etag": str(now), "type": "TABLE", "location": owner["location"],
            "tableReference": {"projectId": key[0], "datasetId": key[1], "tableId": key[2]}, "schema": {"fields": fields},
            "creationTime": str(now), "lastModifiedTime": str(now),
        }  # fmt: skip
        resource |= {name: asked[name] for name in _PATCHED if asked.get(name)}
        expires = owner.get("defaultTableExpirationMs")
        if expires and not asked.get("expirationTime"):
            resource["expirationTime"] = str(now + int(expires))
        if asked.get("timePartitioning"):
            resource["timePartitioning"] = partitioning(asked["timePartitioning"], fields)
        if asked.get("clustering"):
            check_clustering(asked["clustering"].get("fields", []), fields)
        return resource

    def raw_table(self, key: Key) -> dict[str, Any] | None:
        """The resource without what is counted, or None; a table past its expiration is gone."""
        resource = self._resource(key)
        if resource and int(resource.get("expirationTime", 0) or 0) and int(resource["expirationTime"]) <= self.clock():
            # "When you delete or expire a table, its data is deleted": managing tables, https://cloud.google.com/bigquery/docs/managing-tables
            self.drop_table(key)
            return None
        return resource

    def _resource(self, key: Key) -> dict[str, Any] | None:
        found = (
            self.cursor()
            .execute("SELECT resource FROM _fake.tables WHERE project = ? AND dataset = ? AND name = ?", list(key))
            .fetchone()
        )
        return json.loads(found[0]) if found else None

    def table(self, key: Key) -> dict[str, Any]:
        resource = self.raw_table(key)
        if resource is None:
            self.dataset(key[0], key[1])
            raise not_found("Table", shown(key))
        cursor = self.cursor()
        rows = cursor.execute(f"SELECT count(*) FROM {physical(key)}").fetchone()
        resource["numRows"] = str(rows[0] if rows else 0)
        resource["numBytes"] = str(estimates.bytes_of(cursor, physical(key), resource["schema"]["fields"], None))
        modified = self._modified.get(key)
        if modified:
            resource["lastModifiedTime"] = str(modified)
        return resource

    def fields(self, key: Key) -> list[Field]:
        """The columns of a table that must be there."""
        resource = self.raw_table(key)
        if resource is None:
            self.dataset(key[0], key[1])
            raise not_found("Table", shown(key))
        return list(resource["schema"]["fields"])

    def tables(self, project: str, dataset: str) -> list[dict[str, Any]]:
        found = [self.raw_table((project, dataset, name)) for name in self._names(project, dataset)]
        return [one for one in found if one]

    def _names(self, project: str, dataset: str) -> list[str]:
        asked = "SELECT name FROM _fake.tables WHERE project = ? AND dataset = ? ORDER BY name"
        return [name for (name,) in self.cursor().execute(asked, [project, dataset]).fetchall()]

    def touched(self, key: Key) -> None:
        """Note that a table's rows have changed."""
        self._modified[key] = milliseconds()

    def patch_table(self, key: Key, asked: dict[str, Any]) -> dict[str, Any]:
        """Change what may be changed; of the schema, new nullable columns and REQUIRED made NULLABLE.

        "Modifying table schemas", https://cloud.google.com/bigquery/docs/managing-table-schemas: adding a column and relaxing a mode are
        what the API's `tables.patch` allows; the wording of the refusals is unverified.
        """
        with self.write_lock:
            resource = self.raw_table(key)
            if resource is None:
                raise not_found("Table", shown(key))
            if asked.get("schema"):
                self._change_schema(key, resource, normalised(asked["schema"].get("fields", [])))
            if asked.get("timePartitioning") and "timePartitioning" in resource:
                wanted = partitioning(asked["timePartitioning"], resource["schema"]["fields"])
                if (wanted["type"], wanted.get("field")) != (
                    resource["timePartitioning"]["type"],
                    resource["timePartitioning"].get("field"),
                ):
                    raise invalid(
                        f"Cannot convert non partitioned/clustered table to partitioned/clustered table: {shown(key)}"
                    )
                resource["timePartitioning"] = wanted
            for name in _PATCHED:
                if name in asked:
                    resource[name] = asked[name]
                    if asked[name] is None:
                        del resource[name]
            resource["lastModifiedTime"] = resource["etag"] = str(milliseconds())
            self._keep(key, resource)
            return self.table(key)

    def _keep(self, key: Key, resource: dict[str, Any]) -> None:
        self.cursor().execute(
            "UPDATE _fake.tables SET resource = ? WHERE project = ? AND dataset = ? AND name = ?",
            [json.dumps(resource), *key],
        )

    def _change_schema(self, key: Key, resource: dict[str, Any], wanted: list[Field]) -> None:
        present = {field["name"].lower(): field for field in resource["schema"]["fields"]}
        listed = {field["name"].lower() for field in wanted}
        missing = [field["name"] for name, field in present.items() if name not in listed]
        if missing:
            raise invalid(
                f"Provided Schema does not match Table {shown(key)}. Field {missing[0]} is missing in new schema"
            )
        cursor = self.cursor()
        for field in wanted:
            old = present.get(field["name"].lower())
            if old is None:
                if field["mode"] == "REQUIRED":
                    raise invalid(
                        f"Provided Schema does not match Table {shown(key)}. Cannot add required fields to an existing schema. (field: {field['name']})"
                    )
                cursor.execute(f"ALTER TABLE {physical(key)} ADD COLUMN {quoted(field['name'])} {duckdb_type(field)}")
                continue
            if (old["type"], old.get("fields")) != (field["type"], field.get("fields")) or duckdb_type(
                old
            ) != duckdb_type(field):
                raise invalid(
                    f"Provided Schema does not match Table {shown(key)}. Field {field['name']} has changed type from {old['type']} to {field['type']}"
                )
            if old["mode"] != field["mode"]:
                if (old["mode"], field["mode"]) != ("REQUIRED", "NULLABLE"):
                    raise invalid(
                        f"Provided Schema does not match Table {shown(key)}. Field {field['name']} has changed mode from {old['mode']} to {field['mode']}"
                    )
                cursor.execute(f"ALTER TABLE {physical(key)} ALTER COLUMN {quoted(field['name'])} DROP NOT NULL")
        resource["schema"]["fields"] = wanted

    def add_columns(self, key: Key, fields: list[Field], relaxed: list[str]) -> None:
        """New nullable columns and columns made nullable, as a load's `schemaUpdateOptions` allow."""
        with self.write_lock:
            resource = self.raw_table(key)
            assert resource is not None
            wanted = [
                field | ({"mode": "NULLABLE"} if field["name"] in relaxed else {})
                for field in resource["schema"]["fields"]
            ]
            self._change_schema(key, resource, wanted + fields)
            self._keep(key, resource)

    def add_view(self, key: Key, query: str, fields: list[Field], options: dict[str, Any]) -> None:
        """Note a view whose DuckDB view is there."""
        resource = self._new_resource(key, options, self.dataset(key[0], key[1]))
        resource |= {"type": "VIEW", "schema": {"fields": fields}, "view": {"query": query, "useLegacySql": False}}
        self.cursor().execute("INSERT INTO _fake.tables VALUES (?, ?, ?, ?)", [*key, json.dumps(resource)])

    def drop_table(self, key: Key) -> None:
        """Drop a table or a view."""
        with self.write_lock:
            cursor = self.cursor()
            kind = (self._resource(key) or {}).get("type", "TABLE")
            found = cursor.execute(
                "DELETE FROM _fake.tables WHERE project = ? AND dataset = ? AND name = ?", list(key)
            ).fetchone()
            if not found or not found[0]:
                self.dataset(key[0], key[1])
                raise not_found("Table", shown(key))
            try:
                cursor.execute(f"DROP {kind} {physical(key)}")
            except duckdb.Error as error:
                raise from_duckdb(error) from error
            self._modified.pop(key, None)
