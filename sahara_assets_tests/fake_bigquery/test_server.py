"""The fake as a process of its own, and its data in a file."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from sahara_assets_tests.commands import ROOT, clean_environment
from sahara_assets_tests.fake_bigquery.server import FakeBigQuery


@contextmanager
def process(*arguments):
    command = [sys.executable, "-m", "sahara_assets_tests.fake_bigquery", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=clean_environment()) as running:
        try:
            address = running.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), "it did not start"
            with bigquery.Client("p", AnonymousCredentials(), client_options={"api_endpoint": address}) as client:
                yield client
        finally:
            running.terminate()
    assert running.returncode == 0


def test_it_runs_in_a_process_of_its_own_and_keeps_its_data_in_a_file(tmp_path):
    data = tmp_path / "bigquery.duckdb"
    with process("--data", str(data)) as client:
        client.create_dataset("shop")
        client.query_and_wait(
            "CREATE TABLE shop.t PARTITION BY day AS SELECT DATE '2020-01-01' AS day, SUM(x) AS total FROM UNNEST([1, 2]) AS x"
        )
    with FakeBigQuery(data) as fake, fake.client("p") as client:
        assert [tuple(row) for row in client.query_and_wait("SELECT ROUND(AVG(total), 1) FROM shop.t")] == [(3.0,)]
        assert client.get_table("shop.t").time_partitioning.field == "day"


def test_two_servers_keep_apart():
    with FakeBigQuery() as one, FakeBigQuery() as other, one.client() as first, other.client() as second:
        first.create_dataset("shop")
        assert [one.dataset_id for one in first.list_datasets()] == ["shop"]
        assert list(second.list_datasets()) == []
        one.reset()
        assert list(first.list_datasets()) == []
