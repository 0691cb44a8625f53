"""What a run leaves in Dagster: rows, lineage, pictures and tables for every asset, and gates that hold."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import dagster as dg
import duckdb
import pytest

from sahara_assets.definitions import defs
from sahara_assets.job import execute_job
from sahara_assets.quality.checklist import QUESTIONS
from sahara_assets.quality.questions import Question
from sahara_assets.settings.document import load_settings
from sahara_assets.tables.datasets import DATASETS
from sahara_assets.tables.schema import BY_NAME
from sahara_assets_tests.commands import sahara

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASSETS = sorted(spec.key.to_user_string() for spec in defs().resolve_all_asset_specs())
MODELS = {name: f"{name}s" for name in ("segmentation_model", "repeat_buyer_model", "recommendation_model")}
"""Assets whose table goes by another name."""
PICTURES = {
    "drops": {"drop_history"},
    "rejected_rows": {"reject_reasons"},
    "top_categories": {"category_shares"},
    "k_sweep": {"sweep_plot"},
    "segment_profiles": {"segment_sizes", "heat_map", "recency_and_spend"},
    "sales_trend": {"picture", "by_day"},
    **{
        name: {"picture"}
        for name in (
            "top_products",
            "top_customers",
            "sales_by_category",
            "sales_by_part_of_day",
            "product_parts_of_day",
            "basket_pairs",
            "spend_concentration",
            "cohort_retention",
            "repeat_products",
        )
    },
}


@pytest.fixture(scope="module")
def history(finished_project: Path) -> Iterator[dg.DagsterInstance]:
    """The instance that the finished project's first run wrote."""
    with dg.DagsterInstance.from_config(str(finished_project / ".sahara")) as instance:
        yield instance


@pytest.fixture(scope="module")
def metadata(history: dg.DagsterInstance) -> dict[str, dict[str, dg.MetadataValue]]:
    found = {}
    for name in ASSETS:
        event = history.get_latest_materialization_event(dg.AssetKey(name))
        assert event is not None, f"{name} was not materialised"
        assert event.asset_materialization is not None
        found[name] = dict(event.asset_materialization.metadata)
    return found


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in ASSETS
        if name
        not in {"report", "extracts", "insight_files", "report_views", "repeat_buyer_audience", "promotion_files"}
    ],
)
def test_every_table_says_how_many_rows_it_has(name, metadata, finished_project):
    table = MODELS.get(name, name)
    with duckdb.connect(str(finished_project / "sahara.duckdb"), read_only=True) as connection:
        (count,) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()
    assert metadata[name]["dagster/row_count"].value == count


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_whole_drawings(name, metadata):
    for key in PICTURES[name]:
        found = re.fullmatch(r"!\[[^\]]+\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", metadata[name][key].value)
        assert found, f"{name}.{key}"
        drawing = ET.fromstring(base64.b64decode(found.group(1)))  # noqa: S314 - we drew it
        assert drawing.tag.endswith("svg")
        assert len(list(drawing.iter())) > 10


@pytest.mark.parametrize("name", [name for name in ASSETS if not name.startswith("raw_")])
def test_every_asset_shows_a_picture_or_a_table(name, metadata):
    shown = [value for value in metadata[name].values() if isinstance(value, dg.MarkdownMetadataValue)]
    assert shown
    for value in shown:
        assert value.value.startswith(("| ", "![", "- ", "```json")), value.value[:80]


def test_lineage_names_columns_that_exist(metadata):
    made_up = []
    traced = 0
    for name, found in metadata.items():
        lineage = found.get("dagster/column_lineage")
        if lineage is None:
            continue
        for column, sources in lineage.value.deps_by_column.items():
            if column not in BY_NAME[name].column_names:
                made_up.append(f"{name}.{column}")
            for source in sources:
                table = MODELS.get(source.asset_key.to_user_string(), source.asset_key.to_user_string())
                traced += 1
                if source.column_name not in BY_NAME[table].column_names:
                    made_up.append(f"{name}.{column} ← {table}.{source.column_name}")
    assert made_up == []
    assert traced > 100


@pytest.mark.parametrize(
    "name",
    ["purchases", "orders", "products", "customers", "customer_features", "customer_segments", "insight_lines"],
)
def test_every_column_of_a_derived_table_is_traced(name, metadata):
    traced = set(metadata[name]["dagster/column_lineage"].value.deps_by_column)
    assert set(BY_NAME[name].column_names) - traced <= {"line_count"}, "only a count of rows comes from no column"


def test_the_run_asked_every_check_and_only_the_planted_rows_made_one_warn(history):
    (run,) = history.get_runs()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    records = history.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    answers = {
        r.event_log_entry.dagster_event.asset_check_evaluation_data.check_name: r.event_log_entry.dagster_event.asset_check_evaluation_data
        for r in records
    }
    assert len(answers) == len(records) == len(defs().resolve_asset_graph().asset_check_keys)
    assert {name for name, answer in answers.items() if not answer.passed} == {"no_rejected_rows"}
    assert answers["no_rejected_rows"].severity is dg.AssetCheckSeverity.WARN


def test_a_run_asks_every_check_once_and_the_report_has_the_answers(new_project, monkeypatch):
    """On BigQuery a question costs a scan; the report tells what the checks of its run have found."""
    root = new_project
    asked = Counter()
    ask = Question.answer

    def counted(self, warehouse, settings):
        asked[self.asset, self.name] += 1
        return ask(self, warehouse, settings)

    monkeypatch.setattr(Question, "answer", counted)
    config = root / "sahara.toml"
    execute_job(load_settings(config, {}), config, retrain=False, extract=False, progress=None, debug=False)
    assert asked == Counter((question.asset, question.name) for question in QUESTIONS)
    with duckdb.connect(str(root / "sahara.duckdb"), read_only=True) as connection:
        (details,) = connection.execute("SELECT details FROM builds WHERE name = 'report'").fetchone()
    told = {(one["asset"], one["name"]) for one in json.loads(details)["verdicts"]}
    assert told <= set(asked)
    assert {asset for asset, _ in told} >= {"drops", "purchases", "customers", "customer_segments", "audience_files"}


def test_what_the_steps_say_is_in_the_event_log_though_no_output_is_captured(history):
    (run,) = history.get_runs()
    said = [entry.user_message for entry in history.all_logs(run.run_id)]
    assert any("drops acted on" in line for line in said)
    assert "trained: there is no model yet" in said


def fingerprints(root: Path) -> dict[str, str]:
    with duckdb.connect(str(root / "sahara.duckdb"), read_only=True) as connection:
        return dict(connection.execute("SELECT name, fingerprint || built_at FROM builds").fetchall())


def test_a_blocking_check_keeps_everything_below_it_from_being_built(project):
    """A raw table is tampered with and a new drop arrives: the drop is loaded, and nothing is built from the bad table."""
    with duckdb.connect(str(project / "sahara.duckdb")) as connection:
        connection.execute("UPDATE raw_purchases SET _drop_id = 'stray' WHERE _line = 3")
    new = project / "data" / "purchases" / "purchases_2031-01-01.csv"
    template = min((project / "data" / "purchases").iterdir())
    new.write_text("".join(template.read_text().splitlines(keepends=True)[:4]))
    before = fingerprints(project)
    page = (project / "exports" / "sahara_report.html").read_bytes()
    outcome = sahara("run", cwd=project)
    assert outcome.code == 3
    assert "drops: exactly_once: " in outcome.err
    assert fingerprints(project) == before
    assert (project / "exports" / "sahara_report.html").read_bytes() == page
    with dg.DagsterInstance.from_config(str(project / ".sahara")) as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.FAILURE
        built = {name for name in ASSETS if instance.get_latest_materialization_event(dg.AssetKey(name))}
    raw = {f"raw_{dataset}" for dataset in DATASETS}
    assert built == {*raw, "extracts", "drops", "rejected_rows"}
