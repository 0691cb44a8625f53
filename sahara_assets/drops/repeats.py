"""Lines that stand twice in one drop: equal ones are numbered, and of two that contradict each other the later one counts.

What overlaps between drops is resolved one step later, in `sales/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.tables.datasets import RAW_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from sahara_assets.tables.datasets import Dataset
    from sahara_assets.warehouse.base import Warehouse


def count_lacking(warehouse: Warehouse, dataset: Dataset, drop_id: str, replaced: Iterable[str]) -> tuple[int, int]:
    """How many lines some contents have, and how many of them another content lacks; both are in the raw table.

    A line is lacking where its identity is: its key, or its hash with the number of its occurrence.
    """
    lines = warehouse.table(RAW_TABLES[dataset.name])
    identity = list(dataset.key) or ["_line_hash", "_occurrence"]
    old = lines.filter(lines["_drop_id"].isin(sorted(replaced)))
    new = lines.filter(lines["_drop_id"] == drop_id)
    lacking = old.anti_join(new, identity)
    return warehouse.how_many(old), warehouse.how_many(lacking)


@dataclass(frozen=True)
class Contradicted:
    """A line whose key stands again further down with other values."""

    drop_id: str
    line: int
    last_line: int


def number_occurrences(connection: duckdb.DuckDBPyConnection, dataset: Dataset, drop_ids: list[str]) -> None:
    """Number equal lines within each drop, so that the n-th of one drop is the n-th of another.

    Nearly every line is the first of its kind and has been stored as such: only the others are looked up and changed. They are found by
    a short hash, which may catch a line too many but never one too few.
    """
    table = dataset.raw_table
    numbered = f"""
        SELECT _drop_id, _line, row_number() OVER (PARTITION BY _drop_id, _line_hash ORDER BY _line) AS occurrence
        FROM {table}
        WHERE _drop_id IN (SELECT unnest($drop_ids)) AND hash(_line_hash) IN (
            SELECT hash(_line_hash) AS short FROM {table} WHERE _drop_id IN (SELECT unnest($drop_ids))
            GROUP BY short HAVING count(*) > 1
        )
        QUALIFY occurrence > 1
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE _repeats AS {numbered}", {"drop_ids": drop_ids})
    found = connection.execute("SELECT count(*) FROM _repeats").fetchone()
    if found and found[0]:
        connection.execute(
            f"UPDATE {table} SET _occurrence = n.occurrence FROM _repeats AS n "
            f"WHERE {table}._drop_id = n._drop_id AND {table}._line = n._line"
        )
    connection.execute("DROP TABLE _repeats")


def take_contradicted(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, drop_ids: list[str]
) -> list[Contradicted]:
    """Take out the lines whose key stands again in their drop with other values; lines that equal the last one stay, and count once.

    Returns:
        What was taken out, by drop and line.
    """
    table = dataset.raw_table
    keys = ", ".join(dataset.key)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _contradicted AS
        SELECT _drop_id, _line, last_line FROM (
            SELECT _drop_id, _line, _line_hash, max(_line) OVER same AS last_line, max_by(_line_hash, _line) OVER same AS last_hash
            FROM {table} SEMI JOIN (
                SELECT _drop_id, {keys} FROM {table} WHERE _drop_id IN (SELECT unnest($drop_ids))
                GROUP BY _drop_id, {keys} HAVING min(_line_hash) <> max(_line_hash)
            ) USING (_drop_id, {keys})
            WINDOW same AS (PARTITION BY _drop_id, {keys})
        ) WHERE _line_hash <> last_hash
        """,
        {"drop_ids": drop_ids},
    )
    found = connection.execute(
        "SELECT _drop_id, _line, last_line FROM _contradicted ORDER BY _drop_id, _line"
    ).fetchall()
    if found:
        connection.execute(
            f"DELETE FROM {table} USING _contradicted AS c WHERE {table}._drop_id = c._drop_id AND {table}._line = c._line"
        )
    connection.execute("DROP TABLE _contradicted")
    return [Contradicted(*row) for row in found]
