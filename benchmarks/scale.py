"""What every stage reads on BigQuery, and what that costs at sizes that no laptop holds: `python -m benchmarks.scale` writes it into `docs/scale.md`.

The pipeline runs whole on made shops of two sizes against the emulator of the tests, which keeps every statement. Of each are added
up the columns that reach its answer, by BigQuery's sizes of types, over all rows: no partition is left out, so this is the most. Every stage's
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
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import ROOT
from benchmarks.page import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sahara_assets.settings.document import Settings
    from sahara_assets_tests.fake_bigquery.server import FakeBigQuery

PAGE = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
SIZES = (10_000, 30_000)
SLOT_LINES = 1_000_000
LINES = (100_000_000, 1_000_000_000, 10_000_000_000)
DOLLARS_PER_TIB = 6.25
"""On demand, in most regions: https://cloud.google.com/bigquery/pricing, where a TiB is 2^40 bytes and the first of a month is free."""
_PROJECT = '[project]\ncurrency = "GBP"\ntime_zone = "Europe/London"\n[segmentation]\nk_min = 3\nk_max = 5\n[repeat_buyers]\nenabled = true\n[recommendations]\nenabled = true\n'
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
    """A BigQuery of the tests': its address as a warehouse, and the bytes that its queries have read so far."""
    from sahara_assets_tests.fake_bigquery.server import FakeBigQuery

    with FakeBigQuery() as fake:
        os.environ["BIGQUERY_EMULATOR_HOST"] = fake.address
        yield "bigquery://scale/shop?location=EU", _Meter(fake).read


class _Meter:
    """Adds up what queries read: the columns that reach an answer, by BigQuery's sizes, over all rows of their tables now."""

    def __init__(self, fake: FakeBigQuery) -> None:
        self._fake = fake
        self._seen: set[str] = set()
        self._total = 0.0

    def read(self) -> float:
        from sahara_assets_tests.fake_bigquery import scripts

        sizes = self._column_sizes()
        with self._fake.client("scale") as client:
            for job in client.list_jobs():
                if job.job_id in self._seen or job.job_type != "query":
                    continue
                self._seen.add(job.job_id)
                self._total += sum(_bytes_of(node.sql, sizes) for node in scripts.read(job.query))
        return self._total

    def _column_sizes(self) -> dict[str, dict[str, int]]:
        """Bytes of every column of every table that there is."""
        from sahara_assets_tests.fake_bigquery import estimates
        from sahara_assets_tests.fake_bigquery.catalogue import physical

        catalogue = self._fake.api.catalogue
        cursor = catalogue.cursor()
        found: dict[str, dict[str, int]] = {}
        with self._fake.client("scale") as client:
            tables = [table for dataset in client.list_datasets() for table in client.list_tables(dataset)]
            for table in tables:
                key = ("scale", "shop", table.table_id)
                if table.table_type != "TABLE":
                    continue
                fields = catalogue.fields(key)
                found[table.table_id] = {
                    one["name"]: estimates.bytes_of(cursor, physical(key), fields, {one["name"].lower()})
                    for one in fields
                }
        return found


@cache
def columns_read(sql: str, tables: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[tuple[str, str], ...]:
    """The columns of tables that a statement needs: BigQuery, like every column store, leaves out what no outer query asks for."""
    from sqlglot import exp, parse_one
    from sqlglot.optimizer.pushdown_projections import pushdown_projections
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import traverse_scope

    if sql.split(None, 1)[0].upper() not in {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE"}:
        return ()
    tree = parse_one(sql, dialect="bigquery")
    if isinstance(tree, (exp.Insert, exp.Create)):
        tree = tree.expression
    if isinstance(tree, (exp.Update, exp.Delete, exp.Merge)):
        named = {table.name for table in tree.find_all(exp.Table)}
        columns = {column.name for column in tree.find_all(exp.Column)}
        return tuple((name, column) for name, own in tables if name in named for column in own if column in columns)
    if not isinstance(tree, exp.Query):
        return ()
    schema = {name: dict.fromkeys(own, "STRING") for name, own in tables}
    tree = qualify(tree, schema=schema, dialect="bigquery", validate_qualify_columns=False, infer_schema=True)
    tree = pushdown_projections(tree, schema=schema)
    found = set()
    for scope in traverse_scope(tree):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table):
                found.add((source.name, column.name))
    return tuple(sorted(found))


def _bytes_of(sql: str, sizes: Mapping[str, Mapping[str, int]]) -> int:
    tables = tuple((name, tuple(own)) for name, own in sorted(sizes.items()))
    return sum(sizes.get(table, {}).get(column, 0) for table, column in columns_read(sql, tables))


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
        if stage != "loading drops"  # parsed where Sahara runs
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
