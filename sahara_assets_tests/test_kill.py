"""A kill at any moment of `sahara run` leaves a warehouse from which the next run reaches the same tables and files.

The process is really killed, group and all, at moments drawn from a seeded generator. They are drawn by the progress that the run
reports and a pause after it, so that they spread over what it does rather than over how long a machine takes for it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import numpy as np
import pytest

from sahara_assets.builds import Run
from sahara_assets.exports.formats import MANIFEST_NAME
from sahara_assets.generate.shop import TIME_ZONE, generate
from sahara_assets.settings.document import load_settings
from sahara_assets.stages import segmentation as segmentation_stage
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.opening import open_warehouse
from sahara_assets_tests.small_shop import NOW

PACKAGE = Path(__file__).resolve().parents[1]

NOT_COMPARED = {
    "drops": {"loaded_at", "run_id", "signature"},
    "builds": {"built_at", "run_id"},
    "segmentation_models": {"trained_at", "run_id"},
    "customer_features_online": {"computed_at"},
}


class Running:
    """A `sahara run` in a process group of its own."""

    def __init__(self, folder, *words):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SAHARA_", "DAGSTER_", "COV_"))}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE), environment.get("PYTHONPATH")]))
        command = [sys.executable, "-m", "sahara_assets.cli", "run", "--config", str(folder / "sahara.toml"), *words]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines = []
        self._moved = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self._moved:
                self.lines.append(line)
                self._moved.notify()
        # Its last word comes before its end, and nothing comes after that to wake whoever waits for either.
        self.process.wait(timeout=300)
        with self._moved:
            self._moved.notify()

    def finish(self):
        """Wait for its end, which must be a good one."""
        code = self.process.wait(timeout=300)
        self._close()
        assert code == 0, "".join(self.lines)

    def kill_after(self, lines, seconds):
        """Kill it when it has reported so many lines and a while has passed; False where it was done before that."""
        with self._moved:
            self._moved.wait_for(lambda: len(self.lines) >= lines or self.process.poll() is not None, timeout=300)
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait(timeout=60)
        self._close()
        assert code in {0, -signal.SIGKILL}, "".join(self.lines)
        return code == -signal.SIGKILL

    def _close(self):
        self._reader.join(timeout=60)
        self.process.stderr.close()


def make_project(folder, drops, *, insights):
    folder.mkdir()
    (folder / "sahara.toml").write_text(
        f"""
        [project]
        time_zone = "{TIME_ZONE}"
        currency = "GBP"
        [drops]
        folder = "{drops}"
        [segmentation]
        k_max = 5
        [datasets.purchases]
        [datasets.customers]
        [datasets.products]
        [rules]
        fee_codes = ["POST", "DOT", "GIFTWRAP", "BANK CHARGES"]
        [insights]
        enabled = {str(insights).lower()}
        """
    )
    return folder


def state(folder):
    """Every table and every exported byte, without times and run ids."""
    found = {}
    with duckdb.connect(str(folder / "sahara.duckdb"), read_only=True) as connection:
        for table in ALL_TABLES:
            columns = [name for name in table.column_names if name not in NOT_COMPARED.get(table.name, set())]
            listed = ", ".join(f'"{name}"' for name in columns)
            rows = connection.execute(f"SELECT {listed} FROM {table.name} ORDER BY ALL").fetchall()
            # Where the report was written is remembered; the folders of two projects differ.
            found[table.name] = [
                tuple(value.replace(str(folder), "") if isinstance(value, str) else value for value in row)
                for row in rows
            ]
    return found | {path.name: path.read_bytes() for path in (folder / "exports").rglob("*") if path.is_file()}


def champion_version(folder):
    with duckdb.connect(str(folder / "sahara.duckdb"), read_only=True) as connection:
        return connection.execute("SELECT max(version) FROM segmentation_models").fetchall()[0][0]


class Undisturbed:
    """The same shop, never killed; retrained as often as is asked for."""

    def __init__(self, folder, drops, *, insights):
        self.drops, self.insights = drops, insights
        self.folder = make_project(folder, drops, insights=insights)
        self.lines = []
        self.states = {}

    def state(self, version):
        while version not in self.states:
            running = Running(self.folder, *(["--retrain"] if self.states else []))
            running.finish()
            self.lines.append(len(running.lines))
            self.states[len(self.states) + 1] = state(self.folder)
        return self.states[version]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Without insights, which are a third of a run."""
    return undisturbed_in(tmp_path_factory.mktemp("kill"), insights=False)


def undisturbed_in(root, *, insights):
    generate(root / "shop", rows=8_000, days_per_drop=7)
    found = Undisturbed(root / "undisturbed", root / "shop", insights=insights)
    found.state(1)
    return found


def kill_and_go_on(folder, draws, kills, first, last, *words):
    """Kill runs one after the other, each going on where the last was left, until so many kills have landed.

    Each moment is after `first` to `last` lines of progress, fewer where earlier runs have shown some already, and a pause.
    """
    landed, shown = [], 0
    while len(landed) < kills:
        after, pause = int(draws.integers(first, max(last - shown, first) + 1)), float(draws.uniform(0.0, 1.0))
        running = Running(folder, *words)
        if running.kill_after(after, pause if after else pause * 4):
            landed.append(running.lines[-1].strip() if running.lines else "before its first word")
            shown += sum("k_sweep" not in line for line in running.lines)
        else:
            words, shown = ("--retrain",), 0  # it was done before its moment came: there must be work again
    return landed


def same_as(undisturbed, folder):
    version = champion_version(folder)
    expected, found = undisturbed.state(version), state(folder)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    return version


def one_round(undisturbed, folder, seed, kills, kills_of_retrains):
    draws = np.random.default_rng(seed)
    project = make_project(folder, undisturbed.drops, insights=undisturbed.insights)
    landed = kill_and_go_on(project, draws, kills, 0, undisturbed.lines[0])
    Running(project).finish()
    version = same_as(undisturbed, project)
    for _ in range(kills_of_retrains):
        # A retrain shows the sweep in tenths, then segments and profiles: from about its middle on.
        landed += kill_and_go_on(project, draws, 1, 6, 12, "--retrain")
        Running(project).finish()
        version = same_as(undisturbed, project)
    idle = Running(project)
    idle.finish()
    assert idle.lines == []
    print(f"killed {len(landed)} times, after: {landed}; champion version {version}")  # noqa: T201
    return len(landed)


@pytest.mark.timeout(600)
def test_after_three_kills_the_next_run_reaches_what_an_undisturbed_one_does(undisturbed, tmp_path):
    assert one_round(undisturbed, tmp_path / "project", seed=20, kills=2, kills_of_retrains=1) == 3


@pytest.mark.timeout(300)
def test_a_kill_right_after_a_retrain_has_committed_does_not_look_like_nothing_new(undisturbed, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(undisturbed.folder, project)
    settings = load_settings(project / "sahara.toml", {})
    with open_warehouse(settings) as warehouse:
        # All that a run killed at this very moment leaves behind.
        trained, _ = segmentation_stage.segmentation_model(warehouse, settings, Run("killed", NOW), retrain=True)
    Running(project).finish()
    with duckdb.connect(str(project / "sahara.duckdb"), read_only=True) as connection:
        (details,) = connection.execute("SELECT details FROM builds WHERE name = 'customer_segments'").fetchone()
    manifest = json.loads((project / "exports" / MANIFEST_NAME).read_text())
    assert json.loads(details)["model_version"] == manifest["model_version"] == trained.model.version


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_after_fifty_kills_too(tmp_path, long_count):
    undisturbed = undisturbed_in(tmp_path, insights=True)
    rounds = (one_round(undisturbed, tmp_path / str(seed), seed, kills=3, kills_of_retrains=2) for seed in range(10))
    assert sum(rounds) == 50
    long_count(
        "`sahara run` killed at a random moment; the next run ends with equal tables and files",
        "50 kills, 20 of them of a retrain",
    )
