"""Exports whose names are fixed by who writes them: Google Analytics 360 and 4 as BigQuery holds them, with the mapping that fits them.

They are recognised by the names that they hold, never by a file's name. The names are those of the export schemas
(https://support.google.com/analytics/answer/3437719 for 360, https://support.google.com/analytics/answer/7029846 for 4). How a stranger's
nested documents are recognised is in `documents.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

NOT_SET = "(not set)"
"""What Analytics writes for a value that nobody gave."""


@dataclass(frozen=True)
class KnownExport:
    """An export that is known by its names.

    Attributes:
        title: what a person calls it.
        dataset: what its rows are.
        marks: paths that together only such an export has.
        explode: the lists that rows are made of.
        columns: our column → path.
        micros: our columns that it writes in millionths.
        date_formats: how it writes moments and days.
        null_values: what it writes for nothing, beside the usual words.
    """

    title: str
    dataset: str
    marks: tuple[str, ...]
    explode: tuple[str, ...]
    columns: dict[str, str]
    micros: tuple[str, ...]
    date_formats: tuple[str, ...]
    null_values: tuple[str, ...]


def _parameter(key: str, *kinds: str) -> str:
    return " | ".join(f"event_params[{key}].value.{kind}_value" for kind in kinds or ("string",))


GA360 = KnownExport(
    title="Google Analytics 360 sessions (ga_sessions)",
    dataset="sessions",
    marks=("fullVisitorId", "visitId", "visitStartTime", "totals.hits", "hits.hitNumber"),
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
    marks=("event_timestamp", "event_name", "user_pseudo_id", "event_params[ga_session_id].value.int_value"),
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
    micros=(),
    date_formats=("epoch_microseconds",),
    null_values=(NOT_SET, "(data deleted)", "<Other>"),
)

KNOWN_EXPORTS = (GA360, GA4)


def recognise(paths: Collection[str]) -> KnownExport | None:
    """The export that some documents are, by the paths that they hold; None where they are none that is known.

    >>> recognise(["event_timestamp", "event_name"]) is None
    True
    """
    return next((export for export in KNOWN_EXPORTS if all(mark in paths for mark in export.marks)), None)
