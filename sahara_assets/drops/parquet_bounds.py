"""How much a Parquet file may become once it is read, asked before it is: columns are packed inside the file, some of them a millionfold.

The shape of its schema is looked at in `parquet_footer.py`, what is read of it in `parquet.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import duckdb

from sahara_assets.drops.packing import size_text
from sahara_assets.drops.source import Order, SourceRefusedError
from sahara_assets.drops.sql_text import literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection
    from duckdb.sqltypes import DuckDBPyType

    from sahara_assets.drops.packing import Limits

ROWS_AT_ONCE = 2_048
"""As many as DuckDB itself takes."""

LARGEST_ROWS_BYTES = 256 * 1024 * 1024
"""What so many rows may hold: a column of one long text, a million times the same, is a file of a few kilobytes."""


def connect(scratch: Path, limits: Limits) -> DuckDBPyConnection:
    """A DuckDB for one file, in UTC, that spills into a folder of its own."""
    # One thread: rows come in their order without being held back, and memory stays that of a row group. What a page claims to hold once it
    # is unpacked is taken at its word, so that without a limit a file of some kilobytes takes all the memory there is.
    config: dict[str, Any] = {"threads": 1, "memory_limit": limits.memory, "temp_directory": str(scratch)}
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def refuse_bombs(
    connection: DuckDBPyConnection, file: Path, types: Sequence[DuckDBPyType], names_bytes: int, order: Order
) -> None:
    """Weigh a file's values without making texts of them.

    Args:
        connection: to read it with.
        file: the file, unpacked.
        types: of its columns.
        names_bytes: what the names of its columns and fields come to; a row that is rejected says them all.
        order: the drop, with the limits that hold for it.

    Raises:
        SourceRefusedError: they would take more memory than rows of a shop do, or fill a disk.
        duckdb.Error: it cannot be read.
    """
    name, limits = order.path.name, order.limits
    columns = [f"c{place}" for place in range(len(types))]
    weight = " + ".join(_weight(type_, column) for type_, column in zip(types, columns, strict=True)) or "0"
    found = connection.execute(
        f"""
        SELECT max(held + rows * {names_bytes}), sum(held) FROM (
            SELECT sum({weight}) AS held, count(*) AS rows
            FROM read_parquet({literal(str(file))}, file_row_number = true) AS rows({", ".join([*columns, "rn"])})
            GROUP BY rn // {ROWS_AT_ONCE}
        )
        """
    ).fetchone()
    largest, in_all = (int(value or 0) for value in found or (0, 0))
    if largest > LARGEST_ROWS_BYTES:
        raise SourceRefusedError(
            f"{name}: {ROWS_AT_ONCE:,} rows of it hold more than {size_text(LARGEST_ROWS_BYTES)}; deliver it as JSON lines or CSV, or leave out "
            "the long columns"
        )
    if in_all > limits.unpacked_bytes or order.content.size_bytes < limits.packed_bytes_for(in_all):
        raise SourceRefusedError(
            f"{name}: its values take more than {limits.ratio} times its size, or more than {size_text(limits.unpacked_bytes)}, as in files "
            "that are made to fill a disk; deliver it as CSV, or raise drops.largest_ratio or drops.largest_unpacked"
        )


def _weight(type_: DuckDBPyType, value: str, depth: int = 0) -> str:
    """SQL for about how many bytes a value takes as text."""
    if type_.id in {"varchar", "enum"}:
        return f"coalesce(strlen({value}), 0)"
    if type_.id == "blob":
        return f"coalesce(octet_length({value}), 0)"
    if type_.id not in {"list", "array", "map", "struct"}:
        return "8"
    inner = {name: cast("DuckDBPyType", child) for name, child in type_.children if name != "size"}
    if type_.id == "struct":
        parts = [_weight(child, f"struct_extract({value}, {literal(name)})", depth) for name, child in inner.items()]
        return f"({' + '.join(parts)})"
    item = f"item{depth}"
    if type_.id == "map":
        value = f"map_entries({value})"
        each = " + ".join(_weight(child, f"{item}.{name}", depth + 1) for name, child in inner.items())
    else:
        each = _weight(inner["child"], item, depth + 1)
        if each == "8":
            return f"coalesce(len({value}) * 8, 0)"
    return f"coalesce(list_sum(list_transform({value}, lambda {item}: {each})), 0)"
