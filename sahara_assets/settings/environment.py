"""The environment laid over a settings document: `SAHARA_WAREHOUSE_URL` is `warehouse.url`, and so on for every key of a section.

With `_FILE` behind its name a variable holds the path of a file with the value: that is how containers and systemd hand over secrets,
which then stand in no process's environment. What a value may be is asked afterwards, of file and environment alike, by the models of
the sections.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel, TypeAdapter

from sahara_assets.settings.unknown import unknown_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sahara_assets.settings.unknown import Place

PREFIX = "SAHARA_"
FILE_SUFFIX = "_FILE"
LARGEST_FILE = 64 * 1024
"""Bytes. What is larger is no setting: the wrong file was named, perhaps one that never ends."""

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
        The document, which variable each overridden value came from, and what is wrong with the variables' names or files.
    """
    known = environment_variables(model)
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}
    variables: dict[Place, str] = {}
    problems: list[tuple[Place, str]] = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or _NOT_OURS.match(variable):
            continue
        plain = variable if variable in known else variable.removesuffix(FILE_SUFFIX)
        if plain not in known:
            problems.append((("environment",), unknown_key(variable, [*known, "SAHARA_CONFIG"], noun="variable")))
            continue
        if not text:
            continue
        value = text
        if plain != variable:
            if environment.get(plain):
                problems.append((("environment",), f"{variable}: is set beside {plain}; leave one of the two out"))
                continue
            try:
                value = content_of(text)
            except ValueError as error:
                problems.append((("environment",), f"{variable}: {error}"))
                continue
        section, key = known[plain]
        values = merged.setdefault(section, {})
        if isinstance(values, dict):
            values[key] = _value(model, section, key, value)
            variables[section, key] = variable
    return merged, variables, problems


def content_of(name: str) -> str:
    """What a file holds, without the line end that editors and `echo` put behind it.

    Raises:
        ValueError: it cannot be read, or holds no value; what it holds is not said, because it may be a secret.
    """
    path = Path(name)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.strerror or error}); name a file that this user may read"
        ) from error
    if len(content) > LARGEST_FILE:
        raise ValueError(
            f"{path}: is larger than {LARGEST_FILE // 1024} KiB; name the file that holds the value and nothing else"
        )
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    if not text.strip():
        raise ValueError(f"{path}: is empty; write the value into it, or leave the variable out")
    if "\0" in text:
        raise ValueError(f"{path}: holds a NUL; write the value as text")
    return text


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
