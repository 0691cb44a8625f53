"""One plain sentence an insight, about the whole time: what a person would say who has read the table.

Each function takes the rows that it needs through a `Reader`. Where a table is empty, the sentence says what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahara_assets.insights.reading import rows_of
from sahara_assets.tables import insights as tables
from sahara_assets.tables.insights import NONE, NOT_STATED
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from sahara_assets.insights.slices import Scope
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Row

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_KINDS = {
    "place": "places",
    "country": "countries",
    "channel": "channels",
    "category": "categories",
    "product_group": "product groups",
    "brand": "brands",
}


@dataclass(frozen=True)
class Reader:
    """The tables of a build, and how its amounts are worded."""

    scope: Scope

    def rows(self, table: Table, limit: int | None = None, **which: Any) -> list[Row]:  # noqa: ANN401 - a column's value
        """An insight's rows, the biggest first."""
        return rows_of(self.scope.warehouse, table, limit=limit, **which)

    def amount(self, row: Row, column: str = "gross_spend") -> str:
        """What a row comes to: spend, or lines in a shop without prices."""
        if self.scope.has_money:
            return self.money(row[column])
        return counted(row["line_count"], "line")

    def money(self, value: Decimal) -> str:
        """An amount in the project's currency."""
        return f"{value:,.0f} {self.scope.settings.project.currency}".rstrip()

    def share(self, row: Row) -> str:
        """A row's share of spend, or of lines in a shop without prices."""
        return (
            f"{percent(row['spend_share'])} of spend"
            if self.scope.has_money
            else f"{percent(row['line_share'])} of lines"
        )


def percent(share: float) -> str:
    """A share of 1 in per cent.

    >>> percent(0.6137), percent(0.00004)
    ('61.4 %', '<0.1 %')
    """
    return "<0.1 %" if 0 < share < 0.0005 else f"{share * 100:.1f} %"


def day_of(day: date) -> str:
    """A day in words.

    >>> from datetime import date
    >>> day_of(date(2011, 12, 9))
    '9 December 2011'
    """
    return f"{day.day} {month_of(day)}"


def month_of(day: date) -> str:
    """A day's month in words."""
    return f"{_MONTHS[day.month - 1]} {day.year}"


def named(row: Row, suffix: str = "") -> str:
    """A product by its name and id."""
    product = row[f"product{suffix or '_id'}"]
    description = row[f"description{suffix}"]
    return f"{description} ({product})" if description else f"product {product}"


def sales_by_period(read: Reader) -> str:
    """How much was sold, to how many, and how many came back."""
    (row,) = read.rows(tables.SALES_BY_PERIOD)
    span = f"from {day_of(read.scope.first_day)} to {day_of(read.scope.last_day)}"
    sold = f"{counted(row['order_count'], 'order')} with {counted(row['line_count'], 'line')}"
    worth = f" came to {read.money(row['gross_spend'])}" if read.scope.has_money else " were placed"
    back = f"{counted(row['repeat_customer_count'], 'of them', 'of them')} ({percent(row['repeat_customer_share'])}) ordered more than once"
    return f"{sold}{worth} {span}; there are {counted(row['customer_count'], 'known customer')}, and {back}."


def top_products(read: Reader) -> str:
    """What sells most."""
    first, *_ = read.rows(tables.TOP_PRODUCTS, 1)
    by_lines = read.rows(tables.TOP_PRODUCTS, rank_by_lines=1)[0]
    if not read.scope.has_money or first["product_id"] == by_lines["product_id"]:
        also = " and stands on most lines" if read.scope.has_money else ""
        return f"{named(first)} sells most{also}: {counted(first['line_count'], 'line')}, {read.share(first)}."
    return (
        f"{named(first)} brings most: {read.amount(first)}, {read.share(first)}; "
        f"{named(by_lines)} stands on most lines: {by_lines['line_count']:,}."
    )


def top_customers(read: Reader) -> str:
    """Who buys most."""
    rows = read.rows(tables.TOP_CUSTOMERS, 10)
    if not rows:
        return "No order names its customer."
    share = sum(row["spend_share" if read.scope.has_money else "line_share"] for row in rows)
    of = "spend" if read.scope.has_money else "lines"
    return (
        f"Customer {rows[0]['customer_id']} bought most: {read.amount(rows[0])}, {read.share(rows[0])} of known customers; "
        f"the first {len(rows)} hold {percent(share)} of {of}."
    )


def repeat_purchases(read: Reader) -> str:
    """Who buys what again."""
    rows = read.rows(tables.REPEAT_PURCHASES, 1)
    if not rows:
        return "No known customer has ordered the same product twice."
    (row,) = rows
    return f"Customer {row['customer_id']} ordered {named(row)} {row['order_count']:,} times: nobody ordered anything as often."


def repeat_products(read: Reader) -> str:
    """What is ordered again."""
    rows = read.rows(tables.REPEAT_PRODUCTS, 1)
    if not rows:
        return "No known customer has ordered the same product twice."
    (row,) = rows
    return (
        f"{named(row)} is what most customers come back for: {row['repeat_customer_count']:,} of {row['customer_count']:,} "
        f"({percent(row['repeat_customer_share'])}) ordered it again."
    )


def sales_by_part_of_day(read: Reader) -> str:
    """When most is bought."""
    rows = read.rows(tables.SALES_BY_PART_OF_DAY)
    best = max(rows, key=lambda row: (row["line_count"], -row["position"]))
    spend = f" and {percent(best['spend_share'])} of spend" if read.scope.has_money else ""
    return f"Most is bought in the part of the day called {best['part_of_day']}: {percent(best['line_share'])} of lines{spend}."


def product_parts_of_day(read: Reader) -> str:
    """What sells most when."""
    (row,) = read.rows(tables.PRODUCT_PARTS_OF_DAY, 1)
    return (
        f"Nothing sells as much at one time as {named(row)} in the {row['part_of_day']}: {counted(row['line_count'], 'line')}, "
        f"{percent(row['product_share'])} of its own."
    )


def sales_by_place(read: Reader) -> str:
    """Where most is bought, of each kind of place that lines state."""
    rows = read.rows(tables.SALES_BY_PLACE)
    said = _leaders(read, rows, "place_kind", "place", NOT_STATED)
    return f"{said}." if said else "No line says where it was bought: map place_id, country or channel to see it."


def sales_by_category(read: Reader) -> str:
    """What kind of product sells most."""
    rows = read.rows(tables.SALES_BY_CATEGORY)
    said = _leaders(read, rows, "category_kind", "category", NONE)
    return f"{said}." if said else "The products have no categories: map category, product_group or brand to see them."


def _leaders(read: Reader, rows: list[Row], kind: str, name: str, nothing: str) -> str:
    """The first of each kind that has a name."""
    said = []
    for found in dict.fromkeys(row[kind] for row in rows):
        leaders = [row for row in rows if row[kind] == found and row[name] != nothing]
        if leaders:
            said.append(
                f"of the {_KINDS[found]} {leaders[0][name]} leads with {read.amount(leaders[0])}, {read.share(leaders[0])}"
            )
    text = "; ".join(said)
    return text[:1].upper() + text[1:]


def place_products(read: Reader) -> str:
    """What sells most where."""
    rows = read.rows(tables.PLACE_PRODUCTS)
    rows = [row for row in rows if row["place"] != NOT_STATED]
    if not rows:
        return "No line says where it was bought: map place_id, country or channel to see it."
    best = max(rows, key=lambda row: row["line_count"])
    return f"Nothing sells as much in one place as {named(best)} in {best['place']}: {counted(best['line_count'], 'line')}."


def sales_trend(read: Reader) -> str:
    """The best month, the year before, and how many days are odd."""
    column = "gross_spend" if read.scope.has_money else "unit_count"

    def worded(row: Row) -> str:
        return read.money(row[column]) if read.scope.has_money else f"{row[column]:,.0f} units"

    months = read.rows(tables.SALES_TREND, grain="month")
    days = read.rows(tables.SALES_TREND, grain="day")
    best = max(months, key=lambda row: row[column])
    said = [f"{month_of(best['starts_on'])} was the best month with {worded(best)}"]
    last = months[-1]
    if last["year_on_year"] is not None:
        way = "above" if last["year_on_year"] >= 0 else "below"
        days_so_far = "" if last["is_whole"] else " so far"
        said.append(
            f"{month_of(last['starts_on'])}{days_so_far} is {percent(abs(last['year_on_year']))} {way} the same days a year before"
        )
    odd = [row for row in days if row["is_odd"]]
    if odd:
        most = max(odd, key=lambda row: abs(row["odd_score"]))
        said.append(
            f"{len(odd):,} of {counted(len(days), 'day')} {'is' if len(odd) == 1 else 'are'} odd, most of all {day_of(most['starts_on'])} ({most['remark']})"
        )
    else:
        said.append(f"none of {counted(len(days), 'day')} is odd")
    return "; ".join(said) + "."


def cohort_retention(read: Reader) -> str:
    """How many buy in the month after their first."""
    rows = read.rows(tables.COHORT_RETENTION)
    # A cohort whose next month has no row had nobody come back; one whose next month has not ended says nothing yet.
    last = (read.scope.last_day.year, read.scope.last_day.month)
    cohorts = {row["cohort_month"]: row for row in rows if row["months_since"] == 0}
    after = {row["cohort_month"]: row for row in rows if row["months_since"] == 1}
    ended = [month for month in cohorts if (month.year * 12 + month.month + 1) < last[0] * 12 + last[1]]
    customers = sum(cohorts[month]["customer_count"] for month in ended)
    if not customers:
        return "The sales do not reach far enough yet to see who comes back in the month after the first order."
    back = sum(after[month]["active_customer_count"] for month in ended if month in after)
    return (
        f"Of {counted(customers, 'customer')} whose next month has ended, {back:,} ({percent(back / customers)}) bought again in the month "
        "after their first order."
    )


def basket_pairs(read: Reader) -> str:
    """What is bought together most."""
    rows = read.rows(tables.BASKET_PAIRS, 1)
    if not rows:
        fewest = read.scope.settings.insights.pair_orders
        return f"Known customers ordered no two products together at least {fewest} times."
    (row,) = rows
    return (
        f"{named(row, '_a')} and {named(row, '_b')} are bought together most: on {counted(row['order_count'], 'order')}, "
        f"{row['lift']:.1f} times as often as by chance."
    )


def spend_concentration(read: Reader) -> str:
    """How much the top customers hold."""
    rows = read.rows(tables.SPEND_CONCENTRATION)
    if not rows:
        return "No order names its customer."
    of = "spend" if read.scope.has_money else "lines"
    if len(rows) < 10:
        return f"There are {counted(sum(row['customer_count'] for row in rows), 'known customer')}: too few for tenths."
    return (
        f"The tenth of the customers who buy most hold {percent(rows[0]['share'])} of {of}; "
        f"the lower half holds {percent(1 - rows[4]['cumulative_share'])}."
    )


def product_margins(read: Reader) -> str:
    """What earns, beside what sells."""
    rows = read.rows(tables.PRODUCT_MARGINS)
    if not rows:
        return "No margin is known: map margin of the products dataset to see what earns."
    sellers = sorted(rows, key=lambda row: row["rank_by_lines"])[:10]
    middle = sorted(row["margin"] for row in rows)[len(rows) // 2]
    below = sum(row["margin"] < middle for row in sellers)
    best = rows[0]
    earns = (
        f"{named(best)} earns most: {read.money(best['gross_profit'])} at a margin of {percent(float(best['margin']))}; "
        if best["gross_profit"] is not None
        else ""
    )
    return f"{earns}{below} of the {len(sellers)} that sell most {'has' if below == 1 else 'have'} a margin below the middle of all ({percent(float(middle))})."
