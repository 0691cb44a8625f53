"""Functions over groups and windows: what each comes to in DuckDB. Functions of values are in `calls`.

Sources: "Aggregate functions" https://cloud.google.com/bigquery/docs/reference/standard-sql/aggregate_functions, "Approximate aggregate
functions" https://cloud.google.com/bigquery/docs/reference/standard-sql/approximate_aggregate_functions, "Navigation functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/navigation_functions, "Numbering functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/numbering_functions. The approximate ones are exact here, which they are
allowed to be.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlglot import exp

from sahara_assets_tests.fake_bigquery.calls import call, macro, whole
from sahara_assets_tests.fake_bigquery.errors import invalid_query, unknown_to_fake

PLAIN = {
    "count": "count", "min": "min", "max": "max", "stddev": "stddev", "stddev_samp": "stddev_samp", "stddev_pop": "stddev_pop",
    "variance": "var_samp", "var_samp": "var_samp", "var_pop": "var_pop", "corr": "corr", "covar_pop": "covar_pop", "covar_samp": "covar_samp",
    "logical_or": "bool_or", "logical_and": "bool_and", "bit_and": "bit_and", "bit_or": "bit_or", "bit_xor": "bit_xor",
    "row_number": "row_number", "rank": "rank", "dense_rank": "dense_rank", "percent_rank": "percent_rank", "cume_dist": "cume_dist",
    "ntile": "ntile", "lag": "lag", "lead": "lead", "first_value": "first_value", "last_value": "last_value", "nth_value": "nth_value",
}  # fmt: skip
"""Those that mean the same in DuckDB."""
OTHERS = {
    "sum", "avg", "countif", "any_value", "min_by", "max_by", "array_agg", "string_agg", "approx_count_distinct", "approx_quantiles",
    "approx_top_count", "percentile_cont", "percentile_disc", "array_concat_agg",
}  # fmt: skip
NAMES = set(PLAIN) | OTHERS
DUCKDB_NAMES = set(PLAIN.values()) | {
    "sum", "any_value", "arg_max_null", "arg_min_null", "list", "string_agg", "quantile_cont", "quantile_disc", "histogram", "flatten",
}  # fmt: skip
"""What an aggregate or a window may be called in the translated query."""


class _Parts(NamedTuple):
    """The pieces of an argument: `DISTINCT x IGNORE NULLS ORDER BY y LIMIT n`."""

    value: exp.Expression
    distinct: bool
    order: exp.Order | None
    limit: int | None
    nulls: str
    having: exp.HavingMax | None


def _parts(node: exp.Expression) -> _Parts:
    distinct, order, limit, nulls, having = False, None, None, "", None
    while True:
        if isinstance(node, exp.Limit):
            limit = int(node.expression.find(exp.Literal).name)
        elif isinstance(node, exp.Order):
            order = exp.Order(expressions=node.expressions)
        elif isinstance(node, exp.IgnoreNulls):
            nulls = "ignore"
        elif isinstance(node, exp.RespectNulls):
            nulls = "respect"
        elif isinstance(node, exp.HavingMax):
            having = node
        elif isinstance(node, exp.Distinct):
            distinct = True
            node = node.expressions[0]
            continue
        else:
            return _Parts(node, distinct, order, limit, nulls, having)
        node = node.this


def _behind_distinct(node: exp.Expression) -> list[exp.Expression]:
    """`DISTINCT x, ','` is read as one: what stands behind the first value are arguments of their own."""
    distinct = node if isinstance(node, exp.Distinct) else node.find(exp.Distinct, bfs=False)
    return list(distinct.expressions[1:]) if distinct is not None else []


def aggregate(name: str, arguments: list[exp.Expression], over: exp.Window | None) -> exp.Expression:
    """The DuckDB expression for an aggregate or a window function.

    Args:
        name: as written in the query.
        arguments: with their modifiers, already translated below.
        over: the window that the function stands in, if any: it becomes the window of every aggregate that the answer is made of.
    """
    lower = name.lower()
    parts = _parts(arguments[0]) if arguments else None
    if parts is not None and (more := _behind_distinct(arguments[0])):
        arguments = [parts.value, *more, *arguments[1:]]
    if parts is not None and len(arguments) > 1 and isinstance(arguments[-1], (exp.Order, exp.Limit)):
        # written behind the last argument, they belong to the function
        last = _parts(arguments[-1])
        parts = parts._replace(order=last.order, limit=last.limit)
        arguments = [*arguments[:-1], last.value]

    def windowed(function: exp.Expression) -> exp.Expression:
        if over is None:
            return function
        window = over.copy()
        window.set("this", function)
        return window

    def simple(duckdb_name: str, *more: exp.Expression) -> exp.Expression:
        if parts is None:
            return windowed(call(duckdb_name))
        value: exp.Expression = exp.Distinct(expressions=[parts.value.copy()]) if parts.distinct else parts.value.copy()
        if parts.nulls == "ignore" and duckdb_name in {"first_value", "last_value", "lag", "lead", "nth_value"}:
            value = exp.IgnoreNulls(this=value)
        return windowed(call(duckdb_name, value, *more))

    if lower in PLAIN:
        return simple(PLAIN[lower], *arguments[1:])
    assert parts is not None, name
    if lower == "sum":
        return macro("sum_result", simple("sum"))
    if lower == "avg":
        return macro("avg", simple("sum"), simple("count"))
    if lower == "countif":
        hit = exp.Case(ifs=[exp.If(this=parts.value, true=exp.Literal.number(1))])
        return windowed(call("count", hit))
    if lower == "approx_count_distinct":
        return windowed(call("count", exp.Distinct(expressions=[parts.value])))
    if lower in {"any_value", "min_by", "max_by"}:
        return _one_value(lower, parts, arguments[1:], windowed)
    if lower in {"percentile_cont", "percentile_disc"}:
        value = exp.cast(parts.value, "DOUBLE", dialect="duckdb") if lower == "percentile_cont" else parts.value
        return windowed(call(lower.replace("percentile", "quantile"), value, *arguments[1:]))
    if lower == "approx_quantiles":
        number = int(arguments[1].find(exp.Literal).name)
        shares = exp.Array(expressions=[exp.Literal.number(repr(place / number)) for place in range(number + 1)])
        return call("quantile_disc", parts.value, shares)
    if lower == "approx_top_count":
        return macro("approx_top_count", call("histogram", parts.value), arguments[1])
    return _gathered(lower, parts, arguments[1:], windowed)


def _one_value(name: str, parts: _Parts, more: list[exp.Expression], windowed) -> exp.Expression:
    if name != "any_value":
        return windowed(call("arg_max_null" if name == "max_by" else "arg_min_null", parts.value, more[0]))
    if parts.having is not None:
        chosen = "arg_max_null" if parts.having.args.get("max") else "arg_min_null"
        return windowed(call(chosen, parts.value, parts.having.expression))
    return windowed(call("any_value", parts.value))


def _gathered(name: str, parts: _Parts, more: list[exp.Expression], windowed) -> exp.Expression:
    """ARRAY_AGG, STRING_AGG and ARRAY_CONCAT_AGG."""
    value: exp.Expression = exp.Distinct(expressions=[parts.value.copy()]) if parts.distinct else parts.value.copy()
    if name == "string_agg" and parts.limit is None:
        separator = more[0] if more else exp.Literal.string(",")
        # the order stands behind the last argument, which is where it was written
        return windowed(_ordered(call("string_agg", value, separator), parts.order))
    if name == "string_agg":
        raise unknown_to_fake("STRING_AGG with LIMIT")
    gathered: exp.Expression = _ordered(call("list", value), parts.order)
    if name == "array_agg" and parts.nulls == "ignore":
        present = exp.Not(this=exp.Is(this=parts.value.copy(), expression=exp.Null()))
        gathered = exp.Filter(this=gathered, expression=exp.Where(this=present))
    gathered = windowed(gathered)
    if name == "array_concat_agg":
        gathered = call("flatten", gathered)
    if parts.limit is not None:
        gathered = exp.Bracket(this=gathered, expressions=[exp.Slice(this=whole(1), expression=whole(parts.limit))])
    return gathered


def _ordered(function: exp.Anonymous, order: exp.Order | None) -> exp.Anonymous:
    if order is not None:
        function.append("expressions", exp.Order(this=function.expressions.pop(), expressions=order.expressions))
    return function


def refuse_without_order(name: str, over: exp.Window) -> None:
    """ "Window ORDER BY is required" for numbering and navigation functions that go by an order: window function calls."""
    needs = {"rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"}
    if name.lower() in needs and not over.args.get("order"):
        raise invalid_query(f"Window ORDER BY is required for analytic function {name.lower()}")
