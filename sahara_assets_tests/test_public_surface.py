"""What others rely on, compared with a committed snapshot: assets, checks, jobs, sensors, schedules, commands, variables, tables, views.

A change here is a change for everyone who uses Sahara. If it is meant, write the snapshot anew and say so in the changelog:

    python -m sahara_assets_tests.test_public_surface
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sahara_assets.cli import cli
from sahara_assets.definitions import defs
from sahara_assets.settings.document import Settings
from sahara_assets.settings.environment import environment_variables
from sahara_assets.tables.reporting import REPORT_VIEWS
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets_tests.commands import ROOT

if TYPE_CHECKING:
    import dagster as dg

SNAPSHOT = ROOT / "sahara_assets_tests" / "snapshots" / "public_surface.json"


def _assets(definitions: dg.Definitions) -> dict[str, Any]:
    return {
        spec.key.to_user_string(): {
            "group": spec.group_name,
            "kinds": sorted(spec.kinds),
            "owners": list(spec.owners),
            "needs": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        }
        for spec in definitions.resolve_all_asset_specs()
    }


def _checks(definitions: dg.Definitions) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    checks: dict[str, dict[str, str]] = {}
    for key in graph.asset_check_keys:
        blocking = "blocks" if graph.get_check_spec(key).blocking else "warns"
        checks.setdefault(key.asset_key.to_user_string(), {})[key.name] = blocking
    return checks


def _commands(group: click.Group, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        found[f"{prefix}{name}"] = sorted(
            option for p in command.params for option in (p.opts if p.param_type_name == "option" else [f"<{p.name}>"])
        )
        if isinstance(command, click.Group):
            found |= _commands(command, f"{prefix}{name} ")
    return found


def surface() -> dict[str, Any]:
    """Everything that is compared."""
    definitions = defs()
    return {
        "assets": _assets(definitions),
        "checks": _checks(definitions),
        "jobs": sorted(job.name for job in definitions.jobs or []),
        "sensors": {sensor.name: sensor.default_status.value for sensor in definitions.sensors or []},
        "schedules": {schedule.name: schedule.cron_schedule for schedule in definitions.schedules or []},
        "commands": _commands(cli),
        "environment": sorted(environment_variables(Settings)),
        "tables": {table.name: {column.name: column.kind.value for column in table.columns} for table in ALL_TABLES},
        "views": {view.name: {column.name: column.kind.value for column in view.columns} for view in REPORT_VIEWS},
    }


def text_of(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def test_the_public_surface_is_the_one_that_was_committed():
    committed = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    found = json.loads(text_of(surface()))
    for part, content in found.items():
        assert content == committed.get(part), (
            f"{part} changed; if that is meant: python -m sahara_assets_tests.test_public_surface"
        )
    assert set(found) == set(committed)


if __name__ == "__main__":
    SNAPSHOT.parent.mkdir(exist_ok=True)
    SNAPSHOT.write_text(text_of(surface()), encoding="utf-8")
