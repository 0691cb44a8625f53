"""What is said of customers: how many bought and came back, who buys most, how long they stay, and how much the top ones hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from sahara_assets.insights.slices import SLICE, cube, rank_over, rolled_up, total_over
from sahara_assets.tables.insights import ANONYMOUS, EVERYONE, KNOWN
from sahara_assets.warehouse.expressions import Expression, count_where, ratio

if TYPE_CHECKING:
    from datetime import date

    from sahara_assets.insights.slices import Scope

TENTHS = 10


def _by_customer(scope: Scope) -> ibis.Table:
    """Known customers with what they bought, by period and buyers."""
    sales = scope.sales.filter(scope.sales.buyers != ANONYMOUS)
    return rolled_up(scope, cube(sales, ["customer_id"]), ["customer_id"])


def sales_by_period(scope: Scope) -> ibis.Table:
    """What was sold, to how many customers, and how many of them came back within the period."""
    sold = rolled_up(scope, cube(scope.sales))
    customers = _by_customer(scope)
    counted = customers.group_by(list(SLICE)).aggregate(
        customer_count=customers.count(), repeat_customer_count=count_where(customers.order_count > 1)
    )
    joined = sold.left_join(counted, list(SLICE))
    rows = joined.mutate(
        customer_count=joined.customer_count.coalesce(0),
        repeat_customer_count=joined.repeat_customer_count.coalesce(0),
    )
    return rows.select(
        *SLICE,
        "line_count",
        "unit_count",
        "order_count",
        "customer_count",
        "repeat_customer_count",
        gross_spend=scope.spend(rows.gross_spend),
        repeat_customer_share=ratio(rows.repeat_customer_count, rows.customer_count),
    )


def top_customers(scope: Scope) -> ibis.Table:
    """The customers who buy most."""
    # To everyone belong anonymous orders too, which are nobody's: known customers are the ones to rank.
    customers = _by_customer(scope)
    customers = customers.filter(customers.buyers != EVERYONE)
    ranked = customers.mutate(
        all_lines=total_over(customers, "line_count", SLICE),
        all_spend=total_over(customers, "gross_spend", SLICE),
        rank_by_lines=rank_over(customers, "line_count", SLICE, ["customer_id"]),
        rank_by_spend=rank_over(customers, "gross_spend", SLICE, ["customer_id"]),
    )
    best = ranked.rank_by_lines <= scope.kept_rows
    rows = ranked.filter(best | (ranked.rank_by_spend <= scope.kept_rows) if scope.has_money else best)
    return rows.select(
        *SLICE,
        "customer_id",
        "line_count",
        "unit_count",
        "order_count",
        "rank_by_lines",
        gross_spend=scope.spend(rows.gross_spend),
        line_share=ratio(rows.line_count, rows.all_lines),
        spend_share=scope.spend_share(rows.gross_spend, rows.all_spend),
        rank_by_spend=scope.spend_rank(rows.rank_by_spend),
    )


def spend_concentration(scope: Scope) -> ibis.Table:
    """What each tenth of the customers holds, the best first; of fewer than ten customers each is a tenth of its own."""
    measure = "gross_spend" if scope.has_money else "line_count"
    customers = _by_customer(scope)
    customers = customers.filter(customers.buyers != EVERYONE)
    customers = customers.mutate(amount=customers[measure].cast("decimal(18, 4)"))
    placed = customers.mutate(
        tenth=ibis.ntile(TENTHS).over(
            group_by=list(SLICE), order_by=[customers.amount.desc(), customers.customer_id.asc()]
        )
        + 1
    )
    tenths = placed.group_by([*SLICE, "tenth"]).aggregate(
        customer_count=placed.count(), amount=placed.amount.sum(), least_amount=placed.amount.min()
    )
    whole = total_over(tenths, "amount", SLICE)
    so_far = tenths.amount.sum().over(group_by=list(SLICE), order_by="tenth", rows=(None, 0))
    return tenths.mutate(
        measure=ibis.literal(measure), share=ratio(tenths.amount, whole), cumulative_share=ratio(so_far, whole)
    )


def cohort_retention(scope: Scope) -> ibis.Table:
    """Of the customers who first bought in a month, how many bought in each month since."""
    sales = scope.sales.filter(scope.sales.buyers != ANONYMOUS)
    cells = cube(sales, ["customer_id"])
    cells = cells.mutate(at=_months(cells.month))
    cells = cells.mutate(first=cells["at"].min().over(group_by=["buyers", "customer_id"]))
    cells = cells.mutate(since=cells["at"] - cells["first"])
    by = ["first", "since"]
    active = cells.group_by(["buyers", *by]).aggregate(
        active_customer_count=cells.count(),
        line_count=cells.line_count.sum(),
        unit_count=cells.unit_count.sum(),
        gross_spend=cells.gross_spend.sum(),
        order_count=cells.order_count.sum(),
    )
    known = active.group_by(by).aggregate(
        **{name: active[name].sum() for name in active.columns if name not in {"buyers", *by}}
    )
    columns = active.columns
    every = ibis.union(active, known.mutate(buyers=ibis.literal(KNOWN)).select(columns))
    # The cohort's size is what was active in its first month: everybody in it was.
    sized = every.mutate(customer_count=every.active_customer_count.max().over(group_by=["buyers", "first"]))
    last = scope.last_day.year * 12 + scope.last_day.month - 1
    ended = last if _is_last_of_month(scope.last_day) else last - 1
    return sized.select(
        "buyers",
        "customer_count",
        "active_customer_count",
        "line_count",
        "unit_count",
        "order_count",
        cohort_month=_first_day(sized["first"]),
        months_since=sized.since,
        retention=ratio(sized.active_customer_count, sized.customer_count),
        gross_spend=scope.spend(sized.gross_spend),
        is_whole=(sized["first"] + sized.since) <= ended,
    )


def _months(month: Expression) -> Expression:
    """A month as a number: months since the year 0."""
    return month.substr(0, 4).cast("int64") * 12 + month.substr(5, 2).cast("int64") - 1


def _first_day(months: Expression) -> Expression:
    """The first day of a numbered month."""
    text = (months // 12).cast("string").lpad(4, "0") + "-" + (months % 12 + 1).cast("string").lpad(2, "0") + "-01"
    return text.cast("date")


def _is_last_of_month(day: date) -> bool:
    from datetime import timedelta

    return (day + timedelta(days=1)).day == 1
