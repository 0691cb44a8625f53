"""The chart of the methods that were compared for recommendations; shapes come from `charts.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sahara_assets.report.charts import WIDE, Bar, horizontal_bars
from sahara_assets.report.wording import figure, number_or_none, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METHOD_NAMES = {
    "matrix_factorisation": "Matrix factorisation",
    "bought_together": "Bought together",
    "popularity": "Popularity",
}


def method_comparison(evaluation: Sequence[Mapping[str, Any]], *, width: float = WIDE) -> str:
    """Bars of NDCG at 10 on the later period, keyed by the columns of `recommendation_evaluation`; the champion is marked."""
    later = [row for row in evaluation if row["slice"] == "later"]
    bars = [
        Bar(
            METHOD_NAMES.get(row["method"], row["method"]) + (" (in use)" if row["is_chosen"] else ""),
            number_or_none(row["ndcg_at_10"]) or 0.0,
            f"{figure(row['ndcg_at_10'], 3)} · finds {share(row['recall_at_10'])}",
        )
        for row in later
    ]
    return horizontal_bars(
        "How well each method ranks what customers bought later",
        bars,
        empty="There were too few purchases to compare methods on.",
        width=width,
    )
