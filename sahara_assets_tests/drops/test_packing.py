"""A file and its archive are one content; what cannot or must not be unpacked is refused with the true reason, and nothing grows without bound."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.drops import packing
from sahara_assets.drops.content import clean_chunks, inspect_content
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import load_drops
from sahara_assets.drops.packing import Limits
from sahara_assets.errors import DropError
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets_tests.small_shop import NOW

try:
    from compression import zstd
except ImportError:
    from backports import zstd

DATA = b"order_id,quantity\n" * 9


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    """A zip archive of (name, data) pairs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


PACKERS = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip of two members": lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:]),
    "gzip with zeros behind it": lambda data: gzip.compress(data) + bytes(512),
    "zstd": zstd.compress,
    "zstd of two frames": lambda data: zstd.compress(data[:7]) + zstd.compress(data[7:]),
    "zstd behind a skippable frame": lambda data: b"\x50\x2a\x4d\x18\x02\0\0\0hi" + zstd.compress(data),
    "zip": lambda data: zipped(("a.csv", data)),
    "zip, stored": lambda data: zipped(("a.csv", data), method=zipfile.ZIP_STORED),
    "zip in a folder": lambda data: zipped(("drop/", b""), ("drop/a.csv", data)),
    "zip from a Mac": lambda data: zipped(("a.csv", data), ("__MACOSX/._a.csv", b"x"), (".DS_Store", b"x")),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("packing")


def _file(folder, data):
    path = folder / "drop.csv"
    path.write_bytes(data)
    return path


@given(data=st.binary(max_size=200).map(lambda data: b"a" + data), how=st.sampled_from(sorted(PACKERS)))
def test_a_file_and_its_archive_are_one_content(folder, data, how):
    plain = inspect_content(_file(folder, data), "auto")
    path = _file(folder, PACKERS[how](data))
    assert inspect_content(path, "auto") == plain
    text = b"".join(clean_chunks(path, "utf-8", expected=plain, chunk_bytes=50, whole_lines=False))
    assert text == data.removeprefix(b"\xef\xbb\xbf")


@pytest.mark.parametrize(("kind", "pack"), [("zip", PACKERS["zip"]), ("zstd", zstd.compress), ("gzip", gzip.compress)])
@pytest.mark.parametrize("cut", [1, 5, 15])
def test_an_archive_that_is_cut_short_is_refused_by_its_kind(folder, kind, pack, cut):
    with pytest.raises(DropError, match=rf"drop\.csv: the {kind} archive is corrupt or cut short"):
        inspect_content(_file(folder, pack(DATA)[:-cut]), "auto")


def checked(data):
    """A zstd frame with a checksum, as the command line tool writes it; without one zstd cannot tell."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


@pytest.mark.parametrize("pack", [PACKERS["zip, stored"], checked, gzip.compress])
def test_an_archive_with_a_changed_byte_is_refused_or_holds_the_same_content(folder, pack):
    packed = pack(DATA)
    whole = inspect_content(_file(folder, packed), "auto")
    for place in range(len(packed)):
        damaged = packed[:place] + bytes([packed[place] ^ 0x55]) + packed[place + 1 :]
        with suppress(DropError):  # and no other kind of error
            found = inspect_content(_file(folder, damaged), "auto")
            # Either the byte is one of the name's or the times', or the file no longer counts as an archive.
            assert found == whole or found.size_bytes == len(damaged)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (zipped(("a.csv", DATA), ("b.csv", DATA)), "holds 2 files; pack each drop into an archive of its own"),
        (zipped(), "holds no file"),
        (zipped(("folder/", b"")), "holds no file"),
        (zipped(("../a.csv", DATA)), r"named '\.\./a\.csv', which leads out of the archive"),
        (zipped(("x/../../a.csv", DATA)), "leads out of the archive"),
        (zipped(("/etc/passwd", DATA)), "leads out of the archive"),
        (zipped(("C:/a.csv", DATA)), "leads out of the archive"),
        (zipped(("..\\a.csv", DATA)), "leads out of the archive"),
        (zipped(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>")), "an Excel workbook"),
        (zipped(("a.csv", DATA), method=zipfile.ZIP_BZIP2), "packed by method 12"),
        (b"PK\x03\x04rest", "zip archive is corrupt"),
    ],
)
def test_a_zip_that_is_not_one_plain_file_is_refused_with_the_reason(folder, data, why):
    with pytest.raises(DropError, match=why):
        inspect_content(_file(folder, data), "auto")


def test_an_encrypted_zip_is_refused(folder):
    packed = bytearray(zipped(("a.csv", DATA)))
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(magic) + place] |= 1
    with pytest.raises(DropError, match="the zip archive is encrypted; deliver it without a password"):
        inspect_content(_file(folder, bytes(packed)), "auto")


@pytest.mark.parametrize("inner", [gzip.compress, zstd.compress, PACKERS["zip"]])
@pytest.mark.parametrize("outer", [gzip.compress, zstd.compress, PACKERS["zip"]])
def test_an_archive_in_an_archive_is_refused(folder, outer, inner):
    path = _file(folder, outer(inner(DATA)))
    found = inspect_content(path, "auto")
    with pytest.raises(DropError, match="inside an archive"):
        list(clean_chunks(path, found.encoding, expected=found))


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress, PACKERS["zip"]])
def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked_whole(folder, pack, monkeypatch):
    monkeypatch.setattr(packing, "_RATIO_FROM_BYTES", 1 << 20)
    path = _file(folder, pack(bytes(48 << 20)))
    with pytest.raises(DropError, match=r"holds more than 10 MB once it is unpacked.*drops\.largest_unpacked"):
        inspect_content(path, "auto", limits=Limits(10 << 20, 1_000_000))
    with pytest.raises(DropError, match=r"more than 100 times its size.*drops\.largest_ratio"):
        inspect_content(path, "auto", limits=Limits(ratio=100))
    assert inspect_content(path, "auto", limits=Limits(48 << 20, 1_000_000)).size_bytes == 48 << 20


def test_a_plain_file_may_be_as_big_as_it_is(folder):
    assert inspect_content(_file(folder, bytes(2000)), "auto", limits=Limits(1000, 2)).size_bytes == 2000


def test_a_zip_that_lies_about_the_size_of_its_file_is_refused(folder):
    packed = bytearray(zipped(("a.csv", DATA)))
    at = packed.index(b"PK\x01\x02") + 24
    packed[at : at + 4] = (7).to_bytes(4, "little")
    with pytest.raises(DropError, match="zip archive is corrupt"):
        inspect_content(_file(folder, bytes(packed)), "auto")


def test_no_member_is_ever_written_to_disk(folder, monkeypatch):
    monkeypatch.setattr(zipfile.ZipFile, "extract", None)
    monkeypatch.setattr(zipfile.ZipFile, "extractall", None)
    link = zipfile.ZipInfo("a.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert inspect_content(_file(folder, out.getvalue()), "auto").size_bytes == len("/etc/passwd")


# --- in a load -------------------------------------------------------------------------------------------------------------------

HEADER = b"order_id,customer_id,product_id,quantity,unit_price,ordered_at\n"


def drop(order):
    return HEADER + f"{order},C1,P1,1,2.50,2011-12-01\n".encode() * 3


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress, PACKERS["zip"]])
def test_a_damaged_archive_is_told_in_the_ledger_the_others_load_and_the_next_delivery_is_tried(tmp_path, pack):
    folder = tmp_path / "data" / "purchases"
    folder.mkdir(parents=True)
    (folder / "good.zip").write_bytes(zipped(("x.csv", drop("A1"))))
    (folder / "bad.csv.gz").write_bytes(pack(drop("A2"))[:-6])
    (folder / "bomb.csv.zst").write_bytes(pack(drop("A3") + b"A4,C1,P1,1,2.50,2011-12-01\n" * 1000))
    settings = parse_settings({"drops": {"largest_unpacked": "2kB"}}, root=tmp_path)
    warehouse = DuckDBWarehouse(None, threads=1)
    warehouse.prepare()
    try:
        for _ in range(2):  # what could not be read is tried again, and told again
            load_drops(warehouse, settings, run_id="r", now=NOW)
            rows = {row["path"].split("/")[1]: row for row in ledger_rows(warehouse)}
            assert {name: row["status"] for name, row in rows.items()} == {
                "good.zip": "loaded",
                "bad.csv.gz": "rejected",
                "bomb.csv.zst": "rejected",
            }
            assert "corrupt or cut short" in rows["bad.csv.gz"]["reason"]
            assert "holds more than 2 kB once it is unpacked" in rows["bomb.csv.zst"]["reason"]
            assert {row["order_id"] for row in warehouse.rows(RAW_TABLES["purchases"])} == {"A1"}
        (folder / "bad.csv.gz").write_bytes(pack(drop("A2")))
        load_drops(warehouse, settings, run_id="r", now=NOW)
        assert {row["order_id"] for row in warehouse.rows(RAW_TABLES["purchases"])} == {"A1", "A2"}
    finally:
        warehouse.close()


def test_a_file_and_its_archive_in_one_folder_are_stored_once(tmp_path):
    folder = tmp_path / "data" / "purchases"
    folder.mkdir(parents=True)
    for name, how in (("a.csv", "plain"), ("a.csv.gz", "gzip"), ("a.csv.zst", "zstd"), ("a.zip", "zip")):
        (folder / name).write_bytes(PACKERS[how](drop("A1")))
    warehouse = DuckDBWarehouse(None, threads=1)
    warehouse.prepare()
    try:
        load_drops(warehouse, parse_settings({}, root=tmp_path), run_id="r", now=NOW)
        assert [row["status"] for row in ledger_rows(warehouse)] == ["loaded"] * 4
        assert warehouse.count(RAW_TABLES["purchases"]) == 3
    finally:
        warehouse.close()
