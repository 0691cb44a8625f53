"""Load jobs through the real client: formats, ways of uploading, dispositions, and files that do not fit."""

from __future__ import annotations

import io
import json
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core.exceptions import BadRequest, Conflict
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

TABLE = "test-project.shop.lines"
SCHEMA = [
    SchemaField("id", "INT64"),
    SchemaField("name", "STRING"),
    SchemaField("price", "NUMERIC", precision=18, scale=4),
    SchemaField("at", "DATETIME"),
    SchemaField("seen", "TIMESTAMP"),
    SchemaField("day", "DATE"),
    SchemaField("ok", "BOOL"),
    SchemaField("share", "FLOAT64"),
]
ROW = (
    1,
    'ä\n"x",',
    Decimal("12.3456"),
    datetime(2020, 1, 2, 3, 4, 5, 678901),
    datetime(2020, 1, 2, tzinfo=UTC),
    date(2020, 1, 2),
    True,
    0.1,
)
EMPTY = (2, *[None] * 7)
ARROW = pa.schema(
    [
        ("id", pa.int64()), ("name", pa.string()), ("price", pa.decimal128(18, 4)), ("at", pa.timestamp("us")), ("seen", pa.timestamp("us", "UTC")),
        ("day", pa.date32()), ("ok", pa.bool_()), ("share", pa.float64()),
    ]
)  # fmt: skip


def parquet(rows, schema=ARROW):
    table = pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def loaded(client, content, kind="PARQUET", schema=SCHEMA, table=TABLE, *, whole=True, job_id=None, **how):
    config = bigquery.LoadJobConfig(source_format=kind, **({"schema": schema} if schema else {}), **how)
    job = client.load_table_from_file(
        io.BytesIO(content),
        table,
        size=len(content) if whole else None,
        job_config=config,
        job_id=job_id,
        location="EU",
    )
    job.result()
    return job


def rows(client, sql=f"SELECT * FROM `{TABLE}` ORDER BY 1"):
    return [tuple(row) for row in client.query_and_wait(sql)]


@pytest.mark.parametrize("whole", [True, False])
def test_a_parquet_file_arrives_as_it_is(bigquery_client, fake_bigquery, whole):
    job = loaded(bigquery_client, parquet([ROW, EMPTY]), whole=whole, labels={"drop": "abc"})
    assert (job.output_rows, job.state, job.labels) == (2, "DONE", {"drop": "abc"})
    assert rows(bigquery_client) == [ROW, EMPTY]
    assert fake_bigquery.faults.count("upload.multipart") == int(whole)
    assert fake_bigquery.faults.count("upload.chunk") == int(not whole)


def test_a_large_file_goes_up_in_chunks_because_of_its_size(bigquery_client, fake_bigquery):
    noise = [
        (number, uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128).hex * 3, *[None] * 6)
        for number in range(120_000)
    ]
    content = parquet(noise)
    assert len(content) > 5 * 1024 * 1024
    loaded(bigquery_client, content)
    assert fake_bigquery.faults.count("upload.multipart") == 0
    assert fake_bigquery.faults.count("upload.begin") == 1
    assert fake_bigquery.faults.upload_bytes >= len(content)
    assert rows(bigquery_client, f"SELECT COUNT(*), COUNT(DISTINCT name) FROM `{TABLE}`") == [(120_000, 120_000)]


def test_json_lines_and_csv_give_the_same_rows_as_parquet(bigquery_client):
    record = {
        "id": 1,
        "name": ROW[1],
        "price": "12.3456",
        "at": "2020-01-02T03:04:05.678901",
        "seen": "2020-01-02T00:00:00Z",
        "day": "2020-01-02",
        "ok": True,
        "share": 0.1,
    }
    lines = (json.dumps(record) + "\n" + json.dumps({"id": 2}) + "\n").encode()
    loaded(bigquery_client, lines, "NEWLINE_DELIMITED_JSON")
    assert rows(bigquery_client) == [ROW, EMPTY]
    text = 'id,name,price,at,seen,day,ok,share\n1,"ä\n""x"",",12.3456,2020-01-02 03:04:05.678901,2020-01-02 00:00:00 UTC,2020-01-02,true,0.1\n2,N,,,,,,\n'
    loaded(
        bigquery_client,
        text.encode(),
        "CSV",
        write_disposition="WRITE_TRUNCATE",
        skip_leading_rows=1,
        null_marker="N",
        allow_quoted_newlines=True,
    )
    assert rows(bigquery_client) == [ROW, EMPTY]


def test_nested_records_of_an_analytics_export_can_be_read(bigquery_client):
    schema = [
        SchemaField("event", "STRING"),
        SchemaField(
            "params",
            "RECORD",
            mode="REPEATED",
            fields=[
                SchemaField("key", "STRING"),
                SchemaField(
                    "value", "RECORD", fields=[SchemaField("int_value", "INT64"), SchemaField("string_value", "STRING")]
                ),
            ],
        ),
    ]
    line = {
        "event": "purchase",
        "params": [{"key": "a", "value": {"int_value": 5}}, {"key": "b", "value": {"string_value": "x"}}],
    }
    loaded(bigquery_client, json.dumps(line).encode(), "NEWLINE_DELIMITED_JSON", schema)
    sql = f"SELECT event, (SELECT value.int_value FROM UNNEST(params) WHERE key = 'a') AS a, p.value.string_value FROM `{TABLE}`, UNNEST(params) AS p WHERE p.key = 'b'"
    assert rows(bigquery_client, sql) == [("purchase", 5, "x")]


def test_the_write_disposition_is_kept(bigquery_client):
    loaded(bigquery_client, parquet([ROW]), write_disposition="WRITE_EMPTY")
    with pytest.raises(Conflict, match="Already Exists: Table"):
        loaded(bigquery_client, parquet([ROW]), write_disposition="WRITE_EMPTY")
    loaded(bigquery_client, parquet([EMPTY]), write_disposition="WRITE_APPEND")
    assert rows(bigquery_client) == [ROW, EMPTY]
    loaded(bigquery_client, parquet([EMPTY]), write_disposition="WRITE_TRUNCATE")
    assert rows(bigquery_client) == [EMPTY]


def test_the_default_is_to_append(bigquery_client):
    loaded(bigquery_client, parquet([ROW]))
    loaded(bigquery_client, parquet([ROW]))
    assert len(rows(bigquery_client)) == 2


def test_a_job_id_is_taken_once(bigquery_client, fake_bigquery):
    loaded(bigquery_client, parquet([ROW]), job_id="drop-1")
    with pytest.raises(Conflict, match=r"Already Exists: Job test-project:EU.drop-1") as caught:
        loaded(bigquery_client, parquet([ROW]), job_id="drop-1")
    assert caught.value.errors[0]["reason"] == "duplicate"
    assert rows(bigquery_client) == [ROW]
    assert bigquery_client.get_job("drop-1", location="EU").output_rows == 1


def test_one_bad_value_loads_nothing(bigquery_client):
    lines = b'{"id": 1}\n{"id": "1.7"}\n'
    with pytest.raises(BadRequest, match=r"Error while reading data.*Bad int64 value: 1.7"):
        loaded(bigquery_client, lines, "NEWLINE_DELIMITED_JSON")
    with pytest.raises(BadRequest, match="No such field: unknown"):
        loaded(bigquery_client, b'{"id": 1, "unknown": 2}\n', "NEWLINE_DELIMITED_JSON")
    loaded(bigquery_client, b'{"id": 1, "unknown": 2}\n', "NEWLINE_DELIMITED_JSON", ignore_unknown_values=True)
    with pytest.raises(BadRequest, match="Error while reading data"):
        loaded(bigquery_client, b"not a parquet file")
    with pytest.raises(BadRequest, match="overflow"):
        loaded(bigquery_client, b'{"id": 3, "price": "123456789012345.1"}\n', "NEWLINE_DELIMITED_JSON")
    assert [row[0] for row in rows(bigquery_client)] == [1]


def test_a_missing_required_value_loads_nothing(bigquery_client):
    required = [SchemaField("id", "INT64", mode="REQUIRED"), SchemaField("name", "STRING")]
    loaded(bigquery_client, b'{"id": 1}\n', "NEWLINE_DELIMITED_JSON", required)
    with pytest.raises(BadRequest, match="Missing required field: id"):
        loaded(bigquery_client, b'{"id": 2}\n{"name": "x"}\n', "NEWLINE_DELIMITED_JSON", required)
    assert len(rows(bigquery_client)) == 1


def test_a_parquet_file_must_fit_the_table(bigquery_client):
    bigquery_client.create_table(bigquery.Table(TABLE, schema=SCHEMA))
    only = pa.schema([("id", pa.int64())])
    loaded(bigquery_client, parquet([(1,)], only), schema=None)
    with pytest.raises(BadRequest, match=r"Cannot add fields \(field: other\)"):
        loaded(bigquery_client, parquet([(1,)], pa.schema([("other", pa.int64())])), schema=None)
    with pytest.raises(BadRequest, match="has changed type from INTEGER to STRING"):
        loaded(bigquery_client, parquet([("a",)], pa.schema([("id", pa.string())])), schema=None)
    # python-bigquery issue 2214: without a schema a file's timestamps are TIMESTAMP, whatever the column
    with pytest.raises(BadRequest, match="has changed type from DATETIME to TIMESTAMP"):
        loaded(
            bigquery_client,
            parquet([(1, datetime(2020, 1, 1))], pa.schema([("id", pa.int64()), ("at", pa.timestamp("us"))])),
            schema=None,
        )
    with pytest.raises(BadRequest, match="has type STRING in provided schema which does not match INTEGER"):
        loaded(bigquery_client, parquet([(1,)], only), schema=[SchemaField("id", "STRING")])
    assert len(rows(bigquery_client)) == 1
    loaded(
        bigquery_client,
        parquet([(5,)], pa.schema([("other", pa.int64())])),
        schema=None,
        schema_update_options=["ALLOW_FIELD_ADDITION"],
    )
    assert rows(bigquery_client, f"SELECT other FROM `{TABLE}` WHERE id IS NULL") == [(5,)]


def test_a_parquet_file_into_required_columns_needs_a_schema_and_columns_without_nulls(bigquery_client):
    # python-bigquery issue 1981, google-cloud-python issue 8305
    required = [SchemaField("id", "INT64", mode="REQUIRED")]
    bigquery_client.create_table(bigquery.Table(TABLE, schema=required))
    nullable, never_null = (
        pa.schema([pa.field("id", pa.int64())]),
        pa.schema([pa.field("id", pa.int64(), nullable=False)]),
    )
    with pytest.raises(BadRequest, match="has changed mode from REQUIRED to NULLABLE"):
        loaded(bigquery_client, parquet([(1,)], never_null), schema=None)
    with pytest.raises(BadRequest, match="specified as REQUIRED in provided schema which does not match NULLABLE"):
        loaded(bigquery_client, parquet([(1,)], nullable), schema=required)
    loaded(bigquery_client, parquet([(1,)], never_null), schema=required)
    assert rows(bigquery_client) == [(1,)]


def test_a_load_can_make_a_partitioned_table(bigquery_client):
    loaded(
        bigquery_client,
        parquet([ROW]),
        time_partitioning=bigquery.TimePartitioning(field="day"),
        clustering_fields=["id"],
    )
    table = bigquery_client.get_table(TABLE)
    assert (table.time_partitioning.field, table.clustering_fields, table.num_rows) == ("day", ["id"], 1)


def test_a_job_that_takes_its_time_is_polled_until_it_is_done(bigquery_client, fake_bigquery):
    fake_bigquery.api.patience_seconds = 0
    job = loaded(bigquery_client, parquet([ROW] * 1000))
    assert (job.state, job.output_rows) == ("DONE", 1000)


def test_jobs_are_listed_newest_first_and_by_state(bigquery_client):
    loaded(bigquery_client, parquet([ROW]), job_id="first")
    bigquery_client.query("SELECT 1", job_id="second", job_retry=None, location="EU").result()
    assert [job.job_id for job in bigquery_client.list_jobs()] == ["second", "first"]
    assert [job.job_id for job in bigquery_client.list_jobs(state_filter="running")] == []
    assert bigquery_client.cancel_job("first", location="EU").state == "DONE"
