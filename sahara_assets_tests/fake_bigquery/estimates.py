"""How many bytes BigQuery would say a table holds or a query reads.

INT64, FLOAT64, DATE, DATETIME, TIME and TIMESTAMP take 8 bytes, NUMERIC 16, BIGNUMERIC 32, BOOL 1, STRING and BYTES 2 + their bytes, a
NULL 0, a REPEATED column the sum of its elements, a STRUCT the sum of its fields: "Data type sizes",
https://cloud.google.com/bigquery/pricing#data. A query is charged for the columns it names, whole, whatever the rows filtered:
"Estimate query costs", https://cloud.google.com/bigquery/docs/best-practices-costs; partitions are not pruned here, so this is the most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets_tests.fake_bigquery.schema import Field, quoted

if TYPE_CHECKING:
    import duckdb

_FIXED = {
    "INTEGER": 8,
    "FLOAT": 8,
    "DATE": 8,
    "DATETIME": 8,
    "TIME": 8,
    "TIMESTAMP": 8,
    "NUMERIC": 16,
    "BIGNUMERIC": 32,
    "BOOLEAN": 1,
}


def bytes_of(cursor: duckdb.DuckDBPyConnection, table: str, fields: list[Field], columns: set[str] | None) -> int:
    """The logical bytes of a DuckDB table's columns (lower-case names), or of all."""
    chosen = [field for field in fields if columns is None or field["name"].lower() in columns]
    if not chosen:
        return 0
    sums = [f"COALESCE(SUM({_size(field)}), 0)" for field in chosen]
    found = cursor.execute(f"SELECT CAST({' + '.join(sums)} AS BIGINT) FROM {table}").fetchone()
    return int(found[0]) if found else 0


def _size(field: Field) -> str:
    name = quoted(field["name"])
    if field["mode"] == "REPEATED" or field["type"] == "RECORD":
        # its text is near enough the sum of its parts
        return f"length(CAST(to_json({name}) AS VARCHAR))"
    if field["type"] in {"STRING", "JSON"}:
        return f"2 + octet_length(encode(CAST({name} AS VARCHAR)))"
    if field["type"] == "BYTES":
        return f"2 + octet_length({name})"
    return f"CASE WHEN {name} IS NULL THEN 0 ELSE {_FIXED[field['type']]} END"
