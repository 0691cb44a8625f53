"""Generated purchases for several cases: files without a bad row, so that peers which cannot reject one read them too."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sahara_assets.drops.loading import LoadReport
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

COLUMNS = {
    "order_id": "VARCHAR",
    "customer_id": "VARCHAR",
    "product_id": "VARCHAR",
    "description": "VARCHAR",
    "quantity": "BIGINT",
    "unit_price": "DECIMAL(18, 4)",
    "ordered_at": "TIMESTAMP",
    "country": "VARCHAR",
    "currency": "VARCHAR",
    "client_id": "VARCHAR",
}
NOW = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def make_purchases(size: Mapping[str, int], folder: Path) -> None:
    """`size["rows"]` generated lines less the bad ones, a file a week, in `folder/drops/purchases`."""
    from sahara_assets.generate.shop import generate
    from sahara_assets.warehouse.duckdb import DuckDBWarehouse

    raw, loaded = folder / "raw", folder / "raw.duckdb"
    generate(raw, rows=size["rows"], days_per_drop=7)
    target = folder / "drops" / "purchases"
    target.mkdir(parents=True)
    with closing(DuckDBWarehouse(loaded)) as warehouse:
        warehouse.prepare()
        load(warehouse, settings_for(folder, raw))
    columns = ", ".join(COLUMNS)
    with closing(duckdb.connect(str(loaded), read_only=True)) as connection:
        for path, drop in connection.execute("SELECT path, drop_id FROM drops WHERE rows_loaded > 0").fetchall():
            good = f"SELECT {columns} FROM raw_purchases WHERE _drop_id = '{drop}' ORDER BY _line"
            connection.execute(f"COPY ({good}) TO '{target / path.rpartition('/')[2]}' (HEADER)")
    shutil.rmtree(raw)
    loaded.unlink()


def settings_for(folder: Path, drops: Path, **sections: Any) -> Settings:
    """Settings of a project in `folder` that takes its drops from elsewhere."""
    from sahara_assets.settings.document import parse_settings

    document = {
        "drops": {"folder": str(drops)},
        "datasets": {"purchases": {}},
        "project": {"currency": "GBP"},
        **sections,
    }
    return parse_settings(document, root=folder)


def load(warehouse: Warehouse, settings: Settings) -> LoadReport:
    """Take in what is new."""
    from sahara_assets.drops.loading import load_drops

    return load_drops(warehouse, settings, run_id="benchmark", now=NOW)


TOTALS = "SELECT count(*), sum(quantity)::BIGINT, sum(quantity * unit_price)::DOUBLE FROM "
"""What a loaded table comes to."""
