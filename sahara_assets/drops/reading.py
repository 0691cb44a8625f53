"""Drops of one dataset → typed rows and rejects.

A drop is opened as its format (`sources.py`), which binds its columns by name and hands out its records; they are cast batch by batch
(`batch.py`, `casts.py`), and what stands twice is settled at the end (`repeats.py`). Which drops to read, and what becomes of them, is
decided in `loading.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.drops.attributes import as_read, attributes_json
from sahara_assets.drops.batch import Batch
from sahara_assets.drops.casts import casts_of
from sahara_assets.drops.content import CHUNK_BYTES, Content
from sahara_assets.drops.repeats import Contradicted, number_occurrences, take_contradicted
from sahara_assets.drops.sources import Source, SourceRefusedError, open_source
from sahara_assets.errors import DropError
from sahara_assets.tables.datasets import RAW_TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahara_assets.drops.header import Layout
    from sahara_assets.drops.packing import Limits, Openable
    from sahara_assets.drops.records import BrokenRecord, Records
    from sahara_assets.settings.dataset import DatasetSettings
    from sahara_assets.settings.sections import ProjectSettings
    from sahara_assets.tables.datasets import Dataset
    from sahara_assets.warehouse.base import Row, Warehouse

BATCH_BYTES = 32 * 1024 * 1024
"""Text that one statement casts: memory stays flat, and 305 small drops cost a few statements instead of thousands."""

_SHOWN_HEADER_CHARACTERS = 10_000

SAME_DOCUMENT = "(the same document as row "
"""How the text of a reject begins whose document's text stands with an earlier one."""


@dataclass
class Reading:
    """What reading one drop gave.

    Attributes:
        rows_read: records that the scan counted.
        rows_loaded: rows that are in the raw table, counted there.
        rejects: rows that are not, ready for `rejected_rows`.
        refusal: why the drop as a whole cannot be read; then nothing of it was loaded.
        samples: of a drop that was refused, its columns with some of their values.
        documents: of a drop whose documents are taken apart, the lines of the documents that rejected rows came from.
        contradicted: the lines of rows that were rejected because a later row of their key says otherwise.
    """

    drop_id: str
    path: Openable
    content: Content
    layout: Layout | None = None
    rows_read: int = 0
    rows_loaded: int = 0
    rejects: list[Row] = field(default_factory=list)
    refusal: str | None = None
    samples: Mapping[str, Sequence[str]] = field(default_factory=dict)
    documents: dict[int, int] = field(default_factory=dict)
    contradicted: set[int] = field(default_factory=set)

    @property
    def rows_rejected(self) -> int:
        """Rows kept out: all of them where the drop was refused."""
        return self.rows_read if self.refusal is not None else len(self.rejects)

    @property
    def column_names(self) -> list[str]:
        """The names in the file, in its order; those of a format with types stand in its layout's text."""
        if self.layout is None:
            return list(self.samples)
        if self.layout.extra is None:
            return list(self.layout.names)
        names: list[str] = json.loads(self.layout.text)
        return names

    @property
    def rejected_columns(self) -> dict[str, int]:
        """How many rows were rejected for what a column of theirs holds, by its name in the file; not those that a later row contradicts."""
        faulty = (r["column_name"] for r in self.rejects if r["line"] not in self.contradicted)
        return dict(Counter(column for column in faulty if column is not None))


class DropReader:
    """Reads drops of one dataset into its raw table.

    Args:
        warehouse: takes the rows; its reader connection parses them.
        dataset: what the drops hold.
        settings: how they are read.
        project: time zone and currency.
        chunk_bytes: how much of a file to hold at a time.
        batch_bytes: how much text to cast at a time.
        limits: how much may come out of a drop.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        dataset: Dataset,
        settings: DatasetSettings,
        project: ProjectSettings,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        batch_bytes: int = BATCH_BYTES,
        limits: Limits | None = None,
    ) -> None:
        self._warehouse = warehouse
        self._dataset, self._settings = as_read(dataset, settings)
        self._project = project
        self._chunk_bytes = chunk_bytes
        self._batch_bytes = batch_bytes
        self._limits = limits
        self._readings: dict[str, Reading] = {}
        self._batches: dict[tuple[tuple[str, ...], str, frozenset[str]], Batch] = {}

    def read(self, readings: list[Reading]) -> None:
        """Read drops into the raw table and fill in their readings. Must run inside a transaction of the warehouse.

        Raises:
            DropError: a drop cannot be read or changed while it was read; nothing of the transaction may be committed then.
        """
        self._readings = {reading.drop_id: reading for reading in readings}
        for reading in readings:
            self._read_one(reading)
        self._flush()
        read = {reading.drop_id: reading for reading in readings if reading.refusal is None}
        if not read:
            return
        if self._dataset.key:
            self._reject_contradicted(take_contradicted(self._warehouse.reader, self._dataset, list(read)))
        for reading in read.values():
            _keep_documents_once(reading)
        number_occurrences(self._warehouse.reader, self._dataset, list(read))
        self._conserve(read)
        self._warehouse.land(RAW_TABLES[self._dataset.name])

    def _read_one(self, reading: Reading) -> None:
        with self._source(reading) as source:
            try:
                layout = source.bind()
            except SourceRefusedError as error:
                self._refuse(reading, source, str(error))
                return
            for records in source.records():
                self._add(reading, layout, records)
            reading.layout = source.layout

    def _source(self, reading: Reading) -> Source:
        return open_source(
            reading.path,
            reading.content,
            self._dataset,
            self._settings,
            chunk_bytes=self._chunk_bytes,
            limits=self._limits,
        )

    def _refuse(self, reading: Reading, source: Source, why: str) -> None:
        """Refuse a drop whole."""
        reading.refusal = why
        found = source.refused()
        header, reading.rows_read, reading.samples = found.header, found.rows, found.samples
        if len(header) > _SHOWN_HEADER_CHARACTERS:
            header = header[:_SHOWN_HEADER_CHARACTERS] + "…"
        reading.rejects = [self._reject(reading, 1, None, why, header)]

    def _reject(self, reading: Reading, line: int, column: str | None, reason: str, text: str) -> Row:
        return {
            "dataset": self._dataset.name,
            "drop_id": reading.drop_id,
            "line": line,
            "column_name": column,
            "reason": reason,
            "raw_text": text,
        }

    def _add(self, reading: Reading, layout: Layout, records: Records) -> None:
        reading.rows_read += records.count
        for broken in records.broken:
            reading.rejects.append(self._broken(reading, layout, broken))
        if not records.plain and not records.parsed:
            return
        # Drops that share a header share a batch, also where drops with other headers lie between them.
        key = (layout.names, layout.delimiter, layout.typed)
        batch = self._batches.setdefault(key, Batch(layout))
        batch.add(reading.drop_id, records)
        if sum(batch.size for batch in self._batches.values()) >= self._batch_bytes:
            self._flush()

    def _broken(self, reading: Reading, layout: Layout, broken: BrokenRecord) -> Row:
        column = layout.names[broken.field_index] if broken.field_index is not None else None
        reason = _with_document(reading, broken.line, broken.document, broken.reason)
        return self._reject(reading, broken.line, column, reason, broken.text)

    def _flush(self) -> None:
        """Cast the batches and move their rows to the raw table and their failures to the rejects."""
        while self._batches:
            _, batch = self._batches.popitem()
            self._cast(batch)

    def _cast(self, batch: Batch) -> None:
        casts = casts_of(self._dataset, batch.layout, self._settings, self._project)
        raw = RAW_TABLES[self._dataset.name]
        typed = ", ".join(name for name in raw.column_names if name not in {"_drop_id", "_occurrence"})
        with batch.staged(self._warehouse.reader) as plain:
            query = batch.query(plain, casts, self._settings.quote, attributes_json(self._dataset, casts))
            loaded = self._warehouse.append(
                raw,
                f"{query} SELECT _drop_id, {typed}, 1 AS _occurrence FROM judged JOIN _drop_ids USING (drop_number) "
                "WHERE failed IS NULL AND is_found",
            )
            if loaded == batch.count:
                return
            # Only now is it worth asking which rows failed, and why; most batches have none.
            what = " ".join(f"WHEN {i} THEN t_{cast.column.name}" for i, cast in enumerate(casts))
            failed = self._warehouse.reader.execute(
                f"{query} SELECT drop_number, _line, rn, is_found, failed, CASE failed {what} END FROM judged "
                "WHERE failed IS NOT NULL OR drop_number IS NULL OR NOT is_found ORDER BY drop_number, _line"
            ).fetchall()
        if loaded + len(failed) != batch.count or any(
            number is None or not found for number, _, _, found, _, _ in failed
        ):
            names = ", ".join(self._readings[drop_id].path.name for drop_id in batch.drop_ids[:3])
            raise DropError(
                f"{names}: the scan counted {batch.count} rows, but {loaded} were loaded and {len(failed)} failed; nothing was kept. "
                "This is a defect of Sahara: please report it"
            )
        plain_text = batch.raw_text([rn for _, _, rn, _, _, _ in failed if rn is not None])
        parsed = batch.parsed_records()
        for number, line, rn, _, index, text in failed:
            reading = self._readings[batch.drop_ids[number]]
            column = casts[index].column.name
            source = column if column in batch.layout.absent else batch.layout.source_name(column)
            reason = f"{source} {casts[index].fault(text)}"
            if rn is not None:
                raw_text = plain_text[rn]
            else:
                record = parsed[number, line]
                raw_text, reason = record.text, _with_document(reading, line, record.document, reason)
            reading.rejects.append(self._reject(reading, line, source, reason, raw_text))

    def _reject_contradicted(self, contradicted: list[Contradicted]) -> None:
        """Reject the lines whose key stands again further down with other values; their text takes a second look at the file."""
        by_drop: dict[str, list[Contradicted]] = {}
        for line in contradicted:
            by_drop.setdefault(line.drop_id, []).append(line)
        for drop_id, lines in by_drop.items():
            reading = self._readings[drop_id]
            layout = reading.layout
            assert layout is not None  # noqa: S101 - a drop with rows has a header
            column = layout.source_name(self._dataset.key[0])
            texts = self._texts_of(reading, {line.line for line in lines})
            for line in lines:
                text, document = texts[line.line]
                where = "line" if document is None else "row"
                reason = (
                    f"{column} stands again on {where} {line.last_line} with other values; the later {where} counts"
                )
                reason = _with_document(reading, line.line, document, reason)
                reading.rejects.append(self._reject(reading, line.line, column, reason, text))
                reading.contradicted.add(line.line)

    def _texts_of(self, reading: Reading, lines: set[int]) -> dict[int, tuple[str, int | None]]:
        """Raw text of some records of a drop, with the lines of the documents that they are part of."""
        found: dict[int, tuple[str, int | None]] = {}
        wanted = np.array(sorted(lines), dtype=np.int64)
        with self._source(reading) as source:
            source.bind()
            for records in source.records():
                found.update(
                    {record.line: (record.text, record.document) for record in records.parsed if record.line in lines}
                )
                places = np.flatnonzero(np.isin(records.plain_lines, wanted))
                if len(places):
                    ends = np.flatnonzero(np.frombuffer(records.plain, dtype=np.uint8) == ord("\n"))
                    for place in places.tolist():
                        begin = int(ends[place - 1]) + 1 if place else 0
                        text = records.plain[begin : int(ends[place])].decode("utf-8")
                        found[int(records.plain_lines[place])] = text, None
        return found

    def _conserve(self, read: dict[str, Reading]) -> None:
        """Count what is in the table and hold it, drop by drop, against what the scan counted and what was rejected."""
        counted = self._warehouse.reader.execute(
            f"SELECT _drop_id, count(*) FROM {self._dataset.raw_table} WHERE _drop_id IN (SELECT unnest(?)) GROUP BY _drop_id",
            [list(read)],
        ).fetchall()
        for drop_id, count in counted:
            read[drop_id].rows_loaded = count
        for reading in read.values():
            if reading.rows_loaded + len(reading.rejects) != reading.rows_read:
                raise DropError(
                    f"{reading.path.name}: {reading.rows_read} rows were read, but {reading.rows_loaded} loaded and "
                    f"{len(reading.rejects)} rejected; nothing of it was kept. This is a defect of Sahara: please report it"
                )


def _with_document(reading: Reading, row: int, document: int | None, reason: str) -> str:
    """A reject's reason with the line of the document that the row was made from."""
    if document is None:
        return reason
    reading.documents[row] = document
    return f"{reason} (document on line {document})"


def _keep_documents_once(reading: Reading) -> None:
    """Of the rejects that came from one document the first keeps its text, which may be long, and the others point at it."""
    if not reading.documents:
        return
    first: dict[int, int] = {}
    for reject in sorted(reading.rejects, key=lambda reject: int(reject["line"])):
        document = reading.documents.get(reject["line"])
        if document is None:
            continue
        keeper = first.setdefault(document, reject["line"])
        if keeper != reject["line"]:
            reject["raw_text"] = f"{SAME_DOCUMENT}{keeper})"
