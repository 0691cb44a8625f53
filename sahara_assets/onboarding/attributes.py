"""Which columns of a customer file are attributes that everybody knows: by their names, if their values agree.

What each attribute is called and holds is in `tables/attributes.py`. Columns of no known name are left alone: what they mean, only a person
can say.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.features.declared import of_attribute
from sahara_assets.onboarding.vocabulary import fold, loose
from sahara_assets.settings.attributes import NO, YES, AttributeSettings
from sahara_assets.tables.attributes import WELL_KNOWN, AttributeKind, well_known
from sahara_assets.tables.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from sahara_assets.onboarding.values import ColumnProfile
    from sahara_assets.tables.attributes import Attribute

MOST_WORDS = 200
"""A category with more different words than this is no category."""

# Headers that hold a part of the shop's own, folded and without blanks: amounts, purchases by a channel, campaigns.
_FAMILIES = (
    (r"(?:mnt|amt|amount|spenton|spendon|spent|spend)([a-z]{3,20}?)(?:products|product|prods|prod)?", "spend_on_{}"),
    (r"(?:numberof|num)?([a-z]{3,20}?)purchases", "{}_purchases"),
    (r"(?:accepted|accept)(?:cmp|campaign)([0-9a-z]{1,20})", "accepted_campaign_{}"),
)


@dataclass(frozen=True)
class AttributeMatch:
    """A column that is an attribute, or would be if its values were other ones.

    Attributes:
        attribute: which.
        header: the column's name.
        sure: 0..1.
        evidence: why, in words; where `fits` is false, what speaks against it.
        fits: whether the values are of the attribute's kind.
    """

    attribute: Attribute
    header: str
    sure: float
    evidence: str
    fits: bool = True


def find_attributes(profiles: Sequence[ColumnProfile], taken: Container[int]) -> tuple[AttributeMatch, ...]:
    """The attributes among a file's columns, each once, in the order of the columns.

    Args:
        profiles: one per column.
        taken: the places of columns that are something of ours already.
    """
    found: dict[str, AttributeMatch] = {}
    names = Counter(loose(profile.header) for profile in profiles)
    for profile in profiles:
        # The reader finds columns by name, so that a name that stands twice can be no attribute.
        usable = profile.index not in taken and names[loose(profile.header)] == 1
        attribute = named(profile.header) if usable else None
        if attribute is not None:
            # Two columns that come to one feature, as a year and a day of birth, are one attribute: the first.
            found.setdefault(of_attribute(attribute).feature.name, _judged(attribute, profile))
    return tuple(found.values())


def named(header: str) -> Attribute | None:
    """The attribute that a header's name means; None where it is none that everybody knows.

    >>> [named(header).name for header in ("Year_Birth", "MntMeatProducts", "NumWebPurchases", "AcceptedCmp3", "LifeTime_Value")]
    ['birth_year', 'spend_on_meat', 'web_purchases', 'accepted_campaign_3', 'lifetime_value']
    >>> named("Order ID") is None
    True
    """
    word = re.sub(r"[^a-z0-9]+", "", fold(header))
    for attribute in WELL_KNOWN:
        if word in attribute.synonyms or word == attribute.name.replace("_", ""):
            return attribute
    for pattern, name in _FAMILIES:
        match = re.fullmatch(pattern, word)
        if match:
            return well_known(name.format(match[1]))
    return None


def settings_of(matches: Sequence[AttributeMatch]) -> dict[str, AttributeSettings]:
    """The attributes that fit, as the settings declare them."""
    return {match.attribute.name: AttributeSettings(column=match.header) for match in matches if match.fits}


def model_of(matches: Sequence[AttributeMatch]) -> tuple[str, ...]:
    """The features to cluster customers on who are known by their attributes alone: every number, age among them."""
    features = [of_attribute(match.attribute).feature for match in matches if match.fits]
    return tuple(feature.name for feature in features if feature.column_kind is Kind.DECIMAL or feature.unit == "years")


def _judged(attribute: Attribute, profile: ColumnProfile) -> AttributeMatch:
    words = {value.lower() for value in profile.counts}
    checks = {
        AttributeKind.NUMBER: (profile.number_share >= 0.98, "numbers"),
        AttributeKind.DATE: (profile.date_share >= 0.95, "dates"),
        AttributeKind.FLAG: (words <= {*YES, *NO}, "yes or no"),
        AttributeKind.CATEGORY: (profile.distinct <= MOST_WORDS and profile.date_share < 0.5, "categories"),
    }
    fits, what = checks[attribute.kind]
    header = profile.header
    if not profile.filled:
        return AttributeMatch(attribute, header, 0.5, f"the words of {header.strip()!r}; it is empty in the sample")
    if not fits:
        return AttributeMatch(attribute, header, 0.3, f"its values are no {what}", fits=False)
    return AttributeMatch(attribute, header, 0.9, f"the words of {header.strip()!r}; its values are {what}")
