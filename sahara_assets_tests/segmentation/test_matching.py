"""Segment keys outlast a retraining: kept where a segment is still the same, never used twice, and every move reported."""

from __future__ import annotations

import dataclasses
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.features.declarations import FEATURES
from sahara_assets.segmentation.assemble import adopt
from sahara_assets.segmentation.document import from_json, to_json
from sahara_assets.segmentation.matching import first_keys, in_space_of, match, reach
from sahara_assets.segmentation.model import Segment, SegmentationModel
from sahara_assets.segmentation.portrait import measure
from sahara_assets.segmentation.preprocess import OTHER, FittedCategory, FittedNumber, Preprocessing
from sahara_assets.segmentation.profile import profile
from sahara_assets.segmentation.scoring import score
from sahara_assets.tables.segmentation import SEGMENT_CHANGES
from sahara_assets_tests.segmentation.made_features import clustered, drawn_table, rfm_table

ALL_FEATURES = tuple(feature.name for feature in FEATURES)
ONLINE_RETAIL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "online_retail"

PLAIN = FittedNumber("gross_spend", "money", 0.0, None, "none", 0.0, 1.0)


def model_at(
    *places: float, feature: FittedNumber = PLAIN, next_key: int | None = None, keys=None
) -> SegmentationModel:
    keys = keys or range(1, len(places) + 1)
    segments = tuple(
        Segment(key, f"Segment {key}", "Gold", "", (), (place,)) for key, place in zip(keys, places, strict=True)
    )
    return SegmentationModel(1, 0, "", "", "", 1, next_key or max(keys) + 1, 5.0, Preprocessing((feature,)), segments)


def matched(old: SegmentationModel, *places: float, feature: FittedNumber = PLAIN):
    centroids = np.array(places, dtype=float).reshape(-1, 1)
    return match(old, Preprocessing((feature,)), centroids, [10.0 - index for index in range(len(places))])


# --- first keys ---------------------------------------------------------------------------------------------------------------------


def test_the_first_training_numbers_segments_by_mean_spend_highest_first():
    matching = first_keys([5, 50, 20], [(0.0,), (1.0,), (2.0,)])
    assert (matching.keys, matching.next_key, matching.kept) == ((3, 1, 2), 4, frozenset())


def test_equal_spend_is_numbered_by_the_smaller_centroid_whatever_the_order():
    places = [(2.0, 1.0), (2.0, 0.0), (-1.0, 9.0)]
    for order in permutations(range(3)):
        keys = first_keys([7, 7, 7], [places[index] for index in order]).keys
        assert {places[index]: key for index, key in zip(order, keys, strict=True)} == {
            places[2]: 1,
            places[1]: 2,
            places[0]: 3,
        }


# --- matching by centroids ----------------------------------------------------------------------------------------------------------


def test_segments_keep_their_keys_when_their_order_changes():
    matching = matched(model_at(0, 10, 20), 20.5, 0.5, 9.0)
    assert matching.keys == (3, 1, 2)
    assert matching.shifts == {1: 0.5, 2: 1.0, 3: 0.5}


def test_of_two_new_segments_near_an_old_one_the_nearer_keeps_the_key():
    matching = matched(model_at(0, 10), 9.0, 10.5)
    assert matching.keys == (3, 2)


def test_by_customers_the_most_segments_are_kept_and_not_the_best_pair_first():
    # Shared, of 300: new A 60 with old 1 and 50 with old 2; new B 80 with old 1 and 0 with old 2. The best pair first (B, 1) leaves
    # A to old 2, which is what keeps both; the pair (A, 1) would leave B with nothing.
    shared = {(0, 1): 60, (0, 2): 50, (1, 1): 80}
    old_segments = np.concatenate([np.full(count, key) for (_, key), count in shared.items()])
    new_positions = np.concatenate([np.full(count, row) for (row, _), count in shared.items()])
    other = Preprocessing((dataclasses.replace(PLAIN, name="recency_days"),))
    matching = match(
        model_at(0, 1), other, np.array([[0.0], [1.0]]), [2, 1], old_segments=old_segments, new_positions=new_positions
    )
    assert matching.keys == (2, 1)
    assert matching.shifts == {}


def test_a_segment_further_than_half_way_to_the_next_old_one_is_new():
    old = model_at(0, 10)
    assert matched(old, -5.0, 10.0).keys == (1, 2)
    just_beyond = matched(old, -5.1, 10.0)
    assert just_beyond.keys == (3, 2)
    assert (just_beyond.kept, just_beyond.next_key) == (frozenset({2}), 4)


def test_new_segments_are_numbered_by_mean_spend_from_the_lowest_unused_key():
    old = model_at(0, 10, next_key=8, keys=(2, 5))
    matching = match(old, old.preprocessing, np.array([[50.0], [10.0], [70.0]]), [1, 5, 9])
    assert matching.keys == (9, 5, 8)
    assert matching.next_key == 10


def test_a_lone_segment_is_matched_within_its_outlier_distance():
    assert matched(model_at(0), 4.9).keys == (1,)
    assert matched(model_at(0), 5.1).keys == (2,)


def test_keys_survive_a_change_of_scale():
    # Old: money in hundreds around 1000. New: in tens around 500. The old centroids are at 900, 1000 and 1200.
    was = dataclasses.replace(PLAIN, mean=1000.0, standard_deviation=100.0)
    now = dataclasses.replace(PLAIN, mean=500.0, standard_deviation=10.0)
    matching = matched(model_at(-1, 0, 2, feature=was), (1195 - 500) / 10, (910 - 500) / 10, feature=now)
    assert matching.keys == (3, 1)
    assert matching.shifts == {1: pytest.approx(1.0), 3: pytest.approx(0.5)}


def test_keys_survive_a_change_of_transform():
    was = dataclasses.replace(PLAIN, transform="log1p")
    old = model_at(np.log(11), np.log(101), feature=was)
    assert in_space_of(old, Preprocessing((PLAIN,))).ravel().tolist() == pytest.approx([10, 100])
    assert in_space_of(model_at(10, 100), Preprocessing((was,))).ravel().tolist() == pytest.approx(
        [np.log(11), np.log(101)]
    )


def test_a_feature_that_became_constant_tells_nothing_apart():
    now = dataclasses.replace(PLAIN, standard_deviation=0.0)
    assert in_space_of(model_at(3, 7), Preprocessing((now,))).tolist() == [[0.0], [0.0]]


def test_features_in_another_order_are_the_same_features():
    table = drawn_table(1)
    old = clustered(table, 3, ("country", "gross_spend", "order_count"))
    new = clustered(table, 3, ("order_count", "country", "gross_spend"))
    placed = in_space_of(old, new.preprocessing)
    at = {column: index for index, column in enumerate(old.preprocessing.columns)}
    order = [at[column] for column in new.preprocessing.columns]
    assert np.array_equal(placed, np.array([segment.centroid for segment in old.segments])[:, order])


def test_shares_move_to_the_categories_of_the_new_model():
    was = FittedCategory("country", "", "(unknown)", ("France", "Malta", "Spain", OTHER), ("Peru",))
    now = FittedCategory("country", "", "(unknown)", ("France", "Peru", OTHER), ("Malta",))
    segment = Segment(1, "A", "Gold", "", (), (0.4, 0.3, 0.2, 0.1))
    old = SegmentationModel(1, 0, "", "", "", 1, 2, 1.0, Preprocessing((was,)), (segment,))
    # Malta joins the others, Spain is no longer known, and who of the old others is Peru cannot be said.
    assert in_space_of(old, Preprocessing((now,)))[0].tolist() == pytest.approx([0.4, 0.0, 0.4])


def test_reach_is_half_way_to_the_next_centroid():
    assert reach(model_at(0, 4, 10), np.array([[0.0], [4.0], [10.0]])).tolist() == [2.0, 2.0, 3.0]


# --- laws ---------------------------------------------------------------------------------------------------------------------------

places = st.lists(st.floats(-100, 100), min_size=1, max_size=8)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=8, unique=True), places, st.integers(1, 50))
def test_kept_keys_are_a_bijection_and_new_keys_were_never_used(old_places, new_places, spare):
    old = model_at(*(place / 10 for place in old_places), next_key=len(old_places) + spare)
    matching = matched(old, *new_places)
    assert len(set(matching.keys)) == len(new_places)
    assert set(matching.shifts) == matching.kept == {key for key in matching.keys if key <= len(old_places)}
    fresh = sorted(set(matching.keys) - matching.kept)
    assert fresh == list(range(old.next_key, old.next_key + len(fresh)))
    assert matching.next_key == old.next_key + len(fresh)
    limits = reach(old, np.array([segment.centroid for segment in old.segments]))
    for row, key in enumerate(matching.keys):
        if key in matching.kept:
            shift = abs(new_places[row] - old.segment(key).centroid[0])
            assert matching.shifts[key] == pytest.approx(shift)
            assert shift <= limits[key - 1] + 1e-9


@settings(max_examples=60)
@given(
    st.lists(st.integers(-50, 50), min_size=1, max_size=5, unique=True),
    st.lists(st.integers(-50, 50), min_size=1, max_size=5),
)
def test_no_other_pairing_keeps_more_segments_or_moves_them_less(old_places, new_places):
    old = model_at(*old_places)
    limits = reach(old, np.array([segment.centroid for segment in old.segments]))
    matching = matched(old, *new_places)
    ours = (-len(matching.kept), sum(matching.shifts.values()))
    width = max(len(old_places), len(new_places))
    for order in permutations(range(width), len(new_places)):
        moves = [
            abs(new_places[row] - old_places[column])
            for row, column in enumerate(order)
            if column < len(old_places) and abs(new_places[row] - old_places[column]) <= limits[column]
        ]
        assert ours <= (-len(moves), sum(moves) + 1e-9)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.sampled_from([ALL_FEATURES, ("recency_days", "gross_spend")]))
def test_a_model_that_follows_itself_keeps_everything_at_zero_shift(seed, k, features):
    table = drawn_table(seed, 150, untidy=True)
    model = clustered(table, k, features)
    adopted, changes = adopt(dataclasses.replace(model, version=2), table, model)
    assert dataclasses.replace(adopted, version=1) == model
    for row, segment in zip(changes, model.segments, strict=True):
        assert (row["change"], row["segment"], row["old_name"], row["new_name"]) == (
            "kept",
            segment.key,
            segment.name,
            segment.name,
        )
        assert (row["centroid_shift"], row["customers_joined"], row["customers_left"]) == (0.0, 0, 0)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 7)), min_size=2, max_size=5))
def test_over_many_trainings_no_key_means_two_segments(trainings):
    champion, retired = None, set()
    for seed, k in trainings:
        table = drawn_table(seed, 120)
        keys_before = {segment.key for segment in champion.segments} if champion else set()
        highest = champion.next_key if champion else 1
        champion, changes = adopt(clustered(table, k), table, champion)
        keys = [segment.key for segment in champion.segments]
        assert keys == sorted(set(keys))
        assert not retired & set(keys)
        assert all(key >= highest for key in set(keys) - keys_before)
        assert champion.next_key > max(keys)
        retired |= keys_before - set(keys)
        assert {row["segment"] for row in changes if row["change"] == "gone"} == keys_before - set(keys)
        assert from_json(to_json(champion)) == champion


# --- other features, and the report -------------------------------------------------------------------------------------------------

GROUPS = [(60, 8, 12, 4000, 330), (80, 60, 3, 500, 250), (100, 230, 1, 60, 230)]


def test_a_model_on_other_features_is_matched_by_the_customers_it_shares():
    table = rfm_table(GROUPS)
    old = clustered(table, 3, ("gross_spend",))
    adopted, changes = adopt(clustered(table, 3, ("recency_days", "order_count")), table, old)
    assert [segment.key for segment in adopted.segments] == [1, 2, 3]
    assert np.array_equal(score(adopted, table).segment, score(old, table).segment)
    assert [(row["change"], row["centroid_shift"], row["customers_stayed"]) for row in changes] == [
        ("kept", None, 60),
        ("kept", None, 80),
        ("kept", None, 100),
    ]


def test_segments_that_share_few_customers_are_new():
    table = rfm_table(GROUPS)
    old = clustered(table, 2, ("category_share_3",))  # drawn at random: it splits every group
    _, changes = adopt(clustered(table, 3, ("gross_spend",)), table, old)
    assert [(row["change"], row["segment"]) for row in changes] == [
        ("new", 3),
        ("new", 4),
        ("new", 5),
        ("gone", 1),
        ("gone", 2),
    ]


def test_without_the_old_features_in_the_table_all_segments_are_new():
    table = rfm_table(GROUPS)
    old = clustered(table, 2, ("return_rate",))
    _, changes = adopt(clustered(table, 2, ("gross_spend",)), table.drop_columns(["return_rate"]), old)
    assert [row["change"] for row in changes] == ["new", "new", "gone", "gone"]
    assert {row["customers_stayed"] for row in changes} == {None}


def test_changes_account_for_every_customer():
    table = drawn_table(1, 500)
    old, adopted_and_changes = clustered(table, 5), adopt(clustered(drawn_table(2, 500), 4), table, clustered(table, 5))
    adopted, changes = adopted_and_changes
    assert all(tuple(row) == SEGMENT_CHANGES.column_names for row in changes)
    assert [row["position"] for row in changes] == list(range(1, len(changes) + 1))
    before, after = score(old, table).segment, score(adopted, table).segment
    for row in changes:
        assert row["customers_stayed"] + row["customers_left"] == (before == row["segment"]).sum()
        assert row["customers_stayed"] + row["customers_joined"] == (after == row["segment"]).sum()
    assert sum(row["customers_joined"] for row in changes) == sum(row["customers_left"] for row in changes)


def test_the_first_training_reports_every_segment_as_new():
    table = rfm_table(GROUPS)
    model, changes = adopt(clustered(table, 3), table, None)
    assert [(row["change"], row["old_name"], row["new_name"]) for row in changes] == [
        ("new", None, segment.name) for segment in model.segments
    ]
    assert [row["customers_joined"] for row in changes] == [60, 80, 100]
    assert {row["centroid_shift"] for row in changes} == {None}


def test_keys_of_a_first_training_follow_the_spend_and_so_do_tiers():
    table = rfm_table(GROUPS)
    rows = profile(clustered(table, 3), table, *score(clustered(table, 3), table)[::2])
    spends = [row["mean_gross_spend"] for row in rows]
    assert spends == sorted(spends, reverse=True)
    assert [row["tier"] for row in rows] == ["Gold", "Silver", "Bronze"]


def test_a_table_measured_once_serves_every_model_of_a_sweep():
    table = drawn_table(3, 300)
    measured = measure(table)
    for k in (2, 5):
        assert clustered(table, k, measured=measured) == clustered(table, k)


# --- real data ----------------------------------------------------------------------------------------------------------------------

LINES_QUERY = """
create table lines as
  select InvoiceNo as order_id, regexp_replace(CustomerID, '\\.0$', '') as customer_id, InvoiceDate::timestamp as ordered_at,
         (Quantity::decimal(18, 4) * UnitPrice::decimal(18, 4))::decimal(18, 4) as line_total
  from read_csv($files, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"')
  where CustomerID is not null and InvoiceNo not like 'C%' and Quantity::int > 0 and UnitPrice::decimal(18, 4) > 0
"""
RFM_QUERY = """
select customer_id,
       date_diff('day', max(ordered_at)::date, $cut_off::date)::bigint as recency_days,
       date_diff('day', min(ordered_at)::date, $cut_off::date)::bigint as tenure_days,
       count(distinct order_id)::bigint as order_count,
       sum(line_total)::decimal(18, 4) as gross_spend,
       (sum(line_total) / count(distinct order_id))::double as average_order_value,
       case when count(distinct order_id) > 1
            then date_diff('day', min(ordered_at)::date, max(ordered_at)::date) / (count(distinct order_id) - 1.0)::double
       end::double as mean_days_between_orders
from lines where ordered_at < $cut_off::timestamp group by customer_id order by customer_id
"""


@pytest.mark.real_data
def test_online_retail_gets_names_a_marketer_would_use_and_keeps_its_keys_over_the_year():
    if not ONLINE_RETAIL.is_dir():
        pytest.skip("../shared/data/online_retail is absent")
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(LINES_QUERY, {"files": str(ONLINE_RETAIL / "*.csv")})
        table, earlier = (
            connection.execute(RFM_QUERY, {"cut_off": cut_off}).to_arrow_table()
            for cut_off in ("2011-12-10", "2011-11-20")
        )
    model = clustered(table, 5)
    rows = profile(model, table, *score(model, table)[::2])
    assert sum(row["customer_count"] for row in rows) == 4338
    assert str(sum(row["gross_spend"] for row in rows)) == "8911407.9040"
    assert [(row["segment_name"], row["tier"]) for row in rows] == [
        ("Loyal top spenders", "Platinum"),
        ("Loyal big spenders", "Gold"),
        ("Lapsed customers", "Silver"),
        ("New small buyers", "Bronze"),
        ("Lapsed one-time small buyers", "Bronze"),
    ]
    champion = clustered(earlier, 4)
    retrained, changes = adopt(clustered(table, 4), table, champion)
    assert [row["change"] for row in changes] == ["kept"] * 4
    assert [segment.name for segment in retrained.segments] == [segment.name for segment in champion.segments]
