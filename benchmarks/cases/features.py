"""What customers are measured by, from their order lines, beside polars and pandas."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.harness import EXPONENT, Bench, Case, Goal, Side
from benchmarks.peers.features import summed, with_pandas, with_polars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CUT_OFF = datetime(2026, 1, 1)  # noqa: DTZ001 - local, as all cut-offs are
LINES_OF_A_CUSTOMER = 20
_ORDERS_PER_TEN_LINES = 3


def _prepare(size: Mapping[str, int], folder: Path) -> None:
    """Order lines of a year in a warehouse, a tenth of them in its last days, and the same as Parquet for the peers."""
    import duckdb

    from sahara_assets.warehouse.duckdb import DuckDBWarehouse

    path, count = folder / "sahara.duckdb", size["lines"]
    with closing(DuckDBWarehouse(path)) as warehouse:
        warehouse.prepare()
    customers = max(count // LINES_OF_A_CUSTOMER, 1)
    draw = "hash({} * 1000003 + {})"
    order = f"(i * {_ORDERS_PER_TEN_LINES} // 10)"
    buyer = f"CAST(floor(pow(({draw.format(order, 1)} % 1000000) / 1e6, 1.6) * {customers}) AS BIGINT)"
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute(
            f"""
            INSERT INTO purchases BY NAME
            SELECT 'drop' AS _drop_id, i AS _line, 'o' || {order} AS order_id,
                CASE WHEN {draw.format(order, 2)} % 50 = 0 THEN NULL ELSE 'c' || {buyer} END AS customer_id,
                'p' || ({draw.format("i", 3)} % 4000) AS product_id, quantity, unit_price, quantity * unit_price AS line_total,
                ordered_at, ordered_at AS ordered_at_local, CAST(ordered_at AS DATE) AS ordered_on, 'morning' AS part_of_day,
                CASE WHEN quantity < 0 THEN 'return' ELSE 'sale' END AS line_kind, false AS is_fee, false AS is_future,
                'United Kingdom' AS country, 'category ' || ({draw.format("i", 3)} % 4000 % 12) AS category
            FROM (
                SELECT i, TIMESTAMP '2025-01-01' + INTERVAL 1 SECOND * CAST(31500000.0 * i / {count} AS BIGINT) AS ordered_at,
                    CAST(CASE WHEN {draw.format("i", 4)} % 40 = 0 THEN -1 ELSE 1 + {draw.format("i", 5)} % 6 END AS DECIMAL(18, 4)) AS quantity,
                    CAST((50 + {draw.format("i", 6)} % 5000) / 100.0 AS DECIMAL(18, 4)) AS unit_price
                FROM range({count}) AS lines(i)
            )
            """
        )
        connection.execute(
            "INSERT INTO customers BY NAME SELECT customer_id, 'United Kingdom' AS country, count(*) AS line_count, true AS has_sale "
            "FROM purchases WHERE customer_id IS NOT NULL GROUP BY customer_id"
        )
        connection.execute(
            "COPY (SELECT customer_id, order_id, product_id, category, line_kind, ordered_at_local, CAST(quantity AS BIGINT) AS units, "
            f"CAST(line_total * 100 AS BIGINT) AS pence FROM purchases) TO '{folder}/lines.parquet'"
        )


def _sahara(bench: Bench) -> Any:
    import duckdb

    from sahara_assets.features.expressions import build_features
    from sahara_assets.settings.document import parse_settings
    from sahara_assets.warehouse.duckdb import DuckDBWarehouse

    path = bench.folder / "sahara.duckdb"
    shutil.copy(bench.inputs / "sahara.duckdb", path)
    settings = parse_settings({"datasets": {"purchases": {}}, "project": {"currency": "GBP"}}, root=bench.folder)
    with closing(DuckDBWarehouse(path)) as warehouse, bench.timed():
        rows, _ = build_features(warehouse, settings, CUT_OFF)
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        numbers = [
            name
            for name, kind in connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'customer_features'"
            ).fetchall()
            if kind != "VARCHAR"
        ]
        sums = connection.execute(
            f"SELECT {', '.join(f'sum({name})::DOUBLE' for name in numbers)} FROM customer_features"
        ).fetchone()
    return summed(dict(zip(numbers, sums or (), strict=True)), rows)


def _peer(bench: Bench, work: Callable[[Path, datetime], dict[str, float]]) -> Any:
    with bench.timed():
        return work(bench.inputs / "lines.parquet", CUT_OFF)


CASE = Case(
    number=4,
    name="features",
    title="Features of all customers",
    sides=(
        Side("sahara", _sahara),
        Side("polars", partial(_peer, work=with_polars), needs=("polars",)),
        Side("pandas", partial(_peer, work=with_pandas), needs=("pandas",)),
    ),
    goals=(
        Goal("sahara", "polars", 1.3, "at most 1.3 × polars"),
        Goal("sahara", "pandas", 1 / 4, "at least 4 × faster than pandas"),
        Goal("sahara", "", 1.05, "grows linearly or better in the lines", what=EXPONENT),
    ),
    sizes={
        "smoke": [{"lines": 2_000}],
        "quick": [{"lines": 1_000_000}],
        "full": [{"lines": 1_000_000}, {"lines": 3_000_000}, {"lines": 10_000_000}],
    },
    prepare=_prepare,
    grows_by="lines",
    note="All nineteen features that every shop has, from twenty lines a customer. Sahara writes them into its warehouse with exact decimals, and the categories that matter before; the peers keep floats in memory.",
)
