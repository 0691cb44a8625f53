"""The pipeline's stages as plain functions, in the order of the assets: what a case calls that does not want Dagster."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sahara_assets.quality.checklist import run_checks
from sahara_assets.stages import (
    activation,
    analytics,
    features,
    insights,
    prediction,
    recommendations,
    sales,
    segmentation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sahara_assets.builds import Run
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

GROUPS: dict[str, tuple[Callable[..., Any], ...]] = {
    "sessions": (analytics.sessions, analytics.product_events),
    "purchases": (sales.purchases,),
    "orders and products": (sales.orders, sales.products),
    "customers": (sales.customers,),
    "features": (features.customer_features, features.customer_features_online),
    "segmentation": (
        partial(segmentation.segmentation_model, retrain=False),
        segmentation.customer_segments,
        segmentation.segment_profiles,
    ),
    "insights": (insights.insights, insights.report_views),
    "repeat buyers": (
        partial(prediction.repeat_buyer_training, retrain=False),
        prediction.repeat_buyer_model,
        prediction.repeat_buyer_scores,
        prediction.predicted_segments,
    ),
    "recommendations": (
        recommendations.bought_together,
        recommendations.popular_products,
        partial(recommendations.recommendation_model, retrain=False),
        recommendations.product_recommendations,
        recommendations.promotion_files,
    ),
    "audience files": (
        activation.audience_files,
        insights.insight_files,
        prediction.repeat_buyer_audience,
    ),
}
"""What a reader of a page would tell apart, with the stages behind it; loading drops comes before, checks and the report after."""


def run_stages(warehouse: Warehouse, settings: Settings, run: Run) -> Iterator[str]:
    """Carry out every stage, ask every check and write the report; names each group when it is done."""
    for name, stages in GROUPS.items():
        for stage in stages:
            stage(warehouse, settings, run)
        yield name
    verdicts = run_checks(warehouse, settings)
    yield "checks"
    activation.report(warehouse, settings, run, verdicts)
    yield "report"
