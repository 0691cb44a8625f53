"""What may be set about the insights: what a part of the day is, how much is kept, and when a day is odd.

Apart from the other sections (`sections.py`) only because those are many.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from sahara_assets.settings.sections import Section, known_zone

PARTS_OF_DAY: dict[str, dict[str, int]] = {
    "usual": {"Night": 0, "Morning": 6, "Afternoon": 12, "Evening": 18},
    "byte-foods": {"Morning": 0, "Afternoon": 13, "Evening": 18},
}
"""The rules that have a name: part → its first hour. `byte-foods` is what the notebook of Byte Foods did (hours 0-12, 13-17, 18-23)."""

LONGEST_PART_NAME = 30


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
        return starts

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """Each part with its first hour, in the order of the day.

        >>> PartsOfDaySettings().parts
        (('Night', 0), ('Morning', 6), ('Afternoon', 12), ('Evening', 18))
        """
        starts = self.starts or PARTS_OF_DAY[self.rule]
        return tuple(sorted(starts.items(), key=lambda part: part[1]))


class InsightSettings(Section):
    """How much of the insights is kept, and when a day is odd."""

    rows: int = Field(
        100,
        ge=10,
        le=10_000,
        description="How many rows of each ranking (products, customers, places, pairs) are kept, for every period and segment.",
    )
    months: int = Field(
        24,
        ge=1,
        le=240,
        description="How many of the latest months are told one by one; earlier ones count in their years.",
    )
    pair_orders: int = Field(
        5, ge=2, description="Fewest orders that a product must be on to be looked at for what is bought with it."
    )
    odd_weeks: int = Field(
        6, ge=3, le=52, description="A day is held against the same weekday in so many weeks before and after it."
    )
    odd_score: float = Field(
        3.5,
        gt=0,
        description="A day is odd where its amount is further than so many robust standard deviations (1.4826 × median absolute deviation) from the median of those days; 3.5 is the usual rule (Iglewicz and Hoaglin 1993).",
    )
