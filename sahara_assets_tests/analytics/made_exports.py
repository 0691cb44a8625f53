"""Made analytics exports, after the schemas of the real ones: a few sessions of Analytics 360 and events of Analytics 4 with purchases."""

from __future__ import annotations

import json

from sahara_assets.onboarding.known_exports import GA4, GA360

MICROS = 1_000_000
STARTED = 1_470_075_581  # 2016-08-01 18:19:41 UTC


def product(sku="P1", price=12.99, quantity=None, revenue=None, *, impression=None):
    """A product row of a hit."""
    return {
        "productSKU": sku,
        "v2ProductName": f"Product {sku}",
        "v2ProductCategory": "Home/Apparel/",
        "productPrice": round(price * MICROS),
        "productQuantity": quantity,
        "productRevenue": None if revenue is None else round(revenue * MICROS),
        "isImpression": impression,
    }


def hit(number, *products, kind="PAGE", action="0", msec=0, order=None):
    """A hit of a session."""
    return {
        "hitNumber": number,
        "time": msec,
        "type": kind,
        "page": {"pagePath": "/home"},
        "eCommerceAction": {"action_type": action, "step": 1},
        "transaction": {"transactionId": order, "currencyCode": "USD"} if order else None,
        "product": list(products),
    }


def session(visitor, visit, *hits, started=STARTED, **others):
    """A session of Analytics 360."""
    return {
        "fullVisitorId": visitor,
        "visitId": visit,
        "visitStartTime": started,
        "visitNumber": 1,
        "date": "20160801",
        "userId": None,
        "channelGrouping": "Referral",
        "totals": {"visits": 1, "hits": len(hits), "pageviews": 3, "timeOnSite": 60},
        "trafficSource": {"source": "google", "medium": "organic", "campaign": "(not set)"},
        "device": {"deviceCategory": "desktop", "operatingSystem": "Linux", "browser": "Firefox"},
        "geoNetwork": {"country": "Germany"},
        "hits": list(hits),
        **others,
    }


def parameters(**values):
    """Event parameters as the export writes them: whole numbers and texts apart."""
    return [
        {
            "key": key,
            "value": {
                "string_value": value if isinstance(value, str) else None,
                "int_value": value if isinstance(value, int) else None,
                "float_value": None,
                "double_value": None,
            },
        }
        for key, value in values.items()
    ]


def item(sku="P1", price=5.0, quantity=1, **others):
    """An item of an event."""
    return {"item_id": sku, "item_name": f"Product {sku}", "item_category": "Apparel", "price": price, "quantity": quantity, **others}  # fmt: skip


def event(visitor, name, second, *items, visit=1, order=None, revenue=None, bundle=1, params=None, **others):
    """An event of Analytics 4, so many seconds after `STARTED`."""
    return {
        "event_date": "20160801",
        "event_timestamp": (STARTED + second) * MICROS + 36_492,
        "event_name": name,
        "event_params": parameters(ga_session_id=visit, ga_session_number=1, **(params or {})),
        "event_value_in_usd": float("nan"),
        "event_bundle_sequence_id": bundle,
        "user_id": None,
        "user_pseudo_id": visitor,
        "device": {"category": "mobile", "operating_system": "Android", "web_info": {"browser": "Chrome"}},
        "geo": {"country": "India"},
        "traffic_source": {"medium": "(none)", "name": "(direct)", "source": "(direct)"},
        "stream_id": 2100450278,
        "platform": "WEB",
        "ecommerce": {"transaction_id": order, "purchase_revenue": revenue},
        "items": list(items),
        **others,
    }


def lines(*documents):
    """Documents as JSON lines, NaN and all."""
    return "\n".join(json.dumps(document) for document in documents) + "\n"


SESSIONS = GA360.reading()
EVENTS = GA4.reading()
