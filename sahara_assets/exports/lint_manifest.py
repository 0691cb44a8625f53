"""The linter's half that reads the manifest: is it there, sealed, complete, and does it account for every customer and every file.

Like `lint.py` it borrows nothing from the writer. What stands inside the audience files is checked there.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

RULES = {
    "manifest": "the manifest is there and holds what it should",
    "manifest-seal": "the manifest is as it was written",
    "unfinished": "no export was cut short",
    "unlisted-file": "every audience file is listed in the manifest",
    "conservation": "rows and customers left out, by reason, add up to all customers",
}

_MANIFEST = "audience_manifest.json"
_JOURNAL = ".audience_pending.json"
_NAME = re.compile(r"audience_(ga4|ga360)(?:\.part([0-9]+))?\.csv")


@dataclass(frozen=True)
class Finding:
    """One fault: the file's name, the line (1 is the header) where there is one, the rule it breaks, and what a person should know."""

    file: str
    line: int | None
    rule: str
    message: str

    def __str__(self) -> str:
        """`audience_ga4.csv:12: key-order: …`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.rule}: {self.message}"


@dataclass(frozen=True)
class Listed:
    """What the manifest says of one file; `segments` are the rows by (segment value, tier value)."""

    name: str
    format: str
    key: str
    part: int
    parts: int
    header: tuple[str, ...]
    rows: int
    bytes: int
    sha256: str
    left_out: int
    segments: dict[tuple[str, ...], int]


def check_manifest(folder: Path) -> tuple[list[Finding], list[Listed]]:
    """The faults of the manifest, and the files it lists as far as they can be read."""
    findings: list[Finding] = []
    if (folder / _JOURNAL).exists():
        findings.append(Finding(_JOURNAL, None, "unfinished", "the last export was cut short; run it again"))
    try:
        document = json.loads((folder / _MANIFEST).read_bytes())
        body = {name: value for name, value in document.items() if name != "seal"}
        listed = [_listed(entry) for entry in document["files"]]
        customers = _count(document["customers"])
        _check_kinds(document)
    except OSError as error:
        findings.append(Finding(_MANIFEST, None, "manifest", f"cannot be read: {error.strerror}; run the export"))
        return findings, []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"does not hold what it should ({type(error).__name__}: {error}); run the export again"
        findings.append(Finding(_MANIFEST, None, "manifest", message))
        return findings, []
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    if document.get("seal") != hashlib.sha256(canonical).hexdigest():
        findings.append(
            Finding(_MANIFEST, None, "manifest-seal", "was edited since it was written; run the export again")
        )
    return [*findings, *_check_lists(folder, listed, customers)], listed


def _check_lists(folder: Path, listed: list[Listed], customers: int) -> list[Finding]:
    findings = []
    names = [entry.name for entry in listed]
    if not listed or len(set(names)) != len(names):
        findings.append(Finding(_MANIFEST, None, "manifest", "must list one file or more, each once"))
    findings += [
        Finding(
            path.name,
            None,
            "unlisted-file",
            "the manifest does not list it: it may be stale; remove it, do not upload it",
        )
        for path in sorted(folder.iterdir())
        if _NAME.fullmatch(path.name) and path.name not in names
    ]
    for form in sorted({entry.format for entry in listed}):
        parts = sorted((entry for entry in listed if entry.format == form), key=lambda entry: entry.part)
        if [(entry.part, entry.parts) for entry in parts] != [
            (number, len(parts)) for number in range(1, len(parts) + 1)
        ]:
            findings.append(
                Finding(_MANIFEST, None, "manifest", f"the parts of the {form} audience are not 1 to {len(parts)}")
            )
        if len({(entry.key, entry.header, entry.left_out) for entry in parts}) > 1:
            findings.append(
                Finding(_MANIFEST, None, "manifest", f"the parts of the {form} audience contradict each other")
            )
        total = sum(entry.rows for entry in parts) + parts[0].left_out
        if total != customers:
            message = f"the {form} audience accounts for {total:,} of {customers:,} customers"
            findings.append(Finding(_MANIFEST, None, "conservation", message))
        for entry in parts:
            if sum(entry.segments.values()) != entry.rows:
                message = f"the segments of {entry.name} do not add up to its {entry.rows:,} rows"
                findings.append(Finding(_MANIFEST, None, "conservation", message))
    return findings


def _check_kinds(document: dict[str, Any]) -> None:
    kinds = {"generated_by": str, "fingerprint": str, "model_version": int, "k": int, "cut_off": str, "notices": list}
    for name, kind in kinds.items():
        if not isinstance(document[name], kind):
            raise TypeError(f"{name} is {document[name]!r}")


def _listed(entry: dict[str, Any]) -> Listed:
    match = _NAME.fullmatch(entry["name"])
    if match is None or match[1] != entry["format"]:
        raise ValueError(f"{entry['name']!r} is no {entry['format']} file's name")
    if entry["key"] not in ({"client_id", "user_id"} if entry["format"] == "ga4" else {"client_id"}):
        raise ValueError(f"{entry['name']} cannot be keyed by {entry['key']!r}")
    if _count(entry["part"]) != int(match[2] or 1):
        raise ValueError(f"{entry['name']} is not part {entry['part']}")
    segments: dict[tuple[str, ...], int] = {}
    for segment in entry["segments"]:
        pair = (str(segment["value"]), str(segment["tier_value"]))
        if pair in segments:
            raise ValueError(f"{entry['name']} has two segments written as {pair[0]!r}")
        segments[pair] = _count(segment["customers"])
    return Listed(
        name=entry["name"],
        format=entry["format"],
        key=entry["key"],
        part=entry["part"],
        parts=_count(entry["parts"]),
        header=tuple(str(name) for name in entry["header"]),
        rows=_count(entry["rows"]),
        bytes=_count(entry["bytes"]),
        sha256=str(entry["sha256"]),
        left_out=sum(map(_count, entry["left_out"].values())),
        segments=segments,
    )


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
