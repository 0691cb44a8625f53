"""The model as a readable JSON document: everything that scoring needs, and nothing that only Python could read.

A document can be opened, understood and compared by a person, and scored by anything that can subtract: features with their units
and fitted treatments, centroids in standardised space, segments with key, name, tier and the claims that the name makes. How it is
applied lives in `scoring`; how it comes about in `assemble`; where it is kept (the registry table) is the assets' business.

Canonical form: fields in the order written here, two spaces of indent, floats as Python's shortest text that reads back the same
number. Equal models are equal texts, and reading a text and writing it again gives the same bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sahara_assets.errors import SaharaError
from sahara_assets.segmentation.preprocess import (
    OTHER,
    FittedCategory,
    FittedNumber,
    Preprocessing,
    original,
)
from sahara_assets.segmentation.projection import Projection, unprojected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.segmentation.preprocess import FittedFeature

FORMAT = "sahara segmentation model"
FORMAT_VERSION = 1
WITH_PROJECTION_OR_GAPS = 2
"""The version of documents with components, or with values that nothing stands for; all others are what they were."""
TIERS = ("Platinum", "Gold", "Silver", "Bronze")
MAX_NAME_LENGTH = 36
"""A Google Analytics user property holds no longer value, so a segment's name is no longer."""

Direction = Literal["high", "low", "one", "top", "more", "less", "within", "outside"]
_DIRECTIONS = ("high", "low", "one", "top", "more", "less", "within", "outside")


class ModelError(SaharaError):
    """A model document is not what it should be: the message names the place in it."""


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

    def to_json(self) -> str:
        """The canonical document; `from_json` gives back an equal model."""
        projection = self.preprocessing.projection
        newer = projection is not None or any(feature.missing is None for feature in self.preprocessing.features)
        document = {
            "format": FORMAT,
            "format_version": WITH_PROJECTION_OR_GAPS if newer else FORMAT_VERSION,
            "version": self.version,
            "k": self.k,
            "seed": self.seed,
            "cut_off": self.cut_off,
            "first_ordered_at": self.first_ordered_at,
            "last_ordered_at": self.last_ordered_at,
            "customer_count": self.customer_count,
            "next_key": self.next_key,
            "outlier_distance": self.outlier_distance,
            "features": [_feature_document(feature) for feature in self.preprocessing.features],
            **(
                {}
                if projection is None
                else {"projection": _projection_document(projection, self.preprocessing.inputs)}
            ),
            "segments": [_segment_document(segment, self.preprocessing.columns) for segment in self.segments],
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SegmentationModel:
        """Reads a document that `to_json` wrote, or a person edited.

        Raises:
            ModelError: it is not such a document; the message names the first place that is wrong.
        """
        try:
            document = json.loads(text, object_pairs_hook=_without_repeats)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ModelError(f"model: not valid JSON: {error}") from error
        return _read_model(_Reader(document, "model"))


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


# --- writing --------------------------------------------------------------------------------------------------------------------


def _feature_document(feature: FittedFeature) -> dict[str, Any]:
    document: dict[str, Any] = {"name": feature.name, "unit": feature.unit, "missing": feature.missing}
    if isinstance(feature, FittedCategory):
        return document | {"categories": list(feature.categories), "lumped": list(feature.lumped)}
    return document | {
        "cap": feature.cap,
        "transform": feature.transform,
        "mean": feature.mean,
        "standard_deviation": feature.standard_deviation,
    }


def _projection_document(projection: Projection, inputs: tuple[str, ...]) -> dict[str, Any]:
    return {
        "means": dict(zip(inputs, projection.means, strict=True)),
        "components": [
            {"explained": explained, "weights": dict(zip(inputs, weights, strict=True))}
            for explained, weights in zip(projection.explained, projection.components, strict=True)
        ],
    }


def _segment_document(segment: Segment, columns: tuple[str, ...]) -> dict[str, Any]:
    return {
        "key": segment.key,
        "name": segment.name,
        "tier": segment.tier,
        "action": segment.action,
        "claims": [_claim_document(claim) for claim in segment.claims],
        "centroid": dict(zip(columns, segment.centroid, strict=True)),
    }


def _claim_document(claim: Claim) -> dict[str, Any]:
    document: dict[str, Any] = {"feature": claim.feature, "direction": claim.direction}
    if claim.word:
        document["word"] = claim.word
    if claim.than:
        document["than"] = list(claim.than)
    return document


# --- reading --------------------------------------------------------------------------------------------------------------------


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ModelError(f"model: the key {twice[0]!r} stands twice in one object")
    return dict(pairs)


class _Reader:
    """An object of the document and its place, so that every complaint can say where."""

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, dict):
            raise ModelError(f"{place}: must be an object, not {_shown(value)}")
        self.fields: dict[str, Any] = value
        self.place = place
        self.read: set[str] = set()

    def fail(self, key: str, message: str) -> ModelError:
        return ModelError(f"{self.place}.{key}: {message}")

    def take(self, key: str) -> Any:  # noqa: ANN401 - a JSON value; each reader below narrows it
        if key not in self.fields:
            raise self.fail(key, "is missing")
        self.read.add(key)
        return self.fields[key]

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str):
            raise self.fail(key, f"must be text, not {_shown(value)}")
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> Any:  # noqa: ANN401 - one of `allowed`, which callers type
        value = self.text(key)
        if value not in allowed:
            raise self.fail(key, f"must be one of {', '.join(allowed)}, not {value!r}")
        return value

    def integer(self, key: str, *, least: int | None = None) -> int:
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
            raise self.fail(
                key, f"must be a whole number{'' if least is None else f' from {least}'}, not {_shown(value)}"
            )
        return value

    def number(self, key: str, *, least: float | None = None) -> float:
        value = _number(self.take(key))
        if value is None or (least is not None and value < least):
            limit = "" if least is None else f" of at least {least:g}"
            raise self.fail(key, f"must be a finite number{limit}, not {_shown(self.fields[key])}")
        return value

    def items(self, key: str) -> list[Any]:
        value = self.take(key)
        if not isinstance(value, list):
            raise self.fail(key, f"must be a list, not {_shown(value)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.items(key)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise self.fail(f"{key}[{index}]", f"must be text, not {_shown(value)}")
        if len(set(values)) != len(values):
            raise self.fail(key, "names one word twice")
        return tuple(values)

    def objects(self, key: str) -> list[_Reader]:
        return [_Reader(value, f"{self.place}.{key}[{index}]") for index, value in enumerate(self.items(key))]

    def done(self) -> None:
        for key in self.fields:
            if key not in self.read:
                raise self.fail(key, "is no part of a model")


def _number(value: object) -> float | None:
    """A finite float, or nothing: JSON's Infinity and 1e999 are no numbers of a model."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _read_model(reader: _Reader) -> SegmentationModel:
    if reader.text("format") != FORMAT:
        raise reader.fail("format", f"must be {FORMAT!r}: this is another kind of document")
    if reader.integer("format_version") not in {FORMAT_VERSION, WITH_PROJECTION_OR_GAPS}:
        raise reader.fail(
            "format_version",
            f"this Sahara reads versions up to {WITH_PROJECTION_OR_GAPS}, not {reader.fields['format_version']}; retrain with `sahara run --retrain`",
        )
    features = tuple(_read_feature(feature) for feature in reader.objects("features"))
    names = [feature.name for feature in features]
    if not features or len(set(names)) != len(names):
        raise reader.fail("features", "must name at least one feature, and none twice")
    preprocessing = Preprocessing(features)
    if "projection" in reader.fields:
        preprocessing = replace(preprocessing, projection=_read_projection(reader, preprocessing.inputs))
    segments = tuple(_read_segment(segment, preprocessing.columns) for segment in reader.objects("segments"))
    model = SegmentationModel(
        version=reader.integer("version", least=1),
        seed=reader.integer("seed"),
        cut_off=reader.text("cut_off"),
        first_ordered_at=reader.text("first_ordered_at"),
        last_ordered_at=reader.text("last_ordered_at"),
        customer_count=reader.integer("customer_count", least=0),
        next_key=reader.integer("next_key", least=1),
        outlier_distance=reader.number("outlier_distance", least=0),
        preprocessing=preprocessing,
        segments=segments,
    )
    _check_segments(model, reader)
    reader.done()
    return model


def _check_segments(model: SegmentationModel, reader: _Reader) -> None:
    if reader.integer("k", least=1) != model.k:
        raise reader.fail("k", f"is {reader.fields['k']}, and there are {model.k} segments")
    keys = [segment.key for segment in model.segments]
    if keys != sorted(set(keys)):
        raise reader.fail("segments", f"must stand in the order of their keys, each once, not {keys}")
    if keys[-1] >= model.next_key:
        raise reader.fail("next_key", f"must be above every segment's key, and {keys[-1]} is used")
    names = [segment.name for segment in model.segments]
    for name in names:
        if names.count(name) > 1:
            raise reader.fail("segments", f"two segments are named {name!r}")


def _read_feature(reader: _Reader) -> FittedFeature:
    feature: FittedFeature
    if "categories" in reader.fields:
        feature = FittedCategory(
            name=reader.text("name"),
            unit=reader.text("unit"),
            missing=None if reader.take("missing") is None else reader.text("missing"),
            categories=reader.texts("categories"),
            lumped=reader.texts("lumped"),
        )
        if bool(feature.lumped) != (feature.categories[-1:] == (OTHER,)):
            raise reader.fail("lumped", f"holds words exactly where the last category is {OTHER}")
        both = set(feature.categories[:-1]) & set(feature.lumped)
        if both:
            raise reader.fail("lumped", f"{min(both)!r} has a category of its own")
    else:
        feature = FittedNumber(
            name=reader.text("name"),
            unit=reader.text("unit"),
            missing=None if reader.take("missing") is None else reader.number("missing"),
            cap=None if reader.take("cap") is None else reader.number("cap"),
            transform=reader.choice("transform", ("log1p", "none")),
            mean=reader.number("mean"),
            standard_deviation=reader.number("standard_deviation", least=0),
        )
    if not feature.name:
        raise reader.fail("name", "is empty")
    reader.done()
    return feature


def _read_projection(reader: _Reader, inputs: tuple[str, ...]) -> Projection:
    projection = _Reader(reader.take("projection"), f"{reader.place}.projection")
    means = _Reader(projection.take("means"), f"{projection.place}.means")
    read = Projection(
        means=tuple(means.number(name) for name in inputs),
        **_read_components(projection.objects("components"), inputs),
    )
    means.done()
    projection.done()
    if not read.components:
        raise projection.fail("components", "must hold at least one")
    return read


def _read_components(readers: list[_Reader], inputs: tuple[str, ...]) -> dict[str, Any]:
    components, explained = [], []
    for reader in readers:
        explained.append(reader.number("explained", least=0))
        weights = _Reader(reader.take("weights"), f"{reader.place}.weights")
        components.append(tuple(weights.number(name) for name in inputs))
        weights.done()
        reader.done()
    return {"components": tuple(components), "explained": tuple(explained)}


def _read_segment(reader: _Reader, columns: tuple[str, ...]) -> Segment:
    name = reader.text("name")
    if not (0 < len(name) <= MAX_NAME_LENGTH and name.isascii() and name.isprintable()):
        raise reader.fail("name", f"must be 1 to {MAX_NAME_LENGTH} ASCII characters, not {name!r}")
    centroid = _Reader(reader.take("centroid"), f"{reader.place}.centroid")
    segment = Segment(
        key=reader.integer("key", least=1),
        name=name,
        tier=reader.choice("tier", TIERS),
        action=reader.text("action"),
        claims=tuple(_read_claim(claim) for claim in reader.objects("claims")),
        centroid=tuple(centroid.number(column) for column in columns),
    )
    centroid.done()
    reader.done()
    return segment


def _read_claim(reader: _Reader) -> Claim:
    than = reader.items("than") if "than" in reader.fields else []
    if any(not isinstance(key, int) or isinstance(key, bool) for key in than):
        raise reader.fail("than", f"must hold segment keys, not {_shown(than)}")
    claim = Claim(
        feature=reader.text("feature"),
        direction=reader.choice("direction", _DIRECTIONS),
        word=reader.text("word") if "word" in reader.fields else "",
        than=tuple(than),
    )
    reader.done()
    return claim
