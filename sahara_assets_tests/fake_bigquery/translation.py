"""One GoogleSQL query or DML statement into DuckDB's SQL; what each function comes to is in `calls` and `aggregates`.

Read from the leaves up, so that every rule sees its children already translated. What DuckDB cannot choose by itself, the overload of a
macro over an aggregate, is chosen at the end by asking DuckDB for the aggregate's type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from sahara_assets_tests.fake_bigquery.aggregates import NAMES, aggregate, refuse_without_order
from sahara_assets_tests.fake_bigquery.calls import call, extract, interval, macro, scalar, whole
from sahara_assets_tests.fake_bigquery.errors import invalid_query, unknown_to_fake
from sahara_assets_tests.fake_bigquery.macros_time import WEEK_DAYS
from sahara_assets_tests.fake_bigquery.overloads import choose_overloads

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from sahara_assets_tests.fake_bigquery.tables import Tables

_D = exp.DataType.Type
_CASTS = {
    _D.BIGINT: "int64", _D.INT: "int64", _D.SMALLINT: "int64", _D.TINYINT: "int64", _D.DOUBLE: "float64", _D.FLOAT: "float64", _D.BOOLEAN: "bool",
    _D.TEXT: "string", _D.VARCHAR: "string", _D.BINARY: "bytes", _D.VARBINARY: "bytes", _D.BLOB: "bytes", _D.DATE: "date",
    _D.TIMESTAMP: "datetime", _D.DATETIME: "datetime", _D.TIMESTAMPNTZ: "datetime", _D.TIMESTAMPTZ: "timestamp", _D.TIME: "time",
    _D.DECIMAL: "numeric", _D.BIGDECIMAL: "bignumeric",
}  # fmt: skip
_STORED = {
    "int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN", "string": "VARCHAR", "bytes": "BLOB", "date": "DATE", "datetime": "TIMESTAMP",
    "timestamp": "TIMESTAMPTZ", "time": "TIME", "numeric": "DECIMAL(38, 9)", "bignumeric": "DECIMAL(38, 18)",
}  # fmt: skip


@dataclass
class Translated:
    """A statement for DuckDB.

    Attributes:
        tree: the translated tree; `sql` is its text.
        reads: the tables read, with the columns named anywhere in the statement; None stands for all of them.
    """

    tree: exp.Expression
    reads: dict[tuple[str, str, str], set[str] | None] = field(default_factory=dict)

    @property
    def sql(self) -> str:
        return self.tree.sql(dialect="duckdb", identify=True)


def translate(statement: exp.Expression, tables: Tables, connection: duckdb.DuckDBPyConnection) -> Translated:
    """A parsed statement, its parameters filled in, as DuckDB understands it.

    Raises:
        ApiError: an unknown name, or something that the fake was never taught.
    """
    tree = statement.copy()
    _name_outputs(tree)
    columns = {column.name.lower() for column in tree.find_all(exp.Column)}
    everything = any(_takes_columns(star) for star in tree.find_all(exp.Star))
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    reads: dict[tuple[str, str, str], set[str] | None] = {}
    for table in list(tree.find_all(exp.Table)):
        if isinstance(table.this, exp.Func) or (not table.db and table.name.lower() in ctes):
            continue
        found, replacement = tables.resolved(table)
        if found is not None:
            reads[found] = None if everything else columns
        table.replace(replacement)
    for place, unnest in enumerate(list(tree.find_all(exp.Unnest))):
        _flatten(unnest, place)
    for node in reversed(list(tree.dfs())):
        made = _rewritten(node)
        if made is not node:
            if node is tree:
                tree = made
            else:
                node.replace(made)
    choose_overloads(tree, connection)
    return Translated(tree, reads)


def _takes_columns(star: exp.Star) -> bool:
    return not (isinstance(star.parent, exp.Anonymous) and star.parent.name.lower() == "count")


def _name_outputs(tree: exp.Expression) -> None:
    """Name what the outermost query leaves unnamed f0_, f1_ …, as BigQuery does ("Implicit aliases": anonymous columns, query syntax)."""
    query = tree.expression if isinstance(tree, (exp.Create, exp.Insert)) else tree
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    if not isinstance(query, exp.Select):
        return
    unnamed = 0
    made = []
    for projection in query.expressions:
        if isinstance(projection, (exp.Alias, exp.Star, exp.Column, exp.Dot)):
            made.append(projection)
            continue
        made.append(exp.alias_(projection, f"f{unnamed}_"))
        unnamed += 1
    query.set("expressions", made)


def _flatten(unnest: exp.Unnest, place: int) -> None:
    """UNNEST in a FROM clause: its alias names the element, and for structs written out their fields are columns.

    "UNNEST operator", https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#unnest_operator.
    """
    if not isinstance(unnest.parent, (exp.From, exp.Join)):
        return
    array = unnest.expressions[0]
    alias = unnest.args.get("alias")
    name = next(
        (part.name for part in [*(alias.columns if alias else []), *([alias.this] if alias and alias.this else [])]), ""
    )
    offset = unnest.args.get("offset")
    structs = (
        array.find(exp.Struct) is not None
        or any(isinstance(one, exp.Anonymous) and one.name.lower() == "struct" for one in array.find_all(exp.Anonymous))
        or any(kind.this == _D.STRUCT for kind in array.find_all(exp.DataType))
    )
    element: exp.Expression = call("unnest", array.copy())
    if structs or not name:
        element = call(
            "unnest",
            array.copy(),
            exp.PropertyEQ(this=exp.to_identifier("max_depth"), expression=exp.Literal.number(2)),
        )
    elif name:
        element = exp.alias_(element, name, quoted=True)
    chosen = [element]
    if offset:
        position = offset.name if isinstance(offset, exp.Expression) else "offset"
        numbers = call("range", call("len", array.copy()))
        chosen.append(exp.alias_(call("unnest", numbers), position, quoted=True))
    # a name of its own for the table, so that `item.x` is the field x of the element and not a column of the table
    shown = name if structs and name else f"_unnest_{place}"
    inner = exp.Subquery(
        this=exp.Select(expressions=chosen), alias=exp.TableAlias(this=exp.to_identifier(shown, quoted=True))
    )
    unnest.replace(inner)


def _rewritten(node: exp.Expression) -> exp.Expression:
    for kind, rule in _RULES:
        if isinstance(node, kind):
            return rule(node)
    return node


def _number(node: exp.Literal) -> exp.Expression:
    """Whole literals are INT64, all others FLOAT64: "Literals", https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical."""
    if node.is_string or isinstance(
        node.parent, (exp.Limit, exp.Offset, exp.WindowSpec, exp.DataTypeParam, exp.Group, exp.Ordered, exp.Interval)
    ):
        return node
    text = node.this
    if text.lower().startswith("0x"):
        text = str(int(text, 16))
    if text.isdigit():
        # one level up for a negative number: -9223372036854775808 is one literal
        return whole(int(text)) if int(text) < 2**63 else node
    return exp.Literal.number(text if "e" in text.lower() else f"{text}e0")


def cast_to(value: exp.Expression, kind: exp.DataType, *, safe: bool) -> exp.Expression:
    """CAST and SAFE_CAST. A decimal with parameters rounds to its scale and refuses what is too large for its precision.

    "Parameterized data types" and "CAST AS NUMERIC", conversion functions.
    """
    if kind.this in {_D.ARRAY, _D.STRUCT, _D.JSON}:
        made: exp.Expression = exp.Cast(this=value, to=stored_type(kind))
        return exp.TryCast(this=value, to=stored_type(kind)) if safe else made
    name = _CASTS.get(kind.this)
    if name is None:
        raise unknown_to_fake(f"CAST AS {kind.sql(dialect='bigquery')}")
    made = value if isinstance(value, exp.Null) else macro(f"cast_{name}", value)
    if isinstance(value, exp.Null) or (kind.expressions and name in {"numeric", "bignumeric"}):
        made = exp.Cast(this=made, to=stored_type(kind))
    return call("try", made) if safe else made


def stored_type(kind: exp.DataType) -> exp.DataType:
    """The DuckDB type for a GoogleSQL type."""
    if kind.this == _D.ARRAY:
        inner = stored_type(kind.expressions[0])
        return exp.DataType(this=_D.ARRAY, expressions=[inner], nested=True)
    if kind.this == _D.STRUCT:
        fields = []
        for place, one in enumerate(kind.expressions):
            name = one.this if isinstance(one, exp.ColumnDef) else exp.to_identifier(f"_field_{place + 1}")
            inner = stored_type(one.args["kind"] if isinstance(one, exp.ColumnDef) else one)
            fields.append(exp.ColumnDef(this=exp.to_identifier(name.name, quoted=True), kind=inner))
        return exp.DataType(this=_D.STRUCT, expressions=fields, nested=True)
    if kind.this == _D.JSON:
        return exp.DataType.build("JSON", dialect="duckdb")
    name = _CASTS.get(kind.this)
    if name is None:
        raise unknown_to_fake(f"the type {kind.sql(dialect='bigquery')}")
    if name in {"numeric", "bignumeric"} and kind.expressions:
        numbers = [int(part.this.name) for part in kind.expressions]
        return exp.DataType.build(f"DECIMAL({numbers[0]}, {numbers[1] if len(numbers) > 1 else 0})", dialect="duckdb")
    return exp.DataType.build(_STORED[name], dialect="duckdb")


def _cast(node: exp.Cast) -> exp.Expression:
    if node.args.get("format"):
        raise unknown_to_fake("CAST with FORMAT")
    value = node.this
    if isinstance(value, exp.Array) and node.to.this == _D.ARRAY:
        value = exp.Array(expressions=[_row(one) for one in value.expressions])
    if isinstance(value, exp.Struct) and node.to.this == _D.STRUCT:
        value = call("row", *[one.expression if isinstance(one, exp.PropertyEQ) else one for one in value.expressions])
    return cast_to(value, node.to, safe=isinstance(node, exp.TryCast))


def _row(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Tuple):
        return call("row", *node.expressions)
    if isinstance(node, exp.Struct):
        return call("row", *[one.expression if isinstance(one, exp.PropertyEQ) else one for one in node.expressions])
    return node


def _struct(values: list[exp.Expression]) -> exp.Expression:
    """STRUCT(…): a column without an alias lends its name, anything else gets `_field_n` (the client never sees those)."""
    made = []
    for place, value in enumerate(values):
        name = value.alias if isinstance(value, (exp.Alias, exp.PropertyEQ)) else value.output_name
        inner = (
            value.this
            if isinstance(value, exp.Alias)
            else value.expression
            if isinstance(value, exp.PropertyEQ)
            else value
        )
        made.append(
            exp.PropertyEQ(this=exp.to_identifier(name or f"_field_{place + 1}", quoted=True), expression=inner)
        )
    return exp.Struct(expressions=made)


def _anonymous(node: exp.Anonymous) -> exp.Expression:
    name = node.name
    if name.lower().startswith("bq_"):
        return node
    if name.lower() == "struct":
        return _struct(node.expressions)
    if name.lower() == "week" and len(node.expressions) == 1 and node.expressions[0].name.upper() in WEEK_DAYS:
        return node  # a date part; the call around it reads it
    if name.lower() in NAMES:
        parent = node.parent
        if isinstance(parent, exp.Window) and parent.this is node:
            return node  # the window makes it
        return aggregate(name, node.expressions, None)
    return scalar(name, node.expressions)


def _window(node: exp.Window) -> exp.Expression:
    function = node.this
    if isinstance(function, (exp.IgnoreNulls, exp.RespectNulls)):
        function = exp.Anonymous(
            this=function.this.name,
            expressions=[type(function)(this=function.this.expressions[0]), *function.this.expressions[1:]],
        )
    if not isinstance(function, exp.Anonymous) or function.name.lower() not in NAMES:
        return node
    refuse_without_order(function.name, node)
    return aggregate(function.name, function.expressions, node)


def _bracket(node: exp.Bracket) -> exp.Expression:
    if node.args.get("offset") is None and node.expressions and node.expressions[0].is_string:
        raise unknown_to_fake("subscripts of JSON")
    if isinstance(node.expressions[0], exp.Slice):
        return node
    place = node.expressions[0]
    if node.args.get("offset"):
        place = exp.Sub(this=exp.Paren(this=place), expression=whole(1))
    return macro("safe_offset" if node.args.get("safe") else "offset", node.this, place)


def _array(node: exp.Array) -> exp.Expression:
    """Later structs of an array take the first one's names: "Constructing arrays", data types."""
    first = node.expressions[0] if node.expressions else None
    if isinstance(first, exp.Struct):
        names = [one.this.name for one in first.expressions]
        for other in node.expressions[1:]:
            if isinstance(other, exp.Struct):
                for name, one in zip(names, other.expressions, strict=True):
                    one.set("this", exp.to_identifier(name, quoted=True))
    return node


def _select(node: exp.Select) -> exp.Expression:
    kind = node.args.get("kind") or ""
    if not kind:
        return node
    if str(kind).upper() != "STRUCT":
        raise unknown_to_fake(f"SELECT AS {kind}")
    node.set("kind", None)
    node.set("expressions", [exp.alias_(_struct(node.expressions), "_struct")])
    return node


def _like(node: exp.Like) -> exp.Expression:
    """A backslash escapes in LIKE: operators, "LIKE operator"."""
    if isinstance(node.parent, exp.Escape):
        return node
    return exp.Escape(this=exp.Like(this=node.this, expression=node.expression), expression=exp.Literal.string("\\"))


def _unknown(node: exp.Expression) -> exp.Expression:
    raise unknown_to_fake(f"{type(node).__name__}: {node.sql(dialect='bigquery')[:80]}")


_RULES: list[tuple[type[exp.Expression] | tuple[type[exp.Expression], ...], Callable]] = [
    (exp.Literal, _number),
    (exp.RawString, lambda node: exp.Literal.string(node.this)),
    (exp.Parameter, lambda node: _raise(f"Query parameter '{node.name}' not found")),
    (exp.Placeholder, lambda _: _raise("Positional parameters are not supported in this query: too few were given")),
    (exp.Cast, _cast),
    (exp.ParseJSON, lambda node: exp.Cast(this=node.this, to=exp.DataType.build("JSON", dialect="duckdb"))),
    (exp.Extract, extract),
    (exp.Interval, interval),
    (exp.Div, lambda node: macro("div_operator", node.this, node.expression)),
    (exp.Mul, lambda node: macro("product", exp.Mul(this=node.this, expression=node.expression))),
    (exp.Bracket, _bracket),
    (exp.Array, _array),
    (exp.Select, _select),
    (exp.Like, _like),
    (exp.SafeFunc, lambda node: call("try", node.this)),
    (exp.Window, _window),
    (exp.Anonymous, _anonymous),
    (exp.SessionParameter, _unknown),
]


def _raise(message: str) -> exp.Expression:
    raise invalid_query(message)
