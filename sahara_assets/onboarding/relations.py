"""Evidence that needs several columns at once: what determines what, what counts lines, and quantity × price = total.

A header cannot say that `Amount` is the line's total or that `Item #` counts the lines of an order; the rows can. All of it is taken
from the sampled rows and handed to `mapping.py` as weights for a role and a column.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.onboarding.dates import days_of
from sahara_assets.onboarding.scoring import Evidence
from sahara_assets.onboarding.values import ColumnProfile, is_empty

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROWS = 4000


@dataclass(frozen=True)
class Product:
    """Columns (by position) that satisfy quantity × price = total on `share` of the rows that can tell."""

    quantity: int
    price: int
    total: int
    share: float
    rows: int


class Relations:
    """What holds between the columns of a sample; every answer is remembered."""

    def __init__(self, profiles: Sequence[ColumnProfile]) -> None:
        self.profiles = profiles
        self._determined: dict[tuple[int, int], float | None] = {}
        self._products: tuple[Product, ...] | None = None
        self._dates: dict[int, list[int | None]] | None = None

    def determines(self, one: int, other: int) -> float | None:
        """How far the value of one column settles the other's: share of rows that hold their group's usual value.

        Measured on rows whose `one` value occurs at least twice, above what the most frequent value alone would give: 1 is always, 0 no better than guessing. Nothing where too few rows repeat.
        """
        key = (one, other)
        if key not in self._determined:
            self._determined[key] = self._measure(one, other)
        return self._determined[key]

    def _measure(self, one: int, other: int) -> float | None:
        lefts, rights = self.profiles[one].values[:_ROWS], self.profiles[other].values[:_ROWS]
        often = {left for left, count in Counter(lefts).items() if count > 1 and not is_empty(left)}
        groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (left, right), count in Counter(zip(lefts, rights, strict=True)).items():
            if left in often:
                groups[left][right] = count
        repeated = list(groups.values())
        rows = sum(group.total() for group in repeated)
        if rows < 8 or len(repeated) < 3:
            return None
        hits = sum(group.most_common(1)[0][1] for group in repeated)
        overall: Counter[str] = Counter()
        for group in repeated:
            overall.update(group)
        base = overall.most_common(1)[0][1] / rows
        return None if base > 0.98 else max(0.0, (hits / rows - base) / (1 - base))

    def counts_lines(self, column: int, order: int) -> bool:
        """Whether the column numbers the lines of each order: 1, 2, 3 … and never otherwise."""
        lines: defaultdict[str, list[str]] = defaultdict(list)
        numbered, label = self.profiles[column].values[:_ROWS], self.profiles[order].values[:_ROWS]
        for left, right in zip(label, numbered, strict=True):
            lines[left].append(right.strip())
        longer = [found for found in lines.values() if len(found) > 1]
        if len(longer) < 3:
            return False
        return sum(
            len(set(found)) == len(found) and "1" in found and set(found) <= {str(n) for n in range(len(found) + 3)}
            for found in longer
        ) > 0.9 * len(longer)

    def dates(self) -> dict[int, list[int | None]]:
        """The columns that hold dates, each with a number per row that grows with the day."""
        if self._dates is None:
            self._dates = {p.index: days_of(p.values[:_ROWS]) for p in self.profiles if p.filled and p.date_share > 0.9}
        return self._dates

    def follows(self, column: int) -> int | None:
        """A column of dates that this one is never before and often after, as a shipment is after its order; else nothing."""
        dates = self.dates()
        for other in dates:
            both = [(one, two) for one, two in zip(dates.get(column, ()), dates[other], strict=False) if one and two]
            if other == column or len(both) < 8:
                continue
            later, earlier = sum(one > two for one, two in both), sum(one < two for one, two in both)
            if later > 0.3 * len(both) and earlier <= 0.01 * len(both):
                return other
        return None

    def products(self) -> tuple[Product, ...]:
        """Every triple of numeric columns with quantity × price = total, strongest first."""
        if self._products is None:
            self._products = self._find_products()
        return self._products

    def _find_products(self) -> tuple[Product, ...]:
        import numpy as np

        numeric = [
            p.index
            for p in self.profiles
            if p.filled > 4 and p.number_share > 0.9 and p.fill_share > 0.8 and p.date_share < 0.9 and p.distinct > 1
        ]
        numeric = [place for place in numeric if abs(self.profiles[place].median) < 1e7][:24]
        if len(numeric) < 3:
            return ()
        rows = min(1500, *(len(p.values) for p in self.profiles))
        table = np.array(
            [
                [
                    self.profiles[place].numbers.get(value.strip(), np.nan)
                    for value in self.profiles[place].values[:rows]
                ]
                for place in numeric
            ],
            dtype=float,
        )
        found = []
        for q, quantity in enumerate(numeric):
            if self.profiles[quantity].integer_share < 0.95:
                continue
            for p, price in enumerate(numeric):
                # A quantity of 1 or a price of 1 makes any two columns agree; such rows cannot tell.
                telling = (np.abs(table[q]) > 1) & (np.abs(table[p]) > 0) & (np.abs(table[p]) != 1)
                if p == q or telling.sum() < 5:
                    continue
                amount = np.abs(table[q] * table[p])[telling]
                totals = np.abs(table[:, telling])
                hits = np.abs(amount - totals) <= 0.011 + 0.001 * totals
                count = (~np.isnan(amount - totals)).sum(axis=1)
                share = hits.sum(axis=1) / np.maximum(count, 1)
                found += [
                    Product(quantity, price, total, float(share[t]), int(count[t]))
                    for t, total in enumerate(numeric)
                    if t not in {q, p} and count[t] >= 5 and share[t] > 0.8
                ]
        return tuple(sorted(found, key=lambda item: (-item.share, -item.rows, item.quantity, item.price, item.total)))

    def grows_with(self, amount: int, quantity: int, product: int) -> float | None:
        """Whether a price-like column is really the line's amount: 1 if it grows with the quantity within a product, 0 if it stays.

        Nothing where no product was sold in two different quantities often enough to tell.
        """
        known = self.profiles[amount].numbers
        counts = self.profiles[quantity].numbers
        groups: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        columns = (self.profiles[product].values, self.profiles[quantity].values, self.profiles[amount].values)
        for label, units, value in zip(*(column[:_ROWS] for column in columns), strict=True):
            q, a = counts.get(units.strip()), known.get(value.strip())
            if q and a and not is_empty(label) and q > 0:
                groups[label].append((q, a))
        stays = grows = 0
        for pairs in groups.values():
            first_q, first_a = pairs[0]
            for q, a in pairs[1:]:
                if q == first_q:
                    continue
                if abs(a - first_a) < 0.005 * first_a + 0.005:
                    stays += 1
                elif abs(a / q - first_a / first_q) < 0.01 * first_a / first_q + 0.005:
                    grows += 1
        return grows / (grows + stays) if grows + stays >= 6 else None


@dataclass(frozen=True)
class _Rule:
    """A dependency that speaks for a role or against it: `one` and `other` are roles, "self" the column in question."""

    roles: frozenset[str]
    one: str
    other: str
    above: float
    if_above: tuple[float, str]
    below: float = -1.0
    if_below: tuple[float, str] = (0.0, "")


_RULES = (
    _Rule(frozenset({"order"}), "self", "when", 0.9, (1.5, "each value has one date"), 0.5, (-2.0, "one value has several dates")),
    _Rule(frozenset({"customer"}), "order", "self", 0.95, (1.5, "each order has one"), 0.7, (-2.5, "one order has several")),
    _Rule(frozenset({"product", "description", "category"}), "order", "self", 0.95, (-3.0, "it is the same on all lines of an order")),
    _Rule(frozenset({"description", "category"}), "product", "self", 0.85, (1.0, "each product has one"), 0.3, (-1.0, "one product has many")),
)  # fmt: skip


def related_score(role: str, column: int, settled: dict[str, int], relations: Relations) -> Evidence:
    """What the other columns say for a role, given what a first pass made of them (`settled`: role → column position)."""
    found: list[tuple[float, str]] = []
    for rule in _RULES:
        one, other = (column if name == "self" else settled.get(name, column) for name in (rule.one, rule.other))
        held = relations.determines(one, other) if role in rule.roles and one != other else None
        if held is not None and held > rule.above:
            found.append(rule.if_above)
        elif held is not None and held < rule.below:
            found.append(rule.if_below)
    order = settled.get("order", column)
    if role == "when" and column in relations.dates():
        earlier = relations.follows(column)
        if len(relations.dates()) == 1:
            found.append((1.0, "it is the only column of dates"))
        elif earlier is not None:
            found.append((-1.5, f"it is after {relations.profiles[earlier].header.strip()!r}"))
    if role == "quantity" and order != column and relations.counts_lines(column, order):
        found.append((-5.0, "it numbers the lines of each order"))
    if role in {"quantity", "price"}:
        found += _amounts(role, column, settled, relations)
    return Evidence(sum(weight for weight, _ in found), tuple(reason for _, reason in found if reason))


def _amounts(  # noqa: PLR0911 - a decision table
    role: str, column: int, settled: dict[str, int], relations: Relations
) -> list[tuple[float, str]]:
    """What quantity × price = total says, and where there is no total, what the price does when the quantity grows."""
    triples = relations.products()
    headers = [profile.header.strip() for profile in relations.profiles]
    place = next((t for t in triples if column == (t.quantity if role == "quantity" else t.price)), None)
    is_total = next((t for t in triples if column == t.total), None)
    if is_total:
        return [(-5.0, f"it is {headers[is_total.quantity]} × {headers[is_total.price]}")]
    if place:
        equation = f"{headers[place.quantity]} × {headers[place.price]} = {headers[place.total]}"
        return [(2.5, f"{equation} on {place.share:.0%} of {place.rows:,} rows")]
    quantity, product = settled.get("quantity"), settled.get("product")
    if role != "price" or quantity is None:
        return []
    if any(triple.quantity == quantity for triple in triples):
        return [(-1.5, "")]  # the line's amount is made with another price
    growth = (
        relations.grows_with(column, quantity, product)
        if product is not None and column not in {quantity, product}
        else None
    )
    if growth is None or 0.2 <= growth <= 0.8:
        return []
    if growth > 0.8:
        return [(-5.0, "it grows with the quantity of the same product, so it is the line's amount")]
    return [(1.5, "it stays the same whatever the quantity of a product")]
