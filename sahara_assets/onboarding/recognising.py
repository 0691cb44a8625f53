"""Which of a stranger's files are exports that are known by their names, before anything is inferred from values.

Only names are looked at, and of a flat file a few values, to see what its moments count. What the exports are is in `known_exports.py`.
"""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from sahara_assets.onboarding.known_exports import KnownExport, plain, recognise
from sahara_assets.onboarding.reading import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_LOOK_BYTES = 64 * 1024
_ROWS = 50
_DELIMITERS = ",;\t|"
_EPOCHS = {10: "epoch_seconds", 13: "epoch_milliseconds", 16: "epoch_microseconds"}
"""What a count since 1970 counts, by its digits: they stay so until 2286."""


@dataclass
class Recognised:
    """Files of one known export.

    Attributes:
        export: which.
        reading: the settings that read them.
        names: the names by which it was known, as the files write them.
        files: the files.
    """

    export: KnownExport
    reading: dict[str, Any]
    names: tuple[str, ...]
    files: list[Path] = field(default_factory=list)


def recognise_files(files: Iterable[Path]) -> tuple[list[Recognised], list[Path]]:
    """The files of known exports, those that are read alike together, and the others in their order.

    Raises:
        SaharaError: a file cannot be opened.
    """
    found: list[Recognised] = []
    others: list[Path] = []
    for path in files:
        text = read_text(path, _LOOK_BYTES)
        rows = _rows(text.pieces[0], is_csv=text.format == "csv") if text.pieces and not text.problem else []
        header = [name.strip() for name in rows[0]] if rows else []
        export = recognise(header)
        if export is None:
            others.append(path)
            continue
        reading = export.reading(header)
        _count_right(reading, header, rows[1:])
        same = next((one for one in found if one.reading == reading), None)
        if same is None:
            marks = {plain(name) for mark in export.marks for name in mark.split(" | ")}
            same = Recognised(export, reading, tuple(name for name in header if plain(name) in marks))
            found.append(same)
        same.files.append(path)
    return found, others


def _rows(text: str, *, is_csv: bool) -> list[list[str]]:
    """The header and some rows; the header alone where a value is longer than any field of a flat file."""
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count) if is_csv else ","
    rows: list[list[str]] = []
    with suppress(csv.Error):
        for row in islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), _ROWS):
            rows.append(row)  # noqa: PERF402 - what was read before a broken row stays
    return rows


def _count_right(reading: dict[str, Any], header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Moments of flat events count in the unit that their digits show, as a query may have divided them."""
    formats = reading.get("date_formats", [])
    if "explode" in reading or "happened_at" not in reading["columns"] or "epoch_microseconds" not in formats:
        return
    place = header.index(reading["columns"]["happened_at"])
    for row in rows:
        if len(row) > place and (digits := row[place].strip().partition(".")[0]).isdigit() and len(digits) in _EPOCHS:
            unit = _EPOCHS[len(digits)]
            reading["date_formats"] = [unit if form == "epoch_microseconds" else form for form in formats]
            return
