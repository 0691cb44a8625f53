"""Load jobs: an uploaded Parquet, NDJSON or CSV file into a table, all of it or none.

"Introduction to loading data", https://cloud.google.com/bigquery/docs/loading-data ("load jobs are atomic and consistent; if a load job
fails, none of the data is available in the table"); Parquet's types: "Parquet conversions",
https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#parquet_conversions. Two things the documentation does not say are
what users report: without a schema in the load's configuration a Parquet file's columns are NULLABLE and its timestamps TIMESTAMP, which
does not fit REQUIRED and DATETIME columns (github.com/googleapis/python-bigquery issues 1981 and 2214); with one, a column that the
file allows to be null does not fit REQUIRED (github.com/googleapis/google-cloud-python issue 8305).
"""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sahara_assets_tests.fake_bigquery.catalogue import physical, shown
from sahara_assets_tests.fake_bigquery.errors import ApiError, from_duckdb, invalid, not_found, unknown_to_fake
from sahara_assets_tests.fake_bigquery.results import prepare_destination
from sahara_assets_tests.fake_bigquery.schema import Field, duckdb_type, normalised, quoted

if TYPE_CHECKING:
    from sahara_assets_tests.fake_bigquery.catalogue import Catalogue, Key

_FORMATS = {"PARQUET", "NEWLINE_DELIMITED_JSON", "CSV"}
_CASTS = {
    "INTEGER": "int64", "FLOAT": "float64", "BOOLEAN": "bool", "NUMERIC": "numeric", "BIGNUMERIC": "bignumeric", "DATE": "date", "TIME": "time",
    "DATETIME": "datetime", "TIMESTAMP": "timestamp",
}  # fmt: skip


def run(project: str, how: dict[str, Any], content: bytes, catalogue: Catalogue, location: str) -> dict[str, str]:
    """Load an upload.

    Returns:
        The job's `statistics.load`.

    Raises:
        ApiError: the file, its schema or a value does not fit; nothing was loaded.
    """
    target = how.get("destinationTable") or {}
    key = (target.get("projectId") or project, target.get("datasetId", ""), target.get("tableId", ""))
    dataset = catalogue.dataset(key[0], key[1])
    if dataset["location"].lower() != location.lower():
        raise not_found("Dataset", f"{key[0]}:{key[1]}", location)
    kind = how.get("sourceFormat") or "CSV"
    if kind not in _FORMATS:
        raise unknown_to_fake(f"load jobs from {kind}")
    if content[:2] == b"\x1f\x8b" and kind != "PARQUET":
        content = gzip.decompress(content)
    with tempfile.TemporaryDirectory(prefix="fake_bigquery_") as folder:
        path = Path(folder) / f"upload.{kind.lower()}"
        path.write_bytes(content)
        rows = _load(key, kind, how, path, catalogue)
    return {
        "inputFiles": "1",
        "inputFileBytes": str(len(content)),
        "outputRows": str(rows),
        "outputBytes": catalogue.table(key)["numBytes"],
        "badRecords": "0",
    }


def _load(key: Key, kind: str, how: dict[str, Any], path: Path, catalogue: Catalogue) -> int:
    given = normalised(how.get("schema", {}).get("fields", []))
    present = catalogue.raw_table(key)
    existing: list[Field] = list(present["schema"]["fields"]) if present else []
    truncates = how.get("writeDisposition") == "WRITE_TRUNCATE"
    fields = given or existing
    if kind == "PARQUET":
        in_file = _parquet_fields(path)
        _check_parquet(in_file, given)
        fields = given or (in_file if not existing or truncates else _against(key, existing, in_file, how))
    elif not fields or how.get("autodetect"):
        raise unknown_to_fake(f"detecting the schema of {kind}; give one")
    with catalogue.write_lock:
        new, relaxed = _changes(key, existing, fields, how) if present and not truncates else ([], [])
        select = _select(kind, how, path, fields)
        cursor = catalogue.cursor()
        _stage(cursor, select, fields, kind)
        prepare_destination(
            key, how | {"writeDisposition": how.get("writeDisposition") or "WRITE_APPEND"}, fields, catalogue, {}
        )
        if new or relaxed:
            catalogue.add_columns(key, new, relaxed)
        columns = ", ".join(quoted(one["name"]) for one in fields)
        try:
            cursor.execute("BEGIN TRANSACTION")
            if truncates:
                cursor.execute(f"DELETE FROM {physical(key)}")
            done = cursor.execute(
                f"INSERT INTO {physical(key)} ({columns}) SELECT {columns} FROM temp.loading"
            ).fetchone()
            cursor.execute("COMMIT")
        except duckdb.Error as error:
            cursor.execute("ROLLBACK")
            raise _reading_error(from_duckdb(error).message) from error
        finally:
            cursor.close()
    catalogue.touched(key)
    return int(done[0]) if done else 0


def _stage(cursor: duckdb.DuckDBPyConnection, select: str, fields: list[Field], kind: str) -> None:
    """Read the file in the columns' types, so that a bad value is seen before the destination is touched."""
    try:
        cursor.execute(f"CREATE TEMP TABLE loading AS {select}")
    except duckdb.Error as error:
        raise _reading_error(from_duckdb(error).message) from error
    for field in fields:
        if field["mode"] == "REQUIRED":
            found = cursor.execute(
                f"SELECT count(*) FROM temp.loading WHERE {quoted(field['name'])} IS NULL"
            ).fetchone()
            if found and found[0]:
                what = (
                    "Missing required field" if kind == "NEWLINE_DELIMITED_JSON" else "Required column value is missing"
                )
                raise _reading_error(f"{what}: {field['name']}.")


def _reading_error(message: str) -> ApiError:
    """The words around every bad file."""
    return invalid(f"Error while reading data, error message: {message}")


def _changes(
    key: Key, existing: list[Field], fields: list[Field], how: dict[str, Any]
) -> tuple[list[Field], list[str]]:
    """What the load would change in the table's schema, where `schemaUpdateOptions` allow it.

    Raises:
        ApiError: `Provided Schema does not match Table …`.
    """
    allowed = set(how.get("schemaUpdateOptions") or [])
    present = {one["name"].lower(): one for one in existing}
    said = f"Provided Schema does not match Table {shown(key)}."
    new, relaxed = [], []
    for field in fields:
        old = present.get(field["name"].lower())
        if old is None:
            if "ALLOW_FIELD_ADDITION" not in allowed:
                raise invalid(f"{said} Cannot add fields (field: {field['name']})")
            new.append(field)
        elif old["type"] != field["type"]:
            raise invalid(f"{said} Field {field['name']} has changed type from {old['type']} to {field['type']}")
        elif old["mode"] != field["mode"]:
            if (old["mode"], field["mode"]) != ("REQUIRED", "NULLABLE") or "ALLOW_FIELD_RELAXATION" not in allowed:
                raise invalid(f"{said} Field {field['name']} has changed mode from {old['mode']} to {field['mode']}")
            relaxed.append(old["name"])
    listed = {field["name"].lower() for field in fields}
    missing = [one["name"] for one in existing if one["name"].lower() not in listed and one["mode"] == "REQUIRED"]
    if missing:
        raise invalid(f"{said} Field {missing[0]} is missing in new schema")
    return new, relaxed


def _against(key: Key, existing: list[Field], in_file: list[Field], how: dict[str, Any]) -> list[Field]:
    """A Parquet file's own columns, in the precision of the table's."""
    _changes(key, existing, in_file, how)
    present = {one["name"].lower(): one for one in existing}
    return [present.get(one["name"].lower(), one) for one in in_file]


def _parquet_fields(path: Path) -> list[Field]:
    """The schema that BigQuery takes from a Parquet file."""
    try:
        schema = pq.read_schema(path)
    except pa.ArrowException as error:
        raise _reading_error(f"Input file is not in Parquet format. ({error})") from error
    return normalised([_arrow_field(one.name, one.type) for one in schema])


def _arrow_field(name: str, kind: pa.DataType) -> Field:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        # "enable list inference" aside, a LIST is a record of a repeated record; the client's own files set it
        return _arrow_field(name, kind.value_type) | {"mode": "REPEATED"}
    if pa.types.is_struct(kind):
        return {
            "name": name,
            "type": "RECORD",
            "mode": "NULLABLE",
            "fields": [_arrow_field(one.name, one.type) for one in kind],
        }
    for is_kind, api in _ARROW:
        if is_kind(kind):
            return {"name": name, "type": api, "mode": "NULLABLE"}
    if pa.types.is_decimal(kind):
        # "decimalTargetTypes": by default NUMERIC, which must be able to hold it
        fits = kind.scale <= 9 and kind.precision - kind.scale <= 29
        return {"name": name, "type": "NUMERIC" if fits else "BIGNUMERIC", "mode": "NULLABLE"}
    raise unknown_to_fake(f"what a Parquet column of Arrow's type {kind} is")


_ARROW = [
    (pa.types.is_boolean, "BOOLEAN"), (pa.types.is_integer, "INTEGER"), (pa.types.is_floating, "FLOAT"), (pa.types.is_string, "STRING"),
    (pa.types.is_large_string, "STRING"), (pa.types.is_date, "DATE"), (pa.types.is_timestamp, "TIMESTAMP"), (pa.types.is_time, "TIME"),
    (pa.types.is_binary, "BYTES"), (pa.types.is_large_binary, "BYTES"),
]  # fmt: skip
_FITS = {
    ("TIMESTAMP", "DATETIME"), ("INTEGER", "NUMERIC"), ("INTEGER", "BIGNUMERIC"), ("NUMERIC", "BIGNUMERIC"), ("INTEGER", "FLOAT"), ("STRING", "JSON"),
    ("BYTES", "STRING"),
}  # fmt: skip
"""A file's type and the declared one that it may be read as, beside itself (that INTEGER may be read as NUMERIC or FLOAT is unverified)."""


def _check_parquet(in_file: list[Field], given: list[Field]) -> None:
    by_name = {one["name"].lower(): one for one in in_file}
    wanted = {one["name"].lower() for one in given}
    extra = [one["name"] for one in in_file if given and one["name"].lower() not in wanted]
    if extra:
        raise invalid(
            f"Provided schema is not compatible with the file. Field '{extra[0]}' is in the file and not in the schema."
        )
    for field in given:
        have = by_name.get(field["name"].lower())
        if have is None:
            if field["mode"] == "REQUIRED":
                raise invalid(
                    f"Provided schema is not compatible with the file. Field '{field['name']}' is specified as REQUIRED in provided schema and is missing in the file."
                )
            continue
        if have["type"] != field["type"] and (have["type"], field["type"]) not in _FITS:
            raise _reading_error(
                f"Provided schema is not compatible with the file. Field '{field['name']}' has type {field['type']} in provided schema "
                f"which does not match {have['type']} as specified in the file."
            )


def _select(kind: str, how: dict[str, Any], path: Path, fields: list[Field]) -> str:
    """A query on the file that gives the columns in their types."""
    name = str(path).replace("'", "''")
    if kind == "PARQUET":
        here = {one.lower() for one in pq.read_schema(path).names}
        if how.get("schema"):
            _check_required(path, fields)
        columns = [
            f"CAST({quoted(one['name']) if one['name'].lower() in here else 'NULL'} AS {duckdb_type(one)}) AS {quoted(one['name'])}"
            for one in fields
        ]
        return f"SELECT {', '.join(columns)} FROM read_parquet('{name}')"
    if kind == "CSV":
        return _csv_select(how, name, fields)
    _check_json(path, fields, how)
    typed = ", ".join(f"{quoted(one['name'])}: '{_json_type(one)}'" for one in fields)
    columns = [f"{_from_json(one)} AS {quoted(one['name'])}" for one in fields]
    return f"SELECT {', '.join(columns)} FROM read_json('{name}', format = 'newline_delimited', columns = {{{typed}}})"


def _check_required(path: Path, fields: list[Field]) -> None:
    nullable = {one.name.lower(): one.nullable for one in pq.read_schema(path)}
    for field in fields:
        if field["mode"] == "REQUIRED" and nullable.get(field["name"].lower()):
            raise _reading_error(
                f"Provided schema is not compatible with the file. Field '{field['name']}' is specified as REQUIRED in provided schema "
                "which does not match NULLABLE as specified in the file."
            )


def _json_type(field: Field) -> str:
    plain = field["mode"] != "REPEATED" and field["type"] in _CASTS
    return "VARCHAR" if plain else duckdb_type(field)


def _from_json(field: Field) -> str:
    if field["mode"] == "REPEATED" or field["type"] not in _CASTS:
        return quoted(field["name"])
    return _typed(quoted(field["name"]), field)


def _typed(value: str, field: Field) -> str:
    """A text as a value of the column's type, as strictly as a cast in a query."""
    name = _CASTS.get(field["type"])
    made = f"bq_cast_{name}(CAST({value} AS VARCHAR))" if name else value
    return f"CAST({made} AS {duckdb_type(field)})"


def _check_json(path: Path, fields: list[Field], how: dict[str, Any]) -> None:
    """Every line must be an object whose keys are columns, unless unknown ones are to be ignored: "Loading JSON data".

    https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json.
    """
    names = {one["name"].lower() for one in fields}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise _reading_error(f"JSON parsing error in row starting at position {number}: {error.msg}") from error
        unknown = [one for one in record if one.lower() not in names]
        if unknown and not how.get("ignoreUnknownValues"):
            raise _reading_error(f"JSON parsing error in row {number}: No such field: {unknown[0]}.")


def _csv_select(how: dict[str, Any], name: str, fields: list[Field]) -> str:
    """ "Loading CSV data", https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-csv: columns by position; an empty unquoted
    field is NULL unless `nullMarker` says otherwise, and for STRING columns the empty text."""
    separator = how.get("fieldDelimiter") or ","
    marker = how.get("nullMarker")
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(fields)))
    options = (
        f"auto_detect = false, columns = {{{columns}}}, delim = '{separator}', quote = '\"', escape = '\"', header = false, "
        f"skip = {int(how.get('skipLeadingRows') or 0)}, nullstr = '{marker if marker is not None else chr(1)}'"
    )
    chosen = []
    for place, field in enumerate(fields):
        value = f"c{place}" if field["type"] == "STRING" else f"nullif(c{place}, '')"
        chosen.append(f"{_typed(value, field)} AS {quoted(field['name'])}")
    return f"SELECT {', '.join(chosen)} FROM read_csv('{name}', {options})"
