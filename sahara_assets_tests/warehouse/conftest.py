"""The warehouses that the contract suite runs on."""

import pytest

from sahara_assets.warehouse.duckdb import DuckDBWarehouse


def _embedded(tmp_path):
    return DuckDBWarehouse(tmp_path / "contract.duckdb")


WAREHOUSES = {"duckdb": _embedded}


@pytest.fixture(params=sorted(WAREHOUSES))
def warehouse(request, tmp_path):
    """Every warehouse in turn, with the declared tables ready and empty."""
    opened = WAREHOUSES[request.param](tmp_path)
    opened.prepare()
    yield opened
    opened.close()
