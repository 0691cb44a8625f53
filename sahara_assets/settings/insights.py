"""What may be set about the insights: how much is kept, and when a day is odd. What a part of the day is, is in `measuring.py`."""

from __future__ import annotations

from pydantic import Field

from sahara_assets.settings.base import Section


class InsightSettings(Section):
    """How much of the insights is kept, and when a day is odd."""

    enabled: bool = Field(
        True,
        description="Count what the sales say; else the tables stay empty, and no files, views or part of the report are made of them.",
    )
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
        5, ge=2, description="Fewest orders that two products must be on together to be told as bought together."
    )
    odd_weeks: int = Field(
        6, ge=3, le=52, description="A day is held against the same weekday in so many weeks before and after it."
    )
    odd_score: float = Field(
        3.5,
        gt=0,
        description="A day is odd where its amount is further than so many robust standard deviations (1.4826 × median absolute deviation) from the median of those days; 3.5 is the usual rule (Iglewicz and Hoaglin 1993).",
    )
