"""Where a query's rows go and how they are read again: destination tables, pages.

A query without a destination writes to an anonymous table: "Temporary and permanent tables", "Writing query results",
https://cloud.google.com/bigquery/docs/writing-results. Here those rows stay with their job. Pages: "Reading data with the API using
pagination", https://cloud.google.com/bigquery/docs/paging-results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sahara_assets_tests.fake_bigquery.catalogue import physical, shown
from sahara_assets_tests.fake_bigquery.encoding import encoded_rows
from sahara_assets_tests.fake_bigquery.errors import ApiError, duplicate, invalid, not_found
from sahara_assets_tests.fake_bigquery.schema import duckdb_type

if TYPE_CHECKING:
    import pyarrow as pa

    from sahara_assets_tests.fake_bigquery.catalogue import Catalogue, Key
    from sahara_assets_tests.fake_bigquery.schema import Field
    from sahara_assets_tests.fake_bigquery.session import Outcome

ANONYMOUS_DATASET = "_fake_anonymous"
PAGE_ROWS = 50_000
"""The most rows on a page where the client asks for no number; BigQuery's limit is 10 MB an answer."""


def write_results(project: str, job_id: str, query: dict[str, Any], outcome: Outcome, catalogue: Catalogue) -> Key:
    """Put a query's rows where it says.

    Returns:
        The destination: the one asked for, or the name of an anonymous table.
    """
    asked = query.get("destinationTable")
    if not asked:
        return project, ANONYMOUS_DATASET, f"anon{job_id.replace('-', '_')}"
    key = (asked.get("projectId") or project, asked["datasetId"], asked["tableId"])
    assert outcome.rows is not None
    assert outcome.fields is not None
    with catalogue.write_lock:
        prepare_destination(key, query, list(outcome.fields), catalogue, {})
        cursor = catalogue.cursor()
        columns = ", ".join(f"CAST(c{place} AS {duckdb_type(field)})" for place, field in enumerate(outcome.fields))
        cursor.register("_fake_results", outcome.rows)
        if query.get("writeDisposition") == "WRITE_TRUNCATE":
            cursor.execute(f"DELETE FROM {physical(key)}")
        cursor.execute(f"INSERT INTO {physical(key)} SELECT {columns} FROM _fake_results")
        cursor.unregister("_fake_results")
    catalogue.touched(key)
    return key


def prepare_destination(
    key: Key, how: dict[str, Any], fields: list[Field], catalogue: Catalogue, labels: dict[str, Any]
) -> None:
    """Make or check a destination by `createDisposition` and `writeDisposition`; truncating keeps the table's place but not its schema.

    `JobConfigurationQuery` and `JobConfigurationLoad`, https://cloud.google.com/bigquery/docs/reference/rest/v2/Job: WRITE_EMPTY fails with
    `duplicate` where the table has data.
    """
    present = catalogue.raw_table(key)
    asked = {"tableReference": {"tableId": key[2]}, "schema": {"fields": fields}, "labels": labels}
    asked |= {name: how[name] for name in ("timePartitioning", "clustering") if how.get(name)}
    if present is None:
        if how.get("createDisposition") == "CREATE_NEVER":
            raise not_found("Table", shown(key))
        catalogue.create_table(key[0], key[1], asked)
        return
    disposition = how.get("writeDisposition", "WRITE_EMPTY")
    if disposition == "WRITE_EMPTY" and int(catalogue.table(key)["numRows"]):
        raise duplicate("Table", shown(key))
    if disposition == "WRITE_TRUNCATE" and [_shape(one) for one in present["schema"]["fields"]] != [
        _shape(one) for one in fields
    ]:
        kept = {
            name: present[name]
            for name in ("timePartitioning", "clustering", "labels", "description")
            if present.get(name)
        }
        catalogue.drop_table(key)
        catalogue.create_table(key[0], key[1], kept | asked)


def _shape(field: Field) -> tuple[Any, ...]:
    return field["name"], field["type"], field["mode"], field.get("precision"), field.get("scale")


def page(rows: pa.Table, fields: list[Field], asked: dict[str, str], timestamps: str, page_rows: int) -> dict[str, Any]:
    """One page of rows, and the token of the next."""
    start = int(asked.get("pageToken") or asked.get("startIndex") or 0)
    limit = asked.get("maxResults")
    if limit is not None and int(limit) < 0:
        raise ApiError(400, "invalid", f"Invalid value for maxResults: {limit} is not a valid value")
    number = min(int(limit), page_rows) if limit is not None else page_rows
    chosen = rows.slice(start, number)
    made: dict[str, Any] = {"totalRows": str(rows.num_rows)}
    encoded = encoded_rows(chosen, fields, timestamps)
    if encoded:
        made["rows"] = encoded
    if start + number < rows.num_rows and number:
        made["pageToken"] = str(start + number)
    return made


def selected(fields: list[Field], names: str) -> list[Field]:
    """The columns of `selectedFields`, in the table's order."""
    if not names:
        return fields
    wanted = {name.partition(".")[0].lower() for name in names.split(",")}
    unknown = wanted - {field["name"].lower() for field in fields}
    if unknown:
        raise invalid(f"Invalid value for selectedFields: no such field: {min(unknown)}")
    return [field for field in fields if field["name"].lower() in wanted]
