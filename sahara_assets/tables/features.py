"""What customers are measured by: the columns come from the feature declarations."""

from __future__ import annotations

from sahara_assets.features.declarations import FEATURES
from sahara_assets.tables.columns import Column, Kind, Table, decimal_column, float_column, integer_column, text_column

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

TOP_CATEGORIES = Table(
    name="top_categories",
    stage="features",
    description="The categories that take most of the spend; customer_features holds each customer's share in them.",
    columns=(
        integer_column("rank", "1 for the category with the biggest gross spend."),
        text_column("category", "The category: the first part of its path.", nullable=False),
        decimal_column("gross_spend", "Value of its sale lines up to the cut-off.", nullable=False),
        float_column("spend_share", "Its share of all gross spend.", nullable=False),
    ),
    key=("rank",),
)
