"""`sahara init` on a folder of an object store: its files are copied to a scratch folder, looked at there, and the copy is let go.

Nothing else copies a drop folder: a load reads objects where they are.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sahara_assets.drops.discovery import FoundFile, bucket_folder
from sahara_assets.drops.unclaimed import READABLE
from sahara_assets.errors import SaharaError
from sahara_assets.onboarding.propose import propose
from sahara_assets.settings.buckets import bucket_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.onboarding.proposal import Proposal
    from sahara_assets.onboarding.sampling import Progress
    from sahara_assets.settings.buckets import Bucket

MOST_FILES = 5_000
MOST_BYTES = 1024**3


def propose_any(files: Sequence[Path | str], root: Path, progress: Progress | None = None) -> Proposal:
    """`propose` for files of this machine, or for one folder of an object store.

    Args:
        files: paths; addresses are texts.
        root: the folder that `sahara.toml` will be written to.
        progress: called with what is being done, how many files of it are done, and of how many.

    Raises:
        SaharaError: nothing was given, or what was given does not exist or cannot be read.
    """
    addresses = [file for file in files if isinstance(file, str)]
    if not addresses:
        return propose([Path(file) for file in files], root, progress)
    if len(files) > 1:
        raise SaharaError("of an object store, name one folder and nothing else: it becomes drops.folder")
    try:
        bucket = bucket_of(addresses[0])
    except ValueError as error:
        raise SaharaError(f"the address {error}") from None
    if bucket is None:
        raise SaharaError(f"{addresses[0]}: there is no such file or folder")
    return propose_from(bucket, root, progress)


def propose_from(bucket: Bucket, root: Path, progress: Progress | None = None) -> Proposal:
    """What the files in a folder of an object store hold, and the settings that read them there.

    Args:
        bucket: the folder.
        root: the folder that `sahara.toml` will be written to.
        progress: called with what is being done, how many files of it are done, and of how many.

    Raises:
        SaharaError: the folder cannot be listed, holds nothing that could be a drop, or more than should be copied for a look.
    """
    folder = bucket_folder(bucket)
    listed = [(path, stat()) for path, stat in folder.listing() if path.lower().endswith(READABLE)]
    files = [FoundFile("", path, *told, folder) for path, told in listed if told is not None]
    if not files:
        raise SaharaError(
            f"{bucket}: the folder holds no CSV file, nor JSON lines or Parquet (.csv, .tsv, .txt, .jsonl, .json, .parquet; plain, .gz, .zst or .zip)"
        )
    size = sum(file.size_bytes for file in files)
    if len(files) > MOST_FILES or size > MOST_BYTES:
        raise SaharaError(
            f"{bucket}: holds {len(files):,} files of {size / 1024**2:,.0f} MB, more than is copied for a look ({MOST_FILES:,} files, "
            f"{MOST_BYTES / 1024**2:,.0f} MB); copy some of each kind to a folder here, run `sahara init` on that, and set drops.folder"
        )
    with tempfile.TemporaryDirectory(prefix="sahara-") as scratch:
        here = Path(scratch).resolve()
        for done, file in enumerate(sorted(files, key=lambda file: file.path), start=1):
            _copy(file, here)
            if progress is not None:
                progress("copying for a look", done, len(files))
        return replace(propose([here], root, progress), folder=str(bucket).removesuffix("/"))


def _copy(file: FoundFile, to: Path) -> None:
    """Copy an object below a folder, under its own name where that is a name that a folder of this machine can hold."""
    target = (to / file.path).resolve()
    if not target.is_relative_to(to):
        raise SaharaError(f"{file}: its name leads out of any folder; rename it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with file.open() as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    except OSError as error:
        raise SaharaError(f"{file}: cannot be copied for a look ({error.strerror or error})") from error
