"""What recommendations must keep: nobody is offered what they have, the model still knows the products, promotions reach somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.builds import built
from sahara_assets.quality.questions import Answer, Question
from sahara_assets.tables.recommendations import PRODUCT_RECOMMENDATIONS
from sahara_assets.tables.sales import PURCHASES
from sahara_assets.wording import counted, some

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

_NOT_ASKED_FOR = "nothing is recommended in this project"
MOST_UNKNOWN_SHARE = 0.2


def _nobody_has_it(warehouse: Warehouse, settings: Settings) -> Answer:
    from datetime import datetime

    from sahara_assets.features.expressions import before
    from sahara_assets.recommendations.model import champion

    current = champion(warehouse)
    if not settings.recommendations.enabled or current is None:
        return True, _NOT_ASKED_FOR, {}
    if settings.recommendations.include_owned:
        return True, "what customers have may be recommended again: recommendations.include_owned", {}
    found = built(warehouse, "customer_features")
    if found is None:
        return True, "customer_features was not built", {}
    lines = before(warehouse.table(PURCHASES), datetime.fromisoformat(found.details["cut_off"]))
    bought = lines.filter((lines.line_kind == "sale") & ~lines.is_future).select("customer_id", "product_id").distinct()
    offered = warehouse.table(PRODUCT_RECOMMENDATIONS)
    had = offered.semi_join(bought, ["customer_id", "product_id"])
    count = int(warehouse.rows(had.aggregate(n=had.count()))[0]["n"])
    if count:
        return (
            False,
            f"{counted(count, 'recommendation')} of what the customer has bought; please report it",
            {"rows": count},
        )
    total = warehouse.count(PRODUCT_RECOMMENDATIONS)
    return True, f"none of {counted(total, 'recommendation')} is of what the customer has bought", {"rows": total}


def _model_knows_the_products(warehouse: Warehouse, settings: Settings) -> Answer:
    build, popular = built(warehouse, PRODUCT_RECOMMENDATIONS.name), built(warehouse, "popular_products")
    if not settings.recommendations.enabled or build is None or popular is None:
        return True, _NOT_ASKED_FOR, {}
    new = build.details.get("products_new_to_the_model")
    if new is None:
        return True, f"{build.details['method'].replace('_', ' ')} goes by the purchases as they are", {}
    offered = popular.details["on_offer"]
    if offered and new / offered > MOST_UNKNOWN_SHARE:
        text = f"{counted(new, 'product')} came since the model was trained, which it cannot recommend; `sahara run --retrain` trains anew"
        return False, text, {"new_products": new, "on_offer": offered}
    return (
        True,
        f"{counted(new, 'product')} of {offered:,} on offer came since the model was trained",
        {"new_products": new},
    )


def _promotions_reach_somebody(warehouse: Warehouse, settings: Settings) -> Answer:
    build = built(warehouse, PRODUCT_RECOMMENDATIONS.name)
    if not settings.recommendations.enabled or build is None or not settings.recommendations.audiences:
        return True, "no promotion is declared", {}
    reached = build.details.get("audiences", {})
    faults = [*build.details.get("notices", []), *(f"audience {name} holds nobody" for name, count in sorted(reached.items()) if not count)]  # fmt: skip
    if faults:
        return False, some(faults, 3), {"audiences": reached}
    sizes = [f"{name} {counted(count, 'customer')}" for name, count in sorted(reached.items())]
    return True, some(sizes, 10), {"audiences": reached}


def _files_are_written(warehouse: Warehouse, settings: Settings) -> Answer:
    build = built(warehouse, "promotion_files")
    if build is None or not settings.recommendations.audiences:
        return True, "no promotion is declared", {}
    notices = build.details["notices"]
    if notices:
        return False, some(notices, 3), {"files": build.details["customers"]}
    written = [f"{name} {counted(count, 'customer')}" for name, count in sorted(build.details["customers"].items())]
    return True, some(written, 10), {"files": build.details["customers"]}


QUESTIONS: tuple[Question, ...] = (
    Question(
        "nobody_has_it_already",
        "product_recommendations",
        "Nobody is recommended what they have bought.",
        True,
        _nobody_has_it,
    ),
    Question(
        "model_knows_the_products",
        "product_recommendations",
        "Few products came since the model was trained.",
        False,
        _model_knows_the_products,
    ),
    Question(
        "promotions_reach_somebody",
        "product_audiences",
        "Every declared promotion has products and customers.",
        False,
        _promotions_reach_somebody,
    ),
    Question("promotions_are_written", "promotion_files", "Every promotion has its file.", False, _files_are_written),
)
"""The checks on this part of the pipeline, in the order they are told."""
