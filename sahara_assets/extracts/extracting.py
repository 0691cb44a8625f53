"""Asks the databases of `[extracts]` for what is new, and leaves it as files that are taken in like drops.

An extract that fails is said and tried again by the next run; it stops no other and no drop. What became of the last try lies in its
folder, so that checks and commands can tell it without asking a database.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sahara_assets.errors import SaharaError
from sahara_assets.extracts.mongo import MongoSource
from sahara_assets.extracts.parts import Folder, Parts, write_whole
from sahara_assets.extracts.sql import SqlSource
from sahara_assets.extracts.watermarks import ExtractError, Lookback
from sahara_assets.tables.datasets import DATASETS
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sahara_assets.extracts.sources import WatermarkedSource
    from sahara_assets.settings.document import Settings

LAST_TRY = "last_try.json"
_TOLD_EVERY_ROWS = 10_000


@dataclass(frozen=True)
class Extracted:
    """What became of one extract.

    Attributes:
        name, dataset: which.
        at: when, naive UTC, as ISO 8601.
        rows, files: what was written; both 0 where nothing was new.
        watermark: the newest that has been read; empty for day tables, and where there was never a row.
        notices: what a person should know although nothing failed.
        error: why it failed; empty where it did not. What was written before that stays, and counts.
    """

    name: str
    dataset: str
    at: str
    rows: int = 0
    files: int = 0
    watermark: str = ""
    notices: tuple[str, ...] = ()
    error: str = ""


def extract_all(
    settings: Settings,
    *,
    now: datetime,
    names: Iterable[str] = (),
    anew: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Extracted]:
    """Ask every database for what is new, or only those of the named extracts; the project's lock is held meanwhile.

    Args:
        settings: what to ask.
        now: naive UTC.
        names: which extracts; none stands for all.
        anew: whether to begin at the start instead of the last watermark.
        progress: called with a label, the rows so far and 0.

    Raises:
        SaharaError: there is no extract of that name.
    """
    chosen = list(dict.fromkeys(names)) or list(settings.extracts)
    for name in chosen:
        if name not in settings.extracts:
            known = ", ".join(settings.extracts) or "there is none: add [extracts.NAME] to sahara.toml"
            raise SaharaError(f"{name}: no such extract ({known})")
    return [_extract(settings, name, now=now, anew=anew, progress=progress) for name in chosen]


def last_tries(settings: Settings) -> list[Extracted]:
    """What became of every declared extract when it was last tried; one that never was is left out."""
    found = []
    for name in settings.extracts:
        try:
            document = json.loads((settings.extracts_folder / name / LAST_TRY).read_text(encoding="utf-8"))
            found.append(Extracted(**{**document, "notices": tuple(document["notices"])}))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _extract(
    settings: Settings, name: str, *, now: datetime, anew: bool, progress: Callable[[str, int, int], None] | None
) -> Extracted:
    dataset = settings.extracts[name].dataset
    run = _Extract(settings, name, now=now, anew=anew, progress=progress)
    error = ""
    try:
        run.run()
    except (SaharaError, OSError) as fault:
        error = str(fault)
    outcome = Extracted(name, dataset, now.isoformat(), run.rows, run.files, run.watermark, tuple(run.notices), error)
    try:
        write_whole(settings.extracts_folder / name / LAST_TRY, f"{json.dumps(asdict(outcome), indent=1)}\n".encode())
    except ExtractError as fault:
        outcome = Extracted(**{**asdict(outcome), "notices": outcome.notices, "error": error or str(fault)})
    return outcome


class _Extract:
    """One extract at work."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        *,
        now: datetime,
        anew: bool,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._settings = settings
        self._extract = settings.extracts[name]
        self._name = name
        self._now = now
        self._microseconds = int(now.replace(tzinfo=UTC).timestamp() * 1_000_000)
        self._anew = anew
        self._progress = progress
        self.rows = self.files = 0
        self.watermark = ""
        self.notices: list[str] = []

    def run(self) -> None:
        """Do it.

        Raises:
            SaharaError: it cannot be done, or not to its end.
        """
        # Asked first: without an address there is nothing to try.
        address = self._settings.address_of(self._name)
        folder = Folder(self._settings.extracts_folder / self._name)
        if self._extract.kind == "bigquery":
            from sahara_assets.extracts.day_tables import DayTables, extract_day_tables

            span = Lookback.of(self._extract).in_time()
            with closing(DayTables(self._extract)) as tables:
                self.files, self.rows = extract_day_tables(
                    tables, folder, self._source(), span, self._microseconds, anew=self._anew
                )
            return
        with closing(self._opened(address)) as source:
            self._read(folder, source)

    def _opened(self, address: str) -> WatermarkedSource:
        dataset = DATASETS[self._extract.dataset]
        if self._extract.kind == "mongo":
            return MongoSource(self._extract, address)
        reading = self._settings.datasets[dataset.name]
        return SqlSource(self._extract, address, self._settings.root, dataset, reading)

    def _read(self, folder: Folder, source: WatermarkedSource) -> None:
        lookback = Lookback.of(self._extract)
        last = None if self._anew else folder.last(self._source())
        if last is None and not self._anew and folder.next_number > 1:
            self.notices.append("read from the start, because what is extracted was declared otherwise before")
        start = last.watermark.lower(lookback) if last else None
        reading = self._settings.datasets[self._extract.dataset]
        zone = ZoneInfo(reading.time_zone or self._settings.project.time_zone)
        parts = Parts(
            folder,
            self._source(),
            last,
            lookback,
            lambda mark: mark.believed(self._now, zone),
            self._microseconds,
            since=start.text if start else "",
        )
        if without := source.unmarked():
            self.notices.append(
                f"{counted(without, 'row has', 'rows have')} no {self._extract.watermark}, by which alone rows are found"
            )
        seen, kind = 0, start.kind if start else None
        try:
            for stated in source.stated(start):
                kind = kind or stated.at.kind
                if stated.at.kind != kind:
                    raise ExtractError(
                        f"{self._extract.watermark} held a {kind} and holds a {stated.at.kind}; if it was changed, read all anew with --full"
                    )
                if parts.is_full:
                    parts.close()
                for line in stated.lines:
                    parts.add(stated.at, line, in_order=stated.in_order)
                seen += len(stated.lines)
                if self._progress is not None and seen % _TOLD_EVERY_ROWS < len(stated.lines):
                    self._progress(f"extract {self._name}", seen, 0)
            parts.close()
        finally:
            parts.abandon()
            self.files, self.rows = parts.files, parts.rows
            newest = parts.watermark or (last.watermark if last else None)
            self.watermark = newest.text if newest else ""

    def _source(self) -> str:
        """A fingerprint of what is extracted: under another one, old watermarks say nothing.

        Where the database lies is not part of it, because a server that moved holds the same rows.
        """
        extract = self._extract
        reading = self._settings.datasets[extract.dataset]
        document = [reading.columns.get(column, column) for column in DATASETS[extract.dataset].document]
        said: list[Any] = [
            extract.dataset,
            extract.table,
            extract.query,
            extract.collection,
            extract.watermark,
            document,
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
