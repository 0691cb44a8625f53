"""Turns what the validator found into lines a person can act on, with the nearest known key for a misspelt one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence


def unknown_key(name: str, known: Sequence[str], *, noun: str) -> str:
    """A sentence that says that a name is not known and which one may be meant.

    >>> unknown_key("recency", ["recency_days", "order_count"], noun="feature")
    "unknown feature 'recency'; did you mean 'recency_days'?"
    """
    near = (
        difflib.get_close_matches(name, known, n=1, cutoff=0.6) or [k for k in known if name and k.startswith(name)][:1]
    )
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known[:20])}"
    return f"unknown {noun} {name!r}; {hint}"


def describe_problems(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line for every problem: `section.key: what is wrong`."""
    return [_describe(dict(problem), model) for problem in error.errors(include_url=False)]


def _describe(problem: dict[str, Any], model: type[BaseModel]) -> str:
    location = [str(part) for part in problem["loc"]]
    place = ".".join(location)
    if problem["type"] == "extra_forbidden":
        parent = ".".join(location[:-1])
        sentence = unknown_key(location[-1], _keys_at(model, location[:-1]), noun="key")
        return f"{parent}: {sentence}" if parent else sentence
    message = str(problem["msg"]).removeprefix("Value error, ")
    shown = (
        ""
        if problem["type"] in {"value_error", "missing"} or isinstance(problem["input"], dict)
        else f" (found {problem['input']!r})"
    )
    return f"{place}: {message}{shown}" if place else f"{message}{shown}"


def _keys_at(model: type[BaseModel], location: list[str]) -> list[str]:
    """The keys that the model knows at a place in the document."""
    current: Any = model
    for part in location:
        fields = getattr(current, "model_fields", None)
        # Below a table of tables (datasets.NAME) the next part is a name, and the value's model is the last type argument.
        annotation = fields[part].annotation if fields and part in fields else current
        arguments = [a for a in get_args(annotation) if isinstance(a, type) and issubclass(a, BaseModel)]
        current = arguments[-1] if arguments else annotation
    return [name for name in getattr(current, "model_fields", {}) if name != "root"]
