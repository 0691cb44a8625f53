"""What a segment is worth and what to do with it: its tier, and one suggested action.

Both follow from what is already known of the segment: the tier from its rank by mean gross spend, the action from the claims of its
name (`naming`), so that a name and its advice never disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.segmentation.model import TIERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahara_assets.segmentation.model import Claim
    from sahara_assets.segmentation.portrait import Portrait

_TOP_ACTION = (
    "Look after them in person: early access, loyalty perks and a thank-you, and no discounts they do not need."
)
_ACTIONS = {
    ("lapsed", "big"): "Win them back first: a personal offer on what they used to buy, before any general campaign.",
    (
        "lapsed",
        "one-time",
    ): "Send one low-cost reminder with best-sellers, and leave those who do not answer out of paid campaigns.",
    ("lapsed", "small"): "Send a low-cost win-back series, and leave those who do not answer out of paid campaigns.",
    ("lapsed", ""): "Send a win-back series: what is new since their last order, then a reason to come back.",
    (
        "new",
        "big",
    ): "Welcome them with the full service: a thank-you, a contact, and an early invitation to the loyalty programme.",
    ("new", ""): "Send a welcome series that leads to the second order within the first weeks.",
    ("loyal", "big"): _TOP_ACTION,
    ("loyal", "small"): "Raise the basket: bundles, and free shipping from an amount just above their usual order.",
    (
        "loyal",
        "",
    ): "Reward the habit: points or perks for regular orders, and cross-sell into categories they do not buy yet.",
    ("one-time", "big"): "Follow up the one big order: related products and a personal contact to earn the second.",
    ("one-time", ""): "Earn the second order: related products and a time-limited incentive.",
    ("", "big"): "Deepen the relation: early access and cross-selling, so that big orders become more frequent.",
    ("", "small"): "Raise the basket with bundles and cross-selling, at low cost per contact.",
}
_RETURNS = "Find out why goods come back (sizes, descriptions, quality) before spending more on them."
_DEFAULT = "Keep them in the regular newsletter, and test a cross-sell on a part of them."


def tier(rank: int, k: int) -> str:
    """The tier of the segment on that rank by mean gross spend, 1 the highest: ceil(4 · rank ÷ k).

    >>> [tier(rank, 5) for rank in range(1, 6)]
    ['Platinum', 'Gold', 'Silver', 'Bronze', 'Bronze']
    >>> [tier(rank, 3) for rank in range(1, 4)]
    ['Gold', 'Silver', 'Bronze']
    """
    return TIERS[-(-4 * rank // k) - 1]


def tiers(portraits: Mapping[int, Portrait]) -> dict[int, str]:
    """The tier of every segment, by what segments are ranked by (mean gross spend, unless the settings say otherwise); of equal ones the lower key ranks higher."""
    ranked = sorted(portraits, key=lambda key: (-portraits[key].worth, key))
    return {key: tier(rank, len(ranked)) for rank, key in enumerate(ranked, start=1)}


def suggested_action(claims: Sequence[Claim], category_names: Mapping[str, str] | None = None) -> str:
    """One sentence for the kind of segment that its name's claims describe."""
    said: dict[tuple[str, str], Claim] = {(claim.feature, claim.direction): claim for claim in claims}
    if ("return_rate", "high") in said:
        return _RETURNS
    kind, worth = _kind(said), _worth(said)
    if kind == "lapsed" and worth != "big" and ("order_count", "one") in said:
        worth = "one-time"
    action = _ACTIONS.get((kind, worth)) or (_ACTIONS.get((kind, "")) if kind else None)
    if action:
        return action
    for (feature, direction), claim in said.items():
        if feature.startswith("category_share_") and direction == "high":
            category = claim.word or (category_names or {}).get(feature, "") or f"category {feature[-1]}"
            return f"Show them what is new in {category}, and cross-sell what its buyers take along."
        if feature == "country" and direction == "within":
            return f"Speak to them as a market of its own: language, shipping and holidays of {claim.word}."
    return _DEFAULT


def _kind(said: Mapping[tuple[str, str], Claim]) -> str:
    if ("recency_days", "high") in said:
        return "lapsed"
    if ("tenure_days", "low") in said:
        return "new"
    if ("order_count", "high") in said:
        return "loyal"
    return "one-time" if ("order_count", "one") in said else ""


def _worth(said: Mapping[tuple[str, str], Claim]) -> str:
    if ("gross_spend", "high") in said or ("gross_spend", "top") in said:
        return "big"
    return "small" if ("gross_spend", "low") in said else ""
