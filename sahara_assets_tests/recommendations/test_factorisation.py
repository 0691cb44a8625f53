import builtins
import json

import numpy as np
import pytest

from sahara_assets.errors import SaharaError
from sahara_assets.recommendations.factorisation import fold_in, item_factors
from sahara_assets.recommendations.interactions import interactions_at
from sahara_assets.recommendations.model import factor_rows
from sahara_assets.settings.recommendations import RecommendationSettings
from sahara_assets_tests.recommendations.made_sales import CUT_OFF, sales_of, two_tastes

LEARNT = {"factors": 4, "regularisation": 0.5, "confidence": 2.0, "iterations": 15, "seed": 7}


@pytest.fixture(scope="module")
def sales():
    return sales_of(*two_tastes())


@pytest.fixture(scope="module")
def weights(sales):
    return interactions_at(sales, CUT_OFF, RecommendationSettings(half_life_days=0.0)).weights


def test_the_same_purchases_and_seed_give_the_same_factors_and_another_seed_others(weights):
    once, again = item_factors(weights, **LEARNT), item_factors(weights, **LEARNT)
    assert np.array_equal(once, again)
    assert not np.array_equal(once, item_factors(weights, **{**LEARNT, "seed": 8}))


def test_the_number_of_threads_changes_nothing_in_what_the_library_finds(weights):
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy import sparse
    from threadpoolctl import threadpool_limits

    held = sparse.csr_matrix(weights, dtype=np.float32)
    held.data = (1.0 + 2.0 * weights.data).astype(np.float32)
    with threadpool_limits(limits=1, user_api="blas"):
        many = AlternatingLeastSquares(
            factors=4, regularization=0.5, alpha=1.0, iterations=15, num_threads=3, random_state=7
        )
        many.fit(held, show_progress=False)
    assert np.array_equal(many.item_factors.astype(np.float64), item_factors(weights, **LEARNT))


def test_a_customer_is_folded_in_as_the_library_solves_for_one(weights):
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy import sparse
    from threadpoolctl import threadpool_limits

    items = item_factors(weights, **LEARNT)
    held = sparse.csr_matrix(weights, dtype=np.float32)
    held.data = (1.0 + 2.0 * weights.data).astype(np.float32)
    with threadpool_limits(limits=1, user_api="blas"):
        library = AlternatingLeastSquares(factors=4, regularization=0.5, alpha=1.0, num_threads=1)
        library.item_factors = items.astype(np.float32)
        solved = library.recalculate_user(np.arange(held.shape[0]), held)
    assert fold_in(weights, items, regularisation=0.5, confidence=2.0) == pytest.approx(solved, abs=1e-4)


def test_a_new_customer_is_scored_like_an_old_one_with_the_same_purchases_and_nobody_gets_nothing(weights):
    from scipy import sparse

    items = item_factors(weights, **LEARNT)
    old = fold_in(weights, items, regularisation=0.5, confidence=2.0)
    new = sparse.csr_array(sparse.vstack([weights[[5]], sparse.csr_array((1, weights.shape[1]))]))
    folded = fold_in(new, items, regularisation=0.5, confidence=2.0)
    assert folded[0] == pytest.approx(old[5], abs=1e-12)
    assert not folded[1].any()


def test_each_taste_is_scored_above_the_other(sales, weights):
    items = item_factors(weights, **LEARNT)
    scores = fold_in(weights, items, regularisation=0.5, confidence=2.0) @ items.T
    tea = np.array([product.startswith("tea") for product in sales.products])
    assert (scores[0::2][:, tea].mean(axis=1) > scores[0::2][:, ~tea].mean(axis=1) + 0.1).all()


def test_a_product_that_nobody_bought_has_no_factors():
    sales = sales_of(*two_tastes(customers=12), ("late", "late", "zzz", 179))
    known = interactions_at(sales, CUT_OFF.replace(month=6), RecommendationSettings())
    items = item_factors(known.weights, **LEARNT)
    assert sales.products[-1] == "zzz"
    assert not items[-1].any()
    assert "zzz" not in [row["product_id"] for row in factor_rows(1, sales.products, items)]


def test_factors_come_back_from_their_text_as_they_were(sales, weights):
    items = item_factors(weights, **LEARNT)
    rows = factor_rows(1, sales.products, items)
    assert np.array_equal(np.array([json.loads(row["factors"]) for row in rows], np.float32), items.astype(np.float32))


def test_a_library_that_cannot_be_loaded_is_said_with_the_line_that_installs_it(weights, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("implicit"):
            raise ImportError("libgomp.so.1: cannot open shared object file")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SaharaError, match=r"libgomp\.so\.1.*pip install implicit.*apt-get install libgomp1"):
        item_factors(weights, **LEARNT)
