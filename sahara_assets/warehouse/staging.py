"""What every warehouse on a server shares: the DuckDB that stages rows, and the ways its rows travel."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb

from sahara_assets.tables.columns import Kind, Table
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.base import READER_KINDS, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from sahara_assets.warehouse.scratch import Scratch

DEFAULT_MEMORY = "1GB"
"""What the staging DuckDB may hold before it spills: a drop of any size passes through."""


def open_reader(memory_limit: str, threads: int, scratch: Scratch) -> duckdb.DuckDBPyConnection:
    """DuckDB in memory, in UTC, with the declared tables empty; what does not fit is spilled.

    Args:
        memory_limit: such as `2GB`; empty is `DEFAULT_MEMORY`.
        threads: 0 uses every core.
        scratch: where to spill; nobody else's.
    """
    config: dict[str, Any] = {"memory_limit": memory_limit or DEFAULT_MEMORY, "temp_directory": str(scratch.path)}
    if threads:
        config["threads"] = threads
    reader = duckdb.connect(":memory:", config=config)
    reader.execute("SET TimeZone = 'UTC'")
    for table in ALL_TABLES:
        declare(reader, table)
    return reader


def declare(reader: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Have the reader stage rows of a table with the columns that it declares; what was staged for it is gone."""
    columns = ", ".join(
        f"{quoted(c.name)} {READER_KINDS[c.kind]}{'' if c.nullable else ' NOT NULL'}" for c in table.columns
    )
    reader.execute(f"CREATE OR REPLACE TABLE {quoted(table.name)} ({columns})")


def staged_count(reader: duckdb.DuckDBPyConnection, table: Table) -> int:
    """How many rows are staged for a table."""
    found = reader.execute(f"SELECT count(*) FROM {quoted(table.name)}").fetchone()
    return int(found[0]) if found else 0


@contextmanager
def streamed_csv(reader: duckdb.DuckDBPyConnection, query: str, *, null: str) -> Iterator[BinaryIO]:
    """A query's rows as CSV without header, written by DuckDB into a pipe while the block reads them.

    Raises:
        duckdb.Error: the query failed; raised at the block's end.
    """
    receiving, sending = os.pipe()
    failure: list[BaseException] = []

    def send() -> None:
        try:
            reader.execute(f"COPY ({query}) TO '/dev/fd/{sending}' (FORMAT csv, HEADER false, NULLSTR '{null}')")
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that reads
            failure.append(error)
        finally:
            os.close(sending)

    sender = threading.Thread(target=send, name="sahara-staged-rows")
    with os.fdopen(receiving, "rb") as stream:
        sender.start()
        try:
            yield stream
        finally:
            # Closing our end lets a sender that still writes fail and end, where the block gave up early.
            stream.close()
            sender.join()
    if failure:
        raise failure[0]


def python_value(kind: Any, value: Any) -> Any:  # noqa: ANN401 - any kind of value
    """A value as the embedded warehouse gives it: servers add integers up to decimals, and give decimals other numbers of places.

    Args:
        kind: the declared kind, or an Ibis type.
        value: what the server's client made of it.
    """
    if value is None:
        return None
    word = str(kind).lower()
    if word.startswith("decimal"):
        scale = 4 if kind is Kind.DECIMAL else kind.scale
        return value if scale is None else Decimal(value).quantize(Decimal(1).scaleb(-scale))
    if word.startswith(("int", "uint")):
        return int(value)
    return float(value) if word.startswith("float") else value
