"""A look at what is no plain CSV: which format and encoding a file is in, and JSON or Parquet as the CSV that they could have been.

So the rest of `sahara init` knows one kind of table. The drops themselves are read in `drops/`, by the same rules but not as CSV.
"""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.drops.content import Format, clean_chunks, format_of
from sahara_assets.drops.encodings import UTF8_BOM, utf16_of
from sahara_assets.drops.json_text import NotJsonError, array_elements, as_text, leaves, parse
from sahara_assets.drops.packing import GZIP_MAGIC, Limits, open_unpacked
from sahara_assets.drops.parquet import peek
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_HEAD_BYTES = 64 * 1024
_ROW_BYTES = 100
_LIMITS = Limits(1 << 62, 1 << 62)
"""A look stops by itself."""


@dataclass(frozen=True)
class Look:
    """What the first bytes of a file tell.

    Attributes:
        format: how its rows are held.
        encoding: `utf-8` unless it is UTF-16.
        is_streamed: whether it must be read from its beginning: an archive other than gzip, or UTF-16.
    """

    format: Format
    encoding: str
    is_streamed: bool


def look_at(path: Path, magic: bytes) -> Look:
    """Which format and encoding a file is in.

    Raises:
        DropError: it is an archive that cannot be opened.
    """
    is_gzip = magic.startswith(GZIP_MAGIC)
    head = b""
    try:
        with open_unpacked(path, _LIMITS) as stream:
            while len(head) < _HEAD_BYTES and (chunk := stream.read(_HEAD_BYTES - len(head))):
                head += chunk
    except DropError:
        if not is_gzip:  # of a damaged gzip file the beginning can still be shown
            raise
    utf16 = utf16_of(head, "auto")
    text = head.decode(utf16, errors="ignore").encode() if utf16 else head
    is_packed = not head.startswith(magic) and not is_gzip
    return Look(format_of(text.removeprefix(UTF8_BOM), "auto"), utf16 or "utf-8", is_packed or utf16 is not None)


def text_of(path: Path, look: Look, budget_bytes: int) -> tuple[str, str, bool]:
    """The beginning of a file's text, its encoding, and whether that is all of it."""
    text = b""
    for chunk in clean_chunks(path, look.encoding, chunk_bytes=min(budget_bytes, 1 << 20)):
        text += chunk
        if len(text) > budget_bytes:
            end = text.rfind(b"\n", 0, budget_bytes) + 1
            return *_decoded(text[: end or budget_bytes], look.encoding), False
    return *_decoded(text, look.encoding), True


def _decoded(text: bytes, encoding: str) -> tuple[str, str]:
    try:
        return text.decode(), encoding
    except UnicodeDecodeError:
        return text.decode("cp1252", errors="replace"), "windows-1252" if encoding == "utf-8" else encoding


def as_csv(path: Path, look: Look, budget_bytes: int) -> tuple[tuple[str, ...], bool]:
    """A file's rows as CSV text with a header, as far as the budget goes, and whether those are all.

    Raises:
        DropError: it cannot be read.
    """
    if look.format == "parquet":
        most = max(budget_bytes // _ROW_BYTES, 300)
        names, rows, count = peek(path, most)
        return (_csv(names, rows),), count <= most
    records, whole = _records(path, look, budget_bytes)
    # The names of the first records only, so that a longer look finds the same header.
    seen, size = {}, 0
    for length, record in records:
        seen.update(dict.fromkeys(record))
        size += length
        if size > _HEAD_BYTES // 2:
            break
    names = list(seen)
    return (_csv(names, [[record.get(name) for name in names] for _, record in records]),), whole


def _records(path: Path, look: Look, budget_bytes: int) -> tuple[list[tuple[int, dict[str, str | None]]], bool]:
    """The first objects of a JSON file with the length of their text, flattened; broken ones are left out."""
    found: list[tuple[int, dict[str, str | None]]] = []
    size = 0
    with suppress(NotJsonError):
        for text in _texts(path, look, min(budget_bytes, 1 << 20)):
            size += len(text) + 1
            if size > budget_bytes and found:
                return found, False
            with suppress(NotJsonError, UnicodeDecodeError):
                value = parse(text.decode())
                if isinstance(value, dict):
                    found.append((len(text), {path: as_text(leaf) for path, leaf in leaves(value)}))
    return found, True


def _texts(path: Path, look: Look, chunk_bytes: int) -> Iterator[bytes]:
    chunks = clean_chunks(path, look.encoding, chunk_bytes=chunk_bytes, whole_lines=look.format == "jsonl")
    if look.format == "json":
        yield from array_elements(chunks)
        return
    for chunk in chunks:
        yield from (line for line in chunk.split(b"\n") if line.strip())


def _csv(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue()
