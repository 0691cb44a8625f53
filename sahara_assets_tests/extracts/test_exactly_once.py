"""Law 2 for databases, as random histories: rows are added, changed and taken away, some become visible late, extracts run, die at any of
their steps and run again, and what they left is loaded in between.

Within what `docs/extracts.md` promises the tables must hold what the database holds: late rows come within the lookback, a row that is
taken away belongs to an order that changes with it.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahara_assets.extracts import parts
from sahara_assets_tests.extracts.counter_shop import CounterShop

LOOKBACK = 5
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of random name is made there

ORDERS = st.sampled_from("ABC")
CHANGES = st.one_of(
    st.tuples(st.just("add"), ORDERS, st.sampled_from(["mug", "cup"]), st.integers(1, 2)),
    st.tuples(st.just("add late"), ORDERS, st.integers(0, LOOKBACK)),
    st.tuples(st.just("change"), st.integers(0, 20), st.integers(3, 9)),
    st.tuples(st.just("change back"), st.integers(0, 20)),
    st.tuples(st.just("take away"), st.integers(0, 20)),
    st.tuples(st.just("customer"), st.sampled_from(["ann", "bob", "cem"]), st.sampled_from(["UK", "FR"])),
)
STEPS = st.one_of(
    CHANGES,
    CHANGES,
    st.tuples(st.just("extract")),
    st.tuples(st.just("commit late"), ORDERS, ORDERS, st.integers(0, LOOKBACK - 1)),
    st.tuples(st.just("die"), st.integers(1, 25)),
    st.tuples(st.just("load")),
    st.tuples(st.just("from the start")),
)


class Died(BaseException):
    """The process, in the middle of an extract."""


class DyingAt:
    """The n-th time that an extract touches the disk, it dies; nothing that comes after is done, as after SIGKILL."""

    def __init__(self, at):
        self.left = at

    def _touch(self, real):
        def touched(*arguments, **options):
            self.left -= 1
            if self.left <= 0:
                raise Died
            return real(*arguments, **options)

        return touched

    def __enter__(self):
        self._patches = [
            mock.patch.object(parts.PartFile, "add", self._touch(parts.PartFile.add)),
            mock.patch.object(parts.os, "fsync", self._touch(os.fsync)),
            mock.patch.object(Path, "replace", self._touch(Path.replace)),
            mock.patch.object(Path, "unlink", self._touch(Path.unlink)),
        ]
        for patch in self._patches:
            patch.start()

    def __exit__(self, *_):
        for patch in self._patches:
            patch.stop()


class History:
    """A shop and its clock of changes."""

    def __init__(self, root):
        self.shop = CounterShop(root, lookback=LOOKBACK)
        self.clock = LOOKBACK
        self.lines = {}
        self.next_line = 1

    def step(self, what, *details):
        getattr(self, what.replace(" ", "_"))(*details)

    def _put(self, line_id, order, product, quantity, changed):
        self.lines[line_id] = (order, product, quantity)
        self.shop.put_line(line_id, changed, order, product, quantity)

    def _tick(self):
        self.clock += 1
        return self.clock

    def add(self, order, product, quantity):
        self._put(self.next_line, order, product, quantity, self._tick())
        self.next_line += 1

    def add_late(self, order, ticks):
        self._put(self.next_line, order, "mug", 1, self.clock - ticks)
        self.next_line += 1

    def commit_late(self, order, other, ticks):
        """An extract reads what another transaction wrote later and committed sooner."""
        self.add(other, "cup", 2)
        self.extract()
        self.add_late(order, ticks)

    def _one(self, nth):
        return sorted(self.lines)[nth % len(self.lines)] if self.lines else None

    def change(self, nth, quantity):
        line_id = self._one(nth)
        if line_id is not None:
            order, product, _ = self.lines[line_id]
            self._put(line_id, order, product, quantity, self._tick())

    def change_back(self, nth):
        self.change(nth, 1)

    def take_away(self, nth):
        line_id = self._one(nth)
        siblings = [
            other for other in self.lines if other != line_id and self.lines[other][0] == self.lines[line_id][0]
        ]
        if siblings:
            del self.lines[line_id]
            self.shop.execute("DELETE FROM order_lines WHERE line_id = ?", line_id)
            self._put(siblings[0], *self.lines[siblings[0]], self._tick())

    def customer(self, name, country):
        self.shop.put_customer(name, self._tick(), country)

    def extract(self):
        self.shop.extract_well()

    def from_the_start(self):
        self.shop.extract_well(anew=True)

    def die(self, at):
        with DyingAt(at), suppress(Died):
            self.shop.extract()

    def load(self):
        self.shop.shop.load()


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=4, max_size=18), st.sampled_from([250, 1 << 20]))
def test_whatever_happens_the_tables_hold_what_the_database_holds(steps, part_bytes):
    folder = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=folder) as root, mock.patch.object(parts, "PART_BYTES", part_bytes):
        history = History(Path(root))
        try:
            for step in steps:
                history.step(*step)
            history.extract()
            assert history.shop.taken_in() == history.shop.truth()
            if part_bytes == 250:
                # Where the lookback alone fills several parts, they may be cut elsewhere once more; then never again.
                history.extract()
            written = history.shop.files("lines"), history.shop.files("people")
            history.extract()
            assert (history.shop.files("lines"), history.shop.files("people")) == written, (
                "nothing new, nothing written"
            )
        finally:
            history.shop.close()
