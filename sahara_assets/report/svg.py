"""The drawing board of the charts: an SVG document, its palette, its scales, and text that fits.

Knows nothing of segments or drops: `charts.py`, `sweep_chart.py` and `drop_charts.py` draw on it. Every chart is one string that works
inline in the report, where the page's colour variables restyle it for dark mode, and alone as a data URI in Dagster's metadata, where
the light colours given as fallbacks hold.
"""

from __future__ import annotations

import base64
import math
import unicodedata
from xml.sax.saxutils import escape, quoteattr

from sahara_assets.report.wording import figure, printable

FONT_SIZE = 13.0
"""Pixels; nothing in a chart is smaller than 12."""

LIGHT = {
    "ground": "#ffffff",
    "ink": "#1f2328",
    "muted": "#5a6270",
    "line": "#d9d4cb",
    "soft": "#efebe4",
    "faded": "#9a9389",
    "first": "#2f6cae",
    "second": "#b5560a",
    "low": "#6ea8dc",
    "high": "#ee9a4d",
    "on-mark": "#ffffff",
}
"""The palette on a light ground. Blue and orange stay apart in every common form of colour blindness."""

DARK = {
    "ground": "#1d2025",
    "ink": "#eceae6",
    "muted": "#a9b0ba",
    "line": "#3a3f47",
    "soft": "#2a2e35",
    "faded": "#6f7680",
    "first": "#79aee8",
    "second": "#f0a057",
    "low": "#2f6ca6",
    "high": "#9c5009",
    "on-mark": "#14161a",
}
"""The same roles on a dark ground."""


def colour_variables(palette: dict[str, str]) -> str:
    """The palette as CSS custom properties.

    >>> colour_variables({"ink": "#000000", "ground": "#ffffff"})
    '--ink: #000000; --ground: #ffffff;'
    """
    return " ".join(f"--{role}: {colour};" for role, colour in palette.items())


def _fill(role: str) -> str:
    return f"fill:var(--{role},{LIGHT[role]})"


def _stroke(role: str) -> str:
    return f"stroke:var(--{role},{LIGHT[role]})"


STYLE = "".join(
    (
        ".chart{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}",
        *(f".chart .{role}{{{_fill(role)}}}" for role in LIGHT),
        *(
            f".chart .s-{role}{{{_stroke(role)};fill:none}}"
            for role in ("line", "ink", "faded", "first", "second", "muted")
        ),
        f".chart .rim{{{_stroke('ground')}}}",
        ".chart .small{font-size:12px}.chart .strong{font-weight:600}",
        f".chart .hollow{{{_fill('ground')}}}",
        ".chart .end{text-anchor:end}.chart .middle{text-anchor:middle}",
    )
)
"""What every chart carries, so that it stands alone; the report takes it out and says it once."""
STYLE_ELEMENT = f"<style>{STYLE}</style>"


def data_uri(svg: str) -> str:
    """The chart as an address that stands in an image tag or in Dagster's markdown metadata.

    >>> data_uri("<svg/>")
    'data:image/svg+xml;base64,PHN2Zy8+'
    """
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """About how wide a text is in pixels: rather too wide than too narrow, because the reader's font is not known.

    >>> text_width("abc") < text_width("日本語")
    True
    """
    width = 0.0
    for character in text:
        if unicodedata.combining(character):
            continue
        if unicodedata.east_asian_width(character) in "WF":
            width += 1.02
        elif character in " .,:;'|!il-–()":
            width += 0.38
        elif character in "MWmw%—…" or character.isupper():
            width += 0.78
        else:
            width += 0.61
    return width * size


def fitted(text: str, width: float, size: float = FONT_SIZE) -> str:
    """The text, cut with an ellipsis where it is wider than `width` pixels.

    >>> fitted("Lapsed big spenders", 90)
    'Lapsed big…'
    """
    if text_width(text, size) <= width:
        return text
    room = width - text_width("…", size)
    kept, used = "", 0.0
    for character in text:
        used += text_width(character, size)
        if used > room:
            break
        kept += character
    return f"{kept.rstrip()}…"


def wrapped(text: str, width: float, lines: int, size: float = FONT_SIZE) -> list[str]:
    """The text in at most `lines` lines of `width` pixels, broken at spaces; the last line is cut where more is left.

    >>> wrapped("share of spend returned", 90, 2)
    ['share of', 'spend retu…']
    """
    words, done = text.split(), list[str]()
    while words and len(done) < lines - 1:
        taken = 1
        while taken < len(words) and text_width(" ".join(words[: taken + 1]), size) <= width:
            taken += 1
        done.append(fitted(" ".join(words[:taken]), width, size))
        words = words[taken:]
    if words:
        done.append(fitted(" ".join(words), width, size))
    return done or [""]


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, about `count` steps apart.

    >>> ticks(0, 87)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    >>> ticks(3, 3)
    [2.5, 3.0, 3.5]
    """
    size = max(abs(low), abs(high))
    if high - low <= size * 1e-9 or size < 1e-9:  # one value, as far as a reader can tell
        spread = size / 6 if size > 1e-9 else 0.5
        low, high, count = low - spread, high + spread, 2
    raw = high / count - low / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= raw * 0.999), 10 * power)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, max(last, first + 1) + 1)]


def tick_label(mark: float, marks: list[float]) -> str:
    """A tick's label with as many decimals as its neighbours need to differ, thousands and millions abbreviated.

    >>> tick_label(0.25, [0, 0.25, 0.5]), tick_label(15000, [0, 15000]), tick_label(5000, [0, 5000])
    ('0.25', '15 k', '5,000')
    """
    step = marks[1] - marks[0]
    for limit, letter in ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e4, "k")):
        if limit <= abs(mark) < 1e15:
            unit = 1e3 if letter == "k" else limit
            return f"{figure(mark / unit, _decimals(step / unit, mark / unit))} {letter}"
    return figure(mark, _decimals(step, mark))


def _decimals(step: float, mark: float) -> int:
    """How many decimals numbers need that are `step` apart; none where the number is whole anyway."""
    if not math.isfinite(step) or (mark == int(mark) and step >= 1):
        return 0
    return next((decimals for decimals in range(4) if abs(step * 10**decimals - round(step * 10**decimals)) < 1e-6), 3)


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, with 2 and 5 between them where they are few, that enclose two positive numbers.

    >>> log_ticks(30, 800)
    [20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]
    """
    bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if top - bottom <= 3 else (1,)
    marks = [factor * 10.0**power for power in range(bottom, top + 1) for factor in factors]
    first = max((index for index, mark in enumerate(marks) if mark <= low), default=0)
    last = min((index for index, mark in enumerate(marks) if mark >= high), default=len(marks) - 1)
    chosen = marks[first : max(last, first + 1) + 1]
    return chosen[:: math.ceil(len(chosen) / 8)] if len(chosen) > 9 else chosen


class Scale:
    """Maps a value to a pixel, linear or logarithmic; a single value sits in the middle.

    >>> Scale(0, 10, 100, 200)(5)
    150.0
    """

    def __init__(self, low: float, high: float, start: float, end: float, *, log: bool = False) -> None:
        self.log = log
        self.low, self.high = (math.log(low), math.log(high)) if log else (low, high)
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        place = math.log(value) if self.log else value
        # Halved before they are subtracted: the span of two huge doubles would be infinite.
        span = self.high / 2 - self.low / 2
        part = (place / 2 - self.low / 2) / span if span else 0.5
        return self.start + part * (self.end - self.start)


def px(value: float) -> str:
    """A coordinate with one decimal at most, so that the bytes do not hang on the last bit of a double.

    >>> px(12.0), px(3.14159), px(-0.01)
    ('12', '3.1', '0')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


class Drawing:
    """An SVG that grows by being drawn on; `svg()` gives the document.

    `title` and `description` are what a screen reader says instead of the picture.
    """

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        self.width, self.height = width, height
        self.title, self.description = title, description
        self._parts: list[str] = []

    def _tag(self, name: str, css: str, hint: str, attributes: dict[str, float | str]) -> None:
        words = "".join(
            f" {key}={quoteattr(value if isinstance(value, str) else px(value))}" for key, value in attributes.items()
        )
        inside = f"><title>{escape(printable(hint))}</title></{name}>" if hint else "/>"
        self._parts.append(f'<{name} class="{css}"{words}{inside}')

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        css: str,
        *,
        radius: float = 0,
        hint: str = "",
        opacity: float = 1,
    ) -> None:
        """A box; `hint` is shown when the pointer rests on it."""
        more: dict[str, float | str] = {"rx": radius} if radius else {}
        if opacity != 1:
            more["fill-opacity"] = f"{opacity:.2f}"
        self._tag("rect", css, hint, {"x": x, "y": y, "width": max(width, 0), "height": max(height, 0), **more})

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str = "s-line", *, width: float = 1) -> None:
        """A straight line."""
        self._tag("line", css, "", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "stroke-width": width})

    def polyline(self, points: list[tuple[float, float]], css: str, *, width: float = 2) -> None:
        """A line through points, in order."""
        places = " ".join(f"{px(x)},{px(y)}" for x, y in points)
        self._tag("polyline", css, "", {"points": places, "stroke-width": width, "stroke-linejoin": "round"})

    def circle(self, x: float, y: float, radius: float, css: str, *, rim: float = 0, hint: str = "") -> None:
        """A disc, with a rim in the ground's colour where `rim` is its width."""
        more: dict[str, float | str] = {"stroke-width": rim} if rim else {}
        self._tag("circle", f"{css} rim" if rim else css, hint, {"cx": x, "cy": y, "r": radius, **more})

    def ring(self, x: float, y: float, radius: float, css: str, hint: str = "") -> None:
        """A circle that is ground inside."""
        self._tag("circle", f"{css} hollow", hint, {"cx": x, "cy": y, "r": radius, "stroke-width": 1.5})

    def text(self, x: float, y: float, text: str, css: str = "ink", *, full: str = "") -> None:
        """A line of text; `full` is the whole of what had to be cut."""
        hint = f"<title>{escape(printable(full))}</title>" if full and full != text else ""
        self._parts.append(f'<text class="{css}" x="{px(x)}" y="{px(y)}">{hint}{escape(printable(text))}</text>')

    def lines(
        self, x: float, y: float, lines: list[str], css: str = "ink", *, leading: float = 16, full: str = ""
    ) -> None:
        """Several lines of text, the first with its baseline at `y`."""
        for index, line in enumerate(lines):
            self.text(x, y + index * leading, line, css, full=full if index == 0 and " ".join(lines) != full else "")

    def svg(self) -> str:
        """The whole document, the same bytes for the same drawing."""
        width, height = px(self.width), px(self.height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}"><title>{escape(printable(self.title))}</title>'
            f"<desc>{escape(printable(self.description))}</desc>{STYLE_ELEMENT}"
            f'<rect class="ground" width="{width}" height="{height}"/>{"".join(self._parts)}</svg>'
        )
