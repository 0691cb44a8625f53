"""The real analytics exports, with the settings that read them; whoever asks skips where they are absent."""

from __future__ import annotations

import csv
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sahara_assets.onboarding.known_exports import BOUGHT_IN_SESSIONS, FLAT_SESSIONS, GA4, GA360

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
GA360_FILE = REAL / "ga360" / "ga_sessions.ndjson.gz"
GA4_FILE = REAL / "ga4" / "events.ndjson.gz"
STORE_FILE = REAL / "google_merchandise_store" / "gms_google_analytics.csv"
SAHARA_FILE = REAL / "sahara_crm" / "ga360.csv"


def content_of(path: Path) -> bytes:
    """A real file, or a skip that says so."""
    if not path.is_file():
        pytest.skip(f"../shared/data/{path.relative_to(REAL).as_posix()} is not there")
    return path.read_bytes()


@cache
def documents_of(path: Path) -> list[dict[str, Any]]:
    """A real file's documents, read by Python's own json."""
    return [json.loads(line) for line in gzip.decompress(content_of(path)).splitlines()]


def header_of(path: Path) -> list[str]:
    """The names in a flat file's header; none where it is absent."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return next(csv.reader(stream))


READINGS = {
    "ga360": GA360.reading(),
    "ga4": GA4.reading(),
    "store": BOUGHT_IN_SESSIONS.reading(header_of(STORE_FILE)),
    "sahara": FLAT_SESSIONS.reading(header_of(SAHARA_FILE)),
}
