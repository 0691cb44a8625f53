"""Pytest fixtures of the fake; a test module elsewhere imports them by name, or its `conftest.py` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sahara_assets_tests.fake_bigquery.server import FakeBigQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = "test-project"
DATASET = "shop"


@pytest.fixture(scope="session")
def running_bigquery() -> Iterator[FakeBigQuery]:
    """One server for all tests of a worker: teaching DuckDB the functions takes most of a second."""
    with FakeBigQuery() as fake:
        yield fake


@pytest.fixture
def fake_bigquery(running_bigquery: FakeBigQuery) -> FakeBigQuery:
    """An empty BigQuery: what an earlier test left is gone."""
    running_bigquery.reset()
    return running_bigquery


@pytest.fixture
def bigquery_client(fake_bigquery: FakeBigQuery) -> Iterator[Any]:
    """A real client of it, with the empty dataset `shop` in the EU."""
    from google.cloud import bigquery

    with fake_bigquery.client(PROJECT) as client:
        dataset = bigquery.Dataset(f"{PROJECT}.{DATASET}")
        dataset.location = "EU"
        client.create_dataset(dataset)
        fake_bigquery.faults.reset_counts()
        yield client
