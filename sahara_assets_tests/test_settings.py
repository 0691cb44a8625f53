"""Settings: every problem at once, in words a person can act on; the environment; fingerprints; the derived documentation."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.drops.discovery import glob_to_regex
from sahara_assets.errors import SaharaError, SettingsError
from sahara_assets.settings.document import Settings, config_file, load_settings, parse_settings
from sahara_assets.settings.environment import FILE_SUFFIX, environment_variables
from sahara_assets.settings.measuring import TreatmentSettings
from sahara_assets.settings.recommendations import ProductAudienceSettings
from sahara_assets.settings.reference import render_reference
from sahara_assets_tests.commands import ROOT

HERE = Path("/shop")


def problems(document: dict, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(document, root=HERE, environment=environment)
    return caught.value.problems


def _with_attributes(attributes: dict, accounts: dict | None = None, **customers: object) -> dict:
    datasets = {"purchases": {}, "customers": {"attributes": attributes, **customers}}
    return {"datasets": {**datasets, **({"accounts": accounts} if accounts else {})}}


def test_no_file_at_all_runs_the_sample_shop():
    settings = parse_settings({}, root=ROOT)
    assert settings.drop_folder == ROOT / "data"
    assert settings.warehouse_path == ROOT / "sahara.duckdb"
    patterns = [glob_to_regex(pattern) for pattern in settings.datasets["purchases"].patterns]
    usual = ["purchases/a.csv", "purchases/a.csv.gz", "purchases_1.jsonl.zst", "purchases.parquet", "purchases/a.zip"]
    assert all(any(pattern.fullmatch(path) for pattern in patterns) for path in usual)
    assert not any(pattern.fullmatch("purchases/readme.txt") for pattern in patterns)
    assert settings.rules.fee_codes == ["POST", "DOT", "GIFTWRAP", "BANK CHARGES"]
    assert settings.project.time_zone == "UTC"


def test_every_problem_is_listed_at_once():
    found = problems(
        {
            "colour": 3,
            "drops": "x",
            "project": {"time_zone": "Europe/Londn", "sede": 4},
            "datasets": {
                "purchase": {"delimiter": "a\nb"},
                "products": {
                    "patterns": ["/x", "..", "ok/*.csv"],
                    "columns": {"prodct_id": "a", "category": "b", "description": "b"},
                },
            },
            "segmentation": {"k_min": 9, "k_max": 4, "k": 1, "minimum_share": 7},
            "features": {"model": ["recency", "order_count", "order_count"]},
            "export": {"stream_id": "G-AB12", "tier_property": "user_id"},
        }
    )
    for expected in (
        "unknown key 'colour'; known: project",
        "drops: must be a table of keys and values",
        "project.time_zone: unknown time zone 'Europe/Londn'; did you mean 'Europe/London'?",
        "project: unknown key 'sede'; did you mean 'seed'?",
        "datasets: unknown dataset 'purchase'; did you mean 'purchases'?",
        "datasets: purchases is missing",
        "datasets.purchase.delimiter: must be one to eight characters",
        "datasets.products.patterns: '/x' and '..' must be a glob below the drop folder",
        "datasets.products.columns: unknown column 'prodct_id'; did you mean 'product_id'?",
        "datasets.products.columns: the header's 'b' is mapped to category and description",
        "segmentation.k_min: k_min (9) is above k_max (4)",
        "segmentation.k: must be at least 2 (found 1)",
        "segmentation.minimum_share: must be at most 0.5 (found 7)",
        "features.model: unknown feature 'recency'; did you mean 'recency_days'?; names 'order_count' twice",
        "export.stream_id: 'G-AB12' is a measurement id",
        "export.tier_property: 'user_id' is a key column",
    ):
        assert [line for line in found if line.startswith(expected)], (expected, found)
    assert len(found) == 16


def test_a_drop_folder_may_lie_in_a_bucket_and_shows_no_key_that_stands_in_its_address():
    for address, name, prefix in (
        ("s3://shop", "shop", ""),
        ("s3://shop/", "shop", ""),
        ("gs://shop.example.com/a/b", "shop.example.com", "a/b/"),
        ("gs://shop/a/b/", "shop", "a/b/"),
    ):
        settings = parse_settings({"drops": {"folder": address}}, root=Path())
        assert settings.drops.bucket is not None
        assert (settings.drops.bucket.name, settings.drops.bucket.prefix) == (name, prefix)
        with pytest.raises(SaharaError, match="is no folder of this machine"):
            _ = settings.drop_folder
    with pytest.raises(SettingsError) as caught:
        parse_settings({"drops": {"folder": "s3://AKIAKEY:secret@shop/drops"}}, root=Path())
    assert not {"AKIAKEY", "secret"} & set(str(caught.value).replace(":", " ").replace("@", " ").split())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"segmentation": {"k": "4"}}, 'segmentation.k: must be a whole number (found "4")'),
        ({"segmentation": {"k_min": 3.5}}, "segmentation.k_min: must be a whole number (found 3.5)"),
        ({"segmentation": {"k_min": True}}, "segmentation.k_min: must be a whole number (found true)"),
        ({"segmentation": {"k": 101}}, "segmentation.k: must be at most 100 (found 101)"),
        ({"segmentation": {"k_max": 2}}, "segmentation.k_max: k_min (3) is above k_max (2)"),
        ({"segmentation": {"outlier_quantile": 0.5}}, "segmentation.outlier_quantile: must be above 0.5 (found 0.5)"),
        ({"rules": {"fees_count_as_spend": "no"}}, 'rules.fees_count_as_spend: must be true or false (found "no")'),
        ({"rules": {"fee_codes": "POST"}}, 'rules.fee_codes: must be a list, such as ["a", "b"] (found "POST")'),
        ({"rules": {"cancellation_prefixes": [""]}}, "rules.cancellation_prefixes: an empty prefix would match every order id"),
        ({"drops": {"folder": 3}}, "drops.folder: must be text in quotes (found 3)"),
        ({"drops": {"folder": "gcs://shop/drops"}}, "drops.folder: no drops can be read from gcs://; write gs://"),
        ({"drops": {"folder": "S3://shop/drops"}}, "drops.folder: no drops can be read from S3://; write s3://"),
        ({"drops": {"folder": "https://shop/drops"}}, "drops.folder: no drops can be read from https://; this version knows local"),
        ({"drops": {"folder": "s3:///drops"}}, "drops.folder: names no bucket; write s3://bucket/prefix"),
        ({"drops": {"folder": "gs://shop//drops"}}, "drops.folder: has an empty part in its path"),
        ({"drops": {"folder": "s3://AKIA:key@shop/drops"}}, "drops.folder: has more than a bucket's name before its first slash"),
        ({"features": {"model": []}}, "features.model: must not be empty (found [])"),
        ({"features": {"cut_off": "soon"}}, "features.cut_off: 'soon' is not a date or time"),
        ({"features": {"cut_off": "2011-12-10T00:00+01:00"}}, "features.cut_off: is local to project.time_zone"),
        ({"project": {"time_zone": "../../etc/passwd"}}, "project.time_zone: unknown time zone"),
        ({"project": {"currency": "GBP", "currency_rates": {"EUR": 0}}}, "project.currency_rates.EUR: must be above 0"),
        ({"project": {"currency": "GBP", "currency_rates": {"EUR": float("inf")}}}, "project.currency_rates.EUR: must be a number"),
        ({"project": {"currency": "GBP", "currency_rates": {"EUR": float("nan")}}}, "project.currency_rates.EUR: must be"),
        ({"project": {"currency_rates": {"EUR": 0.8}}}, "project.currency_rates: needs project.currency"),
        ({"warehouse": {"url": "sahara.duckdb"}}, "warehouse.url: no warehouse; this version knows duckdb:///FILE"),
        ({"warehouse": {"url": "duckdb://sahara.duckdb"}}, "warehouse.url: names no file"),
        ({"warehouse": {"url": "postgresql://host/db?schema=Sahara"}}, "warehouse.url: schema 'Sahara' must be lower-case"),
        ({"warehouse": {"url": "postgresql://host/db?schema=pg_temp"}}, "warehouse.url: schema 'pg_temp' must"),
        ({"warehouse": {"url": "postgresql://host/db?password=x"}}, "warehouse.url: holds a password"),
        ({"warehouse": {"url": "duckdb:///a.duckdb?x=1"}}, "warehouse.url: a DuckDB file takes no options"),
        ({"warehouse": {"memory_limit": "much"}}, "warehouse.memory_limit: 'much' is not a size such as 2GB"),
        ({"export": {"stream_id": "12x"}}, "export.stream_id: '12x' is not a number"),
        ({"export": {"segment_property": "client_id"}}, "export.segment_property: 'client_id' is a key column"),
        ({"export": {"segment_property": "2x"}}, "export.segment_property: '2x' must be a letter"),
        ({"export": {"segment_property": "x" * 25}}, "export.segment_property: 'xxxxx"),
        ({"export": {"segment_property": "sahara_tier"}}, "export.segment_property: segment_property and tier_property are the same"),
        ({"export": {"ga360_segment_dimension": 2}}, "export.ga360_segment_dimension: ga360_segment_dimension and"),
        ({"datasets": {"purchases": {"date_formats": ["%d.%q.%Y"]}}}, "datasets.purchases.date_formats: '%d.%q.%Y' holds %q"),
        ({"datasets": {"purchases": {"date_formats": ["%d.%m."]}}}, "datasets.purchases.date_formats: '%d.%m.' names no year"),
        ({"datasets": {"purchases": {"quote": ";", "delimiter": ";"}}}, "datasets.purchases.quote: is the delimiter too"),
        ({"datasets": {"purchases": {"escape": "|", "delimiter": "|"}}}, "datasets.purchases.escape: is the delimiter too"),
        ({"datasets": {"purchases": {"escape": "ab"}}}, "datasets.purchases.escape: must be one ASCII character"),
        ({"datasets": {"purchases": {"delimiter": ""}}}, "datasets.purchases.delimiter: must be one to eight characters"),
        ({"datasets": {"purchases": {"comment": '"#'}}}, "datasets.purchases.comment: begins with '\"', which every row"),
        ({"datasets": {"purchases": {"skip_lines": -1}}}, "datasets.purchases.skip_lines: must be a number from 0 to 10000"),
        ({"datasets": {"purchases": {"skip_lines": "many"}}}, "datasets.purchases.skip_lines: must be a number from 0 to 10000"),
        ({"datasets": {"purchases": {"header_lines": 0}}}, "datasets.purchases.column_names: is missing"),
        ({"datasets": {"purchases": {"column_names": ["a"]}}}, "datasets.purchases.column_names: is for files without a header"),
        ({"datasets": {"purchases": {"header_lines": 0, "column_names": ["a", "a"]}}}, "datasets.purchases.column_names: names 'a' twice"),
        ({"datasets": {"purchases": {"header_lines": 0, "column_names": ["a"], "columns": {"order_id": "b"}}}}, "datasets.purchases.columns.order_id: 'b' is none of column_names"),
        ({"datasets": {"purchases": {"totals": [" "]}}}, "datasets.purchases.totals: must not hold an empty text"),
        ({"datasets": {"purchases": {"record_delimiter": "\n"}}}, "datasets.purchases.record_delimiter: must be one to eight characters"),
        ({"datasets": {"purchases": {"encoding": "latin"}}}, "datasets.purchases.encoding: must be one of 'auto', 'utf-8'"),
        ({"datasets": {"purchases": {"normalise": {"quantity": ["upper"]}}}}, "datasets.purchases.normalise.quantity: is not a text column"),
        ({"datasets": {"purchases": {"version_column": "orderid"}}}, "datasets.purchases.version_column: unknown column 'orderid'; did you mean 'order_id'?"),
        ({"datasets": {"purchases": {"hold_above": 1.5}}}, "datasets.purchases.hold_above: must be at most 1"),
        ({"datasets": {"purchases": {"columns": {"product_id": ""}}}}, "datasets.purchases.columns.product_id: must be in every row of purchases"),
        ({"parts_of_day": {"starts": {" ": 6}}}, "parts_of_day.starts: ' ' is no name"),
        ({"datasets": {"purchases": {"date_formats": ["epoch_second"]}}}, "datasets.purchases.date_formats: 'epoch_second' names no year; write it like %d/%m/%Y %H:%M; did you mean 'epoch_seconds'?"),
        ({"datasets": {"purchases": {"time_zone": "Amerika"}}}, "datasets.purchases.time_zone: unknown time zone 'Amerika'"),
        ({"datasets": {"purchases": {"explode": 3}}}, "datasets.purchases.explode: must be a list"),
        ({"datasets": {"purchases": {"explode": "a..b"}}}, "datasets.purchases.explode: 'a..b' is no path such as items"),
        ({"datasets": {"purchases": {"explode": ["hits", "product"]}}}, "datasets.purchases.explode: 'product' must lie inside 'hits'"),
        ({"datasets": {"purchases": {"explode": "items", "format": "csv"}}}, "datasets.purchases.explode: takes lists of nested documents apart, and CSV has none"),
        ({"datasets": {"purchases": {"micros": ["unitprice"]}}}, "datasets.purchases.micros: unknown column 'unitprice'; did you mean 'unit_price'?"),
        ({"datasets": {"purchases": {"micros": ["order_id"]}}}, "datasets.purchases.micros: order_id is no column of amounts"),
        ({"datasets": {"purchases": {"constants": {"curency": "USD"}}}}, "datasets.purchases.constants: unknown column 'curency'; did you mean 'currency'?"),
        ({"datasets": {"purchases": {"constants": {"currency": "USD"}, "columns": {"currency": "cur"}}}}, "datasets.purchases.constants.currency: is mapped to 'cur' too"),
        ({"datasets": {"purchases": {"columns": {"order_id": "a", "customer_id": "a"}}}}, "datasets.purchases.columns: the header's 'a' is mapped to order_id and customer_id"),
        ({"datasets": {"products": {}}}, "datasets: purchases is missing"),
        ({"features": {"model": ["morning_shar"]}}, "features.model: unknown feature 'morning_shar'; did you mean 'morning_share'?"),
        ({"features": {"also": ["weekend_shares"]}}, "features.also: unknown feature 'weekend_shares'; did you mean 'weekend_share'?"),
        ({"features": {"also": ["country", "country"]}}, "features.also: names 'country' twice"),
        ({"features": {"population": "visitor"}}, "features.population: must be one of 'buyers', 'customers', 'visitors' or 'everyone'"),
        ({"features": {"category_lines": {"Mugs": "x"}}}, "features.category_lines: 'Mugs' must be lower-case letters"),
        ({"features": {"category_lines": {"mugs": "("}}}, "features.category_lines: mugs: '(' is no regular expression"),
        ({"features": {"category_lines": {"mugs": ""}}}, "features.category_lines: mugs: '' is empty"),
        ({"features": {"category_lines": {"mugs": r"a(?=b)"}}}, "features.category_lines: mugs: 'a(?=b)' holds '(?', which not every warehouse reads"),
        ({"features": {"category_lines": {"mugs": r"x(?i)b"}}}, "features.category_lines: mugs: 'x(?i)b' holds '(?i'"),
        ({"features": {"category_lines": {"mugs": "[[:alpha:]]"}}}, "features.category_lines: mugs: '[[:alpha:]]' holds '[['"),
        (_with_attributes({"weekend_share": {"column": "X", "kind": "number"}}), "datasets.customers.attributes.weekend_share: brings a second feature 'weekend_share'"),
        (_with_attributes({"birth_year": "Y", "birth_date": "D"}), "datasets.customers.attributes.birth_date: brings a second feature 'age_years'"),
        ({"parts_of_day": {"starts": {"lunch": 24}}}, "parts_of_day.starts: holds the hour 24"),
        ({"parts_of_day": {"starts": {"lunch": 1, "tea": 1}}}, "parts_of_day.starts: two parts begin at the same hour"),
        ({"parts_of_day": {"starts": {"朝": 1}}}, "parts_of_day.starts: '朝' holds no letter from a to z"),
        ({"parts_of_day": {"starts": {"Early tea": 1, "early-tea": 2}}}, "parts_of_day: brings a second feature 'early_tea_share'"),
        ({"parts_of_day": {"time_zone": "Mars"}}, "parts_of_day.time_zone: unknown time zone 'Mars'"),
        ({"features": {"weekend": ["sun"]}}, "features.weekend: 'sun' is no day; write monday"),
        ({"parts_of_day": {"rule": "bytefoods"}}, "parts_of_day.rule: must be one of 'usual' or 'byte-foods'"),
        ({"segmentation": {"rank_by": "spend"}}, "segmentation.rank_by: unknown feature 'spend'; "),
        ({"segmentation": {"rank_by": "country"}}, "segmentation.rank_by: 'country' is a category, which has no mean"),
        ({"preprocessing": {"features": {"gros_spend": {}}}}, "preprocessing.features.gros_spend: unknown feature 'gros_spend'; did you mean 'gross_spend'?"),
        ({"preprocessing": {"features": {"net_spend": {}}}}, "preprocessing.features.net_spend: is not among features.model"),
        ({"preprocessing": {"features": {"gross_spend": {"mising": "drop"}}}}, "preprocessing.features.gross_spend: unknown key 'mising'; did you mean 'missing'?"),
        ({"features": {"model": ["country"]}, "preprocessing": {"features": {"country": {"scale": "none"}}}}, "preprocessing.features.country: is a category, which has no scale"),
        ({"features": {"model": ["country"]}, "preprocessing": {"features": {"country": {"missing": "mean"}}}}, "preprocessing.features.country: is a category: who has none"),
        ({"preprocessing": {"cap_quantile": 0}}, "preprocessing.cap_quantile: must be above 0"),
        ({"datasets": {"customers": {}}, "features": {"model": ["country"]}}, 'features.population: must be "customers" (or "visitors", or "everyone") where there is no [datasets.purchases]'),
        ({"datasets": {"customers": {}}, "features": {"population": "customers"}}, "features.model: is missing; without order lines say which features to cluster on, of: membership_days"),
        ({"datasets": {"customers": {}}, "features": {"population": "customers", "model": ["gross_spend"]}}, "features.model: 'gross_spend' is made from order lines, and there is no [datasets.purchases]"),
        (_with_attributes({"incme": "Income"}), "datasets.customers.attributes.incme: unknown attribute 'incme'; known: birth_year"),
        (_with_attributes({"househld_income": "Income"}), "datasets.customers.attributes.househld_income: unknown attribute 'househld_income'; did you mean 'household_income'?; for one of your own say its kind: { column = "),
        (_with_attributes({"Income": {"column": "Income", "kind": "number"}}), "datasets.customers.attributes.Income: must be lower-case letters"),
        (_with_attributes({"country": "Land"}), "datasets.customers.attributes.country: is a column of its own; map it under columns"),
        (_with_attributes({"age": {"colum": "Age", "column": "x"}}), "datasets.customers.attributes.age: unknown key 'colum'; did you mean 'column'?"),
        (_with_attributes({"age": {}}), "datasets.customers.attributes.age.column: is missing"),
        (_with_attributes({"age": {"column": "Age", "kind": "numbr"}}), "datasets.customers.attributes.age.kind: must be one of 'number', 'category'"),
        (_with_attributes({"club": {"column": "C", "kind": "flag", "yes": ["x"], "no": ["x"]}}), "datasets.customers.attributes.club: 'x' means both yes and no"),
        (_with_attributes({"age": "A", "gender": "A"}), "datasets.customers.columns: the header's 'A' is mapped to age and gender"),
        (_with_attributes({"age": "A"}, accounts={"attributes": {"age": {"column": "A", "kind": "category"}}}), "datasets.accounts.attributes.age: is a category here and a number in datasets.customers"),
        ({"datasets": {"purchases": {"attributes": {"age": "A"}}}}, "datasets.purchases.attributes: only customers and accounts and sign_ups have attributes"),
        (_with_attributes({"age": "A"}, normalise={"ag": ["lower"]}), "datasets.customers.normalise: unknown column 'ag'; did you mean 'age'?"),
        ({"recommendations": {"factor": 3}}, "recommendations: unknown key 'factor'; did you mean 'factors'?"),
        ({"recommendations": {"methods": []}}, "recommendations.methods: names no method"),
        ({"recommendations": {"methods": ["als"]}}, "recommendations.methods.0: must be one of 'matrix_factorisation'"),
        ({"recommendations": {"audiences": {"Big Bags": {"products": ["x"]}}}}, "recommendations.audiences: 'Big Bags' becomes part of a file's name"),
        ({"recommendations": {"audiences": {"bags": {}}}}, "recommendations.audiences.bags: names nothing to promote"),
        ({"recommendations": {"audiences": {"bags": {"category": "(?<=x)y"}}}}, "recommendations.audiences.bags.category: holds '(?'"),
        ({"recommendations": {"evaluation_share": 0.5}}, "recommendations.evaluation_share: must be below 0.5"),
        ({"root": "x"}, "unknown key 'root'"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_place_and_what_would_be_right(document, expected):
    found = problems(document)
    assert len(found) == 1, found
    assert found[0].startswith(expected)


def test_near_misses_are_found_whatever_their_capitals():
    assert problems({"Segmentation": {}})[0] == "unknown key 'Segmentation'; did you mean 'segmentation'?"


def test_a_fixed_k_may_lie_outside_the_range_that_is_swept():
    assert parse_settings({"segmentation": {"k": 2}}, root=HERE).segmentation.k == 2


def test_a_bare_toml_date_is_a_cut_off():
    document = tomllib.loads("[features]\ncut_off = 2011-12-10")
    assert parse_settings(document, root=HERE).features.cut_off == "2011-12-10"


def test_a_list_to_take_apart_may_be_named_alone():
    document = {"datasets": {"purchases": {"explode": "items"}}}
    assert parse_settings(document, root=HERE).datasets["purchases"].explode == ["items"]


def test_a_name_may_be_an_id_and_a_moment_at_once():
    document = {"datasets": {"purchases": {"columns": {"order_id": "at", "ordered_at": "at"}}}}
    assert parse_settings(document, root=HERE).datasets["purchases"].columns["ordered_at"] == "at"


def test_a_mapping_alone_keeps_the_usual_patterns():
    settings = parse_settings({"datasets": {"purchases": {"columns": {"order_id": "InvoiceNo"}}}}, root=HERE)
    assert settings.datasets["purchases"].patterns == parse_settings({}, root=HERE).datasets["purchases"].patterns
    assert list(settings.datasets) == ["purchases"]


# --- the environment -------------------------------------------------------------------------------------------------------------

_OVERRIDES = {
    "SAHARA_PROJECT_NAME": ("Shop", "Shop"),
    "SAHARA_PROJECT_TIME_ZONE": ("Asia/Tokyo", "Asia/Tokyo"),
    "SAHARA_PROJECT_CURRENCY": ("EUR", "EUR"),
    "SAHARA_PROJECT_CURRENCY_RATES": ('{"GBP": 1.2}', {"GBP": 1.2}),
    "SAHARA_PROJECT_SEED": ("7", 7),
    "SAHARA_WAREHOUSE_URL": ("duckdb:////tmp/x.duckdb", "duckdb:////tmp/x.duckdb"),
    "SAHARA_WAREHOUSE_MEMORY_LIMIT": ("2GB", "2GB"),
    "SAHARA_WAREHOUSE_THREADS": ("2", 2),
    "SAHARA_DROPS_FOLDER": ("in", "in"),
    "SAHARA_DROPS_FOLLOW_LINKS": ("none", "none"),
    "SAHARA_DROPS_IGNORE": ("notes/*, *.bak.csv", ["notes/*", "*.bak.csv"]),
    "SAHARA_DROPS_SETTLE_SECONDS": ("2.5", 2.5),
    "SAHARA_DROPS_LARGEST_UNPACKED": ("500MB", "500MB"),
    "SAHARA_DROPS_LARGEST_RATIO": ("50", 50),
    "SAHARA_DROPS_WATCH_SECONDS": ("5", 5),
    "SAHARA_DROPS_EXTRACTS_FOLDER": ("out", "out"),
    "SAHARA_DROPS_EXTRACT_SECONDS": ("60", 60),
    "SAHARA_ALERTS_WEBHOOK_URL": ("https://hooks.example.com/x", "https://hooks.example.com/x"),
    "SAHARA_ALERTS_UI_URL": ("https://dagster.example.com/", "https://dagster.example.com"),
    "SAHARA_ALERTS_TIMEOUT_SECONDS": ("2.5", 2.5),
    "SAHARA_RULES_CANCELLATION_PREFIXES": ("C, X", ["C", "X"]),
    "SAHARA_RULES_ADJUSTMENT_PREFIXES": ("B", ["B"]),
    "SAHARA_RULES_FEE_CODES": ("POST,BANK CHARGES", ["POST", "BANK CHARGES"]),
    "SAHARA_RULES_FEES_COUNT_AS_SPEND": ("false", False),
    "SAHARA_RULES_COUNTRIES": ("Peru, Chad", ["Peru", "Chad"]),
    "SAHARA_RULES_LEAST_JOINED": ("0.9", 0.9),
    "SAHARA_ANALYTICS_CUSTOMER": ("user_id", "user_id"),
    "SAHARA_ANALYTICS_PURCHASES": ("none", "none"),
    "SAHARA_ANALYTICS_ORDER": ("session", "session"),
    "SAHARA_INSIGHTS_ENABLED": ("false", False),
    "SAHARA_INSIGHTS_ROWS": ("50", 50),
    "SAHARA_INSIGHTS_MONTHS": ("36", 36),
    "SAHARA_INSIGHTS_PAIR_ORDERS": ("20", 20),
    "SAHARA_INSIGHTS_ODD_WEEKS": ("8", 8),
    "SAHARA_INSIGHTS_ODD_SCORE": ("5", 5.0),
    "SAHARA_FEATURES_MODEL": ("recency_days,gross_spend", ["recency_days", "gross_spend"]),
    "SAHARA_FEATURES_CUT_OFF": ("2011-12-10", "2011-12-10"),
    "SAHARA_FEATURES_ALSO": ("weekend_share, morning_share", ["weekend_share", "morning_share"]),
    "SAHARA_FEATURES_CATEGORY_LINES": ('{"mugs": "(?i)mugs"}', {"mugs": "(?i)mugs"}),
    "SAHARA_FEATURES_POPULATION": ("customers", "customers"),
    "SAHARA_PARTS_OF_DAY_RULE": ("byte-foods", "byte-foods"),
    "SAHARA_PARTS_OF_DAY_STARTS": ('{"lunch": 11}', {"lunch": 11}),
    "SAHARA_PARTS_OF_DAY_TIME_ZONE": ("UTC", "UTC"),
    "SAHARA_FEATURES_WEEKEND": ("friday,saturday", ["friday", "saturday"]),
    "SAHARA_PREPROCESSING_MISSING": ("drop", "drop"),
    "SAHARA_PREPROCESSING_CAP_QUANTILE": ("0.95", 0.95),
    "SAHARA_PREPROCESSING_TRANSFORM": ("none", "none"),
    "SAHARA_PREPROCESSING_EXPLAINED_VARIANCE": ("0.9", 0.9),
    "SAHARA_PREPROCESSING_FEATURES": (
        '{"gross_spend": {"missing": "drop"}}',
        {"gross_spend": TreatmentSettings(missing="drop")},
    ),
    "SAHARA_RECOMMENDATIONS_ENABLED": ("true", True),
    "SAHARA_RECOMMENDATIONS_RATING": ("units_sold", "units_sold"),
    "SAHARA_RECOMMENDATIONS_HALF_LIFE_DAYS": ("30", 30.0),
    "SAHARA_RECOMMENDATIONS_FACTORS": ("15", 15),
    "SAHARA_RECOMMENDATIONS_REGULARISATION": ("30", 30.0),
    "SAHARA_RECOMMENDATIONS_CONFIDENCE": ("40", 40.0),
    "SAHARA_RECOMMENDATIONS_ITERATIONS": ("5", 5),
    "SAHARA_RECOMMENDATIONS_METHODS": ("bought_together,popularity", ["bought_together", "popularity"]),
    "SAHARA_RECOMMENDATIONS_EVALUATION_SHARE": ("0.3", 0.3),
    "SAHARA_RECOMMENDATIONS_PER_CUSTOMER": ("5", 5),
    "SAHARA_RECOMMENDATIONS_INCLUDE_OWNED": ("true", True),
    "SAHARA_RECOMMENDATIONS_SOLD_WITHIN_DAYS": ("30", 30),
    "SAHARA_RECOMMENDATIONS_PAIRS_PER_PRODUCT": ("5", 5),
    "SAHARA_RECOMMENDATIONS_MINIMUM_PAIR_ORDERS": ("2", 2),
    "SAHARA_RECOMMENDATIONS_ANONYMOUS_ORDERS": ("true", True),
    "SAHARA_RECOMMENDATIONS_AUDIENCES": (
        '{"bags": {"products": ["85099B"]}}',
        {"bags": ProductAudienceSettings(products=["85099B"])},
    ),
    "SAHARA_SEGMENTATION_RANK_BY": ("net_spend", "net_spend"),
    "SAHARA_FEATURES_CATEGORY_SEPARATOR": ("/", "/"),
    "SAHARA_SEGMENTATION_K_MIN": ("4", 4),
    "SAHARA_SEGMENTATION_K_MAX": ("9", 9),
    "SAHARA_SEGMENTATION_K": ("5", 5),
    "SAHARA_SEGMENTATION_MINIMUM_SHARE": ("0.05", 0.05),
    "SAHARA_SEGMENTATION_MINIMUM_STABILITY": ("0.5", 0.5),
    "SAHARA_SEGMENTATION_OUTLIER_QUANTILE": ("0.9", 0.9),
    "SAHARA_REPEAT_BUYERS_ENABLED": ("true", True),
    "SAHARA_REPEAT_BUYERS_FEATURES": ("recency_days,order_count", ["recency_days", "order_count"]),
    "SAHARA_REPEAT_BUYERS_HORIZON_DAYS": ("60", 60),
    "SAHARA_REPEAT_BUYERS_REPORT_CUT_OFF": ("2011-09-01", "2011-09-01"),
    "SAHARA_REPEAT_BUYERS_TRAINING_CUT_OFFS": ("6", 6),
    "SAHARA_REPEAT_BUYERS_STEP_DAYS": ("14", 14),
    "SAHARA_REPEAT_BUYERS_MINIMUM_HISTORY_DAYS": ("45", 45),
    "SAHARA_REPEAT_BUYERS_MINIMUM_CUSTOMERS": ("200", 200),
    "SAHARA_REPEAT_BUYERS_MODEL": ("logistic", "logistic"),
    "SAHARA_REPEAT_BUYERS_REGULARISATION": ("2.5", 2.5),
    "SAHARA_REPEAT_BUYERS_LEAK_AUC": ("0.95", 0.95),
    "SAHARA_REPEAT_BUYERS_ALLOWED_FEATURES": ("recency_days", ["recency_days"]),
    "SAHARA_REPEAT_BUYERS_CONTACT_SHARE": ("0.2", 0.2),
    "SAHARA_REPEAT_BUYERS_CONTACT_CUSTOMERS": ("500", 500),
    "SAHARA_REPEAT_BUYERS_CONTACT_COST": ("0.5", 0.5),
    "SAHARA_REPEAT_BUYERS_CONTACT_VALUE": ("12.5", 12.5),
    "SAHARA_REPEAT_BUYERS_AUDIENCE": ("false", False),
    "SAHARA_REPEAT_BUYERS_DECILE_PROPERTY": ("tenth", "tenth"),
    "SAHARA_REPEAT_BUYERS_CONTACT_PROPERTY": ("write_to", "write_to"),
    "SAHARA_SEGMENT_LABELS_ENABLED": ("true", True),
    "SAHARA_SEGMENT_LABELS_ATTRIBUTES": ("country", ["country"]),
    "SAHARA_SEGMENT_LABELS_FOLDS": ("4", 4),
    "SAHARA_SEGMENT_LABELS_MINIMUM_CUSTOMERS": ("60", 60),
    "SAHARA_SEGMENT_LABELS_REGULARISATION": ("3.0", 3.0),
    "SAHARA_EXPORT_FOLDER": ("out", "out"),
    "SAHARA_EXPORT_STREAM_ID": ("123", "123"),
    "SAHARA_EXPORT_SEGMENT_PROPERTY": ("seg", "seg"),
    "SAHARA_EXPORT_TIER_PROPERTY": ("tier", "tier"),
    "SAHARA_EXPORT_GA360_SEGMENT_DIMENSION": ("11", 11),
    "SAHARA_EXPORT_GA360_TIER_DIMENSION": ("12", 12),
}


def test_the_list_of_variables_below_is_whole():
    assert set(environment_variables(Settings)) == set(_OVERRIDES)


@pytest.mark.parametrize("variable", sorted(_OVERRIDES))
def test_every_key_can_be_overridden_from_the_environment(variable):
    text, expected = _OVERRIDES[variable]
    section, key = environment_variables(Settings)[variable]
    document = (
        {"project": {"currency": "GBP", "name": "File"}, section: {}}
        if section != "project"
        else {"project": {"currency": "GBP"}}
    )
    settings = parse_settings(document, root=HERE, environment={variable: text})
    assert getattr(getattr(settings, section), key) == expected


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("SAHARA_SEGMENTATION_K_MAX", "abc", 'must be a whole number (found "abc")'),
        ("SAHARA_SEGMENTATION_K_MAX", "2", "k_min (3) is above k_max (2)"),
        ("SAHARA_PROJECT_SEED", "-4", "must be at least 0 (found -4)"),
        ("SAHARA_RULES_FEES_COUNT_AS_SPEND", "perhaps", 'must be true or false (found "perhaps")'),
        ("SAHARA_PROJECT_CURRENCY_RATES", "EUR=1", 'must be a table of keys and values (found "EUR=1")'),
        ("SAHARA_FEATURES_MODEL", "recency", "unknown feature 'recency'"),
        ("SAHARA_EXPORT_STREAM_ID", "G-1", "'G-1' is a measurement id"),
    ],
)
def test_a_bad_value_goes_by_the_name_of_its_variable(variable, text, expected):
    found = problems({}, {variable: text})
    assert len(found) == 1, found
    assert found[0].startswith(f"environment: {variable}: {expected}")


def test_the_environment_wins_over_the_file_even_where_the_file_is_wrong():
    settings = parse_settings(
        {"project": {"time_zone": "Nowhere"}}, root=HERE, environment={"SAHARA_PROJECT_TIME_ZONE": "UTC"}
    )
    assert settings.project.time_zone == "UTC"


def test_an_empty_variable_overrides_nothing():
    assert (
        parse_settings({"segmentation": {"k": 5}}, root=HERE, environment={"SAHARA_SEGMENTATION_K": ""}).segmentation.k
        == 5
    )


def test_a_misspelt_variable_is_a_problem_and_the_ones_of_kubernetes_are_not():
    assert problems({}, {"SAHARA_WAREHUOSE_URL": "x"}) == [
        "environment: unknown variable 'SAHARA_WAREHUOSE_URL'; did you mean 'SAHARA_WAREHOUSE_URL'?"
    ]
    parse_settings(
        {}, root=HERE, environment={"SAHARA_PORT_80_TCP": "x", "SAHARA_SERVICE_HOST": "10.0.0.1", "HOME": "/"}
    )


@pytest.mark.parametrize("url", ["duckdb://me:s3cret@host/x.duckdb", "postgresql://me:s3cret@host/db"])
def test_a_password_in_the_file_is_refused_and_never_printed(url):
    found = problems({"warehouse": {"url": url}})
    assert found == ["warehouse.url: holds a password; put the whole URL into the environment as SAHARA_WAREHOUSE_URL"]
    assert "s3cret" not in str(problems({}, {"SAHARA_WAREHOUSE_URL": f"{url}?schema=No"}))


def test_a_password_in_the_environment_is_not_what_is_wrong():
    settings = parse_settings({}, root=HERE, environment={"SAHARA_WAREHOUSE_URL": "postgresql://me:s3cret@host/db"})
    assert settings.warehouse.scheme == "postgresql"
    assert "password" not in str(problems({}, {"SAHARA_WAREHOUSE_URL": "oracle://me:s3cret@host/db"}))


# --- the environment's files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", sorted(_OVERRIDES))
def test_every_variable_can_name_a_file_instead(variable, tmp_path):
    text, expected = _OVERRIDES[variable]
    section, key = environment_variables(Settings)[variable]
    document = {} if section == "project" and key == "currency" else {"project": {"currency": "GBP"}}
    (tmp_path / "value").write_text(f"{text}\n")
    settings = parse_settings(
        document, root=HERE, environment={f"{variable}_FILE": str(tmp_path / "value"), variable: ""}
    )
    assert getattr(getattr(settings, section), key) == expected


def test_no_variable_is_another_ones_file():
    variables = set(environment_variables(Settings))
    assert not {f"{variable}{FILE_SUFFIX}" for variable in variables} & variables


@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(str.strip),
    st.sampled_from(["", "\n", "\r\n", "\n\n"]),
)
def test_a_file_means_what_the_variable_would(tmp_path_factory, text, ending):
    path = tmp_path_factory.mktemp("secret") / "name"
    path.write_bytes(f"{text}{ending}".encode())
    by_file = parse_settings({}, root=HERE, environment={"SAHARA_PROJECT_NAME_FILE": str(path)})
    assert by_file == parse_settings({}, root=HERE, environment={"SAHARA_PROJECT_NAME": text.removeprefix("\ufeff")})


_BAD_FILES = {
    "empty": (b"", "is empty; write the value into it, or leave the variable out"),
    "blank": (b" \n\n", "is empty; write the value into it, or leave the variable out"),
    "long": (b"s3cret" * 20_000, "is larger than 64 KiB; name the file that holds the value and nothing else"),
    "latin": ("s3crét".encode("latin-1"), "is not UTF-8 (byte 4); save it as UTF-8"),
    "nul": (b"s3cret\0s3cret", "holds a NUL; write the value as text"),
    "missing": (None, "cannot be read (No such file or directory); name a file that this user may read"),
}


@pytest.mark.parametrize("case", sorted(_BAD_FILES))
def test_a_bad_file_is_said_without_what_it_holds(case, tmp_path):
    content, expected = _BAD_FILES[case]
    path = tmp_path / "warehouse_url"
    if content is not None:
        path.write_bytes(content)
    found = problems({}, {"SAHARA_WAREHOUSE_URL_FILE": str(path)})
    assert found == [f"environment: SAHARA_WAREHOUSE_URL_FILE: {path}: {expected}"]


def test_a_folder_is_no_file_and_both_at_once_are_a_problem(tmp_path):
    assert "cannot be read (Is a directory)" in problems({}, {"SAHARA_DROPS_FOLDER_FILE": str(tmp_path)})[0]
    (tmp_path / "name").write_text("b")
    both = {"SAHARA_PROJECT_NAME": "a", "SAHARA_PROJECT_NAME_FILE": str(tmp_path / "name")}
    assert problems({}, both) == [
        "environment: SAHARA_PROJECT_NAME_FILE: is set beside SAHARA_PROJECT_NAME; leave one of the two out"
    ]


def test_a_bad_value_from_a_file_goes_by_the_name_of_its_variable(tmp_path):
    (tmp_path / "k").write_text("many\n")
    assert problems({}, {"SAHARA_SEGMENTATION_K_FILE": str(tmp_path / "k")}) == [
        'environment: SAHARA_SEGMENTATION_K_FILE: must be a whole number (found "many")'
    ]
    assert problems({}, {"SAHARA_SEGMENTATION_KK_FILE": str(tmp_path / "k")})[0].startswith(
        "environment: unknown variable 'SAHARA_SEGMENTATION_KK_FILE'; did you mean"
    )


# --- secrets ---------------------------------------------------------------------------------------------------------------------


def test_a_webhook_stands_in_the_environment_or_its_file_only(tmp_path):
    secret = "https://hooks.example.com/services/T0/B0/s3cret"
    found = problems({"alerts": {"webhook_url": secret}})
    assert found == [
        "alerts.webhook_url: is a secret; put it into the environment as SAHARA_ALERTS_WEBHOOK_URL or …_FILE"
    ]
    (tmp_path / "webhook").write_text(secret)
    settings = parse_settings({}, root=HERE, environment={"SAHARA_ALERTS_WEBHOOK_URL_FILE": str(tmp_path / "webhook")})
    assert settings.alerts.webhook_url == secret


@pytest.mark.parametrize(
    "url", ["ftp://s3cret", "s3cret", "https://", "https://[s3cret", "https://a b/s3cret", "http://h:99999999/s3cret"]
)
def test_a_bad_webhook_is_said_without_it(url):
    (found,) = problems({}, {"SAHARA_ALERTS_WEBHOOK_URL": url})
    assert found == "environment: SAHARA_ALERTS_WEBHOOK_URL: must be an address that begins with https:// or http://"


@pytest.mark.parametrize(
    "url", ["dagster.example.com", "https://me:s3cret@dagster.example.com", "https://x/?token=s3cret", "https://x/#a"]
)
def test_the_address_of_the_ui_holds_nothing_secret(url):
    (found,) = problems({"alerts": {"ui_url": url}})
    assert found.startswith("alerts.ui_url: must be an address")


def test_what_is_secret_stands_in_no_dump_and_no_repr():
    environment = {
        "SAHARA_ALERTS_WEBHOOK_URL": "https://hooks.example.com/s3cret",
        "SAHARA_WAREHOUSE_URL": "postgresql://me:s3cret@host/db",
    }
    settings = parse_settings({}, root=HERE, environment=environment)
    assert "s3cret" not in repr(settings)
    assert "alerts" not in settings.model_dump()


# --- the file --------------------------------------------------------------------------------------------------------------------


def test_the_file_is_the_one_named_else_the_variable_else_the_one_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_file(None, {}) is None
    (tmp_path / "sahara.toml").write_text("")
    assert config_file(None, {}) == Path("sahara.toml")
    assert config_file(None, {"SAHARA_CONFIG": "a.toml"}) == Path("a.toml")
    assert config_file(Path("b.toml"), {"SAHARA_CONFIG": "a.toml"}) == Path("b.toml")


def test_paths_start_from_the_file_wherever_one_stands(tmp_path, monkeypatch):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "sahara.toml").write_text(
        '[warehouse]\nurl = "duckdb:///w/my%20shop.duckdb"\n[drops]\nfolder = "../in"'
    )
    monkeypatch.chdir("/")
    settings = load_settings(tmp_path / "shop" / "sahara.toml", {})
    assert settings.drop_folder == tmp_path / "in"
    assert settings.drops.bucket is None
    assert settings.export_folder == tmp_path / "shop" / "exports"
    assert settings.warehouse_path == tmp_path / "shop" / "w" / "my shop.duckdb"
    absolute = load_settings(tmp_path / "shop" / "sahara.toml", {"SAHARA_WAREHOUSE_URL": "duckdb:////srv/x.duckdb"})
    assert absolute.warehouse_path == Path("/srv/x.duckdb")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[project\n", "is not valid TOML"),
        (b'name = "\xff"', "is not UTF-8 (byte 8); save it as UTF-8"),
        (None, "there is no such file; `sahara init FILE"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path, content, expected):
    file = tmp_path / "odd.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {})
    assert str(caught.value).startswith(f"{file}: 1 problem\n  {expected}")


def test_a_missing_file_from_the_variable_says_where_its_name_came_from(tmp_path):
    with pytest.raises(SettingsError, match=r"no\.toml \(from \$SAHARA_CONFIG\)"):
        load_settings(None, {"SAHARA_CONFIG": str(tmp_path / "no.toml")})


def test_a_byte_order_mark_is_no_problem(tmp_path):
    (tmp_path / "sahara.toml").write_text('\ufeff[project]\nname = "Shop"', encoding="utf-8")
    assert load_settings(tmp_path / "sahara.toml", {}).project.name == "Shop"


# --- fingerprints ----------------------------------------------------------------------------------------------------------------

_CHANGES = st.sampled_from(
    [
        ("project", "seed", 3),
        ("project", "currency", "EUR"),
        ("rules", "fee_codes", ["X"]),
        ("rules", "fees_count_as_spend", False),
        ("features", "cut_off", "2020-01-01"),
        ("segmentation", "k_max", 9),
        ("export", "stream_id", "1"),
        ("drops", "folder", "in"),
    ]
)
_SECTIONS = st.lists(
    st.sampled_from(
        ["project", "rules", "features", "segmentation", "export", "drops", "project.seed", "rules.fee_codes"]
    ),
    min_size=1,
    unique=True,
)


@given(_CHANGES, _SECTIONS)
def test_a_fingerprint_changes_exactly_when_its_sections_do(change, sections):
    section, key, value = change
    plain = parse_settings({}, root=HERE)
    changed = parse_settings({section: {key: value}}, root=Path("/elsewhere"))
    concerned = any(name in {section, f"{section}.{key}"} for name in sections)
    assert (plain.fingerprint(*sections) != changed.fingerprint(*sections)) == concerned


def test_settings_cannot_be_changed_once_read():
    with pytest.raises(ValueError, match="frozen"):
        parse_settings({}, root=HERE).project.seed = 4


# --- the documentation -----------------------------------------------------------------------------------------------------------


def test_the_committed_documentation_is_current():
    committed = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert committed == render_reference(), "run: python -m sahara_assets.settings.reference > docs/configuration.md"


def test_the_documentation_holds_every_key_with_its_variable_and_default():
    text = render_reference()
    for variable, (section, key) in environment_variables(Settings).items():
        row = next(line for line in text.splitlines() if f"`{variable}`" in line)
        assert row.startswith(f"| `{key}` |")
        value = getattr(getattr(Settings(), section), key)
        assert "not set" in row if value is None else json.dumps(value) in row
    assert "| `same_path` |" in text


def test_the_example_in_the_documentation_is_a_valid_file():
    block = render_reference().split("```toml\n")[1].split("```")[0]
    assert parse_settings(tomllib.loads(block), root=HERE).segmentation.k == 5
