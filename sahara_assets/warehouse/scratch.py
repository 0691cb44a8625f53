"""Folders for what does not fit into memory: each connection's own, for nobody else to read, gone with it.

DuckDB gives the files that it spills to fixed names. Two processes that spill into one folder overwrite each other's: one of them has
crashed with a segmentation fault, and others might have gone on with the wrong rows. In a folder that everybody may write to, the names
can also be guessed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from functools import cache
from pathlib import Path

from sahara_assets.errors import WarehouseError


class Scratch:
    """A new folder in `$TMPDIR` that only this user may enter; gone with this object, or with the process.

    Raises:
        WarehouseError: it cannot be made.
    """

    def __init__(self) -> None:
        try:
            self.path = Path(tempfile.mkdtemp(prefix="sahara-"))
        except OSError as error:
            raise WarehouseError(
                f"{tempfile.gettempdir()}: no scratch folder can be made there ({error.strerror or error}); free some room, or point TMPDIR "
                "to another folder"
            ) from error
        self._end = weakref.finalize(self, _remove, self.path, os.getpid())

    def close(self) -> None:
        """Take it away with all that lies in it; closing twice is harmless."""
        self._end()


def _remove(path: Path, process: int) -> None:
    # A forked process has the object too, and ends while this one still spills.
    if os.getpid() == process:
        shutil.rmtree(path, ignore_errors=True)


@cache
def scratch_for_reading(path: Path, process: int) -> Scratch:  # noqa: ARG001 - a forked process has a DuckDB of its own
    """Where the connections of a process that read one warehouse file spill; gone with the process.

    Within a process DuckDB opens a file once, whoever connects to it, and wants the same settings of everyone.
    """
    return Scratch()
