"""Two `sahara run` at once, as real processes: nothing twice, nothing lost, and the one that yields says why."""

import shutil

import pytest

from sahara_assets_tests.commands import sahara, start
from sahara_assets_tests.equal_tables import compare, tables_of
from sahara_assets_tests.postgres_server import binaries
from sahara_assets_tests.warehouse.conftest import address_of

__all__ = ["address_of"]

# Two who share a folder wait for its lock; two machines that share a warehouse meet there.
CASES = [
    pytest.param("duckdb", 1, "", id="duckdb, one project"),
    pytest.param(
        "bigquery",
        2,
        "another run has written since this one began",
        id="bigquery, two machines",
        marks=pytest.mark.long,
    ),
    pytest.param(f"postgres of the {min(binaries())}", 2, "another run holds it", id="postgres, two machines"),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("place", "machines", "words"), CASES)
def test_two_runs_at_once_end_as_one(place, machines, words, new_project, small_finished_project, tmp_path, address_of):
    folders = [new_project]
    if machines == 2:
        folders.append(tmp_path / "other" / "new")
        shutil.copytree(new_project, folders[1])
    there = {"SAHARA_WAREHOUSE_URL": address_of(place)}
    both = [start("run", cwd=folders[number % machines], env=there) for number in range(2)]
    for process in both:
        said = process.communicate()[1]
        assert process.returncode == 0 or (words and words in said), said
    assert 0 in {process.returncode for process in both}
    if {process.returncode for process in both} != {0}:
        after = sahara("run", cwd=new_project, env=there)
        assert after.code == 0, after.err
    # The same files copied elsewhere are other files to a file system, which the signatures show.
    compare(
        tables_of(small_finished_project / "sahara.toml", "duckdb:///sahara.duckdb"),
        tables_of(new_project / "sahara.toml", there["SAHARA_WAREHOUSE_URL"]),
        but=frozenset({"signature"}),
    )
