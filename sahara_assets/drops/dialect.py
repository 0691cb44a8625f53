r"""How a file of delimited text is written: its dialect, declared as one thing, and the one place where a dialect is detected.

`Dialect` is what the settings, the reader, `sahara init` and `sahara peek` speak of. `detect` finds it in a sample: every pair of
delimiter and quote that may be meant cuts the sample (`candidates.py`), and the one wins under which neighbouring rows have as many
fields as each other and the fields look like values. That is the idea of CleverCSV's data consistency measure (van den Burg, Nazábal and
Sutton, "Wrangling messy CSV files by detecting row and type patterns", 2019); that what is given is never detected, and that a quote
which does not close is a letter like any other, comes from DuckDB's sniffer. Where the table begins and which line names its columns
is found in `shape.py`.

A load never detects: its dialect stands in the settings, and `auto` there decides only what the declared columns prove (`header.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sahara_assets.drops.candidates import Candidate, best_candidates, without_long_fields
from sahara_assets.drops.fields import BLANK_RUN
from sahara_assets.drops.shape import Shape, find_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

SAMPLE_CHARACTERS = 1 << 20
"""How much of a file's start is looked at for its shape; of that, `candidates.py` weighs a part."""

DELIMITER_NAMES = {
    ",": "comma",
    ";": "semicolon",
    "\t": "tab",
    "|": "bar",
    " ": "space",
    ":": "colon",
    "\x1f": "unit separator",
    "\x01": "start of heading",
    BLANK_RUN: "runs of blanks",
}


@dataclass(frozen=True)
class Dialect:
    r"""How a file of delimited text is written.

    Attributes:
        delimiter: what separates fields: one or more characters, or `blanks` for runs of spaces and tabs.
        quote: what quotes a field, one character; empty for none.
        escape: what stands before a quote inside a quoted field; empty where a quote is doubled.
        record_delimiter: what ends a record where no line end does; a line feed stands for ``\n``, ``\r\n`` and ``\r``.
        skip_lines: physical lines before the header, the preamble; blank lines among them count.
        header_lines: records that name the columns: 0 for none, more than one are joined by a space.
        comment: what begins a line that is a remark; empty for none.
        totals: what the first filled field of a totals line begins with.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    record_delimiter: str = "\n"
    skip_lines: int = 0
    header_lines: int = 1
    comment: str = ""
    totals: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether lines of this dialect can be cut in bulk: one ASCII character between fields."""
        return len(self.delimiter) == 1 and self.delimiter.isascii()


@dataclass(frozen=True)
class Detected:
    """A dialect with how sure each part of it is (0 to 1) and why, by the part's name; what was given is sure.

    `width` is how many fields a row of the table has, 0 where there is no table.
    """

    dialect: Dialect
    sure: dict[str, float] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    width: int = 0
    shape: Shape = field(default_factory=Shape)


def detect(text: str, given: Mapping[str, object] | None = None, *, is_whole: bool = True) -> Detected:
    r"""The dialect of a text.

    Args:
        text: the file's start, clean: lines ended by ``\n``.
        given: parts of `Dialect` that are known, by name; they are taken as they are.
        is_whole: whether the text is the whole file; only then does its end tell of totals lines.

    >>> found = detect("shop report\n\nid;price\n1;2,50\n2;3,75\n")
    >>> found.dialect.delimiter, found.dialect.skip_lines, found.dialect.header_lines
    (';', 2, 1)
    """
    known = dict(given or {})
    text = without_long_fields(text[:SAMPLE_CHARACTERS])
    sure = dict.fromkeys(known, 1.0)
    evidence = dict.fromkeys(known, "given")
    record_delimiter = str(known.get("record_delimiter") or _record_delimiter(text))
    if "record_delimiter" not in known:
        sure["record_delimiter"] = 0.9 if record_delimiter != "\n" else 1.0
        evidence["record_delimiter"] = (
            "the text has no line ends" if record_delimiter != "\n" else "lines end with line ends"
        )
    if record_delimiter != "\n":
        text = text.replace(record_delimiter, "\n")
    best, second = best_candidates(
        text, delimiter=_text(known, "delimiter"), quote=_text(known, "quote"), escape=_text(known, "escape")
    )
    dialect = Dialect(best.delimiter, best.quote, best.escape, record_delimiter)
    for name, value in _how_sure(best, second).items():
        if name not in known:
            sure[name], evidence[name] = value
    shape = find_shape(
        text,
        dialect,
        skip_lines=_number(known, "skip_lines"),
        header_lines=_number(known, "header_lines"),
        comment=_text(known, "comment"),
        is_whole=is_whole,
    )
    dialect = replace(
        dialect,
        skip_lines=shape.skip_lines,
        header_lines=shape.header_lines,
        comment=shape.comment,
        totals=tuple(map(str, totals)) if isinstance(totals := known.get("totals"), (list, tuple)) else shape.totals,
    )
    for name in ("skip_lines", "header_lines", "comment", "totals"):
        if name not in known:
            sure[name], evidence[name] = shape.sure[name], shape.evidence[name]
    return Detected(dialect, sure, evidence, shape.width, shape)


def _text(known: Mapping[str, object], name: str) -> str | None:
    value = known.get(name)
    return None if value is None else str(value)


def _number(known: Mapping[str, object], name: str) -> int | None:
    value = known.get(name)
    return value if isinstance(value, int) else None


def _record_delimiter(text: str) -> str:
    """The record separator of ASCII where no line ends are, else a line feed."""
    body = text.rstrip("\n")
    return "\x1e" if "\n" not in body and body.count("\x1e") > 1 else "\n"


def _how_sure(best: Candidate, second: Candidate | None) -> dict[str, tuple[float, str]]:
    named = DELIMITER_NAMES.get(best.delimiter, repr(best.delimiter))
    if best.score <= 0:
        why = "no delimiter cuts the lines alike: one column"
        return {"delimiter": (0.3, why), "quote": (0.3, "the usual one"), "escape": (0.3, "the usual way")}
    lead = max(0.0, 1 - (second.score / best.score if second else 0.0))
    sure = min(0.99, (0.6 + 0.4 * min(1.0, 2 * lead)) * (0.5 + 0.5 * best.alike) * (0.8 if best.records < 3 else 1.0))
    fields = f"{named}: {best.alike:.0%} of neighbouring rows have as many fields as each other, mostly {best.width}"
    if best.quoted:
        quote = (0.95, f"{best.quoted:,} fields of the sample stand between them")
    else:
        quote = (0.8, "no field of the sample is quoted; the usual one")
    escape = (0.9, "it stands before quotes inside fields") if best.escape else (0.9, "a quote is doubled")
    return {"delimiter": (sure, fields), "quote": quote, "escape": escape}
