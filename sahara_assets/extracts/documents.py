"""Rows of a database as JSON lines, exactly: decimals keep their digits, moments their offset, and nothing is rounded.

Each line is one JSON object with the source's own names; what they mean is said by the dataset's `columns`, as for any drop.
"""

from __future__ import annotations

import json
import math
from datetime import date, time
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import UnionType


def as_line(row: Mapping[str, Any]) -> bytes:
    r"""A row as one line of JSON, with its line end.

    >>> as_line({"id": 7, "price": Decimal("2.50"), "at": date(2026, 1, 31), "note": None})
    b'{"id":7,"price":2.50,"at":"2026-01-31","note":null}\n'
    """
    # A lone surrogate cannot be UTF-8; written as \udc80 it is what JSON calls it, and the reader rejects that row with its reason.
    return f"{as_json(row)}\n".encode("utf-8", "backslashreplace")


def as_json(value: Any) -> str:  # noqa: ANN401 - whatever a driver gives
    """A driver's value as JSON; what JSON has no word for is its text."""
    for kind, written in _WRITTEN:
        if isinstance(value, kind):
            return written(value)
    return _text(str(value))


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _object(value: Mapping[Any, Any]) -> str:
    return f"{{{','.join(f'{_text(str(name))}:{as_json(part)}' for name, part in value.items())}}}"


def _list(value: Iterable[Any]) -> str:
    return f"[{','.join(map(as_json, value))}]"


def _number(value: float | Decimal) -> str:
    if not math.isfinite(value):
        return _odd(str(value))
    return repr(float(value)) if isinstance(value, float) else f"{value:f}"


def _odd(text: str) -> str:
    """NaN is no value; an infinite number is left for the reader to reject with its reason."""
    lower = text.lower()
    return "null" if "nan" in lower else "-Infinity" if lower.startswith("-") else "Infinity"


_WRITTEN: tuple[tuple[type | UnionType, Callable[[Any], str]], ...] = (
    (str, _text),
    (NoneType, lambda _: "null"),
    (bool, lambda value: "true" if value else "false"),
    (int, lambda value: str(int(value))),
    (float | Decimal, _number),
    (date | time, lambda value: f'"{value.isoformat()}"'),
    (dict, _object),
    (list | tuple | set | frozenset, _list),
    (bytes | bytearray | memoryview, lambda value: f'"{bytes(value).hex()}"'),
)
"""How values are written, by their kinds; the first that fits counts, and a truth is a number to Python."""
