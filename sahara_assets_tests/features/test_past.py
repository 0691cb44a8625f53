"""What was known at a past moment: nothing that came later, told apart from what was told later."""

import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.builds import Run
from sahara_assets.errors import SaharaError
from sahara_assets.features.feature_set import feature_set
from sahara_assets.features.past import features_as_of
from sahara_assets.stages import features as features_stage
from sahara_assets.stages import sales as sales_stage
from sahara_assets_tests.commands import sahara
from sahara_assets_tests.features.test_parts import deliver_a_day_and_a_night, measured
from sahara_assets_tests.small_shop import NOW, SmallShop, line

DATASETS = {
    "purchases": {"date_formats": []},
    "products": {},
    "customers": {"attributes": {"household_income": "Income", "gender": "Sex", "birth_year": "Year"}},
    "accounts": {"attributes": {"annual_revenue": "Revenue"}},
    "sign_ups": {"attributes": {"newsletter": {"column": "News", "kind": "flag"}}},
}
FEATURES = {
    "population": "customers",
    "also": ["morning_share", "weekend_share", "membership_days"],
    "category_lines": {"mugs": "mug"},
}


def shop_of(folder, **features):
    return SmallShop(folder, datasets=DATASETS, features={**FEATURES, **features})


def write(shop, path, rows, written):
    """Deliver a file that was written at a moment (UTC)."""
    target = shop.deliver(path, rows)
    stamp = written.replace(tzinfo=UTC).timestamp()
    os.utime(target, (stamp, stamp))


def rows_of(past):
    return {row["customer_id"]: row for row in past.rows}


T = datetime(2025, 3, 10)
EARLY, LATE = T - timedelta(days=5), T + timedelta(days=5)


@pytest.fixture
def shop(tmp_path):
    shop = shop_of(tmp_path)
    lines = [line("1", at="2025-03-01 07:00:00", category="mug"), line("2", at="2025-03-12 07:00:00", category="mug")]
    write(shop, "purchases/all.csv", [*lines, line("3", "bob", at="2025-03-12 09:00:00")], LATE)
    write(
        shop,
        "customers/2025-03-05.csv",
        [{"customer_id": "ann", "Income": "100", "Sex": "f", "Year": "", "country": "Spain"}],
        EARLY,
    )
    new = [
        {"customer_id": "ann", "Income": "999", "Sex": "x", "Year": "1990", "country": "Italy"},
        {"customer_id": "cyd", "Income": "5", "Sex": "m", "Year": "2000", "country": "Italy"},
    ]
    write(shop, "customers/2025-03-15.csv", new, LATE)
    signed = [
        {"customer_id": "dan", "signed_up_on": "2025-03-09", "News": "yes"},
        {"customer_id": "eve", "signed_up_on": "2025-03-10", "News": "yes"},
    ]
    write(shop, "sign_ups/all.csv", signed, LATE)
    shop.build()
    return shop


def test_what_happened_by_then_counts_whenever_it_was_told(shop):
    found = rows_of(features_as_of(shop.warehouse, shop.settings, T))
    assert sorted(found) == ["ann", "dan"]
    ann, dan = found["ann"], found["dan"]
    assert (ann["order_count"], ann["gross_spend"], ann["recency_days"], ann["mugs_lines"]) == (1, Decimal("2.5"), 8, 1)
    # An income says nothing of the day before it was written down; a birth year and a gender always do.
    assert (ann["household_income"], ann["country"], ann["gender"], ann["age_years"]) == (100, "Spain", "x", 35)
    assert (dan["membership_days"], dan["newsletter"], dan["order_count"], dan["recency_days"]) == (1, None, 0, None)


def test_what_was_known_by_then_is_what_files_said_by_then(shop):
    past = features_as_of(shop.warehouse, shop.settings, T, known=True)
    found = rows_of(past)
    assert sorted(found) == ["ann"]
    assert (found["ann"]["order_count"], found["ann"]["gender"], found["ann"]["age_years"]) == (0, "f", None)
    later = rows_of(features_as_of(shop.warehouse, shop.settings, datetime(2025, 3, 16), known=True))
    assert sorted(later) == ["ann", "bob", "cyd", "dan", "eve"]
    assert (later["ann"]["household_income"], later["ann"]["order_count"]) == (999, 2)


def test_a_line_that_a_newer_file_states_again_was_known_through_the_older_one(tmp_path):
    shop = shop_of(tmp_path)
    write(shop, "purchases/1.csv", [line("1", at="2025-03-01 07:00:00")], EARLY)
    write(shop, "purchases/2.csv", [line("1", at="2025-03-01 07:00:00"), line("2", at="2025-03-02 07:00:00")], LATE)
    shop.build()
    assert rows_of(features_as_of(shop.warehouse, shop.settings, T, known=True))["ann"]["order_count"] == 1
    assert rows_of(features_as_of(shop.warehouse, shop.settings, T))["ann"]["order_count"] == 2


def test_a_file_that_was_replaced_since_is_said_to_be_lost(tmp_path):
    shop = shop_of(tmp_path)
    write(shop, "customers/all.csv", [{"customer_id": "ann", "Income": "100"}], EARLY)
    write(shop, "purchases/1.csv", [line()], EARLY)
    shop.build()
    write(shop, "customers/all.csv", [{"customer_id": "ann", "Income": "999"}], LATE)
    shop.build()
    past = features_as_of(shop.warehouse, shop.settings, T)
    assert past.lost == 1
    assert rows_of(past)["ann"]["household_income"] is None
    assert features_as_of(shop.warehouse, shop.settings, EARLY - timedelta(days=1)).lost == 0


def test_what_was_known_of_purchases_from_analytics_cannot_be_said(tmp_path):
    shop = SmallShop(tmp_path, datasets={"sessions": {}}, analytics={"purchases": "transactions"})
    with pytest.raises(SaharaError, match="leave --known out"):
        features_as_of(shop.warehouse, shop.settings, T, known=True)


def test_categories_are_ranked_as_they_were(tmp_path):
    shop = shop_of(tmp_path)
    write(
        shop,
        "purchases/1.csv",
        [line("1", category="Books", price="5"), line("2", category="Toys", price="90", at="2025-03-12 00:00:00")],
        EARLY,
    )
    shop.build()
    past = features_as_of(shop.warehouse, shop.settings, T)
    assert past.categories == {"category_share_1": "Books"}
    assert rows_of(past)["ann"]["category_share_1"] == 1.0


def test_the_moment_is_local_and_files_are_held_against_it_in_utc(tmp_path):
    shop = SmallShop(tmp_path, datasets=DATASETS, features=FEATURES, project={"time_zone": "Asia/Tokyo"})
    write(shop, "purchases/1.csv", [line(at="2025-03-09 23:59:59"), line("2", at="2025-03-10 00:00:00")], EARLY)
    write(shop, "customers/1.csv", [{"customer_id": "ann", "Income": "1"}], datetime(2025, 3, 9, 14, 59))
    write(shop, "customers/2.csv", [{"customer_id": "ann", "Income": "2"}], datetime(2025, 3, 9, 15))
    shop.build()
    ann = rows_of(features_as_of(shop.warehouse, shop.settings, T))["ann"]
    assert (ann["order_count"], ann["household_income"]) == (1, 1)


def test_as_of_the_cut_off_order_lines_say_what_the_table_says(tmp_path):
    shop = SmallShop(
        tmp_path, features={"population": "customers", "also": FEATURES["also"], "category_lines": {"mugs": "(?i)mug"}}
    )
    deliver_a_day_and_a_night(shop)
    shop.build()
    cut_off = features_stage.cut_off(shop.warehouse)
    found = rows_of(features_as_of(shop.warehouse, shop.settings, cut_off))
    table = measured(shop)
    from_lines = [one.name for one in feature_set(shop.settings).features if one.table == "purchases"]
    for who in ("ann", "bob"):
        assert {name: found[who][name] for name in from_lines} == {name: table[who][name] for name in from_lines}


# --- leakage ---------------------------------------------------------------------------------------------------------------------

_MINUTES = st.integers(-20_000, 20_000)
_WHEN = _MINUTES.map(lambda minutes: T + timedelta(minutes=minutes))
_LINES = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["1", "2", "3"]), st.integers(-2, 4), st.sampled_from(["mug", "cup", ""]),
        _WHEN, st.sampled_from(["Spain", "Italy", ""]),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip
_FILES = st.lists(st.tuples(_LINES, _WHEN), min_size=1, max_size=3)
_PEOPLE = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from("abcd"), st.tuples(st.integers(0, 9), st.sampled_from(["", "Malta"])), min_size=1
        ),
        _WHEN,
    ),
    max_size=3,
)
_SIGNED = st.lists(st.tuples(st.dictionaries(st.sampled_from("abcde"), _WHEN, min_size=1), _WHEN), max_size=2)
# Nothing that is constant: what is always true may be told later.
LEAKY = {
    "purchases": {},
    "customers": {"attributes": {"household_income": "Income"}},
    "sign_ups": {"attributes": {"newsletter": {"column": "News", "kind": "flag"}}},
}


def deliver_a_world(folder, files, people, signed):
    """A shop of random files; a file without rows is not delivered."""
    shop = SmallShop(folder, datasets=LEAKY, features=FEATURES)
    for number, (lines, written) in enumerate(files):
        rows = [
            line(f"{order}/{number}", who, product=f"p{order}", quantity=str(quantity), category=category, at=str(at), country=country)
            for who, order, quantity, category, at, country in lines
        ]  # fmt: skip
        if rows:
            write(shop, f"purchases/{number}.csv", rows, written)
    for number, (known, written) in enumerate(people):
        rows = [{"customer_id": who, "Income": income, "country": country} for who, (income, country) in known.items()]
        write(shop, f"customers/{number}.csv", rows, written)
    for number, (days, written) in enumerate(signed):
        rows = [{"customer_id": who, "signed_up_on": str(at.date()), "News": "1"} for who, at in days.items()]
        if rows:
            write(shop, f"sign_ups/{number}.csv", rows, written)
    # The features of a past moment are computed from the raw tables and the lines; the rest need not be there.
    shop.load()
    sales_stage.purchases(shop.warehouse, shop.settings, Run("test", NOW))
    return shop


def before_the_moment(files, people, signed, *, known):
    """The same world as if it had ended then: nothing that happened later, and no file that speaks of the present and came later."""
    files = [([one for one in lines if one[4] < T], written) for lines, written in files if not known or written < T]
    signed = [
        ({who: at for who, at in days.items() if at.date() < date(2025, 3, 10)}, written)
        for days, written in signed
        if not known or written < T
    ]
    return files, [one for one in people if one[1] < T], signed


@pytest.mark.parametrize("known", [False, True])
@settings(max_examples=4, deadline=None)
@given(files=_FILES, people=_PEOPLE, signed=_SIGNED)
def test_what_comes_later_changes_nothing(tmp_path_factory, known, files, people, signed):
    later_changes_nothing(tmp_path_factory, known, files, people, signed)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("known", [False, True])
def test_what_comes_later_changes_nothing_in_many_worlds(tmp_path_factory, known, long_count):
    worlds = 100

    @settings(max_examples=worlds, deadline=None)
    @given(files=_FILES, people=_PEOPLE, signed=_SIGNED)
    def in_every_world(files, people, signed):
        later_changes_nothing(tmp_path_factory, known, files, people, signed)

    in_every_world()
    which = "what files had said by then" if known else "what had happened by then"
    long_count(f"Features at a past moment, by {which}: what comes later changes nothing", f"{worlds} shops")


def later_changes_nothing(tmp_path_factory, known, files, people, signed):
    """The features at a moment are those of the world that ended then."""
    whole = deliver_a_world(tmp_path_factory.mktemp("whole"), files, people, signed)
    ended = deliver_a_world(tmp_path_factory.mktemp("ended"), *before_the_moment(files, people, signed, known=known))
    found, expected = (features_as_of(shop.warehouse, shop.settings, T, known=known) for shop in (whole, ended))
    _without_later_news(signed, found, expected, known=known)
    assert found.rows == expected.rows
    assert found.categories == expected.categories
    whole.warehouse.close()
    ended.warehouse.close()


def _without_later_news(signed, found, expected, *, known):
    """A sign-up counts by its day, but what its file says besides counts from when the file was written."""
    if known:
        return
    for row in expected.rows:
        told = [
            written
            for days, written in signed
            if row["customer_id"] in days and days[row["customer_id"]].date() < date(2025, 3, 10)
        ]
        if told and min(told) >= T:
            assert row["newsletter"] is None
    assert all(row["newsletter"] in {None, 1} for row in found.rows)


# --- the command -----------------------------------------------------------------------------------------------------------------


def test_the_command_looks_up_and_goes_back(project):
    listed = sahara("features", "--json", cwd=project)
    assert listed.code == 0, listed.err
    customers = listed.json["customers"]
    assert listed.json["computed_at"]
    assert len(customers) > 20
    best = max(customers, key=lambda row: row["gross_spend"])["customer_id"]
    one = sahara("features", best, "--json", cwd=project).json
    assert one["customers"] == [row for row in customers if row["customer_id"] == best]
    then = sahara("features", best, "--as-of", "2025-03-01", "--json", cwd=project)
    assert then.code == 0, then.err
    assert then.json["as_of"] == "2025-03-01T00:00:00"
    assert then.json["customers"][0]["gross_spend"] <= one["customers"][0]["gross_spend"]
    shown = sahara("features", best, cwd=project, env={"COLUMNS": "100"})
    assert "gross_spend" in shown.out
    assert "computed" in shown.out
    summary = sahara("features", "--as-of", "2025-03-01", cwd=project, env={"COLUMNS": "100"})
    assert "customers with it" in summary.out
    assert "as of 2025-03-01 00:00, from what had happened by then" in summary.out


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["nobody"], "nobody: no such customer is measured; ids are compared exactly"),
        (["nobody", "--as-of", "2025-03-01"], "no such customer is measured as of 2025-03-01 00:00"),
        (["--as-of", "soon"], "--as-of: 'soon' is not a date or time"),
        (["--as-of", "2025-03-01T00:00+01:00"], "leave the offset out"),
        (["--known"], "name it with --as-of"),
    ],
)
def test_what_cannot_be_answered_is_said_with_the_remedy(project, words, remedy):
    done = sahara("features", *words, cwd=project)
    assert done.code == 2
    assert remedy in done.err
