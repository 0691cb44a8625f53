"""The shape of a Parquet file's schema, read before anything else reads the file: how many elements, and how deep.

DuckDB walks a schema by recursion: a file of a megabyte whose schema is nested twenty thousand deep ends the process with a segmentation
fault, one nested three thousand deep keeps it busy for ever. So the schema's shape is looked at here first, without recursion. The footer
is in Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md), and what stands in it
is in https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

DEEPEST = 64
MOST_ELEMENTS = 65_536
LARGEST_FOOTER_BYTES = 64 * 1024 * 1024

_MAGIC = b"PAR1"
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_INTEGERS = frozenset({_I16, _I32, _I64})
_SIZES = {_TRUE: 0, _FALSE: 0, _BYTE: 1, _DOUBLE: 8}
_SCHEMA_FIELD, _NUM_CHILDREN_FIELD = 2, 5
_DEEPEST_SKIPPED = 16


class UnreadableFooterError(ValueError):
    """The footer is damaged, or its schema is no table's; says what is wrong with it."""


@dataclass(frozen=True)
class SchemaShape:
    """How many elements a schema has, its root not counted, and how many lie inside one another at most."""

    elements: int
    depth: int


def schema_shape(file: BinaryIO) -> SchemaShape:
    """The shape of a file's schema.

    Args:
        file: the whole Parquet file, which can be read from anywhere.

    Raises:
        UnreadableFooterError: it has no footer that could be read, or a schema beyond `DEEPEST` or `MOST_ELEMENTS`.
    """
    size = file.seek(0, 2)
    file.seek(max(size - 8, 0))
    end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if len(end) < 8 or end[4:] != _MAGIC or length > size - 12:
        raise UnreadableFooterError("its end is no Parquet file's")
    if length > LARGEST_FOOTER_BYTES:
        raise UnreadableFooterError(f"its footer has more than {LARGEST_FOOTER_BYTES >> 20} MB")
    file.seek(size - 8 - length)
    try:
        return _shape(_Compact(file.read(length)))
    except IndexError as error:
        raise UnreadableFooterError("its footer ends too early") from error


def _shape(footer: _Compact) -> SchemaShape:
    for number, kind in footer.fields():
        if number == _SCHEMA_FIELD and kind == _LIST:
            count, of = footer.list_header()
            if of != _STRUCT or not 1 <= count <= MOST_ELEMENTS + 1:
                raise UnreadableFooterError(f"its schema has more than {MOST_ELEMENTS:,} columns, or none")
            return _depth(footer, count)
        footer.skip(kind)
    raise UnreadableFooterError("its footer holds no schema")


def _depth(footer: _Compact, count: int) -> SchemaShape:
    """Elements come before those inside them; each says how many it has."""
    left: list[int] = []
    deepest = 0
    for _ in range(count):
        children = 0
        for number, kind in footer.fields():
            if number == _NUM_CHILDREN_FIELD and kind in _INTEGERS:
                children = footer.integer()
            else:
                footer.skip(kind)
        while left and left[-1] == 0:
            left.pop()
        if left:
            left[-1] -= 1
        deepest = max(deepest, len(left))
        if children > 0:
            left.append(children)
        if len(left) > DEEPEST:
            raise UnreadableFooterError(f"its columns are nested more than {DEEPEST} deep")
    return SchemaShape(count - 1, deepest)


class _Compact:
    """Thrift's compact protocol, as much of it as it takes to find a few numbers and step over the rest."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """The numbers and kinds of a struct's fields; the caller takes or skips each value before it asks for the next."""
        number = 0
        while (head := self._byte()) != 0:
            step, kind = head >> 4, head & 0x0F
            number = number + step if step else self.integer()
            yield number, kind

    def list_header(self) -> tuple[int, int]:
        """How many values a list has, and their kind."""
        head = self._byte()
        count = head >> 4
        return (self._varint() if count == 15 else count), head & 0x0F

    def integer(self) -> int:
        """A zigzag number."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def skip(self, kind: int, *, in_list: bool = False, depth: int = 0) -> None:
        """Step over a value."""
        if depth > _DEEPEST_SKIPPED:
            raise UnreadableFooterError("its footer is nested too deeply")
        if kind in _SIZES:
            # A field's head says already which of the two it is; in a list each takes a byte.
            self._at += _SIZES[kind] or int(in_list)
        elif kind in _INTEGERS:
            self._varint()
        elif kind == _BINARY:
            length = self._varint()
            self._at += length
        elif kind in {_LIST, _SET}:
            count, of = self.list_header()
            self._skip_many(count, (of,), depth)
        elif kind == _MAP:
            count = self._varint()
            kinds = self._byte() if count else 0
            self._skip_many(count, (kinds >> 4, kinds & 0x0F), depth)
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth=depth + 1)
        else:
            raise UnreadableFooterError("its footer is damaged")
        if self._at > len(self._data):
            raise IndexError

    def _skip_many(self, count: int, kinds: tuple[int, ...], depth: int) -> None:
        if count > len(self._data) - self._at:  # every value takes a byte at least
            raise IndexError
        for _ in range(count):
            for kind in kinds:
                self.skip(kind, in_list=True, depth=depth + 1)

    def _byte(self) -> int:
        byte = self._data[self._at]
        self._at += 1
        return byte

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise UnreadableFooterError("its footer is damaged")
