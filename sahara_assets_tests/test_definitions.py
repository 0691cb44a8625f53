"""The code location loads, is complete, and tells its story in groups."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import pytest

from sahara_assets.definitions import defs
from sahara_assets.quality.checklist import QUESTIONS
from sahara_assets_tests.commands import ROOT, clean_environment

STORY = [
    "raw",
    "analytics",
    "sales",
    "features",
    "segmentation",
    "insights",
    "prediction",
    "recommendations",
    "activation",
]
SPECS = {spec.key.to_user_string(): spec for spec in defs().resolve_all_asset_specs()}


def test_the_definitions_can_be_loaded():
    dg.Definitions.validate_loadable(defs())


def test_the_workspace_file_loads_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(ROOT / "workspace.yaml")],
        cwd=tmp_path,
        env=clean_environment({"DAGSTER_HOME": str(tmp_path)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Validation successful for code location sahara" in said
    # Dagster's own remark about this command ("use dg check defs") is not about us.
    ours = [line for line in said.splitlines() if "Warning" in line and "definitions_validate_command" not in line]
    assert ours == []


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_asset_introduces_itself(name):
    spec = SPECS[name]
    assert spec.description
    assert spec.description.endswith(".")
    assert spec.kinds
    assert list(spec.owners) == ["team:sahara"]
    assert spec.group_name in STORY
    # A page, files and views, not tables.
    if name not in {"report", "extracts", "insight_files", "report_views", "repeat_buyer_audience", "promotion_files"}:
        schema = spec.metadata["dagster/column_schema"]
        assert schema.columns
        for column in schema.columns:
            assert column.description, f"{name}.{column.name}"
            assert column.type


def test_groups_follow_one_another_as_the_story_does():
    """No asset needs one of a later group, and every group but the first needs the one before it; predictions and recommendations stand beside."""
    needs = {
        (STORY.index(spec.group_name), STORY.index(SPECS[dep.asset_key.to_user_string()].group_name))
        for spec in SPECS.values()
        for dep in spec.deps
    }
    assert all(upstream <= group for group, upstream in needs)
    beside = {"prediction": "segmentation", "recommendations": "features"}
    before = {group: STORY.index(beside.get(name, STORY[group - 1])) for group, name in enumerate(STORY) if group}
    assert set(before.items()) <= needs


def test_every_question_is_a_check_that_blocks_where_it_says_so():
    graph = defs().resolve_asset_graph()
    found = {
        (key.asset_key.to_user_string(), key.name): graph.get_check_spec(key).blocking for key in graph.asset_check_keys
    }
    assert found == {(question.asset, question.name): question.blocking for question in QUESTIONS}


def test_both_jobs_run_everything_in_one_process():
    for name in ("sahara_run", "sahara_retrain"):
        job = defs().resolve_job_def(name)
        assert job.executor_def.name == "in_process"
        assert {key.to_user_string() for key in job.asset_layer.selected_asset_keys} == set(SPECS)
        assert len(job.asset_layer.asset_graph.asset_check_keys) == len(QUESTIONS)


def test_the_retraining_schedule_is_off_until_someone_turns_it_on():
    (schedule,) = defs().schedules
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job.name == "sahara_retrain"


@pytest.mark.parametrize(
    ("url", "kind"),
    [("duckdb:///sahara.duckdb", "duckdb"), ("postgres://host/db", "postgresql"), ("bigquery://p/d", "bigquery")],
)
def test_assets_name_the_warehouse_that_they_are_in(url, kind, monkeypatch):
    monkeypatch.setenv("SAHARA_WAREHOUSE_URL", url)
    kinds = {spec.key.to_user_string(): spec.kinds for spec in defs().resolve_all_asset_specs()}
    warehouses = {"duckdb", "postgresql", "bigquery"}
    assert {name for name, found in kinds.items() if found & warehouses} >= {
        "raw_purchases",
        "purchases",
        "customer_features",
    }
    assert all(found & warehouses in (set(), {kind}) for found in kinds.values())


def test_broken_settings_do_not_keep_the_code_from_loading(monkeypatch):
    monkeypatch.setenv("SAHARA_DROPS_WATCH_SECONDS", "never")
    assert {sensor.name for sensor in defs().sensors} == {"drop_sensor", "alerts"}
