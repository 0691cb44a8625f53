"""Which header is which of our columns: one optimal assignment over all the evidence.

Every pair of header and column gets the sum of what the words, the values and the other columns say; the assignment with the highest
sum wins, so that a header that fits two columns goes where it is missed most. Two passes, because an order's date can only speak for
the order once something is known to be the date.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sahara_assets.onboarding.relations import Relations, related_score
from sahara_assets.onboarding.scoring import Evidence, value_score, word_score
from sahara_assets.onboarding.vocabulary import loose
from sahara_assets.tables.datasets import DATASETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.onboarding.values import ColumnProfile

# Column → (role, how much it is missed, least score). What every line must have weighs most.
ROLES: dict[str, dict[str, tuple[str, float, float]]] = {
    "purchases": {
        "order_id": ("order", 1.0, 2.5),
        "customer_id": ("customer", 1.0, 2.2),
        "product_id": ("product", 1.0, 2.2),
        "description": ("description", 0.7, 2.5),
        "quantity": ("quantity", 1.0, 2.5),
        "unit_price": ("price", 1.0, 2.5),
        "ordered_at": ("when", 1.0, 2.5),
        "country": ("country", 0.6, 3.0),
        "category": ("category", 0.5, 3.2),
        "currency": ("currency", 0.5, 3.0),
        "client_id": ("client", 0.5, 3.5),
        "user_id": ("user", 0.5, 3.0),
    },
    "products": {
        "product_id": ("product", 1.0, 2.2),
        "description": ("description", 0.8, 2.5),
        "category": ("category", 0.7, 3.0),
        "list_price": ("list_price", 0.7, 2.5),
    },
    "customers": {
        "customer_id": ("customer", 1.0, 2.2),
        "country": ("country", 0.7, 3.0),
        "client_id": ("client", 0.6, 3.5),
        "user_id": ("user", 0.5, 3.0),
        "signed_up_on": ("signup", 0.7, 3.2),
        "account_id": ("account", 0.5, 4.0),
    },
    "accounts": {
        "account_id": ("account", 1.0, 4.0),
        "country": ("country", 0.7, 3.0),
    },
    "sign_ups": {
        "customer_id": ("customer", 1.0, 2.2),
        "signed_up_on": ("signup", 1.0, 3.2),
    },
}
# Where no id is found, a name can stand in for it, unsurely.
_STAND_INS = {("purchases", "product_id"): "description", ("products", "product_id"): "description"}


@dataclass(frozen=True)
class ColumnMatch:
    """One of our columns, the header it goes to (none where it was not found), how sure (0..1), and the evidence in words."""

    column: str
    header: str | None
    index: int
    sure: float
    score: float
    evidence: str


@dataclass(frozen=True)
class Mapping:
    """The best assignment of a file's headers to one dataset's columns, and how well that dataset fits the file as a whole."""

    dataset: str
    matches: tuple[ColumnMatch, ...]
    fit: float

    def index(self, column: str) -> int | None:
        """The position of the header that is our column; nothing where it was not found."""
        return next(
            (match.index for match in self.matches if match.column == column and match.header is not None), None
        )

    @property
    def missing(self) -> tuple[str, ...]:
        """Our required and expected columns that no header was found for."""
        declared = DATASETS[self.dataset]
        found = {match.column for match in self.matches if match.header is not None}
        return tuple(
            name
            for name in declared.column_names
            if name in (*declared.required, *declared.expected) and name not in found
        )


def map_columns(dataset: str, profiles: Sequence[ColumnProfile], relations: Relations) -> Mapping:
    """The best assignment for one dataset.

    Args:
        dataset: one of `ROLES`.
        profiles: one per column of the file.
        relations: over the same profiles.
    """
    roles = ROLES[dataset]
    settled: dict[str, int] = {}
    scores: list[list[float]] = []
    reasons: dict[tuple[int, int], tuple[str, ...]] = {}
    names = Counter(loose(profile.header) for profile in profiles)
    for _pass in range(3):
        scores = []
        for row, (column, (role, _, _)) in enumerate(roles.items()):
            line = []
            for profile in profiles:
                words, values = word_score(role, profile.header, column, dataset), value_score(role, profile)
                related = related_score(role, profile.index, settled, relations)
                unique = _uniqueness(dataset, column, profile)
                # The reader finds columns by name, so a name that stands twice, or none, can be no column of ours.
                usable = bool(profile.header.strip()) and names[loose(profile.header)] == 1
                line.append(words.score + values.score + related.score + unique.score if usable else -99.0)
                reasons[row, profile.index] = (*words.reasons, *values.reasons, *related.reasons, *unique.reasons)
            scores.append(line)
        chosen = _assign(scores, list(roles.values()))
        now = {role: place for (role, _, _), place in zip(roles.values(), chosen, strict=True) if place is not None}
        if now == settled:
            break
        settled = now
    matches = tuple(
        _match(row, column, chosen[row], scores, reasons, profiles, threshold, (names, role, dataset))
        for row, (column, (role, _, threshold)) in enumerate(roles.items())
    )
    matches = _stand_ins(dataset, matches)
    return Mapping(dataset, matches, _fit(dataset, matches, profiles))


def _uniqueness(dataset: str, column: str, profile: ColumnProfile) -> Evidence:
    """In a list of products or customers the key is what never repeats."""
    if column not in DATASETS[dataset].key or profile.filled < 3:
        return Evidence(0.0)
    if profile.distinct_share == 1.0 and profile.fill_share > 0.99:
        return Evidence(1.0, ("no value repeats",))
    return Evidence(-2.2) if profile.distinct_share < 0.95 else Evidence(0.7, ("hardly any value repeats",))


def _assign(scores: list[list[float]], roles: list[tuple[str, float, float]]) -> list[int | None]:
    """The column position per role that maximises the weighted sum of what is above the thresholds."""
    if not scores or not scores[0]:
        return [None] * len(roles)
    gains = [
        [(score - least) * weight + weight if score >= least else 0.0 for score in line]
        for line, (_, weight, least) in zip(scores, roles, strict=True)
    ]
    return [
        place if place is not None and gains[row][place] > 0 else None
        for row, place in enumerate(best_assignment(gains))
    ]


def best_assignment(gains: Sequence[Sequence[float]]) -> list[int | None]:  # noqa: C901 - one algorithm, in its textbook form
    """For each row a column of its own, so that the sum of gains is highest (no row needs one where no gain is below 0).

    The Hungarian method by shortest augmenting paths (Jonker and Volgenant, 1987); written out because importing scipy costs more
    than everything else `sahara init` does to a small file.

    >>> best_assignment([[3, 2], [3, 0]])
    [1, 0]
    >>> best_assignment([[1], [2]])
    [None, 0]
    """
    rows = len(gains)
    columns = max(rows, len(gains[0]) if gains else 0)
    cost = [[-gain for gain in line] + [0.0] * (columns - len(line)) for line in gains]
    row_price, column_price = [0.0] * (rows + 1), [0.0] * (columns + 1)
    owner, came_from = [0] * (columns + 1), [0] * (columns + 1)
    for row in range(1, rows + 1):
        owner[0], place = row, 0
        shortest, used = [math.inf] * (columns + 1), [False] * (columns + 1)
        while owner[place]:
            used[place] = True
            this, step, following = owner[place], math.inf, 0
            for other in range(1, columns + 1):
                if used[other]:
                    continue
                reduced = cost[this - 1][other - 1] - row_price[this] - column_price[other]
                if reduced < shortest[other]:
                    shortest[other], came_from[other] = reduced, place
                if shortest[other] < step:
                    step, following = shortest[other], other
            for other in range(columns + 1):
                if used[other]:
                    row_price[owner[other]] += step
                    column_price[other] -= step
                else:
                    shortest[other] -= step
            place = following
        while place:
            owner[place], place = owner[came_from[place]], came_from[place]
    found: list[int | None] = [None] * rows
    for place in range(1, columns + 1):
        if owner[place] and place <= len(gains[0]):
            found[owner[place] - 1] = place - 1
    return found


def _match(
    row: int,
    column: str,
    place: int | None,
    scores: list[list[float]],
    reasons: dict[tuple[int, int], tuple[str, ...]],
    profiles: Sequence[ColumnProfile],
    threshold: float,
    context: tuple[Counter[str], str, str],
) -> ColumnMatch:
    names, role, dataset = context
    if place is None:
        nearest = max(range(len(profiles)), key=lambda index: scores[row][index], default=None)
        why = ""
        twice = [
            profile.header.strip()
            for profile in profiles
            if names[loose(profile.header)] > 1
            and profile.header.strip()
            and word_score(role, profile.header, column, dataset).score > 1.5
        ]
        if twice:
            why = f"the header names {twice[0]!r} twice; give the columns names of their own"
        elif nearest is not None and scores[row][nearest] > threshold - 4 and reasons[row, nearest]:
            why = f"nearest was {profiles[nearest].header.strip()!r}: {'; '.join(reasons[row, nearest])}"
        return ColumnMatch(column, None, -1, 0.0, 0.0, why)
    score = scores[row][place]
    # Another header only casts doubt where it does not serve better as something else of ours.
    rivals = [
        (scores[row][other], other)
        for other in range(len(profiles))
        if other != place and scores[row][other] >= max((line[other] for line in scores), default=0.0)
    ]
    rival, rival_place = max(rivals, default=(-9.0, -1))
    margin = score - rival
    sure = 1 / (1 + math.exp(-0.8 * min(score - threshold + 0.6, margin + 0.8)))
    said = [reason for reason in reasons[row, place] if reason]
    if margin < 1.5 and rival > threshold:
        said.append(
            f"{profiles[rival_place].header.strip()!r} is as likely"
            if margin < 0.5
            else f"{profiles[rival_place].header.strip()!r} is nearly as likely"
        )
    return ColumnMatch(
        column,
        profiles[place].header,
        place,
        min(0.99, max(0.3, sure)),
        score,
        "; ".join(said) or "what is left over fits best",
    )


def _stand_ins(dataset: str, matches: tuple[ColumnMatch, ...]) -> tuple[ColumnMatch, ...]:
    by_column = {match.column: match for match in matches}
    for (name, wanted), source in _STAND_INS.items():
        if name != dataset or by_column[wanted].header is not None or by_column[source].header is None:
            continue
        lent = by_column[source]
        by_column[wanted] = replace(
            lent,
            column=wanted,
            sure=min(0.5, lent.sure),
            evidence=f"no id was found, so the name stands in for it: {lent.evidence}",
        )
        by_column[source] = ColumnMatch(source, None, -1, 0.0, 0.0, f"{lent.header!r} stands in for {wanted}")
    return tuple(by_column[match.column] for match in matches)


def _fit(dataset: str, matches: tuple[ColumnMatch, ...], profiles: Sequence[ColumnProfile]) -> float:
    """How well a file is explained as this dataset, about 0 for not at all and above 4 for surely."""
    sure = {match.column: match.sure for match in matches if match.header is not None}
    place = {match.column: match.index for match in matches if match.header is not None}
    if dataset == "purchases":
        fit = 1.2 * sum(
            sure.get(name, 0.0) for name in ("order_id", "product_id", "quantity", "unit_price", "ordered_at")
        ) + 0.6 * sure.get("customer_id", 0.0)
        return fit if "product_id" in sure or "quantity" in sure else fit - 2.0
    key = DATASETS[dataset].key[0]
    if key not in sure:
        return 0.0
    profile = profiles[place[key]]
    unique = profile.distinct_share
    fit = 2.2 * sure[key] + (1.5 if unique > 0.97 else 0.3 if unique > 0.6 else -1.5)
    optional = [match for match in matches if match.column != key and match.header is not None]
    return fit + 0.4 * sum(match.sure for match in optional)
