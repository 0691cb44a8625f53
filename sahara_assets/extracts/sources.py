"""What every kind of database offers an extract: its rows from a watermark on, in order, as JSON lines.

The kinds are in `sql.py` and `mongo.py`; BigQuery's day tables are read whole, in `day_tables.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahara_assets.extracts.watermarks import Watermark


@dataclass(frozen=True)
class Stated:
    """What a source states as one: a row, or all rows of an order (session, event).

    Attributes:
        at: the watermark by which it is in order: the newest of its rows.
        lines: its rows as JSON lines.
        in_order: False for rows that belong to nothing and stand before the others.
    """

    at: Watermark
    lines: tuple[bytes, ...]
    in_order: bool = True


class WatermarkedSource(ABC):
    """A table, query or collection, opened for one extract."""

    @abstractmethod
    def stated(self, start: Watermark | None) -> Iterator[Stated]:
        """What the source holds from a watermark on, itself included, oldest first; all of it where there is none.

        Memory does not grow with the number of rows.

        Raises:
            ExtractError: the source cannot be read.
        """

    @abstractmethod
    def unmarked(self) -> int:
        """How many rows have no watermark, and so are never found by it."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection."""
