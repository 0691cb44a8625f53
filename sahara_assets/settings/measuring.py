"""What may be set about how customers are measured: the parts of a day, and how a model prepares its features.

Apart from the other sections (`sections.py`) only because those are many.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator

from sahara_assets.settings.base import Section, known_zone

PARTS_OF_DAY: dict[str, dict[str, int]] = {
    "usual": {"Night": 0, "Morning": 6, "Afternoon": 12, "Evening": 18},
    "byte-foods": {"Morning": 0, "Afternoon": 13, "Evening": 18},
}
"""The rules that have a name: part → its first hour. `byte-foods` is what the notebook of Byte Foods did (hours 0-12, 13-17, 18-23)."""

LONGEST_PART_NAME = 30

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


_NOT_EVERYWHERE = re.compile(r"\\(?![dDwWsStn])[A-Za-z0-9]|(?<!\\)\(\?(?!:|i\))|(?<!^)(?<!\\)\(\?i|[*+?}]\+|\[\[")
"""What DuckDB, BigQuery (both RE2) and Postgres do not read alike: look-around, back references, word boundaries, possessive repeats,
classes with a name, options that do not stand at the start."""


def pattern_fault(pattern: str) -> str:
    r"""What is wrong with a regular expression that every warehouse must read alike; empty where nothing is.

    >>> pattern_fault("(?i)^home/(?:apparel|bags)/"), pattern_fault(r"mug\b")
    ('', "holds '\\\\b', which not every warehouse reads; write it without")
    """
    if not pattern:
        return "is empty, which every category matches"
    found = _NOT_EVERYWHERE.search(pattern)
    if found:
        return f"holds {found[0]!r}, which not every warehouse reads; write it without"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"is no regular expression: {error}"
    return ""


class PartsOfDaySettings(Section):
    """What morning, afternoon and so on are, and by whose clock."""

    rule: Literal["usual", "byte-foods"] = Field(
        "usual",
        description="`usual`: Night 0-5, Morning 6-11, Afternoon 12-17, Evening 18-23; `byte-foods`: Morning 0-12, Afternoon 13-17, Evening 18-23.",
    )
    starts: dict[str, int] = Field(
        default_factory=dict,
        description="A rule of your own, instead of one with a name: each part's first hour, such as `{ Breakfast = 5, Lunch = 11, Dinner = 16 }`. A part lasts until the next begins, the last one over midnight until the first.",
    )
    time_zone: str = Field(
        "",
        description="IANA time zone of the clock that is meant; empty: `project.time_zone`. The published times of Byte Foods are most likely `UTC`.",
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name) if name else name

    @field_validator("starts")
    @classmethod
    def _hours(cls, starts: dict[str, int]) -> dict[str, int]:
        wrong = [hour for hour in starts.values() if not 0 <= hour <= 23]
        if wrong:
            raise ValueError(f"holds the hour {wrong[0]}; hours go from 0 to 23")
        if len(set(starts.values())) < len(starts):
            raise ValueError("two parts begin at the same hour")
        for name in starts:
            if not name.strip() or len(name) > LONGEST_PART_NAME or not name.isprintable():
                raise ValueError(f"{name!r} is no name: {LONGEST_PART_NAME} printable characters at most")
            if not re.search(r"[A-Za-z]", name):
                raise ValueError(f"{name!r} holds no letter from a to z, and the feature is named after it")
        return starts

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """Each part with its first hour, in the order of the day.

        >>> PartsOfDaySettings().parts
        (('Night', 0), ('Morning', 6), ('Afternoon', 12), ('Evening', 18))
        """
        starts = self.starts or PARTS_OF_DAY[self.rule]
        return tuple(sorted(starts.items(), key=lambda part: part[1]))

    @property
    def hours(self) -> dict[str, str]:
        """Each part's hours as a person reads them.

        >>> PartsOfDaySettings(starts={"Lunch": 11, "Dinner": 17}).hours
        {'Lunch': '11-16', 'Dinner': '17-10'}
        """
        parts = self.parts
        following = [*parts[1:], parts[0]]
        return {name: f"{first}-{(after - 1) % 24}" for (name, first), (_, after) in zip(parts, following, strict=True)}


class TreatmentSettings(Section):
    """How the model prepares one feature, where that differs from what is declared for it."""

    missing: Literal["drop", "mean", "median", "maximum"] | float | None = Field(
        None,
        description="What stands for a value that is missing; `drop`: nothing, and a customer without it gets no segment. Of a category only `drop`.",
    )
    cap_quantile: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Values above this quantile of the training customers count as the quantile; 1 caps nothing.",
    )
    transform: Literal["log1p", "none"] | None = Field(None, description="`log1p` takes ln(1 + max(x, 0)).")
    scale: Literal["standard", "none"] | None = Field(
        None, description="`standard` subtracts the mean and divides by the standard deviation."
    )


class PreprocessingSettings(Section):
    """How the model prepares its features; what is not set is as each feature declares it (see `docs/tables.md`)."""

    missing: Literal["declared", "drop"] = Field(
        "declared",
        description="`drop`: customers without a value for some feature of the model neither train it nor get a segment; they are counted in `step_counts`.",
    )
    cap_quantile: float | None = Field(
        None, gt=0, le=1, description="Cap every number of the model at this quantile, such as 0.95; 1 caps nothing."
    )
    transform: Literal["declared", "log1p", "none"] = Field("declared", description="One transform for every number.")
    explained_variance: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Cluster in the space of the fewest principal components that explain this share of the variance, such as 0.9; not set: in the space of the features.",
    )
    features: dict[str, TreatmentSettings] = Field(
        default_factory=dict,
        description="The same for single features of the model: `[preprocessing.features.NAME]` with `missing`, `cap_quantile`, `transform`, `scale`.",
    )

    def changes(self, name: str, *, is_category: bool) -> dict[str, Any]:
        """What is set about one feature's treatment, by the treatment's own names."""
        own = self.features.get(name, TreatmentSettings())
        missing = own.missing if own.missing is not None else "drop" if self.missing == "drop" else None
        if is_category:
            return {"missing": missing} if missing == "drop" else {}
        transform = own.transform or (None if self.transform == "declared" else self.transform)
        cap = own.cap_quantile if own.cap_quantile is not None else self.cap_quantile
        changed = {"missing": missing, "transform": transform, "scale": own.scale}
        # A cap at the largest value caps nothing, and says so in the model.
        caps = {} if cap is None else {"cap_quantile": None if cap == 1 else cap}
        return {key: value for key, value in changed.items() if value is not None} | caps
