"""Law 2 as a random history: files come, go, change, move and repeat, people forget and allow, settings change, runs happen, crash
in their middle, and happen two at a time; on the embedded warehouse and on Postgres.

After every run the tables must hold what an oracle says that knows nothing of ledgers, pointers or steps: of every path the contents
that count, each as a fresh warehouse reads it from that one file.
"""

import itertools
import os
import shutil
import tempfile
import threading
from collections import defaultdict
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from sahara_assets.drops.ledger import Ledger, allow_drops, forget_drops, ledger_rows
from sahara_assets.drops.loading import load_drops, plan_load
from sahara_assets.errors import DropError
from sahara_assets.locking import hold_lock
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.books import REJECTED_ROWS
from sahara_assets.tables.datasets import DATASETS, RAW_TABLES
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets.warehouse.opening import warehouse_at
from sahara_assets_tests.postgres_server import binaries

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of random name is made there
NUMBERS = itertools.count(1)
NOW = datetime(2026, 1, 1)
LONG_AGO = datetime(2025, 6, 1)
HEADER = "order_id,customer_id,product_id,quantity,unit_price,ordered_at\n"


def lines(*numbers, at="2025-03-0{day} 10:00:00"):
    return HEADER + "".join(f"{n},ann,mug,{n},2.50,{at.format(day=n % 9 + 1)}\n" for n in numbers)


UNREADABLE = b"\x1f\x8bnot really gzip"
CONTENTS = {
    "purchases": [
        lines(1, 2, 3, 4, 5),
        lines(1, 2, 3, 4, 5, 6),  # a file that grew
        lines(2, 3, 4, 5, 6, 6),  # lacks a fifth of the first: just not held; a line twice
        lines(5, 6, 7),  # overlaps, and lacks most of the others
        lines(1, 2) + "3,ann,mug,many,2.50,2025-03-04 10:00:00\n" + lines(4, 5).removeprefix(HEADER),  # a bad row
        lines(1, 2, 3, 4, 5, at="0{day}/03/2025 10:00"),  # every row bad, until the date format says otherwise
        "order_id,customer_id,product_id,quantity,ordered_at\n1,ann,mug,1,2025-03-01\n",  # no price: refused whole
        HEADER,
        "",
        UNREADABLE,
    ],
    "customers": [
        "customer_id,country\nann,UK\nbob,UK\ncem,TR\ndee,UK\neva,FR\n",
        "customer_id,country\nann,FR\nbob,UK\ncem,TR\ndee,UK\n",  # lacks a fifth, says something else of ann
        "customer_id,country\nann,UK\nann,FR\nfay,FR\n",  # contradicts itself
        "customer_id,country\nann,UK\nann,UK\nfay,FR\n",  # repeats itself
        "country\nUK\n",  # refused whole
        UNREADABLE,
    ],
}
PATHS = {dataset: [f"{dataset}/{name}.csv" for name in "abc"] for dataset in CONTENTS}
DATASET = st.sampled_from(sorted(CONTENTS, reverse=True))
RUN = st.sampled_from([True, True, True, False])
FORMATS = [[], ["%d/%m/%Y %H:%M"], ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M"]]


def settings_of(root, date_formats, same_path, environment=None):
    document = {
        "drops": {"folder": "drops"},
        "datasets": {
            name: {"same_path": same_path[name], "date_formats": FORMATS[date_formats] if name == "purchases" else []}
            for name in CONTENTS
        },
    }
    return parse_settings(document, root=root, environment=environment)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@dataclass
class Fresh:
    """What a warehouse that knows nothing makes of one file."""

    refused: bool
    raw: list[tuple]
    rejects: list[tuple]
    counts: tuple[int, int, int]
    identities: list[tuple]


_fresh: dict[tuple, Fresh] = {}


def fresh(dataset, content, date_formats):
    """Cached: there are only so many contents and settings."""
    key = (dataset, content, date_formats if dataset == "purchases" else 0)
    if key not in _fresh:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write(root / "drops" / dataset / "only.csv", content)
            warehouse = DuckDBWarehouse(None)
            warehouse.prepare()
            load_drops(
                warehouse, settings_of(root, date_formats, dict.fromkeys(CONTENTS, "replace")), run_id="f", now=NOW
            )
            (row,) = ledger_rows(warehouse)
            raw = warehouse.rows(RAW_TABLES[dataset])
            rejects = warehouse.rows(REJECTED_ROWS)
            warehouse.close()
        identity = DATASETS[dataset].key or ("_line_hash", "_occurrence")
        _fresh[key] = Fresh(
            refused=row["status"] != "loaded",
            raw=[tuple(r.values()) for r in raw],
            rejects=[tuple(r.values()) for r in rejects],
            counts=(row["rows_read"], row["rows_loaded"], row["rows_rejected"]),
            identities=[tuple(r[name] for name in identity) for r in raw],
        )
    return _fresh[key]


class Died(BaseException):
    """The process, in the middle of a run."""


@contextmanager
def dying_at_write(at):
    """The n-th time that the ledger is written, in the transaction that would have committed it, the run dies."""
    written = itertools.count()
    write = Ledger.write

    def write_or_die(ledger):
        if next(written) == at:
            raise Died
        write(ledger)

    with mock.patch.object(Ledger, "write", write_or_die):
        yield


@dataclass
class Oracle:
    """One dataset as the law has it."""

    dataset: str
    counting: dict[str, list] = field(default_factory=lambda: defaultdict(list))
    read_under: dict = field(default_factory=dict)
    held: dict[str, object] = field(default_factory=dict)
    refused: dict[str, object] = field(default_factory=dict)
    unopened: set[str] = field(default_factory=set)
    forgotten: set[tuple] = field(default_factory=set)
    allowed: set[tuple] = field(default_factory=set)

    def run(self, files, formats, same_path):
        for content in {c for contents in self.counting.values() for c in contents} & set(files.values()):
            if self.read_under[content] != formats:
                self.read_under[content] = formats
                if fresh(self.dataset, content, formats).refused:
                    for path, contents in self.counting.items():
                        if content in contents:
                            contents.remove(content)
                            self.refused[path] = content
        for path, content in files.items():
            if content == UNREADABLE:
                self.unopened.add(path)
                self.forgotten.discard((path, UNREADABLE))
                self.allowed.discard((path, UNREADABLE))
            else:
                self.deliver(path, content, formats, same_path)

    def deliver(self, path, content, formats, same_path):
        self.unopened.discard(path)
        self.allowed = {(p, c) for p, c in self.allowed if p != path or c == content}
        for waiting in (self.held, self.refused):
            if waiting.get(path, content) != content:
                del waiting[path]
        before = self.counting[path]
        if (path, content) in self.forgotten or content in before:
            return
        is_allowed = (path, content) in self.allowed
        self.held.pop(path, None)
        self.refused.pop(path, None)
        self.allowed.discard((path, content))
        if fresh(self.dataset, content, formats).refused:
            self.refused[path] = content
        elif before and same_path == "replace" and not is_allowed and self.lacks(before, content, formats):
            self.held[path] = content
        else:
            self.read_under[content] = formats
            self.counting[path] = [*(before if same_path == "append" else []), content]

    def lacks(self, before, content, formats):
        new = set(fresh(self.dataset, content, formats).identities)
        old = [i for c in before for i in fresh(self.dataset, c, self.read_under[c]).identities]
        return sum(i not in new for i in old) > 0.2 * len(old)

    def forget(self, path):
        if path in self.held:
            self.forgotten.add((path, self.held.pop(path)))
            return True
        gone = [*self.counting.pop(path, []), *(w.pop(path) for w in (self.held, self.refused) if path in w)]
        gone += [c for p, c in self.allowed if p == path]
        gone += [UNREADABLE] if path in self.unopened else []
        self.unopened.discard(path)
        self.allowed = {(p, c) for p, c in self.allowed if p != path}
        self.forgotten |= {(path, content) for content in gone}
        return bool(gone)

    def allow(self, path):
        if path in self.held:
            self.allowed.add((path, self.held.pop(path)))
            return True
        back = {(p, c) for p, c in self.forgotten if p == path}
        self.forgotten -= back
        self.allowed |= back
        return bool(back)


class History(RuleBasedStateMachine):
    """Anything may happen, in any order; `run` compares."""

    runs_in_all = 0
    url = "duckdb:///history.duckdb"

    @initialize(date_formats=st.sampled_from([0, 2]), same_path=st.sampled_from(["replace", "replace", "append"]))
    def begin(self, date_formats, same_path):
        # In memory where that can be had: a commit then costs no wait for a disk.
        self.root = Path(tempfile.mkdtemp(prefix="sahara-history-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        (self.root / "drops").mkdir()
        self.formats = date_formats
        self.same_path = {"purchases": same_path, "customers": "replace"}
        self.files = {name: {} for name in CONTENTS}
        self.oracles = {name: Oracle(name) for name in CONTENTS}
        self.clock = 0
        self.runs = 0
        self.schema = f"history_{next(NUMBERS)}"
        self.warehouse = warehouse_at(self.settings())
        self.warehouse.prepare()

    def teardown(self):
        if hasattr(self, "warehouse"):
            self.warehouse.close()
            shutil.rmtree(self.root)

    def settings(self):
        url = self.url.format(schema=self.schema)
        return settings_of(self.root, self.formats, self.same_path, {"SAHARA_WAREHOUSE_URL": url})

    def stamp(self, path):
        self.clock += 1
        moment = (LONG_AGO + timedelta(minutes=self.clock) - datetime(1970, 1, 1)).total_seconds()
        os.utime(self.root / "drops" / path, (moment, moment))

    @rule(data=st.data(), dataset=DATASET, then=RUN)
    def write_a_file(self, data, dataset, then):
        path = data.draw(st.sampled_from(PATHS[dataset]))
        content = data.draw(st.sampled_from(CONTENTS[dataset]))
        write(self.root / "drops" / path, content)
        self.stamp(path)
        self.files[dataset][path] = content
        self.maybe(then)

    @rule(data=st.data(), dataset=DATASET, how=st.sampled_from(["copy", "move", "swap", "rotate"]), then=RUN)
    def put_a_file_under_another_name(self, data, dataset, how, then):
        files, folder = self.files[dataset], self.root / "drops"
        if files:
            source = data.draw(st.sampled_from(sorted(files)))
            target = data.draw(st.sampled_from([p for p in PATHS[dataset] if p != source]))
            if how == "swap" and target in files:
                (folder / source).rename(self.root / "aside")
                (folder / target).rename(folder / source)
                (self.root / "aside").rename(folder / target)
                files[source], files[target] = files[target], files[source]
            elif how == "copy":
                shutil.copy2(folder / source, folder / target)
                files[target] = files[source]
            else:
                (folder / source).replace(folder / target)
                files[target] = files.pop(source)
            if how == "rotate":
                files[source] = data.draw(st.sampled_from(CONTENTS[dataset]))
                write(folder / source, files[source])
        self.maybe(then)

    @rule(data=st.data(), dataset=DATASET, gone=st.booleans(), then=RUN)
    def take_away_or_touch_a_file(self, data, dataset, gone, then):
        if self.files[dataset]:
            path = data.draw(st.sampled_from(sorted(self.files[dataset])))
            if gone:
                (self.root / "drops" / path).unlink()
                del self.files[dataset][path]
            else:
                self.stamp(path)
        self.maybe(then)

    @rule(data=st.data(), dataset=DATASET, ask=st.sampled_from(["forget", "allow", "allow"]), then=RUN)
    def ask_by_hand(self, data, dataset, ask, then):
        oracle = self.oracles[dataset]
        path = data.draw(st.sampled_from(sorted(oracle.held) or PATHS[dataset]))
        act = {"forget": forget_drops, "allow": allow_drops}[ask]
        if getattr(oracle, ask)(path):
            act(self.warehouse, [path])
            self.compare()
        else:
            with pytest.raises(DropError, match="no such drop"):
                act(self.warehouse, [path])
        self.maybe(then)

    @rule(date_formats=st.sampled_from([0, 1, 2]), then=RUN)
    def read_dates_otherwise(self, date_formats, then):
        self.formats = date_formats
        self.maybe(then)

    @rule(same_path=st.sampled_from(["replace", "append"]), then=RUN)
    def mean_something_else_by_a_known_path(self, same_path, then):
        self.same_path["purchases"] = same_path
        self.maybe(then)

    @rule(at=st.integers(0, 4))
    def crash_in_the_middle_of_a_run(self, at):
        """What is not committed is lost, as when the process dies; the next run must reach what an undisturbed one does."""
        with dying_at_write(at), suppress(Died):
            load_drops(self.warehouse, self.settings(), run_id="died", now=NOW)
        self.run()

    @rule()
    def run_two_at_a_time(self):
        self.warehouse.close()
        failures = []

        def one(name):
            try:
                with hold_lock(self.settings()), closing(warehouse_at(self.settings(), wait_seconds=60)) as warehouse:
                    load_drops(warehouse, self.settings(), run_id=name, now=NOW)
            except BaseException as error:  # noqa: BLE001 - told by the test, not by the thread
                failures.append(error)

        threads = [threading.Thread(target=one, args=(name,)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.warehouse = warehouse_at(self.settings(), wait_seconds=60)
        assert failures == []
        self.run()

    def maybe(self, then):
        # Part of every rule, because Hypothesis leaves whole rules out of a history, and one without runs shows nothing.
        if then:
            self.run()

    def run(self):
        self.runs += 1
        type(self).runs_in_all += 1
        report = load_drops(self.warehouse, self.settings(), run_id=f"run-{self.runs}", now=NOW)
        for dataset, oracle in self.oracles.items():
            oracle.run(self.files[dataset], self.formats if dataset == "purchases" else 0, self.same_path[dataset])
        waiting = {p for name, o in self.oracles.items() for p, c in o.held.items() if self.files[name].get(p) == c}
        assert set(report.held) == waiting
        self.compare()
        again = plan_load(self.warehouse, self.settings(), now=NOW)
        unreadable = {p for files in self.files.values() for p, c in files.items() if c == UNREADABLE}
        assert {o.path for o in again.outcomes} == unreadable
        stale = {
            (name, content)
            for name, oracle in self.oracles.items()
            for contents in oracle.counting.values()
            for content in contents
            if oracle.read_under[content] != (self.formats if name == "purchases" else 0)
        }
        assert len(again.stale) == len(stale)

    def compare(self):
        rejects = self.warehouse.rows(REJECTED_ROWS)
        ledger = ledger_rows(self.warehouse)
        for dataset, oracle in self.oracles.items():
            counting = {c for contents in oracle.counting.values() for c in contents}
            expected = [fresh(dataset, c, oracle.read_under[c]) for c in counting]
            raw = [tuple(row.values()) for row in self.warehouse.rows(RAW_TABLES[dataset])]
            assert sorted(raw, key=repr) == sorted((r for f in expected for r in f.raw), key=repr)
            mine = [row for row in ledger if row["dataset"] == dataset]
            loaded = {row["drop_id"] for row in mine if row["status"] == "loaded"}
            refused = {row["drop_id"] for row in mine if row["status"] == "rejected"}
            kept_out = [r for r in rejects if r["dataset"] == dataset]
            assert sorted((tuple(r.values()) for r in kept_out if r["drop_id"] in loaded), key=repr) == sorted(
                (r for f in expected for r in f.rejects), key=repr
            )
            assert {r["drop_id"] for r in kept_out} - loaded == refused - {""}
            self.compare_ledger(oracle, mine)

    def compare_ledger(self, oracle, rows):
        by_status = defaultdict(list)
        for row in rows:
            by_status[row["status"]].append(row["path"])
        assert sorted(by_status["loaded"]) == sorted(p for p, contents in oracle.counting.items() for _ in contents)
        assert sorted(by_status["held"]) == sorted(oracle.held)
        assert sorted(by_status["rejected"]) == sorted([*oracle.refused, *oracle.unopened])
        assert sorted(by_status["allowed"]) == sorted(p for p, _ in oracle.allowed)
        assert sorted(by_status["forgotten"]) == sorted(p for p, _ in oracle.forgotten)
        for path, contents in oracle.counting.items():
            here = [row for row in rows if row["path"] == path and row["status"] == "loaded"]
            found = [(row["rows_read"], row["rows_loaded"], row["rows_rejected"]) for row in here]
            expected = [fresh(oracle.dataset, c, oracle.read_under[c]).counts for c in contents]
            assert sorted(found) == sorted(expected)
            assert all(read == loaded + rejected for read, loaded, rejected in found)


SHORT = settings(max_examples=50, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(SHORT, max_examples=500, stateful_step_count=50)


@pytest.fixture(params=["duckdb", "postgres"])
def history(request):
    """The histories on one kind of warehouse."""
    if request.param == "duckdb":
        return type("OnDuckDB", (History,), {})
    server = request.getfixturevalue("postgres_servers")(next(iter(binaries())))
    return type("OnPostgres", (History,), {"url": server.url("{schema}")})


def test_after_any_history_the_tables_are_what_the_contents_that_count_give_from_scratch(history):
    run_state_machine_as_test(history, settings=SHORT)


@pytest.mark.long
@pytest.mark.timeout(3 * 3600)
def test_after_any_of_five_hundred_long_histories_too(history, long_count):
    run_state_machine_as_test(history, settings=LONG)
    count = f"{LONG.max_examples} histories, {history.runs_in_all:,} loads"
    place = "Postgres" if "postgres" in history.url else "DuckDB"
    long_count(
        f"Random histories of drops, with crashes and two runs at once, against an oracle that knows no ledger, on {place}",
        count,
    )


class Told:
    """Stands in for Hypothesis where a history is told step by step."""

    def __init__(self, *drawn):
        self._drawn = list(drawn)

    def draw(self, _):
        return self._drawn.pop(0)


def test_a_held_version_is_judged_by_what_its_rival_says_now():
    """Found by a random history: the rival's file was gone when dates were read otherwise, and came back under another name."""
    first, _, rival, _, shorter, *_ = CONTENTS["purchases"]
    history = History()
    history.begin(date_formats=0, same_path="replace")
    try:
        history.write_a_file(data=Told("purchases/c.csv", rival), dataset="purchases", then=True)
        history.write_a_file(data=Told("purchases/c.csv", shorter), dataset="purchases", then=True)
        assert set(history.oracles["purchases"].held) == {"purchases/c.csv"}
        history.read_dates_otherwise(date_formats=1, then=True)
        assert set(history.oracles["purchases"].held) == {"purchases/c.csv"}
        history.write_a_file(data=Told("purchases/b.csv", rival), dataset="purchases", then=True)
        assert not history.oracles["purchases"].held
        history.write_a_file(data=Told("purchases/a.csv", first), dataset="purchases", then=True)
    finally:
        history.teardown()


def test_the_contents_of_the_histories_are_what_their_comments_say():
    counts = [fresh("purchases", content, 0).counts for content in CONTENTS["purchases"][:8]]
    assert counts == [(5, 5, 0), (6, 6, 0), (6, 6, 0), (3, 3, 0), (5, 4, 1), (5, 0, 5), (1, 0, 1), (0, 0, 0)]
    assert fresh("purchases", CONTENTS["purchases"][5], 2).counts == (5, 5, 0)
    assert [fresh("customers", content, 0).counts for content in CONTENTS["customers"][:5]] == [
        (5, 5, 0),
        (4, 4, 0),
        (3, 2, 1),
        (3, 3, 0),
        (1, 0, 1),
    ]
    refused = [fresh("purchases", content, 0).refused for content in CONTENTS["purchases"]]
    assert refused == [False] * 6 + [True, False, True, True]
