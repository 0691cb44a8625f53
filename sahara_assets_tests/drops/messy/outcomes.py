"""What the loader and `read_table` make of a pollution: run, not told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahara_assets.drops.ledger import ledger_rows, rejected_rows
from sahara_assets.drops.tables import Table, read_table
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets_tests.drops.messy.pollutions import COLUMNS, ROWS, Pollution
from sahara_assets_tests.small_shop import SmallShop

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Loaded:
    """A load's outcome: the rows in the raw table as texts and their lines, the rejects, and the ledger's row."""

    rows: list[tuple[str, ...]]
    lines: list[int]
    rejects: list[dict[str, Any]]
    ledger: dict[str, Any]


def load(pollution: Pollution, folder: Path) -> Loaded:
    """Deliver the file to a shop of its own and take it in."""
    shop = SmallShop(folder, datasets={"purchases": {"patterns": ["*.csv"], **pollution.settings}})
    (shop.folder / "orders.csv").write_bytes(pollution.content)
    shop.load()
    raw = sorted(shop.rows(RAW_TABLES["purchases"]), key=lambda row: row["_line"])
    rejects = sorted(rejected_rows(shop.warehouse), key=lambda row: row["line"])
    (ledger,) = ledger_rows(shop.warehouse)
    return Loaded([_as_text(row) for row in raw], [row["_line"] for row in raw], rejects, ledger)


def _as_text(row: dict[str, Any]) -> tuple[str, ...]:
    quantity, price = f"{row['quantity']:f}".removesuffix(".0000"), f"{row['unit_price']:.2f}"
    texts = [row[name] for name in COLUMNS[:4]]
    return (*texts, quantity, price, f"{row['ordered_at']:%Y-%m-%d %H:%M:%S}")


def peek(pollution: Pollution, folder: Path) -> Table:
    """Read the file without any settings."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "orders.csv"
    path.write_bytes(pollution.content)
    return read_table(path, pollution.peek_given)


def expected_rows(pollution: Pollution, numbers: tuple[int, ...]) -> list[tuple[str, ...]]:
    """Rows of the order file as a pollution must leave them."""
    return [(*ROWS[n][:3], pollution.changed.get(n, ROWS[n][3]), *ROWS[n][4:]) for n in numbers]
