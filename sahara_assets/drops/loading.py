"""Taking drops in: carry out the plan, and commit rows and ledger together.

This is the only module that changes raw tables; what it needs for that lives beside it: what lies in the folder and what is to be
done about it (`looking`, `plan`), how a file becomes rows (`reading`), the books (`ledger`). A kill at any moment leaves whole
transactions, so the next run goes on where this one stood.
"""

from __future__ import annotations

import errno
import json
import os
from collections import deque
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

import duckdb

from sahara_assets.builds import Run
from sahara_assets.drops.ledger import Ledger, retract_content
from sahara_assets.drops.looking import Work, has_vanished, inspect_file, limits_of, look_around
from sahara_assets.drops.outcome import DropOutcome, LoadReport
from sahara_assets.drops.plan import Act, Status, Step, held_fingerprint
from sahara_assets.drops.reading import DropReader, Reading
from sahara_assets.drops.repeats import count_lacking
from sahara_assets.drops.unclaimed import remember
from sahara_assets.errors import DropError
from sahara_assets.tables.books import REJECTED_ROWS
from sahara_assets.untrusted import shell_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from sahara_assets.drops.discovery import FoundFile
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

TRANSACTION_BYTES = 256 * 1024 * 1024
"""Drops of about this size in all share a transaction, so that a kill in a long load loses minutes rather than hours."""

_CONTENT_COLUMNS = (
    "size_bytes",
    "format",
    "encoding",
    "delimiter",
    "header",
    "column_names",
    "column_samples",
    "undeclared_columns",
    "absent_columns",
    "rejected_columns",
    "rows_read",
    "rows_loaded",
    "rows_rejected",
    "reason",
    "reading_fingerprint",
)
"""The ledger columns that speak of a content rather than of the path that delivers it."""


def plan_load(warehouse: Warehouse, settings: Settings, *, now: datetime) -> LoadReport:
    """What a load would do, without doing it (`--dry-run`)."""
    report = LoadReport()
    for work in _look(warehouse, settings, now, report):
        for step in work.plan.steps:
            report.outcomes.append(
                DropOutcome(work.dataset.name, step.path, step.act, "planned", replaces=bool(step.replaces))
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
    works = _look(warehouse, settings, now, report)
    remember(warehouse, Run(run_id, now), report.unclaimed)
    for work in works:
        _Loader(warehouse, settings, work, run_id=run_id, now=now, report=report, progress=progress).run()
    return report


def _look(warehouse: Warehouse, settings: Settings, now: datetime, report: LoadReport) -> list[Work]:
    works, report.unclaimed = look_around(warehouse, settings, now=now)
    for work in works:
        report.left_alone += work.left_alone
        report.held += work.plan.held
        report.stale += work.plan.stale
        report.unchanged += work.unchanged
    return works


@dataclass(frozen=True)
class _Task:
    """One content to read.

    Attributes:
        drop_id: the content.
        sources: the files that hold it; the first is read, the others stand in where it turns out that it cannot be.
        steps: the pointers that move onto it; none for a content that is read again where it stands.
    """

    drop_id: str
    sources: tuple[str, ...]
    steps: tuple[Step, ...] = ()


class _Loader:
    """Carries out one dataset's plan.

    Every transaction leaves the tables holding exactly the contents that the ledger points at, so that a kill between two of them
    costs nothing but the rest of the work.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        settings: Settings,
        work: Work,
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
        self._failed: set[str] = set()

    def run(self) -> None:
        """Carry it out.

        First the contents that stay get their new reading, so that what replaces them is held against that; then pointers move onto
        contents that are there; then the others are read, each with all of its pointers.
        """
        steps = self._work.plan.steps
        self._take_note()
        again = [s for s in steps if s.act is Act.REREAD]
        self._read_all([_Task(s.drop_id, tuple(self._work.sources[s.drop_id])) for s in again])
        loads = {s.drop_id for s in steps if s.act is Act.READ}
        self._point([s for s in steps if s.act is Act.POINT and s.drop_id not in loads and s.path not in self._failed])
        rest = [s for s in steps if s.drop_id in loads and s.path not in self._failed]
        groups = [tuple(same) for _, same in groupby(rest, key=lambda step: step.drop_id)]
        self._read_all([_Task(same[0].drop_id, tuple(s.path for s in same), same) for same in groups])

    def _take_note(self) -> None:
        """Write down what needs no reading: files that were touched, that cannot be opened, and versions that no longer wait."""

        def take_note() -> list[DropOutcome]:
            for path, drop_id in self._work.plan.outdated:
                self._end(path, drop_id, "its path holds another content now")
            outcomes = [self._refuse_unreadable(path, reason) for path, reason in self._work.unreadable.items()]
            self._ledger.retract_unheld(drop_id for _, drop_id in self._work.plan.outdated)
            self._ledger.write()
            return outcomes

        self._report.outcomes += self._commit(take_note)

    def _commit(self, work: Callable[[], list[DropOutcome]]) -> list[DropOutcome]:
        """Do it in a transaction, anew where the warehouse went away in its middle."""
        return self._warehouse.in_transaction(work, before_another_try=self._reread_ledger)

    def _reread_ledger(self) -> None:
        """What a failed transaction put into the ledger's memory is taken from the warehouse again."""
        self._ledger = Ledger(self._warehouse, self._work.dataset.name)

    def _point(self, steps: Sequence[Step]) -> None:
        """Move pointers onto contents that the tables hold, all at once: what one path lets go of another may take up."""

        def point() -> list[DropOutcome]:
            contents = {step.drop_id: self._columns_in_ledger(step.drop_id) for step in steps}
            outcomes = [self._settle(step, contents[step.drop_id]) for step in steps]
            self._finish(steps)
            return outcomes

        self._conclude(self._commit(point))

    def _read_all(self, tasks: Sequence[_Task]) -> None:
        """Read contents, many to a transaction; where one spoils it, each goes by itself so that the others still load."""
        pending = deque(_batches(tasks, self._work.files))
        while pending:
            batch = pending.popleft()
            try:
                outcomes = self._commit(partial(self._read, batch))
            except (DropError, duckdb.Error, OSError) as error:
                self._reread_ledger()
                if len(batch) > 1:
                    pending.extendleft([task] for task in reversed(batch))
                else:
                    pending.extendleft([rest] for rest in self._without_first_source(batch[0], error))
                continue
            self._conclude(outcomes)

    def _without_first_source(self, task: _Task, error: Exception) -> list[_Task]:
        """Refuse the file that could not be read; the content may still be had from another."""
        path, *others = task.sources
        self._failed.add(path)
        if not has_vanished(error):

            def refuse() -> list[DropOutcome]:
                outcome = self._refuse_unreadable(path, _told(path, error))
                self._ledger.write()
                return [outcome]

            self._report.outcomes += self._commit(refuse)
        steps = tuple(step for step in task.steps if step.path != path)
        return [_Task(task.drop_id, tuple(others), steps)] if others else []

    def _read(self, tasks: Sequence[_Task]) -> list[DropOutcome]:
        readings: dict[str, Reading] = {}
        for task in tasks:
            path = task.sources[0]
            content = self._work.contents.get(path)
            if content is None:
                content = inspect_file(self._settings, self._work.files[path])
            readings[task.drop_id] = Reading(task.drop_id, self._work.files[path], content)
        # A content that is read again leaves first; one whose earlier reading was refused leaves its old reject.
        retract_content(self._warehouse, self._work.dataset.name, readings)
        reader = DropReader(
            self._warehouse,
            self._work.dataset,
            self._reading_settings,
            self._settings.project,
            limits=limits_of(self._settings),
        )
        reader.read(list(readings.values()))
        self._warehouse.insert(REJECTED_ROWS, [reject for r in readings.values() for reject in r.rejects])
        outcomes: list[DropOutcome] = []
        for task in tasks:
            columns = self._columns_as_read(readings[task.drop_id])
            if not task.steps:
                outcomes.append(self._settle_reread(task, columns))
            outcomes += [self._settle(step, columns) for step in task.steps]
        self._finish([step for task in tasks for step in task.steps])
        return outcomes

    def _finish(self, steps: Sequence[Step]) -> None:
        """What no path points at any more leaves; last thing in the transaction that moved the pointers."""
        self._ledger.retract_unheld(drop_id for step in steps for drop_id in (step.drop_id, *step.replaces))
        self._ledger.write()

    def _conclude(self, outcomes: Sequence[DropOutcome]) -> None:
        self._report.outcomes += outcomes
        self._report.held += [o.path for o in outcomes if o.status == Status.HELD]
        self._done += len(outcomes)
        if outcomes and self._progress is not None:
            self._progress(f"raw_{self._work.dataset.name}", self._done, len(self._work.plan.steps))

    def _settle_reread(self, task: _Task, columns: Row) -> DropOutcome:
        """A content that was read again has new counts under every path that points at it."""
        status = Status.LOADED if columns["reason"] is None else Status.REJECTED
        taken_in = {"loaded_at": self._now, "run_id": self._run_id}
        for row in self._ledger.pointers(task.drop_id):
            self._ledger.put({**row, **columns, "status": str(status), **taken_in})
        self._ledger.write()
        return self._outcome(Act.REREAD, task.sources[0], status, columns)

    def _settle(self, step: Step, columns: Row) -> DropOutcome:
        """Move the path's pointer, or hold or refuse the new version; `columns` are what the ledger says of the content."""
        status = Status.LOADED if columns["reason"] is None else Status.REJECTED
        columns = {**columns, "reason": self._said_of(step, columns["reason"])}
        if status is Status.LOADED and step.may_be_held and (lacking := self._lacking(step)) is not None:
            status = Status.HELD
            columns = {
                **columns,
                "reason": lacking,
                "rows_loaded": 0,
                "rows_rejected": columns["rows_read"],
                "reading_fingerprint": self._held_fingerprint(step),
            }
        file = self._work.files[step.path]
        self._ledger.put(
            {
                **columns,
                "dataset": self._work.dataset.name,
                "path": step.path,
                "drop_id": step.drop_id,
                "status": str(status),
                "modified_at": file.modified_at,
                "file_date": file.file_date,
                "signature": file.signature,
                "loaded_at": self._now,
                "run_id": self._run_id,
            }
        )
        if status is Status.LOADED:
            for drop_id in step.replaces:
                self._end(step.path, drop_id, f"replaced by {step.drop_id[:12]}")
        return self._outcome(step.act, step.path, status, columns, replaces=bool(step.replaces))

    def _said_of(self, step: Step, reason: str | None) -> str | None:
        """Why a content is refused, by the name of the file at hand: it may have been read from another that holds the same."""
        for path in self._work.sources.get(step.drop_id, ()):
            name = f"{self._work.files[path].name}: "
            if reason is not None and reason.startswith(name):
                return f"{self._work.files[step.path].name}: {reason.removeprefix(name)}"
        return reason

    def _outcome(self, act: Act, path: str, status: Status, columns: Row, *, replaces: bool = False) -> DropOutcome:
        counts = (columns["rows_read"], columns["rows_loaded"], columns["rows_rejected"])
        return DropOutcome(
            self._work.dataset.name, path, act, status, *counts, replaces=replaces, reason=columns["reason"]
        )

    def _columns_in_ledger(self, drop_id: str) -> Row:
        """What the ledger says of a content that was read before, in this run or an earlier one."""
        twin = (self._ledger.pointers(drop_id) or self._ledger.content_rows(drop_id, Status.REJECTED))[0]
        return {name: twin[name] for name in _CONTENT_COLUMNS}

    def _columns_as_read(self, reading: Reading) -> Row:
        """What the ledger says of a content that was just read."""
        layout = reading.layout
        return {
            "size_bytes": reading.content.size_bytes,
            "format": reading.content.format,
            "encoding": reading.content.encoding or None,
            "delimiter": layout.delimiter if layout and reading.content.format == "csv" else None,
            "header": layout.text if layout else None,
            "column_names": json.dumps(reading.column_names, ensure_ascii=False),
            "column_samples": json.dumps(reading.samples, ensure_ascii=False) if reading.samples else None,
            "undeclared_columns": json.dumps([name for name, _ in layout.undeclared]) if layout else None,
            "absent_columns": json.dumps(layout.absent) if layout else None,
            "rejected_columns": json.dumps(reading.rejected_columns, ensure_ascii=False, sort_keys=True),
            "rows_read": reading.rows_read,
            "rows_loaded": reading.rows_loaded,
            "rows_rejected": reading.rows_rejected,
            "reason": reading.refusal,
            "reading_fingerprint": self._work.fingerprint,
        }

    def _end(self, path: str, drop_id: str, reason: str) -> None:
        """A version of a path gives way to another; a row for a file that could not be opened has served its time."""
        row = self._ledger.get(path, drop_id)
        if not drop_id:
            self._ledger.drop(path, drop_id)
        elif row is not None:
            self._ledger.put({**row, "status": str(Status.REPLACED), "reason": reason})

    def _lacking(self, step: Step) -> str | None:
        """Why a replacement must be held: it lacks too many of the old version's lines. None where it does not."""
        lines, lacking = count_lacking(self._warehouse, self._work.dataset, step.drop_id, step.replaces)
        limit = self._reading_settings.hold_above
        if not lines or lacking <= limit * lines:
            return None
        return (
            f"lacks {lacking} of the {lines} lines of the version it replaces (more than {limit:.0%}); the old version stays. "
            f"If that is right: sahara drops allow {shell_word(step.path)}"
        )

    def _held_fingerprint(self, step: Step) -> str:
        counting = [row for drop_id in step.replaces for row in self._ledger.pointers(drop_id)]
        return held_fingerprint(self._work.fingerprint, {r["drop_id"]: r["reading_fingerprint"] for r in counting})

    def _refuse_unreadable(self, path: str, reason: str) -> DropOutcome:
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
        return DropOutcome(self._work.dataset.name, path, Act.READ, Status.REJECTED, reason=reason)


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def _told(path: str, error: Exception) -> str:
    """Why a drop could not be taken in, where that was none of its reader's doing: what DuckDB or the system said, with a remedy."""
    if isinstance(error, DropError):
        return str(error)
    said = str(error).split("\n", 1)[0]
    # DuckDB passes on the system's words without their number.
    is_full = getattr(error, "errno", None) in _FULL or any(os.strerror(number) in said for number in _FULL)
    remedy = "make room there, or point TMPDIR to another folder if it is that one" if is_full else "see the run's log"
    what = "there is no room for it" if is_full else "could not be taken in"
    return f"{path}: {what} ({said}); {remedy}; the next run tries again"


def _batches(tasks: Iterable[_Task], files: dict[str, FoundFile]) -> Iterator[list[_Task]]:
    """Tasks in groups of about `TRANSACTION_BYTES`."""
    batch: list[_Task] = []
    size = 0
    for task in tasks:
        batch.append(task)
        size += files[task.sources[0]].size_bytes
        if size >= TRANSACTION_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
