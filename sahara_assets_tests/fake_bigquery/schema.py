"""BigQuery's table schemas and DuckDB's column types, each from the other; how single values look is `encoding`'s.

"Data types", https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types; `TableFieldSchema`,
https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema.

BIGNUMERIC has 76 digits there and DuckDB's decimals 38: it is held as DECIMAL(38, 18), and what does not fit is an error, never
rounded away.
"""

from __future__ import annotations

import re
from typing import Any

from sahara_assets_tests.fake_bigquery.errors import ApiError, invalid, unknown_to_fake

Field = dict[str, Any]

_NAMES = {
    "STRING": "STRING", "BYTES": "BYTES", "INTEGER": "INTEGER", "INT64": "INTEGER", "INT": "INTEGER", "SMALLINT": "INTEGER",
    "BIGINT": "INTEGER", "FLOAT": "FLOAT", "FLOAT64": "FLOAT", "BOOLEAN": "BOOLEAN", "BOOL": "BOOLEAN", "NUMERIC": "NUMERIC",
    "DECIMAL": "NUMERIC", "BIGNUMERIC": "BIGNUMERIC", "BIGDECIMAL": "BIGNUMERIC", "DATE": "DATE", "TIME": "TIME",
    "DATETIME": "DATETIME", "TIMESTAMP": "TIMESTAMP", "JSON": "JSON", "RECORD": "RECORD", "STRUCT": "RECORD",
}  # fmt: skip
_DUCKDB = {
    "STRING": "VARCHAR", "BYTES": "BLOB", "INTEGER": "BIGINT", "FLOAT": "DOUBLE", "BOOLEAN": "BOOLEAN", "DATE": "DATE",
    "TIME": "TIME", "DATETIME": "TIMESTAMP", "TIMESTAMP": "TIMESTAMP WITH TIME ZONE", "JSON": "JSON",
}  # fmt: skip
_STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}

_FIELD_NAME = re.compile(r"[^\x00-\x1f!\"$()*,./;?@\[\\\]^`{}~]{1,300}")


def standard_name(kind: str) -> str:
    """The GoogleSQL name of an API type: INT64 for INTEGER.

    >>> standard_name("FLOAT")
    'FLOAT64'
    """
    return _STANDARD.get(kind, kind)


def normalised(fields: list[Field]) -> list[Field]:
    """A client's schema as the API gives it back: the API's type names, a mode on every field.

    Raises:
        ApiError: an unknown type or mode, a name that BigQuery refuses, or the same name twice (names ignore case: "Column names",
            https://cloud.google.com/bigquery/docs/schemas#column_names).
    """
    shown: list[Field] = []
    seen: set[str] = set()
    for field in fields:
        name = field.get("name", "")
        if not _FIELD_NAME.fullmatch(name):
            raise invalid(
                f'Invalid field name "{name}". Fields must contain the allowed characters, and be at most 300 characters long.'
            )
        if name.lower() in seen:
            raise invalid(f"Duplicate field name: {name}")
        seen.add(name.lower())
        kind = _NAMES.get(str(field.get("type", "")).upper())
        if kind is None:
            raise invalid(f"Invalid value for type: {field.get('type')} is not a valid value")
        mode = str(field.get("mode") or "NULLABLE").upper()
        if mode not in {"NULLABLE", "REQUIRED", "REPEATED"}:
            raise invalid(f"Invalid value for mode: {mode} is not a valid value")
        kept: Field = {"name": name, "type": kind, "mode": mode}
        if "maxLength" in field:
            raise unknown_to_fake("a maximum length of a column")
        kept |= {key: str(field[key]) for key in ("precision", "scale") if field.get(key) not in (None, "")}
        kept |= {key: field[key] for key in ("description", "roundingMode", "policyTags") if field.get(key)}
        if field.get("defaultValueExpression"):
            raise unknown_to_fake("default values of columns")
        if kind == "RECORD":
            kept["fields"] = normalised(field.get("fields", []))
        duckdb_type(kept)
        shown.append(kept)
    return shown


def duckdb_type(field: Field) -> str:
    """The DuckDB type that holds a field."""
    inner = _inner_type(field)
    return f"{inner}[]" if field.get("mode") == "REPEATED" else inner


def _inner_type(field: Field) -> str:
    kind = _NAMES[field["type"].upper()]
    if kind == "RECORD":
        parts = ", ".join(f"{quoted(part['name'])} {duckdb_type(part)}" for part in field.get("fields", []))
        return f"STRUCT({parts})"
    if kind in {"NUMERIC", "BIGNUMERIC"}:
        return _decimal(kind, field)
    return _DUCKDB[kind]


def _decimal(kind: str, field: Field) -> str:
    """NUMERIC(P, S): S from 0 to 9 and P from max(1, S) to S + 29; BIGNUMERIC: to 38 and S + 38.

    "Parameterized decimal type", https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#parameterized_decimal_type.
    """
    if not field.get("precision"):
        return "DECIMAL(38, 9)" if kind == "NUMERIC" else "DECIMAL(38, 18)"
    precision, scale = int(field["precision"]), int(field.get("scale") or 0)
    most_scale, most_whole = (9, 29) if kind == "NUMERIC" else (38, 38)
    if not 0 <= scale <= most_scale or not max(1, scale) <= precision <= scale + most_whole:
        raise invalid(
            f"Invalid precision and scale for {kind}({precision}, {scale}): scale must be between 0 and {most_scale}, "
            f"precision between {max(1, scale)} and {scale + most_whole}"
        )
    if precision > 38:
        raise unknown_to_fake(f"BIGNUMERIC of {precision} digits (DuckDB has 38)")
    return f"DECIMAL({precision}, {scale})"


def field_of(name: str, duckdb_kind: str) -> Field:
    """The result field of a DuckDB column type, as a query's schema shows it.

    Precision, scale and REQUIRED of a table's column are not shown on a query's result (unverified).

    >>> field_of("a", "DECIMAL(18,4)[]")
    {'name': 'a', 'type': 'NUMERIC', 'mode': 'REPEATED'}
    """
    kind = duckdb_kind.strip()
    if kind.endswith("[]"):
        inner = field_of(name, kind[:-2])
        if inner["mode"] == "REPEATED":
            raise ApiError(
                400, "invalidQuery", f"Cannot construct array with element type ARRAY in column {name}", "query"
            )
        return inner | {"mode": "REPEATED"}
    if kind.startswith("STRUCT("):
        parts = [field_of(*_split_name(part)) for part in _split(kind[len("STRUCT(") : -1])]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": parts}
    return {"name": name, "type": _api_type(kind), "mode": "NULLABLE"}


def _api_type(kind: str) -> str:
    decimal = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind)
    if decimal:
        return "NUMERIC" if int(decimal.group(2)) <= 9 else "BIGNUMERIC"
    names = {
        "VARCHAR": "STRING", "BLOB": "BYTES", "DOUBLE": "FLOAT", "FLOAT": "FLOAT", "BOOLEAN": "BOOLEAN", "DATE": "DATE",
        "TIME": "TIME", "TIMESTAMP": "DATETIME", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "JSON": "JSON",
        # a bare NULL is an INT64: "Data types", literals
        '"NULL"': "INTEGER", "NULL": "INTEGER",
    }  # fmt: skip
    if kind in {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER"}:
        return "INTEGER"
    if kind not in names:
        raise unknown_to_fake(f"how a result of DuckDB's type {kind} is shown")
    return names[kind]


def _split(text: str) -> list[str]:
    """Split at commas outside of brackets and quotes."""
    parts, depth, inside, start = [], 0, False, 0
    for place, sign in enumerate(text):
        if sign == '"':
            inside = not inside
        elif not inside and sign == "(":
            depth += 1
        elif not inside and sign == ")":
            depth -= 1
        elif not inside and not depth and sign == ",":
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]


def _split_name(part: str) -> tuple[str, str]:
    if part.startswith('"'):
        end = re.match(r'"((?:[^"]|"")*)"', part)
        assert end is not None
        return end.group(1).replace('""', '"'), part[end.end() :].strip()
    name, _, kind = part.partition(" ")
    return name, kind


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'
