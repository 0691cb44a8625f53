"""The figures of `make test-long`, for `docs/long-counts.md`: `python -m sahara_assets_tests.long_counts FILE`.

A long test that passed leaves its figure in `.long_counts/`; written anew, the page holds those and nothing else.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / ".long_counts"

_HEAD = """\
# The larger counts

<!-- Written by `make test-long`. -->

`make test` keeps each of these small enough for every change; `make test-long` runs them at the counts below. Every line is a test that
passed when this page was written.

| what | how often | seconds |
| --- | --- | --- |
"""


def note(test: str, what: str, count: str, seconds: float) -> None:
    """Leave a figure; the same test's last one is replaced."""
    FOLDER.mkdir(exist_ok=True)
    name = "".join(letter if letter.isalnum() else "_" for letter in test)
    document = {"test": test, "what": what, "count": count, "seconds": round(seconds)}
    (FOLDER / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")


def render() -> str:
    """The page."""
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    lines = [f"| {row['what']} | {row['count']} | {row['seconds']:,} |" for row in rows]
    return _HEAD + "\n".join(lines) + f"\n\nPython {platform.python_version()}, {platform.system()}.\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
