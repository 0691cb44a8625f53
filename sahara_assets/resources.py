"""The Dagster resource: one project, with its settings, its lock and its warehouse, opened when first asked for.

The in-process executor keeps one for a whole run, so that the lock is held from the first asset to the last.
"""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - Dagster reads the annotations of a resource when it runs
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from sahara_assets.builds import Run
from sahara_assets.errors import SettingsError
from sahara_assets.locking import hold_lock
from sahara_assets.quality.questions import Verdict  # noqa: TC001 - the same
from sahara_assets.settings.document import Settings, load_settings
from sahara_assets.warehouse.opening import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahara_assets.warehouse.base import Warehouse


_progress: ContextVar[Callable[[str, int, int], None] | None] = ContextVar("sahara_progress", default=None)


def show_progress(progress: Callable[[str, int, int], None] | None) -> None:
    """Where long work in this process reports how far it is: label, done, in all."""
    # A context variable, because Dagster copies resources before it runs.
    _progress.set(progress)


def settings_at_load() -> Settings:
    """The settings as Dagster's definitions need them; where they are broken the defaults stand in, and whatever runs says so itself."""
    try:
        return load_settings()
    except SettingsError:
        return Settings()


class Project(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A shop's project: `sahara.toml` and what it names.

    Attributes:
        config_path: path of `sahara.toml`; empty takes `$SAHARA_CONFIG`, else `sahara.toml` in the working folder, else the defaults.
    """

    config_path: str = ""
    _settings: Settings | None = PrivateAttr(default=None)
    _warehouse: object = PrivateAttr(default=None)
    _held: bool = PrivateAttr(default=False)
    _stack: ExitStack = PrivateAttr(default_factory=ExitStack)
    _now: datetime | None = PrivateAttr(default=None)
    _verdicts: list[Verdict] = PrivateAttr(default_factory=list)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Project]:  # noqa: ARG002 - Dagster's shape
        """Hold whatever was opened until the run ends."""
        try:
            yield self
        finally:
            self._stack.close()
            self._warehouse = None
            self._held = False
            self._verdicts.clear()

    @property
    def settings(self) -> Settings:
        """The validated settings, read once."""
        if self._settings is None:
            self._settings = load_settings(Path(self.config_path) if self.config_path else None)
        return self._settings

    def hold(self) -> None:
        """Hold the project's lock from now to the end of the run."""
        if not self._held:
            self._stack.enter_context(hold_lock(self.settings))
            self._held = True

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse, with the project's lock held from now to the end of the run."""
        if self._warehouse is None:
            self.hold()
            self._warehouse = self._stack.enter_context(open_warehouse(self.settings))
        return self._warehouse  # type: ignore[return-value]

    @property
    def verdicts(self) -> list[Verdict]:
        """What the checks of this run have found so far; each was asked after its asset was built."""
        return self._verdicts

    def run(self, run_id: str) -> Run:
        """What the run carries: its id, and one moment for everything it writes."""
        if self._now is None:
            self._now = datetime.now(tz=UTC).replace(tzinfo=None)
        return Run(run_id, self._now, _progress.get())
