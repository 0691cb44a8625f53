"""Charts of the segments: how big they are, where they stand, what sets them apart.

Each takes rows keyed by the columns of `segment_profiles` and returns an SVG string, `width` pixels wide or, where the content needs
more, wider. The sweep is drawn in `sweep_chart.py`, drops and rejects in `drop_charts.py`; shapes and palette come from `svg.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, hypot, sqrt
from typing import Any

from sahara_assets.report.profiles import Difference, differences_of, shown_features
from sahara_assets.report.svg import Drawing, Scale, fitted, log_ticks, text_width, tick_label, ticks, wrapped
from sahara_assets.report.wording import amount, counted, figure, in_unit, money, number_or_none, printable, share

Row = Mapping[str, Any]

WIDE, MEDIUM, NARROW = 960, 660, 332
"""The widths the report asks for: a laptop's column, a tablet's, and a phone of 390 pixels less its margins."""
NARROW_BELOW = 560
"""Under this width labels go above what they name instead of beside it."""

MOST_FEATURES = 7
"""Columns of a heat map: more would not fit beside each other."""

_MOST_NAMES = 8
"""Discs that are named on the map: among more there is no room."""
_LONGEST_NAME = 280.0
_NUMBER_ROOM = 6.0
"""What a number in a disc needs around its middle, so that another disc does not lie over it."""

_Box = tuple[float, float, float, float]

_LEAST_CELL, _CELL_HEIGHT = 96.0, 52.0
"""Of a heat map: what a cell needs for an amount with its currency."""

FULL_COLOUR_AT = 1.5
"""Standard deviations from the mean of all customers at which a heat map's colour is strongest."""


def segment_sizes(profiles: Sequence[Row], *, width: float = WIDE) -> str:
    """Paired bars per segment: its share of customers above its share of spend, where spend is known."""
    spends = not profiles or any(row["spend_share"] is not None for row in profiles)
    title = f"Share of customers{' and share of spend' if spends else ''}, by segment"
    description = "; ".join(
        f"{_name(row)}: {share(row['customer_share'])} of customers"
        + (f", {share(row['spend_share'])} of spend" if spends else "")
        for row in profiles
    )
    columns = ("customer_share", "spend_share") if spends else ("customer_share",)
    if not profiles:
        return _nothing(title, "No segments yet.", width)
    narrow = width < NARROW_BELOW
    label_width = 0.0 if narrow else min(230.0, max(text_width(_name(row)) for row in profiles) + 46)
    row_height = 66 if narrow else 50
    top = 34
    board = Drawing(width, top + row_height * len(profiles) + 4, title, description)
    _legend(board, [("first", "share of customers"), ("second", "share of spend")][: len(columns)])
    values = [[number_or_none(row[column]) or 0.0 for column in columns] for row in profiles]
    largest, smallest = max(0.0, *map(max, values)), min(0.0, *map(min, values))
    value_room = 64.0
    left = label_width + (value_room if smallest < 0 else 0)
    x = Scale(smallest, largest or 1.0, left, width - value_room)
    for index, (row, pair) in enumerate(zip(profiles, values, strict=True)):
        y = top + index * row_height
        if index:
            board.line(0, y - 2, width, y - 2, "s-line")
        bars_top = y + (26 if narrow else 8)
        badge_y = y + (13 if narrow else 22)
        _badge(board, 12, badge_y, row["segment"])
        name = _name(row)
        room = (width if narrow else label_width) - 40
        lines = wrapped(name, room, 1 if narrow else 2)
        board.lines(30, badge_y + (5 if len(lines) == 1 else -3), lines, "ink", full=name)
        for place, (value, css) in enumerate(zip(pair, ("first", "second")[: len(columns)], strict=True)):
            bar_y = bars_top + place * 16
            start, end = sorted((x(0), x(value)))
            board.rect(start, bar_y, max(end - start, 1.5), 13, css, radius=2, hint=f"{name}: {share(value)}")
            if value < 0:
                board.text(start - 6, bar_y + 11, share(value), "ink small end")
            else:
                board.text(end + 6, bar_y + 11, share(value), "ink small")
    return board.svg()


def segment_map(profiles: Sequence[Row], currency: str = "", *, width: float = WIDE) -> str:
    """Every segment as a disc: days since the last order across, spend per customer up, customers as area."""
    title = "Where the segments stand: spend per customer against days since the last order"
    points = [_Point.of(row) for row in profiles]
    placed = sorted(
        (point for point in points if point is not None), key=lambda point: (-point.customers, point.segment)
    )
    if not placed:
        return _nothing(title, "No order lines to place them by." if profiles else "No segments yet.", width)
    description = "; ".join(
        f"{point.name}: {amount(point.days)} days, {money(point.spend, currency)} a customer, {counted(point.customers, 'customer')}"
        for point in sorted(placed, key=lambda point: point.segment)
    )
    height = 380.0 if width >= NARROW_BELOW else 350.0
    spends = [point.spend for point in placed]
    is_log = min(spends) >= 0.01 and max(spends) / min(spends) > 12
    marks_y = log_ticks(min(spends), max(spends)) if is_log else ticks(min(0.0, *spends), max(0.0, *spends))
    marks_x = ticks(0.0, max(1.0, *(point.days for point in placed)), 4 if width < NARROW_BELOW else 6)
    labels_y = [amount(mark) if is_log and mark < 1e6 else tick_label(mark, marks_y) for mark in marks_y]
    left = max(map(text_width, labels_y)) + 12
    largest = max(point.customers for point in placed) or 1.0
    radius_room = 34.0 if width >= NARROW_BELOW else 24.0
    top, bottom = 30.0, height - 50
    board = Drawing(width, height, title, description)
    x = Scale(marks_x[0], marks_x[-1], left + radius_room, width - radius_room)
    y = Scale(min(marks_y[0], *spends), max(marks_y[-1], *spends), bottom - radius_room, top + radius_room, log=is_log)
    unit = f"spend per customer, {printable(currency)}" if currency else "spend per customer"
    board.text(0, 16, unit + (" (logarithmic)" if is_log else ""), "muted")
    for mark, label in zip(marks_y, labels_y, strict=True):
        board.line(left, y(mark), width, y(mark))
        board.text(left - 8, y(mark) + 4, label, "muted small end")
    for mark in marks_x:
        board.text(x(mark), bottom + 18, tick_label(mark, marks_x), "muted small middle")
    board.text(width, height - 10, "days since last order (median)", "muted end")
    board.line(left, bottom, width, bottom)
    discs = [
        (point, x(point.days), y(point.spend), 11 + (radius_room - 11) * sqrt(point.customers / largest))
        for point in placed
    ]
    for point, at_x, at_y, radius in discs:
        hint = f"{point.name}: {counted(point.customers, 'customer')}, {money(point.spend, currency)} each"
        board.circle(at_x, at_y, radius, "first", rim=2, hint=hint)
    _name_discs(board, discs, left, width)
    return board.svg()


def profile_heat_map(profiles: Sequence[Row], currency: str = "", *, width: float = WIDE) -> str:
    """Segments by features: the median in original units, coloured by how many standard deviations the segment is from all customers."""
    title = "What sets each segment apart"
    table = [{found.feature: found for found in differences_of(row)} for row in profiles]
    features = shown_features([found.values() for found in table], MOST_FEATURES)
    if not profiles or not features:
        return _nothing(title, "No profile to show yet.", width)
    label_width = min(220.0, max(text_width(_name(row)) for row in profiles) + 46)
    # Where the cells do not fit beside the name they go below it, in as many even rows as they need.
    stacked = label_width + _LEAST_CELL * len(features) > width
    rows = ceil(len(features) / (width // _LEAST_CELL)) if stacked else 1
    columns = ceil(len(features) / rows)
    cell = width / columns if stacked else (width - label_width) / columns
    heads = [wrapped(feature.label, cell - 8, 3, 12) for feature in features]
    head_height = 15 * max(map(len, heads)) + 4
    band = head_height + _CELL_HEIGHT + 4
    top, row_height = (30, 34 + rows * band) if stacked else (36 + head_height, _CELL_HEIGHT)
    said = []
    board = Drawing(width, top + row_height * len(profiles) + 2, title, "")
    _scale_legend(board)

    def corner(index: int, column: int) -> tuple[float, float]:
        """The upper left corner of a cell."""
        y = top + index * row_height
        if stacked:
            return column % columns * cell, y + 30 + column // columns * band + head_height
        return label_width + column * cell, y

    for index, row in enumerate(profiles):
        y = top + index * row_height
        name = _name(row)
        _badge(board, 12, y + (16 if stacked else row_height / 2), row["segment"])
        lines = wrapped(name, (width if stacked else label_width) - 40, 1 if stacked else 2)
        first = y + 21 if stacked else y + row_height / 2 + (5 if len(lines) == 1 else -3)
        board.lines(30, first, lines, "ink", full=name)
        for column, (feature, words) in enumerate(zip(features, heads, strict=True) if stacked or not index else ()):
            x, below = corner(index, column)
            middle, base = x + cell / 2, below - 7 - 15 * (len(words) - 1)
            board.lines(middle, base, words, "muted small middle", leading=15, full=feature.label)
        found = table[index]
        for column, feature in enumerate(features):
            difference = found.get(feature.feature)
            text = (
                in_unit(difference.typical, feature.unit if feature.unit in {"money", "share"} else "", currency)
                if difference
                else "–"
            )
            _heat_cell(board, *corner(index, column), cell, _CELL_HEIGHT, difference, text)
            if difference is not None and difference.z is not None:
                said.append(f"{name}, {feature.label}: {text}, {_signed(difference.z)} standard deviations")
    board.description = "; ".join(said)
    return board.svg()


def category_shares(top_categories: Sequence[Row], currency: str = "", *, width: float = WIDE) -> str:
    """Bars of the biggest categories' gross spend, keyed by the columns of `top_categories`."""
    bars = [
        Bar(f"{row['rank']}. {printable(row['category'])}", number_or_none(row["spend_share"]) or 0.0,
            f"{share(row['spend_share'])} · {money(row['gross_spend'], currency)}")
        for row in top_categories
    ]  # fmt: skip
    return horizontal_bars(
        "Spend by category", bars, empty="The products have no categories.", css="second", width=width
    )


@dataclass(frozen=True)
class Bar:
    """One horizontal bar: its label, its length, and what is printed at its end."""

    label: str
    value: float
    text: str


def horizontal_bars(title: str, bars: Sequence[Bar], *, empty: str, css: str = "first", width: float = WIDE) -> str:
    """Plain bars, one under the other, as long as their values; labels beside them, or above on a narrow drawing."""
    if not bars:
        return _nothing(title, empty, width)
    narrow = width < NARROW_BELOW
    label_width = 0.0 if narrow else min(width * 0.5, max(text_width(bar.label) for bar in bars) + 16)
    text_room = max(text_width(bar.text, 12) for bar in bars) + 10
    row_height = 44 if narrow else 28
    board = Drawing(width, row_height * len(bars) + 8, title, "; ".join(f"{bar.label}: {bar.text}" for bar in bars))
    x = Scale(0, max(0.0, *(bar.value for bar in bars)) or 1.0, label_width, max(width - text_room, label_width + 30))
    for index, bar in enumerate(bars):
        y = index * row_height + 4
        label = fitted(printable(bar.label), (width if narrow else label_width) - 12)
        board.text(0, y + (14 if narrow else 17), label, "ink", full=bar.label)
        bar_y = y + (21 if narrow else 5)
        end = x(max(bar.value, 0.0))
        board.rect(label_width, bar_y, max(end - label_width, 1.5), 16, css, radius=2, hint=f"{bar.label}: {bar.text}")
        board.text(end + 6, bar_y + 12.5, bar.text, "ink small")
    return board.svg()


@dataclass(frozen=True)
class _Point:
    segment: int
    name: str
    days: float
    spend: float
    customers: float

    @classmethod
    def of(cls, row: Row) -> _Point | None:
        """Where a segment stands; None where one of its coordinates is missing."""
        days, spend = number_or_none(row["median_recency_days"]), number_or_none(row["mean_gross_spend"])
        if days is None or spend is None:
            return None
        return cls(row["segment"], _name(row), days, spend, max(number_or_none(row["customer_count"]) or 0.0, 0.0))


def _name(row: Row) -> str:
    return printable(row["segment_name"])


def _signed(value: float) -> str:
    return f"+{figure(value, 1)}" if value > 0 else figure(value, 1)


def _badge(board: Drawing, x: float, y: float, segment: int) -> None:
    """The segment's number in a disc: the same mark on cards, bars, map and heat map."""
    board.circle(x, y, 11, "soft")
    board.text(x, y + 4.5, figure(segment), "ink small strong middle")


def _legend(board: Drawing, entries: list[tuple[str, str]]) -> None:
    x = 0.0
    for css, label in entries:
        board.rect(x, 7, 12, 12, css, radius=2)
        board.text(x + 18, 18, label, "muted")
        x += text_width(label) + 36


def _scale_legend(board: Drawing) -> None:
    """Says in words which colour is which: nobody should have to guess a colour."""
    for place, opacity in enumerate((1.0, 0.5)):
        board.rect(place * 18, 6, 18, 12, "low", opacity=opacity)
    board.text(42, 16, "below", "muted small")
    for place, opacity in enumerate((0.5, 1.0)):
        board.rect(96 + place * 18, 6, 18, 12, "high", opacity=opacity)
    board.text(138, 16, "above all customers", "muted small")


def _heat_cell(
    board: Drawing, x: float, y: float, width: float, height: float, found: Difference | None, text: str
) -> None:
    size = found.z if found else None
    board.rect(x + 1, y + 1, width - 2, height - 2, "soft", radius=3)
    if size is not None:
        strength = min(abs(size) / FULL_COLOUR_AT, 1.0)
        board.rect(x + 1, y + 1, width - 2, height - 2, "ground", radius=3)
        board.rect(x + 1, y + 1, width - 2, height - 2, "high" if size > 0 else "low", radius=3, opacity=strength)
    middle, centre = x + width / 2, y + height / 2
    board.text(middle, centre + (5 if size is None else -2), fitted(text, width - 6), "ink strong middle", full=text)
    if size is not None:
        said = "average" if abs(size) < 0.05 else f"{'▲' if size > 0 else '▼'} {figure(abs(size), 1)} sd"
        board.text(middle, centre + 15, said, "ink small middle")


def _name_discs(board: Drawing, discs: list[tuple[_Point, float, float, float]], left: float, width: float) -> None:
    """Numbers in the discs and names beside them, where they cover no disc and no other name.

    Where a later disc lies over a number, the number goes before the name, or stands alone where the name has no room.
    """
    boxes = [(at_x - radius, at_y - radius, at_x + radius, at_y + radius) for _point, at_x, at_y, radius in discs]
    for place, (point, at_x, at_y, radius) in enumerate(discs):
        number = figure(point.segment)
        is_covered = any(hypot(at_x - x, at_y - y) < r + _NUMBER_ROOM for _point, x, y, r in discs[place + 1 :])
        if not is_covered:
            board.text(at_x, at_y + 4.5, number, "on-mark strong middle")
        label = f"{number} {point.name}" if is_covered else point.name
        shown = [fitted(label, min(_LONGEST_NAME, width - left - 24))] if len(discs) <= _MOST_NAMES else []
        for text in [*shown, *([number] if is_covered else [])]:
            spot = _free_spot(board, text_width(text), (at_x, at_y, radius), left, boxes)
            if spot is not None:
                board.text(*spot, text, "ink", full=label)
                boxes.append((spot[0], spot[1] - 11, spot[0] + text_width(text), spot[1] + 4))
                break


def _free_spot(
    board: Drawing, length: float, disc: tuple[float, float, float], left: float, boxes: list[_Box]
) -> tuple[float, float] | None:
    """Where a label of that length can begin beside, above or below a disc; None where it would cover something."""
    at_x, at_y, radius = disc
    middle = min(max(at_x - length / 2, left), board.width - length)
    for start, baseline in (
        (at_x + radius + 6, at_y + 4.5),
        (at_x - radius - 6 - length, at_y + 4.5),
        (middle, at_y - radius - 6),
        (middle, at_y + radius + 15),
        (middle, at_y - radius - 22),
        (middle, at_y + radius + 31),
    ):
        box = (start, baseline - 11, start + length, baseline + 4)
        inside = box[0] >= left and box[2] <= board.width and box[1] >= 26 and box[3] <= board.height - 34
        if inside and not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in boxes):
            return start, baseline
    return None


def _nothing(title: str, sentence: str, width: float) -> str:
    board = Drawing(width, 56, title, sentence)
    board.text(0, 32, sentence, "muted")
    return board.svg()
