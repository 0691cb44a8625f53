"""One attribute of a customer as `[datasets.NAME.attributes]` declares it, and what it comes to.

Attributes with a well-known name take kind, unit and words from `tables/attributes.py`; what the settings say goes before that.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sahara_assets.settings.base import Section
from sahara_assets.tables.attributes import Attribute, AttributeKind, well_known

YES = ("1", "true", "t", "yes", "y")
NO = ("0", "false", "f", "no", "n")
"""The words of a flag, whatever their capitals, where the settings name no others."""


class AttributeSettings(Section):
    """One column that says something of a customer: `NAME = "Header"` for a well-known name, else a table of these keys."""

    column: str = Field(min_length=1, description="The header's name; of JSON and Parquet a dotted path too.")
    kind: Literal["number", "category", "flag", "date"] | None = Field(
        None,
        description="`number` (read by the dataset's number settings, four decimals), `category` (a word), `flag` (yes or no) or `date` (by date_formats). Required for a name that is not well-known.",
    )
    unit: str | None = Field(
        None,
        max_length=20,
        description="What a number counts, such as `money`, `years` or `people`; `money` may bear the currency's sign where currency_text is set.",
    )
    label: str | None = Field(None, description="The words a marketer reads, without the unit.")
    high: str | None = Field(None, description="What a segment that stands out upwards is called.")
    low: str | None = Field(None, description="What a segment that stands out downwards is called.")
    constant: bool | None = Field(
        None,
        description="Whether it cannot change, as a birth date: `sahara features --as-of` then takes it from files written later, too.",
    )
    yes: list[str] = Field(
        list(YES), min_length=1, description="Of a flag, the words that mean yes; capitals do not matter."
    )
    no: list[str] = Field(list(NO), min_length=1, description="Of a flag, the words that mean no.")


def attribute_of(name: str, declared: AttributeSettings) -> Attribute:
    """The attribute that a declaration comes to.

    Raises:
        KeyError: the name is not well-known and the declaration does not say what kind it is.
    """
    known = well_known(name)
    if known is None and declared.kind is None:
        raise KeyError(f"attribute {name!r} is not well-known, and its declaration names no kind")
    kind = AttributeKind(declared.kind) if declared.kind is not None else known.kind if known else AttributeKind.NUMBER
    words = name.replace("_", " ")
    base = known or Attribute(name, kind, words, f"{words[:1].upper()}{words[1:]}, as the file states it.")
    told = {part: getattr(declared, part) for part in ("unit", "label", "high", "low", "constant")}
    return Attribute(
        name=name,
        kind=kind,
        description=base.description,
        **{part: getattr(base, part) if value is None else value for part, value in told.items()},
    )
