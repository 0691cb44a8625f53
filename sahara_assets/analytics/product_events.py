"""Raw sessions and events → `product_events`: every product that was shown, clicked or bought, with what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.analytics.identity import with_customer
from sahara_assets.analytics.visits import gather, in_shape, web_client_id
from sahara_assets.tables.analytics import PRODUCT_EVENTS
from sahara_assets.warehouse.base import ibis_kinds
from sahara_assets.warehouse.expressions import Expression, plus_milliseconds

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

# https://support.google.com/analytics/answer/3437719: hits.eCommerceAction.action_type. 8 are checkout options, 0 is unknown.
ACTION_TYPES = {
    "1": "click",
    "2": "detail",
    "3": "add",
    "4": "remove",
    "5": "checkout",
    "6": "purchase",
    "7": "refund",
    "8": "checkout",
}
# https://developers.google.com/analytics/devguides/collection/ga4/reference/events
EVENT_ACTIONS = {
    "view_item_list": "impression",
    "select_item": "click",
    "view_item": "detail",
    "add_to_cart": "add",
    "remove_from_cart": "remove",
    "begin_checkout": "checkout",
    "add_shipping_info": "checkout",
    "add_payment_info": "checkout",
    "purchase": "purchase",
    "refund": "refund",
}
_WORDS = {action: action for action in ("impression", *EVENT_ACTIONS.values())}

_SHAPE = ibis_kinds(column for column in PRODUCT_EVENTS.columns if column.name != "customer_id")


def build_product_events(warehouse: Warehouse, settings: Settings) -> tuple[int, list[tuple[str, int]]]:
    """Write `product_events`.

    Returns:
        Its rows, and the step's account: rows in, rows that leave by reason, rows out.
    """
    gathered = gather(
        warehouse, settings, keyed_by="product_id", shapes={"sessions": _of_sessions, "events": _of_events}
    )
    if gathered is None:
        return warehouse.replace(PRODUCT_EVENTS, []), []
    products = with_customer(gathered.rows, warehouse, settings)
    rows = warehouse.replace(PRODUCT_EVENTS, products.select(*PRODUCT_EVENTS.column_names))
    return rows, [
        *gathered.account,
        ("no product on the hit or event", gathered.without_key),
        (
            "the same row in a newer drop, or its document stated anew there",
            gathered.taken - gathered.without_key - rows,
        ),
        ("out", rows),
    ]


def _of_sessions(rows: ibis.Table) -> ibis.Table:
    offset = rows.hit_msec.coalesce(ibis.literal(0))
    at, local = plus_milliseconds(rows.started_at, offset), plus_milliseconds(rows.started_at_local, offset)
    return in_shape(
        rows,
        _SHAPE,
        dataset=ibis.literal("sessions"),
        happened_at=at,
        happened_at_local=local,
        happened_on=local.date(),
        action=(rows.is_impression == "true").ifelse("impression", _action(rows.action)),
    )


def _of_events(rows: ibis.Table) -> ibis.Table:
    return in_shape(
        rows,
        _SHAPE,
        dataset=ibis.literal("events"),
        client_id=web_client_id(rows),
        happened_on=rows.happened_at_local.date(),
        action=_action(rows.event_name),
        hit_type=rows.event_name,
        hit_number=ibis.null("int64"),
    )


def _action(text: Expression) -> Expression:
    """What was done, from an action type, an event's name or a word of ours."""
    word = text.lower()
    known = {**ACTION_TYPES, **EVENT_ACTIONS, **_WORDS}
    by_action: dict[str, list[str]] = {}
    for written, action in sorted(known.items()):
        by_action.setdefault(action, []).append(written)
    return ibis.cases(*((word.isin(written), action) for action, written in sorted(by_action.items())), else_="other")
