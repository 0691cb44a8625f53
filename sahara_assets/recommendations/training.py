"""Training and promoting: from `purchases` to the registry, `recommendation_evaluation` and `product_factors`.

A run scores with the champion, folding in whoever is new. It trains only when there is none, when the settings that matter changed, when
a retrain is asked for, or when methods could not be compared before and can be now.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from sahara_assets.builds import Run, built, combine, record
from sahara_assets.recommendations.choosing import Choice, choose, comparable
from sahara_assets.recommendations.factorisation import item_factors
from sahara_assets.recommendations.interactions import interactions_at
from sahara_assets.recommendations.methods import MATRIX_FACTORISATION
from sahara_assets.recommendations.model import (
    CHAMPION,
    RETIRED,
    RecommendationModel,
    RegisteredModel,
    champion,
    factor_rows,
)
from sahara_assets.recommendations.order_products import read_order_products
from sahara_assets.tables.recommendations import PRODUCT_FACTORS, RECOMMENDATION_EVALUATION, RECOMMENDATION_MODELS
from sahara_assets.tables.sales import PURCHASES

if TYPE_CHECKING:
    from datetime import datetime

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

_NOT_TRAINED_BY = {"enabled", "per_customer", "include_owned", "audiences"}
"""Settings that change what is written, not what is learnt."""


def training_fingerprint(settings: Settings) -> str:
    """A hash of the settings that a model is trained by; a change of them trains anew."""
    section = settings.recommendations.model_dump(mode="json", exclude=_NOT_TRAINED_BY)
    document = [section, settings.project.seed]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def why_train(warehouse: Warehouse, settings: Settings, cut_off: datetime, *, retrain: bool) -> str | None:
    """Why this run must train, or None where the champion stays."""
    if not warehouse.count(RECOMMENDATION_MODELS):
        return "there is no model yet"
    # Asked before the champion is read: a document of another version is mended by a retrain.
    if retrain:
        return "a retrain was asked for"
    current = champion(warehouse)
    if current is None or current.training_fingerprint != training_fingerprint(settings):
        return "the settings of recommendations changed"
    trained, sold = built(warehouse, RECOMMENDATION_MODELS.name), built(warehouse, PURCHASES.name)
    same = trained is not None and sold is not None and trained.details.get("purchases") == sold.fingerprint
    if current.compared_from is None and not same:
        sales = read_order_products(warehouse, cut_off)
        if comparable(sales, cut_off, settings.recommendations, seed=settings.project.seed):
            return "there is enough by now to compare methods"
    return None


def train(warehouse: Warehouse, settings: Settings, run: Run, cut_off: datetime) -> RegisteredModel:
    """Compare the methods and make the best one champion; registry, evaluation and factors commit together.

    Raises:
        SaharaError: the library `implicit` cannot be loaded.
    """
    wanted, seed, progress = settings.recommendations, settings.project.seed, run.progress
    sales = read_order_products(warehouse, cut_off)
    choice = choose(
        sales,
        cut_off,
        wanted,
        seed=seed,
        on_progress=None if progress is None else lambda done, of: progress("recommendations", done, of),
    )
    known = interactions_at(sales, cut_off, wanted)
    before = warehouse.rows(RECOMMENDATION_MODELS)
    version = max((row["version"] for row in before), default=0) + 1
    factored = choice.method == MATRIX_FACTORISATION
    model = RecommendationModel(
        version=version,
        method=choice.method,
        rating=wanted.rating,
        half_life_days=wanted.half_life_days,
        confidence=wanted.confidence,
        factors=choice.factors if factored else None,
        regularisation=choice.regularisation if factored else None,
        iterations=wanted.iterations if factored else None,
        seed=seed,
        cut_off=cut_off.isoformat(),
    )
    factors: list[Row] = []
    if choice.method == MATRIX_FACTORISATION and choice.factors and choice.regularisation:
        items = item_factors(
            known.weights,
            factors=choice.factors,
            regularisation=choice.regularisation,
            confidence=wanted.confidence,
            iterations=wanted.iterations,
            seed=seed,
        )
        factors = factor_rows(version, sales.products, items)
    entry = {
        "version": version,
        "stage": CHAMPION,
        "method": choice.method,
        "model": model.to_json(),
        "metrics": json.dumps(_metrics(choice), sort_keys=True),
        "trace": json.dumps(choice.trace),
        "training_fingerprint": training_fingerprint(settings),
        "cut_off": cut_off,
        "evaluated_from": choice.compared_from,
        "customer_count": known.customer_count,
        "product_count": known.product_count,
        "interaction_count": int(known.weights.nnz),
        "trained_at": run.now,
        "run_id": run.run_id,
    }
    sold = built(warehouse, PURCHASES.name)

    def write() -> None:
        warehouse.replace(RECOMMENDATION_MODELS, [*({**row, "stage": RETIRED} for row in before), entry])
        warehouse.replace(RECOMMENDATION_EVALUATION, choice.rows)
        warehouse.replace(PRODUCT_FACTORS, factors)
        details = {"purchases": sold.fingerprint if sold else ""}
        fingerprint = combine(training_fingerprint(settings), str(version))
        record(warehouse, run, RECOMMENDATION_MODELS.name, fingerprint, len(before) + 1, details)

    warehouse.in_transaction(write)
    trained = champion(warehouse)
    assert trained is not None  # noqa: S101 - it was written a line ago
    return trained


def _metrics(choice: Choice) -> dict[str, dict[str, float]]:
    """What each method was worth on the later period."""
    return {
        row["method"]: {name: value for name, value in row.items() if isinstance(value, float)}
        for row in choice.rows
        if row["slice"] == "later"
    }
