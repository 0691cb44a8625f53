"""The ledger in the warehouse: which versions of which files were seen, and what became of them.

What follows from it is decided in `plan.py`; this module only reads it, writes it, and carries out what a person asks
(`forget`, `allow`).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from sahara_assets.drops.plan import Status, Version
from sahara_assets.errors import DropError
from sahara_assets.tables import DROPS, RAW_TABLES, REJECTED_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sahara_assets.settings import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

READER_VERSION = 1
"""Counts changes of what the reader makes of a file; a new one reads every drop again."""


def reading_fingerprint(settings: Settings, dataset: str) -> str:
    """A hash of everything that decides what the rows of a dataset's drops become."""
    document = settings.model_dump(mode="json")
    reading = dict(document["datasets"][dataset])
    for key in ("patterns", "same_path", "hold_above", "version_column"):
        del reading[key]
    project = {key: document["project"][key] for key in ("time_zone", "currency", "currency_rates")}
    text = json.dumps([READER_VERSION, reading, project], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Ledger:
    """The ledger rows of one dataset, held in memory for one run and written back as they change.

    Args:
        warehouse: where the ledger lives.
        dataset: whose rows.
    """

    def __init__(self, warehouse: Warehouse, dataset: str) -> None:
        self._warehouse = warehouse
        self._dataset = dataset
        self._rows: dict[tuple[str, str], Row] = {
            (row["path"], row["drop_id"]): row for row in ledger_rows(warehouse) if row["dataset"] == dataset
        }
        self._changed: set[str] = set()

    def versions(self) -> list[Version]:
        """The rows as the plan sees them."""
        return [
            Version(row["path"], row["drop_id"], Status(row["status"]), row["reading_fingerprint"])
            for row in self._rows.values()
        ]

    def signatures(self) -> dict[tuple[str, str], Row]:
        """Rows by path and signature: files that were looked at and not touched since."""
        return {(row["path"], row["signature"]): row for row in self._rows.values() if row["drop_id"]}

    def pointers(self, drop_id: str) -> list[str]:
        """The paths whose current version has this content."""
        return sorted(p for (p, d), row in self._rows.items() if d == drop_id and row["status"] == Status.LOADED)

    def get(self, path: str, drop_id: str) -> Row | None:
        """The row of a version."""
        return self._rows.get((path, drop_id))

    def content_rows(self, drop_id: str) -> list[Row]:
        """Every row with this content, whatever its status."""
        return [row for (_, d), row in self._rows.items() if d == drop_id]

    def put(self, row: Row) -> None:
        """Set a version's row."""
        self._rows[row["path"], row["drop_id"]] = row
        self._changed.add(row["path"])

    def drop(self, path: str, drop_id: str) -> None:
        """Take a version's row out (that of a file which could not be read and now can)."""
        if self._rows.pop((path, drop_id), None) is not None:
            self._changed.add(path)

    def write(self) -> None:
        """Write what changed; inside the transaction that moves the rows it speaks of."""
        if not self._changed:
            return
        self._warehouse.delete(DROPS, {"dataset": [self._dataset], "path": sorted(self._changed)})
        self._warehouse.insert(DROPS, [row for (path, _), row in sorted(self._rows.items()) if path in self._changed])
        self._changed.clear()


def ledger_rows(warehouse: Warehouse) -> list[Row]:
    """The whole ledger, by dataset and path."""
    return warehouse.rows(DROPS)


def rejected_rows(warehouse: Warehouse) -> list[Row]:
    """Every reject with the path that delivered it (the first by name, where several point at the content)."""
    paths: dict[tuple[str, str], str] = {}
    for row in ledger_rows(warehouse):
        key = (row["dataset"], row["drop_id"])
        if row["status"] != Status.REPLACED and (key not in paths or row["path"] < paths[key]):
            paths[key] = row["path"]
    rejects = warehouse.rows(REJECTED_ROWS)
    return sorted(
        ({"path": paths.get((row["dataset"], row["drop_id"]), ""), **row} for row in rejects),
        key=lambda row: (row["dataset"], row["path"], row["line"]),
    )


def retract_content(warehouse: Warehouse, dataset: str, drop_ids: Iterable[str]) -> None:
    """Take contents out of the tables."""
    listed = sorted(set(drop_ids))
    if listed:
        warehouse.delete(RAW_TABLES[dataset], {"_drop_id": listed})
        warehouse.delete(REJECTED_ROWS, {"dataset": [dataset], "drop_id": listed})


def forget_drops(warehouse: Warehouse, paths: Iterable[str], *, reason: str = "forgotten by hand") -> list[Row]:
    """Take files out of the tables; they stay out while their content is the same, even if they still lie in the folder.

    Returns:
        The rows that changed.

    Raises:
        DropError: a path is not in the ledger or counts nowhere.
    """
    return _change(warehouse, paths, {Status.LOADED, Status.HELD, Status.REJECTED, Status.ALLOWED}, Status.FORGOTTEN, reason)


def allow_drops(warehouse: Warehouse, paths: Iterable[str]) -> list[Row]:
    """Let held files in, or take forgotten ones back; the next run reads them.

    Raises:
        DropError: a path is neither held nor forgotten.
    """
    return _change(warehouse, paths, {Status.HELD, Status.FORGOTTEN}, Status.ALLOWED, "allowed by hand")


def _change(warehouse: Warehouse, paths: Iterable[str], allowed: set[Status], to: Status, reason: str) -> list[Row]:
    rows = ledger_rows(warehouse)
    changed: list[Row] = []
    for path in paths:
        matches = [row for row in rows if row["path"] == path and Status(row["status"]) in allowed]
        if not matches:
            known = sorted({row["path"] for row in rows if Status(row["status"]) in allowed})
            listed = ", ".join(known[:5]) + (", …" if len(known) > 5 else "") if known else "there is none"
            raise DropError(f"{path}: no such drop that could be {to}; `sahara drops` lists them ({listed})")
        changed.extend(matches)
    with warehouse.transaction():
        for dataset in sorted({row["dataset"] for row in changed}):
            ledger = Ledger(warehouse, dataset)
            mine = [row for row in changed if row["dataset"] == dataset]
            for row in mine:
                ledger.put({**row, "status": str(to), "reason": reason})
            # Only contents that no other path delivers leave the tables.
            retract_content(warehouse, dataset, [r["drop_id"] for r in mine if not ledger.pointers(r["drop_id"])])
            ledger.write()
    return changed


def raw_fingerprint(warehouse: Warehouse, dataset: str, rows: Iterable[Row] | None = None) -> str:
    """A hash of what a raw table holds: which contents, how they were read, and what decides between them."""
    current = [
        [row["drop_id"], row["reading_fingerprint"], row["path"], str(row["modified_at"])]
        for row in (ledger_rows(warehouse) if rows is None else rows)
        if row["dataset"] == dataset and row["status"] == Status.LOADED
    ]
    return hashlib.sha256(json.dumps(sorted(current)).encode()).hexdigest()[:16]
