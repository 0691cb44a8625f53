"""Starts `bqemulator`, an independent emulator from PyPI, in a process of its own: the second opinion on plain SQL.

Run as a module it prints its address and serves. Two things keep it from starting where there is no network, and are passed by:

- it fetches DuckDB's spatial extension at every start and stops without it; geography is none of our business, so that step is left out;
- its pytest plugin, loaded wherever it is installed, needs testcontainers; `addopts` in pyproject.toml leaves the plugin out.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sahara_assets_tests.commands import ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def emulator() -> Iterator[str]:
    """The address of a running emulator, empty."""
    command = [sys.executable, "-W", "ignore", "-m", "sahara_assets_tests.fake_bigquery.emulator"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=clean_environment()
    ) as running:
        assert running.stdout is not None
        try:
            lines = (line.strip() for line in running.stdout)
            address = next((line for line in lines if line.startswith("http://127.0.0.1:")), "")
            assert address, "bqemulator did not start: is it installed (pip install 'bqemulator>=1.4,<2')?"
            yield address
        finally:
            running.terminate()


async def _serve() -> None:
    from bqemulator.config import Settings
    from bqemulator.server import EmulatorServer
    from bqemulator.storage.engine import DuckDBEngine

    DuckDBEngine._load_spatial = lambda _: None
    settings = Settings(
        rest_port=0, grpc_port=0, enable_format_extensions=False, metrics_enabled=False, log_level="critical"
    )
    server = EmulatorServer(settings)
    await server.start()
    sys.stdout.write(f"{server.rest_url}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
