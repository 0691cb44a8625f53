"""What every single value of the shorter sections of `sahara.toml` may be, with what it means; the longer ones have modules beside this.

What is wrong between values, and how faults are worded, is in `problems.py`; `reference.py` derives the documentation from all of them.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
)

from sahara_assets.features.declarations import DEFAULT_MODEL_FEATURES
from sahara_assets.settings.base import Section, is_from_environment, known_zone
from sahara_assets.settings.measuring import WEEKDAYS, pattern_fault


class ProjectSettings(Section):
    """What holds for the whole project."""

    name: str = Field("Sahara", description="The shop's name, for the report.")
    time_zone: str = Field("UTC", description="IANA time zone of the shop: dates without an offset are local to it.")
    currency: str = Field(
        "",
        description="The project's one currency, such as `GBP`; lines in another are rejected. Empty: not checked, but two currencies in the lines block.",
    )
    currency_rates: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="Units of the project's currency that one unit of another is worth, such as `EUR = 0.86`.",
    )
    seed: int = Field(20, ge=0, description="Seed of every random draw.")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)


class RuleSettings(Section):
    """What the shop's lines mean."""

    cancellation_prefixes: list[str] = Field(
        ["C"], description="An order id that starts with one of these, followed by a digit, is a cancellation document."
    )
    adjustment_prefixes: list[str] = Field(
        ["A"], description="An order id that starts with one of these, followed by a digit, is an adjustment document."
    )
    fee_codes: list[str] = Field(
        ["POST", "DOT", "GIFTWRAP", "BANK CHARGES"],
        description="Product ids that are fees (postage, wrapping, bank charges), not merchandise; compared exactly.",
    )
    fees_count_as_spend: bool = Field(True, description="Whether fee lines count in orders, spend and features.")
    countries: list[str] = Field(
        default_factory=list,
        description="Countries whose order lines count, by the names that the files use; empty: all. Lines of others, and of none, are left out and counted.",
    )
    least_joined: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the ids of one file that should be found in another (customers of the lines in the customer file, accounts of customers, sessions and customers on either side); below it the checks `ids_join` and `join_coverage` warn. 0 asks for nothing.",
    )

    @field_validator("cancellation_prefixes", "adjustment_prefixes")
    @classmethod
    def _not_empty(cls, prefixes: list[str]) -> list[str]:
        if any(not prefix for prefix in prefixes):
            raise ValueError("an empty prefix would match every order id")
        return prefixes


class FeatureSettings(Section):
    """What customers are measured by."""

    model: list[str] = Field(
        list(DEFAULT_MODEL_FEATURES), min_length=1, description="The features that the model clusters on."
    )
    cut_off: str = Field(
        "",
        description="Local moment up to which lines count, such as `2011-12-10`; empty: the midnight after the latest sale.",
    )
    category_separator: str = Field(
        ">", description="What separates the parts of a category path; the first part counts."
    )
    also: list[str] = Field(
        default_factory=list,
        description="Features on offer to compute beside those of the model, so that they describe segments: see `docs/features.md`.",
    )
    category_lines: dict[str, str] = Field(
        default_factory=dict,
        description="Counts of sale lines by category: NAME = a regular expression that the line's whole category path must hold a match of. Becomes the feature `NAME_lines`.",
    )
    weekend: list[str] = Field(
        ["saturday", "sunday"],
        min_length=1,
        description="The days of the weekend, for `weekend_share`: local days, by their English names.",
    )
    population: Literal["buyers", "customers", "visitors", "everyone"] = Field(
        "buyers",
        description="Who is measured: `buyers` are customers with a sale line before the cut-off, `customers` everyone on a line, in the customer file or among the sign-ups, `visitors` whoever had a session before the cut-off, `everyone` customers and visitors. Who never bought has 0 orders and 0 spend.",
    )

    @property
    def counts_visitors(self) -> bool:
        """Whether whoever had a session is a customer."""
        return self.population in {"visitors", "everyone"}

    @field_validator("weekend")
    @classmethod
    def _days(cls, names: list[str]) -> list[str]:
        wrong = [name for name in names if name not in WEEKDAYS]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no day; write {', '.join(WEEKDAYS)}")
        return names

    @field_validator("category_lines")
    @classmethod
    def _readable_everywhere(cls, patterns: dict[str, str]) -> dict[str, str]:
        for name, pattern in patterns.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
                raise ValueError(f"{name!r} must be lower-case letters, digits and _, and begin with a letter")
            fault = pattern_fault(pattern)
            if fault:
                raise ValueError(f"{name}: {pattern!r} {fault}")
        return patterns

    @field_validator("cut_off", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        # TOML has dates of its own: 2011-12-10 without quotes is one.
        return value.isoformat() if isinstance(value, date) else value

    @field_validator("cut_off")
    @classmethod
    def _moment(cls, value: str) -> str:
        if value:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError as error:
                raise ValueError(f"{value!r} is not a date or time such as 2011-12-10 or 2011-12-10T06:00") from error
            if moment.tzinfo is not None:
                raise ValueError("is local to project.time_zone; leave the offset out")
        return value


class SegmentationSettings(Section):
    """How the number of segments is found."""

    k_min: int = Field(3, ge=2, le=100, description="Fewest segments to try.")
    k_max: int = Field(15, ge=2, le=100, description="Most segments to try.")
    k: int | None = Field(
        None,
        ge=2,
        le=100,
        description="Use exactly so many segments, whatever the sweep says; it may lie outside k_min and k_max.",
    )
    minimum_share: float = Field(0.01, ge=0, le=0.5, description="Smallest share of customers that a segment may hold.")
    minimum_stability: float = Field(0.8, ge=0, le=1, description="Lowest mean adjusted Rand index over resamples.")
    rank_by: str = Field(
        "",
        description="The feature by whose mean segments are numbered and given their tiers, highest first; empty: `gross_spend`, in a project without order lines its first feature of money, else how many customers a segment has.",
    )
    outlier_quantile: float = Field(
        0.99,
        gt=0.5,
        le=1,
        description="A customer further from its centroid than this quantile of the training customers is an outlier.",
    )


class ExportSettings(Section):
    """What is written for marketing tools."""

    folder: str = Field(
        "exports", description="Where audience files and the report are written, relative to sahara.toml."
    )
    stream_id: str = Field(
        "", description="Number of the GA4 web stream (not the G-… measurement id), for files keyed by client_id."
    )
    segment_property: str = Field("sahara_segment", description="GA4 user property that takes the segment's name.")
    tier_property: str = Field("sahara_tier", description="GA4 user property that takes the tier.")
    ga360_segment_dimension: int = Field(
        1, ge=1, le=200, description="Index of the GA360 custom dimension for the segment."
    )
    ga360_tier_dimension: int = Field(2, ge=1, le=200, description="Index of the GA360 custom dimension for the tier.")

    @field_validator("segment_property", "tier_property")
    @classmethod
    def _property_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,23}", name):
            raise ValueError(f"{name!r} must be a letter, then letters, digits or _, 24 characters at most")
        return name


class AlertSettings(Section):
    """Who is told when a run fails or a drop is held or refused."""

    webhook_url: str = Field(
        "",
        repr=False,
        description="Where to post alerts as JSON that Slack and its like take; empty: nowhere. Whoever knows the URL can post there, so it is taken from the environment only.",
    )
    ui_url: str = Field(
        "",
        description="Address of Dagster's UI as people reach it, such as `https://dagster.example.com`; alerts then link to the run.",
    )
    timeout_seconds: float = Field(5.0, gt=0, le=10, description="How long to wait for the webhook's answer, each try.")

    @field_validator("webhook_url")
    @classmethod
    def _secret(cls, url: str, info: ValidationInfo) -> str:
        # What is wrong is said without the URL, because its path and query are what makes it secret.
        if url and not is_from_environment(info, "alerts"):
            raise ValueError("is a secret; put it into the environment as SAHARA_ALERTS_WEBHOOK_URL or …_FILE")
        if url and not _is_web_address(url):
            raise ValueError("must be an address that begins with https:// or http://")
        return url

    @field_validator("ui_url")
    @classmethod
    def _address(cls, url: str) -> str:
        if not url:
            return url
        if not _is_web_address(url):
            raise ValueError("must be an address such as https://dagster.example.com")
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must be an address and a path only: it is shown to everyone who sees an alert")
        return url.rstrip("/")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.port != 0
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        return False
