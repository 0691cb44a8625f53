"""Opens a drop as its format: the one place that knows them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.drops.content import CHUNK_BYTES, Content, Format
from sahara_assets.drops.delimited import DelimitedSource
from sahara_assets.drops.json_rows import JsonArraySource, JsonLinesSource
from sahara_assets.drops.packing import Limits
from sahara_assets.drops.parquet import ParquetSource
from sahara_assets.drops.source import Order, Source, SourceRefusedError

if TYPE_CHECKING:
    from sahara_assets.drops.packing import Openable
    from sahara_assets.settings.dataset import DatasetSettings
    from sahara_assets.tables.datasets import Dataset

__all__ = ["Source", "SourceRefusedError", "open_source"]

_FORMATS: dict[Format, type[Source]] = {
    "csv": DelimitedSource,
    "jsonl": JsonLinesSource,
    "json": JsonArraySource,
    "parquet": ParquetSource,
}


def open_source(
    path: Openable,
    content: Content,
    dataset: Dataset,
    settings: DatasetSettings,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    limits: Limits | None = None,
) -> Source:
    """A drop as its format, to be used as a context."""
    return _FORMATS[content.format](Order(path, content, dataset, settings, chunk_bytes, limits or Limits()))
