"""A classifier as readable JSON, and back: no pickles, nothing that only Python could read.

Floats are Python's shortest text that reads back the same number, so that equal classifiers are equal texts and reading one and writing it
again gives the same bytes. A tree is nested questions: `{"feature": "recency_days", "at_most": 31.5, "yes": {…}, "no": {…}}`, a leaf
`{"add": 0.1}`.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import SaharaError
from sahara_assets.learning.classifier import KINDS, Calibration, Classifier
from sahara_assets.learning.logistic import Logistic
from sahara_assets.learning.trees import Leaf, Node, Question, Trees
from sahara_assets.segmentation.preprocess import FittedCategory, FittedFeature, FittedNumber, Preprocessing

if TYPE_CHECKING:
    from collections.abc import Mapping

DEEPEST = 64
"""Forks below one another that are read; what is grown here has fewer than ten."""


class DocumentError(SaharaError):
    """A classifier's document is not what it should be."""


def document_of(classifier: Classifier) -> dict[str, Any]:
    """What is kept of a classifier."""
    columns = classifier.preprocessing.columns
    learner = classifier.learner
    if isinstance(learner, Logistic):
        learned: dict[str, Any] = {
            "intercept": learner.intercept,
            "weights": dict(zip(columns, learner.weights, strict=True)),
        }
    else:
        learned = {"base": learner.base, "trees": [_told(tree, columns) for tree in learner.trees]}
    return {
        "kind": classifier.kind,
        "features": [asdict(feature) for feature in classifier.preprocessing.features],
        **learned,
        "calibration": asdict(classifier.calibration),
    }


def classifier_of(document: Mapping[str, Any]) -> Classifier:
    """The classifier that a document tells of.

    Raises:
        DocumentError: it is not such a document.
    """
    try:
        if document["kind"] not in KINDS:
            raise DocumentError(f"model: kind must be one of {', '.join(KINDS)}, not {document['kind']!r}")
        preprocessing = Preprocessing(tuple(_feature(found) for found in document["features"]))
        calibration = Calibration(
            _finite(document["calibration"]["slope"]), _finite(document["calibration"]["intercept"])
        )
        columns = preprocessing.columns
        learner: Logistic | Trees
        if document["kind"] == "logistic":
            weights = document["weights"]
            if tuple(weights) != columns:
                raise DocumentError(f"model: weights must be those of {', '.join(columns)}, in this order")
            learner = Logistic(_finite(document["intercept"]), tuple(map(_finite, weights.values())))
        else:
            place = {name: index for index, name in enumerate(columns)}
            learner = Trees(_finite(document["base"]), tuple(_read(tree, place, DEEPEST) for tree in document["trees"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DocumentError(f"model: is not whole: {error!r}") from error
    return Classifier(document["kind"], preprocessing, learner, calibration)


def _feature(found: Mapping[str, Any]) -> FittedFeature:
    if "categories" in found:
        return FittedCategory(**{**found, "categories": tuple(found["categories"]), "lumped": tuple(found["lumped"])})
    return FittedNumber(**found)


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DocumentError(f"model: {value!r} stands where a finite number must")
    return float(value)


def _told(tree: Node, columns: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(tree, Leaf):
        return {"add": tree.value}
    return {
        "feature": columns[tree.column],
        "at_most": tree.at_most,
        "yes": _told(tree.yes, columns),
        "no": _told(tree.no, columns),
    }


def _read(found: Mapping[str, Any], place: Mapping[str, int], left: int) -> Node:
    if not left:
        raise DocumentError(f"model: a tree of more than {DEEPEST} questions below one another")
    if "add" in found:
        return Leaf(_finite(found["add"]))
    if found["feature"] not in place:
        raise DocumentError(f"model: a tree asks about {found['feature']!r}, which is no column of its features")
    return Question(
        place[found["feature"]],
        _finite(found["at_most"]),
        _read(found["yes"], place, left - 1),
        _read(found["no"], place, left - 1),
    )
