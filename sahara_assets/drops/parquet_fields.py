"""The columns of a Parquet file as SQL that DuckDB reads them by: fields inside structs, lists that are taken apart, key-value lists.

Every value leaves as the text that a CSV of the same rows would hold, what nobody maps as JSON. `parquet.py` opens the file, binds the
columns and makes records of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sahara_assets.drops.json_text import canonical
from sahara_assets.drops.paths import below, keyed
from sahara_assets.drops.sql_text import literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb.sqltypes import DuckDBPyType

NESTED = frozenset(["list", "array", "map", "struct", "union", "variant"])
_LISTS = frozenset(["list", "array", "map"])


@dataclass(frozen=True)
class Field:
    """A column of the file, or a field inside one.

    Attributes:
        path: the column's place, then the names that lead to the field: tells it from every other.
        name: the dotted name, by which it can be mapped.
        own: its own name, for the object that it stands in.
        sql: the expression that reads it.
        type: its type.
        level: how many of the lists that are taken apart it lies in.
        doubt: SQL that is true where its value stands twice, in a key-value list.
    """

    path: tuple[str, ...]
    name: str
    own: str
    sql: str
    type: DuckDBPyType
    level: int = 0
    doubt: str = ""

    @property
    def inner(self) -> list[Field]:
        """The fields of a struct; a list's belong to it alone."""
        if self.type.id != "struct":
            return []
        return [
            Field(
                (*self.path, name),
                f"{self.name}.{name}",
                name,
                f"struct_extract({self.sql}, {literal(name)})",
                cast("DuckDBPyType", type_),
                self.level,
                self.doubt,
            )
            for name, type_ in self.type.children
        ]

    @property
    def as_list(self) -> tuple[str, DuckDBPyType] | None:
        """A list's expression and the type of its elements; a map is a list of keys and values. None where it is neither."""
        if self.type.id not in _LISTS:
            return None
        children = dict(self.type.children)
        if self.type.id == "map":
            import duckdb

            return f"map_entries({self.sql})", duckdb.struct_type(cast("dict[str, DuckDBPyType]", children))
        return self.sql, cast("DuckDBPyType", children["child"])

    def with_inner(self) -> Iterator[Field]:
        """The field and, where it is a struct, those inside it, however deep."""
        yield self
        for field in self.inner:
            yield from field.with_inner()

    def holds(self, paths: frozenset[tuple[str, ...]]) -> bool:
        """Whether one of some fields is inside this one."""
        return any(path[: len(self.path)] == self.path and path != self.path for path in paths)

    def inside(self, path: str) -> Field | None:
        """The field that a path leads to from this one, through structs and elements of key-value lists; None where there is none."""
        if not path:
            return self
        step = keyed(path)
        if step is None:
            for field in self.inner:
                if path == field.own or path.startswith(f"{field.own}."):
                    found = field.inside(path[len(field.own) + 1 :])
                    if found is not None:
                        return found
            return None
        listed = next((field for field in self.inner if field.own == step.list), None)
        return None if listed is None else listed.element_named(step.field, step.value, step.rest)

    def element_named(self, key: str, value: str, rest: str) -> Field | None:
        """What an element of this key-value list holds, the one whose `key` is a value; None where its elements have no such names."""
        found = self.as_list
        if found is None or found[1].id != "struct" or key not in dict(found[1].children):
            return None
        sql, type_ = found
        meant = f"list_filter({sql}, lambda x: CAST(struct_extract(x, {literal(key)}) AS VARCHAR) = {literal(value)})"
        named = f"{self.name}[{value if key == 'key' else f'{key}={value}'}]"
        element = Field((*self.path, named), named, named, f"({meant})[1]", type_, self.level, f"len({meant}) > 1")
        return element.inside(rest)


@dataclass(frozen=True)
class Columns:
    """The columns of a file, with the lists that are taken apart.

    Attributes:
        tops: the file's own columns.
        lists: the lists that are taken apart, from the outside in; each lies in the elements of the one before.
        elements: their elements.
    """

    tops: list[Field]
    lists: list[Field]
    elements: list[Field]

    @property
    def known(self) -> list[Field]:
        """Every field that can be mapped by its name; those of key-value lists aside (`field_at`)."""
        taken = {field.path for field in self.lists}
        whole = [field for top in (*self.tops, *self.elements) for field in top.with_inner()]
        return [field for field in whole if field.path not in taken]

    def field_at(self, path: str) -> Field | None:
        """The field that a path with key-value lists leads to."""
        level, rest = below(path, [element.name for element in self.elements])
        if level:
            return self.elements[level - 1].inside(rest)
        step = keyed(path)
        if step is not None:
            top = next((top for top in self.tops if top.own == step.list), None)
            return None if top is None else top.element_named(step.field, step.value, step.rest)
        for top in self.tops:
            if path.startswith(f"{top.own}.") and (found := top.inside(path[len(top.own) + 1 :])) is not None:
                return found
        return None

    def left_over(self, level: int, mapped: Sequence[Field]) -> str | None:
        """What nobody maps of a row of the file (level 0) or of an element, as the text of a JSON object; None where that is nothing."""
        taken = frozenset(field.path for field in (*mapped, *self.lists))
        if level == 0:
            return json_object(self.tops, taken)
        element = self.elements[level - 1]
        return json_object(element.inner, taken) if element.inner and element.path not in taken else None


def columns_of(tops: list[Field], exploded: Sequence[str]) -> Columns | str:
    """The columns of a file whose lists are taken apart; a sentence where one of those is no list."""
    found = Columns(tops, [], [])
    for place, path in enumerate(exploded):
        field = found.field_at(path) if place or "." in path else next((top for top in tops if top.own == path), None)
        listed = field.as_list if field is not None else None
        if field is None or listed is None:
            what = "is no column of the schema" if field is None else f"is no list but {field.type.id}"
            return f"{path} {what}, so `explode` cannot take it apart"
        found.lists.append(field)
        level = place + 1
        own = path.rpartition(".")[2]
        found.elements.append(Field((*field.path, "[]"), path, own, f"e{level}", listed[1], level))
    return found


def text_sql(field: Field) -> str:
    """A field as the text that a CSV would hold."""
    kind, value = field.type.id, field.sql
    if kind == "timestamp with time zone":
        return f"(CAST(timezone('UTC', {value}) AS VARCHAR) || 'Z')"
    if kind in {"float", "double"}:
        return f"(CASE WHEN NOT isnan({value}) THEN CAST({value} AS VARCHAR) END)"
    if kind == "blob":
        return f"TRY(decode({value}))"
    if kind in NESTED:
        return "CAST(NULL AS VARCHAR)"
    return f"CAST({value} AS VARCHAR)"


def _fault_sql(place: int, field: Field) -> Iterator[str]:
    """Cases of a mapped value that cannot stand in a column, with the reason."""
    kind, value = field.type.id, field.sql
    if field.doubt:
        yield f"WHEN {field.doubt} THEN '{place} stands twice; which value counts?'"
    if kind in NESTED:
        yield f"WHEN {value} IS NOT NULL THEN '{place} holds a nested value; map a single one, such as name.id'"
    if kind == "blob":
        yield f"WHEN {value} IS NOT NULL AND {text_sql(field)} IS NULL THEN '{place} holds bytes that are no UTF-8 text'"
    if kind in {"varchar", "enum", "blob"}:
        yield f"WHEN contains({text_sql(field)}, chr(0)) THEN '{place} holds NUL; remove it'"


def _json(field: Field, taken: frozenset[tuple[str, ...]]) -> str | None:
    """A field as JSON text without what columns of ours took; None where nothing is left of it."""
    if field.path in taken:
        return None
    kind, value = field.type.id, field.sql
    if field.inner and field.holds(taken):
        members = json_object(field.inner, taken)
        return None if members is None else f"(CASE WHEN {value} IS NULL THEN 'null' ELSE {members} END)"
    if kind in {"float", "double"}:  # JSON has no NaN
        return (
            f"coalesce(CAST(CASE WHEN isfinite({value}) THEN to_json({value}) "
            f"ELSE to_json(CAST({value} AS VARCHAR)) END AS VARCHAR), 'null')"
        )
    return f"coalesce(CAST(to_json({value}) AS VARCHAR), 'null')"


def json_object(fields: Sequence[Field], taken: frozenset[tuple[str, ...]] = frozenset()) -> str | None:
    """Some fields as the text of one JSON object, names by code point."""
    parts = [
        f"{literal(canonical(field.own) + ':')} || {text}"
        for field in sorted(fields, key=lambda field: field.own)
        if (text := _json(field, taken)) is not None
    ]
    members = " || ',' || ".join(parts)
    return f"('{{' || {members} || '}}')" if parts else None


_NUL = r"regexp_matches(extra{level}, '(^|[^\\])(\\\\)*\\u0000')"


def rows_sql(file: Path, columns: Columns, mapped: Sequence[Field]) -> str:
    """One query for the rows of a file, in their order.

    It gives: the number of the file's row from 1; what is wrong with the row, behind the place of the value at fault (-1 for none); the
    file's row as JSON, on the first of the rows made from it; the mapped values as texts; and for every level what nobody maps of it as JSON,
    on the first of the rows that are part of it.
    """
    depth = len(columns.lists)
    names = ", ".join(f"c{place}" for place in range(len(columns.tops)))
    source = f"read_parquet({literal(str(file))}, file_row_number = true) AS rows({names}, rn)"
    whole = json_object(columns.tops) or "'{}'"
    query = _level(columns, mapped, 0, f"rn + 1 AS line, {whole} AS row_text", f"FROM {source}")
    for level in range(1, depth + 1):
        items = f"l{level}"
        spread = f"""
            SELECT * EXCLUDE ({items}), unnest(CASE WHEN len({items}) > 0 THEN {items} ELSE [NULL] END) AS e{level},
                unnest(CASE WHEN len({items}) > 0 THEN range(1, len({items}) + 1) ELSE [NULL] END) AS i{level}
            FROM ({query})
        """
        query = _level(columns, mapped, level, f"* EXCLUDE (e{level})", f"FROM ({spread})")
    firsts = [" AND ".join(f"coalesce(i{n}, 1) = 1" for n in range(level + 1, depth + 1)) for level in range(depth + 1)]
    extras = [
        f"CASE WHEN {first} THEN extra{n} END AS extra{n}" if first else f"extra{n}" for n, first in enumerate(firsts)
    ]
    text = f"CASE WHEN {firsts[0]} THEN row_text END" if firsts[0] else "row_text"
    faults = [f"fault{level}" for level in range(depth + 1)]
    # Asked of texts that are there already, and only here, because of what is looked for in all of them.
    nul = " ".join(
        f"WHEN {_NUL.format(level=n)} THEN '-1 the row holds NUL in a column that nobody maps; remove it'"
        for n in range(depth + 1)
    )
    texts = "".join(f"t{place}, " for place in range(len(mapped)))
    return f"SELECT line, coalesce({', '.join(faults)}, CASE {nul} END) AS fault, {text} AS row_text, {texts}{', '.join(extras)} FROM ({query})"


def _level(columns: Columns, mapped: Sequence[Field], level: int, head: str, source: str) -> str:
    """What is taken from a row of the file, or from an element: texts, faults, what nobody maps, and the next list."""
    mine = [(place, field) for place, field in enumerate(mapped) if field.level == level]
    cases = [case for place, field in mine for case in _fault_sql(place, field)]
    if level:
        element = columns.elements[level - 1]
        said = f"-1 an element of {element.name} is {{}}, where an object is expected"
        cases.append(f"WHEN i{level} IS NOT NULL AND e{level} IS NULL THEN {literal(said.format('null'))}")
        if not element.inner and element not in mapped:
            cases.append(f"WHEN e{level} IS NOT NULL THEN {literal(said.format('a single value'))}")
    fault = f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"
    parts = [
        head,
        *(f"{text_sql(field)} AS t{place}" for place, field in mine),
        f"{fault} AS fault{level}",
        f"{columns.left_over(level, mapped) or 'CAST(NULL AS VARCHAR)'} AS extra{level}",
    ]
    if level < len(columns.lists):
        found = columns.lists[level].as_list
        assert found is not None  # noqa: S101 - `columns_of` made sure
        parts.append(f"{found[0]} AS l{level + 1}")
    return f"SELECT {', '.join(parts)} {source}"


def count_sql(file: Path, columns: Columns) -> str:
    """How many rows a file gives, counted from the lengths of its lists alone."""
    names = ", ".join(f"c{place}" for place in range(len(columns.tops)))
    return f"SELECT coalesce(sum({_count(columns, 0)}), 0) FROM read_parquet({literal(str(file))}) AS rows({names})"


def _count(columns: Columns, level: int) -> str:
    if level == len(columns.lists):
        return "1"
    found = columns.lists[level].as_list
    assert found is not None  # noqa: S101 - `columns_of` made sure
    items = found[0]
    if level + 1 == len(columns.lists):
        return f"greatest(coalesce(len({items}), 0), 1)"
    inner = f"list_sum(list_transform({items}, lambda e{level + 1}: {_count(columns, level + 1)}))"
    return f"(CASE WHEN len({items}) > 0 THEN {inner} ELSE 1 END)"
