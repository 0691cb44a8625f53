"""`sahara …`: thin commands over what the assets call.

Exit codes: 0 done; 1 only with `--strict`, when something was rejected or a check warns; 2 bad usage or configuration, or an error that
nobody foresaw; 3 a blocking check failed; 130 stopped by Ctrl-C. An error says what, where and what to do; its traceback is shown with
`--debug` only. What is printed lives in `printing.py`, what is done in `running.py`.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

import click

from sahara_assets import console, printing
from sahara_assets.commands.drops import drops, rejects
from sahara_assets.commands.extract import extract
from sahara_assets.commands.features import features
from sahara_assets.commands.generate import generate
from sahara_assets.commands.init import init
from sahara_assets.commands.insights import insights
from sahara_assets.commands.options import (
    BLOCKED_EXIT,
    INTERRUPTED_EXIT,
    STRICT_EXIT,
    USAGE_EXIT,
    common_options,
    json_option,
    settings_of,
)
from sahara_assets.commands.peek import peek
from sahara_assets.commands.recommend import recommend
from sahara_assets.commands.warehouse import warehouse
from sahara_assets.errors import SaharaError, refused_by_the_system
from sahara_assets.locking import tell_of_waits

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_NAME = "sahara.toml"
_NO_MODEL = "there is no model yet; `sahara run` trains one"


def main() -> None:
    """The entry point: runs a command and turns errors into a sentence and an exit code."""
    tell_of_waits(console.note)
    try:
        code = cli.main(standalone_mode=False)
    except SaharaError as error:
        code = error.exit_code
        _explain(error, f"error: {error}")
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        console.note("stopped; what was committed stays, the next run goes on from there")
        code = INTERRUPTED_EXIT
    except click.ClickException as error:
        # By way of a text, because a shell's `*` may have put any file's name among the arguments.
        said = io.StringIO()
        error.show(said)
        console.note(said.getvalue().rstrip("\n"))
        code = USAGE_EXIT
    except Exception as error:  # noqa: BLE001 - the last resort of a program
        code = USAGE_EXIT
        foreseen = refused_by_the_system(error) if isinstance(error, OSError) else None
        remark = "" if _debugging() else "\nThis is not an error Sahara expected; --debug shows where it happened."
        _explain(error, f"error: {foreseen or f'{type(error).__name__}: {error}{remark}'}")
    except SystemExit:
        # Click's answer to a closed pipe, as in `sahara drops | head`: the reader has seen enough. Our own ends are `Exit`.
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _debugging() -> bool:
    # Asked before the command line is parsed and after; the option may stand anywhere on it.
    return "--debug" in sys.argv[1:]


def _explain(error: Exception, sentence: str) -> None:
    """Say what went wrong; with `--debug` also where."""
    if _debugging():
        console.note("".join(traceback.format_exception(error)).rstrip("\n"))
        console.note(getattr(error, "details", ""))
    console.note(sentence)


class _InOrder(click.Group):
    """Commands in the order a person meets them, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's shape
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="sahara-assets", prog_name="sahara")
def cli() -> None:
    """Customer segments from the files a shop already exports.

    Start with `sahara init FILE…` on your own CSVs, then `sahara run`.
    """


cli.add_command(init)
cli.add_command(peek)


@cli.command(short_help="Load, rebuild, score, export what is new.")
@click.option("--dry-run", is_flag=True, help="Say what would load, replace or retract; change nothing.")
@click.option("--retrain", is_flag=True, help="Train a new model even where the champion would do.")
@click.option("--rebuild", is_flag=True, help="Build every table anew from the raw ones, current or not.")
@click.option("--strict", is_flag=True, help="Exit 1 where something was rejected or a check warns.")
@json_option
@common_options
def run(dry_run: bool, retrain: bool, rebuild: bool, strict: bool, as_json: bool, config: Path | None) -> None:
    """Load what is new, rebuild what depends on it, score, export."""
    from sahara_assets.running import forget_what_was_built, preview, run_everything
    from sahara_assets.settings.document import config_file

    settings = settings_of(config)
    if dry_run:
        report = preview(settings)
        if as_json:
            planned = printing.planned_actions(report)
            console.as_json(
                {
                    "planned": planned,
                    "unchanged": report.unchanged,
                    "held": report.held,
                    "left_alone": report.left_alone,
                    "unclaimed": report.unclaimed,
                }
            )
        else:
            printing.show_preview(report)
        return
    with console.progress(quiet=as_json) as progress:
        if rebuild:
            forget_what_was_built(settings)
        summary = run_everything(settings, config_file(config), retrain=retrain, progress=progress, debug=_debugging())
    if as_json:
        console.as_json(summary)
    else:
        printing.show_summary(summary, settings)
    failed = any(each.error for each in summary.extracts)
    if strict and (failed or summary.rejected_count or summary.refused_drops or summary.warnings):
        raise click.exceptions.Exit(STRICT_EXIT)


cli.add_command(extract)
cli.add_command(drops)
cli.add_command(rejects)


@cli.command(short_help="Every number of segments, and why this one.")
@json_option
@common_options
def sweep(as_json: bool, config: Path | None) -> None:
    """Show how good every number of segments is, and why one was chosen."""
    from sahara_assets.running import reading
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.tables.segmentation import K_SWEEP

    with reading(settings_of(config)) as warehouse:
        rows, model = warehouse.rows(K_SWEEP), champion(warehouse)
    if model is None:
        raise SaharaError(_NO_MODEL)
    if as_json:
        console.as_json({"sweep": rows, "trace": model.trace})
    else:
        printing.show_sweep(rows, model.trace[-1])


@cli.command(short_help="The segments; --k switches to another model.")
@click.option(
    "--k", type=int, help="Use the swept model with this many segments from now on: score, export and report with it."
)
@click.option("--centroids", is_flag=True, help="Show every segment's centroid by feature instead of its story.")
@json_option
@common_options
def segments(k: int | None, centroids: bool, as_json: bool, config: Path | None) -> None:
    """Show the segments; with --k switch to another model of the last sweep."""
    from sahara_assets.running import reading, use_model
    from sahara_assets.segmentation.ageing import measured_as_of
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.summary import told_model
    from sahara_assets.tables.segmentation import SEGMENT_PROFILES

    settings = settings_of(config)
    if k is not None:
        before = use_model(settings, k)
        changed = f"now with {k} segments (before: {before}; `sahara segments --k {before}` goes back)"
        console.note(changed if before else f"{k} segments are in use already")
    with reading(settings) as warehouse:
        rows, model, as_of = warehouse.rows(SEGMENT_PROFILES), champion(warehouse), measured_as_of(warehouse)
    if not rows or model is None or as_of is None:
        raise SaharaError(_NO_MODEL)
    if as_json:
        console.as_json(rows)
        return
    console.paragraph(f"Segments{printing.as_of(as_of.isoformat(), rows)}; model {printing.trained(told_model(model))}")
    printing.show_segments(rows, settings)
    if centroids:
        console.say()
        printing.show_centroids(rows, settings)
    else:
        printing.show_segment_stories(rows)


cli.add_command(features)
cli.add_command(insights)
cli.add_command(recommend)


@cli.command(short_help="Write the report again.")
@common_options
def report(config: Path | None) -> None:
    """Write the report again and say where it is."""
    from sahara_assets.running import write_report

    console.say(write_report(settings_of(config)))


@cli.command(short_help="Ask every check.")
@click.option("--strict", is_flag=True, help="Exit 1 where a check warns.")
@json_option
@common_options
def check(strict: bool, as_json: bool, config: Path | None) -> None:
    """Ask every check of the tables and files as they are; exit 3 where a blocking one fails."""
    from sahara_assets.quality.checklist import run_checks
    from sahara_assets.running import reading

    settings = settings_of(config)
    with reading(settings) as warehouse:
        verdicts = run_checks(warehouse, settings)
    if as_json:
        console.as_json(verdicts)
    else:
        printing.show_verdicts(verdicts)
    failed = [verdict for verdict in verdicts if not verdict.passed]
    if any(verdict.blocking for verdict in failed):
        raise click.exceptions.Exit(BLOCKED_EXIT)
    if strict and failed:
        raise click.exceptions.Exit(STRICT_EXIT)


cli.add_command(generate)
cli.add_command(warehouse)


@cli.command(short_help="Open Dagster on this machine.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port on this machine.")
@common_options
def ui(port: int, config: Path | None) -> None:
    """Open Dagster on this machine: the graph, the checks, the plots, and the sensor."""
    from sahara_assets.job import ui_command

    command, environment = ui_command(settings_of(config), config, port)
    console.note(f"Dagster starts on http://127.0.0.1:{port} and stays until you press Ctrl-C")
    # Dagster ends on SIGTERM as it does on SIGINT, and would shrug at both where a script's `&` or nohup has SIGINT ignored.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Dagster takes this process's place, so that a signal to it reaches what looks after the servers.
    os.execve(command[0], command, environment)  # noqa: S606 - no shell, our own words


if __name__ == "__main__":
    main()
