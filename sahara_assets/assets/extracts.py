"""Before the drops: what the databases of `[extracts]` hold anew becomes files, which are then taken in like any drop."""

from typing import Any

import dagster as dg

from sahara_assets.assets.presentation import OWNERS
from sahara_assets.extracts.extracting import extract_all, last_tries
from sahara_assets.resources import Project


class Extracting(dg.Config):
    """Whether the databases are asked; who started the run may have asked them a moment ago."""

    ask: bool = True


@dg.asset(
    key="extracts",
    group_name="raw",
    kinds={"sql", "mongodb", "bigquery"},
    owners=OWNERS,
    description="What databases hold anew, as files beside the drops; one that cannot be asked is said, and tried again by the next run.",
)
def extracts(context: dg.AssetExecutionContext, config: Extracting, project: Project) -> dg.MaterializeResult[Any]:
    """Ask every database for what is new."""
    run = project.run(context.run.run_id)
    project.hold()
    if config.ask:
        extract_all(project.settings, now=run.now, progress=run.progress)
    tries = last_tries(project.settings)
    for failed in (each for each in tries if each.error):
        context.log.warning("%s: %s", failed.name, failed.error)
    shown = [
        dg.TableRecord(
            {
                "extract": each.name,
                "dataset": each.dataset,
                "rows": each.rows,
                "files": each.files,
                "watermark": each.watermark,
                "said": each.error or "; ".join(each.notices),
            }
        )
        for each in tries
    ]
    metadata: dict[str, Any] = {"dagster/row_count": sum(each.rows for each in tries)}
    if shown:
        metadata["last_tries"] = dg.MetadataValue.table(shown)
    return dg.MaterializeResult(metadata=metadata)
