"""Every check: clean data pass all of them, and one planted fault makes exactly the checks fail that it should."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from sahara_assets.builds import Run
from sahara_assets.drops.ledger import reading_fingerprint
from sahara_assets.extracts.extracting import extract_all
from sahara_assets.quality.checklist import QUESTIONS, run_checks
from sahara_assets.settings.document import load_settings
from sahara_assets.stages import prediction as prediction_stage
from sahara_assets.warehouse.opening import open_warehouse
from sahara_assets_tests.analytics import made_exports as made
from sahara_assets_tests.recommendations.made_sales import as_lines, two_tastes
from sahara_assets_tests.recommendations.test_building import recommend, shop_of
from sahara_assets_tests.repeat_buyers.shop_of_habits import shop_of_habits
from sahara_assets_tests.repeat_buyers.test_building import predict
from sahara_assets_tests.segment_labels.test_predicted_segments import shop_of_attributes
from sahara_assets_tests.small_shop import SmallShop

if TYPE_CHECKING:
    from pathlib import Path

    from sahara_assets.quality.questions import Verdict

FIRST = "(SELECT min(drop_id) FROM drops WHERE dataset = 'purchases' AND rows_loaded > 1)"
SOMEONE = "(SELECT min(customer_id) FROM customer_features)"

# Check → the SQL (or the settings) that plants its fault, what else must notice, and words of the answer. Some faults break two laws at once.
FAULTS: dict[str, tuple[list[str], set[str], str]] = {
    "conservation": (
        [f"UPDATE drops SET rows_read = rows_read + 1 WHERE drop_id = {FIRST}"],
        set(),
        "1 drop lost or gained rows: purchases/",
    ),
    "exactly_once": (
        [f"UPDATE raw_purchases SET _drop_id = 'stray' WHERE _drop_id = {FIRST} AND _line = (SELECT min(_line) FROM raw_purchases WHERE _drop_id = {FIRST})"],
        {"conservation"},
        "raw_purchases holds stray, which no path delivers",
    ),
    "no_held_drops": (
        ["INSERT INTO drops BY NAME SELECT * REPLACE ('held' AS status, 'aa' AS drop_id, 'lacks 9 of 10 lines' AS reason) FROM drops LIMIT 1"],
        set(),
        "1 replacement is held. ",
    ),
    "no_rejected_drops": (
        ["INSERT INTO drops BY NAME SELECT * REPLACE ('rejected' AS status, '' AS drop_id, 'x.csv: no header' AS reason) FROM drops LIMIT 1"],
        set(),
        "1 drop could not be read. x.csv: no header",
    ),
    "every_file_is_claimed": (
        ["""INSERT INTO builds VALUES ('unclaimed_files', 'x', 1, '{"paths": ["Sales October.csv"]}', TIMESTAMP '2026-01-01', 'run')"""],
        set(),
        "1 file lies in the drop folder that no dataset's patterns match, so nobody reads it: Sales October.csv",
    ),
    "no_rejected_rows": (
        [
            f"UPDATE drops SET rows_read = rows_read + 1, rows_rejected = rows_rejected + 1 WHERE drop_id = {FIRST}",
            f"INSERT INTO rejected_rows BY NAME SELECT 'purchases' AS dataset, {FIRST} AS drop_id, 1 AS line, 'why' AS reason, 'x' AS raw_text",
        ],
        set(),
        "rejected (",
    ),
    "no_drift": (
        [f"UPDATE drops SET undeclared_columns = '[\"colour\"]', absent_columns = '[\"country\"]' WHERE drop_id = {FIRST}"],
        set(),
        "1 drop differs in columns from the others of the dataset: purchases/",
    ),
    "attributes_found": (
        ['[datasets.purchases]\n[datasets.products]\n[datasets.customers.attributes]\ngender = "Sex"\n', "UPDATE drops SET absent_columns = '[\"gender\"]' WHERE dataset = 'customers'"],
        {"nothing_stale"},
        "in no drop: datasets.customers.attributes.gender: ",
    ),
    "ids_join": (
        ["UPDATE raw_customers SET customer_id = '00' || customer_id"],
        set(),
        'would be with normalise = { customer_id = ["strip_leading_zeros"] } under both [datasets.purchases] and [datasets.customers]',
    ),
    "nothing_stale": (
        [f"UPDATE drops SET reading_fingerprint = 'old' WHERE drop_id = {FIRST}"],
        set(),
        "1 drop was read under other settings and cannot be read again",
    ),
    "account_balances": (
        ["UPDATE step_counts SET row_count = row_count + 1 WHERE table_name = 'purchases' AND position = 1"],
        set(),
        "lines in",
    ),
    "one_currency": (
        [f"UPDATE raw_purchases SET currency = 'EUR' WHERE _drop_id = {FIRST}"],
        set(),
        "the lines are in EUR, GBP: set project.currency",
    ),
    "no_future_lines": (
        ["UPDATE purchases SET is_future = true WHERE line_kind = 'free' AND _line = (SELECT min(_line) FROM purchases WHERE line_kind = 'free')"],
        set(),
        "dated more than a day after",
    ),
    "sales_are_usual": (
        ["UPDATE purchases SET line_kind = 'cancellation' WHERE line_kind = 'sale' AND customer_id IS NULL", "UPDATE purchases SET line_kind = 'cancellation' WHERE line_kind = 'sale'"],
        {"spend_adds_up"},
        "only 0% of lines are sales",
    ),
    "spend_adds_up": (
        [f"UPDATE customer_features SET gross_spend = gross_spend + 0.01 WHERE customer_id = {SOMEONE}"],
        {"two_ways_agree"},
        "sale lines come to",
    ),
    "choice_qualified": (
        ["UPDATE k_sweep SET score = NULL, verdict = 'k = 4: out, because of a test.' WHERE is_chosen"],
        set(),
        "in use though it does not qualify: k = 4: out, because of a test.",
    ),
    "everyone_scored_once": (
        [f"DELETE FROM customer_segments WHERE customer_id = {SOMEONE}"],
        {"two_ways_agree"},
        "1 without a segment",
    ),
    "two_ways_agree": (
        [f"UPDATE customer_segments SET distance = distance + 0.001 WHERE customer_id = {SOMEONE}"],
        set(),
        "SQL and NumPy differ on 0 customers (distances by up to 1.0e-03)",
    ),
    "segments_still_fit": (
        ["UPDATE segment_profiles SET customer_share = 0.001 WHERE segment = 1"],
        set(),
        "very small by now: ",
    ),
    "tiers_keep_order": (
        ["UPDATE segment_profiles SET mean_gross_spend = 2000000 WHERE tier = 'Bronze' AND segment = (SELECT max(segment) FROM segment_profiles)"],
        set(),
        "by spend per customer their order is another by now: ",
    ),
    "files_keep_the_format": ([], set(), "faults: audience_ga4.csv"),
    "purchases_contract": (
        ["INSERT INTO purchases SELECT * FROM purchases WHERE line_kind = 'free' LIMIT 1"],
        {"account_balances", "insights_add_up"},
        "_drop_id, _line repeats in 1 row",
    ),
    "insights_add_up": (
        ["UPDATE sales_by_part_of_day SET line_count = line_count + 1 WHERE buyers = 'everyone' AND period = 'all' AND part_of_day = 'Morning'"],
        set(),
        "sales_by_part_of_day comes to",
    ),
    "insights_contract": (
        ["INSERT INTO top_products SELECT * FROM top_products LIMIT 1"],
        set(),
        "period, buyers, product_id repeats in top_products",
    ),
    "orders_contract": (["INSERT INTO orders SELECT * FROM orders LIMIT 2"], set(), "order_id repeats in 2 rows"),
    "views_show_all": (["DROP VIEW report_segments"], set(), "report_segments is not there as declared"),
    "products_contract": (
        ["INSERT INTO products SELECT * FROM products WHERE sale_line_count > 0 LIMIT 1"],
        {"views_show_all"},
        "product_id repeats in 1 row",
    ),
    "customers_contract": (["INSERT INTO customers SELECT * FROM customers LIMIT 1"], set(), "customer_id repeats in 1 row"),
    "customer_features_contract": (
        ["ALTER TABLE customer_features ALTER COLUMN recency_days DROP NOT NULL", f"UPDATE customer_features SET recency_days = NULL WHERE customer_id = {SOMEONE}"],
        {"two_ways_agree"},
        "recency_days is null in 1 row",
    ),
    "customer_features_online_contract": (
        [f"INSERT INTO customer_features_online SELECT * FROM customer_features_online WHERE customer_id = {SOMEONE}"],
        set(),
        "customer_id repeats in 1 row",
    ),
    "customer_segments_contract": (
        [f"INSERT INTO customer_segments SELECT * FROM customer_segments WHERE customer_id = {SOMEONE}"],
        {"everyone_scored_once", "two_ways_agree"},
        "customer_id repeats in 1 row",
    ),
    "segment_profiles_contract": (
        ["INSERT INTO segment_profiles SELECT * FROM segment_profiles WHERE segment = 1"],
        {"views_show_all"},
        "segment repeats in 1 row",
    ),
}  # fmt: skip

# The same for what only a project with analytics is asked.
EXTRACT = """
[extracts.people]
dataset = "customers"
url = "env:SHOP_DB_URL"
table = "customers"
watermark = "changed"
lookback = 5

[datasets.customers]

[datasets.purchases]
"""
EXTRACT_FAULTS: dict[str, tuple[list[tuple[str, int | None]], str, str]] = {
    "extracts_succeed": ([], "sqlite:///gone.db", "1 extract failed, and the next run tries again: people: "),
    "rows_are_found": (
        [("ann", 1), ("bob", None)],
        "sqlite:///shop.db",
        "people: 1 row has no changed, by which alone rows are found",
    ),
}
"""Rows of a database, where it is said to be, and what is found."""

ANALYTICS_FAULTS: dict[str, tuple[list[str], set[str], str]] = {
    "sessions_account_balances": (
        ["UPDATE step_counts SET row_count = row_count + 1 WHERE table_name = 'sessions' AND position = 1"],
        set(),
        "rows in",
    ),
    "product_events_account_balances": (
        ["UPDATE step_counts SET row_count = row_count + 1 WHERE table_name = 'product_events' AND position = 1"],
        set(),
        "rows in",
    ),
    "join_coverage": (
        ["UPDATE sessions SET visitor_id = 'x' || visitor_id"],
        set(),
        "0 of 2 visitor_ids of the sessions are customers (0.0%)",
    ),
    "days_agree": (
        ["UPDATE sessions SET started_on = started_on + 1"],
        set(),
        "2 of 2 sessions began on another day by the project's clock (America/Los_Angeles)",
    ),
    "totals_agree": (
        ["UPDATE raw_sessions SET page_views = page_views + 1 WHERE _line = 1"],
        set(),
        "1 session states different totals on different rows",
    ),
    "orders_are_told": (
        ["UPDATE product_events SET order_id = NULL WHERE product_id = 'P2'"],
        set(),
        "1 of 2 purchased product rows name no transaction",
    ),
    "sessions_contract": (
        ["INSERT INTO sessions SELECT * FROM sessions LIMIT 1"],
        {"sessions_account_balances"},
        "session_id repeats in 1 row",
    ),
    "product_events_contract": (
        ["INSERT INTO product_events SELECT * FROM product_events LIMIT 1"],
        {"product_events_account_balances", "account_balances"},
        "_drop_id, _line repeats in 1 row",
    ),
}  # fmt: skip

# The same for recommendations, planted in a shop that makes them.
RECOMMENDATION_FAULTS: dict[str, tuple[list[str], set[str], str]] = {
    "nobody_has_it_already": (
        ["UPDATE product_recommendations SET product_id = (SELECT min(product_id) FROM purchases WHERE customer_id = 'c000') WHERE customer_id = 'c000' AND rank = 1"],
        set(),
        "1 recommendation of what the customer has bought",
    ),
    "model_knows_the_products": (
        ["UPDATE builds SET details = replace(details, '\"products_new_to_the_model\": 0', '\"products_new_to_the_model\": 20')"],
        set(),
        "20 products came since the model was trained",
    ),
    "promotions_reach_somebody": (
        ["UPDATE builds SET details = regexp_replace(details, '\"audiences\": \\{\"tea\": \\d+', '\"audiences\": {\"tea\": 0')"],
        set(),
        "audience tea holds nobody",
    ),
    "promotions_are_written": (
        ["UPDATE builds SET details = replace(details, '\"notices\": []', '\"notices\": [\"promotion tea: no file\"]') WHERE name = 'promotion_files'"],
        set(),
        "promotion tea: no file",
    ),
    **{
        f"{table}_contract": ([f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1"], set(), "repeats in 1 row")
        for table in ("bought_together", "popular_products", "product_recommendations", "product_audiences")
    },
}  # fmt: skip


PREDICTION_FAULTS: dict[str, tuple[list[str], set[str], str]] = {
    "no_feature_separates_alone": (
        ["UPDATE repeat_buyer_guard SET auc_alone = 0.95 WHERE feature = 'recency_days'"],
        set(),
        "recency_days (AUC 0.950 alone)",
    ),
    "enough_to_learn": (
        ["UPDATE builds SET details = '{\"cannot_learn\": \"too short\"}' WHERE name = 'repeat_buyer_training'"],
        set(),
        "nobody could be told who will buy again: too short",
    ),
    "better_than_chance": (
        ["UPDATE repeat_buyer_models SET metrics = regexp_replace(metrics, '\"auc\": [0-9.]+', '\"auc\": 0.51')"],
        set(),
        "hardly better than chance: AUC 0.510",
    ),
    "every_buyer_scored": (
        ["UPDATE repeat_buyer_scores SET probability = probability + 0.001 WHERE rank = 5"],
        set(),
        "SQL and NumPy differ by up to 1.0e-03, and on the rank of 0 customers",
    ),
    "repeat_buyer_scores_contract": (
        ["INSERT INTO repeat_buyer_scores SELECT * FROM repeat_buyer_scores WHERE rank = 1"],
        {"every_buyer_scored"},
        "customer_id repeats in 1 row",
    ),
    "repeat_buyer_audience_keeps_the_format": ([], set(), "faults: audience_ga4.csv"),
    "segments_from_attributes": (
        ["DELETE FROM segment_classifier"],
        set(),
        "cross-validated",
    ),
    "predicted_only_where_none": (
        ["INSERT INTO predicted_segments SELECT customer_id, segment, segment_name, 0.5 FROM customer_segments LIMIT 1"],
        set(),
        "1 customer has a segment and a predicted one",
    ),
    "predicted_segments_contract": (
        ["INSERT INTO predicted_segments SELECT * FROM predicted_segments LIMIT 1"],
        set(),
        "customer_id repeats in 1 row",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def clean(finished_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished project without its planted bad rows: every check passes."""
    root = tmp_path_factory.mktemp("clean") / "project"
    shutil.copytree(finished_project, root, ignore=shutil.ignore_patterns(".sahara", "data"))
    (root / "data").mkdir()
    # The checks read the currency from the lines, and everything else as it is.
    text = (root / "sahara.toml").read_text().replace('currency = "GBP"\n', "")
    (root / "sahara.toml").write_text(text)
    with duckdb.connect(str(root / "sahara.duckdb")) as connection:
        connection.execute("UPDATE drops SET rows_read = rows_loaded, rows_rejected = 0")
        connection.execute("DELETE FROM rejected_rows")
        settings = load_settings(root / "sahara.toml", {})
        for dataset in settings.datasets:
            connection.execute(
                "UPDATE drops SET reading_fingerprint = ? WHERE dataset = ?",
                [reading_fingerprint(settings, dataset), dataset],
            )
    return root


def asked(root: Path) -> dict[str, Verdict]:
    settings = load_settings(root / "sahara.toml", {})
    with open_warehouse(settings) as warehouse:
        return {verdict.name: verdict for verdict in run_checks(warehouse, settings)}


def test_clean_data_pass_every_check(clean):
    verdicts = asked(clean)
    # Without analytics there is nothing to ask of it, and so of predictions and recommendations.
    elsewhere = {*ANALYTICS_FAULTS, *PREDICTION_FAULTS, *RECOMMENDATION_FAULTS}
    assert set(verdicts) == {question.name for question in QUESTIONS} - elsewhere
    assert [verdict for verdict in verdicts.values() if not verdict.passed] == []
    for verdict in verdicts.values():
        json.dumps(verdict.metadata)
        assert verdict.text


def test_every_check_has_its_planted_fault():
    planted = {*FAULTS, *ANALYTICS_FAULTS, *EXTRACT_FAULTS, *PREDICTION_FAULTS, *RECOMMENDATION_FAULTS}
    assert planted == {question.name for question in QUESTIONS}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_planted_fault_fails_its_check_and_no_other(name, clean, tmp_path):
    statements, others, words = FAULTS[name]
    root = tmp_path / "project"
    shutil.copytree(clean, root)
    if statements:
        toml = [statement for statement in statements if statement.startswith("[")]
        with (root / "sahara.toml").open("a") as settings:
            settings.writelines(toml)
        with duckdb.connect(str(root / "sahara.duckdb")) as connection:
            for statement in statements:
                if statement not in toml:
                    connection.execute(statement)
    else:
        audience = root / "exports" / "audience_ga4.csv"
        audience.write_bytes(audience.read_bytes().replace(b"user_id", b"userid", 1))
    verdicts = asked(root)
    assert {verdict.name for verdict in verdicts.values() if not verdict.passed} == {name, *others}
    assert words in verdicts[name].text


def test_many_customers_who_are_unlike_every_segment_ask_for_another_model(clean, tmp_path):
    """At training one in a hundred is; a few more are chance, one in five is a shop that has changed."""
    shutil.copytree(clean, tmp_path / "project")
    database = str(tmp_path / "project" / "sahara.duckdb")
    for share, passes in ((25, True), (5, False)):
        with duckdb.connect(database) as connection:
            connection.execute("UPDATE segment_profiles SET outlier_count = customer_count // ?", [share])
        verdict = asked(tmp_path / "project")["segments_still_fit"]
        assert verdict.passed is passes
    assert (
        "are unlike every segment; when the model was trained, 1.0% were. Consider `sahara run --retrain`"
        in verdict.text
    )


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> SmallShop:
    """A shop whose purchases are those of its two sessions: every check passes."""
    shop = SmallShop(
        tmp_path_factory.mktemp("visited"),
        project={"time_zone": "America/Los_Angeles"},
        datasets={"sessions": made.SESSIONS, "customers": {}},
        analytics={"purchases": "transactions"},
    )
    bought = (made.product(quantity=2, revenue=26.5), made.product("P2", 3.5, quantity=1, revenue=4.0))
    shop.deliver(
        "sessions/a.jsonl",
        made.lines(
            made.session("0017", 1, made.hit(1, made.product()), made.hit(2, *bought, action="6", order="ORD1")),
            made.session("0018", 1, made.hit(1)),
        ),
    )
    shop.deliver("customers/a.csv", [{"customer_id": "c-1", "visitor_id": "0017"}, {"customer_id": "0018"}])
    shop.build(features=False)
    return shop


def test_clean_sessions_pass_every_check(visited):
    verdicts = run_checks(visited.warehouse, visited.settings)
    assert {verdict.name for verdict in verdicts} >= set(ANALYTICS_FAULTS)
    assert [verdict for verdict in verdicts if not verdict.passed] == []


@pytest.mark.parametrize("name", sorted(ANALYTICS_FAULTS))
def test_a_planted_fault_of_analytics_fails_its_check_and_no_other(name, visited):
    statements, others, words = ANALYTICS_FAULTS[name]
    visited.warehouse.reader.execute("BEGIN")
    try:
        for statement in statements:
            visited.warehouse.reader.execute(statement)
        verdicts = {verdict.name: verdict for verdict in run_checks(visited.warehouse, visited.settings)}
    finally:
        visited.warehouse.reader.execute("ROLLBACK")
    assert {verdict.name for verdict in verdicts.values() if not verdict.passed} == {name, *others}
    assert words in verdicts[name].text


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallShop, SmallShop]:
    """A shop that is told who will buy again, and one that is told segments from attributes."""
    buyers = shop_of_habits(tmp_path_factory.mktemp("buyers"))
    predict(buyers)
    prediction_stage.repeat_buyer_audience(buyers.warehouse, buyers.settings, Run("test", datetime(2026, 1, 1)))
    return buyers, shop_of_attributes(tmp_path_factory.mktemp("people"))


def test_clean_predictions_pass_every_check(predicted):
    verdicts = [verdict for shop in predicted for verdict in run_checks(shop.warehouse, shop.settings)]
    assert {verdict.name for verdict in verdicts} >= set(PREDICTION_FAULTS)
    assert [v for v in verdicts if v.name in PREDICTION_FAULTS and not v.passed] == []


@pytest.mark.parametrize("name", sorted(PREDICTION_FAULTS))
def test_a_planted_fault_of_a_prediction_fails_its_check_and_no_other(name, predicted):
    statements, others, words = PREDICTION_FAULTS[name]
    shop = predicted["segment" in name or "predicted" in name]
    audience = shop.settings.export_folder / "repeat_buyers" / "audience_ga4.csv"
    written = b"" if statements else audience.read_bytes()
    if written:
        audience.write_bytes(written.replace(b"user_id", b"userid", 1))
    shop.warehouse.reader.execute("BEGIN")
    try:
        for statement in statements:
            shop.warehouse.reader.execute(statement)
        verdicts = {verdict.name: verdict for verdict in run_checks(shop.warehouse, shop.settings)}
    finally:
        shop.warehouse.reader.execute("ROLLBACK")
        if written:
            audience.write_bytes(written)
    failed = {verdict.name for verdict in verdicts.values() if not verdict.passed}
    assert failed & set(PREDICTION_FAULTS) == {name, *others}
    assert words in verdicts[name].text


@pytest.fixture(scope="module")
def recommending(tmp_path_factory: pytest.TempPathFactory) -> SmallShop:
    """A shop with recommendations by a matrix factorisation, and a promotion: every check of them passes."""
    section = {
        "factors": 4,
        "regularisation": 1.0,
        "methods": ["matrix_factorisation"],
        "audiences": {"tea": {"products": ["tea-00"]}},
    }
    shop = shop_of(tmp_path_factory.mktemp("recommending"), as_lines(two_tastes()), **section)
    recommend(shop)
    shop.build()  # the features, too: every check is asked
    return shop


@pytest.mark.parametrize("name", ["nothing", *sorted(RECOMMENDATION_FAULTS)])
def test_a_planted_fault_of_recommendations_fails_its_check_and_no_other(name, recommending):
    statements, others, words = RECOMMENDATION_FAULTS.get(name, ([], set(), ""))
    recommending.warehouse.reader.execute("BEGIN")
    try:
        for statement in statements:
            recommending.warehouse.reader.execute(statement)
        verdicts = {verdict.name: verdict for verdict in run_checks(recommending.warehouse, recommending.settings)}
    finally:
        recommending.warehouse.reader.execute("ROLLBACK")
    assert set(verdicts) >= set(RECOMMENDATION_FAULTS)
    failed = {verdict.name for verdict in verdicts.values() if not verdict.passed}
    assert failed == ({name, *others} if statements else set())
    assert words in (verdicts[name].text if statements else "")


@pytest.mark.parametrize("name", sorted(EXTRACT_FAULTS))
def test_a_planted_fault_of_an_extract_fails_its_check_and_no_other(name, clean, tmp_path):
    rows, url, words = EXTRACT_FAULTS[name]
    root = tmp_path / "project"
    shutil.copytree(clean, root)
    with (root / "sahara.toml").open("a") as file:
        file.write(EXTRACT)
    with closing(sqlite3.connect(root / "shop.db")) as database:
        database.execute("CREATE TABLE customers (customer_id TEXT, changed INTEGER)")
        database.executemany("INSERT INTO customers VALUES (?, ?)", rows)
        database.commit()
    settings = load_settings(root / "sahara.toml", {"SHOP_DB_URL": url})
    (outcome,) = extract_all(settings, now=datetime(2026, 1, 1))
    assert outcome.name == "people"
    verdicts = asked(root)
    assert {verdict.name for verdict in verdicts.values() if not verdict.passed} == {name}
    assert words in verdicts[name].text


def test_which_checks_block_is_a_decision_and_not_an_accident():
    blocking = {question.name for question in QUESTIONS if question.blocking}
    assert {question.name for question in QUESTIONS} - blocking == {
        "extracts_succeed",
        "rows_are_found",
        "no_rejected_drops",
        "every_file_is_claimed",
        "no_rejected_rows",
        "no_drift",
        "nothing_stale",
        "no_future_lines",
        "ids_join",
        "sales_are_usual",
        "choice_qualified",
        "segments_still_fit",
        "tiers_keep_order",
        "join_coverage",
        "days_agree",
        "totals_agree",
        "orders_are_told",
        "enough_to_learn",
        "better_than_chance",
        "segments_from_attributes",
        "model_knows_the_products",
        "promotions_reach_somebody",
        "promotions_are_written",
    }


def test_before_anything_is_built_only_the_books_are_asked(tmp_path):
    (tmp_path / "sahara.toml").write_text("")
    assert {verdict.asset for verdict in asked(tmp_path).values()} == {"extracts", "drops", "rejected_rows"}
