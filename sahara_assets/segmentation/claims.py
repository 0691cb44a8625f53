"""What can truthfully be said of a segment: the claims that names are made of, and whether they still hold.

A claim is made only where a segment's customers clearly differ from the customers outside it. Clearly high means: the mean lies at
least `CLEAR` standard deviations above theirs (in the feature's transformed space), the median is above their median, and three
quarters of the segment reach that median. A claim that a name already makes stays true at the lower bar `STILL`, so that names do
not flicker between trainings. Some words ask for more: see `_lifecycle`, `_orders` and `holds`.

The numbers come from `portrait`; the words are in `wording`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sahara_assets.features.declarations import BY_NAME
from sahara_assets.segmentation.model import Claim
from sahara_assets.segmentation.wording import CATEGORY_SHARE, IN_THE_NAME, ORDERS, RECENCY, SPEND, TENURE, ascii_word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahara_assets.features.declarations import Feature
    from sahara_assets.segmentation.model import Direction
    from sahara_assets.segmentation.portrait import NumberStanding, Portrait

PAUSE = "mean_days_between_orders"
CLEAR = 0.6
"""Standard deviations from everyone else at which a difference is worth a word."""
STILL = 0.3
"""Standard deviations at which a word that a segment already has stays true."""
LAPSED_DAYS = 30
"""Days away below which nobody has lapsed, however much shorter the others' absence is: a month's pause is no farewell anywhere."""
QUIET_DAYS = 7
"""Days away below which nobody is even quiet."""
REMARKABLE = 0.8
"""Standard deviations at which a feature without a place in the name itself is worth a remark behind it."""


def clear(standing: NumberStanding, *, high: bool, least: float = CLEAR) -> bool:
    """Whether a segment lies clearly above (or below) everyone else in one number: see the module's text.

    Below the bar for new words the quartile need not agree.
    """
    lower, median, upper, rest = standing.lower_quartile, standing.median, standing.upper_quartile, standing.rest_median
    if lower is None or median is None or upper is None or rest is None or standing.known_share < 0.5:
        return False
    if high:
        return standing.z_rest >= least and median > rest and (lower >= rest or least < CLEAR)
    return standing.z_rest <= -least and median < rest and (upper <= rest or least < CLEAR)


class Claims:
    """The claims about the segments of one model.

    Args:
        portraits: by segment key.
        model_features: features outside recency, orders and spend are remarked on only where they are among these.
        category_names: what the categories behind `category_share_<rank>` are called.
        declarations: the project's features, for their words.
    """

    def __init__(
        self,
        portraits: Mapping[int, Portrait],
        model_features: Sequence[str],
        category_names: Mapping[str, str],
        declarations: Mapping[str, Feature] = BY_NAME,
    ) -> None:
        self.portraits = portraits
        self.model_features = model_features
        self.category_names = category_names
        self.declarations = declarations
        self.biggest_spender = min(portraits, key=lambda key: (-portraits[key].mean_spend, key), default=0)

    def about(self, key: int) -> list[Claim]:
        """What can be said of a segment against everyone else: where it is in its life with the shop, then the largest difference."""
        portrait = self.portraits[key]
        lifecycle, orders = self._lifecycle(portrait), self._orders(portrait)
        if lifecycle and orders:
            if lifecycle.feature == TENURE and lifecycle.direction == "low" and orders.direction != "high":
                orders = None  # nobody new has ordered often: "new" says it
            elif lifecycle.feature == RECENCY and lifecycle.direction == "low" and orders.word == "loyal":
                lifecycle = None  # who orders often has ordered lately: "loyal" says it
        said = [claim for claim in (lifecycle, orders, self._spend(key)) if claim]
        strengths = {claim: abs(portrait.numbers[claim.feature].z_rest) for claim in said}
        strengths |= self._remark(portrait)
        return sorted(strengths, key=lambda claim: (claim != lifecycle, -strengths[claim], claim.feature))

    def compared(self, key: int, feature: str, others: Sequence[int], *, more: bool) -> Claim | None:
        """The claim that a segment has more (or less) of a feature than some others, if that is true."""
        claim = Claim(feature, "more" if more else "less", self.category(feature), tuple(sorted(others)))
        return claim if all(self._exceeds(key, other, claim) for other in others) else None

    def hold(self, key: int, claim: Claim) -> bool:
        """Whether a claim that the segment's name already makes is still true."""
        portrait = self.portraits.get(key)
        if portrait is None:
            return False
        if claim.feature.startswith(CATEGORY_SHARE) and claim.word != self.category(claim.feature):
            return False  # another category has this rank now
        if claim.direction in ("more", "less"):
            return all(other not in self.portraits or self._exceeds(key, other, claim) for other in claim.than)
        if claim.direction == "top" and key != self.biggest_spender:
            return False
        return holds(claim, portrait)

    def category(self, feature: str) -> str:
        """What the category behind a `category_share_<rank>` is called; nothing for any other feature."""
        return self.category_names.get(feature, "") if feature.startswith(CATEGORY_SHARE) else ""

    def _lifecycle(self, portrait: Portrait) -> Claim | None:
        """Lapsed, quiet, new, active or long-standing: the first that is true."""
        recency, tenure = portrait.numbers.get(RECENCY), portrait.numbers.get(TENURE)
        if recency and clear(recency, high=True) and (word := _absent(portrait)):
            return Claim(RECENCY, "high", word)
        if tenure and clear(tenure, high=False) and _new(portrait):
            return Claim(TENURE, "low")
        if recency and clear(recency, high=False):
            return Claim(RECENCY, "low")
        if tenure and TENURE in self.model_features and clear(tenure, high=True):
            return Claim(TENURE, "high")
        return None

    def _orders(self, portrait: Portrait) -> Claim | None:
        """Loyal (at least three orders at the median), repeat, one-time (three quarters have exactly one) or occasional."""
        standing = portrait.numbers.get(ORDERS)
        if standing is None or standing.median is None:
            return None
        if clear(standing, high=True):
            return Claim(ORDERS, "high", "loyal" if standing.median >= 3 else "repeat")
        if standing.median == 1 and standing.upper_quartile == 1:
            # Where nearly everyone orders once it sets nobody apart.
            return Claim(ORDERS, "one") if standing.z_rest < -STILL else None
        return Claim(ORDERS, "low") if clear(standing, high=False) else None

    def _spend(self, key: int) -> Claim | None:
        standing = self.portraits[key].numbers.get(SPEND)
        if standing is None:
            return None
        if clear(standing, high=True):
            others = [portrait.numbers.get(SPEND) for other, portrait in self.portraits.items() if other != key]
            rivals = any(other and clear(other, high=True) for other in others)
            return Claim(SPEND, "top" if rivals and key == self.biggest_spender else "high")
        return Claim(SPEND, "low") if clear(standing, high=False) else None

    def _remark(self, portrait: Portrait) -> dict[Claim, float]:
        """The strongest difference in a model feature that has no place in the name itself, and how strong it is."""
        found: dict[Claim, float] = {}
        for name in self.model_features:
            standing = portrait.numbers.get(name)
            if standing and name not in IN_THE_NAME and abs(standing.z_rest) >= REMARKABLE:
                high = standing.z_rest > 0
                if clear(standing, high=high):
                    found[Claim(name, "high" if high else "low", self.category(name))] = abs(standing.z_rest)
            found |= _words_that_stand_out(name, portrait)
        if not found:
            return {}
        strongest = min(found, key=lambda claim: (-found[claim], claim.feature, claim.word.encode()))
        return {strongest: found[strongest]}

    def _exceeds(self, key: int, other: int, claim: Claim) -> bool:
        """Whether a segment has more (or less) of a feature than another: by the mean, and not the reverse by the median."""
        mine = self.portraits[key].numbers.get(claim.feature)
        theirs = self.portraits[other].numbers.get(claim.feature)
        if mine is None or theirs is None or mine.median is None or theirs.median is None:
            return False
        sign = 1 if claim.direction == "more" else -1
        return sign * (mine.z - theirs.z) > 0 and sign * (mine.median - theirs.median) >= 0


def holds(claim: Claim, portrait: Portrait) -> bool:
    """Whether a claim against everyone else is still true of a segment, at the lower bar; `top` counts as `high` here."""
    if claim.direction in ("within", "outside"):
        return any(
            word.word == claim.word and claim.direction in _category_directions(word.share, word.rest_share)
            for word in portrait.words.get(claim.feature, ())
        )
    standing = portrait.numbers.get(claim.feature)
    if standing is None or standing.median is None:
        return False
    if claim.direction == "one":
        return standing.median == 1
    return clear(standing, high=claim.direction != "low", least=STILL) and _deserved(claim, portrait, standing.median)


def _deserved(claim: Claim, portrait: Portrait, median: float) -> bool:
    """What some words ask for besides a clear difference."""
    if claim.word == "lapsed":
        return _absent(portrait) == "lapsed"
    if claim.word == "quiet":
        return _absent(portrait) != ""
    if claim.word == "loyal":
        return median >= 3
    return claim.feature != TENURE or claim.direction != "low" or _new(portrait)


def _words_that_stand_out(feature: str, portrait: Portrait) -> dict[Claim, float]:
    """Claims about the category that most of a segment is in; only where there is none, about one that it is not in."""
    found: dict[Claim, float] = {}
    for word in portrait.words.get(feature, ()):
        if ascii_word(word.word) and not word.word.startswith("("):  # "(other)" and "(unknown)" are no places
            spread = math.sqrt(word.everyone_share * (1 - word.everyone_share))
            for direction in _category_directions(word.share, word.rest_share):
                found[Claim(feature, direction, word.word)] = abs(word.share - word.rest_share) / spread
    within = {claim: strength for claim, strength in found.items() if claim.direction == "within"}
    return within or found


def _category_directions(share: float, rest_share: float) -> tuple[Direction, ...]:
    """Whether a category is most of a segment's and much more common there than elsewhere, or nearly absent and not elsewhere."""
    if share >= 0.75 and share - rest_share >= 0.25:
        return ("within",)
    return ("outside",) if share <= 0.1 and rest_share >= 0.5 else ()


def _absent(portrait: Portrait) -> str:
    """The word for how long a segment has been away, in days and not beside the others; nothing where that is no absence.

    Lapsed is who has been away for `LAPSED_DAYS` and for longer than customers usually pause, and than these themselves do.
    """
    recency, pauses = portrait.numbers[RECENCY], portrait.numbers.get(PAUSE)
    if recency.median is None or recency.median < QUIET_DAYS:
        return ""
    own = pauses.median if pauses and pauses.known_share >= 0.5 else None
    usual = max([pause for pause in (pauses.everyone_median if pauses else None, own) if pause is not None], default=0)
    return "lapsed" if recency.median >= LAPSED_DAYS and recency.median > usual else "quiet"


def _new(portrait: Portrait) -> bool:
    """Whether a segment that came late is new: known at most half as long as the others, and not longer away than they."""
    tenure, recency = portrait.numbers[TENURE], portrait.numbers.get(RECENCY)
    recent = recency is None or recency.z_rest <= 0
    return (
        recent
        and tenure.median is not None
        and tenure.rest_median is not None
        and tenure.median <= tenure.rest_median / 2
    )
