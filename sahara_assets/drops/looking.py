"""The drop folder held against the ledger: what lies there, what it holds, and what is to be done about it. Nothing is written here.

Which files there are is found in `discovery.py`, what follows is decided in `plan.py` and carried out in `loading.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sahara_assets.drops.content import Content, inspect_content
from sahara_assets.drops.discovery import FoundFile, look_into_folder
from sahara_assets.drops.ledger import Ledger, reading_fingerprint
from sahara_assets.drops.packing import Limits
from sahara_assets.drops.plan import Plan, Present, plan_drops
from sahara_assets.errors import DropError
from sahara_assets.tables.datasets import DATASETS, Dataset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


@dataclass
class Work:
    """One dataset's files, ledger and plan.

    Attributes:
        dataset: the dataset.
        ledger: its rows, with the new signatures and times of files that were touched; a load writes them.
        files: what was found, by path.
        contents: what a look at a file told, by path; absent for files that were not touched since the last look.
        sources: the files that hold a content, by its hash.
        unreadable: why a file could not be looked at, by path.
        left_alone: files that are still being written.
        plan: what is to be done.
        fingerprint: of the settings that the dataset is read under.
    """

    dataset: Dataset
    ledger: Ledger
    files: dict[str, FoundFile]
    contents: dict[str, Content]
    sources: dict[str, list[str]]
    unreadable: dict[str, str]
    left_alone: list[str]
    plan: Plan
    fingerprint: str

    @property
    def unchanged(self) -> int:
        """How many readable files nothing is to be done about."""
        busy = {step.path for step in self.plan.steps} | set(self.plan.held)
        return sum(path not in busy for paths in self.sources.values() for path in paths)


def look_around(warehouse: Warehouse, settings: Settings, *, now: datetime) -> tuple[list[Work], list[str]]:
    """Every dataset's files and what is to be done about them, and the files that are no dataset's (`Found.unclaimed`).

    Args:
        warehouse: holds the ledger.
        settings: folder, patterns and reading settings.
        now: naive UTC; a file that was modified less than `drops.settle_seconds` before is left alone.

    Raises:
        DropError: the drop folder is not there.
    """
    found = look_into_folder(settings)
    works = []
    owners = {file.path: file.dataset for file in found.files}
    for name, dataset in DATASETS.items():
        if name not in settings.datasets:
            continue
        files = [file for file in found.files if file.dataset == name]
        unsettled = [file.path for file in files if file.may_grow(settings.drops.settle_seconds, now)]
        works.append(_look_at(warehouse, settings, dataset, files, unsettled, owners))
    return works, found.unclaimed


def _look_at(
    warehouse: Warehouse,
    settings: Settings,
    dataset: Dataset,
    files: list[FoundFile],
    unsettled: list[str],
    owners: Mapping[str, str],
) -> Work:
    """Hash the files that were touched since they were last looked at, and plan; `owners` says whose each file in the folder is."""
    reading = settings.datasets[dataset.name]
    ledger = Ledger(warehouse, dataset.name)
    signatures = ledger.signatures()
    contents: dict[str, Content] = {}
    unreadable: dict[str, str] = {}
    sources: dict[str, list[str]] = {}
    for file in files:
        if file.path in unsettled:
            continue
        known = signatures.get((file.path, file.signature))
        if known is not None:
            sources.setdefault(known["drop_id"], []).append(file.path)
            continue
        try:
            content = inspect_file(settings, file)
        except DropError as error:
            if not has_vanished(error):
                unreadable[file.path] = str(error)
            continue
        contents[file.path] = content
        sources.setdefault(content.drop_id, []).append(file.path)
        row = ledger.get(file.path, content.drop_id)
        if row is not None:
            # Touched, moved back or delivered again with the same content: as new as its new modification time says.
            ledger.put({**row, "signature": file.signature, "modified_at": file.modified_at})
    fingerprint = reading_fingerprint(settings, dataset.name)
    present = [Present(path, drop_id) for drop_id, paths in sources.items() for path in paths]
    plan = plan_drops(ledger.versions(), present, reading_fingerprint=fingerprint, same_path=reading.same_path)
    moved = [
        (v.path, "") for v in ledger.versions() if not v.drop_id and owners.get(v.path, dataset.name) != dataset.name
    ]
    plan = replace(plan, outdated=(*plan.outdated, *moved))  # whose they are now says what became of them
    by_path = {file.path: file for file in files}
    return Work(dataset, ledger, by_path, contents, sources, unreadable, unsettled, plan, fingerprint)


def inspect_file(settings: Settings, file: FoundFile) -> Content:
    """Hash a file and settle its format and encoding.

    Raises:
        DropError: it cannot be read.
    """
    reading = settings.datasets[file.dataset]
    return inspect_content(file, reading.encoding, file_format=reading.format, limits=limits_of(settings))


def limits_of(settings: Settings) -> Limits:
    """How much may come out of a drop."""
    memory = settings.warehouse.memory_limit or Limits.memory
    return Limits(settings.drops.largest_unpacked_bytes, settings.drops.largest_ratio, memory)


def has_vanished(error: Exception) -> bool:
    """Whether the file was moved away since the folder was listed: to this run it was never there."""
    return isinstance(error.__cause__, FileNotFoundError)
