"""Reading models that are kept as readable JSON (law 6): every complaint names the place in the document."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import SaharaError

if TYPE_CHECKING:
    from collections.abc import Sequence


class ModelError(SaharaError):
    """A model document is not what it should be: the message names the place in it."""


def read_document(text: str) -> ObjectReader:
    """The object that a model's JSON text is.

    Raises:
        ModelError: it is none.
    """
    try:
        document = json.loads(text, object_pairs_hook=_without_repeats)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ModelError(f"model: not valid JSON: {error}") from error
    return ObjectReader(document, "model")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ModelError(f"model: the key {twice[0]!r} stands twice in one object")
    return dict(pairs)


class ObjectReader:
    """An object of the document and its place, so that every complaint can say where.

    Every method that reads a field raises a ModelError where it is missing or something else.
    """

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, dict):
            raise ModelError(f"{place}: must be an object, not {shown(value)}")
        self.fields: dict[str, Any] = value
        self.place = place
        self.read: set[str] = set()

    def fail(self, key: str, message: str) -> ModelError:
        """The error that says what is wrong with a field."""
        return ModelError(f"{self.place}.{key}: {message}")

    def take(self, key: str) -> Any:  # noqa: ANN401 - a JSON value; each reader below narrows it
        """A field that must be there."""
        if key not in self.fields:
            raise self.fail(key, "is missing")
        self.read.add(key)
        return self.fields[key]

    def text(self, key: str) -> str:
        """A field of text."""
        value = self.take(key)
        if not isinstance(value, str):
            raise self.fail(key, f"must be text, not {shown(value)}")
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> Any:  # noqa: ANN401 - one of `allowed`, which callers type
        """A field of text that is one of a few."""
        value = self.text(key)
        if value not in allowed:
            raise self.fail(key, f"must be one of {', '.join(allowed)}, not {value!r}")
        return value

    def integer(self, key: str, *, least: int | None = None) -> int:
        """A field that is a whole number."""
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
            raise self.fail(
                key, f"must be a whole number{'' if least is None else f' from {least}'}, not {shown(value)}"
            )
        return value

    def number(self, key: str, *, least: float | None = None) -> float:
        """A field that is a finite number."""
        value = _number(self.take(key))
        if value is None or (least is not None and value < least):
            limit = "" if least is None else f" of at least {least:g}"
            raise self.fail(key, f"must be a finite number{limit}, not {shown(self.fields[key])}")
        return value

    def items(self, key: str) -> list[Any]:
        """A field that is a list."""
        value = self.take(key)
        if not isinstance(value, list):
            raise self.fail(key, f"must be a list, not {shown(value)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A field that is a list of texts, each once."""
        values = self.items(key)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise self.fail(f"{key}[{index}]", f"must be text, not {shown(value)}")
        if len(set(values)) != len(values):
            raise self.fail(key, "names one word twice")
        return tuple(values)

    def objects(self, key: str) -> list[ObjectReader]:
        """A field that is a list of objects."""
        return [ObjectReader(value, f"{self.place}.{key}[{index}]") for index, value in enumerate(self.items(key))]

    def done(self) -> None:
        """Refuse fields that nobody asked for."""
        for key in self.fields:
            if key not in self.read:
                raise self.fail(key, "is no part of a model")


def _number(value: object) -> float | None:
    """A finite float, or nothing: JSON's Infinity and 1e999 are no numbers of a model."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def shown(value: object) -> str:
    """A JSON value for a message, not too long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
