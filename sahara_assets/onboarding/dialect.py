"""How a stranger's text is cut into fields and whether its first line is a header, as `sahara init` sees it.

The dialect is detected in `drops/dialect.py` and nowhere else; here it is made fit for settings, and texts are cut by it in bulk, to be
counted. Reading the drops happens in `drops/`, with the dialect fixed in the settings.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from sahara_assets.drops.dialect import DELIMITER_NAMES, Detected, Dialect, detect
from sahara_assets.drops.fields import RecordParser, lenient_fields
from sahara_assets.drops.header_text import join_names
from sahara_assets.onboarding.dates import looks_like_date
from sahara_assets.onboarding.values import is_empty, to_number, undecorated
from sahara_assets.onboarding.vocabulary import ideas_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_PREAMBLE_LINES = 100
_LONGEST_HEADER_LINES = 20


def guess_dialect(text: str) -> Detected:
    r"""The dialect of a text's head, as it would be declared.

    >>> guess_dialect("a;b;c\n1;2,5;x\n2;3,5;y\n").dialect.delimiter
    ';'
    >>> guess_dialect("a\n1\n2\n").sure["delimiter"] < 0.5
    True
    """
    head = text[:65536]
    found = detect(head, is_whole=len(text) < 65536)
    delimiter = found.dialect.delimiter
    if len(delimiter) == 2 and delimiter[1] == " " and delimiter[0] != " ":
        # Blanks around a field mean nothing to a load, and one character is read much faster than two.
        return replace(found, dialect=replace(found.dialect, delimiter=delimiter[0]))
    return found


def named(delimiter: str) -> str:
    """A delimiter in words."""
    return DELIMITER_NAMES.get(delimiter, delimiter)


def records(text: str, dialect: Dialect, *, limit: int = 0) -> Iterator[list[str]]:
    """The records of a text, empty lines left out; `limit` 0 is all of them. What cannot be cut is left out as well."""
    found = 0
    for record in _csv_records(text, dialect) if _is_for_csv(dialect) else _parsed_records(text, dialect):
        if record:
            yield record
            found += 1
            if found == limit:
                return


def all_records(text: str, dialect: Dialect) -> list[list[str]]:
    """The same as `records` without a limit, several times as fast where csv can cut everything."""
    if not _is_for_csv(dialect):
        return list(records(text, dialect))
    try:
        found = list(_reader(text, dialect))
    except csv.Error:
        return list(records(text, dialect))
    return found if all(found) else [record for record in found if record]


def _is_for_csv(dialect: Dialect) -> bool:
    return dialect.is_plain and not dialect.escape and dialect.record_delimiter == "\n"


def _csv_records(text: str, dialect: Dialect) -> Iterator[list[str]]:
    reader = _reader(text, dialect)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:  # a field beyond csv's size limit
            continue


def _reader(text: str, dialect: Dialect) -> Iterator[list[str]]:
    text_lines = io.StringIO(text, newline="")
    if dialect.quote:
        return csv.reader(text_lines, delimiter=dialect.delimiter, quotechar=dialect.quote)
    return csv.reader(text_lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)


def _parsed_records(text: str, dialect: Dialect) -> Iterator[list[str]]:
    parser: RecordParser | None = None
    for line in text.replace(dialect.record_delimiter, "\n").split("\n"):
        if parser is None:
            if not line.strip():
                continue
            parser = RecordParser(dialect.delimiter, dialect.quote, dialect.escape)
        outcome = parser.feed(line.rstrip("\r"))
        if outcome == "open":
            continue
        if outcome == "whole":
            yield parser.fields
        else:
            yield lenient_fields(line, dialect.delimiter, dialect.quote, dialect.escape)
        parser = None


def body_of(text: str, dialect: Dialect, header: Sequence[str]) -> tuple[list[str], str]:
    """The names that head a file's text, and the text below them.

    A preamble may be longer in one file than in the next: the header is looked for where it was in the file that was looked at, then
    on the lines before and after.

    Args:
        text: the file from its start.
        dialect: how its group is written.
        header: the names that the group shares; empty where they are not known yet.
    """
    if dialect.record_delimiter != "\n":
        text = text.replace(dialect.record_delimiter, "\n")
    if not dialect.skip_lines:
        return _split_header(text, dialect)
    lines = text.split("\n", _MOST_PREAMBLE_LINES + dialect.skip_lines)
    for start in [dialect.skip_lines, *range(len(lines))] if header else [dialect.skip_lines]:
        below = "\n".join(lines[start:])
        names, rest = _split_header(below, dialect)
        if not header or [name.strip() for name in names] == [name.strip() for name in header]:
            return names, rest
    return _split_header("\n".join(lines[dialect.skip_lines :]), dialect)


def _split_header(text: str, dialect: Dialect) -> tuple[list[str], str]:
    """The names in a text's first records, joined, and what follows them."""
    found: list[list[str]] = []
    if not dialect.header_lines:
        return [], text
    lines = text.split("\n", _MOST_PREAMBLE_LINES + dialect.header_lines)
    place = 0
    while place < len(lines) and len(found) < dialect.header_lines:
        if not lines[place].strip() or (dialect.comment and lines[place].startswith(dialect.comment)):
            place += 1
            continue
        parser = RecordParser(dialect.delimiter, dialect.quote, dialect.escape)
        after = place
        outcome = parser.feed(lines[place].rstrip("\r"))
        while outcome == "open" and after + 1 < min(len(lines), place + _LONGEST_HEADER_LINES):
            after += 1
            outcome = parser.feed(lines[after].rstrip("\r"))
        if outcome == "whole":
            found.append(parser.fields)
        else:  # a quote that does not close ends at its line
            after = place
            line = lines[place].rstrip("\r")
            found.append(lenient_fields(line, dialect.delimiter, dialect.quote, dialect.escape))
        place = after + 1
    return (join_names(found) if len(found) > 1 else found[0] if found else []), "\n".join(lines[place:])


def first_is_header(header: list[str], rows: list[list[str]]) -> tuple[bool, str]:
    """Whether the first record names the columns, with the reason.

    >>> first_is_header(["id", "date"], [["1", "2020-01-01"]])[0]
    True
    >>> first_is_header(["7", "2020-01-02"], [["1", "2020-01-01"]])[0]
    False
    """
    data_like = [name for name in header if looks_like_date(name) or to_number(undecorated(name), ".") is not None]
    known = sum(any(ideas_of(word) for word in words_of(name)) for name in header)
    if data_like and len(data_like) >= max(1, known):
        return False, f"the first line holds values such as {data_like[0]!r}"
    if rows and not known and len(header) > 1:
        seen = [Counter(row[place] for row in rows if place < len(row)) for place in range(len(header))]
        repeats = sum(name in counter and not is_empty(name) for name, counter in zip(header, seen, strict=True))
        if repeats > len(header) / 2:
            return False, "the first line's values come again below"
    if known:
        return True, f"{known} of {len(header)} names hold words that headers are made of"
    return True, "the first line differs from those below"
