"""A shop whose orders and customers stand in a database: what the tables should be is asked of the database itself."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime
from decimal import Decimal

from sahara_assets.extracts.extracting import extract_all
from sahara_assets.tables.sales import CUSTOMERS, PURCHASES
from sahara_assets_tests.small_shop import SmallShop

NOW = datetime(2026, 1, 1)

LINES = "CREATE TABLE order_lines (line_id INTEGER PRIMARY KEY, order_id TEXT, customer_id TEXT, product_id TEXT, quantity INTEGER, unit_price NUMERIC, ordered_at TEXT, changed INTEGER)"
CUSTOMERS_TABLE = "CREATE TABLE customers (customer_id TEXT PRIMARY KEY, country TEXT, changed INTEGER)"


class CounterShop:
    """A SQLite database with a watermark that counts, and a project that reads it."""

    def __init__(self, root, lookback=5, warehouse=None):
        self.root = root
        self.database = sqlite3.connect(root / "shop.db")
        self.database.execute(LINES)
        self.database.execute(CUSTOMERS_TABLE)
        common = {"url": "sqlite:///shop.db", "watermark": "changed", "lookback": lookback}
        self.shop = SmallShop(
            root,
            warehouse,
            datasets={"purchases": {}, "customers": {}},
            extracts={
                "lines": {"dataset": "purchases", "table": "order_lines", **common},
                "people": {"dataset": "customers", "table": "customers", **common},
            },
        )

    def close(self):
        self.database.close()
        self.shop.warehouse.close()

    def put_line(self, line_id, changed, order="A", product="mug", quantity=1):
        """Add a line, or change it; the shop's clock of changes says when."""
        row = (line_id, order, "ann", product, quantity, 2.5, "2025-03-01 10:00:00", changed)
        self.database.execute("INSERT OR REPLACE INTO order_lines VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self.database.commit()

    def put_customer(self, name, changed, country="UK"):
        self.database.execute("INSERT OR REPLACE INTO customers VALUES (?, ?, ?)", (name, country, changed))
        self.database.commit()

    def execute(self, statement, *values):
        self.database.execute(statement, values)
        self.database.commit()

    def extract(self, *names, **options):
        return extract_all(self.shop.settings, now=NOW, names=names, **options)

    def extract_well(self, *names, **options):
        """Extract, and have nothing go wrong."""
        outcomes = self.extract(*names, **options)
        assert [each.error for each in outcomes] == [""] * len(outcomes)
        return outcomes

    def files(self, name):
        return sorted(path.name for path in (self.root / "extracts" / name).glob("*.jsonl.gz"))

    def taken_in(self):
        """What the tables say after loading what lies there: purchases and customers, as bags."""
        self.shop.build(features=False)
        lines = Counter((row["order_id"], row["product_id"], row["quantity"]) for row in self.shop.rows(PURCHASES))
        people = {row["customer_id"]: row["country"] for row in self.shop.rows(CUSTOMERS)}
        return lines, people

    def truth(self):
        """The same, asked of the database."""
        with closing(self.database.cursor()) as cursor:
            lines = cursor.execute("SELECT order_id, product_id, quantity FROM order_lines").fetchall()
            people = dict(cursor.execute("SELECT customer_id, country FROM customers").fetchall())
        if lines:
            people.setdefault("ann", None)
        return Counter((order, product, Decimal(quantity)) for order, product, quantity in lines), people
