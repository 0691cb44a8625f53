from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from threadpoolctl import threadpool_limits

from sahara_assets.segmentation.kmeans import UnclusterableError, assign, checked_matrix, fit, fit_range
from sahara_assets.segmentation.metrics import adjusted_rand_index

small_matrices = hnp.arrays(
    np.float64,
    st.tuples(st.integers(6, 40), st.integers(1, 4)),
    elements=st.integers(-50, 50).map(lambda tenths: tenths / 10),
)


def blobs(*, rows, columns, clusters, spread, seed):
    from sklearn.datasets import make_blobs

    return make_blobs(rows, columns, centers=clusters, cluster_std=spread, random_state=seed)


def shoppers(rows, seed):
    """Skewed and correlated like log recency, orders and spend, with ties in the counts."""
    generator = np.random.default_rng(seed)
    orders = np.ceil(generator.lognormal(0.8, 0.9, rows))
    spend = orders * generator.lognormal(5.5, 0.7, rows)
    recency = np.round(generator.exponential(90, rows) / np.sqrt(orders))
    logs = np.log1p(np.column_stack([recency, orders, spend]))
    return (logs - logs.mean(axis=0)) / logs.std(axis=0)


def test_assignment_is_that_of_a_full_distance_table():
    generator = np.random.default_rng(0)
    rows, centroids = generator.normal(size=(500, 5)), generator.normal(size=(7, 5))
    table = np.linalg.norm(rows[:, None] - centroids[None], axis=2)
    labels, distances = assign(rows, centroids)
    assert np.array_equal(labels, table.argmin(axis=1))
    assert np.allclose(distances, table.min(axis=1), atol=1e-12)


def test_a_row_half_way_falls_to_the_first_centroid():
    assert assign([[1.0], [-1.0]], [[0.0], [2.0], [-2.0]])[0].tolist() == [0, 0]


def test_a_row_is_assigned_alike_alone_and_among_many():
    generator = np.random.default_rng(1)
    rows, centroids = generator.normal(size=(20_000, 3)), generator.normal(size=(5, 3))
    labels, distances = assign(rows, centroids)
    for index in (0, 8_191, 8_192, 19_999):
        alone_label, alone_distance = assign(rows[index : index + 1], centroids)
        assert (alone_label[0], alone_distance[0]) == (labels[index], distances[index])


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param(blobs(rows=600, columns=3, clusters=6, spread=1.0, seed=1)[0], id="blobs apart"),
        pytest.param(blobs(rows=900, columns=2, clusters=12, spread=0.6, seed=2)[0], id="many blobs"),
        pytest.param(blobs(rows=800, columns=8, clusters=5, spread=4.0, seed=3)[0], id="blobs that overlap"),
        pytest.param(shoppers(800, 4), id="skewed shoppers with ties"),
    ],
)
def test_the_inertia_is_never_half_a_percent_above_scikit_learns_of_ten_starts(matrix):
    from sklearn.cluster import KMeans

    ks = [3, 5, 12]
    ours = fit_range(matrix, ks, seed=0)
    for k in ks:
        theirs = KMeans(k, n_init=10, random_state=0).fit(matrix).inertia_
        assert ours[k].inertia <= theirs * 1.005


@settings(max_examples=40, deadline=None)
@given(small_matrices, st.integers(1, 5), st.integers(0, 3))
def test_every_row_has_its_nearest_centroid_and_no_cluster_is_empty(matrix, k, seed):
    if len(np.unique(matrix, axis=0)) < k:
        with pytest.raises(UnclusterableError, match="different rows"):
            fit(matrix, k, seed=seed)
        return
    fitted = fit(matrix, k, seed=seed)
    squared = np.square(matrix[:, None] - fitted.centroids[None]).sum(axis=2)
    chosen = squared[np.arange(len(matrix)), fitted.labels]
    assert np.allclose(chosen, squared.min(axis=1), atol=1e-9)
    assert fitted.inertia == pytest.approx(chosen.sum(), abs=1e-9)
    assert set(fitted.labels.tolist()) == set(range(k))


@settings(max_examples=20, deadline=None)
@given(small_matrices, st.integers(0, 3))
def test_over_consecutive_ks_the_inertia_never_rises(matrix, seed):
    most = min(7, len(np.unique(matrix, axis=0)))
    inertias = [fitted.inertia for fitted in fit_range(matrix, range(1, most + 1), seed=seed).values()]
    assert all(after <= before + 1e-9 for before, after in pairwise(inertias))


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_shuffled_rows_are_grouped_as_before_where_groups_lie_apart(random):
    matrix, _ = blobs(rows=120, columns=2, clusters=4, spread=0.2, seed=11)
    order = list(range(len(matrix)))
    random.shuffle(order)
    before, after = fit(matrix, 4, seed=0), fit(matrix[order], 4, seed=0)
    assert np.array_equal(before.labels[order], after.labels)
    assert np.allclose(before.centroids, after.centroids, atol=1e-9)


def test_centroids_come_in_ascending_order_of_their_columns():
    matrix = np.array([[1.0, 9.0], [1.0, 2.0], [0.0, 5.0]]).repeat(4, axis=0)
    assert fit(matrix, 3, seed=5).centroids.tolist() == [[0.0, 5.0], [1.0, 2.0], [1.0, 9.0]]


def test_the_same_seed_gives_the_same_bytes_on_one_thread_and_on_two():
    matrix = shoppers(2500, 7)
    prints = []
    for threads in (1, 2, 1):
        with threadpool_limits(threads):
            fitted = fit_range(matrix, range(3, 7), seed=3)
        prints.append([(f.centroids.tobytes(), f.labels.tobytes(), f.inertia) for f in fitted.values()])
    assert prints[0] == prints[1] == prints[2]


def test_as_many_clusters_as_different_rows_leave_no_distance():
    matrix = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [5.0, 5.0], [7.0, 1.0]])
    fitted = fit(matrix, 4, seed=0)
    assert fitted.inertia == 0.0
    assert len(np.unique(fitted.centroids, axis=0)) == 4


def test_a_sample_for_the_starts_finds_what_all_rows_find():
    matrix, truth = blobs(rows=6000, columns=4, clusters=5, spread=0.5, seed=21)
    sampled = fit_range(matrix, [5], seed=0, search_rows=1000)[5]
    assert adjusted_rand_index(sampled.labels, truth) == 1.0
    assert sampled.inertia == pytest.approx(fit(matrix, 5, seed=0).inertia, rel=1e-6)


def test_a_group_that_two_starts_share_is_parted_by_a_swap():
    generator = np.random.default_rng(0)
    centres = np.array([[x * 30.0, y * 30.0] for x in range(4) for y in range(4)])
    matrix = np.vstack([centre + generator.normal(size=(20, 2)) for centre in centres])
    truth = np.repeat(np.arange(16), 20)
    for seed in range(5):
        assert adjusted_rand_index(fit(matrix, 16, seed=seed, restarts=1).labels, truth) == 1.0


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        ([1.0, 2.0], "1 dimensions"),
        (np.empty((0, 3)), "0 rows"),
        (np.empty((3, 0)), "0 columns"),
        ([[1.0], [np.nan]], "first in row 1, column 0"),
        ([[1.0, np.inf]], "first in row 0, column 1"),
    ],
)
def test_a_matrix_that_cannot_be_clustered_says_why(matrix, says):
    with pytest.raises(UnclusterableError, match=says):
        checked_matrix(matrix)


def test_rows_and_centroids_of_different_width_are_refused():
    with pytest.raises(UnclusterableError, match="rows have 2 columns, centroids 3"):
        assign([[1.0, 2.0]], [[1.0, 2.0, 3.0]])


def test_no_cluster_at_all_is_refused():
    with pytest.raises(UnclusterableError, match="at least 1"):
        fit([[1.0], [2.0]], 0, seed=0)
