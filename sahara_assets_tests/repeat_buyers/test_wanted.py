"""What is wrong about `[repeat_buyers]` and `[segment_labels]` is said before anything runs."""

import pytest

from sahara_assets.errors import SettingsError
from sahara_assets.settings.document import parse_settings


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"repeat_buyers": {"features": ["category_share_1"]}}, "is another category at every cut-off"),
        ({"repeat_buyers": {"features": ["recency"]}}, "did you mean 'recency_days'?"),
        ({"repeat_buyers": {"features": ["order_count", "order_count"]}}, "names 'order_count' twice"),
        ({"repeat_buyers": {"allowed_features": ["shoe"]}}, "repeat_buyers.allowed_features: unknown feature 'shoe'"),
        ({"repeat_buyers": {"horizon_days": 0}}, "needs report_cut_off"),
        (
            {"repeat_buyers": {"contact_share": 0.1, "contact_cost": 2.0}},
            "more than one budget (contact_share, contact_cost)",
        ),
        ({"repeat_buyers": {"report_cut_off": "soon"}}, "is no date such as 2025-03-01"),
        ({"repeat_buyers": {"contact_property": "sahara_repeat_decile"}}, "must differ from decile_property"),
        (
            {
                "datasets": {"customers": {"attributes": {"age": "Age"}}},
                "features": {"population": "customers", "model": ["age"]},
                "repeat_buyers": {"enabled": True},
            },
            "repeat_buyers.enabled: needs order lines",
        ),
        (
            {"segment_labels": {"attributes": ["gross_spend"]}},
            "'gross_spend' is made from order lines, which these customers have not",
        ),
        ({"segment_labels": {"attributes": ["shoe"]}}, "segment_labels.attributes: unknown attribute 'shoe'"),
    ],
)
def test_what_contradicts_itself_or_names_nothing_is_refused_in_words(document, said, tmp_path):
    with pytest.raises(SettingsError) as caught:
        parse_settings(document, root=tmp_path)
    assert said in str(caught.value)
