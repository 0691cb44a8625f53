"""Addresses of folders in object stores, `s3://bucket/prefix` and `gs://bucket/prefix`: how they are written, and nothing else.

What is asked of a store lives in `drops/buckets.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Scheme = Literal["s3", "gs"]

_SCHEMES: dict[str, Scheme] = {"s3": "s3", "gs": "gs"}
_OTHER_WORDS = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")


@dataclass(frozen=True)
class Bucket:
    """A folder in an object store.

    Attributes:
        scheme: whose store: Amazon's (and what speaks its language), or Google's.
        name: the bucket.
        prefix: what the names of the folder's objects begin with; ends with a slash, or is empty for the whole bucket.
    """

    scheme: Scheme
    name: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}/{self.prefix}"


def bucket_of(address: str) -> Bucket | None:
    """The folder that an address names; None where it is a path on this machine.

    Raises:
        ValueError: it names a place that is neither, or a bucket in a way that might be misread.

    >>> bucket_of("s3://shop-exports/drops")
    Bucket(scheme='s3', name='shop-exports', prefix='drops/')
    >>> str(bucket_of("gs://shop-exports"))
    'gs://shop-exports/'
    >>> bucket_of("data/drops") is None
    True
    """
    word, separator, rest = address.partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", word):
        return None
    scheme = _SCHEMES.get(word)
    if scheme is None:
        meant = _OTHER_WORDS.get(word.lower(), word.lower())
        hint = f"write {meant}://" if meant in _SCHEMES else "this version knows local folders, s3:// and gs://"
        raise ValueError(f"no drops can be read from {word}://; {hint}")
    name, _, path = rest.partition("/")
    if "@" in name or ":" in name:
        # Not shown: what stands there may be a key.
        raise ValueError(
            f"has more than a bucket's name before its first slash; write {scheme}://bucket/prefix, and leave credentials and endpoints "
            "where the cloud's own tools look for them"
        )
    if not _NAME.fullmatch(name):
        raise ValueError(f"names no bucket; write {scheme}://bucket/prefix")
    path = path.removesuffix("/")
    if path and not all(path.split("/")):
        raise ValueError("has an empty part in its path (two slashes side by side)")
    return Bucket(scheme, name, f"{path}/" if path else "")
