"""A drop's bytes: opening, unpacking, hashing, and turning them into clean UTF-8 lines.

What a line means (records, fields, quotes) lives in `records.py`; which columns they are in `header.py`.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK_BYTES = 32 * 1024 * 1024
"""How much of a drop is held at a time: the reader's memory does not grow with the file."""

_UTF8_BOM = codecs.BOM_UTF8
LONGEST_LINE_BYTES = 256 * 1024 * 1024
"""A file without a line end in so many bytes is no CSV."""

# The five bytes that Windows-1252 leaves undefined are passed through as control characters by browsers; here they make a bad line.
_WINDOWS_1252 = "cp1252"


@dataclass(frozen=True)
class Content:
    """What one pass over a drop tells.

    Attributes:
        drop_id: SHA-256 of the unpacked content, so that a file and its gzip are one content.
        size_bytes: size of the unpacked content.
        encoding: `utf-8` or `windows-1252`, as read.
    """

    drop_id: str
    size_bytes: int
    encoding: str


@contextmanager
def open_content(path: Path) -> Iterator[BinaryIO]:
    """Open a drop's unpacked bytes; gzip is known by its magic number rather than its name.

    Raises:
        DropError: the file cannot be opened or its archive is corrupt.
    """
    try:
        with path.open("rb") as raw:
            magic = raw.read(2)
            raw.seek(0)
            if magic == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield cast("BinaryIO", unpacked)
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DropError(f"{path.name}: the gzip archive is corrupt or cut short ({error}); deliver it again") from error
    except OSError as error:
        raise DropError(
            f"{path.name}: cannot be read ({error.strerror or error}); check the file and its permissions"
        ) from error


def inspect_content(path: Path, encoding: str) -> Content:
    """Hash a drop and settle its encoding in one pass (a second one only where it is not valid UTF-8).

    Args:
        path: the file.
        encoding: `utf-8`, `windows-1252`, or `auto`: UTF-8 unless no line outside ASCII is valid UTF-8. One broken line in a UTF-8
            file must not turn the whole file into mojibake.

    Raises:
        DropError: the file cannot be read.
    """
    digest = hashlib.sha256()
    size = 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    valid = True
    with open_content(path) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            if valid and encoding == "auto":
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    valid = False
    if encoding == "auto" and valid:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            valid = False
    settled = encoding if encoding != "auto" else "utf-8" if valid or _has_utf8_line(path) else "windows-1252"
    return Content(drop_id=digest.hexdigest(), size_bytes=size, encoding=settled)


def _has_utf8_line(path: Path) -> bool:
    """Whether any line outside ASCII is valid UTF-8."""
    with open_content(path) as stream:
        for line in stream:
            if not line.isascii():
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError:
                    continue
                return True
    return False


def clean_chunks(
    path: Path, encoding: str, *, expected_drop_id: str | None = None, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[bytes]:
    r"""The drop's text in chunks that end at a line end: UTF-8 without BOM, lines ended by ``\n``.

    Windows-1252 is converted; in a UTF-8 drop bytes that are not UTF-8 stay as they are and their line is rejected later. A lone
    carriage return ends a line too where the file has no line feeds at all.

    Args:
        path: the file.
        encoding: as `inspect_content` settled it.
        expected_drop_id: the hash that the bytes must have; a file that changes while it is read is refused.
        chunk_bytes: how much to hold at a time.

    Raises:
        DropError: the file cannot be read, or is no longer the one that was inspected.
    """
    digest = hashlib.sha256()
    rest = b""
    lone_returns: bool | None = None
    first = True
    with open_content(path) as stream:
        while True:
            chunk = stream.read(chunk_bytes)
            digest.update(chunk)
            if first:
                chunk = chunk.removeprefix(_UTF8_BOM)
                first = False
            last = not chunk
            block = rest + chunk
            if lone_returns is None and (b"\n" in block or b"\r" in block):
                lone_returns = b"\n" not in block
            terminator = b"\r" if lone_returns else b"\n"
            if last:
                whole, rest = block, b""
            else:
                cut = block.rfind(terminator) + 1
                whole, rest = block[:cut], block[cut:]
            if len(rest) > LONGEST_LINE_BYTES:
                raise DropError(f"{path.name}: no line end in {LONGEST_LINE_BYTES >> 20} MB; this is no CSV file")
            if whole:
                yield _clean(whole, encoding, terminator)
            if last:
                break
    if expected_drop_id is not None and digest.hexdigest() != expected_drop_id:
        raise DropError(f"{path.name}: changed while it was read; the next run takes it in")


def _clean(block: bytes, encoding: str, terminator: bytes) -> bytes:
    if encoding == "windows-1252" and not block.isascii():
        block = block.decode(_WINDOWS_1252, errors="surrogateescape").encode("utf-8", errors="surrogateescape")
    if terminator == b"\r":
        return block.replace(b"\r", b"\n")
    # A file may mix both ends; a carriage return that stands before a line feed belongs to the line end.
    return block.replace(b"\r\n", b"\n") if b"\r" in block else block
