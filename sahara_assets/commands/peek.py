"""`sahara peek`: any delimited file, without a mapping or a warehouse."""

from __future__ import annotations

from pathlib import Path

import click

from sahara_assets import console, printing
from sahara_assets.commands.options import Command, FileOrAddress, common_options, json_option, warn_of_formulas
from sahara_assets.errors import SaharaError


def _dialect_options(command: Command) -> Command:
    """How a file is written, each optional: what is given is not detected."""
    texts = {
        "--delimiter": "What separates fields: one or more characters, a name such as `tab`, or `blanks`.",
        "--quote": "What quotes a field, or `none`.",
        "--escape": "What stands before a quote inside a field, such as `backslash`, or `doubled`.",
        "--record-delimiter": r"What ends a record where line ends do not, such as `\x1e`.",
    }
    numbers = {
        "--header-lines": "Records that name the columns; 0 for none.",
        "--skip-lines": "Lines before the header.",
    }
    for name, what in numbers.items():
        command = click.option(name, type=click.IntRange(min=0), help=what)(command)
    for name, what in reversed(texts.items()):
        command = click.option(name, help=what)(command)
    return command


@click.command(short_help="What any file holds, and what would be rejected.")
@click.argument("file", type=FileOrAddress(dir_okay=False))
@_dialect_options
@click.option("--encoding", default="auto", show_default=True, help="As in sahara.toml.")
@click.option("--rows", type=click.IntRange(min=0), default=10, show_default=True, help="How many rows to show.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write the good rows as clean CSV (RFC 4180).")
@click.option(
    "--rejects", "rejects_path", type=click.Path(path_type=Path), help="Write the others: line, reason, text."
)
@json_option
@common_options
def peek(
    file: Path | str,
    encoding: str,
    rows: int,
    csv_path: Path | None,
    rejects_path: Path | None,
    as_json: bool,
    config: Path | None,  # noqa: ARG001 - every command takes it
    **dialect: str | int | None,
) -> None:
    """Look into any delimited file, without a mapping or a warehouse: its dialect, header, rows, and what is no row."""
    from sahara_assets.drops.discovery import file_at
    from sahara_assets.drops.peeking import as_document, clean_csv, given_parts, rejects_csv, rows_with_formulas
    from sahara_assets.drops.tables import read_table
    from sahara_assets.report.writing import write_whole

    outputs = [path.resolve() for path in (csv_path, rejects_path) if path is not None]
    taken = [*outputs, file.resolve()] if isinstance(file, Path) else outputs
    if len(set(taken)) < len(taken):
        raise SaharaError("--csv and --rejects: must be two files, and neither of them the one that is read")
    found = file_at(file) if isinstance(file, str) else file
    table = read_table(found, given_parts(dialect), encoding=encoding)
    for path, content in ((csv_path, clean_csv), (rejects_path, rejects_csv)):
        if path is not None:
            try:
                write_whole(path.resolve(), content(table))
            except OSError as error:
                raise SaharaError(f"{path}: cannot be written ({error.strerror}); name another file") from error
            console.note(f"wrote {path}")
    if outputs:
        warn_of_formulas(rows_with_formulas(table))
    if as_json:
        console.as_json(as_document(table, rows))
    else:
        printing.show_table(table, rows)
