"""`sahara drops verify`: every file hashed and read again from scratch, and held against the ledger and the raw tables.

Nothing is changed. What a file gives is read into a scratch warehouse by the same reader; so this finds what happened to the tables or
the files since (rows changed by hand, a restore that lost some, a file rewritten behind an unchanged date), not faults of the reader.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import load_drops
from sahara_assets.drops.plan import Status
from sahara_assets.tables.books import REJECTED_ROWS
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.untrusted import shell_word
from sahara_assets.warehouse.base import quoted
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Row, Warehouse


@dataclass(frozen=True)
class Difference:
    """Something that is not as the ledger has it, and what sets it right."""

    dataset: str
    path: str
    text: str
    remedy: str


@dataclass
class Verified:
    """What a verification came to.

    Attributes:
        drops: contents that were read again and compared row by row.
        rows: their rows.
        only_counted: paths whose files are gone, or whose content was read under other settings.
        differences: what is not as it should be.
    """

    drops: int = 0
    rows: int = 0
    only_counted: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


def verify_drops(
    warehouse: Warehouse,
    settings: Settings,
    *,
    now: datetime,
    progress: Callable[[str, int, int], None] | None = None,
) -> Verified:
    """Hash and read every file again and compare with what the warehouse holds.

    Args:
        warehouse: only read.
        settings: the project's; a content that was read under other ones is only counted.
        now: for the scratch ledger.
        progress: called with a label, the files done and the files to do.

    Raises:
        DropError: the drop folder is not there.
    """
    verified = Verified()
    with (
        tempfile.TemporaryDirectory(prefix="sahara-verify-") as folder,
        closing(DuckDBWarehouse(Path(folder) / "scratch.duckdb")) as scratch,
    ):
        scratch.prepare()
        load_drops(scratch, _taking_everything(settings), run_id="verify", now=now, progress=progress)
        for dataset, table in RAW_TABLES.items():
            if dataset in settings.datasets:
                _Comparison(warehouse, scratch, dataset, table, verified).run()
    return verified


def _taking_everything(settings: Settings) -> Settings:
    """The same reading settings, with nothing held and nothing replaced."""
    relaxed = {
        name: dataset.model_copy(update={"same_path": "append", "hold_above": 1.0})
        for name, dataset in settings.datasets.items()
    }
    return settings.model_copy(update={"datasets": relaxed})


class _Comparison:
    """One dataset: the warehouse against what was just read into the scratch one."""

    def __init__(
        self, warehouse: Warehouse, scratch: DuckDBWarehouse, dataset: str, table: Table, verified: Verified
    ) -> None:
        self._warehouse = warehouse
        self._scratch = scratch
        self._dataset = dataset
        self._table = table
        self._verified = verified
        self._known = _rows_of(warehouse, dataset)
        self._read = _rows_of(scratch, dataset)

    def run(self) -> None:
        """Compare files, then rows, then rejects."""
        self._compare_files()
        counting = {row["drop_id"]: row for row in self._known if row["status"] == Status.LOADED}
        fresh = {row["drop_id"]: row for row in self._read if row["status"] == Status.LOADED}
        held_by = self._bring_rows()
        for drop_id in sorted(set(held_by) - set(counting)):
            self._tell(
                "", f"{counted(held_by[drop_id], 'row')} of {drop_id[:12]}, which no path delivers", "restore a backup"
            )
        both = []
        for drop_id, row in sorted(counting.items()):
            if held_by.get(drop_id, 0) != row["rows_loaded"]:
                text = f"the ledger says {row['rows_loaded']:,} rows, the table holds {held_by.get(drop_id, 0):,}"
                self._tell(row["path"], text, self._reload(row, fresh))
            elif drop_id in fresh and fresh[drop_id]["reading_fingerprint"] == row["reading_fingerprint"]:
                both.append(drop_id)
            else:
                self._verified.only_counted.append(row["path"])
        for drop_id, differing in self._differing(both):
            row = counting[drop_id]
            text = f"{counted(differing, 'row differs', 'rows differ')} from what its file says"
            self._tell(row["path"], text, self._reload(row, fresh))
        self._compare_rejects([counting[drop_id] for drop_id in both])
        self._verified.drops += len(both)
        self._verified.rows += sum(counting[drop_id]["rows_loaded"] for drop_id in both)

    def _compare_files(self) -> None:
        """A file that looks untouched must hold what it held."""
        now = {(row["path"], row["signature"]): row["drop_id"] for row in self._read}
        for row in self._known:
            found = str(now.get((row["path"], row["signature"]), row["drop_id"]))
            if row["drop_id"] and row["status"] == Status.LOADED and found != row["drop_id"]:
                text = f"the file holds another content ({found[:12]}), though its size and times say that it was not touched"
                self._tell(row["path"], text, "touch the file, then `sahara run` takes it in")

    def _bring_rows(self) -> dict[str, int]:
        """The warehouse's rows beside the scratch ones, as `theirs`; how many there are of each content."""
        connection = self._scratch.reader
        connection.execute(f"CREATE OR REPLACE TABLE theirs AS FROM {quoted(self._table.name)} LIMIT 0")
        for part in self._warehouse.batches(self._table):
            connection.register("part", part)
            connection.execute("INSERT INTO theirs BY NAME FROM part")
            connection.unregister("part")
        return dict(connection.execute("SELECT _drop_id, count(*) FROM theirs GROUP BY 1").fetchall())

    def _differing(self, drop_ids: list[str]) -> list[tuple[str, int]]:
        """Contents whose rows are not the same on both sides, with how many."""
        columns = [name for name in self._table.column_names if name not in {"_drop_id", "_line"}]
        ours = ", ".join(f"o.{quoted(name)}" for name in columns)
        theirs = ", ".join(f"t.{quoted(name)}" for name in columns)
        return self._scratch.reader.execute(
            f"""
            SELECT _drop_id, count(*) FROM (
                SELECT coalesce(o._drop_id, t._drop_id) AS _drop_id
                FROM {quoted(self._table.name)} AS o FULL JOIN theirs AS t ON o._drop_id = t._drop_id AND o._line = t._line
                WHERE ({ours}) IS DISTINCT FROM ({theirs})
            ) WHERE list_contains(?, _drop_id) GROUP BY 1 ORDER BY 1
            """,
            [drop_ids],
        ).fetchall()

    def _compare_rejects(self, rows: list[Row]) -> None:
        """The rejects of the contents that were read again, by drop and line."""
        known, read = _rejects(self._warehouse, self._dataset), _rejects(self._scratch, self._dataset)
        for row in rows:
            one, other = known.get(row["drop_id"], set()), read.get(row["drop_id"], set())
            if one != other:
                text = f"{counted(len(one ^ other), 'reject differs', 'rejects differ')} from what its file gives"
                self._tell(row["path"], text, f"sahara drops reload {shell_word(row['path'])}")

    def _reload(self, row: Row, fresh: dict[str, Row]) -> str:
        if row["drop_id"] in fresh:
            return f"sahara drops reload {shell_word(row['path'])}"
        return "the file is gone: put it back and reload it, or restore a backup"

    def _tell(self, path: str, text: str, remedy: str) -> None:
        self._verified.differences.append(Difference(self._dataset, path, text, remedy))


def _rows_of(warehouse: Warehouse, dataset: str) -> list[Row]:
    return [row for row in ledger_rows(warehouse) if row["dataset"] == dataset]


def _rejects(warehouse: Warehouse, dataset: str) -> dict[str, set[tuple[int, str, str]]]:
    """By content: line, reason and text of its rejects."""
    found: dict[str, set[tuple[int, str, str]]] = {}
    for row in warehouse.rows(REJECTED_ROWS):
        if row["dataset"] == dataset:
            found.setdefault(row["drop_id"], set()).add((row["line"], row["reason"], row["raw_text"]))
    return found
