"""What a run has to do about its drops: the ledger and the folder in, a list of decisions out. Pure: nothing is read or written.

The law: of every path its newest version counts, and of every content one copy. So a plan says which contents must be read again,
which pointers (path → content) move, and which contents must be read first. What becomes of a content that no pointer holds any
more is `loading.py`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from sahara_assets.builds import combine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Status(StrEnum):
    """What became of a version of a file."""

    LOADED = "loaded"  # its content counts
    REJECTED = "rejected"  # it could not be read as its dataset; an earlier version of the path stays in force
    HELD = "held"  # it would take away too much of what it replaces; waits for `sahara drops allow`
    ALLOWED = "allowed"  # a person let it in; the next run reads it
    REPLACED = "replaced"  # a newer version of its path counts
    FORGOTTEN = "forgotten"  # a person took it out; it stays out while its content is the same


_WAITING = frozenset({Status.HELD, Status.ALLOWED, Status.REJECTED})
"""Versions that are not in the tables but still ask for something: that ends when their path shows another content."""


@dataclass(frozen=True)
class Version:
    """A ledger row, as far as the plan cares; without `drop_id` it stands for a file that could not be opened.

    The `reading_fingerprint` of a version that is held is its `held_fingerprint`.
    """

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
    REREAD = "read again"  # a content that was read under other settings; its pointers stay where they are
    POINT = "repeat"  # a content that the tables hold already, or will once another file has been read


@dataclass(frozen=True)
class Step:
    """One file's decision.

    Attributes:
        act: what to do.
        path: the file.
        drop_id: its content.
        replaces: the contents that the path pointed at before and that lose this pointer.
        may_be_held: whether the new version must hold up against the lines of those it replaces.
    """

    act: Act
    path: str
    drop_id: str
    replaces: tuple[str, ...] = ()
    may_be_held: bool = False


@dataclass(frozen=True)
class Plan:
    """The decisions of one dataset.

    Attributes:
        steps: what to do, in this order: contents to read again, then repeats of contents that the tables hold, then contents to load,
            each followed by its repeats.
        outdated: versions (path, content) that waited for something, while their path now shows another content.
        stale: contents in the tables that were read under other settings and whose files are gone.
        held: paths that wait for a person.
    """

    steps: Sequence[Step] = ()
    outdated: Sequence[tuple[str, str]] = ()
    stale: Sequence[str] = ()
    held: Sequence[str] = ()

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

    A path that vanished from the folder retracts nothing: it is not in `present`, so nothing is decided about it. What a path points
    at moves only when its file shows another content, so that a change of `same_path` by itself retracts nothing either: a shop whose
    `orders.csv` was overwritten every day would lose all days but one, for good.

    Args:
        ledger: every version ever seen.
        present: the files that can be read.
        reading_fingerprint: of the settings that the dataset is read under now.
        same_path: what another content under a known path means.

    >>> plan = plan_drops(
    ...     [Version("a.csv", "1", Status.LOADED, "f")],
    ...     [Present("a.csv", "2"), Present("b.csv", "1")],
    ...     reading_fingerprint="f",
    ...     same_path="replace",
    ... )
    >>> [(str(step.act), step.path, step.replaces) for step in plan.steps]
    [('repeat', 'b.csv', ()), ('load', 'a.csv', ('1',))]
    """
    files = sorted(present, key=lambda file: (file.path, file.drop_id))
    by_path: dict[str, list[Version]] = {}
    readings: dict[str, str] = {}
    for version in sorted(ledger, key=lambda version: (version.path, version.drop_id)):
        by_path.setdefault(version.path, []).append(version)
        if version.status is Status.LOADED:
            readings[version.drop_id] = version.reading_fingerprint
    # Any file that holds the bytes will do to read a content again, whatever has become of that path.
    rereads: dict[str, Step] = {}
    for file in files:
        if readings.get(file.drop_id, reading_fingerprint) != reading_fingerprint:
            rereads.setdefault(file.drop_id, Step(Act.REREAD, file.path, file.drop_id))
    moves: list[Step] = []
    outdated: list[tuple[str, str]] = []
    held: list[str] = []
    for file in files:
        versions = by_path.get(file.path, [])
        outdated += [(v.path, v.drop_id) for v in versions if v.drop_id != file.drop_id and v.status in _WAITING]
        known = next((v for v in versions if v.drop_id == file.drop_id), None)
        status = known.status if known else None
        if status in {Status.FORGOTTEN, Status.LOADED}:
            continue
        replaces = _counting(versions) if same_path == "replace" else ()
        judged_under = known.reading_fingerprint if known else None
        if status is Status.REJECTED and judged_under == reading_fingerprint:
            continue
        rivals = {d: reading_fingerprint if d in rereads else readings[d] for d in replaces}
        if status is Status.HELD and rivals and judged_under == held_fingerprint(reading_fingerprint, rivals):
            held.append(file.path)
            continue
        act = Act.POINT if file.drop_id in readings else Act.READ
        may_be_held = bool(replaces) and status is not Status.ALLOWED
        moves.append(Step(act, file.path, file.drop_id, replaces, may_be_held=may_be_held))
    stale = sorted(d for d, found in readings.items() if found != reading_fingerprint and d not in rereads)
    points = [step for step in moves if step.act is Act.POINT]
    steps = (*rereads.values(), *points, *_loads([step for step in moves if step.act is Act.READ]))
    return Plan(steps, tuple(outdated), tuple(stale), tuple(held))


def held_fingerprint(reading_fingerprint: str, replaced: Mapping[str, str]) -> str:
    """Under what a version was held: its own reading, and those of the contents that it lacks lines of.

    Once one of them changes, the verdict is one about other lines, and is given anew.

    Args:
        reading_fingerprint: what the held version was read under.
        replaced: the contents that it would replace, with what each was read under.
    """
    return combine(reading_fingerprint, *(part for pair in sorted(replaced.items()) for part in pair))


def _counting(versions: Iterable[Version]) -> tuple[str, ...]:
    """The contents of one path that are in the tables."""
    return tuple(sorted(version.drop_id for version in versions if version.status is Status.LOADED))


def _loads(steps: Sequence[Step]) -> list[Step]:
    """Contents to load: the first file of each is read, the others that hold the same only point at it."""
    by_content: dict[str, list[Step]] = {}
    for step in steps:
        by_content.setdefault(step.drop_id, []).append(step)
    return [
        Step(Act.POINT if nth else Act.READ, step.path, step.drop_id, step.replaces, may_be_held=step.may_be_held)
        for same in by_content.values()
        for nth, step in enumerate(same)
    ]
