r"""Which records a chunk of clean text holds: the scan that counts rows, apart from the reader that loads them.

Most lines of most files are *plain*: whole records with the right number of fields, whose quotes open and close where they should.
Those are found with a few NumPy passes and handed on as bytes for DuckDB to read in bulk. Every other line goes through a small
parser that either reads it right (a quoted field with line breaks, blanks around a quote) or says what is wrong with it. So one
broken line costs itself and nothing else: an unterminated quote ends at its line and swallows no neighbour.

Typing does not live here (`casts.py`), nor does the header (`header.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

LONGEST_RECORD_BYTES = 8 * 1024 * 1024
"""A quoted field may run over lines for so long; beyond it the quote counts as unterminated."""

LONGEST_PLAIN_LINE_BYTES = 1024 * 1024
"""A longer line is no plain one: DuckDB's own limit is two megabytes."""

_LINE_FEED = 0x0A


@dataclass(frozen=True)
class ParsedRecord:
    """A record that the small parser read: its first physical line, its fields, and its text as it stood."""

    line: int
    fields: list[str]
    text: str


@dataclass(frozen=True)
class BrokenRecord:
    """A record that cannot be read: its physical line, its text, the field at fault (from 0, None for the whole row) and why."""

    line: int
    text: str
    reason: str
    field_index: int | None = None


@dataclass
class Records:
    """The records of one chunk.

    Attributes:
        plain: the plain lines as bytes, each ended by a line feed.
        plain_lines: their physical line numbers, in order.
        parsed: records read by the small parser.
        broken: records that cannot be read.
    """

    plain: bytes = b""
    plain_lines: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    parsed: list[ParsedRecord] = field(default_factory=list)
    broken: list[BrokenRecord] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many records the chunk holds: this is what "rows read" means."""
        return len(self.plain_lines) + len(self.parsed) + len(self.broken)


def split_record(text: str, delimiter: str, quote: str) -> list[str] | Literal["open", "garbage"]:
    r"""The fields of one record; ``"open"`` if a quote does not close, ``"garbage"`` if text follows a closing quote.

    A quote inside an unquoted field is an ordinary character (`5" pipe`), and blanks around a quoted field are left out.

    >>> split_record('a,"b ""c"", d",e', ",", '"')
    ['a', 'b "c", d', 'e']
    >>> split_record('1, "x" ,5" pipe', ",", '"')
    ['1', 'x', '5" pipe']
    >>> split_record('1,"x', ",", '"')
    'open'
    >>> split_record('1,"x"y', ",", '"')
    'garbage'
    """
    fields: list[str] = []
    position = 0
    length = len(text)
    while True:
        start = _skip_blanks(text, position, delimiter)
        if quote and start < length and text[start] == quote:
            value, after = _quoted(text, start + 1, quote)
            if value is None:
                return "open"
            end = _skip_blanks(text, after, delimiter)
            if end < length and text[end] != delimiter:
                return "garbage"
            fields.append(value)
            if end >= length:
                return fields
            position = end + 1
        else:
            end = text.find(delimiter, position)
            if end < 0:
                fields.append(text[position:])
                return fields
            fields.append(text[position:end])
            position = end + 1


def _skip_blanks(text: str, position: int, delimiter: str) -> int:
    while position < len(text) and text[position] in " \t" and text[position] != delimiter:
        position += 1
    return position


def _quoted(text: str, position: int, quote: str) -> tuple[str | None, int]:
    """The text up to the closing quote and the position after it; None where no quote closes."""
    parts: list[str] = []
    while (end := text.find(quote, position)) >= 0:
        if not text.startswith(quote, end + 1):
            parts.append(text[position:end])
            return "".join(parts), end + 1
        parts.append(text[position : end + 1])
        position = end + 2
    return None, len(text)


class RecordScanner:
    """Finds the records of one drop, chunk by chunk.

    Args:
        delimiter: what separates fields, one ASCII character.
        quote: what quotes a field, one ASCII character, or empty.
        width: the number of fields that the header has.
        first_line: physical line number of the first line that will be fed.
        is_row: whether some fields look like a whole row; decides whether a quote that runs over lines swallowed one.
    """

    def __init__(
        self, *, delimiter: str, quote: str, width: int, first_line: int, is_row: Callable[[Sequence[str]], bool]
    ) -> None:
        self._delimiter = delimiter
        self._quote = quote
        self._width = width
        self._line = first_line
        self._is_row = is_row
        self._carry = b""

    def feed(self, chunk: bytes, *, last: bool) -> Records:
        """The records of the next chunk; a record that runs past its end waits for the following chunk unless this is the last."""
        data = self._carry + chunk if self._carry else chunk
        self._carry = b""
        if last and data and not data.endswith(b"\n"):
            data += b"\n"
        if not data:
            return Records()
        buffer = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(buffer == _LINE_FEED)
        starts = np.concatenate(([0], ends[:-1] + 1))
        set_aside = self._not_plain(data, buffer, starts, ends)
        if not set_aside.any():
            lines = np.arange(self._line, self._line + len(ends), dtype=np.int64)
            self._line += len(ends)
            return Records(plain=data, plain_lines=lines)
        records = Records()
        taken = self._parse_set_aside(data, starts, ends, set_aside, records, last=last)
        keep = ~set_aside[:taken]
        records.plain = _take_lines(data, starts, ends, keep)
        records.plain_lines = np.flatnonzero(keep).astype(np.int64) + self._line
        self._line += taken
        return records

    def _not_plain(
        self, data: bytes, buffer: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """A flag per line: not a whole, well-formed record that DuckDB can be trusted with."""
        lengths = ends - starts
        set_aside = (lengths == 0) | (lengths > LONGEST_PLAIN_LINE_BYTES)
        for byte in (b"\0", b"\r"):
            if byte in data:
                set_aside[np.searchsorted(ends, np.flatnonzero(buffer == byte[0]))] = True
        _mark_invalid_utf8(data, starts, ends, set_aside)
        delimiters = np.flatnonzero(buffer == ord(self._delimiter))
        if self._quote and self._quote.encode() in data:
            quotes = np.flatnonzero(buffer == ord(self._quote))
            quote_lines = np.searchsorted(ends, quotes)
            first_of_line = np.searchsorted(quotes, starts)
            ordinal = np.arange(len(quotes)) - first_of_line[quote_lines]
            self._mark_malformed_quotes(buffer, quotes, quote_lines, ordinal, set_aside)
            # A delimiter with an odd number of quotes before it on its line stands inside a quoted field.
            quotes_before = np.searchsorted(quotes, delimiters) - first_of_line[np.searchsorted(ends, delimiters)]
            delimiters = delimiters[quotes_before % 2 == 0]
        counts = np.diff(np.searchsorted(delimiters, ends), prepend=0)
        set_aside |= counts != self._width - 1
        if self._width == 1:
            # With one column a line of blanks would be a record to DuckDB.
            first = buffer[starts]
            set_aside |= (first == ord(" ")) | (first == ord("\t"))
        return set_aside

    def _mark_malformed_quotes(
        self,
        buffer: NDArray[np.uint8],
        quotes: NDArray[np.int64],
        quote_lines: NDArray[np.int64],
        ordinal: NDArray[np.int64],
        set_aside: NDArray[np.bool_],
    ) -> None:
        """Mark lines whose quotes are not in opening and closing pairs at field ends (a doubled quote inside is fine)."""
        odd = np.bincount(quote_lines, minlength=len(set_aside)) % 2 == 1
        set_aside |= odd
        delimiter, quote = ord(self._delimiter), ord(self._quote)
        before = np.where(quotes > 0, buffer[quotes - 1], _LINE_FEED)
        after = buffer[np.minimum(quotes + 1, len(buffer) - 1)]
        opens = ordinal % 2 == 0
        fine_open = (before == delimiter) | (before == _LINE_FEED) | ((before == quote) & (ordinal > 0))
        fine_close = (after == delimiter) | (after == _LINE_FEED) | (after == quote)
        set_aside[quote_lines[np.where(opens, ~fine_open, ~fine_close)]] = True

    def _parse_set_aside(
        self,
        data: bytes,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        set_aside: NDArray[np.bool_],
        records: Records,
        *,
        last: bool,
    ) -> int:
        """Read the lines that are not plain into `records`; lines a record runs over are set aside too. Returns the lines consumed."""
        total = len(ends)
        index = 0
        flagged = np.flatnonzero(set_aside)
        cursor = 0
        while cursor < len(flagged):
            index = int(flagged[cursor])
            cursor += 1
            raw = data[starts[index] : ends[index]]
            line = self._line + index
            if not raw.strip():
                continue
            outcome = self._read_line(raw, line)
            if outcome != "open":
                self._keep(outcome, records)
                continue
            joined = self._read_over_lines(data, starts, ends, index, line, last=last)
            if joined is None:
                self._carry = data[starts[index] :]
                return index
            record, following = joined
            self._keep([record], records)
            if following > index + 1:
                set_aside[index + 1 : following] = True
                while cursor < len(flagged) and flagged[cursor] < following:
                    cursor += 1
        return total

    @staticmethod
    def _keep(outcome: list[ParsedRecord | BrokenRecord], records: Records) -> None:
        for record in outcome:
            if isinstance(record, ParsedRecord):
                records.parsed.append(record)
            else:
                records.broken.append(record)

    def _read_line(self, raw: bytes, line: int) -> list[ParsedRecord | BrokenRecord] | Literal["open"]:
        """Read one physical line; `"open"` if a quote does not close on it."""
        if b"\0" in raw:
            position = raw[: raw.index(b"\0")].count(self._delimiter.encode())
            reason = "the row holds a NUL byte; remove it"
            return [BrokenRecord(line, _shown(raw), reason, position if position < self._width else None)]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            reason = f'byte 0x{raw[error.start]:02X} is not UTF-8; if the file is Windows-1252, set encoding = "windows-1252"'
            return [BrokenRecord(line, _shown(raw), reason)]
        fields = split_record(text, self._delimiter, self._quote)
        if isinstance(fields, list) and len(fields) == self._width:
            return [ParsedRecord(line, fields, text)]
        if fields == "open":
            return "open"
        return [self._broken(fields, text, line)]

    def _broken(self, fields: list[str] | str, text: str, line: int) -> BrokenRecord:
        if fields == "garbage":
            return BrokenRecord(line, text, "text follows a closing quote; write a quote inside a quoted field twice")
        if fields == "open":
            return BrokenRecord(line, text, "a quote opens on this line and does not close; close it or write it twice")
        return BrokenRecord(line, text, f"{len(fields)} fields where the header has {self._width}")

    def _read_over_lines(
        self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], index: int, line: int, *, last: bool
    ) -> tuple[ParsedRecord | BrokenRecord, int] | None:
        """Read a record whose quote is open at its line's end.

        Returns:
            The record and the index of the first line after it, or None where more data is needed to tell.
        """
        unterminated = self._broken("open", data[starts[index] : ends[index]].decode("utf-8"), line), index + 1
        quote = self._quote.encode()
        following = index + 1
        while following < len(ends):
            end = int(ends[following])
            if end - int(starts[index]) > LONGEST_RECORD_BYTES:
                return unterminated
            following += 1
            if quote not in data[starts[following - 1] : end]:
                continue
            raw = data[starts[index] : end]
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                return unterminated
            if "\0" in text:
                return unterminated
            fields = split_record(text, self._delimiter, self._quote)
            if fields == "open":
                continue
            if not isinstance(fields, list) or len(fields) != self._width:
                return unterminated
            inner = text.split("\n")[1:]
            if any(self._swallowed(piece) for piece in inner):
                return unterminated
            return ParsedRecord(line, fields, text), following
        if last or len(data) - int(starts[index]) > LONGEST_RECORD_BYTES:
            return unterminated
        return None

    def _swallowed(self, text: str) -> bool:
        """Whether a line inside an open quote is a row of its own, so that the quote before it was never meant to run over it."""
        fields = split_record(text, self._delimiter, self._quote)
        return isinstance(fields, list) and len(fields) == self._width and self._is_row(fields)


def _mark_invalid_utf8(
    data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], set_aside: NDArray[np.bool_]
) -> None:
    if data.isascii():
        return
    position = 0
    while position < len(data):
        try:
            # str(memoryview) decodes without copying the rest of the chunk for every bad line.
            str(memoryview(data)[position:], "utf-8")
        except UnicodeDecodeError as error:
            index = int(np.searchsorted(ends, position + error.start))
            set_aside[index] = True
            position = int(ends[index]) + 1
        else:
            return


def _take_lines(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], keep: NDArray[np.bool_]) -> bytes:
    """The kept lines as bytes, copied in runs."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], keep.astype(np.int8), [0]))))
    return b"".join(
        data[starts[first] : ends[after - 1] + 1] for first, after in zip(edges[::2], edges[1::2], strict=True)
    )


def _shown(raw: bytes) -> str:
    r"""Bytes as text that every warehouse can hold: what is not UTF-8 and NUL are written as ``\xNN``."""
    return raw.decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")
