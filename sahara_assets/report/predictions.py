"""What the report says of who will buy again: sentences, and the rows that its charts are drawn from.

How the charts look is in `prediction_charts.py`, how the sentences are worded in `repeat_buyers/wording.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import built
from sahara_assets.report.prediction_charts import calibration_plot, gains_plot, importance_bars, lift_bars
from sahara_assets.tables.prediction import (
    REPEAT_BUYER_DECILES,
    REPEAT_BUYER_IMPORTANCES,
    REPEAT_BUYER_SCORES,
    REPEAT_BUYER_TRAINING,
)

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table
    from sahara_assets.warehouse.base import Warehouse

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class RepeatBuyers:
    """What the report says of who will buy again.

    Attributes:
        said: what the scores come to, or why there are none.
        sentences: how good the model is, a plain sentence each; by `gains`, `ranking`, `calibration`, `accuracy`, `importance`.
        base_rate: share of the report's customers who bought again.
        tenths, importances, parts: `repeat_buyer_deciles`, `repeat_buyer_importances` and `repeat_buyer_training`.
    """

    said: str
    sentences: Mapping[str, str]
    base_rate: float = 0.0
    tenths: Rows = ()
    importances: Rows = ()
    parts: Rows = ()

    def drawings(self) -> dict[str, Callable[..., str]]:
        """The charts by name, each to be drawn at a width; none where there is no model."""
        if not self.tenths:
            return {}
        return {
            "gains": lambda width: gains_plot(self.tenths, self.base_rate, width=width),
            "lift": lambda width: lift_bars(self.tenths, width=width),
            "calibration": lambda width: calibration_plot(self.tenths, width=width),
            "importances": lambda width: importance_bars(self.importances, width=width),
        }


def said_of(warehouse: Warehouse, table: Table) -> str:
    """The sentence that a table's build left."""
    found = built(warehouse, table.name)
    return str(found.details.get("said", "")) if found else ""


def told_repeat_buyers(warehouse: Warehouse, settings: Settings) -> RepeatBuyers | None:
    """What is said of who will buy again; None where nobody asked."""
    from sahara_assets.repeat_buyers import registry, wording

    if not settings.repeat_buyers.enabled:
        return None
    said, model = said_of(warehouse, REPEAT_BUYER_SCORES), registry.champion(warehouse)
    if model is None:
        return RepeatBuyers(said or "There is no model yet.", {})
    importances = warehouse.rows(REPEAT_BUYER_IMPORTANCES)
    return RepeatBuyers(
        said,
        {
            "gains": wording.gains_sentence(model.metrics),
            "ranking": wording.ranking_sentence(model.metrics),
            "calibration": wording.calibration_sentence(model.metrics),
            "accuracy": wording.accuracy_sentence(model.metrics),
            "importance": wording.importance_sentence(importances),
        },
        model.metrics["base_rate"],
        warehouse.rows(REPEAT_BUYER_DECILES),
        importances,
        warehouse.rows(REPEAT_BUYER_TRAINING),
    )
