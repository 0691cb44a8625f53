"""The champion, trained where there is a reason to, and the segments; how lives in `segmentation/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.stages.features import cut_off
from sahara_assets.stages.shared import needed
from sahara_assets.tables.features import CUSTOMER_FEATURES

if TYPE_CHECKING:
    from sahara_assets.builds import Built, Run
    from sahara_assets.segmentation.registry import Registered
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def segmentation_model(
    warehouse: Warehouse, settings: Settings, run: Run, *, retrain: bool
) -> tuple[Registered, str | None]:
    """The champion, trained if there is a reason to.

    Returns:
        The champion, and why it was trained in this run (None where it was not).
    """
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.segmentation.training import train, why_train

    reason = why_train(warehouse, settings, retrain=retrain)
    if reason is not None:
        return train(warehouse, settings, run, cut_off(warehouse)), reason
    current = champion(warehouse)
    assert current is not None  # noqa: S101 - why_train gives a reason where there is none
    return current, None


def customer_segments(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The segment of every customer."""
    from sahara_assets.segmentation.training import build_customer_segments

    return build_customer_segments(warehouse, settings, run, needed(warehouse, CUSTOMER_FEATURES.name).fingerprint)


def segment_profiles(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """What every segment is."""
    from sahara_assets.segmentation.training import build_segment_profiles
    from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS

    return build_segment_profiles(warehouse, settings, run, needed(warehouse, CUSTOMER_SEGMENTS.name).fingerprint)
