"""`sahara run` where nothing is new: what cron pays every time."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Bench, Case, Goal, Side

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_RUN = [sys.executable, "-m", "sahara_assets.cli", "run"]


def _prepare(size: Mapping[str, int], folder: Path) -> None:
    from sahara_assets.generate.shop import generate

    generate(folder / "data", rows=size["rows"], days_per_drop=14)
    (folder / "sahara.toml").write_text('[project]\ncurrency = "GBP"\ntime_zone = "Europe/London"\n', encoding="utf-8")
    subprocess.run(_RUN, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _nothing_new(bench: Bench) -> Any:
    with bench.timed():
        done = subprocess.run(_RUN, cwd=bench.inputs, check=True, capture_output=True, text=True)
    assert "nothing" in done.stdout.lower(), done.stdout
    return None


def _import(bench: Bench) -> Any:
    with bench.timed():
        subprocess.run([sys.executable, "-c", "import dagster"], cwd=bench.folder, check=True)
    return None


CASE = Case(
    number=11,
    name="nothing_new",
    title="A run with nothing new",
    sides=(Side("sahara run", _nothing_new), Side("import dagster", _import)),
    goals=(Goal("sahara run", "import dagster", 3.0, "at most 3 × python -c 'import dagster'"),),
    sizes={"smoke": [{"rows": 2_000}], "quick": [{"rows": 20_000}], "full": [{"rows": 20_000}]},
    prepare=_prepare,
)
