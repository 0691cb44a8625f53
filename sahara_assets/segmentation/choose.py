"""Which k: a rule over the sweep's measures, with a written line for every k it looked at.

Nothing is fitted or measured here (`sweep`, `metrics`), and nothing is named or stored: the caller keeps the trace.

The rule. A k qualifies when its smallest cluster holds the minimum share of all rows (and two rows at least) and its
stability reaches the minimum. Each qualified k scores: silhouette, plus Davies-Bouldin turned around, plus a tenth of
the elbow, each scaled to 0..1 over the qualified ks. The highest score wins, ties go to the smaller k. The first two ask
the same question of all rows and of the worst neighbours; the elbow only settles what they leave nearly open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.segmentation.kmeans import UnclusterableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.segmentation.sweep import SweptModel

MINIMUM_SHARE = 0.01
"""Default share of all rows that the smallest cluster must hold."""
MINIMUM_STABILITY = 0.8
"""Default stability below which a grouping is taken for an accident of the draw."""
ELBOW_WEIGHT = 0.1
"""Weight of the elbow beside 1 each for silhouette and Davies-Bouldin."""
_FEWEST_ROWS = 2  # a cluster of one person is never a segment, however small the share that is asked for
_SAME_SCORE = 1e-9


@dataclass(frozen=True, slots=True)
class TraceLine:
    """What the rule says of one k: `qualified` or not, its score where it was scored, and why in plain English."""

    k: int
    qualified: bool
    score: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen k.

    Attributes:
        k: the number of clusters.
        rule: "fixed", "best of the qualified" or "least bad".
        qualified: whether the chosen k passed the gates; False is worth a warning.
        trace: one line per swept k, ascending.
        reason: the last word, in plain English with numbers.
    """

    k: int
    rule: str
    qualified: bool
    trace: list[TraceLine]
    reason: str


def choose(
    swept: Sequence[SweptModel],
    *,
    minimum_share: float = MINIMUM_SHARE,
    minimum_stability: float = MINIMUM_STABILITY,
    fixed_k: int | None = None,
) -> Choice:
    """The k that the rule above picks, or the fixed one; the least bad where nothing qualifies.

    Least bad: the fewest rows, then the least stability, lacking from the minimum, as shares of it; then the best score.

    Raises:
        UnclusterableError: nothing was swept, or the fixed k is not among the swept ones.
    """
    models = sorted(swept, key=lambda model: model.k)
    if not models:
        raise UnclusterableError("there is no swept model to choose from")
    failings = {model.k: _failings(model, minimum_share, minimum_stability) for model in models}
    passed = [model for model in models if not failings[model.k]]
    scored = passed or models
    scores = dict(zip((model.k for model in scored), _scores(scored), strict=True))
    if fixed_k is not None:
        if fixed_k not in failings:
            raise UnclusterableError(f"k is fixed at {fixed_k}, and only {[model.k for model in models]} were swept")
        winner, rule = next(model for model in models if model.k == fixed_k), "fixed"
        reason = f"k = {fixed_k}: fixed in the settings, the rule was not asked."
        if failings[fixed_k]:
            reason += f" It would not have qualified: {'; '.join(failings[fixed_k])}."
    elif passed:
        winner, rule = _first_best(passed, scores), "best of the qualified"
        reason = (
            f"k = {winner.k}: the best score ({scores[winner.k]:.3f}) of the {len(passed)} that qualify, from "
            f"silhouette and Davies-Bouldin with equal weight and the elbow at {ELBOW_WEIGHT}; ties go to the smaller k."
        )
    else:
        least = min(_shortfall(model, minimum_share, minimum_stability) for model in models)
        candidates = [m for m in models if _shortfall(m, minimum_share, minimum_stability) <= least + _SAME_SCORE]
        winner, rule = _first_best(candidates, scores), "least bad"
        reason = f"k = {winner.k}: no k qualifies, and this one falls short by least: {'; '.join(failings[winner.k])}."
    trace = [
        TraceLine(
            model.k, not failings[model.k], scores.get(model.k), _line(model, failings[model.k], scores, winner.k)
        )
        for model in models
    ]
    if models[0].capped_from is not None:
        reason += f" k was asked up to {models[0].capped_from}; the data have different rows for {models[-1].k}."
    return Choice(winner.k, rule, not failings[winner.k], trace, reason)


def _failings(model: SweptModel, minimum_share: float, minimum_stability: float) -> list[str]:
    failings = []
    if model.smallest_size < _FEWEST_ROWS:
        failings.append("its smallest cluster is a single row")
    elif model.smallest_share < minimum_share:
        failings.append(
            f"its smallest cluster holds {model.smallest_share:.2%} of the rows, under the minimum of {minimum_share:.2%}",
        )
    if model.stability < minimum_stability:
        failings.append(f"its stability of {model.stability:.3f} is under the minimum of {minimum_stability:.3f}")
    return failings


def _shortfall(model: SweptModel, minimum_share: float, minimum_stability: float) -> float:
    """How far below the minimums, each as a share of it; a single row counts as a whole minimum lacking."""
    share = 0.0 if minimum_share <= 0 else max(0.0, 1.0 - model.smallest_share / minimum_share)
    if model.smallest_size < _FEWEST_ROWS:
        share = max(share, 1.0)
    stability = 0.0 if minimum_stability <= 0 else max(0.0, 1.0 - model.stability / minimum_stability)
    return share + stability


def _scores(models: Sequence[SweptModel]) -> list[float]:
    silhouette = _scaled([model.silhouette for model in models])
    davies_bouldin = _scaled([-model.davies_bouldin_index for model in models])
    elbow = _scaled([model.elbow for model in models])
    return [one + two + ELBOW_WEIGHT * three for one, two, three in zip(silhouette, davies_bouldin, elbow, strict=True)]


def _scaled(values: Sequence[float]) -> list[float]:
    """0 for the lowest, 1 for the highest; 0 for all where they are equal.

    >>> _scaled([1.0, 3.0, 2.0])
    [0.0, 1.0, 0.5]
    """
    array = np.asarray(values, dtype=np.float64)
    width = float(array.max() - array.min())
    if width <= 0.0:
        return [0.0] * len(values)
    return [float(value) for value in (array - array.min()) / width]


def _first_best(models: Sequence[SweptModel], scores: dict[int, float]) -> SweptModel:
    best = max(scores[model.k] for model in models)
    return next(model for model in models if scores[model.k] >= best - _SAME_SCORE)


def _line(model: SweptModel, failings: list[str], scores: dict[int, float], chosen: int) -> str:
    numbers = (
        f"silhouette {model.silhouette:.3f}, Davies-Bouldin {model.davies_bouldin_index:.3f}, elbow {model.elbow:.3f}, "
        f"stability {model.stability:.3f}, smallest cluster {model.smallest_share:.2%}"
    )
    score = f", score {scores[model.k]:.3f}" if model.k in scores else ""
    verdict = f"out, because {' and '.join(failings)}" if failings else "qualifies"
    mark = " Chosen." if model.k == chosen else ""
    return f"k = {model.k}: {verdict} ({numbers}{score}).{mark}"
