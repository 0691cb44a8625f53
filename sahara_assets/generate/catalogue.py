"""What the generated shop sells: products, their category paths, prices in pence, and how they read as CSV cells.

Here: the product range before and after the mid-year delivery, and the codes that are no products (postage and the like).
Who buys it is planned in `generate/plan.py`; the lines of a day are written in `generate/lines.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

SLOT_COUNT = 360
"""Products on sale on any one day."""
SPARE_SLOT_COUNT = 40
"""Further rare products: an order's lines are all different, and a long order needs room behind the last popular one."""
REPLACED_COUNT = 8
"""Products the second delivery discontinues, each with the new product that takes its place."""

FEE_CODES = (
    ("POST", "Postage", 395),
    ("DOT", "Dotcom postage", 595),
    ("GIFTWRAP", "Gift wrapping", 250),
    ("BANK CHARGES", "Bank charges", 1500),
)
"""Code, description and pence of the lines that are no products. They are in no products file."""

_RANGE: dict[str, tuple[tuple[str, int], ...]] = {
    "Home > Kitchen": (("mug", 450), ("tea towel", 350), ("cake tin", 650), ("mixing bowl", 795), ("jam jar", 165)),
    "Home > Decoration > Candles": (("tea light holder", 195), ("candle", 295), ("lantern", 595)),
    "Home > Decoration > Wall": (("hanging heart", 255), ("wall clock", 995), ("door sign", 245)),
    "Home > Storage": (("lunch bag", 225), ("storage tin", 395), ("jumbo bag", 275), ("basket", 695)),
    "Garden > Plants": (("herb pot", 295), ("seed kit", 395), ("watering can", 795)),
    "Garden > Outdoor dining": (("picnic rug", 895), ("parasol", 1095), ("ice bucket", 745)),
    "Toys > Games": (("dominoes", 345), ("card game", 495), ("skittles", 595)),
    "Toys > Soft toys": (("bear", 645), ("rabbit", 595), ("elephant", 695)),
    "Stationery > Paper": (("notebook", 325), ("gift tape", 165), ("greeting card", 195), ("wrapping paper", 245)),
    "Stationery > Desk": (("pencil case", 395), ("desk tidy", 695), ("ruler", 165)),
    "Seasonal > Christmas": (("bauble", 185), ("advent calendar", 695), ("paper chain", 295)),
    "Bags & Accessories": (("umbrella", 895), ("purse", 495), ("scarf", 795), ("key ring", 195)),
}
_STYLES = (
    "red retrospot", "blue stripe", "ivory lace", "vintage rose", "woodland", "skull design", "polka dot", "pantry",
    "spaceboy", "doily", "botanical", "scandi", "regency", "strawberry", "paisley", "union jack",
)  # fmt: skip

# Text that readers trip over: commas, quotes, letters outside ASCII, and what a spreadsheet would take for a formula.
_AWKWARD: tuple[tuple[str, str, int], ...] = (
    ("Bowl, café au lait, set of 2", "Home > Kitchen", 845),
    ("Ramekin “crème brûlée”", "Home > Kitchen", 395),
    ('Picture frame 7" x 5"', "Home > Decoration > Wall", 595),
    ('Sign "Home, sweet home"', "Home > Decoration > Wall", 345),
    ("Smörgåsbord platter, oak", "Home > Kitchen", 1095),
    ("Jalapeño plant kit", "Garden > Plants", 445),
    ("茶 tea caddy", "Home > Storage", 745),
    ("Günter the gnome", "Garden > Plants", 995),
    ("=1+1 maths mug", "Home > Kitchen", 495),
    ("@home doormat", "Home > Decoration", 1195),
    ("-20° ice bucket", "Garden > Outdoor dining", 895),
    ("Card game; 2-6 players", "Toys > Games", 495),
    ("Pencil case 'it's mine'", "Stationery > Desk", 395),
    ("Tape 10mm | 20mm", "Stationery > Paper", 225),
)
# Two codes that differ by case alone are two products, and a leading zero belongs to the code.
_AWKWARD_IDS = ("18841B", "18841b", "00417", "00418", "85123A")


@dataclass(frozen=True)
class Product:
    """One product as one delivery of the products file states it; prices in pence."""

    product_id: str
    description: str
    category: str
    unit_price_pence: int


@dataclass(frozen=True)
class Catalogue:
    """The range before (`first`) and after (`second`) the mid-year delivery, slot by slot, both of equal length.

    A slot is a place in the ranking by popularity. A slot whose product was discontinued holds another product in `second`.
    `uncatalogued` slots are sold but appear in neither delivery.
    """

    first: tuple[Product, ...]
    second: tuple[Product, ...]
    changed_slots: frozenset[int]
    replaced_slots: frozenset[int]
    uncatalogued_slots: frozenset[int]

    def delivery(self, *, second: bool) -> list[Product]:
        """The rows of a products file, in order of code: the whole range on sale from that day."""
        rows = [
            p for slot, p in enumerate(self.second if second else self.first) if slot not in self.uncatalogued_slots
        ]
        return sorted(rows, key=lambda product: product.product_id)


def csv_cell(text: str) -> str:
    """A cell as RFC 4180 has it: quoted only where it must be, quotes doubled.

    >>> [csv_cell('7" ruler'), csv_cell("Mug, blue"), csv_cell("Mug")]
    ['"7"" ruler"', '"Mug, blue"', 'Mug']
    """
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n\r') else text


def pounds(pence: int) -> str:
    """Pence as pounds with two decimals.

    >>> pounds(1095), pounds(5), pounds(-250)
    ('10.95', '0.05', '-2.50')
    """
    sign = "-" if pence < 0 else ""
    return f"{sign}{abs(pence) // 100}.{abs(pence) % 100:02d}"


def _everything(rng: np.random.Generator) -> list[tuple[str, str, int]]:
    plain = [
        (f"{style} {noun}".capitalize(), path, pence)
        for path, nouns in _RANGE.items()
        for noun, pence in nouns
        for style in _STYLES
    ]
    order = np.argsort(rng.random(len(plain)), kind="stable")
    wanted = SLOT_COUNT + SPARE_SLOT_COUNT + REPLACED_COUNT - len(_AWKWARD)
    return [*_AWKWARD, *(plain[int(i)] for i in order[:wanted])]


def make_catalogue(rng: np.random.Generator) -> Catalogue:
    """Draw the range: `SLOT_COUNT + SPARE_SLOT_COUNT` slots, of which the second delivery changes a few."""
    slots = SLOT_COUNT + SPARE_SLOT_COUNT
    entries = _everything(rng)
    number = 20_007
    products = []
    for index, (description, category, base) in enumerate(entries):
        number += 1 + int(rng.integers(0, 30))
        code = (
            _AWKWARD_IDS[index]
            if index < len(_AWKWARD_IDS)
            else f"{number}{'ABCS'[index % 4] if index % 5 == 0 else ''}"
        )
        pence = max(45, round(base * (0.85 + 0.3 * float(rng.random())) / 10) * 10 - 5)
        products.append(Product(code, description, category, pence))
    # The awkward ones stay among the popular half, so that every run sells them.
    popular = [int(i) for i in np.argsort(rng.random(SLOT_COUNT // 2), kind="stable")]
    first: list[Product | None] = [None] * slots
    for slot, product in zip(popular, products[: len(_AWKWARD)], strict=False):
        first[slot] = product
    rest = iter(products[len(_AWKWARD) :])
    filled = [product if product is not None else next(rest) for product in first]
    second = list(filled)
    touched = popular[len(_AWKWARD) :]
    replaced, changed = touched[:REPLACED_COUNT], touched[REPLACED_COUNT : REPLACED_COUNT + 12]
    for slot in replaced:
        second[slot] = next(rest)
    for nth, slot in enumerate(changed):
        old = filled[slot]
        if nth % 3 == 0:
            second[slot] = Product(old.product_id, old.description, old.category, old.unit_price_pence + 30)
        elif nth % 3 == 1:
            second[slot] = Product(
                old.product_id, f"{old.description} (new design)", old.category, old.unit_price_pence
            )
        else:
            second[slot] = Product(old.product_id, old.description, "Sale > Last chance", old.unit_price_pence - 20)
    uncatalogued = touched[REPLACED_COUNT + 12 : REPLACED_COUNT + 14]
    return Catalogue(
        first=tuple(filled),
        second=tuple(second),
        changed_slots=frozenset(changed),
        replaced_slots=frozenset(replaced),
        uncatalogued_slots=frozenset(uncatalogued),
    )


def popularity() -> npt.NDArray[np.float64]:
    """Cumulative share of lines by slot: a long tail in which the first product takes about one line in sixty."""
    weight = 1.0 / (np.arange(SLOT_COUNT) + 15.0) ** 0.8
    cumulative: npt.NDArray[np.float64] = np.cumsum(weight) / np.sum(weight)
    return cumulative


def product_cells(products: Sequence[Product]) -> list[str]:
    """`product_id,description,` as purchases files carry it, for every slot and then every fee code."""
    goods = [f"{csv_cell(p.product_id)},{csv_cell(p.description)}," for p in products]
    return goods + [f"{code},{text}," for code, text, _ in FEE_CODES]


def price_pence(products: Sequence[Product]) -> npt.NDArray[np.int64]:
    """Pence by (slot or fee code, tier), flattened: list price, price from a dozen on (a tenth off), free."""
    listed = np.array([p.unit_price_pence for p in products] + [pence for _, _, pence in FEE_CODES], dtype=np.int64)
    bulk = (listed * 9 + 5) // 10
    table: npt.NDArray[np.int64] = np.stack([listed, bulk, np.zeros_like(listed)], axis=1).reshape(-1)
    return table
