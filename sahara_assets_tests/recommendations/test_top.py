import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sahara_assets.recommendations.top import DECIMALS, blocks, top

few = st.sampled_from([0.0, 0.25, 0.2500001, 0.5, 1.0, -1.0, -np.inf])
matrices = arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 200)), elements=few)


@given(matrices, st.integers(1, 12))
def test_the_best_are_those_of_a_full_sort_with_ties_to_the_smaller_number(scores, most):
    rows, columns, values = top(scores, most)
    for row, own in enumerate(scores):
        rounded = np.round(own.astype(np.float64), DECIMALS)
        order = [column for column in np.argsort(-rounded, kind="stable") if own[column] > -np.inf][:most]
        assert columns[rows == row].tolist() == order
        assert values[rows == row].tolist() == rounded[order].tolist()


@given(st.integers(0, 50), st.integers(0, 20), st.integers(1, 30))
def test_parts_cover_every_row_once_and_hold_no_more_than_they_may(rows, columns, cells):
    parts = list(blocks(rows, columns, cells))
    assert [row for first, last in parts for row in range(first, last)] == list(range(rows))
    assert all((last - first) * columns <= max(cells, columns) for first, last in parts)
