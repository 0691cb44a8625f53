"""The insights' tables as the report reads them, and how a block is made of their rows; which blocks there are is in `insight_blocks.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.report.blocks import Block, Column, Line, Slice, rounded
from sahara_assets.tables.insights import EVERYONE, WHOLE_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Row, Warehouse

MOST_ROWS = 10


@dataclass(frozen=True)
class Shelf:
    """The tables, read as far as they are shown."""

    warehouse: Warehouse
    told: Mapping[str, Row]
    has_money: bool
    periods: Sequence[str]
    settings: Settings
    currency: str

    def best(self, table: Table, rank: str, most: int = MOST_ROWS, **equal: str) -> list[Row]:
        """The first rows of every slice by a rank."""
        rows = self.warehouse.table(table)
        rows = rows.filter(rows[rank] <= most)
        if "period" in table.column_names:
            rows = rows.filter(rows.period.isin(list(self.periods)))
        for name, value in equal.items():
            rows = rows.filter(rows[name] == value)
        return self.warehouse.rows(rows.order_by([rows[name] for name in dict.fromkeys((rank, *table.key))]))

    @property
    def rank(self) -> str:
        """The rank that leads."""
        return "rank_by_spend" if self.has_money else "rank_by_lines"

    @property
    def sales(self) -> tuple[tuple[str, Column], ...]:
        """What is shown of most: spend where there is any, and lines."""
        spend = (("gross_spend", Column(self.money_heading, "money")), ("spend_share", Column("Share", "share")))
        lines = (("line_count", Column("Lines", "count")),)
        return (*spend, *lines) if self.has_money else (*lines, ("line_share", Column("Share", "share")))

    @property
    def money_heading(self) -> str:
        """What heads a column of money."""
        return f"Spend, {self.currency}" if self.currency else "Spend"

    def block(
        self,
        table: Table,
        heading: str,
        columns: Sequence[tuple[str, Column]],
        rows: Sequence[Row],
        label: Callable[[Row], str],
        *,
        title: str = "",
        bar: int | None = 0,
        buyers: str = EVERYONE,
        remark: Callable[[Row], str] = lambda _: "",
        note: str = "",
    ) -> Block:
        """A block of rows that are in order."""
        told = self.told[table.name]
        slices: dict[Slice, list[Line]] = {}
        for row in rows:
            cells = tuple(rounded(row[name], column.form) for name, column in columns)
            key = (row.get("period", WHOLE_TIME), row["buyers"])
            slices.setdefault(key, []).append(Line(label(row), cells, remark(row)))
        return Block(
            table.name,
            title or told["title"],
            told["sentence"],
            heading,
            tuple(column for _, column in columns),
            bar,
            "period" in table.column_names,
            by_buyers=True,
            slices=slices,
            buyers=buyers,
            note=note,
        )


def product_of(row: Row, suffix: str = "") -> str:
    """A product by its name and id, as a row of a table is headed."""
    product = row[f"product{suffix or '_id'}"]
    description = row[f"description{suffix}"]
    return f"{description} ({product})" if description else str(product)
