"""What goes wrong around a load: a row in the ledger says so, the other drops are taken in, and the next run tries again what may go well.

Single broken drops are also in `test_loading.py` (changed, vanished, lost) and `test_packing.py` (damaged archives); servers that are
killed in `test_kill_postgres.py`.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import pwd
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest

from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import load_drops
from sahara_assets.errors import TryAgainError
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.warehouse.opening import warehouse_at
from sahara_assets.warehouse.postgres import PostgresWarehouse
from sahara_assets_tests.commands import ROOT, clean_environment
from sahara_assets_tests.postgres_server import UNPRIVILEGED
from sahara_assets_tests.small_shop import NOW, as_csv, line
from sahara_assets_tests.warehouse.conftest import PLACES, address_of  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WITHOUT_BIGQUERY = [place for place in PLACES if place != "bigquery"]
POSTGRES = [place for place in PLACES if place.startswith("postgres")]
HEADER = as_csv([line()]).splitlines()[0]
PATTERNS = {"drops": {"folder": "drops"}, "datasets": {"purchases": {"patterns": ["*"]}}}


class Shop:
    """A drop folder that anybody may look into, and a warehouse of any kind."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.folder = root / "drops"
        self.folder.mkdir()
        self.settings = parse_settings(PATTERNS, root=root, environment={"SAHARA_WAREHOUSE_URL": url})
        self.warehouse = warehouse_at(self.settings)
        self.warehouse.prepare()

    def deliver(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(self) -> dict[str, tuple[str, str | None]]:
        """Take in what is new; what the ledger says afterwards of the versions that count or want attention, by path."""
        load_drops(self.warehouse, self.settings, run_id="run", now=NOW)
        rows = [row for row in ledger_rows(self.warehouse) if row["status"] != "replaced"]
        assert len({row["path"] for row in rows}) == len(rows)
        return {row["path"]: (row["status"], row["reason"]) for row in rows}

    @property
    def orders(self) -> list[str]:
        return sorted(row["order_id"] for row in self.warehouse.rows(RAW_TABLES["purchases"]))


@pytest.fixture
def shop_at(address_of) -> Iterator[Callable[[str], Shop]]:  # noqa: F811 - the fixture
    with contextlib.ExitStack() as opened:

        def made(place: str) -> Shop:
            # Not pytest's own folder, which nobody but its owner may enter.
            root = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="sahara-shop-")))
            root.chmod(0o755)
            shop = Shop(root, address_of(place))
            opened.callback(shop.warehouse.close)
            return shop

        yield made


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Root may read everything: where the tests run as root they become somebody else for the block."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam(UNPRIVILEGED).pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


# --- drops that are broken -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", WITHOUT_BIGQUERY)
def test_every_kind_of_broken_drop_has_its_row_and_reason_the_others_load_and_mended_ones_follow(place, shop_at):
    shop = shop_at(place)
    broken = {
        "corrupt.csv.gz": (gzip.compress(as_csv([line(order="c")]).encode())[:-9], "corrupt or cut short"),
        "corrupt.zip": (b"PK\x03\x04 and no more", "the zip archive is corrupt"),
        "corrupt.parquet": (b"PAR1 and no more PAR1", "the Parquet file cannot be read"),
        "empty.csv": (b"", "the file has no header line"),
        "empty.csv.gz": (b"", "the file has no header line"),
        "half.csv": (b"order_id,customer_id\n1,2\n", "product_id"),
        "binary.csv": (bytes(range(256)) * 40, ""),
    }
    for name, (content, _) in broken.items():
        shop.deliver(name, content)
    shop.deliver("header_only.csv", HEADER + "\n")
    for number in range(3):
        shop.deliver(f"good{number}.csv", as_csv([line(order=str(number))]))
    for _ in range(2):
        told = shop.load()
        assert shop.orders == ["0", "1", "2"]
        assert told.pop("header_only.csv") == ("loaded", None)
        for name, (_, reason) in broken.items():
            status, said = told.pop(name)
            assert status == "rejected", name
            assert reason in (said or ""), name
            assert said
        assert {status for status, _ in told.values()} == {"loaded"}
        assert len(told) == 3
    for name in broken:
        shop.deliver(name, as_csv([line(order=name)]))
    told = shop.load()
    assert shop.orders == sorted(["0", "1", "2", *broken])
    assert {status for status, _ in told.values()} == {"loaded"}


@pytest.mark.parametrize("place", WITHOUT_BIGQUERY)
def test_a_drop_without_permission_has_its_row_and_loads_once_it_is_granted(place, shop_at):
    shop = shop_at(place)
    shop.deliver("good.csv", as_csv([line(order="1")]))
    shop.load()  # whatever must be imported is
    closed = shop.deliver("closed.csv", as_csv([line(order="2")]))
    closed.chmod(0)
    shop.deliver("other.csv", as_csv([line(order="3")]))
    with without_privileges():
        told = shop.load()
    assert told["closed.csv"][0] == "rejected"
    assert "cannot be read (Permission denied); check the file and its permissions" in told["closed.csv"][1]
    assert shop.orders == ["1", "3"]
    closed.chmod(0o644)
    with without_privileges():
        told = shop.load()
    assert told["closed.csv"] == ("loaded", None)
    assert shop.orders == ["1", "2", "3"]


@pytest.mark.parametrize("place", WITHOUT_BIGQUERY)
@pytest.mark.parametrize("how", ["cut short", "emptied", "grown"])
def test_a_drop_that_changes_its_length_while_it_is_read_has_its_row_and_loads_with_the_next_run(
    how, place, shop_at, monkeypatch
):
    from sahara_assets.drops import loading

    shop = shop_at(place)
    path = shop.deliver("a.csv", as_csv([line(order=str(number)) for number in range(1000)]))
    before = path.read_bytes()
    shop.deliver("b.csv", as_csv([line(order="b")]))
    read = loading._Loader._read

    def change_then_read(loader, tasks):
        # It was hashed a moment ago; now its sender writes it anew.
        if path.read_bytes() == before:
            with path.open("r+b") as stream:
                if how == "grown":
                    stream.seek(0, os.SEEK_END)
                    stream.write(b"x" * 100)
                else:
                    stream.truncate(20_000 if how == "cut short" else 0)
        return read(loader, tasks)

    monkeypatch.setattr(loading._Loader, "_read", change_then_read)
    told = shop.load()
    assert told["a.csv"] == ("rejected", "a.csv: changed while it was read; the next run takes it in")
    assert shop.orders == ["b"]
    monkeypatch.undo()
    path.write_text(as_csv([line(order="a")]))
    assert shop.load()["a.csv"] == ("loaded", None)
    assert shop.orders == ["a", "b"]


# --- no room ---------------------------------------------------------------------------------------------------------------------


def large() -> str:
    """Ten megabytes that pack badly."""
    drawn = random.Random(1)
    return as_csv([line(order=f"big-{n}", description=f"{drawn.getrandbits(400):x}") for n in range(60_000)])


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file may grow beyond that: writing behind it fails as on a disk that is full, only with another number."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("place", WITHOUT_BIGQUERY)
def test_a_drop_for_which_the_scratch_folder_has_no_room_has_its_row_and_the_others_load(place, shop_at):
    shop = shop_at(place)
    shop.deliver("big.csv", large())
    for number in range(2):
        shop.deliver(f"{'az'[number]}.csv", as_csv([line(order=str(number))]))
    with files_of_at_most(6 << 20):
        told = shop.load()
    assert told["big.csv"][0] == "rejected"
    assert "there is no room for it" in told["big.csv"][1]
    assert "point TMPDIR to another folder" in told["big.csv"][1]
    assert "the next run tries again" in told["big.csv"][1]
    assert shop.orders == ["0", "1"]
    assert {status for status, _ in shop.load().values()} == {"loaded"}
    assert len(shop.orders) == 60_002


_LOAD = """
import sys
from pathlib import Path
from sahara_assets_tests.drops.test_failures import NOW, PATTERNS
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import load_drops
from sahara_assets.errors import WarehouseError
from sahara_assets.settings.document import parse_settings
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
warehouse = DuckDBWarehouse(Path(sys.argv[1]) / "sahara.duckdb")
warehouse.prepare()
settings = parse_settings(PATTERNS, root=Path(sys.argv[2]))
try:
    report = load_drops(warehouse, settings, run_id="run", now=NOW)
except WarehouseError as error:
    print("ended:", error)
else:
    for row in ledger_rows(warehouse):
        print(row["path"], row["status"], row["rows_loaded"], row["reason"] or "")
warehouse.close()
"""


def may_mount() -> bool:
    """Whether a small disk can be had: as root, or as whoever may make a namespace in which one is root."""
    words = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(words, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.parametrize("disk", ["limit", *(["4m", "6m"] if may_mount() else [])])
def test_a_warehouse_without_room_keeps_what_it_has_says_so_and_takes_in_the_rest_once_there_is(disk, tmp_path):
    """On disks that are really full where they can be had, else by a limit on the size of a file.

    Where there is room for the ledger at least, it says so; where DuckDB cannot even put its file in order, the run ends and says so.
    """
    (tmp_path / "drops").mkdir()
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "drops" / "a.csv").write_text(as_csv([line(order="a")]))
    (tmp_path / "drops" / "big.csv").write_text(large())
    python = [sys.executable, "-c", _LOAD, str(place), str(tmp_path)]
    if disk == "limit":
        # In blocks of half a kilobyte. Whether the table or the scratch folder meets it first is DuckDB's affair.
        words = ["sh", "-c", '(ulimit -f 8000; "$@") && echo === && "$@"', "sh", *python]
    else:
        mounted = (
            f'mount -t tmpfs -o size={disk} tmpfs "$0" && "$@" && mount -o remount,size=200m "$0" && echo === && "$@"'
        )
        words = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, str(place), *python]
    done = subprocess.run(words, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    first, _, second = done.stdout.partition("===\n")
    refused = [row for row in first.splitlines() if row.startswith(("big.csv", "ended: "))]
    assert len(refused) == 1
    assert re.match(
        r"big\.csv rejected 0 big\.csv: there is no room for it|ended: DuckDB file sahara\.duckdb:.*make room",
        refused[0],
    )
    assert second.splitlines()[-2:] == ["a.csv loaded 1 ", "big.csv loaded 60000 "]


# --- a connection that is cut ----------------------------------------------------------------------------------------------------


def cut_before(warehouse: PostgresWarehouse, monkeypatch, beginnings: str, times: int) -> list[str]:
    """Cut the session from outside before statements that begin so, as an administrator or a dying server does; what was cut."""
    cut: list[str] = []
    dsn = warehouse._address.dsn
    methods = {"COPY": "_copy", "other": "_execute"}

    def wrap(name: str) -> None:
        inner = getattr(PostgresWarehouse, name)

        def outer(self, statement, *arguments):
            if len(cut) < times and str(statement).lstrip().startswith(beginnings):
                cut.append(str(statement))
                with contextlib.closing(psycopg2.connect(dsn)) as other:
                    other.autocommit = True
                    with other.cursor() as cursor:
                        cursor.execute("SELECT pg_terminate_backend(%s)", [self._connection.info.backend_pid])
            return inner(self, statement, *arguments)

        monkeypatch.setattr(PostgresWarehouse, name, outer)

    for name in methods.values():
        wrap(name)
    return cut


@pytest.mark.parametrize("place", POSTGRES)
@pytest.mark.parametrize("statement", ["COPY", "DELETE", "COMMIT"])
def test_a_load_whose_connection_is_cut_is_done_again_and_counts_once(statement, place, shop_at, monkeypatch):
    monkeypatch.setattr("sahara_assets.warehouse.base._PAUSES_SECONDS", (0.05,) * 20)
    shop = shop_at(place)
    shop.deliver("before.csv", as_csv([line(order="0")]))
    shop.load()
    shop.deliver("before.csv", as_csv([line(order="1"), line(order="0")]))
    shop.deliver("other.csv", as_csv([line(order="2")]))
    cut = cut_before(shop.warehouse, monkeypatch, statement, times=1)
    told = shop.load()
    assert len(cut) == 1
    assert shop.orders == ["0", "1", "2"]
    assert sorted(status for status, _ in told.values()) == ["loaded", "loaded"]


@pytest.mark.parametrize("place", POSTGRES)
def test_a_connection_that_is_cut_every_time_ends_the_run_with_nothing_half_done_and_the_next_run_loads(
    place, shop_at, monkeypatch
):
    monkeypatch.setattr("sahara_assets.warehouse.base._PAUSES_SECONDS", (0.05, 0.05))
    shop = shop_at(place)
    shop.deliver("a.csv", as_csv([line(order="1")]))
    cut_before(shop.warehouse, monkeypatch, "COPY", times=1_000)
    with pytest.raises(TryAgainError):
        shop.load()
    monkeypatch.undo()
    shop.warehouse.reconnect()
    assert shop.orders == []
    assert ledger_rows(shop.warehouse) == []
    assert shop.load() == {"a.csv": ("loaded", None)}
    assert shop.orders == ["1"]
