"""Raw sessions and events → `product_events`: every product that was shown, clicked or bought, with what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.analytics.identity import with_customer
from sahara_assets.analytics.visits import counting_rows, delivered, web_client_id
from sahara_assets.tables.analytics import PRODUCT_EVENTS
from sahara_assets.tables.books import IN
from sahara_assets.tables.columns import Kind
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

_KINDS = {
    Kind.TEXT: "string",
    Kind.DECIMAL: "decimal(18, 4)",
    Kind.INTEGER: "int64",
    Kind.TIMESTAMP: "timestamp(6)",
    Kind.DATE: "date",
}
SCHEMA = {column.name: _KINDS[column.kind] for column in PRODUCT_EVENTS.columns}


def build_product_events(warehouse: Warehouse, settings: Settings) -> tuple[int, list[tuple[str, int]]]:
    """Write `product_events`.

    Returns:
        Its rows, and the step's account: rows in, rows that leave by reason, rows out.
    """
    parts, account = [], []
    taken = without_product = 0
    for dataset, came in delivered(warehouse, settings).items():
        rows = counting_rows(warehouse, settings, dataset)
        with_product = rows.filter(rows.product_id.notnull())
        parts.append(_of_sessions(with_product) if dataset == "sessions" else _of_events(with_product))
        taken += came
        empty = rows.filter(rows.product_id.isnull())
        without_product += int(warehouse.rows(empty.aggregate(n=empty.count()))[0]["n"])
        account.append((f"{IN}raw_{dataset}", came))
    if not parts:
        return warehouse.replace(PRODUCT_EVENTS, []), []
    products = with_customer(ibis.union(*parts) if len(parts) > 1 else parts[0], warehouse, settings)
    rows = warehouse.replace(PRODUCT_EVENTS, products.select(*PRODUCT_EVENTS.column_names))
    return rows, [
        *account,
        ("no product on the hit or event", without_product),
        ("the same row in a newer drop, or its document stated anew there", taken - without_product - rows),
        ("out", rows),
    ]


def _of_sessions(rows: ibis.Table) -> ibis.Table:
    offset = rows.hit_msec.coalesce(ibis.literal(0))
    at, local = plus_milliseconds(rows.started_at, offset), plus_milliseconds(rows.started_at_local, offset)
    return _alike(
        rows,
        dataset=ibis.literal("sessions"),
        happened_at=at,
        happened_at_local=local,
        happened_on=local.date(),
        action=(rows.is_impression == "true").ifelse("impression", _action(rows.action)),
    )


def _of_events(rows: ibis.Table) -> ibis.Table:
    return _alike(
        rows,
        dataset=ibis.literal("events"),
        client_id=web_client_id(rows),
        happened_on=rows.happened_at_local.date(),
        action=_action(rows.event_name),
        hit_type=rows.event_name,
        hit_number=ibis.null("int64"),
    )


def _alike(rows: ibis.Table, **computed: Expression) -> ibis.Table:
    """Rows of either dataset with the columns of the table, customers aside."""
    names = [name for name in PRODUCT_EVENTS.column_names if name != "customer_id"]
    return rows.select(**{name: computed[name] if name in computed else rows[name] for name in names}).cast(
        {name: SCHEMA[name] for name in names}
    )


def _action(text: Expression) -> Expression:
    """What was done, from an action type, an event's name or a word of ours."""
    word = text.lower()
    known = {**ACTION_TYPES, **EVENT_ACTIONS, **_WORDS}
    by_action: dict[str, list[str]] = {}
    for written, action in sorted(known.items()):
        by_action.setdefault(action, []).append(written)
    return ibis.cases(*((word.isin(written), action) for action, written in sorted(by_action.items())), else_="other")
