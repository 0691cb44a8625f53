r"""From a field's text to a typed value, and the reason where that fails: one meaning of "valid" for every warehouse.

Everything is read as text and cast by guarded rules, because typed CSV reads turn `1.7` into 2 and `0x1F` into 31, drop the `-08` of
a timestamp and accept `infinity`. Each declared column becomes DuckDB expressions over the text columns ``c0``, ``c1``, … of a staged
drop. How moments are written is in `moments`; `outlines` holds the same rules' outline in Python.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sahara_assets.drops.fields import BLANKS
from sahara_assets.drops.moments import EARLIEST, LATEST, moment, what_does_not_exist
from sahara_assets.drops.numbers import LOST_ID, marks_of, number_format
from sahara_assets.drops.plain import Care
from sahara_assets.drops.sql_text import is_one_of, literal
from sahara_assets.settings.dataset import DatasetSettings
from sahara_assets.tables.columns import Column, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.drops.header import Layout
    from sahara_assets.settings.sections import ProjectSettings
    from sahara_assets.tables.datasets import Dataset

_OF_TEXTS = (
    "decimal_mark",
    "thousands_mark",
    "digit_grouping",
    "currency_text",
    "negatives",
    "percent",
    "date_formats",
)
"""The settings that say how a number or moment is written as text."""

# RE2's own \s knows six ASCII characters and no others.
_BLANK_CLASS = "".join(f"\\x{{{ord(blank):04X}}}" for blank in BLANKS)
_SEPARATOR, _NULL, _ESCAPE = "chr(31)", "chr(30)", "chr(29)"


@dataclass(frozen=True)
class Cast:
    """One declared column's expressions over the staged text columns.

    Attributes:
        column: what is declared.
        text: the text over the trimmed columns `c0`, `c1`, …, null where it is empty or means nothing; named `t_<column>`.
        values: output name → typed expression over the texts (a timestamp gives itself in UTC and its local time).
        failure: over texts and values: true where the text cannot be typed or a required value is missing.
        remedy: what would be right, for the reject's reason.
        stands_in: whether the values are made from other columns' values, since the files have none of its own.
        moments: of a date or time, the formats that it may be written in.
    """

    column: Column
    text: str
    values: tuple[tuple[str, str], ...]
    failure: str
    remedy: str
    stands_in: bool = False
    moments: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The typed column as SQL names it."""
        return self.values[0][0]

    def fault(self, text: str | None) -> str:
        """What is wrong with a value that failed, and the remedy."""
        if text is not None:
            return f"holds {_shortened(text)!r}; {self._no_such_moment(text) or self.remedy}"
        return f"is empty; {_NOT_EMPTY if self.column.kind is Kind.TEXT else self.remedy}"

    def _no_such_moment(self, text: str) -> str:
        """What to say of a moment that is written as it should be, where it is the calendar or the clock that lacks it."""
        for form in self.moments:
            if what := what_does_not_exist(text, form):
                return f"read as {_MOMENT_NAMES.get(form, form)} there is no such {what}; correct it at its source, or date_formats"
        return ""


_NOT_EMPTY = "it must not be empty"
_MOMENT_NAMES = {"iso": "2011-12-01 08:26:00 (ISO 8601)"}
"""Date formats whose name does not show how they are written."""

_WHOSE = (f"coalesce(customer_id, {_NULL})", f"coalesce(place_id, {_NULL})", "CAST(ordered_at AS VARCHAR)")
_STAND_INS = {
    "order_id": "md5(concat(" + f", {_SEPARATOR}, ".join(_WHOSE) + "))",
    "quantity": "CAST(1 AS DECIMAL(18, 4))",
    "unit_price": "CAST(0 AS DECIMAL(18, 4))",
}
"""What stands for a column that the files are declared to lack (`Dataset.stand_ins` says so in words), over the other columns' values."""


def _shortened(text: str, length: int = 60) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def casts_of(dataset: Dataset, layout: Layout, settings: DatasetSettings, project: ProjectSettings) -> list[Cast]:
    """The casts of every declared column, in their order; a column that the header lacks is null."""
    places = layout.places
    # A value that has a type is written in one way only, whatever the settings say of texts.
    typed = settings.model_copy(update={name: getattr(DatasetSettings(), name) for name in _OF_TEXTS})
    by_line = "currency" in places or "currency" in settings.constants
    return [
        _stood_in(dataset, column, layout, settings)
        or _cast(
            dataset,
            column,
            places.get(column.name, ()),
            typed if column.name in layout.typed else settings,
            project,
            by_line=by_line,
        )
        for column in dataset.columns
    ]


def _stood_in(dataset: Dataset, column: Column, layout: Layout, settings: DatasetSettings) -> Cast | None:
    """What stands for a column that the files are declared to lack, and do lack."""
    name = column.name
    if name not in dataset.stand_ins or name in (*layout.places, *dataset.required, *settings.constants):
        return None
    return Cast(column, _text(name, (), settings), ((name, _STAND_INS[name]),), "false", "", stands_in=True)


def _cast(
    dataset: Dataset,
    column: Column,
    places: Sequence[int],
    settings: DatasetSettings,
    project: ProjectSettings,
    *,
    by_line: bool,
) -> Cast:
    own, text = column.name, f"t_{column.name}"
    # Declared columns have names that SQL takes as they are; a shop's attribute may be called `order`.
    name = f'"{own}"' if own in dataset.attributes else own
    filled, moments = text, tuple[str, ...]()
    if column.kind is Kind.TEXT:
        value = _normalised(text, settings.normalise.get(own, []))
        if own in dataset.attributes:
            # A category is a word: with a line break inside it would be another one to every tool that reads it.
            value = rf"regexp_replace({value}, '[\x01-\x1F]+', ' ', 'g')"
        untyped, remedy = "false", _NOT_EMPTY
        if own in dataset.identifiers:
            # A short id is no such number, and asking for the sign first costs next to nothing.
            untyped = f"(contains({text}, '+') AND regexp_full_match({text}, '{LOST_ID}'))"
            remedy = "it must stand there whole, exported as text: a spreadsheet rounds a long number to 1.23E+11"
        if own == "currency" and project.currency and (places or own in settings.constants):
            value = f"upper({value})"
            known = sorted({code.upper() for code in (project.currency, *project.currency_rates)})
            untyped = f"NOT {is_one_of(name, known)}"
            remedy = f"the project's currency is {project.currency}; give a rate under [project.currency_rates]"
        values: tuple[tuple[str, str], ...] = ((name, value),)
        filled = name
    elif column.kind is Kind.DECIMAL:
        value, remedy = _decimal(column, settings, project, dataset, by_line=by_line)
        values = ((name, value),)
        untyped = f"{name} IS NULL"
    elif column.kind is Kind.BOOLEAN:
        value, remedy = _flag(own, text, settings)
        values = ((name, value),)
        untyped = f"{name} IS NULL"
    elif column.kind is Kind.INTEGER:
        value, remedy = _whole(text, settings)
        values = ((name, value),)
        untyped = f"{name} IS NULL"
    else:
        local, utc = moment(text, settings, project, is_day=column.kind is Kind.DATE)
        if column.kind is Kind.DATE:
            seen, values = name, ((name, f"CAST({local} AS DATE)"),)
        else:
            seen, values = f"{name}_local", ((name, utc), (f"{name}_local", local))
        untyped = f"({seen} IS NULL OR {seen} < DATE '{EARLIEST}' OR {seen} >= DATE '{LATEST}')"
        moments = tuple(settings.date_formats or ["iso"])
        wanted = " or ".join(_MOMENT_NAMES.get(form, form) for form in moments)
        remedy = f"write it as {wanted}, from {EARLIEST[:4]} to {int(LATEST[:4]) - 1}"
    failure = f"({filled} IS NOT NULL AND {untyped})"
    if own in dataset.required:
        failure = f"({filled} IS NULL OR {failure})"
    return Cast(column, _text(own, places, settings), values, failure, remedy, moments=moments)


def trimmed(position: int, care: Care) -> str:
    """A staged field without the blanks around it (`fields.BLANKS`); what cannot occur in the text at hand is not looked for."""
    field = f"c{position}"
    if care is Care.NONE:
        return field
    if care is Care.SPACES:
        return f"CASE WHEN {field} < '!' OR ends_with({field}, ' ') THEN trim({field}) ELSE {field} END"
    listed = " || ".join(f"chr({ord(blank)})" for blank in BLANKS)
    return f"CASE WHEN regexp_matches({field}, '^[{_BLANK_CLASS}]|[{_BLANK_CLASS}]$') THEN trim({field}, {listed}) ELSE {field} END"


def _text(column: str, places: Sequence[int], settings: DatasetSettings) -> str:
    """The trimmed text of the first of a column's fields that is neither empty nor one of the words that mean nothing; else null."""
    if column in settings.constants:
        return f"CAST({literal(settings.constants[column].strip(BLANKS))} AS VARCHAR)"
    if not places:
        return "CAST(NULL AS VARCHAR)"
    nothing = ("", *settings.null_values)
    texts = [f"(CASE WHEN {is_one_of(f'c{place}', nothing)} THEN NULL ELSE c{place} END)" for place in places]
    return texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"


def _normalised(text: str, normalisers: Sequence[str]) -> str:
    rules = {
        "strip_float_suffix": r"regexp_replace({}, '^([+-]?[0-9]+)\.0+$', '\1')",
        "strip_leading_zeros": r"regexp_replace({}, '^0+(.)', '\1')",
        "strip_spaces": "nullif(regexp_replace({}, '["
        + _BLANK_CLASS.replace("{", "{{").replace("}", "}}")
        + "]', '', 'g'), '')",
        "upper": "upper({})",
        "lower": "lower({})",
    }
    for normaliser in normalisers:
        text = rules[normaliser].format(text)
    return text


def _flag(name: str, text: str, settings: DatasetSettings) -> tuple[str, str]:
    """Yes or no as SQL, null where it is neither, and the remedy."""
    declared = settings.attributes[name]
    yes, no = ([word.lower() for word in words] for words in (declared.yes, declared.no))
    value = (
        f"(CASE WHEN {is_one_of(f'lower({text})', yes)} THEN true "
        f"WHEN {is_one_of(f'lower({text})', no)} THEN false END)"
    )
    return value, f"write {' or '.join(declared.yes)} for yes, {' or '.join(declared.no)} for no"


def _decimal(
    column: Column, settings: DatasetSettings, project: ProjectSettings, dataset: Dataset, *, by_line: bool
) -> tuple[str, str]:
    """A number with four decimals as SQL, and the remedy; further decimals are rounded (`2.5500000000000003` is how floats print)."""
    text = f"t_{column.name}"
    form = number_format(settings, project, is_money=column.name not in dataset.plain_numbers)
    remedy = f"write a number such as {form.example}, at most 14 digits before the {form.decimal_mark}"
    if column.name in settings.micros:
        # A division would make a float of it.
        return (
            f"CAST({form.to_sql(text)} * CAST(0.000001 AS DECIMAL(7, 6)) AS DECIMAL(18, 4))",
            f"{remedy}, in millionths",
        )
    if not form.currencies:
        return form.to_sql(text), remedy
    # Whose sign may stand beside an amount, the line's own currency says where it names one.
    own, *others = form.currencies
    marks = " or ".join(dict.fromkeys(mark for mark in marks_of(own) if not mark.islower()))
    remedy += f", and beside it nothing but {marks}: the project's currency is {own}"
    number = replace(form, currencies=(own,)).to_sql(text)
    if by_line and others:
        cases = " ".join(
            f"WHEN upper(t_currency) = {literal(code)} THEN {replace(form, currencies=(code,)).to_sql(text)}"
            for code in others
        )
        number = f"(CASE {cases} ELSE {number} END)"
    return number, remedy


def _whole(text: str, settings: DatasetSettings) -> tuple[str, str]:
    """A whole number as SQL, and the remedy."""
    number = number_format(settings, is_money=False).to_sql(text)
    return (
        f"(CASE WHEN {number} = trunc({number}) THEN CAST({number} AS BIGINT) END)",
        "write a whole number such as 12, of at most 14 digits",
    )


def line_hash(casts: Sequence[Cast], care: Care) -> str:
    """The MD5 of a row's typed declared values: its identity where the dataset declares no key.

    The values' texts are joined by the unit separator (31) and a null is the record separator (30). Where a text holds one of these or
    the group separator (29), that is written as 29 and a letter, so that no value can spill into its neighbour or pass for a null.
    """
    parts = []
    for cast in casts:
        value = cast.sql if cast.column.kind is Kind.TEXT else f"CAST({cast.sql} AS VARCHAR)"
        if cast.column.kind is Kind.TEXT and care is Care.FULL:
            for code, letter in ((_ESCAPE, "g"), (_NULL, "r"), (_SEPARATOR, "u")):
                value = f"replace({value}, {code}, {_ESCAPE} || '{letter}')"
        parts.append(f"coalesce({value}, {_NULL})")
    return f"md5(concat({f', {_SEPARATOR}, '.join(parts)}))"


def extra_json(layout: Layout) -> str:
    """The undeclared columns as canonical JSON text: names by code point, values as they stood; null where there are none."""
    if layout.extra is not None:
        return f"c{layout.extra}"
    if not layout.undeclared:
        return "CAST(NULL AS VARCHAR)"
    members = ", ".join(f"{literal(name)}, coalesce(c{position}, '')" for name, position in sorted(layout.undeclared))
    return f"CAST(json_object({members}) AS VARCHAR)"
