"""What the benchmarks print and write: a table for the terminal, JSON for machines, `docs/benchmarks.md` for people."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.harness import Goal, Outcome

PACKAGES = (
    "dagster", "duckdb", "ibis-framework", "numpy", "numba", "pandas", "scikit-learn", "scikit-learn-intelex", "polars", "psycopg2-binary",
    "pyarrow", "implicit", "dlt", "scipy",
)  # fmt: skip


def machine() -> dict[str, str]:
    """The machine and the versions of what was measured."""
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


def verdict(outcome: Outcome, goal: Goal) -> str:
    """`pass`, `miss`, or why there is none."""
    passes = outcome.passes(goal)
    if passes is not None:
        return "pass" if passes else "miss"
    absent = [side for side in (goal.ours, goal.theirs) if side in outcome.missing]
    if absent:
        return f"not measured: {', '.join(absent)} is missing"
    return "not compared" if outcome.disagreements else "not measured"


def goal_rows(outcomes: Iterable[Outcome]) -> list[tuple[str, str, str, str, str]]:
    """Case, goal, what is allowed, what was measured (a ratio, or a bare number where the goal has no peer), the verdict."""
    rows = []
    for outcome in outcomes:
        for goal in outcome.case.goals:
            measured, unit = outcome.ratio(goal), " ×" if goal.theirs else ""
            told = "" if measured is None else f"{measured:.3g}{unit}"
            rows.append((outcome.case.title, goal.says, f"{goal.times:.3g}{unit}", told, verdict(outcome, goal)))
    return rows


def as_json(outcomes: Iterable[Outcome], rounds: int) -> dict[str, Any]:
    """Everything that was measured."""
    return {
        "machine": machine(),
        "rounds": rounds,
        "cases": {
            outcome.case.name: {
                "title": outcome.case.title,
                "sizes": {
                    label: {
                        name: {what: [round(value, 4) for value in values] for what, values in side.values.items()}
                        for name, side in sides.items()
                    }
                    for label, sides in outcome.measured.items()
                },
                "missing": outcome.missing,
                "disagreements": outcome.disagreements,
                "exponents": {name: round(value, 3) for name, value in outcome.exponents.items()},
                "goals": [
                    {
                        "says": goal.says,
                        "times": goal.times,
                        "ratio": outcome.ratio(goal),
                        "verdict": verdict(outcome, goal),
                    }
                    for goal in outcome.case.goals
                ],
            }
            for outcome in outcomes
        },
    }


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose source can be read, too.

    >>> print(table(["a", "bee"], [["1", "2"]]))
    | a | bee |
    |---|-----|
    | 1 | 2   |
    """
    rows = [list(row) for row in rows]
    widths = [max(len(row[place]) for row in [list(head), *rows]) for place in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in [head, *rows]
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def as_page(outcomes: Sequence[Outcome], rounds: int, explained: str) -> str:
    """The page."""
    here = machine()
    packages = ", ".join(f"{name} {here[name]}" for name in PACKAGES if here[name] != "not installed")
    measured = (
        f"{here['processors']} processors ({here['processor']}), {here['memory_gb']} GB, {here['system']}, Python {here['python']}, "
        f"{here['measured_on']}; {rounds} rounds. {packages}."
    )
    lines = [
        "# Benchmarks",
        "",
        "<!-- Written by `make bench`, with the words of benchmarks/explained.md. -->",
        "",
        "Every goal is a ratio between two ways to do the same work, measured in one run by turns, each time in a fresh process; the table shows",
        "medians. Both answers are held against each other first. `make bench` measures all of it anew, `make bench-quick` a smaller size.",
        "",
        measured,
        "",
        "## Goals",
        "",
        table(["work", "goal", "allowed", "measured", "verdict"], goal_rows(outcomes)),
        "",
        explained.strip(),
        "",
        "## What was measured",
    ]
    for outcome in outcomes:
        lines += ["", f"### {outcome.case.title}", ""]
        if outcome.case.note:
            lines += [outcome.case.note, ""]
        rows = [
            (
                label,
                name,
                f"{side.median('seconds'):.2f}",
                f"{min(side.values['seconds']):.2f}–{max(side.values['seconds']):.2f}",
                f"{side.median('peak_mb'):,.0f}",
            )
            for label, sides in outcome.measured.items()
            for name, side in sides.items()
        ]
        lines += [table(["size", "side", "seconds", "from–to", "peak MB"], rows)]
        lines += [f"\nMissing: {name} ({', '.join(lacks)})." for name, lacks in outcome.missing.items()]
        lines += [f"\nNot compared: {text}." for text in outcome.disagreements]
        lines += [f"\nFailed: {name}." for name in outcome.failures]
        if outcome.exponents:
            told = ", ".join(f"{name} {value:.2f}" for name, value in outcome.exponents.items())
            lines += ["", f"Growth exponent in {outcome.case.grows_by.replace('_', ' ')}: {told} (1 is linear)."]
    return "\n".join(lines) + "\n"
