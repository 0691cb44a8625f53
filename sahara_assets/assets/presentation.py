"""How an asset is declared and what it shows in the Dagster UI: row count, column schema, lineage, a few rows, and a picture.

The pictures themselves are drawn in `report/`; this module only dresses them for Dagster.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dagster as dg

from sahara_assets.tables.columns import Kind, Table
from sahara_assets.untrusted import markdown_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sahara_assets.builds import Built
    from sahara_assets.warehouse.base import Row, Warehouse

OWNERS = ["team:sahara"]

_UI_TYPES = {
    Kind.TEXT: "text",
    Kind.DECIMAL: "decimal(18,4)",
    Kind.INTEGER: "bigint",
    Kind.FLOAT: "double",
    Kind.TIMESTAMP: "timestamp",
    Kind.DATE: "date",
    Kind.BOOLEAN: "boolean",
}


_EMBEDDED = "duckdb"


def column_schema(table: Table) -> dg.TableSchema:
    """The declared columns as the UI's schema tab shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=_UI_TYPES[column.kind],
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=table.key == (column.name,)),
            )
            for column in table.columns
        ]
    )


def column_lineage(
    table: Table, upstream: Sequence[Table], made_from: Mapping[str, Sequence[tuple[str, str]]] | None = None
) -> dg.TableColumnLineage:
    """Which upstream columns each column comes from: those of the same name, or as `made_from` says (asset, column)."""
    made_from = made_from or {}
    deps = {}
    for column in table.columns:
        sources = list(made_from.get(column.name, ()))
        if not sources:
            sources = [(source.name, column.name) for source in upstream if column.name in source.column_names]
        if sources:
            deps[column.name] = [dg.TableColumnDep(dg.AssetKey(asset), name) for asset, name in sources]
    return dg.TableColumnLineage(deps_by_column=deps)


def table_spec(table: Table, *, kinds: set[str], deps: Sequence[str] = (), key: str = "") -> dg.AssetSpec:
    """The asset that a declared table is, called `key` where that is not the table's name; the table's stage is its group."""
    return dg.AssetSpec(
        key or table.name,
        deps=deps,
        group_name=table.stage,
        description=table.description,
        kinds=kinds,
        owners=OWNERS,
        metadata={"dagster/column_schema": column_schema(table), "dagster/table_name": table.name},
    )


def in_warehouse(spec: dg.AssetSpec, kind: str) -> dg.AssetSpec:
    """The asset as it shows in the UI where the tables live in another warehouse than the embedded one."""
    return spec.replace_attributes(kinds=(spec.kinds - {_EMBEDDED}) | {kind}) if _EMBEDDED in spec.kinds else spec


def table_asset(
    table: Table, *, deps: Sequence[str], kinds: set[str]
) -> Callable[[Callable[..., dg.MaterializeResult[Any]]], dg.AssetsDefinition]:
    """The decorator of a function that builds one declared table."""
    return dg.multi_asset(name=f"build_{table.name}", specs=[table_spec(table, deps=deps, kinds=kinds)])


def picture(title: str, svg: str) -> dg.MarkdownMetadataValue:
    """A drawing as the UI can show it."""
    from sahara_assets.report.svg import data_uri

    return dg.MetadataValue.md(f"![{title}]({data_uri(svg)})")


def sample(rows: Sequence[Row], columns: Sequence[str], most: int = 10) -> dg.MarkdownMetadataValue:
    """The first rows as a table."""
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"
    lines = [f"| {' | '.join(_cell(row.get(column)) for column in columns)} |" for row in rows[:most]]
    return dg.MetadataValue.md("\n".join([head, *lines]))


def counts(warehouse: Warehouse, table: Table, by: str, adding: str | None = None) -> dg.MarkdownMetadataValue:
    """How many rows of a table have each value of a column, and what another column comes to; the most frequent ten."""
    rows = warehouse.table(table)
    total = {adding: rows[adding].sum()} if adding else {}
    grouped = rows.group_by(by).aggregate(rows=rows.count(), **total)
    found = warehouse.rows(grouped.order_by([grouped["rows"].desc(), grouped[by].asc()]).limit(10))
    return sample(found, [by, "rows", *total])


def _cell(value: object) -> str:
    if isinstance(value, float | Decimal):
        text = f"{value:,.3f}" if abs(float(value)) < 10 else f"{value:,.2f}"
    else:
        text = "" if value is None else "yes" if value is True else "" if value is False else str(value)
    return markdown_cell(text if len(text) <= 80 else f"{text[:79]}…")


def result_of(
    built: Built,
    lineage: dg.TableColumnLineage | None = None,
    **metadata: Any,  # noqa: ANN401 - what Dagster takes
) -> dg.MaterializeResult[Any]:
    """A build as Dagster's result: rows, whether it was rebuilt, what the builder remembered, lineage, and what is shown."""
    details = {
        name: value if isinstance(value, int | float | str) else dg.MetadataValue.json(value)
        for name, value in built.details.items()
    }
    return dg.MaterializeResult(
        asset_key=built.name,
        metadata={
            "dagster/row_count": built.row_count,
            **({"dagster/column_lineage": lineage} if lineage else {}),
            "rebuilt": built.rebuilt,
            **details,
            **metadata,
        },
        data_version=dg.DataVersion(built.fingerprint),
    )
