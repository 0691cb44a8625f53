"""What makes the pipeline run by itself: the drop sensor, the job it starts, and a schedule that retrains.

The sensor is a doorbell. It looks at names, sizes and times, never at contents, and starts one run however many drops are new; the
run finds out for itself what they are. After a failed run it rings again, with pauses that grow; where another try cannot help, it waits
until somebody has changed something. What is told to people about failures is in `alerts.py`.
"""

import hashlib
import json
import os
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from sahara_assets.alerts import alerts
from sahara_assets.builds import code_fingerprint, combine
from sahara_assets.drops.discovery import FoundFile, look_into_folder
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.errors import DropError, OutdatedTablesError, SaharaError, WarehouseError
from sahara_assets.failures import failure_of
from sahara_assets.locking import hold_lock
from sahara_assets.resources import Project, settings_at_load
from sahara_assets.settings.document import Settings
from sahara_assets.warehouse.opening import open_warehouse, warehouse_exists
from sahara_assets.wording import counted, some

SIGNATURE_TAG = "sahara/drops"
STATE_TAG = "sahara/settings"
HOLDER_TAG = "sahara/process"
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
HOPELESS_PAUSE = timedelta(days=1)
"""Where another try cannot help. Not for ever: what stands in the way may be gone without anything here having changed."""
LOOKED_AT = 50
"""How many past runs a tick looks at."""

_TIME_TO_START = timedelta(minutes=5)
AT_WORK = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)

sahara_run = dg.define_asset_job(
    "sahara_run",
    selection=dg.AssetSelection.all(),
    description="Load what is new, rebuild what depends on it, score, export. Trains only where it must.",
    executor_def=dg.in_process_executor,
    # The drop sensor tries again, with pauses; Dagster's own retries would come in between.
    tags={"dagster/max_retries": "0"},
)

sahara_retrain = dg.define_asset_job(
    "sahara_retrain",
    selection=dg.AssetSelection.all(),
    description="The same, and train a new champion whether or not there is a reason to.",
    config={
        "ops": {step: {"config": {"retrain": True}} for step in ("train", "repeat_buyer_parts", "compare_methods")}
    },
    executor_def=dg.in_process_executor,
    # Every step finds out for itself what is done already.
    tags={"dagster/retry_strategy": "ALL_STEPS"},
)

monthly_retrain = dg.ScheduleDefinition(
    name="monthly_retrain",
    job=sahara_retrain,
    cron_schedule="0 4 1 * *",
    description="Train anew on the first of the month at four; off until someone turns it on.",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)


def folder_signature(files: list[FoundFile]) -> str:
    """A short hash of what lies in the drop folder by name, size and times."""
    text = "\n".join(f"{file.dataset}\t{file.path}\t{file.signature}" for file in files)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class History:
    """What became of the runs for one state of the drop folder.

    Attributes:
        runs: how many there were.
        at_work: whether one is queued or running.
        failures: how many failed since the last that did not.
        last_failure: when the last of them ended.
        last_success: when the last run ended, where it succeeded.
        hopeless: on what it failed, where the same run would fail on it again; else empty.
        failed_run: the run that failed last.
        failed_under: the settings and code that it failed under (`settings_state`); empty where it does not say.
    """

    runs: int = 0
    at_work: bool = False
    failures: int = 0
    last_failure: datetime | None = None
    last_success: datetime | None = None
    hopeless: str = ""
    failed_run: str = ""
    failed_under: str = ""


def pause_after(tries: int, *, longest: timedelta | None = None) -> timedelta:
    """How long to wait after so many tries in vain: 1, 2, 4 … minutes, an hour at most.

    >>> [int(pause_after(n).total_seconds() // 60) for n in (1, 2, 3, 7, 8, 5000)]
    [1, 2, 4, 60, 60, 60]
    """
    doublings = min(tries - 1, 11)
    return min(FIRST_PAUSE * int(2**doublings), longest or LONGEST_PAUSE)


def drop_sensor_every(seconds: int) -> dg.SensorDefinition:
    """The drop sensor, which looks into the folder so often at most."""

    @dg.sensor(
        job=sahara_run,
        name="drop_sensor",
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts one run when drops are new; rings again, more slowly each time, after a failed one.",
    )
    def drop_sensor(context: dg.SensorEvaluationContext, project: Project) -> dg.SensorResult | dg.SkipReason:
        """One run for any number of new drops, none for none."""
        try:
            return _ring_or_not(context, project.settings, datetime.now(tz=UTC))
        except (DropError, OSError) as error:
            # A network folder that is away for a while must not stop the sensor: the next tick looks again.
            return dg.SkipReason(f"the drop folder cannot be read: {error}")
        except WarehouseError as error:
            return dg.SkipReason(f"the ledger cannot be read now: {error}")
        except SaharaError as error:
            return dg.SkipReason(str(error))

    return drop_sensor


def _ring_or_not(
    context: dg.SensorEvaluationContext, settings: Settings, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    found = look_into_folder(settings)
    files = settled_files(found.files, settings, now)
    bury_killed_runs(context.instance, settings, now)
    signature, state = folder_signature(files), settings_state(settings)
    history = history_of(context.instance, signature)
    waiting = why_wait(history, now)
    if waiting and history.hopeless:
        waiting = _why_wait_still(context, settings, history, state, waiting)
    if waiting:
        return dg.SkipReason(waiting)
    if not history.failures and _remembered(context).get("signature") == signature:
        waiting = _why_not_again(context, settings, files, history, now)
        if waiting:
            return dg.SkipReason(waiting)
    elif not history.failures:
        new = unknown_files(settings, files)
        if not new:
            context.update_cursor(json.dumps({"signature": signature}))
            others = f"; no dataset's patterns match {some(found.unclaimed, 3)}" if found.unclaimed else ""
            return dg.SkipReason(f"{counted(len(files), 'drop')}, all in the ledger{others}")
        context.log.info("%s new", counted(len(new), "drop"))
    # The runs so far are in the key, because Dagster never starts a second run under a key it has seen.
    request = dg.RunRequest(run_key=f"{signature}-{history.runs}", tags={SIGNATURE_TAG: signature, STATE_TAG: state})
    return dg.SensorResult(run_requests=[request], cursor=json.dumps({"signature": signature}))


def _why_not_again(
    context: dg.SensorEvaluationContext, settings: Settings, files: list[FoundFile], history: History, now: datetime
) -> str | None:
    """Why not to ring again for a folder that was rung for, or None where a drop could not be read and may be by now.

    A lost connection, a missing permission and a full disk leave a drop unread and the folder as it was. The ledger is asked once
    after every run.
    """
    remembered = _remembered(context)
    unread = int(remembered.get("unread", "0"))
    if history.last_success is not None and remembered.get("asked") != str(history.runs):
        unread = len(unread_files(settings, files))
        asked = {"asked": str(history.runs), "unread": str(unread)}
        context.update_cursor(json.dumps({**remembered, **asked}))
    if not unread or history.last_success is None:
        return f"nothing new among {counted(len(files), 'drop')}"
    left = history.last_success + pause_after(history.runs, longest=HOPELESS_PAUSE) - now
    if left <= timedelta(0):
        return None
    return f"{counted(unread, 'drop')} could not be read; the next try is in {counted(round(left.total_seconds()), 'second')}"


def _why_wait_still(
    context: dg.SensorEvaluationContext, settings: Settings, history: History, state: str, waiting: str
) -> str | None:
    """Why to go on waiting after a failure that no other try helps, or None where somebody has changed something since."""
    if history.failed_under not in {"", state}:
        return None
    remembered = _remembered(context)
    ledger = ledger_state(settings)
    if ledger is None:
        return waiting
    if remembered.get("failed_run") != history.failed_run:
        context.update_cursor(json.dumps({**remembered, "failed_run": history.failed_run, "ledger": ledger}))
        return waiting
    return waiting if remembered.get("ledger") == ledger else None


def _remembered(context: dg.SensorEvaluationContext) -> dict[str, str]:
    """What an earlier tick left in the cursor."""
    try:
        found = json.loads(context.cursor or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def settings_state(settings: Settings) -> str:
    """A hash of the settings and the code: what a person may change so that a run ends otherwise."""
    # The hash becomes a tag for all to see, so the URL, which may hold a password, stays out of it.
    document = settings.model_dump(mode="json", exclude={"warehouse": {"url"}})
    return combine(json.dumps(document, sort_keys=True), code_fingerprint("."))


def ledger_state(settings: Settings) -> str | None:
    """A hash of the ledger, which `sahara drops allow` and `forget` change; None where it cannot be read now."""
    if not warehouse_exists(settings):
        return ""
    try:
        with open_warehouse(settings, read_only=True, wait_seconds=0) as warehouse:
            rows = sorted(
                [str(value) for value in row.values()]
                for row in ledger_rows(warehouse, "dataset", "path", "drop_id", "status")
            )
    except OutdatedTablesError:
        return ""
    except WarehouseError:
        return None
    return combine(json.dumps(rows))


def settled_files(files: list[FoundFile], settings: Settings, now: datetime) -> list[FoundFile]:
    """The drops that a run would read; one that is still being written must change the signature once it is whole."""
    moment, settle = now.replace(tzinfo=None), settings.drops.settle_seconds
    return [file for file in files if not file.may_grow(settle, moment)]


def unknown_files(settings: Settings, files: list[FoundFile]) -> list[FoundFile]:
    """Files that the ledger does not know as they are now; all of them where there is no warehouse yet.

    Raises:
        WarehouseError: a run holds the warehouse.
    """
    known = {(path, signature) for path, drop_id, signature in _looked_at(settings) if drop_id}
    return [file for file in files if (file.path, file.signature) not in known]


def unread_files(settings: Settings, files: list[FoundFile]) -> list[FoundFile]:
    """Files that could not be read when they were last looked at.

    Raises:
        WarehouseError: a run holds the warehouse.
    """
    unread = {path for path, drop_id, _ in _looked_at(settings) if not drop_id}
    return [file for file in files if file.path in unread]


def _looked_at(settings: Settings) -> list[tuple[str, str, str]]:
    """What the ledger knows files by: path, content (none where it could not be read) and signature; all of it in one query."""
    if not warehouse_exists(settings):
        return []
    try:
        with open_warehouse(settings, read_only=True, wait_seconds=0) as warehouse:
            return [
                (row["path"], row["drop_id"], row["signature"])
                for row in ledger_rows(warehouse, "path", "drop_id", "signature")
            ]
    except OutdatedTablesError:
        return []  # it holds no ledger yet, so every drop is new to it


def history_of(instance: dg.DagsterInstance, signature: str) -> History:
    """The runs that were started for this state of the folder."""
    filters = dg.RunsFilter(job_name=sahara_run.name, tags={SIGNATURE_TAG: signature})
    records = instance.get_run_records(filters=filters, limit=LOOKED_AT)
    failed = []
    for record in records:
        if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            break
        failed.append(record)
    found = History(
        runs=instance.get_runs_count(filters=filters),
        at_work=bool(records) and records[0].dagster_run.status in AT_WORK,
        failures=len(failed),
        last_success=_end(records[0])
        if records and records[0].dagster_run.status is dg.DagsterRunStatus.SUCCESS
        else None,
    )
    if not failed:
        return found
    last = failed[0]
    failure = failure_of(instance, last.dagster_run.run_id)
    return replace(
        found,
        last_failure=_end(last),
        hopeless="" if failure.may_pass else failure.error,
        failed_run=last.dagster_run.run_id,
        failed_under=last.dagster_run.tags.get(STATE_TAG, ""),
    )


def _end(record: dg.RunRecord) -> datetime:
    """When a run ended."""
    if record.end_time:
        return datetime.fromtimestamp(record.end_time, tz=UTC)
    return record.update_timestamp.replace(tzinfo=UTC)


def why_wait(history: History, now: datetime) -> str | None:
    """Why the bell stays silent although the drops may be new, or None."""
    if history.at_work:
        return "a run for these drops is at work"
    if not history.failures or history.last_failure is None:
        return None
    pause = HOPELESS_PAUSE if history.hopeless else pause_after(history.failures)
    left = history.last_failure + pause - now
    if left <= timedelta(0):
        return None
    if history.hopeless:
        return f"the last run failed on what another try cannot help: {history.hopeless}; it is started again when drops, settings, ledger or code change, and within a day in any case"
    return f"{counted(history.failures, 'run')} for these drops failed; the next try is in {counted(round(left.total_seconds()), 'second')}"


def bury_killed_runs(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> None:
    """Mark runs whose process is gone as failed: they would seem to be at work for ever, and no other run would start beside them.

    A run of the command line names its process. One that Dagster started holds the project's lock from its first step to its last.
    """
    filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
    for record in instance.get_run_records(filters=filters, limit=LOOKED_AT):
        run = record.dagster_run
        host, _, process = run.tags.get(HOLDER_TAG, "").rpartition(".")
        if process:
            gone = host == socket.gethostname()[:40] and not _is_alive(int(process))
        else:
            gone = now - record.update_timestamp.replace(tzinfo=UTC) > _TIME_TO_START and _is_free(settings)
        if gone:
            instance.report_run_failed(run, "the process that ran it is gone; the next run goes on where it stood")


def holder_tag() -> dict[str, str]:
    """The tag by which a run of the command line names its process."""
    return {HOLDER_TAG: f"{socket.gethostname()[:40]}.{os.getpid()}"}


def _is_alive(process: int) -> bool:
    if not Path("/proc").is_dir():
        return True
    try:
        # Signal 0 asks only. Unlike a look into /proc it also sees the processes of others where those are hidden.
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_free(settings: Settings) -> bool:
    try:
        with hold_lock(settings, wait_seconds=0):
            return True
    except WarehouseError:
        return False


def all_automation() -> dict[str, Any]:
    """Jobs, sensors and schedules as `Definitions` takes them."""
    from sahara_assets.extract_sensor import extract_sensor_every

    settings = settings_at_load()
    # A shop without databases is spared a sensor that has nothing to do, on the page of every asset.
    asking = [extract_sensor_every(settings.drops.extract_seconds)] if settings.extracts else []
    return {
        "jobs": [sahara_run, sahara_retrain],
        "sensors": [drop_sensor_every(settings.drops.watch_seconds), *asking, alerts],
        "schedules": [monthly_retrain],
    }
