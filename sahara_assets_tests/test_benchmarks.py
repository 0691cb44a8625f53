"""The benchmarks at their smallest: every case runs, its sides agree, and what they measured is told. No time is judged here."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from benchmarks import harness, results
from benchmarks.harness import (
    EXPONENT,
    Case,
    Goal,
    Measured,
    Outcome,
    Side,
    agree,
    case_named,
    case_names,
    disagreements,
)
from benchmarks.page import as_page, goal_rows
from benchmarks.results import Recorded, as_json, machine
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
    assert "Missing: theirs (no_such_package)." in as_page([Recorded(found, 1, machine())], "")


def test_the_page_and_the_json_hold_what_was_measured():
    found = outcome_of(1.0, 1.0)
    found.exponents = {"ours": 1.0}
    recorded = Recorded(found, 3, machine())
    page = as_page([recorded], "Explained here.")
    assert "Explained here." in page
    assert "Growth exponent in rows: ours 1.00 (1 is linear)." in page
    told = as_json(recorded)
    assert told["sizes"]["1,000 rows"]["ours"] == {"seconds": [100.0], "peak_mb": [1.0]}
    assert told["goals"][0]["verdict"] == "pass"


def test_how_a_side_grows_may_be_a_goal():
    found = outcome_of(1.0, 1.0)
    goal = Goal("ours", "", 1.05, "linear or better", EXPONENT)
    assert found.verdict(goal) == "not measured"
    found.exponents = {"ours": 1.2}
    assert (found.ratio(goal), found.verdict(goal)) == (1.2, "miss")


def test_a_case_that_is_measured_anew_leaves_the_others_as_they_were(tmp_path):
    path, older = tmp_path / "results.json", {**machine(), "measured_on": "2026-01-01"}
    first = Outcome(case_named("silhouettes"), {"as it is": {"sahara": Measured({"seconds": [1.0], "peak_mb": [2.0]})}})
    second = Outcome(case_named("k_sweep"), exponents={"sahara": 0.5}, failures={"sahara": "ended"})
    results.write({"k_sweep": Recorded(second, 3, older), "silhouettes": Recorded(first, 1, machine())}, path)
    known = results.read(path)
    assert list(known) == ["k_sweep", "silhouettes"]
    assert [as_json(one) for one in known.values()] == [
        as_json(Recorded(second, 3, older)),
        as_json(Recorded(first, 1, machine())),
    ]
    page = as_page(list(known.values()), "")
    assert "2026-01-01; 3 rounds" in page


def test_a_side_is_not_measured_beyond_its_largest_size(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "CACHE", tmp_path)
    monkeypatch.setattr(harness, "measure", lambda *_: {"seconds": 1.0, "peak_mb": 1.0, "measures": {}, "answer": 1})
    sides = (Side("ours", lambda _: 1), Side("theirs", lambda _: 1, most=10))
    case = Case(1, "made_up", "Made up", sides, (), {"full": [{"rows": 10}, {"rows": 1000}]}, grows_by="rows")
    found = harness.run_case(case, "full", 1, lambda _: None)
    assert {label: list(measured) for label, measured in found.measured.items()} == {
        "10 rows": ["ours", "theirs"],
        "1,000 rows": ["ours"],
    }
    assert list(found.exponents) == ["ours"]


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
