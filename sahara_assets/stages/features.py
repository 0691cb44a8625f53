"""What customers are measured by, built unless it is current; how lives in `features/`."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import Built, Run, built, code_fingerprint, combine, rebuild
from sahara_assets.errors import SaharaError
from sahara_assets.stages.shared import needed, traffic_fingerprint, with_account
from sahara_assets.tables.books import BUILDS
from sahara_assets.tables.features import CUSTOMER_FEATURES, TOP_CATEGORIES
from sahara_assets.tables.sales import CUSTOMERS, PURCHASES

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse


def customer_features(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """What every customer is measured by, and the categories that matter, as of the cut-off."""
    from sahara_assets.features.feature_set import feature_set, uses_sessions

    features = feature_set(settings)
    fingerprint = combine(
        needed(warehouse, PURCHASES.name).fingerprint,
        needed(warehouse, CUSTOMERS.name).fingerprint,
        *([traffic_fingerprint(warehouse, settings)] if uses_sessions(settings) else []),
        settings.fingerprint("features.cut_off", "features.category_separator", "features.population"),
        json.dumps([[one.feature.name, repr(one.recipe)] for one in features.declared]),
        code_fingerprint("features", "tables/columns", "tables/features", "warehouse/expressions"),
    )
    _make_room(warehouse, features.table, fingerprint)

    def build() -> tuple[int, dict[str, Any]]:
        from sahara_assets.features.expressions import build_features, cut_off_of

        cut_off = cut_off_of(warehouse, settings)
        if cut_off is None:
            raise SaharaError(_why_nothing(warehouse, settings))
        rows, details = with_account(warehouse, features.table, lambda: build_features(warehouse, settings, cut_off))()
        return rows, {**details, "cut_off": cut_off.isoformat(), TOP_CATEGORIES.name: warehouse.count(TOP_CATEGORIES)}

    return rebuild(warehouse, run, features.table.name, fingerprint, build)


_NOTHING = {
    "buyers": "nothing was sold yet: no line is a sale. Look at `sahara drops` and at the rules in sahara.toml",
    "visitors": "nothing was seen yet: there is no session. Look at `sahara drops` and at the patterns in sahara.toml",
}
"""Why nobody can be measured though drops were loaded, by who is measured."""


def _why_nothing(warehouse: Warehouse, settings: Settings) -> str:
    """Why there is nobody to measure, from the first cause on: no drop, none that could be read, or nothing in what was read."""
    from sahara_assets.drops.ledger import ledger_rows
    from sahara_assets.drops.plan import Status
    from sahara_assets.drops.unclaimed import remembered
    from sahara_assets.wording import counted, some

    rows = ledger_rows(warehouse)
    refused = [row for row in rows if row["status"] == Status.REJECTED]
    if any(row["status"] == Status.LOADED and row["rows_loaded"] for row in rows):
        also = (
            f". {counted(len(refused), 'drop')} could not be read: {some([r['reason'] for r in refused], 1)}"
            if refused
            else ""
        )
        return _NOTHING.get(settings.features.population, "nothing was delivered yet: no drop is loaded") + also
    if refused:
        return f"no drop could be read: {some([row['reason'] for row in refused], 2)}. `sahara drops` lists them all"
    if any(row["rows_rejected"] for row in rows if row["status"] == Status.LOADED):
        return "every row was rejected: `sahara rejects` says why"
    count, paths = remembered(warehouse)
    if count:
        return f"no file in {settings.drops.folder} matches a dataset's patterns: {some(paths, 3, of=count)}. Widen `patterns` in sahara.toml"
    return f"nothing was delivered yet: there is no drop in {settings.drops.folder}"


def customer_features_online(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The features for single look-ups, with the time they were computed."""
    import ibis

    from sahara_assets.features.feature_set import feature_set

    features = feature_set(settings)
    offline = needed(warehouse, features.table.name)
    as_of = cut_off(warehouse)
    fingerprint = combine(offline.fingerprint, as_of.isoformat(), code_fingerprint("tables/features"))
    _make_room(warehouse, features.online_table, fingerprint)

    def build() -> tuple[int, dict[str, Any]]:
        measured = warehouse.table(features.table)
        moments = {"cut_off": as_of, "computed_at": run.now}
        stamped = measured.mutate(
            **{name: ibis.timestamp(moment.isoformat(sep=" ")) for name, moment in moments.items()}
        )
        return warehouse.replace(features.online_table, stamped), {}

    return rebuild(warehouse, run, features.online_table.name, fingerprint, build)


def _make_room(warehouse: Warehouse, table: Table, fingerprint: str) -> None:
    """Have a table whose columns depend on the settings take rows of today's shape, where it is about to be built.

    Its build is forgotten first where columns change: a kill in between then looks like a table that was never built.
    """
    known = built(warehouse, table.name)
    if known is not None and known.fingerprint == fingerprint:
        return
    if not warehouse.has_shape(table):
        warehouse.in_transaction(lambda: warehouse.delete(BUILDS, {"name": [table.name]}))
    warehouse.reshape(table)


def cut_off(warehouse: Warehouse) -> datetime:
    """The cut-off that `customer_features` was built at, local.

    Raises:
        SaharaError: it was never built.
    """
    return datetime.fromisoformat(needed(warehouse, CUSTOMER_FEATURES.name).details["cut_off"])
