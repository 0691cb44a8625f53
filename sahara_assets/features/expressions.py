"""How the features of every shop are computed, as Ibis expressions over what is known at a cut-off, which is an argument, never the clock.

Features that the settings bring are in `parts.py`; what was known at a past moment is put together in `past.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

import ibis

from sahara_assets.errors import SaharaError
from sahara_assets.features.declarations import TOP_CATEGORY_COUNT
from sahara_assets.features.feature_set import FeatureSet, feature_set
from sahara_assets.features.parts import declared_parts
from sahara_assets.sales.subjects import is_counted_return, is_counted_sale
from sahara_assets.tables.analytics import SESSIONS
from sahara_assets.tables.books import DROPS
from sahara_assets.tables.features import TOP_CATEGORIES
from sahara_assets.tables.sales import CUSTOMERS, PURCHASES
from sahara_assets.warehouse.expressions import (
    SECONDS_PER_DAY,
    Expression,
    money,
    money_where,
    ratio,
    seconds_of,
    whole_days_between,
)

if TYPE_CHECKING:
    from sahara_assets.sales.subjects import Account
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


@dataclass(frozen=True)
class Basis:
    """What features are computed from: everything that counts at a moment, and nothing of what came later.

    Attributes:
        lines: `purchases` that were ordered before the cut-off.
        customers: `customers` as they were known.
        sessions: `sessions` that began before the cut-off.
        cut_off: local.
        settings: whether fees count, how a category path is split, who is measured.
    """

    lines: ibis.Table
    customers: ibis.Table
    sessions: ibis.Table
    cut_off: datetime
    settings: Settings

    @property
    def known_sales(self) -> ibis.Table:
        """The lines of known customers that count as spend, with their category's first part."""
        separator = self.settings.features.category_separator
        lines = self.lines.mutate(top_category=first_part(self.lines.category, separator))
        return lines.filter(is_counted_sale(lines, self.settings) & lines.customer_id.notnull())


def basis_of(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> Basis:
    """The tables as they are, up to a cut-off."""
    return Basis(
        before(warehouse.table(PURCHASES), cut_off),
        warehouse.table(CUSTOMERS),
        sessions_before(warehouse, cut_off),
        cut_off,
        settings,
    )


def before(lines: ibis.Table, cut_off: datetime) -> ibis.Table:
    """The lines that were ordered before a local moment."""
    return lines.filter(lines.ordered_at_local < ibis.timestamp(cut_off.isoformat(sep=" ")))


def sessions_before(warehouse: Warehouse, cut_off: datetime) -> ibis.Table:
    """The sessions that began before a local moment, whole."""
    sessions = warehouse.table(SESSIONS)
    return sessions.filter(sessions.started_at_local < ibis.timestamp(cut_off.isoformat(sep=" ")))


def cut_off_of(warehouse: Warehouse, settings: Settings) -> datetime | None:
    """The local moment up to which lines count: the configured one, else the midnight after the latest sale that is not in the future.

    Where visitors are measured, after the latest sale or session. Where everybody is measured and nobody has bought anything yet, it is the midnight after the newest file: after the date in its name,
    else the day it was written.

    Returns:
        None where there is nothing to go by.
    """
    if settings.features.cut_off:
        return datetime.fromisoformat(settings.features.cut_off)
    lines = warehouse.table(PURCHASES)
    sales = lines.filter(is_counted_sale(lines, settings) & ~lines.is_future)
    last = warehouse.rows(sales.aggregate(last=sales.ordered_at_local.max()))[0]["last"]
    if settings.features.counts_visitors:
        sessions = warehouse.table(SESSIONS)
        seen = warehouse.rows(sessions.aggregate(last=sessions.started_at_local.max()))[0]["last"]
        last = max((moment for moment in (last, seen) if moment is not None), default=None)
    if last is None and settings.features.population != "buyers":
        drops = warehouse.table(DROPS)
        loaded = drops.filter(drops.status == "loaded")
        last = warehouse.rows(loaded.aggregate(last=loaded.file_date.coalesce(loaded.modified_at.date()).max()))[0][
            "last"
        ]
    return None if last is None else datetime.combine(last + timedelta(days=1), time())


def build_features(warehouse: Warehouse, settings: Settings, cut_off: datetime) -> tuple[int, Account]:
    """Write `top_categories` and `customer_features` as of a cut-off.

    Args:
        warehouse: holds `purchases` and `customers`.
        settings: what is measured, of whom, and how.
        cut_off: local; lines from this moment on do not count.

    Raises:
        SaharaError: nobody is there to be measured.
    """
    features, basis = feature_set(settings), basis_of(warehouse, settings, cut_off)
    warehouse.replace(TOP_CATEGORIES, top_categories(basis))
    rows = warehouse.replace(features.table, customer_features(basis, features, top=warehouse.table(TOP_CATEGORIES)))
    population = settings.features.population
    if rows == 0:
        raise SaharaError(f"{_NOBODY[population].format(f'{cut_off:%Y-%m-%d %H:%M}')}")
    everyone = warehouse.count(CUSTOMERS)
    left = [(_LEFT_OUT[population], everyone - rows)] if population in _LEFT_OUT else []
    return rows, [("in: customers", everyone), *left, ("out", rows)]


_NOBODY = {
    "buyers": "no customer with a sale before {}: are customer ids mapped, and is features.cut_off right?",
    "customers": "no customers at all: look at `sahara drops`, and whether their ids are mapped",
    "visitors": "no session of a known visitor before {}: look at `sahara drops`, and whether analytics.customer names an id that sessions have",
    "everyone": "no customers and no visitors at all: look at `sahara drops`, and whether their ids are mapped",
}
_LEFT_OUT = {"buyers": "no sale line before the cut-off", "visitors": "no session before the cut-off"}


def first_part(path: Expression, separator: str) -> Expression:
    """The widest category of a path; the path itself where nothing separates its parts."""
    if not separator:
        return path
    place = path.find(separator)
    return (place > 0).ifelse(path.substr(0, place).strip(), path)


def top_categories(basis: Basis) -> ibis.Table:
    """The categories with the biggest gross spend of known customers."""
    sales = basis.known_sales
    totals = sales.group_by(category=sales.top_category).aggregate(gross_spend=money(sales.line_total.sum()))
    totals = totals.mutate(everything=money(totals.gross_spend.sum().over()))
    named = totals.filter(totals.category.notnull())
    ranked = named.mutate(rank=ibis.row_number().over(order_by=[named.gross_spend.desc(), named.category.asc()]) + 1)
    return ranked.filter(ranked["rank"] <= TOP_CATEGORY_COUNT).select(
        "rank", "category", "gross_spend", spend_share=ratio(ranked.gross_spend, ranked.everything)
    )


def customer_features(basis: Basis, features: FeatureSet, *, top: ibis.Table) -> ibis.Table:
    """One row per customer of the population, with every feature of the set.

    Args:
        basis: what is known.
        features: what is measured.
        top: `top_categories` of the same basis.
    """
    names = [feature.name for feature in features.features]
    measured = _measured(basis, top) if features.sells else _people(basis).select("customer_id", "country")
    for part in declared_parts(basis, features.declared):
        measured = measured.left_join(part, "customer_id").drop("customer_id_right")
    zeros = {
        one.feature.name: measured[one.feature.name].coalesce(ibis.literal(0))
        for one in features.declared
        if one.feature.zero_without_orders
    }
    return measured.mutate(**zeros).select("customer_id", *names)


def _people(basis: Basis) -> ibis.Table:
    """The customers who are measured whether or not they have bought."""
    if basis.settings.features.population != "visitors":
        return basis.customers
    return basis.customers.semi_join(basis.sessions, "customer_id")


def _measured(basis: Basis, top: ibis.Table) -> ibis.Table:
    """The features that every shop with order lines has, of the population."""
    known = basis.lines.filter(basis.lines.customer_id.notnull())
    sales = basis.known_sales
    returned = known.filter(is_counted_return(known, basis.settings))
    orders = sales.group_by(["customer_id", "order_id"]).aggregate(
        value=money(sales.line_total.sum()),
        lines=sales.count(),
        units=money(sales.quantity.sum()),
        first=sales.ordered_at_local.min(),
        last=sales.ordered_at_local.max(),
    )
    orders = orders.mutate(
        place=ibis.row_number().over(group_by="customer_id", order_by=orders["value"]) + 1,
        orders_of_customer=orders.count().over(group_by="customer_id"),
    )
    totals = orders.group_by("customer_id").aggregate(
        first=orders["first"].min(),
        last=orders["last"].max(),
        last_order=orders["first"].max(),
        order_count=orders.count(),
        line_count=orders["lines"].sum(),
        unit_count=money(orders["units"].sum()),
        gross_spend=money(orders["value"].sum()),
        median_order_value=_median(orders),
    )
    products = sales.group_by("customer_id").aggregate(distinct_products=sales.product_id.nunique())
    back = returned.group_by("customer_id").aggregate(returned_value=money((-returned.line_total).sum()))
    if basis.settings.features.population == "buyers":
        joined = totals
    else:
        joined = _people(basis).select("customer_id").left_join(totals, "customer_id").drop("customer_id_right")
    for part in (products, back, _category_spend(top, sales)):
        joined = joined.left_join(part, "customer_id").drop("customer_id_right")
    customers = basis.customers.select("customer_id", "country")
    joined = joined.left_join(customers, "customer_id").drop("customer_id_right")
    return _computed(joined, basis.cut_off)


def _computed(joined: ibis.Table, cut_off: datetime) -> ibis.Table:
    """The features from the sums of a customer; who never bought has none of these, which is 0 of most."""
    none, nothing = ibis.literal(0), money(ibis.literal(0))
    joined = joined.mutate(
        returned_value=joined.returned_value.coalesce(nothing),
        gross_spend=joined.gross_spend.coalesce(nothing),
        order_count=joined.order_count.coalesce(none),
    )
    between = (seconds_of(joined.last_order) - seconds_of(joined["first"])).cast("float64") / SECONDS_PER_DAY
    shares = {
        f"category_share_{rank}": ratio(joined[f"category_spend_{rank}"].coalesce(nothing), joined.gross_spend)
        for rank in range(1, TOP_CATEGORY_COUNT + 1)
    }
    return joined.select(
        customer_id=joined.customer_id,
        recency_days=whole_days_between(joined["last"], cut_off),
        tenure_days=whole_days_between(joined["first"], cut_off),
        order_count=joined.order_count,
        line_count=joined.line_count.coalesce(none),
        unit_count=joined.unit_count.coalesce(nothing),
        distinct_products=joined.distinct_products.coalesce(none),
        gross_spend=joined.gross_spend,
        net_spend=money(joined.gross_spend - joined.returned_value),
        average_order_value=ratio(joined.gross_spend, joined.order_count),
        median_order_value=joined.median_order_value.coalesce(none.cast("float64")),
        mean_days_between_orders=between / (joined.order_count - 1).nullif(0),
        return_rate=ratio(joined.returned_value, joined.gross_spend),
        **shares,
        country=joined.country,
    )


def _median(orders: ibis.Table) -> Expression:
    """The exact median of a customer's order values, from their places in order: no engine's approximate quantile."""
    count = orders.orders_of_customer
    middle = (orders.place == (count + 1) // 2) | (orders.place == (count + 2) // 2)
    return orders["value"].sum(where=middle).cast("float64") / middle.sum()


def _category_spend(top: ibis.Table, sales: ibis.Table) -> ibis.Table:
    """Each customer's gross spend in each of the top categories."""
    spent = sales.inner_join(top.select("rank", top_category="category"), "top_category")
    return spent.group_by("customer_id").aggregate(
        **{
            f"category_spend_{rank}": money_where(spent["rank"] == rank, spent.line_total)
            for rank in range(1, TOP_CATEGORY_COUNT + 1)
        }
    )
