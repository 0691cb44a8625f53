"""The same rows in every format, packing and encoding give the same typed rows and the same identity."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahara_assets_tests.drops.drop_desk import Desk
from sahara_assets_tests.drops.test_packing import PACKERS

NAMES = ["order_id", "customer_id", "product_id", "description", "quantity", "unit_price", "ordered_at", "note"]
TYPED = [
    "order_id",
    "customer_id",
    "product_id",
    "description",
    "quantity",
    "unit_price",
    "ordered_at",
    "ordered_at_local",
]
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module")
def desk():
    made = Desk()
    yield made
    made.close()


_text = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=6)
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "order_id": st.integers(1, 10**18),
            "customer_id": st.one_of(st.none(), st.integers(0, 10**6)),
            "product_id": st.text("ABC019-", min_size=1, max_size=6),
            "description": st.one_of(st.none(), _text),
            "quantity": st.integers(-1000, 1000),
            "unit_price": st.decimals(-10_000, 10_000, places=2),
            "ordered_at": st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
                lambda m: m - timedelta(microseconds=m.microsecond)
            ),
            "note": _text,
        }
    ),
    min_size=1,
    max_size=6,
)


def as_csv(rows):
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(NAMES)
    writer.writerows([["" if row[name] is None else row[name] for name in NAMES] for row in rows])
    return out.getvalue().encode()


def as_objects(rows):
    return [
        {name: value for name, value in row.items() if value is not None}
        | {"ordered_at": row["ordered_at"].isoformat(), "unit_price": float(row["unit_price"])}
        for row in rows
    ]


def as_json_lines(rows):
    return "\n".join(json.dumps(row) for row in as_objects(rows)).encode()


def as_json_array(rows):
    return json.dumps(as_objects(rows), ensure_ascii=False, indent=1).encode()


def as_parquet(rows):
    types = [
        pa.int64(),
        pa.int32(),
        pa.string(),
        pa.string(),
        pa.int16(),
        pa.decimal128(12, 2),
        pa.timestamp("us"),
        pa.string(),
    ]
    arrays = [pa.array([row[name] for row in rows], type_) for name, type_ in zip(NAMES, types, strict=True)]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, names=NAMES), out)
    return out.getvalue()


FORMATS = {"csv": as_csv, "json lines": as_json_lines, "json array": as_json_array, "parquet": as_parquet}


@settings(suppress_health_check=SLOW, deadline=None, max_examples=20)
@given(_rows)
def test_the_same_rows_have_the_same_values_and_identity_in_every_format(desk, rows):
    read = {name: desk.load(write(rows)) for name, write in FORMATS.items()}
    for loaded in read.values():
        assert loaded.rejects == {}
        assert loaded.reading.rows_read == len(rows)
    plain = [[row[name] for name in (*TYPED, "_line_hash", "_occurrence")] for row in read.pop("csv").values]
    assert len(plain) == len(rows)
    for loaded in read.values():
        assert [[row[name] for name in (*TYPED, "_line_hash", "_occurrence")] for row in loaded.values] == plain
        assert [json.loads(row["_extra"])["note"] for row in loaded.values] == [row["note"] for row in rows]


ROWS = [
    {
        "order_id": 536365,
        "customer_id": 17850,
        "product_id": "85123A",
        "description": "Café “Löwe”, 5 €",
        "quantity": 6,
        "unit_price": Decimal("2.55"),
        "ordered_at": datetime(2010, 12, 1, 8, 26),
        "note": "ä",
    }
]


@pytest.mark.parametrize("how", sorted(PACKERS))
@pytest.mark.parametrize("form", sorted(FORMATS))
def test_any_format_may_come_in_any_packing(desk, form, how):
    data = FORMATS[form](ROWS)
    plain, packed = desk.load(data), desk.load(PACKERS[how](data))
    assert plain.reading.drop_id == packed.reading.drop_id
    assert plain.rows == packed.rows
    assert len(plain.rows) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_any_encoding_gives_the_same_rows(desk, encoding):
    plain = desk.load(as_csv(ROWS))
    for pack in (bytes, gzip.compress):
        found = desk.load(pack(as_csv(ROWS).decode().encode(encoding)))
        assert [row["_line_hash"] for row in found.values] == [row["_line_hash"] for row in plain.values]
        assert found.values[0]["description"] == "Café “Löwe”, 5 €"


def test_drops_of_different_formats_are_read_together_without_mixing(desk):
    drops = [write(ROWS) for write in FORMATS.values()]
    read = desk.load_all(
        *drops, as_parquet([ROWS[0] | {"order_id": 7}]), date_formats=["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]
    )
    assert [loaded.column("order_id") for loaded in read] == [["536365"]] * 4 + [["7"]]
    assert len({loaded.values[0]["_line_hash"] for loaded in read}) == 2
