from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahara_assets_tests.drops.drop_desk import HEADER, Desk
from sahara_assets_tests.drops.made_files import BLANKS, decimal_of, decimals_as_text, moments_as_text


@pytest.fixture(scope="module")
def desk():
    made = Desk()
    yield made
    made.close()


def _column(desk, name, fields, **reading):
    """What some fields of one column become, in order; a reject is its reason."""
    given_ = {
        "order_id": "A1",
        "customer_id": "C1",
        "product_id": "P1",
        "description": "d",
        "quantity": "1",
        "unit_price": "2",
    }
    given_ |= {"ordered_at": reading.pop("ordered_at", "2011-12-01")}
    names = [*given_, *([name] if name not in given_ else [])]
    lines = [";".join(names)]
    for text in fields:
        row = given_ | {name: '"' + text.replace('"', '""') + '"'}
        lines.append(";".join(row[column] for column in names))
    loaded = desk.load("\n".join(lines) + "\n", **reading)
    reasons = loaded.reasons()
    lines_of_rows = sorted([*loaded.rows, *reasons])
    assert len(lines_of_rows) == len(fields)
    return [loaded.rows[line][name] if line in loaded.rows else reasons[line] for line in lines_of_rows]


NUMBERS = {
    "1.7": "1.7",
    "-1.7": "-1.7",
    "+5": "5",
    " 5 ": "5",
    "\xa05\u2003": "5",
    "5.": "5",
    ".5": "0.5",
    "-.5": "-0.5",
    "-0": "0",
    "007": "7",
    "1e3": "1000",
    "1E+03": "1000",
    "2.5e-1": "0.25",
    "5e-5": "0.0001",
    "5e-6": "0",
    "4.9999e-5": "0",
    "5.684341886080802e-14": "0",
    "0.00005": "0.0001",
    "-0.00005": "-0.0001",
    "0.00004999999999999999999999999999999999": "0",
    "2.5500000000000003": "2.55",
    "99999999999999.9999": "99999999999999.9999",
}
NOT_NUMBERS = [
    *(
        "0x1F",
        "1e400",
        "1e15",
        "infinity",
        "-inf",
        "1,234.50",
        "1 234",
        "1_000",
        "١٢",
        "１２",
        "--5",
        "+-5",
        "5-",
        "(5)",
    ),
    *(
        "£5",
        "5%",
        "1.2.3",
        ".",
        "-",
        "e5",
        "1e",
        "1e-",
        "true",
        "100000000000000",
        "99999999999999.99995",
        "12,50",
        "½",
    ),
]


def test_numbers_are_read_exactly_and_rounded_at_four_decimals_halves_away_from_zero(desk):
    assert _column(desk, "quantity", NUMBERS) == [
        Decimal(value).quantize(Decimal("0.0001")) for value in NUMBERS.values()
    ]


def test_what_is_no_number_is_rejected_and_not_guessed_at(desk):
    for text, found in zip(NOT_NUMBERS, _column(desk, "quantity", NOT_NUMBERS), strict=True):
        assert found == f"quantity holds {text!r}; write a number such as 12.50, at most 14 digits before the .", text


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(decimals_as_text(), min_size=20, max_size=60))
def test_any_number_is_what_exact_arithmetic_makes_of_it(desk, texts):
    for text, found in zip(texts, _column(desk, "unit_price", texts), strict=True):
        expected = decimal_of(text)
        if abs(expected) < 10**14:
            assert found == expected, text
        else:
            assert "write a number" in found, text


def test_with_a_decimal_comma_a_point_is_never_guessed_at(desk):
    found = _column(desk, "quantity", ["12,50", "-,5", "5", "1,5e1", "1.234,50", "1.5", "1,2,3"], decimal_mark=",")
    assert found[:4] == [Decimal("12.5"), Decimal("-0.5"), Decimal(5), Decimal(15)]
    assert [reason.split(";")[1] for reason in found[4:]] == [
        " write a number such as 12,50, at most 14 digits before the ,"
    ] * 3


MOMENTS = {
    "2011-12-01": "2011-12-01 00:00",
    "2011-12-01 08:26": "2011-12-01 08:26",
    "2011-12-01T08:26:01": "2011-12-01 08:26:01",
    "2011-12-01 08:26:00.5": "2011-12-01 08:26:00.500000",
    "2011-12-01 08:26:00.123456789": "2011-12-01 08:26:00.123456",
    "2011-12-01 24:00:00": "2011-12-02 00:00",
    "2012-02-29": "2012-02-29 00:00",
    "2011-12-01 08:26:00-08": "2011-12-01 16:26",
    "2011-12-01T08:26+05:30": "2011-12-01 02:56",
    "2011-12-01 08:26:00 +0530": "2011-12-01 02:56",
    "2011-12-01T08:26:00.25Z": "2011-12-01 08:26:00.250000",
    "2011-12-01 08:26 Z": "2011-12-01 08:26",
    "1901-01-01": "1901-01-01 00:00",
    "2199-12-31 23:59:59": "2199-12-31 23:59:59",
}
NO_SUCH_DAYS = ["2011-02-30", "2011-13-01", "2011-02-29", "2011-02-30T08:26Z"]
NO_SUCH_TIMES = ["2011-12-01 24:00:01", "2011-12-01 23:59:60", "2011-12-01 08:60"]
NOT_MOMENTS = [
    *(
        "11-12-01",
        "0011-12-01",
        "1900-12-31",
        "2200-01-01",
        "9999-12-31",
        "20111201",
        "01/12/2011",
        "2011-12",
        "2011-12-01 8:26",
    ),
    *("epoch", "infinity", "now", "today", "2011-12-01 (BC)", "2011-12-01x", "2011-12-01 08:26:00 UTC", "2011-12-01z"),
    *(
        "2011-12-01 08:26:00+99:99",
        "2011-12-01 08:26:00+05:75",
        "2011-12-01 08:26:00+5",
        "1322727960",
        "２０１１-12-01",
    ),
]


def test_moments_are_read_as_iso_8601_writes_them_and_kept_in_utc(desk):
    assert _column(desk, "ordered_at", MOMENTS) == [datetime.fromisoformat(value) for value in MOMENTS.values()]


def test_what_is_no_moment_is_rejected_with_how_to_write_it(desk):
    for text, found in zip(NOT_MOMENTS, _column(desk, "ordered_at", NOT_MOMENTS), strict=True):
        assert found == f"ordered_at holds {text!r}; write it as 2011-12-01 08:26:00 (ISO 8601), from 1901 to 2199", (
            text
        )


@pytest.mark.parametrize(("lacking", "texts"), [("day", NO_SUCH_DAYS), ("time", NO_SUCH_TIMES)])
def test_a_moment_that_is_written_rightly_and_does_not_exist_is_rejected_as_that(desk, lacking, texts):
    for text, found in zip(texts, _column(desk, "ordered_at", texts), strict=True):
        assert found == (
            f"ordered_at holds {text!r}; read as 2011-12-01 08:26:00 (ISO 8601) there is no such {lacking}; correct it at its source, or date_formats"
        )


@pytest.mark.parametrize(
    ("form", "text", "lacking"),
    [
        ("%d.%m.%Y %H:%M", "31.02.2026 10:00", "day"),
        ("%d/%m/%Y", "01/13/2011", "day"),
        ("%d/%m/%y", "29/02/11", "day"),
        ("%d %b %Y", "31 Jun 2026", "day"),
        ("%B %d, %Y", "February 30, 2026", "day"),
        ("%Y%m%d", "20260231", "day"),
        ("%d.%m.%Y %H:%M", "28.02.2026 25:00", "time"),
        ("%m/%d/%Y %I:%M %p", "2/28/2026 13:30 PM", "time"),
        ("%Y/%m/%d %H:%M %z", "2026/02/28 10:61 +0530", "time"),
    ],
)
def test_the_declared_format_says_which_part_of_a_moment_does_not_exist(desk, form, text, lacking):
    (found,) = _column(desk, "ordered_at", [text], date_formats=["iso", form])
    assert (
        found
        == f"ordered_at holds {text!r}; read as {form} there is no such {lacking}; correct it at its source, or date_formats"
    )


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(moments_as_text(), min_size=20, max_size=60))
def test_any_moment_is_what_the_calendar_makes_of_it(desk, moments):
    assert _column(desk, "ordered_at", [text for text, _ in moments]) == [moment for _, moment in moments]


@pytest.mark.parametrize("zone", ["Europe/London", "America/Los_Angeles", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_local_times_become_utc_as_the_zone_says_through_gaps_and_overlaps(desk, zone):
    hours = [datetime(2011, 1, 1) + timedelta(hours=h, minutes=30) for h in range(0, 8760, 1)]
    days = [
        m
        for m in hours
        if (m.month, m.day) in {(3, 13), (3, 26), (3, 27), (4, 3), (7, 1), (10, 2), (10, 29), (10, 30), (11, 6)}
    ]
    found = _column(desk, "ordered_at", [f"{m:%Y-%m-%d %H:%M:%S}" for m in days], project={"time_zone": zone})
    for local, utc in zip(days, found, strict=True):
        # A time shown twice is the second; one that was skipped keeps the offset before the change.
        first, second = (
            local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC).replace(tzinfo=None) for fold in (0, 1)
        )
        assert utc == max(first, second), local


def test_a_moment_with_an_offset_is_shown_in_local_time_beside_utc(desk):
    line = "A1,C1,P1,d,1,2,2011-07-01 08:26:00-08"
    row = desk.load(f"{HEADER}\n{line}\n", project={"time_zone": "Europe/London"}).rows[2]
    assert (row["ordered_at"], row["ordered_at_local"]) == (datetime(2011, 7, 1, 16, 26), datetime(2011, 7, 1, 17, 26))


@pytest.mark.parametrize(
    ("formats", "text", "expected"),
    [
        (["%d/%m/%Y"], "01/12/2011", "2011-12-01"),
        (["%d/%m/%Y"], "1/2/2011", "2011-02-01"),
        (["%d/%m/%Y"], " 1/2/2011 ", "2011-02-01"),
        (["%m/%d/%Y %H:%M", "%m/%d/%Y"], "12/1/2011", "2011-12-01"),
        (["%m/%d/%Y %H:%M", "%m/%d/%Y"], "12/1/2011 8:26", "2011-12-01 08:26"),
        (["%d.%m.%y"], "01.12.11", "2011-12-01"),
        (["%d %b %Y %I:%M %p"], "1 DEC 2011 08:26 pm", "2011-12-01 20:26"),
        (["%Y-%m-%d %H:%M %z"], "2011-12-01 08:26 +0530", "2011-12-01 02:56"),
        (["%Y-%m-%d %H:%M %Z"], "2011-12-01 08:26 America/Los_Angeles", "2011-12-01 16:26"),
        (["%d/%m/%Y"], "31/02/2011", None),
        (["%d/%m/%Y"], "01/13/2011", None),
        (["%d/%m/%Y"], "01/12/11", None),
        (["%d/%m/%Y"], "01/12/2011 08:26", None),
        (["%d/%m/%Y"], "2011-12-01", None),
        (["%d/%m/%Y"], "epoch", None),
        (["%d/%m/%Y"], "infinity", None),
        (["%d/%m/%Y %H:%M"], "01/12/2011 24:00", None),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/London"])
def test_date_formats_are_followed_to_the_letter(desk, formats, text, expected, zone):
    (found,) = _column(desk, "ordered_at", [text], date_formats=formats, project={"time_zone": zone})
    if expected is None and text in {"31/02/2011", "01/13/2011", "01/12/2011 24:00"}:
        assert f"read as {formats[0]} there is no such" in found
    elif expected is None:
        assert found == f"ordered_at holds {text.strip()!r}; write it as {' or '.join(formats)}, from 1901 to 2199"
    else:  # in December and February, London keeps UTC
        assert found == datetime.fromisoformat(expected)


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S UTC", "%Y-%m-%dT%H:%M:%SGMT"])
def test_a_format_that_ends_in_utc_by_letter_is_utc(desk, form):
    ending = form.partition("%S")[2]
    line = f"A1,C1,P1,d,1,2,2011-07-01T08:26:00{ending}"
    row = desk.load(f"{HEADER}\n{line}\n", date_formats=[form], project={"time_zone": "Europe/London"}).rows[2]
    assert (row["ordered_at"], row["ordered_at_local"]) == (datetime(2011, 7, 1, 8, 26), datetime(2011, 7, 1, 9, 26))


def test_a_date_keeps_its_local_day(desk):
    content = "customer_id,signed_up_on\nC1,2011-12-01\nC2,2011-12-01 23:30\nC3,2011-12-01T23:30Z\nC4,\nC5,1.12.2011\n"
    loaded = desk.load(content, dataset="customers", project={"time_zone": "Asia/Kolkata"})
    assert loaded.column("signed_up_on") == [date(2011, 12, 1), date(2011, 12, 1), date(2011, 12, 2), None]
    assert list(loaded.rejects) == [6]


def test_blanks_of_every_kind_are_taken_off_a_texts_edges_and_left_inside(desk):
    texts = [
        "plain",
        " a b ",
        "\x0b\x0cx",
        "a\xa0",
        "\u3000\u2003漢 字\u200b",
        f"{BLANKS}x{BLANKS}",
        "\x1cx\x1c",
        "a\tb",
        BLANKS,
        "",
    ]
    expected = ["plain", "a b", "x", "a", "漢 字", "x", "\x1cx\x1c", "a\tb", None, None]
    assert _column(desk, "description", texts) == expected


@pytest.mark.parametrize("blank", list(BLANKS.replace("\n", "").replace("\r", "")))
def test_every_single_blank_is_taken_off_also_where_it_is_the_only_odd_one_in_the_file(desk, blank):
    loaded = desk.load(f"product_id;description\n{blank}P1;x{blank}\n", dataset="products")
    assert [(row["product_id"], row["description"]) for row in loaded.values] == [("P1", "x")]


def test_words_for_nothing_are_null_and_a_required_one_is_rejected(desk):
    words = ["NULL", " nan ", "N/A", "\\N", "Null", "none", "0"]
    assert _column(desk, "description", words) == [None, None, None, None, "Null", "none", "0"]
    assert _column(desk, "order_id", words)[:2] == ["order_id is empty; it must not be empty"] * 2
    assert _column(desk, "quantity", ["NaN"]) == [
        "quantity is empty; write a number such as 12.50, at most 14 digits before the ."
    ]
    assert _column(desk, "description", ["NULL", "-", "it's"], null_values=["-", "it's"]) == ["NULL", None, None]


def test_ids_are_text_and_only_the_declared_normalisers_touch_them(desk):
    ids = ["17850.0", "0017", "1e3", "ABC", "abc", "1 2\xa03", "0", "000", "1.50", "17850.00"]
    assert _column(desk, "customer_id", ids) == ids

    def normalised(*rules):
        return _column(desk, "customer_id", ids, normalise={"customer_id": list(rules)})

    assert normalised("strip_float_suffix") == ["17850", *ids[1:8], "1.50", "17850"]
    assert normalised("strip_leading_zeros") == ["17850.0", "17", *ids[2:7], "0", "1.50", "17850.00"]
    assert normalised("strip_spaces")[5] == "123"
    assert normalised("upper")[3:5] == ["ABC", "ABC"]
    assert normalised("strip_float_suffix", "strip_leading_zeros", "lower")[:4] == ["17850", "17", "1e3", "abc"]


def test_a_foreign_currency_is_rejected_unless_there_is_a_rate(desk):
    codes = ["GBP", "gbp", "EUR", "USD", ""]
    reason = "currency holds 'USD'; the project's currency is GBP; give a rate under [project.currency_rates]"
    project = {"currency": "GBP", "currency_rates": {"EUR": 0.86}}
    assert _column(desk, "currency", codes, project=project) == ["GBP", "GBP", "EUR", reason, None]
    assert _column(desk, "currency", codes) == ["GBP", "gbp", "EUR", "USD", None]


def test_several_bad_cells_make_one_reject_that_names_the_first(desk):
    loaded = desk.load(f"{HEADER}\n,C1,,d,x,y,z\nA2,C1,P1,d,x,y,z\n")
    assert loaded.reading.rows_read == 2
    assert loaded.reasons()[2].startswith("order_id is empty")
    assert loaded.reasons()[3].startswith("quantity holds 'x'")
    assert [reject["raw_text"] for reject in loaded.rejects.values()] == [",C1,,d,x,y,z", "A2,C1,P1,d,x,y,z"]


def test_a_reason_shortens_what_it_quotes_and_the_raw_text_keeps_it_whole(desk):
    long = "9" * 500
    loaded = desk.load(f"{HEADER}\nA1,C1,P1,d,{long},1,2011-12-01\n")
    assert len(loaded.reasons()[2]) < 200
    assert long in loaded.rejects[2]["raw_text"]
