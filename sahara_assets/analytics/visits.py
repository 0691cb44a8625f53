"""What sessions and events have in common: who it was, which session it was part of, and which raw rows count.

A session is told by its visitor and its own id, which is unique to the visitor only, and where it came as sessions also by its beginning:
Analytics 360 cuts a session at midnight in two that bear one id. The visitor goes by the visitor id, else the user's, else the client's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from sahara_assets.sales.lines import current_lines, drop_ranks
from sahara_assets.tables.books import IN
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.warehouse.expressions import Expression, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

TRAFFIC = ("sessions", "events")
"""The datasets that analytics delivers."""


def delivered(warehouse: Warehouse, settings: Settings) -> dict[str, int]:
    """Those of them that the project has rows of, with how many."""
    counted = {name: warehouse.count(RAW_TABLES[name]) for name in TRAFFIC if name in settings.datasets}
    return {name: count for name, count in counted.items() if count}


@dataclass(frozen=True)
class Gathered:
    """Rows of both datasets under the columns of one table, and what became of the raw ones.

    Attributes:
        rows: they.
        account: raw rows of each dataset, as the step's account begins.
        taken: all of those.
        without_key: how many lacked what the table is keyed by.
    """

    rows: ibis.Table
    account: list[tuple[str, int]]
    taken: int
    without_key: int


def gather(
    warehouse: Warehouse, settings: Settings, *, keyed_by: str, shapes: Mapping[str, Callable[[ibis.Table], ibis.Table]]
) -> Gathered | None:
    """The raw rows that count and have a `keyed_by`, each dataset's brought into one shape; None in a project without analytics."""
    parts, account = [], []
    taken = without_key = 0
    for dataset, came in delivered(warehouse, settings).items():
        rows = counting_rows(warehouse, settings, dataset)
        parts.append(shapes[dataset](rows.filter(rows[keyed_by].notnull())))
        account.append((f"{IN}raw_{dataset}", came))
        taken += came
        without = rows.filter(rows[keyed_by].isnull())
        without_key += warehouse.how_many(without)
    return Gathered(ibis.union(*parts) if len(parts) > 1 else parts[0], account, taken, without_key) if parts else None


def in_shape(rows: ibis.Table, kinds: Mapping[str, str], **computed: Expression) -> ibis.Table:
    """Rows with the columns of a table: those computed, and the others as they stand in the rows."""
    return rows.select(**{name: computed[name] if name in computed else rows[name] for name in kinds}).cast(dict(kinds))


def counting_rows(warehouse: Warehouse, settings: Settings, dataset: str) -> ibis.Table:
    """The raw rows that count, with `person`, `session_id` (null where either is not known), `rank` and `modified_at` of their drops."""
    rows = current_lines(warehouse, settings, dataset)
    ranks = drop_ranks(dataset)
    rows = rows.join(ranks, rows["_drop_id"] == ranks.drop_id)
    rows = rows.mutate(person=rows.visitor_id.coalesce(rows.user_id, rows.client_id))
    return rows.mutate(session_id=_session_id(rows, dataset))


def _session_id(rows: ibis.Table, dataset: str) -> Expression:
    named = rows.person + "/" + rows.visit_id
    return named if dataset == "events" else named + "/" + seconds_of(rows.started_at).cast("int64").cast("string")


def web_client_id(events: ibis.Table) -> Expression:
    """An event's client id: on the web that is the visitor's id (`user_pseudo_id` holds the cookie's)."""
    is_web = events.platform.isnull() | (events.platform.upper() == "WEB")
    return events.client_id.coalesce(is_web.ifelse(events.visitor_id, ibis.null("string")))


def first_rows(rows: ibis.Table, by: list[str]) -> ibis.Table:
    """Of every group the first row of its newest drop."""
    order = [rows["rank"].desc(), rows["_drop_id"].asc(), rows["_line"].asc()]
    placed = rows.mutate(place_in_group=ibis.row_number().over(group_by=by, order_by=order))
    return placed.filter(placed.place_in_group == 0).drop("place_in_group")
