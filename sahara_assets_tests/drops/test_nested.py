"""Nested documents are taken apart while they are read: one row for each innermost element, whatever format they come in."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahara_assets.drops.correcting import write_corrections
from sahara_assets.drops.flattening import Flattener, flat_rows
from sahara_assets.drops.json_text import parse
from sahara_assets_tests.drops.drop_desk import Desk, assert_conserved

SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
ORDERS = {
    "order_id": "_id",
    "customer_id": "customer.id",
    "product_id": "items.sku",
    "quantity": "items.quantity",
    "unit_price": "items.price.amount",
    "ordered_at": "created",
}


@pytest.fixture(scope="module")
def desk():
    made = Desk()
    yield made
    made.close()


def order(number, *items, **others):
    return {"_id": f"A{number}", "customer": {"id": 7}, "created": "2011-12-01", "items": list(items), **others}


def item(sku="P1", quantity=1, amount=2.5, **others):
    return {"sku": sku, "quantity": quantity, "price": {"amount": amount}, **others}


def lines(*documents):
    return "\n".join(d if isinstance(d, str) else json.dumps(d) for d in documents) + "\n"


def as_parquet(documents, schema=None):
    out = BytesIO()
    pq.write_table(pa.Table.from_pylist(documents, schema=schema), out)
    return out.getvalue()


FORMATS = {
    "json lines": lambda documents: lines(*documents).encode(),
    "json array": lambda documents: json.dumps(documents, indent=1).encode(),
    "parquet": as_parquet,
}


def shown(loaded, *columns):
    return [tuple(row[column] for column in columns) for row in loaded.values]


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_an_order_document_gives_a_line_for_each_of_its_items(desk, form):
    documents = [order(1, item(), item("P2", 3)), order(2, item("P3", gift=True))]
    loaded = desk.load(FORMATS[form](documents), columns=ORDERS, explode="items")
    assert_conserved(loaded)
    assert loaded.rejects == {}
    assert list(loaded.rows) == [1, 2, 3]
    assert shown(loaded, "order_id", "customer_id", "product_id", "quantity") == [
        ("A1", "7", "P1", Decimal(1)),
        ("A1", "7", "P2", Decimal(3)),
        ("A2", "7", "P3", Decimal(1)),
    ]
    assert json.loads(loaded.values[2]["_extra"])["items"]["gift"] is True


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_the_same_item_twice_in_a_document_is_two_units(desk, form):
    loaded = desk.load(FORMATS[form]([order(1, item(), item(), item("P2"))]), columns=ORDERS, explode="items")
    assert [row["_occurrence"] for row in loaded.values] == [1, 2, 1]


def test_a_document_is_the_same_rows_in_every_format(desk):
    documents = [
        order(1, item(), item("P2", 3, 0.1), note="x"),
        order(2, item(None, None, None), customer={"id": None}),
        order(3, item("P4")),
    ]
    found = [desk.load(write(documents), columns=ORDERS, explode="items") for write in FORMATS.values()]
    hashes = [[row["_line_hash"] for row in loaded.values] for loaded in found]
    assert len(hashes[0]) == 3
    assert hashes == [hashes[0]] * len(FORMATS)
    assert [list(loaded.rejects) for loaded in found] == [[3]] * len(FORMATS)


# --- what is missing, broken or doubtful -------------------------------------------------------------------------------------------

HITS = {
    "order_id": "visit",
    "product_id": "hits.product.sku",
    "quantity": "hits.product.n",
    "unit_price": "hits.price",
    "ordered_at": "at",
    "description": "hits.type",
}
TWO_LEVELS = {"explode": ["hits", "hits.product"], "columns": HITS, "constants": {"customer_id": "C1"}}
HIT_TYPE = pa.struct(
    [
        ("type", pa.string()),
        ("price", pa.float64()),
        ("product", pa.list_(pa.struct([("sku", pa.string()), ("n", pa.int64())]))),
    ]
)
VISITS = pa.schema([("visit", pa.string()), ("at", pa.string()), ("hits", pa.list_(HIT_TYPE))])


def visit(name, *hits):
    return {"visit": name, "at": "2011-12-01", "hits": list(hits)}


def hit(kind, *products, price=1.5):
    return {"type": kind, "price": price, "product": [{"sku": sku, "n": n} for sku, n in products]}


VISITED = [
    visit("v1", hit("a", ("p1", 1), ("p2", 2)), hit("b"), hit("c", ("p3", 3))),
    visit("v2"),
    {"visit": "v3", "at": "2011-12-01", "hits": None},
    visit("v4", {"type": "d", "price": None, "product": None}),
]


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_what_has_no_elements_is_one_row_without_values_from_below(desk, form):
    data = as_parquet(VISITED, VISITS) if form == "parquet" else FORMATS[form](VISITED)
    loaded = desk.load(data, **TWO_LEVELS)
    assert_conserved(loaded)
    assert loaded.reading.rows_read == 7
    # A row without a product is no purchase; that it was a row is said all the same.
    assert shown(loaded, "order_id", "description", "product_id", "quantity") == [
        ("v1", "a", "p1", Decimal(1)),
        ("v1", "a", "p2", Decimal(2)),
        ("v1", "c", "p3", Decimal(3)),
    ]
    why = "hits.product.sku is empty; it must not be empty (document on line {})"
    assert loaded.reasons() == {3: why.format(1), 5: why.format(2), 6: why.format(3), 7: why.format(4)}


def test_the_text_of_a_document_is_kept_once_and_given_back_whole(desk, tmp_path):
    bad = order(2, item(quantity="x"), item("P2"), item(amount="y"))
    loaded = desk.load(lines(order(1, item()), bad), columns=ORDERS, explode="items")
    assert loaded.reasons() == {
        2: "items.quantity holds 'x'; write a number such as 12.50, at most 14 digits before the . (document on line 2)",
        4: "items.price.amount holds 'y'; write a number such as 12.50, at most 14 digits before the . (document on line 2)",
    }
    assert [loaded.rejects[line]["raw_text"] for line in (2, 4)] == [json.dumps(bad), "(the same document as row 2)"]
    ledger = [{"dataset": "purchases", "drop_id": loaded.reading.drop_id, "header": "[]", "format": "jsonl"}]
    rejects = [{**reject, "path": "orders.jsonl"} for reject in loaded.rejects.values()]
    written, reasons = write_corrections(tmp_path / "fix.jsonl", rejects, ledger)
    assert written.read_text() == json.dumps(bad) + "\n"
    assert reasons.read_text().count("\n") == 3
    mended = desk.load(written.read_text().replace('"x"', "5").replace('"y"', "6"), columns=ORDERS, explode="items")
    assert (len(mended.rows), mended.rejects) == (3, {})


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"items": "none"}, "items is a single value, not the list that `explode` takes apart"),
        ({"items": {"sku": 1}}, "items is an object, not the list"),
        ({"items": [1]}, "an element of items is a single value, where an object is expected"),
        ({"items": [None]}, "an element of items is null"),
        ({"items": [[]]}, "an element of items is a list"),
        ({"items": [item(sku={"a": 1})]}, "items.sku holds an object; map a single value"),
        ({"items": [item()], "customer": {"id": [1]}}, "customer.id holds a list; map a single value"),
    ],
)
def test_a_document_of_another_shape_is_a_reject_that_costs_no_neighbour(desk, document, why):
    bad = {**order(2), **document}
    loaded = desk.load(lines(order(1, item()), bad, order(3, item())), columns=ORDERS, explode="items")
    assert_conserved(loaded)
    assert loaded.column("order_id") == ["A1", "A3"]
    assert why in loaded.rejects[2]["reason"]
    assert loaded.rejects[2]["raw_text"] == json.dumps(bad)


def test_a_fault_beside_the_items_rejects_every_row_of_the_document(desk):
    bad = order(1, item(), item("P2"), customer={"id": {"a": 1}})
    loaded = desk.load(lines(bad, order(2, item())), columns=ORDERS, explode="items")
    assert_conserved(loaded)
    assert list(loaded.rejects) == [1, 2]
    assert loaded.column("order_id") == ["A2"]


def test_no_json_is_one_row_of_the_drop(desk):
    loaded = desk.load(lines(order(1, item(), item()), "{", order(2, item())), columns=ORDERS, explode="items")
    assert (list(loaded.rows), list(loaded.rejects), loaded.reading.rows_read) == ([1, 2, 4], [3], 4)
    assert loaded.rejects[3]["reason"].endswith("(document on line 2)")


def test_a_list_that_is_none_refuses_a_parquet_drop_and_a_csv_has_none(desk):
    data = as_parquet([{**order(1), "items": "none"}])
    assert "items is no list but varchar, so `explode` cannot take it apart" in desk.load(data, columns=ORDERS, explode="items").reading.refusal  # fmt: skip
    assert "rows is no column of the schema" in desk.load(data, columns=ORDERS, explode="rows").reading.refusal
    csv = "_id,created\nA1,2011-12-01\n"
    assert "explode" in desk.load(csv, columns=ORDERS, explode="items").reading.refusal


def test_elements_that_are_single_values_are_mapped_by_the_list(desk):
    mapping = {**ORDERS, "product_id": "skus", "quantity": "n", "unit_price": "price", "customer_id": "who"}
    documents = [{"_id": "A1", "created": "2011-12-01", "who": 7, "n": 1, "price": 2, "skus": ["P1", "P2"]}]
    for write in FORMATS.values():
        assert desk.load(write(documents), columns=mapping, explode="skus").column("product_id") == ["P1", "P2"]
    del mapping["product_id"]
    unmapped = desk.load(as_parquet(documents), columns=mapping, constants={"product_id": "P"}, explode="skus")
    assert "an element of skus is a single value, where an object is expected" in unmapped.rejects[1]["reason"]
    empty = desk.load(
        as_parquet([{**documents[0], "skus": []}]), columns=mapping, constants={"product_id": "P"}, explode="skus"
    )
    assert (len(empty.rows), empty.rejects) == (1, {})


# --- paths -------------------------------------------------------------------------------------------------------------------------

PARAMS = {
    "order_id": "params[order].value.text | params[order].value.number",
    "description": "params[title].value.text",
    "country": "dimensions[index=4].value",
}


def parameter(key, text=None, number=None):
    return {"key": key, "value": {"text": text, "number": number}}


def flat(**others):
    usual = {"product_id": "P1", "quantity": 1, "unit_price": 2, "ordered_at": "2011-12-01", "customer_id": "C1"}
    return {**usual, "dimensions": [{"index": 4, "value": "DE"}, {"index": 5, "value": "x"}], **others}


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_key_value_lists_and_alternatives(desk, form):
    documents = [
        flat(params=[parameter("order", "A1"), parameter("title", "Cup")]),
        flat(params=[parameter("title", "Cup"), parameter("order", number=2)]),
        flat(params=[parameter("other", "x"), parameter("order", "", 3)]),
    ]
    loaded = desk.load(FORMATS[form](documents), columns=PARAMS)
    assert loaded.rejects == {}
    assert shown(loaded, "order_id", "description", "country") == [
        ("A1", "Cup", "DE"),
        ("2", "Cup", "DE"),
        ("3", None, "DE"),
    ]
    left = json.loads(loaded.values[2]["_extra"])
    assert {"index": 5, "value": "x"} in left["dimensions"]
    assert "other" in {element["key"] for element in left["params"]}


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_a_key_that_stands_twice_is_a_reject(desk, form):
    documents = [flat(params=[parameter("order", "A1"), parameter("order", "A2")]), flat(params=[parameter("order", "A3")])]  # fmt: skip
    loaded = desk.load(FORMATS[form](documents), columns=PARAMS)
    assert loaded.column("order_id") == ["A3"]
    assert "stands twice" in loaded.rejects[min(loaded.rejects)]["reason"]


def test_a_map_in_parquet_is_a_list_of_keys_and_values(desk):
    params = pa.array([[("order", "A1"), ("title", "Cup")]], pa.map_(pa.string(), pa.string()))
    columns = {name: pa.array([value]) for name, value in flat().items() if name != "dimensions"}
    out = BytesIO()
    pq.write_table(pa.table({**columns, "params": params}), out)
    loaded = desk.load(
        out.getvalue(), columns={"order_id": "params[order].value", "description": "params[title].value"}
    )
    assert shown(loaded, "order_id", "description") == [("A1", "Cup")]


def test_a_name_that_a_record_has_as_it_is_written_goes_before_its_path(desk):
    record = {**flat(), "params[order]": "A1", "a | b": "Cup"}
    loaded = desk.load(lines(record), columns={"order_id": "params[order]"})
    assert shown(loaded, "order_id") == [("A1",)]


def test_a_path_that_only_a_later_document_has_is_found_there(desk):
    documents = [flat(params=[], order_id="B")] * 2 + [flat(params=[parameter("late", "x" * 10)], order_id="B")]
    documents = [{**d, "pad": "y" * 600_000} for d in documents]
    loaded = desk.load(lines(*documents), columns={"description": "params[late].value.text"})
    assert loaded.column("description") == [None, None, "x" * 10]


def test_a_path_that_every_row_must_have_and_no_document_has_refuses_the_drop(desk):
    loaded = desk.load(lines(order(1, item()), order(2, item(), item())), columns={**ORDERS, "product_id": "items.article"}, explode="items")  # fmt: skip
    assert "lacks 'items.article' (our product_id)" in loaded.reading.refusal
    assert loaded.reading.rows_read == 3


# --- numbers, moments and constants ------------------------------------------------------------------------------------------------


def test_millionths_become_exact_amounts(desk):
    documents = [
        order(n, item(amount=amount)) for n, amount in enumerate([12990000, 1, 49, 50, "79523333", 1.5e6, None])
    ]
    loaded = desk.load(lines(*documents), columns=ORDERS, explode="items", micros=["unit_price"])
    assert loaded.column("unit_price") == [
        Decimal("12.99"), Decimal(0), Decimal(0), Decimal("0.0001"), Decimal("79.5233"), Decimal("1.5"),
    ]  # fmt: skip
    assert "items.price.amount is empty" in loaded.rejects[7]["reason"]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("epoch_seconds", "1470075581", datetime(2016, 8, 1, 18, 19, 41)),
        ("epoch_seconds", "1470075581.0", datetime(2016, 8, 1, 18, 19, 41)),
        ("epoch_milliseconds", "1470075581123", datetime(2016, 8, 1, 18, 19, 41, 123000)),
        ("epoch_microseconds", "1604192073036492", datetime(2020, 11, 1, 0, 54, 33, 36492)),
        ("epoch_seconds", "-86400", datetime(1969, 12, 31)),
        ("epoch_seconds", "-0.25", datetime(1969, 12, 31, 23, 59, 59, 750000)),
        ("epoch_seconds", "1470075581.1234569", datetime(2016, 8, 1, 18, 19, 41, 123456)),
        ("epoch_milliseconds", "1470075581123.5", datetime(2016, 8, 1, 18, 19, 41, 123500)),
        ("epoch_microseconds", "1604192073036492.0", datetime(2020, 11, 1, 0, 54, 33, 36492)),
        ("iso", "2016-08-01T18:19:41Z", datetime(2016, 8, 1, 18, 19, 41)),
    ],
)
def test_moments_counted_from_1970_are_moments_in_utc(desk, form, text, expected):
    record = order(1, item(), created=text)
    zoned = {"time_zone": "America/Los_Angeles"}
    (found,) = desk.load(
        lines(record), columns=ORDERS, explode="items", date_formats=["%d/%m/%Y", form], project=zoned
    ).values
    assert found["ordered_at"] == expected
    hours = (expected - found["ordered_at_local"]).total_seconds() / 3600
    assert hours in {7.0, 8.0}


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("epoch_seconds", "1470075581123"),  # milliseconds
        ("epoch_microseconds", "1470075581"),  # seconds: half an hour past 1970 began is no year of ours
        ("epoch_seconds", "1.47008E+09"),
        ("epoch_seconds", "2016-08-01"),
        ("epoch_seconds", "x"),
    ],
)
def test_a_count_of_other_units_or_with_lost_digits_is_a_reject(desk, form, text):
    loaded = desk.load(lines(order(1, item(), created=text), order(2, item(), created="x")), columns=ORDERS, explode="items", date_formats=[form])  # fmt: skip
    if form == "epoch_microseconds":
        # Read as microseconds, a second of today is in 1970: a year that is possible, so it loads and the checks on dates tell.
        assert loaded.column("ordered_at") == [datetime(1970, 1, 1, 0, 24, 30, 75581)]
        return
    assert f"write it as {form}" in loaded.rejects[1]["reason"]


def test_moments_without_an_offset_are_local_to_the_dataset_and_local_times_are_the_projects(desk):
    created = {"created": "2016-08-01 20:00:00"}
    settings_ = {"columns": ORDERS, "explode": "items", "time_zone": "America/Los_Angeles"}
    (found,) = desk.load(lines(order(1, item(), **created)), project={"time_zone": "Europe/Berlin"}, **settings_).values
    assert found["ordered_at"] == datetime(2016, 8, 2, 3)
    assert found["ordered_at_local"] == datetime(2016, 8, 2, 5)
    (same,) = desk.load(
        lines(order(1, item(), **created)), project={"time_zone": "America/Los_Angeles"}, **settings_
    ).values
    assert (same["ordered_at"], same["ordered_at_local"]) == (datetime(2016, 8, 2, 3), datetime(2016, 8, 1, 20))


def test_a_constant_stands_in_every_row_of_any_format(desk):
    usual = {"order_id": "A1", "customer_id": "C1", "product_id": "P1", "quantity": 1, "ordered_at": "2011-12-01"}
    csv = ",".join(usual) + "\n" + ",".join(map(str, usual.values())) + "\n"
    drops = [csv.encode(), lines(usual).encode(), as_parquet([usual])]
    for loaded in desk.load_all(*drops, constants={"unit_price": "2.50", "country": "DE"}):
        assert shown(loaded, "unit_price", "country") == [(Decimal("2.5"), "DE")]
        assert "unit_price" in loaded.reading.layout.absent


# --- laws --------------------------------------------------------------------------------------------------------------------------

_items = st.lists(
    st.one_of(
        st.fixed_dictionaries({"sku": st.sampled_from(["P1", "P2", None]), "n": st.sampled_from([1, "x", None])}),
        st.none(),
        st.integers(0, 3),
    ),
    max_size=3,
)
_hits = st.one_of(st.none(), st.lists(st.fixed_dictionaries({"t": st.text("ab", max_size=2)}, optional={"product": _items}), max_size=3))  # fmt: skip
_documents = st.lists(st.fixed_dictionaries({"visit": st.sampled_from(["v1", "v2", None])}, optional={"hits": _hits}), min_size=1, max_size=5)  # fmt: skip


def independently(document):
    """How many rows a document has, by the rule's words and not by the code's."""
    return sum(max(len((found or {}).get("product") or []), 1) for found in document.get("hits") or []) or 1


@given(_documents)
def test_a_document_has_as_many_rows_as_its_innermost_elements_and_empty_parents(documents):
    exploded = ["hits", "hits.product"]
    flattener = Flattener(exploded, {"visit": 0, "hits.t": 1, "hits.product.sku": 2}, 3, lambda value, _: str(value))
    for document in documents:
        value = parse(json.dumps(document))
        assert flattener.rows_in(value) == independently(document)
        assert len(list(flattener.rows(value))) == independently(document)
        assert len(list(flat_rows(value, exploded))) == independently(document)


@settings(suppress_health_check=SLOW, deadline=None, max_examples=15)
@given(_documents, st.sampled_from([64, 100_000]))
def test_rows_read_are_rows_loaded_and_rejected_whatever_the_documents_hold(desk, documents, chunk):
    mapping = {"order_id": "visit", "product_id": "hits.product.sku", "quantity": "hits.product.n", "ordered_at": "at", "description": "hits.t"}  # fmt: skip
    first = {"visit": "v0", "at": "2011-12-01", "hits": [{"t": "a", "product": [{"sku": "P1", "n": 1}]}]}
    texts = [json.dumps(d) for d in (first, *({**d, "at": "2011-12-01"} for d in documents))]
    for whole in ("\n".join(texts), "[" + ",\n".join(texts) + "]"):
        loaded = desk.load(
            whole, chunk_bytes=chunk, columns=mapping, explode=["hits", "hits.product"], constants={"unit_price": "1"}
        )
        assert loaded.reading.refusal is None
        assert_conserved(loaded)
        assert loaded.reading.rows_read == 1 + sum(map(independently, documents))
        assert sorted([*loaded.rows, *loaded.rejects]) == list(range(1, loaded.reading.rows_read + 1))


def test_what_nobody_maps_stays_once_with_the_first_row_of_what_it_belongs_to(desk):
    documents = [
        order(1, item(color="red"), item("P2", color="blue"), note="n", customer={"id": 7, "name": "Ann"}),
        order(2, item("P3"), note="m"),
    ]
    for write in FORMATS.values():
        loaded = desk.load(write(documents), columns=ORDERS, explode="items")
        extras = [json.loads(row["_extra"] or "{}") for row in loaded.values]
        assert [extra.get("note") for extra in extras] == ["n", None, "m"]
        assert [(extra.get("customer") or {}).get("name") for extra in extras] == ["Ann", None, None]
        assert [(extra.get("items") or {}).get("color") for extra in extras] == ["red", "blue", None]


_PEAK = """
import json, pathlib, sys
from sahara_assets_tests.drops.drop_desk import settings_of
from sahara_assets.drops.content import inspect_content
from sahara_assets.drops.sources import open_source
from sahara_assets.tables.datasets import DATASETS
path, columns = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
settings = settings_of(columns=columns, explode="items").datasets["purchases"]
rows = 0
with open_source(path, inspect_content(path, "auto"), DATASETS["purchases"], settings) as source:
    source.bind()
    for records in source.records():
        rows += len(records.parsed)
status = pathlib.Path("/proc/self/status").read_text()
print(rows, *(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("form", ["json lines", "parquet"])
def test_five_times_the_documents_take_hardly_more_memory(tmp_path, form, long_count):
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc, which this system lacks")

    def peak_megabytes(documents):
        path = tmp_path / f"{documents}.jsonl"
        with path.open("w") as stream:
            for number in range(documents):
                items = [item(f"P{n}", note="x" * 100) for n in range(10)]
                stream.write(json.dumps(order(number, *items, story="y" * 1000)) + "\n")
        if form == "parquet":
            source, path = path, path.with_suffix(".parquet")
            duckdb.sql(f"COPY (FROM read_json('{source}')) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)")
        command = [sys.executable, "-c", _PEAK, str(path), json.dumps(ORDERS)]
        # Without a script of its own DuckDB takes the process for a person and shows its progress first.
        *_, rows, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        assert int(rows) == 10 * documents
        return int(peak) / 1024

    # The further 80,000 documents are 210 MB of JSON. A busy machine only ever adds to a peak, so the least of three is what is needed.
    small, large = peak_megabytes(20_000), min(peak_megabytes(100_000) for _ in range(3))
    assert large - small < 25
    long_count(
        f"Peak memory of reading nested {form}", f"{small:.0f} MB for 200,000 rows, {large:.0f} MB for 1,000,000"
    )
