"""What was known of customers at a past moment: the same features, computed from nothing that came later.

Two questions are told apart. By default everything counts that *had happened* by then, whenever a file said so: order lines by their own
time, sign-ups by their day. What carries no date of its own (an income, a country in the customer file) counts from files that had been
written by then, unless it cannot change, as a birth year. With `known` only files count that had been written by then, as if Sahara had
been asked at that moment.

What was known cannot be had back whole: a file that has been replaced since is gone from the tables with what only it said. `Past.lost`
says how many there are, so that nobody takes the answer for more than it is. A file's moment is its modification time, which orders
versions elsewhere, too; when Sahara took it in is no measure, because a file is taken in again when its settings change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import ibis

from sahara_assets.errors import SaharaError
from sahara_assets.features.expressions import Basis, before, customer_features, sessions_before, top_categories
from sahara_assets.features.feature_set import FeatureSet, feature_set, uses_sessions
from sahara_assets.sales.customers import constant_attributes, customers_from, files_of, merged_attributes
from sahara_assets.sales.lines import classified
from sahara_assets.tables.books import DROPS
from sahara_assets.tables.sales import PURCHASES

if TYPE_CHECKING:
    from collections.abc import Collection

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse


@dataclass(frozen=True)
class Past:
    """The features of every customer as of a moment.

    Attributes:
        moment: local to the project.
        known: whether only files count that had been written by then.
        rows: one per customer, as in `customer_features`, by customer id.
        categories: what the categories behind `category_share_<rank>` were.
        lost: files written before the moment that have been replaced or forgotten since; what only they said is not in it.
    """

    moment: datetime
    known: bool
    rows: list[Row]
    categories: dict[str, str]
    lost: int


def features_as_of(
    warehouse: Warehouse, settings: Settings, moment: datetime, *, known: bool = False, customer_id: str | None = None
) -> Past:
    """What the features were at a moment.

    Args:
        warehouse: only read.
        settings: what is measured, of whom, and how.
        moment: local; what happened from then on does not count.
        known: count only files that had been written by then.
        customer_id: of this customer alone.

    Raises:
        SaharaError: `known` is asked for, and something comes from analytics.
    """
    basis = basis_as_of(warehouse, settings, moment, known=known)
    table = features_of(basis)
    if customer_id is not None:
        table = table.filter(table.customer_id == customer_id)
    return Past(
        moment,
        known,
        rows=warehouse.rows(table.order_by("customer_id")),
        categories={f"category_share_{row['rank']}": row["category"] for row in warehouse.rows(top_categories(basis))},
        lost=_lost(warehouse, _utc(moment, settings)),
    )


def features_of(basis: Basis, names: Collection[str] | None = None) -> ibis.Table:
    """`customer_features` of a basis, or some of its columns, without a table of its categories: for training sets at several moments.

    What is not asked for is not computed as far as that can be: a training asks several times over.
    """
    everything = feature_set(basis.settings)
    if names is None:
        return customer_features(basis, everything, top=top_categories(basis))
    only = FeatureSet(
        tuple(feature for feature in everything.features if feature.name in names),
        tuple(one for one in everything.declared if one.feature.name in names),
        everything.sells,
    )
    if any(name.startswith("category_share_") for name in names):
        return customer_features(basis, only, top=top_categories(basis))
    nothing = basis.lines.filter(ibis.literal(value=False))
    return customer_features(basis, only, top=nothing.select(rank=ibis.literal(0, "int64"), category=nothing.category))


def lines_as_of(warehouse: Warehouse, settings: Settings, moment: datetime) -> Basis:
    """What order lines alone said at a local moment, whatever files say of customers: enough for features that are made from `purchases`."""
    lines = before(warehouse.table(PURCHASES), moment)
    known = lines.filter(lines.customer_id.notnull())
    people = known.select("customer_id", country=ibis.null("string"), attributes=ibis.null("string")).distinct()
    return Basis(lines, people, sessions_before(warehouse, moment), moment, settings)


def basis_as_of(warehouse: Warehouse, settings: Settings, moment: datetime, *, known: bool = False) -> Basis:
    """Everything that counts at a local moment; see the module's text.

    Raises:
        SaharaError: `known` is asked for, and something comes from analytics.
    """
    written_before = _utc(moment, settings)
    if known and (settings.analytics.purchases != "none" or uses_sessions(settings)):
        raise SaharaError(
            "sessions and purchases from analytics are kept as the newest files have them, so that nobody can say what was known of them before; "
            "leave --known out"
        )
    lines = classified(warehouse, settings, written_before=written_before) if known else warehouse.table(PURCHASES)
    lines = before(lines, moment)
    files = files_of(warehouse, settings, written_before=written_before, signed_up_before=moment)
    sessions = sessions_before(warehouse, moment)
    written = customers_from(lines, files, settings, sessions=sessions)
    if known:
        return Basis(lines, written, sessions, moment, settings)
    every_file = files_of(warehouse, settings, signed_up_before=moment)
    told = customers_from(lines, every_file, settings, sessions=sessions)
    return Basis(lines, _people(written, told, moment, settings), sessions, moment, settings)


def _people(written: ibis.Table, told: ibis.Table, moment: datetime, settings: Settings) -> ibis.Table:
    """Customers as the files written by then have them, with what is true of them whenever it was told.

    Args:
        written: `customers` from files that had been written by then.
        told: the same from all files.
        moment: local.
        settings: declare the attributes.
    """
    later = told.select(
        "customer_id",
        told_attributes=told.attributes,
        told_signed_up_on=(told.signed_up_on < ibis.date(moment.date())).ifelse(told.signed_up_on, ibis.null("date")),
    )
    # A sign-up is dated, like an order: who signed up before was there, whichever file says so.
    joined = later.left_join(written, "customer_id", rname="{name}_written")
    joined = joined.filter(joined.customer_id_written.notnull() | joined.told_signed_up_on.notnull())
    constant = constant_attributes(settings)
    names = {name for dataset in settings.datasets.values() for name in dataset.attributes}
    sources = {name: joined.told_attributes if name in constant else joined.attributes for name in names}
    columns = {
        name: joined[name] for name in written.columns if name not in {"customer_id", "signed_up_on", "attributes"}
    }
    return joined.select(
        "customer_id",
        **columns,
        signed_up_on=joined.told_signed_up_on,
        attributes=merged_attributes(settings, sources),
    )


def _utc(moment: datetime, settings: Settings) -> datetime:
    """A local moment in UTC, naive as the tables have it."""
    return moment.replace(tzinfo=ZoneInfo(settings.project.time_zone)).astimezone(UTC).replace(tzinfo=None)


def _lost(warehouse: Warehouse, written_before: datetime) -> int:
    """Files that had been written by then and are no longer in the tables."""
    drops = warehouse.table(DROPS)
    gone = drops.filter(
        drops.status.isin(["replaced", "forgotten"])
        & (drops.modified_at < ibis.timestamp(written_before.isoformat(sep=" ")))
    )
    return warehouse.how_many(gone)
