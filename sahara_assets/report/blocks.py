"""A block of the report's insights: a list with a bar a row, or a grid, for every period and kind of buyers.

Values are rounded here, once, so that the page's script, which shows other periods and buyers, prints what Python prints. What the blocks
are is in `insight_blocks.py`; drawings of them are in `insight_charts.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Literal

from sahara_assets.report.wording import NO_VALUE, figure, money, share
from sahara_assets.tables.insights import EVERYONE, WHOLE_TIME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Form = Literal["text", "count", "money", "share", "times"]
Cell = str | float | int | None
Slice = tuple[str, str]
"""A period and buyers."""


@dataclass(frozen=True)
class Column:
    """A column of numbers: its heading, and how they are printed."""

    heading: str
    form: Form


@dataclass(frozen=True)
class Line:
    """A row: its label, its numbers, and what is remarked about it."""

    label: str
    cells: tuple[Cell, ...]
    remark: str = ""


@dataclass(frozen=True)
class Block:
    """One insight as it is shown.

    Attributes:
        name: of its table, and of its CSV file.
        sentence: what it says of the whole time.
        heading: of the labels.
        columns: of the numbers.
        bar: the column whose numbers the bars show; None for a grid, whose cells are coloured instead.
        by_period, by_buyers: whether there are rows of their own for each.
        slices: the rows; a slice without sales has none.
        buyers: whose rows stand for the whole where nobody is chosen.
        note: what the numbers are, where that does not go without saying.
    """

    name: str
    title: str
    sentence: str
    heading: str
    columns: tuple[Column, ...]
    bar: int | None
    by_period: bool
    by_buyers: bool
    slices: Mapping[Slice, Sequence[Line]]
    buyers: str = EVERYONE
    note: str = ""

    @property
    def lines(self) -> Sequence[Line]:
        """The rows of the whole time, where nobody is chosen."""
        return self.slices.get((WHOLE_TIME, self.buyers), ())


@dataclass(frozen=True)
class Insights:
    """All blocks, with the periods and buyers that can be chosen (key, words), the figures of each of these, and sales day by day."""

    blocks: tuple[Block, ...] = ()
    periods: tuple[tuple[str, str], ...] = ()
    buyers: tuple[tuple[str, str], ...] = ()
    figures: Block | None = None
    days: Sequence[Mapping[str, Any]] = ()
    by_name: dict[str, Block] = field(default_factory=dict)


def rounded(value: object, form: Form) -> Cell:
    """A number as it is printed and sent to the page: money below a thousand to two decimals, shares to a tenth of a per cent.

    >>> rounded(Decimal("1234.56"), "money"), rounded(0.61375, "share"), rounded(0.0001, "share"), rounded(None, "count")
    (1235, 0.614, 0.0001, None)
    """
    if value is None or isinstance(value, str):
        return value
    number = Decimal(str(value))
    if form == "share":
        return 0.0001 if 0 < number < Decimal("0.0005") else _to(number, 3)
    if form == "times":
        return _to(number, 1)
    return _to(number, 2 if form == "money" and abs(number) < 1000 else 0)


def _to(number: Decimal, decimals: int) -> float | int:
    found = number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return int(found) if found == found.to_integral_value() else float(found)


def worded(value: Cell, column: Column, currency: str = "") -> str:
    r"""A number of a block as it is printed.

    >>> worded(0.614, Column("Share", "share")), worded(7.2, Column("Times", "times")), worded(None, Column("Spend", "money"))
    ('61.4\xa0%', '7.2', '–')
    """
    if column.form == "text" or isinstance(value, str):
        return NO_VALUE if value is None else str(value)
    if column.form == "share":
        return share(value)
    if column.form == "money":
        return money(value, currency)
    return figure(value, 1 if column.form == "times" else 0)
