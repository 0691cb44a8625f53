"""The rows of `segment_profiles`: how big a segment is, what it is worth, what sets it apart, what to do.

Key, name, tier and action are the model's, so that they stay while customers come and go between trainings; every number is of the
customers as they are now. The numbers come from `portrait`, the names from `naming`.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.features.declarations import BY_NAME, family_of
from sahara_assets.segmentation.model import centroid_in_units
from sahara_assets.segmentation.portrait import BY_SIZE, measure, portraits
from sahara_assets.wording import to_places

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pyarrow as pa

    from sahara_assets.features.declarations import Feature
    from sahara_assets.segmentation.model import Segment, SegmentationModel
    from sahara_assets.segmentation.portrait import NumberStanding, Portrait
    from sahara_assets.segmentation.preprocess import IntArray

Called = tuple[str, str]
"""A feature's label and unit."""

_TELLING = 0.2  # standard deviations below which a difference is not worth a phrase of the description


def profile(
    model: SegmentationModel,
    table: pa.Table,
    segments: IntArray,
    outliers: npt.NDArray[np.bool_],
    *,
    category_names: Mapping[str, str] | None = None,
    declarations: Mapping[str, Feature] = BY_NAME,
) -> list[dict[str, Any]]:
    """One row for every segment of the model, in the order of keys, as `tables.SEGMENT_PROFILES` declares them.

    Args:
        model: gives keys, names, tiers, actions and centroids.
        table: the feature table.
        segments: per row of the table the segment's key, as `scoring.score` said.
        outliers: per row whether it is one, as `scoring.score` said.
        category_names: what the categories behind `category_share_<rank>` are called.
        declarations: the features to compare; every one that the table has.

    Raises:
        SaharaError: the feature of a treatment does not fit.
        ValueError: a customer is in a segment that the model does not have.
    """
    index = {segment.key: position for position, segment in enumerate(model.segments)}
    unknown = sorted(set(np.unique(segments).tolist()) - set(index))
    if unknown:
        raise ValueError(f"customers are in segments {unknown}, and the model has {sorted(index)}")
    position = np.array([index[key] for key in segments.tolist()], dtype=np.int64)
    called = {name: (feature.label, feature.unit) for name, feature in declarations.items()}
    called |= {name: (f"share of spend on {word}", "share") for name, word in (category_names or {}).items()}
    measured = measure(table, declarations, rank_by=BY_SIZE)
    return [
        _row(model, segment, portrait, int(outliers[position == index[segment.key]].sum()), called)
        for segment, portrait in zip(model.segments, portraits(measured, position, model.k), strict=True)
    ]


def _row(
    model: SegmentationModel, segment: Segment, portrait: Portrait, outlier_count: int, called: Mapping[str, Called]
) -> dict[str, Any]:
    centroid = centroid_in_units(model.preprocessing, segment.centroid)
    found = differences(portrait, called)
    spends = portrait.spend_units is not None and portrait.everyone_spend_units is not None
    return {
        "segment": segment.key,
        "segment_name": segment.name,
        "tier": segment.tier,
        "customer_count": portrait.size,
        "customer_share": portrait.size / portrait.everyone if portrait.everyone else 0.0,
        "gross_spend": Decimal(portrait.spend_units or 0).scaleb(-portrait.spend_scale) if spends else None,
        "spend_share": _spend_share(portrait),
        "mean_gross_spend": float(portrait.mean_spend) if spends else None,
        "mean_order_count": portrait.mean_order_count,
        "median_recency_days": _median_recency(portrait, centroid) if spends else None,
        "outlier_count": outlier_count,
        "centroid": _json({name: _rounded(value) for name, value in centroid.items()}),
        "differences": _json(found),
        "description": description(portrait, found),
        "action": segment.action,
    }


def _spend_share(portrait: Portrait) -> float | None:
    """The segment's share of all gross spend; null where nobody's spend is known."""
    if portrait.spend_units is None or portrait.everyone_spend_units is None:
        return None
    return portrait.spend_units / portrait.everyone_spend_units if portrait.everyone_spend_units else 0.0


def _median_recency(portrait: Portrait, centroid: Mapping[str, float | dict[str, float]]) -> float | None:
    """Median days since the last order; None where nobody in the segment has ordered. Where nobody is in it now, its centre is what is known."""
    recency = portrait.numbers.get("recency_days")
    if recency is not None and recency.median is not None:
        return recency.median
    usual = centroid.get("recency_days")
    return usual if isinstance(usual, float) and not portrait.size else None


def differences(portrait: Portrait, called: Mapping[str, Called]) -> list[dict[str, Any]]:
    """Every feature by how far the segment stands from all customers, the largest first.

    A number's entry holds both medians in original units; a category's is about the word that differs most, and holds both shares.
    Numbers are rounded, because the text must be equal on every warehouse and doubles are so only to 1e-9.
    """
    found: list[tuple[float, dict[str, Any]]] = []
    for name, standing in portrait.numbers.items():
        label, unit = called.get(name, (name, ""))
        entry = {
            "feature": name,
            "label": label,
            "unit": unit,
            "z": round(standing.z, 3),
            "segment_median": _rounded(standing.median),
            "everyone_median": _rounded(standing.everyone_median),
        }
        found.append((abs(round(standing.z, 3)), entry))
    for name, words in portrait.words.items():
        common = min(words, key=lambda word: (-abs(round(word.z, 3)), word.word.encode()))
        entry = {
            "feature": name,
            "label": f"{called.get(name, (name, ''))[0]}: {common.word}",
            "unit": "share",
            "z": round(common.z, 3),
            "segment_share": _rounded(common.share),
            "everyone_share": _rounded(common.everyone_share),
        }
        found.append((abs(round(common.z, 3)), entry))
    return [entry for _, entry in sorted(found, key=lambda item: (-item[0], item[1]["feature"]))]


def description(portrait: Portrait, found: list[dict[str, Any]]) -> str:
    """One sentence: how many, what they are worth, and the differences a reader would ask for first."""
    if portrait.size == 0:
        return "No customer is in this segment at present."
    people = f"{_share(portrait.size / portrait.everyone)} of customers"
    brings = _spend_share(portrait)
    if brings is not None:
        people += f" and {_share(brings)} of spend" if brings > 0 else " and none of spend"
    phrases = [_number_phrase(entry) for entry in _worth_telling(portrait, found)]
    if not phrases:
        return f"{people}: close to the average customer in everything that is measured."
    return f"{people}; medians: {_listed(phrases)}."


def _worth_telling(portrait: Portrait, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Up to three differences, one of each family of features that say nearly the same."""
    told: list[dict[str, Any]] = []
    for entry in found:
        family = family_of(entry["feature"])
        standing: NumberStanding | None = portrait.numbers.get(entry["feature"])
        if (
            standing is None
            or abs(entry["z"]) < _TELLING
            or entry["segment_median"] is None
            or entry["segment_median"] == entry["everyone_median"]
            or any(other["feature"] in family for other in told)
        ):
            continue
        told.append(entry)
        if len(told) == 3:
            break
    return told


def _number_phrase(entry: dict[str, Any]) -> str:
    mine, everyone = (_shown(entry[of], entry["unit"]) for of in ("segment_median", "everyone_median"))
    return f"{entry['label']} {mine} (all customers: {everyone})"


def _shown(value: float, unit: str) -> str:
    """A median as a person writes it.

    >>> _shown(1234.5, "money"), _shown(556.255, "money"), _shown(12.0, "days"), _shown(0.256, "share")
    ('1,234.50', '556.26', '12', '25.6 %')
    """
    if unit == "share":
        return f"{to_places(value * 100, 1)} %"
    if unit == "money":
        return to_places(value, 2)
    return to_places(value, 0 if value == round(value) else 1)


def _share(value: float) -> str:
    """A share as a person writes it.

    >>> _share(0.256), _share(0.0123), _share(0.0001)
    ('26 %', '1.2 %', 'less than 0.1 %')
    """
    if value < 0.001:
        return "less than 0.1 %"
    return f"{value * 100:.0f} %" if value >= 0.1 else f"{value * 100:.1f} %"


def _listed(phrases: list[str]) -> str:
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _rounded(value: float | dict[str, float] | None) -> float | dict[str, float] | None:
    """Four decimals; a category's shares keep only the words that somebody has."""
    if isinstance(value, dict):
        return {word: round(share, 4) for word, share in value.items() if round(share, 4) != 0}
    return None if value is None else round(value, 4)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
