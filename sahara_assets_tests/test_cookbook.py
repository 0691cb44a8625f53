"""The notebook that shows how to read the tables: executed for real over a project that has run, and committed with what it shows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from sahara_assets_tests.commands import ROOT, clean_environment

COOKBOOK = ROOT / "docs" / "cookbook.ipynb"


def code_cells(notebook):
    return [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def executed(finished_project, tmp_path_factory):
    copy = tmp_path_factory.mktemp("cookbook") / "cookbook.ipynb"
    shutil.copy(COOKBOOK, copy)
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "cookbook.py"), str(copy), str(finished_project)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return copy


def test_every_cell_of_the_cookbook_runs_and_shows_something(executed):
    cells = code_cells(executed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    silent = [cell.source for cell in cells if not cell.outputs]
    assert [source.splitlines()[0] for source in silent] == ["from pathlib import Path", "warehouse.close()"]


def test_the_committed_one_shows_what_its_cells_show_and_no_path_of_anybody(executed):
    kinds = [[output.output_type for output in cell.outputs] for cell in code_cells(executed)]
    assert [[output.output_type for output in cell.outputs] for cell in code_cells(COOKBOOK)] == kinds
    assert "error" not in {kind for cell in kinds for kind in cell}
    written = COOKBOOK.read_text(encoding="utf-8")
    assert str(Path.home()) not in written
    assert str(ROOT) not in written
