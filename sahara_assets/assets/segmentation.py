"""The model: features → k-sweep → champion → everyone's segment → what each segment is."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from sahara_assets.assets.presentation import (
    column_lineage,
    counts,
    picture,
    result_of,
    sample,
    table_asset,
    table_spec,
)
from sahara_assets.report.charts import profile_heat_map, segment_map, segment_sizes
from sahara_assets.report.sweep_chart import sweep_plot
from sahara_assets.resources import Project
from sahara_assets.segmentation.document import to_json
from sahara_assets.stages import segmentation as segmentation_stage
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets.tables.segmentation import (
    CUSTOMER_SEGMENTS,
    K_SWEEP,
    SEGMENT_CHANGES,
    SEGMENT_PROFILES,
    SEGMENTATION_MODELS,
)


class Training(dg.Config):
    """Whether to train even where the champion would do."""

    retrain: bool = False


@dg.multi_asset(
    name="train",
    specs=[
        table_spec(K_SWEEP, deps=["customer_features"], kinds={"numpy", "duckdb"}),
        table_spec(
            SEGMENTATION_MODELS,
            key="segmentation_model",
            deps=["customer_features", "k_sweep"],
            kinds={"numpy", "json"},
        ),
        table_spec(SEGMENT_CHANGES, deps=["segmentation_model"], kinds={"numpy", "duckdb"}),
    ],
)
def model_assets(
    context: dg.AssetExecutionContext, config: Training, project: Project
) -> Iterator[dg.MaterializeResult[Any]]:
    """Keep the champion, or train: when there is none, when the model's settings changed, or when asked."""
    warehouse = project.warehouse
    champion, reason = segmentation_stage.segmentation_model(
        warehouse, project.settings, project.run(context.run.run_id), retrain=config.retrain
    )
    context.log.info(f"trained: {reason}" if reason else "the champion stays")
    sweep = warehouse.rows(K_SWEEP)
    version = dg.DataVersion(f"{champion.model.version}-{champion.model.k}")
    features = tuple(("customer_features", name) for name in project.settings.features.model)
    yield dg.MaterializeResult(
        asset_key="k_sweep",
        metadata={
            "dagster/row_count": len(sweep),
            "sweep_plot": picture("Measures by k", sweep_plot(sweep)),
            "measures": sample(
                sweep, [c for c in K_SWEEP.column_names if c not in {"silhouette_sample_size", "verdict"}], 30
            ),
            "dagster/column_lineage": column_lineage(K_SWEEP, [], dict.fromkeys(K_SWEEP.column_names, features)),
        },
        data_version=version,
    )
    yield dg.MaterializeResult(
        asset_key="segmentation_model",
        metadata={
            "dagster/row_count": warehouse.count(SEGMENTATION_MODELS),
            "model_version": champion.model.version,
            "k": champion.model.k,
            "trained_because": reason or "not trained: the champion stays",
            "cut_off": champion.cut_off.isoformat(),
            "why_this_k": dg.MetadataValue.md("\n".join(f"- {line}" for line in champion.trace)),
            "model": dg.MetadataValue.md(f"```json\n{to_json(champion.model)[:20000]}\n```"),
        },
        data_version=version,
    )
    changes = [row for row in warehouse.rows(SEGMENT_CHANGES) if row["version"] == champion.model.version]
    yield dg.MaterializeResult(
        asset_key="segment_changes",
        metadata={
            "dagster/row_count": warehouse.count(SEGMENT_CHANGES),
            "last_change": sample(
                changes,
                ["change", "segment", "old_name", "new_name", "customers_stayed", "customers_joined", "customers_left"],
                30,
            ),
        },
        data_version=version,
    )


@table_asset(CUSTOMER_SEGMENTS, deps=["customer_features", "segmentation_model"], kinds={"ibis", "duckdb", "gold"})
def customer_segments(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Score every customer with the champion, as SQL in the warehouse."""
    built = segmentation_stage.customer_segments(project.warehouse, project.settings, project.run(context.run.run_id))
    model = (("segmentation_model", "model"),)
    lineage = column_lineage(
        CUSTOMER_SEGMENTS,
        [CUSTOMER_FEATURES],
        dict.fromkeys(("segment", "segment_name", "tier", "distance", "is_outlier"), model),
    )
    return result_of(built, lineage, customers=counts(project.warehouse, CUSTOMER_SEGMENTS, "segment_name"))


@table_asset(
    SEGMENT_PROFILES,
    deps=["customer_segments", "customer_features", "top_categories"],
    kinds={"numpy", "duckdb", "gold"},
)
def segment_profiles(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Describe every segment, name it, and suggest what to do."""
    warehouse = project.warehouse
    built = segmentation_stage.segment_profiles(warehouse, project.settings, project.run(context.run.run_id))
    rows, currency = warehouse.rows(SEGMENT_PROFILES), project.settings.project.currency
    lineage = column_lineage(SEGMENT_PROFILES, [CUSTOMER_SEGMENTS, CUSTOMER_FEATURES])
    return result_of(
        built,
        lineage,
        segment_sizes=picture("Share of customers and of spend", segment_sizes(rows)),
        heat_map=picture("What sets the segments apart", profile_heat_map(rows, currency)),
        recency_and_spend=picture("Recency and spend", segment_map(rows, currency)),
        segments=sample(
            rows,
            ["segment", "segment_name", "tier", "customer_count", "customer_share", "spend_share", "outlier_count"],
            20,
        ),
    )
