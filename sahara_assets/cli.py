"""`sahara …`: thin commands over what the assets call.

Exit codes: 0 done; 1 only with `--strict`, when something was rejected or a check warns; 2 bad usage or configuration; 3 a blocking
check failed. An error says what, where and what to do; its traceback is shown with `--debug` only.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sahara_assets import console
from sahara_assets.errors import SaharaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sahara_assets.running import Summary
    from sahara_assets.settings import Settings
    from sahara_assets.warehouse.base import Warehouse

Command = Any

STRICT_EXIT = 1
USAGE_EXIT = 2


def main() -> None:
    """The entry point: runs a command and turns errors into a sentence and an exit code."""
    debug = "--debug" in sys.argv[1:]
    try:
        code = cli.main(standalone_mode=False)
    except SaharaError as error:
        if debug:
            raise
        console.note(f"error: {error}")
        code = error.exit_code
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.Abort:
        console.note("stopped; what was committed stays, the next run goes on from there")
        code = 130
    except click.ClickException as error:
        error.show()
        code = USAGE_EXIT
    except Exception as error:
        if debug:
            raise
        console.note(f"error: {type(error).__name__}: {error}\nThis is not an error Sahara expected; --debug shows where it happened.")
        code = USAGE_EXIT
    sys.exit(code if isinstance(code, int) else 0)


def _options(command: Command) -> Command:
    """The options that every command takes."""
    command = click.option("--debug", is_flag=True, help="Show tracebacks and Dagster's log.")(command)
    return click.option(
        "--config", "config", type=click.Path(path_type=Path), help="Path of sahara.toml (default: $SAHARA_CONFIG, else here)."
    )(command)


def _json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(command)


def _settings(config: Path | None) -> Settings:
    from sahara_assets.settings import load_settings

    return load_settings(config)


@contextmanager
def _reading(config: Path | None) -> Iterator[tuple[Settings, Warehouse]]:
    """Settings and a warehouse open for reading."""
    from sahara_assets.warehouse.opening import open_warehouse

    settings = _settings(config)
    with open_warehouse(settings, read_only=True) as warehouse:
        yield settings, warehouse


@contextmanager
def _changing(config: Path | None) -> Iterator[tuple[Settings, Warehouse]]:
    """Settings and a warehouse open for writing, with the project's lock held."""
    from sahara_assets.locking import hold_lock
    from sahara_assets.warehouse.opening import open_warehouse

    settings = _settings(config)
    with hold_lock(settings, wait_seconds=30), open_warehouse(settings) as warehouse:
        yield settings, warehouse


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="sahara-assets", prog_name="sahara")
def cli() -> None:
    """Customer segments from the files a shop already exports.

    Start with `sahara init FILE…` on your own CSVs, then `sahara run`.
    """


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("sahara.toml"), show_default=True, help="Where to write.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@_json_option
@_options
def init(files: tuple[Path, ...], out: Path, force: bool, as_json: bool, config: Path | None, debug: bool) -> None:
    """Look at CSV files (or a folder of them) and write a sahara.toml for them."""
    from sahara_assets.onboarding.propose import propose
    from sahara_assets.onboarding.render import render_config
    from sahara_assets.report.publishing import write_whole

    out = config or out
    if out.exists() and not force:
        raise SaharaError(f"{out}: exists already; --force overwrites it, --out writes elsewhere")
    proposal = propose(list(files), out.resolve().parent)
    write_whole(out.resolve(), render_config(proposal).encode())
    if as_json:
        console.as_json({"path": str(out), "complete": proposal.complete, "findings": proposal.summary_lines})
        return
    for line in proposal.summary_lines:
        console.say(line)
    console.say(f"wrote {out}: read it, mend what is wrong, then: sahara run" + ("" if str(out) == "sahara.toml" else f" --config {out}"))


@cli.command()
@click.option("--dry-run", is_flag=True, help="Say what would load, replace or retract; change nothing.")
@click.option("--retrain", is_flag=True, help="Train a new model even where the champion would do.")
@click.option("--strict", is_flag=True, help="Exit 1 where something was rejected or a check warns.")
@_json_option
@_options
def run(dry_run: bool, retrain: bool, strict: bool, as_json: bool, config: Path | None, debug: bool) -> None:
    """Load what is new, rebuild what depends on it, score, export."""
    from sahara_assets.running import preview, run_everything

    settings = _settings(config)
    if dry_run:
        _show_preview(preview(settings), as_json=as_json)
        return
    path = config or (Path(os.environ["SAHARA_CONFIG"]) if os.environ.get("SAHARA_CONFIG") else None)
    with console.progress(quiet=as_json) as progress:
        summary = run_everything(settings, path, retrain=retrain, progress=progress, debug=debug)
    if as_json:
        console.as_json(summary)
    else:
        _show_summary(summary, settings)
    if strict and (summary.rejected_count or summary.refused_drops or summary.warnings):
        sys.exit(STRICT_EXIT)


def _show_preview(report: Any, *, as_json: bool) -> None:  # noqa: ANN401
    planned = [
        {
            "dataset": outcome.dataset,
            "path": outcome.path,
            "action": "replace" if outcome.replaces else str(outcome.act),
            "reason": outcome.reason,
        }
        for outcome in report.outcomes
    ]
    if as_json:
        console.as_json({"planned": planned, "unchanged": report.unchanged, "held": report.held, "left_alone": report.left_alone})
        return
    console.table(planned, {"action": "would", "dataset": "dataset", "path": "path", "reason": "note"})
    console.say(f"{len(planned):,} drops to act on, {report.unchanged:,} unchanged, {len(report.held):,} held")
    for path in report.left_alone:
        console.say(f"still being written: {path}")


def _show_summary(summary: Summary, settings: Settings) -> None:
    loaded = summary.loaded
    if summary.anything_new:
        console.heading("Drops")
        console.say(
            f"  this run  {loaded['drops']:,} drops, {loaded['rows_read']:,} rows read, "
            f"{loaded['rows_loaded']:,} loaded, {loaded['rows_rejected']:,} rejected"
        )
    else:
        console.heading("Nothing new: 0 rows loaded, every table and file is current")
    refused = f", {summary.refused_drops:,} drops refused" if summary.refused_drops else ""
    console.say(f"  in all    {summary.drop_count:,} drops, {summary.row_count:,} rows, {summary.rejected_count:,} rejected{refused}")
    if summary.model:
        console.heading("Model")
        console.say(f"  version {summary.model['version']}, cut-off {summary.model['cut_off']}, {summary.model['customers']:,} customers")
        console.say(f"  {summary.model['reason']}")
    if summary.segments:
        console.heading("Segments")
        _show_segments(summary.segments, settings)
    if summary.warnings:
        console.heading("Worth a look")
        for verdict in summary.warnings:
            console.say(f"  {verdict.text}")
    for notice in summary.notices:
        console.say(f"  {notice}")
    console.heading("Written")
    console.say(f"  report    {summary.report}")
    for path in summary.audience_files:
        console.say(f"  audience  {path}")


def _show_segments(rows: list[dict[str, Any]], settings: Settings) -> None:
    currency = settings.project.currency or "spend"
    shown = [
        {
            **row,
            "customer_share": console.share(row["customer_share"]),
            "spend_share": console.share(row["spend_share"]),
            "mean_gross_spend": f"{row['mean_gross_spend']:,.2f}",
            "mean_order_count": f"{row['mean_order_count']:,.1f}",
            "median_recency_days": f"{row['median_recency_days']:,.0f}",
        }
        for row in rows
    ]
    console.table(
        shown,
        {
            "segment": "#",
            "segment_name": "segment",
            "tier": "tier",
            "customer_count": "customers",
            "customer_share": "of customers",
            "spend_share": "of spend",
            "mean_gross_spend": f"{currency} each",
            "mean_order_count": "orders each",
            "median_recency_days": "days since last",
        },
    )


@cli.group(invoke_without_command=True)
@_json_option
@click.option("--all", "every", is_flag=True, help="Every version, not only those that count or want attention.")
@_options
@click.pass_context
def drops(context: click.Context, every: bool, as_json: bool, config: Path | None, debug: bool) -> None:
    """List the ledger: which files were delivered, and what became of them."""
    if context.invoked_subcommand:
        context.obj = config
        return
    from sahara_assets.drops.ledger import ledger_rows

    with _reading(config) as (_, warehouse):
        rows = [row for row in ledger_rows(warehouse) if every or row["status"] not in {"replaced", "forgotten"}]
    if as_json:
        console.as_json(rows)
        return
    console.table(
        [{**row, "content": row["drop_id"][:12]} for row in rows],
        {
            "dataset": "dataset",
            "path": "path",
            "status": "status",
            "rows_read": "read",
            "rows_loaded": "loaded",
            "rows_rejected": "rejected",
            "content": "content",
            "loaded_at": "taken in (UTC)",
            "reason": "note",
        },
    )
    console.say(f"{len(rows):,} drops")


def _change_drops(context: click.Context, config: Path | None, paths: tuple[str, ...], act: Callable[..., Any], done: str) -> None:
    with _changing(config or context.obj) as (_, warehouse):
        for row in act(warehouse, paths):
            console.say(f"{done} {row['path']} ({row['drop_id'][:12] or 'unreadable'})")
    console.say("`sahara run` rebuilds what depends on it")


@drops.command()
@click.argument("paths", nargs=-1, required=True)
@_options
@click.pass_context
def forget(context: click.Context, paths: tuple[str, ...], config: Path | None, debug: bool) -> None:
    """Take drops out of the tables; the same content stays out even if its file is still there."""
    from sahara_assets.drops.ledger import forget_drops

    _change_drops(context, config, paths, forget_drops, "forgot")


@drops.command()
@click.argument("paths", nargs=-1, required=True)
@_options
@click.pass_context
def allow(context: click.Context, paths: tuple[str, ...], config: Path | None, debug: bool) -> None:
    """Let a held replacement in, or take a forgotten drop back; the next run loads it."""
    from sahara_assets.drops.ledger import allow_drops

    _change_drops(context, config, paths, allow_drops, "allowed")


@cli.command()
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write the rejected rows with their header, for correcting and redelivering.")
@_json_option
@_options
def rejects(csv_path: Path | None, as_json: bool, config: Path | None, debug: bool) -> None:
    """List rejected rows with file, line, column and reason."""
    from sahara_assets.drops.correcting import write_corrections
    from sahara_assets.drops.ledger import ledger_rows, rejected_rows

    with _reading(config) as (_, warehouse):
        rows, ledger = rejected_rows(warehouse), ledger_rows(warehouse)
    if csv_path is not None:
        for written in write_corrections(csv_path, rows, ledger):
            console.note(f"wrote {written}")
    if as_json:
        console.as_json(rows)
    elif csv_path is None:
        console.table(
            [{**row, "raw_text": str(row["raw_text"])[:100]} for row in rows],
            {"path": "path", "line": "line", "column_name": "column", "reason": "reason", "raw_text": "row"},
        )
        console.say(f"{len(rows):,} rejected rows")


@cli.command()
@_json_option
@_options
def sweep(as_json: bool, config: Path | None, debug: bool) -> None:
    """Show how good every number of segments is, and why one was chosen."""
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.tables import K_SWEEP

    with _reading(config) as (_, warehouse):
        rows, model = warehouse.rows(K_SWEEP), champion(warehouse)
    if as_json:
        console.as_json({"sweep": rows, "trace": model.trace if model else []})
        return
    if model is None:
        raise SaharaError("there is no model yet; `sahara run` trains one")
    console.table(
        rows,
        {
            "k": "k",
            "silhouette": "silhouette",
            "davies_bouldin_index": "Davies-Bouldin",
            "mean_squared_distance": "mean sq. distance",
            "calinski_harabasz": "Calinski-Harabasz",
            "stability": "stability",
            "smallest_share": "smallest",
            "largest_share": "largest",
            "score": "score",
            "is_chosen": "in use",
        },
    )
    for line in model.trace:
        console.say(line)


@cli.command()
@click.option("--k", type=int, help="Use the swept model with this many segments from now on: score, export and report with it.")
@_json_option
@_options
def segments(k: int | None, as_json: bool, config: Path | None, debug: bool) -> None:
    """Show the segments; with --k switch to another model of the last sweep."""
    from sahara_assets.tables import SEGMENT_PROFILES

    if k is not None:
        _use_model(config, k)
    with _reading(config) as (settings, warehouse):
        rows = warehouse.rows(SEGMENT_PROFILES)
    if as_json:
        console.as_json(rows)
        return
    _show_segments(rows, settings)
    for row in rows:
        console.say(f"\n{row['segment']}  {row['segment_name']}\n   {row['description']}\n   {row['action']}")


def _use_model(config: Path | None, k: int) -> None:
    """Promote another swept model, and bring everything below it in line."""
    from sahara_assets import stages
    from sahara_assets.builds import Run
    from sahara_assets.segmentation.registry import champion
    from sahara_assets.segmentation.training import promote

    with _changing(config) as (settings, warehouse):
        before = champion(warehouse)
        run = Run("cli", datetime.now(tz=UTC).replace(tzinfo=None))
        promote(warehouse, run, k)
        stages.customer_segments(warehouse, run)
        stages.segment_profiles(warehouse, run)
        stages.audience_files(warehouse, settings, run)
        stages.report(warehouse, settings, run)
    if before is not None and before.model.k != k:
        console.note(f"now with {k} segments (before: {before.model.k}; `sahara segments --k {before.model.k}` goes back)")


@cli.command()
@_options
def report(config: Path | None, debug: bool) -> None:
    """Write the report again and say where it is."""
    from sahara_assets import stages
    from sahara_assets.builds import Run

    with _changing(config) as (settings, warehouse):
        built = stages.report(warehouse, settings, Run("cli", datetime.now(tz=UTC).replace(tzinfo=None)))
    console.say(str(built.details["path"]))


@cli.command()
@_json_option
@_options
def check(as_json: bool, config: Path | None, debug: bool) -> None:
    """Ask every check of the tables and files as they are; exit 3 where a blocking one fails."""
    from sahara_assets.quality import run_checks

    with _reading(config) as (settings, warehouse):
        verdicts = run_checks(warehouse, settings)
    if as_json:
        console.as_json(verdicts)
    else:
        for verdict in verdicts:
            word = "ok  " if verdict.passed else "FAIL" if verdict.blocking else "warn"
            console.say(f"{word}  {verdict.asset}: {verdict.name}: {verdict.text}")
    if any(not verdict.passed and verdict.blocking for verdict in verdicts):
        sys.exit(3)


@cli.command()
@click.option("--rows", type=int, default=60_000, show_default=True, help="Purchase rows.")
@click.option("--seed", type=int, default=20, show_default=True)
@click.option("--days", type=int, default=365, show_default=True, help="Days that the shop is open.")
@click.option("--days-per-drop", type=int, default=1, show_default=True)
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default="2025-01-01", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("drops"), show_default=True, help="Folder to write into.")
@_json_option
@_options
def generate(
    rows: int, seed: int, days: int, days_per_drop: int, start: datetime, out: Path, as_json: bool, config: Path | None, debug: bool
) -> None:
    """Write a made-up shop as drops, with planted segments whose truth is known."""
    from sahara_assets.generate.shop import generate as write_shop

    with console.progress(quiet=as_json) as progress:
        try:
            made = write_shop(
                out,
                rows=rows,
                seed=seed,
                start=start.date(),
                days=days,
                days_per_drop=days_per_drop,
                progress=lambda done, total: progress("rows", done, total),
            )
        except (ValueError, OSError) as error:
            raise SaharaError(str(error)) from error
    if as_json:
        console.as_json(made)
        return
    console.say(
        f"{made.drops:,} drops, {made.rows:,} rows ({made.bad_rows:,} bad on purpose), {made.orders:,} orders of "
        f"{made.customers:,} customers in {made.folder}; the truth is in {made.truth}"
    )


@cli.command()
@click.option("--port", type=int, default=3000, show_default=True)
@_options
def ui(port: int, config: Path | None, debug: bool) -> None:
    """Open Dagster on this machine: the graph, the checks, the plots, and the sensor."""
    from sahara_assets.running import dagster_home

    settings = _settings(config)
    environment = dict(os.environ)
    environment["DAGSTER_HOME"] = str(dagster_home(settings).resolve())
    if config is not None:
        environment["SAHARA_CONFIG"] = str(config.resolve())
    console.note(f"Dagster is on http://127.0.0.1:{port} until you press Ctrl-C")
    command = ["dagster", "dev", "-m", "sahara_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
    os.execvpe(sys.executable, [sys.executable, "-m", *command], environment)  # noqa: S606 - no shell, our own words


if __name__ == "__main__":
    main()
