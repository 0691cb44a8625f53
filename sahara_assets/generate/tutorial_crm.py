"""Made-up customers of visitors that an export names: gender and household income by hash, as Google's k-means tutorial makes them.

For demos only. The tutorial (BigQuery ML, "Build customer segments from Analytics 360 data") takes the absolute value of the visitor id's FarmHash
fingerprint: the last bit is the gender, the last decimal the income. The same visitor has the same values wherever they are made.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahara_assets.drops.content import clean_chunks, inspect_content
from sahara_assets.drops.packing import open_unpacked
from sahara_assets.drops.tables import read_table
from sahara_assets.errors import SaharaError
from sahara_assets.generate.farm_fingerprint import farm_fingerprint
from sahara_assets.settings.unknown import unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sahara_assets.drops.content import Content

INCOMES = (55_000, 65_000, 65_000, 75_000, 75_000, 75_000, 75_000, 85_000, 85_000, 95_000)
"""The household income for each last decimal of the hash."""


@dataclass(frozen=True)
class MadeUp:
    """What is made up of one visitor: `gender` is F or M, `household_income` a whole number."""

    visitor_id: str
    gender: str
    household_income: int


def made_up(visitor_id: str) -> MadeUp:
    """The customer that the tutorial makes of a visitor.

    >>> made_up("0032622461540095427")
    MadeUp(visitor_id='0032622461540095427', gender='F', household_income=75000)
    """
    hashed = abs(farm_fingerprint(visitor_id))
    return MadeUp(visitor_id, "F" if hashed % 2 else "M", INCOMES[hashed % 10])


def crm_csv(visitor_ids: Iterable[str], key: str) -> bytes:
    """A CSV of one row per visitor, in the order of their ids; its header is the tutorial's: the key, `gender` and `hhi`."""
    rows = (
        f"{_cell(one.visitor_id)},{one.gender},{one.household_income}" for one in map(made_up, sorted(set(visitor_ids)))
    )
    lines = [f"{_cell(key)},gender,hhi", *rows]
    return ("\n".join(lines) + "\n").encode()


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def visitors_of(path: Path, key: str) -> list[str]:
    """The values of one column of a delimited file, of JSON lines, of a JSON array or of Parquet, packed or not; empty ones are left out.

    Raises:
        SaharaError: the file cannot be read, has no such column, or holds a value there that is no id.
    """
    content = inspect_content(path, "auto")
    if content.format == "csv":
        return list(_of_csv(path, key))
    if content.format == "parquet":
        return list(_of_parquet(path, key))
    return list(_of_documents(path, content, key))


def _of_csv(path: Path, key: str) -> Iterator[str]:
    table = read_table(path)
    if table.rejects:
        first = table.rejects[0]
        raise SaharaError(f"{path}, line {first.line}: {first.reason}; mend the file, or see `sahara peek {path}`")
    place = _place(path, table.names, key)
    return (value for row in table.rows if (value := row[place].strip()))


def _of_parquet(path: Path, key: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_unpacked(path) as stream:
        file = pq.ParquetFile(io.BytesIO(b"".join(iter(lambda: stream.read(1 << 20), b""))))
    column = file.schema_arrow.names[_place(path, file.schema_arrow.names, key)]
    kind = file.schema_arrow.field(column).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
        raise SaharaError(f"{path}: {column} holds {kind}, which is no id; name another column with --key")
    return (str(value) for value in file.read([column]).column(0).to_pylist() if value is not None)


def _of_documents(path: Path, content: Content, key: str) -> Iterator[str]:
    found = False
    for line, document in _documents(path, content):
        if not isinstance(document, dict):
            raise SaharaError(f"{path}, line {line}: is no JSON object")
        value = document.get(key)
        found = found or key in document
        if value is None or value == "":
            continue
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise SaharaError(
                f"{path}, line {line}: {key} is {json.dumps(value)[:60]}, which is no id; name another field with --key"
            )
        yield str(value)
    if not found:
        raise SaharaError(f"{path}: no document has a field {key!r}; name the visitor's id with --key")


def _documents(path: Path, content: Content) -> Iterator[tuple[int, Any]]:
    chunks = clean_chunks(path, content.encoding, line_end=content.line_end, expected=content)
    if content.format == "json":
        text = b"".join(chunks)
        yield from ((1, document) for document in _parsed(path, 1, text))
        return
    line = 0
    for chunk in chunks:
        for text in chunk.splitlines():
            line += 1
            if text.strip():
                yield line, _parsed(path, line, text)


def _parsed(path: Path, line: int, text: bytes) -> Any:  # noqa: ANN401 - any document
    try:
        return json.loads(text)
    except ValueError as error:
        raise SaharaError(f"{path}, line {line}: is no JSON: {error}") from error


def _place(path: Path, names: Sequence[str], key: str) -> int:
    if key not in names:
        raise SaharaError(f"{path}: {unknown_key(key, names, noun='column')}; name the visitor's id with --key")
    return list(names).index(key)
