"""`sahara init` recognises what a customer file says of customers, and writes settings that read and measure it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sahara_assets.features.feature_set import feature_set
from sahara_assets.onboarding.attributes import find_attributes, named
from sahara_assets.onboarding.propose import propose
from sahara_assets.onboarding.render import render_config
from sahara_assets.onboarding.values import ColumnProfile
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.attributes import WELL_KNOWN
from sahara_assets_tests.commands import sahara

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def _settings(proposal):
    return parse_settings(tomllib.loads(render_config(proposal)), root=Path())


def _written(tmp_path, text, name="customers.csv"):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_text(text)
    return propose([tmp_path / "data"], tmp_path)


@pytest.mark.parametrize("attribute", [one.name for one in WELL_KNOWN])
def test_every_well_known_attribute_is_recognised_by_its_own_name_and_its_synonyms(attribute):
    one = next(known for known in WELL_KNOWN if known.name == attribute)
    for header in (
        attribute,
        attribute.replace("_", " ").title(),
        f"{attribute.replace('_', '').upper()} ",
        *one.synonyms,
    ):
        assert named(header) == one


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Amount Books", "spend_on_books"),
        ("SpentOnWineProducts", "spend_on_wine"),
        ("number of store purchases", "store_purchases"),
        ("Accepted Campaign 12", "accepted_campaign_12"),
        ("Geburtsjahr", "birth_year"),
        ("Customer ID", None),
        ("Purchases", None),
        ("Amount", None),
        ("Z_Revenue", None),
        ("", None),
    ],
)
def test_names_with_a_part_of_the_shops_own_are_recognised_and_others_left_alone(header, name):
    found = named(header)
    assert (found.name if found else None) == name


def _profiles(**columns):
    return [ColumnProfile(header, place, values) for place, (header, values) in enumerate(columns.items())]


def test_values_of_another_kind_speak_against_a_name():
    profiles = _profiles(
        Income=["high", "low"] * 5, Complain=["0", "1"] * 5, Age=["30", "41"] * 5, Education=["PhD"] * 10
    )
    assert {match.header: match.fits for match in find_attributes(profiles, ())} == {
        "Income": False, "Complain": True, "Age": True, "Education": True,
    }  # fmt: skip


def test_what_is_a_column_of_ours_or_stands_twice_is_no_attribute():
    profiles = [
        ColumnProfile(header, place, ["1980", "1990"]) for place, header in enumerate(["Age", "Gender", "gender"])
    ]
    assert find_attributes(profiles, {0}) == ()
    both = _profiles(Year_Birth=["1980"], Date_of_Birth=["1980-01-01"])
    assert [match.attribute.name for match in find_attributes(both, ())] == ["birth_year"]


def test_what_speaks_against_it_stands_as_a_comment_and_the_rest_is_settings(tmp_path):
    rows = "".join(f"c{number},{20 + number},{'high' if number % 2 else 'low'},f\n" for number in range(40))
    proposal = _written(tmp_path, f"Customer ID,Age,Income,Sex\n{rows}")
    text = render_config(proposal)
    assert '# household_income = "Income"' in text
    assert "  household_income NOT TAKEN from 'Income' (30 %): its values are no numbers" in proposal.summary_lines
    declared = _settings(proposal).datasets["customers"].attributes
    assert {name: one.column for name, one in declared.items()} == {"age": "Age", "gender": "Sex"}


def test_money_and_dates_among_attributes_are_read_as_they_are_written(tmp_path):
    rows = "".join(f"a{number};1.{number:03d},50 €;{number % 28 + 1:02d}.12.2015\n" for number in range(60))
    proposal = _written(tmp_path, f"Kundennummer;Einkommen;First Sale Date\n{rows}")
    settings = _settings(proposal)
    reading = settings.datasets["customers"]
    assert (reading.decimal_mark, reading.thousands_mark, reading.currency_text) == (",", ".", True)
    assert reading.date_formats == ["%d.%m.%Y"]
    assert settings.project.currency == "EUR"
    assert list(reading.attributes) == ["household_income", "first_sale_on"]


def test_a_customer_file_alone_is_a_project_that_runs(tmp_path):
    rows = "".join(
        f"c{number},{1950 + number % 50},{20000 + 37 * number % 900 + 50000 * (number % 2)},{number % 3}\n"
        for number in range(90)
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "members.csv").write_text(f"Customer ID,Birth Year,Income,Kids\n{rows}")
    first = sahara("init", "data", cwd=tmp_path)
    assert first.code == 0, first.out
    assert "complete: `sahara run` can start" in first.out
    run = sahara("run", "--json", cwd=tmp_path)
    assert run.code == 0, run.err
    assert sum(row["customer_count"] for row in run.json["segments"]) == 90


def test_beside_order_lines_the_model_stays_as_it_is(tmp_path):
    (tmp_path / "data").mkdir()
    lines = "".join(
        f"{number // 3},c{number % 30},p{number % 7},2,9.99,2025-03-{number % 28 + 1:02d}\n" for number in range(300)
    )
    (tmp_path / "data" / "orders.csv").write_text(
        f"order id,customer id,product id,quantity,unit price,order date\n{lines}"
    )
    people = "".join(f"c{number},{20 + number},{'fm'[number % 2]}\n" for number in range(30))
    (tmp_path / "data" / "customers.csv").write_text(f"customer id,age,gender\n{people}")
    settings = _settings(propose([tmp_path / "data"], tmp_path))
    assert settings.features.model == ["recency_days", "order_count", "gross_spend"]
    assert [one.feature.name for one in feature_set(settings).declared] == ["age", "gender"]


@pytest.mark.real_data
def test_the_customer_personality_file_needs_no_hand(tmp_path):
    file = SHARED / "marketing_campaign" / "marketing_campaign.csv"
    if not file.is_file():
        pytest.skip("../shared/data/marketing_campaign is not there")
    proposal = propose([file], tmp_path)
    assert proposal.complete
    settings = _settings(proposal)
    reading = settings.datasets["customers"]
    assert (reading.columns["customer_id"], reading.columns["signed_up_on"]) == ("ID", "Dt_Customer")
    assert len(reading.attributes) == 25
    assert len(settings.features.model) == 16
    assert [match.header for match in proposal.dataset("customers").attributes if not match.fits] == []
    assert proposal.dataset("customers").unmapped == ("Z_CostContact", "Z_Revenue")
