"""Gold: purchases → what every customer is measured by, at the cut-off."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from sahara_assets import stages
from sahara_assets.assets.presentation import column_lineage, picture, result_of, sample, table_spec
from sahara_assets.features.declarations import FEATURES
from sahara_assets.report.charts import category_shares
from sahara_assets.resources import Project
from sahara_assets.tables.features import CUSTOMER_FEATURES, TOP_CATEGORIES

_KINDS = {"ibis", "duckdb", "gold"}
_SPECS = [
    table_spec(TOP_CATEGORIES, deps=["purchases"], kinds=_KINDS),
    table_spec(CUSTOMER_FEATURES, deps=["purchases", "customers"], kinds=_KINDS),
]


@dg.multi_asset(specs=_SPECS, name="build_features")
def feature_assets(context: dg.AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult[Any]]:
    """Measure every customer with at least one sale before the cut-off."""
    warehouse = project.warehouse
    built = stages.customer_features(warehouse, project.settings, project.run(context.run.run_id))
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
    made_from = {feature.name: [("purchases", column) for column in feature.made_from] for feature in FEATURES}
    made_from["country"] = [("customers", "country")]
    made_from["customer_id"] = [("purchases", "customer_id")]
    features = warehouse.table(CUSTOMER_FEATURES)
    best = warehouse.rows(features.order_by([features.gross_spend.desc(), features.customer_id.asc()]).limit(10))
    yield result_of(
        built,
        column_lineage(CUSTOMER_FEATURES, [], made_from),
        biggest_customers=sample(
            best, ["customer_id", "recency_days", "order_count", "gross_spend", "net_spend", "country"]
        ),
    )
