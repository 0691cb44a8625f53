r"""Records that end with something else than a line end: their chunks made into lines.

The rest of the reader knows lines. So each record becomes one, ended by a line feed, and a line feed inside a record is carried as the
byte 0xFF, which no UTF-8 text holds; `inside` gives it back. Line numbers then count records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CARRIED = b"\xff"


def chunks_by(chunks: Iterable[bytes], record_delimiter: str) -> Iterator[bytes]:
    r"""Chunks of whole lines, one a record.

    >>> list(chunks_by([b"a,b\x1ec,two\n", b"lines\x1ed,e"], "\x1e"))
    [b'a,b\n', b'c,two\xfflines\n', b'd,e']

    Args:
        chunks: clean text, ended anywhere.
        record_delimiter: what ends a record; a line feed gives the chunks as they are, a line end behind any other belongs to it.
    """
    if record_delimiter == "\n":
        yield from chunks
        return
    end = record_delimiter.encode()
    rest = b""
    for chunk in chunks:
        block = rest + chunk
        # A line feed may follow the delimiter in the next chunk.
        cut = block.rfind(end, 0, len(block) - 1)
        if cut < 0:
            rest = block
            continue
        cut += len(end) + (block[cut + len(end) : cut + len(end) + 1] == b"\n")
        yield _as_lines(block[:cut], end)
        rest = block[cut:]
    if rest:
        yield _as_lines(rest, end)


def _as_lines(block: bytes, end: bytes) -> bytes:
    # A byte 0xFF that was there before stays what it is, no UTF-8.
    block = block.replace(_CARRIED, b"\xfe").replace(end + b"\n", end).replace(b"\n", _CARRIED)
    return block.replace(end.replace(b"\n", _CARRIED), b"\n")


def inside(raw: bytes) -> bytes:
    """A record's bytes with their line feeds."""
    return raw.replace(_CARRIED, b"\n")
