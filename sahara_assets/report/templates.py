"""How the report's parts become HTML: the templates beside this module, what they can call, the style sheet, charts in three sizes.

Everything is escaped but what is our own; how numbers are worded is in `wording.py`, what the parts say in `page.py` and
`insight_section.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote

from sahara_assets.report import blocks, charts, wording
from sahara_assets.report.svg import DARK, LIGHT, STYLE, STYLE_ELEMENT, colour_variables

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

Draw = Callable[[float], str]
"""Draws a chart so many pixels wide."""


def in_every_size(draw: Draw) -> dict[str, str]:
    """A chart for a wide, a medium and a narrow window: scaled down, a wide chart's text would be too small to read."""
    widths = {"wide": charts.WIDE, "medium": charts.MEDIUM, "narrow": charts.NARROW}
    return {size: draw(width) for size, width in widths.items()}


def inline(sizes: Mapping[str, str]) -> dict[str, Markup]:
    """Charts for the page, which says once what each carries when it stands alone; their texts were escaped when they were drawn."""
    from markupsafe import Markup

    return {size: Markup(svg.replace(STYLE_ELEMENT, "")) for size, svg in sizes.items()}  # noqa: S704


@cache
def template(name: str) -> jinja2.Template:
    """A compiled template: compiling takes longer than rendering."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters |= {
        name: getattr(wording, name)
        for name in ("amount", "counted", "day", "figure", "file_size", "moment", "share", "shortened")
    }
    environment.filters |= {"in_short": _in_short, "with_code": with_code, "whole_words": whole_words}
    environment.filters["address"] = lambda text: "./" + quote(wording.printable(text))
    environment.filters["worded"] = blocks.worded
    environment.filters["zip"] = lambda one, other: zip(one, other, strict=True)

    @jinja2.pass_context
    def money(context: jinja2.runtime.Context, value: object) -> str:
        return wording.money(value, context["data"].currency)

    environment.filters["money"] = money
    return environment.from_string(packaged(name))


def style() -> str:
    """The style sheet with both palettes in their places, and what the charts carry when they stand alone."""
    sheet = packaged("report.css")
    return (
        sheet.replace("/* light */", colour_variables(LIGHT)).replace("/* dark */", colour_variables(DARK))
        + STYLE
        + "\n"
    )


def packaged(name: str) -> str:
    """The text of a file beside this module."""
    return files("sahara_assets.report").joinpath(name).read_text(encoding="utf-8")


def _finalized(value: object) -> object:
    """What a template expression prints: nothing for null, and no character that HTML forbids."""
    if value is None:
        return ""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else wording.printable(value)


def with_code(text: str) -> Markup:
    """A sentence whose commands and names stand in backticks, as the command line says it: escaped, these as code.

    >>> with_code("<b> `sahara rejects` says why; 3` is no command")
    Markup('&lt;b&gt; <code>sahara rejects</code> says why; 3` is no command')
    """
    from markupsafe import Markup, escape

    safe = str(escape(wording.printable(text)))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", safe))  # noqa: S704 - escaped a line ago


def whole_words(text: str) -> Markup:
    """A text whose hyphenated words go to the next line whole where they have room there.

    >>> whole_words("Lapsed one-time small buyers")
    Markup('Lapsed <span class="whole">one-time</span> small buyers')
    """
    from markupsafe import Markup, escape

    parts = re.split(r"(\S+-\S+)", wording.printable(text))
    pieces = (
        f'<span class="whole">{escape(part)}</span>' if place % 2 else escape(part) for place, part in enumerate(parts)
    )
    return Markup("").join(map(Markup, pieces))


def _in_short(verdict: str) -> str:
    """A verdict without the k and the measures that stand beside it in the table.

    >>> _in_short("k = 4: qualifies (silhouette 0.337, Davies-Bouldin 1.011, smallest cluster 16.69%). Chosen.")
    'Qualifies. Chosen.'
    """
    words = re.sub(r" \(silhouette [^()]*\)", "", re.sub(r"^k = \d+: ", "", verdict))
    return words[:1].upper() + words[1:]
