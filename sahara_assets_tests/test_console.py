"""Tables, paragraphs, JSON and plain progress."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets import console, printing
from sahara_assets.report.wording import money
from sahara_assets.settings.document import parse_settings
from sahara_assets.wording import to_places


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "48")


def test_numbers_stand_to_the_right_and_words_to_the_left(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    rows = [{"name": "a", "count": 1, "part": "5.0 %"}, {"name": "long name", "count": 12345, "part": "50.0 %"}]
    console.table(rows, {"name": "name", "count": "rows", "part": "of all"})
    assert capsys.readouterr().out.splitlines() == [
        "name         rows  of all",
        "─────────  ──────  ──────",
        "a               1   5.0 %",
        "long name  12,345  50.0 %",
    ]


def test_what_is_unknown_is_a_dash(capsys):
    console.table([{"a": None, "b": float("nan"), "c": True, "d": False}], dict.fromkeys("abcd", "x"))
    assert capsys.readouterr().out.splitlines()[-1] == "–  –  yes"


def test_a_narrow_terminal_loses_optional_columns_first_and_then_breaks_prose(capsys, narrow):
    rows = [
        {"path": "purchases/2025-01-01.csv", "hash": "0123456789ab", "why": "quantity holds 'three'; write a number"}
    ]
    console.table(rows, {"path": "path", "hash": "content", "why": "reason"}, optional=["hash"])
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) == 48, "a path must stay whole, so that it can be copied"
    assert "content" not in lines[0]
    assert lines[2].startswith("purchases/2025-01-01.csv  ")
    assert len(lines) > 3


def test_an_optional_column_that_is_empty_throughout_is_left_out_at_any_width(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    console.table([{"a": 1, "note": None}], {"a": "a", "note": "note"}, optional=["note"])
    assert "note" not in capsys.readouterr().out


def test_control_characters_of_a_file_are_shown_and_not_obeyed(capsys):
    console.table([{"row": "a\x1b[2Jb\tc\nd"}], {"row": "row\x1b"})
    assert capsys.readouterr().out.splitlines() == ["row\\x1b", "─────────────", "a\\x1b[2Jb c d"]


def test_no_rows_print_nothing(capsys):
    console.table([], {"a": "a"})
    assert capsys.readouterr().out == ""


def test_a_paragraph_breaks_at_the_terminals_width_and_keeps_its_indent(capsys, narrow):
    console.paragraph("one two three four five six seven eight nine ten", indent="  ")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("  ") and len(line) <= 48 for line in lines)


@dataclass(frozen=True)
class _Thing:
    amount: Decimal
    day: date


def test_json_knows_everything_that_a_table_holds(capsys):
    moment = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    console.as_json({"thing": _Thing(Decimal("1.25"), date(2025, 1, 2)), "at": moment, "list": (1, None)})
    assert json.loads(capsys.readouterr().out) == {
        "thing": {"amount": 1.25, "day": "2025-01-02"},
        "at": "2025-01-02T03:04:05+00:00",
        "list": [1, None],
    }


@given(st.floats())
def test_json_never_holds_a_number_that_json_does_not_know(value):
    text = json.dumps(console._plain({"x": value}), allow_nan=False)
    assert json.loads(text)["x"] in {value, None}


def test_long_work_says_a_line_every_tenth_and_short_work_one(capsys):
    with console.progress() as report:
        for done in range(1, 101):
            report("rows", done, 100)
        report("orders", 0, 1)
        report("orders", 1, 1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [*(f"rows: {n} of 100" for n in range(10, 101, 10)), "orders: done"]


def test_quiet_progress_says_nothing(capsys):
    with console.progress(quiet=True) as report:
        report("rows", 1, 1)
    assert capsys.readouterr() == ("", "")


def test_the_table_of_segments_says_which_numbers_are_means_and_which_medians(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    row = {"segment": 1, "segment_name": "All customers", "tier": "Gold", "customer_count": 3}
    row |= {"customer_share": 1.0, "spend_share": None, "mean_gross_spend": 556.255, "mean_order_count": 1.25}
    settings = parse_settings({"project": {"currency": "EUR"}}, root=tmp_path)

    printing.show_segments([row | {"median_recency_days": 2.5}], settings)

    heading, _, numbers = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[-3:] == ["mean EUR", "mean orders", "median days away"]
    assert numbers.split()[-3:] == ["556.26", "1.3", "3"]


@given(st.integers(-99_999, 99_999).map(lambda mills: Decimal(mills).scaleb(-3)))
def test_the_same_amount_is_the_same_text_as_a_decimal_as_a_double_and_in_the_report(exact):
    assert to_places(exact, 2).replace("-", "−") in {money(exact), f"−{money(exact)}"}
    assert to_places(float(exact), 2) == to_places(float(exact) * (1 - 1e-15), 2) == to_places(exact, 2)
