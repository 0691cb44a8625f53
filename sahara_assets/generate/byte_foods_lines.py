"""The single purchases of the made-up Byte Foods: who bought what where and when, and the file that holds them.

Cards keep to a kiosk or two and to a few products; what is taken at once has one moment, so that two units are two equal lines. Every sum
of the plan is kept exactly: lines are laid out kiosk by kiosk and card by card, products are dealt out in short runs and swapped until no
cell has more than it may, and parts of the day are dealt out product by product to early and late cards.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.generate import byte_foods_published as published
from sahara_assets.generate.apportioning import apportion
from sahara_assets.generate.byte_foods import make_plan, make_products, read_products
from sahara_assets.generate.catalogue import csv_cell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from sahara_assets.generate.byte_foods import Plan, Product

    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

HEADER = "kiosk_id,product_id,card_hash,date_time,fc_number\n"
PURCHASES, PRODUCT_INFO = "purchases/items_purchased.csv", "products/product_info.csv"
_HASH_BYTES = 64  # 88 characters of base64
_WRITTEN_AT_ONCE = 100_000
_ROUNDS = 400
_NOBODY = -1

_HOURS = (
    (0.30, 0.22, 0.13, 0.07, 0.03, 0.02, 0.01, 0.01, 0.01, 0.01, 0.02, 0.05, 0.12),
    (0.10, 0.17, 0.22, 0.26, 0.25),
    (0.20, 0.25, 0.20, 0.13, 0.11, 0.11),
)
"""How usual each hour (UTC) of a part of the day is: late afternoon, breakfast and lunch on the west coast of America."""
_FIRST_HOURS = (0, 13, 18)
_WEEKDAYS = np.array([1.0, 1.05, 1.1, 1.05, 0.9, 0.18, 0.14])
_SUMMER, _WINTER = -7, -8
_WINTER_FROM, _WINTER_TO = datetime(2017, 11, 5, 9, tzinfo=UTC), datetime(2018, 3, 11, 10, tzinfo=UTC)
"""When clocks changed, America/Los_Angeles."""

_GOODS = (
    "Salad", "Wrap", "Yogurt", "Greek Yogurt", "Granola Bar", "Sparkling Water", "Cold Brew", "Sandwich", "Soup", "Fruit Cup",
    "Trail Mix", "Dark Chocolate", "Kombucha", "Burrito Bowl", "Hummus", "Protein Shake",
)  # fmt: skip
_KINDS = (
    "Lemon",
    "Berry",
    "Chicken",
    "Vanilla",
    "Sea Salt",
    "Spicy",
    "Classic",
    "Garden",
    "Mango",
    "Almond",
    "Smoky",
    "Mint",
)
_BRANDS = ("Harbor", "Fern & Oak", "Dayspring", "Blue Door", "Mariposa", "Little Acre", "O'Malley's", "Sunset Dairy")


@dataclass(frozen=True)
class GeneratedPurchases:
    """What was written: the purchase file, the product file (None where one was given), and how many rows, cards and visits."""

    purchases: Path
    products: Path | None
    rows: int
    cards: int
    visits: int


def generate_byte_foods(
    folder: Path,
    *,
    rows: int = published.ROWS,
    seed: int = 20,
    product_info: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> GeneratedPurchases:
    """Write a purchase file like the one of Byte Foods, and a product file that goes with it.

    At its full size it has every published count (`byte_foods_published.py`); with fewer rows it is the same shop scaled down.

    Args:
        folder: created where missing; `purchases/items_purchased.csv` and `products/product_info.csv` in it are overwritten.
        rows: purchased items.
        seed: any number from 0 on; the same arguments give the same bytes.
        product_info: a product file whose products and groups the purchases take; without one, products are made up and written too.
        progress: called with rows written and rows in all.

    Raises:
        ValueError: an argument is outside its bounds, or the product file does not fit.
        OSError: a file cannot be read or written.
    """
    if seed < 0:
        raise ValueError(f"seed must be at least 0, not {seed:,}")
    rng = np.random.default_rng([seed, 7])
    products = make_products(rng) if product_info is None else read_products(product_info)
    plan = make_plan(rows, rng, products)
    lines = deal(plan, rng)
    path = folder / PURCHASES
    _write_purchases(path, plan, lines, rng, progress)
    info = None
    if product_info is None:
        info = folder / PRODUCT_INFO
        _write_products(info, products, rng)
    return GeneratedPurchases(path, info, plan.rows, len(plan.card_counts), int(lines.visit.max()) + 1)


@dataclass
class Lines:
    """Every line, as places in the plan: its kiosk, card (-1 for nobody), product, part of the day, visit and moment (UTC seconds)."""

    kiosk: Ints
    card: Ints
    product: Ints
    part: Ints
    visit: Ints
    moment: Ints


def deal(plan: Plan, rng: np.random.Generator) -> Lines:
    """Deal out every count of the plan to single lines."""
    kiosk, card = _people_at_kiosks(plan, rng)
    product = _products_of(plan, kiosk, card, rng)
    part = _parts_of(plan, card, product, rng)
    visit = _visits(kiosk, card, part, product, rng)
    return Lines(kiosk, card, product, part, visit, _moments(visit, card, part, rng))


def _people_at_kiosks(plan: Plan, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Kiosk and card of every line, kiosk by kiosk and within it card by card."""
    room = plan.kiosk_counts.copy()
    placed: list[list[tuple[int, int]]] = [[] for _ in room]

    def spread(who: int, count: int, kiosks: Ints) -> None:
        taken = apportion(count, room[kiosks].astype(np.float64), 0, room[kiosks])
        room[kiosks] -= taken
        for place, lines in zip(kiosks.tolist(), taken.tolist(), strict=True):
            if lines:
                placed[place].append((who, lines))

    everywhere = np.arange(len(room))
    spread(_NOBODY, plan.rows_without_card, everywhere)
    # The biggest card is no single person: it buys everywhere. Other big ones go to a few places.
    special = max([card for card, _ in plan.card_cells], default=0) + 1
    spread(0, int(plan.card_counts[0]), everywhere)
    for who in range(1, special):
        count = int(plan.card_counts[who])
        few = min(len(room), 4 + count // 80)
        usual = rng.choice(len(room), few, replace=False, p=room / room.sum())
        spread(who, count, np.sort(usual) if room[usual].sum() >= count else everywhere)
    # Everybody else is laid end to end along the kiosks, so that most stand at one and a few at two.
    rest = rng.permutation(np.arange(special, len(plan.card_counts)))
    along = np.repeat(rest, plan.card_counts[rest])
    starts = np.concatenate([[0], np.cumsum(room)])
    cards = []
    for place, here in enumerate(placed):
        cards += [np.full(lines, who, dtype=np.int64) for who, lines in here]
        cards.append(along[starts[place] : starts[place + 1]])
    return np.repeat(everywhere, plan.kiosk_counts), np.concatenate(cards)


def _products_of(plan: Plan, kiosk: Ints, card: Ints, rng: np.random.Generator) -> Ints:
    """The product of every line: given cells first, then runs of the rest, then swaps until no cell has more than it may."""
    product = np.full(plan.rows, -1, dtype=np.int64)
    left = plan.product_counts.copy()
    special = max([who for who, _ in plan.card_cells], default=-1)
    kiosk_start = np.concatenate([[0], np.cumsum(plan.kiosk_counts)])

    def put(places: Ints, what: int, count: int) -> None:
        chosen = rng.choice(places, count, replace=False)
        product[chosen] = what
        left[what] -= count

    by_card = {who: np.flatnonzero(card == who) for who in sorted({who for who, _ in plan.card_cells})}
    for (who, what), count in plan.card_cells.items():
        put(by_card[who][product[by_card[who]] < 0], what, count)
    for (where, what), count in plan.kiosk_cells.items():
        here = np.arange(kiosk_start[where], kiosk_start[where + 1])
        already = int((product[here] == what).sum())
        put(here[(product[here] < 0) & (card[here] > special)], what, count - already)
    given = product >= 0
    runs_of, sizes = [], []
    for what in np.flatnonzero(left).tolist():
        # Runs are what makes a card buy the same again.
        lengths = rng.geometric(0.45, int(left[what]))
        ends = np.cumsum(lengths)
        lengths = lengths[: int(np.searchsorted(ends, left[what])) + 1]
        lengths[-1] -= int(lengths.sum()) - int(left[what])
        runs_of.append(np.full(len(lengths), what, dtype=np.int64))
        sizes.append(lengths)
    whats, lengths = np.concatenate(runs_of), np.concatenate(sizes)
    order = rng.permutation(len(whats))
    product[~given] = np.repeat(whats[order], lengths[order])
    _swap_until_it_fits(plan, kiosk, card, product, given, rng)
    return product


def _swap_until_it_fits(
    plan: Plan, kiosk: Ints, card: Ints, product: Ints, given: Flags, rng: np.random.Generator
) -> None:
    """Exchange the products of lines that are not given until every cell has what is given, or at most what it may.

    Raises:
        ValueError: it did not come to that, which is a matter of the seed.
    """
    width = len(plan.products)
    most_at_kiosk = np.full((len(plan.kiosks), width), plan.most_of_kiosk, dtype=np.int64)
    # Only cards with many lines can have too many of one product.
    big = np.flatnonzero(plan.card_counts > plan.most_of_card)
    row_of_card = np.full(len(plan.card_counts) + 1, len(big), dtype=np.int64)
    row_of_card[big] = np.arange(len(big))
    most_of_card = np.full((len(big) + 1, width), plan.most_of_card, dtype=np.int64)
    most_of_card[len(big)] = plan.rows
    for (where, what), count in plan.kiosk_cells.items():
        most_at_kiosk[where, what] = count
    for (who, what), count in plan.card_cells.items():
        most_of_card[row_of_card[who], what] = count
    rows = row_of_card[card]
    free = np.flatnonzero(~given)
    for _ in range(_ROUNDS):
        at_kiosk, of_card = _tables(kiosk, rows, product, most_at_kiosk.shape, most_of_card.shape)
        over = (at_kiosk > most_at_kiosk)[kiosk[free], product[free]] | (of_card > most_of_card)[
            rows[free], product[free]
        ]
        wrong = free[over]
        if not len(wrong):
            return
        # A cell that has a few too many lets a few go, not all.
        wrong = rng.permutation(wrong)[: max(len(wrong) // 2, 1)]
        others = rng.choice(free, len(wrong), replace=False)
        pairs = ~np.isin(others, wrong)
        one, other = wrong[pairs], others[pairs]
        fits = (
            (at_kiosk < most_at_kiosk)[kiosk[one], product[other]]
            & (at_kiosk < most_at_kiosk)[kiosk[other], product[one]]
            & (of_card < most_of_card)[rows[one], product[other]]
            & (of_card < most_of_card)[rows[other], product[one]]
        )
        one, other = one[fits], other[fits]
        product[one], product[other] = product[other], product[one]
    raise ValueError("the products could not be dealt out as published; try another seed")


def _tables(
    kiosk: Ints, rows: Ints, product: Ints, kiosks: tuple[int, ...], cards: tuple[int, ...]
) -> tuple[Ints, Ints]:
    """Lines by kiosk and product, and by big card and product."""
    at_kiosk = np.bincount(kiosk * kiosks[1] + product, minlength=kiosks[0] * kiosks[1]).reshape(kiosks)
    of_card = np.bincount(rows * cards[1] + product, minlength=cards[0] * cards[1]).reshape(cards)
    return at_kiosk, of_card


def _parts_of(plan: Plan, card: Ints, product: Ints, rng: np.random.Generator) -> Ints:
    """The part of the day of every line: of each product's lines the early cards get the early part."""
    habit = rng.random(len(plan.card_counts) + 1)
    leaning = habit[card] + rng.normal(0.0, 0.25, len(card))
    order = np.lexsort((leaning, product))
    part = np.empty(len(card), dtype=np.int64)
    flat = plan.product_parts
    part[order] = np.repeat(np.tile(np.arange(flat.shape[1]), flat.shape[0]), flat.reshape(-1))
    return part


def _visits(kiosk: Ints, card: Ints, part: Ints, product: Ints, rng: np.random.Generator) -> Ints:
    """The visit of every line: what a card takes at once stands at one kiosk and in one part of the day."""
    order = np.lexsort((rng.random(len(card)), product // 3 * (rng.random(len(card)) < 0.5), part, card, kiosk))
    begins = rng.random(len(card)) < 0.72
    changes = np.zeros(len(card), dtype=bool)
    for column in (kiosk, card, part):
        ordered = column[order]
        changes[1:] |= ordered[1:] != ordered[:-1]
    changes[0] = True
    visit = np.empty(len(card), dtype=np.int64)
    visit[order] = np.cumsum(changes | begins | (card[order] == _NOBODY)) - 1
    return visit


def _moments(visit: Ints, card: Ints, part: Ints, rng: np.random.Generator) -> Ints:
    """The moment of every line: one a visit, between the first and the last that are published, which both are there."""
    first, last = _utc(published.FIRST_LOCAL), _utc(published.LAST_LOCAL)
    start = datetime.fromtimestamp(first, tz=UTC).replace(hour=0, minute=0, second=0)
    days = (last - int(start.timestamp())) // 86_400 + 1
    usual = _WEEKDAYS[(start.weekday() + np.arange(days)) % 7] * np.linspace(0.8, 1.2, days)
    reached = np.cumsum(usual) / usual.sum()
    _, leaders = np.unique(visit, return_index=True)
    who, when = card[leaders], part[leaders]
    # Who comes often comes over a long time; the biggest card all year.
    least = np.clip(np.bincount(card + 1, minlength=card.max() + 2) / 60.0, 0.03, 1.0)
    lasts = np.maximum(rng.beta(1.2, 1.6, len(least)), least)[who + 1]
    begins = rng.beta(0.8, 1.6, len(least))[who + 1] * (1 - least[who + 1])
    at = np.minimum(begins + lasts * rng.random(len(who)) * (1 - begins), 0.999999)
    day = np.searchsorted(reached, at)
    hour = np.empty(len(who), dtype=np.int64)
    for place, shares in enumerate(_HOURS):
        mine = when == place
        chances = np.array(shares) / sum(shares)
        hour[mine] = _FIRST_HOURS[place] + rng.choice(len(shares), int(mine.sum()), p=chances)
    # Hours before dawn in UTC still belong to the day before on the west coast.
    day = day + (hour < 8)
    moment = int(start.timestamp()) + day * 86_400 + hour * 3_600 + rng.integers(0, 3_600, len(who))
    while (moment <= first).any():
        moment[moment <= first] += 86_400
    while (moment >= last).any():
        moment[moment >= last] -= 86_400
    # Both ends fall into the part of the day that is dealt out to the visits that get them.
    moment[np.flatnonzero(when == _part_at(first))[0]] = first
    moment[np.flatnonzero(when == _part_at(last))[-1]] = last
    found: Ints = moment[visit]
    return found


def _part_at(moment: int) -> int:
    hour = datetime.fromtimestamp(moment, tz=UTC).hour
    return max(place for place, start in enumerate(_FIRST_HOURS) if hour >= start)


def _utc(local: datetime) -> int:
    """Seconds of one of the published ends, both of which lie in summer time."""
    return int(local.replace(tzinfo=UTC).timestamp()) - _SUMMER * 3_600


def _write_purchases(
    path: Path, plan: Plan, lines: Lines, rng: np.random.Generator, progress: Callable[[int, int], None] | None
) -> None:
    raw = rng.bytes(_HASH_BYTES * len(plan.card_counts))
    hashes = [base64.b64encode(raw[at : at + _HASH_BYTES]).decode() for at in range(0, len(raw), _HASH_BYTES)]
    hashes.append("")  # nobody's, at place -1
    kiosks = [str(number) for number in plan.kiosks.tolist()]
    heads = [f",{product.product_id}," for product in plan.products]
    tails = [f",{'' if product.fc_number is None else product.fc_number}\n" for product in plan.products]
    order = np.lexsort((lines.product, lines.card, lines.kiosk, lines.moment))
    winter = (lines.moment >= _WINTER_FROM.timestamp()) & (lines.moment < _WINTER_TO.timestamp())
    local = lines.moment + np.where(winter, _WINTER, _SUMMER) * 3_600
    part = path.with_name(f".{path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("w", encoding="ascii", newline="") as file:
        file.write(HEADER)
        for start in range(0, len(order), _WRITTEN_AT_ONCE):
            some = order[start : start + _WRITTEN_AT_ONCE]
            clocks = np.datetime_as_string(local[some].astype("datetime64[s]"), unit="s").tolist()
            rows = zip(
                lines.kiosk[some].tolist(),
                lines.product[some].tolist(),
                lines.card[some].tolist(),
                clocks,
                winter[some].tolist(),
                strict=True,
            )
            file.writelines(
                f"{kiosks[k]}{heads[p]}{hashes[c]},{clock[:10]} {clock[11:]}{'-08' if cold else '-07'}{tails[p]}"
                for k, p, c, clock, cold in rows
            )
            if progress is not None:
                progress(min(start + _WRITTEN_AT_ONCE, len(order)), len(order))
    _land(part, path)


def _write_products(path: Path, products: tuple[Product, ...], rng: np.random.Generator) -> None:
    """A product file as the real one is laid out: a comma in some names, margins in per cent."""
    rows = ["product_id,product_name,fc_number,brand,onqi,cost,margins\n"]
    for place, product in enumerate(products):
        goods, kind = _GOODS[place % len(_GOODS)], _KINDS[int(rng.integers(len(_KINDS)))]
        name = f"{goods}, {kind}" if place % 3 else f"{kind} {goods}"
        brand = _BRANDS[int(rng.integers(len(_BRANDS)))]
        cost, margin = rng.integers(80, 800) / 100, int(rng.integers(15, 95))
        group = "" if product.fc_number is None else product.fc_number
        cells = f"{csv_cell(name)},{group},{csv_cell(brand)},{int(rng.integers(1, 101))},{cost:.2f},{margin}%"
        rows.append(f"{product.product_id},{cells}\n")
    part = path.with_name(f".{path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_text("".join(rows), encoding="ascii", newline="")
    _land(part, path)


def _land(part: Path, path: Path) -> None:
    """Give a whole file its name, dated by its last purchase: a clock would make two equal runs differ."""
    landed = float(_utc(published.LAST_LOCAL) + 3_600)
    os.utime(part, (landed, landed))
    part.replace(path)
