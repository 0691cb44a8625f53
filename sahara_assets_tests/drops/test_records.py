from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.drops import records as records_module
from sahara_assets.drops.dialect import Dialect
from sahara_assets.drops.fields import BLANKS, split_record
from sahara_assets.drops.header import read_header
from sahara_assets.drops.outlines import outline_of
from sahara_assets.drops.plain import Care
from sahara_assets.drops.records import RecordScanner
from sahara_assets.tables.datasets import DATASETS
from sahara_assets_tests.drops import made_files
from sahara_assets_tests.drops.drop_desk import settings_of
from sahara_assets_tests.drops.made_files import COLUMNS, corrupted, records


def _scan(
    data, columns=COLUMNS, *, dataset="purchases", chunk_bytes=1 << 20, quote='"', delimiter=",", encoding="utf-8"
):
    """All fields by physical line, and all broken records by physical line."""
    reading = settings_of(dataset, quote=quote, delimiter=delimiter).datasets[dataset]
    layout, _ = read_header(delimiter.join(columns).encode(), DATASETS[dataset], reading, "x.csv")
    scanner = RecordScanner(
        Dialect(delimiter, quote),
        width=len(columns),
        first_line=2,
        outline=outline_of(DATASETS[dataset], layout, reading),
        encoding=encoding,
    )
    lines = [line + b"\n" for line in data.removesuffix(b"\n").split(b"\n")]
    chunks = [b""]
    for line in lines:
        chunks[-1] += line
        if len(chunks[-1]) >= chunk_bytes:
            chunks.append(b"")
    fields, broken, count = {}, {}, 0
    for number, chunk in enumerate(chunks):
        found = scanner.feed(chunk, last=number == len(chunks) - 1)
        count += found.count
        for line, text in zip(found.plain_lines.tolist(), found.plain.split(b"\n"), strict=False):
            fields[line] = split_record(text.decode(), delimiter, quote)
        fields |= {record.line: record.fields for record in found.parsed}
        broken |= {record.line: record for record in found.broken}
    assert count == len(fields) + len(broken)
    return fields, broken


@st.composite
def _broken_files(draw):
    order = draw(st.permutations(COLUMNS))
    lines = [draw(records(i, order)).encode() for i in range(draw(st.integers(2, 5)))]
    at = draw(st.integers(0, len(lines) - 1))
    return order, lines, at, draw(corrupted(lines[at]))


@settings(max_examples=400, deadline=None)
@given(_broken_files(), st.sampled_from([1, 50, 1 << 20]))
def test_one_broken_record_costs_itself_and_nothing_else(made, chunk_bytes):
    order, lines, at, broken_line = made
    expected = [next(csv.reader(io.StringIO(line.decode(), newline=""))) for line in lines]
    fields, broken = _scan(b"\n".join(lines), order, chunk_bytes=chunk_bytes)
    assert not broken
    assert list(dict(sorted(fields.items())).values()) == expected
    starts = [2 + sum(line.count(b"\n") + 1 for line in lines[:i]) for i in range(len(lines))]
    assert sorted(fields) == starts

    damaged = b"\n".join([*lines[:at], broken_line, *lines[at + 1 :]])
    fields, broken = _scan(damaged, order, chunk_bytes=chunk_bytes)
    shift = broken_line.count(b"\n") - lines[at].count(b"\n")
    for i, start in enumerate(starts):
        if i != at:
            assert fields[start + (shift if i > at else 0)] == expected[i]
    assert (fields, broken) == _scan(damaged, order)


ROW = b"A%d,C1,P1,d,1,2.50,2011-12-01"


def test_an_unterminated_quote_ends_at_its_line_and_swallows_no_neighbour():
    fields, broken = _scan(b'A1,C1,P1,"open,1,2.50,2011-12-01\n' + ROW % 2 + b"\n" + ROW % 3 + b"\n")
    assert list(fields) == [3, 4]
    assert broken[2].reason == "a quote opens on this line and does not close; close it or write it twice"
    assert broken[2].text == 'A1,C1,P1,"open,1,2.50,2011-12-01'


def test_two_unterminated_quotes_that_pair_up_swallow_nothing_between_them():
    data = b'A1,C1,P1,"open,1,2.50,2011-12-01\n' + ROW % 2 + b'\nA3,C1,P1,also",1,2.50,2011-12-01\n'
    fields, broken = _scan(data)
    assert list(broken) == [2]
    assert fields[3][0] == "A2"
    assert fields[4][3] == 'also"'


def test_an_unterminated_quote_in_the_last_line_is_told_at_the_end_of_the_file():
    fields, broken = _scan(ROW % 1 + b'\nA2,C1,P1,"open\n', chunk_bytes=1)
    assert (list(fields), list(broken)) == ([2], [3])


def test_a_quoted_text_over_lines_may_hold_lines_that_only_look_a_little_like_rows():
    text = "Ordered:\nA1,C1\nA2,C1,P1,d,one,2.50,2011-12-01\n,,,,,,\n\nend"
    fields, broken = _scan(f'A1,C1,P1,"{text}",1,2.50,2011-12-01\n'.encode() + ROW % 2 + b"\n", chunk_bytes=1)
    assert not broken
    assert fields[2][3] == text
    assert fields[8][0] == "A2"


def test_in_a_dataset_of_texts_quoted_fields_run_over_lines_as_the_standard_says():
    data = b'P1,"first line\nsecond, line",\nP2,x,\n'
    fields, broken = _scan(data, ("product_id", "description", "category"), dataset="products")
    assert not broken
    assert fields == {2: ["P1", "first line\nsecond, line", ""], 4: ["P2", "x", ""]}


def test_a_quote_that_runs_too_far_counts_as_unterminated(monkeypatch):
    monkeypatch.setattr(records_module, "LONGEST_RECORD_BYTES", 60)
    for chunk_bytes in (1, 1 << 20):
        fields, broken = _scan(b'A1,C1,P1,"open\n' + b"x\n" * 40 + ROW % 2, chunk_bytes=chunk_bytes)
        assert list(fields) == [43]
        assert sorted(broken) == list(range(2, 43))


def test_an_open_quote_before_many_lines_of_empty_quotes_is_read_once():
    # Each of these lines leaves the quote open; reading the record anew for each took hours.
    fields, broken = _scan(b'A1,C1,P1,"open\n' + b'x,"",y\n' * 50_000 + ROW % 2)
    assert sorted(fields) == [50_003]
    assert len(broken) == 50_001


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_blank_lines_are_no_records_but_count_as_lines(chunk_bytes):
    data = b"\n \n" + ROW % 1 + b"\n\t \n\n" + ROW % 2 + b"\n\n \x0b\n"
    fields, broken = _scan(data, chunk_bytes=chunk_bytes)
    assert not broken
    assert list(fields) == [4, 7]


def test_a_line_of_delimiters_is_a_record_even_where_the_delimiter_is_a_blank():
    assert _scan(b",,,,,,\n")[0] == {2: [""] * 7}
    assert _scan(b"\t\t\t\t\t\t\n", delimiter="\t")[0] == {2: [""] * 7}
    assert _scan(b"\t\t\n", delimiter="\t")[1][2].reason == "3 fields where the header has 7"


def test_with_one_column_blank_lines_are_none_and_empty_quotes_are_a_record():
    fields, broken = _scan(b'a\n\n  \n""\n" "\n b\n"x\ny"\n', ("product_id",), dataset="products")
    assert not broken
    assert fields == {2: ["a"], 5: [""], 6: [" "], 7: [" b"], 8: ["x\ny"]}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'5" pipe', '5" pipe'),
        (b'"5"" pipe"', '5" pipe'),
        (b'""', ""),
        (b'""""', '"'),
        (b'""""""', '""'),
        (b' "x" ', "x"),
        (b'\t"x"\t', "x"),
        (b'a ""b', 'a ""b'),
        (b" x ", " x "),
        ("\u2028\x85\x0b\x0c\x1c".encode(), "\u2028\x85\x0b\x0c\x1c"),
        (b'"a\rb"', "a\rb"),
        ("漢😀".encode(), "漢😀"),
        (b"\\", "\\"),
        (b"\\n", "\\n"),
        (b"#", "#"),
    ],
)
def test_quotes_and_odd_characters_are_read_as_they_were_meant(line, expected):
    fields, broken = _scan(b"A1,C1,P1," + line + b",1,2.50,2011-12-01\n")
    assert not broken
    assert fields[2][3] == expected


@pytest.mark.parametrize(
    ("line", "reason", "field"),
    [
        (b'A1,C1,P1,"x"y,1,2.50,2011-12-01', "text follows a closing quote", None),
        (b"A1,C1,P1,d,1,2.50", "6 fields where the header has 7", None),
        (b"A1", "1 field where the header has 7", None),
        (b"A1,C1,P1,d,1,2.50,2011-12-01,", "8 fields where the header has 7", None),
        (b"A1,C1,P1,a\rb,1,2.50,2011-12-01", "a carriage return stands in the middle of the row", None),
        (b'A1,"x,y",P1,a\0b,1,2.50,2011-12-01', "NUL", 3),
        (
            b"A1,C1,P1,a\xe9b,1,2.50,2011-12-01",
            'byte 0xE9 is not UTF-8; if the file is Windows-1252, set encoding = "windows',
            3,
        ),
        (b"A1,C1,P1,\xed\xa0\x80,1,2.50,2011-12-01", "byte 0xED is not UTF-8", 3),
        (b"A1,\0,\xff", "NUL", None),
    ],
)
def test_what_is_wrong_with_a_line_is_said_and_the_line_kept_as_text(line, reason, field):
    fields, broken = _scan(ROW % 1 + b"\n" + line + b"\n" + ROW % 2 + b"\n")
    assert list(fields) == [2, 4]
    assert reason in broken[3].reason
    assert broken[3].field_index == field
    assert broken[3].text == line.decode(errors="backslashreplace").replace("\0", "\\x00")


def test_a_bad_byte_inside_a_quoted_text_over_lines_breaks_that_record_only_once():
    for bad in (b"\0", b"\xff"):
        data = b'A1,C1,P1,"one\ntw' + bad + b'o\nthree",1,2.50,2011-12-01\n' + ROW % 2
        fields, broken = _scan(data)
        assert list(fields) == [5]
        assert list(broken) == [2]
        assert broken[2].field_index == 3
        assert broken[2].text.count("\n") == 2


def test_a_bad_byte_in_a_windows_1252_file_is_not_blamed_on_utf8():
    _, broken = _scan(b"A1,C1,P1,\x81,1,2.50,2011-12-01\n", encoding="windows-1252")
    assert broken[2].reason == "byte 0x81 means nothing in Windows-1252; replace it"


@pytest.mark.parametrize("megabytes", [1, 3, 10])
@pytest.mark.parametrize("quoted", [False, True])
def test_a_very_long_field_is_read_whole(megabytes, quoted):
    text = "x" * (megabytes << 20)
    written = f'"{text}"' if quoted else text
    fields, broken = _scan(f"A1,C1,P1,{written},1,2.50,2011-12-01\n".encode() + ROW % 2)
    assert not broken
    assert fields[2][3] == text
    assert fields[3][0] == "A2"


def test_a_quote_that_runs_into_rows_and_leaves_a_required_value_empty_takes_none_with_it():
    order = ["customer_id", "quantity", "ordered_at", "order_id", "unit_price", "description", "product_id"]
    lines = [b'",,","3.5","2011-12-01",A1,0,"', b'",\n,",-2,"2011-12-01",A2,2.50,"b\nc","P2"']
    fields, broken = _scan(b"\n".join(lines), order)
    assert list(broken) == [2]
    assert fields == {3: [",\n,", "-2", "2011-12-01", "A2", "2.50", "b\nc", "P2"]}


_TEXT = st.text("ab ,;\t'\"\x0b\x0c\x1d\x1f\xa0\u2003\u3000\ufeffé漢", max_size=5)


@given(st.lists(st.lists(_TEXT, min_size=3, max_size=3), min_size=1, max_size=4), st.sampled_from(",;\t "))
def test_text_that_needs_no_care_has_no_blank_at_any_edge_and_no_character_of_the_hash(rows, delimiter):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    data = out.getvalue().encode()
    columns = ("product_id", "description", "category")
    reading = settings_of("products", delimiter=delimiter).datasets["products"]
    layout, _ = read_header(delimiter.join(columns).encode(), DATASETS["products"], reading, "x.csv")
    scanner = RecordScanner(
        Dialect(delimiter), width=3, first_line=1, outline=outline_of(DATASETS["products"], layout, reading)
    )
    found = scanner.feed(data, last=True)
    texts = [field for line in found.plain.decode().split("\n")[:-1] for field in split_record(line, delimiter, '"')]
    if found.care is Care.NONE:
        assert all(text == text.strip(BLANKS) for text in texts)
    if found.care is not Care.FULL:
        assert all(text.strip(" ") == text.strip(BLANKS) for text in texts)
        assert not any(c in text for text in texts for c in "\x1d\x1e\x1f")


def test_the_blanks_of_the_reader_and_of_these_tests_are_the_same():
    assert set(BLANKS) == set(made_files.BLANKS)
    assert all(c.isspace() or c in "\u200b\ufeff" for c in BLANKS)
