import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from sahara_assets.segmentation.kmeans import UnclusterableError
from sahara_assets.segmentation.metrics import (
    adjusted_rand_index,
    calinski_harabasz,
    davies_bouldin_index,
    mean_squared_distance,
    silhouette,
    silhouettes,
    weakest_overlap,
    wholeness,
)

labelings = st.lists(st.integers(0, 4), min_size=2, max_size=40)


def grouped(seed, rows=300, columns=4, clusters=5):
    generator = np.random.default_rng(seed)
    labels = generator.integers(clusters, size=rows)
    labels[:clusters] = np.arange(clusters)
    return generator.normal(size=(rows, columns)) + 2.0 * labels[:, None], labels


@pytest.mark.parametrize("seed", range(6))
def test_each_measure_equals_scikit_learns(seed):
    matrix, labels = grouped(seed, columns=1 + seed * 3)
    assert silhouette(matrix, labels, seed=0).value == pytest.approx(
        reference.silhouette_score(matrix, labels), abs=1e-9
    )
    assert davies_bouldin_index(matrix, labels) == pytest.approx(
        reference.davies_bouldin_score(matrix, labels), abs=1e-9
    )
    assert calinski_harabasz(matrix, labels) == pytest.approx(
        reference.calinski_harabasz_score(matrix, labels), rel=1e-9, abs=1e-9
    )


def test_a_row_alone_in_its_cluster_counts_nothing():
    matrix = np.array([[0.0], [1.0], [50.0], [10.0], [12.0]])
    labels = np.array([0, 0, 1, 2, 2])
    assert silhouette(matrix, labels, seed=0).value == pytest.approx(
        reference.silhouette_score(matrix, labels), abs=1e-12
    )


def test_copies_of_a_row_are_no_distance_apart():
    matrix = np.round(np.random.default_rng(0).exponential(size=(400, 3)), 1) + 1e3
    labels = (matrix[:, 0] > 1000.7).astype(int) + (matrix[:, 1] > 1001.0)
    table = np.sqrt(np.square(matrix[:, None] - matrix[None]).sum(axis=2))
    exact = reference.silhouette_score(table, labels, metric="precomputed")
    assert silhouette(matrix, labels, seed=0).value == pytest.approx(exact, abs=1e-9)


def test_two_piles_of_copies_have_a_silhouette_of_one():
    assert silhouette([[0.0], [0.0], [3.0], [3.0]], [0, 0, 1, 1], seed=0).value == 1.0


def test_several_groupings_at_once_equal_one_at_a_time():
    matrix, labels = grouped(3, rows=700)
    others = [labels, labels % 2, (matrix[:, 0] > 3).astype(int)]
    together = silhouettes(matrix, others, seed=0)
    for given_labels, found in zip(others, together, strict=True):
        assert found.value == pytest.approx(reference.silhouette_score(matrix, given_labels), abs=1e-9)
        assert found.sample_size == 700


def test_above_its_size_the_silhouette_is_that_of_a_seeded_sample_and_says_so():
    matrix, labels = grouped(4, rows=2000)
    sampled = silhouette(matrix, labels, seed=9, exact_up_to=500)
    assert sampled.sample_size == 500
    assert sampled == silhouette(matrix, labels, seed=9, exact_up_to=500)
    assert sampled != silhouette(matrix, labels, seed=10, exact_up_to=500)
    assert sampled.value == pytest.approx(reference.silhouette_score(matrix, labels), abs=0.05)


@given(labelings.flatmap(lambda first: st.tuples(st.just(first), st.permutations(first))))
def test_the_rand_index_equals_scikit_learns_and_is_symmetric(pair):
    first, second = pair
    assert adjusted_rand_index(first, second) == pytest.approx(reference.adjusted_rand_score(first, second), abs=1e-12)
    assert adjusted_rand_index(first, second) == adjusted_rand_index(second, first)


@given(labelings, st.permutations(range(5)))
def test_the_rand_index_ignores_the_names_of_groups(labels, names):
    assert adjusted_rand_index(labels, [names[label] for label in labels]) == 1.0


def test_the_rand_index_of_millions_of_rows_stays_exact():
    labels = np.arange(3_000_000) % 2
    assert adjusted_rand_index(labels, labels) == 1.0
    assert abs(adjusted_rand_index(labels, (np.arange(3_000_000) // 2) % 2)) < 1e-5


def test_groupings_of_different_length_are_refused():
    with pytest.raises(UnclusterableError, match="2 and 3"):
        adjusted_rand_index([0, 1], [0, 1, 1])


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=20))
def test_the_mean_squared_distance_is_the_mean_of_squares(distances):
    assert mean_squared_distance(distances) == pytest.approx(sum(d * d for d in distances) / len(distances))


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]])
@pytest.mark.parametrize("measure", [davies_bouldin_index, calinski_harabasz, lambda x, y: silhouette(x, y, seed=0)])
def test_one_cluster_or_one_for_each_row_has_no_separation_to_measure(measure, labels):
    with pytest.raises(UnclusterableError, match="2 clusters at least"):
        measure([[0.0], [1.0], [2.0], [3.0]], labels)


def test_a_label_too_few_is_refused():
    with pytest.raises(UnclusterableError, match="one label a row"):
        davies_bouldin_index([[0.0], [1.0], [2.0]], [0, 1])


@given(
    labelings.flatmap(
        lambda first: st.tuples(st.just(first), st.lists(st.integers(0, 4), min_size=len(first), max_size=len(first)))
    )
)
def test_the_weakest_overlap_is_what_counting_rows_gives(pair):
    first, second = pair
    rows_of = [
        [{row for row, label in enumerate(labels) if label == one} for one in set(labels)] for labels in (first, second)
    ]
    expected = min(max(len(one & other) / len(one | other) for other in rows_of[1]) for one in rows_of[0])
    assert weakest_overlap(first, second) == pytest.approx(expected, abs=1e-12)


def test_one_cluster_that_dissolves_shows_in_the_weakest_overlap_and_hardly_in_the_rand_index():
    first = np.repeat([0, 1, 2], [500, 480, 20])
    second = first.copy()
    second[-20:] = np.arange(20) % 2
    assert adjusted_rand_index(first, second) > 0.95
    assert weakest_overlap(first, second) < 0.03


def test_an_even_spread_and_a_normal_one_are_whole():
    generator = np.random.default_rng(0)
    for points in (
        np.linspace(0.0, 1.0, 1000)[:, None],
        generator.normal(size=(1000, 1)),
        generator.normal(size=(800, 6)),
    ):
        assert wholeness(points, np.zeros(len(points)), smallest_part=10) == pytest.approx(1.0, abs=2e-3)


def test_what_a_cut_leaves_of_two_far_piles_is_their_own_spread():
    matrix = [[-11.0], [-9.0], [9.0], [11.0]]  # variance 101 around 0, 1 around -10 and 10
    assert wholeness(matrix, [0, 0, 0, 0], smallest_part=2) == pytest.approx(4.0 / 101.0)


def test_the_worst_cluster_speaks_for_all():
    matrix = np.array([[-11.0], [-9.0], [9.0], [11.0], *([[20.0 + 0.1 * row] for row in range(50)])])
    labels = np.repeat([0, 1], [4, 50])
    blur = (0.04 * 22.45) ** 2  # the other cluster's centre is 22.45 away
    assert wholeness(matrix, labels, smallest_part=2) == pytest.approx(4.0 * (1.0 + blur) / (101.0 + blur))


def test_piles_that_stand_close_beside_a_far_group_are_one():
    generator = np.random.default_rng(2)
    orders = np.log1p(generator.integers(1, 3, size=300).astype(float))
    cluster = np.stack([orders, generator.normal(0.0, 0.05, size=300)], axis=1)
    alone = wholeness(cluster, np.zeros(300), smallest_part=3)
    beside = wholeness(np.vstack([cluster, cluster + 20.0]), np.repeat([0, 1], 300), smallest_part=3)
    assert alone < 0.1
    assert beside == 1.0


def test_a_straggler_does_not_make_a_cluster_two():
    matrix = np.append(np.random.default_rng(1).normal(size=200), [60.0])[:, None]
    labels = np.zeros(201)
    assert wholeness(matrix, labels, smallest_part=1) < 0.3
    assert wholeness(matrix, labels, smallest_part=5) > 0.9


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_copies_of_one_row_and_clusters_too_small_to_cut_are_whole(rows):
    assert wholeness(np.ones((rows, 2)), np.zeros(rows), smallest_part=1) == 1.0
    assert wholeness(np.arange(rows, dtype=float)[:, None], np.zeros(rows), smallest_part=3) == 1.0


@given(st.integers(0, 50), st.floats(0.01, 100.0), st.floats(-100.0, 100.0))
@settings(max_examples=30, deadline=None)
def test_wholeness_knows_no_unit_no_origin_no_direction_and_no_order(seed, scale, shift):
    matrix, labels = grouped(seed, rows=120, columns=3, clusters=2)
    generator = np.random.default_rng(seed)
    turn = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    order = generator.permutation(120)
    expected = wholeness(matrix, labels, smallest_part=3)
    assert wholeness((matrix @ turn * scale + shift)[order], labels[order], smallest_part=3) == pytest.approx(
        expected, abs=1e-6
    )
