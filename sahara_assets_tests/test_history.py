"""Dagster's history over connections that stay open: the same files, whoever reads them, and nothing lost with the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from sahara_assets.history import OpenEventLog, OpenRuns, kept_open
from sahara_assets_tests.commands import clean_environment

TWO_ASSETS = """
import dagster as dg

@dg.asset
def orders():
    return dg.MaterializeResult(metadata={"rows": 3}, data_version=dg.DataVersion("1"))

@dg.asset(deps=[orders])
def customers():
    AT_THE_SECOND()
    return dg.MaterializeResult()

@dg.asset_check(asset=orders)
def whole():
    return dg.AssetCheckResult(passed=True)
"""


def run_in(home, at_the_second="pass", storage="kept_open(Path(sys.argv[1]))"):
    """A process that runs two assets and a check over the history in a folder."""
    script = f"""
import os, signal, sys
from pathlib import Path
from sahara_assets.history import kept_open
from dagster._core.instance.ref import InstanceRef
{TWO_ASSETS.replace("AT_THE_SECOND()", at_the_second)}
if __name__ == "__main__":
    with dg.DagsterInstance.from_ref({storage}) as instance:
        result = dg.materialize([orders, customers, whole], instance=instance)
    assert result.success
"""
    return subprocess.run(
        [sys.executable, "-c", script, str(home)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def told(home):
    """What Dagster's own storage reads in a folder: every run's status and events, and what the index knows of the assets."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert type(instance.event_log_storage) not in {OpenEventLog, OpenRuns}
        runs = [
            (run.status, [entry.dagster_event.event_type_value for entry in instance.all_logs(run.run_id) if entry.is_dagster_event])
            for run in instance.get_runs()
        ]  # fmt: skip
        key = dg.AssetKey("orders")
        latest = instance.get_latest_materialization_event(key)
        checks = instance.event_log_storage.get_latest_asset_check_execution_by_key([dg.AssetCheckKey(key, "whole")])
        return (
            runs,
            latest and latest.asset_materialization.metadata,
            {check.name: found.status for check, found in checks.items()},
        )


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return folder


def test_dagster_reads_of_it_what_it_reads_of_its_own(home, tmp_path):
    done = run_in(home)
    assert done.returncode == 0, done.stderr
    own = tmp_path / "own"
    own.mkdir()
    (own / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    done = run_in(own, storage="InstanceRef.from_dir(sys.argv[1])")
    assert done.returncode == 0, done.stderr
    assert told(home) == told(own)
    assert {path.name.split("-")[0] for path in (home / "history").rglob("*.db*")} >= {"runs.db", "index.db"}


def test_a_killed_process_leaves_what_it_had_told(home):
    done = run_in(home, at_the_second="os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == -signal.SIGKILL
    [(status, events)], metadata, _ = told(home)
    assert status == dg.DagsterRunStatus.STARTED
    assert events.count("ASSET_MATERIALIZATION") == 1
    assert events[-1] == "STEP_START"
    assert metadata == {"rows": dg.MetadataValue.int(3)}
    # And the next run goes on in the same files.
    assert run_in(home).returncode == 0
    assert [status for status, _ in told(home)[0]] == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED]


def test_others_read_and_write_while_it_is_open(home):
    with dg.DagsterInstance.from_ref(kept_open(home)) as instance:
        assert isinstance(instance.event_log_storage, OpenEventLog)
        instance.report_runless_asset_event(dg.AssetMaterialization("orders", metadata={"rows": 1}))
        assert told(home)[1] == {"rows": dg.MetadataValue.int(1)}
        with dg.DagsterInstance.from_config(str(home)) as other:
            other.report_runless_asset_event(dg.AssetMaterialization("orders", metadata={"rows": 2}))
        latest = instance.get_latest_materialization_event(dg.AssetKey("orders"))
        assert latest.asset_materialization.metadata == {"rows": dg.MetadataValue.int(2)}
        assert home / "history" / "runs" / "index.db" in opened()
    assert not [path for path in opened() if path.is_relative_to(home)]


def opened():
    """The files that this process has open."""
    return {Path(os.path.realpath(entry)) for entry in Path("/proc/self/fd").iterdir()}


def test_a_folder_that_someone_configured_is_kept_and_another_storage_is_left_alone(home, tmp_path):
    (home / "dagster.yaml").write_text(f"storage:\n  sqlite:\n    base_dir: {tmp_path / 'theirs'}\n")
    with dg.DagsterInstance.from_ref(kept_open(home)) as instance:
        assert instance.get_runs_count() == 0
    assert (tmp_path / "theirs" / "history" / "runs.db").exists()
    assert not (home / "history").exists()
    (home / "dagster.yaml").write_text(
        "storage:\n  postgres:\n    postgres_url: postgresql://nobody@127.0.0.1:1/none\n"
    )
    assert kept_open(home).storage_data.class_name == "DagsterPostgresStorage"
