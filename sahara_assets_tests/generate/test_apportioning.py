"""Whole numbers that add up: shares within bounds, and tables with both margins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.generate.apportioning import apportion, table_of

_PARTS = st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 50), st.integers(0, 1_000)), min_size=1, max_size=40)


@settings(deadline=None)
@given(_PARTS, st.data())
def test_parts_add_up_and_keep_their_bounds(parts, data):
    weights = np.array([weight for weight, _, _ in parts])
    low = np.array([least for _, least, _ in parts])
    high = low + np.array([more for _, _, more in parts])
    total = data.draw(st.integers(int(low.sum()), int(high.sum())))
    found = apportion(total, weights, low, high)
    assert found.sum() == total
    assert (found >= low).all()
    assert (found <= high).all()


@settings(deadline=None)
@given(_PARTS)
def test_a_total_out_of_bounds_is_refused(parts):
    low = np.array([least for _, least, _ in parts])
    high = low + np.array([more for _, _, more in parts])
    for total in (int(low.sum()) - 1, int(high.sum()) + 1):
        with pytest.raises(ValueError, match="cannot be shared out"):
            apportion(total, np.ones(len(low)), low, high)


@settings(deadline=None)
@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=30), st.integers(0, 10**6))
def test_without_bounds_no_part_is_further_than_one_from_its_share(weights, total):
    found = apportion(total, np.array(weights, dtype=np.float64))
    exact = np.array(weights) * total / sum(weights)
    assert np.abs(found - exact).max() < 1 + 1e-6


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_a_table_keeps_both_margins_and_its_bounds(height, width, seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 60, (height, width))
    low, high = np.maximum(truth - rng.integers(0, 30, truth.shape), 0), truth + rng.integers(0, 30, truth.shape)
    found = table_of(truth.sum(axis=1), truth.sum(axis=0), rng.random(truth.shape), low, truth + 10**6)
    assert (found.sum(axis=1) == truth.sum(axis=1)).all()
    assert (found.sum(axis=0) == truth.sum(axis=0)).all()
    assert (found >= low).all()
    assert (high >= low).all()
