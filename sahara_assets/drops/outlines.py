"""What a row of a drop looks like, in Python: the outline of `casts`, for the scan that must tell a row from the inside of a quoted field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sahara_assets.drops.fields import BLANKS
from sahara_assets.drops.moments import LONGEST_OUTLINED, moment_outline
from sahara_assets.drops.numbers import SIGNS, NumberFormat, number_format
from sahara_assets.tables.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sahara_assets.drops.header import Layout
    from sahara_assets.settings.dataset import DatasetSettings
    from sahara_assets.tables.datasets import Dataset


@dataclass(frozen=True)
class RowOutline:
    """What a row of a drop looks like, in Python: tells a row from the inside of a quoted field that runs over lines.

    Attributes:
        required: places that a row fills.
        typed: places of numbers and moments, with a test of their outline.
        nothing: the texts that mean no value.
    """

    required: tuple[int, ...]
    typed: dict[int, Callable[[str], bool]]
    nothing: frozenset[str]

    def is_filled(self, fields: Sequence[str]) -> bool:
        """Whether a whole row's required fields hold something."""
        return all(fields[place].strip(BLANKS) not in self.nothing for place in self.required)

    def evidence(self, fields: Sequence[str]) -> list[int]:
        """The places of typed values that show some fields, perhaps only the first few of a line, to be a row.

        There are none where the fields cannot be a row: a required one is empty, or a typed one holds something else. Nor are there any
        in a dataset of texts, whose rows cannot be told from the inside of a quoted field.
        """
        texts = [field.strip(BLANKS) for field in fields]
        if any(texts[place] in self.nothing for place in self.required if place < len(texts)):
            return []
        filled = [place for place in self.typed if place < len(texts) and texts[place] not in self.nothing]
        return filled if all(self.typed[place](texts[place]) for place in filled) else []


def outline_of(dataset: Dataset, layout: Layout, settings: DatasetSettings) -> RowOutline:
    """The outline of a drop's rows under its header."""
    positions = dict(layout.positions)
    moment = moment_outline(settings)
    # Whose sign it is makes no difference to whether a line is a row.
    number = replace(number_format(settings), currencies=tuple(SIGNS) if settings.currency_text else ())
    count = _number_outline(replace(number, currencies=()))
    outlines = {
        Kind.DECIMAL: _number_outline(number),
        Kind.INTEGER: count,
        Kind.TIMESTAMP: moment,
        Kind.DATE: moment,
    }
    return RowOutline(
        required=tuple(positions[name] for name in dataset.required if name in positions),
        typed={p: outlines[kind] for name, p in positions.items() if (kind := dataset.column(name).kind) in outlines},
        nothing=frozenset(["", *settings.null_values]),
    )


def _number_outline(form: NumberFormat) -> Callable[[str], bool]:
    return lambda text: len(text) <= LONGEST_OUTLINED and form.to_decimal(text) is not None
