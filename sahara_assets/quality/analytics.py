"""What sessions and product events must keep, and how well they join with the customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sahara_assets.quality.questions import Answer, Question
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS
from sahara_assets.tables.books import IN, STEP_COUNTS
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse

_NOTHING = "the project has no sessions or events"


def _account_balances(table: Table) -> Callable[[Warehouse, Settings], Answer]:
    def ask(warehouse: Warehouse, _: Settings) -> Answer:
        lines = [row for row in warehouse.rows(STEP_COUNTS) if row["table_name"] == table.name]
        now = warehouse.count(table)
        if not lines:
            return not now, _NOTHING if not now else f"{table.name} has no account; materialise it", {}
        taken = sum(row["row_count"] for row in lines if row["reason"].startswith(IN))
        left = sum(row["row_count"] for row in lines[:-1] if not row["reason"].startswith(IN))
        given = lines[-1]["row_count"]
        if given != now or taken != left + given:
            return False, f"{taken:,} rows in, {left:,} left by reason, {given:,} out; the table holds {now:,}", {}
        return True, f"{taken:,} rows in, {left:,} left by reason, {given:,} out", {"in": taken, "out": given}

    return ask


def _join_coverage(warehouse: Warehouse, settings: Settings) -> Answer:
    """How many ids of the sessions are customers, and how many customers have sessions."""
    from sahara_assets.analytics.identity import known_ids

    column = settings.analytics.customer
    rows = warehouse.table(SESSIONS)
    ids = rows.filter(rows[column].notnull()).select(given_id=rows[column]).distinct()
    total = warehouse.how_many(ids)
    if not total:
        said = f"no session has a {column}; set analytics.customer to an id that they have"
        return not warehouse.count(SESSIONS), _NOTHING if not warehouse.count(SESSIONS) else said, {}
    known = known_ids(warehouse, settings)
    customers = warehouse.how_many(known.select("known_customer").distinct())
    if not customers:
        return True, f"there is no customer file: each of {counted(total, 'visitor')} is a customer by that id", {}
    joined = ids.inner_join(known, ids.given_id == known.known_id)
    met, reached = warehouse.how_many(joined), warehouse.how_many(joined.select("known_customer").distinct())
    shared = warehouse.how_many(joined.filter(joined.known_customers > 1))
    bare_ids = ids.select(bare=ids.given_id.re_replace("^0+", "")).distinct()
    bare_known = known.select(bare=known.known_id.re_replace("^0+", "")).distinct()
    bare = warehouse.how_many(bare_ids.semi_join(bare_known, "bare")) if met < total else met
    text = (
        f"{met:,} of {counted(total, f'{column} of the sessions', f'{column}s of the sessions')} are customers ({met / total:.1%}), "
        f"and {reached:,} of {counted(customers, 'customer')} have a session ({reached / customers:.1%})"
    )
    found: dict[str, Any] = {"ids": total, "known_ids": met, "customers": customers, "customers_with_sessions": reached}
    faults = []
    if max(met / total, reached / customers) < settings.rules.least_joined:
        faults.append(
            f"below rules.least_joined on both sides: do sessions and customers mean the same id? Map {column} under "
            "[datasets.customers.columns], or set analytics.customer"
        )
    if bare > met:
        faults.append(
            f"without leading zeros it would be {bare:,}: some sender has lost them. Set {column} (and customer_id, where it is that id) to "
            '["strip_leading_zeros"] under [datasets.sessions.normalise] and [datasets.customers.normalise]'
        )
    if shared:
        faults.append(f"{counted(shared, 'id leads', 'ids lead')} to several customers, of whom the first by id counts")
    return not faults, ". ".join([text, *faults]), found


def _days_agree(warehouse: Warehouse, settings: Settings) -> Answer:
    """The days that the property's clock showed are those of the project's zone."""
    rows = warehouse.table(SESSIONS)
    dated = rows.filter(rows.visit_date.notnull())
    total = warehouse.how_many(dated)
    if not total:
        return True, "no export says on which day a session was", {}
    zone, project = settings.datasets["sessions"].time_zone if "sessions" in settings.datasets else "", settings.project
    if zone and zone != project.time_zone:
        return True, f"the property's clock is declared to be another than the project's ({zone})", {}
    apart = warehouse.how_many(dated.filter(dated.visit_date != dated.started_on))
    if apart:
        text = (
            f"{apart:,} of {counted(total, 'session')} began on another day by the project's clock ({project.time_zone}) than by the "
            "property's: set project.time_zone to the property's zone, or datasets.sessions.time_zone where the two differ on purpose"
        )
        return False, text, {"sessions": total, "apart": apart}
    return True, f"all of {counted(total, 'session')} began on the day that the property's clock showed", {}


def _totals_agree(warehouse: Warehouse, settings: Settings) -> Answer:
    """All rows of a session state the same totals."""
    from sahara_assets.analytics.visits import counting_rows, delivered

    if "sessions" not in delivered(warehouse, settings):
        return True, "no sessions were delivered as such", {}
    rows = counting_rows(warehouse, settings, "sessions")
    totals = ["session_id", "hit_count", "page_views", "time_on_site_seconds", "transactions", "session_revenue"]
    stated = rows.filter(rows.session_id.notnull()).select(*totals).distinct()
    by_session = stated.group_by("session_id").aggregate(statements=stated.count())
    several = warehouse.how_many(by_session.filter(by_session.statements > 1))
    if several:
        said = counted(several, "session states", "sessions state")
        return False, f"{said} different totals on different rows; those on the first row of its newest drop count", {}
    return True, "every session states its totals once, or the same on every row", {}


def _orders_are_told(warehouse: Warehouse, settings: Settings) -> Answer:
    """Purchases can be put together to orders."""
    rows = warehouse.table(PRODUCT_EVENTS)
    bought = rows.filter((rows.action == "purchase") & rows.quantity.notnull())
    total = warehouse.how_many(bought)
    if settings.analytics.purchases != "transactions" or settings.analytics.order != "transaction" or not total:
        return True, f"{counted(total, 'purchased product row')}; no order id is needed", {}
    without = warehouse.how_many(bought.filter(bought.order_id.isnull()))
    if without:
        text = (
            f"{without:,} of {counted(total, 'purchased product row')} name no transaction and are left out; map order_id, or set "
            'analytics.order = "session"'
        )
        return False, text, {"rows": total, "without_order": without}
    return True, f"each of {counted(total, 'purchased product row')} names its transaction", {}


QUESTIONS: tuple[Question, ...] = (
    Question(
        "sessions_account_balances",
        "sessions",
        "Rows in = rows that leave by reason + rows out.",
        True,
        _account_balances(SESSIONS),
    ),
    Question("join_coverage", "sessions", "Sessions lead to customers.", False, _join_coverage),
    Question("days_agree", "sessions", "Days are those of the property's clock.", False, _days_agree),
    Question("totals_agree", "sessions", "All rows of a session state the same totals.", False, _totals_agree),
    Question(
        "product_events_account_balances",
        "product_events",
        "Rows in = rows that leave by reason + rows out.",
        True,
        _account_balances(PRODUCT_EVENTS),
    ),
    Question("orders_are_told", "product_events", "Purchases name their transaction.", False, _orders_are_told),
)
"""The checks on this part of the pipeline, in the order they are told."""
