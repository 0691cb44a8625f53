"""The warehouses that the contract suite runs on."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from sahara_assets.settings.document import parse_settings
from sahara_assets.warehouse.opening import warehouse_at
from sahara_assets_tests.postgres_server import PostgresServer, binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sahara_assets.warehouse.base import Warehouse

PLACES = ("duckdb", *(f"postgres of the {origin}" for origin in sorted(binaries())))
"""Every kind of warehouse that is to be had here; Postgres in every version there is."""

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Callable[[str], PostgresServer]]:
    """A running server by where its binaries come from; started when first asked for."""
    running: dict[str, PostgresServer] = {}

    def server(origin: str) -> PostgresServer:
        if origin not in running:
            running[origin] = PostgresServer(binaries()[origin])
        return running[origin]

    yield server
    for started in running.values():
        started.stop()


@pytest.fixture(scope="session")
def postgres(postgres_servers: Callable[[str], PostgresServer]) -> PostgresServer:
    """One running server: Debian's where there is one, for tests that ask what is ours rather than the server's."""
    return postgres_servers(next(iter(binaries())))


@pytest.fixture
def schema() -> str:
    """The name of a schema that no other test uses."""
    return f"test_{next(_numbers)}"


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
