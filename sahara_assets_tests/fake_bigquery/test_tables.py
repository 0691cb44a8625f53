"""Datasets and tables through the real client: what is kept, what is listed, what is refused and how."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

TABLE = "test-project.shop.orders"
SCHEMA = [
    SchemaField("order_id", "STRING", mode="REQUIRED", description="as the shop writes it"),
    SchemaField("ordered_at", "DATETIME"),
    SchemaField("seen_at", "TIMESTAMP"),
    SchemaField("day", "DATE"),
    SchemaField("total", "NUMERIC", precision=18, scale=4),
    SchemaField("exact", "BIGNUMERIC"),
    SchemaField("lines", "INT64"),
    SchemaField("share", "FLOAT64"),
    SchemaField("is_gift", "BOOL"),
    SchemaField("extra", "JSON"),
    SchemaField("tags", "STRING", mode="REPEATED"),
    SchemaField(
        "hits", "RECORD", mode="REPEATED", fields=[SchemaField("page", "STRING"), SchemaField("at", "TIMESTAMP")]
    ),
]


def made(client, schema=SCHEMA, name=TABLE, **attributes):
    table = bigquery.Table(name, schema=schema)
    for key, value in attributes.items():
        setattr(table, key, value)
    return client.create_table(table)


def test_a_dataset_is_kept_with_its_location_and_labels(bigquery_client):
    dataset = bigquery_client.get_dataset("shop")
    assert dataset.location == "EU"
    dataset.labels = {"team": "data"}
    dataset.description = "the shop"
    bigquery_client.update_dataset(dataset, ["labels", "description"])
    again = bigquery_client.get_dataset("shop")
    assert (again.labels, again.description) == ({"team": "data"}, "the shop")
    assert [one.dataset_id for one in bigquery_client.list_datasets()] == ["shop"]


def test_a_dataset_that_exists_is_a_duplicate_unless_that_is_ok(bigquery_client):
    with pytest.raises(Conflict, match="Already Exists: Dataset test-project:shop") as caught:
        bigquery_client.create_dataset("shop")
    assert caught.value.errors[0]["reason"] == "duplicate"
    assert bigquery_client.create_dataset("shop", exists_ok=True).location == "EU"


def test_what_is_not_there_is_not_found_in_the_services_words(bigquery_client):
    with pytest.raises(NotFound, match="Not found: Dataset test-project:nowhere") as caught:
        bigquery_client.get_dataset("nowhere")
    assert caught.value.errors[0]["reason"] == "notFound"
    with pytest.raises(NotFound, match=r"Not found: Table test-project:shop\.nothing"):
        bigquery_client.get_table("shop.nothing")
    bigquery_client.delete_table("shop.nothing", not_found_ok=True)
    with pytest.raises(NotFound, match=r"Not found: Table test-project:shop.nothing was not found in location EU"):
        bigquery_client.query_and_wait("SELECT * FROM shop.nothing")


def test_a_dataset_with_tables_is_in_use(bigquery_client):
    made(bigquery_client)
    with pytest.raises(BadRequest, match="still in use"):
        bigquery_client.delete_dataset("shop")
    bigquery_client.delete_dataset("shop", delete_contents=True)
    assert list(bigquery_client.list_datasets()) == []


def test_a_table_gives_back_its_schema_partitions_clusters_and_labels(bigquery_client):
    made(
        bigquery_client,
        time_partitioning=bigquery.TimePartitioning(type_="DAY", field="ordered_at"),
        clustering_fields=["order_id", "day"],
        labels={"layer": "silver"},
        description="one row per order",
    )
    table = bigquery_client.get_table(TABLE)
    assert [(f.name, f.field_type, f.mode, f.description, f.precision, f.scale) for f in table.schema][:5] == [
        ("order_id", "STRING", "REQUIRED", "as the shop writes it", None, None),
        ("ordered_at", "DATETIME", "NULLABLE", None, None, None),
        ("seen_at", "TIMESTAMP", "NULLABLE", None, None, None),
        ("day", "DATE", "NULLABLE", None, None, None),
        ("total", "NUMERIC", "NULLABLE", None, 18, 4),
    ]
    assert [f.name for f in table.schema[-1].fields] == ["page", "at"]
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", "ordered_at")
    assert not table.require_partition_filter
    assert (table.clustering_fields, table.labels, table.description) == (
        ["order_id", "day"],
        {"layer": "silver"},
        "one row per order",
    )
    assert (table.num_rows, table.num_bytes, table.location) == (0, 0, "EU")
    assert [one.table_id for one in bigquery_client.list_tables("shop")] == ["orders"]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"time_partitioning": bigquery.TimePartitioning(field="nothing")}, "cannot be found in the schema"),
        (
            {"time_partitioning": bigquery.TimePartitioning(field="total")},
            "can only be of type TIMESTAMP, DATE or DATETIME",
        ),
        ({"clustering_fields": ["share"]}, "Clustering is not supported"),
        ({"clustering_fields": ["order_id", "day", "total", "lines", "is_gift"]}, "Too many clustering columns"),
        ({"schema": [SchemaField("a", "STRING"), SchemaField("A", "STRING")]}, "Duplicate field name"),
        ({"schema": [SchemaField("a", "NUMERIC", precision=40, scale=9)]}, "Invalid precision"),
    ],
)
def test_a_table_that_bigquery_would_refuse_is_refused(bigquery_client, attributes, said):
    attributes = dict(attributes)
    with pytest.raises(BadRequest, match=said):
        made(bigquery_client, schema=attributes.pop("schema", SCHEMA), **attributes)


def test_a_column_can_be_added_and_relaxed_but_not_changed(bigquery_client):
    made(bigquery_client, schema=SCHEMA[:5])
    bigquery_client.query_and_wait("INSERT INTO shop.orders (order_id) VALUES ('a')")
    table = bigquery_client.get_table(TABLE)
    table.schema = [*SCHEMA[:5], SchemaField("note", "STRING")]
    bigquery_client.update_table(table, ["schema"])
    assert [tuple(row) for row in bigquery_client.query_and_wait("SELECT order_id, note FROM shop.orders")] == [
        ("a", None)
    ]
    for schema, said in [
        ([*SCHEMA[:5], SchemaField("note", "INT64")], "has changed type from STRING to INTEGER"),
        (
            [*SCHEMA[:5], SchemaField("note", "STRING"), SchemaField("must", "STRING", mode="REQUIRED")],
            "Cannot add required fields",
        ),
        (SCHEMA[:5], "is missing in new schema"),
    ]:
        table = bigquery_client.get_table(TABLE)
        table.schema = schema
        with pytest.raises(BadRequest, match=said):
            bigquery_client.update_table(table, ["schema"])
    relaxed = bigquery_client.get_table(TABLE)
    relaxed.schema = [SchemaField("order_id", "STRING"), *relaxed.schema[1:]]
    bigquery_client.update_table(relaxed, ["schema"])
    bigquery_client.query_and_wait("INSERT INTO shop.orders (order_id) VALUES (NULL)")
    assert bigquery_client.get_table(TABLE).num_rows == 2


def test_an_update_from_an_old_reading_is_refused(bigquery_client):
    made(bigquery_client)
    first, second = bigquery_client.get_table(TABLE), bigquery_client.get_table(TABLE)
    first.description = "first"
    bigquery_client.update_table(first, ["description"])
    second.description = "second"
    with pytest.raises(Exception, match="Precondition Failed"):
        bigquery_client.update_table(second, ["description"])


def test_every_type_comes_back_as_it_went_in(bigquery_client):
    made(bigquery_client)
    moment = datetime(2020, 2, 29, 23, 59, 59, 123456)
    bigquery_client.query_and_wait(
        "INSERT INTO shop.orders VALUES ('a', '2020-02-29T23:59:59.123456', '2020-02-29 23:59:59.123456+00', '2020-02-29', 12345.6789, "
        "BIGNUMERIC '0.000000000000000001', 7, 0.1, TRUE, JSON '{\"a\":1}', ['x', 'y'], [STRUCT('p', TIMESTAMP '2020-01-01')])"
    )
    [row] = bigquery_client.list_rows(TABLE)
    assert dict(row) == {
        "order_id": "a",
        "ordered_at": moment,
        "seen_at": moment.replace(tzinfo=UTC),
        "day": moment.date(),
        "total": Decimal("12345.6789"),
        "exact": Decimal("0.000000000000000001"),
        "lines": 7,
        "share": 0.1,
        "is_gift": True,
        "extra": {"a": 1},
        "tags": ["x", "y"],
        "hits": [{"page": "p", "at": datetime(2020, 1, 1, tzinfo=UTC)}],
    }
    arrow = bigquery_client.list_rows(TABLE).to_arrow(create_bqstorage_client=False)
    assert arrow.column("total").to_pylist() == [Decimal("12345.6789")]
    assert arrow.column("ordered_at").to_pylist() == [moment]


def test_rows_come_in_pages_without_loss_or_repeat(bigquery_client, fake_bigquery):
    bigquery_client.query_and_wait("CREATE TABLE shop.numbers AS SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x")
    fake_bigquery.faults.reset_counts()
    found = [row.x for row in bigquery_client.list_rows("test-project.shop.numbers", page_size=10)]
    assert found == list(range(1, 26))
    assert fake_bigquery.faults.count("tabledata.list") == 3
    fake_bigquery.api.page_rows = 7
    result = bigquery_client.query("SELECT x FROM shop.numbers ORDER BY x").result()
    assert result.total_rows == 25
    assert [row.x for row in result] == list(range(1, 26))
    assert [
        row.x for row in bigquery_client.query_and_wait("SELECT x FROM shop.numbers ORDER BY x", page_size=4)
    ] == list(range(1, 26))
    chosen = bigquery_client.list_rows(
        "test-project.shop.numbers", selected_fields=[SchemaField("x", "INT64")], start_index=20, max_results=2
    )
    assert [row.x for row in chosen] == [21, 22]


def test_a_query_without_a_destination_can_be_read_from_where_it_wrote(bigquery_client):
    job = bigquery_client.query("SELECT 1 AS a UNION ALL SELECT 2")
    job.result()
    assert sorted(row.a for row in bigquery_client.list_rows(job.destination)) == [1, 2]


def test_an_expired_table_is_gone(bigquery_client, fake_bigquery):
    made(bigquery_client)
    made(bigquery_client, name="test-project.shop.staging", expires=datetime.now(UTC) + timedelta(hours=1))
    assert bigquery_client.get_table("shop.staging").expires > datetime.now(UTC)
    later = (datetime.now(UTC) + timedelta(hours=2)).timestamp() * 1000
    fake_bigquery.api.catalogue.clock = lambda: int(later)
    with pytest.raises(NotFound):
        bigquery_client.get_table("shop.staging")
    assert [one.table_id for one in bigquery_client.list_tables("shop")] == ["orders"]


def test_the_size_of_a_table_goes_by_the_documented_sizes_of_types(bigquery_client):
    bigquery_client.query_and_wait("CREATE TABLE shop.t (a INT64, b STRING, c NUMERIC, d BOOL)")
    bigquery_client.query_and_wait("INSERT INTO shop.t VALUES (1, 'äb', 1, TRUE), (NULL, '', NULL, FALSE)")
    assert bigquery_client.get_table("shop.t").num_bytes == (8 + 2 + 3 + 16 + 1) + (2 + 1)


def test_the_information_schema_lists_columns_and_tables(bigquery_client):
    made(bigquery_client, time_partitioning=bigquery.TimePartitioning(field="day"), clustering_fields=["order_id"])
    columns = bigquery_client.query_and_wait(
        "SELECT column_name, data_type, is_nullable, is_partitioning_column, clustering_ordinal_position "
        "FROM `test-project`.shop.INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'orders' ORDER BY ordinal_position"
    )
    found = [tuple(row) for row in columns]
    assert found[0] == ("order_id", "STRING", "NO", "NO", 1)
    assert found[3] == ("day", "DATE", "YES", "YES", None)
    assert found[4][1] == "NUMERIC(18, 4)"
    assert found[-1][1] == "ARRAY<STRUCT<page STRING, at TIMESTAMP>>"
    tables = bigquery_client.query_and_wait("SELECT table_name, table_type FROM shop.INFORMATION_SCHEMA.TABLES")
    assert [tuple(row) for row in tables] == [("orders", "BASE TABLE")]


def test_a_job_in_another_location_does_not_find_the_dataset(bigquery_client):
    made(bigquery_client)
    with pytest.raises(NotFound, match="was not found in location US"):
        bigquery_client.query_and_wait("SELECT * FROM shop.orders", location="US")
    assert bigquery_client.query("SELECT * FROM shop.orders").location == "EU"
