"""Gold: purchases → what every customer is measured by, at the cut-off."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from sahara_assets.assets.presentation import (
    column_lineage,
    column_schema,
    picture,
    result_of,
    sample,
    table_asset,
    table_spec,
)
from sahara_assets.features.feature_set import feature_set
from sahara_assets.report.charts import category_shares
from sahara_assets.resources import Project
from sahara_assets.stages import features as features_stage
from sahara_assets.tables.features import CUSTOMER_FEATURES, CUSTOMER_FEATURES_ONLINE, TOP_CATEGORIES

_KINDS = {"ibis", "duckdb", "gold"}
_SPECS = [
    table_spec(TOP_CATEGORIES, deps=["purchases"], kinds=_KINDS),
    table_spec(CUSTOMER_FEATURES, deps=["purchases", "customers", "sessions"], kinds=_KINDS),
]


@dg.multi_asset(specs=_SPECS, name="build_features")
def feature_assets(context: dg.AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult[Any]]:
    """Measure every customer of the population as of the cut-off."""
    warehouse = project.warehouse
    built = features_stage.customer_features(warehouse, project.settings, project.run(context.run.run_id))
    categories = warehouse.rows(TOP_CATEGORIES)
    yield dg.MaterializeResult(
        asset_key=TOP_CATEGORIES.name,
        metadata={
            "dagster/row_count": len(categories),
            "category_shares": picture(
                "Biggest categories", category_shares(categories, project.settings.project.currency)
            ),
            "dagster/column_lineage": column_lineage(
                TOP_CATEGORIES,
                [],
                {"category": [("purchases", "category")], "gross_spend": [("purchases", "line_total")]},
            ),
        },
        data_version=dg.DataVersion(built.fingerprint),
    )
    features = feature_set(project.settings)
    made_from = {
        feature.name: [(feature.table, column) for column in feature.made_from] for feature in features.features
    }
    made_from["customer_id"] = [("purchases" if features.sells else "customers", "customer_id")]
    table = warehouse.table(features.table)
    if features.sells:
        order = [table.gross_spend.desc(), table.customer_id.asc()]
        shown = ["customer_id", "recency_days", "order_count", "gross_spend", "net_spend", "country"]
    else:
        order, shown = [table.customer_id.asc()], [*features.table.column_names[:8]]
    yield result_of(
        built,
        column_lineage(features.table, [], made_from),
        **{
            "dagster/column_schema": column_schema(features.table),
            "biggest_customers": sample(warehouse.rows(table.order_by(order).limit(10)), shown),
        },
    )


@table_asset(CUSTOMER_FEATURES_ONLINE, deps=["customer_features"], kinds=_KINDS)
def customer_features_online(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """The same features for single look-ups, with the time they were computed."""
    warehouse = project.warehouse
    built = features_stage.customer_features_online(warehouse, project.settings, project.run(context.run.run_id))
    features = feature_set(project.settings)
    table = warehouse.table(features.online_table)
    first = warehouse.rows(table.order_by("customer_id").limit(5))
    shown = ["customer_id", "cut_off", "computed_at", *features.by_name]
    lineage = column_lineage(features.online_table, [features.table])
    return result_of(
        built,
        lineage,
        **{"dagster/column_schema": column_schema(features.online_table), "first_customers": sample(first, shown[:8])},
    )
