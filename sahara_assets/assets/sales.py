"""Silver: raw lines → purchases, and from them orders, products and customers."""

from typing import Any

import dagster as dg

from sahara_assets import stages
from sahara_assets.assets.presentation import column_lineage, result_of, sample, table_metadata
from sahara_assets.resources import Project
from sahara_assets.tables import CUSTOMERS, ORDERS, PRODUCTS, PURCHASES, RAW_TABLES, Table

_RAW_PURCHASES, _RAW_PRODUCTS, _RAW_CUSTOMERS = (RAW_TABLES[n] for n in ("purchases", "products", "customers"))


def _declared(table: Table, upstream: list[str]) -> dict[str, Any]:
    return {
        "name": table.name,
        "deps": upstream,
        "group_name": "sales",
        "description": table.description,
        "kinds": {"ibis", "duckdb", "silver"},
        "owners": ["team:sahara"],
        "metadata": table_metadata(table),
    }


@dg.asset(**_declared(PURCHASES, ["raw_purchases", "raw_products", "drops"]))
def purchases(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """Every order line once, classified."""
    built = stages.purchases(project.warehouse, project.settings, project.run(context.run_id))
    lineage = column_lineage(
        PURCHASES,
        [_RAW_PURCHASES],
        {
            "line_total": [("raw_purchases", "quantity"), ("raw_purchases", "unit_price")],
            "ordered_on": [("raw_purchases", "ordered_at_local")],
            "line_kind": [("raw_purchases", c) for c in ("order_id", "quantity", "unit_price")],
            "is_fee": [("raw_purchases", "product_id")],
            "is_future": [("raw_purchases", "ordered_at"), ("drops", "modified_at")],
            "category": [("raw_purchases", "category"), ("raw_products", "category")],
        },
    )
    return result_of(built, **{"dagster/column_lineage": lineage})


@dg.asset(**_declared(ORDERS, ["purchases"]))
def orders(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """One row per order."""
    built = stages.orders(project.warehouse, project.settings, project.run(context.run_id))
    lineage = column_lineage(
        ORDERS,
        [PURCHASES],
        {
            "unit_count": [("purchases", "quantity"), ("purchases", "line_kind")],
            **{c: [("purchases", "line_total"), ("purchases", "line_kind")] for c in ("gross_spend", "returned_value", "net_spend")},
            **{c: [("purchases", "line_kind")] for c in ("has_sale", "has_return", "has_cancellation", "has_adjustment")},
        },
    )
    return result_of(built, **{"dagster/column_lineage": lineage})


@dg.asset(**_declared(PRODUCTS, ["purchases", "raw_products"]))
def products(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """One row per product that was sold or is in the catalogue."""
    warehouse = project.warehouse
    built = stages.products(warehouse, project.settings, project.run(context.run_id))
    lineage = column_lineage(PRODUCTS, [PURCHASES, _RAW_PRODUCTS], {"gross_spend": [("purchases", "line_total")]})
    table = warehouse.table(PRODUCTS)
    best = warehouse.rows(table.order_by([table.gross_spend.desc(), table.product_id.asc()]).limit(10))
    shown = sample(best, ["product_id", "description", "category", "sale_line_count", "unit_count", "gross_spend"])
    return result_of(built, best_sellers=shown, **{"dagster/column_lineage": lineage})


@dg.asset(**_declared(CUSTOMERS, ["purchases", "raw_customers"]))
def customers(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """One row per known customer, buyers or not."""
    built = stages.customers(project.warehouse, project.settings, project.run(context.run_id))
    lineage = column_lineage(
        CUSTOMERS,
        [PURCHASES, _RAW_CUSTOMERS],
        {c: [("purchases", "ordered_at")] for c in ("first_ordered_at", "last_ordered_at")},
    )
    return result_of(built, **{"dagster/column_lineage": lineage})
