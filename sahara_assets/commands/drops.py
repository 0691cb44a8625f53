"""`sahara drops` and `sahara rejects`: what was delivered, what became of it, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sahara_assets import console, printing
from sahara_assets.commands.options import BLOCKED_EXIT, common_options, json_option, settings_of, warn_of_formulas
from sahara_assets.errors import SaharaError
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable


@click.group(invoke_without_command=True, short_help="What was delivered; forget, allow, reload, verify.")
@json_option
@click.option("--all", "every", is_flag=True, help="Every version, not only those that count or want attention.")
@common_options
@click.pass_context
def drops(context: click.Context, every: bool, as_json: bool, config: Path | None) -> None:
    """List the ledger: which files were delivered, and what became of them."""
    if context.invoked_subcommand:
        context.obj = config
        return
    from sahara_assets.drops.ledger import ledger_rows
    from sahara_assets.drops.unclaimed import remembered
    from sahara_assets.running import reading

    with reading(settings_of(config)) as warehouse:
        rows = [row for row in ledger_rows(warehouse) if every or row["status"] not in {"replaced", "forgotten"}]
        unclaimed, paths = remembered(warehouse)
    if as_json:
        console.as_json(rows)
        return
    printing.show_ledger(rows)
    console.say(
        counted(len(rows), "drop") if rows else "no drops yet; `sahara run` takes in what lies in the drop folder"
    )
    printing.show_unclaimed(unclaimed, paths)


def _change_drops(
    context: click.Context, config: Path | None, paths: tuple[str, ...], act: Callable[..., Any], done: str
) -> None:
    from sahara_assets.running import changing

    with changing(settings_of(config or context.obj)) as warehouse:
        for row in act(warehouse, paths):
            console.say(f"{done} {row['path']} ({row['drop_id'][:12] or 'unreadable'})")
    console.say("`sahara run` rebuilds what depends on it")


@drops.command(short_help="Take drops out of the tables.")
@click.argument("paths", nargs=-1, required=True)
@common_options
@click.pass_context
def forget(context: click.Context, paths: tuple[str, ...], config: Path | None) -> None:
    """Take drops out of the tables; the same content stays out even if its file is still there."""
    from sahara_assets.drops.ledger import forget_drops

    _change_drops(context, config, paths, forget_drops, "forgot")


@drops.command(short_help="Let a held or forgotten drop in.")
@click.argument("paths", nargs=-1, required=True)
@common_options
@click.pass_context
def allow(context: click.Context, paths: tuple[str, ...], config: Path | None) -> None:
    """Let a held replacement in, or take a forgotten drop back; the next run loads it."""
    from sahara_assets.drops.ledger import allow_drops

    _change_drops(context, config, paths, allow_drops, "allowed")


@drops.command(name="reload", short_help="Read drops again from scratch.")
@click.argument("paths", nargs=-1, required=True)
@common_options
@click.pass_context
def reload_(context: click.Context, paths: tuple[str, ...], config: Path | None) -> None:
    """Have the next run read drops again from their files, whatever it knows of them."""
    from sahara_assets.drops.ledger import reload_drops

    settings = settings_of(config or context.obj)
    _change_drops(
        context, config, paths, lambda warehouse, named: reload_drops(warehouse, settings, named), "will read again"
    )


@drops.command(short_help="Hash and read every file again, and compare.")
@json_option
@common_options
@click.pass_context
def verify(context: click.Context, as_json: bool, config: Path | None) -> None:
    """Hash and read every file again, compare with the ledger and the raw tables, and ask every check. Exits 3 on a difference."""
    from sahara_assets.running import verify_everything

    settings = settings_of(config or context.obj)
    with console.progress(quiet=as_json) as progress:
        verified, verdicts = verify_everything(settings, progress=progress)
    if as_json:
        console.as_json({"files": verified, "checks": verdicts})
    else:
        printing.show_verified(verified, verdicts)
    if verified.differences or any(not verdict.passed and verdict.blocking for verdict in verdicts):
        raise click.exceptions.Exit(BLOCKED_EXIT)


@click.command(short_help="Rejected rows, and a file to correct them.")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(path_type=Path),
    help="Write the rejected rows with their header, for correcting and redelivering.",
)
@json_option
@common_options
def rejects(csv_path: Path | None, as_json: bool, config: Path | None) -> None:
    """List rejected rows with file, line, column and reason."""
    from sahara_assets.drops.correcting import rows_with_formulas, write_corrections
    from sahara_assets.drops.ledger import ledger_rows, rejected_rows
    from sahara_assets.drops.plan import Status
    from sahara_assets.running import reading

    with reading(settings_of(config)) as warehouse:
        rows, ledger = rejected_rows(warehouse), ledger_rows(warehouse)
    written = []
    if csv_path is not None and rows:
        try:
            written = write_corrections(csv_path, rows, ledger)
        except OSError as error:
            raise SaharaError(f"{csv_path}: cannot be written ({error.strerror}); name another file") from error
    for path in written:
        console.note(f"wrote {path}")
    if written:
        warn_of_formulas(rows_with_formulas(rows, ledger))
    if as_json:
        console.as_json(rows)
    elif not rows:
        console.say("no row was rejected")
    elif csv_path is None:
        printing.show_rejects(rows)
        of_use = {(row["dataset"], row["drop_id"]) for row in ledger if row["status"] == Status.LOADED}
        rejected = sum((row["dataset"], row["drop_id"]) in of_use for row in rows)
        # A refused drop shows the line that it was refused for, which is no rejected row of a drop in use.
        refused = f", {counted(len(rows) - rejected, 'line')} of drops kept out" if rejected < len(rows) else ""
        console.say(f"{counted(rejected, 'rejected row')}{refused}; --csv FILE writes them for correcting")
    else:
        console.say(
            "correct the rows, put the file into the drop folder under a new name that its patterns match, and run again"
        )
