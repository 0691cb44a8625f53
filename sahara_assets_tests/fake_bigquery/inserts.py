"""What an INSERT may put into which column, and its values cast to the columns' types.

"Value type compatibility", INSERT statement, https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax#insert_statement: a
value's type must be the column's or coerce to it; a literal coerces further ("Literal coercion",
https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_rules).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from sahara_assets_tests.fake_bigquery import statements
from sahara_assets_tests.fake_bigquery.calls import call, macro
from sahara_assets_tests.fake_bigquery.errors import invalid_query
from sahara_assets_tests.fake_bigquery.schema import Field, duckdb_type, standard_name

if TYPE_CHECKING:
    from sahara_assets_tests.fake_bigquery.session import Session
    from sahara_assets_tests.fake_bigquery.translation import Translated

_COERCED = {
    ("INTEGER", "NUMERIC"), ("INTEGER", "BIGNUMERIC"), ("INTEGER", "FLOAT"), ("NUMERIC", "BIGNUMERIC"), ("NUMERIC", "FLOAT"),
    ("BIGNUMERIC", "FLOAT"), ("DATE", "DATETIME"),
}  # fmt: skip
_LITERALS = {
    "STRING": {"DATE", "DATETIME", "TIMESTAMP", "TIME"},
    "FLOAT": {"NUMERIC", "BIGNUMERIC"},
}
_TIMES = {"DATE": "date", "DATETIME": "datetime", "TIMESTAMP": "timestamp", "TIME": "time"}


def fit(statement: exp.Insert, made: Translated, fields: list[Field], session: Session) -> None:
    """Check an INSERT's values against the columns, and cast them, in place.

    Raises:
        ApiError: an unknown column, a wrong number of values, a type that does not fit.
    """
    wanted = _columns(statement, fields)
    source, original = made.tree.expression, statement.expression
    if isinstance(source, exp.Values):
        rows = source.expressions
        originals = [row.expressions for row in original.expressions]
        for row, written in zip(rows, originals, strict=True):
            _fit_row(row, written, wanted, session)
        return
    given = statements.described(source.sql(dialect="duckdb", identify=True), session)
    if len(given) != len(wanted):
        raise invalid_query(f"Inserted row has wrong column count; Has {len(given)}, expected {len(wanted)}")
    written = original.selects if isinstance(original, exp.Select) and not original.is_star else [None] * len(given)
    for place, (have, want, one) in enumerate(zip(given, wanted, written, strict=True)):
        _check(
            have["type"],
            have["mode"],
            want,
            one.unalias() if one is not None else None,
            f"Query column {place + 1} has",
        )


def _columns(statement: exp.Insert, fields: list[Field]) -> list[Field]:
    if not isinstance(statement.this, exp.Schema):
        return fields
    by_name = {field["name"].lower(): field for field in fields}
    names = [one.name for one in statement.this.expressions]
    unknown = [name for name in names if name.lower() not in by_name]
    if unknown:
        raise invalid_query(f"Column {unknown[0]} is not present in table {statements.target_of(statement).name}")
    if len(set(names)) < len(names):
        raise invalid_query(
            f"INSERT has columns with duplicate name: {next(one for one in names if names.count(one) > 1)}"
        )
    return [by_name[name.lower()] for name in names]


def _fit_row(row: exp.Tuple, written: list[exp.Expression], wanted: list[Field], session: Session) -> None:
    if len(row.expressions) != len(wanted):
        raise invalid_query(f"Inserted row has wrong column count; Has {len(row.expressions)}, expected {len(wanted)}")
    made = []
    unclear = [place for place, one in enumerate(written) if not _is_literal(one)]
    kinds: dict[int, Field] = {}
    if unclear:
        listed = ", ".join(
            f"{row.expressions[place].sql(dialect='duckdb', identify=True)} AS c{place}" for place in unclear
        )
        kinds = dict(zip(unclear, statements.described(f"SELECT {listed}", session), strict=True))
    for place, (value, one, want) in enumerate(zip(row.expressions, written, wanted, strict=True)):
        have = kinds[place] if place in kinds else {"type": _literal_kind(one), "mode": "NULLABLE"}
        _check(have["type"], have["mode"], want, one, "Value has")
        fitting = _by_place(value)
        if _is_literal(one) and have["type"] == "STRING" and want["type"] in _TIMES:
            fitting = macro(f"cast_{_TIMES[want['type']]}", value)
        made.append(exp.Cast(this=fitting, to=exp.DataType.build(duckdb_type(want), dialect="duckdb")))
    row.set("expressions", made)


def _by_place(value: exp.Expression) -> exp.Expression:
    """A struct goes into a column by the places of its fields, not by their names: "Struct coercion", conversion rules."""
    for struct in reversed(list(value.find_all(exp.Struct))):
        row = call("row", *[one.expression if isinstance(one, exp.PropertyEQ) else one for one in struct.expressions])
        if struct is value:
            return row
        struct.replace(row)
    return value


def _is_literal(node: exp.Expression | None) -> bool:
    return isinstance(node, (exp.Literal, exp.Null)) or (
        isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal)
    )


def _literal_kind(node: exp.Expression) -> str:
    if isinstance(node, exp.Null):
        return "NULL"
    number = node.this if isinstance(node, exp.Neg) else node
    if number.is_string:
        return "STRING"
    return "INTEGER" if number.this.isdigit() else "FLOAT"


def _check(kind: str, mode: str, want: Field, written: exp.Expression | None, said: str) -> None:
    if isinstance(written, exp.Null) or kind == "NULL":
        return
    fits = kind == want["type"] or (kind, want["type"]) in _COERCED
    fits = fits or (_is_literal(written) and want["type"] in _LITERALS.get(kind, set()))
    if not fits or (mode == "REPEATED") != (want["mode"] == "REPEATED"):
        raise invalid_query(
            f"{said} type {standard_name(kind)} which cannot be inserted into column {want['name']}, which has type {standard_name(want['type'])}"
        )
