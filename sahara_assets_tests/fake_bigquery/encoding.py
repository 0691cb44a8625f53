"""Values as the API's JSON shows them; types are `schema`'s.

Rows are `{"f": [{"v": …}, …]}` with every scalar as text: `tabledata.list`,
https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/list and `DataFormatOptions`,
https://cloud.google.com/bigquery/docs/reference/rest/v2/DataFormatOptions. NaN and the infinities are the texts `NaN`, `Infinity` and
`-Infinity`.
"""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    import pyarrow as pa

    from sahara_assets_tests.fake_bigquery.schema import Field

FLOAT_SECONDS = "float"
"""Timestamps as seconds, BigQuery's default."""
INT64 = "int64"
"""Timestamps as whole microseconds, `useInt64Timestamp`."""
ISO = "iso"
"""Timestamps as ISO 8601 text, `timestampOutputFormat = ISO8601_STRING`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp_format(options: dict[str, Any]) -> str:
    """Which of the three a request's format options ask for."""
    chosen = str(options.get("timestampOutputFormat", "")).upper()
    if chosen in {"ISO8601_STRING", "INT64", "FLOAT64"}:
        return {"ISO8601_STRING": ISO, "INT64": INT64, "FLOAT64": FLOAT_SECONDS}[chosen]
    return INT64 if str(options.get("useInt64Timestamp", "")).lower() == "true" else FLOAT_SECONDS


def encoded_rows(table: pa.Table, fields: list[Field], timestamps: str) -> list[dict[str, Any]]:
    """The rows of an Arrow table whose columns are the fields, in their order."""
    columns = []
    for place, field in enumerate(fields):
        encode = _encoder(field, timestamps)
        columns.append([encode(value) for value in table.column(place).to_pylist()])
    return [{"f": [{"v": value} for value in row]} for row in zip(*columns, strict=True)]


def _encoder(field: Field, timestamps: str) -> Callable[[Any], Any]:
    if field.get("mode") == "REPEATED":
        one = _encoder(field | {"mode": "NULLABLE"}, timestamps)
        # A NULL array and an empty one are the same in results: "ARRAY type", data types.
        return lambda values: [{"v": one(value)} for value in values or []]
    if field["type"] == "RECORD":
        parts = [(part["name"], _encoder(part, timestamps)) for part in field["fields"]]
        return lambda value: None if value is None else {"f": [{"v": make(value[name])} for name, make in parts]}
    make: Callable[[Any], Any] = _SCALARS.get(field["type"], str)
    if field["type"] == "TIMESTAMP":
        make = {FLOAT_SECONDS: _seconds, INT64: _micros, ISO: _iso}[timestamps]
    return lambda value: None if value is None else make(value)


def _micros(value: datetime) -> str:
    moment = value - _EPOCH
    return str((moment.days * 86_400 + moment.seconds) * 1_000_000 + moment.microseconds)


def _seconds(value: datetime) -> str:
    return repr(int(_micros(value)) / 1_000_000)


def _iso(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(float(value))


def decimal_text(value: Decimal) -> str:
    """A decimal without trailing zeros and exponents.

    >>> from decimal import Decimal
    >>> decimal_text(Decimal("1500.250000000")), decimal_text(Decimal("10")), decimal_text(Decimal("0E-9"))
    ('1500.25', '10', '0')
    """
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _clock(value: time) -> str:
    return value.isoformat()


def _datetime(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat()


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "BOOLEAN": lambda value: "true" if value else "false",
    "FLOAT": _float,
    "NUMERIC": decimal_text,
    "BIGNUMERIC": decimal_text,
    "BYTES": lambda value: base64.b64encode(value).decode(),
    "DATE": date.isoformat,
    "DATETIME": _datetime,
    "TIME": _clock,
    "INTEGER": lambda value: str(int(value)),
    "JSON": lambda value: json.dumps(json.loads(value), separators=(",", ":"), ensure_ascii=False),
}
