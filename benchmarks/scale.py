"""What every stage reads on BigQuery, and what that costs at sizes that no laptop holds: `python -m benchmarks.scale` writes it into `docs/scale.md`.

The pipeline runs whole on made shops of two sizes against the emulator of the tests, which answers like BigQuery how many bytes a query
reads: the columns that it names, by BigQuery's sizes of types, over all rows (`sahara_assets_tests/fake_bigquery/estimates.py`). Every stage's
bytes are taken to grow in a straight line through both sizes. Slots come from the processor time that DuckDB spends on the same stage,
since a slot is about a virtual processor; BigQuery's own overhead is not in it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import ROOT
from benchmarks.page import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sahara_assets.settings.document import Settings

PAGE = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
SIZES = (10_000, 30_000)
SLOT_LINES = 1_000_000
LINES = (100_000_000, 1_000_000_000, 10_000_000_000)
DOLLARS_PER_TIB = 6.25
"""On demand, in most regions: https://cloud.google.com/bigquery/pricing, where a TiB is 2^40 bytes and the first of a month is free."""
_PROJECT = '[project]\ncurrency = "GBP"\ntime_zone = "Europe/London"\n[segmentation]\nk_min = 3\nk_max = 5\n'
_NOW = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Cost:
    """What one stage took, by a meter that only rises."""

    stage: str
    first: float
    again: float


def whole_runs(lines: int, url: str, meter: Callable[[], float]) -> list[Cost]:
    """A run over all drops but the last, and one over the last: what each stage took of the meter in either."""
    from sahara_assets.generate.shop import generate
    from sahara_assets.settings.document import load_settings

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder / "data", rows=lines, days_per_drop=1)
        (folder / "sahara.toml").write_text(_PROJECT, encoding="utf-8")
        settings = load_settings(folder / "sahara.toml", {"SAHARA_WAREHOUSE_URL": url})
        last = max((folder / "data" / "purchases").iterdir())
        waiting = shutil.move(last, folder / last.name)
        first = _one_run(settings, meter)
        shutil.move(waiting, last)
        again = _one_run(settings, meter)
    return [Cost(stage, taken, again[stage]) for stage, taken in first.items()]


def _one_run(settings: Settings, meter: Callable[[], float]) -> dict[str, float]:
    from benchmarks.stages import run_stages
    from sahara_assets.builds import Run
    from sahara_assets.drops.loading import load_drops
    from sahara_assets.warehouse.opening import open_warehouse

    def steps() -> Iterator[str]:
        with open_warehouse(settings) as warehouse:
            load_drops(warehouse, settings, run_id="scale", now=_NOW)
            yield "loading drops"
            yield from run_stages(warehouse, settings, Run("scale", _NOW))

    taken, before = {}, meter()
    for stage in steps():
        now = meter()
        taken[stage], before = now - before, now
    return taken


@contextmanager
def emulated() -> Iterator[tuple[str, Callable[[], float]]]:
    """A BigQuery of the tests': its address as a warehouse, and the bytes that its queries have read."""
    from sahara_assets_tests.fake_bigquery.server import FakeBigQuery

    with FakeBigQuery() as fake:
        os.environ["BIGQUERY_EMULATOR_HOST"] = fake.address

        def bytes_read() -> float:
            with fake.client("scale") as client:
                return sum(
                    job.total_bytes_processed or 0 for job in client.list_jobs() if job.job_type == "query"
                )  # a script's own bytes are those of its statements

        yield "bigquery://scale/shop?location=EU", bytes_read


def measured() -> tuple[dict[str, tuple[float, float]], dict[str, tuple[float, float]], dict[str, float]]:
    """By stage: bytes a line and fixed bytes of the first run, the same of a later one, and processor seconds for a million lines."""
    by_size = []
    for lines in SIZES:
        started = time.perf_counter()
        with emulated() as (url, bytes_read):
            by_size.append({cost.stage: cost for cost in whole_runs(lines, url, bytes_read)})
        sys.stderr.write(f"{lines:,} lines on the emulator: {time.perf_counter() - started:.0f} s\n")
    spent = whole_runs(SLOT_LINES, "duckdb:///sahara.duckdb", time.process_time)
    small, large = by_size
    width = SIZES[1] - SIZES[0]

    def line(one: float, other: float) -> tuple[float, float]:
        slope = max(other - one, 0) / width
        return slope, max(one - slope * SIZES[0], 0)

    return (
        {stage: line(small[stage].first, large[stage].first) for stage in small},
        {stage: line(small[stage].again, large[stage].again) for stage in small},
        {cost.stage: cost.first for cost in spent},
    )


def tables() -> str:
    """The page's measured part."""
    first, again, seconds = measured()
    parts = []
    for said, found in (("First run over everything", first), ("A later run, one day's drop on top", again)):
        rows = []
        for stage, (slope, fixed) in found.items():
            cells = [stage, f"{slope:,.0f}"]
            for lines in LINES:
                read = slope * lines + fixed
                cells += [_size(read), _dollars(read)]
            rows.append(tuple(cells))
        total = [sum(slope * lines + fixed for slope, fixed in found.values()) for lines in LINES]
        rows.append(
            (
                "**all**",
                f"**{sum(slope for slope, _ in found.values()):,.0f}**",
                *(cell for read in total for cell in (f"**{_size(read)}**", f"**{_dollars(read)}**")),
            )
        )
        heads = ["stage", "bytes a line", *(head for lines in LINES for head in (f"{_lines(lines)} lines", "$"))]
        parts.append(f"### {said}\n\n" + table(heads, rows))
    rows = [
        (stage, f"{taken:.1f}", *(f"{taken * lines / SLOT_LINES / 3600:,.1f}" for lines in LINES))
        for stage, taken in seconds.items()
    ]
    heads = ["stage", f"processor seconds, {_lines(SLOT_LINES)} lines", *(f"slot hours, {_lines(n)}" for n in LINES)]
    parts.append("### Slots\n\n" + table(heads, rows))
    return "\n\n".join(parts)


def _lines(count: int) -> str:
    return f"{count // 1_000_000_000} B" if count >= 1_000_000_000 else f"{count // 1_000_000} M"


def _size(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return "less than 1 MB"


def _dollars(count: float) -> str:
    return f"{count / 2**40 * DOLLARS_PER_TIB:,.2f}"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}", encoding="utf-8")
