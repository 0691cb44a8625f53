"""A drop folder in an object store: listed page by page, read in blocks, and what goes wrong said in words.

What differs between the stores is in `s3.py` and `gcs.py`. Nothing of a store's library is imported before its first use.
"""

from __future__ import annotations

import io
import re
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from sahara_assets.drops.folders import DropFolder, Stat, is_left_alone
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sahara_assets.drops.folders import Listed
    from sahara_assets.settings.buckets import Bucket

PAGE_OBJECTS = 1000
"""How many objects a page of a listing has at most, in both stores."""

BLOCK_BYTES = 8 * 1024 * 1024
"""How much of an object is asked for at a time, and held: memory does not grow with the object."""

_TRIES_IN_VAIN = 3
"""After so many objects in a row that could not be had because the store did not answer, the rest is left to the next run."""

_CHANGED = "changed while it was read; the next run takes it in"
_AGAIN = "the next run tries again"

Details = dict[str, Any]
"""What a store says of an object, in its own words."""

Kind = Literal["gone", "changed", "away", "refused"]


@dataclass(frozen=True)
class Trouble:
    """What an error of a store's library means.

    Attributes:
        kind: `gone` (no such object or bucket), `changed` (another object has its name by now), `away` (the store cannot be reached, or
            does not answer), `refused` (anything that the store says no to).
        text: of the last two, the rest of a sentence about the object or bucket: what is wrong, and what to do about it.
    """

    kind: Kind
    text: str = ""


class OtherObjectError(Exception):
    """The object that has the name now is not the one that was listed."""


class Store(ABC):
    """A bucket in one of the stores, as far as reading drops needs it. Its methods raise whatever the store's library raises."""

    @abstractmethod
    def page(self, prefix: str, token: str = "", most: int = PAGE_OBJECTS) -> tuple[list[tuple[str, Details]], str]:
        """The next objects whose names begin with a prefix, by name; and the token of the page after it, empty after the last."""

    @abstractmethod
    def stat(self, details: Details) -> Stat:
        """What a listing says of an object. The signature begins with the size, and is another one for every upload."""

    @abstractmethod
    def ranges(self, key: str, signature: str) -> Callable[[int, int], bytes]:
        """Reads parts of the object that a listing saw, and of no other that took its name since."""

    @abstractmethod
    def trouble(self, error: Exception) -> Trouble | None:
        """What an error means; None for one that the store's library has no part in."""


class BucketFolder(DropFolder):
    """A folder in an object store.

    Args:
        bucket: where.
        connect: gives the store; called when something is first asked of it.
    """

    def __init__(self, bucket: Bucket, connect: Callable[[Bucket], Store]) -> None:
        self._bucket = bucket
        self._connect = connect
        self._connected: Store | None = None
        self._away = ""
        self._in_vain = 0

    def __str__(self) -> str:
        return str(self._bucket)

    def check(self) -> None:
        """Whether a first object can be listed."""
        with self._in_words():
            objects, _ = self._store.page(self._bucket.prefix, most=1)
        self._refuse_empty(bool(objects))

    def _entries(self) -> Iterator[Listed]:
        """All pages, one after the other."""
        prefix = self._bucket.prefix
        start, token, seen = len(prefix), "", False
        while True:
            with self._in_words():
                objects, token = self._store.page(prefix, token)
            seen = seen or bool(objects)
            for key, details in objects:
                path = key[start:]
                # A name that ends with a slash is how consoles show an empty folder.
                if path and not path.endswith("/") and not any(is_left_alone(part) for part in path.split("/")):
                    yield path, partial(self._store.stat, details)
            if not token:
                break
        self._refuse_empty(seen)

    def find(self, path: str) -> Stat | None:
        """What the store says of one object; None where there is none of that name.

        Raises:
            DropError: the store cannot be asked.
        """
        key = self._bucket.prefix + path
        with self._in_words():
            objects, _ = self._store.page(key, most=1)
            # The name itself comes before all that only begin with it.
            return self._store.stat(objects[0][1]) if objects and objects[0][0] == key else None

    def open(self, path: str, signature: str) -> BinaryIO:
        """An object's bytes, read in blocks; one that is replaced meanwhile is refused."""
        size = int(signature.partition("-")[0])
        with self._in_words(path):
            ranges = self._store.ranges(self._bucket.prefix + path, signature)
        return io.BufferedReader(_Blocks(partial(self._read, path, ranges), size), buffer_size=1 << 18)

    def _read(self, path: str, ranges: Callable[[int, int], bytes], start: int, end: int) -> bytes:
        with self._in_words(path):
            block = ranges(start, end)
        self._in_vain = 0
        if len(block) != end - start:
            raise DropError(f"{_name(path)}: {_CHANGED}")
        return block

    @property
    def _store(self) -> Store:
        if self._connected is None:
            self._connected = self._connect(self._bucket)
        return self._connected

    def _refuse_empty(self, seen: bool) -> None:
        """A bucket may be empty; a prefix that nothing begins with is more likely misspelt, or its objects were taken away."""
        if not seen and self._bucket.prefix:
            raise DropError(
                f"{self._bucket}: there is no such drop folder: no object's name begins with {self._bucket.prefix!r}; put the first drop "
                "there, or set drops.folder in sahara.toml"
            )

    @contextmanager
    def _in_words(self, path: str = "") -> Iterator[None]:
        """Turn what a store's library raises into a `DropError`; after some tries in vain ask for no more objects, since each takes long."""
        called = f"{_name(path)}: " if path else f"{self._bucket}: "
        if path and self._in_vain >= _TRIES_IN_VAIN:
            raise DropError(f"{called}{self._away}; {_AGAIN}")
        try:
            yield
        except DropError:
            raise
        except Exception as error:
            trouble = self._meaning(error)
            if trouble is None:
                raise
            if trouble.kind == "changed":
                raise DropError(f"{called}{_CHANGED}") from error
            if trouble.kind == "gone" and path:
                raise DropError(f"{called}is no longer there") from FileNotFoundError(path)
            if trouble.kind == "gone":
                raise DropError(f"{called}there is no bucket {self._bucket.name!r}; check drops.folder") from error
            if trouble.kind == "away":
                self._away = trouble.text
                self._in_vain += 1
                # Its cause says no more, and may show an endpoint as it is configured.
                raise DropError(f"{called}{trouble.text}; {_AGAIN}") from None
            raise DropError(f"{called}{trouble.text}") from error

    def _meaning(self, error: Exception) -> Trouble | None:
        if isinstance(error, OtherObjectError):
            return Trouble("changed")
        return None if self._connected is None else self._connected.trouble(error)


class _Blocks(io.RawIOBase):
    """An object as a file: holds the block that was asked for last."""

    def __init__(self, ranges: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._ranges = ranges
        self._size = size
        self._position = 0
        self._start = 0
        self._block = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("no place before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - typeshed's own type for it is private
        if self._position >= self._size:
            return 0
        if not self._start <= self._position < self._start + len(self._block):
            end = min(self._position + BLOCK_BYTES, self._size)
            self._block = b""  # let go first: two at a time would be twice the memory
            self._block = self._ranges(self._position, end)
            self._start = self._position
        place = self._position - self._start
        part = memoryview(self._block)[place : place + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)


def without_secrets(text: object) -> str:
    """An error's first line, without what may stand in an endpoint's URL before its host, and not too long.

    >>> without_secrets("Could not connect to http://me:secret@host:9000/")
    'Could not connect to http://host:9000/'
    """
    line = next((line.strip() for line in str(text).splitlines() if line.strip()), "")
    return re.sub(r"//[^/\s@]*@", "//", line)[:300]


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
