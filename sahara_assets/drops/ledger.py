"""The ledger in the warehouse: which versions of which files were seen, and what became of them.

What follows from it is decided in `plan.py`; this module only reads it, writes it, and carries out what a person asks
(`forget`, `allow`).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import TYPE_CHECKING

from sahara_assets.drops.discovery import find_drops
from sahara_assets.drops.plan import Status, Version
from sahara_assets.errors import DropError
from sahara_assets.settings.attributes import attribute_of
from sahara_assets.tables.books import DROPS, REJECTED_ROWS
from sahara_assets.tables.datasets import DATASETS, RAW_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sahara_assets.settings.attributes import AttributeSettings
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

READER_VERSION = 2
"""Counts changes of what the reader's code makes of a file; a new one reads every drop again."""


def reading_fingerprint(settings: Settings, dataset: str) -> str:
    """A hash of everything that decides what the rows of a dataset's drops become: settings, declared columns, the reader's version."""
    document = settings.model_dump(mode="json")
    reading = dict(document["datasets"][dataset])
    for key in ("patterns", "same_path", "hold_above", "version_column"):
        del reading[key]
    # What an attribute is called by people does not reach the raw rows; a dataset without any is read as ever.
    attributes = {name: _as_read(name, one) for name, one in settings.datasets[dataset].attributes.items()}
    reading |= {"attributes": attributes}
    if not attributes:
        del reading["attributes"]
    project = document["project"]
    # Which currencies have a rate decides what is rejected; what the rates are does not reach the raw rows.
    around = [project["time_zone"], project["currency"], sorted(project["currency_rates"])]
    columns = [[column.name, column.kind, column.nullable] for column in DATASETS[dataset].columns]
    declared = [columns, DATASETS[dataset].required, DATASETS[dataset].expected, DATASETS[dataset].key]
    text = json.dumps([READER_VERSION, declared, reading, around], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _as_read(name: str, declared: AttributeSettings) -> list[object]:
    attribute = attribute_of(name, declared)
    return [declared.column, attribute.kind, attribute.unit == "money", declared.yes, declared.no]


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
        # A look at every row for every drop would take minutes where there are ten thousand of them.
        self._paths: dict[str, set[str]] = defaultdict(set)
        for path, drop_id in self._rows:
            self._paths[drop_id].add(path)
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

    def pointers(self, drop_id: str) -> list[Row]:
        """The rows of the paths whose counting version has this content, by path."""
        return self.content_rows(drop_id, Status.LOADED)

    def content_rows(self, drop_id: str, *statuses: Status) -> list[Row]:
        """The rows with this content and one of these statuses, by path."""
        rows = (self._rows[path, drop_id] for path in sorted(self._paths[drop_id]))
        return [row for row in rows if row["status"] in statuses]

    def get(self, path: str, drop_id: str) -> Row | None:
        """The row of a version."""
        return self._rows.get((path, drop_id))

    def put(self, row: Row) -> None:
        """Set a version's row."""
        self._rows[row["path"], row["drop_id"]] = row
        self._paths[row["drop_id"]].add(row["path"])
        self._changed.add(row["path"])

    def drop(self, path: str, drop_id: str) -> None:
        """Take a version's row out (that of a file which could not be opened and now can)."""
        if self._rows.pop((path, drop_id), None) is not None:
            self._paths[drop_id].discard(path)
            self._changed.add(path)

    def retract_unheld(self, drop_ids: Iterable[str]) -> None:
        """Of these contents, take those out of the tables that no path points at.

        The reject of a content that was refused whole stays while any path still delivers it.
        """
        gone = [drop_id for drop_id in sorted(set(drop_ids)) if not self.pointers(drop_id)]
        unmentioned = [drop_id for drop_id in gone if not self.content_rows(drop_id, Status.REJECTED)]
        if gone:
            self._warehouse.delete(RAW_TABLES[self._dataset], {"_drop_id": gone})
        if unmentioned:
            self._warehouse.delete(REJECTED_ROWS, {"dataset": [self._dataset], "drop_id": unmentioned})

    def write(self) -> None:
        """Write what changed; inside the transaction that moves the rows it speaks of."""
        if not self._changed:
            return
        self._warehouse.delete(DROPS, {"dataset": [self._dataset], "path": sorted(self._changed)})
        self._warehouse.insert(DROPS, [row for (path, _), row in sorted(self._rows.items()) if path in self._changed])
        self._changed.clear()


def ledger_rows(warehouse: Warehouse, *columns: str) -> list[Row]:
    """The ledger, whole and by dataset and path; or some of its columns, in no order: most of what it holds is long text."""
    return warehouse.rows(DROPS.only(*columns) if columns else DROPS)


def rejected_rows(warehouse: Warehouse) -> list[Row]:
    """Every reject with the path that delivers it (the first by name, where several point at the content)."""
    paths: dict[tuple[str, str], tuple[bool, str]] = {}
    for row in ledger_rows(warehouse):
        key = (row["dataset"], row["drop_id"])
        candidate = (row["status"] not in {Status.LOADED, Status.REJECTED}, row["path"])
        paths[key] = min(paths.get(key, candidate), candidate)
    rejects = warehouse.rows(REJECTED_ROWS)
    return sorted(
        ({"path": paths.get((row["dataset"], row["drop_id"]), (True, ""))[1], **row} for row in rejects),
        key=lambda row: (row["dataset"], row["path"], row["line"]),
    )


def retract_content(warehouse: Warehouse, dataset: str, drop_ids: Iterable[str]) -> None:
    """Take contents out of the tables, whoever points at them: they are about to be read again."""
    listed = sorted(set(drop_ids))
    if listed:
        warehouse.delete(RAW_TABLES[dataset], {"_drop_id": listed})
        warehouse.delete(REJECTED_ROWS, {"dataset": [dataset], "drop_id": listed})


def forget_drops(warehouse: Warehouse, paths: Iterable[str], *, reason: str = "forgotten by hand") -> list[Row]:
    """Take files out of the tables; they stay out while their content is the same, even if they still lie in the folder.

    Where a version of a path is held, only that one is forgotten: the good one that it would have replaced stays in force.

    Returns:
        The rows that changed.

    Raises:
        DropError: a path is not in the ledger or counts nowhere.
    """
    statuses = {Status.LOADED, Status.HELD, Status.REJECTED, Status.ALLOWED}
    return _change(warehouse, paths, statuses, Status.FORGOTTEN, reason, first=Status.HELD)


def allow_drops(warehouse: Warehouse, paths: Iterable[str]) -> list[Row]:
    """Let held files in, or take forgotten ones back; the next run reads them.

    Where a version of a path is held, that is what is allowed: a version that was forgotten earlier stays out.

    Raises:
        DropError: a path is neither held nor forgotten.
    """
    return _change(
        warehouse, paths, {Status.HELD, Status.FORGOTTEN}, Status.ALLOWED, "allowed by hand", first=Status.HELD
    )


def reload_drops(warehouse: Warehouse, settings: Settings, paths: Iterable[str]) -> list[Row]:
    """Have the next run read files again from scratch, whatever it knows of them.

    Returns:
        The rows that changed.

    Raises:
        DropError: a path counts nowhere, or its file is gone: forgetting what cannot be read again would lose it.
    """
    listed = sorted(set(paths))
    present = {file.path for file in find_drops(settings)}
    for path in listed:
        if path not in present:
            raise DropError(f"{path}: there is no such file in the drop folder to read again; put it back first")
    return _change(warehouse, listed, {Status.LOADED, Status.REJECTED}, None, None)


def _change(
    warehouse: Warehouse,
    paths: Iterable[str],
    allowed: set[Status],
    to: Status | None,
    reason: str | None,
    *,
    first: Status | None = None,
) -> list[Row]:
    rows = ledger_rows(warehouse)
    changed: list[Row] = []
    for path in sorted(set(paths)):
        matches = [row for row in rows if row["path"] == path and Status(row["status"]) in allowed]
        if not matches:
            known = sorted({row["path"] for row in rows if Status(row["status"]) in allowed})
            listed = ", ".join(known[:5]) + (", …" if len(known) > 5 else "") if known else "there is none"
            raise DropError(
                f"{path}: no such drop that could be {to or 'read again'}; `sahara drops` lists them ({listed})"
            )
        changed.extend([row for row in matches if row["status"] == first] or matches)
    with warehouse.transaction():
        for dataset in sorted({row["dataset"] for row in changed}):
            ledger = Ledger(warehouse, dataset)
            mine = [row for row in changed if row["dataset"] == dataset]
            for row in mine:
                # Without a status it stays what it is, and is read again: its fingerprint is nobody's, and its file looks touched.
                unread = {"reading_fingerprint": "", "signature": ""}
                ledger.put({**row, **(unread if to is None else {"status": str(to), "reason": reason})})
            # Only contents that no other path delivers leave the tables.
            ledger.retract_unheld(row["drop_id"] for row in mine)
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
