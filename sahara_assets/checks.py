"""The checks of `quality/` as Dagster asset checks, one step a stage; the blocking ones gate what follows in the same run."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from sahara_assets.quality.checklist import QUESTIONS
from sahara_assets.quality.questions import Question
from sahara_assets.resources import Project

STAGE_OF_ASSET = {
    "extracts": "extract",
    "drops": "raw",
    "rejected_rows": "raw",
    "sessions": "analytics",
    "product_events": "analytics",
    "purchases": "sales",
    "orders": "sales",
    "products": "sales",
    "customers": "sales",
    "customer_features": "features",
    "customer_features_online": "features",
    "k_sweep": "segmentation",
    "customer_segments": "segmentation",
    "segment_profiles": "segmentation",
    "insights": "insights",
    "report_views": "insights",
    "repeat_buyer_training": "prediction",
    "repeat_buyer_model": "prediction",
    "repeat_buyer_scores": "prediction",
    "predicted_segments": "prediction",
    "bought_together": "recommendations",
    "popular_products": "recommendations",
    "product_recommendations": "recommendations",
    "product_audiences": "recommendations",
    "promotion_files": "activation",
    "audience_files": "activation",
    "repeat_buyer_audience": "activation",
}


def _stage_checks(stage: str, questions: list[Question]) -> dg.AssetChecksDefinition:
    by_key = {(question.asset, question.name): question for question in questions}

    @dg.multi_asset_check(
        name=f"{stage}_checks",
        specs=[
            dg.AssetCheckSpec(
                question.name, asset=question.asset, description=question.description, blocking=question.blocking
            )
            for question in questions
        ],
        can_subset=True,
    )
    def ask(context: dg.AssetCheckExecutionContext, project: Project) -> Iterator[dg.AssetCheckResult]:
        for key in sorted(context.selected_asset_check_keys, key=lambda k: (k.asset_key, k.name)):
            question = by_key[key.asset_key.to_user_string(), key.name]
            yield _result(question, project)

    return ask


def _result(question: Question, project: Project) -> dg.AssetCheckResult:
    verdict = question.answer(project.warehouse, project.settings)
    project.verdicts.append(verdict)
    metadata: dict[str, Any] = {
        name: value if isinstance(value, int | float | str) else dg.MetadataValue.json(value)
        for name, value in verdict.metadata.items()
    }
    return dg.AssetCheckResult(
        passed=verdict.passed,
        asset_key=verdict.asset,
        check_name=verdict.name,
        severity=dg.AssetCheckSeverity.ERROR if verdict.blocking else dg.AssetCheckSeverity.WARN,
        description=verdict.text,
        metadata=metadata,
    )


def all_checks() -> list[dg.AssetChecksDefinition]:
    """One definition a stage, in the order of the story."""
    stages: dict[str, list[Question]] = {}
    for question in QUESTIONS:
        stages.setdefault(STAGE_OF_ASSET[question.asset], []).append(question)
    return [_stage_checks(stage, questions) for stage, questions in stages.items()]
