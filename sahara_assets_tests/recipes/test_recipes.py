"""Every recipe from its raw files to segments, with the numbers that its source system published or that hold on its data."""

import csv
import json
import re
import shutil
import tomllib
from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sahara_assets.errors import SaharaError
from sahara_assets.onboarding.known_exports import BOUGHT_IN_SESSIONS, FLAT_SESSIONS, GA4, GA360
from sahara_assets.recipes.recipe import recipe, recipe_names
from sahara_assets.settings.document import parse_settings
from sahara_assets_tests.analytics.real_exports import READINGS
from sahara_assets_tests.commands import ROOT, sahara

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
FILES = {
    "ga360-tutorial": ["ga360/ga_sessions.ndjson.gz"],
    "merchandise-store": ["google_merchandise_store/gms_google_analytics.csv", "google_merchandise_store/gms_crm.csv"],
    "sahara-crm": [f"sahara_crm/{name}.csv" for name in ("crm_account", "crm_user", "ga360", "users_signup_dates")],
    "ecom": ["ga4/events.ndjson.gz"],
    "customer-personality": ["marketing_campaign/marketing_campaign.csv"],
}


def run(root, *words):
    outcome = sahara(*words, cwd=root)
    assert outcome.code == 0, outcome.err
    return outcome


def cooked(name, folder):
    """A project made by a recipe on its real data, after its first run."""
    data = folder / "data"
    data.mkdir(parents=True)
    for path in FILES[name]:
        if not (REAL / path).is_file():
            pytest.skip(f"../shared/data/{path} is not there")
        shutil.copy(REAL / path, data)
    if name == "ga360-tutorial":
        run(folder, "generate", "--like", "tutorial-crm", "--visitors", "data/ga_sessions.ndjson.gz")
    said = run(folder, "init", "--recipe", name, "data")
    assert "could not" not in said.out
    (folder / "said.txt").write_text(run(folder, "run").out)
    return folder


class Project:
    """What a run has left."""

    def __init__(self, root):
        self.root = root
        self.said = (root / "said.txt").read_text()

    def rows(self, query):
        with duckdb.connect(str(self.root / "sahara.duckdb"), read_only=True) as connection:
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, query):
        ((value,),) = ([*row.values()] for row in self.rows(query))
        return value


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = {}

    def of(name):
        if name not in made:
            made[name] = Project(cooked(name, tmp_path_factory.mktemp(name)))
        return made[name]

    return of


# --- the recipes as documents ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_says_what_it_is_needs_and_does_and_is_valid(name, tmp_path):
    found = recipe(name)
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert found.title
    assert found.needs.startswith("Needs ")
    folder = 'a "quoted" \\ folder'
    settings = parse_settings(tomllib.loads(found.document(folder)), root=tmp_path)
    assert settings.drops.folder == folder


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_has_its_page(name):
    page = (ROOT / "docs" / "recipes" / f"{name}.md").read_text()
    assert f"--recipe {name}" in page
    assert f"({name}.md)" in (ROOT / "docs" / "recipes" / "README.md").read_text()


@pytest.mark.parametrize(
    ("name", "dataset", "reading"),
    [
        ("ga360-tutorial", "sessions", GA360.reading()),
        ("ecom", "events", GA4.reading()),
        ("merchandise-store", "sessions", READINGS["store"] if READINGS["store"].get("columns") else BOUGHT_IN_SESSIONS.reading()),
        ("sahara-crm", "sessions", READINGS["sahara"] if READINGS["sahara"].get("columns") else FLAT_SESSIONS.reading()),
    ],
)  # fmt: skip
def test_an_export_is_mapped_as_init_maps_it(name, dataset, reading):
    document = tomllib.loads(recipe(name).text)["datasets"][dataset]
    if not (REAL / FILES[name][0]).is_file():
        pytest.skip("../shared/data is not there: the header decides which names a flat file has")
    assert {key: document.get(key) for key in reading} == reading


def test_an_unknown_recipe_and_a_file_in_place_of_a_folder_are_refused_with_a_remedy(tmp_path):
    with pytest.raises(SaharaError, match="did you mean 'sahara-crm'"):
        recipe("sahara-crn")
    (tmp_path / "a.csv").write_text("x\n")
    outcome = sahara("init", "--recipe", "ecom", "a.csv", cwd=tmp_path)
    assert outcome.code == 2
    assert "takes the one folder that holds the data. Needs the nested events_*" in outcome.err


def test_files_that_are_missing_are_said_and_the_settings_are_there_all_the_same(tmp_path):
    (tmp_path / "data").mkdir()
    outcome = sahara("init", "--recipe", "customer-personality", "data", cwd=tmp_path)
    assert outcome.code == 2
    assert "could not: find customers: no file there matches the patterns. Needs marketing_campaign.csv" in outcome.out
    assert tomllib.loads((tmp_path / "sahara.toml").read_text())["drops"]["folder"] == "data"


# --- ga360-tutorial -----------------------------------------------------------------------------------------------------------------

TUTORIAL = {
    "operating_system": "OS", "apparel_lines": "Apparel", "office_lines": "Office", "electronics_lines": "Electronics",
    "limited_supply_lines": "Limited Supply", "accessories_lines": "Accessories", "shop_by_brand_lines": "Shop by Brand",
    "bags_lines": "Bags", "gender": "gender", "household_income": "hhi",
}  # fmt: skip


def test_the_tutorials_eleven_inputs_are_those_of_its_own_query(project):
    found = {row["customer_id"]: row for row in project("ga360-tutorial").rows("SELECT * FROM customer_features")}
    with (REAL / "ga360" / "tutorial_features_expected.csv").open(encoding="utf-8") as stream:
        expected = {row["v"]: row for row in csv.DictReader(stream)}
    assert set(found) == set(expected)
    for visitor, row in expected.items():
        assert found[visitor]["gross_spend"] == round(Decimal(row["productPrice_USD"]), 2)
        for ours, theirs in TUTORIAL.items():
            value = found[visitor][ours]
            assert value == (row[theirs] if isinstance(value, str) else float(row[theirs])), (visitor, ours)


def test_the_tutorials_made_up_customers_are_the_published_ones(project):
    rows = project("ga360-tutorial").rows("SELECT gender, household_income AS income FROM customer_features")
    assert Counter(row["gender"] for row in rows) == {"F": 171, "M": 167}
    assert Counter(int(row["income"]) for row in rows) == {75000: 125, 85000: 78, 65000: 67, 95000: 36, 55000: 32}


def test_the_tutorials_inputs_isolate_two_visitors_and_that_is_said(project):
    made = project("ga360-tutorial")
    assert made.one("SELECT count(*) FROM purchases") == 1_369
    sweep = {row["k"]: row for row in made.rows("SELECT * FROM k_sweep")}
    assert sorted(sweep) == list(range(3, 16))
    assert abs(sweep[3]["davies_bouldin_index"] - 0.705) < 0.001
    sizes = made.rows("SELECT customer_count AS n FROM segment_profiles ORDER BY n")
    assert [row["n"] for row in sizes] == [2, 2, 334]
    assert "in use though it does not qualify" in made.said


def test_the_summary_table_has_users_categories_spend_income_and_gender(project):
    made = project("ga360-tutorial")
    shown = run(made.root, "segments", "--centroids").out
    for row in (*TUTORIAL, "gross_spend"):
        assert re.search(rf"^{row}(: \w+)? ", shown, re.MULTILINE), row
    (biggest,) = (
        json.loads(r["centroid"]) for r in made.rows("SELECT * FROM segment_profiles WHERE customer_count = 334")
    )
    assert abs(biggest["gender"]["F"] - 0.503) < 0.001
    assert 75_000 < biggest["household_income"] < 76_000


# --- the others ---------------------------------------------------------------------------------------------------------------------


def test_the_store_has_as_many_repeat_buyers_as_it_really_has(project):
    made = project("merchandise-store")
    assert made.one("SELECT count(*) FROM customer_features") == 4_557
    assert made.one("SELECT count(*) FROM orders") == 5_134
    repeat = "SELECT customer_id FROM sessions GROUP BY customer_id HAVING sum(transactions) > 1"
    assert made.one(f"SELECT count(*) FROM ({repeat})") == 461
    assert made.one("SELECT sum(session_count) FROM customer_features") == 5_134
    # All visitors join once both sides have lost their leading zeros; as delivered 4,101 would.
    assert made.one("SELECT count(*) FROM customer_features WHERE age IS NOT NULL") == 4_557
    assert made.one("SELECT count(DISTINCT customer_id) FROM product_recommendations") == 4_557
    assert "does not beat what is bought together on the later period" in made.said


def test_the_sahara_join_keeps_21_users_and_says_so(project):
    made = project("sahara-crm")
    features = ["annual_revenue", "time_on_screen_seconds", "unique_screens", "loyalty_level", "lifetime_value", "age"]
    (model,) = made.rows("SELECT model FROM segmentation_models WHERE stage = 'champion'")
    assert [one["name"] for one in json.loads(model["model"])["features"]] == features
    assert made.one("SELECT count(*) FROM customer_segments") == 21
    assert sorted(row["k"] for row in made.rows("SELECT k FROM k_sweep")) == list(range(2, 12))
    assert made.one("SELECT count(*) FROM segment_profiles") == 9
    assert "21 of 950 user_ids of the sessions are customers (2.2%)" in made.said
    assert "in use though it does not qualify" in made.said
    left = {
        row["reason"]: row["row_count"]
        for row in made.rows("SELECT * FROM step_counts WHERE table_name = 'customer_segments'")
    }
    assert sum(count for reason, count in left.items() if "no value" in reason or "lack" in reason) == 929, left


def test_the_ecom_tiers_count_visitors_who_never_bought(project):
    made = project("ecom")
    rows = made.rows("SELECT * FROM customer_features")
    assert len(rows) == 114
    assert sum(row["session_count"] for row in rows) == 130
    assert sum(row["engagement_msec"] for row in rows) == 1_889_345
    assert {(row["order_count"], row["average_order_value"]) for row in rows} == {(0, 0)}
    tiers = made.rows("SELECT tier FROM segment_profiles ORDER BY segment")
    assert [row["tier"] for row in tiers] == ["Platinum", "Gold", "Silver", "Bronze"]


def test_customers_without_an_income_get_no_segment_but_a_likely_one(project):
    made = project("customer-personality")
    assert made.one("SELECT count(*) FROM customer_features") == 2_240
    assert made.one("SELECT count(*) FROM customer_segments") == 2_216
    assert made.one("SELECT count(*) FROM predicted_segments") == 24
    silhouettes = {row["k"]: row["silhouette"] for row in made.rows("SELECT k, silhouette FROM k_sweep")}
    for k, near in {2: 0.343, 3: 0.264, 4: 0.215}.items():
        assert abs(silhouettes[k] - near) < 0.01, k
    assert made.one("SELECT max(household_income) FROM customer_features") == 666_666


def test_kiosks_without_prices_have_segments_and_insights(tmp_path):
    run(tmp_path, "generate", "--like", "byte-foods", "--rows", "4000", "--seed", "3")
    run(tmp_path, "init", "--recipe", "byte-foods", "data")
    run(tmp_path, "run")
    made_rows = duckdb.connect(str(tmp_path / "sahara.duckdb"), read_only=True)
    with made_rows as connection:
        lines, segments = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("purchases", "segment_profiles")
        )
        parts = {row[0] for row in connection.execute("SELECT DISTINCT part_of_day FROM purchases").fetchall()}
    assert lines == 4_000
    assert segments >= 3
    assert parts == {"Morning", "Afternoon", "Evening"}
