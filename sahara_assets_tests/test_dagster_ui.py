"""`sahara ui` for real: the servers really started, a file really dropped, the pages looked at in a real Chromium."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from sahara_assets_tests.browser import Browser, Page, require_chromium
from sahara_assets_tests.commands import ended_with_its_children, sahara, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 240


@dataclass
class Dagster:
    """A running `sahara ui`."""

    root: Path
    port: int
    process: subprocess.Popen[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query: str) -> Any:
        """The data of a GraphQL answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with closing(connection):
            connection.request("POST", "/graphql", json.dumps({"query": query}), {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())["data"]

    def runs(self) -> list[dict[str, Any]]:
        found = self.ask("{runsOrError {... on Runs {results {runId status jobName tags {key value}}}}}")
        return found["runsOrError"]["results"]


def eventually(question: Callable[[], Any], what: str) -> Any:
    """The first answer that is not empty."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if answer := question():
                return answer
        except (OSError, http.client.HTTPException, KeyError):
            pass  # not up yet, or being reloaded
        time.sleep(0.3)
    raise AssertionError(f"waited {PATIENCE_SECONDS} seconds for {what}")


def group_of(process: subprocess.Popen[str]) -> set[str]:
    """The command lines of what still runs in the process's group (which is a session of its own)."""
    alive = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.getsid(int(entry.name)) == process.pid:
                command = (entry / "cmdline").read_text().replace("\0", " ").strip()
                if command:  # a zombie has none
                    alive.add(command[:120])
        except (ProcessLookupError, FileNotFoundError, PermissionError):
            continue  # it ended while we looked
    return alive


@pytest.fixture(scope="module")
def dagster(finished_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dagster]:
    """`sahara ui` on a copy of the finished project, started from another folder."""
    if not Path("/proc").is_dir():
        pytest.skip("no /proc here, by which the children are found")
    root = tmp_path_factory.mktemp("ui") / "project"
    shutil.copytree(finished_project, root)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert sahara("run", cwd=root).code == 0  # the copied files have new times, which the ledger notes
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ("ui", "--port", str(port), "--config", str(root / "sahara.toml"))
    # As a script's `&` or nohup starts it: with SIGINT ignored, which must not make it deaf to SIGTERM.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (root / "ui.log").open("w") as log:
        process = start(*arguments, cwd=elsewhere, stdout=log, stderr=log)
    signal.signal(signal.SIGINT, before)
    with ended_with_its_children(process):
        served = Dagster(root, port, process)
        eventually(lambda: process.poll() is not None or served.ask("{version}"), "Dagster to answer")
        assert process.poll() is None, (root / "ui.log").read_text()
        yield served
    assert not list(elsewhere.iterdir()), "something was written into the working folder"


def test_it_listens_on_this_machine_only(dagster):
    listening = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, state = line.split()[1], line.split()[3]
        if state == "0A" and int(local.split(":")[1], 16) == dagster.port:
            listening.add(local.split(":")[0])
    assert listening == {"0100007F"}


def test_the_history_of_the_command_line_is_there(dagster):
    assert [(run["jobName"], run["status"]) for run in dagster.runs()][-1] == ("sahara_run", "SUCCESS")


# --- the pages ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(dagster: Dagster) -> Iterator[Browser]:
    require_chromium()
    with Browser() as started:
        yield started


def test_the_graph_shows_the_six_groups_from_left_to_right(dagster, browser, tmp_path):
    page = browser.open(f"{dagster.address}/asset-groups", width=1500, height=1000)
    story = ["raw", "sales", "features", "segmentation", "insights", "activation"]
    where = """Object.fromEntries([...document.querySelectorAll('foreignObject, foreignobject')]
        .map(e => [e.textContent.trim(), e.getBoundingClientRect().x]))"""

    def drawn() -> dict[str, float] | None:
        page.settle(0.3)
        places = page.evaluate(where)
        found = {group: x for group in story for text, x in places.items() if text.startswith(group)}
        return found if set(found) == set(story) else None

    found = eventually(drawn, "the graph")
    assert sorted(story, key=lambda group: found[group]) == story
    assert page.colour_count(page.screenshot(tmp_path / "graph.png", full_page=False)) > 10
    page.close()


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        ("segment_profiles", {"segment_sizes": 400, "heat_map": 400, "recency_and_spend": 400}),
        ("k_sweep", {"sweep_plot": 400}),
        ("drops", {"drop_history": 400}),
        ("sales_trend", {"picture": 400, "by_day": 400}),
    ],
)
def test_the_catalogue_shows_the_pictures(asset, expected, dagster, browser, tmp_path):
    page = browser.open(f"{dagster.address}/assets/{asset}?view=events", width=1500, height=1000)
    page.wait_for(text="[Show Markdown]", timeout_seconds=60)
    for label, least_width in expected.items():
        # Dagster shows long Markdown in a dialog, behind a link in the row of its label.
        page.evaluate(
            f"""[...document.querySelectorAll('tr')]
                .find(row => row.cells.length > 1 && row.cells[0].innerText.trim() === '{label}')
                .cells[1].querySelector('*:not(:has(*))').click()"""
        )
        drawn = "[...document.images].filter(i => i.src.startsWith('data:image/svg+xml')).map(i => i.complete && i.naturalWidth)"
        widths = eventually(lambda: settled(page) and [w for w in page.evaluate(drawn) if w], f"the picture {label}")  # noqa: B023
        assert len(widths) == 1
        assert widths[0] >= least_width
        shot = page.screenshot(tmp_path / f"{asset}-{label}.png", full_page=False)
        assert page.colour_count(shot) > 10
        page.evaluate("[...document.querySelectorAll('button')].find(b => b.innerText.trim() === 'Close').click()")
        eventually(lambda: settled(page) and not page.evaluate(f"{drawn}.length"), "the dialog to close")  # noqa: B023
    assert [m for m in page.complaints if m.level == "exception"] == []
    page.close()


def test_the_overview_says_who_what_and_how_many(dagster, browser):
    page = browser.open(f"{dagster.address}/assets/segment_profiles?view=overview", width=1500, height=1000)
    page.wait_for(text="Row count", timeout_seconds=60)
    for words in (
        "One row per segment",
        "segment_name",
        "A name that a marketer understands.",
        "sahara",
        "DuckDB",
        "drop_sensor",
    ):
        page.wait_for(text=words)
    assert "Join the Dagster community" not in page.evaluate("document.body.innerText")
    page.close()


def settled(page: Page) -> bool:
    page.settle(0.3)
    return True


# --- the daemon -----------------------------------------------------------------------------------------------------------------


def test_a_dropped_file_is_loaded_by_itself(dagster):
    """Runs after the pages were looked at; what it starts is the last thing but the end."""
    known = {run["runId"] for run in dagster.runs()}
    template = min((dagster.root / "data" / "purchases").iterdir())
    lines = template.read_text().splitlines(keepends=True)
    new = dagster.root / "data" / "purchases" / "purchases_2031-01-01.csv"
    new.write_text("".join([lines[0], *(f"9{line}" for line in lines[1:6])]))

    def ended() -> list[dict[str, Any]]:
        new_runs = [run for run in dagster.runs() if run["runId"] not in known]
        return [run for run in new_runs if run["status"] in {"SUCCESS", "FAILURE", "CANCELED"}]

    (run,) = eventually(ended, "the sensor's run to end")
    assert run["status"] == "SUCCESS"
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert tags["dagster/sensor_name"] == "drop_sensor"
    with duckdb.connect(str(dagster.root / "sahara.duckdb"), read_only=True) as connection:
        ledger = connection.execute(
            "SELECT status, rows_loaded, run_id FROM drops WHERE path LIKE '%2031-01-01.csv'"
        ).fetchall()
        (rows,) = connection.execute("SELECT count(*) FROM purchases WHERE order_id LIKE '9%'").fetchone()
    assert ledger == [("loaded", 5, run["runId"])]
    assert rows == 5
    assert sahara("run", "--json", cwd=dagster.root).json["loaded"]["rows_read"] == 0


def test_ending_it_ends_its_children(dagster):
    """Last of all, because nothing answers afterwards."""
    assert len(group_of(dagster.process)) > 2
    dagster.process.send_signal(signal.SIGTERM)
    # Dagster itself gives each of its servers 60 seconds before it kills them.
    assert dagster.process.wait(200) == 0
    eventually(lambda: not group_of(dagster.process), "the children to end")
