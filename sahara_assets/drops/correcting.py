"""Rejected rows as CSV files that can be corrected and delivered again.

The rows are written as they stood, or they would not be the same rows when they come back. So a cell that a spreadsheet would run as a
formula is one there too: it is counted, and the command says so. The file of reasons is for people only, and nothing in it runs.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from sahara_assets.drops.reading import SAME_DOCUMENT
from sahara_assets.drops.records import NO_ROW_REASONS
from sahara_assets.untrusted import as_text_cell, is_formula

if TYPE_CHECKING:
    from pathlib import Path

    from sahara_assets.warehouse.base import Row


def write_corrections(path: Path, rejects: list[Row], ledger: list[Row]) -> list[Path]:
    """Write rejected rows as they stood, below the header they stood under, and why beside them.

    Lines that are no rows (`records.NO_ROW_REASONS`) are left out; a nested document is given back once, whole, however many of its rows were rejected. Rows of drops with different headers go into files of their own (`NAME`, `NAME-2`, …). The reasons, with file and line of every
    row in the same order, go into `NAME-reasons.csv`. Corrected and put into the drop folder under a new name, a file is a drop.

    Returns:
        The files written.
    """
    # Records that name their values need no header line, and a list of names above them would be no record.
    headers = {
        (row["dataset"], row["drop_id"]): row["header"] if row.get("format", "csv") == "csv" else ""
        for row in ledger
        if row["header"] is not None
    }
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rejects:
        header = headers.get((row["dataset"], row["drop_id"]))
        # A drop that was refused whole lies in the folder as it is: there is nothing to pick out of it. Nor is there anything to correct
        # in a line before the header, a remark or a total.
        if header is not None and not row["reason"].startswith(NO_ROW_REASONS):
            groups.setdefault((row["dataset"], header), []).append(row)
    written = []
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, ((_, header), rows) in enumerate(sorted(groups.items()), start=1):
        target = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        texts = [row["raw_text"] for row in rows if not row["raw_text"].startswith(SAME_DOCUMENT)]
        target.write_text(
            "\n".join([*([header] if header else []), *texts]) + "\n",
            encoding="utf-8",
            newline="\n",
        )
        written.append(target)
    reasons = path.with_name(f"{path.stem}-reasons{path.suffix or '.csv'}")
    with reasons.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["file", "dataset", "path", "line", "column", "reason"])
        for number, (_, rows) in enumerate(sorted(groups.items()), start=1):
            name = written[number - 1].name
            writer.writerows(
                [
                    as_text_cell(str(cell))
                    for cell in (name, r["dataset"], r["path"], r["line"], r["column_name"] or "", r["reason"])
                ]
                for r in rows
            )
    return [*written, reasons]


def rows_with_formulas(rejects: list[Row], ledger: list[Row]) -> int:
    """How many rejected rows hold a cell that a spreadsheet would run."""
    delimiters = {(row["dataset"], row["drop_id"]): row["delimiter"] or "," for row in ledger}
    found = 0
    for row in rejects:
        cells = row["raw_text"].split(delimiters.get((row["dataset"], row["drop_id"]), ","))
        found += any(is_formula(cell.strip().strip('"')) for cell in cells)
    return found
