"""JSON lines and JSON arrays: exact numbers, dotted paths, `_extra`, and every broken record a reject that costs no neighbour."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahara_assets.drops import json_text
from sahara_assets.drops.json_text import NotJsonError, array_elements, canonical, parse
from sahara_assets_tests.drops.drop_desk import Desk, assert_conserved

SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module")
def desk():
    made = Desk()
    yield made
    made.close()


def row(**others):
    """One record; a value of None leaves the name out."""
    values = {
        "order_id": "A1",
        "customer_id": "C1",
        "product_id": "P1",
        "quantity": 1,
        "unit_price": 2.5,
        "ordered_at": "2011-12-01",
    }
    return {name: value for name, value in (values | others).items() if value is not None}


def lines(*records):
    return "\n".join(r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records) + "\n"


# --- JSON text -------------------------------------------------------------------------------------------------------------------

_letters = st.characters(exclude_characters="\\", exclude_categories=["Cs"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(_letters, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(_letters, max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(_values)
def test_what_is_written_canonically_reads_as_the_same_value(value):
    text = json.dumps(value)
    if "\\u0000" in text:  # the only text that JSON can hold and a warehouse cannot
        with pytest.raises(NotJsonError, match="NUL"):
            parse(text)
        return
    read = parse(text)
    assert json.loads(canonical(read)) == value
    assert canonical(parse(canonical(read))) == canonical(read)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "no JSON"),
        ('{"a": 1,}', "no JSON"),
        ('{"a": 01}', "no JSON"),
        ('{"a": 1} {"b": 2}', "no JSON: Extra data"),
        ('{"a": "x\ty"}', "no JSON: Invalid control character"),
        ('{"a": Infinity}', "Infinity is no JSON number; write null"),
        ('{"a": {"$numberDouble": "-Infinity"}}', "-Infinity is no number; write null"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ('{"a": 1, "b": 2, "a": 1}', "the name 'a' stands twice"),
        ('{"x": {"a": 1, "a": 2}}', "the name 'a' stands twice"),
        ('{"a": "\\u0000"}', "holds NUL"),
        ('{"a": "\\ud800"}', "half a letter"),
        ('{"\\udc00": 1}', "half a letter"),
        ("[" * 100_000, "nested more than 100 deep"),
        ("[" * 101 + "]" * 101, "nested more than 100 deep"),
    ],
)
def test_what_means_nothing_certain_is_no_json(text, why):
    with pytest.raises(NotJsonError, match=why):
        parse(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('{"$oid": "5f1d7f3a9b"}', "5f1d7f3a9b"),
        ('{"$date": "2011-12-01T08:26:00.000Z"}', "2011-12-01T08:26:00.000Z"),
        ('{"$date": {"$numberLong": "1322727960500"}}', "2011-12-01T08:26:00.500000Z"),
        ('{"$date": -1}', "1969-12-31T23:59:59.999000Z"),
        ('{"$timestamp": {"t": 1322727960, "i": 1}}', "2011-12-01T08:26:00.000000Z"),
        ('{"$numberLong": "9007199254740993"}', "9007199254740993"),
        ('{"$numberDecimal": "9.990"}', "9.990"),
        ('{"$numberDecimal": "1E+3"}', "1E+3"),
        ('{"$numberDouble": "NaN"}', None),
        ('{"$uuid": "0a-1"}', "0a-1"),
        ("NaN", None),
        # What says something else, or nothing, stays the object that it is.
        ('{"$oid": 7}', {"$oid": "7"}),
        ('{"$numberLong": "seven"}', {"$numberLong": "seven"}),
        ('{"$date": 1.5}', {"$date": "1.5"}),
        ('{"$binary": {"base64": "AA==", "subType": "00"}}', {"$binary": {"base64": "AA==", "subType": "00"}}),
        ('{"$oid": "a", "$ref": "b"}', {"$oid": "a", "$ref": "b"}),
        ('{"$date": {"$numberLong": "999999999999999999"}}', "999999999999999999"),
    ],
)
def test_extended_json_reads_as_the_plain_value(text, plain):
    assert parse(text) == plain


@given(st.lists(_values.map(json.dumps) | st.sampled_from(['{"a": ', "nonsense", '"open'])), st.integers(1, 7))
def test_the_elements_of_an_array_do_not_depend_on_where_the_chunks_lie(elements, chunk):
    data = ("[" + " ,\n".join(elements) + "]").encode()
    whole = list(array_elements([data]))
    assert list(array_elements([data[i : i + chunk] for i in range(0, len(data), chunk)])) == whole
    if not any(bad in elements for bad in ('{"a": ', "nonsense", '"open')):
        assert [element.decode() for element in whole] == elements


def test_an_array_without_its_end_says_so_and_keeps_what_it_holds():
    assert list(array_elements([b'[{"a": 1}, {"a"'])) == [b'{"a": 1}', b'{"a"', b""]
    assert list(array_elements([b'[{"a": 1}'])) == [b'{"a": 1}', b""]
    assert list(array_elements([b"[1, 2] 3"])) == [b"1", b"2", b"3"]
    assert list(array_elements([b"[1, 2] {}"])) == [b"1", b"2", b"{}"]
    assert list(array_elements([b" [ ] "])) == []


# --- records ---------------------------------------------------------------------------------------------------------------------


def test_every_line_is_a_record_with_its_physical_line(desk):
    loaded = desk.load(lines(row(order_id="A1"), "", row(order_id="A2"), "  ", row(order_id="A3")))
    assert [(line, r["order_id"]) for line, r in loaded.rows.items()] == [(1, "A1"), (3, "A2"), (5, "A3")]
    assert loaded.reading.content.format == "jsonl"


def test_an_array_is_numbered_by_its_elements_however_it_is_laid_out(desk):
    records = [row(order_id="A1"), row(order_id="A2", description='[,]{"\\')]
    for text in (
        json.dumps(records),
        json.dumps(records, indent=2),
        json.dumps(records, indent=1).replace("\n", "\r\n"),
    ):
        loaded = desk.load(text, chunk_bytes=16)
        assert loaded.reading.content.format == "json"
        assert {line: r["order_id"] for line, r in loaded.rows.items()} == {1: "A1", 2: "A2"}
        assert loaded.rows[2]["description"] == '[,]{"\\'


def test_numbers_keep_every_digit(desk):
    text = lines(
        '{"order_id": 123456789012345678901234567890, "customer_id": 17850.0, "product_id": 10002, "quantity": 1e3, '
        '"unit_price": 0.1, "ordered_at": "2011-12-01", "margin": 0.10, "big": 12345678901234567890123}'
    )
    (found,) = desk.load(text).values
    assert found["order_id"] == "123456789012345678901234567890"
    assert found["customer_id"] == "17850.0"
    assert found["quantity"] == Decimal(1000)
    assert found["unit_price"] == Decimal("0.1000")
    assert found["_extra"] == '{"big":12345678901234567890123,"margin":0.10}'


def test_a_number_has_a_point_also_where_texts_have_a_comma(desk):
    (one, two) = desk.load(lines(row(unit_price=1.5), row(unit_price="1,5")), decimal_mark=",").values
    assert one["unit_price"] == two["unit_price"] == Decimal("1.5")
    assert one["_line_hash"] == two["_line_hash"]


def test_nested_values_are_mapped_by_a_dotted_path_and_the_rest_stays_nested(desk):
    mapping = {"customer_id": "customer.id", "country": "customer.address.country", "product_id": "item.sku"}
    record = row(
        customer_id=None,
        product_id=None,
        customer={"id": 7, "name": "Ann", "address": {"country": "DE", "city": "Bonn"}},
        tags=["b", "a"],
    )
    # A name with a dot in it is as good as a nested one.
    found = desk.load(lines(record | {"item.sku": "P1"}, record | {"item": {"sku": "P2"}}), columns=mapping)
    one, two = found.values
    assert (one["customer_id"], one["country"], one["product_id"], two["product_id"]) == ("7", "DE", "P1", "P2")
    assert one["_extra"] == '{"customer":{"address":{"city":"Bonn"},"name":"Ann"},"tags":["b","a"]}'
    assert [name for name, _ in found.reading.layout.undeclared] == ["customer.name", "customer.address.city", "tags"]


def test_missing_names_and_nulls_are_null_and_names_are_matched_as_people_read_them(desk):
    first = row(customer_id=None, description=None) | {"Customer-ID": "C9", "note": None}
    found = desk.load(lines(first, row(customer_id=None, description=None), row(customer_id=None)))
    assert found.column("customer_id") == ["C9", None, None]
    assert [r["_extra"] for r in found.values] == ['{"note":null}', None, None]
    assert "country" in found.reading.layout.absent
    assert "customer_id" not in found.reading.layout.absent


def test_a_name_that_only_a_later_record_has_is_taken_as_it_is_written(desk):
    many = [row(order_id=f"A{n}", description="x" * 1000) for n in range(1200)]
    found = desk.load(lines(*many, row(country="France"), row(Country="Italy")))
    assert found.column("country")[-2:] == ["France", None]
    assert found.values[-1]["_extra"] == '{"Country":"Italy"}'
    assert [name for name, _ in found.reading.layout.undeclared] == ["Country"]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ('{"order_id": "A2", ', "no JSON"),
        ("[1, 2]", "a record is a JSON object of names and values; this is a list"),
        ("17", "this is a single value"),
        (json.dumps(row(quantity=[1])), "quantity holds a list"),
        (json.dumps(row(product_id={"sku": 1})), "product_id holds an object"),
        (json.dumps(row(quantity=True)), "quantity holds 'true'"),
        (json.dumps(row(unit_price="x")), "unit_price holds 'x'"),
        (json.dumps(row(product_id=None)), "product_id is empty"),
        (json.dumps(row(product_id="")), "product_id is empty"),
        (json.dumps(row())[:-1] + ', "order_id": "A1"}', "'order_id' stands twice"),
        (json.dumps(row(unit_price=None))[:-1] + ', "unit_price": NaN}', "unit_price is empty"),
        (json.dumps(row(unit_price=None))[:-1] + ', "unit_price": Infinity}', "Infinity is no JSON number"),
        (json.dumps(row(description="a\0b")), "holds NUL"),
        (json.dumps(row(ordered_at=1322697600)), "ordered_at holds '1322697600'"),
    ],
)
def test_a_broken_record_is_a_reject_with_its_text_and_costs_no_neighbour(desk, bad, why):
    loaded = desk.load(lines(row(order_id="A0"), bad, row(order_id="A9")))
    assert_conserved(loaded)
    assert loaded.column("order_id") == ["A0", "A9"]
    assert list(loaded.rejects) == [2]
    assert why in loaded.rejects[2]["reason"]
    assert loaded.rejects[2]["raw_text"] == bad
    in_array = desk.load("[" + ",\n".join([json.dumps(row()), bad, json.dumps(row())]) + "]")
    if bad.endswith(("}", "]", "7")):  # else the bracket that is missing is found at the array's end
        assert list(in_array.rejects) == [2]
        assert in_array.rejects[2]["raw_text"] == bad


def test_bytes_that_are_no_utf_8_spoil_their_record_alone(desk):
    text = lines(row(), row(description="Café"), row()).encode()
    loaded = desk.load(text + lines(row(description="Thé")).encode("cp1252"))
    assert list(loaded.rows) == [1, 2, 3]
    assert "byte 0xE9 is not UTF-8" in loaded.rejects[4]["reason"]
    assert "Th\\xe9" in loaded.rejects[4]["raw_text"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_json_may_be_in_any_encoding_that_a_csv_may_be_in(desk, encoding):
    text = lines(row(description="Café"), row(description="😀")).encode(encoding)
    assert desk.load(text).column("description") == ["Café", "😀"]


def test_a_text_of_a_megabyte_is_kept_whole(desk):
    text = "é" * (1 << 20)
    assert desk.load(lines(row(), row(description=text), row()), chunk_bytes=200_000).column("description")[1] == text
    assert desk.load(json.dumps([row(description=text)]), chunk_bytes=1 << 20).column("description") == [text]


def test_a_drop_whose_records_lack_what_every_row_must_have_is_refused_with_the_name_that_may_be_meant(desk):
    loaded = desk.load(lines(row(unit_price=None, unitprice_gbp=2), row(unit_price=None)))
    assert "lacks 'unit_price', perhaps 'unitprice_gbp'" in loaded.reading.refusal
    assert loaded.reading.rows_read == 2
    assert loaded.rows == {}


def test_a_drop_is_not_refused_for_a_name_that_may_be_empty(desk):
    assert desk.load(lines(row(customer_id=None))).column("customer_id") == [None]


@pytest.mark.parametrize(
    ("text", "why"),
    [("[]", "holds no JSON array"), ("", "no header line")],
)
def test_a_drop_without_records_is_refused(desk, text, why):
    assert why in desk.load(text).reading.refusal


def test_two_names_that_could_both_be_meant_are_refused(desk):
    text = lines(row(product_id=None) | {"Product ID": "a", "product-id": "b"})
    assert "names 'product_id' twice" in desk.load(text).reading.refusal


def test_an_element_without_end_is_refused_before_it_fills_the_memory(desk, monkeypatch):
    monkeypatch.setattr(json_text, "LONGEST_ELEMENT_BYTES", 2000)
    text = "[" + json.dumps(row())[:-1] + "," + ",".join(json.dumps(row()) for _ in range(100)) + "]"
    assert "a bracket is missing" in desk.load(text, chunk_bytes=500).reading.refusal


_fields = st.fixed_dictionaries(
    {},
    optional={
        "order_id": st.sampled_from(["A1", 7, "", None, [1]]),
        "quantity": st.sampled_from([1, -2.5, "3", "x", True, None]),
        "description": st.text(max_size=5),
        "other": st.sampled_from([1, {"a": []}, "t"]),
    },
)


@settings(suppress_health_check=SLOW, deadline=None, max_examples=25)
@given(st.lists(st.tuples(_fields, st.sampled_from(["whole", "whole", "cut", "twice"])), min_size=1, max_size=8))
def test_rows_read_are_rows_loaded_and_rejected_whatever_the_records_hold(desk, made):
    texts = [json.dumps(row())]
    for fields, how in made:
        text = json.dumps(row() | fields)
        texts.append({"whole": text, "cut": text[:-3], "twice": text + text}[how])
    for whole in ("\n".join(texts), "[" + ",\n".join(texts) + "]"):
        loaded = desk.load(whole, chunk_bytes=64)
        assert_conserved(loaded)
        assert loaded.reading.refusal is None
    by_line = desk.load("\n".join(texts))
    assert by_line.reading.rows_read == len(texts)
    for line, reject in by_line.rejects.items():
        assert reject["raw_text"] == texts[line - 1]
