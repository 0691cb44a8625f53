"""Silver: analytics' rows → sessions, and what was done with which product; empty where a project has no analytics."""

from typing import Any

import dagster as dg

from sahara_assets.assets.presentation import column_lineage, counts, result_of, table_asset
from sahara_assets.resources import Project
from sahara_assets.stages import analytics as analytics_stage
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS
from sahara_assets.tables.datasets import RAW_TABLES

_RAW_SESSIONS, _RAW_EVENTS = RAW_TABLES["sessions"], RAW_TABLES["events"]
_DEPS = ["raw_sessions", "raw_events", "raw_customers", "drops"]
_KINDS = {"ibis", "duckdb", "silver"}
_BY_IDENTITY = {
    "customer_id": [
        (table, name) for table in ("raw_sessions", "raw_events") for name in ("visitor_id", "client_id", "user_id")
    ]
    + [("raw_customers", "customer_id")]
}


@table_asset(SESSIONS, deps=_DEPS, kinds=_KINDS)
def sessions(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """One row per session."""
    built = analytics_stage.sessions(project.warehouse, project.settings, project.run(context.run.run_id))
    lineage = column_lineage(
        SESSIONS,
        [_RAW_SESSIONS, _RAW_EVENTS],
        {
            **_BY_IDENTITY,
            "session_id": [
                ("raw_sessions", "visit_id"),
                ("raw_sessions", "visitor_id"),
                ("raw_events", "visit_id"),
                ("raw_events", "visitor_id"),
            ],
            "started_at": [("raw_sessions", "started_at"), ("raw_events", "happened_at")],
            "started_on": [("raw_sessions", "started_at_local"), ("raw_events", "happened_at_local")],
            "page_views": [("raw_sessions", "page_views"), ("raw_events", "event_name")],
            "session_revenue": [("raw_sessions", "session_revenue"), ("raw_events", "order_revenue")],
            "product_rows": [("raw_sessions", "product_id"), ("raw_events", "product_id")],
        },
    )
    return result_of(built, lineage, mediums=counts(project.warehouse, SESSIONS, "medium", "page_views"))


@table_asset(PRODUCT_EVENTS, deps=_DEPS, kinds=_KINDS)
def product_events(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[Any]:
    """One row per product of a hit, or item of an event."""
    built = analytics_stage.product_events(project.warehouse, project.settings, project.run(context.run.run_id))
    lineage = column_lineage(
        PRODUCT_EVENTS,
        [_RAW_SESSIONS, _RAW_EVENTS],
        {
            **_BY_IDENTITY,
            "happened_at": [
                ("raw_sessions", "started_at"),
                ("raw_sessions", "hit_msec"),
                ("raw_events", "happened_at"),
            ],
            "action": [("raw_sessions", "action"), ("raw_sessions", "is_impression"), ("raw_events", "event_name")],
            "hit_type": [("raw_sessions", "hit_type"), ("raw_events", "event_name")],
        },
    )
    return result_of(built, lineage, actions=counts(project.warehouse, PRODUCT_EVENTS, "action", "quantity"))
