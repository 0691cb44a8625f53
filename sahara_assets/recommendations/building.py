"""The tables of recommendations, each built unless it is current; emptied where a project recommends no longer.

What each holds is made in `baselines.py`, `training.py` and `scoring.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sahara_assets.builds import Built, Run, code_fingerprint, combine, rebuild
from sahara_assets.recommendations.baselines import build_bought_together, build_popular_products
from sahara_assets.recommendations.model import champion
from sahara_assets.recommendations.scoring import build_recommendations
from sahara_assets.recommendations.training import train, why_train
from sahara_assets.tables.books import BUILDS
from sahara_assets.tables.recommendations import (
    BOUGHT_TOGETHER,
    POPULAR_PRODUCTS,
    PRODUCT_AUDIENCES,
    PRODUCT_FACTORS,
    PRODUCT_RECOMMENDATIONS,
    RECOMMENDATION_EVALUATION,
    RECOMMENDATION_MODELS,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sahara_assets.recommendations.model import RegisteredModel
    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse

_CODE = ("recommendations", "tables/recommendations")


def switched_off(table: Table) -> Built:
    """What becomes of a table in a project that recommends nothing: there is nothing to build and nothing to write down."""
    return Built(table.name, combine("no recommendations"), 0, rebuilt=False)


def empty(warehouse: Warehouse, *tables: Table) -> None:
    """Take back what was recommended while it was asked for; cheap where there is nothing."""
    left = [table for table in tables if warehouse.count(table)]
    names = {row["name"] for row in warehouse.rows(BUILDS)} & {table.name for table in tables}
    if not left and not names:
        return

    def clear() -> None:
        for table in left:
            warehouse.clear(table)
        warehouse.delete(BUILDS, {"name": [table.name for table in tables]})

    warehouse.in_transaction(clear)


def bought_together(warehouse: Warehouse, settings: Settings, run: Run, purchases: str, cut_off: datetime) -> Built:
    """`bought_together`; `purchases` is the fingerprint of what it is made from."""
    return _baseline(warehouse, settings, run, purchases, cut_off, BOUGHT_TOGETHER, build_bought_together)


def popular_products(warehouse: Warehouse, settings: Settings, run: Run, purchases: str, cut_off: datetime) -> Built:
    """`popular_products`; `purchases` is the fingerprint of what it is made from."""
    return _baseline(warehouse, settings, run, purchases, cut_off, POPULAR_PRODUCTS, build_popular_products)


def _baseline(
    warehouse: Warehouse,
    settings: Settings,
    run: Run,
    purchases: str,
    cut_off: datetime,
    table: Table,
    builder: Callable[[Warehouse, Settings, datetime], tuple[int, dict[str, Any]]],
) -> Built:
    if not settings.recommendations.enabled:
        empty(warehouse, table)
        return switched_off(table)
    fingerprint = combine(
        purchases, cut_off.isoformat(), settings.fingerprint("recommendations"), code_fingerprint(*_CODE)
    )
    return rebuild(warehouse, run, table.name, fingerprint, lambda: builder(warehouse, settings, cut_off))


def recommendation_model(
    warehouse: Warehouse, settings: Settings, run: Run, cut_off: datetime, *, retrain: bool
) -> tuple[RegisteredModel | None, str | None]:
    """The champion, trained if there is a reason to.

    Returns:
        The champion (None where nothing is to be recommended), and why it was trained in this run (None where it was not).
    """
    if not settings.recommendations.enabled:
        empty(warehouse, RECOMMENDATION_MODELS, RECOMMENDATION_EVALUATION, PRODUCT_FACTORS)
        return None, None
    reason = why_train(warehouse, settings, cut_off, retrain=retrain)
    if reason is not None:
        return train(warehouse, settings, run, cut_off), reason
    return champion(warehouse), None


def product_recommendations(
    warehouse: Warehouse, settings: Settings, run: Run, purchases: str, cut_off: datetime
) -> Built:
    """`product_recommendations` and, with it, `product_audiences`."""
    if not settings.recommendations.enabled:
        empty(warehouse, PRODUCT_RECOMMENDATIONS, PRODUCT_AUDIENCES)
        return switched_off(PRODUCT_RECOMMENDATIONS)
    current = champion(warehouse)
    model = current.model.to_json() if current else ""
    fingerprint = combine(
        purchases, cut_off.isoformat(), model, settings.fingerprint("recommendations"), code_fingerprint(*_CODE)
    )
    return rebuild(
        warehouse,
        run,
        PRODUCT_RECOMMENDATIONS.name,
        fingerprint,
        lambda: build_recommendations(warehouse, settings, cut_off),
    )
