"""Whose a session is: from the id that `analytics.customer` names to the customer.

The customers dataset may hold that id in a column of its own (`visitor_id`, `client_id`, `user_id`), or be keyed by it. An id that no
customer has stands for itself: a visitor whom the customer file does not know is a customer with that id. How many are known is asked
in `quality/analytics.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.sales.lines import current_lines
from sahara_assets.tables.datasets import RAW_TABLES

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def known_ids(warehouse: Warehouse, settings: Settings) -> ibis.Table:
    """Every id that leads to a customer of the customer file: `known_id`, `known_customer` and how many customers have it.

    Of several customers that one id leads to the first by id counts; a customer's own id leads nowhere else.
    """
    column = settings.analytics.customer
    if "customers" in settings.datasets:
        customers = current_lines(warehouse, settings, "customers")
    else:
        customers = warehouse.table(RAW_TABLES["customers"]).limit(0)
    named = customers.filter(customers[column].notnull())
    through_column = named.select(known_id=named[column], known_customer=named.customer_id, nearness=ibis.literal(0))
    itself = customers.select(
        known_id=customers.customer_id, known_customer=customers.customer_id, nearness=ibis.literal(1)
    )
    kinds = {"known_id": "string", "known_customer": "string", "nearness": "int64"}
    every = ibis.union(through_column.cast(kinds), itself.cast(kinds))
    order = [every.nearness.asc(), every.known_customer.asc()]
    ranked = every.mutate(
        place=ibis.row_number().over(group_by="known_id", order_by=order),
        known_customers=(every.nearness == 0).ifelse(1, 0).sum().over(group_by="known_id"),
    )
    return ranked.filter(ranked.place == 0).select("known_id", "known_customer", "known_customers")


def with_customer(rows: ibis.Table, warehouse: Warehouse, settings: Settings) -> ibis.Table:
    """Rows of sessions or events with `customer_id` and `is_customer`."""
    known = known_ids(warehouse, settings)
    joined = rows.left_join(known, rows[settings.analytics.customer] == known.known_id)
    return joined.mutate(
        customer_id=joined.known_customer.coalesce(joined[settings.analytics.customer]),
        is_customer=joined.known_customer.notnull(),
    ).drop("known_id", "known_customer", "known_customers")
