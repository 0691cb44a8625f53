"""What stands in an audience file beside the key: segment names and tiers, made fit for a user property.

Unlike a key a name may be mended: whoever reads it is a person. It keeps to the vendor's length, holds no control characters, and does
not begin like a spreadsheet formula. What was mended is said (`audience.py` puts it among the notices, the manifest holds both forms).
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from sahara_assets.exports.formats import VALUE_LIMIT
from sahara_assets.untrusted import FORMULA_INSIDE, FORMULA_STARTS

if TYPE_CHECKING:
    from collections.abc import Sequence


def fitting(text: str, limit: int = VALUE_LIMIT) -> str:
    r"""The text as one line of at most `limit` UTF-16 units that no spreadsheet runs; empty where nothing of it can stay.

    >>> fitting("=Lapsed\tbig  spenders ")
    'Lapsed big spenders'
    """
    line = " ".join("".join(" " if _breaks_lines(character) else character for character in text).split())
    while FORMULA_INSIDE.search(line):
        line = FORMULA_INSIDE.sub(r"\1 ", line)
    while line and (line[0] in FORMULA_STARTS or line[0].isspace() or unicodedata.category(line[0]) == "Cf"):
        line = line[1:]
    # Cut between characters, never inside a surrogate pair.
    while len(line.encode("utf-16-le")) // 2 > limit:
        line = line[:-1]
    return line.rstrip()


def _breaks_lines(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Zl", "Zp"}


def distinct_values(texts: Sequence[str], fallback: str) -> list[str]:
    """For every text the value that is written for it; no two of them share one.

    A text that needs no mending keeps itself; the others follow in bytewise order and take a number where their value is taken, as
    when two long names agree in their first 36 characters. `fallback` stands for a text of which nothing can stay.

    >>> distinct_values(["+VIP", "VIP", "="], "Segment")
    ['VIP (2)', 'VIP', 'Segment']
    """
    wanted = [fitting(text) or fallback for text in texts]
    order = sorted(range(len(texts)), key=lambda place: (wanted[place] != texts[place], texts[place].encode(), place))
    values = list(wanted)
    taken: set[str] = set()
    for place in order:
        number = 1
        while values[place] in taken:
            number += 1
            suffix = f" ({number})"
            values[place] = fitting(wanted[place], VALUE_LIMIT - len(suffix)) + suffix
        taken.add(values[place])
    return values
