"""One run at a time: the lock that a run holds beside `sahara.toml`, with who holds it written beside it."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from sahara_assets.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sahara_assets.settings.document import Settings

WAIT_SECONDS = 600.0
"""How long a run waits for the one before it: a sensor's run that meets a nightly one should follow it, not fail."""


_say: ContextVar[Callable[[str], None] | None] = ContextVar("say", default=None)


def tell_of_waits(say: Callable[[str], None]) -> None:
    """Have somebody told, in this process from now on, that a lock is held by another and waited for."""
    _say.set(say)


@contextmanager
def hold_lock(settings: Settings, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the project's lock for the block. The kernel lets go of it when the process dies, however it dies.

    Raises:
        WarehouseError: another run holds it for longer than that, and the message names it; or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(settings.lock_path)
    holder = _holder_path(settings.lock_path)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say = _say.get()
            if say is not None and wait_seconds:
                say(
                    f"another run holds the project ({_holder(settings.lock_path)}); waiting for it to end, "
                    f"{wait_seconds:.0f} seconds at most"
                )
            lock.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise WarehouseError(
            f"{settings.lock_path.name}: another run holds the project ({_holder(settings.lock_path)}) for more than "
            f"{wait_seconds:.0f} seconds; wait for it to end and run again"
        ) from error
    except OSError as error:
        raise WarehouseError(
            f"{settings.lock_path}: the lock cannot be made ({error.strerror or error}); make its folder writable"
        ) from error
    try:
        # Who holds it is for people; a run does not fail because that cannot be written down.
        with suppress(OSError):
            holder.write_text(json.dumps(_me()))
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _me() -> dict[str, str | int]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}


def _holder_path(lock_path: Path) -> Path:
    return lock_path.with_name(f"{lock_path.name}.holder")


def _holder(lock_path: Path) -> str:
    try:
        found = json.loads(_holder_path(lock_path).read_text())
        return f"process {found['pid']} on {found['host']} since {found['since']}"
    except (OSError, ValueError, TypeError, KeyError):
        return "a process that left no name"
