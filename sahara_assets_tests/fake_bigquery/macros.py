"""GoogleSQL's casts and its functions on numbers, text, bytes, arrays and JSON, as DuckDB macros with typed overloads.

A macro `bq_name` is what `translation` calls for the function NAME. Overloads by type are what DuckDB picks exactly, so a wrong
argument type is a binder error, as it is there. Dates and times are in `macros_time`; what SQL cannot say is in `scalars`.

Sources: "Conversion rules" https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_rules, "Conversion functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_functions, "Mathematical functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/mathematical_functions, "String functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions, "Aggregate functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/aggregate_functions, "Array functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/array_functions, "JSON functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions, "Hash functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/hash_functions.
"""

from __future__ import annotations

from sahara_assets_tests.fake_bigquery.errors import OWN_ERROR

INT, NUM, FLOAT, TEXT, BOOL = "BIGINT", "DECIMAL(38, 9)", "DOUBLE", "VARCHAR", "BOOLEAN"
DATE, DATETIME, STAMP, BYTES, TIME = "DATE", "TIMESTAMP", "TIMESTAMPTZ", "BLOB", "TIME"

Overload = tuple[str, str]
"""Parameters with their types, and what they give."""

WHITESPACE = "chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || ' ' || chr(133) || chr(160) || chr(8232) || chr(8233) || chr(12288)"
"""What TRIM removes where it is not told: "all leading and trailing whitespace characters (as defined by the Unicode standard)"."""


def fail(message: str, kind: str) -> str:
    """An expression of a type that raises the message (SQL that gives a text) as soon as it is evaluated."""
    raised = f"CAST('{OWN_ERROR}' || {message} AS BIGINT)"
    # any text is a text already: only a cast to a number fails, so what is no number goes by way of one
    return f"CAST({raised} AS VARCHAR)" if kind == TEXT else f"CAST('{OWN_ERROR}' || {message} AS {kind})"


def checked(wrong: str, message: str, kind: str, value: str) -> str:
    """The value, or an error with the message where the condition holds."""
    return f"CASE WHEN {wrong} THEN {fail(message, kind)} ELSE {value} END"


def no_signature(function: str, kind: str) -> str:
    """A call that cannot be bound, whatever the rows: what a type that a function refuses comes to.

    DuckDB binds a macro's body when it is made, so `scalars.install` makes these functions first and drops them at the end.
    """
    return f"no_signature_{function}__{kind}()"


def _digits(value: str) -> str:
    """A decimal's text without trailing zeros ("NUMERIC → STRING": canonical format, conversion functions)."""
    return f"regexp_replace(CAST({value} AS VARCHAR), '\\.?0+$', '')"


def _second_text(value: str) -> str:
    """Seconds' fraction with none, three or six digits (that it is never one or two is unverified)."""
    shown = f"strftime({value}, '%Y-%m-%d %H:%M:%S.%f')"
    return f"regexp_replace(regexp_replace({shown}, '\\.000000$', ''), '(\\.\\d{{3}})000$', '\\1')"


_COUNTED = "list_transform(map_entries(h), lambda x: struct_pack(count := CAST(x.value AS BIGINT), value := x.key))"
_INT_TEXT = "[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)"
_NUMBER_TEXT = "[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?"
_DATE_TEXT = "[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}"
_TIME_TEXT = "[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\\.[0-9]{1,6})?"
_ZONE_TEXT = " ?([zZ]|[+-][0-9]{1,2}(:?[0-9]{2})?|[A-Za-z]+[A-Za-z_/+-]*[0-9]*)"


def _parsed(pattern: str, kind: str, said: str, value: str = "trim(a)") -> str:
    refused = fail(f"'{said}' || a", kind)
    return f"CASE WHEN a IS NULL THEN NULL WHEN regexp_full_match(trim(a), '{pattern}') THEN CAST({value} AS {kind}) ELSE {refused} END"


def _same(*kinds: str) -> list[Overload]:
    return [(f"a {kind}", "a") for kind in kinds]


def _truncated_to_int(value: str) -> str:
    outside = f"isnan({value}) OR isinf({value}) OR abs({value}) >= 9223372036854775807"
    # the closest whole number; halfway cases go away from zero: conversion functions, CAST AS INT64
    said = f"'Illegal conversion of non-finite or too large floating point number to an integer: ' || {value}"
    return checked(outside, said, INT, f"CAST(round({value}) AS BIGINT)")


MACROS: dict[str, list[Overload]] = {
    # casts
    "cast_int64": [
        *_same(INT),
        (f"a {NUM}", "CAST(round(a, 0) AS BIGINT)"),
        (f"a {FLOAT}", _truncated_to_int("a")),
        (f"a {BOOL}", "CAST(a AS BIGINT)"),
        (f"a {TEXT}", _parsed(_INT_TEXT, INT, "Bad int64 value: ")),
    ],
    "cast_float64": [
        *_same(FLOAT),
        (f"a {INT}", "CAST(a AS DOUBLE)"),
        (f"a {NUM}", "CAST(a AS DOUBLE)"),
        (f"a {TEXT}", _parsed(f"{_NUMBER_TEXT}|[+-]?(?i:inf|infinity)|(?i:nan)", FLOAT, "Bad double value: ")),
    ],
    "cast_numeric": [
        *_same(NUM),
        (f"a {INT}", f"CAST(a AS {NUM})"),
        (f"a {FLOAT}", f"CAST(a AS {NUM})"),
        (f"a {TEXT}", _parsed(_NUMBER_TEXT, NUM, "Invalid NUMERIC value: ")),
    ],
    "cast_bignumeric": [
        ("a DECIMAL(38, 18)", "a"),
        (f"a {INT}", "CAST(a AS DECIMAL(38, 18))"),
        (f"a {FLOAT}", "CAST(a AS DECIMAL(38, 18))"),
        (f"a {TEXT}", _parsed(_NUMBER_TEXT, "DECIMAL(38, 18)", "Invalid BIGNUMERIC value: ")),
    ],
    "cast_bool": [
        *_same(BOOL),
        (f"a {INT}", "a <> 0"),
        (f"a {TEXT}", _parsed("(?i:true|false)", BOOL, "Bad bool value: ")),
    ],
    "cast_string": [
        *_same(TEXT),
        (f"a {INT}", "CAST(a AS VARCHAR)"),
        (f"a {NUM}", _digits("a")),
        (f"a {FLOAT}", "bq_py_double_text(a)"),
        (f"a {BOOL}", "CAST(a AS VARCHAR)"),
        (f"a {DATE}", "strftime(a, '%Y-%m-%d')"),
        (f"a {DATETIME}", _second_text("a")),
        (f"a {STAMP}", _second_text("(a AT TIME ZONE 'UTC')") + " || '+00'"),
        (f"a {TIME}", "CAST(a AS VARCHAR)"),
        (f"a {BYTES}", "decode(a)"),
    ],
    "cast_bytes": [*_same(BYTES), (f"a {TEXT}", "encode(a)")],
    "cast_date": [
        *_same(DATE),
        (f"a {DATETIME}", "CAST(a AS DATE)"),
        (f"a {STAMP}", "CAST(a AT TIME ZONE 'UTC' AS DATE)"),
        (f"a {TEXT}", _parsed(_DATE_TEXT, DATE, "Invalid date: ")),
    ],
    "cast_datetime": [
        *_same(DATETIME),
        (f"a {DATE}", "CAST(a AS TIMESTAMP)"),
        (f"a {STAMP}", "a AT TIME ZONE 'UTC'"),
        (f"a {TEXT}", _parsed(f"{_DATE_TEXT}([ Tt]{_TIME_TEXT})?", DATETIME, "Invalid datetime string: ")),
    ],
    "cast_timestamp": [
        *_same(STAMP),
        (f"a {DATE}", "CAST(a AS TIMESTAMP) AT TIME ZONE 'UTC'"),
        (f"a {DATETIME}", "a AT TIME ZONE 'UTC'"),
        (f"a {TEXT}", _parsed(f"{_DATE_TEXT}([ Tt]{_TIME_TEXT})?({_ZONE_TEXT})?", STAMP, "Invalid timestamp: ")),
    ],
    "cast_time": [
        *_same(TIME),
        (f"a {DATETIME}", "CAST(a AS TIME)"),
        (f"a {STAMP}", "CAST(a AT TIME ZONE 'UTC' AS TIME)"),
        (f"a {TEXT}", _parsed(_TIME_TEXT, TIME, "Invalid time string: ")),
    ],
    # arithmetic: "Division operations: the result of / is FLOAT64, for NUMERIC it is NUMERIC": operators,
    # https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#arithmetic_operators
    "div_operator": [
        (f"a {INT}, b {INT}", checked("b = 0", "'division by zero: ' || a || ' / ' || b", FLOAT, "a / b")),
        (f"a {NUM}, b {NUM}", checked("b = 0", "'division by zero: ' || a || ' / ' || b", NUM, "bq_py_numeric_divide(a, b)")),
        (f"a {FLOAT}, b {FLOAT}", checked("b = 0", "'division by zero: ' || a || ' / ' || b", FLOAT, "a / b")),
    ],
    "safe_divide": [
        (f"a {INT}, b {INT}", "CASE WHEN b <> 0 THEN a / b END"),
        (f"a {NUM}, b {NUM}", "CASE WHEN b <> 0 THEN bq_py_numeric_divide(a, b) END"),
        (f"a {FLOAT}, b {FLOAT}", "CASE WHEN b <> 0 THEN a / b END"),
    ],
    "product": [*_same(INT), *_same(NUM), *_same(FLOAT)],
    "sum_result": [
        ("a HUGEINT", checked("abs(a) > 9223372036854775807", "'int64 overflow'", INT, "CAST(a AS BIGINT)")),
        *_same(NUM),
        *_same(FLOAT),
    ],
    "avg": [
        # "AVG of INT64 is FLOAT64, of NUMERIC is NUMERIC": aggregate functions
        ("total HUGEINT, number BIGINT", "CASE WHEN number = 0 THEN NULL ELSE CAST(total AS DOUBLE) / number END"),
        (f"total {NUM}, number BIGINT", "CASE WHEN number = 0 THEN NULL ELSE bq_py_numeric_divide(total, number) END"),
        (f"total {FLOAT}, number BIGINT", "CASE WHEN number = 0 THEN NULL ELSE total / number END"),
    ],
    "div": [
        (f"a {INT}, b {INT}", checked("b = 0", "'division by zero: ' || a || ' / ' || b", INT, "a // b")),
        (f"a {NUM}, b {NUM}", checked("b = 0", "'division by zero: ' || a || ' / ' || b", NUM, "bq_py_numeric_div(a, b)")),
    ],
    "mod": [
        (f"a {INT}, b {INT}", checked("b = 0", "'division by zero: MOD(' || a || ', ' || b || ')'", INT, "a % b")),
        (f"a {NUM}, b {NUM}", checked("b = 0", "'division by zero: MOD(' || a || ', ' || b || ')'", NUM, f"CAST(a % b AS {NUM})")),
    ],
    "ieee_divide": [(f"a {FLOAT}, b {FLOAT}", "bq_py_ieee_divide(a, b)")],
    "round": [
        (f"a {INT}", "CAST(a AS DOUBLE)"),
        (f"a {NUM}", f"CAST(round(a, 0) AS {NUM})"),
        (f"a {FLOAT}", "round(a)"),
        (f"a {INT}, n {INT}", "round(CAST(a AS DOUBLE), CAST(n AS INTEGER))"),
        (f"a {NUM}, n {INT}", "bq_py_numeric_round(a, n)"),
        (f"a {FLOAT}, n {INT}", "round(a, CAST(n AS INTEGER))"),
    ],
    "trunc": [
        (f"a {INT}", "CAST(a AS DOUBLE)"),
        (f"a {NUM}", "bq_py_numeric_trunc(a, 0)"),
        (f"a {FLOAT}", "trunc(a)"),
        (f"a {NUM}, n {INT}", "bq_py_numeric_trunc(a, n)"),
        (f"a {FLOAT}, n {INT}", "trunc(a * pow(10, n)) / pow(10, n)"),
    ],
    "ceil": [(f"a {INT}", "CAST(a AS DOUBLE)"), (f"a {NUM}", f"CAST(ceil(a) AS {NUM})"), (f"a {FLOAT}", "ceil(a)")],
    "floor": [(f"a {INT}", "CAST(a AS DOUBLE)"), (f"a {NUM}", f"CAST(floor(a) AS {NUM})"), (f"a {FLOAT}", "floor(a)")],
    "abs": [(f"a {INT}", "abs(a)"), (f"a {NUM}", "abs(a)"), (f"a {FLOAT}", "abs(a)")],
    "sign": [(f"a {INT}", "CAST(sign(a) AS BIGINT)"), (f"a {NUM}", f"CAST(sign(a) AS {NUM})"), (f"a {FLOAT}", "CAST(sign(a) AS DOUBLE)")],
    "pow": [(f"a {FLOAT}, b {FLOAT}", "pow(a, b)")],
    "log": [(f"a {FLOAT}", "ln(a)"), (f"a {FLOAT}, b {FLOAT}", "ln(a) / ln(b)")],
    # text and bytes
    "length": [(f"a {TEXT}", "length(a)"), (f"a {BYTES}", "octet_length(a)")],
    "byte_length": [(f"a {TEXT}", "octet_length(encode(a))"), (f"a {BYTES}", "octet_length(a)")],
    "substr": [
        (f"a {TEXT}, p {INT}", "substr(a, CASE WHEN p = 0 OR p < -length(a) THEN 1 ELSE p END)"),
        (
            f"a {TEXT}, p {INT}, n {INT}",
            checked("n < 0", "'Third argument in SUBSTR() cannot be negative'", TEXT, "substr(a, CASE WHEN p = 0 OR p < -length(a) THEN 1 ELSE p END, n)"),
        ),
    ],
    "left": [(f"a {TEXT}, n {INT}", checked("n < 0", "'Second argument in LEFT() cannot be negative'", TEXT, "left(a, n)"))],
    "right": [(f"a {TEXT}, n {INT}", checked("n < 0", "'Second argument in RIGHT() cannot be negative'", TEXT, "right(a, n)"))],
    "trim": [(f"a {TEXT}", f"trim(a, {WHITESPACE})"), (f"a {TEXT}, c {TEXT}", "trim(a, c)")],
    "ltrim": [(f"a {TEXT}", f"ltrim(a, {WHITESPACE})"), (f"a {TEXT}, c {TEXT}", "ltrim(a, c)")],
    "rtrim": [(f"a {TEXT}", f"rtrim(a, {WHITESPACE})"), (f"a {TEXT}, c {TEXT}", "rtrim(a, c)")],
    "lower": [(f"a {TEXT}", "lower(a)")],
    "upper": [(f"a {TEXT}", "bq_py_upper(a)")],
    "reverse": [(f"a {TEXT}", "reverse(a)")],
    "repeat": [(f"a {TEXT}, n {INT}", "repeat(a, n)")],
    "replace": [(f"a {TEXT}, b {TEXT}, c {TEXT}", "CASE WHEN b = '' THEN a ELSE replace(a, b, c) END")],
    "strpos": [(f"a {TEXT}, b {TEXT}", "strpos(a, b)")],
    "starts_with": [(f"a {TEXT}, b {TEXT}", "starts_with(a, b)")],
    "ends_with": [(f"a {TEXT}, b {TEXT}", "ends_with(a, b)")],
    "lpad": [(f"a {TEXT}, n {INT}", "lpad(a, CAST(n AS INTEGER), ' ')"), (f"a {TEXT}, n {INT}, c {TEXT}", "lpad(a, CAST(n AS INTEGER), c)")],
    "rpad": [(f"a {TEXT}, n {INT}", "rpad(a, CAST(n AS INTEGER), ' ')"), (f"a {TEXT}, n {INT}, c {TEXT}", "rpad(a, CAST(n AS INTEGER), c)")],
    "split": [(f"a {TEXT}", "string_split(a, ',')"), (f"a {TEXT}, b {TEXT}", "string_split(a, b)")],
    "chr": [(f"a {INT}", "chr(CAST(a AS INTEGER))")],
    "unicode": [(f"a {TEXT}", "CASE WHEN a = '' THEN 0 ELSE CAST(unicode(a) AS BIGINT) END")],
    "ascii": [(f"a {TEXT}", "CASE WHEN a = '' THEN 0 ELSE CAST(ascii(a) AS BIGINT) END")],
    "regexp_contains": [(f"a {TEXT}, p {TEXT}", "regexp_matches(a, p)")],
    "regexp_replace": [(f"a {TEXT}, p {TEXT}, r {TEXT}", "regexp_replace(a, p, r, 'g')")],
    # the group has to be a constant for DuckDB: the translation chooses the macro by the pattern
    "regexp_extract": [(f"a {TEXT}, p {TEXT}", "CASE WHEN regexp_matches(a, p) THEN regexp_extract(a, p, 0) END")],
    "regexp_extract_group": [(f"a {TEXT}, p {TEXT}", "CASE WHEN regexp_matches(a, p) THEN regexp_extract(a, p, 1) END")],
    "regexp_extract_all": [(f"a {TEXT}, p {TEXT}", "regexp_extract_all(a, p, 0)")],
    "regexp_extract_all_group": [(f"a {TEXT}, p {TEXT}", "regexp_extract_all(a, p, 1)")],
    "to_hex": [(f"a {BYTES}", "lower(hex(a))")],
    "from_hex": [(f"a {TEXT}", "unhex(a)")],
    "to_base64": [(f"a {BYTES}", "to_base64(a)")],
    "from_base64": [(f"a {TEXT}", "from_base64(a)")],
    "md5": [(f"a {TEXT}", "unhex(md5(a))"), (f"a {BYTES}", "unhex(md5(a))")],
    "sha1": [(f"a {TEXT}", "unhex(sha1(a))"), (f"a {BYTES}", "unhex(sha1(a))")],
    "sha256": [(f"a {TEXT}", "unhex(sha256(a))"), (f"a {BYTES}", "unhex(sha256(a))")],
    "farm_fingerprint": [(f"a {TEXT}", "bq_py_farm_fingerprint(encode(a))"), (f"a {BYTES}", "bq_py_farm_fingerprint(a)")],
    "normalize": [(f"a {TEXT}, f {TEXT}", "bq_py_normalize(a, f)")],
    # arrays
    "generate_array": [(f"a {INT}, b {INT}", "generate_series(a, b)"), (f"a {INT}, b {INT}, s {INT}", "generate_series(a, b, s)")],
    "array_length": [("a", "len(a)")],
    "array_reverse": [("a", "list_reverse(a)")],
    "array_to_string": [
        ("a, b", "CASE WHEN a IS NOT NULL THEN COALESCE(array_to_string(list_filter(a, lambda x: x IS NOT NULL), b), '') END"),
        ("a, b, c", "CASE WHEN a IS NOT NULL THEN COALESCE(array_to_string(list_transform(a, lambda x: COALESCE(x, c)), b), '') END"),
    ],
    "offset": [("a, i", "a[" + checked("i < 0 OR i >= len(a)", "'Array index ' || i || ' is out of bounds'", INT, "i + 1") + "]")],
    "safe_offset": [("a, i", "CASE WHEN i >= 0 THEN a[i + 1] END")],
    "approx_top_count": [
        (
            "h, n",
            f"list_transform(list_reverse_sort({_COUNTED})[1:n], lambda x: struct_pack(value := x.value, count := x.count))",
        ),
    ],
    # JSON
    "json_value": [
        (f"a {TEXT}", "bq_py_json_value(a, '$')"), (f"a {TEXT}, p {TEXT}", "bq_py_json_value(a, p)"),
    ],
    "json_query": [
        (f"a {TEXT}", "bq_py_json_query(a, '$')"), (f"a {TEXT}, p {TEXT}", "bq_py_json_query(a, p)"),
    ],
    "parse_json": [(f"a {TEXT}", "CAST(a AS JSON)")],
    "json_text": [
        (f"a {FLOAT}", "bq_py_json_double(a)"),
        (f"a {NUM}", _digits("a")),
        (f"a {INT}", "CASE WHEN abs(a) > 9007199254740992 THEN '\"' || a || '\"' ELSE CAST(a AS VARCHAR) END"),
        (f"a {BOOL}", "CAST(a AS VARCHAR)"),
        (f"a {TEXT}", "CAST(to_json(a) AS VARCHAR)"),
        (f"a {DATE}", "'\"' || strftime(a, '%Y-%m-%d') || '\"'"),
        (f"a {DATETIME}", "'\"' || replace(" + _second_text("a") + ", ' ', 'T') || '\"'"),
        (f"a {STAMP}", "'\"' || replace(" + _second_text("(a AT TIME ZONE 'UTC')") + ", ' ', 'T') || 'Z\"'"),
    ],
    "raise_error": [(f"a {TEXT}", "bq_py_raise(a)")],
}  # fmt: skip


def statements(macros: dict[str, list[Overload]]) -> list[str]:
    """The statements that make them: `bq_name` with every overload, and `bq_name__0`, `bq_name__1` … for each of several.

    DuckDB does not know an aggregate's type when it chooses an overload; the translation then asks for the type and names the
    overload itself.
    """
    made = []
    for name, overloads in macros.items():
        listed = ", ".join(f"({parameters}) AS {body}" for parameters, body in overloads)
        made.append(f"CREATE OR REPLACE MACRO bq_{name} {listed}")
        if len(overloads) > 1:
            for place, (parameters, body) in enumerate(overloads):
                made.append(f"CREATE OR REPLACE MACRO bq_{name}__{place} ({parameters}) AS {body}")
    return made
