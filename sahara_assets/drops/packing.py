"""What a drop is packed in: plain, gzip, zstd, or a zip archive with one file in it, told by its first bytes and never by its name.

Nothing is unpacked to disk here and no member's name is ever used as a path; how much may come out is bounded. What the unpacked
bytes mean is decided in `content.py`.
"""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZIP_MAGIC = b"PK\x03\x04"
_EMPTY_ZIP_MAGIC = b"PK\x05\x06"
_ZSTD_SKIPPABLE = tuple(bytes([0x50 + low, 0x2A, 0x4D, 0x18]) for low in range(16))

_RATIO_FROM_BYTES = 64 * 1024 * 1024
"""A smaller content is no bomb however well it packs: a file of equal lines packs a thousandfold."""

_READ_BYTES = 4 * 1024 * 1024
_ENCRYPTED = 0x1 | 0x40

_LARGEST_DIRECTORY_BYTES = 1024 * 1024
_LONGEST_END_BYTES = 65_535 + 22 + 20
"""The end record, with the longest remark behind it and the locator of its larger twin before it."""


@dataclass(frozen=True)
class Limits:
    """How much may come out of a file that is packed, or holds packed columns.

    Attributes:
        unpacked_bytes: the most.
        ratio: the most for every byte of the packed file; not asked of the first 64 MB.
        memory: what DuckDB may take to unpack columns.
    """

    unpacked_bytes: int = 64 * 1024**3
    ratio: int = 500
    memory: str = "1GB"

    def packed_bytes_for(self, unpacked_bytes: int) -> int:
        """How many bytes a file must have at least for so much to come out of it."""
        return 0 if unpacked_bytes <= _RATIO_FROM_BYTES else -(-unpacked_bytes // self.ratio)


class Openable(Protocol):
    """A file that can be opened: a path on this machine, or what was found in a drop folder wherever that lies."""

    @property
    def name(self) -> str:
        """What it is called, without the folders that it lies in."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Its bytes, from the start and anywhere in it.

        Raises:
            OSError: it cannot be opened.
            DropError: the same, in words.
        """


class Readable(Protocol):
    """What `open_unpacked` gives."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most so many; none at the end."""


class _Bounded:
    """Reads a packed file's content and stops where it becomes more than the limits allow."""

    def __init__(self, stream: Readable, packed_bytes: int, limits: Limits, name: str) -> None:
        self._stream = stream
        self._packed = max(packed_bytes, 1)
        self._limits = limits
        self._name = name
        self._given = 0

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._stream.read(_READ_BYTES if size < 0 else size)
        self._given += len(chunk)
        if self._given > self._limits.unpacked_bytes:
            raise DropError(
                f"{self._name}: holds more than {size_text(self._limits.unpacked_bytes)} once it is unpacked; deliver it in parts, or raise "
                "drops.largest_unpacked"
            )
        if self._packed < self._limits.packed_bytes_for(self._given):
            raise DropError(
                f"{self._name}: unpacks to more than {self._limits.ratio} times its size, as archives do that are made to fill a disk; "
                "deliver it unpacked, or raise drops.largest_ratio"
            )
        return chunk


@contextmanager
def open_unpacked(path: Openable, limits: Limits | None = None) -> Iterator[Readable]:
    """Open a drop's unpacked bytes.

    Args:
        path: the file.
        limits: how much may come out of a packed file; a plain one is as big as it is.

    Raises:
        DropError: the file cannot be opened, its archive is corrupt, holds another number of files than one, or unpacks to too much.
    """
    zstd_error: type[Exception] = _NeverRaisedError
    try:
        with path.open("rb") as raw:
            magic = raw.read(4)
            packed = raw.seek(0, os.SEEK_END)
            raw.seek(0)
            bounds = limits or Limits()
            if magic.startswith(GZIP_MAGIC):
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield _Bounded(unpacked, packed, bounds, path.name)
            elif magic == ZSTD_MAGIC or magic in _ZSTD_SKIPPABLE:
                zstd = _zstd()
                zstd_error = zstd.ZstdError
                with zstd.ZstdFile(raw) as unpacked:
                    yield _Bounded(unpacked, packed, bounds, path.name)
            elif magic in {ZIP_MAGIC, _EMPTY_ZIP_MAGIC}:
                with _opened_member(raw, path) as (unpacked, member_bytes):
                    yield _Bounded(unpacked, member_bytes, bounds, path.name)
            else:
                yield raw
    except zipfile.BadZipFile as error:
        raise _corrupt(path, "zip", error) from error
    except zstd_error as error:
        raise _corrupt(path, "zstd", error) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        kind = {ZSTD_MAGIC: "zstd", ZIP_MAGIC: "zip"}.get(magic, "gzip")
        raise _corrupt(path, kind, error) from error
    except OSError as error:
        raise DropError(
            f"{path.name}: cannot be read ({error.strerror or error}); check the file and its permissions"
        ) from error


class _NeverRaisedError(Exception):
    """Stands in for the error type of a library that has not been imported."""


def _zstd() -> ModuleType:
    """The standard library's zstd (Python 3.14), else its backport."""
    try:
        return import_module("compression.zstd")
    except ImportError:
        return import_module("backports.zstd")


@contextmanager
def _opened_member(raw: BinaryIO, path: Openable) -> Iterator[tuple[Readable, int]]:
    """The one file in a zip archive, and its packed size."""
    with ExitStack() as opened:
        if _directory_bytes(raw) > _LARGEST_DIRECTORY_BYTES:
            raise DropError(
                f"{path.name}: the zip archive lists more files than could be meant; pack each drop into an archive of its own"
            )
        try:
            archive = opened.enter_context(zipfile.ZipFile(raw))
            member = _only_member(archive, path.name)
            unpacked = opened.enter_context(archive.open(member))
        except (NotImplementedError, RuntimeError, ValueError, struct.error) as error:
            # What zipfile makes of damaged numbers, flags and names in the directory.
            raise _corrupt(path, "zip", error) from error
        yield unpacked, member.compress_size


def _directory_bytes(raw: BinaryIO) -> int:
    """How long an archive's list of files says that it is: zipfile reads it whole and makes an object of every entry.

    https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.14 to 4.3.16.
    """
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(size - _LONGEST_END_BYTES, 0))
    tail = raw.read(_LONGEST_END_BYTES)
    end = tail.rfind(_EMPTY_ZIP_MAGIC)
    found = [int.from_bytes(tail[end + 12 : end + 16], "little")] if end >= 0 else []
    if end >= 20 and tail.startswith(b"PK\x06\x07", end - 20):
        # Its numbers hold where the short ones do not suffice, and zipfile takes them in any case.
        raw.seek(min(int.from_bytes(tail[end - 12 : end - 4], "little"), size))
        found = [int.from_bytes(raw.read(48)[40:], "little")]
    raw.seek(0)
    return max(found, default=0)


def _only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The archive's one file; folders and what macOS adds beside a file are not counted."""
    names = archive.namelist()
    if "[Content_Types].xml" in names:
        raise DropError(f"{name}: is an Excel workbook or another Office document; save the sheet as CSV")
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir()
        and not member.filename.startswith("__MACOSX/")
        and not member.filename.endswith(".DS_Store")
    ]
    if len(members) != 1:
        found = "no file" if not members else f"{len(members)} files"
        raise DropError(f"{name}: the zip archive holds {found}; pack each drop into an archive of its own")
    (member,) = members
    inside = member.filename.replace("\\", "/")
    if inside.startswith("/") or ".." in inside.split("/") or inside[1:2] == ":":
        raise DropError(
            f"{name}: the file in the zip archive is named {member.filename[:200]!r}, which leads out of the archive; pack it again"
        )
    if member.flag_bits & _ENCRYPTED:
        raise DropError(f"{name}: the zip archive is encrypted; deliver it without a password")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise DropError(
            f"{name}: the zip archive is packed by method {member.compress_type}, which cannot be read; use the usual one (deflate)"
        )
    return member


def _corrupt(path: Openable, kind: str, error: BaseException) -> DropError:
    return DropError(f"{path.name}: the {kind} archive is corrupt or cut short ({error}); deliver it again")


def size_text(count: int) -> str:
    """Bytes as a person reads them.

    >>> size_text(64 * 1024**3), size_text(1500)
    ('64 GB', '1500 bytes')
    """
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024)):
        if count >= factor and count % factor == 0:
            return f"{count // factor} {unit}"
    return f"{count} bytes"
