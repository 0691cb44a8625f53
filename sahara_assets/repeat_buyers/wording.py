"""What is said of a repeat buyer model in plain sentences: the same words on the command line, in the UI and in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahara_assets.repeat_buyers.registry import Registered
    from sahara_assets.warehouse.base import Row

KIND_NAMES = {"logistic": "a logistic regression", "boosted_trees": "boosted trees"}


def _percent(share: float, decimals: int = 0) -> str:
    return f"{100 * share:.{decimals}f} %"


def reached(metrics: Mapping[str, Any], share: float) -> tuple[float, float]:
    """The share of customers nearest to `share` that was measured, and the share of repeat buyers that it holds."""
    point = min(metrics["curve"], key=lambda one: (abs(one[0] - share), one[0]))
    return float(point[0]), float(point[2])


def gains_sentence(metrics: Mapping[str, Any]) -> str:
    """What the likeliest tenth held at the report's cut-off."""
    share, held = reached(metrics, 0.1)
    return f"The tenth of customers most likely to buy again held {_percent(held)} of all who did: {held / share:.1f} times chance."


def ranking_sentence(metrics: Mapping[str, Any]) -> str:
    """How well customers are ranked, against chance."""
    precision, base = metrics["average_precision"], metrics["base_rate"]
    told = f"Of two customers, one who bought again and one who did not, the right one is thought likelier {_percent(metrics['auc'], 1)} of the time (AUC {metrics['auc']:.3f}; chance 0.500)"
    if metrics["auc"] < 0.55:
        told += ", which is hardly better than chance"
    return f"{told}; average precision {precision:.3f}, where chance gives {base:.3f}."


def calibration_sentence(metrics: Mapping[str, Any]) -> str:
    """How far what was said lay from what came."""
    said, came = metrics["mean_probability"], metrics["base_rate"]
    return (
        f"On average {_percent(said)} were expected to buy again and {_percent(came)} did; by tenths, expectation and outcome lie "
        f"{metrics['calibration_error'] * 100:.1f} points apart (Brier score {metrics['brier']:.3f}; {metrics['brier_of_base_rate']:.3f} for telling everyone {_percent(came)})."
    )


def accuracy_sentence(metrics: Mapping[str, Any]) -> str:
    """Why accuracy is not what to look at."""
    return (
        f"Accuracy says little here: always answering the commoner outcome is right {_percent(metrics['majority_share'], 1)} of the time, "
        f"the model at 50 % {_percent(metrics['accuracy'], 1)}."
    )


def importance_sentence(rows: Sequence[Row]) -> str:
    """What the model goes by most."""
    if not rows:
        return ""
    first = min(rows, key=lambda row: int(row["rank"]))
    return f"It goes by {first['feature']} most: shuffled among the customers, average precision falls by {first['importance']:.3f}."


def sentence_of(model: Registered, *, contacts: int, customers: int, budget: str) -> str:
    """The model and what it comes to, in one line of the command line."""
    return (
        f"Repeat buyers: model version {model.version}, {KIND_NAMES[model.classifier.kind]}, measured as of {model.row['report_cut_off']:%Y-%m-%d} "
        f"(horizon {counted(int(model.row['horizon_days']), 'day')}): AUC {model.metrics['auc']:.3f}. {gains_sentence(model.metrics)} "
        f"Scored: {counted(customers, 'customer')}; to contact: {contacts:,} ({budget})."
    )
