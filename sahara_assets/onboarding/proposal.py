"""What `sahara init` found: findings, each with how sure it is and why, and the lines that say so on a terminal.

Plain data. How it was found is in `propose.py` and below; how it becomes TOML is in `render.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sahara_assets.onboarding.attributes import model_of
from sahara_assets.tables.datasets import DATASETS
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sahara_assets.onboarding.amounts import Amounts
    from sahara_assets.onboarding.attributes import AttributeMatch
    from sahara_assets.onboarding.mapping import ColumnMatch
    from sahara_assets.onboarding.rules import RuleGuess

T = TypeVar("T")


@dataclass(frozen=True)
class Finding(Generic[T]):
    """One inferred setting: its value, how sure (0..1), and the evidence in words."""

    value: T
    sure: float
    evidence: str


@dataclass(frozen=True)
class Normalising:
    """What an id column needs so that equal ids are equal text."""

    column: str
    steps: tuple[str, ...]
    sure: float
    evidence: str


@dataclass(frozen=True)
class DatasetProposal:
    """One dataset: its files, how they are read, which header is which column, and what is to be watched out for."""

    name: str
    sure: float
    evidence: str
    paths: tuple[str, ...]
    patterns: tuple[str, ...]
    columns: tuple[ColumnMatch, ...]
    attributes: tuple[AttributeMatch, ...]
    unmapped: tuple[str, ...]
    delimiter: Finding[str]
    quote: Finding[str]
    rest_of_dialect: tuple[tuple[str, Finding[Any]], ...]
    encoding: Finding[str]
    format: Finding[str]
    amounts: Amounts
    decimal_mark: Finding[str]
    has_header: Finding[bool]
    date_formats: Finding[tuple[str, ...]]
    dates_undecided: bool
    null_values: Finding[tuple[str, ...]]
    normalise: tuple[Normalising, ...]
    key: Finding[bool | None]
    warnings: tuple[str, ...]
    rows: int
    extent: str

    @property
    def undecided(self) -> tuple[str, ...]:
        """What only a person can say about how the files are read."""
        questions = []
        if self.dates_undecided:
            questions.append("whether the day or the month stands first in its dates")
        if self.amounts.undecided:
            questions.append("what its numbers mean: " + " or ".join(reading for _, reading in self.amounts.readings))
        return tuple(questions)

    @property
    def model(self) -> tuple[str, ...]:
        """The features that customers can be clustered on by their attributes alone; none where the key was not found."""
        return () if self.missing else model_of(self.attributes)

    @property
    def missing(self) -> tuple[str, ...]:
        """Our required and expected columns without a header."""
        declared = DATASETS[self.name]
        wanted = (*declared.required, *declared.expected)
        return tuple(match.column for match in self.columns if match.header is None and match.column in wanted)


@dataclass(frozen=True)
class KnownDataset:
    """A dataset whose files are an export that is known by its names, and read as such."""

    name: str
    title: str
    names: tuple[str, ...]
    paths: tuple[str, ...]
    patterns: tuple[str, ...]
    reading: dict[str, Any]

    @property
    def sells(self) -> bool:
        """Whether it can tell of purchases: of products, units and what was done."""
        columns = {*self.reading["columns"], *self.reading.get("constants", ())}
        return {"product_id", "quantity"} <= columns and bool(columns & {"action", "event_name"})


@dataclass(frozen=True)
class UnusedFile:
    """A file that belongs to no dataset, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Proposal:
    """Everything that goes into `sahara.toml`.

    `folder` is the drop folder as the settings write it: relative to `root` where it lies below it, else absolute. `complete` says whether
    `sahara run` can start from it: purchases were found, with every column that a line must have, or `analytics` takes them from `known`.
    """

    root: Path
    folder: str
    datasets: tuple[DatasetProposal, ...]
    unused: tuple[UnusedFile, ...]
    rules: RuleGuess | None
    currency: Finding[str]
    could_not: tuple[str, ...] = field(default=())
    complete: bool = False
    known: tuple[KnownDataset, ...] = ()
    analytics: dict[str, str] = field(default_factory=dict)

    def dataset(self, name: str) -> DatasetProposal | None:
        """The proposal for one dataset; nothing where no file belongs to it."""
        return next((dataset for dataset in self.datasets if dataset.name == name), None)

    @property
    def model(self) -> tuple[str, ...]:
        """The features to cluster customers on where nothing tells what they bought: every number that they or their accounts come with."""
        people = (self.dataset(name) for name in ("customers", "accounts"))
        return tuple(dict.fromkeys(feature for dataset in people if dataset for feature in dataset.model))

    @property
    def summary_lines(self) -> list[str]:
        """What was found, for a terminal: one line a finding, doubts last."""
        lines = [f"drop folder: {self.folder}"]
        for dataset in self.datasets:
            lines += _dataset_lines(dataset)
        for known in self.known:
            lines.append(
                f"{known.name}: {counted(len(known.paths), 'file')} (99 %): {', '.join(known.patterns)}: {known.title}, known by {shown(known.names)}"
            )
        lines += [f"analytics.{name}: {value}" for name, value in self.analytics.items()]
        lines += _rule_lines(self.rules)
        if self.currency.value:
            lines.append(f"currency: {self.currency.value} ({percent(self.currency.sure)}): {self.currency.evidence}")
        lines += [f"not used: {unused.path}: {unused.reason}" for unused in self.unused[:20]]
        if len(self.unused) > 20:
            lines.append(f"not used: {len(self.unused) - 20:,} more files")
        for dataset in self.datasets:
            lines += [f"watch out ({dataset.name}): {warning}" for warning in dataset.warnings]
        lines += [f"could not: {reason}" for reason in self.could_not]
        lines.append(
            "complete: `sahara run` can start"
            if self.complete
            else 'NOT complete: edit the lines marked "?" before `sahara run`'
        )
        return lines


def percent(sure: float) -> str:
    """How sure, in words for a person: never 100 %, because a guess is a guess.

    >>> percent(0.987), percent(1.0)
    ('99 %', '99 %')
    """
    return f"{min(99, max(1, round(sure * 100)))} %"


def _dataset_lines(dataset: DatasetProposal) -> list[str]:
    lines = [
        f"{dataset.name}: {counted(len(dataset.paths), 'file')}, {dataset.extent} ({percent(dataset.sure)}): {', '.join(dataset.patterns)}"
    ]
    for match in dataset.columns:
        if match.header is not None:
            lines.append(f"  {match.column} = {match.header!r} ({percent(match.sure)}): {match.evidence}")
        elif match.column in dataset.missing:
            lines.append(f"  {match.column} NOT FOUND{f': {match.evidence}' if match.evidence else ''}")
    for attribute in dataset.attributes:
        verdict = "=" if attribute.fits else "NOT TAKEN from"
        lines.append(
            f"  {attribute.attribute.name} {verdict} {attribute.header!r} ({percent(attribute.sure)}): {attribute.evidence}"
        )
    dates = ", ".join(dataset.date_formats.value) or "ISO 8601"
    if dataset.date_formats.evidence:
        lines.append(f"  dates: {dates} ({percent(dataset.date_formats.sure)}): {dataset.date_formats.evidence}")
    return lines


def _rule_lines(rules: RuleGuess | None) -> list[str]:
    if rules is None:
        return []
    lines = [
        f"{what}: {', '.join(found.prefixes) or 'none'} ({percent(found.sure)}): {found.evidence}"
        for what, found in (("cancellation prefixes", rules.cancellations), ("adjustment prefixes", rules.adjustments))
    ]
    lines.append(f"fee codes: {', '.join(fee.code for fee in rules.fees) or 'none'}: {rules.fee_evidence}")
    return lines


def shown(names: Sequence[str], most: int = 8) -> str:
    """Some names of many.

    >>> shown(["a", "b", "c"], 2)
    "'a', 'b' and 1 more"
    """
    text = ", ".join(repr(name if len(name) <= 40 else f"{name[:39]}…") for name in names[:most])
    return text if len(names) <= most else f"{text} and {len(names) - most:,} more"
