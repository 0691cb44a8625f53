"""What the commands share: the options that every one takes, the settings they lead to, and the codes they end with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sahara_assets import console
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings

Command = Any

STRICT_EXIT, USAGE_EXIT, BLOCKED_EXIT, INTERRUPTED_EXIT = 1, 2, 3, 130
"""What each means is said in `cli.py`."""


class FileOrAddress(click.Path):
    """A file or folder of this machine, which must be there, or the address of one in an object store."""

    def __init__(self, *, dir_okay: bool = True) -> None:
        super().__init__(exists=True, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - Click's shape
        """An address stays text, a path becomes one."""
        return value if "://" in str(value) else super().convert(value, param, ctx)


def common_options(command: Command) -> Command:
    """`--config` and `--debug`, which every command takes."""
    debug = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks and Dagster's log.")
    command = debug(command)
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path),
        help="Path of sahara.toml (default: $SAHARA_CONFIG, else here).",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`, which every command takes that reports something."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(command)


def settings_of(config: Path | None) -> Settings:
    """The settings that a command works under."""
    from sahara_assets.settings.document import load_settings

    return load_settings(config)


def warn_of_formulas(count: int) -> None:
    """Say that a file that was written is not for opening in a spreadsheet by a double click."""
    if count:
        console.note(
            f"{counted(count, 'row holds', 'rows hold')} cells that begin like a formula, which a spreadsheet would run. They stand there as they "
            "were delivered, or they would not be the same rows: edit the file as text, or import it with every column as text"
        )
