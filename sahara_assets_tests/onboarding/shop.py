"""A small made-up shop whose order lines the shapes print: seeded, with repeats, returns, anonymous lines and varied prices."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

_NOUNS = [
    "Lantern",
    "Mug",
    "Teapot",
    "Cushion",
    "Candle",
    "Notebook",
    "Basket",
    "Clock",
    "Vase",
    "Blanket",
    "Plate",
    "Frame",
]
_STYLES = ["Red", "Blue", "Vintage", "Small", "Large", "Wooden", "Glass", "Striped", "Paper", "Woven"]
_CATEGORIES = ["Kitchen", "Home Decor", "Stationery", "Textiles"]
_FIRST = ["Ana", "Ben", "Chloe", "David", "Eva", "Frank", "Greta", "Hugo", "Ines", "Jan", "Karla", "Luis"]
_LAST = ["Ahrens", "Brown", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Hansen", "Ivanov", "Jones"]


@dataclass(frozen=True)
class Line:
    """One line of an order, with everything a shape may print."""

    order: int
    line: int
    customer: int
    name: str
    email: str
    country: str
    country_code: str
    city: str
    product: int
    title: str
    category: str
    quantity: int
    price: float
    at: datetime
    shipped: datetime
    paid_by: str
    first_of_order: bool
    order_total: float

    @property
    def total(self) -> float:
        """quantity × price."""
        return round(self.quantity * self.price, 2)


@cache
def lines(seed: int = 7, orders: int = 220, days: int = 300, start: datetime | None = None) -> tuple[Line, ...]:
    """The shop's lines, in order of time; products 0..59, customers 0..79."""
    start = start or datetime.fromisoformat("2023-01-03T08:00")
    random_ = random.Random(seed)
    countries = [
        ("United Kingdom", "GB"),
        ("Germany", "DE"),
        ("France", "FR"),
        ("Spain", "ES"),
        ("United States", "US"),
    ]
    people = []
    for _ in range(80):
        name = f"{random_.choice(_FIRST)} {random_.choice(_LAST)}"
        people.append(
            (name, *random_.choice(countries), random_.choice(["Leeds", "Hamburg", "Lyon", "Sevilla", "Austin"]))
        )
    titles = [f"{style} {noun}" for noun in _NOUNS for style in _STYLES]
    random_.shuffle(titles)
    products = [
        (
            titles[n],
            random_.choice(_CATEGORIES),
            random_.choice([0.85, 1.25, 2.95, 3.75, 4.95, 7.95, 12.5, 19.99, 34.9]),
        )
        for n in range(60)
    ]
    moments = sorted(start + timedelta(minutes=random_.randrange(days * 24 * 60)) for _ in range(orders))
    found = []
    for order, at in enumerate(moments, start=1):
        customer = min(79, int(random_.expovariate(1 / 25)))
        name, country, code, city = people[customer]
        chosen = random_.sample(range(60), random_.choice([1, 2, 2, 3, 4, 6]))
        units = [random_.choice([1, 1, 1, 2, 2, 3, 4, 6, 12]) for _ in chosen]
        total = round(sum(unit * products[product][2] for unit, product in zip(units, chosen, strict=True)), 2)
        shipped = at + timedelta(hours=random_.randrange(20, 120))
        paid_by = random_.choice(["Visa", "PayPal", "Klarna"])
        for number, (product, unit) in enumerate(zip(chosen, units, strict=True), start=1):
            title, category, price = products[product]
            found.append(
                Line(
                    order,
                    number,
                    customer,
                    name,
                    f"{name.lower().replace(' ', '.')}{customer}@example.com",
                    country,
                    code,
                    city,
                    product,
                    title,
                    category,
                    unit,
                    price,
                    at,
                    shipped,
                    paid_by,
                    number == 1,
                    total,
                )
            )
    return tuple(found)
