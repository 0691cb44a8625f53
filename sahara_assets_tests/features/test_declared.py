"""Features that settings bring: their declarations, their names in a document, and which of them a project has."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.features.declarations import FEATURES
from sahara_assets.features.declared import features_in, of_attribute, of_settings, on_offer
from sahara_assets.features.feature_set import feature_set
from sahara_assets.settings.document import Settings, parse_settings
from sahara_assets.tables.attributes import WELL_KNOWN, well_known
from sahara_assets.tables.columns import Kind

FAMILY = ("spend_on_wine", "web_purchases", "accepted_campaign_3")


def _parsed(**document):
    return parse_settings(document, root=Path())


def test_a_project_that_asks_for_nothing_more_has_the_spines_features():
    features = feature_set(Settings())
    assert features.features == FEATURES
    assert features.declared == ()
    assert features.table.column_names == ("customer_id", *(feature.name for feature in FEATURES))


@pytest.mark.parametrize("name", [*(one.name for one in WELL_KNOWN), *FAMILY])
def test_every_well_known_attribute_makes_a_feature_that_says_what_it_is(name):
    feature = of_attribute(well_known(name)).feature
    assert feature.label
    assert feature.description.rstrip().endswith(".")
    assert feature.is_category or (feature.high and feature.low)
    assert feature.is_category == (feature.column_kind is Kind.TEXT)
    assert feature.nullable
    assert feature.name not in {spine.name for spine in FEATURES}


def test_no_two_well_known_attributes_are_read_from_one_header_name():
    words = [word for attribute in WELL_KNOWN for word in attribute.synonyms]
    assert sorted(words) == sorted(set(words))


def test_what_is_on_offer_is_computed_only_where_it_is_asked_for():
    plain = _parsed(features={"model": ["recency_days", "morning_share"], "also": ["weekend_share"]})
    assert [one.feature.name for one in feature_set(plain).declared] == ["morning_share", "weekend_share"]
    assert "evening_share" not in feature_set(plain).by_name


def test_parts_of_the_day_are_those_of_the_settings():
    named = _parsed(
        parts_of_day={"rule": "byte-foods"}, features={"also": ["morning_share", "afternoon_share", "evening_share"]}
    )
    told = [one.feature.description for one in feature_set(named).declared]
    assert [line.rpartition(": ")[2] for line in told] == ["hours 0-12.", "hours 13-17.", "hours 18-23."]
    own = _parsed(parts_of_day={"starts": {"Late lunch": 13, "dinner": 18}}, features={"also": ["late_lunch_share"]})
    assert feature_set(own).declared[0].feature.label == "share of orders in the late lunch"


def test_who_may_never_have_bought_may_have_no_recency():
    everyone = feature_set(_parsed(features={"population": "customers"})).by_name
    assert everyone["recency_days"].nullable
    assert everyone["recency_days"].treatment.missing == "maximum"
    assert everyone["gross_spend"] == feature_set(Settings()).by_name["gross_spend"]


def test_without_order_lines_only_what_customers_say_is_left():
    document = {
        "datasets": {"customers": {"attributes": {"age": "Age"}}},
        "features": {"model": ["age"], "population": "customers", "also": ["membership_days"]},
    }
    features = feature_set(_parsed(**document))
    assert list(features.by_name) == ["country", "membership_days", "age"]
    assert not features.sells


def test_the_model_prepares_its_features_as_the_settings_say_and_leaves_the_others():
    asked = {
        "missing": "drop",
        "cap_quantile": 0.95,
        "transform": "none",
        "features": {"gross_spend": {"cap_quantile": 1, "missing": 3.5}},
    }
    features = feature_set(
        _parsed(features={"model": ["order_count", "gross_spend", "country"]}, preprocessing=asked)
    ).by_name
    orders, spend = features["order_count"].treatment, features["gross_spend"].treatment
    assert (orders.missing, orders.cap_quantile, orders.transform) == ("drop", 0.95, "none")
    assert (spend.missing, spend.cap_quantile, spend.transform) == (3.5, None, "none")
    assert (features["country"].treatment.missing, features["country"].treatment.cap_quantile) == ("drop", None)
    assert features["recency_days"] == feature_set(Settings()).by_name["recency_days"]


_ATTRIBUTES = st.dictionaries(
    st.sampled_from([*(one.name for one in WELL_KNOWN if one.name != "birth_date"), *FAMILY]),
    st.uuids().map(str),
    max_size=6,
)


@settings(deadline=None)
@given(
    _ATTRIBUTES,
    st.dictionaries(st.sampled_from(["bags", "mugs_and_cups"]), st.just("x"), max_size=2),
    st.sampled_from([{}, {"rule": "byte-foods"}, {"starts": {"lunch": 11, "dinner": 17}}]),
)
def test_a_document_names_exactly_the_features_that_its_settings_bring(attributes, counts, day):
    document = {
        "parts_of_day": day,
        "datasets": {
            "purchases": {},
            "customers": {"attributes": attributes},
            "accounts": {"attributes": {"own": {"column": "X", "kind": "flag"}}},
        },
        "features": {"category_lines": counts},
    }
    parsed = _parsed(**document)
    declared = [one.feature for one in (*on_offer(parsed), *of_settings(parsed))]
    assert [feature for feature, _ in features_in(document)] == declared
