"""`sahara run` on Online Retail, everything, beside a plain script that does the same steps."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.harness import ROOT, Bench, Case, Goal, Side

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REAL = ROOT.parent / "shared" / "data" / "online_retail"


def _prepare(_: Mapping[str, int], folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "sahara_assets.cli", "init", str(REAL)],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _sahara(bench: Bench, *, insights: bool) -> Any:
    """The command, in a new project; what its tables come to."""
    import duckdb

    text = (bench.inputs / "sahara.toml").read_text(encoding="utf-8")
    (bench.folder / "sahara.toml").write_text(
        f"{text}\n[insights]\nenabled = {str(insights).lower()}\n", encoding="utf-8"
    )
    with bench.timed():
        subprocess.run(
            [sys.executable, "-m", "sahara_assets.cli", "run", "--json"], cwd=bench.folder, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    with duckdb.connect(str(bench.folder / "sahara.duckdb"), read_only=True) as connection:
        totals = "SELECT count(*), sum(order_count)::BIGINT, sum(gross_spend)::DOUBLE FROM customer_features"
        return list(connection.execute(totals).fetchone() or ())


def _script(bench: Bench) -> Any:
    import json

    with bench.timed():
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.peers.plain_script", str(REAL), str(bench.folder)],
            cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    return json.loads(done.stdout)


CASE = Case(
    number=10,
    name="whole_run",
    title="Everything on Online Retail",
    sides=(
        Side("sahara run", partial(_sahara, insights=False)),
        Side("sahara run with insights", partial(_sahara, insights=True)),
        Side("plain script", _script, needs=("pandas", "sklearn")),
    ),
    goals=(
        Goal(
            "sahara run",
            "plain script",
            1.0,
            "at most 1.0 × a plain pandas + scikit-learn script that does the same steps",
        ),
    ),
    sizes={"smoke": [], "quick": [{}], "full": [{}]},
    prepare=_prepare,
    reads="online_retail",
    note="The script of `benchmarks/peers/plain_script.py` keeps no ledger, checks nothing, knows no lineage and writes no report.",
)
