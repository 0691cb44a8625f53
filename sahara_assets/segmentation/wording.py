"""The words of segment names: a claim in, English out.

Which claims are true is `claims`; which of them make a segment's name, and how namesakes are told apart, is `naming`. A name is
an opening ("lapsed"), how often they order ("one-time"), what they spend ("big spenders"), and at most one remark behind it
(", many returns").
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from sahara_assets.features.declarations import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahara_assets.features.declarations import Feature
    from sahara_assets.segmentation.model import Claim

SPEND, ORDERS, RECENCY, TENURE = "gross_spend", "order_count", "recency_days", "tenure_days"
IN_THE_NAME = (SPEND, ORDERS, RECENCY, TENURE, "net_spend")
"""Features whose words stand in the name itself (net spend says what gross spend says); all others make remarks."""
CATEGORY_SHARE = "category_share_"
TYPICAL = "Typical customers"
"""A segment of which nothing can be claimed."""


def phrase(claims: Sequence[Claim], declarations: Mapping[str, Feature] = BY_NAME) -> str:
    """The name that makes these claims: what they are about decides the place of their words, not their order.

    >>> from sahara_assets.segmentation.model import Claim
    >>> phrase([Claim("gross_spend", "high"), Claim("recency_days", "high", "lapsed")])
    'Lapsed big spenders'
    >>> phrase([])
    'Typical customers'
    """
    by_feature = {claim.feature: claim for claim in claims if not is_remark(claim)}
    name = f"{_opening(by_feature)} {_noun(by_feature)}".strip()
    for claim in claims:
        if is_remark(claim):
            name += _remark(claim, declarations)
    if name == "customers":
        return TYPICAL
    return name[0].upper() + name[1:]


def _opening(claims: Mapping[str, Claim]) -> str:
    if RECENCY in claims:
        claim = claims[RECENCY]
        return claim.word if claim.direction == "high" else "active"
    if TENURE in claims:
        return "new" if claims[TENURE].direction == "low" else "long-standing"
    return ""


def _noun(claims: Mapping[str, Claim]) -> str:
    orders, spend = claims.get(ORDERS), claims.get(SPEND)
    size = {"top": "top", "high": "big", "low": "small"}[spend.direction] if spend else ""
    spenders = {"": "buyers" if orders else "customers", "small": "small buyers"}.get(size, f"{size} spenders")
    if orders is None:
        return spenders
    if orders.direction == "high" and orders.word == "loyal":
        return _regulars(claims, size, spenders)
    habit = {"one": "one-time", "low": "occasional"}.get(orders.direction, "repeat")
    return f"{habit} {spenders}"


def _regulars(claims: Mapping[str, Claim], size: str, spenders: str) -> str:
    """Who orders often: "loyal" where the opening leaves it to say, for nobody is both lapsed and loyal."""
    recency = claims.get(RECENCY)
    if TENURE in claims or (recency and recency.direction == "high"):
        return f"{size}-spending regulars" if size else "regulars"
    if size == "small":
        return "frequent small buyers"
    return f"loyal {spenders}" if size else "loyal regulars"


def is_remark(claim: Claim) -> bool:
    """Whether a claim's words stand behind the name rather than in it."""
    return claim.feature not in IN_THE_NAME or claim.direction in ("more", "less")


def _remark(claim: Claim, declarations: Mapping[str, Feature]) -> str:
    declared = declarations.get(claim.feature)
    if claim.direction in ("more", "less"):
        return f", {comparative(claim, declarations)}"
    if claim.direction in ("within", "outside"):
        word = ascii_word(claim.word)
        if claim.feature == "country":
            return f" from {word}" if claim.direction == "within" else f" outside {word}"
        label = declared.label if declared else claim.feature
        return f", {label} {word}" if claim.direction == "within" else f", not {label} {word}"
    if claim.feature.startswith(CATEGORY_SHARE):
        return f", {'keen on' if claim.direction == 'high' else 'rarely'} {_category_word(claim)}"
    words = (declared.high if claim.direction == "high" else declared.low) if declared else ""
    return f", {words or f'{claim.direction} {claim.feature}'}"


def comparative(claim: Claim, declarations: Mapping[str, Feature] = BY_NAME) -> str:
    """The words for having more or less of something than a namesake."""
    if claim.feature.startswith(CATEGORY_SHARE):
        return f"{claim.direction} {_category_word(claim)}"
    declared = declarations.get(claim.feature)
    words = (declared.more if claim.direction == "more" else declared.less) if declared else ""
    return words or f"{claim.direction} {claim.feature}"


def _category_word(claim: Claim) -> str:
    return ascii_word(claim.word) or f"category {claim.feature.removeprefix(CATEGORY_SHARE)}"


def ascii_word(word: str) -> str:
    """A word without accents; nothing where it is not written in Latin letters.

    >>> ascii_word("Café & Thé"), ascii_word("日本")
    ('Cafe & The', '')
    """
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().strip()
    return plain if plain.isprintable() and 2 * len(plain) > len(word) else ""
