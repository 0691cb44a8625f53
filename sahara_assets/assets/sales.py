"""Silver: raw lines → purchases, and from them orders, products and customers."""

from typing import Any

import dagster as dg

from sahara_assets.assets.presentation import column_lineage, counts, result_of, sample, table_asset
from sahara_assets.resources import Project
from sahara_assets.stages import sales as sales_stage
from sahara_assets.tables.datasets import ATTRIBUTES, RAW_TABLES
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PRODUCTS, PURCHASES

_RAW_PURCHASES, _RAW_PRODUCTS, _RAW_CUSTOMERS = (RAW_TABLES[n] for n in ("purchases", "products", "customers"))
_PEOPLE = ("raw_customers", "raw_accounts", "raw_sign_ups")


_KINDS = {"ibis", "duckdb", "silver"}
_FROM_ANALYTICS = {
    name: [("raw_purchases", source), ("product_events", other)]
    for name, source, other in (
        ("order_id", "order_id", "order_id"),
        ("customer_id", "customer_id", "customer_id"),
        ("product_id", "product_id", "product_id"),
        ("quantity", "quantity", "quantity"),
        ("unit_price", "unit_price", "unit_price"),
        ("ordered_at", "ordered_at", "happened_at"),
    )
}
"""Where lines come from that analytics tells of."""


@table_asset(PURCHASES, deps=["raw_purchases", "raw_products", "product_events", "drops"], kinds=_KINDS)
def purchases(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Every order line once, classified."""
    built = sales_stage.purchases(project.warehouse, project.settings, project.run(context.run.run_id))
    lineage = column_lineage(
        PURCHASES,
        [_RAW_PURCHASES],
        {
            "line_total": [("raw_purchases", "quantity"), ("raw_purchases", "unit_price")],
            "ordered_on": [("raw_purchases", "ordered_at_local")],
            "part_of_day": [("raw_purchases", "ordered_at"), ("raw_purchases", "ordered_at_local")],
            "line_kind": [("raw_purchases", c) for c in ("order_id", "quantity", "unit_price")],
            "is_fee": [("raw_purchases", "product_id")],
            "is_future": [("raw_purchases", "ordered_at"), ("drops", "modified_at")],
            "category": [("raw_purchases", "category"), ("raw_products", "category")],
            "product_group": [("raw_purchases", "product_group"), ("raw_products", "product_group")],
            **(_FROM_ANALYTICS if project.settings.analytics.purchases != "none" else {}),
        },
    )
    return result_of(built, lineage, kinds=counts(project.warehouse, PURCHASES, "line_kind", "line_total"))


@table_asset(ORDERS, deps=["purchases"], kinds=_KINDS)
def orders(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """One row per order."""
    built = sales_stage.orders(project.warehouse, project.settings, project.run(context.run.run_id))
    lineage = column_lineage(
        ORDERS,
        [PURCHASES],
        {
            "unit_count": [("purchases", "quantity"), ("purchases", "line_kind")],
            **{
                c: [("purchases", "line_total"), ("purchases", "line_kind")]
                for c in ("gross_spend", "returned_value", "net_spend")
            },
            **{
                c: [("purchases", "line_kind")]
                for c in ("has_sale", "has_return", "has_cancellation", "has_adjustment")
            },
        },
    )
    table = project.warehouse.table(ORDERS)
    biggest = project.warehouse.rows(table.order_by([table.gross_spend.desc(), table.order_id.asc()]).limit(10))
    shown = sample(
        biggest, ["order_id", "customer_id", "ordered_on", "line_count", "unit_count", "gross_spend", "net_spend"]
    )
    return result_of(built, lineage, biggest_orders=shown)


@table_asset(PRODUCTS, deps=["purchases", "raw_products"], kinds=_KINDS)
def products(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """One row per product that was sold or is in the catalogue."""
    warehouse = project.warehouse
    built = sales_stage.products(warehouse, project.settings, project.run(context.run.run_id))
    lineage = column_lineage(
        PRODUCTS,
        [PURCHASES, _RAW_PRODUCTS],
        {
            "gross_spend": [("purchases", "line_total")],
            "unit_count": [("purchases", "quantity"), ("purchases", "line_kind")],
            "sale_line_count": [("purchases", "line_kind")],
        },
    )
    table = warehouse.table(PRODUCTS)
    best = warehouse.rows(table.order_by([table.gross_spend.desc(), table.product_id.asc()]).limit(10))
    shown = sample(best, ["product_id", "description", "category", "sale_line_count", "unit_count", "gross_spend"])
    return result_of(built, lineage, best_sellers=shown)


@table_asset(CUSTOMERS, deps=["purchases", "sessions", *_PEOPLE], kinds=_KINDS)
def customers(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """One row per known customer, buyers or not."""
    built = sales_stage.customers(project.warehouse, project.settings, project.run(context.run.run_id))
    lineage = column_lineage(
        CUSTOMERS,
        [PURCHASES, _RAW_CUSTOMERS],
        {
            **{c: [("purchases", "ordered_at")] for c in ("first_ordered_at", "last_ordered_at")},
            "has_sale": [("purchases", "line_kind")],
            "signed_up_on": [("raw_customers", "signed_up_on"), ("raw_sign_ups", "signed_up_on")],
            "attributes": [(raw, ATTRIBUTES) for raw in _PEOPLE],
        },
    )
    return result_of(built, lineage, countries=counts(project.warehouse, CUSTOMERS, "country"))
