"""A made-up purchase file of Byte Foods with the published counts of the real one, which is not to be had.

Here: how many lines every product, part of the day, kiosk and card has, and which cells are given. What is published stands in
`byte_foods_published.py`; single lines are drawn and written in `byte_foods_lines.py`. With fewer rows than the real file has, all sums
are scaled down and no cell is given.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.generate import byte_foods_published as published
from sahara_assets.generate.apportioning import apportion, table_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]
    Cells = dict[tuple[int, int], int]

PARTS = tuple(published.PARTS)
LEAST_ROWS = 1_000
USUAL_PARTS = np.array([0.20, 0.25, 0.55])
_MOST_OF_A_PERSON = 400
_MOST_KIOSK_ID, _PRODUCT_IDS = 1_100, (2_300, 6_200)


@dataclass(frozen=True)
class Product:
    """A product's number and the group that the shop puts it in; None where it has none."""

    product_id: int
    fc_number: int | None


@dataclass(frozen=True)
class Plan:
    """Every count of the file.

    Attributes:
        products: in the order of their ids.
        product_parts: lines by product and part of the day (UTC).
        kiosks: the kiosks' numbers, ascending.
        kiosk_counts, card_counts: lines of each kiosk and card; cards go from the one that buys most.
        rows_without_card: lines of nobody.
        kiosk_cells, card_cells: (place of the kiosk or card, place of the product) → lines, where that is given.
        most_of_kiosk, most_of_card: the most lines of one product in any other cell.
    """

    products: tuple[Product, ...]
    product_parts: Ints
    kiosks: Ints
    kiosk_counts: Ints
    card_counts: Ints
    rows_without_card: int
    kiosk_cells: Cells
    card_cells: Cells
    most_of_kiosk: int
    most_of_card: int

    @property
    def product_counts(self) -> Ints:
        """Lines of each product."""
        counts: Ints = self.product_parts.sum(axis=1)
        return counts

    @property
    def rows(self) -> int:
        """Lines in all."""
        return int(self.product_parts.sum())


def read_products(path: Path) -> tuple[Product, ...]:
    """The products of a product info file, so that the purchases fit to it.

    Raises:
        ValueError: the file lacks a column, holds other products than the published tables name, or not so many.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"product_id", "fc_number"} <= set(rows[0]):
        raise ValueError(f"{path}: the header must name product_id and fc_number")
    try:
        products = {int(row["product_id"]): int(row["fc_number"]) if row["fc_number"] else None for row in rows}
    except ValueError as error:
        raise ValueError(f"{path}: product_id and fc_number must be whole numbers ({error})") from error
    lacking = sorted(_named_products() - set(products))
    if lacking or len(products) != published.PRODUCTS:
        missing = f" and product {lacking[0]} is not among them" if lacking else ""
        raise ValueError(
            f"{path}: holds {len(products)} products where the purchases have {published.PRODUCTS}{missing}"
        )
    return tuple(Product(number, products[number]) for number in sorted(products))


def _named_products() -> set[int]:
    """Every product that a published table names."""
    cells = (
        published.part_counts(),
        published.pair_counts(published.CARD_PRODUCTS),
        published.pair_counts(published.KIOSK_PRODUCTS),
    )
    named = {product for (product, _) in cells[0]} | {product for table in cells[1:] for _, product in table}
    return named | set(published.counts(published.PRODUCT_COUNTS))


def make_products(rng: np.random.Generator) -> tuple[Product, ...]:
    """The published products, and made-up ones up to their number, in groups whose published counts they can come to."""
    named = sorted(_named_products())
    free = sorted(set(range(*_PRODUCT_IDS)) - set(named))
    others = sorted(int(number) for number in rng.choice(free, published.PRODUCTS - len(named), replace=False))
    known = published.counts(published.PRODUCT_COUNTS)
    room = _group_counts()
    # A product of known count goes where it is the whole, else where most is left; the others fill what is left by its size.
    placed: dict[int, int | None] = {}
    for number, count in sorted(known.items(), key=lambda item: (-item[1], item[0])):
        exact = [group for group, left in room.items() if left == count]
        group = exact[0] if exact else max(room, key=lambda key: (room[key], -(key or 0)))
        placed[number] = group
        room[group] -= count
    heavy = _least_counts()
    rest = sorted({*named, *others} - set(known), key=lambda number: (-heavy.get(number, 0), number))
    members = {group: 0 for group, left in room.items() if left}
    # The first one of every group, the heaviest where most is left; then each where it has most room.
    for group in sorted(members, key=lambda key: (-room[key], key is None, key or 0)):
        placed[rest.pop(0)] = group
        members[group] = 1
    for number in rest:
        group = max(members, key=lambda key: (room[key] / (members[key] + 1), -(key or 0)))
        placed[number] = group
        members[group] += 1
    return tuple(Product(number, placed[number]) for number in sorted(placed))


def _group_counts() -> dict[int | None, int]:
    """The lines of every group, and of none."""
    found: list[tuple[int | None, int]] = [(None, published.ROWS_WITHOUT_FC_NUMBER)]
    return dict([*found, *published.counts(published.FC_COUNTS).items()])


def _least_counts() -> dict[int, int]:
    """How many lines a product has at least, by the cells that are published of it."""
    tables = (
        published.part_counts(),
        {(what, card): n for (card, what), n in published.pair_counts(published.CARD_PRODUCTS).items()},
        {(what, kiosk): n for (kiosk, what), n in published.pair_counts(published.KIOSK_PRODUCTS).items()},
    )
    least: dict[int, int] = {}
    for table in tables:
        sums: dict[int, int] = {}
        for (product, _), count in table.items():
            sums[product] = sums.get(product, 0) + count
        for product, count in sums.items():
            least[product] = max(least.get(product, 0), count)
    return least


def make_plan(rows: int, rng: np.random.Generator, products: tuple[Product, ...]) -> Plan:
    """Every count of a file of so many rows.

    Raises:
        ValueError: too few or too many rows, or products whose groups cannot have the published counts.
    """
    if not LEAST_ROWS <= rows <= published.ROWS:
        raise ValueError(f"rows must be between {LEAST_ROWS:,} and {published.ROWS:,}, not {rows:,}")
    counts = product_counts(products, rng)
    parts = part_table(products, counts, rng)
    kiosks, kiosk_counts = _kiosks(rng)
    cards = _cards(rng)
    if rows < published.ROWS:
        return _scaled(rows, products, parts, kiosks, kiosk_counts, cards)
    places = {product.product_id: place for place, product in enumerate(products)}
    at_kiosk = {int(number): place for place, number in enumerate(kiosks)}
    kiosk_cells = {
        (at_kiosk[kiosk], places[product]): count
        for (kiosk, product), count in published.pair_counts(published.KIOSK_PRODUCTS).items()
    }
    card_cells = {
        (card - 1, places[product]): count
        for (card, product), count in published.pair_counts(published.CARD_PRODUCTS).items()
    }
    # Of both tables the rows between the first and the last thirty are not shown: made-up cells stand in for them.
    return Plan(
        products,
        parts,
        kiosks,
        kiosk_counts,
        cards,
        published.ROWS_WITHOUT_CARD,
        kiosk_cells | _between(kiosk_cells, kiosk_counts, counts),
        card_cells | _between(card_cells, cards[: max(card for card, _ in card_cells) + 1], counts),
        most_of_kiosk=min(kiosk_cells.values()) - 1,
        most_of_card=min(card_cells.values()) - 1,
    )


def _shown(cells: Cells) -> tuple[int, int]:
    """The least of the first rows that are shown and the most of the last ones."""
    ordered = sorted(cells.values(), reverse=True)
    return ordered[published.SHOWN_OF_MOST - 1], ordered[published.SHOWN_OF_MOST]


def _between(cells: Cells, counts: Ints, product_counts_: Ints) -> Cells:
    """Cells for the rows between those that are shown: the ones in which most is to be expected."""
    above, below = _shown(cells)
    missing = published.RANKED_PAIRS - len(cells)
    expected = np.outer(counts, product_counts_).astype(np.float64)
    for cell in cells:
        expected[cell] = 0
    # Not too many of one kiosk or card: the rest of its lines must fit under the bar.
    best = np.argsort(-expected, axis=None, kind="stable")[:missing]
    values = np.linspace(above - 1, below + 1, missing).round().astype(int)
    width = expected.shape[1]
    return {(int(place) // width, int(place) % width): int(value) for place, value in zip(best, values, strict=True)}


def product_counts(products: tuple[Product, ...], rng: np.random.Generator) -> Ints:
    """Lines of each product: the published ones, and others between them, so that every group has its published count.

    Raises:
        ValueError: the products' groups cannot have these counts.
    """
    known = published.counts(published.PRODUCT_COUNTS)
    first, last = _ends(list(known.values()))
    groups: dict[int | None, list[int]] = {}
    for place, product in enumerate(products):
        groups.setdefault(product.fc_number, []).append(place)
    totals = _group_counts()
    if set(groups) - set(totals):
        raise ValueError(
            f"the products have groups that no purchase has, such as fc_number {min(set(groups) - set(totals), key=str)}"
        )
    least = _least_counts()
    open_places = {
        group: [place for place in members if products[place].product_id not in known]
        for group, members in groups.items()
    }
    left = {
        group: totals[group] - sum(known.get(products[place].product_id, 0) for place in members)
        for group, members in groups.items()
    }
    rare = _rare_by_group(
        open_places, left, {p.product_id: least.get(p.product_id, 0) for p in products}, products, first, last
    )
    counts = np.zeros(len(products), dtype=np.int64)
    for place, product in enumerate(products):
        counts[place] = known.get(product.product_id, 0)
    for group in sorted(open_places, key=lambda key: (key is None, key or 0)):
        places = open_places[group]
        if not places and not left[group]:
            continue
        # The rare ones are those of which nothing is published.
        order = sorted(places, key=lambda place: (least.get(products[place].product_id, 0), products[place].product_id))
        is_rare = np.array([order.index(place) < rare[group] for place in places])
        low = np.array(
            [
                1 if r else max(last + 1, least.get(products[p].product_id, 0))
                for p, r in zip(places, is_rare, strict=True)
            ]
        )
        high = np.where(is_rare, last_of_all(known) - 1, first - 1)
        weights = np.exp(rng.normal(0.0, 0.8, len(places))) * np.where(is_rare, 0.001, 1.0)
        counts[places] = apportion(left[group], weights, low, high)
    return counts


def _ends(values: list[int]) -> tuple[int, int]:
    """The least of the first thirty products, and the most of the last thirty that are shown."""
    ordered = sorted(values, reverse=True)
    return ordered[published.SHOWN_OF_MOST - 1], ordered[published.SHOWN_OF_MOST]


def last_of_all(known: dict[int, int]) -> int:
    """The least count that is published of a product."""
    return min(known.values())


def _rare_by_group(
    open_places: dict[int | None, list[int]],
    left: dict[int | None, int],
    least: dict[int, int],
    products: tuple[Product, ...],
    first: int,
    last: int,
) -> dict[int | None, int]:
    """How many of each group's open products are rarer than the last one that is published: thirty in all."""
    bar = last_of_all(published.counts(published.PRODUCT_COUNTS)) - 1
    possible: dict[int | None, list[int]] = {}
    for group, places in open_places.items():
        lows = sorted(max(last + 1, least[products[place].product_id]) for place in places)
        # The rare ones are taken from those of which nothing is published, whose least is the smallest.
        free = sum(least[products[place].product_id] == 0 for place in places)
        fits = [
            rare
            for rare in range(free + 1)
            if rare + sum(lows[rare:]) <= left[group] <= rare * bar + (len(places) - rare) * (first - 1)
        ]
        if not fits:
            raise ValueError(
                f"the products of fc_number {group} cannot have the {left[group]:,} lines that are left for them"
            )
        possible[group] = fits
    rare = {group: fits[0] for group, fits in possible.items()}
    missing = published.PRODUCTS - published.RANKED_PRODUCTS - sum(rare.values())
    for group in sorted(possible, key=lambda key: (-len(possible[key]), key is None, key or 0)):
        more = max((count for count in possible[group] if count - rare[group] <= missing), default=rare[group])
        missing -= more - rare[group]
        rare[group] = more
    if missing:
        raise ValueError("the products' groups leave no room for the rare products that the published table leaves out")
    return rare


def part_table(products: tuple[Product, ...], counts: Ints, rng: np.random.Generator) -> Ints:
    """Lines by product and part of the day: the published cells, forty between those that are shown, the rest below.

    Raises:
        ValueError: the products' counts leave no such table.
    """
    cells = published.part_counts()
    above, below = _shown(cells)
    lowest = min(cells.values())
    low = np.zeros((len(products), len(PARTS)), dtype=np.int64)
    high = np.full_like(low, lowest - 1)
    places = {product.product_id: place for place, product in enumerate(products)}
    given = np.zeros_like(low, dtype=bool)
    for (product, part), count in cells.items():
        low[places[product], part] = high[places[product], part] = count
        given[places[product], part] = True
    between = _cells_between(counts, low, given, (below + 1, above - 1), lowest - 1)
    for place, number in enumerate(between):
        # The usual part of the day first.
        parts = sorted(
            (part for part in range(len(PARTS)) if not given[place, part]), key=lambda part: -USUAL_PARTS[part]
        )
        for part in parts[:number]:
            low[place, part], high[place, part] = below + 1, above - 1
    weights = USUAL_PARTS * np.exp(rng.normal(0.0, 0.45, low.shape))
    return table_of(counts, np.array(list(published.PARTS.values())), weights, low, high)


def _cells_between(
    counts: Ints, low: Ints, given: npt.NDArray[np.bool_], bounds: tuple[int, int], most: int
) -> list[int]:
    """How many cells of each product lie between those that are shown: as few as it takes, then more of the biggest products."""
    least, highest = bounds
    options: list[list[int]] = []
    for place, count in enumerate(counts.tolist()):
        rest, free = count - int(low[place].sum()), int((~given[place]).sum())
        options.append([n for n in range(free + 1) if n * least <= rest <= n * highest + (free - n) * most])
    if any(not fits for fits in options):
        place = next(place for place, fits in enumerate(options) if not fits)
        raise ValueError(
            f"a product of {counts[place]:,} lines cannot be spread over the day as the published cells want it"
        )
    chosen = [fits[0] for fits in options]
    missing = published.RANKED_PAIRS - len(published.part_counts()) - sum(chosen)
    for place in np.argsort(-counts, kind="stable").tolist():
        if missing <= 0:
            break
        more = [n for n in options[place] if n == chosen[place] + 1]
        if more:
            chosen[place] += 1
            missing -= 1
    if missing:
        raise ValueError("the products' counts leave no room for the cells between those that are published")
    return chosen


def _kiosks(rng: np.random.Generator) -> tuple[Ints, Ints]:
    """The kiosks' numbers, ascending, and the lines of each."""
    known = published.counts(published.KIOSK_COUNTS)
    cells = published.pair_counts(published.KIOSK_PRODUCTS)
    least: dict[int, int] = {}
    for (kiosk, _), count in cells.items():
        least[kiosk] = least.get(kiosk, 0) + count
    named = sorted(set(known) | set(least))
    free = sorted(set(range(1, _MOST_KIOSK_ID)) - set(named))
    others = rng.choice(free, published.KIOSKS - len(named), replace=False).tolist()
    numbers = sorted([*named, *others])
    bar = min(known.values()) - 1
    low = np.array([known.get(n) or (min(least[n] * 8, bar) if n in least else 5) for n in numbers])
    high = np.array([known.get(n, bar) for n in numbers])
    return np.array(numbers), apportion(published.ROWS, np.exp(rng.normal(0.0, 1.1, len(numbers))), low, high)


def _cards(rng: np.random.Generator) -> Ints:
    """The lines of each card, those of the published ones first, the others from the one that buys most."""
    known = [int(count) for count in published.CARD_COUNTS.split()]
    cells = published.pair_counts(published.CARD_PRODUCTS)
    bar = min(known) - 1
    more = sorted({card for card, _ in cells} - set(range(1, len(known) + 1)))
    least = [max(count for (card, _), count in cells.items() if card == number) for number in more]
    size = published.CARDS - len(known)
    low = np.concatenate([np.array(least, dtype=np.int64) * 5 // 4, np.ones(size - len(more), dtype=np.int64)])
    weights = np.exp(rng.normal(0.0, 1.35, size))
    left = published.ROWS - published.ROWS_WITHOUT_CARD - sum(known)
    counts = apportion(left, weights, low, bar)
    rest = np.sort(counts[len(more) :])[::-1]
    return np.concatenate([np.array(known, dtype=np.int64), counts[: len(more)], rest])


def _scaled(
    rows: int, products: tuple[Product, ...], parts: Ints, kiosks: Ints, kiosk_counts: Ints, cards: Ints
) -> Plan:
    """The same shop with fewer rows: products and kiosks as often as before, and as many lines a card, of fewer cards."""
    share = rows / published.ROWS
    flat = apportion(rows, parts.reshape(-1).astype(np.float64))
    fewer = max(round(len(cards) * share), 2)
    nobody = max(round(published.ROWS_WITHOUT_CARD * share), 1)
    picked = cards[np.linspace(0, len(cards) - 1, fewer).astype(int)]
    # Who is no single person buys by the size of the shop; single persons stay what they are.
    sizes = np.where(picked > _MOST_OF_A_PERSON, np.maximum(picked * share, 30.0), picked.astype(np.float64))
    scaled_cards = np.sort(apportion(rows - nobody, sizes, 1))[::-1]
    return Plan(
        products,
        flat.reshape(parts.shape),
        kiosks,
        apportion(rows, kiosk_counts.astype(np.float64)),
        scaled_cards,
        nobody,
        {},
        {},
        most_of_kiosk=rows,
        most_of_card=rows,
    )
