r"""From a field's text to a typed value, and the reason where that fails: one meaning of "valid" for every warehouse.

Everything is read as text and cast by guarded rules, because typed CSV reads turn `1.7` into 2 and `0x1F` into 31, drop the `-08` of
a timestamp and accept `infinity`. Each declared column becomes DuckDB expressions over the text columns ``c0``, ``c1``, … of a staged
drop. `RowOutline` is the same rules' outline in Python, for the scan that must tell a row from the inside of a quoted field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sahara_assets.drops.fields import BLANKS
from sahara_assets.drops.numbers import LOST_ID, SIGNS, NumberFormat, marks_of, number_format
from sahara_assets.drops.plain import Care
from sahara_assets.settings.sections import DatasetSettings
from sahara_assets.tables.columns import Column, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sahara_assets.drops.header import Layout
    from sahara_assets.settings.sections import ProjectSettings
    from sahara_assets.tables.datasets import Dataset

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)"
_MOMENT = rf"{_DATE}([ T]{_CLOCK})?"
_MOMENT_WITH_OFFSET = rf"{_DATE}[ T]{_CLOCK} ?{_OFFSET}"

EARLIEST, LATEST = "1901-01-01", "2200-01-01"
"""Moments outside this range are typing errors or a format's slip: `%Y` reads `11` as the year 11, and 1900 is what DuckDB's strptime
makes of a format without a year, and of the words `epoch` and `infinity` under any format."""

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

_LITERAL_UTC = re.compile(r"(?<!%)(Z| ?UTC| ?GMT)$")

# RE2's own \s knows six ASCII characters and no others.
_BLANK_CLASS = "".join(f"\\x{{{ord(blank):04X}}}" for blank in BLANKS)
_SEPARATOR, _NULL, _ESCAPE = "chr(31)", "chr(30)", "chr(29)"


def literal(text: str) -> str:
    """A SQL string literal.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


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
    """

    column: Column
    text: str
    values: tuple[tuple[str, str], ...]
    failure: str
    remedy: str
    stands_in: bool = False

    def fault(self, text: str | None) -> str:
        """What is wrong with a value that failed, and the remedy."""
        if text is not None:
            return f"holds {_shortened(text)!r}; {self.remedy}"
        return f"is empty; {_NOT_EMPTY if self.column.kind is Kind.TEXT else self.remedy}"


_NOT_EMPTY = "it must not be empty"

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
    positions = dict(layout.positions)
    # A value that has a type is written in one way only, whatever the settings say of texts.
    typed = settings.model_copy(update={name: getattr(DatasetSettings(), name) for name in _OF_TEXTS})
    return [
        _cast(
            dataset,
            column,
            positions.get(column.name),
            typed if column.name in layout.typed else settings,
            project,
            by_line="currency" in positions,
        )
        for column in dataset.columns
    ]


def _cast(
    dataset: Dataset,
    column: Column,
    position: int | None,
    settings: DatasetSettings,
    project: ProjectSettings,
    *,
    by_line: bool,
) -> Cast:
    name, text = column.name, f"t_{column.name}"
    if position is None and name in dataset.stand_ins and name not in dataset.required:
        return Cast(column, _text(None, settings), ((name, _STAND_INS[name]),), "false", "", stands_in=True)
    filled = text
    if column.kind is Kind.TEXT:
        value = _normalised(text, settings.normalise.get(name, []))
        untyped, remedy = "false", _NOT_EMPTY
        if name in dataset.identifiers:
            # A short id is no such number, and asking for the sign first costs next to nothing.
            untyped = f"(contains({text}, '+') AND regexp_full_match({text}, '{LOST_ID}'))"
            remedy = "it must stand there whole, exported as text: a spreadsheet rounds a long number to 1.23E+11"
        if name == "currency" and project.currency and position is not None:
            value = f"upper({value})"
            known = sorted({code.upper() for code in (project.currency, *project.currency_rates)})
            untyped = f"{name} NOT IN ({', '.join(map(literal, known))})"
            remedy = f"the project's currency is {project.currency}; give a rate under [project.currency_rates]"
        values: tuple[tuple[str, str], ...] = ((name, value),)
        filled = name
    elif column.kind is Kind.DECIMAL:
        value, remedy = _decimal(column, settings, project, by_line=by_line)
        values = ((name, value),)
        untyped = f"{name} IS NULL"
    else:
        local, utc = _moment(text, settings, project)
        if column.kind is Kind.DATE:
            seen, values = name, ((name, f"CAST({local} AS DATE)"),)
        else:
            seen, values = f"{name}_local", ((name, utc), (f"{name}_local", local))
        untyped = f"({seen} IS NULL OR {seen} < DATE '{EARLIEST}' OR {seen} >= DATE '{LATEST}')"
        wanted = " or ".join(settings.date_formats) or "2011-12-01 08:26:00 (ISO 8601)"
        remedy = f"write it as {wanted}, from {EARLIEST[:4]} to {int(LATEST[:4]) - 1}"
    failure = f"({filled} IS NOT NULL AND {untyped})"
    if name in dataset.required:
        failure = f"({filled} IS NULL OR {failure})"
    return Cast(column, _text(position, settings), values, failure, remedy)


def trimmed(position: int, care: Care) -> str:
    """A staged field without the blanks around it (`fields.BLANKS`); what cannot occur in the text at hand is not looked for."""
    field = f"c{position}"
    if care is Care.NONE:
        return field
    if care is Care.SPACES:
        return f"CASE WHEN {field} < '!' OR ends_with({field}, ' ') THEN trim({field}) ELSE {field} END"
    listed = " || ".join(f"chr({ord(blank)})" for blank in BLANKS)
    return f"CASE WHEN regexp_matches({field}, '^[{_BLANK_CLASS}]|[{_BLANK_CLASS}]$') THEN trim({field}, {listed}) ELSE {field} END"


def _text(position: int | None, settings: DatasetSettings) -> str:
    """The trimmed text of a field, null where it is empty or one of the words that mean nothing."""
    if position is None:
        return "CAST(NULL AS VARCHAR)"
    nothing = ["", *settings.null_values]
    return f"(CASE WHEN c{position} IN ({', '.join(literal(word) for word in nothing)}) THEN NULL ELSE c{position} END)"


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


def _decimal(column: Column, settings: DatasetSettings, project: ProjectSettings, *, by_line: bool) -> tuple[str, str]:
    """A number with four decimals as SQL, and the remedy; further decimals are rounded (`2.5500000000000003` is how floats print)."""
    text = f"t_{column.name}"
    form = number_format(settings, project, is_money=column.name not in {"quantity", "margin"})
    remedy = f"write a number such as {form.example}, at most 14 digits before the {form.decimal_mark}"
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


def _moment(text: str, settings: DatasetSettings, project: ProjectSettings) -> tuple[str, str]:
    """Local and UTC expressions of a moment.

    A moment without an offset is local to the project. One that the clocks skipped in spring keeps the offset before the change; one
    that they showed twice in autumn is the second.
    """
    zone = literal(project.time_zone)
    is_utc = project.time_zone in {"UTC", "Etc/UTC"}

    def local_of(instant: str) -> str:
        return f"timezone({zone}, {instant})"

    def utc_of(instant: str) -> str:
        return f"timezone('UTC', {instant})"

    def pair(naive: str) -> tuple[str, str]:
        return naive, naive if is_utc else utc_of(f"timezone({zone}, {naive})")

    if settings.date_formats:
        locals_, utcs = [], []
        for form in settings.date_formats:
            parsed = f"try_strptime({text}, {literal(form)})"
            # With an offset or a zone name DuckDB gives an instant.
            has_zone = "%z" in form.replace("%%", "") or "%Z" in form.replace("%%", "")
            if not has_zone and _LITERAL_UTC.search(form):
                # `%Y-%m-%dT%H:%M:%SZ`: the letter is no directive, but it says what the clock shows.
                local, utc = local_of(utc_of(parsed)), parsed
            else:
                local, utc = (local_of(parsed), utc_of(parsed)) if has_zone else pair(parsed)
            locals_.append(local)
            utcs.append(utc)
        return f"coalesce({', '.join(locals_)})", f"coalesce({', '.join(utcs)})"
    local, utc = pair(f"TRY_CAST({text} AS TIMESTAMP)")
    # DuckDB wants seconds, and the offset as Z or +05:30 right behind them.
    tight = rf"regexp_replace({text}, ' (Z|[+-][0-9:]+)$', '\1')"
    with_seconds = rf"regexp_replace({tight}, '([ T][0-9]{{2}}:[0-9]{{2}})(Z|[+-])', '\1:00\2')"
    tidy = rf"regexp_replace({with_seconds}, '([+-][0-9]{{2}}):?([0-9]{{2}})?$', '\1:\2')"
    instant = f"TRY_CAST(rtrim({tidy}, ':') AS TIMESTAMPTZ)"
    choose = "(CASE WHEN regexp_full_match({0}, '{1}') THEN {2} WHEN regexp_full_match({0}, '{3}') THEN {4} END)"
    return (
        choose.format(text, _MOMENT, local, _MOMENT_WITH_OFFSET, local_of(instant)),
        choose.format(text, _MOMENT, utc, _MOMENT_WITH_OFFSET, utc_of(instant)),
    )


def line_hash(casts: Sequence[Cast], care: Care) -> str:
    """The MD5 of a row's typed declared values: its identity where the dataset declares no key.

    The values' texts are joined by the unit separator (31) and a null is the record separator (30). Where a text holds one of these or
    the group separator (29), that is written as 29 and a letter, so that no value can spill into its neighbour or pass for a null.
    """
    parts = []
    for cast in casts:
        value = cast.column.name if cast.column.kind is Kind.TEXT else f"CAST({cast.column.name} AS VARCHAR)"
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
    moment = _moment_outline(settings)
    # Whose sign it is makes no difference to whether a line is a row.
    number = replace(number_format(settings), currencies=tuple(SIGNS) if settings.currency_text else ())
    outlines = {Kind.DECIMAL: _number_outline(number), Kind.TIMESTAMP: moment, Kind.DATE: moment}
    return RowOutline(
        required=tuple(positions[name] for name in dataset.required if name in positions),
        typed={p: outlines[kind] for name, p in positions.items() if (kind := dataset.column(name).kind) in outlines},
        nothing=frozenset(["", *settings.null_values]),
    )


def _number_outline(form: NumberFormat) -> Callable[[str], bool]:
    return lambda text: form.to_decimal(text) is not None


def _moment_outline(settings: DatasetSettings) -> Callable[[str], bool]:
    """The outline of a date: its length in digits and separators where there are formats, since Python's and DuckDB's differ."""
    if settings.date_formats:
        outlines = [_outline_of_format(form) for form in settings.date_formats]
        return lambda text: any(outline.fullmatch(text) for outline in outlines)
    moment = re.compile(rf"{_MOMENT}|{_MOMENT_WITH_OFFSET}")
    return lambda text: moment.fullmatch(text) is not None


def _outline_of_format(form: str) -> re.Pattern[str]:
    """What a strptime format reads, roughly: digits, or letters for names; Python's own strptime knows other directives than DuckDB's.

    >>> [bool(_outline_of_format("%d/%m/%Y %H:%M").fullmatch(text)) for text in ("1/12/2011 08:26", "12 rolls")]
    [True, False]
    """
    lettered = {"a", "A", "b", "B", "p", "Z", "z", "c", "x", "X"}
    pieces = re.split(r"%(-?[A-Za-z]|%)", form)
    outline = [
        re.escape(piece) if not i % 2 else "%" if piece == "%" else r"\S+( \S+)*" if piece in lettered else "[0-9]+"
        for i, piece in enumerate(pieces)
    ]
    return re.compile("".join(outline))
