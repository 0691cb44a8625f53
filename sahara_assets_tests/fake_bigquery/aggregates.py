"""Functions over groups and windows: what each comes to in DuckDB. Functions of values are in `calls`.

Sources: "Aggregate functions" https://cloud.google.com/bigquery/docs/reference/standard-sql/aggregate_functions, "Approximate aggregate
functions" https://cloud.google.com/bigquery/docs/reference/standard-sql/approximate_aggregate_functions, "Navigation functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/navigation_functions, "Numbering functions"
https://cloud.google.com/bigquery/docs/reference/standard-sql/numbering_functions. The approximate ones are exact here, which they are
allowed to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from sahara_assets_tests.fake_bigquery.calls import call, macro, whole
from sahara_assets_tests.fake_bigquery.errors import invalid_query, unknown_to_fake

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = {
    "count": "count", "min": "min", "max": "max", "stddev": "stddev", "stddev_samp": "stddev_samp", "stddev_pop": "stddev_pop",
    "variance": "var_samp", "var_samp": "var_samp", "var_pop": "var_pop", "corr": "corr", "covar_pop": "covar_pop", "covar_samp": "covar_samp",
    "logical_or": "bool_or", "logical_and": "bool_and", "bit_and": "bit_and", "bit_or": "bit_or", "bit_xor": "bit_xor",
    "row_number": "row_number", "rank": "rank", "dense_rank": "dense_rank", "percent_rank": "percent_rank", "cume_dist": "cume_dist",
    "ntile": "ntile", "lag": "lag", "lead": "lead", "first_value": "first_value", "last_value": "last_value", "nth_value": "nth_value",
}  # fmt: skip
"""Those that mean the same in DuckDB."""
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


class _Call(NamedTuple):
    """One call: its first argument's pieces, the further arguments, and the window that it stands in, if any."""

    name: str
    parts: _Parts | None
    more: list[exp.Expression]
    over: exp.Window | None

    @property
    def value(self) -> exp.Expression:
        assert self.parts is not None, f"{self.name} without an argument"
        return self.parts.value.copy()

    def windowed(self, function: exp.Expression) -> exp.Expression:
        """The function in the call's window."""
        if self.over is None:
            return function
        window = self.over.copy()
        window.set("this", function)
        return window

    def as_it_is(self, duckdb_name: str) -> exp.Expression:
        """The same call under another name."""
        if self.parts is None:
            return self.windowed(call(duckdb_name))
        value = exp.Distinct(expressions=[self.value]) if self.parts.distinct else self.value
        if self.parts.nulls == "ignore" and duckdb_name in {"first_value", "last_value", "lag", "lead", "nth_value"}:
            value = exp.IgnoreNulls(this=value)
        return self.windowed(call(duckdb_name, value, *self.more))


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
    asked = _Call(lower, parts, arguments[1:], over)
    return asked.as_it_is(PLAIN[lower]) if lower in PLAIN else _OTHERS[lower](asked)


def _count_if(asked: _Call) -> exp.Expression:
    return asked.windowed(call("count", exp.Case(ifs=[exp.If(this=asked.value, true=exp.Literal.number(1))])))


def _by(asked: _Call) -> exp.Expression:
    chosen = "arg_max_null" if asked.name == "max_by" else "arg_min_null"
    return asked.windowed(call(chosen, asked.value, asked.more[0]))


def _any_value(asked: _Call) -> exp.Expression:
    having = asked.parts.having if asked.parts else None
    if having is None:
        return asked.windowed(call("any_value", asked.value))
    chosen = "arg_max_null" if having.args.get("max") else "arg_min_null"
    return asked.windowed(call(chosen, asked.value, having.expression))


def _percentile(asked: _Call) -> exp.Expression:
    value = exp.cast(asked.value, "DOUBLE", dialect="duckdb") if asked.name == "percentile_cont" else asked.value
    return asked.windowed(call(asked.name.replace("percentile", "quantile"), value, *asked.more))


def _quantiles(asked: _Call) -> exp.Expression:
    number = int(asked.more[0].find(exp.Literal).name)
    shares = [exp.Literal.number(repr(place / number)) for place in range(number + 1)]
    return call("quantile_disc", asked.value, exp.Array(expressions=shares))


def _string_agg(asked: _Call) -> exp.Expression:
    assert asked.parts is not None
    if asked.parts.limit is not None:
        raise unknown_to_fake("STRING_AGG with LIMIT")
    value = exp.Distinct(expressions=[asked.value]) if asked.parts.distinct else asked.value
    separator = asked.more[0] if asked.more else exp.Literal.string(",")
    # the order stands behind the last argument, which is where it was written
    return asked.windowed(_ordered(call("string_agg", value, separator), asked.parts.order))


def _array_agg(asked: _Call) -> exp.Expression:
    """ARRAY_AGG and ARRAY_CONCAT_AGG."""
    assert asked.parts is not None
    value = exp.Distinct(expressions=[asked.value]) if asked.parts.distinct else asked.value
    gathered: exp.Expression = _ordered(call("list", value), asked.parts.order)
    if asked.name == "array_agg" and asked.parts.nulls == "ignore":
        present = exp.Not(this=exp.Is(this=asked.value, expression=exp.Null()))
        gathered = exp.Filter(this=gathered, expression=exp.Where(this=present))
    gathered = asked.windowed(gathered)
    if asked.name == "array_concat_agg":
        gathered = call("flatten", gathered)
    if asked.parts.limit is not None:
        gathered = exp.Bracket(
            this=gathered, expressions=[exp.Slice(this=whole(1), expression=whole(asked.parts.limit))]
        )
    return gathered


def _ordered(function: exp.Anonymous, order: exp.Order | None) -> exp.Anonymous:
    if order is not None:
        function.append("expressions", exp.Order(this=function.expressions.pop(), expressions=order.expressions))
    return function


_OTHERS: dict[str, Callable[[_Call], exp.Expression]] = {
    "sum": lambda asked: macro("sum_result", asked.as_it_is("sum")),
    "avg": lambda asked: macro("avg", asked.as_it_is("sum"), asked.as_it_is("count")),
    "countif": _count_if,
    "any_value": _any_value,
    "min_by": _by,
    "max_by": _by,
    "array_agg": _array_agg,
    "array_concat_agg": _array_agg,
    "string_agg": _string_agg,
    "approx_count_distinct": lambda asked: asked.windowed(call("count", exp.Distinct(expressions=[asked.value]))),
    "approx_quantiles": _quantiles,
    "approx_top_count": lambda asked: macro("approx_top_count", call("histogram", asked.value), asked.more[0]),
    "percentile_cont": _percentile,
    "percentile_disc": _percentile,
}
NAMES = set(PLAIN) | set(_OTHERS)


def refuse_without_order(name: str, over: exp.Window) -> None:
    """ "Window ORDER BY is required" for numbering and navigation functions that go by an order: window function calls."""
    needs = {"rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"}
    if name.lower() in needs and not over.args.get("order"):
        raise invalid_query(f"Window ORDER BY is required for analytic function {name.lower()}")
