"""What every section of `sahara.toml` is made of; the sections are in `sections.py` and beside it."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BaseModel, ConfigDict, ValidationInfo

from sahara_assets.settings.unknown import unknown_key


class Section(BaseModel):
    """One section of the file: unknown keys are problems, values are never converted."""

    # Strict, because a quoted number in the file is more likely a slip than a number; the environment's text is converted before.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def known_zone(name: str) -> str:
    """The name of a time zone.

    Raises:
        ValueError: it is none.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        zones = sorted(available_timezones(), key=lambda zone: (zone.startswith(("Etc/", "posix")), zone))
        hint = unknown_key(name, zones, noun="time zone")
        remedy = (
            hint if "did you mean" in hint else f"unknown time zone {name!r}; use an IANA name such as Europe/London"
        )
        raise ValueError(remedy) from error
    return name


def is_from_environment(info: ValidationInfo, section: str) -> bool:
    """Whether the value being checked came from a variable rather than from the file; without a word about it, it did not come from a file."""
    variables = (info.context or {}).get("variables")
    return variables is None or (section, str(info.field_name)) in variables
