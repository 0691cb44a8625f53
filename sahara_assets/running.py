"""What the commands do to a project: a whole run, a look at what one would do, another model, and Dagster's UI.

A run looks first and stops early where nothing is new; else it lets Dagster run the job in this process. The job is the same that the
UI and the sensor start; its history goes into the project's Dagster home, so that a nightly `sahara run` shows in the UI. Dagster is
imported only when there is work.
"""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sahara_assets.builds import RUN, Run, built, code_fingerprint, combine, forget_builds, record
from sahara_assets.drops.discovery import drop_folder
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import load_drops, plan_load
from sahara_assets.drops.plan import Status
from sahara_assets.drops.unclaimed import is_news
from sahara_assets.errors import BlockedError, SaharaError
from sahara_assets.job import execute_job
from sahara_assets.locking import hold_lock
from sahara_assets.quality.checklist import run_checks
from sahara_assets.summary import Summary, summarise
from sahara_assets.tables.segmentation import SEGMENTATION_MODELS
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets.warehouse.opening import open_warehouse, require_warehouse, warehouse_exists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sahara_assets.drops.outcome import LoadReport
    from sahara_assets.drops.verifying import Verified
    from sahara_assets.extracts.extracting import Extracted
    from sahara_assets.quality.questions import Verdict
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


@contextmanager
def reading(settings: Settings) -> Iterator[Warehouse]:
    """The warehouse, open for looking only.

    Raises:
        WarehouseError: there is none yet, another process holds it, or it holds no tables of this version.
    """
    with open_warehouse(settings, read_only=True) as warehouse:
        yield warehouse


@contextmanager
def changing(settings: Settings) -> Iterator[Warehouse]:
    """The warehouse, open for writing, with the project's lock held.

    Raises:
        WarehouseError: there is none yet, or another process holds it.
    """
    require_warehouse(settings)
    with hold_lock(settings, wait_seconds=30), open_warehouse(settings) as warehouse:
        yield warehouse


def forget_what_was_built(settings: Settings) -> None:
    """Have the next run build every table anew from the raw ones; the model stays, because another one would reshuffle the segments."""
    if warehouse_exists(settings):
        with changing(settings) as warehouse:
            forget_builds(warehouse, but=SEGMENTATION_MODELS.name)


def verify_everything(
    settings: Settings, *, progress: Callable[[str, int, int], None] | None = None
) -> tuple[Verified, list[Verdict]]:
    """Every file against the ledger and the raw tables, and every check; nothing is changed.

    Raises:
        WarehouseError: there is none yet, or another process holds it.
        DropError: the drop folder is not there.
    """
    from sahara_assets.drops.verifying import verify_drops

    require_warehouse(settings)
    with reading(settings) as warehouse:
        now = datetime.now(tz=UTC).replace(tzinfo=None)
        return verify_drops(warehouse, settings, now=now, progress=progress), run_checks(warehouse, settings)


def this_moment(run_id: str = "cli") -> Run:
    """What a command carries through the stages that it builds."""
    return Run(run_id, datetime.now(tz=UTC).replace(tzinfo=None))


def preview(settings: Settings) -> LoadReport:
    """What a run would load, replace or retract (`--dry-run`); nothing is written."""
    now = datetime.now(tz=UTC).replace(tzinfo=None)
    if warehouse_exists(settings):
        with reading(settings) as warehouse:
            return plan_load(warehouse, settings, now=now)
    with closing(DuckDBWarehouse(None)) as empty:
        empty.prepare()
        return plan_load(empty, settings, now=now)


def use_model(settings: Settings, k: int) -> int | None:
    """Make another model of the last sweep the champion, and bring everything below it in line.

    Returns:
        The number of segments before, or None where it is the same.

    Raises:
        SaharaError: there is no such model, or the settings fix another k.
        BlockedError: a blocking check failed; the audience files are still the old ones.
    """
    from sahara_assets.segmentation.registry import candidate, champion
    from sahara_assets.segmentation.training import promote
    from sahara_assets.stages import activation as activation_stage
    from sahara_assets.stages import insights as insights_stage
    from sahara_assets.stages import prediction as prediction_stage
    from sahara_assets.stages import segmentation as segmentation_stage

    with changing(settings) as warehouse:
        candidate(warehouse, k)
        if settings.segmentation.k not in {None, k}:
            raise SaharaError(
                f"segmentation.k = {settings.segmentation.k} is set, and the next run would go by it; change it there"
            )
        before = champion(warehouse)
        run = this_moment()
        complete = _is_complete(warehouse, settings)
        promote(warehouse, settings, run, k)
        segmentation_stage.customer_segments(warehouse, settings, run)
        segmentation_stage.segment_profiles(warehouse, settings, run)
        _stop_where_blocked(run_checks(warehouse, settings), before_asset="audience_files")
        insights_stage.insights(warehouse, settings, run)
        insights_stage.report_views(warehouse, settings, run)
        prediction_stage.predicted_segments(warehouse, settings, run)
        activation_stage.audience_files(warehouse, settings, run)
        insights_stage.insight_files(warehouse, settings, run)
        activation_stage.report(warehouse, settings, run)
        if complete:
            _remember_completion(warehouse, settings, run)
    return None if before is None or before.model.k == k else before.model.k


def _stop_where_blocked(verdicts: list[Verdict], *, before_asset: str) -> None:
    failed = [v for v in verdicts if v.blocking and not v.passed and v.asset != before_asset]
    if failed:
        lines = [f"{v.asset}: {v.name}: {v.text}" for v in failed]
        raise BlockedError(
            f"a blocking check failed, so {before_asset} and the report stay as they were:\n  " + "\n  ".join(lines)
        )


def extract_now(
    settings: Settings,
    *,
    names: Iterable[str] = (),
    anew: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Extracted]:
    """Ask the databases for what is new, with the project's lock held; what lies there then is taken in by a run.

    Raises:
        SaharaError: there is no extract of that name, or another run holds the project.
    """
    from sahara_assets.extracts.extracting import extract_all

    if not settings.extracts and not names:
        return []
    with hold_lock(settings):
        now = datetime.now(tz=UTC).replace(tzinfo=None)
        return extract_all(settings, now=now, names=names, anew=anew, progress=progress)


def run_everything(
    settings: Settings,
    config_path: Path | None,
    *,
    retrain: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    debug: bool = False,
) -> Summary:
    """Ask the databases, load what is new, rebuild what depends on it, score, export.

    A database that cannot be asked is said in the summary, and stops nothing.

    Raises:
        BlockedError: a blocking check failed; what it guards was not rebuilt.
        SaharaError: anything else that a person can mend.
    """
    from sahara_assets.stages.sales import purchases_are_current

    drop_folder(settings).check()  # a folder that is not there is said before anything is made
    extracted = extract_now(settings, progress=progress)
    with hold_lock(settings), open_warehouse(settings) as warehouse:
        before = _overall_fingerprint(warehouse, settings)
        if not retrain and _nothing_to_do(warehouse, settings, before):
            return replace(summarise(warehouse, settings), extracts=extracted)
    run_id = execute_job(settings, config_path, retrain=retrain, extract=False, progress=progress, debug=debug)
    with hold_lock(settings), open_warehouse(settings) as warehouse:
        # Between the job's lock and this one somebody may have forgotten a drop: then the next run has work to do.
        if purchases_are_current(warehouse, settings):
            _remember_completion(warehouse, settings, this_moment(run_id))
        return replace(summarise(warehouse, settings, run_id=run_id), extracts=extracted)


def _overall_fingerprint(warehouse: Warehouse, settings: Settings) -> str:
    """Of everything a run depends on: the ledger, the settings, the code."""
    rows = [
        [
            row["dataset"],
            row["path"],
            row["drop_id"],
            row["status"],
            row["reading_fingerprint"],
            str(row["modified_at"]),
        ]
        for row in ledger_rows(warehouse)
    ]
    document = settings.model_dump(mode="json")
    del document["warehouse"]
    return combine(json.dumps(rows), json.dumps(document, sort_keys=True), code_fingerprint("."))


def write_report(settings: Settings) -> str:
    """Write the report again where it says something new; returns its path.

    Raises:
        SaharaError: there is no model yet.
    """
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.stages import activation as activation_stage

    with changing(settings) as warehouse:
        if champion(warehouse) is None:
            raise SaharaError("there is no model yet; `sahara run` trains one")
        run = this_moment()
        complete = _is_complete(warehouse, settings)
        built_report = activation_stage.report(warehouse, settings, run)
        if complete:
            _remember_completion(warehouse, settings, run)
    return str(built_report.details["path"])


def _is_complete(warehouse: Warehouse, settings: Settings) -> bool:
    """Whether the last run was completed and nothing that it depends on has changed since."""
    last = built(warehouse, RUN)
    return last is not None and last.fingerprint == _overall_fingerprint(warehouse, settings)


def _remember_completion(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Say that everything is in line with what the ledger, the settings and the code are now."""
    with warehouse.transaction():
        record(warehouse, run, RUN, _overall_fingerprint(warehouse, settings), 1, {})


def _files_are_there(warehouse: Warehouse, settings: Settings) -> bool:
    """Whether the report, every file and every view for other tools lie where the last run left them."""
    from sahara_assets.exports import promotions
    from sahara_assets.exports.files import is_current
    from sahara_assets.exports.repeat_buyers import audience_is_current
    from sahara_assets.insights.views import are_there
    from sahara_assets.report.insight_files import insight_files_are_current
    from sahara_assets.report.publishing import REPORT_NAME

    folder = settings.export_folder
    audience, promoted = built(warehouse, "audience_files"), built(warehouse, promotions.NAME)
    return (
        (folder / REPORT_NAME).is_file()
        and audience is not None
        and is_current(folder, audience.fingerprint)
        and audience_is_current(settings, warehouse)
        and (promoted is None or promotions.are_there(folder, promoted.details["files"]))
        and insight_files_are_current(warehouse, settings)
        # The views do not travel with a copy, and somebody may have dropped one.
        and (built(warehouse, "report_views") is None or are_there(warehouse))
    )


def _nothing_to_do(warehouse: Warehouse, settings: Settings, fingerprint: str) -> bool:
    """Whether the last completed run left exactly what this one would."""
    last = built(warehouse, RUN)
    if last is None or last.fingerprint != fingerprint:
        return False
    if any(row["status"] == Status.HELD for row in ledger_rows(warehouse)):
        return False
    if not _files_are_there(warehouse, settings):
        return False
    now = datetime.now(tz=UTC).replace(tzinfo=None)
    planned = plan_load(warehouse, settings, now=now)
    if planned.outcomes or is_news(warehouse, planned.unclaimed):
        return False
    # Files that were only touched get their new signature, so that the next look is cheap again.
    load_drops(warehouse, settings, run_id="look", now=now)
    return _overall_fingerprint(warehouse, settings) == fingerprint
