"""Implicit-feedback matrix factorisation: item factors from the library `implicit`, customers folded in by the same formula.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets" (2008): a purchase of weight w is a preference of 1 held
with confidence 1 + α·w, everything else one of 0 held with confidence 1, and squared errors so weighted plus λ times the squared factors
are made small by solving for customers and products in turn. Given the products' factors a customer's follow from the customer's own
purchases alone, so only the products' factors are kept: known customers, new ones and those with new orders are scored alike, without
training.

One thread and one seed: then the same purchases give the same factors, bit by bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.errors import SaharaError

if TYPE_CHECKING:
    from sahara_assets.recommendations.interactions import Csr
    from sahara_assets.recommendations.order_products import FloatArray

_CELLS = 1 << 22
"""How many cells of normal equations are solved at a time."""


def item_factors(
    weights: Csr, *, factors: int, regularisation: float, confidence: float, iterations: int, seed: int
) -> FloatArray:
    """The products' factors (products × factors) that explain the weights (customers × products) best.

    Raises:
        SaharaError: the library cannot be loaded.
    """
    from scipy import sparse
    from threadpoolctl import threadpool_limits

    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except (ImportError, OSError) as error:
        raise SaharaError(
            f"recommendations: the library implicit cannot be loaded ({error}). It comes with Sahara (pip install implicit) and needs the OpenMP "
            "runtime of the system: apt-get install libgomp1 on Debian and Ubuntu. Without it, leave matrix_factorisation out of "
            "recommendations.methods"
        ) from error
    held = sparse.csr_matrix(weights, dtype=np.float32)
    held.data = (1.0 + confidence * weights.data).astype(np.float32)
    # One thread of BLAS: more are slower here, as the library warns, and add up in another order.
    with threadpool_limits(limits=1, user_api="blas"):
        model = AlternatingLeastSquares(
            factors=factors,
            regularization=regularisation,
            alpha=1.0,
            iterations=iterations,
            num_threads=1,
            random_state=seed,
        )
        model.fit(held, show_progress=False)
    found = np.asarray(model.item_factors, dtype=np.float64)
    # Products that nobody bought keep what they began with, which is nothing but chance.
    found[np.setdiff1d(np.arange(weights.shape[1]), np.unique(weights.indices))] = 0.0
    return found


def fold_in(weights: Csr, items: FloatArray, *, regularisation: float, confidence: float) -> FloatArray:
    """The factors of customers (customers × factors) that follow from their weights (customers × products) and the products' factors.

    x = (YᵀY + λI + Σ α·w·yyᵀ)⁻¹ Σ (1 + α·w)·y over the customer's products; a customer without any gets zeros.
    """
    from threadpoolctl import threadpool_limits

    count = items.shape[1]
    found = np.zeros((weights.shape[0], count))
    with threadpool_limits(limits=1, user_api="blas"):
        base = items.T @ items + regularisation * np.eye(count)
        step = max(1, _CELLS // (count * count))
        buyers = np.flatnonzero(np.diff(weights.indptr))
        for first in range(0, len(buyers), step):
            block = buyers[first : first + step]
            left, right = np.empty((len(block), count, count)), np.empty((len(block), count, 1))
            for place, customer in enumerate(block):
                start, end = weights.indptr[customer], weights.indptr[customer + 1]
                own, held = items[weights.indices[start:end]], confidence * weights.data[start:end]
                left[place] = base + (own * held[:, None]).T @ own
                right[place, :, 0] = (1.0 + held) @ own
            found[block] = np.linalg.solve(left, right)[:, :, 0]
    return found
