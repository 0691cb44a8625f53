"""`docs/tables.md`, the data dictionary, derived from the declared tables: `python -m sahara_assets.tables.reference [FILE]`."""

from __future__ import annotations

import sys
from pathlib import Path

from sahara_assets.features.declarations import FEATURES, Feature
from sahara_assets.tables.columns import Kind, Table
from sahara_assets.tables.datasets import DATASETS, Dataset
from sahara_assets.tables.reporting import REPORT_VIEWS
from sahara_assets.tables.schema import ALL_TABLES

_KINDS = {
    Kind.TEXT: "text",
    Kind.DECIMAL: "decimal(18,4)",
    Kind.INTEGER: "integer",
    Kind.FLOAT: "float",
    Kind.TIMESTAMP: "timestamp",
    Kind.DATE: "date",
    Kind.BOOLEAN: "yes/no",
}


def render() -> str:
    """The whole page as Markdown."""
    parts = [
        "# Tables",
        "",
        "Derived from the code by `make docs`; do not edit. Timestamps are UTC unless their name ends in `_local`.",
        "",
        "## What a drop holds",
        "",
        *(line for dataset in DATASETS.values() for line in _dataset(dataset)),
        "## What the warehouse holds",
        "",
        *(line for table in ALL_TABLES for line in _table(table)),
        "## Views for reporting tools",
        "",
        (
            "Made by the pipeline beside the tables, for dashboards to sit on: none of their columns is renamed, retyped or taken away without the "
            "changelog saying so. `deploy/looker/sahara.view.lkml` is a LookML file of them; see `docs/insights.md`."
        ),
        "",
        *(line for view in REPORT_VIEWS for line in _table(view)),
        "## How the model treats each feature",
        "",
        "Only the features listed under `features.model` in `sahara.toml` are clustered on; the others describe the segments.",
        "",
        "| feature | unit | missing becomes | capped at quantile | transform | scale |",
        "|---|---|---|---|---|---|",
        *(_treatment(feature) for feature in FEATURES),
        "",
    ]
    return "\n".join(parts)


def _dataset(dataset: Dataset) -> list[str]:
    def need(name: str) -> str:
        return "in every row" if name in dataset.required else "in the header" if name in dataset.expected else ""

    rows = [f"| `{c.name}` | {_KINDS[c.kind]} | {need(c.name)} | {c.description} |" for c in dataset.columns]
    key = (
        f" Key: `{', '.join(dataset.key)}`; a newer row replaces an older one."
        if dataset.key
        else " No key: every line counts."
    )
    head = ["| column | kind | needed | meaning |", "|---|---|---|---|"]
    return [f"### {dataset.name}", "", dataset.description + key, "", *head, *rows, ""]


def _table(table: Table) -> list[str]:
    rows = [
        f"| `{c.name}` | {_KINDS[c.kind]} | {'' if c.nullable else 'never null'} | {c.description} |"
        for c in table.columns
    ]
    head = ["| column | kind | | meaning |", "|---|---|---|---|"]
    key = f"Stage: {table.stage}. Key: `{', '.join(table.key)}`."
    return [f"### {table.name}", "", f"{table.description} {key}", "", *head, *rows, ""]


def _treatment(feature: Feature) -> str:
    treatment = feature.treatment
    cap = "" if treatment.cap_quantile is None else f"{treatment.cap_quantile:g}"
    how = "one-hot" if feature.is_category else treatment.transform
    return f"| `{feature.name}` | {feature.unit} | {treatment.missing} | {cap} | {how} | {treatment.scale} |"


if __name__ == "__main__":
    text = render()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
