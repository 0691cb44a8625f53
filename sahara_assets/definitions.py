"""Wiring only: what the code location offers, read as a table of contents."""

from __future__ import annotations

import dagster as dg

from sahara_assets.assets import activation, features, insights, raw, sales, segmentation
from sahara_assets.automation import all_automation
from sahara_assets.checks import all_checks
from sahara_assets.resources import Project

STAGES = (raw, sales, features, segmentation, insights, activation)


@dg.definitions
def defs() -> dg.Definitions:
    """The pipeline: six stages of assets, their checks, the sensor and the jobs."""
    return dg.Definitions(
        assets=dg.load_assets_from_modules(STAGES),
        asset_checks=all_checks(),
        resources={"project": Project()},
        executor=dg.in_process_executor,
        **all_automation(),
    )
