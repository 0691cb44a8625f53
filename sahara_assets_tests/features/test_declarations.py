from sahara_assets.features.declarations import BY_NAME, DEFAULT_MODEL_FEATURES, FEATURES
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets.tables.sales import PURCHASES


def test_every_feature_is_a_column_of_the_feature_table():
    assert CUSTOMER_FEATURES.column_names == ("customer_id", *(feature.name for feature in FEATURES))


def test_names_carry_their_unit():
    for feature in FEATURES:
        if feature.unit == "days" and feature.name != "mean_days_between_orders":
            assert feature.name.endswith("_days")


def test_every_feature_says_what_it_is_and_what_it_is_made_from():
    for feature in FEATURES:
        assert feature.label
        assert feature.description.endswith(".")
        assert set(feature.made_from) <= set(PURCHASES.column_names)


def test_the_default_model_uses_declared_features():
    assert set(DEFAULT_MODEL_FEATURES) <= set(BY_NAME)
