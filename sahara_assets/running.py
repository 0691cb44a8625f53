"""What the commands do to a project: a whole run, a look at what one would do, another model, and Dagster's UI.

A run looks first and stops early where nothing is new; else it lets Dagster run the job in this process. The job is the same that the
UI and the sensor start; its history goes into the project's Dagster home, so that a nightly `sahara run` shows in the UI. Dagster is
imported only when there is work.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import RUN, Run, built, code_fingerprint, combine, forget_builds, record
from sahara_assets.drops.discovery import find_drops
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import LoadReport, load_drops, plan_load
from sahara_assets.drops.plan import Status
from sahara_assets.errors import BlockedError, SaharaError
from sahara_assets.locking import hold_lock
from sahara_assets.quality.checklist import run_checks
from sahara_assets.quality.questions import Verdict
from sahara_assets.settings.document import config_file
from sahara_assets.tables.segmentation import SEGMENTATION_MODELS
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets.warehouse.opening import open_warehouse, require_warehouse, warehouse_exists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sahara_assets.drops.verifying import Verified
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse


_DAGSTER_YAML = """\
# Written by sahara; edit it freely, it is never overwritten.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
compute_logs:
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


@dataclass
class Summary:
    """What a run comes to, as the command line shows it.

    Attributes:
        anything_new: whether anything was loaded, built or written.
        loaded: drops and rows of this run.
        drop_count, row_count, rejected_count: what the ledger holds now.
        model: version, k, why, cut-off.
        segments: the profiles' rows.
        audience_files, report: paths of what was written.
        insight_files: the folder of the insights' CSV files.
        notices: what the export wants to be known.
        verdicts: the checks.
    """

    anything_new: bool
    loaded: dict[str, int]
    drop_count: int = 0
    row_count: int = 0
    rejected_count: int = 0
    refused_drops: int = 0
    model: dict[str, Any] = field(default_factory=dict)
    segments: list[Row] = field(default_factory=list)
    audience_files: list[str] = field(default_factory=list)
    report: str = ""
    insight_files: str = ""
    notices: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def warnings(self) -> list[Verdict]:
        """Checks that warn."""
        return [verdict for verdict in self.verdicts if not verdict.passed and not verdict.blocking]


def dagster_home(settings: Settings) -> Path:
    """Where Dagster keeps its history: `$DAGSTER_HOME`, else `.sahara/` beside `sahara.toml`."""
    configured = os.environ.get("DAGSTER_HOME")
    home = Path(configured) if configured else settings.root.resolve() / ".sahara"
    home.mkdir(parents=True, exist_ok=True)
    if not configured and not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(_DAGSTER_YAML)
    return home


class StepFailedError(RuntimeError):
    """A step failed with an error that nobody raised on purpose; `details` is where it happened."""

    def __init__(self, message: str, details: str = "") -> None:
        self.details = details
        super().__init__(message)


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
    from sahara_assets import stages
    from sahara_assets.segmentation.registry import candidate, champion
    from sahara_assets.segmentation.training import promote

    with changing(settings) as warehouse:
        candidate(warehouse, k)
        if settings.segmentation.k not in {None, k}:
            raise SaharaError(
                f"segmentation.k = {settings.segmentation.k} is set, and the next run would go by it; change it there"
            )
        before = champion(warehouse)
        run = this_moment()
        complete = _is_complete(warehouse, settings)
        promote(warehouse, run, k)
        stages.customer_segments(warehouse, run)
        stages.segment_profiles(warehouse, run)
        _stop_where_blocked(run_checks(warehouse, settings), before_asset="audience_files")
        stages.insights(warehouse, settings, run)
        stages.audience_files(warehouse, settings, run)
        stages.insight_files(warehouse, settings, run)
        stages.report(warehouse, settings, run)
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


def ui_command(settings: Settings, config: Path | None, port: int) -> tuple[list[str], dict[str, str]]:
    """The command that serves Dagster for this project on loopback, and its environment.

    Raises:
        SaharaError: something else listens on the port.
    """
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SaharaError(f"port {port}: {error.strerror}; choose another with --port") from error
    environment = dict(os.environ)
    environment["DAGSTER_HOME"] = str(dagster_home(settings).resolve())
    found = config_file(config)
    if found is not None:
        # Absolute, because the code server that Dagster starts need not share this working folder.
        environment["SAHARA_CONFIG"] = str(found.resolve())
    module = ["-m", "sahara_assets.definitions"]
    return [sys.executable, "-m", "dagster", "dev", *module, "-h", "127.0.0.1", "-p", str(port)], environment


def run_everything(
    settings: Settings,
    config_path: Path | None,
    *,
    retrain: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    debug: bool = False,
) -> Summary:
    """Load what is new, rebuild what depends on it, score, export.

    Raises:
        BlockedError: a blocking check failed; what it guards was not rebuilt.
        SaharaError: anything else that a person can mend.
    """
    from sahara_assets.stages import purchases_are_current

    find_drops(settings)  # a folder that is not there is said before anything is made
    with hold_lock(settings), open_warehouse(settings) as warehouse:
        before = _overall_fingerprint(warehouse, settings)
        if not retrain and _nothing_to_do(warehouse, settings, before):
            return summarise(warehouse, settings)
    run_id = _execute_job(settings, config_path, retrain=retrain, progress=progress, debug=debug)
    with hold_lock(settings), open_warehouse(settings) as warehouse:
        # Between the job's lock and this one somebody may have forgotten a drop: then the next run has work to do.
        if purchases_are_current(warehouse, settings):
            _remember_completion(warehouse, settings, this_moment(run_id))
        return summarise(warehouse, settings, run_id=run_id)


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
    from sahara_assets import stages
    from sahara_assets.segmentation.registry import champion

    with changing(settings) as warehouse:
        if champion(warehouse) is None:
            raise SaharaError("there is no model yet; `sahara run` trains one")
        run = this_moment()
        complete = _is_complete(warehouse, settings)
        built_report = stages.report(warehouse, settings, run)
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


def _nothing_to_do(warehouse: Warehouse, settings: Settings, fingerprint: str) -> bool:
    """Whether the last completed run left exactly what this one would."""
    from sahara_assets.exports.files import is_current
    from sahara_assets.report.insight_files import insight_files_are_current
    from sahara_assets.report.publishing import REPORT_NAME

    last = built(warehouse, RUN)
    if last is None or last.fingerprint != fingerprint:
        return False
    if any(row["status"] == Status.HELD for row in ledger_rows(warehouse)):
        return False
    audience = built(warehouse, "audience_files")
    report = settings.export_folder / REPORT_NAME
    if audience is None or not is_current(settings.export_folder, audience.fingerprint) or not report.is_file():
        return False
    if not insight_files_are_current(warehouse, settings):
        return False
    now = datetime.now(tz=UTC).replace(tzinfo=None)
    planned = plan_load(warehouse, settings, now=now)
    if planned.outcomes:
        return False
    # Files that were only touched get their new signature, so that the next look is cheap again.
    load_drops(warehouse, settings, run_id="look", now=now)
    return _overall_fingerprint(warehouse, settings) == fingerprint


def _execute_job(
    settings: Settings,
    config_path: Path | None,
    *,
    retrain: bool,
    progress: Callable[[str, int, int], None] | None,
    debug: bool,
) -> str:
    """Run the job in this process, and turn its failure into the error behind it; returns the run's id."""
    import dagster as dg

    from sahara_assets.automation import bury_killed_runs, holder_tag
    from sahara_assets.definitions import defs
    from sahara_assets.resources import Project, show_progress

    show_progress(progress)
    definitions = defs()
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        bury_killed_runs(instance, settings, datetime.now(tz=UTC))
        job = definitions.resolve_job_def("sahara_run")
        try:
            result = job.execute_in_process(
                instance=instance,
                resources={"project": Project(config_path=str(config_path.resolve()) if config_path else "")},
                run_config={
                    "ops": {"train": {"config": {"retrain": retrain}}},
                    "loggers": {"console": {"config": {"log_level": "DEBUG" if debug else "CRITICAL"}}},
                },
                tags=holder_tag(),
                raise_on_error=False,
            )
        except dg.DagsterExecutionInterruptedError as error:
            raise KeyboardInterrupt from error
        if result.success:
            return str(result.run_id)
        failed = [e for e in result.get_asset_check_evaluations() if not e.passed and e.blocking]
        if failed:
            lines = [f"{check.asset_key.to_user_string()}: {check.check_name}: {check.description}" for check in failed]
            raise BlockedError("a blocking check failed, so what follows was not rebuilt:\n  " + "\n  ".join(lines))
        raise _error_behind(result)


def _error_behind(result: Any) -> BaseException:  # noqa: ANN401
    """The error of the step that failed first, as it was raised: Ctrl-C, ours by name, anything else with where it happened."""
    ours = {cls.__name__: cls for cls in _family(SaharaError)}
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        # Dagster keeps errors as text. From the outside in, the first of ours is the one that was meant for a person.
        error = event.step_failure_data.error
        innermost = error
        while error is not None:
            if error.cls_name == "DagsterExecutionInterruptedError":
                return KeyboardInterrupt()
            name, _, text = error.message.partition(": ")
            if error.cls_name in ours and name.startswith("sahara_assets."):
                return (
                    BlockedError(text.strip())
                    if ours[error.cls_name].exit_code == BlockedError.exit_code
                    else SaharaError(text.strip())
                )
            innermost, error = error, error.cause
        return StepFailedError(
            f"{event.step_key}: {innermost.message.strip()}", event.step_failure_data.error.to_string()
        )
    return StepFailedError("the run failed without a failed step")


def _family(cls: type[SaharaError]) -> Iterator[type[SaharaError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _family(child)


def summarise(warehouse: Warehouse, settings: Settings, *, run_id: str | None = None) -> Summary:
    """What the tables say now, and what the run of that id loaded (None where there was nothing to do)."""
    from sahara_assets.report.publishing import REPORT_NAME
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.tables.activation import AUDIENCE_FILES
    from sahara_assets.tables.segmentation import SEGMENT_PROFILES

    rows = ledger_rows(warehouse)
    loaded = [row for row in rows if row["status"] == Status.LOADED]
    contents = {(row["dataset"], row["drop_id"]): row for row in loaded}.values()
    this_run = [row for row in rows if run_id is not None and row["run_id"] == run_id]
    model = champion(warehouse)
    audience, report = built(warehouse, "audience_files"), built(warehouse, "report")
    insight_files = built(warehouse, "insight_files")
    return Summary(
        anything_new=run_id is not None,
        loaded={
            "drops": len(this_run),
            "rows_read": sum(row["rows_read"] for row in this_run),
            "rows_loaded": sum(row["rows_loaded"] for row in this_run),
            "rows_rejected": sum(row["rows_rejected"] for row in this_run),
        },
        drop_count=len(loaded),
        row_count=sum(row["rows_loaded"] for row in contents),
        rejected_count=sum(row["rows_rejected"] for row in contents),
        refused_drops=sum(row["status"] == Status.REJECTED for row in rows),
        model={
            "version": model.model.version,
            "k": model.model.k,
            "reason": model.trace[-1],
            "cut_off": model.cut_off.isoformat(),
            "customers": sum(row["customer_count"] for row in warehouse.rows(SEGMENT_PROFILES)),
        }
        if model
        else {},
        segments=warehouse.rows(SEGMENT_PROFILES),
        audience_files=[str(settings.export_folder / row["file_name"]) for row in warehouse.rows(AUDIENCE_FILES)],
        report=str(settings.export_folder / REPORT_NAME),
        insight_files=str(insight_files.details["folder"]) if insight_files else "",
        notices=list(audience.details.get("notices", [])) if audience else [],
        verdicts=[Verdict(**found) for found in report.details["verdicts"]] if report else [],
    )
