"""The warehouses that the contract suite runs on."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from sahara_assets.settings.document import parse_settings
from sahara_assets.warehouse.opening import warehouse_at
from sahara_assets_tests.postgres_server import binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sahara_assets.warehouse.base import Warehouse

REAL_BIGQUERY = "BIGQUERY_TEST_URL"
"""The environment's variable that names a real project."""

PLACES = ("bigquery", "duckdb", *(f"postgres of the {origin}" for origin in sorted(binaries())))
"""Every kind of warehouse that is to be had here; Postgres in every version there is."""


_HERE_AND_NOW = ("duckdb", next((place for place in PLACES if place.startswith("postgres")), ""))
_MINUTES_ON_BIGQUERY = {
    "test_a_made_shop_gives_equal_tables_and_files",
    "test_an_order_is_what_the_newest_extract_says",
    "test_analytics_are_the_same_on_every_warehouse",
    "test_customers_accounts_and_sign_ups_make_equal_customers",
    "test_every_insight_and_every_view_is_the_same_on_every_warehouse_and_views_stay",
    "test_features_that_settings_bring_are_equal_and_come_and_go",
    "test_predicted_segments_are_equal",
    "test_recommendations_are_equal_and_their_checks_pass",
    "test_training_sets_and_scores_are_equal",
}
"""Whole stages on made shops, compared table by table: on DuckDB and one Postgres every time, elsewhere in `make test-long`, on a real
BigQuery always."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The contract itself is held on every warehouse every time; a whole run on BigQuery is in `test_online_retail.py`."""
    if REAL_BIGQUERY in os.environ:
        return
    for item in items:
        given = getattr(item, "callspec", None)
        elsewhere = given is not None and given.params.get("place") not in _HERE_AND_NOW
        if elsewhere and getattr(item, "originalname", "") in _MINUTES_ON_BIGQUERY:
            item.add_marker("long")


@pytest.fixture
def address_of(request: pytest.FixtureRequest, schema: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """The URL of an empty warehouse of a kind in `PLACES`."""

    def address(place: str) -> str:
        if place == "duckdb":
            return "duckdb:///contract.duckdb"
        if place == "bigquery" and (real := os.environ.get(REAL_BIGQUERY)):
            return _real_dataset(request, real, schema)
        if place == "bigquery":
            fake = request.getfixturevalue("running_bigquery")
            monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", fake.address)
            return f"bigquery://test-project/{schema}?location=EU"
        return str(request.getfixturevalue("postgres_servers")(place.rpartition(" ")[2]).url(schema))

    return address


def _real_dataset(request: pytest.FixtureRequest, url: str, schema: str) -> str:
    """A dataset of its own beside the named one, which goes with the test."""
    from google.cloud import bigquery

    parts = urlsplit(url)
    name = f"{parts.path.strip('/')}_{schema}_{uuid.uuid4().hex[:8]}"

    def drop() -> None:
        with bigquery.Client(project=parts.netloc) as client:
            client.delete_dataset(f"{parts.netloc}.{name}", delete_contents=True, not_found_ok=True)

    request.addfinalizer(drop)
    return f"bigquery://{parts.netloc}/{name}{f'?{parts.query}' if parts.query else ''}"


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path, address_of: Callable[[str], str]) -> Callable[..., Warehouse]:
    """Opens one kind of warehouse after the other, each time the same one: `place()`, `place(read_only=True)`."""
    settings = parse_settings({}, root=tmp_path, environment={"SAHARA_WAREHOUSE_URL": address_of(request.param)})
    return lambda **options: warehouse_at(settings, **options)


@pytest.fixture
def warehouse(place: Callable[..., Warehouse]) -> Iterator[Warehouse]:
    """Every warehouse in turn, with the declared tables ready and empty."""
    opened = place()
    opened.prepare()
    yield opened
    opened.close()
