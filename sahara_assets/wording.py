"""How counts and lists stand in a sentence of the command line, the checks and the errors.

How numbers look in the report and its charts lives in `report/wording.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun in the right number.

    >>> counted(1, "drop"), counted(1234, "drop"), counted(2, "replacement is held", "replacements are held")
    ('1 drop', '1,234 drops', '2 replacements are held')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def some(items: Sequence[str], most: int = 5, *, of: int | None = None) -> str:
    """The first few, and how many more there are: of the items, or `of` so many where the items are only the first of them.

    >>> some(["a", "b", "c"], 2)
    'a; b and 1 more'
    """
    count = len(items) if of is None else of
    more = f" and {count - most:,} more" if count > most else ""
    return "; ".join(items[:most]) + more
