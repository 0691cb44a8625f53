"""Loading a drop into Postgres beside what is there, and beside the usual ways to get a file into Postgres."""

from __future__ import annotations

import csv
import io
import os
import resource
import shutil
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.harness import EXPONENT, Bench, Case, Goal, Side
from benchmarks.shop import COLUMNS, load, make_purchases, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_KINDS = {"VARCHAR": "text", "BIGINT": "numeric(18, 4)", "DECIMAL(18, 4)": "numeric(18, 4)", "TIMESTAMP": "timestamp"}
_DECLARED = ", ".join(f"{name} {_KINDS[kind]}" for name, kind in COLUMNS.items())


def _prepare(size: Mapping[str, int], folder: Path) -> None:
    """The drop, in one file, and the drops that are there already, of other orders."""
    make_purchases({"rows": size["rows"]}, folder)
    merged = folder / "purchases.csv"
    with merged.open("wb") as stream:
        for number, path in enumerate(sorted((folder / "drops" / "purchases").iterdir())):
            head, _, rest = path.read_bytes().partition(b"\n")
            stream.write((b"" if number else head + b"\n") + rest)
    shutil.rmtree(folder / "drops")
    (folder / "drops" / "purchases").mkdir(parents=True)
    merged.rename(folder / "drops" / "purchases" / "purchases.csv")
    lines = (folder / "drops" / "purchases" / "purchases.csv").read_bytes().split(b"\n")
    base = folder / "base" / "purchases"
    base.mkdir(parents=True)
    written, copy = 0, 0
    while written < size["base"]:
        copy += 1
        part = lines[1 : 1 + min(len(lines) - 2, size["base"] - written)]
        prefix = b"B%d-" % copy
        (base / f"base_{copy:03d}.csv").write_bytes(b"\n".join([lines[0], *(prefix + line for line in part), b""]))
        written += len(part)


@contextmanager
def _server() -> Iterator[Any]:
    """A Postgres of its own, with its files where they would be: synchronous writes as a server has them by default."""
    from sahara_assets_tests.postgres_server import PASSWORD, PostgresServer, binaries

    os.environ["PGPASSWORD"] = PASSWORD
    found = binaries()
    server = PostgresServer(
        found.get("debian") or found["wheel"],
        ("fsync=on", "full_page_writes=on", "shared_buffers=1GB", "max_wal_size=8GB"),
    )
    try:
        yield server
    finally:
        server.stop()


def _drop(bench: Bench) -> Path:
    return bench.inputs / "drops" / "purchases" / "purchases.csv"


def _sahara(bench: Bench) -> Any:
    from sahara_assets.warehouse.opening import open_warehouse

    with _server() as server:
        url = {"url": f"{_dsn(server)}?schema=shop"}
        drops = bench.folder / "drops"
        shutil.copytree(bench.inputs / "base", drops)
        settings = settings_for(bench.folder, drops, warehouse=url)
        if bench.size["base"]:
            subprocess.run(
                _loading(bench, drops, server), check=True
            )  # elsewhere, so that `client_mb` is of the drop alone
        shutil.copy(_drop(bench), drops / "purchases" / "purchases.csv")
        with open_warehouse(settings) as warehouse:
            with bench.timed():
                report = load(warehouse, settings)
            assert report.rows_loaded == _rows(bench), report.rows_loaded
            bench.measures["client_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            return None


def _loading(bench: Bench, drops: Path, server: Any) -> list[str]:
    script = (
        "import sys; from pathlib import Path\n"
        "from benchmarks.shop import load, settings_for\n"
        "from sahara_assets.warehouse.opening import open_warehouse\n"
        "settings = settings_for(Path(sys.argv[1]), Path(sys.argv[2]), warehouse={'url': sys.argv[3]})\n"
        "with open_warehouse(settings) as warehouse: load(warehouse, settings)\n"
    )
    return [sys.executable, "-c", script, str(bench.folder), str(drops), f"{_dsn(server)}?schema=shop"]


def _rows(bench: Bench) -> int:
    with _drop(bench).open("rb") as stream:
        return sum(1 for _ in stream) - 1


def _psql(bench: Bench) -> Any:
    with _server() as server:
        server.execute(f"CREATE TABLE raw ({_DECLARED})")
        with bench.timed():
            done = subprocess.run(
                ["psql", "--no-psqlrc", "-q", "-c", f"\\copy raw FROM '{_drop(bench)}' (FORMAT csv, HEADER)", _dsn(server)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
        assert not done.stderr, done.stderr
        return None


def _copy_from(bench: Bench) -> Any:
    import pandas as pd

    with _server() as server, closing(_connection(server)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE raw ({_DECLARED})")
        connection.commit()
        with bench.timed():
            frame = _frame(pd, bench)
            text = io.StringIO()
            frame.to_csv(text, index=False, header=False, sep="\t", na_rep="\\N")
            text.seek(0)
            cursor.copy_from(text, "raw")
            connection.commit()
    return None


def _to_sql(bench: Bench) -> Any:
    import pandas as pd
    import sqlalchemy

    with _server() as server:
        engine = sqlalchemy.create_engine(_dsn(server).replace("postgresql://", "postgresql+psycopg2://"))
        with bench.timed():
            _frame(pd, bench).to_sql("raw", engine, index=False, chunksize=10_000)
        engine.dispose()
    return None


def _dlt(bench: Bench) -> Any:
    import dlt

    def lines() -> Iterator[dict[str, str]]:
        with _drop(bench).open(newline="", encoding="utf-8") as stream:
            yield from csv.DictReader(stream)

    with _server() as server:
        pipeline = dlt.pipeline(
            "shop",
            pipelines_dir=str(bench.folder / "dlt"),
            destination=dlt.destinations.postgres(str(server.url("public")).partition("?")[0]),
            dataset_name="shop",
        )
        with bench.timed():
            pipeline.run(lines(), table_name="raw", write_disposition="append")
    return None


def _frame(pd: Any, bench: Bench) -> Any:
    texts = {name: "str" for name, kind in COLUMNS.items() if kind == "VARCHAR"}
    return pd.read_csv(_drop(bench), dtype=texts, parse_dates=["ordered_at"])


def _dsn(server: Any) -> str:
    """Without the password, which libpq takes from the environment, as Sahara would have it."""
    return f"postgresql://sahara@127.0.0.1:{server.port}/postgres"


def _connection(server: Any) -> Any:
    import psycopg2

    return psycopg2.connect(_dsn(server))


CASE = Case(
    number=1,
    name="postgres_load",
    title="Load into Postgres",
    sides=(
        Side("sahara", _sahara),
        Side("psql \\copy, no index", _psql, needs=("psql",)),
        Side("pandas and copy_from", _copy_from, needs=("pandas",)),
        Side("DataFrame.to_sql", _to_sql, needs=("pandas", "sqlalchemy")),
        Side("dlt", _dlt, needs=("dlt",)),
    ),
    goals=(
        Goal("sahara", "psql \\copy, no index", 1.4, "at most 1.4 × plain psql \\copy into an unindexed table"),
        Goal("sahara", "pandas and copy_from", 1 / 2.2, "at least 2.2 × faster than pandas and copy_from"),
        Goal("sahara", "DataFrame.to_sql", 1 / 18, "at least 18 × faster than DataFrame.to_sql"),
        Goal("sahara", "dlt", 1 / 3, "at least 3 × faster than dlt"),
        Goal(
            "sahara", "", 0.2, "an increment's cost grows with what is there to a power of at most 0.2", what=EXPONENT
        ),
    ),
    sizes={
        "smoke": [{"rows": 1_000, "base": 1_000}],
        "quick": [{"rows": 200_000, "base": 200_000}],
        "full": [{"rows": 1_000_000, "base": base} for base in (0, 1_000_000, 3_000_000, 10_000_000)],
    },
    prepare=_prepare,
    grows_by="base",
    note="Sahara loads beside `base` lines that are there, validates, keeps a ledger and rejects, and has its indexes; the peers copy into an empty table without any. The exponent is in the lines that are there.",
)
