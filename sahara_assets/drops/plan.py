"""What a run has to do about its drops: the ledger and the folder in, a list of decisions out. Pure: nothing is read or written.

The law: of every path its newest version counts, and of every content one copy. So the plan moves pointers (path → content), and
says which contents must be read and which no pointer holds any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

CURRENT = "loaded"


class Status(StrEnum):
    """What became of a version of a file."""

    LOADED = "loaded"  # its content counts
    REJECTED = "rejected"  # it could not be read as its dataset; an earlier version of the path stays in force
    HELD = "held"  # it would take away too much of what it replaces; waits for `sahara drops allow`
    ALLOWED = "allowed"  # a person let it in; the next run reads it
    REPLACED = "replaced"  # a newer version of its path counts
    FORGOTTEN = "forgotten"  # a person took it out; it stays out while its content is the same


@dataclass(frozen=True)
class Version:
    """A ledger row, as far as the plan cares."""

    path: str
    drop_id: str
    status: Status
    reading_fingerprint: str


@dataclass(frozen=True)
class Present:
    """A file that lies in the folder now, with its content's hash."""

    path: str
    drop_id: str


class Act(StrEnum):
    """What is to be done about a file."""

    READ = "load"  # a content that the tables do not hold
    REREAD = "read again"  # a content that was read under other settings
    POINT = "repeat"  # a content that the tables hold already


@dataclass(frozen=True)
class Step:
    """One file's decision.

    Attributes:
        act: what to do.
        path: the file.
        drop_id: its content.
        replaces: the content that the path pointed at before, where that loses its pointer.
        may_be_held: whether the new version must hold up against the old one's lines.
    """

    act: Act
    path: str
    drop_id: str
    replaces: str | None = None
    may_be_held: bool = False


@dataclass(frozen=True)
class Plan:
    """The decisions of one dataset.

    Attributes:
        steps: files to act on, by path.
        stale: contents in the tables that were read under other settings and whose files are gone.
        held: paths that wait for a person.
    """

    steps: Sequence[Step] = field(default_factory=tuple)
    stale: Sequence[str] = field(default_factory=tuple)
    held: Sequence[str] = field(default_factory=tuple)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to load, replace or retract."""
        return not self.steps


def plan_drops(
    ledger: Iterable[Version],
    present: Iterable[Present],
    *,
    reading_fingerprint: str,
    same_path: Literal["replace", "append"],
) -> Plan:
    """Decide about every file that lies in the folder.

    A path that vanished from the folder retracts nothing: it is not in `present`, so nothing is decided about it.
    """
    versions = {(v.path, v.drop_id): v for v in ledger}
    pointers: dict[str, list[str]] = {}
    readings: dict[str, str] = {}
    for version in versions.values():
        if version.status == Status.LOADED:
            pointers.setdefault(version.path, []).append(version.drop_id)
            readings[version.drop_id] = version.reading_fingerprint
    planned = set(readings)
    steps: list[Step] = []
    held: list[str] = []
    for file in sorted(present, key=lambda f: (f.path, f.drop_id)):
        known = versions.get((file.path, file.drop_id))
        before = [drop_id for drop_id in pointers.get(file.path, []) if drop_id != file.drop_id]
        replaces = before[0] if before and same_path == "replace" else None
        if known and known.status == Status.FORGOTTEN:
            continue
        if known and known.status == Status.HELD and known.reading_fingerprint == reading_fingerprint:
            held.append(file.path)
            continue
        if known and known.status == Status.REJECTED and known.reading_fingerprint == reading_fingerprint:
            continue
        if known and known.status == Status.LOADED:
            if readings[file.drop_id] != reading_fingerprint:
                steps.append(Step(Act.REREAD, file.path, file.drop_id, replaces))
                readings[file.drop_id] = reading_fingerprint
            elif replaces:
                steps.append(Step(Act.POINT, file.path, file.drop_id, replaces, may_be_held=True))
            continue
        may_be_held = replaces is not None and not (known and known.status == Status.ALLOWED)
        if file.drop_id in planned and readings.get(file.drop_id, reading_fingerprint) == reading_fingerprint:
            steps.append(Step(Act.POINT, file.path, file.drop_id, replaces, may_be_held=may_be_held))
        else:
            act = Act.REREAD if file.drop_id in readings else Act.READ
            steps.append(Step(act, file.path, file.drop_id, replaces, may_be_held=may_be_held))
            planned.add(file.drop_id)
            readings[file.drop_id] = reading_fingerprint
    on_disk = {file.drop_id for file in present} if isinstance(present, Sequence) else set()
    stale = sorted(d for d, fingerprint in readings.items() if fingerprint != reading_fingerprint and d not in on_disk)
    return Plan(tuple(steps), tuple(stale), tuple(held))
