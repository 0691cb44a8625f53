"""Recommendations, where they are asked for: what is bought together → which method recommends → what, to whom, and whom for what."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from sahara_assets.assets.presentation import (
    OWNERS,
    column_lineage,
    counts,
    picture,
    result_of,
    sample,
    table_asset,
    table_spec,
)
from sahara_assets.report.recommendation_charts import method_comparison
from sahara_assets.resources import Project
from sahara_assets.stages import recommendations as recommendations_stage
from sahara_assets.tables.recommendations import (
    BOUGHT_TOGETHER,
    POPULAR_PRODUCTS,
    PRODUCT_AUDIENCES,
    PRODUCT_FACTORS,
    PRODUCT_RECOMMENDATIONS,
    RECOMMENDATION_EVALUATION,
    RECOMMENDATION_MODELS,
)

_PURCHASES = ["purchases", "products", "customer_features"]
_NOT_ASKED_FOR = "- nothing is recommended: add a section [recommendations] to sahara.toml"
_PRODUCT, _NAME = (("purchases", "product_id"),), (("products", "description"),)
_COMPANION = (("bought_together", "other_product_id"),)
_BY_ORDER = (("purchases", "order_id"), ("purchases", "product_id"))
_BY_CUSTOMER = (("purchases", "customer_id"), ("purchases", "product_id"), ("purchases", "ordered_at_local"))


class Comparing(dg.Config):
    """Whether to compare and train even where the champion would do."""

    retrain: bool = False


@table_asset(BOUGHT_TOGETHER, deps=_PURCHASES, kinds={"numpy", "duckdb", "gold"})
def bought_together(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Count how often products stand in the same orders."""
    warehouse = project.warehouse
    built = recommendations_stage.bought_together(warehouse, project.settings, project.run(context.run.run_id))
    table = warehouse.table(BOUGHT_TOGETHER)
    pairs = table.filter(table.product_id < table.other_product_id)
    first = warehouse.rows(
        pairs.order_by([pairs.order_count.desc(), pairs.product_id, pairs.other_product_id]).limit(10)
    )
    shown = ["product_id", "description", "other_product_id", "other_description", "order_count", "confidence", "lift"]
    counted = ("order_count", "product_order_count", "other_order_count", "support", "confidence", "lift", "rank")
    lineage = column_lineage(
        BOUGHT_TOGETHER,
        [],
        {
            **dict.fromkeys(counted, _BY_ORDER),
            **dict.fromkeys(("product_id", "other_product_id"), _PRODUCT),
            **dict.fromkeys(("description", "other_description"), _NAME),
        },
    )
    return result_of(built, lineage, most_frequent_pairs=sample(first, shown))


@table_asset(POPULAR_PRODUCTS, deps=_PURCHASES, kinds={"numpy", "duckdb", "gold"})
def popular_products(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """List what is recommended to somebody of whom nothing is known."""
    warehouse = project.warehouse
    built = recommendations_stage.popular_products(warehouse, project.settings, project.run(context.run.run_id))
    lineage = column_lineage(
        POPULAR_PRODUCTS,
        [],
        {
            "product_id": _PRODUCT,
            "description": _NAME,
            **dict.fromkeys(("rank", "score", "customer_count"), _BY_CUSTOMER),
        },
    )
    return result_of(built, lineage, first=sample(warehouse.rows(POPULAR_PRODUCTS), POPULAR_PRODUCTS.column_names))


@dg.multi_asset(
    name="compare_methods",
    specs=[
        table_spec(RECOMMENDATION_EVALUATION, deps=["purchases", "customer_features"], kinds={"numpy", "duckdb"}),
        table_spec(
            RECOMMENDATION_MODELS,
            key="recommendation_model",
            deps=["purchases", "recommendation_evaluation"],
            kinds={"numpy", "json"},
        ),
        table_spec(PRODUCT_FACTORS, deps=["recommendation_model"], kinds={"numpy", "json"}),
    ],
)
def model_assets(
    context: dg.AssetExecutionContext, config: Comparing, project: Project
) -> Iterator[dg.MaterializeResult[Any]]:
    """Keep the champion, or compare and train: when there is none, when settings changed, or when asked."""
    warehouse = project.warehouse
    champion, reason = recommendations_stage.recommendation_model(
        warehouse, project.settings, project.run(context.run.run_id), retrain=config.retrain
    )
    context.log.info(f"trained: {reason}" if reason else "nothing was trained")
    version = dg.DataVersion(str(champion.model.version) if champion else "none")
    rows = warehouse.rows(RECOMMENDATION_EVALUATION)
    shown = ["slice", "method", "factors", "regularisation", "ndcg_at_10", "recall_at_10", "coverage_at_10", "average_rank", "is_chosen"]  # fmt: skip
    yield dg.MaterializeResult(
        asset_key=RECOMMENDATION_EVALUATION.name,
        metadata={
            "dagster/row_count": len(rows),
            "comparison": picture("What each method finds", method_comparison(rows)),
            "measures": sample(rows, shown, 30),
        },
        data_version=version,
    )
    facts: dict[str, Any] = {"why_this_method": dg.MetadataValue.md(_NOT_ASKED_FOR)}
    if champion:
        facts = {
            "model_version": champion.model.version,
            "method": champion.model.method,
            "trained_because": reason or "not trained: the champion stays",
            "why_this_method": dg.MetadataValue.md("\n".join(f"- {line}" for line in champion.trace)),
            "model": dg.MetadataValue.md(f"```json\n{champion.model.to_json()}\n```"),
        }
    yield dg.MaterializeResult(
        asset_key="recommendation_model",
        metadata={"dagster/row_count": warehouse.count(RECOMMENDATION_MODELS), **facts},
        data_version=version,
    )
    yield dg.MaterializeResult(
        asset_key=PRODUCT_FACTORS.name,
        metadata={
            "dagster/row_count": warehouse.count(PRODUCT_FACTORS),
            "first_products": sample(
                warehouse.rows(warehouse.table(PRODUCT_FACTORS).order_by("product_id").limit(5)),
                PRODUCT_FACTORS.column_names,
            ),
        },
        data_version=version,
    )


@dg.multi_asset(
    name="recommend",
    specs=[
        table_spec(PRODUCT_RECOMMENDATIONS, deps=[*_PURCHASES, "recommendation_model", "product_factors"], kinds={"numpy", "duckdb", "gold"}),
        table_spec(PRODUCT_AUDIENCES, deps=["product_recommendations"], kinds={"numpy", "duckdb", "gold"}),
    ],
)  # fmt: skip
def recommendations(context: dg.AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult[Any]]:
    """Score every customer with the champion, and turn the question round for every promotion."""
    warehouse = project.warehouse
    built = recommendations_stage.product_recommendations(warehouse, project.settings, project.run(context.run.run_id))
    table = warehouse.table(PRODUCT_RECOMMENDATIONS)
    first = warehouse.rows(table.order_by(["customer_id", "rank"]).limit(10))
    factors = (("product_factors", "factors"), *_BY_CUSTOMER)
    yield result_of(
        built,
        column_lineage(
            PRODUCT_RECOMMENDATIONS,
            [],
            {
                "customer_id": [("purchases", "customer_id")],
                "product_id": _PRODUCT,
                "description": _NAME,
                **dict.fromkeys(("rank", "score", "method"), factors),
                **dict.fromkeys(("reason", "reason_product_id"), _COMPANION),
            },
        ),
        first_customers=sample(first, ["customer_id", "rank", "product_id", "description", "score", "reason"]),
        most_recommended=counts(warehouse, PRODUCT_RECOMMENDATIONS, "product_id"),
    )
    yield dg.MaterializeResult(
        asset_key=PRODUCT_AUDIENCES.name,
        metadata={
            "dagster/row_count": warehouse.count(PRODUCT_AUDIENCES),
            "audiences": counts(warehouse, PRODUCT_AUDIENCES, "audience"),
        },
        data_version=dg.DataVersion(built.fingerprint),
    )


@dg.asset(
    key="promotion_files",
    deps=["product_audiences", "customers"],
    group_name="activation",
    description="For every audience of a promotion the file that a marketing tool imports.",
    kinds={"csv", "googleanalytics"},
    owners=OWNERS,
)
def promotion_files(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Write the promotions' files unless those on disk are current."""
    built = recommendations_stage.promotion_files(project.warehouse, project.settings, project.run(context.run.run_id))
    customers = built.details.get("customers", {})
    rows = [{"file_name": name, "customers": count} for name, count in sorted(customers.items())]
    written = sample(rows, ["file_name", "customers"], 50)
    return result_of(built, written=written, folder=dg.MetadataValue.path(str(project.settings.export_folder)))
