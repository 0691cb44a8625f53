"""Faults on demand, and that the real client meets them as it would meet the service's."""

from __future__ import annotations

import io
import json
import urllib.request

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from requests.exceptions import ConnectionError as RequestsConnectionError

QUICK = bigquery.DEFAULT_RETRY.with_delay(initial=0.01, maximum=0.02).with_timeout(20)
LINES = b'{"id": 1}\n{"id": 2}\n'


def load(client, job_id=None, retries=None):
    config = bigquery.LoadJobConfig(
        source_format="NEWLINE_DELIMITED_JSON", schema=[bigquery.SchemaField("id", "INT64")]
    )
    return client.load_table_from_file(
        io.BytesIO(LINES),
        "test-project.shop.t",
        size=len(LINES),
        job_id=job_id,
        location="EU",
        job_config=config,
        num_retries=retries,
    )


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (429, "rateLimitExceeded", exceptions.TooManyRequests),
        (403, "rateLimitExceeded", exceptions.Forbidden),
        (500, "internalError", exceptions.InternalServerError),
        (502, "badGateway", exceptions.BadGateway),
        (503, "backendError", exceptions.ServiceUnavailable),
    ],
)
def test_a_passing_error_is_seen_without_retry_and_survived_with_it(
    bigquery_client, fake_bigquery, status, reason, error
):
    fake_bigquery.faults.add("datasets.get", status=status, reason=reason)
    with pytest.raises(error) as caught:
        bigquery_client.get_dataset("shop", retry=None)
    assert caught.value.errors[0]["reason"] == reason
    fake_bigquery.faults.add("datasets.get", status=status, reason=reason, times=2)
    fake_bigquery.faults.reset_counts()
    assert bigquery_client.get_dataset("shop", retry=QUICK).dataset_id == "shop"
    assert fake_bigquery.faults.count("datasets.get") == 3


def test_a_quota_is_not_retried_by_the_client(bigquery_client, fake_bigquery):
    fake_bigquery.faults.add("datasets.get", status=403, times=5)
    with pytest.raises(exceptions.Forbidden, match="made to fail"):
        bigquery_client.get_dataset("shop", retry=QUICK)
    assert fake_bigquery.faults.count("datasets.get") == 1


def test_a_lost_answer_of_a_job_is_recovered_by_its_id(bigquery_client, fake_bigquery):
    bigquery_client.query_and_wait("CREATE TABLE shop.t (id INT64)")
    fake_bigquery.faults.reset_counts()
    fake_bigquery.faults.add("jobs.insert", drop="after")
    # the client sends it again with the same id, is told that it exists, and asks for that job
    job = bigquery_client.query("INSERT INTO shop.t VALUES (1)", retry=QUICK, location="EU")
    job.result()
    assert fake_bigquery.faults.count("jobs.insert") == 2
    assert fake_bigquery.faults.count("jobs.get") >= 1
    assert bigquery_client.get_table("shop.t").num_rows == 1


def test_a_lost_answer_with_an_id_of_ones_own_is_a_conflict_and_done_once(bigquery_client, fake_bigquery):
    bigquery_client.query_and_wait("CREATE TABLE shop.t (id INT64)")
    fake_bigquery.faults.add("jobs.insert", drop="after")
    with pytest.raises(exceptions.Conflict):
        bigquery_client.query(
            "INSERT INTO shop.t VALUES (1)", job_id="mine", job_retry=None, retry=QUICK, location="EU"
        )
    assert bigquery_client.get_job("mine", location="EU").result() is not None
    assert bigquery_client.get_table("shop.t").num_rows == 1


def test_an_upload_that_is_cut_off_in_its_middle_loads_nothing(bigquery_client, fake_bigquery):
    fake_bigquery.faults.add("upload.multipart", drop="mid")
    with pytest.raises(RequestsConnectionError):
        load(bigquery_client, job_id="cut", retries=0)
    with pytest.raises(exceptions.NotFound):
        bigquery_client.get_job("cut", location="EU")
    load(bigquery_client, job_id="cut").result()
    assert bigquery_client.get_table("shop.t").num_rows == 2
    assert fake_bigquery.faults.upload_bytes < 2 * (len(LINES) + 2_000)


def test_an_upload_whose_answer_is_lost_was_done(bigquery_client, fake_bigquery):
    fake_bigquery.faults.add("upload.multipart", drop="after")
    with pytest.raises(RequestsConnectionError):
        load(bigquery_client, job_id="lost", retries=0)
    bigquery_client.get_job("lost", location="EU").result()
    with pytest.raises(exceptions.Conflict):
        load(bigquery_client, job_id="lost")
    assert bigquery_client.get_table("shop.t").num_rows == 2
    assert fake_bigquery.faults.count("upload.*") == 2


def test_a_resumable_chunk_that_failed_is_sent_again(bigquery_client, fake_bigquery):
    fake_bigquery.faults.add("upload.chunk", status=503)
    config = bigquery.LoadJobConfig(
        source_format="NEWLINE_DELIMITED_JSON", schema=[bigquery.SchemaField("id", "INT64")]
    )
    bigquery_client.load_table_from_file(io.BytesIO(LINES), "test-project.shop.t", job_config=config).result()
    assert fake_bigquery.faults.count("upload.chunk") == 2
    assert bigquery_client.get_table("shop.t").num_rows == 2


def test_a_fault_can_wait_for_its_turn_and_for_a_text(bigquery_client, fake_bigquery):
    fake_bigquery.faults.add("tables.get", status=503, after=1, containing="special")
    bigquery_client.query_and_wait("CREATE TABLE shop.special (id INT64); CREATE TABLE shop.plain (id INT64)")
    for name in ("plain", "special", "plain"):
        bigquery_client.get_table(f"shop.{name}", retry=None)
    with pytest.raises(exceptions.ServiceUnavailable):
        bigquery_client.get_table("shop.special", retry=None)
    bigquery_client.get_table("shop.special", retry=None)


def test_a_delayed_answer_runs_into_the_clients_timeout(bigquery_client, fake_bigquery):
    fake_bigquery.faults.add("datasets.get", delay_seconds=0.5)
    with pytest.raises(Exception, match="Read timed out"):
        bigquery_client.get_dataset("shop", retry=None, timeout=0.05)


def test_another_process_can_ask_for_faults_and_counts(bigquery_client, fake_bigquery):
    def control(method, path, body=None):
        content = json.dumps(body).encode() if body else None
        address = f"{fake_bigquery.address}/_fake/{path}"
        request = urllib.request.Request(address, method=method, data=content)  # noqa: S310 - loopback
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    control("POST", "faults", {"route": "datasets.*", "status": 500, "times": 2})
    with pytest.raises(exceptions.InternalServerError):
        bigquery_client.get_dataset("shop", retry=None)
    shown = control("GET", "faults")
    assert shown["counts"] == {"datasets.get": 1}
    assert [one["times"] for one in shown["waiting"]] == [1]
    control("DELETE", "faults")
    bigquery_client.get_dataset("shop", retry=None)
    assert control("DELETE", "counts")["counts"] == {}
