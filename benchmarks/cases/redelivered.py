"""A drop that was delivered before: the same files again, and the same contents under other names."""

from __future__ import annotations

import shutil
from contextlib import closing
from functools import partial

from benchmarks.harness import Bench, Case, Goal, Side
from benchmarks.shop import load, make_purchases, settings_for


def _loaded(bench: Bench, how: str) -> None:
    from sahara_assets.warehouse.duckdb import DuckDBWarehouse

    drops = bench.folder / "drops"
    shutil.copytree(bench.inputs / "drops", drops)
    settings = settings_for(bench.folder, drops)
    with closing(DuckDBWarehouse(bench.folder / "sahara.duckdb")) as warehouse:
        warehouse.prepare()
        if how == "first":
            with bench.timed():
                load(warehouse, settings)
        else:
            load(warehouse, settings)
            if how == "renamed":
                for path in sorted((drops / "purchases").iterdir()):
                    path.rename(path.with_name(f"again_{path.name}"))
            with bench.timed():
                report = load(warehouse, settings)
            assert report.rows_loaded == 0, "a drop was loaded twice"


CASE = Case(
    number=2,
    name="redelivered",
    title="A drop that was delivered before",
    sides=(
        Side("first load", partial(_loaded, how="first")),
        Side("the same files", partial(_loaded, how="again")),
        Side("the same contents, renamed", partial(_loaded, how="renamed")),
    ),
    goals=(
        Goal("the same files", "first load", 0.1, "at most 0.1 × its first load"),
        Goal("the same contents, renamed", "first load", 0.1, "at most 0.1 × its first load, under another name"),
    ),
    sizes={"smoke": [{"rows": 2_000}], "quick": [{"rows": 1_000_000}], "full": [{"rows": 1_000_000}]},
    prepare=make_purchases,
)
