"""What the sales say, as tables, views and files; how lives in `insights/` and `report/`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sahara_assets.builds import Built, Run, built, code_fingerprint, combine, rebuild
from sahara_assets.stages.features import cut_off
from sahara_assets.stages.shared import needed
from sahara_assets.tables.sales import ORDERS, PRODUCTS

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def insights(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """What the sales say: the lines that count, and every table counted from them."""
    from sahara_assets.tables.insights import INSIGHT_LINES, INSIGHTS
    from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS

    if _without_insights(warehouse, settings):
        return _no_insights(INSIGHTS.name)
    code = code_fingerprint(
        "insights",
        "features/expressions",
        "sales/subjects",
        "tables/columns",
        "tables/insights",
        "warehouse/expressions",
    )
    fingerprint = combine(
        *(needed(warehouse, table.name).fingerprint for table in (ORDERS, PRODUCTS, CUSTOMER_SEGMENTS)),
        cut_off(warehouse).isoformat(),
        settings.fingerprint("rules", "features.category_separator", "insights.enabled"),
        code,
    )

    def build_lines() -> tuple[int, dict[str, Any]]:
        from sahara_assets.insights.building import build_lines

        if not settings.insights.enabled:
            return warehouse.replace(INSIGHT_LINES, []), {}
        return build_lines(warehouse, settings, cut_off(warehouse)), {}

    def build_insights() -> tuple[int, dict[str, Any]]:
        from sahara_assets.insights.building import build_insights

        return build_insights(warehouse, settings, run.progress)

    # Committed by themselves: what a transaction has not committed yet, DuckDB joins without knowing how much it is.
    lines = rebuild(warehouse, run, INSIGHT_LINES.name, fingerprint, build_lines)
    fingerprint = combine(lines.fingerprint, settings.fingerprint("insights", "parts_of_day", "project.currency"), code)
    return rebuild(warehouse, run, INSIGHTS.name, fingerprint, build_insights)


def _without_insights(warehouse: Warehouse, settings: Settings) -> bool:
    """Whether insights are off and always have been: then there is nothing to empty either."""
    return not settings.insights.enabled and built(warehouse, "insights") is None


def _no_insights(name: str) -> Built:
    return Built(name, combine("no insights"), 0, rebuilt=False)


def report_views(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The views that reporting tools sit on, unless they are there as declared; they outlive every rebuild of what they show."""
    from sahara_assets.builds import record
    from sahara_assets.insights.views import are_there, make_views

    name = "report_views"
    if _without_insights(warehouse, settings):
        return _no_insights(name)
    needed(warehouse, "insights")
    fingerprint = code_fingerprint(
        "insights/views", "tables/columns", "tables/insights", "tables/reporting", "tables/segmentation", "warehouse"
    )
    known = built(warehouse, name)
    if known is not None and known.fingerprint == fingerprint and are_there(warehouse):
        return known
    # Not with the record in one transaction: BigQuery defines no views in one. To make them twice is no harm.
    count = make_views(warehouse)
    warehouse.in_transaction(lambda: record(warehouse, run, name, fingerprint, count, {}))
    return Built(name, fingerprint, count, rebuilt=True, details={})


def insight_files(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The insights as CSV files, unless those on disk are the ones this build would write."""
    from sahara_assets.report.insight_files import FILES, publish_insight_files
    from sahara_assets.tables.insights import INSIGHTS

    if _without_insights(warehouse, settings):
        return _no_insights(FILES)
    fingerprint = combine(
        needed(warehouse, INSIGHTS.name).fingerprint, code_fingerprint("report/insight_files", "report/writing")
    )
    return publish_insight_files(warehouse, settings, run, fingerprint)
