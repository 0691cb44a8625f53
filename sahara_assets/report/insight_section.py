"""The report's part about the insights: the whole time in HTML, and every other period and kind of buyers as JSON for the page's script.

Without the script the part says the same of the whole time. The script is our own, and its hash is all that the page's content security
policy lets run; the JSON is no script and holds no character that could end its element.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from sahara_assets.report.insight_charts import daily_sales
from sahara_assets.report.templates import in_every_size, inline, packaged, template
from sahara_assets.report.wording import printable
from sahara_assets.tables.insights import ANONYMOUS, EVERYONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from sahara_assets.report.blocks import Block, Insights, Line


def insight_section(insights: Insights, currency: str) -> tuple[Markup | str, str]:
    """The part as HTML and its script's hash for the content security policy; both empty where nothing has been counted."""
    from markupsafe import Markup

    if not insights.blocks or insights.figures is None:
        return "", ""
    script = packaged("insights.js")
    words = dict(insights.buyers)
    html = template("insights.html").render(
        insights=insights,
        anonymous=ANONYMOUS in words,
        figures=insights.figures.lines[0].cells,
        daily=inline(in_every_size(lambda width: daily_sales(insights.days, currency, width=width))),
        document=Markup(_embedded(_document(insights))),  # noqa: S704 - no character of it can end the element
        script=Markup(script),  # noqa: S704 - our own file
        heat=lambda block, value: round(value / _longest(block, block.lines) * 100),
        length_of=lambda block, line: f"{max(line.cells[block.bar] or 0, 0) / _longest(block, block.lines) * 100:.1f}",
        scope_of=lambda block: f"The whole time, {words.get(block.buyers, words[EVERYONE])}",
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Markup(html), f"sha256-{digest}"  # noqa: S704 - rendered with everything escaped


def _longest(block: Block, lines: Sequence[Line]) -> float:
    """What the longest bar, or the strongest colour of a grid, stands for."""
    places = [
        i for i, column in enumerate(block.columns) if (column.form == "share" if block.bar is None else i == block.bar)
    ]
    values = [line.cells[i] for line in lines for i in places]
    return max((float(value) for value in values if isinstance(value, int | float)), default=0.0) or 1.0


def _document(insights: Insights) -> dict[str, Any]:
    """Everything that can be chosen, in short: words once, rows as lists of numbers."""
    words: dict[str, int] = {}
    periods = {key: place for place, (key, _) in enumerate(insights.periods)}
    buyers = {key: place for place, (key, _) in enumerate(insights.buyers)}

    def word(text: str) -> int:
        return words.setdefault(printable(text), len(words)) if text else -1

    def rows_of(block: Block) -> dict[str, list[list[Any]]]:
        return {
            f"{periods[period]}.{buyers[who]}": [[word(line.label), word(line.remark), *line.cells] for line in lines]
            for (period, who), lines in sorted(block.slices.items())
            if period in periods and who in buyers
        }

    assert insights.figures is not None  # noqa: S101 - asked before
    document = {
        "periods": [printable(text) for _, text in insights.periods],
        "buyers": [printable(text) for _, text in insights.buyers],
        "figures": {"columns": _columns(insights.figures), "rows": rows_of(insights.figures)},
        "blocks": [
            {
                "columns": _columns(block),
                "bar": block.bar,
                "byPeriod": block.by_period,
                # Who stands for everyone: of known customers alone some insights can speak.
                "buyers": buyers.get(block.buyers, buyers[EVERYONE]),
                "rows": rows_of(block),
            }
            for block in insights.blocks
        ],
    }
    return {**document, "words": list(words)}


def _columns(block: Block) -> list[list[str]]:
    return [[column.heading, column.form] for column in block.columns]


def _embedded(document: dict[str, Any]) -> str:
    r"""JSON that may stand in a script element.

    >>> _embedded({"words": ["</script>"]})
    '{"words":["\\u003c/script>"]}'
    """
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
