"""What derived tables and files were built from, so that a run rebuilds exactly what its inputs, settings or code have outdated.

Each builder commits its result and its fingerprint together: a kill between two steps never looks like "nothing new".
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahara_assets.tables.books import BUILDS, STEP_COUNTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse


RUN = "run"
"""The name under which a completed run is remembered; the line goes with the first thing that is built after it."""

_SOURCES = {".py", ".html", ".css", ".js"}


@dataclass(frozen=True)
class Run:
    """What one run carries through the pipeline: its id and its moment (naive UTC), the only clock the tables see."""

    run_id: str
    now: datetime
    progress: Callable[[str, int, int], None] | None = None


@dataclass(frozen=True)
class Built:
    """What became of one table or group of files.

    Attributes:
        name: the table.
        fingerprint: of its inputs, settings and code.
        row_count: rows it has.
        rebuilt: False where it was current already.
        details: what the builder wants remembered and shown.
    """

    name: str
    fingerprint: str
    row_count: int
    rebuilt: bool
    details: dict[str, Any] = field(default_factory=dict)


def combine(*parts: str) -> str:
    """One fingerprint of several.

    >>> combine("a", "b") == combine("ab", "")
    False
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@cache
def code_fingerprint(*places: str) -> str:
    """A hash of the package's source at some places (modules or folders below `sahara_assets`, without `.py`).

    >>> code_fingerprint("drops") == code_fingerprint("sales")
    False
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for place in places:
        folder = root / place
        files = sorted(folder.rglob("*")) if folder.is_dir() else [folder.with_suffix(".py")]
        for path in files:
            if path.suffix in _SOURCES:
                digest.update(path.relative_to(root).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def built(warehouse: Warehouse, name: str) -> Built | None:
    """The last build of a table, or None where there was none."""
    for row in warehouse.rows(BUILDS):
        if row["name"] == name:
            return Built(name, row["fingerprint"], row["row_count"], rebuilt=False, details=json.loads(row["details"]))
    return None


def forget_builds(warehouse: Warehouse, *, but: str) -> None:
    """Have everything built anew, current or not; all but one table."""
    warehouse.delete(BUILDS, {"name": [row["name"] for row in warehouse.rows(BUILDS) if row["name"] != but]})


def write_account(warehouse: Warehouse, table: str, account: Sequence[tuple[str, int]]) -> None:
    """Write what a step took in, let go by reason and handed on, in the place of what stood there."""
    warehouse.delete(STEP_COUNTS, {"table_name": [table]})
    warehouse.insert(
        STEP_COUNTS,
        [
            {"table_name": table, "position": position, "reason": reason, "row_count": count}
            for position, (reason, count) in enumerate(account, start=1)
        ],
    )


def rebuild(
    warehouse: Warehouse, run: Run, name: str, fingerprint: str, builder: Callable[[], tuple[int, dict[str, Any]]]
) -> Built:
    """Build a table unless it is current, and record what it was built from in the same transaction.

    Args:
        warehouse: where the table lives.
        run: goes into the record.
        name: the table.
        fingerprint: of everything it is made from.
        builder: writes the table and returns its rows and details to remember.
    """
    known = built(warehouse, name)
    if known is not None and known.fingerprint == fingerprint:
        return known
    if run.progress is not None:
        run.progress(name, 0, 1)

    def build() -> tuple[int, dict[str, Any]]:
        row_count, details = builder()
        record(warehouse, run, name, fingerprint, row_count, details)
        return row_count, details

    row_count, details = warehouse.in_transaction(build)
    if run.progress is not None:
        run.progress(name, 1, 1)
    return Built(name, fingerprint, row_count, rebuilt=True, details=details)


def empty(warehouse: Warehouse, run: Run, *tables: Table) -> Built:
    """What becomes of the tables of something that is off: nothing, but that they are emptied where they were filled before."""
    nothing = combine("off")
    for table in tables:
        known = built(warehouse, table.name)
        if known is None and not warehouse.count(table):
            continue

        def clear(table: Table = table) -> tuple[int, dict[str, Any]]:
            warehouse.clear(table)
            return 0, {}

        rebuild(warehouse, run, table.name, nothing, clear)
    return Built(tables[0].name, nothing, 0, rebuilt=False)


def record(
    warehouse: Warehouse, run: Run, name: str, fingerprint: str, row_count: int, details: dict[str, Any]
) -> None:
    """Write a build's line; inside the transaction that writes what it speaks of.

    With it goes the line of the last completed run: until the next one is complete, what depends on this build may be older than it.
    A kill right after a retrain has left a new champion beside segments of the old one, and must not look like "nothing new".
    """
    warehouse.delete(BUILDS, {"name": [name, RUN]})
    warehouse.insert(
        BUILDS,
        [
            {
                "name": name,
                "fingerprint": fingerprint,
                "row_count": row_count,
                "details": json.dumps(details, sort_keys=True, default=str),
                "built_at": run.now,
                "run_id": run.run_id,
            }
        ],
    )
