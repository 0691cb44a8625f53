"""Features that come from sessions, and who is measured where visitors are: worked out by hand, with the traps of the source systems."""

from datetime import datetime

import pytest

from sahara_assets.errors import SaharaError, SettingsError
from sahara_assets.features.feature_set import feature_set
from sahara_assets.features.past import features_as_of
from sahara_assets.settings.document import parse_settings
from sahara_assets.stages import features as features_stage
from sahara_assets.tables.books import STEP_COUNTS
from sahara_assets.tables.sales import CUSTOMERS
from sahara_assets_tests.analytics import made_exports as made
from sahara_assets_tests.small_shop import SmallShop

ALL = [
    "session_count", "visits", "hit_count", "page_views", "time_on_site_seconds", "engagement_msec", "unique_screens",
    "operating_system", "device_category", "medium", "channel",
]  # fmt: skip
DAY = 86_400


def shop_of(tmp_path, population="everyone", **settings):
    features = {"also": ALL, "population": population, **settings.pop("features", {})}
    datasets = {"customers": {}, "sessions": made.SESSIONS, "events": made.EVENTS}
    shop = SmallShop(
        tmp_path, datasets=datasets, analytics={"purchases": "transactions"}, features=features, **settings
    )
    shop.deliver("customers/crm.csv", [{"customer_id": "crm"}, {"customer_id": "c-1", "visitor_id": "0017"}])
    on_ios = {"device": {"deviceCategory": "mobile", "operatingSystem": "iOS", "browser": "Safari"}}
    bought = made.hit(
        2, made.product(quantity=1, revenue=12.99), made.product("P2", quantity=2), action="6", order="O1"
    )
    shop.deliver(
        "sessions/ga.jsonl",
        made.lines(
            made.session("0017", 1, made.hit(1), bought),
            made.session("0017", 2, made.hit(1), started=made.STARTED + DAY, **on_ios),
            made.session("0018", 1, made.hit(1), totals={"visits": None, "hits": 1}, geoNetwork={"country": "Peru"}),
        ),
    )
    shop.deliver(
        "events/ga4.jsonl",
        made.lines(
            made.event("5.6", "page_view", 0, params={"page_location": "/a", "engagement_time_msec": 5}),
            made.event("5.6", "view_item_list", 10, made.item(), made.item("P2"), params={"engagement_time_msec": 70}),
            made.event("5.6", "page_view", 2 * DAY, visit=2, params={"page_location": "/a"}),
            made.event(None, "page_view", 5, visit=4),
        ),
    )
    shop.build()
    return shop


def measured(shop):
    return {row["customer_id"]: row for row in shop.rows(feature_set(shop.settings).table)}


def test_sessions_are_added_up_once_whatever_their_rows_were_repeated_for(tmp_path):
    found = measured(shop_of(tmp_path))
    assert [found["c-1"][name] for name in ALL[:5]] == [2, 2, 3, 6, 120]
    # Two items of one event: its engagement counts once.
    assert (found["5.6"]["engagement_msec"], found["5.6"]["unique_screens"], found["5.6"]["session_count"]) == (
        75,
        2,
        2,
    )
    assert (found["0018"]["visits"], found["0018"]["session_count"]) == (0, 1)


def test_a_word_is_that_of_most_sessions_and_of_the_latest_where_they_tie(tmp_path):
    found = measured(shop_of(tmp_path))
    assert [found["c-1"][name] for name in ALL[7:]] == ["iOS", "mobile", "organic", "Referral"]
    assert found["crm"]["operating_system"] is None


def test_who_is_measured_is_the_settings_choice(tmp_path):
    who = {
        population: set(measured(shop_of(tmp_path / population, population)))
        for population in ("buyers", "customers", "visitors", "everyone")
    }
    assert who == {
        "buyers": {"c-1"},
        "customers": {"c-1", "crm"},
        "visitors": {"c-1", "0018", "5.6"},
        "everyone": {"c-1", "crm", "0018", "5.6"},
    }


def test_who_never_bought_or_never_came_has_nothing_rather_than_the_mean(tmp_path):
    found = measured(shop_of(tmp_path))
    assert (found["5.6"]["order_count"], found["5.6"]["gross_spend"], found["5.6"]["recency_days"]) == (0, 0, None)
    assert [found["crm"][name] for name in ALL[:7]] == [0] * 7


def test_a_visitor_brings_ids_and_country_for_the_audience_file_and_is_counted(tmp_path):
    shop = shop_of(tmp_path)
    rows = {row["customer_id"]: row for row in shop.rows(CUSTOMERS)}
    assert (rows["5.6"]["client_id"], rows["0018"]["country"], rows["0018"]["visitor_id"]) == ("5.6", "Peru", "0018")
    account = {row["reason"]: row["row_count"] for row in shop.rows(STEP_COUNTS) if row["table_name"] == "customers"}
    assert account["visitors alone (added)"] == 2
    assert account["out"] == 4


def test_the_cut_off_is_after_the_latest_session_where_visitors_are_measured(tmp_path):
    assert features_stage.cut_off(shop_of(tmp_path / "a").warehouse) == datetime(2016, 8, 4)
    assert features_stage.cut_off(shop_of(tmp_path / "b", "buyers").warehouse) == datetime(2016, 8, 2)


def test_what_visitors_did_later_was_not_known(tmp_path):
    shop = shop_of(tmp_path)
    then = {row["customer_id"]: row for row in features_as_of(shop.warehouse, shop.settings, datetime(2016, 8, 2)).rows}
    assert (then["c-1"]["session_count"], then["c-1"]["operating_system"]) == (1, "Linux")
    assert (then["5.6"]["session_count"], then["5.6"]["unique_screens"]) == (1, 1)
    before = features_as_of(shop.warehouse, shop.settings, datetime(2016, 8, 1)).rows
    assert {row["customer_id"] for row in before}.isdisjoint({"5.6", "0018"})
    with pytest.raises(SaharaError, match="leave --known out"):
        features_as_of(shop.warehouse, shop.settings, datetime(2016, 8, 2), known=True)


def test_a_project_of_events_alone_measures_its_visitors(tmp_path):
    features = {"population": "visitors", "model": ["session_count", "engagement_msec"]}
    shop = SmallShop(tmp_path, datasets={"events": made.EVENTS}, features=features)
    shop.deliver("events/a.jsonl", made.lines(made.event("5.6", "page_view", 0, params={"engagement_time_msec": 5})))
    shop.build()
    (row,) = measured(shop).values()
    assert (row["customer_id"], row["session_count"], row["engagement_msec"], row["country"]) == ("5.6", 1, 5, "India")
    assert "gross_spend" not in row


def test_a_later_session_rebuilds_what_is_made_from_sessions(tmp_path):
    shop = shop_of(tmp_path)
    shop.deliver("sessions/later.jsonl", made.lines(made.session("0018", 9, made.hit(1), started=made.STARTED + 99)))
    shop.build()
    assert measured(shop)["0018"]["session_count"] == 2


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"datasets": {"purchases": {}}, "features": {"also": ["page_views"]}}, "'page_views' is made from sessions, and there is no [datasets.sessions] and no [datasets.events]"),
        ({"datasets": {"purchases": {}}, "features": {"population": "visitors"}}, "counts visitors, and there is no [datasets.sessions]"),
        ({"datasets": {"events": {}}, "features": {"population": "visitors"}}, "features.model: is missing"),
        ({"datasets": {"events": {}}}, '[features] population = "visitors"'),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_refused_with_a_remedy(tmp_path, document, words):
    with pytest.raises(SettingsError) as refused:
        parse_settings(document, root=tmp_path)
    assert words in str(refused.value)


def test_lines_of_other_countries_leave_where_countries_are_named_and_are_counted(tmp_path):
    shop = shop_of(tmp_path, "buyers", rules={"countries": ["Peru"]}, features={"population": "customers"})
    assert measured(shop)["c-1"]["order_count"] == 0
    account = {row["reason"]: row["row_count"] for row in shop.rows(STEP_COUNTS) if row["table_name"] == "purchases"}
    assert account["a country that rules.countries does not name"] == 2
    assert account["out"] == 0
