"""A drop's content: its hash, its format, its encoding, and its text as clean UTF-8 lines.

How it is unpacked is in `packing.py`, how its bytes become UTF-8 in `encodings.py`. What a line means (records, fields, quotes) lives
with the formats: `sources.py` names them.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sahara_assets.drops.encodings import SINGLE_BYTE, UTF8_BOM, Utf16, single_byte_to_utf8, utf16_of, utf16_to_utf8
from sahara_assets.drops.packing import Limits, Openable, Readable, open_unpacked
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 16 * 1024 * 1024
"""How much of a drop is held at a time: the reader's memory does not grow with the file."""

LONGEST_LINE_BYTES = 32 * 1024 * 1024
"""A file without a line end in so many bytes is no CSV."""

_INSPECTED_BYTES = 4 * 1024 * 1024
_HEAD_BYTES = 64 * 1024

Format = Literal["csv", "jsonl", "json", "parquet"]
"""How a drop holds its rows: delimited text, one JSON object a line, one JSON array, or Parquet."""

PARQUET_MAGIC = b"PAR1"

# What people deliver by mistake. Read as text, some of these would look like a file full of odd rows.
_NOT_TEXT = (
    (b"\x1f\x8b", "a gzip archive inside an archive; pack it once"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive inside an archive; pack it once"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook inside an archive; pack the file itself, once"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save it as CSV"),
    (b"%PDF-", "a PDF; export CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; use gzip, zstd or zip"),
    (b"Rar!\x1a\x07", "a RAR archive; use gzip, zstd or zip"),
    (b"BZh", "a bzip2 archive; use gzip, zstd or zip"),
    (b"\xfd7zXZ\x00", "an xz archive; use gzip, zstd or zip"),
    (b"SQLite format 3\x00", "an SQLite database; export the table as CSV"),
    (PARQUET_MAGIC, 'a Parquet file; set format = "auto" or "parquet"'),
    (b"PARE", "an encrypted Parquet file; deliver it without a key"),
    (b"Obj\x01", "an Avro file; export Parquet, JSON lines or CSV"),
    (b"ORC", "an ORC file; export Parquet, JSON lines or CSV"),
    (codecs.BOM_UTF32_LE, 'UTF-32 text; save it as "CSV UTF-8"'),
    (codecs.BOM_UTF32_BE, 'UTF-32 text; save it as "CSV UTF-8"'),
)

_UNLIMITED = Limits(1 << 62, 1 << 62)

# The second sign settles it: a CSV header may begin with a bracket (`[Order ID],[Qty]`), but hardly with these pairs.
_JSON_ARRAY = re.compile(rb"\s*\[\s*(\{|\]\s*$)")
_JSON_OBJECT = re.compile(rb'\s*\{\s*("|\}|$)')


@dataclass(frozen=True)
class Content:
    """What one pass over a drop tells.

    Attributes:
        drop_id: SHA-256 of the unpacked content, so that a file and its gzip are one content.
        size_bytes: size of the unpacked content.
        encoding: as read: `utf-8`, `windows-1252`, …; empty for Parquet, which says itself what it holds.
        line_end: a line feed, or a carriage return where the whole file has no line feed.
        format: how the rows are held.
    """

    drop_id: str
    size_bytes: int
    encoding: str
    line_end: Literal["\n", "\r"] = "\n"
    format: Format = "csv"


class NotTextError(DropError):
    """The file is whole, but nothing that can be read as its format: reading it again will not help."""


def inspect_content(
    path: Openable, encoding: str, *, file_format: str = "auto", limits: Limits | None = None
) -> Content:
    """Hash a drop and settle its format, encoding and line end in one pass (a second one only where it is not valid UTF-8).

    Args:
        path: the file.
        encoding: one of the encodings, or `auto`: UTF-16 where a byte order mark or the bytes prove it, else UTF-8 unless no line
            outside ASCII is valid UTF-8; then Windows-1252. One broken line in a UTF-8 file must not turn the whole file into mojibake.
        file_format: `csv`, `jsonl`, `parquet`, or `auto`: what the first bytes are.
        limits: how much may come out of a packed file.

    Raises:
        DropError: the file cannot be read.
    """
    digest = hashlib.sha256()
    size = 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    valid = True
    line_feed = carriage_return = False
    utf16: Utf16 | None = None
    found: Format = "csv"
    with open_unpacked(path, limits) as stream:
        while chunk := stream.read(_INSPECTED_BYTES):
            digest.update(chunk)
            if size == 0:
                utf16 = utf16_of(chunk[:_HEAD_BYTES], encoding)
                found = format_of(_head(chunk[:_HEAD_BYTES], utf16), file_format)
            size += len(chunk)
            if utf16 is None:
                line_feed = line_feed or b"\n" in chunk
                carriage_return = carriage_return or (not line_feed and b"\r" in chunk)
                if valid and encoding == "auto":
                    valid = _decodes(decoder, chunk)
    if found == "parquet":
        return Content(digest.hexdigest(), size, "", format=found)
    if utf16 is not None:
        encoding = utf16
        line_feed, carriage_return = _line_ends_of_utf16(path, utf16, limits)
    elif encoding == "auto":
        valid = valid and _decodes(decoder, b"", final=True)
        encoding = "utf-8" if valid or _has_utf8_line(path, limits) else "windows-1252"
    elif encoding == "utf-16":  # an empty file
        encoding = "utf-16-le"
    line_end: Literal["\n", "\r"] = "\r" if carriage_return and not line_feed else "\n"
    return Content(digest.hexdigest(), size, encoding, line_end, found)


def format_of(head: bytes, declared: str) -> Format:
    """How a drop holds its rows.

    Args:
        head: its first bytes, as UTF-8 where it is text, without a byte order mark.
        declared: the setting. `jsonl` stands for one array too: which of the two it is, only the bytes tell.

    >>> format_of(b'{"a": 1}', "auto"), format_of(b'[{"a": 1}]', "jsonl"), format_of(b"[a],[b]", "auto"), format_of(b"PAR1", "auto")
    ('jsonl', 'json', 'csv', 'parquet')
    """
    if declared == "csv":
        return "csv"
    if declared == "parquet" or (declared == "auto" and head.startswith(PARQUET_MAGIC)):
        return "parquet"
    if _JSON_ARRAY.match(head):
        return "json"
    if declared == "jsonl":
        return "json" if head.lstrip().startswith(b"[") else "jsonl"
    return "jsonl" if _JSON_OBJECT.match(head) else "csv"


def _head(start: bytes, utf16: Utf16 | None) -> bytes:
    if utf16 is not None:
        return start.decode(utf16, errors="ignore").encode().removeprefix(UTF8_BOM)
    return start.removeprefix(UTF8_BOM)


def _line_ends_of_utf16(path: Openable, encoding: Utf16, limits: Limits | None) -> tuple[bool, bool]:
    """Whether the text holds a line feed, and whether it holds a carriage return."""
    line_feed = carriage_return = False
    with open_unpacked(path, limits) as stream:
        for text in utf16_to_utf8(stream, encoding, _INSPECTED_BYTES):
            line_feed = line_feed or b"\n" in text
            carriage_return = carriage_return or b"\r" in text
            if line_feed:
                break
    return line_feed, carriage_return


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _has_utf8_line(path: Openable, limits: Limits | None) -> bool:
    """Whether any line outside ASCII is valid UTF-8."""
    rest = b""
    with open_unpacked(path, limits) as stream:
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
    path: Openable,
    encoding: str,
    *,
    line_end: Literal["\n", "\r"] = "\n",
    expected: Content | None = None,
    chunk_bytes: int = CHUNK_BYTES,
    whole_lines: bool = True,
) -> Iterator[bytes]:
    r"""The drop's text in chunks that end at a line end: UTF-8 without BOM, lines ended by ``\n``.

    Other encodings are converted; in a UTF-8 drop bytes that are not UTF-8 stay as they are and their line is rejected later. A line
    break inside a quoted field is a line feed too, whatever it was: the same row is the same whoever wrote the file.

    Args:
        path: the file.
        encoding: as `inspect_content` settled it.
        line_end: as `inspect_content` settled it; a carriage return before a line feed belongs to the line end in any case.
        expected: what `inspect_content` found: a file that changes while it is read is refused.
        chunk_bytes: how much to hold at a time.
        whole_lines: whether chunks end at line ends; text without many of them (one JSON array) is cut anywhere, line ends as they are.

    Raises:
        NotTextError: the file starts like something that is no text, or has no line ends.
        DropError: the file cannot be read, or is no longer the one that was inspected.
    """
    digest = hashlib.sha256()
    rest = b""
    terminator = line_end.encode()
    # What was inspected is known to keep within the limits, and `_Hashed` stops where there is more of it than there was.
    with open_unpacked(path, _UNLIMITED if expected else None) as raw:
        stream = _Hashed(raw, digest, path.name, expected)
        for chunk in _utf8_chunks(stream, path, encoding, chunk_bytes):
            if not whole_lines:
                if chunk:
                    yield chunk
                continue
            block = rest + chunk
            cut = block.rfind(terminator) + 1
            whole, rest = block[:cut], block[cut:]
            if len(rest) > LONGEST_LINE_BYTES:
                raise NotTextError(f"{path.name}: no line end in {LONGEST_LINE_BYTES >> 20} MB; this is no CSV file")
            if whole:
                yield _with_line_feeds(whole, terminator)
        if rest:
            yield _with_line_feeds(rest, terminator)
    if expected is not None and digest.hexdigest() != expected.drop_id:
        raise DropError(f"{path.name}: changed while it was read; the next run takes it in")


class _Hashed:
    """Hashes what is read, and stops at a file that has grown since it was inspected."""

    def __init__(self, stream: Readable, digest: hashlib._Hash, name: str, expected: Content | None) -> None:
        self._stream = stream
        self._digest = digest
        self._name = name
        self._left = expected.size_bytes if expected else None

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._stream.read(size)
        self._digest.update(chunk)
        if self._left is not None:
            self._left -= len(chunk)
            if self._left < 0:
                raise DropError(f"{self._name}: changed while it was read; the next run takes it in")
        return chunk


def _utf8_chunks(stream: Readable, path: Openable, encoding: str, chunk_bytes: int) -> Iterator[bytes]:
    """The text as UTF-8 without a byte order mark, in chunks about as long as they are read."""
    start = stream.read(max(chunk_bytes, 16))
    _refuse_what_is_not_text(path, start)
    if encoding.startswith("utf-16"):
        which: Utf16 = "utf-16-be" if encoding == "utf-16-be" else "utf-16-le"
        chunks = utf16_to_utf8(stream, which, chunk_bytes, start)
        yield next(chunks, b"").removeprefix(UTF8_BOM)
        yield from chunks
        return
    chunk = start.removeprefix(UTF8_BOM)
    while True:
        yield single_byte_to_utf8(chunk, encoding) if encoding in SINGLE_BYTE else chunk
        chunk = stream.read(chunk_bytes)
        if not chunk:
            return


def _refuse_what_is_not_text(path: Openable, start: bytes) -> None:
    for magic, what in _NOT_TEXT:
        if start.startswith(magic):
            raise NotTextError(f"{path.name}: this is {what}")


def _with_line_feeds(block: bytes, terminator: bytes) -> bytes:
    if terminator == b"\r":
        return block.replace(b"\r", b"\n")
    # A file may mix both ends; a carriage return that stands before a line feed belongs to the line end.
    return block.replace(b"\r\n", b"\n") if b"\r" in block else block
