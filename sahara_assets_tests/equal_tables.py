"""Whether two warehouses hold equal tables: every column of every row, exact but for columns declared as floats (1e-9).

What tells when and by whom something was done is left out, and nothing else.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sahara_assets.settings.document import load_settings
from sahara_assets.tables.columns import Kind
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.opening import open_warehouse

if TYPE_CHECKING:
    from pathlib import Path

Tables = dict[str, list[dict[str, Any]]]

NOT_COMPARED = {
    "drops": {"loaded_at", "run_id"},
    "builds": {"built_at", "run_id", "details"},
    "segmentation_models": {"trained_at", "run_id"},
}


def tables_of(config: Path, url: str) -> Tables:
    """Every row of every declared table of a project on a warehouse."""
    with open_warehouse(load_settings(config, {"SAHARA_WAREHOUSE_URL": url}), read_only=True) as warehouse:
        return {table.name: warehouse.arrow(table).to_pylist() for table in ALL_TABLES}


def compare(one: Tables, other: Tables, *, but: frozenset[str] = frozenset()) -> None:
    """Assert that they are equal, apart from the columns of the drops that `but` names."""
    for table in ALL_TABLES:
        ours, theirs = one[table.name], other[table.name]
        assert len(ours) == len(theirs), table.name
        for column in table.columns:
            if column.name in NOT_COMPARED.get(table.name, ()) or (table.name == "drops" and column.name in but):
                continue
            apart = [
                (a[column.name], b[column.name])
                for a, b in zip(ours, theirs, strict=True)
                if not _equal(column.kind, a[column.name], b[column.name])
            ]
            assert apart[:5] == [], f"{table.name}.{column.name}: {len(apart)} of {len(ours)} rows"


def _equal(kind: Kind, one: Any, other: Any) -> bool:
    if kind is Kind.FLOAT and one is not None and other is not None:
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)
