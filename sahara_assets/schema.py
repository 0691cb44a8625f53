"""The whole schema in one list: what `tables.py` declares and the feature table that the feature declarations make.

Kept apart from `tables.py` because the feature declarations need that module's columns.
"""

from __future__ import annotations

from sahara_assets import tables
from sahara_assets.features.declarations import FEATURES
from sahara_assets.tables import Column, Kind, Table

CUSTOMER_FEATURES = Table(
    name="customer_features",
    stage="features",
    description="One row per customer with at least one sale line up to the cut-off: what the model and the profiles are made from.",
    columns=(
        Column("customer_id", Kind.TEXT, "The customer.", nullable=False),
        *(feature.column for feature in FEATURES),
    ),
    key=("customer_id",),
)

ALL_TABLES: tuple[Table, ...] = (
    *tables.RAW_TABLES.values(),
    tables.DROPS,
    tables.REJECTED_ROWS,
    tables.STEP_COUNTS,
    tables.BUILDS,
    tables.PURCHASES,
    tables.ORDERS,
    tables.PRODUCTS,
    tables.CUSTOMERS,
    CUSTOMER_FEATURES,
    tables.TOP_CATEGORIES,
    tables.K_SWEEP,
    tables.SEGMENTATION_MODELS,
    tables.CUSTOMER_SEGMENTS,
    tables.SEGMENT_PROFILES,
    tables.SEGMENT_CHANGES,
    tables.AUDIENCE_FILES,
)

BY_NAME: dict[str, Table] = {table.name: table for table in ALL_TABLES}
