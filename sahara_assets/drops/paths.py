"""How `columns` names a value inside nested records: dotted paths, elements of key-value lists, and alternatives.

`device.operatingSystem` is a name inside an object; below a list that `explode` takes apart, `hits.product.productSKU` is a name of its
elements. `event_params[ga_session_id].value.int_value` is the element of the list whose `key` is `ga_session_id`, and
`customDimensions[index=4].value` the one whose `index` is 4. `a | b` is the first of several that has a value. A name that a record has
as it is written goes first, whatever signs are in it.

How JSON and Parquet are read by such paths is in `flattening.py` and `parquet_fields.py`; the names of a CSV's header are no paths.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ALTERNATIVE = re.compile(r"\s+\|\s+")
_KEYED = re.compile(
    r"(?P<list>[^\[\].]+)\[(?:(?P<field>[^\[\]=]+)=)?(?P<value>[^\[\]]+)\](?:\.(?P<rest>.+)|\Z)", re.DOTALL
)
_LISTED = re.compile(r"(?P<path>[^\[\]]+)\[[^\[\]]+\]")
KEY_FIELD = "key"


@dataclass(frozen=True)
class Keyed:
    """The first step of a path that leads through a key-value list.

    Attributes:
        list: the list's name.
        field: the name that tells its elements apart.
        value: what the element that is meant has there.
        rest: the path inside that element; empty for the element itself.
    """

    list: str
    field: str
    value: str
    rest: str


def alternatives(mapped: str) -> list[str]:
    """The paths that a mapped name offers, first to last.

    >>> alternatives("params[page].value.string_value | params[page].value.int_value")
    ['params[page].value.string_value', 'params[page].value.int_value']
    """
    return [path for path in _ALTERNATIVE.split(mapped.strip()) if path]


def keyed(path: str) -> Keyed | None:
    """The step into a key-value list that a path begins with; None where it begins with a plain name.

    >>> keyed("event_params[ga_session_id].value.int_value")
    Keyed(list='event_params', field='key', value='ga_session_id', rest='value.int_value')
    >>> keyed("customDimensions[index=4].value").field, keyed("device.browser")
    ('index', None)
    """
    found = _KEYED.match(path)
    if found is None:
        return None
    return Keyed(found["list"], found["field"] or KEY_FIELD, found["value"], found["rest"] or "")


def listed(mapped: Iterable[str]) -> frozenset[str]:
    """The key-value lists that some mapped names lead through, by their paths.

    >>> sorted(listed(["event_params[page].value", "hits.customDimensions[index=4].value", "device.browser"]))
    ['event_params', 'hits.customDimensions']
    """
    return frozenset(found["path"] for name in mapped for path in alternatives(name) if (found := _LISTED.match(path)))


def below(path: str, exploded: Sequence[str]) -> tuple[int, str]:
    """How many of the exploded lists a path lies in, and what is left of it inside the innermost of them.

    >>> below("hits.product.productSKU", ["hits", "hits.product"]), below("hits.type", ["hits", "hits.product"])
    ((2, 'productSKU'), (1, 'type'))
    >>> below("tags", ["tags"])
    (1, '')
    """
    for level in range(len(exploded), 0, -1):
        whole = exploded[level - 1]
        if path == whole:
            return level, ""
        if path.startswith(f"{whole}."):
            return level, path[len(whole) + 1 :]
    return 0, path
