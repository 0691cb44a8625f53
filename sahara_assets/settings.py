"""One validated `Settings`, from `sahara.toml` and the environment.

The file is read once, validated as a whole, and passed down; nothing below reads the environment or the file again. Every problem is
listed at once. Secrets never stand in the file: a password in a warehouse URL belongs in `SAHARA_WAREHOUSE_URL`. The documentation
of every key is derived from the field descriptions here (`settings_reference.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from sahara_assets.errors import SettingsError
from sahara_assets.features.declarations import BY_NAME as FEATURES_BY_NAME
from sahara_assets.features.declarations import DEFAULT_MODEL_FEATURES
from sahara_assets.settings_problems import describe_problems, unknown_key
from sahara_assets.tables import DATASETS, Kind

CONFIG_NAME = "sahara.toml"
ENVIRONMENT_PREFIX = "SAHARA_"

Normaliser = Literal["strip_float_suffix", "strip_leading_zeros", "upper", "lower", "strip_spaces"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class WarehouseSettings(_Section):
    """Where the tables live."""

    url: str = Field(
        "duckdb:///sahara.duckdb",
        description="Warehouse URL. `duckdb:///FILE` is a file beside sahara.toml (four slashes for an absolute path).",
    )
    memory_limit: str = Field("", description="DuckDB's memory limit, such as `2GB`; empty leaves it to DuckDB.")
    threads: int = Field(0, ge=0, description="DuckDB's threads; 0 uses every core.")

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str, info: ValidationInfo) -> str:
        parts = urlsplit(url)
        if parts.scheme != "duckdb":
            raise ValueError(f"no warehouse for {parts.scheme or url!r}; this version knows duckdb:///FILE")
        if not parts.path.strip("/"):
            raise ValueError("names no file; write duckdb:///sahara.duckdb")
        if parts.password and (info.context or {}).get("source") == "file":
            raise ValueError("holds a password; put the whole URL into the environment as SAHARA_WAREHOUSE_URL")
        return url


class DropSettings(_Section):
    """Where drops land."""

    folder: str = Field("drops", description="The folder that is watched, relative to sahara.toml.")
    settle_seconds: float = Field(
        0.0,
        ge=0,
        description="Leave a file alone until it has been unchanged for so long, for senders that write in place.",
    )


class ProjectSettings(_Section):
    """What holds for the whole project."""

    name: str = Field("Sahara", description="The shop's name, for the report.")
    time_zone: str = Field("UTC", description="IANA time zone of the shop: dates without an offset are local to it.")
    currency: str = Field(
        "",
        description="The project's one currency, such as `GBP`; lines in another are rejected. Empty: not checked, but two currencies in the lines block.",
    )
    currency_rates: dict[str, float] = Field(
        default_factory=dict,
        description="Units of the project's currency that one unit of another is worth, such as `EUR = 0.86`.",
    )
    seed: int = Field(20, ge=0, description="Seed of every random draw.")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"no such time zone: {name!r}; use an IANA name such as Europe/London") from error
        return name

    @field_validator("currency_rates")
    @classmethod
    def _positive(cls, rates: dict[str, float]) -> dict[str, float]:
        for code, rate in rates.items():
            if not rate > 0:
                raise ValueError(f"the rate of {code} must be above 0, not {rate}")
        return rates


class DatasetSettings(_Section):
    """How the drops of one dataset are found and read. The dialect holds for all of them: single files are never guessed at."""

    patterns: list[str] = Field(
        default_factory=list, description="Which files belong to it, as globs below the drop folder."
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Our column = the header's name. A column that is not listed is looked for under its own name.",
    )
    delimiter: str = Field(
        "auto",
        description="What separates fields; `auto` takes the one of `,` `;` tab `|` under which the header holds the mapped columns.",
    )
    quote: str = Field('"', description="What quotes a field; empty for none.")
    encoding: Literal["auto", "utf-8", "windows-1252"] = Field(
        "auto", description="`auto` is UTF-8 unless no line outside ASCII is valid UTF-8; then Windows-1252."
    )
    decimal_mark: Literal[".", ","] = Field(".", description="What stands before the decimals of a number.")
    null_values: list[str] = Field(
        ["NULL", "null", "NaN", "nan", "None", "N/A", "#N/A", "\\N"], description="Texts that mean no value."
    )
    date_formats: list[str] = Field(
        default_factory=list,
        description="strptime formats of dates and times, tried in order, such as `%d/%m/%Y %H:%M`; empty reads ISO 8601.",
    )
    normalise: dict[str, list[Normaliser]] = Field(
        default_factory=dict,
        description="Per id column: `strip_float_suffix` (17850.0 → 17850), `strip_leading_zeros`, `upper`, `lower`, `strip_spaces`.",
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

    @field_validator("delimiter", "quote")
    @classmethod
    def _one_character(cls, value: str, info: ValidationInfo) -> str:
        if info.field_name == "delimiter" and value == "auto":
            return value
        if (info.field_name == "quote" and value == "") or (
            len(value) == 1 and value not in "\r\n\0" and value.isascii()
        ):
            return value
        raise ValueError(f"must be one ASCII character, not {value!r}")

    @field_validator("patterns")
    @classmethod
    def _relative(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            if not pattern or pattern.startswith("/") or ".." in Path(pattern).parts:
                raise ValueError(f"{pattern!r} must be a glob below the drop folder, such as purchases/*.csv")
        return patterns


class RuleSettings(_Section):
    """What the shop's lines mean."""

    cancellation_prefixes: list[str] = Field(
        ["C"], description="An order id that starts with one of these, followed by a digit, is a cancellation document."
    )
    adjustment_prefixes: list[str] = Field(
        ["A"], description="An order id that starts with one of these, followed by a digit, is an adjustment document."
    )
    fee_codes: list[str] = Field(
        default_factory=list, description="Product ids that are fees (postage, bank charges), not merchandise."
    )
    fees_count_as_spend: bool = Field(True, description="Whether fee lines count in orders, spend and features.")

    @field_validator("cancellation_prefixes", "adjustment_prefixes")
    @classmethod
    def _not_empty(cls, prefixes: list[str]) -> list[str]:
        if any(not prefix for prefix in prefixes):
            raise ValueError("an empty prefix would match every order id")
        return prefixes


class FeatureSettings(_Section):
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

    @field_validator("model")
    @classmethod
    def _declared(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in FEATURES_BY_NAME:
                raise ValueError(unknown_key(name, list(FEATURES_BY_NAME), noun="feature"))
        if len(set(names)) != len(names):
            raise ValueError("names a feature twice")
        return names

    @field_validator("cut_off")
    @classmethod
    def _moment(cls, value: str) -> str:
        from datetime import datetime

        if value:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError as error:
                raise ValueError(f"{value!r} is not a date or time such as 2011-12-10 or 2011-12-10T06:00") from error
            if moment.tzinfo is not None:
                raise ValueError("is local to project.time_zone; leave the offset out")
        return value


class SegmentationSettings(_Section):
    """How the number of segments is found."""

    k_min: int = Field(3, ge=2, le=100, description="Fewest segments to try.")
    k_max: int = Field(15, ge=2, le=100, description="Most segments to try.")
    k: int | None = Field(None, ge=1, le=100, description="Use exactly so many segments, whatever the sweep says.")
    minimum_share: float = Field(0.01, ge=0, le=0.5, description="Smallest share of customers that a segment may hold.")
    minimum_stability: float = Field(0.8, ge=0, le=1, description="Lowest mean adjusted Rand index over resamples.")
    outlier_quantile: float = Field(
        0.99,
        gt=0.5,
        le=1,
        description="A customer further from its centroid than this quantile of the training customers is an outlier.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.k_min > self.k_max:
            raise ValueError(f"k_min ({self.k_min}) is above k_max ({self.k_max})")
        return self


class ExportSettings(_Section):
    """What is written for marketing tools."""

    folder: str = Field(
        "exports", description="Where audience files and the report are written, relative to sahara.toml."
    )
    stream_id: str = Field("", description="GA4 web stream id, for files keyed by client_id.")
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

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.segment_property == self.tier_property:
            raise ValueError("segment_property and tier_property are the same")
        if self.ga360_segment_dimension == self.ga360_tier_dimension:
            raise ValueError("ga360_segment_dimension and ga360_tier_dimension are the same")
        return self


_DEFAULT_PATTERNS: dict[str, list[str]] = {
    name: [f"{name}/*.csv", f"{name}/*.csv.gz", f"{name}*.csv", f"{name}*.csv.gz"] for name in DATASETS
}


def _default_datasets() -> dict[str, DatasetSettings]:
    return {name: DatasetSettings(patterns=patterns) for name, patterns in _DEFAULT_PATTERNS.items()}


class Settings(_Section):
    """Everything a person can set, validated together."""

    project: ProjectSettings = Field(default_factory=ProjectSettings)
    warehouse: WarehouseSettings = Field(default_factory=WarehouseSettings)
    drops: DropSettings = Field(default_factory=DropSettings)
    datasets: dict[str, DatasetSettings] = Field(default_factory=_default_datasets)
    rules: RuleSettings = Field(default_factory=RuleSettings)
    features: FeatureSettings = Field(default_factory=FeatureSettings)
    segmentation: SegmentationSettings = Field(default_factory=SegmentationSettings)
    export: ExportSettings = Field(default_factory=ExportSettings)
    root: Annotated[Path, Field(exclude=True)] = Path()

    @field_validator("datasets")
    @classmethod
    def _known_datasets(cls, datasets: dict[str, DatasetSettings]) -> dict[str, DatasetSettings]:
        for name, dataset in datasets.items():
            if name not in DATASETS:
                raise ValueError(unknown_key(name, list(DATASETS), noun="dataset"))
            declared = DATASETS[name]
            for what, names in (("columns", dataset.columns), ("normalise", dataset.normalise)):
                for column in names:
                    if column not in declared.column_names:
                        raise ValueError(
                            f"{name}.{what}: {unknown_key(column, list(declared.column_names), noun='column')}"
                        )
            for column in dataset.normalise:
                if declared.column(column).kind is not Kind.TEXT:
                    raise ValueError(f"{name}.normalise: {column} is no text column")
            if dataset.version_column and dataset.version_column not in declared.column_names:
                raise ValueError(
                    f"{name}.version_column: {unknown_key(dataset.version_column, list(declared.column_names), noun='column')}"
                )
            sources = list(dataset.columns.values())
            twice = sorted({source for source in sources if source and sources.count(source) > 1})
            if twice:
                raise ValueError(f"{name}.columns: the header's {twice[0]!r} is mapped twice")
        if "purchases" not in datasets:
            raise ValueError("purchases is missing: without order lines there is nothing to segment")
        # A dataset without patterns of its own takes the usual ones, so that a mapping can be given alone.
        return {
            name: dataset if dataset.patterns else dataset.model_copy(update={"patterns": _DEFAULT_PATTERNS[name]})
            for name, dataset in datasets.items()
        }

    # --- paths -------------------------------------------------------------------------------------------------------------------

    @property
    def drop_folder(self) -> Path:
        """The watched folder, absolute."""
        return (self.root / self.drops.folder).resolve()

    @property
    def export_folder(self) -> Path:
        """The folder of audience files and report, absolute."""
        return (self.root / self.export.folder).resolve()

    @property
    def lock_path(self) -> Path:
        """The file that a run holds locked, beside `sahara.toml`."""
        return (self.root / "sahara.lock").resolve()

    @property
    def warehouse_path(self) -> Path:
        """The embedded warehouse's file, absolute."""
        return (self.root / urlsplit(self.warehouse.url).path.removeprefix("/")).resolve()

    def fingerprint(self, *sections: str) -> str:
        """A hash of the named sections, such as `"rules"` or `"datasets.purchases"`: what a table built from them depends on."""
        document = self.model_dump(mode="json")
        chosen = {}
        for section in sections:
            value: Any = document
            for part in section.split("."):
                value = value[part]
            chosen[section] = value
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]


def load_settings(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and validate `sahara.toml` and the environment's overrides.

    Args:
        path: the file; without one, `$SAHARA_CONFIG`, else `sahara.toml` in the working folder; where that is absent the defaults hold.
        environment: what to read overrides from; the process's own where it is not given. `SAHARA_WAREHOUSE_URL` overrides
            `warehouse.url`, and so on for every single-valued key of a section (datasets excepted).

    Raises:
        SettingsError: the file cannot be read or holds problems; all of them are listed.
    """
    environment = os.environ if environment is None else environment
    named = path or (Path(environment["SAHARA_CONFIG"]) if environment.get("SAHARA_CONFIG") else None)
    file = named or Path(CONFIG_NAME)
    document: dict[str, Any] = {}
    if file.is_file():
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(str(file), [f"is not valid TOML: {error}"]) from error
        except OSError as error:
            raise SettingsError(str(file), [f"cannot be read: {error.strerror}"]) from error
    elif named is not None:
        raise SettingsError(str(file), ["there is no such file; `sahara init FILE…` writes one from your CSVs"])
    return parse_settings(document, root=file.resolve().parent, source=str(file), environment=environment)


def parse_settings(
    document: dict[str, Any], *, root: Path, source: str = CONFIG_NAME, environment: Mapping[str, str] | None = None
) -> Settings:
    """Validate a settings document; `root` is the folder that its relative paths start from.

    Raises:
        SettingsError: the document holds problems; all of them are listed, unknown keys with the nearest known one.
    """
    problems: list[str] = []
    overridden = _with_environment(document, environment or {}, problems)
    if "root" in document:
        problems.append(unknown_key("root", [name for name in Settings.model_fields if name != "root"], noun="key"))
        overridden.pop("root", None)
    settings: Settings | None = None
    try:
        url_from_file = not (environment or {}).get("SAHARA_WAREHOUSE_URL")
        settings = Settings.model_validate(
            overridden | {"root": root}, context={"source": "file" if url_from_file else "environment"}
        )
    except ValidationError as error:
        problems.extend(describe_problems(error, Settings))
    if problems or settings is None:
        raise SettingsError(source, problems)
    return settings


def _with_environment(document: dict[str, Any], environment: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """The document with every `SAHARA_SECTION_KEY` of the environment laid over it."""
    known = {
        f"{ENVIRONMENT_PREFIX}{section}_{key}".upper(): (section, key)
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, _Section)
        for key in field.annotation.model_fields
    }
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == "SAHARA_CONFIG":
            continue
        if variable not in known:
            problems.append(f"environment: {unknown_key(variable, list(known), noun='variable')}")
            continue
        section, key = known[variable]
        target = merged.setdefault(section, {})
        if isinstance(target, dict):
            target[key] = _environment_value(section, key, value)
    return merged


def _environment_value(section: str, key: str, value: str) -> Any:  # noqa: ANN401 - what a setting holds
    """A variable's text as its setting wants it: lists are comma-separated, tables are JSON."""
    annotation = str(Settings.model_fields[section].annotation.model_fields[key].annotation)  # type: ignore[union-attr]
    if annotation.startswith("list"):
        return [part.strip() for part in value.split(",") if part.strip()]
    if annotation.startswith("dict"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
