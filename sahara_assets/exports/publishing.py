"""From `customer_segments` to the export folder: which customers go in, and the books kept over the files.

What a file holds is decided in `audience.py`, how it gets to the disk in `files.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.builds import Built, Run, built, record
from sahara_assets.exports.audience import CUSTOMER_COLUMNS, plan_audiences
from sahara_assets.exports.files import is_current, write_audiences
from sahara_assets.segmentation.registry import champion
from sahara_assets.tables.activation import AUDIENCE_FILES
from sahara_assets.tables.sales import CUSTOMERS
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS

if TYPE_CHECKING:
    from datetime import datetime

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def publish_audiences(warehouse: Warehouse, settings: Settings, run: Run, fingerprint: str, cut_off: datetime) -> Built:
    """Write the audience files unless the ones on disk are those of this fingerprint, byte for byte.

    Raises:
        AudienceError: no file can be written from these customers; the last ones stay.
    """
    known = built(warehouse, AUDIENCE_FILES.name)
    folder = settings.export_folder
    if known is not None and known.fingerprint == fingerprint and is_current(folder, fingerprint):
        return known
    model = champion(warehouse)
    segments = warehouse.table(CUSTOMER_SEGMENTS)
    people = warehouse.table(CUSTOMERS)
    joined = segments.left_join(people, "customer_id").select(*CUSTOMER_COLUMNS)
    plan = plan_audiences(warehouse.arrow(joined), settings.export)
    manifest = write_audiences(
        folder,
        plan,
        fingerprint=fingerprint,
        model_version=model.model.version if model else 0,
        k=model.model.k if model else 0,
        cut_off=cut_off.isoformat(),
    )
    details = {
        "files": [file.name for file in manifest.files],
        "notices": list(plan.notices),
        "left_out": {file.format: dict(file.left_out) for file in manifest.files},
    }
    # The files come first: if the kill comes here, the next run finds them current and only the books are written again.
    with warehouse.transaction():
        rows = warehouse.replace(
            AUDIENCE_FILES,
            [
                {
                    "file_name": file.name,
                    "format": file.format,
                    "row_count": file.rows,
                    "sha256": file.sha256,
                    # Every part of an audience states what the whole of it lacks; counted once it can be added up.
                    "left_out": 0
                    if file.format in {earlier.format for earlier in manifest.files[:position]}
                    else sum(file.left_out.values()),
                }
                for position, file in enumerate(manifest.files)
            ],
        )
        record(warehouse, run, AUDIENCE_FILES.name, fingerprint, rows, details)
    return Built(AUDIENCE_FILES.name, fingerprint, rows, rebuilt=True, details=details)
