"""What leaves the house: audience files for marketing tools, the insights as files, and the report for people."""

from typing import Any

import dagster as dg

from sahara_assets.assets.presentation import OWNERS, result_of, sample, table_asset
from sahara_assets.resources import Project
from sahara_assets.stages import activation as activation_stage
from sahara_assets.stages import insights as insights_stage
from sahara_assets.stages import prediction as prediction_stage
from sahara_assets.tables.activation import AUDIENCE_FILES


@table_asset(AUDIENCE_FILES, deps=["customer_segments", "customers"], kinds={"csv", "googleanalytics"})
def audience_files(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Write the audience files unless those on disk are current."""
    built = activation_stage.audience_files(project.warehouse, project.settings, project.run(context.run.run_id))
    rows = project.warehouse.rows(AUDIENCE_FILES)
    shown = sample(rows, ["file_name", "format", "row_count", "left_out", "sha256"])
    return result_of(built, written=shown, folder=dg.MetadataValue.path(str(project.settings.export_folder)))


@dg.asset(
    deps=["insights"],
    group_name=AUDIENCE_FILES.stage,
    description="The insights as CSV files, one a table.",
    kinds={"csv"},
    owners=OWNERS,
)
def insight_files(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Write the insights' files unless those on disk are current."""
    built = insights_stage.insight_files(project.warehouse, project.settings, project.run(context.run.run_id))
    written = [{"file_name": name, "sha256": digest} for name, digest in sorted(built.details.get("files", {}).items())]
    return dg.MaterializeResult(
        metadata={
            "rebuilt": built.rebuilt,
            "folder": dg.MetadataValue.path(str(project.settings.export_folder / "insights")),
            "written": sample(written, ["file_name", "sha256"], 30),
        },
        data_version=dg.DataVersion(built.fingerprint),
    )


@dg.asset(
    deps=["repeat_buyer_scores", "customers"],
    group_name=AUDIENCE_FILES.stage,
    description="The audience file of those who will likely buy again, as far as the budget of `[repeat_buyers]` reaches; none where that is off.",
    kinds={"csv", "googleanalytics"},
    owners=OWNERS,
)
def repeat_buyer_audience(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Write the file unless the one on disk is current."""
    built = prediction_stage.repeat_buyer_audience(project.warehouse, project.settings, project.run(context.run.run_id))
    folder = project.settings.export_folder / "repeat_buyers"
    rows = [{"file_name": name, "customers": built.row_count} for name in built.details.get("files", [])]
    return result_of(built, folder=dg.MetadataValue.path(str(folder)), written=sample(rows, ["file_name", "customers"]))


@dg.asset(
    deps=[
        "segment_profiles",
        "k_sweep",
        "segment_changes",
        "drops",
        "rejected_rows",
        "audience_files",
        "insights",
        "insight_files",
        "repeat_buyer_scores",
        "predicted_segments",
        "product_recommendations",
        "promotion_files",
    ],
    group_name=AUDIENCE_FILES.stage,
    description="One HTML file for people: segments first, then how they were found and what the data were like.",
    kinds={"html"},
    owners=OWNERS,
)
def report(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Write the report where it says something new."""
    run = project.run(context.run.run_id)
    built = activation_stage.report(project.warehouse, project.settings, run, project.verdicts)
    verdicts = sorted(built.details["verdicts"], key=lambda verdict: verdict["passed"])
    return dg.MaterializeResult(
        metadata={
            "rebuilt": built.rebuilt,
            "page": dg.MetadataValue.path(built.details["path"]),
            "checks": sample(verdicts, ["asset", "name", "passed", "blocking", "text"], 50),
        },
        data_version=dg.DataVersion(built.fingerprint),
    )
