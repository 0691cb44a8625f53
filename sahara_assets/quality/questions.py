"""What a check is: a pure question to the warehouse, with an answer a person can act on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import OutdatedTablesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse


@dataclass(frozen=True)
class Verdict:
    """What one check found.

    Attributes:
        name: the check.
        asset: the asset it is about.
        passed: whether all is well.
        blocking: whether what follows must stop where it is not.
        text: what was found, and where it failed what to do.
        metadata: counts and examples for the UI.
    """

    name: str
    asset: str
    passed: bool
    blocking: bool
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One declared check: its name, the asset it is about, what it holds that asset to, and how to ask."""

    name: str
    asset: str
    description: str
    blocking: bool
    ask: Callable[[Warehouse, Settings], tuple[bool, str, dict[str, Any]]]

    def answer(self, warehouse: Warehouse, settings: Settings) -> Verdict:
        """Ask it."""
        try:
            passed, text, metadata = self.ask(warehouse, settings)
        except OutdatedTablesError:
            # The settings ask for columns that were never built: to be said of this table, and no reason to ask nothing else.
            passed, text = False, f"{self.asset} lacks columns that the settings ask for; `sahara run` builds it anew"
            metadata = {}
        return Verdict(self.name, self.asset, passed, self.blocking, text, metadata)


Answer = tuple[bool, str, dict[str, Any]]


def counts_by(warehouse: Warehouse, table: Table, column: str) -> dict[str, int]:
    """How many rows a table has for each value of a column."""
    rows = warehouse.table(table)
    return {
        row["value"]: row["n"] for row in warehouse.rows(rows.group_by(value=rows[column]).aggregate(n=rows.count()))
    }
