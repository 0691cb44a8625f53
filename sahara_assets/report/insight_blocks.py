"""What the report shows of the insights: for every period and kind of buyers a few rows, small enough to lie in the page.

How the tables come about is in `insights/`, what a block is in `blocks.py`; the page that holds them is made in `page.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from sahara_assets.insights.reading import rows_of
from sahara_assets.insights.sentences import day_of, month_of
from sahara_assets.quality.sales import currency_of
from sahara_assets.report.blocks import Block, Cell, Column, Insights, Line, Slice, rounded
from sahara_assets.report.insight_shelf import Shelf, product_of
from sahara_assets.tables import insights as tables
from sahara_assets.tables.insights import ANONYMOUS, EVERYONE, KNOWN, NOT_STATED, UNSEGMENTED, WHOLE_TIME
from sahara_assets.tables.segmentation import SEGMENT_PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Row, Warehouse

MOST_MONTHS = 13
"""How many of the latest months can be chosen; the tables keep more."""
MOST_WEEKS = 13
MOST_COHORTS = 13


def gather_insights(warehouse: Warehouse, settings: Settings) -> Insights:
    """Everything the report shows of the insights; nothing where they have not been built."""
    told = {row["name"]: row for row in warehouse.rows(tables.INSIGHTS)}
    sold = warehouse.rows(tables.SALES_BY_PERIOD)
    if not told or not sold:
        return Insights()
    has_money = any(row["gross_spend"] is not None for row in sold)
    periods = _periods(sold)
    buyers = _buyers(warehouse, sold)
    shelf = Shelf(
        warehouse,
        told,
        has_money=has_money,
        periods=[key for key, _ in periods],
        settings=settings,
        currency=currency_of(warehouse, settings),
    )
    blocks = tuple(block for build in _BLOCKS for block in build(shelf))
    days = rows_of(warehouse, tables.SALES_TREND, grain="day")
    return Insights(
        blocks, periods, buyers, _figures(shelf, sold), days, {block.name: block for block in reversed(blocks)}
    )


def _periods(sold: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    keys = sorted({row["period"] for row in sold} - {WHOLE_TIME}, reverse=True)
    years = [key for key in keys if len(key) == 4]
    months = [key for key in keys if len(key) > 4][:MOST_MONTHS]
    return (
        (WHOLE_TIME, "The whole time"),
        *((key, key) for key in years),
        *((key, month_of(date.fromisoformat(f"{key}-01"))) for key in months),
    )


def _buyers(warehouse: Warehouse, sold: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    there = {row["buyers"] for row in sold if row["period"] == WHOLE_TIME}
    words = {str(row["segment"]): f"{row['segment']} {row['segment_name']}" for row in warehouse.rows(SEGMENT_PROFILES)}
    segments = sorted((key for key in there if key.isdigit()), key=int)
    found = [(EVERYONE, "Everyone")]
    # Where every order names its customer, the known customers are everyone.
    if ANONYMOUS in there:
        found = [(EVERYONE, "Everyone, known or anonymous")]
        found += [(KNOWN, "All known customers"), (ANONYMOUS, "Anonymous orders")]
    found += [(key, words.get(key, f"Segment {key}")) for key in segments]
    return (*found, *([(UNSEGMENTED, "Without a segment")] if UNSEGMENTED in there else []))


def _figures(shelf: Shelf, sold: Sequence[Row]) -> Block:
    """The few numbers that stand above all blocks."""
    columns = [
        *([("gross_spend", Column(shelf.money_heading, "money"))] if shelf.has_money else []),
        ("order_count", Column("Orders", "count")),
        ("line_count", Column("Lines", "count")),
        ("unit_count", Column("Units", "count")),
        ("customer_count", Column("Known customers", "count")),
        ("repeat_customer_share", Column("Of them with several orders", "share")),
    ]
    rows = [row for row in sold if row["period"] in set(shelf.periods)]
    return shelf.block(tables.SALES_BY_PERIOD, "", columns, rows, lambda _: "")


def _trend(shelf: Shelf) -> list[Block]:
    """Months of the whole time or of a year, days of a month, with odd days marked; and the latest weeks."""
    table = tables.SALES_TREND
    rows = shelf.warehouse.table(table)
    found = shelf.warehouse.rows(rows.order_by(["starts_on", "buyers"]))
    amount = (
        ("gross_spend", Column(shelf.money_heading, "money"))
        if shelf.has_money
        else ("unit_count", Column("Units", "count"))
    )
    columns = [amount, ("order_count", Column("Orders", "count")), ("year_on_year", Column("Year on year", "share"))]
    chosen = set(shelf.periods)
    months = [row for row in found if row["grain"] == "month"]
    latest = sorted({row["starts_on"] for row in months})[-2 * MOST_MONTHS :]
    shown: list[Row] = []
    for row in found:
        if row["grain"] == "month":
            shown += [{**row, "period": WHOLE_TIME}] if row["starts_on"] in latest else []
            shown += [{**row, "period": f"{row['starts_on'].year}"}]
        elif row["grain"] == "day" and (month := f"{row['starts_on']:%Y-%m}") in chosen:
            shown.append({**row, "period": month})
    block = shelf.block(
        table,
        "Month or day",
        columns,
        shown,
        lambda row: month_of(row["starts_on"]) if row["grain"] == "month" else day_of(row["starts_on"]),
        remark=lambda row: row["remark"] or ("" if row["grain"] == "day" or row["is_whole"] else "in part"),
        note="Choose a month to see its days. A change compares the same days of the year before.",
    )
    weeks = [row for row in found if row["grain"] == "week"]
    latest_weeks = sorted({row["starts_on"] for row in weeks})[-MOST_WEEKS:]
    by_week = shelf.block(
        table,
        "Week from",
        columns,
        [row for row in weeks if row["starts_on"] in latest_weeks],
        lambda row: day_of(row["starts_on"]),
        title=f"The latest {len(latest_weeks)} weeks",
        remark=lambda row: "" if row["is_whole"] else "in part",
        note="Weeks begin on Mondays. A change compares the same weekdays of the year before.",
    )
    return [replace(block, by_period=True), replace(by_week, by_period=False, sentence="")]


def _top_products(shelf: Shelf) -> list[Block]:
    columns = [*shelf.sales, ("order_count", Column("Orders", "count"))]
    return [
        shelf.block(tables.TOP_PRODUCTS, "Product", columns, shelf.best(tables.TOP_PRODUCTS, shelf.rank), product_of)
    ]


_KIND_TITLES = {
    "category": "Sales by category",
    "product_group": "Sales by product group",
    "brand": "Sales by brand",
    "place": "Sales by place",
    "country": "Sales by country",
    "channel": "Sales by channel",
}


def _kinds(shelf: Shelf, table: Table, kind: str, name: str) -> list[Block]:
    """One block for each kind that is stated; one that says so where none is."""
    rows = shelf.best(table, shelf.rank)
    found = [key for key in _KIND_TITLES if any(row[kind] == key for row in rows)]
    return [
        shelf.block(
            table,
            key.replace("_", " ").capitalize(),
            shelf.sales,
            [row for row in rows if row[kind] == key],
            lambda row: str(row[name]),
            title=_KIND_TITLES[key],
        )
        for key in found
    ] or [shelf.block(table, name.capitalize(), shelf.sales, [], lambda row: str(row[name]))]


def _categories(shelf: Shelf) -> list[Block]:
    return _kinds(shelf, tables.SALES_BY_CATEGORY, "category_kind", "category")


def _places(shelf: Shelf) -> list[Block]:
    return _kinds(shelf, tables.SALES_BY_PLACE, "place_kind", "place")


def _margins(shelf: Shelf) -> list[Block]:
    table = tables.PRODUCT_MARGINS
    rows = shelf.best(table, "rank_by_profit")
    profit = [
        ("gross_profit", Column(shelf.money_heading.replace("Spend", "Profit"), "money")),
        ("margin", Column("Margin", "share")),
    ]
    columns = [
        *profit,
        *([("gross_spend", Column(shelf.money_heading, "money"))] if shelf.has_money else []),
        ("line_count", Column("Lines", "count")),
    ]
    if not rows:
        # Without cost or price nobody knows the profit, but margin stands beside what sells.
        rows = shelf.best(table, "rank_by_lines")
        columns = [("line_count", Column("Lines", "count")), ("margin", Column("Margin", "share"))] if rows else columns
    return [shelf.block(table, "Product", columns, rows, product_of)]


def _place_products(shelf: Shelf) -> list[Block]:
    rows = [row for row in shelf.best(tables.PLACE_PRODUCTS, "rank_by_lines") if row["place"] != NOT_STATED]
    kinds = {row["place_kind"] for row in rows}
    kind = next((key for key in ("place", "country", "channel") if key in kinds), "")
    columns = [("line_count", Column("Lines", "count")), ("unit_count", Column("Units", "count"))]
    return [
        shelf.block(
            tables.PLACE_PRODUCTS,
            f"{kind.capitalize()} and product" if kind else "Place and product",
            columns,
            [row for row in rows if row["place_kind"] == kind],
            lambda row: f"{row['place']}: {product_of(row)}",
        )
    ]


def _parts_of_day(shelf: Shelf) -> list[Block]:
    rows = shelf.best(tables.SALES_BY_PART_OF_DAY, "position", most=24)
    zone = shelf.settings.parts_of_day.time_zone or shelf.settings.project.time_zone
    parts = shelf.settings.parts_of_day.parts
    hours = ", ".join(f"{name} from {hour}:00" for name, hour in parts)
    return [
        shelf.block(
            tables.SALES_BY_PART_OF_DAY,
            "Part of the day",
            [
                ("line_share", Column("Share of lines", "share")),
                *(pair for pair in shelf.sales if pair[0] != "line_share"),
            ],
            rows,
            lambda row: str(row["part_of_day"]),
            note=f"{hours}; by the clock of {zone}.",
        )
    ]


def _product_parts(shelf: Shelf) -> list[Block]:
    """The best sellers' shares in each part of the day, as a grid."""
    table = tables.PRODUCT_PARTS_OF_DAY
    rows = shelf.best(table, "product_rank")
    parts = [name for name, _ in shelf.settings.parts_of_day.parts]
    slices: dict[Slice, list[Line]] = {}
    by_product: dict[tuple[str, int], dict[str, Row]] = {}
    for row in rows:
        by_product.setdefault((row["buyers"], row["product_rank"]), {})[row["part_of_day"]] = row
    for (buyers, _), found in sorted(by_product.items()):
        cells = tuple(rounded(found[part]["product_share"] if part in found else 0.0, "share") for part in parts)
        slices.setdefault((WHOLE_TIME, buyers), []).append(Line(product_of(next(iter(found.values()))), cells))
    told = shelf.told[table.name]
    columns = tuple(Column(part, "share") for part in parts)
    return [
        Block(
            table.name, told["title"], told["sentence"], "Product", columns, None, by_period=False, by_buyers=True, slices=slices,
            note="Shares of each product's own lines.",
        )
    ]  # fmt: skip


def _pairs(shelf: Shelf) -> list[Block]:
    columns = [
        ("order_count", Column("Orders", "count")),
        ("lift", Column("Times chance", "times")),
        ("confidence_a_to_b", Column("First → second", "share")),
        ("confidence_b_to_a", Column("Second → first", "share")),
    ]
    return [
        shelf.block(
            tables.BASKET_PAIRS,
            "Products",
            columns,
            shelf.best(tables.BASKET_PAIRS, "rank_by_orders"),
            lambda row: f"{product_of(row, '_a')} + {product_of(row, '_b')}",
            buyers=KNOWN,
            note="First → second is the share of the orders with the first product that hold the second one too.",
        )
    ]


def _customers(shelf: Shelf) -> list[Block]:
    columns = [*shelf.sales, ("order_count", Column("Orders", "count"))]
    rows = shelf.best(tables.TOP_CUSTOMERS, shelf.rank)
    return [
        shelf.block(tables.TOP_CUSTOMERS, "Customer", columns, rows, lambda row: str(row["customer_id"]), buyers=KNOWN)
    ]


def _concentration(shelf: Shelf) -> list[Block]:
    columns = [
        ("share", Column("Share", "share")),
        ("cumulative_share", Column("With those above", "share")),
        ("customer_count", Column("Customers", "count")),
        ("least_amount", Column("From", "money" if shelf.has_money else "count")),
    ]
    rows = shelf.best(tables.SPEND_CONCENTRATION, "tenth")
    return [
        shelf.block(
            tables.SPEND_CONCENTRATION,
            "Customers",
            columns,
            rows,
            lambda row: "Best tenth" if row["tenth"] == 1 else f"{_ordinal(row['tenth'])} tenth",
            buyers=KNOWN,
            note=f"Customers by {'spend' if shelf.has_money else 'lines'}, a tenth of them a row; the last column is the least that one of them bought.",
        )
    ]


def _ordinal(number: int) -> str:
    return f"{number}{'nd' if number == 2 else 'rd' if number == 3 else 'th'}"


def _repeat_products(shelf: Shelf) -> list[Block]:
    columns = [
        ("repeat_customer_count", Column("Came back for it", "count")),
        ("repeat_customer_share", Column("Of its customers", "share")),
        ("customer_count", Column("Customers", "count")),
        ("repeat_order_count", Column("Repeat orders", "count")),
    ]
    rows = shelf.best(tables.REPEAT_PRODUCTS, "rank_by_repeat_customers")
    return [shelf.block(tables.REPEAT_PRODUCTS, "Product", columns, rows, product_of, buyers=KNOWN)]


def _repeat_purchases(shelf: Shelf) -> list[Block]:
    columns = [("order_count", Column("Orders", "count")), ("line_count", Column("Lines", "count"))]
    rows = shelf.best(tables.REPEAT_PURCHASES, "rank_by_orders")
    return [
        shelf.block(
            tables.REPEAT_PURCHASES,
            "Customer and product",
            columns,
            rows,
            lambda row: f"{row['customer_id']}: {product_of(row)}",
            buyers=KNOWN,
        )
    ]


def _cohorts(shelf: Shelf) -> list[Block]:
    """The latest cohorts as a grid: the share of each that bought so many months later."""
    table = tables.COHORT_RETENTION
    rows = shelf.warehouse.rows(table)
    months = sorted({row["cohort_month"] for row in rows})[-MOST_COHORTS:]
    longest = max((row["months_since"] for row in rows if row["cohort_month"] in months), default=0)
    last = max(
        ((row["cohort_month"].year * 12 + row["cohort_month"].month + row["months_since"]) for row in rows), default=0
    )
    found = {(row["buyers"], row["cohort_month"], row["months_since"]): row for row in rows}
    slices: dict[Slice, list[Line]] = {}
    for buyers in sorted({row["buyers"] for row in rows}):
        for month in months:
            first = found.get((buyers, month, 0))
            if first is None:
                continue
            cells: list[Cell] = [first["customer_count"]]
            for since in range(1, longest + 1):
                row = found.get((buyers, month, since))
                # A month that lies behind the last sale is no month without buyers.
                reached = month.year * 12 + month.month + since <= last
                cells.append(rounded(row["retention"] if row else 0.0, "share") if reached else None)
            slices.setdefault((WHOLE_TIME, buyers), []).append(Line(month_of(month), tuple(cells)))
    told = shelf.told[table.name]
    columns = (Column("Customers", "count"), *(Column(str(since), "share") for since in range(1, longest + 1)))
    return [
        Block(
            table.name, told["title"], told["sentence"], "First order in", columns, None, by_period=False, by_buyers=True, slices=slices,
            buyers=KNOWN, note="Share of the customers who bought again so many months after the month of their first order.",
        )
    ]  # fmt: skip


_BLOCKS: tuple[Callable[[Shelf], list[Block]], ...] = (
    _trend,
    _top_products,
    _categories,
    _margins,
    _places,
    _place_products,
    _parts_of_day,
    _product_parts,
    _pairs,
    _customers,
    _concentration,
    _repeat_products,
    _repeat_purchases,
    _cohorts,
)
"""What is shown, in order; the figures above them are `sales_by_period`."""
