"""Segment names and tiers, made fit for a user property."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.exports.values import distinct_values, fitting
from sahara_assets_tests.exports.made_customers import awkward


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Lapsed big spenders", "Lapsed big spenders"),
        ("=HYPERLINK(1)", "HYPERLINK(1)"),
        ("+-@= VIP", "VIP"),
        ("two\nlines\there", "two lines here"),
        ("x" * 40, "x" * 36),
        ("😀" * 20, "😀" * 18),
        ("35 letters then a space and another word", "35 letters then a space and another"),
        ("=", ""),
    ],
)
def test_a_name_is_mended_where_it_does_not_fit(text: str, value: str) -> None:
    assert fitting(text) == value


@given(st.lists(awkward, max_size=8))
def test_no_two_names_are_written_alike_and_each_fits(texts: list[str]) -> None:
    values = distinct_values(texts, "Segment")
    assert len(set(values)) == len(texts) == len(values)
    for value in values:
        assert value
        assert len(value) <= 36
        assert value == value.strip()
        assert value[0] not in "=+-@\uff1d\uff0b\uff0d\uff20"
        assert not any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in value)


@given(st.lists(awkward, max_size=8, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_different_names_does_not_matter(texts: list[str], random) -> None:
    shuffled = random.sample(texts, len(texts))
    assert dict(zip(shuffled, distinct_values(shuffled, "Segment"), strict=True)) == dict(
        zip(texts, distinct_values(texts, "Segment"), strict=True)
    )


def test_names_that_agree_in_36_characters_are_numbered() -> None:
    long = "Customers who bought a lot in spring and "
    assert distinct_values([long + "winter", long + "autumn", "Loyal", "Loyal"], "Segment") == [
        "Customers who bought a lot in sp (2)",
        "Customers who bought a lot in spring",
        "Loyal",
        "Loyal (2)",
    ]
