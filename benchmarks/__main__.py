"""`python -m benchmarks [NAME…]`: measure all cases or those that are named.

Without options at full size, and nothing is written. With `--write` each case takes its place in `benchmarks/results.json` once it is
measured, and `docs/benchmarks.md` is written anew; the cases that are not named stay as they were measured.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import results
from benchmarks.harness import ROOT, case_named, case_names, run_case
from benchmarks.page import as_page, goal_rows, table

ROUNDS = {"smoke": 1, "quick": 3, "full": 3}


def main(words: list[str]) -> int:
    """Measure, print, write; 1 where sides that must agree did not, or failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Sahara beside what a user would pick instead."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(case_names())}")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--quick", dest="pace", action="store_const", const="quick", help="under five minutes")
    pace.add_argument(
        "--smoke", dest="pace", action="store_const", const="smoke", help="seconds: only whether it works"
    )
    parser.add_argument("--rounds", type=int, help="measurements of each side (3; 1 with --smoke)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and benchmarks/results.json")
    asked = parser.parse_args(words)
    unknown = sorted(set(asked.names) - set(case_names()))
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(case_names())}")
    at = asked.pace or "full"
    rounds = asked.rounds or ROUNDS[at]
    outcomes = []
    for name in asked.names or case_names():
        outcomes.append(run_case(case_named(name), at, rounds, lambda text: print(text, file=sys.stderr, flush=True)))
        if asked.write:  # at once: hours must not be lost with the last of them
            _write(results.Recorded(outcomes[-1], rounds, results.machine()))
    print(table(["work", "goal", "allowed", "measured", "verdict"], goal_rows(outcomes)))
    for outcome in outcomes:
        for name, value in outcome.exponents.items():
            print(f"{outcome.case.name}: {name} grows with {outcome.case.grows_by} to the power of {value:.2f}")
        for text in outcome.disagreements:
            print(f"NOT COMPARED  {outcome.case.name}: {text}")
        for text in outcome.failures.values():
            print(f"FAILED  {text}")
        for name, lacks in outcome.missing.items():
            print(f"MISSING  {outcome.case.name}: {name} needs {', '.join(lacks)}")
    return 1 if any(outcome.disagreements or outcome.failures for outcome in outcomes) else 0


def _write(recorded: results.Recorded) -> None:
    """Put a case in the place of what was known of it, and write the page of all."""
    known = {**results.read(), recorded.outcome.case.name: recorded}
    results.write({name: known[name] for name in case_names() if name in known})
    explained = (Path(__file__).parent / "explained.md").read_text(encoding="utf-8")
    (ROOT / "docs" / "benchmarks.md").write_text(as_page(list(results.read().values()), explained), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
