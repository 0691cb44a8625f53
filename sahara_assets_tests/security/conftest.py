"""The hostile shop after one run, shared by everything that looks at what was made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sahara_assets_tests.commands import Outcome, sahara
from sahara_assets_tests.security.hostile_shop import write_shop
from sahara_assets_tests.warehouse.conftest import address_of  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """The hostile shop's project after `sahara run --debug`, and what that said; nobody writes into it."""
    root = tmp_path_factory.mktemp("hostile")
    write_shop(root)
    outcome = sahara("run", "--debug", cwd=root)
    assert outcome.code == 0, outcome.err
    return root, outcome


@pytest.fixture(scope="session")
def hostile_project(hostile_run: tuple[Path, Outcome]) -> Path:
    return hostile_run[0]
