"""From a warehouse URL to a warehouse."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import WarehouseError
from sahara_assets.warehouse.duckdb import DuckDBWarehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def warehouse_exists(settings: Settings) -> bool:
    """Whether there may be a warehouse to look into; of a server only a connection tells more."""
    return settings.warehouse.scheme != "duckdb" or settings.warehouse_path.exists()


def require_warehouse(settings: Settings) -> None:
    """Refuse to make a warehouse where there is none yet.

    Raises:
        WarehouseError: there is none; the message says what builds it.
    """
    if not warehouse_exists(settings):
        raise WarehouseError(f"{settings.warehouse_path.name}: there is no warehouse yet; `sahara run` builds it")


def warehouse_at(settings: Settings, *, read_only: bool = False, wait_seconds: float = 10.0) -> Warehouse:
    """Open the warehouse that the settings name; the caller closes it.

    Raises:
        WarehouseError: it cannot be opened; the message names the holder where another run has it.
    """
    options: dict[str, Any] = {
        "read_only": read_only,
        "memory_limit": settings.warehouse.memory_limit,
        "threads": settings.warehouse.threads,
        "wait_seconds": wait_seconds,
    }
    if settings.warehouse.scheme == "postgresql":
        from sahara_assets.warehouse.postgres import PostgresWarehouse

        return PostgresWarehouse(settings.warehouse.url, **options)
    if settings.warehouse.scheme == "bigquery":
        from sahara_assets.warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse(settings.warehouse.url, **options)
    return DuckDBWarehouse(settings.warehouse_path, **options)


@contextmanager
def open_warehouse(settings: Settings, *, read_only: bool = False, wait_seconds: float = 10.0) -> Iterator[Warehouse]:
    """The project's warehouse with its declared tables ready, closed at the end of the block.

    Raises:
        WarehouseError: it cannot be opened; the message names the holder where another process has it.
    """
    warehouse = warehouse_at(settings, read_only=read_only, wait_seconds=wait_seconds)
    try:
        if not read_only:
            warehouse.prepare()
        yield warehouse
    finally:
        warehouse.close()
