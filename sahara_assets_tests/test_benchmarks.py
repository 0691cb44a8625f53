"""The benchmarks at their smallest: every case runs, its sides agree, and what they measured is told. No time is judged here."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from benchmarks.harness import Case, Goal, Measured, Outcome, Side, agree, case_named, case_names, disagreements
from benchmarks.page import as_json, as_page, goal_rows
from benchmarks.scale import columns_read
from sahara_assets_tests.commands import ROOT, clean_environment


@pytest.mark.parametrize("name", case_names())
def test_every_case_runs_at_its_smallest_and_its_sides_agree(name):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke", name],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    case = case_named(name)
    for goal in case.goals:
        assert goal.says in done.stdout
    measured = [side.name for side in case.sides if f": {side.name} " in done.stderr]
    missing = [side.name for side in case.sides if f"{side.name} is missing" in done.stderr]
    if case.sizes["smoke"]:
        assert [side.name for side in case.sides] == [
            side.name for side in case.sides if side.name in {*measured, *missing}
        ]


def outcome_of(ours, theirs, *, what="seconds", times=2.0):
    sides = (Side("ours", lambda _: 1), Side("theirs", lambda _: 1, needs=("no_such_package",)))
    case = Case(1, "made_up", "Made up", sides, (Goal("ours", "theirs", times, "at most twice", what),), {"full": [{"rows": 10}, {"rows": 1000}]}, grows_by="rows")  # fmt: skip
    found = Outcome(case)
    for label, factor in (("10 rows", 1), ("1,000 rows", 100)):
        found.measured[label] = {
            name: Measured({"seconds": [value * factor], "peak_mb": [value]}, answer=7)
            for name, value in (("ours", ours), ("theirs", theirs))
        }
    return found


@pytest.mark.parametrize(("ours", "word"), [(1.9, "pass"), (2.1, "miss")])
def test_a_goal_is_a_ratio_at_the_largest_size(ours, word):
    assert [row[3:] for row in goal_rows([outcome_of(ours, 1.0)])] == [(f"{ours} ×", word)]


def test_a_goal_may_be_about_memory():
    assert outcome_of(3.0, 1.0, what="peak_mb").ratio(Goal("ours", "theirs", 2, "", "peak_mb")) == 3.0


def test_sides_that_did_not_compute_the_same_are_not_compared():
    found = outcome_of(1.0, 1.0)
    found.measured["10 rows"]["theirs"].answer = 8
    found.disagreements = disagreements(found.case, "10 rows", found.measured["10 rows"])
    assert found.disagreements == ["10 rows: theirs and ours did not compute the same: answer: 7 and 8"]
    assert goal_rows([found])[0][4] == "not compared"


def test_a_peer_that_is_not_there_is_named():
    found = outcome_of(1.0, 1.0)
    assert found.case.sides[1].missing == ["no_such_package"]
    found.measured.clear()
    found.missing["theirs"] = ["no_such_package"]
    assert goal_rows([found])[0][4] == "not measured: theirs is missing"
    assert "Missing: theirs (no_such_package)." in as_page([found], 1, "")


def test_the_page_and_the_json_hold_what_was_measured():
    found = outcome_of(1.0, 1.0)
    found.exponents = {"ours": 1.0}
    page = as_page([found], 3, "Explained here.")
    assert "Explained here." in page
    assert "Growth exponent in rows: ours 1.00 (1 is linear)." in page
    told = as_json([found], 3)["cases"]["made_up"]
    assert told["sizes"]["1,000 rows"]["ours"] == {"seconds": [100.0], "peak_mb": [1.0]}
    assert told["goals"][0]["verdict"] == "pass"


@pytest.mark.parametrize(
    ("one", "other"), [([1, 2], [1, 2, 3]), ({"a": 1}, {"b": 1}), ("x", "y"), (1.0, 1.0001), ([[1]], [[2]])]
)
def test_answers_that_differ_are_told_with_their_place(one, other):
    with pytest.raises(AssertionError, match="answer"):
        agree(one, other)


def test_answers_agree_to_nine_digits():
    agree({"a": [1.0, "x", None]}, {"a": [1.0 + 1e-12, "x", None]})
    assert math.isclose(1.0, 1.0 + 1e-12)


def test_the_page_of_scale_counts_the_columns_that_reach_an_answer():
    tables = (("lines", ("price", "day", "note")), ("shops", ("shop",)))
    inner = "SELECT * FROM (SELECT * FROM `lines` AS l WHERE l.day > DATE '2025-01-01') AS newer"
    assert columns_read(f"SELECT MAX(newer.price) AS most FROM ({inner}) AS newer", tables) == (
        ("lines", "day"),
        ("lines", "price"),
    )
    assert columns_read(f"INSERT INTO `shops` (shop) SELECT note FROM ({inner}) AS newer", tables) == (
        ("lines", "day"),
        ("lines", "note"),
    )
    assert columns_read("DELETE FROM `shops` WHERE shop = 'x'", tables) == (("shops", "shop"),)
    assert columns_read("COMMIT TRANSACTION", tables) == ()
