"""The real analytics exports, with the settings that read them; whoever asks skips where they are absent."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sahara_assets.onboarding.known_exports import GA4, GA360, KnownExport

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
GA360_FILE = REAL / "ga360" / "ga_sessions.ndjson.gz"
GA4_FILE = REAL / "ga4" / "events.ndjson.gz"
STORE_FILE = REAL / "google_merchandise_store" / "gms_google_analytics.csv"
SAHARA_FILE = REAL / "sahara_crm" / "ga360.csv"

STORE: dict[str, Any] = {
    "columns": {
        "visit_id": "visitId",
        "visitor_id": "fullVisitorId",
        "user_id": "userId",
        "started_at": "visitId",
        "visit_number": "visitNumber",
        "visits": "visits",
        "hit_count": "hits",
        "page_views": "pageviews",
        "time_on_site_seconds": "time_on_site",
        "transactions": "total_transactions",
        "session_revenue": "total_revenue",
        "product_id": "product_sku",
        "description": "product_name",
        "category": "product_category",
        "quantity": "product_quantity",
        "unit_price": "product_price_valid",
        "product_revenue": "product_revenue",
    },
    "constants": {"action": "purchase"},
    "date_formats": ["epoch_seconds"],
    "null_values": ["", "${productitem.product.origCatName}"],
}
"""One row for each purchased product, with the session's totals on every one of them; a visit's id is the second in which it began."""

SAHARA: dict[str, Any] = {
    "columns": {
        "visit_id": "Visit_ID",
        "user_id": "User_ID",
        "started_at": "Activity_Date",
        "time_on_screen_seconds": "timeOnScreen",
        "time_on_site_seconds": "timeOnSite",
        "unique_screens": "UniqueScreenViews",
        "medium": "Medium",
    },
}


def reading_of(export: KnownExport) -> dict[str, Any]:
    """The settings of a dataset that a known export is delivered to."""
    return {
        "columns": export.columns,
        "explode": list(export.explode),
        "micros": list(export.micros),
        "date_formats": list(export.date_formats),
        "null_values": list(export.null_values),
    }


def content_of(path: Path) -> bytes:
    """A real file, or a skip that says so."""
    if not path.is_file():
        pytest.skip(f"../shared/data/{path.relative_to(REAL).as_posix()} is not there")
    return path.read_bytes()


@cache
def documents_of(path: Path) -> list[dict[str, Any]]:
    """A real file's documents, read by Python's own json."""
    return [json.loads(line) for line in gzip.decompress(content_of(path)).splitlines()]


READINGS = {"ga360": reading_of(GA360), "ga4": reading_of(GA4), "store": STORE, "sahara": SAHARA}
