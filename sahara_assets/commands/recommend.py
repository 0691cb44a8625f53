"""`sahara recommend`: which products to recommend to a customer, and what is bought with a product."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Click's annotations are read by people
from typing import TYPE_CHECKING

import click

from sahara_assets import console
from sahara_assets.commands.options import common_options, json_option, settings_of
from sahara_assets.errors import SaharaError
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.warehouse.base import Row


@click.command(short_help="Which products to recommend to whom.")
@click.argument("customer", required=False)
@click.option("--with", "product", metavar="PRODUCT", help="What is bought together with this product instead.")
@json_option
@common_options
def recommend(customer: str | None, product: str | None, as_json: bool, config: Path | None) -> None:
    """Show what the last run recommends to a customer; without one, or to somebody unknown, what is popular.

    Ids are compared exactly, as they stand in the tables.
    """
    from sahara_assets.recommendations.looking_up import bought_with, recommended_to
    from sahara_assets.running import reading

    settings = settings_of(config)
    if customer is not None and product is not None:
        raise SaharaError("--with asks about a product; leave the customer out, or --with")
    with reading(settings) as warehouse:
        if product is not None:
            rows = bought_with(warehouse, settings, product)
        else:
            rows = recommended_to(warehouse, settings, customer)
    if as_json:
        found = (
            {"product": product, "bought_together": rows}
            if product is not None
            else {"customer": customer, "recommendations": rows}
        )
        console.as_json(found)
    elif product is not None:
        _show_companions(product, rows)
    else:
        _show_recommendations(customer, rows)


def _show_recommendations(customer: str | None, rows: Sequence[Row]) -> None:
    shown = [{**row, "rank": str(row["rank"]), "score": f"{row['score']:.4f}"} for row in rows]
    columns = {"rank": "#", "product_id": "product", "description": "name", "score": "score", "reason": "why"}
    console.table(shown, columns, optional=["score", "description"])
    if customer is not None and rows and all(row["method"] == "popularity" for row in rows):
        console.paragraph(f"{customer}: nothing is known of this customer's taste, so what is popular is recommended")
    if customer is not None and not rows:
        console.paragraph(f"{customer}: has everything that is on offer")


def _show_companions(product: str, rows: Sequence[Row]) -> None:
    shown = [
        {
            **row,
            "rank": str(row["rank"]),
            "confidence": console.share(row["confidence"]),
            "lift": f"{row['lift']:.1f}",
        }
        for row in rows
    ]
    columns = {
        "rank": "#",
        "other_product_id": "product",
        "other_description": "name",
        "order_count": "orders with both",
        "confidence": "of its orders",
        "lift": "lift",
    }
    console.table(shown, columns, optional=["other_description", "lift"])
    if rows:
        console.paragraph(f"{product} stands on {counted(rows[0]['product_order_count'], 'order')}")
    else:
        console.paragraph(
            f"{product}: no product stands often enough in the same orders (recommendations.minimum_pair_orders)"
        )
