"""The sweep plot: how good every k is, and which one was taken.

Takes the rows of `k_sweep`. What the numbers mean and how the choice is made lives in `segmentation/`; shapes in `svg.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any

from sahara_assets.report.svg import Drawing, Scale, text_width, tick_label, ticks
from sahara_assets.report.wording import figure, number_or_none

Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Panel:
    column: str
    label: str
    better: str


PANELS = (
    _Panel("score", "Score", "the highest wins"),
    _Panel("silhouette", "Silhouette", "higher is better"),
    _Panel("davies_bouldin_index", "Davies-Bouldin index", "lower is better"),
    _Panel("mean_squared_distance", "Mean squared distance", "look for the elbow"),
    _Panel("steadiness", "Steadiness", "the weakest group found again"),
    _Panel("stability", "Stability", "all groups found again"),
)
"""The measures drawn, in reading order."""

_PANEL_HEIGHT = 200.0
_AXIS_HEIGHT = 18.0
_HEAD = 34.0


def sweep_plot(sweep: Sequence[Row], *, width: float = 880) -> str:
    """Small multiples that share the axis of k: the chosen k filled and named, disqualified ones hollow and grey."""
    title = "Quality of every number of segments"
    rows = sorted(sweep, key=lambda row: int(row["k"]))
    if not rows:
        board = Drawing(width, 56, title, "No sweep yet.")
        board.text(0, 32, "No sweep yet.", "muted")
        return board.svg()
    columns = 2 if width >= 560 else 1
    gap = 28.0
    panel_width = (width - gap * (columns - 1)) / columns
    grid_rows = ceil(len(PANELS) / columns)
    board = Drawing(width, _HEAD + grid_rows * _PANEL_HEIGHT + _AXIS_HEIGHT, title, _spoken(rows))
    _legend(board, rows)
    for index, panel in enumerate(PANELS):
        left = (index % columns) * (panel_width + gap)
        top = _HEAD + (index // columns) * _PANEL_HEIGHT
        is_last = index // columns == grid_rows - 1
        _draw(board, panel, rows, left, top, panel_width, axis=is_last)
    return board.svg()


def _spoken(rows: list[Row]) -> str:
    """The plot in words: which k is in use and its measures, and the range the others cover."""
    chosen = [row for row in rows if row["is_chosen"]]
    words = [f"k from {rows[0]['k']} to {rows[-1]['k']}."]
    words.extend(
        f"k = {row['k']} is in use: "
        + ", ".join(f"{panel.label} {_value(row[panel.column])}" for panel in PANELS)
        + "."
        for row in chosen
    )
    out = [str(row["k"]) for row in rows if _is_disqualified(row)]
    if out:
        words.append(f"Disqualified: k = {', '.join(out)}.")
    return " ".join(words)


def _is_disqualified(row: Row) -> bool:
    return number_or_none(row["score"]) is None and not row["is_chosen"]


def _value(value: object) -> str:
    """A measure with three significant places, as they are compared."""
    number = number_or_none(value)
    if number is None:
        return "–"
    return figure(number, 3 if abs(number) < 10 else 1 if abs(number) < 1000 else 0)


def _legend(board: Drawing, rows: list[Row]) -> None:
    x = 6.0
    entries = [("chosen", "in use"), ("qualified", "qualified")]
    if any(_is_disqualified(row) for row in rows):
        entries.append(("disqualified", "disqualified"))
    for kind, label in entries:
        _mark(board, x, 13, kind, "")
        board.text(x + 13, 18, label, "muted")
        x += text_width(label) + 38


def _mark(board: Drawing, x: float, y: float, kind: str, hint: str) -> None:
    if kind == "chosen":
        board.circle(x, y, 6.5, "second", rim=2, hint=hint)
    elif kind == "qualified":
        board.circle(x, y, 4, "first", hint=hint)
    else:
        board.ring(x, y, 3.5, "s-faded", hint)


def _draw(board: Drawing, panel: _Panel, rows: list[Row], left: float, top: float, width: float, *, axis: bool) -> None:
    board.text(left, top + 18, panel.label, "ink strong")
    board.text(left + text_width(panel.label) * 1.06 + 10, top + 18, panel.better, "muted small")
    known = [(value, row) for row in rows if (value := number_or_none(row[panel.column])) is not None]
    # One label column for all panels of a drawing, so that equal ks stand above each other.
    area = (left + 52, top + 38, left + width - 10, top + _PANEL_HEIGHT - 38)
    plot_left, plot_top, plot_right, plot_bottom = area
    x = Scale(int(rows[0]["k"]), int(rows[-1]["k"]), plot_left + 12, plot_right - 12)
    _k_axis(board, rows, x, area)
    if axis:
        board.text(plot_right, plot_bottom + 40, "k, the number of segments", "muted small end")
    if not known:
        board.text(plot_left + 12, (plot_top + plot_bottom) / 2, "not measured", "muted")
        return
    marks = ticks(min(value for value, _row in known), max(value for value, _row in known), 3)
    y = Scale(marks[0], marks[-1], plot_bottom, plot_top)
    for mark in marks:
        board.line(plot_left, y(mark), plot_right, y(mark))
        board.text(plot_left - 8, y(mark) + 4, tick_label(mark, marks), "muted small end")
    places = [(x(int(row["k"])), y(value)) for value, row in known]
    if len(places) > 1:
        board.polyline(places, "s-line", width=1.5)
    for place, (value, row) in zip(places, known, strict=True):
        kind = "chosen" if row["is_chosen"] else "disqualified" if _is_disqualified(row) else "qualified"
        _mark(board, *place, kind, f"k = {row['k']}: {panel.label} {_value(value)}")
    for place, (value, row) in zip(places, known, strict=True):
        if row["is_chosen"]:
            _name_chosen(board, place, _value(value), places, area)


def _k_axis(board: Drawing, rows: list[Row], x: Scale, area: tuple[float, float, float, float]) -> None:
    """The ks under a panel, as many as fit, and a band behind the chosen one."""
    left, top, right, bottom = area
    step = max(1, ceil(len(rows) / ((right - left) / 26)))
    chosen_at = [x(int(row["k"])) for row in rows if row["is_chosen"]]
    for at in chosen_at:
        board.rect(at - 11, top - 8, 22, bottom - top + 16, "soft", radius=4)
    for index, row in enumerate(rows):
        at = x(int(row["k"]))
        if row["is_chosen"]:
            board.text(at, bottom + 18, figure(row["k"]), "ink strong small middle")
        elif index % step == 0 and all(abs(at - place) >= 20 for place in chosen_at):
            board.text(at, bottom + 18, figure(row["k"]), "muted small middle")


def _name_chosen(
    board: Drawing,
    at: tuple[float, float],
    text: str,
    line: list[tuple[float, float]],
    area: tuple[float, float, float, float],
) -> None:
    """The chosen k's value beside its mark, on the side where it hides least of the line."""
    length, (x, y), (left, top, right, bottom) = text_width(text) * 1.05, at, area
    # Points along the line, close enough that no label fits between two of them.
    along = [
        (x1 + (x2 - x1) * step / 12, y1 + (y2 - y1) * step / 12)
        for (x1, y1), (x2, y2) in pairwise(line)
        for step in range(13)
    ]

    def cost(corner: tuple[float, float]) -> float:
        box_left, box_top = corner
        hidden = sum(
            box_left - 2 <= px <= box_left + length + 2 and box_top - 2 <= py <= box_top + 17 for px, py in along
        )
        outside = (
            max(left - box_left, 0)
            + max(box_left + length - right, 0)
            + max(top - 14 - box_top, 0)
            + max(box_top - bottom + 12, 0)
        )
        return hidden + outside

    corners = [
        (x - length / 2, y - 24),
        (x - length / 2, y + 9),
        (x + 12, y - 20),
        (x + 12, y + 4),
        (x - length - 12, y - 20),
        (x - length - 12, y + 4),
    ]
    start, ceiling = min(corners, key=cost)
    board.rect(start - 3, ceiling, length + 6, 16, "ground", radius=3, opacity=0.85)
    board.text(start + length / 2, ceiling + 12.5, text, "second strong middle")
