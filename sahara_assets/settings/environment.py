"""The environment laid over a settings document: `SAHARA_WAREHOUSE_URL` is `warehouse.url`, and so on for every key of a section.

What a value may be is asked afterwards, of file and environment alike, by the models of `sections.py`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel, TypeAdapter

from sahara_assets.settings.problems import unknown_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sahara_assets.settings.problems import Place

PREFIX = "SAHARA_"

# Kubernetes sets SAHARA_PORT… and SAHARA_SERVICE_… in every container beside a service called sahara.
_NOT_OURS = re.compile(r"SAHARA_(CONFIG$|PORT($|_)|SERVICE_)")


def environment_variables(model: type[BaseModel]) -> dict[str, tuple[str, str]]:
    """Every variable that overrides a setting, with the section and the key it overrides; tables of tables have none."""
    return {
        f"{PREFIX}{section}_{key}".upper(): (section, key)
        for section, field in model.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for key in field.annotation.model_fields
    }


def with_environment(
    document: Mapping[str, Any], environment: Mapping[str, str], model: type[BaseModel]
) -> tuple[dict[str, Any], dict[Place, str], list[tuple[Place, str]]]:
    """Lay the variables over the document; an empty one overrides nothing.

    Returns:
        The document, which variable each overridden value came from, and what is wrong with the variables' names.
    """
    known = environment_variables(model)
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}
    variables: dict[Place, str] = {}
    problems: list[tuple[Place, str]] = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or _NOT_OURS.match(variable):
            continue
        if variable not in known:
            problems.append((("environment",), unknown_key(variable, [*known, "SAHARA_CONFIG"], noun="variable")))
            continue
        section, key = known[variable]
        values = merged.setdefault(section, {})
        if text and isinstance(values, dict):
            values[key] = _value(model, section, key, text)
            variables[section, key] = variable
    return merged, variables, problems


def _value(model: type[BaseModel], section: str, key: str, text: str) -> Any:  # noqa: ANN401 - what a setting holds
    """A variable's text as its setting wants it: lists are comma-separated, tables are JSON; what cannot be, stays text."""
    owner: Any = model.model_fields[section].annotation
    annotation = owner.model_fields[key].annotation
    if get_origin(annotation) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        if get_origin(annotation) is dict:
            return json.loads(text)
        return TypeAdapter(annotation).validate_python(text, strict=False)
    except ValueError:
        return text
