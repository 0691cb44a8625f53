"""One run at a time: the lock that a run holds beside `sahara.toml`, with who holds it written beside it."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sahara_assets.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sahara_assets.settings import Settings

WAIT_SECONDS = 600.0
"""How long a run waits for the one before it: a sensor's run that meets a nightly one should follow it, not fail."""


@contextmanager
def hold_lock(settings: Settings, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the project's lock for the block. The kernel lets go of it when the process dies, however it dies.

    Raises:
        WarehouseError: another run holds it for longer than that; the message names it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(settings.lock_path)
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise WarehouseError(
            f"{settings.lock_path.name}: another run holds the project ({_holder(settings.lock_path)}) for more than "
            f"{wait_seconds:.0f} seconds; wait for it to end and run again"
        ) from error
    holder = _holder_path(settings.lock_path)
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder_path(lock_path: Path) -> Path:
    return lock_path.with_name(f"{lock_path.name}.holder")


def _holder(lock_path: Path) -> str:
    try:
        found = json.loads(_holder_path(lock_path).read_text())
    except (OSError, ValueError):
        return "a process that left no name"
    return f"process {found.get('pid')} on {found.get('host')} since {found.get('since')}"
