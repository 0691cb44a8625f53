"""The mapping finds the right columns in many strangers' files, whatever their order, and says so when one is not there."""

from __future__ import annotations

import random
import tempfile
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from sahara_assets.onboarding.propose import propose
from sahara_assets.onboarding.render import render_config
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.datasets import DATASETS
from sahara_assets_tests.onboarding.shapes import SHAPES
from sahara_assets_tests.onboarding.shapes_held_back import HELD_BACK, UNPLANNED

EVERY_SHAPE = [pytest.param(place, id=shape.name) for place, shape in enumerate((*SHAPES, *HELD_BACK, *UNPLANNED))]


@cache
def _proposed(place):
    """The proposal for the n-th shape, made once for all tests."""
    shape = (*SHAPES, *HELD_BACK, *UNPLANNED)[place]
    with tempfile.TemporaryDirectory() as folder:
        return shape, *_purchases(shape, Path(folder), shape.content(seed=11))


def _purchases(shape, tmp_path, content):
    (tmp_path / shape.file_name).write_bytes(content)
    proposal = propose([tmp_path / shape.file_name], tmp_path)
    dataset = proposal.dataset("purchases")
    assert dataset is not None, proposal.unused
    return proposal, dataset


@pytest.mark.parametrize("place", EVERY_SHAPE)
def test_every_column_goes_to_the_header_a_person_would_choose(place):
    shape, proposal, dataset = _proposed(place)

    found = {match.column: match.header for match in dataset.columns if match.column not in shape.either}
    assert found == {column: shape.wanted.get(column) for column in found}
    assert dataset.delimiter.value == shape.delimiter
    if "ordered_at" in shape.wanted:
        assert dataset.date_formats.value == shape.date_formats
    if "unit_price" in shape.wanted:
        assert dataset.decimal_mark.value == shape.decimal_mark
    needed = {*DATASETS["purchases"].required, *DATASETS["purchases"].expected}
    assert set(dataset.missing) == needed - set(shape.wanted)
    assert proposal.complete == (not dataset.missing)


@pytest.mark.parametrize("place", EVERY_SHAPE)
def test_the_written_settings_hold_exactly_the_proposal(place):
    shape, proposal, dataset = _proposed(place)

    settings = parse_settings(tomllib.loads(render_config(proposal)), root=proposal.root).datasets["purchases"]

    named = {column: header for column, header in settings.columns.items() if header}
    assert named == {match.column: match.header for match in dataset.columns if match.header is not None}
    assert settings.patterns == list(dataset.patterns)
    assert settings.delimiter == shape.delimiter
    assert settings.date_formats == list(dataset.date_formats.value)


@pytest.mark.parametrize(
    "shape",
    [shape for shape in SHAPES if shape.name in {"shopify", "superstore", "magento", "german"}],
    ids=lambda shape: shape.name,
)
def test_the_order_of_the_columns_does_not_matter(shape, tmp_path):
    places = list(range(len(shape.names)))
    random.Random(5).shuffle(places)
    turned = replace(
        shape,
        header=[shape.names[place] for place in places],
        row=lambda line: [shape.row(line)[place] for place in places],
    )

    _, dataset = _purchases(turned, tmp_path, turned.content())

    found = {match.column: match.header for match in dataset.columns if match.column not in shape.either}
    assert found == {column: shape.wanted.get(column) for column in found}


def test_an_amount_that_grows_with_the_quantity_is_not_taken_for_the_unit_price(tmp_path):
    shape = next(shape for shape in SHAPES if shape.name == "amazon all orders")

    _, dataset = _purchases(shape, tmp_path, shape.content())

    price = next(match for match in dataset.columns if match.column == "unit_price")
    assert price.header is None
    assert "'item-price'" in price.evidence
    assert "grows with the quantity" in price.evidence


def test_windows_1252_is_told_from_utf_8(tmp_path):
    german = next(shape for shape in SHAPES if shape.name == "german")

    _, as_delivered = _purchases(german, tmp_path, german.content())
    _, converted = _purchases(german, tmp_path, german.content().decode("cp1252").encode("utf-8-sig"))

    assert as_delivered.encoding.value == "windows-1252"
    assert converted.encoding.value == "utf-8"
    assert [match.header for match in converted.columns] == [match.header for match in as_delivered.columns]
