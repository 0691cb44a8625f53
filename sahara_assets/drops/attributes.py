"""Attributes of customers while a file is read: columns like any other, until they are written down together as one JSON text.

A dataset with declared attributes is read as if they were columns of its own, so that binding by name, casting and rejecting are the
same; the raw table has one static column for all of them. The text is canonical: names by code point, what has no value left out,
numbers (with four decimals) and dates as JSON texts, so that no engine that reads them back can round them, flags as true and false. How
it is read back is `warehouse/expressions.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sahara_assets.settings.attributes import attribute_of
from sahara_assets.tables.attributes import AttributeKind
from sahara_assets.tables.columns import Column, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.drops.casts import Cast
    from sahara_assets.settings.dataset import DatasetSettings
    from sahara_assets.tables.datasets import Dataset

_KINDS = {
    AttributeKind.NUMBER: Kind.DECIMAL,
    AttributeKind.CATEGORY: Kind.TEXT,
    AttributeKind.FLAG: Kind.BOOLEAN,
    AttributeKind.DATE: Kind.DATE,
}


def as_read(dataset: Dataset, settings: DatasetSettings) -> tuple[Dataset, DatasetSettings]:
    """A dataset and its settings with the declared attributes as columns, and without those that its files are declared to lack."""
    dataset = dataset.under(settings.columns)
    if not settings.attributes:
        return dataset, settings
    attributes = [attribute_of(name, declared) for name, declared in settings.attributes.items()]
    columns = [Column(one.name, _KINDS[one.kind], one.description) for one in attributes]
    plain = {one.name for one in attributes if one.unit != "money"}
    sources = {name: declared.column for name, declared in settings.attributes.items()}
    return (
        replace(
            dataset,
            columns=(*dataset.columns, *columns),
            plain_numbers=dataset.plain_numbers | plain,
            attributes=frozenset(settings.attributes),
        ),
        settings.model_copy(update={"columns": {**settings.columns, **sources}}),
    )


def attributes_json(dataset: Dataset, casts: Sequence[Cast]) -> str:
    """The attributes of a row as SQL over its typed columns; null where it has none."""
    members = [_member(c) for c in sorted(casts, key=lambda c: c.column.name) if c.column.name in dataset.attributes]
    if not members:
        return "CAST(NULL AS VARCHAR)"
    return f"nullif('{{' || concat_ws(',', {', '.join(members)}) || '}}', '{{}}')"


def _member(cast: Cast) -> str:
    """A name and its value, null where there is no value."""
    if cast.column.kind is Kind.TEXT:
        value = f"CAST(to_json({cast.sql}) AS VARCHAR)"
    elif cast.column.kind is Kind.BOOLEAN:
        value = f"CAST({cast.sql} AS VARCHAR)"
    else:
        value = f"'\"' || CAST({cast.sql} AS VARCHAR) || '\"'"
    return f"'\"{cast.column.name}\":' || {value}"
