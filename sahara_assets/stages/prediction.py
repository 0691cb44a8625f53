"""Who buys again, and which segment somebody belongs to; how lives in `repeat_buyers/` and `segment_labels/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.builds import Built, Run, built, code_fingerprint, combine
from sahara_assets.stages.features import cut_off
from sahara_assets.stages.shared import needed
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets.tables.sales import CUSTOMERS, PURCHASES

if TYPE_CHECKING:
    from sahara_assets.repeat_buyers.registry import Registered as RepeatBuyerModel
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def repeat_buyer_training(warehouse: Warehouse, settings: Settings, run: Run, *, retrain: bool) -> Built:
    """What the repeat buyer models are made from, where there is a reason to train them."""
    from sahara_assets.repeat_buyers.building import build_training

    inputs = combine(needed(warehouse, PURCHASES.name).fingerprint, needed(warehouse, CUSTOMERS.name).fingerprint)
    return build_training(warehouse, settings, run, inputs, retrain=retrain)


def repeat_buyer_model(
    warehouse: Warehouse, settings: Settings, run: Run
) -> tuple[RepeatBuyerModel | None, str | None]:
    """The champion among the repeat buyer models, trained where a new training set was made.

    Returns:
        The champion, None where there is none, and why it was trained in this run (None where it was not).
    """
    from sahara_assets.repeat_buyers.building import build_model

    return build_model(warehouse, settings, run)


def repeat_buyer_scores(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """How likely every buyer buys again."""
    from sahara_assets.repeat_buyers.building import build_scores

    return build_scores(warehouse, settings, run, needed(warehouse, CUSTOMER_FEATURES.name).fingerprint)


def repeat_buyer_audience(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The audience file of those whom the budget reaches, unless the one on disk is the one this build would write."""
    from sahara_assets.exports.repeat_buyers import publish_repeat_buyers
    from sahara_assets.tables.prediction import REPEAT_BUYER_SCORES

    scores = built(warehouse, REPEAT_BUYER_SCORES.name)
    fingerprint = combine(
        scores.fingerprint if scores else "",
        needed(warehouse, CUSTOMERS.name).fingerprint,
        settings.fingerprint(
            "export",
            "repeat_buyers.audience",
            "repeat_buyers.decile_property",
            "repeat_buyers.contact_property",
        ),
        code_fingerprint("exports"),
    )
    return publish_repeat_buyers(warehouse, settings, run, fingerprint, cut_off(warehouse))


def predicted_segments(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The likeliest segment of everyone who has attributes and no segment."""
    from sahara_assets.segment_labels.building import build_predicted_segments
    from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS

    inputs = combine(
        needed(warehouse, CUSTOMER_SEGMENTS.name).fingerprint, needed(warehouse, CUSTOMERS.name).fingerprint
    )
    return build_predicted_segments(warehouse, settings, run, inputs, cut_off(warehouse))
