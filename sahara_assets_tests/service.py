"""A Sahara service for tests: the processes of `deploy/compose.yaml`, with its commands and its `dagster.yaml`, on loopback.

Nothing is made up: Postgres with the databases that `deploy/postgres/make-databases.sh` makes, the code server, the daemon and the
webserver, each started by `deploy/entrypoint` with the environment of its container, in which only addresses and folders differ.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import yaml

from sahara_assets_tests.commands import ROOT, clean_environment
from sahara_assets_tests.postgres_server import PASSWORD, PostgresServer, binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
PATIENCE_SECONDS = 240
PASSWORDS = {"dagster": "sand & 'dust'/€", "warehouse": 'wadi "oasis" \\ %20@:'}
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


def eventually(
    question: Callable[[], Any], what: str, patience_seconds: float = PATIENCE_SECONDS, interval_seconds: float = 0.5
) -> Any:
    """The first answer that is not empty; asked again and again until the patience ends."""
    deadline = time.monotonic() + patience_seconds
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if answer := question():
                return answer
        except (OSError, http.client.HTTPException, psycopg2.OperationalError) as error:
            last = error  # not up yet, or just away
        time.sleep(interval_seconds)
    raise AssertionError(f"waited {patience_seconds:.0f} seconds for {what}") from last


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """`${NAME:-default}` as compose reads it."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: variables.get(found[1]) or found[2], text)


def members(leader: int) -> list[int]:
    """The processes of a session (what a container holds), by its leader."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(ProcessLookupError, PermissionError, FileNotFoundError):
                if os.getsid(int(entry.name)) == leader and (entry / "cmdline").read_bytes():  # a zombie has none
                    found.append(int(entry.name))
    return found


@dataclass
class Service:
    """The service; `start` a part by its name in compose.yaml, `kill` it, and `stop` everything at the end.

    Args:
        root: a new folder for everything: the project, drops, exports, secrets and logs.
        variables: what stands in `.env` beside compose.yaml.
    """

    root: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for name in ("drops", "exports", "project", "scratch", "secrets", "dagster", "logs"):
            (self.root / name).mkdir(parents=True)
        for name in ("dagster.yaml", "workspace.yaml"):
            shutil.copy(DEPLOY / name, self.root / "dagster" / name)
        for name, password in PASSWORDS.items():
            (self.root / "secrets" / f"{name}_password").write_text(f"{password}\n", encoding="utf-8")
        self.ports = {"code": _free_port(), "webserver": _free_port()}
        self.sessions: list[int] = []
        found = binaries()
        self._binaries = found[min(found)]  # Debian's where they are
        self.postgres = PostgresServer(self._binaries)

    def make_databases(self) -> str:
        """Run what the postgres container runs when it is new; returns what it said."""
        environment = {
            "PATH": f"{self._binaries}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.postgres.port),
            "PGPASSWORD": PASSWORD,
            "PGCLIENTENCODING": "UTF8",
            "POSTGRES_USER": "sahara",
            "DAGSTER_PASSWORD_FILE": str(self.root / "secrets" / "dagster_password"),
            "WAREHOUSE_PASSWORD_FILE": str(self.root / "secrets" / "warehouse_password"),
        }
        script = DEPLOY / "postgres" / "make-databases.sh"
        done = subprocess.run([script], env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    # --- the processes ---------------------------------------------------------------------------------------------------------------

    def here(self, text: str) -> str:
        """A value of compose.yaml as it is on this machine: folders and addresses."""
        places = {
            "/opt/sahara/dagster": str(self.root / "dagster"),
            "/run/secrets": str(self.root / "secrets"),
            "/srv/sahara": str(self.root / "project"),
            "@postgres:5432": f"@127.0.0.1:{self.postgres.port}",
        }
        whole = {
            "/drops": str(self.root / "drops"),
            "/exports": str(self.root / "exports"),
            "/scratch": str(self.root / "scratch"),
            "postgres": "127.0.0.1",
            "code": "127.0.0.1",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - what is replaced
            "5432": str(self.postgres.port),
            "4000": str(self.ports["code"]),
            "3000": str(self.ports["webserver"]),
        }
        text = interpolated(text, self.variables)
        if text in whole:
            return whole[text]
        for there, here in places.items():
            text = text.replace(there, here)
        return text

    def environment(self, name: str) -> dict[str, str]:
        """The environment of a container."""
        given = {key: self.here(str(value)) for key, value in COMPOSE["services"][name]["environment"].items()}
        # A database is called as its container's host or port may be, but is not one of them.
        given |= {
            key: str(COMPOSE["services"][name]["environment"][key]) for key in given if key.endswith(("_DB", "_USER"))
        }
        kept = {key: value for key, value in clean_environment().items() if not key.startswith("PG")}
        # In the image the environment's programs are on the path; here they lie beside the Python that runs the tests.
        kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        return {**kept, **given}

    def start(self, *names: str) -> None:
        """Start parts and wait until they are healthy."""
        for name in names:
            command = [self.here(word) for word in COMPOSE["services"][name]["command"]]
            with (self.root / "logs" / f"{name}.log").open("ab") as log:
                process = subprocess.Popen(
                    [DEPLOY / "entrypoint", *command],
                    cwd=self.root / "project",
                    env=self.environment(name),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self.processes[name] = process
            self.sessions.append(process.pid)
        for name in names:
            eventually(lambda: self._is_up(name), f"{name} to be healthy")  # noqa: B023 - asked at once

    def _is_up(self, name: str) -> bool:
        assert self.processes[name].poll() is None, f"{name} ended: {self.log(name)[-3000:]}"
        if name in self.ports:
            # A health check is a Python of its own, which would only slow down what it waits for.
            with closing(socket.create_connection(("127.0.0.1", self.ports[name]), timeout=5)):
                pass
        return self.is_healthy(name)

    def is_healthy(self, name: str) -> bool:
        """What the container's health check says."""
        _, *command = COMPOSE["services"][name]["healthcheck"]["test"]
        done = subprocess.run(
            [DEPLOY / "entrypoint", *(self.here(word) for word in command)],
            env=self.environment(name),
            cwd=self.root / "project",
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def kill(self, *names: str) -> None:
        """SIGKILL parts, with everything in their containers."""
        for name in names:
            process = self.processes.pop(name)
            _kill_session(process.pid)
            process.wait(20)

    def stop(self) -> None:
        """End everything; nothing is left running."""
        for session in self.sessions:
            _kill_session(session)
        for process in self.processes.values():
            process.wait(20)
        self.postgres.stop()

    def run_processes(self) -> list[int]:
        """The processes of runs: the code server's children, but for the one that Python's multiprocessing keeps for itself."""
        found = []
        for process in members(self.processes["code"].pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes():
                    found.append(process)
        return found

    def log(self, name: str) -> str:
        """What a part has said so far."""
        return (self.root / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    # --- what it says ----------------------------------------------------------------------------------------------------------------

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["webserver"], timeout=20)
        with closing(connection):
            body = json.dumps({"query": query, "variables": variables})
            connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def runs(self) -> list[dict[str, Any]]:
        """Every run, the newest first."""
        found = self.ask(
            "{runsOrError {... on Runs {results {runId status jobName startTime endTime tags {key value}}}}}"
        )["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def launch(self, job: str, tags: Mapping[str, str]) -> str:
        """Launch a job by hand; returns the run's id."""
        found = self.ask(
            """mutation($params: ExecutionParams!) {launchRun(executionParams: $params) {
                __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}""",
            params={
                "selector": {
                    "repositoryLocationName": "sahara",
                    "repositoryName": "__repository__",
                    "jobName": job,
                },
                "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
            },
        )["launchRun"]
        return str(found["run"]["runId"])

    def run(self, run_id: str) -> dict[str, Any]:
        """One run."""
        return next(run for run in self.runs() if run["runId"] == run_id)

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """The messages of a run's log."""
        found = self.ask(
            """query($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {
                __typename ... on MessageEvent {message stepKey timestamp}
                ... on MaterializationEvent {assetKey {path}}}}}}""",
            id=run_id,
        )["logsForRun"]["events"]
        return [event for event in found if event]

    @contextlib.contextmanager
    def warehouse(self) -> Iterator[Any]:
        """A session in the warehouse, as its own role."""
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.postgres.port,
            user="warehouse",
            password=PASSWORDS["warehouse"],
            dbname="warehouse",
            options="-c search_path=sahara",
        )
        connection.autocommit = True
        with closing(connection):
            yield connection

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with self.warehouse() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _kill_session(leader: int) -> None:
    """Kill a session's processes until there is none; one may fork while the others are being killed."""
    deadline = time.monotonic() + 20
    while (alive := members(leader)) and time.monotonic() < deadline:
        for process in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
    assert not members(leader), f"processes {members(leader)} of session {leader} will not end"
