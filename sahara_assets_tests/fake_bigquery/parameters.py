"""Query parameters and script variables as typed literals in the parsed statement, so that values never pass through text.

"Running parameterized queries", https://cloud.google.com/bigquery/docs/parameterized-queries; `QueryParameter`,
https://cloud.google.com/bigquery/docs/reference/rest/v2/QueryParameter.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from sahara_assets_tests.fake_bigquery.errors import invalid, invalid_query
from sahara_assets_tests.fake_bigquery.schema import standard_name


def literal(kind: dict[str, Any], value: dict[str, Any]) -> exp.Expression:
    """A parameter's value as a GoogleSQL expression of its type."""
    data_type = exp.DataType.build(type_text(kind), dialect="bigquery")
    if kind["type"] == "ARRAY":
        inner = kind["arrayType"]
        made: exp.Expression = exp.Array(expressions=[literal(inner, one) for one in value.get("arrayValues") or []])
        return exp.Cast(this=made, to=data_type)
    if kind["type"] in {"STRUCT", "RECORD"}:
        given = value.get("structValues") or {}
        parts = [
            exp.alias_(literal(one["type"], given.get(one["name"], {})), one["name"]) for one in kind["structTypes"]
        ]
        return exp.Anonymous(this="struct", expressions=parts)
    text = value.get("value")
    inner_value = exp.Null() if text is None else exp.Literal.string(str(text))
    if kind["type"] == "BYTES" and text is not None:
        return exp.Anonymous(this="from_base64", expressions=[inner_value])
    if kind["type"] == "STRING" and text is not None:
        return inner_value
    return exp.Cast(this=inner_value, to=data_type)


def type_text(kind: dict[str, Any]) -> str:
    """A parameter's type in GoogleSQL."""
    if kind["type"] == "ARRAY":
        return f"ARRAY<{type_text(kind['arrayType'])}>"
    if kind["type"] in {"STRUCT", "RECORD"}:
        return "STRUCT<" + ", ".join(f"`{one['name']}` {type_text(one['type'])}" for one in kind["structTypes"]) + ">"
    return standard_name(kind["type"])


def filled(
    statement: exp.Expression, parameters: list[dict[str, Any]], variables: dict[str, exp.Expression]
) -> exp.Expression:
    """The statement with its parameters and variables put in.

    Raises:
        ApiError: a parameter is missing, given in the wrong way, or of a type that does not fit its value's form.
    """
    named = {str(one["name"]).lower(): one for one in parameters if one.get("name")}
    positional = [one for one in parameters if not one.get("name")]
    if named and positional:
        raise invalid("Cannot mix named and positional query parameters")
    place = 0
    for node in list(statement.dfs()):
        if isinstance(node, exp.Parameter):
            found = named.get(node.name.lower())
            if found is None:
                raise invalid_query(f"Query parameter '{node.name}' not found")
            node.replace(literal(found["parameterType"], found.get("parameterValue", {})))
        elif isinstance(node, exp.Placeholder):
            if place >= len(positional):
                raise invalid_query("Query has more positional parameters than were given")
            found = positional[place]
            place += 1
            node.replace(literal(found["parameterType"], found.get("parameterValue", {})))
        elif isinstance(node, exp.Column) and not node.table and node.name.lower() in variables:
            node.replace(variables[node.name.lower()].copy())
    return statement
