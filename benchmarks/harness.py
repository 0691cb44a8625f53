"""What a benchmark is, and how it is run: each measurement in a fresh process, the sides by turns, medians of several rounds.

A case names sides that do the same work, and goals: ratios between two of them in the same run, since seconds say something about a
machine and ratios something about the program. Before any ratio is taken the sides' answers are held against each other; sides that did
not compute the same thing are not compared. Peers that are not installed are named as missing.

`Case` and `Side` are what a file in `cases/` declares; `run_case` measures; what is printed and written is in `page.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".benchmarks"
"""What was generated, kept from one run to the next; git ignores it."""


EXPONENT = "exponent"
"""What a goal is about that bounds how its side grows with the size."""


class FailedError(RuntimeError):
    """The process of a measurement ended with an error."""


class Bench:
    """What a side is given in its process.

    Args:
        size: the case's numbers, such as `{"rows": 1_000_000}`.
        inputs: a folder that the case has prepared; nobody writes into it.
        folder: an empty folder of this side's own.
    """

    def __init__(self, size: Mapping[str, int], inputs: Path, folder: Path) -> None:
        self.size, self.inputs, self.folder = size, inputs, folder
        self.seconds: float | None = None
        self.measures: dict[str, float] = {}
        """What else is measured, by names of the case's own."""

    @contextmanager
    def timed(self) -> Iterator[None]:
        """What is in the block counts, once; without such a block the whole process counts, Python's own start included."""
        started = time.perf_counter()
        yield
        self.seconds = time.perf_counter() - started


@dataclass(frozen=True)
class Side:
    """One way to do a case's work.

    Attributes:
        name: `sahara`, or the peer's name.
        work: does it and gives an answer that can be compared: numbers, texts, and lists and mappings of them.
        needs: modules and programs (`psql`) without which it cannot be done.
        most: the largest size, by what the case grows by, that it is measured at.
    """

    name: str
    work: Callable[[Bench], Any]
    needs: tuple[str, ...] = ()
    most: float = math.inf

    @property
    def missing(self) -> list[str]:
        """What it needs and is not there."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None and shutil.which(name) is None]


@dataclass(frozen=True)
class Goal:
    """`ours` must be at most so many times `theirs`.

    Attributes:
        ours: a side.
        theirs: another one; empty where the bound is of `ours` alone.
        times: the bound of ours ÷ theirs.
        says: the same in the words of whoever set it, such as `at least 4 × faster than pandas`.
        what: `seconds`, `peak_mb`, a measure of the case's own, or `exponent` for how ours grows.
    """

    ours: str
    theirs: str
    times: float
    says: str
    what: str = "seconds"


@dataclass(frozen=True)
class Case:
    """A benchmark.

    Attributes:
        number: its place on the page.
        name: by which it is asked for.
        title: one line for the page.
        sides: the ways to do it.
        goals: what is promised of them.
        sizes: by `smoke`, `quick` and `full` one or several sizes; a growth exponent is fitted over several.
        prepare: fills a folder with what the sides read; called once a size, in a process of its own.
        grows_by: which number of a size the growth is measured against; empty for none.
        agree: raises `AssertionError` where two answers are not the same; by default numbers are compared to nine digits.
        note: what the reader must know about what was measured.
        reads: a folder of real data below `../shared/data` without which nothing of it can be measured.
    """

    number: int
    name: str
    title: str
    sides: tuple[Side, ...]
    goals: tuple[Goal, ...]
    sizes: Mapping[str, Sequence[Mapping[str, int]]]
    prepare: Callable[[Mapping[str, int], Path], None] | None = None
    grows_by: str = ""
    agree: Callable[[Any, Any], None] | None = None
    note: str = ""
    reads: str = ""

    @property
    def data(self) -> Path:
        """The folder of real data that it reads."""
        return ROOT.parent / "shared" / "data" / self.reads


@dataclass
class Measured:
    """What was measured of one side at one size."""

    values: dict[str, list[float]] = field(default_factory=dict)
    answer: Any = None

    def add(self, one: Mapping[str, Any]) -> None:
        """Take one measurement."""
        for name, value in {"seconds": one["seconds"], "peak_mb": one["peak_mb"], **one["measures"]}.items():
            self.values.setdefault(name, []).append(value)
        self.answer = one["answer"]

    def median(self, what: str) -> float:
        """The median of what was measured under a name."""
        return statistics.median(self.values[what])


@dataclass
class Outcome:
    """What came out of a case.

    Attributes:
        measured: by size (as text) and side.
        missing: by side what it lacks.
        disagreements: sides whose answers were others than the first side's, with why.
        exponents: by side the exponent of its growth, where there are several sizes.
        failures: sides that ended with an error; they are measured no further.
    """

    case: Case
    measured: dict[str, dict[str, Measured]] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    disagreements: list[str] = field(default_factory=list)
    exponents: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def ratio(self, goal: Goal) -> float | None:
        """Ours ÷ theirs at the largest size that both were measured at, or the exponent; None where there is none."""
        if goal.what == EXPONENT:
            return self.exponents.get(goal.ours)
        for sides in reversed(self.measured.values()):
            if goal.ours in sides and not goal.theirs:
                return sides[goal.ours].median(goal.what)
            if goal.ours in sides and goal.theirs in sides:
                return sides[goal.ours].median(goal.what) / max(sides[goal.theirs].median(goal.what), 1e-9)
        return None

    def passes(self, goal: Goal) -> bool | None:
        """Whether a goal is reached; None where it was not measured, or the two did not compute the same."""
        ratio = self.ratio(goal)
        if ratio is None or self.disagreements:
            return None
        return ratio <= goal.times

    def verdict(self, goal: Goal) -> str:
        """`pass`, `miss`, or why there is none."""
        passes = self.passes(goal)
        if passes is not None:
            return "pass" if passes else "miss"
        absent = [side for side in (goal.ours, goal.theirs) if side in self.missing]
        if absent:
            return f"not measured: {', '.join(absent)} is missing"
        return "not compared" if self.disagreements else "not measured"


def case_named(name: str) -> Case:
    """The case that `cases/NAME.py` declares as `CASE`."""
    case = importlib.import_module(f"benchmarks.cases.{name}").CASE
    assert isinstance(case, Case)
    return case


def case_names() -> list[str]:
    """Every case, in the order of the page."""
    names = [path.stem for path in (Path(__file__).parent / "cases").glob("[a-z]*.py")]
    return sorted(names, key=lambda name: case_named(name).number)


def run_case(case: Case, pace: str, rounds: int, say: Callable[[str], None]) -> Outcome:
    """Measure a case.

    Args:
        case: which.
        pace: `smoke`, `quick` or `full`.
        rounds: measurements of each side at each size.
        say: told what is being done.
    """
    outcome = Outcome(case)
    there = []
    for side in case.sides:
        lacks = side.missing + ([f"../shared/data/{case.reads}"] if not case.data.exists() else [])
        if lacks:
            outcome.missing[side.name] = lacks
            say(f"{case.name}: {side.name} is missing: {', '.join(lacks)}")
        else:
            there.append(side)
    for size in case.sizes[pace] if there else ():
        label = size_label(size)
        inputs = prepared(case, size, say)
        found = outcome.measured.setdefault(label, {})
        for turn in range(rounds):
            # By turns, and the other way round every other time: a machine gets busier and warmer while it works.
            for side in there if turn % 2 == 0 else reversed(there):
                if side.name in outcome.failures or size.get(case.grows_by, 0) > side.most:
                    continue
                try:
                    one = measure(case, side, size, inputs)
                except FailedError as error:
                    outcome.failures[side.name] = str(error)
                    say(f"{case.name} {label}: {error}")
                    continue
                found.setdefault(side.name, Measured()).add(one)
                say(f"{case.name} {label}: {side.name} {one['seconds']:.2f} s, {one['peak_mb']:.0f} MB")
        outcome.disagreements += disagreements(case, label, found)
    if case.grows_by and len(outcome.measured) > 1:
        slopes = {side.name: exponent(case, outcome, side.name) for side in there}
        outcome.exponents = {name: slope for name, slope in slopes.items() if slope is not None}
    return outcome


def disagreements(case: Case, label: str, found: Mapping[str, Measured]) -> list[str]:
    """What the sides' answers differ in from the first side's."""
    told = []
    names = list(found)
    for name in names[1:]:
        try:
            (case.agree or agree)(found[names[0]].answer, found[name].answer)
        except AssertionError as error:
            told.append(f"{label}: {name} and {names[0]} did not compute the same: {error}")
    return told


def agree(one: Any, other: Any, path: str = "answer") -> None:
    """Whether two answers are the same, numbers to nine digits.

    Raises:
        AssertionError: they are not, and where.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), f"{path}: {sorted(one)} and {sorted(other)}"
        for name in one:
            agree(one[name], other[name], f"{path}.{name}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), f"{path}: {len(one)} and {len(other)} values"
        for place, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            agree(mine, theirs, f"{path}[{place}]")
    elif isinstance(one, int | float) and isinstance(other, int | float):
        assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9), f"{path}: {one} and {other}"
    else:
        assert one == other, f"{path}: {one!r} and {other!r}"


def size_label(size: Mapping[str, int]) -> str:
    """A size in words.

    >>> size_label({"rows": 1_000_000, "columns": 12})
    '1,000,000 rows, 12 columns'
    """
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in size.items()) or "as it is"


def exponent(case: Case, outcome: Outcome, side: str) -> float | None:
    """The slope of log seconds over log size: 1 is linear, 0 does not grow; None of fewer than two sizes."""
    points = []
    for size, sides in zip(_sizes(case, outcome), outcome.measured.values(), strict=True):
        if side in sides and size[case.grows_by]:
            points.append((math.log(size[case.grows_by]), math.log(max(sides[side].median("seconds"), 1e-9))))
    if len(points) < 2:
        return None
    return float(statistics.linear_regression(*zip(*points, strict=True)).slope)


def _sizes(case: Case, outcome: Outcome) -> list[Mapping[str, int]]:
    return next(
        sizes for sizes in case.sizes.values() if [size_label(size) for size in sizes] == list(outcome.measured)
    )


# --- processes -------------------------------------------------------------------------------------------------------------------


def prepared(case: Case, size: Mapping[str, int], say: Callable[[str], None]) -> Path:
    """The folder with what the sides read, made where it is not there yet."""
    folder = CACHE / "inputs" / case.name / "-".join(f"{name}_{number}" for name, number in size.items())
    if case.prepare is None:
        folder.mkdir(parents=True, exist_ok=True)
    elif not (folder / "whole").exists():
        say(f"{case.name}: preparing {size_label(size)}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _child("prepare", case.name, "", size, folder, folder)
        (folder / "whole").touch()
    return folder


def measure(case: Case, side: Side, size: Mapping[str, int], inputs: Path) -> dict[str, Any]:
    """One measurement in a fresh process: seconds, the peak of its resident memory, its answer."""
    folder = CACHE / "work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return _child("measure", case.name, side.name, size, inputs, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _child(what: str, case: str, side: str, size: Mapping[str, int], inputs: Path, folder: Path) -> dict[str, Any]:
    said = CACHE / "said.json"
    said.unlink(missing_ok=True)
    task = json.dumps(
        {"what": what, "case": case, "side": side, "size": dict(size), "inputs": str(inputs), "folder": str(folder)}
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SAHARA_", "DAGSTER_"))}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.process", task, str(said)], cwd=folder, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise FailedError(f"{case}: {side or what} ended with {process.returncode}; its words are above")
    found: dict[str, Any] = json.loads(said.read_text(encoding="utf-8"))
    if found["seconds"] is None:
        found["seconds"] = seconds
    # Linux counts in kilobytes, macOS in bytes. The peak of the process or of a child that it waited for, whichever is higher.
    found["peak_mb"] = max(usage.ru_maxrss, found["children_maxrss"]) / (
        1024 * (1024 if sys.platform == "darwin" else 1)
    )
    return found
