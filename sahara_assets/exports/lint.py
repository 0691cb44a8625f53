"""The linter: holds every audience file on disk against its format's rules, and against the manifest.

It reads bytes and knows nothing of the writer: limits, patterns, the CSV reading and the seal are stated here once more, on purpose,
because a linter that borrowed the writer's functions would agree with its mistakes. Only the files' content is judged here; whether
they are still the newest is `files.is_current`. What a manifest must hold is checked in `lint_manifest.py`, one line is
taken apart in `lint_csv.py`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sahara_assets.exports.lint_csv import end_of_first, fields_of, key_of
from sahara_assets.exports.lint_manifest import Finding, Listed, check_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sahara_assets.settings.sections import ExportSettings

# Every rule that can be broken inside a file; those of the manifest are in lint_manifest.RULES.
FILE_RULES = {
    "file-missing": "every file that the manifest lists is there",
    "size-limit": "a GA360 upload is at most 1 GB",
    "sha256": "the file's hash is the manifest's",
    "bytes": "the file's size is the manifest's",
    "rows": "the file has as many rows as the manifest says",
    "segments": "each segment has as many rows, under the names, as the manifest says",
    "bom": "no byte order mark",
    "utf-8": "every line is UTF-8",
    "line-ending": "every line ends with a line feed alone, the last one too",
    "header": "the header is exactly the format's",
    "property-name": "a user property is a letter, then letters, digits or _, at most 24 characters",
    "columns": "every row has the header's number of fields",
    "quoting": "RFC 4180 quotes, and only where they are needed",
    "key-empty": "every row has a key",
    "key-order": "rows are in bytewise order of their keys",
    "key-duplicate": "no key stands twice",
    "key-email": "no key looks like an e-mail address",
    "key-phone": "no key looks like a phone number",
    "key-formula": "no key starts like a spreadsheet formula",
    "key-control": "no key holds control characters or outer spaces",
    "key-client-id": "a client id is neither the whole cookie nor a fullVisitorId",
    "stream-id": "one stream id in all rows",
    "value-empty": "no value is empty",
    "value-length": "a value has at most 36 characters",
    "value-formula": "no value starts like a spreadsheet formula",
    "value-control": "no value holds control characters",
}

_GA360_LIMIT_BYTES = 1_000_000_000
_SHOWN_PER_RULE = 20
_BLOCK_BYTES = 1 << 20

_GA4_PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,23}")
_GA360_HEADER = re.compile(
    r"ga:clientId,ga:dimension([1-9][0-9]?|1[0-9]{2}|200),ga:dimension([1-9][0-9]?|1[0-9]{2}|200)"
)
_STREAM_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]*")
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# A cell begins behind a semicolon, bar or tab where the spreadsheet of another country opens the file.
_FORMULA_BEHIND = re.compile("[;|\t]\\s*[\"']?[=+\\-@\uff1d\uff0b\uff0d\uff20]")
_PHONE = re.compile(
    r"[ ]*(?:\+[0-9][0-9 ()./-]{5,}[0-9]|\(?[0-9]{3}\)?[ -][0-9]{3}[ -][0-9]{4}|\(?0[0-9]{1,5}\)?[ /][0-9][0-9 /-]{3,}[0-9])[ ]*"
)
_NOT_A_CLIENT_ID = re.compile(r"[Gg][Aa][0-9]\.[-0-9]+\.[0-9]+\.[0-9]+|[0-9]{15,}")

# Keys that need no closer look; bytes, because most rows are judged without being decoded.
_PLAIN_CLIENT_ID = re.compile(rb"[0-9]+\.[0-9]+")
_PLAIN_USER_ID = re.compile(rb"(?![0-9-]*-[0-9-]*\Z)[0-9A-Za-z][0-9A-Za-z._-]*")


def lint(folder: Path, export: ExportSettings | None = None) -> list[Finding]:
    """Every fault of the audience files in a folder; an empty list where all is well.

    Of faults of one rule in one file the first twenty are listed and the rest counted. Keys are never quoted in a message that says
    they look like personal data.

    Args:
        folder: where the files and their manifest are.
        export: with it, the header and the stream id must be those of the settings.
    """
    findings, listed = check_manifest(folder)
    for group in _audiences(listed):
        # A later part goes on where the part before it ended, so order and uniqueness hold for the audience, not for the file.
        previous = b""
        readers = []
        for entry in group:
            reader = _FileReader(folder, entry, export, previous)
            findings += reader.read()
            previous = reader.previous
            readers.append(reader)
        if any(reader.out_of_order for reader in readers):
            findings += _duplicates(readers)
    return sorted(findings, key=lambda finding: (finding.file, finding.line or 0, finding.rule))


def _audiences(listed: list[Listed]) -> list[list[Listed]]:
    groups: dict[str, list[Listed]] = {}
    for entry in sorted(listed, key=lambda entry: entry.part):
        groups.setdefault(entry.format, []).append(entry)
    return list(groups.values())


@dataclass
class _Report:
    """Findings about one file, the first twenty of a rule in full."""

    file: str
    counts: Counter[str] = field(default_factory=Counter)
    found: list[Finding] = field(default_factory=list)

    def add(self, line: int | None, rule: str, message: str) -> None:
        self.counts[rule] += 1
        if self.counts[rule] <= _SHOWN_PER_RULE:
            self.found.append(Finding(self.file, line, rule, message))

    def all(self) -> list[Finding]:
        more = [
            Finding(self.file, None, rule, f"and {count - _SHOWN_PER_RULE:,} more")
            for rule, count in self.counts.items()
            if count > _SHOWN_PER_RULE
        ]
        return self.found + more


class _FileReader:
    """Reads one file from first byte to last and reports what breaks a rule.

    A row's part after the key (stream, segment, tier) is one of a handful, so each distinct one is judged once and then only counted;
    that is what makes a million rows a matter of a second.
    """

    def __init__(self, folder: Path, entry: Listed, export: ExportSettings | None, previous: bytes) -> None:
        self.path = folder / entry.name
        self.entry = entry
        self.export = export
        self.previous = previous
        self.out_of_order = False
        self.report = _Report(entry.name)
        self.tails: Counter[bytes] = Counter()
        self.values_of: dict[bytes, tuple[str, ...]] = {}
        self.width = len(entry.header)
        self.stream = export.stream_id if export is not None and self._has_stream else ""

    @property
    def _has_stream(self) -> bool:
        return self.entry.format == "ga4" and self.entry.key == "client_id"

    def read(self) -> list[Finding]:
        add, entry = self.report.add, self.entry
        try:
            size = self.path.stat().st_size
        except OSError as error:
            add(None, "file-missing", f"the manifest lists it, but it cannot be read: {error.strerror}")
            return self.report.all()
        if entry.format == "ga360" and size > _GA360_LIMIT_BYTES:
            add(None, "size-limit", f"{size:,} bytes; an upload holds at most {_GA360_LIMIT_BYTES:,}")
            return self.report.all()  # whatever it is, it is not ours: the rest may be anything of any length
        if size != entry.bytes:
            add(None, "bytes", f"{size:,} bytes; the manifest says {entry.bytes:,}")
        digest = hashlib.sha256()
        number = 0
        for number, line in enumerate(_lines(self.path, digest, self.report), start=1):
            if number == 1:
                self._check_header(line)
            else:
                self._check_row(number, line)
        if digest.hexdigest() != entry.sha256:
            add(
                None,
                "sha256",
                "its hash is not the manifest's: edited by hand, or an export was cut short; run the export again",
            )
        if number == 0:
            add(1, "header", "the file is empty")
        if max(number - 1, 0) != entry.rows:
            add(None, "rows", f"{max(number - 1, 0):,} rows; the manifest says {entry.rows:,}")
        self._check_segments()
        return self.report.all()

    def numbered_keys(self) -> Iterator[tuple[int, bytes]]:
        for number, line in enumerate(_lines(self.path, hashlib.sha256(), _Report(self.entry.name)), start=1):
            if number > 1:
                yield number, key_of(line)

    # --- header ------------------------------------------------------------------------------------------------------------------

    def _check_header(self, line: bytes) -> None:
        add, entry, export = self.report.add, self.entry, self.export
        if line.startswith(b"\xef\xbb\xbf"):
            add(1, "bom", "starts with a byte order mark, which becomes part of the first column's name")
            line = line[3:]
        text = line.decode("utf-8", "replace")
        names = text.split(",")
        self.width = len(names)
        if entry.format == "ga360":
            match = _GA360_HEADER.fullmatch(text)
            if match is None or match[1] == match[2]:
                add(
                    1,
                    "header",
                    f"{text!r} must be ga:clientId,ga:dimensionN,ga:dimensionM with two indexes of 1 to 200",
                )
            expected = (
                f"ga:clientId,ga:dimension{export.ga360_segment_dimension},ga:dimension{export.ga360_tier_dimension}"
                if export
                else text
            )
        else:
            keys = ["client_id", "stream_id"] if entry.key == "client_id" else ["user_id"]
            if names[: len(keys)] != keys:
                add(1, "header", f"{text!r} must start with {','.join(keys)}")
            if len(names) < len(keys) + 1 or len(set(names)) != len(names):
                add(1, "header", f"{text!r} must name one or more user properties after the key, each once")
            for name in names[len(keys) :]:
                if not _GA4_PROPERTY.fullmatch(name):
                    add(
                        1,
                        "property-name",
                        f"{name!r} must be a letter, then letters, digits or _, 24 characters at most",
                    )
            expected = ",".join([*keys, export.segment_property, export.tier_property]) if export else text
        if text != expected:
            add(1, "header", f"{text!r} is not what the settings say: {expected!r}")
        if names != list(entry.header):
            add(1, "header", f"{text!r} is not what the manifest says: {','.join(entry.header)!r}")

    # --- rows --------------------------------------------------------------------------------------------------------------------

    def _check_row(self, number: int, line: bytes) -> None:
        key, _, tail = line.partition(b",")
        plain = _PLAIN_CLIENT_ID if self.entry.key == "client_id" else _PLAIN_USER_ID
        if tail in self.tails and plain.fullmatch(key):
            self.tails[tail] += 1
        else:
            closely = self._look_closely(number, line)
            if closely is None:
                return
            key = closely
        if key < self.previous:
            self.report.add(number, "key-order", "its key sorts before the row above it")
        if key <= self.previous and key:
            self.out_of_order = True
        self.previous = key

    def _look_closely(self, number: int, line: bytes) -> bytes | None:
        """Judges one row field by field; returns its key, or None where it has no telling. A tail without fault is remembered."""
        add = self.report.add
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            add(number, "utf-8", f"byte {error.start + 1} is not UTF-8")
            return None
        fields, fault = fields_of(text)
        if fault:
            add(number, "quoting", fault)
            return None
        if len(fields) != self.width or self.width < 2 + self._has_stream:
            add(number, "columns", f"{len(fields)} fields; the header has {self.width}")
            return None
        tail_faults = list(self._tail_faults(fields[1:]))
        for rule, message in [*self._key_faults(fields[0]), *tail_faults]:
            add(number, rule, message)
        if not tail_faults:
            tail = text[end_of_first(text) + 1 :].encode()
            self.values_of[tail] = tuple(fields[-2:])
            self.tails[tail] += 1
        return fields[0].encode()

    def _key_faults(self, key: str) -> Iterator[tuple[str, str]]:
        if not key.strip():
            yield "key-empty", "there is no key"
        if re.search("[^@\uff20].*[@\uff20]|%40", key, re.DOTALL):
            yield "key-email", "the key looks like an e-mail address; personal data must not be uploaded"
        if _PHONE.fullmatch(key):
            yield "key-phone", "the key looks like a phone number; personal data must not be uploaded"
        if _FORMULA.match(key) or _FORMULA_BEHIND.search(key):
            yield (
                "key-formula",
                "the key, or a part of it behind another separator, starts like a formula, which a spreadsheet runs",
            )
        if any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in key) or key != key.strip():
            yield "key-control", "the key holds control characters, invisible ones, or spaces at an end"
        if self.entry.key == "client_id" and _NOT_A_CLIENT_ID.fullmatch(key):
            yield "key-client-id", "the key is a whole cookie value or a fullVisitorId, not a client id"

    def _tail_faults(self, fields: list[str]) -> Iterator[tuple[str, str]]:
        values = fields
        if self._has_stream:
            stream, *values = fields
            if not _STREAM_ID.fullmatch(stream):
                yield "stream-id", f"{stream!r} is not a stream id"
            elif self.stream and stream != self.stream:
                yield "stream-id", f"{stream!r} is not {self.stream!r}, as in the settings or in the rows above"
            else:
                self.stream = stream
        for value in values:
            if not value.strip():
                yield "value-empty", "a value is empty"
            if len(value.encode("utf-16-le")) > 72:
                yield "value-length", f"{value!r} has more than 36 characters"
            if _FORMULA.match(value) or _FORMULA_BEHIND.search(value):
                yield (
                    "value-formula",
                    f"{value!r}, or a part of it behind another separator, starts like a formula, which a spreadsheet runs",
                )
            if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in value):
                yield "value-control", f"{value!r} holds a control character"

    def _check_segments(self) -> None:
        rows: Counter[tuple[str, ...]] = Counter()
        for tail, count in self.tails.items():
            rows[self.values_of[tail]] += count
        stated = {pair: count for pair, count in self.entry.segments.items() if count}
        # Rows with a fault of their own are not counted here: they were reported already.
        judged = not (set(self.report.counts) - {"sha256", "bytes"})
        if judged and dict(rows) != stated:
            wrong = sorted(pair for pair in {*rows, *stated} if rows.get(pair, 0) != stated.get(pair, 0))
            for pair in wrong:
                self.report.add(
                    None,
                    "segments",
                    f"{', '.join(pair)!r} has {rows.get(pair, 0):,} rows; the manifest says {stated.get(pair, 0):,}",
                )


def _duplicates(readers: list[_FileReader]) -> list[Finding]:
    """Keys that stood before, in this file or an earlier part. Read again, because only a file out of order needs it."""
    seen: set[bytes] = set()
    findings: list[Finding] = []
    for reader in readers:
        report = _Report(reader.entry.name)
        for number, key in reader.numbered_keys():
            if key and key in seen:
                report.add(number, "key-duplicate", "its key stands in a row above")
            seen.add(key)
        findings += report.all()
    return findings


def _lines(path: Path, digest: hashlib._Hash, report: _Report) -> Iterator[bytes]:
    """The file's lines without their ends, read in blocks and hashed on the way."""
    rest = b""
    number = 0
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK_BYTES):
            digest.update(block)
            data = rest + block
            *whole, rest = data.split(b"\n")
            if b"\r" in data:
                for line in whole:
                    number += 1
                    if line.endswith(b"\r"):
                        report.add(number, "line-ending", "ends with a carriage return")
                    yield line.removesuffix(b"\r")
            else:
                number += len(whole)
                yield from whole
    if rest:
        report.add(number + 1, "line-ending", "the last line does not end")
        yield rest
