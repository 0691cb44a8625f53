"""How Dagster starts runs in a service: as its default launcher does, and able to tell whether a run's process is still there.

A run is a child process of the code server. Dagster's own launcher cannot say what became of it, so that run monitoring would leave a
run whose code server was killed "started" until its maximum runtime. `deploy/dagster.yaml` names the launcher here.
"""

from typing import Any

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import deserialize_value


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher with an answer to "is this run still at work?": the code server that started it is asked."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring asks only launchers that say yes."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process is there, as far as can be known; monitoring fails a run whose is not.

        Only a code server that answers, and does not know the run, shows that the process is gone. One that does not answer may be
        restarting while the run is well, and a run of the command line has no code server at all: both count as at work, and the
        maximum runtime still holds for them.
        """
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "no code server started it")
        try:
            answer: Any = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
        except Exception as error:  # noqa: BLE001 - whatever kept the code server from answering says nothing about the run
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"its code server does not answer: {error}")
        if run.run_id in answer.current_runs:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, "its process is gone: killed, or its code server was restarted"
        )
