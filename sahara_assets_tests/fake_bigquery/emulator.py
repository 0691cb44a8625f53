"""Starts `bqemulator`, an independent emulator from PyPI, in a process of its own: the second opinion on plain SQL.

It lives in an environment of its own, `.venv-second-opinion` (made by `make test` from `requirements/second_opinion.txt`), because it holds
other packages at other versions than ours; what it runs there is `emulator_server.py`.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sahara_assets_tests.commands import ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = ROOT / ".venv-second-opinion" / "bin" / "python"


@contextmanager
def emulator() -> Iterator[str]:
    """The address of a running emulator, empty."""
    assert PYTHON.exists(), "the second opinion is not installed: scripts/set_up second_opinion"
    command = [str(PYTHON), "-W", "ignore", str(Path(__file__).with_name("emulator_server.py"))]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=clean_environment()
    ) as running:
        assert running.stdout is not None
        try:
            lines = (line.strip() for line in running.stdout)
            address = next((line for line in lines if line.startswith("http://127.0.0.1:")), "")
            assert address, "bqemulator did not start"
            yield address
        finally:
            running.terminate()
