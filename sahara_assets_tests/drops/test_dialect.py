"""Detection: what is there is found, what is given is never doubted, and nothing depends on chance."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sahara_assets.drops.candidates import kind_of
from sahara_assets.drops.dialect import Dialect, detect
from sahara_assets.drops.fields import BLANK_RUN
from sahara_assets_tests.drops.messy.pollutions import COLUMNS, written

_NAMES = ("order", "customer", "day", "price", "note")
_WORDS = st.sampled_from(["mug", "tea, green", "5 pens", "l'eau", "a;b", "x|y", "red lamp", ""])


def _rows(words):
    return [(f"A{n}", f"c{n % 3}", f"2025-03-{n + 1:02}", f"{n}.50", word) for n, word in enumerate(words)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(_WORDS, min_size=4, max_size=20),
    st.sampled_from([",", ";", "\t", "|", "^", "~", "\x1f", "||", "::", "§"]),
    st.sampled_from(['"', "'"]),
    st.booleans(),
)
def test_a_table_is_found_under_any_usual_dialect(words, delimiter, quote, has_header):
    text = written(_rows(words), delimiter=delimiter, quote=quote, header=_NAMES if has_header else ())
    found = detect(text)
    assert found.dialect.delimiter == delimiter
    assert found.width == len(_NAMES)
    assert found.dialect.header_lines == int(has_header)
    assert found.dialect.skip_lines == 0
    if text.count(quote) > 1 and all(word != "l'eau" for word in words):
        assert found.dialect.quote == quote


@settings(max_examples=100, deadline=None)
@given(st.text("ab,;|\t\"' \n\\1.5:-#", max_size=200))
def test_any_text_gets_a_dialect_and_always_the_same(text):
    found = detect(text)
    assert found == detect(text)
    assert found.dialect.delimiter
    assert set(found.sure) == {
        "delimiter", "quote", "escape", "record_delimiter", "skip_lines", "header_lines", "comment", "totals"
    }  # fmt: skip
    assert all(0 <= sure <= 1 for sure in found.sure.values())


@settings(deadline=None)
@given(
    st.text("ab,;|\t\"' \n1.5:-", max_size=120),
    st.sampled_from([",", ";", "||", BLANK_RUN]),
    st.sampled_from(['"', "'", ""]),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_what_is_given_is_not_doubted(text, delimiter, quote, skip_lines, header_lines):
    given_parts = {"delimiter": delimiter, "quote": quote, "skip_lines": skip_lines, "header_lines": header_lines}
    found = detect(text, given_parts)
    assert {name: getattr(found.dialect, name) for name in given_parts} == given_parts
    assert {found.sure[name] for name in given_parts} == {1.0}


@pytest.mark.parametrize(
    ("text", "wanted"),
    {
        "decimal commas beside semicolons": ("a;b\n1,5;2,5\n2,5;3,5\n", ";"),
        "times and addresses full of colons": ("at,where\n10:30,http://a.b/c\n11:45,http://d.e/f\n", ","),
        "dates and times with blanks": ("at;n\n2025-01-01 10:00;5\n2025-01-02 11:00;6\n", ";"),
        "a byte that separates in Hive": ("a\x01b\n1\x012\n3\x014\n", "\x01"),
        "one stray quote": ('a;b;c\n1;"x;3\n4;y;6\n7;z;9\n', ";"),
        "one row too long": ("a|b|c\n1|2|3\n4|5|6|7\n7|8|9\n1|2|3\n", "|"),
    }.values(),
)
def test_the_delimiter_is_told_from_what_stands_in_values(text, wanted):
    assert detect(text).dialect.delimiter == wanted


@pytest.mark.parametrize(
    "text",
    [
        "name\nAnn Lee\nBob Ray\nCarl May\n",
        "at\n10:30\n11:45\n",
        "price\n1,50\n2,75\n",
        "id\n1\n2\n3\n",
        "just some words\n",
    ],
)
def test_one_column_stays_one(text):
    found = detect(text)
    assert found.width == 1
    assert found.sure["delimiter"] < 0.5


@pytest.mark.parametrize(
    ("head", "skip_lines", "header_lines"),
    [
        ("id,day,price\n", 0, 1),
        ("", 0, 0),
        ("Report\n\nid,day,price\n", 2, 1),
        ("Report,,\n,,\nid,day,price\n", 2, 1),
        ("id,day,price\nno.,when,EUR\n", 0, 2),
        ("\n\nid,day,price\n", 2, 1),
        ("Report of March\nid,2024,2025\n", 1, 1),
    ],
)
def test_where_the_table_begins_and_what_names_it(head, skip_lines, header_lines):
    values = [(f"x{n}", f"2025-03-{n:02}", str(n)) for n in range(1, 9)]
    if "2024" in head:
        values = [(f"x{n}", str(n * 7), str(n * 9)) for n in range(1, 9)]
    found = detect(head + written(values, header=()))
    assert (found.dialect.skip_lines, found.dialect.header_lines) == (skip_lines, header_lines)


def test_an_escape_is_found_only_where_one_stands_before_quotes():
    rows = [("1", 'a "b" c', "x"), ("2", "back\\slash, too", "y"), ("3", "plain", "z")]
    assert detect(written(rows, header=("n", "what", "how"))).dialect.escape == ""
    assert detect(written(rows, header=("n", "what", "how"), escape="\\")).dialect.escape == "\\"


def test_a_sample_that_is_cut_says_nothing_of_totals():
    text = written() + "Total,,,,24,72.00,\n"
    assert detect(text).dialect.totals == ("Total",)
    assert detect(text, is_whole=False).dialect.totals == ()


def test_a_product_that_is_called_total_is_no_totals_line():
    rows = [(f"{word} mug", str(n), "2025-03-01") for n, word in enumerate(["Red", "Blue", "Green", "Total"])]
    assert detect(written(rows, header=("what", "n", "day"))).dialect.totals == ()


def test_only_one_ascii_character_can_be_cut_in_bulk():
    assert Dialect(",").is_plain
    assert not any(Dialect(delimiter).is_plain for delimiter in ("||", "§", BLANK_RUN))


@given(st.text(max_size=30))
def test_every_text_looks_like_something(cell):
    assume("\n" not in cell)
    assert kind_of(cell) in {"empty", "number", "moment", "address", "text"}
    assert kind_of(f"  {cell.strip()} ") == kind_of(cell)


def test_the_names_of_the_corpus_are_words():
    assert {kind_of(name) for name in COLUMNS} == {"text"}
