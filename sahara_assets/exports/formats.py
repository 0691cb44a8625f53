"""The two audience formats, as the vendor states them: file names, headers, limits.

What a key may look like is in `keys.py`, what a value may look like in `values.py`, how rows become bytes in `encode.py`. The linter
(`lint.py`) deliberately restates these limits instead of importing them: a mistake made here must not hide itself there.

Sources: Analytics help 10071143 (GA4 user-data import), 6014981 (Analytics 360 Data Import), the Measurement Protocol's limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sahara_assets.settings.sections import ExportSettings

MANIFEST_NAME = "audience_manifest.json"

# GA4: a user property's value. Counted in UTF-16 units, which are never fewer than characters, because the vendor does not say
# how it counts: what fits by this count fits by either.
VALUE_LIMIT = 36

# "1 GB" read as the smaller of its two meanings.
GA360_LIMIT_BYTES = 1_000_000_000

_OUR_NAMES = re.compile(r"audience_(?:ga4|ga360)(?:\.part[0-9]+)?\.csv")


class Format(StrEnum):
    """What a file is imported as."""

    GA4 = "ga4"
    GA360 = "ga360"


class KeyKind(StrEnum):
    """What identifies a person in a file; one kind per import."""

    CLIENT_ID = "client_id"
    USER_ID = "user_id"


@dataclass(frozen=True)
class Layout:
    """What one audience file looks like: its format, key and exact header; `limit_bytes` where the vendor sets one."""

    format: Format
    key: KeyKind
    header: tuple[str, ...]
    limit_bytes: int | None = None

    def name(self, part: int = 1) -> str:
        """The file's name; later parts of an audience above the upload limit are numbered from 2.

        >>> Layout(Format.GA360, KeyKind.CLIENT_ID, ("ga:clientId",)).name(2)
        'audience_ga360.part2.csv'
        """
        return f"audience_{self.format}.csv" if part == 1 else f"audience_{self.format}.part{part}.csv"


def is_our_name(name: str) -> bool:
    """Whether a file name is one that this package gives: the guard before anything is removed.

    >>> [is_our_name(name) for name in ("audience_ga4.csv", "../audience_ga4.csv", "audience_notes.csv")]
    [True, False, False]
    """
    return _OUR_NAMES.fullmatch(name) is not None


def ga360_name(column: str) -> str:
    """A column as the warehouse names it → the internal name of an Analytics 360 schema.

    Warehouse columns cannot hold colons, so `ga:` is written `ga_` there. Only the leading one is renamed: replacing every underscore,
    as a known exporter does, breaks names that hold one.

    >>> ga360_name("ga_clientId"), ga360_name("ga_my_ga_name"), ga360_name("mega_name")
    ('ga:clientId', 'ga:my_ga_name', 'mega_name')
    """
    return "ga:" + column.removeprefix("ga_") if column.startswith("ga_") else column


def ga4_layout(key: KeyKind, export: ExportSettings) -> Layout:
    """GA4 user-data import: the key (`client_id` with its `stream_id`, or `user_id`), then one column per user property."""
    columns = ("client_id", "stream_id") if key is KeyKind.CLIENT_ID else ("user_id",)
    return Layout(Format.GA4, key, (*columns, export.segment_property, export.tier_property))


def ga360_layout(export: ExportSettings) -> Layout:
    """Analytics 360 Data Import: `ga:clientId` and the two custom dimensions."""
    dimensions = (export.ga360_segment_dimension, export.ga360_tier_dimension)
    columns = ("ga_clientId", *(f"ga_dimension{index}" for index in dimensions))
    return Layout(Format.GA360, KeyKind.CLIENT_ID, tuple(map(ga360_name, columns)), GA360_LIMIT_BYTES)
