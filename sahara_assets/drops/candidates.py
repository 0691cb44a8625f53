r"""Which delimiter, quote and escape character cut a sample best: the weighing behind `dialect.detect`.

A candidate's score is the product of three shares: neighbouring records with equally many fields (so that two tables in one file or a
preamble cost two neighbours, not half the file), fields that look like values, and delimiters per field. Text is cut by one regular
expression a candidate, in which a quote that does not close before a delimiter is a letter like any other: one stray quote moves one row.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from sahara_assets.drops.fields import BLANK_RUN, lenient_cutter, lenient_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WEIGHED_CHARACTERS = 40_000
_MOST_RECORDS = 400

_USUAL = (",", ";", "\t", "|")
_OTHERS = ("^", "~", ":", "\x1f", "\x01", "#", "\u00a7", "\u00a6", "\u00ac", "*", "&", "!", "=", " ", BLANK_RUN)
_DOUBLED = ("|", ";", ",", ":", "~", "^", "#", "&", "@", "$", "*", "!", "-", "=", "\u00a7", "\t")
# What more often stands inside values than between them must do better than what is used for nothing else.
_WEIGHTS = dict.fromkeys(_USUAL, 1.0) | {" ": 0.8, BLANK_RUN: 0.75, ":": 0.7, "*": 0.7, "&": 0.7, "!": 0.7, "=": 0.6}
_OTHER_WEIGHT = 0.9

_NUMBER = r"[-+(]?\s?[$\u20ac\u00a3\u00a5]?\s?[-+]?(\d{1,3}([ ,.'\u00a0]\d{3})+|\d+)?([.,]\d+)?([eE][-+]?\d+)?\s?[%$\u20ac\u00a3\u00a5)]?"
_DATE = r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{4}[-/]\d{1,2}|\d{1,2}[- ./][A-Za-z]{3,9}\.?[- ./]\d{2,4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|[A-Za-z]{3}[- ]\d{2,4}"
_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp][Mm])?"
_ZONE = r"( ?(Z|UTC|GMT|[-+]\d{2}:?\d{2}))?"
NUMBER = re.compile(rf"(?=.*\d){_NUMBER}")
MOMENT = re.compile(rf"({_DATE})([ T]{_TIME}{_ZONE})?|{_TIME}{_ZONE}")
_ADDRESS = re.compile(r"(https?|ftp|file)://\S+|www\.\S+|[\w.+-]+@[\w-]+(\.[\w-]+)+")
_WORDS = re.compile(r"[\w#&][\w .'\u2019()/&#+-]*", re.UNICODE)
_CUTS = re.compile(r"[,;\t|]")

# A quoted field of two thousand characters, with something that may be a delimiter on either side.
_LONG_FIELD = re.compile(r'(^|[,;\t|^~ ]\s?)"(?:[^"]|""){2000,}+"([,;\t|^~ ]|$)', re.MULTILINE)

NOTHING = frozenset(
    {"", "-", "--", "?", ".", "..", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "\\n", "missing", "unknown"}
)
"""Words, casefolded, that stand for no value."""


@dataclass(frozen=True)
class Candidate:
    """A way to cut the sample, and how well that goes: the score, and the shares it was made from."""

    delimiter: str
    quote: str
    escape: str = ""
    score: float = 0.0
    alike: float = 0.0
    width: int = 1
    quoted: int = 0
    records: int = 0


@lru_cache(maxsize=65536)
def kind_of(cell: str) -> str:
    """What a field's text looks like: `empty`, `number`, `moment` (a date, a time), `address` (of the web or a mailbox) or `text`.

    >>> [kind_of(cell) for cell in ("", "1.234,50", "$5", "2011-12-01 08:26", "a@b.de", "12 rolls", "N/A")]
    ['empty', 'number', 'number', 'moment', 'address', 'text', 'empty']
    """
    cell = cell.strip()
    if cell.casefold() in NOTHING:
        return "empty"
    if len(cell) > 60:
        return "address" if _ADDRESS.fullmatch(cell) else "text"
    if NUMBER.fullmatch(cell):
        return "number"
    if MOMENT.fullmatch(cell):
        return "moment"
    return "address" if _ADDRESS.fullmatch(cell) else "text"


def best_candidates(
    text: str, *, delimiter: str | None = None, quote: str | None = None, escape: str | None = None
) -> tuple[Candidate, Candidate | None]:
    """The best candidate for a text and, for how sure that is, the best with another delimiter.

    Args:
        text: the sample.
        delimiter: the only one to consider, if it is known.
        quote: likewise.
        escape: likewise.
    """
    sample = _sample(text)
    weighed = [
        _weighed(sample, one, mark, before)
        for one in ([delimiter] if delimiter is not None else _delimiters(sample))
        for mark in ([quote] if quote is not None else _quotes(sample))
        if not mark or mark != one
        for before in ([escape] if escape is not None else _escapes(sample, mark))
    ]
    best = max(
        weighed, key=lambda candidate: candidate.score, default=None
    )  # the first of equals, so the more usual one
    if best is None or (best.score <= _lowest(sample, best) and delimiter is None):
        mark = quote if quote is not None else '"'
        # One column: its delimiter is one that cuts nothing.
        unused = next((one for one in (*_USUAL, "\x1f") if one not in sample and one != mark), "\x1f")
        return Candidate(delimiter or unused, mark, escape or ""), None
    if delimiter is None:
        best = _doubled(weighed, best)
    others = [candidate for candidate in weighed if candidate.delimiter[:1] != best.delimiter[:1]]
    second = max(others, key=lambda candidate: candidate.score, default=None)
    if delimiter is None:
        best = _with_its_blank(sample, best)
    return best, second


def _sample(text: str) -> str:
    """The start of a text and a part of its end, cut at line ends: preambles and long headers are at the start."""
    if len(text) <= _WEIGHED_CHARACTERS:
        return text
    head = text[: _WEIGHED_CHARACTERS * 3 // 4]
    tail = text[-_WEIGHED_CHARACTERS // 4 :]
    if "\n" not in head or "\n" not in tail:
        return text[:_WEIGHED_CHARACTERS]
    return head[: head.rindex("\n") + 1] + tail[tail.index("\n") + 1 :]


def without_long_fields(text: str) -> str:
    """The text with its long quoted fields cut short, so that one of a megabyte does not hide the table around it."""
    return text if len(text) <= _WEIGHED_CHARACTERS else _LONG_FIELD.sub(r"\1x\2", text)


def _delimiters(sample: str) -> list[str]:
    """What may separate fields: what stands on a fair share of the lines, the usual ones first."""
    lines = [line for line in sample.split("\n") if line.strip()][:200]
    found = [d for d in (*_USUAL, *_OTHERS) if d != BLANK_RUN and sum(d in line for line in lines) * 5 >= len(lines)]
    found += [
        d * 2 for d in _DOUBLED if d in found or d in "@$-" if sum(d * 2 in line for line in lines) * 2 > len(lines)
    ]
    if sum("  " in line.strip() or "\t " in line or " \t" in line for line in lines) * 5 >= len(lines):
        found.append(BLANK_RUN)
    return found


def _quotes(sample: str) -> list[str]:
    """What may quote fields: the usual one, and the apostrophe where it stands at fields' edges on both sides."""
    found = ['"']
    for mark in ("'", "`"):
        opens = len(re.findall(rf"(?:^|[^\w\s])\s?{mark}", sample, re.MULTILINE))
        closes = len(re.findall(rf"{mark}\s?(?:$|[^\w\s])", sample, re.MULTILINE))
        spaced = len(re.findall(rf"(?:^|\s){mark}[^{mark}\n]+{mark}(?=\s|$)", sample, re.MULTILINE))
        if min(opens, closes) > 0 or spaced:
            found.append(mark)
    return found


def _escapes(sample: str, quote: str) -> list[str]:
    return ["", "\\"] if quote and f"\\{quote}" in sample else [""]


def _cut(sample: str, candidate: Candidate) -> Iterator[list[tuple[str, bool]]]:
    """The sample's records under a candidate, each field with whether it is quoted; blank lines are left out."""
    if candidate.delimiter == BLANK_RUN:
        for line in sample.split("\n"):
            if line.strip():
                yield [(cell, False) for cell in lenient_fields(line, BLANK_RUN, candidate.quote, candidate.escape)]
        return
    cutter = lenient_cutter(candidate.delimiter, candidate.quote, candidate.escape)
    record: list[tuple[str, bool]] = []
    for found in cutter.finditer(sample):
        quoted, bare, end = found.groups()
        record.append((bare, False) if bare is not None else (quoted, True))
        if end != candidate.delimiter:
            if len(record) > 1 or record[0][0].strip():
                yield record
            record = []


def _weighed(sample: str, delimiter: str, quote: str, escape: str) -> Candidate:
    candidate = Candidate(delimiter, quote, escape)
    counts: list[int] = []
    looks = 0.0
    fields = quoted = 0
    for record in _cut(sample, candidate):
        counts.append(len(record))
        for cell, is_quoted in record:
            fields += 1
            quoted += is_quoted
            looks += _look(cell, is_quoted, quote)
        if len(counts) >= _MOST_RECORDS:
            break
    if not counts:
        return candidate
    width = max(Counter(counts).items(), key=lambda pair: (pair[1], pair[0]))[0]
    pairs = len(counts) - 1
    # One field more or less in seventeen is nearly alike, one in three is not.
    near = sum((min(pair) / max(pair)) ** 8 for pair in pairwise(counts) if min(pair) > 1)
    alike = near / pairs if pairs else 1.0
    cut = sum((count - 1) / count for count in counts) / len(counts)
    weight = _WEIGHTS.get(delimiter, _OTHER_WEIGHT)
    score = alike * (looks / fields) ** 2 * cut * weight
    return Candidate(delimiter, quote, escape, score, alike, width, quoted, len(counts))


def _look(cell: str, is_quoted: bool, quote: str) -> float:
    """How much a field looks like a value: 1 for one that means something by itself, little for one with delimiters or quotes in it."""
    if is_quoted:
        return 1.0
    kind = kind_of(cell)
    if kind != "text":
        return 0.9 if kind == "empty" else 1.0
    cell = cell.strip()
    if cell[0] in "\"'" and cell[0] != quote and cell[-1] == cell[0] and len(cell) > 1:
        return 0.3  # quoted by another mark than this candidate's
    if quote and quote in cell:
        return 0.2
    if _CUTS.search(cell):
        return 0.3
    return 0.95 if _WORDS.fullmatch(cell) else 0.7


def _lowest(sample: str, best: Candidate) -> float:
    """What a candidate must beat: lines that are one value each, or words, are a column of their own."""
    lines = [line.strip() for line in sample.split("\n") if line.strip()][:_MOST_RECORDS]
    body = lines[1:] or lines
    whole = sum(kind_of(line) != "text" for line in body) / max(len(body), 1)
    if whole > 0.9 and best.delimiter not in {";", "\t", "|"}:
        return 1.0
    if best.delimiter in {" ", BLANK_RUN, ":", "*", "&", "!", "="}:
        # Words in a sentence are no fields: blanks separate only where most of what they separate is typed.
        cells = [cell for record in _cut(sample, best) for cell, _ in record][: _MOST_RECORDS * 10]
        typed = sum(kind_of(cell) in {"number", "moment"} for cell in cells) / max(len(cells), 1)
        if typed > 0.3 or best.quoted > len(cells) / 10:
            return 0.0
        if best.delimiter not in {" ", BLANK_RUN} and best.width > 2 and best.alike > 0.95:
            return 0.1
        return 0.25 if best.width > 3 else 0.6
    return 0.02


def _doubled(weighed: Sequence[Candidate], best: Candidate) -> Candidate:
    """The candidate whose delimiter is the best one's twice or a run of it, where that leaves no empty fields between the others."""
    for one in weighed:
        if (one.quote, one.escape) != (best.quote, best.escape) or one.alike < best.alike:
            continue
        if one.delimiter == best.delimiter * 2 and one.width > 1 and best.width >= one.width * 2 - 1:
            return one
        if best.delimiter == " " and one.delimiter == BLANK_RUN and 1 < one.width < best.width:
            return one
    return best


def _with_its_blank(sample: str, best: Candidate) -> Candidate:
    """The candidate whose delimiter takes in the one blank that follows it everywhere."""
    if best.delimiter not in {",", ";", "|", ":"}:
        return best
    fields = [field for record in _cut(sample, best) if len(record) == best.width for field in record[1:]]
    bare = [cell for cell, is_quoted in fields if not is_quoted]
    if not bare or not all(cell.startswith(" ") and cell[1:2] != " " for cell in bare):
        return best
    with_blank = _weighed(sample, f"{best.delimiter} ", best.quote, best.escape)
    return with_blank if with_blank.alike >= best.alike and with_blank.width == best.width else best
