"""Wiring only: what the code location offers, read as a table of contents."""

from __future__ import annotations

import dagster as dg

from sahara_assets.assets import (
    activation,
    analytics,
    extracts,
    features,
    insights,
    prediction,
    raw,
    recommendations,
    sales,
    segmentation,
)
from sahara_assets.assets.presentation import in_warehouse
from sahara_assets.automation import all_automation
from sahara_assets.checks import all_checks
from sahara_assets.logs import console_log
from sahara_assets.resources import Project, settings_at_load

STAGES = (extracts, raw, analytics, sales, features, segmentation, insights, prediction, recommendations, activation)


@dg.definitions
def defs() -> dg.Definitions:
    """The pipeline: the stages of assets, their checks, the sensor and the jobs."""
    kind = settings_at_load().warehouse.scheme
    assets = [asset for asset in dg.load_assets_from_modules(STAGES) if isinstance(asset, dg.AssetsDefinition)]
    return dg.Definitions(
        assets=[asset.map_asset_specs(lambda spec: in_warehouse(spec, kind)) for asset in assets],
        asset_checks=all_checks(),
        resources={"project": Project()},
        executor=dg.in_process_executor,
        loggers={"console": console_log},
        **all_automation(),
    )
