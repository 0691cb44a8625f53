"""A desk for reading made drops through the real reader into a real warehouse, and looking at what came of them."""

from __future__ import annotations

import gzip
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sahara_assets.drops.content import CHUNK_BYTES, inspect_content
from sahara_assets.drops.reading import BATCH_BYTES, DropReader, Reading
from sahara_assets.settings.document import Settings, parse_settings
from sahara_assets.tables.datasets import DATASETS, RAW_TABLES
from sahara_assets.warehouse.duckdb import DuckDBWarehouse

HEADER = "order_id,customer_id,product_id,description,quantity,unit_price,ordered_at"


@dataclass
class Loaded:
    """One drop as it was taken in: its raw rows by line, and its rejects by line."""

    reading: Reading
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    rejects: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def values(self) -> list[dict[str, Any]]:
        return list(self.rows.values())

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows.values()]

    def reasons(self) -> dict[int, str]:
        return {line: row["reason"] for line, row in self.rejects.items()}


def settings_of(dataset: str = "purchases", project: dict[str, Any] | None = None, **reading: Any) -> Settings:
    datasets: dict[str, Any] = {"purchases": {}, dataset: reading}
    return parse_settings({"project": project or {}, "datasets": datasets}, root=Path())


class Desk:
    """Reads drops into an in-memory warehouse; what one call loaded is gone with the next."""

    def __init__(self) -> None:
        self.warehouse = DuckDBWarehouse(None, threads=2)
        self.warehouse.prepare()
        self._folder = tempfile.TemporaryDirectory(prefix="sahara-desk-")
        self.folder = Path(self._folder.name)

    def close(self) -> None:
        self.warehouse.close()
        self._folder.cleanup()

    def load(self, *drops: bytes | str, gz: bool = False, **settings: Any) -> Loaded:
        """Read one drop."""
        (loaded,) = self.load_all(*drops, gz=gz, **settings)
        return loaded

    def load_all(
        self,
        *drops: bytes | str,
        gz: bool = False,
        dataset: str = "purchases",
        project: dict[str, Any] | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        batch_bytes: int = BATCH_BYTES,
        **reading: Any,
    ) -> list[Loaded]:
        """Read drops together, in one call of the reader and one transaction."""
        settings = settings_of(dataset, project, **reading)
        readings = []
        for number, drop in enumerate(drops):
            content = drop.encode() if isinstance(drop, str) else drop
            path = self.folder / f"drop-{number}.csv"
            path.write_bytes(gzip.compress(content, 1) if gz else content)
            declared = settings.datasets[dataset]
            inspected = inspect_content(path, declared.encoding, file_format=declared.format)
            readings.append(Reading(inspected.drop_id, path, inspected))
        table = RAW_TABLES[dataset]
        reader = DropReader(
            self.warehouse,
            DATASETS[dataset],
            settings.datasets[dataset],
            settings.project,
            chunk_bytes=chunk_bytes,
            batch_bytes=batch_bytes,
        )
        try:
            with self.warehouse.transaction():
                reader.read(readings)
                rows = self.warehouse.rows(table)
                raise _TakenBackError
        except _TakenBackError:
            pass
        return [
            Loaded(
                reading,
                {row["_line"]: row for row in rows if row["_drop_id"] == reading.drop_id},
                {reject["line"]: reject for reject in sorted(reading.rejects, key=lambda r: r["line"])},
            )
            for reading in readings
        ]


class _TakenBackError(Exception):
    """Rolls the transaction back, so that examples leave nothing behind."""


def assert_conserved(loaded: Loaded) -> None:
    """Rows read = loaded + rejected, one reject per line, and no line both loaded and rejected."""
    reading = loaded.reading
    assert reading.rows_read == reading.rows_loaded + reading.rows_rejected
    assert len(loaded.rows) == reading.rows_loaded
    if reading.refusal is None:
        assert len(loaded.rejects) == len(reading.rejects)
        assert not set(loaded.rows) & set(loaded.rejects)
