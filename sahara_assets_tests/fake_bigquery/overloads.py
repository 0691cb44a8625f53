"""Chooses the overload of a macro where DuckDB does not: over aggregates and windows, whose types it does not know in time.

For every such call the type of its arguments is asked of DuckDB itself, in the query that the call stands in, and the call is given
the overload's own name (`bq_round__4`). Innermost calls first, since an outer one's type hangs on theirs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from sahara_assets_tests.fake_bigquery.aggregates import DUCKDB_NAMES
from sahara_assets_tests.fake_bigquery.calls import MACROS
from sahara_assets_tests.fake_bigquery.errors import invalid_query

if TYPE_CHECKING:
    import duckdb

_COERCIONS = {
    "BIGINT": ("BIGINT", "DECIMAL(38, 9)", "DOUBLE"),
    "HUGEINT": ("HUGEINT", "BIGINT", "DECIMAL(38, 9)", "DOUBLE"),
    "DECIMAL": ("DECIMAL(38, 9)", "DECIMAL(38, 18)", "DOUBLE"),
    "DOUBLE": ("DOUBLE",),
    "VARCHAR": ("VARCHAR",),
    "JSON": ("JSON", "VARCHAR"),
    "DATE": ("DATE", "TIMESTAMP"),
    "TIMESTAMP": ("TIMESTAMP",),
    "TIMESTAMPTZ": ("TIMESTAMPTZ",),
}
"""What each type may stand for, nearest first: "Supertypes" and coercion, conversion rules. A DATE coerces to DATETIME."""


def choose_overloads(tree: exp.Expression, connection: duckdb.DuckDBPyConnection) -> None:
    """Name the overload of every macro call over an aggregate or a window, in place."""
    for _ in range(500):
        by_query: dict[int, tuple[exp.Select, list[exp.Anonymous]]] = {}
        for node in tree.find_all(exp.Anonymous):
            if _undecided(node) and not any(
                _undecided(inner) for inner in node.find_all(exp.Anonymous) if inner is not node
            ):
                query = _query_of(node)
                if query is not None:
                    by_query.setdefault(id(query), (query, []))[1].append(node)
        if not by_query:
            return
        # the innermost first, and of those one around which nothing is undecided: what stands around it hangs on its types
        for query, calls in sorted(by_query.values(), key=lambda pair: -pair[0].depth):
            probe = _probe(query, calls)
            if not any(_undecided(one) for one in probe.find_all(exp.Anonymous)):
                _decide(probe, calls, connection)
                break
        else:
            break
    raise invalid_query("the fake BigQuery could not tell the types in this query")


def _undecided(node: exp.Anonymous) -> bool:
    name = node.name
    return name.startswith("bq_") and "__" not in name and len(MACROS[name[3:]]) > 1 and _over_aggregate(node)


def _over_aggregate(node: exp.Anonymous) -> bool:
    """Whether an aggregate or window stands below, in the same query."""

    def search(one: exp.Expression) -> bool:
        if isinstance(one, exp.Query):
            return False
        if isinstance(one, exp.Window) or (isinstance(one, exp.Anonymous) and one.name.lower() in DUCKDB_NAMES):
            return True
        return any(search(child) for child in one.iter_expressions())

    return any(search(child) for child in node.iter_expressions())


def _query_of(node: exp.Expression) -> exp.Select | None:
    return node.find_ancestor(exp.Select)


def _probe(query: exp.Select, calls: list[exp.Anonymous]) -> exp.Expression:
    """The query with the calls' arguments for its columns: what DuckDB is asked the types of."""
    arguments = [argument for call in calls for argument in call.expressions]
    probe = query.copy()
    chosen = [exp.alias_(argument.copy(), f"a{place}") for place, argument in enumerate(arguments)]
    probe.set("expressions", chosen)
    for clause in ("having", "qualify", "order", "limit", "offset", "distinct"):
        probe.set(clause, None)
    grouped = probe.args.get("group")
    if grouped is not None:
        # an ordinal or an alias of the real list means nothing in the probe's
        named = {one.alias.lower(): one.this for one in query.expressions if isinstance(one, exp.Alias)}
        made = []
        for one in grouped.expressions:
            place = one.this if isinstance(one, exp.Literal) and not one.is_string else None
            if place is not None:
                real = query.expressions[int(place) - 1]
                made.append((real.this if isinstance(real, exp.Alias) else real).copy())
            elif isinstance(one, exp.Column) and not one.table and one.name.lower() in named:
                made.append(named[one.name.lower()].copy())
            else:
                made.append(one)
        grouped.set("expressions", made)
    return _with_outer_ctes(query, probe)


def _decide(probe: exp.Expression, calls: list[exp.Anonymous], connection: duckdb.DuckDBPyConnection) -> None:
    sql = probe.sql(dialect="duckdb", identify=True)
    types = [row[1] for row in connection.execute(f"DESCRIBE {sql}").fetchall()]
    start = 0
    for call in calls:
        kinds = types[start : start + len(call.expressions)]
        start += len(call.expressions)
        call.set("this", f"{call.name}__{_overload(call.name[3:], kinds)}")


def _with_outer_ctes(query: exp.Select, probe: exp.Select) -> exp.Expression:
    """The probe with the WITH clauses of every query around it; those come first, as they did."""
    ctes: list[exp.CTE] = []
    around = query.parent
    inside: exp.Expression = query
    while around is not None:
        clause = around if isinstance(around, exp.With) else around.args.get("with_") or around.args.get("with")
        if clause is not None:
            listed = list(clause.expressions)
            if isinstance(inside, exp.CTE) and inside in listed:
                listed = listed[: listed.index(inside)]
            known = {cte.alias for cte in ctes}
            ctes = [*(cte.copy() for cte in listed if cte.alias not in known), *ctes]
        if isinstance(around, exp.CTE):
            inside = around
        around = around.parent
    if not ctes:
        return probe
    key = "with_" if "with_" in exp.Select.arg_types else "with"
    own = probe.args.get(key)
    known = {cte.alias for cte in own.expressions} if own is not None else set()
    both = [*(cte for cte in ctes if cte.alias not in known), *(own.expressions if own is not None else [])]
    probe.set(key, exp.With(expressions=both))
    return probe


def _plain(kind: str) -> str:
    kind = kind.strip()
    if kind in {"INTEGER", "SMALLINT", "TINYINT"}:
        return "BIGINT"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return "TIMESTAMPTZ"
    return "DECIMAL" if kind.startswith("DECIMAL") else kind


def _overload(name: str, kinds: list[str]) -> int:
    """The overload that takes the types with the fewest coercions.

    Raises:
        ApiError: there is none.
    """
    best, chosen = None, None
    for place, (parameters, _) in enumerate(MACROS[name]):
        wanted = [re.sub(r"^\w+ ?", "", one.strip()) for one in re.split(r",(?![^(]*\))", parameters)]
        if len(wanted) != len(kinds):
            continue
        cost = 0
        for kind, want in zip((_plain(kind) for kind in kinds), wanted, strict=True):
            ways = _COERCIONS.get(kind, (kind,))
            if want and kind not in {'"NULL"', "NULL"} and want not in ways:
                break
            cost += ways.index(want) if want in ways else 0
        else:
            if best is None or cost < best:
                best, chosen = cost, place
    if chosen is None:
        raise invalid_query(f"No matching signature for function {name.upper()}\n  Argument types: {', '.join(kinds)}")
    return chosen
