"""Audience files and their manifest onto the disk, so that a kill at any moment loses nothing.

The order is what makes it safe. A journal names the files first, so that whatever is left lying about can be known for ours; every
file is written whole beside its place and flushed; only then are they renamed into it, files that are no longer produced are removed,
and the manifest is renamed last. A kill before the renames leaves the old export untouched. A kill between the first rename and the last
leaves whole files, some old and some new, which the old manifest's hashes do not fit: `is_current` says no, and the next export
finishes the work. What goes into the files is decided in `audience.py`; whether they keep to the formats is seen in `lint.py`.

One writer at a time: the run's lock sees to that.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from datetime import date
from importlib import metadata
from itertools import chain
from typing import TYPE_CHECKING

from sahara_assets.exports.audience import AudienceError, AudienceFile, AudiencePlan
from sahara_assets.exports.encode import encode_header, encode_rows
from sahara_assets.exports.formats import MANIFEST_NAME
from sahara_assets.exports.manifest import Manifest, ManifestFile, listed_names, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

JOURNAL_NAME = ".audience_pending.json"
_BLOCK_BYTES = 1 << 20


def write_audiences(
    folder: Path,
    plan: AudiencePlan,
    *,
    fingerprint: str,
    model_version: int,
    k: int,
    cut_off: date | str,
) -> Manifest:
    """Write the planned files and the manifest, and remove files of ours that are no longer produced.

    Only files that the last manifest (or the journal of a killed export) lists are ever removed or replaced by something else.

    Args:
        folder: where to; made where it is absent.
        plan: what to write.
        fingerprint: of everything the files were made from; `is_current` is asked with it later.
        model_version: of the model that made the segments.
        k: its number of segments.
        cut_off: the local moment up to which lines counted.

    Raises:
        AudienceError: the folder or a file cannot be written; the files of the last export are left as they are, or, where it failed
            between two renames, are seen not to be current.
    """
    if not plan.files or any(file.rows.num_rows == 0 for file in plan.files):
        raise AudienceError(
            "an audience file without customers is not written; the files of the last export are left as they are"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write(folder, plan, (fingerprint, model_version, k, cut_off))
    except OSError as error:
        raise AudienceError(
            f"{error.filename or folder}: the audience files cannot be written ({error.strerror or error}); make room there or make"
            " the folder writable, or set export.folder to another"
        ) from error


def is_current(folder: Path, fingerprint: str) -> bool:
    """Whether the last export was made from these inputs, ended, and still lies there byte for byte.

    Reads and hashes every file: a kill or an edit by hand never looks like "nothing new".
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.fingerprint != fingerprint or (folder / JOURNAL_NAME).exists():
        return False
    return all(_sha256(folder / file.name) == file.sha256 for file in manifest.files)


def _write(folder: Path, plan: AudiencePlan, made_from: tuple[str, int, int, date | str]) -> Manifest:
    fingerprint, model_version, k, cut_off = made_from
    names = [file.name for file in plan.files]
    ours = listed_names(folder) | listed_names(folder, JOURNAL_NAME)
    places = [folder / name for name in (*names, MANIFEST_NAME)]
    for place in places:
        # A folder in a file's place would stop the renames half way; say so while nothing has happened yet.
        if place.is_dir():
            raise IsADirectoryError(21, "a folder stands in the file's place", str(place))
    _write_journal(folder, ours | set(names))
    try:
        for name in sorted(ours - set(names)):
            _partial(folder / name).unlink(missing_ok=True)
        files = tuple(_write_partial(folder, file) for file in plan.files)
        manifest = Manifest(
            generated_by=f"sahara-assets {_version()}",
            fingerprint=fingerprint,
            model_version=model_version,
            k=k,
            cut_off=cut_off.isoformat() if isinstance(cut_off, date) else cut_off,
            customers=plan.customer_count,
            files=files,
            notices=plan.notices,
        )
        _fill(_partial(folder / MANIFEST_NAME), [manifest.to_bytes()])
    except BaseException:
        # Nothing was renamed yet, so the last export is whole; only what was begun goes. A full disk may refuse even that.
        with contextlib.suppress(OSError):
            for place in places:
                _partial(place).unlink(missing_ok=True)
            if ours <= listed_names(folder):
                (folder / JOURNAL_NAME).unlink(missing_ok=True)
        raise
    for name in names:
        _partial(folder / name).replace(folder / name)
    for name in sorted(ours - set(names)):
        if not (folder / name).is_dir():
            (folder / name).unlink(missing_ok=True)
    # The manifest must not reach the disk before what it speaks for, nor the journal go before the manifest is there.
    _flush_folder(folder)
    _partial(folder / MANIFEST_NAME).replace(folder / MANIFEST_NAME)
    _flush_folder(folder)
    (folder / JOURNAL_NAME).unlink()
    return manifest


def _write_journal(folder: Path, names: set[str]) -> None:
    content = json.dumps({"files": [{"name": name} for name in sorted(names)]}).encode()
    partial = _partial(folder / JOURNAL_NAME)
    _fill(partial, [content])
    partial.replace(folder / JOURNAL_NAME)
    _flush_folder(folder)


def _write_partial(folder: Path, file: AudienceFile) -> ManifestFile:
    digest = hashlib.sha256()
    size = 0

    def measured() -> Iterable[bytes | memoryview]:
        nonlocal size
        contents: Iterable[bytes | memoryview] = chain([encode_header(file.header)], encode_rows(file.rows))
        for content in contents:
            digest.update(content)
            size += len(content)
            yield content

    _fill(_partial(folder / file.name), measured())
    return ManifestFile(
        name=file.name,
        format=file.layout.format.value,
        key=file.layout.key.value,
        header=file.header,
        part=file.part,
        parts=file.parts,
        rows=file.rows.num_rows,
        bytes=size,
        sha256=digest.hexdigest(),
        left_out={reason.value: count for reason, count in sorted(file.left_out.items())},
        segments=tuple(
            {
                "segment": segment.segment,
                "segment_name": segment.segment_name,
                "value": segment.value,
                "tier_value": segment.tier_value,
                "customers": segment.customer_count,
            }
            for segment in file.segments
        ),
    )


def _partial(place: Path) -> Path:
    """Where a file is written before it is renamed: beside its place, hidden, and under one name, so that a leftover is overwritten."""
    return place.with_name(f".{place.name.removeprefix('.')}.partial")


def _fill(path: Path, contents: Iterable[bytes | memoryview]) -> None:
    path.unlink(missing_ok=True)
    with path.open("xb") as handle:
        for content in contents:
            handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    # Where folders cannot be opened (Windows), renames are flushed by the system in its own time.
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sha256(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as handle:
            while block := handle.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


def _version() -> str:
    try:
        return metadata.version("sahara-assets")
    except metadata.PackageNotFoundError:
        return "(not installed)"
