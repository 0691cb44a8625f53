"""`sahara warehouse …`: look at the warehouse, and move everything to another."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Click's annotations are read by people
from typing import TYPE_CHECKING

import click

from sahara_assets import console
from sahara_assets.commands.options import common_options, json_option, settings_of
from sahara_assets.errors import WarehouseError
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from sahara_assets.warehouse.base import Finding

_WORDS = {"ok": "ok  ", "note": "note", "missing": "MISS"}


@click.group(short_help="Check the warehouse; copy it to another.")
def warehouse() -> None:
    """The place where the tables live: `warehouse.url` in sahara.toml, or $SAHARA_WAREHOUSE_URL."""


@warehouse.command(short_help="Connect, and say what is there and what is missing.")
@json_option
@common_options
def check(as_json: bool, config: Path | None) -> None:
    """Connect, say what was found, what it may do, and what is missing, with the remedy. Exits 2 where a run could not work."""
    from sahara_assets.warehouse.checking import examine

    findings = examine(settings_of(config))
    if as_json:
        console.as_json(findings)
    else:
        for finding in findings:
            console.say(f"{_WORDS[finding.level]}  {finding.text}")
    if missing := _missing(findings):
        raise WarehouseError(f"{counted(len(missing), 'thing')} missing; a run could not work")


def _missing(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level == "missing"]


@warehouse.command(short_help="Copy every table to another warehouse and compare.")
@click.option(
    "--to", "url", required=True, metavar="URL", help="Where to; secrets had better come from the environment."
)
@click.option("--replace", is_flag=True, help="Replace what the other warehouse holds.")
@json_option
@common_options
def copy(url: str, replace: bool, as_json: bool, config: Path | None) -> None:
    """Copy every table to another warehouse, verify counts and checksums, and commit only if they agree."""
    from sahara_assets.warehouse.copying import copy_warehouse

    settings = settings_of(config)
    with console.progress(quiet=as_json) as progress:
        copied = copy_warehouse(settings, url, replace=replace, progress=progress)
    if as_json:
        console.as_json(copied)
        return
    console.table(
        [{"table": table.name, "rows": table.row_count, "checksum": f"{table.checksum:032x}"} for table in copied],
        {"table": "table", "rows": "rows", "checksum": "checksum on both sides"},
    )
    console.say(
        f"{counted(sum(table.row_count for table in copied), 'row')} in {counted(len(copied), 'table')}, equal on both sides"
    )
    console.say(
        "to work there from now on, set warehouse.url in sahara.toml (without a password) or SAHARA_WAREHOUSE_URL"
    )
