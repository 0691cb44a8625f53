"""Drops of one dataset → typed rows and rejects, in batches that one DuckDB statement casts.

A batch holds plain lines of any number of drops that share a header; their bytes go through DuckDB's CSV reader under an explicit
dialect, the few records that needed the small parser join them as Arrow, and both are cast by the same rules. Which drops to read,
and what becomes of them, is decided in `loading.py`.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.drops.casts import Cast, casts_of, extra_json, line_hash, literal, looks_like_row, trimmed
from sahara_assets.drops.content import Content, clean_chunks
from sahara_assets.drops.header import Layout, read_header
from sahara_assets.drops.records import BrokenRecord, ParsedRecord, Records, RecordScanner
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from sahara_assets.settings import DatasetSettings, ProjectSettings
    from sahara_assets.tables import Dataset
    from sahara_assets.warehouse.base import Row, Warehouse

BATCH_BYTES = 32 * 1024 * 1024
"""Plain text that one statement casts: memory stays flat, and 305 small drops cost a few statements instead of thousands."""


@dataclass
class Reading:
    """What reading one drop gave.

    Attributes:
        rows_read: records that the scan counted.
        rows_loaded: rows that went into the raw table.
        rejects: rows that did not, ready for `rejected_rows`.
        refusal: why the drop as a whole cannot be read; then nothing of it was loaded.
    """

    drop_id: str
    path: Path
    content: Content
    layout: Layout | None = None
    rows_read: int = 0
    rows_loaded: int = 0
    rejects: list[Row] = field(default_factory=list)
    refusal: str | None = None
    batches: int = 0

    @property
    def rows_rejected(self) -> int:
        """Rows kept out: all of them where the drop was refused."""
        return self.rows_read if self.refusal is not None else len(self.rejects)


class DropReader:
    """Reads drops of one dataset into its raw table.

    Args:
        warehouse: takes the rows; its reader connection parses them.
        dataset: what the drops hold.
        settings: how they are read.
        project: time zone and currency.
    """

    def __init__(
        self, warehouse: Warehouse, dataset: Dataset, settings: DatasetSettings, project: ProjectSettings
    ) -> None:
        self._warehouse = warehouse
        self._dataset = dataset
        self._settings = settings
        self._project = project
        self._batch: _Batch | None = None

    def read(self, readings: list[Reading]) -> None:
        """Read drops into the raw table and fill in their readings. Must run inside a transaction of the warehouse.

        Raises:
            DropError: a drop changed while it was read; nothing of the transaction may be committed then.
        """
        for reading in readings:
            self._read_one(reading)
        self._flush()
        for reading in readings:
            if reading.refusal is None and reading.batches > 1:
                self._number_occurrences(reading)
            if reading.refusal is None and self._dataset.key:
                self._reject_contradicted_keys(reading)
            if reading.refusal is None and reading.rows_loaded + len(reading.rejects) != reading.rows_read:
                raise DropError(
                    f"{reading.path.name}: {reading.rows_read} rows were read, but {reading.rows_loaded} loaded and "
                    f"{len(reading.rejects)} rejected; nothing of it was kept. This is a defect of Sahara: please report it"
                )

    def _read_one(self, reading: Reading) -> None:
        chunks = clean_chunks(reading.path, reading.content.encoding, expected_drop_id=reading.drop_id)
        first = next(chunks, b"")
        try:
            layout, header_length = read_header(first, self._dataset, self._settings, reading.path.name)
        except DropError as error:
            reading.refusal = str(error)
            reading.rows_read = self._count_rows(first, chunks)
            reading.rejects = [self._refused(reading, first)]
            return
        reading.layout = layout
        scanner = RecordScanner(
            delimiter=layout.delimiter,
            quote=self._settings.quote,
            width=len(layout.names),
            first_line=layout.first_line,
            is_row=looks_like_row(self._dataset, layout, self._settings),
        )
        pending = first[header_length:]
        for chunk in chunks:
            self._add(reading, layout, scanner.feed(pending, last=False))
            pending = chunk
        self._add(reading, layout, scanner.feed(pending, last=True))

    def _count_rows(self, first: bytes, chunks: Iterator[bytes]) -> int:
        """Lines after the header of a drop that is refused: what stands in it is not known, so lines are what can be counted."""
        count = sum(1 for line in first.split(b"\n") if line.strip())
        for chunk in chunks:
            count += sum(1 for line in chunk.split(b"\n") if line.strip())
        return max(count - 1, 0)

    def _refused(self, reading: Reading, first: bytes) -> Row:
        header = first.split(b"\n", 1)[0].decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")
        return self._reject(reading, 1, None, reading.refusal or "", header)

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
        batch = self._batch
        if batch is not None and (batch.layout.names, batch.layout.delimiter) != (layout.names, layout.delimiter):
            self._flush()
            batch = None
        if batch is None:
            batch = self._batch = _Batch(layout)
        batch.add(reading, records)
        if batch.size >= BATCH_BYTES:
            self._flush()

    def _broken(self, reading: Reading, layout: Layout, broken: BrokenRecord) -> Row:
        column = layout.names[broken.field_index] if broken.field_index is not None else None
        return self._reject(reading, broken.line, column, broken.reason, broken.text)

    def _flush(self) -> None:
        """Cast the batch and move its rows to the raw table and its failures to the rejects."""
        batch, self._batch = self._batch, None
        if batch is None:
            return
        connection = self._warehouse.reader
        casts = casts_of(self._dataset, batch.layout, self._settings, self._project)
        with tempfile.TemporaryDirectory(prefix="sahara-") as scratch:
            plain = Path(scratch) / "plain.csv"
            plain.write_bytes(b"".join(batch.plain))
            connection.register("_lines", batch.lines())
            connection.register("_parsed", batch.parsed_table())
            try:
                connection.execute(self._typed_statement(plain, batch, casts))
            finally:
                connection.unregister("_lines")
                connection.unregister("_parsed")
        self._hold_against_scan(batch)
        self._take_rejects(batch, casts)
        self._take_rows(batch)
        connection.execute("DROP TABLE _typed")

    def _typed_statement(self, plain: Path, batch: _Batch, casts: list[Cast]) -> str:
        """The one statement that casts a batch: text, values, failures and the line hash, layer by layer."""
        width = len(batch.layout.names)
        columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(width))
        fields = ", ".join(f"c{i}" for i in range(width))
        quote = literal(self._settings.quote)
        trims = ", ".join(f"{trimmed(position)} AS c{position}" for _, position in batch.layout.positions)
        texts = ", ".join(f"{cast.text} AS t_{cast.column.name}" for cast in casts)
        values = ", ".join(f"{expression} AS {name}" for cast in casts for name, expression in cast.values)
        failures = " ".join(f"WHEN {cast.failure} THEN {index}" for index, cast in enumerate(casts))
        read = (
            f"read_csv({literal(str(plain))}, auto_detect = false, header = false, delim = {literal(batch.layout.delimiter)}, "
            f"quote = {quote}, escape = {quote}, new_line = '\\n', comment = '', strict_mode = true, null_padding = false, "
            f"columns = {{{columns}}})"
        )
        source = f"SELECT row_number() OVER () AS rn, {fields} FROM {read}"
        return f"""
            CREATE OR REPLACE TEMP TABLE _typed AS
            WITH plain AS ({source}),
            staged AS (
                SELECT rn, drop_number, line, false AS is_parsed, {fields} FROM _lines FULL JOIN plain USING (rn)
                UNION ALL
                SELECT NULL, drop_number, line, true, {fields} FROM _parsed
            ),
            trimmed AS (SELECT rn, drop_number, is_parsed, line AS _line, {extra_json(batch.layout)} AS _extra, {trims} FROM staged),
            texts AS (SELECT rn, drop_number, is_parsed, _line, _extra, {texts} FROM trimmed),
            typed AS (SELECT *, {values} FROM texts)
            SELECT *, CASE {failures} END AS failed, {line_hash(casts)} AS _line_hash FROM typed
        """

    def _hold_against_scan(self, batch: _Batch) -> None:
        """DuckDB must have seen exactly the records that the scan counted."""
        seen = self._warehouse.reader.execute("SELECT count(*), count(drop_number) FROM _typed").fetchone()
        expected = sum(count for _, count in batch.drop_numbers) + len(batch.parsed)
        if seen != (expected, expected):
            names = ", ".join(reading.path.name for reading in batch.readings[:3])
            raise DropError(
                f"{names}: the scan counted {expected} rows, the reader {seen}; nothing was kept. "
                "This is a defect of Sahara: please report it"
            )

    def _take_rejects(self, batch: _Batch, casts: list[Cast]) -> None:
        failed = self._warehouse.reader.execute(
            "SELECT drop_number, _line, rn, failed, CASE failed "
            + " ".join(f"WHEN {i} THEN t_{cast.column.name}" for i, cast in enumerate(casts))
            + " END FROM _typed WHERE failed IS NOT NULL ORDER BY drop_number, _line"
        ).fetchall()
        texts = batch.texts([row[2] for row in failed if row[2] is not None])
        parsed = {(number, record.line): record.text for number, record in batch.parsed}
        for number, line, row_number, index, text in failed:
            reading = batch.readings[number]
            cast = casts[index]
            name = cast.column.name
            source = batch.layout.source_name(name) if name not in batch.layout.absent else name
            what = "is empty" if text is None else f"holds {_shortened(text)!r}"
            raw = texts[row_number] if row_number is not None else parsed[number, line]
            reading.rejects.append(self._reject(reading, line, source, f"{source} {what}; {cast.remedy}", raw))

    def _take_rows(self, batch: _Batch) -> None:
        connection = self._warehouse.reader
        loaded = connection.execute(
            "SELECT drop_number, count(*) FROM _typed WHERE failed IS NULL GROUP BY drop_number"
        ).fetchall()
        for number, count in loaded:
            batch.readings[number].rows_loaded += count
        for reading in batch.readings:
            reading.batches += 1
        import pyarrow as pa

        numbers = pa.table({"drop_number": range(len(batch.readings)), "_drop_id": [r.drop_id for r in batch.readings]})
        connection.register("_drop_ids", numbers)
        columns = [c for c in self._raw_columns() if c not in {"_drop_id", "_occurrence"}]
        try:
            # Nearly every line is the first of its kind in its drop: only the others are numbered.
            self._warehouse.append(
                self._raw_table(),
                f"""
                SELECT d._drop_id, {", ".join(f"t.{c}" for c in columns)}, coalesce(n._occurrence, 1) AS _occurrence
                FROM _typed AS t JOIN _drop_ids AS d USING (drop_number)
                LEFT JOIN (
                    SELECT drop_number, _line, row_number() OVER (PARTITION BY drop_number, _line_hash ORDER BY _line) AS _occurrence
                    FROM _typed SEMI JOIN (
                        SELECT drop_number, _line_hash FROM _typed WHERE failed IS NULL
                        GROUP BY drop_number, _line_hash HAVING count(*) > 1
                    ) USING (drop_number, _line_hash)
                    WHERE failed IS NULL
                ) AS n ON n.drop_number = t.drop_number AND n._line = t._line
                WHERE t.failed IS NULL
                """,
            )
        finally:
            connection.unregister("_drop_ids")

    def _raw_table(self) -> Any:  # noqa: ANN401
        from sahara_assets.tables import RAW_TABLES

        return RAW_TABLES[self._dataset.name]

    def _raw_columns(self) -> tuple[str, ...]:
        return tuple(self._raw_table().column_names)

    def _number_occurrences(self, reading: Reading) -> None:
        """Number equal lines over a whole drop that took several batches."""
        table = self._dataset.raw_table
        self._warehouse.reader.execute(
            f"""
            UPDATE {table} SET _occurrence = n.occurrence FROM (
                SELECT _line, row_number() OVER (PARTITION BY _line_hash ORDER BY _line) AS occurrence
                FROM {table} WHERE _drop_id = ? QUALIFY occurrence > 1
            ) AS n WHERE {table}._drop_id = ? AND {table}._line = n._line AND {table}._occurrence <> n.occurrence
            """,
            [reading.drop_id, reading.drop_id],
        )

    def _reject_contradicted_keys(self, reading: Reading) -> None:
        """Where a drop states one key twice with different values, the later line counts and the earlier is rejected."""
        table = self._dataset.raw_table
        keys = ", ".join(self._dataset.key)
        contradicted = self._warehouse.reader.execute(
            f"""
            SELECT _line, last_line FROM (
                SELECT _line, _line_hash, max(_line) OVER same AS last_line, max_by(_line_hash, _line) OVER same AS last_hash
                FROM {table} WHERE _drop_id = ? WINDOW same AS (PARTITION BY {keys})
            ) WHERE _line_hash <> last_hash ORDER BY _line
            """,
            [reading.drop_id],
        ).fetchall()
        if not contradicted:
            return
        layout = reading.layout
        assert layout is not None  # noqa: S101 - a drop with rows has a header
        column = layout.source_name(self._dataset.key[0])
        texts = self._texts_of(reading, {line for line, _ in contradicted})
        self._warehouse.reader.execute(
            f"DELETE FROM {table} WHERE _drop_id = ? AND list_contains(?, _line)",
            [reading.drop_id, [line for line, _ in contradicted]],
        )
        for line, last_line in contradicted:
            reason = f"{column} stands again on line {last_line} with other values; the later line counts"
            reading.rejects.append(self._reject(reading, line, column, reason, texts[line]))
        reading.rows_loaded -= len(contradicted)

    def _texts_of(self, reading: Reading, lines: set[int]) -> dict[int, str]:
        """Raw text of some records of a drop, by a second look at the file."""
        layout = reading.layout
        assert layout is not None  # noqa: S101
        scanner = RecordScanner(
            delimiter=layout.delimiter,
            quote=self._settings.quote,
            width=len(layout.names),
            first_line=layout.first_line,
            is_row=looks_like_row(self._dataset, layout, self._settings),
        )
        found: dict[int, str] = {}
        chunks = clean_chunks(reading.path, reading.content.encoding)
        first = next(chunks, b"")
        _, header_length = read_header(first, self._dataset, self._settings, reading.path.name)
        for chunk in (first[header_length:], *chunks, None):
            records = scanner.feed(chunk or b"", last=chunk is None)
            found.update({r.line: r.text for r in records.parsed if r.line in lines})
            for position in np.flatnonzero(np.isin(records.plain_lines, list(lines))):
                text = records.plain.split(b"\n", int(position) + 1)[int(position)]
                found[int(records.plain_lines[position])] = text.decode("utf-8")
        return found


@dataclass
class _Batch:
    """Records of several drops that share a header."""

    layout: Layout
    readings: list[Reading] = field(default_factory=list)
    plain: list[bytes] = field(default_factory=list)
    line_numbers: list[np.ndarray[Any, np.dtype[np.int64]]] = field(default_factory=list)
    drop_numbers: list[tuple[int, int]] = field(default_factory=list)
    parsed: list[tuple[int, ParsedRecord]] = field(default_factory=list)
    size: int = 0

    def add(self, reading: Reading, records: Records) -> None:
        if not self.readings or self.readings[-1] is not reading:
            self.readings.append(reading)
        number = len(self.readings) - 1
        self.plain.append(records.plain)
        self.line_numbers.append(records.plain_lines)
        self.drop_numbers.append((number, len(records.plain_lines)))
        self.parsed.extend((number, record) for record in records.parsed)
        self.size += len(records.plain) + sum(len(record.text) for record in records.parsed)

    def lines(self) -> pa.Table:
        """Row number within the batch's plain text → drop and physical line."""
        import pyarrow as pa

        lines = np.concatenate(self.line_numbers) if self.line_numbers else np.empty(0, dtype=np.int64)
        drops = np.repeat([n for n, _ in self.drop_numbers], [c for _, c in self.drop_numbers]).astype(np.int64)
        return pa.table({"rn": np.arange(1, len(lines) + 1), "drop_number": drops, "line": lines})

    def parsed_table(self) -> pa.Table:
        """The records that the small parser read, as text columns."""
        import pyarrow as pa

        arrays: dict[str, Any] = {
            "drop_number": pa.array([number for number, _ in self.parsed], pa.int64()),
            "line": pa.array([record.line for _, record in self.parsed], pa.int64()),
        }
        for index in range(len(self.layout.names)):
            arrays[f"c{index}"] = pa.array([record.fields[index] for _, record in self.parsed], pa.string())
        return pa.table(arrays)

    def texts(self, row_numbers: list[int]) -> dict[int, str]:
        """The raw text of some plain lines, by their row number in the batch."""
        if not row_numbers:
            return {}
        data = b"".join(self.plain)
        ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
        texts = {}
        for number in row_numbers:
            start = int(ends[number - 2]) + 1 if number > 1 else 0
            texts[number] = data[start : int(ends[number - 1])].decode("utf-8")
        return texts


def _shortened(text: str, length: int = 60) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
