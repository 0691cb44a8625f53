"""Single look-ups: what to recommend to one customer, known or not, and what is bought with one product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.errors import SaharaError
from sahara_assets.recommendations.methods import POPULARITY
from sahara_assets.recommendations.scoring import POPULAR_REASON
from sahara_assets.tables.recommendations import BOUGHT_TOGETHER, POPULAR_PRODUCTS, PRODUCT_RECOMMENDATIONS

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse


def recommended_to(warehouse: Warehouse, settings: Settings, customer_id: str | None) -> list[Row]:
    """The products for a customer, best first, with `rank`, `product_id`, `description`, `score`, `method` and `reason`.

    Somebody who never bought anything, or of whom nothing is known, is recommended what is popular; so is None.

    Raises:
        SaharaError: nothing has been recommended yet.
    """
    require_recommendations(warehouse, settings)
    table = warehouse.table(PRODUCT_RECOMMENDATIONS)
    own = [] if customer_id is None else warehouse.rows(table.filter(table.customer_id == customer_id).order_by("rank"))
    if own:
        return [{name: row[name] for name in row if name != "customer_id"} for row in own]
    columns = ("rank", "product_id", "description", "score")
    return [
        {
            **{name: row[name] for name in columns},
            "method": POPULARITY,
            "reason": POPULAR_REASON,
            "reason_product_id": None,
        }
        for row in warehouse.rows(POPULAR_PRODUCTS)[: settings.recommendations.per_customer]
    ]


def bought_with(warehouse: Warehouse, settings: Settings, product_id: str) -> list[Row]:
    """The companions of a product, the most frequent first; none where no pair is frequent enough.

    Raises:
        SaharaError: nothing has been recommended yet.
    """
    require_recommendations(warehouse, settings)
    table = warehouse.table(BOUGHT_TOGETHER)
    return warehouse.rows(table.filter(table.product_id == product_id).order_by("rank"))


def require_recommendations(warehouse: Warehouse, settings: Settings) -> None:
    """See that there is something to look up.

    Raises:
        SaharaError: the project does not ask for recommendations, or has not run since it does.
    """
    if not settings.recommendations.enabled:
        raise SaharaError(
            "nothing is recommended in this project; add a section [recommendations] to sahara.toml, then `sahara run`"
        )
    if not warehouse.count(POPULAR_PRODUCTS):
        raise SaharaError("nothing has been recommended yet; `sahara run` does it")
