"""Taking drops in: look at the folder, plan, read what the ledger lacks, and commit rows and ledger together.

This is the only module that knows the whole way of a drop; each part of it lives beside it (`discovery`, `content`, `plan`,
`reading`, `ledger`). A kill at any moment leaves whole transactions, so the next run goes on where this one stood.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb

from sahara_assets.drops.content import Content, inspect_content
from sahara_assets.drops.discovery import FoundFile, find_drops
from sahara_assets.drops.ledger import Ledger, reading_fingerprint, retract_content
from sahara_assets.drops.plan import Act, Plan, Present, Status, Step, plan_drops
from sahara_assets.drops.reading import DropReader, Reading
from sahara_assets.errors import DropError
from sahara_assets.tables import DATASETS, REJECTED_ROWS, Dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from sahara_assets.settings import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

TRANSACTION_BYTES = 256 * 1024 * 1024
"""Drops of about this size in all share a transaction, so that a kill in a long load loses minutes rather than hours."""


@dataclass(frozen=True)
class DropOutcome:
    """What a run did, or would do, about one file."""

    dataset: str
    path: str
    act: str
    status: str
    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    replaces: bool = False
    reason: str | None = None


@dataclass
class LoadReport:
    """What a run did about its drops.

    Attributes:
        outcomes: the files that were acted on.
        unchanged: files that were known already.
        left_alone: files that are still being written.
        held: paths that wait for a person (`sahara drops allow`).
        stale: contents read under other settings whose files are gone, so that they could not be read again.
    """

    outcomes: list[DropOutcome] = field(default_factory=list)
    unchanged: int = 0
    left_alone: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    @property
    def rows_read(self) -> int:
        """Rows that were read from files in this run."""
        return sum(o.rows_read for o in self.outcomes if o.act != Act.POINT)

    @property
    def rows_loaded(self) -> int:
        """Rows that went into raw tables in this run."""
        return sum(o.rows_loaded for o in self.outcomes if o.act != Act.POINT)

    @property
    def rows_rejected(self) -> int:
        """Rows that were kept out in this run."""
        return sum(o.rows_rejected for o in self.outcomes if o.act != Act.POINT)


@dataclass
class _DatasetWork:
    """One dataset's files, ledger and plan."""

    dataset: Dataset
    ledger: Ledger
    files: dict[str, FoundFile]
    contents: dict[str, Content]
    unreadable: dict[str, str]
    plan: Plan
    fingerprint: str


def plan_load(warehouse: Warehouse, settings: Settings, *, now: datetime) -> LoadReport:
    """What a load would do, without doing it (`--dry-run`)."""
    report = LoadReport()
    for work in _prepare(warehouse, settings, now=now, report=report, remember=False):
        for step in work.plan.steps:
            report.outcomes.append(
                DropOutcome(work.dataset.name, step.path, step.act, "planned", replaces=step.replaces is not None)
            )
        for path, reason in work.unreadable.items():
            report.outcomes.append(DropOutcome(work.dataset.name, path, Act.READ, Status.REJECTED, reason=reason))
    return report


def load_drops(
    warehouse: Warehouse,
    settings: Settings,
    *,
    run_id: str,
    now: datetime,
    progress: Callable[[str, int, int], None] | None = None,
) -> LoadReport:
    """Take in every drop that the ledger lacks.

    Args:
        warehouse: where to.
        settings: folder, patterns and reading settings.
        run_id: goes into the ledger.
        now: the load time, naive UTC.
        progress: called with a label, the files done and the files to do.

    Raises:
        DropError: the drop folder is not there.
    """
    report = LoadReport()
    for work in _prepare(warehouse, settings, now=now, report=report, remember=True):
        _Loader(warehouse, settings, work, run_id=run_id, now=now, report=report, progress=progress).run()
    return report


def _prepare(
    warehouse: Warehouse, settings: Settings, *, now: datetime, report: LoadReport, remember: bool
) -> list[_DatasetWork]:
    found = find_drops(settings)
    settled_before = now - timedelta(seconds=settings.drops.settle_seconds)
    works = []
    for name, dataset in DATASETS.items():
        if name not in settings.datasets:
            continue
        mine = [f for f in found if f.dataset == name]
        if settings.drops.settle_seconds:
            report.left_alone += [f.path for f in mine if f.modified_at > settled_before]
            mine = [f for f in mine if f.modified_at <= settled_before]
        works.append(_look_at(warehouse, settings, dataset, mine, report, remember=remember))
    return works


def _look_at(
    warehouse: Warehouse, settings: Settings, dataset: Dataset, files: list[FoundFile], report: LoadReport, *, remember: bool
) -> _DatasetWork:
    """Hash the files that were touched since they were last looked at, and plan."""
    reading = settings.datasets[dataset.name]
    ledger = Ledger(warehouse, dataset.name)
    signatures = ledger.signatures()
    contents: dict[str, Content] = {}
    unreadable: dict[str, str] = {}
    present: list[Present] = []
    for file in files:
        known = signatures.get((file.path, file.signature))
        if known is not None:
            present.append(Present(file.path, known["drop_id"]))
            continue
        try:
            content = inspect_content(settings.drop_folder / file.path, reading.encoding)
        except DropError as error:
            unreadable[file.path] = str(error)
            continue
        contents[file.path] = content
        present.append(Present(file.path, content.drop_id))
        row = ledger.get(file.path, content.drop_id)
        if remember and row is not None:
            # Touched, moved back or delivered again with the same content: known from now on by its new signature.
            ledger.put({**row, "signature": file.signature, "modified_at": file.modified_at})
    fingerprint = reading_fingerprint(settings, dataset.name)
    plan = plan_drops(ledger.versions(), present, reading_fingerprint=fingerprint, same_path=reading.same_path)
    report.held += plan.held
    report.stale += plan.stale
    report.unchanged += len(present) - len(plan.steps) - len(plan.held)
    return _DatasetWork(dataset, ledger, {f.path: f for f in files}, contents, unreadable, plan, fingerprint)


class _Loader:
    """Carries out one dataset's plan."""

    def __init__(
        self,
        warehouse: Warehouse,
        settings: Settings,
        work: _DatasetWork,
        *,
        run_id: str,
        now: datetime,
        report: LoadReport,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._warehouse = warehouse
        self._settings = settings
        self._reading_settings = settings.datasets[work.dataset.name]
        self._work = work
        self._ledger = work.ledger
        self._run_id = run_id
        self._now = now
        self._report = report
        self._progress = progress
        self._done = 0

    def run(self) -> None:
        plan = self._work.plan
        for batch in _batches([s for s in plan.steps if s.act != Act.POINT], self._work.files):
            self._read_batch(batch)
        with self._warehouse.transaction():
            outcomes = [self._settle(step, None) for step in plan.steps if step.act == Act.POINT]
            for path, reason in self._work.unreadable.items():
                self._refuse_unreadable(path, reason)
            self._ledger.write()
        self._report.outcomes += outcomes
        self._report.held += [o.path for o in outcomes if o.status == Status.HELD]

    def _read_batch(self, steps: Sequence[Step]) -> None:
        """Read some drops in one transaction; where one spoils it, each goes by itself so that the others still load."""
        try:
            with self._warehouse.transaction():
                readings = self._read(steps)
                outcomes = [self._settle(step, readings[step.drop_id]) for step in steps]
                self._ledger.write()
        except (DropError, duckdb.Error) as error:
            # What the failed transaction put into the ledger's memory is taken from the warehouse again.
            self._ledger = Ledger(self._warehouse, self._work.dataset.name)
            if len(steps) > 1:
                for step in steps:
                    self._read_batch([step])
                return
            with self._warehouse.transaction():
                self._refuse_unreadable(steps[0].path, str(error))
                self._ledger.write()
            return
        self._report.outcomes += outcomes
        self._report.held += [o.path for o in outcomes if o.status == Status.HELD]
        self._tick(len(steps))

    def _read(self, steps: Sequence[Step]) -> dict[str, Reading]:
        readings: dict[str, Reading] = {}
        for step in steps:
            path = self._settings.drop_folder / step.path
            content = self._work.contents.get(step.path) or inspect_content(path, self._reading_settings.encoding)
            readings[step.drop_id] = Reading(step.drop_id, path, content)
        # A content that is read again leaves first; one whose earlier reading was refused leaves its old reject.
        retract_content(self._warehouse, self._work.dataset.name, readings)
        reader = DropReader(self._warehouse, self._work.dataset, self._reading_settings, self._settings.project)
        reader.read(list(readings.values()))
        self._warehouse.insert(REJECTED_ROWS, [reject for r in readings.values() for reject in r.rejects])
        return readings

    def _settle(self, step: Step, reading: Reading | None) -> DropOutcome:
        """Move the path's pointer, or hold or refuse the new version; `reading` is None for a content that is already there."""
        content = self._content_columns(step, reading)
        reason: str | None = content["reason"]
        status = Status.LOADED if reason is None else Status.REJECTED
        if status is Status.LOADED and step.may_be_held and step.replaces:
            reason = self._lacking(step)
            if reason is not None:
                status = Status.HELD
        counts = (content["rows_read"], content["rows_loaded"], content["rows_rejected"])
        if status is not Status.LOADED:
            counts = (counts[0], 0, counts[0])
        file = self._work.files[step.path]
        self._ledger.put(
            {
                **content,
                "dataset": self._work.dataset.name,
                "path": step.path,
                "drop_id": step.drop_id,
                "status": str(status),
                "reason": reason,
                "rows_read": counts[0],
                "rows_loaded": counts[1],
                "rows_rejected": counts[2],
                "modified_at": file.modified_at,
                "file_date": file.file_date,
                "reading_fingerprint": self._work.fingerprint,
                "signature": file.signature,
                "loaded_at": self._now,
                "run_id": self._run_id,
            }
        )
        if reading is not None:
            self._update_pointers(step.drop_id, content, status)
        self._supersede(step, status)
        if status is Status.HELD and not self._ledger.pointers(step.drop_id):
            retract_content(self._warehouse, self._work.dataset.name, [step.drop_id])
        outcome = DropOutcome(
            self._work.dataset.name, step.path, step.act, status, *counts, replaces=step.replaces is not None, reason=reason
        )
        return outcome

    def _content_columns(self, step: Step, reading: Reading | None) -> Row:
        """The ledger columns that belong to the content rather than the path."""
        if reading is None:
            twin = max(self._ledger.content_rows(step.drop_id), key=lambda row: row["status"] == Status.LOADED, default=None)
            if twin is None:
                raise DropError(f"{step.path}: its content is not in the ledger; run again")
            kept = ("size_bytes", "encoding", "delimiter", "header", "undeclared_columns", "absent_columns")
            refused = twin["status"] == Status.REJECTED
            return {
                **{name: twin[name] for name in kept},
                "rows_read": twin["rows_read"],
                "rows_loaded": twin["rows_loaded"],
                "rows_rejected": twin["rows_rejected"],
                "reason": twin["reason"] if refused else None,
            }
        layout = reading.layout
        mapped = self._reading_settings.columns
        return {
            "size_bytes": reading.content.size_bytes,
            "encoding": reading.content.encoding,
            "delimiter": layout.delimiter if layout else None,
            "header": layout.text if layout else None,
            "undeclared_columns": json.dumps([name for name, _ in layout.undeclared]) if layout else None,
            "absent_columns": json.dumps([c for c in layout.absent if mapped.get(c)]) if layout else None,
            "rows_read": reading.rows_read,
            "rows_loaded": reading.rows_loaded,
            "rows_rejected": reading.rows_rejected,
            "reason": reading.refusal,
        }

    def _update_pointers(self, drop_id: str, content: Row, status: Status) -> None:
        """A content that was read again has new counts under every path that delivers it."""
        for path in self._ledger.pointers(drop_id):
            row = self._ledger.get(path, drop_id)
            if row is not None and status is not Status.HELD:
                update = {**row, **content, "status": str(status), "reading_fingerprint": self._work.fingerprint}
                self._ledger.put(update)

    def _supersede(self, step: Step, status: Status) -> None:
        """What the path's earlier versions become, now that a newer one is there."""
        waiting = {Status.HELD, Status.ALLOWED, Status.REJECTED}
        retired = []
        for version in self._ledger.versions():
            if version.path != step.path or version.drop_id == step.drop_id:
                continue
            replaced = version.status in waiting or (
                status is Status.LOADED and version.status is Status.LOADED and version.drop_id == step.replaces
            )
            if not version.drop_id:
                self._ledger.drop(step.path, "")
            elif replaced:
                row = self._ledger.get(version.path, version.drop_id)
                if row is not None:
                    self._ledger.put({**row, "status": str(Status.REPLACED), "reason": f"replaced by {step.drop_id[:12]}"})
                    retired.append(version.drop_id)
        unheld = [drop_id for drop_id in retired if not self._ledger.pointers(drop_id)]
        retract_content(self._warehouse, self._work.dataset.name, unheld)

    def _lacking(self, step: Step) -> str | None:
        """Why a replacement must be held: it lacks too many of the old version's lines. None where it does not."""
        dataset = self._work.dataset
        identity = ", ".join(dataset.key) if dataset.key else "_line_hash, _occurrence"
        found = self._warehouse.reader.execute(
            f"""
            SELECT count(*), count(*) FILTER (NOT kept) FROM (
                SELECT ({identity}) IN (SELECT ({identity}) FROM {dataset.raw_table} WHERE _drop_id = ?) AS kept
                FROM {dataset.raw_table} WHERE _drop_id = ?
            )
            """,
            [step.drop_id, step.replaces],
        ).fetchone()
        lines, lacking = found or (0, 0)
        limit = self._reading_settings.hold_above
        if not lines or lacking <= limit * lines:
            return None
        return (
            f"lacks {lacking} of the {lines} lines of the version it replaces (more than {limit:.0%}); the old version stays. "
            f"If that is right: sahara drops allow {step.path}"
        )

    def _refuse_unreadable(self, path: str, reason: str) -> None:
        """A file that cannot even be read: no content is known, so the next run tries again."""
        file = self._work.files[path]
        self._ledger.put(
            {
                "dataset": self._work.dataset.name,
                "path": path,
                "drop_id": "",
                "status": str(Status.REJECTED),
                "reason": reason,
                "rows_read": 0,
                "rows_loaded": 0,
                "rows_rejected": 0,
                "size_bytes": file.size_bytes,
                "modified_at": file.modified_at,
                "file_date": file.file_date,
                "reading_fingerprint": self._work.fingerprint,
                "signature": file.signature,
                "loaded_at": self._now,
                "run_id": self._run_id,
            }
        )
        self._report.outcomes.append(
            DropOutcome(self._work.dataset.name, path, Act.READ, Status.REJECTED, reason=reason)
        )

    def _tick(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(f"raw_{self._work.dataset.name}", self._done, len(self._work.plan.steps))


def _batches(steps: Iterable[Step], files: dict[str, FoundFile]) -> Iterable[list[Step]]:
    """Steps in groups of about `TRANSACTION_BYTES`."""
    batch: list[Step] = []
    size = 0
    for step in steps:
        batch.append(step)
        size += files[step.path].size_bytes
        if size >= TRANSACTION_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
