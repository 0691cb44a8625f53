"""Dagster's home, and the command that serves it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import dagster as dg

from sahara_assets.job import dagster_history, dagster_home, ui_command
from sahara_assets.settings.document import load_settings
from sahara_assets_tests.commands import clean_environment

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


def test_the_ui_is_not_told_to_be_another_command_and_other_warnings_stay(tmp_path):
    command, _ = ui_command(settings_in(tmp_path), None, 3999)
    said = (
        "import warnings\nfor text in ('Function `dev_command` is superseded', 'Something else'): warnings.warn(text)"
    )
    before_module = command[: command.index("-m")]
    shown = subprocess.run([*before_module, "-c", said], capture_output=True, text=True, check=True).stderr
    assert "superseded" not in shown
    assert "Something else" in shown


OPEN_HISTORY = """
import sys
from pathlib import Path
from sahara_assets.job import dagster_history
from sahara_assets.settings.document import load_settings
import dagster
print("ready", flush=True)
sys.stdin.readline()
with dagster_history(load_settings(Path(sys.argv[1]))) as instance:
    assert instance.get_runs_count() == 0
"""


def test_processes_that_make_dagsters_history_at_once_make_one(tmp_path):
    settings_in(tmp_path)
    command = [sys.executable, "-c", OPEN_HISTORY, str(tmp_path / "sahara.toml")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    opening = [subprocess.Popen(command, env=clean_environment(), text=True, **pipes) for _ in range(4)]
    for process in opening:
        assert process.stdout.readline() == "ready\n"
    for process in opening:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in opening:
        said = process.communicate()[1]
        assert process.returncode == 0, said
    with dagster_history(load_settings(tmp_path / "sahara.toml")) as instance:
        assert instance.get_runs_count() == 0
