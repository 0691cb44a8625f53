"""How GoogleSQL is read: sqlglot's BigQuery dialect with every function left as it was written.

sqlglot would turn `DATE_DIFF(a, b, WEEK)` into what it believes another engine calls so; its belief changes from version to version
and is wrong for some (TIMESTAMP_DIFF counts whole intervals, DuckDB's date_diff boundaries). Here a call keeps its name and its
arguments, and `translation` says what each means.
"""

from __future__ import annotations

from typing import ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import ParseError, TokenError

from sahara_assets_tests.fake_bigquery.errors import invalid_query, unknown_to_fake


class GoogleSql(BigQuery):
    """BigQuery's dialect without functions of its own."""

    class Parser(BigQuery.Parser):
        FUNCTIONS: ClassVar = {}
        # kept are only those with a syntax of their own
        FUNCTION_PARSERS: ClassVar = {
            name: parser
            for name, parser in BigQuery.Parser.FUNCTION_PARSERS.items()
            if name in {"CAST", "SAFE_CAST", "EXTRACT", "ARRAY"}
        }
        NO_PAREN_FUNCTIONS: ClassVar = {}


def parsed(sql: str) -> exp.Expression:
    """One statement.

    Raises:
        ApiError: it is none; sqlglot's words stand in for BigQuery's.
    """
    try:
        statement = sqlglot.parse_one(sql, read=GoogleSql)
    except (ParseError, TokenError) as error:
        first = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
        said = first.get("description") or str(error)
        raise invalid_query(f"Syntax error: {said} at [{first.get('line', 1)}:{first.get('col', 1)}]") from error
    if statement is None:
        raise invalid_query("Syntax error: Unexpected end of statement at [1:1]")
    if isinstance(statement, exp.Command):
        raise unknown_to_fake(f"the statement {sql.strip()[:60]!r}")
    return statement
