"""CSV and its kin as a source: a header (`header.py`), then records found line by line (`records.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.drops.binding import tidy
from sahara_assets.drops.content import NotTextError, clean_chunks
from sahara_assets.drops.ends import chunks_by
from sahara_assets.drops.fields import split_record
from sahara_assets.drops.header import HEADER_BYTES, USUAL_DELIMITERS, Layout, dialect_of, read_header
from sahara_assets.drops.outlines import outline_of
from sahara_assets.drops.records import Records, RecordScanner, shown
from sahara_assets.drops.source import Order, Refused, Source, SourceRefusedError
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLED_LINES = 50


class DelimitedSource(Source):
    """A drop of delimited text."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._start = b""
        self._chunks: Iterator[bytes] = iter(())

    def bind(self) -> Layout:
        """Read the header."""
        order = self._order
        if order.settings.explode:
            raise SourceRefusedError(
                f"{order.path.name}: this is delimited text, in which there is no list to take apart; leave explode out under "
                f"[datasets.{order.dataset.name}], or deliver JSON or Parquet"
            )
        chunks = clean_chunks(
            order.path,
            order.content.encoding,
            line_end=order.content.line_end,
            expected=order.content,
            chunk_bytes=order.chunk_bytes,
        )
        chunks = chunks_by(chunks, order.settings.record_delimiter or "\n")
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
        """The lines before the header, kept out, and the records below it."""
        layout, order = self.layout, self._order
        yield Records(broken=list(layout.before))
        scanner = RecordScanner(
            dialect_of(layout, order.settings),
            width=len(layout.names),
            first_line=layout.first_line,
            outline=outline_of(order.dataset, layout, order.settings),
            encoding=order.content.encoding,
            headers=layout.records,
            measure="the header has" if order.settings.header_lines else "column_names has",
        )
        pending = self._start
        for chunk in self._chunks:
            yield scanner.feed(pending, last=False)
            pending = chunk
        yield scanner.feed(pending, last=True)

    def refused(self) -> Refused:
        """The first line, and the lines with text after it: what its rows are is not known."""
        lines = _lines_with_text(self._start) + sum(_lines_with_text(chunk) for chunk in self._chunks)
        return Refused(shown(self._start.split(b"\n", 1)[0]), max(lines - 1, 0), self._samples())

    def _samples(self) -> dict[str, list[str]]:
        """The columns under the delimiter that the first line holds most of."""
        settings = self._order.settings
        first, *rest = (shown(line) for line in self._start.split(b"\n", _SAMPLED_LINES)[:_SAMPLED_LINES])
        delimiter = settings.delimiter
        if delimiter == "auto":
            delimiter = max(USUAL_DELIMITERS, key=first.count)
        fields = [split_record(line, delimiter, settings.quote, settings.escape) for line in (first, *rest) if line]
        names, *rows = [found for found in fields if isinstance(found, list)] or [[]]
        return Refused.sampled([tidy(name) for name in names], rows)


def _start(chunks: Iterator[bytes]) -> bytes:
    """As many chunks as a header may take."""
    start = b""
    while len(start) < HEADER_BYTES and (chunk := next(chunks, b"")):
        start += chunk
    return start


def _lines_with_text(text: bytes) -> int:
    return sum(1 for line in text.split(b"\n") if line.strip())
