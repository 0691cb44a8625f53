"""Before the drops: what the databases of `[extracts]` hold anew becomes files, which are then taken in like any drop."""

from typing import Any

import dagster as dg

from sahara_assets.assets.presentation import OWNERS, sample
from sahara_assets.extracts.extracting import extract_all, last_tries
from sahara_assets.resources import Project


class Extracting(dg.Config):
    """Whether the databases are asked; who started the run may have asked them a moment ago."""

    ask: bool = True


@dg.asset(
    key="extracts",
    group_name="raw",
    kinds={"sql", "mongodb", "json"},
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
    rows = [{**vars(each), "said": each.error or "; ".join(each.notices)} for each in tries]
    shown = sample(rows, ["name", "dataset", "at", "rows", "files", "watermark", "said"], 50)
    written = {"rows_written": sum(each.rows for each in tries), "files_written": sum(each.files for each in tries)}
    return dg.MaterializeResult(metadata={**written, "last_tries": shown})
