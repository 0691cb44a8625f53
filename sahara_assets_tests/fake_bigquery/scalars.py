"""Functions that SQL cannot say, in Python: exact NUMERIC arithmetic, formats of times, fingerprints, JSON paths.

They are registered as `bq_py_…` and called by the macros only. "Format elements for date and time parts",
https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_elements_date_time; "JSONPath format",
https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#JSONPath_format.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sahara_assets_tests.fake_bigquery.farmhash import farm_fingerprint
from sahara_assets_tests.fake_bigquery.macros import MACROS as PLAIN
from sahara_assets_tests.fake_bigquery.macros import NUM, statements
from sahara_assets_tests.fake_bigquery.macros_time import MACROS as TIMES

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

_EXACT = Context(prec=100)
_NINE = Decimal("1E-9")
_NUMERIC_LIMIT = Decimal(10) ** 29


class _SqlError(Exception):
    """An error whose text reaches the query's answer."""

    def __init__(self, message: str) -> None:
        super().__init__(f"bq_raise: {message}")


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Make every function known to the database; cursors of the connection see them too."""
    for name, (function, takes, gives) in _FUNCTIONS.items():
        nulls = "special" if name in _GIVES_NULL else "default"
        connection.create_function(f"bq_py_{name}", function, takes, gives, null_handling=nulls)
    made = statements(PLAIN) + statements(TIMES)
    refused = sorted({name for statement in made for name in re.findall(r"\bno_signature_\w+", statement)})
    connection.execute("BEGIN TRANSACTION")
    for statement in [
        *(f"CREATE OR REPLACE MACRO {name}() AS 1" for name in refused),
        *made,
        *(f"DROP MACRO {name}" for name in refused),
    ]:
        connection.execute(statement)
    connection.execute("COMMIT")


def _numeric(value: Decimal) -> Decimal:
    # "NUMERIC: rounds half away from zero": data types, decimal types
    rounded = value.quantize(_NINE, rounding=ROUND_HALF_UP, context=_EXACT)
    if abs(rounded) >= _NUMERIC_LIMIT:
        raise _SqlError("numeric overflow")
    return rounded


def _divide(one: Decimal, other: Decimal) -> Decimal:
    return _numeric(_EXACT.divide(one, other))


def _div(one: Decimal, other: Decimal) -> Decimal:
    return _numeric(_EXACT.divide(one, other).to_integral_value(rounding=ROUND_DOWN))


def _ieee_divide(one: float, other: float) -> float:
    if other == 0:
        return math.nan if one == 0 or math.isnan(one) else math.copysign(math.inf, one) * math.copysign(1, other)
    return one / other


def _round(value: Decimal, places: int) -> Decimal:
    return _numeric(value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=_EXACT))


def _trunc(value: Decimal, places: int) -> Decimal:
    return _numeric(value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN, context=_EXACT))


def double_text(value: float) -> str:
    """The shortest of 15 or 17 digits that reads back as the same number (unverified beyond the examples of the documentation).

    >>> double_text(1.0), double_text(0.1), double_text(1e20), double_text(float("-inf"))
    ('1', '0.1', '1e+20', '-inf')
    """
    if math.isnan(value) or math.isinf(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value == 0:
        return "0"
    text = f"{value:.15g}"
    return text if float(text) == value else f"{value:.17g}"


def _json_double(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}[double_text(value)]
    return double_text(value)


def _raise(message: str) -> str:
    raise _SqlError(message)


def _format(pattern: str, moment: datetime, zone: str) -> str:
    """A local moment by GoogleSQL's format elements."""

    def offset(colon: str) -> str:
        seconds = int((moment.replace(tzinfo=ZoneInfo(zone or "UTC")).utcoffset() or timedelta()).total_seconds())
        hours, minutes = divmod(abs(seconds) // 60, 60)
        return f"{'-' if seconds < 0 else '+'}{hours:02d}{colon}{minutes:02d}"

    def one(found: re.Match[str]) -> str:
        element = found.group(1)
        if element in _COMPOSED:
            return _format(_COMPOSED[element], moment, zone)
        digits = re.fullmatch(r"E([0-9*])S", element)
        if digits:
            fraction = f"{moment.microsecond:06d}"
            kept = fraction.rstrip("0") if digits.group(1) == "*" else fraction.ljust(9, "0")[: int(digits.group(1))]
            return f"{moment.second:02d}" + (f".{kept}" if kept else "")
        special = {
            "Ez": lambda: offset(":"), "z": lambda: offset(""), "Z": lambda: zone or "UTC", "E4Y": lambda: f"{moment.year:04d}",
            "Y": lambda: str(moment.year), "G": lambda: str(moment.isocalendar().year), "e": lambda: f"{moment.day:2d}", "k": lambda: f"{moment.hour:2d}",
            "l": lambda: f"{moment.hour % 12 or 12:2d}", "Q": lambda: str((moment.month + 2) // 3), "h": lambda: moment.strftime("%b"),
            "P": lambda: moment.strftime("%p").lower(), "C": lambda: f"{moment.year // 100:02d}", "n": lambda: "\n", "t": lambda: "\t",
            "s": lambda: str(int(moment.replace(tzinfo=ZoneInfo(zone or "UTC")).timestamp())),
        }  # fmt: skip
        if element in special:
            return special[element]()
        if element in "AaBbdHIjMmpSUuVWwyg%":
            return moment.strftime(f"%{element}")
        raise _SqlError(f"the fake BigQuery does not know the format element %{element}")

    return re.sub(r"%(E4Y|E[0-9*]S|Ez|.)", one, pattern, flags=re.DOTALL)


_COMPOSED = {
    "F": "%Y-%m-%d", "T": "%H:%M:%S", "X": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "x": "%m/%d/%y",
    "c": "%a %b %e %H:%M:%S %Y",
}  # fmt: skip
_READ = {
    "Y": r"(?P<Y>\d{1,5})", "E4Y": r"(?P<Y>\d{4})", "m": r"(?P<m>\d{1,2})", "d": r"\s*(?P<d>\d{1,2})", "e": r"\s*(?P<d>\d{1,2})", "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})", "M": r"(?P<M>\d{1,2})", "S": r"(?P<S>\d{1,2})", "E*S": r"(?P<S>\d{1,2}(?:\.\d{1,9})?)", "p": r"(?P<p>[AaPp][Mm])",
    "y": r"(?P<y>\d{2})", "b": r"(?P<b>[A-Za-z]{3})", "h": r"(?P<b>[A-Za-z]{3})", "B": r"(?P<b>[A-Za-z]+)", "j": r"(?P<j>\d{1,3})",
    "z": r"(?P<z>[+-]\d{2}:?\d{2})", "Ez": r"(?P<z>[+-]\d{2}:?\d{2})", "Z": r"(?P<Z>[A-Za-z/_]+)", "s": r"(?P<s>-?\d+)", "%": "%", "n": r"\s+", "t": r"\s+",
    "A": r"[A-Za-z]+", "a": r"[A-Za-z]+",
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def _parse(pattern: str, text: str, kind: str) -> datetime:
    """A text by format elements, as a local moment; for a timestamp with a zone in the text, in UTC."""
    while re.search(r"%[FTXRDxc]", pattern):
        pattern = re.sub(r"%([FTXRDxc])", lambda found: _COMPOSED[found.group(1)], pattern)
    reading, place = "", 0
    for found in re.finditer(r"%(E4Y|E\*S|Ez|.)", pattern):
        reading += _spaces(pattern[place : found.start()])
        if found.group(1) not in _READ:
            raise _SqlError(f"the fake BigQuery does not know the parse element %{found.group(1)}")
        reading += _READ[found.group(1)]
        place = found.end()
    hit = re.fullmatch(r"\s*" + reading + _spaces(pattern[place:]) + r"\s*", text)
    failed = _SqlError(f"Failed to parse input string {json.dumps(text)}")
    if not hit:
        raise failed
    parts = hit.groupdict()
    try:
        moment = _moment(parts)
    except (ValueError, OverflowError) as error:
        raise failed from error
    if parts.get("z"):
        hours, minutes = int(parts["z"][1:3]), int(parts["z"][-2:])
        moment -= (1 if parts["z"][0] == "+" else -1) * timedelta(hours=hours, minutes=minutes)
    elif parts.get("Z"):
        moment = moment.replace(tzinfo=ZoneInfo(parts["Z"])).astimezone(UTC).replace(tzinfo=None)
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) if kind == "date" else moment


def _spaces(text: str) -> str:
    return "".join(r"\s+" if part.isspace() else re.escape(part) for part in re.split(r"(\s+)", text) if part)


def _moment(parts: dict[str, str | None]) -> datetime:
    if parts.get("s"):
        return datetime(1970, 1, 1) + timedelta(seconds=int(parts["s"] or 0))
    year = int(parts.get("Y") or 1970)
    if parts.get("y"):
        year = int(parts["y"] or 0) + (2000 if int(parts["y"] or 0) < 69 else 1900)
    month = int(parts.get("m") or 1)
    if parts.get("b"):
        month = _MONTHS.index((parts["b"] or "")[:3].lower()) + 1
    hour = int(parts.get("H") or parts.get("I") or 0)
    if parts.get("p"):
        hour = hour % 12 + (12 if (parts["p"] or "").lower() == "pm" else 0)
    second, _, fraction = (parts.get("S") or "0").partition(".")
    day = datetime(year, month, int(parts.get("d") or 1), hour, int(parts.get("M") or 0))
    if parts.get("j"):
        day = day.replace(month=1, day=1) + timedelta(days=int(parts["j"] or 1) - 1)
    return day + timedelta(seconds=int(second), microseconds=int(fraction.ljust(6, "0")[:6] or 0))


def _at_path(text: str, path: str) -> Any:
    value = json.loads(text)
    steps = re.findall(r"""\.([A-Za-z_][\w-]*)|\[(\d+)\]|\[?['"]([^'"]*)['"]\]?""", path.removeprefix("$"))
    for name, index, in_quotes in steps:
        if index:
            if not isinstance(value, list) or int(index) >= len(value):
                return None
            value = value[int(index)]
        elif not isinstance(value, dict) or (name or in_quotes) not in value:
            return None
        else:
            value = value[name or in_quotes]
    return value


def _json_value(text: str | None, path: str | None) -> str | None:
    value = None if text is None or path is None else _at_path(text, path)
    if value is None or isinstance(value, (dict, list)):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _json_query(text: str | None, path: str | None) -> str | None:
    value = None if text is None or path is None else _at_path(text, path)
    return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


_GIVES_NULL = {"json_value", "json_query"}
"""Those that may answer NULL; DuckDB then hands them NULLs too."""
_FUNCTIONS: dict[str, tuple[Callable[..., Any], list[Any], Any]] = {
    "numeric_divide": (_divide, [NUM, NUM], NUM),
    "numeric_div": (_div, [NUM, NUM], NUM),
    "numeric_round": (_round, [NUM, "BIGINT"], NUM),
    "numeric_trunc": (_trunc, [NUM, "BIGINT"], NUM),
    "ieee_divide": (_ieee_divide, ["DOUBLE", "DOUBLE"], "DOUBLE"),
    "double_text": (double_text, ["DOUBLE"], "VARCHAR"),
    "json_double": (_json_double, ["DOUBLE"], "VARCHAR"),
    "farm_fingerprint": (farm_fingerprint, ["BLOB"], "BIGINT"),
    "normalize": (lambda text, form: unicodedata.normalize(form, text), ["VARCHAR", "VARCHAR"], "VARCHAR"),
    # DuckDB maps letter by letter; GoogleSQL's UPPER is Python's without the letters that grow, such as ß (unverified)
    "upper": (lambda text: "".join(c.upper() if len(c.upper()) == 1 else c for c in text), ["VARCHAR"], "VARCHAR"),
    "format": (_format, ["VARCHAR", "TIMESTAMP", "VARCHAR"], "VARCHAR"),
    "parse": (_parse, ["VARCHAR", "VARCHAR", "VARCHAR"], "TIMESTAMP"),
    "json_value": (_json_value, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    "json_query": (_json_query, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    "raise": (_raise, ["VARCHAR"], "VARCHAR"),
}
