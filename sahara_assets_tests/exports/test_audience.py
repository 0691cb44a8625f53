"""Which files an export has, keyed by what, and with whom."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.exports.audience import AudienceError, AudienceFile, plan_audiences
from sahara_assets.exports.encode import encode_header, encode_rows
from sahara_assets.exports.formats import KeyKind
from sahara_assets.exports.keys import LeftOut, refusal
from sahara_assets.settings.sections import ExportSettings
from sahara_assets_tests.exports.made_customers import customer, customer_lists, many, read_rows

STREAM = ExportSettings(stream_id="1234567890")
DAY = dt.datetime.fromisoformat("2011-12-09")
NEVER = dt.datetime.fromisoformat("0001-01-01")


def content(file: AudienceFile) -> bytes:
    return encode_header(file.header) + b"".join(encode_rows(file.rows))


def contents(customers: Any, export: ExportSettings = STREAM) -> dict[str, str]:
    return {file.name: content(file).decode() for file in plan_audiences(customers, export).files}


# --- the ruling on keys ---------------------------------------------------------------------------------------------------------


def test_without_client_ids_the_file_is_keyed_by_customer_id() -> None:
    assert contents([customer("17850", 1), customer("12346", 3)]) == {
        "audience_ga4.csv": "user_id,sahara_segment,sahara_tier\n"
        "12346,Lapsed big spenders,Silver\n"
        '17850,"Champions, the best",Platinum\n'
    }


def test_with_client_ids_and_a_stream_both_formats_are_keyed_by_client_id() -> None:
    export = ExportSettings(stream_id="99", ga360_segment_dimension=12, ga360_tier_dimension=7)
    assert contents([customer("1", 2, client_id="2534169.4418845320"), customer("2", 3)], export) == {
        "audience_ga4.csv": 'client_id,stream_id,sahara_segment,sahara_tier\n2534169.4418845320,99,"The ""loyal"" ones",Gold\n',
        "audience_ga360.csv": 'ga:clientId,ga:dimension12,ga:dimension7\n2534169.4418845320,"The ""loyal"" ones",Gold\n',
    }


def test_client_ids_without_a_stream_fall_back_to_user_id_and_say_what_to_set() -> None:
    plan = plan_audiences([customer("1", client_id="1.1")], ExportSettings())
    assert [(file.name, file.layout.key) for file in plan.files] == [
        ("audience_ga4.csv", KeyKind.USER_ID),
        ("audience_ga360.csv", KeyKind.CLIENT_ID),
    ]
    assert any("export.stream_id is not set" in notice for notice in plan.notices)


def test_a_stream_without_any_client_id_changes_nothing() -> None:
    assert [file.header for file in plan_audiences([customer("1", client_id=" ")], STREAM).files] == [
        ("user_id", "sahara_segment", "sahara_tier")
    ]


def test_a_mapped_user_id_is_used_alone_and_never_mixed_with_customer_ids() -> None:
    (file,) = plan_audiences([customer("1", user_id="u-1"), customer("2", user_id="u-2"), customer("3")], STREAM).files
    assert [row[0] for row in read_rows(content(file))[1:]] == ["u-1", "u-2"]
    assert file.left_out == {LeftOut.NO_USER_ID: 1}


def test_the_settings_name_the_user_properties() -> None:
    export = ExportSettings(segment_property="rfm", tier_property="level")
    assert contents([customer("1")], export)["audience_ga4.csv"].startswith("user_id,rfm,level\n")


# --- duplicates -----------------------------------------------------------------------------------------------------------------


def test_of_customers_that_share_a_key_the_most_recent_wins() -> None:
    shared = [
        customer("a", 1, client_id="1.1", last=DAY),
        customer("b", 2, client_id="1.1", last=DAY + dt.timedelta(seconds=1)),
        customer("c", 3, client_id="1.1", last=None),
    ]
    for file in plan_audiences(shared, STREAM).files:
        assert read_rows(content(file))[1][-1] == "Gold"
        assert file.rows.num_rows == 1
        assert file.left_out == {LeftOut.REPEATED: 2}


def test_on_a_tie_the_lowest_customer_id_wins() -> None:
    shared = [customer("b", 2, client_id="1.1", last=DAY), customer("a", 3, client_id="1.1", last=DAY)]
    assert read_rows(content(plan_audiences(shared, STREAM).files[0]))[1][-1] == "Silver"


# --- refusals -------------------------------------------------------------------------------------------------------------------


def test_a_few_email_keys_are_left_out_and_counted() -> None:
    plan = plan_audiences([customer("anna@example.com"), customer("1"), customer("2"), customer("=3")], STREAM)
    assert plan.files[0].left_out == {LeftOut.EMAIL: 1, LeftOut.FORMULA: 1}
    assert any("looks_like_email 1, starts_like_formula 1" in notice for notice in plan.notices)


def test_a_file_whose_keys_are_mostly_personal_is_refused_whole_without_quoting_them() -> None:
    with pytest.raises(AudienceError, match="2 of 3 customers have a customer_id that looks like an e-mail") as refused:
        plan_audiences([customer("anna@example.com"), customer("+44 20 7946 0958"), customer("1")], STREAM)
    assert "anna" not in str(refused.value)


def test_half_is_not_most() -> None:
    assert plan_audiences([customer("anna@example.com"), customer("1")], STREAM).files[0].rows.num_rows == 1


@pytest.mark.parametrize(
    ("customers", "export", "message"),
    [
        ([], STREAM, "no customers to export"),
        (
            [customer("=1")],
            STREAM,
            r"none of 1 customers has a customer_id that can be written \(starts_like_formula 1\)",
        ),
        ([customer("1", client_id="GA1.2.3.4")], STREAM, "none of 1 customers has a client_id"),
        ([customer("1", client_id="1.1")], ExportSettings(stream_id="G-ABC123"), "measurement id"),
        ([customer("1", client_id="1.1")], ExportSettings(stream_id="=1"), "web stream's number"),
        ([customer("1")], ExportSettings(segment_property="user_id"), "names a column twice"),
    ],
)
def test_what_would_make_a_useless_file_is_an_error_with_a_remedy(customers, export, message) -> None:
    with pytest.raises(AudienceError, match=message):
        plan_audiences(customers, export)


def test_a_broken_customer_table_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="lacks tier, last_ordered_at"):
        plan_audiences(
            pa.table({name: ["1"] for name in ("customer_id", "segment", "segment_name", "client_id", "user_id")}),
            STREAM,
        )
    with pytest.raises(ValueError, match="1 customers have no segment_name"):
        plan_audiences([{**customer("1"), "segment_name": None}], STREAM)
    with pytest.raises(ValueError, match="segment 1 has more than one name"):
        plan_audiences([customer("1"), {**customer("2"), "segment_name": "Other"}], STREAM)


# --- names and counts -----------------------------------------------------------------------------------------------------------


def test_a_name_that_a_spreadsheet_would_run_is_mended_and_said() -> None:
    plan = plan_audiences([customer("1", 4)], STREAM)
    assert read_rows(content(plan.files[0]))[1] == ["1", "New+here", "Bronze"]
    assert any("'=New+here' is written as 'New+here'" in notice for notice in plan.notices)


def test_segments_are_counted_as_written() -> None:
    (file,) = plan_audiences([customer("1", 3), customer("2", 3), customer("=3", 4), customer("4", 1)], STREAM).files
    assert [(s.segment, s.value, s.tier_value, s.customer_count) for s in file.segments] == [
        (1, "Champions, the best", "Platinum", 1),
        (3, "Lapsed big spenders", "Silver", 2),
        (4, "New+here", "Bronze", 0),
    ]


def test_an_audience_above_the_upload_limit_comes_in_parts_that_each_fit() -> None:
    customers = many(400)
    whole = next(file for file in plan_audiences(customers, STREAM).files if file.name == "audience_ga360.csv")
    plan = plan_audiences(customers, STREAM, ga360_limit_bytes=4_000)
    parts = [file for file in plan.files if file.layout.limit_bytes]
    assert [file.name for file in parts] == [
        "audience_ga360.csv",
        *(f"audience_ga360.part{n}.csv" for n in range(2, len(parts) + 1)),
    ]
    assert all(3_900 < len(content(file)) <= 4_000 for file in parts[:-1])
    assert len(content(parts[-1])) <= 4_000
    lines = [line for file in parts for line in content(file).splitlines()[1:]]
    assert lines == content(whole).splitlines()[1:]
    assert sum(s.customer_count for file in parts for s in file.segments) == whole.rows.num_rows
    assert any(f"comes in {len(parts)} files" in notice for notice in plan.notices)


def test_a_part_is_filled_to_the_last_byte() -> None:
    customers = [customer(str(number), 3, client_id=f"{number}.1") for number in range(100, 135)]
    whole = content(plan_audiences(customers, STREAM).files[1])
    header, first, *_ = whole.splitlines(keepends=True)
    plan = plan_audiences(customers, STREAM, ga360_limit_bytes=len(header) + 10 * len(first))
    assert [file.rows.num_rows for file in plan.files[1:]] == [10, 10, 10, 5]


def test_a_limit_that_the_file_just_meets_does_not_split_it() -> None:
    whole = plan_audiences(many(50), STREAM).files[1]
    size = len(content(whole))
    assert len(plan_audiences(many(50), STREAM, ga360_limit_bytes=size).files) == 2
    assert len(plan_audiences(many(50), STREAM, ga360_limit_bytes=size - 1).files) == 3


def test_customers_may_come_from_duckdb_in_any_of_its_forms() -> None:
    rows = many(100)
    table = pa.Table.from_pylist(rows)
    expected = contents(rows)
    with duckdb.connect() as connection:
        query = "SELECT * REPLACE (segment::INTEGER AS segment) FROM tbl ORDER BY customer_id"
        connection.register("tbl", table)
        assert contents(connection.sql(query).to_arrow_table()) == expected
        assert contents(connection.sql(query).to_arrow_reader(7)) == expected


# --- laws -----------------------------------------------------------------------------------------------------------------------


def expected_rows(customers: list[dict[str, Any]], source: str, kind: KeyKind) -> tuple[dict[str, dict], Counter[str]]:
    """The winners by key and the customers left out, the slow and plain way."""
    winners: dict[str, dict] = {}
    left_out: Counter[str] = Counter()
    for row in sorted(customers, key=lambda row: row["customer_id"].encode()):
        key = row[source]
        if key is None or not key.strip():
            left_out["no_client_id" if kind is KeyKind.CLIENT_ID else "no_user_id"] += 1
        elif reason := refusal(key, kind):
            left_out[reason.value] += 1
        elif key not in winners:
            winners[key] = row
        else:
            left_out["repeated_key"] += 1
            if (row["last_ordered_at"] or NEVER) > (winners[key]["last_ordered_at"] or NEVER):
                winners[key] = row
    return winners, left_out


@given(customer_lists(), st.sampled_from([STREAM, ExportSettings()]))
def test_read_back_by_the_csv_module_a_file_holds_exactly_the_winners(customers, export) -> None:
    try:
        plan = plan_audiences(customers, export)
    except AudienceError:
        return
    for file in plan.files:
        kind = file.layout.key
        any_user_id = any(row["user_id"] and row["user_id"].strip() for row in customers)
        source = "client_id" if kind is KeyKind.CLIENT_ID else "user_id" if any_user_id else "customer_id"
        winners, left_out = expected_rows(customers, source, kind)
        header, *rows = read_rows(content(file))
        assert tuple(header) == file.header
        assert [row[0] for row in rows] == sorted(winners, key=str.encode)
        written = {segment.segment: [segment.value, segment.tier_value] for segment in file.segments}
        for row in rows:
            assert row[-2:] == written[winners[row[0]]["segment"]]
        assert {reason.value: count for reason, count in file.left_out.items()} == dict(left_out)
        assert len(rows) + sum(file.left_out.values()) == plan.customer_count == len(customers)
        assert sum(segment.customer_count for segment in file.segments) == len(rows)


@given(customer_lists(), st.randoms(use_true_random=False))
def test_the_order_of_the_customers_does_not_matter(customers, random) -> None:
    shuffled = random.sample(customers, len(customers))
    assert outcome(shuffled) == outcome(customers)


def outcome(customers: list[dict[str, Any]]) -> object:
    try:
        plan = plan_audiences(customers, STREAM)
    except AudienceError as error:
        return str(error)
    return plan.notices, [(file.name, content(file), file.left_out, file.segments) for file in plan.files]
