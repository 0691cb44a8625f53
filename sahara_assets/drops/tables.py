r"""Any delimited file as a table: what `sahara peek` shows, without a mapping, a dataset or a warehouse.

The records are those of the loader (`records.py`): what the scan counts is either a row or kept out with its line, its text and the
reason, and the two numbers are held against each other. Values stay text. A file is held in memory, so this is for looking at files
and for cleaning them, not for loading gigabytes; that is `reading.py`.
"""

from __future__ import annotations

import csv
from bisect import bisect_left
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sahara_assets.drops.candidates import NOTHING, kind_of
from sahara_assets.drops.content import CHUNK_BYTES, clean_chunks, inspect_content
from sahara_assets.drops.dialect import SAMPLE_CHARACTERS, Detected, Dialect, detect
from sahara_assets.drops.ends import chunks_by
from sahara_assets.drops.fields import BLANKS, split_record
from sahara_assets.drops.header_text import Header, after_lines, first_line_with_text, headers_at, lines_before
from sahara_assets.drops.outlines import RowOutline
from sahara_assets.drops.records import BrokenRecord, RecordScanner
from sahara_assets.errors import DropError
from sahara_assets.settings.dataset import DatasetSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sahara_assets.drops.packing import Openable

_LONGEST_CSV_FIELD = 131_072
"""Python's csv refuses a longer field; its limit is one for the whole process and not ours to change."""

_TABLE_LINES = 3


@dataclass
class Table:
    """What a file holds.

    Attributes:
        path: the file.
        dialect: how it was read.
        sure: how sure each part of the dialect is, 0 to 1.
        evidence: why.
        encoding: as it was read.
        header: the columns' names; None where the file has none, or none that line up with the rows.
        rows: the rows as texts, every one as wide as the others.
        lines: the physical line on which each row begins.
        rejects: every other record: its line, text, reason and kind, in the order of the file.
        records_read: how many records the scan counted, the header's own aside; always `len(rows) + len(rejects)`.
        blank_lines: lines that hold nothing.
        width: how many fields a row has.
    """

    path: Openable
    dialect: Dialect
    sure: dict[str, float]
    evidence: dict[str, str]
    encoding: str
    header: list[str] | None = None
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejects: list[BrokenRecord] = field(default_factory=list)
    records_read: int = 0
    blank_lines: int = 0
    width: int = 0

    @property
    def names(self) -> list[str]:
        """The columns' names, made up where the file has none."""
        return self.header if self.header is not None else [f"column_{place + 1}" for place in range(self.width)]


def read_table(
    path: Openable | str, dialect: Dialect | Mapping[str, object] | None = None, *, encoding: str = "auto"
) -> Table:
    """Read a delimited file, whatever it holds.

    Args:
        path: the file, plain or packed as a drop may be; as text, a path on this machine.
        dialect: how the file is written; of a mapping, the parts it names (`{"delimiter": ";"}`), and the rest is detected; of None, all of
            it is. What is given is never doubted.
        encoding: as for a drop.

    Raises:
        DropError: the file cannot be read, or is no text.
    """
    path = Path(path) if isinstance(path, str) else path
    known = get_args(DatasetSettings.model_fields["encoding"].annotation)
    if encoding not in known:
        raise DropError(f"{path.name}: no encoding {encoding!r}; known: {', '.join(known)}")
    content = inspect_content(path, encoding)
    text = b"".join(clean_chunks(path, content.encoding, line_end=content.line_end, expected=content))
    given = asdict(dialect) if isinstance(dialect, Dialect) else dict(dialect or {})
    found = detect(_sample(text), given, is_whole=len(text) <= SAMPLE_CHARACTERS)
    text = b"".join(chunks_by([text], found.dialect.record_delimiter))
    table = Table(path, found.dialect, found.sure, found.evidence, content.encoding, width=found.width)
    start = first_line_with_text(text, after_lines(text, found.dialect.skip_lines), found.dialect.comment)
    table.rejects += lines_before(text, len(text) if start is None else start, found.dialect.comment)
    table.records_read = len(table.rejects)
    if start is not None:
        first_line, position, headers = _take_header(table, text, start)
        table.blank_lines = _blank_lines(text[:start])
        _take_records(table, text[position:], first_line, headers, found)
    table.rejects = _with_place(sorted(table.rejects, key=lambda reject: reject.line), table)
    if len(table.rows) + len(table.rejects) != table.records_read:
        raise DropError(
            f"{path.name}: {table.records_read} records were counted, but {len(table.rows)} are rows and {len(table.rejects)} are "
            "kept out. This is a defect of Sahara: please report it"
        )
    return table


def _sample(text: bytes) -> str:
    """The start of the text, cut at a line's end."""
    if len(text) <= SAMPLE_CHARACTERS:
        return text.decode("utf-8", errors="replace")
    end = text.rfind(b"\n", 0, SAMPLE_CHARACTERS) + 1
    return text[: end or SAMPLE_CHARACTERS].decode("utf-8", errors="replace")


def _blank_lines(text: bytes) -> int:
    return sum(not line.strip() for line in text.split(b"\n")[:-1])


def _take_header(table: Table, text: bytes, start: int) -> tuple[int, int, Iterable[list[str]]]:
    """Read the header; the line and place after it, and the names record by record."""
    if table.dialect.header_lines == 0:
        return text.count(b"\n", 0, start) + 1, start, ()
    headers = headers_at(text, start, table.dialect)
    header = next((header for header in headers if len(header.names) == table.width), headers[-1])
    if len(header.names) == table.width:
        table.header = [" ".join(name.replace("\ufeff", "").split()) for name in header.names]
        return header.last_line + 1, header.end, [list(names) for names in header.records] or [table.header]
    # Names that do not line up with the rows name nothing: they are kept, and the columns have none.
    number = len(header.names)
    reason = (
        f"{number} {'name' if number == 1 else 'names'} where the rows have {table.width} fields; no column is named"
    )
    table.rejects.append(_rejected_header(header, reason))
    table.records_read += 1
    return header.last_line + 1, header.end, ()


def _rejected_header(header: Header, reason: str) -> BrokenRecord:
    return BrokenRecord(
        header.last_line - header.line_count + 1, header.text, reason, kind="header", fields=len(header.names)
    )


def _take_records(table: Table, text: bytes, first_line: int, headers: Iterable[list[str]], found: Detected) -> None:
    typed = {place: _is_kind(kind) for place, kind in enumerate(found.shape.kinds) if kind}
    scanner = RecordScanner(
        table.dialect,
        width=table.width,
        first_line=first_line,
        outline=RowOutline((), typed, NOTHING),
        encoding=table.encoding,
        headers=headers,
        measure="the header has" if table.header is not None else "the other rows have",
    )
    numbered: list[tuple[int, list[str]]] = []
    position = 0
    while position < len(text):
        end = text.rfind(b"\n", position, position + CHUNK_BYTES) + 1 or text.find(b"\n", position) + 1 or len(text)
        records = scanner.feed(text[position:end], last=end == len(text))
        position = end
        table.records_read += records.count
        table.blank_lines += records.blank
        texts = records.plain.decode("utf-8").removesuffix("\n").split("\n") if records.plain else []
        cut = zip(records.plain_lines.tolist(), _cut(texts, table.dialect), texts, strict=True)
        parsed = ((one.line, [text or "" for text in one.fields], one.text) for one in records.parsed)
        for line, fields, raw in chain(cut, parsed):
            if table.width > 1 and not "".join(fields).strip(BLANKS):
                # Spreadsheets pad a sheet with rows of delimiters.
                reason = "every field of the row is empty"
                table.rejects.append(BrokenRecord(line, raw, reason, kind="empty", fields=len(fields)))
            else:
                numbered.append((line, fields))
        table.rejects += records.broken
    numbered.sort(key=lambda pair: pair[0])
    table.lines = [line for line, _ in numbered]
    table.rows = [fields for _, fields in numbered]


def _is_kind(kind: str) -> Callable[[str], bool]:
    return lambda text: kind_of(text) == kind


def _cut(lines: list[str], dialect: Dialect) -> list[list[str]]:
    """The fields of plain lines: csv does no harm to records that are whole and well-formed."""
    if not lines:
        return []
    if max(map(len, lines)) >= _LONGEST_CSV_FIELD:
        cut = [split_record(line, dialect.delimiter, dialect.quote) for line in lines]
        return [fields for fields in cut if isinstance(fields, list)]
    if dialect.quote:
        return list(csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True))
    return list(csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE))


def _with_place(rejects: list[BrokenRecord], table: Table) -> list[BrokenRecord]:
    """The rejects, where it can be told, with what they are instead of rows: another table's, or what stands after the table."""
    last = table.lines[-1] if table.lines else 0
    placed: list[BrokenRecord] = []
    for (kind, width, _), run in groupby(
        rejects, key=lambda one: (one.kind, one.fields, _rows_before(one.line, table))
    ):
        members = list(run)
        if kind == "row" and width > 1 and len(members) >= _TABLE_LINES and table.rows:
            begins = members[0].line
            placed += [
                replace(one, kind="table", reason=f"{one.reason}; another table begins on line {begins}")
                for one in members
            ]
        elif kind == "row" and 0 < width <= table.width / 3 and members[0].line > last and table.rows:
            placed += [
                replace(one, kind="after", reason=f"the line stands after the table: {one.reason}") for one in members
            ]
        else:
            placed += members
    return placed


def _rows_before(line: int, table: Table) -> int:
    return bisect_left(table.lines, line)
