"""How the command line speaks: aligned tables, progress on a terminal and plain lines elsewhere, JSON for machines.

What is said is decided in `cli.py`. Results go to standard output; progress, warnings and errors to standard error.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sahara_assets.warehouse.base import Row


def say(text: str = "") -> None:
    """A line for a person, on standard output."""
    click.echo(text)


def note(text: str) -> None:
    """A remark, on standard error."""
    click.echo(text, err=True)


def heading(text: str) -> None:
    """A line that begins a part."""
    click.echo(click.style(text, bold=True))


def as_json(value: Any) -> None:  # noqa: ANN401 - whatever is reported
    """A value as JSON on standard output, and nothing else there."""
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def _plain(value: object) -> Any:  # noqa: ANN401
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Enum):
        return value.value
    return str(value)


def table(rows: Sequence[Row], columns: dict[str, str]) -> None:
    """Rows as aligned columns; numbers to the right.

    Args:
        rows: what to show.
        columns: key in the row → heading.
    """
    if not rows:
        return
    cells = [[_cell(row.get(key)) for key in columns] for row in rows]
    headings = list(columns.values())
    widths = [max(len(heading), *(len(row[i]) for row in cells)) for i, heading in enumerate(headings)]
    numeric = [all(_is_number(row.get(key)) for row in rows) for key in columns]
    click.echo("  ".join(_padded(h, w, right=n) for h, w, n in zip(headings, widths, numeric, strict=True)).rstrip())
    click.echo("  ".join("─" * width for width in widths))
    for row in cells:
        click.echo("  ".join(_padded(c, w, right=n) for c, w, n in zip(row, widths, numeric, strict=True)).rstrip())


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _padded(text: str, width: int, *, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}"
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return " ".join(str(value).split())


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
        yield lambda label, done, total: None
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
