"""How a text is cut into fields: delimiter, quote, and whether its first line is a header.

The guess is made from the head of a file and then held against the others; reading the drops does not happen here but in `drops/`,
with the dialect fixed in the settings.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.onboarding.dates import looks_like_date
from sahara_assets.onboarding.values import is_empty, to_number, undecorated
from sahara_assets.onboarding.vocabulary import ideas_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DELIMITERS = (",", ";", "\t", "|", "^", "~", ":", "\x1f")
DELIMITER_NAMES = {"\t": "tab", "\x1f": "unit separator", ",": "comma", ";": "semicolon", "|": "bar"}


@dataclass(frozen=True)
class Dialect:
    """Delimiter and quote, and how sure that is (0..1) with the evidence in words."""

    delimiter: str
    quote: str
    sure: float
    evidence: str


def guess_dialect(text: str) -> Dialect:
    r"""The delimiter under which the header and the lines below have the same number of fields.

    >>> guess_dialect("a;b;c\n1;2,5;x\n2;3,5;y\n").delimiter
    ';'
    >>> guess_dialect("a\n1\n2\n").sure < 0.5
    True
    """
    head = text[:65536]
    lines = len(head.splitlines())
    quote = "'" if _quoted_by(head, "'") > _quoted_by(head, '"') else '"'
    best = Dialect(",", quote, 0.3, "one column only: no delimiter cuts the header and the lines alike")
    best_score = 0.0
    for delimiter in DELIMITERS:
        counts = [len(record) for record in records(head, delimiter, quote, limit=200)]
        if len(counts) > 1 and len(head) == 65536:
            counts.pop()  # the last record of a cut text may be cut as well
        if not counts or counts[0] < 2:
            continue
        width = counts[0]
        alike = sum(count == width for count in counts) / len(counts)
        swallowed = lines / len(counts) > 50  # an unbalanced quote ran over the rest
        score = alike**2 * (width**0.5) * (0.1 if swallowed else 1.0)
        if score > best_score:
            best_score = score
            evidence = f"{alike:.0%} of the first {len(counts):,} lines have the header's {width} fields"
            best = Dialect(delimiter, quote, min(0.99, alike * (0.99 if len(counts) > 2 else 0.8)), evidence)
    return best


def _quoted_by(text: str, quote: str) -> int:
    return sum(text.count(f"{delimiter}{quote}") + text.count(f"{quote}{delimiter}") for delimiter in ",;\t|")


def records(text: str, delimiter: str, quote: str, *, limit: int = 0) -> Iterator[list[str]]:
    """The records of a text, empty lines left out; `limit` 0 is all of them. What csv cannot cut is left out as well."""
    reader = _reader(text, delimiter, quote)
    found = 0
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a field beyond csv's size limit
            continue
        if record:
            yield record
            found += 1
            if found == limit:
                return


def all_records(text: str, delimiter: str, quote: str) -> list[list[str]]:
    """The same as `records` without a limit, several times as fast where csv can cut everything."""
    try:
        found = list(_reader(text, delimiter, quote))
    except csv.Error:
        return list(records(text, delimiter, quote))
    return found if all(found) else [record for record in found if record]


def _reader(text: str, delimiter: str, quote: str) -> Iterator[list[str]]:
    text_lines = io.StringIO(text, newline="")
    if quote:
        return csv.reader(text_lines, delimiter=delimiter, quotechar=quote)
    return csv.reader(text_lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)


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
