"""The model as a readable JSON document: everything that scoring needs, and nothing that only Python could read.

A document can be opened, understood and compared by a person, and scored by anything that can subtract: features with their units
and fitted treatments, centroids in standardised space, segments with key, name, tier and the claims that the name makes. How it is
applied lives in `scoring`; how it comes about in `assemble`; how it is written and read in `document`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from sahara_assets.segmentation.preprocess import (
    FittedNumber,
    Preprocessing,
    original,
)
from sahara_assets.segmentation.projection import unprojected

if TYPE_CHECKING:
    from collections.abc import Sequence


TIERS = ("Platinum", "Gold", "Silver", "Bronze")
MAX_NAME_LENGTH = 36
"""A Google Analytics user property holds no longer value, so a segment's name is no longer."""

Direction = Literal["high", "low", "one", "top", "more", "less", "within", "outside"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a segment's name says about its customers; `naming` makes claims and checks whether they still hold.

    Attributes:
        feature: the feature that it is about.
        direction: `high` or `low` against everyone else; `one`: exactly one; `top`: the most of all segments; `more` or `less` than
            the segments in `than`; `within` or `outside` the category in `word`.
        word: the category's name, where the claim names one.
        than: the keys of the segments compared with.
    """

    feature: str
    direction: Direction
    word: str = ""
    than: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A cluster with a stable key.

    Attributes:
        key: from 1; never given to another segment, not even after this one is gone.
        name: at most 36 ASCII characters, unique in its model.
        tier: Platinum, Gold, Silver or Bronze by mean gross spend at training.
        action: one suggested action, as a sentence.
        claims: what the name says.
        centroid: in standardised space, one number per column of the preprocessing.
    """

    key: int
    name: str
    tier: str
    action: str
    claims: tuple[Claim, ...]
    centroid: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SegmentationModel:
    """One trained model.

    Attributes:
        version: counts trainings, from 1.
        seed: of the clustering.
        cut_off, first_ordered_at, last_ordered_at: the data window, ISO 8601 as the registry states it; empty where unknown.
        customer_count: customers it was trained on.
        next_key: the lowest segment key that no model up to this one has used.
        outlier_distance: customers further from their centroid are outliers, in standardised space.
        segments: in the order of their keys; of equally near centroids the first one here wins.
    """

    version: int
    seed: int
    cut_off: str
    first_ordered_at: str
    last_ordered_at: str
    customer_count: int
    next_key: int
    outlier_distance: float
    preprocessing: Preprocessing
    segments: tuple[Segment, ...]

    @property
    def k(self) -> int:
        """Number of segments."""
        return len(self.segments)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features it clusters on, in order."""
        return self.preprocessing.feature_names

    def segment(self, key: int) -> Segment:
        """The segment of that key.

        Raises:
            KeyError: the model has no such segment.
        """
        for segment in self.segments:
            if segment.key == key:
                return segment
        raise KeyError(f"model version {self.version} has no segment {key}")


def centroid_in_units(preprocessing: Preprocessing, centroid: Sequence[float]) -> dict[str, float | dict[str, float]]:
    """A centroid by feature in original units (see `preprocess.original`): a category's is the share of each word.

    >>> recency = FittedNumber("recency_days", "days", 50.0, None, "none", 90.0, 30.0)
    >>> centroid_in_units(Preprocessing((recency,)), [-1.5])
    {'recency_days': 45.0}
    """
    values: dict[str, float | dict[str, float]] = {}
    at = 0
    if preprocessing.projection is not None:
        centroid = unprojected(preprocessing.projection, np.array([centroid], dtype=np.float64))[0].tolist()
    for feature in preprocessing.features:
        part = centroid[at : at + len(feature.columns)]
        if isinstance(feature, FittedNumber):
            values[feature.name] = original(feature, part[0])
        else:
            values[feature.name] = dict(zip(feature.categories, part, strict=True))
        at += len(feature.columns)
    return values
