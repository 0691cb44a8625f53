"""A segmentation model as JSON text, and back.

Canonical form: fields in the order written here, two spaces of indent, floats as Python's shortest text that reads back the same
number. Equal models are equal texts, and reading a text and writing it again gives the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sahara_assets.model_documents import ObjectReader, read_document, shown
from sahara_assets.segmentation.model import MAX_NAME_LENGTH, TIERS, Claim, Segment, SegmentationModel
from sahara_assets.segmentation.preprocess import OTHER, FittedCategory, FittedNumber, Preprocessing
from sahara_assets.segmentation.projection import Projection

if TYPE_CHECKING:
    from sahara_assets.segmentation.preprocess import FittedFeature

FORMAT = "sahara segmentation model"
FORMAT_VERSION = 1
WITH_PROJECTION_OR_GAPS = 2
"""The version of documents with components, or with values that nothing stands for; all others are what they were."""
_DIRECTIONS = ("high", "low", "one", "top", "more", "less", "within", "outside")


def to_json(model: SegmentationModel) -> str:
    """The canonical document; `from_json` gives back an equal model."""
    projection = model.preprocessing.projection
    newer = projection is not None or any(feature.missing is None for feature in model.preprocessing.features)
    document = {
        "format": FORMAT,
        "format_version": WITH_PROJECTION_OR_GAPS if newer else FORMAT_VERSION,
        "version": model.version,
        "k": model.k,
        "seed": model.seed,
        "cut_off": model.cut_off,
        "first_ordered_at": model.first_ordered_at,
        "last_ordered_at": model.last_ordered_at,
        "customer_count": model.customer_count,
        "next_key": model.next_key,
        "outlier_distance": model.outlier_distance,
        "features": [_feature_document(feature) for feature in model.preprocessing.features],
        **({} if projection is None else {"projection": _projection_document(projection, model.preprocessing.inputs)}),
        "segments": [_segment_document(segment, model.preprocessing.columns) for segment in model.segments],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> SegmentationModel:
    """Reads a document that `to_json` wrote, or a person edited.

    Raises:
        ModelError: it is not such a document; the message names the first place that is wrong.
    """
    return _read_model(read_document(text))


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


def _read_model(reader: ObjectReader) -> SegmentationModel:
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


def _check_segments(model: SegmentationModel, reader: ObjectReader) -> None:
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


def _read_feature(reader: ObjectReader) -> FittedFeature:
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


def _read_projection(reader: ObjectReader, inputs: tuple[str, ...]) -> Projection:
    projection = ObjectReader(reader.take("projection"), f"{reader.place}.projection")
    means = ObjectReader(projection.take("means"), f"{projection.place}.means")
    read = Projection(
        means=tuple(means.number(name) for name in inputs),
        **_read_components(projection.objects("components"), inputs),
    )
    means.done()
    projection.done()
    if not read.components:
        raise projection.fail("components", "must hold at least one")
    return read


def _read_components(readers: list[ObjectReader], inputs: tuple[str, ...]) -> dict[str, Any]:
    components, explained = [], []
    for reader in readers:
        explained.append(reader.number("explained", least=0))
        weights = ObjectReader(reader.take("weights"), f"{reader.place}.weights")
        components.append(tuple(weights.number(name) for name in inputs))
        weights.done()
        reader.done()
    return {"components": tuple(components), "explained": tuple(explained)}


def _read_segment(reader: ObjectReader, columns: tuple[str, ...]) -> Segment:
    name = reader.text("name")
    if not (0 < len(name) <= MAX_NAME_LENGTH and name.isascii() and name.isprintable()):
        raise reader.fail("name", f"must be 1 to {MAX_NAME_LENGTH} ASCII characters, not {name!r}")
    centroid = ObjectReader(reader.take("centroid"), f"{reader.place}.centroid")
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


def _read_claim(reader: ObjectReader) -> Claim:
    than = reader.items("than") if "than" in reader.fields else []
    if any(not isinstance(key, int) or isinstance(key, bool) for key in than):
        raise reader.fail("than", f"must hold segment keys, not {shown(than)}")
    claim = Claim(
        feature=reader.text("feature"),
        direction=reader.choice("direction", _DIRECTIONS),
        word=reader.text("word") if "word" in reader.fields else "",
        than=tuple(than),
    )
    reader.done()
    return claim
