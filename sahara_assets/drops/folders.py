"""Where drops lie: what is asked of a drop folder, whatever keeps it, and the folder of a file system.

Which of its files are drops is decided in `discovery.py`, which names and links are refused in `entries.py`; folders of object stores are
in `buckets.py`.
"""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from sahara_assets.drops.entries import Follow, led_out, open_inside, shown_name
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", "~")
"""Name endings that senders give to files that are still being written."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)

_LATEST_MICROSECOND = 7_258_118_400_000_000  # the year 2200: some file systems let a time be millennia away


class Stat(NamedTuple):
    """What a folder's keeper says of a file without its being opened.

    Attributes:
        size_bytes: its size.
        modified_at: when it was last written, naive UTC.
        signature: while it stays the same, the content is not hashed again. It changes with every upload, also one of equal size and
            time.
        fault: why the file cannot be opened, where that is known already.
    """

    size_bytes: int
    modified_at: datetime
    signature: str
    fault: str | None = None


Listed = tuple[str, Callable[[], Stat | None]]
"""A file's path below its folder, with forward slashes, and what there is to know of it, asked only where somebody wants to know; None
where it turns out to be no file, or to be gone."""


class DropFolder(ABC):
    """A folder that is watched for drops.

    Attributes:
        settles: whether a file may lie there before it is whole, so that `drops.settle_seconds` holds for it.
    """

    settles = True

    @abstractmethod
    def check(self) -> None:
        """See whether the folder is there and may be listed, without listing all of it.

        Raises:
            DropError: it is not, or may not.
        """

    def listing(self) -> Iterator[Listed]:
        """Every file at any depth, in no order; hidden and unfinished ones are left out.

        One whose name cannot be written down, or misleads whoever reads it, is listed under a spelling of it and with its fault.

        Raises:
            DropError: the folder is not there, or cannot be listed to its end.
        """
        for path, stat_of in self._entries():
            # Nearly all names are plain, and there may be a hundred thousand.
            shown, fault = (path, None) if path.isascii() and path.isprintable() else shown_name(path)
            yield shown, stat_of if fault is None else partial(_refused, stat_of, fault)

    @abstractmethod
    def _entries(self) -> Iterator[Listed]:
        """The same, with names as they are."""

    @abstractmethod
    def open(self, path: str, signature: str) -> BinaryIO:
        """A file's bytes, from the start and anywhere in it.

        Args:
            path: as listed.
            signature: as listed. Where the keeper can tell that the file is another by now, reading refuses it.

        Raises:
            OSError: it cannot be opened.
            DropError: the same, in words; from `FileNotFoundError` where the file is gone.
        """


def is_left_alone(name: str) -> bool:
    """Whether a file or folder is hidden or still being written, going by its name.

    >>> [is_left_alone(name) for name in ("a.csv", ".a.csv", "a.csv.part", "a.csv~")]
    [False, True, True, True]
    """
    return name.startswith(".") or name.endswith(_UNFINISHED)


def moment(microseconds: int) -> datetime:
    """Naive UTC from microseconds since 1970; what lies before 1970 or beyond 2200 counts as these.

    >>> moment(1_322_728_000_000_000)
    datetime.datetime(2011, 12, 1, 8, 26, 40)
    """
    # Counted from 1970 rather than asked of the system's calendar, which refuses times far from today.
    return _EPOCH + timedelta(microseconds=min(max(microseconds, 0), _LATEST_MICROSECOND))


class LocalFolder(DropFolder):
    """A folder of this machine's file system, mounted ones included.

    Args:
        root: the folder, absolute.
        called: what the settings call it, for errors.
        without: folders of ours that may lie below it.
        follow: which links may lead out of it.
    """

    def __init__(self, root: Path, called: str, *, without: Iterable[Path] = (), follow: Follow = "own") -> None:
        self._root = root
        self._called = called
        self._ours = {f"{ours.relative_to(root).as_posix()}/" for ours in without if root in ours.parents}
        self._follow = follow

    def __str__(self) -> str:
        return f"{self._root}/"

    def check(self) -> None:
        """Whether it is there; what may be listed below it shows when it is."""
        if not self._root.is_dir():
            raise DropError(
                f"{self._called}: there is no such drop folder ({self._root}); create it, or set drops.folder in sahara.toml"
            )

    def _entries(self) -> Iterator[Listed]:
        """Walk it."""
        self.check()
        root = str(self._root)
        pending = [""]
        while pending:
            prefix = pending.pop()
            try:
                with os.scandir(f"{root}/{prefix}") as listing:
                    entries = list(listing)
            except FileNotFoundError:
                continue  # a folder that was moved away since its name was read
            except OSError as error:
                raise DropError(
                    f"{prefix or self._root.name}: this folder cannot be listed ({error.strerror}); check its permissions, or move it away"
                ) from error
            for entry in entries:
                name = entry.name
                if is_left_alone(name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    # Not a folder of the shop's: every new disk has one that only root may list.
                    if name != "lost+found" and f"{prefix}{name}/" not in self._ours:
                        pending.append(f"{prefix}{name}/")
                else:
                    yield f"{prefix}{name}", partial(self._stat, entry, f"{prefix}{name}")

    def open(self, path: str, signature: str) -> BinaryIO:  # noqa: ARG002 - a file system reads on what it opened
        """Open it."""
        return open_inside(self._root, path, self._follow)

    def _stat(self, entry: os.DirEntry[str], path: str) -> Stat | None:
        """What the file system says; None for a pipe and the like, and for what was moved away since the folder was listed."""
        fault = ""
        try:
            status = entry.stat()
            if entry.is_symlink() and (fault := led_out(self._root, path, self._follow)):
                # Nothing of what it leads to is told, not even its size.
                status = entry.stat(follow_symlinks=False)
        except OSError as error:
            fault = f"cannot be opened ({error.strerror or error}); check where it links to"
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                return None
        if not fault and not stat.S_ISREG(status.st_mode):
            return None
        # The change time is in it because a file can be uploaded again with equal size and a preserved modification time.
        signature = f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
        return Stat(status.st_size, moment(status.st_mtime_ns // 1000), signature, fault or None)


def _refused(stat_of: Callable[[], Stat | None], fault: str) -> Stat | None:
    """What there is to know of a file, and why it is not opened."""
    told = stat_of()
    return None if told is None else told._replace(fault=fault)
