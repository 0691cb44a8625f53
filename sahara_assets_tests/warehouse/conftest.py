"""The warehouses that the contract suite runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sahara_assets.settings.document import parse_settings
from sahara_assets.warehouse.opening import warehouse_at
from sahara_assets_tests.fake_bigquery.fixtures import running_bigquery  # noqa: F401 - a fixture
from sahara_assets_tests.postgres_server import binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sahara_assets.warehouse.base import Warehouse

PLACES = ("bigquery", "duckdb", *(f"postgres of the {origin}" for origin in sorted(binaries())))
"""Every kind of warehouse that is to be had here; Postgres in every version there is."""


@pytest.fixture
def address_of(request: pytest.FixtureRequest, schema: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """The URL of an empty warehouse of a kind in `PLACES`."""

    def address(place: str) -> str:
        if place == "duckdb":
            return "duckdb:///contract.duckdb"
        if place == "bigquery":
            fake = request.getfixturevalue("running_bigquery")
            monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", fake.address)
            return f"bigquery://test-project/{schema}?location=EU"
        return str(request.getfixturevalue("postgres_servers")(place.rpartition(" ")[2]).url(schema))

    return address


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
