"""From a warehouse URL to a warehouse."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sahara_assets.warehouse.duckdb import DuckDBWarehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


@contextmanager
def open_warehouse(settings: Settings, *, read_only: bool = False, wait_seconds: float = 10.0) -> Iterator[Warehouse]:
    """The project's warehouse with its declared tables ready, closed at the end of the block.

    Raises:
        WarehouseError: it cannot be opened; the message names the holder where another process has it.
    """
    warehouse = DuckDBWarehouse(
        settings.warehouse_path,
        read_only=read_only,
        memory_limit=settings.warehouse.memory_limit,
        threads=settings.warehouse.threads,
        wait_seconds=wait_seconds,
    )
    try:
        if not read_only:
            warehouse.prepare()
        yield warehouse
    finally:
        warehouse.close()
