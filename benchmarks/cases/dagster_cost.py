"""What Dagster costs: the same stages as assets and as plain functions, and a tick of the sensor over many known files."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Bench, Case, Goal, Side

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

_SETTINGS = """\
[project]
currency = "GBP"
time_zone = "Europe/London"

[segmentation]
k_min = 3
k_max = 4

[insights]
enabled = false
"""
_LINE = "order_id,customer_id,product_id,quantity,unit_price,ordered_at\n{0},c,p,1,1.00,2025-01-01 10:00:00\n"


def _prepare(size: Mapping[str, int], folder: Path) -> None:
    from sahara_assets.generate.shop import generate

    generate(folder / "shop" / "data", rows=size["rows"], days_per_drop=28)
    (folder / "shop" / "sahara.toml").write_text(_SETTINGS, encoding="utf-8")
    drops = folder / "many" / "data" / "purchases"
    drops.mkdir(parents=True)
    for number in range(size["files"]):
        (drops / f"purchases_{number:06d}.csv").write_text(_LINE.format(number), encoding="utf-8")
        # Old enough to be settled: a file that was written this minute may still grow.
        os.utime(drops / f"purchases_{number:06d}.csv", (1.7e9, 1.7e9))
    (folder / "many" / "sahara.toml").write_text(_SETTINGS, encoding="utf-8")
    from sahara_assets.settings.document import load_settings
    from sahara_assets.warehouse.opening import open_warehouse

    settings = load_settings(folder / "many" / "sahara.toml", {})
    with open_warehouse(settings) as warehouse:
        _load(warehouse, settings)


def _load(warehouse: Warehouse, settings: Settings) -> None:
    from sahara_assets.drops.loading import load_drops

    load_drops(warehouse, settings, run_id="plain", now=datetime.now(tz=UTC).replace(tzinfo=None))


def _plainly(warehouse: Warehouse, settings: Settings) -> None:
    """What the assets call, in their order."""
    from benchmarks.stages import run_stages
    from sahara_assets.builds import Run

    _load(warehouse, settings)
    for _ in run_stages(warehouse, settings, Run("plain", datetime.now(tz=UTC).replace(tzinfo=None))):
        pass


def _assets(bench: Bench) -> Any:
    """The stages called plainly, then as assets in another copy of the project, so that Dagster alone is new to the process."""
    from sahara_assets.definitions import defs
    from sahara_assets.job import dagster_history, execute_job
    from sahara_assets.settings.document import load_settings
    from sahara_assets.warehouse.opening import open_warehouse

    for name in ("warm", "plain", "assets"):
        shutil.copytree(bench.inputs / "shop", bench.folder / name)
    seconds = {}
    for name in ("warm", "plain"):
        settings = load_settings(bench.folder / name / "sahara.toml", {})
        started = time.perf_counter()
        with open_warehouse(settings) as warehouse:
            _plainly(warehouse, settings)
        seconds[name] = time.perf_counter() - started
    count = len(defs().resolve_asset_graph().get_all_asset_keys())
    config = bench.folder / "assets" / "sahara.toml"
    settings = load_settings(config, {})
    with dagster_history(settings):
        pass  # made once a project
    with bench.timed():
        execute_job(settings, config, retrain=False, extract=False, progress=None, debug=False)
    assert bench.seconds is not None
    bench.measures["ms_an_asset"] = 1000 * (bench.seconds - seconds["plain"]) / count
    bench.measures["plain_seconds"] = seconds["plain"]
    return None


def _tick(bench: Bench) -> Any:
    import dagster as dg

    from sahara_assets.automation import drop_sensor_every
    from sahara_assets.resources import Project

    project = Project(config_path=str(bench.inputs / "many" / "sahara.toml"))
    sensor = drop_sensor_every(30)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, resources={"project": project}) as context,
    ):
        with bench.timed():
            answer = sensor(context)
        assert isinstance(answer, dg.SkipReason), answer
        assert "all in the ledger" in (answer.skip_message or ""), answer.skip_message
    bench.measures["tick_seconds"] = bench.seconds or 0.0
    return None


CASE = Case(
    number=9,
    name="dagster_cost",
    title="Dagster's cost",
    sides=(Side("assets", _assets), Side("sensor tick", _tick)),
    goals=(
        Goal("assets", "", 100, "at most 100 ms an asset over the same functions called plainly", what="ms_an_asset"),
        Goal("sensor tick", "", 1, "a sensor's tick over 10,000 known files in at most 1 s", what="tick_seconds"),
    ),
    sizes={
        "smoke": [{"rows": 2_000, "files": 20}],
        "quick": [{"rows": 20_000, "files": 10_000}],
        "full": [{"rows": 20_000, "files": 10_000}],
    },
    prepare=_prepare,
    note="As assets the stages also draw the pictures and tables that Dagster shows; that counts as Dagster's cost here.",
)
