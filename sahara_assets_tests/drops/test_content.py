from __future__ import annotations

import gzip
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.drops import content
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
    return list(clean_chunks(path, found.encoding, line_end=found.line_end, chunk_bytes=chunk_bytes))


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
        (gzip.compress(gzip.compress(b"a,b\n", mtime=0), mtime=0), "gzip archive inside a gzip archive"),
        (b"PK\x03\x04rest", "zip archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
        ("a,b\n".encode("utf-16"), "UTF-16"),
        ("\ufeffa,b\n".encode("utf-16-be"), "UTF-16"),
        (b"%PDF-1.7\n", "a PDF"),
    ],
)
def test_what_is_no_text_is_named_for_what_it_is(folder, data, what):
    with pytest.raises(NotTextError, match=what):
        _clean(_file(folder, data))


def test_a_file_without_line_ends_is_refused_before_it_fills_the_memory(folder, monkeypatch):
    monkeypatch.setattr(content, "LONGEST_LINE_BYTES", 100)
    with pytest.raises(NotTextError, match="no line end"):
        _clean(_file(folder, b"x" * 500), chunk_bytes=50)


def test_a_file_that_changes_between_two_looks_is_refused(folder):
    path = _file(folder, b"a,b\n1,2\n")
    found = inspect_content(path, "auto")
    path.write_bytes(b"a,b\n1,3\n")
    with pytest.raises(DropError, match="changed while it was read"):
        list(clean_chunks(path, "utf-8", expected_drop_id=found.drop_id))
