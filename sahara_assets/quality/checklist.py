"""The laws and contracts as checks on the tables: pure questions to the warehouse, each with an answer a person can act on.

The Dagster checks in `checks.py`, `sahara run`'s exit code and the report all ask here. A blocking check that fails stops what
follows; a warning goes into the report and, with `--strict`, into the exit code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.quality import (
    analytics,
    contracts,
    drops,
    extracts,
    insights,
    joins,
    prediction,
    recommendations,
    sales,
    segmentation,
)
from sahara_assets.tables.books import BUILDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sahara_assets.quality.questions import Question, Verdict
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


QUESTIONS: tuple[Question, ...] = (
    *extracts.QUESTIONS,
    *drops.QUESTIONS,
    *analytics.QUESTIONS,
    *sales.QUESTIONS,
    *joins.QUESTIONS,
    *segmentation.QUESTIONS,
    *insights.QUESTIONS,
    *prediction.QUESTIONS,
    *recommendations.QUESTIONS,
    *contracts.QUESTIONS,
)


def run_checks(warehouse: Warehouse, settings: Settings, answered: Iterable[Verdict] = ()) -> list[Verdict]:
    """Ask every question whose asset has been built; those that were answered already are not asked again.

    Args:
        warehouse: holds the tables.
        settings: what they are held to.
        answered: answers given in this run after the asset was built; on BigQuery every question is paid for.
    """
    known = {(verdict.asset, verdict.name): verdict for verdict in answered}
    done = {row["name"] for row in warehouse.rows(BUILDS)}
    done |= {"extracts", "drops", "rejected_rows"} | ({"k_sweep"} if "segmentation_models" in done else set())
    done |= {"repeat_buyer_model"} if "repeat_buyer_models" in done else set()
    done |= {"product_audiences"} if "product_recommendations" in done else set()
    return [
        known.get((question.asset, question.name)) or question.answer(warehouse, settings)
        for question in QUESTIONS
        if question.asset in done
    ]
