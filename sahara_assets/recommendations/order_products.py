"""What recommendations are made from: which products stand on which orders of which customers, read once and held as numbers.

Ids are sorted bytewise before they are numbered, so that the smaller number is the smaller id on every warehouse and a tie that goes to
the first goes to the same product everywhere. What is made of it is in `interactions.py` and `together.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sahara_assets.features.expressions import before
from sahara_assets.tables.sales import PURCHASES

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from sahara_assets.warehouse.base import Warehouse

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NOBODY = -1
"""Stands for the customer of an anonymous order."""


@dataclass(frozen=True)
class OrderProducts:
    """One entry per product of an order, whatever the number of its lines; all arrays are of one length.

    Attributes:
        customers: ids, in bytewise order; `customer` counts into them.
        products: ids, in bytewise order; `product` counts into them.
        customer: whose order it is; `NOBODY` where it is anonymous.
        order: number of the order.
        product: what was ordered.
        at: local moment of the earliest such line.
        bought: units on sale lines.
        returned: units on return and cancellation lines; they may stand on another order than the sale.
    """

    customers: list[str]
    products: list[str]
    customer: IntArray
    order: IntArray
    product: IntArray
    at: npt.NDArray[np.datetime64]
    bought: FloatArray
    returned: FloatArray

    def where(self, mask: npt.NDArray[np.bool_]) -> OrderProducts:
        """Some of the entries, numbered as before."""
        return OrderProducts(
            self.customers,
            self.products,
            self.customer[mask],
            self.order[mask],
            self.product[mask],
            self.at[mask],
            self.bought[mask],
            self.returned[mask],
        )

    def before(self, moment: datetime) -> OrderProducts:
        """What was known at a local moment."""
        return self.where(self.at < np.datetime64(moment))

    def since(self, moment: datetime) -> OrderProducts:
        """What came from a local moment on."""
        return self.where(self.at >= np.datetime64(moment))


def read_order_products(warehouse: Warehouse, cut_off: datetime) -> OrderProducts:
    """Every product of every order before a local cut-off: fees, free items, write-offs and lines of the future left out."""
    lines = before(warehouse.table(PURCHASES), cut_off)
    lines = lines.filter(
        ~lines.is_fee
        & ~lines.is_future
        & lines.line_kind.isin(["sale", "return", "cancellation"])
        & (lines.quantity != 0)
    )
    sold = lines.line_kind == "sale"
    grouped = lines.group_by("customer_id", "order_id", "product_id").aggregate(
        ordered_at_local=lines.ordered_at_local.min(),
        bought=sold.ifelse(lines.quantity, 0).sum().cast("float64"),
        returned=sold.ifelse(0, lines.quantity.abs()).sum().cast("float64"),
    )
    return order_products(warehouse.arrow(grouped))


def order_products(table: pa.Table) -> OrderProducts:
    """The same from an Arrow table with `customer_id`, `order_id`, `product_id`, `ordered_at_local`, `bought` and `returned`."""
    import pyarrow as pa

    customers, customer = _numbered(table["customer_id"])
    _, order = _numbered(table["order_id"])
    products, product = _numbered(table["product_id"])
    entries = OrderProducts(
        customers,
        products,
        customer,
        order,
        product,
        table["ordered_at_local"].cast(pa.timestamp("us")).to_numpy(),
        table["bought"].cast(pa.float64()).to_numpy(),
        table["returned"].cast(pa.float64()).to_numpy(),
    )
    # No warehouse promises an order of rows, and sums of floats depend on it.
    ordered = np.lexsort((entries.product, entries.order, entries.at, entries.customer))
    return OrderProducts(
        customers,
        products,
        customer[ordered],
        order[ordered],
        product[ordered],
        entries.at[ordered],
        entries.bought[ordered],
        entries.returned[ordered],
    )


def _numbered(column: Any) -> tuple[list[str], IntArray]:  # noqa: ANN401 - pyarrow has no types
    """The different values in bytewise order, and for each row the number of its value; null is -1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.unique(column).drop_null()
    values = values.take(pc.sort_indices(values))
    places = pc.fill_null(pc.index_in(column, value_set=values), NOBODY)
    if isinstance(places, pa.ChunkedArray):
        places = places.combine_chunks()
    return values.to_pylist(), places.to_numpy(zero_copy_only=False).astype(np.int64)
