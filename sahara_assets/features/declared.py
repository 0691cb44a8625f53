"""Features that only a project's settings bring, and what each is computed from.

Two kinds: those on offer, which are computed where the settings name them (`features.model`, `features.also`), and those that the settings
declare themselves (category counts, attributes), which always are. Each comes with a recipe, plain data that says how; the queries are
in `features/parts.py`. A new source of features adds recipes here and a part there, and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sahara_assets.features.declarations import WORD, Feature, Treatment
from sahara_assets.settings.attributes import AttributeSettings, attribute_of
from sahara_assets.settings.measuring import PartsOfDaySettings
from sahara_assets.tables.attributes import Attribute, AttributeKind
from sahara_assets.tables.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sahara_assets.settings.document import Settings


@dataclass(frozen=True)
class PartShare:
    """Share of a customer's orders in a part of the day; what that is goes with it, so that a change of it is seen."""

    part: str
    hours: str
    time_zone: str


@dataclass(frozen=True)
class WeekendShare:
    """Share of a customer's orders on some days of the week."""

    days: tuple[str, ...]


@dataclass(frozen=True)
class CategoryLines:
    """Sale lines whose category path holds a match of a regular expression."""

    pattern: str


@dataclass(frozen=True)
class Membership:
    """Days since the customer signed up."""


@dataclass(frozen=True)
class OfAttribute:
    """What an attribute says, as it stands or reckoned from it at the cut-off."""

    name: str
    form: Literal["number", "word", "flag", "age_of_year", "age_of_date", "days_since"]


@dataclass(frozen=True)
class OfSessions:
    """What a customer's sessions come to: how many there are, a column added up, or its most frequent word."""

    column: str
    how: Literal["count", "sum", "most_frequent"]


Recipe = PartShare | WeekendShare | CategoryLines | Membership | OfAttribute | OfSessions


@dataclass(frozen=True)
class Declared:
    """A feature and its recipe."""

    feature: Feature
    recipe: Recipe


_SHARE = Treatment(missing=0.0, cap_quantile=None, transform="none")
_COUNT = Treatment(missing=0.0)
_AMOUNT = Treatment(missing="median")
_TIME = Treatment(missing="median", transform="none")
_FLAG = Treatment(missing="mean", cap_quantile=None, transform="none")

_SESSION_TOTALS: tuple[tuple[str, str, str, str, str], ...] = (
    ("visits", "visits", "visits", "Sessions with interactions.", "visits"),
    ("hit_count", "hits", "hits", "Hits, or events, of all sessions.", "hits"),
    ("page_views", "pages", "page views", "Pages, or screens, seen in all sessions.", "page views"),
    ("time_on_site_seconds", "seconds", "seconds on site", "Length of all sessions; of events, from the first to the last.", "time on site"),
    ("time_on_screen_seconds", "seconds", "seconds on screens", "Time on screens of an app, of all sessions.", "time on screens"),
    ("engagement_msec", "milliseconds", "milliseconds of engagement", "Milliseconds of engagement, as events count them.", "engagement"),
    ("unique_screens", "screens", "screens seen", "Different screens, or pages, seen in a session, added up over sessions.", "screens"),
)  # fmt: skip
"""Columns of `sessions` that are added up: the feature of that name, its unit, label and meaning, and the noun of its comparisons."""

_SESSION_WORDS = {
    "operating_system": "operating system",
    "device_category": "kind of device",
    "medium": "medium",
    "channel": "channel",
}
"""Columns of `sessions` whose most frequent word is taken: the feature of that name, and its label."""

WEEKEND, MEMBERSHIP, AGE = "weekend_share", "membership_days", "age_years"


def on_offer(settings: Settings) -> tuple[Declared, ...]:
    """What is computed where it is asked for."""
    return tuple(_on_offer(settings.parts_of_day, settings.features.weekend))


def _on_offer(day: PartsOfDaySettings, weekend: Sequence[str]) -> Iterator[Declared]:
    for part, hours in day.hours.items():
        word = part.strip().lower()
        yield Declared(
            Feature(
                share_name(part), Kind.FLOAT, "share", f"share of orders in the {word}",
                f"Share of orders with a sale line whose first line was ordered in the {word}: hours {hours}.", _SHARE,
                high=f"buy in the {word}", low=f"rarely in the {word}",
                made_from=("part_of_day", "ordered_at", "order_id", "line_kind"),
                more=f"more in the {word}", less=f"less in the {word}",
            ),
            PartShare(part, hours, day.time_zone),
        )  # fmt: skip
    days = " and ".join(name.capitalize() for name in weekend)
    yield Declared(
        Feature(
            WEEKEND, Kind.FLOAT, "share", "share of orders at the weekend",
            f"Share of orders with a sale line whose first line was ordered on {days}.", _SHARE,
            high="weekend shoppers", low="weekday shoppers",
            made_from=("ordered_at_local", "ordered_at", "order_id", "line_kind"), more="more at weekends", less="less at weekends",
        ),
        WeekendShare(tuple(sorted(weekend))),
    )  # fmt: skip
    yield Declared(
        Feature(
            MEMBERSHIP, Kind.INTEGER, "days", "days since sign-up",
            "Whole days from the day of the sign-up to the cut-off; null for who has not signed up by then.", _TIME,
            nullable=True, high="long members", low="new members", made_from=("signed_up_on",), table="customers",
            more="longer members", less="newer members", zero_without_orders=False,
        ),
        Membership(),
    )  # fmt: skip
    yield from _of_sessions()


def _of_sessions() -> Iterator[Declared]:
    yield Declared(
        Feature(
            "session_count", Kind.INTEGER, "sessions", "sessions", "Sessions that began before the cut-off.", _COUNT,
            high="many sessions", low="few sessions", made_from=("session_id", "started_at_local"), table="sessions",
            more="more sessions", less="fewer sessions",
        ),
        OfSessions("session_id", "count"),
    )  # fmt: skip
    for name, unit, label, told, noun in _SESSION_TOTALS:
        much, little = ("much", "little") if noun.startswith(("time", "engagement")) else ("many", "few")
        more, less = ("more", "less") if much == "much" else ("more", "fewer")
        yield Declared(
            Feature(
                name, Kind.INTEGER, unit, label, told, _COUNT, high=f"{much} {noun}", low=f"{little} {noun}",
                made_from=(name, "started_at_local"), table="sessions", more=f"{more} {noun}", less=f"{less} {noun}",
            ),
            OfSessions(name, "sum"),
        )  # fmt: skip
    for name, label in _SESSION_WORDS.items():
        told = f"The {label} of most of the customer's sessions; ties go to the latest."
        yield Declared(
            Feature(
                name, Kind.TEXT, "", label, told, WORD, nullable=True, made_from=(name, "started_at_local"),
                table="sessions", zero_without_orders=False,
            ),
            OfSessions(name, "most_frequent"),
        )  # fmt: skip


def share_name(part: str) -> str:
    """The feature of a part of the day.

    >>> share_name("Early morning")
    'early_morning_share'
    """
    return f"{re.sub(r'[^a-z0-9]+', '_', part.lower()).strip('_')}_share"


def of_settings(settings: Settings) -> tuple[Declared, ...]:
    """What the settings declare themselves, each name once: an attribute of several files is one."""
    found: dict[str, Declared] = {}
    for name, pattern in settings.features.category_lines.items():
        one = _category_lines(name, pattern)
        found[one.feature.name] = one
    for dataset in settings.datasets.values():
        for name, declared in dataset.attributes.items():
            one = of_attribute(attribute_of(name, declared))
            found.setdefault(one.feature.name, one)
    return tuple(found.values())


def _category_lines(name: str, pattern: str) -> Declared:
    words = name.replace("_", " ")
    feature = Feature(
        f"{name}_lines", Kind.INTEGER, "lines", f"lines of {words}",
        f"Sale lines whose category path matches `{pattern}`.", _COUNT, high=f"much {words}", low=f"little {words}",
        made_from=("category", "line_kind"), more=f"more {words}", less=f"less {words}",
    )  # fmt: skip
    return Declared(feature, CategoryLines(pattern))


def of_attribute(attribute: Attribute) -> Declared:
    """The feature that an attribute becomes.

    Numbers and words are taken as they stand, a flag is 1 or 0, a date becomes the days since, a year or day of birth the age.

    >>> from sahara_assets.tables.attributes import well_known
    >>> [of_attribute(well_known(name)).feature.name for name in ("household_income", "birth_year", "first_sale_on")]
    ['household_income', 'age_years', 'first_sale_days']
    """
    name, label, low = attribute.name, attribute.label, attribute.low
    high = attribute.high
    where: dict[str, Any] = {
        "nullable": True,
        "made_from": ("attributes",),
        "table": "customers",
        "zero_without_orders": False,
    }
    if name in {"birth_year", "birth_date"}:
        told = (
            "Whole years from birth to the cut-off." if name == "birth_date" else "Year of the cut-off − year of birth."
        )
        feature = Feature(
            AGE,
            Kind.INTEGER,
            "years",
            "age",
            told,
            _TIME,
            high="older",
            low="younger",
            more="older",
            less="younger",
            **where,
        )
        return Declared(feature, OfAttribute(name, "age_of_date" if name == "birth_date" else "age_of_year"))
    if attribute.kind is AttributeKind.CATEGORY:
        return Declared(
            Feature(name, Kind.TEXT, "", label, attribute.description, WORD, **where), OfAttribute(name, "word")
        )
    if attribute.kind is AttributeKind.FLAG:
        told = f"{attribute.description} 1 for yes, 0 for no."
        feature = Feature(
            name, Kind.INTEGER, "share", label, told, _FLAG, high=high or label, low=low or f"not {label}", **where
        )
        return Declared(feature, OfAttribute(name, "flag"))
    if attribute.kind is AttributeKind.DATE:
        stem = re.sub(r"_(on|at|date|day)$", "", name)
        told = f"Whole days from that day to the cut-off; null before it. {attribute.description}"
        feature = Feature(
            f"{stem}_days", Kind.INTEGER, "days", f"days since {label}", told, _TIME, high=high or f"{label} long ago",
            low=low or f"{label} lately", more=f"{label} earlier", less=f"{label} later", **where,
        )  # fmt: skip
        return Declared(feature, OfAttribute(name, "days_since"))
    treatment = _TIME if attribute.unit in {"years", "year", "days"} else _AMOUNT
    feature = Feature(
        name, Kind.DECIMAL, attribute.unit, label, attribute.description, treatment, high=high or f"high {label}",
        low=low or f"low {label}", more=f"higher {label}", less=f"lower {label}", **where,
    )  # fmt: skip
    return Declared(feature, OfAttribute(name, "number"))


def features_in(document: Mapping[str, Any]) -> Iterator[tuple[Feature, tuple[str, ...]]]:
    """The features that a settings document brings, each with where it is declared; what is no valid value brings nothing.

    For the document as it was written, so that a wrong feature name is listed beside all other problems. Of a valid document these are
    the features of `on_offer` and `of_settings`.
    """
    day = _valid_day(document.get("parts_of_day"))
    for one in _on_offer(day, _valid_weekend(_table(document, "features").get("weekend"))):
        yield one.feature, ("parts_of_day",)
    for name, pattern in _table(_table(document, "features"), "category_lines").items():
        yield _category_lines(name, str(pattern)).feature, ("features", "category_lines", name)
    seen = set()
    for dataset, found in _table(document, "datasets").items():
        for name, declared in _table(found, "attributes").items() if isinstance(found, dict) else ():
            attribute = _valid_attribute(name, declared)
            if attribute is not None and name not in seen:
                seen.add(name)
                yield of_attribute(attribute).feature, ("datasets", dataset, "attributes", name)


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _valid_day(found: object) -> PartsOfDaySettings:
    try:
        return PartsOfDaySettings.model_validate(found or {})
    except ValueError:
        return PartsOfDaySettings()


def _valid_weekend(found: object) -> Sequence[str]:
    names = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    return names or ("saturday", "sunday")


def _valid_attribute(name: str, declared: object) -> Attribute | None:
    whole = {"column": declared} if isinstance(declared, str) else declared
    try:
        return attribute_of(name, AttributeSettings.model_validate(whole))
    except (KeyError, ValueError):
        return None
