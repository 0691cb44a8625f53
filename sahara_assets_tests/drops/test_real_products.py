"""The two editions of Byte Foods' product list: quoted commas and margins as percentages, the newer edition in place of the older one."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from sahara_assets.drops.loading import load_drops
from sahara_assets.settings.document import load_settings
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.warehouse.duckdb import DuckDBWarehouse

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "byte_foods"
SETTINGS = """
[datasets.purchases]
[datasets.products]
percent = "share"
[datasets.products.columns]
product_id = "product_id"
description = "product_name"
product_group = "fc_number"
brand = "brand"
cost = "cost"
margin = "margins"
"""


@pytest.mark.real_data
def test_both_editions_of_the_product_list_are_read_whole(tmp_path):
    if not REAL.is_dir():
        pytest.skip("../shared/data/byte_foods is not there")
    (tmp_path / "sahara.toml").write_text(SETTINGS)
    folder = tmp_path / "data" / "products"
    folder.mkdir(parents=True)
    shutil.copy(REAL / "product_info_v1.csv", folder / "2017.csv")
    shutil.copy(REAL / "product_info.csv", folder / "2018.csv")
    settings = load_settings(tmp_path / "sahara.toml", {})
    with closing(DuckDBWarehouse(None)) as warehouse:
        warehouse.prepare()
        report = load_drops(warehouse, settings, run_id="run", now=datetime(2026, 1, 1))
        assert (report.rows_read, report.rows_loaded, report.rows_rejected) == (660, 660, 0)
        editions: dict[str, dict[str, dict[str, object]]] = {}
        for row in warehouse.rows(RAW_TABLES["products"]):
            editions.setdefault(row["_drop_id"], {})[row["product_id"]] = row
    first, second = (
        edition for _, edition in sorted(editions.items(), key=lambda item: "," not in item[1]["2352"]["description"])
    )
    assert len(first) == len(second) == 330
    assert sum(first[product]["margin"] != second[product]["margin"] for product in first) == 326
    assert first["2350"]["description"] == "Premium Dark Chocolate, with Mint Cookie Crunch"
    assert (first["2350"]["margin"], second["2350"]["margin"]) == (Decimal("0.31"), Decimal("0.62"))
    assert {row["cost"] for row in first.values()} == {row["cost"] for row in second.values()}
