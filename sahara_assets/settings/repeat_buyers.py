"""What may be set about who will buy again, `[repeat_buyers]`, and about segments of customers who have not bought yet, `[segment_labels]`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from sahara_assets.features.declarations import FEATURES
from sahara_assets.features.declared import features_in
from sahara_assets.settings.base import Section
from sahara_assets.settings.unknown import unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sahara_assets.features.declarations import Feature
    from sahara_assets.settings.unknown import Place

DEFAULT_FEATURES = (
    "recency_days",
    "order_count",
    "gross_spend",
    "average_order_value",
    "distinct_products",
    "return_rate",
)
"""What every shop with order lines knows of a buyer and means the same at every cut-off, however long the shop has been watched by then."""


class RepeatBuyerSettings(Section):
    """Who will buy again: models trained on what was known at past moments, and a probability for every buyer. Off unless it is asked for."""

    enabled: bool = Field(False, description="Train, measure and score; else the tables stay empty.")
    features: list[str] = Field(
        list(DEFAULT_FEATURES),
        min_length=1,
        description="What the models look at, as it stood at each cut-off; any feature but `category_share_…`, which is another category at every cut-off.",
    )
    horizon_days: int = Field(
        90,
        ge=0,
        le=3660,
        description="A customer bought again where there is a sale line from the cut-off until so many days later. 0: as many days as from `report_cut_off` to the end of the data; every cut-off has the same number.",
    )
    report_cut_off: str = Field(
        "",
        description="The last cut-off, whose customers neither trained nor chose nor calibrated the model, and on whom it is measured: a local date. Empty: `horizon_days` before the end of the data.",
    )
    training_cut_offs: int = Field(4, ge=1, le=36, description="How many cut-offs are stacked for training, at most.")
    step_days: int = Field(30, ge=1, le=366, description="Days between the cut-offs for training.")
    minimum_history_days: int = Field(
        30, ge=1, le=3660, description="Days of sales that must lie before the first cut-off for training."
    )
    minimum_customers: int = Field(
        100,
        ge=20,
        description="Customers that every part (training, choosing, calibration, report) must have; and a tenth of it of those who bought again, and of those who did not.",
    )
    model: Literal["best", "logistic", "boosted_trees"] = Field(
        "best",
        description="Which model scores: the one with the better average precision on the later period, or this.",
    )
    regularisation: float = Field(
        1.0, gt=0, le=1e6, description="How strongly weights of the logistic regression are held small."
    )
    leak_auc: float = Field(
        0.9,
        gt=0.5,
        le=1,
        description="A feature that tells who will buy again from who will not with this area under the curve, alone and in either direction, is taken for a leak: the check blocks and nothing is trained.",
    )
    allowed_features: list[str] = Field([], description="Features that may separate so well all the same.")
    contact_share: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Budget: this share of the scored customers, the likeliest first. 0.1 where no budget is set.",
    )
    contact_customers: int | None = Field(None, ge=1, description="Budget: so many customers, the likeliest first.")
    contact_cost: float | None = Field(
        None,
        gt=0,
        description="Budget: what it costs to contact one; everyone whose probability × `contact_value` is at least as much.",
    )
    contact_value: float = Field(
        1.0, gt=0, description="What a customer who buys again is worth, in the unit of `contact_cost`."
    )
    audience: bool = Field(
        True,
        description="Write those within the budget as a GA4 audience file, in `repeat_buyers` below the export folder.",
    )
    decile_property: str = Field(
        "sahara_repeat_decile",
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,23}$",
        description="GA4 user property that takes the decile.",
    )
    contact_property: str = Field(
        "sahara_repeat_contact",
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,23}$",
        description="GA4 user property that says that the customer is within the budget.",
    )

    @field_validator("report_cut_off")
    @classmethod
    def _moment(cls, text: str) -> str:
        if text:
            try:
                found = datetime.fromisoformat(text)
            except ValueError as error:
                raise ValueError(f"{text!r} is no date such as 2025-03-01") from error
            if found.tzinfo is not None:
                raise ValueError(f"{text!r} has an offset; it is taken in the project's time zone")
        return text


class SegmentLabelSettings(Section):
    """A segment for customers who have not bought yet, from their attributes alone. Off unless it is asked for."""

    enabled: bool = Field(
        False, description="Learn the segments of those who have one and predict them for those who have none."
    )
    attributes: list[str] = Field(
        [],
        description="The features to predict from: attributes of customers, accounts and sign-ups, `membership_days` and `country`. Empty: every declared attribute.",
    )
    folds: int = Field(5, ge=2, le=20, description="Parts of the cross-validation that measures it.")
    minimum_customers: int = Field(100, ge=20, description="Customers with a segment and attributes that it takes.")
    regularisation: float = Field(1.0, gt=0, le=1e6, description="How strongly weights are held small.")


def repeat_buyer_problems(document: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """What is wrong about either section beyond single values.

    Args:
        document: what was set.
        defaults: the same for what was not.
    """
    known: dict[str, Feature] = {feature.name: feature for feature in FEATURES}
    for feature, _ in features_in(document):
        known.setdefault(feature.name, feature)
    found = _section(document, "repeat_buyers")
    effective = {**defaults["repeat_buyers"], **found}
    for key in ("features", "allowed_features"):
        yield from (((("repeat_buyers", key)), wrong) for wrong in _wrong(found.get(key), known))
    if effective["horizon_days"] == 0 and not effective["report_cut_off"]:
        yield ("repeat_buyers", "horizon_days"), "0 means to the end of the data, which needs report_cut_off"
    yield from _budget_problems(found)
    if effective["decile_property"] == effective["contact_property"]:
        yield ("repeat_buyers", "contact_property"), "must differ from decile_property"
    if effective["enabled"] is True and not _sells(document):
        yield ("repeat_buyers", "enabled"), "needs order lines; add [datasets.purchases]"
    labels = _section(document, "segment_labels").get("attributes")
    people = {name: feature for name, feature in known.items() if feature.table != "purchases"}
    for name in labels if isinstance(labels, list) else []:
        if isinstance(name, str) and name not in people:
            said = (
                "is made from order lines, which these customers have not"
                if name in known
                else unknown_key(name, list(people), noun="attribute")
            )
            yield ("segment_labels", "attributes"), f"{name!r} {said}" if name in known else said


def _sells(document: Mapping[str, Any]) -> bool:
    datasets = document.get("datasets")
    rule = _section(document, "analytics").get("purchases", "none")
    return not isinstance(datasets, dict) or "purchases" in datasets or rule != "none"


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _wrong(names: object, known: Mapping[str, Feature]) -> Iterator[str]:
    texts = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    for name in texts:
        if name.startswith("category_share_"):
            yield f"{name!r} is another category at every cut-off; count lines of a category with features.category_lines"
        elif name not in known:
            yield unknown_key(name, [one for one in known if not one.startswith("category_share_")], noun="feature")
    for name in dict.fromkeys(texts):
        if texts.count(name) > 1:
            yield f"names {name!r} twice"


def _budget_problems(found: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    ways = [key for key in ("contact_share", "contact_customers", "contact_cost") if found.get(key) is not None]
    if len(ways) > 1:
        yield ("repeat_buyers",), f"sets more than one budget ({', '.join(ways)}); leave one"
