"""What makes the pipeline run by itself: the drop sensor, the job it starts, and a schedule that retrains.

The sensor is a doorbell. It looks at names, sizes and times, never at contents, and starts one run however many drops are new; the
run finds out for itself what they are.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from sahara_assets.drops.discovery import FoundFile, find_drops
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.errors import DropError, SaharaError, WarehouseError
from sahara_assets.resources import Project
from sahara_assets.settings import Settings
from sahara_assets.warehouse.opening import open_warehouse

SIGNATURE_TAG = "sahara/drops"
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)

sahara_run = dg.define_asset_job(
    "sahara_run",
    selection=dg.AssetSelection.all(),
    description="Load what is new, rebuild what depends on it, score, export. Trains only where it must.",
    executor_def=dg.in_process_executor,
)

sahara_retrain = dg.define_asset_job(
    "sahara_retrain",
    selection=dg.AssetSelection.all(),
    description="The same, and train a new champion whether or not there is a reason to.",
    config={"ops": {"train": {"config": {"retrain": True}}}},
    executor_def=dg.in_process_executor,
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


@dg.sensor(
    job=sahara_run,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts one run when drops are new; rings again, more slowly each time, after a failed one.",
)
def drop_sensor(context: dg.SensorEvaluationContext, project: Project) -> dg.SensorResult | dg.SkipReason:
    """One run for any number of new drops, none for none."""
    try:
        settings = project.settings
        files = find_drops(settings)
    except (DropError, OSError) as error:
        # A network folder that is away for a while must not stop the sensor: the next tick looks again.
        return dg.SkipReason(f"the drop folder cannot be read: {error}")
    except SaharaError as error:
        return dg.SkipReason(str(error))
    signature = folder_signature(files)
    seen = json.loads(context.cursor) if context.cursor else {}
    failures, last_failure = _failures(context.instance, signature)
    if failures:
        return _ring_again(signature, failures, last_failure)
    if seen.get("signature") == signature:
        return dg.SkipReason(f"nothing new among {len(files)} drops")
    cursor = json.dumps({"signature": signature})
    try:
        new = _unknown_files(settings, files)
    except WarehouseError as error:
        return dg.SkipReason(f"a run is at work: {error}")
    if not new:
        context.update_cursor(cursor)
        return dg.SkipReason(f"all {len(files)} drops are in the ledger")
    context.log.info(f"{len(new)} new drops")
    return dg.SensorResult(run_requests=[_request(signature, 0)], cursor=cursor)


def _request(signature: str, attempt: int) -> dg.RunRequest:
    return dg.RunRequest(run_key=f"{signature}-{attempt}", tags={SIGNATURE_TAG: signature})


def _unknown_files(settings: Settings, files: list[FoundFile]) -> list[FoundFile]:
    """Files that the ledger does not know as they are now; all of them where there is no warehouse yet."""
    if not settings.warehouse_path.exists():
        return files
    with open_warehouse(settings, read_only=True, wait_seconds=0) as warehouse:
        try:
            known = {(row["path"], row["signature"]) for row in ledger_rows(warehouse) if row["drop_id"]}
        except Exception:  # noqa: BLE001 - a file that holds no ledger yet: every drop is new to it
            return files
    return [file for file in files if (file.path, file.signature) not in known]


def _failures(instance: dg.DagsterInstance, signature: str) -> tuple[int, datetime]:
    """How often a run for this state of the folder has failed since the last that did not, and when it last did."""
    records = instance.get_run_records(
        filters=dg.RunsFilter(job_name=sahara_run.name, tags={SIGNATURE_TAG: signature}), limit=50
    )
    failed = 0
    last = datetime.now(tz=UTC)
    for record in records:
        if record.dagster_run.status != dg.DagsterRunStatus.FAILURE:
            break
        if failed == 0:
            last = datetime.fromtimestamp(record.end_time, tz=UTC) if record.end_time else record.update_timestamp
        failed += 1
    return failed, last


def _ring_again(signature: str, failures: int, last_failure: datetime) -> dg.SensorResult | dg.SkipReason:
    """Another try after a pause that doubles with every failure."""
    pause = min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
    left = last_failure + pause - datetime.now(tz=UTC)
    if left > timedelta(0):
        return dg.SkipReason(f"{failures} runs for these drops failed; the next try is in {left.total_seconds():.0f} seconds")
    return dg.SensorResult(run_requests=[_request(signature, failures)])


def all_automation() -> dict[str, Any]:
    """Jobs, sensors and schedules as `Definitions` takes them."""
    return {"jobs": [sahara_run, sahara_retrain], "sensors": [drop_sensor], "schedules": [monthly_retrain]}
