"""A nested JSON document → rows: one for each element of the innermost list that `explode` names, with the fields of its parents.

A document, or an element, whose list is missing, null or empty gives one row without values from below. What nobody maps stays once:
with the first row of the object that it belongs to. How many rows a document has is counted by a look of its own (`rows_in`), which the
rows are held against.

Where the documents come from is `json_rows.py`'s business; how paths are written is in `paths.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sahara_assets.drops.json_text import Json, leaves
from sahara_assets.drops.paths import KEY_FIELD, below, keyed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_MOST_NAMES = 1000
"""How many names the ledger keeps: objects keyed by data have as many as rows."""

Fault = tuple[int | None, str]
"""The place of a value that cannot stand where it is wanted (None where it is the list to take apart, or an element), and why."""


@dataclass
class FlatRow:
    """One row of a document: its fields, what nobody mapped (nested as it was), and the place at fault with the reason, if any."""

    fields: list[str | None]
    extra: dict[str, Json]
    fault: Fault | None = None


@dataclass
class _Node:
    """What is wanted of an object: whole remaining paths, objects to look into, key-value lists, and the list to take apart."""

    places: dict[str, int] = field(default_factory=dict)
    inner: dict[str, _Node] = field(default_factory=dict)
    keyed: dict[str, dict[str, dict[str, _Node]]] = field(
        default_factory=dict
    )  # list → field → value → what is wanted of it
    whole: int | None = None  # the place of the element itself, where that is mapped
    exploded: str = ""

    def want(self, path: str, place: int) -> None:
        """Have a value put into a place."""
        if not path:
            self.whole = place
            return
        self.places[path] = place
        step = keyed(path)
        if step is not None:
            values = self.keyed.setdefault(step.list, {}).setdefault(step.field, {})
            values.setdefault(step.value, _Node()).want(step.rest, place)
            return
        name, dot, rest = path.partition(".")
        if dot:
            self.inner.setdefault(name, _Node()).want(rest, place)

    def take_apart(self, path: str) -> None:
        """Have a list handed out."""
        name, dot, rest = path.partition(".")
        if dot:
            self.inner.setdefault(name, _Node()).take_apart(rest)
        else:
            self.exploded = name


class Flattener:
    """Takes documents of one drop apart.

    Args:
        exploded: the lists to take apart, from the outside in; none gives one row a document.
        places: path → the place of its value among a row's fields.
        width: how many fields a row has.
        text_of: a single value as the text that a CSV would hold, at a place.

    Attributes:
        found: the places that had a value or a null in any document.
        seen: the names that the documents hold, in the order of their appearance.
        undeclared: those that nobody maps.
    """

    def __init__(
        self,
        exploded: Sequence[str],
        places: Mapping[str, int],
        width: int,
        text_of: Callable[[str | bool, int], str],
    ) -> None:
        self._exploded = list(exploded)
        self._steps = _steps(exploded)
        self._levels = [_Node() for _ in range(len(self._exploded) + 1)]
        for path, place in places.items():
            level, rest = below(path, self._exploded)
            self._levels[level].want(rest, place)
        for level, steps in enumerate(self._steps):
            self._levels[level].take_apart(".".join(steps))
        self._width = width
        self._text_of = text_of
        self._list: Json = None
        self._fault: Fault | None = None
        self.found: set[int] = set()
        self.seen: dict[str, None] = {}
        self.undeclared: dict[str, None] = {}

    def rows(self, document: dict[str, Json]) -> Iterator[FlatRow]:
        """The rows of a document, in its order; a fault in an object is one of every row that it is part of."""
        return self._rows(document, 0, FlatRow([None] * self._width, {}))

    def rows_in(self, document: dict[str, Json]) -> int:
        """How many rows a document has, counted without making any."""
        return _count(document, self._steps)

    def _rows(self, value: Json, level: int, parent: FlatRow) -> Iterator[FlatRow]:
        row = FlatRow(list(parent.fields), parent.extra, parent.fault)
        self._list = self._fault = None
        left = self._taken(value, level, row.fields)
        elements = self._elements(level)
        row.fault = row.fault or self._fault
        if left:
            row.extra = merged(row.extra, self._wrapped(level, left))
        if not elements:
            yield row
        for place, element in enumerate(elements):
            if place == 1:
                row.extra = {}  # it stays with the first
            yield from self._rows(element, level + 1, row)

    def _taken(self, value: Json, level: int, fields: list[str | None]) -> dict[str, Json]:
        """Put what is wanted of a document or an element into the fields; what is left over."""
        node = self._levels[level]
        path = self._exploded[level - 1] if level else ""
        if isinstance(value, dict):
            if node.whole is not None:
                self._blame(node.whole, _NOT_SINGLE.format(what="an object"))
            return self._take(value, node, fields, f"{path}." if level else "")
        if node.whole is not None and value is not None and not isinstance(value, list):
            self.found.add(node.whole)
            self._note(self.seen, path)
            fields[node.whole] = self._text_of(value, node.whole)
            return {}
        what = "null" if value is None else "a list" if isinstance(value, list) else "a single value"
        self._blame(None, f"an element of {path} is {what}, where an object is expected")
        return {}

    def _elements(self, level: int) -> list[Json]:
        """The elements of the list that was met."""
        if self._list is None or isinstance(self._list, list):
            return self._list or []
        what = "an object" if isinstance(self._list, dict) else "a single value"
        self._blame(None, f"{self._exploded[level]} is {what}, not the list that `explode` takes apart")
        return []

    def _blame(self, place: int | None, sentence: str) -> None:
        self._fault = self._fault or (place, sentence)

    def _wrapped(self, level: int, left: dict[str, Json]) -> dict[str, Json]:
        """What is left of an element, where it stood in the document."""
        for steps in reversed(self._steps[:level]):
            for name in reversed(steps):
                left = {name: left}
        return left

    def _take(self, value: dict[str, Json], wanted: _Node, fields: list[str | None], prefix: str) -> dict[str, Json]:
        left: dict[str, Json] = {}
        for name, inner in value.items():
            place = wanted.places.get(name)
            if place is not None:
                if place not in self.found:
                    self.found.add(place)
                    self._note(self.seen, prefix + name)
                if fields[place] is not None:
                    self._blame(place, "stands twice, once nested and once with a dot in its name")
                # Most values are texts; what else they may be is looked at where they are not.
                fields[place] = inner if type(inner) is str else self._single(inner, place)
            elif name == wanted.exploded:
                self._list = inner
            elif isinstance(inner, dict) and name in wanted.inner:
                rest = self._take(inner, wanted.inner[name], fields, f"{prefix}{name}.")
                if rest or not inner:
                    left[name] = rest
            elif isinstance(inner, list) and name in wanted.keyed:
                if others := self._take_keyed(inner, wanted.keyed[name], fields, prefix + name):
                    left[name] = others
            else:
                left[name] = inner
                self._note_undeclared(inner, prefix + name)
        return left

    def _take_keyed(
        self, elements: list[Json], wanted: Mapping[str, Mapping[str, _Node]], fields: list[str | None], name: str
    ) -> list[Json]:
        """Take elements of a key-value list; the others, and of those that were taken what else they hold."""
        left: list[Json] = []
        taken: set[tuple[str, str]] = set()
        for element in elements:
            step = _step_of(element, wanted)
            if step is None or not isinstance(element, dict):
                left.append(element)
                self._note(self.undeclared, name)
                continue
            key, value = step
            node = wanted[key][value]
            if step in taken:
                self._blame(min(_places(node)), f"stands twice in {name}; which value counts?")
                continue
            taken.add(step)
            if node.whole is not None:
                self._blame(node.whole, _NOT_SINGLE.format(what="an object"))
            rest = self._take(element, node, fields, f"{name}[{value if key == KEY_FIELD else f'{key}={value}'}].")
            if any(_says_something(inner) for other, inner in rest.items() if other != key):
                left.append(rest)
        return left

    def _single(self, value: Json, place: int) -> str | None:
        if value is None:
            return None
        if isinstance(value, dict | list):
            self._blame(place, _NOT_SINGLE.format(what="an object" if isinstance(value, dict) else "a list"))
            return None
        return self._text_of(value, place)

    def _note_undeclared(self, value: Json, path: str) -> None:
        if isinstance(value, dict):
            for inner, _ in leaves(value, f"{path}."):
                self._note(self.seen, inner)
                self._note(self.undeclared, inner)
        elif path not in self.undeclared:
            self._note(self.seen, path)
            self._note(self.undeclared, path)

    @staticmethod
    def _note(names: dict[str, None], name: str) -> None:
        if name not in names and len(names) < _MOST_NAMES:
            names[name] = None


_NOT_SINGLE = "holds {what}; map a single value, such as name.id for one inside an object"


def flat_rows(
    document: dict[str, Json], exploded: Sequence[str], listed: frozenset[str] = frozenset()
) -> Iterator[dict[str, Json]]:
    """A document's rows for a look at them: every single value by its path, without a mapping.

    Args:
        document: one.
        exploded: the lists that are taken apart.
        listed: key-value lists whose elements have names of their own (`paths.listed`); any other list is a value.

    >>> from sahara_assets.drops.json_text import parse
    >>> list(flat_rows(parse('{"id": 1, "items": [{"sku": "a"}, {"sku": "b"}]}'), ["items"]))
    [{'id': '1', 'items.sku': 'a'}, {'id': '1', 'items.sku': 'b'}]
    """
    yield from _flat(document, "", {}, exploded, listed)


def _flat(
    value: Json, path: str, parent: dict[str, Json], exploded: Sequence[str], listed: frozenset[str]
) -> Iterator[dict[str, Json]]:
    cells = dict(parent)
    elements: Json = None
    found = leaves(value, f"{path}." if path else "") if isinstance(value, dict) else [(path, value)]
    for name, leaf in found:
        if exploded and name == exploded[0]:
            elements = leaf
        elif name in listed and isinstance(leaf, list):
            cells |= _named_elements(name, leaf)
        else:
            cells[name] = leaf
    if not isinstance(elements, list) or not elements:
        yield cells
        return
    for element in elements:
        yield from _flat(element, exploded[0], cells, exploded[1:], listed)


def _named_elements(path: str, elements: list[Json]) -> dict[str, Json]:
    """The values in a key-value list, by every name that an element could be meant by."""
    return {
        inner: leaf
        for element in elements
        if isinstance(element, dict)
        for key, value in element.items()
        if isinstance(value, str)
        for inner, leaf in leaves(
            {name: other for name, other in element.items() if name != key},
            f"{path}[{value if key == KEY_FIELD else f'{key}={value}'}].",
        )
    }


def _steps(exploded: Sequence[str]) -> list[list[str]]:
    """The names that lead from one exploded list's elements to the next list."""
    steps, start = [], 0
    for path in exploded:
        steps.append(path[start:].split("."))
        start = len(path) + 1
    return steps


def _count(value: Json, steps: Sequence[Sequence[str]]) -> int:
    if not steps:
        return 1
    for name in steps[0]:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, list):
        return 1
    return sum(_count(element, steps[1:]) for element in value) or 1


def _step_of(element: Json, wanted: Mapping[str, Mapping[str, _Node]]) -> tuple[str, str] | None:
    """By which of its names an element of a key-value list is one that is wanted."""
    if not isinstance(element, dict):
        return None
    for key, values in wanted.items():
        value = element.get(key)
        if isinstance(value, str) and value in values:
            return key, str(value)
    return None


def _places(node: _Node) -> Iterator[int]:
    yield from node.places.values()
    if node.whole is not None:
        yield node.whole
    for inner in node.inner.values():
        yield from _places(inner)


def _says_something(value: Json) -> bool:
    if isinstance(value, dict):
        return any(map(_says_something, value.values()))
    return value is not None


def merged(one: dict[str, Json], other: dict[str, Json]) -> dict[str, Json]:
    """Two objects in one; what both have as objects is merged in turn."""
    both = dict(one)
    for name, value in other.items():
        here = both.get(name)
        both[name] = merged(here, value) if isinstance(here, dict) and isinstance(value, dict) else value
    return both
