"""What a query answers: values, types and refusals, each with the page that says so.

`docs/…` stands for https://cloud.google.com/bigquery/docs/reference/standard-sql/…; "unverified" marks what no page says.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from google.api_core.exceptions import BadRequest, GoogleAPICallError

D, N = datetime, Decimal

VALUES = [
    # docs/operators#arithmetic_operators says that a division gives FLOAT64, of NUMERIC a NUMERIC
    ("7 / 2", 3.5),
    ("NUMERIC '1' / 3", N("0.333333333")),
    ("NUMERIC '2' / 3", N("0.666666667")),
    ("NUMERIC '1.000000001' * NUMERIC '1.5'", N("1.500000002")),
    ("1.5 * 2", 3.0),
    ("2147483647 + 1", 2147483648),
    ("-5 - 3", -8),
    # docs/mathematical_functions
    ("DIV(-7, 2)", -3),
    ("MOD(-7, 3)", -1),
    ("MOD(NUMERIC '7.5', 2)", N("1.5")),
    ("SAFE_DIVIDE(1, 0)", None),
    ("IEEE_DIVIDE(1, 0)", float("inf")),
    ("ROUND(2.5)", 3.0),
    ("ROUND(-2.5)", -3.0),
    ("ROUND(NUMERIC '-0.125', 2)", N("-0.13")),
    ("ROUND(NUMERIC '1234.5', -2)", N("1200")),
    ("ROUND(123.7, -1)", 120.0),
    ("TRUNC(NUMERIC '-1.239', 2)", N("-1.23")),
    ("CEIL(NUMERIC '1.1')", N("2")),
    ("FLOOR(-1.5)", -2.0),
    ("GREATEST(1, 3, 2)", 3),
    ("GREATEST(1, NULL)", None),
    ("SIGN(-2)", -1),
    # docs/conversion_functions
    ("CAST(2.5 AS INT64)", 3),
    ("CAST(-2.5 AS INT64)", -3),
    ("CAST('0x1F' AS INT64)", 31),
    ("SAFE_CAST('1.7' AS INT64)", None),
    ("SAFE_CAST('abc' AS DATE)", None),
    ("CAST('12.345' AS NUMERIC(5, 2))", N("12.35")),
    ("CAST(NUMERIC '-12.345' AS NUMERIC(5, 2))", N("-12.35")),
    ("SAFE_CAST('123456' AS NUMERIC(5, 2))", None),
    ("CAST(NUMERIC '1.50' AS STRING)", "1.5"),
    ("CAST(1.0 AS STRING)", "1"),  # unverified: the page says "an approximate string representation"
    ("CAST(TRUE AS STRING)", "true"),
    ("CAST('tRuE' AS BOOL)", True),
    ("CAST(DATETIME '2020-01-02 03:04:05' AS STRING)", "2020-01-02 03:04:05"),
    ("CAST(TIMESTAMP '2020-01-02 03:04:05+02' AS STRING)", "2020-01-02 01:04:05+00"),
    ("CAST(TIMESTAMP '2020-01-02 23:30:00+00' AS DATE)", date(2020, 1, 2)),
    ("CAST(DATE '2020-01-02' AS DATETIME)", D(2020, 1, 2)),
    # docs/string_functions
    ("SUBSTR('apple', -3)", "ple"),
    ("SUBSTR('apple', 0, 2)", "ap"),
    ("SUBSTR('apple', -9, 3)", "app"),
    ("TRIM('\\t apple \\n')", "apple"),
    ("TRIM('***apple***', '*')", "apple"),
    ("CONCAT('a', NULL, 'b')", None),
    ("LENGTH('äß')", 2),
    ("IS_NAN(CAST('NaN' AS FLOAT64))", True),
    ("IS_NAN(1.5)", False),
    ("IS_INF(CAST('-inf' AS FLOAT64))", True),
    ("IS_INF(25.0)", False),
    ("BYTE_LENGTH('äß')", 4),
    ("SPLIT('b,c,a')", ["b", "c", "a"]),
    ("STRPOS('foo@example.com', '@')", 4),
    ("LPAD('abc', 5, 'xy')", "xyabc"),
    ("REGEXP_EXTRACT('foo@example.com', r'^(.+)@')", "foo"),
    ("REGEXP_EXTRACT('foo', r'bar')", None),
    ("REGEXP_REPLACE('a1b22', r'[0-9]+', '-')", "a-b-"),
    ("REGEXP_CONTAINS('a_c', r'a.c')", True),
    ("'a%c' LIKE 'a\\\\%c'", True),
    ("'abc' LIKE 'a\\\\%c'", False),
    ("TO_HEX(MD5('abc'))", "900150983cd24fb0d6963f7d28e17f72"),
    ("TO_HEX(SHA256(b'abc'))", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("FARM_FINGERPRINT('1footrue')", -1541654101129638711),
    ("NORMALIZE('\\u00ea') = NORMALIZE('\\u0065\\u0302')", True),
    ("'Z' < 'a'", True),  # docs/data-types#string_type: compared by code point
    ("'\\uffff' < '\\U0001F600'", True),
    # docs/date_functions, docs/datetime_functions, docs/timestamp_functions
    ("DATE_DIFF(DATE '2017-10-15', DATE '2017-10-14', WEEK)", 1),
    ("DATE_DIFF(DATE '2017-10-15', DATE '2017-10-14', WEEK(MONDAY))", 0),
    ("DATE_DIFF(DATE '2018-01-01', DATE '2017-12-31', YEAR)", 1),
    ("DATETIME_DIFF(DATETIME '2018-01-01 00:00:00', DATETIME '2017-12-31 23:59:59', DAY)", 1),
    ("TIMESTAMP_DIFF(TIMESTAMP '2001-02-01 01:00:00', TIMESTAMP '2001-02-01 00:00:01', HOUR)", 0),
    ("TIMESTAMP_DIFF(TIMESTAMP '2018-08-14', TIMESTAMP '2018-10-14 00:00:01', DAY)", -61),
    ("DATE_TRUNC(DATE '2026-11-22', WEEK)", date(2026, 11, 22)),
    ("DATE_TRUNC(DATE '2026-11-22', ISOWEEK)", date(2026, 11, 16)),
    ("DATE_TRUNC(DATE '2026-11-22', WEEK(TUESDAY))", date(2026, 11, 17)),
    ("DATE_TRUNC(DATE '2015-06-15', ISOYEAR)", date(2014, 12, 29)),
    ("TIMESTAMP_TRUNC(TIMESTAMP '2008-12-25 15:30:00+00', DAY, 'America/Los_Angeles')", D(2008, 12, 25, 8, tzinfo=UTC)),
    ("DATETIME_TRUNC(DATETIME '2008-12-25 15:30:00', HOUR)", D(2008, 12, 25, 15)),
    ("DATE_ADD(DATE '2020-01-31', INTERVAL 1 MONTH)", date(2020, 2, 29)),
    ("DATE_SUB(DATE '2008-12-25', INTERVAL 5 DAY)", date(2008, 12, 20)),
    ("TIMESTAMP_ADD(TIMESTAMP '2008-12-25 15:30:00+00', INTERVAL 10 MINUTE)", D(2008, 12, 25, 15, 40, tzinfo=UTC)),
    ("DATE '2020-01-01' + INTERVAL 1 DAY", D(2020, 1, 2)),
    ("EXTRACT(DAYOFWEEK FROM DATE '2026-11-22')", 1),
    ("EXTRACT(WEEK FROM DATE '2026-01-03')", 0),
    ("EXTRACT(ISOWEEK FROM DATE '2026-01-03')", 1),
    ("EXTRACT(HOUR FROM TIMESTAMP '2020-07-01 22:00:00+00' AT TIME ZONE 'Europe/Berlin')", 0),
    ("EXTRACT(MILLISECOND FROM DATETIME '2020-01-01 00:00:59.123')", 123),
    ("EXTRACT(DATE FROM TIMESTAMP '2020-01-01 23:00:00+00')", date(2020, 1, 1)),
    ("UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:59.5+00')", -1),
    ("UNIX_MICROS(TIMESTAMP '2008-12-25 15:30:00+00')", 1230219000000000),
    ("UNIX_DATE(DATE '2008-12-25')", 14238),
    ("TIMESTAMP_SECONDS(1230219000)", D(2008, 12, 25, 15, 30, tzinfo=UTC)),
    ("DATETIME(TIMESTAMP '2008-12-25 05:30:00+00', 'America/Los_Angeles')", D(2008, 12, 24, 21, 30)),
    ("TIMESTAMP(DATETIME '2008-12-25 15:30:00')", D(2008, 12, 25, 15, 30, tzinfo=UTC)),
    ("TIMESTAMP('2008-12-25 15:30:00', 'America/Los_Angeles')", D(2008, 12, 25, 23, 30, tzinfo=UTC)),
    ("DATE(2016, 12, 25)", date(2016, 12, 25)),
    ("LAST_DAY(DATE '2008-11-25')", date(2008, 11, 30)),
    ("FORMAT_DATE('%b-%d-%Y', DATE '2008-12-25')", "Dec-25-2008"),
    (
        "FORMAT_TIMESTAMP('%F %H:%M %Ez', TIMESTAMP '2020-07-01 22:00:00+00', 'Europe/Berlin')",
        "2020-07-02 00:00 +02:00",
    ),
    ("PARSE_DATE('%d/%m/%Y', '25/12/2008')", date(2008, 12, 25)),
    ("PARSE_DATETIME('%Y-%m-%d %H:%M:%S', '1998-10-18 13:45:55')", D(1998, 10, 18, 13, 45, 55)),
    ("PARSE_TIMESTAMP('%a %b %e %I:%M:%S %Y', 'Thu Dec 25 07:30:00 2008')", D(2008, 12, 25, 7, 30, tzinfo=UTC)),
    ("PARSE_TIMESTAMP('%F %T%Ez', '2008-12-25 07:30:00+01:00')", D(2008, 12, 25, 6, 30, tzinfo=UTC)),
    ("TIME '15:30:00'", time(15, 30)),
    # docs/array_functions, docs/data-types, docs/json_functions
    ("GENERATE_ARRAY(0, 10, 5)", [0, 5, 10]),
    ("ARRAY_LENGTH([1, 2])", 2),
    ("[10, 20, 30][OFFSET(0)]", 10),
    ("[10, 20, 30][ORDINAL(1)]", 10),
    ("[10, 20, 30][SAFE_OFFSET(9)]", None),
    ("ARRAY_TO_STRING(['a', NULL, 'b'], '-', '?')", "a-?-b"),
    ("ARRAY_CONCAT([1], [2, 3])", [1, 2, 3]),
    ("ARRAY(SELECT x * 2 FROM UNNEST([1, 2]) AS x ORDER BY x DESC)", [4, 2]),
    ("2 IN UNNEST([1, 2])", True),
    ("STRUCT(1 AS a, 'x' AS b)", {"a": 1, "b": "x"}),
    ("[STRUCT(1 AS a), STRUCT(2)]", [{"a": 1}, {"a": 2}]),
    ("TO_JSON_STRING(STRUCT(1 AS a, [1, 2] AS b))", '{"a":1,"b":[1,2]}'),
    ('JSON_VALUE(\'{"a": {"b": ["x", 2]}}\', \'$.a.b[1]\')', "2"),
    ("JSON_QUERY('{\"a\": {\"b\": 1}}', '$.a')", '{"b":1}'),
    ("JSON_VALUE('{\"a\": {\"b\": 1}}', '$.a')", None),
    ("SAFE.SUBSTR('foo', 0, -2)", None),
    ("IF(NULL, 1, 2)", 2),
    ("IFNULL(NULL, 5)", 5),
    ("9223372036854775807", 9223372036854775807),
    ("0x1F", 31),
    ("b'ab'", b"ab"),
    ("JSON '{\"a\": [1]}'", {"a": [1]}),
]

QUERIES = [
    # docs/query-syntax#order_by_clause says that NULLs are the smallest
    ("SELECT x FROM UNNEST([1, NULL, 3]) AS x ORDER BY x", [(None,), (1,), (3,)]),
    ("SELECT x FROM UNNEST([1, NULL, 3]) AS x ORDER BY x DESC", [(3,), (1,), (None,)]),
    ("SELECT x FROM UNNEST([1, NULL, 3]) AS x ORDER BY x NULLS LAST", [(1,), (3,), (None,)]),
    ("SELECT ROW_NUMBER() OVER (ORDER BY x) AS n, x FROM UNNEST([1, NULL]) AS x ORDER BY n", [(1, None), (2, 1)]),
    ("SELECT x FROM UNNEST(['b', 'B', 'ä', 'a', '']) AS x ORDER BY x", [("",), ("B",), ("a",), ("b",), ("ä",)]),
    # docs/query-syntax#qualify_clause, #unnest_operator
    ("SELECT x FROM UNNEST([3, 1, 2]) AS x QUALIFY ROW_NUMBER() OVER (ORDER BY x) = 2", [(2,)]),
    ("SELECT x, n FROM UNNEST(['a', 'b']) AS x WITH OFFSET AS n ORDER BY n", [("a", 0), ("b", 1)]),
    (
        "SELECT p.n, p.t FROM UNNEST(ARRAY<STRUCT<n INT64, t STRING>>[(1, 'x'), (2, NULL)]) AS p ORDER BY n",
        [(1, "x"), (2, None)],
    ),
    (
        "WITH w AS (SELECT [STRUCT(1 AS k), STRUCT(2)] AS items) SELECT i.k FROM w, UNNEST(w.items) AS i ORDER BY 1",
        [(1,), (2,)],
    ),
    # docs/aggregate_functions
    ("SELECT SUM(x), AVG(x), COUNT(*), COUNT(x), COUNTIF(x > 1) FROM UNNEST([1, 2, NULL]) AS x", [(3, 1.5, 3, 2, 1)]),
    (
        "SELECT AVG(x), SUM(x) / COUNT(*) FROM UNNEST([NUMERIC '1', NUMERIC '2', NUMERIC '2']) AS x",
        [(N("1.666666667"), N("1.666666667"))],
    ),
    ("SELECT ROUND(AVG(x), 1), CAST(SUM(x) AS STRING) FROM UNNEST([1, 2]) AS x", [(1.5, "3")]),
    ("SELECT SUM(x), MAX(x), ANY_VALUE(x) FROM UNNEST(CAST([] AS ARRAY<INT64>)) AS x", [(None, None, None)]),
    ("SELECT ANY_VALUE(x HAVING MAX x), MAX_BY(x, -x), MIN_BY(x, -x) FROM UNNEST([1, 3, 2]) AS x", [(3, 1, 3)]),
    ("SELECT ARRAY_AGG(x IGNORE NULLS ORDER BY x DESC LIMIT 2) FROM UNNEST([1, NULL, 3, 2]) AS x", [([3, 2],)]),
    ("SELECT STRING_AGG(DISTINCT x, '|' ORDER BY x) FROM UNNEST(['b', 'a', 'b']) AS x", [("a|b",)]),
    ("SELECT LOGICAL_AND(x > 0), LOGICAL_OR(x > 2) FROM UNNEST([1, 2]) AS x", [(True, False)]),
    ("SELECT APPROX_QUANTILES(x, 2), APPROX_COUNT_DISTINCT(x) FROM UNNEST([1, 2, 3, 3]) AS x", [([1, 2, 3], 3)]),
    ("SELECT APPROX_TOP_COUNT(x, 1) FROM UNNEST(['a', 'b', 'b']) AS x", [([{"value": "b", "count": 2}],)]),
    ("SELECT x, SUM(SUM(x)) OVER () FROM UNNEST([1, 1, 2]) AS x GROUP BY x ORDER BY x", [(1, 4), (2, 4)]),
    (
        "SELECT LAG(x) OVER (ORDER BY x), FIRST_VALUE(x IGNORE NULLS) OVER (ORDER BY x DESC) FROM UNNEST([1, 2]) AS x ORDER BY 1",
        [(None, 2), (1, 2)],
    ),
    ("SELECT DISTINCT PERCENTILE_CONT(x, 0.5) OVER () FROM UNNEST([1, 2, 4]) AS x", [(2.0,)]),
    (
        "SELECT UNIX_SECONDS(MAX(x)) - UNIX_SECONDS(MIN(x)) FROM UNNEST([TIMESTAMP '2020-01-01', TIMESTAMP '2020-01-02']) AS x",
        [(86400,)],
    ),
    ("SELECT AS STRUCT 1 AS a", [({"a": 1},)]),
    ("SELECT 1 UNION ALL SELECT 2 EXCEPT DISTINCT SELECT 1", None),
]

REFUSALS = [
    ("1 / 0", "division by zero"),
    ("MOD(1, 0)", "division by zero"),
    ("CAST('1.7' AS INT64)", "Bad int64 value: 1.7"),
    ("CAST('yes' AS BOOL)", "Bad bool value"),
    ("CAST('2020-13-01' AS DATE)", ""),
    ("CAST('12345.6' AS NUMERIC(5, 2))", "overflow"),
    ("9223372036854775807 + 1", "overflow"),
    ("UNIX_SECONDS(DATETIME '2020-01-01 00:00:00')", "No matching signature for function UNIX_SECONDS"),
    ("UNIX_SECONDS(DATE '2020-01-01')", "No matching signature"),
    ("LOWER(1)", "No matching signature"),
    ("DATE_TRUNC(DATE '2020-01-01', HOUR)", "No matching signature"),
    ("nosuchcolumn", "Unrecognized name: nosuchcolumn"),
    ("[1, 2][OFFSET(5)]", "out of bounds"),
    ("[1, NULL]", "null element"),
    ("PARSE_DATE('%Y', 'abc')", "Failed to parse input string"),
    ("REGEXP_EXTRACT('a', r'(a)(b)')", "capturing group"),
    ("SUBSTR('foo', 0, -2)", "cannot be negative"),
    ("@missing", "Query parameter 'missing' not found"),
    ("ERROR('made up')", "made up"),
    ("LAG(x) OVER () FROM UNNEST([1]) AS x", "Window ORDER BY is required"),
    ("1 AS a, 2 AS A", "Duplicate column names"),
    ("1 FROM nodataset", "must be qualified with a dataset"),
    ("SELECT", "Syntax error"),
    ("1 AS at", "Unexpected keyword AT"),
]


def rows(client, sql):
    return [tuple(row) for row in client.query_and_wait(sql)]


@pytest.fixture(scope="module")
def client(running_bigquery):
    with running_bigquery.client() as made:
        yield made


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_an_expression_has_the_documented_value(client, expression, value):
    [(found,)] = rows(client, f"SELECT {expression}")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("sql", "expected"), [case for case in QUERIES if case[1] is not None])
def test_a_query_gives_the_documented_rows(client, sql, expected):
    assert rows(client, sql) == [tuple(row) if not isinstance(row, tuple) else row for row in expected]


@pytest.mark.parametrize(("expression", "said"), REFUSALS)
def test_what_bigquery_refuses_is_refused_as_a_bad_request(client, expression, said):
    with pytest.raises(BadRequest) as caught:
        rows(client, f"SELECT {expression}")
    assert said.lower() in str(caught.value).lower()
    assert caught.value.errors[0]["reason"] == "invalidQuery"


def test_a_wrong_argument_type_is_refused_without_any_row(client):
    with pytest.raises(BadRequest, match="No matching signature"):
        rows(client, "SELECT UNIX_SECONDS(x) FROM UNNEST(CAST([] AS ARRAY<DATETIME>)) AS x")


def test_what_the_fake_was_not_taught_is_refused_and_not_guessed(client):
    with pytest.raises(GoogleAPICallError, match="does not know the function ST_AREA") as caught:
        rows(client, "SELECT ST_AREA(NULL)")
    assert caught.value.code == 501


def test_unnamed_columns_are_named_in_order(client):
    found = client.query_and_wait("SELECT 1, 2 AS b, 'x', NULL AS n")
    assert [(field.name, field.field_type) for field in found.schema] == [
        ("f0_", "INTEGER"),
        ("b", "INTEGER"),
        ("f1_", "STRING"),
        ("n", "INTEGER"),
    ]
