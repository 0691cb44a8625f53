"""A classifier that knows segments by attributes alone: learned from customers who have a segment, for customers who have none.

The clusters give the labels, the attributes (age, household, education, …) the inputs; what was bought is not among them, because whoever is to
be told a segment has bought nothing. One regularised logistic regression a segment says how far a customer is like its customers; the
likeliest wins. How good that is says cross-validation, against always naming the commonest segment.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.features.declared import OfAttribute
from sahara_assets.features.expressions import basis_of, customer_features, top_categories
from sahara_assets.features.feature_set import FeatureSet, feature_set
from sahara_assets.learning.classifier import fit_classifier
from sahara_assets.learning.document import classifier_of, document_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import numpy.typing as npt
    import pyarrow as pa

    from sahara_assets.features.declarations import Feature
    from sahara_assets.learning.classifier import Classifier
    from sahara_assets.segmentation.preprocess import FloatArray, IntArray
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

FORMAT, FORMAT_VERSION = "sahara segment classifier", 1
NEEDED_ERRORS = 2.0
"""By how many standard errors the accuracy must beat the commonest segment's share, or nothing is written."""


@dataclass(frozen=True)
class SegmentClassifier:
    """One classifier a segment; the likeliest of them wins, of equally likely ones the lowest key."""

    by_segment: Mapping[int, Classifier]

    def chances(self, table: pa.Table) -> FloatArray:
        """Rows x segments in the order of their keys, each row adding up to 1."""
        raw = np.column_stack([one.chances(table) for _, one in sorted(self.by_segment.items())])
        total = raw.sum(axis=1, keepdims=True)
        shares: FloatArray = np.divide(raw, total, out=np.full_like(raw, 1.0 / raw.shape[1]), where=total > 0)
        return shares

    def predicted(self, table: pa.Table) -> tuple[IntArray, FloatArray]:
        """Each row's likeliest segment and how likely it is."""
        keys, shares = np.array(sorted(self.by_segment), dtype=np.int64), self.chances(table)
        best = shares.argmax(axis=1)
        return keys[best], shares[np.arange(len(shares)), best]

    def to_json(self) -> str:
        """The readable document."""
        segments = [{"segment": key, **document_of(one)} for key, one in sorted(self.by_segment.items())]
        document = {"format": FORMAT, "format_version": FORMAT_VERSION, "segments": segments}
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SegmentClassifier:
        """Reads what `to_json` wrote."""
        document: dict[str, Any] = json.loads(text)
        return cls({int(one["segment"]): classifier_of(one) for one in document["segments"]})


@dataclass(frozen=True)
class Validated:
    """What cross-validation found.

    Attributes:
        customers: how many were predicted by models that had not seen them.
        accuracy: share of them put into their segment.
        majority_share: the commonest segment's share, which knowing nothing reaches.
    """

    customers: int
    accuracy: float
    majority_share: float

    @property
    def standard_error(self) -> float:
        """Of the accuracy."""
        return float(np.sqrt(self.accuracy * (1.0 - self.accuracy) / self.customers))

    @property
    def beats_the_majority(self) -> bool:
        """By more than chance would."""
        return self.accuracy - self.majority_share > NEEDED_ERRORS * self.standard_error


def attribute_names(settings: Settings) -> list[str]:
    """The features to predict from: those that the settings name, else every declared attribute."""
    if settings.segment_labels.attributes:
        return list(settings.segment_labels.attributes)
    return [one.feature.name for one in _of_anyone(settings).declared if isinstance(one.recipe, OfAttribute)]


def _of_anyone(settings: Settings) -> FeatureSet:
    """The project's features where everybody is measured, buyers or not."""
    features = settings.features.model_copy(update={"population": "customers"})
    return feature_set(settings.model_copy(update={"features": features}))


def declarations_of(settings: Settings) -> dict[str, Feature]:
    """The declared features by name."""
    return dict(_of_anyone(settings).by_name)


def attribute_table(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> pa.Table:
    """The attributes of everyone in `customers`, buyers or not, by customer id."""
    names, everything = set(attribute_names(settings)), _of_anyone(settings)
    only = FeatureSet(
        tuple(feature for feature in everything.features if feature.name in names),
        tuple(one for one in everything.declared if one.feature.name in names),
        sells=False,
    )
    basis = basis_of(warehouse, settings, cut_off)
    return warehouse.arrow(customer_features(basis, only, top=top_categories(basis)).order_by("customer_id"))


def has_attributes(table: pa.Table, names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Per row whether any of these is known."""
    known = np.zeros(table.num_rows, dtype=bool)
    for name in names:
        known |= np.asarray(table.column(name).combine_chunks().is_valid())
    return known


def fit_segments(
    table: pa.Table,
    segments: IntArray,
    names: Sequence[str],
    declarations: Mapping[str, Feature],
    *,
    penalty: float,
    seed: int,
) -> SegmentClassifier:
    """One logistic regression for every segment that is there, against all others; there must be two."""
    return SegmentClassifier(
        {
            int(key): fit_classifier(
                "logistic", table, segments == key, names, declarations, penalty=penalty, seed=seed
            )
            for key in np.unique(segments)
        }
    )


def validate(
    table: pa.Table,
    segments: IntArray,
    names: Sequence[str],
    declarations: Mapping[str, Feature],
    *,
    penalty: float,
    seed: int,
    folds: int,
) -> Validated:
    """Every customer predicted by a model that has not seen it; the parts go by a hash of the customer's id."""
    import pyarrow as pa

    ids: list[str] = table.column("customer_id").to_pylist()
    fold = np.array([int.from_bytes(hashlib.sha256(f"{seed}:{one}".encode()).digest()[:4]) % folds for one in ids])
    right = np.zeros(len(ids), dtype=bool)
    for one in np.unique(fold):
        held = fold == one
        if len(np.unique(segments[~held])) < 2:
            right[held] = segments[held] == (segments[~held][0] if (~held).any() else 0)
            continue
        rest = table.filter(pa.array(~held))
        fitted = fit_segments(rest, segments[~held], names, declarations, penalty=penalty, seed=seed)
        right[held] = fitted.predicted(table.filter(pa.array(held)))[0] == segments[held]
    _, counts = np.unique(segments, return_counts=True)
    return Validated(len(ids), float(right.mean()), float(counts.max() / len(segments)))
