"""Parquet: typed columns become the values that a CSV of the same rows gives, and what does not fit is a reject with the row as JSON."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sahara_assets_tests.drops.drop_desk import Desk, assert_conserved


@pytest.fixture(scope="module")
def desk():
    made = Desk()
    yield made
    made.close()


def parquet(columns, **options):
    out = BytesIO()
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, out, **options)
    return out.getvalue()


def columns(count=1, **others):
    """Columns of a purchases drop; a value of None leaves the column out."""
    values = {
        "order_id": pa.array([f"A{n}" for n in range(1, count + 1)]),
        "customer_id": pa.array(["C1"] * count).dictionary_encode(),
        "product_id": pa.array([10001] * count),
        "quantity": pa.array([2] * count, pa.int32()),
        "unit_price": pa.array([Decimal("2.50")] * count, pa.decimal128(10, 2)),
        "ordered_at": pa.array([datetime(2011, 12, 1, 8, 26)] * count, pa.timestamp("us")),
    }
    return {name: value for name, value in (values | others).items() if value is not None}


def test_rows_are_numbered_and_typed(desk):
    loaded = desk.load(parquet(columns(3)))
    assert {line: r["order_id"] for line, r in loaded.rows.items()} == {1: "A1", 2: "A2", 3: "A3"}
    (found, *_) = loaded.values
    assert (found["product_id"], found["quantity"], found["unit_price"]) == ("10001", Decimal(2), Decimal("2.5"))
    assert found["ordered_at"] == datetime(2011, 12, 1, 8, 26)
    assert found["_extra"] is None
    assert loaded.reading.content.format == "parquet"
    assert json.loads(loaded.reading.layout.text) == list(columns())


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_moment_with_a_zone_is_that_moment_and_one_without_is_local(desk, unit):
    moment = datetime(2011, 7, 1, 8, 26)
    naive = desk.load(
        parquet(columns(ordered_at=pa.array([moment], pa.timestamp(unit)))), project={"time_zone": "Europe/Berlin"}
    )
    zoned = desk.load(
        parquet(columns(ordered_at=pa.array([moment.replace(tzinfo=UTC)], pa.timestamp(unit, "Asia/Tokyo")))),
        project={"time_zone": "Europe/Berlin"},
    )
    assert (naive.values[0]["ordered_at"], naive.values[0]["ordered_at_local"]) == (datetime(2011, 7, 1, 6, 26), moment)
    assert (zoned.values[0]["ordered_at"], zoned.values[0]["ordered_at_local"]) == (
        moment,
        datetime(2011, 7, 1, 10, 26),
    )


def test_the_settings_for_texts_do_not_touch_what_has_a_type(desk):
    data = parquet(columns(ordered_at=pa.array([date(2011, 12, 1)]), unit_price=pa.array([1234.5])))
    (found,) = desk.load(data, decimal_mark=",", thousands_mark=".", date_formats=["%d/%m/%Y"]).values
    assert found["unit_price"] == Decimal("1234.5")
    assert found["ordered_at"] == datetime(2011, 12, 1)
    texts = parquet(columns(ordered_at=pa.array(["01/12/2011"]), unit_price=pa.array(["1.234,5"])))
    (same,) = desk.load(texts, decimal_mark=",", thousands_mark=".", date_formats=["%d/%m/%Y"]).values
    assert same["_line_hash"] == found["_line_hash"]
    number_as_date = parquet(columns(ordered_at=pa.array([20111201])))
    (again,) = desk.load(number_as_date, date_formats=["%Y%m%d"]).values
    assert again["ordered_at"] == datetime(2011, 12, 1)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("unit_price", pa.array([2.55], pa.float32()), Decimal("2.55")),
        ("unit_price", pa.array([0.1]), Decimal("0.1")),
        (
            "unit_price",
            pa.array([Decimal("12345678901234.1234567890")], pa.decimal128(38, 10)),
            Decimal("12345678901234.1235"),
        ),
        ("quantity", pa.array([-3], pa.int8()), Decimal(-3)),
        ("quantity", pa.array([7], pa.uint64()), Decimal(7)),
        ("customer_id", pa.array([9223372036854775807]), "9223372036854775807"),
        ("customer_id", pa.array([b"C7"]), "C7"),
        ("customer_id", pa.array([None], pa.null()), None),
        ("customer_id", pa.array([float("nan")]), None),
        ("customer_id", pa.array([True]), "true"),
    ],
)
def test_a_value_of_any_plain_type_is_the_text_that_a_csv_would_hold(desk, column, value, expected):
    assert desk.load(parquet(columns(**{column: value}))).column(column) == [expected]


def test_what_does_not_fit_is_a_reject_whose_text_is_the_row_as_json(desk):
    data = columns(
        6,
        unit_price=pa.array([1.0, float("inf"), 1e20, None, 2.0, 3.0]),
        description=pa.array(["a", "b", "c", "d", "e\0f", "g"]),
        tags=pa.array([["x"], None, [], None, None, None]),
    )
    loaded = desk.load(parquet(data))
    assert_conserved(loaded)
    assert list(loaded.rows) == [1, 6]
    reasons = loaded.reasons()
    assert "unit_price holds 'inf'" in reasons[2]
    assert "unit_price holds '1e+20'" in reasons[3]
    assert "unit_price is empty" in reasons[4]
    assert reasons[5] == "description holds NUL; remove it"
    assert json.loads(loaded.rejects[2]["raw_text"]) == {
        "customer_id": "C1",
        "description": "b",
        "order_id": "A2",
        "ordered_at": "2011-12-01 08:26:00",
        "product_id": 10001,
        "quantity": 2,
        "tags": None,
        "unit_price": "inf",
    }
    assert loaded.rejects[2]["raw_text"] == json.dumps(
        json.loads(loaded.rejects[2]["raw_text"]), separators=(",", ":"), sort_keys=True
    )


def test_nested_columns_are_mapped_by_a_dotted_path_and_the_rest_goes_into_extra(desk):
    customer = pa.array([{"id": 7, "name": "Ann", "address": {"zip": "1", "city": "Bonn"}}, None])
    items = pa.array([[{"z": 1, "a": Decimal("1.10")}], None])
    data = columns(
        2, customer_id=None, customer=customer, items=items, note=pa.array(["é", None]), at=pa.array([time(1), None])
    )
    loaded = desk.load(parquet(data), columns={"customer_id": "customer.id"})
    assert loaded.column("customer_id") == ["7", None]
    assert loaded.values[0]["_extra"] == (
        '{"at":"01:00:00","customer":{"address":{"city":"Bonn","zip":"1"},"name":"Ann"},"items":[{"a":1.1,"z":1}],"note":"é"}'
    )
    assert loaded.values[1]["_extra"] == '{"at":null,"customer":null,"items":null,"note":null}'
    names = [name for name, _ in loaded.reading.layout.undeclared]
    assert names == ["customer.name", "customer.address.zip", "customer.address.city", "items", "note", "at"]


def test_a_nested_value_in_a_mapped_column_is_a_reject(desk):
    loaded = desk.load(parquet(columns(2, customer_id=pa.array([["C1"], None]))))
    assert loaded.reasons() == {1: "customer_id holds a nested value; map a single one, such as name.id"}


def test_names_that_differ_by_case_only_stay_apart(desk):
    table = pa.Table.from_arrays([*columns().values(), pa.array(["x"])], names=[*columns(), "Order_ID"])
    loaded = desk.load(parquet(table))
    assert loaded.column("order_id") == ["A1"]
    assert loaded.values[0]["_extra"] == '{"Order_ID":"x"}'


@pytest.mark.parametrize("lacking", ["unit_price", "customer_id"])
def test_a_schema_that_lacks_a_column_is_refused_with_the_name_that_may_be_meant(desk, lacking):
    data = columns(4)
    data[f"{lacking}s"] = data.pop(lacking)
    loaded = desk.load(parquet(data))
    assert f"the schema lacks '{lacking}', perhaps '{lacking}s'" in loaded.reading.refusal
    assert (loaded.reading.rows_read, loaded.reading.rows_rejected) == (4, 4)


@pytest.mark.parametrize("damage", ["cut", "footer", "declared"])
def test_a_damaged_file_is_refused(desk, damage):
    data = parquet(columns(9))
    if damage == "cut":
        data = data[:-20]
    elif damage == "footer":
        data = data[:-8] + b"\xff\xff\xff\x7fPAR1"
    else:
        data = b"order_id,quantity\n"
    loaded = desk.load(data, **({"format": "parquet"} if damage == "declared" else {}))
    assert ("no Parquet file" if damage == "declared" else "cannot be read") in loaded.reading.refusal


def test_a_packed_parquet_file_is_the_same_content(desk):
    data = parquet(columns(2))
    plain, packed = desk.load(data), desk.load(gzip.compress(data))
    assert plain.reading.drop_id == packed.reading.drop_id
    assert plain.rows == packed.rows


def test_many_row_groups_keep_their_order_and_numbers(desk):
    count = 25_000
    loaded = desk.load(parquet(columns(count), row_group_size=3_000), batch_bytes=1 << 20)
    assert [r["order_id"] for _, r in sorted(loaded.rows.items())] == [f"A{n}" for n in range(1, count + 1)]
    assert loaded.reading.rows_read == count


def test_a_file_without_rows_is_read_and_holds_none(desk):
    loaded = desk.load(parquet(columns(0)))
    assert (loaded.reading.refusal, loaded.reading.rows_read, loaded.rows) == (None, 0, {})
