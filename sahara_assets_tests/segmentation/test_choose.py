import dataclasses

import numpy as np
import pytest

from sahara_assets.segmentation.choose import choose
from sahara_assets.segmentation.kmeans import UnclusterableError
from sahara_assets.segmentation.sweep import SweptModel, sweep


def model(k, **changes):
    plain = SweptModel(
        k=k,
        centroids=np.zeros((k, 1)),
        labels=np.zeros(100, dtype=np.int64),
        mean_squared_distance=1.0,
        davies_bouldin_index=1.0,
        silhouette=0.4,
        silhouette_sample_size=100,
        calinski_harabasz=100.0,
        row_count=100,
        smallest_size=10,
        smallest_share=0.1,
        largest_share=0.5,
        stability=0.95,
        steadiness=0.7,
        wholeness=0.9,
        elbow=0.1,
        capped_from=None,
    )
    return dataclasses.replace(plain, **changes)


def known(seed, *, clusters, columns, rows, apart, uneven=False):
    """Normal clouds whose centres are at least `apart` standard deviations from each other."""
    generator = np.random.default_rng(seed)
    centres = []
    width = apart * clusters ** (1 / columns) * 1.5
    while len(centres) < clusters:
        centre = generator.uniform(0, width, size=columns)
        if all(np.linalg.norm(centre - other) >= apart for other in centres):
            centres.append(centre)
    weights = np.arange(1, clusters + 1) if uneven else np.ones(clusters)
    labels = generator.choice(clusters, size=rows, p=weights / weights.sum())
    matrix = np.array(centres)[labels] + generator.normal(size=(rows, columns))
    return (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)


@pytest.mark.parametrize(
    ("clusters", "columns", "rows", "apart", "uneven"),
    [
        (3, 2, 300, 7, False),
        (3, 5, 400, 6, True),
        (4, 2, 400, 7, False),
        (4, 3, 500, 7, True),
        (5, 2, 500, 7, False),
        (5, 4, 600, 6, False),
        (6, 3, 600, 7, True),
        (7, 2, 700, 8, False),
        (8, 3, 800, 7, False),
        (9, 4, 900, 7, False),
        (10, 2, 900, 8, False),
        (12, 3, 1200, 8, False),
    ],
)
def test_the_known_number_of_clouds_is_chosen(clusters, columns, rows, apart, uneven):
    matrix = known(clusters * 100 + columns, clusters=clusters, columns=columns, rows=rows, apart=apart, uneven=uneven)
    choice = choose(sweep(matrix, k_min=3, k_max=15, seed=0, resamples=3, restarts=6))
    assert (choice.k, choice.qualified) == (clusters, True)


def test_a_single_far_customer_does_not_get_a_segment():
    matrix = np.vstack([known(1, clusters=4, columns=2, rows=400, apart=8), [[5.0, 5.0]]])
    swept = sweep(matrix, k_min=2, k_max=8, seed=0)
    assert min(swept, key=lambda swept_model: swept_model.davies_bouldin_index).smallest_size == 1
    choice = choose(swept)
    lonely = {line.k for line, of in zip(choice.trace, swept, strict=True) if of.smallest_size == 1}
    assert (choice.k, choice.qualified) == (4, True)
    assert all(not line.qualified and "single row" in line.text for line in choice.trace if line.k in lonely)


def test_the_one_person_cluster_loses_to_a_worse_but_fair_one_whatever_the_minimum_share():
    lonely = model(3, davies_bouldin_index=0.1, silhouette=0.9, elbow=2.0, smallest_size=1, smallest_share=0.01)
    fair = model(4, davies_bouldin_index=2.0, silhouette=0.1)
    assert choose([lonely, fair], minimum_share=0.0).k == 4


def test_a_small_share_is_out_with_its_numbers():
    choice = choose([model(3), model(4, silhouette=0.9, smallest_share=0.0123)], minimum_share=0.02)
    assert choice.k == 3
    assert "holds 1.23% of the rows, under the minimum of 2.00%" in choice.trace[1].text


def test_a_k_that_alone_qualifies_is_not_said_to_beat_others():
    choice = choose([model(3), model(4, smallest_share=0.0123)], minimum_share=0.02)
    assert choice.reason.startswith("k = 3: the only one that qualifies, with a score of ")


def test_an_unstable_grouping_is_out_with_its_numbers():
    choice = choose([model(3), model(4, silhouette=0.9, stability=0.612)])
    assert choice.k == 3
    assert "stability of 0.612 is under the minimum of 0.800" in choice.trace[1].text


def test_what_meets_a_minimum_exactly_qualifies():
    assert choose([model(3, smallest_share=0.02, stability=0.8)], minimum_share=0.02, minimum_stability=0.8).qualified


def test_ties_go_to_the_smaller_k_in_whatever_order_they_come():
    assert choose([model(7), model(5), model(6)]).k == 5


@pytest.mark.parametrize(
    "better",
    [{"silhouette": 0.45}, {"davies_bouldin_index": 0.9}, {"elbow": 0.2}, {"wholeness": 1.0}, {"steadiness": 0.75}],
)
def test_each_of_the_five_measures_counts(better):
    assert choose([model(3), model(4, **better), model(5)]).k == 4


def test_the_score_is_the_stated_sum():
    clear = model(3, silhouette=0.6, davies_bouldin_index=1.0, elbow=0.3, wholeness=0.75, steadiness=0.9)
    assert choose([clear]).trace[0].score == pytest.approx(0.6 + 0.5 / 2 + 0.2 * 0.3 + 0.75 + 0.9)


@pytest.mark.parametrize(("elbow", "counted"), [(-0.4, 0.0), (0.5, 0.5), (3.0, 0.5)])
def test_an_elbow_counts_from_nothing_to_a_half(elbow, counted):
    plain, bent = (choose([model(3, elbow=height)]).trace[0].score for height in (0.0, elbow))
    assert bent - plain == pytest.approx(0.2 * counted)


def test_where_groups_are_apart_the_steadier_wins_and_where_they_shade_into_one_another_steady_enough_will_do():
    def offered(silhouette):
        return [model(3, silhouette=silhouette, steadiness=1.0), model(4, silhouette=silhouette + 0.01, steadiness=0.8)]

    apart, shading = choose(offered(0.6)), choose(offered(0.3))
    assert (apart.k, shading.k) == (3, 4)
    assert "shade into one another" in shading.reason
    assert "shade into one another" not in apart.reason


def test_a_silhouette_of_a_k_that_does_not_qualify_does_not_make_the_groups_stand_apart():
    lonely = model(2, silhouette=0.9, smallest_size=1, smallest_share=0.01)
    assert choose([lonely, model(3, steadiness=1.0), model(4, silhouette=0.41, steadiness=0.8)]).k == 4


def test_two_near_groups_are_told_apart_though_their_silhouette_would_rather_merge_them():
    generator = np.random.default_rng(8)
    centres = np.array([[0.0, 0.0], [7.0, 0.0], [34.0, 0.0], [20.0, 30.0]])
    matrix = np.vstack([centre + generator.normal(size=(150, 2)) for centre in centres])
    swept = sweep(matrix, k_min=3, k_max=8, seed=0, resamples=5, restarts=6)
    assert max(swept, key=lambda swept_model: swept_model.silhouette).k == 3
    assert choose(swept).k == 4


def test_a_round_cloud_is_not_cut_for_the_sake_of_wholeness():
    generator = np.random.default_rng(9)
    matrix = np.vstack([20.0 * index + generator.normal(size=(200, 3)) for index in range(3)])
    assert choose(sweep(matrix, k_min=2, k_max=9, seed=0, resamples=5, restarts=6)).k == 3


def test_the_elbow_settles_what_is_nearly_open_and_nothing_more():
    strong_elbow = model(3, silhouette=0.2, elbow=9.0)
    assert choose([strong_elbow, model(4, silhouette=0.4, elbow=0.0)]).k == 4


def test_a_fixed_k_wins_and_says_so():
    choice = choose([model(3, silhouette=0.9), model(4, stability=0.1)], fixed_k=4)
    assert (choice.k, choice.rule, choice.qualified) == (4, "fixed", False)
    assert "fixed in the settings" in choice.reason
    assert "would not have qualified: its stability of 0.100" in choice.reason


def test_a_fixed_k_that_was_not_swept_is_refused():
    with pytest.raises(UnclusterableError, match=r"fixed at 9, and only \[3, 4\]"):
        choose([model(3), model(4)], fixed_k=9)


def test_where_nothing_qualifies_the_least_bad_is_taken_and_marked():
    choice = choose([model(3, stability=0.4), model(4, stability=0.7), model(5, stability=0.5, silhouette=0.9)])
    assert (choice.k, choice.rule, choice.qualified) == (4, "least bad", False)
    assert "no k qualifies" in choice.reason
    assert not any(line.qualified for line in choice.trace)


def test_where_nothing_qualifies_a_single_row_is_worse_than_a_small_share():
    lonely = model(3, smallest_size=1, smallest_share=0.01, silhouette=0.9)
    small = model(4, smallest_size=3, smallest_share=0.03)
    assert choose([lonely, small], minimum_share=0.05).k == 4


def test_the_trace_names_each_k_once_and_marks_the_chosen_one():
    choice = choose([model(5), model(3, silhouette=0.9), model(4, stability=0.2)])
    assert [line.k for line in choice.trace] == [3, 4, 5]
    assert all(line.text.startswith(f"k = {line.k}: ") for line in choice.trace)
    assert [line.k for line in choice.trace if line.text.endswith("Chosen.")] == [choice.k] == [3]
    assert [line.score is None for line in choice.trace] == [False, True, False]
    assert f"k = {choice.k}" in choice.reason


def test_a_capped_range_is_said_in_the_reason():
    assert "asked up to 15" in choose([model(3, capped_from=15), model(4, capped_from=15)]).reason


def test_without_a_sweep_there_is_no_choice():
    with pytest.raises(UnclusterableError, match="no swept model"):
        choose([])
