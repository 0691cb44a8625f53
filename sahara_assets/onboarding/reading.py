"""From a stranger's file to text lines: bytes, archives, encoding, and a sample that stays small however big the file is.

Nothing here knows what the text means: `dialect.py` finds the fields, `sampling.py` groups files by their header. JSON and Parquet come as
the CSV that they could have been (`typed.py`). A file that cannot be opened is an error; one that can be opened but is no text is a
`FileText` with a `problem`, so that the rest of the files still count.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.errors import DropError, SaharaError
from sahara_assets.onboarding.typed import as_csv, look_at, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from sahara_assets.drops.content import Format

_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_OTHER_MAGIC = {
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet as CSV",
    b"%PDF": "is a PDF",
    b"SQLite format 3": "is a SQLite database; export the table as CSV",
}


@dataclass(frozen=True)
class FileText:
    """The text of a file, or of samples from its head, middle and tail; each piece starts and ends at a line's end."""

    path: Path
    pieces: tuple[str, ...]
    encoding: str
    has_bom: bool
    is_ascii: bool
    whole: bool
    size_bytes: int
    problem: str = ""
    format: Format = "csv"


def read_text(path: Path, budget_bytes: int) -> FileText:
    """The file's text, whole where it fits the budget (in bytes once unpacked), else head, middle and tail.

    Raises:
        SaharaError: the file does not exist or may not be read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            magic = stream.read(16)
        look = look_at(path, magic)
        if look.format != "csv":
            pieces, whole = as_csv(path, look, budget_bytes)
            is_ascii = all(piece.isascii() for piece in pieces)
            return FileText(path, pieces, "utf-8", False, is_ascii, whole, size, format=look.format)
        if look.is_streamed:
            text, encoding, whole = text_of(path, look, budget_bytes)
            return FileText(path, (text,), encoding, False, encoding == "utf-8" and text.isascii(), whole, size)
        if magic.startswith(_GZIP_MAGIC):
            chunks, whole, problem = _unpacked(path, budget_bytes)
        else:
            (chunks, whole), problem = _sliced(path, size, budget_bytes), ""
    except DropError as error:
        reason = str(error).removeprefix(f"{path.name}: ")
        return FileText(path, (), "utf-8", False, True, False, size, problem=reason)
    except FileNotFoundError as error:
        raise SaharaError(f"{path}: there is no such file") from error
    except OSError as error:
        raise SaharaError(f"{path}: cannot be read: {error.strerror or error}; check its permissions") from error
    head = chunks[0] if chunks else b""
    for prefix, reason in _OTHER_MAGIC.items():
        if head.startswith(prefix):
            problem = problem or reason
    if not problem and b"\0" in head[:65536]:
        problem = "holds NUL bytes: it is not a text file, or it is UTF-16; save it as `CSV UTF-8`"
    return _decoded(path, chunks, size, whole=whole, problem=problem)


def _sliced(path: Path, size: int, budget: int) -> tuple[list[bytes], bool]:
    """The whole file, or three slices of a third of the budget each, cut at line ends."""
    with path.open("rb") as stream:
        if size <= budget:
            return [stream.read(budget)], True
        third = max(budget // 3, 1)
        chunks = [_until_line_end(stream.read(third))]
        for start in (size // 2, size - third):
            stream.seek(start)
            chunks.append(_until_line_end(_from_line_start(stream.read(third))))
    return chunks, False


def _unpacked(path: Path, budget: int) -> tuple[list[bytes], bool, str]:
    """The head of a gzip file: there is no seeking in it, and a broken end still shows its beginning."""
    pieces, total = [], 0
    machine = zlib.decompressobj(wbits=31)
    with path.open("rb") as stream:
        while total < budget and (raw := stream.read(1 << 16)):
            try:
                while raw and total < budget:
                    piece = machine.decompress(raw, budget - total)
                    pieces.append(piece)
                    total += len(piece)
                    raw = machine.unconsumed_tail
                    if machine.eof:  # a gzip file may hold several members, one after the other
                        raw, machine = machine.unused_data, zlib.decompressobj(wbits=31)
                        if not raw.startswith(_GZIP_MAGIC):
                            raw = b""
            except zlib.error:
                return [b"".join(pieces)], False, "is a damaged gzip file; deliver it again"
        finished = total < budget
    text = b"".join(pieces)
    return [text if finished else _until_line_end(text)], finished, ""


def _until_line_end(chunk: bytes) -> bytes:
    end = chunk.rfind(b"\n")
    return chunk[: end + 1] if end >= 0 else chunk


def _from_line_start(chunk: bytes) -> bytes:
    start = chunk.find(b"\n")
    return chunk[start + 1 :] if start >= 0 else b""


def _decoded(path: Path, chunks: list[bytes], size: int, *, whole: bool, problem: str) -> FileText:
    has_bom = bool(chunks) and chunks[0].startswith(_BOM)
    if has_bom:
        chunks = [chunks[0].removeprefix(_BOM), *chunks[1:]]
    encoding = "utf-8"
    try:
        pieces = [chunk.decode() for chunk in chunks]
    except UnicodeDecodeError as error:
        # A sample without a line end may be cut inside a letter; that alone does not make it Windows-1252.
        if not whole and error.reason == "unexpected end of data":
            pieces = [chunk.decode(errors="ignore") for chunk in chunks]
        elif any(_is_utf8_beyond_ascii(line) for chunk in chunks for line in chunk.split(b"\n")):
            # As a load has it: one broken line does not turn a UTF-8 file into mojibake.
            pieces = [chunk.decode(errors="replace") for chunk in chunks]
        else:
            encoding = "windows-1252"
            pieces = [chunk.decode("cp1252", errors="replace") for chunk in chunks]
    is_ascii = all(chunk.isascii() for chunk in chunks)
    return FileText(path, tuple(pieces), encoding, has_bom, is_ascii, whole, size, problem)


def _is_utf8_beyond_ascii(line: bytes) -> bool:
    if line.isascii():
        return False
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
