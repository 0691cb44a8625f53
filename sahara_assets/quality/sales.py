"""What clean sales and the features made from them must keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.builds import built
from sahara_assets.features.feature_set import sells
from sahara_assets.quality.questions import Answer, Question, counts_by
from sahara_assets.tables.analytics import PRODUCT_EVENTS
from sahara_assets.tables.books import IN, STEP_COUNTS
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets.tables.sales import PURCHASES
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def _account_balances(warehouse: Warehouse, _: Settings) -> Answer:
    """What `purchases` took in equals what left by reason and what it hands on."""
    lines = [row for row in warehouse.rows(STEP_COUNTS) if row["table_name"] == PURCHASES.name]
    if not lines:
        return False, "purchases has no account yet; materialise it", {}
    taken = sum(row["row_count"] for row in lines if row["reason"].startswith(IN))
    given = lines[-1]["row_count"]
    left = sum(row["row_count"] for row in lines[:-1] if not row["reason"].startswith(IN))
    sources = {f"{IN}{table.name}": table for table in (RAW_TABLES["purchases"], PRODUCT_EVENTS)}
    raw = sum(warehouse.count(sources[row["reason"]]) for row in lines if row["reason"] in sources)
    now = warehouse.count(PURCHASES)
    if (taken, given) != (raw, now) or taken != left + given:
        return (
            False,
            f"{taken:,} lines in, {left:,} left by reason, {given:,} out; the tables hold {raw:,} and {now:,}",
            {},
        )
    return True, f"{taken:,} lines in, {left:,} left by reason, {given:,} out", {"in": taken, "out": given}


def currency_of(warehouse: Warehouse, settings: Settings) -> str:
    """The currency of every amount: the project's, else the one that all lines state; empty where they do not."""
    if settings.project.currency:
        return settings.project.currency
    codes = list(counts_by(warehouse, RAW_TABLES["purchases"], "currency"))
    return str(codes[0]).upper() if len(codes) == 1 and codes[0] else ""


def _one_currency(warehouse: Warehouse, settings: Settings) -> Answer:
    if settings.project.currency:
        return True, f"every line is in {settings.project.currency} or has a rate", {}
    codes = sorted(code for code in counts_by(warehouse, RAW_TABLES["purchases"], "currency") if code)
    if len(codes) > 1:
        return (
            False,
            f"the lines are in {', '.join(codes)}: set project.currency and project.currency_rates",
            {"currencies": codes},
        )
    return True, f"one currency{f' ({codes[0]})' if codes else ''}", {}


def _no_future_lines(warehouse: Warehouse, _: Settings) -> Answer:
    lines = warehouse.table(PURCHASES)
    dated_later = lines.filter(lines.is_future)
    future = warehouse.how_many(dated_later)
    if future:
        return (
            False,
            f"{counted(future, 'line is', 'lines are')} dated more than a day after the file was written and do not move the cut-off; look at the dates",
            {"lines": future},
        )
    return True, "no line is dated after its file was written", {}


def _sales_are_usual(warehouse: Warehouse, settings: Settings) -> Answer:
    """Most lines should be sales; if not, the rules in the settings misread the order ids."""
    counts = counts_by(warehouse, PURCHASES, "line_kind")
    total = sum(counts.values())
    if "purchases" not in settings.datasets:
        return True, "there are no order lines", {}
    sales = counts.get("sale", 0)
    share = sales / total if total else 0.0
    shown = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items(), key=lambda item: -item[1]))
    if share < 0.5:
        return False, f"only {share:.0%} of lines are sales ({shown}); look at the prefixes under [rules]", dict(counts)
    return True, f"{share:.1%} of lines are sales ({shown})", dict(counts)


def _spend_adds_up(warehouse: Warehouse, settings: Settings) -> Answer:
    """Gross spend of the features = sale lines of known customers before the cut-off."""
    import ibis

    from sahara_assets.sales.subjects import is_counted_sale

    measured = built(warehouse, CUSTOMER_FEATURES.name)
    if measured is None:
        return False, "customer_features has not been built yet; materialise it", {}
    if not sells(settings):
        return True, "there are no order lines, and so no spend", {}
    lines = warehouse.table(PURCHASES)
    before = lines.ordered_at_local < ibis.timestamp(measured.details["cut_off"].replace("T", " "))
    sales = lines.filter(before & is_counted_sale(lines, settings) & lines.customer_id.notnull())
    features = warehouse.table(CUSTOMER_FEATURES)
    # Visitors may be measured before anyone has bought: of no lines the sum is nothing, and of no spend 0.
    one = warehouse.rows(sales.aggregate(spend=sales.line_total.sum().coalesce(0), n=sales.count()))[0]
    other = warehouse.rows(
        features.aggregate(spend=features.gross_spend.sum().coalesce(0), n=features.line_count.sum().coalesce(0))
    )[0]
    if (one["spend"], one["n"]) != (other["spend"], other["n"]):
        return False, f"sale lines come to {one['spend']}, customer_features to {other['spend']}", {}
    return True, f"{one['n']:,} sale lines come to {one['spend']:,.2f} on both sides", {}


QUESTIONS: tuple[Question, ...] = (
    Question(
        "account_balances", "purchases", "Lines in = lines that leave by reason + lines out.", True, _account_balances
    ),
    Question("one_currency", "purchases", "Money that is added up is in one currency.", True, _one_currency),
    Question("no_future_lines", "purchases", "No line is dated after its file was written.", False, _no_future_lines),
    Question("sales_are_usual", "purchases", "Most lines are sales.", False, _sales_are_usual),
    Question(
        "spend_adds_up", "customer_features", "Gross spend equals the sale lines it is made of.", True, _spend_adds_up
    ),
)
"""The checks on this part of the pipeline, in the order they are told."""
