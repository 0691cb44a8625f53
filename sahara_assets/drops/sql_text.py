"""SQL's own way of writing a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def literal(text: str) -> str:
    """A SQL string literal.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def is_one_of(value: str, words: Sequence[str]) -> str:
    """Whether a text is one of some words, as SQL.

    Not `IN`: of a list of constants DuckDB 1.5 makes a join, one for every column, which takes a second of planning for a few rows of many
    columns and twice the time for many rows.

    >>> is_one_of("c0", ["", "N/A"])
    "(strlen(c0) <= 3 AND (c0 = '' OR c0 = 'N/A'))"
    """
    longest = max(len(word.encode()) for word in words)
    return f"(strlen({value}) <= {longest} AND ({' OR '.join(f'{value} = {literal(word)}' for word in words)}))"
