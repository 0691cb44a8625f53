"""Which files lie in the drop folder, and which dataset each belongs to. Nothing is opened here."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from sahara_assets.drops.entries import LEADS_OUT, leads_out, open_inside, shown_name
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahara_assets.settings.document import Settings

_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", "~")
"""Name endings that senders give to files that are still being written."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)

_LATEST_MICROSECOND = 7_258_118_400_000_000  # the year 2200: some file systems let a time be millennia away

_NAME_DATE = re.compile(r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?!\d)")


@dataclass(frozen=True, order=True)
class FoundFile:
    """A file that some dataset claims.

    Attributes:
        dataset: the dataset.
        path: relative to the drop folder, with forward slashes.
        size_bytes: as the file system says.
        modified_at: modification time, naive UTC.
        signature: size, times and inode: while it stays the same, the content is not hashed again. The change time is in it because
            a file can be uploaded again with equal size and a preserved modification time.
        fault: why it cannot be opened, where that is known already.
        folder: where it lies.
        follow_links: whether a link may lead out of that folder.
    """

    dataset: str
    path: str
    size_bytes: int
    modified_at: datetime
    signature: str
    fault: str | None = field(default=None, compare=False)
    folder: Path = field(default=Path(), compare=False, repr=False)
    follow_links: bool = field(default=False, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def file_date(self) -> date | None:
        """The date in the file's name, where it has one."""
        return date_in_name(self.path)

    def open(self, _mode: Literal["rb"] = "rb", /) -> BinaryIO:
        """Its bytes.

        Raises:
            OSError: it cannot be opened.
            DropError: the same, in words.
        """
        if self.fault is not None:
            raise DropError(f"{self.path}: {self.fault}")
        return (self.folder / self.path).open("rb") if self.follow_links else open_inside(self.folder, self.path)


def date_in_name(path: str) -> date | None:
    """The last date in a file's name.

    >>> date_in_name("shop/purchases_2011-12-09.csv")
    datetime.date(2011, 12, 9)
    >>> date_in_name("orders.csv") is None
    True
    """
    for year, month, day in reversed(_NAME_DATE.findall(path.rsplit("/", 1)[-1])):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def find_drops(settings: Settings) -> list[FoundFile]:
    """Every file in the drop folder that a dataset's patterns match, by dataset and path.

    Hidden files and files that are still being written (`.tmp`, `.part`, …) are left alone. A file that cannot be opened is found
    all the same, with its fault, so that it is reported rather than overlooked.

    Raises:
        DropError: the folder is not there or one below it cannot be listed, or a file is claimed by two datasets.
    """
    folder = settings.drop_folder
    if not folder.is_dir():
        raise DropError(
            f"{settings.drops.folder}: there is no such drop folder ({folder}); create it, or set drops.folder in sahara.toml"
        )
    matchers = {name: [glob_to_regex(p) for p in dataset.patterns] for name, dataset in settings.datasets.items()}
    found = []
    for path, entry in _walk(folder, without=settings.export_folder):
        claims = [name for name, patterns in matchers.items() if any(p.fullmatch(path) for p in patterns)]
        if len(claims) > 1:
            raise DropError(
                f"{path}: claimed by {' and '.join(claims)}; make their patterns in sahara.toml tell them apart"
            )
        if claims and (file := _found(claims[0], path, entry, folder, settings.drops.follow_links)) is not None:
            found.append(file)
    return sorted(found)


def _found(dataset: str, path: str, entry: os.DirEntry[str], folder: Path, follow_links: bool) -> FoundFile | None:
    """What the file system says of an entry; None for a pipe and the like, and for what was moved away since the folder was listed."""
    fault = None
    try:
        status = entry.stat()
        if not follow_links and leads_out(entry, folder):
            # Nothing of what it leads to is told, not even its size.
            status, fault = entry.stat(follow_symlinks=False), LEADS_OUT
    except OSError as error:
        fault = f"cannot be opened ({error.strerror}); check where it links to"
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None
    if fault is None and not stat.S_ISREG(status.st_mode):
        return None
    path, wrong_name = shown_name(path)
    # Counted from 1970 rather than asked of the system's calendar, which refuses times far from today.
    microseconds = min(max(status.st_mtime_ns // 1000, 0), _LATEST_MICROSECOND)
    return FoundFile(
        dataset=dataset,
        path=path,
        size_bytes=status.st_size,
        modified_at=_EPOCH + timedelta(microseconds=microseconds),
        signature=f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}",
        fault=wrong_name or fault,
        folder=folder,
        follow_links=follow_links,
    )


def _walk(folder: Path, *, without: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All but folders below a folder, with relative paths; hidden and unfinished files and one folder of ours are left out."""
    ours = f"{without.relative_to(folder).as_posix()}/" if folder in without.parents else None
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(folder / prefix) as listing:
                entries = list(listing)
        except FileNotFoundError:
            continue  # a folder that was moved away since its name was read
        except OSError as error:
            raise DropError(
                f"{prefix or folder.name}: this folder cannot be listed ({error.strerror}); check its permissions, or move it away"
            ) from error
        for entry in entries:
            if entry.name.startswith(".") or entry.name.endswith(_UNFINISHED):
                continue
            if entry.is_dir(follow_symlinks=False):
                # Not a folder of the shop's: every new disk has one that only root may list.
                if entry.name != "lost+found" and f"{prefix}{entry.name}/" != ours:
                    pending.append(f"{prefix}{entry.name}/")
            else:
                yield f"{prefix}{entry.name}", entry


def glob_to_regex(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression: `*` and `?` stay within a folder, `**/` is any folders, `{a,b}` is one of them.

    >>> bool(glob_to_regex("purchases/*.csv").fullmatch("purchases/2011-12-09.csv"))
    True
    >>> bool(glob_to_regex("*.csv").fullmatch("old/2011-12-09.csv"))
    False
    >>> bool(glob_to_regex("**/*.csv").fullmatch("a/b/c.csv"))
    True
    >>> [bool(glob_to_regex("*.{csv,json}{,.gz}").fullmatch(name)) for name in ("a.csv", "a.json.gz", "a.txt")]
    [True, True, False]
    """
    parts = []
    position = 0
    while position < len(pattern):
        rest = pattern[position:]
        bracket = re.match(r"\[(!?)([^\]]+)\]", rest)
        braces = re.match(r"\{([^{}]*,[^{}]*)\}", rest)
        if rest.startswith("**/"):
            parts.append("(?:[^/]+/)*")
            position += 3
        elif rest.startswith("**"):
            parts.append(".*")
            position += 2
        elif rest[0] == "*":
            parts.append("[^/]*")
            position += 1
        elif rest[0] == "?":
            parts.append("[^/]")
            position += 1
        elif bracket:
            inner = re.sub(r"([\\^\[])", r"\\\1", bracket.group(2))
            parts.append(f"[{'^/' if bracket.group(1) else ''}{inner}]")
            position += bracket.end()
        elif braces:
            parts.append(f"(?:{'|'.join(map(re.escape, braces.group(1).split(',')))})")
            position += braces.end()
        else:
            parts.append(re.escape(rest[0]))
            position += 1
    return re.compile("".join(parts), re.DOTALL)
