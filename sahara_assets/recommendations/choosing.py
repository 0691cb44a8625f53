"""Which method recommends: tuned on one period, compared on the next, so that no method is measured on what it was chosen by.

The orders are cut in time: the latest `evaluation_share` of them are what methods are compared on, as many before them what the
factorisation's factors and regularisation are tuned on. Matrix factorisation becomes champion only where its NDCG at 10 on the later
period is above that of every baseline; else the best baseline is, and the trace says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from sahara_assets.recommendations.evaluation import evaluate, later_purchases
from sahara_assets.recommendations.factorisation import fold_in, item_factors
from sahara_assets.recommendations.interactions import interactions_at
from sahara_assets.recommendations.methods import (
    BOUGHT_TOGETHER,
    IN_WORDS,
    MATRIX_FACTORISATION,
    POPULARITY,
    Factorised,
    Popularity,
    Together,
)
from sahara_assets.recommendations.together import bought_together
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sahara_assets.recommendations.evaluation import Later
    from sahara_assets.recommendations.interactions import Interactions
    from sahara_assets.recommendations.methods import Recommender
    from sahara_assets.recommendations.order_products import OrderProducts
    from sahara_assets.settings.recommendations import RecommendationSettings
    from sahara_assets.warehouse.base import Row

METRIC = "ndcg_at_10"
FEWEST_CUSTOMERS = 10
"""Customers with something new after the cut, below which a comparison would be chance."""

FACTORS = (15, 32, 64)
REGULARISATIONS = (3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Choice:
    """What was chosen and why.

    Attributes:
        method: one of `methods`.
        factors, regularisation: of the factorisation, whether chosen or not; None where none was tried.
        rows: `recommendation_evaluation`.
        trace: why, a sentence a line; the last is the reason.
        compared_from: local moment from which purchases were compared on; None where there were too few.
    """

    method: str
    factors: int | None = None
    regularisation: float | None = None
    rows: list[Row] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    compared_from: datetime | None = None


@dataclass(frozen=True)
class _Slice:
    """One cut in time: what was known, and what came after."""

    name: str
    start: datetime
    end: datetime
    known: Interactions
    later: Later
    offered: Any

    @classmethod
    def of(
        cls,
        name: str,
        sales: OrderProducts,
        start: datetime,
        end: datetime,
        settings: RecommendationSettings,
        seed: int,
    ) -> _Slice:
        known = interactions_at(sales, start, settings)
        later = later_purchases(sales, known, start, end, seed=seed)
        return cls(name, start, end, known, later, known.on_offer(start, settings.sold_within_days))

    def row(self, method: str, recommender: Recommender, **more: Any) -> Row:  # noqa: ANN401 - columns
        return {
            "slice": self.name,
            "method": method,
            "split_at": self.start,
            "measured_until": self.end,
            "customer_count": len(self.later.customers),
            "pair_count": int(self.later.new.nnz),
            "is_chosen": False,
            **more,
            **evaluate(recommender, self.later, self.known, self.offered),
        }


def cuts(sales: OrderProducts, cut_off: datetime, share: float) -> tuple[datetime, datetime] | None:
    """The local midnights from which the factorisation is tuned and from which methods are compared; None where there is too little time."""
    known = sales.before(cut_off)
    known = known.where((known.customer >= 0) & (known.bought > 0))
    if not len(known.order):
        return None
    # Entries are sorted by customer, not by time: the earliest of each order is asked for.
    earliest = np.full(int(known.order.max()) + 1, np.datetime64("NaT"), dtype="datetime64[us]")
    np.fmin.at(earliest, known.order, known.at)
    moments = np.sort(earliest[~np.isnat(earliest)])
    tuned, compared = (
        datetime.combine(moments[round((len(moments) - 1) * part)].item().date(), time())
        for part in (1 - 2 * share, 1 - share)
    )
    first = moments[0].item()
    if not first < tuned < compared < cut_off:
        return None
    return tuned, compared


def comparable(sales: OrderProducts, cut_off: datetime, settings: RecommendationSettings, *, seed: int) -> bool:
    """Whether enough customers came back after a cut in time to compare methods on."""
    moments = cuts(sales, cut_off, settings.evaluation_share)
    if moments is None:
        return False
    return len(_Slice.of("later", sales, moments[1], cut_off, settings, seed).later.customers) >= FEWEST_CUSTOMERS


def choose(
    sales: OrderProducts,
    cut_off: datetime,
    settings: RecommendationSettings,
    *,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Choice:
    """Tune the factorisation, compare the methods, and say which one recommends.

    Raises:
        SaharaError: the library `implicit` cannot be loaded.
    """
    moments = cuts(sales, cut_off, settings.evaluation_share)
    if moments is None:
        return Choice(
            POPULARITY, trace=["the orders span too few days to compare methods on a later period: popularity is used"]
        )
    tuned, compared = moments
    later = _Slice.of("later", sales, compared, cut_off, settings, seed)
    if len(later.later.customers) < FEWEST_CUSTOMERS:
        return Choice(POPULARITY, trace=[_too_few(later)])
    trace: list[str] = []
    rows: list[Row] = []
    factors, regularisation = settings.factors, settings.regularisation
    if MATRIX_FACTORISATION in settings.methods and (factors is None or regularisation is None):
        tuning = _Slice.of("tuning", sales, tuned, compared, settings, seed)
        rows = _tune(tuning, settings, seed, on_progress)
        best = max(rows, key=lambda row: row[METRIC], default=None)
        if best is None:
            factors, regularisation = factors or FACTORS[0], regularisation or 30.0
            trace.append(f"{_too_few(tuning, then='')}, so that nothing is tuned")
        else:
            best["is_chosen"] = True
            factors, regularisation = best["factors"], best["regularisation"]
            trace.append(
                f"{counted(len(rows), 'factorisation was', 'factorisations were')} tried on purchases {_period(tuning)}: {factors} factors with regularisation "
                f"{regularisation:g} did best (NDCG@10 {best[METRIC]:.4f})"
            )
    compared_rows = _compare(later, sales, settings, factors, regularisation, seed)
    chosen, reason = _champion(compared_rows, settings)
    chosen["is_chosen"] = True
    rows += compared_rows
    measured = f"{counted(len(later.later.customers), 'customer')} bought {counted(int(later.later.new.nnz), 'product')} new to them"
    unknown = (
        f"; {counted(later.later.unknown_pairs, 'more purchase was', 'more purchases were')} of products that nobody had bought before, "
        "which no method can know"
        if later.later.unknown_pairs
        else ""
    )
    trace.append(f"{_period(later)}, {measured}{unknown}")
    trace += [
        f"{IN_WORDS[row['method']]}: NDCG@10 {row[METRIC]:.4f}, recall@10 {row['recall_at_10']:.4f}"
        for row in compared_rows
    ]
    return Choice(
        chosen["method"],
        factors,
        regularisation,
        [{"place": place, **row} for place, row in enumerate(rows, start=1)],
        [*trace, reason],
        compared,
    )


def _tune(
    tuning: _Slice, settings: RecommendationSettings, seed: int, on_progress: Callable[[int, int], None] | None
) -> list[Row]:
    """A row for each pair of factors and regularisation; none where there are too few customers to tell them apart."""
    if len(tuning.later.customers) < FEWEST_CUSTOMERS:
        return []
    # More factors than half of what there is to explain say nothing.
    room = max(1, min(tuning.known.customer_count, tuning.known.product_count) // 2)
    offered = sorted({min(each, room) for each in FACTORS})
    tried = list(
        product(
            [settings.factors] if settings.factors else offered,
            [settings.regularisation] if settings.regularisation else REGULARISATIONS,
        )
    )
    rows = []
    for place, (factors, regularisation) in enumerate(tried, start=1):
        recommender = _factorised(tuning, settings, factors, regularisation, seed)
        rows.append(tuning.row(MATRIX_FACTORISATION, recommender, factors=factors, regularisation=regularisation))
        if on_progress is not None:
            on_progress(place, len(tried))
    return rows


def _factorised(
    cut: _Slice, settings: RecommendationSettings, factors: int, regularisation: float, seed: int
) -> Factorised:
    items = item_factors(
        cut.known.weights,
        factors=factors,
        regularisation=regularisation,
        confidence=settings.confidence,
        iterations=settings.iterations,
        seed=seed,
    )
    own = cut.known.weights[cut.later.customers]
    return Factorised(fold_in(own, items, regularisation=regularisation, confidence=settings.confidence), items)


def _compare(
    later: _Slice,
    sales: OrderProducts,
    settings: RecommendationSettings,
    factors: int | None,
    regularisation: float | None,
    seed: int,
) -> list[Row]:
    """A row per method, baselines first."""
    popularity = later.known.popularity
    rows = [later.row(POPULARITY, Popularity(popularity))]
    if BOUGHT_TOGETHER in settings.methods:
        pairs = bought_together(sales, later.start, settings)
        own = later.known.weights[later.later.customers]
        rows.append(later.row(BOUGHT_TOGETHER, Together(own, pairs.as_matrix(), popularity)))
    if MATRIX_FACTORISATION in settings.methods and factors and regularisation:
        recommender = _factorised(later, settings, factors, regularisation, seed)
        rows.append(later.row(MATRIX_FACTORISATION, recommender, factors=factors, regularisation=regularisation))
    return rows


def _champion(rows: Sequence[Row], settings: RecommendationSettings) -> tuple[Row, str]:
    """The row of the champion, and why it is."""
    allowed = [row for row in rows if row["method"] in settings.methods]
    model = next((row for row in allowed if row["method"] == MATRIX_FACTORISATION), None)
    baselines = [row for row in rows if row["method"] != MATRIX_FACTORISATION]
    # The first of equals: the simpler one.
    best = max((row for row in allowed if row is not model), key=lambda row: row[METRIC], default=None)
    strongest = max(baselines, key=lambda row: row[METRIC])
    if model is not None and model[METRIC] > strongest[METRIC]:
        return model, (
            f"matrix factorisation beats {IN_WORDS[strongest['method']]} on the later period (NDCG@10 {model[METRIC]:.4f} against "
            f"{strongest[METRIC]:.4f}) and recommends"
        )
    best = best or strongest
    if model is not None:
        return best, (
            f"matrix factorisation does not beat {IN_WORDS[strongest['method']]} on the later period (NDCG@10 {model[METRIC]:.4f} against "
            f"{strongest[METRIC]:.4f}), so {IN_WORDS[best['method']]} recommends"
        )
    return (
        best,
        f"{IN_WORDS[best['method']]} recommends: the best of what recommendations.methods allows (NDCG@10 {best[METRIC]:.4f})",
    )


def _period(cut: _Slice) -> str:
    return f"from {cut.start:%Y-%m-%d} to {cut.end - timedelta(microseconds=1):%Y-%m-%d}"


def _too_few(cut: _Slice, then: str = ": popularity is used") -> str:
    count = len(cut.later.customers)
    who = "no customer" if not count else f"only {counted(count, 'customer')}"
    return f"{who} who had bought before bought something new {_period(cut)}, too few to compare methods ({FEWEST_CUSTOMERS} are needed){then}"
