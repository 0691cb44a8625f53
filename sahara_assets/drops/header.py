"""A drop's header: which delimiter it uses and which of its columns are ours.

Columns are bound by name, never by position: a reordered header reads right, a renamed required column rejects the drop whole with
the name that may be meant.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sahara_assets.drops.records import split_record
from sahara_assets.errors import DropError

if TYPE_CHECKING:
    from sahara_assets.settings import DatasetSettings
    from sahara_assets.tables import Dataset

USUAL_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_HEADER_LINES = 20


@dataclass(frozen=True)
class Layout:
    """Where a drop's columns stand.

    Attributes:
        delimiter: what separates its fields.
        names: the header's names, in order; a nameless one is `column_N`.
        positions: our column → its place in the header, from 0.
        undeclared: names that no declared column maps, with their places.
        absent: mapped or declared columns that the header lacks.
        first_line: physical line number of the first line after the header.
        text: the header as it stood.
    """

    delimiter: str
    names: tuple[str, ...]
    positions: tuple[tuple[str, int], ...]
    undeclared: tuple[tuple[str, int], ...]
    absent: tuple[str, ...]
    first_line: int
    text: str = ""

    def source_name(self, column: str) -> str:
        """What the header calls one of our columns."""
        return self.names[dict(self.positions)[column]]


def read_header(text: bytes, dataset: Dataset, settings: DatasetSettings, file_name: str) -> tuple[Layout, int]:
    """Bind a drop's columns.

    Args:
        text: the drop's clean text from its start (a whole chunk of lines).
        dataset: what the drop should hold.
        settings: how it is read.
        file_name: for errors.

    Returns:
        The layout, and how many bytes of `text` the header takes.

    Raises:
        DropError: the file is empty, a column that must be there is not, or a mapped name stands twice.
    """
    candidates = USUAL_DELIMITERS if settings.delimiter == "auto" else (settings.delimiter,)
    headers = [h for d in candidates if (h := _header_record(text, d, settings.quote)) is not None]
    if not headers:
        raise DropError(f"{file_name}: the file has no header line; the first line must name the columns")
    # The delimiter is the one under which the header holds most of our columns: known names decide, not statistics.
    layouts = [_bind(header, dataset, settings, file_name) for header in headers]
    best = max(range(len(layouts)), key=lambda i: (len(layouts[i].positions), -i))
    layout = layouts[best]
    needed = [c for c in (*dataset.required, *dataset.expected) if c in layout.absent]
    if needed:
        raise DropError(_missing(needed, layout, settings, file_name))
    length = headers[best].length
    return replace(layout, text=text[:length].decode("utf-8", errors="replace").strip("\n")), length


@dataclass(frozen=True)
class _Header:
    delimiter: str
    names: list[str]
    lines: int
    length: int


def _header_record(text: bytes, delimiter: str, quote: str) -> _Header | None:
    """The first record that is not blank, split by a delimiter; names may run over lines inside quotes."""
    position = 0
    lines = 0
    pending = ""
    while position < len(text) and lines < _LONGEST_HEADER_LINES:
        end = text.find(b"\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end].decode("utf-8", errors="replace")
        position = end + 1
        lines += 1
        if not pending and not line.strip():
            continue
        pending = f"{pending}\n{line}" if pending else line
        fields = split_record(pending, delimiter, quote)
        if isinstance(fields, list):
            return _Header(delimiter, [_tidy(f) for f in fields], lines, min(position, len(text)))
        if fields == "garbage":
            break
    if not pending:
        return None
    first = pending.split("\n", 1)[0]
    length = text.find(first.encode()) + len(first.encode()) + 1
    return _Header(delimiter, [_tidy(f) for f in first.split(delimiter)], text[:length].count(b"\n"), min(length, len(text)))


def _tidy(name: str) -> str:
    """A header name without the blanks, line breaks and NULs that exports leave in it."""
    return re.sub(r"\s+", " ", name.replace("\0", "").replace("\ufeff", "")).strip()


def _loose(name: str) -> str:
    """A name as people read it: `Customer ID`, `customer_id` and `CUSTOMER-ID` are one.

    >>> _loose("Customer ID")
    'customer_id'
    """
    return re.sub(r"[\s_\-]+", "_", name.strip()).casefold()


def _bind(header: _Header, dataset: Dataset, settings: DatasetSettings, file_name: str) -> Layout:
    names = [name or f"column_{index + 1}" for index, name in enumerate(header.names)]
    positions: dict[str, int] = {}
    absent: list[str] = []
    for column in dataset.column_names:
        wanted = settings.columns.get(column, column)
        matches = [i for i, name in enumerate(names) if name == _tidy(wanted)]
        if not matches and wanted:
            matches = [i for i, name in enumerate(names) if _loose(name) == _loose(wanted)]
        if len(matches) > 1:
            places = " and ".join(str(i + 1) for i in matches)
            raise DropError(f"{file_name}: the header names {wanted!r} twice (columns {places}); which one is {column}?")
        if matches:
            positions[column] = matches[0]
        else:
            absent.append(column)
    used = set(positions.values())
    return Layout(
        delimiter=header.delimiter,
        names=tuple(names),
        positions=tuple(positions.items()),
        undeclared=tuple(_without_twins([(name, i) for i, name in enumerate(names) if i not in used])),
        absent=tuple(absent),
        first_line=header.lines + 1,
    )


def _without_twins(named: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Undeclared names made unique, so that each keeps its value in `_extra`: the second `note` is `note (2)`."""
    seen: dict[str, int] = {}
    unique = []
    for name, position in named:
        seen[name] = seen.get(name, 0) + 1
        unique.append((name if seen[name] == 1 else f"{name} ({seen[name]})", position))
    return unique


def _missing(needed: list[str], layout: Layout, settings: DatasetSettings, file_name: str) -> str:
    """Why a header will not do, with the names that may be meant."""
    free = [name for name, _ in layout.undeclared]
    parts = []
    for column in needed:
        wanted = settings.columns.get(column, column)
        near = difflib.get_close_matches(_loose(wanted), [_loose(name) for name in free], n=1, cutoff=0.55)
        hint = next((f", perhaps {name!r}" for name in free if near and _loose(name) == near[0]), "")
        called = f"{wanted!r} (our {column})" if wanted != column else repr(column)
        parts.append(f"{called}{hint}")
    shown = ", ".join(layout.names[:12]) + (", …" if len(layout.names) > 12 else "")
    return (
        f"{file_name}: the header lacks {'; '.join(parts)}. It holds: {shown}. "
        f"If a column was renamed, set it under [datasets.….columns] in sahara.toml"
    )
