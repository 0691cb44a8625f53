"""Tells people when a run failed, when drops were held or refused, and when the settings are broken: a sensor that posts to a webhook.

It is a sensor of its own rather than Dagster's run-failure sensor, which forgets an alert that could not be delivered: this one keeps its
place in Dagster's events, and the next tick goes on from there. It never raises, so that nothing else has to suffer for it.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from sahara_assets.builds import combine
from sahara_assets.errors import SettingsError
from sahara_assets.failures import Failure, failure_of, one_line
from sahara_assets.resources import Project
from sahara_assets.settings.document import Settings, parse_settings
from sahara_assets.webhook import deliver, without_secrets
from sahara_assets.wording import counted

REFUSED_METADATA = "held_or_refused"
"""Under this name the `drops` asset says which drops its run held or refused: a list of path, status and reason."""

_ENDS = (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS)
_AT_ONCE = 20
"""How many ended runs a tick looks at, of either kind."""
_TICK_SECONDS = 20.0
"""After that no delivery begins: Dagster gives a tick 60 seconds."""
_TOO_OLD_SECONDS = 86_400.0
"""What could not be delivered for a day is passed over, with a word in the tick's log."""
_LONGEST = 1_000


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Posts to alerts.webhook_url when a run failed, drops were held or refused, or the settings are broken.",
)
def alerts(context: dg.SensorEvaluationContext, project: Project) -> dg.SkipReason:
    """Tell what has happened since the last tick."""
    try:
        settings = project.settings
    except SettingsError as error:
        return dg.SkipReason(_tell_broken_settings(context, error))
    try:
        return dg.SkipReason(_tell_ended_runs(context, settings))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with alerts, the rest goes on, and the next tick tries again
        return dg.SkipReason(without_secrets(f"alerts could not be made: {type(error).__name__}: {error}", settings))


@dataclass(frozen=True)
class _Ended:
    """A run that has ended: its place in Dagster's events, and when it was."""

    kind: dg.DagsterEventType
    place: int
    at: float
    run_id: str


def _tell_ended_runs(context: dg.SensorEvaluationContext, settings: Settings) -> str:
    memory = _remembered(context)
    places = memory.setdefault("after", {})
    for kind in _ENDS:
        if kind.value not in places:
            # The first tick tells nothing of what was before it.
            places[kind.value] = _newest(context.instance, kind)
    deadline = time.monotonic() + _TICK_SECONDS
    told = 0
    excuse = ""
    for ended in _ended(context.instance, places):
        try:
            told += bool(settings.alerts.webhook_url) and _tell(context, settings, ended, deadline)
        except _LaterError as later:
            excuse = str(later)
            break
        places[ended.kind.value] = ended.place
    context.update_cursor(json.dumps(memory))
    if not settings.alerts.webhook_url:
        return "alerts.webhook_url is not set"
    return "; ".join(
        part for part in (f"{counted(told, 'alert')} posted" if told or not excuse else "", excuse) if part
    )


class _LaterError(Exception):
    """An alert has to wait for the next tick; says why."""


def _tell(context: dg.SensorEvaluationContext, settings: Settings, ended: _Ended, deadline: float) -> bool:
    """Post what there is to tell about a run; whether anything was.

    Raises:
        _LaterError: it has to wait, and with it all that comes after it.
    """
    is_old = datetime.now(tz=UTC).timestamp() - ended.at > _TOO_OLD_SECONDS
    try:
        alert = alert_about(context.instance, settings, ended.run_id)
    except Exception as error:
        # One run that cannot be read must not silence the others for ever.
        said = without_secrets(f"run {ended.run_id} cannot be read: {type(error).__name__}: {error}", settings)
        if not is_old:
            raise _LaterError(said) from error
        context.log.warning("%s; its alert was given up", said)
        return False
    if alert is None:
        return False
    if time.monotonic() > deadline:
        raise _LaterError("the rest follows")
    found = deliver(settings.alerts.webhook_url, alert, timeout_seconds=settings.alerts.timeout_seconds)
    if not found.delivered and found.again and not is_old:
        raise _LaterError(f"the webhook did not take an alert: {found.answer}; it is tried again")
    if not found.delivered:
        context.log.warning("run %s: its alert was given up: %s", ended.run_id, found.answer)
    return found.delivered


def alert_about(instance: dg.DagsterInstance, settings: Settings, run_id: str) -> dict[str, Any] | None:
    """What to post about an ended run, or None where there is nothing to tell.

    Returns:
        `text` for people, as Slack and its like show it, and the same in fields: `event` (`run_failed` or `drops_held`), `project`,
        `job`, `run_id`, `run_url`, `attempt`, `step`, `error`, `checks`, `drops`, `at`.
    """
    run = instance.get_run_by_id(run_id)
    if run is None:
        return None
    drops = list(_refused(instance, run_id))
    is_failed = run.status is dg.DagsterRunStatus.FAILURE
    failure = failure_of(instance, run_id) if is_failed else Failure("", "")
    if not is_failed and not drops:
        return None

    def clean(text: str) -> str:
        return without_secrets(text, settings)[:_LONGEST]

    record = instance.get_run_record_by_id(run_id)
    ended = record.end_time if record is not None else None
    attempt = _attempt(run)
    address = f"{settings.alerts.ui_url}/runs/{run_id}" if settings.alerts.ui_url else ""
    fields: dict[str, Any] = {
        "event": "run_failed" if is_failed else "drops_held",
        "project": settings.project.name,
        "job": run.job_name,
        "run_id": run_id,
        "run_url": address,
        "attempt": attempt,
        "step": failure.step,
        "error": clean(failure.error),
        "checks": [clean(check) for check in failure.checks],
        "drops": [{name: clean(str(drop.get(name) or "")) for name in ("path", "status", "reason")} for drop in drops],
        "at": datetime.fromtimestamp(ended, tz=UTC).isoformat(timespec="seconds") if ended else None,
    }
    return {"text": _text(fields, failure), **fields}


def _text(fields: dict[str, Any], failure: Failure) -> str:
    lines = []
    if fields["event"] == "run_failed":
        where = f" in {fields['step']}" if fields["step"] else ""
        again = f" (try {fields['attempt']})" if fields["attempt"] > 1 else ""
        lines.append(f"{fields['project']}: {fields['job']} failed{where}{again}: {fields['error']}")
        lines += [f"• {check}" for check in fields["checks"]]
        if not failure.may_pass:
            lines.append("Another try cannot help; it is started again when drops, settings, ledger or code change.")
    else:
        lines.append(f"{fields['project']}: {counted(len(fields['drops']), 'drop')} held or refused")
    lines += [f"• {drop['path']}: {drop['status']}: {drop['reason']}" for drop in fields["drops"][:10]]
    if len(fields["drops"]) > 10:
        lines.append(f"• and {len(fields['drops']) - 10} more")
    text = "\n".join(lines)
    # In Slack's text these three make links and mentions, and a file's name must not call everyone.
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{text}\n{fields['run_url']}".rstrip()


def _attempt(run: dg.DagsterRun) -> int:
    """Which try for its drops a run is; the sensor's key counts them from 0."""
    number = run.tags.get("dagster/run_key", "").rpartition("-")[2]
    return int(number) + 1 if number.isdigit() else 1


def _refused(instance: dg.DagsterInstance, run_id: str) -> Iterator[dict[str, Any]]:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        materialization = entry.asset_materialization
        found = materialization.metadata.get(REFUSED_METADATA) if materialization else None
        if isinstance(found, dg.JsonMetadataValue) and isinstance(found.value, list):
            yield from found.value


def _newest(instance: dg.DagsterInstance, kind: dg.DagsterEventType) -> int:
    found = instance.fetch_run_status_changes(dg.RunStatusChangeRecordsFilter(kind), limit=1).records  # type: ignore[arg-type]
    return found[0].storage_id if found else 0


def _ended(instance: dg.DagsterInstance, places: dict[str, int]) -> list[_Ended]:
    """Runs that have ended since, the oldest first."""
    found = []
    for kind in _ENDS:
        wanted = dg.RunStatusChangeRecordsFilter(kind, after_storage_id=places[kind.value])  # type: ignore[arg-type]
        found += [
            _Ended(kind, record.storage_id, record.timestamp, record.run_id)
            for record in instance.fetch_run_status_changes(wanted, limit=_AT_ONCE, ascending=True).records
        ]
    # By place rather than by time: the clocks of several machines need not agree, and places must only go up.
    return sorted(found, key=lambda ended: ended.place)


def _tell_broken_settings(context: dg.SensorEvaluationContext, error: SettingsError) -> str:
    """Say it once for every new fault: nothing runs until it is mended, so no failed run would tell it."""
    said = f"the settings are broken: {error}"
    try:
        # The webhook comes from the environment, which may be well although the file is not.
        settings = parse_settings({}, root=Path(), environment=os.environ)
    except SettingsError:
        return said
    memory = _remembered(context)
    fault = combine(str(error))
    if not settings.alerts.webhook_url or memory.get("fault") == fault:
        return said
    problems = [without_secrets(one_line(problem), settings)[:_LONGEST] for problem in error.problems]
    lines = ["Sahara stands still: the settings are broken", *(f"• {problem}" for problem in problems[:10])]
    text = "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    alert = {"text": text, "event": "settings_broken", "project": settings.project.name, "problems": problems}
    found = deliver(settings.alerts.webhook_url, alert, timeout_seconds=settings.alerts.timeout_seconds)
    if not found.delivered:
        return f"{said}\nthe webhook did not take the alert: {found.answer}"
    context.update_cursor(json.dumps({**memory, "fault": fault}))
    return said


def _remembered(context: dg.SensorEvaluationContext) -> dict[str, Any]:
    try:
        found = json.loads(context.cursor or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
