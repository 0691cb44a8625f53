"""Sessions, product events and the purchases that analytics tells of are the same on every warehouse."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from sahara_assets.builds import Run
from sahara_assets.features.feature_set import feature_set
from sahara_assets.quality.checklist import run_checks
from sahara_assets.stages import features as features_stage
from sahara_assets.stages import sales as sales_stage
from sahara_assets.tables.analytics import PRODUCT_EVENTS, SESSIONS
from sahara_assets.tables.sales import CUSTOMERS, ORDERS, PURCHASES
from sahara_assets.warehouse.expressions import first_known, money_each, plus_milliseconds, seconds_between
from sahara_assets_tests.analytics import made_exports as made
from sahara_assets_tests.small_shop import NOW, SmallShop, line

PARTS = {
    "project": {"time_zone": "America/Los_Angeles", "currency": "USD"},
    "datasets": {"purchases": {}, "customers": {}, "sessions": made.SESSIONS, "events": made.EVENTS},
    "analytics": {"purchases": "transactions"},
}
CONFIRMED = (made.product(quantity=2, revenue=26.5), made.product("P2", 3.5, quantity=1, revenue=4.0))
ECHOED = (made.product(), made.product("P2", 3.5))


@pytest.fixture
def shop(warehouse, tmp_path):
    made_shop = SmallShop(tmp_path, warehouse, **PARTS)
    made_shop.deliver("purchases/till.csv", [line("C7", "c-1", "P9", quantity="-1"), line("1", "c-1", "P9")])
    made_shop.deliver(
        "customers/crm.csv", [{"customer_id": "c-1", "visitor_id": "0017"}, {"customer_id": "c-2", "visitor_id": "999"}]
    )
    made_shop.deliver(
        "sessions/ga_20160801.jsonl",
        made.lines(
            made.session(
                "0017",
                1,
                made.hit(1, made.product(impression=True), made.product("P2", impression=True)),
                made.hit(2, made.product(), kind="EVENT", action="1", msec=1500),
                made.hit(3, *CONFIRMED, action="6", msec=60_000, order="ORD1"),
                made.hit(4, *ECHOED, action="6", msec=60_020, order="ORD1"),
            ),
            made.session("0018", 1, made.hit(1), trafficSource={"source": "(direct)", "medium": "(none)"}),
        ),
    )
    made_shop.deliver(
        "events/events_20160801.jsonl",
        made.lines(
            made.event("5.6", "session_start", 0),
            made.event("5.6", "page_view", 0, params={"page_location": "/a", "medium": "email", "engagement_time_msec": 5}),
            made.event("5.6", "page_view", 9, params={"page_location": "/a", "engagement_time_msec": 700}),
            made.event("5.6", "view_item_list", 10, made.item(), made.item("P2"), made.item("P3")),
            made.event(
                "5.6", "purchase", 11, made.item(), made.item("P2", 2.5, 3), order="T1", revenue=12.5,
                params={"engagement_time_msec": 20},
            ),
            made.event("5.6", "purchase", 40, made.item(), made.item("P2", 2.5, 3), order="T1", revenue=12.5, bundle=2),
            made.event("5.6", "purchase", 50, made.item("P4"), order=None),
            made.event("7.8", "page_view", 5, visit=3, params={"page_location": "/b"}),
            made.event(None, "page_view", 5, visit=4),
        ),
    )  # fmt: skip
    made_shop.build(features=False)
    return made_shop


def sessions_are_one_row_each_whatever_they_came_as(shop):
    rows = {row["session_id"]: row for row in shop.rows(SESSIONS)}
    assert list(rows) == [f"0017/1/{made.STARTED}", f"0018/1/{made.STARTED}", "5.6/1", "7.8/3"]
    first = rows[f"0017/1/{made.STARTED}"]
    assert (first["customer_id"], first["is_customer"], first["visitor_id"]) == ("c-1", True, "0017")
    assert first["started_at"] == datetime(2016, 8, 1, 18, 19, 41)
    assert first["started_at_local"] == datetime(2016, 8, 1, 11, 19, 41)
    assert (first["started_on"], first["visit_date"]) == (date(2016, 8, 1), date(2016, 8, 1))
    assert (first["hit_count"], first["page_views"], first["time_on_site_seconds"]) == (4, 3, 60)
    assert (first["product_rows"], first["engagement_msec"], first["campaign"]) == (7, None, None)
    other = rows[f"0018/1/{made.STARTED}"]
    assert (other["customer_id"], other["is_customer"], other["medium"]) == ("0018", False, "(none)")
    assert other["product_rows"] == 0
    web = rows["5.6/1"]
    assert (web["dataset"], web["client_id"], web["customer_id"]) == ("events", "5.6", "5.6")
    assert (web["hit_count"], web["page_views"], web["unique_screens"]) == (7, 2, 1)
    # Three items and two of them again do not repeat what their events took.
    assert (web["engagement_msec"], web["time_on_site_seconds"]) == (725, 50)
    assert (web["transactions"], web["session_revenue"]) == (1, Decimal("12.5000"))
    assert web["medium"] == "(none)"
    assert (web["device_category"], web["operating_system"], web["browser"]) == ("mobile", "Android", "Chrome")
    assert rows["7.8/3"]["transactions"] == 0


def product_events_say_what_was_done_with_which_product(shop):
    rows = shop.rows(PRODUCT_EVENTS)
    actions = {}
    for row in rows:
        actions.setdefault((row["dataset"], row["action"]), []).append(row["product_id"])
    assert {key: sorted(products) for key, products in actions.items()} == {
        ("sessions", "impression"): ["P1", "P2"],
        ("sessions", "click"): ["P1"],
        ("sessions", "purchase"): ["P1", "P1", "P2", "P2"],
        ("events", "impression"): ["P1", "P2", "P3"],
        ("events", "purchase"): ["P1", "P1", "P2", "P2", "P4"],
    }
    click = next(row for row in rows if row["action"] == "click")
    assert click["happened_at"] == datetime(2016, 8, 1, 18, 19, 42, 500000)
    assert click["happened_at_local"] == datetime(2016, 8, 1, 11, 19, 42, 500000)
    assert (click["hit_type"], click["hit_number"], click["unit_price"]) == ("EVENT", 2, Decimal("12.9900"))
    assert (click["customer_id"], click["country"]) == ("c-1", "Germany")


def each_order_counts_once_with_its_units(shop):
    rows = [row for row in shop.rows(PURCHASES) if row["order_id"] not in {"C7", "1"}]
    bought = [(r["order_id"], r["customer_id"], r["product_id"], r["quantity"], r["line_total"]) for r in rows]
    assert sorted(bought) == [
        ("ORD1", "c-1", "P1", Decimal(2), Decimal("25.98")),
        ("ORD1", "c-1", "P2", Decimal(1), Decimal("3.50")),
        ("T1", "5.6", "P1", Decimal(1), Decimal("5.00")),
        ("T1", "5.6", "P2", Decimal(3), Decimal("7.50")),
    ]
    assert {row["line_kind"] for row in rows} == {"sale"}
    kinds = {row["order_id"]: row["line_kind"] for row in shop.rows(PURCHASES)}
    assert kinds["C7"] == "cancellation"
    orders = {row["order_id"]: row for row in shop.rows(ORDERS)}
    assert orders["T1"]["ordered_at"] == datetime(2016, 8, 1, 18, 19, 52, 36492)
    customers = {row["customer_id"]: row for row in shop.rows(CUSTOMERS)}
    # A buyer's client id goes into the audience file; the customer file's visitor id is kept.
    assert (customers["5.6"]["client_id"], customers["c-2"]["visitor_id"]) == ("5.6", "999")


def the_checks_pass_but_for_what_was_planted(shop):
    verdicts = {verdict.name: verdict for verdict in run_checks(shop.warehouse, shop.settings)}
    failed = {name for name, verdict in verdicts.items() if not verdict.passed}
    assert failed == {"orders_are_told", "join_coverage", "sales_are_usual"} & failed
    assert verdicts["orders_are_told"].text.startswith("1 of 7 purchased product rows name no transaction")
    assert "1 of 4 visitor_ids of the sessions are customers (25.0%), and 1 of 2 customers have a session (50.0%)" in verdicts["join_coverage"].text  # fmt: skip
    assert verdicts["days_agree"].passed
    for name in ("sessions_account_balances", "product_events_account_balances", "account_balances"):
        assert verdicts[name].passed, verdicts[name].text


def a_second_build_finds_nothing_to_do(shop):
    before = shop.rows(SESSIONS), shop.rows(PRODUCT_EVENTS), shop.rows(PURCHASES)
    shop.build(features=False)
    assert (shop.rows(SESSIONS), shop.rows(PRODUCT_EVENTS), shop.rows(PURCHASES)) == before


def the_other_rules_of_a_purchase_mean_the_same_everywhere(shop):
    run = Run("other rules", NOW)
    shop.set(**{**PARTS, "analytics": {"purchases": "tutorial"}})
    sales_stage.purchases(shop.warehouse, shop.settings, run)
    rows = [row for row in shop.rows(PURCHASES) if row["order_id"] not in {"C7", "1"}]
    assert [(r["order_id"], r["product_id"], r["quantity"], r["unit_price"]) for r in rows] == [
        (f"0017/1/{made.STARTED}", "P1", Decimal(1), Decimal("12.9900"))
    ]
    shop.set(**{**PARTS, "analytics": {"purchases": "transactions", "order": "session"}})
    sales_stage.purchases(shop.warehouse, shop.settings, run)
    rows = [row for row in shop.rows(PURCHASES) if row["order_id"] not in {"C7", "1"}]
    # Without transactions the same purchase twice in a session is two.
    assert sorted((row["order_id"], row["product_id"], row["quantity"]) for row in rows) == [
        (f"0017/1/{made.STARTED}", "P1", Decimal(2)),
        (f"0017/1/{made.STARTED}", "P2", Decimal(1)),
        ("5.6/1", "P1", Decimal(1)),
        ("5.6/1", "P1", Decimal(1)),
        ("5.6/1", "P2", Decimal(3)),
        ("5.6/1", "P2", Decimal(3)),
        ("5.6/1", "P4", Decimal(1)),
    ]


def visitors_are_measured_by_their_sessions(shop):
    run = Run("visitors", NOW)
    names = ["session_count", "page_views", "engagement_msec", "time_on_site_seconds", "operating_system", "channel"]
    shop.set(**{**PARTS, "features": {"population": "everyone", "also": names}})
    for stage in (sales_stage.purchases, sales_stage.customers, features_stage.customer_features):
        stage(shop.warehouse, shop.settings, run)
    rows = {row["customer_id"]: row for row in shop.rows(feature_set(shop.settings).table)}
    assert {who: [row[name] for name in names] for who, row in rows.items()} == {
        "0018": [1, 3, 0, 60, "Linux", "Referral"],
        "5.6": [1, 2, 725, 50, "Android", None],
        "7.8": [1, 1, 0, 0, "Android", None],
        "c-1": [1, 3, 0, 60, "Linux", "Referral"],
        "c-2": [0, 0, 0, 0, None, None],
    }
    assert {who: row["order_count"] for who, row in rows.items()} == {"0018": 0, "5.6": 1, "7.8": 0, "c-1": 2, "c-2": 0}
    assert rows["7.8"]["country"] == "India"


def test_analytics_are_the_same_on_every_warehouse(shop):
    """One shop for all that is asked of it, since a server takes its time to build one."""
    sessions_are_one_row_each_whatever_they_came_as(shop)
    product_events_say_what_was_done_with_which_product(shop)
    each_order_counts_once_with_its_units(shop)
    the_checks_pass_but_for_what_was_planted(shop)
    a_second_build_finds_nothing_to_do(shop)
    the_other_rules_of_a_purchase_mean_the_same_everywhere(shop)
    visitors_are_measured_by_their_sessions(shop)


# --- parity of the wrapped expressions ----------------------------------------------------------------------------------------------


@pytest.fixture
def orders(warehouse):
    """Orders as numbers to compute with."""
    at = datetime(2025, 1, 1, 0, 0, 0, 250000)
    amounts = [("10.01", "8"), ("20.59", "3"), ("0.0001", "2"), ("-10.01", "8"), ("5", "0"), ("99999999.99", "7")]
    rows = [
        {
            "order_id": str(place), "customer_id": None if place == 1 else "abc"[place % 3], "ordered_at": at, "ordered_at_local": at,
            "ordered_on": at.date(), "line_count": place * 1500, "unit_count": Decimal(count), "gross_spend": Decimal(total),
            "returned_value": Decimal(0), "net_spend": Decimal(0), "has_sale": True, "has_return": False, "has_cancellation": False,
            "has_adjustment": False,
        }
        for place, (total, count) in enumerate(amounts)
    ]  # fmt: skip
    warehouse.insert(ORDERS, rows)
    return warehouse.table(ORDERS)


def test_an_amount_among_so_many_is_exact_whatever_the_engine_divides_by(warehouse, orders):
    rows = warehouse.rows(orders.order_by("order_id").select(each=money_each(orders.gross_spend, orders.unit_count)))
    assert [row["each"] for row in rows] == [
        Decimal("1.2513"), Decimal("6.8633"), Decimal("0.0001"), Decimal("-1.2512"), None, Decimal("14285714.2843"),
    ]  # fmt: skip


def test_moments_are_moved_by_milliseconds(warehouse, orders):
    moved = orders.order_by("order_id").select(
        at=plus_milliseconds(orders.ordered_at, orders.line_count),
        seconds=seconds_between(orders.ordered_at, plus_milliseconds(orders.ordered_at, orders.line_count)),
    )
    rows = warehouse.rows(moved)
    assert rows[1]["at"] == datetime(2025, 1, 1, 0, 0, 1, 750000)
    assert [row["seconds"] for row in rows] == [0, 1, 3, 4, 6, 7]


def test_the_first_known_text_of_a_group_is_found_in_one_step(warehouse, orders):
    (row,) = warehouse.rows(
        orders.filter(orders.line_count > 0).aggregate(
            first=first_known(orders.customer_id, orders.line_count),
            none=first_known(orders.customer_id.nullif("c").nullif("a").nullif("b"), orders.line_count),
        )
    )
    assert (row["first"], row["none"]) == ("c", None)
