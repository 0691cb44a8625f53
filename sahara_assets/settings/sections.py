"""What every single value in `sahara.toml` may be, section by section, with what it means.

What is wrong between values, and how faults are worded, is in `problems.py`; `reference.py` derives the documentation from here.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
)

from sahara_assets.features.declarations import DEFAULT_MODEL_FEATURES
from sahara_assets.settings.attributes import AttributeSettings
from sahara_assets.settings.base import Section, known_zone
from sahara_assets.settings.buckets import Bucket, bucket_of
from sahara_assets.settings.measuring import WEEKDAYS, pattern_fault
from sahara_assets.settings.unknown import unknown_key

_DATE_DIRECTIVES = "aAbBcdfgGHIjmMnpSuUVwWxXyYzZ%"
"""The strptime directives that DuckDB reads."""

EPOCHS = {"epoch_seconds": 1, "epoch_milliseconds": 1_000, "epoch_microseconds": 1_000_000}
"""Date formats that count from 1970 in UTC, with their units to a second."""

DATE_FORMAT_NAMES = ("iso", *EPOCHS)

Encoding = Literal["auto", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "iso-8859-1", "iso-8859-15"]
_BIGQUERY_OPTIONS = frozenset({"location", "announce_bytes", "maximum_bytes"})
_ENCODE = "write % / ? # @ [ ] in the user or password as %25 %2F %3F %23 %40 %5B %5D"
_HOST = r"(\[[0-9A-Fa-f:.%]+\]|[\w.%-]*)(:[0-9]*)?"
_HOSTS = re.compile(rf"{_HOST}(,{_HOST})*")
_SECRET_OPTIONS = frozenset({"password", "sslpassword"})
_POSTGRES = frozenset({"postgresql", "postgres"})
"""libpq takes both words."""

Normaliser = Literal["strip_float_suffix", "strip_leading_zeros", "upper", "lower", "strip_spaces"]


def bytes_of(size: str) -> int:
    """A size such as `500MB` or `2 GB` in bytes; a kB is 1024 bytes.

    Raises:
        ValueError: it is no size.

    >>> bytes_of("2GB"), bytes_of("1.5 kB")
    (2147483648, 1536)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kKMGT])i?B", size)
    if found is None:
        raise ValueError(f"{size!r} is not a size such as 500MB or 2GB")
    return int(float(found[1]) * 1024 ** ("KMGT".index(found[2].upper()) + 1))


def address_parts(url: str) -> SplitResult:
    """The parts of a warehouse's URL.

    Raises:
        ValueError: they cannot be told apart; the URL is not quoted, because a password may stand in any of them.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"is no address; {_ENCODE}") from None
    if parts.scheme != "duckdb" and "@" in f"{parts.path}{parts.query}{parts.fragment}":
        # A / ? or # in the password ends it there, and the rest would pass for a database's name.
        raise ValueError(f"has an @ behind its host; {_ENCODE}")
    if re.search(r"%(?![0-9A-Fa-f]{2})", parts.netloc):
        raise ValueError(f"has a % that begins no code; {_ENCODE}")
    return parts


def _checked_bigquery(url: str, options: dict[str, str]) -> str:
    """Refuse a BigQuery URL that names no project and dataset, or options that nobody knows."""
    parts = urlsplit(url)
    if not re.fullmatch(r"[a-z0-9.:-]+", parts.netloc) or not re.fullmatch(r"/[A-Za-z0-9_]+/?", parts.path):
        raise ValueError("names no dataset; write bigquery://PROJECT/DATASET?location=EU")
    for name, value in options.items():
        if name not in _BIGQUERY_OPTIONS:
            raise ValueError(unknown_key(name, sorted(_BIGQUERY_OPTIONS), noun="option"))
        if name.endswith("_bytes") and not value.isdigit():
            raise ValueError(f"{name} must be a number of bytes, not {value!r}")
    return url


def _is_from_environment(info: ValidationInfo, section: str) -> bool:
    """Whether the value being checked came from a variable rather than from the file; without a word about it, it did not come from a file."""
    variables = (info.context or {}).get("variables")
    return variables is None or (section, str(info.field_name)) in variables


class WarehouseSettings(Section):
    """Where the tables live."""

    url: str = Field(
        "duckdb:///sahara.duckdb",
        repr=False,
        description="Warehouse URL. `duckdb:///FILE` is a file beside sahara.toml (four slashes for an absolute path); `postgresql://USER@HOST/DATABASE?schema=NAME` a schema on a server (`sahara` where none is named), with whatever else libpq takes; `bigquery://PROJECT/DATASET?location=EU` a BigQuery dataset (`announce_bytes`: a query that reads more is announced; `maximum_bytes`: one that would be billed more is refused).",
    )
    memory_limit: str = Field("", description="DuckDB's memory limit, such as `2GB`; empty leaves it to DuckDB.")
    threads: int = Field(0, ge=0, description="DuckDB's threads; 0 uses every core.")

    @field_validator("url")
    @classmethod
    def _known(cls, url: str, info: ValidationInfo) -> str:
        parts = address_parts(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if (parts.password or _SECRET_OPTIONS & set(options)) and not _is_from_environment(info, "warehouse"):
            raise ValueError("holds a password; put the whole URL into the environment as SAHARA_WAREHOUSE_URL")
        if parts.scheme in _POSTGRES:
            if not _HOSTS.fullmatch(parts.netloc.rpartition("@")[2]):
                raise ValueError(f"names no host and port; {_ENCODE}")
            schema = options.get("schema", "sahara")
            if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema) or schema.startswith("pg_"):
                raise ValueError(f"schema {schema!r} must be lower-case letters, digits and _, and not begin with pg_")
            return url
        if parts.scheme == "bigquery":
            return _checked_bigquery(url, options)
        if parts.scheme != "duckdb":
            known = "duckdb:///FILE, postgresql://HOST/DATABASE and bigquery://PROJECT/DATASET"
            # Without :// the word before a colon may be a user, and what follows a password.
            named = f" for {parts.scheme}://" if url.startswith(f"{parts.scheme}://") else ""
            raise ValueError(f"no warehouse{named}; this version knows {known}")
        if parts.netloc or not parts.path.strip("/"):
            raise ValueError("names no file; write duckdb:///sahara.duckdb, with three slashes")
        if parts.query or parts.fragment:
            raise ValueError("a DuckDB file takes no options in its URL; write %3F and %23 for ? and # in its name")
        return url

    @property
    def scheme(self) -> str:
        """`duckdb`, `postgresql` or `bigquery`."""
        scheme = urlsplit(self.url).scheme
        return "postgresql" if scheme in _POSTGRES else scheme

    @field_validator("memory_limit")
    @classmethod
    def _size(cls, limit: str) -> str:
        if limit and not re.fullmatch(r"\d+(\.\d+)? ?([KMGT]i?B|%)", limit):
            raise ValueError(f"{limit!r} is not a size such as 2GB")
        return limit


class DropSettings(Section):
    """Where drops land."""

    folder: str = Field(
        "data",
        description="The folder that is watched: a path relative to sahara.toml, `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`.",
    )
    follow_links: Literal["own", "all", "none"] = Field(
        "own",
        description="Which links that lead out of the folder are read: those made by the user who runs Sahara or by root (`own`), every one (`all`) or `none`. With `all`, whoever may make links there can have any file read that this user may read.",
    )
    settle_seconds: float = Field(
        0.0,
        ge=0,
        description="Leave a file alone until it has been unchanged for so long, for senders that write in place.",
    )
    largest_unpacked: str = Field(
        "64GB",
        description="The most that may come out of a packed file (gzip, zstd, zip), such as `500MB`; one that holds more is refused.",
    )
    largest_ratio: int = Field(
        500,
        ge=2,
        description="A packed file that unpacks to more than so many times its size, and to more than 64 MB, is refused as a bomb.",
    )

    extracts_folder: str = Field(
        "extracts",
        description="Where `[extracts]` write what they read, a folder of this machine relative to sahara.toml; it is watched like `folder`.",
    )

    @field_validator("folder")
    @classmethod
    def _place(cls, folder: str) -> str:
        bucket_of(folder)
        return folder

    @property
    def bucket(self) -> Bucket | None:
        """`folder` where it lies in an object store."""
        return bucket_of(self.folder)

    @field_validator("largest_unpacked")
    @classmethod
    def _size(cls, limit: str) -> str:
        bytes_of(limit)
        return limit

    @property
    def largest_unpacked_bytes(self) -> int:
        """`largest_unpacked` as a number."""
        return bytes_of(self.largest_unpacked)

    watch_seconds: int = Field(
        30,
        ge=1,
        le=86_400,
        exclude=True,
        description="How often Dagster's sensor looks into the folder, at most; Dagster reads it when it loads the code.",
    )
    extract_seconds: int = Field(
        3600,
        ge=30,
        le=604_800,
        exclude=True,
        description="How often Dagster starts a run to ask the databases of `[extracts]`; Dagster reads it when it loads the code.",
    )


class ProjectSettings(Section):
    """What holds for the whole project."""

    name: str = Field("Sahara", description="The shop's name, for the report.")
    time_zone: str = Field("UTC", description="IANA time zone of the shop: dates without an offset are local to it.")
    currency: str = Field(
        "",
        description="The project's one currency, such as `GBP`; lines in another are rejected. Empty: not checked, but two currencies in the lines block.",
    )
    currency_rates: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="Units of the project's currency that one unit of another is worth, such as `EUR = 0.86`.",
    )
    seed: int = Field(20, ge=0, description="Seed of every random draw.")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)


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


class RuleSettings(Section):
    """What the shop's lines mean."""

    cancellation_prefixes: list[str] = Field(
        ["C"], description="An order id that starts with one of these, followed by a digit, is a cancellation document."
    )
    adjustment_prefixes: list[str] = Field(
        ["A"], description="An order id that starts with one of these, followed by a digit, is an adjustment document."
    )
    fee_codes: list[str] = Field(
        ["POST", "DOT", "GIFTWRAP", "BANK CHARGES"],
        description="Product ids that are fees (postage, wrapping, bank charges), not merchandise; compared exactly.",
    )
    fees_count_as_spend: bool = Field(True, description="Whether fee lines count in orders, spend and features.")
    least_joined: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the ids of one file that should be found in another (customers of the lines in the customer file, accounts of customers); below it the check `ids_join` warns. 0 asks for nothing.",
    )

    @field_validator("cancellation_prefixes", "adjustment_prefixes")
    @classmethod
    def _not_empty(cls, prefixes: list[str]) -> list[str]:
        if any(not prefix for prefix in prefixes):
            raise ValueError("an empty prefix would match every order id")
        return prefixes


class FeatureSettings(Section):
    """What customers are measured by."""

    model: list[str] = Field(
        list(DEFAULT_MODEL_FEATURES), min_length=1, description="The features that the model clusters on."
    )
    cut_off: str = Field(
        "",
        description="Local moment up to which lines count, such as `2011-12-10`; empty: the midnight after the latest sale.",
    )
    category_separator: str = Field(
        ">", description="What separates the parts of a category path; the first part counts."
    )
    also: list[str] = Field(
        default_factory=list,
        description="Features on offer to compute beside those of the model, so that they describe segments: see `docs/features.md`.",
    )
    category_lines: dict[str, str] = Field(
        default_factory=dict,
        description="Counts of sale lines by category: NAME = a regular expression that the line's whole category path must hold a match of. Becomes the feature `NAME_lines`.",
    )
    weekend: list[str] = Field(
        ["saturday", "sunday"],
        min_length=1,
        description="The days of the weekend, for `weekend_share`: local days, by their English names.",
    )
    population: Literal["buyers", "customers"] = Field(
        "buyers",
        description="Who is measured: `buyers` are customers with a sale line before the cut-off, `customers` everyone in the table `customers`. Who never bought has 0 orders and 0 spend.",
    )

    @field_validator("weekend")
    @classmethod
    def _days(cls, names: list[str]) -> list[str]:
        wrong = [name for name in names if name not in WEEKDAYS]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no day; write {', '.join(WEEKDAYS)}")
        return names

    @field_validator("category_lines")
    @classmethod
    def _readable_everywhere(cls, patterns: dict[str, str]) -> dict[str, str]:
        for name, pattern in patterns.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
                raise ValueError(f"{name!r} must be lower-case letters, digits and _, and begin with a letter")
            fault = pattern_fault(pattern)
            if fault:
                raise ValueError(f"{name}: {pattern!r} {fault}")
        return patterns

    @field_validator("cut_off", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        # TOML has dates of its own: 2011-12-10 without quotes is one.
        return value.isoformat() if isinstance(value, date) else value

    @field_validator("cut_off")
    @classmethod
    def _moment(cls, value: str) -> str:
        if value:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError as error:
                raise ValueError(f"{value!r} is not a date or time such as 2011-12-10 or 2011-12-10T06:00") from error
            if moment.tzinfo is not None:
                raise ValueError("is local to project.time_zone; leave the offset out")
        return value


class SegmentationSettings(Section):
    """How the number of segments is found."""

    k_min: int = Field(3, ge=2, le=100, description="Fewest segments to try.")
    k_max: int = Field(15, ge=2, le=100, description="Most segments to try.")
    k: int | None = Field(
        None,
        ge=2,
        le=100,
        description="Use exactly so many segments, whatever the sweep says; it may lie outside k_min and k_max.",
    )
    minimum_share: float = Field(0.01, ge=0, le=0.5, description="Smallest share of customers that a segment may hold.")
    minimum_stability: float = Field(0.8, ge=0, le=1, description="Lowest mean adjusted Rand index over resamples.")
    rank_by: str = Field(
        "",
        description="The feature by whose mean segments are numbered and given their tiers, highest first; empty: `gross_spend`, in a project without order lines its first feature of money, else how many customers a segment has.",
    )
    outlier_quantile: float = Field(
        0.99,
        gt=0.5,
        le=1,
        description="A customer further from its centroid than this quantile of the training customers is an outlier.",
    )


class ExportSettings(Section):
    """What is written for marketing tools."""

    folder: str = Field(
        "exports", description="Where audience files and the report are written, relative to sahara.toml."
    )
    stream_id: str = Field(
        "", description="Number of the GA4 web stream (not the G-… measurement id), for files keyed by client_id."
    )
    segment_property: str = Field("sahara_segment", description="GA4 user property that takes the segment's name.")
    tier_property: str = Field("sahara_tier", description="GA4 user property that takes the tier.")
    ga360_segment_dimension: int = Field(
        1, ge=1, le=200, description="Index of the GA360 custom dimension for the segment."
    )
    ga360_tier_dimension: int = Field(2, ge=1, le=200, description="Index of the GA360 custom dimension for the tier.")

    @field_validator("segment_property", "tier_property")
    @classmethod
    def _property_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,23}", name):
            raise ValueError(f"{name!r} must be a letter, then letters, digits or _, 24 characters at most")
        return name


class AlertSettings(Section):
    """Who is told when a run fails or a drop is held or refused."""

    webhook_url: str = Field(
        "",
        repr=False,
        description="Where to post alerts as JSON that Slack and its like take; empty: nowhere. Whoever knows the URL can post there, so it is taken from the environment only.",
    )
    ui_url: str = Field(
        "",
        description="Address of Dagster's UI as people reach it, such as `https://dagster.example.com`; alerts then link to the run.",
    )
    timeout_seconds: float = Field(5.0, gt=0, le=10, description="How long to wait for the webhook's answer, each try.")

    @field_validator("webhook_url")
    @classmethod
    def _secret(cls, url: str, info: ValidationInfo) -> str:
        # What is wrong is said without the URL, because its path and query are what makes it secret.
        if url and not _is_from_environment(info, "alerts"):
            raise ValueError("is a secret; put it into the environment as SAHARA_ALERTS_WEBHOOK_URL or …_FILE")
        if url and not _is_web_address(url):
            raise ValueError("must be an address that begins with https:// or http://")
        return url

    @field_validator("ui_url")
    @classmethod
    def _address(cls, url: str) -> str:
        if not url:
            return url
        if not _is_web_address(url):
            raise ValueError("must be an address such as https://dagster.example.com")
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must be an address and a path only: it is shown to everyone who sees an alert")
        return url.rstrip("/")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.port != 0
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        return False
