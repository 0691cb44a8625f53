"""From a list of files to groups that share a header, each with a small sample of rows that stands for all its files.

The sample is for finding the columns; what needs every row (keys, fees, prefixes) is counted by `scan.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sahara_assets.drops.unclaimed import READABLE
from sahara_assets.errors import SaharaError
from sahara_assets.onboarding.dialect import body_of, first_is_header, guess_dialect, records
from sahara_assets.onboarding.reading import FileText, read_text
from sahara_assets.onboarding.relations import Relations
from sahara_assets.onboarding.values import ColumnProfile, mark_votes

if TYPE_CHECKING:
    from pathlib import Path

    from sahara_assets.drops.dialect import Dialect

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many files of it are done, and of how many."""

# Control characters that separate neither fields nor records.
_NO_TEXT = re.compile(r"[\x00\x02-\x08\x0b\x0c\x0e-\x1d\ufffd]")
_HEAD_BYTES = 1 << 16
_SAMPLED_FILES = 50
_SAMPLE_BYTES = 6 << 20
_SAMPLE_ROWS = 12_000


@dataclass
class Group:
    """Files with one header and dialect, and what their sampled rows hold."""

    header: tuple[str, ...]
    dialect: Dialect
    files: list[Path]
    sure: dict[str, float] = field(default_factory=dict)  # how sure each part of the dialect is
    evidence: dict[str, str] = field(default_factory=dict)  # and why
    rows: list[list[str]] = field(default_factory=list)
    ragged: int = 0
    mark: str = "."
    mark_sure: float = 0.5
    mark_evidence: str = ""
    profiles: list[ColumnProfile] = field(default_factory=list)
    relations: Relations = field(default_factory=lambda: Relations([]))

    @property
    def has_header(self) -> bool:
        """Whether the files name their columns."""
        return self.dialect.header_lines > 0

    @property
    def header_evidence(self) -> str:
        """Why that is thought."""
        return self.evidence.get("header_lines", "")


@dataclass(frozen=True)
class Unread:
    """A file that holds no table, and why."""

    path: Path
    reason: str


def find_files(given: Sequence[Path]) -> tuple[list[Path], Path]:
    """The files meant by the arguments (folders stand for the CSVs below them), sorted, and their common folder.

    Raises:
        SaharaError: nothing was given, or something that does not exist, or a folder without any CSV.
    """
    if not given:
        raise SaharaError("no file was given; name one or more CSV files, or a folder that holds some")
    files: list[Path] = []
    folders: list[Path] = []
    for argument in given:
        try:
            if argument.is_dir():
                # Sorted by parts, because a bytewise sort of whole paths would put `a.csv` between the files of `a/`.
                inside = [
                    path
                    for path in argument.rglob("*")
                    if path.name.lower().endswith(READABLE) and path.is_file() and not _is_hidden(path, argument)
                ]
                if not inside:
                    raise SaharaError(
                        f"{argument}: the folder holds no CSV file, nor JSON lines or Parquet (.csv, .tsv, .txt, .jsonl, .json, .parquet; plain, .gz, .zst or .zip)"
                    )
                files.extend(inside)
                folders.append(argument.resolve())
            elif argument.exists():
                files.append(argument)
                folders.append(argument.resolve().parent)
            else:
                raise SaharaError(f"{argument}: there is no such file or folder")
        except (OSError, ValueError) as error:
            raise SaharaError(f"{str(argument)!r}: cannot be looked at: {error}") from error
    unique = {path.resolve(): None for path in files}
    return sorted(unique, key=lambda path: path.parts), _common_folder(folders)


def _is_hidden(path: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(below).parts)


def _common_folder(folders: Sequence[Path]) -> Path:
    first, *others = folders
    for candidate in (first, *first.parents):
        if all(other.is_relative_to(candidate) for other in others):
            return candidate
    raise SaharaError("the files lie on different drives; put them below one folder")


def spread(files: Sequence[Path], most: int) -> list[Path]:
    """At most so many of the files, evenly spread over them, the first and last included.

    >>> from pathlib import Path
    >>> [path.name for path in spread([Path(str(n)) for n in range(10)], 4)]
    ['0', '3', '6', '9']
    """
    if len(files) <= most:
        return list(files)
    return [files[round(step * (len(files) - 1) / (most - 1))] for step in range(most)]


def group_files(files: Sequence[Path], progress: Progress | None = None) -> tuple[list[Group], list[Unread]]:
    """The files by their header, each group with its sample and profiles; and those that hold no table.

    Raises:
        SaharaError: a file cannot be opened.
    """
    groups: dict[tuple[str, str, tuple[str, ...]], Group] = {}
    by_first_line: dict[str, tuple[str, str, tuple[str, ...]]] = {}
    unread: list[Unread] = []
    for done, path in enumerate(files, start=1):
        text = read_text(path, _HEAD_BYTES)
        if progress and (done % 20 == 0 or done == len(files)):
            progress("looking at headers", done, len(files))
        if reason := _no_table(text):
            unread.append(Unread(path, reason))
            continue
        first_line = text.pieces[0].split("\n", 1)[0].rstrip("\r")
        key = by_first_line.get(first_line)
        if key is None:
            group = _open_group(text.pieces[0])
            if group is None:
                unread.append(Unread(path, "holds no records"))
                continue
            key = (group.dialect.delimiter, group.dialect.quote, group.header)
            groups.setdefault(key, group)
            if group.has_header and not group.dialect.skip_lines:
                by_first_line[first_line] = key
        groups[key].files.append(path)
    for group in groups.values():
        _fill(group, max(1, len(groups)), progress)
    return list(groups.values()), unread


def _no_table(text: FileText) -> str:
    if text.problem:
        return text.problem
    head = "".join(text.pieces)
    if not head.strip():
        return "is empty"
    odd = len(_NO_TEXT.findall(head[:20_000]))
    return "is not a text file" if odd > 0.02 * len(head[:20_000]) else ""


def _open_group(head: str) -> Group | None:
    found = guess_dialect(head)
    dialect, sure, evidence = found.dialect, dict(found.sure), dict(found.evidence)
    if dialect.header_lines == 0 or sure["header_lines"] < 0.9:
        # What our vocabulary knows of headers decides where shapes do not.
        headless = replace(dialect, header_lines=0)
        first = list(records(body_of(head, headless, ())[1], headless, limit=101))
        if not first:
            return None
        has_header, evidence["header_lines"] = first_is_header(first[0], first[1:])
        dialect = replace(dialect, header_lines=max(dialect.header_lines, 1) if has_header else 0)
    names, body = body_of(head, dialect, ())
    if dialect.header_lines:
        return Group(tuple(names), dialect, [], sure, evidence)
    # Files without a header are one group by their width, since their first lines differ.
    width = len(next(records(body, dialect), []))
    return (
        Group(tuple(f"column {place}" for place in range(1, width + 1)), dialect, [], sure, evidence) if width else None
    )


def _fill(group: Group, groups: int, progress: Progress | None) -> None:
    """Take the group's sample and profile its columns."""
    chosen = spread(group.files, max(3, _SAMPLED_FILES // groups))
    budget = max(1 << 16, _SAMPLE_BYTES // groups // len(chosen))
    rows_each = max(60, _SAMPLE_ROWS // len(chosen))
    width = len(group.header)
    for done, path in enumerate(chosen, start=1):
        text = read_text(path, budget)
        per_piece = max(20, rows_each // max(1, len(text.pieces)))
        for number, piece in enumerate(text.pieces):
            body = body_of(piece, group.dialect, group.header)[1] if number == 0 else piece
            for row in records(body, group.dialect, limit=per_piece):
                if len(row) == width:
                    group.rows.append(row)
                else:
                    group.ragged += 1
        if progress:
            progress("sampling rows", done, len(chosen))
    columns = list(zip(*group.rows, strict=True)) if group.rows else [()] * width
    _find_mark(group, columns)
    group.profiles = [ColumnProfile(name, place, columns[place], group.mark) for place, name in enumerate(group.header)]
    group.relations = Relations(group.profiles)


def _find_mark(group: Group, columns: Sequence[Sequence[str]]) -> None:
    """The decimal mark, by vote of the columns that look like amounts; a column of dates or codes has no vote."""
    point = comma = 0
    for values in columns:
        profile = ColumnProfile("", 0, values)
        if profile.date_share > 0.5:
            continue
        one, other = mark_votes(profile.counts)
        if one + other and (one + other) > 0.02 * profile.filled:
            readable = ColumnProfile("", 0, values, "." if one >= other else ",")
            if readable.number_share > 0.8:
                point, comma = point + one, comma + other
    if comma > point:
        group.mark, group.mark_sure = ",", 0.5 + 0.49 * (comma - point) / (comma + point)
    elif point:
        group.mark_sure = 0.5 + 0.49 * (point - comma) / (comma + point)
    group.mark_evidence = (
        f"{comma:,} numbers need a comma, {point:,} a point" if point or comma else "no number has decimals"
    )
