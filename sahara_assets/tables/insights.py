"""What the sales say: one table an insight, most of them by period and buyers, so that a report can be filtered.

Every table speaks of counted sale lines up to the cut-off (fees as `rules.fees_count_as_spend` has it; rankings of products leave them
out). A line belongs to the day and the customer of its order, so that an order falls into one period and one segment. How the columns
are computed is in `insights/`; the views that BI tools sit on are in `reporting.py`.
"""

from __future__ import annotations

from sahara_assets.tables.columns import (
    Column,
    Table,
    date_column,
    decimal_column,
    flag_column,
    float_column,
    integer_column,
    text_column,
)

_STAGE = "insights"

WHOLE_TIME = "all"
EVERYONE, KNOWN, ANONYMOUS, UNSEGMENTED = "everyone", "known", "anonymous", "unsegmented"
NOT_STATED, NONE = "(not stated)", "(none)"
"""What stands in `period`, `buyers`, `place` and `category` beside years, months, segments and names."""

_PERIOD = text_column("period", "`all`, a calendar year such as 2011, or a month such as 2011-11.", nullable=False)
_BUYERS = text_column(
    "buyers", "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number.", nullable=False
)
_PRODUCT = text_column("product_id", "The product.", nullable=False)
_DESCRIPTION = text_column("description", "The product's name.")
_CUSTOMER = text_column("customer_id", "The customer.", nullable=False)


def _measures(what: str = "") -> tuple[Column, ...]:
    """What is counted of nearly everything."""
    of = f" {what}" if what else ""
    return (
        integer_column("line_count", f"Sale lines{of}."),
        decimal_column("unit_count", f"Units on sale lines{of}.", nullable=False),
        decimal_column("gross_spend", f"Value of sale lines{of}; null in a shop without prices."),
        integer_column("order_count", f"Orders with a sale line{of}."),
    )


def _rank(by: str, what: str) -> Column:
    return integer_column(f"rank_by_{by}", f"Place by {what} among its period and buyers; ties go by id.")


_SPEND_RANK = integer_column(
    "rank_by_spend", "Place by spend among its period and buyers; null in a shop without prices.", nullable=True
)
_LINE_SHARE = float_column("line_share", "Share of the sale lines of its period and buyers.", nullable=False)
_SPEND_SHARE = float_column(
    "spend_share", "Share of the spend of its period and buyers; null in a shop without prices."
)

INSIGHT_LINES = Table(
    name="insight_lines",
    stage=_STAGE,
    description="The lines up to the cut-off with the day, customer and segment of their order: what all insights are counted from.",
    columns=(
        text_column("_drop_id", "The drop that the line came from.", nullable=False),
        integer_column("_line", "Its physical line there."),
        text_column("order_id", "The order that the line stands on.", nullable=False),
        text_column("customer_id", "The order's customer; null for an anonymous order."),
        text_column("buyers", "The customer's segment; `anonymous` without a customer, `unsegmented` without a segment.", nullable=False),
        date_column("ordered_on", "The local day of the order.", nullable=False),
        text_column("month", "Its month, such as 2011-11.", nullable=False),
        text_column("part_of_day", "The part of the day the line was ordered in.", nullable=False),
        _PRODUCT,
        decimal_column("quantity", "Units; negative for units that came back.", nullable=False),
        decimal_column("line_total", "quantity × unit price; 0 in a shop without prices.", nullable=False),
        text_column("category", "The first part of the product's category."),
        text_column("product_group", "The product's group."),
        text_column("place_id", "Where it was bought."),
        text_column("channel", "How it was bought."),
        text_column("country", "The country that the line states."),
        flag_column("is_sale", "A sale line that counts as spend."),
        flag_column("is_goods", "The same, and no fee."),
    ),
    key=("_drop_id", "_line"),
)  # fmt: skip

INSIGHT_SLICES = Table(
    name="insight_slices",
    stage=_STAGE,
    description="In which periods and for which kinds of buyers the lines of a month and a kind of buyers count.",
    columns=(
        text_column("month", "The month of the lines.", nullable=False),
        text_column("own_buyers", "Their buyers as `insight_lines` has them.", nullable=False),
        _PERIOD,
        _BUYERS,
    ),
    key=("month", "own_buyers", "period", "buyers"),
)

SALES_BY_PERIOD = Table(
    name="sales_by_period",
    stage=_STAGE,
    description="What was sold in every period, to how many customers, and how many of them came back.",
    columns=(
        _PERIOD,
        _BUYERS,
        *_measures(),
        integer_column("customer_count", "Known customers with an order."),
        integer_column("repeat_customer_count", "Customers with at least two orders in the period."),
        float_column("repeat_customer_share", "repeat_customer_count ÷ customer_count; 0 without customers.", nullable=False),
    ),
    key=("period", "buyers"),
)  # fmt: skip

TOP_PRODUCTS = Table(
    name="top_products",
    stage=_STAGE,
    description="The products that sell most, by lines, units or spend; fees are left out.",
    columns=(
        _PERIOD,
        _BUYERS,
        _PRODUCT,
        _DESCRIPTION,
        *_measures("of it"),
        integer_column("all_line_count", "Lines of any kind of it: returned, cancelled, free and adjusted ones too."),
        _LINE_SHARE,
        _SPEND_SHARE,
        _rank("lines", "sale lines"),
        _rank("units", "units"),
        _SPEND_RANK,
    ),
    key=("period", "buyers", "product_id"),
)

TOP_CUSTOMERS = Table(
    name="top_customers",
    stage=_STAGE,
    description="The customers who buy most, by lines or spend.",
    columns=(
        _PERIOD,
        _BUYERS,
        _CUSTOMER,
        *_measures("of theirs"),
        _LINE_SHARE,
        _SPEND_SHARE,
        _rank("lines", "sale lines"),
        _SPEND_RANK,
    ),
    key=("period", "buyers", "customer_id"),
)

REPEAT_PURCHASES = Table(
    name="repeat_purchases",
    stage=_STAGE,
    description="What customers buy again: customer and product that stand together on at least two orders; fees are left out.",
    columns=(
        _BUYERS,
        _CUSTOMER,
        _PRODUCT,
        _DESCRIPTION,
        *_measures("of the two"),
        _rank("lines", "sale lines"),
        _rank("orders", "orders"),
    ),
    key=("buyers", "customer_id", "product_id"),
)

REPEAT_PRODUCTS = Table(
    name="repeat_products",
    stage=_STAGE,
    description="Products that the same customer orders again; fees are left out.",
    columns=(
        _BUYERS,
        _PRODUCT,
        _DESCRIPTION,
        integer_column("customer_count", "Known customers who ordered it."),
        integer_column("repeat_customer_count", "Of these, the ones who ordered it at least twice."),
        float_column("repeat_customer_share", "repeat_customer_count ÷ customer_count.", nullable=False),
        integer_column("order_count", "Orders with it."),
        integer_column("repeat_order_count", "Orders with it after a customer's first one: order_count − customer_count."),
        _rank("repeat_customers", "repeat customers"),
    ),
    key=("buyers", "product_id"),
)  # fmt: skip

SALES_BY_PART_OF_DAY = Table(
    name="sales_by_part_of_day",
    stage=_STAGE,
    description="When on a day people buy; the parts and their clock are set under [parts_of_day].",
    columns=(
        _PERIOD,
        _BUYERS,
        text_column("part_of_day", "The part of the day.", nullable=False),
        integer_column("position", "The part's place in the day, from 1."),
        *_measures("in it"),
        _LINE_SHARE,
        _SPEND_SHARE,
    ),
    key=("period", "buyers", "part_of_day"),
)

PRODUCT_PARTS_OF_DAY = Table(
    name="product_parts_of_day",
    stage=_STAGE,
    description="When on a day the best sellers sell; fees are left out.",
    columns=(
        _BUYERS,
        _PRODUCT,
        _DESCRIPTION,
        text_column("part_of_day", "The part of the day.", nullable=False),
        *_measures("of it in that part"),
        float_column("product_share", "Share of the product's sale lines.", nullable=False),
        integer_column("rank_by_lines", "Place by sale lines among all products and parts of its buyers; ties by id."),
        integer_column("product_rank", "The product's place by sale lines among its buyers."),
    ),
    key=("buyers", "product_id", "part_of_day"),
)

SALES_BY_PLACE = Table(
    name="sales_by_place",
    stage=_STAGE,
    description="Where people buy: places (stores, kiosks), countries and channels, as far as the lines state them.",
    columns=(
        _PERIOD,
        _BUYERS,
        text_column("place_kind", "place, country or channel.", nullable=False),
        text_column("place", "Which; `(not stated)` where a line does not say.", nullable=False),
        *_measures("there"),
        _LINE_SHARE,
        _SPEND_SHARE,
        integer_column("rank_by_lines", "Place by sale lines among its period, buyers and kind; ties by name."),
        integer_column(
            "rank_by_spend", "Place by spend among its period, buyers and kind; null without prices.", nullable=True
        ),
    ),
    key=("period", "buyers", "place_kind", "place"),
)

PLACE_PRODUCTS = Table(
    name="place_products",
    stage=_STAGE,
    description="Which products sell most where; fees are left out.",
    columns=(
        _BUYERS,
        text_column("place_kind", "place, country or channel.", nullable=False),
        text_column("place", "Which; `(not stated)` where a line does not say.", nullable=False),
        _PRODUCT,
        _DESCRIPTION,
        *_measures("of it there"),
        integer_column(
            "rank_by_lines", "Place by sale lines among all places and products of its buyers and kind; ties by id."
        ),
    ),
    key=("buyers", "place_kind", "place", "product_id"),
)

SALES_TREND = Table(
    name="sales_trend",
    stage=_STAGE,
    description="Sales by day, week (from Monday) and month, beside the year before, with odd days flagged.",
    columns=(
        text_column("grain", "day, week or month.", nullable=False),
        date_column("starts_on", "Its first day.", nullable=False),
        _BUYERS,
        date_column("ends_on", "Its last day.", nullable=False),
        flag_column("is_whole", "All its days lie between the first sale and the cut-off."),
        *_measures("in it"),
        decimal_column(
            "previous_year_amount",
            "The amount (spend, or units in a shop without prices) of the same days a year before: the same dates for months, the same "
            "weekdays (364 days before) for days and weeks; of an unfinished one as many days as it has. Null where there were no sales yet.",
        ),
        float_column("year_on_year", "Amount ÷ previous_year_amount − 1; null where that is null or 0."),
        decimal_column("usual_amount", "Of a day: the median amount of the same weekday in the weeks around it."),
        float_column("odd_score", "Of a day: how far its amount is from the usual one, in robust standard deviations."),
        flag_column("is_odd", "The day's odd_score is above insights.odd_score in size."),
        text_column("remark", "What is odd about it, in words."),
    ),
    key=("grain", "starts_on", "buyers"),
)

SALES_BY_CATEGORY = Table(
    name="sales_by_category",
    stage=_STAGE,
    description="How sales spread over categories, product groups and brands; fees are left out.",
    columns=(
        _PERIOD,
        _BUYERS,
        text_column("category_kind", "category (the first part of its path), product_group or brand.", nullable=False),
        text_column("category", "Which; `(none)` where a product has none.", nullable=False),
        *_measures("in it"),
        _LINE_SHARE,
        _SPEND_SHARE,
        integer_column("rank_by_lines", "Place by sale lines among its period, buyers and kind; ties by name."),
        integer_column(
            "rank_by_spend", "Place by spend among its period, buyers and kind; null without prices.", nullable=True
        ),
    ),
    key=("period", "buyers", "category_kind", "category"),
)

COHORT_RETENTION = Table(
    name="cohort_retention",
    stage=_STAGE,
    description="Of the customers who first bought in a month, how many bought again in each month after.",
    columns=(
        _BUYERS,
        date_column("cohort_month", "First day of the month of the customers' first order.", nullable=False),
        integer_column("months_since", "Months from then; 0 is that month itself."),
        integer_column("customer_count", "Customers of the cohort."),
        integer_column("active_customer_count", "Of these, the ones with an order in the month."),
        float_column("retention", "active_customer_count ÷ customer_count.", nullable=False),
        *_measures("of theirs in the month"),
        flag_column("is_whole", "The month had ended at the cut-off."),
    ),
    key=("buyers", "cohort_month", "months_since"),
)

BASKET_PAIRS = Table(
    name="basket_pairs",
    stage=_STAGE,
    description="Products that are bought together, by product id; fees are left out.",
    columns=(
        _BUYERS,
        text_column("product_a", "The product whose id sorts first.", nullable=False),
        text_column("product_b", "The other one.", nullable=False),
        text_column("description_a", "Name of product_a."),
        text_column("description_b", "Name of product_b."),
        integer_column("order_count", "Orders with both."),
        integer_column("order_count_a", "Orders with product_a."),
        integer_column("order_count_b", "Orders with product_b."),
        integer_column("basket_count", "Orders in all."),
        float_column("support", "order_count ÷ basket_count.", nullable=False),
        float_column("confidence_a_to_b", "order_count ÷ order_count_a: of the orders with a, those with b.", nullable=False),
        float_column("confidence_b_to_a", "order_count ÷ order_count_b.", nullable=False),
        float_column("lift", "support ÷ (share of orders with a × share of orders with b); 1 is chance.", nullable=False),
        integer_column("rank_by_orders", "Place by orders with both among its buyers; ties by id."),
    ),
    key=("buyers", "product_a", "product_b"),
)  # fmt: skip

SPEND_CONCENTRATION = Table(
    name="spend_concentration",
    stage=_STAGE,
    description="How much of the sales the top customers hold: a tenth of the customers a row, the best first.",
    columns=(
        _PERIOD,
        _BUYERS,
        integer_column("tenth", "1 for the tenth of the customers who bought most."),
        text_column("measure", "gross_spend, or line_count in a shop without prices.", nullable=False),
        integer_column("customer_count", "Customers in it."),
        decimal_column("amount", "What they bought.", nullable=False),
        float_column("share", "Share of what all of them bought.", nullable=False),
        float_column("cumulative_share", "The same, with the tenths above.", nullable=False),
        decimal_column("least_amount", "The least that one of them bought.", nullable=False),
    ),
    key=("period", "buyers", "tenth"),
)

PRODUCT_MARGINS = Table(
    name="product_margins",
    stage=_STAGE,
    description="Margin beside sales, for the products whose margin the products dataset states; fees are left out.",
    columns=(
        _PERIOD,
        _BUYERS,
        _PRODUCT,
        _DESCRIPTION,
        text_column("product_group", "The product's group."),
        text_column("brand", "The product's brand."),
        decimal_column("margin", "Share of the price that is left after cost.", nullable=False),
        decimal_column("cost", "What one unit costs the shop."),
        *_measures("of it"),
        decimal_column(
            "gross_profit",
            "gross_spend × margin; in a shop without prices unit_count × cost × margin ÷ (1 − margin). Null where that is not known.",
        ),
        _rank("lines", "sale lines"),
        integer_column(
            "rank_by_profit", "Place by gross_profit among its period and buyers; null where that is.", nullable=True
        ),
    ),
    key=("period", "buyers", "product_id"),
)

INSIGHTS = Table(
    name="insights",
    stage=_STAGE,
    description="What the sales say, a sentence an insight; the numbers behind each are in the table of its name.",
    columns=(
        text_column("name", "The insight, and the table that holds its numbers.", nullable=False),
        integer_column("position", "Order in which they are told."),
        text_column("title", "What it is called.", nullable=False),
        text_column("sentence", "What it says of the whole time.", nullable=False),
        integer_column("row_count", "Rows of its table."),
    ),
    key=("name",),
)

TOLD: tuple[Table, ...] = (
    SALES_BY_PERIOD,
    TOP_PRODUCTS,
    TOP_CUSTOMERS,
    REPEAT_PURCHASES,
    REPEAT_PRODUCTS,
    SALES_BY_PART_OF_DAY,
    PRODUCT_PARTS_OF_DAY,
    SALES_BY_PLACE,
    PLACE_PRODUCTS,
    SALES_TREND,
    SALES_BY_CATEGORY,
    COHORT_RETENTION,
    BASKET_PAIRS,
    SPEND_CONCENTRATION,
    PRODUCT_MARGINS,
)
"""What is told: each has a picture and a sentence of its own."""

INSIGHT_TABLES: tuple[Table, ...] = (INSIGHT_LINES, INSIGHT_SLICES, *TOLD, INSIGHTS)
