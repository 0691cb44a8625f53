#!/usr/bin/env python3
"""Executes docs/cookbook.ipynb over the project in this folder, in place: `scripts/cookbook.py`, which `make cookbook` calls.

A notebook and a folder elsewhere can be named: `scripts/cookbook.py NOTEBOOK FOLDER`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient

COOKBOOK = Path(__file__).resolve().parents[1] / "docs" / "cookbook.ipynb"


def execute(notebook: Path, folder: Path) -> None:
    """Run every cell from top to bottom in `folder` and keep what it shows; the first cell that fails ends it with an error."""
    # A cell calls `sahara`: the one beside this Python.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    cells = nbformat.read(notebook, as_version=4)
    with tempfile.TemporaryDirectory() as sockets:
        NotebookClient(
            cells,
            # Over sockets of this user's own: by itself Jupyter opens ports, in plain text, that everyone on the machine can reach.
            km=AsyncKernelManager(kernel_name="python3", transport="ipc", ip=str(Path(sockets) / "kernel")),
            timeout=300,
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
        ).execute()
    # What the machine is called and which Python it had is nobody's business and would change with every machine.
    cells.metadata = {
        "kernelspec": cells.metadata.kernelspec,
        "language_info": {"name": "python"},
    }
    nbformat.write(cells, notebook)


if __name__ == "__main__":
    execute(*(Path(word) for word in sys.argv[1:] or [str(COOKBOOK), str(COOKBOOK.parents[1])]))
