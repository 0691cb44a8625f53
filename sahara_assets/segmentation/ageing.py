"""How a model ages between trainings: as of when the segments are, when their tiers were ranked, and whether that order still holds.

Customers come and go with every drop, and every number follows them; what the model says (key, name, tier, action) stays until the
next training. How tiers are given lives in `advice`, who trains when in `training`.
"""

from __future__ import annotations

from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING

from sahara_assets.builds import built
from sahara_assets.features.feature_set import feature_set
from sahara_assets.segmentation.model import TIERS
from sahara_assets.segmentation.portrait import BY_SIZE
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS, SEGMENT_PROFILES, SEGMENTATION_MODELS
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahara_assets.segmentation.registry import Registered
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

TIERS_AS_OF = "tiers_as_of"
"""Where the build of the models remembers the cut-off of the customers that the champion's tiers rank."""


def measured_as_of(warehouse: Warehouse) -> datetime | None:
    """The cut-off of the customers' features, and so of the segments' numbers; None before they are built. Local, as all cut-offs."""
    measured = built(warehouse, CUSTOMER_FEATURES.name)
    return datetime.fromisoformat(measured.details["cut_off"]) if measured else None


def tiers_as_of(warehouse: Warehouse, champion: Registered) -> datetime:
    """The cut-off of the customers whose worth gave the champion's tiers: of its training, or of when this k was put in use."""
    known = built(warehouse, SEGMENTATION_MODELS.name)
    remembered = known.details.get(TIERS_AS_OF) if known else None
    return datetime.fromisoformat(remembered) if remembered else champion.cut_off


def worth_today(warehouse: Warehouse, settings: Settings, rank: str) -> dict[int, float]:
    """By segment: the mean of the feature `rank` of its customers as they are, or their number; a segment without customers has none."""
    peopled = [row for row in warehouse.rows(SEGMENT_PROFILES) if row["customer_count"]]
    if rank == BY_SIZE:
        return {row["segment"]: float(row["customer_count"]) for row in peopled}
    if rank == "gross_spend":
        # As in a training, orders stand in where nobody's spend is known.
        column = "mean_gross_spend" if any(row["gross_spend"] for row in peopled) else "mean_order_count"
        return {row["segment"]: float(row[column] or 0.0) for row in peopled}
    segments, features = warehouse.table(CUSTOMER_SEGMENTS), warehouse.table(feature_set(settings).table)
    joined = segments.join(features.select("customer_id", rank), "customer_id")
    means = warehouse.rows(joined.group_by("segment").aggregate(mean=joined[rank].cast("float64").mean()))
    return {row["segment"]: float(row["mean"] or 0.0) for row in means}


def overtaken(tiers: Mapping[int, str], worth: Mapping[int, float]) -> list[tuple[int, int]]:
    """Pairs of segments whose tiers say the opposite of their customers' worth: the one with the higher tier first.

    >>> overtaken({1: "Platinum", 2: "Gold", 3: "Silver"}, {1: 9413.0, 2: 10599.0, 3: 20.0})
    [(1, 2)]
    """
    by_tier = sorted(worth, key=lambda key: (TIERS.index(tiers[key]), key))
    return [
        (higher, lower)
        for higher, lower in combinations(by_tier, 2)
        # Sums in another order may differ in the last digits, which is no other order.
        if tiers[higher] != tiers[lower] and worth[higher] < worth[lower] * (1 - 1e-9)
    ]


def changed_order(profiles: Sequence[Row], worth: Mapping[int, float]) -> str:
    """The pair whose tiers are furthest from today's worth, in words; empty where the tiers still rank the segments."""
    by_key = {row["segment"]: row for row in profiles}
    pairs = overtaken({key: row["tier"] for key, row in by_key.items()}, worth)
    if not pairs:
        return ""
    apart = max(pairs, key=lambda pair: (worth[pair[1]] - worth[pair[0]], -pair[0], -pair[1]))
    told = [f"{by_key[key]['tier']} “{by_key[key]['segment_name']}” {worth[key]:,.2f}" for key in apart]
    more = [counted(len(pairs) - 1, "more pair")] if len(pairs) > 1 else []
    return ", ".join([*told, *more])
