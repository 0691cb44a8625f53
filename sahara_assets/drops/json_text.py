"""JSON read exactly: numbers keep every digit, a name that stands twice is an error, and what is written again is canonical.

Two things that are not JSON's own are understood, because exporters write them. NaN is null, as pandas and BigQuery's clients mean it.
MongoDB's extended JSON (`{"$oid": …}`, `{"$date": …}`, `{"$numberDecimal": …}`,
https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/) is the plain value that it stands for, a date as ISO 8601 in UTC.

Which values are whose is decided in `json_rows.py`.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TEXT = rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
# Most elements are objects without others inside them: those are taken in one step.
_TOKEN = re.compile(rb'\{(?:[^{}\[\]"]*+' + _TEXT + rb')*+[^{}\[\]"]*+\}|' + _TEXT + rb'|["{}\[\],]')
_SURROGATE = re.compile("[\0\ud800-\udfff]")
_BLANKS = b" \t\r\n"
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_EXTENDED_TEXTS = frozenset({"$oid", "$uuid", "$symbol"})
_EXTENDED_NUMBERS = frozenset({"$numberInt", "$numberLong", "$numberDouble", "$numberDecimal"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Json: TypeAlias = "str | bool | dict[str, Json] | list[Json] | None"
"""What `parse` gives; a number is a `Number`, which is a text."""

LONGEST_ELEMENT_BYTES = 16 * 1024 * 1024
"""A record of so many bytes is no row, in an array or on a line; in an array a bracket is missing. As Python objects it takes fifty times as much."""


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class NotJsonError(ValueError):
    """A text is no JSON, or is JSON that means nothing certain."""


def _object(pairs: list[tuple[str, Json]]) -> Json:
    if len(pairs) == 1 and pairs[0][0][:1] == "$":
        return _plain(*pairs[0])
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJsonError(f"the name {twice!r} stands twice in one object; which value counts?")
    return found


def _plain(name: str, value: Json) -> Json:
    """What an object of extended JSON stands for; the object itself where it is none, or none that means a single value."""
    is_text = isinstance(value, str) and not isinstance(value, Number)
    if name in _EXTENDED_TEXTS and is_text:
        return value
    if name in _EXTENDED_NUMBERS and isinstance(value, str):
        if value == "NaN":
            return None
        if value in {"Infinity", "-Infinity"}:
            raise NotJsonError(f"{value} is no number; write null")
        return Number(value) if _NUMBER.fullmatch(value) else {name: value}
    if name == "$date" and isinstance(value, str):
        return value if is_text else _moment(int(value)) if _WHOLE.fullmatch(value) else {name: value}
    if name == "$timestamp" and isinstance(value, dict) and isinstance(seconds := value.get("t"), Number):
        return _moment(int(seconds) * 1000) if _WHOLE.fullmatch(seconds) else {name: value}
    return {name: value}


def _moment(milliseconds: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC; as they are where no calendar has them."""
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return str(milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06}Z"


def _constant(name: str) -> None:
    if name != "NaN":
        raise NotJsonError(f"{name} is no JSON number; write null")


_EXACT: dict[str, Any] = {"object_pairs_hook": _object, "parse_float": Number, "parse_int": Number, "strict": True}
_DECODER = json.JSONDecoder(**_EXACT, parse_constant=_constant)
# As DuckDB spells them where it makes texts of numbers.
_TOLERANT = json.JSONDecoder(
    **_EXACT, parse_constant={"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.__getitem__
)

DEEPEST = 100
"""How many objects and lists may lie inside one another. What walks through a value does so by recursion, which Python ends at a thousand."""


def parse(text: str, *, constants: bool = False) -> Json:
    """The value of a JSON text: objects, lists, text, `Number`, booleans and None.

    Args:
        text: the text.
        constants: whether NaN and the infinities, which are no JSON, become the texts `nan`, `inf` and `-inf`.

    Raises:
        NotJsonError: it is no JSON, is nested too deeply, names something twice, or holds NUL or half a letter.

    >>> parse('{"price": 0.10, "id": 12345678901234567890}')
    {'price': '0.10', 'id': '12345678901234567890'}
    >>> parse('{"_id": {"$oid": "5f1"}, "at": {"$date": {"$numberLong": "1322728500000"}}, "vat": NaN}')
    {'_id': '5f1', 'at': '2011-12-01T08:35:00.000000Z', 'vat': None}
    """
    try:
        value: Json = (_TOLERANT if constants else _DECODER).decode(text)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"this is no JSON: {error.msg} (character {error.pos + 1})") from error
    except RecursionError as error:
        raise NotJsonError(_TOO_DEEP) from error
    # Whoever nests deeper than that needs as many brackets, and hardly any text has them.
    if text.count("[") + text.count("{") > DEEPEST and _is_deeper(value, DEEPEST):
        raise NotJsonError(_TOO_DEEP)
    if "\\u" in text and (bad := next((t for t in _texts(value) if _SURROGATE.search(t)), None)) is not None:
        what = "NUL" if "\0" in bad else "half a letter (a surrogate without its partner)"
        raise NotJsonError(f"a text holds {what}; remove it")
    return value


_TOO_DEEP = f"this is nested more than {DEEPEST} deep"


def _is_deeper(value: Json, depth: int) -> bool:
    """Whether objects and lists lie inside one another more often than that."""
    if not isinstance(value, dict | list):
        return False
    return depth == 0 or any(
        _is_deeper(inner, depth - 1) for inner in (value.values() if isinstance(value, dict) else value)
    )


def _texts(value: Json) -> Iterator[str]:
    """Every name and text in a value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def leaves(value: dict[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """An object's values by their dotted paths; what is in lists is theirs.

    >>> dict(leaves(parse('{"a": {"b": 1, "c": {}}, "d": [2]}')))
    {'a.b': '1', 'a.c': {}, 'd': ['2']}
    """
    for name, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, inner


def as_text(value: Json) -> str | None:
    """A value as one text: itself where it is one, else its canonical JSON; null is nothing."""
    return value if value is None or isinstance(value, str) else canonical(value)


def canonical(value: Json) -> str:
    """A value as canonical JSON: names by code point, no blanks, numbers as they were written.

    >>> canonical(parse('{"b": [1.0, null], "a": "é"}'))
    '{"a":"é","b":[1.0,null]}'
    """
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode_basestring(name)}:{canonical(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return encode_basestring(value)
    return "null" if value is None else "true" if value else "false"


def array_elements(chunks: Iterable[bytes]) -> Iterator[bytes]:  # noqa: C901 - one scanner, whose states would have to be carried between its parts
    """The elements of one JSON array as they stand, cut at the commas between them.

    Brackets and quotes decide, so that an element which is broken inside costs itself and nothing else; a text ends at its line at
    the latest, as JSON wants it. Where the array does not end, or something follows its end, the last element says so by being no
    JSON: what is left over, or nothing.

    Raises:
        NotJsonError: an element runs on for more than `LONGEST_ELEMENT_BYTES`.

    >>> list(array_elements([b'[{"a": 1}, {"a": "],', b'["}]']))
    [b'{"a": 1}', b'{"a": "],["}']
    """
    buffer = b""
    scanned = start = 0
    depth = 0
    ended = False
    for chunk in chunks:
        buffer = buffer[start:] + chunk
        scanned -= start
        start = 0
        if len(buffer) - len(chunk) > LONGEST_ELEMENT_BYTES:
            raise NotJsonError(
                f"an element of the array is longer than {LONGEST_ELEMENT_BYTES >> 20} MB; a bracket is missing"
            )
        for token in _TOKEN.finditer(buffer, scanned):
            sign = token[0]
            if sign == b'"' and buffer.find(b"\n", token.start()) < 0:
                scanned = token.start()  # the text goes on in the next chunk
                break
            scanned = token.end()
            if ended:
                continue
            if sign in b"{[":
                depth += 1
                start = token.end() if depth == 1 else start
            elif depth == 1 and sign in b",]":
                element = buffer[start : token.start()].strip(_BLANKS)
                start = token.end()
                ended = sign == b"]"
                if element or not ended:
                    yield element
            elif sign in b"}]" and depth > 1:
                depth -= 1
        else:
            scanned = len(buffer)
    rest = buffer[start:].strip(_BLANKS)
    if rest:
        yield rest
    if not ended and depth:
        yield b""
