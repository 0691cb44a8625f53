"""One run at a time, whoever holds the lock and however it ends."""

import contextvars
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sahara_assets.errors import WarehouseError
from sahara_assets.locking import hold_lock, tell_of_waits
from sahara_assets.settings.document import parse_settings

HOLD = """
import sys, time
from pathlib import Path
from sahara_assets.locking import hold_lock
from sahara_assets.settings.document import parse_settings
with hold_lock(parse_settings({}, root=Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def settings(tmp_path):
    return parse_settings({}, root=tmp_path)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until it is told to end, or killed."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_lock_can_be_had_again_and_leaves_no_name_behind(settings, tmp_path):
    for _ in range(2):
        with hold_lock(settings, wait_seconds=0):
            assert json.loads((tmp_path / "sahara.lock.holder").read_text())["pid"] == os.getpid()
        assert not (tmp_path / "sahara.lock.holder").exists()


def test_the_lock_is_let_go_when_the_block_fails(settings):
    with pytest.raises(ZeroDivisionError), hold_lock(settings, wait_seconds=0):
        raise ZeroDivisionError
    with hold_lock(settings, wait_seconds=0):
        pass


def test_whoever_waits_is_told_at_once_for_whom_and_follows_when_it_ends(settings, holder):
    said = []

    def told(sentence):
        said.append(sentence)
        holder.stdin.close()  # only now does the other one let go

    contextvars.copy_context().run(lambda: (tell_of_waits(told), hold_lock(settings).__enter__()))

    (sentence,) = said
    assert sentence.startswith(f"another run holds the project (process {holder.pid} on ")
    assert sentence.endswith("; waiting for it to end, 600 seconds at most")


def test_a_lock_that_is_free_and_one_that_is_not_waited_for_are_nothing_to_tell(settings, holder):
    said = []

    def ask():
        tell_of_waits(said.append)
        with pytest.raises(WarehouseError):
            hold_lock(settings, wait_seconds=0).__enter__()
        holder.kill()
        holder.wait()
        with hold_lock(settings):
            pass

    contextvars.copy_context().run(ask)
    assert said == []


def test_a_second_run_is_told_who_holds_the_first(settings, holder):
    with pytest.raises(WarehouseError, match=rf"another run holds the project \(process {holder.pid} on "):
        hold_lock(settings, wait_seconds=0).__enter__()


def test_a_lock_without_a_name_is_still_a_lock(settings, holder, tmp_path):
    for text in ("", "[]", "not json"):
        (tmp_path / "sahara.lock.holder").write_text(text)
        with pytest.raises(WarehouseError, match="a process that left no name"):
            hold_lock(settings, wait_seconds=0).__enter__()


def test_a_killed_holder_holds_nothing(settings, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=30)
    with hold_lock(settings, wait_seconds=0):
        pass


def test_a_run_waits_for_the_one_before_it(settings, holder):
    holder.stdin.close()
    with hold_lock(settings, wait_seconds=30):
        assert holder.wait(timeout=30) == 0


def test_a_folder_that_cannot_take_the_lock_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseError, match=r"sahara\.lock: the lock cannot be made"):
        hold_lock(parse_settings({}, root=tmp_path / "file"), wait_seconds=0).__enter__()
