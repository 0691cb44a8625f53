"""One whole run from the command line: look, stop early where nothing is new, else let Dagster run the job in this process.

The job is the same that the UI and the sensor start; its history goes into the project's Dagster home, so that a nightly
`sahara run` shows in the UI. Dagster is imported only when there is work.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import Run, built, code_fingerprint, combine, record
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import LoadReport, load_drops, plan_load
from sahara_assets.drops.plan import Status
from sahara_assets.errors import BlockedError, SaharaError
from sahara_assets.locking import hold_lock
from sahara_assets.quality import Verdict
from sahara_assets.warehouse.duckdb import DuckDBWarehouse
from sahara_assets.warehouse.opening import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable

    from sahara_assets.settings import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

RUN = "run"
"""The name under which a completed run is remembered in `builds`."""

_HOLDER_TAG = "sahara/process"

_DAGSTER_YAML = """\
# Written by sahara; edit it freely, it is never overwritten.
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
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
        files: paths of the audience files and the report.
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


def preview(settings: Settings) -> LoadReport:
    """What a run would load, replace or retract (`--dry-run`); nothing is written."""
    now = datetime.now(tz=UTC).replace(tzinfo=None)
    if not settings.warehouse_path.exists():
        empty = DuckDBWarehouse(None)
        try:
            empty.prepare()
            return plan_load(empty, settings, now=now)
        finally:
            empty.close()
    with open_warehouse(settings, read_only=True) as warehouse:
        return plan_load(warehouse, settings, now=now)


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
    with hold_lock(settings), open_warehouse(settings) as warehouse:
        before = _overall_fingerprint(warehouse, settings)
        if not retrain and _nothing_to_do(warehouse, settings, before):
            return summarise(warehouse, settings)
    run_id = _execute_job(settings, config_path, retrain=retrain, progress=progress, debug=debug)
    with hold_lock(settings), open_warehouse(settings) as warehouse:
        done = Run("cli", datetime.now(tz=UTC).replace(tzinfo=None))
        with warehouse.transaction():
            record(warehouse, done, RUN, _overall_fingerprint(warehouse, settings), 1, {})
        return summarise(warehouse, settings, run_id=run_id)


def _overall_fingerprint(warehouse: Warehouse, settings: Settings) -> str:
    """Of everything a run depends on: the ledger, the settings, the code."""
    rows = [
        [row["dataset"], row["path"], row["drop_id"], row["status"], row["reading_fingerprint"], str(row["modified_at"])]
        for row in ledger_rows(warehouse)
    ]
    document = settings.model_dump(mode="json")
    del document["warehouse"]
    return combine(json.dumps(rows), json.dumps(document, sort_keys=True), code_fingerprint("."))


def _nothing_to_do(warehouse: Warehouse, settings: Settings, fingerprint: str) -> bool:
    """Whether the last completed run left exactly what this one would."""
    from sahara_assets.exports.files import is_current
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
    now = datetime.now(tz=UTC).replace(tzinfo=None)
    planned = plan_load(warehouse, settings, now=now)
    if planned.outcomes:
        return False
    # Files that were only touched get their new signature, so that the next look is cheap again.
    load_drops(warehouse, settings, run_id="look", now=now)
    return True


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

    from sahara_assets.definitions import defs
    from sahara_assets.resources import Project, show_progress

    show_progress(progress)
    definitions = defs()
    holder = f"{socket.gethostname()}.{os.getpid()}"[:63]
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        _bury_killed_runs(instance)
        job = definitions.resolve_job_def("sahara_run")
        result = job.execute_in_process(
            instance=instance,
            resources={"project": Project(config_path=str(config_path) if config_path else "")},
            run_config={
                "ops": {"train": {"config": {"retrain": retrain}}},
                "loggers": {"console": {"config": {"log_level": "DEBUG" if debug else "CRITICAL"}}},
            },
            tags={_HOLDER_TAG: holder},
            raise_on_error=False,
        )
        if result.success:
            return str(result.run_id)
        failed = [e for e in result.get_asset_check_evaluations() if not e.passed and e.blocking]
        if failed:
            lines = [f"{check.asset_key.to_user_string()}: {check.check_name}: {check.description}" for check in failed]
            raise BlockedError("a blocking check failed, so what follows was not rebuilt:\n  " + "\n  ".join(lines))
        raise _error_behind(result)


def _error_behind(result: Any) -> Exception:  # noqa: ANN401
    """The error of the step that failed first."""
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error.cause is not None:
                error = error.cause
            name, _, text = error.message.partition(": ")
            if name.startswith("sahara_assets.") or error.cls_name.endswith("Error") and name.split(".")[0] == "sahara_assets":
                return SaharaError(text.strip())
            return RuntimeError(f"{event.step_key}: {error.to_string()}")
    return RuntimeError("the run failed without a failed step")


def _bury_killed_runs(instance: Any) -> None:  # noqa: ANN401
    """Runs of this machine whose process is gone are marked as failed, so that the UI does not show them at work for ever."""
    import dagster as dg

    for run in instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]), limit=50):
        host, _, pid = run.tags.get(_HOLDER_TAG, "").rpartition(".")
        if host == socket.gethostname() and pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc").exists():
            instance.report_run_failed(run, "the process that ran it is gone; the next run goes on where it stood")


def summarise(warehouse: Warehouse, settings: Settings, *, run_id: str | None = None) -> Summary:
    """What the tables say now, and what the run of that id loaded (None where there was nothing to do)."""
    from sahara_assets.report.publishing import REPORT_NAME
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.tables import AUDIENCE_FILES, SEGMENT_PROFILES

    rows = ledger_rows(warehouse)
    loaded = [row for row in rows if row["status"] == Status.LOADED]
    contents = {(row["dataset"], row["drop_id"]): row for row in loaded}.values()
    this_run = [row for row in rows if run_id is not None and row["run_id"] == run_id]
    model = champion(warehouse)
    audience, report = built(warehouse, "audience_files"), built(warehouse, "report")
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
        notices=list(audience.details.get("notices", [])) if audience else [],
        verdicts=[Verdict(**found) for found in report.details["verdicts"]] if report else [],
    )
