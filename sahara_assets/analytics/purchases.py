"""`product_events` → lines of `purchases`, by the rule that `analytics.purchases` names.

`transactions` are completed purchases. Google's own sample shows what must not be counted twice: each order's confirmation is two hits
of which the second holds the products without quantities, and a page that is loaded again reports the order again. So rows without a
quantity are left out, and of an order's hits or events the first counts. `tutorial` is the rule of Google's k-means tutorial: product
rows of hits of type EVENT. They are clicks and cart actions, and each is counted as one unit, because that is what the tutorial adds up.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import ibis

from sahara_assets.analytics.visits import TRAFFIC
from sahara_assets.sales.lines import MoreLines, as_lines, drop_ranks
from sahara_assets.tables.analytics import PRODUCT_EVENTS
from sahara_assets.tables.books import IN
from sahara_assets.warehouse.expressions import Expression, money_each

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def purchase_lines(warehouse: Warehouse, settings: Settings) -> MoreLines:
    """The product rows that are purchases, as lines, and the account of those that are not."""
    products = warehouse.table(PRODUCT_EVENTS)
    judged = _judged_as_clicks(products) if settings.analytics.purchases == "tutorial" else _judged(products, settings)
    counted = {row["why"]: row["n"] for row in warehouse.rows(judged.group_by("why").aggregate(n=judged.count()))}
    account = [(f"{IN}{PRODUCT_EVENTS.name}", sum(counted.values()))]
    account += [
        (why, count) for why, count in sorted(counted.items(), key=lambda item: str(item[0])) if why is not None
    ]
    lines = judged.filter(judged.why.isnull())
    modified = reduce(ibis.union, (_modification_times(dataset) for dataset in TRAFFIC))
    lines = lines.join(modified, [lines["_drop_id"] == modified.delivered_id, lines.dataset == modified.delivered_as])
    return MoreLines(
        as_lines(
            lines.mutate(
                ordered_at=lines.happened_at,
                ordered_at_local=lines.happened_at_local,
                product_group=ibis.null("string"),
                place_id=ibis.null("string"),
                has_document=ibis.literal(value=False),
                states_price=ibis.literal(value=True),
            )
        ),
        account,
    )


def _modification_times(dataset: str) -> ibis.Table:
    ranks = drop_ranks(dataset)
    kinds = {"delivered_id": "string", "delivered_as": "string", "modified_at": "timestamp(6)"}
    return ranks.select(
        delivered_id=ranks.drop_id, delivered_as=ibis.literal(dataset), modified_at=ranks.modified_at
    ).cast(kinds)


def _price(products: ibis.Table) -> Expression:
    """The price of a unit: as it is stated, else what the units came to, divided among them."""
    return products.unit_price.coalesce(money_each(products.product_revenue, products.quantity))


def _judged(products: ibis.Table, settings: Settings) -> ibis.Table:
    """Every product row with why it is no line (null for a line) under the rule of completed purchases."""
    by_session = settings.analytics.order == "session"
    order = products.session_id if by_session else products.order_id
    rows = products.mutate(order_id=order, unit_price=_price(products))
    why = ibis.cases(
        (rows.action != "purchase", "no completed purchase: shown, clicked, in the cart, refunded"),
        (rows.quantity.isnull(), "no quantity, as on the second hit of a confirmation"),
        (
            rows.order_id.isnull(),
            "no session" if by_session else "no transaction id: nobody can say which order it is part of",
        ),
        (rows.unit_price.isnull(), "no price"),
        else_=ibis.null("string"),
    )
    rows = rows.mutate(why=why.cast("string"))
    if by_session:
        return rows
    # A hit or event is its session, its moment and its number; the first of an order counts.
    good = rows.why.isnull()
    moment = ibis.ifelse(good, rows.happened_at, ibis.null("timestamp(6)"))
    first = rows.mutate(first_at=moment.min().over(group_by="order_id"))
    hit = first.hit_number.coalesce(ibis.literal(0))
    at_first = first.why.isnull() & (first.happened_at == first.first_at)
    first = first.mutate(hit_or_event=hit, at_first=at_first)
    lowest = first.mutate(
        first_hit=ibis.ifelse(first.at_first, first.hit_or_event, ibis.null("int64")).min().over(group_by="order_id"),
        first_session=ibis.ifelse(first.at_first, first.session_id.coalesce(""), ibis.null("string"))
        .min()
        .over(group_by="order_id"),
    )
    counts = (
        lowest.at_first
        & (lowest.hit_or_event == lowest.first_hit)
        & (lowest.session_id.coalesce("") == lowest.first_session)
    )
    again = lowest.why.isnull() & ~counts
    return lowest.mutate(why=again.ifelse("the order again in a later hit or event", lowest.why)).drop(
        "first_at", "hit_or_event", "at_first", "first_hit", "first_session"
    )


def _judged_as_clicks(products: ibis.Table) -> ibis.Table:
    """The same under the tutorial's rule."""
    one = ibis.literal(1).cast("decimal(18, 4)")
    rows = products.mutate(order_id=products.session_id, quantity=one)
    why = ibis.cases(
        (rows.hit_type.isnull() | (rows.dataset != "sessions"), "no hit of type EVENT"),
        (rows.hit_type != "EVENT", "no hit of type EVENT"),
        (rows.order_id.isnull(), "no session"),
        (rows.unit_price.isnull(), "no price"),
        else_=ibis.null("string"),
    )
    return rows.mutate(why=why.cast("string"))
