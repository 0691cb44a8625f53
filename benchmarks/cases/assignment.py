"""Every customer to the nearest of nine centroids, and the result into a Parquet file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Bench, Case, Goal, Side
from benchmarks.people import customers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BLOCK_ROWS = 1_000_000
_COLUMNS = 12
_CENTROIDS = 9


def _prepare(size: Mapping[str, int], folder: Path) -> None:
    import numpy as np
    from numpy.lib.format import open_memmap

    points = open_memmap(folder / "points.npy", mode="w+", dtype=np.float64, shape=(size["customers"], _COLUMNS))
    for first in range(0, len(points), _BLOCK_ROWS):
        count = min(_BLOCK_ROWS, len(points) - first)
        points[first : first + count] = customers(count, _COLUMNS, seed=first + 1)
    points.flush()
    np.save(folder / "centroids.npy", customers(_CENTROIDS * 50, _COLUMNS, seed=7)[::50])


def _blocks(bench: Bench) -> Iterator[Any]:
    import numpy as np

    points = np.load(bench.inputs / "points.npy", mmap_mode="r")
    for first in range(0, len(points), _BLOCK_ROWS):
        yield points[first : first + _BLOCK_ROWS]


def _read(bench: Bench) -> None:
    with bench.timed():
        for block in _blocks(bench):
            block.sum()


def _assign(bench: Bench, *, write: bool) -> Any:
    import numpy as np
    import pyarrow as pa

    from sahara_assets.segmentation.kernel import compiled_kernel
    from sahara_assets.segmentation.kmeans import assign

    centroids = np.load(bench.inputs / "centroids.npy")
    compiled_kernel()
    sizes = np.zeros(_CENTROIDS, dtype=np.int64)

    def assigned() -> Iterator[pa.RecordBatch]:
        for block in _blocks(bench):
            labels, distances = assign(block, centroids)
            sizes[:] += np.bincount(labels, minlength=_CENTROIDS)
            yield pa.record_batch({"segment": labels, "distance": distances})

    with bench.timed():
        if write:
            _to_parquet(bench, pa.RecordBatchReader.from_batches(_schema(), assigned()))
        else:
            for _ in assigned():
                pass
    return sizes.tolist()


def _write(bench: Bench) -> None:
    """Rows of the same shape, which DuckDB makes up itself."""
    import duckdb

    rows = f"SELECT range % {_CENTROIDS} AS segment, sqrt(hash(range) / 1e18) AS distance FROM range({bench.size['customers']})"
    with bench.timed():
        duckdb.sql(f"COPY ({rows}) TO '{bench.folder}/assigned.parquet'")


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema({"segment": pa.int64(), "distance": pa.float64()})


def _to_parquet(bench: Bench, reader: Any) -> None:
    import duckdb

    with duckdb.connect() as connection:
        connection.register("assigned", reader)
        connection.execute(f"COPY assigned TO '{bench.folder}/assigned.parquet'")


def _same_sizes(one: Any, other: Any) -> None:
    """Those that only read or only write answer nothing."""
    assert other is None or one is None or one == other, f"{one} and {other}"


CASE = Case(
    number=8,
    name="assignment",
    title="Assign customers to segments",
    sides=(
        Side("sahara", partial(_assign, write=False)),
        Side("sahara, to Parquet", partial(_assign, write=True)),
        Side("one read of the array", _read),
        Side("DuckDB's Parquet write", _write),
    ),
    goals=(
        Goal("sahara", "one read of the array", 2.0, "at most 2 × one read of the array"),
        Goal("sahara, to Parquet", "DuckDB's Parquet write", 1.5, "at most 1.5 × DuckDB's own Parquet write"),
    ),
    sizes={
        "smoke": [{"customers": 5_000}],
        "quick": [{"customers": 2_000_000}],
        "full": [{"customers": 10_000_000}, {"customers": 50_000_000}],
    },
    prepare=_prepare,
    grows_by="customers",
    agree=_same_sizes,
    note="Nine centroids, twelve features. Both read the array from a memory map, so that its pages count as memory where the system leaves them there.",
)
