import dataclasses

import numpy as np
import pytest
from sklearn import metrics as reference
from threadpoolctl import threadpool_limits

from sahara_assets.segmentation.kmeans import UnclusterableError
from sahara_assets.segmentation.sweep import sweep


def clouds(sizes, *, gap=10.0, columns=2, seed=0):
    generator = np.random.default_rng(seed)
    return np.vstack([index * gap + generator.normal(size=(size, columns)) for index, size in enumerate(sizes)])


def contents(swept):
    return [
        (
            model.k,
            model.centroids.tobytes(),
            model.labels.tobytes(),
            dataclasses.astuple(dataclasses.replace(model, centroids=None, labels=None)),
        )
        for model in swept
    ]


def test_every_k_is_measured_as_scikit_learn_would():
    matrix = clouds([60, 50, 40, 30])
    swept = sweep(matrix, k_min=2, k_max=6, seed=1)
    assert [model.k for model in swept] == [2, 3, 4, 5, 6]
    for model in swept:
        sizes = np.bincount(model.labels)
        assert model.silhouette == pytest.approx(reference.silhouette_score(matrix, model.labels), abs=1e-9)
        assert model.davies_bouldin_index == pytest.approx(
            reference.davies_bouldin_score(matrix, model.labels), abs=1e-9
        )
        assert model.calinski_harabasz == pytest.approx(
            reference.calinski_harabasz_score(matrix, model.labels), rel=1e-9
        )
        nearest = np.square(matrix - model.centroids[model.labels]).sum(axis=1).mean()
        assert model.mean_squared_distance == pytest.approx(nearest)
        assert (model.smallest_size, model.row_count) == (sizes.min(), 180)
        assert (model.smallest_share, model.largest_share) == (sizes.min() / 180, sizes.max() / 180)
        assert model.silhouette_sample_size == 180
        assert model.capped_from is None


def test_the_true_number_is_perfectly_stable_and_has_the_sharpest_elbow():
    swept = {model.k: model for model in sweep(clouds([50, 50, 50, 50]), k_min=2, k_max=8, seed=0)}
    assert swept[4].stability == 1.0
    assert max(swept, key=lambda k: swept[k].elbow) == 4
    assert all(swept[k].stability < 1.0 for k in (5, 6, 7, 8))


def test_too_few_clusters_are_not_whole_and_too_many_are_not_steady():
    swept = {model.k: model for model in sweep(clouds([50, 50, 50, 50]), k_min=2, k_max=6, seed=0)}
    assert (swept[4].steadiness, swept[4].wholeness) == (1.0, pytest.approx(1.0))
    assert max(swept[2].wholeness, swept[3].wholeness) < 0.3
    assert max(swept[5].steadiness, swept[6].steadiness) < 0.8
    assert all(model.steadiness <= 1.0 and model.wholeness <= 1.0 for model in swept.values())


def test_what_has_no_clusters_has_hardly_an_elbow():
    matrix = np.random.default_rng(0).uniform(size=(2000, 1))
    assert all(abs(model.elbow) < 0.05 for model in sweep(matrix, k_min=3, k_max=8, seed=0, resamples=2))


def test_the_mean_squared_distance_never_rises_with_k():
    swept = sweep(np.random.default_rng(3).normal(size=(400, 3)), k_min=2, k_max=12, seed=0, resamples=2)
    values = [model.mean_squared_distance for model in swept]
    assert values == sorted(values, reverse=True)


def test_the_same_seed_gives_the_same_sweep_on_one_thread_and_on_two():
    matrix = np.random.default_rng(5).normal(size=(1500, 4))
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(contents(sweep(matrix, k_min=3, k_max=6, seed=7)))
    assert found[0] == found[1]


def test_an_elbow_does_not_depend_on_where_the_range_begins():
    matrix = clouds([40, 40, 40])
    wide = {model.k: model.elbow for model in sweep(matrix, k_min=2, k_max=5, seed=0)}
    narrow = {model.k: model.elbow for model in sweep(matrix, k_min=3, k_max=4, seed=0)}
    assert narrow[3] == pytest.approx(wide[3], rel=1e-6)


def test_a_large_set_says_how_many_rows_its_silhouette_stands_on():
    model = sweep(clouds([400, 400, 400]), k_min=3, k_max=3, seed=0, silhouette_rows=300, resamples=1)[0]
    assert model.silhouette_sample_size == 300
    assert model.silhouette > 0.7


def test_k_is_capped_below_the_number_of_different_rows_and_that_is_said():
    matrix = np.array([[0.0], [1.0], [2.0], [7.0], [9.0]]).repeat(6, axis=0)
    swept = sweep(matrix, k_min=3, k_max=15, seed=0)
    assert [(model.k, model.capped_from) for model in swept] == [(3, 15), (4, 15)]


def test_constant_columns_change_nothing_but_are_survived():
    matrix = clouds([30, 30, 30])
    padded = np.hstack([matrix, np.full((90, 2), 3.0)])
    plain, wider = (sweep(rows, k_min=3, k_max=4, seed=0)[0] for rows in (matrix, padded))
    assert np.array_equal(plain.labels, wider.labels)
    assert wider.silhouette == pytest.approx(plain.silhouette)


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (np.ones((50, 3)), "hold only 1"),
        ([[1.0, 2.0]], "hold only 1"),
        ([[1.0], [2.0], [3.0]], "3 rows hold only 3"),
        ([[1.0], [np.nan], [3.0]], "missing or infinite"),
        (np.empty((0, 2)), "nothing to cluster"),
    ],
)
def test_rows_too_few_or_too_alike_are_refused_with_the_reason(matrix, says):
    with pytest.raises(UnclusterableError, match=says):
        sweep(matrix, k_min=3, k_max=15, seed=0)


@pytest.mark.parametrize(("k_min", "k_max"), [(1, 5), (6, 5), (0, 0)])
def test_a_range_that_is_none_is_refused(k_min, k_max):
    with pytest.raises(UnclusterableError, match="from 2 or more upwards"):
        sweep(clouds([10, 10]), k_min=k_min, k_max=k_max, seed=0)


def test_progress_counts_every_fit_of_every_k():
    heard = []
    matrix = clouds([20, 20, 20])
    sweep(matrix, k_min=3, k_max=6, seed=0, resamples=2, on_progress=lambda *step: heard.append(step))
    assert heard == [(done, 12) for done in range(1, 13)]


def test_progress_reaches_its_end_where_half_samples_lack_rows():
    heard = []
    matrix = np.array([[0.0]] * 60 + [[1.0], [2.0], [3.0], [4.0]])
    sweep(matrix, k_min=2, k_max=4, seed=0, on_progress=lambda *step: heard.append(step))
    assert heard == [(done, 33) for done in range(1, 34)]


def test_few_rows_with_few_different_ones_are_swept_without_a_crash():
    matrix = np.array([[0.0]] * 30 + [[1.0], [2.0], [3.0], [4.0]])
    assert [model.k for model in sweep(matrix, k_min=2, k_max=9, seed=0)] == [2, 3, 4]
