"""Purchases, orders, products and customers, built unless they are current; how lives in `sales/`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sahara_assets.builds import Built, Run, built, code_fingerprint, combine, rebuild
from sahara_assets.settings.attributes import attribute_of
from sahara_assets.stages.shared import Account, dataset_fingerprint, needed, traffic_fingerprint, with_account
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PRODUCTS, PURCHASES

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def purchases(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """Every order line once, classified."""
    from sahara_assets.sales.lines import build_purchases

    def lines() -> tuple[int, Account]:
        if settings.analytics.purchases == "none":
            return build_purchases(warehouse, settings)
        from sahara_assets.analytics.purchases import purchase_lines

        return build_purchases(warehouse, settings, purchase_lines(warehouse, settings))

    build = with_account(warehouse, PURCHASES, lines)
    return rebuild(warehouse, run, PURCHASES.name, _purchases_fingerprint(warehouse, settings), build)


def purchases_are_current(warehouse: Warehouse, settings: Settings) -> bool:
    """Whether `purchases` is what the raw tables and the settings make of it now."""
    known = built(warehouse, PURCHASES.name)
    return known is not None and known.fingerprint == _purchases_fingerprint(warehouse, settings)


def _purchases_fingerprint(warehouse: Warehouse, settings: Settings) -> str:
    from sahara_assets.sales.lines import states_orders, states_prices

    rule = settings.fingerprint("analytics.purchases", "analytics.order")
    return combine(
        dataset_fingerprint(warehouse, settings, "purchases"),
        dataset_fingerprint(warehouse, settings, "products"),
        settings.fingerprint(
            "rules", "parts_of_day", "project.time_zone", "project.currency", "project.currency_rates"
        ),
        code_fingerprint("sales", "tables/columns", "tables/sales", "warehouse/expressions"),
        *([] if settings.analytics.purchases == "none" else [traffic_fingerprint(warehouse, settings), rule]),
        *([] if states_prices(settings) else ["no prices"]),
        *([] if states_orders(settings) else ["no order ids"]),
    )


def orders(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """One row per order."""
    from sahara_assets.sales.subjects import build_orders

    build = with_account(warehouse, ORDERS, lambda: build_orders(warehouse, settings))
    return rebuild(warehouse, run, ORDERS.name, needed(warehouse, PURCHASES.name).fingerprint, build)


def products(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """One row per product."""
    from sahara_assets.sales.subjects import build_products

    build = with_account(warehouse, PRODUCTS, lambda: build_products(warehouse, settings))
    return rebuild(warehouse, run, PRODUCTS.name, needed(warehouse, PURCHASES.name).fingerprint, build)


def customers(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """One row per customer."""
    from sahara_assets.sales.customers import build_customers

    fingerprint = combine(
        needed(warehouse, PURCHASES.name).fingerprint,
        *(dataset_fingerprint(warehouse, settings, dataset) for dataset in ("customers", "accounts", "sign_ups")),
        _declared_attributes(settings),
        *([traffic_fingerprint(warehouse, settings)] if settings.features.counts_visitors else []),
    )
    build = with_account(warehouse, CUSTOMERS, lambda: build_customers(warehouse, settings))
    return rebuild(warehouse, run, CUSTOMERS.name, fingerprint, build)


def _declared_attributes(settings: Settings) -> str:
    """Which attributes are asked for, of what kind: files that are gone hold those of the day they were read."""
    return json.dumps(
        {
            name: [(one, attribute_of(one, declared).kind) for one, declared in dataset.attributes.items()]
            for name, dataset in settings.datasets.items()
        },
        sort_keys=True,
    )
