"""Everyone that anything speaks of → `customers`: purchases, the customer file, sign-ups, and the accounts that customers belong to.

What is said twice is taken from the nearest source: the customer's own row, then the account's, then the sign-up's. How attributes are read
from files is in `drops/attributes.py`; which features they become, in `features/declared.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from sahara_assets.sales.lines import current_lines
from sahara_assets.sales.subjects import is_counted_sale
from sahara_assets.settings.attributes import attribute_of
from sahara_assets.tables.analytics import SESSIONS
from sahara_assets.tables.attributes import AttributeKind
from sahara_assets.tables.books import IN
from sahara_assets.tables.datasets import ATTRIBUTES
from sahara_assets.tables.sales import CUSTOMERS, PURCHASES
from sahara_assets.warehouse.expressions import (
    Expression,
    any_row,
    attribute_text,
    attributes_of,
    ids_of_both,
    latest,
    most_frequent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sahara_assets.sales.subjects import Account
    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.attributes import Attribute
    from sahara_assets.warehouse.base import Warehouse


@dataclass(frozen=True)
class Files:
    """The lines that count of what the shop says about people: one row per key each; no rows where the project has no such files."""

    customers: ibis.Table
    accounts: ibis.Table
    sign_ups: ibis.Table


def files_of(
    warehouse: Warehouse,
    settings: Settings,
    *,
    written_before: datetime | None = None,
    signed_up_before: datetime | None = None,
) -> Files:
    """The files about people.

    Args:
        warehouse: holds what they said.
        settings: which of them there are.
        written_before: as far as they had been written before a moment, UTC; None for all of them.
        signed_up_before: sign-ups of days before a moment, local: of one that is still to come nothing is said, and a new one takes nothing
            from an old one; None for all of them.
    """
    signed = None if signed_up_before is None else ("signed_up_on", signed_up_before.date())
    return Files(
        current_lines(warehouse, settings, "customers", written_before=written_before),
        current_lines(warehouse, settings, "accounts", written_before=written_before),
        current_lines(warehouse, settings, "sign_ups", written_before=written_before, dated_before=signed),
    )


def build_customers(warehouse: Warehouse, settings: Settings) -> tuple[int, Account]:
    """Write `customers`: everyone on a line, in the customer file or among the sign-ups, buyers or not."""
    every_line = warehouse.table(PURCHASES)
    files = files_of(warehouse, settings)
    sessions = warehouse.table(SESSIONS)
    rows = warehouse.replace(CUSTOMERS, customers_from(every_line, files, settings, sessions=sessions))
    totals = warehouse.rows(every_line.aggregate(every=every_line.count(), known=every_line.customer_id.count()))[0]
    with_lines = every_line.filter(every_line.customer_id.notnull()).select("customer_id").distinct()
    buyers = warehouse.how_many(with_lines)
    of_file = warehouse.how_many(files.customers.anti_join(with_lines, "customer_id"))
    account = [
        (f"{IN}purchases", totals["every"]),
        ("anonymous lines", totals["every"] - totals["known"]),
        ("further lines of a customer", totals["known"] - buyers),
        ("customers of the customer file without lines (added)", of_file),
    ]
    of_sign_ups = rows - buyers - of_file
    if settings.features.counts_visitors:
        known = ids_of_both(with_lines, files.customers.select("customer_id"), "customer_id")
        of_sign_ups = warehouse.how_many(files.sign_ups.anti_join(known, "customer_id"))
        account.append(("visitors alone (added)", rows - buyers - of_file - of_sign_ups))
    if of_sign_ups:
        account.append(("customers of the sign-ups alone (added)", of_sign_ups))
    return rows, [*account, ("out", rows)]


def customers_from(every_line: ibis.Table, files: Files, settings: Settings, *, sessions: ibis.Table) -> ibis.Table:
    """The rows of `customers` that some order lines and files make, and some sessions where visitors are measured."""
    lines = every_line.filter(every_line.customer_id.notnull())
    sale = is_counted_sale(lines, settings)
    bought = lines.group_by("customer_id").aggregate(
        first_ordered_at=sale.ifelse(lines.ordered_at, ibis.null("timestamp")).min(),
        last_ordered_at=sale.ifelse(lines.ordered_at, ibis.null("timestamp")).max(),
        line_count=lines.count(),
        has_sale=any_row(sale),
    )
    file = _prefixed(
        files.customers,
        "file",
        "customer_id",
        "country",
        "client_id",
        "user_id",
        "visitor_id",
        "signed_up_on",
        "account_id",
    )
    signed = _prefixed(files.sign_ups, "sign_up", "customer_id", "signed_up_on")
    accounts = _prefixed(files.accounts, "account", "account_id", "country")
    joined = ids_of_both(ids_of_both(bought, file, "customer_id"), signed, "customer_id")
    visits = _visits(sessions) if settings.features.counts_visitors else None
    if visits is not None:
        joined = ids_of_both(joined, visits, "customer_id")
    for part in (
        bought,
        file,
        signed,
        most_frequent(lines, "customer_id", "country", "ordered_at", name="line_country"),
        latest(lines, "customer_id", "client_id", "ordered_at", name="line_client_id"),
        latest(lines, "customer_id", "user_id", "ordered_at", name="line_user_id"),
        *(() if visits is None else (visits,)),
    ):
        joined = joined.left_join(part, "customer_id").drop("customer_id_right")
    joined = joined.left_join(accounts, joined.file_account_id == accounts.account_id)
    seen = {
        name: ibis.null("string") if visits is None else joined[f"visit_{name}"]
        for name in ("country", "client_id", "user_id", "visitor_id")
    }
    return joined.select(
        customer_id=joined.customer_id,
        country=joined.file_country.coalesce(joined.line_country, joined.account_country, seen["country"]),
        client_id=joined.file_client_id.coalesce(joined.line_client_id, seen["client_id"]),
        user_id=joined.file_user_id.coalesce(joined.line_user_id, seen["user_id"]),
        visitor_id=joined.file_visitor_id.coalesce(seen["visitor_id"]),
        signed_up_on=joined.file_signed_up_on.coalesce(joined.sign_up_signed_up_on),
        first_ordered_at=joined.first_ordered_at,
        last_ordered_at=joined.last_ordered_at,
        line_count=joined.line_count.coalesce(ibis.literal(0)),
        has_sale=joined.has_sale.coalesce(ibis.literal(value=False)),
        account_id=joined.file_account_id,
        attributes=_attributes(joined, settings),
    )


def _visits(sessions: ibis.Table) -> ibis.Table:
    """What sessions say of those whose they are: the latest ids and the most frequent country."""
    whose = sessions.filter(sessions.customer_id.notnull())
    said = whose.select("customer_id").distinct()
    for part in (
        most_frequent(whose, "customer_id", "country", "started_at", name="visit_country"),
        *(
            latest(whose, "customer_id", name, "started_at", name=f"visit_{name}")
            for name in ("client_id", "user_id", "visitor_id")
        ),
    ):
        said = said.left_join(part, "customer_id").drop("customer_id_right")
    return said


def _prefixed(rows: ibis.Table, prefix: str, key: str, *columns: str) -> ibis.Table:
    """A file's key, columns and attributes, named after the file."""
    return rows.select(key, **{f"{prefix}_{name}": rows[name] for name in (*columns, ATTRIBUTES)})


def _attributes(joined: ibis.Table, settings: Settings) -> Expression:
    """Every attribute from the nearest source that has a value for it, as one JSON text."""
    texts: dict[str, Expression] = {}
    for dataset, prefix in (("customers", "file"), ("accounts", "account"), ("sign_ups", "sign_up")):
        for name in settings.datasets[dataset].attributes if dataset in settings.datasets else ():
            text = attribute_text(joined[f"{prefix}_{ATTRIBUTES}"], name)
            texts[name] = texts[name].coalesce(text) if name in texts else text
    return _as_one_text(settings, texts)


def _as_one_text(settings: Settings, texts: Mapping[str, Expression]) -> Expression:
    flags = {name for name, one in _declared(settings) if one.kind is AttributeKind.FLAG}
    return attributes_of(texts, flags) if texts else ibis.null("string")


def _declared(settings: Settings) -> Iterator[tuple[str, Attribute]]:
    for dataset in settings.datasets.values():
        for name, one in dataset.attributes.items():
            yield name, attribute_of(name, one)


def constant_attributes(settings: Settings) -> frozenset[str]:
    """The attributes that cannot change: whenever a file says them, they have always been so."""
    return frozenset(name for name, declared in _declared(settings) if declared.constant)


def merged_attributes(settings: Settings, sources: Mapping[str, Expression]) -> Expression:
    """Attributes as one JSON text, each taken from a JSON text of its own.

    Args:
        settings: declare the attributes.
        sources: by attribute, the text that it is taken from.
    """
    return _as_one_text(settings, {name: attribute_text(source, name) for name, source in sources.items()})
