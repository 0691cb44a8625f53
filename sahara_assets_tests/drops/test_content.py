from __future__ import annotations

import gzip
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.drops import content, encodings
from sahara_assets.drops.content import NotTextError, clean_chunks, inspect_content
from sahara_assets.errors import DropError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("content")


def _file(folder, data):
    path = folder / "drop.csv"
    path.write_bytes(data)
    return path


def _clean(path, chunk_bytes=content.CHUNK_BYTES, encoding="auto"):
    found = inspect_content(path, encoding)
    chunks = clean_chunks(path, found.encoding, line_end=found.line_end, expected=found, chunk_bytes=chunk_bytes)
    return list(chunks)


def test_a_file_and_its_gzip_are_one_content_whatever_the_name(folder):
    data = b"a,b\n1,2\n"
    plain = inspect_content(_file(folder, data), "auto")
    packed = inspect_content(_file(folder, gzip.compress(data)), "auto")
    assert plain == packed
    assert plain.drop_id == hashlib.sha256(data).hexdigest()
    assert plain.size_bytes == 8


def test_a_gzip_of_several_members_is_read_to_its_end(folder):
    path = _file(folder, gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n"))
    assert b"".join(_clean(path)) == b"a,b\n1,2\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"", "utf-8"),
        (b"plain\n", "utf-8"),
        ("Café\n".encode(), "utf-8"),
        ("Café\n".encode("cp1252"), "windows-1252"),
        ("Café\nThé\n".encode("cp1252"), "windows-1252"),
        ("Café\n".encode() + b"Th\xe9\n", "utf-8"),
        (b"Th\xe9\r" + "Café\r".encode(), "utf-8"),
        (b"Th\xe9\r\n" + "Café".encode(), "utf-8"),
        (b"cut short \xe2\x82", "windows-1252"),
        (b"\xef\xbb\xbfname\nTh\xe9\n", "utf-8"),
        (b"\xed\xa0\x80\n", "windows-1252"),
    ],
)
def test_one_line_beyond_ascii_that_is_valid_utf8_settles_the_encoding(folder, data, encoding):
    assert inspect_content(_file(folder, data), "auto").encoding == encoding


def test_the_encoding_is_settled_alike_where_a_character_lies_on_a_read_border(folder, monkeypatch):
    monkeypatch.setattr(content, "_INSPECTED_BYTES", 5)
    assert inspect_content(_file(folder, "abcdé\nx\n".encode()), "auto").encoding == "utf-8"
    assert inspect_content(_file(folder, "éa\n".encode() + b"abc\xe9\n"), "auto").encoding == "utf-8"
    assert inspect_content(_file(folder, b"abcd\xe9\nx\n"), "auto").encoding == "windows-1252"


@given(
    st.lists(st.sampled_from([b"a", b",", b'"', b"\r", b"\n", b"\r\n", b"\xc3\xa9", b"\xff", b"x" * 20])),
    st.integers(1, 40),
)
def test_the_clean_text_does_not_depend_on_where_the_chunks_lie(folder, pieces, chunk_bytes):
    data = b"".join(pieces)
    path = _file(folder, data)
    chunks = _clean(path, chunk_bytes)
    assert all(chunk.endswith(b"\n") for chunk in chunks[:-1])
    expected = data.replace(b"\r\n", b"\n") if b"\n" in data else data.replace(b"\r", b"\n")
    if inspect_content(path, "auto").encoding == "windows-1252":
        expected = expected.decode("cp1252").encode()
    assert b"".join(chunks) == expected


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 16, 1000])
def test_a_byte_order_mark_is_taken_off_once_and_only_at_the_start(folder, chunk_bytes):
    data = b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"
    assert b"".join(_clean(_file(folder, data), chunk_bytes)) == b"a\n\xef\xbb\xbfb\n"
    assert _clean(_file(folder, b"\xef\xbb\xbf"), chunk_bytes) == []


def test_lone_carriage_returns_end_lines_only_where_the_whole_file_has_no_line_feed(folder):
    assert b"".join(_clean(_file(folder, b"a\rb\rc"))) == b"a\nb\nc"
    assert b"".join(_clean(_file(folder, b"a\rb\rc\n"), chunk_bytes=1)) == b"a\rb\rc\n"
    assert b"".join(_clean(_file(folder, b"long enough a line\r\nb\r\n"), chunk_bytes=19)) == b"long enough a line\nb\n"


def test_the_bytes_that_windows_1252_leaves_open_stay_invalid_and_do_not_become_other_text(folder):
    (chunk,) = _clean(_file(folder, b"\x80 euro\n\x81 nothing\n"), encoding="windows-1252")
    euro, nothing, _ = chunk.split(b"\n")
    assert euro == "€ euro".encode()
    with pytest.raises(UnicodeDecodeError):
        nothing.decode()


@pytest.mark.parametrize("cut", [1, 5, 12, 20])
def test_a_gzip_that_is_cut_short_or_damaged_is_refused_by_name(folder, cut):
    packed = gzip.compress(b"order_id,quantity\n" * 9)
    with pytest.raises(DropError, match=r"drop\.csv: the gzip archive is corrupt or cut short"):
        inspect_content(_file(folder, packed[:-cut]), "auto")
    damaged = packed[:-cut] + bytes([packed[-cut] ^ 0xFF]) + packed[len(packed) - cut + 1 :]
    with pytest.raises(DropError, match="corrupt or cut short"):
        inspect_content(_file(folder, damaged), "auto")


def test_a_file_that_is_not_there_is_refused_with_the_remedy(folder):
    with pytest.raises(DropError, match=r"gone\.csv: cannot be read \(No such file"):
        inspect_content(folder / "gone.csv", "auto")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (gzip.compress(gzip.compress(b"a,b\n", mtime=0), mtime=0), "gzip archive inside an archive"),
        (gzip.compress(b"PK\x03\x04rest", mtime=0), "zip archive or an Excel workbook inside an archive"),
        ("\ufeffa,b\n".encode("utf-32-le"), "UTF-32"),
        (b"PARE....", "an encrypted Parquet file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
        (b"%PDF-1.7\n", "a PDF"),
    ],
)
def test_what_is_no_text_is_named_for_what_it_is(folder, data, what):
    with pytest.raises(NotTextError, match=what):
        _clean(_file(folder, data))


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 16, 1000])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_utf_16_is_told_by_its_mark_or_by_bytes_that_can_be_nothing_else(folder, encoding, mark, chunk_bytes):
    text = "name,price\r\nCafé 😀 ਊ,1\r\n\u0a0a,2\r\n"
    path = _file(folder, (mark + text).encode(encoding))
    found = inspect_content(path, "auto")
    assert (found.encoding, found.line_end, found.format) == (encoding, "\n", "csv")
    assert b"".join(_clean(path, chunk_bytes)).decode() == text.replace("\r\n", "\n")


@given(st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=40), st.integers(1, 9))
def test_any_text_in_utf_16_reads_as_it_does_in_utf_8(folder, text, chunk_bytes):
    path = _file(folder, ("\ufeff" + text).encode("utf-16-le"))
    assert b"".join(_clean(path, chunk_bytes)) == text.encode()


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("a\nb\n".encode("utf-16-le") + b"\x00\xd8" + "\nc\n".encode("utf-16-le"), 2),  # half a pair
        ("a\nb\nc".encode("utf-16-le") + b"x", 2),  # half a letter
        ("a\nb\nc".encode("utf-16-le") + b"\x00\xd8", 2),
    ],
)
def test_half_a_letter_of_utf_16_spoils_its_line_and_no_other(folder, data, line):
    lines = b"".join(_clean(_file(folder, b"\xff\xfe" + data))).split(b"\n")
    assert lines[0] == b"a"
    assert lines[1] == b"b"
    with pytest.raises(UnicodeDecodeError):
        lines[line].decode()


@pytest.mark.parametrize("data", [b"a\0b\nc\0d\n", b"\0\0\0\n", b"a,b\n1,\0\n" * 50, bytes(range(256)) * 4])
def test_nul_bytes_alone_do_not_make_a_text_utf_16(folder, data):
    assert not inspect_content(_file(folder, data), "auto").encoding.startswith("utf-16")


def test_the_latin_encodings_differ_where_they_do_and_never_pass_a_control_character_on(folder):
    data = b"caf\xe9 \xa4\n\x80uro\n"
    read = {name: b"".join(_clean(_file(folder, data), encoding=name)).split(b"\n") for name in encodings.SINGLE_BYTE}
    assert [lines[0].decode() for lines in read.values()] == ["café ¤", "café ¤", "café €"]
    assert read["windows-1252"][1].decode() == "€uro"
    for name in ("iso-8859-1", "iso-8859-15"):
        with pytest.raises(UnicodeDecodeError):
            read[name][1].decode()
        assert "means nothing in ISO-8859-1" in encodings.why_not_text(0x80, name)


@pytest.mark.parametrize(
    ("head", "declared", "expected"),
    [
        (b'{"a": 1}\n', "auto", "jsonl"),
        (b"\xef\xbb\xbf\n {}\n", "auto", "jsonl"),
        (b"{\n", "auto", "jsonl"),
        (b'[\n  {"a": 1}]', "auto", "json"),
        (b"[]", "auto", "json"),
        (b"[Order ID],[Qty]\n", "auto", "csv"),
        (b"{order},{qty}\n", "auto", "csv"),
        (b"PAR1...", "auto", "parquet"),
        (b"a,b\n", "auto", "csv"),
        (b"", "auto", "csv"),
        (b'{"a": 1}\n', "csv", "csv"),
        (b"a,b\n", "jsonl", "jsonl"),
        (b"[1]\n", "jsonl", "json"),
        (b"a,b\n", "parquet", "parquet"),
    ],
)
def test_the_format_is_told_by_the_first_bytes_unless_it_is_declared(folder, head, declared, expected):
    assert inspect_content(_file(folder, head), "auto", file_format=declared).format == expected
    if head and not head.startswith((b"PAR1", b"\xef")) and declared == "auto":
        assert (
            inspect_content(_file(folder, b"\xff\xfe" + head.decode().encode("utf-16-le")), "auto").format == expected
        )


def test_a_file_without_line_ends_is_refused_before_it_fills_the_memory(folder, monkeypatch):
    monkeypatch.setattr(content, "LONGEST_LINE_BYTES", 100)
    with pytest.raises(NotTextError, match="no line end"):
        _clean(_file(folder, b"x" * 500), chunk_bytes=50)


def test_a_file_that_changes_between_two_looks_is_refused(folder):
    path = _file(folder, b"a,b\n1,2\n")
    found = inspect_content(path, "auto")
    path.write_bytes(b"a,b\n1,3\n")
    with pytest.raises(DropError, match="changed while it was read"):
        list(clean_chunks(path, "utf-8", expected=found))
