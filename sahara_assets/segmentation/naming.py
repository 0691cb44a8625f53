"""Names for segments that a marketer understands, that are true, and that stay.

A name is put together from claims (`claims` says which are true, `wording` has the words): "Lapsed big spenders" claims that recency
is high and that spend is high. The claims are kept with the name in the model and can be checked later. That is how a retrain decides:
a segment that keeps its key keeps its name, too, as long as every claim of it still holds, so that an audience of that name in an
advertising account goes on meaning the same; otherwise it is named afresh.

Names are ASCII, at most 36 characters, and unique in their model: namesakes are told apart by what differs most between them ("Lapsed
small buyers, larger orders"), and by a number only where nothing does. Tiers and actions are in `advice`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.features.declarations import BY_NAME
from sahara_assets.segmentation.claims import Claims
from sahara_assets.segmentation.model import MAX_NAME_LENGTH
from sahara_assets.segmentation.wording import CATEGORY_SHARE, comparative, is_remark, phrase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahara_assets.features.declarations import Feature
    from sahara_assets.segmentation.model import Claim
    from sahara_assets.segmentation.portrait import Portrait

GAP = 0.15
"""Standard deviations between namesakes that are worth telling."""
_MODEL_WEIGHT = 1.5  # what the model clusters on is what its segments are about


@dataclass(frozen=True, slots=True)
class Named:
    """A segment's name and what it says."""

    name: str
    claims: tuple[Claim, ...]


ALL = Named("All customers", ())
"""The only segment of a model with one."""


def name_segments(
    portraits: Mapping[int, Portrait],
    model_features: Sequence[str],
    *,
    old: Mapping[int, Named] | None = None,
    category_names: Mapping[str, str] | None = None,
    declarations: Mapping[str, Feature] = BY_NAME,
) -> dict[int, Named]:
    """A name for every segment.

    Args:
        portraits: by segment key.
        model_features: what the model clusters on: features outside recency, orders and spend get into a name only if they are in it
            (others only to tell namesakes apart).
        old: the names so far, of those segments that a retrain kept. A name stays where every claim of it still holds; one that
            claims nothing stays where still nothing stands out.
        category_names: what the categories behind `category_share_<rank>` are called.
        declarations: the project's features, for their words.
    """
    if len(portraits) == 1:
        return dict.fromkeys(portraits, ALL)
    claims = Claims(portraits, tuple(model_features), dict(category_names or {}), declarations)
    names = {key: composed(claims.about(key), declarations) for key in sorted(portraits)}
    kept = set()
    for key, before in (old or {}).items():
        if key not in names or before == ALL:
            continue
        if all(claims.hold(key, claim) for claim in before.claims) and (before.claims or not names[key].claims):
            names[key] = before
            kept.add(key)
    return _told_apart(names, kept, claims)


def composed(
    claims: Sequence[Claim], declarations: Mapping[str, Feature] = BY_NAME, *, room: int = MAX_NAME_LENGTH
) -> Named:
    """A name of as many claims as fit, the first ones before the others.

    >>> from sahara_assets.segmentation.model import Claim
    >>> said = [Claim("order_count", "one"), Claim("recency_days", "high", "lapsed"), Claim("gross_spend", "low")]
    >>> composed(said).name, composed(said, room=20).name
    ('Lapsed one-time small buyers', 'One-time buyers')
    """
    taken: list[Claim] = []
    for claim in claims:
        if len(phrase([*taken, claim], declarations)) <= room:
            taken.append(claim)
    return Named(phrase(taken, declarations), tuple(taken))


# --- telling namesakes apart ----------------------------------------------------------------------------------------------------


def _told_apart(names: Mapping[int, Named], kept: set[int], claims: Claims) -> dict[int, Named]:
    """The same names, but for namesakes, which get a comparison with each other; names in `kept` stay as they are."""
    apart = dict(names)
    groups: dict[str, list[int]] = {}
    for key in sorted(names):
        groups.setdefault(names[key].name, []).append(key)
    for group in groups.values():
        # From the ends inwards: whoever differs most from all the others is named, then the rest are looked at again.
        while len(group) > 1 and any(key not in kept for key in group):
            settled = _ends(group, kept, names, apart, claims)
            if not settled:
                _number(group, kept, apart)
                break
            apart |= settled
            group = [key for key in group if key not in settled]  # noqa: PLW2901 - the group shrinks until it is one
    return apart


def _ends(
    group: Sequence[int], kept: set[int], names: Mapping[int, Named], apart: Mapping[int, Named], claims: Claims
) -> dict[int, Named]:
    """Names for the member of a group that stands furthest from the others in any feature; for both members of a pair."""
    options: list[tuple[float, str, bool, int, Named]] = []
    for feature in _comparable(group, claims):
        places = {key: claims.portraits[key].numbers[feature].z for key in group}
        ordered = sorted(group, key=lambda key: (places[key], key))
        for more, end, beside in ((True, ordered[-1], ordered[-2]), (False, ordered[0], ordered[1])):
            gap = abs(places[end] - places[beside])
            claim = claims.compared(end, feature, [key for key in group if key != end], more=more)
            worth_it = claim and end not in kept and gap >= GAP
            named = _with_comparison(names[end], claim, claims.declarations) if claim and worth_it else None
            if named and all(named.name != other.name for key, other in apart.items() if key != end):
                weight = _MODEL_WEIGHT if feature in claims.model_features else 1.0
                options.append((-gap * weight, feature, not more, end, named))
    if not options:
        return {}
    best = min(options, key=lambda option: option[:4])
    chosen = {best[3]: best[4]}
    if len(group) == 2:
        chosen |= {option[3]: option[4] for option in options if option[1] == best[1] and option[3] != best[3]}
    return chosen


def _comparable(group: Sequence[int], claims: Claims) -> list[str]:
    """Numbers that all of a group have, and that there are comparative words for."""
    return [
        name
        for name, declared in claims.declarations.items()
        if (declared.more or name.startswith(CATEGORY_SHARE))
        and all(name in claims.portraits[key].numbers for key in group)
    ]


def _with_comparison(base: Named, claim: Claim, declarations: Mapping[str, Feature]) -> Named | None:
    """The name with a comparison behind it, shortened where there is no room for both."""
    suffix = f", {comparative(claim, declarations)}"
    # There is one place for a remark; it goes to the difference that is needed.
    plain = [said for said in base.claims if not is_remark(said)]
    shortened = composed(plain, declarations, room=MAX_NAME_LENGTH - len(suffix))
    name = shortened.name + suffix
    return Named(name, (*shortened.claims, claim)) if len(name) <= MAX_NAME_LENGTH else None


def _number(group: Sequence[int], kept: set[int], apart: dict[int, Named]) -> None:
    """Numbers from 2 for a group that nothing tells apart; the first keeps the name as it is."""
    first = next((key for key in group if key in kept), group[0])
    for key in group:
        if key == first or key in kept:
            continue
        base, number = apart[key], 2
        taken = {named.name for other, named in apart.items() if other != key}
        while (name := f"{base.name[: MAX_NAME_LENGTH - len(str(number)) - 1]} {number}") in taken:
            number += 1
        apart[key] = Named(name, base.claims)
