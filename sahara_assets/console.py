"""How the command line speaks: aligned tables, progress on a terminal and plain lines elsewhere, JSON for machines.

What is said is decided in `printing.py` and `cli.py`. Results go to standard output; progress, warnings and errors to standard error.
Whatever is said may hold names and values of files, so nothing reaches the terminal but through `visible`.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from sahara_assets.untrusted import json_text, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sahara_assets.warehouse.base import Row

_GAP = "  "
_NARROWEST = 16
_NUMBER = re.compile(r"[-−]?[\d,]+(\.\d+)?( %)?|–|")


def say(text: str = "") -> None:
    """A line for a person, on standard output."""
    click.echo(visible(text, lines=True))


def note(text: str) -> None:
    """A remark, on standard error."""
    click.echo(visible(text, lines=True), err=True)


def heading(text: str) -> None:
    """A line that begins a part."""
    click.echo(click.style(visible(text), bold=True))


def paragraph(text: str, indent: str = "") -> None:
    """Running text, broken at the terminal's width; one line where the output is no terminal."""
    limit = line_width()
    text = visible(text, lines=True)
    if limit is None:
        click.echo(f"{indent}{text}")
        return
    lines = textwrap.wrap(text, max(limit, 20), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    click.echo("\n".join(lines))


def line_width() -> int | None:
    """How many characters a line may have; None where the output is no terminal and `COLUMNS` does not say."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return shutil.get_terminal_size().columns
    return None


def as_json(value: Any) -> None:  # noqa: ANN401 - whatever is reported
    """A value as JSON on standard output, and nothing else there; a number that JSON does not know becomes null."""
    click.echo(json_text(_plain(value), indent=2))


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever is reported
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):  # a StrEnum is its text
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def table(rows: Sequence[Row], columns: dict[str, str], *, optional: Sequence[str] = ()) -> None:
    """Rows as aligned columns, numbers to the right, within the terminal's width.

    Where the width does not do, the optional columns go first, then the widest texts are broken over several lines.

    Args:
        rows: what to show.
        columns: key in the row → heading.
        optional: columns that a narrow terminal can do without, the most dispensable first, and any that are empty in all rows.
    """
    if not rows:
        return
    shown = {
        key: _cell(heading)
        for key, heading in columns.items()
        if key not in optional or any(_cell(row.get(key)) != "–" for row in rows)
    }
    limit = line_width()
    for key in optional:
        if limit is not None and key in shown and sum(_widths(rows, shown)) + len(_GAP) * (len(shown) - 1) > limit:
            del shown[key]
    widths = _fitting(_widths(rows, shown), rows, shown, limit)
    cells = [[_cell(row.get(key)) for key in shown] for row in rows]
    numeric = [all(_NUMBER.fullmatch(row[i]) for row in cells) for i in range(len(shown))]
    _line(list(shown.values()), widths, numeric)
    click.echo(_GAP.join("─" * width for width in widths))
    for row in cells:
        _line(row, widths, numeric)


def _widths(rows: Sequence[Row], columns: dict[str, str]) -> list[int]:
    return [max(len(heading), *(len(_cell(row.get(key))) for row in rows)) for key, heading in columns.items()]


def _fitting(widths: list[int], rows: Sequence[Row], columns: dict[str, str], limit: int | None) -> list[int]:
    """The widths, narrowed until a line fits: prose first, because a broken path or name cannot be copied."""
    if limit is None:
        return widths
    texts = [[_cell(row.get(key)) for row in rows] for key in columns]
    words = [i for i, cells in enumerate(texts) if not all(_NUMBER.fullmatch(cell) for cell in cells)]
    prose = [i for i in words if any(" " in cell for cell in texts[i])]
    narrowed = list(widths)
    for candidates in (prose, words):
        while sum(narrowed) + len(_GAP) * (len(narrowed) - 1) > limit:
            widest = max(candidates, key=lambda i: narrowed[i], default=None)
            if widest is None or narrowed[widest] <= _NARROWEST:
                break
            narrowed[widest] -= 1
    return narrowed


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> None:
    """One row, over as many lines as its longest cell needs."""
    broken = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
    for depth in range(max(len(parts) for parts in broken)):
        parts = [lines[depth] if depth < len(lines) else "" for lines in broken]
        padded = (p.rjust(w) if n else p.ljust(w) for p, w, n in zip(parts, widths, numeric, strict=True))
        click.echo(_GAP.join(padded).rstrip())


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int | float | Decimal):
        return f"{value:,.{0 if isinstance(value, int) else 3 if isinstance(value, float) else 2}f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return visible(" ".join(str(value).split()))


def share(value: float) -> str:
    """A share as a percentage.

    >>> share(0.1234)
    '12.3 %'
    """
    return f"{value * 100:.1f} %"


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A reporter of progress (label, done, in all): bars on a terminal, a line for each finished part elsewhere."""
    if quiet:
        yield lambda label, done, total: None  # noqa: ARG005 - the reporter's shape
        return
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def report(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total)
            bars.update(tasks[label], completed=done, total=total)

        yield report


def _lines() -> Callable[[str, int, int], None]:
    """Plain lines: each part when it is done, and long ones at every tenth."""
    tenths: dict[str, int] = {}

    def report(label: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if done and (done >= total or tenth > tenths.get(label, 0)):
            tenths[label] = tenth
            note(f"{label}: {done:,} of {total:,}" if total > 1 else f"{label}: done")

    return report
