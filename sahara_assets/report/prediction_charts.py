"""Charts of a repeat buyer model: what was said against what came, gains, lift, and what it goes by.

Each takes rows keyed by the columns of `repeat_buyer_deciles` or `repeat_buyer_importances` and returns an SVG string. Shapes and palette
come from `svg.py`; the sentences beside the charts from `repeat_buyers/wording.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sahara_assets.report.charts import NARROW_BELOW, WIDE, Bar, horizontal_bars
from sahara_assets.report.svg import Drawing, Scale, text_width
from sahara_assets.report.wording import figure, share

Row = Mapping[str, Any]

_HEIGHT = 340.0
_MARKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def calibration_plot(tenths: Sequence[Row], *, width: float = WIDE) -> str:
    """A dot for every tenth: what had been said across, what came up; on the diagonal the two are equal."""
    title = "Expected and actual share who bought again, by tenths of customers"
    description = "; ".join(
        f"tenth {row['decile']}: expected {share(row['mean_probability'])}, came {share(row['repeat_share'])}"
        for row in tenths
    )
    board, x, y = _unit_square(title, description, width, "expected share", "share who bought again")
    board.line(x(0), y(0), x(1), y(1), "s-faded", width=1.5)
    board.text(x(1), 16, "grey: as expected", "muted small end")
    ordered = sorted(tenths, key=lambda row: float(row["mean_probability"]))
    places = [(x(float(row["mean_probability"])), y(float(row["repeat_share"]))) for row in ordered]
    if len(places) > 1:
        board.polyline(places, "s-first", width=2)
    for row, (at_x, at_y) in zip(ordered, places, strict=True):
        hint = f"tenth {row['decile']}: expected {share(row['mean_probability'])}, came {share(row['repeat_share'])}"
        board.circle(at_x, at_y, 5, "first", rim=2, hint=hint)
    return board.svg()


def gains_plot(tenths: Sequence[Row], base_rate: float, *, width: float = WIDE) -> str:
    """The share of all who bought again that the likeliest hold, by the share of customers written to; chance and perfect order beside it."""
    title = "How many of those who bought again the likeliest customers hold"
    everyone = sum(int(row["customer_count"]) for row in tenths) or 1
    reached, counted = [(0.0, 0.0)], 0
    for row in sorted(tenths, key=lambda row: int(row["decile"])):
        counted += int(row["customer_count"])
        reached.append((counted / everyone, float(row["reached_share"])))
    description = "; ".join(f"{share(part)} of customers hold {share(held)}" for part, held in reached[1:])
    board, x, y = _unit_square(
        title, description, width, "share of customers, the likeliest first", "share of all who bought again"
    )
    board.line(x(0), y(0), x(1), y(1), "s-faded", width=1.5)
    board.polyline([(x(0), y(0)), (x(min(max(base_rate, 0.0), 1.0)), y(1)), (x(1), y(1))], "s-line", width=1.5)
    board.polyline([(x(part), y(held)) for part, held in reached], "s-first", width=2.5)
    for part, held in reached[1:]:
        board.circle(x(part), y(held), 4, "first", rim=2, hint=f"{share(part)} of customers hold {share(held)}")
    board.text(x(0.72), y(0.72) + 22, "chance", "muted small")
    if width >= NARROW_BELOW:
        board.text(x(min(max(base_rate, 0.0), 0.8)) + 8, y(1) + 18, "perfect order", "muted small")
    return board.svg()


def lift_bars(tenths: Sequence[Row], *, width: float = WIDE) -> str:
    """How much likelier than everyone each tenth bought again."""
    bars = [
        Bar(
            _tenth(int(row["decile"])),
            float(row["lift"]),
            f"{figure(row['lift'], 2)} × · {share(row['repeat_share'])} bought again",
        )
        for row in sorted(tenths, key=lambda row: int(row["decile"]))
    ]
    return horizontal_bars("Lift by tenths of customers", bars, empty="No model yet.", css="second", width=width)


def importance_bars(importances: Sequence[Row], *, width: float = WIDE) -> str:
    """How much average precision falls where a feature is shuffled."""
    bars = [
        Bar(str(row["feature"]).replace("_", " "), max(float(row["importance"]), 0.0), figure(row["importance"], 3))
        for row in sorted(importances, key=lambda row: int(row["rank"]))[:12]
    ]
    return horizontal_bars("What the model goes by", bars, empty="No model yet.", width=width)


def _tenth(decile: int) -> str:
    return "1 (the likeliest)" if decile == 1 else f"{decile}"


def _unit_square(title: str, description: str, width: float, across: str, upwards: str) -> tuple[Drawing, Scale, Scale]:
    """A drawing with two axes of shares."""
    width = min(width, 620.0)
    height = _HEIGHT if width >= NARROW_BELOW else 300.0
    board = Drawing(width, height, title, description)
    left, right, top, bottom = text_width("100 %") + 14, width - 16, 30.0, height - 48
    x, y = Scale(0, 1, left, right), Scale(0, 1, bottom, top)
    board.text(0, 16, upwards, "muted")
    for mark in _MARKS:
        board.line(left, y(mark), right, y(mark))
        board.text(left - 8, y(mark) + 4, f"{100 * mark:.0f} %", "muted small end")
        board.text(x(mark), bottom + 18, f"{100 * mark:.0f} %", "muted small middle")
    board.text(right, height - 8, across, "muted end")
    return board, x, y
