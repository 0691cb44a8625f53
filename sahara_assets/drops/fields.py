r"""The fields of one record: a small, strict CSV parser that reads a record line by line and says what is wrong with it.

It reads what DuckDB is not trusted with; which records those are is decided in `records.py`. What a field means is decided in
`casts.py`.
"""

from __future__ import annotations

from typing import Literal

BLANKS = (
    " \t\n\x0b\x0c\r\x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200C))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What is taken off a field's edges: every white space of Unicode, the zero-width space and the byte order mark."""

Outcome = Literal["whole", "open", "garbage", "return"]
"""A record is whole, its quote is still open, text follows a closing quote, or a carriage return stands in an unquoted field."""


class RecordParser:
    r"""Reads one record, given line by line.

    A quote inside an unquoted field is an ordinary character (`5" pipe`), blanks around a quoted field are left out, and a quoted
    field may run over lines.

    >>> parser = RecordParser(",", '"')
    >>> parser.feed('1,"two'), parser.feed('lines",3'), parser.fields
    ('open', 'whole', ['1', 'two\nlines', '3'])

    Attributes:
        fields: the fields that are complete.
        opened_at: where the quote that is open begins in the line last fed.
        closed_at: where, in the line last fed, the quote closed that an earlier line had opened; -1 if it did not.
    """

    def __init__(self, delimiter: str, quote: str) -> None:
        self._delimiter = delimiter
        self._quote = quote
        self._pieces: list[str] | None = None
        self.fields: list[str] = []
        self.opened_at = 0
        self.closed_at = -1

    def feed(self, line: str) -> Outcome:
        """Read the record's next line, given without its line end; only after `"open"` is there a next one."""
        self.closed_at = -1
        position = 0
        if self._pieces is not None:
            self._pieces.append("\n")
            after = self._read_quoted(line, 0)
            if after is None:
                return "open"
            self.closed_at = after - 1
            following = self._end_quoted(line, after)
            if isinstance(following, str):
                return following
            position = following
        while True:
            start = self._skip_blanks(line, position)
            if self._quote and line.startswith(self._quote, start):
                self.opened_at = start
                self._pieces = []
                after = self._read_quoted(line, start + 1)
                if after is None:
                    return "open"
                following = self._end_quoted(line, after)
                if isinstance(following, str):
                    return following
                position = following
                continue
            end = line.find(self._delimiter, position)
            value = line[position:] if end < 0 else line[position:end]
            if "\r" in value and "\r" in value.strip():
                return "return"
            self.fields.append(value)
            if end < 0:
                return "whole"
            position = end + 1

    def _read_quoted(self, line: str, position: int) -> int | None:
        """Take the quoted text from a position on; where the line goes on after the closing quote, None if it does not close."""
        pieces = self._pieces
        assert pieces is not None  # noqa: S101 - called only inside a quoted field
        while (end := line.find(self._quote, position)) >= 0:
            if not line.startswith(self._quote, end + 1):
                pieces.append(line[position:end])
                return end + 1
            pieces.append(line[position : end + 1])
            position = end + 2
        pieces.append(line[position:])
        return None

    def _end_quoted(self, line: str, after: int) -> int | Outcome:
        """Close the quoted field; where the next field begins, or how the record ends."""
        end = self._skip_blanks(line, after)
        if end < len(line) and line[end] != self._delimiter:
            return "garbage"
        self.fields.append("".join(self._pieces or ()))
        self._pieces = None
        return "whole" if end >= len(line) else end + 1

    def _skip_blanks(self, line: str, position: int) -> int:
        while position < len(line) and line[position] in " \t\r" and line[position] != self._delimiter:
            position += 1
        return position


def split_record(text: str, delimiter: str, quote: str) -> list[str] | Outcome:
    r"""The fields of a record that stands on one line, or why it has none.

    >>> split_record('a,"b ""c"", d",e', ",", '"')
    ['a', 'b "c", d', 'e']
    >>> split_record('1, "x" ,5" pipe', ",", '"')
    ['1', 'x', '5" pipe']
    >>> split_record('1,"x', ",", '"')
    'open'
    >>> split_record('1,"x"y', ",", '"')
    'garbage'
    """
    parser = RecordParser(delimiter, quote)
    outcome = parser.feed(text)
    return parser.fields if outcome == "whole" else outcome


def fields_of_its_own(line: str, delimiter: str, quote: str) -> list[str]:
    """The fields of a physical line taken for itself; a quote that does not close there is an ordinary character.

    >>> fields_of_its_own('A1,"x,6,2.50', ",", '"')
    ['A1', '"x', '6', '2.50']
    """
    parser = RecordParser(delimiter, quote)
    if parser.feed(line) != "open":
        return parser.fields
    return [*parser.fields, *line[parser.opened_at :].split(delimiter)]
