"""From centroids to a finished model: keys, names, tiers, actions and the outlier distance.

The steps are elsewhere (`preprocess`, `kmeans`, `portrait`, `matching`, `naming`, `advice`); here they are put in order. A training calls
`build_model` for every k of its sweep; a change of champion, whether to a fresh training or to another k of an old one, calls `adopt`,
which gives keys and names in the light of the champion so far.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.features.declarations import BY_NAME
from sahara_assets.segmentation.advice import suggested_action, tiers
from sahara_assets.segmentation.matching import change_rows, first_keys, match
from sahara_assets.segmentation.model import Segment, SegmentationModel
from sahara_assets.segmentation.naming import Named, name_segments
from sahara_assets.segmentation.portrait import measure, portraits
from sahara_assets.segmentation.preprocess import apply, quantile
from sahara_assets.segmentation.scoring import nearest, score

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from sahara_assets.features.declarations import Feature
    from sahara_assets.segmentation.portrait import Measured
    from sahara_assets.segmentation.preprocess import FloatArray, Preprocessing


def build_model(
    table: pa.Table,
    preprocessing: Preprocessing,
    centroids: FloatArray,
    *,
    version: int,
    seed: int,
    cut_off: str = "",
    first_ordered_at: str = "",
    last_ordered_at: str = "",
    outlier_quantile: float = 0.99,
    category_names: Mapping[str, str] | None = None,
    declarations: Mapping[str, Feature] = BY_NAME,
    measured: Measured | None = None,
) -> SegmentationModel:
    """A model of its own, with keys from 1 by mean gross spend (or what `measured` ranks by), as if there were no other.

    Args:
        table: the feature table that `preprocessing` and `centroids` were fitted on.
        preprocessing: of the matrix that was clustered.
        centroids: segments x `preprocessing.columns`, standardised.
        version: counts trainings, from 1.
        seed: of the clustering.
        cut_off: with `first_ordered_at` and `last_ordered_at` the data window, for the record.
        first_ordered_at: first sale line trained on.
        last_ordered_at: latest sale line trained on.
        outlier_quantile: the outlier distance is this quantile of the training customers' distances.
        category_names: what the categories behind `category_share_<rank>` are called.
        declarations: the project's features, for their words.
        measured: `portrait.measure(table)`, where several models of one table are built or segments are ranked by something else.
    """
    draft = SegmentationModel(
        version=version,
        seed=seed,
        cut_off=cut_off,
        first_ordered_at=first_ordered_at,
        last_ordered_at=last_ordered_at,
        customer_count=table.num_rows,
        next_key=len(centroids) + 1,
        outlier_distance=quantile(np.sort(nearest(apply(preprocessing, table), centroids)[1]), outlier_quantile),
        preprocessing=preprocessing,
        segments=tuple(
            Segment(key, "", "", "", (), tuple(centroid)) for key, centroid in enumerate(centroids.tolist(), start=1)
        ),
    )
    return adopt(draft, table, None, category_names=category_names, declarations=declarations, measured=measured)[0]


def adopt(
    model: SegmentationModel,
    table: pa.Table,
    champion: SegmentationModel | None,
    *,
    category_names: Mapping[str, str] | None = None,
    declarations: Mapping[str, Feature] = BY_NAME,
    measured: Measured | None = None,
) -> tuple[SegmentationModel, list[dict[str, Any]]]:
    """The model as the successor of a champion, and what changes for the customers of `table`.

    Segments that are still the same keep their keys; their names stay where what they say still holds, and the rest are named
    afresh. Without a champion, keys go from 1 by mean gross spend. The second result holds rows for `tables.SEGMENT_CHANGES`.

    Raises:
        SaharaError: the table lacks a feature of the model, or gross_spend or order_count.
    """
    centroids = np.array([segment.centroid for segment in model.segments])
    position, _ = nearest(apply(model.preprocessing, table), centroids)
    by_position = portraits(measured or measure(table, declarations), position, model.k)
    worths = [portrait.worth for portrait in by_position]
    old_segments = None
    if champion is None:
        matching = first_keys(worths, centroids.tolist())
    else:
        # A champion on features that the table no longer has cannot say where its customers were.
        if set(champion.feature_names) <= set(table.column_names):
            old_segments = score(champion, table).segment
        matching = match(
            champion, model.preprocessing, centroids, worths, old_segments=old_segments, new_positions=position
        )
    by_key = dict(zip(matching.keys, by_position, strict=True))
    old_names = {
        segment.key: Named(segment.name, segment.claims)
        for segment in (champion.segments if champion else ())
        if segment.key in matching.kept
    }
    names = name_segments(
        by_key, model.feature_names, old=old_names, category_names=category_names, declarations=declarations
    )
    tier_of = tiers(by_key)
    segments = [
        Segment(
            key,
            names[key].name,
            tier_of[key],
            suggested_action(names[key].claims, category_names),
            names[key].claims,
            centroid,
        )
        for key, centroid in zip(matching.keys, (segment.centroid for segment in model.segments), strict=True)
    ]
    adopted = replace(
        model, next_key=matching.next_key, segments=tuple(sorted(segments, key=lambda segment: segment.key))
    )
    counted = champion is None or old_segments is not None
    new_segments = np.array(matching.keys, dtype=np.int64)[position] if counted else None
    return adopted, change_rows(champion, adopted, matching, old_segments, new_segments)
