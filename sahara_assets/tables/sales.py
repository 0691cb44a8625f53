"""Clean sales: lines, and the orders, products and customers they speak of."""

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

PURCHASES = Table(
    name="purchases",
    stage="sales",
    description="Every order line once, classified: nothing is dropped unseen.",
    columns=(
        text_column("_drop_id", "The drop that the line came from.", nullable=False),
        integer_column("_line", "Its physical line there."),
        text_column("order_id", "The order that the line stands on.", nullable=False),
        text_column("customer_id", "Who bought; null for an anonymous line."),
        text_column("product_id", "What was bought.", nullable=False),
        text_column("description", "The product's name as printed on the line."),
        decimal_column("quantity", "Units; negative for units that came back.", nullable=False),
        decimal_column("unit_price", "Price of one unit in the project's currency.", nullable=False),
        decimal_column("line_total", "quantity × unit_price.", nullable=False),
        timestamp_column("ordered_at", "When it was ordered, UTC.", nullable=False),
        timestamp_column("ordered_at_local", "When it was ordered, in the project's time zone.", nullable=False),
        date_column("ordered_on", "The local day it was ordered.", nullable=False),
        text_column("part_of_day", "The part of the day it was ordered in, as [parts_of_day] has it.", nullable=False),
        text_column("line_kind", "sale, return, cancellation, adjustment or free.", nullable=False),
        flag_column("is_fee", "A fee (postage, bank charge), not merchandise."),
        flag_column("is_future", "Dated more than a day after the drop was modified."),
        text_column("country", "The customer's country as the line states it."),
        text_column("category", "Category of the product: the line's own, else the product's."),
        text_column("product_group", "Group of the product: the line's own, else the product's."),
        text_column("place_id", "Where it was bought."),
        text_column("channel", "How it was bought."),
        text_column("client_id", "Analytics client id."),
        text_column("user_id", "Analytics user id."),
    ),
    key=("_drop_id", "_line"),
)

ORDERS = Table(
    name="orders",
    stage="sales",
    description="One row per order.",
    columns=(
        text_column("order_id", "The order.", nullable=False),
        text_column(
            "customer_id", "Who ordered: the most frequent on its lines, ties to the latest; null if anonymous."
        ),
        timestamp_column("ordered_at", "Its earliest line, UTC.", nullable=False),
        timestamp_column("ordered_at_local", "Its earliest line, in the project's time zone.", nullable=False),
        date_column("ordered_on", "The local day of its earliest line.", nullable=False),
        integer_column("line_count", "Lines of any kind."),
        decimal_column("unit_count", "Units on its sale lines.", nullable=False),
        decimal_column("gross_spend", "Value of its sale lines.", nullable=False),
        decimal_column(
            "returned_value", "Value of its returned and cancelled lines, as a positive amount.", nullable=False
        ),
        decimal_column("net_spend", "gross_spend − returned_value.", nullable=False),
        flag_column("has_sale", "At least one sale line."),
        flag_column("has_return", "At least one return line."),
        flag_column("has_cancellation", "At least one cancellation line."),
        flag_column("has_adjustment", "At least one adjustment line."),
    ),
    key=("order_id",),
)

PRODUCTS = Table(
    name="products",
    stage="sales",
    description="One row per product that was sold or is in the catalogue.",
    columns=(
        text_column("product_id", "The product.", nullable=False),
        text_column("description", "From the catalogue, else the most frequent on its lines, ties to the latest."),
        text_column("category", "From the catalogue, else the most frequent on its lines, ties to the latest."),
        text_column("product_group", "From the catalogue, else the most frequent on its lines, ties to the latest."),
        text_column("brand", "From the catalogue."),
        decimal_column("list_price", "Catalogue price."),
        decimal_column("cost", "What one unit costs the shop, from the catalogue."),
        decimal_column("margin", "Share of the price that is left after cost, from the catalogue."),
        flag_column("is_fee", "A fee, not merchandise."),
        integer_column("sale_line_count", "Sale lines."),
        decimal_column("unit_count", "Units on sale lines.", nullable=False),
        decimal_column("gross_spend", "Value of sale lines.", nullable=False),
    ),
    key=("product_id",),
)

CUSTOMERS = Table(
    name="customers",
    stage="sales",
    description="One row per known customer, buyers or not: everyone on an order line, in the customer file or among the sign-ups.",
    columns=(
        text_column("customer_id", "The customer.", nullable=False),
        text_column(
            "country",
            "From the customer file, else the most frequent on the lines, ties to the latest, else the account's.",
        ),
        text_column("client_id", "From the customer file, else the latest on the lines."),
        text_column("user_id", "From the customer file, else the latest on the lines."),
        text_column("visitor_id", "From the customer file."),
        date_column("signed_up_on", "From the customer file, else from the sign-ups."),
        timestamp_column("first_ordered_at", "First sale line, UTC."),
        timestamp_column("last_ordered_at", "Latest sale line, UTC."),
        integer_column("line_count", "Lines of any kind."),
        flag_column("has_sale", "At least one sale line."),
        text_column("account_id", "The account that the customer belongs to, from the customer file."),
        text_column(
            "attributes",
            "Declared attributes as JSON text: the customer's own, else the account's, else the sign-up's. Numbers and dates are texts in it.",
        ),
    ),
    key=("customer_id",),
)
