"""Single stories of drops that a random history would seldom tell, and what happens when a load is broken off in the middle."""

import gzip
import os
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from sahara_assets.drops.ledger import allow_drops, forget_drops, ledger_rows
from sahara_assets.drops.loading import load_drops, plan_load
from sahara_assets.tables.books import DROPS, REJECTED_ROWS
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets_tests.small_shop import NOW, SmallShop, line

DAY = timedelta(days=1)
CORRECTED = {"purchases": {"date_formats": ["%d/%m/%Y %H:%M"]}}


@pytest.fixture
def shop(tmp_path):
    return SmallShop(tmp_path)


def order_lines(*orders, **more):
    return [line(order=str(order), **more) for order in orders]


def orders(shop):
    return sorted(row["order_id"] for row in shop.rows(RAW_TABLES["purchases"]))


def statuses(shop):
    return {(row["path"], row["status"]) for row in ledger_rows(shop.warehouse)}


def status_of(shop, path):
    return sorted(row["status"] for row in ledger_rows(shop.warehouse) if row["path"] == path)


def age(path, moment):
    seconds = moment.replace(tzinfo=UTC).timestamp()
    os.utime(path, (seconds, seconds))
    return path


def books(shop):
    """Every table that a load writes, without when and by which run it was written."""
    aside = {"loaded_at", "run_id", "signature"}
    tables = [*RAW_TABLES.values(), DROPS, REJECTED_ROWS]
    return {
        table.name: [{k: v for k, v in row.items() if k not in aside} for row in shop.rows(table)] for table in tables
    }


def agree(shop):
    """The ledger points at exactly what the raw tables hold, with the right counts."""
    for dataset, table in RAW_TABLES.items():
        held = [row["_drop_id"] for row in shop.rows(table)]
        loaded = {
            r["drop_id"]: r for r in ledger_rows(shop.warehouse) if (r["dataset"], r["status"]) == (dataset, "loaded")
        }
        assert set(held) <= set(loaded)
        assert {d: r["rows_loaded"] for d, r in loaded.items()} == {d: held.count(d) for d in loaded}
        assert all(r["rows_read"] == r["rows_loaded"] + r["rows_rejected"] for r in loaded.values())


# --- versions of a path ----------------------------------------------------------------------------------------------------------


def test_a_path_that_goes_back_to_its_first_content_ends_where_it_began(shop):
    for orders_of_day in ((1, 2, 3, 4, 5), (1, 2, 3, 4, 5, 6), (1, 2, 3, 4, 5)):
        shop.deliver("purchases/a.csv", order_lines(*orders_of_day))
        shop.load()
        assert orders(shop) == [str(order) for order in orders_of_day]
        agree(shop)
    assert status_of(shop, "purchases/a.csv") == ["loaded", "replaced"]


def test_a_path_that_takes_the_content_of_another_leaves_that_content_once(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2, 3, 4, 5))
    shop.deliver("purchases/b.csv", order_lines(1, 2, 3, 4, 5, 6))
    shop.load()
    shop.deliver("purchases/a.csv", order_lines(1, 2, 3, 4, 5, 6))
    report = shop.load()
    assert (report.rows_read, report.rows_loaded) == (0, 0)
    assert orders(shop) == ["1", "2", "3", "4", "5", "6"]
    agree(shop)


def test_of_two_paths_with_one_content_the_other_keeps_it_when_one_is_replaced(shop):
    for path in ("purchases/a.csv", "purchases/b.csv"):
        shop.deliver(path, order_lines(1, 2, 3, 4, 5))
    shop.load()
    shop.deliver("purchases/a.csv", order_lines(2, 3, 4, 5, 6))
    shop.load()
    assert orders(shop) == ["1", "2", "2", "3", "3", "4", "4", "5", "5", "6"]
    shop.deliver("purchases/b.csv", order_lines(2, 3, 4, 5, 6))
    shop.load()
    assert orders(shop) == ["2", "3", "4", "5", "6"]
    agree(shop)


def test_a_rotated_file_keeps_its_rows_under_its_new_name(shop):
    first = shop.deliver("purchases/today.csv", order_lines(1, 2, 3, 4, 5))
    shop.load()
    first.rename(first.with_name("yesterday.csv"))
    shop.deliver("purchases/today.csv", order_lines(1, 2, 3, 4, 5, 6))
    shop.load()
    assert orders(shop) == ["1", "1", "2", "2", "3", "3", "4", "4", "5", "5", "6"]
    agree(shop)


def test_files_that_swap_their_contents_lose_nothing(shop):
    one = shop.deliver("purchases/a.csv", order_lines(1, 2, 3, 4, 5))
    other = shop.deliver("purchases/b.csv", order_lines(1, 2, 3, 4, 5, 6))
    shop.load()
    one.rename(one.with_name("c"))
    other.rename(one)
    one.with_name("c").rename(other)
    shop.load()
    assert orders(shop) == ["1", "1", "2", "2", "3", "3", "4", "4", "5", "5", "6"]
    assert status_of(shop, "purchases/a.csv") == status_of(shop, "purchases/b.csv") == ["loaded", "replaced"]
    agree(shop)


def test_a_refused_new_version_leaves_the_old_rows_in_force(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    shop.load()
    shop.deliver("purchases/a.csv", "order_id,customer_id\n1,ann\n")
    report = shop.load()
    assert [(o.status, o.rows_loaded) for o in report.outcomes] == [("rejected", 0)]
    assert "lacks 'product_id'" in report.outcomes[0].reason
    assert orders(shop) == ["1", "2"]
    assert shop.load().outcomes == []
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    shop.load()
    assert status_of(shop, "purchases/a.csv") == ["loaded", "replaced"]
    assert shop.rows(REJECTED_ROWS) == []


def test_a_growing_file_that_is_appended_counts_each_line_once(shop):
    shop.set(datasets={"purchases": {"same_path": "append"}})
    for last in (2, 3, 5):
        shop.deliver("purchases/orders.csv", order_lines(*range(1, last + 1)))
        shop.build()
    assert len(shop.rows(RAW_TABLES["purchases"])) == 2 + 3 + 5
    assert sorted(row["order_id"] for row in shop.warehouse.rows(_purchases())) == ["1", "2", "3", "4", "5"]


def test_a_file_that_is_overwritten_every_day_keeps_every_day_where_it_is_appended(shop):
    shop.set(datasets={"purchases": {"same_path": "append"}})
    for day in (1, 2, 3):
        shop.deliver("purchases/orders.csv", order_lines(day))
        shop.load()
    assert orders(shop) == ["1", "2", "3"]
    shop.set(datasets={"purchases": {"same_path": "replace"}})
    assert shop.load().outcomes == []
    assert orders(shop) == ["1", "2", "3"]
    shop.deliver("purchases/orders.csv", order_lines(4))
    assert shop.load().held == ["purchases/orders.csv"]
    shop.deliver("purchases/orders.csv", order_lines(1, 2, 3, 4))
    assert shop.load().held == []
    assert orders(shop) == ["1", "2", "3", "4"]
    agree(shop)


def _purchases():
    from sahara_assets.tables.sales import PURCHASES

    return PURCHASES


# --- held, allowed, forgotten ----------------------------------------------------------------------------------------------------


def test_a_replacement_is_held_above_a_fifth_of_lacking_lines_and_not_at_it(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2, 3, 4, 5))
    shop.deliver("purchases/b.csv", order_lines(11, 12, 13, 14, 15))
    shop.load()
    shop.deliver("purchases/a.csv", order_lines(2, 3, 4, 5, 6, 7, 8))
    shop.deliver("purchases/b.csv", order_lines(13, 14, 15, 16, 17, 18))
    report = shop.load()
    assert report.held == ["purchases/b.csv"]
    assert orders(shop) == ["11", "12", "13", "14", "15", "2", "3", "4", "5", "6", "7", "8"]
    (held,) = [row for row in ledger_rows(shop.warehouse) if row["status"] == "held"]
    assert held["reason"].startswith("lacks 2 of the 5 lines of the version it replaces (more than 20%)")
    assert (held["rows_read"], held["rows_loaded"], held["rows_rejected"]) == (6, 0, 6)
    assert shop.load().held == ["purchases/b.csv"]
    agree(shop)


def test_lines_that_stand_twice_must_stand_twice_again(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 1, 1, 2))
    shop.load()
    shop.deliver("purchases/a.csv", order_lines(1, 2, 3, 4))
    assert shop.load().held == ["purchases/a.csv"]


def test_an_allowed_replacement_goes_in_with_the_next_run(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2, 3))
    shop.load()
    shop.deliver("purchases/a.csv", order_lines(4))
    shop.load()
    allow_drops(shop.warehouse, ["purchases/a.csv"])
    assert orders(shop) == ["1", "2", "3"]
    report = shop.load()
    assert (orders(shop), report.held) == (["4"], [])
    assert status_of(shop, "purchases/a.csv") == ["loaded", "replaced"]


def test_a_newer_version_ends_the_waiting_of_a_held_one(shop):
    for content in ((1, 2, 3), (4,), (1, 2, 3, 4)):
        shop.deliver("purchases/a.csv", order_lines(*content))
        shop.load()
    assert orders(shop) == ["1", "2", "3", "4"]
    assert status_of(shop, "purchases/a.csv") == ["loaded", "replaced", "replaced"]


def test_a_held_version_that_is_taken_back_blocks_nothing_any_more(shop):
    for content in ((1, 2, 3), (4,), (1, 2, 3)):
        shop.deliver("purchases/a.csv", order_lines(*content))
        report = shop.load()
    assert report.held == []
    assert status_of(shop, "purchases/a.csv") == ["loaded", "replaced"]


def test_a_content_that_is_held_at_one_path_counts_at_another_that_is_new(shop):
    shop.deliver("purchases/b.csv", order_lines(1, 2, 3))
    shop.load()
    for path in ("purchases/b.csv", "purchases/c.csv"):
        shop.deliver(path, order_lines(4))
    report = shop.load()
    assert report.held == ["purchases/b.csv"]
    assert orders(shop) == ["1", "2", "3", "4"]
    agree(shop)
    allow_drops(shop.warehouse, ["purchases/b.csv"])
    assert shop.load().rows_read == 0
    assert orders(shop) == ["4"]
    agree(shop)


def test_a_held_version_goes_in_once_its_path_means_append(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2, 3))
    shop.load()
    shop.deliver("purchases/a.csv", order_lines(4))
    shop.load()
    shop.set(datasets={"purchases": {"same_path": "append"}})
    assert shop.load().held == []
    assert orders(shop) == ["1", "2", "3", "4"]


def test_forgetting_one_of_two_paths_leaves_the_rows_and_forgetting_both_takes_them(shop):
    for path in ("purchases/a.csv", "purchases/b.csv"):
        shop.deliver(path, order_lines(1, 2))
    shop.load()
    forget_drops(shop.warehouse, ["purchases/a.csv"])
    assert orders(shop) == ["1", "2"]
    forget_drops(shop.warehouse, ["purchases/b.csv"])
    assert orders(shop) == []
    shop.load()
    assert orders(shop) == []


def test_a_forgotten_content_stays_out_however_often_it_comes_and_another_one_loads(shop):
    file = shop.deliver("purchases/a.csv", order_lines(1, 2))
    shop.load()
    forget_drops(shop.warehouse, ["purchases/a.csv"])
    file.unlink()
    shop.load()
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    assert shop.load().outcomes == []
    assert orders(shop) == []
    shop.deliver("purchases/a.csv", order_lines(1, 2, 3))
    shop.load()
    assert orders(shop) == ["1", "2", "3"]
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    shop.load()
    assert orders(shop) == ["1", "2", "3"]


def test_allowing_a_held_version_does_not_bring_back_a_forgotten_one(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2, 3))
    shop.load()
    forget_drops(shop.warehouse, ["purchases/a.csv"])
    shop.deliver("purchases/a.csv", order_lines(4, 5, 6))
    shop.load()
    shop.deliver("purchases/a.csv", order_lines(7))
    shop.load()
    allow_drops(shop.warehouse, ["purchases/a.csv"])
    shop.load()
    shop.deliver("purchases/a.csv", order_lines(1, 2, 3))
    shop.load()
    assert orders(shop) == ["7"]


def test_forgetting_a_held_version_leaves_the_good_one_in_force(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2, 3))
    shop.load()
    shop.deliver("purchases/a.csv", order_lines(4))
    shop.load()
    forget_drops(shop.warehouse, ["purchases/a.csv"])
    assert shop.load().held == []
    assert orders(shop) == ["1", "2", "3"]
    forget_drops(shop.warehouse, ["purchases/a.csv"])
    assert orders(shop) == []


# --- settings --------------------------------------------------------------------------------------------------------------------


def test_a_corrected_date_format_reaches_every_row_and_every_path(shop):
    for path in ("purchases/a.csv", "purchases/b.csv"):
        shop.deliver(path, order_lines(1, 2, at="03/04/2025 10:00"))
    assert shop.load().rows_rejected == 2
    shop.set(datasets=CORRECTED)
    report = shop.load()
    assert [(o.act, o.path, o.rows_loaded) for o in report.outcomes] == [("read again", "purchases/a.csv", 2)]
    assert {row["ordered_at"] for row in shop.rows(RAW_TABLES["purchases"])} == {datetime(2025, 4, 3, 10)}
    assert shop.rows(REJECTED_ROWS) == []
    assert [(r["status"], r["rows_loaded"]) for r in ledger_rows(shop.warehouse)] == [("loaded", 2), ("loaded", 2)]
    assert shop.load().outcomes == []
    agree(shop)


def test_rows_whose_file_is_gone_stay_as_they_were_read_and_are_called_stale(shop):
    gone = shop.deliver("purchases/a.csv", order_lines(1))
    shop.load()
    gone.unlink()
    shop.set(datasets=CORRECTED)
    for _ in range(2):
        assert len(shop.load().stale) == 1
        assert orders(shop) == ["1"]
    shop.deliver("purchases/elsewhere.csv", order_lines(1))
    report = shop.load()
    assert (report.stale, orders(shop), report.rows_rejected) == ([], [], 1)
    agree(shop)


def test_settings_that_make_a_drop_unreadable_and_back_bring_its_rows_back(shop):
    shop.deliver("purchases/a.csv", order_lines(1, 2))
    shop.load()
    shop.set(datasets={"purchases": {"columns": {"order_id": "Bestellung"}}})
    shop.load()
    assert (orders(shop), status_of(shop, "purchases/a.csv")) == ([], ["rejected"])
    shop.set()
    shop.load()
    assert (orders(shop), status_of(shop, "purchases/a.csv")) == (["1", "2"], ["loaded"])
    assert shop.rows(REJECTED_ROWS) == []


def test_settings_that_do_not_reach_the_rows_read_nothing_again(shop):
    shop.deliver("purchases/a.csv", order_lines(1))
    shop.load()
    shop.set(
        project={"seed": 7, "name": "Other"},
        datasets={
            "purchases": {"same_path": "append", "hold_above": 1, "version_column": "country", "patterns": ["**/*.csv"]}
        },
        rules={"fees_count_as_spend": False},
    )
    assert shop.load().outcomes == []


def test_another_rate_reads_nothing_again_but_another_currency_does(shop):
    shop.set(project={"currency": "GBP", "currency_rates": {"EUR": 0.86}})
    shop.deliver("purchases/a.csv", order_lines(1, currency="USD"))
    assert shop.load().rows_rejected == 1
    shop.set(project={"currency": "GBP", "currency_rates": {"EUR": 0.87}})
    assert shop.load().outcomes == []
    shop.set(project={"currency": "GBP", "currency_rates": {"EUR": 0.87, "USD": 0.79}})
    assert shop.load().rows_loaded == 1


# --- time ------------------------------------------------------------------------------------------------------------------------


def test_a_file_is_left_alone_until_it_has_settled(shop):
    shop.set(drops={"folder": "drops", "settle_seconds": 60})
    age(shop.deliver("purchases/a.csv", order_lines(1)), NOW - timedelta(seconds=59))
    age(shop.deliver("purchases/b.csv", order_lines(2)), NOW - timedelta(seconds=60))
    report = shop.load()
    assert (report.left_alone, orders(shop)) == (["purchases/a.csv"], ["2"])
    age(shop.folder / "purchases/a.csv", NOW - timedelta(seconds=61))
    assert shop.load().left_alone == []
    assert orders(shop) == ["1", "2"]


def test_a_touched_file_is_read_no_second_time_but_as_new_as_it_was_touched(shop):
    file = age(shop.deliver("purchases/a.csv", order_lines(1)), NOW - 9 * DAY)
    shop.load()
    (before,) = ledger_rows(shop.warehouse)
    age(file, NOW - 2 * DAY)
    assert plan_load(shop.warehouse, shop.settings, now=NOW).outcomes == []
    assert ledger_rows(shop.warehouse) == [before]
    report = shop.load()
    (after,) = ledger_rows(shop.warehouse)
    assert (report.outcomes, report.unchanged) == ([], 1)
    assert after == {**before, "modified_at": NOW - 2 * DAY, "signature": after["signature"]}
    assert after["signature"] != before["signature"]


def test_a_touched_file_keeps_its_new_time_even_when_another_drop_is_broken(shop):
    file = age(shop.deliver("purchases/a.csv", order_lines(1)), NOW - 9 * DAY)
    shop.load()
    age(file, NOW - 2 * DAY)
    shop.deliver("purchases/b.csv", order_lines(2))
    shop.warehouse = Watched(
        shop.warehouse, lambda statement: raise_at(statement, "CREATE OR REPLACE TEMP TABLE _typed")
    )
    shop.load()
    assert [row["modified_at"] for row in ledger_rows(shop.warehouse) if row["path"].endswith("a.csv")] == [
        NOW - 2 * DAY
    ]


def said_of_ann(shop):
    shop.build(features=False)
    from sahara_assets.tables.sales import CUSTOMERS

    return {row["customer_id"]: row["country"] for row in shop.rows(CUSTOMERS)}["ann"]


def test_of_two_drops_the_later_date_in_the_name_wins_whatever_was_touched_or_came_last(shop):
    age(shop.deliver("customers/2025-02-01.csv", "customer_id,country\nann,FR\n"), NOW - 9 * DAY)
    assert said_of_ann(shop) == "FR"
    age(shop.deliver("customers/2025-01-01.csv", "customer_id,country\nann,UK\n"), NOW - DAY)
    age(shop.deliver("customers/undated.csv", "customer_id,country\nann,TR\n"), NOW)
    assert said_of_ann(shop) == "FR"


def test_of_two_drops_of_one_date_the_one_modified_later_wins_and_a_touch_counts(shop):
    one = age(shop.deliver("customers/2025-01-01_a.csv", "customer_id,country\nann,FR\n"), NOW - 9 * DAY)
    age(shop.deliver("customers/2025-01-01_b.csv", "customer_id,country\nann,UK\n"), NOW - 5 * DAY)
    assert said_of_ann(shop) == "UK"
    age(one, NOW - 2 * DAY)
    assert said_of_ann(shop) == "FR"


def test_a_version_column_goes_before_every_date_and_a_row_without_one_is_older(shop):
    shop.set(datasets={"purchases": {}, "customers": {"version_column": "signed_up_on"}})
    head = "customer_id,country,signed_up_on\n"
    shop.deliver("customers/2025-01-01.csv", f"{head}ann,FR,2024-12-01\n")
    shop.deliver("customers/2025-02-01.csv", f"{head}ann,UK,2024-11-01\n")
    shop.deliver("customers/2025-03-01.csv", f"{head}ann,TR,\n")
    assert said_of_ann(shop) == "FR"


# --- broken drops ----------------------------------------------------------------------------------------------------------------


def test_drops_that_cannot_be_opened_are_refused_one_by_one_and_the_others_load(shop):
    shop.deliver("purchases/good.csv", order_lines(1))
    shop.deliver("purchases/good.csv.gz", "").write_bytes(
        gzip.compress(b"order_id,customer_id,product_id,quantity,unit_price,ordered_at\n2,ann,mug,1,1,2025-03-01\n")
    )
    cut = shop.deliver("purchases/cut.csv.gz", "")
    cut.write_bytes(gzip.compress(b"x" * 10_000)[:30])
    (shop.folder / "purchases/lost.csv").symlink_to(shop.folder / "nowhere")
    report = shop.load()
    assert orders(shop) == ["1", "2"]
    refused = {o.path: o.reason for o in report.outcomes if o.status == "rejected"}
    assert list(refused) == ["purchases/cut.csv.gz", "purchases/lost.csv"]
    assert "cut.csv.gz: the gzip archive is corrupt or cut short" in refused["purchases/cut.csv.gz"]
    assert refused["purchases/lost.csv"].startswith("purchases/lost.csv: cannot be opened (No such file or directory)")
    agree(shop)


def test_a_drop_that_could_not_be_opened_is_tried_again_and_its_complaint_goes(shop):
    shop.deliver("purchases/a.csv", order_lines(1))
    shop.load()
    shop.deliver("purchases/a.csv", "").write_bytes(b"\x1f\x8bno")
    for _ in range(2):
        assert [o.status for o in shop.load().outcomes] == ["rejected"]
        assert orders(shop) == ["1"]
    shop.deliver("purchases/a.csv", order_lines(1))
    shop.load()
    assert statuses(shop) == {("purchases/a.csv", "loaded")}


def raise_at(statement, beginning, error=None):
    if statement.strip().startswith(beginning):
        raise error or duckdb.Error("the disk is full")


class _Connection:
    def __init__(self, connection, watch):
        self._connection, self._watch = connection, watch

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, statement, *parameters):
        try:
            self._watch(statement)
        except BaseException:
            if statement == "COMMIT":  # a commit that fails leaves no transaction open
                self._connection.execute("ROLLBACK")
            raise
        return self._connection.execute(statement, *parameters)


class Watched(DuckDBWarehouse):
    """A warehouse of which each statement is shown to `watch` before it is executed."""

    def __init__(self, warehouse, watch):
        super().__init__(None)
        self._connection.close()
        self._connection = _Connection(warehouse._connection, watch)


def once(act):
    """A watch that acts when the first transaction begins: the folder has been looked at, and nothing was read yet."""
    left = [act]

    def watch(statement):
        if statement == "BEGIN TRANSACTION" and left:
            left.pop()()

    return watch


def test_a_drop_that_changes_while_it_is_read_is_left_for_the_next_run_and_the_others_load(shop):
    shop.deliver("purchases/a.csv", order_lines(1))
    shop.deliver("purchases/b.csv", order_lines(2))
    plain = shop.warehouse
    shop.warehouse = Watched(plain, once(lambda: shop.deliver("purchases/a.csv", order_lines(3, 4))))
    report = shop.load()
    assert orders(shop) == ["2"]
    (refused,) = [o for o in report.outcomes if o.status == "rejected"]
    assert refused.reason == "a.csv: changed while it was read; the next run takes it in"
    shop.warehouse = plain
    shop.load()
    assert orders(shop) == ["2", "3", "4"]
    assert status_of(shop, "purchases/a.csv") == ["loaded"]


def test_a_drop_that_vanishes_while_it_is_read_was_never_there(shop):
    gone = shop.deliver("purchases/a.csv", order_lines(1))
    shop.deliver("purchases/b.csv", order_lines(2))
    shop.warehouse = Watched(shop.warehouse, once(gone.unlink))
    assert [o.path for o in shop.load().outcomes] == ["purchases/b.csv"]
    assert statuses(shop) == {("purchases/b.csv", "loaded")}


def test_a_content_is_had_from_its_other_file_where_the_first_breaks(shop):
    for path in ("purchases/a.csv", "purchases/b.csv"):
        shop.deliver(path, order_lines(1))
    shop.warehouse = Watched(shop.warehouse, once(lambda: shop.deliver("purchases/a.csv", order_lines(3))))
    shop.load()
    assert statuses(shop) == {("purchases/a.csv", "rejected"), ("purchases/b.csv", "loaded")}
    assert orders(shop) == ["1"]
    agree(shop)


def test_a_content_is_read_again_from_its_other_file_where_the_first_breaks(shop):
    for path in ("purchases/a.csv", "purchases/b.csv"):
        shop.deliver(path, order_lines(1, at="03/04/2025 10:00"))
    shop.load()
    shop.set(datasets=CORRECTED)
    shop.warehouse = Watched(shop.warehouse, once((shop.folder / "purchases/a.csv").unlink))
    shop.load()
    assert statuses(shop) == {("purchases/a.csv", "loaded"), ("purchases/b.csv", "loaded")}
    assert orders(shop) == ["1"]
    agree(shop)


# --- atomicity -------------------------------------------------------------------------------------------------------------------


class StopError(Exception):
    """Something that nobody expects."""


def before_and_after(shop):
    """A shop in which the next load has something of everything to do."""
    shop.set(datasets={"purchases": {}, "customers": {"hold_above": 0.5}})
    shop.deliver("purchases/grows.csv", order_lines(1, 2, 3, 4, 5))
    shop.deliver("purchases/shrinks.csv", order_lines(11, 12, 13))
    rotated = shop.deliver("purchases/rotates.csv", order_lines(21, 22, 23, 24, 25))
    shop.deliver("customers/a.csv", "customer_id,country\nann,UK\nbob,UK\n")
    age_all(shop, NOW - 2 * DAY)
    shop.load()
    shop.set(datasets={"purchases": {}, "customers": {"hold_above": 0.5, "null_values": ["-"]}})
    shop.deliver("purchases/grows.csv", order_lines(1, 2, 3, 4, 5, 6))
    shop.deliver("purchases/shrinks.csv", order_lines(14))
    shop.deliver("purchases/repeats.csv", order_lines(14))
    rotated.rename(rotated.with_name("rotated.csv"))
    shop.deliver("purchases/rotates.csv", order_lines(21, 22, 23, 24, 25, 26))
    shop.deliver("purchases/bad.csv", [*order_lines(31), line(order="32", quantity="many")])
    shop.deliver("purchases/refused.csv", "order_id\n1\n")
    shop.deliver("customers/b.csv", "customer_id,country\nann,FR\nann,TR\n")
    age_all(shop, NOW - DAY)


def age_all(shop, moment):
    for path in shop.folder.rglob("*.csv"):
        age(path, moment)


def failing_at(nth, error):
    """A watch that fails at the n-th statement, and the count of statements it saw."""
    seen = []

    def watch(statement):
        if statement != "ROLLBACK":
            seen.append(statement)
            if len(seen) == nth:
                raise error

    return watch, seen


def test_a_load_that_stops_at_any_statement_leaves_whole_transactions_and_the_next_one_ends_the_work(tmp_path):
    undisturbed, shop = SmallShop(tmp_path / "undisturbed"), SmallShop(tmp_path / "broken")
    before_and_after(undisturbed)
    undisturbed.load()
    before_and_after(shop)
    plain, found = shop.warehouse, books(shop)
    nth, stops, commits = 0, 0, 0
    while True:
        nth += 1
        watch, seen = failing_at(nth, StopError())
        shop.warehouse = Watched(plain, watch)
        try:
            shop.load()
        except StopError:
            stops += 1
        shop.warehouse = plain
        agree(shop)
        if len(seen) < nth:
            break
        if books(shop) != found:
            # A transaction went through before the stop: from here on every statement of the next ones.
            nth, found, commits = 0, books(shop), commits + 1
    assert books(shop) == books(undisturbed)
    # Purchases move pointers, then read; customers are read again, then read.
    assert commits >= 3
    assert stops > 50


def test_a_load_in_which_the_warehouse_fails_once_at_any_statement_spoils_at_most_that_drop(tmp_path):
    undisturbed, shop = SmallShop(tmp_path / "undisturbed"), SmallShop(tmp_path / "broken")
    for each in (undisturbed, shop):
        before_and_after(each)
    undisturbed.load()
    start = tmp_path / "start.duckdb"
    shop.warehouse.reader.execute(f"ATTACH '{start}' AS start; COPY FROM DATABASE memory TO start; DETACH start")
    outcomes = set()
    for nth in range(1, 1_000, 4):
        again = tmp_path / f"{nth}.duckdb"
        again.write_bytes(start.read_bytes())
        plain = DuckDBWarehouse(again)
        watch, seen = failing_at(nth, duckdb.Error("the disk is full"))
        shop.warehouse = Watched(plain, watch)
        try:
            shop.load()
            outcomes.add("went on")
        except duckdb.Error:
            outcomes.add("stopped")
        shop.warehouse = plain
        agree(shop)
        shop.load()
        assert books(shop) == books(undisturbed)
        plain.close()
        again.unlink()
        if len(seen) < nth:
            break
    assert outcomes == {"went on", "stopped"}


def test_progress_ends_at_all_that_was_to_be_done(shop):
    shop.deliver("purchases/a.csv", order_lines(1))
    shop.deliver("purchases/b.csv", order_lines(1))
    shop.deliver("purchases/c.csv", order_lines(2))
    seen = []
    load_drops(shop.warehouse, shop.settings, run_id="r", now=NOW, progress=lambda *told: seen.append(told))
    assert seen[-1] == ("raw_purchases", 3, 3)
