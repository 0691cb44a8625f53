"""A shop's clickstream as flat events, one row for each item of an event, and its orders as documents that MongoDB exports."""

from __future__ import annotations

import csv
import io
import json

from sahara_assets_tests.analytics.made_exports import MICROS, STARTED

COLUMNS = (
    "_id", "brand", "category", "engagementTimeMsec", "eventBundleSequenceId", "eventDate", "eventName", "eventTimestamp",
    "gaSessionId", "price", "productId", "productName", "quantity", "uniqueItems", "userId", "variant",
)  # fmt: skip


def clicks(user, name, second, *products, session="1", engaged="", bundle="1"):
    """An event's rows: one, or one for each `(product, price, quantity)`; each says what the event took."""
    rows = products or (("", "", ""),)
    return [
        {
            "_id": f"{user}-{name}-{second}-{place}",
            "engagementTimeMsec": engaged,
            "eventBundleSequenceId": bundle,
            "eventDate": "20160801",
            "eventName": name,
            "eventTimestamp": (STARTED + second) * MICROS,
            "gaSessionId": session,
            "price": price,
            "productId": product,
            "productName": f"a {product}" if product else "",
            "quantity": quantity,
            "uniqueItems": len(products),
            "userId": user,
        }
        for place, (product, price, quantity) in enumerate(rows)
    ]


def as_csv(*events):
    """Events as the 16 columns of the clickstream file."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for event in events for row in event)
    return out.getvalue()


def order(number, user, second, *items):
    """An order as `mongoexport` writes it, with its line items inside."""
    return json.dumps(
        {
            "_id": {"$oid": f"{number:024x}"},
            "orderId": f"ORD{number}",
            "userId": user,
            "orderDate": {"$date": {"$numberLong": str((STARTED + second) * 1000)}},
            "lineItems": [
                {"productId": product, "productName": f"a {product}", "category": "Toys", "price": {"$numberDecimal": price},
                 "quantity": {"$numberInt": str(quantity)}}
                for product, price, quantity in items
            ],
        }
    )  # fmt: skip


ORDERS = {
    "format": "jsonl",
    "explode": "lineItems",
    "columns": {
        "order_id": "orderId",
        "customer_id": "userId",
        "product_id": "lineItems.productId",
        "description": "lineItems.productName",
        "category": "lineItems.category",
        "quantity": "lineItems.quantity",
        "unit_price": "lineItems.price",
        "ordered_at": "orderDate",
    },
}
