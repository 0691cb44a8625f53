"""Names in a file held against our columns: which is which, which is doubtful, and what may be meant where one is missing.

Shared by every format. Where the names stand (a CSV's header, the keys of JSON objects, a Parquet schema) is the formats' business.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from sahara_assets.drops.paths import alternatives
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sahara_assets.settings.dataset import DatasetSettings
    from sahara_assets.tables.datasets import Dataset

_LONGEST_NAME = 100
_MOST_NAMES = 500


def tidy(name: str) -> str:
    """A name without the blanks, line breaks and byte order marks that exports leave in it."""
    return re.sub(r"\s+", " ", name.replace("\ufeff", "")).strip()


def loose(name: str) -> str:
    """A name as people read it: `Customer ID`, `customer_id` and `CUSTOMER-ID` are one.

    >>> loose("Customer ID")
    'customer_id'
    """
    return re.sub(r"[\s_\-]+", "_", name.strip()).casefold()


def matches(names: Sequence[str], wanted: str) -> list[int]:
    """Where a name stands among others: as it is written, else as people read it."""
    exact = [i for i, name in enumerate(names) if name == tidy(wanted)]
    return exact or [i for i, name in enumerate(names) if wanted and loose(name) == loose(wanted)]


def bind(names: Sequence[str], dataset: Dataset, settings: DatasetSettings) -> dict[str, int]:
    """Our columns with the place of the name that each is found under."""
    return {column: places[0][1] for column, places in _bound(names, dataset, settings, lambda name: [name]).items()}


def bind_paths(names: Sequence[str], dataset: Dataset, settings: DatasetSettings) -> dict[str, list[tuple[str, int]]]:
    """The same for names that are paths: each of a column's alternatives that was found, as it was mapped, with its place."""
    return _bound(names, dataset, settings, alternatives)


def _bound(
    names: Sequence[str], dataset: Dataset, settings: DatasetSettings, cut: Callable[[str], list[str]]
) -> dict[str, list[tuple[str, int]]]:
    positions: dict[str, list[tuple[str, int]]] = {}
    taken: set[int] = set()
    # A mapped name is the column it is mapped to and no other, even where another column of ours bears that name. Two columns may be
    # mapped to one name (an id that is a moment too), since that is written there on purpose.
    for column in sorted(dataset.column_names, key=lambda column: column not in settings.columns):
        if column in settings.constants:
            continue
        own = column not in settings.columns
        for wanted in cut(settings.columns.get(column, column)):
            found = matches(names, wanted)
            place = next((place for place in found if place not in taken), None if own or not found else found[0])
            if place is not None:
                positions.setdefault(column, []).append((wanted, place))
        taken.update(place for _, place in positions.get(column, ()))
    return positions


def refuse_doubtful(
    names: Sequence[str],
    positions: Mapping[str, int] | Mapping[str, Sequence[tuple[str, int]]],
    settings: DatasetSettings,
    file_name: str,
    what: str = "header",
) -> None:
    """Refuse a file in which a name that we want stands twice.

    Args:
        names: the file's.
        positions: as `bind` or `bind_paths` gives them.
        settings: how the file is read.
        file_name: the file.
        what: what holds the names.

    Raises:
        DropError: it does.
    """
    bound = [
        (column, wanted, place)
        for column, found in positions.items()
        for wanted, place in ([(settings.columns.get(column, column), found)] if isinstance(found, int) else found)
    ]
    for column, wanted, place in bound:
        others = {other for _, _, other in bound if other != place}
        found = [at for at in matches(names, wanted) if at not in others]
        if len(found) > 1:
            places = " and ".join(str(at + 1) for at in found)
            raise DropError(
                f"{file_name}: the {what} names {wanted!r} twice (columns {places}); which one is {column}?"
            )


def without_twins(named: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Undeclared names made unique, so that each keeps its value in `_extra`: the second `note` is `note (2)`."""
    taken = {name for name, _ in named}
    seen: set[str] = set()
    # The last number that a name was given: a header may say one name ten thousand times.
    numbers: dict[str, int] = {}
    unique = []
    for name, position in named:
        called, number = name, numbers.get(name, 1)
        while called in seen or (number > 1 and called in taken):
            number += 1
            called = f"{name} ({number})"
        numbers[name] = number
        seen.add(called)
        unique.append((called, position))
    return unique


def missing(
    needed: Sequence[str],
    free_names: Sequence[str],
    names: Sequence[str],
    dataset: str,
    settings: DatasetSettings,
    file_name: str,
    what: str = "header",
) -> str:
    """Why a file will not do, with the names that may be meant.

    Args:
        needed: our columns that are not there.
        free_names: names that no column of ours is bound to.
        names: all of them.
        dataset: what the file is read as.
        settings: how the file is read.
        file_name: the file.
        what: what holds the names.
    """
    # Matching by likeness takes long on what is no name.
    free = [name for name in free_names if len(name) <= _LONGEST_NAME][:_MOST_NAMES]
    parts = []
    for column in needed:
        wanted = settings.columns.get(column, column)
        near = difflib.get_close_matches(loose(wanted), [loose(name) for name in free], n=1, cutoff=0.55)
        hint = next((f", perhaps {name!r}" for name in free if near and loose(name) == near[0]), "")
        called = f"{wanted!r} (our {column})" if wanted != column else repr(column)
        parts.append(f"{called}{hint}")
    shown = ", ".join(_printable(names[:12])) + (", …" if len(names) > 12 else "")
    return (
        f"{file_name}: the {what} lacks {'; '.join(parts)}. It holds: {shown}. "
        f"If a column was renamed, set it under [datasets.{dataset}.columns] in sahara.toml"
    )


def _printable(names: Iterable[str]) -> list[str]:
    """Names as a message can show them, even where the file is no text at all."""
    return [
        "".join(c if c.isprintable() else "\ufffd" for c in name[:60]) + ("…" if len(name) > 60 else "")
        for name in names
    ]
