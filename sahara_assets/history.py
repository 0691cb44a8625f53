"""Dagster's own SQLite history, written by this process over connections that stay open.

Dagster opens, commits to disk and closes a connection for each of the hundreds of events of a run: a third of the time that a run takes.
The files, their tables and what is written to them are Dagster's, so that every other Dagster process reads them as ever. In WAL mode
`synchronous=NORMAL` loses the last events when the power fails, and nothing when the process is killed; see
https://www.sqlite.org/pragma.html#pragma_synchronous.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine


class OpenEventLog(SqliteEventLogStorage):
    """Dagster's event log whose databases, one a run and an index of all, stay open."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:  # noqa: ANN401 - Dagster's word for where its settings came from
        self._open: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._open.get(shard)
            if engine is None:
                engine = _engine(self.conn_string_for_shard(shard))
                self._initdb(engine)
                self._open[shard] = engine
            with engine.begin() as connection:
                yield connection

    def dispose(self) -> None:
        """Close what was opened."""
        super().dispose()
        while self._open:
            self._open.popitem()[1].dispose()


class OpenRuns(SqliteRunStorage):
    """Dagster's list of runs, whose database stays open."""

    def __init__(self, conn_string: str, inst_data: Any = None) -> None:  # noqa: ANN401
        self._engine = _engine(conn_string)
        super().__init__(conn_string, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close what was opened."""
        super().dispose()
        self._engine.dispose()


class OpenHistory(DagsterSqliteStorage):
    """Dagster's SQLite storage with both; schedules and sensors, which a run has nothing to do with, as ever."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:  # noqa: ANN401
        # Not DagsterSqliteStorage's own: that would open the three storages that these here take the place of.
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]
        self.base_dir = base_dir
        self._run_storage = OpenRuns.from_local(str(Path(base_dir) / "history"))
        self._event_log_storage = OpenEventLog(str(Path(base_dir) / "history" / "runs"))
        self._schedule_storage = SqliteScheduleStorage.from_local(str(Path(base_dir) / "schedules"))
        self._inst_data = inst_data

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> OpenHistory:  # noqa: ANN401
        """As Dagster makes it of its settings."""
        return cls.from_local(inst_data=inst_data, **config_value)


def kept_open(home: Path) -> InstanceRef:
    """The instance that `dagster.yaml` in `home` describes; its history stays open where it is Dagster's SQLite one."""
    described = InstanceRef.from_dir(str(home))
    storage = described.storage_data
    if storage is None or storage.class_name != DagsterSqliteStorage.__name__:
        return described
    return described._replace(storage_data=storage._replace(module_name=__name__, class_name=OpenHistory.__name__))


def _engine(address: str) -> Engine:
    from sqlalchemy import create_engine, event

    engine = create_engine(address, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
    return engine
