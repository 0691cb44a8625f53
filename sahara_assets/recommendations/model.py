"""What recommends, as a readable document: the method, what it was trained with, and the products' factors.

The document stands in the registry (`recommendation_models`), the factors one product a row in `product_factors`: a hundred thousand
products' factors are no cell of a table. With both and a customer's purchases anybody can compute the scores again; the formula is in
`factorisation.fold_in`. There is no pickle, and no customer's factors are kept, because they follow from the purchases.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.errors import SaharaError
from sahara_assets.recommendations.methods import IN_WORDS
from sahara_assets.tables.recommendations import PRODUCT_FACTORS, RECOMMENDATION_MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sahara_assets.recommendations.order_products import FloatArray
    from sahara_assets.warehouse.base import Row, Warehouse

CHAMPION, RETIRED = "champion", "retired"
DOCUMENT_VERSION = 1


@dataclass(frozen=True)
class RecommendationModel:
    """What the champion is, beside its factors; the settings that it was trained with, by the same names.

    `factors`, `regularisation` and `iterations` speak of a matrix factorisation and are None for the baselines, which follow from the
    purchases as they are.
    """

    version: int
    method: str
    rating: str
    half_life_days: float
    confidence: float
    factors: int | None
    regularisation: float | None
    iterations: int | None
    seed: int
    cut_off: str

    def to_json(self) -> str:
        """The document, the same bytes every time."""
        document = {"document": "sahara recommendation model", "document_version": DOCUMENT_VERSION, **asdict(self)}
        return json.dumps(document, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> RecommendationModel:
        """Read a document.

        Raises:
            SaharaError: it is none, or another version's.
        """
        try:
            document = json.loads(text)
            known = document["document_version"] == DOCUMENT_VERSION and document["method"] in IN_WORDS
            model = cls(**{field.name: document[field.name] for field in fields(cls)}) if known else None
        except (ValueError, KeyError, TypeError):
            model = None
        if model is None:
            raise SaharaError(
                "recommendation_models: the champion's document cannot be read by this version; `sahara run --retrain` makes a new one"
            )
        return model


@dataclass(frozen=True)
class RegisteredModel:
    """The champion with its registry entry."""

    model: RecommendationModel
    metrics: dict[str, dict[str, Any]]
    trace: list[str]
    training_fingerprint: str
    compared_from: datetime | None
    row: Row

    @property
    def reason(self) -> str:
        """Why this method recommends."""
        return self.trace[-1]


def champion(warehouse: Warehouse) -> RegisteredModel | None:
    """The model in use; None before the first training."""
    rows = [row for row in warehouse.rows(RECOMMENDATION_MODELS) if row["stage"] == CHAMPION]
    if not rows:
        return None
    row = rows[-1]
    return RegisteredModel(
        RecommendationModel.from_json(row["model"]),
        json.loads(row["metrics"]),
        json.loads(row["trace"]),
        row["training_fingerprint"],
        row["evaluated_from"],
        row,
    )


def factor_rows(version: int, products: Sequence[str], factors: FloatArray) -> list[Row]:
    """`product_factors`: only products that the model knows anything of. Nine digits give every factor back as it was."""
    return [
        {"version": version, "product_id": product, "factors": json.dumps([float(f"{value:.9g}") for value in own])}
        for product, own in zip(products, factors.tolist(), strict=True)
        if any(own)
    ]


def read_factors(warehouse: Warehouse, products: Sequence[str], count: int) -> FloatArray:
    """The champion's factors (products × factors) in the order of some product ids, zeros where it does not know one."""
    stored = {row["product_id"]: row["factors"] for row in warehouse.rows(PRODUCT_FACTORS)}
    found = np.zeros((len(products), count))
    for place, product in enumerate(products):
        if product in stored:
            found[place] = json.loads(stored[product])
    return found
