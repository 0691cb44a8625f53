"""The insights as CSV files for people: one a table, in `insights/` of the export folder.

UTF-8, comma, RFC 4180 quoting, rows in the order of the table's key, numbers with a point and without marks. A text that a spreadsheet
would run as a formula gets an apostrophe before it, as OWASP advises ("CSV Injection"); everything else stands as it is.
"""

from __future__ import annotations

import csv
import hashlib
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import Built, Run, built, record
from sahara_assets.errors import SaharaError
from sahara_assets.report.writing import write_whole
from sahara_assets.tables.insights import INSIGHTS, TOLD
from sahara_assets.untrusted import as_text_cell

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Row, Warehouse

FOLDER = "insights"
FILES = "insight_files"
"""What the files are called together, among the builds."""


def as_csv(table: Table, rows: Iterable[Row]) -> bytes:
    """Rows as a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows([_cell(row[name]) for name in table.column_names] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:  # noqa: ANN401 - what a table holds
    """A value as it stands in the file.

    >>> [_cell(value) for value in (None, "=1+1", Decimal("12.5000"), Decimal("-3.0000"), 0.25, True)]
    ['', "'=1+1", '12.5', '-3', '0.25', 'true']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    if isinstance(value, str):
        return as_text_cell(value)
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def insight_files_are_current(warehouse: Warehouse, settings: Settings) -> bool:
    """Whether the files on disk are the ones that were last written, byte for byte."""
    known = built(warehouse, FILES)
    if known is None:
        return not settings.insights.enabled
    return _are_there(settings.export_folder / FOLDER, known.details["files"])


def _are_there(folder: Path, hashes: dict[str, str]) -> bool:
    paths = {name: folder / name for name in hashes}
    return all(path.is_file() and _sha256(path.read_bytes()) == hashes[name] for name, path in paths.items())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def publish_insight_files(warehouse: Warehouse, settings: Settings, run: Run, fingerprint: str) -> Built:
    """Write the files unless those on disk are the ones of this fingerprint; each is written whole.

    Raises:
        SaharaError: the folder cannot be written.
    """
    known = built(warehouse, FILES)
    folder = settings.export_folder / FOLDER
    if known is not None and known.fingerprint == fingerprint and _are_there(folder, known.details["files"]):
        return known
    hashes: dict[str, str] = {}
    for table in (INSIGHTS, *TOLD):
        name = f"{table.name}.csv"
        content = as_csv(table, warehouse.rows(table))
        hashes[name] = _sha256(content)
        try:
            write_whole(folder / name, content)
        except OSError as error:
            raise SaharaError(
                f"{folder / name}: cannot be written ({error.strerror}); make room, or set export.folder"
            ) from error
    details = {"folder": str(folder), "files": hashes}
    with warehouse.transaction():
        record(warehouse, run, FILES, fingerprint, len(hashes), details)
    return Built(FILES, fingerprint, len(hashes), rebuilt=True, details=details)
