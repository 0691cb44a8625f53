"""`sahara warehouse copy`: every table from one warehouse to another, compared before anything counts there."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from sahara_assets.errors import WarehouseError
from sahara_assets.features.feature_set import tables_of
from sahara_assets.settings.document import retargeted
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.base import quoted
from sahara_assets.warehouse.opening import require_warehouse, warehouse_at
from sahara_assets.wording import some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse


@dataclass(frozen=True)
class Copied:
    """One table that is equal on both sides.

    Attributes:
        name: the table.
        row_count: its rows.
        checksum: the sum of a hash of every row, modulo 2^128: the same for equal rows in any order.
    """

    name: str
    row_count: int
    checksum: int


def copy_warehouse(
    settings: Settings, url: str, *, replace: bool = False, progress: Callable[[str, int, int], None] | None = None
) -> list[Copied]:
    """Copy every declared table to the warehouse at a URL, read it back there, and commit only if both sides agree.

    Args:
        settings: of the project whose warehouse is copied; the copy is opened under the same ones.
        url: a warehouse URL.
        replace: whether rows that are there already may go.
        progress: called with a label, the tables done and the tables to do.

    Raises:
        SettingsError: the URL names no warehouse.
        WarehouseError: one of them cannot be opened, they are the same, the other one holds rows, or the sides differ.
    """
    there = retargeted(settings, url)
    if there.warehouse.url == settings.warehouse.url:
        raise WarehouseError("--to names the warehouse that the project uses already")
    require_warehouse(settings)
    tables = tables_of(settings)
    with closing(warehouse_at(settings, read_only=True)) as source, closing(warehouse_at(there)) as target:
        target.prepare()
        full = [table.name for table in tables if target.count(table)]
        if full and not replace:
            raise WarehouseError(f"{target.description}: holds rows already ({some(full)}); --replace replaces them")
        for table in tables:
            if table not in ALL_TABLES:
                target.reshape(table)
        return target.in_transaction(lambda: _copy_all(tables, source, target, progress))


def _copy_all(
    tables: Sequence[Table],
    source: Warehouse,
    target: Warehouse,
    progress: Callable[[str, int, int], None] | None,
) -> list[Copied]:
    sums = {}
    # Everything is sent before anything is read back: BigQuery loads for nothing only until its transaction has begun.
    for done, table in enumerate(tables):
        if progress is not None:
            progress("tables", done, len(tables))
        target.clear(table)
        sums[table.name] = ours = _Sum(table)
        for batch in source.batches(table):
            ours.add(batch)
            target.insert_arrow(table, batch)
    copied = []
    for table in tables:
        ours, theirs = sums[table.name], _sum_of(table, target.batches(table))
        if (ours.rows, ours.checksum) != (theirs.rows, theirs.checksum):
            raise WarehouseError(
                f"{table.name}: {ours.rows:,} rows here, {theirs.rows:,} there, or other values; nothing was kept there"
            )
        copied.append(Copied(table.name, ours.rows, ours.checksum))
    if progress is not None:
        progress("tables", len(tables), len(tables))
    return copied


class _Sum:
    """Counts rows and adds up their hashes, by the same DuckDB on both sides."""

    def __init__(self, table: Table) -> None:
        self.rows = 0
        self.checksum = 0
        self._connection = duckdb.connect(":memory:", config={"temp_directory": ""})
        self._columns = ", ".join(quoted(name) for name in table.column_names)

    def add(self, batch: pa.Table) -> None:
        self._connection.register("batch", batch)
        rows, added = self._connection.execute(
            f"SELECT count(*), coalesce(sum(hash({self._columns})), 0) FROM batch"
        ).fetchall()[0]
        self._connection.unregister("batch")
        self.rows += rows
        self.checksum = (self.checksum + int(added)) % 2**128


def _sum_of(table: Table, batches: Iterable[pa.Table]) -> _Sum:
    found = _Sum(table)
    for batch in batches:
        found.add(batch)
    return found
