"""What each customer may want, and the customers for each promotion; how lives in `recommendations/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.builds import Built, Run, built, code_fingerprint, combine
from sahara_assets.stages.features import cut_off
from sahara_assets.stages.shared import needed
from sahara_assets.tables.sales import CUSTOMERS, PRODUCTS, PURCHASES

if TYPE_CHECKING:
    from datetime import datetime

    from sahara_assets.recommendations.model import RegisteredModel
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def bought_together(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """For each product those that stand in the same orders."""
    from sahara_assets.recommendations import building

    return building.bought_together(warehouse, settings, run, *_sold_until(warehouse))


def popular_products(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """What is recommended to somebody of whom nothing is known."""
    from sahara_assets.recommendations import building

    return building.popular_products(warehouse, settings, run, *_sold_until(warehouse))


def recommendation_model(
    warehouse: Warehouse, settings: Settings, run: Run, *, retrain: bool
) -> tuple[RegisteredModel | None, str | None]:
    """The method that recommends, trained and compared if there is a reason to.

    Returns:
        The champion (None where nothing is to be recommended), and why it was trained in this run (None where it was not).
    """
    from sahara_assets.recommendations import building

    return building.recommendation_model(warehouse, settings, run, cut_off(warehouse), retrain=retrain)


def product_recommendations(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The products to recommend to each customer, and the customers for each promotion."""
    from sahara_assets.recommendations import building

    return building.product_recommendations(warehouse, settings, run, *_sold_until(warehouse))


def promotion_files(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """A file for each audience of a promotion, unless those on disk are the ones this build would write."""
    from sahara_assets.exports import promotions
    from sahara_assets.tables.recommendations import PRODUCT_RECOMMENDATIONS

    recommended = built(warehouse, PRODUCT_RECOMMENDATIONS.name)
    if built(warehouse, promotions.NAME) is None and not settings.recommendations.audiences:
        return Built(promotions.NAME, combine("no promotions"), 0, rebuilt=False)
    fingerprint = combine(
        recommended.fingerprint if recommended else "",
        needed(warehouse, CUSTOMERS.name).fingerprint,
        settings.fingerprint("export", "recommendations.audiences", "recommendations.enabled"),
        code_fingerprint("exports"),
    )
    return promotions.publish_promotions(warehouse, settings, run, fingerprint)


def _sold_until(warehouse: Warehouse) -> tuple[str, datetime]:
    """What purchases and the products' names depend on, and the cut-off up to which they count."""
    fingerprints = (needed(warehouse, table.name).fingerprint for table in (PURCHASES, PRODUCTS))
    return combine(*fingerprints), cut_off(warehouse)
