"""What the report says of recommendations, gathered from their tables; how it looks is in `report.html`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.builds import built
from sahara_assets.recommendations.model import champion
from sahara_assets.tables.recommendations import (
    BOUGHT_TOGETHER,
    PRODUCT_RECOMMENDATIONS,
    RECOMMENDATION_EVALUATION,
)

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

PAIRS = 10
CUSTOMERS, EACH = 3, 3


@dataclass(frozen=True)
class ToldRecommendations:
    """What the report says of recommendations.

    Attributes:
        reason: why the method in use recommends, in plain words.
        customers: customers who are recommended something.
        on_offer, sold_no_more: products that can be recommended, and those that nobody has bought for long.
        evaluation: `recommendation_evaluation`, by place.
        pairs: the most frequent rows of `bought_together`, each pair once.
        examples: the first rows of `product_recommendations` of a few customers.
        audiences: per promotion `audience`, `customer_count` and `file_name` (None where none was written).
    """

    reason: str
    customers: int
    on_offer: int
    sold_no_more: int
    evaluation: list[Row]
    pairs: list[Row]
    examples: list[Row]
    audiences: list[Row]


def told_recommendations(warehouse: Warehouse, settings: Settings) -> ToldRecommendations | None:
    """What the tables say; None where nothing is recommended."""
    made = built(warehouse, PRODUCT_RECOMMENDATIONS.name)
    popular = built(warehouse, "popular_products")
    model = champion(warehouse) if settings.recommendations.enabled else None
    if made is None or popular is None or model is None:
        return None
    return ToldRecommendations(
        reason=model.reason,
        customers=made.details["customers"],
        on_offer=popular.details["on_offer"],
        sold_no_more=popular.details["sold_no_more"],
        evaluation=warehouse.rows(RECOMMENDATION_EVALUATION),
        pairs=_pairs(warehouse),
        examples=_examples(warehouse),
        audiences=_audiences(warehouse, made.details["audiences"]),
    )


def _pairs(warehouse: Warehouse) -> list[Row]:
    """The most frequent pairs, each told once."""
    table = warehouse.table(BOUGHT_TOGETHER)
    once = table.filter(table.product_id < table.other_product_id)
    first = once.order_by([once.order_count.desc(), once.product_id.asc(), once.other_product_id.asc()])
    return warehouse.rows(first.limit(PAIRS))


def _examples(warehouse: Warehouse) -> list[Row]:
    table = warehouse.table(PRODUCT_RECOMMENDATIONS)
    first = table.filter(table["rank"] <= EACH).order_by(["customer_id", "rank"])
    return warehouse.rows(first.limit(CUSTOMERS * EACH))


def _audiences(warehouse: Warehouse, counts: dict[str, int]) -> list[Row]:
    files = built(warehouse, "promotion_files")
    written = files.details["files"] if files else {}
    return [
        {
            "audience": name,
            "customer_count": count,
            "file_name": f"promotion_{name}.csv" if f"promotion_{name}.csv" in written else None,
        }
        for name, count in sorted(counts.items())
    ]
