"""The insights drawn for the Dagster UI and for readers of the report without a script: bars, grids, and sales day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sahara_assets.report.blocks import Block, worded
from sahara_assets.report.charts import NARROW_BELOW, WIDE, Bar, horizontal_bars
from sahara_assets.report.svg import Drawing, Scale, fitted, text_width, tick_label, ticks
from sahara_assets.report.wording import day, figure, printable, share

Row = Mapping[str, Any]

_GRID_LABEL = 300.0
_ODD_LABELS = 6


def block_chart(block: Block, currency: str = "", *, width: float = WIDE) -> str:
    """A block's rows of the whole time: as bars, or as a grid of shares."""
    if block.bar is None and block.lines:
        return _grid(block, width)
    bars = []
    place = block.bar or 0
    for line in block.lines:
        value = line.cells[place]
        others = [
            f"{column.heading.lower()} {worded(cell, column)}"
            for column, cell in zip(block.columns, line.cells, strict=True)
            if column is not block.columns[place] and cell is not None
        ]
        text = " · ".join([worded(value, block.columns[place], currency), *others[:1]])
        bars.append(Bar(line.label, float(value) if isinstance(value, int | float) else 0.0, text))
    return horizontal_bars(block.title, bars, empty=block.sentence, width=width)


def _grid(block: Block, width: float) -> str:
    """Shares as coloured cells, a row a line."""
    shown = [index for index, column in enumerate(block.columns) if column.form == "share"]
    strongest = max((float(line.cells[i] or 0) for line in block.lines for i in shown), default=1.0) or 1.0
    label = min(_GRID_LABEL, max(text_width(line.label) for line in block.lines) + 16, width * 0.4)
    cell = max((width - label) / max(len(shown), 1), 44.0)
    board = Drawing(label + cell * len(shown), 30 + 30 * len(block.lines) + 4, block.title, "")
    said = []
    for place, index in enumerate(shown):
        board.text(
            label + (place + 0.5) * cell, 18, fitted(block.columns[index].heading, cell - 4), "muted small middle"
        )
    for row, line in enumerate(block.lines):
        y = 26 + row * 30
        board.text(0, y + 20, fitted(line.label, label - 10), "ink", full=line.label)
        for place, index in enumerate(shown):
            value = line.cells[index]
            if not isinstance(value, int | float):
                continue
            x = label + place * cell
            hint = f"{line.label}, {block.columns[index].heading}: {share(value)}"
            board.rect(x + 1, y + 1, cell - 2, 28, "low", radius=3, opacity=min(value / strongest, 1.0), hint=hint)
            board.text(x + cell / 2, y + 20, figure(value * 100), "ink small middle")
            said.append(hint)
    board.description = "; ".join(said[:60])
    return board.svg()


def daily_sales(days: Sequence[Row], currency: str = "", *, width: float = WIDE) -> str:
    """Sales day by day as a line, with the usual amount behind it and odd days marked; rows of `sales_trend` in order."""
    title = "Sales by day"
    if len(days) < 2:
        board = Drawing(width, 56, title, "Too few days yet.")
        board.text(0, 32, "Too few days yet.", "muted")
        return board.svg()
    column = "gross_spend" if days[0]["gross_spend"] is not None else "unit_count"
    amounts = [float(row[column]) for row in days]
    marks = ticks(min(0.0, *amounts), max(amounts) or 1.0)
    labels = [tick_label(mark, marks) for mark in marks]
    left, height = max(map(text_width, labels)) + 12, 300.0
    top, bottom = 30.0, height - 40
    odd = [row for row in days if row["is_odd"]]
    unit = ("spend, " + printable(currency) if currency else "spend") if column == "gross_spend" else "units"
    description = "; ".join(f"{day(row['starts_on'])}: {printable(row['remark'])}" for row in odd) or "no odd day"
    board = Drawing(width, height, title, description)
    x, y = Scale(0, len(days) - 1, left, width - 8), Scale(marks[0], marks[-1], bottom, top)
    said = f"{unit} a day"
    usual = [
        (x(place), y(float(row["usual_amount"]))) for place, row in enumerate(days) if row["usual_amount"] is not None
    ]
    if usual:
        said += "; grey: the usual" if width < NARROW_BELOW else "; the grey line is what is usual for the weekday"
    if odd and width >= NARROW_BELOW:
        said += "; ringed days are odd"
    board.text(0, 16, said, "muted")
    for mark, label in zip(marks, labels, strict=True):
        board.line(left, y(mark), width, y(mark))
        board.text(left - 8, y(mark) + 4, label, "muted small end")
    if usual:
        board.polyline(usual, "s-faded", width=1.2)
    board.polyline([(x(place), y(amount)) for place, amount in enumerate(amounts)], "s-first", width=1.2)
    _date_marks(board, days, x, bottom + 18)
    _odd_days(board, days, amounts, (x, y), top)
    return board.svg()


def _date_marks(board: Drawing, days: Sequence[Row], x: Scale, baseline: float) -> None:
    """As many dates below the line as have room."""
    room = text_width("29 Sep 2018", 12) + 18
    count = max(int((x.end - x.start) // room), 1)
    step = max(-(-len(days) // count), 1)
    for place in range(0, len(days), step):
        if x(place) + room - 18 <= board.width:
            board.text(x(place), baseline, day(days[place]["starts_on"]), "muted small")


def _odd_days(
    board: Drawing, days: Sequence[Row], amounts: Sequence[float], scales: tuple[Scale, Scale], top: float
) -> None:
    """Rings around odd days; the oddest are named where that covers no other name."""
    x, y = scales
    named: list[float] = []
    odd = sorted(
        (place for place, row in enumerate(days) if row["is_odd"]), key=lambda place: -abs(days[place]["odd_score"])
    )
    for place in odd:
        text = day(days[place]["starts_on"])
        board.ring(x(place), y(amounts[place]), 4, "s-second", f"{text}: {printable(days[place]['remark'])}")
        length = text_width(text, 12)
        at = x(place) + 7 if x(place) + 7 + length <= board.width else x(place) - 7 - length
        has_room = all(abs(at - other) > length + 8 for other in named)
        if board.width >= WIDE and len(named) < _ODD_LABELS and amounts[place] > 0 and has_room:
            named.append(at)
            # Above the curve for as long as the name is, so that none is printed across it.
            below = [y(amounts[i]) for i in range(len(days)) if at - 3 <= x(i) <= at + length + 3]
            base = max(min([y(amounts[place]), *below]) - 6, top + 4)
            if y(amounts[place]) - base > 20:
                board.line(x(place), base + 3, x(place), y(amounts[place]) - 5)
            board.text(at, base, text, "ink small")
