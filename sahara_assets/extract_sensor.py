"""What has the databases of `[extracts]` asked by itself: a sensor that starts the same run as the drop sensor, every so often."""

from datetime import UTC, datetime

import dagster as dg

from sahara_assets.automation import AT_WORK, bury_killed_runs, sahara_run
from sahara_assets.errors import SaharaError
from sahara_assets.resources import Project


def extract_sensor_every(seconds: int) -> dg.SensorDefinition:
    """Starts a run so often, where databases are to be asked: unlike a folder they cannot be looked into for nothing."""

    @dg.sensor(
        job=sahara_run,
        name="extract_sensor",
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a run that asks the databases of [extracts]; none where there are none, or a run is at work.",
    )
    def extract_sensor(context: dg.SensorEvaluationContext, project: Project) -> dg.SensorResult | dg.SkipReason:
        """One run, unless one is at work."""
        try:
            settings = project.settings
        except SaharaError as error:
            return dg.SkipReason(str(error))
        if not settings.extracts:
            return dg.SkipReason("no database is read: there is no [extracts] in sahara.toml")
        bury_killed_runs(context.instance, settings, datetime.now(tz=UTC))
        filters = dg.RunsFilter(job_name=sahara_run.name, statuses=list(AT_WORK))
        if context.instance.get_runs_count(filters=filters):
            return dg.SkipReason("a run is at work; it has asked, or will")
        return dg.SensorResult(run_requests=[dg.RunRequest()])

    return extract_sensor
