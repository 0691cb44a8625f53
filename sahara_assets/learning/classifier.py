"""A classifier as plain data: how features become columns, how columns become log-odds, and how log-odds become probabilities.

Two kinds: logistic regression on the columns that the segmentation sees too (log1p, standardised), and boosted trees on columns in the
features' own units, because trees gain nothing from a logarithm and a person reads `recency_days at most 31.5` more easily than a
standardised threshold. Both score as NumPy and as SQL with equal answers. Fitting is in `logistic.py` and `trees.py`, the JSON text in `document.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from sahara_assets.features.declarations import DROP, Treatment
from sahara_assets.learning.logistic import FURTHEST, Logistic, fit_logistic, probability
from sahara_assets.learning.trees import Leaf, Node, Trees, grow
from sahara_assets.segmentation.preprocess import FittedNumber, Preprocessing, apply, fit_preprocessing
from sahara_assets.segmentation.scoring import columns_query
from sahara_assets.warehouse.expressions import double

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ibis.expr.types as ir
    import numpy.typing as npt
    import pyarrow as pa

    from sahara_assets.features.declarations import Feature
    from sahara_assets.segmentation.preprocess import FloatArray

Kind = Literal["logistic", "boosted_trees"]
KINDS: tuple[Kind, ...] = ("logistic", "boosted_trees")
"""The explainable one first: where two are equally good, it is taken."""

CALIBRATION_PENALTY = 1e-3


@dataclass(frozen=True, slots=True)
class Calibration:
    """How log-odds are corrected by what came of other customers than those they were learned from (Platt's sigmoid).

    Attributes:
        slope: 0 or more, so that nobody changes places: below 1 where the learner was too sure of itself.
        intercept: added afterwards.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def applied(self, log_odds: FloatArray) -> FloatArray:
        """Probabilities."""
        return probability(self.intercept + self.slope * log_odds)


@dataclass(frozen=True, slots=True)
class Classifier:
    """A fitted classifier.

    Attributes:
        kind: which learner.
        preprocessing: from a feature table to columns.
        learner: from columns to log-odds.
        calibration: from log-odds to probabilities.
    """

    kind: Kind
    preprocessing: Preprocessing
    learner: Logistic | Trees
    calibration: Calibration = Calibration()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features it asks about, in order."""
        return self.preprocessing.feature_names

    def log_odds(self, table: pa.Table) -> FloatArray:
        """Before calibration, for every customer of a feature table."""
        return self.learner.log_odds(apply(self.preprocessing, table))

    def chances(self, table: pa.Table) -> FloatArray:
        """The calibrated probability for every customer of a feature table."""
        return self.calibration.applied(self.log_odds(table))


def fit_classifier(
    kind: Kind,
    table: pa.Table,
    labels: npt.NDArray[np.bool_],
    names: Sequence[str],
    declarations: Mapping[str, Feature],
    *,
    penalty: float,
    seed: int,
) -> Classifier:
    """Learn to tell labelled customers apart; not yet calibrated.

    Args:
        kind: the learner.
        table: a feature table.
        labels: one per row; both classes must be there.
        names: the features to ask about.
        declarations: what they are.
        penalty: of the logistic regression.
        seed: of the trees.
    """
    treated = {name: replace(declarations[name], treatment=_treatment(declarations[name], kind)) for name in names}
    preprocessing = fit_preprocessing(table, list(names), treated)
    matrix = apply(preprocessing, table)
    learner: Logistic | Trees
    learner = fit_logistic(matrix, labels, penalty) if kind == "logistic" else grow(matrix, labels, seed=seed)
    return Classifier(kind, preprocessing, learner)


def _treatment(feature: Feature, kind: Kind) -> Treatment:
    """As declared, but that everybody is scored, whatever is missing, and that trees see numbers as they are."""
    declared = feature.treatment
    if feature.is_category:
        return replace(declared, missing="(unknown)" if declared.missing == DROP else declared.missing)
    missing = "median" if declared.missing == DROP else declared.missing
    if kind == "boosted_trees":
        return Treatment(missing=missing, cap_quantile=None, transform="none", scale="none")
    return replace(declared, missing=missing, scale="standard")


def calibrated(classifier: Classifier, table: pa.Table, labels: npt.NDArray[np.bool_]) -> Classifier:
    """The classifier with its probabilities corrected on labelled customers that it was not learned from."""
    base = float(labels.mean())
    fitted = fit_logistic(classifier.log_odds(table)[:, None], labels, CALIBRATION_PENALTY)
    if fitted.weights[0] > 0:
        return replace(classifier, calibration=Calibration(fitted.weights[0], fitted.intercept))
    # It ranks these customers no better than chance: then the best that can be said of each is what holds for all.
    return replace(classifier, calibration=Calibration(0.0, float(f"{np.log(base / (1.0 - base)):.10g}")))


# --- as SQL ---------------------------------------------------------------------------------------------------------------------


def scored(classifier: Classifier, source: ir.Table) -> ir.Table:
    """`customer_id`, `log_odds` and `probability` of every row of a feature table, as an Ibis expression.

    Trees become CASE expressions, one column a tree, which are then added in their order; Ibis keeps the steps apart.
    """
    import ibis

    columns = columns_query(classifier.preprocessing, source)
    if isinstance(classifier.learner, Logistic):
        total: ir.Value = double(classifier.learner.intercept)
        for index, weight in enumerate(classifier.learner.weights):
            total = total + columns[f"x{index}"] * double(weight)
        found = columns.select("customer_id", log_odds=total)
    else:
        grown = classifier.learner.trees
        leaves = columns.select(
            "customer_id", **{f"t{index}": _cases(tree, columns) for index, tree in enumerate(grown)}
        )
        total = double(classifier.learner.base)
        for index in range(len(grown)):
            total = total + leaves[f"t{index}"]
        found = leaves.select("customer_id", log_odds=total)
    calibration = classifier.calibration
    corrected = found.mutate(corrected=double(calibration.intercept) + double(calibration.slope) * found.log_odds)
    limit = double(FURTHEST)
    clipped = ibis.greatest(ibis.least(corrected.corrected, limit), -limit)
    one = double(1)
    return corrected.select("customer_id", "log_odds", probability=one / (one + (-clipped).exp()))


def _cases(tree: Node, columns: ir.Table) -> ir.Value:
    import ibis

    if isinstance(tree, Leaf):
        return double(tree.value)
    met = columns[f"x{tree.column}"] <= double(tree.at_most)
    return ibis.ifelse(met, _cases(tree.yes, columns), _cases(tree.no, columns))


def places_by_feature(preprocessing: Preprocessing) -> list[range]:
    """The places of each feature's columns."""
    places, at = [], 0
    for feature in preprocessing.features:
        places.append(range(at, at + len(feature.columns)))
        at += len(feature.columns)
    return places


def weights_by_feature(classifier: Classifier) -> dict[str, float]:
    """The weight of each numeric feature of a logistic regression: how the log-odds change with one standard deviation more of it."""
    if not isinstance(classifier.learner, Logistic):
        return {}
    places = places_by_feature(classifier.preprocessing)
    return {
        feature.name: classifier.learner.weights[place[0]]
        for feature, place in zip(classifier.preprocessing.features, places, strict=True)
        if isinstance(feature, FittedNumber)
    }
