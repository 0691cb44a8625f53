"""Dagster's home, and the command that serves it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import dagster as dg

from sahara_assets.job import dagster_home, ui_command
from sahara_assets.settings.document import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from sahara_assets.settings.document import Settings


def settings_in(root: Path) -> Settings:
    (root / "sahara.toml").write_text("")
    return load_settings(root / "sahara.toml", {})


def test_dagsters_home_is_quiet_and_runs_one_at_a_time(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    home = dagster_home(settings_in(tmp_path))
    assert home == tmp_path / ".sahara"
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1
        assert type(instance.compute_log_manager).__name__ == "NoOpComputeLogManager"


def test_dagsters_home_is_never_overwritten(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settings = settings_in(tmp_path)
    file = dagster_home(settings) / "dagster.yaml"
    file.write_text("telemetry:\n  enabled: false\n")
    dagster_home(settings)
    assert file.read_text() == "telemetry:\n  enabled: false\n"


def test_a_home_that_someone_configured_is_left_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "theirs"))
    assert dagster_home(settings_in(tmp_path)) == tmp_path / "theirs"
    assert list((tmp_path / "theirs").iterdir()) == []


def test_the_ui_listens_on_loopback_with_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv("SAHARA_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    command, environment = ui_command(settings_in(tmp_path), None, 3999)
    assert command[0] == sys.executable
    assert command[command.index("-h") + 1] == "127.0.0.1"
    assert command[command.index("-p") + 1] == "3999"
    assert environment["SAHARA_CONFIG"] == str(tmp_path / "sahara.toml")
    assert environment["DAGSTER_HOME"] == str(tmp_path / ".sahara")
