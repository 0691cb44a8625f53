"""`benchmarks/results.json`: what was measured of every case, when and where, so that a case can be measured anew by itself."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Measured, Outcome, case_named, case_names

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = Path(__file__).parent / "results.json"
PACKAGES = (
    "dagster", "duckdb", "ibis-framework", "numpy", "numba", "pandas", "scikit-learn", "scikit-learn-intelex", "polars", "psycopg2-binary",
    "pyarrow", "implicit", "dlt", "scipy",
)  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """A case's outcome with what it was measured on.

    Attributes:
        rounds: measurements of each side at each size.
        machine: its processors, memory and system, the day, and the versions of `PACKAGES`.
    """

    outcome: Outcome
    rounds: int
    machine: Mapping[str, str]


def machine() -> dict[str, str]:
    """This machine, today."""
    found = {
        "measured_on": f"{datetime.now(tz=UTC):%Y-%m-%d}",
        "processors": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "processor": _processor(),
        "memory_gb": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def as_json(recorded: Recorded) -> dict[str, Any]:
    """Everything that was measured of a case."""
    outcome = recorded.outcome
    return {
        "title": outcome.case.title,
        "machine": dict(recorded.machine),
        "rounds": recorded.rounds,
        "sizes": {
            label: {
                name: {what: [round(value, 4) for value in values] for what, values in side.values.items()}
                for name, side in sides.items()
            }
            for label, sides in outcome.measured.items()
        },
        "missing": outcome.missing,
        "disagreements": outcome.disagreements,
        "failures": outcome.failures,
        "exponents": {name: round(value, 3) for name, value in outcome.exponents.items()},
        "goals": [
            {
                "says": goal.says,
                "times": goal.times,
                "ratio": outcome.ratio(goal),
                "verdict": outcome.verdict(goal),
            }
            for goal in outcome.case.goals
        ],
    }


def of_json(name: str, told: Mapping[str, Any]) -> Recorded:
    """What `as_json` told, judged by the goals that the case has today."""
    outcome = Outcome(
        case_named(name),
        {
            label: {side: Measured(dict(values)) for side, values in sides.items()}
            for label, sides in told["sizes"].items()
        },
        told["missing"],
        told["disagreements"],
        told["exponents"],
        told["failures"],
    )
    return Recorded(outcome, told["rounds"], told["machine"])


def read(path: Path = PATH) -> dict[str, Recorded]:
    """What is known of the cases that there are, in their order."""
    told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: of_json(name, told[name]) for name in case_names() if name in told}


def write(known: Mapping[str, Recorded], path: Path = PATH) -> None:
    """Write all of it."""
    told = {name: as_json(recorded) for name, recorded in known.items()}
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
