"""What every warehouse must do alike; a gap is a marked exception with its reason."""

import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import ibis
import pytest

from sahara_assets.errors import OutdatedTablesError, TryAgainError
from sahara_assets.sales.parts_of_day import part_of_day
from sahara_assets.settings.document import parse_settings
from sahara_assets.settings.measuring import pattern_fault
from sahara_assets.tables.books import BUILDS, STEP_COUNTS
from sahara_assets.tables.columns import Column, Kind
from sahara_assets.tables.features import TOP_CATEGORIES
from sahara_assets.tables.sales import ORDERS
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.expressions import (
    any_row,
    attribute_date,
    attribute_flag,
    attribute_number,
    attribute_text,
    attributes_of,
    count_where,
    ids_of_both,
    is_one_of,
    latest,
    money,
    money_where,
    most_frequent,
    ratio,
    seconds_of,
    starts_with_code,
    weekday_of,
    whole_days_between,
)

NOON = datetime(2025, 3, 1, 12, 0, 0, 123456)


def _order(order_id, **changes):
    row = {
        "order_id": order_id,
        "customer_id": None,
        "ordered_at": NOON,
        "ordered_at_local": NOON,
        "ordered_on": NOON.date(),
        "line_count": 1,
        "unit_count": Decimal("1.0000"),
        "gross_spend": Decimal("10.0000"),
        "returned_value": Decimal("0.0000"),
        "net_spend": Decimal("10.0000"),
        "has_sale": True,
        "has_return": False,
        "has_cancellation": False,
        "has_adjustment": False,
    }
    return {**row, **changes}


def _step(position, count=1):
    return {"table_name": "orders", "position": position, "reason": "in", "row_count": count}


def test_every_declared_table_is_there_and_empty(warehouse):
    for table in ALL_TABLES:
        assert warehouse.count(table) == 0
        assert warehouse.table(table).columns == table.column_names


def test_preparing_twice_changes_nothing(warehouse):
    warehouse.insert(STEP_COUNTS, [_step(1)])
    warehouse.prepare()
    assert warehouse.rows(STEP_COUNTS) == [_step(1)]


def test_a_declared_column_that_a_table_lacks_is_added(warehouse, monkeypatch):
    grown = replace(STEP_COUNTS, columns=(*STEP_COUNTS.columns, Column("remark", Kind.TEXT, "A new column.")))
    warehouse.insert(STEP_COUNTS, [_step(1)])
    for module in ("bigquery", "duckdb", "postgres"):
        monkeypatch.setattr(f"sahara_assets.warehouse.{module}.ALL_TABLES", (grown,))
    with pytest.raises(OutdatedTablesError, match="`sahara run` makes or updates them"):
        warehouse.rows(grown)
    warehouse.prepare()
    assert warehouse.rows(grown) == [{**_step(1), "remark": None}]


def test_a_reshaped_table_has_the_columns_that_are_declared_now(warehouse):
    def shaped(*columns):
        return replace(STEP_COUNTS, columns=(*STEP_COUNTS.columns[:2], *columns))

    first = shaped(Column("a", Kind.TEXT, "A word.", nullable=False), Column("b", Kind.DECIMAL, "Money."))
    warehouse.reshape(first)
    row = {"table_name": "orders", "position": 1, "a": "x", "b": Decimal("1.5000")}
    assert warehouse.replace(first, [row]) == 1
    assert warehouse.rows(first) == [row]
    second = shaped(
        Column("b", Kind.TEXT, "Now a word."),
        Column("a", Kind.TEXT, "Now it may be null."),
        Column("c", Kind.DATE, "A day."),
    )
    warehouse.reshape(second)
    row = {"table_name": "orders", "position": 1, "b": "two", "a": None, "c": date(2025, 3, 1)}
    warehouse.replace(second, [row])
    assert warehouse.rows(second) == [row]
    warehouse.reshape(second)
    assert warehouse.rows(second) == [row]
    warehouse.insert(ORDERS, [_order("orders")])
    orders = warehouse.table(ORDERS)
    filled = orders.select(table_name="order_id", position="line_count", b="order_id", a="order_id", c="ordered_on")
    warehouse.replace(second, filled)
    assert warehouse.rows(second) == [{**row, "b": "orders", "a": "orders"}]
    assert warehouse.present_columns()[STEP_COUNTS.name] == set(second.column_names)


def test_tables_that_are_not_there_are_told_as_such(place):
    place().close()
    opened = place(read_only=True)
    with pytest.raises(OutdatedTablesError, match="`sahara run` makes or updates them"):
        opened.count(ORDERS)
    opened.close()


def test_values_of_every_kind_come_back_as_they_went_in(warehouse):
    row = _order("Ä'\"; DROP TABLE orders; --", customer_id="00017", unit_count=Decimal("-99999999999999.9999"))
    warehouse.insert(ORDERS, [row])
    assert warehouse.rows(ORDERS) == [row]


def test_a_column_that_a_row_lacks_is_null(warehouse):
    row = _order("1")
    del row["customer_id"]
    warehouse.insert(ORDERS, [row])
    assert warehouse.rows(ORDERS)[0]["customer_id"] is None


def test_a_required_column_refuses_null(warehouse):
    with pytest.raises(Exception, match=r"(?i)null"):
        warehouse.insert(ORDERS, [_order("1", gross_spend=None)])


def test_an_undeclared_column_is_refused(warehouse):
    with pytest.raises(KeyError, match="nonsense"):
        warehouse.insert(ORDERS, [_order("1", nonsense=1)])


def test_rows_come_in_the_order_of_the_key_sorted_bytewise(warehouse):
    warehouse.insert(ORDERS, [_order(name) for name in ("b", "B", "a", "10", "9", "é", "z")])
    assert [row["order_id"] for row in warehouse.rows(ORDERS)] == ["10", "9", "B", "a", "b", "z", "é"]


def test_replacing_leaves_exactly_the_new_rows(warehouse):
    warehouse.insert(STEP_COUNTS, [_step(1), _step(2)])
    assert warehouse.replace(STEP_COUNTS, [_step(3, 7)]) == 1
    assert warehouse.rows(STEP_COUNTS) == [_step(3, 7)]


def test_replacing_by_an_expression_casts_to_the_declared_kinds(warehouse):
    warehouse.insert(STEP_COUNTS, [_step(1), _step(2)])
    steps = warehouse.table(STEP_COUNTS)
    content = steps.select(
        rank=steps.position, category=steps.reason, gross_spend=steps.row_count, spend_share=steps.row_count
    )
    assert warehouse.replace(TOP_CATEGORIES, content) == 2
    first = warehouse.rows(TOP_CATEGORIES)[0]
    assert (first["gross_spend"], first["spend_share"]) == (Decimal("1.0000"), 1.0)
    assert isinstance(first["spend_share"], float)


def test_replacing_keeps_required_columns_required(warehouse):
    warehouse.replace(ORDERS, [_order("1")])
    with pytest.raises(Exception, match=r"(?i)null"):
        warehouse.insert(ORDERS, [_order("2", has_sale=None)])


def test_deleting_takes_the_named_rows_only(warehouse):
    warehouse.insert(STEP_COUNTS, [_step(1), _step(2), {**_step(2), "table_name": "products"}])
    warehouse.delete(STEP_COUNTS, {"table_name": ["orders"], "position": [2, 3]})
    assert [(row["table_name"], row["position"]) for row in warehouse.rows(STEP_COUNTS)] == [
        ("orders", 1),
        ("products", 2),
    ]


def test_deleting_none_deletes_nothing(warehouse):
    warehouse.insert(STEP_COUNTS, [_step(1)])
    warehouse.delete(STEP_COUNTS, {"position": []})
    warehouse.delete(STEP_COUNTS, {})
    assert warehouse.count(STEP_COUNTS) == 1


def test_a_transaction_that_fails_leaves_nothing(warehouse):
    def fail():
        warehouse.insert(STEP_COUNTS, [_step(2)])
        warehouse.replace(BUILDS, [])
        raise RuntimeError("half way")

    warehouse.insert(STEP_COUNTS, [_step(1)])
    with pytest.raises(RuntimeError, match="half way"), warehouse.transaction():
        fail()
    assert warehouse.rows(STEP_COUNTS) == [_step(1)]


def test_an_inner_transaction_joins_the_outer_one(warehouse):
    def fail():
        with warehouse.transaction():
            warehouse.insert(STEP_COUNTS, [_step(1)])
        raise RuntimeError("after the inner block")

    with pytest.raises(RuntimeError, match="after the inner"), warehouse.transaction():
        fail()
    assert warehouse.count(STEP_COUNTS) == 0


def test_what_was_committed_is_there_after_reopening(warehouse, place):
    warehouse.insert(STEP_COUNTS, [_step(1)])
    warehouse.close()
    warehouse.close()
    again = place(read_only=True)
    assert again.rows(STEP_COUNTS) == [_step(1)]
    with pytest.raises(Exception, match=r"(?i)read.only"):
        again.insert(STEP_COUNTS, [_step(2)])
    again.close()


TEXTS = [
    "",
    " ",
    "\\N",
    "\\.",
    '"',
    "a,b",
    "a\nb",
    "a\rb",
    "a\r\nb",
    "\t",
    "é",
    "\U0001f3dc",
    "'; DROP TABLE orders",
    "NULL",
    "%s",
    "\\",
    "$1",
]


def test_texts_of_every_kind_come_back_as_they_went_in(warehouse):
    rows = [_order(f"{number:02d}{text}", customer_id=text) for number, text in enumerate(TEXTS)]
    warehouse.insert(ORDERS, rows)
    assert [row["customer_id"] for row in warehouse.rows(ORDERS)] == TEXTS
    assert warehouse.arrow(ORDERS).column("customer_id").to_pylist() == TEXTS
    orders = warehouse.table(ORDERS)
    for text in TEXTS:
        assert [row["customer_id"] for row in warehouse.rows(orders.filter(orders.customer_id == text))] == [text]
    warehouse.delete(ORDERS, {"customer_id": TEXTS[3:]})
    assert [row["customer_id"] for row in warehouse.rows(ORDERS)] == TEXTS[:3]


def test_numbers_of_every_size_come_back_as_they_went_in(warehouse):
    floats = [0.1, 1e-300, 1.7976931348623157e308, -0.0, 1 / 3, 123456789.12345679]
    rows = [
        {"rank": 2**62 + place, "category": "x", "gross_spend": Decimal("-99999999999999.9999"), "spend_share": number}
        for place, number in enumerate(floats)
    ]
    warehouse.insert(TOP_CATEGORIES, rows)
    assert warehouse.rows(TOP_CATEGORIES) == rows
    assert warehouse.arrow(TOP_CATEGORIES).to_pylist() == rows


def test_sums_of_integers_are_integers(warehouse):
    warehouse.insert(STEP_COUNTS, [_step(1, 2), _step(2, 3)])
    steps = warehouse.table(STEP_COUNTS)
    (row,) = warehouse.rows(steps.aggregate(n=steps.row_count.sum(), mean=steps.row_count.mean()))
    assert (row["n"], row["mean"]) == (5, 2.5)
    assert isinstance(row["n"], int)
    assert isinstance(row["mean"], float)


def test_nothing_of_a_failed_transaction_stays_staged(warehouse):
    def fail():
        warehouse.append(STEP_COUNTS, "SELECT 'orders' AS table_name, 1 AS position, 'in' AS reason, 1 AS row_count")
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"), warehouse.transaction():
        fail()
    warehouse.insert(STEP_COUNTS, [_step(2)])
    assert warehouse.rows(STEP_COUNTS) == [_step(2)]


def test_what_was_lost_is_tried_again_and_then_given_up(warehouse, monkeypatch):
    monkeypatch.setattr("sahara_assets.warehouse.base._PAUSES_SECONDS", (0.0, 0.0))
    tries = []

    def lose(times):
        warehouse.insert(STEP_COUNTS, [_step(len(tries))])
        tries.append(len(tries))
        if len(tries) <= times:
            raise TryAgainError("gone")
        return "done"

    assert warehouse.in_transaction(lambda: lose(2)) == "done"
    assert warehouse.rows(STEP_COUNTS) == [_step(2)]
    with pytest.raises(TryAgainError):
        warehouse.in_transaction(lambda: lose(99))
    assert warehouse.rows(STEP_COUNTS) == [_step(2)]


def test_arrow_has_the_declared_kinds(warehouse):
    warehouse.insert(ORDERS, [_order("1")])
    schema = {field.name: str(field.type) for field in warehouse.arrow(ORDERS).schema}
    words = {
        Kind.TEXT: "string", Kind.DECIMAL: "decimal128(18, 4)", Kind.INTEGER: "int64", Kind.FLOAT: "double",
        Kind.TIMESTAMP: "timestamp[us]", Kind.DATE: "date32[day]", Kind.BOOLEAN: "bool",
    }  # fmt: skip
    assert schema == {column.name: words[column.kind] for column in ORDERS.columns}


def test_a_table_travels_in_parts_in_the_order_of_its_key(warehouse, monkeypatch):
    monkeypatch.setattr("sahara_assets.warehouse.duckdb.BATCH_ROWS", 2048)
    monkeypatch.setattr("sahara_assets.warehouse.postgres._PART_BYTES", 10_000)
    monkeypatch.setattr("sahara_assets.warehouse.bigquery_jobs._PAGE_ROWS", 2048)
    warehouse.insert(STEP_COUNTS, [_step(position) for position in range(5_000, 0, -1)])
    parts = list(warehouse.batches(STEP_COUNTS))
    assert len(parts) > 1
    assert [row["position"] for part in parts for row in part.to_pylist()] == list(range(1, 5_001))
    assert list(warehouse.batches(ORDERS)) == []


# --- parity of the wrapped expressions -----------------------------------------------------------------------------------------


@pytest.fixture
def lines(warehouse):
    """Orders standing in for lines: three customers, ties and nulls included."""
    at = [datetime(2025, 1, day) for day in range(1, 8)]
    rows = [
        ("1", "a", at[0], "10.1000", 1), ("2", "a", at[1], "0.2000", 2), ("3", "a", at[2], "0.3000", 1),
        ("4", "b", at[3], "-5.0000", 2), ("5", "b", at[4], "7.0000", 1), ("6", None, at[5], "1.0000", 9),
    ]  # fmt: skip
    warehouse.insert(
        ORDERS,
        [
            _order(
                order_id,
                customer_id=who,
                ordered_at=when,
                ordered_at_local=when,
                gross_spend=Decimal(spend),
                line_count=count,
            )
            for order_id, who, when, spend, count in rows
        ],
    )
    return warehouse.table(ORDERS)


def _by(warehouse, expression, key):
    return {row[key]: row for row in warehouse.rows(expression)}


def test_whole_days_round_down(warehouse, lines):
    later = datetime(2025, 1, 3, 23, 59, 59)
    found = warehouse.rows(lines.order_by("order_id").select(days=whole_days_between(lines.ordered_at, later)))
    assert [row["days"] for row in found] == [2, 1, 0, -1, -2, -3]


def test_days_of_the_week_are_those_of_the_calendar(warehouse):
    moments = [
        datetime(1901, 1, 1, 23, 59, 59),
        datetime(1969, 12, 31, 0),
        datetime(1970, 1, 1, 1),
        datetime(2024, 2, 29, 13, 30),
        datetime(2199, 12, 31, 18),
    ]
    warehouse.insert(ORDERS, [_order(str(number), ordered_at=moment) for number, moment in enumerate(moments)])
    orders = warehouse.table(ORDERS)
    found = warehouse.rows(orders.select("order_id", day=weekday_of(orders.ordered_at)).order_by("order_id"))
    assert [row["day"] for row in found] == [moment.weekday() for moment in moments]


def test_a_regular_expression_of_categories_is_read_alike(warehouse):
    paths = {
        "1": "Home/Apparel/Men's",
        "2": "home/apparel",
        "3": "Home/Bags (new)/x",
        "4": None,
        "5": "Häuser/Äpfel 12",
    }
    warehouse.insert(ORDERS, [_order(name, customer_id=path) for name, path in paths.items()])
    orders = warehouse.table(ORDERS)
    patterns = ["(?i)^home/apparel", "Apparel/|Bags", r"\(new\)/", r"\s\d{2}$", "[^a-z/ ]pfel", "^.{3,5}/"]
    for pattern in patterns:
        assert pattern_fault(pattern) == ""
        found = warehouse.rows(orders.select("order_id", hit=count_matches(orders.customer_id, pattern)))
        expected = {
            name: int(path is not None and re.search(pattern, path) is not None) for name, path in paths.items()
        }
        assert {row["order_id"]: row["hit"] for row in found} == expected, pattern


def count_matches(text, pattern):
    return text.re_search(pattern).ifelse(1, 0)


def test_seconds_round_down(warehouse):
    moments = [
        datetime(1969, 12, 31, 23, 59, 59, 900_000),
        datetime(2025, 1, 1, 0, 0, 0, 999_999),
        datetime(2025, 1, 1),
    ]
    warehouse.insert(ORDERS, [_order(str(place), ordered_at=moment) for place, moment in enumerate(moments)])
    orders = warehouse.table(ORDERS)
    found = warehouse.rows(orders.order_by("order_id").select(seconds=seconds_of(orders.ordered_at)))
    assert [row["seconds"] for row in found] == [-1, 1735689600, 1735689600]


def test_sums_and_counts_with_a_condition_are_exact_and_never_null(warehouse, lines):
    grouped = lines.group_by("customer_id").aggregate(
        n=count_where(lines.line_count == 1),
        spend=money_where(lines.line_count == 1, lines.gross_spend),
        many=any_row(lines.line_count > 8),
    )
    found = _by(warehouse, grouped, "customer_id")
    assert (found["a"]["n"], found["a"]["spend"], found["a"]["many"]) == (2, Decimal("10.4000"), False)
    assert (found[None]["n"], found[None]["spend"], found[None]["many"]) == (0, Decimal("0.0000"), True)


def test_a_ratio_by_nothing_is_nothing(warehouse, lines):
    shares = lines.select(
        lines.order_id,
        by_nothing=ratio(lines.gross_spend, lines.line_count - lines.line_count),
        half=ratio(lines.gross_spend, lines.gross_spend * 2),
    )
    assert {(row["by_nothing"], row["half"]) for row in warehouse.rows(shares)} == {(0.0, 0.5)}


def test_the_most_frequent_value_wins_and_ties_go_to_the_latest(warehouse, lines):
    texts = lines.mutate(word=(lines.line_count == 1).ifelse("one", "more"))
    found = _by(warehouse, most_frequent(texts, "customer_id", "word", "ordered_at"), "customer_id")
    assert found["a"]["word"] == "one"
    assert found["b"]["word"] == "one"


def test_the_latest_value_wins(warehouse, lines):
    found = _by(warehouse, latest(lines, "customer_id", "order_id", "ordered_at", name="last"), "customer_id")
    assert (found["a"]["last"], found["b"]["last"]) == ("3", "5")


def test_a_prefix_needs_a_digit_behind_it(warehouse):
    warehouse.insert(ORDERS, [_order(name) for name in ("C1", "C", "CARD", "c1", "1C1", "CN7")])
    orders = warehouse.table(ORDERS)
    hits = orders.filter(starts_with_code(orders.order_id, ["C", "CN"]))
    assert [row["order_id"] for row in warehouse.rows(hits.order_by("order_id"))] == ["C1", "CN7"]
    assert warehouse.rows(orders.filter(starts_with_code(orders.order_id, []))) == []


def test_one_of_no_words_is_false(warehouse, lines):
    assert warehouse.rows(lines.filter(is_one_of(lines.order_id, []))) == []
    assert len(warehouse.rows(lines.filter(is_one_of(lines.order_id, ["1", "2", "x"])))) == 2


def test_ids_of_both_sides_are_united_once(warehouse, lines):
    other = lines.filter(lines.customer_id == "a").select("customer_id")
    united = ids_of_both(lines.filter(lines.customer_id.notnull()), other, "customer_id")
    assert sorted(row["customer_id"] for row in warehouse.rows(united)) == ["a", "b"]


def test_money_is_rounded_half_away_from_nothing(warehouse, lines):
    fine = ibis.literal("0.00005").cast("decimal(18, 10)")
    row = warehouse.rows(lines.limit(1).select(up=money(fine), down=money(-fine)))[0]
    assert (row["up"], row["down"]) == (Decimal("0.0001"), Decimal("-0.0001"))


def test_a_local_day_is_a_date(warehouse, lines):
    row = warehouse.rows(lines.order_by("order_id").limit(1).select(day=lines.ordered_at_local.date()))[0]
    assert row["day"] == date(2025, 1, 1)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("", "Night Morning Night"),
        ("UTC", "Night Morning Night"),
        ("America/Los_Angeles", "Afternoon Night Evening"),
        ("Asia/Kolkata", "Morning Afternoon Morning"),
    ],
)
def test_the_part_of_a_day_goes_by_the_clock_of_the_settings(warehouse, zone, expected):
    moments = [datetime(2018, 3, 1, 0, 30), datetime(2018, 7, 1, 7, 30, 0, 999_999), datetime(1960, 1, 1, 2, 0)]
    warehouse.insert(
        ORDERS, [_order(str(place), ordered_at=at, ordered_at_local=at) for place, at in enumerate(moments)]
    )
    orders = warehouse.table(ORDERS)
    settings = parse_settings({"parts_of_day": {"time_zone": zone}}, root=Path())
    found = warehouse.rows(orders.order_by("order_id").select(part=part_of_day(warehouse, orders, settings)))
    assert " ".join(row["part"] for row in found) == expected


_NOTED = {
    "full": r'{"annual_revenue":"99999999999999.9999","born_on":"1893-02-28","complaint":true,"education":"a \"b\" \\c é,\"order\":\"x"}',
    "less": '{"annual_revenue":"-0.5000","complaint":false,"order":"PhD"}',
    "none": None,
}


def _noted(warehouse):
    """Orders that hold JSON text of attributes where other orders hold a customer."""
    warehouse.insert(ORDERS, [_order(name, customer_id=text) for name, text in _NOTED.items()])
    return warehouse.table(ORDERS)


def test_attributes_are_read_from_their_text(warehouse):
    orders = _noted(warehouse)
    text = orders.customer_id
    found = warehouse.rows(
        orders.select(
            "order_id",
            revenue=attribute_number(text, "annual_revenue"),
            born=attribute_date(text, "born_on"),
            complaint=attribute_flag(text, "complaint"),
            education=attribute_text(text, "education"),
            order=attribute_text(text, "order"),
        ).order_by("order_id")
    )
    assert [tuple(row.values()) for row in found] == [
        ("full", Decimal("99999999999999.9999"), date(1893, 2, 28), True, 'a "b" \\c é,"order":"x', None),
        ("less", Decimal("-0.5000"), None, False, None, "PhD"),
        ("none", None, None, None, None, None),
    ]


def test_attributes_are_written_as_they_were_read(warehouse):
    orders = _noted(warehouse)
    names = ("annual_revenue", "born_on", "complaint", "education", "order")
    texts = {name: attribute_text(orders.customer_id, name) for name in names}
    written = orders.select("order_id", written=attributes_of(texts, bare=["complaint"]))
    assert {row["order_id"]: row["written"] for row in warehouse.rows(written)} == _NOTED
