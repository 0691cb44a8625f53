r"""The fields of one record: a small, strict CSV parser that reads a record line by line and says what is wrong with it.

It reads what DuckDB is not trusted with; which records those are is decided in `records.py`. What a field means is decided in
`casts.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

BLANKS = (
    " \t\n\x0b\x0c\r\x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200C))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What is taken off a field's edges: every white space of Unicode, the zero-width space and the byte order mark."""

BLANK_RUN = "blanks"
"""The delimiter of columns that are lined up with any number of spaces and tabs."""

Outcome = Literal["whole", "open", "garbage", "return"]
"""A record is whole, its quote is still open, text follows a closing quote, or a carriage return stands in an unquoted field."""

_RUN = re.compile(r"[ \t]+")


class RecordParser:
    r"""Reads one record, given line by line.

    A quote inside an unquoted field is an ordinary character (`5" pipe`), blanks around a quoted field are left out, and a quoted
    field may run over lines. Before a quote, a delimiter or itself the escape character is taken off; anywhere else it is an ordinary
    character, as DuckDB and univocity have it. A quote may be doubled whether or not there is an escape character, as MySQL has it.

    >>> parser = RecordParser(",", '"')
    >>> parser.feed('1,"two'), parser.feed('lines",3'), parser.fields
    ('open', 'whole', ['1', 'two\nlines', '3'])
    >>> parser = RecordParser("||", "'", "\\")
    >>> parser.feed(r"a\||b||'it\'s'||c"), parser.fields
    ('whole', ['a||b', "it's", 'c'])

    Args:
        delimiter: what separates fields: one or more characters, or `BLANK_RUN`.
        quote: what quotes a field, one character; empty for none.
        escape: what stands before a quote inside a field; empty where a quote is only doubled.

    Attributes:
        fields: the fields that are complete.
        opened_at: where the quote that is open begins in the line last fed.
        closed_at: where, in the line last fed, the quote closed that an earlier line had opened; -1 if it did not.
    """

    def __init__(self, delimiter: str, quote: str, escape: str = "") -> None:
        self._delimiter = delimiter
        self._runs = delimiter == BLANK_RUN
        self._quote = quote
        self._escape = "" if escape == quote else escape
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
        elif self._runs:
            line = line.rstrip(" \t\r")
            position = self._skip_blanks(line, 0)
        return self._read_fields(line, position)

    def _read_fields(self, line: str, position: int) -> Outcome:
        """Read the fields of a line from the place where one begins."""
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
            end, after = self._next_delimiter(line, position)
            value = line[position:] if end < 0 else line[position:end]
            if "\r" in value and "\r" in value.strip():
                return "return"
            self.fields.append(self._unescaped(value) if self._escape and self._escape in value else value)
            if end < 0:
                return "whole"
            position = after

    def _next_delimiter(self, line: str, position: int) -> tuple[int, int]:
        """Where the next delimiter that is none of the text begins and ends; -1 where there is none."""
        if self._runs:
            run = _RUN.search(line, position)
            return (-1, -1) if run is None else run.span()
        end = line.find(self._delimiter, position)
        while self._escape and end > position and self._is_escaped(line, end, position):
            end = line.find(self._delimiter, end + 1)
        return end, end + len(self._delimiter)

    def _is_escaped(self, line: str, place: int, start: int) -> bool:
        escapes = 0
        while place - escapes > start and line[place - escapes - 1] == self._escape:
            escapes += 1
        return escapes % 2 == 1

    def _unescaped(self, value: str) -> str:
        """An unquoted field without its escape characters."""
        meant = {self._escape, self._quote, "\t" if self._runs else self._delimiter[0]}
        pieces, position = [], 0
        while (place := value.find(self._escape, position)) >= 0:
            following = value[place + 1 : place + 2]
            pieces.append(value[position:place] + (following if following in meant else self._escape + following))
            position = place + 2
        return "".join([*pieces, value[position:]])

    def _read_quoted(self, line: str, position: int) -> int | None:
        """Take the quoted text from a position on; where the line goes on after the closing quote, None if it does not close."""
        pieces = self._pieces
        assert pieces is not None  # noqa: S101 - called only inside a quoted field
        while (end := line.find(self._quote, position)) >= 0:
            escaped = line.find(self._escape, position, end) if self._escape else -1
            if escaped >= 0:
                following = line[escaped + 1]
                kept = following if following in (self._quote, self._escape) else self._escape + following
                pieces.append(line[position:escaped] + kept)
                position = escaped + 2
                continue
            if not line.startswith(self._quote, end + 1):
                pieces.append(line[position:end])
                return end + 1
            pieces.append(line[position : end + 1])
            position = end + 2
        pieces.append(line[position:].replace(self._escape * 2, self._escape) if self._escape else line[position:])
        return None

    def _end_quoted(self, line: str, after: int) -> int | Outcome:
        """Close the quoted field; where the next field begins, or how the record ends."""
        end = after if self._runs else self._skip_blanks(line, after)
        if end < len(line):
            if self._runs:
                delimiter = _RUN.match(line, end)
                following = delimiter.end() if delimiter else -1
            else:
                following = end + len(self._delimiter) if line.startswith(self._delimiter, end) else -1
            if following < 0:
                return "garbage"
        self.fields.append("".join(self._pieces or ()))
        self._pieces = None
        return "whole" if end >= len(line) else following

    def _skip_blanks(self, line: str, position: int) -> int:
        while (
            position < len(line)
            and line[position] in " \t\r"
            and (self._runs or not line.startswith(self._delimiter, position))
        ):
            position += 1
        return position


def split_record(text: str, delimiter: str, quote: str, escape: str = "") -> list[str] | Outcome:
    r"""The fields of a record that stands on one line, or why it has none.

    >>> split_record('a,"b ""c"", d",e', ",", '"')
    ['a', 'b "c", d', 'e']
    >>> split_record('1, "x" ,5" pipe', ",", '"')
    ['1', 'x', '5" pipe']
    >>> split_record('1,"x', ",", '"')
    'open'
    >>> split_record('1,"x"y', ",", '"')
    'garbage'
    >>> split_record('  1   "x y"  2 ', BLANK_RUN, '"')
    ['1', 'x y', '2']
    """
    parser = RecordParser(delimiter, quote, escape)
    outcome = parser.feed(text)
    return parser.fields if outcome == "whole" else outcome


def fields_of_its_own(line: str, delimiter: str, quote: str, escape: str = "") -> list[str]:
    """The fields of a physical line taken for itself; a quote that does not close there is an ordinary character.

    >>> fields_of_its_own('A1,"x,6,2.50', ",", '"')
    ['A1', '"x', '6', '2.50']
    """
    parser = RecordParser(delimiter, quote, escape)
    if parser.feed(line) != "open":
        return parser.fields
    return [*parser.fields, *cut_plainly(line[parser.opened_at :], delimiter)]


def cut_plainly(text: str, delimiter: str) -> list[str]:
    """The pieces of a text between delimiters, whatever quotes it holds.

    >>> cut_plainly('a,"b', ","), cut_plainly('a   "b', BLANK_RUN)
    (['a', '"b'], ['a', '"b'])
    """
    return text.split() if delimiter == BLANK_RUN else text.split(delimiter)


@lru_cache(maxsize=512)
def lenient_cutter(delimiter: str, quote: str, escape: str) -> re.Pattern[str]:
    r"""What finds one field after the other where a quote that does not close before a delimiter is a letter like any other.

    It is for looking, not for loading: detection, and names of columns. Its groups are a quoted field's inside, an unquoted field, and
    what ended it. Not for `BLANK_RUN`.
    """
    cut, before = re.escape(delimiter), re.escape(escape)
    letter = rf"[^{cut}\n]" if len(delimiter) == 1 else rf"(?!{cut})[^\n]"
    bare = rf"((?:{before}[^\n]|{letter})*)" if escape else rf"((?:{letter})*)"
    end = rf"({cut}|\n|\Z)"
    if not quote:
        return re.compile(rf"()(?:{bare}){end}")
    mark = re.escape(quote)
    inner = rf"(?:[^{mark}{before}]|{mark}{mark}" + (rf"|{before}." if escape else "") + ")*+"
    around = "" if delimiter in " \t" else r"[ \t]*"
    return re.compile(rf"(?:{around}{mark}({inner}){mark}{around}(?={cut}|\n|\Z)|{bare}){end}", re.DOTALL)


def lenient_fields(line: str, delimiter: str, quote: str, escape: str = "") -> list[str]:
    """The fields of a line whose quotes may be broken, for what is shown and named and never loaded as a row.

    >>> lenient_fields('"id,name,"the, price"', ",", '"')
    ['"id', 'name', 'the, price']
    """
    fields = split_record(line, delimiter, quote, escape)
    if isinstance(fields, list):
        return fields
    if delimiter == BLANK_RUN:
        return cut_plainly(line, delimiter)
    found = []
    for match in lenient_cutter(delimiter, quote, escape).finditer(line):
        quoted, bare, end = match.groups()
        found.append(bare if bare is not None else quoted.replace(quote * 2, quote))
        if end != delimiter:
            break
    return found
