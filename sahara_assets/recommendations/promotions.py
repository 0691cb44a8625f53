"""The reverse question: which customers are likeliest to take a product, or something of a category, that is to be promoted.

What is written of the answer is in `scoring.py` and `exports/promotions.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.recommendations.top import DECIMALS
from sahara_assets.tables.sales import PRODUCTS
from sahara_assets.wording import counted, some

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.recommendations.order_products import FloatArray, IntArray
    from sahara_assets.recommendations.top import Scores
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


@dataclass
class Promotion:
    """One declared audience, and its best customers among those seen so far.

    Attributes:
        name: as in the settings.
        most: how many customers it holds at most.
        products: numbers of the promoted products.
        notices: what a person should know of the declaration.
        customers, best, scores: customers' numbers with the product that suits each best and its score, best first.
    """

    name: str
    most: int
    products: IntArray
    notices: list[str] = field(default_factory=list)
    customers: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    best: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: FloatArray = field(default_factory=lambda: np.zeros(0))

    def offer(self, scores: Scores, customers: IntArray) -> None:
        """Take some customers into account; `scores` has a row for each, -inf where a product is out of the question."""
        if not len(self.products) or not len(customers):
            return
        own = np.round(scores[:, self.products].astype(np.float64), DECIMALS)
        place = own.argmax(axis=1)
        value = own[np.arange(len(own)), place]
        likely = value > 0
        candidates = np.concatenate([self.customers, customers[likely]])
        best = np.concatenate([self.best, self.products[place[likely]]])
        values = np.concatenate([self.scores, value[likely]])
        # Equal scores go to the smaller id.
        order = np.lexsort((candidates, -values))[: self.most]
        self.customers, self.best, self.scores = candidates[order], best[order], values[order]


def promotions(warehouse: Warehouse, settings: Settings, product_ids: Sequence[str]) -> list[Promotion]:
    """The declared audiences, by name; a product that nobody ever bought is said and has no customers."""
    declared = settings.recommendations.audiences
    numbers = {product: place for place, product in enumerate(product_ids)}
    found = []
    for name, audience in sorted(declared.items()):
        wanted = dict.fromkeys(audience.products)
        unsold = [product for product in wanted if product not in numbers]
        notices = []
        if unsold:
            notices.append(
                f"audience {name}: {counted(len(unsold), 'product')} that nobody ever bought ({some([repr(each) for each in unsold])}); "
                f"ids are compared exactly, see recommendations.audiences.{name}.products"
            )
        if audience.category:
            matching = _of_category(warehouse, audience.category)
            if not matching:
                notices.append(f"audience {name}: no product's category matches {audience.category!r}")
            wanted |= dict.fromkeys(matching)
        places: Any = sorted(numbers[product] for product in wanted if product in numbers)
        found.append(Promotion(name, audience.customers, np.array(places, dtype=np.int64), notices))
    return found


def _of_category(warehouse: Warehouse, pattern: str) -> list[str]:
    """Ids of the products whose category holds a match, by the warehouse's own regular expressions as in features."""
    products = warehouse.table(PRODUCTS)
    matching = products.filter(products.category.re_search(pattern)).select("product_id")
    return sorted(row["product_id"] for row in warehouse.rows(matching))
