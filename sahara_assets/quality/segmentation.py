"""What the choice of k, the segments and the audience files must keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.quality.questions import Answer, Question
from sahara_assets.tables.activation import AUDIENCE_FILES
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS, K_SWEEP, SEGMENT_PROFILES
from sahara_assets.wording import counted, some

if TYPE_CHECKING:
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


def _everyone_scored_once(warehouse: Warehouse, _: Settings) -> Answer:
    customers, scored = warehouse.count(CUSTOMER_FEATURES), warehouse.count(CUSTOMER_SEGMENTS)
    features, segments = warehouse.table(CUSTOMER_FEATURES), warehouse.table(CUSTOMER_SEGMENTS)
    missing = features.anti_join(segments, "customer_id")
    lacking = int(warehouse.rows(missing.aggregate(n=missing.count()))[0]["n"])
    if lacking or customers != scored:
        return False, f"{customers:,} customers, {scored:,} rows scored, {lacking:,} without a segment", {}
    return True, f"each of {counted(customers, 'customer')} has one segment", {}


def _two_ways_agree(warehouse: Warehouse, _: Settings) -> Answer:
    """SQL in the warehouse and NumPy in the process put every customer in the same segment."""
    import numpy as np

    from sahara_assets.segmentation.registry import champion
    from sahara_assets.segmentation.scoring import score

    model = champion(warehouse)
    if model is None:
        return False, "there is no model yet", {}
    table = warehouse.arrow(CUSTOMER_FEATURES)
    stored = warehouse.arrow(CUSTOMER_SEGMENTS)
    scores = score(model.model, table)
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


def _segments_still_fit(warehouse: Warehouse, settings: Settings) -> Answer:
    """New drops may have emptied a segment since the champion was trained."""
    rows = warehouse.rows(SEGMENT_PROFILES)
    limit = settings.segmentation.minimum_share / 2
    small = [f"{row['segment_name']} ({row['customer_share']:.1%})" for row in rows if row["customer_share"] < limit]
    if small:
        return False, f"very small by now: {', '.join(small)}; consider `sahara run --retrain`", {"segments": small}
    return True, f"all {counted(len(rows), 'segment')} hold at least {limit:.1%} of customers", {}


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
        "segments_still_fit", "segment_profiles", "No segment has emptied since training.", False, _segments_still_fit
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
