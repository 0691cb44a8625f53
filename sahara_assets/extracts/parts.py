"""What extracts leave on disk: parts, each an immutable file of JSON lines, and beside each a note of the watermark it reaches.

The state of an extract is what lies in its folder and nothing else. A part is written under another name, synced and renamed, and its note
is written after it in the same way. Killed in between, the part lies there without a note: the next extract begins at the older
watermark and reads the same rows again, which the drop ledger and the overlap rule make once. Nothing is ever changed or taken away,
but for unfinished files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from sahara_assets.extracts.watermarks import ExtractError, Lookback, Watermark

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENDING = ".jsonl.gz"
NOTE_ENDING = ".watermark.json"
UNFINISHED = ".part"
PART_BYTES = 64 * 1024 * 1024
"""A part is closed when it has grown to so many bytes unpacked: a kill in a first extract of hours costs minutes."""
LONGEST_TAIL = 200_000
"""Rows within the lookback whose hashes are held, to see that an extract found nothing new."""


@dataclass(frozen=True)
class Note:
    """What is written beside a part.

    Attributes:
        number: the part's.
        source: fingerprint of the declaration that it was read under.
        since: where its extract began; empty at the start.
        watermark: the newest that it holds, as far as it is believed.
        rows: how many it holds.
        digests: contents that an extract which finds nothing new would write once more.
        written_at: its modification time in microseconds since 1970.
    """

    number: int
    source: str
    since: str
    watermark: Watermark
    rows: int
    digests: tuple[str, ...]
    written_at: int


class Folder:
    """The folder of one extract.

    Args:
        path: the folder; it is made where it is not there.

    Raises:
        ExtractError: it cannot be made or read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            for left in sorted(path.glob(f"*{UNFINISHED}")):
                left.unlink(missing_ok=True)
            names = {entry.name for entry in path.iterdir()}
        except OSError as error:
            raise ExtractError(f"{path}: cannot be written ({error.strerror}); make it writable") from error
        numbers = [int(stem) for name in names if (stem := name.partition(".")[0]).isdigit()]
        self.next_number = max(numbers, default=0) + 1
        self._noted = sorted((n for n in names if n.endswith(NOTE_ENDING)), reverse=True)

    def last(self, source: str) -> Note | None:
        """The newest note of the declaration; None where there is none, and the extract begins at the start."""
        for name in self._noted:
            # A note that cannot be read is passed over: an older one leads to more being read, never to less.
            with suppress(OSError, ValueError, KeyError, TypeError):
                found = json.loads((self.path / name).read_text(encoding="utf-8"))
                if found["source"] != source:
                    return None
                mark = Watermark.read(found["watermark"]["kind"], found["watermark"]["value"])
                digests = tuple(map(str, found["digests"]))
                written_at = int(found["written_at"])
                number = int(name.removesuffix(NOTE_ENDING))
                return Note(number, source, str(found["since"]), mark, int(found["rows"]), digests, written_at)
        return None

    def newest_moment(self) -> int:
        """The latest modification time of a part, in microseconds."""
        times = [0]
        for path in self.path.glob(f"*{ENDING}"):
            with suppress(OSError):
                times.append(path.stat().st_mtime_ns // 1000)
        return max(times)

    def note(self, note: Note) -> None:
        """Write a part's note."""
        document = {
            "source": note.source,
            "since": note.since,
            "watermark": {"kind": note.watermark.kind, "value": note.watermark.text},
            "rows": note.rows,
            "digests": list(note.digests),
            "written_at": note.written_at,
        }
        write_whole(self.path / f"{note.number:07d}{NOTE_ENDING}", f"{json.dumps(document, indent=1)}\n".encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file so that it is there whole or not at all.

    Raises:
        ExtractError: it cannot be written.
    """
    unfinished = path.with_name(f"{path.name}{UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise ExtractError(f"{path}: cannot be written ({error.strerror}); make room, or make it writable") from error


def sync_folder(path: Path) -> None:
    """Have the names in a folder outlive a power cut, where the system offers that."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class PartFile:
    """One file of JSON lines in the making; it appears under its name when it is published."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_name(f"{path.name}{UNFINISHED}")
        self._file: IO[bytes] = self._unfinished.open("wb")
        # Without a name and a time the same rows are the same bytes.
        self._packed = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=self._file, mtime=0)
        self.size = 0
        self.rows = 0

    def add(self, line: bytes) -> None:
        """Write a line."""
        self._packed.write(line)
        self.size += len(line)
        self.rows += 1

    def publish(self, modified_at: int) -> None:
        """Sync it and give it its name and its modification time (microseconds since 1970)."""
        self._packed.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.utime(self._unfinished, ns=(modified_at * 1000, modified_at * 1000))
        self._unfinished.replace(self._path)
        sync_folder(self._path.parent)

    def discard(self) -> None:
        """Take it away, unless it was published."""
        self._packed.close()
        self._file.close()
        self._unfinished.unlink(missing_ok=True)


class Tail:
    """A running hash of the rows that the next extract will read again, which is how it sees that nothing is new.

    Only that: whether rows count once is the business of the ledger and the overlap rule. Where the lookback holds more rows than
    `LONGEST_TAIL`, nothing is known, and the next extract writes them once more.
    """

    def __init__(self, lookback: Lookback) -> None:
        self._lookback = lookback
        self._rows: deque[tuple[Watermark, bytes]] = deque()
        self._start: Watermark | None = None
        self._overfull = False

    def add(self, at: Watermark, line: bytes) -> None:
        """A row in the source's order."""
        if not self._overfull:
            self._rows.append((at, hashlib.sha256(line).digest()))
            self._overfull = len(self._rows) > LONGEST_TAIL

    def reached(self, watermark: Watermark) -> None:
        """Forget what lies below the lookback of this watermark."""
        start = watermark.lower(self._lookback)
        while self._rows and self._rows[0][0].value < start.value:
            self._rows.popleft()
        self._overfull = len(self._rows) > LONGEST_TAIL

    def digest(self) -> str | None:
        """Of the rows that are left."""
        return None if self._overfull else tail_digest(line for _, line in self._rows)


def tail_digest(hashes: Any) -> str:  # noqa: ANN401 - hashes of lines
    """One hash of rows' hashes, in order."""
    together = hashlib.sha256()
    for each in hashes:
        together.update(each)
    return together.hexdigest()


@dataclass
class Parts:
    """An extract's parts as they are written.

    Args:
        folder: where to.
        source: fingerprint of the declaration.
        last: the newest note, where there is one.
        lookback: as declared.
        believed: what a watermark counts for.
        now: microseconds since 1970.
    """

    folder: Folder
    source: str
    last: Note | None
    lookback: Lookback
    believed: Callable[[Watermark], Watermark]
    now: int
    since: str = ""
    files: int = 0
    rows: int = 0
    watermark: Watermark | None = None
    _aside: Watermark | None = None
    _part: PartFile | None = None
    _hash: Any = field(default_factory=hashlib.sha256)
    _digests: list[str] = field(default_factory=list)
    _tail: Tail = field(init=False)

    def __post_init__(self) -> None:
        self._tail = Tail(self.lookback)

    @property
    def is_full(self) -> bool:
        """Whether the part is large enough to be closed where a unit ends."""
        return self._part is not None and self._part.size >= PART_BYTES

    def add(self, at: Watermark, line: bytes, *, in_order: bool = True) -> None:
        """Write a row; `at` is the watermark by which it is in order, or, where it has no place in that, its own."""
        if self._part is None:
            self._part = PartFile(self.folder.path / f"{self.folder.next_number:07d}{ENDING}")
            self._hash = hashlib.sha256()
        self._part.add(line)
        self._hash.update(hashlib.sha256(line).digest())
        if not in_order:
            self._aside = self.last.watermark if self.last else self.believed(at)
            return
        self.watermark = self.believed(at)
        self._tail.add(at, line)
        if not self._part.rows % 1000:
            self._tail.reached(self.watermark)

    def close(self) -> None:
        """Publish the part, unless it says nothing but what the extract before said last."""
        if self._part is None:
            return
        part = self._part
        digest = self._hash.hexdigest()
        watermark = self.watermark or self._aside
        assert watermark is not None  # noqa: S101 - a part has rows, and each row has one
        self._tail.reached(watermark)
        if not self.files and self.last is not None and digest in self.last.digests:
            self.abandon()
            return
        # Of drops that disagree the newest counts, so each is younger than the one before, whatever the clock does.
        moment = max(self.now, self.folder.newest_moment() + 1)
        part.publish(moment)
        self._part = None
        self._digests.append(digest)
        tail = self._tail.digest()
        digests = tuple(dict.fromkeys([*self._digests, *([tail] if tail else [])]))
        number = self.folder.next_number
        self.folder.note(Note(number, self.source, self.since, watermark, part.rows, digests, moment))
        self.folder.next_number += 1
        self.files += 1
        self.rows += part.rows

    def abandon(self) -> None:
        """Take away what is unfinished."""
        if self._part is not None:
            self._part.discard()
            self._part = None
