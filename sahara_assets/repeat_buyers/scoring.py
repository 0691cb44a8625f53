"""Scores in the warehouse: the champion on the features of today, with rank, decile and who is within the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.errors import OutdatedTablesError
from sahara_assets.features.feature_set import feature_set
from sahara_assets.learning.classifier import scored
from sahara_assets.learning.measures import GROUPS

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from sahara_assets.learning.classifier import Classifier
    from sahara_assets.settings.document import Settings
    from sahara_assets.settings.repeat_buyers import RepeatBuyerSettings
    from sahara_assets.warehouse.base import Warehouse

DEFAULT_SHARE = 0.1


def buyers(warehouse: Warehouse, settings: Settings, classifier: Classifier) -> ir.Table:
    """Everyone in `customer_features` who has bought, with what the model asks about.

    Raises:
        OutdatedTablesError: the features lack one of these columns.
    """
    table = warehouse.table(feature_set(settings).table)
    if any(name not in table.columns for name in classifier.feature_names):
        raise OutdatedTablesError("customer_features")
    bought = table.filter(table.order_count > 0)
    return bought.select("customer_id", *classifier.feature_names)


def scoring_query(classifier: Classifier, source: ir.Table, customers: int, wanted: RepeatBuyerSettings) -> ir.Table:
    """`tables.REPEAT_BUYER_SCORES` as an Ibis expression.

    Args:
        classifier: the champion.
        source: as `buyers` gives it.
        customers: how many rows it has.
        wanted: the budget.
    """
    found = scored(classifier, source)
    # To nine digits, as `measures.ranked` does it: engines differ in the last digits of a logarithm, and ranks must not.
    rounded = found.mutate(billionths=(found.probability * ibis.literal(10**9, "float64")).round().cast("int64"))
    place = ibis.row_number().over(order_by=[rounded.billionths.desc(), rounded.customer_id.asc()])
    ranked = rounded.mutate(place=place)
    if wanted.contact_cost is not None:
        value, cost = ibis.literal(wanted.contact_value, "float64"), ibis.literal(wanted.contact_cost, "float64")
        within = ranked.probability * value >= cost
    else:
        within = ranked.place < budgeted(customers, wanted)
    return ranked.select(
        "customer_id",
        "probability",
        rank=ranked.place + 1,
        decile=ranked.place * GROUPS // max(customers, 1) + 1,
        is_contact=within,
    )


def budgeted(customers: int, wanted: RepeatBuyerSettings) -> int:
    """How many customers a budget by number or share reaches.

    >>> from sahara_assets.settings.repeat_buyers import RepeatBuyerSettings
    >>> budgeted(4338, RepeatBuyerSettings()), budgeted(5, RepeatBuyerSettings(contact_customers=9))
    (434, 5)
    """
    if wanted.contact_customers is not None:
        return min(wanted.contact_customers, customers)
    share = DEFAULT_SHARE if wanted.contact_share is None else wanted.contact_share
    return min(max(round(share * customers), 1), customers)


def budget_words(wanted: RepeatBuyerSettings) -> str:
    """The budget as a person reads it.

    >>> from sahara_assets.settings.repeat_buyers import RepeatBuyerSettings
    >>> budget_words(RepeatBuyerSettings(contact_cost=2.0, contact_value=10.0))
    'everyone whose probability × 10 is at least 2'
    """
    if wanted.contact_cost is not None:
        return f"everyone whose probability × {wanted.contact_value:g} is at least {wanted.contact_cost:g}"
    if wanted.contact_customers is not None:
        return f"the {wanted.contact_customers:,} likeliest"
    return f"the likeliest {100 * (DEFAULT_SHARE if wanted.contact_share is None else wanted.contact_share):g} %"
