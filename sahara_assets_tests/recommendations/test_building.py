"""The tables of recommendations, from files: who is recommended what, by which method, and when that is worked out anew."""

import csv
import io
import json
from datetime import timedelta

import numpy as np
import pytest

from sahara_assets.builds import Run, built, record
from sahara_assets.errors import SaharaError
from sahara_assets.exports.promotions import NAME
from sahara_assets.features.expressions import cut_off_of
from sahara_assets.quality.recommendations import QUESTIONS
from sahara_assets.recommendations.looking_up import bought_with, recommended_to
from sahara_assets.recommendations.model import champion
from sahara_assets.recommendations.training import training_fingerprint
from sahara_assets.stages import features as features_stage
from sahara_assets.stages import recommendations as recommendations_stage
from sahara_assets.tables import recommendations as tables
from sahara_assets.tables.books import BUILDS
from sahara_assets.tables.features import CUSTOMER_FEATURES
from sahara_assets_tests.recommendations.made_sales import START, as_lines, two_tastes
from sahara_assets_tests.small_shop import NOW, SmallShop, line

FIXED = {"factors": 4, "regularisation": 1.0, "iterations": 5}
TABLES = (
    tables.BOUGHT_TOGETHER,
    tables.POPULAR_PRODUCTS,
    tables.RECOMMENDATION_EVALUATION,
    tables.RECOMMENDATION_MODELS,
    tables.PRODUCT_FACTORS,
    tables.PRODUCT_RECOMMENDATIONS,
    tables.PRODUCT_AUDIENCES,
)


def recommend(shop, *, retrain=False):
    """Build everything; returns why the model was trained, if it was."""
    shop.build(features=False)
    run = Run("test", NOW)
    # Of the features, which take longer than all that is asked about here, only the cut-off counts.
    cut_off = cut_off_of(shop.warehouse, shop.settings)
    with shop.warehouse.transaction():
        record(shop.warehouse, run, CUSTOMER_FEATURES.name, "not built", 0, {"cut_off": cut_off.isoformat()})
    recommendations_stage.bought_together(shop.warehouse, shop.settings, run)
    recommendations_stage.popular_products(shop.warehouse, shop.settings, run)
    _, reason = recommendations_stage.recommendation_model(shop.warehouse, shop.settings, run, retrain=retrain)
    recommendations_stage.product_recommendations(shop.warehouse, shop.settings, run)
    recommendations_stage.promotion_files(shop.warehouse, shop.settings, run)
    return reason


def shop_of(folder, lines, warehouse=None, **section):
    shop = SmallShop(folder, warehouse, recommendations={**FIXED, **section})
    shop.deliver("purchases/a.csv", lines)
    return shop


def of(shop, customer):
    return [row for row in shop.rows(tables.PRODUCT_RECOMMENDATIONS) if row["customer_id"] == customer]


@pytest.fixture(scope="module")
def tastes(tmp_path_factory):
    """A finished shop of two tastes; nobody changes it."""
    shop = shop_of(
        tmp_path_factory.mktemp("tastes"), as_lines(two_tastes()), methods=["matrix_factorisation", "popularity"]
    )
    recommend(shop)
    return shop


def test_everybody_is_recommended_what_they_lack_of_their_own_taste_once(tastes):
    rows = tastes.rows(tables.PRODUCT_RECOMMENDATIONS)
    assert champion(tastes.warehouse).model.method == "matrix_factorisation"
    had = {(customer, product) for customer, _, product, _ in two_tastes()}
    assert not {(row["customer_id"], row["product_id"]) for row in rows} & had
    assert len({(row["customer_id"], row["product_id"]) for row in rows}) == len(rows)
    assert {row["customer_id"] for row in rows} == {f"c{n:03}" for n in range(60)}
    first = [row for row in rows if row["rank"] == 1]
    own = sum(row["product_id"].startswith(("tea", "garden")[int(row["customer_id"][1:]) % 2]) for row in first)
    assert own >= 0.9 * len(first)
    for customer in ("c000", "c001"):
        mine = of(tastes, customer)
        assert [row["rank"] for row in mine] == list(range(1, len(mine) + 1))
        assert [row["score"] for row in mine] == sorted((row["score"] for row in mine), reverse=True)


def test_the_reason_is_a_product_that_the_customer_has_and_the_pair_stands_in_the_table(tastes):
    had = {(customer, product) for customer, _, product, _ in two_tastes()}
    pairs = {(row["product_id"], row["other_product_id"]) for row in tastes.rows(tables.BOUGHT_TOGETHER)}
    rows = tastes.rows(tables.PRODUCT_RECOMMENDATIONS)
    with_reason = [row for row in rows if row["reason_product_id"]]
    assert with_reason
    for row in with_reason:
        assert (row["customer_id"], row["reason_product_id"]) in had
        assert (row["product_id"], row["reason_product_id"]) in pairs
        assert row["reason"] == f"bought with a {row['reason_product_id']}"
    assert {row["reason"] for row in rows if not row["reason_product_id"]} <= {
        "chosen by customers with similar purchases"
    }


def test_scores_follow_from_the_registry_and_the_purchases_alone(tastes):
    """Anybody can compute them again from what is readable: law 6, without our code."""
    model = json.loads(tastes.rows(tables.RECOMMENDATION_MODELS)[-1]["model"])
    factors = {row["product_id"]: np.array(json.loads(row["factors"])) for row in tastes.rows(tables.PRODUCT_FACTORS)}
    items = np.array(list(factors.values()))
    cut_off = features_stage.cut_off(tastes.warehouse)
    for customer in ("c000", "c007"):
        left = items.T @ items + model["regularisation"] * np.eye(model["factors"])
        right = np.zeros(model["factors"])
        weights = {}
        for who, _, product, day in two_tastes():
            if who == customer:
                age = (cut_off - START - timedelta(days=day, hours=10)) / timedelta(days=1)
                weights[product] = weights.get(product, 0.0) + 0.5 ** (age / model["half_life_days"])
        for product, weight in weights.items():
            left += model["confidence"] * weight * np.outer(factors[product], factors[product])
            right += (1 + model["confidence"] * weight) * factors[product]
        taste = np.linalg.solve(left, right)
        for row in of(tastes, customer):
            assert row["score"] == pytest.approx(taste @ factors[row["product_id"]], abs=2e-6)


def test_the_same_files_give_the_same_tables_and_nothing_is_built_twice(tastes, tmp_path):
    again = shop_of(tmp_path, as_lines(two_tastes()), methods=["matrix_factorisation", "popularity"])
    assert recommend(again) == "there is no model yet"
    for table in TABLES:
        assert again.rows(table) == tastes.rows(table)
    before = again.warehouse.rows(BUILDS)
    assert recommend(again) is None
    assert again.warehouse.rows(BUILDS) == before


def test_a_new_customer_is_folded_in_without_training_and_an_unknown_one_gets_what_is_popular(tmp_path):
    shop = shop_of(tmp_path, as_lines(two_tastes()), methods=["matrix_factorisation", "popularity"])
    recommend(shop)
    factors = shop.rows(tables.PRODUCT_FACTORS)
    late = f"{START + timedelta(days=179, hours=11)}"
    shop.deliver("purchases/b.csv", [line("n1", "new", "tea-00", at=late), line("n1", "new", "tea-01", at=late)])
    assert recommend(shop) is None
    assert shop.rows(tables.PRODUCT_FACTORS) == factors
    mine = of(shop, "new")
    assert len(mine) == 10
    assert all(row["product_id"].startswith("tea") for row in mine[:5])
    popular = [row["product_id"] for row in shop.rows(tables.POPULAR_PRODUCTS)][:10]
    assert [row["product_id"] for row in recommended_to(shop.warehouse, shop.settings, "nobody")] == popular
    assert [row["product_id"] for row in recommended_to(shop.warehouse, shop.settings, "new")] == [
        row["product_id"] for row in mine
    ]


def test_training_follows_settings_that_matter_and_a_wish_and_nothing_else(tmp_path):
    shop = shop_of(tmp_path, as_lines(two_tastes(customers=30)))
    recommend(shop)
    same = training_fingerprint(shop.settings)
    for section in ({"per_customer": 3}, {"include_owned": True}, {"audiences": {"a": {"products": ["tea-00"]}}}):
        shop.set(recommendations={**FIXED, **section})
        assert training_fingerprint(shop.settings) == same
    assert recommend(shop) is None
    assert recommend(shop, retrain=True) == "a retrain was asked for"
    shop.set(recommendations={**FIXED, "half_life_days": 30.0})
    assert recommend(shop) == "the settings of recommendations changed"
    stage = [(row["version"], row["stage"]) for row in shop.rows(tables.RECOMMENDATION_MODELS)]
    assert stage == [(1, "retired"), (2, "retired"), (3, "champion")]


def test_what_grew_enough_to_be_compared_is_compared(tmp_path):
    lines = as_lines(two_tastes())
    shop = shop_of(tmp_path, lines[:20])
    recommend(shop)
    assert "popularity is used" in champion(shop.warehouse).reason
    assert recommend(shop) is None
    shop.deliver("purchases/b.csv", lines[20:])
    assert recommend(shop) == "there is enough by now to compare methods"
    assert champion(shop.warehouse).compared_from is not None


def test_a_document_of_another_version_is_said_and_mended_by_a_retrain(tmp_path):
    shop = shop_of(tmp_path, as_lines(two_tastes(customers=30)))
    recommend(shop)
    shop.warehouse.reader.execute(
        "UPDATE recommendation_models SET model = replace(model, '\"document_version\": 1', '\"document_version\": 9')"
    )
    with pytest.raises(SaharaError, match="sahara run --retrain"):
        recommend(shop)
    assert recommend(shop, retrain=True) == "a retrain was asked for"


# --- traps -----------------------------------------------------------------------------------------------------------------------------


def small(tmp_path, lines, **section):
    shop = shop_of(tmp_path, lines, **section)
    recommend(shop)
    return shop


def test_who_has_everything_is_recommended_nothing_and_that_is_counted(tmp_path):
    everything = [line("1", "ann", product) for product in ("cup", "pot", "pan")]
    shop = small(tmp_path, [*everything, line("2", "bob", "cup")])
    assert of(shop, "ann") == []
    assert [row["product_id"] for row in of(shop, "bob")] == ["pan", "pot"]
    details = built(shop.warehouse, "product_recommendations").details
    assert (details["customers"], details["customers_without"]) == (1, 1)
    again = small(tmp_path / "again", [*everything, line("2", "bob", "cup")], include_owned=True)
    assert [row["product_id"] for row in of(again, "ann")] == ["cup", "pan", "pot"]


def test_products_sold_no_more_are_recommended_to_nobody(tmp_path):
    old = [line(f"o{n}", f"c{n}", "old", at="2024-01-01 10:00:00") for n in range(5)]
    new = [line("n1", "ann", "cup"), line("n2", "bob", "pot")]
    shop = small(tmp_path, [*old, *new])
    assert {row["product_id"] for row in shop.rows(tables.PRODUCT_RECOMMENDATIONS)} == {"cup", "pot"}
    assert built(shop.warehouse, "popular_products").details == {"on_offer": 2, "sold_no_more": 1}
    kept = small(tmp_path / "kept", [*old, *new], sold_within_days=0, half_life_days=0.0)
    assert of(kept, "ann")[0]["product_id"] == "old"


def test_ties_go_to_the_smaller_id(tmp_path):
    shop = small(tmp_path, [line(f"{n}", f"c{n}", product) for n, product in enumerate(["b", "Z", "a", "é", "cup"])])
    assert [row["product_id"] for row in of(shop, "c4")] == ["Z", "a", "b", "é"]


def test_a_cancelled_purchase_recommends_nothing_and_is_not_recommended_again(tmp_path):
    lines = [line(f"o{n}", f"c{n}", product) for n in range(4) for product in ("cup", "saucer")]
    shop = small(tmp_path, [*lines, line("1", "ann", "cup"), line("C1", "ann", "cup", quantity="-1")])
    mine = of(shop, "ann")
    assert [(row["product_id"], row["reason"], row["reason_product_id"]) for row in mine] == [
        ("saucer", "popular with other customers", None)
    ]
    assert built(shop.warehouse, "product_recommendations").details["customers_by_popularity"] == 1


def test_lines_and_names_that_repeat_do_not_multiply_rows(tmp_path):
    lines = [line("1", "ann", "cup"), line("1", "ann", "cup"), line("1", "ann", "pot", description="another name")]
    lines += [line(f"o{n}", f"c{n}", product) for n in range(4) for product in ("cup", "pot", "pan")]
    shop = small(tmp_path, lines)
    pairs = [
        (row["product_id"], row["other_product_id"], row["order_count"]) for row in shop.rows(tables.BOUGHT_TOGETHER)
    ]
    assert ("cup", "pot", 5) in pairs
    assert len(pairs) == len(set(pairs)) == 6
    assert len(of(shop, "ann")) == 1


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([line("1", "ann", "cup")], id="one customer and one product"),
        pytest.param([line(str(n), "", "cup") for n in range(3)] + [line("9", "ann", "pot")], id="nearly nobody"),
    ],
)
def test_a_shop_that_is_too_small_says_so_and_breaks_nothing(tmp_path, lines):
    shop = small(tmp_path, lines)
    assert champion(shop.warehouse).model.method == "popularity"
    assert "popularity is used" in champion(shop.warehouse).reason
    assert {row["method"] for row in shop.rows(tables.PRODUCT_RECOMMENDATIONS)} <= {"popularity"}
    assert all(question.answer(shop.warehouse, shop.settings).passed for question in QUESTIONS)


def test_where_nothing_was_sold_nothing_is_recommended(tmp_path):
    shop = SmallShop(
        tmp_path,
        datasets={"customers": {}},
        features={"population": "customers", "model": ["membership_days"]},
        recommendations={},
    )
    shop.deliver("customers/a.csv", [{"customer_id": "ann", "signed_up_on": "2025-01-01"}])
    recommend(shop)
    assert {table.name: len(shop.rows(table)) for table in TABLES if shop.rows(table)} == {"recommendation_models": 1}


def test_bought_together_as_champion_fills_up_with_what_is_popular_and_says_which_is_which(tmp_path):
    shop = small(tmp_path, as_lines(two_tastes()), methods=["bought_together"], per_customer=18)
    assert champion(shop.warehouse).model.method == "bought_together"
    rows = shop.rows(tables.PRODUCT_RECOMMENDATIONS)
    for row in rows:
        assert (row["method"] == "popularity") == (row["reason_product_id"] is None)
    for customer in ("c000", "c031"):
        methods = [row["method"] for row in of(shop, customer)]
        assert methods == sorted(methods)  # what is bought together comes first


# --- switching on and off, promotions, strange ids ---------------------------------------------------------------------------------------


def test_a_project_without_the_section_has_nothing_and_who_takes_it_out_loses_it(tmp_path):
    shop = SmallShop(tmp_path)
    shop.deliver("purchases/a.csv", as_lines(two_tastes(customers=20)))
    assert not shop.settings.recommendations.enabled
    recommend(shop)
    names = {row["name"] for row in shop.warehouse.rows(BUILDS)}
    assert not names & {table.name for table in TABLES}
    with pytest.raises(SaharaError, match=r"add a section \[recommendations\]"):
        recommended_to(shop.warehouse, shop.settings, "c000")
    shop.set(recommendations={"audiences": {"tea": {"products": ["tea-00"]}}})
    assert shop.settings.recommendations.enabled
    recommend(shop)
    assert shop.rows(tables.PRODUCT_RECOMMENDATIONS)
    assert (shop.root / "exports" / "promotion_tea.csv").is_file()
    shop.set()
    recommend(shop)
    assert {table.name for table in TABLES if shop.rows(table)} == set()
    assert not list((shop.root / "exports").glob("promotion_*"))


AUDIENCES = {
    "bags": {"category": "(?i)^garden", "customers": 7},
    "one_mug": {"products": ["tea-06"]},
    "typo": {"products": ["tea-1l"], "category": "(?i)nothing like it"},
}


def test_promotions_reach_the_likeliest_who_lack_it_and_a_slip_is_said(tmp_path):
    lines = [{**row, "category": row["product_id"].partition("-")[0]} for row in as_lines(two_tastes())]
    shop = small(tmp_path, lines, audiences=AUDIENCES)
    rows = shop.rows(tables.PRODUCT_AUDIENCES)
    had = {(customer, product) for customer, _, product, _ in two_tastes()}
    assert not {(row["customer_id"], row["product_id"]) for row in rows} & had
    bags = [row for row in rows if row["audience"] == "bags"]
    assert [row["rank"] for row in bags] == list(range(1, 8))
    assert [row["score"] for row in bags] == sorted((row["score"] for row in bags), reverse=True)
    assert all(int(row["customer_id"][1:]) % 2 == 1 for row in bags)  # those who buy garden things
    # Of all who lack something of the category these have the highest scores.
    assert {row["product_id"] for row in rows if row["audience"] == "one_mug"} == {"tea-06"}
    verdicts = {question.name: question.answer(shop.warehouse, shop.settings) for question in QUESTIONS}
    said = verdicts["promotions_reach_somebody"]
    assert not said.passed
    assert "'tea-1l'" in said.text
    assert "no product's category matches" in said.text
    assert not verdicts["promotions_are_written"].passed
    files = built(shop.warehouse, NAME).details["files"]
    assert sorted(files) == ["promotion_bags.csv", "promotion_one_mug.csv"]
    text = (shop.root / "exports" / "promotion_bags.csv").read_text()
    assert text.splitlines()[0] == "user_id,sahara_product,sahara_promotion"
    assert {row["user_id"] for row in csv.DictReader(io.StringIO(text))} == {row["customer_id"] for row in bags}


def test_a_promotion_file_that_was_edited_is_written_again_and_one_of_a_promotion_that_is_no_more_goes(tmp_path):
    shop = small(
        tmp_path,
        as_lines(two_tastes(customers=20)),
        audiences={"a": {"products": ["tea-00"]}, "b": {"products": ["tea-01"]}},
    )
    first, second = (shop.root / "exports" / f"promotion_{name}.csv" for name in "ab")
    content = first.read_bytes()
    first.write_bytes(b"mine now")
    (shop.root / "exports" / "promotion_notes.csv").write_text("a person's own")
    recommend(shop)
    assert first.read_bytes() == content
    shop.set(recommendations={**FIXED, "audiences": {"a": {"products": ["tea-00"]}}})
    recommend(shop)
    assert first.read_bytes() == content
    assert not second.exists()
    assert (shop.root / "exports" / "promotion_notes.csv").exists()


STRANGE = [
    '=HYPERLINK("http://x")',
    "<script>alert(1)</script>",
    "'; DROP TABLE purchases; --",
    'a "quoted", id',
    "x\u202egpj",
    "@SUM(A1)",
]


def test_ids_that_mean_something_elsewhere_reach_tables_as_they_are_and_files_safely(tmp_path):
    lines = [line(f"o{n}", f"c{n}", product, description=product) for n in range(4) for product in STRANGE[: 3 + n % 3]]
    lines += [line(f"s{n}", customer, STRANGE[n % 3]) for n, customer in enumerate(STRANGE)]
    shop = small(tmp_path, lines, audiences={"all": {"products": STRANGE}})
    products = {row["product_id"] for row in shop.rows(tables.PRODUCT_RECOMMENDATIONS)}
    assert products <= set(STRANGE)
    assert len(products) > 3
    assert {row["customer_id"] for row in shop.rows(tables.PRODUCT_RECOMMENDATIONS)} & set(STRANGE)
    assert bought_with(shop.warehouse, shop.settings, STRANGE[2])
    (shop.root / "exports").mkdir(exist_ok=True)
    file = shop.root / "exports" / "promotion_all.csv"
    rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode())))
    assert rows
    for row in rows:
        for cell in row.values():
            assert cell[:1] not in set("=+-@")
            assert "\u202e" not in cell or row["sahara_product"] == cell
        assert row["user_id"] not in STRANGE[:1] + STRANGE[-2:]
