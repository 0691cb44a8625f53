"""The errors a person meets: each says what is wrong, where, and what to do about it.

Everything Sahara raises on purpose derives from `SaharaError`, so that the command line can print it without a traceback and the
assets can turn it into a Dagster failure. Programming errors stay ordinary exceptions.
"""

from __future__ import annotations

import errno


class SaharaError(Exception):
    """Something a person can mend: `str(error)` names the place and the remedy.

    `exit_code` is what the command line ends with: 2 for usage and configuration, 3 for a blocking check.
    """

    exit_code = 2


class SettingsError(SaharaError):
    """`sahara.toml` or the environment is wrong; every problem is listed at once."""

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source = source
        self.problems = problems
        noun = "problem" if len(problems) == 1 else "problems"
        super().__init__("\n".join([f"{source}: {len(problems)} {noun}", *(f"  {problem}" for problem in problems)]))


class DropError(SaharaError):
    """A whole drop cannot be read; the ledger keeps the reason and the other drops go on."""


class WarehouseError(SaharaError):
    """The warehouse cannot be opened, is held by another process, or refused an operation."""


class OutdatedTablesError(WarehouseError):
    """The warehouse lacks a declared table or column: it is new, or was written by an older version."""

    def __init__(self, warehouse: str) -> None:
        super().__init__(f"{warehouse}: holds no tables of this version of Sahara; `sahara run` makes or updates them")


class TryAgainError(WarehouseError):
    """The warehouse went away in the middle, or another writer was first: nothing was committed, and the same may be tried again."""


class BlockedError(SaharaError):
    """A blocking check failed, so nothing below it was rebuilt."""

    exit_code = 3


_REMEDIES = {
    errno.EACCES: "make it readable and writable for this user, or choose another place",
    errno.EPERM: "make it readable and writable for this user, or choose another place",
    errno.EROFS: "its file system is mounted for reading only: choose another place",
    errno.ENOSPC: "make room there, or choose another place",
    errno.EDQUOT: "the user's quota is used up: make room there, or choose another place",
    errno.ENOTDIR: "a part of that path is a file and no folder: choose another place",
    errno.EEXIST: "what lies there is no folder: move it, or choose another place",
    errno.EISDIR: "it is a folder and no file: choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "close other programs, or raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "close other programs, or raise the limit of open files of this machine",
}


def refused_by_the_system(error: OSError) -> SaharaError | None:
    """What a person can do about a file or folder that the system did not let us read or write; nothing where that is no matter of theirs.

    >>> str(refused_by_the_system(OSError(errno.ENOSPC, "No space left on device", "/data/out.csv")))
    '/data/out.csv: No space left on device; make room there, or choose another place'
    """
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    # What a rename failed on is known by its second name; the first is a scratch file of ours.
    place = error.filename2 or error.filename
    return SaharaError(f"{place or 'writing a file'}: {error.strerror}; {remedy}")
