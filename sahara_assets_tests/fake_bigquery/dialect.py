"""How GoogleSQL is read: sqlglot's BigQuery dialect with every function left as it was written.

sqlglot would turn `DATE_DIFF(a, b, WEEK)` into what it believes another engine calls so; its belief changes from version to version
and is wrong for some (TIMESTAMP_DIFF counts whole intervals, DuckDB's date_diff boundaries). Here a call keeps its name and its
arguments, and `translation` says what each means.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import TokenType

from sahara_assets_tests.fake_bigquery.errors import invalid_query, unknown_to_fake


class GoogleSql(BigQuery):
    """BigQuery's dialect without functions of its own."""

    class Tokenizer(BigQuery.Tokenizer):
        # a command would swallow the text up to the next semicolon, ELSEIF's condition and all
        COMMANDS: ClassVar = set()

    class Parser(BigQuery.Parser):
        FUNCTIONS: ClassVar = {}
        # kept are only those with a syntax of their own
        FUNCTION_PARSERS: ClassVar = {
            name: parser
            for name, parser in BigQuery.Parser.FUNCTION_PARSERS.items()
            if name in {"CAST", "SAFE_CAST", "EXTRACT", "ARRAY"}
        }
        NO_PAREN_FUNCTIONS: ClassVar = {}


RESERVED = frozenset(
    [
        "ALL",
        "AND",
        "ANY",
        "ARRAY",
        "AS",
        "ASC",
        "ASSERT_ROWS_MODIFIED",
        "AT",
        "BETWEEN",
        "BY",
        "CASE",
        "CAST",
        "COLLATE",
        "CONTAINS",
        "CREATE",
        "CROSS",
        "CUBE",
        "CURRENT",
        "DEFAULT",
        "DEFINE",
        "DESC",
        "DISTINCT",
        "ELSE",
        "END",
        "ENUM",
        "ESCAPE",
        "EXCEPT",
        "EXCLUDE",
        "EXISTS",
        "EXTRACT",
        "FALSE",
        "FETCH",
        "FOLLOWING",
        "FOR",
        "FROM",
        "FULL",
        "GROUP",
        "GROUPING",
        "GROUPS",
        "HASH",
        "HAVING",
        "IF",
        "IGNORE",
        "IN",
        "INNER",
        "INTERSECT",
        "INTERVAL",
        "INTO",
        "IS",
        "JOIN",
        "LATERAL",
        "LEFT",
        "LIKE",
        "LIMIT",
        "LOOKUP",
        "MERGE",
        "NATURAL",
        "NEW",
        "NO",
        "NOT",
        "NULL",
        "NULLS",
        "OF",
        "ON",
        "OR",
        "ORDER",
        "OUTER",
        "OVER",
        "PARTITION",
        "PRECEDING",
        "PROTO",
        "QUALIFY",
        "RANGE",
        "RECURSIVE",
        "RESPECT",
        "RIGHT",
        "ROLLUP",
        "ROWS",
        "SELECT",
        "SET",
        "SOME",
        "STRUCT",
        "TABLESAMPLE",
        "THEN",
        "TO",
        "TREAT",
        "TRUE",
        "UNBOUNDED",
        "UNION",
        "UNNEST",
        "USING",
        "WHEN",
        "WHERE",
        "WINDOW",
        "WITH",
        "WITHIN",
    ]
)
"""Words that are no identifiers unless in backticks: "Reserved keywords", https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical."""
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[xX][0-9a-fA-F]{2}|[0-7]{3}|.)", re.DOTALL)


def _unescaped(sql: str) -> str:
    """The statement with the escapes that sqlglot does not read, `\\u00ea` and the like, put in as the characters they are.

    "Escape sequences for string and bytes literals", https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical.
    """
    made, place = [], 0
    for token in GoogleSql().tokenize(sql):
        if token.token_type in {TokenType.STRING, TokenType.HEREDOC_STRING}:
            made.append(sql[place : token.start])
            made.append(_ESCAPE.sub(_character, sql[token.start : token.end + 1]))
            place = token.end + 1
    return "".join(made) + sql[place:]


def _character(found: re.Match[str]) -> str:
    code = found.group(1)
    if len(code) == 1:
        return found.group(0)
    character = chr(int(code, 8) if code.isdigit() and len(code) == 3 else int(code[1:], 16))
    return f"\\{character}" if character in "'\"\\" else character


@lru_cache(maxsize=4_096)
def parsed(sql: str) -> exp.Expression:
    """One statement; kept, since the client asks for nearly every one twice (a dry run first): whoever changes it takes a copy.

    Raises:
        ApiError: it is none; sqlglot's words stand in for BigQuery's.
    """
    try:
        statement = sqlglot.parse_one(_unescaped(sql), read=GoogleSql)
    except (ParseError, TokenError) as error:
        first = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
        said = first.get("description") or str(error)
        raise invalid_query(f"Syntax error: {said} at [{first.get('line', 1)}:{first.get('col', 1)}]") from error
    if statement is None:
        raise invalid_query("Syntax error: Unexpected end of statement at [1:1]")
    if isinstance(statement, exp.Command):
        raise unknown_to_fake(f"the statement {sql.strip()[:60]!r}")
    _refuse_reserved(statement)
    return statement


def _refuse_reserved(statement: exp.Expression) -> None:
    """sqlglot lets most keywords be names; behind a dot they may be, elsewhere BigQuery stops at them."""
    for node in statement.find_all(exp.Identifier):
        parent = node.parent
        behind_dot = isinstance(parent, (exp.Column, exp.Table, exp.Dot)) and any(
            parent.args.get(part) for part in ("table", "db", "expression") if parent.args.get(part) is not node
        )
        if not node.quoted and node.name.upper() in RESERVED and not behind_dot:
            raise invalid_query(f"Syntax error: Unexpected keyword {node.name.upper()}")
