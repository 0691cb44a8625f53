"""A load of Online Retail into Postgres, killed at random points: the process that loads, and the server that takes the rows.

Both are really killed (SIGKILL; of the server its postmaster, whose children then go by themselves). The next run must reach the tables
that an undisturbed load gives: every raw row, every reject, every line of the ledger.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg2
import pytest

from sahara_assets_tests.postgres_server import PostgresServer, binaries

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "online_retail"
PACKAGE = Path(__file__).resolve().parents[1]
pytestmark = [pytest.mark.real_data, pytest.mark.timeout(600)]

# Transactions of a few drops, so that kills fall between commits as well as into one.
LOAD = """
import sys
from datetime import datetime
from pathlib import Path
from sahara_assets.drops import loading
from sahara_assets.settings.document import load_settings
from sahara_assets.warehouse.opening import open_warehouse
loading.TRANSACTION_BYTES = 4 * 1024 * 1024
settings = load_settings(Path(sys.argv[1]))
with open_warehouse(settings, wait_seconds=60) as warehouse:
    print("begins", flush=True)
    report = loading.load_drops(
        warehouse, settings, run_id="run", now=datetime(2026, 1, 1), progress=lambda *done: print(*done, flush=True)
    )
print("read", report.rows_read, flush=True)
"""

CONFIG = """
[drops]
folder = "{folder}"
[datasets.purchases]
patterns = ["*.csv"]
[datasets.purchases.columns]
order_id = "InvoiceNo"
customer_id = "CustomerID"
product_id = "StockCode"
description = "Description"
quantity = "Quantity"
unit_price = "UnitPrice"
ordered_at = "InvoiceDate"
country = "Country"
"""


class Load:
    """A load in a process of its own, with what it has printed so far."""

    def __init__(self, config, url):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SAHARA_", "COV_"))}
        environment |= {"PYTHONPATH": str(PACKAGE), "SAHARA_WAREHOUSE_URL": url}
        self.process = subprocess.Popen(
            [sys.executable, "-c", LOAD, str(config)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )  # fmt: skip
        self.lines, self._moved = [], threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(pipe,)) for pipe in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe):
        for line in pipe:
            with self._moved:
                self.lines.append(line)
                self._moved.notify_all()
        # Its last word comes before its end, and nothing comes after that to wake whoever waits for either.
        self.process.wait(timeout=300)
        with self._moved:
            self._moved.notify_all()

    def wait_for(self, lines, seconds):
        """Wait until it has printed so many lines, and a while longer, or has ended."""
        with self._moved:
            self._moved.wait_for(lambda: len(self.lines) >= lines or self.process.poll() is not None, timeout=120)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def end(self):
        """Wait for its end; True where it was a good one."""
        code = self.process.wait(timeout=300)
        for reader, pipe in zip(self._readers, (self.process.stdout, self.process.stderr), strict=True):
            reader.join()
            pipe.close()
        return code == 0


@pytest.fixture(scope="module")
def server():
    started = PostgresServer(binaries()[next(iter(binaries()))])
    yield started
    started.stop()


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    if not REAL.is_dir():
        pytest.skip("../shared/data/online_retail is not there")
    path = tmp_path_factory.mktemp("online_retail") / "sahara.toml"
    path.write_text(CONFIG.format(folder=REAL))
    return path


def contents(server, schema):
    """Counts and sums of row hashes: equal for equal rows in any order."""
    found = {}
    with psycopg2.connect(server.url("public").partition("?")[0]) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {schema}")
        for table, leaving in (("raw_purchases", []), ("rejected_rows", []), ("drops", ["loaded_at", "run_id"])):
            cursor.execute(
                f"SELECT count(*), sum(hashtextextended((to_jsonb(t) - %s::text[])::text, 0)) FROM {table} t", [leaving]
            )
            found[table] = cursor.fetchone()
    return found


@pytest.fixture(scope="module")
def undisturbed(server, config):
    load = Load(config, server.url("undisturbed"))
    assert load.end(), "".join(load.lines)
    found = contents(server, "undisturbed")
    assert found["raw_purchases"][0] == 541_909
    return found


def killed(server, config, undisturbed, seed, what):
    """One kill and the run after it."""
    draws = random.Random(f"{what} {seed}")
    schema = f"killed_{what}_{seed}"
    load = Load(config, server.url(schema))
    load.wait_for(draws.randrange(1, 11), draws.random())
    if what == "process":
        load.process.send_signal(signal.SIGKILL)
        load.end()
    else:
        server.kill()
        load.wait_for(0, draws.random())
        server.start()
        load.end()  # it may have waited for the server and gone on by itself, or have given up
    after = Load(config, server.url(schema))
    assert after.end(), "".join(after.lines)
    assert contents(server, schema) == undisturbed
    server.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.parametrize("what", ["process", "server"])
def test_after_three_kills_the_next_run_reaches_what_an_undisturbed_one_does(server, config, undisturbed, what):
    for seed in range(3):
        killed(server, config, undisturbed, seed, what)


@pytest.mark.long
@pytest.mark.timeout(2 * 3600)
@pytest.mark.parametrize("what", ["process", "server"])
def test_after_thirty_kills_too(server, config, undisturbed, what, long_count):
    for seed in range(100, 130):
        killed(server, config, undisturbed, seed, what)
    of = {"process": "the process that loads", "server": "the server (SIGKILL to the postmaster)"}[what]
    long_count(
        f"A load of Online Retail into Postgres, {of} killed at a random point; the next run ends with equal tables",
        "30 kills",
    )
