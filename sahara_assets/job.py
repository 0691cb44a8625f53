"""Dagster for one project: its home, its UI, and its job run in this process, with a failure turned into the error behind it."""

from __future__ import annotations

import os
import re
import socket
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import BlockedError, SaharaError, refused_by_the_system
from sahara_assets.settings.document import config_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import dagster as dg

    from sahara_assets.settings.document import Settings

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


_FROM_THE_SYSTEM = re.compile(
    r"\[Errno (?P<number>[0-9]+)\] (?P<said>[^:]+)(: '(?P<place>.+?)'( -> '.*')?)?", re.DOTALL
)
"""How an `OSError` is written."""


class StepFailedError(RuntimeError):
    """A step failed with an error that nobody raised on purpose; `details` is where it happened."""

    def __init__(self, message: str, details: str = "") -> None:
        self.details = details
        super().__init__(message)


def dagster_home(settings: Settings) -> Path:
    """Where Dagster keeps its history: `$DAGSTER_HOME`, else `.sahara/` beside `sahara.toml`."""
    configured = os.environ.get("DAGSTER_HOME")
    home = Path(configured) if configured else settings.root.resolve() / ".sahara"
    home.mkdir(parents=True, exist_ok=True)
    if not configured and not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(_DAGSTER_YAML)
    return home


@contextmanager
def dagster_history(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of this project.

    Two processes that find no history and make it at the same time leave SQLite files with two schema versions, which no Dagster
    opens ever again; so one at a time opens it.
    """
    import dagster as dg
    from filelock import FileLock

    from sahara_assets.history import kept_open

    home = dagster_home(settings)
    with FileLock(home / "history.lock"):
        instance = dg.DagsterInstance.from_ref(kept_open(home))
        # Each is made when it is first asked for.
        _ = instance.run_storage, instance.event_log_storage, instance.schedule_storage
    with instance:
        yield instance


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
    with dagster_history(settings):
        environment["DAGSTER_HOME"] = str(dagster_home(settings).resolve())
    found = config_file(config)
    if found is not None:
        # Absolute, because the code server that Dagster starts need not share this working folder.
        environment["SAHARA_CONFIG"] = str(found.resolve())
    module = ["-m", "sahara_assets.definitions"]
    # What Dagster would rather have typed is nothing to whoever typed `sahara ui`; its other warnings stay.
    quieter = ["-W", "ignore:Function `dev_command` is superseded"]
    return [sys.executable, *quieter, "-m", "dagster", "dev", *module, "-h", "127.0.0.1", "-p", str(port)], environment


def execute_job(
    settings: Settings,
    config_path: Path | None,
    *,
    retrain: bool,
    extract: bool,
    progress: Callable[[str, int, int], None] | None,
    debug: bool,
) -> str:
    """Run the job in this process, with or without asking databases and training anew, and turn its failure into the error behind it; returns the run's id."""
    import dagster as dg

    from sahara_assets.automation import bury_killed_runs, holder_tag
    from sahara_assets.definitions import defs
    from sahara_assets.resources import Project, show_progress

    show_progress(progress)
    definitions = defs()
    with dagster_history(settings) as instance:
        bury_killed_runs(instance, settings, datetime.now(tz=UTC))
        job = definitions.resolve_job_def("sahara_run")
        try:
            result = job.execute_in_process(
                instance=instance,
                resources={"project": Project(config_path=str(config_path.resolve()) if config_path else "")},
                run_config={
                    "ops": {
                        "train": {"config": {"retrain": retrain}},
                        "repeat_buyer_parts": {"config": {"retrain": retrain}},
                        "compare_methods": {"config": {"retrain": retrain}},
                        "extracts": {"config": {"ask": extract}},
                    },
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
            if (found := _FROM_THE_SYSTEM.fullmatch(text.strip())) and (refused := _refused(found)):
                return refused
            innermost, error = error, error.cause
        return StepFailedError(
            f"{event.step_key}: {innermost.message.strip()}", event.step_failure_data.error.to_string()
        )
    return StepFailedError("the run failed without a failed step")


def _refused(found: re.Match[str]) -> SaharaError | None:
    return refused_by_the_system(OSError(int(found["number"]), found["said"], found["place"]))


def _family(cls: type[SaharaError]) -> Iterator[type[SaharaError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _family(child)
