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
    a row. `key` names the columns by which a newer row replaces an older one; without a key every line counts. `stand_ins` are required
    columns that files may be declared to lack, with what then stands for them.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    required: tuple[str, ...]
    expected: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = field(default=())
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
)

CUSTOMERS_DATASET = Dataset(
    name="customers",
    description="One row per customer; a newer drop replaces a customer's row.",
    columns=(
        text_column("customer_id", "The customer, as purchases state it.", nullable=False),
        text_column("country", "The customer's country."),
        text_column("client_id", "Analytics client id (the browser), for the audience file."),
        text_column("user_id", "Analytics user id, for the audience file."),
        date_column("signed_up_on", "The day the customer signed up, local."),
    ),
    required=("customer_id",),
    key=("customer_id",),
    identifiers=("customer_id", "client_id", "user_id"),
)

DATASETS: dict[str, Dataset] = {d.name: d for d in (PURCHASES_DATASET, PRODUCTS_DATASET, CUSTOMERS_DATASET)}


def _raw_table(dataset: Dataset) -> Table:
    """A raw table: the dataset's typed columns, every line of every current drop, and where each line came from."""
    local = tuple(
        timestamp_column(f"{column.name}_local", f"{column.name} in the project's time zone.", nullable=column.nullable)
        for column in dataset.columns
        if column.kind is Kind.TIMESTAMP
    )
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
            text_column("_extra", "Undeclared columns as canonical JSON text; null where there are none."),
            text_column(
                "_line_hash", "MD5 of the typed declared columns: the same on every warehouse.", nullable=False
            ),
            integer_column("_occurrence", "The n-th line of this drop with that hash, from 1."),
        ),
        key=("_drop_id", "_line"),
    )


RAW_TABLES: dict[str, Table] = {name: _raw_table(dataset) for name, dataset in DATASETS.items()}
