"""A process of its own that exports and is killed. Run by test_files.py; prints how many cases it made.

`every_step`: before each thing that an export does to the file system, in turn. `at_random`: while it exports without pause, five times.
The process forks for each case, so that Python and Arrow are loaded once; each child is really killed, by SIGKILL.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from sahara_assets.exports.audience import AudiencePlan, plan_audiences
from sahara_assets.exports.files import write_audiences
from sahara_assets.settings.sections import ExportSettings
from sahara_assets_tests.exports.made_customers import many

STREAM = ExportSettings(stream_id="7")


def plan_of(name: str, count: int) -> AudiencePlan:
    """`two`: GA4 and GA360; `one`: GA4 only, and every customer in another segment; `parts`: GA360 in several files."""
    limit = count * 12 if name == "parts" else 10**9
    return plan_audiences(many(count, client_ids=name != "one", shift=len(name)), STREAM, ga360_limit_bytes=limit)


def export(folder: Path, name: str, plan: AudiencePlan) -> None:
    write_audiences(folder, plan, fingerprint=name, model_version=1, k=4, cut_off="2011-12-10")


def die_before_step(step: int) -> None:
    steps = 0

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        writes = event == "open" and isinstance(arguments[1], str) and arguments[1] not in {"r", "rb"}
        if writes or event in {"os.rename", "os.remove", "os.mkdir"}:
            steps += 1
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def every_step(cases: Path, before: str, after: str, count: int) -> int:
    plans = {name: plan_of(name, count) for name in (before, after)}
    start = cases.with_name("start")
    export(start, before, plans[before])
    (start / "audience_notes.csv").write_text("mine\n", encoding="utf-8")
    step = 0
    while True:
        step += 1
        folder = cases / f"{step:03d}"
        shutil.copytree(start, folder)
        child = os.fork()
        if child == 0:
            die_before_step(step)
            export(folder, after, plans[after])
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            shutil.rmtree(folder)
            return step - 1 if status == 0 else -1


def at_random(cases: Path, first: str, second: str, count: int) -> int:
    plans = {name: plan_of(name, count) for name in (first, second)}
    draws = random.Random(20)
    for case in range(5):
        folder = cases / f"{case:03d}"
        export(folder, first, plans[first])
        child = os.fork()
        if child == 0:
            while True:
                for name in (second, first):
                    export(folder, name, plans[name])
        time.sleep(draws.uniform(0.01, 0.3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return 5


if __name__ == "__main__":
    how, where, old, new, customers = sys.argv[1:]
    print({"every_step": every_step, "at_random": at_random}[how](Path(where), old, new, int(customers)))  # noqa: T201
