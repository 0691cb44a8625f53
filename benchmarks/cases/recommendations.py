"""Products' factors from everybody's purchases, and the ten best products for everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.harness import Bench, Case, Goal, Side

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FACTORS, REGULARISATION, CONFIDENCE, ITERATIONS, MOST = 15, 30.0, 40.0, 15, 10


def _prepare(size: Mapping[str, int], folder: Path) -> None:
    """Purchases with a long tail, and factors of the right size, which need not be learned to be multiplied."""
    import numpy as np
    from scipy import sparse

    draw = np.random.default_rng(3)
    customers, products = size["customers"], size["products"]
    bought = draw.poisson(8, customers) + 1
    rows = np.repeat(np.arange(customers), bought)
    columns = np.minimum((draw.pareto(0.9, len(rows)) * products / 60).astype(np.int64), products - 1)
    weights = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(customers, products))
    weights.sum_duplicates()
    sparse.save_npz(folder / "weights.npz", weights, compressed=False)
    np.save(folder / "customers.npy", draw.normal(size=(customers, FACTORS)).astype(np.float32))
    np.save(folder / "products.npy", draw.normal(size=(products, FACTORS)).astype(np.float32))


def _factors(bench: Bench) -> Any:
    import numpy as np

    return np.load(bench.inputs / "customers.npy"), np.load(bench.inputs / "products.npy")


def _top(bench: Bench) -> Any:
    from threadpoolctl import threadpool_limits

    from sahara_assets.recommendations.methods import Factorised
    from sahara_assets.recommendations.top import blocks, top

    customers, products = _factors(bench)
    recommender, total = Factorised(customers, products), 0.0
    with threadpool_limits(1, "blas"), bench.timed():
        for first, last in blocks(len(customers), len(products)):
            total += float(top(recommender.scores(first, last), MOST)[2].sum())
    return total


def _product(bench: Bench) -> None:
    from threadpoolctl import threadpool_limits

    from sahara_assets.recommendations.methods import Factorised
    from sahara_assets.recommendations.top import blocks

    customers, products = _factors(bench)
    recommender = Factorised(customers, products)
    with threadpool_limits(1, "blas"), bench.timed():
        for first, last in blocks(len(customers), len(products)):
            recommender.scores(first, last)


def _implicit(bench: Bench) -> Any:
    import numpy as np
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy import sparse
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=FACTORS, num_threads=1)
    model.user_factors, model.item_factors = _factors(bench)
    weights = sparse.load_npz(bench.inputs / "weights.npz")
    total = 0.0
    with threadpool_limits(1, "blas"), bench.timed():
        for first in range(0, weights.shape[0], 1_000):
            users = np.arange(first, min(first + 1_000, weights.shape[0]))
            _, scores = model.recommend(users, weights[users], N=MOST, filter_already_liked_items=False)
            total += float(scores.astype(np.float64).sum())
    return total


def _fit(bench: Bench) -> None:
    from scipy import sparse

    from sahara_assets.recommendations.factorisation import fold_in, item_factors

    weights = sparse.load_npz(bench.inputs / "weights.npz")
    with bench.timed():
        items = item_factors(
            weights,
            factors=FACTORS,
            regularisation=REGULARISATION,
            confidence=CONFIDENCE,
            iterations=ITERATIONS,
            seed=1,
        )
        fold_in(weights, items, regularisation=REGULARISATION, confidence=CONFIDENCE)


def _alike(one: Any, other: Any) -> None:
    """Scores of 32 bits, added up; those who only multiply or fit answer nothing."""
    assert other is None or abs(one - other) <= 1e-5 * abs(one), f"{one} and {other}"


CASE = Case(
    number=7,
    name="recommendations",
    title="Recommendations for everyone",
    sides=(
        Side("sahara, the ten best", _top),
        Side("the scoring product alone", _product),
        Side("implicit, the ten best", _implicit, needs=("implicit",)),
        Side("sahara, fit and fold in", _fit, needs=("implicit",)),
    ),
    goals=(
        Goal(
            "sahara, the ten best",
            "the scoring product alone",
            3.0,
            "recommend-all within 3 × of the scoring product alone",
        ),
    ),
    sizes={
        "smoke": [{"customers": 200, "products": 100}],
        "quick": [{"customers": 20_000, "products": 3_000}],
        "full": [{"customers": 50_000, "products": 5_000}],
    },
    prepare=_prepare,
    agree=_alike,
    note="One thread of BLAS on every side, fifteen factors.",
)
