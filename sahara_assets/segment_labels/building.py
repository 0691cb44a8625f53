"""`segment_classifier` and `predicted_segments`: built where attributes are there and say something, empty with a plain reason where not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.builds import Built, Run, code_fingerprint, combine, empty, rebuild
from sahara_assets.segment_labels.learning import (
    NEEDED_ERRORS,
    attribute_names,
    attribute_table,
    declarations_of,
    fit_segments,
    has_attributes,
    validate,
)
from sahara_assets.segmentation.registry import champion
from sahara_assets.tables.prediction import PREDICTED_SEGMENTS, SEGMENT_CLASSIFIER
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from datetime import datetime

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

SAID = "said"
"""Under this name a build remembers its plain sentence."""


def build_predicted_segments(
    warehouse: Warehouse, settings: Settings, run: Run, inputs: str, cut_off: datetime
) -> Built:
    """Learn segments from attributes, measure that, and predict for everyone who has attributes and no segment.

    Args:
        warehouse: holds customers and their segments.
        settings: which attributes.
        run: goes into the record.
        inputs: fingerprint of customers and segments.
        cut_off: local; ages are as of it.
    """
    if not settings.segment_labels.enabled:
        return empty(warehouse, run, PREDICTED_SEGMENTS, SEGMENT_CLASSIFIER)

    def build() -> tuple[int, dict[str, Any]]:
        classifier, rows, said = _learned(warehouse, settings, cut_off)
        warehouse.replace(SEGMENT_CLASSIFIER, classifier)
        return warehouse.replace(PREDICTED_SEGMENTS, rows), {SAID: said}

    words = sorted(attribute_names(settings))
    fingerprint = combine(
        inputs,
        settings.fingerprint("segment_labels", "project.seed"),
        *words,
        code_fingerprint("learning", "segment_labels", "features", "segmentation/preprocess"),
    )
    return rebuild(warehouse, run, PREDICTED_SEGMENTS.name, fingerprint, build)


def _learned(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> tuple[list[Row], list[Row], str]:
    """The rows of both tables, none where there is nothing to say, and a sentence that says why or how well."""
    import pyarrow as pa

    wanted, names = settings.segment_labels, attribute_names(settings)
    if not names:
        return [], [], "No segment is predicted: no attributes are declared ([datasets.customers.attributes])."
    current = champion(warehouse)
    if current is None:
        return [], [], "No segment is predicted: there is no segmentation yet."
    table = attribute_table(warehouse, settings, cut_off)
    table = table.filter(pa.array(has_attributes(table, names)))
    segment_of = {row["customer_id"]: row["segment"] for row in warehouse.rows(CUSTOMER_SEGMENTS)}
    ids: list[str] = table.column("customer_id").to_pylist()
    known = np.array([one in segment_of for one in ids], dtype=bool)
    told, rest = table.filter(pa.array(known)), table.filter(pa.array(~known))
    segments = np.array([segment_of[one] for one in ids if one in segment_of], dtype=np.int64)
    if len(segments) < wanted.minimum_customers or len(np.unique(segments)) < 2:
        have = counted(len(segments), "customer has", "customers have")
        return (
            [],
            [],
            (
                f"No segment is predicted: {have} a segment and one of {', '.join(names)}, in {counted(len(np.unique(segments)), 'segment')}; "
                f"{wanted.minimum_customers:,} in two are needed (segment_labels.minimum_customers)."
            ),
        )
    declarations, seed = declarations_of(settings), settings.project.seed
    names = [name for name in names if has_attributes(told, [name]).any()]
    found = validate(told, segments, names, declarations, penalty=wanted.regularisation, seed=seed, folds=wanted.folds)
    measured = (
        f"cross-validated, {100 * found.accuracy:.1f} % of {counted(found.customers, 'customer')} are put into their segment "
        f"(± {100 * found.standard_error * NEEDED_ERRORS:.1f} points); always naming the commonest would be right for {100 * found.majority_share:.1f} %"
    )
    if not found.beats_the_majority:
        return [], [], f"No segment is predicted, because attributes do not tell them: {measured}."
    fitted = fit_segments(told, segments, names, declarations, penalty=wanted.regularisation, seed=seed)
    entry = {
        "segmentation_version": current.model.version,
        "k": current.model.k,
        "model": fitted.to_json(),
        "customer_count": found.customers,
        "accuracy": found.accuracy,
        "majority_share": found.majority_share,
        "standard_error": found.standard_error,
    }
    likeliest, chances = fitted.predicted(rest) if rest.num_rows else (np.empty(0, dtype=np.int64), np.empty(0))
    rows = [
        {
            "customer_id": one,
            "segment": int(key),
            "segment_name": current.model.segment(int(key)).name,
            "probability": float(chance),
        }
        for one, key, chance in zip(rest.column("customer_id").to_pylist(), likeliest, chances, strict=True)
    ]
    without = counted(len(rows), "customer without a segment gets", "customers without a segment get")
    return [entry], rows, f"{without} the likeliest one from attributes: {measured}."
