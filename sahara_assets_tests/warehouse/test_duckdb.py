import subprocess
import sys

import pytest

from sahara_assets.errors import WarehouseError
from sahara_assets.settings.document import parse_settings
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets.warehouse.opening import open_warehouse


def test_a_file_that_is_no_warehouse_is_named(tmp_path):
    (tmp_path / "notes.duckdb").write_text("hello" * 1000)
    with pytest.raises(WarehouseError, match=r"notes\.duckdb: cannot be opened"):
        DuckDBWarehouse(tmp_path / "notes.duckdb")


def test_reading_before_the_first_run_says_what_to_do(tmp_path):
    with pytest.raises(WarehouseError, match="sahara run"):
        DuckDBWarehouse(tmp_path / "absent.duckdb", read_only=True)


def test_a_file_that_another_process_holds_names_it(tmp_path):
    path = tmp_path / "held.duckdb"
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(WarehouseError, match=rf"held by process {holder.pid}"):
            DuckDBWarehouse(path, wait_seconds=0.2)
    finally:
        holder.communicate("")
    DuckDBWarehouse(path, wait_seconds=10).close()


def test_the_url_leads_to_a_file_beside_the_settings(tmp_path):
    settings = parse_settings(
        {"warehouse": {"url": "duckdb:///deep/shop.duckdb", "threads": 1, "memory_limit": "1GB"}}, root=tmp_path
    )
    with open_warehouse(settings) as warehouse:
        assert warehouse.description == "DuckDB file shop.duckdb"
    assert (tmp_path / "deep" / "shop.duckdb").is_file()


def test_moments_mean_the_same_on_a_machine_in_any_zone(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    warehouse = DuckDBWarehouse(None)
    found = warehouse.reader.execute(
        "SELECT CAST(TIMESTAMPTZ '2025-01-01 00:00:00+00' AS TIMESTAMP)::VARCHAR"
    ).fetchone()
    assert found == ("2025-01-01 00:00:00",)
    warehouse.close()
