"""What a run did, or would do, about the files in the drop folder."""

from __future__ import annotations

from dataclasses import dataclass, field

from sahara_assets.drops.plan import Act


@dataclass(frozen=True)
class DropOutcome:
    """What a run did, or would do, about one file."""

    dataset: str
    path: str
    act: str
    status: str
    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    replaces: bool = False
    reason: str | None = None


@dataclass
class LoadReport:
    """What a run did about its drops.

    Attributes:
        outcomes: the files that were acted on.
        unchanged: files that were known already.
        left_alone: files that are still being written.
        held: paths that wait for a person (`sahara drops allow`).
        unclaimed: files that look like drops and that no dataset's patterns match.
        stale: contents read under other settings whose files are gone, so that they could not be read again.
    """

    outcomes: list[DropOutcome] = field(default_factory=list)
    unchanged: int = 0
    left_alone: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    unclaimed: list[str] = field(default_factory=list)

    @property
    def rows_read(self) -> int:
        """Rows that were read from files in this run."""
        return sum(o.rows_read for o in self.outcomes if o.act != Act.POINT)

    @property
    def rows_loaded(self) -> int:
        """Rows that went into raw tables in this run."""
        return sum(o.rows_loaded for o in self.outcomes if o.act != Act.POINT)

    @property
    def rows_rejected(self) -> int:
        """Rows that were kept out in this run."""
        return sum(o.rows_rejected for o in self.outcomes if o.act != Act.POINT)
