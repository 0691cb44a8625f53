"""The process of one measurement: `python -m benchmarks.process TASK FILE`, called by `harness.py`."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from benchmarks.harness import Bench, case_named


def main(task: str, said: str) -> None:
    """Do what the task says, and write what was measured."""
    asked = json.loads(task)
    case = case_named(asked["case"])
    inputs, folder = Path(asked["inputs"]), Path(asked["folder"])
    bench = Bench(asked["size"], inputs, folder)
    answer = None
    if asked["what"] == "prepare":
        assert case.prepare is not None
        case.prepare(asked["size"], inputs)
    else:
        side = next(side for side in case.sides if side.name == asked["side"])
        answer = side.work(bench)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    Path(said).write_text(
        json.dumps(
            {"seconds": bench.seconds, "measures": bench.measures, "answer": answer, "children_maxrss": children}
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
