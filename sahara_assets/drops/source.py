"""What every format offers the reader: a drop whose columns are bound by name, then its records.

The formats are in `delimited.py`, `json_rows.py` and `parquet.py`; which one a drop is, `sources.py` decides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from sahara_assets.drops.content import CHUNK_BYTES, Content
from sahara_assets.drops.packing import Limits
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sahara_assets.drops.header import Layout
    from sahara_assets.drops.packing import Openable
    from sahara_assets.drops.records import Records
    from sahara_assets.settings.dataset import DatasetSettings
    from sahara_assets.tables.datasets import Dataset

_SAMPLES = 20
_SAMPLE_CHARACTERS = 40
_MOST_SAMPLED = 200


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
        limits: how much may come out of it.
    """

    path: Openable
    content: Content
    dataset: Dataset
    settings: DatasetSettings
    chunk_bytes: int = CHUNK_BYTES
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Refused:
    """What is known of a drop that cannot be read as its dataset.

    Attributes:
        header: the text of what names the columns.
        rows: how many rows it would have.
        samples: its columns' names with some of their values, from which a renamed one can be told; none where it is no table.
    """

    header: str
    rows: int
    samples: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @staticmethod
    def sampled(names: Sequence[str], rows: Iterable[Sequence[str | None]]) -> dict[str, list[str]]:
        """A few distinct values of every column, shortened."""
        columns = list(zip(*(row for row in rows if len(row) == len(names)), strict=True))
        values = columns or [()] * len(names)
        return {
            name: list(dict.fromkeys(value[:_SAMPLE_CHARACTERS] for value in found if value))[:_SAMPLES]
            for name, found in list(zip(names, values, strict=True))[:_MOST_SAMPLED]
        }


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
    def refused(self) -> Refused:
        """After `bind` refused: what is known of the drop all the same."""
