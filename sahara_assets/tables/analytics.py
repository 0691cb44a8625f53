"""What analytics saw: sessions, and the products that were shown, clicked and bought in them."""

from __future__ import annotations

from sahara_assets.tables.columns import (
    Table,
    date_column,
    decimal_column,
    flag_column,
    integer_column,
    text_column,
    timestamp_column,
)

ACTIONS = ("impression", "click", "detail", "add", "remove", "checkout", "purchase", "refund", "other")
"""What can be done with a product."""

SESSIONS = Table(
    name="sessions",
    stage="analytics",
    description="One row per session, whether it came as sessions or as events.",
    columns=(
        text_column("session_id", "The visitor and the visitor's session, told apart by a slash.", nullable=False),
        text_column("dataset", "sessions or events: where it came from.", nullable=False),
        text_column("visit_id", "The session's own id, unique to its visitor only.", nullable=False),
        text_column("visitor_id", "Analytics' id of the visitor."),
        text_column("client_id", "Analytics client id."),
        text_column("user_id", "The user's own id."),
        text_column(
            "customer_id", "The customer whom the id that `analytics.customer` names leads to, else that id itself."
        ),
        flag_column("is_customer", "The customer is one of the customer file."),
        timestamp_column("started_at", "When it began, UTC.", nullable=False),
        timestamp_column("started_at_local", "When it began, in the project's time zone.", nullable=False),
        date_column("started_on", "The local day on which it began.", nullable=False),
        date_column("visit_date", "The day as the property's clock showed it, where the export says so."),
        integer_column("visit_number", "The n-th session of the visitor.", nullable=True),
        text_column("channel", "Channel group."),
        text_column("source", "Where it came from: the first that its events name."),
        text_column("medium", "How: the first that its events name."),
        text_column("campaign", "The campaign: the first that its events name."),
        text_column("device_category", "desktop, mobile or tablet."),
        text_column("operating_system", "The device's operating system."),
        text_column("browser", "The browser."),
        text_column("country", "The visitor's country."),
        integer_column("visits", "1 where it had interactions; 1 for every session made of events.", nullable=True),
        integer_column("hit_count", "Hits, or events.", nullable=True),
        integer_column("page_views", "Pages, or screens, seen.", nullable=True),
        integer_column("time_on_site_seconds", "Its length; of events, from the first to the last.", nullable=True),
        integer_column("time_on_screen_seconds", "Time on screens of an app.", nullable=True),
        integer_column("engagement_msec", "Milliseconds of engagement, as events count them.", nullable=True),
        integer_column("unique_screens", "Different screens, or pages, seen.", nullable=True),
        integer_column("transactions", "Transactions.", nullable=True),
        decimal_column("session_revenue", "What its transactions came to, as analytics says."),
        integer_column("product_rows", "Rows of product_events that are part of it."),
    ),
    key=("session_id",),
)

PRODUCT_EVENTS = Table(
    name="product_events",
    stage="analytics",
    description="One row per product of a hit, or item of an event: what visitors saw, clicked and bought.",
    columns=(
        text_column("_drop_id", "The drop that the row came from.", nullable=False),
        integer_column("_line", "Its row there."),
        text_column("dataset", "sessions or events: where it came from.", nullable=False),
        text_column("session_id", "Its session; null for an event without one."),
        text_column("visitor_id", "Analytics' id of the visitor."),
        text_column("client_id", "Analytics client id."),
        text_column("user_id", "The user's own id."),
        text_column("customer_id", "As in sessions."),
        timestamp_column("happened_at", "When, UTC.", nullable=False),
        timestamp_column("happened_at_local", "When, in the project's time zone.", nullable=False),
        date_column("happened_on", "The local day.", nullable=False),
        text_column("action", f"{', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}.", nullable=False),
        text_column("hit_type", "Of a hit: PAGE, EVENT and so on; of an event its name."),
        integer_column("hit_number", "The n-th hit of the session; null for an event.", nullable=True),
        text_column("product_id", "The product.", nullable=False),
        text_column("description", "Its name."),
        text_column("category", "Its category, or path of categories."),
        decimal_column("quantity", "Units, where the action has any."),
        decimal_column("unit_price", "Price of one unit."),
        decimal_column("product_revenue", "What the units came to, as analytics says."),
        text_column("order_id", "The transaction that a purchase stands on."),
        text_column("currency", "Currency code of the prices, where the row states it."),
        text_column("country", "The visitor's country."),
        text_column("channel", "The session's channel group, where the row states it."),
    ),
    key=("_drop_id", "_line"),
)
