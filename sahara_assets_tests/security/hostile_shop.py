"""A shop whose sender attacks whoever reads it: every name, header and value is meant to be run by something."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SQL = (
    "x'); DROP TABLE drops; --",
    'y"; DELETE FROM drops; --',
    "\\'; DROP TABLE drops; --",
    "{0} {x} @{0} %s %(y)s $1 :z ?",
    "`; DROP TABLE drops; --`",
    "*/ /* -- \\",
    "\\N",
    "\\.",
)
"""Each closes a string, a name, a placeholder or a stream of rows somewhere."""

MARKUP = (
    "<script>window.pwned=1</script>",
    "<img src=http://evil.example/x onerror=window.pwned=2>",
    "[click](javascript:window.pwned=3)",
    "![seen](http://evil.example/pixel.png)",
    "a | b ``` c",
    "</title></style></svg><svg onload=window.pwned=4>",
)

TERMINAL = (
    "\x1b]0;pwned\x07",
    "\x1b[2J\x1b[1;1H",
    "\x9b31m",
    "\u202egpj.exe",
    "\r all is well",
    "\x08\x08\x08\x7f",
)

FORMULAS = (
    '=HYPERLINK("http://evil.example","x")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "x;=1+1",
)

EVIL = (*SQL, *MARKUP, *TERMINAL, *FORMULAS)

HEADERS = {
    "order_id": "Order'); DROP TABLE drops; --",
    "customer_id": 'Customer"; DELETE FROM drops; --',
    "product_id": "=HYPERLINK(1)",
    "description": "<script>window.pwned=5</script>",
    "quantity": "\\'; --",
    "unit_price": "[price](javascript:window.pwned=6)",
    "ordered_at": "{0} %s $1",
    "country": "`country`",
    "category": "cat\\",
}

DATE_FORMAT = "'); DROP TABLE drops; --%Y-%m-%d\\"

SHOWN_NAMES = (
    "a'); DROP TABLE drops; --.csv",
    "$(touch pwned) `touch pwned` & ; #.csv",
    "=cmd|' .csv",
    "[x](javascript:alert(1)) ![y](http:evil.png) | ```.csv",
    "<img src=x onerror=window.pwned=7>.csv",
    "--help.csv",
    "{0} %s \\.csv",
    'quo"te.csv',
)
"""Nasty, and names all the same: these files load."""

REFUSED_NAMES = ("clear\x1b[2J.csv", "two\nlines: 1 of 1.csv", "invoice\u202evsc.exe.csv", "bell\x07\x9b31m.csv")
"""No name needs these characters: such files are refused, under a name that shows them."""


def write_shop(root: Path) -> None:
    """`sahara.toml` and a drop folder below `root`."""
    folder = root / "data" / "purchases"
    folder.mkdir(parents=True)
    (root / "sahara.toml").write_text(settings_text(), encoding="utf-8")
    parts = _lines()
    names = [*SHOWN_NAMES, *REFUSED_NAMES]
    for place, name in enumerate(names):
        (folder / name).write_bytes(_csv(parts[place :: len(names)]))


def settings_text() -> str:
    """Every setting that ends up in a statement, as hostile as the settings may be."""

    sections: dict[str, dict[str, object]] = {
        "project": {"name": MARKUP[0] + TERMINAL[0], "currency": "G'B\\P", "time_zone": "Europe/London"},
        "project.currency_rates": {"E'U); DROP TABLE drops; --": 2.0, "{0}%s": 3.0},
        "segmentation": {"k_min": 3, "k_max": 4, "minimum_stability": 0.0},
        "features": {"category_separator": "'\\", "model": ["recency_days", "order_count", "gross_spend", "country"]},
        "rules": {
            "cancellation_prefixes": ["C'", "\\"],
            "adjustment_prefixes": ["A%s", "{0}"],
            "fee_codes": list(SQL),
        },
        "datasets.purchases": {
            "patterns": ["purchases/*.csv"],
            "null_values": ["'); DROP TABLE drops; --", "\\'", "{x}", "%s"],
            "date_formats": [DATE_FORMAT],
        },
        "datasets.purchases.columns": dict(HEADERS),
        "datasets.purchases.normalise": {"customer_id": ["strip_float_suffix", "strip_leading_zeros", "strip_spaces"]},
    }
    # JSON's texts, numbers and lists are TOML's too.
    return "\n".join(
        f"[{name}]\n" + "\n".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in values.items())
        for name, values in sections.items()
    )


def _lines() -> list[dict[str, str]]:
    """Three kinds of customers, whose categories and countries are hostile, and rows that are rejected for hostile values."""
    lines = []
    first = date(2025, 1, 1)
    for kind, (orders, price) in enumerate(((12, 90), (4, 25), (1, 4))):
        for number in range(30):
            for order in range(orders):
                evil = EVIL[(number + order) % len(EVIL)]
                lines.append(
                    {
                        "order_id": f"{kind}-{number}-{order}",
                        "customer_id": f"c{kind}{number:02d}",
                        "product_id": SQL[order % len(SQL)] if order % 3 else f"p{order}",
                        "description": evil,
                        "quantity": "1",
                        "unit_price": str(price + number % 7),
                        "ordered_at": _day(first + timedelta(days=(number * 7 + order * 25 + kind) % 340)),
                        "country": EVIL[kind],
                        "category": f"{EVIL[8 + kind]}'\\more",
                    }
                )
    # Every hostile text as the value at fault.
    lines += [{**lines[0], "order_id": f"bad-{n}", "quantity": evil} for n, evil in enumerate(EVIL)]
    return lines


def _day(day: date) -> str:
    return f"'); DROP TABLE drops; --{day:%Y-%m-%d}\\"


def _csv(lines: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    undeclared = [evil for evil in EVIL if "\r" not in evil]  # a header with carriage returns is refused whole
    writer.writerow([*HEADERS.values(), *undeclared])
    writer.writerows([*line.values(), *undeclared] for line in lines)
    return text.getvalue().encode("utf-8")
