"""What a customer feature is, and those that every shop with order lines has: unit, meaning, and how the model treats them.

Features that only a project's settings bring (parts of the day, categories, attributes) are declared in `features/declared.py`; which of all
of them a project has says `features/feature_set.py`. How a feature is computed lives in `features/expressions.py` and `features/parts.py`,
how a treatment is fitted and applied in `segmentation/preprocess.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sahara_assets.tables.columns import Column, Kind

TOP_CATEGORY_COUNT = 5
"""How many of the biggest categories get a spend share of their own."""


DROP = "drop"
"""What `Treatment.missing` is where nothing stands for a missing value."""


@dataclass(frozen=True)
class Treatment:
    """How the model prepares one feature, in this order: fill, cap, transform, scale; or fill and one-hot.

    Attributes:
        missing: what stands for a null: a number, the `"mean"`, `"median"` or `"maximum"` of the training customers, for a category its
            own word; `"drop"`: nothing does, and a customer without a value gets no segment.
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
        made_from: the columns of `table` that it is computed from, for the lineage in the UI.
        table: the table that `made_from` speaks of.
        more, less: what is said of a segment that has more, or less, of it than a namesake; empty where nothing is.
        zero_without_orders: whether somebody who never bought has 0 of it, rather than nothing.
    """

    name: str
    column_kind: Kind
    unit: str
    label: str
    description: str
    treatment: Treatment
    nullable: bool = False
    high: str = ""
    low: str = ""
    made_from: tuple[str, ...] = ()
    table: str = "purchases"
    more: str = ""
    less: str = ""
    zero_without_orders: bool = True

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
WORD = Treatment(missing="(unknown)", cap_quantile=None, transform="none", scale="none")
"""How a category is treated: who has none is a category of its own."""

FEATURES: tuple[Feature, ...] = (
    Feature(
        "recency_days", Kind.INTEGER, "days", "days since last order",
        "Whole days from the latest sale line to the cut-off.", Treatment(missing="median"),
        high="long away", low="recently active",
        made_from=("ordered_at_local", "line_kind"), more="longer away", less="more recent", zero_without_orders=False,
    ),
    Feature(
        "tenure_days", Kind.INTEGER, "days", "days since first order",
        "Whole days from the first sale line to the cut-off.", Treatment(missing="median"),
        high="long-standing", low="new",
        made_from=("ordered_at_local", "line_kind"), more="came earlier", less="came later", zero_without_orders=False,
    ),
    Feature(
        "order_count", Kind.INTEGER, "orders", "orders",
        "Orders with at least one sale line.", _COUNT, high="frequent", low="rare",
        made_from=("order_id", "line_kind"), more="more orders", less="fewer orders",
    ),
    Feature(
        "line_count", Kind.INTEGER, "lines", "lines bought",
        "Sale lines.", _COUNT, high="many lines", low="few lines",
        made_from=("order_id", "line_kind"), more="more lines", less="fewer lines",
    ),
    Feature(
        "unit_count", Kind.DECIMAL, "units", "units bought",
        "Units on sale lines.", _COUNT, high="many units", low="few units",
        made_from=("quantity", "line_kind"), more="more units", less="fewer units",
    ),
    Feature(
        "distinct_products", Kind.INTEGER, "products", "different products bought",
        "Different products on sale lines.", _COUNT, high="wide range", low="narrow range",
        made_from=("product_id", "line_kind"), more="wider range", less="narrower range",
    ),
    Feature(
        "gross_spend", Kind.DECIMAL, "money", "spend",
        "Value of sale lines, before returns and cancellations.", _COUNT, high="big spend", low="small spend",
        made_from=("line_total", "line_kind"), more="higher spend", less="lower spend",
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
        made_from=("line_total", "order_id", "line_kind"), more="larger orders", less="smaller orders",
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
        made_from=("ordered_at_local", "order_id", "line_kind"), more="longer pauses", less="shorter pauses", zero_without_orders=False,
    ),
    Feature(
        "return_rate", Kind.FLOAT, "share", "share of spend returned",
        "Returned and cancelled value ÷ gross_spend; above 1 where more came back than was bought in the window.", _SHARE,
        high="many returns", low="few returns",
        made_from=("line_total", "line_kind"), more="more returns", less="fewer returns",
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
        "The customer's country.", WORD, nullable=True, made_from=("country",), table="customers", zero_without_orders=False,
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
