"""What customers are measured by: the columns come from the feature declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.features.declarations import FEATURES
from sahara_assets.tables.columns import (
    Column,
    Kind,
    Table,
    decimal_column,
    float_column,
    integer_column,
    text_column,
    timestamp_column,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.features.declarations import Feature


def customer_features_table(features: Sequence[Feature]) -> Table:
    """The table that holds some features of every customer."""
    return Table(
        name="customer_features",
        stage="features",
        description="One row per customer that is measured, as of the cut-off: what the model and the profiles are made from. By default everyone with at least one sale line; features that the settings bring follow those listed here.",
        columns=(
            Column("customer_id", Kind.TEXT, "The customer.", nullable=False),
            *(feature.column for feature in features),
        ),
        key=("customer_id",),
    )


def online_features_table(features: Sequence[Feature]) -> Table:
    """The table in which one customer's features are looked up."""
    return Table(
        name="customer_features_online",
        stage="features",
        description="The same features for single look-ups: a copy of customer_features, keyed by customer, with the time it was made and what it is as of.",
        columns=(
            *customer_features_table(features).columns,
            timestamp_column(
                "cut_off", "The moment up to which lines count, in the project's time zone.", nullable=False
            ),
            timestamp_column("computed_at", "When the features were computed, UTC.", nullable=False),
        ),
        key=("customer_id",),
    )


CUSTOMER_FEATURES = customer_features_table(FEATURES)
CUSTOMER_FEATURES_ONLINE = online_features_table(FEATURES)

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
