"""What may be set about product recommendations: `[recommendations]`. How they are made is in `recommendations/`."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from sahara_assets.settings.base import Section
from sahara_assets.settings.measuring import pattern_fault

Method = Literal["matrix_factorisation", "bought_together", "popularity"]

_AUDIENCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")


class ProductAudienceSettings(Section):
    """One audience of a promotion: the customers most likely to take one of some products."""

    products: list[str] = Field(default_factory=list, description="Ids of the products that are promoted.")
    category: str = Field(
        "",
        description="A regular expression, as in `features.category_lines`: products whose category holds a match are promoted too.",
    )
    customers: int = Field(1000, ge=1, description="How many customers it holds at most.")

    @field_validator("category")
    @classmethod
    def _readable_everywhere(cls, pattern: str) -> str:
        fault = pattern_fault(pattern) if pattern else ""
        if fault:
            raise ValueError(fault)
        return pattern

    @model_validator(mode="after")
    def _promotes_something(self) -> ProductAudienceSettings:
        if not self.products and not self.category:
            raise ValueError('names nothing to promote; set products = ["…"] or category = "…"')
        return self


class RecommendationSettings(Section):
    """Which products are recommended to whom. The section alone, even an empty one, asks for recommendations."""

    enabled: bool = Field(
        False,
        description="Whether products are recommended; a section without this key says that they are, and so does any other of its variables in the environment.",
    )
    rating: Literal["own_purchases", "units_sold"] = Field(
        "own_purchases",
        description="What a purchase weighs: `own_purchases` counts the customer's orders with the product, older ones less; `units_sold` is the rating of the Ecom system, the units that everybody has bought of the product.",
    )
    half_life_days: float = Field(
        90.0,
        ge=0,
        description="After so many days an order weighs half, under `own_purchases` and for what is popular; 0: orders of any age weigh the same.",
    )
    factors: int | None = Field(
        None, ge=1, le=512, description="Factors of the matrix factorisation; several are tried where it is not set."
    )
    regularisation: float | None = Field(
        None, gt=0, description="Its regularisation (λ); several are tried where it is not set."
    )
    confidence: float = Field(
        2.0,
        gt=0,
        description="How much more than an absent one a purchase of weight 1 counts (α; confidence is 1 + α · weight). BigQuery ML's default is 40.",
    )
    iterations: int = Field(15, ge=1, le=200, description="Rounds of alternating least squares.")
    methods: list[Method] = Field(
        ["matrix_factorisation", "bought_together", "popularity"],
        description="What may become champion; popularity is used where nothing else says anything, listed or not.",
    )
    evaluation_share: float = Field(
        0.2,
        gt=0,
        lt=0.5,
        description="Share of the orders, the latest, that methods are compared on; as many before them are what the factorisation is tuned on.",
    )
    per_customer: int = Field(10, ge=1, le=1000, description="How many products each customer is recommended at most.")
    include_owned: bool = Field(
        False, description="Whether what a customer has bought before may be recommended again, as a kiosk would."
    )
    sold_within_days: int = Field(
        180,
        ge=0,
        description="Products that nobody has bought for so many days before the cut-off are recommended no more; 0: all are.",
    )
    pairs_per_product: int = Field(
        20, ge=1, le=1000, description="How many products are kept in `bought_together` for each product."
    )
    minimum_pair_orders: int = Field(
        3, ge=1, description="In how many orders two products must stand together to be a pair."
    )
    anonymous_orders: bool = Field(
        False, description="Whether orders without a customer count in `bought_together`, too."
    )
    audiences: dict[str, ProductAudienceSettings] = Field(
        default_factory=dict,
        description='Audiences of promotions by name, such as `spring_bags = { category = "(?i)bag", customers = 500 }`; each is a part of `product_audiences` and a file.',
    )

    @model_validator(mode="before")
    @classmethod
    def _asked_for(cls, section: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        return {"enabled": True, **section} if isinstance(section, dict) else section

    @field_validator("methods")
    @classmethod
    def _some_method(cls, methods: list[Method]) -> list[Method]:
        if not methods:
            raise ValueError('names no method; popularity alone is ["popularity"]')
        return methods

    @field_validator("audiences")
    @classmethod
    def _names_for_files(cls, audiences: dict[str, ProductAudienceSettings]) -> dict[str, ProductAudienceSettings]:
        for name in audiences:
            if not _AUDIENCE_NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} becomes part of a file's name: lower-case letters, digits and _, a letter first, 30 at most"
                )
        return audiences


def no_recommendations() -> RecommendationSettings:
    """The section of a project that has none."""
    return RecommendationSettings(enabled=False)
