"""Who will buy again, and which segment fits those who have not bought yet; empty where a project does not ask for it."""

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
from sahara_assets.repeat_buyers import wording
from sahara_assets.report.prediction_charts import calibration_plot, gains_plot, importance_bars, lift_bars
from sahara_assets.resources import Project
from sahara_assets.stages import prediction as prediction_stage
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets.tables.prediction import (
    PREDICTED_SEGMENTS,
    REPEAT_BUYER_DECILES,
    REPEAT_BUYER_GUARD,
    REPEAT_BUYER_IMPORTANCES,
    REPEAT_BUYER_MODELS,
    REPEAT_BUYER_SCORES,
    REPEAT_BUYER_TRAINING,
    SEGMENT_CLASSIFIER,
)

_OFF = "off: [repeat_buyers] enabled = true in sahara.toml turns it on"


class Learning(dg.Config):
    """Whether to train even where the champion would do."""

    retrain: bool = False


@dg.multi_asset(
    name="repeat_buyer_parts",
    specs=[
        table_spec(REPEAT_BUYER_TRAINING, deps=["purchases", "customers"], kinds={"ibis", "duckdb"}),
        table_spec(REPEAT_BUYER_GUARD, deps=["purchases", "customers"], kinds={"numpy", "duckdb"}),
    ],
)
def training_assets(
    context: dg.AssetExecutionContext, config: Learning, project: Project
) -> Iterator[dg.MaterializeResult[Any]]:
    """Where there is a reason to train: what was known at each cut-off and who bought again, and whether a feature leaks."""
    warehouse = project.warehouse
    built = prediction_stage.repeat_buyer_training(
        warehouse, project.settings, project.run(context.run.run_id), retrain=config.retrain
    )
    guard = sorted(warehouse.rows(REPEAT_BUYER_GUARD), key=lambda row: (-row["auc_alone"], row["feature"]))
    lineage = column_lineage(REPEAT_BUYER_TRAINING, [], {"repeat_buyer_count": [("purchases", "ordered_at_local")]})
    yield result_of(
        built, lineage, parts=sample(warehouse.rows(REPEAT_BUYER_TRAINING), REPEAT_BUYER_TRAINING.column_names[1:], 50)
    )
    yield dg.MaterializeResult(
        asset_key=REPEAT_BUYER_GUARD.name,
        metadata={"dagster/row_count": len(guard), "alone": sample(guard, REPEAT_BUYER_GUARD.column_names, 50)},
        data_version=dg.DataVersion(built.fingerprint),
    )


@dg.multi_asset(
    name="learn_repeat_buyers",
    specs=[
        table_spec(
            REPEAT_BUYER_MODELS,
            key="repeat_buyer_model",
            deps=["repeat_buyer_training", "repeat_buyer_guard"],
            kinds={"scikitlearn", "json"},
        ),
        table_spec(REPEAT_BUYER_DECILES, deps=["repeat_buyer_model"], kinds={"numpy", "duckdb"}),
        table_spec(REPEAT_BUYER_IMPORTANCES, deps=["repeat_buyer_model"], kinds={"numpy", "duckdb"}),
    ],
)
def repeat_buyer_assets(context: dg.AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult[Any]]:
    """Keep the champion, or learn from a new training set, choose, calibrate and measure."""
    warehouse = project.warehouse
    model, reason = prediction_stage.repeat_buyer_model(warehouse, project.settings, project.run(context.run.run_id))
    models = sample(warehouse.rows(REPEAT_BUYER_MODELS), ["version", "kind", "stage", "verdict", "trained_at"], 20)
    version = dg.DataVersion(f"{model.version}-{model.classifier.kind}" if model else "none")
    said: dict[str, Any] = {"said": _OFF if not project.settings.repeat_buyers.enabled else "no model yet"}
    if model:
        said = {
            "model_version": model.version,
            "kind": model.classifier.kind,
            "trained_because": reason or "not trained: the champion stays",
            "chosen_because": str(model.row["verdict"]),
            **{name: value for name, value in model.metrics.items() if isinstance(value, int | float)},
            "ranking": wording.ranking_sentence(model.metrics),
            "accuracy_says": wording.accuracy_sentence(model.metrics),
            "model": dg.MetadataValue.md(f"```json\n{model.row['model'][:20000]}\n```"),
        }
    yield dg.MaterializeResult(
        asset_key="repeat_buyer_model",
        metadata={"dagster/row_count": warehouse.count(REPEAT_BUYER_MODELS), "models": models, **said},
        data_version=version,
    )
    tenths, importances = warehouse.rows(REPEAT_BUYER_DECILES), warehouse.rows(REPEAT_BUYER_IMPORTANCES)
    drawn: dict[str, Any] = {}
    if model and tenths:
        drawn = {
            "calibration": picture("Said and come", calibration_plot(tenths)),
            "calibration_says": wording.calibration_sentence(model.metrics),
            "gains": picture("Gains", gains_plot(tenths, model.metrics["base_rate"])),
            "lift": picture("Lift", lift_bars(tenths)),
            "gains_say": wording.gains_sentence(model.metrics),
        }
    yield dg.MaterializeResult(
        asset_key=REPEAT_BUYER_DECILES.name,
        metadata={
            "dagster/row_count": len(tenths),
            "tenths": sample(tenths, REPEAT_BUYER_DECILES.column_names),
            **drawn,
        },
        data_version=version,
    )
    ordered = sorted(importances, key=lambda row: int(row["rank"]))
    told: dict[str, Any] = {
        "importances": picture("Importances", importance_bars(ordered)),
        "says": wording.importance_sentence(ordered),
    }
    yield dg.MaterializeResult(
        asset_key=REPEAT_BUYER_IMPORTANCES.name,
        metadata={
            "dagster/row_count": len(importances),
            "ranking": sample(ordered, REPEAT_BUYER_IMPORTANCES.column_names, 30),
            **(told if ordered else {}),
        },
        data_version=version,
    )


@table_asset(REPEAT_BUYER_SCORES, deps=["customer_features", "repeat_buyer_model"], kinds={"ibis", "duckdb", "gold"})
def repeat_buyer_scores(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Score every buyer with the champion, as SQL in the warehouse."""
    warehouse = project.warehouse
    built = prediction_stage.repeat_buyer_scores(warehouse, project.settings, project.run(context.run.run_id))
    model = (("repeat_buyer_model", "model"),)
    lineage = column_lineage(
        REPEAT_BUYER_SCORES,
        [CUSTOMER_FEATURES],
        dict.fromkeys(("probability", "rank", "decile", "is_contact"), model),
    )
    table = warehouse.table(REPEAT_BUYER_SCORES)
    first = warehouse.rows(table.order_by("rank").limit(10))
    return result_of(built, lineage, likeliest=sample(first, REPEAT_BUYER_SCORES.column_names))


@dg.multi_asset(
    name="build_predicted_segments",
    specs=[
        table_spec(SEGMENT_CLASSIFIER, deps=["customer_segments", "customers"], kinds={"numpy", "json"}),
        table_spec(PREDICTED_SEGMENTS, deps=["segment_classifier"], kinds={"numpy", "duckdb", "gold"}),
    ],
)
def predicted_segment_assets(
    context: dg.AssetExecutionContext, project: Project
) -> Iterator[dg.MaterializeResult[Any]]:
    """The likeliest segment of everyone who has attributes and no segment, where attributes tell segments at all."""
    warehouse = project.warehouse
    built = prediction_stage.predicted_segments(warehouse, project.settings, project.run(context.run.run_id))
    rows = warehouse.rows(SEGMENT_CLASSIFIER)
    yield dg.MaterializeResult(
        asset_key=SEGMENT_CLASSIFIER.name,
        metadata={
            "dagster/row_count": len(rows),
            "measured": sample(rows, [name for name in SEGMENT_CLASSIFIER.column_names if name != "model"]),
        },
        data_version=dg.DataVersion(built.fingerprint),
    )
    yield result_of(built, customers=counts(warehouse, PREDICTED_SEGMENTS, "segment_name"))
