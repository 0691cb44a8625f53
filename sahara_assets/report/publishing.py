"""From the tables to `sahara_report.html` in the export folder.

What the report looks like lives in `page.py`; this module only gathers what it says.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING

from sahara_assets.builds import Built, Run, built, record
from sahara_assets.drops.ledger import ledger_rows, rejected_rows
from sahara_assets.errors import SaharaError
from sahara_assets.quality.checklist import run_checks
from sahara_assets.quality.sales import currency_of
from sahara_assets.report.drop_charts import IN_USE
from sahara_assets.report.insight_blocks import gather_insights
from sahara_assets.report.page import Check, ReportData, render_report
from sahara_assets.report.predictions import said_of, told_repeat_buyers
from sahara_assets.report.recommendations import told_recommendations
from sahara_assets.report.writing import write_whole
from sahara_assets.segmentation.ageing import measured_as_of, tiers_as_of
from sahara_assets.segmentation.registry import champion
from sahara_assets.tables.activation import AUDIENCE_FILES
from sahara_assets.tables.books import STEP_COUNTS
from sahara_assets.tables.features import TOP_CATEGORIES
from sahara_assets.tables.prediction import PREDICTED_SEGMENTS
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS, K_SWEEP, SEGMENT_CHANGES, SEGMENT_PROFILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sahara_assets.quality.questions import Verdict
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

REPORT_NAME = "sahara_report.html"
EXAMPLES_PER_REASON = 3
OUTLIERS_NAMED = 5
"""How many customers who are unlike the rest of their segment the report names."""


def gather(warehouse: Warehouse, settings: Settings, verdicts: Sequence[Verdict]) -> ReportData:
    """Everything the report says; `verdicts` are the checks' answers."""
    model = champion(warehouse)
    as_of, audience = measured_as_of(warehouse), built(warehouse, AUDIENCE_FILES.name)
    drops = ledger_rows(warehouse)
    # A drop that is kept out has its reason in the ledger, and the line that it was refused for is no rejected row.
    in_use = {(row["dataset"], row["drop_id"]) for row in drops if row["status"] in IN_USE}
    rejects = [row for row in rejected_rows(warehouse) if (row["dataset"], row["drop_id"]) in in_use]
    summary, examples = summarise_rejects(rejects)
    return ReportData(
        project_name=settings.project.name,
        currency=currency_of(warehouse, settings),
        time_zone=settings.project.time_zone,
        cut_off=as_of or (model.cut_off if model else None),
        model_version=model.model.version if model else None,
        trained_as_of=model.cut_off if model else None,
        trained_on=model.row["customer_count"] if model else None,
        tiers_as_of=tiers_as_of(warehouse, model) if model else None,
        first_ordered_at=model.row["first_ordered_at"] if model else None,
        last_ordered_at=model.row["last_ordered_at"] if model else None,
        choice_reason=model.trace[-1] if model else "",
        trace=model.trace[:-1] if model else (),
        segment_profiles=warehouse.rows(SEGMENT_PROFILES),
        k_sweep=warehouse.rows(K_SWEEP),
        segment_changes=warehouse.rows(SEGMENT_CHANGES),
        top_categories=warehouse.rows(TOP_CATEGORIES),
        drops=drops,
        reject_summary=summary,
        reject_examples=examples,
        step_counts=warehouse.rows(STEP_COUNTS),
        recommendations=told_recommendations(warehouse, settings),
        audience_files=warehouse.rows(AUDIENCE_FILES),
        left_out=audience.details.get("left_out", {}) if audience else {},
        outliers=_outliers(warehouse),
        export_folder=settings.export.folder,
        checks=[
            Check(check.name, check.passed, "error" if check.blocking else "warn", check.text) for check in verdicts
        ],
        insights=gather_insights(warehouse, settings),
        repeat_buyers=told_repeat_buyers(warehouse, settings),
        predicted_segments=said_of(warehouse, PREDICTED_SEGMENTS) if settings.segment_labels.enabled else "",
    )


def _outliers(warehouse: Warehouse) -> dict[int, list[str]]:
    """By segment a few of the customers who are unlike the rest, the furthest first."""
    import ibis

    rows = warehouse.table(CUSTOMER_SEGMENTS)
    rows = rows.filter(rows.is_outlier)
    # Two warehouses agree on a distance to its ninth decimal: the order must not hang on more.
    furthest = [rows.distance.round(6).desc(), rows.customer_id]
    place = ibis.row_number().over(group_by=rows.segment, order_by=furthest)
    first = rows.select("segment", "customer_id", place=place)
    found: dict[int, list[str]] = {}
    for row in warehouse.rows(first.filter(first.place < OUTLIERS_NAMED).order_by(["segment", "place"])):
        found.setdefault(row["segment"], []).append(row["customer_id"])
    return found


def summarise_rejects(rejects: list[Row]) -> tuple[list[Row], list[Row]]:
    """Rejects counted by dataset, column and reason, and a few examples of each."""
    counts: dict[tuple[str, str, str], int] = {}
    examples: list[Row] = []
    for row in rejects:
        key = (row["dataset"], row["column_name"] or "", row["reason"])
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= EXAMPLES_PER_REASON:
            examples.append(row)
    summary = [
        {"dataset": dataset, "column_name": column or None, "reason": reason, "row_count": count}
        for (dataset, column, reason), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return summary, examples


def publish_report(warehouse: Warehouse, settings: Settings, run: Run, answered: Iterable[Verdict] = ()) -> Built:
    """Render the report and write it where it says something new; written whole beside its place and then renamed.

    Args:
        warehouse: holds what the report tells.
        settings: where it is written, and how.
        run: which run writes it.
        answered: the checks that this run has asked already.

    Raises:
        SaharaError: the export folder cannot be written.
    """
    verdicts = run_checks(warehouse, settings, answered)
    page = render_report(gather(warehouse, settings, verdicts)).encode()
    fingerprint = hashlib.sha256(page).hexdigest()
    path = settings.export_folder / REPORT_NAME
    known = built(warehouse, "report")
    current = path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == fingerprint
    if known is not None and known.fingerprint == fingerprint and current:
        return known
    if not current:
        try:
            write_whole(path, page)
        except OSError as error:
            raise SaharaError(
                f"{path}: the report cannot be written ({error.strerror}); make room, or set export.folder"
            ) from error
    details = {"path": str(path), "verdicts": [asdict(verdict) for verdict in verdicts]}
    with warehouse.transaction():
        record(warehouse, run, "report", fingerprint, 1, details)
    return Built("report", fingerprint, 1, rebuilt=True, details=details)
