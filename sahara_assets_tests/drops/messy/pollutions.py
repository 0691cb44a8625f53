"""The corpus of messy files: one small order file, and every way in which senders spoil it, made here and nowhere fetched.

Each pollution says which of the order file's rows must arrive, unchanged, and how the reasons for all other records begin. That is said
here, by hand; what the loader and `read_table` make of it is asked in `test_corpus.py` and written into the documentation by `page.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

COLUMNS = ("order_id", "customer_id", "product_id", "description", "quantity", "unit_price", "ordered_at")

_THINGS = (
    "mug",
    "tea, green",
    'a 5" pipe',
    "l'eau",
    "red lamp",
    "box",
    "pen",
    "jar",
    "cup & plate",
    "desk",
    "rug",
    "bell",
)

ROWS = [
    (
        f"A{100 + n}",
        f"c{n % 5}",
        f"P{n:02}",
        thing,
        str(n % 3 + 1),
        f"{n}.50",
        f"2025-03-{n + 1:02} 10:{n:02}:00",
    )
    for n, thing in enumerate(_THINGS)
]
EVERY = tuple(range(len(ROWS)))


@dataclass(frozen=True)
class Pollution:
    """One spoilt file.

    Attributes:
        name: what is wrong with it, as the documentation says it.
        content: its bytes.
        settings: what the dataset's settings must say for it; nothing, where they need not.
        loads: which of `ROWS` a load must take in.
        changed: descriptions that are others than in `ROWS`, by row.
        reasons: how the reasons for every other record begin, in the order of the file.
        refused: what the reason holds where the drop is refused whole.
        peeks: which of `ROWS` `read_table` finds without being told anything; None: the same.
        peek_reasons: how its reasons begin; None: the same.
        peek_given: what `read_table` must be told of the dialect, where nothing in the file tells it.
        extra: more columns that the file has, which a load keeps in `_extra`.
    """

    name: str
    content: bytes
    settings: dict[str, Any] = field(default_factory=dict)
    loads: tuple[int, ...] = EVERY
    changed: dict[int, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    refused: str = ""
    peeks: tuple[int, ...] | None = None
    peek_reasons: tuple[str, ...] | None = None
    peek_given: dict[str, Any] = field(default_factory=dict)
    extra: int = 0


def written(
    rows: Any = ROWS,
    *,
    delimiter: str = ",",
    quote: str = '"',
    escape: str = "",
    end: str = "\n",
    header: Any = COLUMNS,
) -> str:
    """Rows as text under a dialect, quoted where they must be."""

    def cell(value: str) -> str:
        special = [delimiter, "\n", "\r", *([quote] if quote else []), *([" "] if delimiter == "   " else [])]
        if not quote or not any(mark in value for mark in special):
            return value
        before = escape or quote
        inside = value.replace(escape, escape * 2) if escape else value
        return quote + inside.replace(quote, before + quote) + quote

    lines = [header, *rows] if header else list(rows)
    return "".join(delimiter.join(cell(value) for value in line) + end for line in lines)


def lines_of(**how: Any) -> list[str]:
    """The order file's lines, the header first, to spoil one of them."""
    return written(**how).splitlines()


def _with(number: int, line: str, **how: Any) -> bytes:
    lines = lines_of(**how)
    lines[number] = line
    return ("\n".join(lines) + "\n").encode()


def _without(*numbers: int) -> tuple[int, ...]:
    return tuple(n for n in EVERY if n not in numbers)


def _dialects() -> list[Pollution]:
    named = {
        ";": "semicolons between fields",
        "\t": "tabs between fields",
        "|": "bars between fields",
        "^": "carets between fields",
        "\x1f": "unit separators between fields",
        "||": "double bars between fields",
        "::": "double colons between fields",
        "~|~": "three characters between fields",
        "§": "a character beyond ASCII between fields",
    }
    usual = {";", "\t", "|"}
    cases = [
        Pollution(name, written(delimiter=d).encode(), {} if d in usual else {"delimiter": d})
        for d, name in named.items()
    ]
    # Three characters are none of those that are tried.
    cases[-2] = Pollution(
        named["~|~"],
        written(delimiter="~|~").encode(),
        {"delimiter": "~|~"},
        peek_given={"delimiter": "~|~"},
    )
    return [
        *cases,
        Pollution("spaces between fields, texts quoted", written(delimiter=" ").encode(), {"delimiter": " "}),
        Pollution("a comma and a blank between fields", written(delimiter=", ").encode()),
        Pollution(
            "columns lined up with any number of blanks",
            written(delimiter="   ").encode(),
            {"delimiter": "blanks"},
        ),
        Pollution("apostrophes as quotes", written(quote="'").encode(), {"quote": "'"}),
        Pollution("no quotes at all", written(delimiter="\t", quote="").encode(), {"quote": ""}),
        Pollution(
            "backslashes before quotes",
            written(
                [(*row[:3], f'{row[3]} "x"', *row[4:]) if n == 3 else row for n, row in enumerate(ROWS)], escape="\\"
            ).encode(),
            {"escape": "\\"},
            changed={3: 'l\'eau "x"'},
        ),
        Pollution(
            "quotes escaped by another character",
            written(escape="^").encode(),
            {"escape": "^"},
            peek_given={"escape": "^"},
        ),
        Pollution("lines ended by carriage return and line feed", written(end="\r\n").encode()),
        Pollution("lines ended by carriage returns", written(end="\r").encode()),
        Pollution(
            "both line ends in one file", (written(ROWS[:6], end="\r\n") + written(ROWS[6:], header=())).encode()
        ),
        Pollution(
            "a lone carriage return ends one line of many",
            (written(ROWS[:5]) + written(ROWS[5:6], header=(), end="\r") + written(ROWS[6:], header=())).encode(),
            loads=_without(5, 6),
            reasons=("a carriage return stands in the middle of the row",),
        ),
        Pollution(
            "the record separator of ASCII ends rows",
            written(delimiter="\x1f", end="\x1e").encode(),
            {"delimiter": "\x1f", "record_delimiter": "\x1e"},
        ),
        Pollution(
            "an own mark and a line end end rows",
            written(end="#|\n").encode(),
            {"record_delimiter": "#|"},
            peek_given={"record_delimiter": "#|"},
        ),
    ]


def _headers() -> list[Pollution]:
    return [
        Pollution(
            "no header",
            written(header=()).encode(),
            {"header_lines": 0, "column_names": list(COLUMNS)},
        ),
        Pollution(
            "a header where none was declared",
            written().encode(),
            {"header_lines": 0, "column_names": list(COLUMNS)},
            reasons=("the header stands here again",),
            peek_reasons=(),
        ),
        Pollution(
            "a header of two lines",
            ("," * 3 + "Product,,Price,\n" + written()).encode(),
            {
                "header_lines": 2,
                "columns": {"description": "Product description", "unit_price": "Price unit_price"},
            },
        ),
        Pollution(
            "the header three times over",
            ((written(())) * 2 + written()).encode(),
            {"header_lines": 3, "columns": {name: f"{name} {name} {name}" for name in COLUMNS}},
        ),
        Pollution(
            "a preamble",
            ("Orders of March\nprinted on 2025-04-01\n\n" + written()).encode(),
            reasons=("the line stands before the header",) * 2,
        ),
        Pollution(
            "a preamble filled up with delimiters",
            ("Orders of March,,,,,,\n,,,,,,\n" + written()).encode(),
            reasons=("the line stands before the header",) * 2,
        ),
        Pollution(
            "a preamble and no header",
            ("Orders of March\n\n" + written(header=())).encode(),
            {"header_lines": 0, "skip_lines": 2, "column_names": list(COLUMNS)},
            reasons=("the line stands before the header",),
        ),
        Pollution(
            "remarks before the header and between rows",
            ("# orders\n# of March\n" + written(ROWS[:5]) + "# halfway\n" + written(ROWS[5:], header=())).encode(),
            {"comment": "#"},
            reasons=("a remark: the line begins with '#'",) * 3,
        ),
        Pollution(
            "the header again, where files were put together",
            (written(ROWS[:7]) + written(ROWS[7:])).encode(),
            reasons=("the header stands here again",),
        ),
        Pollution(
            "a stray quote in the header",
            (lines_of()[0].replace("customer_id", '"customer_id') + "\n" + written(header=())).encode(),
            {"columns": {"customer_id": '"customer_id'}},
        ),
        Pollution(
            "a header with too few names",
            ("order_id,customer_id,product_id,description,quantity,unit_price\n" + written(header=())).encode(),
            refused="the header lacks 'ordered_at'",
            peeks=EVERY,
            peek_reasons=("6 names where the rows have 7 fields",),
        ),
        Pollution(
            "a header delimited otherwise than the rows",
            (" ".join(COLUMNS) + "\n" + written(header=())).encode(),
            refused="the header lacks",
            peeks=EVERY,
            peek_reasons=("1 name where the rows have 7 fields",),
        ),
        Pollution("an empty file", b"", refused="the file has no header line", loads=(), peeks=()),
        Pollution("a header only", written(()).encode(), loads=()),
    ]


def _around() -> list[Pollution]:
    return [
        Pollution(
            "a totals line",
            (written() + "Total,,,,24,72.00,\n").encode(),
            {"totals": ["Total"]},
            reasons=("a totals line: it begins with 'Total'",),
        ),
        Pollution(
            "a footer",
            (written() + "12 rows exported\n").encode(),
            reasons=("1 field where the header has 7",),
            peek_reasons=("the line stands after the table: 1 field where the header has 7",),
        ),
        Pollution("blank lines", written(end="\n\n").encode()),
        Pollution(
            "rows of delimiters only, as spreadsheets pad them",
            (written() + ",,,,,,\n" * 3).encode(),
            reasons=("order_id is empty",) * 3,
            peek_reasons=("every field of the row is empty",) * 3,
        ),
        Pollution("no line end at the end", written().removesuffix("\n").encode()),
        Pollution(
            "a second table with fewer columns",
            (written() + "day,orders,sales\n2025-03-01,3,12.50\n2025-03-02,4,13.50\n").encode(),
            reasons=("3 fields where the header has 7",) * 3,
        ),
        Pollution(
            "a second table with more columns",
            (written() + "".join(f"{n},{n},c,d,e,f,g,h,i\n" for n in range(4))).encode(),
            reasons=("9 fields where the header has 7",) * 4,
        ),
        Pollution(
            "ten thousand columns",
            written(
                [(*row, *["x"] * 9_993) for row in ROWS[:2]], header=(*COLUMNS, *(f"extra{n}" for n in range(9_993)))
            ).encode(),
            loads=(0, 1),
            extra=9_993,
        ),
    ]


def _rows() -> list[Pollution]:
    lines = lines_of()
    return [
        Pollution(
            "a delimiter too few in one row",
            _with(4, lines[4].replace(",", "", 1)),
            loads=_without(3),
            reasons=("6 fields where the header has 7",),
        ),
        Pollution(
            "a delimiter too many in one row",
            _with(4, lines[4].replace(",", ",,", 1)),
            loads=_without(3),
            reasons=("8 fields where the header has 7",),
        ),
        Pollution(
            "one row delimited otherwise",
            _with(4, lines[4].replace(",", ";")),
            loads=_without(3),
            reasons=("1 field where the header has 7",),
        ),
        Pollution(
            "an unquoted field with quotes inside",
            _with(6, lines[6].replace("box", 'a "big" box')),
            changed={5: 'a "big" box'},
        ),
        Pollution(
            "quotes inside a quoted field, not doubled",
            _with(6, lines[6].replace("box", '"a "big" box"')),
            loads=_without(5),
            reasons=("text follows a closing quote",),
        ),
        Pollution(
            "a quote that opens and does not close",
            _with(6, lines[6].replace("box", '"box')),
            loads=_without(5),
            reasons=("a quote opens on this line and does not close",),
        ),
        Pollution(
            "a quote at the end of an unquoted field",
            _with(6, lines[6].replace("box", 'box"')),
            changed={5: 'box"'},
        ),
        Pollution(
            "a quote too many before a quoted field",
            _with(2, lines[2].replace('"tea', '""tea')),
            loads=_without(1),
            reasons=("text follows a closing quote",),
        ),
        Pollution(
            "a NUL in one row",
            _with(6, lines[6].replace("box", "bo\0x")),
            loads=_without(5),
            reasons=("the row holds a NUL byte",),
        ),
        Pollution(
            "one row in another encoding",
            "\n".join(lines)
            .replace("mug", "thé")
            .replace("rug", "@")
            .encode()
            .replace(b"@", "b\xf6x".encode("latin-1"))
            + b"\n",
            loads=_without(10),
            changed={0: "thé"},
            reasons=("byte 0xF6 is not UTF-8",),
        ),
        Pollution(
            "Windows-1252 throughout",
            "\n".join(lines).replace("mug", "thé").encode("cp1252") + b"\n",
            changed={0: "thé"},
        ),
        Pollution("a byte order mark", b"\xef\xbb\xbf" + written().encode()),
        Pollution(
            "a field of a megabyte",
            _with(6, lines[6].replace("box", "x" * (1 << 20))),
            changed={5: "x" * (1 << 20)},
        ),
        Pollution(
            "a quoted field of a megabyte over many lines",
            _with(6, lines[6].replace("box", '"' + "some text\n" * 100_000 + "end" + '"')),
            changed={5: "some text\n" * 100_000 + "end"},
        ),
        Pollution(
            "decimal commas among semicolons",
            written([(*row[:5], row[5].replace(".", ","), row[6]) for row in ROWS], delimiter=";").encode(),
            {"decimal_mark": ","},
        ),
    ]


def pollutions() -> list[Pollution]:
    """All of them."""
    return [*_dialects(), *_headers(), *_around(), *_rows()]
