"""What each GoogleSQL function comes to in DuckDB, argument by argument; functions over groups and windows are in `aggregates`.

Most functions are the macro of their name (`macros`, `macros_time`); here stand those whose arguments are more than values: date parts,
intervals, patterns with groups, lists of any length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from sahara_assets_tests.fake_bigquery.errors import invalid_query, unknown_to_fake
from sahara_assets_tests.fake_bigquery.macros import MACROS as PLAIN
from sahara_assets_tests.fake_bigquery.macros_time import MACROS as TIMES
from sahara_assets_tests.fake_bigquery.macros_time import WEEK_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable

MACROS = {**PLAIN, **TIMES}
SAME = {
    "exp", "ln", "sqrt", "log10", "isnan", "isinf", "nullif", "coalesce", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "bit_count",
    "to_days", "to_months", "to_microseconds", "row", "unnest", "range", "len", "list_concat", "try", "list_sort", "list_filter",
}  # fmt: skip
"""Functions that mean the same in DuckDB under the same name, and DuckDB's own that the translation itself has put in."""
RENAMED = {
    "is_nan": "isnan", "is_inf": "isinf", "ifnull": "coalesce", "char_length": "length", "character_length": "length", "substring": "substr",
    "power": "pow", "ceiling": "ceil", "instr": "strpos", "octet_length": "byte_length", "safe_convert_bytes_to_string": "cast_string",
    "json_extract_scalar": "json_value", "json_extract": "json_query", "error": "raise_error",
}  # fmt: skip
_INTERVALS = {
    "MICROSECOND": ("to_microseconds", 1), "MILLISECOND": ("to_microseconds", 1_000), "SECOND": ("to_microseconds", 1_000_000),
    "MINUTE": ("to_microseconds", 60_000_000), "HOUR": ("to_microseconds", 3_600_000_000), "DAY": ("to_days", 1), "WEEK": ("to_days", 7),
    "MONTH": ("to_months", 1), "QUARTER": ("to_months", 3), "YEAR": ("to_months", 12),
}  # fmt: skip


def call(name: str, *arguments: exp.Expression | str) -> exp.Anonymous:
    """A call of a DuckDB function; a text argument is a literal."""
    made = [exp.Literal.string(one) if isinstance(one, str) else one for one in arguments]
    return exp.Anonymous(this=name, expressions=made)


def macro(name: str, *arguments: exp.Expression | str) -> exp.Anonymous:
    """A call of one of the fake's macros.

    Raises:
        ApiError: there is none of that name.
    """
    if name not in MACROS:
        raise unknown_to_fake(f"the function {name.upper()}")
    return call(f"bq_{name}", *arguments)


def whole(number: int) -> exp.Expression:
    return exp.cast(exp.Literal.number(number), "BIGINT", dialect="duckdb")


def part_name(node: exp.Expression) -> str:
    """`day`, `week`, `week_monday`: the date part that an argument names."""
    if (isinstance(node, (exp.Anonymous, exp.Func)) and node.name.upper() == "WEEK") or isinstance(node, exp.WeekStart):
        inner = node.expressions[0] if node.expressions else node.this
        day = inner.name.upper()
        if day not in WEEK_DAYS:
            raise invalid_query(f"A valid date part argument is required, but found WEEK({day})")
        return f"week_{day.lower()}"
    return node.name.lower()


def interval(node: exp.Interval) -> exp.Expression:
    """INTERVAL n PART as a DuckDB interval."""
    unit = node.args.get("unit")
    if unit is None or unit.name.upper() not in _INTERVALS:
        raise unknown_to_fake(f"the interval {node.sql(dialect='bigquery')}")
    maker, factor = _INTERVALS[unit.name.upper()]
    amount = node.this
    if isinstance(amount, exp.Literal):
        number: exp.Expression = whole(int(amount.this) * factor)
    else:
        number = exp.Mul(this=exp.Paren(this=amount.copy()), expression=whole(factor)) if factor != 1 else amount.copy()
    kind = "BIGINT" if maker == "to_microseconds" else "INTEGER"
    return call(maker, exp.cast(number, kind, dialect="duckdb"))


def extract(node: exp.Extract) -> exp.Expression:
    part, value = part_name(node.this), node.expression
    if isinstance(value, exp.AtTimeZone):
        # the local moment in that zone is a DATETIME, whose parts are taken
        value = macro("datetime", value.this, value.args["zone"])
    return macro(f"extract_{part}", value)


def _null_if_any(name: str) -> Callable[[list[exp.Expression]], exp.Expression]:
    """GREATEST and LEAST are NULL when any argument is; DuckDB's leave NULLs out."""

    def make(arguments: list[exp.Expression]) -> exp.Expression:
        some = exp.or_(*[exp.Is(this=one.copy(), expression=exp.Null()) for one in arguments])
        return exp.Case(ifs=[exp.If(this=some, true=exp.Null())], default=call(name, *arguments))

    return make


def _concat(arguments: list[exp.Expression]) -> exp.Expression:
    """CONCAT is NULL when any argument is; DuckDB's leaves NULLs out."""
    made = arguments[0] if len(arguments) > 1 else exp.DPipe(this=arguments[0], expression=exp.Literal.string(""))
    for one in arguments[1:]:
        made = exp.DPipe(this=made, expression=one)
    return exp.Paren(this=made)


def _if(arguments: list[exp.Expression]) -> exp.Expression:
    condition, true, false = arguments
    return exp.Case(ifs=[exp.If(this=condition, true=true)], default=false)


def _pattern(name: str) -> Callable[[list[exp.Expression]], exp.Expression]:
    """With one capturing group the group is what is extracted; with several BigQuery refuses."""

    def make(arguments: list[exp.Expression]) -> exp.Expression:
        if len(arguments) != 2 or not arguments[1].is_string:
            raise unknown_to_fake(f"{name.upper()} with a position, an occurrence or a pattern that is no literal")
        groups = re.compile(arguments[1].name).groups
        if groups > 1:
            raise invalid_query(
                "Regular expressions passed into extraction functions must not have more than 1 capturing group"
            )
        return macro(f"{name}_group" if groups else name, *arguments)

    return make


def _safe(operator: type[exp.Binary]) -> Callable[[list[exp.Expression]], exp.Expression]:
    return lambda arguments: call(
        "try", operator(this=exp.Paren(this=arguments[0]), expression=exp.Paren(this=arguments[1]))
    )


def _add(name: str) -> Callable[[list[exp.Expression]], exp.Expression]:
    def make(arguments: list[exp.Expression]) -> exp.Expression:
        return macro(f"interval_{name}", *arguments)

    return make


def _difference(prefix: str, cast: str) -> Callable[[list[exp.Expression]], exp.Expression]:
    def make(arguments: list[exp.Expression]) -> exp.Expression:
        one, other, part = arguments
        named = f"{prefix}diff_{part_name(part)}"
        if named not in MACROS:
            raise invalid_query(f"A valid date part argument is required, but found {part_name(part).upper()}")
        return macro(named, _literal(one, cast), _literal(other, cast))

    return make


def _literal(value: exp.Expression, cast: str) -> exp.Expression:
    """A text literal where a date is wanted is one ("Literal coercion", conversion rules)."""
    return macro(f"cast_{cast}", value) if value.is_string else value


def _truncate(cast: str) -> Callable[[list[exp.Expression]], exp.Expression]:
    return lambda arguments: macro(f"trunc_{part_name(arguments[1])}", _literal(arguments[0], cast), *arguments[2:])


def _now(kind: str) -> Callable[[list[exp.Expression]], exp.Expression]:
    def make(arguments: list[exp.Expression]) -> exp.Expression:
        zone = arguments[0] if arguments else exp.Literal.string("UTC")
        now = call("now")
        if kind == "timestamp":
            return now
        local = exp.AtTimeZone(this=now, zone=zone)
        return exp.cast(
            exp.Paren(this=local), {"date": "DATE", "datetime": "TIMESTAMP", "time": "TIME"}[kind], dialect="duckdb"
        )

    return make


def _json_text(arguments: list[exp.Expression]) -> exp.Expression:
    if len(arguments) != 1:
        raise unknown_to_fake("TO_JSON_STRING with pretty printing")
    if isinstance(arguments[0], (exp.Struct, exp.Array)):
        return exp.cast(call("to_json", arguments[0]), "VARCHAR", dialect="duckdb")
    return macro("json_text", *arguments)


def _format(arguments: list[exp.Expression]) -> exp.Expression:
    if len(arguments) != 2 or not re.fullmatch(r"%0?\d*d", arguments[0].name):
        raise unknown_to_fake("FORMAT with anything but one whole number, such as %05d")
    return call("printf", arguments[0], arguments[1])


def _normalized(arguments: list[exp.Expression]) -> exp.Expression:
    form = arguments[1].name.upper() if len(arguments) > 1 else "NFC"
    return macro("normalize", arguments[0], form)


SPECIAL: dict[str, Callable[[list[exp.Expression]], exp.Expression]] = {
    "greatest": _null_if_any("greatest"), "least": _null_if_any("least"), "concat": _concat, "if": _if,
    "safe_add": _safe(exp.Add), "safe_subtract": _safe(exp.Sub), "safe_multiply": _safe(exp.Mul),
    "regexp_extract": _pattern("regexp_extract"), "regexp_substr": _pattern("regexp_extract"), "regexp_extract_all": _pattern("regexp_extract_all"),
    "date_diff": _difference("", "date"), "datetime_diff": _difference("", "datetime"), "timestamp_diff": _difference("timestamp_", "timestamp"),
    "date_trunc": _truncate("date"), "datetime_trunc": _truncate("datetime"), "timestamp_trunc": _truncate("timestamp"),
    "current_date": _now("date"), "current_datetime": _now("datetime"), "current_timestamp": _now("timestamp"), "current_time": _now("time"),
    "to_json_string": _json_text, "format": _format, "normalize": _normalized,
    "array_concat": lambda arguments: call("list_concat", *arguments),
    "generate_uuid": lambda _: exp.cast(call("uuid"), "VARCHAR", dialect="duckdb"),
    "session_user": lambda _: exp.Literal.string("anonymous@fake.example"),
    **{f"{kind}_{way}": _add(way) for kind in ("date", "datetime", "timestamp") for way in ("add", "sub")},
}  # fmt: skip


def scalar(name: str, arguments: list[exp.Expression]) -> exp.Expression:
    """The DuckDB expression for a call."""
    lower = name.lower()
    lower = RENAMED.get(lower, lower)
    if lower in SPECIAL:
        return SPECIAL[lower](arguments)
    if lower in MACROS:
        return macro(lower, *arguments)
    if lower in SAME:
        return call(lower, *arguments)
    raise unknown_to_fake(f"the function {name.upper()}")
