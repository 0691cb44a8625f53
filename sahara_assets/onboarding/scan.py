"""What only all the rows can tell, counted in one pass over the mapped columns: keys, repeats, prefixes, products, dates.

Reads every file where that is cheap, else slices of files evenly spread; `Scan.whole` says which, and every sentence made from it should.
Rows are counted here, not judged: `rules.py` and `inference.py` draw the conclusions.
"""

from __future__ import annotations

import gc
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sahara_assets.onboarding.dialect import all_records, body_of
from sahara_assets.onboarding.reading import read_text
from sahara_assets.onboarding.sampling import Group, Progress, spread
from sahara_assets.onboarding.values import is_empty
from sahara_assets.onboarding.vocabulary import loose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_ALL_BYTES = 120 << 20
_ROWS = 1_000_000
_PREFIX = re.compile(r"(\D{1,8})\d")
_FILE_DATE = re.compile(r"(?<!\d)(?:19|20)\d{2}[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")


class _Remembered(dict[str, str]):
    """A function of a cell, computed once per distinct cell, so that C-speed `map` can look it up."""

    def __missing__(self, cell: str) -> str:
        answer = self.work(cell)
        self[cell] = answer
        return answer

    def work(self, cell: str) -> str:
        raise NotImplementedError


class _Prefix(_Remembered):
    def work(self, cell: str) -> str:
        found = _PREFIX.match(cell.strip())
        return found[1] if found else ""


class _Sign(_Remembered):
    def work(self, cell: str) -> str:
        return "-" if "-" in cell or cell.strip().startswith("(") else "+"


class _Filled(_Remembered):
    def work(self, cell: str) -> str:
        return "" if is_empty(cell) else "+"


@dataclass
class Scan:
    """Counts over the rows that were read; a counter is empty where its column is not mapped."""

    rows: int = 0
    ragged: int = 0
    files: int = 0
    files_read: int = 0
    whole: bool = True
    encodings: Counter[str] = field(default_factory=Counter)
    bom_files: int = 0
    values: dict[str, Counter[str]] = field(default_factory=dict)  # our column → its values
    date_files: list[tuple[str, tuple[int, int]]] = field(
        default_factory=list
    )  # a value, and month and day of its file's name
    ordered_dates: list[str] = field(default_factory=list)  # dates in the files' order, neighbours that are equal once
    descriptions: Counter[tuple[str, str]] = field(default_factory=Counter)  # (product, description)
    lines: Counter[tuple[str, str, str, str, str]] = field(
        default_factory=Counter
    )  # (prefix, quantity sign, price sign, customer, product)
    repeated_rows: int = 0  # rows beyond the first that equal another of the same file in every column
    repeated_keys: int = 0  # rows beyond the first with the same key
    key: tuple[str, ...] = ()

    @property
    def extent(self) -> str:
        """How much was read, in words."""
        return (
            f"all {self.rows:,} rows"
            if self.whole
            else f"{self.rows:,} rows read of {self.files_read:,} of {self.files:,} files"
        )


def scan_dataset(
    groups: Sequence[Group], columns: dict[str, str], key: tuple[str, ...], progress: Progress | None = None
) -> Scan:
    """Count over the files of one dataset.

    Args:
        groups: the groups of files; a header may lack mapped names, whose column it then does not count for.
        columns: our column → header name.
        key: our columns that may tell rows apart; counted where all of them are mapped.
        progress: told how far it is.
    """
    scan = Scan(key=key if all(name in columns for name in key) else ())
    scan.values = {column: Counter() for column in columns}
    work = [(path, group) for group in groups for path in group.files]
    scan.files = len(work)
    sizes = sum(path.stat().st_size * (8 if path.suffix == ".gz" else 1) for path, _ in work)
    budget = _ALL_BYTES
    if sizes > _ALL_BYTES:
        scan.whole = False
        owner = dict(work)
        work = [(path, owner[path]) for path in spread([path for path, _ in work], 50)]
        budget = _ALL_BYTES // 3 // len(work)
    helpers = (_Prefix(), _Sign(), _Filled())
    keys: set[int] = set()
    keyed = 0
    with _uncollected():
        for done, (path, group) in enumerate(work, start=1):
            if scan.rows >= _ROWS:
                scan.whole = False
                break
            keyed += _scan_file(scan, path, group, columns, budget, helpers, keys)
            if progress and (done % 20 == 0 or done == len(work)):
                progress("counting rows", done, len(work))
    for (_, description), count in scan.descriptions.items():
        scan.values["description"][description] += count
    scan.repeated_keys = keyed - len(keys)
    return scan


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cycle collector: half a million short lists without a cycle among them cost a fifth of the time in searches for one."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _scan_file(
    scan: Scan,
    path: Path,
    group: Group,
    columns: dict[str, str],
    budget: int,
    helpers: tuple[_Prefix, _Sign, _Filled],
    keys: set[int],
) -> int:
    """Add one file's counts; gives how many rows had a key."""
    text = read_text(path, budget)
    scan.files_read += 1
    scan.whole = scan.whole and text.whole
    scan.bom_files += text.has_bom
    if not text.is_ascii:
        scan.encodings[text.encoding] += 1
    positions = {loose(name): index for index, name in reversed(list(enumerate(group.header)))}
    place = {column: positions[loose(name)] for column, name in columns.items() if loose(name) in positions}
    width = len(group.header)
    rows: list[list[str]] = []
    for number, piece in enumerate(text.pieces):
        body = body_of(piece, group.dialect, group.header)[1] if number == 0 else piece
        found = all_records(body, group.dialect)
        right = [row for row in found if len(row) == width]
        scan.ragged += len(found) - len(right)
        rows += right
        scan.repeated_rows += _repeats(body, found)
    if len(rows) > _ROWS - scan.rows:
        scan.whole = False
        del rows[_ROWS - scan.rows :]
    if not rows:
        return 0
    scan.rows += len(rows)
    cells = list(zip(*rows, strict=True))
    mine = {column: cells[index] for column, index in place.items()}
    for column, values in mine.items():
        if column != "description" or "product_id" not in mine:  # else its counts follow from the pairs
            scan.values[column].update(values)
    if "ordered_at" in mine:
        _count_dates(scan, path, mine["ordered_at"])
    _count_products(scan, mine, len(rows), helpers)
    if not scan.key:
        return 0
    keys.update(map(hash, zip(*(mine.get(name, ("",) * len(rows)) for name in scan.key), strict=True)))
    return len(rows)


def _repeats(piece: str, found: Sequence[Sequence[str]]) -> int:
    """Rows beyond the first that equal another; by their lines where a row is a line, because hashing one text beats hashing its cells."""
    lines = piece.split("\n")
    if len(lines) - (not lines[-1]) - len(found) in {0, 1}:
        return len(lines) - len(set(lines))
    return len(found) - len({tuple(row) for row in found})


def _count_dates(scan: Scan, path: Path, values: Sequence[str]) -> None:
    named = _FILE_DATE.search(path.name)
    distinct = dict.fromkeys(values)
    if named:
        month_day = (int(named[1]), int(named[2]))
        scan.date_files.extend((value, month_day) for value in list(distinct)[:50])
    if len(scan.ordered_dates) < 20_000:
        scan.ordered_dates.extend(distinct)


def _count_products(
    scan: Scan, mine: dict[str, tuple[str, ...]], rows: int, helpers: tuple[_Prefix, _Sign, _Filled]
) -> None:
    prefix, sign, filled = helpers
    nothing = ("",) * rows
    products = mine.get("product_id", nothing)
    if "product_id" in mine and "description" in mine:
        scan.descriptions.update(zip(products, mine["description"], strict=True))
    scan.lines.update(
        zip(
            map(prefix.__getitem__, mine["order_id"]) if "order_id" in mine else nothing,
            map(sign.__getitem__, mine["quantity"]) if "quantity" in mine else nothing,
            map(sign.__getitem__, mine["unit_price"]) if "unit_price" in mine else nothing,
            map(filled.__getitem__, mine["customer_id"]) if "customer_id" in mine else nothing,
            products,
            strict=True,
        )
    )
