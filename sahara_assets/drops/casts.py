r"""From a field's text to a typed value, and the reason where that fails: one meaning of "valid" for every warehouse.

Everything is read as text and cast by guarded rules, because typed CSV reads turn `1.7` into 2 and `0x1F` into 31, drop the `-08` of
a timestamp and accept `infinity`. Each declared column becomes DuckDB expressions over the text columns ``c0``, ``c1``, … of a staged
drop. `looks_like_row` is the same rules' outline in Python, for the scan that must tell a row from the inside of a quoted field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sahara_assets.tables import Column, Dataset, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sahara_assets.drops.header import Layout
    from sahara_assets.settings import DatasetSettings, ProjectSettings

_NUMBER = r"[+-]?([0-9]{1,14}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_MOMENT = rf"{_DATE}([ T]{_CLOCK})?"
_MOMENT_WITH_OFFSET = rf"{_DATE}[ T]{_CLOCK} ?(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)"
_BLANK_AT_EDGE = r"^[\s\x{00A0}\x{FEFF}]|[\s\x{00A0}\x{FEFF}]$"
_BLANKS = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160) || chr(65279)"

EARLIEST, LATEST = "1900-01-01", "2200-01-01"
"""Moments outside this range are typing errors or a format's slip (`%Y` reads `11` as the year 11)."""


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
    """

    column: Column
    text: str
    values: tuple[tuple[str, str], ...]
    failure: str
    remedy: str


def casts_of(dataset: Dataset, layout: Layout, settings: DatasetSettings, project: ProjectSettings) -> list[Cast]:
    """The casts of every declared column, in their order; a column that the header lacks is null."""
    positions = dict(layout.positions)
    return [_cast(dataset, column, positions.get(column.name), settings, project) for column in dataset.columns]


def _cast(
    dataset: Dataset, column: Column, position: int | None, settings: DatasetSettings, project: ProjectSettings
) -> Cast:
    name, text = column.name, f"t_{column.name}"
    filled = text
    if column.kind is Kind.TEXT:
        value = _normalised(text, settings.normalise.get(name, []))
        untyped, remedy = "false", "it must not be empty"
        if name == "currency" and project.currency and position is not None:
            value = f"upper({value})"
            known = sorted({code.upper() for code in (project.currency, *project.currency_rates)})
            untyped = f"{name} NOT IN ({', '.join(map(literal, known))})"
            remedy = f"the project's currency is {project.currency}; give a rate under [project.currency_rates]"
        values: tuple[tuple[str, str], ...] = ((name, value),)
        filled = name
    elif column.kind is Kind.DECIMAL:
        values = ((name, _decimal(text, settings)),)
        untyped = f"{name} IS NULL"
        remedy = f"write a number such as 12{settings.decimal_mark}50, at most 14 digits before the {settings.decimal_mark}"
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


def trimmed(position: int) -> str:
    """A staged field without the blanks around it; only the few fields that have odd ones pay for taking them off."""
    field = f"c{position}"
    return f"CASE WHEN regexp_matches({field}, '{_BLANK_AT_EDGE}') THEN trim({field}, {_BLANKS}) ELSE {field} END"


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
        "strip_spaces": r"nullif(regexp_replace({}, '\s', '', 'g'), '')",
        "upper": "upper({})",
        "lower": "lower({})",
    }
    for normaliser in normalisers:
        text = rules[normaliser].format(text)
    return text


def _decimal(text: str, settings: DatasetSettings) -> str:
    if settings.decimal_mark == ",":
        # A point in a file of decimal commas is a thousands separator or a mistake: neither is guessed at here.
        text = f"(CASE WHEN contains({text}, '.') THEN NULL ELSE replace({text}, ',', '.') END)"
    return f"(CASE WHEN regexp_full_match({text}, '{_NUMBER}') THEN TRY_CAST({text} AS DECIMAL(18, 4)) END)"


def _moment(text: str, settings: DatasetSettings, project: ProjectSettings) -> tuple[str, str]:
    """Local and UTC expressions of a moment."""
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
            local, utc = (local_of(parsed), utc_of(parsed)) if "%z" in form else pair(parsed)
            locals_.append(local)
            utcs.append(utc)
        return f"coalesce({', '.join(locals_)})", f"coalesce({', '.join(utcs)})"
    local, utc = pair(f"TRY_CAST({text} AS TIMESTAMP)")
    # DuckDB wants the offset as +05:30 right behind the seconds.
    tidy = f"regexp_replace(regexp_replace({text}, '([ T][0-9]{{2}}:[0-9]{{2}}) ?(Z|[+-])', '\\1:00\\2'), ' ?([+-][0-9]{{2}}):?([0-9]{{2}})?$', '\\1:\\2')"
    instant = f"TRY_CAST(rtrim({tidy}, ':') AS TIMESTAMPTZ)"
    choose = "(CASE WHEN regexp_full_match({0}, '{1}') THEN {2} WHEN regexp_full_match({0}, '{3}') THEN {4} END)"
    return (
        choose.format(text, _MOMENT, local, _MOMENT_WITH_OFFSET, local_of(instant)),
        choose.format(text, _MOMENT, utc, _MOMENT_WITH_OFFSET, utc_of(instant)),
    )


def line_hash(casts: Sequence[Cast]) -> str:
    """The MD5 of a row's typed values: its identity where the dataset declares no key.

    Text goes in with its length before it, so that no value can spill into its neighbour; a null is a tilde.
    """
    parts = []
    for cast in casts:
        name = cast.column.name
        if cast.column.kind is Kind.TEXT:
            parts.append(f"coalesce(length({name}) || ':' || {name}, '~')")
        else:
            parts.append(f"coalesce(CAST({name} AS VARCHAR), '~')")
    return f"md5({' || chr(31) || '.join(parts)})"


def extra_json(layout: Layout) -> str:
    """The undeclared columns as canonical JSON text: sorted names, values as they stood; null where there are none."""
    if not layout.undeclared:
        return "CAST(NULL AS VARCHAR)"
    members = ", ".join(f"{literal(name)}: coalesce(c{position}, '')" for name, position in sorted(layout.undeclared))
    return f"CAST(to_json({{{members}}}) AS VARCHAR)"


def looks_like_row(
    dataset: Dataset, layout: Layout, settings: DatasetSettings
) -> Callable[[Sequence[str]], bool]:
    """A test whether some fields could be a row: every required field is there and has its type's outline."""
    positions = dict(layout.positions)
    number = re.compile(_NUMBER)
    moment = re.compile(rf"{_MOMENT}|{_MOMENT_WITH_OFFSET}")
    checks: list[tuple[int, Kind]] = [(positions[name], dataset.column(name).kind) for name in dataset.required]

    def is_moment(text: str) -> bool:
        if not settings.date_formats:
            return moment.fullmatch(text) is not None
        for form in settings.date_formats:
            try:
                datetime.strptime(text, form)  # noqa: DTZ007 - only whether it parses is asked
            except ValueError:
                continue
            return True
        return False

    def is_row(fields: Sequence[str]) -> bool:
        for position, kind in checks:
            text = fields[position].strip()
            if not text:
                return False
            if kind is Kind.DECIMAL and number.fullmatch(text.replace(settings.decimal_mark, ".")) is None:
                return False
            if kind in {Kind.TIMESTAMP, Kind.DATE} and not is_moment(text):
                return False
        return True

    return is_row
