"""The warehouses that the contract suite runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sahara_assets.settings.document import parse_settings
from sahara_assets.warehouse.opening import warehouse_at
from sahara_assets_tests.postgres_server import binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sahara_assets.warehouse.base import Warehouse

PLACES = ("duckdb", *(f"postgres of the {origin}" for origin in sorted(binaries())))
"""Every kind of warehouse that is to be had here; Postgres in every version there is."""


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path, schema: str) -> Callable[..., Warehouse]:
    """Opens one kind of warehouse after the other, each time the same one: `place()`, `place(read_only=True)`."""
    if request.param == "duckdb":
        url = "duckdb:///contract.duckdb"
    else:
        servers = request.getfixturevalue("postgres_servers")
        url = servers(request.param.rpartition(" ")[2]).url(schema)
    settings = parse_settings({}, root=tmp_path, environment={"SAHARA_WAREHOUSE_URL": url})
    return lambda **options: warehouse_at(settings, **options)


@pytest.fixture
def warehouse(place: Callable[..., Warehouse]) -> Iterator[Warehouse]:
    """Every warehouse in turn, with the declared tables ready and empty."""
    opened = place()
    opened.prepare()
    yield opened
    opened.close()
