"""Which files in the drop folder are drops, and of which dataset. Nothing is opened here but what is asked to be."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, BinaryIO, Literal

from sahara_assets.drops.buckets import BucketFolder
from sahara_assets.drops.extracted import EXTRACTED, ExtractedFolder
from sahara_assets.drops.folders import DropFolder, LocalFolder
from sahara_assets.drops.gcs import connect_gcs
from sahara_assets.drops.s3 import connect_s3
from sahara_assets.drops.unclaimed import looks_like_a_drop
from sahara_assets.errors import DropError
from sahara_assets.settings.buckets import bucket_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime

    from sahara_assets.settings.buckets import Bucket
    from sahara_assets.settings.document import Settings

_NAME_DATE = re.compile(r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?!\d)")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that some dataset claims.

    Attributes:
        dataset: the dataset.
        path: relative to the drop folder, with forward slashes.
        size_bytes: as its keeper says.
        modified_at: modification time, naive UTC.
        signature: while it stays the same, the content is not hashed again.
        fault: why it cannot be opened, where that is known already.
        folder: where it lies.
    """

    dataset: str
    path: str
    size_bytes: int
    modified_at: datetime
    signature: str
    fault: str | None = field(compare=False)
    folder: DropFolder = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.folder}{self.path}"

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rsplit("/", 1)[-1]

    def may_grow(self, settle_seconds: float, now: datetime) -> bool:
        """Whether it may still be being written: it was changed less than so many seconds before now (naive UTC)."""
        settles = settle_seconds > 0 and self.folder.settles
        return settles and self.modified_at > now - timedelta(seconds=settle_seconds)

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
        return self.folder.open(self.path, self.signature)


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


def drop_folder(settings: Settings) -> DropFolder:
    """The folder that the settings name; nothing is asked of it yet."""
    if settings.drops.bucket is not None:
        return bucket_folder(settings.drops.bucket)
    ours = (settings.export_folder, settings.extracts_folder)
    return LocalFolder(settings.drop_folder, settings.drops.folder, without=ours, follow=settings.drops.follow_links)


def bucket_folder(bucket: Bucket) -> BucketFolder:
    """A folder in an object store; nothing is asked of it yet."""
    return BucketFolder(bucket, {"s3": connect_s3, "gs": connect_gcs}[bucket.scheme])


def file_at(address: str) -> FoundFile:
    """One object of an object store, by its whole address.

    Raises:
        DropError: the address names none, or the store cannot be asked.
    """
    start, _, name = address.rpartition("/")
    try:
        bucket = bucket_of(start)
    except ValueError as error:
        raise DropError(f"the address {error}") from None
    if bucket is None or not name:
        raise DropError(f"{address}: names no object; write s3://bucket/folder/file.csv")
    folder = bucket_folder(bucket)
    stat = folder.find(name)
    if stat is None:
        raise DropError(f"{address}: there is no such object")
    return FoundFile("", name, *stat, folder)


@dataclass(frozen=True)
class Found:
    """What lies in the drop folder.

    Attributes:
        files: every file that a dataset's patterns match, by dataset and path.
        unclaimed: paths of files that look like drops, that no pattern matches and that `drops.ignore` does not name, in their order.
    """

    files: list[FoundFile]
    unclaimed: list[str]


def find_drops(settings: Settings) -> list[FoundFile]:
    """Every file in the drop folder that a dataset's patterns match, by dataset and path; as `look_into_folder` finds them."""
    return look_into_folder(settings).files


def look_into_folder(settings: Settings) -> Found:
    """What lies in the drop folder.

    What extracts have written is among it, wherever the drop folder lies. Hidden files and files that are still being written (`.tmp`,
    `.part`, …) are left alone. A file that cannot be opened, or that two datasets claim, is found all the same, with its
    fault, so that it is reported rather than overlooked.

    Raises:
        DropError: the folder is not there or one below it cannot be listed.
    """
    folder = drop_folder(settings)
    # One expression a dataset: with a hundred thousand files every single one counts.
    matchers = [(name, _matcher(dataset.patterns)) for name, dataset in settings.datasets.items()]
    is_meant_to_lie_there = _matcher(settings.drops.ignore)
    found, unclaimed = [], []
    for path, stat in folder.listing():
        claims = [name for name, matches in matchers if matches(path)]
        if not claims:
            if looks_like_a_drop(path) and not is_meant_to_lie_there(path):
                unclaimed.append(path)
            continue
        if (told := stat()) is not None:
            file = FoundFile(claims[0], path, *told, folder)
            if len(claims) > 1 and file.fault is None:
                who = " and ".join(claims)
                file = replace(file, fault=f"claimed by {who}; make their patterns in sahara.toml tell them apart")
            found.append(file)
    found += _extracted(settings, {file.path for file in found if file.path.startswith(EXTRACTED)})
    found.sort(key=attrgetter("dataset", "path"))
    return Found(_told_apart(found), sorted(unclaimed))


def _matcher(patterns: Sequence[str]) -> Callable[[str], re.Match[str] | None]:
    """Whether a path matches one of several globs."""
    return re.compile("|".join(f"(?:{glob_to_regex(p).pattern})" for p in patterns) or r"(?!)", re.DOTALL).fullmatch


def _told_apart(files: list[FoundFile]) -> list[FoundFile]:
    """A refused name is spelled out, and another file may have that spelling for its name: neither must stand for the other."""
    counts = Counter(file.path for file in files)
    if len(counts) == len(files):
        return files
    return [
        replace(file, path=f"{file.path} (refused)") if file.fault is not None and counts[file.path] > 1 else file
        for file in files
    ]


def _extracted(settings: Settings, taken: Collection[str]) -> Iterator[FoundFile]:
    """What the declared extracts have written."""
    if not settings.extracts:
        return
    folder = ExtractedFolder(settings.extracts_folder)
    for path, stat in folder.listing():
        extract = settings.extracts.get(path.removeprefix(EXTRACTED).partition("/")[0])
        if extract is None:
            continue
        if path in taken:
            raise DropError(f"{path}: lies in the drop folder too, under the name of an extract's; rename that folder")
        if (told := stat()) is not None:
            yield FoundFile(extract.dataset, path, *told, folder)


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
