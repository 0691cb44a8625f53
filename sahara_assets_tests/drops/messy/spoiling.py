"""Order files under any dialect with some of their lines spoilt: what the fuzz delivers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from sahara_assets.drops.dialect import Dialect
from sahara_assets_tests.drops.messy.pollutions import COLUMNS, written

DIALECTS = [
    Dialect(delimiter, quote, escape)
    for delimiter in (",", ";", "\t", "|", "||", "§", " ", "blanks")
    for quote in ('"', "'")
    for escape in ("", "\\")
]
WORDS = (
    "mug",
    "tea, green",
    'a 5" pipe',
    "l'eau",
    "a;b|c",
    "x || y",
    "§ 5",
    "back\\slash",
    '"whole"',
    "tab\there",
    "",
    "ü",
    "Total",
    "#1",
)
HOWS = ("insert", "insert", "insert", "delete", "double", "cut", "swap")


@dataclass(frozen=True)
class Spoilt:
    """A file, its dialect, the rows that were not touched by physical line, and how many lines there are."""

    content: bytes
    dialect: Dialect
    good: dict[int, tuple[str, ...]]
    lines: int


def row(number: int, word: str, other: str, amount: int) -> tuple[str, ...]:
    """An order line of which no two are alike."""
    at = f"2025-{number % 12 + 1:02}-{number % 28 + 1:02} {number % 24:02}:{amount % 60:02}:00"
    return (
        f"A{number}",
        f"c{number % 7}",
        f"P{amount}{other.strip() and '-'}x",
        word,
        str(amount % 9 + 1),
        f"{amount}.25",
        at,
    )


def line_of(values: tuple[str, ...], dialect: Dialect) -> bytes:
    """A row as one line of a dialect."""
    delimiter = "   " if dialect.delimiter == "blanks" else dialect.delimiter
    if delimiter == "   ":
        values = tuple(value.replace("\t", " ") or "-" for value in values)
    text = written([values], delimiter=delimiter, quote=dialect.quote, escape=dialect.escape, header=())
    return text.removesuffix("\n").encode()


def spoil(line: bytes, how: str, place: int, mark: bytes) -> bytes:
    """A line with one thing wrong: always one line, and one that holds something."""
    place %= len(line) + 1
    spoilt = {
        "insert": line[:place] + mark + line[place:],
        "delete": line[:place] + line[place + 1 :],
        "double": line[:place] + line[place : place + 3] * 2 + line[place + 3 :],
        "cut": line[:place],
        "swap": line[place:] + line[:place],
    }[how]
    return spoilt if spoilt.strip() else b"?"


def marks(dialect: Dialect) -> list[bytes]:
    """What hurts most in a dialect."""
    delimiter = b" " if dialect.delimiter == "blanks" else dialect.delimiter.encode()
    quote = dialect.quote.encode()
    return [
        quote,
        quote,
        delimiter,
        delimiter,
        quote + delimiter,
        delimiter + quote,
        b"\\",
        b"\0",
        b"\r",
        b"\xff",
        b"\xc3",
        b"x",
        b" ",
    ]


def spoilt_file(dialect: Dialect, rows: list[tuple[str, ...]], wounds: dict[int, tuple[str, int, bytes]]) -> Spoilt:
    """The rows below a header, some of their lines spoilt."""
    header = line_of(COLUMNS, dialect)
    lines, good = [header], {}
    for number, values in enumerate(rows):
        line = line_of(values, dialect)
        if number in wounds:
            line = spoil(line, *wounds[number])
        else:
            good[number + 2] = values
        lines.append(line)
    return Spoilt(b"\n".join(lines) + b"\n", dialect, good, len(rows))


@st.composite
def small_files(draw: st.DrawFn) -> Spoilt:
    """A few rows, one or two of them spoilt, drawn one by one so that a failure shrinks."""
    dialect = draw(st.sampled_from(DIALECTS))
    count = draw(st.integers(5, 9))
    rows = [
        row(n, draw(st.sampled_from(WORDS)), draw(st.sampled_from(WORDS)), draw(st.integers(0, 99)))
        for n in range(count)
    ]
    wounds = {
        n: (draw(st.sampled_from(HOWS)), draw(st.integers(0, 60)), draw(st.sampled_from(marks(dialect))))
        for n in draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=2))
    }
    return spoilt_file(dialect, rows, wounds)


def large_file(seed: int, count: int) -> Spoilt:
    """Many rows, one in eight of them spoilt."""
    chance = random.Random(seed)
    dialect = chance.choice(DIALECTS)
    rows = [row(n, chance.choice(WORDS), chance.choice(WORDS), chance.randrange(100)) for n in range(count)]
    wounds = {
        n: (chance.choice(HOWS), chance.randrange(80), chance.choice(marks(dialect)))
        for n in range(count)
        if chance.random() < 1 / 8
    }
    return spoilt_file(dialect, rows, wounds)


def settings_for(dialect: Dialect) -> dict[str, Any]:
    """The dialect as a dataset declares it."""
    return {"delimiter": dialect.delimiter, "quote": dialect.quote, "escape": dialect.escape}
