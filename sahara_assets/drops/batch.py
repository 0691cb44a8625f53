"""A batch: records of any number of drops that share a header, and the one query that reads and casts them.

Plain lines go through DuckDB's CSV reader under an explicit dialect, the few records that needed the small parser join them as Arrow,
and both are cast by the same rules (`casts.py`). What becomes of the rows is decided in `reading.py`.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.drops.casts import Cast, extra_json, line_hash, trimmed
from sahara_assets.drops.plain import Care
from sahara_assets.drops.sql_text import literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    import pyarrow as pa

    from sahara_assets.drops.header import Layout
    from sahara_assets.drops.records import ParsedRecord, Records

_PARSED_OVERHEAD_BYTES = 512
"""What a record of the small parser weighs beyond its text."""


def _weight(record: ParsedRecord) -> int:
    """About how many bytes a record takes; the rows of one document share its text."""
    own = len(record.text) if record.document is None else sum(len(field) for field in record.fields if field)
    return own + _PARSED_OVERHEAD_BYTES


@dataclass
class Batch:
    """Records that are cast together.

    Attributes:
        layout: the header that they share.
        drop_ids: the drops, in the order in which they came; a drop's number is its place here.
        size: about how many bytes the batch holds.
        care: how carefully its fields must be trimmed and hashed.
    """

    layout: Layout
    drop_ids: list[str] = field(default_factory=list)
    size: int = 0
    care: Care = Care.NONE
    _plain: list[bytes] = field(default_factory=list)
    _lines: list[np.ndarray[Any, np.dtype[np.int64]]] = field(default_factory=list)
    _numbers: list[int] = field(default_factory=list)
    _parsed: list[tuple[int, ParsedRecord]] = field(default_factory=list)

    def add(self, drop_id: str, records: Records) -> None:
        """Take in a chunk's records."""
        if not self.drop_ids or self.drop_ids[-1] != drop_id:
            self.drop_ids.append(drop_id)
        number = len(self.drop_ids) - 1
        self._plain.append(records.plain)
        self._lines.append(records.plain_lines)
        self._numbers.append(number)
        self._parsed.extend((number, record) for record in records.parsed)
        self.care = max(self.care, Care.FULL if records.parsed else records.care)
        self.size += len(records.plain) + sum(map(_weight, records.parsed))

    @property
    def count(self) -> int:
        """How many records the batch holds."""
        return sum(len(lines) for lines in self._lines) + len(self._parsed)

    @contextmanager
    def staged(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Path]:
        """Put the records where the query finds them: plain lines in a file, the rest as Arrow. Yields the file."""
        with tempfile.TemporaryDirectory(prefix="sahara-") as scratch:
            plain = Path(scratch) / "plain.csv"
            with plain.open("wb") as stream:
                stream.writelines(self._plain)
            views = {
                "_lines": self._lines_table(),
                "_parsed": self._parsed_table(),
                "_drop_ids": self._drop_ids_table(),
            }
            for name, table in views.items():
                connection.register(name, table)
            try:
                yield plain
            finally:
                for name in views:
                    connection.unregister(name)

    def query(self, plain: Path, casts: Sequence[Cast], quote: str, attributes: str = "CAST(NULL AS VARCHAR)") -> str:
        """The records cast, one row each, as CTEs to select from `judged`.

        `judged` has `drop_number`, `_line`, `rn` (the row's number among the plain lines, null for a parsed record), `is_found` (false
        where DuckDB did not see a line that the scan saw), `t_<column>` texts, the typed columns, `_extra`, `_attributes` (the SQL given
        for it), and `failed`: the index of the first cast that failed, null for a good row. A row that DuckDB saw and the scan did not
        has no `drop_number`.
        """
        width = len(self.layout.names)
        columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(width))
        fields = ", ".join(f"c{i}" for i in range(width))
        places = dict.fromkeys(place for _, place in self.layout.positions)
        trims = ", ".join(f"{trimmed(place, self.care)} AS c{place}" for place in places)
        texts = ", ".join(f"{cast.text} AS t_{cast.column.name}" for cast in casts)
        # What stands in is made from other columns' values, which must have been named before it.
        named = [pair for cast in sorted(casts, key=lambda cast: cast.stands_in) for pair in cast.values]
        values = ", ".join(f"{expression} AS {name}" for name, expression in named)
        failures = " ".join(f"WHEN {cast.failure} THEN {index}" for index, cast in enumerate(casts))
        # Where the delimiter is more than one ASCII character, no line is plain and DuckDB reads none.
        delimiter = self.layout.delimiter if len(self.layout.delimiter.encode()) == 1 else ","
        read = (
            f"read_csv({literal(str(plain))}, auto_detect = false, header = false, delim = {literal(delimiter)}, "
            f"quote = {literal(quote)}, escape = {literal(quote)}, new_line = '\\n', comment = '', strict_mode = true, "
            f"null_padding = false, columns = {{{columns}}})"
        )
        parsed = f"UNION ALL SELECT NULL, true, drop_number, line, {fields} FROM _parsed" if self._parsed else ""
        return f"""
            WITH plain AS (SELECT row_number() OVER () AS rn, true AS is_found, {fields} FROM {read}),
            staged AS (
                SELECT rn, coalesce(is_found, false) AS is_found, drop_number, line, {fields}
                FROM plain FULL JOIN _lines USING (rn) {parsed}
            ),
            trimmed AS (
                SELECT rn, is_found, drop_number, line AS _line, {extra_json(self.layout)} AS _extra{", " if trims else ""}{trims} FROM staged
            ),
            texts AS (SELECT rn, is_found, drop_number, _line, _extra, {texts} FROM trimmed),
            typed AS (SELECT *, {values} FROM texts),
            judged AS (
                SELECT *, CASE {failures} END AS failed, {line_hash(casts, self.care)} AS _line_hash, {attributes} AS _attributes
                FROM typed
            )
        """

    def raw_text(self, row_numbers: Sequence[int]) -> dict[int, str]:
        """The text of some plain lines, by their row number in the batch."""
        if not row_numbers:
            return {}
        data = b"".join(self._plain)
        ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
        texts = {}
        for number in row_numbers:
            start = int(ends[number - 2]) + 1 if number > 1 else 0
            texts[number] = data[start : int(ends[number - 1])].decode("utf-8")
        return texts

    def parsed_records(self) -> dict[tuple[int, int], ParsedRecord]:
        """The parsed records, by drop number and line."""
        return {(number, record.line): record for number, record in self._parsed}

    def _lines_table(self) -> pa.Table:
        """Row number within the batch's plain text → drop and physical line."""
        import pyarrow as pa

        lines = np.concatenate(self._lines)
        numbers = np.repeat(np.array(self._numbers, dtype=np.int64), [len(part) for part in self._lines])
        return pa.table({"rn": np.arange(1, len(lines) + 1), "drop_number": numbers, "line": lines})

    def _parsed_table(self) -> pa.Table:
        import pyarrow as pa

        arrays: dict[str, Any] = {
            "drop_number": pa.array([number for number, _ in self._parsed], pa.int64()),
            "line": pa.array([record.line for _, record in self._parsed], pa.int64()),
        }
        for index in range(len(self.layout.names)):
            arrays[f"c{index}"] = pa.array([record.fields[index] for _, record in self._parsed], pa.string())
        return pa.table(arrays)

    def _drop_ids_table(self) -> pa.Table:
        import pyarrow as pa

        return pa.table({"drop_number": pa.array(range(len(self.drop_ids)), pa.int64()), "_drop_id": self.drop_ids})
