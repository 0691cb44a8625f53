"""Files that look like drops and that no dataset's patterns match: nobody reads them, so that they have to be told.

A run remembers which there are, for its summary, a check and the report; `drops.ignore` names those that are meant to lie there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.builds import Run, built, combine, record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.warehouse.base import Warehouse

NAME = "unclaimed_files"
_KEPT_PATHS = 100

READABLE = (
    *(
        f".{ending}{packing}"
        for ending in ("csv", "tsv", "txt", "tab", "psv", "jsonl", "ndjson", "json", "parquet")
        for packing in ("", ".gz", ".zst")
    ),
    ".zip",
)
"""How the names of files end that can be read."""

_PROMISING = (*READABLE, ".xlsx", ".xls")  # whoever delivers a workbook wants it read


def looks_like_a_drop(path: str) -> bool:
    """Whether a name promises data.

    >>> [looks_like_a_drop(name) for name in ("Umsatz Oktober.CSV", "orders.zip", "README.md")]
    [True, True, False]
    """
    return path.lower().endswith(_PROMISING)


def is_news(warehouse: Warehouse, paths: Sequence[str]) -> bool:
    """Whether others are unclaimed than the last run remembered."""
    known = built(warehouse, NAME)
    return bool(paths) if known is None else known.fingerprint != combine(*paths)


def remember(warehouse: Warehouse, run: Run, paths: Sequence[str]) -> None:
    """Write down which files nobody reads, where that has changed."""
    if is_news(warehouse, paths):
        with warehouse.transaction():
            record(warehouse, run, NAME, combine(*paths), len(paths), {"paths": list(paths[:_KEPT_PATHS])})


def remembered(warehouse: Warehouse) -> tuple[int, list[str]]:
    """How many files nobody reads, and the first of them."""
    known = built(warehouse, NAME)
    return (0, []) if known is None else (known.row_count, list(known.details["paths"]))
