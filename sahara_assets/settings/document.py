"""One validated `Settings`, from `sahara.toml` and the environment.

The file is read once, validated as a whole, and passed down; nothing below reads the environment or the file again. Every problem is
listed at once. Secrets never stand in the file: a password in a warehouse URL belongs in `SAHARA_WAREHOUSE_URL`, or in a file that
`SAHARA_WAREHOUSE_URL_FILE` names.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import (
    Field,
    ValidationError,
    field_validator,
)

from sahara_assets.errors import SaharaError, SettingsError
from sahara_assets.settings.analytics import AnalyticsSettings
from sahara_assets.settings.base import Section
from sahara_assets.settings.environment import with_environment
from sahara_assets.settings.extracts import FROM_ENVIRONMENT, ExtractSettings, addresses_of, extract_problems
from sahara_assets.settings.problems import INTERNAL, describe_problems, document_problems, listed
from sahara_assets.settings.unknown import unknown_key
from sahara_assets.tables.datasets import DATASETS

if TYPE_CHECKING:
    from collections.abc import Mapping
from sahara_assets.settings.dataset import DatasetSettings
from sahara_assets.settings.drop_folder import DropSettings
from sahara_assets.settings.insights import InsightSettings
from sahara_assets.settings.measuring import PartsOfDaySettings, PreprocessingSettings
from sahara_assets.settings.recommendations import RecommendationSettings, no_recommendations
from sahara_assets.settings.repeat_buyers import RepeatBuyerSettings, SegmentLabelSettings
from sahara_assets.settings.sections import (
    AlertSettings,
    ExportSettings,
    FeatureSettings,
    ProjectSettings,
    RuleSettings,
    SegmentationSettings,
)
from sahara_assets.settings.warehouse import WarehouseSettings

CONFIG_NAME = "sahara.toml"

_PACKED = "{,.gz,.zst,.zip}"
_DEFAULT_PATTERNS: dict[str, list[str]] = {
    name: [
        f"{start}*{ending}"
        for ending in (f".{{csv,jsonl,ndjson,json,parquet}}{_PACKED}", ".zip")
        for start in (f"{name}/", name)
    ]
    for name in DATASETS
}


def _default_datasets() -> dict[str, DatasetSettings]:
    return {name: DatasetSettings(patterns=patterns) for name, patterns in _DEFAULT_PATTERNS.items()}


class Settings(Section):
    """Everything a person can set, validated together."""

    project: ProjectSettings = Field(default_factory=ProjectSettings)
    warehouse: WarehouseSettings = Field(default_factory=WarehouseSettings)
    drops: DropSettings = Field(default_factory=DropSettings)
    datasets: dict[str, DatasetSettings] = Field(default_factory=_default_datasets)
    extracts: dict[str, ExtractSettings] = Field(default_factory=dict)
    rules: RuleSettings = Field(default_factory=RuleSettings)
    analytics: AnalyticsSettings = Field(default_factory=AnalyticsSettings)
    parts_of_day: PartsOfDaySettings = Field(default_factory=PartsOfDaySettings)
    features: FeatureSettings = Field(default_factory=FeatureSettings)
    preprocessing: PreprocessingSettings = Field(default_factory=PreprocessingSettings)
    segmentation: SegmentationSettings = Field(default_factory=SegmentationSettings)
    insights: InsightSettings = Field(default_factory=InsightSettings)
    repeat_buyers: RepeatBuyerSettings = Field(default_factory=RepeatBuyerSettings)
    segment_labels: SegmentLabelSettings = Field(default_factory=SegmentLabelSettings)
    recommendations: RecommendationSettings = Field(default_factory=no_recommendations)
    export: ExportSettings = Field(default_factory=ExportSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings, exclude=True)
    root: Annotated[Path, Field(exclude=True)] = Path()
    addresses: Annotated[dict[str, str], Field(exclude=True, repr=False)] = Field(default_factory=dict)

    @field_validator("datasets")
    @classmethod
    def _usual_patterns(cls, datasets: dict[str, DatasetSettings]) -> dict[str, DatasetSettings]:
        # A dataset without patterns of its own takes the usual ones, so that a mapping can be given alone.
        return {
            name: dataset
            if dataset.patterns
            else dataset.model_copy(update={"patterns": _DEFAULT_PATTERNS.get(name, [])})
            for name, dataset in datasets.items()
        }

    # --- paths -------------------------------------------------------------------------------------------------------------------

    @property
    def drop_folder(self) -> Path:
        """The watched folder on this machine, absolute.

        Raises:
            SaharaError: it lies in an object store.
        """
        if self.drops.bucket is not None:
            raise SaharaError(f"drops.folder: {self.drops.bucket} is no folder of this machine; name one with --out")
        return (self.root / self.drops.folder).resolve()

    @property
    def export_folder(self) -> Path:
        """The folder of audience files and report, absolute."""
        return (self.root / self.export.folder).resolve()

    @property
    def extracts_folder(self) -> Path:
        """The folder of what extracts wrote, absolute."""
        return (self.root / self.drops.extracts_folder).resolve()

    def address_of(self, extract: str) -> str:
        """The URL that an extract reads from, secrets included.

        Raises:
            SaharaError: it stands in a variable that is not set.
        """
        url = self.extracts[extract].url
        if not url.startswith(FROM_ENVIRONMENT):
            return url
        if extract not in self.addresses:
            variable = url.removeprefix(FROM_ENVIRONMENT)
            raise SaharaError(
                f"extracts.{extract}.url: {variable} is not set; put the database's URL into it, or its file's path into {variable}_FILE"
            )
        return self.addresses[extract]

    @property
    def lock_path(self) -> Path:
        """The file that a run holds locked, beside `sahara.toml`."""
        return (self.root / "sahara.lock").resolve()

    @property
    def warehouse_path(self) -> Path:
        """The embedded warehouse's file, absolute."""
        return (self.root / unquote(urlsplit(self.warehouse.url).path).removeprefix("/")).resolve()

    def fingerprint(self, *sections: str) -> str:
        """A hash of the named sections, such as `"rules"` or `"datasets.purchases"`: what a table built from them depends on."""
        document = self.model_dump(mode="json", include={section.partition(".")[0] for section in sections})
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
            `warehouse.url`, and so on for every key of a section (datasets excepted); `SAHARA_WAREHOUSE_URL_FILE` names a file that holds
            it. An empty variable overrides nothing.

    Raises:
        SettingsError: the file cannot be read or holds problems; all of them are listed.
    """
    environment = os.environ if environment is None else environment
    file = config_file(path, environment)
    document: dict[str, Any] = {}
    if file is not None:
        source = f"{file} (from $SAHARA_CONFIG)" if path is None and environment.get("SAHARA_CONFIG") else str(file)
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        except FileNotFoundError as error:
            remedy = "there is no such file; `sahara init FILE…` writes one from your CSVs"
            raise SettingsError(source, [remedy]) from error
        except UnicodeDecodeError as error:
            raise SettingsError(source, [f"is not UTF-8 (byte {error.start}); save it as UTF-8"]) from error
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(source, [f"is not valid TOML: {error}"]) from error
        except OSError as error:
            raise SettingsError(source, [f"cannot be read: {error.strerror}"]) from error
    root = (file or Path(CONFIG_NAME)).resolve().parent
    return parse_settings(document, root=root, source=str(file or CONFIG_NAME), environment=environment)


def retargeted(settings: Settings, url: str) -> Settings:
    """The same settings with another warehouse.

    Raises:
        SettingsError: the URL names no warehouse.
    """
    try:
        # From the command line rather than a file, it may hold a password.
        checked = WarehouseSettings.model_validate(
            settings.warehouse.model_dump() | {"url": url}, context={"source": "environment"}
        )
    except ValidationError as error:
        raise SettingsError("--to", [problem for _, problem in describe_problems(error, WarehouseSettings)]) from None
    return settings.model_copy(update={"warehouse": checked})


def config_file(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Path | None:
    """The settings file in force: the one named, else `$SAHARA_CONFIG`, else `sahara.toml` here; None where the defaults hold."""
    named = (os.environ if environment is None else environment).get("SAHARA_CONFIG")
    if path is not None or named:
        return path or Path(str(named))
    usual = Path(CONFIG_NAME)
    return usual if usual.exists() else None


def parse_settings(
    document: dict[str, Any], *, root: Path, source: str = CONFIG_NAME, environment: Mapping[str, str] | None = None
) -> Settings:
    """Validate a settings document; `root` is the folder that its relative paths start from.

    Raises:
        SettingsError: the document holds problems; all of them are listed, unknown keys with the nearest known one.
    """
    overridden, variables, problems = with_environment(document, environment or {}, Settings)
    for ours in INTERNAL:
        if overridden.pop(ours, None) is not None:
            known = [name for name in Settings.model_fields if name not in INTERNAL]
            problems.append(((), unknown_key(ours, known, noun="key")))
    addresses, faults = addresses_of(overridden, environment or {})
    problems.extend(faults)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(
            overridden | {"root": root, "addresses": addresses},
            context={"variables": variables},
        )
    except ValidationError as error:
        problems.extend(describe_problems(error, Settings))
    defaults = Settings().model_dump()
    problems.extend(document_problems(overridden, defaults))
    problems.extend(extract_problems(overridden, overridden.get("datasets", defaults["datasets"])))
    if problems or settings is None:
        raise SettingsError(source, listed(problems, variables))
    return settings
