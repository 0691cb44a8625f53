"""Raw sessions and events → `sessions`: one row each, however many hits, products or items its rows were repeated for.

Totals of a session stand on every one of its rows; they are taken from one, never added up. What events count is added up over events,
never over their items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.analytics.identity import with_customer
from sahara_assets.analytics.visits import first_rows, gather, in_shape, web_client_id
from sahara_assets.tables.analytics import SESSIONS
from sahara_assets.warehouse.base import ibis_kinds
from sahara_assets.warehouse.expressions import count_where, first_known, money, seconds_between

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

PAGES = ("page_view", "screen_view")
"""Events that are a page, or a screen, seen."""

DESCRIBED = (
    "channel",
    "source",
    "medium",
    "campaign",
    "device_category",
    "operating_system",
    "browser",
    "country",
)
"""What is said of a session by whichever of its events says it first."""

_BY_IDENTITY = ("customer_id", "is_customer")
_SHAPE = ibis_kinds(column for column in SESSIONS.columns if column.name not in _BY_IDENTITY)


def build_sessions(warehouse: Warehouse, settings: Settings) -> tuple[int, list[tuple[str, int]]]:
    """Write `sessions`.

    Returns:
        Its rows, and the step's account: rows in, rows that leave by reason, rows out.
    """
    gathered = gather(
        warehouse, settings, keyed_by="session_id", shapes={"sessions": _of_sessions, "events": _of_events}
    )
    if gathered is None:
        return warehouse.replace(SESSIONS, []), []
    sessions = with_customer(gathered.rows, warehouse, settings)
    rows = warehouse.replace(SESSIONS, sessions.select(*SESSIONS.column_names))
    further = gathered.taken - gathered.without_key - rows
    return rows, [
        *gathered.account,
        ("no visitor, or no session", gathered.without_key),
        ("further rows of a session, and rows that a newer drop states again", further),
        ("out", rows),
    ]


def _of_sessions(rows: ibis.Table) -> ibis.Table:
    one = first_rows(rows, ["session_id"])
    seen = rows.group_by("session_id").aggregate(product_rows=rows.product_id.count())
    sessions = one.left_join(seen, "session_id", rname="{name}_seen")
    return in_shape(
        sessions,
        _SHAPE,
        dataset=ibis.literal("sessions"),
        started_on=sessions.started_at_local.date(),
        engagement_msec=ibis.null("int64"),
    )


def _of_events(rows: ibis.Table) -> ibis.Table:
    """Sessions from events: first each event once, then what its session makes of them."""
    event = ["session_id", "event_name", "happened_at", "event_bundle_id"]
    events = first_rows(rows, event)
    order = [events.happened_at.asc(), events["rank"].asc(), events["_drop_id"].asc(), events["_line"].asc()]
    events = events.mutate(place=ibis.row_number().over(group_by="session_id", order_by=order))
    is_page = events.event_name.isin(PAGES)
    page = is_page.ifelse(events.page_location.coalesce(events.page_title), ibis.null("string"))
    totals = events.group_by("session_id").aggregate(
        started_at=events.happened_at.min(),
        started_at_local=events.happened_at_local.min(),
        ended_at=events.happened_at.max(),
        visit_number=events.visit_number.max(),
        hit_count=events.count(),
        page_views=count_where(is_page),
        engagement_msec=events.engagement_msec.sum(),
        unique_screens=page.nunique(),
        visit_id=events.visit_id.min(),
        visitor_id=events.visitor_id.min(),
        user_id=first_known(events.user_id, events.place),
        client_id=first_known(web_client_id(events), events.place),
        **{name: first_known(events[name], events.place) for name in DESCRIBED},
    )
    seen = rows.group_by("session_id").aggregate(product_rows=rows.product_id.count())
    sessions = totals.left_join(seen, "session_id", rname="{name}_seen")
    sessions = sessions.left_join(_transactions(events), "session_id", rname="{name}_sold")
    return in_shape(
        sessions,
        _SHAPE,
        dataset=ibis.literal("events"),
        started_on=sessions.started_at_local.date(),
        visit_date=ibis.null("date"),
        visits=ibis.literal(1),
        time_on_site_seconds=seconds_between(sessions.started_at, sessions.ended_at),
        time_on_screen_seconds=ibis.null("int64"),
        transactions=sessions.transactions.coalesce(ibis.literal(0)),
    )


def _transactions(events: ibis.Table) -> ibis.Table:
    """Each session's transactions: one that is reported twice, as by a page that is loaded again, is one."""
    bought = events.filter((events.event_name == "purchase") & events.order_id.notnull())
    once = bought.group_by(["session_id", "order_id"]).aggregate(order_revenue=bought.order_revenue.max())
    return once.group_by("session_id").aggregate(
        transactions=once.count(), session_revenue=money(once.order_revenue.sum())
    )
