"""The manifest: what the audience files hold, from which model, and which bytes they must have.

It is renamed last and names every file's SHA-256, so it speaks for a consistent set: a consumer that finds a file with another hash
has caught an export half way, and waits. It is sealed by a hash of itself, so that an edit by hand is seen and mended. No clock, no path
and no host stand in it: the same export gives the same bytes. How the files get to the disk is in `files.py`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sahara_assets.exports.formats import MANIFEST_NAME, is_our_name

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST_VERSION = 1


@dataclass(frozen=True)
class ManifestFile:
    """One audience file as written; `rows` without the header, `left_out` for the whole audience where it comes in parts."""

    name: str
    format: str
    key: str
    header: tuple[str, ...]
    part: int
    parts: int
    rows: int
    bytes: int
    sha256: str
    left_out: dict[str, int]
    segments: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Manifest:
    """One export: `fingerprint` is what it was made from, `cut_off` the local moment up to which the customers' lines counted."""

    generated_by: str
    fingerprint: str
    model_version: int
    k: int
    cut_off: str
    customers: int
    files: tuple[ManifestFile, ...]
    notices: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """The manifest as it stands on disk."""
        body = {"manifest_version": MANIFEST_VERSION, **asdict(self)}
        document = {**body, "seal": seal(body)}
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()

    @property
    def names(self) -> set[str]:
        """The files' names."""
        return {file.name for file in self.files}


def seal(body: dict[str, Any]) -> str:
    """SHA-256 of the manifest without its seal, as compact JSON with sorted keys."""
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of the last finished export, or None where there is none that can be trusted.

    Absent, damaged, edited and of another version are one case: the next export writes it anew.
    """
    try:
        content = (folder / MANIFEST_NAME).read_bytes()
        document = json.loads(content)
        files = tuple(
            ManifestFile(**{**file, "header": tuple(file["header"]), "segments": tuple(file["segments"])})
            for file in document["files"]
        )
        rest = {name: document[name] for name in Manifest.__dataclass_fields__ if name not in {"files", "notices"}}
        manifest = Manifest(**rest, files=files, notices=tuple(document["notices"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return manifest if manifest.to_bytes() == content else None


def listed_names(folder: Path, file_name: str = MANIFEST_NAME) -> set[str]:
    """The names of ours that a manifest lists, even one that was edited since: what a new export may remove.

    Names that this package does not give are ignored, whatever the file says.
    """
    try:
        document = json.loads((folder / file_name).read_bytes())
        names = {str(file["name"]) for file in document["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if is_our_name(name)}
