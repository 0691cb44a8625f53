"""`[datasets.NAME]` of `sahara.toml`: how the drops of one dataset are found and read."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from sahara_assets.settings.attributes import AttributeSettings
from sahara_assets.settings.base import Section, known_zone
from sahara_assets.settings.unknown import unknown_key

_DATE_DIRECTIVES = "aAbBcdfgGHIjmMnpSuUVwWxXyYzZ%"
"""The strptime directives that DuckDB reads."""

EPOCHS = {"epoch_seconds": 1, "epoch_milliseconds": 1_000, "epoch_microseconds": 1_000_000}
"""Date formats that count from 1970 in UTC, with their units to a second."""

DATE_FORMAT_NAMES = ("iso", *EPOCHS)

Encoding = Literal["auto", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "iso-8859-1", "iso-8859-15"]

Normaliser = Literal["strip_float_suffix", "strip_leading_zeros", "upper", "lower", "strip_spaces"]


class DatasetSettings(Section):
    """How the drops of one dataset are found and read. The dialect holds for all of them: single files are never guessed at."""

    patterns: list[str] = Field(
        default_factory=list, description="Which files belong to it, as globs below the drop folder."
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description='Our column = the header\'s name; `""` says that the files have none (of purchases also for `order_id`, `quantity` and `unit_price`, see below). A column that is not listed is looked for under its own name.',
    )
    constants: dict[str, str] = Field(
        default_factory=dict,
        description='Our column = the value that every row has, where the files do not say it, such as `currency = "USD"`; read like a field\'s text.',
    )
    explode: list[str] = Field(
        default_factory=list,
        description='Of nested documents (JSON, Parquet) the list that rows are made of, such as `"items"`, or lists from the outside in, such as `["hits", "hits.product"]`: one row for each innermost element, with the fields of its parents; a document without elements is one row.',
    )
    delimiter: str = Field(
        "auto",
        description="What separates fields, one or more characters, or `blanks` for runs of spaces and tabs; `auto` takes the one of `,` `;` tab `|` under which the header holds the mapped columns.",
    )
    quote: str = Field('"', description="What quotes a field; empty for none.")
    format: Literal["auto", "csv", "jsonl", "parquet"] = Field(
        "auto",
        description="How the files hold their rows; `auto` tells it by each file's first bytes. `jsonl` is one JSON object a line, or one array of objects.",
    )
    escape: str = Field(
        "",
        description="What stands before a quote (or a delimiter) that is meant as text, such as a backslash; empty where a quote is doubled.",
    )
    record_delimiter: str = Field(
        "", description="What ends a row where line ends do not; empty: any line end, as found in the file."
    )
    skip_lines: int | Literal["auto"] = Field(
        "auto",
        description="Lines before the header (before the first row where there is none); `auto` takes the first line that names every column that must be there. They are kept as rejects.",
    )
    header_lines: int = Field(
        1,
        ge=0,
        le=20,
        description="Rows that name the columns: more than one are joined by a space; 0 where the files have no header, then column_names names them.",
    )
    column_names: list[str] = Field(
        default_factory=list,
        description="Names of all columns in the order of the files, for files without a header; `columns` maps them like a header's.",
    )
    comment: str = Field("", description="What begins a line that is a remark; such lines are kept as rejects.")
    totals: list[str] = Field(
        default_factory=list,
        description="What the first filled field of a totals line begins with, such as `Total`; such lines are kept as rejects.",
    )
    encoding: Encoding = Field(
        "auto",
        description="`auto` is UTF-16 where a byte order mark or the bytes prove it, else UTF-8 unless no line outside ASCII is valid UTF-8; then Windows-1252.",
    )
    decimal_mark: Literal[".", ","] = Field(".", description="What stands before the decimals of a number.")
    thousands_mark: Literal["", ".", ",", "'", " "] = Field(
        "",
        description="What may stand between the thousands of a number; empty: nothing may. A space stands for no-break and thin spaces too, `'` for `’`.",
    )
    digit_grouping: Literal["thousands", "indian"] = Field(
        "thousands", description="Where the thousands mark stands: `thousands` is 1,234,567 and `indian` is 12,34,567."
    )
    currency_text: bool = Field(
        False,
        description="Whether a number may bear the sign or code of its line's currency, as in `£12.50` or `12,50 EUR`; another currency's rejects the row. Needs `project.currency`.",
    )
    negatives: list[Literal["parentheses", "trailing", "minus_sign"]] = Field(
        default_factory=list,
        description="How negative numbers are written beside `-12.50`: `parentheses` is (12.50), `trailing` is 12.50-, `minus_sign` is −12.50 with a typographic minus.",
    )
    percent: Literal["", "share", "points"] = Field(
        "",
        description="What `12.5 %` is: 0.125 (`share`) or 12.5 (`points`). Empty rejects it: a quantity or price is no percentage.",
    )
    micros: list[str] = Field(
        default_factory=list,
        description="Our number columns that are in millionths, as Google Analytics 360 exports money: 12990000 is 12.99.",
    )
    time_zone: str = Field(
        "",
        description="IANA time zone of moments without an offset in this dataset's files; empty: `project.time_zone`. Local times in the tables are the project's either way.",
    )
    null_values: list[str] = Field(
        ["NULL", "null", "NaN", "nan", "None", "N/A", "#N/A", "\\N"], description="Texts that mean no value."
    )
    date_formats: list[str] = Field(
        default_factory=list,
        description="strptime formats of dates and times, tried in order, such as `%d/%m/%Y %H:%M`, and by name `iso` (ISO 8601), `epoch_seconds`, `epoch_milliseconds` and `epoch_microseconds` (since 1970, UTC); empty reads ISO 8601.",
    )
    normalise: dict[str, list[Normaliser]] = Field(
        default_factory=dict,
        description="Per id column: `strip_float_suffix` (17850.0 → 17850), `strip_leading_zeros`, `upper`, `lower`, `strip_spaces`.",
    )
    attributes: dict[str, AttributeSettings] = Field(
        default_factory=dict,
        description="What else the files say of a customer, of `customers`, `accounts` and `sign_ups` only: see [attributes](#attributes).",
    )
    same_path: Literal["replace", "append"] = Field(
        "replace",
        description="What a new version of a known path means: it replaces the old one, or adds to it (a file that is overwritten with each day's lines).",
    )
    version_column: str = Field(
        "", description="Column (one of ours) whose highest value wins where drops disagree about one key."
    )
    hold_above: float = Field(
        0.2,
        ge=0,
        le=1,
        description="A replacement that lacks more than this share of the old version's lines is held until it is allowed.",
    )

    @field_validator("attributes", mode="before")
    @classmethod
    def _header_alone(cls, attributes: object) -> object:
        # A well-known attribute needs nothing but its column.
        if not isinstance(attributes, dict):
            return attributes
        return {name: {"column": found} if isinstance(found, str) else found for name, found in attributes.items()}

    @field_validator("explode", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return ([value] if value else []) if isinstance(value, str) else value

    @field_validator("explode")
    @classmethod
    def _from_the_outside_in(cls, paths: list[str]) -> list[str]:
        wrong = [path for path in paths if not all(path.split("."))]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no path such as items or order.items")
        for outer, inner in pairwise(paths):
            if not inner.startswith(f"{outer}."):
                raise ValueError(f"{inner!r} must lie inside {outer!r}, as in {outer} and {outer}.{inner}")
        return paths

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name) if name else name

    @field_validator("quote", "escape")
    @classmethod
    def _one_character(cls, value: str) -> str:
        if value == "" or (len(value) == 1 and value not in "\r\n\0" and value.isascii() and not value.isalnum()):
            return value
        raise ValueError(f"must be one ASCII character that is no letter or digit, or empty, not {value!r}")

    @field_validator("delimiter", "comment")
    @classmethod
    def _a_few_characters(cls, value: str, info: ValidationInfo) -> str:
        if (value or info.field_name == "comment") and len(value) <= 8 and not set(value) & set("\r\n\0"):
            return value
        raise ValueError(f"must be one to eight characters without line ends, not {value!r}")

    @field_validator("record_delimiter")
    @classmethod
    def _no_line_end_alone(cls, value: str) -> str:
        if len(value) > 8 or "\r" in value or "\0" in value or value == "\n":
            raise ValueError(
                f"must be one to eight characters that are no line end, or empty for any line end, not {value!r}"
            )
        return value

    @field_validator("skip_lines", mode="before")
    @classmethod
    def _lines_or_auto(cls, value: object) -> object:
        if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000):
            return value
        raise ValueError(f"must be a number from 0 to 10000, or auto, not {value!r}")

    @field_validator("column_names", "totals")
    @classmethod
    def _said_once(cls, values: list[str]) -> list[str]:
        if any(not value.strip() for value in values):
            raise ValueError("must not hold an empty text")
        twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
        if twice:
            raise ValueError(f"names {twice[0]!r} twice")
        return values

    @field_validator("patterns")
    @classmethod
    def _relative(cls, patterns: list[str]) -> list[str]:
        wrong = [p for p in patterns if not p or p.startswith("/") or ".." in Path(p).parts or "\\" in p]
        if wrong:
            shown = " and ".join(repr(pattern) for pattern in wrong)
            raise ValueError(
                f"{shown} must be a glob below the drop folder, with forward slashes, such as purchases/*.csv"
            )
        return patterns

    @field_validator("date_formats")
    @classmethod
    def _directives(cls, formats: list[str]) -> list[str]:
        wrong = []
        for form in formats:
            if form in DATE_FORMAT_NAMES:
                continue
            used = re.findall(r"%-?(.?)", form)
            unknown = [f"%{letter}" for letter in used if letter not in _DATE_DIRECTIVES or not letter]
            if unknown:
                wrong.append(f"{form!r} holds {', '.join(unknown)}, which strptime does not know")
            elif not set(used) & set("yYcxs"):
                known = unknown_key(form, list(DATE_FORMAT_NAMES), noun="format")
                hint = f"; {known.partition('; ')[2]}" if "%" not in form and "did you mean" in known else ""
                wrong.append(f"{form!r} names no year; write it like %d/%m/%Y %H:%M{hint}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return formats
