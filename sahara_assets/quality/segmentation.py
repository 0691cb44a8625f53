"""What the choice of k, the segments and the audience files must keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sahara_assets.errors import OutdatedTablesError
from sahara_assets.features.feature_set import feature_set
from sahara_assets.quality.questions import Answer, Question
from sahara_assets.tables.activation import AUDIENCE_FILES
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS, K_SWEEP, SEGMENT_PROFILES
from sahara_assets.wording import counted, some

if TYPE_CHECKING:
    from sahara_assets.segmentation.model import SegmentationModel
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def _choice_qualified(warehouse: Warehouse, _: Settings) -> Answer:
    rows = [row for row in warehouse.rows(K_SWEEP) if row["is_chosen"]]
    if not rows:
        return False, "no k is chosen yet", {}
    # The verdict begins with its k.
    chosen = rows[0]
    if chosen["score"] is None:
        return False, f"in use though it does not qualify: {chosen['verdict']}", {"k": chosen["k"]}
    return True, str(chosen["verdict"]), {"k": chosen["k"]}


def _everyone_scored_once(warehouse: Warehouse, settings: Settings) -> Answer:
    """Everyone has a segment but for those who lack a value that the model needs."""
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.segmentation.scoring import scorable

    model = champion(warehouse)
    features, segments = warehouse.table(feature_set(settings).table), warehouse.table(CUSTOMER_SEGMENTS)
    complete = (
        features.select("customer_id") if model is None else scorable(model.model, _needed(features, model.model))
    )
    customers, scored = _rows(warehouse, complete), warehouse.count(CUSTOMER_SEGMENTS)
    lacking = _rows(warehouse, complete.anti_join(segments, "customer_id"))
    if lacking or customers != scored:
        return False, f"{customers:,} customers, {scored:,} rows scored, {lacking:,} without a segment", {}
    without = _rows(warehouse, features.select("customer_id")) - customers
    rest = f"; {counted(without, 'customer has', 'customers have')} none for lack of a value" if without else ""
    return True, f"each of {counted(customers, 'customer')} has one segment{rest}", {"without_a_segment": without}


def _needed(features: Any, model: SegmentationModel) -> Any:  # noqa: ANN401 - Ibis has no types
    """What scoring needs of the feature table, in the order of its key; other columns may have come or gone with the settings."""
    missing = [name for name in model.feature_names if name not in features.columns]
    if missing:
        raise OutdatedTablesError("customer_features")
    return features.select("customer_id", *model.feature_names).order_by("customer_id")


def _rows(warehouse: Warehouse, table: Any) -> int:  # noqa: ANN401 - Ibis has no types
    return warehouse.how_many(table)


def _two_ways_agree(warehouse: Warehouse, settings: Settings) -> Answer:
    """SQL in the warehouse and NumPy in the process put every customer in the same segment."""
    import numpy as np

    from sahara_assets.segmentation.preprocess import is_complete
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.segmentation.scoring import score

    model = champion(warehouse)
    if model is None:
        return False, "there is no model yet", {}
    table = warehouse.arrow(_needed(warehouse.table(feature_set(settings).table), model.model))
    stored = warehouse.arrow(CUSTOMER_SEGMENTS)
    scores = score(model.model, table.filter(is_complete(model.model.preprocessing, table)))
    by_sql = stored.column("segment").to_numpy()
    apart = int((by_sql != scores.segment).sum()) if len(by_sql) == len(scores.segment) else len(by_sql)
    gap = float(np.abs(stored.column("distance").to_numpy() - scores.distance).max(initial=0.0)) if not apart else 0.0
    if apart or gap > 1e-9:
        return (
            False,
            f"SQL and NumPy differ on {counted(apart, 'customer')} (distances by up to {gap:.1e}); please report it",
            {},
        )
    return True, f"SQL and NumPy agree on {counted(len(by_sql), 'customer')}", {"largest_gap": gap}


_MANY_OUTLIERS = 5
"""So many times the share of outliers at training says that customers have moved away from their segments."""


def _segments_still_fit(warehouse: Warehouse, settings: Settings) -> Answer:
    """New drops may have emptied a segment since the champion was trained, or moved customers away from all of them."""
    rows = warehouse.rows(SEGMENT_PROFILES)
    customers, outliers = (sum(row[name] for row in rows) for name in ("customer_count", "outlier_count"))
    usual = 1.0 - settings.segmentation.outlier_quantile
    # One more is let pass: of twenty customers the furthest is always one in twenty.
    if outliers > _MANY_OUTLIERS * usual * customers + 1:
        told = (
            f"{outliers:,} of {counted(customers, 'customer')} ({outliers / customers:.1%}) are unlike every segment; when the model was "
            f"trained, {usual:.1%} were. Consider `sahara run --retrain`"
        )
        return False, told, {"outliers": outliers, "customers": customers}
    limit = settings.segmentation.minimum_share / 2
    small = [f"{row['segment_name']} ({row['customer_share']:.1%})" for row in rows if row["customer_share"] < limit]
    if small:
        return False, f"very small by now: {', '.join(small)}; consider `sahara run --retrain`", {"segments": small}
    return True, f"all {counted(len(rows), 'segment')} hold at least {limit:.1%} of customers", {}


def _tiers_keep_order(warehouse: Warehouse, settings: Settings) -> Answer:
    """New drops may have made one segment worth more than another of a higher tier since the tiers were ranked."""
    from sahara_assets.segmentation.ageing import changed_order, tiers_as_of, worth_today
    from sahara_assets.segmentation.portrait import BY_SIZE
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.segmentation.training import rank_feature

    model = champion(warehouse)
    if model is None:
        return False, "there is no model yet", {}
    rank = rank_feature(settings)
    changed = changed_order(warehouse.rows(SEGMENT_PROFILES), worth_today(warehouse, settings, rank))
    by = "size" if rank == BY_SIZE else f"{feature_set(settings).by_name[rank].label} per customer"
    day = tiers_as_of(warehouse, model).date().isoformat()
    if changed:
        return (
            False,
            f"the tiers were ranked as of {day}, and by {by} their order is another by now: {changed}; `sahara run --retrain` makes a new model",
            {"ranked_as_of": day},
        )
    return True, f"ranked as of {day}, and by {by} their order is still the same", {"ranked_as_of": day}


def _files_keep_the_format(warehouse: Warehouse, settings: Settings) -> Answer:
    from sahara_assets.exports.lint import lint

    findings = lint(settings.export_folder, settings.export)
    if findings:
        shown = [f"{f.file}{f':{f.line}' if f.line else ''}: {f.message}" for f in findings]
        return (
            False,
            f"{counted(len(findings), 'fault')}: {some(shown, 3)}. `sahara run` writes the files anew",
            {"faults": shown[:50]},
        )
    names = [row["file_name"] for row in warehouse.rows(AUDIENCE_FILES)]
    return True, f"{', '.join(names)} keep to the format's rules", {"files": names}


QUESTIONS: tuple[Question, ...] = (
    Question("choice_qualified", "k_sweep", "The k in use passes the gates of the rule.", False, _choice_qualified),
    Question(
        "everyone_scored_once",
        "customer_segments",
        "Every customer has exactly one segment.",
        True,
        _everyone_scored_once,
    ),
    Question("two_ways_agree", "customer_segments", "SQL and NumPy score every customer alike.", True, _two_ways_agree),
    Question(
        "segments_still_fit",
        "segment_profiles",
        "No segment has emptied since training, and few customers are unlike all of them.",
        False,
        _segments_still_fit,
    ),
    Question(
        "tiers_keep_order",
        "segment_profiles",
        "The tiers rank the segments as today's customers do.",
        False,
        _tiers_keep_order,
    ),
    Question(
        "files_keep_the_format",
        "audience_files",
        "Audience files keep to the format's rules.",
        True,
        _files_keep_the_format,
    ),
)
"""The checks on this part of the pipeline, in the order they are told."""
