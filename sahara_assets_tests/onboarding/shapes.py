"""Order exports in the shapes that shops, tills and ERPs write, each with the mapping a person would make of it.

The headers follow the public documentation of the named systems; the values are the made-up shop's. Shapes that were held back while the
mapping was made are in `shapes_held_back.py`.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sahara_assets_tests.onboarding.shop import Line, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Shape:
    """One export: how to write it, and what must be found. `wanted` holds every column of ours; those it lacks must stay unmapped, but for `either`."""

    name: str
    header: str | Sequence[str]  # `|` between the names where it is one text
    row: Callable[[Line], Sequence[object]]
    wanted: Mapping[str, str]
    file_name: str = "export.csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    date_formats: tuple[str, ...] = ()
    decimal_mark: str = "."
    either: frozenset[str] = field(default_factory=frozenset)  # optional columns where more than one answer is right
    quote_all: bool = False

    @property
    def names(self) -> list[str]:
        """The header's names."""
        return self.header.split("|") if isinstance(self.header, str) else list(self.header)

    def content(self, seed: int = 7) -> bytes:
        """The file's bytes."""
        out = io.StringIO(newline="")
        writer = csv.writer(
            out,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL,
            lineterminator="\r\n",
        )
        writer.writerow(self.names)
        for line in lines(seed):
            writer.writerow(self.row(line))
        return out.getvalue().encode(self.encoding)


def comma(number: float) -> str:
    return f"{number:.2f}".replace(".", ",")


def first(line: Line, value: object) -> object:
    return value if line.first_of_order else ""


# fmt: off
SHAPES = (
    Shape(
        "online retail",
        ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"],
        lambda x: [536000 + x.order, 20000 + x.product * 7, x.title.upper(), x.quantity, x.at, x.price, "" if x.customer == 3 else f"{17000 + x.customer}.0", x.country],
        {"order_id": "InvoiceNo", "product_id": "StockCode", "description": "Description", "quantity": "Quantity", "ordered_at": "InvoiceDate", "unit_price": "UnitPrice", "customer_id": "CustomerID", "country": "Country"},
        "2023-01-03.csv",
    ),
    Shape(
        "online retail II",
        ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"],
        lambda x: [489000 + x.order, f"{20000 + x.product * 7}{'A' if x.product % 3 else ''}", x.title.upper(), x.quantity, f"{x.at.month}/{x.at.day}/{x.at.year} {x.at:%H:%M}", x.price, 13000 + x.customer, x.country],
        {"order_id": "Invoice", "product_id": "StockCode", "description": "Description", "quantity": "Quantity", "ordered_at": "InvoiceDate", "unit_price": "Price", "customer_id": "Customer ID", "country": "Country"},
        date_formats=("%m/%d/%Y %H:%M",),
    ),
    Shape(
        "shopify",
        "Name|Email|Financial Status|Paid at|Fulfillment Status|Fulfilled at|Accepts Marketing|Currency|Subtotal|Shipping|Taxes|Total|Discount Code|Discount Amount|Shipping Method|Created at|Lineitem quantity|Lineitem name|Lineitem price|Lineitem compare at price|Lineitem sku|Lineitem requires shipping|Lineitem taxable|Lineitem fulfillment status|Billing Name|Billing Street|Billing City|Billing Zip|Billing Country|Shipping Name|Shipping City|Shipping Country|Notes|Note Attributes|Cancelled at|Payment Method|Payment Reference|Refunded Amount|Vendor|Id|Tags|Risk Level|Source|Lineitem discount|Phone",
        lambda x: [
            f"#{1000 + x.order}",
            x.email,
            first(x, "paid"),
            first(x, f"{x.at:%Y-%m-%d %H:%M:%S} +0000"),
            first(x, "fulfilled"),
            first(x, f"{x.shipped:%Y-%m-%d %H:%M:%S} +0000"),
            first(x, "yes"),
            first(x, "EUR"),
            first(x, x.order_total),
            first(x, "4.95"),
            first(x, round(x.order_total * 0.2, 2)),
            first(x, round(x.order_total + 4.95, 2)),
            "",
            first(x, "0.00"),
            first(x, "Standard"),
            f"{x.at:%Y-%m-%d %H:%M:%S} +0000",
            x.quantity,
            x.title,
            x.price,
            "",
            f"SKU-{x.product:03}",
            "true",
            "true",
            "fulfilled",
            first(x, x.name),
            first(x, "1 High St"),
            first(x, x.city),
            first(x, "12345"),
            first(x, x.country_code),
            first(x, x.name),
            first(x, x.city),
            first(x, x.country_code),
            "",
            "",
            "",
            first(x, x.paid_by),
            first(x, f"c{x.order * 7919}"),
            first(x, "0.00"),
            "House",
            first(x, 4500000000 + x.order),
            "",
            first(x, "Low"),
            first(x, "web"),
            "0.00",
            "",
        ],
        {"order_id": "Name", "customer_id": "Email", "product_id": "Lineitem sku", "description": "Lineitem name", "quantity": "Lineitem quantity", "unit_price": "Lineitem price", "ordered_at": "Created at", "currency": "Currency", "country": "Billing Country"},
        "orders_export_1.csv",
        either=frozenset({"country", "category"}),
    ),
    Shape(
        "woocommerce",
        "Order Number|Order Status|Order Date|Customer Note|First Name (Billing)|Last Name (Billing)|Email (Billing)|City (Billing)|Postcode (Billing)|Country Code (Billing)|Payment Method Title|Cart Discount Amount|Order Subtotal Amount|Order Shipping Amount|Order Refund Amount|Order Total Amount|SKU|Item #|Item Name|Quantity (- Refund)|Item Cost|Coupon Code|Discount Amount",
        lambda x: [7000 + x.order, "Completed", f"{x.at:%Y-%m-%d %H:%M}", "", x.name.split()[0], x.name.split()[1], x.email, x.city, "12345", x.country_code, x.paid_by, 0, x.order_total, 4.9, 0, round(x.order_total + 4.9, 2), f"W{x.product:04}", x.line, x.title, x.quantity, x.price, "", 0],
        {"order_id": "Order Number", "customer_id": "Email (Billing)", "product_id": "SKU", "description": "Item Name", "quantity": "Quantity (- Refund)", "unit_price": "Item Cost", "ordered_at": "Order Date", "country": "Country Code (Billing)"},
    ),
    Shape(
        "magento",
        "item_id|order_id|increment_id|created_at|updated_at|status|customer_id|customer_email|sku|name|product_type|qty_ordered|qty_canceled|qty_shipped|price|base_price|row_total|tax_amount|discount_amount|order_currency_code|country_id",
        lambda x: [
            50000 + x.order * 10 + x.line,
            900 + x.order,
            f"{100000000 + x.order}",
            f"{x.at:%Y-%m-%d %H:%M:%S}",
            f"{x.shipped:%Y-%m-%d %H:%M:%S}",
            "complete",
            300 + x.customer,
            x.email,
            f"MG-{x.product}",
            x.title,
            "simple",
            f"{x.quantity}.0000",
            "0.0000",
            f"{x.quantity}.0000",
            f"{x.price:.4f}",
            f"{x.price:.4f}",
            f"{x.total:.4f}",
            f"{x.total * 0.2:.4f}",
            "0.0000",
            "USD",
            x.country_code,
        ],
        {"order_id": "order_id", "customer_id": "customer_id", "product_id": "sku", "description": "name", "quantity": "qty_ordered", "unit_price": "price", "ordered_at": "created_at", "currency": "order_currency_code", "country": "country_id"},
        either=frozenset({"category"}),
    ),
    Shape(
        "amazon all orders",
        "amazon-order-id|merchant-order-id|purchase-date|last-updated-date|order-status|fulfillment-channel|sales-channel|ship-service-level|product-name|sku|asin|item-status|quantity|currency|item-price|item-tax|shipping-price|ship-city|ship-postal-code|ship-country",
        lambda x: [
            f"206-{x.order * 7919 % 9999999:07}-{x.order:07}",
            "",
            f"{x.at:%Y-%m-%dT%H:%M:%S+00:00}",
            f"{x.shipped:%Y-%m-%dT%H:%M:%S+00:00}",
            "Shipped",
            "Amazon",
            "Amazon.de",
            "Expedited",
            x.title,
            f"AZ-{x.product:04}",
            f"B0{x.product:08}",
            "Shipped",
            x.quantity,
            "EUR",
            x.total,
            round(x.total * 0.19, 2),
            "0.0",
            x.city,
            "12345",
            x.country_code,
        ],
        {"order_id": "amazon-order-id", "product_id": "sku", "description": "product-name", "quantity": "quantity", "ordered_at": "purchase-date", "currency": "currency", "country": "ship-country"},
        "report.txt",
        delimiter="\t",
    ),
    Shape(
        "german",
        "Bestellnummer|Kundennummer|Artikelnummer|Bezeichnung|Menge|Einzelpreis|Bestelldatum|Land",
        lambda x: [f"B{x.order:05}", f"{x.customer:05}", f"{4000 + x.product}", x.title.replace("Large", "Große"), x.quantity, comma(x.price), f"{x.at:%d.%m.%Y}", {"GB": "Großbritannien", "DE": "Deutschland", "FR": "Frankreich", "ES": "Spanien", "US": "USA"}[x.country_code]],
        {"order_id": "Bestellnummer", "customer_id": "Kundennummer", "product_id": "Artikelnummer", "description": "Bezeichnung", "quantity": "Menge", "unit_price": "Einzelpreis", "ordered_at": "Bestelldatum", "country": "Land"},
        "umsatz_2023.csv",
        delimiter=";",
        encoding="cp1252",
        date_formats=("%d.%m.%Y",),
        decimal_mark=",",
    ),
    Shape(
        "french",
        ["N° commande", "Date de commande", "Code client", "Nom du client", "Réf. article", "Désignation", "Qté", "Prix unitaire HT", "Montant HT", "Pays", "Date de livraison"],
        lambda x: [f"CMD{x.order:06}", f"{x.at:%d/%m/%Y %H:%M}", f"CL{x.customer:04}", x.name, f"REF{x.product}", x.title, x.quantity, comma(x.price), comma(x.total), {"GB": "Royaume-Uni", "DE": "Allemagne", "FR": "France", "ES": "Espagne", "US": "États-Unis"}[x.country_code], f"{x.shipped:%d/%m/%Y}"],
        {"order_id": "N° commande", "ordered_at": "Date de commande", "customer_id": "Code client", "product_id": "Réf. article", "description": "Désignation", "quantity": "Qté", "unit_price": "Prix unitaire HT", "country": "Pays"},
        "commandes.csv",
        delimiter=";",
        date_formats=("%d/%m/%Y %H:%M",),
        decimal_mark=",",
    ),
    Shape(
        "spanish",
        ["Pedido", "Fecha", "Cliente", "Código artículo", "Descripción", "Cantidad", "Precio", "Importe", "País"],
        lambda x: [2023000 + x.order, f"{x.at:%d-%m-%Y}", 100 + x.customer, f"A-{x.product:03}", x.title, x.quantity, comma(x.price), comma(x.total), {"GB": "Reino Unido", "DE": "Alemania", "FR": "Francia", "ES": "España", "US": "Estados Unidos"}[x.country_code]],
        {"order_id": "Pedido", "ordered_at": "Fecha", "customer_id": "Cliente", "product_id": "Código artículo", "description": "Descripción", "quantity": "Cantidad", "unit_price": "Precio", "country": "País"},
        "ventas.csv",
        delimiter=";",
        encoding="cp1252",
        date_formats=("%d-%m-%Y",),
        decimal_mark=",",
    ),
    Shape(
        "square items",
        "Date|Time|Time Zone|Category|Item|Qty|Price Point Name|SKU|Modifiers Applied|Gross Sales|Discounts|Net Sales|Tax|Transaction ID|Payment ID|Device Name|Notes|Event Type|Location|Customer ID|Customer Name",
        lambda x: [
            f"{x.at:%Y-%m-%d}",
            f"{x.at:%H:%M:%S}",
            "Eastern Time",
            x.category,
            x.title,
            x.quantity,
            "Regular",
            f"SQ{x.product:05}",
            "",
            f"${x.total:.2f}",
            "$0.00",
            f"${x.total:.2f}",
            f"${x.total * 0.08:.2f}",
            f"TX{x.order * 7919:010}",
            f"PY{x.order * 104729:010}",
            "Till 1",
            "",
            "Payment",
            "Main St",
            f"CU{x.customer:04}",
            x.name,
        ],
        {"order_id": "Transaction ID", "customer_id": "Customer ID", "product_id": "SKU", "description": "Item", "quantity": "Qty", "ordered_at": "Date", "category": "Category"},
    ),
    Shape(
        "superstore",
        "Row ID|Order ID|Order Date|Ship Date|Ship Mode|Customer ID|Customer Name|Segment|Country|City|State|Postal Code|Region|Product ID|Category|Sub-Category|Product Name|Sales|Quantity|Discount|Profit",
        lambda x: [
            x.order * 10 + x.line,
            f"CA-2023-{100000 + x.order}",
            f"{x.at:%m/%d/%Y}",
            f"{x.shipped:%m/%d/%Y}",
            "Second Class",
            f"{x.name[:2].upper()}-{10000 + x.customer}",
            x.name,
            "Consumer",
            "United States",
            x.city,
            "Texas",
            "78701",
            "Central",
            f"OFF-{x.product:05}",
            x.category,
            x.category + " small",
            x.title,
            x.total,
            x.quantity,
            0.2 if x.product % 5 == 0 else 0,
            round(x.total * 0.11, 4),
        ],
        {"order_id": "Order ID", "ordered_at": "Order Date", "customer_id": "Customer ID", "country": "Country", "product_id": "Product ID", "category": "Category", "description": "Product Name", "quantity": "Quantity"},
        date_formats=("%m/%d/%Y",),
        encoding="cp1252",
    ),
    Shape(
        "olist order items",
        ["order_id", "order_item_id", "product_id", "seller_id", "shipping_limit_date", "price", "freight_value"],
        lambda x: [f"{x.order * 2654435761:032x}", x.line, f"{x.product * 40503 + 11:032x}", f"{x.product % 7 * 6700417:032x}", f"{x.shipped:%Y-%m-%d %H:%M:%S}", x.price, round(3 + x.price * 0.1, 2)],
        {"order_id": "order_id", "product_id": "product_id", "unit_price": "price"},
        "olist_order_items_dataset.csv",
    ),
    Shape(
        "dunnhumby",
        "household_key|BASKET_ID|DAY|PRODUCT_ID|QUANTITY|SALES_VALUE|STORE_ID|RETAIL_DISC|TRANS_TIME|WEEK_NO|COUPON_DISC|COUPON_MATCH_DISC",
        lambda x: [2000 + x.customer, 26984851472 + x.order, (x.at.date() - lines()[0].at.date()).days + 1, 1000000 + x.product * 31, x.quantity, x.total, 300 + x.customer % 9, "-0.39" if x.product % 4 == 0 else 0.0, f"{x.at:%H%M}", x.at.isocalendar().week, 0.0, 0.0],
        {"customer_id": "household_key", "order_id": "BASKET_ID", "product_id": "PRODUCT_ID", "quantity": "QUANTITY"},
        "transaction_data.csv",
    ),
)
# fmt: on
