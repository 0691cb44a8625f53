"""Rows of text → the bytes of a CSV file: UTF-8 without BOM, line feeds, minimal RFC 4180 quoting.

Arrow joins the cells a quarter of a million rows at a time, and the joined column's own buffer is the file's content, so that no row
becomes a Python object. Where those bytes go is in `files.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_BATCH_ROWS = 1 << 18


def encode_header(header: Sequence[str]) -> bytes:
    r"""The header line. Its names are declared or validated ones, none of which needs a quote.

    >>> encode_header(("user_id", "sahara_segment"))
    b'user_id,sahara_segment\n'
    """
    return (",".join(header) + "\n").encode()


def encode_rows(rows: pa.Table) -> Iterator[memoryview]:
    """The rows' lines, in pieces. Every column is text or a dictionary of text, without nulls."""
    for content, _ in _pieces(rows):
        yield content


def split_rows(rows: pa.Table, header: Sequence[str], limit_bytes: int | None) -> list[pa.Table]:
    """The rows in as few consecutive parts as keep each file, header included, within the limit."""
    import numpy as np

    if limit_bytes is None or rows.num_rows == 0:
        return [rows]
    room = limit_bytes - len(encode_header(header))
    ends = np.cumsum(np.concatenate([np.diff(offsets) for _, offsets in _pieces(rows)]).astype(np.int64))
    if ends[-1] <= room:
        return [rows]
    parts, start, used = [], 0, 0
    while start < rows.num_rows:
        # A single line above the limit would still get a part of its own; the linter then names it.
        stop = max(int(np.searchsorted(ends, used + room, side="right")), start + 1)
        parts.append(rows.slice(start, stop - start))
        start, used = stop, int(ends[stop - 1])
    return parts


def _pieces(rows: pa.Table) -> Iterator[tuple[memoryview, npt.NDArray[np.int32]]]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in rows.to_batches(max_chunksize=_BATCH_ROWS):
        if batch.num_rows == 0:
            continue
        cells = [_quoted(column) for column in batch.columns]
        lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*cells, ","), "", "\n").cast(pa.string())
        offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
        yield memoryview(lines.buffers()[2])[int(offsets[0]) : int(offsets[-1])], offsets


def _quoted(column: pa.Array) -> pa.Array:
    """The cells as they stand in the file: quoted where they hold a comma, a quote or a line break."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        # A handful of segments, a million rows: quote the handful.
        return _quoted(column.dictionary).take(column.indices)
    needed = pc.match_substring_regex(column, '[",\r\n]')
    if not pc.any(needed).as_py():
        return column
    doubled = pc.replace_substring(column, '"', '""')
    return pc.if_else(needed, pc.binary_join_element_wise('"', doubled, '"', ""), column)
