"""The model document: it round-trips exactly, reads like a document, and says where it is wrong."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.model_documents import ModelError
from sahara_assets.segmentation.document import from_json, to_json
from sahara_assets.segmentation.model import TIERS, Claim, Segment, SegmentationModel, centroid_in_units
from sahara_assets.segmentation.preprocess import OTHER, FittedCategory, FittedNumber, Preprocessing
from sahara_assets_tests.segmentation.made_features import clustered, drawn_table

finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
names = st.from_regex(r"[A-Za-z][A-Za-z ,]{0,30}[a-z]", fullmatch=True)


@st.composite
def categories(draw, name):
    chosen = draw(st.lists(words.filter(lambda word: word != OTHER), min_size=1, max_size=6, unique=True))
    kept = draw(st.integers(1, len(chosen)))
    lumped = tuple(chosen[kept:])
    return FittedCategory(name, "", draw(words), (*chosen[:kept], OTHER) if lumped else tuple(chosen), lumped)


@st.composite
def fitted_numbers(draw, name):
    transform = draw(st.sampled_from(["log1p", "none"]))
    cap = draw(st.none() | finite)
    return FittedNumber(name, draw(words), draw(finite), cap, transform, draw(finite), draw(finite.map(abs)))


@st.composite
def models(draw):
    feature_names = draw(st.lists(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), min_size=1, max_size=4, unique=True))
    features = tuple(draw(st.one_of(fitted_numbers(name), categories(name))) for name in feature_names)
    preprocessing = Preprocessing(features)
    segment_names = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    keys = sorted(draw(st.sets(st.integers(1, 99), min_size=len(segment_names), max_size=len(segment_names))))
    claims = st.builds(
        Claim,
        words,
        st.sampled_from(["high", "low", "more"]),
        st.just("") | words,
        st.lists(st.integers(1, 9), max_size=2).map(tuple),
    )
    width = len(preprocessing.columns)
    segments = tuple(
        Segment(
            key,
            name,
            draw(st.sampled_from(TIERS)),
            draw(words),
            tuple(draw(st.lists(claims, max_size=2))),
            tuple(draw(st.lists(finite, min_size=width, max_size=width))),
        )
        for key, name in zip(keys, segment_names, strict=True)
    )
    return SegmentationModel(
        version=draw(st.integers(1, 9)),
        seed=draw(st.integers(-9, 9)),
        cut_off=draw(words),
        first_ordered_at=draw(words),
        last_ordered_at=draw(words),
        customer_count=draw(st.integers(0, 9)),
        next_key=keys[-1] + draw(st.integers(1, 9)),
        outlier_distance=draw(finite.map(abs)),
        preprocessing=preprocessing,
        segments=segments,
    )


@settings(deadline=None, max_examples=60)
@given(models())
def test_a_model_reads_back_as_itself_and_writes_the_same_bytes_again(model):
    text = to_json(model)
    assert from_json(text) == model
    assert to_json(from_json(text)) == text


def test_the_order_of_keys_in_an_edited_document_does_not_matter():
    text = to_json(trained())
    shuffled = json.dumps(json.loads(text), sort_keys=True)
    assert to_json(from_json(shuffled)) == text


def trained() -> SegmentationModel:
    return clustered(drawn_table(1), 4, ("recency_days", "gross_spend", "country"))


def test_a_document_names_features_units_and_coordinates_for_a_reader():
    document = json.loads(to_json(trained()))
    assert document["format"] == "sahara segmentation model"
    assert document["k"] == 4
    assert [(feature["name"], feature["unit"]) for feature in document["features"]] == [
        ("recency_days", "days"),
        ("gross_spend", "money"),
        ("country", ""),
    ]
    assert set(document["segments"][0]["centroid"]) > {"recency_days", "gross_spend", "country=Land 0"}
    assert [segment["key"] for segment in document["segments"]] == [1, 2, 3, 4]


DAMAGE = {
    "model.k: is 5, and there are 4 segments": lambda document: document | {"k": 5},
    "model.version: is missing": lambda document: {key: value for key, value in document.items() if key != "version"},
    "model.version: must be a whole number from 1, not 0": lambda document: document | {"version": 0},
    "model.version: must be a whole number from 1, not true": lambda document: document | {"version": True},
    "model.colour: is no part of a model": lambda document: document | {"colour": "red"},
    "model.format_version: this Sahara reads versions up to 2, not 3": lambda document: (
        document | {"format_version": 3}
    ),
    "model.format: must be 'sahara segmentation model'": lambda document: document | {"format": "pickle"},
    "model.outlier_distance: must be a finite number of at least 0, not -1": lambda document: (
        document | {"outlier_distance": -1}
    ),
    "model.next_key: must be above every segment's key, and 4 is used": lambda document: document | {"next_key": 4},
    "model.features: must name at least one feature": lambda document: document | {"features": []},
    'model.features: must be a list, not "none"': lambda document: document | {"features": "none"},
    "model.cut_off: must be text, not 7": lambda document: document | {"cut_off": 7},
    "model.features[0].transform: must be one of log1p, none, not 'sqrt'": lambda document: damaged(
        document, "features", transform="sqrt"
    ),
    'model.features[0].mean: must be a finite number, not "1"': lambda document: damaged(
        document, "features", mean="1"
    ),
    "model.features[0].standard_deviation: must be a finite number of at least 0": lambda document: damaged(
        document, "features", standard_deviation=-0.5
    ),
    "model.features[0].name: is empty": lambda document: damaged(document, "features", name=""),
    "model.segments[0].tier: must be one of Platinum": lambda document: damaged(document, "segments", tier="Tin"),
    "model.segments[0].name: must be 1 to 36 ASCII characters": lambda document: damaged(
        document, "segments", name="x" * 37
    ),
    "model.segments[0].name: must be 1 to 36 ASCII characters, not 'é'": lambda document: damaged(
        document, "segments", name="é"
    ),
    "model.segments: must stand in the order of their keys": lambda document: damaged(document, "segments", key=3),
    "model.segments[0].centroid.recency_days: is missing": lambda document: damaged(document, "segments", centroid={}),
    "model.segments[0].centroid: must be an object, not [1]": lambda document: damaged(
        document, "segments", centroid=[1]
    ),
    "model.segments[0].claims[0].direction: must be one of high": lambda document: damaged(
        document, "segments", claims=[{"feature": "x", "direction": "up"}]
    ),
    "model.segments[0].claims[0].than: must hold segment keys": lambda document: damaged(
        document, "segments", claims=[{"feature": "x", "direction": "more", "than": ["a"]}]
    ),
}


def damaged(document, part, **changes):
    first, *others = document[part]
    return document | {part: [first | changes, *others]}


@pytest.mark.parametrize("complaint", DAMAGE)
def test_a_damaged_document_is_refused_with_the_place(complaint):
    document = json.loads(to_json(trained()))
    with pytest.raises(ModelError) as caught:
        from_json(json.dumps(DAMAGE[complaint](document)))
    assert str(caught.value).startswith(complaint)


def test_two_segments_of_one_name_are_refused():
    document = json.loads(to_json(trained()))
    document["segments"][1]["name"] = document["segments"][0]["name"]
    with pytest.raises(ModelError, match="two segments are named"):
        from_json(json.dumps(document))


def test_a_category_that_is_lumped_and_not_lumped_is_refused():
    document = json.loads(to_json(trained()))
    country = document["features"][2]
    country["lumped"] = [country["categories"][0], *country["lumped"]]
    with pytest.raises(ModelError, match=r"features\[2\]\.lumped: 'Land 0' has a category of its own"):
        from_json(json.dumps(document))
    country["lumped"] = []
    with pytest.raises(ModelError, match="holds words exactly where the last category is"):
        from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", '"model"', '{"format": "a", "format": "b"}'])
def test_what_is_no_document_is_refused(text):
    with pytest.raises(ModelError, match=r"^model"):
        from_json(text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" * 400])
def test_a_number_that_is_none_is_refused(number):
    text = to_json(trained())
    place = f'"outlier_distance": {json.loads(text)["outlier_distance"]!r}'
    assert place in text
    with pytest.raises(ModelError, match=r"model\.outlier_distance: must be a finite number"):
        from_json(text.replace(place, f'"outlier_distance": {number}'))


def test_a_centroid_comes_back_in_original_units_and_shares():
    preprocessing = Preprocessing(
        (
            FittedNumber("gross_spend", "money", 0.0, None, "log1p", math.log(100), math.log(10)),
            FittedCategory("country", "", "(unknown)", ("France", "Peru"), ()),
        )
    )
    units = centroid_in_units(preprocessing, [0.5, 0.75, 0.25])
    assert units["gross_spend"] == pytest.approx(100 * math.sqrt(10) - 1, rel=1e-12)
    assert units["country"] == {"France": 0.75, "Peru": 0.25}


def test_a_segment_is_found_by_its_key():
    model = trained()
    assert model.segment(3) is model.segments[2]
    with pytest.raises(KeyError, match="has no segment 9"):
        model.segment(9)
