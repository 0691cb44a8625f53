"""Exports whose names are fixed by who writes them, with the mapping that fits them: Google Analytics 360 and 4, nested and flat.

They are recognised by the names that they hold, never by a file's name. The names are those of the export schemas
(https://support.google.com/analytics/answer/3437719 for 360, https://support.google.com/analytics/answer/7029846 for 4) and, for flat
files, of the usual queries over them. How files are looked at for these names is in `recognising.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sahara_assets.drops.paths import alternatives
from sahara_assets.settings.dataset import DatasetSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

NOT_SET = "(not set)"
"""What Analytics writes for a value that nobody gave."""


@dataclass(frozen=True)
class KnownExport:
    """An export that is known by its names.

    Attributes:
        title: what a person calls it.
        dataset: what its rows are.
        marks: names that together only such an export has; `a | b` is either. Of nested documents names of objects and lists, none
            of what lists hold.
        explode: the lists that rows are made of; none in a flat file.
        columns: our column → path, or, of a flat file, the name in its header; `a | b` is the first that is there.
        micros: our columns that it writes in millionths.
        date_formats: how it writes moments and days.
        null_values: what it writes for nothing, beside the usual words.
        constants: our columns that all its rows have the same value of.
    """

    title: str
    dataset: str
    marks: tuple[str, ...]
    columns: dict[str, str]
    explode: tuple[str, ...] = ()
    micros: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ()
    constants: dict[str, str] = field(default_factory=dict)

    def reading(self, header: Iterable[str] = ()) -> dict[str, Any]:
        """The part of `[datasets.NAME]` that reads it.

        Args:
            header: of a flat file the names that it has, so that each column gets the one that is there. Nested documents leave out
                names that have no value, so that all of them stay.
        """
        found = {plain(name): name for name in header}
        columns = self.columns
        if found and not self.explode:
            columns = {
                ours: next(found[plain(name)] for name in alternatives(names) if plain(name) in found)
                for ours, names in self.columns.items()
                if any(plain(name) in found for name in alternatives(names))
            }
        settings = {
            "explode": list(self.explode),
            "micros": list(self.micros),
            "date_formats": list(self.date_formats),
            "null_values": [*DatasetSettings().null_values, *self.null_values] if self.null_values else [],
            "columns": columns,
            "constants": dict(self.constants),
        }
        return {name: value for name, value in settings.items() if value}


def plain(name: str) -> str:
    """A name as letters and digits alone, since each flattening query writes it in its own way.

    >>> plain("eventName"), plain("event_name"), plain(" Event Name")
    ('eventname', 'eventname', 'eventname')
    """
    return re.sub(r"[^a-z0-9.]+", "", name.casefold())


def _parameter(key: str, *kinds: str) -> str:
    return " | ".join(f"event_params[{key}].value.{kind}_value" for kind in kinds or ("string",))


GA360 = KnownExport(
    title="Google Analytics 360 sessions (ga_sessions)",
    dataset="sessions",
    marks=("fullVisitorId", "visitId", "visitStartTime", "totals.hits", "hits"),
    explode=("hits", "hits.product"),
    columns={
        "visit_id": "visitId",
        "visitor_id": "fullVisitorId",
        "client_id": "clientId",
        "user_id": "userId",
        "started_at": "visitStartTime",
        "visit_date": "date",
        "visit_number": "visitNumber",
        "channel": "channelGrouping",
        "source": "trafficSource.source",
        "medium": "trafficSource.medium",
        "campaign": "trafficSource.campaign",
        "device_category": "device.deviceCategory",
        "operating_system": "device.operatingSystem",
        "browser": "device.browser",
        "country": "geoNetwork.country",
        "visits": "totals.visits",
        "hit_count": "totals.hits",
        "page_views": "totals.pageviews",
        "time_on_site_seconds": "totals.timeOnSite",
        "time_on_screen_seconds": "totals.timeOnScreen",
        "unique_screens": "totals.uniqueScreenviews",
        "transactions": "totals.transactions",
        "session_revenue": "totals.totalTransactionRevenue | totals.transactionRevenue",
        "hit_number": "hits.hitNumber",
        "hit_msec": "hits.time",
        "hit_type": "hits.type",
        "action": "hits.eCommerceAction.action_type",
        "is_impression": "hits.product.isImpression",
        "page_path": "hits.page.pagePath",
        "order_id": "hits.transaction.transactionId",
        "currency": "hits.transaction.currencyCode",
        "product_id": "hits.product.productSKU",
        "description": "hits.product.v2ProductName",
        "category": "hits.product.v2ProductCategory",
        "quantity": "hits.product.productQuantity",
        "unit_price": "hits.product.productPrice",
        "product_revenue": "hits.product.productRevenue",
    },
    micros=("session_revenue", "unit_price", "product_revenue"),
    # Days are 20160801 and moments seconds: a day read as seconds would be one of 1970, so days go first.
    date_formats=("%Y%m%d", "epoch_seconds"),
    null_values=(NOT_SET, "not available in demo dataset"),
)

GA4 = KnownExport(
    title="Google Analytics 4 events (events_*)",
    dataset="events",
    marks=("event_timestamp", "event_name", "user_pseudo_id", "event_params"),
    explode=("items",),
    columns={
        "event_name": "event_name",
        "happened_at": "event_timestamp",
        "visitor_id": "user_pseudo_id",
        "user_id": "user_id",
        "event_bundle_id": "event_bundle_sequence_id",
        "visit_id": _parameter("ga_session_id", "int", "string"),
        "visit_number": _parameter("ga_session_number", "int", "string"),
        "engagement_msec": _parameter("engagement_time_msec", "int", "string"),
        "page_location": _parameter("page_location"),
        "page_title": f"{_parameter('page_title')} | {_parameter('firebase_screen')}",
        # An event says where its session came from; where it does not, where the user first came from is the next best.
        "source": f"{_parameter('source')} | collected_traffic_source.manual_source | traffic_source.source",
        "medium": f"{_parameter('medium')} | collected_traffic_source.manual_medium | traffic_source.medium",
        "campaign": f"{_parameter('campaign')} | collected_traffic_source.manual_campaign_name | traffic_source.name",
        "device_category": "device.category",
        "operating_system": "device.operating_system",
        "browser": "device.web_info.browser | device.browser",
        "country": "geo.country",
        "platform": "platform",
        "stream_id": "stream_id",
        "order_id": f"ecommerce.transaction_id | {_parameter('transaction_id')}",
        "order_revenue": "ecommerce.purchase_revenue",
        "currency": _parameter("currency"),
        "product_id": "items.item_id",
        "description": "items.item_name",
        "category": "items.item_category",
        "quantity": "items.quantity",
        "unit_price": "items.price",
        "product_revenue": "items.item_revenue",
    },
    date_formats=("epoch_microseconds",),
    null_values=(NOT_SET, "(data deleted)", "<Other>"),
)

FLAT_EVENTS = KnownExport(
    title="Google Analytics 4 events, flattened",
    dataset="events",
    # As the clickstream file of a shop on MongoDB and BigQuery has them (16 columns), and as queries over the export name them.
    marks=("event_name", "event_timestamp", "ga_session_id | session_id", "user_pseudo_id | user_id"),
    columns={
        "event_name": "event_name",
        "happened_at": "event_timestamp",
        "visitor_id": "user_pseudo_id",
        "user_id": "user_id",
        "client_id": "client_id",
        "event_bundle_id": "event_bundle_sequence_id",
        "visit_id": "ga_session_id | session_id",
        "visit_number": "ga_session_number",
        "engagement_msec": "engagement_time_msec",
        "page_location": "page_location",
        "page_title": "page_title",
        "channel": "channel | channel_grouping",
        "source": "source | traffic_source.source",
        "medium": "medium | traffic_source.medium",
        "campaign": "campaign | traffic_source.name",
        "device_category": "device_category | device.category",
        "operating_system": "operating_system | device.operating_system",
        "browser": "browser | device.browser",
        "country": "country | geo.country",
        "platform": "platform",
        "stream_id": "stream_id",
        "order_id": "transaction_id | ecommerce.transaction_id | order_id",
        "order_revenue": "purchase_revenue | ecommerce.purchase_revenue",
        "currency": "currency",
        "product_id": "product_id | item_id",
        "description": "product_name | item_name",
        "category": "category | item_category",
        "quantity": "quantity",
        "unit_price": "price",
        "product_revenue": "item_revenue",
    },
    date_formats=("epoch_microseconds", "iso"),
    null_values=(NOT_SET, "(data deleted)", "<Other>"),
)

BOUGHT_IN_SESSIONS = KnownExport(
    title="Google Analytics 360 sessions with purchases, one row for each purchased product",
    dataset="sessions",
    marks=("fullVisitorId", "visitId", "product_sku", "product_quantity", "total_transactions | transactions"),
    columns={
        "visit_id": "visitId",
        "visitor_id": "fullVisitorId",
        "user_id": "userId",
        # A visit's id is the second in which it began.
        "started_at": "visitStartTime | visitId",
        "visit_date": "date",
        "visit_number": "visitNumber",
        "channel": "channelGrouping",
        "source": "source",
        "medium": "medium",
        "country": "country",
        "visits": "visits",
        "hit_count": "hits",
        "page_views": "pageviews",
        "time_on_site_seconds": "time_on_site",
        "transactions": "total_transactions | transactions",
        "session_revenue": "total_revenue",
        "order_id": "transactionId",
        "product_id": "product_sku",
        "description": "product_name",
        "category": "product_category",
        "quantity": "product_quantity",
        "unit_price": "product_price_valid | product_price",
        "product_revenue": "product_revenue",
    },
    date_formats=("%Y%m%d", "epoch_seconds"),
    # A template that Google's own store never filled in.
    null_values=(NOT_SET, "${productitem.product.origCatName}"),
    constants={"action": "purchase"},
)

FLAT_SESSIONS = KnownExport(
    title="sessions, one row each",
    dataset="sessions",
    marks=("Visit_ID", "User_ID | fullVisitorId | visitor_id", "timeOnSite", "visitStartTime | Activity_Date"),
    columns={
        "visit_id": "Visit_ID",
        "visitor_id": "fullVisitorId | visitor_id",
        "user_id": "User_ID",
        "started_at": "Activity_Date | visitStartTime",
        "visit_number": "visitNumber",
        "channel": "channelGrouping",
        "source": "source",
        "medium": "Medium",
        "campaign": "campaign",
        "device_category": "deviceCategory",
        "operating_system": "operatingSystem",
        "browser": "browser",
        "country": "country",
        "visits": "visits",
        "hit_count": "hits",
        "page_views": "pageviews",
        "time_on_site_seconds": "timeOnSite",
        "time_on_screen_seconds": "timeOnScreen",
        "unique_screens": "UniqueScreenViews",
        "transactions": "transactions",
        "session_revenue": "total_revenue",
    },
    # Days as 2003-10-12; a plain visitStartTime counts seconds.
    date_formats=("iso", "epoch_seconds"),
)

KNOWN_EXPORTS = (GA360, GA4, FLAT_EVENTS, BOUGHT_IN_SESSIONS, FLAT_SESSIONS)


def recognise(names: Iterable[str]) -> KnownExport | None:
    """The export that some names are of; None where they are of none that is known.

    >>> recognise(["event_timestamp", "event_name"]) is None
    True
    >>> recognise(["eventName", "eventTimestamp", "gaSessionId", "userId", "productId"]).title
    'Google Analytics 4 events, flattened'
    """
    held = {plain(name) for name in names}
    return next(
        (
            export
            for export in KNOWN_EXPORTS
            if all(any(plain(name) in held for name in alternatives(mark)) for mark in export.marks)
        ),
        None,
    )
