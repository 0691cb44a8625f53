"""How counts, numbers and lists stand in a sentence of the command line, the checks and the errors.

How numbers look in the report and its charts lives in `report/wording.py`.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


# Our own context: the process's may round to even, which no reader expects.
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun in the right number.

    >>> counted(1, "drop"), counted(1234, "drop"), counted(2, "replacement is held", "replacements are held")
    ('1 drop', '1,234 drops', '2 replacements are held')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def to_places(value: float | Decimal, places: int) -> str:
    """A number to that many decimals with thousands separators, halves rounded up as in the report: `556.255` is 556.26.

    Doubles are equal between warehouses, and between one way to a median and another, to nine digits only: beyond them they decide no half.

    >>> to_places(556.255, 2), to_places(128.77499999999998, 2), to_places(1234.5, 0)
    ('556.26', '128.78', '1,235')
    """
    exact = value if isinstance(value, Decimal) else Decimal(str(round(value, 4)))
    return f"{exact.quantize(Decimal(1).scaleb(-places), context=_CONTEXT):,}"


def some(items: Sequence[str], most: int = 5, *, of: int | None = None) -> str:
    """The first few, and how many more there are: of the items, or `of` so many where the items are only the first of them.

    >>> some(["a", "b", "c"], 2)
    'a; b and 1 more'
    """
    count = len(items) if of is None else of
    more = f" and {count - most:,} more" if count > most else ""
    return "; ".join(items[:most]) + more
