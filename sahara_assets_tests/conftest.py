"""Fixtures that several test modules share: one small made-up shop, and one project that has run on it."""

from __future__ import annotations

import gc
import itertools
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, settings

from sahara_assets.generate.shop import generate
from sahara_assets_tests.commands import sahara
from sahara_assets_tests.fake_bigquery.fixtures import fake_bigquery, running_bigquery  # noqa: F401 - fixtures
from sahara_assets_tests.long_counts import note
from sahara_assets_tests.object_stores import bucket, hasty, running_stores  # noqa: F401 - fixtures
from sahara_assets_tests.postgres_server import PostgresServer, binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# For work at the desk: shows a failing history as it was found instead of spending minutes on a smaller one (--hypothesis-profile=quick).
settings.register_profile("quick", deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
# How long an example takes says nothing on a busy machine; speed is the benchmarks' business. `make test` draws the same examples every
# time, so that it fails for what was changed and for nothing else; `make test-long` looks for new ones.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("exploring", deadline=None)
settings.load_profile("steady")

# A shell's `&` starts what it starts with SIGINT ignored; the servers that tests start would inherit that, and with Dagster ignore SIGTERM too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_MINUTES_EACH = (
    "test_service",
    "warehouse.test_equal_tables",
    "test_kill_postgres",
    "test_online_retail",
    "drops.test_exactly_once",
    "test_kill",
    "drops.test_any_order",
    "test_two_at_once",
    "test_object_stores",
    "test_dagster_ui",
    "test_planted_truth",
    "test_cli_runs",
)
"""Begun first, so that at the end no worker sits idle beside one that still has minutes to go (with `--no-loadscope-reorder`)."""

_UNTRACED = (
    *_MINUTES_EACH,
    "analytics.test_real_exports",
    "analytics.test_rules",
    "drops.test_verifying",
    "fake_bigquery.",
    "features.test_past",
    "features.test_visitors",
    "insights.test_byte_foods",
    "onboarding.test_beside_customers",
    "recipes.test_recipes",
    "repeat_buyers.test_building",
    "security.",
    "segmentation.test_kernel",
    "test_cli",
    "test_quality",
    "warehouse.test_analytics",
    "warehouse.test_contract",
    "warehouse.test_extracts",
    "warehouse.test_insights",
    "warehouse.test_people",
    "warehouse.test_prediction",
    "warehouse.test_recommendations",
)
"""Modules and packages that run without counting statements, which takes as long again: what they execute, cheaper tests have executed."""

_UNTRACED_PREFIXES = tuple(name if name.endswith(".") else f"{name}." for name in _UNTRACED)

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long modules first, all else as it was collected."""
    ranks = {f"sahara_assets_tests.{name}": rank for rank, name in enumerate(_MINUTES_EACH)}
    items.sort(key=lambda item: ranks.get(_module(item), len(ranks)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Count no statements of `_UNTRACED`; the plugin's own `no_cover` would count those of their fixtures."""
    counting = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    module = _module(item).removeprefix("sahara_assets_tests.")
    if counting is None or not f"{module}.".startswith(_UNTRACED_PREFIXES):
        return (yield)
    counting.pause()
    try:
        return (yield)
    finally:
        counting.resume()


def pytest_collection_finish() -> None:
    """What was imported for the tests stays: the garbage collector need not look through it again and again, a sixth of a test's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _module(item: pytest.Item) -> str:
    return str(getattr(getattr(item, "module", None), "__name__", ""))


WITH_INSIGHTS = """\
[project]
currency = "GBP"
time_zone = "Europe/London"

[segmentation]
k_min = 3
k_max = 6
"""

SMALL = f"""\
[insights]
enabled = false

{WITH_INSIGHTS}"""
"""The same without insights, which are half of a small shop's run: for tests that are not about tables."""


@pytest.fixture
def long_count(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """For long tests: called at the end with what was done and how often, for `docs/long-counts.md`."""
    started = time.monotonic()
    return lambda what, count: note(request.node.nodeid, what, count, time.monotonic() - started)


@pytest.fixture(scope="session")
def made_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of generated drops (with bad rows planted); nobody writes into it."""
    folder = tmp_path_factory.mktemp("shop") / "data"
    generate(folder, rows=3_000, seed=7, days=200, days_per_drop=14)
    return folder


@pytest.fixture(scope="session")
def finished_project(made_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its first `sahara run`; nobody writes into it."""
    return _finished(tmp_path_factory.mktemp("finished"), made_shop, WITH_INSIGHTS)


@pytest.fixture(scope="session")
def small_finished_project(made_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without insights; nobody writes into it: take `project` for that."""
    return _finished(tmp_path_factory.mktemp("small"), made_shop, SMALL)


def _finished(root: Path, shop: Path, settings: str) -> Path:
    (root / "sahara.toml").write_text(settings)
    shutil.copytree(shop, root / "data")
    outcome = sahara("run", cwd=root)
    assert outcome.code == 0, outcome.err
    (root / "first_run.txt").write_text(outcome.out)
    (root / "first_run_progress.txt").write_text(outcome.err)
    return root


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Callable[[str], PostgresServer]]:
    """A running Postgres by where its binaries come from (see `binaries`); started when first asked for."""
    running: dict[str, PostgresServer] = {}

    def server(origin: str) -> PostgresServer:
        if origin not in running:
            running[origin] = PostgresServer(binaries()[origin])
        return running[origin]

    yield server
    for started in running.values():
        started.stop()


@pytest.fixture
def schema() -> str:
    """The name of a Postgres schema that no other test uses."""
    return f"test_{next(_numbers)}"


@pytest.fixture
def project(small_finished_project: Path, tmp_path: Path) -> Path:
    """A copy of the finished project without insights, to do with as one likes."""
    root = tmp_path / "project"
    shutil.copytree(small_finished_project, root, ignore=shutil.ignore_patterns(".sahara"))
    return root


@pytest.fixture
def new_project(made_shop: Path, tmp_path: Path) -> Path:
    """A project with drops that has not run yet."""
    root = tmp_path / "new"
    root.mkdir()
    (root / "sahara.toml").write_text(SMALL)
    shutil.copytree(made_shop, root / "data")
    return root
