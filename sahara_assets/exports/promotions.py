"""Audiences of promotions as files for GA4's user-data import: `promotion_NAME.csv`, one per audience of the settings.

Keys, values and what must not leave the house are those of the segments' files (`audience.py`): the file is keyed alike, and its two user
properties are the promotion and the product that suits the customer best. Each file is written whole; which ones there are and their
hashes are kept with the build, so that an edit by hand or a kill never looks like "nothing new".
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import Built, Run, built, record
from sahara_assets.errors import SaharaError
from sahara_assets.exports.audience import CUSTOMER_COLUMNS, AudienceError, plan_audiences
from sahara_assets.exports.encode import encode_header, encode_rows
from sahara_assets.report.writing import write_whole
from sahara_assets.tables.recommendations import PRODUCT_AUDIENCES
from sahara_assets.tables.sales import CUSTOMERS

if TYPE_CHECKING:
    from pathlib import Path

    from sahara_assets.settings.document import Settings
    from sahara_assets.settings.sections import ExportSettings
    from sahara_assets.warehouse.base import Row, Warehouse

NAME = "promotion_files"
PRODUCT_PROPERTY, PROMOTION_PROPERTY = "sahara_product", "sahara_promotion"

_OURS = re.compile(r"promotion_[a-z][a-z0-9_]{0,29}\.csv")


def publish_promotions(warehouse: Warehouse, settings: Settings, run: Run, fingerprint: str) -> Built:
    """Write the files unless those on disk are the ones this build would write, and remove those of audiences that are no more.

    An audience nobody of whom can be written has no file; the notices say why.

    Raises:
        SaharaError: the export folder cannot be written.
    """
    folder = settings.export_folder
    known = built(warehouse, NAME)
    if known is not None and known.fingerprint == fingerprint and are_there(folder, known.details["files"]):
        return known
    files: dict[str, str] = {}
    notices: list[str] = []
    members = _members(warehouse)
    counts: dict[str, int] = {}
    for audience in sorted(settings.recommendations.audiences):
        rows = [row for row in members if row["audience"] == audience]
        content, count = _content(audience, rows, settings.export, notices)
        if content is not None:
            name = f"promotion_{audience}.csv"
            _write(folder / name, content)
            files[name] = hashlib.sha256(content).hexdigest()
            counts[name] = count
    before = known.details["files"] if known else {}
    for name in sorted(set(before) - set(files)):
        if _OURS.fullmatch(name):
            (folder / name).unlink(missing_ok=True)
    details = {"files": files, "customers": counts, "notices": notices}
    with warehouse.transaction():
        record(warehouse, run, NAME, fingerprint, len(files), details)
    return Built(NAME, fingerprint, len(files), rebuilt=True, details=details)


def _members(warehouse: Warehouse) -> list[Row]:
    """Everyone in an audience, with what a key may be made of."""
    members, people = warehouse.table(PRODUCT_AUDIENCES), warehouse.table(CUSTOMERS)
    joined = members.left_join(people, "customer_id")
    return warehouse.rows(
        joined.select(
            "audience", "rank", "customer_id", "product_id", "client_id", "user_id", "last_ordered_at"
        ).order_by("audience", "rank")
    )


def _content(audience: str, rows: list[Row], export: ExportSettings, notices: list[str]) -> tuple[bytes | None, int]:
    """A file's bytes and customers, or None where nobody can be written."""
    if not rows:
        notices.append(f"promotion {audience}: nobody is likely to take what it promotes, so there is no file")
        return None, 0
    numbers = {product: place for place, product in enumerate(sorted({row["product_id"] for row in rows}), start=1)}
    people: list[dict[str, Any]] = [
        {
            **{name: row.get(name) for name in CUSTOMER_COLUMNS},
            "segment": numbers[row["product_id"]],
            "segment_name": row["product_id"],
            "tier": audience,
        }
        for row in rows
    ]
    properties = {"segment_property": PRODUCT_PROPERTY, "tier_property": PROMOTION_PROPERTY}
    try:
        plan = plan_audiences(people, export.model_copy(update=properties))
    except AudienceError as error:
        notices.append(f"promotion {audience}: no file could be written: {error}")
        return None, 0
    file = plan.files[0]
    content = encode_header(file.header) + b"".join(encode_rows(file.rows))
    return content, file.rows.num_rows


def are_there(folder: Path, files: dict[str, str]) -> bool:
    """Whether files (name → SHA-256) lie in a folder, byte for byte."""
    try:
        return all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256 for name, sha256 in files.items())
    except OSError:
        return False


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise SaharaError(
            f"{path}: the promotion's file cannot be written ({error.strerror}); make room there, or set export.folder"
        ) from error
