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
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK_BYTES = 16 * 1024 * 1024
"""How much of a drop is held at a time: the reader's memory does not grow with the file."""

LONGEST_LINE_BYTES = 256 * 1024 * 1024
"""A file without a line end in so many bytes is no CSV."""

_INSPECTED_BYTES = 4 * 1024 * 1024
_UTF8_BOM = codecs.BOM_UTF8

# The five bytes that Windows-1252 leaves undefined are passed through as control characters by browsers; here they make a bad line.
_WINDOWS_1252 = "cp1252"

# What people deliver by mistake. Read as text, some of these would look like a file full of odd rows.
_NOT_TEXT = (
    (b"\x1f\x8b", "a gzip archive inside a gzip archive; pack it once"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook; save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save it as CSV"),
    (b"%PDF-", "a PDF; export CSV"),
    (codecs.BOM_UTF16_LE, 'UTF-16 text (Excel calls it "Unicode text"); save it as "CSV UTF-8"'),
    (codecs.BOM_UTF16_BE, 'UTF-16 text (Excel calls it "Unicode text"); save it as "CSV UTF-8"'),
)


@dataclass(frozen=True)
class Content:
    """What one pass over a drop tells.

    Attributes:
        drop_id: SHA-256 of the unpacked content, so that a file and its gzip are one content.
        size_bytes: size of the unpacked content.
        encoding: `utf-8` or `windows-1252`, as read.
        line_end: a line feed, or a carriage return where the whole file has no line feed.
    """

    drop_id: str
    size_bytes: int
    encoding: str
    line_end: Literal["\n", "\r"] = "\n"


class NotTextError(DropError):
    """The file is whole, but not a text file: reading it again will not help."""


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
    """Hash a drop and settle its encoding and line end in one pass (a second one only where it is not valid UTF-8).

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
    line_feed = carriage_return = False
    with open_content(path) as stream:
        while chunk := stream.read(_INSPECTED_BYTES):
            digest.update(chunk)
            size += len(chunk)
            line_feed = line_feed or b"\n" in chunk
            carriage_return = carriage_return or (not line_feed and b"\r" in chunk)
            if valid and encoding == "auto":
                valid = _decodes(decoder, chunk)
    if encoding == "auto":
        valid = valid and _decodes(decoder, b"", final=True)
        encoding = "utf-8" if valid or _has_utf8_line(path) else "windows-1252"
    line_end: Literal["\n", "\r"] = "\r" if carriage_return and not line_feed else "\n"
    return Content(drop_id=digest.hexdigest(), size_bytes=size, encoding=encoding, line_end=line_end)


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _has_utf8_line(path: Path) -> bool:
    """Whether any line outside ASCII is valid UTF-8."""
    rest = b""
    with open_content(path) as stream:
        while chunk := stream.read(_INSPECTED_BYTES):
            # Bytes know only \n and \r as line ends; a line is cut where it is longer than any chunk, so that memory stays flat.
            lines = (rest + chunk).splitlines(keepends=True)
            rest = lines.pop() if len(lines[-1]) < _INSPECTED_BYTES and not lines[-1].endswith((b"\n", b"\r")) else b""
            if any(_is_utf8_beyond_ascii(line) for line in lines):
                return True
    return _is_utf8_beyond_ascii(rest)


def _is_utf8_beyond_ascii(line: bytes) -> bool:
    if line.isascii():
        return False
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def clean_chunks(
    path: Path,
    encoding: str,
    *,
    line_end: Literal["\n", "\r"] = "\n",
    expected_drop_id: str | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[bytes]:
    r"""The drop's text in chunks that end at a line end: UTF-8 without BOM, lines ended by ``\n``.

    Windows-1252 is converted; in a UTF-8 drop bytes that are not UTF-8 stay as they are and their line is rejected later. A line
    break inside a quoted field is a line feed too, whatever it was: the same row is the same whoever wrote the file.

    Args:
        path: the file.
        encoding: as `inspect_content` settled it.
        line_end: as `inspect_content` settled it; a carriage return before a line feed belongs to the line end in any case.
        expected_drop_id: the hash that the bytes must have; a file that changes while it is read is refused.
        chunk_bytes: how much to hold at a time.

    Raises:
        NotTextError: the file starts like something that is no text, or has no line ends.
        DropError: the file cannot be read, or is no longer the one that was inspected.
    """
    digest = hashlib.sha256()
    rest = b""
    terminator = line_end.encode()
    first = True
    with open_content(path) as stream:
        while True:
            chunk = stream.read(max(chunk_bytes, 16) if first else chunk_bytes)
            last = not chunk
            digest.update(chunk)
            if first:
                _refuse_what_is_not_text(path, chunk)
                chunk = chunk.removeprefix(_UTF8_BOM)
                first = False
            block = rest + chunk
            if last:
                whole, rest = block, b""
            else:
                cut = block.rfind(terminator) + 1
                whole, rest = block[:cut], block[cut:]
            if len(rest) > LONGEST_LINE_BYTES:
                raise NotTextError(f"{path.name}: no line end in {LONGEST_LINE_BYTES >> 20} MB; this is no CSV file")
            if whole:
                yield _clean(whole, encoding, terminator)
            if last:
                break
    if expected_drop_id is not None and digest.hexdigest() != expected_drop_id:
        raise DropError(f"{path.name}: changed while it was read; the next run takes it in")


def _refuse_what_is_not_text(path: Path, start: bytes) -> None:
    for magic, what in _NOT_TEXT:
        if start.startswith(magic):
            raise NotTextError(f"{path.name}: this is {what}")


def _clean(block: bytes, encoding: str, terminator: bytes) -> bytes:
    if encoding == "windows-1252" and not block.isascii():
        block = block.decode(_WINDOWS_1252, errors="surrogateescape").encode("utf-8", errors="surrogateescape")
    if terminator == b"\r":
        return block.replace(b"\r", b"\n")
    # A file may mix both ends; a carriage return that stands before a line feed belongs to the line end.
    return block.replace(b"\r\n", b"\n") if b"\r" in block else block
