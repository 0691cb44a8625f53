"""One meaning on every warehouse: a made shop gives equal tables and files on each. (Online Retail: `test_online_retail.py`.)"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from sahara_assets_tests.commands import sahara
from sahara_assets_tests.equal_tables import Tables, compare, tables_of
from sahara_assets_tests.warehouse.conftest import PLACES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


SERVERS = [place for place in PLACES if place != "duckdb"]


def run_on(root: Path, url: str) -> tuple[Tables, dict[str, bytes]]:
    """Run the whole pipeline of a project on a warehouse; its tables and audience files."""
    for left in ("exports", ".sahara"):
        shutil.rmtree(root / left, ignore_errors=True)
    outcome = sahara("run", cwd=root, env={"SAHARA_WAREHOUSE_URL": url})
    assert outcome.code == 0, outcome.err
    files = {path.name: path.read_bytes() for path in (root / "exports").glob("*.csv")}
    return tables_of(root / "sahara.toml", url), files


@pytest.mark.timeout(600)
@pytest.mark.parametrize("place", SERVERS)
def test_a_made_shop_gives_equal_tables_and_files(
    place: str, new_project: Path, address_of: Callable[[str], str]
) -> None:
    url = address_of(place)
    embedded, files = run_on(new_project, "duckdb:///sahara.duckdb")
    assert embedded["rejected_rows"]
    assert embedded["top_categories"]
    on_server, files_of_server = run_on(new_project, url)
    compare(embedded, on_server)
    assert files_of_server == files
    # A second run finds nothing new and leaves everything as it is.
    again = sahara("run", "--json", cwd=new_project, env={"SAHARA_WAREHOUSE_URL": url})
    assert json.loads(again.out)["loaded"]["rows_read"] == 0
    compare(tables_of(new_project / "sahara.toml", url), on_server)
