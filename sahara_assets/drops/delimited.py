"""CSV and its kin as a source: a header (`header.py`), then records found line by line (`records.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.drops.casts import outline_of
from sahara_assets.drops.content import NotTextError, clean_chunks
from sahara_assets.drops.header import HEADER_BYTES, Layout, read_header
from sahara_assets.drops.records import Records, RecordScanner, shown
from sahara_assets.drops.source import Order, Source, SourceRefusedError
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterator


class DelimitedSource(Source):
    """A drop of delimited text."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._start = b""
        self._chunks: Iterator[bytes] = iter(())

    def bind(self) -> Layout:
        """Read the header."""
        order = self._order
        chunks = clean_chunks(
            order.path,
            order.content.encoding,
            line_end=order.content.line_end,
            expected=order.content,
            chunk_bytes=order.chunk_bytes,
        )
        try:
            start = _start(chunks)
        except NotTextError as error:
            raise SourceRefusedError(str(error)) from error
        self._start, self._chunks = start, chunks
        try:
            self.layout, header_end = read_header(start, order.dataset, order.settings, order.path.name)
        except DropError as error:
            raise SourceRefusedError(str(error)) from error
        self._start = start[header_end:]
        return self.layout

    def records(self) -> Iterator[Records]:
        """The records below the header."""
        layout, order = self.layout, self._order
        scanner = RecordScanner(
            delimiter=layout.delimiter,
            quote=order.settings.quote,
            width=len(layout.names),
            first_line=layout.first_line,
            outline=outline_of(order.dataset, layout, order.settings),
            encoding=order.content.encoding,
        )
        pending = self._start
        for chunk in self._chunks:
            yield scanner.feed(pending, last=False)
            pending = chunk
        yield scanner.feed(pending, last=True)

    def refused(self) -> tuple[str, int]:
        """The first line, and the lines with text after it: what its rows are is not known."""
        lines = _lines_with_text(self._start) + sum(_lines_with_text(chunk) for chunk in self._chunks)
        return shown(self._start.split(b"\n", 1)[0]), max(lines - 1, 0)


def _start(chunks: Iterator[bytes]) -> bytes:
    """As many chunks as a header may take."""
    start = b""
    while len(start) < HEADER_BYTES and (chunk := next(chunks, b"")):
        start += chunk
    return start


def _lines_with_text(text: bytes) -> int:
    return sum(1 for line in text.split(b"\n") if line.strip())
