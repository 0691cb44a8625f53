"""FARM_FINGERPRINT against published values, for every branch of the hash's lengths."""

from __future__ import annotations

import pytest

from sahara_assets_tests.fake_bigquery.farmhash import farm_fingerprint

PUBLISHED = [
    # Hash functions, https://cloud.google.com/bigquery/docs/reference/standard-sql/hash_functions, the example of FARM_FINGERPRINT
    (b"1footrue", -1541654101129638711),
    (b"2applefalse", 2794438866806483259),
    (b"3true", -4880158226897771312),
    # Guava's tests of its farmHashFingerprint64, which states the same function
    (b"test", 8581389452482819506),
    (b"test" * 8, -4196240717365766262),
    (b"test" * 64, 3500507768004279527),
]


@pytest.mark.parametrize(("data", "fingerprint"), PUBLISHED)
def test_it_gives_the_published_values(data, fingerprint):
    assert farm_fingerprint(data) == fingerprint


def test_no_two_lengths_of_one_letter_collide():
    # 200 lengths pass through every branch and every remainder; a branch that forgot a word would repeat itself
    assert len({farm_fingerprint(b"x" * size) for size in range(200)}) == 200
