"""`bought_together` and `popular_products`: what can be said without any model, and what a model has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.recommendations.interactions import interactions_at
from sahara_assets.recommendations.order_products import read_order_products
from sahara_assets.recommendations.together import bought_together
from sahara_assets.recommendations.top import DECIMALS
from sahara_assets.tables.recommendations import BOUGHT_TOGETHER, POPULAR_PRODUCTS
from sahara_assets.tables.sales import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

MOST_POPULAR = 100
"""Products that `popular_products` holds at least, where there are so many; more where more are recommended to a customer."""


def build_bought_together(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> tuple[int, dict[str, Any]]:
    """Write the pairs as of a cut-off; returns rows and what to remember."""
    import pyarrow as pa

    sales = read_order_products(warehouse, cut_off)
    pairs = bought_together(sales, cut_off, settings.recommendations)
    products = pa.array(sales.products, pa.string())
    names = pa.array(described(warehouse, sales.products), pa.string())
    content = pa.table(
        {
            "product_id": products.take(pairs.product),
            "rank": pairs.rank,
            "other_product_id": products.take(pairs.other),
            "description": names.take(pairs.product),
            "other_description": names.take(pairs.other),
            "order_count": pairs.orders,
            "product_order_count": pairs.order_counts[pairs.product],
            "other_order_count": pairs.order_counts[pairs.other],
            "support": pairs.support,
            "confidence": pairs.confidence,
            "lift": pairs.lift,
        }
    )
    warehouse.clear(BOUGHT_TOGETHER)
    warehouse.insert_arrow(BOUGHT_TOGETHER, content)
    return content.num_rows, {"orders": pairs.order_count, "products": int((pairs.order_counts > 0).sum())}


def build_popular_products(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> tuple[int, dict[str, Any]]:
    """Write the most popular products that are still sold; returns rows and what to remember."""
    wanted = settings.recommendations
    sales = read_order_products(warehouse, cut_off)
    known = interactions_at(sales, cut_off, wanted)
    offered = known.on_offer(cut_off, wanted.sold_within_days)
    score = np.where(offered, np.round(known.popularity, DECIMALS), 0.0)
    order = np.lexsort((np.arange(len(score)), -score))
    chosen = [int(place) for place in order[: max(MOST_POPULAR, wanted.per_customer)] if score[place] > 0]
    customers = np.bincount(known.weights.indices, minlength=len(score))
    names = described(warehouse, sales.products)
    rows = [
        {
            "rank": rank,
            "product_id": sales.products[place],
            "description": names[place],
            "score": float(score[place]),
            "customer_count": int(customers[place]),
        }
        for rank, place in enumerate(chosen, start=1)
    ]
    sold = int((~np.isnat(known.last_sold)).sum())
    return warehouse.replace(POPULAR_PRODUCTS, rows), {
        "on_offer": int(offered.sum()),
        "sold_no_more": sold - int(offered.sum()),
    }


def described(warehouse: Warehouse, product_ids: Sequence[str]) -> list[str | None]:
    """The products' names in the order of some ids."""
    table = warehouse.arrow(PRODUCTS.only("product_id", "description"))
    names = dict(zip(table["product_id"].to_pylist(), table["description"].to_pylist(), strict=True))
    return [names.get(product) for product in product_ids]
