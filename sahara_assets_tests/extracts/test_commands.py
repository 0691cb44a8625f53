"""`sahara extract` and `sahara run` with a database: what they say, what they end with, and a real kill in the middle."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import dagster as dg
import pytest

from sahara_assets.definitions import defs
from sahara_assets.extract_sensor import extract_sensor_every
from sahara_assets.resources import Project
from sahara_assets_tests.commands import clean_environment, sahara

EXTRACT = """
[extracts.people]
dataset = "customers"
url = "env:SHOP_DB_URL"
table = "customers"
watermark = "changed"
lookback = 5

[datasets.customers]

[datasets.purchases]
"""


def database(root, rows):
    with closing(sqlite3.connect(root / "shop.db")) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS customers (customer_id TEXT PRIMARY KEY, country TEXT, changed INTEGER)"
        )
        connection.executemany("INSERT OR REPLACE INTO customers VALUES (?, ?, ?)", rows)
        connection.commit()


@pytest.fixture
def with_database(project, monkeypatch):
    """The finished project, which reads a database from now on."""
    with (project / "sahara.toml").open("a") as file:
        file.write(EXTRACT)
    database(project, [("nobody-else", "UK", 1)])
    monkeypatch.setenv("SHOP_DB_URL", "sqlite:///shop.db")
    return project


def test_extract_says_what_it_read_and_a_failure_ends_with_2(with_database, monkeypatch):
    first = sahara("extract", cwd=with_database)
    assert (first.code, first.out.strip()) == (0, "people → customers: 1 row in 1 file, up to 1")
    again = sahara("extract", "people", cwd=with_database)
    assert again.out.strip() == "people → customers: nothing new, up to 1"
    assert json.loads(sahara("extract", "--full", "--json", cwd=with_database).out)[0]["rows"] == 1
    assert "no such extract (people)" in sahara("extract", "peple", cwd=with_database).err
    monkeypatch.setenv("SHOP_DB_URL", "sqlite:///gone.db")
    failed = sahara("extract", cwd=with_database)
    assert failed.code == 2
    assert "people → customers: failed: " in failed.out
    assert "1 extract failed; the next run tries again" in failed.err


def test_a_run_asks_the_database_first_and_goes_on_without_it(with_database, monkeypatch):
    outcome = sahara("run", "--json", cwd=with_database)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["loaded"]["rows_loaded"] == 1
    ledger = json.loads(sahara("drops", "--json", cwd=with_database).out)
    assert [row["path"] for row in ledger if row["path"].startswith("extracts/")] == [
        "extracts/people/0000001.jsonl.gz"
    ]
    assert "Nothing new" in sahara("run", cwd=with_database).out
    monkeypatch.setenv("SHOP_DB_URL", "sqlite:///gone.db")
    # Beside a database that is away a new drop still loads.
    shutil.copy(
        next((with_database / "data" / "purchases").glob("*.csv*")), with_database / "data" / "purchases" / "again.csv"
    )
    failed = sahara("run", "--strict", cwd=with_database)
    assert failed.code == 1
    assert "people → customers: failed: " in failed.out
    checks = json.loads(sahara("check", "--json", cwd=with_database).out)
    (check,) = [check for check in checks if check["name"] == "extracts_succeed"]
    assert (check["passed"], check["blocking"]) == (False, False)
    assert "there is no such SQLite file" in check["text"]


def test_a_killed_extract_leaves_whole_parts_and_the_next_goes_on_from_them(with_database):
    rows = 120_000
    database(with_database, ((f"c{number:06d}" * 12, "UK", number) for number in range(rows)))
    small = "import sahara_assets.extracts.parts as parts; parts.PART_BYTES = 1 << 18; from sahara_assets.cli import main; main()"
    folder = with_database / "extracts" / "people"
    process = subprocess.Popen(
        [sys.executable, "-c", small, "extract"],
        cwd=with_database,
        env=clean_environment({"SHOP_DB_URL": "sqlite:///shop.db"}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while len(list(folder.glob("*.watermark.json"))) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = len(list(folder.glob("*.watermark.json")))
    assert left >= 3
    (outcome,) = json.loads(sahara("extract", "--json", cwd=with_database).out)
    assert outcome["error"] == ""
    assert outcome["rows"] < rows
    assert not list(folder.glob("*.part"))
    run = sahara("run", "--json", cwd=with_database)
    assert run.code == 0, run.err
    with closing(sqlite3.connect(with_database / "shop.db")) as connection:
        expected = connection.execute("SELECT count(*) FROM customers").fetchone()[0]
    import duckdb

    with duckdb.connect(str(with_database / "sahara.duckdb"), read_only=True) as warehouse:
        found = warehouse.execute(
            "SELECT count(DISTINCT customer_id) FROM raw_customers WHERE _drop_id IN (SELECT drop_id FROM drops WHERE path LIKE 'extracts/%')"
        ).fetchone()[0]
    assert found == expected


def test_the_sensor_starts_a_run_where_there_is_a_database_and_none_is_at_work(with_database, new_project):
    sensor = extract_sensor_every(60)

    def told(root):
        project = {"project": Project(config_path=str(root / "sahara.toml"))}
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(instance=instance, resources=project) as context,
        ):
            return sensor(context)

    assert len(told(with_database).run_requests) == 1
    assert "no database is read" in told(new_project).skip_message


def test_only_a_project_with_databases_has_the_sensor(with_database, new_project, monkeypatch):
    for root, has_it in ((with_database, True), (new_project, False)):
        monkeypatch.setenv("SAHARA_CONFIG", str(root / "sahara.toml"))
        assert ("extract_sensor" in {sensor.name for sensor in defs().sensors}) == has_it
