"""What the benchmarks print and write for people: a table for the terminal, and `docs/benchmarks.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.results import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from benchmarks.harness import Outcome
    from benchmarks.results import Recorded


def goal_rows(outcomes: Iterable[Outcome]) -> list[tuple[str, str, str, str, str]]:
    """Case, goal, what is allowed, what was measured (a ratio, or a bare number where the goal has no peer), the verdict."""
    rows = []
    for outcome in outcomes:
        for goal in outcome.case.goals:
            measured, unit = outcome.ratio(goal), " ×" if goal.theirs else ""
            told = "" if measured is None else f"{measured:.3g}{unit}"
            rows.append((outcome.case.title, goal.says, f"{goal.times:.3g}{unit}", told, outcome.verdict(goal)))
    return rows


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


def _measured_on(machine: Mapping[str, str], rounds: int) -> str:
    packages = ", ".join(
        f"{name} {machine[name]}" for name in PACKAGES if machine.get(name, "not installed") != "not installed"
    )
    return (
        f"{machine['processors']} processors ({machine['processor']}), {machine['memory_gb']} GB, {machine['system']}, "
        f"Python {machine['python']}, {machine['measured_on']}; {rounds} rounds. {packages}."
    )


def as_page(recorded: Sequence[Recorded], explained: str) -> str:
    """The page."""
    outcomes = [one.outcome for one in recorded]
    places = list(dict.fromkeys(_measured_on(one.machine, one.rounds) for one in recorded))
    lines = [
        "# Benchmarks",
        "",
        "<!-- Written by `make bench`, with the words of benchmarks/explained.md. -->",
        "",
        "Every goal is a ratio between two ways to do the same work, measured in one run by turns, each time in a fresh process; the table shows",
        "medians. Both answers are held against each other first. `make bench` measures all of it anew, `make bench-quick` a smaller size.",
        "",
        *([places[0], ""] if len(places) == 1 else []),
        "## Goals",
        "",
        table(["work", "goal", "allowed", "measured", "verdict"], goal_rows(outcomes)),
        "",
        explained.strip(),
        "",
        "## What was measured",
    ]
    for one in recorded:
        lines += _of_case(one, alone=len(places) > 1)
    return "\n".join(lines) + "\n"


def _of_case(recorded: Recorded, *, alone: bool) -> Iterator[str]:
    outcome = recorded.outcome
    yield from ("", f"### {outcome.case.title}", "")
    if outcome.case.note:
        yield from (outcome.case.note, "")
    if alone:
        yield from (_measured_on(recorded.machine, recorded.rounds), "")
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
    yield table(["size", "side", "seconds", "from–to", "peak MB"], rows)
    yield from (f"\nMissing: {name} ({', '.join(lacks)})." for name, lacks in outcome.missing.items())
    yield from (f"\nNot compared: {text}." for text in outcome.disagreements)
    yield from (f"\nFailed: {name}." for name in outcome.failures)
    if outcome.exponents:
        told = ", ".join(f"{name} {value:.2f}" for name, value in outcome.exponents.items())
        yield from ("", f"Growth exponent in {outcome.case.grows_by.replace('_', ' ')}: {told} (1 is linear).")
