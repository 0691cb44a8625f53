"""Raw lines → `purchases`: every line once, classified, with what leaves counted by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from sahara_assets.sales.parts_of_day import part_of_day
from sahara_assets.tables.books import DROPS
from sahara_assets.tables.datasets import DATASETS, RAW_TABLES
from sahara_assets.tables.sales import PURCHASES
from sahara_assets.warehouse.expressions import Expression, is_one_of, money, seconds_of, starts_with_code

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

FUTURE_SECONDS = 86_400
"""A line dated so much later than its drop was modified cannot have happened yet."""


def drop_ranks(warehouse: Warehouse, dataset: str) -> ibis.Table:
    """Per content: its rank (the newest has the highest) and the latest modification time of a file that delivers it.

    Newest is decided by the date in the file name, then modification time, path and hash; never by arrival.
    """
    drops = warehouse.table(DROPS)
    current = drops.filter((drops.dataset == dataset) & (drops.status == "loaded"))
    dated = current.file_date.coalesce(ibis.date("0001-01-01"))
    ranked = current.mutate(
        rank=ibis.row_number().over(order_by=[dated, current.modified_at, current.path, current.drop_id])
    )
    return ranked.group_by("drop_id").aggregate(rank=ranked["rank"].max(), modified_at=ranked.modified_at.max())


def superseded_lines(warehouse: Warehouse, dataset: str, version_column: str = "") -> ibis.Table:
    """The raw lines that a newer drop states again: `_drop_id`, `_line`.

    A line's identity is its key, or (hash of its typed columns, n-th occurrence within its drop). Two equal lines of one drop are
    two units and both stay; the same line in two overlapping drops is one. Of a keyed dataset only the newest row of a key stays:
    by the version column where one is set (a row without a version is older than any that has one), then by drop.
    """
    raw = warehouse.table(RAW_TABLES[dataset])
    ranks = drop_ranks(warehouse, dataset)
    identity = list(DATASETS[dataset].key) or ["_line_hash", "_occurrence"]
    repeated = raw.group_by(identity).aggregate(copies=raw.count())
    repeated = repeated.filter(repeated.copies > 1)
    copies = raw.semi_join(repeated, identity)
    ranked = copies.join(ranks, copies["_drop_id"] == ranks.drop_id)
    order: list[Expression] = [ranked["rank"].desc(), ranked["_line"].desc()]
    if version_column:
        order = [ranked[version_column].isnull().ifelse(1, 0), ranked[version_column].desc(), *order]
    placed = ranked.mutate(place=ibis.row_number().over(group_by=identity, order_by=order))
    return placed.filter(placed.place > 0).select("_drop_id", "_line")


def current_lines(warehouse: Warehouse, settings: Settings, dataset: str) -> ibis.Table:
    """The raw lines that count, every one once."""
    raw = warehouse.table(RAW_TABLES[dataset])
    superseded = superseded_lines(warehouse, dataset, settings.datasets[dataset].version_column)
    return raw.anti_join(superseded, ["_drop_id", "_line"])


def build_purchases(warehouse: Warehouse, settings: Settings) -> tuple[int, list[tuple[str, int]]]:
    """Write `purchases`.

    Returns:
        Its rows, and the step's account: rows in, rows that leave by reason, rows out.
    """
    raw = RAW_TABLES["purchases"]
    taken = warehouse.count(raw)
    rows = warehouse.replace(PURCHASES, _classified(warehouse, settings))
    account = [
        ("in: raw_purchases", taken),
        ("the same line in a newer drop that overlaps", taken - rows),
        ("out", rows),
    ]
    return rows, account


def _classified(warehouse: Warehouse, settings: Settings) -> ibis.Table:
    lines = current_lines(warehouse, settings, "purchases")
    rules = settings.rules
    ranks = drop_ranks(warehouse, "purchases")
    lines = lines.join(ranks, lines["_drop_id"] == ranks.drop_id)
    price = _in_project_currency(lines, settings)
    catalogue = _catalogue(warehouse, settings)
    lines = lines.mutate(unit_price=price).left_join(catalogue, "product_id", rname="{name}_catalogue")
    has_prices = states_prices(settings)
    if not has_prices:
        nothing = money(ibis.literal(0))
        lines = lines.mutate(unit_price=lines.catalogue_price.coalesce(nothing))
    cancellation = starts_with_code(lines.order_id, rules.cancellation_prefixes)
    # Where no line states a price, none can be told to be free.
    is_free = lines.unit_price == 0 if has_prices else ibis.literal(value=False)
    adjustment = starts_with_code(lines.order_id, rules.adjustment_prefixes) | ((lines.quantity < 0) & is_free)
    kind = ibis.cases(
        (cancellation, "cancellation"),
        (adjustment, "adjustment"),
        (lines.quantity < 0, "return"),
        (is_free, "free"),
        else_="sale",
    )
    selected: dict[str, Any] = {
        name: lines[name] for name in ("_drop_id", "_line", "order_id", "customer_id", "product_id")
    }
    return lines.select(
        **selected,
        description=lines.description,
        quantity=lines.quantity,
        unit_price=lines.unit_price,
        line_total=money(lines.quantity * lines.unit_price),
        ordered_at=lines.ordered_at,
        ordered_at_local=lines.ordered_at_local,
        ordered_on=lines.ordered_at_local.date(),
        part_of_day=part_of_day(warehouse, lines, settings),
        line_kind=kind,
        is_fee=is_one_of(lines.product_id, rules.fee_codes),
        is_future=seconds_of(lines.ordered_at) > seconds_of(lines.modified_at) + FUTURE_SECONDS,
        country=lines.country,
        category=lines.category.coalesce(lines.catalogue_category),
        product_group=lines.product_group.coalesce(lines.catalogue_group),
        place_id=lines.place_id,
        channel=lines.channel,
        client_id=lines.client_id,
        user_id=lines.user_id,
    )


def _in_project_currency(lines: ibis.Table, settings: Settings) -> Expression:
    """The unit price in the project's currency, by the rates of the settings."""
    rates = [
        (code, rate) for code, rate in settings.project.currency_rates.items() if code != settings.project.currency
    ]
    if not rates:
        return lines.unit_price
    branches = [
        (lines.currency == code.upper(), money(lines.unit_price * ibis.literal(f"{rate:.10f}").cast("decimal(18, 10)")))
        for code, rate in rates
    ]
    return ibis.cases(*branches, else_=lines.unit_price)


def states_prices(settings: Settings) -> bool:
    """Whether the purchases' files state prices: not where the settings declare that they have none."""
    return settings.datasets["purchases"].columns.get("unit_price") != ""


def _catalogue(warehouse: Warehouse, settings: Settings) -> ibis.Table:
    """Product → category, group and price by the products dataset (no rows where the project has none)."""
    if "products" in settings.datasets:
        products = current_lines(warehouse, settings, "products")
    else:
        products = warehouse.table(RAW_TABLES["products"]).limit(0)
    return products.select(
        "product_id",
        catalogue_category=products.category,
        catalogue_group=products.product_group,
        catalogue_price=products.list_price,
    )
