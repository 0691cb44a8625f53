"""The service of `deploy/` for real: a drop becomes an audience file, and killing any part of it loses nothing and loads nothing twice.

The processes, their commands, their environment and their `dagster.yaml` are those of `deploy/compose.yaml` (see `service.py`). What
happened is read as a person would read it, through Dagster's GraphQL API, and from the warehouse and the files.
"""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import signal
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import load_drops
from sahara_assets.settings.document import load_settings
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets_tests.service import ENDED, PASSWORDS, Service, eventually, members
from sahara_assets_tests.webhook_server import SECRET, Webhook, webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LEDGER = ("dataset", "drop_id", "status", "rows_read", "rows_loaded", "rows_rejected")
SETTINGS = """\
[project]
name = "Night shop"
currency = "GBP"
time_zone = "Europe/London"

[segmentation]
k_min = 3
k_max = 4

[insights]
enabled = false
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Webhook]:
    with webhook() as running:
        yield running


@pytest.fixture(scope="module")
def service(made_shop: Path, receiver: Webhook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that has taken in its first drops; its last five wait in a folder beside it."""
    if not Path("/proc").is_dir():
        pytest.skip("no /proc here, by which the processes are found")
    root = tmp_path_factory.mktemp("service")
    variables = {
        "SAHARA_ALERTS_WEBHOOK_URL": receiver.url,
        "SAHARA_ALERTS_UI_URL": "https://dagster.example.com",
        "SAHARA_DROPS_WATCH_SECONDS": "4",
    }
    running = Service(root, variables)
    try:
        said = running.make_databases()
        assert running.make_databases() == said == ""
        (root / "project" / "sahara.toml").write_text(SETTINGS)
        shutil.copytree(made_shop, root / "drops", dirs_exist_ok=True)
        (root / "waiting").mkdir()
        for path in sorted((root / "drops" / "purchases").iterdir())[-5:]:
            path.rename(root / "waiting" / path.name)
        running.start("code")
        running.start("daemon", "webserver")
        yield running
    finally:
        running.stop()
    assert not [process for session in running.sessions for process in members(session)]


@pytest.fixture(scope="module")
def first_run(service: Service) -> dict[str, Any]:
    """The run that the sensor started for the drops that were there."""
    run = eventually(lambda: [run for run in service.runs() if run["status"] in ENDED], "the first run")[0]
    assert run["status"] == "SUCCESS", service.log("code")[-3000:]
    return run


def deliver(service: Service) -> str:
    """Let the next waiting drop arrive; returns its path below the drop folder."""
    source = min((service.root / "waiting").iterdir())
    target = service.root / "drops" / "purchases" / source.name
    source.rename(target.with_suffix(".part"))
    target.with_suffix(".part").rename(target)
    return f"purchases/{source.name}"


def new_runs(service: Service, known: set[str]) -> list[dict[str, Any]]:
    """The runs that were not known, the oldest first."""
    return [run for run in reversed(service.runs()) if run["runId"] not in known]


def ended_well(service: Service, known: set[str]) -> Callable[[], Any]:
    """Asks for the new runs, once the last of them has ended well."""

    def question() -> list[dict[str, Any]] | None:
        found = new_runs(service, known)
        return found if found and found[-1]["status"] == "SUCCESS" else None

    return question


def run_in_its_middle(service: Service, known: set[str], somebody_waits: Callable[[], Any]) -> dict[str, Any]:
    """The new run, once it has loaded its drops and is held up."""
    eventually(somebody_waits, "a run to be held up")
    (run,) = new_runs(service, known)
    assert run["status"] == "STARTED"
    done = [
        event["stepKey"] for event in service.events(run["runId"]) if event["__typename"] == "ExecutionStepSuccessEvent"
    ]
    assert "load_drops" in done
    return run


@contextlib.contextmanager
def held_up(service: Service, table: str) -> Iterator[Callable[[], Any]]:
    """Nobody gets past a table in the block; yields a question that is answered once somebody waits there."""
    with service.warehouse() as connection, connection.cursor() as cursor:
        cursor.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield lambda: service.query("SELECT pid FROM pg_locks WHERE relation = %s::regclass AND NOT granted", table)
        cursor.execute("ROLLBACK")


def assert_loaded_once(service: Service, *paths: str) -> None:
    """The ledger and the raw lines are those that loading the same folder into an empty warehouse gives, these paths among them."""
    settings = load_settings(
        service.root / "project" / "sahara.toml", {"SAHARA_DROPS_FOLDER": str(service.root / "drops")}
    )
    with closing(DuckDBWarehouse(None)) as empty:
        empty.prepare()
        load_drops(empty, settings, run_id="from scratch", now=datetime(2026, 1, 1))
        ledger = {row["path"]: tuple(row[name] for name in _LEDGER) for row in ledger_rows(empty)}
        lines = sorted((row["_drop_id"], row["_line"]) for row in empty.rows(RAW_TABLES["purchases"]))
    assert set(paths) <= set(ledger)
    assert {path: row for path, *row in service.query(f"SELECT path, {', '.join(_LEDGER)} FROM drops")} == {
        path: list(row) for path, row in ledger.items()
    }
    assert sorted(service.query('SELECT "_drop_id", "_line" FROM raw_purchases')) == lines


# --- a day like any other --------------------------------------------------------------------------------------------------------


def test_drops_become_an_audience_file(service, first_run):
    assert first_run["tags"]["dagster/sensor_name"] == "drop_sensor"
    paths = [f"purchases/{path.name}" for path in sorted((service.root / "drops" / "purchases").iterdir())]
    assert_loaded_once(service, *paths)
    ((customers,),) = service.query("SELECT count(*) FROM customer_segments")
    with (service.root / "exports" / "audience_ga4.csv").open(newline="") as file:
        assert 0 < sum(1 for _ in csv.reader(file)) - 1 <= customers
    assert (service.root / "exports" / "sahara_report.html").is_file()


def test_the_api_tells_what_was_made_and_what_was_checked(service, first_run):
    found = service.ask(
        """{assetNodes {assetKey {path}
            assetMaterializations(limit: 1) {runId metadataEntries {label ... on IntMetadataEntry {intValue}}}
            assetChecksOrError {... on AssetChecks {checks {name blocking
                executionForLatestMaterialization {status evaluation {success}}}}}}}"""
    )["assetNodes"]
    made = {node["assetKey"]["path"][-1]: node["assetMaterializations"] for node in found}
    assert {name for name, runs in made.items() if not runs} == set()
    assert {runs[0]["runId"] for runs in made.values()} == {first_run["runId"]}
    for name in ("raw_purchases", "purchases", "customer_segments", "segment_profiles"):
        (told,) = [
            entry["intValue"] for entry in made[name][0]["metadataEntries"] if entry["label"] == "dagster/row_count"
        ]
        assert service.query(f"SELECT count(*) FROM {name}") == [(told,)]
    checks = [check for node in found for check in node["assetChecksOrError"].get("checks", [])]
    assert len(checks) > 20
    assert {
        check["executionForLatestMaterialization"]["evaluation"]["success"] for check in checks if check["blocking"]
    } == {True}


def test_it_listens_on_loopback_writes_nothing_beside_its_folders_and_says_no_secret(service, first_run):
    listening = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, state = line.split()[1], line.split()[3]
        if state == "0A" and int(local.split(":")[1], 16) in service.ports.values():
            listening.add(local.split(":")[0])
    assert listening == {"0100007F"}
    # Two empty folders of the telemetry that is off; where they cannot be made, as in the container, Dagster goes without.
    home = {path.name for path in (service.root / "dagster").rglob("*")}
    assert home <= {"dagster.yaml", "workspace.yaml", "logs", ".logs_queue"}
    assert {path.name for path in (service.root / "project").iterdir()} <= {
        "sahara.toml",
        "sahara.lock",
        "sahara.lock.holder",
    }
    assert list((service.root / "scratch").iterdir()) == []
    said = "".join(service.log(name) for name in service.processes)
    assert not [secret for secret in (*PASSWORDS.values(), SECRET) if secret in said]


# --- parts that die --------------------------------------------------------------------------------------------------------------


def test_what_is_dropped_while_the_daemon_and_the_code_server_are_dead_is_loaded_once_they_are_back(service, first_run):
    known = {run["runId"] for run in service.runs()}
    service.kill("daemon", "code")
    path = deliver(service)
    service.start("code", "daemon")
    (run,) = eventually(ended_well(service, known), "the drop to be loaded")
    assert service.query("SELECT run_id FROM drops WHERE path = %s", path) == [(run["runId"],)]
    assert_loaded_once(service, path)


def test_a_run_that_is_killed_in_its_middle_is_failed_told_and_finished_by_the_next(service, first_run, receiver):
    known = {run["runId"] for run in service.runs()}
    with held_up(service, "customer_features") as somebody_waits:
        path = deliver(service)
        run = run_in_its_middle(service, known, somebody_waits)
        (process,) = service.run_processes()
        os.kill(process, signal.SIGKILL)
        eventually(lambda: service.run(run["runId"])["status"] == "FAILURE", "the killed run to count as failed")
    first, second = eventually(ended_well(service, known), "the next try")
    assert (first["runId"], first["status"]) == (run["runId"], "FAILURE")
    # The same drops, the next attempt, after the first pause.
    assert second["tags"]["dagster/run_key"] == f"{first['tags']['sahara/drops']}-1"
    assert second["startTime"] - first["endTime"] >= 60
    assert_loaded_once(service, path)
    alert = eventually(lambda: [sent for sent in receiver.taken if sent["run_id"] == run["runId"]], "the alert")[0]
    assert alert["event"] == "run_failed"
    assert alert["run_url"] == f"https://dagster.example.com/runs/{run['runId']}"
    assert "was terminated by signal 9 (SIGKILL)" in alert["error"]
    assert alert["text"].startswith("Night shop: sahara_run failed: ")


def test_a_run_whose_code_server_dies_is_failed_by_run_monitoring_and_new_drops_do_not_wait_for_it(service, first_run):
    known = {run["runId"] for run in service.runs()}
    with held_up(service, "customer_features") as somebody_waits:
        lost = deliver(service)
        run = run_in_its_middle(service, known, somebody_waits)
        service.kill("code")
        service.start("code")
        eventually(
            lambda: service.run(run["runId"])["status"] == "FAILURE", "run monitoring to see that the run is gone"
        )
    assert any("its process is gone" in event.get("message", "") for event in service.events(run["runId"]))
    new = deliver(service)
    runs = eventually(ended_well(service, known), "the drops to be loaded")
    assert [found["status"] for found in runs] == ["FAILURE", "SUCCESS"]
    assert_loaded_once(service, lost, new)


def test_a_run_that_is_stuck_is_ended_by_its_maximum_runtime(service, first_run):
    known = {run["runId"] for run in service.runs()}
    with held_up(service, "customer_features"):
        run_id = service.launch("sahara_retrain", {"dagster/max_runtime": "5", "dagster/max_retries": "0"})
        eventually(lambda: service.run(run_id)["status"] == "FAILURE", "run monitoring to end the stuck run")
    assert any("Exceeded maximum runtime" in event.get("message", "") for event in service.events(run_id))
    eventually(lambda: not service.run_processes(), "the stuck process to end when it can")
    assert [run["runId"] for run in new_runs(service, known)] == [run_id]


# --- and in the end --------------------------------------------------------------------------------------------------------------


def test_stopping_lets_a_run_that_is_at_work_come_to_its_end(service, first_run):
    """Last of all, because the code server is gone afterwards. `docker compose stop` and systemd signal the server, not the run."""
    known = {run["runId"] for run in service.runs()}
    with held_up(service, "customer_features") as somebody_waits:
        path = deliver(service)
        run = run_in_its_middle(service, known, somebody_waits)
        service.processes["code"].send_signal(signal.SIGTERM)
        assert service.run(run["runId"])["status"] == "STARTED"
    eventually(lambda: service.run(run["runId"])["status"] == "SUCCESS", "the run to come to its end")
    assert service.processes["code"].wait(60) == 0
    assert_loaded_once(service, path)
