"""Drops in an object store through the whole pipeline: the same tables as from a local folder, the same laws, the same sensor."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from sahara_assets import automation
from sahara_assets.drops import buckets
from sahara_assets.drops.discovery import find_drops
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import load_drops
from sahara_assets.drops.verifying import verify_drops
from sahara_assets.errors import DropError
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets_tests.bell import Bell
from sahara_assets_tests.commands import sahara
from sahara_assets_tests.conftest import WITH_INSIGHTS
from sahara_assets_tests.equal_tables import compare, tables_of
from sahara_assets_tests.small_shop import NOW, SmallShop, as_csv, line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EMBEDDED = "duckdb:///sahara.duckdb"

# When it was uploaded is another time than when it was written, and what is built from the ledger says so.
_OF_THE_PLACE = {"drops": ("modified_at", "signature"), "builds": ("fingerprint",)}


def in_the_bucket(bucket, folder: Path, prefix: str = "shop/drops") -> str:
    """Upload a folder; returns the address of the copy."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            bucket.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    return bucket.address(prefix)


def without_place(tables):
    return {
        name: [{**row, **dict.fromkeys(_OF_THE_PLACE.get(name, ()))} for row in rows] for name, rows in tables.items()
    }


# --- the whole pipeline ----------------------------------------------------------------------------------------------------------


def test_a_shop_in_a_bucket_gives_the_tables_and_files_of_a_local_one(bucket, finished_project, tmp_path):
    address = in_the_bucket(bucket, finished_project / "data")
    (tmp_path / "sahara.toml").write_text(f'{WITH_INSIGHTS}\n[drops]\nfolder = "{address}"\n')
    outcome = sahara("run", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    compare(
        without_place(tables_of(tmp_path / "sahara.toml", EMBEDDED)),
        without_place(tables_of(finished_project / "sahara.toml", EMBEDDED)),
    )
    for path in (finished_project / "exports").glob("*.csv"):
        assert (tmp_path / "exports" / path.name).read_bytes() == path.read_bytes()
    # A second run finds nothing new, and opens no object to find that out.
    bucket.gate.asked.clear()
    assert sahara("run", "--json", cwd=tmp_path).json["anything_new"] is False
    assert [asked for asked in bucket.gate.asked if asked.wanted or asked.method == "HEAD"] == []


def test_init_and_peek_look_into_a_bucket_as_into_a_folder(bucket, made_shop, tmp_path):
    address = in_the_bucket(bucket, made_shop)
    here, there = tmp_path / "here.toml", tmp_path / "there.toml"
    assert sahara("init", str(made_shop), "--out", str(here), cwd=tmp_path).code == 0
    assert sahara("init", address, "--out", str(there), cwd=tmp_path).code == 0
    differing = [
        pair
        for pair in zip(here.read_text().splitlines(), there.read_text().splitlines(), strict=True)
        if pair[0] != pair[1]
    ]
    assert differing == [(f'folder = "{made_shop}"', f'folder = "{address}"')]
    file = min((made_shop / "purchases").glob("*.csv"))
    looked = [
        sahara("peek", place, "--json", cwd=tmp_path).json for place in (str(file), f"{address}/purchases/{file.name}")
    ]
    assert [table.pop("path") for table in looked] == [str(file), f"{address}/purchases/{file.name}"]
    assert looked[0] == looked[1]


def test_commands_say_what_they_cannot_do_with_an_address(bucket, tmp_path):
    bucket.put("drops/notes.md", "x")
    said = {
        (
            "init",
            bucket.address("drops"),
            bucket.address("others"),
        ): "of an object store, name one folder and nothing else",
        ("init", bucket.address("drops")): f"{bucket.address('drops/')}: the folder holds no CSV file",
        (
            "init",
            "ftp://elsewhere/drops",
        ): "no drops can be read from ftp://; this version knows local folders, s3:// and gs://",
        (
            "peek",
            f"{bucket.scheme}://{bucket.secret}@{bucket.name}/a.csv",
        ): "has more than a bucket's name before its first slash",
        ("peek", bucket.address("drops/a.csv")): f"{bucket.address('drops/a.csv')}: there is no such object",
    }
    for words, sentence in said.items():
        outcome = sahara(*words, cwd=tmp_path)
        assert outcome.code == 2
        assert sentence in outcome.err
        assert bucket.secret not in outcome.err
    (tmp_path / "sahara.toml").write_text(f'[drops]\nfolder = "{bucket.address("drops")}"\n')
    outcome = sahara("generate", "--config", "sahara.toml", cwd=tmp_path)
    assert (outcome.code, "is no folder of this machine; name one with --out" in outcome.err) == (2, True)


# --- the laws --------------------------------------------------------------------------------------------------------------------


class BucketShop(SmallShop):
    """A small shop whose drops lie in a bucket."""

    def __init__(self, root, bucket):
        self.bucket = bucket
        super().__init__(root)

    def set(self, **settings):
        super().set(**{"drops": {"folder": self.bucket.address("drops")}, **settings})

    def deliver(self, path, rows):
        self.bucket.put(f"drops/{path}", rows if isinstance(rows, str) else as_csv(rows))

    def take_away(self, path):
        self.bucket.delete(f"drops/{path}")

    @property
    def orders(self):
        return sorted(row["order_id"] for row in self.rows(RAW_TABLES["purchases"]))

    @property
    def ledger(self):
        return {row["path"]: (row["status"], row["reason"]) for row in ledger_rows(self.warehouse)}


@pytest.fixture
def shop(tmp_path, bucket) -> Iterator[BucketShop]:
    made = BucketShop(tmp_path, bucket)
    yield made
    made.warehouse.close()


def order_lines(*orders):
    return [line(order=str(order)) for order in orders]


def acts(report):
    return [(outcome.path, outcome.act, outcome.status) for outcome in report.outcomes]


def test_the_same_content_uploaded_again_is_known_without_being_loaded(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    assert acts(shop.load()) == [("purchases/a.csv", "load", "loaded")]
    (before,) = ledger_rows(shop.warehouse)
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    assert acts(shop.load()) == []
    (after,) = ledger_rows(shop.warehouse)
    assert (after["drop_id"], after["run_id"], shop.orders) == (before["drop_id"], before["run_id"], ["1", "2"])
    shop.bucket.gate.asked.clear()
    shop.load()
    assert shop.bucket.reads_of("a.csv") == []


def test_a_renamed_object_is_one_content_under_two_names(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    shop.load()
    shop.take_away("purchases/a.csv")
    shop.deliver("purchases/b.csv", order_lines(1, 2))
    assert acts(shop.load()) == [("purchases/b.csv", "repeat", "loaded")]
    assert shop.orders == ["1", "2"]
    assert sorted(shop.ledger) == ["purchases/a.csv", "purchases/b.csv"]


def test_a_local_folder_that_moves_into_a_bucket_is_known_there(bucket, tmp_path):
    shop = SmallShop(tmp_path)
    for name in ("a", "b"):
        shop.deliver(f"purchases/{name}.csv", order_lines(name))
    assert len(shop.load().outcomes) == 2
    shop.set(drops={"folder": in_the_bucket(bucket, shop.folder)})
    assert shop.load().outcomes == []
    assert sorted(row["order_id"] for row in shop.rows(RAW_TABLES["purchases"])) == ["a", "b"]
    shop.warehouse.close()


def test_another_content_of_equal_size_under_a_known_name_replaces_it(shop):
    shop.deliver("purchases/a.csv", [*order_lines(1, 2, 3, 4, 5), line(order="6")])
    shop.load()
    shop.deliver("purchases/a.csv", [*order_lines(1, 2, 3, 4, 5), line(order="7")])
    assert acts(shop.load()) == [("purchases/a.csv", "load", "loaded")]
    assert shop.orders == ["1", "2", "3", "4", "5", "7"]


def test_an_object_overwritten_while_it_is_read_is_refused_and_taken_in_by_the_next_run(shop, monkeypatch):
    monkeypatch.setattr(buckets, "BLOCK_BYTES", 200)
    shop.deliver("purchases/a.csv", order_lines(*range(100, 120)))
    shop.deliver("purchases/b.csv", order_lines(1))

    def overwrite(asked):
        # At the second time that its third block is read: it has been inspected, and is being loaded.
        third = [a for a in shop.bucket.reads_of("a.csv") if a.wanted[0] == 400]
        if asked.wanted and asked.target.endswith("a.csv") and asked.wanted[0] == 400 and len(third) == 2:
            shop.bucket.gate.first = None
            shop.deliver("purchases/a.csv", order_lines(*range(200, 220)))

    shop.bucket.gate.first = overwrite
    shop.load()
    assert shop.bucket.gate.first is None
    assert shop.orders == ["1"]
    assert shop.ledger["purchases/a.csv"] == ("rejected", "a.csv: changed while it was read; the next run takes it in")
    shop.load()
    assert shop.orders == sorted(["1", *map(str, range(200, 220))])
    assert shop.ledger["purchases/a.csv"] == ("loaded", None)


def test_an_object_that_was_uploaded_a_moment_ago_can_be_left_alone_for_a_while(shop):
    shop.deliver("purchases/a.csv", order_lines(1))
    shop.set(drops={"folder": shop.bucket.address("drops"), "settle_seconds": 600.0})
    (file,) = find_drops(shop.settings)
    loaded = [
        load_drops(shop.warehouse, shop.settings, run_id="x", now=file.modified_at + timedelta(seconds=age))
        for age in (599, 601)
    ]
    assert ([report.left_alone for report in loaded], shop.orders) == ([["purchases/a.csv"], []], ["1"])


def test_a_prefix_that_vanishes_is_an_error_and_retracts_nothing(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    shop.load()
    shop.take_away("purchases/a.csv")
    with pytest.raises(DropError, match="there is no such drop folder"):
        shop.load()
    assert shop.orders == ["1", "2"]
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    assert acts(shop.load()) == []


def test_an_object_that_cannot_be_had_has_its_row_and_the_others_load(shop, hasty):
    for number in range(4):
        shop.deliver(f"purchases/{number}.csv", order_lines(number))
    gate = shop.bucket.gate
    # It was inspected like the others, and is refused when it is loaded.
    gate.instead = lambda asked: (
        shop.bucket.busy(asked) if asked.target.endswith("1.csv") and len(shop.bucket.reads_of("1.csv")) > 1 else None
    )
    shop.load()
    assert shop.orders == ["0", "2", "3"]
    status, reason = shop.ledger["purchases/1.csv"]
    assert (status, reason.startswith(f"1.csv: {shop.bucket.scheme}://{shop.bucket.name} answers: ")) == (
        "rejected",
        True,
    )
    gate.instead = None
    shop.load()
    assert shop.orders == ["0", "1", "2", "3"]


def test_a_store_that_dies_in_the_middle_of_a_load_costs_this_run_and_no_more(shop, hasty):
    gate = shop.bucket.gate
    for number in range(6):
        shop.deliver(f"purchases/{number}.csv", order_lines(number))

    def die(asked):
        # All were inspected, and the second is being loaded.
        if len(shop.bucket.reads_of("1.csv")) > 1:
            gate.close()

    gate.first = die
    shop.load()
    assert shop.orders == []
    assert len(shop.ledger) == 6
    for path, (status, reason) in shop.ledger.items():
        assert status == "rejected"
        assert reason.startswith(
            f"{path.removeprefix('purchases/')}: {shop.bucket.scheme}://{shop.bucket.name} does not answer"
        )
        assert reason.endswith("; the next run tries again")
    gate.open()
    shop.load()
    assert shop.orders == ["0", "1", "2", "3", "4", "5"]
    assert set(shop.ledger.values()) == {("loaded", None)}


def test_a_server_that_dies_while_it_is_listed_or_looked_at_leaves_everything_as_it_was(shop, hasty):
    shop.deliver("purchases/a.csv", order_lines(1))
    shop.load()
    shop.deliver("purchases/b.csv", order_lines(2))
    shop.bucket.gate.close()
    with pytest.raises(DropError, match=r"does not answer: .*; the next run tries again"):
        shop.load()
    assert (shop.orders, sorted(shop.ledger)) == (["1"], ["purchases/a.csv"])
    shop.bucket.gate.open()
    shop.load()
    assert shop.orders == ["1", "2"]


def test_verify_reads_every_object_again(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    shop.deliver("purchases/b.csv", order_lines(3))
    shop.load()
    verified = verify_drops(shop.warehouse, shop.settings, now=NOW)
    assert (verified.drops, verified.rows, verified.differences) == (2, 3, [])
    shop.take_away("purchases/b.csv")
    assert verify_drops(shop.warehouse, shop.settings, now=NOW).only_counted == ["purchases/b.csv"]


# --- the sensor ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bell(tmp_path, bucket) -> Iterator[Bell]:
    """A project with two drops in a bucket that nothing has loaded yet."""
    (tmp_path / "sahara.toml").write_text(f'[drops]\nfolder = "{bucket.address("drops")}"\n')
    for day in (1, 2):
        bucket.put(f"drops/purchases/{day}.csv", "order_id\n1\n")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Bell(tmp_path, instance)


def test_the_sensor_rings_for_what_is_new_renamed_or_replaced_and_for_nothing_else(bell, bucket):
    bell.start_and_succeed(bell.rings())
    assert bell.silence() == "nothing new among 2 drops"
    for change in (
        lambda: bucket.put("drops/purchases/3.csv", "order_id\n3\n"),
        lambda: bucket.put("drops/purchases/3.csv", "order_id\n4\n"),
        lambda: bucket.delete("drops/purchases/3.csv"),
        lambda: bucket.put("drops/purchases/4.csv", "order_id\n4\n"),
    ):
        change()
        bell.start_and_succeed(bell.rings())
        assert bell.silence().startswith("nothing new among ")
    bucket.put("drops/purchases/5.csv.part", "order_id\n")
    bucket.put("drops/elsewhere/5.csv", "order_id\n")
    assert bell.silence() == "nothing new among 3 drops"


def test_a_tick_lists_the_bucket_once_and_opens_nothing(bell, bucket):
    bucket.gate.asked.clear()
    bell.start_and_succeed(bell.rings())
    bell.silence()
    assert len(bucket.listings()) == len(bucket.gate.asked) == 2


def test_a_store_that_is_away_or_closed_to_us_does_not_stop_the_sensor(bell, bucket, hasty):
    bell.start_and_succeed(bell.rings())
    bucket.gate.instead = bucket.deny
    assert bell.silence().startswith(f"the drop folder cannot be read: {bucket.address('drops/')}: access denied")
    bucket.gate.close()
    assert f"{bucket.scheme}://{bucket.name} does not answer" in bell.silence()
    bucket.gate.open()
    assert bell.silence() == "nothing new among 2 drops"
    bucket.put("drops/purchases/3.csv", "order_id\n3\n")
    bell.rings()


def test_what_could_not_be_read_rings_again_although_nothing_in_the_bucket_changed(bell, bucket, monkeypatch):
    bucket.put("drops/purchases/1.csv", as_csv(order_lines(1)))
    bucket.gate.instead = lambda asked: bucket.deny(asked) if asked.target.endswith("/1.csv") else None
    first = bell.rings()
    bell.load()
    ((path, reason),) = [(row["path"], row["reason"]) for row in bell.ledger() if not row["drop_id"]]
    assert (path, reason.startswith("1.csv: access denied")) == ("purchases/1.csv", True)
    bell.start_and_succeed(first)
    assert bell.silence().startswith("1 drop could not be read; the next try is in ")
    bucket.gate.instead = None  # somebody gave the permission
    monkeypatch.setattr(automation, "FIRST_PAUSE", timedelta(0))
    second = bell.rings()
    bell.load()
    assert [row["path"] for row in bell.ledger() if not row["drop_id"]] == []
    bell.start_and_succeed(second)
    assert bell.silence() == "nothing new among 2 drops"
