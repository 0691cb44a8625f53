"""Loading drops into the embedded warehouse, beside DuckDB's own reader and pandas."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.harness import EXPONENT, Bench, Case, Goal, Side
from benchmarks.shop import COLUMNS, TOTALS, load, make_purchases, settings_for

if TYPE_CHECKING:
    from pathlib import Path


def _sahara(bench: Bench, **options: Any) -> Any:
    import duckdb

    from sahara_assets.warehouse.duckdb import DuckDBWarehouse

    path = bench.folder / "sahara.duckdb"
    settings = settings_for(bench.folder, bench.inputs / "drops")
    with closing(DuckDBWarehouse(path, **options)) as warehouse:
        warehouse.prepare()
        with bench.timed():
            load(warehouse, settings)
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        return list(connection.execute(f"{TOTALS} raw_purchases").fetchone() or ())


def read_csv(inputs: Path) -> str:
    """DuckDB's own reader over the drops, told everything, so that it need not find out."""
    kinds = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    dialect = "header = true, delim = ',', quote = '\"', escape = '\"'"
    return f"read_csv('{inputs}/drops/purchases/*.csv', {dialect}, columns = {{{kinds}}})"


def _duckdb(bench: Bench) -> Any:
    import duckdb

    with closing(duckdb.connect(str(bench.folder / "raw.duckdb"))) as connection:
        with bench.timed():
            connection.execute(f"CREATE TABLE raw AS SELECT * FROM {read_csv(bench.inputs)}")
        return list(connection.execute(f"{TOTALS} raw").fetchone() or ())


def _pandas(bench: Bench) -> Any:
    import duckdb
    import pandas as pd

    texts = {name: "str" for name, kind in COLUMNS.items() if kind == "VARCHAR"}
    with closing(duckdb.connect(str(bench.folder / "raw.duckdb"))) as connection:
        with bench.timed():
            paths = sorted((bench.inputs / "drops" / "purchases").iterdir())
            frame = pd.concat([pd.read_csv(path, dtype=texts, parse_dates=["ordered_at"]) for path in paths])
            connection.register("frame", frame)
            connection.execute("CREATE TABLE raw AS SELECT * FROM frame")
        return list(connection.execute(f"{TOTALS} raw").fetchone() or ())


CASE = Case(
    number=3,
    name="duckdb_load",
    title="Load into DuckDB",
    sides=(
        Side("sahara", _sahara),
        Side("sahara within 2 GB", partial(_sahara, memory_limit="2GB")),
        Side("raw typed read_csv", _duckdb),
        Side("pandas to DuckDB", _pandas, needs=("pandas",)),
    ),
    goals=(
        Goal("sahara", "raw typed read_csv", 1.5, "at most 1.5 × a raw typed CREATE TABLE AS SELECT * FROM read_csv"),
        Goal("sahara", "pandas to DuckDB", 0.5, "at least 2 × faster than pandas → DuckDB"),
        Goal("sahara", "pandas to DuckDB", 0.5, "at half its memory", what="peak_mb"),
        Goal("sahara within 2 GB", "pandas to DuckDB", 0.5, "the same under a 2 GB limit"),
        Goal("sahara", "", 1.05, "grows linearly or better in the lines", what=EXPONENT),
    ),
    sizes={
        "smoke": [{"rows": 2_000}],
        "quick": [{"rows": 1_000_000}],
        "full": [{"rows": 1_000_000}, {"rows": 3_000_000}, {"rows": 10_000_000}],
    },
    prepare=make_purchases,
    grows_by="rows",
    note="Sahara validates every field, keeps a ledger, numbers equal lines and would keep rejected rows; the peers only parse.",
)
