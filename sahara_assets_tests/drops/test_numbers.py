"""Numbers as people write them: read as declared, the same in SQL and in Python, and nothing is a number that the settings do not declare."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.drops.numbers import SIGNS, NumberFormat, marks_of
from sahara_assets_tests.drops.drop_desk import HEADER, Desk

NEGATIVES = ["parentheses", "trailing", "minus_sign"]


@pytest.fixture(scope="module")
def desk():
    made = Desk()
    yield made
    made.close()


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as made:
        yield made


def in_sql(connection, form, texts):
    """What the SQL makes of some texts."""
    rows = connection.execute(f"SELECT {form.to_sql('t')} FROM (SELECT unnest(?::VARCHAR[]) AS t)", [texts]).fetchall()
    return [value for (value,) in rows]


CASES = {
    "point and comma": (
        NumberFormat(".", ","),
        {"1,234.56": "1234.56", "1234.56": "1234.56", "1,234,567": "1234567", "-1,234": "-1234", "12": "12", "0.5": "0.5", "1,234.": "1234", "1e3": "1000"},
        ["1,23", "12,34.5", ",123", "1,2345", "1,234,56", "1.234,56", "1,,234", "1234,567", "1,234.5.6", "1.234.567"],
    ),
    "comma and point": (
        NumberFormat(",", "."),
        {"1.234,56": "1234.56", "1234,56": "1234.56", "1.234.567": "1234567", "0,5": "0.5", "12": "12", "-12.345,6": "-12345.6"},
        ["1,234.56", "1.23", "1.2345,6", ".123", "1.234.56", "1,2,3"],
    ),
    "comma and space": (
        NumberFormat(",", " "),
        {"1 234,56": "1234.56", "1\u00a0234,56": "1234.56", "1\u202f234\u2009567": "1234567", "12,5": "12.5"},
        ["1 23,4", "1  234", "1.234", "12 34", "1\u3000234"],
    ),
    "point and apostrophe": (
        NumberFormat(".", "'"),
        {"1'234.56": "1234.56", "1’234’567.5": "1234567.5"},
        ["1'23", "1''234", "1,234"],
    ),
    "Indian groups": (
        NumberFormat(".", ",", indian=True),
        {"12,34,567.00": "1234567", "1,234": "1234", "1,00,000": "100000", "99,999": "99999", "1234567": "1234567"},
        ["1,234,567", "123,456", "1,2,345", "12,34"],
    ),
    "euro": (
        NumberFormat(",", ".", currencies=("EUR",)),
        {"12,50 €": "12.50", "€12,50": "12.50", "EUR 12,50": "12.50", "12,50EUR": "12.50", "-€ 5": "-5", "€ -5": "-5", "1.234,5\u00a0€": "1234.5", "7": "7", "eur 7": "7"},
        ["£12,50", "12,50 $", "USD 12", "€", "EUR", "1€2", "€-", "--5 €", "-€-5", "Eur 5", "5 €/Stück"],
    ),
    "dollar": (
        NumberFormat(".", ",", currencies=("USD",), negatives=frozenset({"parentheses", "trailing"})),
        {"$1,234.50": "1234.50", "US$5": "5", "$(12.50)": "-12.50", "($12.50)": "-12.50", "(12.50) USD": "-12.50", "(12.50 $)": "-12.50", "$ 12.50-": "-12.50", "-$5": "-5", "$5 USD": "5"},
        ["(-5)", "((5))", "(5", "5)", "-5-", "A$5", "CAD 5", "$5-5", "-(5)", "()", "R$5"],
    ),
    "accounting": (
        NumberFormat(negatives=frozenset(NEGATIVES)),
        {"(12.50)": "-12.50", "( 12.50 )": "-12.50", "12.50-": "-12.50", "12.50 -": "-12.50", "−12.50": "-12.50", "-5": "-5", "1e-1": "0.1"},
        ["(12.50", "12.50)", "--5", "−-5", "-5-", "(5)-", "5−5", "(a)"],
    ),
    "percent as a share": (
        NumberFormat(percent="share"),
        {"12.5 %": "0.125", "12.5%": "0.125", "-1%": "-0.01", "0.125": "0.125", "33.3333%": "0.3333", "99999999999999%": "999999999999.99"},
        ["%", "5%%", "% 5", "1e3%"],
    ),
    "percent as points": (NumberFormat(",", percent="points"), {"12,5 %": "12.5", "12,5": "12.5"}, ["12.5 %", "%"]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_is_declared_is_read_and_nothing_else(connection, name):
    form, numbers, others = CASES[name]
    expected = {text: Decimal(value) for text, value in numbers.items()} | dict.fromkeys(others)
    assert dict(zip(expected, in_sql(connection, form, list(expected)), strict=True)) == expected
    assert [rounded(form.to_decimal(text)) for text in expected if text != "1e3%"] == [
        value for text, value in expected.items() if text != "1e3%"
    ]


@pytest.mark.parametrize("text", ["1,234", "1 234", "1'234", "$5", "5 €", "(5)", "5-", "−5", "5%", "1.234,5"])
def test_nothing_is_declared_until_it_is(connection, text):
    assert in_sql(connection, NumberFormat(), [text]) == [None]
    assert NumberFormat().to_decimal(text) is None


def rounded(value):
    return None if value is None else value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


_formats = st.builds(
    NumberFormat,
    decimal_mark=st.sampled_from([".", ","]),
    thousands_mark=st.sampled_from(["", " ", "'"]),
    indian=st.booleans(),
    currencies=st.sampled_from([(), ("EUR",), ("USD",), ("GBP", "ZAR")]),
    negatives=st.sets(st.sampled_from(NEGATIVES)).map(frozenset),
    percent=st.sampled_from(["", "points"]),
)
_pieces = st.lists(
    st.sampled_from(["1", "234", "12", "567", "0", ".", ",", "'", "’", " ", "\u00a0", "\u202f", "-", "+", "−", "(", ")", "€", "$", "USD", "R", "GBP", "%", "e3", "x", "\n"]),
    min_size=1,
    max_size=8,
).map("".join)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(form=_formats, texts=st.lists(_pieces, min_size=1, max_size=30))
def test_sql_and_python_agree_on_every_text(connection, form, texts):
    assert in_sql(connection, form, texts) == [rounded(form.to_decimal(text)) for text in texts]


@settings(deadline=None)
@given(
    value=st.decimals(-(10**9), 10**9, places=2),
    mark=st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", ""), (",", "\u202f")]),
    sign=st.sampled_from(["", "€{}", "{} €", "EUR {}"]),
    bracketed=st.booleans(),
)
def test_a_number_written_in_a_format_reads_as_itself(connection, value, mark, sign, bracketed):
    point, thousands = mark
    text = f"{abs(value):,.2f}".replace(",", "#").replace(".", point).replace("#", thousands)
    text = (sign or "{}").format(text)
    if value < 0:
        text = f"({text})" if bracketed else f"-{text}"
    form = NumberFormat(
        point, " " if thousands == "\u202f" else thousands, currencies=("EUR",), negatives=frozenset(NEGATIVES)
    )
    assert in_sql(connection, form, [text]) == [value]
    assert form.to_decimal(text) == value


@pytest.mark.parametrize("code", sorted(SIGNS))
def test_every_sign_of_a_currency_may_stand_on_either_side(connection, code):
    form = NumberFormat(".", currencies=(code,))
    texts = [
        text for mark in marks_of(code) for text in (f"{mark}5", f"{mark} 5", f"5{mark}", f"5 {mark}", f"-{mark}5")
    ]
    assert in_sql(connection, form, texts) == [5, 5, 5, 5, -5] * len(marks_of(code))


# --- in a drop -------------------------------------------------------------------------------------------------------------------


def priced(*prices, currency=None):
    names = HEADER + (",currency" if currency else "")
    lines = [
        f'A{n},C1,P1,d,1,"{price}",2011-12-01' + (f",{currency[n]}" if currency else "")
        for n, price in enumerate(prices)
    ]
    return "\n".join([names, *lines]) + "\n"


def test_a_sign_that_contradicts_the_projects_currency_rejects_its_row(desk):
    loaded = desk.load(priced("£1", "€2", "3", "USD 4", "GBP 5"), project={"currency": "GBP"}, currency_text=True)
    assert loaded.column("unit_price") == [Decimal(1), Decimal(3), Decimal(5)]
    assert loaded.reasons()[3] == (
        "unit_price holds '€2'; write a number such as 12.50, at most 14 digits before the ., and beside it nothing but GBP or £: "
        "the project's currency is GBP"
    )
    assert list(loaded.reasons()) == [3, 5]


def test_where_a_line_names_its_currency_the_sign_must_be_that_ones(desk):
    project = {"currency": "GBP", "currency_rates": {"EUR": 0.86}}
    drop = priced("£1", "€2", "€3", "£4", "$5", currency=["GBP", "EUR", "GBP", "eur", "EUR"])
    loaded = desk.load(drop, project=project, currency_text=True)
    assert loaded.column("unit_price") == [Decimal(1), Decimal(2)]
    # Without a column that says so, a sign of a currency that has a rate is still another currency's.
    assert list(desk.load(priced("€2", "£3"), project=project, currency_text=True).rejects) == [2]


def test_a_number_of_units_bears_no_currency_and_no_percentage(desk):
    drop = priced("1", "1", "1").replace(",d,1,", ",d,£1,", 1).replace("A1,C1,P1,d,1,", "A1,C1,P1,d,5 %,")
    loaded = desk.load(drop, project={"currency": "GBP"}, currency_text=True)
    assert {line: reason.split(";")[0] for line, reason in loaded.reasons().items()} == {
        2: "quantity holds '£1'",
        3: "quantity holds '5 %'",
    }


def test_a_row_of_declared_numbers_has_the_identity_of_the_plain_ones(desk):
    plain = desk.load(priced("-1234.5", "7"))
    written = desk.load(
        priced("(1.234,50 €)", "€ 7"),
        project={"currency": "EUR"},
        decimal_mark=",",
        thousands_mark=".",
        currency_text=True,
        negatives=NEGATIVES,
    )
    assert [row["_line_hash"] for row in written.values] == [row["_line_hash"] for row in plain.values]


def test_declared_numbers_tell_a_row_from_the_inside_of_a_quoted_field(desk):
    lines = [HEADER, 'A1,C1,P1,"open,1,$1.50,2011-12-01', 'A2,C1,P1,"d",1,"$1,234.50",2011-12-01', ""]
    loaded = desk.load("\n".join(lines), project={"currency": "USD"}, thousands_mark=",", currency_text=True)
    assert loaded.column("order_id") == ["A2"]
    assert list(loaded.rejects) == [2]


@pytest.mark.parametrize("lost", ["1.23457E+11", "1,23457E+11", "1E+11", "-9.9e+15", "4.00636E+12"])
@pytest.mark.parametrize("column", ["order_id", "customer_id", "product_id"])
def test_an_id_that_a_spreadsheet_rounded_is_never_kept(desk, lost, column):
    place = HEADER.split(",").index(column)
    fields = ["A1", "C1", "P1", "d", "1", "2", "2011-12-01"]
    fields[place] = f'"{lost}"'
    loaded = desk.load("\n".join([HEADER, ",".join(fields), "A2,C1,P1,d,1,2,2011-12-01"]) + "\n")
    assert loaded.reasons() == {
        2: f"{column} holds {lost!r}; it must stand there whole, exported as text: a spreadsheet rounds a long number to 1.23E+11"
    }


@pytest.mark.parametrize("kept", ["1E10", "E+11", "12E+11", "A1.5E+11", "1.5E+1", "5E11A", "1.5+11"])
def test_an_id_that_only_looks_a_little_like_one_is_kept(desk, kept):
    assert desk.load("\n".join([HEADER, f"A1,C1,{kept},d,1,2,2011-12-01", ""])).column("product_id") == [kept]
