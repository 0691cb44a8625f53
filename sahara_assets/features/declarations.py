"""Every customer feature, declared once: its unit, its meaning, and how the model treats it.

The `customer_features` table, the preprocessing of the model, the profiles and the documentation all read these declarations. How a
feature is computed lives in `features/expressions.py`; how a treatment is fitted and applied lives in `segmentation/preprocess.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sahara_assets.tables.columns import Column, Kind

TOP_CATEGORY_COUNT = 5
"""How many of the biggest categories get a spend share of their own."""


@dataclass(frozen=True)
class Treatment:
    """How the model prepares one feature, in this order: fill, cap, transform, scale; or fill and one-hot.

    Attributes:
        missing: what stands for a null: a number, `"mean"` or `"median"` of the training customers, or for a category its own word.
        cap_quantile: values above this quantile of the training customers count as the quantile; null leaves them.
        transform: `log1p` takes ln(1 + max(x, 0)): a feature of the log kind floors at 0, because a few customers have more returned
            than bought and a logarithm of a negative amount does not exist.
        scale: `standard` subtracts the mean and divides by the standard deviation (a constant feature becomes 0).
    """

    missing: float | str = "mean"
    cap_quantile: float | None = 0.995
    transform: Literal["log1p", "none"] = "log1p"
    scale: Literal["standard", "none"] = "standard"


@dataclass(frozen=True)
class Feature:
    """One documented number or category per customer.

    Attributes:
        unit: what the number counts, as it is printed beside it (`days`, `orders`, `money`, `share`); empty for a category.
        label: the words a marketer reads, without the unit.
        high, low: what a segment that stands out upwards or downwards is called ("big spenders", "small spenders"), as an
            adjective or noun phrase for descriptions.
        made_from: the columns of `purchases` that it is computed from, for the lineage in the UI.
    """

    name: str
    column_kind: Kind
    unit: Literal["days", "orders", "lines", "units", "products", "money", "share", ""]
    label: str
    description: str
    treatment: Treatment
    nullable: bool = False
    high: str = ""
    low: str = ""
    made_from: tuple[str, ...] = ()

    @property
    def is_category(self) -> bool:
        """Whether the feature is a word to one-hot rather than a number."""
        return self.column_kind is Kind.TEXT

    @property
    def column(self) -> Column:
        """The feature's column in `customer_features`."""
        return Column(self.name, self.column_kind, self.description, self.nullable)


_COUNT = Treatment(missing=0.0)
_SHARE = Treatment(missing=0.0, cap_quantile=None, transform="none")

FEATURES: tuple[Feature, ...] = (
    Feature(
        "recency_days", Kind.INTEGER, "days", "days since last order",
        "Whole days from the latest sale line to the cut-off.", Treatment(missing="median"),
        high="long away", low="recently active",
        made_from=("ordered_at_local", "line_kind"),
    ),
    Feature(
        "tenure_days", Kind.INTEGER, "days", "days since first order",
        "Whole days from the first sale line to the cut-off.", Treatment(missing="median"),
        high="long-standing", low="new",
        made_from=("ordered_at_local", "line_kind"),
    ),
    Feature(
        "order_count", Kind.INTEGER, "orders", "orders",
        "Orders with at least one sale line.", _COUNT, high="frequent", low="rare",
        made_from=("order_id", "line_kind"),
    ),
    Feature(
        "line_count", Kind.INTEGER, "lines", "lines bought",
        "Sale lines.", _COUNT, high="many lines", low="few lines",
        made_from=("order_id", "line_kind"),
    ),
    Feature(
        "unit_count", Kind.DECIMAL, "units", "units bought",
        "Units on sale lines.", _COUNT, high="many units", low="few units",
        made_from=("quantity", "line_kind"),
    ),
    Feature(
        "distinct_products", Kind.INTEGER, "products", "different products bought",
        "Different products on sale lines.", _COUNT, high="wide range", low="narrow range",
        made_from=("product_id", "line_kind"),
    ),
    Feature(
        "gross_spend", Kind.DECIMAL, "money", "spend",
        "Value of sale lines, before returns and cancellations.", _COUNT, high="big spend", low="small spend",
        made_from=("line_total", "line_kind"),
    ),
    Feature(
        "net_spend", Kind.DECIMAL, "money", "spend after returns",
        "gross_spend less the value of returned and cancelled lines; may be negative.", _COUNT,
        high="big net spend", low="small net spend",
        made_from=("line_total", "line_kind"),
    ),
    Feature(
        "average_order_value", Kind.FLOAT, "money", "average order value",
        "gross_spend ÷ order_count: per order, not per line.", _COUNT, high="large orders", low="small orders",
        made_from=("line_total", "order_id", "line_kind"),
    ),
    Feature(
        "median_order_value", Kind.FLOAT, "money", "median order value",
        "Exact median of the gross value of the orders that have a sale line.", _COUNT,
        high="large typical orders", low="small typical orders",
        made_from=("line_total", "order_id", "line_kind"),
    ),
    Feature(
        "mean_days_between_orders", Kind.FLOAT, "days", "days between orders",
        "Days from first to last order ÷ (order_count − 1); null for a customer with one order.",
        Treatment(missing="median"), nullable=True, high="long pauses", low="short pauses",
        made_from=("ordered_at_local", "order_id", "line_kind"),
    ),
    Feature(
        "return_rate", Kind.FLOAT, "share", "share of spend returned",
        "Returned and cancelled value ÷ gross_spend; above 1 where more came back than was bought in the window.", _SHARE,
        high="many returns", low="few returns",
        made_from=("line_total", "line_kind"),
    ),
    *(
        Feature(
            f"category_share_{rank}", Kind.FLOAT, "share", f"share of spend in category {rank}",
            f"Share of gross_spend in the project's category number {rank} by spend (see top_categories); 0 where there is none.",
            _SHARE, high=f"much of category {rank}", low=f"little of category {rank}",
            made_from=("line_total", "category", "line_kind"),
        )
        for rank in range(1, TOP_CATEGORY_COUNT + 1)
    ),
    Feature(
        "country", Kind.TEXT, "", "country",
        "The customer's country.", Treatment(missing="(unknown)", cap_quantile=None, transform="none", scale="none"),
        nullable=True,
    ),
)  # fmt: skip

ECHOES: tuple[frozenset[str], ...] = (
    frozenset({"gross_spend", "net_spend"}),
    frozenset({"average_order_value", "median_order_value"}),
    frozenset({"line_count", "unit_count", "distinct_products"}),
)
"""Features that say nearly the same: where a reader has room for three, one of each family is told."""

BY_NAME: dict[str, Feature] = {feature.name: feature for feature in FEATURES}

DEFAULT_MODEL_FEATURES: tuple[str, ...] = ("recency_days", "order_count", "gross_spend")
"""Recency, frequency, monetary value: what a marketer can name, and what few shops lack."""


def family_of(name: str) -> frozenset[str]:
    """The features that say nearly the same as one, itself included.

    >>> sorted(family_of("net_spend"))
    ['gross_spend', 'net_spend']
    """
    return next((echo for echo in ECHOES if name in echo), frozenset({name}))
