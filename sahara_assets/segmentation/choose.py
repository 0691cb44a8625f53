"""Which k: a rule over the sweep's measures, with a written line for every k it looked at.

Nothing is fitted or measured here (`sweep`, `metrics`), and nothing is named or stored: the caller keeps the trace.

The rule. A k qualifies when its smallest cluster holds the minimum share of all rows (and two rows at least) and its
stability reaches the minimum. Each qualified k scores the sum of

- its silhouette: how much nearer rows are to their own cluster than to the next (Rousseeuw 1987);
- half of 1 / (1 + Davies-Bouldin): the same question put to each cluster and its worst neighbour (Davies & Bouldin 1979);
- a fifth of the elbow, counted from 0 to 0.5: whether the step to k paid and the next one will not;
- its wholeness: whether no cluster is really two, which is the elbow's question put to each cluster alone. It is what
  silhouette lacks: it likes two near groups merged as long as both are far from a third;
- its steadiness: how much of its weakest cluster half samples find again (Hennig 2007). It holds wholeness in check: a
  group that is cut once too often is whole, and elsewhere the next time.

The highest score wins, ties go to the smaller k. Where no qualified k has a silhouette above 0.5 the structure is weak
(Kaufman & Rousseeuw 1990: 0.26 to 0.50), closer to a continuum than to groups, and a continuum is cut the more steadily the
fewer its parts: there, steadiness beyond 0.8 is not rewarded. Apart from that a k scores the same whatever else was swept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.segmentation.kmeans import UnclusterableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.segmentation.sweep import SweptModel

MINIMUM_SHARE = 0.01
"""Default share of all rows that the smallest cluster must hold."""
MINIMUM_STABILITY = 0.8
"""Default stability below which a grouping is taken for an accident of the draw."""
DAVIES_BOULDIN_WEIGHT = 0.5
"""Weight of 1 / (1 + Davies-Bouldin) beside 1 each for silhouette, wholeness and steadiness."""
ELBOW_WEIGHT = 0.2
"""Weight of the elbow beside the same."""
HIGHEST_ELBOW = 0.5
"""What an elbow is counted up to: one of two far groups against one is many times as sharp as any other."""
CLEAR_SILHOUETTE = 0.5
"""Silhouette above which groups count as separate."""
STEADY_ENOUGH = 0.8
"""Steadiness beyond which parts of a continuum gain no more."""
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
        score = f"{scores[winner.k]:.3f}"
        standing = f"the best score ({score}) of the {len(passed)} that qualify"
        if len(passed) == 1:
            standing = f"the only one that qualifies, with a score of {score}"
        reason = (
            f"k = {winner.k}: {standing}. It adds up how clearly "
            f"the groups are apart (silhouette {winner.silhouette:.3f}, Davies-Bouldin {winner.davies_bouldin_index:.3f}, elbow "
            f"{winner.elbow:.3f}), whether no group is really two (wholeness {winner.wholeness:.3f}) and how much of the weakest "
            f"group is found again in half of the rows (steadiness {winner.steadiness:.3f}); ties go to the smaller k."
        )
        if not _are_clear(passed):
            reason += (
                f" No k has a silhouette above {CLEAR_SILHOUETTE}: the groups shade into one another rather than stand apart, "
                f"so that steadiness counts only up to {STEADY_ENOUGH}."
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
    most_steadiness = 1.0 if _are_clear(models) else STEADY_ENOUGH
    return [
        model.silhouette
        + DAVIES_BOULDIN_WEIGHT / (1.0 + model.davies_bouldin_index)
        + ELBOW_WEIGHT * min(max(model.elbow, 0.0), HIGHEST_ELBOW)
        + model.wholeness
        + min(model.steadiness, most_steadiness)
        for model in models
    ]


def _are_clear(models: Sequence[SweptModel]) -> bool:
    """Whether any of the models separates groups, rather than parts of a continuum."""
    return max(model.silhouette for model in models) > CLEAR_SILHOUETTE


def _first_best(models: Sequence[SweptModel], scores: dict[int, float]) -> SweptModel:
    best = max(scores[model.k] for model in models)
    return next(model for model in models if scores[model.k] >= best - _SAME_SCORE)


def _line(model: SweptModel, failings: list[str], scores: dict[int, float], chosen: int) -> str:
    numbers = (
        f"silhouette {model.silhouette:.3f}, Davies-Bouldin {model.davies_bouldin_index:.3f}, elbow {model.elbow:.3f}, "
        f"wholeness {model.wholeness:.3f}, steadiness {model.steadiness:.3f}, stability {model.stability:.3f}, smallest cluster {model.smallest_share:.2%}"
    )
    score = f", score {scores[model.k]:.3f}" if model.k in scores else ""
    verdict = f"out, because {' and '.join(failings)}" if failings else "qualifies"
    mark = " Chosen." if model.k == chosen else ""
    return f"k = {model.k}: {verdict} ({numbers}{score}).{mark}"
