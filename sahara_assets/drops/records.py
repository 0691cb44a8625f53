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
from typing import TYPE_CHECKING, Literal

import numpy as np

from sahara_assets.drops.encodings import why_not_text
from sahara_assets.drops.ends import inside
from sahara_assets.drops.fields import BLANK_RUN, BLANKS, Outcome, RecordParser, cut_plainly, fields_of_its_own
from sahara_assets.drops.plain import Care, PlainLines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from sahara_assets.drops.dialect import Dialect
    from sahara_assets.drops.outlines import RowOutline

LONGEST_RECORD_BYTES = 8 * 1024 * 1024
"""A quoted field may run over lines for so long; beyond it the quote counts as unterminated."""

_MOST_FIELDS = 100_000
"""A line that is longer than that and has more delimiters is not cut into fields."""

_LINE_FEED = 0x0A

_NOT_TEXT = re.compile("[\0\udc80-\udcff]")


BEFORE, REMARK = "the line stands before the header", "a remark: the line begins with "
AGAIN, TOTALS = "the header stands here again", "a totals line: it begins with "
NO_ROW_REASONS = (BEFORE, REMARK, AGAIN, TOTALS)
"""How the reasons of records begin that are kept and counted, but are no rows that anyone could correct."""

Kind = Literal["row", "before", "header", "remark", "totals", "table", "after", "empty"]
"""What a record that is kept out is: a row, a line before the header, a header that stands again, a remark, totals, of another table, after
the table, or without any value."""


@dataclass(frozen=True)
class ParsedRecord:
    """A record that a parser read: its first physical line, its fields (null where it has none), and its text as it stood.

    Of a nested document that is taken apart, every row is a record with a number of its own; `document` is the document's line, and the
    text is the document's.
    """

    line: int
    fields: Sequence[str | None]
    text: str
    document: int | None = None


@dataclass(frozen=True)
class BrokenRecord:
    """A record that is kept out: its physical line, its text, why, the field at fault (from 0, None for the whole row) and its kind.

    `fields` is how many fields it has, 0 where that cannot be said; `document` is as in `ParsedRecord`.
    """

    line: int
    text: str
    reason: str
    field_index: int | None = None
    kind: Kind = "row"
    fields: int = 0
    document: int | None = None


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
        counted: how many rows a look of its own counted, where records are made from nested documents.
    """

    plain: bytes = b""
    plain_lines: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    parsed: list[ParsedRecord] = field(default_factory=list)
    broken: list[BrokenRecord] = field(default_factory=list)
    blank: int = 0
    care: Care = Care.NONE
    counted: int | None = None

    @property
    def count(self) -> int:
        """How many records the chunk holds: this is what "rows read" means."""
        if self.counted is not None:
            return self.counted
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
        self._lines = PlainLines(dialect, width, self._headers)

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
        set_aside = self._lines.not_plain(data, buffer, starts, ends)
        records = Records(care=self._lines.care(data, buffer))
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

    # --- lines that are not plain ----------------------------------------------------------------------------------------------------

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
        delimiter = b" " if self._delimiter == BLANK_RUN else self._delimiter.encode()
        for index in np.flatnonzero(set_aside).tolist():
            if index < after:  # inside a record that began further up
                continue
            raw = self._inside(data[starts[index] : ends[index]])
            if not raw.strip(self._lines.blanks):
                records.blank += 1
                continue
            if self._dialect.comment and raw.startswith(self._dialect.comment.encode()):
                reason = f"{REMARK}{self._dialect.comment!r}"
                records.broken.append(BrokenRecord(self._line + index, shown(raw), reason, kind="remark"))
                continue
            parser = RecordParser(self._delimiter, self._quote, self._escape)
            after = index + 1
            if len(raw) > LONGEST_RECORD_BYTES and raw.count(delimiter) > _MOST_FIELDS:
                # Cut into fields it would take thirty times as much memory; one long field takes no more than it is.
                reason = (
                    f"the row has more than {_MOST_FIELDS:,} delimiters in {LONGEST_RECORD_BYTES >> 20} MB; no row has"
                )
                records.broken.append(BrokenRecord(self._line + index, shown(raw), reason))
                continue
            text = raw.decode("utf-8", errors="surrogateescape")
            outcome = parser.feed(text)
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
            return BrokenRecord(line, text, AGAIN, kind="header", fields=len(fields))
        if self._dialect.totals:
            filled = next((value.strip(BLANKS) for value in fields if value.strip(BLANKS)), "")
            word = next((word for word in self._dialect.totals if filled.startswith(word)), "")
            if word:
                return BrokenRecord(line, text, f"{TOTALS}{word!r}", kind="totals", fields=len(fields))
        return None

    def _not_text(self, raw: bytes) -> str | None:
        """Why some bytes are no text; None where they are."""
        if b"\0" in raw:
            return "the row holds a NUL byte; remove it"
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            return why_not_text(raw[error.start], self._encoding)
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


def _take_lines(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], keep: NDArray[np.bool_]) -> bytes:
    """The kept lines as bytes, copied in runs."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], keep.astype(np.int8), [0]))))
    return b"".join(
        data[starts[first] : ends[after - 1] + 1] for first, after in zip(edges[::2], edges[1::2], strict=True)
    )


def shown(raw: bytes) -> str:
    r"""Bytes as text that every warehouse can hold: what is not UTF-8 and NUL are written as ``\xNN``."""
    return raw.decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")
