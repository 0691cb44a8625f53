"""Text that strangers wrote, made harmless for where it is shown: a terminal, a log, a shell, a spreadsheet, a Markdown table.

What lands in the drop folder names its files, its columns and its values as it likes. Tables, rejects and JSON keep that text as it is;
whatever shows it to a person passes it through here. HTML and SVG are escaped where they are made (`report/`), SQL is quoted or takes
values as parameters (`warehouse/`), what leaves the house is decided in `exports/`.
"""

from __future__ import annotations

import json
import re
import shlex

# DEL and C1, lone surrogates, line and paragraph separators, what turns the direction of text around, and the characters that show
# nothing and mean something to programs only (interlinear annotation, tags). C0 comes with or without the line feed.
_REST = (
    "\x7f-\x9f\ud800-\udfff\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f"
)
_HIDDEN = re.compile(f"[\x00-\x1f{_REST}]")
_BUT_LINES = re.compile(f"[\x00-\x09\x0b-\x1f{_REST}]")
_MARKS = re.compile("[\u061c\u200e\u200f]")

FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"
"""What makes a spreadsheet run a cell, with the full-width forms that some editions read alike: https://owasp.org/www-community/attacks/CSV_Injection."""

_FORMULA = re.compile(rf"[\s\0]*[{re.escape(FORMULA_STARTS)}]|[\t\r\n]")
# Where a spreadsheet cuts a comma file at another separator, which its locale says, a cell begins behind that one.
FORMULA_INSIDE = re.compile(rf"([;|\t])\s*[\"']?[{re.escape(FORMULA_STARTS)}]+")
"""A formula behind another separator than the comma."""
_A_NUMBER = re.compile(r"[+-]?[0-9][0-9 .,'\u00a0\u202f]*(?:[eE][+-]?[0-9]+)?-?(?: ?[%€$£¥])?")

_PLAIN_IN_MARKDOWN = re.compile(r"[\w ,;:/()%+=?'&−–—…“”‘’€£¥°.-]*")
_LINKS_BY_ITSELF = re.compile(r"(?i)www\.|://|\bmailto:|\bxmpp:")


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with every character that would move a cursor, colour or clear a screen, or turn the order of letters around, spelled out.

    Args:
        text: anything.
        lines: whether line feeds are ours and stay.

    >>> print(visible("a\x1b[2Jb\r\u202egpj.csv"))
    a\x1b[2Jb\r\u202egpj.csv
    """
    return (_BUT_LINES if lines else _HIDDEN).sub(lambda found: _spelled(found[0]), text)


def _spelled(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r":
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[character]
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def misleads(name: str) -> bool:
    r"""Whether a file's name holds characters that no name needs and that make it look like another one, or like several lines.

    Marks that Arabic and Hebrew names hold are none of these.

    >>> misleads("orders\n2025.csv"), misleads("orders\u202evsc.exe"), misleads("commandes été.csv")
    (True, True, False)
    """
    return _HIDDEN.search(_MARKS.sub("", name)) is not None


def json_text(value: object, *, indent: int | None = None) -> str:
    r"""A value as JSON that a person may print: what would move a cursor is escaped, all else stands as it is.

    >>> print(json_text({"name": "é\x9b2J"}))
    {"name": "é\u009b2J"}
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return _BUT_LINES.sub(lambda found: json.dumps(found[0])[1:-1], text)


def shell_word(text: str) -> str:
    """A text as one word of a command that a person may paste into a shell.

    >>> shell_word("purchases/2025.csv"), shell_word("a $(reboot).csv"), shell_word("-x.csv")
    ('purchases/2025.csv', "'a $(reboot).csv'", '-- -x.csv')
    """
    quoted = shlex.quote(text)
    return f"-- {quoted}" if text.startswith("-") else quoted


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would run a cell of a CSV file as a formula rather than show it; plain numbers are none.

    >>> [is_formula(cell) for cell in ("=1+1", "-12.50", "@SUM(A1)", "a;=1+1", "2025-01-01")]
    [True, False, True, True, False]
    """
    if _A_NUMBER.fullmatch(cell.strip()):
        return False
    return _FORMULA.match(cell) is not None or FORMULA_INSIDE.search(cell) is not None


def as_text_cell(cell: str) -> str:
    """A cell for a file that only people read: an apostrophe before what a spreadsheet would run makes it text.

    >>> as_text_cell("=cmd|' /C calc'!A0"), as_text_cell("a;=1+1"), as_text_cell("12.50")
    ("'=cmd|' /C calc'!A0", "a;'=1+1", '12.50')
    """
    if not is_formula(cell):
        return cell
    inside = FORMULA_INSIDE.sub(lambda found: f"{found[1]}'{found[0][1:]}", cell)
    return f"'{inside}" if _FORMULA.match(cell) else inside


def markdown_cell(text: str) -> str:
    r"""A text for a cell of a Markdown table: as it stands where it is plain, else as code, in which nothing is a link, a picture or HTML.

    >>> print(markdown_cell("Lapsed spenders"), markdown_cell("[x](javascript:alert(1))"), markdown_cell("a|`b`"))
    Lapsed spenders `[x](javascript:alert(1))` `` a\|`b` ``
    """
    text = visible(" ".join(text.split()))
    if _PLAIN_IN_MARKDOWN.fullmatch(text) and not _LINKS_BY_ITSELF.search(text):
        return text
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    inside = f" {text} " if text.startswith("`") or text.endswith("`") else text
    # A table is cut into cells before code is looked for, so a bar needs a backslash there too, and none of the text's before it.
    inside = re.sub(r"\\(?=\|)", r"\\ ", inside).replace("|", r"\|")
    return f"{fence}{inside}{fence}"
