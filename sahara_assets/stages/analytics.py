"""Sessions and product events, built unless they are current; how lives in `analytics/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.builds import Built, Run, combine, rebuild
from sahara_assets.stages.shared import Account, traffic_fingerprint, with_account
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse


def sessions(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """One row per session."""
    from sahara_assets.analytics.sessions import build_sessions

    return _traffic(warehouse, settings, run, SESSIONS, lambda: build_sessions(warehouse, settings))


def product_events(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """One row per product of a hit, or item of an event."""
    from sahara_assets.analytics.product_events import build_product_events

    return _traffic(warehouse, settings, run, PRODUCT_EVENTS, lambda: build_product_events(warehouse, settings))


def _traffic(
    warehouse: Warehouse, settings: Settings, run: Run, table: Table, builder: Callable[[], tuple[int, Account]]
) -> Built:
    """Build a table of analytics; where a project has none and never had, there is nothing to build and nothing to write down."""
    from sahara_assets.analytics.visits import delivered

    if not delivered(warehouse, settings) and not warehouse.count(table):
        return Built(table.name, combine("no analytics"), 0, rebuilt=False)
    fingerprint = traffic_fingerprint(warehouse, settings)
    return rebuild(warehouse, run, table.name, fingerprint, with_account(warehouse, table, builder))
