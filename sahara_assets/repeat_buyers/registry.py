"""The registry of repeat buyer models in the warehouse: readable JSON with measures and lineage, the champion marked.

How models come about is in `learning.py`, what a model is in `learning/classifier.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahara_assets.learning.document import DocumentError, classifier_of, document_of
from sahara_assets.tables.prediction import REPEAT_BUYER_MODELS

if TYPE_CHECKING:
    from sahara_assets.learning.classifier import Classifier
    from sahara_assets.warehouse.base import Row, Warehouse

CHAMPION, CANDIDATE, RETIRED = "champion", "candidate", "retired"

FORMAT, FORMAT_VERSION = "sahara repeat buyer model", 1


@dataclass(frozen=True)
class Registered:
    """One registry entry, read.

    Attributes:
        classifier: the model.
        metrics: how good it was on the customers of its report cut-off.
        row: the entry as it stands.
    """

    classifier: Classifier
    metrics: dict[str, Any]
    row: Row

    @property
    def version(self) -> int:
        """Counts trainings, from 1."""
        return int(self.row["version"])


def registered(warehouse: Warehouse) -> list[Row]:
    """Every entry, by version and kind."""
    return warehouse.rows(REPEAT_BUYER_MODELS)


def champion(warehouse: Warehouse) -> Registered | None:
    """The model in use, or None before the first training."""
    rows = [row for row in registered(warehouse) if row["stage"] == CHAMPION]
    if not rows:
        return None
    return Registered(model_of(rows[-1]["model"]), json.loads(rows[-1]["metrics"]), rows[-1])


def model_text(classifier: Classifier, **about: Any) -> str:  # noqa: ANN401 - JSON values
    """The canonical document of a model."""
    document = {"format": FORMAT, "format_version": FORMAT_VERSION, **about, **document_of(classifier)}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def model_of(text: str) -> Classifier:
    """The classifier of a document that `model_text` wrote, or a person edited.

    Raises:
        DocumentError: it is no such document.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"model: is no valid JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DocumentError(f"model: format must be {FORMAT!r}")
    if document.get("format_version") != FORMAT_VERSION:
        raise DocumentError(
            f"model: format_version {document.get('format_version')!r} is not {FORMAT_VERSION}; train anew, or use the Sahara that wrote it"
        )
    return classifier_of(document)
