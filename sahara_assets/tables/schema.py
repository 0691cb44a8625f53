"""The whole schema in one list.

DDL, contract checks, the column schema in the Dagster UI, the data dictionary and the BigQuery schemas derive from it. How columns are
computed does not live here: `drops/` fills the raw tables, `analytics/`, `sales/`, `features/`, `segmentation/`, `insights/`, `repeat_buyers/` and
`segment_labels/` the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.tables.activation import AUDIENCE_FILES
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS
from sahara_assets.tables.books import BUILDS, DROPS, REJECTED_ROWS, STEP_COUNTS
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.tables.features import CUSTOMER_FEATURES, CUSTOMER_FEATURES_ONLINE, TOP_CATEGORIES
from sahara_assets.tables.insights import INSIGHT_TABLES
from sahara_assets.tables.prediction import PREDICTION_TABLES
from sahara_assets.tables.recommendations import (
    BOUGHT_TOGETHER,
    POPULAR_PRODUCTS,
    PRODUCT_AUDIENCES,
    PRODUCT_FACTORS,
    PRODUCT_RECOMMENDATIONS,
    RECOMMENDATION_EVALUATION,
    RECOMMENDATION_MODELS,
)
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PRODUCTS, PURCHASES
from sahara_assets.tables.segmentation import (
    CUSTOMER_SEGMENTS,
    K_SWEEP,
    SEGMENT_CHANGES,
    SEGMENT_PROFILES,
    SEGMENTATION_MODELS,
)

if TYPE_CHECKING:
    from sahara_assets.tables.columns import Table

ALL_TABLES: tuple[Table, ...] = (
    *RAW_TABLES.values(),
    DROPS,
    REJECTED_ROWS,
    STEP_COUNTS,
    BUILDS,
    SESSIONS,
    PRODUCT_EVENTS,
    PURCHASES,
    ORDERS,
    PRODUCTS,
    CUSTOMERS,
    CUSTOMER_FEATURES,
    CUSTOMER_FEATURES_ONLINE,
    TOP_CATEGORIES,
    K_SWEEP,
    SEGMENTATION_MODELS,
    CUSTOMER_SEGMENTS,
    SEGMENT_PROFILES,
    SEGMENT_CHANGES,
    *INSIGHT_TABLES,
    *PREDICTION_TABLES,
    BOUGHT_TOGETHER,
    POPULAR_PRODUCTS,
    RECOMMENDATION_EVALUATION,
    RECOMMENDATION_MODELS,
    PRODUCT_FACTORS,
    PRODUCT_RECOMMENDATIONS,
    PRODUCT_AUDIENCES,
    AUDIENCE_FILES,
)

BY_NAME: dict[str, Table] = {table.name: table for table in ALL_TABLES}
