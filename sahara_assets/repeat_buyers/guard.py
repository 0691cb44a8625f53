"""The leakage guard: how well each feature alone tells who bought again.

Few honest features do better than 0.8 alone. One that nearly decides the matter is mostly the answer in another form (a column filled in
after the fact, a status, a flag of the loyalty programme that begins with the second order), and a model that has it looks brilliant until it is
used. Such a feature blocks the training until somebody has looked and allowed it by name.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.errors import BlockedError
from sahara_assets.learning.measures import area_under_curve
from sahara_assets.segmentation.preprocess import numbers, words
from sahara_assets.wording import some

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pyarrow as pa

    from sahara_assets.features.declarations import Feature
    from sahara_assets.segmentation.preprocess import FloatArray
    from sahara_assets.settings.repeat_buyers import RepeatBuyerSettings
    from sahara_assets.warehouse.base import Row

_FOLDS = 5


def guard_rows(
    table: pa.Table, labels: npt.NDArray[np.bool_], names: Sequence[str], declarations: Mapping[str, Feature]
) -> list[Row]:
    """`repeat_buyer_guard`: every feature with the share of rows that have it and its area under the curve alone, the better direction."""
    ids: list[str] = table.column("customer_id").to_pylist()
    return [
        {"feature": name, **_alone(table, labels, ids, name, is_category=declarations[name].is_category)}
        for name in names
    ]


def _alone(
    table: pa.Table, labels: npt.NDArray[np.bool_], ids: Sequence[str], name: str, *, is_category: bool
) -> dict[str, float]:
    if is_category:
        texts = words(table, name)
        known = np.array([text is not None for text in texts], dtype=bool)
        tries = [_shares_elsewhere(texts, labels, ids)]
    else:
        values = numbers(table, name)
        known = np.isfinite(values)
        # Whether there is a value at all may be what leaks, so those without one are put at either end.
        tries = [np.where(known, values, end) for end in (-np.inf, np.inf)]
    areas = [area_under_curve(labels, one) for one in tries]
    return {
        "known_share": float(known.mean()) if len(known) else 0.0,
        "auc_alone": max(max(area, 1.0 - area) for area in areas),
    }


def _shares_elsewhere(texts: Sequence[str | None], labels: npt.NDArray[np.bool_], ids: Sequence[str]) -> FloatArray:
    """Per row the share who bought again among *other* customers of its word: among all of them a word of its own would tell everything."""
    fold = np.array([hashlib.sha256(one.encode()).digest()[0] % _FOLDS for one in ids])
    overall = float(labels.mean())
    _, place = np.unique(np.array([f"={text}" if text is not None else "" for text in texts]), return_inverse=True)
    result = np.empty(len(labels))
    kinds = int(place.max()) + 1 if len(place) else 0
    for one in range(_FOLDS):
        others = fold != one
        count = np.bincount(place[others], minlength=kinds)
        hits = np.bincount(place[others], weights=labels[others].astype(np.float64), minlength=kinds)
        result[~others] = ((hits + overall) / (count + 1.0))[place[~others]]
    return result


def leaks(rows: Sequence[Row], wanted: RepeatBuyerSettings) -> list[Row]:
    """The features that separate too well and are not allowed."""
    return [
        row
        for row in rows
        if row["feature"] in wanted.features
        and row["auc_alone"] > wanted.leak_auc
        and row["feature"] not in wanted.allowed_features
    ]


def said_of(found: Sequence[Row], wanted: RepeatBuyerSettings) -> str:
    """What a person reads of leaks."""
    told = some([f"{row['feature']} (AUC {row['auc_alone']:.3f} alone)" for row in found])
    return (
        f"what tells alone who will buy again is mostly known only afterwards: {told}; more than repeat_buyers.leak_auc = {wanted.leak_auc:g}. "
        "Leave it out of repeat_buyers.features, or, if it really was known at the cut-off, name it in repeat_buyers.allowed_features"
    )


def refuse_leaks(rows: Sequence[Row], wanted: RepeatBuyerSettings) -> None:
    """Nothing is trained on a leak, whoever asks.

    Raises:
        BlockedError: a feature separates too well and is not allowed.
    """
    found = leaks(rows, wanted)
    if found:
        raise BlockedError(said_of(found, wanted))
