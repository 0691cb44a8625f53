"""Ready-made settings for the systems that Sahara follows, each on its own data: `sahara init --recipe NAME FOLDER`.

A recipe is a `sahara.toml` beside this module, with remarks at its head that say what it reproduces and which files it needs. Nothing in it is
special: whatever a recipe does, any project can.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from sahara_assets.errors import SaharaError
from sahara_assets.settings.unknown import unknown_key

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = '"@DATA@"'


@dataclass(frozen=True)
class Recipe:
    """A recipe.

    Attributes:
        name: as it is asked for.
        title: its first sentence: what it reproduces.
        needs: its second paragraph: the files that it reads, and what is particular about them.
        text: the document, with a placeholder for the drop folder.
    """

    name: str
    title: str
    needs: str
    text: str

    def document(self, folder: Path | str) -> str:
        """The `sahara.toml` for data in a folder, which is given as it should stand there."""
        # JSON's strings are TOML's, for whatever a path may hold.
        return self.text.replace(_FOLDER, json.dumps(str(folder), ensure_ascii=False), 1)


def recipe_names() -> tuple[str, ...]:
    """Every recipe there is."""
    return tuple(
        sorted(
            entry.name.removesuffix(".toml") for entry in files(__package__).iterdir() if entry.name.endswith(".toml")
        )
    )


def recipe(name: str) -> Recipe:
    """A recipe by its name.

    Raises:
        SaharaError: there is none of that name.
    """
    known = recipe_names()
    if name not in known:
        raise SaharaError(unknown_key(name, list(known), noun="recipe"))
    text = (files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
    head = text[: text.index("\n\n")]
    paragraphs = [
        " ".join(line.removeprefix("#").strip() for line in part.splitlines()) for part in head.split("\n#\n")
    ]
    title, needs = paragraphs[:2]
    return Recipe(name, title.rstrip("."), needs, text)
