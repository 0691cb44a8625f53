"""What every format offers the reader: a drop whose columns are bound by name, then its records.

The formats are in `delimited.py`, `json_rows.py` and `parquet.py`; which one a drop is, `sources.py` decides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sahara_assets.drops.content import CHUNK_BYTES, Content
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sahara_assets.drops.header import Layout
    from sahara_assets.drops.records import Records
    from sahara_assets.settings.sections import DatasetSettings
    from sahara_assets.tables.datasets import Dataset


class SourceRefusedError(DropError):
    """The drop as a whole cannot be read as its dataset: the file is whole, so reading it again will not help."""


@dataclass(frozen=True)
class Order:
    """What is to be read, and how.

    Attributes:
        path: the file.
        content: as it was inspected.
        dataset: what the drop should hold.
        settings: how it is read.
        chunk_bytes: how much of a file to hold at a time.
    """

    path: Path
    content: Content
    dataset: Dataset
    settings: DatasetSettings
    chunk_bytes: int = CHUNK_BYTES


class Source(ABC):
    """One drop, opened as its format; used as a context, in which what it needs beside the file lives.

    Attributes:
        layout: what the columns are bound to; complete once all records were read, since JSON objects may differ.
    """

    layout: Layout

    def __init__(self, order: Order) -> None:
        self._order = order

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 - most formats hold nothing
        """Let go of what was opened."""

    @abstractmethod
    def bind(self) -> Layout:
        """Bind the columns; comes first.

        Raises:
            SourceRefusedError: the drop cannot be read as its dataset.
            DropError: the file cannot be read, or is no longer the one that was inspected.
        """

    @abstractmethod
    def records(self) -> Iterator[Records]:
        """The records, some at a time, as text columns in the layout's order.

        Raises:
            DropError: the file cannot be read, or is no longer the one that was inspected.
        """

    @abstractmethod
    def refused(self) -> tuple[str, int]:
        """After `bind` refused: the text of what names the columns, and how many rows the drop would have."""
