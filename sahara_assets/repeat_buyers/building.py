"""Training sets, models and scores as tables that are built, recorded and left alone as long as there is no reason to touch them.

A run scores with the champion. It trains only when there is none, when the settings of the training changed, or when a retrain is asked for.
Where there is too little to learn from, nothing is trained, a plain sentence says why, and a champion of before goes on scoring.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import Built, Run, built, code_fingerprint, combine, empty, rebuild, record
from sahara_assets.features.feature_set import feature_set
from sahara_assets.repeat_buyers.guard import guard_rows
from sahara_assets.repeat_buyers.learning import learn, usable_features
from sahara_assets.repeat_buyers.periods import TooLittleError
from sahara_assets.repeat_buyers.registry import (
    CANDIDATE,
    CHAMPION,
    RETIRED,
    champion,
    model_text,
    registered,
)
from sahara_assets.repeat_buyers.scoring import budget_words, buyers, scoring_query
from sahara_assets.repeat_buyers.training_set import build_training_set, of_buyers
from sahara_assets.repeat_buyers.wording import sentence_of
from sahara_assets.tables.prediction import (
    CANNOT_LEARN,
    REPEAT_BUYER_DECILES,
    REPEAT_BUYER_GUARD,
    REPEAT_BUYER_IMPORTANCES,
    REPEAT_BUYER_MODELS,
    REPEAT_BUYER_SCORES,
    REPEAT_BUYER_TRAINING,
)

if TYPE_CHECKING:
    from sahara_assets.repeat_buyers.registry import Registered
    from sahara_assets.repeat_buyers.training_set import TrainingSet
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

_CODE = ("learning", "repeat_buyers", "features", "segmentation/preprocess")
_NOT_OF_TRAINING = {
    "enabled",
    "leak_auc",
    "allowed_features",
    "contact_share",
    "contact_customers",
    "contact_cost",
    "contact_value",
    "audience",
    "decile_property",
    "contact_property",
}

_handed_over: dict[str, TrainingSet] = {}
"""The last training set by its fingerprint, from the step that made it to the one that learns from it: its queries take long to write.

A fingerprint stands for inputs, settings and code, so that there is nothing in it that a set made anew would not have; a process that
died between the two steps makes it again.
"""


def training_fingerprint(settings: Settings) -> str:
    """A hash of the settings that a model is trained by; a change of them trains anew. Budgets and exports are none of them."""
    document = settings.model_dump(mode="json")
    wanted = {name: value for name, value in document["repeat_buyers"].items() if name not in _NOT_OF_TRAINING}
    recipes = {one.feature.name: repr(one.recipe) for one in feature_set(of_buyers(settings)).declared}
    mine = {name: recipes[name] for name in settings.repeat_buyers.features if name in recipes}
    parts = [wanted, mine, document["project"]["seed"], document["features"]["cut_off"], document["rules"]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def why_train(warehouse: Warehouse, settings: Settings, *, retrain: bool) -> str | None:
    """Why this run must train, or None where the champion stays."""
    current = champion(warehouse)
    if current is None:
        return "there is no model yet"
    if current.row["training_fingerprint"] != training_fingerprint(settings):
        return "the settings of the training changed"
    if retrain:
        return "a retrain was asked for"
    known = built(warehouse, REPEAT_BUYER_TRAINING.name)
    if known is not None and known.fingerprint != current.row["training_set"]:
        return "the last training was not finished"
    return None


def build_training(warehouse: Warehouse, settings: Settings, run: Run, inputs: str, *, retrain: bool) -> Built:
    """Write what a training would be made from, where there is a reason to train: its parts, and how well each feature separates alone.

    Args:
        warehouse: holds purchases and customers.
        settings: what to learn.
        run: goes into the record.
        inputs: fingerprint of purchases and customers.
        retrain: whether it was asked for.
    """
    if not settings.repeat_buyers.enabled:
        return empty(warehouse, run, REPEAT_BUYER_TRAINING, REPEAT_BUYER_GUARD)
    current = champion(warehouse)
    if why_train(warehouse, settings, retrain=retrain) is None and current is not None:
        known = built(warehouse, REPEAT_BUYER_TRAINING.name)
        of_champion = Built(REPEAT_BUYER_TRAINING.name, current.row["training_set"], 0, rebuilt=False)
        return known or of_champion

    fingerprint = combine(inputs, training_fingerprint(settings), code_fingerprint(*_CODE))

    def build() -> tuple[int, dict[str, Any]]:
        warehouse.clear(REPEAT_BUYER_TRAINING)
        warehouse.clear(REPEAT_BUYER_GUARD)
        try:
            found = build_training_set(warehouse, settings)
            guard = guard_rows(*found.of("train"), settings.repeat_buyers.features, found.declarations)
            usable_features(guard)
        except TooLittleError as error:
            return 0, {CANNOT_LEARN: str(error)}
        _handed_over.clear()
        _handed_over[fingerprint] = found
        warehouse.replace(REPEAT_BUYER_GUARD, guard)
        return warehouse.replace(REPEAT_BUYER_TRAINING, found.rows), {"horizon_days": found.periods.horizon.days}

    return rebuild(warehouse, run, REPEAT_BUYER_TRAINING.name, fingerprint, build)


def build_model(warehouse: Warehouse, settings: Settings, run: Run) -> tuple[Registered | None, str | None]:
    """The champion, trained where a training set was made that it does not come from.

    Returns:
        The champion (None where there is none), and why it was trained in this run (None where it was not).

    Raises:
        BlockedError: a feature leaks.
    """
    current, made = champion(warehouse), built(warehouse, REPEAT_BUYER_TRAINING.name)
    if not settings.repeat_buyers.enabled:
        empty(warehouse, run, REPEAT_BUYER_DECILES, REPEAT_BUYER_IMPORTANCES)
        return None, None
    if (
        made is None
        or CANNOT_LEARN in made.details
        or (current is not None and current.row["training_set"] == made.fingerprint)
    ):
        return current, None
    reason = why_train(warehouse, settings, retrain=True)
    try:
        found = _handed_over.pop(made.fingerprint, None) or build_training_set(warehouse, settings)
        learned = learn(found, settings)
    except TooLittleError:
        return current, None
    version = max((row["version"] for row in registered(warehouse)), default=0) + 1
    entries = []
    for one in learned:
        about = {
            "version": version,
            "seed": settings.project.seed,
            "horizon_days": found.periods.horizon.days,
            "cut_offs": [part.cut_off.isoformat() for part in found.parts if part.role in {"train", "choose"}],
            "customer_count": one.customer_count,
        }
        entries.append(
            {
                "version": version,
                "kind": one.classifier.kind,
                "stage": CHAMPION if one.is_champion else CANDIDATE,
                "model": model_text(one.classifier, **about),
                "metrics": json.dumps(one.metrics, sort_keys=True),
                "verdict": one.verdict,
                "training_fingerprint": training_fingerprint(settings),
                "training_set": made.fingerprint,
                "horizon_days": found.periods.horizon.days,
                "report_cut_off": found.periods.report,
                "customer_count": one.customer_count,
                "trained_at": run.now,
                "run_id": run.run_id,
            }
        )
    best = next(one for one in learned if one.is_champion)
    with warehouse.transaction():
        earlier = [{**row, "stage": RETIRED} for row in registered(warehouse)]
        warehouse.replace(REPEAT_BUYER_MODELS, [*earlier, *entries])
        warehouse.replace(REPEAT_BUYER_DECILES, best.tenths)
        warehouse.replace(REPEAT_BUYER_IMPORTANCES, best.importances)
        record(warehouse, run, REPEAT_BUYER_MODELS.name, made.fingerprint, len(entries), {})
    return champion(warehouse), reason


def build_scores(warehouse: Warehouse, settings: Settings, run: Run, features_fingerprint: str) -> Built:
    """Score every buyer with the champion, as SQL inside the warehouse; without a champion the table is empty."""
    if not settings.repeat_buyers.enabled:
        return empty(warehouse, run, REPEAT_BUYER_SCORES)
    current = champion(warehouse)
    gone = (
        [name for name in current.classifier.feature_names if name not in feature_set(settings).by_name]
        if current
        else []
    )
    if current is None or gone:
        made = built(warehouse, REPEAT_BUYER_TRAINING.name)
        why = str(made.details.get(CANNOT_LEARN, "")) if made else ""
        if gone:
            why = f"the model asks about {', '.join(gone)}, which the project no longer measures" + (
                f"; {why}" if why else ""
            )
        fingerprint = combine(features_fingerprint, "no model", why)
        return rebuild(
            warehouse,
            run,
            REPEAT_BUYER_SCORES.name,
            fingerprint,
            lambda: (warehouse.replace(REPEAT_BUYER_SCORES, []), {"said": f"Nobody is scored: {why}" if why else ""}),
        )
    model, wanted = current, settings.repeat_buyers

    def build() -> tuple[int, dict[str, Any]]:
        source = buyers(warehouse, settings, model.classifier)
        customers = int(warehouse.rows(source.aggregate(n=source.count()))[0]["n"])
        rows = warehouse.replace(REPEAT_BUYER_SCORES, scoring_query(model.classifier, source, customers, wanted))
        table = warehouse.table(REPEAT_BUYER_SCORES)
        inside = table.filter(table.is_contact)
        found = warehouse.rows(inside.aggregate(n=inside.count(), least=inside.probability.min()))[0]
        return rows, {
            "model_version": model.version,
            "kind": model.classifier.kind,
            "contacts": int(found["n"]),
            "threshold": found["least"],
            "said": sentence_of(model, contacts=int(found["n"]), customers=rows, budget=budget_words(wanted)),
        }

    budget = settings.fingerprint(
        *(f"repeat_buyers.contact_{name}" for name in ("share", "customers", "cost", "value"))
    )
    fingerprint = combine(features_fingerprint, model.row["model"], budget, code_fingerprint(*_CODE))
    return rebuild(warehouse, run, REPEAT_BUYER_SCORES.name, fingerprint, build)
