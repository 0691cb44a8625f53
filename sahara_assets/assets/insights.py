"""Insights: what the sales say, an asset a table, each with a picture and a plain sentence."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from sahara_assets.assets.presentation import OWNERS, column_lineage, counts, picture, sample, table_spec
from sahara_assets.insights.building import CATALOGUE
from sahara_assets.insights.reading import SHOWN, listed, rows_of
from sahara_assets.report.insight_blocks import gather_insights
from sahara_assets.report.insight_charts import block_chart, daily_sales
from sahara_assets.resources import Project
from sahara_assets.stages import insights as insights_stage
from sahara_assets.tables.insights import INSIGHT_LINES, INSIGHTS, SALES_TREND, TOLD
from sahara_assets.tables.reporting import REPORT_VIEWS
from sahara_assets.tables.sales import ORDERS, PURCHASES

_KINDS = {"ibis", "duckdb", "gold"}
_SPECS = [
    table_spec(INSIGHT_LINES, deps=["purchases", "orders", "customer_segments"], kinds=_KINDS),
    *(table_spec(table, deps=["insight_lines", "products"], kinds=_KINDS) for table in TOLD),
    table_spec(INSIGHTS, deps=[table.name for table in TOLD], kinds=_KINDS),
]


_COUNTED_FROM = {
    name: [(INSIGHT_LINES.name, column) for column in columns]
    for name, columns in {
        "period": ("month",),
        "line_count": ("is_sale",),
        "unit_count": ("quantity", "is_sale"),
        "gross_spend": ("line_total", "is_sale"),
        "order_count": ("order_id", "is_sale"),
        "customer_count": ("customer_id", "is_sale"),
        "repeat_customer_count": ("customer_id", "order_id", "is_sale"),
        "place": ("place_id", "country", "channel"),
        "category": ("category", "product_group"),
        "starts_on": ("ordered_on",),
        "cohort_month": ("month",),
        "product_a": ("product_id",),
        "product_b": ("product_id",),
        "amount": ("line_total", "is_sale"),
    }.items()
}
_FROM_PRODUCTS = {
    **{name: [("products", name)] for name in ("description", "brand", "margin", "cost")},
    **{f"description_{side}": [("products", "description")] for side in "ab"},
}


@dg.multi_asset(specs=_SPECS, name="count_insights")
def insight_assets(context: dg.AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult[Any]]:
    """Count everything anew where orders, products, segments or settings have changed."""
    warehouse, currency = project.warehouse, project.settings.project.currency
    built = insights_stage.insights(warehouse, project.settings, project.run(context.run.run_id))
    version = dg.DataVersion(built.fingerprint)
    yield dg.MaterializeResult(
        asset_key=INSIGHT_LINES.name,
        metadata={
            "dagster/row_count": warehouse.count(INSIGHT_LINES),
            "buyers": counts(warehouse, INSIGHT_LINES, "buyers", "line_total"),
            "dagster/column_lineage": column_lineage(
                INSIGHT_LINES,
                [PURCHASES, ORDERS],
                {
                    "buyers": [("customer_segments", "segment")],
                    "month": [("orders", "ordered_on")],
                    "is_sale": [("purchases", "line_kind")],
                    "is_goods": [("purchases", "line_kind"), ("purchases", "is_fee")],
                },
            ),
        },
        data_version=version,
    )
    told = {row["name"]: row for row in warehouse.rows(INSIGHTS)}
    blocks = gather_insights(warehouse, project.settings).by_name
    for insight in CATALOGUE:
        block = blocks.get(insight.name)
        drawn = {"picture": picture(insight.title, block_chart(block, currency))} if block else {}
        if insight.table is SALES_TREND and told:
            days = rows_of(warehouse, SALES_TREND, grain="day")
            drawn["by_day"] = picture("Sales by day", daily_sales(days, currency))
        yield dg.MaterializeResult(
            asset_key=insight.name,
            metadata={
                "dagster/row_count": told[insight.name]["row_count"] if told else 0,
                "says": told[insight.name]["sentence"] if told else "Nothing was sold before the cut-off.",
                **drawn,
                "rows": sample(listed(warehouse, insight.table, limit=10), list(SHOWN[insight.name].columns)),
                "dagster/column_lineage": column_lineage(
                    insight.table, [INSIGHT_LINES], _COUNTED_FROM | _FROM_PRODUCTS
                ),
            },
            data_version=version,
        )
    sentences = sorted(told.values(), key=lambda row: row["position"])
    yield dg.MaterializeResult(
        asset_key=INSIGHTS.name,
        metadata={
            "dagster/row_count": built.row_count,
            "rebuilt": built.rebuilt,
            "says": sample(sentences, ["title", "sentence", "row_count"], 30),
        },
        data_version=version,
    )


@dg.asset(
    deps=["insights", "insight_lines", "products", "segment_profiles", *(table.name for table in TOLD)],
    group_name=INSIGHTS.stage,
    description="Views for reporting tools: `report_*`, whose names and columns stay while the tables behind them may change.",
    kinds={"duckdb", "gold"},
    owners=OWNERS,
)
def report_views(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Make the views unless they are there as declared."""
    built = insights_stage.report_views(project.warehouse, project.settings, project.run(context.run.run_id))
    listed = [{"view": view.name, "columns": len(view.columns), "shows": view.description} for view in REPORT_VIEWS]
    return dg.MaterializeResult(
        metadata={
            "rebuilt": built.rebuilt,
            "view_count": built.row_count,
            "views": sample(listed, ["view", "columns", "shows"], 30),
        },
        data_version=dg.DataVersion(built.fingerprint),
    )
