"""What the drops of each kind hold, and the raw tables they fill: a dataset's columns and a few of ours."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sahara_assets.tables.columns import (
    Column,
    Kind,
    Table,
    date_column,
    decimal_column,
    integer_column,
    text_column,
    timestamp_column,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Dataset:
    """What the drops of one kind hold.

    `required` columns must be in the header and hold a value in every row; `expected` ones must be in the header, but may be empty in
    a row. `key` names the columns by which a newer row replaces an older one; without a key every line counts. `document` names the
    columns that tell what a nested document states whole (an order, a session, an event): of documents the newest counts.
    `plain_numbers` bear no currency sign. Where `takes_attributes`, further columns can be declared in the settings; `attributes` names
    those of `columns` that were (see `drops/attributes.py`). `stand_ins` are required columns that files may be declared to lack, with what
    then stands for them.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    required: tuple[str, ...]
    expected: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = field(default=())
    plain_numbers: frozenset[str] = frozenset()
    takes_attributes: bool = False
    attributes: frozenset[str] = frozenset()
    document: tuple[str, ...] = ()
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    def under(self, columns: Mapping[str, str]) -> Dataset:
        """The dataset as its files hold it under a mapping: a column with a stand-in that is mapped to nothing need not be there.

        >>> PURCHASES_DATASET.under({"quantity": ""}).required
        ('order_id', 'product_id', 'unit_price', 'ordered_at')
        """
        absent = {name for name in self.stand_ins if columns.get(name) == ""}
        return replace(self, required=tuple(name for name in self.required if name not in absent)) if absent else self

    @property
    def raw_table(self) -> str:
        """The name of the raw table that this dataset's drops fill."""
        return f"raw_{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the declared columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The declared column of that name.

        Raises:
            KeyError: the dataset declares no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"dataset {self.name} declares no column {name!r}")


PURCHASES_DATASET = Dataset(
    name="purchases",
    description="One row per order line, as the shop's till or order system exports them.",
    columns=(
        text_column("order_id", "The order, invoice or receipt that the line stands on.", nullable=False),
        text_column("customer_id", "Who bought; empty for an anonymous line."),
        text_column("product_id", "What was bought: article number, SKU or stock code.", nullable=False),
        text_column("description", "The product's name as printed on the line."),
        decimal_column("quantity", "Units bought; negative for units that came back.", nullable=False),
        decimal_column("unit_price", "Price of one unit in the project's currency.", nullable=False),
        timestamp_column("ordered_at", "When the line was ordered, in UTC.", nullable=False),
        text_column("country", "The customer's country as the line states it."),
        text_column("category", "The product's category, where the line states it."),
        text_column("currency", "Currency code of the price, where the line states it."),
        text_column("client_id", "Analytics client id (the browser), for the audience file."),
        text_column("user_id", "Analytics user id, for the audience file."),
        text_column("place_id", "Where it was bought: the store, branch, till or kiosk."),
        text_column("channel", "How it was bought: shop, web, app or telephone."),
        text_column(
            "product_group", "A grouping of products beside the category, such as a department or article group."
        ),
    ),
    required=("order_id", "product_id", "quantity", "unit_price", "ordered_at"),
    expected=("customer_id",),
    identifiers=("order_id", "customer_id", "product_id", "client_id", "user_id", "place_id"),
    plain_numbers=frozenset({"quantity"}),
    document=("order_id",),
    stand_ins={
        "order_id": "an order is then what one customer bought at one place at one moment",
        "quantity": "every line is then one unit",
        "unit_price": "the price is then the product's list_price, where the products dataset has one, else 0: nothing is known of spend",
    },
)

PRODUCTS_DATASET = Dataset(
    name="products",
    description="One row per product; a newer drop replaces a product's row.",
    columns=(
        text_column("product_id", "Article number, SKU or stock code, as purchases state it.", nullable=False),
        text_column("description", "The product's name."),
        text_column("category", "Category, or a path of categories from wide to narrow."),
        decimal_column("list_price", "Price of one unit in the catalogue, in the project's currency."),
        text_column("brand", "The brand or maker."),
        text_column(
            "product_group", "A grouping of products beside the category, such as a department or article group."
        ),
        decimal_column("cost", "What one unit costs the shop, in the project's currency."),
        decimal_column("margin", "Share of the price that is left after cost: 0.62 for 62 %."),
    ),
    required=("product_id",),
    key=("product_id",),
    identifiers=("product_id",),
    plain_numbers=frozenset({"margin"}),
)

CUSTOMERS_DATASET = Dataset(
    name="customers",
    description="One row per customer; a newer drop replaces a customer's row.",
    columns=(
        text_column("customer_id", "The customer, as purchases state it.", nullable=False),
        text_column("country", "The customer's country."),
        text_column("client_id", "Analytics client id (the browser), for the audience file."),
        text_column("user_id", "Analytics user id, for the audience file."),
        text_column("visitor_id", "Analytics' id of the visitor, by which sessions lead to the customer."),
        date_column("signed_up_on", "The day the customer signed up, local."),
        text_column("account_id", "The account (company, household) that the customer belongs to."),
    ),
    required=("customer_id",),
    key=("customer_id",),
    identifiers=("customer_id", "client_id", "user_id", "visitor_id", "account_id"),
    takes_attributes=True,
)

ACCOUNTS_DATASET = Dataset(
    name="accounts",
    description="One row per account that customers belong to; a newer drop replaces an account's row.",
    columns=(
        text_column("account_id", "The account, as customers state it.", nullable=False),
        text_column("country", "The account's country."),
    ),
    required=("account_id",),
    key=("account_id",),
    identifiers=("account_id",),
    takes_attributes=True,
)

SIGN_UPS_DATASET = Dataset(
    name="sign_ups",
    description="One row per customer who signed up; a newer drop replaces a customer's row.",
    columns=(
        text_column("customer_id", "The customer, as purchases state it.", nullable=False),
        date_column("signed_up_on", "The day the customer signed up, local.", nullable=False),
    ),
    required=("customer_id", "signed_up_on"),
    key=("customer_id",),
    identifiers=("customer_id",),
    takes_attributes=True,
)

_WHO = (
    text_column("visitor_id", "Analytics' id of the visitor: fullVisitorId, user_pseudo_id."),
    text_column("client_id", "Analytics client id (the browser), for the audience file."),
    text_column("user_id", "The user's own id, where the user was logged in."),
)
_FROM_WHERE = (
    text_column("channel", "Channel group, such as Organic Search."),
    text_column("source", "Where the session came from, such as google."),
    text_column("medium", "How, such as organic or referral."),
    text_column("campaign", "The campaign."),
    text_column("device_category", "desktop, mobile or tablet."),
    text_column("operating_system", "The device's operating system."),
    text_column("browser", "The browser."),
    text_column("country", "The visitor's country."),
)
_WHAT = (
    text_column("order_id", "The transaction that a purchase stands on."),
    text_column("currency", "Currency code of the prices, where the row states it."),
    text_column("product_id", "The product that was seen, clicked or bought: SKU or item id."),
    text_column("description", "The product's name."),
    text_column("category", "The product's category, or a path of categories."),
    decimal_column("quantity", "Units."),
    decimal_column("unit_price", "Price of one unit in the project's currency."),
    decimal_column("product_revenue", "What the product's units came to."),
)

SESSIONS_DATASET = Dataset(
    name="sessions",
    description="Analytics sessions, one row per product of a hit, with what the hit and the session state: Google Analytics 360's export, or a flat file.",
    columns=(
        text_column("visit_id", "The session; unique to its visitor, not to the property.", nullable=False),
        *_WHO,
        timestamp_column("started_at", "When the session began, in UTC.", nullable=False),
        date_column("visit_date", "The day of the session as the property's clock showed it."),
        integer_column("visit_number", "The n-th session of the visitor.", nullable=True),
        *_FROM_WHERE,
        integer_column("visits", "1 for a session with interactions.", nullable=True),
        integer_column("hit_count", "Hits of the session.", nullable=True),
        integer_column("page_views", "Pages seen in the session.", nullable=True),
        integer_column("time_on_site_seconds", "Length of the session.", nullable=True),
        integer_column("time_on_screen_seconds", "Time on screens of an app.", nullable=True),
        integer_column("unique_screens", "Different screens seen.", nullable=True),
        integer_column("transactions", "Transactions of the session.", nullable=True),
        decimal_column("session_revenue", "What the session's transactions came to, tax and shipping included."),
        integer_column("hit_number", "The n-th hit of the session.", nullable=True),
        integer_column("hit_msec", "Milliseconds from the session's beginning to the hit.", nullable=True),
        text_column("hit_type", "PAGE, EVENT, TRANSACTION and so on."),
        text_column("action", "What was done: Analytics' action type (0 to 8), or a word such as purchase."),
        text_column("is_impression", "true where the product was only shown in a list."),
        text_column("page_path", "The page of the hit."),
        *_WHAT,
    ),
    required=("visit_id", "started_at"),
    identifiers=("visit_id", "visitor_id", "client_id", "user_id", "order_id", "product_id"),
    document=("visitor_id", "client_id", "user_id", "visit_id", "started_at"),
)

EVENTS_DATASET = Dataset(
    name="events",
    description="Analytics events, one row per item of an event: Google Analytics 4's export, or a flat file of events.",
    columns=(
        text_column("event_name", "What happened: page_view, purchase and so on.", nullable=False),
        timestamp_column("happened_at", "When, in UTC.", nullable=False),
        *_WHO,
        text_column("event_bundle_id", "The bundle that the event was sent in: tells events of one moment apart."),
        text_column("visit_id", "The session (ga_session_id); unique to its visitor, not to the property."),
        integer_column("visit_number", "The n-th session of the visitor.", nullable=True),
        integer_column("engagement_msec", "Milliseconds of engagement since the event before.", nullable=True),
        text_column("page_location", "Address of the page."),
        text_column("page_title", "Title of the page, or name of the screen."),
        *_FROM_WHERE,
        text_column("platform", "WEB, IOS or ANDROID."),
        text_column("stream_id", "The data stream."),
        decimal_column("order_revenue", "What the event's transaction came to."),
        *_WHAT,
    ),
    required=("event_name", "happened_at"),
    identifiers=(
        "event_bundle_id",
        "visitor_id",
        "client_id",
        "user_id",
        "visit_id",
        "stream_id",
        "order_id",
        "product_id",
    ),
    document=("visitor_id", "user_id", "visit_id", "event_name", "happened_at", "event_bundle_id"),
)

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        PURCHASES_DATASET,
        PRODUCTS_DATASET,
        CUSTOMERS_DATASET,
        ACCOUNTS_DATASET,
        SIGN_UPS_DATASET,
        SESSIONS_DATASET,
        EVENTS_DATASET,
    )
}

ATTRIBUTES = "_attributes"
"""The raw column that holds a row's attributes."""


def _raw_table(dataset: Dataset) -> Table:
    """A raw table: the dataset's typed columns, every line of every current drop, and where each line came from."""
    local = tuple(
        timestamp_column(f"{column.name}_local", f"{column.name} in the project's time zone.", nullable=column.nullable)
        for column in dataset.columns
        if column.kind is Kind.TIMESTAMP
    )
    about = (
        "Declared attributes as canonical JSON text: names by code point, numbers with four decimals and dates as text."
    )
    attributes = (text_column(ATTRIBUTES, about),) if dataset.takes_attributes else ()
    return Table(
        name=dataset.raw_table,
        stage="raw",
        description=f"Every line of every current {dataset.name} drop, typed. {dataset.description}",
        columns=(
            text_column(
                "_drop_id", "SHA-256 of the drop's content; `drops` says which paths deliver it.", nullable=False
            ),
            integer_column("_line", "Physical line number in the drop, counted from 1 with the header."),
            *dataset.columns,
            *local,
            *attributes,
            text_column("_extra", "Undeclared columns as canonical JSON text; null where there are none."),
            text_column(
                "_line_hash", "MD5 of the typed declared columns: the same on every warehouse.", nullable=False
            ),
            integer_column("_occurrence", "The n-th line of this drop with that hash, from 1."),
        ),
        key=("_drop_id", "_line"),
    )


RAW_TABLES: dict[str, Table] = {name: _raw_table(dataset) for name, dataset in DATASETS.items()}
