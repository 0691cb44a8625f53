"""DML, DDL, parameters, dry runs and destinations through the real client."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from google.api_core.exceptions import BadRequest, Conflict
from google.cloud import bigquery
from google.cloud.bigquery import ArrayQueryParameter, QueryJobConfig, ScalarQueryParameter, StructQueryParameter


def run(client, sql, **how):
    job = client.query(sql, job_config=QueryJobConfig(**how))
    return job, [tuple(row) for row in job.result()]


def rows(client, sql, **how):
    return run(client, sql, **how)[1]


@pytest.fixture
def table(bigquery_client):
    bigquery_client.query_and_wait(
        "CREATE TABLE shop.t (id INT64 NOT NULL, name STRING, price NUMERIC(18, 4), day DATE)"
    )
    bigquery_client.query_and_wait(
        "INSERT INTO shop.t VALUES (1, 'a', 1.5, '2020-01-01'), (2, 'b', 2, DATE '2020-01-02'), (3, NULL, NULL, NULL)"
    )
    return bigquery_client


def test_dml_counts_the_rows_it_changes(table):
    for sql, affected, stats in [
        ("INSERT INTO shop.t (id, name) SELECT id + 10, name FROM shop.t", 3, (3, None, None)),
        ("UPDATE shop.t SET name = 'z', price = price * 2 WHERE id = 1", 1, (None, 1, None)),
        ("DELETE FROM shop.t WHERE id > 10", 3, (None, None, 3)),
        (
            "UPDATE shop.t AS t SET t.name = s.n FROM (SELECT 2 AS id, 'q' AS n) AS s WHERE t.id = s.id",
            1,
            (None, 1, None),
        ),
        ("TRUNCATE TABLE shop.t", 3, (None, None, 3)),
    ]:
        job, _ = run(table, sql)
        assert job.num_dml_affected_rows == affected, sql
        counted = job.dml_stats
        assert (
            tuple(n or None for n in (counted.inserted_row_count, counted.updated_row_count, counted.deleted_row_count))
            == stats
        ), sql


def test_merge_inserts_updates_and_deletes_at_once(table):
    job, _ = run(
        table,
        "MERGE shop.t AS t USING (SELECT 1 AS id, 'new' AS name UNION ALL SELECT 9, 'nine') AS s ON t.id = s.id "
        "WHEN MATCHED AND s.name <> t.name THEN UPDATE SET name = s.name, price = 7 "
        "WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name) "
        "WHEN NOT MATCHED BY SOURCE AND t.id = 3 THEN DELETE",
    )
    assert job.num_dml_affected_rows == 3
    assert (job.dml_stats.inserted_row_count, job.dml_stats.updated_row_count, job.dml_stats.deleted_row_count) == (
        1,
        1,
        1,
    )
    assert rows(table, "SELECT id, name, price FROM shop.t ORDER BY id") == [
        (1, "new", Decimal(7)),
        (2, "b", Decimal(2)),
        (9, "nine", None),
    ]


REFUSED = [
    # dml-syntax: "each UPDATE statement must include the WHERE keyword"
    ("UPDATE shop.t SET name = 'x'", "UPDATE must have a WHERE clause"),
    ("DELETE FROM shop.t", "DELETE must have a WHERE clause"),
    # dml-syntax, MERGE: "a row must match at most one source row"
    (
        "MERGE shop.t t USING (SELECT 1 AS id UNION ALL SELECT 1) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = 'x'",
        "at most one source row",
    ),
    ("UPDATE shop.t t SET name = 'x' FROM UNNEST([1, 1]) AS s WHERE t.id = s", "at most one source row"),
    # dml-syntax, INSERT: value type compatibility
    (
        "INSERT INTO shop.t (id, name) VALUES (1, 2)",
        "Value has type INT64 which cannot be inserted into column name, which has type STRING",
    ),
    ("INSERT INTO shop.t (id) VALUES (1.5)", "type FLOAT64 which cannot be inserted into column id"),
    (
        "INSERT INTO shop.t (id, name) SELECT 1, id FROM shop.t",
        "Query column 2 has type INT64 which cannot be inserted into column name",
    ),
    ("INSERT INTO shop.t (id) VALUES (1, 2)", "wrong column count"),
    ("INSERT INTO shop.t (nothing) VALUES (1)", "Column nothing is not present"),
    ("INSERT INTO shop.t (name) VALUES ('x')", "Required field id cannot be null"),
    ("UPDATE shop.t SET id = NULL WHERE TRUE", "Required field id cannot be null"),
    ("INSERT INTO shop.t (id, price) VALUES (1, 123456789012345.5)", "overflow"),
]


@pytest.mark.parametrize(("sql", "said"), REFUSED)
def test_dml_that_bigquery_refuses_changes_nothing(table, sql, said):
    before = rows(table, "SELECT * FROM shop.t ORDER BY id")
    with pytest.raises(BadRequest, match=said):
        rows(table, sql)
    assert rows(table, "SELECT * FROM shop.t ORDER BY id") == before


def test_a_table_made_by_ddl_is_what_the_api_shows(bigquery_client):
    job, _ = run(
        bigquery_client,
        "CREATE TABLE shop.made (id INT64 NOT NULL OPTIONS(description='the id'), seen_at TIMESTAMP, price NUMERIC(18, 4), tags ARRAY<STRING>, "
        "part STRUCT<x INT64>) PARTITION BY DATE(seen_at) CLUSTER BY id, price OPTIONS(description='d', labels=[('a', 'b')], "
        "expiration_timestamp=TIMESTAMP '2099-01-01 00:00:00 UTC')",
    )
    assert (job.statement_type, job.ddl_operation_performed, job.ddl_target_table.table_id) == (
        "CREATE_TABLE",
        "CREATE",
        "made",
    )
    made = bigquery_client.get_table("shop.made")
    assert [(f.name, f.field_type, f.mode) for f in made.schema] == [
        ("id", "INTEGER", "REQUIRED"), ("seen_at", "TIMESTAMP", "NULLABLE"), ("price", "NUMERIC", "NULLABLE"), ("tags", "STRING", "REPEATED"), ("part", "RECORD", "NULLABLE"),
    ]  # fmt: skip
    assert (made.schema[0].description, made.time_partitioning.field, made.clustering_fields, made.labels) == (
        "the id",
        "seen_at",
        ["id", "price"],
        {"a": "b"},
    )
    assert made.expires == datetime(2099, 1, 1, tzinfo=UTC)
    with pytest.raises(Conflict, match="Already Exists: Table"):
        rows(bigquery_client, "CREATE TABLE shop.made (id INT64)")
    assert run(bigquery_client, "CREATE TABLE IF NOT EXISTS shop.made (id INT64)")[0].ddl_operation_performed == "SKIP"
    job, _ = run(
        bigquery_client,
        "CREATE OR REPLACE TABLE shop.made PARTITION BY day AS SELECT DATE '2020-01-01' AS day, SUM(x) AS total FROM UNNEST([1, 2]) AS x",
    )
    assert (job.statement_type, job.ddl_operation_performed) == ("CREATE_TABLE_AS_SELECT", "REPLACE")
    assert rows(bigquery_client, "SELECT * FROM shop.made") == [(date(2020, 1, 1), 3)]
    assert bigquery_client.get_table("shop.made").schema[1].field_type == "INTEGER"
    rows(bigquery_client, "ALTER TABLE shop.made ADD COLUMN IF NOT EXISTS note STRING, ADD COLUMN n NUMERIC")
    rows(bigquery_client, "DROP TABLE shop.made")
    rows(bigquery_client, "DROP TABLE IF EXISTS shop.made")
    rows(bigquery_client, "CREATE SCHEMA IF NOT EXISTS other")
    rows(bigquery_client, "DROP SCHEMA other")
    assert [one.dataset_id for one in bigquery_client.list_datasets()] == ["shop"]


def test_parameters_by_name_and_by_place(bigquery_client):
    moment = datetime(2020, 1, 2, 3, 4, 5, 678901)
    named = [
        ScalarQueryParameter("text", "STRING", 'it\'s \\ "quoted" -- ; 日本'),
        ScalarQueryParameter("number", "INT64", 7),
        ScalarQueryParameter("money", "NUMERIC", Decimal("1.2345")),
        ScalarQueryParameter("at", "DATETIME", moment),
        ScalarQueryParameter("seen", "TIMESTAMP", moment.replace(tzinfo=UTC)),
        ScalarQueryParameter("day", "DATE", date(2020, 1, 2)),
        ScalarQueryParameter("flag", "BOOL", value=True),
        ScalarQueryParameter("raw", "BYTES", b"\x00\xff"),
        ScalarQueryParameter("none", "STRING", None),
        ArrayQueryParameter("list", "STRING", ["a", "b"]),
        StructQueryParameter("pair", ScalarQueryParameter("x", "INT64", 1), ScalarQueryParameter("y", "STRING", "z")),
    ]
    [found] = rows(
        bigquery_client,
        "SELECT @text, @number, @money, @at, @seen, @day, @flag, @raw, @none, @list, @pair",
        query_parameters=named,
    )
    assert found == (
        named[0].value,
        7,
        Decimal("1.2345"),
        moment,
        moment.replace(tzinfo=UTC),
        date(2020, 1, 2),
        True,
        b"\x00\xff",
        None,
        ["a", "b"],
        {"x": 1, "y": "z"},
    )
    placed = [ScalarQueryParameter(None, "INT64", 2), ArrayQueryParameter(None, "INT64", [1, 2])]
    assert rows(bigquery_client, "SELECT ? IN UNNEST(?)", query_parameters=placed) == [(True,)]
    assert (
        rows(
            bigquery_client,
            "SELECT x FROM UNNEST([1, 2, 3]) AS x WHERE x IN UNNEST(@ids)",
            query_parameters=[ArrayQueryParameter("ids", "INT64", [])],
        )
        == []
    )


def test_a_dry_run_says_what_the_named_columns_cost_and_does_nothing(table):
    dry = QueryJobConfig(dry_run=True, use_query_cache=False)
    job = table.query("SELECT id FROM shop.t WHERE id > 100", job_config=dry)
    assert (job.total_bytes_processed, job.state) == (3 * 8, "DONE")
    assert [field.name for field in job.schema] == ["id"]
    assert (
        table.query("SELECT * FROM shop.t", job_config=dry).total_bytes_processed == table.get_table("shop.t").num_bytes
    )
    table.query("DELETE FROM shop.t WHERE TRUE", job_config=dry)
    assert table.get_table("shop.t").num_rows == 3
    with pytest.raises(BadRequest, match="Unrecognized name"):
        table.query("SELECT nothing FROM shop.t", job_config=dry)
    assert [one.job_type for one in table.list_jobs() if getattr(one, "dry_run", False)] == []


def test_a_destination_table_is_written_by_its_disposition(table):
    to = bigquery.TableReference.from_string("test-project.shop.copy")
    rows(table, "SELECT id FROM shop.t", destination=to)
    with pytest.raises(Conflict):
        rows(table, "SELECT id FROM shop.t", destination=to)
    rows(table, "SELECT id FROM shop.t", destination=to, write_disposition="WRITE_APPEND")
    assert table.get_table(to).num_rows == 6
    rows(table, "SELECT name, price FROM shop.t", destination=to, write_disposition="WRITE_TRUNCATE")
    assert [field.name for field in table.get_table(to).schema] == ["name", "price"]


def test_a_default_dataset_and_labels_are_kept(table):
    job, found = run(table, "SELECT COUNT(*) FROM t", default_dataset="test-project.shop", labels={"run": "x"})
    assert found == [(3,)]
    assert table.get_job(job.job_id, location=job.location).labels == {"run": "x"}
    assert table.get_job(job.job_id, location="EU").referenced_tables[0].table_id == "t"


def test_a_job_outside_the_multi_regions_is_found_with_its_location_only(fake_bigquery):
    with fake_bigquery.client(location="europe-west3") as client:
        job = client.query("SELECT 1")
        job.result()
        assert client.get_job(job.job_id, location="europe-west3").state == "DONE"
    with fake_bigquery.client() as client, pytest.raises(Exception, match="Not found: Job"):
        client.get_job(job.job_id)


def test_a_query_and_its_rows_as_arrow_and_as_a_frame(table):
    job = table.query("SELECT id, price, day FROM shop.t ORDER BY id")
    arrow = job.to_arrow(create_bqstorage_client=False)
    assert arrow.column("price").to_pylist() == [Decimal("1.5"), Decimal(2), None]
    assert arrow.num_rows == 3
