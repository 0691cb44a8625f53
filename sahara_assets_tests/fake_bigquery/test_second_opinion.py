"""The fake and `bqemulator`, which others wrote, asked the same plain SQL through the real client: equal answers, or a reason.

Where they differ the documentation decides; each difference names the page (`docs/…` stands for
https://cloud.google.com/bigquery/docs/reference/standard-sql/…). In every one found so far it is the emulator that is off: it hands the
statement to DuckDB through sqlglot, and DuckDB means something else. A difference that goes away fails here too, so that the list stays true.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from sahara_assets_tests.fake_bigquery.emulator import emulator
from sahara_assets_tests.fake_bigquery.test_functions import QUERIES, VALUES

NOTHING: list[tuple] = []
"""The emulator's answer to a query that fails in it: jobs.query says nothing of the error."""

ORDERS = (
    "('o1', 'c1', DATETIME '2020-01-01 10:00:00', NUMERIC '10.5', 'sale'), ('o2', 'c1', DATETIME '2020-01-31 23:59:59', NUMERIC '-2.25', 'return'), "
    "('o3', 'c2', DATETIME '2020-02-01 00:00:00', NUMERIC '7', 'sale'), ('o4', NULL, NULL, NULL, 'free'), "
    "('o5', 'C2', DATETIME '2019-12-31 12:00:00', NUMERIC '0.0001', 'sale')"
)
TABLES = [
    "CREATE TABLE shop.orders (order_id STRING, customer_id STRING, ordered_at DATETIME, total NUMERIC(18, 4), kind STRING)",
    f"INSERT INTO shop.orders VALUES {ORDERS}",
    "CREATE TABLE shop.customers (customer_id STRING, country STRING)",
    "INSERT INTO shop.customers VALUES ('c1', 'GB'), ('c2', 'DE'), ('c3', NULL)",
]
ON_TABLES = [
    # joins
    "SELECT o.order_id, c.country FROM shop.orders o JOIN shop.customers c ON o.customer_id = c.customer_id ORDER BY 1",
    "SELECT o.order_id, c.country FROM shop.orders o LEFT JOIN shop.customers c USING (customer_id) ORDER BY o.order_id DESC",
    "SELECT c.customer_id, COUNT(o.order_id) FROM shop.customers c LEFT JOIN shop.orders o ON o.customer_id = c.customer_id GROUP BY 1 ORDER BY 1",
    "SELECT o.order_id, c.customer_id FROM shop.orders o FULL JOIN shop.customers c ON o.customer_id = c.customer_id ORDER BY 1, 2",
    "SELECT order_id FROM shop.orders WHERE customer_id IN (SELECT customer_id FROM shop.customers) ORDER BY 1",
    "SELECT customer_id FROM shop.customers c WHERE NOT EXISTS (SELECT 1 FROM shop.orders o WHERE o.customer_id = c.customer_id) ORDER BY 1",
    "SELECT COUNT(*) FROM shop.orders a CROSS JOIN shop.customers b",
    # aggregates
    "SELECT kind, COUNT(*), SUM(total), MIN(ordered_at), MAX(total) FROM shop.orders GROUP BY kind ORDER BY kind",
    "SELECT SUM(IF(kind = 'sale', total, 0)), COUNTIF(total < 0), COUNT(DISTINCT customer_id) FROM shop.orders",
    "SELECT customer_id, SUM(total) AS s FROM shop.orders GROUP BY customer_id HAVING SUM(total) > 1 ORDER BY s DESC",
    "SELECT ANY_VALUE(kind) FROM shop.orders WHERE order_id = 'o4'",
    "SELECT STRING_AGG(order_id, ',' ORDER BY order_id) FROM shop.orders",
    "SELECT ARRAY_AGG(order_id ORDER BY total DESC) FROM shop.orders WHERE total IS NOT NULL",
    "SELECT COALESCE(SUM(total), 0) FROM shop.orders WHERE FALSE",
    # windows
    "SELECT order_id, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at) FROM shop.orders ORDER BY 1",
    "SELECT order_id, RANK() OVER (ORDER BY total), DENSE_RANK() OVER (ORDER BY kind) FROM shop.orders ORDER BY 1",
    "SELECT order_id, SUM(total) OVER (ORDER BY order_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM shop.orders ORDER BY 1",
    "SELECT order_id, LAG(order_id) OVER (ORDER BY order_id), LEAD(total, 1, 0) OVER (ORDER BY order_id) FROM shop.orders ORDER BY 1",
    "SELECT order_id FROM shop.orders QUALIFY ROW_NUMBER() OVER (PARTITION BY kind ORDER BY total DESC, order_id) = 1 ORDER BY 1",
    "SELECT order_id, NTILE(2) OVER (ORDER BY order_id) FROM shop.orders ORDER BY 1",
    # the order of NULLs and of text
    "SELECT order_id FROM shop.orders ORDER BY total, order_id",
    "SELECT order_id FROM shop.orders ORDER BY total DESC, order_id",
    "SELECT customer_id FROM shop.orders ORDER BY customer_id",
    "SELECT MIN(customer_id), MAX(customer_id) FROM shop.orders",
    "SELECT order_id FROM shop.orders WHERE customer_id < 'a' ORDER BY 1",
    # dates and casts over columns
    "SELECT order_id, DATE(ordered_at), EXTRACT(YEAR FROM ordered_at), EXTRACT(DAYOFWEEK FROM ordered_at) FROM shop.orders ORDER BY 1",
    "SELECT DATE_TRUNC(DATE(ordered_at), MONTH) AS month, COUNT(*) FROM shop.orders GROUP BY month ORDER BY month",
    "SELECT order_id, DATETIME_DIFF(DATETIME '2020-02-01 00:00:00', ordered_at, DAY) FROM shop.orders ORDER BY 1",
    "SELECT order_id, CAST(total AS INT64), CAST(total AS FLOAT64) FROM shop.orders ORDER BY 1",
    "SELECT order_id, ROUND(total, 1), total * 2, total + 1, -total FROM shop.orders ORDER BY 1",
    "SELECT UPPER(kind), CONCAT(order_id, '/', kind), LENGTH(kind) FROM shop.orders ORDER BY order_id",
    # set operations, CTEs, subqueries
    "SELECT customer_id FROM shop.customers EXCEPT DISTINCT SELECT customer_id FROM shop.orders ORDER BY 1",
    "SELECT customer_id FROM shop.orders INTERSECT DISTINCT SELECT customer_id FROM shop.customers ORDER BY 1",
    "WITH spend AS (SELECT customer_id, SUM(total) AS s FROM shop.orders GROUP BY 1) SELECT MAX(s), COUNT(*) FROM spend",
    "SELECT (SELECT MAX(total) FROM shop.orders) - (SELECT MIN(total) FROM shop.orders)",
    "SELECT DISTINCT kind FROM shop.orders ORDER BY kind LIMIT 2 OFFSET 1",
    "SELECT CASE WHEN total > 5 THEN 'big' WHEN total IS NULL THEN 'none' ELSE 'small' END AS size, COUNT(*) FROM shop.orders GROUP BY size ORDER BY size",
]

DIFFERENCES: dict[str, tuple[list[tuple], str]] = {
    "NUMERIC '1.000000001' * NUMERIC '1.5'": ([(Decimal("1.500000001500000000"),)], "docs/data-types#decimal_types: NUMERIC has 9 decimal digits"),
    "2147483647 + 1": (NOTHING, "docs/lexical#integer_literals: whole literals are INT64"),
    "CAST(2.5 AS INT64)": ([(2,)], "docs/conversion_functions: halfway cases round away from zero"),
    "CAST(-2.5 AS INT64)": ([(-2,)], "docs/conversion_functions: halfway cases round away from zero"),
    "SAFE_CAST('1.7' AS INT64)": ([(2,)], "docs/conversion_functions: the text of an INT64 is a whole literal"),
    "CAST(NUMERIC '1.50' AS STRING)": ([("1.500000000",)], "docs/conversion_functions: no trailing zeros (its example CAST(NUMERIC '1.50') is unverified)"),
    "CAST(1.0 AS STRING)": ([("1.0",)], 'unverified: docs/conversion_functions says "an approximate string representation"'),
    "SUBSTR('apple', 0, 2)": ([("a",)], "docs/string_functions#substr: position 0 is taken as 1"),
    "SUBSTR('apple', -9, 3)": ([("",)], "docs/string_functions#substr: a position left of the text is taken as 1"),
    "TRIM('\\t apple \\n')": ([("\t apple \n",)], "docs/string_functions#trim: all Unicode whitespace goes"),
    "'a%c' LIKE 'a\\\\%c'": ([(False,)], "docs/operators#like_operator: a backslash escapes"),
    "NORMALIZE('\\u00ea') = NORMALIZE('\\u0065\\u0302')": ([(False,)], "docs/lexical#escape_sequences: \\u is an escape"),
    "'\\uffff' < '\\U0001F600'": ([(False,)], "docs/lexical#escape_sequences: \\u and \\U are escapes"),
    "DATE_DIFF(DATE '2017-10-15', DATE '2017-10-14', WEEK(MONDAY))": ([(1,)], "docs/date_functions#date_diff: no Monday lies between"),
    "TIMESTAMP_DIFF(TIMESTAMP '2001-02-01 01:00:00', TIMESTAMP '2001-02-01 00:00:01', HOUR)": ([(1,)], "docs/timestamp_functions#timestamp_diff: whole hours"),
    "DATE_TRUNC(DATE '2026-11-22', ISOWEEK)": (NOTHING, "docs/date_functions#date_trunc: ISOWEEK is a part"),
    "EXTRACT(MILLISECOND FROM DATETIME '2020-01-01 00:00:59.123')": ([(59123,)], "docs/datetime_functions#extract: 0 to 999"),
    "UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:59.5+00')": ([(0,)], "docs/timestamp_functions#unix_seconds: rounds down to the second's beginning"),
    "SAFE.SUBSTR('foo', 0, -2)": ([("",)], "docs/string_functions#substr: a negative length is an error, NULL with SAFE."),
    "SELECT AVG(x), SUM(x) / COUNT(*) FROM UNNEST([NUMERIC '1', NUMERIC '2', NUMERIC '2']) AS x": (
        [(1.6666666666666667, 1.6666666666666667)],
        "docs/aggregate_functions#avg and docs/operators#arithmetic_operators: of NUMERIC they are NUMERIC",
    ),
    "SELECT ARRAY_AGG(x IGNORE NULLS ORDER BY x DESC LIMIT 2) FROM UNNEST([1, NULL, 3, 2]) AS x": (NOTHING, "docs/aggregate_functions#array_agg: LIMIT"),
    "SELECT APPROX_TOP_COUNT(x, 1) FROM UNNEST(['a', 'b', 'b']) AS x": ([(["b"],)], "docs/approximate_aggregate_functions#approx_top_count: structs of value and count"),
}  # fmt: skip


@pytest.fixture(scope="module")
def both(running_bigquery):
    """A client of the fake and one of the emulator, with the same tables."""
    running_bigquery.reset()
    with emulator() as address, running_bigquery.client() as ours:
        options = {"api_endpoint": address}
        with bigquery.Client("test-project", AnonymousCredentials(), client_options=options) as theirs:
            for client in (ours, theirs):
                client.create_dataset("shop")
                for statement in TABLES:
                    client.query(statement).result()
            yield ours, theirs


def answer(client, sql):
    return [tuple(row) for row in client.query_and_wait(sql, retry=None, job_retry=None)]


def statement(written):
    return written if written.startswith(("SELECT", "WITH")) else f"SELECT {written}"


PLAIN = [case[0] for case in VALUES] + [case[0] for case in QUERIES if case[1] is not None]


@pytest.mark.parametrize("written", [one for one in PLAIN + ON_TABLES if one not in DIFFERENCES])
def test_both_give_the_same_answer(both, written):
    ours, theirs = both
    assert answer(ours, statement(written)) == answer(theirs, statement(written))


@pytest.mark.parametrize("written", sorted(DIFFERENCES))
def test_the_emulator_differs_as_it_did_and_the_documentation_says_who_is_right(both, written):
    ours, theirs = both
    expected, _ = DIFFERENCES[written]
    assert answer(theirs, statement(written)) == expected
    # what ours answers is held against the documentation in `test_functions`
    assert answer(ours, statement(written)) != expected


REFUSED_BY_US_ONLY = [
    "MOD(1, 0)",
    "CAST('1.7' AS INT64)",
    "UNIX_SECONDS(DATETIME '2020-01-01 00:00:00')",
    "DATE_TRUNC(DATE '2020-01-01', HOUR)",
    "[1, 2][OFFSET(5)]",
]


@pytest.mark.parametrize("written", REFUSED_BY_US_ONLY)
def test_the_emulator_answers_what_the_documentation_calls_an_error(both, written):
    ours, theirs = both
    with pytest.raises(GoogleAPICallError):
        answer(ours, f"SELECT {written}")
    assert len(answer(theirs, f"SELECT {written}")) == 1


def test_the_cases_of_differences_are_statements_that_are_asked():
    assert set(DIFFERENCES) <= set(PLAIN + ON_TABLES)
