r"""Which records a chunk of clean text holds: the scan that counts rows, apart from the reader that loads them.

Most lines of most files are *plain*: whole records with the right number of fields, whose quotes open and close where they should.
Those are found with a few NumPy passes and handed on as bytes for DuckDB to read in bulk. Every other line goes through the small
parser of `fields.py`, which either reads it right (a quoted field with line breaks, blanks around a quote) or says what is wrong with
it. So one broken line costs itself and nothing else: an unterminated quote ends at its line and swallows no neighbour.

Typing does not live here (`casts.py`), nor does the header (`header.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

import numpy as np

from sahara_assets.drops.ends import inside
from sahara_assets.drops.fields import BLANKS, Outcome, RecordParser, cut_plainly, fields_of_its_own

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from sahara_assets.drops.casts import RowOutline
    from sahara_assets.drops.dialect import Dialect

LONGEST_RECORD_BYTES = 8 * 1024 * 1024
"""A quoted field may run over lines for so long; beyond it the quote counts as unterminated."""

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
_NOT_TEXT = re.compile("[\0\udc80-\udcff]")


Kind = Literal["row", "before", "header", "remark", "totals", "table", "after"]
"""What a record that is kept out is: a row, a line before the header, a header that stands again, a remark, totals, of another table, or after the table."""


class Care(IntEnum):
    """How carefully the fields of some text must be trimmed and hashed; most files need little, and care costs time."""

    NONE = 0  # no field begins or ends with a blank
    SPACES = 1  # the only blanks at a field's edge are spaces
    FULL = 2  # any character may stand anywhere


@dataclass(frozen=True)
class ParsedRecord:
    """A record that the small parser read: its first physical line, its fields, and its text as it stood."""

    line: int
    fields: list[str]
    text: str


@dataclass(frozen=True)
class BrokenRecord:
    """A record that is kept out: its physical line, its text, why, the field at fault (from 0, None for the whole row) and its kind.

    `fields` is how many fields it has, 0 where that cannot be said.
    """

    line: int
    text: str
    reason: str
    field_index: int | None = None
    kind: Kind = "row"
    fields: int = 0


@dataclass
class Records:
    """The records of one chunk.

    Attributes:
        plain: the plain lines as bytes, each ended by a line feed.
        plain_lines: their physical line numbers, in order.
        parsed: records read by the small parser.
        broken: records that cannot be read.
        blank: lines without any text; they hold nothing, and are no records.
        care: what the plain lines need; parsed records always need full care.
    """

    plain: bytes = b""
    plain_lines: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    parsed: list[ParsedRecord] = field(default_factory=list)
    broken: list[BrokenRecord] = field(default_factory=list)
    blank: int = 0
    care: Care = Care.NONE

    @property
    def count(self) -> int:
        """How many records the chunk holds: this is what "rows read" means."""
        return len(self.plain_lines) + len(self.parsed) + len(self.broken)


class RecordScanner:
    """Finds the records of one drop, chunk by chunk.

    Args:
        dialect: how the drop is written; lines of one that is not plain (`Dialect.is_plain`) all go through the small parser.
        width: the number of fields that a row has.
        first_line: physical line number of the first line that will be fed.
        outline: what a row looks like; decides whether a quote that runs over lines swallowed one.
        encoding: what the drop was read as, for the reasons.
        headers: the names of the columns, record by record; a row that says them again is none.
        measure: what the width was taken from, for the reasons.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        width: int,
        first_line: int,
        outline: RowOutline,
        encoding: str = "utf-8",
        headers: Iterable[Sequence[str]] = (),
        measure: str = "the header has",
    ) -> None:
        self._dialect = dialect
        self._delimiter = dialect.delimiter
        self._quote = dialect.quote
        self._escape = "" if dialect.escape == dialect.quote else dialect.escape
        self._width = width
        self._line = first_line
        self._outline = outline
        self._encoding = encoding
        # One column's name may well be a value of it.
        self._headers = [[_tidy(name) for name in names] for names in headers] if width > 1 else []
        self._measure = measure
        self._carry = b""
        # A line of delimiters is a record, even where the delimiter is a blank.
        self._blanks = bytes(b for b in b" \t\r\x0b\x0c" if chr(b) != self._delimiter)

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
        records = Records(care=self._care(data, buffer))
        if not set_aside.any():
            records.plain = data
            records.plain_lines = np.arange(self._line, self._line + len(ends), dtype=np.int64)
            self._line += len(ends)
            return records
        taken = self._parse_set_aside(data, starts, ends, set_aside, records, last=last)
        keep = ~set_aside[:taken]
        records.plain = _take_lines(data, starts, ends, keep)
        records.plain_lines = np.flatnonzero(keep).astype(np.int64) + self._line
        self._line += taken
        return records

    # --- plain lines -------------------------------------------------------------------------------------------------------------

    def _not_plain(
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
            set_aside |= np.isin(buffer[starts], np.frombuffer(self._blanks, dtype=np.uint8))
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

    def _care(self, data: bytes, buffer: NDArray[np.uint8]) -> Care:
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

    # --- all other lines ---------------------------------------------------------------------------------------------------------

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
        after = 0
        for index in np.flatnonzero(set_aside).tolist():
            if index < after:  # inside a record that began further up
                continue
            raw = self._inside(data[starts[index] : ends[index]])
            if not raw.strip(self._blanks):
                records.blank += 1
                continue
            if self._dialect.comment and raw.startswith(self._dialect.comment.encode()):
                reason = f"a remark: the line begins with {self._dialect.comment!r}"
                records.broken.append(BrokenRecord(self._line + index, shown(raw), reason, kind="remark"))
                continue
            parser = RecordParser(self._delimiter, self._quote, self._escape)
            text = raw.decode("utf-8", errors="surrogateescape")
            outcome = parser.feed(text)
            after = index + 1
            if outcome == "open":
                found = self._run_over_lines(data, starts, ends, index, parser, text)
                if found == 0 and not last and len(data) - int(starts[index]) <= LONGEST_RECORD_BYTES:
                    self._carry = data[starts[index] :]
                    return index
                if found > 0:
                    outcome, after = "whole", found
                    raw = self._inside(data[starts[index] : ends[found - 1]])
                    set_aside[index:found] = True
            record = self._record(raw, self._line + index, outcome, parser.fields)
            if isinstance(record, ParsedRecord):
                records.parsed.append(record)
            else:
                records.broken.append(record)
        return len(ends)

    def _inside(self, raw: bytes) -> bytes:
        """A record's bytes as they stood, line feeds that did not end it included."""
        return raw if self._dialect.record_delimiter == "\n" else inside(raw)

    def _record(self, raw: bytes, line: int, outcome: Outcome, fields: list[str]) -> ParsedRecord | BrokenRecord:
        """A record of its bytes and fields, or what is wrong with it."""
        wrong = self._not_text(raw)
        if wrong is not None:
            at_fault: int | None = None
            if outcome == "whole" and len(fields) == self._width:
                at_fault = next((i for i, value in enumerate(fields) if _NOT_TEXT.search(value)), None)
            return BrokenRecord(line, shown(raw), wrong, at_fault)
        text = raw.decode("utf-8")
        if outcome == "whole" and len(fields) == self._width:
            return self._no_row(line, fields, text) or ParsedRecord(line, fields, text)
        reasons: dict[Outcome, str] = {
            "open": "a quote opens on this line and does not close; close it or write it twice",
            "garbage": "text follows a closing quote; write a quote inside a quoted field twice",
            "return": "a carriage return stands in the middle of the row; end every line in the same way",
            "whole": f"{len(fields)} {'field' if len(fields) == 1 else 'fields'} where {self._measure} {self._width}",
        }
        return BrokenRecord(line, text, reasons[outcome], fields=len(fields) if outcome == "whole" else 0)

    def _no_row(self, line: int, fields: list[str], text: str) -> BrokenRecord | None:
        """A record that lines up and is no row all the same: the header again, or totals."""
        if self._headers and [_tidy(value) for value in fields] in self._headers:
            return BrokenRecord(line, text, "the header stands here again", kind="header", fields=len(fields))
        if self._dialect.totals:
            filled = next((value.strip(BLANKS) for value in fields if value.strip(BLANKS)), "")
            word = next((word for word in self._dialect.totals if filled.startswith(word)), "")
            if word:
                return BrokenRecord(
                    line, text, f"a totals line: it begins with {word!r}", kind="totals", fields=len(fields)
                )
        return None

    def _not_text(self, raw: bytes) -> str | None:
        """Why some bytes are no text; None where they are."""
        if b"\0" in raw:
            return "the row holds a NUL byte; remove it"
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            if self._encoding == "windows-1252":
                return f"byte 0x{raw[error.start]:02X} means nothing in Windows-1252; replace it"
            return f'byte 0x{raw[error.start]:02X} is not UTF-8; if the file is Windows-1252, set encoding = "windows-1252"'
        return None

    def _run_over_lines(
        self,
        data: bytes,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        index: int,
        parser: RecordParser,
        first: str,
    ) -> int:
        """Read on where a quote is open at its line's end.

        Returns:
            The index of the first line after the record; -1 where the quote was never meant to run over lines, 0 where more data is
            needed to tell.
        """
        if self._opens_by_mistake(parser, first):
            return -1
        for following in range(index + 1, len(ends)):
            if int(ends[following]) - int(starts[index]) > LONGEST_RECORD_BYTES:
                return -1
            text = self._inside(data[starts[following] : ends[following]]).decode("utf-8", errors="surrogateescape")
            outcome = parser.feed(text)
            evidence = self._evidence(text)
            if evidence and parser.closed_at >= 0:
                # Past the closing quote the columns fit either way; only those before it tell.
                closed_in = len(self._of_its_own(text[: parser.closed_at])) - 1
                evidence = [place for place in evidence if place < closed_in]
            if evidence:
                return -1
            if outcome == "open":
                if parser.closed_at >= 0 and self._opens_by_mistake(parser, text):
                    return -1
                continue
            fits = outcome == "whole" and len(parser.fields) == self._width
            # A row that could not be loaded for want of a value must not take others with it.
            return following + 1 if fits and self._outline.is_filled(parser.fields) else -1
        return 0

    def _opens_by_mistake(self, parser: RecordParser, line: str) -> bool:
        """Whether a quote that opens on a line, and stays open at its end, was never meant to run over lines."""
        opened_in = len(parser.fields)
        if opened_in in self._outline.typed:  # no number or moment runs over lines
            return True
        # Where the record is a row if its quote is taken for an ordinary character, what "runs over" would be its own columns.
        fields = [*parser.fields, *cut_plainly(line[parser.opened_at :], self._delimiter)]
        return len(fields) == self._width and any(place > opened_in for place in self._outline.evidence(fields))

    def _evidence(self, line: str) -> list[int]:
        """The places of typed values that show a physical line to be a row of its own, or the first line of one."""
        fields = self._of_its_own(line)
        evidence = self._outline.evidence(fields) if len(fields) == self._width else []
        if evidence:
            return evidence
        parser = RecordParser(self._delimiter, self._quote, self._escape)
        if parser.feed(line) == "open" and len(parser.fields) < self._width:
            return self._outline.evidence(parser.fields)
        return []

    def _of_its_own(self, line: str) -> list[str]:
        return fields_of_its_own(line, self._delimiter, self._quote, self._escape)


def _tidy(name: str) -> str:
    return " ".join(name.replace("\ufeff", "").split())


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


def _take_lines(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], keep: NDArray[np.bool_]) -> bytes:
    """The kept lines as bytes, copied in runs."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], keep.astype(np.int8), [0]))))
    return b"".join(
        data[starts[first] : ends[after - 1] + 1] for first, after in zip(edges[::2], edges[1::2], strict=True)
    )


def shown(raw: bytes) -> str:
    r"""Bytes as text that every warehouse can hold: what is not UTF-8 and NUL are written as ``\xNN``."""
    return raw.decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")
