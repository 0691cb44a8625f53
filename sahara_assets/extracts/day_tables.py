"""BigQuery's day tables (`events_*`, `ga_sessions_*`), each read whole into one file whenever it has changed.

A day table states its day anew: Google rewrites those of the last days as late hits come in. So there is one file for each, which
replaces its older version as any drop of a known path does (`hold_above` included), and no watermark but the table's own modification
time. Rows are read by `tabledata.list`, which costs no query. Tables of other names, such as `events_intraday_*`, are another extract's.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import WarehouseError
from sahara_assets.extracts.documents import as_line
from sahara_assets.extracts.parts import ENDING, Folder, PartFile, write_whole
from sahara_assets.extracts.watermarks import ExtractError
from sahara_assets.warehouse.bigquery_service import Place, connect, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from sahara_assets.settings.extracts import ExtractSettings

_PAGE_ROWS = 2_000
_NOTE_ENDING = ".table.json"


class DayTables:
    """The day tables of one dataset, opened for one extract.

    Args:
        extract: what to read.

    Raises:
        ExtractError: there are no credentials.
    """

    def __init__(self, extract: ExtractSettings) -> None:
        self._place = Place.of(extract.url)
        self._prefix = extract.table.removesuffix("*")
        with self._told():
            self._client = connect(self._place)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def names(self) -> list[tuple[str, date]]:
        """The tables with their days, oldest first."""
        found = []
        with self._told():
            for table in self._client.list_tables(self._place.dataset_id):
                if table.table_id.startswith(self._prefix) and re.fullmatch(
                    r"\d{8}", digits := table.table_id.removeprefix(self._prefix)
                ):
                    with suppress(ValueError):
                        found.append(
                            (str(table.table_id), datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date())
                        )
        return sorted(found, key=lambda named: (named[1], named[0]))

    def state(self, name: str) -> str:
        """What changes whenever the table does."""
        with self._told():
            table = self._client.get_table(f"{self._place.dataset_id}.{name}")
        return f"{table.modified:%Y-%m-%dT%H:%M:%S.%f} {table.num_rows}"

    def lines(self, name: str) -> Iterator[bytes]:
        """The table's rows."""
        with self._told():
            for row in self._client.list_rows(f"{self._place.dataset_id}.{name}", page_size=_PAGE_ROWS):
                yield as_line(dict(row.items()))

    @contextmanager
    def _told(self) -> Iterator[None]:
        from google.api_core.exceptions import NotFound

        try:
            with told(self._place):
                try:
                    yield
                except NotFound as error:
                    words = " ".join(str(error.message).split())
                    raise ExtractError(f"{self._place.description}: {words}") from error
        except WarehouseError as error:
            raise ExtractError(str(error)) from error


def extract_day_tables(
    tables: DayTables, folder: Folder, source: str, lookback: timedelta, now: int, *, anew: bool
) -> tuple[int, int]:
    """Read every day table that is new or has changed.

    Args:
        tables: the tables.
        folder: where to.
        source: fingerprint of the declaration.
        lookback: how far below the newest day a known one is asked whether it has changed.
        now: microseconds since 1970.
        anew: whether to read all of them, changed or not.

    Returns:
        Files written, and rows in them.

    Raises:
        ExtractError: a table could not be read; the others were.
    """
    named = tables.names()
    files = rows = 0
    faults = []
    for name, day in named:
        note = folder.path / f"{name}{_NOTE_ENDING}"
        known = None if anew else _state_in(note, source)
        if known is not None and day < named[-1][1] - lookback:
            continue
        try:
            state = tables.state(name)
            if state == known:
                continue
            rows += _write(tables, folder, name, state, now)
        except ExtractError as error:
            faults.append(f"{name}: {error}")
            continue
        files += 1
        write_whole(note, f"{json.dumps({'source': source, 'state': state}, indent=1)}\n".encode())
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ExtractError(f"{faults[0]}{more}")
    return files, rows


def _write(tables: DayTables, folder: Folder, name: str, state: str, now: int) -> int:
    """One table's file.

    Raises:
        ExtractError: it cannot be read, or changed meanwhile.
    """
    part = PartFile(folder.path / f"{name}{ENDING}")
    try:
        for line in tables.lines(name):
            part.add(line)
        changed = tables.state(name) != state
        if not changed:
            part.publish(now)
    finally:
        part.discard()
    if changed:
        raise ExtractError("changed while it was read; the next extract takes it")
    return part.rows


def _state_in(note: Any, source: str) -> str | None:  # noqa: ANN401 - a path
    """The state that a table's file was written from; None where that is not known."""
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
        return str(found["state"]) if found["source"] == source else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
