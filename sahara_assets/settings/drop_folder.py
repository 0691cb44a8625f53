"""`[drops]` of `sahara.toml`: where drops land, and what keeps a hostile one out."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from sahara_assets.settings.base import Section
from sahara_assets.settings.buckets import Bucket, bucket_of


def bytes_of(size: str) -> int:
    """A size such as `500MB` or `2 GB` in bytes; a kB is 1024 bytes.

    Raises:
        ValueError: it is no size.

    >>> bytes_of("2GB"), bytes_of("1.5 kB")
    (2147483648, 1536)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kKMGT])i?B", size)
    if found is None:
        raise ValueError(f"{size!r} is not a size such as 500MB or 2GB")
    return int(float(found[1]) * 1024 ** ("KMGT".index(found[2].upper()) + 1))


class DropSettings(Section):
    """Where drops land."""

    folder: str = Field(
        "data",
        description="The folder that is watched: a path relative to sahara.toml, `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`.",
    )
    follow_links: Literal["own", "all", "none"] = Field(
        "own",
        description="Which links that lead out of the folder are read: those made by the user who runs Sahara or by root (`own`), every one (`all`) or `none`. With `all`, whoever may make links there can have any file read that this user may read.",
    )
    ignore: list[str] = Field(
        ["truth/*"],
        description="Files that look like drops and are none, as globs like a dataset's `patterns`. Any other that no dataset claims is told by every run. `truth/` is what `sahara generate` planted.",
    )
    settle_seconds: float = Field(
        0.0,
        ge=0,
        description="Leave a file alone until it has been unchanged for so long, for senders that write in place.",
    )
    largest_unpacked: str = Field(
        "64GB",
        description="The most that may come out of a packed file (gzip, zstd, zip), such as `500MB`; one that holds more is refused.",
    )
    largest_ratio: int = Field(
        500,
        ge=2,
        description="A packed file that unpacks to more than so many times its size, and to more than 64 MB, is refused as a bomb.",
    )

    extracts_folder: str = Field(
        "extracts",
        description="Where `[extracts]` write what they read, a folder of this machine relative to sahara.toml; it is watched like `folder`.",
    )

    @field_validator("folder")
    @classmethod
    def _place(cls, folder: str) -> str:
        bucket_of(folder)
        return folder

    @property
    def bucket(self) -> Bucket | None:
        """`folder` where it lies in an object store."""
        return bucket_of(self.folder)

    @field_validator("largest_unpacked")
    @classmethod
    def _size(cls, limit: str) -> str:
        bytes_of(limit)
        return limit

    @property
    def largest_unpacked_bytes(self) -> int:
        """`largest_unpacked` as a number."""
        return bytes_of(self.largest_unpacked)

    watch_seconds: int = Field(
        30,
        ge=1,
        le=86_400,
        exclude=True,
        description="How often Dagster's sensor looks into the folder, at most; Dagster reads it when it loads the code.",
    )
    extract_seconds: int = Field(
        3600,
        ge=30,
        le=604_800,
        exclude=True,
        description="How often Dagster starts a run to ask the databases of `[extracts]`; Dagster reads it when it loads the code.",
    )
