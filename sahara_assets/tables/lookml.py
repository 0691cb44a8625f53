"""A LookML view file of the reporting views, derived from their declaration: `python -m sahara_assets.tables.lookml [FILE]`.

LookML is what Looker reads: https://cloud.google.com/looker/docs/reference/param-view-view. Dimensions are the declared columns with their
descriptions; measures add up what can be added up, and each says which rows may be added.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sahara_assets.tables.columns import Column, Kind, Table
from sahara_assets.tables.reporting import REPORT_SALES_LINES, REPORT_VIEWS

_TYPES = {
    Kind.TEXT: "string",
    Kind.DECIMAL: "number",
    Kind.INTEGER: "number",
    Kind.FLOAT: "number",
    Kind.BOOLEAN: "yesno",
}
_LINE_MEASURES = (
    ("line_count", "count", "", "Sale lines."),
    ("order_count", "count_distinct", "order_id", "Orders with a sale line."),
    ("customer_count", "count_distinct", "customer_id", "Known customers with a sale line."),
    ("unit_count", "sum", "quantity", "Units."),
    ("gross_spend", "sum", "line_total", "Value of the sale lines."),
)

HEAD = """\
# Made by `python -m sahara_assets.tables.lookml`; a sample to start from. Copy it into a LookML project and edit it there.
# The views live in the schema (BigQuery: dataset) of Sahara's tables: write its name before the first use, or set it in the connection.
# `report_sales_lines` can be added up freely. The others are counted already, for every period and for every kind of buyers:
# filter each of `period` and `buyers` to one value, or take a period_kind, before adding anything up.
"""


def render() -> str:
    """The whole file."""
    return HEAD + "".join(f"\n{_view(view)}" for view in REPORT_VIEWS)


def _view(view: Table) -> str:
    body = [f"view: {view.name} {{", f"  sql_table_name: {view.name} ;;", f"  # {view.description}"]
    for column in view.columns:
        body += _dimension(column, is_key=view.key == (column.name,))
    if view is REPORT_SALES_LINES:
        for name, kind, of, what in _LINE_MEASURES:
            sql = [f"sql: ${{{of}}} ;;"] if of else []
            body += _field("measure", name, [f"type: {kind}", *sql, _described(what)])
    return "\n".join([*body, "}", ""])


def _dimension(column: Column, *, is_key: bool) -> list[str]:
    key = ["primary_key: yes"] if is_key else []
    sql = f"sql: ${{TABLE}}.{column.name} ;;"
    if column.kind is Kind.DATE:
        frames = "timeframes: [raw, date, week, month, quarter, year]"
        more = ["type: time", frames, "convert_tz: no", "datatype: date", sql, _described(column.description)]
        return _field("dimension_group", column.name, more)
    return _field("dimension", column.name, [*key, f"type: {_TYPES[column.kind]}", sql, _described(column.description)])


def _field(kind: str, name: str, lines: list[str]) -> list[str]:
    return ["", f"  {kind}: {name} {{", *(f"    {line}" for line in lines), "  }"]


def _described(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'description: "{escaped}"'


if __name__ == "__main__":
    text = render()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
