"""Run the fake in a process of its own: prints its address on a line, then serves until it is ended.

`python -m sahara_assets_tests.fake_bigquery --port 0 [--data FILE]`
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from sahara_assets_tests.fake_bigquery.server import FakeBigQuery


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sahara_assets_tests.fake_bigquery", description="A BigQuery for tests, on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--data", type=Path, default=None, help="the DuckDB file that keeps the data; in memory without"
    )
    chosen = parser.parse_args()
    ended = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: ended.set())
    with FakeBigQuery(chosen.data, chosen.port) as fake:
        sys.stdout.write(f"{fake.address}\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
