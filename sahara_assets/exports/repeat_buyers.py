"""The audience file of those who will likely buy again: the customers within the budget, keyed and written as segments are.

It lies in a folder of its own below the export folder, with a manifest of its own, and carries two other user properties: the decile, and
that the customer is to be contacted. A GA360 file is not written, because the dimensions of the settings are those of the segments.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sahara_assets.builds import Built, Run, built, combine, record
from sahara_assets.errors import SaharaError
from sahara_assets.exports.audience import CUSTOMER_COLUMNS, plan_audiences
from sahara_assets.exports.files import is_current, write_audiences
from sahara_assets.exports.formats import MANIFEST_NAME, Format
from sahara_assets.exports.manifest import listed_names
from sahara_assets.tables.prediction import REPEAT_BUYER_SCORES
from sahara_assets.tables.sales import CUSTOMERS

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sahara_assets.settings.document import Settings
    from sahara_assets.settings.sections import ExportSettings
    from sahara_assets.warehouse.base import Warehouse

NAME = "repeat_buyer_audience"
FOLDER = "repeat_buyers"
CONTACT = "contact"
"""What the second user property says of everyone in the file."""


def folder_of(settings: Settings) -> Path:
    """Where the file lies."""
    return settings.export_folder / FOLDER


def properties_of(settings: Settings) -> ExportSettings:
    """The export's settings with the two user properties of this file."""
    wanted = settings.repeat_buyers
    return settings.export.model_copy(
        update={"segment_property": wanted.decile_property, "tier_property": wanted.contact_property}
    )


def publish_repeat_buyers(
    warehouse: Warehouse, settings: Settings, run: Run, fingerprint: str, cut_off: datetime
) -> Built:
    """Write the file unless the one on disk is that of this fingerprint, byte for byte; remove it where nobody is to be contacted.

    Raises:
        AudienceError: no file can be written from these customers; the last one stays.
    """
    import ibis

    folder, known = folder_of(settings), built(warehouse, NAME)
    scores = warehouse.table(REPEAT_BUYER_SCORES)
    wanted = settings.repeat_buyers.enabled and settings.repeat_buyers.audience
    inside = scores.filter(scores.is_contact)
    if not wanted or not warehouse.rows(inside.aggregate(n=inside.count()))[0]["n"]:
        removed = _remove(folder)
        if known is not None and (removed or known.row_count):
            with warehouse.transaction():
                record(warehouse, run, NAME, combine("none"), 0, {"files": []})
        return Built(NAME, combine("none"), 0, rebuilt=removed)
    if known is not None and known.fingerprint == fingerprint and is_current(folder, fingerprint):
        return known
    people = warehouse.table(CUSTOMERS)
    joined = inside.left_join(people, "customer_id")
    rows = joined.select(
        "customer_id",
        segment=joined.decile,
        segment_name="Decile " + joined.decile.cast("string"),
        tier=ibis.literal(CONTACT),
        **{name: joined[name] for name in CUSTOMER_COLUMNS if name in people.columns and name != "customer_id"},
    ).select(*CUSTOMER_COLUMNS)
    plan = plan_audiences(warehouse.arrow(rows), properties_of(settings))
    plan = replace(plan, files=tuple(file for file in plan.files if file.layout.format is Format.GA4))
    model = known_model(warehouse)
    manifest = write_audiences(
        folder, plan, fingerprint=fingerprint, model_version=model, k=10, cut_off=cut_off.isoformat()
    )
    count = sum(file.rows for file in manifest.files)
    details = {"files": [file.name for file in manifest.files], "notices": list(plan.notices)}
    with warehouse.transaction():
        record(warehouse, run, NAME, fingerprint, count, details)
    return Built(NAME, fingerprint, count, rebuilt=True, details=details)


def known_model(warehouse: Warehouse) -> int:
    """The version of the model that scored."""
    found = built(warehouse, REPEAT_BUYER_SCORES.name)
    return int(found.details.get("model_version", 0)) if found else 0


def _remove(folder: Path) -> bool:
    """Take away what an earlier export left here; whether there was anything. Only files that its manifest lists are touched."""
    names = listed_names(folder)
    if not (folder / MANIFEST_NAME).is_file():
        return False
    try:
        for name in sorted(names):
            (folder / name).unlink(missing_ok=True)
        (folder / MANIFEST_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise SaharaError(f"{folder}: the audience of repeat buyers cannot be removed ({error.strerror})") from error
    return True


def audience_paths(settings: Settings, warehouse: Warehouse) -> list[str]:
    """The files that were written last."""
    found = built(warehouse, NAME)
    return [str(folder_of(settings) / name) for name in found.details.get("files", [])] if found else []


def audience_is_current(settings: Settings, warehouse: Warehouse) -> bool:
    """Whether the file on disk is the one that was written last, byte for byte; also where there is none to write."""
    found = built(warehouse, NAME)
    if found is None or not found.row_count:
        return not (folder_of(settings) / MANIFEST_NAME).is_file()
    return is_current(folder_of(settings), found.fingerprint)
