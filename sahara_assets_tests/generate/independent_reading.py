"""A second, slow reading of generated drops with nothing but the csv module, for tests to hold the planted counts against.

It knows the rulings (line kinds, overlaps, repeats, cut-off), not how the generator makes its lines.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FEES = {"POST", "DOT", "GIFTWRAP", "BANK CHARGES"}
COLUMNS = [
    "order_id", "customer_id", "product_id", "description", "quantity",
    "unit_price", "ordered_at", "country", "currency", "client_id",
]  # fmt: skip


@dataclass
class Line:
    order_id: str
    customer_id: str
    product_id: str
    description: str
    quantity: int
    unit_price: Decimal
    ordered_at: dt.datetime

    @property
    def kind(self) -> str:
        if self.order_id.startswith("C"):
            return "cancellation"
        if self.order_id.startswith("A") or (self.quantity < 0 and self.unit_price == 0):
            return "adjustment"
        if self.quantity < 0:
            return "return"
        return "free" if self.unit_price == 0 else "sale"

    @property
    def value(self) -> Decimal:
        return self.quantity * self.unit_price


@dataclass
class Reading:
    drops: int = 0
    rows: int = 0
    bad: list[tuple[str, int, str]] = field(default_factory=list)
    overlaps: int = 0
    repeats: int = 0
    late: int = 0
    lines: list[Line] = field(default_factory=list)

    def kinds(self) -> dict[str, int]:
        return dict(Counter(line.kind for line in self.lines))

    def sales(self) -> list[Line]:
        return [line for line in self.lines if line.kind == "sale" and line.customer_id]


def parse(text: str) -> Line | str:
    """A line of a purchases file, or the reason why it is none."""
    if text.count('"') % 2:
        return "unterminated_quote"
    cells = next(csv.reader([text], strict=True))
    if len(cells) != len(COLUMNS):
        return "too_few_fields" if len(cells) < len(COLUMNS) else "too_many_fields"
    try:
        quantity = int(cells[4])
    except ValueError:
        return "quantity_not_a_number"
    try:
        price = Decimal(cells[5])
    except InvalidOperation:
        return "unit_price_not_a_number"
    try:
        ordered_at = dt.datetime.strptime(cells[6], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 local times, as the shop writes them
    except ValueError:
        return "ordered_at_not_a_date"
    return Line(cells[0], cells[1], cells[2], cells[3], quantity, price, ordered_at)


def read_purchases(folder: Path) -> Reading:
    reading = Reading()
    most: dict[str, int] = {}
    before: dt.date | None = None
    for path in sorted((folder / "purchases").glob("purchases_*.csv")):
        reading.drops += 1
        header, *rows = path.read_bytes().decode().removesuffix("\n").split("\n")
        assert header.split(",") == COLUMNS
        day = dt.date.fromisoformat(path.stem.removeprefix("purchases_"))
        here: Counter[str] = Counter()
        for number, text in enumerate(rows, start=2):
            reading.rows += 1
            parsed = parse(text)
            if isinstance(parsed, str):
                reading.bad.append((path.name, number, parsed))
                continue
            assert parsed.ordered_at.date() <= day
            here[text] += 1
            if here[text] <= most.get(text, 0):
                reading.overlaps += 1
                continue
            reading.lines.append(parsed)
            reading.late += before is not None and parsed.ordered_at.date() <= before
        for text, count in here.items():
            if count > most.get(text, 0):
                reading.repeats += count - max(most.get(text, 0), 1)
                most[text] = count
        before = day
    return reading


def customer_features(reading: Reading) -> dict[str, dict[str, float]]:
    """Features of every customer with a sale, at local midnight after the latest sale (of anyone)."""
    cut_off = dt.datetime.combine(
        max(line.ordered_at for line in reading.lines if line.kind == "sale").date() + dt.timedelta(days=1), dt.time()
    )
    by_customer: defaultdict[str, list[Line]] = defaultdict(list)
    for line in reading.sales():
        by_customer[line.customer_id].append(line)
    features = {}
    for customer, lines in sorted(by_customer.items()):
        orders = {line.order_id for line in lines}
        spend = sum((line.value for line in lines), Decimal(0))
        features[customer] = {
            "recency_days": float((cut_off - max(line.ordered_at for line in lines)) // dt.timedelta(days=1)),
            "tenure_days": float((cut_off - min(line.ordered_at for line in lines)) // dt.timedelta(days=1)),
            "order_count": float(len(orders)),
            "gross_spend": float(spend),
            "average_order_value": float(spend / len(orders)),
        }
    return features


def standardised(features: dict[str, dict[str, float]], names: list[str]) -> list[list[float]]:
    """The declared treatment of the model: capped at the 99.5 % quantile, log1p, mean 0 and standard deviation 1."""
    columns = []
    for name in names:
        values = [row[name] for row in features.values()]
        ordered = sorted(values)
        place = 0.995 * (len(ordered) - 1)
        low = math.floor(place)
        cap = ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])
        logged = [math.log1p(min(value, cap)) for value in values]
        mean = math.fsum(logged) / len(logged)
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in logged) / len(logged))
        columns.append([(value - mean) / deviation for value in logged])
    return [list(row) for row in zip(*columns, strict=True)]


def planted_segments(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["customer_id"]: row["planted_segment"] for row in csv.DictReader(file)}
