"""What the stages share: what a table depends on, and how a step's account is written with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sahara_assets.builds import Built, built, code_fingerprint, combine, write_account
from sahara_assets.drops.ledger import raw_fingerprint
from sahara_assets.errors import SaharaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse

Account = list[tuple[str, int]]


def needed(warehouse: Warehouse, name: str) -> Built:
    """The build of an input.

    Raises:
        SaharaError: it was never built.
    """
    found = built(warehouse, name)
    if found is None:
        raise SaharaError(f"{name} has not been built yet; `sahara run` builds everything, or materialise it first")
    return found


def with_account(
    warehouse: Warehouse, table: Table, builder: Callable[[], tuple[int, Account]]
) -> Callable[[], tuple[int, dict[str, Any]]]:
    """A builder that also writes its step's account."""

    def build() -> tuple[int, dict[str, Any]]:
        rows, account = builder()
        write_account(warehouse, table.name, account)
        return rows, {reason: count for reason, count in account if reason != "out"}

    return build


def dataset_fingerprint(warehouse: Warehouse, settings: Settings, dataset: str) -> str:
    """What the current lines of a dataset depend on."""
    version = settings.datasets[dataset].version_column if dataset in settings.datasets else "absent"
    return combine(raw_fingerprint(warehouse, dataset), version)


def traffic_fingerprint(warehouse: Warehouse, settings: Settings) -> str:
    """What sessions and product events depend on."""
    return combine(
        *(dataset_fingerprint(warehouse, settings, dataset) for dataset in ("sessions", "events", "customers")),
        settings.fingerprint("analytics.customer"),
        code_fingerprint("analytics", "sales/lines", "tables/columns", "tables/analytics", "warehouse/expressions"),
    )
