"""Run by `emulator.py` in the second opinion's own environment, so it imports nothing of ours: prints the address and serves.

bqemulator fetches DuckDB's spatial extension at every start and stops without it; geography is none of our business, and there may be no
network, so that step is left out.
"""

import asyncio
import sys


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
