"""`sahara warehouse check`: what a warehouse is, what it may do, and what a run would miss there, each with the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.errors import WarehouseError
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.base import Finding, missing, note, ok
from sahara_assets.warehouse.opening import warehouse_at, warehouse_exists
from sahara_assets.wording import counted, some

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def examine(settings: Settings) -> list[Finding]:
    """Look at the project's warehouse without changing anything; every finding in the order in which they were found."""
    if not warehouse_exists(settings):
        return _not_there_yet(settings)
    try:
        warehouse = warehouse_at(settings, read_only=True)
    except WarehouseError as error:
        return [missing(str(error))]
    try:
        return [ok(f"{warehouse.description}: it answers"), *warehouse.examine(), *_tables(warehouse)]
    finally:
        warehouse.close()


def _not_there_yet(settings: Settings) -> list[Finding]:
    path = settings.warehouse_path
    folder = next(parent for parent in path.parents if parent.exists())
    from os import W_OK, access

    if not access(folder, W_OK):
        return [
            missing(f"{path}: there is no warehouse yet, and the folder {folder} cannot be written; make it writable")
        ]
    return [note(f"{path}: there is no warehouse yet; `sahara run` makes it")]


def _tables(warehouse: Warehouse) -> list[Finding]:
    present = warehouse.present_columns()
    if not any(table.name in present for table in ALL_TABLES):
        return [note("no tables yet; `sahara run` makes them")]
    absent = [table.name for table in ALL_TABLES if table.name not in present]
    lacking = [
        f"{table.name}.{column.name}"
        for table in ALL_TABLES
        if table.name in present
        for column in table.columns
        if column.name not in present[table.name]
    ]
    findings = []
    if absent or lacking:
        findings.append(
            note(f"made by an older version: {some([*absent, *lacking])} to be added; `sahara run` adds them")
        )
    counts = {table.name: warehouse.count(table) for table in ALL_TABLES if table.name in present}
    shown = ", ".join(f"{name} {rows:,}" for name, rows in counts.items() if rows)
    findings.append(ok(f"{counted(len(counts), 'table')}; rows: {shown or 'none yet'}"))
    return findings
