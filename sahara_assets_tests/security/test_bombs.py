"""Files that are made to fill a disk, eat the memory, or keep the reader busy: each is refused with a reason, and its neighbours load."""

from __future__ import annotations

import gzip
import io
import json
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sahara_assets.drops.content import inspect_content
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.packing import Limits
from sahara_assets.drops.parquet_footer import DEEPEST, UnreadableFooterError, schema_shape
from sahara_assets.errors import DropError
from sahara_assets.tables.books import REJECTED_ROWS
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets_tests.commands import ROOT, clean_environment
from sahara_assets_tests.small_shop import SmallShop, as_csv, line

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MB = 1 << 20
GB = 1 << 30

pytestmark = pytest.mark.timeout(180)
"""A reader that a file keeps busy fails by this, and by nothing that depends on how busy the machine is."""


@pytest.fixture
def shop(tmp_path):
    made = SmallShop(tmp_path, datasets={"purchases": {"patterns": ["*"]}})
    made.deliver("good.csv", [line(order="1")])
    return made


def refusal(shop, name, content):
    """Why a load refuses a file beside a good one, which loads."""
    (shop.folder / name).write_bytes(content)
    shop.load()
    rows = {row["path"]: row for row in ledger_rows(shop.warehouse)}
    assert rows["good.csv"]["status"] == "loaded"
    assert {row["order_id"] for row in shop.rows(RAW_TABLES["purchases"])} == {"1"}
    assert rows[name]["status"] == "rejected", rows[name]
    return rows[name]["reason"]


# --- archives --------------------------------------------------------------------------------------------------------------------


def zipped(content, name="a.csv"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


BOMBS = {
    "gzip": lambda content: gzip.compress(content, 9),
    "zip": zipped,
    "zstd": lambda content: zstd.compress(content, 3),
}


@pytest.mark.parametrize("kind", sorted(BOMBS))
def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused_before_it_has(kind, shop):
    reason = refusal(shop, "bomb", BOMBS[kind](bytes(GB // 4)))
    assert "unpacks to more than 500 times its size" in reason


@pytest.mark.parametrize("kind", sorted(BOMBS))
def test_looking_at_one_takes_no_more_memory_than_at_a_small_file(kind, tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[kind](bytes(GB // 4)))
    tracemalloc.start()
    try:
        with pytest.raises(DropError):
            inspect_content(path, "auto", limits=Limits())
        assert tracemalloc.get_traced_memory()[1] < 64 * MB
    finally:
        tracemalloc.stop()


def test_many_small_gzip_members_count_as_one_file(shop):
    """The ratio of each is harmless; together they are not."""
    reason = refusal(shop, "bomb", gzip.compress(bytes(MB), 9) * 256)
    assert "unpacks to more than 500 times its size" in reason


def test_a_zstd_frame_that_asks_for_a_window_of_gigabytes_is_refused(shop):
    options = {zstd.CompressionParameter.window_log: 31, zstd.CompressionParameter.enable_long_distance_matching: 0}
    packer = zstd.ZstdCompressor(options=options)
    frame = packer.compress(as_csv([line(order="2")]).encode()) + packer.flush()
    assert "zstd archive is corrupt" in refusal(shop, "bomb", frame)


def test_a_zip_with_a_hundred_thousand_entries_is_refused_before_they_are_listed(shop):
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * 100_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65_535, 65_535, len(directory), 4, 0)
    reason = refusal(shop, "bomb", b"PK\x03\x04" + directory + end)
    assert "lists more files than could be meant" in reason


def test_a_zip_that_says_so_only_in_its_larger_record_is_refused_too(shop):
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * 100_000
    start = b"PK\x03\x04"
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 100_000, 100_000, len(directory), len(start))
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(start) + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65_535, 65_535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert "lists more files than could be meant" in refusal(shop, "bomb", start + directory + record + locator + end)


def test_a_zip_whose_entries_share_their_bytes_is_no_single_file(shop):
    """https://www.bamsoftware.com/hacks/zipbomb/: many entries over the same bytes, small on the disk and huge together."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", bytes(MB))
        shared = archive.infolist()[0]
        for number in range(100):
            twin = zipfile.ZipInfo(f"b{number}.csv")
            twin.compress_type, twin.CRC = shared.compress_type, shared.CRC
            twin.compress_size, twin.file_size, twin.header_offset = shared.compress_size, shared.file_size, 0
            archive.filelist.append(twin)
        archive._didModify = True
    assert "holds 101 files" in refusal(shop, "bomb", out.getvalue())


# --- text ------------------------------------------------------------------------------------------------------------------------


def test_a_file_without_a_line_end_is_refused_and_not_held_whole(shop):
    assert "MB" in refusal(shop, "bomb", b"x" * (66 * MB))


def test_a_row_of_millions_of_fields_is_not_cut_into_them(shop):
    good = [as_csv([line(order="2")]), as_csv([line(order="3")]).splitlines()[1] + "\n"]
    (shop.folder / "wide.csv").write_text(good[0] + '"' + "," * (9 * MB) + "\n" + good[1])
    shop.load()
    assert {row["order_id"] for row in shop.rows(RAW_TABLES["purchases"])} == {"1", "2", "3"}
    (reject,) = shop.rows(REJECTED_ROWS)
    assert "more than 100,000 delimiters" in reject["reason"]


def test_a_header_of_more_columns_than_a_spreadsheet_has_is_refused(shop):
    header = ",".join(f"c{number}" for number in range(17_000)).encode()
    assert "columns; more than 16,384 are not read" in refusal(shop, "bomb", header + b"\n" + b"," * 16_999 + b"\n")


def test_a_header_of_megabytes_is_refused(shop):
    assert "its first line has more than 1 MB" in refusal(shop, "bomb", b"order_id," * 300_000 + b"\n1\n")


def test_ten_thousand_columns_of_one_name_are_told_apart_in_time(shop):
    header = ["order_id", "customer_id", "product_id", "quantity", "unit_price", "ordered_at", *["note"] * 10_000]
    row = ["2", "ann", "mug", "1", "2.50", "2025-03-01", *["x"] * 10_000]
    (shop.folder / "wide.csv").write_text(",".join(header) + "\n" + ",".join(row) + "\n")
    shop.load()
    (found,) = [row for row in shop.rows(RAW_TABLES["purchases"]) if row["order_id"] == "2"]
    assert len(json.loads(found["_extra"])) == 10_000


@pytest.mark.parametrize("piece", ['"', '""', '"a', ',"', '"\n', "\\", "'", "\r", ";", "\t"])
def test_a_quarter_of_a_megabyte_of_one_thing_is_read_in_time_and_counted(piece, shop):
    """Quotes that never close, and whatever else makes a parser look back from every place."""
    shop.deliver(
        "piece.csv", as_csv([line(order="2")]) + piece * (MB // 4 // len(piece)) + "\n" + as_csv([line(order="3")])
    )
    shop.load()
    (row,) = [row for row in ledger_rows(shop.warehouse) if row["path"] == "piece.csv"]
    assert row["rows_read"] == row["rows_loaded"] + row["rows_rejected"]
    assert {"1"} <= {row["order_id"] for row in shop.rows(RAW_TABLES["purchases"])}


LONG = {
    "quantity": [
        "1" * MB,
        "-" * MB,
        "1," * (MB // 2),
        "1." * (MB // 2),
        "(" * MB,
        " " * MB + "x",
        "1e" + "9" * MB,
        "1 " * (MB // 2),
    ],
    "unit_price": ["£" * MB, "%" * MB, "0" * MB + "x", "1,000" * (MB // 5)],
    "ordered_at": [
        "2025-01-01 " * (MB // 11),
        "0" * MB,
        ":" * MB,
        "2025-01-01T00:00:00." + "0" * MB,
        "+01:00" * (MB // 6),
    ],
    "customer_id": ["0" * MB + "x", "1.0" * (MB // 3), "." * MB],
}


@pytest.mark.parametrize("declared", [False, True], ids=["as it comes", "declared"])
@pytest.mark.parametrize("column", sorted(LONG))
def test_a_value_of_a_megabyte_is_judged_in_time(column, declared, shop):
    """A pattern that tries every way of cutting a text takes a time that grows with a power of its length."""
    settings = {"patterns": ["*"]}
    if declared:
        settings |= {
            "date_formats": ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y"],
            "normalise": {"customer_id": ["strip_float_suffix", "strip_leading_zeros", "strip_spaces"]},
            "null_values": ["-"],
        }
    shop.set(datasets={"purchases": settings})
    row = {"order": "2", "quantity": "1", "price": "1", "at": "2025-03-01 00:00:00", "customer": "ann"}
    place = {"quantity": "quantity", "unit_price": "price", "ordered_at": "at", "customer_id": "customer"}[column]
    shop.deliver("long.csv", [line(**{**row, place: value}) for value in LONG[column]])
    shop.load()
    (row,) = [row for row in ledger_rows(shop.warehouse) if row["path"] == "long.csv"]
    assert row["rows_read"] == len(LONG[column])
    assert row["rows_read"] == row["rows_loaded"] + row["rows_rejected"]


# --- JSON ------------------------------------------------------------------------------------------------------------------------

ROW = {
    "order_id": "2",
    "customer_id": "ann",
    "product_id": "mug",
    "quantity": 1,
    "unit_price": 2.5,
    "ordered_at": "2025-03-01",
}


@pytest.mark.parametrize("depth", [101, 5_000, 1_000_000])
@pytest.mark.parametrize("shape", ["lists", "objects"])
def test_json_that_is_nested_deeply_is_a_reject_and_the_row_beside_it_loads(shape, depth, shop):
    opening, closing = ("[", "]") if shape == "lists" else ('{"a":', "}")
    deep = json.dumps(ROW)[:-1] + ', "x": ' + opening * depth + "1" + closing * depth + "}"
    good = json.dumps({**ROW, "order_id": "3", "x": [[1]]})
    (shop.folder / "deep.jsonl").write_text(f"{deep}\n{good}\n")
    shop.load()
    (row,) = [row for row in ledger_rows(shop.warehouse) if row["path"] == "deep.jsonl"]
    assert (row["rows_read"], row["rows_loaded"], row["rows_rejected"]) == (2, 1, 1)
    (reject,) = shop.rows(REJECTED_ROWS)
    assert "nested" in reject["reason"]


@pytest.mark.parametrize("kind", ["lines", "array"])
def test_a_record_of_megabytes_is_a_reject(kind, shop):
    long = json.dumps({**ROW, "note": "x" * (17 * MB)})
    good = json.dumps({**ROW, "order_id": "3"})
    text = f"{long}\n{good}\n" if kind == "lines" else f"[{good},\n{long}]"
    (shop.folder / "long.json").write_text(text)
    shop.load()
    (row,) = [row for row in ledger_rows(shop.warehouse) if row["path"] == "long.json"]
    assert row["rows_read"] == row["rows_loaded"] + row["rows_rejected"]
    assert "2" not in {row["order_id"] for row in shop.rows(RAW_TABLES["purchases"])}


@pytest.mark.parametrize("number", ["1" * 100_000, "-" + "9" * 100_000, "1e" + "9" * 1_000, "0." + "0" * 100_000 + "1"])
def test_a_number_of_a_hundred_thousand_digits_is_judged_in_time(number, shop):
    text = json.dumps(ROW).replace('"quantity": 1', f'"quantity": {number}')
    (shop.folder / "long.jsonl").write_text(text + "\n")
    shop.load()
    (row,) = [row for row in ledger_rows(shop.warehouse) if row["path"] == "long.jsonl"]
    assert row["rows_read"] == row["rows_loaded"] + row["rows_rejected"] == 1


# --- Parquet ---------------------------------------------------------------------------------------------------------------------


def columns(count, **more):
    return pa.table(
        {
            "order_id": [str(n) for n in range(count)],
            "customer_id": ["ann"] * count,
            "product_id": ["mug"] * count,
            "quantity": [1] * count,
            "unit_price": [1] * count,
            "ordered_at": ["2025-03-01"] * count,
            **more,
        }
    )


def parquet(table, **options):
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def test_a_column_that_says_one_long_text_a_million_times_is_refused(shop):
    text = "x" * (MB // 2)
    note = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array([text]))
    bomb = parquet(columns(100_000, note=note), compression="zstd")
    assert len(bomb) < MB
    assert "rows of it hold more than 256 MB" in refusal(shop, "bomb", bomb)


def test_a_column_that_unpacks_to_a_thousand_times_the_file_is_refused(shop):
    note = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), pa.array(["x" * 2_000]))
    bomb = parquet(columns(200_000, note=note), compression="zstd")
    assert len(bomb) * 500 < 200_000 * 2_000
    assert "its values take more than 500 times its size" in refusal(shop, "bomb", bomb)


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def footer(depth):
    """A file of nothing but a schema whose columns lie inside one another; by the format's own description (`parquet_footer`)."""

    def element(name, children):
        repetition = b"" if name == b"root" else b"\x35\x02"  # field 3, i32: optional
        step = b"\x48" if name == b"root" else b"\x18"  # field 4, binary: its name
        count = b"\x15" + varint(children * 2) if children else b""  # field 5, i32
        kind = b"" if children else b"\x15\x02"  # field 1, i32: a type, of a leaf
        if kind:
            repetition = b"\x25\x02"
        return kind + repetition + step + varint(len(name)) + name + count + b"\x00"

    elements = [element(b"root", 1), *(element(b"x", 1) for _ in range(depth - 1)), element(b"x", 0)]
    schema = b"\x29" + b"\xfc" + varint(len(elements)) + b"".join(elements)
    meta = b"\x15\x02" + schema.replace(b"\x29", b"\x19", 1) + b"\x16\x00" + b"\x19\x0c" + b"\x00"
    return b"PAR1" + meta + struct.pack("<L", len(meta)) + b"PAR1"


def test_the_made_schema_is_what_parquets_own_library_takes_it_for():
    schema = pq.ParquetFile(io.BytesIO(footer(5))).schema
    assert schema.column(0).path == ".".join(["x"] * 5)
    assert schema_shape(io.BytesIO(footer(5))).depth == 5


@pytest.mark.parametrize("depth", [DEEPEST + 1, 3_000, 200_000])
def test_a_schema_that_is_nested_deeply_is_refused_before_anything_walks_it(depth, shop):
    with pytest.raises(UnreadableFooterError):
        schema_shape(io.BytesIO(footer(depth)))
    assert "the Parquet file cannot be read" in refusal(shop, "bomb", footer(depth))


def test_a_page_that_claims_gigabytes_takes_no_more_than_the_memory_that_is_allowed(tmp_path):
    """DuckDB takes the claim at its word: it reserves so much before it unpacks a byte."""
    shop = SmallShop(tmp_path, datasets={"purchases": {"patterns": ["*"]}}, warehouse={"memory_limit": "200MB"})
    shop.deliver("good.csv", [line(order="1")])
    content = bytearray(parquet(columns(2, note=["y" * 100_000] * 2), compression="snappy", use_dictionary=False))
    meta = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(0).column(6)
    start = meta.data_page_offset
    # A page's header begins with its type (field 1) and its size once unpacked (field 2), both i32 in zigzag.
    assert content[start] == 0x15
    assert content[start + 2] == 0x15
    end = start + 3
    while content[end] & 0x80:
        end += 1
    claimed = varint((2**31 - 1) << 1)
    grown = bytes(content[: start + 3]) + claimed + bytes(content[end + 1 :])
    reason = refusal(shop, "bomb", grown)
    assert "the Parquet file cannot be read" in reason


def test_reading_a_hostile_parquet_file_never_ends_the_process(tmp_path):
    """A crash would take the whole run with it, so this one is looked for in a process of its own."""
    path = tmp_path / "deep.parquet"
    path.write_bytes(footer(20_000))
    script = (
        "import sys\nfrom pathlib import Path\nfrom sahara_assets.drops.parquet import peek\n"
        "from sahara_assets.errors import DropError\n"
        "try:\n    peek(Path(sys.argv[1]), 10)\nexcept DropError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert "nested more than 64 deep" in done.stdout


# --- the limits are settings -----------------------------------------------------------------------------------------------------


def test_the_limits_can_be_raised_for_a_sender_who_means_it(tmp_path):
    shop = SmallShop(tmp_path, datasets={"purchases": {"patterns": ["*"]}})
    head, row = as_csv([line(order="2")]).splitlines()
    count = 70 * MB // len(row)
    (shop.folder / "a.csv.zst").write_bytes(zstd.compress(f"{head}\n{f'{row}{chr(10)}' * count}".encode(), 3))
    shop.load()
    assert shop.warehouse.count(RAW_TABLES["purchases"]) == 0
    shop.set(datasets={"purchases": {"patterns": ["*"]}}, drops={"folder": "drops", "largest_ratio": 100_000})
    shop.load()
    assert shop.warehouse.count(RAW_TABLES["purchases"]) == count
