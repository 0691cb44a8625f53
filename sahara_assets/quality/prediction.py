"""What repeat buyer models, their scores and predicted segments must keep. Where a section is off there is nothing to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.builds import built
from sahara_assets.quality.questions import Answer, Question
from sahara_assets.repeat_buyers.guard import leaks, said_of
from sahara_assets.tables.prediction import (
    CANNOT_LEARN,
    PREDICTED_SEGMENTS,
    REPEAT_BUYER_GUARD,
    REPEAT_BUYER_SCORES,
    REPEAT_BUYER_TRAINING,
    SEGMENT_CLASSIFIER,
)
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS
from sahara_assets.wording import counted, some

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

_OFF = "repeat_buyers is not enabled"
HARDLY_BETTER = 0.55
"""An area under the curve below this is hardly better than chance."""


def _no_leak(warehouse: Warehouse, settings: Settings) -> Answer:
    wanted = settings.repeat_buyers
    if not wanted.enabled:
        return True, _OFF, {}
    rows = warehouse.rows(REPEAT_BUYER_GUARD)
    found = leaks(rows, wanted)
    alone = {row["feature"]: row["auc_alone"] for row in rows}
    if found:
        return False, said_of(found, wanted), {"auc_alone": alone}
    if not rows:
        return True, "there is no training set yet", {}
    best = max(rows, key=lambda row: (row["auc_alone"], row["feature"]))
    allowed = [row["feature"] for row in rows if row["auc_alone"] > wanted.leak_auc]
    said = f"; allowed by name: {', '.join(allowed)}" if allowed else ""
    return (
        True,
        f"the best of {counted(len(rows), 'feature')} alone is {best['feature']} with AUC {best['auc_alone']:.3f}{said}",
        {"auc_alone": alone},
    )


def _enough_to_learn(warehouse: Warehouse, settings: Settings) -> Answer:
    if not settings.repeat_buyers.enabled:
        return True, _OFF, {}
    made = built(warehouse, REPEAT_BUYER_TRAINING.name)
    if made is not None and CANNOT_LEARN in made.details:
        return False, f"nobody could be told who will buy again: {made.details[CANNOT_LEARN]}", {}
    rows = warehouse.rows(REPEAT_BUYER_TRAINING)
    told = ", ".join(
        f"{row['role']} {row['cut_off']:%Y-%m-%d} {row['customer_count']:,} ({row['repeat_share']:.1%})" for row in rows
    )
    return True, told or "the champion stays", {}


def _better_than_chance(warehouse: Warehouse, settings: Settings) -> Answer:
    from sahara_assets.repeat_buyers.registry import champion

    if not settings.repeat_buyers.enabled:
        return True, _OFF, {}
    model = champion(warehouse)
    if model is None:
        return True, "there is no model yet", {}
    found = model.metrics
    measured = (
        f"AUC {found['auc']:.3f}, average precision {found['average_precision']:.3f} where chance gives {found['base_rate']:.3f}, on "
        f"{counted(found['customers'], 'customer')} as of {model.row['report_cut_off']:%Y-%m-%d}"
    )
    shown = {name: value for name, value in found.items() if isinstance(value, float)}
    if found["auc"] < HARDLY_BETTER:
        return (
            False,
            f"hardly better than chance: {measured}. Do not spend a budget by these scores; give it other features",
            shown,
        )
    return True, measured, shown


def _every_buyer_scored(warehouse: Warehouse, settings: Settings) -> Answer:
    """Every buyer has exactly one score, by SQL what NumPy says."""
    import numpy as np

    from sahara_assets.learning.measures import ranked
    from sahara_assets.repeat_buyers.registry import champion
    from sahara_assets.repeat_buyers.scoring import buyers

    if not settings.repeat_buyers.enabled:
        return True, _OFF, {}
    model = champion(warehouse)
    made = built(warehouse, REPEAT_BUYER_SCORES.name)
    if model is None or made is None or "model_version" not in made.details:
        return not warehouse.count(REPEAT_BUYER_SCORES), "nobody is scored", {}
    table = warehouse.arrow(buyers(warehouse, settings, model.classifier).order_by("customer_id"))
    stored = warehouse.arrow(REPEAT_BUYER_SCORES)
    if table.column("customer_id").to_pylist() != stored.column("customer_id").to_pylist():
        return (
            False,
            f"{counted(table.num_rows, 'buyer')}, {counted(stored.num_rows, 'score')}; `sahara run --rebuild` scores anew",
            {},
        )
    chances = model.classifier.chances(table)
    gap = float(np.abs(stored.column("probability").to_numpy() - chances).max(initial=0.0))
    place = np.empty(len(chances), dtype=np.int64)
    place[ranked(chances, table.column("customer_id").to_pylist())] = np.arange(1, len(chances) + 1)
    moved = int((stored.column("rank").to_numpy() != place).sum())
    if gap > 1e-9 or moved:
        return (
            False,
            f"SQL and NumPy differ by up to {gap:.1e}, and on the rank of {counted(moved, 'customer')}; please report it",
            {},
        )
    return True, f"SQL and NumPy agree on {counted(len(chances), 'buyer')}", {"largest_difference": gap}


def _audience_keeps_the_format(warehouse: Warehouse, settings: Settings) -> Answer:
    from sahara_assets.exports.lint import lint
    from sahara_assets.exports.repeat_buyers import audience_paths, folder_of, properties_of

    if not audience_paths(settings, warehouse):
        return True, "no audience of repeat buyers is written", {}
    findings = lint(folder_of(settings), properties_of(settings))
    if findings:
        shown = [f"{f.file}{f':{f.line}' if f.line else ''}: {f.message}" for f in findings]
        return (
            False,
            f"{counted(len(findings), 'fault')}: {some(shown, 3)}. `sahara run` writes it anew",
            {"faults": shown[:50]},
        )
    return True, "the audience of repeat buyers keeps to the format's rules", {}


def _segments_worth_it(warehouse: Warehouse, settings: Settings) -> Answer:
    if not settings.segment_labels.enabled:
        return True, "segment_labels is not enabled", {}
    made = built(warehouse, PREDICTED_SEGMENTS.name)
    said = str(made.details.get("said", "")) if made else "not built yet"
    return warehouse.count(SEGMENT_CLASSIFIER) == 1, said, {}


def _only_without_segment(warehouse: Warehouse, settings: Settings) -> Answer:
    if not settings.segment_labels.enabled:
        return True, "segment_labels is not enabled", {}
    found, segments = warehouse.table(PREDICTED_SEGMENTS), warehouse.table(CUSTOMER_SEGMENTS)
    both = found.semi_join(segments, "customer_id")
    count = int(warehouse.rows(both.aggregate(n=both.count()))[0]["n"])
    if count:
        return (
            False,
            f"{counted(count, 'customer has', 'customers have')} a segment and a predicted one; `sahara run --rebuild` mends it",
            {},
        )
    return True, f"{counted(warehouse.count(PREDICTED_SEGMENTS), 'customer')}, none of whom has a segment", {}


QUESTIONS: tuple[Question, ...] = (
    Question(
        "no_feature_separates_alone",
        "repeat_buyer_training",
        "No feature tells alone who will buy again, but those that are allowed: the rest are leaks.",
        True,
        _no_leak,
    ),
    Question(
        "enough_to_learn", "repeat_buyer_training", "The data reach far enough to learn from.", False, _enough_to_learn
    ),
    Question(
        "better_than_chance", "repeat_buyer_model", "The model ranks better than chance.", False, _better_than_chance
    ),
    Question(
        "every_buyer_scored",
        "repeat_buyer_scores",
        "Every buyer has one score, and SQL and NumPy agree.",
        True,
        _every_buyer_scored,
    ),
    Question(
        "segments_from_attributes",
        "predicted_segments",
        "Attributes tell segments better than naming the commonest.",
        False,
        _segments_worth_it,
    ),
    Question(
        "predicted_only_where_none",
        "predicted_segments",
        "Nobody with a segment has a predicted one.",
        True,
        _only_without_segment,
    ),
    Question(
        "repeat_buyer_audience_keeps_the_format",
        "repeat_buyer_audience",
        "The audience of repeat buyers keeps to the format's rules.",
        True,
        _audience_keeps_the_format,
    ),
)
"""The checks on this part of the pipeline, in the order they are told."""
