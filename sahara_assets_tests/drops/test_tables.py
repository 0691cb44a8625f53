"""`read_table` and what `sahara peek` writes: any file, nothing lost, nothing made up."""

from __future__ import annotations

import csv
import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.drops.dialect import Dialect
from sahara_assets.drops.ends import chunks_by
from sahara_assets.drops.peeking import as_document, clean_csv, given_parts, rejects_csv
from sahara_assets.drops.tables import read_table
from sahara_assets.errors import DropError, SaharaError
from sahara_assets_tests.drops.messy.pollutions import COLUMNS, ROWS, written


def _file(folder, content):
    path = folder / "any.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300) | st.text("ab1,;\"'\n\r\t|\\ .#\x00\x1e", max_size=200).map(str.encode))
def test_whatever_a_file_holds_every_record_is_a_row_or_kept_out(tmp_path_factory, content):
    path = _file(tmp_path_factory.mktemp("any"), content)
    try:
        table = read_table(path)
    except DropError:  # no text: said as a whole
        return
    assert table.records_read == len(table.rows) + len(table.rejects)
    assert all(len(row) == table.width for row in table.rows)
    assert table.lines == sorted(set(table.lines))
    assert all(reject.reason for reject in table.rejects)
    assert table.header is None or len(table.header) == table.width


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.text("ab, \"'\n;é", min_size=1, max_size=6)] * 3), min_size=1, max_size=8))
def test_the_clean_csv_of_a_table_holds_its_rows_for_any_other_reader(tmp_path_factory, rows):
    path = _file(tmp_path_factory.mktemp("clean"), written(rows, header=("x", "y", "z"), delimiter=";"))
    table = read_table(path, Dialect(";"))
    again = list(csv.reader(io.StringIO(clean_csv(table).decode(), newline="")))
    assert again == [table.header, *table.rows]


def test_parts_that_are_given_are_taken_and_the_rest_is_found(tmp_path):
    path = _file(tmp_path, "a;b;c\n1;2,5;x\n2;3,5;y\n")
    assert read_table(path).rows == [["1", "2,5", "x"], ["2", "3,5", "y"]]
    assert read_table(path, {"delimiter": ",", "skip_lines": 0, "header_lines": 1}).rows == [
        ["1;2", "5;x"],
        ["2;3", "5;y"],
    ]
    assert read_table(path, {"header_lines": 0}).names == ["column_1", "column_2", "column_3"]
    assert read_table(path, Dialect(";", skip_lines=1, header_lines=0)).lines == [2, 3]


def test_nothing_is_made_up_in_the_clean_csv(tmp_path):
    table = read_table(_file(tmp_path, written(header=())))
    assert table.header is None
    assert clean_csv(table).decode().count("\r\n") == len(ROWS)
    assert "column_1" not in clean_csv(table).decode()


def test_rejects_are_written_with_line_kind_reason_and_text(tmp_path):
    table = read_table(_file(tmp_path, "Report\n\nid,n,day\n1,2,2025-01-01\n2,3\n3,4,2025-01-02\n4,5,2025-01-03\n"))
    header, *rejects = csv.reader(io.StringIO(rejects_csv(table).decode(), newline=""))
    assert header == ["line", "kind", "reason", "text"]
    assert rejects == [
        ["1", "before", "the line stands before the header", "Report"],
        ["5", "row", "2 fields where the header has 3", "2,3"],
    ]
    document = as_document(table, 1)
    assert (document["records_read"], document["rows"], document["blank_lines"]) == (5, 3, 1)
    assert document["first_rows"] == [["1", "2", "2025-01-01"]]


def test_a_packed_file_is_read_like_its_content(tmp_path):
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(written().encode()))
    assert read_table(path).header == list(COLUMNS)


def test_what_is_no_text_is_said(tmp_path):
    with pytest.raises(DropError, match="PDF"):
        read_table(_file(tmp_path, b"%PDF-1.7 ..."))
    with pytest.raises(DropError, match="no encoding 'latin-9'; known: auto"):
        read_table(_file(tmp_path, "a,b\n"), encoding="latin-9")


def test_a_reject_in_the_middle_belongs_to_no_other_table(tmp_path):
    text = written(ROWS[:5]) + "a,b\n" * 2 + written(ROWS[5:], header=()) + "x,y\n1,2\n3,4\n"
    kinds = [reject.kind for reject in read_table(_file(tmp_path, text)).rejects]
    assert kinds == ["row", "row", "table", "table", "table"]


@given(
    st.lists(st.text("ab,\n", max_size=5), min_size=1, max_size=6),
    st.sampled_from(["\x1e", "#|", "\x1e\n"]),
    st.integers(1, 9),
)
def test_records_are_the_same_however_the_file_comes_in_pieces(records, delimiter, size):
    text = "".join(record + delimiter for record in records).encode()
    whole = b"".join(chunks_by([text], delimiter))
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert b"".join(chunks_by(pieces, delimiter)) == whole
    assert whole.count(b"\n") == len(records)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"delimiter": r"\t"}, {"delimiter": "\t"}),
        ({"delimiter": "comma"}, {"delimiter": ","}),
        ({"delimiter": "runs of blanks"}, {"delimiter": "blanks"}),
        ({"delimiter": "§"}, {"delimiter": "§"}),
        ({"escape": "\\"}, {"escape": "\\"}),
        ({"quote": "apostrophe", "header_lines": 0}, {"quote": "'", "header_lines": 0}),
    ],
)
def test_options_are_read_as_a_person_writes_them(options, wanted):
    assert given_parts(options) == wanted


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quote": "two"}, "--quote: must be one character"),
        ({"delimiter": ""}, "--delimiter: must be one or more characters"),
        ({"delimiter": r"\xz"}, "--delimiter: '.*' is no character"),
        ({"record_delimiter": ""}, "--record-delimiter"),
        ({"delimiter": "'", "quote": "'"}, "--quote: is the delimiter too"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, said):
    with pytest.raises(SaharaError, match=said):
        given_parts(options)
