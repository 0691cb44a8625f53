"""Hypothesis strategies for whole CSV files, with what a reader must make of them: worked out here, apart from the reader."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

BLANKS = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
NULL_WORDS = {"", "NULL", "null", "NaN", "nan", "None", "N/A", "#N/A", "\\N"}
COLUMNS = ("order_id", "customer_id", "product_id", "description", "quantity", "unit_price", "ordered_at")
TEXTS = ("order_id", "customer_id", "product_id", "description")
REQUIRED_TEXTS = ("order_id", "product_id")

_NASTY = 'ab1 ,;|\t\'""\n\r\\\x0b\x0c\x1d\x1e\x1f\x85\xa0\u2028\u200b\ufeffé€ß漢😀#=-.%'


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    delimiter: str
    quote: str
    line_end: str
    quoting: int
    encoding: str
    bom: bool
    gz: bool

    @property
    def settings(self) -> dict[str, Any]:
        return {"quote": self.quote, "encoding": "windows-1252" if self.encoding == "cp1252" else "auto"}


@dataclass(frozen=True)
class MadeFile:
    """A file's bytes, and per record its physical line, its columns and its undeclared fields."""

    dialect: Dialect
    content: bytes
    expected: dict[int, dict[str, Any]]


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "cp1252"]))
    return Dialect(
        delimiter=draw(st.sampled_from(",,;\t|")),
        quote=draw(st.sampled_from('""\'')),
        line_end=draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        encoding=encoding,
        bom=encoding == "utf-8" and draw(st.booleans()),
        gz=draw(st.booleans()),
    )


def texts(dialect: Dialect) -> st.SearchStrategy[str]:
    """Texts that a file of this dialect can hold."""
    alphabet = _NASTY
    if dialect.line_end == "\r":
        alphabet = alphabet.replace("\n", "").replace("\r", "")
    if dialect.quoting != csv.QUOTE_ALL:
        alphabet = alphabet.replace("\r", "")  # before Python 3.13, csv.writer leaves a lone one unquoted
    if dialect.encoding == "cp1252":
        alphabet = "".join(c for c in alphabet if c == c.encode("cp1252", "ignore").decode("cp1252"))
    return st.one_of(st.text(alphabet, max_size=8), st.sampled_from(["plain", "NULL", "nan", "", "x y"]))


def decimals_as_text() -> st.SearchStrategy[str]:
    """Numbers as people and programs write them."""
    whole = st.from_regex(r"[+-]?[0-9]{1,13}(\.[0-9]{0,7})?", fullmatch=True)
    short = st.from_regex(r"[+-]?[0-9]{1,3}(\.[0-9]{1,2})?", fullmatch=True)
    small = st.from_regex(r"[+-]?\.[0-9]{1,7}", fullmatch=True)
    scientific = st.from_regex(
        r"[+-]?[0-9]{1,4}(\.[0-9]{0,6})?[eE]\+?[0-7]|[+-]?[0-9](\.[0-9]{0,17})?[eE]-[0-9]{1,2}", fullmatch=True
    )
    return st.one_of(short, short, whole, small, scientific)


def decimal_of(text: str) -> Decimal:
    """What such a number is: exact, at four decimals, halves away from zero."""
    return Decimal(text).quantize(Decimal("0.0001"), ROUND_HALF_UP) + 0


MOMENTS = st.datetimes(datetime(1901, 1, 1), datetime(2199, 12, 31, 23, 59, 59))


@st.composite
def moments_as_text(draw: st.DrawFn) -> tuple[str, datetime]:
    """A moment in one of the ways that ISO 8601 writes it, and what it is in UTC."""
    moment = draw(MOMENTS.filter(lambda m: datetime(1901, 1, 3) < m < datetime(2199, 12, 29)))
    separator = draw(st.sampled_from(" T"))
    precision = draw(st.sampled_from(["day", "minute", "second", "micro"]))
    if precision == "day":
        day = datetime(moment.year, moment.month, moment.day)
        return f"{day:%Y-%m-%d}", day
    if precision == "minute":
        moment = moment.replace(second=0, microsecond=0)
        text = moment.strftime(f"%Y-%m-%d{separator}%H:%M")
    elif precision == "second":
        moment = moment.replace(microsecond=0)
        text = moment.strftime(f"%Y-%m-%d{separator}%H:%M:%S")
    else:
        text = moment.strftime(f"%Y-%m-%d{separator}%H:%M:%S.%f")
    sign, hours, minutes = draw(st.sampled_from("+-")), draw(st.integers(0, 14)), draw(st.sampled_from([0, 15, 30, 45]))
    form = draw(st.sampled_from(["", "", "Z", "hh", "hhmm", "hh:mm"]))
    gap = draw(st.sampled_from(["", "", " "])) if form else ""
    if form in {"", "Z"}:
        return text + gap + form, moment
    if form == "hh":
        minutes = 0
    offset = timedelta(hours=hours, minutes=minutes) * (1 if sign == "+" else -1)
    written = {"hh": f"{hours:02}", "hhmm": f"{hours:02}{minutes:02}", "hh:mm": f"{hours:02}:{minutes:02}"}[form]
    return f"{text}{gap}{sign}{written}", moment - offset


def text_of(written: str) -> str | None:
    """What a text field means once it is read."""
    text = written.replace("\r\n", "\n").strip(BLANKS)
    return None if text in NULL_WORDS else text


@st.composite
def files(draw: st.DrawFn, *, extras: bool = True, max_rows: int = 6) -> MadeFile:
    """A well-formed purchases file in any dialect, and what its rows are."""
    dialect = draw(dialects())
    some_text = texts(dialect)
    undeclared = (
        draw(
            st.lists(
                st.sampled_from(["note", "Note", "x'y", "a,b", "漢" if dialect.encoding != "cp1252" else "é"]),
                unique=True,
                max_size=2,
            )
        )
        if extras
        else []
    )
    order = draw(st.permutations([*COLUMNS, *undeclared]))
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        lineterminator=dialect.line_end,
        quoting=dialect.quoting,
    )
    blank_lines = st.sampled_from(["", "", "", dialect.line_end, f" {dialect.line_end}"])
    out.write(draw(blank_lines))
    writer.writerow(order)
    expected: dict[int, dict[str, Any]] = {}
    for _ in range(draw(st.integers(0, max_rows))):
        out.write(draw(blank_lines))
        moment_text, moment = draw(moments_as_text())
        written = {
            "order_id": draw(some_text.filter(lambda t: text_of(t) is not None)),
            "customer_id": draw(some_text),
            "product_id": draw(some_text.filter(lambda t: text_of(t) is not None)),
            "description": draw(some_text),
            "quantity": draw(decimals_as_text()),
            "unit_price": draw(decimals_as_text()),
            "ordered_at": moment_text,
            **{name: draw(some_text) for name in undeclared},
        }
        line = out.getvalue().count("\r" if dialect.line_end == "\r" else "\n") + 1
        expected[line] = {
            **{name: text_of(written[name]) for name in TEXTS},
            "quantity": decimal_of(written["quantity"]),
            "unit_price": decimal_of(written["unit_price"]),
            "ordered_at": moment,
            "_extra": json.dumps({n: written[n].replace("\r\n", "\n") for n in sorted(undeclared)}, ensure_ascii=False)
            if undeclared
            else None,
        }
        writer.writerow([written[name] for name in order])
    text = out.getvalue()
    if draw(st.booleans()):
        text = text.removesuffix(dialect.line_end)
    content = text.encode("utf-8-sig" if dialect.bom else dialect.encoding)
    return MadeFile(dialect, content, expected)


# --- files that are broken in one place -------------------------------------------------------------------------------------------


def _written(field: str, *, quoted: bool) -> str:
    needs = quoted or any(c in field for c in ',"\n')
    return '"' + field.replace('"', '""') + '"' if needs else field


PLAIN_TEXTS = st.one_of(
    st.text("ab ,\"\n'é", max_size=6),
    st.sampled_from(["", "two\nlines", 'say "hi"', "\nlate", 'x"', '"', ",", ",\n,", '","']),
)


@st.composite
def records(draw: st.DrawFn, number: int, order: Sequence[str] = COLUMNS) -> str:
    """One well-formed record, without its line end; its order id tells it from all others."""
    fields = {
        "order_id": f"A{number}",
        "customer_id": draw(PLAIN_TEXTS),
        "product_id": f"P{number}",
        "description": draw(PLAIN_TEXTS),
        "quantity": draw(st.sampled_from(["1", "-2", "3.5"])),
        "unit_price": draw(st.sampled_from(["2.50", "0"])),
        "ordered_at": draw(st.sampled_from(["2011-12-01 08:26:00", "2011-12-01"])),
    }
    return ",".join(_written(fields[column], quoted=draw(st.booleans())) for column in order)


MUTATIONS = (
    "drop delimiter",
    "double delimiter",
    "add quote",
    "drop quote",
    "NUL",
    "bad byte",
    "junk number",
    "cut",
    "CR",
    "swap",
)


@st.composite
def corrupted(draw: st.DrawFn, record: bytes) -> bytes:
    """The record with one thing wrong (or, by luck, only different); it keeps its place and its line breaks."""

    def place(of: bytes) -> int:
        places = [i for i in range(len(record)) if record[i : i + len(of)] == of]
        return draw(st.sampled_from(places)) if places else 0

    anywhere = draw(st.integers(0, len(record)))
    mutation = draw(st.sampled_from(MUTATIONS))
    if mutation == "drop delimiter":
        at = place(b",")
        return record[:at] + record[at + 1 :]
    if mutation == "double delimiter":
        at = place(b",")
        return record[:at] + b"," + record[at:]
    if mutation == "drop quote" and b'"' in record:
        at = place(b'"')
        return record[:at] + record[at + 1 :]
    if mutation == "junk number":
        return record.replace(b"2.50", b"0x1F")
    if mutation == "cut":
        return record[:anywhere].replace(b"\n", b"") or b"x"
    if mutation == "swap":
        return b",".join(reversed(record.split(b",")))
    added = {"NUL": b"\0", "bad byte": b"\xff", "CR": b"\r"}.get(mutation, b'"')
    return record[:anywhere] + added + record[anywhere:]
