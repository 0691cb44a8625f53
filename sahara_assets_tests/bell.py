"""The drop sensor's life in tests: ticks, the cursor between them, and what the daemon does about a request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from sahara_assets.automation import drop_sensor_every
from sahara_assets.definitions import defs
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.drops.loading import load_drops
from sahara_assets.resources import Project
from sahara_assets.settings.document import load_settings
from sahara_assets.warehouse.opening import open_warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from sahara_assets.warehouse.base import Row

DROP_SENSOR = drop_sensor_every(30)
JOB = defs().resolve_job_def("sahara_run")


class Bell:
    """A sensor's life: what it is shown, tick by tick, with the cursor that it leaves."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.root = root
        self.instance = instance
        self.cursor: str | None = None

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        project = Project(config_path=str(self.root / "sahara.toml"))
        resources = {"project": project}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=resources) as context:
            answer = DROP_SENSOR(context)
            self.cursor = answer.cursor if isinstance(answer, dg.SensorResult) else context.cursor
        return answer

    def rings(self) -> dg.RunRequest:
        """Tick, and expect one run."""
        answer = self.tick()
        assert isinstance(answer, dg.SensorResult), answer
        (request,) = answer.run_requests or []
        return request

    def silence(self) -> str:
        """Tick, expect none, and say why."""
        answer = self.tick()
        assert isinstance(answer, dg.SkipReason), answer
        return answer.skip_message or ""

    def start(self, request: dg.RunRequest) -> dg.DagsterRun:
        """What the daemon does about a request."""
        return self.instance.create_run_for_job(JOB, tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED)

    def load(self) -> None:
        """What a run does first: take in what is new. The rest of it is of no concern to a sensor."""
        settings = load_settings(self.root / "sahara.toml", {})
        with open_warehouse(settings) as warehouse:
            load_drops(warehouse, settings, run_id="bell", now=datetime.now(tz=UTC).replace(tzinfo=None))

    def ledger(self) -> list[Row]:
        """The ledger as it is now."""
        with open_warehouse(load_settings(self.root / "sahara.toml", {}), read_only=True) as warehouse:
            return ledger_rows(warehouse)

    def start_and_fail(self, request: dg.RunRequest) -> None:
        self.instance.report_run_failed(self.start(request), "on purpose")

    def start_and_succeed(self, request: dg.RunRequest) -> None:
        run = self.start(request)
        self.instance.report_dagster_event(
            dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name=JOB.name, message="done"), run.run_id
        )
