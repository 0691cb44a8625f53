"""Names: true, unique, short, stable, and such as a marketer would say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.features.declarations import FEATURES
from sahara_assets.segmentation import kmeans
from sahara_assets.segmentation.advice import suggested_action, tier, tiers
from sahara_assets.segmentation.assemble import adopt
from sahara_assets.segmentation.claims import Claims
from sahara_assets.segmentation.model import TIERS, Claim
from sahara_assets.segmentation.naming import Named, name_segments
from sahara_assets.segmentation.portrait import measure, portraits
from sahara_assets.segmentation.preprocess import apply, fit_preprocessing
from sahara_assets.segmentation.wording import phrase
from sahara_assets_tests.segmentation.made_features import clustered, drawn_table, rfm_table

RFM = ("recency_days", "order_count", "gross_spend")
ALL_FEATURES = tuple(feature.name for feature in FEATURES)


def drawn(table, position, count) -> dict[int, object]:
    return dict(enumerate(portraits(measure(table), np.asarray(position), count), start=1))


def named(groups, model_features=RFM, **settings_) -> list[str]:
    """Names of known groups, in their order."""
    table = rfm_table(groups)
    position = np.repeat(np.arange(len(groups)), [group[0] for group in groups])
    names = name_segments(drawn(table, position, len(groups)), model_features, **settings_)
    return [names[key].name for key in sorted(names)]


# (size, recency days, orders, spend, tenure days)
LOYAL = (60, 8, 12, 4000, 330)
NEW = (60, 9, 1, 120, 15)
LAPSED_BIG = (60, 240, 5, 3500, 340)
ONE_TIME = (60, 230, 1, 60, 230)
MIDDLE = (120, 60, 3, 500, 250)


def test_the_segments_of_a_textbook_are_called_what_a_textbook_calls_them():
    assert named([LOYAL, MIDDLE, NEW, LAPSED_BIG, ONE_TIME]) == [
        "Loyal top spenders",
        "Typical customers",
        "New small buyers",
        "Lapsed big-spending regulars",
        "Lapsed one-time small buyers",
    ]


def test_a_model_of_one_segment_holds_all_customers():
    assert named([LOYAL]) == ["All customers"]


def test_one_time_is_said_only_of_customers_with_one_order():
    twice = (60, 230, 2, 60, 230)
    assert named([LOYAL, MIDDLE, twice])[2] == "Lapsed occasional small buyers"


def test_nobody_has_lapsed_or_is_quiet_who_was_here_this_week_however_often_the_others_come():
    # Twelve customers of a few days: the longest away bought yesterday.
    names = named([(4, 0.1, 1, 40, 3), (4, 0.2, 1, 45, 3), (4, 1, 1, 42, 3)])
    assert not any(word in name for name in names for word in ("apsed", "uiet"))


@pytest.mark.parametrize(
    ("days_away", "tenure", "opening"),
    [(6, 300, ""), (7, 300, "Quiet"), (29, 300, "Quiet"), (31, 31, "Lapsed"), (60, 360, "Lapsed")],
)
def test_how_long_a_segment_has_been_away_decides_its_word_and_not_the_others_alone(days_away, tenure, opening):
    names = named([(60, 1, 30, 500, 310), (60, 2, 30, 520, 310), (60, days_away, 30, 510, tenure)])
    assert names[2].startswith(opening)
    assert opening or not any(word in names[2] for word in ("Quiet", "Lapsed"))


def test_who_orders_twice_a_year_has_not_lapsed_after_three_months():
    # Everyone else comes every ten days; these come every 130.
    table = rfm_table([(120, 2, 30, 500, 300), (60, 90, 3, 510, 350)])
    pauses = pa.array([10.0] * 120 + [130.0] * 60)
    table = table.set_column(table.column_names.index("mean_days_between_orders"), "mean_days_between_orders", pauses)
    names = name_segments(drawn(table, [0] * 120 + [1] * 60, 2), RFM)
    assert names[2].name.startswith("Quiet")


def test_nobody_has_lapsed_before_customers_usually_come_back():
    # Everyone was here within the usual pause of 30 days.
    names = named([(60, 2, 4, 500, 300), (60, 3, 4, 520, 300), (60, 20, 4, 510, 300)])
    assert names[2].startswith("Quiet")
    assert not any("apsed" in name for name in names)


def test_big_spenders_outspend_the_others_clearly():
    assert not any("spend" in name for name in named([(60, 10, 4, 500, 300), (60, 200, 4, 510, 300)]))


def test_new_customers_have_come_lately_and_bought_lately():
    gone_again = (60, 150, 1, 120, 151)
    names = named([LOYAL, MIDDLE, gone_again])
    assert "ew" not in names[2]
    # Seven weeks without an order is not lapsed here, but it is longer than the others' mean: nothing new about them.
    assert "ew" not in named([LOYAL, MIDDLE, (60, 50, 1, 120, 52)])[2]
    assert named([LOYAL, MIDDLE, (60, 20, 1, 120, 22)])[2] == "New small buyers"


def test_a_country_names_a_segment_where_the_model_knows_countries():
    table = rfm_table([MIDDLE, MIDDLE])
    where = pa.array(["Germany"] * 120 + ["France"] * 120)
    table = table.set_column(table.column_names.index("country"), "country", where)
    shown = drawn(table, np.repeat([0, 1], 120), 2)
    names = name_segments(shown, (*RFM, "country"))
    assert [names[1].name, names[2].name] == ["Customers from Germany", "Customers from France"]
    assert not any("from" in one.name for one in name_segments(shown, RFM).values())


def test_a_category_names_a_segment_by_what_it_is_called():
    table = rfm_table([MIDDLE, MIDDLE])
    shares = pa.array([0.8] * 120 + [0.1] * 120)
    table = table.set_column(table.column_names.index("category_share_2"), "category_share_2", shares)
    shown = drawn(table, np.repeat([0, 1], 120), 2)
    features = ("order_count", "category_share_2")
    assert name_segments(shown, features)[1].name == "Customers, keen on category 2"
    toys = name_segments(shown, features, category_names={"category_share_2": "Pâtisserie"})
    assert [toys[1].name, toys[2].name] == ["Customers, keen on Patisserie", "Customers, rarely Patisserie"]
    foreign = name_segments(shown, features, category_names={"category_share_2": "玩具"})
    assert foreign[1].name == "Customers, keen on category 2"


def test_many_returns_name_a_segment_of_a_model_that_knows_returns():
    table = rfm_table([MIDDLE, MIDDLE])
    rates = pa.array([0.6] * 120 + [0.0] * 120)
    table = table.set_column(table.column_names.index("return_rate"), "return_rate", rates)
    names = name_segments(drawn(table, np.repeat([0, 1], 120), 2), ("order_count", "return_rate"))
    assert [names[1].name, names[2].name] == ["Customers, many returns", "Customers, few returns"]
    assert suggested_action(names[1].claims).startswith("Find out why goods come back")


def test_namesakes_are_told_apart_by_what_differs_most_between_them():
    near, far = (60, 90, 2, 60, 345), (60, 320, 2, 60, 345)
    assert named([LOYAL, LOYAL, near, far])[2:] == [
        "Lapsed small buyers, more recent",
        "Lapsed small buyers, longer away",
    ]
    little, less = (60, 200, 2, 90, 345), (60, 200, 2, 30, 345)
    assert named([LOYAL, LOYAL, little, less])[2:] == [
        "Lapsed small buyers, larger orders",
        "Lapsed small buyers, smaller orders",
    ]


def test_a_number_is_the_last_resort():
    table = rfm_table([MIDDLE, MIDDLE, MIDDLE, MIDDLE])
    alike = np.arange(480) % 4
    shown = drawn(table, alike, 4)
    bare = {key: dataclasses.replace(portrait, numbers={}, words={}) for key, portrait in shown.items()}
    names = [one.name for one in name_segments(bare, RFM).values()]
    assert names == ["Typical customers", "Typical customers 2", "Typical customers 3", "Typical customers 4"]


# --- laws ---------------------------------------------------------------------------------------------------------------------------

features_of_a_model = st.one_of(
    st.just(RFM), st.just(ALL_FEATURES), st.lists(st.sampled_from(ALL_FEATURES), min_size=1, max_size=5, unique=True)
)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 15), features_of_a_model)
def test_names_are_unique_short_plain_and_say_only_what_is_so(seed, k, features):
    table = drawn_table(seed, 150, untidy=True)
    preprocessing = fit_preprocessing(table, features)
    matrix = apply(preprocessing, table)
    k = min(k, kmeans.distinct_row_count(matrix, up_to=k))
    position = kmeans.fit(matrix, k, seed=seed, restarts=2).labels
    shown = drawn(table, position, k)
    names = name_segments(shown, features)
    texts = [one.name for one in names.values()]
    assert len(set(texts)) == k
    assert all(0 < len(text) <= 36 and text.isascii() and text.isprintable() and text == text.strip() for text in texts)
    assert names == name_segments(dict(reversed(shown.items())), features)
    for key, one in names.items():
        assert_true(one, key, table, position + 1, texts)


def assert_true(one: Named, key: int, table, segments, texts) -> None:
    """Checks a name's words against the customers themselves, by medians and means taken here."""

    def values(name, mask):
        held = [value for value, inside in zip(table[name].to_pylist(), mask, strict=True) if inside]
        return np.array([float(value) for value in held if value is not None and np.isfinite(float(value))])

    mine = segments == key
    words = one.name.lower()
    orders, others = values("order_count", mine), values("order_count", ~mine)
    if "one-time" in words:
        assert np.median(orders) == 1
    if "loyal" in words or "regulars" in words:
        assert np.median(orders) >= 3
        assert np.median(orders) > np.median(others)
    if "lapsed" in words:
        assert np.median(values("recency_days", mine)) > np.median(values("recency_days", ~mine))
    if "new " in words:
        assert np.median(values("tenure_days", mine)) <= np.median(values("tenure_days", ~mine)) / 2
    if "big" in words or "top" in words:
        assert np.median(values("gross_spend", mine)) > np.median(values("gross_spend", ~mine))
    if "small buyers" in words:
        assert np.median(values("gross_spend", mine)) < np.median(values("gross_spend", ~mine))
    for claim in one.claims:
        for other in claim.than:
            sign = 1 if claim.direction == "more" else -1
            theirs = values(claim.feature, segments == other)
            assert sign * (np.median(values(claim.feature, mine)) - np.median(theirs)) >= 0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8))
def test_names_that_still_hold_stay_and_are_never_taken_by_another(seed, k):
    before, after = drawn_table(seed, 200), drawn_table(seed + 1, 200)
    model = clustered(before, k, ALL_FEATURES[:7])
    adopted, changes = adopt(clustered(after, k, ALL_FEATURES[:7]), after, model)
    names = [segment.name for segment in adopted.segments]
    assert len(set(names)) == len(names)
    shown = {segment.key: None for segment in adopted.segments}
    for row in changes:
        if row["change"] == "kept" and row["old_name"] == row["new_name"]:
            assert adopted.segment(row["segment"]).claims == model.segment(row["segment"]).claims
        assert row["segment"] in shown or row["change"] == "gone"


# --- what a retrain does to names ---------------------------------------------------------------------------------------------------


def shown_for(groups):
    table = rfm_table(groups)
    return drawn(table, np.repeat(np.arange(len(groups)), [group[0] for group in groups]), len(groups))


def test_a_name_stays_while_its_words_hold_even_where_a_new_one_would_differ():
    groups = [LOYAL, MIDDLE, ONE_TIME]
    old = {3: Named("Lapsed small buyers", (Claim("recency_days", "high", "lapsed"), Claim("gross_spend", "low")))}
    names = name_segments(shown_for(groups), RFM, old=old)
    assert names[3] == old[3]


def test_a_name_goes_when_a_word_of_it_no_longer_holds():
    old = {3: Named("Lapsed big spenders", (Claim("recency_days", "high", "lapsed"), Claim("gross_spend", "high")))}
    assert name_segments(shown_for([LOYAL, MIDDLE, ONE_TIME]), RFM, old=old)[3].name == "Lapsed one-time small buyers"


def test_all_customers_is_no_name_for_one_of_several():
    names = name_segments(shown_for([MIDDLE, MIDDLE]), RFM, old={1: Named("All customers", ())})
    assert "All customers" not in [one.name for one in names.values()]


def test_a_new_segment_does_not_take_a_name_that_another_keeps():
    old = {
        1: Named("Lapsed one-time small buyers", (Claim("recency_days", "high", "lapsed"), Claim("order_count", "one")))
    }
    names = name_segments(shown_for([ONE_TIME, (60, 235, 1, 20, 240), LOYAL, LOYAL]), RFM, old=old)
    assert names[1] == old[1]
    assert names[2].name == "Lapsed small buyers, smaller orders"


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        (Claim("gross_spend", "top"), False),  # another segment spends more
        (Claim("gross_spend", "low"), True),
        (Claim("order_count", "one"), True),
        (Claim("order_count", "high", "loyal"), False),
        (Claim("recency_days", "high", "lapsed"), True),
        (Claim("tenure_days", "low"), False),
        (Claim("gross_spend", "less", "", (1,)), True),
        (Claim("gross_spend", "more", "", (1,)), False),
        (Claim("gross_spend", "more", "", (99,)), True),  # that segment is gone
        (Claim("country", "within", "Atlantis"), False),
        (Claim("category_share_1", "high", "Toys"), False),  # category 1 is called something else now
        (Claim("no_such_feature", "high"), False),
    ],
)
def test_a_claim_is_checked_against_the_customers_of_today(claim, holds):
    claims = Claims(shown_for([LOYAL, MIDDLE, ONE_TIME]), RFM, {"category_share_1": "Books"})
    assert claims.hold(3, claim) is holds


# --- words, tiers, actions ----------------------------------------------------------------------------------------------------------


def test_only_one_segment_can_be_the_top():
    claims = Claims(shown_for([LOYAL, LAPSED_BIG, MIDDLE, ONE_TIME]), RFM, {})
    assert [claims.hold(key, Claim("gross_spend", "top")) for key in (1, 2)] == [True, False]
    assert claims.hold(2, Claim("gross_spend", "high"))


def test_a_segment_that_is_gone_holds_no_claim():
    assert not Claims(shown_for([LOYAL, MIDDLE]), RFM, {}).hold(9, Claim("gross_spend", "high"))


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ([], "Typical customers"),
        ([Claim("gross_spend", "high")], "Big spenders"),
        ([Claim("tenure_days", "low")], "New customers"),
        ([Claim("tenure_days", "low"), Claim("gross_spend", "high")], "New big spenders"),
        ([Claim("tenure_days", "high"), Claim("order_count", "high", "loyal")], "Long-standing regulars"),
        ([Claim("recency_days", "low"), Claim("order_count", "one")], "Active one-time buyers"),
        ([Claim("order_count", "high", "loyal")], "Loyal regulars"),
        ([Claim("order_count", "high", "loyal"), Claim("gross_spend", "low")], "Frequent small buyers"),
        ([Claim("order_count", "high", "repeat"), Claim("gross_spend", "high")], "Repeat big spenders"),
        ([Claim("recency_days", "high", "quiet"), Claim("order_count", "low")], "Quiet occasional buyers"),
        ([Claim("country", "outside", "United Kingdom")], "Customers outside United Kingdom"),
        ([Claim("average_order_value", "high")], "Customers, large orders"),
        ([Claim("category_share_4", "low")], "Customers, rarely category 4"),
    ],
)
def test_claims_read_as_english(claims, name):
    assert phrase(claims) == name


def test_tiers_follow_the_rank_for_every_number_of_segments():
    letters = {k: "".join(tier(rank, k)[0] for rank in range(1, k + 1)) for k in range(1, 16)}
    assert letters == {
        1: "B", 2: "GB", 3: "GSB", 4: "PGSB", 5: "PGSBB", 6: "PGGSBB", 7: "PGGSSBB", 8: "PPGGSSBB",
        9: "PPGGSSBBB", 10: "PPGGGSSBBB", 11: "PPGGGSSSBBB", 12: "PPPGGGSSSBBB", 13: "PPPGGGSSSBBBB",
        14: "PPPGGGGSSSBBBB", 15: "PPPGGGGSSSSBBBB",
    }  # fmt: skip


def test_the_segment_that_spends_most_per_head_has_the_highest_tier():
    shown = shown_for([MIDDLE, LOYAL, ONE_TIME, LAPSED_BIG])
    assert tiers(shown) == {2: TIERS[0], 4: TIERS[1], 1: TIERS[2], 3: TIERS[3]}


def test_segments_of_equal_spend_are_ranked_by_their_keys():
    portrait = shown_for([MIDDLE])[1]
    assert tiers({5: portrait, 3: portrait}) == {3: "Gold", 5: "Bronze"}


@pytest.mark.parametrize(
    ("claims", "first_words"),
    [
        ([Claim("recency_days", "high", "lapsed"), Claim("gross_spend", "high")], "Win them back first"),
        ([Claim("recency_days", "high", "lapsed"), Claim("order_count", "one")], "Send one low-cost reminder"),
        ([Claim("recency_days", "high", "lapsed")], "Send a win-back series"),
        ([Claim("tenure_days", "low"), Claim("gross_spend", "low")], "Send a welcome series"),
        ([Claim("order_count", "high", "loyal"), Claim("gross_spend", "top")], "Look after them in person"),
        ([Claim("order_count", "high", "loyal")], "Reward the habit"),
        ([Claim("order_count", "one")], "Earn the second order"),
        ([Claim("gross_spend", "low")], "Raise the basket"),
        ([Claim("category_share_1", "high", "Toys")], "Show them what is new in Toys"),
        ([Claim("country", "within", "Malta")], "Speak to them as a market of its own"),
        ([], "Keep them in the regular newsletter"),
    ],
)
def test_every_kind_of_segment_has_an_action(claims, first_words):
    action = suggested_action(claims)
    assert action.startswith(first_words)
    assert action.endswith(".")
