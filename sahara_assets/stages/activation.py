"""Audience files and the report, written unless they are current; how lives in `exports/` and `report/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sahara_assets.builds import Built, Run, code_fingerprint, combine
from sahara_assets.stages.features import cut_off
from sahara_assets.stages.shared import needed
from sahara_assets.tables.sales import CUSTOMERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sahara_assets.quality.questions import Verdict
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse


def audience_files(warehouse: Warehouse, settings: Settings, run: Run) -> Built:
    """The files for marketing tools, unless those on disk are the ones this build would write."""
    from sahara_assets.exports.publishing import publish_audiences
    from sahara_assets.tables.segmentation import CUSTOMER_SEGMENTS

    fingerprint = combine(
        needed(warehouse, CUSTOMER_SEGMENTS.name).fingerprint,
        needed(warehouse, CUSTOMERS.name).fingerprint,
        settings.fingerprint("export"),
        code_fingerprint("exports"),
    )
    return publish_audiences(warehouse, settings, run, fingerprint, cut_off(warehouse))


def report(warehouse: Warehouse, settings: Settings, run: Run, answered: Iterable[Verdict] = ()) -> Built:
    """The report for people, written whenever what it says has changed; `answered` are the checks that this run has asked already."""
    from sahara_assets.report.publishing import publish_report

    return publish_report(warehouse, settings, run, answered)
