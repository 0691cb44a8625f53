"""Raw lines → `purchases`: every line once, classified, with what leaves counted by reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis

from sahara_assets.drops.extracted import EXTRACTED
from sahara_assets.sales.parts_of_day import part_of_day
from sahara_assets.tables.books import DROPS, IN
from sahara_assets.tables.datasets import DATASETS, RAW_TABLES
from sahara_assets.tables.sales import PURCHASES
from sahara_assets.warehouse.base import relation
from sahara_assets.warehouse.compiling import kept
from sahara_assets.warehouse.expressions import Expression, any_row, is_one_of, money, seconds_of, starts_with_code

if TYPE_CHECKING:
    from datetime import date, datetime

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

FUTURE_SECONDS = 86_400
"""A line dated so much later than its drop was modified cannot have happened yet."""


@kept
def drop_ranks(dataset: str, written_before: datetime | None = None) -> ibis.Table:
    """Per content: its rank (the newest has the highest) and the latest modification time of a file that delivers it.

    Newest is decided by the date in the file name, then modification time, path and hash; never by arrival.

    Args:
        dataset: whose drops.
        written_before: count only files that were modified before this moment, UTC.
    """
    drops = relation(DROPS)
    current = drops.filter((drops.dataset == dataset) & (drops.status == "loaded"))
    if written_before is not None:
        current = current.filter(current.modified_at < ibis.timestamp(written_before.isoformat(sep=" ")))
    dated = current.file_date.coalesce(ibis.date("0001-01-01"))
    ranked = current.mutate(
        rank=ibis.row_number().over(order_by=[dated, current.modified_at, current.path, current.drop_id])
    )
    return ranked.group_by("drop_id").aggregate(
        rank=ranked["rank"].max(),
        modified_at=ranked.modified_at.max(),
        extracted=any_row(ranked.path.startswith(EXTRACTED)),
    )


def has_extracts(warehouse: Warehouse, dataset: str) -> bool:
    """Whether what counts of a dataset comes from extracts, all or in part."""
    drops = warehouse.table(DROPS)
    mine = drops.filter((drops.dataset == dataset) & (drops.status == "loaded") & drops.path.startswith(EXTRACTED))
    return warehouse.how_many(mine) > 0


@kept
def superseded_lines(
    dataset: str,
    version_column: str = "",
    written_before: datetime | None = None,
    dated_before: tuple[str, date] | None = None,
) -> ibis.Table:
    """The raw lines that a newer drop states again: `_drop_id`, `_line`.

    A line's identity is its key, or (hash of its typed columns, n-th occurrence within its drop). Two equal lines of one drop are
    two units and both stay; the same line in two overlapping drops is one. Of a keyed dataset only the newest row of a key stays:
    by the version column where one is set (a row without a version is older than any that has one), then by drop.
    """
    ranks = drop_ranks(dataset, written_before)
    raw = _delivered(dataset, written_before, dated_before)
    identity = list(DATASETS[dataset].key) or ["_line_hash", "_occurrence"]
    repeated = raw.group_by(identity).aggregate(copies=raw.count())
    repeated = repeated.filter(repeated.copies > 1)
    copies = raw.semi_join(repeated, identity)
    ranked = copies.join(ranks, [("_drop_id", "drop_id")])
    order: list[Expression] = [ranked["rank"].desc(), ranked["_line"].desc()]
    if version_column:
        order = [ranked[version_column].isnull().ifelse(1, 0), ranked[version_column].desc(), *order]
    placed = ranked.mutate(place=ibis.row_number().over(group_by=identity, order_by=order))
    return placed.filter(placed.place > 0).select("_drop_id", "_line")


@kept
def outdated_rows(dataset: str, *, nested: bool, written_before: datetime | None = None) -> ibis.Table:
    """The raw rows of documents that a newer drop states anew: `_drop_id`, `_line`.

    A nested document says whole what it speaks of: an order with all its items, a session with all its hits. Where a newer drop holds the
    same order or session, everything that older drops said of it gives way, also items that are no longer part of it. Within one drop
    nothing does: what stands there twice is there twice. An extract states whole documents too, also where its rows are flat; of a flat
    file nobody knows, so it replaces nothing unless all drops of the dataset are nested.
    """
    raw = _delivered(dataset, written_before, None)
    ranks = drop_ranks(dataset, written_before)
    ranked = raw.join(ranks, [("_drop_id", "drop_id")])
    states_whole = (
        ranked["rank"] if nested else ranked.extracted.ifelse(ranked["rank"], ibis.null(ranked["rank"].type()))
    )
    newest = states_whole.max().over(group_by=list(DATASETS[dataset].document))
    placed = ranked.mutate(newest=newest)
    return placed.filter(placed["rank"] < placed.newest).select("_drop_id", "_line")


@kept
def _delivered(dataset: str, written_before: datetime | None, dated_before: tuple[str, date] | None) -> ibis.Table:
    """The raw lines of a dataset, or those of its files that were written before a moment, or that are dated before a day."""
    raw = relation(RAW_TABLES[dataset])
    if dated_before is not None:
        column, day = dated_before
        raw = raw.filter(raw[column] < ibis.date(day))
    if written_before is None:
        return raw
    ranks = drop_ranks(dataset, written_before)
    return raw.semi_join(ranks, [("_drop_id", "drop_id")])


def current_lines(
    warehouse: Warehouse,
    settings: Settings,
    dataset: str,
    *,
    written_before: datetime | None = None,
    dated_before: tuple[str, date] | None = None,
) -> ibis.Table:
    """The raw lines that count, every one once; none of a dataset that the project does not have.

    Args:
        warehouse: holds the raw tables and the ledger.
        settings: whether there is such a dataset, how its documents nest, and which column decides between its versions.
        dataset: its name.
        written_before: as if only the files were there that had been written before this moment, UTC.
        dated_before: a date column and a day: as if the files held only lines of days before it. Of keyed datasets only.
    """
    if dataset not in settings.datasets:
        return _delivered(dataset, written_before, dated_before).limit(0)
    reading = settings.datasets[dataset]
    lines = _newest(dataset, reading.version_column, written_before, dated_before)
    nested = bool(reading.explode)
    if DATASETS[dataset].document and (nested or has_extracts(warehouse, dataset)):
        lines = lines.anti_join(
            outdated_rows(dataset, nested=nested, written_before=written_before), ["_drop_id", "_line"]
        )
    return lines


@kept
def _newest(
    dataset: str, version_column: str, written_before: datetime | None, dated_before: tuple[str, date] | None
) -> ibis.Table:
    """The raw lines that no newer drop states again."""
    superseded = superseded_lines(dataset, version_column, written_before, dated_before)
    return _delivered(dataset, written_before, dated_before).anti_join(superseded, ["_drop_id", "_line"])


@dataclass(frozen=True)
class MoreLines:
    """Purchases that come from elsewhere than the purchases dataset.

    Attributes:
        lines: with the columns of `LINE_COLUMNS`, of which `modified_at` is when their drop was modified.
        account: rows in and rows that leave by reason; what is left are the lines.
    """

    lines: ibis.Table
    account: list[tuple[str, int]]


LINE_COLUMNS = {
    "_drop_id": "string",
    "_line": "int64",
    "order_id": "string",
    "customer_id": "string",
    "product_id": "string",
    "description": "string",
    "quantity": "decimal(18, 4)",
    "unit_price": "decimal(18, 4)",
    "ordered_at": "timestamp(6)",
    "ordered_at_local": "timestamp(6)",
    "country": "string",
    "category": "string",
    "product_group": "string",
    "place_id": "string",
    "channel": "string",
    "currency": "string",
    "client_id": "string",
    "user_id": "string",
    "modified_at": "timestamp(6)",
    "has_document": "boolean",
    "states_price": "boolean",
}
"""What classification needs of a line; `has_document` says whether its order id is the number of a document that the rules read,
`states_price` whether its price is the line's own."""


def build_purchases(
    warehouse: Warehouse, settings: Settings, more: MoreLines | None = None
) -> tuple[int, list[tuple[str, int]]]:
    """Write `purchases`.

    Args:
        warehouse: holds the raw tables.
        settings: what the lines mean.
        more: purchases from elsewhere.

    Returns:
        Its rows, and the step's account: rows in, rows that leave by reason, rows out.
    """
    has_own = "purchases" in settings.datasets
    taken = warehouse.count(RAW_TABLES["purchases"]) if has_own else 0
    lines = _every_line(warehouse, settings, more.lines if more else None)
    rows = warehouse.replace(PURCHASES, _of_countries(lines, settings))
    abroad = warehouse.how_many(lines) - rows if settings.rules.countries else 0
    others = sum(count if reason.startswith(IN) else -count for reason, count in more.account) if more else 0
    again = "the same line in a newer drop that overlaps"
    if has_own and (settings.datasets["purchases"].explode or has_extracts(warehouse, "purchases")):
        again += ", or its document stated anew there"
    account = [(f"{IN}raw_purchases", taken), (again, taken + others - abroad - rows)]
    if settings.rules.countries:
        account.append(("a country that rules.countries does not name", abroad))
    return rows, [*account, *(more.account if more else ()), ("out", rows)]


def _of_countries(lines: ibis.Table, settings: Settings) -> ibis.Table:
    wanted = settings.rules.countries
    return lines.filter(lines.country.isin(sorted(wanted))) if wanted else lines


def as_lines(lines: ibis.Table) -> ibis.Table:
    """Lines with the columns that classification needs, of the same kinds wherever they come from."""
    return lines.select(*LINE_COLUMNS).cast(LINE_COLUMNS)


def _own_lines(warehouse: Warehouse, settings: Settings, written_before: datetime | None) -> ibis.Table:
    """The lines of the purchases dataset; none where the project has none."""
    lines = current_lines(warehouse, settings, "purchases", written_before=written_before)
    ranks = drop_ranks("purchases", written_before)
    lines = lines.join(ranks, [("_drop_id", "drop_id")])
    # A made-up order id begins with whatever its hash begins with; no rule may read it.
    numbered, priced = ibis.literal(states_orders(settings)), ibis.literal(states_prices(settings))
    return as_lines(lines.mutate(has_document=numbered, states_price=priced))


def classified(
    warehouse: Warehouse,
    settings: Settings,
    more: ibis.Table | None = None,
    *,
    written_before: datetime | None = None,
) -> ibis.Table:
    """The rows of `purchases`, or what they would have been with the files written before a moment.

    Args:
        warehouse: holds the raw tables.
        settings: what the lines mean.
        more: lines from elsewhere, as `MoreLines` has them.
        written_before: the moment, UTC.
    """
    return _of_countries(_every_line(warehouse, settings, more, written_before=written_before), settings)


def _every_line(
    warehouse: Warehouse, settings: Settings, more: ibis.Table | None, *, written_before: datetime | None = None
) -> ibis.Table:
    """The classified lines of every country."""
    if more is None:
        lines = _own_lines(warehouse, settings, written_before)
    elif "purchases" in settings.datasets:
        lines = ibis.union(_own_lines(warehouse, settings, written_before), more)
    else:
        lines = more
    rules = settings.rules
    price = _in_project_currency(lines, settings)
    catalogue = _catalogue(warehouse, settings, written_before)
    lines = lines.mutate(unit_price=price).left_join(catalogue, "product_id", rname="{name}_catalogue")
    if not states_prices(settings):
        # Lines from elsewhere (analytics) may state prices that the shop's own files do not.
        own = lines.catalogue_price.coalesce(money(ibis.literal(0)))
        lines = lines.mutate(unit_price=lines.states_price.ifelse(lines.unit_price, own))
    # Where a line states no price, it cannot be told to be free.
    is_free = lines.states_price & (lines.unit_price == 0)
    cancellation = lines.has_document & starts_with_code(lines.order_id, rules.cancellation_prefixes)
    adjustment = (lines.has_document & starts_with_code(lines.order_id, rules.adjustment_prefixes)) | (
        (lines.quantity < 0) & is_free
    )
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
    """Whether the purchases' own files state prices: not where the settings declare that they have none."""
    return "purchases" not in settings.datasets or settings.datasets["purchases"].columns.get("unit_price") != ""


def states_orders(settings: Settings) -> bool:
    """Whether the purchases' own files state order ids: not where the settings declare that they have none."""
    return "purchases" not in settings.datasets or settings.datasets["purchases"].columns.get("order_id") != ""


def _catalogue(warehouse: Warehouse, settings: Settings, written_before: datetime | None) -> ibis.Table:
    """Product → category, group and price by the products dataset (no rows where the project has none)."""
    products = current_lines(warehouse, settings, "products", written_before=written_before)
    return products.select(
        "product_id",
        catalogue_category=products.category,
        catalogue_group=products.product_group,
        catalogue_price=products.list_price,
    )
