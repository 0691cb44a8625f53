r"""What `sahara peek` says and writes of a file: the words of its options, the good rows as RFC 4180, the rest with reasons.

The reading itself is `tables.read_table`; how it looks on a terminal is `printing.py`.
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sahara_assets.drops.dialect import DELIMITER_NAMES
from sahara_assets.drops.fields import BLANK_RUN
from sahara_assets.errors import SaharaError
from sahara_assets.untrusted import is_formula

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahara_assets.drops.tables import Table

_SPELLED = {
    **{name: character for character, name in DELIMITER_NAMES.items()},
    "semi-colon": ";",
    "pipe": "|",
    "blanks": BLANK_RUN,
    "none": "",
    "doubled": "",
    "backslash": "\\",
    "apostrophe": "'",
}
_SINGLE = ("quote", "escape")


def given_parts(options: Mapping[str, str | int | None]) -> dict[str, str | int]:
    r"""The parts of a dialect that options give; a character may be spelled by its name or as Python writes it.

    >>> given_parts({"delimiter": "tab", "quote": "none", "escape": None, "record_delimiter": r"\x1e", "skip_lines": 2})
    {'delimiter': '\t', 'quote': '', 'record_delimiter': '\x1e', 'skip_lines': 2}

    Raises:
        SaharaError: an option says something that is no part of a dialect.
    """
    given = {
        name: _meant(name, value) if isinstance(value, str) else value
        for name, value in options.items()
        if value is not None
    }
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if name == "delimiter" and (not value or "\n" in str(value)):
            raise SaharaError(f"{option}: must be one or more characters, or `blanks` for runs of spaces and tabs")
        if name in _SINGLE and len(str(value)) > 1:
            raise SaharaError(f"{option}: must be one character, or `none`")
        if name == "record_delimiter" and not value:
            raise SaharaError(rf"{option}: must be one or more characters, such as \x1e")
    if given.get("quote") and given.get("quote") == given.get("delimiter"):
        raise SaharaError("--quote: is the delimiter too")
    return given


def _meant(name: str, text: str) -> str:
    spelled = _SPELLED.get(text.casefold())
    if spelled is not None and (spelled or name in _SINGLE):
        return spelled
    if "\\" in text and len(text) > 1:
        try:
            return text.encode("latin-1", "backslashreplace").decode("unicode_escape")
        except UnicodeDecodeError as error:
            raise SaharaError(
                rf"--{name.replace('_', '-')}: {text!r} is no character; write it like \t or \x1e"
            ) from error
    return text


def clean_csv(table: Table) -> bytes:
    """The rows as RFC 4180 text in UTF-8, below the header if the file has one; nothing is made up."""
    return _written([*([table.header] if table.header is not None else []), *table.rows])


def rejects_csv(table: Table) -> bytes:
    """What is no row, as CSV: its line, kind, reason and text."""
    rows = [[str(one.line), one.kind, one.reason, one.text] for one in table.rejects]
    return _written([["line", "kind", "reason", "text"], *rows])


def rows_with_formulas(table: Table) -> int:
    """How many rows, good or not, hold a cell that a spreadsheet would run; both files are written with the cells as they stood."""
    good = sum(any(map(is_formula, row)) for row in table.rows)
    return good + sum(is_formula(one.text) for one in table.rejects)


def _written(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def as_document(table: Table, first: int) -> dict[str, Any]:
    """The table for machines: its dialect with how sure each part is, counts, the first rows, and every record kept out."""
    return {
        "path": str(table.path),
        "encoding": table.encoding,
        "dialect": {
            name: {
                "value": value,
                "sure": round(table.sure.get(name, 1.0), 2),
                "evidence": table.evidence.get(name, ""),
            }
            for name, value in asdict(table.dialect).items()
        },
        "header": table.header,
        "width": table.width,
        "records_read": table.records_read,
        "rows": len(table.rows),
        "blank_lines": table.blank_lines,
        "first_rows": table.rows[:first],
        "rejects": [
            {"line": one.line, "kind": one.kind, "reason": one.reason, "text": one.text} for one in table.rejects
        ],
    }
