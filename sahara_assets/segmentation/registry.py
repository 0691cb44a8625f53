"""The model registry in the warehouse: every swept model as readable JSON, with the champion marked.

How models are trained lives in `training.py`; what a model is in `model.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import SaharaError
from sahara_assets.segmentation.document import from_json
from sahara_assets.tables.segmentation import SEGMENTATION_MODELS

if TYPE_CHECKING:
    from datetime import datetime

    from sahara_assets.segmentation.model import SegmentationModel
    from sahara_assets.warehouse.base import Row, Warehouse

CHAMPION, CANDIDATE, RETIRED = "champion", "candidate", "retired"


@dataclass(frozen=True)
class Registered:
    """One registry entry, read.

    Attributes:
        model: the model.
        stage: champion, candidate (swept in the same training as the champion) or retired.
        metrics: its line of the sweep.
        trace: why the training's k was chosen: a line per k and the last word.
        training_fingerprint: hash of the settings that trained it.
        cut_off: local moment up to which its customers' lines counted.
        row: the entry as it stands.
    """

    model: SegmentationModel
    stage: str
    metrics: dict[str, Any]
    trace: list[str]
    training_fingerprint: str
    cut_off: datetime
    row: Row


def registered(warehouse: Warehouse) -> list[Row]:
    """Every entry, by version and k."""
    return warehouse.rows(SEGMENTATION_MODELS)


def champion(warehouse: Warehouse) -> Registered | None:
    """The model in use, or None before the first training."""
    rows = [row for row in registered(warehouse) if row["stage"] == CHAMPION]
    return read_entry(rows[-1]) if rows else None


def swept_with_champion(warehouse: Warehouse) -> list[Registered]:
    """Every model of the champion's training, by k."""
    rows = registered(warehouse)
    version = next((row["version"] for row in rows if row["stage"] == CHAMPION), None)
    return [read_entry(row) for row in rows if row["version"] == version]


def read_entry(row: Row) -> Registered:
    """A registry row with its model read."""
    return Registered(
        model=from_json(row["model"]),
        stage=row["stage"],
        metrics=json.loads(row["metrics"]),
        trace=json.loads(row["trace"]),
        training_fingerprint=row["training_fingerprint"],
        cut_off=row["cut_off"],
        row=row,
    )


def candidate(warehouse: Warehouse, k: int) -> Registered:
    """The model with that many segments from the champion's training.

    Raises:
        SaharaError: there is no champion yet, or the sweep did not try that k.
    """
    swept = swept_with_champion(warehouse)
    if not swept:
        raise SaharaError("there is no model yet; `sahara run` trains one")
    for entry in swept:
        if entry.model.k == k:
            return entry
    tried = ", ".join(str(entry.model.k) for entry in swept)
    raise SaharaError(
        f"k = {k} was not swept; there are {tried}. For another, set segmentation.k in sahara.toml and run"
    )
