"""What the tables say after a run, as the command line shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import built
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.plan import Status
from sahara_assets.quality.questions import Verdict
from sahara_assets.tables.prediction import PREDICTED_SEGMENTS, REPEAT_BUYER_SCORES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.extracts.extracting import Extracted
    from sahara_assets.segmentation.registry import Registered
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse


@dataclass
class Summary:
    """What a run comes to, as the command line shows it.

    Attributes:
        anything_new: whether anything was loaded, built or written.
        loaded: drops of this run, how many of them repeat a content that was there, and rows read, loaded and rejected.
        drop_count, row_count, rejected_count: what the ledger holds now.
        as_of: the cut-off of the segments' numbers, local; empty before anything is measured.
        model: version, k, why, and the cut-off and customers it was trained on.
        segments: the profiles' rows.
        audience_files, report: paths of what was written.
        insight_files: the folder of the insights' CSV files.
        notices: what the export wants to be known.
        verdicts: the checks.
        extracts: what became of the databases that were asked.
        predictions: a sentence each on repeat buyers and predicted segments, where the settings ask for them.
        recommendations: method, why, customers and products; empty where nothing is recommended.
        promotion_files: paths of what was written for promotions.
    """

    anything_new: bool
    loaded: dict[str, int]
    drop_count: int = 0
    row_count: int = 0
    rejected_count: int = 0
    refused_drops: int = 0
    as_of: str = ""
    model: dict[str, Any] = field(default_factory=dict)
    segments: list[Row] = field(default_factory=list)
    audience_files: list[str] = field(default_factory=list)
    report: str = ""
    insight_files: str = ""
    notices: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    extracts: list[Extracted] = field(default_factory=list)
    predictions: list[str] = field(default_factory=list)
    recommendations: dict[str, Any] = field(default_factory=dict)
    promotion_files: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[Verdict]:
        """Checks that warn."""
        return [verdict for verdict in self.verdicts if not verdict.passed and not verdict.blocking]


def summarise(warehouse: Warehouse, settings: Settings, *, run_id: str | None = None) -> Summary:
    """What the tables say now, and what the run of that id loaded (None where there was nothing to do)."""
    from sahara_assets.exports.repeat_buyers import audience_paths
    from sahara_assets.report.publishing import REPORT_NAME
    from sahara_assets.segmentation.ageing import measured_as_of
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.tables.activation import AUDIENCE_FILES
    from sahara_assets.tables.segmentation import SEGMENT_PROFILES

    rows = ledger_rows(warehouse)
    loaded = [row for row in rows if row["status"] == Status.LOADED]
    contents = {(row["dataset"], row["drop_id"]): row for row in loaded}.values()
    model, as_of = champion(warehouse), measured_as_of(warehouse)
    audience, report = built(warehouse, "audience_files"), built(warehouse, "report")
    insight_files = built(warehouse, "insight_files")
    promotions = built(warehouse, "promotion_files")
    return Summary(
        anything_new=run_id is not None,
        loaded=_taken_in(rows, run_id),
        drop_count=len(loaded),
        row_count=sum(row["rows_loaded"] for row in contents),
        rejected_count=sum(row["rows_rejected"] for row in contents),
        refused_drops=sum(row["status"] == Status.REJECTED for row in rows),
        as_of=as_of.isoformat() if as_of else "",
        model=told_model(model) if model else {},
        segments=warehouse.rows(SEGMENT_PROFILES),
        audience_files=[
            *(str(settings.export_folder / row["file_name"]) for row in warehouse.rows(AUDIENCE_FILES)),
            *audience_paths(settings, warehouse),
        ],
        report=str(settings.export_folder / REPORT_NAME),
        insight_files=str(insight_files.details["folder"]) if insight_files else "",
        notices=list(audience.details.get("notices", [])) if audience else [],
        verdicts=[Verdict(**found) for found in report.details["verdicts"]] if report else [],
        predictions=told_predictions(warehouse, settings),
        recommendations=_recommendations(warehouse, settings),
        promotion_files=[str(settings.export_folder / name) for name in promotions.details["files"]]
        if promotions
        else [],
    )


def _taken_in(rows: Sequence[Row], run_id: str | None) -> dict[str, int]:
    """What a run did about drops, each content counted once: a path that points at what was there already has brought no row."""
    acted = [row for row in rows if run_id is not None and row["run_id"] == run_id]
    loaded = [row for row in acted if row["status"] == Status.LOADED]
    there = {
        (row["dataset"], row["drop_id"]) for row in rows if row["status"] == Status.LOADED and row["run_id"] != run_id
    }
    contents = {(row["dataset"], row["drop_id"]): row for row in loaded}
    read = [row for content, row in contents.items() if content not in there]
    counted = [*read, *(row for row in acted if row["status"] != Status.LOADED)]
    totals = {name: sum(row[name] for row in counted) for name in ("rows_read", "rows_loaded", "rows_rejected")}
    return {"drops": len(acted), "repeats": len(loaded) - len(read), **totals}


def told_model(model: Registered) -> dict[str, Any]:
    """A model as the commands tell of it."""
    return {
        "version": model.model.version,
        "k": model.model.k,
        "reason": model.trace[-1],
        "cut_off": model.cut_off.isoformat(),
        "customers": model.row["customer_count"],
    }


def told_predictions(warehouse: Warehouse, settings: Settings) -> list[str]:
    """What is predicted, a sentence each; nothing where the settings ask for nothing."""
    asked = {
        REPEAT_BUYER_SCORES.name: settings.repeat_buyers.enabled,
        PREDICTED_SEGMENTS.name: settings.segment_labels.enabled,
    }
    found = [built(warehouse, name) for name, wanted in asked.items() if wanted]
    return [str(one.details["said"]) for one in found if one is not None and one.details.get("said")]


def _recommendations(warehouse: Warehouse, settings: Settings) -> dict[str, Any]:
    """What is recommended, by what, and why by that."""
    from sahara_assets.recommendations.model import champion

    made = built(warehouse, "product_recommendations")
    model = champion(warehouse) if settings.recommendations.enabled else None
    if model is None or made is None:
        return {}
    return {
        "version": model.model.version,
        "method": model.model.method,
        "reason": model.reason,
        "customers": made.details["customers"],
        "recommendations": made.row_count,
        "audiences": made.details["audiences"],
    }
