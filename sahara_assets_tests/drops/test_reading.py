from __future__ import annotations

import gzip
import json
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahara_assets.drops import content as content_module
from sahara_assets.drops import delimited as delimited_module
from sahara_assets.drops.content import inspect_content
from sahara_assets.drops.reading import DropReader, Reading
from sahara_assets.errors import DropError
from sahara_assets.tables.datasets import DATASETS
from sahara_assets_tests.drops.drop_desk import HEADER, Desk, assert_conserved, settings_of
from sahara_assets_tests.drops.made_files import corrupted, files, records

ROW = "A{},C1,P1,d,1,2.50,2011-12-01"
LINES = [HEADER, *(ROW.format(i) for i in range(2, 6))]
ANY_SIZES = (st.sampled_from([16, 50, 1 << 20]), st.sampled_from([150, 1 << 20, 1 << 20]))
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.fixture(scope="module")
def desk():
    made = Desk()
    yield made
    made.close()


# --- laws ------------------------------------------------------------------------------------------------------------------------


def _comparable(row):
    return row | {"_extra": json.loads(row["_extra"]) if row["_extra"] else None}


@settings(max_examples=15, suppress_health_check=SLOW, deadline=None)
@given(files(), *ANY_SIZES)
def test_any_well_formed_file_is_loaded_exactly_whatever_its_dialect_and_however_it_is_cut_up(desk, made, chunk, batch):
    loaded = desk.load(made.content, gz=made.dialect.gz, chunk_bytes=chunk, batch_bytes=batch, **made.dialect.settings)
    assert loaded.reasons() == {}
    assert_conserved(loaded)
    seen = {line: _comparable({name: row[name] for name in made.expected[line]}) for line, row in loaded.rows.items()}
    assert seen == {line: _comparable(row) for line, row in made.expected.items()}


@st.composite
def _damaged_files(draw):
    """A file of a few records, and versions of it that are broken in one of them each."""
    lines = [draw(records(i)) for i in range(draw(st.integers(2, 4)))]
    versions = {}
    for _ in range(5):
        at = draw(st.integers(0, len(lines) - 1))
        damaged = [line.encode() for line in lines]
        damaged[at] = draw(corrupted(damaged[at]))
        versions[b"\n".join([HEADER.encode(), *damaged])] = at
    return "\n".join([HEADER, *lines]).encode(), versions


@settings(max_examples=6, suppress_health_check=SLOW, deadline=None)
@given(_damaged_files(), *ANY_SIZES)
def test_one_broken_record_changes_nothing_about_the_others_and_no_row_is_lost(desk, made, chunk, batch):
    whole, versions = made
    versions.pop(whole, None)
    first, *others = desk.load_all(whole, *versions, chunk_bytes=chunk, batch_bytes=batch)
    assert_conserved(first)
    rows = {row["order_id"]: {k: v for k, v in row.items() if k[0] != "_" or k == "_line_hash"} for row in first.values}
    assert first.reasons() == {}
    for loaded, at in zip(others, versions.values(), strict=True):
        assert_conserved(loaded)
        kept = [{k: v for k, v in row.items() if k[0] != "_" or k == "_line_hash"} for row in loaded.values]
        assert all(row in kept for order, row in rows.items() if order != f"A{at}")


_BITS = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b",", b"\n", b"\r\n", b"\r", b'"', b'""', b"\0", b"\xff", b"\xef\xbb\xbf", b" ", b"\t", b"\xe2\x80\xa8"]
    ),
    st.sampled_from(
        [b",,,,,,\n", HEADER.encode() + b"\n", ROW.encode() + b"\n", b'A2,C1,P1,"d\nx",1,2.5,2011-12-01\n']
    ),
)
_RUBBISH = st.builds(
    lambda header, bits: (HEADER.encode() + b"\n") * header + b"".join(bits),
    st.booleans(),
    st.lists(_BITS, max_size=12),
).filter(
    lambda blob: not blob.startswith(b"\x1f\x8b")
)  # a broken archive is refused before it is read: test_content.py


@settings(max_examples=10, suppress_health_check=SLOW, deadline=None)
@given(st.lists(_RUBBISH, min_size=6, max_size=6, unique=True), *ANY_SIZES, st.sampled_from(['"', "'", ""]))
def test_whatever_bytes_a_file_holds_they_are_read_rejected_or_refused_and_counted(desk, blobs, chunk, batch, quote):
    for loaded in desk.load_all(*blobs, chunk_bytes=chunk, batch_bytes=batch, quote=quote):
        assert_conserved(loaded)
        if loaded.reading.refusal is not None:
            assert not loaded.rows
            assert loaded.reading.refusal.startswith("drop-")


# --- identity --------------------------------------------------------------------------------------------------------------------

_TEXT = st.text("agru~1:;\x1d\x1e\x1f\n é", max_size=4)
_VALUES = st.tuples(_TEXT, _TEXT, _TEXT, st.sampled_from(["1", "1.0", "11", "0.5"]), st.sampled_from(["1", "2.50"]))


@settings(max_examples=8, suppress_health_check=SLOW, deadline=None)
@given(st.lists(_VALUES, min_size=2, max_size=40))
def test_lines_have_equal_hashes_exactly_where_all_their_typed_values_are_equal(desk, rows):
    lines = [HEADER]
    for customer, product, description, quantity, price in rows:
        cells = ["A", customer, f"P{product}", description]
        lines.append(",".join([*(f'"{cell}"' for cell in cells), quantity, price, "2011-12-01"]))
    loaded = desk.load("\n".join(lines))
    assert loaded.reasons() == {}
    typed = [tuple(row[k] for k in HEADER.split(",")) for row in loaded.values]
    hashes = loaded.column("_line_hash")
    assert len(set(zip(typed, hashes, strict=True))) == len(set(typed)) == len(set(hashes))
    counts: dict[str, int] = {}
    for found in loaded.values:
        counts[found["_line_hash"]] = counts.get(found["_line_hash"], 0) + 1
        assert found["_occurrence"] == counts[found["_line_hash"]]


def test_a_line_is_the_same_line_in_any_dialect_order_and_encoding_and_whatever_else_the_file_holds(desk):
    row = {"order_id": "A1", "customer_id": "17850", "product_id": "P1", "description": "Café, crème", "quantity": "1"}
    row |= {"unit_price": "2.5", "ordered_at": "2011-12-01 08:26"}
    texts = []
    for delimiter, order, note in (
        (",", list(row), ""),
        (";", list(row)[::-1], ""),
        ("\t", list(row), "note"),
        ("|", sorted(row), "x"),
    ):
        cells = [f'"{row[name]}"' for name in order]
        texts.append("\n".join(delimiter.join([*line, *([note] if note else [])]) for line in (order, cells)))
    other = "A2,C,P,\x1f\u2028 ,1,1,2011-12-01"
    drops = [
        texts[0],
        texts[1].replace("\n", "\r\n").encode("cp1252"),
        texts[2].encode("utf-8-sig"),
        texts[3].replace("\n", "\r"),
        texts[0].replace('"1"', "1.0000").replace("2.5", "+02.50").replace("08:26", "08:26:00"),
        f"{texts[0]}\n{other}\n",
        texts[0].replace("Café, crème", "  Café, crème ").replace('"17850"', ' "17850" '),
    ]
    hashes = {loaded.values[0]["_line_hash"] for loaded in desk.load_all(*drops)}
    assert len(hashes) == 1


def test_undeclared_columns_are_kept_as_canonical_json_and_are_no_part_of_the_lines_identity(desk):
    text = f"""z,{HEADER},Note,note,"it's ""x"", 漢"\n1,{LINES[1]}, a ,,"q ""\\ \n"\n2,{LINES[1]},b,B,\n"""
    loaded = desk.load(text)
    first, second = loaded.values
    assert first["_extra"] == '{"Note":" a ","it\'s \\"x\\", 漢":"q \\"\\\\ \\n","note":"","z":"1"}'
    assert json.loads(second["_extra"]) == {"Note": "b", 'it\'s "x", 漢': "", "note": "B", "z": "2"}
    assert first["_line_hash"] == second["_line_hash"]
    assert (first["_occurrence"], second["_occurrence"]) == (1, 2)
    assert [name for name, _ in loaded.reading.layout.undeclared] == ["z", "Note", "note", 'it\'s "x", 漢']


def test_the_same_name_twice_among_undeclared_columns_keeps_both_values(desk):
    loaded = desk.load(f"{HEADER},note,note\n{LINES[1]},a,b\n")
    assert loaded.values[0]["_extra"] == '{"note":"a","note (2)":"b"}'


@pytest.mark.parametrize("batch_bytes", [1, 100, 1 << 20])
def test_equal_lines_are_numbered_within_their_drop_over_all_its_batches(desk, batch_bytes):
    one = "\n".join([HEADER, *[LINES[1], LINES[2]] * 5])
    two = "\n".join([HEADER, LINES[2], LINES[1], LINES[2]])
    first, second = desk.load_all(one, two, chunk_bytes=40, batch_bytes=batch_bytes)
    assert [(row["order_id"], row["_occurrence"]) for row in first.values] == [
        (o, n) for n in range(1, 6) for o in ("A2", "A3")
    ]
    assert second.column("_occurrence") == [1, 1, 2]


# --- keys ------------------------------------------------------------------------------------------------------------------------

CATALOGUE = "product_id,description,list_price\n"


@pytest.mark.parametrize("batch_bytes", [1, 1 << 20])
def test_a_key_that_stands_again_with_other_values_counts_by_its_later_line(desk, batch_bytes):
    first = CATALOGUE + 'P1,a,1\nP2,"x\ny",2\nP1,a,1.00\nP2,z,2\nP3,c,3\nP1,b,1\nP1,b,1.0\n'
    second = CATALOGUE + "P1,other,9\n"
    loaded, other = desk.load_all(first, second, dataset="products", chunk_bytes=20, batch_bytes=batch_bytes)
    assert_conserved(loaded)
    assert loaded.reading.rows_read == 7
    assert [(line, row["product_id"], row["description"]) for line, row in loaded.rows.items()] == [
        (6, "P2", "z"),
        (7, "P3", "c"),
        (8, "P1", "b"),
        (9, "P1", "b"),
    ]
    assert loaded.reasons() == {
        2: "product_id stands again on line 9 with other values; the later line counts",
        3: "product_id stands again on line 6 with other values; the later line counts",
        5: "product_id stands again on line 9 with other values; the later line counts",
    }
    assert [reject["raw_text"] for reject in loaded.rejects.values()] == ["P1,a,1", 'P2,"x\ny",2', "P1,a,1.00"]
    assert [reject["column_name"] for reject in loaded.rejects.values()] == ["product_id"] * 3
    assert (len(other.rows), other.rejects) == (1, {})


def test_equal_rows_of_one_key_are_no_contradiction(desk):
    loaded = desk.load(CATALOGUE + "P1,a,1\nP1, a ,1.00\nP1,a,1\n", dataset="products")
    assert loaded.rejects == {}
    assert loaded.column("_occurrence") == [1, 2, 3]


@settings(max_examples=10, suppress_health_check=SLOW, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("PQR"), st.sampled_from("ab"), st.sampled_from("12")), min_size=1, max_size=12),
    *ANY_SIZES,
)
def test_of_every_key_only_rows_like_its_last_one_stay(desk, lines, chunk, batch):
    text = CATALOGUE + "".join(f"{key},{name},{price}\n" for key, name, price in lines)
    loaded = desk.load(text, dataset="products", chunk_bytes=chunk, batch_bytes=batch)
    assert_conserved(loaded)
    last = {key: (key, name, price) for key, name, price in lines}
    assert sorted(loaded.rows) == [number for number, line in enumerate(lines, 2) if line == last[line[0]]]
    assert len(loaded.rejects) == len(lines) - len(loaded.rows)


# --- whole drops -----------------------------------------------------------------------------------------------------------------


def test_a_drop_without_a_required_column_is_refused_whole_and_the_others_load(desk):
    lacking = "\n".join(line.replace("order_id,", "").removeprefix("A2,") for line in LINES)
    reordered = "\n".join(";".join(reversed(line.split(","))) for line in LINES)
    good, bad, other, empty, header_only, zipped = desk.load_all(
        "\n".join(LINES), lacking, reordered, b"", HEADER, gzip.compress(gzip.compress(b"x"))
    )
    assert (len(good.rows), len(other.rows), len(header_only.rows)) == (4, 4, 0)
    assert good.column("_line_hash") == other.column("_line_hash")
    for refused, rows_read, why in (
        (bad, 4, "lacks 'order_id'"),
        (empty, 0, "no header line"),
        (zipped, 0, "gzip archive"),
    ):
        assert why in refused.reading.refusal
        assert (refused.reading.rows_read, refused.reading.rows_rejected, refused.rows) == (rows_read, rows_read, {})
        (reject,) = refused.reading.rejects
        assert (reject["line"], reject["column_name"], reject["reason"]) == (1, None, refused.reading.refusal)
    assert (header_only.reading.refusal, header_only.reading.rows_read, header_only.rejects) == (None, 0, {})
    assert header_only.reading.layout.text == HEADER


def test_drops_with_different_headers_do_not_disturb_each_other(desk):
    plain = [f"{HEADER}\n{ROW.format(i)}\n" for i in range(3)]
    noted = [f"note,{HEADER}\nn{i},{ROW.format(i)}\n" for i in range(3)]
    loaded = desk.load_all(*(drop for pair in zip(plain, noted, strict=True) for drop in pair))
    assert [drop.values[0]["order_id"] for drop in loaded] == ["A0", "A0", "A1", "A1", "A2", "A2"]
    assert [drop.values[0]["_extra"] for drop in loaded] == [
        None,
        '{"note":"n0"}',
        None,
        '{"note":"n1"}',
        None,
        '{"note":"n2"}',
    ]


def test_a_refused_drop_keeps_no_more_of_a_huge_first_line_than_a_person_can_read(desk):
    refused = desk.load(b"x" * 1_000_000)
    (reject,) = refused.reading.rejects
    assert len(reject["raw_text"]) < 20_000
    assert len(reject["reason"]) < 1_000


def test_rejects_keep_text_line_column_and_reason(desk):
    text = f'{HEADER}\n\n{LINES[1]}\nA3,C1,P1,"two\nlines",x,2.50,2011-12-01\nshort\n{LINES[2]}\n'
    loaded = desk.load(text.replace("\n", "\r\n"))
    assert list(loaded.rows) == [3, 7]
    assert [(r["line"], r["column_name"], r["raw_text"]) for r in loaded.rejects.values()] == [
        (4, "quantity", 'A3,C1,P1,"two\nlines",x,2.50,2011-12-01'),
        (6, None, "short"),
    ]
    assert loaded.reasons()[6] == "1 field where the header has 7"


def test_a_reject_names_the_column_as_the_file_does(desk):
    loaded = desk.load(
        f"{HEADER.replace('quantity', 'Menge')}\n{LINES[1].replace(',1,', ',x,')}\n", columns={"quantity": "Menge"}
    )
    assert loaded.rejects[2]["column_name"] == "Menge"
    assert loaded.reasons()[2].startswith("Menge holds 'x'; ")


def test_a_concatenated_file_loses_only_its_second_header(desk):
    one = "\ufeff" + "\n".join(LINES) + "\n"
    loaded = desk.load(one + one)
    assert len(loaded.rows) == 8
    assert list(loaded.rejects) == [6]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_any_usual_line_end_is_one(desk, line_end, last):
    loaded = desk.load(line_end.join(LINES) + (line_end if last else ""))
    assert list(loaded.rows) == [2, 3, 4, 5]
    assert loaded.rejects == {}


def test_mixed_line_ends_are_read_and_a_lone_carriage_return_is_told(desk):
    loaded = desk.load(f"{LINES[0]}\r\n{LINES[1]}\n{LINES[2]}\r{LINES[3]}\r\n{LINES[4]}")
    assert list(loaded.rows) == [2, 4]
    assert "carriage return" in loaded.reasons()[3]


def test_without_quoting_a_quote_is_a_character(desk):
    loaded = desk.load(f'{HEADER}\n"A1,C1,P1,5",1,2.50,2011-12-01\n', quote="")
    assert [(row["order_id"], row["description"]) for row in loaded.values] == [('"A1', '5"')]


def test_a_windows_1252_file_is_read_and_its_undefined_bytes_are_rejected(desk):
    text = f"{HEADER}\nA1,C1,P1,£5 “Café”,1,2.50,2011-12-01\nA2,C1,P1,".encode("cp1252") + b"\x81,1,2.50,2011-12-01\n"
    loaded = desk.load(text)
    assert loaded.column("description") == ["£5 “Café”"]
    assert loaded.reasons() == {3: "byte 0x81 means nothing in Windows-1252; replace it"}
    assert loaded.rejects[3]["column_name"] == "description"


def test_one_broken_line_does_not_turn_a_utf8_file_into_another_encoding(desk):
    loaded = desk.load(f"{HEADER}\nA1,C1,P1,Café,1,2,2011-12-01\nA2,C1,P1,".encode() + b"\xe9,1,2,2011-12-01\n")
    assert loaded.column("description") == ["Café"]
    assert "0xE9 is not UTF-8" in loaded.reasons()[3]


def test_two_thousand_columns_are_read(desk):
    names = [f"c{i}" for i in range(1993)]
    loaded = desk.load(
        f"{HEADER},{','.join(names)}\n{LINES[1]},{','.join('v' + n for n in names)}\n{LINES[2]},{',' * 1992}\n"
    )
    first, second = (json.loads(row["_extra"]) for row in loaded.values)
    assert first == {name: f"v{name}" for name in names}
    assert set(second.values()) == {""}


def test_long_fields_and_short_rows_keep_their_lines(desk):
    long = "y" * 3_000_000
    loaded = desk.load(
        f"{LINES[0]}\n{LINES[1]}\nA9,C1,P1,{long},1,2,2011-12-01\n{LINES[2]}\nA9,C1,P1,{long}\n", chunk_bytes=1 << 20
    )
    assert list(loaded.rows) == [2, 3, 4]
    assert loaded.rows[3]["description"] == long
    assert loaded.rejects[5]["raw_text"] == f"A9,C1,P1,{long}"


def test_line_numbers_stay_true_where_duckdb_reads_with_many_buffers(desk):
    count = 120_000
    lines = [f"A{i},C1,P1,{'d' * 60},1,2.50,2011-12-01" for i in range(2, count + 2)]
    lines[70_000] = "broken"
    lines[90_000] = ""
    loaded = desk.load("\n".join([HEADER, *lines]))
    assert len(loaded.rows) == count - 2
    assert list(loaded.rejects) == [70_002]
    assert all(row["order_id"] == f"A{line}" for line, row in loaded.rows.items())


def test_a_drop_that_changes_while_it_is_read_leaves_nothing_behind(desk, tmp_path, monkeypatch):
    path = tmp_path / "drop.csv"
    path.write_text("\n".join(LINES))
    inspected = inspect_content(path, "auto")
    path.write_text("\n".join([*LINES, ROW]))
    reading = Reading(inspected.drop_id, path, inspected)
    settings_ = settings_of()
    reader = DropReader(desk.warehouse, DATASETS["purchases"], settings_.datasets["purchases"], settings_.project)
    with pytest.raises(DropError, match="changed while it was read"), desk.warehouse.transaction():
        reader.read([reading])
    assert desk.warehouse.reader.execute("SELECT count(*) FROM raw_purchases").fetchone() == (0,)


def test_a_file_that_stops_having_line_ends_is_refused_or_spoils_its_transaction_but_no_other(desk, monkeypatch):
    monkeypatch.setattr(content_module, "LONGEST_LINE_BYTES", 1000)
    endless = "\n".join(LINES) + "\n" + "x" * 5000
    assert "no line end" in desk.load(endless, chunk_bytes=500).reading.refusal
    # Further down, rows of it may be in the table already.
    monkeypatch.setattr(delimited_module, "HEADER_BYTES", 10)
    with pytest.raises(DropError, match="no line end"):
        desk.load(endless, chunk_bytes=100)
    assert len(desk.load("\n".join(LINES)).rows) == 4


def test_what_a_file_says_never_reaches_the_statements(desk):
    evil = "x'); DROP TABLE raw_purchases; --"
    loaded = desk.load(
        f'{HEADER},"{evil}",{{c0}}\nA1,C1,P1,"{evil}",1,2,2011-12-01,"{evil}",b\n', null_values=["it's", "{x}"]
    )
    assert loaded.values[0]["description"] == evil
    assert json.loads(loaded.values[0]["_extra"]) == {evil: evil, "{c0}": "b"}


def test_the_values_are_typed_as_declared(desk):
    (row,) = desk.load(f"{HEADER}\n{LINES[1]}\n").values
    assert row["quantity"] == Decimal(1)
    assert row["unit_price"] == Decimal("2.50")
    assert row["ordered_at"] == row["ordered_at_local"] == datetime(2011, 12, 1)
    assert row["_drop_id"]
    assert len(row["_line_hash"]) == 32
