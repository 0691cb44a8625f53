"""Attributes of customers: read and rejected by the rules of their kind, in every format, and written down as one canonical text."""

import csv
import io
import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.drops.fields import BLANKS
from sahara_assets.tables.datasets import ATTRIBUTES
from sahara_assets_tests.drops.drop_desk import Desk, assert_conserved

DECLARED = {
    "birth_year": "Year",
    "annual_revenue": "Annual Revenue",
    "first_sale_on": "First Sale",
    "complaint": "Complain",
    "education": "Education",
    "order": {"column": "order", "kind": "category"},
}
AMERICAN = {"project": {"currency": "USD"}, "currency_text": True, "date_formats": ["%m/%d/%Y"]}


@pytest.fixture(scope="module")
def desk():
    desk = Desk()
    yield desk
    desk.close()


def _noted(row):
    return json.loads(row[ATTRIBUTES]) if row[ATTRIBUTES] else {}


def test_every_kind_is_read_by_its_rules(desk):
    drop = (
        "customer_id,Year,Annual Revenue ,First Sale,Complain,Education,order,note\n"
        '1,1957,$208282.78,5/19/2015,Yes,"PhD, ""late""",first,x\n'
        "2,,,,0,,,\n"
        "3,,,,,,,\n"
    )
    loaded = desk.load(drop, dataset="customers", attributes=DECLARED, **AMERICAN)
    full = (
        r'{"annual_revenue":"208282.7800","birth_year":"1957.0000","complaint":true,"education":"PhD, \"late\"",'
        '"first_sale_on":"2015-05-19","order":"first"}'
    )
    assert [row[ATTRIBUTES] for row in loaded.values] == [full, '{"complaint":false}', None]
    assert loaded.values[0]["_extra"] == '{"note":"x"}'
    assert_conserved(loaded)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x,,,", "Year holds 'x'; write a number"),
        ("$1957,,,", "Year holds '$1957'; write a number"),
        (",€5,,", "Annual Revenue holds '€5'; write a number such as 12.50"),
        (",,19.5.2015,", "First Sale holds '19.5.2015'; write it as %m/%d/%Y"),
        (",,,perhaps", "Complain holds 'perhaps'; write 1 or true or t or yes or y for yes"),
    ],
)
def test_what_does_not_fit_is_rejected_with_its_column_and_what_would(desk, value, reason):
    drop = f"customer_id,Year,Annual Revenue,First Sale,Complain,Education,order\n1,{value},,\n2,,,,,,\n"
    loaded = desk.load(drop, dataset="customers", attributes=DECLARED, **AMERICAN)
    assert list(loaded.rows) == [3]
    assert loaded.reasons()[2].startswith(reason)
    assert_conserved(loaded)


def test_a_flag_can_have_words_of_its_own(desk):
    flag = {"column": "Club", "kind": "flag", "yes": ["Ja"], "no": ["Nein"]}
    loaded = desk.load(
        "customer_id,Club\n1,ja\n2,NEIN\n3,yes\n", dataset="customers", attributes={"club": flag}, null_values=[]
    )
    assert [_noted(row) for row in loaded.values] == [{"club": True}, {"club": False}]
    assert loaded.reasons() == {4: "Club holds 'yes'; write Ja for yes, Nein for no"}


def test_the_same_rows_as_json_read_the_same(desk):
    rows = [
        {"customer_id": "1", "Year": 1957, "crm": {"Education": "PhD"}, "Complain": True},
        {"customer_id": "2", "Year": 1893.5, "crm": {"Education": "Line\nbreak"}, "Complain": False},
    ]
    declared = {"birth_year": "Year", "education": "crm.Education", "complaint": "Complain"}
    loaded = desk.load("".join(f"{json.dumps(row)}\n" for row in rows), dataset="customers", attributes=declared)
    assert [_noted(row) for row in loaded.values] == [
        {"birth_year": "1957.0000", "complaint": True, "education": "PhD"},
        {"birth_year": "1893.5000", "complaint": False, "education": "Line break"},
    ]


def test_numbers_follow_the_settings_of_their_dataset(desk):
    loaded = desk.load(
        "account_id;Umsatz\n1;1.234,50\n2;1234.50\n",
        dataset="accounts",
        decimal_mark=",",
        thousands_mark=".",
        attributes={"annual_revenue": "Umsatz"},
    )
    assert [_noted(row) for row in loaded.values] == [{"annual_revenue": "1234.5000"}]
    assert list(loaded.rejects) == [3]


def test_two_lines_of_one_key_that_differ_in_an_attribute_alone_contradict_each_other(desk):
    drop = "customer_id,age\n1,54\n1,44\n2,30\n2,30\n"
    loaded = desk.load(drop, dataset="customers", attributes={"age": "age"})
    assert list(loaded.rows) == [3, 4, 5]
    assert loaded.reasons()[2].startswith("customer_id stands again on line 3 with other values")


def test_normalisers_reach_words(desk):
    loaded = desk.load(
        "customer_id,sex\n1,Male\n2,male\n",
        dataset="customers",
        attributes={"gender": "sex"},
        normalise={"gender": ["lower"]},
    )
    assert [_noted(row) for row in loaded.values] == [{"gender": "male"}] * 2


_WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "word": _WORDS,
            "number": st.decimals(-(10**14) + 1, 10**14 - 1, places=4) | st.none(),
            "day": st.dates(date(1901, 1, 1), date(2199, 12, 31)) | st.none(),
            "flag": st.booleans() | st.none(),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(rows=_ROWS)
def test_whatever_is_written_comes_back(desk, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    kinds = {"word": "category", "number": "number", "day": "date", "flag": "flag"}
    writer.writerow(["customer_id", *kinds])
    for number, row in enumerate(rows):
        writer.writerow([f"c{number}", *("" if row[name] is None else row[name] for name in kinds)])
    declared = {name: {"column": name, "kind": kind} for name, kind in kinds.items()}
    loaded = desk.load(text.getvalue(), dataset="customers", attributes=declared, null_values=[])
    assert_conserved(loaded)
    assert not loaded.rejects
    for row, found in zip(rows, loaded.values, strict=True):
        noted = _noted(found)
        assert list(noted) == sorted(noted)
        assert noted.get("word", "") == row["word"].strip(BLANKS)
        assert (Decimal(noted["number"]) if "number" in noted else None) == row["number"]
        assert (date.fromisoformat(noted["day"]) if "day" in noted else None) == row["day"]
        assert noted.get("flag") == row["flag"]
