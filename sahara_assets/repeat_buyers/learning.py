"""From a training set to measured models: learn, choose, calibrate, report, each on customers of its own.

Both models learn from the training cut-offs and are compared by average precision on the later one. Then each learns again, from the training
cut-offs and the half that chose, is calibrated on the other half, and is measured once, on the report's customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.learning import measures
from sahara_assets.learning.classifier import (
    KINDS,
    Classifier,
    calibrated,
    fit_classifier,
    places_by_feature,
    weights_by_feature,
)
from sahara_assets.repeat_buyers.guard import guard_rows, refuse_leaks
from sahara_assets.repeat_buyers.periods import TooLittleError
from sahara_assets.segmentation.preprocess import apply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.learning.classifier import Kind
    from sahara_assets.repeat_buyers.training_set import Part, TrainingSet
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row

CURVE_POINTS = 100


@dataclass(frozen=True)
class Learned:
    """One trained model.

    Attributes:
        classifier: calibrated.
        is_champion: whether it is to be used.
        verdict: why, or why not.
        metrics: how good it was on the report's customers, and `choosing_average_precision`.
        customer_count: rows it was learned from.
        tenths: `repeat_buyer_deciles`.
        importances: `repeat_buyer_importances`.
    """

    classifier: Classifier
    is_champion: bool
    verdict: str
    metrics: dict[str, Any]
    customer_count: int
    tenths: list[Row]
    importances: list[Row]


def usable_features(rows: Sequence[Row]) -> list[str]:
    """The features that somebody has a value of.

    Raises:
        TooLittleError: nobody has any.
    """
    names = [row["feature"] for row in rows if row["known_share"] > 0]
    if not names:
        told = ", ".join(row["feature"] for row in rows)
        raise TooLittleError(
            f"no customer has a value of any feature of repeat_buyers.features ({told}) at the cut-offs for training"
        )
    return names


def learn(found: TrainingSet, settings: Settings) -> list[Learned]:
    """Both models, the champion among them, in the order of `KINDS`.

    Raises:
        BlockedError: a feature leaks.
        TooLittleError: there is nothing to learn from.
    """
    wanted, seed = settings.repeat_buyers, settings.project.seed
    guard = guard_rows(*found.of("train"), wanted.features, found.declarations)
    refuse_leaks(guard, wanted)
    names = usable_features(guard)

    def fitted(kind: Kind, *roles: Any) -> Classifier:  # noqa: ANN401 - roles
        table, labels = found.of(*roles)
        return fit_classifier(kind, table, labels, names, found.declarations, penalty=wanted.regularisation, seed=seed)

    later = found.part("choose")
    precision = {
        kind: measures.average_precision(later.labels, fitted(kind, "train").log_odds(later.table)) for kind in KINDS
    }
    # Of equally good ones the first, which can be explained.
    best: Kind = max(KINDS, key=lambda kind: precision[kind]) if wanted.model == "best" else wanted.model
    rest = found.part("calibrate")
    result = []
    for kind in KINDS:
        classifier = calibrated(fitted(kind, "train", "choose"), rest.table, rest.labels)
        importances, metrics = (
            importances_of(classifier, found.part("report"), seed),
            measured(classifier, found.part("report")),
        )
        metrics["choosing_average_precision"] = precision[kind]
        result.append(
            Learned(
                classifier,
                kind == best,
                _verdict(kind, best, precision, forced=wanted.model != "best"),
                metrics,
                len(found.of("train", "choose")[1]),
                tenths_of(classifier, found.part("report")),
                importances,
            )
        )
    return result


def _verdict(kind: Kind, best: Kind, precision: dict[Kind, float], *, forced: bool) -> str:
    told = ", ".join(f"{one.replace('_', ' ')} {precision[one]:.4f}" for one in KINDS)
    if forced:
        why = "named in repeat_buyers.model" if kind == best else "another is named in repeat_buyers.model"
    elif kind == best:
        why = "the best average precision on the later period"
    else:
        why = "the other was at least as good on the later period"
    return f"{why} ({told})"


def measured(classifier: Classifier, part: Part) -> dict[str, Any]:
    """How good a classifier is on customers that it has never seen."""
    labels, chances, raw = part.labels, classifier.chances(part.table), classifier.log_odds(part.table)
    base = float(labels.mean())
    return {
        "customers": len(labels),
        "repeat_buyers": int(labels.sum()),
        "base_rate": base,
        "auc": measures.area_under_curve(labels, raw),
        "average_precision": measures.average_precision(labels, raw),
        "brier": measures.brier_score(labels, chances),
        "brier_of_base_rate": base * (1.0 - base),
        "log_loss": measures.log_loss(labels, chances),
        "calibration_error": measures.calibration_error(labels, chances, part.ids),
        "mean_probability": float(chances.mean()),
        "accuracy": float(np.mean((chances >= 0.5) == labels)),
        "majority_share": max(base, 1.0 - base),
        "curve": curve_of(part, chances),
    }


def curve_of(part: Part, chances: Any) -> list[list[float]]:  # noqa: ANN401 - an array
    """For every hundredth of the customers, the likeliest first: their share, the lowest probability among them, and the share reached."""
    order = measures.ranked(chances, part.ids)
    hits, everyone = np.cumsum(part.labels[order]), len(order)
    result = []
    for point in range(1, CURVE_POINTS + 1):
        count = max(1, round(everyone * point / CURVE_POINTS))
        reached = float(hits[count - 1] / hits[-1]) if hits[-1] else 0.0
        result.append([count / everyone, float(chances[order[count - 1]]), reached])
    return result


def tenths_of(classifier: Classifier, part: Part) -> list[Row]:
    """`repeat_buyer_deciles`."""
    return [
        {
            "decile": one.decile,
            "customer_count": one.customers,
            "repeat_buyer_count": one.repeat_buyers,
            "mean_probability": one.mean_probability,
            "repeat_share": one.repeat_share,
            "lift": one.lift,
            "reached_share": one.reached_share,
            "reached_lift": one.reached_lift,
        }
        for one in measures.by_tenths(part.labels, classifier.chances(part.table), part.ids)
    ]


def importances_of(classifier: Classifier, part: Part, seed: int) -> list[Row]:
    """`repeat_buyer_importances`."""
    fallen = measures.permutation_importance(
        classifier.learner.log_odds,
        apply(classifier.preprocessing, part.table),
        part.labels,
        places_by_feature(classifier.preprocessing),
        seed=seed,
    )
    weights = weights_by_feature(classifier)
    ordered = sorted(zip(classifier.feature_names, fallen, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return [
        {"feature": name, "rank": rank, "importance": fall, "weight": weights.get(name)}
        for rank, (name, fall) in enumerate(ordered, start=1)
    ]
