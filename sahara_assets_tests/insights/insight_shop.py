"""A small shop whose insights are counted, with segments given rather than trained."""

from datetime import datetime

from sahara_assets.builds import Run, record
from sahara_assets.insights.building import build_insights, build_lines
from sahara_assets.insights.reading import rows_of
from sahara_assets.tables.insights import INSIGHT_LINES, INSIGHTS
from sahara_assets.tables.sales import CUSTOMERS
from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS
from sahara_assets_tests.small_shop import NOW, SmallShop, line

__all__ = ["InsightShop", "line"]


class InsightShop(SmallShop):
    """`tell()` counts the insights of what was delivered."""

    def tell(self, segments=None):
        """Load, build, put customers into segments (all into 1 by default) and count."""
        self.build(features=False)
        count(self, segments)

    def table(self, table, **which):
        """An insight's rows, the biggest first."""
        return rows_of(self.warehouse, table, **which)


def count(shop, segments=None):
    """Count the insights of a shop whose sales are built; lines after 2030 lie behind the cut-off."""
    customers = sorted({row["customer_id"] for row in shop.rows(CUSTOMERS) if row["has_sale"]})
    given = segments or {}
    shop.warehouse.replace(
        CUSTOMER_SEGMENTS,
        [
            {
                "customer_id": customer,
                "segment": given.get(customer, 1),
                "segment_name": "s",
                "tier": "Gold",
                "distance": 0.0,
                "is_outlier": False,
            }
            for customer in customers
            if given.get(customer, 1) is not None
        ],
    )
    rows = build_lines(shop.warehouse, shop.settings, datetime(2030, 1, 1))
    with shop.warehouse.transaction():
        record(shop.warehouse, Run("test", NOW), INSIGHT_LINES.name, "test", rows, {})
    count, details = build_insights(shop.warehouse, shop.settings)
    with shop.warehouse.transaction():
        record(shop.warehouse, Run("test", NOW), INSIGHTS.name, "test", count, details)
    return count, details
