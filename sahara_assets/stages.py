"""Every derived table and file, with what it is made from: the pipeline without Dagster.

Each function builds one thing unless it is current, and says what it did. Assets and command line call these; how a thing is built
lives with its subject (`analytics/`, `sales/`, `features/`, `segmentation/`, `insights/`, `repeat_buyers/`, `segment_labels/`, `exports/`,
`report/`).
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import Built, Run, built, code_fingerprint, combine, rebuild, write_account
from sahara_assets.drops.ledger import raw_fingerprint
from sahara_assets.errors import SaharaError
from sahara_assets.settings.attributes import attribute_of
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS
from sahara_assets.tables.books import BUILDS
from sahara_assets.tables.features import CUSTOMER_FEATURES, TOP_CATEGORIES
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PRODUCTS, PURCHASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sahara_assets.recommendations.model import RegisteredModel
    from sahara_assets.repeat_buyers.registry import Registered as RepeatBuyerModel
    from sahara_assets.segmentation.registry import Registered
    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse

Account = list[tuple[str, int]]


def _dataset_fingerprint(warehouse: Warehouse, settings: Settings, dataset: str) -> str:
    """What the current lines of a dataset depend on."""
    version = settings.datasets[dataset].version_column if dataset in settings.datasets else "absent"
    return combine(raw_fingerprint(warehouse, dataset), version)


def _declared_attributes(settings: Settings) -> str:
    """Which attributes are asked for, of what kind: files that are gone hold those of the day they were read."""
    return json.dumps(
        {
            name: [(one, attribute_of(one, declared).kind) for one, declared in dataset.attributes.items()]
            for name, dataset in settings.datasets.items()
        },
        sort_keys=True,
    )


def _traffic_fingerprint(warehouse: Warehouse, settings: Settings) -> str:
    """What sessions and product events depend on."""
    return combine(
        *(_dataset_fingerprint(warehouse, settings, dataset) for dataset in ("sessions", "events", "customers")),
        settings.fingerprint("analytics.customer"),
        code_fingerprint("analytics", "sales/lines", "tables/columns", "tables/analytics", "warehouse/expressions"),
    )


def _traffic(
    warehouse: Warehouse, settings: Settings, run: Run, table: Table, builder: Callable[[], tuple[int, Account]]
) -> Built:
    """Build a table of analytics; where a project has none and never had, there is nothing to build and nothing to write down."""
    from sahara_assets.analytics.visits import delivered

    if not delivered(warehouse, settings) and not warehouse.count(table):
        return Built(table.name, combine("no analytics"), 0, rebuilt=False)
    fingerprint = _traffic_fingerprint(warehouse, settings)
    return rebuild(warehouse, run, table.name, fingerprint, _with_account(warehouse, table, builder))


def sessions(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """One row per session."""
    from sahara_assets.analytics.sessions import build_sessions

    return _traffic(warehouse, settings, run, SESSIONS, lambda: build_sessions(warehouse, settings))


def product_events(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """One row per product of a hit, or item of an event."""
    from sahara_assets.analytics.product_events import build_product_events

    return _traffic(warehouse, settings, run, PRODUCT_EVENTS, lambda: build_product_events(warehouse, settings))


def _with_account(
    warehouse: Warehouse, table: Table, builder: Callable[[], tuple[int, Account]]
) -> Callable[[], tuple[int, dict[str, Any]]]:
    """A builder that also writes its step's account."""

    def build() -> tuple[int, dict[str, Any]]:
        rows, account = builder()
        write_account(warehouse, table.name, account)
        return rows, {reason: count for reason, count in account if reason != "out"}

    return build


def _needed(warehouse: Warehouse, name: str) -> Built:
    """The build of an input.

    Raises:
        SaharaError: it was never built.
    """
    found = built(warehouse, name)
    if found is None:
        raise SaharaError(f"{name} has not been built yet; `sahara run` builds everything, or materialise it first")
    return found


def purchases(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """Every order line once, classified."""
    from sahara_assets.sales.lines import build_purchases

    def lines() -> tuple[int, Account]:
        if settings.analytics.purchases == "none":
            return build_purchases(warehouse, settings)
        from sahara_assets.analytics.purchases import purchase_lines

        return build_purchases(warehouse, settings, purchase_lines(warehouse, settings))

    build = _with_account(warehouse, PURCHASES, lines)
    return rebuild(warehouse, run, PURCHASES.name, _purchases_fingerprint(warehouse, settings), build)


def purchases_are_current(warehouse: Warehouse, settings: Settings) -> bool:
    """Whether `purchases` is what the raw tables and the settings make of it now."""
    known = built(warehouse, PURCHASES.name)
    return known is not None and known.fingerprint == _purchases_fingerprint(warehouse, settings)


def _purchases_fingerprint(warehouse: Warehouse, settings: Settings) -> str:
    from sahara_assets.sales.lines import states_orders, states_prices

    rule = settings.fingerprint("analytics.purchases", "analytics.order")
    return combine(
        _dataset_fingerprint(warehouse, settings, "purchases"),
        _dataset_fingerprint(warehouse, settings, "products"),
        settings.fingerprint(
            "rules", "parts_of_day", "project.time_zone", "project.currency", "project.currency_rates"
        ),
        code_fingerprint("sales", "tables/columns", "tables/sales", "warehouse/expressions"),
        *([] if settings.analytics.purchases == "none" else [_traffic_fingerprint(warehouse, settings), rule]),
        *([] if states_prices(settings) else ["no prices"]),
        *([] if states_orders(settings) else ["no order ids"]),
    )


def orders(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """One row per order."""
    from sahara_assets.sales.subjects import build_orders

    build = _with_account(warehouse, ORDERS, lambda: build_orders(warehouse, settings))
    return rebuild(warehouse, run, ORDERS.name, _needed(warehouse, PURCHASES.name).fingerprint, build)


def products(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """One row per product."""
    from sahara_assets.sales.subjects import build_products

    build = _with_account(warehouse, PRODUCTS, lambda: build_products(warehouse, settings))
    return rebuild(warehouse, run, PRODUCTS.name, _needed(warehouse, PURCHASES.name).fingerprint, build)


def customers(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """One row per customer."""
    from sahara_assets.sales.customers import build_customers

    fingerprint = combine(
        _needed(warehouse, PURCHASES.name).fingerprint,
        *(_dataset_fingerprint(warehouse, settings, dataset) for dataset in ("customers", "accounts", "sign_ups")),
        _declared_attributes(settings),
        *([_traffic_fingerprint(warehouse, settings)] if settings.features.counts_visitors else []),
    )
    build = _with_account(warehouse, CUSTOMERS, lambda: build_customers(warehouse, settings))
    return rebuild(warehouse, run, CUSTOMERS.name, fingerprint, build)


def customer_features(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """What every customer is measured by, and the categories that matter, as of the cut-off."""
    from sahara_assets.features.feature_set import feature_set, uses_sessions

    features = feature_set(settings)
    fingerprint = combine(
        _needed(warehouse, PURCHASES.name).fingerprint,
        _needed(warehouse, CUSTOMERS.name).fingerprint,
        *([_traffic_fingerprint(warehouse, settings)] if uses_sessions(settings) else []),
        settings.fingerprint("features.cut_off", "features.category_separator", "features.population"),
        json.dumps([[one.feature.name, repr(one.recipe)] for one in features.declared]),
        code_fingerprint("features", "tables/columns", "tables/features", "warehouse/expressions"),
    )
    _make_room(warehouse, features.table, fingerprint)

    def build() -> tuple[int, dict[str, Any]]:
        from sahara_assets.features.expressions import build_features, cut_off_of

        cut_off = cut_off_of(warehouse, settings)
        if cut_off is None:
            raise SaharaError(
                "nothing was sold yet: no line is a sale. Look at `sahara drops` and at the rules in sahara.toml"
                if settings.features.population == "buyers"
                else "nothing was seen yet: there is no session. Look at `sahara drops` and at the patterns in sahara.toml"
                if settings.features.population == "visitors"
                else "nothing was delivered yet: no drop is loaded. Look at `sahara drops` and at the patterns in sahara.toml"
            )
        rows, details = _with_account(warehouse, features.table, lambda: build_features(warehouse, settings, cut_off))()
        return rows, {**details, "cut_off": cut_off.isoformat(), TOP_CATEGORIES.name: warehouse.count(TOP_CATEGORIES)}

    return rebuild(warehouse, run, features.table.name, fingerprint, build)


def customer_features_online(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The features for single look-ups, with the time they were computed."""
    import ibis

    from sahara_assets.features.feature_set import feature_set

    features = feature_set(settings)
    offline = _needed(warehouse, features.table.name)
    as_of = cut_off(warehouse)
    fingerprint = combine(offline.fingerprint, as_of.isoformat(), code_fingerprint("tables/features"))
    _make_room(warehouse, features.online_table, fingerprint)

    def build() -> tuple[int, dict[str, Any]]:
        measured = warehouse.table(features.table)
        moments = {"cut_off": as_of, "computed_at": run.now}
        stamped = measured.mutate(
            **{name: ibis.timestamp(moment.isoformat(sep=" ")) for name, moment in moments.items()}
        )
        return warehouse.replace(features.online_table, stamped), {}

    return rebuild(warehouse, run, features.online_table.name, fingerprint, build)


def _make_room(warehouse: Warehouse, table: Table, fingerprint: str) -> None:
    """Have a table whose columns depend on the settings take rows of today's shape, where it is about to be built.

    Its build is forgotten first where columns change: a kill in between then looks like a table that was never built.
    """
    known = built(warehouse, table.name)
    if known is not None and known.fingerprint == fingerprint:
        return
    if not warehouse.has_shape(table):
        warehouse.in_transaction(lambda: warehouse.delete(BUILDS, {"name": [table.name]}))
    warehouse.reshape(table)


def cut_off(warehouse: Warehouse) -> datetime:
    """The cut-off that `customer_features` was built at, local.

    Raises:
        SaharaError: it was never built.
    """
    return datetime.fromisoformat(_needed(warehouse, CUSTOMER_FEATURES.name).details["cut_off"])


def segmentation_model(
    warehouse: Warehouse, settings: Settings, run: Run, *, retrain: bool
) -> tuple[Registered, str | None]:
    """The champion, trained if there is a reason to.

    Returns:
        The champion, and why it was trained in this run (None where it was not).
    """
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.segmentation.training import train, why_train

    reason = why_train(warehouse, settings, retrain=retrain)
    if reason is not None:
        return train(warehouse, settings, run, cut_off(warehouse)), reason
    current = champion(warehouse)
    assert current is not None  # noqa: S101 - why_train gives a reason where there is none
    return current, None


def customer_segments(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The segment of every customer."""
    from sahara_assets.segmentation.training import build_customer_segments

    return build_customer_segments(warehouse, settings, run, _needed(warehouse, CUSTOMER_FEATURES.name).fingerprint)


def segment_profiles(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """What every segment is."""
    from sahara_assets.segmentation.training import build_segment_profiles
    from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS

    return build_segment_profiles(warehouse, settings, run, _needed(warehouse, CUSTOMER_SEGMENTS.name).fingerprint)


def insights(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """What the sales say: the lines that count, and every table counted from them."""
    from sahara_assets.tables.insights import INSIGHT_LINES, INSIGHTS
    from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS

    if _without_insights(warehouse, settings):
        return _no_insights(INSIGHTS.name)
    code = code_fingerprint(
        "insights",
        "features/expressions",
        "sales/subjects",
        "tables/columns",
        "tables/insights",
        "warehouse/expressions",
    )
    fingerprint = combine(
        *(_needed(warehouse, table.name).fingerprint for table in (ORDERS, PRODUCTS, CUSTOMER_SEGMENTS)),
        cut_off(warehouse).isoformat(),
        settings.fingerprint("rules", "features.category_separator", "insights.enabled"),
        code,
    )

    def build_lines() -> tuple[int, dict[str, Any]]:
        from sahara_assets.insights.building import build_lines

        if not settings.insights.enabled:
            return warehouse.replace(INSIGHT_LINES, []), {}
        return build_lines(warehouse, settings, cut_off(warehouse)), {}

    def build_insights() -> tuple[int, dict[str, Any]]:
        from sahara_assets.insights.building import build_insights

        return build_insights(warehouse, settings, run.progress)

    # Committed by themselves: what a transaction has not committed yet, DuckDB joins without knowing how much it is.
    lines = rebuild(warehouse, run, INSIGHT_LINES.name, fingerprint, build_lines)
    fingerprint = combine(lines.fingerprint, settings.fingerprint("insights", "parts_of_day", "project.currency"), code)
    return rebuild(warehouse, run, INSIGHTS.name, fingerprint, build_insights)


def _without_insights(warehouse: Warehouse, settings: Settings) -> bool:
    """Whether insights are off and always have been: then there is nothing to empty either."""
    return not settings.insights.enabled and built(warehouse, "insights") is None


def _no_insights(name: str) -> Built:
    return Built(name, combine("no insights"), 0, rebuilt=False)


def report_views(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The views that reporting tools sit on, unless they are there as declared; they outlive every rebuild of what they show."""
    from sahara_assets.builds import record
    from sahara_assets.insights.views import are_there, make_views

    name = "report_views"
    if _without_insights(warehouse, settings):
        return _no_insights(name)
    _needed(warehouse, "insights")
    fingerprint = code_fingerprint(
        "insights/views", "tables/columns", "tables/insights", "tables/reporting", "tables/segmentation", "warehouse"
    )
    known = built(warehouse, name)
    if known is not None and known.fingerprint == fingerprint and are_there(warehouse):
        return known
    # Not with the record in one transaction: BigQuery defines no views in one. To make them twice is no harm.
    count = make_views(warehouse)
    warehouse.in_transaction(lambda: record(warehouse, run, name, fingerprint, count, {}))
    return Built(name, fingerprint, count, rebuilt=True, details={})


def repeat_buyer_training(warehouse: Warehouse, settings: Settings, run: Run, *, retrain: bool) -> Built:
    """What the repeat buyer models are made from, where there is a reason to train them."""
    from sahara_assets.repeat_buyers.building import build_training

    inputs = combine(_needed(warehouse, PURCHASES.name).fingerprint, _needed(warehouse, CUSTOMERS.name).fingerprint)
    return build_training(warehouse, settings, run, inputs, retrain=retrain)


def repeat_buyer_model(
    warehouse: Warehouse, settings: Settings, run: Run
) -> tuple[RepeatBuyerModel | None, str | None]:
    """The champion among the repeat buyer models, trained where a new training set was made.

    Returns:
        The champion, None where there is none, and why it was trained in this run (None where it was not).
    """
    from sahara_assets.repeat_buyers.building import build_model

    return build_model(warehouse, settings, run)


def repeat_buyer_scores(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """How likely every buyer buys again."""
    from sahara_assets.repeat_buyers.building import build_scores

    return build_scores(warehouse, settings, run, _needed(warehouse, CUSTOMER_FEATURES.name).fingerprint)


def repeat_buyer_audience(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The audience file of those whom the budget reaches, unless the one on disk is the one this build would write."""
    from sahara_assets.exports.repeat_buyers import publish_repeat_buyers
    from sahara_assets.tables.prediction import REPEAT_BUYER_SCORES

    scores = built(warehouse, REPEAT_BUYER_SCORES.name)
    fingerprint = combine(
        scores.fingerprint if scores else "",
        _needed(warehouse, CUSTOMERS.name).fingerprint,
        settings.fingerprint(
            "export",
            "repeat_buyers.audience",
            "repeat_buyers.decile_property",
            "repeat_buyers.contact_property",
        ),
        code_fingerprint("exports"),
    )
    return publish_repeat_buyers(warehouse, settings, run, fingerprint, cut_off(warehouse))


def predicted_segments(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The likeliest segment of everyone who has attributes and no segment."""
    from sahara_assets.segment_labels.building import build_predicted_segments
    from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS

    inputs = combine(
        _needed(warehouse, CUSTOMER_SEGMENTS.name).fingerprint, _needed(warehouse, CUSTOMERS.name).fingerprint
    )
    return build_predicted_segments(warehouse, settings, run, inputs, cut_off(warehouse))


def bought_together(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """For each product those that stand in the same orders."""
    from sahara_assets.recommendations import building

    return building.bought_together(warehouse, settings, run, *_sold_until(warehouse))


def popular_products(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """What is recommended to somebody of whom nothing is known."""
    from sahara_assets.recommendations import building

    return building.popular_products(warehouse, settings, run, *_sold_until(warehouse))


def recommendation_model(
    warehouse: Warehouse, settings: Settings, run: Run, *, retrain: bool
) -> tuple[RegisteredModel | None, str | None]:
    """The method that recommends, trained and compared if there is a reason to.

    Returns:
        The champion (None where nothing is to be recommended), and why it was trained in this run (None where it was not).
    """
    from sahara_assets.recommendations import building

    return building.recommendation_model(warehouse, settings, run, cut_off(warehouse), retrain=retrain)


def product_recommendations(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The products to recommend to each customer, and the customers for each promotion."""
    from sahara_assets.recommendations import building

    return building.product_recommendations(warehouse, settings, run, *_sold_until(warehouse))


def promotion_files(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """A file for each audience of a promotion, unless those on disk are the ones this build would write."""
    from sahara_assets.exports import promotions
    from sahara_assets.tables.recommendations import PRODUCT_RECOMMENDATIONS

    recommended = built(warehouse, PRODUCT_RECOMMENDATIONS.name)
    if built(warehouse, promotions.NAME) is None and not settings.recommendations.audiences:
        return Built(promotions.NAME, combine("no promotions"), 0, rebuilt=False)
    fingerprint = combine(
        recommended.fingerprint if recommended else "",
        _needed(warehouse, CUSTOMERS.name).fingerprint,
        settings.fingerprint("export", "recommendations.audiences", "recommendations.enabled"),
        code_fingerprint("exports"),
    )
    return promotions.publish_promotions(warehouse, settings, run, fingerprint)


def _sold_until(warehouse: Warehouse) -> tuple[str, datetime]:
    """What purchases and the products' names depend on, and the cut-off up to which they count."""
    fingerprints = (_needed(warehouse, table.name).fingerprint for table in (PURCHASES, PRODUCTS))
    return combine(*fingerprints), cut_off(warehouse)


def audience_files(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The files for marketing tools, unless those on disk are the ones this build would write."""
    from sahara_assets.exports.publishing import publish_audiences
    from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS

    fingerprint = combine(
        _needed(warehouse, CUSTOMER_SEGMENTS.name).fingerprint,
        _needed(warehouse, CUSTOMERS.name).fingerprint,
        settings.fingerprint("export"),
        code_fingerprint("exports"),
    )
    return publish_audiences(warehouse, settings, run, fingerprint, cut_off(warehouse))


def insight_files(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The insights as CSV files, unless those on disk are the ones this build would write."""
    from sahara_assets.report.insight_files import FILES, publish_insight_files
    from sahara_assets.tables.insights import INSIGHTS

    if _without_insights(warehouse, settings):
        return _no_insights(FILES)
    fingerprint = combine(
        _needed(warehouse, INSIGHTS.name).fingerprint, code_fingerprint("report/insight_files", "report/writing")
    )
    return publish_insight_files(warehouse, settings, run, fingerprint)


def report(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The report for people, written whenever what it says has changed."""
    from sahara_assets.report.publishing import publish_report

    return publish_report(warehouse, settings, run)
