"""A shop of a few lines for tests: deliver files, take them in, build tables, read them."""

import csv
import io
import itertools
from datetime import datetime

from sahara_assets.builds import Run
from sahara_assets.drops.loading import load_drops
from sahara_assets.settings.document import parse_settings
from sahara_assets.stages import analytics as analytics_stage
from sahara_assets.stages import features as features_stage
from sahara_assets.stages import sales as sales_stage
from sahara_assets.warehouse.duckdb import DuckDBWarehouse

NOW = datetime(2026, 1, 1)


class SmallShop:
    """A drop folder and a warehouse, one in memory where none is given.

    `settings` are the parts of sahara.toml that differ from the defaults.
    """

    def __init__(self, folder, warehouse=None, /, **settings):
        self.folder = folder / "drops"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.root = folder
        self.set(**settings)
        self.warehouse = warehouse or DuckDBWarehouse(None)
        self.warehouse.prepare()
        self.runs = itertools.count(1)

    def set(self, **settings):
        """Other settings from now on."""
        document = {"drops": {"folder": "drops"}, "rules": {"fee_codes": []}, **settings}
        self.settings = parse_settings(document, root=self.root)

    def deliver(self, path, rows):
        """Write a file of dictionaries, or of text as it is."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(rows, str):
            target.write_text(rows)
            return target
        target.write_text(as_csv(rows))
        return target

    def load(self):
        """Take in what is new."""
        return load_drops(self.warehouse, self.settings, run_id=f"run-{next(self.runs)}", now=NOW)

    def build(self, *, features=True):
        """Load, then build everything down to the features."""
        report = self.load()
        build(self.warehouse, self.settings, Run("test", NOW), features=features)
        return report

    def rows(self, table):
        """A declared table's rows."""
        return self.warehouse.rows(table)


def build(warehouse, settings, run, *, features=True):
    """Everything from what was loaded down to the features, or to the customers."""
    for stage in (
        analytics_stage.sessions,
        analytics_stage.product_events,
        sales_stage.purchases,
        sales_stage.orders,
        sales_stage.products,
        sales_stage.customers,
        *([features_stage.customer_features] if features else []),
    ):
        stage(warehouse, settings, run)


def as_csv(rows):
    """Dictionaries as the text of a file."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def line(order="1", customer="ann", product="mug", quantity="1", price="2.50", at="2025-03-01 10:00:00", **more):
    """One purchase line with usual values."""
    return {
        "order_id": order,
        "customer_id": customer,
        "product_id": product,
        "description": more.pop("description", f"a {product}"),
        "quantity": quantity,
        "unit_price": price,
        "ordered_at": at,
        **more,
    }
