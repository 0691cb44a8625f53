"""Bronze: drops → raw tables, with the ledger and the rejects; one load fills them all, in its own transactions."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from sahara_assets.alerts import REFUSED_METADATA
from sahara_assets.assets.presentation import picture, sample, table_spec
from sahara_assets.drops.ledger import ledger_rows, raw_fingerprint, rejected_rows
from sahara_assets.drops.loading import load_drops
from sahara_assets.drops.plan import Status
from sahara_assets.report.drop_charts import drop_history, reject_reasons
from sahara_assets.report.publishing import summarise_rejects
from sahara_assets.resources import Project
from sahara_assets.tables.books import DROPS, REJECTED_ROWS
from sahara_assets.tables.datasets import RAW_TABLES

_SPECS = [
    *(table_spec(table, deps=["extracts"], kinds={"csv", "duckdb", "bronze"}) for table in RAW_TABLES.values()),
    table_spec(DROPS, deps=["extracts"], kinds={"duckdb", "bronze"}),
    table_spec(REJECTED_ROWS, deps=["extracts"], kinds={"duckdb", "bronze"}),
]


@dg.multi_asset(specs=_SPECS, name="load_drops")
def raw_assets(context: dg.AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult[Any]]:
    """Take in every drop that the ledger lacks."""
    warehouse, run = project.warehouse, project.run(context.run.run_id)
    report = load_drops(warehouse, project.settings, run_id=run.run_id, now=run.now, progress=run.progress)
    acted, read, loaded = len(report.outcomes), report.rows_read, report.rows_loaded
    context.log.info("%s drops acted on, %s unchanged; %s rows read, %s loaded", acted, report.unchanged, read, loaded)
    ledger, rejects = ledger_rows(warehouse), rejected_rows(warehouse)
    for dataset, table in RAW_TABLES.items():
        yield dg.MaterializeResult(
            asset_key=table.name,
            metadata={
                "dagster/row_count": warehouse.count(table),
                "rows_loaded_by_this_run": sum(o.rows_loaded for o in report.outcomes if o.dataset == dataset),
            },
            data_version=dg.DataVersion(raw_fingerprint(warehouse, dataset, ledger)),
        )
    yield dg.MaterializeResult(
        asset_key=DROPS.name,
        metadata={
            "dagster/row_count": len(ledger),
            "rows_read_by_this_run": report.rows_read,
            REFUSED_METADATA: dg.MetadataValue.json(
                [
                    {"path": o.path, "status": str(o.status), "reason": o.reason}
                    for o in report.outcomes
                    if o.status in {Status.HELD, Status.REJECTED}
                ]
            ),
            "drop_history": picture("Drop history", drop_history(ledger)),
            "last_drops": sample(
                ledger[::-1], ["dataset", "path", "status", "rows_read", "rows_loaded", "rows_rejected", "reason"]
            ),
        },
    )
    summary, _ = summarise_rejects(rejects)
    yield dg.MaterializeResult(
        asset_key=REJECTED_ROWS.name,
        metadata={
            "dagster/row_count": len(rejects),
            "reject_reasons": picture("Why rows were rejected", reject_reasons(summary)),
            "examples": sample(rejects, ["path", "line", "column_name", "reason", "raw_text"]),
        },
    )
