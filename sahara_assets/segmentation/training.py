"""Training, promoting and scoring: from `customer_features` to the registry, `k_sweep`, `customer_segments` and `segment_profiles`.

A run scores with the champion. It trains only when there is none, when the model's settings changed, or when a retrain is asked for:
a champion fitted anew on every drop would reshuffle customers that marketing has just been told about.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import Built, Run, code_fingerprint, combine, rebuild, record, write_account
from sahara_assets.errors import SaharaError
from sahara_assets.features.feature_set import feature_set
from sahara_assets.segmentation.ageing import TIERS_AS_OF, measured_as_of
from sahara_assets.segmentation.document import to_json
from sahara_assets.segmentation.registry import (
    CANDIDATE,
    CHAMPION,
    RETIRED,
    Registered,
    candidate,
    champion,
    registered,
    swept_with_champion,
)
from sahara_assets.settings.measuring import PreprocessingSettings
from sahara_assets.tables.features import TOP_CATEGORIES
from sahara_assets.tables.sales import PURCHASES
from sahara_assets.tables.segmentation import (
    CUSTOMER_SEGMENTS,
    K_SWEEP,
    SEGMENT_CHANGES,
    SEGMENT_PROFILES,
    SEGMENTATION_MODELS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sahara_assets.segmentation.choose import Choice
    from sahara_assets.segmentation.model import SegmentationModel
    from sahara_assets.segmentation.sweep import SweptModel
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse


def training_fingerprint(settings: Settings) -> str:
    """A hash of the settings that a model is trained by; a change of them trains anew.

    A setting that is as it is by default does not count unless it always has: a new version of Sahara is no reason to train.
    """
    document = settings.model_dump(mode="json")
    segmentation = {name: value for name, value in document["segmentation"].items() if name != "rank_by" or value}
    parts = [document["features"]["model"], segmentation, document["project"]["seed"]]
    later: dict[str, Any] = {}
    if settings.preprocessing != PreprocessingSettings():
        later["preprocessing"] = document["preprocessing"]
    if settings.features.population != "buyers":
        later["population"] = settings.features.population
    recipes = {one.feature.name: repr(one.recipe) for one in feature_set(settings).declared}
    mine = {name: recipes[name] for name in settings.features.model if name in recipes}
    if mine:
        later["recipes"] = mine
    return hashlib.sha256(json.dumps([*parts, *([later] if later else [])], sort_keys=True).encode()).hexdigest()[:16]


def rank_feature(settings: Settings) -> str:
    """The feature by whose mean segments are numbered and given their tiers, or `BY_SIZE`.

    As the settings say; else gross spend; without order lines the first feature of money, the model's before the others; else by size.
    """
    from sahara_assets.segmentation.portrait import BY_SIZE

    if settings.segmentation.rank_by:
        return settings.segmentation.rank_by
    features = feature_set(settings)
    if features.sells:
        return "gross_spend"
    ordered = [*settings.features.model, *(name for name in features.by_name if name not in settings.features.model)]
    return next((name for name in ordered if features.by_name[name].unit == "money"), BY_SIZE)


def why_train(warehouse: Warehouse, settings: Settings, *, retrain: bool) -> str | None:
    """Why this run must train, or None where the champion stays."""
    current = champion(warehouse)
    if current is None:
        return "there is no model yet"
    if current.training_fingerprint != training_fingerprint(settings):
        return "the model's settings changed"
    return "a retrain was asked for" if retrain else None


def train(warehouse: Warehouse, settings: Settings, run: Run, cut_off: datetime) -> Registered:
    """Sweep k, choose, and make the chosen model the champion; registry, sweep and changes commit together.

    Raises:
        SaharaError: there are too few different customers for the smallest k.
    """
    from sahara_assets.segmentation.assemble import adopt, build_model
    from sahara_assets.segmentation.choose import choose
    from sahara_assets.segmentation.kmeans import UnclusterableError
    from sahara_assets.segmentation.portrait import measure
    from sahara_assets.segmentation.preprocess import apply, fit_preprocessing, is_complete
    from sahara_assets.segmentation.sweep import sweep

    features = feature_set(settings)
    table = warehouse.arrow(features.table)
    wanted, progress = settings.segmentation, run.progress
    preprocessing = fit_preprocessing(
        table,
        settings.features.model,
        features.by_name,
        explained_variance=settings.preprocessing.explained_variance,
    )
    table = table.filter(is_complete(preprocessing, table))
    try:
        swept = sweep(
            apply(preprocessing, table),
            k_min=min(wanted.k_min, wanted.k or wanted.k_min),
            k_max=max(wanted.k_max, wanted.k or wanted.k_max),
            seed=settings.project.seed,
            on_progress=None if progress is None else lambda done, of: progress("k_sweep", done, of),
        )
        choice = choose(
            swept,
            minimum_share=wanted.minimum_share,
            minimum_stability=wanted.minimum_stability,
            fixed_k=wanted.k,
        )
    except UnclusterableError as error:
        raise SaharaError(f"customer_features: {error}") from error
    before = champion(warehouse)
    version = max((row["version"] for row in registered(warehouse)), default=0) + 1
    window = _window(warehouse, cut_off)
    names = category_names(warehouse)
    measured = measure(table, features.by_name, rank_by=rank_feature(settings))
    entries: list[Row] = []
    changes: list[Row] = []
    for candidate_model in swept:
        model = build_model(
            table,
            preprocessing,
            candidate_model.centroids,
            version=version,
            seed=settings.project.seed,
            cut_off=cut_off.isoformat(),
            first_ordered_at=window["first"].isoformat() if window["first"] else "",
            last_ordered_at=window["last"].isoformat() if window["last"] else "",
            outlier_quantile=wanted.outlier_quantile,
            category_names=names,
            declarations=features.by_name,
            measured=measured,
        )
        chosen = candidate_model.k == choice.k
        if chosen:
            model, changes = adopt(
                model,
                table,
                before.model if before else None,
                category_names=names,
                declarations=features.by_name,
                measured=measured,
            )
        entries.append(_entry(model, candidate_model, choice, settings, run, cut_off, window, champion=chosen))
    with warehouse.transaction():
        earlier = [{**row, "stage": RETIRED} for row in registered(warehouse)]
        warehouse.replace(SEGMENTATION_MODELS, [*earlier, *entries])
        warehouse.insert(SEGMENT_CHANGES, changes)
        write_sweep(warehouse)
        record(
            warehouse,
            run,
            SEGMENTATION_MODELS.name,
            combine(training_fingerprint(settings), str(version)),
            len(entries),
            {TIERS_AS_OF: cut_off.isoformat()},
        )
    trained = champion(warehouse)
    assert trained is not None  # noqa: S101 - it was written a line ago
    return trained


def _window(warehouse: Warehouse, cut_off: datetime) -> Row:
    """First and latest sale before the cut-off, UTC."""
    import ibis

    lines = warehouse.table(PURCHASES)
    before = ibis.timestamp(cut_off.isoformat(sep=" "))
    sales = lines.filter((lines.line_kind == "sale") & (lines.ordered_at_local < before))
    return warehouse.rows(sales.aggregate(first=sales.ordered_at.min(), last=sales.ordered_at.max()))[0]


def category_names(warehouse: Warehouse) -> dict[str, str]:
    """What the categories behind `category_share_1`, … are called."""
    return {f"category_share_{row['rank']}": row["category"] for row in warehouse.rows(TOP_CATEGORIES)}


def _entry(
    model: SegmentationModel,
    swept: SweptModel,
    choice: Choice,
    settings: Settings,
    run: Run,
    cut_off: datetime,
    window: Row,
    *,
    champion: bool,
) -> Row:
    line = next(line for line in choice.trace if line.k == swept.k)
    metrics = {
        name: value
        for name, value in asdict(swept).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {
        "version": model.version,
        "k": model.k,
        "stage": CHAMPION if champion else CANDIDATE,
        "model": to_json(model),
        "metrics": json.dumps(
            {**metrics, "score": line.score, "qualified": line.qualified, "verdict": line.text}, sort_keys=True
        ),
        "trace": json.dumps([*(trace.text for trace in choice.trace), choice.reason]),
        "training_fingerprint": training_fingerprint(settings),
        "cut_off": cut_off,
        "first_ordered_at": window["first"],
        "last_ordered_at": window["last"],
        "customer_count": model.customer_count,
        "trained_at": run.now,
        "run_id": run.run_id,
    }


def write_sweep(warehouse: Warehouse) -> int:
    """Write `k_sweep` from the registry's entries of the champion's training."""
    rows = []
    for entry in swept_with_champion(warehouse):
        metrics = entry.metrics
        rows.append(
            {
                **{column: metrics[column] for column in K_SWEEP.column_names if column in metrics},
                "k": entry.model.k,
                "score": metrics["score"] if metrics["qualified"] else None,
                "is_chosen": entry.stage == CHAMPION,
                "verdict": metrics["verdict"],
            }
        )
    return warehouse.replace(K_SWEEP, rows)


def promote(warehouse: Warehouse, settings: Settings, run: Run, k: int) -> Registered:
    """Make another model of the champion's training the champion; segment keys are kept by matching, as in a retrain.

    Raises:
        SaharaError: that k was not swept.
    """
    from sahara_assets.segmentation.assemble import adopt
    from sahara_assets.segmentation.portrait import measure
    from sahara_assets.segmentation.preprocess import is_complete

    wanted = candidate(warehouse, k)
    before = champion(warehouse)
    if before is None or wanted.stage == CHAMPION:
        return wanted
    features = feature_set(settings)
    table = warehouse.arrow(features.table)
    table = table.filter(is_complete(wanted.model.preprocessing, table))
    model, changes = adopt(
        wanted.model,
        table,
        before.model,
        category_names=category_names(warehouse),
        declarations=features.by_name,
        measured=measure(table, features.by_name, rank_by=rank_feature(settings)),
    )
    with warehouse.transaction():
        rows = registered(warehouse)
        for row in rows:
            if row["stage"] == CHAMPION:
                row["stage"] = CANDIDATE
            if (row["version"], row["k"]) == (wanted.row["version"], k):
                row["stage"], row["model"] = CHAMPION, to_json(model)
        warehouse.replace(SEGMENTATION_MODELS, rows)
        # A model that is promoted a second time leaves one account of its change: the latest.
        warehouse.delete(SEGMENT_CHANGES, {"version": [model.version], "k": [k]})
        warehouse.insert(SEGMENT_CHANGES, changes)
        write_sweep(warehouse)
        # Recorded like a training, so that a kill before the scoring that follows does not look like "nothing new".
        fingerprint = combine(wanted.training_fingerprint, str(model.version), str(k))
        measured = measured_as_of(warehouse) or wanted.cut_off
        details = {TIERS_AS_OF: measured.isoformat()}
        record(warehouse, run, SEGMENTATION_MODELS.name, fingerprint, len(rows), details)
    promoted = champion(warehouse)
    assert promoted is not None  # noqa: S101
    return promoted


def build_customer_segments(warehouse: Warehouse, settings: Settings, run: Run, features_fingerprint: str) -> Built:
    """Score every customer with the champion, as SQL inside the warehouse."""
    from sahara_assets.segmentation.scoring import scoring_query

    current = champion(warehouse)
    if current is None:
        raise SaharaError("there is no model yet; materialise segmentation_model first")
    model = current.model

    def build() -> tuple[int, dict[str, Any]]:
        table = feature_set(settings).table
        rows = warehouse.replace(CUSTOMER_SEGMENTS, scoring_query(model, warehouse.table(table)))
        needed = [feature.name for feature in model.preprocessing.features if feature.missing is None]
        measured = warehouse.count(table)
        # Nobody can be lost where something stands for every value: then there is nothing to account for.
        account = [
            ("in: customer_features", measured),
            (f"no value for {_either(needed)}", measured - rows),
            ("out", rows),
        ]
        write_account(warehouse, CUSTOMER_SEGMENTS.name, account if needed else [])
        return rows, {
            "model_version": model.version,
            "k": model.k,
            **({"without_a_segment": measured - rows} if needed else {}),
        }

    fingerprint = combine(features_fingerprint, to_json(model), code_fingerprint("segmentation"))
    return rebuild(warehouse, run, CUSTOMER_SEGMENTS.name, fingerprint, build)


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else ""


def build_segment_profiles(warehouse: Warehouse, settings: Settings, run: Run, segments_fingerprint: str) -> Built:
    """Describe every segment of the champion."""
    current = champion(warehouse)
    if current is None:
        raise SaharaError("there is no model yet; materialise segmentation_model first")

    def build() -> tuple[int, dict[str, Any]]:
        return warehouse.replace(SEGMENT_PROFILES, profiles_of(warehouse, settings, current.model)), {}

    words = [[one.feature.name, one.feature.label, one.feature.unit] for one in feature_set(settings).declared]
    fingerprint = combine(segments_fingerprint, json.dumps(words), code_fingerprint("segmentation"))
    return rebuild(warehouse, run, SEGMENT_PROFILES.name, fingerprint, build)


def profiles_of(warehouse: Warehouse, settings: Settings, model: SegmentationModel) -> list[Row]:
    """The rows of `segment_profiles` for any model on the features as they are."""
    from sahara_assets.segmentation.preprocess import is_complete
    from sahara_assets.segmentation.profile import profile
    from sahara_assets.segmentation.scoring import score

    features = feature_set(settings)
    table = warehouse.arrow(features.table)
    table = table.filter(is_complete(model.preprocessing, table))
    scores = score(model, table)
    return profile(
        model,
        table,
        scores.segment,
        scores.is_outlier,
        category_names=category_names(warehouse),
        declarations=features.by_name,
    )
