r"""The plain lines of a chunk, found with a few NumPy passes: whole records with the right number of fields, well quoted.

Nearly all lines of nearly all files are plain, and DuckDB can be trusted with them. What is not plain is read by the small parser; that,
and what becomes of it, is decided in `records.py`.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.drops.fields import BLANKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sahara_assets.drops.dialect import Dialect

LONGEST_PLAIN_LINE_BYTES = 1024 * 1024
"""A longer line is no plain one: DuckDB's own limit is two megabytes."""

_LINE_FEED = 0x0A
_DECODED_BYTES = 1024 * 1024
_UTF8_BOM = b"\xef\xbb\xbf"

# What else than spaces and tabs makes a text need full care: other blanks, and the control characters that hold the line hash together.
_ODD = tuple(bytes([byte]) for byte in (0x0B, 0x0C, 0x1D, 0x1E, 0x1F))
_ODD_BEYOND_ASCII = tuple(blank.encode() for blank in BLANKS if not blank.isascii())
_IS_ODD_PAIR = np.zeros((256, 256), dtype=np.bool_)
_IS_ODD_PAIR[[odd[0] for odd in _ODD_BEYOND_ASCII], [odd[1] for odd in _ODD_BEYOND_ASCII]] = True


class Care(IntEnum):
    """How carefully the fields of some text must be trimmed and hashed; most files need little, and care costs time."""

    NONE = 0  # no field begins or ends with a blank
    SPACES = 1  # the only blanks at a field's edge are spaces
    FULL = 2  # any character may stand anywhere


class PlainLines:
    """Tells the plain lines of a drop from all others.

    Args:
        dialect: how the drop is written.
        width: how many fields a row has.
        headers: the names of the columns, record by record, tidied.
    """

    def __init__(self, dialect: Dialect, width: int, headers: Sequence[Sequence[str]]) -> None:
        self._dialect = dialect
        self._delimiter = dialect.delimiter
        self._quote = dialect.quote
        self._escape = "" if dialect.escape == dialect.quote else dialect.escape
        self._width = width
        self._headers = headers
        # A line of delimiters is a record, even where the delimiter is a blank.
        self.blanks = bytes(b for b in b" \t\r\x0b\x0c" if chr(b) != self._delimiter)

    def not_plain(
        self, data: bytes, buffer: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """A flag per line: not a whole, well-formed record that DuckDB can be trusted with."""
        if not self._dialect.is_plain:
            return np.ones(len(ends), dtype=np.bool_)
        lengths = ends - starts
        set_aside: NDArray[np.bool_] = (lengths == 0) | (lengths > LONGEST_PLAIN_LINE_BYTES)
        self._mark_what_is_no_row(data, buffer, starts, ends, set_aside)
        for byte in (b"\0", b"\r", self._escape.encode()):
            if byte and byte in data:
                set_aside[np.searchsorted(ends, np.flatnonzero(buffer == byte[0]))] = True
        if not data.isascii():
            _mark_invalid_utf8(data, starts, ends, set_aside)
            if _UTF8_BOM in data:  # DuckDB takes one off the first line of what it reads, wherever that line once stood
                set_aside |= buffer[starts] == _UTF8_BOM[0]
        delimiters = np.flatnonzero(buffer == ord(self._delimiter))
        counts = _per_line(delimiters, ends)
        if self._quote and self._quote.encode() in data:
            counts -= self._quoted_delimiters(buffer, delimiters, counts, ends, set_aside)
        set_aside |= counts != self._width - 1
        if self._width == 1:
            # With one column a line of blanks would be a record to DuckDB.
            set_aside |= np.isin(buffer[starts], np.frombuffer(self.blanks, dtype=np.uint8))
        return set_aside

    def _mark_what_is_no_row(
        self,
        data: bytes,
        buffer: NDArray[np.uint8],
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        set_aside: NDArray[np.bool_],
    ) -> None:
        """Mark what may be a remark, a totals line or the header again; the small parser tells for certain."""
        begins = [self._dialect.comment] if self._dialect.comment else []
        # A nameless first column leaves the delimiter as a header's first character.
        begins += [
            mark + names[0] if names[0] else self._delimiter for names in self._headers for mark in {"", self._quote}
        ]
        for text in sorted(set(begins)):
            lines = np.arange(len(starts))
            for offset, byte in enumerate(text.encode()):
                lines = lines[buffer[np.minimum(starts[lines] + offset, len(buffer) - 1)] == byte]
                if not len(lines):
                    break
            set_aside[lines] = True
        for word in self._dialect.totals:
            found = [match.start() for match in re.finditer(re.escape(word.encode()), data)]
            set_aside[np.searchsorted(ends, np.array(found, dtype=np.int64))] = True

    def _quoted_delimiters(
        self,
        buffer: NDArray[np.uint8],
        delimiters: NDArray[np.int64],
        counts: NDArray[np.int64],
        ends: NDArray[np.int64],
        set_aside: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """How many of each line's delimiters stand inside quotes; lines with ill-placed quotes are set aside on the way."""
        quotes = np.flatnonzero(buffer == ord(self._quote))
        quote_counts = _per_line(quotes, ends)
        first_quote = np.cumsum(quote_counts) - quote_counts
        self._mark_malformed_quotes(buffer, quotes, quote_counts, first_quote, set_aside)
        # Only lines with quotes are looked at; a delimiter with an odd number of quotes before it on its line is inside.
        line_of = np.repeat(np.arange(len(ends)), counts)
        quoted = quote_counts[line_of] > 0
        inner, line_of = delimiters[quoted], line_of[quoted]
        inside = (np.searchsorted(quotes, inner) - first_quote[line_of]) % 2 == 1
        return np.bincount(line_of[inside], minlength=len(ends))

    def _mark_malformed_quotes(
        self,
        buffer: NDArray[np.uint8],
        quotes: NDArray[np.int64],
        quote_counts: NDArray[np.int64],
        first_quote: NDArray[np.int64],
        set_aside: NDArray[np.bool_],
    ) -> None:
        """Mark lines whose quotes are not in opening and closing pairs at field ends (a doubled quote inside is fine)."""
        set_aside |= quote_counts % 2 == 1
        ordinal = np.arange(len(quotes)) - np.repeat(first_quote, quote_counts)
        delimiter, quote = ord(self._delimiter), ord(self._quote)
        before = np.where(quotes > 0, buffer[quotes - 1], _LINE_FEED)
        after = buffer[quotes + 1]  # there is one: the text ends with a line feed
        fine_open = (before == delimiter) | (before == _LINE_FEED) | ((before == quote) & (ordinal > 0))
        fine_close = (after == delimiter) | (after == _LINE_FEED) | (after == quote)
        bad = np.where(ordinal % 2 == 0, ~fine_open, ~fine_close)
        set_aside[np.searchsorted(np.cumsum(quote_counts), np.flatnonzero(bad), side="right")] = True

    def care(self, data: bytes, buffer: NDArray[np.uint8]) -> Care:
        """How carefully the text must be handled: full care is always right, less is faster."""
        if not self._dialect.is_plain:
            return Care.FULL
        quoted = bool(self._quote) and self._quote.encode() in data
        odd_tab = b"\t" in data and (self._delimiter != "\t" or quoted)
        if (
            self._delimiter == " "
            or odd_tab
            or any(byte in data for byte in _ODD)
            or _has_odd_beyond_ascii(data, buffer)
        ):
            return Care.FULL
        edges = [b"\n", self._delimiter.encode(), *([self._quote.encode()] if quoted else [])]
        at_edge = data.startswith(b" ") or any(b" " + edge in data or edge + b" " in data for edge in edges)
        return Care.SPACES if at_edge else Care.NONE


def _per_line(positions: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of some sorted positions stand on each line."""
    return np.diff(np.searchsorted(positions, ends), prepend=0)


def _mark_invalid_utf8(
    data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], set_aside: NDArray[np.bool_]
) -> None:
    """Mark the lines that are not valid UTF-8; the text is decoded piece by piece, so that it is never held twice."""
    index = 0
    view = memoryview(data)
    while index < len(ends):
        start = int(starts[index])
        after = max(int(np.searchsorted(ends, start + _DECODED_BYTES)), index + 1)
        try:
            str(view[start : int(ends[after - 1]) + 1], "utf-8")
        except UnicodeDecodeError as error:
            index = int(np.searchsorted(ends, start + error.start))
            set_aside[index] = True
            index += 1
        else:
            index = after


def _has_odd_beyond_ascii(data: bytes, buffer: NDArray[np.uint8]) -> bool:
    """Whether the text holds one of `_ODD_BEYOND_ASCII`; only the few bytes beyond ASCII are looked at."""
    if data.isascii():
        return False
    leads = np.flatnonzero(buffer >= 0x80)
    leads = leads[_IS_ODD_PAIR[buffer[leads], buffer[np.minimum(leads + 1, len(buffer) - 1)]]]
    return any(data.startswith(_ODD_BEYOND_ASCII, position) for position in leads.tolist())
