"""What became of a failed run, read from Dagster's events: where it failed, on what, and whether another try can help.

The drop sensor decides by it when to try again, and alerts tell it to people. Nothing here acts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from sahara_assets.errors import BlockedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_TRY_HELPS = frozenset(
    {
        BlockedError.__name__,
        SettingsError.__name__,
        "DagsterAssetCheckFailedError",
        "DagsterInvalidConfigError",
        "DagsterInvalidDefinitionError",
    }
)
"""Errors that say the same again until somebody changes the settings, the drops, the ledger or the code."""

_WRAPPERS = frozenset(
    {"DagsterExecutionStepExecutionError", "DagsterResourceFunctionError", "DagsterUserCodeProcessError"}
)
"""Dagster's own envelopes around what was raised."""


@dataclass(frozen=True)
class Failure:
    """Why a run failed.

    Attributes:
        step: the step that failed first; empty where the run failed outside of one (a killed process, a time limit).
        error: what it said, on one line.
        checks: the blocking checks that failed, as `asset: check: what it found`.
        may_pass: whether the same run, started again, may end otherwise.
    """

    step: str
    error: str
    checks: tuple[str, ...] = ()
    may_pass: bool = True


def failure_of(instance: dg.DagsterInstance, run_id: str) -> Failure:
    """Why a failed run failed."""
    checks = tuple(_failed_checks(instance, run_id))
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event is None:
            continue
        chain = list(_chain(event.step_failure_data.error))
        hopeless = any(error.cls_name in _NO_TRY_HELPS for error in chain)
        return Failure(str(event.step_key or ""), _told(chain), checks, may_pass=not hopeless)
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE):
        data = entry.dagster_event.event_specific_data if entry.dagster_event else None
        chain = list(_chain(getattr(data, "error", None)))
        said = _told(chain) if chain else one_line(entry.dagster_event.message or "" if entry.dagster_event else "")
        hopeless = any(error.cls_name in _NO_TRY_HELPS for error in chain)
        # Where the process was killed, Dagster says only "this run has been marked as failed"; why, it said the moment before.
        return Failure("", _last_words(instance, run_id) or said, checks, may_pass=not hopeless)
    return Failure("", "the run failed without a word", checks)


def one_line(text: str) -> str:
    r"""The first line that says something, without its indentation.

    >>> one_line("\n  a file: row 3\n  more")
    'a file: row 3'
    """
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _failed_checks(instance: dg.DagsterInstance, run_id: str) -> Iterator[str]:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        event = entry.dagster_event
        evaluation: Any = event.event_specific_data if event else None
        if evaluation is not None and not evaluation.passed and evaluation.blocking:
            yield one_line(
                f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}: {evaluation.description}"
            )


def _last_words(instance: dg.DagsterInstance, run_id: str) -> str:
    """What the code server said of a run whose process it found dead."""
    for entry in reversed(instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)):
        said = one_line(entry.dagster_event.message or "" if entry.dagster_event else "")
        if "Run execution process for" in said:
            return re.sub(r"^\[\w+\] ", "", said)
    return ""


def _chain(error: Any) -> Iterator[Any]:  # noqa: ANN401 - Dagster's record of an error
    """The error and its causes, from the outside in."""
    while error is not None:
        yield error
        error = error.cause


def _told(chain: list[Any]) -> str:
    """The first error that is not one of Dagster's envelopes, without the module of its class."""
    told = next((error for error in chain if error.cls_name not in _WRAPPERS), chain[-1])
    name, separator, text = str(told.message).partition(": ")
    if name.startswith("sahara_assets."):
        return one_line(text)
    return one_line(f"{name.rpartition('.')[2]}{separator}{text}")
