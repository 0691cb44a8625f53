"""The drop sensor: one run for any number of new drops, none for none, again with back-off after a failure, and it survives anything."""

from __future__ import annotations

import gzip
import os
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets import automation
from sahara_assets.automation import (
    SIGNATURE_TAG,
    History,
    bury_killed_runs,
    drop_sensor_every,
    folder_signature,
    history_of,
    holder_tag,
    pause_after,
    settled_files,
    why_wait,
)
from sahara_assets.definitions import defs
from sahara_assets.drops.discovery import find_drops
from sahara_assets.drops.folders import LocalFolder
from sahara_assets.errors import BlockedError, SettingsError, TryAgainError
from sahara_assets.failures import failure_of
from sahara_assets.locking import hold_lock
from sahara_assets.resources import Project
from sahara_assets.settings.document import load_settings
from sahara_assets_tests.bell import JOB, Bell
from sahara_assets_tests.commands import sahara

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def bell(tmp_path: Path, instance: dg.DagsterInstance) -> Bell:
    """A project with two drops that nothing has loaded yet."""
    (tmp_path / "sahara.toml").write_text("")
    (tmp_path / "data" / "purchases").mkdir(parents=True)
    for day in (1, 2):
        drop(tmp_path, day)
    return Bell(tmp_path, instance)


def drop(root: Path, day: int, text: str = "order_id\n1\n") -> Path:
    path = root / "data" / "purchases" / f"purchases_2025-01-{day:02d}.csv"
    path.write_text(text)
    return path


def test_any_number_of_new_drops_is_one_run(bell):
    request = bell.rings()
    assert request.tags[SIGNATURE_TAG] == folder_signature(find_drops(load_settings(bell.root / "sahara.toml", {})))
    assert request.run_key == f"{request.tags[SIGNATURE_TAG]}-0"


def test_no_new_drop_is_no_run(bell):
    bell.start_and_succeed(bell.rings())
    assert bell.silence() == "nothing new among 2 drops"
    assert bell.silence() == "nothing new among 2 drops"


def test_while_a_run_is_at_work_the_bell_is_silent_until_something_else_is_dropped(bell):
    request = bell.rings()
    bell.start(request)
    assert bell.silence() == "a run for these drops is at work"
    drop(bell.root, 3)
    assert bell.rings().run_key != request.run_key


def test_the_same_state_gives_the_same_key_and_another_state_another(bell):
    first = bell.rings()
    bell.cursor = None  # the tick was lost before its cursor was kept
    assert bell.rings().run_key == first.run_key
    drop(bell.root, 3)
    assert bell.rings().run_key != first.run_key


def test_a_file_overwritten_with_equal_size_and_time_rings(bell):
    bell.start_and_succeed(bell.rings())
    path = bell.root / "data" / "purchases" / "purchases_2025-01-01.csv"
    before = path.stat()
    path.write_text("order_id\n2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    bell.rings()


def test_files_that_the_ledger_knows_do_not_ring_on_the_first_tick(project, instance):
    assert sahara("run", cwd=project).code == 0  # the copied files have new times, which the ledger notes
    bell = Bell(project, instance)
    assert bell.silence().endswith("drops, all in the ledger")
    assert bell.silence().startswith("nothing new among")
    drop(project, 9)
    bell.rings()


def test_a_failed_run_is_tried_again_after_a_pause(bell, monkeypatch):
    first = bell.rings()
    bell.start_and_fail(first)
    assert bell.silence().startswith("1 run for these drops failed; the next try is in ")
    monkeypatch.setattr(automation, "FIRST_PAUSE", timedelta(0))
    second = bell.rings()
    assert second.run_key == f"{first.run_key[:-1]}1"
    bell.start_and_fail(second)
    assert bell.rings().run_key == f"{first.run_key[:-1]}2"


def test_a_success_ends_the_tries(bell, monkeypatch):
    monkeypatch.setattr(automation, "FIRST_PAUSE", timedelta(0))
    bell.start_and_fail(bell.rings())
    bell.start_and_succeed(bell.rings())
    assert bell.silence() == "nothing new among 2 drops"


def test_new_drops_do_not_wait_for_the_pause_of_old_ones(bell):
    bell.start_and_fail(bell.rings())
    drop(bell.root, 3)
    bell.rings()


def test_the_tries_never_run_out(bell, instance, monkeypatch):
    """Dagster starts nothing under a key it has seen, so the key must go on counting where the looked-at history ends."""
    monkeypatch.setattr(automation, "FIRST_PAUSE", timedelta(0))
    monkeypatch.setattr(automation, "LOOKED_AT", 2)
    request = bell.rings()
    for _ in range(5):
        bell.start_and_fail(request)
    assert bell.rings().run_key == f"{request.run_key[:-1]}5"


# --- where another try cannot help -----------------------------------------------------------------------------------------------


def fail_by(bell: Bell, error: Exception) -> str:
    """Let the next run fail by an error of a step; returns its id."""
    request = bell.rings()

    @dg.op
    def load() -> None:
        raise error

    @dg.job(name=JOB.name, executor_def=dg.in_process_executor)
    def failing() -> None:
        load()

    return failing.execute_in_process(instance=bell.instance, raise_on_error=False, tags=dict(request.tags)).run_id


HOPELESS = {
    "blocked": BlockedError("a blocking check failed: drops: no_held_drops"),
    "settings": SettingsError("sahara.toml", ["segmentation.k: must be at least 2"]),
}


@pytest.mark.parametrize("case", sorted(HOPELESS))
def test_where_another_try_cannot_help_the_bell_waits_until_something_changes(case, bell, monkeypatch):
    monkeypatch.setattr(automation, "FIRST_PAUSE", timedelta(0))
    fail_by(bell, HOPELESS[case])
    for _ in range(3):
        said = bell.silence()
        assert said.startswith("the last run failed on what another try cannot help: ")
        assert str(HOPELESS[case]).splitlines()[0] in said
    (bell.root / "sahara.toml").write_text("[segmentation]\nk = 4\n")
    assert bell.rings().run_key.endswith("-1")


def test_a_failure_that_may_pass_is_tried_again_after_the_pause(bell, monkeypatch):
    monkeypatch.setattr(automation, "FIRST_PAUSE", timedelta(0))
    fail_by(bell, TryAgainError("Postgres shop at db: cannot be reached"))
    assert bell.rings().run_key.endswith("-1")


def test_new_drops_and_new_code_end_the_waiting_too(bell, monkeypatch):
    fail_by(bell, HOPELESS["blocked"])
    assert bell.silence().startswith("the last run failed on what")
    monkeypatch.setattr(automation, "code_fingerprint", lambda *_: "another version")
    bell.rings()
    drop(bell.root, 3)
    bell.rings()


def test_a_drop_that_was_let_in_by_hand_ends_the_waiting(project, instance):
    """With the real pipeline: a replacement that lacks most of its lines is held, until somebody allows it."""
    assert sahara("run", cwd=project).code == 0
    bell = Bell(project, instance)
    bell.silence()
    path = min((project / "data" / "purchases").iterdir())
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:5]))
    request = bell.rings()
    run = JOB.execute_in_process(
        instance=instance,
        resources={"project": Project(config_path=str(project / "sahara.toml"))},
        tags=dict(request.tags),
        raise_on_error=False,
    )
    assert not run.success
    assert "no_held_drops" in failure_of(instance, run.run_id).checks[0]
    for _ in range(2):
        assert bell.silence().startswith("the last run failed on what another try cannot help: ")
    assert sahara("drops", "allow", f"purchases/{path.name}", cwd=project).code == 0
    assert bell.rings().run_key.endswith("-1")


def test_what_could_not_be_read_is_tried_again_with_pauses_although_nothing_in_the_folder_changes(bell, monkeypatch):
    bad = drop(bell.root, 3)
    bad.write_bytes(gzip.compress(b"order_id\n1\n" * 50)[:-9])
    first = bell.rings()
    bell.load()
    bell.start_and_succeed(first)
    for _ in range(2):
        assert bell.silence().startswith("1 drop could not be read; the next try is in ")
    monkeypatch.setattr(automation, "FIRST_PAUSE", timedelta(0))
    second = bell.rings()
    assert second.run_key == f"{first.run_key[:-1]}1"
    bell.load()
    bell.start_and_succeed(second)
    monkeypatch.setattr(automation, "FIRST_PAUSE", timedelta(minutes=1))
    assert bell.silence().startswith("1 drop could not be read; the next try is in 1")
    bad.unlink()
    assert bell.silence() == "2 drops, all in the ledger"
    assert bell.silence() == "nothing new among 2 drops"


def test_a_drop_that_was_read_and_refused_is_not_tried_again(bell):
    drop(bell.root, 3, "no column of ours\n1\n")
    request = bell.rings()
    bell.load()
    assert {row["status"] for row in bell.ledger()} == {"rejected"}
    bell.start_and_succeed(request)
    assert bell.silence() == "nothing new among 3 drops"


def test_a_look_at_the_folder_opens_no_file(bell, monkeypatch):
    """With a hundred thousand drops it would take longer than Dagster lets a sensor take."""
    monkeypatch.setattr(LocalFolder, "open", lambda *_: pytest.fail("a file was opened"))
    bell.start_and_succeed(bell.rings())
    bell.silence()
    drop(bell.root, 3)
    bell.rings()


@given(st.floats(0, 200_000))
def test_even_then_the_bell_rings_once_a_day(seconds_ago):
    last = NOW - timedelta(seconds=seconds_ago)
    history = History(runs=3, failures=3, last_failure=last, hopeless="held")
    assert (why_wait(history, NOW) is None) == (seconds_ago >= 86_400)


def test_a_cursor_of_an_older_version_or_a_broken_one_is_no_stumbling_block(bell):
    bell.start_and_succeed(bell.rings())
    for cursor in ("no JSON", "[1]", '"x"', "{}"):
        bell.cursor = cursor
        bell.rings()


def test_the_sensor_looks_as_often_as_the_settings_want(bell, monkeypatch):
    assert drop_sensor_every(7).minimum_interval_seconds == 7
    monkeypatch.setenv("SAHARA_CONFIG", str(bell.root / "sahara.toml"))
    for text, expected in (("", 30), ("[drops]\nwatch_seconds = 5\n", 5), ("[drops]\nwatch_seconds = -5\n", 30)):
        (bell.root / "sahara.toml").write_text(text)
        (sensor,) = [found for found in defs().sensors if found.name == "drop_sensor"]
        assert sensor.minimum_interval_seconds == expected


# --- the pause -------------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 10_000))
def test_the_pause_doubles_up_to_an_hour(failures):
    minutes = pause_after(failures).total_seconds() / 60
    assert minutes == min(2 ** (failures - 1), 60)


@given(st.integers(1, 20), st.floats(0, 7200))
def test_the_bell_waits_exactly_as_long_as_the_pause(failures, seconds_ago):
    history = History(runs=failures, failures=failures, last_failure=NOW - timedelta(seconds=seconds_ago))
    waits = why_wait(history, NOW) is not None
    assert waits == (timedelta(seconds=seconds_ago) < pause_after(failures))


def test_history_counts_failures_since_the_last_run_that_did_not_fail(bell):
    request = bell.rings()
    bell.start_and_fail(request)
    bell.start_and_succeed(request)
    bell.start_and_fail(request)
    bell.start_and_fail(request)
    history = history_of(bell.instance, request.tags[SIGNATURE_TAG])
    assert (history.runs, history.failures, history.at_work) == (4, 2, False)
    assert history.last_failure is not None
    assert abs(datetime.now(tz=UTC) - history.last_failure) < timedelta(minutes=5)
    assert history_of(bell.instance, "another") == History()


def test_a_folder_that_vanishes_and_comes_back_does_not_stop_the_sensor(bell):
    bell.start_and_succeed(bell.rings())
    away = bell.root / "away"
    (bell.root / "data").rename(away)
    assert bell.silence().startswith("the drop folder cannot be read: data: there is no such drop folder")
    away.rename(bell.root / "data")
    assert bell.silence() == "nothing new among 2 drops"
    drop(bell.root, 3)
    bell.rings()


def test_a_broken_sahara_toml_is_said_until_it_is_mended(bell):
    (bell.root / "sahara.toml").write_text("[segmentation]\nkk = 3")
    assert "unknown key 'kk'; did you mean 'k'?" in bell.silence()
    (bell.root / "sahara.toml").write_text("")
    bell.rings()


def test_a_warehouse_that_is_held_leaves_the_bell_silent_and_the_cursor_alone(bell):
    with duckdb.connect(str(bell.root / "sahara.duckdb")) as held:
        held.execute("CREATE TABLE x (y INTEGER)")
    bell.rings()
    bell.cursor = None
    (bell.root / "sahara.duckdb").write_bytes(b"no database" * 999)
    assert bell.silence().startswith("the ledger cannot be read now: sahara.duckdb: ")
    assert bell.cursor is None


def test_a_drop_that_is_still_being_written_rings_when_it_is_whole(bell):
    (bell.root / "sahara.toml").write_text("[drops]\nsettle_seconds = 600")
    for path in (bell.root / "data" / "purchases").iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    bell.start_and_succeed(bell.rings())
    growing = drop(bell.root, 3)
    assert bell.silence() == "nothing new among 2 drops"
    os.utime(growing, (1_700_000_000, 1_700_000_000))
    bell.rings()


def test_settled_files_are_those_that_a_run_would_read(bell):
    settings = load_settings(bell.root / "sahara.toml", {})
    assert settled_files(find_drops(settings), settings, NOW) == find_drops(settings)


def test_an_empty_folder_rings_never(bell):
    shutil.rmtree(bell.root / "data" / "purchases")
    assert bell.silence() == "0 drops, all in the ledger"
    assert bell.silence() == "nothing new among 0 drops"


def test_a_run_whose_process_is_gone_does_not_block_the_next_for_ever(bell, instance):
    settings = load_settings(bell.root / "sahara.toml", {})
    host, _, _ = holder_tag()[automation.HOLDER_TAG].rpartition(".")
    started = {
        name: instance.create_run_for_job(JOB, tags=tags, status=dg.DagsterRunStatus.STARTED).run_id
        for name, tags in {
            "ours": holder_tag(),
            "dead": {automation.HOLDER_TAG: f"{host}.999999999"},
            "elsewhere": {automation.HOLDER_TAG: "another-host.1"},
            "the daemon's": {},
        }.items()
    }

    def failed() -> set[str]:
        return {
            name
            for name, run_id in started.items()
            if instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.FAILURE
        }

    now = datetime.now(tz=UTC)
    bury_killed_runs(instance, settings, now)
    assert failed() == {"dead"}
    with hold_lock(settings):
        bury_killed_runs(instance, settings, now + timedelta(hours=1))
    assert failed() == {"dead"}, "while the lock is held, someone is at work"
    bury_killed_runs(instance, settings, now + timedelta(hours=1))
    assert failed() == {"dead", "the daemon's"}
